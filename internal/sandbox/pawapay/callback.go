package pawapay

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"tieout/internal/corpus"
	"tieout/internal/sandbox/state"
)

// keyID names the key by which callbacks are signed.
const keyID = "HTTP_EC_P256_KEY:1"

// Callback is what is posted to address once a payment is final, signed as
// RFC 9421 has it. It leaves out clientReferenceId, as the real one does.
func Callback(a *state.Account, t corpus.Transaction, address string) (state.Callback, bool, error) {
	path := "deposits"
	if t.Kind == "payout" {
		path = "payouts"
	}
	it := itemOf(path, t)
	if it.status != "COMPLETED" && it.status != "FAILED" {
		return state.Callback{}, false, nil
	}
	body := it.v2()
	delete(body, "clientReferenceId")
	c, err := state.NewCallback(t, body)
	if err != nil {
		return c, false, err
	}
	key, err := signingKey(a)
	if err != nil {
		return c, false, err
	}
	return c, true, sign(c, address, key)
}

// signingKey is the account's, the same for the same token.
func signingKey(a *state.Account) (*ecdsa.PrivateKey, error) {
	seed := sha256.Sum256([]byte("callbacks " + a.Credentials["token"]))
	seed[0] &= 0x7f // below the order of the curve
	return ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:])
}

// sign adds the headers of a signature that holds for a minute.
func sign(c state.Callback, address string, key *ecdsa.PrivateKey) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("callbacks are posted to an https address, not to %q", address)
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	sum := sha512.Sum512(c.Body)
	c.Header.Set("Content-Digest", "sha-512=:"+base64.StdEncoding.EncodeToString(sum[:])+":")
	c.Header.Set("Signature-Date", c.At.Format("2006-01-02T15:04:05.000000Z"))
	params := fmt.Sprintf(`("@method" "@authority" "@path" "signature-date" "content-digest" "content-type");alg="ecdsa-p256-sha256";keyid=%q;created=%d;expires=%d`,
		keyID, c.At.Unix(), c.At.Unix()+60)
	base := strings.Join([]string{
		`"@method": POST`, `"@authority": ` + strings.ToLower(u.Host), `"@path": ` + path, `"signature-date": ` + c.Header.Get("Signature-Date"),
		`"content-digest": ` + c.Header.Get("Content-Digest"), `"content-type": ` + c.Header.Get("Content-Type"), `"@signature-params": ` + params,
	}, "\n")
	hashed := sha256.Sum256([]byte(base))
	sig, err := key.Sign(nil, hashed[:], crypto.SHA256) // DER, as pawaPay's own examples write it
	if err != nil {
		return err
	}
	c.Header.Set("Signature-Input", "sig-pp="+params)
	c.Header.Set("Signature", "sig-pp=:"+base64.StdEncoding.EncodeToString(sig)+":")
	return nil
}

// publicKeys answers GET /public-key/http.
func (s *server) publicKeys(w http.ResponseWriter, version int) {
	key, err := signingKey(s.Account)
	if err != nil {
		refuse(w, version, http.StatusInternalServerError, "UNKNOWN_ERROR", "There is no key.")
		return
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		refuse(w, version, http.StatusInternalServerError, "UNKNOWN_ERROR", "There is no key.")
		return
	}
	reply(w, http.StatusOK, []map[string]string{{"id": keyID, "key": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))}})
}
