package signature

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"

	"github.com/dunglas/httpsfv"
)

// The digests that RFC 9530 counts as active.
const (
	SHA256 = "sha-256"
	SHA512 = "sha-512"
)

func digest(name string, body []byte) ([]byte, bool) {
	switch name {
	case SHA256:
		sum := sha256.Sum256(body)
		return sum[:], true
	case SHA512:
		sum := sha512.Sum512(body)
		return sum[:], true
	}
	return nil, false
}

// contentDigest writes the header Content-Digest.
func contentDigest(name string, body []byte) (string, error) {
	sum, ok := digest(name, body)
	if !ok {
		return "", fmt.Errorf("digest %q is not supported", name)
	}
	d := httpsfv.NewDictionary()
	d.Add(name, httpsfv.NewItem(sum))
	return httpsfv.Marshal(d)
}

// verifyDigest holds the header Content-Digest against the body: every digest
// that is known must fit, and at least one must be known.
func verifyDigest(h http.Header, body []byte) error {
	d, err := httpsfv.UnmarshalDictionary(h.Values("Content-Digest"))
	if err != nil {
		return errors.New("Content-Digest can't be read")
	}
	known := false
	for _, name := range d.Names() {
		want, ok := digest(name, body)
		if !ok {
			continue
		}
		known = true
		member, _ := d.Get(name)
		item, isItem := member.(httpsfv.Item)
		given, isBytes := item.Value.([]byte)
		if !isItem || !isBytes || subtle.ConstantTimeCompare(given, want) != 1 {
			return fmt.Errorf("the body does not fit its digest %s", name)
		}
	}
	if !known {
		return errors.New("Content-Digest has no digest of a known kind")
	}
	return nil
}
