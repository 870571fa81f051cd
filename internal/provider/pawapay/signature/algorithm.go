package signature

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
)

// Algorithm is a signature algorithm by its registered name.
type Algorithm string

// The algorithms that pawaPay knows.
const (
	ECDSAP256 Algorithm = "ecdsa-p256-sha256"
	ECDSAP384 Algorithm = "ecdsa-p384-sha384"
	RSAPSS    Algorithm = "rsa-pss-sha512"
	RSAv15    Algorithm = "rsa-v1_5-sha256"
)

// pssSaltLength is what RFC 9421 fixes for rsa-pss-sha512, in bytes.
const pssSaltLength = 64

// fits tells whether a key can be used with the algorithm. The algorithm in a
// message is only believed when it does.
func (a Algorithm) fits(public crypto.PublicKey) bool {
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		return a == ECDSAP256 && k.Curve == elliptic.P256() || a == ECDSAP384 && k.Curve == elliptic.P384()
	case *rsa.PublicKey:
		return (a == RSAPSS || a == RSAv15) && k.N.BitLen() >= 2048
	}
	return false
}

// algorithmOf is the one algorithm that a key can be used with; empty for RSA
// keys, which have two.
func algorithmOf(public crypto.PublicKey) Algorithm {
	for _, a := range []Algorithm{ECDSAP256, ECDSAP384} {
		if a.fits(public) {
			return a
		}
	}
	return ""
}

func (a Algorithm) hash(base string) (crypto.Hash, []byte) {
	switch a {
	case ECDSAP384:
		sum := sha512.Sum384([]byte(base))
		return crypto.SHA384, sum[:]
	case RSAPSS:
		sum := sha512.Sum512([]byte(base))
		return crypto.SHA512, sum[:]
	default:
		sum := sha256.Sum256([]byte(base))
		return crypto.SHA256, sum[:]
	}
}

var errSignature = errors.New("the signature does not fit the message")

// verify holds a signature against the signed text.
func (a Algorithm) verify(public crypto.PublicKey, base string, sig []byte) error {
	if !a.fits(public) {
		return fmt.Errorf("the key can't be used with algorithm %q", string(a))
	}
	hash, sum := a.hash(base)
	ok := false
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		ok = verifyECDSA(k, sum, sig)
	case *rsa.PublicKey:
		if a == RSAPSS {
			ok = rsa.VerifyPSS(k, hash, sum, sig, &rsa.PSSOptions{SaltLength: pssSaltLength}) == nil
		} else {
			ok = rsa.VerifyPKCS1v15(k, hash, sum, sig) == nil
		}
	}
	if !ok {
		return errSignature
	}
	return nil
}

// verifyECDSA reads both encodings: r and s side by side (RFC 9421), which have
// the curve's length exactly, and ASN.1 DER (pawaPay's own examples).
func verifyECDSA(k *ecdsa.PublicKey, sum, sig []byte) bool {
	size := (k.Params().BitSize + 7) / 8
	if len(sig) == 2*size {
		der, err := asn1.Marshal(rs{new(big.Int).SetBytes(sig[:size]), new(big.Int).SetBytes(sig[size:])})
		if err == nil && ecdsa.VerifyASN1(k, sum, der) {
			return true
		}
	}
	return len(sig) > 0 && sig[0] == 0x30 && ecdsa.VerifyASN1(k, sum, sig)
}

// rs is an ECDSA signature in ASN.1.
type rs struct{ R, S *big.Int }

// sign signs the text. raw asks for ECDSA's r and s side by side.
func (a Algorithm) sign(key crypto.Signer, base string, raw bool) ([]byte, error) {
	hash, sum := a.hash(base)
	var opts crypto.SignerOpts = hash
	if a == RSAPSS {
		opts = &rsa.PSSOptions{SaltLength: pssSaltLength, Hash: hash}
	}
	sig, err := key.Sign(rand.Reader, sum, opts)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	k, isECDSA := key.Public().(*ecdsa.PublicKey)
	if !isECDSA || !raw {
		return sig, nil
	}
	var pair rs
	if _, err := asn1.Unmarshal(sig, &pair); err != nil {
		return nil, fmt.Errorf("read the signature that was made: %w", err)
	}
	size := (k.Params().BitSize + 7) / 8
	out := make([]byte, 2*size)
	pair.R.FillBytes(out[:size])
	pair.S.FillBytes(out[size:])
	return out, nil
}
