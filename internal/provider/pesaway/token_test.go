package pesaway_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
)

// clock is a time that a test moves.
type clock struct{ ns atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.ns.Store(time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC).UnixNano())
	return c
}
func (c *clock) now() time.Time           { return time.Unix(0, c.ns.Load()).UTC() }
func (c *clock) advance(d time.Duration)  { c.ns.Add(int64(d)) }
func (c *clock) use(s *provider.Settings) { s.Now = c.now }

func TestAllShapesOfTokenAnswersAreUnderstood(t *testing.T) {
	t.Parallel()
	// 2: three shapes, and PW2's field table; the life is used up but for the reserve.
	for body, life := range map[string]time.Duration{
		`{"access_token":"tok-1","expires_in":3600}`:                                                time.Hour,
		`{"access_token":"tok-1","expires_in":"3600"}`:                                              time.Hour,
		`{"token":"tok-1","expires_in":7200}`:                                                       2 * time.Hour,
		`{"code":"200.001","data":{"token":"tok-1"}}`:                                               time.Hour,
		`{"code":"200.001","data":{"token":"tok-1","expires_in":1800}}`:                             30 * time.Minute,
		`{"data":{"access_token":"tok-1"}}`:                                                         time.Hour,
		`{"access_token":"tok-1","token_type":"Bearer","expires_at":"2026-03-02T06:30:00Z"}`:        30 * time.Minute,
		`{"access_token":"tok-1","token_type":"Bearer","expires_at":"2026-03-02 06:30:00.5+00:00"}`: 30 * time.Minute,
		fmt.Sprintf(`{"access_token":"tok-1","expires_at":%d}`, newClock().now().Unix()+1800):       30 * time.Minute,
		`{"access_token":"tok-1","expires_in":99999999999999999999}`:                                time.Hour,
		`{"access_token":"tok-1","expires_in":0,"expires_at":"soon"}`:                               time.Hour,
		`{"access_token":"tok-1","token":"other","data":{"token":"third"},"expires_in":999999}`:     24 * time.Hour,
	} {
		s, k := newStub(t), newClock()
		s.on(tokenPath, 200, body)
		s.on(mobilePath, 200, `{"ResultCode":2}`)
		c := client(t, s.URL, k.use)
		ask := func() {
			require.Equal(t, provider.Found, c.Status(context.Background(), deposit("PHY1")).Verdict, body)
		}
		ask()
		ask()
		k.advance(life - 6*time.Minute)
		ask()
		assert.Len(t, s.asked(tokenPath), 1, "%s: kept while it lives", body)
		k.advance(2 * time.Minute)
		ask()
		assert.Len(t, s.asked(tokenPath), 2, "%s: renewed before it ends", body)
		assert.Equal(t, "Bearer tok-1", s.asked(mobilePath)[0].Header.Get("Authorization"))
	}
}

func TestTokenRequestIsThatOfTheDocumentation(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.on(mobilePath, 200, `{"ResultCode":2}`)
	var evidence []string
	ctx := httpx.WithRecorder(context.Background(), func(e httpx.Exchange) { evidence = append(evidence, e.Path) })
	client(t, s.URL).Status(ctx, deposit("PHY1"))
	q := s.asked(tokenPath)[0]
	assert.Equal(t, "POST", q.Method)
	assert.Equal(t, map[string]any{"consumer_key": "key-1", "consumer_secret": "s3cret-1", "grant_type": "client_credentials"}, q.Body)
	assert.Equal(t, "ke", q.Header.Get("X-Region"))
	assert.Empty(t, q.Header.Get("Authorization"))
	assert.Equal(t, []string{mobilePath}, evidence, "tokens are no evidence")
}

func TestOneWorkerFetchesTheTokenForAll(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	var issued atomic.Int64
	s.onFunc(tokenPath, func(seen) (int, string) {
		n := issued.Add(1)
		time.Sleep(20 * time.Millisecond)
		return 200, fmt.Sprintf(`{"access_token":"tok-%d","expires_in":3600}`, n)
	})
	// tok-1 has ended at the server although the client takes it for good.
	s.onFunc(mobilePath, func(q seen) (int, string) {
		if q.Header.Get("Authorization") == "Bearer tok-1" {
			return 401, `{"code":"401.001"}`
		}
		return 200, `{"ResultCode":2}`
	})
	c := client(t, s.URL)
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			a := c.Status(context.Background(), deposit("PHY1"))
			assert.Equal(t, provider.Found, a.Verdict, a.Reason)
		})
	}
	wg.Wait()
	assert.EqualValues(t, 2, issued.Load(), "one for the start, one for the renewal")
}

func TestARefusedTokenIsRenewedOnce(t *testing.T) {
	t.Parallel()
	for _, refusal := range []struct {
		status int
		body   string
	}{{401, `{"code":"401.001"}`}, {401, ``}, {200, `{"code":"401.001"}`}} {
		s := newStub(t)
		s.on(mobilePath, refusal.status, refusal.body)
		a := client(t, s.URL).Status(context.Background(), deposit("PHY1"))
		assert.Equal(t, provider.Refused, a.Verdict)
		assert.Len(t, s.asked(tokenPath), 2)
		assert.Len(t, s.asked(mobilePath), 2)
	}
}

func TestTroubleWithTheTokenIsNeverAnAnswerAboutThePayment(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		want   provider.Verdict
		reason string
	}{
		"wrong credentials":                {401, `{"code":"401.001"}`, provider.Refused, "client_secret"},
		"wrong credentials under HTTP 200": {200, `{"code":"401.001"}`, provider.Refused, "client_secret"},
		"unknown credentials":              {404, `{"code":"404.000"}`, provider.Refused, "client_secret"},
		"a wrong request":                  {400, `{"code":"400.001"}`, provider.Refused, "client_secret"},
		"a wrong host":                     {404, `<html>`, provider.Refused, "base_url"},
		"a redirect":                       {301, ``, provider.Refused, "slash"},
		"an outage":                        {503, ``, provider.NoAnswer, "503"},
		"an error page under 200":          {200, `<html>`, provider.NoAnswer, "can't be read"},
		"no token":                         {200, `{"code":"200.001"}`, provider.NoAnswer, "no token"},
		"a token that no header can hold":  {200, `{"access_token":"a\r\nX-Evil: 1"}`, provider.NoAnswer, "no token"},
		"a token of a wrong type":          {200, `{"access_token":{"a":1}}`, provider.NoAnswer, "can't be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t)
			s.on(tokenPath, c.status, c.body)
			a := client(t, s.URL).Status(context.Background(), deposit("PHY1"))
			assert.Equal(t, c.want, a.Verdict, a.Reason)
			assert.Contains(t, a.Reason, c.reason)
			assert.NotContains(t, a.Reason, "s3cret")
			assert.Empty(t, s.asked(mobilePath))
		})
	}
}

func TestRefusedCredentialsAreNotSentForEachPayment(t *testing.T) {
	t.Parallel()
	s, k := newStub(t), newClock()
	s.on(tokenPath, 401, `{"code":"401.001"}`)
	s.on(mobilePath, 200, `{"ResultCode":2}`)
	c := client(t, s.URL, k.use)
	for range 5 {
		assert.Equal(t, provider.Refused, c.Status(context.Background(), deposit("PHY1")).Verdict)
	}
	assert.Len(t, s.asked(tokenPath), 1)
	k.advance(2 * time.Minute)
	s.on(tokenPath, 200, `{"access_token":"tok-1"}`)
	assert.Equal(t, provider.Found, c.Status(context.Background(), deposit("PHY1")).Verdict, "but again after a while")
}

func TestAnotherWorkerTakesOverFromOneThatWasCancelled(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	fetching, release := make(chan struct{}), make(chan struct{})
	var n atomic.Int64
	s.onFunc(tokenPath, func(seen) (int, string) {
		if n.Add(1) == 1 {
			close(fetching)
			<-release
		}
		return 200, `{"access_token":"tok-1"}`
	})
	s.on(mobilePath, 200, `{"ResultCode":2}`)
	c := client(t, s.URL)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		assert.Equal(t, provider.NoAnswer, c.Status(ctx, deposit("PHY1")).Verdict)
	})
	<-fetching
	for range 5 {
		wg.Go(func() {
			a := c.Status(context.Background(), deposit("PHY1"))
			assert.Equal(t, provider.Found, a.Verdict, a.Reason)
		})
	}
	time.Sleep(10 * time.Millisecond) // so that most of them wait for the first
	cancel()
	wg.Wait()
	close(release)
	assert.EqualValues(t, 2, n.Load())
}
