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

	"tieout/reports"
)

// ErrDaysMoved says that a day was closed or reopened after the run settled:
// what it would publish is not what the books say any more.
var ErrDaysMoved = errors.New("a day was closed or reopened while the run was under way: run again")

// measures are the figures of a settlement line, in the order of its columns.
var measures = []string{
	"count", "gross", "refunded", "fee", "tax", "net", "fee_known_count", "disputed", "pending_count", "pending_amount",
	"failed_count", "failed_amount", "reversed_count", "reversed_amount", "exception_count", "exception_amount",
}

// eachMeasure joins the measures, written by a pattern in which % stands for the name.
func eachMeasure(pattern, by string) string {
	out := make([]string, len(measures))
	for i, m := range measures {
		out[i] = strings.ReplaceAll(pattern, "%", m)
	}
	return strings.Join(out, by)
}

// closingStep is one step of closing.sql.
func closingStep(name string) string {
	for _, st := range steps("closing.sql") {
		if st.Name == name {
			return strings.NewReplacer(
				"/*lines*/", strings.ReplaceAll(query("settle.sql"), "/*item*/", "payment_id, transaction_id,"),
				"/*measures*/", eachMeasure("%", ", "), "/*sums*/", eachMeasure("sum(sign * %)::bigint AS %", ", "),
				"/*totals*/", eachMeasure("sum(%)::bigint", ", "), "/*closed by a person*/", closedByPerson("nullif(p.payment_id, '')", "o.settled_at"), "/*nonzero*/", eachMeasure("sum(sign * %) <> 0", " OR ")).Replace(st.SQL)
		}
	}
	panic("closing.sql has no step " + name) // a file that the build embeds
}

// settleClosed finds what differs of closed days, puts their closed lines in the
// place of those of now, and proves that closed and adjusted are what is true now.
func settleClosed(ctx context.Context, tx *sqlx.Tx, run *Run, loc *time.Location) ([]reports.Check, error) {
	if _, err := tx.ExecContext(ctx, `DELETE FROM tieout.run_adjustments WHERE run_id = $1`, run.ID); err != nil {
		return nil, err
	}
	// whoever closes a day waits, and whoever has closed one is seen
	if _, err := tx.ExecContext(ctx, `LOCK TABLE tieout.closed_days IN SHARE MODE`); err != nil {
		return nil, err
	}
	var days pq.StringArray
	if err := tx.GetContext(ctx, &days, `SELECT coalesce(array_agg(business_date::text), '{}') FROM tieout.closed_days WHERE reopened_at IS NULL`); err != nil {
		return nil, err
	}
	if len(days) == 0 {
		return nil, nil
	}
	for _, st := range []struct {
		name string
		args []any
	}{
		{"tables", nil},
		{"items", []any{run.ID, loc.String(), days}},
		{"items, found fast", nil},
		{"differences", []any{run.ID}},
		{"booked before", []any{run.ID}},
	} {
		if _, err := tx.ExecContext(ctx, closingStep(st.name), st.args...); err != nil {
			return nil, fmt.Errorf("%s: %w", st.name, err)
		}
	}
	if err := tellAdjustments(ctx, tx); err != nil {
		return nil, fmt.Errorf("telling the adjustments: %w", err)
	}
	checks, err := proveBy(ctx, tx, run, closingProofs)
	if err != nil {
		return nil, err
	}
	for _, q := range strings.Split(strings.TrimSpace(closingStep("lines as they were closed")), ";\n") {
		var args []any
		if strings.Contains(q, "$1") {
			args = append(args, run.ID)
		}
		if _, err := tx.ExecContext(ctx, q, args...); err != nil {
			return nil, fmt.Errorf("lines as they were closed: %w", err)
		}
	}
	more, err := proveBy(ctx, tx, run, closedLineProofs)
	return append(checks, more...), err
}

// tellAdjustments says in words what the differences are, and keeps them.
func tellAdjustments(ctx context.Context, tx *sqlx.Tx) error {
	var rows []struct {
		BusinessDate  time.Time      `db:"business_date"`
		PaymentID     string         `db:"payment_id"`
		TransactionID int64          `db:"transaction_id"`
		Result        string         `db:"result"`
		Outcome       string         `db:"outcome"`
		Kinds         string         `db:"kinds"`
		OldResult     sql.NullString `db:"old_result"`
		OldOutcome    sql.NullString `db:"old_outcome"`
		OldKinds      sql.NullString `db:"old_kinds"`
		Resolved      sql.NullString `db:"resolved"`
		Figure        string         `db:"figure"`
	}
	if err := tx.SelectContext(ctx, &rows, `SELECT business_date, payment_id, transaction_id, result, outcome, kinds, old_result, old_outcome, old_kinds, resolved,
		max(CASE WHEN gross <> 0 THEN 'Provider amount' WHEN refunded <> 0 THEN 'Refunded' WHEN fee <> 0 THEN 'Fee' WHEN tax <> 0 THEN 'Tax' ELSE '' END) AS figure
		FROM differs GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10`); err != nil {
		return err
	}
	var dates, ids, transactions, what, before, after, why []string
	for i := range rows {
		r := &rows[i]
		c := adjustedRow{
			isNew: r.OldResult.String == "", gone: r.Result == "",
			oldResult: r.OldResult.String, newResult: r.Result, oldOutcome: r.OldOutcome.String, newOutcome: r.Outcome,
			oldKinds: r.OldKinds.String, newKinds: r.Kinds, resolved: r.Resolved.String, figure: r.Figure,
		}
		told := c.tell()
		if r.PaymentID == "" {
			told = c.tellTransaction()
		}
		dates, ids, transactions = append(dates, r.BusinessDate.Format(time.DateOnly)), append(ids, r.PaymentID), append(transactions, fmt.Sprint(r.TransactionID))
		what, before, after, why = append(what, told.What), append(before, told.Before), append(after, told.After), append(why, told.Why)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO tieout.run_adjustments
		SELECT run_id, booked_on, frozen, shown, seen, closing_id, business_date, payment_id, transaction_id, provider, kind, currency, exp, `+
		eachMeasure("%", ", ")+`, fee_known, tax_known, result, outcome, kinds, provider_payment_id, reference, w.what, w.before, w.after, w.why
		FROM differs JOIN unnest($1::date[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[])
			AS w (business_date, payment_id, transaction_id, what, before, after, why) USING (business_date, payment_id, transaction_id)`,
		textArray(dates), textArray(ids), textArray(transactions), textArray(what), textArray(before), textArray(after), textArray(why))
	return err
}

// closingProofs hold while run_lines has what is true now: closed and adjusted
// lines of closed days are that.
var closingProofs = []string{proofOfClosed("net"), proofOfClosed("disputed"), proofOfClosed("count + pending_count + failed_count + reversed_count + exception_count")}

func proofOfClosed(measure string) string {
	name, exp := measure, "exp"
	if strings.Contains(measure, "+") {
		name, exp = "payments", "-1"
	}
	return `SELECT 'closed and adjusted ` + name + ` ' || business_date || ' ' || provider || ' ' || kind || ' ' || currency AS name,
		sum(a)::bigint AS "left", sum(b)::bigint AS "right", ` + exp + ` AS exp FROM (
		SELECT ci.business_date, ci.provider, ci.kind, ci.currency, ci.exp, ` + measure + ` AS a, 0 AS b
		FROM tieout.closed_items ci JOIN tieout.closed_days c ON c.id = ci.closing_id AND c.business_date = ci.business_date AND c.reopened_at IS NULL, tieout.runs r
		WHERE r.id = $1 AND NOT r.outstanding AND c.business_date BETWEEN r.from_date AND r.to_date AND ci.provider = ANY (r.providers) AND ci.kind = ANY (r.kinds)
		UNION ALL
		SELECT business_date, provider, kind, currency, exp, ` + measure + `, 0 FROM tieout.run_adjustments a, tieout.runs r
		WHERE a.run_id = $1 AND r.id = $1 AND a.shown AND a.business_date BETWEEN r.from_date AND r.to_date
		UNION ALL
		SELECT l.business_date, l.provider, l.kind, l.currency, l.exp, 0, ` + measure + ` FROM tieout.run_lines l, tieout.closed_days c, tieout.runs r
		WHERE l.run_id = $1 AND r.id = $1 AND NOT r.outstanding AND c.business_date = l.business_date AND c.reopened_at IS NULL) x
		GROUP BY business_date, provider, kind, currency, exp ORDER BY business_date, provider, kind, currency`
}

// closedLineProofs hold once the closed lines are shown: they are those that the
// closed version published.
var closedLineProofs = []string{
	`SELECT 'closed net as published ' || business_date || ' ' || provider || ' ' || kind || ' ' || currency AS name,
		coalesce(sum(a), 0)::bigint AS "left", coalesce(sum(b), 0)::bigint AS "right", max(exp) AS exp FROM (
		SELECT l.business_date, l.provider, l.kind, l.currency, s.net * 10::numeric ^ l.exp AS a, l.net AS b, l.exp
		FROM tieout.run_lines l JOIN tieout.runs r ON r.id = $1 AND NOT r.outstanding
		JOIN tieout.closed_days c ON c.business_date = l.business_date AND c.reopened_at IS NULL
		JOIN tieout.settlement_lines s ON s.run_id = c.run_id AND s.business_date = l.business_date AND s.provider = l.provider AND s.kind = l.kind AND s.currency = l.currency
		WHERE l.run_id = $1) x GROUP BY business_date, provider, kind, currency ORDER BY business_date, provider, kind, currency`,
}

// keepChanges notes, on publishing, how the payments of closed days stand now.
func keepChanges(ctx context.Context, tx *sqlx.Tx, run *Run) error {
	if _, err := tx.ExecContext(ctx, `LOCK TABLE tieout.closed_days IN SHARE MODE`); err != nil {
		return err
	}
	var moved bool
	if err := tx.GetContext(ctx, &moved, `SELECT EXISTS (SELECT 1 FROM tieout.closed_days c JOIN tieout.runs r ON r.id = $1
		WHERE c.closed_at > r.settled_at OR c.reopened_at > r.settled_at)`, run.ID); err != nil {
		return err
	}
	if moved {
		return ErrDaysMoved
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM tieout.closed_changes cc USING tieout.closed_days a, tieout.runs r
		WHERE r.id = $1 AND a.id = cc.closing_id AND a.reopened_at IS NULL AND (
			NOT r.outstanding AND a.business_date BETWEEN r.from_date AND r.to_date AND cc.provider = ANY (r.providers) AND cc.kind = ANY (r.kinds)
			OR EXISTS (SELECT 1 FROM tieout.run_payments rp WHERE rp.run_id = $1 AND rp.in_range AND rp.payment_id = cc.payment_id))`, run.ID); err != nil {
		return err
	}
	last := func(column string) string { return `(array_agg(` + column + ` ORDER BY frozen, booked_on DESC))[1]` }
	_, err := tx.ExecContext(ctx, `INSERT INTO tieout.closed_changes
		SELECT closing_id, business_date, payment_id, transaction_id, provider, kind, currency, exp, `+eachMeasure("sum(%)::bigint", ", ")+`,
			bool_or(fee_known), bool_or(tax_known), `+last("result")+`, `+last("outcome")+`, `+last("kinds")+`, max(provider_payment_id), max(reference), '', '', '', ''
		FROM tieout.run_adjustments WHERE run_id = $1 AND seen
		GROUP BY closing_id, business_date, payment_id, transaction_id, provider, kind, currency, exp
		HAVING `+eachMeasure("sum(%) <> 0", " OR "), run.ID)
	return err
}

// adjustments are what the run's reports show of closed days.
func (s *Store) adjustments(ctx context.Context, run *Run) ([]reports.Adjustment, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT booked_on, frozen, business_date, provider, kind, currency, exp, payment_id, provider_payment_id, reference,
		what, before, after, why, fee_known, tax_known, `+eachMeasure("%", ", ")+`
		FROM tieout.run_adjustments WHERE run_id = $1 AND shown
		ORDER BY booked_on, business_date, provider, kind, currency, payment_id, provider_payment_id, transaction_id, exp`, run.ID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []reports.Adjustment
	for rows.Next() {
		var a reports.Adjustment
		l := &a.Line
		if err := rows.Scan(&a.BookedOn, &a.Closed, &l.BusinessDate, &l.Provider, &l.Kind, &l.Currency, &l.Exp, &a.PaymentID, &a.ProviderPaymentID, &a.Reference,
			&a.What, &a.Before, &a.After, &a.Why, &l.FeeKnown, &l.TaxKnown, &l.Count, &l.Gross, &l.Refunded, &l.Fee, &l.Tax, &l.Net, &l.FeeKnownCount, &l.Disputed,
			&l.PendingCount, &l.PendingAmount, &l.FailedCount, &l.FailedAmount, &l.ReversedCount, &l.ReversedAmount, &l.ExceptionCount, &l.ExceptionAmount); err != nil {
			return nil, err
		}
		a.BookedOn, l.BusinessDate = a.BookedOn.UTC(), l.BusinessDate.UTC()
		out = append(out, a)
	}
	return out, rows.Err()
}

// closings are the closed days that the run's reports show or adjust.
func (s *Store) closings(ctx context.Context, run *Run) ([]reports.ClosedDay, error) {
	if run.Outstanding {
		return nil, nil
	}
	var rows []ClosedDay
	if err := s.db.SelectContext(ctx, &rows, `SELECT `+closedDayColumns+` FROM tieout.closed_days c WHERE reopened_at IS NULL
		AND (business_date BETWEEN $2 AND $3 OR EXISTS (SELECT 1 FROM tieout.run_adjustments a WHERE a.run_id = $1 AND a.shown AND a.business_date = c.business_date))
		ORDER BY business_date`, run.ID, run.FromDate, run.ToDate); err != nil {
		return nil, err
	}
	var out []reports.ClosedDay
	for _, d := range rows {
		out = append(out, reports.ClosedDay{
			BusinessDate: d.BusinessDate.UTC(), RunID: d.RunID, Version: d.Version, ClosedAt: d.ClosedAt.UTC(), ClosedBy: d.ClosedBy,
			Note: d.Note.String, Forced: d.Forced.String,
		})
	}
	return out, nil
}

// closedLines are the nets of the lines of the closed days of the run's range.
func (s *Store) closedLines(ctx context.Context, run *Run) ([]reports.ClosedLine, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT business_date, provider, kind, currency, exp, sum(closed)::bigint, sum(adjusted)::bigint, sum(now)::bigint FROM (
		SELECT business_date, provider, kind, currency, exp, net AS closed, 0 AS adjusted, 0 AS now FROM tieout.run_lines WHERE run_id = $1
		UNION ALL
		SELECT business_date, provider, kind, currency, exp, 0, net, 0 FROM tieout.run_adjustments WHERE run_id = $1 AND shown
		UNION ALL
		SELECT business_date, provider, kind, currency, exp, 0, 0, net FROM (`+netOfDays+`) n) x
		JOIN tieout.closed_days c USING (business_date) JOIN tieout.runs r ON r.id = $1
		WHERE c.reopened_at IS NULL AND NOT r.outstanding AND business_date BETWEEN r.from_date AND r.to_date
		GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5`, run.ID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []reports.ClosedLine
	for rows.Next() {
		var l reports.ClosedLine
		if err := rows.Scan(&l.BusinessDate, &l.Provider, &l.Kind, &l.Currency, &l.Exp, &l.Closed, &l.Adjusted, &l.Now); err != nil {
			return nil, err
		}
		l.BusinessDate = l.BusinessDate.UTC()
		out = append(out, l)
	}
	return out, rows.Err()
}
