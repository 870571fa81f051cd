package pesaway

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
)

const (
	defaultLifetime = time.Hour       // where the answer tells none
	longestLifetime = 24 * time.Hour  // whatever the answer tells
	renewEarly      = 5 * time.Minute // before the end, or at three quarters of a short life
	refusalHolds    = time.Minute     // refused credentials are not sent again for so long
)

// tokens holds the token that all workers share and lets one of them fetch it.
type tokens struct {
	ask func(context.Context) (value string, lifetime time.Duration, t *trouble)
	now func() time.Time

	mu       sync.Mutex
	value    string
	renewAt  time.Time
	refused  *trouble
	askAgain time.Time
	flight   *flight
}

// flight is one token request; its fields are read after done is closed.
type flight struct {
	done      chan struct{}
	value     string
	trouble   *trouble
	abandoned bool // the worker that fetched was cancelled: nothing is known
}

// get returns a token. Of many workers without one, one fetches and the others
// wait for it; when that one is cancelled, the next takes over.
func (t *tokens) get(ctx context.Context) (string, *trouble) {
	for {
		t.mu.Lock()
		now := t.now()
		if t.value != "" && now.Before(t.renewAt) {
			defer t.mu.Unlock()
			return t.value, nil
		}
		if t.refused != nil && now.Before(t.askAgain) {
			defer t.mu.Unlock()
			return "", t.refused
		}
		f := t.flight
		if f == nil {
			f = &flight{done: make(chan struct{})}
			t.flight = f
			t.mu.Unlock()
			t.fetch(ctx, f)
			return f.value, f.trouble
		}
		t.mu.Unlock()
		select {
		case <-f.done:
		case <-ctx.Done():
			return "", noAnswer(context.Cause(ctx))
		}
		if !f.abandoned {
			return f.value, f.trouble
		}
	}
}

func (t *tokens) fetch(ctx context.Context, f *flight) {
	value, lifetime, tr := t.ask(ctx)
	f.value, f.trouble = value, tr
	f.abandoned = tr != nil && ctx.Err() != nil

	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	t.value, t.refused, t.flight = value, nil, nil
	t.renewAt = now.Add(lifetime - min(renewEarly, lifetime/4))
	if tr != nil && tr.verdict == provider.Refused {
		t.refused, t.askAgain = tr, now.Add(refusalHolds)
	}
	close(f.done)
}

// drop forgets a token that was refused, unless it has been renewed since.
func (t *tokens) drop(value string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.value == value {
		t.value = ""
	}
}

// askToken makes the token request. It never becomes evidence.
func (c *client) askToken(ctx context.Context) (string, time.Duration, *trouble) {
	resp, t := c.send(httpx.WithoutRecorder(ctx), http.MethodPost, tokenPath, "", struct {
		Key       string `json:"consumer_key"`
		Secret    string `json:"consumer_secret"`
		GrantType string `json:"grant_type"`
	}{c.id, c.secret, "client_credentials"})
	if t != nil {
		return "", 0, t
	}
	if t := refusal(resp, tokenPath); t != nil {
		return "", 0, refusedToken(t, resp)
	}
	value, lifetime, err := decodeToken(resp.Body, c.now())
	switch {
	case err != nil:
		return "", 0, troubled(provider.NoAnswer, "PesaWay's token answer can't be read; it is asked again in the next run")
	case value == "":
		return "", 0, troubled(provider.NoAnswer, "PesaWay's token answer holds no token; it is asked again in the next run")
	}
	return value, lifetime, nil
}

// refusedToken puts a refusal of the token call into the words that help: what
// is "not found" or "wrong" here are the credentials, never a payment.
func refusedToken(t *trouble, resp httpx.Response) *trouble {
	code := envelopeCode(resp.Body)
	wrongAddress := resp.Status >= 300 && resp.Status < 400 || code == "" &&
		(resp.Status == http.StatusNotFound || resp.Status == http.StatusMethodNotAllowed)
	if t.verdict == provider.NoAnswer || wrongAddress {
		return t
	}
	if code == "" {
		code = "no code"
	}
	return troubled(provider.Refused, "PesaWay gives no token (HTTP %d, %s); check client_id, client_secret, region, and that base_url is of the same environment", resp.Status, code)
}

type tokenFields struct {
	AccessToken text `json:"access_token"`
	Token       text `json:"token"`
	ExpiresIn   text `json:"expires_in"`
	ExpiresAt   text `json:"expires_at"`
}

// decodeToken reads the three shapes of a token answer that are in the wild.
func decodeToken(body []byte, now time.Time) (string, time.Duration, error) {
	var top struct {
		tokenFields
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &top); err != nil {
		return "", 0, err
	}
	var data tokenFields
	if len(top.Data) > 0 && top.Data[0] == '{' {
		if err := json.Unmarshal(top.Data, &data); err != nil {
			return "", 0, err
		}
	}
	value := first(top.AccessToken, top.Token, data.AccessToken, data.Token)
	if !usableToken(value) {
		value = ""
	}
	lifetime, ok := seconds(first(top.ExpiresIn, data.ExpiresIn))
	if !ok {
		lifetime, ok = until(first(top.ExpiresAt, data.ExpiresAt), now)
	}
	if !ok {
		lifetime = defaultLifetime
	}
	return value, min(lifetime, longestLifetime), nil
}

func first(values ...text) string {
	for _, v := range values {
		if v != "" {
			return string(v)
		}
	}
	return ""
}

// usableToken keeps what can't stand in a header out of it.
func usableToken(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// seconds reads a positive number of seconds; fractions are dropped.
func seconds(s string) (time.Duration, bool) {
	whole, _, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64/int64(time.Second) {
		return 0, false
	}
	return time.Duration(n) * time.Second, true
}

// until reads the time at which a token ends: one of the usual formats, or unix
// seconds. The format is not documented.
func until(s string, now time.Time) (time.Duration, bool) {
	end, ok := readTime(s)
	if !ok {
		since, isNumber := seconds(s)
		if !isNumber {
			return 0, false
		}
		end = time.Unix(0, 0).Add(since)
	}
	return end.Sub(now), end.After(now)
}
