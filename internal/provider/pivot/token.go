package pivot

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"

	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
)

// A token lives 15 minutes; it is renewed one minute before its end, as Pivot
// advises. A refusal of the credentials is remembered for a while, so that a
// wrong secret is not tried once for every payment.
const (
	tokenMargin   = time.Minute
	refusalMemory = time.Minute
)

// tokens holds the access token that all workers share.
type tokens struct {
	client *client
	flight flight[string]

	mu           sync.Mutex
	token        string
	until        time.Time
	refused      *failure
	refusedUntil time.Time
}

// get returns a token that is good for at least the margin; any number of
// callers without one cause one request.
func (t *tokens) get(ctx context.Context) (string, *failure) {
	if token, f, ok := t.held(); ok {
		return token, f
	}
	return t.flight.do(ctx, func(ctx context.Context) (string, *failure) {
		// Another flight may have ended between the look above and this one.
		if token, f, ok := t.held(); ok {
			return token, f
		}
		token, life, f := t.client.requestToken(ctx)
		t.mu.Lock()
		defer t.mu.Unlock()
		now := t.client.Now()
		if f != nil {
			if f.verdict == provider.Refused {
				t.refused, t.refusedUntil = f, now.Add(refusalMemory)
			}
			return "", f
		}
		t.token, t.until, t.refused = token, now.Add(life-min(tokenMargin, life/2)), nil
		return token, nil
	})
}

func (t *tokens) held() (string, *failure, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.client.Now()
	if t.refused != nil && now.Before(t.refusedUntil) {
		return "", t.refused, true
	}
	return t.token, nil, t.token != "" && now.Before(t.until)
}

// drop forgets a token that Pivot refused, unless it was replaced already.
func (t *tokens) drop(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token == token {
		t.token = ""
	}
}

func (c *client) requestToken(ctx context.Context) (string, time.Duration, *failure) {
	h := http.Header{}
	h.Set("X-MERCHANT-ID", c.Credentials["client_id"])
	h.Set("X-MERCHANT-SECRET", c.Credentials["client_secret"])
	h.Set("Content-Type", "application/json")
	h.Set("Accept", "application/json")
	resp, err := c.HTTP.Do(httpx.WithoutRecorder(ctx), httpx.Request{
		Method: http.MethodPost, Path: "/v1/access-token", Header: h, Body: []byte(`{"grantType":"client_credentials"}`),
	})
	if err != nil {
		return "", 0, transportFailure(err)
	}
	e, f := readEnvelope(resp)
	if f != nil {
		if f.verdict == provider.Unknown {
			f = &failure{verdict: provider.Refused, reason: "Pivot does not know the credentials: check client_id and client_secret"}
		}
		return "", 0, f
	}
	return decodeToken(e.Data)
}

// decodeToken reads the data of an access token; expiresIn is a string of
// digits, sometimes a number.
func decodeToken(data json.RawMessage) (string, time.Duration, *failure) {
	var d struct {
		AccessToken string   `json:"accessToken"`
		ExpiresIn   flexText `json:"expiresIn"`
	}
	if decode(data, &d) != nil || d.AccessToken == "" {
		return "", 0, noAnswer("Pivot's token answer carries no access token")
	}
	const longest = 24 * 60 * 60
	seconds, err := strconv.ParseInt(string(d.ExpiresIn), 10, 64)
	if err != nil || seconds <= 0 || seconds > longest {
		return "", 0, noAnswer("Pivot's token answer carries no usable expiresIn")
	}
	return d.AccessToken, time.Duration(seconds) * time.Second, nil
}

// flight lets many callers share one running call. It runs under the context
// of the caller that started it: when that one is cancelled, the next caller
// in line starts anew.
type flight[T any] struct {
	mu      sync.Mutex
	running *flown[T]
}

type flown[T any] struct {
	done      chan struct{}
	value     T
	failure   *failure
	abandoned bool
}

func (f *flight[T]) do(ctx context.Context, call func(context.Context) (T, *failure)) (T, *failure) {
	for {
		f.mu.Lock()
		r := f.running
		if r == nil {
			r = &flown[T]{done: make(chan struct{}), abandoned: true}
			f.running = r
			f.mu.Unlock()
			return f.lead(ctx, r, call)
		}
		f.mu.Unlock()
		select {
		case <-ctx.Done():
			var none T
			return none, noAnswer("the run was stopped before Pivot answered")
		case <-r.done:
		}
		if !r.abandoned {
			return r.value, r.failure
		}
	}
}

func (f *flight[T]) lead(ctx context.Context, r *flown[T], call func(context.Context) (T, *failure)) (T, *failure) {
	defer func() {
		f.mu.Lock()
		f.running = nil
		f.mu.Unlock()
		close(r.done)
	}()
	r.value, r.failure = call(ctx)
	r.abandoned = r.failure != nil && ctx.Err() != nil
	return r.value, r.failure
}
