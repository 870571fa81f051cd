// Package pivot serves the read side of Pivot's API over the transactions of a
// sandbox account: payment sessions and charges, payouts, refunds, customers,
// balances and the balance history.
//
// The truth is rendered by Status, or by Pivot's own word in RawStatus. Beyond
// that:
//
//   - a deposit with an account is paid by e-wallet, one with only a customer by
//     card, any other one by virtual account or QR; what a customer pays with is
//     to be saved, and is stored where SavedMethod says so;
//   - deposits of one reference whose RawStatus is ACTIVE or INACTIVE are the
//     charges of one MULTIPLE session, which has the id of the oldest;
//   - payouts of one ID are the items of one batch; one that waits for a top-up
//     parks the batch;
//   - endings of a reference make its record misbehave: -SHORT (1,000 less is
//     captured), -GHOST (unknown), -META (other metadata), -REFX (the charge
//     carries another reference), -NOTOK (nothing is stored), -INVEST (under
//     investigation), -SLOW (open for three polls), -429 and -500 (once),
//     -HTML (a proxy's 502 page, always).
package pivot

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"tieout/internal/sandbox/state"
)

const tokenLife = 900 // seconds

// Handler serves the account.
func Handler(a *state.Account) http.Handler {
	return &server{account: a, tokens: map[string]issued{}}
}

type server struct {
	account *state.Account

	mu     sync.Mutex
	tokens map[string]issued
}

// issued is an access token: it ends with its time or with the credentials
// that it was given for.
type issued struct {
	until time.Time
	to    string
}

// ServeHTTP takes the path apart before unescaping it, as ids may carry slashes.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var path []string
	for _, part := range strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/") {
		p, err := url.PathUnescape(part)
		if err != nil {
			notFound().send(w)
			return
		}
		path = append(path, p)
	}
	s.serve(path, r).send(w)
}

func (s *server) serve(path []string, r *http.Request) answer {
	const resourceAt, idAt = 2, 3
	at := strings.Join(path[:min(len(path), resourceAt)], "/")
	if at == "v1/access-token" && len(path) == resourceAt {
		if r.Method != http.MethodPost {
			return wrongMethod()
		}
		return s.issue(r)
	}
	type route struct {
		list func(url.Values) answer
		one  func(id string, q url.Values) answer
	}
	routes := map[string]route{
		"v2/payments":          {list: s.sessions, one: s.session},
		"v2/charges":           {list: s.charges},
		"v1/payouts":           {one: s.payout},
		"v1/balances":          {list: s.balance},
		"v1/balance-histories": {list: s.history},
		"v1/refunds":           {list: s.refunds, one: s.refund},
		"v1/customers":         {one: s.customer},
	}
	to := routes[at]
	var handle func() answer
	switch {
	case len(path) == resourceAt && to.list != nil:
		handle = func() answer { return to.list(r.URL.Query()) }
	case len(path) == idAt && to.one != nil && path[resourceAt] != "":
		handle = func() answer { return to.one(path[resourceAt], r.URL.Query()) }
	default:
		return notFound()
	}
	if !s.admitted(r) {
		return failed(http.StatusUnauthorized, "credentials_invalid", "Credentials invalid")
	}
	if r.Method != http.MethodGet {
		return wrongMethod()
	}
	return handle()
}

// issue answers a request for an access token.
func (s *server) issue(r *http.Request) answer {
	const most = 1 << 16
	raw, err := io.ReadAll(io.LimitReader(r.Body, most))
	if err != nil || len(raw) == 0 {
		return failed(http.StatusBadRequest, "api_validation_error", "unexpected end of input")
	}
	var body struct {
		GrantType string `json:"grantType"`
	}
	if json.Unmarshal(raw, &body) != nil {
		return failed(http.StatusBadRequest, "api_validation_error", "malformed JSON")
	}
	if body.GrantType != "client_credentials" {
		return invalidField("grantType", "grantType is required")
	}
	if !same(r.Header.Get("X-MERCHANT-ID"), s.account.Credentials["client_id"]) ||
		!same(r.Header.Get("X-MERCHANT-SECRET"), s.account.Credentials["client_secret"]) {
		return failed(http.StatusUnauthorized, "credentials_invalid", "Credentials invalid")
	}
	token := "eyJ0eXAi." + hash("token", s.account.Name, fmt.Sprint(s.account.Asked("tokens"))) + ".sandbox"
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[token] = issued{until: s.account.Now().Add(tokenLife * time.Second), to: s.holder()}
	return found(fields{"accessToken": token, "expiresIn": fmt.Sprint(tokenLife), "tokenType": "Bearer"})
}

func same(a, b string) bool { return b != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func (s *server) admitted(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	defer s.mu.Unlock()
	given, known := s.tokens[token]
	return ok && known && s.account.Now().Before(given.until) && given.to == s.holder()
}

// holder names the credentials that are valid now.
func (s *server) holder() string {
	return hash("holder", s.account.Credentials["client_id"], s.account.Credentials["client_secret"])
}

// hash makes what the truth doesn't say: the same for the same parts.
func hash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}

// uuidOf makes an id of the form that Pivot's have.
func uuidOf(parts ...string) string {
	h := hash(parts...)
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-8" + h[17:20] + "-" + h[20:32]
}

// digits makes n digits.
func digits(n int, parts ...string) string {
	out := make([]byte, n)
	for i, c := range []byte(hash(parts...))[:n] {
		out[i] = '0' + c%10
	}
	return string(out)
}

// choose takes one of the words.
func choose(words []string, parts ...string) string {
	return words[int(hash(parts...)[0])%len(words)]
}
