package pesaswap

import (
	"net/http"
	"os"
	"testing"
	"time"

	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
)

func seed(f *testing.F, names ...string) {
	f.Helper()
	for _, n := range names {
		raw, err := os.ReadFile("testdata/" + n)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
		f.Add(raw[:len(raw)/2])
	}
	for _, s := range []string{
		"", "null", "[]", "{}", `"x"`, `{"error": null}`, `{"error": {"code": "IE_00", "message": "amount expected 1 but found 2"}}`,
		`{"payment_id": "p", "status": "succeeded", "amount": 1, "currency": "KES", "refunds": [null], "attempts": [5]}`,
		`{"data": [null, 1, {"payout_id": "p", "created": "2026-08-14T00:00:00Z"}]}`,
	} {
		f.Add([]byte(s))
	}
}

// FuzzObject: whatever is answered, nothing is Found without id and status.
func FuzzObject(f *testing.F) {
	seed(f, "payout.json", "payment.json")
	c := &client{now: time.Now}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, kind := range []payment.Kind{payment.Payout, payment.Deposit} {
			for _, status := range []int{http.StatusOK, http.StatusNotFound, http.StatusInternalServerError} {
				q := provider.Query{Kind: kind, ProviderPaymentID: "p", Amount: kes(1)}
				_, a := c.read(httpx.Response{Status: status, Body: body}, q, "p")
				if a.Verdict != provider.Found {
					if len(a.Transactions) > 0 || a.Reason == "" {
						t.Fatalf("%s with %d transactions and reason %q", a.Verdict, len(a.Transactions), a.Reason)
					}
					continue
				}
				tx := a.Transactions[0]
				if tx.ID != "p" || !tx.Status.Valid() || tx.RawStatus == "" || tx.Amount.Minor < 0 {
					t.Fatalf("found %+v", tx)
				}
			}
		}
	})
}

// FuzzRows: a list's body never panics and never yields a row without an id.
func FuzzRows(f *testing.F) {
	seed(f, "payout.json")
	f.Fuzz(func(t *testing.T, body []byte) {
		rows, err := readRows(httpx.Response{Status: http.StatusOK, Body: body})
		if err != nil {
			return
		}
		for _, kind := range []payment.Kind{payment.Payout, payment.Deposit} {
			w := &walk{client: &client{now: time.Now}, q: provider.ListQuery{Kind: kind, To: time.Unix(1<<40, 0)}}
			var out provider.Page
			for _, raw := range rows {
				o, err := readObject(raw)
				if err != nil || o.text("status") == wordConflicted { // it would be retrieved
					continue
				}
				_, created, err := w.place(o, cursor{})
				if err != nil {
					continue
				}
				w.row(t.Context(), o, "", created, &out)
			}
			for _, tx := range out.Transactions {
				if tx.ID == "" || !tx.Status.Valid() {
					t.Fatalf("listed %+v", tx)
				}
			}
		}
	})
}

// FuzzFigures: figures count as certain only where a figure can be used.
func FuzzFigures(f *testing.F) {
	f.Add("Integrity Check Failed! as data mismatched for amount expected 1000 but found 1100")
	f.Add("currency expected KES but found USD, amount expected 1 but found 2")
	f.Add("expected expected expected but found")
	f.Fuzz(func(t *testing.T, message string) {
		got, certain := readFigures(message)
		if certain && got.amountFound == "" && got.currencyFound == "" {
			t.Fatalf("certain of nothing: %q", message)
		}
	})
}

// FuzzCustomerMethods: only entries with a token count, and no token is kept.
func FuzzCustomerMethods(f *testing.F) {
	seed(f, "customer_methods.json")
	f.Fuzz(func(t *testing.T, body []byte) {
		o, _, err := readAnswer(httpx.Response{Status: http.StatusOK, Body: body})
		if err != nil || o == nil {
			return
		}
		var m customerMethods
		if m.read(o) == nil && (m.ids == nil || m.ids[""]) {
			t.Errorf("read %+v", m)
		}
	})
}
