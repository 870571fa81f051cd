package state

import (
	"crypto/hmac"
	"encoding/json"
	"hash"
	"net/http"
	"time"

	"tieout/internal/corpus"
)

// Callback is what the provider posts to the merchant when a transaction has
// become final.
type Callback struct {
	At     time.Time
	Header http.Header
	Body   []byte
}

// NewCallback makes the callback about a transaction, a moment after it became
// final, with body as its JSON.
func NewCallback(t corpus.Transaction, body any) (Callback, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return Callback{}, err
	}
	at := t.CompletedAt
	if at.IsZero() {
		at = t.CreatedAt.Add(time.Minute)
	}
	return Callback{At: at.Add(2 * time.Second).UTC(), Header: http.Header{"Content-Type": {"application/json"}}, Body: raw}, nil
}

// Sign adds a header with the HMAC of the body under key, where there is one.
func (c Callback) Sign(name, key string, newHash func() hash.Hash, encode func([]byte) string) {
	if key == "" {
		return
	}
	m := hmac.New(newHash, []byte(key))
	_, _ = m.Write(c.Body) // a hash never fails
	c.Header.Set(name, encode(m.Sum(nil)))
}
