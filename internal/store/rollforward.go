package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"

	"tieout/reports"
)

// rollForwardProofs: what moved is what is left, each added up from its own
// table; and of the range's own payments it is what the lines have as pending.
var rollForwardProofs = []string{
	`SELECT 'pending ' || provider || ' ' || kind || ' ' || currency AS name, sum(a)::bigint AS "left", sum(b)::bigint AS "right", exp FROM (
		SELECT provider, kind, currency, exp, opening + new - completed - failed - set_aside AS a, 0 AS b FROM tieout.run_rollforward WHERE run_id = $1
		UNION ALL SELECT provider, kind, currency, exp, 0, amount FROM tieout.run_pending WHERE run_id = $1) x
		GROUP BY provider, kind, currency, exp ORDER BY 1`,
	`SELECT 'pending of the range ' || currency AS name, sum(a)::bigint AS "left", sum(b)::bigint AS "right", exp FROM (
		SELECT currency, exp, pending_amount AS a, 0 AS b FROM tieout.run_lines WHERE run_id = $1
		UNION ALL SELECT p.currency, p.exp, 0, p.amount FROM tieout.run_pending p JOIN tieout.run_payments USING (run_id, payment_id) WHERE p.run_id = $1) x
		GROUP BY currency, exp ORDER BY 1`,
}

// carryPending notes what the run leaves pending, and how that came from what it
// began with.
func carryPending(ctx context.Context, tx *sqlx.Tx, run *Run) ([]reports.Check, error) {
	for _, st := range steps("rollforward.sql") {
		for _, q := range strings.Split(strings.TrimSpace(st.SQL), ";\n") {
			var args []any
			if strings.Contains(q, "$1") {
				args = append(args, run.ID)
			}
			if _, err := tx.ExecContext(ctx, q, args...); err != nil {
				return nil, fmt.Errorf("%s: %w", st.Name, err)
			}
		}
	}
	return proveBy(ctx, tx, run, rollForwardProofs)
}

// rollForward is how the pending total moved since before the range.
func (s *Store) rollForward(ctx context.Context, run *Run) ([]reports.RollForward, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT provider, kind, currency, exp, opening, new, completed, failed, set_aside,
		coalesce((SELECT sum(amount)::bigint FROM tieout.run_pending p WHERE p.run_id = f.run_id AND p.provider = f.provider AND p.kind = f.kind AND p.currency = f.currency AND p.exp = f.exp), 0)
		FROM tieout.run_rollforward f WHERE run_id = $1 ORDER BY 1, 2, 3, 4`, run.ID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []reports.RollForward
	for rows.Next() {
		var r reports.RollForward
		if err := rows.Scan(&r.Provider, &r.Kind, &r.Currency, &r.Exp, &r.Opening, &r.New, &r.Completed, &r.Failed, &r.SetAside, &r.Closing); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// carriedFrom names the report that the opening is from; zero where there is none.
func (s *Store) carriedFrom(ctx context.Context, run *Run) (reports.Carried, error) {
	var from []struct {
		Version int64  `db:"version"`
		From    string `db:"from_date"`
		To      string `db:"to_date"`
		ID      string `db:"id"`
	}
	err := s.db.SelectContext(ctx, &from, `SELECT b.version, b.from_date::text, b.to_date::text, b.id FROM tieout.runs r JOIN tieout.runs b ON b.id = r.carried_from WHERE r.id = $1`, run.ID)
	if err != nil || len(from) == 0 {
		return reports.Carried{}, err
	}
	return reports.Carried{RunID: from[0].ID, Version: int(from[0].Version), From: from[0].From, To: from[0].To}, nil
}
