package pesaswap

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
)

var now = time.Date(2026, 8, 20, 6, 0, 0, 0, time.UTC)

// clientAt makes a client of the server, as of now, that hardly waits.
func clientAt(t *testing.T, url string, options map[string]string) *client {
	t.Helper()
	h, err := httpx.New(httpx.Config{BaseURL: url, Timeout: 5 * time.Second, MaxAttempts: 2, Backoff: time.Millisecond, BreakAfter: 1000})
	require.NoError(t, err)
	c, err := Spec().New(provider.Settings{
		Name: "pesaswap-ke", Credentials: map[string]string{"api_key": " snd_key ", "profile_id": options["profile_id"]},
		Options: options, HTTP: h, Now: func() time.Time { return now },
	})
	require.NoError(t, err)
	return c.(*client)
}

// serve makes a client of a handler.
func serve(t *testing.T, h http.HandlerFunc) *client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return clientAt(t, s.URL, nil)
}

// reply answers every request alike.
func reply(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { send(w, status, body) }
}

func send(w http.ResponseWriter, status int, body string) {
	w.WriteHeader(status)
	if _, err := w.Write([]byte(body)); err != nil {
		panic(err)
	}
}

func kes(minor int64) money.Amount { return money.Amount{Minor: minor, Exp: 2, Currency: "KES"} }

func ptr(a money.Amount) *money.Amount { return &a }

func obj(t *testing.T, body string) object {
	t.Helper()
	o, err := readObject([]byte(body))
	require.NoError(t, err)
	return o
}

// with changes members of a JSON object; "" takes the member away.
func with(t *testing.T, body string, changes map[string]string) string {
	t.Helper()
	o := obj(t, body)
	for k, v := range changes {
		if v == "" {
			delete(o, k)
			continue
		}
		o[k] = json.RawMessage(v)
	}
	raw, err := json.Marshal(o)
	require.NoError(t, err)
	return string(raw)
}

func deposit(id string) provider.Query {
	return provider.Query{Kind: payment.Deposit, PaymentID: "our-1", ProviderPaymentID: id, Amount: kes(10050), CreatedAt: now.Add(-2 * time.Hour), Sync: true}
}

func payout(id string) provider.Query {
	q := deposit(id)
	q.Kind = payment.Payout
	return q
}

func envelope(code, message string) string {
	return `{"error": {"type": "x", "message": "` + message + `", "code": "` + code + `"}}`
}

func isForced(r *http.Request) bool { return r.URL.Query().Get("force_sync") == "true" }

func lastPart(path string) string { return path[strings.LastIndex(path, "/")+1:] }
