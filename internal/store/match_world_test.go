package store_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/lib/pq"

	"tieout/internal/exception"
	"tieout/internal/ledger"
	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/store"
	"tieout/internal/store/pgtest"
	"tieout/reports"
)

// A world is a merchant's ledger and what providers said, in a real database.
// Payments and transactions are written by the public ways in, runs go through
// Pull, Surround, Match and Settle, and what they left is read back by SQL.

var zone = func() *time.Location {
	l, err := time.LoadLocation("Africa/Nairobi")
	if err != nil {
		panic(err)
	}
	return l
}()

// day gives a local day of March 2026, and start a run's start beside it.
func day(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, zone) }

// start is when a run of these worlds begins, unless a test says otherwise.
var start = day(10).Add(15 * time.Hour)

const (
	grace      = 15 * time.Minute
	stale      = 72 * time.Hour // payouts
	staleIn    = 24 * time.Hour // deposits
	staleNeeds = 24 * time.Hour
	window     = 72 * time.Hour
)

// Providers of every world; the last three have lists that prove something.
var providers = []string{"done-list", "full-list", "part-list", "pay", "pay-2"}

// pay is a payment of the ledger; what is left empty gets a usual value.
type pay struct {
	id, provider, ppid, ref, amount, cur, account, refunded string
	kind                                                    payment.Kind
	status                                                  payment.Status
	meta                                                    map[string]string
	at                                                      time.Time
}

// tx is a provider's transaction; what is left empty gets a usual value.
type tx struct {
	id, own, provider, ref, amount, cur, account, raw string
	settled, refunded, fee, tax                       string // empty: not stated
	kind                                              payment.Kind
	status                                            payment.Status
	needs                                             payment.Action
	meta                                              map[string]string
	at, asked                                         time.Time
	batched, partial                                  bool
}

// said is an answer about one payment.
type said struct {
	id, provider, reason string
	kind                 payment.Kind
	verdict              provider.Verdict
	at                   time.Time
	txs                  []tx
}

func or[T comparable](v, usual T) T {
	var zero T
	if v == zero {
		return usual
	}
	return v
}

// noon is when payments are made unless a case says otherwise: past every
// grace, not stale.
var noon = start.Add(-3 * time.Hour)

func (p pay) full() pay {
	p.provider, p.kind, p.cur, p.amount = or(p.provider, "pay"), or(p.kind, payment.Payout), or(p.cur, "KES"), or(p.amount, "100")
	p.status = or(p.status, payment.Completed)
	if p.at.IsZero() {
		p.at = noon
	}
	return p
}

func (x tx) full() tx {
	x.provider, x.kind, x.cur, x.amount = or(x.provider, "pay"), or(x.kind, payment.Payout), or(x.cur, "KES"), or(x.amount, "100")
	x.status = or(x.status, payment.Completed)
	if x.at.IsZero() {
		x.at = noon
	}
	if x.asked.IsZero() {
		x.asked = start.Add(time.Minute)
	}
	return x
}

func amountOf(t testing.TB, text, currency string) money.Amount {
	t.Helper()
	a, err := money.Scale{}.Parse(text, currency)
	if err != nil {
		t.Fatalf("amount %q %s: %v", text, currency, err)
	}
	return a
}

func (x tx) transaction(t testing.TB) payment.Transaction {
	t.Helper()
	x = x.full()
	stated := func(text string) *money.Amount {
		if text == "" {
			return nil
		}
		a := amountOf(t, text, x.cur)
		return &a
	}
	return payment.Transaction{
		Kind: x.kind, ID: x.id, Batched: x.batched, OwnID: x.own, Reference: x.ref, Status: x.status, RawStatus: or(x.raw, string(x.status)),
		NeedsAction: x.needs, Amount: amountOf(t, x.amount, x.cur), Settled: stated(x.settled), Refunded: stated(x.refunded),
		Fee: stated(x.fee), Tax: stated(x.tax), Account: x.account, Metadata: x.meta, CreatedAt: x.at, Partial: x.partial,
	}
}

// reporter is what both a test and a property's check can be told.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
}

type world struct {
	testing.TB
	db     *sql.DB
	store  *store.Store
	ledger *store.Ledger
	rules  store.MatchRules
	lists  map[string]provider.Reach // of both kinds, by provider
}

func migrated(ctx context.Context, url string) error {
	s, err := store.Open(ctx, url)
	if err != nil {
		return err
	}
	if _, err := s.Migrate(ctx); err != nil {
		_ = s.Close()
		return err
	}
	return s.Close()
}

func newWorld(t testing.TB) *world {
	t.Helper()
	url := pgtest.Prepared(t, "migrated", migrated)
	s, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	l, err := s.OpenLedger(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	return &world{
		TB: t, db: db, store: s, ledger: l,
		rules: store.MatchRules{
			MetadataKeys: []string{"order", "invoice"}, DateWindow: window, Grace: grace, StaleDeposit: staleIn, StalePayout: stale,
			StaleNeed: staleNeeds, Location: zone, Mask: func(a string) string { return a },
			Thresholds: exception.Thresholds{Of: func(string, int) (int64, int64, bool) { return 0, 0, false }},
		},
		lists: map[string]provider.Reach{
			"done-list": {Complete: true, CompletedOnly: true},
			"full-list": {Complete: true},
			"part-list": {Why: "the list ended early"},
		},
	}
}

func (w *world) exec(q string, args ...any) {
	w.Helper()
	if _, err := w.db.ExecContext(w.Context(), q, args...); err != nil {
		w.Fatalf("%s: %v", q, err)
	}
}

// clear empties the world for the next check of a property.
func (w *world) clear() {
	w.Helper()
	var all strings.Builder
	for _, table := range []string{
		"payments", "transactions", "answers", "exceptions", "exception_ids", "exception_history", "payment_outcomes",
		"runs", "run_locks", "run_payments", "run_lists", "run_results", "run_transactions", "run_exceptions", "run_lines", "run_checks", "settlement_lines",
		"statement_files", "statement_rows", "statement_coverage", "run_statements",
	} {
		fmt.Fprintf(&all, "DELETE FROM tieout.%s;", table)
	}
	w.exec(all.String())
}

func (w *world) pays(list ...pay) {
	w.Helper()
	for _, p := range list {
		p = p.full()
		meta, err := json.Marshal(p.meta)
		if err != nil {
			w.Fatal(err)
		}
		if p.meta == nil {
			meta = []byte("{}")
		}
		null := func(s string) any {
			if s == "" {
				return nil
			}
			return s
		}
		w.exec(`INSERT INTO tieout.payments (id, kind, provider, provider_payment_id, reference, amount, currency, status, account, metadata, created_at, refunded_amount)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
			ON CONFLICT (id) DO UPDATE SET status = excluded.status, provider_payment_id = excluded.provider_payment_id, reference = excluded.reference,
				amount = excluded.amount, refunded_amount = excluded.refunded_amount, account = excluded.account`,
			p.id, string(p.kind), p.provider, null(p.ppid), null(p.ref), p.amount, p.cur, string(p.status), null(p.account), string(meta), p.at, or(p.refunded, "0"))
	}
}

// txs saves rows of lists.
func (w *world) txs(list ...tx) {
	w.Helper()
	for _, x := range list {
		x = x.full()
		page := store.ListPage{Page: provider.Page{Transactions: []payment.Transaction{x.transaction(w)}}, At: x.asked}
		if err := w.store.SavePages(w.Context(), &store.Run{ID: "EARLIER"}, x.provider, x.kind, false, []store.ListPage{page}); err != nil {
			w.Fatal(err)
		}
	}
}

// says saves answers of status calls.
func (w *world) says(list ...said) {
	w.Helper()
	for _, a := range list {
		kind := or(a.kind, payment.Payout)
		at := a.at
		if at.IsZero() {
			at = start.Add(2 * time.Minute)
		}
		answer := provider.Answer{Verdict: a.verdict, Reason: or(a.reason, "the reason")}
		for _, x := range a.txs {
			answer.Transactions = append(answer.Transactions, x.transaction(w))
		}
		asked := store.Asked{Query: provider.Query{PaymentID: a.id, Kind: kind, CreatedAt: noon}, Answer: answer, At: at}
		if err := w.store.SaveAnswers(w.Context(), &store.Run{ID: "EARLIER"}, or(a.provider, "pay"), false, []store.Asked{asked}); err != nil {
			w.Fatal(err)
		}
	}
}

// result is a row of run_results.
type result struct{ Result, Outcome, Method, PPID string }

// found is what a run left.
type found struct {
	results    map[string]result
	exceptions []string          // "kind payment" or "kind payment/transaction" or "kind /transaction", sorted
	details    map[string]string // by the same text
	ids        map[string]string // the exceptions' identities, by the same text
	prints     map[string]string // and by what makes them the same
	roles      map[string]string // by transaction
	lines      []line
	checks     []reports.Check
}

type line struct {
	date, provider, kind, cur                                 string
	count, gross, refunded, fee, tax, net, disputed           int64
	pending, pendingAmount, failed, failedAmount              int64
	reversed, reversedAmount, exceptions, exceptionAmount, fk int64
}

// run runs days [from, to] of March 2026 at the usual time.
func (w *world) run(from, to int) found { w.Helper(); return w.runAt(from, to, start) }

func (w *world) runAt(from, to int, now time.Time) found {
	w.Helper()
	f, run, lease := w.begin(from, to, now)
	w.end(run, lease)
	return f
}

// publish runs and makes the run public, so that its exceptions live on.
func (w *world) publish(from, to int, now time.Time) found {
	w.Helper()
	f, run, lease := w.begin(from, to, now)
	version, _, err := w.store.NextVersion(w.Context(), run)
	if err != nil {
		w.Fatal(err)
	}
	if err := w.store.Publish(w.Context(), run, lease, version, 0, w.TempDir(), nil); err != nil {
		w.Fatal(err)
	}
	if err := lease.Release(w.Context()); err != nil {
		w.Fatal(err)
	}
	return f
}

func (w *world) end(run *store.Run, lease *store.Lease) {
	w.Helper()
	if err := w.store.Fail(w.Context(), run, 1, "a test's run"); err != nil {
		w.Fatal(err)
	}
	if err := lease.Release(w.Context()); err != nil {
		w.Fatal(err)
	}
}

func (w *world) begin(from, to int, now time.Time) (found, *store.Run, *store.Lease) {
	w.Helper()
	ctx := w.Context()
	utc := func(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, time.UTC) }
	sel := store.Selection{From: utc(from), To: utc(to), Start: day(from), End: day(to + 1), Providers: providers, Kinds: []string{"deposit", "payout"}, Name: "all"}
	run, lease, err := w.store.Hold(ctx, sel, "digest", now.UTC(), true)
	if err != nil {
		w.Fatal(err)
	}
	scales := map[string]money.Scale{}
	for _, p := range providers {
		scales[p] = money.Scale{}
	}
	rules := ledger.Rules{Scales: scales}
	scope := store.Scope{Providers: providers, Kinds: run.Kinds, Location: zone, MetadataKeys: slices.Concat(w.rules.MetadataKeys, w.rules.BatchKeys), DateWindow: window, References: w.rules.References}
	if _, err := w.store.Pull(ctx, run, w.ledger, rules, scope, func(int64) {}); err != nil {
		w.Fatal(err)
	}
	for name, reach := range w.lists {
		for _, k := range []payment.Kind{payment.Payout, payment.Deposit} {
			q := provider.ListQuery{Kind: k, From: day(from).Add(-24 * time.Hour), To: day(to + 1)}
			if err := w.store.SaveReach(ctx, run, name, q, reach, now); err != nil {
				w.Fatal(err)
			}
		}
	}
	for range 2 { // a step may be run again
		if err := w.store.Surround(ctx, run, w.ledger, rules, scope); err != nil {
			w.Fatal(err)
		}
	}
	matched, err := w.store.Match(ctx, run, w.rules)
	if err != nil {
		w.Fatal(err)
	}
	checks, err := w.store.Settle(ctx, run, zone)
	if err != nil {
		w.Fatal(err)
	}
	f := w.read(run)
	f.checks = checks
	var n int64
	for _, c := range matched.Results {
		n += c
	}
	if int(n) != len(f.results) {
		w.Errorf("Match counts %d results, the run has %d", n, len(f.results))
	}
	for _, c := range checks {
		if !c.Ties {
			w.Errorf("control total %q does not tie: %s, %s", c.Name, c.Left, c.Right)
		}
	}
	return f, run, lease
}

func (w *world) rows(q string, each func(scan func(...any)), args ...any) {
	w.Helper()
	rows, err := w.db.QueryContext(w.Context(), q, args...)
	if err != nil {
		w.Fatalf("%s: %v", q, err)
	}
	defer func() {
		if err := rows.Close(); err != nil {
			w.Error(err)
		}
	}()
	for rows.Next() {
		each(func(into ...any) {
			if err := rows.Scan(into...); err != nil {
				w.Fatal(err)
			}
		})
	}
	if err := rows.Err(); err != nil {
		w.Fatal(err)
	}
}

func (w *world) read(run *store.Run) found {
	w.Helper()
	f := found{results: map[string]result{}, details: map[string]string{}, ids: map[string]string{}, prints: map[string]string{}, roles: map[string]string{}}
	w.rows(`SELECT payment_id, result, coalesce(outcome, ''), coalesce(match_method, ''), coalesce(provider_payment_id, '') FROM tieout.run_results WHERE run_id = $1`,
		func(scan func(...any)) {
			var id string
			var r result
			scan(&id, &r.Result, &r.Outcome, &r.Method, &r.PPID)
			f.results[id] = r
		}, run.ID)
	w.rows(`SELECT e.kind, coalesce(e.payment_id, ''), coalesce(t.key, ''), e.detail, e.exception_id, i.fingerprint FROM tieout.run_exceptions e
		JOIN tieout.exception_ids i USING (exception_id) LEFT JOIN tieout.transactions t ON t.id = e.transaction_id WHERE e.run_id = $1 ORDER BY e.detail`,
		func(scan func(...any)) {
			var kind, id, key, detail, identity, fingerprint string
			scan(&kind, &id, &key, &detail, &identity, &fingerprint)
			name := kind + " " + id
			if key != "" {
				name += "/" + key
			}
			f.exceptions = append(f.exceptions, name)
			f.details[name], f.ids[name], f.prints[fingerprint] = detail, identity, identity
		}, run.ID)
	slices.Sort(f.exceptions)
	w.rows(`SELECT t.key, rt.role FROM tieout.run_transactions rt JOIN tieout.transactions t ON t.id = rt.transaction_id WHERE rt.run_id = $1`,
		func(scan func(...any)) {
			var key, role string
			scan(&key, &role)
			f.roles[key] = role
		}, run.ID)
	w.rows(`SELECT business_date::text, provider, kind, currency, count, gross, refunded, fee, tax, net, fee_known_count, disputed, pending_count, pending_amount,
		failed_count, failed_amount, reversed_count, reversed_amount, exception_count, exception_amount
		FROM tieout.run_lines WHERE run_id = $1 ORDER BY 1, 2, 3, 4`,
		func(scan func(...any)) {
			var l line
			scan(&l.date, &l.provider, &l.kind, &l.cur, &l.count, &l.gross, &l.refunded, &l.fee, &l.tax, &l.net, &l.fk, &l.disputed, &l.pending, &l.pendingAmount,
				&l.failed, &l.failedAmount, &l.reversed, &l.reversedAmount, &l.exceptions, &l.exceptionAmount)
			f.lines = append(f.lines, l)
		}, run.ID)
	return f
}
