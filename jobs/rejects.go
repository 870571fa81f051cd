package jobs

import (
	"context"

	"tieout/internal/mask"
	"tieout/internal/store"
	"tieout/reports"
)

// Rejects are the rows of the ledger that the run has set aside, with what may
// name a person hidden where reports hide it. They are kept until a newer
// version of the same range is published; rejects.csv keeps them for ever.
func (e *Env) Rejects(ctx context.Context, run *store.Run) ([]reports.Reject, error) {
	list, err := e.Store.Rejects(ctx, run)
	if err != nil {
		return nil, err
	}
	hide, err := e.Masks(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]reports.Reject, len(list))
	for i, r := range list {
		out[i] = reports.Reject{PaymentID: r.ID, Field: r.Field, Value: shortened(Shown(r.Field, r.Value, hide)), Reason: r.Reason}
	}
	return out, nil
}

// Shown is the value of a payment's column as a list of rejected rows may hold it.
func Shown(field, value string, hide mask.Func) string {
	switch field {
	case "account", "customer_id":
		return hide(value)
	case "metadata": // a broken object has no keys to choose by: where anything is hidden, all of it is
		if hide(value) != value {
			return "••••"
		}
		return value
	default:
		return value
	}
}

// shortened keeps a hostile value from filling a report.
func shortened(s string) string {
	const most = 200
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// writeRejects adds rejects.csv to the files of the run, where there is need.
func (s *state) writeRejects(ctx context.Context, dir string, files []reports.File) ([]reports.File, error) {
	list, err := s.Rejects(ctx, s.run)
	if err != nil || len(list) == 0 {
		return files, err
	}
	f, err := reports.WriteRejects(dir, list)
	return append(files, f), err
}
