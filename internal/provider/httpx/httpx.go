// Package httpx is the one way in which tieout talks HTTP to a provider: time
// limits for each phase, a body limit, retries of reads only, Retry-After, a
// rate limit and a circuit breaker that all workers of a provider share.
package httpx

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// Config sets up a Client; zero values mean the default named beside them.
type Config struct {
	BaseURL     string
	UserAgent   string        // "tieout"
	RateLimit   int           // requests a second, all workers together; 0: no limit
	Concurrency int           // requests at once, connections kept open; 8
	Timeout     time.Duration // of one attempt; 10s
	MaxBody     int64         // bytes; 8 MiB
	RetryBudget time.Duration // for one Do with its retries and waits; 30s
	MaxAttempts int           // 4
	Backoff     time.Duration // the longest first wait; each further one may be twice as long, up to 5s; 200ms
	BreakAfter  int           // failures in a row after which the provider counts as down; 10
	BreakDelay  time.Duration // until a provider that is down is tried again; 5s
	Transport   http.RoundTripper
	Now         func() time.Time // for the evidence and for dates in Retry-After
}

// Request is one read. Path starts with a slash and is already escaped (use
// url.PathEscape for ids from outside); a path with a query, a fragment or a
// dot segment, escaped or not, is refused.
type Request struct {
	Method  string // GET when empty
	Path    string // joined to the base URL
	Query   url.Values
	Header  http.Header
	Body    []byte
	Timeout time.Duration // of one attempt, when not the default
	NoRetry bool
	// Foreign is an absolute https URL on another host (a pre-signed download;
	// http only for loopback). It is asked as it stands, without any of Path,
	// Query and Header, and the circuit breaker has no part in it.
	Foreign string
	MaxBody int64 // when not the default
	// Shared says that the answer is about several payments: it is no one's own
	// evidence (see Exchange).
	Shared bool
}

// Response is a complete answer of any HTTP status; redirects are not followed.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Error means that there was no complete answer. It never holds credentials,
// query strings or bodies.
type Error struct {
	Op     string // "GET /v2/deposits/{id}" without ids
	Reason string // for people: "timed out after 10s", "connection refused"
	Open   bool   // the circuit breaker is open: the provider is down
	Err    error
}

func (e *Error) Error() string { return e.Op + ": " + e.Reason }
func (e *Error) Unwrap() error { return e.Err }

// Exchange is one attempt as it happened, for the evidence: successful,
// refused or failed.
type Exchange struct {
	Method, Path string // path with the ids, without host and query
	At           time.Time
	Duration     time.Duration
	Status       int // 0 when there was no answer
	ContentType  string
	Body         []byte // as received, possibly cut; nil when there was none
	Err          string // why there was no complete answer
	Shared       bool   // as the request said
}

type recorderKey struct{}

// WithRecorder makes each attempt under this context known to record.
func WithRecorder(ctx context.Context, record func(Exchange)) context.Context {
	return context.WithValue(ctx, recorderKey{}, record)
}

// WithoutRecorder hides exchanges that must not become evidence (tokens).
func WithoutRecorder(ctx context.Context) context.Context {
	return context.WithValue(ctx, recorderKey{}, (func(Exchange))(nil))
}

// Client talks to one provider account. Its methods may be called from many
// goroutines.
type Client struct {
	cfg       Config
	base      *url.URL
	transport http.RoundTripper
	paced     bool          // the transport tells when a connection stands (see attempt.pace)
	workers   chan struct{} // requests at once
	ready     chan struct{} // requests that wait for their turn at the rate limit with a connection in hand
	pace      *pacer
	breaker   *breaker
	sent      atomic.Int64
	// For tests: the random part of a wait, and the wait itself.
	jitter func(most time.Duration) time.Duration
	sleep  func(ctx context.Context, d time.Duration) error
}

const longestBackoff = 5 * time.Second

// New makes a client. A base URL that isn't absolute, carries user, query or
// fragment, or is http to anything but a loopback host is an error.
func New(cfg Config) (*Client, error) {
	base, err := parseBase(cfg.BaseURL)
	if err != nil {
		return nil, err
	}
	if cfg.RateLimit < 0 || cfg.Concurrency < 0 || cfg.Timeout < 0 {
		return nil, errors.New("rate limit, concurrency and timeout can't be negative")
	}
	orDefault(&cfg.UserAgent, "tieout")
	orDefault(&cfg.Concurrency, 8)
	orDefault(&cfg.Timeout, 10*time.Second)
	orDefault(&cfg.MaxBody, 8<<20)
	orDefault(&cfg.RetryBudget, 30*time.Second)
	orDefault(&cfg.MaxAttempts, 4)
	orDefault(&cfg.Backoff, 200*time.Millisecond)
	orDefault(&cfg.BreakAfter, 10)
	orDefault(&cfg.BreakDelay, 5*time.Second)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &Client{
		cfg: cfg, base: base, transport: cfg.Transport,
		workers: make(chan struct{}, cfg.Concurrency),
		pace:    newPacer(cfg.RateLimit),
		breaker: newBreaker(cfg.BreakAfter, cfg.BreakDelay),
		jitter:  rand.N[time.Duration],
		sleep:   sleep,
	}
	if c.transport == nil {
		c.transport = newTransport(cfg)
	}
	_, c.paced = c.transport.(*http.Transport)
	// As many as the limit lets through in about a second: more would only keep
	// connections idle until the server drops them.
	c.ready = make(chan struct{}, max(2, cfg.RateLimit))
	return c, nil
}

// mostHanging is how long one call may wait in vain, all its attempts together:
// less than the budget, because a provider that hangs is found out by several
// calls, and each of them takes that long.
const mostHanging = 20 * time.Second

// Do sends the request and reads the whole answer. A status of any kind is a
// Response; only what is no complete answer is an *Error. Connection errors,
// time-outs, broken answers, 429 and 500, 502, 503, 504 are tried again within
// the budget; then the last of them is returned. When the context ends, the
// error wraps its cause.
func (c *Client) Do(ctx context.Context, r Request) (Response, error) {
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	d, err := c.prepare(r)
	if err != nil {
		return Response{}, err
	}
	out, began := c.do(ctx, d)
	if d.guarded && out.resp.Status == http.StatusTooManyRequests {
		c.breaker.failed(d, began, false) // once for the whole call: a limit that lets nobody through is an outage
	}
	return out.resp, out.error()
}

// do attempts until there is an answer to be taken. began is when the first
// attempt's turn had come. A retry policy of failsafe-go would not spare the
// loop: the budget that begins with the first turn, the limits cut to what is
// left of it, the time spent hanging and the hold of the pace would all become
// state of its callbacks.
func (c *Client) do(ctx context.Context, d *target) (out outcome, began time.Time) {
	hanging := time.Duration(0)
	for n := 1; ; n++ {
		limit := d.timeout
		if n > 1 {
			limit = min(limit, c.cfg.RetryBudget-time.Since(began))
		}
		next := c.attempt(ctx, d, limit)
		if n == 1 {
			began = next.began
		} else if errors.Is(next.error(), errDown) {
			return out, began // down by now: what the last attempt got says more
		}
		out = next
		if out.err != nil && errors.Is(out.err, context.DeadlineExceeded) {
			hanging += limit
		}
		if !out.retry {
			return out, began
		}
		wait, asked := c.wait(n, out.resp)
		left := c.cfg.RetryBudget - time.Since(began)
		if asked && wait < left {
			c.pace.hold(wait)
		}
		// An attempt that would be cut short right away is none.
		if d.NoRetry || n >= c.cfg.MaxAttempts || hanging >= mostHanging || wait >= left-d.timeout/10 {
			return out, began
		}
		if err := c.sleep(ctx, wait); err != nil {
			return outcome{err: cancelled(d.op, err)}, began
		}
	}
}

// wait is the time before the next attempt: full jitter over an exponentially
// growing span, but never less than the server asked for.
func (c *Client) wait(failed int, resp Response) (d time.Duration, asked bool) {
	most := longestBackoff
	if shift := failed - 1; shift < 16 {
		most = min(most, c.cfg.Backoff<<shift)
	}
	d = c.jitter(most + 1)
	if after, ok := retryAfter(resp.Header, c.cfg.Now()); ok {
		return max(d, after), true
	}
	return d, false
}

// Requests returns how many requests were sent so far, retries included.
func (c *Client) Requests() int64 { return c.sent.Load() }

// Silence returns when the row of attempts without an answer began in which the
// provider is now, and how many there were, refused connections among them;
// zero when its last answer was one.
func (c *Client) Silence() (since time.Time, attempts int) { return c.breaker.silence() }

// CloseIdleConnections closes the connections that no request uses. The client
// stays usable.
func (c *Client) CloseIdleConnections() {
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// Close releases what the client holds, after its last Do.
func (c *Client) Close() { c.CloseIdleConnections() }

func sleep(ctx context.Context, d time.Duration) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

func cancelled(op string, cause error) *Error {
	reason := "cancelled"
	if errors.Is(cause, context.DeadlineExceeded) {
		reason = "no time left"
	}
	return &Error{Op: op, Reason: reason, Err: cause}
}

func orDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

func bytesText(n int64) string {
	if n >= 1<<20 && n%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d bytes", n)
}
