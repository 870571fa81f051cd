// Package callback holds what every provider's callbacks have in common: the
// raw message as the merchant's endpoint received it, the file of such messages,
// and the comparisons by which a message proves who sent it. What a provider's
// message says, and which proof it demands, is known to its own package.
package callback

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"sort"
	"strings"
	"time"
)

// Raw is one message as the merchant's endpoint received it.
type Raw struct {
	ReceivedAt time.Time
	Header     http.Header
	// Body holds the exact bytes: signatures are made over them.
	Body []byte
}

// Key is the SHA-256 (hex) of the whole message, the time among it: the same
// message in the same file has the same key, one that came twice has two.
func (r Raw) Key() string {
	h := sha256.New()
	names := make([]string, 0, len(r.Header))
	for name := range r.Header {
		names = append(names, name)
	}
	sort.Strings(names)
	_, _ = fmt.Fprintf(h, "%s\n", r.ReceivedAt.UTC().Format(time.RFC3339Nano)) // a hash never fails
	for _, name := range names {
		_, _ = fmt.Fprintf(h, "%q: %q\n", name, r.Header[name])
	}
	_, _ = h.Write(r.Body)
	return hex.EncodeToString(h.Sum(nil))
}

// ParseHeader reads headers written as a JSON object: a name with its value, or
// with a list of its values. Nothing, and null, are no headers.
func ParseHeader(raw json.RawMessage) (http.Header, error) {
	var fields map[string]json.RawMessage
	if len(raw) > 0 && json.Unmarshal(raw, &fields) != nil {
		return nil, errors.New("headers is not an object of names and values")
	}
	out := http.Header{}
	for name, value := range fields {
		var one string
		var many []string
		switch {
		case strings.TrimSpace(name) == "":
			return nil, errors.New("headers has a name that is empty")
		case json.Unmarshal(value, &one) == nil:
			out.Add(name, one)
		case json.Unmarshal(value, &many) == nil:
			for _, v := range many {
				out.Add(name, v)
			}
		default:
			return nil, fmt.Errorf("header %s is neither a text nor a list of texts", clip(name))
		}
	}
	return out, nil
}

// SignedHex tells whether signature is the HMAC of body in hexadecimal digits
// of either case. The key is used as the text that it is.
func SignedHex(newHash func() hash.Hash, key string, body []byte, signature string) bool {
	given, err := hex.DecodeString(strings.TrimSpace(signature))
	return err == nil && hmac.Equal(given, sum(newHash, key, body))
}

// SignedBase64 tells whether signature is the HMAC of body in base64.
func SignedBase64(newHash func() hash.Hash, key string, body []byte, signature string) bool {
	given, err := base64.StdEncoding.DecodeString(strings.TrimSpace(signature))
	return err == nil && hmac.Equal(given, sum(newHash, key, body))
}

func sum(newHash func() hash.Hash, key string, body []byte) []byte {
	m := hmac.New(newHash, []byte(key))
	_, _ = m.Write(body) // a hash never fails
	return m.Sum(nil)
}

// SameKey compares a static key in constant time; an empty one is never right.
func SameKey(want, given string) bool {
	a, b := sha256.Sum256([]byte(want)), sha256.Sum256([]byte(given))
	return want != "" && subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// clip keeps a hostile value from filling a sentence.
func clip(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
