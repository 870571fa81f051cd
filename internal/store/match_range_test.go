package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tieout/internal/payment"
	"tieout/internal/provider"
)

// Just before and just after the midnight between days 4 and 5.
var (
	evening = day(5).Add(-time.Minute)
	morning = day(5).Add(time.Minute)
)

func TestATransactionWhosePaymentIsOfAnotherDayIsNoOrphan(t *testing.T) {
	t.Parallel()
	meta := map[string]string{"order": "O"}
	for name, c := range map[string]struct {
		p pay
		x tx
	}{
		"by the provider's id":   {pay{id: "p", ppid: "T"}, tx{id: "T"}},
		"by our id":              {pay{id: "p"}, tx{id: "T", own: "p"}},
		"by a batch and an item": {pay{id: "p", ppid: "T", ref: "R"}, tx{id: "T", batched: true, ref: "R"}},
		"by the reference":       {pay{id: "p", ref: "R"}, tx{id: "T", ref: "R"}},
		"by metadata":            {pay{id: "p", meta: meta}, tx{id: "T", meta: meta}},
	} {
		for _, days := range []struct {
			name   string
			p, t   time.Time
			pd, td int
		}{{"the payment first", evening, morning, 4, 5}, {"the transaction first", morning, evening, 5, 4}} {
			t.Run(name+", "+days.name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				p, x := c.p, c.x
				p.at, x.at = days.p, days.t
				w.pays(p)
				w.txs(x)
				key := x.transaction(t).Key()
				f := w.run(days.pd, days.pd) // the match goes with its payment
				f.only(t)
				f.expect(t, "p", "matched completed")
				f.role(t, key, "matched")
				f.conserves(t, w, 0)
				f = w.run(days.td, days.td)
				f.only(t)
				f.role(t, key, "elsewhere")
				if len(f.lines) != 0 {
					t.Errorf("it is counted twice: %+v", f.lines)
				}
			})
		}
	}
}

func TestOrphans(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old, young := start.Add(-time.Hour), start.Add(-5*time.Minute)
	for _, s := range payment.Statuses {
		w.txs(tx{id: "old " + string(s), status: s, at: old}, tx{id: "young " + string(s), status: s, at: young}, tx{id: "other day " + string(s), status: s, at: day(2)})
	}
	w.txs(tx{id: "returned", refunded: "100"}, tx{id: "at grace", status: payment.Pending, at: start.Add(-grace)})
	f := w.run(10, 10)
	f.only(t, "missing_internally /old completed", "missing_internally /old reversed", "missing_internally /old pending", "missing_internally /old created",
		"missing_internally /young completed", "missing_internally /young reversed", "missing_internally /returned")
	for _, s := range []string{"failed", "cancelled", "expired", "rejected"} {
		f.role(t, "old "+s, "unclaimed")
	}
	f.role(t, "at grace", "unclaimed")
	f.role(t, "other day completed", "")
	f.conserves(t, w, 0)
	if got := f.sum(func(l line) int64 { return l.disputed }); got != 20000 {
		t.Errorf("%d are disputed, want the two completed ones that were not returned", got)
	}
}

func TestADuplicateIsReportedInTheRangeItFallsIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(pay{id: "p", ref: "R", at: day(4).Add(time.Hour)})
	w.txs(tx{id: "T1", ref: "R", at: day(4).Add(time.Hour)}, tx{id: "T2", ref: "R", at: day(6).Add(time.Hour)},
		tx{id: "open", ref: "R", status: payment.Pending, at: day(7).Add(time.Hour)}, tx{id: "failed", ref: "R", status: payment.Failed, at: day(8).Add(time.Hour)})
	w.run(4, 4).only(t)
	w.run(6, 6).only(t, "duplicate_payment p/T2")
	w.run(7, 7).only(t, "duplicate_payment p/open")
	f := w.run(8, 8)
	f.only(t)
	f.role(t, "failed", "unclaimed")
	f = w.run(4, 8)
	f.only(t, "duplicate_payment p/T2", "duplicate_payment p/open")
	f.expect(t, "p", "matched completed")
	f.conserves(t, w, 0)
}

// Every difference has its day: two single days say what one range of two says,
// with the same identities.
func TestTwoDaysSayWhatTheirRangeSays(t *testing.T) {
	t.Parallel()
	meta := map[string]string{"order": "O"}
	a, b := day(4).Add(10*time.Hour), day(5).Add(10*time.Hour)
	const lower, upper = "8f3b2c1d-0a4e-4c6b-9d7f-1e2a3b4c5d6e", "8F3B2C1D-0A4E-4C6B-9D7F-1E2A3B4C5D6E"
	for name, c := range map[string]struct {
		pays []pay
		txs  []tx
		says []said
		want []string
	}{
		"duplicate records": {
			[]pay{{id: "a", ppid: "A", ref: "R", at: a}, {id: "b", ppid: "B", ref: "R", at: b}},
			[]tx{{id: "A", ref: "R", at: a}, {id: "B", ref: "R", at: b}},
			nil,
			[]string{"duplicate_payment b"},
		},
		"no duplicate of a failed one": {
			[]pay{{id: "a", ppid: "A", ref: "R", at: a}, {id: "b", ppid: "B", ref: "R", at: b}},
			[]tx{{id: "A", ref: "R", status: payment.Failed, at: a}, {id: "B", ref: "R", at: b}},
			nil,
			[]string{"status_mismatch a"},
		},
		"no duplicate of an unknown one": {
			[]pay{{id: "a", ppid: "A", ref: "R", at: a}, {id: "b", ppid: "B", ref: "R", at: b}},
			[]tx{{id: "B", ref: "R", at: b}},
			[]said{{id: "a", verdict: provider.Unknown}},
			[]string{"missing_at_provider a"},
		},
		"no duplicate of one that it once knew": {
			[]pay{{id: "a", ppid: "A", ref: "R", at: a}, {id: "b", ppid: "B", ref: "R", at: b}},
			[]tx{{id: "A", ref: "R", at: a}, {id: "B", ref: "R", at: b}},
			[]said{{id: "a", verdict: provider.Unknown}},
			[]string{"late_reversal a"},
		},
		"no duplicate of an ambiguous one": {
			[]pay{{id: "a", ref: "R", at: a}, {id: "b", ppid: "B", ref: "R", at: b}},
			[]tx{{id: "A1", ref: "R", at: a}, {id: "A2", ref: "R", amount: "7", at: a}, {id: "B", ref: "R", at: b}},
			nil,
			[]string{"ambiguous_match a"},
		},
		"no duplicate of one that could not be read": {
			[]pay{{id: "a", ppid: "A", ref: "R", at: a}, {id: "b", ppid: "B", ref: "R", at: b}},
			[]tx{{id: "B", ref: "R", at: b}},
			[]said{{id: "a", verdict: provider.Invalid}},
			[]string{"invalid_provider_data a"},
		},
		"no duplicate of one refunded in full": {
			[]pay{{id: "a", ppid: "A", ref: "R", refunded: "100", at: a}, {id: "b", ppid: "B", ref: "R", at: b}},
			[]tx{{id: "A", ref: "R", refunded: "100", at: a}, {id: "B", ref: "R", at: b}},
			nil,
			nil,
		},
		"a reference of two": {
			[]pay{{id: "a", ref: "R", account: "1", at: a}, {id: "b", ref: "R", account: "2", at: b}},
			[]tx{{id: "T", ref: "R", at: a}},
			nil,
			[]string{"ambiguous_match a", "ambiguous_match b"},
		},
		"an id of two": {
			[]pay{{id: "a", ppid: "T", at: a}, {id: "b", ppid: "T", at: b}}, []tx{{id: "T", at: a}}, nil, []string{"ambiguous_match a", "ambiguous_match b"},
		},
		"an id of two, in two cases": {
			[]pay{{id: "a", ppid: lower, at: a}, {id: "b", ppid: upper, at: b}}, []tx{{id: lower, at: a}}, nil, []string{"ambiguous_match a", "ambiguous_match b"},
		},
		"an id of two, of a third day": {
			[]pay{{id: "a", ppid: "T", at: a}, {id: "b", ppid: "T", at: b}}, []tx{{id: "T", at: day(2)}}, nil, []string{"ambiguous_match a", "ambiguous_match b"},
		},
		"metadata of two": {
			[]pay{{id: "a", meta: meta, at: a}, {id: "b", meta: meta, at: b}}, []tx{{id: "T", meta: meta, at: a}}, nil, []string{"ambiguous_match a", "ambiguous_match b"},
		},
		"an id claims what a reference of the other day holds": {
			[]pay{{id: "a", ref: "R", at: a}, {id: "b", ppid: "T", ref: "S", at: b}},
			[]tx{{id: "T", ref: "R", at: a}},
			[]said{{id: "a", verdict: provider.Unknown}},
			[]string{"missing_at_provider a", "reference_mismatch b"},
		},
		"split over two days": {
			[]pay{{id: "a", ref: "R", at: a}}, []tx{{id: "T1", ref: "R", amount: "60", at: a}, {id: "T2", ref: "R", amount: "40", at: b}}, nil, nil,
		},
		"amounts that don't fit, over two days": {
			[]pay{{id: "a", ref: "R", at: a}}, []tx{{id: "T1", ref: "R", amount: "60", at: a}, {id: "T2", ref: "R", amount: "50", at: b}}, nil, []string{"ambiguous_match a"},
		},
		"an orphan of each day": {nil, []tx{{id: "T1", at: a}, {id: "T2", at: b}}, nil, []string{"missing_internally /T1", "missing_internally /T2"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, keys := range [][]string{{"order"}, nil} {
				if len(keys) == 0 && (len(c.pays) == 0 || c.pays[0].meta != nil) {
					continue
				}
				w := newWorld(t)
				w.rules.MetadataKeys = keys
				w.pays(c.pays...)
				w.txs(c.txs...)
				w.says(c.says...)
				one, two, both := w.run(4, 4), w.run(5, 5), w.run(4, 5)
				both.only(t, slices.Clone(c.want)...)
				apart := append(slices.Clone(one.exceptions), two.exceptions...)
				slices.Sort(apart)
				if !slices.Equal(apart, both.exceptions) {
					t.Errorf("keys %v: the single days say %v and %v, the range says %v", keys, one.exceptions, two.exceptions, both.exceptions)
				}
				for _, f := range []found{one, two} {
					for e, id := range f.ids {
						if both.ids[e] != id {
							t.Errorf("%s is %s on its day and %q in the range", e, id, both.ids[e])
						}
					}
					for id, r := range f.results {
						if both.results[id] != r {
							t.Errorf("payment %s is %v on its day and %v in the range", id, r, both.results[id])
						}
					}
				}
				sum := func(l line) int64 { return l.gross + l.disputed }
				if one.sum(sum)+two.sum(sum) != both.sum(sum) && name != "an id of two, of a third day" {
					t.Errorf("the single days add up to %d and %d, the range to %d", one.sum(sum), two.sum(sum), both.sum(sum))
				}
			}
		})
	}
}

func TestALocalDayHoldsBothItsEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, at := range []time.Time{day(4).Add(-time.Microsecond), day(4), day(5).Add(-time.Microsecond), day(5)} {
		w.pays(pay{id: fmt.Sprint(i), ppid: fmt.Sprint("T", i), at: at})
		w.txs(tx{id: fmt.Sprint("T", i), at: at})
	}
	f := w.run(4, 4)
	if len(f.results) != 2 || f.results["1"].Result != "matched" || f.results["2"].Result != "matched" {
		t.Errorf("the day holds %v", f.results)
	}
	f.only(t)
}
