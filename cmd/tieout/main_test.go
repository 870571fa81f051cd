package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tieout/internal/store/pgtest"
)

// asCommand makes the test binary be tieout itself: the tests start it as users
// do, as a process with arguments, an environment and an exit code.
const asCommand = "TIEOUT_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	pgtest.Main(m)
}

// enough is what any one command may take, on a machine that has much else to do.
const enough = 4 * time.Minute

// result is what a command left behind.
type result struct {
	code     int
	out, err string
}

// tieout runs a command in the folder and waits for its end.
func tieout(t testing.TB, dir string, args ...string) result {
	t.Helper()
	return start(t, dir, nil, args...).wait()
}

// process is a command under way.
type process struct {
	t    testing.TB
	cmd  *exec.Cmd
	out  bytes.Buffer
	err  lines
	done chan struct{} // closed when it has ended
}

// start runs a command in the folder. The environment is the tests' own without
// tieout's variables, and with env.
func start(t testing.TB, dir string, env []string, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	p := &process{t: t, cmd: exec.Command(self, args...), done: make(chan struct{})}
	p.cmd.Dir = dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "TIEOUT_") {
			p.cmd.Env = append(p.cmd.Env, v)
		}
	}
	p.cmd.Env = append(append(p.cmd.Env, asCommand+"=1"), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	require.NoError(t, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait() // the exit code is read from the state
		close(p.done)
	}()
	t.Cleanup(func() { p.kill() })
	return p
}

// wait waits for the end.
func (p *process) wait() result {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(enough):
		p.kill()
		p.t.Fatalf("%v did not end within %s:\n%s", p.cmd.Args[1:], enough, p.err.String())
	}
	return result{p.cmd.ProcessState.ExitCode(), p.out.String(), p.err.String()}
}

// kill ends the process at whatever instruction it is.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.done
}

// stop asks the process to end, as Kubernetes does.
func (p *process) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatalf("stopping: %v", err)
	}
}

// says waits until the process has written text to standard error so many times.
func (p *process) says(text string, times int) {
	p.t.Helper()
	eventually(p.t, func() bool {
		if strings.Count(p.err.String(), text) >= times {
			return true
		}
		select {
		case <-p.done:
			p.t.Fatalf("%v ended with %d without saying %q:\n%s", p.cmd.Args[1:], p.cmd.ProcessState.ExitCode(), text, p.err.String())
		default:
		}
		return false
	})
}

// eventually waits for something that must come.
func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), enough)
	defer cancel()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatal("what was waited for did not come")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// lines is a buffer that can be read while a process writes into it.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
