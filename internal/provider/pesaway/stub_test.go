package pesaway_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
	"tieout/internal/provider/pesaway"
)

const (
	tokenPath  = "/api/v1/token/"
	mobilePath = "/api/v1/mobile-money/transaction-query/"
	bankPath   = "/api/v1/bank/transaction-query/"
	pullPath   = "/api/v1/mobile-money/pull-transactions/"
)

// seen is a request as the stub saw it.
type seen struct {
	Method, Path string
	Header       http.Header
	Body         map[string]any
}

// stub is a server that answers as a test says and remembers what was asked.
type stub struct {
	*httptest.Server
	mu       sync.Mutex
	requests []seen
	answers  map[string]func(s seen) (int, string)
}

func newStub(t *testing.T) *stub {
	t.Helper()
	s := &stub{answers: map[string]func(seen) (int, string){
		tokenPath: func(seen) (int, string) { return 200, `{"access_token":"tok-1","expires_in":3600}` },
	}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		q := seen{Method: r.Method, Path: r.URL.Path, Header: r.Header}
		_ = json.Unmarshal(b, &q.Body)
		s.mu.Lock()
		s.requests = append(s.requests, q)
		answer := s.answers[r.URL.Path]
		s.mu.Unlock()
		if answer == nil {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, "<html>Not Found</html>")
			return
		}
		status, body := answer(q)
		if status >= 300 && status < 400 {
			w.Header().Set("Location", r.URL.Path+"/")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *stub) on(path string, status int, body string) {
	s.onFunc(path, func(seen) (int, string) { return status, body })
}

func (s *stub) onFunc(path string, answer func(seen) (int, string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[path] = answer
}

func (s *stub) asked(path string) []seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []seen
	for _, q := range s.requests {
		if q.Path == path {
			out = append(out, q)
		}
	}
	return out
}

// settings are those of an account at base; tests change what they are about.
func settings(t *testing.T, base string) provider.Settings {
	t.Helper()
	h, err := httpx.New(httpx.Config{BaseURL: base, Concurrency: 128, MaxAttempts: 2, Backoff: time.Millisecond, BreakAfter: 1000})
	require.NoError(t, err)
	t.Cleanup(h.Close)
	return provider.Settings{
		Name: "pesaway-ke", BaseURL: base, HTTP: h, Now: time.Now,
		Credentials: map[string]string{"client_id": "key-1", "client_secret": "s3cret-1"},
		Options:     map[string]string{},
	}
}

func client(t *testing.T, base string, change ...func(*provider.Settings)) provider.Client {
	t.Helper()
	s := settings(t, base)
	for _, f := range change {
		f(&s)
	}
	c, err := pesaway.Spec().New(s)
	require.NoError(t, err)
	return c
}

func option(key, value string) func(*provider.Settings) {
	return func(s *provider.Settings) { s.Options[key] = value }
}

func kes(minor int64) money.Amount { return money.Amount{Minor: minor, Exp: 2, Currency: "KES"} }

func deposit(id string) provider.Query {
	return provider.Query{Kind: payment.Deposit, PaymentID: "p-1", ProviderPaymentID: id, Reference: "DP-1", Amount: kes(125000)}
}

func payout(id string) provider.Query {
	q := deposit(id)
	q.Kind = payment.Payout
	return q
}

func list(t *testing.T, c provider.Client, q provider.ListQuery) (provider.Page, provider.Reach, error) {
	t.Helper()
	var all provider.Page
	l, ok := c.(provider.Lister)
	require.True(t, ok, "the client lists")
	reach, err := l.List(context.Background(), q, func(p provider.Page) error {
		all.Transactions = append(all.Transactions, p.Transactions...)
		all.Invalid = append(all.Invalid, p.Invalid...)
		return nil
	})
	return all, reach, err
}
