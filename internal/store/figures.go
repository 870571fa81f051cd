package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"tieout/internal/money"
	"tieout/reports"
)

// FigureRules are what the figures need beyond the run's own tables.
type FigureRules struct {
	Location *time.Location
	Schedule []ScheduledFee
	Passport reports.Passport // filled in by the caller as far as it knows
}

// Figures collects all that the reports show besides the long tables.
func (s *Store) Figures(ctx context.Context, run *Run, version int, previous *Run, rules FigureRules) (reports.Figures, error) {
	f := reports.Figures{Passport: rules.Passport}
	p := &f.Passport
	p.RunID, p.From, p.To, p.Selection, p.Version, p.StartedAt = run.ID, run.FromDate.UTC(), run.ToDate.UTC(), run.Selection, version, run.StartedAt
	p.Location, p.ConfigDigest = rules.Location, run.ConfigDigest
	if previous != nil {
		p.Previous, p.PreviousReadAt = int(previous.Version.Int64), previous.FinishedAt.Time
	}
	collect := []func() error{
		func() error { return s.passport(ctx, run, p) },
		func() (err error) { f.Lines, err = s.lines(ctx, run); return },
		func() (err error) { f.Ageing, err = s.ageing(ctx, run); return },
		func() (err error) { f.RollForward, err = s.rollForward(ctx, run); return },
		func() (err error) { f.Carried, err = s.carriedFrom(ctx, run); return },
		func() (err error) { f.Fees, err = s.fees(ctx, run, rules.Schedule); return },
		func() (err error) { f.Refunds, err = s.refunds(ctx, run); return },
		func() (err error) { f.Pulled, err = s.pulled(ctx, run); return },
		func() (err error) { f.Providers, err = s.providerTotals(ctx, run); return },
		func() (err error) { f.Statements, err = s.statementTotals(ctx, run); return },
		func() (err error) { f.Wallets, err = s.wallets(ctx, run); return },
		func() (err error) { f.Checks, err = s.checks(ctx, run); return },
		func() (err error) { f.NetByRows, err = s.netByRows(ctx, run); return },
		func() (err error) { f.Closed, err = s.closings(ctx, run); return },
		func() (err error) { f.ClosedLines, err = s.closedLines(ctx, run); return },
		func() (err error) { f.Adjustments, err = s.adjustments(ctx, run); return },
	}
	if previous != nil {
		collect = append(collect,
			func() (err error) { f.NetChanges, err = s.netChanges(ctx, run, previous); return },
			func() (err error) { f.Changes, err = s.changes(ctx, run, previous); return })
	}
	for _, c := range collect {
		if err := c(); err != nil {
			return f, wrap("collecting the figures", err)
		}
	}
	return f, nil
}

// NextVersion returns the version that the run will be published as, and the
// published run before it (nil for the first).
func (s *Store) NextVersion(ctx context.Context, run *Run) (int, *Run, error) {
	var prev Run
	err := s.db.GetContext(ctx, &prev, `SELECT `+runColumns+` FROM tieout.runs
		WHERE from_date = $1 AND to_date = $2 AND selection = $3 AND status = 'published' ORDER BY version DESC LIMIT 1`, run.FromDate, run.ToDate, run.Selection)
	if errors.Is(err, sql.ErrNoRows) {
		return 1, nil, nil
	}
	if err != nil {
		return 0, nil, wrap("finding the last version", err)
	}
	return int(prev.Version.Int64) + 1, &prev, nil
}

func (s *Store) passport(ctx context.Context, run *Run, p *reports.Passport) error {
	if err := s.db.GetContext(ctx, &p.Coverage, `SELECT coalesce(coverage, 0)::numeric(5,4)::text FROM tieout.runs WHERE id = $1`, run.ID); err != nil {
		return err
	}
	if err := s.db.GetContext(ctx, &p.NotPolled, `SELECT count(DISTINCT payment_id) FROM tieout.run_exceptions WHERE run_id = $1 AND kind = 'not_polled'`, run.ID); err != nil {
		return err
	}
	if err := s.db.SelectContext(ctx, &p.Notes, `SELECT unnest(notes) FROM tieout.runs WHERE id = $1`, run.ID); err != nil {
		return err
	}
	var lists []struct {
		Provider string `db:"provider"`
		Kind     string `db:"kind"`
		Why      string `db:"why"`
	}
	if err := s.db.SelectContext(ctx, &lists, `SELECT provider, kind, why FROM tieout.run_lists WHERE run_id = $1 AND NOT complete ORDER BY 1, 2`, run.ID); err != nil {
		return err
	}
	for _, l := range lists {
		p.Notes = append(p.Notes, fmt.Sprintf("%s %ss: the list is not complete, so missing internally can't be found there: %s", l.Provider, l.Kind, l.Why))
	}
	var unread []string
	if err := s.db.SelectContext(ctx, &unread, `SELECT provider || ': its statement proves no total: ' || why FROM tieout.run_statement_reads
		WHERE run_id = $1 AND set_aside > 0 ORDER BY 1`, run.ID); err != nil {
		return err
	}
	p.Notes = append(p.Notes, unread...)
	return nil
}

func (s *Store) lines(ctx context.Context, run *Run) ([]reports.Line, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT business_date, provider, kind, currency, exp, count, gross, refunded, fee, tax, net, fee_known_count, disputed,
		pending_count, pending_amount, failed_count, failed_amount, reversed_count, reversed_amount, exception_count, exception_amount, fee_known, tax_known
		FROM tieout.run_lines WHERE run_id = $1 ORDER BY business_date, provider, kind, currency, exp`, run.ID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []reports.Line
	for rows.Next() {
		var l reports.Line
		if err := rows.Scan(&l.BusinessDate, &l.Provider, &l.Kind, &l.Currency, &l.Exp, &l.Count, &l.Gross, &l.Refunded, &l.Fee, &l.Tax, &l.Net,
			&l.FeeKnownCount, &l.Disputed, &l.PendingCount, &l.PendingAmount, &l.FailedCount, &l.FailedAmount, &l.ReversedCount, &l.ReversedAmount,
			&l.ExceptionCount, &l.ExceptionAmount, &l.FeeKnown, &l.TaxKnown); err != nil {
			return nil, err
		}
		l.BusinessDate = l.BusinessDate.UTC()
		out = append(out, l)
	}
	return out, rows.Err()
}

func (s *Store) ageing(ctx context.Context, run *Run) ([]reports.Ageing, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT provider, kind, currency, exp, count(*), sum(amount)::bigint,
		count(*) FILTER (WHERE age < 3600), count(*) FILTER (WHERE age >= 3600 AND age < 86400), count(*) FILTER (WHERE age >= 86400 AND age < 259200),
		count(*) FILTER (WHERE age >= 259200 AND age < 604800), count(*) FILTER (WHERE age >= 604800), max(age), count(*) FILTER (WHERE stale)
		FROM (SELECT rp.provider, rp.kind, rp.currency, rp.exp, rp.amount, greatest(extract(epoch FROM ru.started_at - rp.created_at), 0)::bigint AS age, e.payment_id IS NOT NULL AS stale
			FROM tieout.runs ru JOIN tieout.run_payments rp ON rp.run_id = ru.id JOIN tieout.run_results rr USING (run_id, payment_id)
			LEFT JOIN (SELECT DISTINCT payment_id FROM tieout.run_exceptions WHERE run_id = $1 AND kind = 'stale_pending') e USING (payment_id)
			WHERE ru.id = $1 AND (rr.result = 'pending' OR e.payment_id IS NOT NULL)) x
		GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`, run.ID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []reports.Ageing
	for rows.Next() {
		var a reports.Ageing
		if err := rows.Scan(&a.Provider, &a.Kind, &a.Currency, &a.Exp, &a.Count, &a.Amount, &a.Buckets[0], &a.Buckets[1], &a.Buckets[2], &a.Buckets[3], &a.Buckets[4],
			&a.OldestSeconds, &a.PastAllowed); err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, rows.Err()
}

func (s *Store) fees(ctx context.Context, run *Run, schedule []ScheduledFee) ([]reports.FeeLine, error) {
	columns := make([][]string, 5)
	for _, f := range schedule {
		for i, v := range []string{f.Provider, f.Kind, f.Currency, f.Percent, f.Fixed} {
			columns[i] = append(columns[i], v)
		}
	}
	rows, err := s.db.QueryContext(ctx, `WITH schedule AS (
			SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::numeric[], $6::numeric[]) AS s (provider, kind, currency, percent, fixed)
		), f AS (
			SELECT rp.provider, rp.kind, rp.currency, rp.exp, rr.provider_amount, rr.fee, rr.tax, rr.outcome, s.provider IS NOT NULL AS scheduled,
				round(rr.provider_amount * s.percent / 100 + s.fixed * 10::numeric ^ rp.exp)::bigint AS expected
			FROM tieout.run_payments rp JOIN tieout.run_results rr USING (run_id, payment_id)
			LEFT JOIN schedule s ON s.provider = rp.provider AND s.kind = rp.kind AND s.currency = rp.currency
			WHERE rp.run_id = $1 AND rr.result = 'matched' AND rr.outcome = 'completed'
		)
		SELECT provider, kind, currency, exp, count(*), count(fee), sum(provider_amount)::bigint, coalesce(sum(fee), 0)::bigint,
			sum(expected) FILTER (WHERE fee IS NOT NULL)::bigint, coalesce(sum(tax), 0)::bigint, bool_or(tax IS NOT NULL), bool_or(scheduled),
			count(*) FILTER (WHERE fee IS NOT NULL AND fee <> expected)
		FROM f GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`, run.ID, textArray(columns[0]), textArray(columns[1]), textArray(columns[2]), textArray(columns[3]), textArray(columns[4]))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []reports.FeeLine
	for rows.Next() {
		var f reports.FeeLine
		var scheduled sql.NullInt64
		if err := rows.Scan(&f.Provider, &f.Kind, &f.Currency, &f.Exp, &f.Count, &f.FeeKnown, &f.Gross, &f.Charged, &scheduled, &f.Tax, &f.TaxKnown, &f.HasSchedule, &f.Differing); err != nil {
			return nil, err
		}
		if scheduled.Valid {
			f.Scheduled = &scheduled.Int64
		}
		out = append(out, f)
	}
	return out, rows.Err()
}

func (s *Store) refunds(ctx context.Context, run *Run) ([]reports.Refund, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT rp.provider, rp.kind, rp.currency, rp.exp, rp.business_date, rp.payment_id, coalesce(rp.reference, ''), rp.amount,
		coalesce(rr.refunded, 0), rp.refunded
		FROM tieout.run_payments rp JOIN tieout.run_results rr USING (run_id, payment_id)
		WHERE rp.run_id = $1 AND rr.refunded IS NOT NULL AND (rr.refunded <> 0 OR rp.refunded <> 0) AND rr.provider_currency = rp.currency AND rr.provider_exp = rp.exp
		ORDER BY rp.business_date, rp.provider, rp.kind, rp.payment_id LIMIT 10000`, run.ID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []reports.Refund
	for rows.Next() {
		var r reports.Refund
		var exp int
		var amount, theirs, ours int64
		if err := rows.Scan(&r.Provider, &r.Kind, &r.Currency, &exp, &r.BusinessDate, &r.PaymentID, &r.Reference, &amount, &theirs, &ours); err != nil {
			return nil, err
		}
		of := func(v int64) money.Amount { return money.Amount{Minor: v, Exp: exp, Currency: r.Currency} }
		r.Amount, r.AtProvider, r.InOurs, r.BusinessDate = of(amount), of(theirs), of(ours), r.BusinessDate.UTC()
		out = append(out, r)
	}
	return out, rows.Err()
}

func (s *Store) pulled(ctx context.Context, run *Run) ([]reports.PulledTotal, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT rp.currency, rp.exp, count(*), count(*) FILTER (WHERE rr.result = 'matched'), count(*) FILTER (WHERE rr.result = 'pending'),
		count(*) FILTER (WHERE rr.result = 'exception'), sum(rp.amount)::bigint, coalesce(sum(rp.amount) FILTER (WHERE rr.result = 'matched'), 0)::bigint,
		coalesce(sum(rp.amount) FILTER (WHERE rr.result = 'pending'), 0)::bigint, coalesce(sum(rp.amount) FILTER (WHERE rr.result = 'exception'), 0)::bigint
		FROM tieout.run_payments rp LEFT JOIN tieout.run_results rr USING (run_id, payment_id) WHERE rp.run_id = $1 AND rp.in_range GROUP BY 1, 2 ORDER BY 1, 2`, run.ID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []reports.PulledTotal
	for rows.Next() {
		var t reports.PulledTotal
		if err := rows.Scan(&t.Currency, &t.Exp, &t.Pulled, &t.Matched, &t.Pending, &t.Exceptions, &t.PulledAmount, &t.MatchedAmount, &t.PendingAmount, &t.ExceptionsAmount); err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, rows.Err()
}

func (s *Store) providerTotals(ctx context.Context, run *Run) ([]reports.ProviderTotal, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT t.provider, count(*), count(*) FILTER (WHERE role = 'matched'), count(*) FILTER (WHERE role = 'pending'),
		count(*) FILTER (WHERE role = 'exception'), count(*) FILTER (WHERE role = 'candidate'), count(*) FILTER (WHERE role = 'unclaimed')
		FROM tieout.run_transactions rt JOIN tieout.transactions t ON t.id = rt.transaction_id WHERE rt.run_id = $1 AND role <> 'elsewhere' GROUP BY 1 ORDER BY 1`, run.ID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []reports.ProviderTotal
	for rows.Next() {
		var t reports.ProviderTotal
		if err := rows.Scan(&t.Provider, &t.Transactions, &t.Matched, &t.Pending, &t.Exceptions, &t.Candidates, &t.Unclaimed); err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, rows.Err()
}

func (s *Store) checks(ctx context.Context, run *Run) ([]reports.Check, error) {
	var out []reports.Check
	err := s.db.SelectContext(ctx, &out, `SELECT name, "left", "right", ties FROM tieout.run_checks WHERE run_id = $1 ORDER BY n`, run.ID)
	return out, err
}

// The net of completed, matched payments, added up from the rows.
const (
	netOfRows = `SELECT ` + netColumns + ` GROUP BY 1, 2, 3, 4`
	netOfDays = `SELECT rp.business_date, ` + netColumns + ` GROUP BY 1, 2, 3, 4, 5`
)

const netColumns = `rp.provider, rp.kind, coalesce(rr.provider_currency, rp.currency) AS currency, coalesce(rr.provider_exp, rp.exp) AS exp,
	sum(CASE WHEN rr.outcome = 'completed' THEN coalesce(rr.provider_amount, rp.amount) - coalesce(rr.refunded, 0) ELSE 0 END
	    + CASE rp.kind WHEN 'payout' THEN 1 ELSE -1 END * (coalesce(rr.fee, 0) + coalesce(rr.tax, 0)))::bigint AS net
	FROM tieout.run_results rr JOIN tieout.run_payments rp USING (run_id, payment_id)
	WHERE rr.run_id = $1 AND rr.result = 'matched' AND rr.outcome IN ('completed', 'reversed')`

func (s *Store) netByRows(ctx context.Context, run *Run) ([]reports.NetChange, error) {
	return s.nets(ctx, `SELECT n.provider, n.kind, n.currency, n.exp, 0::bigint, n.net FROM (`+netOfRows+`) n ORDER BY 1, 2, 3, 4`, run.ID)
}

func (s *Store) netChanges(ctx context.Context, run, previous *Run) ([]reports.NetChange, error) {
	return s.nets(ctx, `SELECT provider, kind, currency, exp, sum(a)::bigint, sum(b)::bigint FROM (
		SELECT provider, kind, currency, exp, net AS a, 0 AS b FROM tieout.run_lines WHERE run_id = $2
		UNION ALL SELECT provider, kind, currency, exp, 0, net FROM tieout.run_lines WHERE run_id = $1
		-- of closed days the lines stand still and adjustments move
		UNION ALL SELECT a.provider, a.kind, a.currency, a.exp, CASE a.run_id WHEN $2 THEN a.net ELSE 0 END, CASE a.run_id WHEN $1 THEN a.net ELSE 0 END
		FROM tieout.run_adjustments a JOIN tieout.runs r ON r.id = a.run_id
		WHERE a.run_id IN ($1, $2) AND a.shown AND a.business_date BETWEEN r.from_date AND r.to_date) x
		GROUP BY 1, 2, 3, 4 HAVING sum(a) <> sum(b) ORDER BY 1, 2, 3, 4`, run.ID, previous.ID)
}

func (s *Store) nets(ctx context.Context, q string, args ...any) ([]reports.NetChange, error) {
	rows, err := s.db.QueryContext(ctx, q, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []reports.NetChange
	for rows.Next() {
		var n reports.NetChange
		if err := rows.Scan(&n.Provider, &n.Kind, &n.Currency, &n.Exp, &n.Before, &n.After); err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, rows.Err()
}
