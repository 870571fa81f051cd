package httpx

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// arrivals notes when a server saw its requests.
type arrivals struct {
	mu sync.Mutex
	at []time.Time
}

func (a *arrivals) note() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at = append(a.at, time.Now())
	return len(a.at)
}

// most is the largest number of arrivals in any sliding second.
func (a *arrivals) most() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	most, from := 0, 0
	for i := range a.at {
		for a.at[i].Sub(a.at[from]) >= time.Second {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}

// rate is what was achieved between the first and the last arrival.
func (a *arrivals) rate() float64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return float64(len(a.at)-1) / a.at[len(a.at)-1].Sub(a.at[0]).Seconds()
}

func hammer(workers int, d time.Duration, ask func()) {
	end := time.Now().Add(d)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for time.Now().Before(end) {
				ask()
			}
		})
	}
	wg.Wait()
}

// steadily runs a measurement up to three times: on a busy machine a request
// may lie around for longer than any margin. What is wrong fails each time.
func steadily(t *testing.T, measure func(fail func(format string, args ...any))) {
	t.Helper()
	var failures []string
	for range 3 {
		failures = nil
		measure(func(format string, args ...any) { failures = append(failures, fmt.Sprintf(format, args...)) })
		if failures == nil {
			return
		}
	}
	t.Errorf("each time, at last: %v", failures)
}

var loads = []struct {
	limit, workers int
	latency        time.Duration
}{
	{limit: 50, workers: 1},
	{limit: 100, workers: 64},
	{limit: 40, workers: 64, latency: 300 * time.Millisecond},
	{limit: 400, workers: 64, latency: 20 * time.Millisecond},
	{limit: 3, workers: 8},
}

// Here a second is a second, however busy the machine.
func TestNearlyAllOfTheLimitIsUsed(t *testing.T) {
	for _, tc := range loads {
		t.Run(fmt.Sprintf("%d a second by %d workers at %s", tc.limit, tc.workers, tc.latency), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var seen arrivals
				c := client(t, "https://127.0.0.1", Config{RateLimit: tc.limit, Concurrency: tc.workers, Transport: answerer(func() {
					seen.note()
					time.Sleep(tc.latency)
				})})
				hammer(tc.workers, 10*time.Second, func() {
					if _, err := get(context.Background(), c); err != nil {
						t.Error(err)
					}
				})
				if got := seen.most(); got > tc.limit {
					t.Errorf("%d requests in one second, allowed are %d", got, tc.limit)
				}
				if got, want := seen.rate(), 0.95*float64(tc.limit); got < want {
					t.Errorf("%.1f requests a second, want at least %.1f", got, want)
				}
			})
		})
	}
}

// answerer is a provider without a net before it.
type answerer func()

func (a answerer) RoundTrip(*http.Request) (*http.Response, error) {
	a()
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

func TestServerNeverCountsMoreThanTheLimitInAnySecondAndGetsNearlyAllOfIt(t *testing.T) {
	for _, tc := range loads {
		t.Run(fmt.Sprintf("%d a second by %d workers at %s", tc.limit, tc.workers, tc.latency), func(t *testing.T) {
			t.Parallel()
			steadily(t, func(fail func(string, ...any)) {
				var seen arrivals
				c := serve(t, Config{RateLimit: tc.limit, Concurrency: tc.workers}, func(http.ResponseWriter, *http.Request) {
					seen.note()
					time.Sleep(tc.latency)
				})
				hammer(tc.workers, 2500*time.Millisecond, func() {
					if _, err := get(context.Background(), c); err != nil {
						t.Error(err)
					}
				})
				if got := seen.most(); got > tc.limit {
					fail("the server counted %d requests in one second, allowed are %d", got, tc.limit)
				}
				// so many a second that it depends on the machine is tested without one
				if got, want := seen.rate(), 0.95*float64(tc.limit); got < want && tc.limit <= 100 {
					fail("%.1f requests a second were achieved, want at least %.1f", got, want)
				}
				if int(c.Requests()) != len(seen.at) {
					t.Errorf("%d requests counted, the server saw %d", c.Requests(), len(seen.at))
				}
			})
		})
	}
}

func TestRetriesPassTheRateLimitToo(t *testing.T) {
	steadily(t, func(fail func(string, ...any)) {
		var seen arrivals
		c := serve(t, Config{RateLimit: 30, Concurrency: 16}, func(w http.ResponseWriter, _ *http.Request) {
			if seen.note()%3 != 0 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		})
		hammer(16, 1500*time.Millisecond, func() { _, _ = get(context.Background(), c) })
		if got := seen.most(); got > 30 {
			fail("the server counted %d requests in one second, allowed are 30", got)
		}
	})
}

func TestSlowConnectingDoesNotPushRequestsTogether(t *testing.T) {
	steadily(t, func(fail func(string, ...any)) {
		var seen arrivals
		c := serve(t, Config{RateLimit: 40, Concurrency: 40}, func(http.ResponseWriter, *http.Request) { seen.note() })
		tr, ok := c.transport.(*http.Transport)
		if !ok {
			t.Fatal("not the package's own transport")
		}
		tr.DialContext = slowDial(tr.DialContext, 400*time.Millisecond)
		hammer(40, 1500*time.Millisecond, func() { _, _ = get(context.Background(), c) })
		if got := seen.most(); got > 40 {
			fail("the server counted %d requests in one second, allowed are 40", got)
		}
	})
}

func TestARequestThatLiesAroundBeforeItIsWrittenCountsFromThen(t *testing.T) {
	steadily(t, func(fail func(string, ...any)) {
		var seen arrivals
		c := serve(t, Config{RateLimit: 40, Concurrency: 40}, func(http.ResponseWriter, *http.Request) { seen.note() })
		var n atomic.Int64
		// Comes after the turn: some requests wait here as on a busy machine.
		ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {
			if n.Add(1) <= 10 {
				time.Sleep(900 * time.Millisecond)
			}
		}})
		hammer(40, 2500*time.Millisecond, func() { _, _ = get(ctx, c) })
		if got := seen.most(); got > 40 {
			fail("the server counted %d requests in one second, allowed are 40", got)
		}
	})
}

func TestIdleTimeIsNotSavedUpForABurst(t *testing.T) {
	t.Parallel()
	p := newPacer(100)
	ctx := context.Background()
	for range 3 {
		if _, err := p.turn(ctx); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(300 * time.Millisecond)
	start := time.Now()
	for range 11 {
		if _, err := p.turn(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if d := time.Since(start); d < 90*time.Millisecond {
		t.Errorf("11 turns at 100 a second came within %s", d)
	}
}

func TestACancelledWaitForATurnSendsNothing(t *testing.T) {
	t.Parallel()
	var seen arrivals
	c := serve(t, Config{RateLimit: 1, Concurrency: 4}, func(http.ResponseWriter, *http.Request) { seen.note() })
	if _, err := get(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	for range 30 {
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if _, err := get(ctx, c); asError(t, err).Reason != "cancelled" {
					t.Error(err)
				}
			})
		}
		time.Sleep(15 * time.Millisecond)
		start := time.Now()
		cancel()
		wg.Wait()
		if d := time.Since(start); d > 300*time.Millisecond {
			t.Errorf("the workers ended %s after the cancellation", d)
		}
	}
	time.Sleep(50 * time.Millisecond)
	if got := seen.most(); got != 1 {
		t.Errorf("the server saw %d requests, want 1", got)
	}
}

func TestASlotIsFreeOnlyWhenTheServerSurelyCountsItNoMore(t *testing.T) {
	t.Parallel()
	p := newPacer(4)
	start := time.Now()
	var sent []*sending
	for i := range 4 {
		sent = append(sent, p.take(start.Add(time.Duration(i)*p.gap)))
	}
	even := start.Add(4 * p.gap)
	if wait := p.due(even); wait != mostDrift {
		t.Errorf("without an answer the next waits for %s, want %s", wait, mostDrift)
	}
	sent[0].drift = 30 * time.Millisecond
	if wait := p.due(even); wait != 30*time.Millisecond {
		t.Errorf("after an answer that was 30ms late the next waits for %s", wait)
	}
	sent[0].drift = 0
	if wait := p.due(even); wait != 0 {
		t.Errorf("after a quick answer the next waits for %s", wait)
	}
	p.take(even.Add(90 * time.Millisecond)) // late: what follows catches up
	if wait := p.due(even.Add(90*time.Millisecond + p.gap)); wait > mostDrift-90*time.Millisecond {
		t.Errorf("the lateness of one sender lasts for %s", wait)
	}
}

func TestAnAnswerThatIsSlowerThanTheQuickestDriftsByTheDifference(t *testing.T) {
	t.Parallel()
	p := newPacer(4)
	now := time.Now()
	quick, slow, slowest := p.take(now.Add(-10*time.Millisecond)), p.take(now.Add(-60*time.Millisecond)), p.take(now.Add(-time.Minute))
	p.answered(quick)
	p.answered(slow)
	p.answered(slowest)
	if quick.drift != 0 || slow.drift < 40*time.Millisecond || slow.drift > 60*time.Millisecond || slowest.drift != mostDrift {
		t.Errorf("drifts %s, %s and %s", quick.drift, slow.drift, slowest.drift)
	}
}
