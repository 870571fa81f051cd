package pawapay

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"tieout/internal/money"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
	"tieout/internal/provider/pawapay/signature"
)

const (
	defaultPollInterval = 10 * time.Second
	defaultWait         = 15 * time.Minute
)

// Spec declares the provider type pawapay.
func Spec() provider.Spec {
	return provider.Spec{
		Type:        "pawapay",
		BaseURL:     "https://api.pawapay.io",
		Credentials: []string{"token", "signing_key", "signing_key_id"},
		Required:    []string{"token"},
		Options:     []string{"api_version", "callback_url", "statement_callback_url", "statement_poll_interval", "statement_wait"},
		RateLimit:   50,
		Concurrency: 16,
		AsksByOwnID: true,
		OwnIDs:      true,
		New:         newClient,
	}
}

// client reads one account; it holds no state but the lock of its orders.
type client struct {
	http    *httpx.Client
	token   string
	scale   money.Scale
	now     func() time.Time
	version apiVersion
	signer  *signature.Signer // nil: nothing is signed
	base    *url.URL          // what a signature says of the host and path

	callbacks    callbacks
	callbackURL  string // of statements
	pollInterval time.Duration
	polls        int // looks at one statement before it is left for the next run

	// ordering is held while one statement is looked up and ordered, so that
	// two lists running at once share it.
	ordering sync.Mutex
}

func newClient(s provider.Settings) (provider.Client, error) {
	c := &client{
		http: s.HTTP, token: s.Credentials["token"], scale: s.Scale, now: s.Now,
		callbackURL: s.Options["statement_callback_url"],
	}
	if c.http == nil {
		return nil, errors.New("pawapay: no HTTP client")
	}
	if c.token == "" {
		return nil, errors.New("pawapay: credentials.token is missing")
	}
	if c.now == nil {
		c.now = time.Now
	}
	switch s.Options["api_version"] {
	case "", "2":
		c.version = v2{}
	case "1":
		c.version = v1{}
	default:
		return nil, provider.BadOption("api_version", `must be "1" or "2"`)
	}
	if err := c.setSigner(s); err != nil {
		return nil, err
	}
	if c.callbackURL != "" {
		u, err := url.Parse(c.callbackURL)
		if err != nil || u.Scheme != "https" || u.Host == "" {
			return nil, provider.BadOption("statement_callback_url", "must be an https address")
		}
	}
	if err := c.setCallbacks(s); err != nil {
		return nil, err
	}
	if err := c.setWaiting(s); err != nil {
		return nil, err
	}
	return c, nil
}

// setWaiting reads how a statement in the making is waited for.
func (c *client) setWaiting(s provider.Settings) error {
	wait := defaultWait
	c.pollInterval = defaultPollInterval
	for name, d := range map[string]*time.Duration{"statement_poll_interval": &c.pollInterval, "statement_wait": &wait} {
		text := s.Options[name]
		if text == "" {
			continue
		}
		v, err := time.ParseDuration(text)
		if err != nil || v <= 0 {
			return provider.BadOption(name, "must be a duration such as 10s")
		}
		*d = v
	}
	c.polls = max(1, int(wait/c.pollInterval))
	return nil
}

// setSigner reads the merchant's signing key, where one is configured.
func (c *client) setSigner(s provider.Settings) error {
	key, id := s.Credentials["signing_key"], s.Credentials["signing_key_id"]
	if key == "" && id == "" {
		return nil
	}
	if key == "" || id == "" {
		return provider.BadCredential("signing_key", "is of use only together with signing_key_id")
	}
	private, err := signature.ParsePrivateKey(key)
	if err != nil {
		return provider.BadCredential("signing_key", "%v", err)
	}
	if c.base, err = url.Parse(strings.TrimRight(s.BaseURL, "/")); err != nil {
		return errors.New("pawapay: base_url can't be read")
	}
	c.signer = &signature.Signer{KeyID: id, Key: private, Now: c.now}
	return nil
}

// get makes one authenticated read. Whatever is no HTTP 200 comes back as the
// trouble that it means.
func (c *client) get(ctx context.Context, path string) ([]byte, *trouble) {
	return c.do(ctx, httpx.Request{Path: path})
}

func (c *client) do(ctx context.Context, r httpx.Request) ([]byte, *trouble) {
	r.Header = http.Header{
		"Authorization": {"Bearer " + c.token},
		"Accept":        {"application/json"},
	}
	if r.Body != nil {
		r.Header["Content-Type"] = []string{"application/json"}
		if c.signer != nil {
			if err := c.signer.Sign(signature.Message{
				Method: r.Method, Scheme: c.base.Scheme, Authority: c.base.Host, Path: c.base.EscapedPath() + r.Path, Header: r.Header, Body: r.Body,
			}); err != nil {
				return nil, &trouble{verdict: provider.Refused, reason: "the request can't be signed: " + err.Error()}
			}
		}
	}
	resp, err := c.http.Do(ctx, r)
	if err != nil {
		return nil, noAnswer(err)
	}
	if resp.Status == http.StatusOK {
		return resp.Body, nil
	}
	return nil, refusal(resp.Status, resp.Body)
}

// sleep waits for d, or less when the context ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
