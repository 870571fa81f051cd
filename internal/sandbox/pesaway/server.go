// Package pesaway is a PesaWay that serves the transactions of a
// state.Account: tokens, status queries, pull-transactions and the balance. It
// follows PesaWay's pages and captures of integrators; what nobody documents is a choice in Config.
//
// Money can't be moved here: the paths that initiate payments are unknown.
package pesaway

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"tieout/internal/sandbox/state"
)

// TokenShape is one of the three forms that token answers have in the wild.
type TokenShape int

// The shapes that integrators have met.
const (
	TokenTopLevel   TokenShape = iota // access_token and expires_in
	TokenUnderData                    // data.token, without an expiry
	TokenWithExpiry                   // access_token, token_type and expires_at
)

// Config chooses among the forms in which PesaWay is seen. Its zero value is
// the newest one.
type Config struct {
	// Region that X-Region must name; empty: any known one.
	Region string
	// NoRegion makes it an API of generation A or B, which knows no X-Region.
	NoRegion bool
	// TokenShape of the token answers, and TokenLifetime (0: an hour).
	TokenShape    TokenShape
	TokenLifetime time.Duration
	// ErrorsAsOK answers every error of the envelope with HTTP 200.
	ErrorsAsOK bool
	// DataEnvelope puts status answers under "data".
	DataEnvelope bool
	// UnrelatedReferences gives list rows a Reference that is not the
	// transaction's id; otherwise it is the id.
	UnrelatedReferences bool
	// Zone of StartDate and EndDate; nil: UTC+3.
	Zone *time.Location
}

// Handler serves the account in the form of the zero Config.
func Handler(a *state.Account) http.Handler { return Config{}.Handler(a) }

// Handler serves the account. The credentials client_id and client_secret of
// the account are those that the token call demands. Its answers depend only on
// the account, the requests and the account's clock.
func (c Config) Handler(a *state.Account) http.Handler {
	if c.TokenLifetime == 0 {
		c.TokenLifetime = time.Hour
	}
	if c.Zone == nil {
		c.Zone = time.FixedZone("EAT", 3*60*60)
	}
	s := &server{Config: c, a: a, lists: map[string][]row{}}
	s.routes = map[string]route{
		"/api/v1/token/": {methods: "POST", serve: s.token, open: true},
		"/api/v1/mobile-money/transaction-query/": {methods: "POST GET", serve: s.query(false)},
		"/api/v1/bank/transaction-query/":         {methods: "POST GET", serve: s.query(true)},
		"/api/v1/pull-transactions/":              {methods: "POST", serve: s.pull},
		"/api/v1/mobile-money/pull-transactions/": {methods: "POST", serve: s.pull},
		"/api/v1/account-balance/":                {methods: "POST GET", serve: s.balance},
	}
	return s
}

// route is a path with its last slash.
type route struct {
	methods string
	open    bool // needs no token
	serve   func(http.ResponseWriter, *http.Request)
}

// The regions that X-Region may name.
const regions = "ke ug tz zm gh cm"

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	rt, ok := s.routes[path]
	if !ok {
		if _, ok := s.routes[path+"/"]; ok {
			// As Django does: a client that follows loses method and body.
			w.Header().Set("Location", s.a.BaseURL+path+"/")
			w.WriteHeader(http.StatusMovedPermanently)
			return
		}
		html(w, http.StatusNotFound, "Not Found")
		return
	}
	if !rt.open {
		if !s.authorised(r) {
			s.fail(w, http.StatusUnauthorized, "401.001", "Missing authentication credentials")
			return
		}
		if !s.NoRegion && !s.regionKnown(r.Header.Get("X-Region")) {
			s.fail(w, http.StatusBadRequest, "400.001", "Invalid parameter: X-Region")
			return
		}
	}
	if !oneOf(rt.methods, r.Method) {
		w.Header().Set("Allow", strings.ReplaceAll(rt.methods, " ", ", "))
		reply(w, http.StatusMethodNotAllowed, map[string]string{"detail": "Method \"" + r.Method + "\" not allowed."})
		return
	}
	rt.serve(w, r)
}

func (s *server) regionKnown(region string) bool {
	if s.Region != "" {
		return region == s.Region
	}
	return oneOf(regions, region)
}

func oneOf(words, word string) bool {
	return word != "" && strings.Contains(" "+words+" ", " "+word+" ")
}

// fail sends the error envelope.
func (s *server) fail(w http.ResponseWriter, status int, code, description string) {
	if s.ErrorsAsOK {
		status = http.StatusOK
	}
	reply(w, status, map[string]string{"code": code, "description": description})
}

func reply(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		html(w, http.StatusInternalServerError, "Server Error")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b) // a client that has left is none of the server's concern
}

func html(w http.ResponseWriter, status int, title string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte("<!doctype html><html><head><title>" + title + "</title></head><body><h1>" + title + "</h1></body></html>"))
}

// readBody reads a JSON object of at most 64 KiB; it answers where it can't.
func (s *server) readBody(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(into); err != nil {
		s.fail(w, http.StatusBadRequest, "400.001", "Invalid parameter: the body is no JSON object")
		return false
	}
	return true
}
