package pawapay

import (
	"testing"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
)

func FuzzStatusAnswersOfV2(f *testing.F) {
	f.Add([]byte(found(`"status":"COMPLETED","amount":"250.0000","currency":"ZMW","created":"2026-03-11T08:14:05Z","metadata":[{"a":"b"}]`)))
	f.Add([]byte(found(`"status":"FAILED","amount":15,"currency":"UGX","failureReason":{"failureCode":1}`)))
	f.Add([]byte(`{"status":"FOUND","data":{}}`))
	f.Add([]byte(`{"status":"NOT_FOUND"}`))
	f.Add([]byte(`{"status":"FOUND","data":null}`))
	fuzzRecords(f, v2{})
}

func FuzzStatusAnswersOfV1(f *testing.F) {
	f.Add([]byte(`[{"depositId":"` + testID + `","status":"COMPLETED","requestedAmount":"75.00","depositedAmount":"75.00","currency":"ZMW","correspondentIds":{"A":"b"}}]`))
	f.Add([]byte(`[]`))
	f.Add([]byte(`[null]`))
	f.Add([]byte(`null`))
	fuzzRecords(f, v1{})
}

func fuzzRecords(f *testing.F, v apiVersion) {
	c := &client{scale: money.Scale{}, version: v}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, bad := v.record(body)
		if bad != nil {
			if bad.reason == "" || r != nil {
				t.Fatalf("trouble without a reason, or with a record: %v", bad)
			}
			return
		}
		if r == nil {
			return
		}
		tx, bad := c.transaction(r, payment.Deposit, depositObject, testID)
		switch {
		case bad != nil && bad.reason == "":
			t.Fatal("trouble without a reason")
		case bad == nil && (tx.ID != testID || !tx.Status.Valid() || tx.RawStatus == "" || tx.Amount.Currency == "" || tx.Amount.Minor < 0):
			t.Fatalf("a record that can't be trusted counts as found: %+v", tx)
		}
	})
}

func FuzzStatements(f *testing.F) {
	f.Add([]byte(header + depositRow(testID, "2026-03-11T08:14:05Z") + "\n"))
	f.Add([]byte("\ufeffType,Transaction ID,Amount,Currency,Fee\r\nDEPOSIT," + testID + ",1,ZMW,1\r\n\"x"))
	f.Add(packed([]byte(header)))
	f.Fuzz(func(t *testing.T, file []byte) {
		got, _, _, err := readLedger(file, payment.Deposit)
		if err != nil {
			return
		}
		for _, tx := range got.Transactions {
			if !isUUID(tx.ID) || tx.Status != payment.Completed || !tx.Partial || tx.Amount.Currency == "" {
				t.Fatalf("a row that can't be trusted counts: %+v", tx)
			}
		}
		for _, bad := range got.Invalid {
			if bad.Reason == "" {
				t.Fatal("an invalid row without a reason")
			}
		}
	})
}

// FuzzActiveConf: no configuration breaks the check, and no note is empty.
func FuzzActiveConf(f *testing.F) {
	f.Add([]byte(limitedConf))
	for _, s := range []string{"", "null", "[]", "{}", `{"countries":[{"providers":[{"currencies":[{"currency":"ZMW","operationTypes":[null,1,{"DEPOSIT":null}]}]}]}]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c := newTestClient(t, says(200, string(body)), nil)
		zmw := money.Amount{Minor: 1, Exp: 2, Currency: "ZMW"}
		notes, err := c.Notes(t.Context(), []provider.Extremes{{Kind: payment.Deposit, Currency: "ZMW", Least: zmw, Most: zmw, Fractions: true}})
		for _, n := range notes {
			if n == "" || err != nil {
				t.Fatalf("%q %v", n, err)
			}
		}
		if line, err := c.Check(t.Context()); err == nil && line == "" {
			t.Fatal("nothing to say")
		}
	})
}
