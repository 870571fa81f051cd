package signature

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dunglas/httpsfv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The keys, messages and signatures of RFC 9421, appendix B, as far as they
// are of the algorithms that pawaPay knows.

const rfcKeys = `[{"id":"test-key-rsa-pss","key":"-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2\n+QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+\noAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHq\ngDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5W\nUtzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4\naOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI\n2wIDAQAB\n-----END PUBLIC KEY-----\n"},
{"id":"test-key-ecc-p256","key":"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf\nw0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==\n-----END PUBLIC KEY-----\n"}]`

var rfcTime = time.Unix(1618884473, 0)

func rfcRequest() Message {
	return Message{
		Method: http.MethodPost, Scheme: "https", Authority: "example.com", Path: "/foo", Query: "param=Value&Pet=dog",
		Header: http.Header{
			"Date": {"Tue, 20 Apr 2021 02:07:55 GMT"}, "Content-Type": {"application/json"}, "Content-Length": {"18"},
			"Content-Digest": {"sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"},
		},
		Body: []byte(`{"hello": "world"}`),
	}
}

func rfcResponse() Message {
	return Message{
		Status: 200,
		Header: http.Header{
			"Date": {"Tue, 20 Apr 2021 02:07:56 GMT"}, "Content-Type": {"application/json"}, "Content-Length": {"23"},
			"Content-Digest": {"sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:"},
		},
		Body: []byte(`{"message": "good dog"}`),
	}
}

func rfcProxied() Message {
	m := rfcRequest()
	m.Authority = "service.internal.example"
	m.Header.Del("Content-Digest")
	m.Header.Set("Client-Cert", ":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEludGVybWVkaWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk=:")
	return m
}

type rfcVector struct {
	section    string
	message    func() Message
	label      string
	input, sig string
}

var rfcVectors = []rfcVector{
	{
		"B.2.1", rfcRequest, "sig-b21",
		`();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd"`,
		"d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7zFZsckzXaJMkA7ChG52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKhO4DGezXehhWwE56YCE+O6c0mKZsfxVrogUvA4HELjVKWmAvtl6UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/SITLq9mhho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98Xw9Q==",
	},
	{
		"B.2.2", rfcRequest, "sig-b22",
		`("@authority" "content-digest" "@query-param";name="Pet");created=1618884473;keyid="test-key-rsa-pss";tag="header-example"`,
		"LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJyE5qH7KT8UCMkSowOB4+ECxCmT8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEuEfY17SARYhpTlaqwZVtR8NV7+4UKkjqpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd4je2U/lankenQ99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs0tFTQosMTAoxk//0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTugEjHSw==",
	},
	{
		"B.2.3", rfcRequest, "sig-b23",
		`("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss"`,
		"bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2voTp768ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA==",
	},
	{
		"B.2.4", rfcResponse, "sig-b24",
		`("@status" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-ecc-p256"`,
		"wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==",
	},
	{
		"B.3", rfcProxied, "ttrp",
		`("@path" "@query" "@method" "@authority" "client-cert");created=1618884473;keyid="test-key-ecc-p256"`,
		"xVMHVpawaAC/0SbHrKRs9i8I3eOs5RtTMGCWXm/9nvZzoHsIg6Mce9315T6xoklyy0yzhD9ah4JHRwMLOgmizw==",
	},
}

func rfcVerifier(t *testing.T) *Verifier {
	t.Helper()
	keys, err := ParseKeys([]byte(rfcKeys))
	require.NoError(t, err)
	require.Len(t, keys, 2)
	return &Verifier{Keys: keys, Now: func() time.Time { return rfcTime }, Must: []string{}, Algorithm: RSAPSS}
}

func (v rfcVector) signed() Message {
	m := v.message()
	m.Header.Set("Signature-Input", v.label+"="+v.input)
	m.Header.Set("Signature", v.label+"=:"+v.sig+":")
	return m
}

func TestTheSignaturesOfTheRFCAreVerified(t *testing.T) {
	t.Parallel()
	for _, v := range rfcVectors {
		t.Run("RFC 9421 "+v.section, func(t *testing.T) {
			t.Parallel()
			assert.NoError(t, rfcVerifier(t).Verify(t.Context(), v.signed()))
		})
	}
}

func TestAnyChangeOfASignedMessageIsSeen(t *testing.T) {
	t.Parallel()
	changes := map[string]func(*Message){
		"method":    func(m *Message) { m.Method = "PUT" },
		"path":      func(m *Message) { m.Path = "/bar" },
		"query":     func(m *Message) { m.Query = "param=Value&Pet=cat" },
		"authority": func(m *Message) { m.Authority = "example.org" },
		"status":    func(m *Message) { m.Status++ },
		"type":      func(m *Message) { m.Header.Set("Content-Type", "text/plain") },
		"body":      func(m *Message) { m.Body = []byte("{}") },
		"digest":    func(m *Message) { m.Header.Set("Content-Digest", "sha-512=:AAAA:") },
		"parameter": func(m *Message) { m.Header.Set("Signature-Input", m.Header.Get("Signature-Input")+`;context="x"`) },
		"signature": func(m *Message) {
			m.Header.Set("Signature", strings.NewReplacer("a", "b", "b", "a").Replace(m.Header.Get("Signature")))
		},
	}
	covered := map[string]string{
		"B.2.1": "parameter signature body",
		"B.2.2": "authority query body digest parameter signature",
		"B.2.3": "method path query authority type body digest parameter signature",
		"B.2.4": "status type body digest parameter signature",
		"B.3":   "method path query authority parameter signature",
	}
	for _, v := range rfcVectors {
		for _, name := range strings.Fields(covered[v.section]) {
			t.Run("RFC 9421 "+v.section+" "+name, func(t *testing.T) {
				t.Parallel()
				m := v.signed()
				changes[name](&m)
				assert.Error(t, rfcVerifier(t).Verify(t.Context(), m))
			})
		}
	}
}

func TestTheSignatureBaseIsTheRFCs(t *testing.T) {
	t.Parallel()
	// Section 2.5, figure 1.
	d, err := httpsfv.UnmarshalDictionary([]string{`sig=("@method" "@authority" "@path" "content-digest" "content-length" "content-type");created=1618884473;keyid="test-key-rsa-pss"`})
	require.NoError(t, err)
	list, _ := d.Get("sig")
	base, err := rfcRequest().base(list.(httpsfv.InnerList))
	require.NoError(t, err)
	assert.Equal(t, `"@method": POST
"@authority": example.com
"@path": /foo
"content-digest": sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:
"content-length": 18
"content-type": application/json
"@signature-params": ("@method" "@authority" "@path" "content-digest" "content-length" "content-type");created=1618884473;keyid="test-key-rsa-pss"`, base)
}

func TestAComponentIsCoveredOnce(t *testing.T) {
	t.Parallel()
	for input, ok := range map[string]bool{
		`s=("@path" "@path")`: false,
		`s=("@query-param";name="Pet" "@query-param";name="param")`: true,
	} {
		d, err := httpsfv.UnmarshalDictionary([]string{input})
		require.NoError(t, err)
		list, _ := d.Get("s")
		_, err = rfcRequest().base(list.(httpsfv.InnerList))
		assert.Equal(t, ok, err == nil, input)
	}
}

func TestComponentsAreDerivedAsTheRFCSays(t *testing.T) {
	t.Parallel()
	m := Message{
		Method: "GET", Scheme: "HTTPS", Authority: "WWW.Example.com:443", Path: "", Query: "a=x+y&b=%e4&b=2",
		Header: http.Header{"X-Many": {" one ", "two\t"}, "X-Empty": {""}},
	}
	for text, want := range map[string]string{
		`"@method"`: "GET", `"@scheme"`: "https", `"@authority"`: "www.example.com", `"@path"`: "/", `"@query"`: "?a=x+y&b=%e4&b=2",
		`"@request-target"`: "/?a=x+y&b=%e4&b=2", `"@target-uri"`: "https://www.example.com/?a=x+y&b=%e4&b=2",
		`"@query-param";name="a"`: "x%20y", `"x-many"`: "one, two", `"x-empty"`: "",
	} {
		item, err := httpsfv.UnmarshalItem([]string{text})
		require.NoError(t, err)
		got, err := m.component(item)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{
		`"@status"`, `"@unheard-of"`, `"X-Many"`, `"x-missing"`, `"x-many";sf`, `"@query-param"`, `"@query-param";name="b"`, `"@query-param";name="z"`, `"@signature-params"`, `12`,
	} {
		item, err := httpsfv.UnmarshalItem([]string{text})
		require.NoError(t, err)
		_, err = m.component(item)
		assert.Error(t, err, text)
	}
}
