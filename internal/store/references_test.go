package store_test

import (
	"fmt"
	"testing"
	"time"

	"tieout/internal/payment"
	"tieout/internal/store"
)

// Two spellings, and the rules by which they are one.
func TestReferencesAreComparedAsTheProviderIsConfigured(t *testing.T) {
	t.Parallel()
	all := payment.ReferenceRules
	for i, c := range []struct {
		ours, theirs string
		rules        []payment.ReferenceRule
		same         bool
	}{
		{"INV-7", "INV-7", nil, true},
		{"INV-7", "inv-7", nil, false},
		{"INV-7", "inv-7", []payment.ReferenceRule{payment.IgnoreCase}, true},
		{"INV-7", "INV7", []payment.ReferenceRule{payment.IgnoreCase}, false},
		{"INV-7", "INV7", []payment.ReferenceRule{payment.IgnoreDashes}, true},
		{"INV_7", "INV–7", []payment.ReferenceRule{payment.IgnoreDashes}, true},
		{"INV 7", "INV7 ", []payment.ReferenceRule{payment.IgnoreSpaces}, true},
		{"INV\u00a07", "INV7", []payment.ReferenceRule{payment.IgnoreSpaces}, true},
		{"INV 7", "INV-7", []payment.ReferenceRule{payment.IgnoreSpaces}, false},
		{"00700", "700", []payment.ReferenceRule{payment.IgnoreLeadingZeros}, true},
		{"00700", "7", []payment.ReferenceRule{payment.IgnoreLeadingZeros}, false},
		{"INV-007", "INV-7", []payment.ReferenceRule{payment.IgnoreLeadingZeros}, false}, // not at the beginning
		{"-00 ab-1", "AB1", all, true},
		{"ÉAB", "éab", all, false}, // only A to Z
		{"000", "0", all, false},   // nothing would be left
		{"O'Brien", "o'brien", all, true},
		{"INV-7", "INV-8", all, false},
	} {
		t.Run(fmt.Sprintf("%d %s %s", i, c.ours, c.theirs), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.rules.References = store.References{"full-list": c.rules}
			w.pays(pay{id: "by-ref", ref: c.ours, provider: "full-list"},
				pay{id: "by-id", ref: c.ours, provider: "full-list", kind: payment.Deposit, ppid: "T2"},
				pay{id: "other", ref: c.ours, provider: "pay"})
			w.txs(tx{id: "T1", ref: c.theirs, provider: "full-list"},
				tx{id: "T2", ref: c.theirs, provider: "full-list", kind: payment.Deposit},
				tx{id: "T3", ref: c.theirs, provider: "pay"})
			f := w.run(10, 10)
			want := []string{"missing_at_provider by-ref", "missing_internally /T1", "reference_mismatch by-id"}
			if c.same {
				want = nil
				f.expect(t, "by-ref", "matched completed")
				f.method(t, "by-ref", payment.ByReference)
			}
			if c.ours != c.theirs { // another provider's references are what they are
				want = append(want, "missing_internally /T3", "not_polled other")
			}
			f.only(t, want...)
		})
	}
}

// Two payments or two transactions of one meaning are as ambiguous, repeated
// and far away as two of one spelling.
func TestSpellingsThatCountAsOneAreOneEverywhere(t *testing.T) {
	t.Parallel()
	for _, own := range []bool{true, false} {
		t.Run(fmt.Sprintf("own ledger %v", own), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if !own {
				l, err := w.store.OpenLedger(t.Context(), "", "SELECT * FROM tieout.payments WHERE created_at >= :from AND created_at < :to")
				if err != nil {
					t.Fatal(err)
				}
				w.ledger = l
			}
			w.rules.References = store.References{"full-list": {payment.IgnoreCase, payment.IgnoreDashes}}
			p := func(id, ref string, at time.Time) pay { return pay{id: id, ref: ref, provider: "full-list", at: at} }
			x := func(id, ref string, at time.Time) tx { return tx{id: id, ref: ref, provider: "full-list", at: at} }
			before := day(2).Add(time.Hour)
			w.pays(p("amb-1", "AMB-1", noon), p("amb-2", "amb1", noon),
				p("far", "FAR1", before), p("near", "NEAR-1", noon), p("two", "TWO-1", noon), p("old", "OLD-1", before), p("new", "old1", noon),
				pay{id: "item", ppid: "B", ref: "ITEM-1", provider: "full-list", at: noon}, pay{id: "no item", ref: "ITEM-1", amount: "70", provider: "full-list", at: before})
			w.txs(x("A", "amb-1", noon),
				x("F", "far-1", noon),                         // its payment lies outside the range
				x("N", "near1", before),                       // created far before its payment
				x("T1", "two1", noon), x("T2", "TWO-1", noon), // paid twice
				x("O", "OLD-1", before), // of an earlier payment or of this one: nobody knows
				tx{id: "B", batched: true, ref: "item1", provider: "full-list"})
			f := w.run(10, 10)
			f.only(t, "ambiguous_match amb-1", "ambiguous_match amb-2", "ambiguous_match new", "duplicate_payment two/T2")
			f.expect(t, "near", "matched completed")
			f.method(t, "item", payment.ByProviderID)
		})
	}
}
