package deliverytest

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// What opens the mail server.
const (
	Username = "reports@example.com"
	Password = "mail-secret-value"
)

// Mail is one message that arrived.
type Mail struct {
	From string
	To   []string
	Data string
}

// SMTP is a mail server that runs. It demands TLS and credentials.
type SMTP struct {
	Address  string
	t        testing.TB
	cert     tls.Certificate
	roots    *x509.CertPool
	implicit bool

	mu     sync.Mutex
	mails  []Mail
	refuse error
	server *smtp.Server
}

// NewSMTP starts a mail server: with TLS from the first byte, or by STARTTLS.
func NewSMTP(t testing.TB, implicit bool) *SMTP {
	t.Helper()
	s := &SMTP{t: t, implicit: implicit, Address: freeAddress(t)}
	s.cert, s.roots = certificate()
	t.Cleanup(s.Stop)
	s.Start()
	return s
}

// Roots verify the server's certificate.
func (s *SMTP) Roots() *x509.CertPool { return s.roots }

// RootsFile is a file with the same, for SSL_CERT_FILE.
func (s *SMTP) RootsFile() string {
	s.t.Helper()
	return pemFile(s.t, "CERTIFICATE", s.cert.Certificate[0])
}

// certificate is the one for 127.0.0.1 that Go's test servers have.
func certificate() (tls.Certificate, *x509.CertPool) {
	h := httptest.NewTLSServer(nil)
	defer h.Close()
	roots := x509.NewCertPool()
	roots.AddCert(h.Certificate())
	return h.TLS.Certificates[0], roots
}

func pemFile(t testing.TB, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Start lets a stopped server answer again.
func (s *SMTP) Start() {
	s.t.Helper()
	l, err := net.Listen("tcp", s.Address) //nolint:noctx // closed by Stop
	if err != nil {
		s.t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{s.cert}, MinVersion: tls.VersionTLS12}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{s: s}, nil }))
	server.ErrorLog = silent{}
	if s.implicit {
		l = tls.NewListener(l, config)
	} else {
		server.TLSConfig = config
	}
	s.server = server
	go func() { _ = server.Serve(l) }() // ends with Stop
}

// Stop ends the server; it may be started again.
func (s *SMTP) Stop() {
	if s.server != nil {
		_ = s.server.Close() // tests close with messages under way
		s.server = nil
	}
}

// Mails are the messages that arrived.
func (s *SMTP) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Mail(nil), s.mails...)
}

// Refuse answers each message with err from now on; nil: they are taken.
func (s *SMTP) Refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = err
}

type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// session is one client.
type session struct {
	s    *SMTP
	in   bool
	mail Mail
}

// AuthMechanisms are offered once the connection is encrypted.
func (c *session) AuthMechanisms() []string { return []string{sasl.Plain} }

// Auth checks the credentials.
func (c *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if username != Username || password != Password {
			return smtp.ErrAuthFailed
		}
		c.in = true
		return nil
	}), nil
}

// Mail begins a message.
func (c *session) Mail(from string, _ *smtp.MailOptions) error {
	if !c.in {
		return smtp.ErrAuthRequired
	}
	c.mail = Mail{From: from}
	return nil
}

// Rcpt adds a recipient.
func (c *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	c.mail.To = append(c.mail.To, to)
	return nil
}

// Data takes the message.
func (c *session) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.s.refuse != nil {
		return c.s.refuse
	}
	if err != nil {
		return err
	}
	c.mail.Data = string(b)
	c.s.mails = append(c.s.mails, c.mail)
	return nil
}

// Reset forgets the message.
func (c *session) Reset() { c.mail = Mail{} }

// Logout ends the session.
func (c *session) Logout() error { return nil }
