package config

import (
	"encoding/json"
	"net/url"
	"slices"
)

const hidden = "(hidden)"

// Secrets are the credentials of a provider, by name. However they are
// printed, only the names are shown.
type Secrets map[string]string

// names lists which credentials are given.
func (s Secrets) names() []string {
	out := make([]string, 0, len(s))
	for k := range s {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// String hides the values.
func (s Secrets) String() string { return hidden }

// GoString hides the values.
func (s Secrets) GoString() string { return hidden }

// MarshalJSON writes the names alone.
func (s Secrets) MarshalJSON() ([]byte, error) { return json.Marshal(s.names()) }

// String shows the database without user and password.
func (d Database) String() string { return place(d.URL) }

// GoString shows the database without user and password.
func (d Database) GoString() string { return d.String() }

// MarshalJSON shows the database without user and password.
func (d Database) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		URL, Dir string
		Migrate  bool
	}{place(d.URL), d.Dir, d.Migrate})
}

// String shows the ledger's database without user and password.
func (l Ledger) String() string { return place(l.URL) }

// GoString shows the ledger's database without user and password.
func (l Ledger) GoString() string { return l.String() }

// MarshalJSON shows the ledger's database without user and password.
func (l Ledger) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct{ URL, Query, Lookback, Writeback string }{place(l.URL), l.Query, l.Lookback.String(), l.Writeback})
}

// place says which database a connection URL names, and nothing else of it: any
// other part may be a secret.
func place(raw string) string {
	if raw == "" {
		return ""
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return hidden
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}
