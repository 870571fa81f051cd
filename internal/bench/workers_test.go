package bench

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tieout/internal/corpus"
	"tieout/jobs"
)

// clear empties all tables but the schema's own.
func (s *site) clear(t testing.TB) {
	t.Helper()
	var tables []string
	if err := s.db.SelectContext(t.Context(), &tables, `SELECT 'tieout.' || tablename FROM pg_tables WHERE schemaname = 'tieout' AND tablename NOT LIKE '%goose%' AND tablename <> 'mask_key' ORDER BY 1`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.db.ExecContext(t.Context(), `TRUNCATE `+strings.Join(tables, ", ")+` RESTART IDENTITY`); err != nil {
		t.Fatal(err)
	}
}

// left is all that a run says of payments, transactions, differences and money;
// not by which numbers the database knows them.
func (s *site) left(t testing.TB) []string {
	t.Helper()
	var out []string
	for _, q := range []string{
		`SELECT concat_ws('|', 'result', payment_id, result, outcome, match_method, provider_payment_id, provider_reference, raw_status, provider_amount, provider_currency,
			refunded, fee, tax) FROM tieout.run_results`,
		`SELECT concat_ws('|', 'exception', exception_id, kind, severity, provider, payment_kind, payment_id, provider_payment_id, reference, internal_amount, provider_amount,
			currency, provider_currency, internal_status, provider_status, account, business_date, match_method, at_risk, detail) FROM tieout.run_exceptions`,
		`SELECT concat_ws('|', 'transaction', t.provider, t.kind, t.key, rt.role, rt.payment_id) FROM tieout.run_transactions rt JOIN tieout.transactions t ON t.id = rt.transaction_id`,
		`SELECT concat_ws('|', 'line', (to_jsonb(l) - 'run_id')::text) FROM tieout.run_lines l`,
	} {
		var rows []string
		if err := s.db.SelectContext(t.Context(), &rows, q+` ORDER BY 1`); err != nil {
			t.Fatal(err)
		}
		out = append(out, rows...)
	}
	return out
}

// However many workers ask the providers, and however their answers overtake
// each other, a run says the same.
func TestTheNumberOfWorkersChangesNoResult(t *testing.T) {
	t.Parallel()
	s := emptySite(t)
	rapid.Check(t, func(rt *rapid.T) {
		o := corpus.Options{
			Seed: rapid.Int64().Draw(rt, "seed"), Payments: rapid.IntRange(10, 60).Draw(rt, "payments"), Days: rapid.IntRange(1, 2).Draw(rt, "days"),
			From: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), Location: time.UTC, Accounts: corpus.DefaultAccounts(), DifferenceShare: 0.5,
			FeeSchedule: true, Statements: rapid.Bool().Draw(rt, "statements"),
		}
		w := corpus.Generate(o)
		run := func(workers int) []string {
			s.clear(t)
			s.load(t, w, o)
			for i := range s.env.Config.Providers {
				s.env.Config.Providers[i].Concurrency = workers
			}
			if o.Statements {
				s.importStatements(t, w)
			}
			if _, err := s.env.Run(t.Context(), jobs.Request{Steps: []jobs.Job{jobs.Pull, jobs.Poll, jobs.Match, jobs.Settle}, Range: s.span}); err != nil {
				t.Fatal(err)
			}
			return s.left(t)
		}
		one, many := run(1), rapid.IntRange(2, 40).Draw(rt, "workers")
		if d := cmp.Diff(one, run(many)); d != "" {
			rt.Fatal(fmt.Sprintf("%d workers change the result (-one +many):\n%s", many, d))
		}
		if len(one) < len(w.Payments) {
			rt.Fatalf("%d rows are too few for %d payments: nothing was compared", len(one), len(w.Payments))
		}
	})
}
