package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"

	"tieout/internal/corpus"
	"tieout/internal/payment"
	"tieout/internal/sandbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world has a few payments of each account and no differences.
func world(t *testing.T) corpus.World {
	t.Helper()
	return corpus.Generate(corpus.Options{Seed: 4, Payments: 120, DifferenceShare: -1})
}

// up serves a world and returns the server with its address.
func up(t *testing.T, w corpus.World, o sandbox.Options) (*sandbox.Server, string) {
	t.Helper()
	s, err := sandbox.New(w, o)
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s.Handler())
	t.Cleanup(h.Close)
	s.SetBaseURL(h.URL)
	return s, h.URL
}

type reply struct {
	status int
	header http.Header
	body   []byte
}

// ask sends a request without following or repeating anything.
func ask(t *testing.T, method, url, body string, header map[string]string) (reply, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, raw}, err
}

func must(t *testing.T, method, url, body string, header map[string]string) reply {
	t.Helper()
	r, err := ask(t, method, url, body, header)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// deposit finds a completed deposit of an account.
func deposit(t *testing.T, w corpus.World, account string) corpus.Transaction {
	t.Helper()
	for _, x := range w.Transactions {
		if x.Provider == account && x.Kind == payment.Deposit && x.Status == payment.Completed {
			return x
		}
	}
	t.Fatalf("no completed deposit at %s", account)
	return corpus.Transaction{}
}

func bearer(s *sandbox.Server, account string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + s.Credentials(account)["token"]}
}

func TestEachAccountAnswersUnderItsNameWithItsCredentials(t *testing.T) {
	t.Parallel()
	w := world(t)
	s, url := up(t, w, sandbox.Options{})
	zm := url + "/pawapay-zm/v2/deposits/" + deposit(t, w, "pawapay-zm").ID
	if r := must(t, "GET", zm, "", bearer(s, "pawapay-zm")); r.status != 200 || !bytes.Contains(r.body, []byte(`"COMPLETED"`)) {
		t.Errorf("own token: %d %s", r.status, r.body)
	}
	if r := must(t, "GET", zm, "", bearer(s, "pawapay-ug")); r.status != 401 {
		t.Errorf("another account's token: %d", r.status)
	}
	swap := must(t, "GET", url+"/pesaswap-ke/payments/"+deposit(t, w, "pesaswap-ke").ID, "", map[string]string{"api-key": s.Credentials("pesaswap-ke")["api_key"]})
	if swap.status != 200 {
		t.Errorf("pesaswap: %d %s", swap.status, swap.body)
	}
	c := s.Credentials("pesaway-ke")
	body := `{"consumer_key":"` + c["client_id"] + `","consumer_secret":"` + c["client_secret"] + `","grant_type":"client_credentials"}`
	if r := must(t, "POST", url+"/pesaway-ke/api/v1/token/", body, map[string]string{"Content-Type": "application/json", "X-Region": "ke"}); r.status != 200 {
		t.Errorf("pesaway: %d %s", r.status, r.body)
	}
	c = s.Credentials("pivot-id")
	if r := must(t, "POST", url+"/pivot-id/v1/access-token", `{"grantType":"client_credentials"}`, map[string]string{
		"Content-Type": "application/json", "X-MERCHANT-ID": c["client_id"], "X-MERCHANT-SECRET": c["client_secret"],
	}); r.status != 200 {
		t.Errorf("pivot: %d %s", r.status, r.body)
	}
	if r := must(t, "GET", url+"/pawapay-xx/v2/deposits/1", "", nil); r.status != 404 || !bytes.Contains(r.body, []byte("pawapay-zm")) {
		t.Errorf("an unknown account is not told the known ones: %d %s", r.status, r.body)
	}
}

func TestCredentialsFollowFromSeedAndName(t *testing.T) {
	t.Parallel()
	w := world(t)
	one, _ := up(t, w, sandbox.Options{Seed: 1})
	same, _ := up(t, w, sandbox.Options{Seed: 1})
	other, _ := up(t, w, sandbox.Options{Seed: 2, Credentials: map[string]map[string]string{"pawapay-ug": {"token": "mine"}}})
	token := one.Credentials("pawapay-zm")["token"]
	if token == "" || token != same.Credentials("pawapay-zm")["token"] {
		t.Error("the same seed gives other credentials")
	}
	if token == other.Credentials("pawapay-zm")["token"] || token == one.Credentials("pawapay-ug")["token"] {
		t.Error("two accounts or seeds share a token")
	}
	if other.Credentials("pawapay-ug")["token"] != "mine" {
		t.Error("given credentials are not taken")
	}
	if one.Credentials("nobody") != nil {
		t.Error("an unknown account has credentials")
	}
}

func TestWorldsThatCannotBeServedAreRefused(t *testing.T) {
	t.Parallel()
	for name, accounts := range map[string][]corpus.Account{
		"unknown type": {{Name: "a", Type: "mpesa"}},
		"same name":    {{Name: "a", Type: corpus.Pivot}, {Name: "a", Type: corpus.Pivot}},
		"no name":      {{Type: corpus.Pivot}},
		"no path":      {{Name: "a/b", Type: corpus.Pivot}},
		"control":      {{Name: "_control", Type: corpus.Pivot}},
	} {
		if _, err := sandbox.New(corpus.World{Accounts: accounts}, sandbox.Options{}); err == nil {
			t.Errorf("%s: served", name)
		}
	}
}

func TestServesOnAFreePortUntilTheContextEnds(t *testing.T) {
	t.Parallel()
	w := world(t)
	var config bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	base, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- sandbox.Run(ctx, sandbox.RunOptions{Addr: "127.0.0.1:0", World: w, Out: &config, Ready: func(b string) { base <- b }})
	}()
	var url string
	select {
	case url = <-base:
	case err := <-done:
		t.Fatal(err)
	}
	var c struct {
		Providers []struct {
			Name, Type  string
			BaseURL     string `yaml:"base_url"`
			Credentials map[string]string
		}
	}
	if err := yaml.Unmarshal(config.Bytes(), &c); err != nil || len(c.Providers) != len(w.Accounts) {
		t.Fatalf("%v in %s", err, config.String())
	}
	p := c.Providers[0]
	if p.BaseURL != url+"/pawapay-zm" {
		t.Errorf("base URL %q at %q", p.BaseURL, url)
	}
	r := must(t, "GET", p.BaseURL+"/v2/deposits/"+deposit(t, w, p.Name).ID, "", map[string]string{"Authorization": "Bearer " + p.Credentials["token"]})
	if r.status != 200 {
		t.Errorf("with the printed credentials: %d", r.status)
	}
	addr := strings.TrimPrefix(url, "http://")
	if err := sandbox.Run(t.Context(), sandbox.RunOptions{Addr: addr, World: w}); err == nil {
		t.Error("two servers on one port")
	}
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("stopped with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("does not stop")
	}
}

func TestAConfigurationThatCannotBeWrittenStopsTheServer(t *testing.T) {
	t.Parallel()
	err := sandbox.Run(t.Context(), sandbox.RunOptions{Addr: "127.0.0.1:0", World: world(t), Out: full{}})
	if err == nil || !strings.Contains(err.Error(), "short write") {
		t.Errorf("got %v", err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestHelpShowsFaultsThatCanBeRead(t *testing.T) {
	t.Parallel()
	_, after, _ := strings.Cut(sandbox.Help, "  faults:\n")
	example, _, found := strings.Cut(after, "\n\n")
	if !found {
		t.Fatal("no example in the help")
	}
	file := filepath.Join(t.TempDir(), "faults.yaml")
	if err := os.WriteFile(file, []byte("  faults:\n"+example), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := sandbox.ReadFaults(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Requests) != 5 || len(f.Lists) != 1 {
		t.Errorf("read %d and %d", len(f.Requests), len(f.Lists))
	}
	if _, err := sandbox.New(world(t), sandbox.Options{Faults: f}); err != nil {
		t.Error(err)
	}
	for _, route := range []string{"GET    /_control/accounts", "X-Sandbox-Fault", "--faults"} {
		if !strings.Contains(sandbox.Help, route) {
			t.Errorf("help does not name %s", route)
		}
	}
}

func TestFaultsInJSONAreReadAndMistakesNamed(t *testing.T) {
	t.Parallel()
	write := func(text string) string {
		file := filepath.Join(t.TempDir(), "f.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	f, err := sandbox.ReadFaults(write(`{"faults": [{"account": "pivot-id", "latency": "50ms", "every": 2}]}`))
	if err != nil || len(f.Requests) != 1 || f.Requests[0].Latency != 50*time.Millisecond {
		t.Errorf("%+v, %v", f, err)
	}
	if _, err := sandbox.ReadFaults(write(`{"faults": [{"stauts": 503}]}`)); err == nil || !strings.Contains(err.Error(), "stauts") {
		t.Errorf("an unknown key: %v", err)
	}
	for text, word := range map[string]string{
		`{"faults": [{"account": "nobody", "status": 503}]}`: "nobody",
		`{"faults": [{"account": "pivot-id"}]}`:              "nothing",
		`{"faults": [{"status": 99}]}`:                       "99",
		`{"faults": [{"status": 503, "probability": 2}]}`:    "probability",
		`{"faults": [{"status": 503, "path": "[" }]}`:        "path",
		`{"faults": [{"retry_after": "3"}]}`:                 "status",
		`{"lists": [{"account": "x", "repeat_rows": 1}]}`:    "x",
	} {
		err := sandbox.Run(t.Context(), sandbox.RunOptions{Addr: "127.0.0.1:0", World: world(t), FaultsFile: write(text)})
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func decode[T any](t *testing.T, raw []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return v
}
