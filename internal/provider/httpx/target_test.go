package httpx

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestBaseURLsThatAreTakenAndRefused(t *testing.T) {
	t.Parallel()
	for base, ok := range map[string]bool{
		"https://api.example.com":               true,
		"https://api.example.com/base/":         true,
		"http://localhost:8080":                 true,
		"http://127.0.0.1:8080":                 true,
		"http://[::1]:8080":                     true,
		"http://api.example.com":                false,
		"http://10.0.0.1":                       false,
		"http://127.0.0.1.example.com":          false,
		"http://localhost.example.com":          false,
		"https://user:topsecret@localhost":      false,
		"https://api.example.com?k=v":           false,
		"https://api.example.com#f":             false,
		"ftp://localhost":                       false,
		"api.example.com":                       false,
		"https://":                              false,
		"":                                      false,
		"https://api.example.com:topsecret/%zz": false,
	} {
		_, err := New(Config{BaseURL: base})
		if (err == nil) != ok {
			t.Errorf("%q: %v", base, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error repeats it: %v", base, err)
		}
	}
}

func TestPathsReachTheServerAsTheyAreOrNotAtAll(t *testing.T) {
	t.Parallel()
	var got atomic.Value
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got.Store(r.RequestURI) }))
	t.Cleanup(srv.Close)
	c := client(t, srv.URL+"/base", Config{})
	for _, path := range []string{
		"/v2/deposits/0a3c7d52", "/v1/x/", "/v1/" + url.PathEscape("INV/2025 7?a=b#c%2f"), "/v1/" + url.PathEscape("@evil.example"), "//double", "/v1/a:b",
	} {
		got.Store("")
		if _, err := c.Do(t.Context(), Request{Path: path, Query: url.Values{"q": {"a b&c"}}}); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if want := "/base" + path + "?q=a+b%26c"; got.Load() != want {
			t.Errorf("asked for %q, want %q", got.Load(), want)
		}
	}
	sent := c.Requests()
	for _, path := range []string{
		"", "x", "@evil.example/x", "/v1/..", "/v1/../payouts", "/v1/./x", "/v1/" + url.PathEscape("../payouts"), "/v1/" + url.PathEscape(`..\payouts`),
		"/v1/%2e%2e/x", "/v1/%2e%2e%2fx", "/v1/%252e%252e%252fx", "/v1/a?b=c", "/v1/a#b", "/v1/%zz", "/v1/a%00b", "/v1/a%0d%0ab", "/v1/a\r\nX: y",
	} {
		_, err := c.Do(t.Context(), Request{Path: path})
		asError(t, err)
	}
	if c.Requests() != sent {
		t.Errorf("%d of the bad paths were asked for", c.Requests()-sent)
	}
}

func TestTimeLimitsOfEachPhaseHold(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	header := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(header.Close)
	body := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte("."))
			_ = http.NewResponseController(w).Flush()
			time.Sleep(10 * time.Millisecond)
		}
	}))
	t.Cleanup(body.Close)
	for _, tc := range []struct{ base, reason string }{
		{"https://" + silent.Addr().String(), "timed out (no connection)"},
		{header.URL, "timed out after 300ms (no answer)"},
		{body.URL, "timed out after 300ms (the answer broke off)"},
	} {
		c := client(t, tc.base, Config{Timeout: 300 * time.Millisecond, MaxAttempts: 1})
		start := time.Now()
		_, err := get(t.Context(), c)
		if e := asError(t, err); e.Reason != tc.reason {
			t.Errorf("got %q, want %q", e.Reason, tc.reason)
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("%s: took %s", tc.reason, d)
		}
	}
	c := client(t, header.URL, Config{Timeout: time.Hour, MaxAttempts: 1})
	_, err = c.Do(t.Context(), Request{Path: "/x", Timeout: 50 * time.Millisecond})
	if e := asError(t, err); e.Reason != "timed out after 50ms (no answer)" {
		t.Errorf("with a limit of its own: %v", err)
	}
}

func TestTheWaitAtTheRateLimitIsNoTimeOut(t *testing.T) {
	t.Parallel()
	c := serve(t, Config{RateLimit: 2, Timeout: 200 * time.Millisecond, MaxAttempts: 1}, func(http.ResponseWriter, *http.Request) {})
	for range 3 {
		if _, err := get(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
}

func TestServersThatCannotBeTrustedAreNotAsked(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	srv := httptest.NewUnstartedServer(answers(&n, 200))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	good := httptest.NewUnstartedServer(answers(&n, 200))
	good.Config.ErrorLog = log.New(io.Discard, "", 0)
	good.StartTLS()
	t.Cleanup(good.Close)
	plain := httptest.NewServer(answers(&n, 200))
	t.Cleanup(plain.Close)

	trust := func(c *Client, s *httptest.Server) *Client {
		pool := x509.NewCertPool()
		pool.AddCert(s.Certificate())
		tr, ok := c.transport.(*http.Transport)
		if !ok {
			t.Fatal("not the package's own transport")
		}
		tr.TLSClientConfig.RootCAs = pool
		return c
	}
	for name, c := range map[string]*Client{
		"not trusted":      client(t, good.URL, Config{}),
		"TLS":              client(t, strings.Replace(plain.URL, "http:", "https:", 1), Config{}),
		"protocol version": trust(client(t, srv.URL, Config{}), srv),
	} {
		_, err := get(t.Context(), c)
		if e := asError(t, err); !strings.Contains(e.Reason, name) {
			t.Errorf("%s: %v", name, err)
		}
		if n.Load() != 0 {
			t.Fatalf("%s: asked", name)
		}
	}
	if resp, err := get(t.Context(), trust(client(t, good.URL, Config{}), good)); err != nil || resp.Status != 200 {
		t.Errorf("a trusted server: got %d, %v", resp.Status, err)
	}
}

func TestNoProxyOfTheEnvironmentIsUsed(t *testing.T) {
	t.Parallel()
	c := client(t, "https://api.example.com", Config{Concurrency: 7})
	tr, ok := c.transport.(*http.Transport)
	if !ok {
		t.Fatal("not the package's own transport")
	}
	if tr.Proxy != nil {
		t.Error("a proxy may be used")
	}
	if tr.MaxIdleConnsPerHost != 7 || tr.MaxConnsPerHost != 7 {
		t.Errorf("%d idle and %d open connections, want 7", tr.MaxIdleConnsPerHost, tr.MaxConnsPerHost)
	}
}

func TestConnectionRefusedSaysSo(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	_, err := client(t, gone.URL, Config{MaxAttempts: 1}).Do(t.Context(), Request{Path: "/v2/deposits/7"})
	if err == nil || err.Error() != "GET /v2/deposits/{id}: connection refused" {
		t.Errorf("got %v", err)
	}
}
