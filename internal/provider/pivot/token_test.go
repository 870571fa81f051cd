package pivot

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
)

// gate hands out numbered tokens and lets only the newest in.
type gate struct {
	issued  atomic.Int64
	revoked atomic.Int64
	life    string
	token   http.HandlerFunc // instead
	header  atomic.Value
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/v1/access-token" && g.token != nil:
		g.issued.Add(1)
		g.token(w, r)
	case r.URL.Path == "/v1/access-token":
		body, _ := io.ReadAll(r.Body)
		ok := r.Method == http.MethodPost && r.Header.Get("X-MERCHANT-ID") == "id" && r.Header.Get("X-MERCHANT-SECRET") == "secret" &&
			string(body) == `{"grantType":"client_credentials"}`
		if !ok {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_, _ = fmt.Fprintf(w, `{"code":"00","data":{"accessToken":"t%d","expiresIn":%s,"tokenType":"Bearer"}}`, g.issued.Add(1), g.life)
	case r.Header.Get("Authorization") != fmt.Sprintf("Bearer t%d", g.issued.Load()) || g.issued.Load() <= g.revoked.Load():
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprint(w, `{"code":"credentials_invalid"}`)
	default:
		g.header.Store(r.Header.Get("X-Submerchant-Id"))
		_, _ = fmt.Fprint(w, `{"code":"00","data":{"availableBalance":{"value":"268000.99","currency":"IDR"}}}`)
	}
}

func TestATokenIsSharedUntilAMinuteBeforeItsEnd(t *testing.T) {
	t.Parallel()
	for _, life := range []string{`"900"`, `900`} {
		g := &gate{life: life}
		c := connect(t, g, nil)
		now := testNow
		c.Now = func() time.Time { return now }
		for _, step := range []struct {
			after time.Duration
			want  int64
		}{{0, 1}, {13 * time.Minute, 1}, {61 * time.Second, 2}, {time.Minute, 2}} {
			now = now.Add(step.after)
			line, err := c.Check(t.Context())
			require.NoError(t, err)
			assert.Contains(t, line, "268,000.99 IDR")
			assert.Equal(t, step.want, g.issued.Load())
		}
	}
}

func TestAHundredWorkersRenewARevokedTokenOnce(t *testing.T) {
	t.Parallel()
	g := &gate{life: `"900"`}
	c := connect(t, g, nil)
	_, err := c.Check(t.Context())
	require.NoError(t, err)
	g.revoked.Store(1)
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			_, err := c.Check(context.WithoutCancel(t.Context()))
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	assert.EqualValues(t, 2, g.issued.Load())
}

func TestATokenThatIsRefusedTwiceIsARefusal(t *testing.T) {
	t.Parallel()
	g := &gate{life: `"900"`}
	g.revoked.Store(1 << 40)
	c := connect(t, g, nil)
	a := c.Status(t.Context(), provider.Query{Kind: payment.Deposit, PaymentID: "p"})
	assert.Equal(t, provider.Refused, a.Verdict)
	assert.EqualValues(t, 2, g.issued.Load())
}

func TestRefusedCredentialsAreNotTriedForEveryPayment(t *testing.T) {
	t.Parallel()
	g := &gate{token: func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprint(w, `{"code":"credentials_invalid"}`)
	}}
	c := connect(t, g, nil)
	now := testNow
	c.Now = func() time.Time { return now }
	for range 5 {
		a := c.Status(t.Context(), provider.Query{Kind: payment.Deposit, PaymentID: "p"})
		assert.Equal(t, provider.Refused, a.Verdict)
		assert.NotContains(t, a.Reason, "secret\"")
	}
	assert.EqualValues(t, 1, g.issued.Load())
	now = now.Add(2 * time.Minute)
	_, err := c.Check(t.Context())
	require.Error(t, err)
	assert.EqualValues(t, 2, g.issued.Load())
}

func TestATokenAnswerThatCannotBeUsedIsNoAnswer(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`<html>`, `{}`, `{"code":"00","data":null}`, `{"code":"00","data":{"accessToken":"","expiresIn":"900"}}`,
		`{"code":"00","data":{"accessToken":"t"}}`, `{"code":"00","data":{"accessToken":"t","expiresIn":"soon"}}`,
		`{"code":"00","data":{"accessToken":"t","expiresIn":"99999999999999999999"}}`, `{"code":"00","data":{"accessToken":"t","expiresIn":-1}}`,
	} {
		c := connect(t, &gate{token: func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, body) }}, nil)
		a := c.Status(t.Context(), provider.Query{Kind: payment.Deposit, PaymentID: "p"})
		assert.Equal(t, provider.NoAnswer, a.Verdict, body)
	}
}

func TestAStoppedWorkerLeavesTheTokenToTheNext(t *testing.T) {
	t.Parallel()
	entered, first := make(chan struct{}), atomic.Bool{}
	g := &gate{life: `"900"`}
	c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/access-token" && first.CompareAndSwap(false, true) {
			_, _ = io.Copy(io.Discard, r.Body)
			close(entered)
			<-r.Context().Done()
			return
		}
		g.ServeHTTP(w, r)
	}), nil)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = c.Check(ctx) })
	<-entered
	wg.Go(func() {
		_, err := c.Check(context.WithoutCancel(t.Context()))
		assert.NoError(t, err)
	})
	stop()
	wg.Wait()
}

func TestOptionsAreCheckedAndUsed(t *testing.T) {
	t.Parallel()
	for _, options := range []map[string]string{
		{"per_page": "0"}, {"per_page": "101"}, {"max_pages": "x"}, {"token_delay": "soon"}, {"refund_cache": "-1s"}, {"submerchant_id": "me"},
	} {
		hc, err := httpx.New(httpx.Config{BaseURL: "http://127.0.0.1:1"})
		require.NoError(t, err)
		_, err = newClient(provider.Settings{Credentials: map[string]string{"client_id": "i", "client_secret": "s"}, Options: options, HTTP: hc})
		require.Error(t, err)
		assert.Contains(t, err.Error(), "option")
		hc.Close()
	}
	g := &gate{life: `"900"`}
	c := connect(t, g, map[string]string{"submerchant_id": batchID})
	_, err := c.Check(t.Context())
	require.NoError(t, err)
	assert.Equal(t, batchID, g.header.Load())
}
