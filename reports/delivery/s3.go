package delivery

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"tieout/reports"
)

// S3Options say which bucket of which storage.
type S3Options struct {
	Endpoint               string // https://host[:port]; http for this machine alone
	Region, Bucket, Prefix string
	PathStyle              bool
	AccessKeyID            string
	SecretAccessKey        string
	SessionToken           string
	// RootCAs verify the storage; nil: the system's.
	RootCAs *x509.CertPool
}

// S3 puts files into a bucket, one object a file under a key of its own version;
// nothing is ever overwritten.
type S3 struct {
	opts   S3Options
	client *minio.Client
	host   string
}

// NewS3 makes the client; nothing is asked yet.
func NewS3(o S3Options) (*S3, error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil {
		return nil, &Error{Message: "the storage's endpoint is no URL"}
	}
	lookup := minio.BucketLookupAuto
	if o.PathStyle {
		lookup = minio.BucketLookupPath
	}
	transport, err := minio.DefaultTransport(u.Scheme == "https")
	if err != nil {
		return nil, &Error{Message: clean(err.Error())}
	}
	if u.Scheme == "https" && o.RootCAs != nil {
		transport.TLSClientConfig.RootCAs = o.RootCAs
	}
	client, err := minio.New(u.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(o.AccessKeyID, o.SecretAccessKey, o.SessionToken),
		Secure: u.Scheme == "https", Region: o.Region, BucketLookup: lookup, Transport: transport,
		TrailingHeaders: true, // without it no checksum is allowed
		MaxRetries:      1,    // a stream can't be sent again; whoever calls tries again
	})
	if err != nil {
		return nil, &Error{Message: clean(err.Error(), o.SecretAccessKey, o.SessionToken)}
	}
	return &S3{opts: o, client: client, host: u.Host}, nil
}

// key is the object's name. Its parts are configured names, dates and our own
// files' names, in which nothing needs escaping but for what the client escapes.
func (s *S3) key(v Version, name string) string {
	return path.Join(append([]string{s.opts.Prefix}, v.path(name)...)...)
}

// Place is the folder of a version's objects.
func (s *S3) Place(v Version) string { return "s3://" + s.opts.Bucket + "/" + s.key(v, "") + "/" }

// Deliver puts every file there that is not there yet, the manifest last: whoever
// finds it finds all others complete.
func (s *S3) Deliver(ctx context.Context, _ string, v Version) error {
	files := slices.Clone(v.Files)
	slices.SortStableFunc(files, func(a, b reports.File) int { return last(a.Name) - last(b.Name) })
	for _, f := range files {
		if err := s.put(ctx, v, f); err != nil {
			return s.explain(ctx, err)
		}
	}
	return nil
}

func last(name string) int {
	if name == reports.ManifestName {
		return 1
	}
	return 0
}

// sha256Meta is the metadata that tells an object's digest (hex), by which it is
// known again.
const sha256Meta = "Sha256"

func (s *S3) put(ctx context.Context, v Version, f reports.File) error {
	key := s.key(v, f.Name)
	if there, err := s.holds(ctx, key, f); there || err != nil {
		return err
	}
	digest, err := hex.DecodeString(f.SHA256)
	if err != nil {
		return &Error{Message: f.Name + ": its digest is not hexadecimal"}
	}
	opts := minio.PutObjectOptions{
		ContentType: contentType(f.Name),
		UserMetadata: map[string]string{
			sha256Meta: f.SHA256,
			// the storage proves the bytes that arrived
			"x-amz-checksum-sha256": base64.StdEncoding.EncodeToString(digest),
		},
		DisableMultipart: true, // one request: the object is there as a whole or not at all
	}
	opts.SetMatchETagExcept("*") // nothing is ever overwritten, also not by two at once
	_, err = s.client.PutObject(ctx, s.opts.Bucket, key, prove(v.Open(ctx, f.Name), f), f.Size, opts)
	if minio.ToErrorResponse(err).StatusCode == http.StatusPreconditionFailed {
		there, err := s.holds(ctx, key, f)
		if err == nil && !there {
			err = s.taken(key)
		}
		return err
	}
	return err
}

// holds tells whether the object is there already, with the same bytes. Other
// bytes are an error: keys name versions, and versions don't change.
func (s *S3) holds(ctx context.Context, key string, f reports.File) (bool, error) {
	info, err := s.client.StatObject(ctx, s.opts.Bucket, key, minio.StatObjectOptions{})
	switch answer := minio.ToErrorResponse(err); {
	case err == nil && info.Size == f.Size && strings.EqualFold(info.UserMetadata[sha256Meta], f.SHA256):
		return true, nil
	case err == nil:
		return false, s.taken(key)
	case answer.Code == minio.NoSuchKey || answer.StatusCode == http.StatusForbidden:
		// credentials that may only write are not told; the storage refuses to
		// overwrite then
		return false, nil
	default:
		return false, err
	}
}

func (s *S3) taken(key string) *Error {
	return &Error{Message: fmt.Sprintf("bucket %s has another file under %s already, and nothing is ever overwritten: does another database deliver there? Give each a prefix of its own", s.opts.Bucket, key)}
}

// Check asks for the bucket.
func (s *S3) Check(ctx context.Context) (string, error) {
	there, err := s.client.BucketExists(ctx, s.opts.Bucket)
	switch {
	case err != nil:
		return "", s.explain(ctx, err)
	case !there:
		return "", s.noBucket()
	default:
		return "reached, bucket " + s.opts.Bucket + " is there", nil
	}
}

func (s *S3) noBucket() *Error {
	return &Error{Message: fmt.Sprintf("%s has no bucket %s: make it, or correct bucket and region", s.host, s.opts.Bucket)}
}

// explain turns what the client says into what a person can act on.
func (s *S3) explain(ctx context.Context, err error) error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	if out := timedOut(ctx, s.host); out != nil {
		return out
	}
	answer := minio.ToErrorResponse(err)
	switch {
	case answer.Code == minio.NoSuchBucket:
		return s.noBucket()
	case answer.StatusCode == http.StatusForbidden || answer.StatusCode == http.StatusUnauthorized:
		return &Error{Message: fmt.Sprintf("%s refused the credentials (%s): check access_key_id and secret_access_key, and what they may do in bucket %s", s.host, clean(answer.Code), s.opts.Bucket)}
	case answer.StatusCode >= http.StatusInternalServerError || answer.StatusCode == http.StatusTooManyRequests:
		return &Error{Message: fmt.Sprintf("%s answered %d (%s)", s.host, answer.StatusCode, clean(answer.Code)), Temporary: true}
	case answer.StatusCode != 0:
		return &Error{Message: fmt.Sprintf("%s answered %d (%s: %s)", s.host, answer.StatusCode, clean(answer.Code), clean(answer.Message, s.secrets()...))}
	default:
		return &Error{Message: s.host + " can't be reached: " + clean(cause(err).Error(), s.secrets()...), Temporary: true}
	}
}

func (s *S3) secrets() []string { return []string{s.opts.SecretAccessKey, s.opts.SessionToken} }

// cause is an HTTP client's error without the address that was asked.
func cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func contentType(name string) string {
	switch path.Ext(name) {
	case ".csv":
		return "text/csv; charset=utf-8"
	case ".json":
		return "application/json"
	case ".xlsx":
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	default:
		return "application/octet-stream"
	}
}

// proving reads a file and holds its last bytes back until they have proven
// digest and size, so that no request can end well with other ones.
type proving struct {
	in   io.Reader
	file reports.File
	sum  hash.Hash
	seen int64
	give []byte // what is given next
	held []byte // the block behind it
	end  bool
}

func prove(in io.Reader, f reports.File) io.Reader {
	return &proving{in: in, file: f, sum: sha256.New()}
}

// Read gives the next bytes of the file.
func (p *proving) Read(out []byte) (int, error) {
	const size = 1 << 16
	for len(p.give) == 0 {
		if p.end {
			return 0, io.EOF
		}
		block := make([]byte, size)
		n, err := io.ReadFull(p.in, block)
		block = block[:n]
		p.sum.Write(block) // a hash never fails
		p.seen += int64(n)
		switch {
		case err == nil:
			p.give, p.held = p.held, block
		case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			return 0, err
		case p.seen != p.file.Size || hex.EncodeToString(p.sum.Sum(nil)) != p.file.SHA256:
			return 0, &Error{Message: p.file.Name + ": its bytes are not the ones that were published, so it was not put there"}
		default:
			p.give, p.end = append(p.held, block...), true
		}
	}
	n := copy(out, p.give)
	p.give = p.give[n:]
	return n, nil
}
