package store_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
	"tieout/internal/store"
)

// earlier is a run that nobody asks for.
var earlier = &store.Run{ID: "EARLIER"}

// saved returns the transactions without their numbers, in order.
func (w *world) saved() []map[string]any {
	w.Helper()
	var out []map[string]any
	w.rows(`SELECT to_jsonb(t) - 'id' FROM tieout.transactions t ORDER BY provider, kind, key`, func(scan func(...any)) {
		var b []byte
		scan(&b)
		var row map[string]any
		if err := json.Unmarshal(b, &row); err != nil {
			w.Fatal(err)
		}
		out = append(out, row)
	})
	return out
}

func (w *world) savePages(kind payment.Kind, twins bool, pages ...store.ListPage) {
	w.Helper()
	if err := w.store.SavePages(w.Context(), earlier, "pay", kind, twins, pages); err != nil {
		w.Fatal(err)
	}
}

func listed(at time.Time, rows ...payment.Transaction) store.ListPage {
	return store.ListPage{Page: provider.Page{Transactions: rows}, At: at}
}

func TestOfSeveralRowsOfOneTransactionTheFullThenTheLaterCounts(t *testing.T) {
	t.Parallel()
	row := func(status payment.Status, partial bool, amount int64) payment.Transaction {
		return payment.Transaction{
			Kind: payment.Payout, ID: "t1", Status: status, RawStatus: "raw", Partial: partial, CreatedAt: noon,
			Amount: money.Amount{Minor: amount, Exp: 2, Currency: "KES"},
		}
	}
	for name, c := range map[string]struct {
		first, second payment.Transaction
		amount        int
	}{
		"full, then partial": {row(payment.Completed, false, 1), row(payment.Completed, true, 2), 1},
		"partial, then full": {row(payment.Completed, true, 1), row(payment.Completed, false, 2), 2},
		"two full":           {row(payment.Pending, false, 1), row(payment.Completed, false, 2), 2},
		"two partial":        {row(payment.Completed, true, 1), row(payment.Completed, true, 2), 2},
		"both still pending": {row(payment.Pending, false, 1), row(payment.Pending, true, 2), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, pages := range [][]store.ListPage{
				{listed(start, c.first, c.second)},
				{listed(start, c.first), listed(start, c.second)},
			} {
				w := newWorld(t)
				w.savePages(payment.Payout, false, pages...)
				got := w.saved()
				if len(got) != 1 || fmt.Sprint(got[0]["amount"]) != fmt.Sprint(c.amount) {
					t.Errorf("%d pages: %v", len(pages), got)
				}
			}
		})
	}
}

// Whatever pages tell, saving them together leaves what saving one after the
// other leaves: rows that come again, twins under ids of the list's own, and
// items found by their reference before their batch was known.
func TestPagesSavedTogetherAreAsOneAfterTheOther(t *testing.T) {
	t.Parallel()
	together, single := newWorld(t), newWorld(t)
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		twins := seed%3 == 0
		pick := func(from ...string) string { return from[r.IntN(len(from))] }
		row := func() payment.Transaction {
			t := payment.Transaction{
				Kind: payment.Payout, ID: pick("a", "b", "c", "d", "r1", "r2"), Reference: pick("", "r1", "r2", "r3"), NetworkReference: pick("", "n1", "n2"),
				Status: payment.Status(pick("pending", "completed", "failed")), RawStatus: pick("x", "y"), Partial: r.IntN(3) == 0, CreatedAt: noon,
				Amount: money.Amount{Minor: int64(1 + r.IntN(2)), Exp: 2, Currency: "KES"},
			}
			t.Batched = !twins && t.Reference != "" && r.IntN(3) == 0
			return t
		}
		var asked []store.Asked
		for i := range r.IntN(4) {
			answer := provider.Answer{Verdict: provider.Found, Transactions: []payment.Transaction{row()}}
			asked = append(asked, store.Asked{Query: provider.Query{PaymentID: fmt.Sprint("p", i), Kind: payment.Payout, CreatedAt: noon}, Answer: answer, At: start})
		}
		var pages []store.ListPage
		for i := range 1 + r.IntN(6) {
			p := listed(start.Add(time.Duration(i) * time.Second))
			for range r.IntN(4) {
				p.Transactions = append(p.Transactions, row())
			}
			pages = append(pages, p)
		}
		for _, w := range []*world{together, single} {
			w.clear()
			if err := w.store.SaveAnswers(t.Context(), earlier, "pay", twins, asked); err != nil {
				t.Fatal(err)
			}
		}
		together.savePages(payment.Payout, twins, pages...)
		for _, p := range pages {
			single.savePages(payment.Payout, twins, p)
		}
		if d := cmp.Diff(single.saved(), together.saved()); d != "" {
			t.Fatalf("seed %d, twins %v: -one after the other +together:\n%s", seed, twins, d)
		}
	}
}

func TestNumbersOfCardsAndPhonesInAFailureAreMasked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.savePages(payment.Payout, false, listed(start, payment.Transaction{
		Kind: payment.Payout, ID: "t1", Status: payment.Failed, FailureMessage: "card 4111111111111111 of 254700000111 has 250.00 KES",
		Amount: money.Amount{Minor: 1, Exp: 2, Currency: "KES"}, CreatedAt: noon,
	}))
	if got, want := w.saved()[0]["failure_message"], "card ***1111 of ***0111 has 250.00 KES"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestWhatAProviderSaysIsStoredAsItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	odd := "tab\tline\nreturn\rback\\slash \\N \\. \"quoted\" {a,b} <&> \u2028 \x01"
	full := payment.Transaction{
		Kind: payment.Payout, ID: "t1", OwnID: odd, Reference: "zero\x00byte", NetworkReference: "cut\xff\xfeoff", Status: payment.Failed, RawStatus: odd,
		FailureCode: "c", FailureMessage: odd, Amount: money.Amount{Minor: 9007199254740993, Exp: 2, Currency: "KES"},
		Fee:      &money.Amount{Minor: 0, Exp: 2, Currency: "KES"},
		Metadata: map[string]string{odd: odd, "z\x00": "\xff", "e": ""}, CreatedAt: noon.Add(123456789), CompletedAt: noon, Revisable: true,
	}
	bare := payment.Transaction{Kind: payment.Payout, ID: "t2", Status: payment.Pending, Amount: money.Amount{Currency: "KES"}, Metadata: map[string]string{}}
	page := listed(start, full, bare)
	page.Exchanges = []httpx.Exchange{
		{Method: "GET", Path: "/" + odd + "\x00", At: start, Status: 200, ContentType: odd, Body: []byte("body\x00\xff")},
		{Method: "GET", Path: "/gone", At: start, Err: odd},
	}
	page.Digests = []string{store.Digest(page.Exchanges[0].Body), ""}
	w.savePages(payment.Payout, false, page)
	got := w.saved()
	if len(got) != 2 {
		t.Fatal(got)
	}
	for column, want := range map[string]any{
		"own_id": odd, "reference": "zero\uFFFDbyte", "network_reference": "cut\uFFFDoff", "raw_status": odd, "failure_message": odd,
		"metadata": map[string]any{odd: odd, "z\uFFFD": "\uFFFD", "e": ""}, "account": nil, "settled": nil, "revisable": true, "batched": false,
	} {
		if d := cmp.Diff(want, got[0][column]); d != "" {
			t.Errorf("%s: %s", column, d)
		}
	}
	for _, column := range []string{"own_id", "reference", "needs_action", "failure_code", "customer_id", "metadata", "completed_at", "fee"} {
		if v := got[1][column]; v != nil {
			t.Errorf("%s is %v where nothing was said", column, v)
		}
	}
	if got[1]["raw_status"] != "" {
		t.Errorf("raw status %v", got[1]["raw_status"])
	}
	w.rows(`SELECT amount, fee, created_at, completed_at FROM tieout.transactions WHERE key = 't1'`, func(scan func(...any)) {
		var amount, fee int64
		var created, completed time.Time
		scan(&amount, &fee, &created, &completed)
		if amount != 9007199254740993 || fee != 0 || !created.Equal(noon.Add(123457*time.Microsecond)) || !completed.Equal(noon) {
			t.Error(amount, fee, created, completed)
		}
	})
	var seen []string
	w.rows(`SELECT path, coalesce(content_type, '?'), http_status IS NULL, body IS NULL, digest IS NULL, coalesce(error, '?'), payment_id IS NULL FROM tieout.observations ORDER BY id`,
		func(scan func(...any)) {
			var path, contentType, fault string
			var noStatus, noBody, noDigest, noPayment bool
			scan(&path, &contentType, &noStatus, &noBody, &noDigest, &fault, &noPayment)
			seen = append(seen, fmt.Sprint([]any{path, contentType, noStatus, noBody, noDigest, fault, noPayment}))
		})
	want := []string{
		fmt.Sprint([]any{"/" + odd + "\uFFFD", odd, false, false, false, "?", true}),
		fmt.Sprint([]any{"/gone", "", true, true, true, odd, true}),
	}
	if d := cmp.Diff(want, seen); d != "" {
		t.Error(d)
	}
}

func TestAnswersAreStoredAsTheyAre(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	answer := provider.Answer{Verdict: provider.Invalid, Reason: "zero\x00 \\N\t", RawStatus: "\xff"}
	for range 2 {
		batch := []store.Asked{{Query: provider.Query{PaymentID: "p1"}, Answer: answer, At: start}, {Query: provider.Query{PaymentID: `\N`}, Answer: provider.Answer{Verdict: provider.Unknown}, At: start}}
		if err := w.store.SaveAnswers(t.Context(), earlier, "pay", false, batch); err != nil {
			t.Fatal(err)
		}
	}
	var seen []string
	w.rows(`SELECT payment_id, verdict, reason, raw_status FROM tieout.answers ORDER BY payment_id DESC`, func(scan func(...any)) {
		var id, verdict, reason, raw string
		scan(&id, &verdict, &reason, &raw)
		seen = append(seen, strings.Join([]string{id, verdict, reason, raw}, "|"))
	})
	if d := cmp.Diff([]string{"p1|invalid|zero\uFFFD \\N\t|\uFFFD", `\N|unknown||`}, seen); d != "" {
		t.Error(d)
	}
}
