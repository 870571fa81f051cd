package pesaway

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
)

func fuzzClient() *client {
	return &client{opts: options{currency: "KES", resultCodes: map[string]payment.Status{"1032": payment.Cancelled}}}
}

func FuzzStatusAnswer(f *testing.F) {
	for _, s := range []string{
		`{"ResultCode":0,"ResultDesc":"Request processed successfully","OriginatorReference":"PO-1","TransactionID":"PHY7C21D09AE4","TransactionAmount":"1250.00","TransactionReceipt":"TJ42K8M1QX","ReceiverPartyPublicName":"254700000111","TransactionCompletedDateTime":"2025-11-03 09:14:22.518201+00:00"}`,
		`{"ResultCode":1,"ResultDesc":"Transaction failed: subscriber limit reached","TransactionAmount":"70000.00"}`,
		`{"code":"404.000","description":"Not found"}`, `{"data":{"ResultCode":"2"}}`, `{"ResultCode":1032}`, `{"ResultCode":-0}`, `[]`, `null`, `{"ResultCode":1e9}`, ``,
	} {
		f.Add([]byte(s))
	}
	c := fuzzClient()
	q := provider.Query{Kind: payment.Payout, ProviderPaymentID: "PHY7C21D09AE4", Amount: money.Amount{Minor: 1, Exp: 2, Currency: "KES"}}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := decodeRecord(body)
		if err != nil {
			return
		}
		tx, tr := c.transaction(r, q)
		if tr != nil {
			if tr.verdict != provider.Invalid || tr.reason == "" {
				t.Fatalf("verdict %v, reason %q", tr.verdict, tr.reason)
			}
			return
		}
		if tx.ID != q.ProviderPaymentID || !tx.Status.Valid() || tx.RawStatus == "" || tx.Amount.Minor < 0 || tx.Amount.Currency == "" {
			t.Fatalf("found with %+v", tx)
		}
		if tx.Status == payment.Completed && tx.RawStatus != "0" {
			t.Fatalf("completed by code %q", tx.RawStatus)
		}
		if !utf8.ValidString(tx.FailureMessage) || strings.ContainsRune(tx.Reference+tx.NetworkReference+tx.FailureMessage, 0) {
			t.Fatalf("text that can't be stored: %+v", tx)
		}
	})
}

func FuzzListAnswer(f *testing.F) {
	for _, s := range []string{
		`[{"Reference":"kQ27VbTzm4s","Receipt":"TJ42K8M1QX","TransactionDate":"2025-11-03T09:14:22Z","Recipient":"254700000111 - Jane Wanjiku","ExternalReference":"DP-2025-000913","TransactionType":"Collection","Amount":"1250.00"}]`,
		`{"data":[{"Reference":1}]}`, `[null,1,"x"]`, `{"code":"404.000"}`, `[]`, ``,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		rows, err := decodeRows(body)
		if err != nil {
			return
		}
		w := walk{
			c: fuzzClient(), currency: "KES", transType: "Collection", seen: map[string]struct{}{},
			q: provider.ListQuery{Kind: payment.Deposit, From: time.Unix(0, 0), To: time.Unix(1<<33, 0)},
		}
		_, p := w.read(rows)
		for _, tx := range p.Transactions {
			if tx.ID == "" || tx.Status != payment.Completed || tx.Amount.Minor < 0 || tx.CreatedAt.IsZero() {
				t.Fatalf("listed %+v", tx)
			}
		}
		for _, r := range p.Invalid {
			if r.Reason == "" {
				t.Fatal("an invalid row without a reason")
			}
		}
		if fresh, _ := w.read(rows); fresh != 0 {
			t.Fatalf("%d rows of the same page count as new", fresh)
		}
	})
}

func FuzzTokenAnswer(f *testing.F) {
	for _, s := range []string{
		`{"access_token":"mJ4t0pQ","expires_in":3600}`, `{"code":"200.001","data":{"token":"mJ4t0pQ","expires_in":3600}}`,
		`{"access_token":"a","expires_at":"2026-03-02T06:30:00Z"}`, `{"token":"a\n","expires_at":1e300}`, `[]`,
	} {
		f.Add([]byte(s))
	}
	now := time.Unix(1_700_000_000, 0)
	f.Fuzz(func(t *testing.T, body []byte) {
		value, lifetime, err := decodeToken(body, now)
		if err != nil {
			return
		}
		if strings.ContainsAny(value, " \r\n\x00") || lifetime <= 0 || lifetime > longestLifetime {
			t.Fatalf("token %q for %v", value, lifetime)
		}
	})
}

func FuzzText(f *testing.F) {
	for _, s := range []string{`"a"`, `12.50`, `null`, `{}`, `-1e5`, `true`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var v text
		if json.Unmarshal(raw, &v) == nil && !json.Valid(raw) {
			t.Fatal("read from what is no JSON")
		}
		m := message(string(v))
		if strings.ContainsFunc(m, func(r rune) bool { return r < ' ' }) {
			t.Fatalf("message %q", m)
		}
		_ = clip(string(v))
		accountOf(string(v))
		readTime(string(v))
	})
}
