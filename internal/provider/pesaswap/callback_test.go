package pesaswap

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/callback"
	"tieout/internal/payment"
	"tieout/internal/provider"
)

const (
	payoutDone  = `{"payout_id":"payout_1","status":"success","amount":125050,"currency":"KES","merchant_order_reference_id":"REF-1","created":"2026-08-19T10:00:00Z"}`
	depositDone = `{"payment_id":"pay_1","status":"succeeded","amount":5000,"amount_received":4900,"currency":"KES","created":"2026-08-19T10:00:00Z","updated":"2026-08-19T10:01:00Z","merchant_order_reference_id":"REF-2"}`
)

func hmacHex(h func() hash.Hash, key, body string) string {
	m := hmac.New(h, []byte(key))
	m.Write([]byte(body))
	return hex.EncodeToString(m.Sum(nil))
}

func webhook(event, object string) string {
	return `{"merchant_id":"m","event_id":"evt_1","event_type":"` + event + `","content":{"type":"x","object":` + object + `},"timestamp":"2026-08-19T10:02:00Z"}`
}

func TestAWebhookIsBelievedOnlyWithTheProfilesSignature(t *testing.T) {
	t.Parallel()
	body := webhook("payout_success", payoutDone)
	for name, c := range map[string]struct {
		key    string
		header http.Header
		want   provider.CallbackVerdict
	}{
		"SHA-512":                  {"key", http.Header{"X-Webhook-Signature-512": {hmacHex(sha512.New, "key", body)}}, provider.CallbackVerified},
		"SHA-256 of older servers": {"key", http.Header{"X-Webhook-Signature-256": {hmacHex(sha256.New, "key", body)}}, provider.CallbackVerified},
		"a weaker one beside a bad one": {"key", http.Header{
			"X-Webhook-Signature-512": {"00"}, "X-Webhook-Signature-256": {hmacHex(sha256.New, "key", body)},
		}, provider.CallbackRejected},
		"another key":       {"key", http.Header{"X-Webhook-Signature-512": {hmacHex(sha512.New, "other", body)}}, provider.CallbackRejected},
		"another body":      {"key", http.Header{"X-Webhook-Signature-512": {hmacHex(sha512.New, "key", body+" ")}}, provider.CallbackRejected},
		"no signature":      {"key", http.Header{}, provider.CallbackRejected},
		"no key configured": {"", http.Header{"X-Webhook-Signature-512": {hmacHex(sha512.New, "key", body)}}, provider.CallbackUnverified},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cl := serve(t, reply(500, ""))
			cl.webhookKey = c.key
			got := cl.Callback(t.Context(), callback.Raw{Header: c.header, Body: []byte(body)})
			assert.Equal(t, c.want, got.Verdict, got.Reason)
			assert.Equal(t, "payout_1", got.ID)
		})
	}
}

func TestAWebhookSaysWhatARetrievedObjectSays(t *testing.T) {
	t.Parallel()
	cl := serve(t, reply(500, ""))
	read := func(body string) provider.CallbackResult {
		return cl.Callback(t.Context(), callback.Raw{Header: http.Header{}, Body: []byte(body)})
	}
	payout := read(webhook("payout_success", payoutDone))
	assert.Equal(t, []string{"payout", "payout_1", "REF-1", "payout_success"}, []string{string(payout.Kind), payout.ID, payout.Reference, payout.Event})
	assert.Equal(t, time.Date(2026, 8, 19, 10, 2, 0, 0, time.UTC), payout.At, "a payout has no time of its own but the envelope's")
	tx := payout.Read(provider.Query{}).Transactions[0]
	assert.Equal(t, payment.Completed, tx.Status)
	assert.Equal(t, kes(125050), tx.Amount)

	for _, body := range []string{webhook("payment_succeeded", depositDone), depositDone, `{"content":{"object":` + depositDone + `}}`} {
		got := read(body)
		require.NotNil(t, got.Read, body)
		assert.True(t, got.Conclusive)
		assert.Equal(t, time.Date(2026, 8, 19, 10, 1, 0, 0, time.UTC), got.At, "the object's own time")
		tx := got.Read(provider.Query{}).Transactions[0]
		assert.Equal(t, payment.Completed, tx.Status)
		assert.Equal(t, ptr(kes(4900)), tx.Settled)
		assert.False(t, tx.Partial)
	}
	for _, body := range []string{
		webhook("refund_succeeded", `{"refund_id":"r","payment_id":"pay_1","amount":100,"currency":"KES","status":"succeeded"}`),
		webhook("dispute_lost", `{"dispute_id":"d","payment_id":"pay_1"}`),
	} {
		got := read(body)
		assert.Equal(t, "pay_1", got.ID)
		assert.Nil(t, got.Read, "only that the payment is worth asking for")
	}
	assert.Equal(t, provider.Invalid, read(webhook("x", `{"payout_id":"p","status":"teleported","amount":1,"currency":"KES"}`)).Read(provider.Query{}).Verdict)
	assert.Equal(t, provider.CallbackIgnored, read(webhook("mandate_active", `{"mandate_id":"m"}`)).Verdict)
	for _, bad := range []string{``, `[1]`, `nope`, webhook("x", `{"refund_id":"r"}`), webhook("x", `{"payment_id":"../x"}`)} {
		assert.Equal(t, provider.CallbackUnreadable, read(bad).Verdict, bad)
	}
}

func FuzzCallback(f *testing.F) {
	f.Add([]byte(webhook("payout_success", payoutDone)))
	f.Add([]byte(depositDone))
	c := &client{}
	f.Fuzz(func(t *testing.T, body []byte) {
		got := c.readCallback(body)
		if got.Read == nil {
			return
		}
		a := got.Read(provider.Query{})
		if a.Verdict == provider.Found && (len(a.Transactions) != 1 || !a.Transactions[0].Status.Valid() || a.Transactions[0].ID != got.ID) {
			t.Errorf("%+v", a)
		}
	})
}
