package jobs

import (
	"context"
	"fmt"
	"time"

	"tieout/internal/payment"
	"tieout/internal/store"
)

// CloseRequest says which business dates to close or to reopen.
type CloseRequest struct {
	Range     Range
	Who, Note string
	Force     string // why days are closed though not all of them is known
	Reopen    bool
	Wait      bool
}

// Close freezes business dates, or takes that back. A date that is not over is
// wrong usage; a day that can't be closed for what is known of it is a
// store.RefusalError, a range that a run holds a store.BusyError.
func (e *Env) Close(ctx context.Context, req CloseRequest) ([]store.ClosedDay, error) {
	loc := e.Config.Location
	if last := today(e.Now(), loc).AddDate(0, 0, -1); !req.Reopen && req.Range.To.After(last) {
		return nil, &UsageError{fmt.Sprintf("%s is not over yet: the last day that can be closed is %s", req.Range.To.Format(time.DateOnly), last.Format(time.DateOnly))}
	}
	names, err := e.providerNames(nil)
	if err != nil {
		return nil, err
	}
	c := store.Closing{
		From: req.Range.From, To: req.Range.To, Providers: names, Kinds: []string{string(payment.Deposit), string(payment.Payout)},
		Who: req.Who, Note: req.Note, Force: req.Force, Location: loc,
		DayStart: func(date time.Time) time.Time { return dayStart(date, loc) },
	}
	var days []store.ClosedDay
	err = e.whenFree(ctx, req.Wait, func() (err error) {
		if req.Reopen {
			days, err = e.Store.ReopenDays(ctx, c)
		} else {
			days, err = e.Store.CloseDays(ctx, c)
		}
		return err
	})
	return days, err
}
