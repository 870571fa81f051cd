package httpx

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
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
			if c.breaker.downUntil().IsZero() {
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
	if !c.breaker.downUntil().IsZero() {
		t.Error("still counts as down")
	}
}

func TestOnlyOneCallTriesWhetherTheProviderIsBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(1, 2*time.Second)
		fail := func(try bool) { b.failed(&target{}, time.Now(), try) }
		enters := func(when string, wantTry, want bool) {
			t.Helper()
			if try, ok := b.enter(); try != wantTry || ok != want {
				t.Errorf("%s: entered %t (as a try: %t), want %t (%t)", when, ok, try, want, wantTry)
			}
		}
		fail(false)
		enters("open", false, false)
		time.Sleep(time.Second)
		fail(false) // one that was still out when it opened
		time.Sleep(time.Second)
		enters("when the delay is over, a straggler's failure or not", true, true)
		enters("a second one", false, false)
		fail(false)
		enters("after another straggler's failure", false, false)
		b.abandoned(false)
		enters("after a straggler gave up", false, false)
		b.abandoned(true)
		enters("after the one that tried gave up", true, true)
		enters("a second one again", false, false)
		fail(true)
		time.Sleep(2*time.Second - time.Nanosecond)
		enters("just before the delay is over again", false, false)
		time.Sleep(time.Nanosecond)
		enters("after it", true, true)
		b.answered()
		enters("after an answer", false, true)
		if !b.downUntil().IsZero() || b.resting() {
			t.Error("still counts as down after an answer")
		}
	})
}

// What was sent before it opened may be answered after.
func TestAnAnswerToAnyoneClosesIt(t *testing.T) {
	t.Parallel()
	b := newBreaker(1, time.Hour)
	b.failed(&target{}, time.Now(), false)
	if _, ok := b.enter(); ok {
		t.Fatal("open, and let somebody through")
	}
	b.answered()
	if try, ok := b.enter(); try || !ok {
		t.Error("not closed")
	}
}

func TestATryThatOutlastsAnAnswerOpensItNoMore(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*breaker){
		"fails":    func(b *breaker) { b.failed(&target{}, time.Now(), true) },
		"gives up": func(b *breaker) { b.abandoned(true) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(2, time.Second)
				for range 2 {
					b.failed(&target{}, time.Now(), false)
				}
				time.Sleep(time.Second)
				if try, _ := b.enter(); !try {
					t.Fatal("nobody may try")
				}
				b.answered()
				end(b)
				if try, ok := b.enter(); try || !ok {
					t.Error("not closed")
				}
			})
		})
	}
}

func TestACallerWhoGivesUpLeavesTheTryToTheNext(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	c := serve(t, Config{BreakAfter: 1, BreakDelay: 10 * time.Millisecond, MaxAttempts: 1}, func(w http.ResponseWriter, r *http.Request) {
		switch n.Add(1) {
		case 1:
			w.WriteHeader(http.StatusBadGateway)
		case 2:
			<-r.Context().Done()
		}
	})
	if resp, err := get(t.Context(), c); err != nil || resp.Status != 502 {
		t.Fatalf("got %d, %v", resp.Status, err)
	}
	time.Sleep(20 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := get(ctx, c); asError(t, err).Open || n.Load() != 2 {
		t.Fatalf("not let through to try: %v", err)
	}
	if resp, err := get(t.Context(), c); err != nil || resp.Status != 200 {
		t.Fatalf("the next: got %d, %v", resp.Status, err)
	}
}

func TestARetryThatIsNotLetThroughLeavesTheLastAnswer(t *testing.T) {
	t.Parallel()
	for name, down := range map[string]func(*breaker){
		"resting":            func(b *breaker) { b.circuit.Open() },
		"another call tries": func(b *breaker) { b.circuit.HalfOpen(); b.enter() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int64
			c := serve(t, Config{}, answers(&n, 503))
			c.sleep = func(context.Context, time.Duration) error { down(c.breaker); return nil }
			if resp, err := get(t.Context(), c); err != nil || resp.Status != 503 || n.Load() != 1 {
				t.Errorf("got %d, %v after %d requests", resp.Status, err, n.Load())
			}
		})
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
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(10, time.Second)
		timesOut := func(call *target) {
			began := time.Now()
			time.Sleep(10 * time.Second)
			b.failed(call, began, false)
		}
		first, second := &target{}, &target{}
		for range 3 {
			timesOut(first)
		}
		if b.resting() {
			t.Fatal("one payment that hangs opened it")
		}
		timesOut(second)
		if !b.resting() {
			t.Error("still closed after 40 s of time-outs")
		}
	})
}

// downUntil is the time until which Do fails at once; zero when it doesn't.
func (b *breaker) downUntil() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.circuit.IsClosed() {
		return time.Time{}
	}
	return time.Now().Add(b.circuit.RemainingDelay())
}
