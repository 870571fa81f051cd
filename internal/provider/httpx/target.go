package httpx

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// target is a request with everything checked, ready to be sent several times.
type target struct {
	Request
	url     *url.URL
	op      string // for errors
	path    string // for the evidence
	timeout time.Duration
	maxBody int64
	guarded bool // the circuit breaker counts it
}

func (c *Client) prepare(r Request) (*target, error) {
	d := &target{Request: r, timeout: c.cfg.Timeout, maxBody: c.cfg.MaxBody}
	if r.Timeout > 0 {
		d.timeout = r.Timeout
	}
	if r.MaxBody > 0 {
		d.maxBody = r.MaxBody
	}
	if r.Foreign != "" {
		u, err := url.Parse(r.Foreign)
		d.op = r.Method + " (download)"
		if err != nil || u.Host == "" || u.User != nil || !safeScheme(u) {
			return nil, &Error{Op: d.op, Reason: "the link is no https address", Err: errBadURL}
		}
		u.Fragment, u.RawFragment = "", ""
		d.url, d.path, d.Header = u, u.EscapedPath(), nil
		return d, nil
	}
	d.op = r.Method + " " + withoutIDs(r.Path)
	u, err := join(c.base, r.Path)
	if err != nil {
		return nil, &Error{Op: d.op, Reason: err.Error(), Err: errBadURL}
	}
	u.RawQuery = r.Query.Encode()
	d.url, d.path, d.guarded = u, r.Path, true
	return d, nil
}

var errBadURL = errors.New("bad address")

func parseBase(text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(text, "/"))
	switch {
	case err != nil:
		return nil, errors.New("the base URL can't be read") // the text of err would repeat it
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return nil, errors.New("the base URL must be absolute, such as https://api.example.com")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("the base URL must have no user, query or fragment")
	case !safeScheme(u):
		return nil, errors.New("the base URL must be https (http is for loopback hosts only)")
	}
	return u, nil
}

func safeScheme(u *url.URL) bool {
	return u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname())
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// join sets an escaped path behind the base. What would name another resource
// than its segments say (an id that was not escaped, dot segments that a server
// or a gateway resolves) is refused.
func join(base *url.URL, path string) (*url.URL, error) {
	if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "?#") {
		return nil, errors.New("the path is not escaped")
	}
	plain, err := url.PathUnescape(path)
	if err != nil {
		return nil, errors.New("the path is not escaped")
	}
	// Gateways may unescape twice before they resolve dot segments.
	for range 2 {
		for _, s := range strings.FieldsFunc(plain, func(r rune) bool { return r == '/' || r == '\\' }) {
			if s == "." || s == ".." {
				return nil, errors.New("the id can't be part of a path")
			}
		}
		twice, err := url.PathUnescape(plain)
		if err != nil {
			break
		}
		plain = twice
	}
	if strings.ContainsFunc(plain, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return nil, errors.New("the id can't be part of a path")
	}
	u, err := url.Parse(base.String() + path)
	if err != nil || u.Host != base.Host {
		return nil, errors.New("the path is not escaped")
	}
	return u, nil
}

// withoutIDs replaces each segment of a path that doesn't look like a word of
// an API, so that errors of one kind read alike and tell nothing.
func withoutIDs(path string) string {
	path, _, _ = strings.Cut(path, "?")
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if !apiWord(s) {
			segments[i] = "{id}"
		}
	}
	return strings.Join(segments, "/")
}

func apiWord(s string) bool {
	if len(s) == 2 && s[0] == 'v' && s[1] >= '0' && s[1] <= '9' {
		return true
	}
	if len(s) > 24 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// retryAfter reads the header in both of its forms. A date is taken against the
// server's own clock where the answer shows it.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text == "" {
		return 0, false
	}
	if strings.Trim(text, "0123456789") == "" {
		if len(text) > 6 {
			return 1e6 * time.Second, true // longer than any budget, without overflow
		}
		d, err := time.ParseDuration(text + "s")
		return d, err == nil
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return max(0, at.Sub(now)), true
}
