package pivot

import (
	"encoding/json"
	"testing"

	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
)

// sound fails when a transaction lacks what every found one must have.
func sound(t *testing.T, x payment.Transaction) {
	t.Helper()
	if x.ID == "" || !x.Status.Valid() || x.RawStatus == "" || x.Reference == "" || x.Amount.Minor < 0 {
		t.Errorf("unsound: %+v", x)
	}
}

func FuzzSession(f *testing.F) {
	f.Add(sessionJSON("PAID", charges(chargeJSON(chargeID, "SUCCESS", "")), ""))
	f.Add(sessionJSON("ACTIVE", charges(chargeJSON(chargeID, "SUCCESS", "")), `,"paymentType":"MULTIPLE"`))
	f.Add(sessionJSON("CANCELLED", charges(chargeJSON(chargeID, "FAILED", "")), ""))
	f.Add(`{"id":1}`)
	f.Add(`[]`)
	c := &client{}
	f.Fuzz(func(t *testing.T, body string) {
		if !json.Valid([]byte(body)) {
			return // the envelope refuses it
		}
		s, bad := c.readSession(json.RawMessage(body))
		if bad != nil {
			if bad.reason == "" || bad.verdict != provider.Invalid {
				t.Errorf("failure without a reason: %+v", bad)
			}
			return
		}
		txs, bad := judge(s)
		if bad == nil && len(txs) == 0 {
			t.Error("neither transactions nor a failure")
		}
		for _, x := range txs {
			sound(t, x)
		}
	})
}

func FuzzPayout(f *testing.F) {
	f.Add(itemJSON("SUCCESS", ""), "DONE")
	f.Add(itemJSON("APPROVED", "Insufficient Balance"), "PENDING")
	f.Add(itemJSON("", ""), "IN_PROGRESS")
	f.Add(`{"uuid":"x","payouts":[{}]}`, "")
	c := &client{}
	f.Fuzz(func(t *testing.T, body, status string) {
		if !json.Valid([]byte(body)) {
			return
		}
		if b, bad := c.readBatch(json.RawMessage(body)); bad == nil {
			for _, raw := range b.items {
				_ = referenceOf(raw)
			}
		}
		it, bad := c.readItem(json.RawMessage(body))
		if bad != nil {
			return
		}
		x, bad := it.transaction(word(status))
		if bad != nil {
			return
		}
		if x.Reference == "" || !x.Status.Valid() || x.Amount.Minor < 0 {
			t.Errorf("unsound: %+v", x)
		}
	})
}

func FuzzEnvelope(f *testing.F) {
	f.Add(200, `{"code":"00","data":[{"id":"r1","paymentSessionId":"s","amount":{"value":"1.00","currency":"IDR"},"status":"SUCCESS"}],"pagination":{"page":1,"totalPages":1}}`)
	f.Add(200, `{"code":"00","data":{"storedPaymentMethods":[{"token":1,"card":{"last4":7}}]}}`)
	f.Add(200, `{"code":"00","data":{"accessToken":"t","expiresIn":"900"}}`)
	f.Add(404, `{"code":"resource_missing","error":{"details":[{"field":"x"}]}}`)
	f.Add(500, `<html>`)
	c := &client{}
	f.Fuzz(func(t *testing.T, status int, body string) {
		e, bad := readEnvelope(httpx.Response{Status: status, Body: []byte(body)})
		if bad != nil {
			if bad.reason == "" || bad.verdict == provider.Found {
				t.Errorf("HTTP %d became %+v", status, bad)
			}
			return
		}
		if status < 200 || status > 299 {
			t.Errorf("HTTP %d is taken for an answer", status)
		}
		_, _, _ = decodeToken(e.Data)
		_, _ = decodeCustomer(e.Data)
		book, seen := &refundBook{bySession: map[string][]refund{}}, map[digest]bool{}
		rows, _ := elements(e.Data)
		for _, raw := range rows {
			c.bookRefund(book, seen, raw)
			_, _ = c.readLedgerRow(raw)
		}
	})
}
