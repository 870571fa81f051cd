package postgres

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// home is the directory of one embedded database:
//
//	lock        held by the program that uses it; says which, and its socket
//	password    of the database, generated
//	server.log  what the server says
//	data        the cluster
//	location    where the cluster is, when it could not be here
type home struct {
	dir    string
	data   string
	bin    string
	server account // whom the server runs as
	lock   *os.File
	// oldSockets is the socket's directory of the start before this one.
	oldSockets string
}

// openHome makes the directory when it is missing and takes it for this
// program alone.
func openHome(dir string) (*home, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find the directory: %w", err)
	}
	server, err := accountFor(dir)
	if err != nil {
		return nil, fmt.Errorf("choose the server's account: %w", err)
	}
	h := &home{dir: dir, data: filepath.Join(dir, "data"), server: server}
	if err := makeDir(dir, server); err != nil {
		return nil, fmt.Errorf("make the directory: %w", err)
	}
	if err := h.take(); err != nil {
		return nil, err
	}
	moved, err := os.ReadFile(h.locationFile())
	switch {
	case err == nil:
		h.data = strings.TrimSpace(string(moved))
	case !errors.Is(err, os.ErrNotExist):
		return nil, errors.Join(fmt.Errorf("read where the cluster is: %w", err), h.close())
	}
	return h, nil
}

// makeDir makes a directory and its missing parents. Where the server runs as
// another account it may pass through them, and where that account owns the
// place, it owns them too.
func makeDir(dir string, server account) error {
	if info, err := os.Stat(dir); err == nil {
		if !info.IsDir() {
			return fmt.Errorf("%s is not a directory", dir)
		}
		return nil
	}
	parent := filepath.Dir(dir)
	if err := makeDir(parent, server); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if !server.other {
		return nil
	}
	info, err := os.Stat(parent)
	if err != nil {
		return err
	}
	if ownerOf(info).uid == server.uid {
		return server.own(dir)
	}
	pass := os.FileMode(0o711) // through, not into: the files inside are private
	return os.Chmod(dir, pass)
}

// take locks the directory, until this program ends, however it ends.
func (h *home) take() error {
	path := filepath.Join(h.dir, "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open the lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer func() { _ = f.Close() }()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("lock %s: %w", path, err)
		}
		pid, _ := readLock(path)
		return fmt.Errorf("%w: process %s uses %s; wait until it ends, or set database.url to a server that both can use",
			ErrInUse, pid, h.dir)
	}
	h.lock = f
	_, h.oldSockets = readLock(path)
	if err := errors.Join(h.writeLock(""), h.ownAsDir(path)); err != nil {
		return errors.Join(err, h.close())
	}
	return nil
}

// writeLock says in the lock who holds it and where its socket is.
func (h *home) writeLock(sockets string) error {
	err := h.lock.Truncate(0)
	if err == nil {
		_, err = h.lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"+sockets+"\n"), 0)
	}
	if err != nil {
		return fmt.Errorf("write the lock: %w", err)
	}
	return nil
}

// readLock reads what writeLock wrote; it may be empty, never an error: the
// lock itself does not depend on it.
func readLock(path string) (pid, sockets string) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", ""
	}
	pid, sockets, _ = strings.Cut(string(raw), "\n")
	return pid, strings.TrimSuffix(sockets, "\n")
}

// close gives the directory free.
func (h *home) close() error {
	if h.lock == nil {
		return nil
	}
	err := h.lock.Close()
	h.lock = nil
	return err
}

// ownAsDir gives a file that root made to the owner of the directory, so that
// this one can start the server later without root.
func (h *home) ownAsDir(path string) error {
	if !h.server.other {
		return nil
	}
	info, err := os.Stat(h.dir)
	if err != nil {
		return err
	}
	return ownerOf(info).own(path)
}

// passwordFile holds the database's password, here and, while initdb runs,
// beside the socket.
const passwordFile = "password"

func (h *home) locationFile() string { return filepath.Join(h.dir, "location") }

// version is the major version of the cluster, empty when there is none.
func (h *home) version() string {
	raw, err := os.ReadFile(filepath.Join(h.data, "PG_VERSION"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(raw))
}

// settle makes sure that the server's account can work where the cluster is.
// A directory below one that this account may not enter, as root's home often
// is, is no place for it: the cluster then lives in a shelter, and a file here
// remembers which.
func (h *home) settle(ctx context.Context, opts Options) error {
	probe := []string{filepath.Join(h.bin, "postgres"), "--version"}
	if info, err := os.Stat(h.data); err == nil && h.server.other {
		if h.server = ownerOf(info); h.server.uid == 0 {
			return fmt.Errorf("%s belongs to root, whom PostgreSQL refuses: give it to another user", h.data)
		}
	}
	if err := h.server.enters(ctx, "/", probe...); err != nil {
		return fmt.Errorf("user %d cannot run %s, and PostgreSQL refuses to run as root: %w", h.server.uid, probe[0], err)
	}
	moved := filepath.Dir(h.data) != h.dir
	if h.version() == "" && moved {
		return fmt.Errorf("%s names %s as the place of the database, but it is not there: bring it back, or remove %s to begin a new one",
			h.locationFile(), h.data, h.dir)
	}
	if h.server.enters(ctx, filepath.Dir(h.data), probe...) == nil {
		return nil
	}
	if h.version() != "" {
		return fmt.Errorf("user %d, who owns the database in %s, cannot enter %s", h.server.uid, h.data, filepath.Dir(h.data))
	}
	for _, base := range opts.shelters {
		place, err := h.shelter(ctx, base, probe)
		if err != nil {
			opts.Log.Debug().Err(err).Str("dir", base).Msg("no shelter for the embedded database")
			continue
		}
		opts.Log.Warn().Str("dir", h.dir).Str("data", place).
			Msg("the embedded database is kept elsewhere: the account that it must run as cannot enter its directory; set database.dir to choose the place")
		h.data = place
		return nil
	}
	return fmt.Errorf("user %d, as whom PostgreSQL must run, cannot enter %s: set database.dir to a place that it can enter", h.server.uid, h.dir)
}

// sheltersFor lists where a cluster may go instead: one that lasts, unless dir
// itself is temporary.
func sheltersFor(dir string) []string {
	const lasting = "/var/lib/tieout"
	temp := os.TempDir()
	if rel, err := filepath.Rel(temp, dir); err == nil && filepath.IsLocal(rel) {
		return []string{temp, lasting}
	}
	return []string{lasting, temp}
}

// shelter makes a private place for the cluster below base and remembers it.
func (h *home) shelter(ctx context.Context, base string, probe []string) (string, error) {
	if err := makeDir(base, h.server); err != nil {
		return "", err
	}
	place, err := os.MkdirTemp(base, "tieout-postgres-")
	if err != nil {
		return "", err
	}
	if err = h.server.own(place); err == nil {
		err = h.server.enters(ctx, place, probe...)
	}
	data := filepath.Join(place, "data")
	if err == nil {
		err = h.keep("location", data)
	}
	if err != nil {
		return "", errors.Join(err, os.Remove(place))
	}
	return data, nil
}

// password returns the database's password, which is made once.
func (h *home) password() (string, error) {
	raw, err := os.ReadFile(filepath.Join(h.dir, passwordFile))
	if err == nil {
		return strings.TrimSpace(string(raw)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read the database's password: %w", err)
	}
	if h.version() != "" {
		return "", fmt.Errorf("the password of the database is missing: bring back %s", filepath.Join(h.dir, passwordFile))
	}
	random := make([]byte, 24)
	if _, err := rand.Read(random); err != nil {
		return "", fmt.Errorf("make a password: %w", err)
	}
	word := hex.EncodeToString(random)
	return word, h.keep(passwordFile, word)
}

// keep writes a private file whole or not at all.
func (h *home) keep(name, text string) error {
	path := filepath.Join(h.dir, name)
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = f.WriteString(text + "\n")
	if err = errors.Join(err, f.Sync(), f.Close(), h.ownAsDir(path+".new")); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

const (
	socketPrefix = "tieout-pg-"
	// The kernel's limit for a socket's path, the smallest of all systems.
	socketLimit = 103
)

// socketDir makes the private directory of the server's socket. It is not in
// Dir, because a socket's path must be short.
func (h *home) socketDir(ctx context.Context) (string, error) {
	var errs []error
	for _, base := range []string{os.TempDir(), "/tmp", "/var/tmp"} {
		dir, err := os.MkdirTemp(base, socketPrefix)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		switch {
		case len(dir)+len("/.s.PGSQL."+port) > socketLimit:
			err = fmt.Errorf("%s is too long for a socket", dir)
		default:
			if err = h.server.own(dir); err == nil {
				err = h.server.enters(ctx, dir, filepath.Join(h.bin, "postgres"), "--version")
			}
		}
		if err == nil {
			return dir, h.writeLock(dir)
		}
		errs = append(errs, err, os.Remove(dir))
	}
	return "", fmt.Errorf("no place for the server's socket: %w", errors.Join(errs...))
}
