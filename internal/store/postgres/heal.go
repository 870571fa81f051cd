package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

// heal deals with what a killed program left. A server that still runs on this
// cluster is stopped: the lock proves that no tieout uses it. Where the number
// in postmaster.pid now belongs to a stranger, that number is returned, for the
// new server to be told so. The file itself stays: it also names the shared
// memory by which the new server makes sure that nobody works on the cluster.
func (h *home) heal(ctx context.Context, log zerolog.Logger) (stray int, err error) {
	stray, err = h.healServer(ctx, log)
	if err != nil {
		return 0, err
	}
	return stray, removeSocketDir(h.oldSockets)
}

func (h *home) healServer(ctx context.Context, log zerolog.Logger) (stray int, err error) {
	path := filepath.Join(h.data, "postmaster.pid")
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the server's pid: %w", err)
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 0 {
		// Cut off by a crash of the machine: it names nothing, and the server
		// would refuse it.
		if err := os.Remove(path); err != nil {
			return 0, fmt.Errorf("remove a broken postmaster.pid: %w", err)
		}
		return 0, nil
	}
	if h.servedBy(ctx, pid) {
		log.Info().Int("pid", pid).Msg("stopping an embedded database that an earlier run left")
		if err := h.stopOrphan(ctx, pid); err != nil {
			return 0, err
		}
	}
	return pid, nil
}

// removeSocketDir removes the socket directory that an earlier start made; any
// other directory is left alone.
func removeSocketDir(dir string) error {
	if !filepath.IsAbs(dir) || !strings.HasPrefix(filepath.Base(dir), socketPrefix) {
		return nil
	}
	for _, name := range []string{".s.PGSQL." + port, ".s.PGSQL." + port + ".lock", passwordFile, ""} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove an old socket: %w", err)
		}
	}
	return nil
}

// stopOrphan shuts down a server without a program, gently first.
func (h *home) stopOrphan(ctx context.Context, pid int) error {
	for _, step := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGINT, stopIn}, {syscall.SIGQUIT, 15 * time.Second}} {
		if err := syscall.Kill(pid, step.signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stop the server left as process %d: %w", pid, err)
		}
		for until := time.Now().Add(step.wait); time.Now().Before(until); {
			if !h.servedBy(ctx, pid) {
				return nil
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("stop the server left as process %d: %w", pid, ctx.Err())
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	return fmt.Errorf("the server left as process %d does not end", pid)
}

// servedBy tells whether a process is the server of this cluster. A server
// works in its cluster's directory and was started with its path; a stranger
// that took over the number did neither.
func (h *home) servedBy(ctx context.Context, pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	if _, err := os.Stat("/proc/self/cwd"); err == nil {
		works, errW := os.Stat(filepath.Join(proc, "cwd"))
		data, errD := os.Stat(h.data)
		return errW == nil && errD == nil && os.SameFile(works, data) && isPostgres(proc)
	}
	out, err := exec.CommandContext(ctx, "ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.Contains(string(out), "postgres") && strings.Contains(string(out), h.data)
}

// isPostgres keeps a shell that stands in the cluster's directory from being
// taken for its server.
func isPostgres(proc string) bool {
	name, err := os.ReadFile(filepath.Join(proc, "comm"))
	return err == nil && strings.HasPrefix(string(name), "postgres")
}
