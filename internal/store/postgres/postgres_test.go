package postgres

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

// childEnv makes the test binary a program that holds a database, for the
// tests that kill it.
const childEnv = "TIEOUT_TEST_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func child(dir string) error {
	s, err := Start(context.Background(), Options{Dir: dir, Log: zerolog.Nop()})
	if err != nil {
		return err
	}
	fmt.Println(s.process.pid(), s.sockets)
	select {} // until killed
}

func options(t *testing.T, dir string) Options {
	t.Helper()
	return Options{Dir: dir, Log: zerolog.New(zerolog.NewTestWriter(t)), Volatile: true}
}

// enterable is a temporary directory that the server's account may pass, as an
// ordinary directory is.
func enterable(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	pass := os.FileMode(0o711)
	if err := os.Chmod(filepath.Dir(dir), pass); err != nil {
		t.Fatal(err)
	}
	return dir
}

func begin(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func end(t *testing.T, s *Server) {
	t.Helper()
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
}

func execute(t *testing.T, s *Server, statement string) {
	t.Helper()
	if err := tryExecute(t.Context(), s, statement); err != nil {
		t.Fatal(err)
	}
}

func tryExecute(ctx context.Context, s *Server, statement string) (err error) {
	db, err := sql.Open("postgres", s.URL())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, statement)
	return err
}

func ask(t *testing.T, s *Server, query string) (answer string) {
	t.Helper()
	db, err := sql.Open("postgres", s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := db.QueryRowContext(t.Context(), query).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return answer
}

func gone(pid int) bool {
	for range 200 {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		zombie := err == nil && strings.Contains(string(state), ") Z ")
		if zombie || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return true
		}
		time.Sleep(50 * time.Millisecond)
	}
	return false
}

func TestDataStaysFromOneStartToTheNext(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(enterable(t), ".tieout", "postgres")
	o := options(t, dir)
	o.Volatile = false // as users have it
	s := begin(t, o)
	execute(t, s, `CREATE TABLE kept AS SELECT 42 AS n`)
	for _, want := range []struct{ name, value string }{
		{"fsync", "on"},
		{"synchronous_commit", "on"},
		{"full_page_writes", "on"},
		{"data_checksums", "on"},
		{"shared_buffers", "256MB"},
		{"jit", "off"},
		{"listen_addresses", ""},
		{"server_encoding", "UTF8"},
		{"password_encryption", "scram-sha-256"},
		{"TimeZone", "UTC"},
	} {
		if got := ask(t, s, `SELECT current_setting('`+want.name+`')`); got != want.value {
			t.Errorf("%s is %q, want %q", want.name, got, want.value)
		}
	}
	if got := ask(t, s, `SELECT datcollate FROM pg_database WHERE datname = current_database()`); got != "C" {
		t.Errorf("collation is %q, want C", got)
	}
	end(t, s)
	if _, err := os.Stat(s.sockets); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket's directory is left: %v", err)
	}
	if got := ask(t, begin(t, o), `SELECT n FROM kept`); got != "42" {
		t.Errorf("got %s after a restart, want 42", got)
	}
}

func TestStopCanBeCalledTwice(t *testing.T) {
	t.Parallel()
	s := begin(t, options(t, enterable(t)))
	end(t, s)
	end(t, s)
}

func TestSecretsArePrivate(t *testing.T) {
	t.Parallel()
	dir := enterable(t)
	s := begin(t, options(t, dir))
	for _, name := range []string{passwordFile, "lock", "server.log"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", name, info.Mode().Perm())
		}
	}
	if left, err := os.ReadDir(s.sockets); err != nil || len(left) != 2 {
		t.Errorf("beside the socket is %v, %v; want the socket and its lock alone", left, err)
	}
	if err := tryExecute(t.Context(), s, `SELECT * FROM "no such table 254700000001"`); err == nil {
		t.Fatal("a wrong statement succeeded")
	}
	execute(t, s, `CREATE TABLE accounts (account text PRIMARY KEY)`)
	if err := tryExecute(t.Context(), s, `INSERT INTO accounts VALUES ('254711111111'), ('254711111111')`); err == nil {
		t.Fatal("a duplicate was taken")
	}
	raw, err := os.ReadFile(filepath.Join(dir, "server.log"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(raw), "duplicate key") || strings.Contains(string(raw), "254711111111") {
		t.Errorf("the log must name the error and not the row:\n%s", raw)
	}
	wrong := &Server{sockets: s.sockets, password: "guess"}
	if err := tryExecute(t.Context(), wrong, `SELECT 1`); err == nil {
		t.Error("a wrong password was taken")
	}
}

func TestASecondProgramOnTheSameDirectoryIsTurnedAway(t *testing.T) {
	t.Parallel()
	o := options(t, enterable(t))
	s := begin(t, o)
	_, err := Start(t.Context(), o)
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), fmt.Sprintf("process %d ", os.Getpid())) {
		t.Errorf("got %v, want ErrInUse with the number of the process", err)
	}
	if got := ask(t, s, `SELECT 'alive'`); got != "alive" {
		t.Error("the first one was disturbed")
	}
	end(t, s)
	begin(t, o)
}

func TestAKilledProgramLosesNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(enterable(t), "pg")
	pid, sockets, kill := startChild(t, dir)
	second, err := Start(t.Context(), options(t, dir))
	if !errors.Is(err, ErrInUse) {
		t.Fatalf("got %v, %v beside another program, want ErrInUse", second, err)
	}
	kill()
	s := begin(t, options(t, dir)) // at once: the old server may still be on its way out
	if !gone(pid) {
		t.Errorf("the server of the killed program, %d, still runs", pid)
	}
	execute(t, s, `CREATE TABLE after_kill ()`)
	if _, err := os.Stat(sockets); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the old socket's directory is left: %v", err)
	}
}

func TestTheServerEndsWithAKilledProgram(t *testing.T) {
	t.Parallel()
	pid, sockets, kill := startChild(t, filepath.Join(enterable(t), "pg"))
	kill()
	ended := gone(pid)
	if runtime.GOOS == "linux" && !ended {
		t.Errorf("server %d outlives its program", pid)
	}
	if !ended { // nothing binds it elsewhere
		if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil {
			t.Error(err)
		}
	}
	if err := removeSocketDir(sockets); err != nil {
		t.Error(err)
	}
}

// startChild runs a program that holds the database of dir; kill ends it as
// kill -9 does.
func startChild(t *testing.T, dir string) (server int, sockets string, kill func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err, cmd.Wait())
	}
	if _, err := fmt.Sscan(line, &server, &sockets); err != nil {
		t.Fatal(err)
	}
	return server, sockets, func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the child ended by itself")
		}
	}
}

func TestAServerThatNobodyHoldsIsStopped(t *testing.T) {
	t.Parallel()
	o := options(t, enterable(t))
	s := begin(t, o)
	execute(t, s, `CREATE TABLE kept AS SELECT 42 AS n`)
	end(t, s)
	if err := os.Mkdir(s.sockets, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.home.server.own(s.sockets); err != nil {
		t.Fatal(err)
	}
	orphan := s.home.command(t.Context(), "postgres", serverArgs(s.home.data, s.sockets, true)...)
	if err := orphan.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- orphan.Wait() }()
	if err := s.waitReadyAsOrphan(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, begin(t, o), `SELECT n FROM kept`); got != "42" {
		t.Errorf("got %s beside an orphan, want 42", got)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the orphan was not shut down in order: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the orphan still runs")
	}
	if _, err := os.Stat(s.sockets); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the orphan's socket is left: %v", err)
	}
}

func (s *Server) waitReadyAsOrphan(ctx context.Context) error {
	s.process = &process{done: make(chan struct{})}
	return s.waitReady(ctx)
}

func TestAKilledServerIsRecovered(t *testing.T) {
	t.Parallel()
	o := options(t, enterable(t))
	o.Volatile = false
	s := begin(t, o)
	execute(t, s, `CREATE TABLE kept AS SELECT 42 AS n`)
	// A session that is busy for a while holds the shared memory after its
	// postmaster is gone.
	busy := make(chan error, 1)
	go func() { busy <- tryExecute(context.Background(), s, `SELECT pg_sleep(600)`) }()
	for ask(t, s, `SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND state = 'active' AND pid <> pg_backend_pid()`) != "1" {
		time.Sleep(10 * time.Millisecond)
	}
	if err := syscall.Kill(s.process.pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	end(t, s)
	if got := ask(t, begin(t, o), `SELECT n FROM kept`); got != "42" {
		t.Errorf("got %s after kill -9 of the server, want 42", got)
	}
	if err := <-busy; err == nil {
		t.Error("the session outlived its server")
	}
}

func TestWhatACrashLeavesInThePidFileIsHealed(t *testing.T) {
	t.Parallel()
	for name, pid := range map[string]func(t *testing.T, h *home) string{
		"nothing": func(*testing.T, *home) string { return "" },
		"rubbish": func(*testing.T, *home) string { return "\x00\x00\n" },
		"a dead process": func(t *testing.T, h *home) string {
			return strconv.Itoa(stranger(t, h, "true"))
		},
		"a stranger of the same account": func(t *testing.T, h *home) string {
			return strconv.Itoa(stranger(t, h, "sleep", "600"))
		},
		"this very program": func(*testing.T, *home) string { return strconv.Itoa(os.Getpid()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t, enterable(t))
			s := begin(t, o)
			file := filepath.Join(s.home.data, "postmaster.pid")
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			end(t, s)
			text := pid(t, s.home)
			if _, err := strconv.Atoi(text); err == nil {
				_, rest, _ := strings.Cut(string(raw), "\n")
				text += "\n" + rest
			}
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := s.home.server.own(file); err != nil {
				t.Fatal(err)
			}
			if got := ask(t, begin(t, o), `SELECT 'up'`); got != "up" {
				t.Error("not up")
			}
		})
	}
}

// stranger runs a program as the server's account and returns its number; one
// that does not end by itself must survive the test's healing.
func stranger(t *testing.T, h *home, name string, args ...string) int {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.SysProcAttr = "/", h.server.attributes()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if len(args) == 0 {
		defer cancel()
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		return cmd.Process.Pid
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.Signal(0)); err != nil {
			t.Errorf("the stranger was killed: %v", err)
		}
		cancel()
		_ = cmd.Wait() // killed just now
	})
	return cmd.Process.Pid
}
