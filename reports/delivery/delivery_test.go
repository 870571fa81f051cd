package delivery_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/reports"
	"tieout/reports/delivery"
	"tieout/reports/delivery/deliverytest"
)

// contents are the files of the version that the tests deliver. One is larger
// than what is read at a time.
var contents = map[string][]byte{
	"manifest.json":   []byte(`{"version": 2}` + "\n"),
	"settlement.csv":  []byte("business_date,provider\n2026-11-18,pawapay-zm\n"),
	"settlement.xlsx": bytes.Repeat([]byte("PK workbook "), 20_000),
}

func version(content map[string][]byte) delivery.Version {
	v := delivery.Version{
		Announcement: reports.Announcement{
			RunID: "01KAJ7Q3W9", From: "2026-11-18", To: "2026-11-20", Selection: "all", Timezone: "Africa/Nairobi", Version: 2,
			ReadAt: time.Date(2026, 11, 21, 3, 4, 0, 0, time.UTC), Coverage: "0.9950", NotPolled: 2,
			Payments:       reports.PaymentCounts{Pulled: 408, Matched: 380, Pending: 6, Exceptions: 22},
			OpenExceptions: reports.SeverityCounts{Critical: 8, High: 14},
			AtRisk:         []reports.Money{{Currency: "KES", Amount: "4120.00"}},
			Title:          "Settlement of 18 to 20 November 2026, version 2",
			Verdict:        "✓ All control totals tie. No provider gave a statement.",
			Sentences:      []string{"22 exceptions are open: 8 critical and 14 high.", "At risk: 4,120.00 KES."},
		},
		Folder: "2026-11-18_2026-11-20_a+b", Number: 2,
		Open: func(_ context.Context, name string) io.Reader { return bytes.NewReader(content[name]) },
	}
	for _, name := range []string{"manifest.json", "settlement.csv", "settlement.xlsx"} {
		sum := sha256.Sum256(contents[name])
		v.Files = append(v.Files, reports.File{Name: name, Size: int64(len(contents[name])), SHA256: hex.EncodeToString(sum[:])})
	}
	return v
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// failure is the delivery's own error, in one line and without any secret.
func failure(t *testing.T, err error) *delivery.Error {
	t.Helper()
	var e *delivery.Error
	require.ErrorAs(t, err, &e)
	for _, secret := range []string{deliverytest.SecretAccessKey, deliverytest.Password, "hook-secret", "T0K3N"} {
		assert.NotContains(t, e.Message, secret)
	}
	assert.NotContains(t, e.Message, "\n")
	return e
}

func s3(t *testing.T, s *deliverytest.S3, change func(*delivery.S3Options)) *delivery.S3 {
	t.Helper()
	o := delivery.S3Options{
		Endpoint: s.Endpoint, Region: deliverytest.Region, Bucket: deliverytest.Bucket, Prefix: "tieout/zm", PathStyle: true,
		AccessKeyID: deliverytest.AccessKeyID, SecretAccessKey: deliverytest.SecretAccessKey, RootCAs: s.Roots,
	}
	if change != nil {
		change(&o)
	}
	target, err := delivery.NewS3(o)
	require.NoError(t, err)
	return target
}

func TestS3HoldsTheFilesUnderTheirVersion(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB) *deliverytest.S3{"plain": deliverytest.NewS3, "TLS": deliverytest.NewS3TLS} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			holdsTheFiles(t, start(t))
		})
	}
}

func holdsTheFiles(t *testing.T, server *deliverytest.S3) {
	t.Helper()
	target, v := s3(t, server, nil), version(contents)
	require.NoError(t, target.Deliver(within(t), "id", v))
	const folder = "tieout/zm/2026-11-18_2026-11-20_a+b/v2/"
	for name, want := range contents {
		assert.Equal(t, want, server.Object(folder+name), name)
	}
	assert.Equal(t, "s3://"+deliverytest.Bucket+"/"+folder, target.Place(v))

	// once more changes nothing, and asks for no file
	v.Open = func(context.Context, string) io.Reader { t.Error("a file that is there was read again"); return nil }
	require.NoError(t, target.Deliver(within(t), "id", v))
}

func TestS3NeverOverwrites(t *testing.T) {
	t.Parallel()
	server := deliverytest.NewS3(t)
	target := s3(t, server, nil)
	require.NoError(t, target.Deliver(within(t), "id", version(contents)))
	other := version(map[string][]byte{"settlement.csv": []byte("other")})
	sum := sha256.Sum256([]byte("other"))
	other.Files = []reports.File{{Name: "settlement.csv", Size: 5, SHA256: hex.EncodeToString(sum[:])}}
	e := failure(t, target.Deliver(within(t), "id", other))
	assert.Contains(t, e.Message, "nothing is ever overwritten")
	assert.False(t, e.Temporary)
	assert.Equal(t, contents["settlement.csv"], server.Object("tieout/zm/2026-11-18_2026-11-20_a+b/v2/settlement.csv"))
}

// A file that is not what was published reaches no bucket, whatever its size.
func TestS3RefusesWhatWasTamperedWith(t *testing.T) {
	t.Parallel()
	server := deliverytest.NewS3TLS(t)
	for name, spoil := range map[string]func([]byte) []byte{
		"another byte": func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"shorter":      func(b []byte) []byte { return b[:len(b)-1] },
		"longer":       func(b []byte) []byte { return append(b, 'x') },
	} {
		for _, file := range []string{"settlement.csv", "settlement.xlsx"} {
			v := version(map[string][]byte{file: spoil(bytes.Clone(contents[file]))})
			v.Folder = strings.ReplaceAll(name, " ", "_") + file
			for _, f := range version(contents).Files {
				if f.Name == file {
					v.Files = []reports.File{f}
				}
			}
			e := failure(t, s3(t, server, nil).Deliver(within(t), "id", v))
			assert.Equal(t, file+": its bytes are not the ones that were published, so it was not put there", e.Message, "%s %s", name, file)
			_, err := os.Stat(filepath.Join(server.Dir, "tieout", "zm", v.Folder, "v2", file))
			assert.ErrorIs(t, err, os.ErrNotExist, "%s %s", name, file)
		}
	}
}

func TestS3SaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	server := deliverytest.NewS3(t)
	found, err := s3(t, server, nil).Check(within(t))
	require.NoError(t, err)
	assert.Contains(t, found, "bucket finance-reports is there")
	assert.Empty(t, must(os.ReadDir(server.Dir)), "a check puts nothing there")

	for want, change := range map[string]func(*delivery.S3Options){
		"refused the credentials": func(o *delivery.S3Options) { o.SecretAccessKey += "x" },
		"has no bucket other":     func(o *delivery.S3Options) { o.Bucket = "other" },
	} {
		target := s3(t, server, change)
		_, err := target.Check(within(t))
		assert.Contains(t, failure(t, err).Message, want)
		e := failure(t, target.Deliver(within(t), "id", version(contents)))
		assert.Contains(t, e.Message, want)
		assert.False(t, e.Temporary)
	}
	encrypted := deliverytest.NewS3TLS(t)
	e := failure(t, s3(t, encrypted, func(o *delivery.S3Options) { o.RootCAs = nil }).Deliver(within(t), "id", version(contents)))
	assert.Contains(t, e.Message, "certificate signed by unknown authority")
	server.Stop()
	e = failure(t, s3(t, server, nil).Deliver(within(t), "id", version(contents)))
	assert.Contains(t, e.Message, "can't be reached: ")
	assert.True(t, e.Temporary)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func email(t *testing.T, s *deliverytest.SMTP, tls string, change func(*delivery.EmailOptions)) *delivery.Email {
	t.Helper()
	o := delivery.EmailOptions{
		Server: s.Address, TLS: tls, Username: deliverytest.Username, Password: deliverytest.Password, RootCAs: s.Roots(),
		From: "tieout <reports@example.com>", To: []string{"finance@example.com", "Ops <ops@example.com>"},
	}
	if change != nil {
		change(&o)
	}
	target, err := delivery.NewEmail(o)
	require.NoError(t, err)
	return target
}

func TestEmailTellsTheSummary(t *testing.T) {
	t.Parallel()
	for _, tls := range []string{"starttls", "implicit"} {
		server := deliverytest.NewSMTP(t, tls == "implicit")
		target := email(t, server, tls, nil)
		found, err := target.Check(within(t))
		require.NoError(t, err)
		assert.Equal(t, "greets, TLS verified, credentials accepted", found)
		require.Empty(t, server.Mails(), "a check sends nothing")

		v := version(contents)
		v.LinkBase = "https://reports.example.com/tieout"
		v.Places = []delivery.Place{{Target: "archive", URL: "s3://b/k/", Holds: true}, {Target: "copy", URL: "s3://c/k/"}}
		require.NoError(t, target.Deliver(within(t), "01KAJ7Q3W9.mail", v))
		require.Len(t, server.Mails(), 1)
		m := server.Mails()[0]
		assert.Equal(t, "reports@example.com", m.From)
		assert.Equal(t, []string{"finance@example.com", "ops@example.com"}, m.To)
		parsed, err := mail.ReadMessage(strings.NewReader(m.Data))
		require.NoError(t, err)
		subject, err := new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject"))
		require.NoError(t, err)
		assert.Equal(t, "Settlement of 18 to 20 November 2026, version 2: ✓ All control totals tie, 22 exceptions open, 8 critical", subject)
		assert.Equal(t, "<01KAJ7Q3W9.mail@example.com>", parsed.Header.Get("Message-ID"))
		body := strings.ReplaceAll(string(must(io.ReadAll(quotedprintable.NewReader(parsed.Body)))), "\r\n", "\n")
		assert.Equal(t, `Settlement of 18 to 20 November 2026, version 2
Run 01KAJ7Q3W9, read 21 November 2026 06:04 (Africa/Nairobi)

✓ All control totals tie. No provider gave a statement.
22 exceptions are open: 8 critical and 14 high.
At risk: 4,120.00 KES.

Files:
  manifest.json     https://reports.example.com/tieout/2026-11-18_2026-11-20_a%2Bb/v2/manifest.json
  settlement.csv    https://reports.example.com/tieout/2026-11-18_2026-11-20_a%2Bb/v2/settlement.csv
  settlement.xlsx   https://reports.example.com/tieout/2026-11-18_2026-11-20_a%2Bb/v2/settlement.xlsx
They are in s3://b/k/
They could not be put into s3://c/k/ yet; the next run tries again.
`, body)
	}
}

func TestEmailSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	server := deliverytest.NewSMTP(t, false)
	send := func(tls string, change func(*delivery.EmailOptions)) *delivery.Error {
		return failure(t, email(t, server, tls, change).Deliver(within(t), "id", version(contents)))
	}
	e := send("starttls", func(o *delivery.EmailOptions) { o.Password += "x" })
	assert.Contains(t, e.Message, "535")
	assert.False(t, e.Temporary, "a wrong password is not tried again at once")
	e = send("starttls", func(o *delivery.EmailOptions) { o.RootCAs = nil })
	assert.Contains(t, e.Message, "is not trusted")
	assert.False(t, e.Temporary)
	e = send("none", nil)
	assert.NotEmpty(t, e.Message, "no credentials without TLS")

	server.Refuse(&smtp.SMTPError{Code: 451, Message: "come back later, " + deliverytest.Password})
	e = send("starttls", nil)
	assert.Contains(t, e.Message, "come back later")
	assert.True(t, e.Temporary)
	server.Refuse(&smtp.SMTPError{Code: 554, Message: "no"})
	assert.False(t, send("starttls", nil).Temporary)
	server.Refuse(nil)
	server.Stop()
	e = send("starttls", nil)
	assert.Contains(t, e.Message, "can't be reached")
	assert.True(t, e.Temporary)
	assert.Empty(t, server.Mails())
}

// A server that accepts connections and says nothing must not hold a run up.
func TestEmailGivesUpInTime(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	target, err := delivery.NewEmail(delivery.EmailOptions{Server: l.Addr().String(), TLS: "starttls", From: "a@example.com", To: []string{"b@example.com"}})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	began := time.Now()
	e := failure(t, target.Deliver(ctx, "id", version(contents)))
	assert.Contains(t, e.Message, "did not answer in time")
	assert.True(t, e.Temporary)
	assert.Less(t, time.Since(began), 5*time.Second)
}

func TestWebhookIsSignedAndCanBeToldFromARepeat(t *testing.T) {
	t.Parallel()
	const secret = "hook-secret-of-24-bytes!"
	var got []*http.Request
	var bodies [][]byte
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, bodies = append(got, r), append(bodies, must(io.ReadAll(r.Body)))
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	target, err := delivery.NewWebhook(delivery.WebhookOptions{
		URL: server.URL + "/hook?token=T0K3N", Key: []byte(secret), UserAgent: "tieout/1", RootCAs: roots,
		Now: func() time.Time { return time.Unix(1_800_000_000, 0) },
	})
	require.NoError(t, err)
	v := version(contents)
	v.LinkBase = "https://reports.example.com"
	v.Places = []delivery.Place{{Target: "archive", URL: "s3://b/k/", Holds: true}}
	for range 2 {
		require.NoError(t, target.Deliver(within(t), "01KAJ7Q3W9.hook", v))
	}
	require.Len(t, got, 2)
	for i, r := range got {
		assert.Equal(t, http.MethodPost, r.Method)
		assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
		assert.Equal(t, "01KAJ7Q3W9.hook", r.Header.Get("webhook-id"), "a repeat bears the same id")
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte("01KAJ7Q3W9.hook.1800000000."))
		mac.Write(bodies[i])
		assert.Equal(t, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)), r.Header.Get("webhook-signature"))
	}
	var event map[string]any
	require.NoError(t, json.Unmarshal(bodies[0], &event))
	assert.Equal(t, "reports.published", event["type"])
	data := event["data"].(map[string]any)
	assert.Equal(t, "01KAJ7Q3W9", data["run_id"])
	assert.Equal(t, map[string]any{"critical": 8.0, "high": 14.0, "medium": 0.0, "low": 0.0}, data["open_exceptions"])
	assert.Equal(t, []any{map[string]any{"currency": "KES", "amount": "4120.00"}}, data["at_risk"])
	assert.Equal(t, "https://reports.example.com/2026-11-18_2026-11-20_a%2Bb/v2/settlement.csv", data["files"].([]any)[1].(map[string]any)["url"])
}

func TestWebhookSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	status, elsewhere := http.StatusInternalServerError, 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	var methods []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		methods = append(methods, r.Method)
		w.Header().Set("Location", other.URL)
		w.WriteHeader(status)
		_, _ = w.Write([]byte("T0K3N echoed"))
	}))
	defer server.Close()
	target, err := delivery.NewWebhook(delivery.WebhookOptions{URL: server.URL + "/T0K3N", Key: []byte("hook-secret"), Now: time.Now})
	require.NoError(t, err)
	post := func() *delivery.Error { return failure(t, target.Deliver(within(t), "id", version(contents))) }
	e := post()
	assert.Contains(t, e.Message, "answered 500 Internal Server Error")
	assert.True(t, e.Temporary)
	status = http.StatusForbidden
	assert.False(t, post().Temporary)
	status = http.StatusTemporaryRedirect
	assert.Contains(t, post().Message, "answered 307")
	assert.Zero(t, elsewhere, "no announcement follows a redirect")
	methods = nil
	_, err = target.Check(within(t))
	require.NoError(t, err)
	assert.Equal(t, []string{http.MethodHead}, methods, "a check posts nothing")
	server.Close()
	e = post()
	assert.Contains(t, e.Message, "can't be reached")
	assert.True(t, e.Temporary)
	_, err = target.Check(within(t))
	assert.Contains(t, failure(t, err).Message, "can't be reached")
	require.False(t, errors.Is(err, context.DeadlineExceeded))
}
