package callback

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestALineIsReadAsItWasReceivedAndWhatIsNoneIsSetAside(t *testing.T) {
	t.Parallel()
	const good = `{"received_at":"2026-03-12T13:02:00.1234567+03:00","headers":{"X-Sig":"a","accept":["b","c"]},"body":"{\"a\": 1}\n"}`
	for name, c := range map[string]struct{ line, field, body string }{
		"text":                  {line: good, body: "{\"a\": 1}\n"},
		"object as it stands":   {line: `{"received_at":"2026-03-12T10:02:00Z","body":{"a":  1.50}}`, body: `{"a":  1.50}`},
		"no headers":            {line: `{"received_at":"2026-03-12T10:02:00Z","headers":null,"body":"x"}`, body: "x"},
		"byte order mark":       {line: "\xef\xbb\xbf" + `{"received_at":"2026-03-12T10:02:00Z","body":"x"}`, body: "x"},
		"no JSON":               {line: `received`, field: ""},
		"a list":                {line: `[]`, field: ""},
		"no time":               {line: `{"body":"x"}`, field: "received_at"},
		"time without zone":     {line: `{"received_at":"2026-03-12T10:02:00","body":"x"}`, field: "received_at"},
		"headers a list":        {line: `{"received_at":"2026-03-12T10:02:00Z","headers":["a"],"body":"x"}`, field: "headers"},
		"header a number":       {line: `{"received_at":"2026-03-12T10:02:00Z","headers":{"a":1},"body":"x"}`, field: "headers"},
		"header without a name": {line: `{"received_at":"2026-03-12T10:02:00Z","headers":{" ":"1"},"body":"x"}`, field: "headers"},
		"no body":               {line: `{"received_at":"2026-03-12T10:02:00Z","headers":{}}`, field: "body"},
		"empty body":            {line: `{"received_at":"2026-03-12T10:02:00Z","body":""}`, field: "body"},
		"body a number":         {line: `{"received_at":"2026-03-12T10:02:00Z","body":1}`, field: "body"},
		"zero byte":             {line: `{"received_at":"2026-03-12T10:02:00Z","body":"\u0000"}`, field: "body"},
		"not UTF-8":             {line: "{\"received_at\":\"2026-03-12T10:02:00Z\",\"body\":\"\xff\"}", field: ""},
		"too long":              {line: `{"body":"` + strings.Repeat("x", longestLine) + `"}`, field: ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []Raw
			var bad []Reject
			require.NoError(t, ReadLines(strings.NewReader(c.line+"\n\n"+good), func(r Raw) error {
				got = append(got, r)
				return nil
			}, func(r Reject) error {
				bad = append(bad, r)
				return nil
			}))
			if c.body != "" {
				require.Empty(t, bad)
				require.Len(t, got, 2)
				assert.Equal(t, c.body, string(got[0].Body))
				return
			}
			require.Len(t, bad, 1)
			assert.Equal(t, int64(1), bad[0].Line)
			assert.Equal(t, c.field, bad[0].Field)
			assert.NotEmpty(t, bad[0].Reason)
			require.Len(t, got, 1, "the rest goes on")
			assert.Equal(t, time.Date(2026, 3, 12, 10, 2, 0, 123456000, time.UTC), got[0].ReceivedAt, "UTC, as the database keeps it")
			assert.Equal(t, http.Header{"X-Sig": {"a"}, "Accept": {"b", "c"}}, got[0].Header)
		})
	}
}

func TestReadingEndsWithTheFirstErrorOfTheReader(t *testing.T) {
	t.Parallel()
	stop := errors.New("stop")
	line := `{"received_at":"2026-03-12T10:02:00Z","body":"x"}`
	accept := func(Raw) error { return stop }
	reject := func(Reject) error { return stop }
	assert.ErrorIs(t, ReadLines(strings.NewReader(line), accept, reject), stop)
	assert.ErrorIs(t, ReadLines(strings.NewReader("bad"), accept, reject), stop)
	assert.ErrorIs(t, ReadLines(strings.NewReader(strings.Repeat("x", longestLine+1)), accept, reject), stop)
	assert.NoError(t, ReadLines(strings.NewReader(""), accept, reject))
}

func TestAMessageHasOneKeyAndEveryDifferenceAnother(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 12, 10, 2, 0, 0, time.UTC)
	base := Raw{ReceivedAt: at, Header: http.Header{"A": {"1", "2"}, "B": {"3"}}, Body: []byte("x")}
	same := Raw{ReceivedAt: at.In(time.FixedZone("", 3600)), Header: http.Header{"B": {"3"}, "A": {"1", "2"}}, Body: []byte("x")}
	assert.Equal(t, base.Key(), same.Key())
	for _, other := range []Raw{
		{ReceivedAt: at.Add(time.Second), Header: base.Header, Body: base.Body},
		{ReceivedAt: at, Header: http.Header{"A": {"1"}, "B": {"3"}}, Body: base.Body},
		{ReceivedAt: at, Header: base.Header, Body: []byte("y")},
	} {
		assert.NotEqual(t, base.Key(), other.Key())
	}
}

func TestOnlyTheRightKeyProvesTheSender(t *testing.T) {
	t.Parallel()
	body := []byte(`{"a":1}`)
	m := hmac.New(sha512.New, []byte("key"))
	m.Write(body)
	sig := hex.EncodeToString(m.Sum(nil))
	assert.True(t, SignedHex(sha512.New, "key", body, sig))
	assert.True(t, SignedHex(sha512.New, "key", body, " "+strings.ToUpper(sig)))
	for _, bad := range []string{"", sig[2:], "zz", sig + "00"} {
		assert.False(t, SignedHex(sha512.New, "key", body, bad), bad)
	}
	assert.False(t, SignedHex(sha512.New, "other", body, sig))
	assert.False(t, SignedHex(sha512.New, "key", []byte(`{"a":2}`), sig))

	m = hmac.New(sha256.New, []byte("key"))
	m.Write(body)
	sig = base64.StdEncoding.EncodeToString(m.Sum(nil))
	assert.True(t, SignedBase64(sha256.New, "key", body, sig))
	assert.False(t, SignedBase64(sha256.New, "key", body, sig[4:]))
	assert.False(t, SignedBase64(sha256.New, "other", body, sig))

	assert.True(t, SameKey("k", "k"))
	assert.False(t, SameKey("k", "K"))
	assert.False(t, SameKey("", ""), "no key proves nothing")
}

func FuzzLines(f *testing.F) {
	f.Add([]byte(`{"received_at":"2026-03-12T10:02:00Z","headers":{"a":["b"]},"body":"{}"}`))
	f.Add([]byte("\n{\"body\":1}\r\n[]"))
	f.Fuzz(func(t *testing.T, file []byte) {
		var lines int64
		if err := ReadLines(strings.NewReader(string(file)), func(r Raw) error {
			lines++
			if r.ReceivedAt.IsZero() && r.ReceivedAt.Year() != 1 || len(r.Body) == 0 || r.Key() == "" {
				t.Errorf("accepted %q", r.Body)
			}
			return nil
		}, func(Reject) error {
			lines++
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if most := int64(strings.Count(string(file), "\n") + 1); lines > most {
			t.Errorf("%d of %d lines", lines, most)
		}
	})
}
