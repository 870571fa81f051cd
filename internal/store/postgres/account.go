package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// account is whom the server runs as. The zero value is the caller; root needs
// another one, because PostgreSQL refuses root.
type account struct {
	other    bool
	uid, gid uint32
}

// attributes start a process as this account, away from the terminal's
// signals: only this program stops the server.
func (a account) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if a.other {
		attr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return attr
}

// own gives a file to the account.
func (a account) own(path string) error {
	if !a.other {
		return nil
	}
	if err := os.Lchown(path, int(a.uid), int(a.gid)); err != nil {
		return fmt.Errorf("give %s to the server's account: %w", path, err)
	}
	return nil
}

// enters tells whether a process of this account can work in dir. It tries:
// only the kernel knows all that forbids it. probe is any harmless program.
func (a account) enters(ctx context.Context, dir string, probe ...string) error {
	if !a.other {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, probe[0], probe[1:]...)
	cmd.Dir, cmd.SysProcAttr = dir, a.attributes()
	return cmd.Run()
}

// accountFor says whom the server of dir runs as: the caller, unless that is
// root; then the owner of the directory (or of the nearest one that exists),
// unless that is root as well; then the system's account for PostgreSQL, or
// the one for nobody.
func accountFor(dir string) (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	for at := dir; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if errors.Is(err, os.ErrNotExist) && at != filepath.Dir(at) {
			continue
		}
		if err != nil {
			return account{}, err
		}
		if a := ownerOf(info); a.uid != 0 {
			return a, nil
		}
		break
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errU := strconv.ParseUint(u.Uid, 10, 32)
		gid, errG := strconv.ParseUint(u.Gid, 10, 32)
		if errU == nil && errG == nil && uid != 0 {
			return account{other: true, uid: uint32(uid), gid: uint32(gid)}, nil
		}
	}
	const nobody = 65534 // where no user database says otherwise
	return account{other: true, uid: nobody, gid: nobody}, nil
}

// ownerOf returns the account that owns a file.
func ownerOf(info os.FileInfo) account {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return account{}
	}
	return account{other: true, uid: st.Uid, gid: st.Gid}
}
