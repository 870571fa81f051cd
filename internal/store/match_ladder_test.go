package store_test

import (
	"strings"
	"testing"
	"time"

	"tieout/internal/payment"
	"tieout/internal/provider"
)

const (
	byID   = payment.ByProviderID
	byRef  = payment.ByReference
	byMeta = payment.ByMetadata
)

func TestTheThreeRungs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(
		pay{id: "p-given", ppid: "T1"},
		pay{id: "p-own"},
		pay{id: "p-ref", ref: "R3"},
		pay{id: "p-meta", meta: map[string]string{"order": "O4"}},
		pay{id: "p-meta2", meta: map[string]string{"invoice": "I5"}},
		pay{id: "p-both", ppid: "T6", ref: "R6"},
	)
	w.txs(
		tx{id: "T1"}, tx{id: "T2", own: "p-own"}, tx{id: "T3", ref: "R3"}, tx{id: "T4", meta: map[string]string{"order": "O4"}},
		tx{id: "T5", meta: map[string]string{"invoice": "I5"}}, tx{id: "T6", ref: "R6"},
	)
	f := w.run(1, 10)
	f.only(t)
	for id, m := range map[string]payment.MatchMethod{"p-given": byID, "p-own": byID, "p-ref": byRef, "p-meta": byMeta, "p-meta2": byMeta, "p-both": byID} {
		f.expect(t, id, "matched completed")
		f.method(t, id, m)
	}
	f.conserves(t, w, 0)
}

func TestAnotherProvidersOrKindsTransactionIsNoCandidate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(pay{id: "p", ppid: "T1", ref: "R1", status: payment.Pending, meta: map[string]string{"order": "O"}})
	w.says(said{id: "p", verdict: provider.Unknown})
	w.txs(tx{id: "T1", provider: "pay-2", ref: "R1", own: "p", meta: map[string]string{"order": "O"}}, tx{id: "T1", kind: payment.Deposit, ref: "R1", own: "p"})
	f := w.run(1, 10)
	f.only(t, "missing_at_provider p", "missing_internally /T1", "missing_internally /T1")
	f.conserves(t, w, 0)
}

func TestABatchIDNeedsTheItemsReference(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(pay{id: "p1", ppid: "B", ref: "R1"}, pay{id: "p2", ppid: "B", ref: "R2"}, pay{id: "p3", ppid: "B", ref: "R3"})
	w.txs(tx{id: "B", batched: true, ref: "R1"}, tx{id: "B", batched: true, ref: "R2", status: payment.Failed}, tx{id: "B", batched: true, ref: "p3"})
	f := w.run(1, 10)
	f.expect(t, "p1", "matched completed")
	f.expect(t, "p2", "exception failed", payment.StatusMismatch)
	f.expect(t, "p3", "matched completed") // a merchant may send its id instead
	for _, id := range []string{"p1", "p2", "p3"} {
		f.method(t, id, byID)
	}
	f.only(t, "status_mismatch p2")
}

func TestAUUIDMeansTheSameInEitherCase(t *testing.T) {
	t.Parallel()
	const lower, upper = "8f3b2c1d-0a4e-4c6b-9d7f-1e2a3b4c5d6e", "8F3B2C1D-0A4E-4C6B-9D7F-1E2A3B4C5D6E"
	for name, c := range map[string]struct {
		p pay
		x tx
	}{
		"given upper, shown lower": {pay{id: "p", ppid: upper}, tx{id: lower}},
		"given lower, shown upper": {pay{id: "p", ppid: lower}, tx{id: upper}},
		"own id upper":             {pay{id: upper}, tx{id: "T", own: lower}},
		"own id lower":             {pay{id: lower}, tx{id: "T", own: upper}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, apart := range []bool{false, true} {
				w := newWorld(t)
				w.rules.MetadataKeys = nil // its window would bring the days together
				p, x := c.p, c.x
				if apart { // the transaction is of the day before
					p.at, x.at = day(5).Add(time.Minute), day(5).Add(-time.Minute)
				}
				w.pays(p)
				w.txs(x)
				f := w.run(1, 10)
				f.expect(t, p.id, "matched completed")
				f.method(t, p.id, byID)
				f.only(t)
				if apart {
					f = w.run(5, 5)
					f.expect(t, p.id, "matched completed")
					f = w.run(4, 4)
					f.only(t)
				}
			}
		})
	}
}

func TestAnOrdinaryIDMeansItselfInOneCaseOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(pay{id: "p", ppid: "abc"})
	w.says(said{id: "p", verdict: provider.Unknown})
	w.txs(tx{id: "ABC"})
	w.run(1, 10).only(t, "missing_at_provider p", "missing_internally /ABC")
}

func TestWhatAnotherPaymentsIDClaimsIsNoCandidate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(pay{id: "mine", ref: "R", status: payment.Pending}, pay{id: "theirs", ppid: "T", ref: "other"})
	w.says(said{id: "mine", verdict: provider.Unknown})
	w.txs(tx{id: "T", ref: "R"})
	f := w.run(1, 10)
	f.only(t, "missing_at_provider mine", "reference_mismatch theirs")
	f.conserves(t, w, 0)
}

// The claim of a payment of another day counts as well.
func TestAnIDOfAnotherDaysPaymentClaimsToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(pay{id: "mine", ref: "R", status: payment.Pending}, pay{id: "theirs", ppid: "T", ref: "other", at: day(3)})
	w.says(said{id: "mine", verdict: provider.Unknown})
	w.txs(tx{id: "T", ref: "R"})
	f := w.run(10, 10)
	f.only(t, "missing_at_provider mine")
	f.role(t, "T", "elsewhere")
}

func TestWhatAHigherRungSettledIsOutOfTheCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// three payments share a reference; two have ids
	w.pays(pay{id: "a", ppid: "TA", ref: "R", account: "0711111111"}, pay{id: "b", ppid: "TB", ref: "R", account: "0722222222"}, pay{id: "c", ref: "R", account: "0733333333"})
	w.txs(tx{id: "TA", ref: "R"}, tx{id: "TB", ref: "R"}, tx{id: "TC", ref: "R"})
	f := w.run(1, 10)
	f.only(t)
	f.method(t, "c", byRef)
	if got := f.results["c"].PPID; got != "TC" {
		t.Errorf("c was matched with %s", got)
	}
	f.conserves(t, w, 0)
}

func TestSeveralPaymentsLeftOnAReferenceAreAmbiguous(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(pay{id: "a", ref: "R", account: "1"}, pay{id: "b", ref: "R", account: "2", status: payment.Pending, at: start.Add(-90 * time.Hour)},
		pay{id: "settled", ppid: "T0", ref: "R", account: "3"})
	w.txs(tx{id: "T0", ref: "R"}, tx{id: "T1", ref: "R"}, tx{id: "T2", ref: "R", amount: "70"})
	f := w.run(1, 10)
	f.only(t, "ambiguous_match a", "ambiguous_match b") // no stale_pending beside it
	if got := f.details["ambiguous_match a"]; !strings.HasSuffix(got, "The other payments: b. At pay: T1 (100.00 KES, completed), T2 (70.00 KES, completed).") {
		t.Errorf("detail %q", got)
	}
	f.expect(t, "settled", "matched completed")
	f.role(t, "T1", "candidate")
	f.role(t, "T2", "candidate")
	f.conserves(t, w, 0)
	if got := f.sum(func(l line) int64 { return l.exceptions }); got != 2 {
		t.Errorf("%d exceptions are counted: the candidates are no orphans", got)
	}
}

func TestAReferenceThatTheProviderNeverShowsIsNotAmbiguous(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(pay{id: "a", ref: "R", status: payment.Pending}, pay{id: "b", ref: "R", status: payment.Pending})
	w.says(said{id: "a", verdict: provider.Unknown}, said{id: "b", verdict: provider.Unknown})
	w.run(1, 10).only(t, "missing_at_provider a", "missing_at_provider b")
}

func TestAnIDThatSeveralPaymentsHoldIsAmbiguous(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(pay{id: "a", ppid: "T", ref: "RA"}, pay{id: "b", ppid: "T", ref: "RB"})
	w.txs(tx{id: "T"}, tx{id: "T2", ref: "RA"})
	f := w.run(1, 10)
	f.only(t, "ambiguous_match a", "ambiguous_match b")
	f.role(t, "T", "candidate")
	f.role(t, "T2", "candidate") // it carries a's reference: a candidate of a
	if got := f.details["ambiguous_match a"]; !strings.HasSuffix(got, "The other payments: b. At pay: T (100.00 KES, completed), T2 (100.00 KES, completed).") {
		t.Errorf("detail %q", got)
	}
	f.conserves(t, w, 0)
}

func TestMetadataThatSeveralPaymentsShareNamesThemAndTheTransaction(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shared := func(invoice string) map[string]string { return map[string]string{"order": "1", "invoice": invoice} }
	w.pays(pay{id: "a", meta: shared("2")}, pay{id: "b", meta: shared("3")}, pay{id: "c", amount: "99", meta: shared("4")})
	w.txs(tx{id: "T1", meta: shared("5")}, tx{id: "T2", amount: "98", meta: shared("6")})
	f := w.run(1, 10)
	for id, other := range map[string]string{"a": "b", "b": "a"} {
		if got := f.details["ambiguous_match "+id]; !strings.HasSuffix(got, "The other payments: "+other+". At pay: T1 (100.00 KES, completed).") {
			t.Errorf("detail %q", got)
		}
	}
}

// Such an id settles nothing: its payments still hold their references.
func TestAnIDThatSeveralPaymentsHoldLeavesTheirReferences(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pays []pay
		want []string
	}{
		"to both of them":  {[]pay{{id: "a", ppid: "T", ref: "R"}, {id: "b", ppid: "T", ref: "R", account: "2"}}, []string{"ambiguous_match a", "ambiguous_match b"}},
		"and to a third":   {[]pay{{id: "a", ppid: "T", ref: "R"}, {id: "b", ppid: "T"}, {id: "c", ref: "R"}}, []string{"ambiguous_match a", "ambiguous_match b", "ambiguous_match c"}},
		"of other amounts": {[]pay{{id: "a", ppid: "T", ref: "R", amount: "70"}, {id: "b", ppid: "T", amount: "70"}, {id: "c", ref: "R"}}, []string{"ambiguous_match a", "ambiguous_match b", "ambiguous_match c"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.pays(c.pays...)
			w.txs(tx{id: "T", amount: c.pays[0].amount}, tx{id: "T2", ref: "R"})
			f := w.run(1, 10)
			f.only(t, c.want...)
			f.role(t, "T2", "candidate")
			if got := f.details["ambiguous_match c"]; len(c.pays) > 2 && !strings.Contains(got, "The other payments: a.") {
				t.Errorf("detail %q", got)
			}
			f.conserves(t, w, 0)
		})
	}
}

func TestAFurtherTransactionOfASettledReferenceIsAnAttempt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(pay{id: "p", ppid: "T1", ref: "R"})
	w.txs(tx{id: "T1", ref: "R"}, tx{id: "T0", ref: "R", status: payment.Failed, at: noon.Add(-time.Minute)})
	f := w.run(1, 10)
	f.only(t)
	f.expect(t, "p", "matched completed")
	f.role(t, "T1", "matched")
	f.role(t, "T0", "unclaimed")
}

func TestAFurtherTransactionOfSeveralSettledPaymentsIsNobodys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(pay{id: "a", ppid: "T1", ref: "R", account: "1"}, pay{id: "b", ppid: "T2", ref: "R", account: "2"})
	w.txs(tx{id: "T1", ref: "R"}, tx{id: "T2", ref: "R"}, tx{id: "T3", ref: "R"})
	f := w.run(1, 10)
	f.only(t, "missing_internally /T3")
	f.conserves(t, w, 0)
}

func TestAttempts(t *testing.T) {
	t.Parallel()
	early, late := noon.Add(-time.Hour), noon
	young := start.Add(-5 * time.Minute)
	for name, c := range map[string]struct {
		ours       payment.Status
		txs        []tx
		want, ppid string
		exceptions []string
		roles      map[string]string
	}{
		"the completed one is the match": {
			payment.Completed,
			[]tx{{id: "A", status: payment.Failed, at: late}, {id: "B", at: early}},
			"matched completed", "B", nil,
			map[string]string{"A": "unclaimed", "B": "matched"},
		},
		"else one still pending": {
			payment.Pending,
			[]tx{{id: "A", status: payment.Failed, at: late}, {id: "B", status: payment.Pending, at: early}},
			"pending pending", "B", nil,
			map[string]string{"A": "unclaimed", "B": "pending"},
		},
		"else the newest": {
			payment.Pending,
			[]tx{{id: "A", status: payment.Failed, at: early}, {id: "B", status: payment.Expired, at: late}},
			"matched expired", "B", nil,
			map[string]string{"A": "unclaimed", "B": "matched"},
		},
		"pending past grace beside a completed one": {
			payment.Completed,
			[]tx{{id: "A", status: payment.Pending, at: early}, {id: "B", at: late}},
			"matched completed", "B",
			[]string{"duplicate_payment p/A"},
			map[string]string{"A": "exception", "B": "matched"},
		},
		"pending inside grace beside a completed one": {
			payment.Completed,
			[]tx{{id: "A", status: payment.Pending, at: young}, {id: "B", at: late}},
			"matched completed", "B", nil,
			map[string]string{"A": "pending", "B": "matched"},
		},
		"pending for exactly grace": {
			payment.Completed,
			[]tx{{id: "A", status: payment.Pending, at: start.Add(-grace)}, {id: "B", at: late}},
			"matched completed", "B", nil,
			map[string]string{"A": "pending", "B": "matched"},
		},
		"one reversed and tried again": {
			payment.Completed,
			[]tx{{id: "A", status: payment.Reversed, at: early}, {id: "B", at: late}},
			"matched completed", "B", nil,
			map[string]string{"B": "matched"},
		},
		"refunded in full and paid again": {
			payment.Completed,
			[]tx{{id: "A", refunded: "100", at: early}, {id: "B", at: late}},
			"matched completed", "B", nil,
			map[string]string{"B": "matched"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.pays(pay{id: "p", ref: "R", status: c.ours})
			for _, x := range c.txs {
				x.ref = "R"
				w.txs(x)
			}
			f := w.run(1, 10)
			f.only(t, c.exceptions...)
			if got := f.results["p"]; got.Result+" "+got.Outcome != c.want || got.PPID != c.ppid {
				t.Errorf("the payment is %v, want %s with %s", got, c.want, c.ppid)
			}
			for k, v := range c.roles {
				f.role(t, k, v)
			}
			f.conserves(t, w, 0)
		})
	}
}

func TestPaidMoreThanOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(pay{id: "p", ref: "R"}, pay{id: "q", ref: "Q", status: payment.Failed}, pay{id: "tie", ref: "E"})
	w.txs(
		tx{id: "P2", ref: "R", at: noon}, tx{id: "P1", ref: "R", at: noon.Add(-time.Minute)}, tx{id: "P3", ref: "R", at: noon.Add(time.Minute)},
		tx{id: "P0", ref: "R", status: payment.Pending, at: noon.Add(-2 * time.Minute)},
		tx{id: "Q1", ref: "Q"}, tx{id: "Q2", ref: "Q", at: noon.Add(time.Minute)},
		tx{id: "E2", ref: "E"}, tx{id: "E1", ref: "E"},
	)
	f := w.run(1, 10)
	f.only(t, "duplicate_payment p/P2", "duplicate_payment p/P3", "duplicate_payment p/P0", "status_mismatch q", "duplicate_payment q/Q2", "duplicate_payment tie/E2")
	f.expect(t, "p", "matched completed")
	f.expect(t, "tie", "matched completed")
	if f.results["p"].PPID != "P1" || f.results["tie"].PPID != "E1" {
		t.Errorf("matched with %s and %s, want the earliest, then the smaller id", f.results["p"].PPID, f.results["tie"].PPID)
	}
	f.conserves(t, w, 0)
	if n := f.sum(func(l line) int64 { return l.exceptions }); n != 6 {
		t.Errorf("%d exceptions are counted, want 6: q and five transactions of their own", n)
	}
}

func TestASplitIsMatchedWithAllItsParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(pay{id: "p", ref: "R"}, pay{id: "q", ref: "Q", refunded: "10"})
	w.txs(
		tx{id: "Z", ref: "R", amount: "60", at: noon}, tx{id: "A", ref: "R", amount: "40", at: noon.Add(time.Minute)},
		tx{id: "F", ref: "R", amount: "40", status: payment.Failed},
		tx{id: "Q1", ref: "Q", amount: "50", settled: "30", fee: "1"}, tx{id: "Q2", ref: "Q", amount: "70", refunded: "10", fee: "2", at: noon.Add(time.Minute)},
	)
	f := w.run(1, 10)
	f.only(t)
	f.expect(t, "p", "matched completed")
	f.expect(t, "q", "matched completed")
	if got := f.results["p"].PPID; got != "Z+A" {
		t.Errorf("the ids are %s, want the oldest first", got)
	}
	f.role(t, "Z", "matched")
	f.role(t, "A", "matched")
	f.role(t, "F", "unclaimed")
	f.conserves(t, w, 0)
	if len(f.lines) != 1 || f.lines[0].gross != 20000 || f.lines[0].refunded != 1000 || f.lines[0].fee != 300 || f.lines[0].net != 19300 {
		t.Errorf("lines: %+v", f.lines)
	}
}

func TestEachPartOfASplitIsCompared(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	meta := func(v string) map[string]string { return map[string]string{"order": v} }
	w.pays(pay{id: "account", ref: "A", account: "0712345678"}, pay{id: "reference", ppid: "R1", ref: "R"}, pay{id: "key", ppid: "K1", ref: "K", meta: meta("1")},
		pay{id: "same", ppid: "S1", ref: "S", account: "0712345678", meta: meta("1")}, pay{id: "mixed", ppid: "M1", ref: "M", meta: meta("1")})
	w.txs(
		tx{id: "A1", ref: "A", amount: "60", account: "254712345678", at: noon.Add(-time.Minute)}, tx{id: "A2", ref: "A", amount: "40", account: "254799999999"},
		tx{id: "R0", ref: "R", amount: "60", at: noon.Add(-time.Minute)}, tx{id: "R1", ref: "another", amount: "40"},
		tx{id: "K0", ref: "K", amount: "60", at: noon.Add(-time.Minute), meta: meta("1")}, tx{id: "K1", ref: "K", amount: "40", meta: meta("2")},
		tx{id: "M0", ref: "M", amount: "60", at: noon.Add(-time.Minute), meta: meta("2")}, tx{id: "M1", amount: "40"}, // found by the reference, it may differ
		tx{id: "S0", ref: "S", amount: "60", at: noon.Add(-time.Minute), account: "254712345678", meta: meta("1")}, tx{id: "S1", amount: "40"},
	)
	f := w.run(1, 10)
	f.only(t, "recipient_mismatch account", "reference_mismatch reference", "reference_mismatch key")
	if d := f.details["recipient_mismatch account"]; !strings.Contains(d, "254799999999") {
		t.Errorf("detail %q", d)
	}
	f.conserves(t, w, 0)
}

func TestCompletedOnesThatDoNotFitAreAmbiguous(t *testing.T) {
	t.Parallel()
	for name, txs := range map[string][]tx{
		"neither equal nor adding up": {{id: "A"}, {id: "B", amount: "40", at: noon.Add(time.Minute)}, {id: "C", status: payment.Failed}},
		"adding up to less":           {{id: "A", amount: "30"}, {id: "B", amount: "40"}},
		"adding up in two currencies": {{id: "A", amount: "60"}, {id: "B", amount: "40", cur: "USD"}},
		"equal in another currency":   {{id: "A", cur: "USD"}, {id: "B", cur: "USD"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.pays(pay{id: "p", ref: "R"})
			for _, x := range txs {
				x.ref = "R"
				w.txs(x)
			}
			f := w.run(1, 10)
			f.only(t, "ambiguous_match p")
			f.expect(t, "p", "exception", payment.AmbiguousMatch)
			for _, x := range txs {
				f.role(t, x.id, "candidate")
			}
			f.conserves(t, w, 0)
		})
	}
}

func TestTheMetadataRung(t *testing.T) {
	t.Parallel()
	m := func(kv ...string) map[string]string {
		out := map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			out[kv[i]] = kv[i+1]
		}
		return out
	}
	for name, c := range map[string]struct {
		pays       []pay
		txs        []tx
		exceptions []string
		matched    map[string]string // payment -> transaction
		method     payment.MatchMethod
	}{
		"the first key goes first": {
			[]pay{{id: "a", meta: m("order", "1", "invoice", "2")}},
			[]tx{{id: "T1", meta: m("invoice", "2")}, {id: "T2", meta: m("order", "1"), at: noon.Add(time.Minute)}},
			[]string{"missing_internally /T1"},
			map[string]string{"a": "T2"},
			"",
		},
		"the second key for who has none by the first": {
			[]pay{{id: "a", meta: m("order", "1", "invoice", "2")}, {id: "b", meta: m("invoice", "2")}},
			[]tx{{id: "T1", meta: m("order", "1", "invoice", "2")}, {id: "T2", meta: m("invoice", "2")}},
			nil,
			map[string]string{"a": "T1", "b": "T2"},
			"",
		},
		"another amount":       {[]pay{{id: "a", meta: m("order", "1")}}, []tx{{id: "T1", amount: "99", meta: m("order", "1")}}, []string{"not_polled a", "missing_internally /T1"}, nil, ""},
		"another currency":     {[]pay{{id: "a", meta: m("order", "1")}}, []tx{{id: "T1", cur: "USD", meta: m("order", "1")}}, []string{"not_polled a", "missing_internally /T1"}, nil, ""},
		"a key not in use":     {[]pay{{id: "a", meta: m("name", "1")}}, []tx{{id: "T1", meta: m("name", "1")}}, []string{"not_polled a", "missing_internally /T1"}, nil, ""},
		"an empty value":       {[]pay{{id: "a", meta: m("order", "")}}, []tx{{id: "T1", meta: m("order", "")}}, []string{"not_polled a", "missing_internally /T1"}, nil, ""},
		"at the window's edge": {[]pay{{id: "a", meta: m("order", "1")}}, []tx{{id: "T1", at: noon.Add(-window), meta: m("order", "1")}}, nil, map[string]string{"a": "T1"}, ""},
		"outside the window": {
			[]pay{{id: "a", meta: m("order", "1")}},
			[]tx{{id: "T1", at: noon.Add(-window - time.Millisecond), meta: m("order", "1")}},
			[]string{"not_polled a", "missing_internally /T1"},
			nil, "",
		},
		"two payments, one transaction": {
			[]pay{{id: "a", meta: m("order", "1")}, {id: "b", meta: m("order", "1")}},
			[]tx{{id: "T1", meta: m("order", "1")}},
			[]string{"ambiguous_match a", "ambiguous_match b"},
			nil, "",
		},
		"not where the reference has a candidate": {
			[]pay{{id: "a", ref: "R", meta: m("order", "1")}},
			[]tx{{id: "T1", ref: "R"}, {id: "T2", meta: m("order", "1")}},
			[]string{"missing_internally /T2"},
			map[string]string{"a": "T1"},
			byRef,
		},
		"a transaction that a reference holds is out": {
			[]pay{{id: "a", ref: "R"}, {id: "b", meta: m("order", "1")}},
			[]tx{{id: "T1", ref: "R", meta: m("order", "1")}},
			[]string{"not_polled b"},
			map[string]string{"a": "T1"},
			byRef,
		},
		"several attempts": {
			[]pay{{id: "a", meta: m("order", "1")}},
			[]tx{{id: "T1", status: payment.Failed, meta: m("order", "1")}, {id: "T2", meta: m("order", "1")}},
			nil,
			map[string]string{"a": "T2"},
			"",
		},
		"paid twice": {
			[]pay{{id: "a", meta: m("order", "1")}},
			[]tx{{id: "T1", meta: m("order", "1")}, {id: "T2", meta: m("order", "1"), at: noon.Add(time.Minute)}},
			[]string{"duplicate_payment a/T2"},
			map[string]string{"a": "T1"},
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.pays(c.pays...)
			w.txs(c.txs...)
			f := w.run(1, 10)
			f.only(t, c.exceptions...)
			for id, key := range c.matched {
				f.expect(t, id, "matched completed")
				f.method(t, id, or(c.method, byMeta))
				if f.results[id].PPID != key {
					t.Errorf("%s was matched with %s, want %s", id, f.results[id].PPID, key)
				}
			}
			f.conserves(t, w, 0)
		})
	}
}

// A transaction beside the range may be another payment's by another key, which
// counts before the one that leads into the range.
func TestAllValuesOfATransactionBesideTheRangeAreLookedAround(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(pay{id: "day 9", at: noon.AddDate(0, 0, -1), meta: map[string]string{"invoice": "I"}}, pay{id: "day 10", at: noon, meta: map[string]string{"order": "O"}})
	w.txs(tx{id: "T", at: noon, meta: map[string]string{"order": "O", "invoice": "I"}})
	w.run(9, 9).expect(t, "day 9", "exception", payment.NotPolled)
	w.run(10, 10).expect(t, "day 10", "matched completed")
	w.run(9, 10).expect(t, "day 9", "exception", payment.NotPolled)
}
