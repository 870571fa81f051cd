package pivot

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/callback"
	"tieout/internal/payment"
	"tieout/internal/provider"
)

const (
	itemFailed = `{"event":"PAYOUT.FAILED","data":{"uuid":"` + batchID + `","merchantId":"5a0a9a1c-1b2c-4d3e-8f40-112233445566","payouts":{"referenceId":"WD-20251103-02","amount":{"currency":"IDR","value":"75000"},"status":"FAILED","reason":"Inactive account"}}}`
	batchDone  = `{"event":"PAYOUT.DONE","data":{"uuid":"` + batchID + `","merchantId":"m","payoutResults":{},"status":"DONE"}}`
	sessionDue = `{"event":"PAYMENT.PROCESSING","data":{"id":"` + sessionID + `","clientReferenceId":"REF-1","amount":{"value":1500,"currency":"IDR"},"paymentType":"SINGLE","status":"PROCESSING","createdAt":"2025-11-03T09:00:00Z"}}`
)

func reading(key string) *client {
	return &client{Settings: provider.Settings{Credentials: map[string]string{"callback_key": key}}}
}

func TestACallbackIsTakenForPivotsOnlyWithItsKey(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		key, given string
		want       provider.CallbackVerdict
	}{
		"the key":           {"secret", "secret", provider.CallbackVerified},
		"another key":       {"secret", "Secret", provider.CallbackRejected},
		"no key given":      {"secret", "", provider.CallbackRejected},
		"no key configured": {"", "secret", provider.CallbackUnverified},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := reading(c.key).Callback(t.Context(), callback.Raw{Header: http.Header{"X-Api-Key": {c.given}}, Body: []byte(itemFailed)})
			assert.Equal(t, c.want, got.Verdict, got.Reason)
			assert.False(t, got.Conclusive, "the key says nothing about the body")
			assert.Equal(t, batchID, got.ID)
			assert.NotContains(t, got.Reason, "secret")
		})
	}
}

func TestACallbackNamesItsPaymentAndWhatItSays(t *testing.T) {
	t.Parallel()
	read := func(body string) provider.CallbackResult {
		return reading("").Callback(t.Context(), callback.Raw{Header: http.Header{}, Body: []byte(body)})
	}
	item := read(itemFailed)
	assert.Equal(t, []string{"payout", batchID, "WD-20251103-02", "PAYOUT.FAILED"}, []string{string(item.Kind), item.ID, item.Reference, item.Event})
	assert.True(t, item.Batched)
	require.NotNil(t, item.Read)
	tx := item.Read(provider.Query{}).Transactions[0]
	assert.Equal(t, payment.Failed, tx.Status)
	assert.Equal(t, batchID+"/WD-20251103-02", tx.Key())

	batch := read(batchDone)
	assert.Equal(t, []string{batchID, ""}, []string{batch.ID, batch.Reference})
	assert.Nil(t, batch.Read, "a batch says nothing of its items")

	session := read(sessionDue)
	assert.Equal(t, []string{"deposit", sessionID, "REF-1"}, []string{string(session.Kind), session.ID, session.Reference})
	assert.Equal(t, payment.Pending, session.Read(provider.Query{}).Transactions[0].Status)

	assert.Equal(t, provider.CallbackIgnored, read(`{"event":"PAYMENT.TEST","data":null}`).Verdict)
	assert.Equal(t, provider.CallbackIgnored, read(`{"event":"WITHDRAWAL.DONE","data":{"id":"`+sessionID+`"}}`).Verdict)
	for _, bad := range []string{``, `[]`, `{"event":1}`} {
		assert.Equal(t, provider.CallbackUnreadable, read(bad).Verdict, bad)
	}
}

func FuzzCallback(f *testing.F) {
	f.Add([]byte(itemFailed))
	f.Add([]byte(batchDone))
	f.Add([]byte(sessionDue))
	c := reading("")
	f.Fuzz(func(t *testing.T, body []byte) {
		got := c.readCallback(body)
		if got.Read == nil {
			return
		}
		for _, tx := range got.Read(provider.Query{}).Transactions {
			if !tx.Status.Valid() || tx.ID == "" {
				t.Errorf("%+v", tx)
			}
		}
	})
}
