package httpx

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// FuzzRetryAfter: whatever a server writes, the wait is not negative and no
// overflow makes it small.
func FuzzRetryAfter(f *testing.F) {
	f.Add("120", "")
	f.Add("Fri, 31 Dec 1999 23:59:59 GMT", "Fri, 31 Dec 1999 23:59:00 GMT")
	f.Add("99999999999999999999", "x")
	f.Add("-5", "")
	f.Add("1e9", "")
	now := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, after, date string) {
		d, ok := retryAfter(http.Header{"Retry-After": {after}, "Date": {date}}, now)
		switch {
		case d < 0 || !ok && d != 0:
			t.Errorf("%q: %s, %t", after, d, ok)
		case ok && len(after) > 9 && strings.Trim(after, "123456789") == "" && d < time.Hour:
			t.Errorf("%q: only %s", after, d)
		}
	})
}

// FuzzPath: what is asked for stays on the host and below the base, and is what
// was escaped.
func FuzzPath(f *testing.F) {
	for _, id := range []string{"a/../b", "..", "%2e%2e", "?x", "#", "//evil.example/", `\..\`, "\x00", "@evil.example", "%252e%252e", "ü", ":80"} {
		f.Add(id, true)
		f.Add(id, false)
	}
	base, err := parseBase("https://api.example.com/base")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, id string, escape bool) {
		path := "/v2/things/" + id
		if escape {
			path = "/v2/things/" + url.PathEscape(id)
		}
		u, err := join(base, path)
		if err != nil {
			return
		}
		if u.Host != base.Host || u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || !strings.HasPrefix(u.Path, "/base/v2/things/") {
			t.Errorf("%q leads to %s", id, u)
		}
		if escape && u.Path != "/base/v2/things/"+id {
			t.Errorf("%q became %q", id, u.Path)
		}
		_ = withoutIDs(path)
	})
}
