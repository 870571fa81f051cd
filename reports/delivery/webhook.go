package delivery

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"tieout/reports"
)

// WebhookOptions say where announcements are posted and how they are signed.
type WebhookOptions struct {
	URL string
	Key []byte // of the signature
	// UserAgent names the caller.
	UserAgent string
	// RootCAs verify the server; nil: the system's.
	RootCAs *x509.CertPool
	Now     func() time.Time
}

// Webhook announces versions to machines: a JSON POST, signed as the Standard
// Webhooks specification has it.
type Webhook struct {
	opts   WebhookOptions
	host   string
	client *http.Client
}

// NewWebhook takes the options; nothing is asked yet.
func NewWebhook(o WebhookOptions) (*Webhook, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return nil, &Error{Message: "the webhook's address is no URL"}
	}
	return &Webhook{opts: o, host: u.Host, client: &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, DisableKeepAlives: true, // one request, now and then
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs},
		},
		// a redirect would carry the announcement to an address that nobody configured
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// event is the body; its fields are stable.
type event struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      eventData `json:"data"`
}

type eventData struct {
	reports.Announcement
	Files  []eventFile  `json:"files"`
	Places []eventPlace `json:"places"`
}

type eventFile struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
	URL    string `json:"url,omitempty"`
}

type eventPlace struct {
	Target string `json:"target"`
	URL    string `json:"url"`
	Holds  bool   `json:"holds"`
}

// EventType is the type of a webhook's body.
const EventType = "reports.published"

// Deliver posts the announcement. The header webhook-id is id: the same for every
// repeat, and to be remembered by the receiver.
func (w *Webhook) Deliver(ctx context.Context, id string, v Version) error {
	data := eventData{Announcement: v.Announcement, Files: []eventFile{}, Places: []eventPlace{}}
	for _, f := range v.Files {
		data.Files = append(data.Files, eventFile{f.Name, f.SHA256, f.Size, v.Link(f.Name)})
	}
	for _, p := range v.Places {
		data.Places = append(data.Places, eventPlace(p))
	}
	body, err := json.Marshal(event{EventType, v.Announcement.ReadAt, data})
	if err != nil {
		return &Error{Message: "the announcement can't be written as JSON: " + clean(err.Error())}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.opts.URL, bytes.NewReader(body))
	if err != nil {
		return w.explain(ctx, err)
	}
	timestamp := strconv.FormatInt(w.opts.Now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Webhook-Id", id)
	req.Header.Set("Webhook-Timestamp", timestamp)
	req.Header.Set("Webhook-Signature", "v1,"+sign(w.opts.Key, id, timestamp, body))
	status, err := w.do(ctx, req)
	switch {
	case err != nil:
		return err
	case status/100 == 2:
		return nil
	default:
		again := status >= http.StatusInternalServerError || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
		return &Error{Message: fmt.Sprintf("%s answered %d %s", w.host, status, http.StatusText(status)), Temporary: again}
	}
}

// sign is HMAC-SHA256 over id, time and body, in base64.
func sign(key []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + ".")) // a hash never fails
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Check asks with HEAD, which changes nothing; any answer says that the way is open.
func (w *Webhook) Check(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, w.opts.URL, nil)
	if err != nil {
		return "", w.explain(ctx, err)
	}
	status, err := w.do(ctx, req)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s is reached (it answers %d to HEAD; nothing was posted)", w.host, status), nil
}

func (w *Webhook) do(ctx context.Context, req *http.Request) (status int, err error) {
	req.Header.Set("User-Agent", w.opts.UserAgent)
	res, err := w.client.Do(req)
	if err != nil {
		return 0, w.explain(ctx, err)
	}
	const most = 1 << 16
	_, _ = io.CopyN(io.Discard, res.Body, most) // the status is the answer
	_ = res.Body.Close()
	return res.StatusCode, nil
}

// explain names the host alone: the rest of the address may be a secret.
func (w *Webhook) explain(ctx context.Context, err error) error {
	if out := timedOut(ctx, w.host); out != nil {
		return out
	}
	return &Error{Message: fmt.Sprintf("%s can't be reached: %s", w.host, clean(cause(err).Error(), w.opts.URL)), Temporary: true}
}
