package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/reports/delivery/deliverytest"
)

const keepTwoDays = "retention: { report_files: 2d, observations: 2d, working_rows: 2d }\n"

// age makes everything that stands there older, as if days had gone by.
func (s *site) age(days int) {
	s.t.Helper()
	by := fmt.Sprintf(" - interval '%d days'", days)
	s.exec(`UPDATE tieout.runs SET started_at = started_at` + by + `, finished_at = finished_at` + by + `, published_at = published_at` + by)
	s.exec(`UPDATE tieout.observations SET asked_at = asked_at` + by)
}

func TestRetentionRemovesTheFilesOfReplacedVersionsAlone(t *testing.T) {
	t.Parallel()
	w := small()
	s := newSite(t, w, serveWorld(t, w))
	s.configure(settings{ledger: keepTwoDays})
	s.run(0)
	s.run(0)
	s.must(0, "run", "--date", w.to) // another range, with one version
	runs := func(version int) string {
		return get[string](s, `SELECT id FROM tieout.runs WHERE version = $1 AND from_date = $2`, version, w.from)
	}
	first, second := runs(1), runs(2)
	other := get[string](s, `SELECT id FROM tieout.runs WHERE from_date = $1`, w.to)
	s.age(3)
	before := contents(t, filepath.Join(s.folder(), "v2"), allFiles)
	rows := s.rows()
	dry := s.must(0, "prune", "--dry-run").out
	assert.Contains(t, dry, "Would remove: run "+first+", out/"+filepath.Base(s.folder())+"/v1, 5 files")
	assert.NotContains(t, dry, second)
	assert.NotContains(t, dry, other, "the newest version of a range stays")
	assert.Equal(t, rows, s.rows(), "a dry run removes nothing")
	assert.Equal(t, allFiles, names(t, filepath.Join(s.folder(), "v1")))

	// killed between removing and noting: the next one goes on
	b := raise(s, "UPDATE OF files_pruned_at", "runs", 1)
	p := start(t, s.dir, nil, "prune")
	require.True(t, b.reached(p), p.err.String())
	p.kill()
	b.bury()
	s.must(0, "prune")
	assert.Equal(t, []string{"manifest.json"}, names(t, filepath.Join(s.folder(), "v1")))
	assert.Equal(t, []string{"manifest.json"}, strings.Split(get[string](s, `SELECT string_agg(DISTINCT name, ',') FROM tieout.report_file_parts WHERE run_id = $1`, first), ","))
	assert.Equal(t, 6, get[int](s, `SELECT count(*) FROM tieout.report_files WHERE run_id = $1 AND sha256 <> ''`, first), "digests stay")
	gone := s.must(1, "runs", "files", first, "--out", "back")
	assert.Contains(t, gone.err, "the files of run "+first+" were removed by retention on 20")
	assert.Contains(t, s.must(0, "runs", "show", first).out, "removed by retention")
	assert.Contains(t, s.must(0, "runs", "show", first, "--json").out, `"files_removed_at"`)
	assert.NotContains(t, s.must(0, "runs", "show", second, "--json").out, `"files_removed_at"`)

	// the others are what they were, and the next version follows
	assert.Equal(t, before, contents(t, filepath.Join(s.folder(), "v2"), allFiles))
	s.must(0, "runs", "files", second, "--out", "back")
	assert.Equal(t, before, contents(t, filepath.Join(s.dir, "back", second), allFiles))
	s.must(0, "runs", "files", other, "--out", "back")
	assert.Contains(t, s.must(0, "prune").out, "Removed 0 files of 0 versions")

	// a run ends with the same, and counts versions on
	s.run(0)
	assert.Equal(t, []string{"latest", "v1", "v2", "v3"}, names(t, s.folder()))
	assert.Equal(t, []string{"manifest.json"}, names(t, filepath.Join(s.folder(), "v2")))
	requireWhole(t, filepath.Join(s.folder(), "latest"))
	for name, want := range timelessOf(t, before) {
		assert.Equal(t, want, timeless(t, filepath.Join(s.folder(), "v3"))[name], "what is gone changes no report: %s", name)
	}
}

// timelessOf is timeless of files that are held in memory.
func timelessOf(t *testing.T, files map[string]string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	return timeless(t, dir)
}

func TestRetentionKeepsWhatIsStillToBeDelivered(t *testing.T) {
	t.Parallel()
	w := small()
	s, r := newSite(t, w, serveWorld(t, w)), newReceivers(t)
	r.s3.Stop()
	x := deliverTo("10s", r.s3Target(deliverytest.SecretAccessKey))
	x.ledger += keepTwoDays
	s.configure(x)
	s.run(0)
	s.run(0)
	s.age(3)
	s.must(0, "prune")
	assert.Equal(t, allFiles, names(t, filepath.Join(s.folder(), "v1")))
	r.s3.Start()
	r.do(s, 0, "deliver")
	s.must(0, "prune")
	assert.Equal(t, []string{"manifest.json"}, names(t, filepath.Join(s.folder(), "v1")))

	// a target that is not configured any more keeps nothing
	s.run(0)
	s.run(0)
	s.age(3)
	s.exec(`UPDATE tieout.deliveries SET state = 'due'`)
	s.must(0, "prune")
	assert.Equal(t, allFiles, names(t, filepath.Join(s.folder(), "v3")))
	s.configure(settings{ledger: keepTwoDays})
	s.must(0, "prune")
	assert.Equal(t, []string{"manifest.json"}, names(t, filepath.Join(s.folder(), "v3")))
	requireWhole(t, filepath.Join(s.folder(), "v4"))
}

func TestRetentionRemovesWorkingRowsOfRunsThatPublishedNothing(t *testing.T) {
	t.Parallel()
	w := small()
	s := newSite(t, w, serveWorld(t, w))
	s.configure(settings{ledger: keepTwoDays})
	s.run(0)
	s.must(0, append([]string{"pull"}, "--date", w.to)...) // never gone on with
	count := func(id string) int {
		return get[int](s, `SELECT count(*) FROM tieout.run_payments WHERE run_id = $1`, id)
	}
	pulled := get[string](s, `SELECT id FROM tieout.runs WHERE status = 'running'`)
	published := get[string](s, `SELECT id FROM tieout.runs WHERE status = 'published'`)
	require.Positive(t, count(pulled))
	s.must(0, "prune")
	require.Positive(t, count(pulled), "it is young")
	s.age(3)
	had := count(published)
	s.must(0, "prune")
	assert.Zero(t, count(pulled))
	assert.Equal(t, had, count(published))
	assert.Equal(t, "abandoned", get[string](s, `SELECT status FROM tieout.runs WHERE id = $1`, pulled))
	assert.Contains(t, s.must(0, "runs", "list").out, pulled)
}

func TestRetentionKeepsEachDifferentAnswer(t *testing.T) {
	t.Parallel()
	w := small()
	s := newSite(t, w, serveWorld(t, w))
	s.configure(settings{ledger: keepTwoDays})
	s.run(0)
	suspect := get[string](s, `SELECT payment_id FROM tieout.exceptions WHERE state = 'open' AND payment_id IS NOT NULL LIMIT 1`)
	s.exec(`TRUNCATE tieout.observations RESTART IDENTITY`)
	answer := func(payment any, path, digest string, status any) {
		s.exec(`INSERT INTO tieout.observations (run_id, provider, kind, payment_id, method, path, asked_at, duration_ms, http_status, digest)
			VALUES ('R', 'p', 'deposit', $1, 'GET', $2, now() - interval '10 days', 1, $3, nullif($4, ''))`, payment, path, status, digest)
	}
	for _, a := range []struct {
		payment      any
		path, digest string
		status       any
	}{
		{"a", "1 first pending", "pending", 200},
		{"a", "2 repeat", "pending", 200},
		{"a", "3 no answer", "", nil},
		{"a", "4 throttled", "slow", 429},
		{"a", "5 repeat", "pending", 200},
		{"a", "6 last pending", "pending", 200},
		{"a", "7 completed", "completed", 200},
		{"a", "8 broken", "oops", 502},
		{"a", "9 not found is an answer", "none", 404},
		{"b", "1 never reached", "", nil},
		{"b", "2 never reached, the last that was heard", "", nil},
		{suspect, "1 an open exception", "x", 200},
		{suspect, "2 an open exception", "x", 200},
		{suspect, "3 an open exception", "x", 200},
		{nil, "1 list", "page", 200},
		{nil, "2 list, repeat", "page", 200},
		{nil, "3 list, failed", "", nil},
		{nil, "4 list", "page", 200},
	} {
		answer(a.payment, a.path, a.digest, a.status)
	}
	s.exec(`INSERT INTO tieout.observations (run_id, provider, kind, payment_id, method, path, asked_at, duration_ms) VALUES ('R', 'p', 'deposit', 'c', 'GET', '1 young', now(), 1), ('R', 'p', 'deposit', 'c', 'GET', '2 young', now(), 1)`)
	assert.Contains(t, s.must(0, "prune", "--dry-run").out, " 8 observations,")
	require.Equal(t, 20, get[int](s, `SELECT count(*) FROM tieout.observations`))
	assert.Contains(t, s.must(0, "prune").out, " 8 observations,")
	var left []string
	require.NoError(t, s.db.Select(&left, `SELECT path FROM tieout.observations ORDER BY id`))
	assert.Equal(t, []string{
		"1 first pending", "6 last pending", "7 completed", "9 not found is an answer",
		"2 never reached, the last that was heard",
		"1 an open exception", "2 an open exception", "3 an open exception",
		"1 list", "4 list", "1 young", "2 young",
	}, left)
	assert.Contains(t, s.must(0, "prune").out, " 0 observations,", "each is looked at once")
	assert.Equal(t, 2, s.do("prune", "--config", filepath.Join(unretained(t, s), "tieout.yaml")).code)
}

// unretained is the site's configuration without retention, elsewhere.
func unretained(t *testing.T, s *site) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.dir, "tieout.yaml"))
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tieout.yaml"), []byte(strings.Replace(string(raw), keepTwoDays, "", 1)), 0o600))
	return dir
}

func TestFilesThatWereTamperedWithAreNotGivenBack(t *testing.T) {
	t.Parallel()
	w := small()
	s := newSite(t, w, serveWorld(t, w))
	s.run(0)
	id := get[string](s, `SELECT id FROM tieout.runs`)
	s.must(0, "runs", "files", id, "--out", "back")
	assert.Equal(t, contents(t, filepath.Join(s.folder(), "v1"), allFiles), contents(t, filepath.Join(s.dir, "back", id), allFiles))
	for _, change := range []string{
		`UPDATE tieout.report_file_parts SET data = set_byte(data, 5, 1 + get_byte(data, 5) % 200) WHERE name = 'settlement.csv'`,
		`UPDATE tieout.report_file_parts SET data = substring(data FROM 1 FOR length(data) - 1) WHERE name = 'settlement.csv'`,
		`DELETE FROM tieout.report_file_parts WHERE name = 'settlement.csv'`,
	} {
		s.exec(change)
		got := s.must(1, "runs", "files", id, "--out", "again")
		assert.Contains(t, got.err, "settlement.csv: its digest is not the one that was published")
		assert.NoFileExists(t, filepath.Join(s.dir, "again", id, "settlement.csv"))
	}
}
