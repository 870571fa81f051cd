package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/reports/delivery/deliverytest"
)

// hook is a webhook's receiver.
type hook struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	ids    []string // of the announcements that were posted
	bodies []string
	heads  int
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{status: http.StatusOK}
	h.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h.mu.Lock()
		defer h.mu.Unlock()
		if r.Method == http.MethodHead {
			h.heads++
		} else {
			h.ids, h.bodies = append(h.ids, r.Header.Get("webhook-id")), append(h.bodies, string(body))
		}
		w.WriteHeader(h.status)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) answer(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = status
}

// got forgets what was posted and returns it.
func (h *hook) got() (ids, bodies []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ids, bodies, h.ids, h.bodies = h.ids, h.bodies, nil, nil
	return ids, bodies
}

// The secrets that no output may show.
const hookSecret, hookToken = "hook-secret-value-of-a-test", "t0k3n-in-the-address"

// receivers are all kinds of targets, as real servers.
type receivers struct {
	s3   *deliverytest.S3
	mail *deliverytest.SMTP
	hook *hook
	env  []string
}

func newReceivers(t *testing.T) *receivers {
	t.Helper()
	r := &receivers{s3: deliverytest.NewS3(t), mail: deliverytest.NewSMTP(t, false), hook: newHook(t)}
	r.env = []string{"SSL_CERT_FILE=" + r.mail.RootsFile()}
	return r
}

func (r *receivers) s3Target(secret string) string {
	return fmt.Sprintf(`    - { name: archive, type: s3, endpoint: %q, region: %s, bucket: %s, prefix: reports, path_style: true, credentials: { access_key_id: %s, secret_access_key: %s } }
`, r.s3.Endpoint, deliverytest.Region, deliverytest.Bucket, deliverytest.AccessKeyID, secret)
}

func (r *receivers) mailTarget(address string) string {
	return fmt.Sprintf(`    - { name: finance, type: email, server: %q, from: tieout@example.com, to: [finance@example.com], credentials: { username: %s, password: %s } }
`, address, deliverytest.Username, deliverytest.Password)
}

func (r *receivers) hookTarget() string {
	return fmt.Sprintf("    - { name: chat, type: webhook, url: %q, credentials: { secret: %s } }\n", r.hook.URL+"/"+hookToken, hookSecret)
}

func deliverTo(timeout string, targets ...string) settings {
	out := "delivery:\n  timeout: " + timeout + "\n  targets:\n"
	for _, t := range targets {
		out += t
	}
	return settings{ledger: out}
}

// do runs a command that trusts the servers, and looks for secrets in what it says.
func (r *receivers) do(s *site, code int, args ...string) result {
	s.t.Helper()
	got := start(s.t, s.dir, r.env, args...).wait()
	require.Equal(s.t, code, got.code, "%v\n%s\n%s", args, got.out, got.err)
	for _, secret := range []string{deliverytest.SecretAccessKey, deliverytest.Password, hookSecret, hookToken} {
		require.NotContains(s.t, got.out+got.err, secret)
	}
	return got
}

func TestReportsAreDeliveredAndAnnounced(t *testing.T) {
	t.Parallel()
	w := small()
	s, r := newSite(t, w, serveWorld(t, w)), newReceivers(t)
	s.configure(deliverTo("60s", r.hookTarget(), r.mailTarget(r.mail.Address), r.s3Target(deliverytest.SecretAccessKey)))
	run := append([]string{"run"}, w.span()...)

	doctor := r.do(s, 0, "doctor").out
	assert.Regexp(t, `✓ s3 archive +reached, bucket finance-reports is there`, doctor)
	assert.Regexp(t, `✓ email finance +greets, TLS verified, credentials accepted`, doctor)
	assert.Regexp(t, `✓ webhook chat +127.0.0.1:\d+ is reached`, doctor)
	r.do(s, 0, append(run, "--dry-run")...)
	ids, _ := r.hook.got()
	require.Empty(t, ids, "neither doctor nor a dry run announces anything")
	require.Empty(t, r.mail.Mails())

	// the mail server is down and the webhook fails: the run does not care
	r.mail.Stop()
	r.hook.answer(http.StatusInternalServerError)
	first := r.do(s, 0, run...)
	firstID := get[string](s, `SELECT id FROM tieout.runs WHERE version = 1`)
	assert.Contains(t, first.out, "✓ Delivered run "+firstID+" to archive (s3).")
	assert.Contains(t, first.out, "✗ Not delivered: run "+firstID+" to chat (webhook): 127.0.0.1:")
	assert.Contains(t, first.out, "answered 500 Internal Server Error")
	assert.Contains(t, first.out, "✗ Not delivered: run "+firstID+" to finance (email): "+r.mail.Address+" can't be reached")
	assert.Contains(t, first.out, "The next run tries again, and so does `tieout deliver`.")
	assert.Contains(t, first.err, "not delivered: the next run tries again")
	folder := filepath.Base(s.folder())
	for name, want := range contents(t, filepath.Join(s.folder(), "v1"), allFiles) {
		assert.Equal(t, want, string(r.s3.Object("reports/"+folder+"/v1/"+name)), name)
	}
	ids, bodies := r.hook.got()
	assert.Equal(t, []string{firstID + ".chat", firstID + ".chat", firstID + ".chat"}, ids, "it was tried again, under the same id")
	var event struct {
		Data struct {
			Payments struct{ Pulled int }
			Open     map[string]int `json:"open_exceptions"`
			Files    []struct{ Name, URL string }
			Places   []struct {
				URL   string
				Holds bool
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(bodies[0]), &event))
	assert.Equal(t, get[int](s, `SELECT count(*) FROM tieout.run_payments WHERE in_range`), event.Data.Payments.Pulled)
	open := 0
	for _, n := range event.Data.Open {
		open += n
	}
	assert.Equal(t, get[int](s, `SELECT count(*) FROM tieout.exceptions WHERE state = 'open'`), open)
	assert.Len(t, event.Data.Files, len(allFiles))
	require.Len(t, event.Data.Places, 1)
	assert.Equal(t, "s3://finance-reports/reports/"+folder+"/v1/", event.Data.Places[0].URL)
	assert.True(t, event.Data.Places[0].Holds)

	shown := r.do(s, 0, "runs", "show", firstID).out
	assert.Regexp(t, `Delivery +archive \(s3\): delivered 20`, shown)
	assert.Regexp(t, `Delivery +chat \(webhook\): due after 3 attempts: 127`, shown)
	assert.Regexp(t, `Delivery +finance \(email\): due after 3 attempts: 127`, shown)

	// both are back: the next run delivers both runs, and nothing is left
	r.mail.Start()
	r.hook.answer(http.StatusOK)
	second := r.do(s, 0, run...)
	assert.NotContains(t, second.out, "✗")
	secondID := get[string](s, `SELECT id FROM tieout.runs WHERE version = 2`)
	ids, _ = r.hook.got()
	assert.ElementsMatch(t, []string{firstID + ".chat", secondID + ".chat"}, ids)
	require.Len(t, r.mail.Mails(), 2)
	for _, m := range r.mail.Mails() {
		assert.Contains(t, m.Data, "s3://finance-reports/reports/"+folder+"/v")
		for _, p := range w.Payments {
			require.NotContains(t, m.Data, p.ID, "an announcement names no payment")
		}
	}
	assert.Contains(t, r.do(s, 0, "deliver").out, "Nothing is due.")
	assert.Contains(t, r.do(s, 0, "deliver", "--run", firstID).out, "Nothing is due.", "what was delivered is not sent again")
	assert.Zero(t, get[int](s, `SELECT count(*) FROM tieout.deliveries WHERE state <> 'delivered'`))
}

// A process that dies between sending and noting sends again, under the same id,
// and one that dies before publishing has announced nothing.
func TestAKilledDeliveryIsRepeatedAndNeverLost(t *testing.T) {
	t.Parallel()
	w := small()
	s, r := newSite(t, w, serveWorld(t, w)), newReceivers(t)
	s.configure(deliverTo("60s", r.hookTarget()))
	run := append([]string{"run"}, w.span()...)
	b := raise(s, "UPDATE OF state", "deliveries", 1)
	p := start(t, s.dir, r.env, run...)
	require.True(t, b.reached(p), p.err.String())
	assert.Contains(t, r.do(s, 0, "deliver").out, "Nothing is due.", "what one process delivers, another leaves to it")
	p.kill()
	b.bury()
	ids, _ := r.hook.got()
	require.Len(t, ids, 1)
	assert.Contains(t, r.do(s, 0, "deliver").out, "✓ Delivered run ")
	again, _ := r.hook.got()
	assert.Equal(t, ids, again)
	assert.Contains(t, r.do(s, 0, "deliver").out, "Nothing is due.")
}

// A server that says nothing holds a run for as long as is configured, and keeps
// nobody else from being told.
func TestADeadServerHoldsNoRun(t *testing.T) {
	t.Parallel()
	w := small()
	s, r := newSite(t, w, serveWorld(t, w)), newReceivers(t)
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = dead.Close() }()
	s.configure(deliverTo("2s", r.mailTarget(dead.Addr().String()), r.hookTarget(), r.s3Target("a-wrong-secret")))
	got := r.do(s, 0, append([]string{"run"}, w.span()...)...)
	assert.Contains(t, got.out, "did not answer in time")
	assert.Contains(t, got.out, "refused the credentials (SignatureDoesNotMatch)")
	assert.Regexp(t, `✓ Delivered run \w+ to chat \(webhook\)`, got.out)
	assert.NotContains(t, got.out+got.err, "a-wrong-secret")
	began := time.Now()
	r.do(s, 1, "deliver")
	assert.Less(t, time.Since(began), 30*time.Second)

	// long after the publication nobody tries any more, until somebody asks for it
	s.exec(`UPDATE tieout.runs SET published_at = now() - interval '8 days'`)
	assert.Contains(t, r.do(s, 1, "deliver").out, "given up: ")
	assert.Contains(t, r.do(s, 0, "deliver").out, "Nothing is due.")
	id := get[string](s, `SELECT id FROM tieout.runs`)
	s.configure(deliverTo("30s", r.mailTarget(r.mail.Address), r.hookTarget(), r.s3Target(deliverytest.SecretAccessKey)))
	got = r.do(s, 0, "deliver", "--run", id)
	assert.Contains(t, got.out, "to archive (s3)")
	assert.Contains(t, got.out, "to finance (email)")
	assert.NotContains(t, got.out, "to chat")
	require.Len(t, r.mail.Mails(), 1)
}
