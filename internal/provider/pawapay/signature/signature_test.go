package signature

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dunglas/httpsfv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var now = time.Date(2026, 3, 11, 8, 14, 5, 0, time.UTC)

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

func p256(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func request(body string) Message {
	return Message{
		Method: http.MethodPost, Scheme: "https", Authority: "api.pawapay.io", Path: "/v2/payouts",
		Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body),
	}
}

func signed(t *testing.T, s Signer, body string) Message {
	t.Helper()
	if s.KeyID == "" {
		s.KeyID = "K"
	}
	if s.Now == nil {
		s.Now = at(now)
	}
	m := request(body)
	require.NoError(t, s.Sign(m))
	return m
}

func verifier(key crypto.PublicKey) *Verifier {
	return &Verifier{Keys: FixedKeys{"K": key}, Now: at(now)}
}

func TestWhatIsSignedIsVerifiedWithEveryAlgorithmAndEncoding(t *testing.T) {
	t.Parallel()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	for name, s := range map[string]Signer{
		"P-256 as DER": {Key: p256(t)}, "P-256 raw": {Key: p256(t), Raw: true},
		"P-384 as DER": {Key: p384}, "P-384 raw": {Key: p384, Raw: true},
		"RSA-PSS": {Key: rsaKey}, "RSA v1.5": {Key: rsaKey, Algorithm: RSAv15},
		"sha-256": {Key: p256(t), Digest: SHA256},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := signed(t, s, `{"a":1}`)
			assert.NoError(t, verifier(s.Key.Public()).Verify(t.Context(), m))
			assert.Error(t, verifier(p256(t).Public()).Verify(t.Context(), m), "another key")
			m.Body = []byte(`{"a":2}`)
			assert.Error(t, verifier(s.Key.Public()).Verify(t.Context(), m), "another body")
		})
	}
}

func TestASignedRequestLooksAsDocumented(t *testing.T) {
	t.Parallel()
	m := signed(t, Signer{Key: p256(t), KeyID: "SHOP_KEY:1", Raw: true}, `{}`)
	assert.Equal(t, `sig-pp=("@method" "@authority" "@path" "signature-date" "content-digest" "content-type");alg="ecdsa-p256-sha256";keyid="SHOP_KEY:1";created=1773216845;expires=1773216905`,
		m.Header.Get("Signature-Input"))
	assert.Regexp(t, `^sig-pp=:[A-Za-z0-9+/]{86}==:$`, m.Header.Get("Signature"))
	assert.Regexp(t, `^sha-512=:[A-Za-z0-9+/]{86}==:$`, m.Header.Get("Content-Digest"))
	assert.Equal(t, "2026-03-11T08:14:05.000000Z", m.Header.Get("Signature-Date"))
}

func TestRawSignaturesHaveTheCurvesLengthWhateverTheirNumbers(t *testing.T) {
	t.Parallel()
	key := p256(t)
	for range 300 { // about one signature in 128 has a number with a leading zero byte
		sig, err := ECDSAP256.sign(key, "text", true)
		require.NoError(t, err)
		require.Len(t, sig, 64)
		require.NoError(t, ECDSAP256.verify(key.Public(), "text", sig))
	}
}

func TestSignaturesOutOfTimeAreRefused(t *testing.T) {
	t.Parallel()
	key := p256(t)
	m := signed(t, Signer{Key: key}, `{}`)
	for name, tc := range map[string]struct {
		now time.Time
		ok  bool
	}{
		"at once":                    {now, true},
		"clock a little behind":      {now.Add(-29 * time.Second), true},
		"clock far behind":           {now.Add(-31 * time.Second), false},
		"expired a moment ago":       {now.Add(89 * time.Second), true},
		"expired beyond the skew":    {now.Add(90 * time.Second), false},
		"a replay of the day before": {now.Add(24 * time.Hour), false},
	} {
		v := verifier(key.Public())
		v.Now = at(tc.now)
		assert.Equal(t, tc.ok, v.Verify(t.Context(), m) == nil, name)
	}
}

// resign signs what a test wants, as another sender might.
func resign(t *testing.T, key crypto.Signer, m Message, input string) Message {
	t.Helper()
	d, err := httpsfv.UnmarshalDictionary([]string{input})
	require.NoError(t, err)
	label := d.Names()[0]
	list, _ := d.Get(label)
	base, err := m.base(list.(httpsfv.InnerList))
	require.NoError(t, err)
	sig, err := algorithmOf(key.Public()).sign(key, base, false)
	require.NoError(t, err)
	m.Header.Set("Signature-Input", input)
	text, err := httpsfv.Marshal(httpsfv.NewItem(sig))
	require.NoError(t, err)
	m.Header.Set("Signature", label+"="+text)
	return m
}

func TestASignatureThatCoversTooLittleIsRefused(t *testing.T) {
	t.Parallel()
	key := p256(t)
	const end = `;created=1773216845;keyid="K"`
	for input, ok := range map[string]bool{
		`sig-pp=("@method" "@authority" "@path" "content-digest")` + end:                              true,
		`other=("@method" "@authority" "@path" "content-digest")` + end:                               true,
		`sig-pp=("@method" "@authority" "@path")` + end:                                               false,
		`sig-pp=("@method" "@authority" "content-digest")` + end:                                      false,
		`sig-pp=("@method" "@path" "content-digest")` + end:                                           false,
		`sig-pp=("@authority" "@path" "content-digest")` + end:                                        false,
		`sig-pp=("@method" "@authority" "@path" "content-digest");created=1773216845`:                 false, // no key
		`sig-pp=("@method" "@authority" "@path" "content-digest");keyid="K"`:                          false, // no time
		`sig-pp=("@method" "@authority" "@path" "content-digest");created=1773210000;keyid="K"`:       false, // too old, never expires
		`sig-pp=("@method" "@authority" "@path" "content-digest")` + end + `;alg="rsa-pss-sha512"`:    false, // another algorithm
		`sig-pp=("@method" "@authority" "@path" "content-digest")` + end + `;alg="hmac-sha256"`:       false,
		`sig-pp=("@method" "@authority" "@path" "content-digest")` + end + `;alg="ecdsa-p256-sha256"`: true,
	} {
		m := signed(t, Signer{Key: key}, `{}`)
		err := verifier(key.Public()).Verify(t.Context(), resign(t, key, m, input))
		assert.Equal(t, ok, err == nil, "%s: %v", input, err)
	}
}

func TestHeadersThatCannotBeReadAreRefused(t *testing.T) {
	t.Parallel()
	key := p256(t)
	for name, change := range map[string]func(http.Header){
		"no signature":        func(h http.Header) { h.Del("Signature") },
		"no input":            func(h http.Header) { h.Del("Signature-Input") },
		"garbled signature":   func(h http.Header) { h.Set("Signature", "sig-pp=:%%:") },
		"garbled input":       func(h http.Header) { h.Set("Signature-Input", "sig-pp=(") },
		"signature is text":   func(h http.Header) { h.Set("Signature", `sig-pp="x"`) },
		"input is an item":    func(h http.Header) { h.Set("Signature-Input", `sig-pp="x"`) },
		"other labels":        func(h http.Header) { h.Set("Signature-Input", `a=(), b=()`) },
		"garbled digest":      func(h http.Header) { h.Set("Content-Digest", "sha-512") },
		"no digest":           func(h http.Header) { h.Del("Content-Digest") },
		"a covered one twice": func(h http.Header) { h.Set("Signature-Input", `sig-pp=("@path" "@path")`) },
		"two dates":           func(h http.Header) { h.Add("Signature-Date", "2026-03-11T08:14:05Z") },
	} {
		m := signed(t, Signer{Key: key}, `{}`)
		change(m.Header)
		assert.Error(t, verifier(key.Public()).Verify(t.Context(), m), name)
	}
}

func TestDigestsOfUnknownKindsProveNothing(t *testing.T) {
	t.Parallel()
	key := p256(t)
	m := request(`{}`)
	m.Header.Set("Content-Digest", "md5=:AAAA:")
	m = resign(t, key, m, `sig-pp=("@method" "@authority" "@path" "content-digest");created=1773216845;keyid="K"`)
	assert.ErrorContains(t, verifier(key.Public()).Verify(t.Context(), m), "known kind")
}

func TestACallbackIsVerifiedAsAServerReceivesIt(t *testing.T) {
	t.Parallel()
	key := p256(t)
	v := verifier(key.Public())
	results := make(chan error, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = v.Verify(r.Context(), FromRequest(r, body))
		}
		results <- err
	}))
	defer srv.Close()
	body := `{"depositId":"0a3c7d52-9c0f-4a58-8b5f-0c1f5d0e7b11","status":"COMPLETED"}`
	send := func(change func(*http.Request)) error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/call%20backs?x=1", strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		s := Signer{KeyID: "K", Key: key, Now: at(now)}
		require.NoError(t, s.Sign(FromRequest(req, []byte(body))))
		change(req)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return <-results
	}
	assert.NoError(t, send(func(*http.Request) {}))
	assert.Error(t, send(func(r *http.Request) {
		r.Body = io.NopCloser(strings.NewReader(strings.Replace(body, "COMPLETED", "FAILED!!!", 1)))
	}))
	assert.Error(t, send(func(r *http.Request) { r.URL.Path = "/callbacks" }))
}

func TestASignedAnswerIsVerified(t *testing.T) {
	t.Parallel()
	key := p256(t)
	body := []byte(`{"status":"NOT_FOUND"}`)
	sum, err := contentDigest(SHA256, body)
	require.NoError(t, err)
	resp := &http.Response{StatusCode: 200, Header: http.Header{"Content-Digest": {sum}}}
	m := resign(t, key, FromResponse(resp, body), `sig-pp=("@status" "content-digest");created=1773216845;keyid="K"`)
	assert.NoError(t, verifier(key.Public()).Verify(t.Context(), m))
	m.Status = 500
	assert.Error(t, verifier(key.Public()).Verify(t.Context(), m))
}

func published(t *testing.T, keys map[string]crypto.PublicKey) []byte {
	t.Helper()
	var list []map[string]string
	for id, k := range keys {
		der, err := x509.MarshalPKIXPublicKey(k)
		require.NoError(t, err)
		list = append(list, map[string]string{"id": id, "key": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))})
	}
	list = append(list, map[string]string{"id": "ODD:1", "key": "no PEM"})
	body, err := json.Marshal(list)
	require.NoError(t, err)
	return body
}

func TestRotatedKeysAreFollowed(t *testing.T) {
	t.Parallel()
	first, second := p256(t), p256(t)
	clock := now
	var fetches int
	answer, failure := published(t, map[string]crypto.PublicKey{"K:1": first.Public()}), error(nil)
	keys := NewPublishedKeys(func(context.Context) ([]byte, error) { fetches++; return answer, failure }, func() time.Time { return clock })
	ask := func(id string) error { _, err := keys.Key(t.Context(), id); return err }

	require.NoError(t, ask("K:1"))
	require.NoError(t, ask("K:1"))
	assert.Equal(t, 1, fetches, "keys are kept")

	answer = published(t, map[string]crypto.PublicKey{"K:2": second.Public()})
	require.ErrorIs(t, ask("K:2"), ErrUnknownKey)
	assert.Equal(t, 1, fetches, "an unknown id makes no load within a minute")
	clock = clock.Add(time.Minute)
	require.NoError(t, ask("K:2"))
	assert.Equal(t, 2, fetches)
	require.ErrorIs(t, ask("K:1"), ErrUnknownKey, "a key that is not published any more is not believed")

	clock = clock.Add(23 * time.Hour)
	failure = errors.New("down")
	require.NoError(t, ask("K:2"), "an outage takes no key away that is kept")
	clock = clock.Add(time.Hour)
	err := ask("K:2")
	require.Error(t, err, "after a day a key must be published still")
	require.NotErrorIs(t, err, ErrUnknownKey, "an outage says nothing about a key")
	require.Error(t, ask("K:2"))
	assert.Equal(t, 3, fetches, "an outage is not asked again at once")
	failure, clock = nil, clock.Add(time.Minute)
	require.NoError(t, ask("K:2"))
}

func TestManyVerificationsFetchTheKeysOnce(t *testing.T) {
	t.Parallel()
	key := p256(t)
	var fetches atomic.Int32
	body := published(t, map[string]crypto.PublicKey{"K": key.Public()})
	v := &Verifier{Now: at(now), Keys: NewPublishedKeys(func(context.Context) ([]byte, error) {
		fetches.Add(1)
		return body, nil
	}, at(now))}
	m := signed(t, Signer{Key: key}, `{}`)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { assert.NoError(t, v.Verify(context.Background(), m)) })
	}
	wg.Wait()
	assert.EqualValues(t, 1, fetches.Load())
}

func TestPrivateKeysAreReadInTheirUsualForms(t *testing.T) {
	t.Parallel()
	ec := p256(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	sec1, err := x509.MarshalECPrivateKey(ec)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(rsaKey)
	require.NoError(t, err)
	for name, der := range map[string][]byte{"EC PRIVATE KEY": sec1, "PRIVATE KEY": pkcs8, "RSA PRIVATE KEY": x509.MarshalPKCS1PrivateKey(rsaKey)} {
		key, err := ParsePrivateKey(string(pem.EncodeToMemory(&pem.Block{Type: name, Bytes: der})))
		require.NoError(t, err, name)
		assert.NoError(t, (&Signer{KeyID: "K", Key: key, Now: at(now)}).Sign(request(`{}`)), name)
	}
	for _, text := range []string{"", "secret", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("secret")}))} {
		_, err := ParsePrivateKey(text)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "secret")
	}
}

func TestASignerThatCannotSignSaysSo(t *testing.T) {
	t.Parallel()
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	require.NoError(t, err)
	for name, s := range map[string]Signer{
		"no key": {KeyID: "K", Now: at(now)}, "no id": {Key: p256(t), Now: at(now)}, "no clock": {Key: p256(t), KeyID: "K"},
		"Ed25519": {Key: ed, KeyID: "K", Now: at(now)}, "P-521": {Key: p521, KeyID: "K", Now: at(now)},
		"wrong algorithm": {Key: p256(t), KeyID: "K", Now: at(now), Algorithm: RSAPSS},
		"unknown digest":  {Key: p256(t), KeyID: "K", Now: at(now), Digest: "md5"},
	} {
		assert.Error(t, s.Sign(request(`{}`)), name)
	}
	m := request(`{}`)
	m.Header.Del("Content-Type")
	assert.Error(t, (&Signer{Key: p256(t), KeyID: "K", Now: at(now)}).Sign(m), "what is covered must be there")
}

func FuzzVerify(f *testing.F) {
	f.Add(`sig-pp=("@method" "@authority" "@path" "content-digest");created=1773216845;keyid="K"`, "sig-pp=:AAAA:", "sha-256=:AAAA:")
	f.Add(`sig-pp=("@query-param";name="a" "x";sf);created=1.5;keyid=tok`, "sig-pp=?1", "sha-512=1")
	f.Add(`a=1, b`, `b;x`, ``)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, input, sig, digest string) {
		m := request(`{}`)
		m.Header.Set("Signature-Input", input)
		m.Header.Set("Signature", sig)
		m.Header.Set("Content-Digest", digest)
		v := verifier(key.Public())
		v.Must = []string{}
		if v.Verify(context.Background(), m) == nil {
			t.Fatal("a forged signature was believed")
		}
	})
}

// FuzzKeys: of a list of keys, only those that can verify are ever taken.
func FuzzKeys(f *testing.F) {
	f.Add([]byte(`[{"id":"K:1","key":"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEo7wY3gWc6aVEjJ8x5eVbVYdmEy0M\n-----END PUBLIC KEY-----"}]`))
	f.Add([]byte(`[{"id":"","key":""},{"id":1}]`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		keys, err := ParseKeys(body)
		if (err == nil) != (len(keys) > 0) {
			t.Errorf("%d keys, %v", len(keys), err)
		}
		for id, key := range keys {
			if id == "" || key == nil {
				t.Errorf("key %q is %v", id, key)
			}
		}
		if signer, err := ParsePrivateKey(string(body)); err == nil && signer == nil {
			t.Error("no key and no error")
		}
	})
}
