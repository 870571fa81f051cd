package pesaway_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/callback"
	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
	"tieout/internal/provider/pesaway"
)

// callbackDone is what an integrator captured.
const callbackDone = `{"ResultCode":0,"ResultDesc":"Request processed successfully","OriginatorReference":"DP-2025-000913","TransactionID":"PHY51B7E0A22","TransactionAmount":"1250.00","TransactionReceipt":"PHY51B7E0A22","AccountAvailableFunds":"98432.10","ReceiverPartyPublicName":"254700000111","TransactionCompletedDateTime":"2025-11-03 09:14:22.518201+00:00"}`

func reader(t testing.TB, key string, refundKey ...string) provider.CallbackReader {
	t.Helper()
	h, err := httpx.New(httpx.Config{BaseURL: "https://api.pesaway.com"})
	require.NoError(t, err)
	c, err := pesaway.Spec().New(provider.Settings{
		Name: "pesaway-ke", HTTP: h, Credentials: map[string]string{"client_id": "a", "client_secret": "b", "callback_key": key, "refund_key": strings.Join(refundKey, "")},
	})
	require.NoError(t, err)
	r, ok := c.(provider.CallbackReader)
	require.True(t, ok)
	return r
}

func signed(key, body string) string {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(body))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

func TestACallbackIsBelievedOnlyWithTheAgreedSignature(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		key, signature string
		want           provider.CallbackVerdict
	}{
		"signed":            {"key", signed("key", callbackDone), provider.CallbackVerified},
		"another key":       {"key", signed("other", callbackDone), provider.CallbackRejected},
		"another body":      {"key", signed("key", callbackDone+" "), provider.CallbackRejected},
		"hexadecimal":       {"key", "00ff", provider.CallbackRejected},
		"no signature":      {"key", "", provider.CallbackRejected},
		"no key configured": {"", signed("key", callbackDone), provider.CallbackUnverified},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			if c.signature != "" {
				header.Set("Signature", c.signature)
			}
			got := reader(t, c.key).Callback(t.Context(), callback.Raw{Header: header, Body: []byte(callbackDone)})
			assert.Equal(t, c.want, got.Verdict, got.Reason)
			assert.Equal(t, "PHY51B7E0A22", got.ID)
		})
	}
}

// The signature is that of the request for a refund, as integrators write it.
func TestARefundsCallbackHasAKeyOfItsOwn(t *testing.T) {
	t.Parallel()
	sign := func(key, message string) string {
		m := hmac.New(sha256.New, []byte(key))
		m.Write([]byte(message))
		return hex.EncodeToString(m.Sum(nil))
	}
	good := sign("refund", "1762161262\n"+callbackDone)
	for name, c := range map[string]struct {
		key, refundKey, timestamp, signature string
		want                                 provider.CallbackVerdict
	}{
		"signed":                            {"key", "refund", "1762161262", good, provider.CallbackVerified},
		"signed, and no other key is known": {"", "refund", "1762161262", good, provider.CallbackVerified},
		"another time":                      {"key", "refund", "1762161263", good, provider.CallbackRejected},
		"the other callbacks' key":          {"refund", "key", "1762161262", good, provider.CallbackRejected},
		"no signature":                      {"key", "refund", "1762161262", "", provider.CallbackRejected},
		"its key is not configured":         {"key", "", "1762161262", good, provider.CallbackRejected},
		"no key is configured":              {"", "", "1762161262", good, provider.CallbackUnverified},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{"X-Event-Id": {"1"}, "X-Timestamp": {c.timestamp}, "X-Signature": {c.signature}}
			got := reader(t, c.key, c.refundKey).Callback(t.Context(), callback.Raw{Header: header, Body: []byte(callbackDone)})
			assert.Equal(t, c.want, got.Verdict, got.Reason)
			assert.False(t, got.Conclusive)
			if c.want == provider.CallbackRejected {
				assert.Contains(t, got.Reason, "refund_key")
			}
		})
	}
	both := http.Header{"X-Event-Id": {"1"}, "Signature": {signed("key", callbackDone)}}
	got := reader(t, "key", "refund").Callback(t.Context(), callback.Raw{Header: both, Body: []byte(callbackDone)})
	assert.Equal(t, provider.CallbackVerified, got.Verdict)
	assert.False(t, got.Conclusive, "headers are not signed: one that names a refund never makes it stand for an answer")
}

// Section 11: one body for both kinds; what a code means is what a query's means.
func TestEveryCodeOfACallbackIsRead(t *testing.T) {
	t.Parallel()
	r := reader(t, "")
	for code, want := range map[string]payment.Status{
		"0": payment.Completed, "1": payment.Failed, "2": payment.Pending, "17": payment.Pending, "1032": payment.Pending, "1037": payment.Pending,
		"2001": payment.Pending, "4999": payment.Pending,
	} {
		for _, kind := range []payment.Kind{payment.Deposit, payment.Payout} {
			got := r.Callback(t.Context(), callback.Raw{Header: http.Header{}, Body: []byte(`{"ResultCode":` + code + `,"TransactionID":"PHY1","TransactionAmount":"5.00"}`)})
			a := got.Read(provider.Query{Kind: kind, Amount: money.Amount{Currency: "KES", Exp: 2}})
			require.Equal(t, provider.Found, a.Verdict, a.Reason)
			assert.Equal(t, []string{string(want), code, "ResultCode " + code}, []string{string(a.Transactions[0].Status), a.Transactions[0].RawStatus, got.Event})
		}
	}
}

func TestACallbackTakesKindAndCurrencyFromItsPayment(t *testing.T) {
	t.Parallel()
	r := reader(t, "")
	read := func(body string) provider.CallbackResult {
		return r.Callback(t.Context(), callback.Raw{Header: http.Header{}, Body: []byte(body)})
	}
	got := read(callbackDone)
	assert.Empty(t, got.Kind, "the body doesn't say")
	assert.Equal(t, provider.NotAskable, got.Read(provider.Query{}).Verdict, "without its payment it means nothing")
	a := got.Read(provider.Query{Kind: payment.Deposit, Amount: money.Amount{Currency: "KES", Exp: 2}})
	require.Equal(t, provider.Found, a.Verdict, a.Reason)
	tx := a.Transactions[0]
	assert.Equal(t, []string{"deposit", "PHY51B7E0A22", "DP-2025-000913", "completed", "1250.00"},
		[]string{string(tx.Kind), tx.ID, tx.Reference, string(tx.Status), tx.Amount.String()})

	other := got.Read(provider.Query{Kind: payment.Deposit, ProviderPaymentID: "PHYOTHER", Amount: money.Amount{Currency: "KES", Exp: 2}})
	assert.Equal(t, provider.Invalid, other.Verdict, "another id than the one that is stored is never written over it")

	code := read(`{"ResultCode":4999,"ResultDesc":"x","TransactionID":"PHY1"}`)
	assert.Equal(t, payment.Pending, code.Read(provider.Query{Kind: payment.Payout, Amount: money.Amount{Currency: "KES", Exp: 2}}).Transactions[0].Status,
		"a code that nobody explains is no failure")

	refund := r.Callback(t.Context(), callback.Raw{Header: http.Header{"X-Event-Id": {"1"}}, Body: []byte(callbackDone)})
	assert.False(t, refund.Conclusive)
	assert.Nil(t, refund.Read, "it only tells that something happened")
	assert.Equal(t, []string{"refund ResultCode 0", "PHY51B7E0A22"}, []string{refund.Event, refund.ID})
	assert.Equal(t, provider.CallbackIgnored, read(`{"hello":1}`).Verdict)
	for _, bad := range []string{``, `[]`, `{"TransactionID":{}}`, `{"TransactionID":"a b"}`} {
		assert.Equal(t, provider.CallbackUnreadable, read(bad).Verdict, bad)
	}
}

func FuzzCallback(f *testing.F) {
	f.Add([]byte(callbackDone))
	f.Add([]byte(`{"ResultCode":"1032","TransactionID":7}`))
	r := reader(f, "")
	f.Fuzz(func(t *testing.T, body []byte) {
		got := r.Callback(t.Context(), callback.Raw{Header: http.Header{}, Body: body})
		if got.Read == nil {
			return
		}
		a := got.Read(provider.Query{Kind: payment.Deposit, Amount: money.Amount{Currency: "KES", Exp: 2}})
		if a.Verdict == provider.Found && (len(a.Transactions) != 1 || !a.Transactions[0].Status.Valid()) {
			t.Errorf("%+v", a)
		}
	})
}
