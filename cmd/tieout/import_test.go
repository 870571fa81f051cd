package main

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/store/pgtest"
)

// sheet is a CSV of payments that a test edits.
type sheet struct {
	t    *testing.T
	path string
	rows [][]string
	at   map[string]int
}

// newSheet takes the first n payments of the small world.
func newSheet(t *testing.T, s *site, n int) *sheet {
	t.Helper()
	b, err := os.ReadFile(s.payments())
	require.NoError(t, err)
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	require.NoError(t, err)
	x := &sheet{t: t, path: filepath.Join(s.dir, "some.csv"), rows: rows[:n+1], at: map[string]int{}}
	for i, c := range rows[0] {
		x.at[c] = i
	}
	return x
}

// set changes a cell; row 1 is the first payment.
func (x *sheet) set(row int, column, value string) { x.rows[row][x.at[column]] = value }

func (x *sheet) get(row int, column string) string { return x.rows[row][x.at[column]] }

// write writes the file and returns its path.
func (x *sheet) write() string {
	x.t.Helper()
	var b bytes.Buffer
	require.NoError(x.t, csv.NewWriter(&b).WriteAll(x.rows))
	require.NoError(x.t, os.WriteFile(x.path, b.Bytes(), 0o600))
	return x.path
}

func TestImportSetsBadRowsAsideWithTheirReasonsAndTakesTheOthers(t *testing.T) {
	t.Parallel()
	s := bareSite(t, small(), serveWorld(t, small()), pgtest.URL(t))
	x := newSheet(t, s, 8)
	x.set(2, "provider", "nobody")
	x.set(3, "amount", "1.2345678")
	x.set(4, "status", "done")
	x.set(5, "created_at", "yesterday")
	x.set(6, "reference", "a\x00b")
	x.rows[7] = x.rows[7][:5]

	r := s.must(6, "import", "payments", x.write())
	assert.Contains(t, r.out, "2 rows taken (2 new, 0 changed, 0 unchanged, 0 older than ours), 6 set aside")
	assert.Contains(t, r.out, "some.rejects.csv")
	assert.Equal(t, 2, get[int](s, `SELECT count(*) FROM tieout.payments`))

	var got [][]string
	for _, row := range readCSV(t, s.dir, "some.rejects.csv") {
		got = append(got, []string{row["row"], row["id"], row["field"], row["value"]})
		assert.NotEmpty(t, row["reason"])
	}
	assert.Equal(t, [][]string{
		{"2", x.get(2, "id"), "provider", "nobody"},
		{"3", x.get(3, "id"), "amount", "1.2345678"},
		{"4", x.get(4, "id"), "status", "done"},
		{"5", x.get(5, "id"), "created_at", "yesterday"},
		{"6", x.get(6, "id"), "reference", "a␀b"},
		{"7", x.rows[7][0], "", ""},
	}, got)
}

func TestImportOfTheSameFileChangesNothingAndOlderRowsReplaceNothing(t *testing.T) {
	t.Parallel()
	s := bareSite(t, small(), serveWorld(t, small()), pgtest.URL(t))
	x := newSheet(t, s, 5)
	assert.Contains(t, s.must(0, "import", "payments", x.write()).out, "5 rows taken (5 new, 0 changed, 0 unchanged, 0 older than ours), 0 set aside")
	assert.NoFileExists(t, filepath.Join(s.dir, "some.rejects.csv"))

	assert.Contains(t, s.must(0, "import", "payments", x.path).out, "5 rows taken (0 new, 0 changed, 5 unchanged, 0 older than ours), 0 set aside")

	x.set(1, "reference", "an older one")
	x.set(1, "updated_at", "2020-01-01T00:00:00Z")
	x.set(2, "reference", "a newer one")
	x.set(2, "updated_at", "2036-01-01T00:00:00Z")
	x.set(3, "reference", "corrected in the same moment")
	assert.Contains(t, s.must(0, "import", "payments", x.write()).out, "5 rows taken (0 new, 2 changed, 2 unchanged, 1 older than ours), 0 set aside")
	reference := func(row int) string {
		return get[string](s, `SELECT reference FROM tieout.payments WHERE id = $1`, x.get(row, "id"))
	}
	assert.NotEqual(t, "an older one", reference(1))
	assert.Equal(t, "a newer one", reference(2))
	assert.Equal(t, "corrected in the same moment", reference(3))
}

func TestImportOfAFileWithAWrongHeaderTakesNothing(t *testing.T) {
	t.Parallel()
	s := bareSite(t, small(), serveWorld(t, small()), pgtest.URL(t))
	x := newSheet(t, s, 2)
	x.rows[0] = append([]string{}, x.rows[0]...)
	x.rows[0][x.at["amount"]] = "betrag"
	r := s.must(1, "import", "payments", x.write())
	assert.Contains(t, r.err, `unknown column "betrag"`)
	assert.Zero(t, get[int](s, `SELECT count(*) FROM tieout.payments`))
	assert.Contains(t, s.must(1, "import", "payments", filepath.Join(s.dir, "nothing.csv")).err, "nothing.csv")
}
