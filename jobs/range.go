package jobs

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"tieout/internal/payment"
	"tieout/internal/store"
)

// Range is which payments a run is about: whole local days, both included, or
// all that is outstanding.
type Range struct {
	From, To    time.Time // midnight UTC of the date
	Outstanding bool
}

// ParseRange reads a range from the flags: exactly one of from and to, date,
// yesterday, outstanding.
func ParseRange(from, to, date string, yesterday, outstanding bool, now time.Time, loc *time.Location) (Range, error) {
	given := 0
	for _, b := range []bool{from != "" || to != "", date != "", yesterday, outstanding} {
		if b {
			given++
		}
	}
	switch {
	case given == 0:
		return Range{}, &UsageError{"a range is needed: --from DATE --to DATE, --date DATE, --yesterday or --outstanding"}
	case given > 1:
		return Range{}, &UsageError{"only one range can be given: --from and --to, --date, --yesterday or --outstanding"}
	case outstanding:
		return Range{Outstanding: true}, nil
	case yesterday:
		day := today(now, loc).AddDate(0, 0, -1)
		return Range{From: day, To: day}, nil
	case date != "":
		d, err := parseDate("--date", date)
		return Range{From: d, To: d}, err
	case from == "":
		return Range{}, &UsageError{"--to is given without --from"}
	case to == "":
		return Range{}, &UsageError{"--from is given without --to"}
	}
	a, err := parseDate("--from", from)
	if err != nil {
		return Range{}, err
	}
	b, err := parseDate("--to", to)
	if err != nil {
		return Range{}, err
	}
	if a.After(b) {
		return Range{}, &UsageError{fmt.Sprintf("--from %s is after --to %s", from, to)}
	}
	return Range{From: a, To: b}, nil
}

func parseDate(flag, text string) (time.Time, error) {
	d, err := time.Parse(time.DateOnly, text)
	if err != nil || d.Year() < 1970 {
		return time.Time{}, &UsageError{fmt.Sprintf("%s %q is no date such as 2026-11-01", flag, text)}
	}
	return d, nil
}

// NamedRange is a range of the configuration's schedules: today, yesterday,
// last_N_days (with today), month_to_date, last_month or outstanding.
func NamedRange(name string, now time.Time, loc *time.Location) (Range, error) {
	day := today(now, loc)
	switch name {
	case "today":
		return Range{From: day, To: day}, nil
	case "yesterday":
		day = day.AddDate(0, 0, -1)
		return Range{From: day, To: day}, nil
	case "month_to_date":
		return Range{From: day.AddDate(0, 0, 1-day.Day()), To: day}, nil
	case "last_month":
		first := day.AddDate(0, 0, 1-day.Day())
		return Range{From: first.AddDate(0, -1, 0), To: first.AddDate(0, 0, -1)}, nil
	case "outstanding":
		return Range{Outstanding: true}, nil
	}
	if n, ok := strings.CutPrefix(name, "last_"); ok {
		if n, ok := strings.CutSuffix(n, "_days"); ok {
			if days, err := strconv.Atoi(n); err == nil && days > 0 {
				return Range{From: day.AddDate(0, 0, 1-days), To: day}, nil
			}
		}
	}
	return Range{}, &UsageError{fmt.Sprintf("range %q is none of today, yesterday, last_N_days, month_to_date, last_month, outstanding", name)}
}

// today is the local date as midnight UTC.
func today(now time.Time, loc *time.Location) time.Time {
	y, m, d := now.In(loc).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// dayStart is the first instant of a date in a zone. Where midnight does not
// exist (a clock put forward), the day begins with the first instant there is.
func dayStart(date time.Time, loc *time.Location) time.Time {
	y, m, d := date.Date()
	t := time.Date(y, m, d, 0, 0, 0, 0, loc)
	for t.Day() != d { // Go answers with an instant of the day before
		t = t.Add(30 * time.Minute)
	}
	return t.UTC()
}

// selection turns a request into what the store keeps of it.
func (e *Env) selection(req Request) (store.Selection, error) {
	names, err := e.providerNames(req.Providers)
	if err != nil {
		return store.Selection{}, err
	}
	sel := store.Selection{Whole: len(req.Steps) == len(Steps), Outstanding: req.Range.Outstanding, Providers: names, Kinds: []string{string(payment.Deposit), string(payment.Payout)}}
	var narrow []string
	if len(names) < len(e.Config.Providers) {
		narrow = append(narrow, strings.Join(names, "+"))
	}
	if req.Kind != "" {
		sel.Kinds = []string{string(req.Kind)}
		narrow = append(narrow, string(req.Kind))
	}
	loc, now := e.Config.Location, e.Now()
	var folder string
	if sel.Outstanding {
		sel.To = today(now, loc)
		sel.From = today(now.Add(-e.Config.Ledger.Lookback), loc)
		sel.Start, sel.End = dayStart(sel.From, loc), dayStart(sel.To.AddDate(0, 0, 1), loc)
		sel.Name = strings.Join(append([]string{"outstanding"}, narrow...), "_")
		folder = strings.Join(append([]string{"outstanding_" + sel.To.Format(time.DateOnly)}, narrow...), "_")
	} else {
		sel.From, sel.To = req.Range.From, req.Range.To
		sel.Start, sel.End = dayStart(sel.From, loc), dayStart(sel.To.AddDate(0, 0, 1), loc)
		sel.Name = "all"
		if len(narrow) > 0 {
			sel.Name = strings.Join(narrow, "_")
		}
		folder = strings.Join(append([]string{sel.From.Format(time.DateOnly) + "_" + sel.To.Format(time.DateOnly)}, narrow...), "_")
	}
	// absolute: a later run may deliver what this one could not, from elsewhere
	sel.Folder, err = filepath.Abs(filepath.Join(e.dir(req), folder))
	return sel, err
}

// providerNames checks --provider and returns the names in order.
func (e *Env) providerNames(asked []string) ([]string, error) {
	var all []string
	for _, p := range e.Config.Providers {
		all = append(all, p.Name)
	}
	all = store.SortedCopy(all)
	if len(asked) == 0 {
		return all, nil
	}
	var out []string
	for _, name := range store.SortedCopy(asked) {
		if !slices.Contains(all, name) {
			return nil, &UsageError{fmt.Sprintf("--provider %q is not configured (configured: %s)", name, strings.Join(all, ", "))}
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out, nil
}

// CheckRequest finds wrong usage without touching anything.
func (e *Env) CheckRequest(req Request) error {
	_, err := e.selection(req)
	return err
}
