// Package providertest holds the suite that the client of every provider type
// must pass. It drives a client through package provider alone, against a
// server that speaks the type's API over known truth.
package providertest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"tieout/internal/corpus"
	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
	"tieout/internal/sandbox/state"
)

// Harness is what a provider type brings along.
type Harness struct {
	Spec provider.Spec
	// Serve is the type's sandbox: its API over the truth of one account, whose
	// clock and credentials it takes from there.
	Serve func(*state.Account) http.Handler
	// Credentials are those that client and server share: every required one.
	Credentials map[string]string
	// Options of the client. Whatever waits should wait for milliseconds.
	Options map[string]string
	// TokenPath is where access tokens are fetched; empty where there are none.
	TokenPath string
	// TokenLife is longer than any token lives.
	TokenLife time.Duration
	// Currencies in which exact amounts are tried. Default: XAF, KES and KWD,
	// which have no, two and three decimals.
	Currencies []string
	// Lists names what List must prove complete; other kinds are tried as well,
	// but may say that (and why) they prove nothing.
	Lists []payment.Kind
	// SavesMethods demands a provider.SavedMethods.
	SavesMethods bool
}

const accountName = "acct"

// The range that all tests share, and a run the morning after.
var (
	firstDay = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	days     = 3
	runAt    = firstDay.AddDate(0, 0, days).Add(6 * time.Hour)
)

// fixture is one account with its server, and a client for it.
type fixture struct {
	*testing.T
	h       Harness
	account *state.Account
	front   *front
	truth   []corpus.Transaction
	server  *httptest.Server
	client  provider.Client
	// The clocks of the two sides.
	serverClock, clientClock *clock
}

// start makes an account with at least so many payments.
func (h Harness) start(t *testing.T, payments int, change ...func(*provider.Settings, *httpx.Config)) *fixture {
	t.Helper()
	w := corpus.Generate(corpus.Options{
		Seed: 7, Payments: payments, From: firstDay, Days: days, Location: time.UTC, Now: runAt, DifferenceShare: -1,
		Accounts: []corpus.Account{{Name: accountName, Type: h.Spec.Type}},
	})
	f := &fixture{T: t, h: h, serverClock: newClock(runAt), clientClock: newClock(runAt)}
	for _, x := range w.Transactions {
		if x.Fault == corpus.NoFault && !x.Unlisted {
			f.truth = append(f.truth, x)
		}
	}
	f.account = state.New(w.Accounts[0], f.truth)
	f.account.Credentials = h.Credentials
	f.account.Now = f.serverClock.now
	f.front = &front{token: h.TokenPath}
	f.server = httptest.NewServer(f.front)
	t.Cleanup(f.server.Close)
	f.account.BaseURL = f.server.URL
	f.account.ForeignURL = strings.Replace(f.server.URL, "127.0.0.1", "localhost", 1)
	f.front.api = h.Serve(f.account)
	f.client = f.connect(change...)
	return f
}

// connect makes a client for the account.
func (f *fixture) connect(change ...func(*provider.Settings, *httpx.Config)) provider.Client {
	f.Helper()
	cfg := httpx.Config{
		BaseURL: f.server.URL, Concurrency: 16, Timeout: 5 * time.Second, MaxAttempts: 2, Backoff: time.Millisecond,
		BreakAfter: 1 << 30, // the breaker has tests of its own
	}
	s := provider.Settings{
		Name: accountName, BaseURL: f.server.URL, Credentials: f.h.Credentials, Options: f.h.Options,
		Scale: f.account.Scale, Now: f.clientClock.now,
	}
	for _, c := range change {
		c(&s, &cfg)
	}
	hc, err := httpx.New(cfg)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(hc.Close)
	s.HTTP = hc
	c, err := f.h.Spec.New(s)
	if err != nil {
		f.Fatalf("the client can't be made: %v", err)
	}
	return c
}

// some returns transactions of the kind with this status that nothing else
// happened to.
func (f *fixture) some(kind payment.Kind, status payment.Status, n int) []corpus.Transaction {
	f.Helper()
	var out []corpus.Transaction
	for _, t := range f.truth {
		if t.Kind == kind && t.Status == status && len(t.Refunds) == 0 && t.RawStatus == "" && t.NeedsAction == "" && len(out) < n {
			out = append(out, t)
		}
	}
	if len(out) < n {
		f.Fatalf("the truth has only %d %s %ss of this kind", len(out), status, kind)
	}
	return out
}

// query asks for a transaction by all that a merchant may hold of it.
func query(t corpus.Transaction) provider.Query {
	id := t.OwnID
	if id == "" {
		id = "merchant-" + t.Reference
	}
	return provider.Query{
		Kind: t.Kind, PaymentID: id, ProviderPaymentID: t.ID, Reference: t.Reference, Amount: t.Amount,
		Account: t.Account, CustomerID: t.CustomerID, CreatedAt: t.CreatedAt,
	}
}

// ask asks, and holds every answer to what all answers must keep.
func (f *fixture) ask(ctx context.Context, c provider.Client, q provider.Query) provider.Answer {
	f.Helper()
	var mu sync.Mutex
	var seen []httpx.Exchange
	a := c.Status(httpx.WithRecorder(ctx, func(x httpx.Exchange) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, x)
	}), q)
	switch {
	case a.Verdict == provider.Found && len(a.Transactions) == 0:
		f.Error("found, and no transaction")
	case a.Verdict != provider.Found && a.Reason == "":
		f.Errorf("verdict %s without a reason", a.Verdict)
	}
	f.tellsNothing("the reason", a.Reason+" "+a.RawStatus, q.Account)
	mu.Lock()
	defer mu.Unlock()
	for _, x := range seen {
		if f.h.TokenPath != "" && strings.HasPrefix(x.Path, f.h.TokenPath) {
			f.Error("a token request became evidence")
		}
		f.tellsNothing("the evidence", fmt.Sprintf("%s %s %s", x.Path, x.Body, x.Err), "")
	}
	return a
}

// tellsNothing checks that a text holds no credential, token or account.
func (f *fixture) tellsNothing(what, text, account string) {
	f.Helper()
	secrets := f.front.tokens()
	for _, v := range f.h.Credentials {
		secrets = append(secrets, v, wrong(v))
	}
	for _, s := range append(secrets, account) {
		if len(s) >= 6 && strings.Contains(text, s) {
			f.Errorf("%s tells a secret: %s", what, strings.ReplaceAll(text, s, "[SECRET]"))
		}
	}
}

// wrong spoils a credential.
func wrong(credential string) string { return "not-" + credential }

// clock is set by the tests and read by client and server.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock(at time.Time) *clock { return &clock{at: at} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// memory is a provider.Memory.
type memory struct {
	mu     sync.Mutex
	values map[string]string
}

func (m *memory) Get(_ context.Context, key string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.values[key], nil
}

func (m *memory) Set(_ context.Context, key, value string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.values == nil {
		m.values = map[string]string{}
	}
	m.values[key] = value
	return nil
}
