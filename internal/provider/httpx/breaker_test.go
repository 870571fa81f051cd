package httpx

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestAProviderThatIsDownCostsSecondsForThousandsOfPayments(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(hangs.Close)
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }))
	t.Cleanup(busy.Close)
	for name, base := range map[string]string{"refuses": gone.URL, "hangs": hangs.URL, "answers 503": busy.URL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := client(t, base, Config{Timeout: 500 * time.Millisecond, Concurrency: 8, BreakDelay: 100 * time.Millisecond, Backoff: 50 * time.Millisecond})
			start := time.Now()
			var wg sync.WaitGroup
			var open atomic.Int64
			for range 8 {
				wg.Go(func() {
					for range 500 {
						resp, err := get(t.Context(), c)
						if err == nil && resp.Status != 503 {
							t.Errorf("got %d", resp.Status)
						}
						if err != nil && asError(t, err).Open {
							open.Add(1)
						}
					}
				})
			}
			wg.Wait()
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("4,000 payments took %s", d)
			}
			if open.Load() < 3900 {
				t.Errorf("only %d of 4,000 failed at once", open.Load())
			}
			if c.DownUntil().IsZero() {
				t.Error("the provider doesn't count as down")
			}
		})
	}
}

func TestAProviderThatComesBackIsAskedAgain(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	var n atomic.Int64
	down.Store(true)
	c := serve(t, Config{BreakAfter: 3, BreakDelay: 100 * time.Millisecond, MaxAttempts: 1}, func(w http.ResponseWriter, _ *http.Request) {
		n.Add(1)
		if down.Load() {
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	for range 3 {
		if resp, err := get(t.Context(), c); err != nil || resp.Status != 502 {
			t.Fatalf("got %d, %v", resp.Status, err)
		}
	}
	if _, err := get(t.Context(), c); !asError(t, err).Open {
		t.Fatalf("got %v", err)
	}
	time.Sleep(150 * time.Millisecond)
	if resp, err := get(t.Context(), c); err != nil || resp.Status != 502 {
		t.Fatalf("the try: got %d, %v", resp.Status, err)
	}
	if _, err := get(t.Context(), c); !asError(t, err).Open {
		t.Fatalf("after a try in vain: got %v", err)
	}
	if n.Load() != 4 {
		t.Errorf("the server was asked %d times, want 4", n.Load())
	}
	down.Store(false)
	time.Sleep(150 * time.Millisecond)
	for range 3 {
		if resp, err := get(t.Context(), c); err != nil || resp.Status != 200 {
			t.Fatalf("got %d, %v", resp.Status, err)
		}
	}
	if !c.DownUntil().IsZero() {
		t.Error("still counts as down")
	}
}

func TestOnlyOneCallTriesWhetherTheProviderIsBack(t *testing.T) {
	t.Parallel()
	b := newBreaker(1, time.Second)
	now := time.Now()
	b.now = func() time.Time { return now }
	b.failed(&target{}, now, false)
	if _, ok := b.enter(); ok {
		t.Fatal("open, and let somebody through")
	}
	now = now.Add(2 * time.Second)
	if try, ok := b.enter(); !try || !ok {
		t.Fatal("nobody may try")
	}
	if _, ok := b.enter(); ok {
		t.Error("a second one may try")
	}
	b.failed(&target{}, now, false) // one that was still out when it opened
	if _, ok := b.enter(); ok {
		t.Error("a straggler's failure let a second one try")
	}
	b.abandoned(true)
	if _, ok := b.enter(); !ok {
		t.Error("a cancelled try was the last one")
	}
	b.answered()
	if try, ok := b.enter(); try || !ok {
		t.Error("not closed after an answer")
	}
}

func TestWhatNeverMakesAProviderCountAsDown(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 403, 404, 501} {
		var n atomic.Int64
		c := serve(t, Config{BreakAfter: 2, MaxAttempts: 1}, answers(&n, status))
		for range 10 {
			if resp, err := get(t.Context(), c); err != nil || resp.Status != status {
				t.Fatalf("%d: got %d, %v", status, resp.Status, err)
			}
		}
	}
	t.Run("a limit that lets others through", func(t *testing.T) {
		t.Parallel()
		var n atomic.Int64
		c := serve(t, Config{BreakAfter: 4, MaxAttempts: 1}, func(w http.ResponseWriter, _ *http.Request) {
			if n.Add(1)%4 != 0 {
				w.WriteHeader(http.StatusTooManyRequests)
			}
		})
		for range 20 {
			if _, err := get(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("one payment at which it stumbles", func(t *testing.T) {
		t.Parallel()
		var n atomic.Int64
		c := serve(t, Config{BreakAfter: 3, MaxAttempts: 6}, answers(&n, 503))
		if resp, err := get(t.Context(), c); err != nil || resp.Status != 503 || n.Load() != 6 {
			t.Fatalf("got %d, %v after %d requests", resp.Status, err, n.Load())
		}
		if resp, err := get(t.Context(), c); err != nil || resp.Status != 503 {
			t.Fatalf("the second payment: got %d, %v", resp.Status, err)
		}
	})
	t.Run("callers that give up", func(t *testing.T) {
		t.Parallel()
		c := serve(t, Config{BreakAfter: 2, MaxAttempts: 1}, func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/hang" {
				<-r.Context().Done()
			}
		})
		for range 5 {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			_, err := c.Do(ctx, Request{Path: "/hang"})
			cancel()
			if asError(t, err).Open {
				t.Fatal(err)
			}
		}
		if _, err := get(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("foreign hosts", func(t *testing.T) {
		t.Parallel()
		gone := httptest.NewServer(http.NotFoundHandler())
		gone.Close()
		c := serve(t, Config{BreakAfter: 2, MaxAttempts: 1}, func(http.ResponseWriter, *http.Request) {})
		for range 5 {
			if _, err := c.Do(t.Context(), Request{Foreign: gone.URL}); asError(t, err).Open {
				t.Fatal(err)
			}
		}
		if _, err := get(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	})
}

// Otherwise each of ten thousand payments would wait its whole budget.
func TestALimitThatLetsNobodyThroughCountsAsDown(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	c := serve(t, Config{BreakAfter: 3, BreakDelay: time.Hour, MaxAttempts: 2}, answers(&n, http.StatusTooManyRequests))
	for range 3 {
		if resp, err := get(t.Context(), c); err != nil || resp.Status != http.StatusTooManyRequests {
			t.Fatalf("got %d, %v", resp.Status, err)
		}
	}
	if _, err := get(t.Context(), c); !asError(t, err).Open {
		t.Fatalf("got %v", err)
	}
	if n.Load() != 6 {
		t.Errorf("asked %d times, want 6: each of the three calls with its retry", n.Load())
	}
	if since, _ := c.Silence(); since.IsZero() {
		t.Error("the provider is not silent")
	}
}

func TestSilenceBeginsWithTheFirstAttemptAndEndsWithAnAnswer(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	c := serve(t, Config{BreakAfter: 9, MaxAttempts: 1}, func(w http.ResponseWriter, _ *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	ask := func() time.Time {
		if _, err := get(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		since, _ := c.Silence()
		return since
	}
	if since := ask(); !since.IsZero() {
		t.Errorf("silent since %s", since)
	}
	down.Store(true)
	before := time.Now()
	first := ask()
	if first.Before(before) || first.After(time.Now()) {
		t.Errorf("silent since %s", first)
	}
	if again := ask(); !again.Equal(first) {
		t.Errorf("the row began at %s, not %s", first, again)
	}
	down.Store(false)
	if since := ask(); !since.IsZero() {
		t.Errorf("silent since %s after an answer", since)
	}
}

func TestTimeOutsOneByOneOpenItBeforeTheyAreMany(t *testing.T) {
	t.Parallel()
	b := newBreaker(10, time.Second)
	now := time.Now()
	b.now = func() time.Time { return now }
	first, second := &target{}, &target{}
	for range 3 {
		began := now
		now = now.Add(10 * time.Second)
		b.failed(first, began, false)
	}
	if b.closedToAll() {
		t.Fatal("one payment that hangs opened it")
	}
	now = now.Add(10 * time.Second)
	b.failed(second, now.Add(-10*time.Second), false)
	if !b.closedToAll() {
		t.Error("still closed after 40 s of time-outs")
	}
}
