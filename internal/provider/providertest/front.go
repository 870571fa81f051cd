package providertest

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// front stands before the API: it notes what is asked, and can answer instead.
type front struct {
	api   http.Handler
	token string // path of the token request

	mu      sync.Mutex
	seen    []request
	instead http.HandlerFunc
	atToken bool // instead answers token requests, not the others
}

type request struct {
	method, uri, bearer string
	token               bool
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	isToken := f.token != "" && r.URL.Path == f.token
	bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	f.mu.Lock()
	f.seen = append(f.seen, request{r.Method, r.RequestURI, bearer, isToken})
	serve := f.instead
	if serve == nil || f.atToken != isToken {
		serve = f.api.ServeHTTP
	}
	f.mu.Unlock()
	serve(w, r)
}

// answer makes front answer all but token requests (or only these); nil lets
// the API answer again.
func (f *front) answer(h http.HandlerFunc, atToken bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.instead, f.atToken = h, atToken
}

// requests returns what was asked since the last call of forget.
func (f *front) requests() []request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.seen)
}

func (f *front) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = nil
}

func (f *front) tokenRequests() int {
	n := 0
	for _, r := range f.requests() {
		if r.token {
			n++
		}
	}
	return n
}

func (f *front) tokens() []string {
	var out []string
	for _, r := range f.requests() {
		if r.bearer != "" && !slices.Contains(out, r.bearer) {
			out = append(out, r.bearer)
		}
	}
	return out
}

// shape is a request with the id taken out of its path and query: what may be
// asked for any id.
func (r request) shape(id string) string {
	u, err := url.ParseRequestURI(r.uri)
	if err != nil {
		return "unreadable: " + r.uri
	}
	segments := strings.Split(u.EscapedPath(), "/")
	for i, s := range segments {
		if plain, err := url.PathUnescape(s); err == nil && plain == id {
			segments[i] = "{id}"
		}
	}
	query := u.Query()
	keys := make([]string, 0, len(query))
	for k := range query {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return r.method + " " + strings.Join(segments, "/") + "?" + strings.Join(keys, "&")
}

// reply answers with a fixed body.
func reply(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body)) // a client that went away needs no answer
	}
}

// hang doesn't answer until the client gives up.
func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // before that a server doesn't notice that the client has gone
	<-r.Context().Done()
}

// drop breaks the connection off.
func drop(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
