package delivery

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
)

// EmailOptions say by which server, from whom and to whom.
type EmailOptions struct {
	Server             string // host:port
	TLS                string // starttls, implicit, or none (this machine alone)
	Username, Password string // both empty: no authentication
	From               string
	To                 []string
	// RootCAs verify the server; nil: the system's.
	RootCAs *x509.CertPool
}

// Email announces versions to people.
type Email struct {
	opts EmailOptions
	host string
	port int
}

// NewEmail takes the options; nothing is asked yet.
func NewEmail(o EmailOptions) (*Email, error) {
	host, port, err := net.SplitHostPort(o.Server)
	if err != nil {
		return nil, &Error{Message: "the mail server must be host:port"}
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return nil, &Error{Message: "the mail server's port is no number"}
	}
	return &Email{opts: o, host: host, port: n}, nil
}

// Deliver sends the announcement as plain text. Its Message-ID is made of id, so
// that a mail which came twice shows itself as one.
func (e *Email) Deliver(ctx context.Context, id string, v Version) error {
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := errors.Join(msg.From(e.opts.From), msg.To(e.opts.To...)); err != nil {
		return &Error{Message: "an address is not valid: " + clean(err.Error())}
	}
	_, domain, _ := strings.Cut(msg.GetFrom()[0].Address, "@")
	msg.SetMessageIDWithValue(id + "@" + domain)
	msg.SetDate()
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // no out-of-office answers
	msg.Subject(subject(v))
	msg.SetBodyString(mail.TypeTextPlain, text(v))

	client, err := e.client(ctx)
	if err != nil {
		return e.explain(ctx, err)
	}
	conn, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return e.explain(ctx, err)
	}
	err = client.SendWithSMTPClient(conn, msg)
	_ = client.CloseWithSMTPClient(conn) // what the server took, it has
	if msg.IsDelivered() {
		return nil
	}
	return e.explain(ctx, err)
}

// Check greets the server, with TLS and authentication as a delivery does.
func (e *Email) Check(ctx context.Context) (string, error) {
	client, err := e.client(ctx)
	if err != nil {
		return "", e.explain(ctx, err)
	}
	conn, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return "", e.explain(ctx, err)
	}
	_ = client.CloseWithSMTPClient(conn) // a farewell
	found := "greets"
	if e.opts.TLS != "none" {
		found += ", TLS verified"
	}
	if e.opts.Username != "" {
		found += ", credentials accepted"
	}
	return found, nil
}

// client is a new one for each connection. Its time-out holds once for the
// connection and once for the message, so it gets half of what is left.
func (e *Email) client(ctx context.Context) (*mail.Client, error) {
	timeout := 15 * time.Second
	if end, ok := ctx.Deadline(); ok {
		timeout = max(time.Until(end)/2, time.Millisecond)
	}
	opts := []mail.Option{
		mail.WithPort(e.port), mail.WithTimeout(timeout),
		mail.WithTLSConfig(&tls.Config{ServerName: e.host, MinVersion: tls.VersionTLS12, RootCAs: e.opts.RootCAs}),
	}
	switch e.opts.TLS {
	case "implicit":
		opts = append(opts, mail.WithSSL())
	case "none":
		opts = append(opts, mail.WithTLSPolicy(mail.NoTLS))
	default:
		opts = append(opts, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if e.opts.Username != "" {
		opts = append(opts, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(e.opts.Username), mail.WithPassword(e.opts.Password))
	}
	return mail.NewClient(e.host, opts...)
}

// explain turns what the client or the server says into what a person can act on.
func (e *Email) explain(ctx context.Context, err error) error {
	if out := timedOut(ctx, e.opts.Server); out != nil {
		return out
	}
	var network net.Error
	if errors.As(err, &network) && network.Timeout() {
		return &Error{Message: e.opts.Server + " did not answer in time", Temporary: true}
	}
	said := clean(err.Error(), e.opts.Password)
	var unknown x509.UnknownAuthorityError
	var other x509.HostnameError
	if errors.As(err, &unknown) || errors.As(err, &other) {
		return &Error{Message: fmt.Sprintf("%s is not trusted: %s", e.opts.Server, said)}
	}
	var answer *textproto.Error
	var send *mail.SendError
	const permanent = 500
	switch {
	case errors.As(err, &answer):
		return &Error{Message: fmt.Sprintf("%s answered %d: %s", e.opts.Server, answer.Code, clean(answer.Msg, e.opts.Password)), Temporary: answer.Code < permanent}
	case errors.As(err, &send):
		return &Error{Message: e.opts.Server + ": " + said, Temporary: send.IsTemp()}
	case errors.As(err, &network):
		return &Error{Message: fmt.Sprintf("%s can't be reached: %s", e.opts.Server, said), Temporary: true}
	default:
		return &Error{Message: e.opts.Server + ": " + said}
	}
}
