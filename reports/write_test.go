package reports

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWriteReturnsWhatStandsOnDisk(t *testing.T) {
	t.Parallel()
	s := newSample(50)
	dir, files := written(t, s, Options{})
	var names []string
	for _, f := range files {
		names = append(names, f.Name)
		b := read(t, dir, f.Name)
		digest := sha256.Sum256(b)
		assert.Equal(t, hex.EncodeToString(digest[:]), f.SHA256, f.Name)
		assert.Equal(t, int64(len(b)), f.Size, f.Name)
		info, err := os.Stat(filepath.Join(dir, f.Name))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o640), info.Mode().Perm(), f.Name)
	}
	assert.Equal(t, []string{"settlement.csv", "exceptions.csv", "transactions.csv", "settlement.xlsx", "exceptions.xlsx"}, names)
	assert.Equal(t, int64(len(s.figures.Lines)), files[0].Rows)
	assert.Equal(t, int64(len(s.exceptions)), files[1].Rows)
	assert.Equal(t, int64(50), files[2].Rows)
	assert.Equal(t, int64(50), files[3].Rows)
	assert.Equal(t, int64(len(s.exceptions)), files[4].Rows)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 5, "nothing else is left behind")
}

// faulty is a source that fails, or changes its mind.
type faulty struct {
	*sample
	transactions func(call int, row func(*TransactionRow) error) error
	calls        int
}

func (f *faulty) Transactions(_ context.Context, row func(*TransactionRow) error) error {
	f.calls++
	return f.transactions(f.calls, row)
}

var errGone = errors.New("connection gone")

func TestWriteFailsWithTheSource(t *testing.T) {
	t.Parallel()
	one := func(row func(*TransactionRow) error, s *sample, n int) error {
		for i := range n {
			r, _ := s.payment(i)
			if err := row(&r); err != nil {
				return err
			}
		}
		return nil
	}
	for name, c := range map[string]struct {
		transactions func(s *sample, call int, row func(*TransactionRow) error) error
		says         string
	}{
		"an error at once": {func(*sample, int, func(*TransactionRow) error) error { return errGone }, "write transactions.csv: connection gone"},
		"an error in the workbook": {func(s *sample, call int, row func(*TransactionRow) error) error {
			if call > 1 {
				return errGone
			}
			return one(row, s, 20)
		}, "compose settlement.xlsx: connection gone"},
		"fewer rows for the workbook": {func(s *sample, call int, row func(*TransactionRow) error) error {
			return one(row, s, 20/call)
		}, "sheet Transactions: the source gave 10 rows, before it gave 20"},
		"more rows for the workbook": {func(s *sample, call int, row func(*TransactionRow) error) error {
			return one(row, s, 10*call)
		}, "sheet Transactions: the source gave more rows than before"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, dir := newSample(20), t.TempDir()
			src := &faulty{sample: s, transactions: func(call int, row func(*TransactionRow) error) error { return c.transactions(s, call, row) }}
			_, err := Write(context.Background(), dir, s.figures, src, Options{})
			require.ErrorContains(t, err, c.says)
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			for _, e := range entries {
				assert.NotContains(t, []string{"settlement.xlsx", "transactions.csv.part"}, e.Name())
				assert.NotContains(t, e.Name(), ".part")
			}
		})
	}
}

func TestWriteStopsWhenCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s := newSample(20)
	_, err := Write(ctx, t.TempDir(), s.figures, s, Options{})
	require.ErrorIs(t, err, context.Canceled)
}

func TestWriteNeedsAFolderForTemporaryFiles(t *testing.T) {
	t.Parallel()
	s := newSample(1)
	_, err := Write(context.Background(), t.TempDir(), s.figures, s, Options{TmpDir: filepath.Join(t.TempDir(), "missing")})
	require.ErrorContains(t, err, "the folder for temporary files can't be written, set TMPDIR")
	_, err = Write(context.Background(), filepath.Join(t.TempDir(), "missing"), s.figures, s, Options{})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestManifestNamesTheRunAndItsFiles(t *testing.T) {
	t.Parallel()
	s := newSample(30)
	dir, files := written(t, s, Options{})
	file, err := WriteManifest(dir, NewManifest(s.figures.Passport, s.figures.Checks, files))
	require.NoError(t, err)
	assert.Equal(t, "manifest.json", file.Name)
	assert.Equal(t, int64(5), file.Rows)

	b := read(t, dir, "manifest.json")
	var m map[string]any
	require.NoError(t, json.Unmarshal(b, &m))
	for _, key := range []string{"run_id", "from", "to", "selection", "timezone", "version", "coverage", "config_digest", "tieout_version", "control_totals", "files"} {
		assert.Contains(t, m, key)
	}
	assert.Len(t, m, 12)
	assert.Equal(t, "2026-11-18", m["from"])
	assert.Equal(t, "Africa/Nairobi", m["timezone"])
	assert.Contains(t, string(b), `"coverage": 0.9950,`)
	first, ok := m["files"].([]any)[0].(map[string]any)
	require.True(t, ok)
	assert.Equal(t, "settlement.csv", first["name"])
	assert.Equal(t, files[0].SHA256, first["sha256"])
}

func TestManifestRefusesACoverageThatIsNoShare(t *testing.T) {
	t.Parallel()
	for _, coverage := range []string{"", "1", "99.5000", "0.99", "1.0001", "x.0000"} {
		p := newSample(0).figures.Passport
		p.Coverage = coverage
		_, err := WriteManifest(t.TempDir(), NewManifest(p, nil, nil))
		assert.ErrorContains(t, err, "coverage", coverage)
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, rows := range []int{2_000, 20_000} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			s := newSample(rows)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Write(context.Background(), b.TempDir(), s.figures, s, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
