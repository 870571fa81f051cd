package pawapay

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tieout/internal/money"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
)

const (
	testToken = "test-token"
	testID    = "0a3c7d52-9c0f-4a58-8b5f-0c1f5d0e7b11"
	refundA   = "7d2f0a6b-1f0d-4f5a-8a77-5f3c2f1f9b30"
	refundB   = "9e2f0a6b-1f0d-4f5a-8a77-5f3c2f1f9b31"
)

var testNow = time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)

// newTestClient makes a client of a server that speaks for pawaPay.
func newTestClient(t *testing.T, h http.Handler, options map[string]string, more ...map[string]string) *client {
	t.Helper()
	credentials := map[string]string{"token": testToken}
	for _, m := range more {
		maps.Copy(credentials, m)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	hc, err := httpx.New(httpx.Config{BaseURL: srv.URL, MaxAttempts: 2, Backoff: time.Millisecond, Timeout: 2 * time.Second})
	require.NoError(t, err)
	t.Cleanup(hc.CloseIdleConnections)
	cl, err := Spec().New(provider.Settings{
		Name: "pawapay-zm", BaseURL: srv.URL, Credentials: credentials,
		Options: options, Scale: money.Scale{}, HTTP: hc, Now: func() time.Time { return testNow },
	})
	require.NoError(t, err)
	return cl.(*client)
}

// says answers every request alike.
func says(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
}

// paths answers by path; anything else is 404.
type paths map[string]string

func (p paths) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, ok := p[r.URL.Path]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	_, _ = w.Write([]byte(body))
}

// memory is a provider.Memory in a map.
type memory struct {
	mu     sync.Mutex
	values map[string]string
}

func (m *memory) Get(_ context.Context, key string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.values[key], nil
}

func (m *memory) Set(_ context.Context, key, value string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.values == nil {
		m.values = map[string]string{}
	}
	m.values[key] = value
	return nil
}
