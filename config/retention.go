package config

import "time"

// leastKept is the shortest time that retention may be set to: what is younger
// is still worked with.
const leastKept = day

func (r *Retention) check(f *faults) {
	for _, k := range []struct {
		key string
		d   time.Duration
	}{
		{"retention.report_files", r.ReportFiles},
		{"retention.observations", r.Observations},
		{"retention.working_rows", r.WorkingRows},
	} {
		if k.d != 0 && k.d < leastKept {
			f.add(k.key, "must be at least 1d; leave it out to keep everything")
		}
	}
}

// Any tells whether anything is ever removed.
func (r Retention) Any() bool { return r != Retention{} }
