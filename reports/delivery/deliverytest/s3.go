// Package deliverytest runs real counterparts for tests of deliveries: an S3
// storage (Versity's gateway over a folder) and a mail server.
package deliverytest

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The storage's program, built when a test first needs it.
const (
	gateway        = "github.com/versity/versitygw/cmd/versitygw"
	gatewayVersion = "v1.8.0"
)

// What opens the storage, and its bucket.
const (
	AccessKeyID     = "tieout"
	SecretAccessKey = "storage-secret-value"
	Region          = "eu-west-1"
	Bucket          = "finance-reports"
)

// S3 is a storage that runs.
type S3 struct {
	Endpoint string         // http://127.0.0.1:port, or https
	Dir      string         // of the bucket: an object is a file there
	Roots    *x509.CertPool // verify the storage, where it speaks TLS

	t       testing.TB
	program string
	address string
	options []string
	server  *exec.Cmd
}

// NewS3 starts a storage with an empty bucket; it ends with the test.
func NewS3(t testing.TB) *S3 {
	t.Helper()
	return newS3(t, false)
}

// NewS3TLS is NewS3 over TLS, with a certificate that only Roots verify.
func NewS3TLS(t testing.TB) *S3 {
	t.Helper()
	return newS3(t, true)
}

func newS3(t testing.TB, encrypted bool) *S3 {
	t.Helper()
	program, err := built()
	if err != nil {
		t.Fatalf("the S3 gateway for tests can't be built: %v", err)
	}
	root := t.TempDir()
	s := &S3{t: t, program: program, address: freeAddress(t), Dir: filepath.Join(root, "data", Bucket)}
	s.Endpoint = "http://" + s.address
	if err := os.MkdirAll(s.Dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(s.sidecar(), 0o750); err != nil {
		t.Fatal(err)
	}
	if encrypted {
		cert, roots := certificate()
		key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		s.Endpoint, s.Roots = "https://"+s.address, roots
		s.options = []string{"--cert", pemFile(t, "CERTIFICATE", cert.Certificate[0]), "--key", pemFile(t, "PRIVATE KEY", key)}
	}
	t.Cleanup(s.Stop)
	s.Start()
	return s
}

// sidecar holds the objects' metadata: not every file system has attributes.
func (s *S3) sidecar() string { return filepath.Join(filepath.Dir(filepath.Dir(s.Dir)), "metadata") }

// Start lets a stopped storage answer again, with what it held.
func (s *S3) Start() {
	s.t.Helper()
	args := append([]string{"--port", s.address, "--access", AccessKeyID, "--secret", SecretAccessKey, "--region", Region, "--quiet"}, s.options...)
	args = append(args, "posix", "--sidecar", s.sidecar(), filepath.Dir(s.Dir))
	s.server = exec.Command(s.program, args...) //nolint:noctx // it lives as long as the test
	if err := s.server.Start(); err != nil {
		s.t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		conn, err := net.Dial("tcp", s.address) //nolint:noctx // an open port will do
		if err == nil {
			_ = conn.Close()
			return
		}
	}
	s.t.Fatal("the S3 gateway does not answer")
}

// Stop ends the storage; it may be started again.
func (s *S3) Stop() {
	if s.server != nil {
		_ = s.server.Process.Kill() // it may have ended by itself
		_ = s.server.Wait()
		s.server = nil
	}
}

// Object reads an object's bytes from the storage's folder.
func (s *S3) Object(key string) []byte {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.Dir, filepath.FromSlash(key)))
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed at once
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// built returns the gateway's program in ./bin, and builds it first where it is
// not there. Tests of several packages wait for each other.
func built() (string, error) {
	ctx := context.Background()
	module, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	bin := filepath.Join(filepath.Dir(strings.TrimSpace(string(module))), "bin")
	program := filepath.Join(bin, "versitygw-"+gatewayVersion)
	if err := os.MkdirAll(bin, 0o750); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(program+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer func() { _ = lock.Close() }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	into, err := os.MkdirTemp(bin, "versitygw-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(into) }()
	build := exec.CommandContext(ctx, "go", "install", gateway+"@"+gatewayVersion)
	build.Env = append(os.Environ(), "GOBIN="+into)
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go install %s@%s: %w\n%s", gateway, gatewayVersion, err, said)
	}
	return program, os.Rename(filepath.Join(into, "versitygw"), program)
}
