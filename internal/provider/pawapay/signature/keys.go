package signature

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"sync"
	"time"
)

// KeySource finds the public key that a message names. ErrUnknownKey, wrapped,
// means that there is none of that name.
type KeySource interface {
	Key(ctx context.Context, id string) (crypto.PublicKey, error)
}

// ErrUnknownKey means that nobody published the key that a message names.
var ErrUnknownKey = errors.New("unknown key")

// FixedKeys is a KeySource that never changes.
type FixedKeys map[string]crypto.PublicKey

// Key implements KeySource.
func (k FixedKeys) Key(_ context.Context, id string) (crypto.PublicKey, error) {
	if key, ok := k[id]; ok {
		return key, nil
	}
	return nil, fmt.Errorf("%w %q", ErrUnknownKey, id)
}

// ParseKeys reads the answer of GET /v2/public-key/http: a list of ids and
// keys in PEM. A key of a kind that is not known is left out, so that a new
// kind does not take the others away.
func ParseKeys(body []byte) (FixedKeys, error) {
	var list []struct {
		ID  string `json:"id"`
		Key string `json:"key"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, errors.New("the list of public keys can't be read")
	}
	keys := FixedKeys{}
	for _, k := range list {
		block, _ := pem.Decode([]byte(k.Key))
		if block == nil || k.ID == "" {
			continue
		}
		if public, err := x509.ParsePKIXPublicKey(block.Bytes); err == nil {
			keys[k.ID] = public
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the list of public keys holds no usable key")
	}
	return keys, nil
}

// ParsePrivateKey reads a private key in PEM: PKCS #8, SEC 1 or PKCS #1.
func ParsePrivateKey(text string) (crypto.Signer, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("the signing key is no PEM")
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		if signer, ok := key.(crypto.Signer); ok {
			return signer, nil
		}
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	return nil, errors.New("the signing key is of no known kind (wanted: PKCS #8, SEC 1 or PKCS #1, unencrypted)") // without the parser's words, which may quote it
}

// How long published keys are believed, and how soon an unknown id may make
// them be fetched again.
const (
	keyLife     = 24 * time.Hour
	keyInterval = time.Minute
)

// PublishedKeys is a KeySource that fetches keys and follows their rotation: an
// id that is not known makes it fetch again, at most once a minute, so that
// forged ids make no load. A key that is not published any more is not
// believed after the next fetch, at the latest after a day. It may be used by
// many goroutines.
type PublishedKeys struct {
	fetch func(context.Context) ([]byte, error)
	now   func() time.Time

	mu      sync.Mutex
	keys    FixedKeys
	fetched time.Time // last success
	tried   time.Time // last attempt
}

// NewPublishedKeys makes a PublishedKeys. fetch returns the body of
// GET /v2/public-key/http.
func NewPublishedKeys(fetch func(context.Context) ([]byte, error), now func() time.Time) *PublishedKeys {
	return &PublishedKeys{fetch: fetch, now: now}
}

// Key implements KeySource. An error that is not ErrUnknownKey means that the
// keys could not be fetched and nothing is known.
func (p *PublishedKeys) Key(ctx context.Context, id string) (crypto.PublicKey, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	fresh := p.keys != nil && now.Sub(p.fetched) < keyLife
	if fresh {
		if key, ok := p.keys[id]; ok {
			return key, nil
		}
	}
	if !p.tried.IsZero() && now.Sub(p.tried) < keyInterval {
		if fresh {
			return p.keys.Key(ctx, id)
		}
		return nil, errors.New("the public keys could not be fetched a moment ago")
	}
	p.tried = now
	body, err := p.fetch(ctx)
	if err != nil {
		return nil, fmt.Errorf("fetch the public keys: %w", err)
	}
	keys, err := ParseKeys(body)
	if err != nil {
		return nil, fmt.Errorf("fetch the public keys: %w", err)
	}
	p.keys, p.fetched = keys, now
	return keys.Key(ctx, id)
}
