package store_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/store"
)

// small is a generated world: few values, so that ids, references, amounts and
// recipients meet often.
type small struct {
	pays  []pay
	txs   []tx
	says  []said
	rows  []string // of a statement
	claim store.StatementClaim
}

var (
	someRefs     = []string{"", "R1", "R2", "R3"}
	someAmounts  = []string{"100", "60", "40"}
	someCur      = []string{"KES", "KES", "KES", "USD"}
	someAccounts = []string{"", "0712345678", "254712345678", "254799999999"}
	someOrders   = []string{"", "", "O1", "O2"}
	someProvider = []string{"pay", "pay", "pay", "pay-2", "done-list", "full-list"}
	someKinds    = []payment.Kind{payment.Payout, payment.Payout, payment.Payout, payment.Deposit}
)

func pick[T any](t *rapid.T, label string, from []T) T { return rapid.SampledFrom(from).Draw(t, label) }

func order(v string) map[string]string {
	if v == "" {
		return nil
	}
	return map[string]string{"order": v}
}

// moment is a time of days 8 to 10, before the run.
func moment(t *rapid.T, label string) time.Time {
	return start.Add(-time.Duration(rapid.IntRange(1, 60*60).Draw(t, label)) * time.Minute)
}

func drawWorld(t *rapid.T) small {
	var s small
	for i := range rapid.IntRange(0, 6).Draw(t, "payments") {
		s.pays = append(s.pays, pay{
			id: fmt.Sprint("p", i), provider: pick(t, "provider", someProvider), kind: pick(t, "kind", someKinds), ppid: pick(t, "ppid", []string{"", "T0", "T1", "T2", "T3"}),
			ref: pick(t, "ref", someRefs), amount: pick(t, "amount", someAmounts), cur: pick(t, "cur", someCur), account: pick(t, "account", someAccounts),
			status: pick(t, "status", payment.Statuses), meta: order(pick(t, "order", someOrders)), at: moment(t, "at"),
			refunded: pick(t, "ours refunded", []string{"0", "0", "0", "40"}),
		})
	}
	for i := range rapid.IntRange(0, 7).Draw(t, "transactions") {
		s.txs = append(s.txs, tx{
			id: fmt.Sprint("T", i), provider: pick(t, "provider", someProvider), kind: pick(t, "kind", someKinds), own: pick(t, "own", []string{"", "", "p0", "p1", "p2"}),
			ref: pick(t, "ref", someRefs), amount: pick(t, "amount", someAmounts), cur: pick(t, "cur", someCur), account: pick(t, "account", someAccounts),
			status: pick(t, "status", append([]payment.Status{payment.Completed, payment.Completed}, payment.Statuses...)),
			meta:   order(pick(t, "order", someOrders)), at: moment(t, "at"), refunded: pick(t, "refunded", []string{"0", "0", "0", "40", "100"}),
			settled: pick(t, "settled", []string{"", "", "", "60"}), fee: pick(t, "fee", []string{"", "1"}), partial: pick(t, "partial", []bool{false, false, true}),
		})
	}
	for i, p := range s.pays {
		v := rapid.IntRange(-2, int(provider.NotAskable)).Draw(t, fmt.Sprint("verdict of p", i))
		if v < 0 {
			continue
		}
		s.says = append(s.says, said{id: p.id, provider: p.provider, kind: p.kind, verdict: provider.Verdict(v), at: start.Add(time.Duration(rapid.IntRange(-2, 2).Draw(t, "asked")) * time.Minute)})
	}
	return s
}

// drawStatement adds, to every second world, a statement that shows all of the
// days, or an extract.
func (s *small) drawStatement(t *rapid.T) {
	if !rapid.Bool().Draw(t, "statement") {
		return
	}
	s.claim = store.StatementClaim{From: day(8), To: day(11), Now: day(11)}
	if rapid.Bool().Draw(t, "extract") {
		s.claim = store.StatementClaim{Partial: true}
	}
	for range rapid.IntRange(0, 6).Draw(t, "rows") {
		id, ref := pick(t, "id", []string{"", "T0", "T1", "T2", "T8", "p0", "p1"}), pick(t, "ref", append(someRefs, "R9"))
		if id == "" && ref == "" {
			continue
		}
		s.rows = append(s.rows, strings.Join([]string{
			id, ref, pick(t, "kind", []string{"payout", "payout", "payout", "deposit", "", "fee"}), pick(t, "amount", someAmounts), pick(t, "cur", someCur),
			pick(t, "fee", []string{"", "", "2"}), "", pick(t, "status", []string{"", "", "", "completed", "failed", "reversed", "pending"}), moment(t, "at").Format(time.RFC3339),
		}, ","))
	}
}

func (w *world) fill(s small) {
	w.Helper()
	w.clear()
	w.pays(s.pays...)
	w.txs(s.txs...)
	w.says(s.says...)
	if len(s.rows) > 0 {
		w.statement(s.claim, s.rows...)
	}
}

// same compares what two runs found, without identities.
func same(t reporter, what string, a, b found) {
	t.Helper()
	for _, d := range []struct {
		name string
		a, b any
	}{{"results", a.results, b.results}, {"exceptions", a.exceptions, b.exceptions}, {"details", a.details, b.details}, {"roles", a.roles, b.roles}, {"lines", a.lines, b.lines}} {
		if !reflect.DeepEqual(d.a, d.b) {
			t.Errorf("%s changes the %s:\n%v\n%v", what, d.name, d.a, d.b)
		}
	}
}

// check runs a property on one database, which each check finds empty.
func check(t *testing.T, property func(t *rapid.T, w *world)) {
	t.Helper()
	w := newWorld(t)
	rapid.Check(t, func(rt *rapid.T) {
		failed := t.Failed()
		property(rt, w)
		if t.Failed() && !failed {
			rt.Fatalf("a check of the world failed")
		}
	})
}

func TestTheOrderOfWhatComesInDoesNotMatter(t *testing.T) {
	t.Parallel()
	check(t, func(t *rapid.T, w *world) {
		s := drawWorld(t)
		s.drawStatement(t)
		w.fill(s)
		a := w.run(8, 10)
		w.fill(small{
			rapid.Permutation(s.pays).Draw(t, "payments"), rapid.Permutation(s.txs).Draw(t, "transactions"), rapid.Permutation(s.says).Draw(t, "answers"),
			rapid.Permutation(s.rows).Draw(t, "rows"), s.claim,
		})
		same(t, "the order", a, w.run(8, 10))
	})
}

func TestRunningTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	check(t, func(t *rapid.T, w *world) {
		s := drawWorld(t)
		s.drawStatement(t)
		w.fill(s)
		a := w.publish(8, 10, start)
		b := w.publish(8, 10, start)
		same(t, "a second run", a, b)
		if !maps.Equal(a.prints, b.prints) {
			t.Errorf("the identities change: %v, %v", a.prints, b.prints)
		}
	})
}

func TestEachPaymentHasOneResultAndMoneyIsConserved(t *testing.T) {
	t.Parallel()
	check(t, func(t *rapid.T, w *world) {
		s := drawWorld(t)
		w.fill(s)
		f := w.run(8, 10)
		classes := map[string]bool{"matched": true, "pending": true, "exception": true}
		ours := int64(0)
		for _, p := range s.pays {
			r, ok := f.results[p.id]
			if !ok || !classes[r.Result] {
				t.Errorf("payment %s has the result %q", p.id, r.Result)
			}
			if serious := slices.ContainsFunc(f.of(p.id), func(k string) bool { return !payment.ExceptionKind(k).Advisory() }); serious != (r.Result == "exception") {
				t.Errorf("payment %s is %s with the exceptions %v", p.id, r.Result, f.of(p.id))
			}
			ours++
		}
		if len(f.results) != len(s.pays) {
			t.Errorf("%d payments have %d results", len(s.pays), len(f.results))
		}
		orphans := int64(0)
		for _, e := range f.exceptions {
			if strings.Contains(e, "/") {
				orphans++
			}
		}
		if got := f.sum(func(l line) int64 { return l.count + l.pending + l.failed + l.reversed + l.exceptions }); got != ours+orphans {
			t.Errorf("the lines count %d payments and orphans, there are %d and %d", got, ours, orphans)
		}
		w.moneyAddsUp(t, f)
	})
}

// moneyAddsUp says by currency: gross and disputed are what the provider
// completed and has not given back in full, but for what it denies by now.
func (w *world) moneyAddsUp(t reporter, f found) {
	t.Helper()
	want, got := map[string]int64{}, map[string]int64{}
	w.rows(`SELECT t.currency, sum(coalesce(t.settled, t.amount))::bigint FROM tieout.transactions t
		WHERE t.status = 'completed' AND NOT (coalesce(t.refunded, 0) > 0 AND t.refunded >= coalesce(t.settled, t.amount))
		  AND NOT EXISTS (SELECT 1 FROM tieout.run_results r WHERE r.outcome = 'unknown' AND t.id = ANY (r.transaction_ids)
		    AND r.run_id = (SELECT id FROM tieout.runs ORDER BY started_at DESC, id DESC LIMIT 1))
		GROUP BY 1`,
		func(scan func(...any)) {
			var c string
			var n int64
			scan(&c, &n)
			want[c] = n
		})
	for _, l := range f.lines {
		if n := l.gross + l.disputed; n != 0 {
			got[l.cur] += n
		}
		signed := l.fee + l.tax
		if l.kind == "deposit" {
			signed = -signed
		}
		if l.net != l.gross-l.refunded+signed {
			t.Errorf("the net equation does not hold on %+v", l)
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("gross and disputed are %v, the providers completed %v", got, want)
	}
}

func TestDaysApartSayWhatTheyTogetherSay(t *testing.T) {
	t.Parallel()
	check(t, func(t *rapid.T, w *world) {
		s := drawWorld(t)
		s.drawStatement(t)
		w.lists = nil // a list proves something of its own run's days only
		w.fill(s)
		whole := w.run(8, 10)
		var apart []string
		for d := 8; d <= 10; d++ {
			f := w.run(d, d)
			apart = append(apart, f.exceptions...)
			for id, r := range f.results {
				if whole.results[id] != r {
					t.Errorf("payment %s is %v on day %d and %v in the range", id, r, d, whole.results[id])
				}
			}
			for e, id := range f.prints {
				if whole.prints[e] != id {
					t.Errorf("%s is %s on its day and %q in the range", e, id, whole.prints[e])
				}
			}
		}
		slices.Sort(apart)
		if !slices.Equal(apart, whole.exceptions) {
			t.Errorf("the days say %v, the range says %v", apart, whole.exceptions)
		}
	})
}

// One field of a pair that agrees is changed: exactly the exception that this
// change means is raised.
func TestOneChangedFieldRaisesExactlyItsException(t *testing.T) {
	t.Parallel()
	changes := map[string]func(t *rapid.T, p *pay, x *tx) []string{
		"nothing": func(*rapid.T, *pay, *tx) []string { return nil },
		"amount": func(t *rapid.T, _ *pay, x *tx) []string {
			x.amount = fmt.Sprint("100.0", rapid.IntRange(1, 9).Draw(t, "cents"))
			return []string{"amount_mismatch p"}
		},
		"our amount": func(_ *rapid.T, p *pay, _ *tx) []string { p.amount = "99.99"; return []string{"amount_mismatch p"} },
		"what moved": func(_ *rapid.T, _ *pay, x *tx) []string { x.settled = "1"; return []string{"amount_mismatch p"} },
		"currency":   func(_ *rapid.T, _ *pay, x *tx) []string { x.cur = "UGX"; return []string{"currency_mismatch p"} },
		"reference":  func(_ *rapid.T, _ *pay, x *tx) []string { x.ref = "S"; return []string{"reference_mismatch p"} },
		"metadata":   func(_ *rapid.T, _ *pay, x *tx) []string { x.meta = order("2"); return []string{"reference_mismatch p"} },
		"recipient": func(_ *rapid.T, _ *pay, x *tx) []string {
			x.account = "254712345679"
			return []string{"recipient_mismatch p"}
		},
		"refund":     func(_ *rapid.T, _ *pay, x *tx) []string { x.refunded = "1"; return []string{"late_reversal p"} },
		"our refund": func(_ *rapid.T, p *pay, _ *tx) []string { p.refunded = "1"; return []string{"late_reversal p"} },
		"reversal": func(_ *rapid.T, _ *pay, x *tx) []string {
			x.status = payment.Reversed
			return []string{"late_reversal p"}
		},
		"a failure": func(t *rapid.T, _ *pay, x *tx) []string {
			x.status = pick(t, "status", unpaid)
			return []string{"status_mismatch p"}
		},
		"our failure": func(t *rapid.T, p *pay, _ *tx) []string {
			p.status = pick(t, "status", unpaid)
			return []string{"status_mismatch p"}
		},
		"pending": func(_ *rapid.T, _ *pay, x *tx) []string {
			x.status = payment.Pending
			return []string{"status_mismatch p"}
		},
		"our status": func(_ *rapid.T, p *pay, _ *tx) []string { p.status = payment.Pending; return nil },
		"our id of it": func(_ *rapid.T, p *pay, x *tx) []string { // the reference still leads there
			p.ppid, x.own = "elsewhere", ""
			return nil
		},
		"provider": func(_ *rapid.T, _ *pay, x *tx) []string {
			x.provider = "pay-2"
			return []string{"missing_internally /T", "not_polled p"}
		},
		"kind": func(_ *rapid.T, p *pay, x *tx) []string {
			x.kind = payment.Payout
			if p.kind == payment.Payout {
				x.kind = payment.Deposit
			}
			return []string{"missing_internally /T", "not_polled p"}
		},
	}
	names := slices.Sorted(maps.Keys(changes))
	check(t, func(t *rapid.T, w *world) {
		p := pay{id: "p", ppid: "T", ref: "R", account: "254712345678", kind: pick(t, "kind", someKinds), meta: order("1"), at: moment(t, "at").Add(-time.Hour)}
		x := tx{id: "T", own: pick(t, "own", []string{"", "p"}), ref: "R", account: "0712345678", kind: p.kind, meta: order("1"), refunded: "0", at: p.at}
		want := changes[pick(t, "change", names)](t, &p, &x)
		w.fill(small{pays: []pay{p}, txs: []tx{x}})
		f := w.run(8, 10)
		f.only(t, want...)
		w.moneyAddsUp(t, f)
	})
}

// drawPairs is a world of payments that have one transaction each, in which one
// thing at most differs, or one of the two has to do with another pair.
func drawPairs(t *rapid.T) small {
	var s small
	for i := range rapid.IntRange(4, 12).Draw(t, "pairs") {
		p := pay{
			id: fmt.Sprint("p", i), provider: pick(t, "provider", someProvider), kind: pick(t, "kind", someKinds), ref: fmt.Sprint("R", i), amount: "100", cur: "KES",
			account: "254712345678", status: pick(t, "status", payment.Statuses), meta: order(fmt.Sprint("O", i)), at: moment(t, "at"), refunded: "0",
		}
		x := tx{id: fmt.Sprint("T", i), own: p.id, provider: p.provider, kind: p.kind, ref: p.ref, amount: p.amount, cur: p.cur, account: p.account, status: p.status, meta: p.meta, at: p.at}
		if !p.status.Final() || rapid.Bool().Draw(t, "late") {
			x.status = pick(t, "their status", payment.Statuses)
		}
		switch pick(t, "known by", []string{"their id", "their id", "their id", "our id", "reference", "both ids"}) {
		case "their id":
			p.ppid, x.own = x.id, ""
		case "reference":
			x.own = ""
		case "both ids":
			p.ppid = x.id
		}
		other := rapid.IntRange(0, 11).Draw(t, "other")
		verdict := provider.Found
		switch pick(t, "but for", []string{
			"", "", "", "account", "ref", "order", "amount", "settled", "currency", "refunded", "our refund", "both refunds", "partial", "needs", "fee", "answer", "again",
			"their id of another", "our id of another", "reference of another", "hidden reference", "no reference", "echo of the reference", "an id that is a reference", "another transaction", "another payment",
		}) {
		case "account":
			x.account = "254799999999"
		case "ref":
			x.ref = "S"
		case "order":
			x.meta = order("S")
		case "amount":
			x.amount = "60"
		case "settled":
			x.settled = "60"
		case "currency":
			x.cur = "USD"
		case "refunded":
			x.refunded = pick(t, "refunded", someAmounts)
		case "our refund":
			p.refunded = pick(t, "refunded", someAmounts)
		case "both refunds":
			x.refunded, p.refunded = "40", "40"
		case "partial":
			x.partial, verdict = true, provider.NoAnswer
		case "needs":
			x.needs = payment.ActionReview
		case "fee":
			x.fee = pick(t, "fee", []string{"0.5", "1"})
		case "answer":
			verdict = provider.Verdict(rapid.IntRange(0, int(provider.NotAskable)).Draw(t, "verdict"))
		case "again":
			p.ref, x.ref = "R", "R"
		case "their id of another":
			p.ppid = fmt.Sprint("T", other)
		case "our id of another":
			x.own = fmt.Sprint("p", other)
		case "reference of another":
			p.ref = fmt.Sprint("R", other)
			x.ref = pick(t, "their ref", []string{p.ref, x.ref, ""})
		case "hidden reference":
			x.ref = ""
		case "no reference":
			p.ref = ""
		case "echo of the reference":
			x.own = p.ref
		case "an id that is a reference":
			p.id = fmt.Sprint("R", other)
		case "another transaction":
			twin := x
			twin.id, twin.status = fmt.Sprint("U", i), pick(t, "its status", payment.Statuses)
			twin.own, twin.ref = pick(t, "its own", []string{"", x.own, p.id}), pick(t, "its ref", []string{"", p.ref})
			s.txs = append(s.txs, twin)
		case "another payment":
			twin := p
			twin.id, twin.ppid, twin.ref = fmt.Sprint("q", i), pick(t, "its ppid", []string{"", x.id}), pick(t, "its ref", []string{"", p.ref})
			s.pays = append(s.pays, twin)
		}
		if slices.ContainsFunc(s.pays, func(o pay) bool { return o.id == p.id }) {
			continue
		}
		s.pays, s.txs = append(s.pays, p), append(s.txs, x)
		s.says = append(s.says, said{id: p.id, provider: p.provider, kind: p.kind, verdict: verdict, at: start.Add(2 * time.Minute)})
	}
	return s
}

// Pairs in which nothing differs have their result in one pass. A provider of
// which a statement was ever imported goes the long way: both say the same.
func TestTheShortWayForPlainPairsChangesNothing(t *testing.T) {
	t.Parallel()
	stored := func(w *world) (rows []string) {
		w.rows(`SELECT 'result', to_jsonb(r) - 'run_id' FROM tieout.run_results r UNION ALL SELECT 'transaction', to_jsonb(r) - 'run_id' FROM tieout.run_transactions r ORDER BY 1, 2`,
			func(scan func(...any)) {
				var table, row string
				scan(&table, &row)
				rows = append(rows, table+" "+row)
			})
		return rows
	}
	check(t, func(t *rapid.T, w *world) {
		w.rules.Schedule = []store.ScheduledFee{{Provider: "pay", Kind: "payout", Currency: "KES", Percent: "0.5", Fixed: "0"}}
		if rapid.IntRange(0, 3).Draw(t, "hostile") == 0 {
			w.fill(drawWorld(t))
		} else {
			w.fill(drawPairs(t))
		}
		a := w.run(8, 10)
		rows := stored(w)
		w.exec(`DELETE FROM tieout.run_results; DELETE FROM tieout.run_transactions`)
		for _, p := range providers {
			w.exec(`INSERT INTO tieout.statement_rows (provider, identity, sha256, n, entry, provider_payment_id, currency, exp, amount, status, at)
				VALUES ($1, 'x', 'x', 1, 'payment', 'of another year', 'KES', 2, 1, 'completed', '2001-01-01')`, p)
		}
		same(t, "the short way", a, w.run(8, 10))
		if long := stored(w); !slices.Equal(rows, long) {
			t.Errorf("the short way stores other rows:\n%s\n%s", strings.Join(rows, "\n"), strings.Join(long, "\n"))
		}
		w.exec(`DELETE FROM tieout.statement_rows`)
	})
}
