package pawapay

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/callback"
	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/pawapay/signature"
)

const (
	depositDone = `{"depositId":"0A3C7D52-9c0f-4a58-8b5f-0c1f5d0e7b11","status":"COMPLETED","amount":"150.0000","currency":"ZMW","country":"ZMB",
		"payer":{"type":"MMO","accountDetails":{"phoneNumber":"260763000111","provider":"MTN_MOMO_ZMB"}},"created":"2026-03-20T11:50:00Z",
		"providerTransactionId":"9912051200","clientReferenceId":"REF-1","metadata":{"orderId":"KB-7781"}}`
	ownURL = "https://shop.example/hooks/pawapay"
)

// keyPair is a key as pawaPay publishes it.
func keyPair(t *testing.T, id string) (crypto.Signer, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	require.NoError(t, err)
	list, err := json.Marshal([]map[string]string{{"id": id, "key": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))}})
	require.NoError(t, err)
	return key, string(list)
}

// posted is a callback that was signed for an address and received some time later.
func posted(t *testing.T, key crypto.Signer, host, path, body string, after time.Duration) callback.Raw {
	t.Helper()
	signedAt := testNow.Add(-48 * time.Hour)
	s := signature.Signer{KeyID: "HTTP_EC_P256_KEY:1", Key: key, Now: func() time.Time { return signedAt }}
	m := signature.Message{Method: http.MethodPost, Scheme: "https", Authority: host, Path: path, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)}
	require.NoError(t, s.Sign(m))
	return callback.Raw{ReceivedAt: signedAt.Add(after), Header: m.Header, Body: m.Body}
}

func TestACallbackIsBelievedOnlyWithASignatureForOurAddress(t *testing.T) {
	t.Parallel()
	key, published := keyPair(t, "HTTP_EC_P256_KEY:1")
	stranger, _ := keyPair(t, "x")
	good := func(t *testing.T) callback.Raw {
		return posted(t, key, "shop.example", "/hooks/pawapay", depositDone, time.Second)
	}
	for name, c := range map[string]struct {
		raw  func(t *testing.T) callback.Raw
		urls string
		keys string
		want provider.CallbackVerdict
	}{
		"signed, judged by the time it came": {good, ownURL, published, provider.CallbackVerified},
		"one of several addresses":           {good, "https://shop.example/other, " + ownURL, published, provider.CallbackVerified},
		"no address configured":              {good, "", published, provider.CallbackUnverified},
		"for another merchant's address": {func(t *testing.T) callback.Raw {
			r := posted(t, key, "thief.example", "/hooks/pawapay", depositDone, time.Second)
			r.Header.Set("Host", "thief.example")
			return r
		}, ownURL, published, provider.CallbackRejected},
		"for another path": {func(t *testing.T) callback.Raw {
			return posted(t, key, "shop.example", "/hooks", depositDone, time.Second)
		}, ownURL, published, provider.CallbackRejected},
		"body changed": {func(t *testing.T) callback.Raw {
			r := good(t)
			r.Body = []byte(`{"depositId":"` + testID + `","status":"COMPLETED"}`)
			return r
		}, ownURL, published, provider.CallbackRejected},
		"sent again when it had expired": {func(t *testing.T) callback.Raw {
			return posted(t, key, "shop.example", "/hooks/pawapay", depositDone, time.Hour)
		}, ownURL, published, provider.CallbackRejected},
		"a stranger's key": {func(t *testing.T) callback.Raw {
			return posted(t, stranger, "shop.example", "/hooks/pawapay", depositDone, time.Second)
		}, ownURL, published, provider.CallbackRejected},
		"not signed": {func(*testing.T) callback.Raw {
			return callback.Raw{ReceivedAt: testNow, Header: http.Header{}, Body: []byte(depositDone)}
		}, ownURL, published, provider.CallbackRejected},
		"keys that can't be fetched": {good, ownURL, "", provider.CallbackLater},
		"a key that nobody published": {good, ownURL, func() string {
			_, other := keyPair(t, "HTTP_EC_P256_KEY:2")
			return other
		}(), provider.CallbackRejected},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers := paths{}
			if c.keys != "" {
				answers["/v2/public-key/http"] = c.keys
			}
			got := newTestClient(t, answers, map[string]string{"callback_url": c.urls}).Callback(t.Context(), c.raw(t))
			assert.Equal(t, c.want, got.Verdict, got.Reason)
			assert.Equal(t, testID, got.ID, "also of what is not believed the payment is known")
			if c.want == provider.CallbackRejected || c.want == provider.CallbackLater {
				assert.NotEmpty(t, got.Reason)
			}
		})
	}
}

func TestACallbackSaysWhatAStatusAnswerSays(t *testing.T) {
	t.Parallel()
	cl := newTestClient(t, paths{}, nil)
	read := func(body string) provider.CallbackResult {
		return cl.Callback(t.Context(), callback.Raw{ReceivedAt: testNow, Body: []byte(body)})
	}
	got := read(depositDone)
	require.NotNil(t, got.Read)
	assert.True(t, got.Conclusive)
	assert.Equal(t, []string{"deposit", testID, testID, "REF-1", "COMPLETED"}, []string{string(got.Kind), got.ID, got.OwnID, got.Reference, got.Event})
	a := got.Read(provider.Query{Kind: payment.Deposit, PaymentID: testID, Reference: "REF-1"})
	require.Equal(t, provider.Found, a.Verdict, a.Reason)
	tx := a.Transactions[0]
	assert.Equal(t, payment.Completed, tx.Status)
	assert.Equal(t, "150.00", tx.Amount.String())
	assert.Equal(t, "260763000111", tx.Account)
	assert.False(t, tx.Partial)

	with := got.Read(provider.Query{PaymentID: testID, RefundIDs: []string{refundA}})
	assert.True(t, with.Transactions[0].Partial, "refunds are not in it: one status call adds them up")
	plain := read(`{"payoutId":"` + testID + `","status":"FAILED","amount":"5","currency":"ZMW","failureReason":{"failureCode":"RECIPIENT_NOT_FOUND"}}`)
	assert.Equal(t, payment.Payout, plain.Kind)
	failed := plain.Read(provider.Query{PaymentID: testID, Reference: "R"}).Transactions[0]
	assert.Equal(t, payment.Failed, failed.Status)
	assert.True(t, failed.Partial, "it does not echo the reference that we hold")
	assert.False(t, plain.Read(provider.Query{PaymentID: testID}).Transactions[0].Partial)

	odd := read(`{"payoutId":"` + testID + `","status":"WONDERFUL","amount":"5","currency":"ZMW"}`)
	assert.Equal(t, provider.Invalid, odd.Read(provider.Query{}).Verdict, "an unknown word is never guessed")

	refund := read(`{"refundId":"` + refundA + `","depositId":"` + testID + `","status":"COMPLETED","amount":"30","currency":"ZMW"}`)
	assert.Equal(t, []string{refundA, testID}, []string{refund.RefundID, refund.ID})
	assert.Nil(t, refund.Read, "a refund only says that its deposit is worth asking for")

	assert.Equal(t, provider.CallbackIgnored, read(`{"statementId":"`+testID+`","status":"COMPLETED"}`).Verdict)
	assert.Equal(t, provider.CallbackUnverified, read(`{"status":"FOUND","data":`+depositDone+`}`).Verdict, "in the envelope of a status answer")
	for _, bad := range []string{``, `[]`, `{"depositId":"`, `{"depositId":"not-a-uuid","status":"COMPLETED"}`, `{"depositId":{}}`} {
		assert.Equal(t, provider.CallbackUnreadable, read(bad).Verdict, bad)
	}
}

// The words are those of
// https://docs.pawapay.io/v2/api-reference/deposits/deposit-callback and
// https://docs.pawapay.io/v2/api-reference/refunds/refund-callback.
func TestEveryWordOfACallbackIsRead(t *testing.T) {
	t.Parallel()
	cl := newTestClient(t, paths{}, nil)
	for word, want := range map[string]payment.Status{"COMPLETED": payment.Completed, "FAILED": payment.Failed, "PROCESSING": payment.Pending} {
		for key, kind := range map[string]payment.Kind{"depositId": payment.Deposit, "payoutId": payment.Payout} {
			got := cl.Callback(t.Context(), callback.Raw{ReceivedAt: testNow, Body: []byte(`{"` + key + `":"` + testID + `","status":"` + word + `","amount":"30.0000","currency":"ZMW"}`)})
			require.NotNil(t, got.Read, word)
			assert.Equal(t, []string{string(kind), word}, []string{string(got.Kind), got.Event})
			a := got.Read(provider.Query{Kind: kind, PaymentID: testID})
			require.Equal(t, provider.Found, a.Verdict, a.Reason)
			assert.Equal(t, want, a.Transactions[0].Status)
		}
		refund := cl.Callback(t.Context(), callback.Raw{ReceivedAt: testNow, Body: []byte(`{"refundId":"` + refundA + `","status":"` + word + `","amount":"30","currency":"ZMW"}`)})
		assert.Equal(t, []string{refundA, "", "refund " + word}, []string{refund.RefundID, refund.ID, refund.Event}, "its deposit is named in no documented body")
	}
	// Section 11: one integrator prints a body of v1 on the page of v2, another expects requestedAmount.
	old := cl.Callback(t.Context(), callback.Raw{ReceivedAt: testNow, Body: []byte(`{"depositId":"` + testID + `","status":"COMPLETED","requestedAmount":"75.00","depositedAmount":"74.50",
		"currency":"ZMW","correspondent":"AIRTEL_OAPI_ZMB","payer":{"type":"MSISDN","address":{"value":"260973000333"}}}`)})
	require.NotNil(t, old.Read)
	tx := old.Read(provider.Query{Kind: payment.Deposit, PaymentID: testID}).Transactions[0]
	moved := tx.Moved()
	assert.Equal(t, []string{"75.00", "74.50", "260973000333"}, []string{tx.Amount.String(), moved.String(), tx.Account})
}

func TestACallbackAddressMustBeOneThatPawaPayCanHold(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"http://shop.example/x", "shop.example", "https://", "https://u:p@shop.example/x"} {
		_, err := Spec().New(provider.Settings{
			Credentials: map[string]string{"token": "t"}, Options: map[string]string{"callback_url": bad}, HTTP: newTestClient(t, paths{}, nil).http,
		})
		assert.ErrorContains(t, err, "callback_url", bad)
	}
}

func FuzzCallback(f *testing.F) {
	f.Add([]byte(depositDone))
	f.Add([]byte(`{"refundId":"x","status":1}`))
	f.Add([]byte(`{"status":"FOUND","data":{"payoutId":"` + testID + `","status":"FAILED","amount":"5","currency":"UGX"}}`))
	c := &client{version: v2{}}
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
