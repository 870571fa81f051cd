package pesaswap

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/payment"
	"tieout/internal/provider"
)

const payID = "pay_3LmNq8ZtXv5RbKw1YcGd"

// The codes are those of api-reference/essentials/error_codes and
// crates/hyperswitch_domain_models/src/errors/api_error_response.rs in
// https://github.com/juspay/hyperswitch.
func TestEachErrorHasItsVerdict(t *testing.T) {
	t.Parallel()
	page := "<html>bad gateway</html>"
	for _, tc := range []struct {
		name   string
		status int
		body   string
		want   provider.Verdict
	}{
		{"401 IR_01", 401, envelope("IR_01", "m"), provider.Refused},
		{"401 IR_17", 401, envelope("IR_17", "m"), provider.Refused},
		{"401 IR_18", 401, envelope("IR_18", "m"), provider.Refused},
		{"401 IR_48", 401, envelope("IR_48", "m"), provider.Refused},
		{"401 IR_51", 401, envelope("IR_51", "m"), provider.Refused},
		{"400 IR_04", 400, envelope("IR_04", "m"), provider.Refused},
		{"400 IR_21", 400, envelope("IR_21", "m"), provider.Refused},
		{"400 IR_19", 400, envelope("IR_19", "m"), provider.Refused},
		{"400 IR_20", 400, envelope("IR_20", "m"), provider.Refused},
		{"400 IR_39", 400, envelope("IR_39", "m"), provider.Refused},
		{"400 IR_41", 400, envelope("IR_41", "m"), provider.Refused},
		{"400 HE_01 is of a creation", 400, envelope("HE_01", "m"), provider.Refused},
		{"422 IR_05", 422, envelope("IR_05", "m"), provider.Refused},
		{"422 IR_06", 422, envelope("IR_06", "m"), provider.Refused},
		{"503 with a code of tomorrow", 503, envelope("XX_99", "m"), provider.NoAnswer},
		{"400 with a code of tomorrow", 400, envelope("XX_99", "m"), provider.Refused},
		{"403 IR_22", 403, envelope("IR_22", "m"), provider.Refused},
		{"404 HE_02", 404, envelope("HE_02", "m"), provider.Unknown},
		{"404 HE_04 is not about payments", 404, envelope("HE_04", "m"), provider.Refused},
		{"404 IR_02 is a wrong address", 404, envelope("IR_02", "m"), provider.Refused},
		{"404 in plain text", 404, "no such id", provider.Refused},
		{"404 page", 404, page, provider.Refused},
		{"405 IR_03", 405, envelope("IR_03", "m"), provider.Refused},
		{"400 IR_16 other profile", 400, envelope("IR_16", "m"), provider.Refused},
		{"400 IR_07", 400, envelope("IR_07", "m"), provider.Refused},
		{"400 with error_type", 400, `{"error": {"error_type": "invalid_request", "message": "m", "code": "IR_06"}}`, provider.Refused},
		{"400 in plain text", 400, "Query deserialize error: x", provider.Refused},
		{"422 HE_00 locked", 422, envelope("HE_00", "Resource is busy"), provider.NoAnswer},
		{"429", 429, "slow down", provider.NoAnswer},
		{"429 with code", 429, envelope("HE_00", "m"), provider.NoAnswer},
		{"500 HE_00", 500, envelope("HE_00", "m"), provider.NoAnswer},
		{"501 IR_00", 501, envelope("IR_00", "m"), provider.Refused},
		{"502 page", 502, page, provider.NoAnswer},
		{"503 empty", 503, "", provider.NoAnswer},
		{"522 page", 522, page, provider.NoAnswer},
		{"CE_00 under 400", 400, envelope("CE_00", "m"), provider.NoAnswer},
		{"CE_00 under 401", 401, envelope("CE_00", "m"), provider.NoAnswer},
		{"CE_00 under 404", 404, envelope("CE_00", "m"), provider.NoAnswer},
		{"HE_02 under 500 is no word about the payment", 500, envelope("HE_02", "m"), provider.NoAnswer},
		{"HE_02 under 200 is none either", 200, envelope("HE_02", "m"), provider.NoAnswer},
		{"blocked under 200", 200, `{"error": {"type": "blocked", "message": "m", "code": "HE_03"}}`, provider.NoAnswer},
		{"an error without a code under 200", 200, `{"error": {}}`, provider.NoAnswer},
		{"page under 200", 200, page, provider.NoAnswer},
		{"half a body", 200, `{"payment_id": "pay_3Lm`, provider.NoAnswer},
		{"nothing under 200", 200, "", provider.NoAnswer},
		{"a list under 200", 200, "[]", provider.Invalid},
		{"an empty object", 200, "{}", provider.Invalid},
		{"redirect", 302, "", provider.Refused},
		{"500 IE_00 without figures", 500, envelope("IE_00", "Integrity Check Failed!"), provider.Invalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, reply(tc.status, tc.body)).Status(t.Context(), deposit(payID))
			assert.Equal(t, tc.want, a.Verdict, a.Reason)
			assert.Empty(t, a.Transactions)
			assert.NotEmpty(t, a.Reason)
		})
	}
}

func TestReasonsRepeatNothingThatTheProviderWrote(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"IR_01", "HE_00", "CE_00", "IE_00"} {
		a := serve(t, reply(500, envelope(code, "subscriber 254712000431 expected key snd_key"))).Status(t.Context(), deposit(payID))
		assert.NotContains(t, a.Reason, "254712000431")
		assert.NotContains(t, a.Reason, "snd_key")
	}
}

func TestNoServerIsNoAnswer(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	a := clientAt(t, s.URL, nil).Status(t.Context(), deposit(payID))
	assert.Equal(t, provider.NoAnswer, a.Verdict)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a = serve(t, reply(404, envelope("HE_02", "m"))).Status(ctx, deposit(payID))
	assert.Equal(t, provider.NoAnswer, a.Verdict)
}

func TestAnotherPaymentsAnswerIsInvalid(t *testing.T) {
	t.Parallel()
	a := serve(t, reply(200, sample(t, "payment.json"))).Status(t.Context(), deposit("pay_other"))
	assert.Equal(t, provider.Invalid, a.Verdict)
	assert.Contains(t, a.Reason, payID)
}

func TestUnknownWordIsInvalidAndKept(t *testing.T) {
	t.Parallel()
	a := serve(t, reply(200, with(t, sample(t, "payment.json"), map[string]string{"status": `"settling"`}))).Status(t.Context(), deposit(payID))
	assert.Equal(t, provider.Invalid, a.Verdict)
	assert.Equal(t, "settling", a.RawStatus)
}

func TestRequestsCarryTheKeyAndNothingElse(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "snd_key", r.Header.Get("api-key"))
		assert.Empty(t, r.Header.Get("Authorization"))
		assert.Empty(t, r.Header.Get("X-Profile-Id"))
		assert.Equal(t, "/payments/"+payID, r.URL.Path)
		send(w, 200, sample(t, "payment.json"))
	})
	q := deposit(payID)
	q.Sync = false
	assert.Equal(t, provider.Found, c.Status(t.Context(), q).Verdict)
}

func TestProfileIsSentWhereConfigured(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "pro_1", r.Header.Get("X-Profile-Id"))
		send(w, 200, sample(t, "payment.json"))
	}))
	defer s.Close()
	a := clientAt(t, s.URL, map[string]string{"profile_id": "pro_1"}).Status(t.Context(), deposit(payID))
	assert.Equal(t, provider.Found, a.Verdict)
}

func TestWhatCannotBeAskedForIsNotSent(t *testing.T) {
	t.Parallel()
	c := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	for _, id := range []string{"list", "a b", "../x", "ä", strings.Repeat("a", 65), "a/b", "a%2Fb"} {
		for _, q := range []provider.Query{deposit(id), payout(id)} {
			assert.Equal(t, provider.NotAskable, c.Status(t.Context(), q).Verdict, id)
		}
	}
	q := deposit("")
	q.PaymentID = "no legal id"
	a := c.Status(t.Context(), q)
	assert.Equal(t, provider.NotAskable, a.Verdict)
	assert.Contains(t, a.Reason, "list")
}

// syncServer shows plain and, once forced, what forced says.
func syncServer(t *testing.T, plain string, forced func(w http.ResponseWriter)) (*client, *atomic.Int32) {
	t.Helper()
	var n atomic.Int32
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		if isForced(r) {
			n.Add(1)
			forced(w)
			return
		}
		send(w, 200, plain)
	}), &n
}

func TestOldOpenPaymentsAreForceSynced(t *testing.T) {
	t.Parallel()
	open := map[payment.Kind][]string{
		payment.Deposit: {"processing", "requires_customer_action", "requires_merchant_action", "requires_capture", "partially_captured_and_capturable"},
		payment.Payout:  {"pending", "initiated"},
	}
	files := map[payment.Kind]string{payment.Deposit: "payment.json", payment.Payout: "payout.json"}
	for kind, words := range map[payment.Kind]map[string]meaning{payment.Deposit: depositWords, payment.Payout: payoutWords} {
		for word := range words {
			if word == wordConflicted {
				continue
			}
			done := sample(t, files[kind])
			c, n := syncServer(t, with(t, done, map[string]string{"status": `"` + word + `"`}), func(w http.ResponseWriter) { send(w, 200, done) })
			q := deposit(payID)
			if kind == payment.Payout {
				q = payout("payout_7Qm2xV9bTfK4wZr8LcHd")
			}
			a := c.Status(t.Context(), q)
			require.Equal(t, provider.Found, a.Verdict, word)
			want := int32(0)
			for _, o := range open[kind] {
				if o == word {
					want = 1
					assert.Equal(t, payment.Completed, a.Transactions[0].Status, word)
				}
			}
			assert.Equal(t, want, n.Load(), "%s %s", kind, word)
		}
	}
}

func TestForceSyncWaitsForItsTime(t *testing.T) {
	t.Parallel()
	plain := with(t, sample(t, "payment.json"), map[string]string{"status": `"processing"`, "amount_received": "null"})
	for name, tc := range map[string]struct {
		change func(*provider.Query)
		want   int32
	}{
		"not allowed":          {func(q *provider.Query) { q.Sync = false }, 0},
		"too young":            {func(q *provider.Query) { q.CreatedAt = now.Add(-29 * time.Minute) }, 0},
		"old enough":           {func(q *provider.Query) { q.CreatedAt = now.Add(-31 * time.Minute) }, 1},
		"by the server's time": {func(q *provider.Query) { q.CreatedAt = time.Time{} }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, n := syncServer(t, plain, func(w http.ResponseWriter) { send(w, 200, plain) })
			q := deposit(payID)
			tc.change(&q)
			assert.Equal(t, provider.Found, c.Status(t.Context(), q).Verdict)
			assert.Equal(t, tc.want, n.Load())
		})
	}
}

func TestFailingForceSyncLeavesThePlainAnswer(t *testing.T) {
	t.Parallel()
	plain := with(t, sample(t, "payment.json"), map[string]string{"status": `"processing"`, "amount_received": "null"})
	for name, tc := range map[string]struct {
		status int
		body   string
	}{
		"501 IR_00":        {501, envelope("IR_00", "m")},
		"400 IR_19":        {400, envelope("IR_19", "m")},
		"400 IR_20":        {400, envelope("IR_20", "m")},
		"400 IR_39":        {400, envelope("IR_39", "m")},
		"400 IR_41":        {400, envelope("IR_41", "m")},
		"429 locked":       {429, envelope("HE_00", "m")},
		"400 CE_00":        {400, envelope("CE_00", "m")},
		"422 locked":       {422, envelope("HE_00", "m")},
		"500 HE_00":        {500, envelope("HE_00", "m")},
		"404 HE_02":        {404, envelope("HE_02", "m")},
		"401":              {401, envelope("IR_01", "m")},
		"half a body":      {200, `{"payment_id"`},
		"502 page":         {502, "<html>"},
		"blocked in a 200": {200, envelope("HE_03", "m")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, n := syncServer(t, plain, func(w http.ResponseWriter) { send(w, tc.status, tc.body) })
			a := c.Status(t.Context(), deposit(payID))
			require.Equal(t, provider.Found, a.Verdict)
			assert.Equal(t, payment.Pending, a.Transactions[0].Status)
			assert.Equal(t, int32(1), n.Load(), "a force sync is not retried")
		})
	}
}

func TestForceSyncThatTellsNonsenseIsInvalid(t *testing.T) {
	t.Parallel()
	plain := with(t, sample(t, "payment.json"), map[string]string{"status": `"processing"`})
	c, _ := syncServer(t, plain, func(w http.ResponseWriter) {
		send(w, 200, with(t, plain, map[string]string{"status": `"melted"`}))
	})
	a := c.Status(t.Context(), deposit(payID))
	assert.Equal(t, provider.Invalid, a.Verdict)
	assert.Equal(t, "melted", a.RawStatus)
}

func TestOnePaymentIsNeverForceSyncedTwiceAtOnce(t *testing.T) {
	t.Parallel()
	plain := with(t, sample(t, "payment.json"), map[string]string{"status": `"processing"`})
	var open, most atomic.Int32
	c, _ := syncServer(t, plain, func(w http.ResponseWriter) {
		if v := open.Add(1); v > most.Load() {
			most.Store(v)
		}
		time.Sleep(20 * time.Millisecond)
		open.Add(-1)
		send(w, 200, plain)
	})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { assert.Equal(t, provider.Found, c.Status(t.Context(), deposit(payID)).Verdict) })
	}
	all.Wait()
	assert.Equal(t, int32(1), most.Load())
}

// An integrity failure is a finding, not an outage.
func TestIntegrityFailureShowsTheConnectorsFigures(t *testing.T) {
	t.Parallel()
	plain := with(t, sample(t, "payment.json"), map[string]string{"status": `"processing"`, "amount_received": "null", "connector_transaction_id": "null"})
	for name, tc := range map[string]struct {
		message string
		want    provider.Verdict
		moved   string
	}{
		"amount":                  {"Integrity Check Failed! as data mismatched for amount expected 10050 but found 10000", provider.Found, "100.00 KES"},
		"currency":                {"Integrity Check Failed! as data mismatched for currency expected KES but found USD", provider.Found, "100.50 USD"},
		"both":                    {"… amount expected 10050 but found 900, currency expected KES but found UGX", provider.Found, "900 UGX"},
		"another payment's":       {"… amount expected 77 but found 10000", provider.Invalid, ""},
		"another currency's":      {"… currency expected UGX but found USD", provider.Invalid, ""},
		"a field we don't know":   {"… amount expected 10050 but found 10000, reference expected A but found B", provider.Invalid, ""},
		"figures in another form": {"… amount expected Some(10050) but found Some(10000)", provider.Invalid, ""},
		"no figures":              {"Integrity Check Failed!", provider.Invalid, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, n := syncServer(t, plain, func(w http.ResponseWriter) {
				send(w, 500, fmt.Sprintf(`{"error": {"type": "api", "message": %q, "code": "IE_00", "connector_transaction_id": "UHE0X1Y2Z3"}}`, tc.message))
			})
			a := c.Status(t.Context(), deposit(payID))
			assert.Equal(t, int32(1), n.Load(), "it is not retried away")
			require.Equal(t, tc.want, a.Verdict, a.Reason)
			if tc.want == provider.Invalid {
				assert.Equal(t, "IE_00", a.RawStatus)
				return
			}
			tx := a.Transactions[0]
			moved := tx.Moved()
			assert.Equal(t, tc.moved, moved.String()+" "+moved.Currency)
			assert.Equal(t, moved.Currency, tx.Amount.Currency)
			assert.Equal(t, payment.Pending, tx.Status, "nobody says that it is complete")
			assert.Equal(t, payment.ActionReview, tx.NeedsAction)
			assert.Equal(t, "UHE0X1Y2Z3", tx.NetworkReference)
			assert.Equal(t, "processing IE_00", tx.RawStatus)
		})
	}
}

func TestIntegrityFailureOfThePlainCallIsReadAgainstOurOwnAmount(t *testing.T) {
	t.Parallel()
	c := serve(t, reply(500, envelope("IE_00", "mismatched for amount expected 10050 but found 10000")))
	a := c.Status(t.Context(), deposit(payID))
	require.Equal(t, provider.Found, a.Verdict, a.Reason)
	assert.Equal(t, kes(10050), a.Transactions[0].Amount)
	assert.Equal(t, kes(10000), a.Transactions[0].Moved())
	q := deposit(payID)
	q.Amount = kes(1)
	assert.Equal(t, provider.Invalid, c.Status(t.Context(), q).Verdict)
}

// M-Pesa moves whole shillings: what is less by cents alone is told apart.
func TestCentsThatMPesaDroppedAreNoted(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change map[string]string
		noted  bool
	}{
		"cents dropped":              {nil, true},
		"a whole shilling less":      {map[string]string{"amount_received": "9900"}, false},
		"a shilling and the cents":   {map[string]string{"amount_received": "9950"}, false},
		"cents that had moved":       {map[string]string{"amount_received": "10025"}, false},
		"nothing is missing":         {map[string]string{"amount": "10000"}, false},
		"more was received":          {map[string]string{"amount_received": "10100"}, false},
		"another method":             {map[string]string{"payment_method_type": `"credit"`}, false},
		"a currency without cents":   {map[string]string{"currency": `"UGX"`}, false},
		"nothing is said to be here": {map[string]string{"amount_received": "null"}, false},
	} {
		a := serve(t, reply(200, with(t, sample(t, "payment.json"), tc.change))).Status(t.Context(), deposit(payID))
		require.Equal(t, provider.Found, a.Verdict, a.Reason)
		if tc.noted {
			assert.Equal(t, payment.Noted+"M-Pesa moves whole shillings, and dropped the cents of what was asked for", a.Reason, name)
		} else {
			assert.Empty(t, a.Reason, name)
		}
	}
}

func TestConflictedPayment(t *testing.T) {
	t.Parallel()
	body := func(received, message string) string {
		return with(t, sample(t, "payment.json"), map[string]string{"status": `"conflicted"`, "amount_received": received, "error_message": message})
	}
	c := serve(t, reply(200, body("9000", "null")))
	a := c.Status(t.Context(), deposit(payID))
	require.Equal(t, provider.Found, a.Verdict)
	assert.Equal(t, kes(9000), a.Transactions[0].Moved())

	c = serve(t, reply(200, body("null", `"amount expected 10050 but found 8000"`)))
	a = c.Status(t.Context(), deposit(payID))
	require.Equal(t, provider.Found, a.Verdict)
	assert.Equal(t, kes(8000), a.Transactions[0].Moved())

	for _, received := range []string{"null", "10050"} {
		a = serve(t, reply(200, body(received, `"Integrity Check Failed!"`))).Status(t.Context(), deposit(payID))
		assert.Equal(t, provider.Invalid, a.Verdict)
		assert.Equal(t, "conflicted", a.RawStatus)
	}
}

func TestCheckTellsWhatToDo(t *testing.T) {
	t.Parallel()
	line, err := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("x-hyperswitch-version", "2026.08.21.0")
		send(w, 404, envelope("HE_02", "m"))
	}).Check(t.Context())
	require.NoError(t, err)
	assert.Contains(t, line, "2026.08.21.0")

	for body, status := range map[string]int{envelope("IR_01", "m"): 401, envelope("IR_02", "m"): 404, "<html>": 200, "": 503} {
		_, err := serve(t, reply(status, body)).Check(t.Context())
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "snd_key")
	}
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	c := clientAt(t, "http://127.0.0.1:1", map[string]string{"force_sync_after": "1h", "force_sync_timeout": "5s", "saved_method_exclude": "a, b"})
	assert.Equal(t, time.Hour, c.syncAfter)
	assert.Equal(t, 5*time.Second, c.syncTimeout)
	assert.Equal(t, map[string]bool{"a": true, "b": true}, c.neverSaved)
	for name, s := range map[string]provider.Settings{
		"no key":   {HTTP: c.http},
		"no http":  {Credentials: map[string]string{"api_key": "k"}},
		"duration": {HTTP: c.http, Credentials: map[string]string{"api_key": "k"}, Options: map[string]string{"force_sync_after": "soon"}},
		"negative": {HTTP: c.http, Credentials: map[string]string{"api_key": "k"}, Options: map[string]string{"force_sync_timeout": "-1s"}},
	} {
		_, err := Spec().New(s)
		assert.Error(t, err, name)
	}
}
