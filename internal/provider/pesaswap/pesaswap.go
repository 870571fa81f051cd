// Package pesaswap asks PesaSwap, a deployment of the payment switch
// Hyperswitch, what became of payouts and deposits. It reads only, and works
// with any revision of the server since mid 2024: unknown fields are ignored,
// and all but an object's id, status, amount and currency may be missing.
//
// Credentials: api_key (the merchant's secret key) and, optional, profile_id
// (narrows everything to one business profile) and webhook_key (the profile's
// payment_response_hash_key, by which webhooks are verified).
//
// Options:
//
//	name                  default         meaning
//	force_sync_after      30m             age from which an outstanding payment makes PesaSwap ask its connector; the server polls by itself before
//	force_sync_timeout    60s             time limit of such a call
//	saved_method_exclude  m_pesa_express  payment method types, joined by commas, whose method is never saved
//
// Amounts come as whole minor units. A unit is ISO 4217's, but for IRR, MGA
// (no decimals here) and ISK (two); the provider's decimals in the
// configuration overrule both.
package pesaswap

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
)

const (
	defaultSyncAfter   = 30 * time.Minute
	defaultSyncTimeout = 60 * time.Second
	defaultExclude     = typeMPesa
	// parallelSyncs is small: each such call holds a lock at the server and
	// makes it wait for its connector.
	parallelSyncs = 2
	// checkID is a legal id that no merchant uses: the server answers HE_02
	// only after it has accepted the key.
	checkID = "tieout_doctor_check"
)

// Spec declares the provider type pesaswap.
func Spec() provider.Spec {
	return provider.Spec{
		Type:        "pesaswap",
		BaseURL:     "https://api.pesaswap.io",
		Credentials: []string{"api_key", "profile_id", "webhook_key"},
		Required:    []string{"api_key"},
		Options:     []string{"force_sync_after", "force_sync_timeout", "saved_method_exclude"},
		RateLimit:   10,
		Concurrency: 4,
		AsksByOwnID: true,
		New:         newClient,
	}
}

type client struct {
	http         *httpx.Client
	header       http.Header
	profile      string
	webhookKey   string // by which webhooks are signed; may be empty
	decode       decoder
	now          func() time.Time
	syncAfter    time.Duration
	syncTimeout  time.Duration
	neverSaved   map[string]bool
	syncSlots    chan struct{}
	syncing      sync.Map // kind and id of payments that are being force-synced
	unread       unread
	methodCalls  singleflight.Group
	methodsMu    sync.Mutex
	methodsCache map[string]customerMethods
}

var (
	_ provider.Client       = (*client)(nil)
	_ provider.Lister       = (*client)(nil)
	_ provider.SavedMethods = (*client)(nil)
)

func newClient(s provider.Settings) (provider.Client, error) {
	key := strings.TrimSpace(s.Credentials["api_key"])
	if key == "" {
		return nil, errors.New("pesaswap: credentials need api_key, the merchant's secret key")
	}
	if s.HTTP == nil {
		return nil, errors.New("pesaswap: no HTTP client given")
	}
	after, err := duration(s.Options, "force_sync_after", defaultSyncAfter)
	if err != nil {
		return nil, err
	}
	timeout, err := duration(s.Options, "force_sync_timeout", defaultSyncTimeout)
	if err != nil {
		return nil, err
	}
	exclude, given := s.Options["saved_method_exclude"]
	if !given {
		exclude = defaultExclude
	}
	c := &client{
		http:         s.HTTP,
		header:       http.Header{},
		profile:      strings.TrimSpace(s.Credentials["profile_id"]),
		webhookKey:   strings.TrimSpace(s.Credentials["webhook_key"]),
		decode:       decoder{scale: s.Scale},
		now:          s.Now,
		syncAfter:    after,
		syncTimeout:  timeout,
		neverSaved:   map[string]bool{},
		syncSlots:    make(chan struct{}, parallelSyncs),
		methodsCache: map[string]customerMethods{},
	}
	if c.now == nil {
		c.now = time.Now
	}
	for _, t := range strings.Split(exclude, ",") {
		if t = strings.TrimSpace(t); t != "" {
			c.neverSaved[t] = true
		}
	}
	c.header.Set("api-key", key)
	c.header.Set("Accept", "application/json")
	if c.profile != "" {
		c.header.Set("X-Profile-Id", c.profile)
	}
	return c, nil
}

func duration(options map[string]string, name string, standard time.Duration) (time.Duration, error) {
	text, given := options[name]
	if !given || text == "" {
		return standard, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, provider.BadOption(name, "must be a duration such as 30m")
	}
	return d, nil
}

// Check asks for a payment that can't exist: the answer HE_02 comes only from
// the right host and for an accepted key.
func (c *client) Check(ctx context.Context) (string, error) {
	resp, err := c.get(ctx, objectPath(payment.Deposit, checkID), nil)
	if err != nil {
		return "", fmt.Errorf("pesaswap: %w", err)
	}
	e := readError(resp)
	if e.code != codeUnknown {
		if resp.Status == http.StatusOK && e.code == "" {
			return "", errors.New("pesaswap: what answers here is not PesaSwap's API; check base_url (the dashboard's host is not the API's)")
		}
		return "", fmt.Errorf("pesaswap: %s", e.judge().Reason)
	}
	line := "PesaSwap accepts the key"
	if c.profile != "" {
		line += " for profile " + c.profile
	}
	if v := resp.Header.Get("x-hyperswitch-version"); v != "" {
		line += ", server version " + clip(v)
	}
	return line, nil
}

// get is a read with the account's headers.
func (c *client) get(ctx context.Context, path string, query url.Values) (httpx.Response, error) {
	return c.http.Do(ctx, httpx.Request{Path: path, Query: query, Header: c.header})
}

// objectPath is the address of one payout or payment; the id is escaped.
func objectPath(kind payment.Kind, id string) string {
	if kind == payment.Payout {
		return "/payouts/" + url.PathEscape(id)
	}
	return "/payments/" + url.PathEscape(id)
}

// askable tells whether an id can exist at PesaSwap and reaches its object:
// other ids fail in the server's router, which says nothing about a payment.
func askable(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for _, r := range id {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '-':
		default:
			return false
		}
	}
	switch id {
	case "list", "filter", "profile": // these are other routes below the same path
		return false
	}
	return true
}
