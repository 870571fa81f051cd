package corpus_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tieout/internal/corpus"
	"tieout/internal/payment"
)

func TestEqualOptionsGiveEqualBytes(t *testing.T) {
	t.Parallel()
	o := corpus.Options{Seed: 7, Payments: 900}
	var texts [2][]byte
	for i := range texts {
		var b bytes.Buffer
		w := corpus.Generate(o)
		if err := w.WritePaymentsCSV(&b); err != nil {
			t.Fatal(err)
		}
		if err := w.WritePlanted(&b); err != nil {
			t.Fatal(err)
		}
		if err := json.NewEncoder(&b).Encode(w.Transactions); err != nil {
			t.Fatal(err)
		}
		texts[i] = b.Bytes()
	}
	if !bytes.Equal(texts[0], texts[1]) {
		t.Fatal("two worlds of equal options differ")
	}
}

func TestAnotherDayOrSeedGivesOtherIDs(t *testing.T) {
	t.Parallel()
	base := corpus.Options{Seed: 1, Payments: 300, From: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), Days: 1}
	day, seed := base, base
	day.From = day.From.AddDate(0, 0, 1)
	seed.Seed = 2
	seen := map[string]bool{}
	references := map[string]bool{}
	for _, p := range corpus.Generate(base).Payments {
		seen[p.ID], seen[p.ProviderPaymentID], references[p.Reference] = true, true, true
	}
	delete(seen, "")
	for name, o := range map[string]corpus.Options{"day": day, "seed": seed} {
		for _, p := range corpus.Generate(o).Payments {
			if seen[p.ID] || seen[p.ProviderPaymentID] {
				t.Errorf("another %s repeats the id of %s", name, p.ID)
			}
			if name == "day" && references[p.Reference] {
				t.Errorf("another day repeats the reference %s", p.Reference)
			}
		}
	}
}

// rules are what must hold of every world.
func rules(t interface{ Fatalf(string, ...any) }, o corpus.Options, w corpus.World) {
	payments := map[string]payment.Payment{}
	for _, p := range w.Payments {
		if _, twice := payments[p.ID]; twice {
			t.Fatalf("payment %s twice", p.ID)
		}
		payments[p.ID] = p
		if !p.Kind.Valid() || !p.Status.Valid() || p.Amount.Minor <= 0 || p.Refunded.Currency != p.Amount.Currency {
			t.Fatalf("payment %+v makes no sense", p)
		}
	}
	type key struct {
		provider, id, reference string
		kind                    payment.Kind
	}
	known := map[key]bool{}
	ids := map[key]bool{}
	for _, x := range w.Transactions {
		k := key{x.Provider, x.ID, x.Reference, x.Kind}
		if known[k] || x.ID == "" || x.Amount.Minor <= 0 {
			t.Fatalf("transaction %+v makes no sense, or comes twice", x)
		}
		known[k] = true
		ids[key{x.Provider, x.ID, "", x.Kind}] = true
	}
	planted := map[string]bool{}
	for _, d := range w.Planted {
		if d.PaymentID != "" {
			p, ok := payments[d.PaymentID]
			if !ok || p.Provider != d.Provider || p.Kind != d.PaymentKind {
				t.Fatalf("planted %+v names no payment", d)
			}
			if planted[d.PaymentID] {
				t.Fatalf("payment %s is planted twice", d.PaymentID)
			}
			planted[d.PaymentID] = true
		}
		needsTransaction := d.Kind == payment.MissingInternally || d.Kind == payment.DuplicatePayment
		if needsTransaction && !ids[key{d.Provider, d.ProviderPaymentID, "", d.PaymentKind}] {
			t.Fatalf("planted %+v names no transaction", d)
		}
		p := payments[d.PaymentID]
		if d.Kind == payment.MissingAtProvider && known[key{d.Provider, p.ProviderPaymentID, p.Reference, d.PaymentKind}] {
			t.Fatalf("planted %+v is there after all", d)
		}
	}
	if len(w.Payments) != o.Payments {
		t.Fatalf("%d payments instead of %d", len(w.Payments), o.Payments)
	}
}

func TestAnyWorldKeepsTheRules(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		o := corpus.Options{
			Seed:            rapid.Int64().Draw(t, "seed"),
			Payments:        rapid.IntRange(1, 1500).Draw(t, "payments"),
			Days:            rapid.IntRange(1, 31).Draw(t, "days"),
			DifferenceShare: rapid.SampledFrom([]float64{0, -1, 0.1, 0.5, 1}).Draw(t, "share"),
		}
		if rapid.Bool().Draw(t, "now") {
			o.Now = time.Date(2026, 3, rapid.IntRange(1, 28).Draw(t, "day"), rapid.IntRange(0, 23).Draw(t, "hour"), 11, 0, 0, time.UTC)
		}
		w := corpus.Generate(o)
		rules(t, o, w)
		if o.DifferenceShare < 0 && len(w.Planted) > 0 {
			t.Fatalf("%d differences in a world without any", len(w.Planted))
		}
	})
}

func TestSharesHoldFromSmallToLargeWorlds(t *testing.T) {
	t.Parallel()
	for _, n := range []int{50, 500, 5_000, 100_000} {
		o := corpus.Options{Seed: 3, Payments: n, DifferenceShare: 0.05}
		w := corpus.Generate(o)
		rules(t, o, w)
		planted := float64(len(w.Planted)) / float64(n)
		if planted < 0.03 || planted > 0.08 {
			t.Errorf("%d payments: share of differences is %.3f, asked for 0.05", n, planted)
		}
		outstanding := 0
		for _, p := range w.Payments {
			if !p.Status.Final() {
				outstanding++
			}
		}
		if share := float64(outstanding) / float64(n); share < 0.4 || share > 0.75 {
			t.Errorf("%d payments: %.2f outstanding", n, share)
		}
	}
}

func TestOrdinaryWorldHoldsEveryKindAtEveryProvider(t *testing.T) {
	t.Parallel()
	w := corpus.Generate(corpus.Options{Seed: 1, Payments: 5000, Days: 7, DifferenceShare: 0.2})
	got := map[payment.ExceptionKind]map[string]int{}
	for _, d := range w.Planted {
		if got[d.Kind] == nil {
			got[d.Kind] = map[string]int{}
		}
		got[d.Kind][d.Provider]++
	}
	pawa := []string{"pawapay-zm", "pawapay-ug"}
	swap, away, pivot := "pesaswap-ke", "pesaway-ke", "pivot-id"
	want := map[payment.ExceptionKind][]string{
		payment.MissingAtProvider:   append(pawa, swap, away, pivot),
		payment.MissingInternally:   {swap, away, pivot},
		payment.AmountMismatch:      append(pawa, swap, away, pivot),
		payment.CurrencyMismatch:    append(pawa, swap, pivot),
		payment.StatusMismatch:      append(pawa, swap, away, pivot),
		payment.ReferenceMismatch:   append(pawa, swap, away, pivot),
		payment.RecipientMismatch:   append(pawa, swap, pivot),
		payment.DuplicatePayment:    append(pawa, swap, away, pivot),
		payment.AmbiguousMatch:      {swap, away, pivot},
		payment.StalePending:        append(pawa, swap, away, pivot),
		payment.LateReversal:        append(pawa, swap, pivot),
		payment.InvalidProviderData: append(pawa, away, pivot),
		payment.NotPolled:           append(pawa, away, pivot),
		payment.SavedMethodMissing:  {pivot},
	}
	for kind, providers := range want {
		for _, p := range providers {
			if got[kind][p] < 2 {
				t.Errorf("%s at %s: %d", kind, p, got[kind][p])
			}
		}
		if len(got[kind]) != len(providers) {
			t.Errorf("%s: at %v, want %v", kind, got[kind], providers)
		}
	}
	if len(got) != len(want) {
		t.Errorf("kinds %v", got)
	}
}

func TestCountsFixTheCasesOfAKind(t *testing.T) {
	t.Parallel()
	w := corpus.Generate(corpus.Options{Payments: 400, DifferenceShare: -1, Counts: map[payment.ExceptionKind]int{
		payment.AmountMismatch: 7, payment.AmbiguousMatch: 0, payment.MissingInternally: 3,
	}})
	got := map[payment.ExceptionKind]int{}
	for _, d := range w.Planted {
		got[d.Kind]++
	}
	want := map[payment.ExceptionKind]int{payment.AmountMismatch: 7, payment.MissingInternally: 3}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
}

// Nothing may depend on the hour in which the run starts: every open payment
// stands hours away from its threshold.
func TestNoPaymentStandsNearAThreshold(t *testing.T) {
	t.Parallel()
	for _, hour := range []int{0, 6, 14, 23} {
		o := corpus.Options{Seed: 5, Payments: 3000, Days: 5, From: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), DifferenceShare: 0.2}
		o.Now = time.Date(2026, 3, 7, hour, 0, 0, 0, time.UTC)
		w := corpus.Generate(o)
		open := map[string]corpus.Transaction{}
		found := map[string]bool{}
		for _, x := range w.Transactions {
			for _, key := range []string{x.OwnID, x.Reference, x.Metadata[corpus.MetadataKey]} {
				found[key] = true
			}
			if x.Status == payment.Pending {
				open[x.Provider+x.ID+x.Reference] = x
			}
		}
		stale := map[string]bool{}
		exceptional := map[string]bool{}
		for _, d := range w.Planted {
			stale[d.PaymentID] = d.Kind == payment.StalePending
			exceptional[d.PaymentID] = true
		}
		checked := 0
		for _, p := range w.Payments {
			age := o.Now.Sub(p.CreatedAt)
			if age < 2*time.Hour-10*time.Minute {
				t.Errorf("payment of age %s", age)
			}
			id := p.ProviderPaymentID
			if id == "" {
				id = p.ID
			}
			x, isOpen := open[p.Provider+id+p.Reference]
			isOpen = isOpen || p.Status == payment.Created && !found[p.ID] && !found[p.Reference] && !found[p.Metadata[corpus.MetadataKey]]
			if !isOpen || p.Status.Final() || exceptional[p.ID] && !stale[p.ID] {
				continue
			}
			limit := 72 * time.Hour
			if p.Kind == payment.Deposit || x.NeedsAction != "" {
				limit = 24 * time.Hour
			}
			checked++
			if off := age - limit; stale[p.ID] != (off > 0) || off.Abs() < 2*time.Hour {
				t.Errorf("%s %s of age %s, planted stale: %v", p.Provider, p.Kind, age, stale[p.ID])
			}
		}
		if checked < 20 {
			t.Errorf("only %d open payments", checked)
		}
	}
}

func TestPaymentsCSVHasTheImportsColumns(t *testing.T) {
	t.Parallel()
	w := corpus.Generate(corpus.Options{Payments: 200, Seed: 9})
	var b bytes.Buffer
	if err := w.WritePaymentsCSV(&b); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := "id,kind,provider,provider_payment_id,reference,amount,currency,status,account,customer_id,save_method,metadata,created_at,updated_at,refunded_amount,refund_ids"
	var head bytes.Buffer
	c := csv.NewWriter(&head)
	if err := c.Write(rows[0]); err != nil {
		t.Fatal(err)
	}
	c.Flush()
	if got := head.String(); got != want+"\n" {
		t.Fatalf("header %q", got)
	}
	if len(rows) != 201 {
		t.Fatalf("%d rows", len(rows))
	}
	for i, row := range rows[1:] {
		p := w.Payments[i]
		var metadata map[string]string
		var refunds []string
		if err := json.Unmarshal([]byte(row[11]), &metadata); err != nil || metadata[corpus.MetadataKey] != p.Metadata[corpus.MetadataKey] {
			t.Errorf("metadata %q: %v", row[11], err)
		}
		if err := json.Unmarshal([]byte(row[15]), &refunds); err != nil || len(refunds) != len(p.RefundIDs) {
			t.Errorf("refund_ids %q: %v", row[15], err)
		}
		created, err := time.Parse(time.RFC3339, row[12])
		if err != nil || !created.Equal(p.CreatedAt) || row[5] != p.Amount.String() {
			t.Errorf("row %v", row)
		}
	}
}

func BenchmarkGenerate100000(b *testing.B) {
	for b.Loop() {
		corpus.Generate(corpus.Options{Payments: 100_000})
	}
}
