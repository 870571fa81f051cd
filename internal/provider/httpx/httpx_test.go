package httpx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func slowDial(dial func(context.Context, string, string) (net.Conn, error), d time.Duration) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		time.Sleep(d)
		return dial(ctx, network, addr)
	}
}

func TestWhichAnswersAreAskedForAgain(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]int64{
		200: 1, 204: 1, 302: 1, 400: 1, 401: 1, 403: 1, 404: 1, 409: 1, 422: 1, 501: 1,
		429: 4, 500: 4, 502: 4, 503: 4, 504: 4,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				var n atomic.Int64
				c := serve(t, Config{}, answers(&n, status))
				resp, err := c.Do(t.Context(), Request{Method: method, Path: "/x", Body: []byte(`{}`)})
				if err != nil || resp.Status != status {
					t.Fatalf("got %d, %v", resp.Status, err)
				}
				if n.Load() != want {
					t.Errorf("%s: asked %d times, want %d", method, n.Load(), want)
				}
				if c.Requests() != want {
					t.Errorf("%s: %d requests counted, want %d", method, c.Requests(), want)
				}
			}
		})
	}
}

func TestNoRetryAsksOnce(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	c := serve(t, Config{}, answers(&n, 503))
	resp, err := c.Do(t.Context(), Request{Path: "/x", NoRetry: true})
	if err != nil || resp.Status != 503 || n.Load() != 1 {
		t.Errorf("got %d, %v after %d requests", resp.Status, err, n.Load())
	}
}

func TestARetryThatSucceedsGivesTheGoodAnswer(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]http.HandlerFunc{
		"connection dropped": func(w http.ResponseWriter, _ *http.Request) { drop(w, "") },
		"half a body": func(w http.ResponseWriter, _ *http.Request) {
			drop(w, "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{\"a\":")
		},
		"half a chunk": func(w http.ResponseWriter, _ *http.Request) {
			drop(w, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{\"a\":")
		},
		"no HTTP":  func(w http.ResponseWriter, _ *http.Request) { drop(w, "SSH-2.0-OpenSSH_9.6\r\n") },
		"time-out": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int64
			c := serve(t, Config{Timeout: 300 * time.Millisecond}, func(w http.ResponseWriter, r *http.Request) {
				if n.Add(1) < 3 {
					fail(w, r)
					return
				}
				_, _ = w.Write([]byte("good"))
			})
			var seen []Exchange
			resp, err := c.Do(WithRecorder(t.Context(), func(x Exchange) { seen = append(seen, x) }), Request{Path: "/x/1"})
			if err != nil || string(resp.Body) != "good" {
				t.Fatalf("got %q, %v", resp.Body, err)
			}
			if len(seen) != 3 || seen[0].Err == "" || seen[1].Err == "" || seen[2].Err != "" || seen[2].Status != 200 {
				t.Errorf("evidence: %+v", seen)
			}
		})
	}
}

// drop writes raw bytes and breaks the connection off.
func drop(w http.ResponseWriter, raw string) {
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = buf.WriteString(raw)
	_ = buf.Flush()
	_ = conn.Close()
}

func TestRetryAfterIsObeyedInBothForms(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]func() string{
		"seconds": func() string { return "1" },
		"date":    func() string { return time.Now().Add(2 * time.Second).UTC().Format(http.TimeFormat) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen arrivals
			c := serve(t, Config{}, func(w http.ResponseWriter, _ *http.Request) {
				if seen.note() == 1 {
					w.Header().Set("Retry-After", header())
					w.WriteHeader(http.StatusTooManyRequests)
				}
			})
			resp, err := get(t.Context(), c)
			if err != nil || resp.Status != 200 {
				t.Fatalf("got %d, %v", resp.Status, err)
			}
			if gap := seen.at[1].Sub(seen.at[0]); gap < 990*time.Millisecond {
				t.Errorf("asked again after %s", gap)
			}
		})
	}
}

func TestRetryAfterKeepsTheOtherWorkersSilentToo(t *testing.T) {
	t.Parallel()
	var seen arrivals
	c := serve(t, Config{}, func(w http.ResponseWriter, _ *http.Request) {
		if seen.note() == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = get(t.Context(), c) })
	time.Sleep(200 * time.Millisecond)
	wg.Go(func() { _, _ = get(t.Context(), c) })
	wg.Wait()
	if gap := seen.at[1].Sub(seen.at[0]); gap < 990*time.Millisecond {
		t.Errorf("the server was asked again after %s", gap)
	}
}

func TestRetryAfterBeyondTheBudgetEndsTheRetrying(t *testing.T) {
	t.Parallel()
	for _, header := range []string{"3600", "99999999999999999999", "Fri, 31 Dec 2199 23:59:59 GMT"} {
		var n atomic.Int64
		c := serve(t, Config{RetryBudget: 2 * time.Second}, func(w http.ResponseWriter, _ *http.Request) {
			n.Add(1)
			w.Header().Set("Retry-After", header)
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte("busy"))
		})
		start := time.Now()
		resp, err := get(t.Context(), c)
		if err != nil || resp.Status != 503 || string(resp.Body) != "busy" || n.Load() != 1 {
			t.Errorf("%s: got %d, %v after %d requests", header, resp.Status, err, n.Load())
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("%s: took %s", header, d)
		}
	}
}

func TestWaitsGrowWithFullJitterAndEndAtTheCap(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	c := serve(t, Config{MaxAttempts: 8, Backoff: 200 * time.Millisecond, RetryBudget: time.Hour, BreakAfter: 99}, answers(&n, 503))
	var most, waits []time.Duration
	c.jitter = func(d time.Duration) time.Duration { most = append(most, d-1); return d / 2 }
	c.sleep = func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil }
	if _, err := get(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(most[:7]), "[200ms 400ms 800ms 1.6s 3.2s 5s 5s]"; got != want {
		t.Errorf("spans %s, want %s", got, want)
	}
	if len(waits) != 7 || waits[2] != 400*time.Millisecond {
		t.Errorf("waits %v", waits)
	}
}

func TestRedirectsAreReturnedAndNeverFollowed(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("followed to %s with %q", r.URL, r.Header.Get("Authorization"))
	}))
	t.Cleanup(other.Close)
	for _, location := range []string{other.URL + "/x", "/y", "::bad", ""} {
		var n atomic.Int64
		c := serve(t, Config{}, func(w http.ResponseWriter, _ *http.Request) {
			n.Add(1)
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusFound)
		})
		resp, err := c.Do(t.Context(), Request{Path: "/x", Header: http.Header{"Authorization": {"Bearer s"}}})
		if err != nil || resp.Status != 302 || n.Load() != 1 {
			t.Errorf("%q: got %d, %v after %d requests", location, resp.Status, err, n.Load())
		}
	}
}

func TestAnswersLargerThanTheLimitAreErrorsAndNotAskedForAgain(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	c := serve(t, Config{MaxBody: 1 << 20}, func(w http.ResponseWriter, _ *http.Request) {
		n.Add(1)
		_, _ = w.Write(bytes.Repeat([]byte("x"), 1<<20))
		_, _ = w.Write([]byte("y"))
	})
	_, err := get(t.Context(), c)
	if e := asError(t, err); e.Reason != "the answer is larger than 1 MiB" || n.Load() != 1 {
		t.Errorf("got %v after %d requests", err, n.Load())
	}
	resp, err := c.Do(t.Context(), Request{Path: "/x", MaxBody: 1<<20 + 1})
	if err != nil || len(resp.Body) != 1<<20+1 {
		t.Errorf("with a limit of its own: %d bytes, %v", len(resp.Body), err)
	}
}

func TestForeignLinksGetNoHeadersAndLeaveNoQuery(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RequestURI() != "/files/a%2Fb.csv?X-Signature=topsecret" {
			t.Errorf("asked for %s", r.URL.RequestURI())
		}
		for k := range r.Header {
			if k != "User-Agent" && k != "Accept-Encoding" {
				t.Errorf("header %s was sent", k)
			}
		}
		drop(w, "")
	}))
	t.Cleanup(srv.Close)
	c := client(t, "https://api.example.com", Config{MaxAttempts: 2})
	var seen []Exchange
	_, err := c.Do(WithRecorder(t.Context(), func(x Exchange) { seen = append(seen, x) }), Request{
		Path: "/ignored", Header: http.Header{"Authorization": {"Bearer s"}, "Api-Key": {"k"}},
		Foreign: srv.URL + "/files/a%2Fb.csv?X-Signature=topsecret#f",
	})
	e := asError(t, err)
	for _, text := range []string{fmt.Sprintf("%v %+v %v", err, *e, e.Err), fmt.Sprintf("%+v", seen)} {
		if strings.Contains(text, "secret") {
			t.Errorf("the signature leaked: %s", text)
		}
	}
	if len(seen) != 2 || seen[0].Path != "/files/a%2Fb.csv" {
		t.Errorf("evidence: %+v", seen)
	}
}

func TestForeignLinksMustBeHTTPS(t *testing.T) {
	t.Parallel()
	c := client(t, "https://api.example.com", Config{})
	for _, link := range []string{"http://files.example.com/a?sig=topsecret", "ftp://127.0.0.1/a", "https://u:p@example.com/", "//x/y", "://", "file:///etc/passwd"} {
		_, err := c.Do(t.Context(), Request{Foreign: link})
		if e := asError(t, err); strings.Contains(e.Error(), "secret") || e.Reason != "the link is no https address" {
			t.Errorf("%s: %v", link, err)
		}
	}
	if c.Requests() != 0 {
		t.Errorf("%d requests were sent", c.Requests())
	}
}

func TestNothingSecretIsInErrorsOrEvidence(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.HandlerFunc{
		"dropped":       func(w http.ResponseWriter, _ *http.Request) { drop(w, "") },
		"quoted answer": func(w http.ResponseWriter, _ *http.Request) { drop(w, "HTTP/1.1 topsecret OK\r\n\r\n") },
		"bad header":    func(w http.ResponseWriter, _ *http.Request) { drop(w, "HTTP/1.1 200 OK\r\ntopsecret\r\n\r\n") },
		"half body": func(w http.ResponseWriter, _ *http.Request) {
			drop(w, "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{")
		},
	} {
		c := serve(t, Config{MaxAttempts: 1}, h)
		var seen []Exchange
		_, err := c.Do(WithRecorder(t.Context(), func(x Exchange) { seen = append(seen, x) }), Request{
			Method: http.MethodPost, Path: "/v1/payouts/PHY-0001/charges", Query: map[string][]string{"key": {"topsecret"}},
			Header: http.Header{"Authorization": {"topsecret"}}, Body: []byte("topsecret"),
		})
		e := asError(t, err)
		for cause := error(e); cause != nil; cause = errors.Unwrap(cause) {
			if strings.Contains(cause.Error(), "secret") {
				t.Errorf("%s: %v", name, cause)
			}
		}
		if e.Op != "POST /v1/payouts/{id}/charges" {
			t.Errorf("op %q", e.Op)
		}
		if len(seen) != 1 || seen[0].Path != "/v1/payouts/PHY-0001/charges" || strings.Contains(fmt.Sprintf("%+v", seen), "secret") {
			t.Errorf("%s: evidence %+v", name, seen)
		}
	}
}

func TestEvidenceHoldsWhatCameAndCanBeHidden(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 11, 8, 0, 0, 0, time.UTC)
	c := serve(t, Config{MaxAttempts: 1, Now: func() time.Time { return now }}, func(w http.ResponseWriter, r *http.Request) {
		if r.UserAgent() != "tieout" {
			t.Errorf("user agent %q", r.UserAgent())
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte("no"))
	})
	var seen []Exchange
	ctx := WithRecorder(t.Context(), func(x Exchange) { seen = append(seen, x) })
	if _, err := c.Do(WithoutRecorder(ctx), Request{Path: "/token"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(ctx, Request{Path: "/x"}); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 1 {
		t.Fatalf("evidence: %+v", seen)
	}
	x := seen[0]
	if x.Method != "GET" || x.Path != "/x" || !x.At.Equal(now) || x.Status != 403 || x.ContentType != "application/problem+json" ||
		string(x.Body) != "no" || x.Duration <= 0 || x.Err != "" {
		t.Errorf("evidence: %+v", x)
	}
}

func TestConcurrencyIsLimited(t *testing.T) {
	t.Parallel()
	var at, most atomic.Int64
	c := serve(t, Config{Concurrency: 3}, func(http.ResponseWriter, *http.Request) {
		n := at.Add(1)
		for m := most.Load(); n > m; m = most.Load() {
			if most.CompareAndSwap(m, n) {
				break
			}
		}
		time.Sleep(20 * time.Millisecond)
		at.Add(-1)
	})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { _, _ = get(t.Context(), c) })
	}
	wg.Wait()
	if most.Load() != 3 {
		t.Errorf("%d requests at once, want 3", most.Load())
	}
}

func TestCancellationEndsEveryWaitAtOnce(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		cfg Config
		h   http.HandlerFunc
	}{
		"for an answer":   {Config{}, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
		"for a retry":     {Config{Backoff: time.Hour, RetryBudget: 2 * time.Hour}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }},
		"for Retry-After": {Config{RetryBudget: time.Hour}, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "60"); w.WriteHeader(429) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := serve(t, tc.cfg, tc.h)
			c.jitter = func(d time.Duration) time.Duration { return d / 2 }
			ctx, cancel := context.WithCancelCause(t.Context())
			stop := errors.New("stopped by the operator")
			time.AfterFunc(100*time.Millisecond, func() { cancel(stop) })
			start := time.Now()
			_, err := get(ctx, c)
			if d := time.Since(start); d > time.Second {
				t.Errorf("ended after %s", d)
			}
			if e := asError(t, err); e.Reason != "cancelled" || !errors.Is(err, stop) {
				t.Errorf("got %v (%v)", err, e.Err)
			}
		})
	}
	c := serve(t, Config{}, func(http.ResponseWriter, *http.Request) { t.Error("asked") })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := get(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
