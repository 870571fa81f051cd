package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"tieout/internal/money"
	"tieout/reports"
)

// Settle adds up the settlement lines and proves the control totals. It returns
// the proofs; a run one of which does not tie must not be published.
func (s *Store) Settle(ctx context.Context, run *Run, loc *time.Location) ([]reports.Check, error) {
	var checks []reports.Check
	err := s.inHeavyTx(ctx, func(tx *sqlx.Tx) error {
		for _, q := range []string{`DELETE FROM tieout.run_lines WHERE run_id = $1`, `DELETE FROM tieout.run_checks WHERE run_id = $1`} {
			if _, err := tx.ExecContext(ctx, q, run.ID); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO tieout.run_lines SELECT $1, l.* FROM (`+strings.ReplaceAll(query("settle.sql"), "/*item*/", "")+`) l`, run.ID, loc.String()); err != nil {
			return fmt.Errorf("adding up the lines: %w", err)
		}
		var err error
		if checks, err = proveBy(ctx, tx, run, proofs); err != nil {
			return fmt.Errorf("proving the control totals: %w", err)
		}
		pending, err := carryPending(ctx, tx, run)
		if err != nil {
			return fmt.Errorf("carrying what is pending: %w", err)
		}
		checks = append(checks, pending...)
		closed, err := settleClosed(ctx, tx, run, loc)
		if err != nil {
			return fmt.Errorf("closed days: %w", err)
		}
		checks = append(checks, closed...)
		for i, c := range checks {
			if _, err := tx.ExecContext(ctx, `INSERT INTO tieout.run_checks VALUES ($1, $2, $3, $4, $5, $6)`, run.ID, i, c.Name, c.Left, c.Right, c.Ties); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `UPDATE tieout.runs SET coverage = x.c FROM (
			SELECT coalesce(trunc(1 - count(*) FILTER (WHERE e.payment_id IS NOT NULL)::numeric / nullif(count(*), 0), 4), 1)::numeric(5, 4) AS c
			FROM tieout.run_results r LEFT JOIN (SELECT DISTINCT payment_id FROM tieout.run_exceptions WHERE run_id = $1 AND kind = 'not_polled') e USING (payment_id)
			WHERE r.run_id = $1) x WHERE id = $1`, run.ID); err != nil {
			return err
		}
		return s.done(ctx, tx, run, "settled_at")
	})
	return checks, wrap("adding up", err)
}

// proofs are queries with the columns name, left, right, exp (-1: a count). The
// two sides of each are added up in different ways: from the snapshot, from the
// results, from the transactions, from the lines.
var proofs = []string{
	// 1 pulled = matched + pending + exceptions, in payments and in money
	`SELECT 'payments ' || currency AS name, sum(pulled)::bigint AS "left", sum(placed)::bigint AS "right", -1 AS exp FROM (
		SELECT currency, count(*) AS pulled, 0 AS placed FROM tieout.run_payments WHERE run_id = $1 AND in_range GROUP BY 1
		UNION ALL
		SELECT rp.currency, 0, count(*) FROM tieout.run_results rr JOIN tieout.run_payments rp USING (run_id, payment_id)
		WHERE rr.run_id = $1 AND rr.result IN ('matched', 'pending', 'exception') GROUP BY 1) x GROUP BY currency ORDER BY currency`,
	`SELECT 'amounts ' || currency || CASE WHEN count(*) OVER (PARTITION BY currency) > 1 THEN ' in ' || exp || ' decimals' ELSE '' END AS name,
		sum(pulled)::bigint AS "left", sum(placed)::bigint AS "right", exp FROM (
		SELECT currency, exp, sum(amount) AS pulled, 0::numeric AS placed FROM tieout.run_payments WHERE run_id = $1 AND in_range GROUP BY 1, 2
		UNION ALL
		SELECT rp.currency, rp.exp, 0, sum(rp.amount) FROM tieout.run_results rr JOIN tieout.run_payments rp USING (run_id, payment_id)
		WHERE rr.run_id = $1 GROUP BY 1, 2) x GROUP BY currency, exp ORDER BY currency, exp`,
	// 2 every provider transaction of the range has a place
	`SELECT 'transactions ' || provider AS name, sum(seen)::bigint AS "left", sum(placed)::bigint AS "right", -1 AS exp FROM (
		SELECT t.provider, count(*) AS seen, 0 AS placed FROM tieout.transactions t, tieout.runs r
		WHERE r.id = $1 AND t.provider = ANY (r.providers) AND t.kind = ANY (r.kinds)
		  AND (t.created_at >= r.from_time AND t.created_at < r.to_time
		       OR t.id IN (SELECT unnest(transaction_ids) FROM tieout.run_results WHERE run_id = $1)) GROUP BY 1
		UNION ALL
		SELECT t.provider, 0, count(*) FROM tieout.run_transactions rt JOIN tieout.transactions t ON t.id = rt.transaction_id WHERE rt.run_id = $1 GROUP BY 1) x
		GROUP BY provider ORDER BY provider`,
	// 3 detail rows add up to the lines
	`SELECT 'net of the rows ' || provider || ' ' || kind || ' ' || currency AS name, sum(a)::bigint AS "left", sum(b)::bigint AS "right", exp FROM (
		SELECT n.provider, n.kind, n.currency, n.exp, n.net AS a, 0::numeric AS b FROM (` + netOfRows + `) n
		UNION ALL
		SELECT provider, kind, currency, exp, 0, sum(net) FROM tieout.run_lines WHERE run_id = $1 GROUP BY 1, 2, 3, 4) x
		GROUP BY provider, kind, currency, exp ORDER BY 1`,
	// 4 the net equation holds on each line
	`SELECT 'net equation ' || business_date || ' ' || provider || ' ' || kind || ' ' || currency AS name, net AS "left",
		gross - refunded + CASE kind WHEN 'payout' THEN fee + tax ELSE -(fee + tax) END AS "right", exp
		FROM tieout.run_lines WHERE run_id = $1 ORDER BY 1`,
	// the five counts of the lines are all payments and orphans
	`SELECT 'payments and orphans on the lines' AS name,
		(SELECT count(*) FROM tieout.run_payments WHERE run_id = $1 AND in_range) + (SELECT count(*) FROM tieout.run_exceptions WHERE run_id = $1 AND orphan) AS "left",
		(SELECT coalesce(sum(count + pending_count + failed_count + reversed_count + exception_count), 0)::bigint FROM tieout.run_lines WHERE run_id = $1) AS "right", -1 AS exp`,
}

func proveBy(ctx context.Context, tx *sqlx.Tx, run *Run, proofs []string) ([]reports.Check, error) {
	var out []reports.Check
	for _, q := range proofs {
		var rows []struct {
			Name  string `db:"name"`
			Left  int64  `db:"left"`
			Right int64  `db:"right"`
			Exp   int    `db:"exp"`
		}
		if err := tx.SelectContext(ctx, &rows, q, run.ID); err != nil {
			return nil, err
		}
		for _, r := range rows {
			out = append(out, reports.Check{Name: r.Name, Left: money.FormatMinor(r.Left, r.Exp), Right: money.FormatMinor(r.Right, r.Exp), Ties: r.Left == r.Right})
		}
	}
	return out, nil
}
