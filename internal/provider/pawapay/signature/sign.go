package signature

import (
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/dunglas/httpsfv"
)

// Label names pawaPay's signature among those of a message.
const Label = "sig-pp"

// signatureDate is the form of the header Signature-Date.
const signatureDate = "2006-01-02T15:04:05.000000Z"

// Signer signs requests with the merchant's private key.
type Signer struct {
	// KeyID is the name under which the public key is registered with pawaPay.
	KeyID string
	Key   crypto.Signer
	// Algorithm is derived from the key when empty: RSA keys get rsa-pss-sha512.
	Algorithm Algorithm
	// Digest is SHA512 when empty.
	Digest string
	// Raw writes ECDSA signatures as RFC 9421 has them instead of as DER.
	Raw bool
	// Life is how long a signature holds; a minute when zero.
	Life time.Duration
	Now  func() time.Time
}

// covered are the components that pawaPay's own examples sign.
var covered = []string{"@method", "@authority", "@path", "signature-date", "content-digest", "content-type"}

// Sign adds the headers Content-Digest, Signature-Date, Signature-Input and
// Signature to m, which must have its Content-Type. m.Header is changed.
func (s *Signer) Sign(m Message) error {
	algorithm, err := s.algorithm()
	if err != nil {
		return err
	}
	if m.Header == nil || m.Status != 0 {
		return errors.New("only a request with headers can be signed")
	}
	name := s.Digest
	if name == "" {
		name = SHA512
	}
	sum, err := contentDigest(name, m.Body)
	if err != nil {
		return err
	}
	life := s.Life
	if life == 0 {
		life = time.Minute
	}
	now := s.Now().UTC()
	m.Header.Set("Content-Digest", sum)
	m.Header.Set("Signature-Date", now.Format(signatureDate))

	list := httpsfv.InnerList{Params: httpsfv.NewParams()}
	for _, c := range covered {
		list.Items = append(list.Items, httpsfv.NewItem(c))
	}
	list.Params.Add("alg", string(algorithm))
	list.Params.Add("keyid", s.KeyID)
	list.Params.Add("created", now.Unix())
	list.Params.Add("expires", now.Add(life).Unix())
	base, err := m.base(list)
	if err != nil {
		return err
	}
	sig, err := algorithm.sign(s.Key, base, s.Raw)
	if err != nil {
		return err
	}
	if err := setMember(m.Header, "Signature-Input", list); err != nil {
		return err
	}
	return setMember(m.Header, "Signature", httpsfv.NewItem(sig))
}

func (s *Signer) algorithm() (Algorithm, error) {
	if s.Key == nil || s.KeyID == "" || s.Now == nil {
		return "", errors.New("a signer needs a key, its id and a clock")
	}
	a := s.Algorithm
	if a == "" {
		if a = algorithmOf(s.Key.Public()); a == "" {
			a = RSAPSS
		}
	}
	if !a.fits(s.Key.Public()) {
		return "", fmt.Errorf("the signing key can't be used with algorithm %q (wanted: P-256, P-384, or RSA of 2048 bits or more)", string(a))
	}
	return a, nil
}

func setMember(h http.Header, name string, value httpsfv.Member) error {
	d := httpsfv.NewDictionary()
	d.Add(Label, value)
	text, err := httpsfv.Marshal(d)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	h.Set(name, text)
	return nil
}
