package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// ClosedDay is one closing of a business date.
type ClosedDay struct {
	ID           int64          `db:"id"`
	BusinessDate time.Time      `db:"business_date"`
	RunID        string         `db:"run_id"`
	Version      int            `db:"version"`
	ClosedAt     time.Time      `db:"closed_at"`
	ClosedBy     string         `db:"closed_by"`
	Note         sql.NullString `db:"note"`
	Forced       sql.NullString `db:"forced"`
	ReopenedAt   sql.NullTime   `db:"reopened_at"`
	ReopenedBy   sql.NullString `db:"reopened_by"`
	ReopenNote   sql.NullString `db:"reopen_note"`
}

const closedDayColumns = `id, business_date, run_id, version, closed_at, closed_by, note, forced, reopened_at, reopened_by, reopen_note`

// ClosedDays lists the newest closings, those that were reopened among them
// where history is true.
func (s *Store) ClosedDays(ctx context.Context, history bool, limit int) ([]ClosedDay, error) {
	var out []ClosedDay
	err := s.db.SelectContext(ctx, &out, `SELECT `+closedDayColumns+` FROM tieout.closed_days
		WHERE $1 OR reopened_at IS NULL ORDER BY business_date DESC, id DESC LIMIT $2`, history, limit)
	return out, wrap("listing closed days", err)
}

// Closing says which days are to be closed or reopened, and by whom.
type Closing struct {
	From, To  time.Time // business dates, both included
	Providers []string  // all that are configured, sorted
	Kinds     []string
	Who, Note string
	// Force is why days are closed though payments could not be asked, or newer
	// answers than the version's are known; empty: they are not.
	Force    string
	Location *time.Location
	// DayStart gives the first instant of a date.
	DayStart func(date time.Time) time.Time
}

func (c Closing) days() []time.Time {
	var out []time.Time
	for d := c.From; !d.After(c.To); d = d.AddDate(0, 0, 1) {
		out = append(out, d)
	}
	return out
}

// RefusalError is why a day can't be closed or reopened, and what to do about it.
type RefusalError struct{ Message string }

func (e *RefusalError) Error() string { return e.Message }

func refuse(format string, args ...any) error { return &RefusalError{fmt.Sprintf(format, args...)} }

// CloseDays freezes each day on the newest published version that covers it
// whole: all of them or, where one can't be closed, none.
func (s *Store) CloseDays(ctx context.Context, c Closing) ([]ClosedDay, error) {
	var out []ClosedDay
	err := s.closing(ctx, c, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, closingStep("tables")); err != nil {
			return err
		}
		for _, d := range c.days() {
			closed, err := closeDay(ctx, tx, c, d)
			if err != nil {
				return err
			}
			out = append(out, closed)
		}
		return nil
	})
	if err != nil {
		return nil, wrap("closing", err)
	}
	return out, nil
}

// ReopenDays takes closings back, the newest day first. They stay in the
// history; what was booked on the days is open again.
func (s *Store) ReopenDays(ctx context.Context, c Closing) ([]ClosedDay, error) {
	var out []ClosedDay
	err := s.closing(ctx, c, func(tx *sqlx.Tx) error {
		days := c.days()
		for i := len(days) - 1; i >= 0; i-- {
			opened, err := reopenDay(ctx, tx, c, days[i])
			if err != nil {
				return err
			}
			out = append(out, opened)
		}
		return nil
	})
	if err != nil {
		return nil, wrap("reopening", err)
	}
	return out, nil
}

// closingHold begins the name under which a closing holds its days.
const closingHold = "the closing of "

// closing holds the days as a run does, and runs f while nobody settles or publishes.
func (s *Store) closing(ctx context.Context, c Closing, f func(*sqlx.Tx) error) (err error) {
	name := closingHold + c.From.Format(time.DateOnly)
	if !c.To.Equal(c.From) {
		name += " to " + c.To.Format(time.DateOnly)
	}
	sel := Selection{Providers: c.Providers, Start: c.DayStart(c.From), End: c.DayStart(c.To.AddDate(0, 0, 1))}
	me := self()
	l := &Lease{s: s, runID: name, token: me.token(), expires: 45 * time.Second}
	if err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		if err := free(ctx, tx, sel, me); err != nil {
			return err
		}
		return l.take(ctx, tx, sel, me)
	}); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go l.Keep(ctx, cancel)
	defer func() { err = errors.Join(err, l.Release(context.WithoutCancel(ctx))) }()
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		if err := l.held(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `LOCK TABLE tieout.closed_days IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return err
		}
		return f(tx)
	})
}

// closed finds the closing that holds for a date.
func closed(ctx context.Context, tx *sqlx.Tx, day time.Time) (*ClosedDay, error) {
	var d ClosedDay
	err := tx.GetContext(ctx, &d, `SELECT `+closedDayColumns+` FROM tieout.closed_days WHERE business_date = $1 AND reopened_at IS NULL`, day)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // not closed, no fault
	}
	return &d, err
}

func closeDay(ctx context.Context, tx *sqlx.Tx, c Closing, day time.Time) (ClosedDay, error) {
	var out ClosedDay
	run, err := closable(ctx, tx, c, day)
	if err != nil {
		return out, err
	}
	if err := tx.GetContext(ctx, &out, `INSERT INTO tieout.closed_days (business_date, run_id, version, closed_at, closed_by, note, forced)
		VALUES ($1, $2, $3, clock_timestamp(), $4, $5, $6) RETURNING `+closedDayColumns, day, run.ID, run.Version.Int64, c.Who, null(c.Note), null(c.Force)); err != nil {
		return out, err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO tieout.closed_items SELECT $1, business_date, payment_id, transaction_id, provider, kind, currency, exp, `+
		eachMeasure("%", ", ")+`, fee_known, tax_known, result, outcome, kinds, provider_payment_id, reference, what, before, after, why FROM items`, out.ID); err != nil {
		return out, err
	}
	// the adjustments that the version showed as booked on the day
	_, err = tx.ExecContext(ctx, `INSERT INTO tieout.closed_items SELECT $1, business_date, payment_id, transaction_id, provider, kind, currency, exp, `+
		eachMeasure("%", ", ")+`, fee_known, tax_known, result, outcome, kinds, provider_payment_id, reference, what, before, after, why
		FROM tieout.run_adjustments WHERE run_id = $2 AND booked_on = $3 AND NOT frozen AND shown`, out.ID, run.ID, day)
	return out, err
}

// closable finds the version that a day can be closed on and leaves its items in
// the table items; the error is a RefusalError where there is none.
func closable(ctx context.Context, tx *sqlx.Tx, c Closing, day time.Time) (*Run, error) {
	date := day.Format(time.DateOnly)
	if was, err := closed(ctx, tx, day); err != nil {
		return nil, err
	} else if was != nil {
		return nil, refuse("%s is closed already: by %s, version %d of run %s (see `tieout close list`)", date, was.ClosedBy, was.Version, was.RunID)
	}
	again := "run `tieout run --date " + date + "` and close then"
	var run Run
	err := tx.GetContext(ctx, &run, `SELECT `+runColumns+` FROM tieout.runs WHERE status = 'published' AND NOT outstanding
		AND from_date <= $1 AND to_date >= $1 AND providers @> $2 AND kinds @> $3 ORDER BY published_at DESC LIMIT 1`, day, pq.Array(c.Providers), pq.Array(c.Kinds))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, refuse("no published version covers all of %s (all providers, both kinds): %s", date, again)
	}
	if err != nil {
		return nil, err
	}
	version := fmt.Sprintf("version %d (run %s)", run.Version.Int64, run.ID)
	if run.StartedAt.Before(c.DayStart(day.AddDate(0, 0, 1))) {
		return nil, refuse("%s was read before %s was over: %s", version, date, again)
	}
	var facts struct {
		Reopened  bool  `db:"reopened"`
		Differs   bool  `db:"differs"`
		NotPolled int64 `db:"not_polled"`
		Newer     int64 `db:"newer"`
	}
	if _, err := tx.ExecContext(ctx, `TRUNCATE items`); err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, closingStep("items"), run.ID, c.Location.String(), pq.Array([]string{date})); err != nil {
		return nil, err
	}
	if err := tx.GetContext(ctx, &facts, `SELECT
		EXISTS (SELECT 1 FROM tieout.closed_days WHERE business_date <= $2 AND reopened_at > $3) AS reopened,
		EXISTS (SELECT 1 FROM (
			SELECT provider, kind, currency, `+eachMeasure("sum(%) AS %", ", ")+` FROM (
				SELECT provider, kind, currency, `+eachMeasure("%", ", ")+` FROM tieout.settlement_lines s WHERE run_id = $1 AND business_date = $2
				UNION ALL SELECT provider, kind, currency, `+negated()+` FROM items) x GROUP BY 1, 2, 3) y WHERE `+eachMeasure("coalesce(%, 0) <> 0", " OR ")+`) AS differs,
		(SELECT count(DISTINCT payment_id) FROM tieout.run_exceptions WHERE run_id = $1 AND kind = 'not_polled' AND business_date = $2) AS not_polled,
		(SELECT count(*) FROM tieout.run_results rr JOIN tieout.run_payments rp USING (run_id, payment_id) JOIN tieout.payment_outcomes o USING (payment_id)
			WHERE rr.run_id = $1 AND rp.business_date = $2 AND rr.outcome IS NOT NULL AND o.status <> rr.outcome) AS newer`, run.ID, day, run.SettledAt.Time); err != nil {
		return nil, err
	}
	switch {
	case facts.Reopened:
		return nil, refuse("a day was reopened since %s: %s", version, again)
	case facts.Differs:
		return nil, refuse("what is known of %s is not what %s published any more: %s", date, version, again)
	case facts.NotPolled > 0 && c.Force == "":
		return nil, refuse("%d of the payments of %s could not be asked in %s: %s, or close all the same with --force REASON", facts.NotPolled, date, version, again)
	case facts.Newer > 0 && c.Force == "":
		return nil, refuse("of %d payments of %s a later run knows more than %s: %s, or close all the same with --force REASON", facts.Newer, date, version, again)
	}
	return &run, nil
}

// negated are the measures of items with the opposite sign, as settlement_lines has them.
func negated() string {
	out := make([]string, len(measures))
	for i, m := range measures {
		out[i] = "-" + m
		if !strings.HasSuffix(m, "count") {
			out[i] += " * ('1e-' || exp)::numeric"
		}
	}
	return strings.Join(out, ", ")
}

func reopenDay(ctx context.Context, tx *sqlx.Tx, c Closing, day time.Time) (ClosedDay, error) {
	date := day.Format(time.DateOnly)
	was, err := closed(ctx, tx, day)
	if err != nil {
		return ClosedDay{}, err
	}
	if was == nil {
		return ClosedDay{}, refuse("%s is not closed (see `tieout close list`)", date)
	}
	var on []time.Time
	if err := tx.SelectContext(ctx, &on, `SELECT DISTINCT b.business_date FROM tieout.closed_items ci JOIN tieout.closed_days b ON b.id = ci.closing_id
		WHERE b.reopened_at IS NULL AND ci.business_date = $1 AND b.business_date <> $1 ORDER BY 1 DESC`, day); err != nil {
		return ClosedDay{}, err
	}
	if len(on) > 0 {
		return ClosedDay{}, refuse("adjustments of %s are booked on %s, which is closed: reopen that day first", date, on[0].Format(time.DateOnly))
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM tieout.closed_changes WHERE closing_id = $1`, was.ID); err != nil {
		return ClosedDay{}, err
	}
	err = tx.GetContext(ctx, was, `UPDATE tieout.closed_days SET reopened_at = clock_timestamp(), reopened_by = $2, reopen_note = $3
		WHERE id = $1 RETURNING `+closedDayColumns, was.ID, c.Who, null(c.Note))
	return *was, err
}
