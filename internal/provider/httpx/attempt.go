package httpx

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// The phases of an attempt, as they stand in an error.
const (
	connecting = "no connection"
	waiting    = "no answer"
	reading    = "the answer broke off"
)

// outcome is what one attempt came to.
type outcome struct {
	resp  Response
	err   *Error
	retry bool      // another attempt may fare better
	began time.Time // when its turn had come
}

func (o outcome) error() error {
	if o.err == nil {
		return nil
	}
	return o.err
}

var (
	errDown = errors.New("circuit breaker open")
	errSlow = errors.New("attempt timed out")
)

// attempt sends the request once, when it is its turn. limit counts from the
// moment when a connection is looked for, without the wait at the rate limit.
func (c *Client) attempt(ctx context.Context, d *target, limit time.Duration) outcome {
	down := outcome{err: &Error{Op: d.op, Reason: "the provider is down, it is not asked for a few seconds", Open: true, Err: errDown}}
	if d.guarded && c.breaker.resting() {
		return down
	}
	if err := acquire(ctx, c.workers); err != nil {
		return outcome{err: cancelled(d.op, err)}
	}
	defer func() { <-c.workers }()
	if err := acquire(ctx, c.ready); err != nil {
		return outcome{err: cancelled(d.op, err)}
	}
	a := &attempt{c: c, d: d, began: time.Now(), phase: connecting, queued: true}
	defer a.leaveQueue()
	if !d.guarded {
		return a.run(ctx, limit)
	}
	try, ok := c.breaker.enter()
	if !ok {
		return down
	}
	out := a.run(ctx, limit)
	switch {
	case ctx.Err() != nil && out.err != nil:
		c.breaker.abandoned(try)
	case out.resp.Status == http.StatusTooManyRequests && !try:
		// It is there and lets this call wait: Do tells how that ended.
	case a.answered:
		c.breaker.answered()
	default:
		c.breaker.failed(d, a.began, try)
	}
	return out
}

type attempt struct {
	c        *Client
	d        *target
	began    time.Time
	phase    string
	queued   bool                    // holds a place in Client.ready
	sent     atomic.Pointer[sending] // the transport writes in a goroutine of its own
	answered bool                    // for the breaker: the provider is there
	ex       Exchange
}

func (a *attempt) leaveQueue() {
	if a.queued {
		a.queued = false
		<-a.c.ready
	}
}

// run sends the request, reads the answer and records what happened.
func (a *attempt) run(ctx context.Context, limit time.Duration) outcome {
	a.ex = Exchange{Method: a.d.Method, Path: a.d.path, At: a.c.cfg.Now(), Shared: a.d.Shared}
	own, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	clock := startClock(limit, func() { cancel(errSlow) })
	defer clock.pause()

	resp, err := a.exchange(own, clock)
	out := outcome{resp: resp, began: a.began}
	switch {
	case err == nil:
		a.answered = resp.Status < 500 && resp.Status != http.StatusTooManyRequests || resp.Status == http.StatusNotImplemented
		out.retry = worthRetrying(resp.Status)
	case ctx.Err() != nil:
		out.resp, out.err = Response{}, cancelled(a.d.op, context.Cause(ctx))
	case errors.Is(err, errTooLarge):
		a.answered = true
		out.resp = Response{}
		out.err = &Error{Op: a.d.op, Reason: "the answer is larger than " + bytesText(a.d.maxBody), Err: errTooLarge}
	case errors.Is(context.Cause(own), errSlow):
		out.resp, out.retry = Response{}, true
		out.err = &Error{Op: a.d.op, Reason: fmt.Sprintf("timed out after %s (%s)", limit.Round(time.Millisecond), a.phase), Err: context.DeadlineExceeded}
	default:
		out.resp = Response{}
		out.err, out.retry = explain(a.d.op, a.phase, err)
	}
	a.record(ctx, out)
	return out
}

// exchange is the attempt proper; on an error the response holds what came.
func (a *attempt) exchange(ctx context.Context, clock *clock) (Response, error) {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			if a.c.paced && a.turn(ctx, clock) != nil {
				// The transport would still write the request: out of turn.
				_ = info.Conn.Close()
			}
		},
		WroteRequest: func(httptrace.WroteRequestInfo) {
			if s := a.sent.Load(); s != nil {
				a.c.pace.written(s)
			}
		},
	})
	if !a.c.paced {
		if err := a.turn(ctx, clock); err != nil {
			return Response{}, err
		}
	}
	var body io.Reader
	if len(a.d.Body) > 0 {
		body = bytes.NewReader(a.d.Body)
	}
	req, err := http.NewRequestWithContext(ctx, a.d.Method, a.d.url.String(), body)
	if err != nil {
		return Response{}, errNotBuilt
	}
	for k, v := range a.d.Header {
		req.Header[k] = append([]string(nil), v...)
	}
	req.Header.Set("User-Agent", a.c.cfg.UserAgent)
	// Not http.Client: it follows redirects, and fails on odd ones.
	resp, err := a.c.transport.RoundTrip(req)
	if err != nil {
		return Response{}, err
	}
	a.phase = reading
	if s := a.sent.Load(); s != nil {
		a.c.pace.answered(s)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(io.LimitReader(resp.Body, a.d.maxBody+1))
	a.ex.Status, a.ex.ContentType, a.ex.Body = resp.StatusCode, resp.Header.Get("Content-Type"), got
	if int64(len(got)) > a.d.maxBody {
		a.ex.Body = got[:a.d.maxBody]
		return Response{}, errTooLarge
	}
	return Response{Status: resp.StatusCode, Header: resp.Header, Body: got}, err
}

// turn waits until the rate limit lets the request through. It is called when
// the connection stands, so that the time which connecting takes (much at the
// start of a run, little later) doesn't push requests together at the server.
func (a *attempt) turn(ctx context.Context, clock *clock) error {
	clock.pause()
	sent, err := a.c.pace.turn(ctx)
	a.leaveQueue()
	if err != nil {
		return err
	}
	a.sent.Store(sent)
	a.c.sent.Add(1)
	a.phase, a.began, a.ex.At = waiting, time.Now(), a.c.cfg.Now()
	clock.resume()
	return nil
}

func (a *attempt) record(ctx context.Context, out outcome) {
	record, _ := ctx.Value(recorderKey{}).(func(Exchange))
	if record == nil {
		return
	}
	a.ex.Duration = time.Since(a.began)
	if out.err != nil {
		a.ex.Err = out.err.Reason
	}
	record(a.ex)
}

func worthRetrying(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

func acquire(ctx context.Context, place chan struct{}) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case place <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// clock ends an attempt after a time, pauses not counted.
type clock struct {
	timer *time.Timer
	left  time.Duration
	since time.Time
}

func startClock(limit time.Duration, end func()) *clock {
	return &clock{timer: time.AfterFunc(limit, end), left: limit, since: time.Now()}
}

func (k *clock) pause() {
	if k.timer.Stop() {
		k.left -= time.Since(k.since)
	}
}

func (k *clock) resume() {
	k.since = time.Now()
	k.timer.Reset(max(k.left, 0))
}

// newTransport makes the connections of one provider account. HTTP/1.1 on
// purpose: one broken or slow connection then costs one request, not all.
func newTransport(cfg Config) *http.Transport {
	phase := min(5*time.Second, cfg.Timeout/2)
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  nil, // the environment decides nothing here
		DialContext:            (&net.Dialer{Timeout: phase, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:    phase,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		Protocols:              &protocols,
		MaxIdleConns:           2 * cfg.Concurrency,
		MaxIdleConnsPerHost:    cfg.Concurrency,
		MaxConnsPerHost:        cfg.Concurrency,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 256 << 10,
	}
}
