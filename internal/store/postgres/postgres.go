// Package postgres starts a private PostgreSQL server for those who have no
// database of their own. It uses the machine's PostgreSQL binaries, keeps its
// cluster in one directory, listens on a Unix socket that only the caller
// reaches, and stops with the program. What was committed stays, also when the
// program is killed: the next start tidies up what the last one left.
package postgres

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/lib/pq"
	"github.com/rs/zerolog"
)

// What a caller may decide on.
var (
	// ErrNoBinaries means that no usable PostgreSQL server is installed. Its
	// text, one line, says what to install.
	ErrNoBinaries = errors.New("no PostgreSQL server found")
	// ErrInUse means that another running program holds the same directory.
	ErrInUse = errors.New("database is in use")
)

const (
	superuser = "tieout" // owns the cluster, and the name of the database
	readyIn   = 5 * time.Minute
	// A fast shutdown writes one checkpoint; past this it is cut short, and
	// the next start replays the log instead.
	stopIn = time.Minute
)

// Options say where the cluster lives.
type Options struct {
	// Dir holds the cluster and what belongs to it; it is made when missing.
	Dir string
	// Log hears what is started, healed and stopped.
	Log zerolog.Logger
	// BinDir is the folder of initdb and postgres; empty: TIEOUT_POSTGRES_BIN,
	// then the usual places.
	BinDir string
	// Volatile trades safety for speed: nothing is synced to disk. For tests.
	Volatile bool

	// shelters are tried, in order, for the cluster of a Dir that the server's
	// account cannot enter.
	shelters []string
}

// Server is a running PostgreSQL server that this program started.
type Server struct {
	log      zerolog.Logger
	home     *home
	sockets  string // private directory of the socket
	password string
	process  *process
	stopOnce sync.Once
	stopErr  error
}

// Start starts the server of opts.Dir, making the cluster when there is none,
// and returns when it accepts connections. The context bounds the start only.
// A Dir that another program holds is ErrInUse; a machine without PostgreSQL
// 14 or later is ErrNoBinaries.
func Start(ctx context.Context, opts Options) (*Server, error) {
	s, err := start(ctx, opts)
	if err != nil {
		return nil, fmt.Errorf("embedded postgres: %w", err)
	}
	return s, nil
}

func start(ctx context.Context, opts Options) (_ *Server, err error) {
	h, err := openHome(opts.Dir)
	if err != nil {
		return nil, err
	}
	if opts.shelters == nil {
		opts.shelters = sheltersFor(h.dir)
	}
	s := &Server{log: opts.Log, home: h}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()

	bin, err := find(ctx, opts.BinDir, h.version())
	if err != nil {
		return nil, err
	}
	h.bin = bin.dir
	if err = h.settle(ctx, opts); err != nil {
		return nil, err
	}
	stray, err := h.heal(ctx, opts.Log)
	if err != nil {
		return nil, err
	}
	if s.password, err = h.password(); err != nil {
		return nil, err
	}
	if s.sockets, err = h.socketDir(ctx); err != nil {
		return nil, err
	}
	if err = h.initialise(ctx, opts, s.sockets, s.password); err != nil {
		return nil, err
	}
	if err = s.launch(ctx, opts, stray); err != nil {
		return nil, err
	}
	if err = s.createDatabase(ctx); err != nil {
		return nil, err
	}
	opts.Log.Debug().Str("version", bin.version).Str("data", h.data).Int("pid", s.process.pid()).Msg("embedded postgres started")
	return s, nil
}

// URL is the connection URL of the database, with its password: never log it.
func (s *Server) URL() string { return s.url(superuser) }

func (s *Server) url(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, s.password),
		Path:     "/" + database,
		RawQuery: url.Values{"host": {s.sockets}, "port": {port}, "sslmode": {"disable"}}.Encode(),
	}
	return u.String()
}

// Stop ends the server and waits for it; the data stays. Calling it again does
// nothing and returns the same.
func (s *Server) Stop() error {
	s.stopOnce.Do(func() {
		var errs []error
		if s.process != nil {
			errs = append(errs, s.process.stop())
		}
		if s.sockets != "" {
			errs = append(errs, os.RemoveAll(s.sockets))
		}
		errs = append(errs, s.home.close())
		if err := errors.Join(errs...); err != nil {
			s.stopErr = fmt.Errorf("stop embedded postgres: %w", err)
		}
	})
	return s.stopErr
}

// launch starts the server process and waits until it takes connections. Where
// backends of a killed server still hold its shared memory, which PostgreSQL
// proves by itself, it waits for them to notice and end.
func (s *Server) launch(ctx context.Context, opts Options, stray int) error {
	ctx, cancel := context.WithTimeout(ctx, readyIn)
	defer cancel()
	for {
		from, err := s.spawn(ctx, opts, stray)
		if err != nil {
			return err
		}
		err = s.waitReady(ctx)
		if err == nil {
			return nil
		}
		said := s.home.logSince(from)
		if !s.process.ended() || !strings.Contains(said, "pre-existing shared memory block") {
			return fmt.Errorf("%w%s", err, said)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w%s", ctx.Err(), said)
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// spawn starts the server process, its words going to the log file, and
// returns where in the log they begin.
func (s *Server) spawn(ctx context.Context, opts Options, stray int) (int64, error) {
	logFile, from, err := s.home.openLog()
	if err != nil {
		return 0, err
	}
	cmd := s.home.command(context.WithoutCancel(ctx), "postgres", serverArgs(s.home.data, s.sockets, opts.Volatile)...)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	if stray != 0 {
		// The way in which pg_ctl tells the server of a process that may
		// carry the number in postmaster.pid without being a postmaster.
		cmd.Env = append(cmd.Env, fmt.Sprintf("PG_GRANDPARENT_PID=%d", stray))
	}
	s.process, err = startProcess(cmd)
	return from, errors.Join(err, logFile.Close())
}

// waitReady returns when the server takes connections, or says why it won't.
func (s *Server) waitReady(ctx context.Context) error {
	connector, err := pq.NewConnector(s.url("postgres"))
	if err != nil {
		return err
	}
	for {
		conn, err := connector.Connect(ctx)
		if err == nil {
			return conn.Close()
		}
		var refused *pq.Error
		if errors.As(err, &refused) && refused.Code != "57P03" { // cannot_connect_now
			return fmt.Errorf("connect: %w", err)
		}
		select {
		case <-s.process.done:
			return errors.New("the server ended while it started")
		case <-ctx.Done():
			return fmt.Errorf("the server is not ready: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// createDatabase makes the database on the first start.
func (s *Server) createDatabase(ctx context.Context) error {
	db, err := sql.Open("postgres", s.url("postgres"))
	if err != nil {
		return err
	}
	var there bool
	err = db.QueryRowContext(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, superuser).Scan(&there)
	if err == nil && !there {
		_, err = db.ExecContext(ctx, "CREATE DATABASE "+pq.QuoteIdentifier(superuser))
	}
	if err = errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("create the database: %w", err)
	}
	return nil
}

// initialise makes the cluster where there is none. It is made beside its
// place and moved there when complete: a cluster is whole or absent.
func (h *home) initialise(ctx context.Context, opts Options, sockets, password string) error {
	if h.version() != "" {
		return nil
	}
	opts.Log.Info().Str("data", h.data).Msg("creating the embedded database")
	draft, err := h.draft()
	if err != nil {
		return fmt.Errorf("make the cluster's directory: %w", err)
	}
	// initdb reads the password as the server's account, so from a file in the
	// one directory that is that account's own and nobody else's.
	secret := filepath.Join(sockets, passwordFile)
	if err := errors.Join(os.WriteFile(secret, []byte(password+"\n"), 0o600), h.server.own(secret)); err != nil {
		return fmt.Errorf("hand over the password: %w", err)
	}
	args := []string{
		"--pgdata", draft, "--username", superuser, "--pwfile", secret, "--auth", "scram-sha-256",
		"--encoding", "UTF8", "--locale", "C", "--data-checksums", "--no-instructions",
	}
	if opts.Volatile {
		args = append(args, "--no-sync")
	}
	var said bytes.Buffer
	cmd := h.command(ctx, "initdb", args...)
	cmd.Stdout, cmd.Stderr = &said, &said
	p, err := startProcess(cmd)
	if err == nil {
		<-p.done
		err = p.err
	}
	if err != nil {
		return errors.Join(fmt.Errorf("initdb: %w: %s", err, lastLines(said.String(), 3)), os.RemoveAll(draft), os.Remove(secret))
	}
	if err := errors.Join(os.Remove(secret), os.Rename(draft, h.data)); err != nil {
		return fmt.Errorf("put the new cluster in place: %w", err)
	}
	return nil
}

// draft makes an empty directory for a new cluster beside the place where it
// will be, and removes those that were never finished.
func (h *home) draft() (string, error) {
	const prefix = "draft-"
	parent := filepath.Dir(h.data)
	old, err := filepath.Glob(filepath.Join(parent, prefix+"*"))
	if err != nil {
		return "", err
	}
	for _, dir := range old {
		if err := os.RemoveAll(dir); err != nil {
			return "", err
		}
	}
	dir, err := os.MkdirTemp(parent, prefix)
	if err != nil {
		return "", err
	}
	return dir, h.server.own(dir)
}

// command prepares one of PostgreSQL's programs to run as the server's
// account, with none of this program's environment: secrets live there.
func (h *home) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(h.bin, name), args...)
	cmd.Dir = "/"
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", "PATH=" + h.bin + ":/usr/bin:/bin"}
	if v, ok := os.LookupEnv("LD_LIBRARY_PATH"); ok {
		cmd.Env = append(cmd.Env, "LD_LIBRARY_PATH="+v)
	}
	cmd.SysProcAttr = h.server.attributes()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// openLog opens the server's log for appending, fresh when it has grown large,
// and returns where it ends.
func (h *home) openLog() (*os.File, int64, error) {
	const most = 8 << 20
	path := filepath.Join(h.dir, "server.log")
	if info, err := os.Stat(path); err == nil && info.Size() > most {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, 0, fmt.Errorf("turn over the server's log: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, 0, fmt.Errorf("open the server's log: %w", err)
	}
	at, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, at, nil
}

// logSince returns the end of what the server wrote since a place in its log,
// as the tail of an error message.
func (h *home) logSince(from int64) string {
	raw, err := os.ReadFile(filepath.Join(h.dir, "server.log"))
	if err != nil || int64(len(raw)) <= from {
		return ""
	}
	return ": " + lastLines(string(raw[from:]), 3)
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], " | ")
}
