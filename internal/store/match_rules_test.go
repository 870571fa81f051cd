package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/store"
)

func TestSeveralPaymentsPaidAsOneAreABatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.rules.BatchKeys = []string{"batch"}
	meta := func(b string) map[string]string { return map[string]string{"batch": b} }
	w.pays(
		pay{id: "a1", amount: "60", meta: meta("A")}, pay{id: "a2", amount: "40", meta: meta("A")},
		pay{id: "b1", amount: "60", meta: meta("B"), provider: "part-list"}, pay{id: "b2", amount: "40", meta: meta("B"), provider: "part-list"}, // no sum
		pay{id: "c1", amount: "50", meta: meta("C"), provider: "part-list"}, // one alone is no batch
	)
	w.txs(tx{id: "TA", amount: "100", fee: "3", meta: meta("A")}, tx{id: "TB", amount: "99", meta: meta("B"), provider: "part-list"},
		tx{id: "TC", amount: "50", meta: meta("C"), provider: "part-list"})
	f := w.run(1, 10)
	for _, id := range []string{"a1", "a2"} {
		f.expect(t, id, "matched completed")
		f.method(t, id, payment.ByMetadata)
		if f.results[id].PPID != "TA" {
			t.Errorf("%s: %+v", id, f.results[id])
		}
	}
	f.role(t, "TA", "matched")
	for _, id := range []string{"b1", "b2", "c1"} {
		if f.results[id].Result != "exception" {
			t.Errorf("%s was matched: %+v", id, f.results[id])
		}
	}
	f.role(t, "TB", "exception")
	f.role(t, "TC", "exception")
	if gross, fee := f.sum(func(l line) int64 { return l.gross }), f.sum(func(l line) int64 { return l.fee }); gross != 10000 || fee != 300 {
		t.Errorf("gross %d, fee %d: each payment has its share, the fee counts once", gross, fee)
	}
}

func TestABatchIsChargedAsOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.rules.BatchKeys = []string{"batch"}
	w.rules.Schedule = []store.ScheduledFee{{Provider: "pay", Kind: "payout", Currency: "KES", Percent: "1.5", Fixed: "0.25"}}
	for id, fee := range map[string]string{"as agreed": "1.75", "more": "1.76"} {
		meta := map[string]string{"batch": id}
		w.pays(pay{id: id + " 1", amount: "60", meta: meta}, pay{id: id + " 2", amount: "40", meta: meta})
		w.txs(tx{id: "T " + id, amount: "100", fee: fee, meta: meta})
	}
	w.run(10, 10).only(t, "fee_mismatch more 1")
}

func TestABatchOfTwoDaysIsOneOnEachOfThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.rules.MetadataKeys, w.rules.BatchKeys = nil, []string{"batch"}
	meta := map[string]string{"batch": "B"}
	w.pays(pay{id: "late", amount: "60", meta: meta, at: day(5).Add(-time.Minute)}, pay{id: "early", amount: "40", meta: meta, at: day(5).Add(time.Minute)})
	w.txs(tx{id: "T", amount: "100", meta: meta, at: day(5).Add(time.Hour)})
	for n, id := range map[int]string{4: "late", 5: "early"} {
		f := w.run(n, n)
		f.only(t)
		f.expect(t, id, "matched completed")
	}
}

// A key that is used again has nothing to do with what was paid long before.
func TestOnlyPaymentsInsideTheWindowAreABatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.rules.MetadataKeys, w.rules.BatchKeys = nil, []string{"batch"}
	meta := map[string]string{"batch": "salaries"}
	month := func(n int, amounts ...string) {
		for i, a := range amounts {
			w.pays(pay{id: fmt.Sprint(n, "-", i), amount: a, meta: meta, at: day(n)})
		}
		w.txs(tx{id: fmt.Sprint("T", n), amount: "100", meta: meta, at: day(n)})
	}
	month(2, "60", "40")
	month(9, "70", "30")
	w.pays(pay{id: "at the edge", amount: "1", meta: meta, at: day(9).Add(-window)}, pay{id: "beyond", amount: "3", meta: meta, at: day(9).Add(-window - time.Millisecond)})
	w.txs(tx{id: "T9", amount: "101", meta: meta, at: day(9)})
	for _, days := range [][2]int{{1, 10}, {9, 9}} {
		f := w.run(days[0], days[1])
		f.expect(t, "9-0", "matched completed")
		f.expect(t, "9-1", "matched completed")
		if days[0] == 1 {
			f.expect(t, "2-0", "matched completed")
			f.expect(t, "at the edge", "matched completed")
			f.expect(t, "beyond", "exception", payment.NotPolled)
		}
	}
}

func TestLimitsOfAProviderKindAndCurrencyReplaceTheGeneralOnes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.rules.Limits = []store.Limit{{Provider: "pay", Kind: "payout", Currency: "UGX", Grace: 6 * time.Hour, Stale: time.Hour, StaleNeed: 12 * time.Hour}}
	pending := tx{status: payment.Pending}
	of := func(id, cur string) tx { x := pending; x.id, x.own, x.cur = id, id, cur; return x }
	w.pays(
		pay{id: "kes", status: payment.Pending}, pay{id: "ugx", cur: "UGX", status: payment.Pending},
		pay{id: "done-kes"}, pay{id: "done-ugx", cur: "UGX"},
		pay{id: "gone-kes"}, pay{id: "gone-ugx", cur: "UGX"},
	)
	w.txs(of("kes", "KES"), of("ugx", "UGX"), of("done-kes", "KES"), of("done-ugx", "UGX"),
		tx{id: "open-kes", status: payment.Pending}, tx{id: "open-ugx", cur: "UGX", status: payment.Pending})
	w.says(said{id: "gone-kes", verdict: provider.Unknown}, said{id: "gone-ugx", verdict: provider.Unknown})
	f := w.run(1, 10)
	f.expect(t, "kes", "pending pending")
	f.expect(t, "ugx", "exception pending", payment.StalePending)
	f.expect(t, "done-kes", "exception pending", payment.StatusMismatch)
	f.expect(t, "done-ugx", "pending pending")
	f.expect(t, "gone-kes", "exception unknown", payment.MissingAtProvider)
	f.expect(t, "gone-ugx", "pending unknown")
	f.role(t, "open-kes", "exception")
	f.role(t, "open-ugx", "unclaimed")
}

func TestNearMissesAreSuggestedAndNeverMatched(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(pay{id: "p1", ref: "DP-20260310-000123"}, pay{id: "p2", ref: "DP-20260310-000777"})
	w.txs(tx{id: "T1", ref: "DP-20260310-000132"}, tx{id: "T2", ref: "XY-20260310-000999"})
	w.says(said{id: "p1", verdict: provider.Unknown}, said{id: "p2", verdict: provider.Unknown})
	f := w.run(1, 10)
	f.only(t, "missing_at_provider p1", "missing_at_provider p2", "missing_internally /T1", "missing_internally /T2")
	for name, want := range map[string]string{
		"missing_at_provider p1": `Perhaps it is their T1, whose reference is "DP-20260310-000132".`,
		"missing_internally /T1": `Perhaps it is our p1, whose reference is "DP-20260310-000123".`,
		"missing_at_provider p2": "",
		"missing_internally /T2": "",
	} {
		if got := f.details[name]; want != "" && !strings.HasSuffix(got, want) || want == "" && strings.Contains(got, "Perhaps") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// A mistyped id is suggested like a mistyped reference, and what only a
// statement shows like a transaction.
func TestNearMissesOfIdsAndStatementsAreSuggested(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(pay{id: "p1", ppid: "PHY5EE64C6590", ref: "R1"}, pay{id: "p2", ref: "DP-20260310-000777"})
	w.txs(tx{id: "PHY5EE64C6509"})
	w.says(said{id: "p1", verdict: provider.Unknown}, said{id: "p2", verdict: provider.Unknown})
	w.statement(store.StatementClaim{Partial: true}, ",DP-20260310-0007777,payout,100,KES,,,")
	f := w.run(10, 10)
	f.only(t, "missing_at_provider p1", "missing_at_provider p2", "missing_internally ", "missing_internally /PHY5EE64C6509")
	for name, want := range map[string]string{
		"missing_at_provider p1":            `Perhaps it is their PHY5EE64C6509: the id in our record is "PHY5EE64C6590".`,
		"missing_internally /PHY5EE64C6509": `Perhaps it is our p1, which has their id as "PHY5EE64C6590".`,
		"missing_at_provider p2":            `Perhaps it is their row in the statement, whose reference is "DP-20260310-0007777".`,
		"missing_internally ":               `Perhaps it is our p2, whose reference is "DP-20260310-000777".`,
	} {
		if got := f.details[name]; !strings.HasSuffix(got, want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}
