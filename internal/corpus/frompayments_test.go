package corpus_test

import (
	"testing"
	"time"

	"tieout/internal/corpus"
	"tieout/internal/money"
	"tieout/internal/payment"
)

// own takes the payments of a generated world as a merchant's own.
func own(n int) (corpus.World, []payment.Payment) {
	w := corpus.Generate(corpus.Options{Seed: 11, Payments: n, DifferenceShare: -1})
	return w, w.Payments
}

func TestOwnPaymentsGetTruthAndAShareOfDifferences(t *testing.T) {
	t.Parallel()
	base, list := own(4000)
	w := corpus.FromPayments(1, base.Accounts, list, corpus.Options{DifferenceShare: 0.1})
	rules(t, corpus.Options{Payments: len(list)}, w)
	if n := len(w.Planted); n < len(list)/20 || n > len(list)/8 {
		t.Errorf("%d differences in %d payments", n, len(list))
	}
	if len(w.Transactions) < len(list)*9/10 {
		t.Errorf("%d transactions for %d payments", len(w.Transactions), len(list))
	}
	again := corpus.FromPayments(1, base.Accounts, list, corpus.Options{DifferenceShare: 0.1})
	if len(again.Planted) != len(w.Planted) || again.Planted[0] != w.Planted[0] || again.Transactions[7].ID != w.Transactions[7].ID {
		t.Error("the same payments give another truth")
	}
}

func TestOwnPaymentsWithoutAShareAreHonest(t *testing.T) {
	t.Parallel()
	base, list := own(2000)
	w := corpus.FromPayments(1, base.Accounts, list, corpus.Options{DifferenceShare: -1})
	for _, d := range w.Planted {
		if d.Kind != payment.StatusMismatch { // a reversal that the API has no word for
			t.Errorf("planted %+v", d)
		}
	}
}

func TestOwnPaymentsThatTheDataAloneMakesExceptions(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	kes := money.Amount{Minor: 150_000, Exp: 2, Currency: "KES"}
	p := func(id, provider, txID, reference, account string) payment.Payment {
		at = at.Add(time.Minute)
		return payment.Payment{
			ID: id, Kind: payment.Payout, Provider: provider, ProviderPaymentID: txID, Reference: reference,
			Amount: kes, Refunded: money.Amount{Exp: 2, Currency: "KES"}, Status: payment.Completed, Account: account, CreatedAt: at,
		}
	}
	list := []payment.Payment{
		p("a", "swap", "payout_1", "R1", "0712345678"),
		p("b", "swap", "payout_2", "R1", "+254 712 345678"), // the same recipient
		p("c", "swap", "payout_3", "R1", "254722000111"),    // another one
		p("d", "swap", "", "R2", "254722000111"),
		p("e", "swap", "", "R2", "254722000112"),
		p("order-1", "pawa", "", "R3", "254722000111"),
		p("f", "elsewhere", "", "R4", "254722000111"),
	}
	w := corpus.FromPayments(1, []corpus.Account{{Name: "swap", Type: corpus.Pesaswap}, {Name: "pawa", Type: corpus.Pawapay}}, list, corpus.Options{DifferenceShare: -1})
	got := map[string]payment.ExceptionKind{}
	for _, d := range w.Planted {
		got[d.PaymentID] = d.Kind
	}
	want := map[string]payment.ExceptionKind{
		"b": payment.DuplicatePayment, "d": payment.AmbiguousMatch, "e": payment.AmbiguousMatch, "order-1": payment.NotPolled,
	}
	if len(got) != len(want) {
		t.Errorf("planted %v", got)
	}
	for id, kind := range want {
		if got[id] != kind {
			t.Errorf("payment %s: %q, want %s", id, got[id], kind)
		}
	}
	for _, x := range w.Transactions {
		if x.Provider == "elsewhere" {
			t.Error("a transaction of an account that is not there")
		}
	}
}
