package httpx

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"syscall"
)

var (
	errTooLarge = errors.New("answer too large")
	errNotBuilt = errors.New("request can't be built")
	errNotHTTP  = errors.New("no valid HTTP answer")
)

// explain puts a transport's error into words and tells whether another attempt
// may fare better. The error itself is not kept unless it is known to repeat
// nothing that was sent or received: those of net/http quote the answer.
func explain(op, phase string, err error) (e *Error, retry bool) {
	e = &Error{Op: op}
	var (
		untrusted *tls.CertificateVerificationError
		noTLS     tls.RecordHeaderError
		dns       *net.DNSError
		errno     syscall.Errno
		slow      net.Error
	)
	switch {
	case errors.Is(err, errNotBuilt):
		e.Reason, e.Err = "the request can't be built", errNotBuilt
		return e, false
	case errors.As(err, &untrusted):
		e.Reason, e.Err = "the server's certificate is not trusted: "+untrusted.Err.Error(), untrusted.Err
		return e, false
	case errors.As(err, &noTLS):
		e.Reason, e.Err = "the server does not speak TLS", errNotHTTP
		return e, false
	case errors.As(err, &dns):
		e.Reason, e.Err = "host name can't be resolved", dns
	case errors.As(err, &slow) && slow.Timeout():
		e.Reason, e.Err = "timed out ("+phase+")", context.DeadlineExceeded
	case errors.As(err, &errno):
		e.Reason, e.Err = errno.Error(), errno
	case phase == connecting: // before anything was sent: errors of TLS, mostly
		e.Reason, e.Err = "no connection: "+err.Error(), err
	case phase == reading:
		e.Reason, e.Err = "the answer broke off", io.ErrUnexpectedEOF
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		e.Reason, e.Err = "the connection was closed without an answer", io.ErrUnexpectedEOF
	default:
		e.Reason, e.Err = "no valid HTTP answer", errNotHTTP
	}
	return e, true
}
