// Package pgtest gives tests real PostgreSQL databases. Every test gets one of
// its own, on a server that the tests of a package share: the one that
// TIEOUT_TEST_DATABASE_URL names (its user must be allowed to create
// databases), or an embedded one that lives as long as the tests.
//
// A package that uses it has
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
package pgtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"
	"github.com/rs/zerolog"

	"tieout/internal/store/postgres"
)

// EnvURL names a server for the tests, instead of an embedded one.
const EnvURL = "TIEOUT_TEST_DATABASE_URL"

// shared is the server of this test binary: Main makes it, the first test that
// needs it starts it.
var shared *server

type server struct {
	start    sync.Once
	err      error
	url      *url.URL
	embedded *postgres.Server
	dir      string

	mu        sync.Mutex
	templates map[string]*template
}

// template is a database that others are copied from.
type template struct {
	once sync.Once
	name string
	err  error
}

// Main runs the tests of a package, stops the server that they used and exits.
func Main(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	shared = &server{templates: map[string]*template{}}
	defer func() {
		if err := shared.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
			code = max(code, 1)
		}
	}()
	return m.Run()
}

// URL returns the connection URL of an empty database, which is dropped when
// the test ends.
func URL(t testing.TB) string {
	t.Helper()
	return Prepared(t, "", func(context.Context, string) error { return nil })
}

// Prepared returns the connection URL of a database that is dropped when the
// test ends. It is a copy of one that prepare has filled: prepare runs once for
// each name, so that migrating costs once and a copy costs milliseconds. It
// must close its connections.
func Prepared(t testing.TB, name string, prepare func(ctx context.Context, url string) error) string {
	t.Helper()
	if shared == nil {
		t.Fatal("the package needs: func TestMain(m *testing.M) { pgtest.Main(m) }")
	}
	ctx := t.Context()
	shared.start.Do(func() { shared.err = shared.open(ctx) })
	if shared.err != nil {
		t.Fatalf("pgtest: %v", shared.err)
	}
	from, err := shared.template(ctx, name, prepare)
	if err != nil {
		t.Fatalf("pgtest: prepare %q: %v", name, err)
	}
	db := newName()
	if err := shared.create(ctx, db, from); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		if err := shared.drop(db); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return shared.database(db)
}

func newName() string { return "test_" + strings.ReplaceAll(uuid.NewString(), "-", "") }

func (s *server) open(ctx context.Context) (err error) {
	if given := os.Getenv(EnvURL); given != "" {
		if s.url, err = url.Parse(given); err != nil || !strings.HasPrefix(s.url.Scheme, "postgres") {
			return errors.New(EnvURL + " must be a URL: postgres://user:password@host/database")
		}
		return nil
	}
	if s.dir, err = os.MkdirTemp("", "tieout-pgtest-"); err != nil {
		return err
	}
	if os.Geteuid() == 0 { // the server runs as another user then, who must get in
		pass := os.FileMode(0o711)
		if err := os.Chmod(s.dir, pass); err != nil {
			return err
		}
	}
	s.embedded, err = postgres.Start(ctx, postgres.Options{Dir: s.dir, Log: zerolog.Nop(), Volatile: true})
	if err != nil {
		return err
	}
	s.url, err = url.Parse(s.embedded.URL())
	return err
}

func (s *server) stop() error {
	var errs []error
	if s.embedded == nil {
		for _, t := range s.templates {
			if t.name != "" {
				errs = append(errs, s.drop(t.name))
			}
		}
	} else {
		errs = append(errs, s.embedded.Stop())
	}
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

// template returns the database that tests of this name are copied from.
func (s *server) template(ctx context.Context, name string, prepare func(context.Context, string) error) (string, error) {
	s.mu.Lock()
	t := s.templates[name]
	if t == nil {
		t = &template{}
		s.templates[name] = t
	}
	s.mu.Unlock()
	t.once.Do(func() {
		db := newName()
		if t.err = s.create(ctx, db, "template0"); t.err == nil {
			t.name = db
			t.err = prepare(ctx, s.database(db))
		}
	})
	return t.name, t.err
}

func (s *server) create(ctx context.Context, name, from string) error {
	return s.do(ctx, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s", pq.QuoteIdentifier(name), pq.QuoteIdentifier(from)))
}

// drop removes a database with whatever is still connected to it; the context
// of its test is over by then.
func (s *server) drop(name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return s.do(ctx, "DROP DATABASE IF EXISTS "+pq.QuoteIdentifier(name)+" WITH (FORCE)")
}

// do runs one statement beside all test databases. A template that another
// session is just copying is busy for moments: then it tries again.
func (s *server) do(ctx context.Context, statement string) (err error) {
	db, err := sql.Open("postgres", s.url.String())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	const objectInUse = "55006"
	for range 200 {
		_, err = db.ExecContext(ctx, statement)
		var pe *pq.Error
		if !errors.As(err, &pe) || pe.Code != objectInUse {
			break
		}
		time.Sleep(25 * time.Millisecond)
	}
	return err
}

// database is the server's URL with another database.
func (s *server) database(name string) string {
	u := *s.url
	u.Path = "/" + name
	return u.String()
}
