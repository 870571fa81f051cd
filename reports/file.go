package reports

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"
)

// fileMode lets the owner write and the group read: reports hold payments.
const fileMode = 0o640

// outFile is a report that is being written: it stands beside its place under
// another name until it is complete and on disk.
type outFile struct {
	dir, name string
	file      *os.File
	buf       *bufio.Writer
	sum       hash.Hash
	size      int64
}

// createFile opens a new report. A file of that name is replaced only by commit.
func createFile(dir, name string) (*outFile, error) {
	path := filepath.Join(dir, "."+name+".part")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fileMode)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", name, err)
	}
	if err := f.Chmod(fileMode); err != nil { // whatever the umask says
		return nil, errors.Join(fmt.Errorf("create %s: %w", name, err), f.Close(), os.Remove(path))
	}
	o := &outFile{dir: dir, name: name, file: f, sum: sha256.New()}
	o.buf = bufio.NewWriterSize(writerFunc(o.write), 1<<18)
	return o, nil
}

type writerFunc func([]byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }

func (o *outFile) write(p []byte) (int, error) {
	n, err := o.file.Write(p)
	o.sum.Write(p[:n]) // a hash never fails
	o.size += int64(n)
	return n, err
}

// Write takes the next bytes of the report.
func (o *outFile) Write(p []byte) (int, error) { return o.buf.Write(p) }

// commit puts the complete report on disk and in its place.
func (o *outFile) commit(rows int64) (File, error) {
	err := o.buf.Flush()
	if err == nil {
		err = o.file.Sync()
	}
	if closed := o.file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(o.file.Name(), filepath.Join(o.dir, o.name))
	}
	if err != nil {
		return File{}, errors.Join(fmt.Errorf("write %s: %w", o.name, err), os.Remove(o.file.Name()))
	}
	return File{Name: o.name, SHA256: hex.EncodeToString(o.sum.Sum(nil)), Size: o.size, Rows: rows}, nil
}

// abort drops the report and returns why, with whatever went wrong on the way.
func (o *outFile) abort(why error) error {
	return errors.Join(fmt.Errorf("write %s: %w", o.name, why), o.file.Close(), os.Remove(o.file.Name()))
}

// syncDir makes the names in a folder last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open folder of the reports: %w", err)
	}
	if err := d.Sync(); err != nil {
		return errors.Join(fmt.Errorf("sync folder of the reports: %w", err), d.Close())
	}
	return d.Close()
}
