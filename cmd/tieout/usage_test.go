package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/store/pgtest"
)

// Each of these is a mistake of the person who called: one line says which, and
// neither a folder nor a row comes of it.
func TestWrongUsageIsToldInOneLineAndTouchesNothing(t *testing.T) {
	t.Parallel()
	s := bareSite(t, small(), serveWorld(t, small()), pgtest.URL(t))
	run := func(args ...string) []string { return append([]string{"run"}, args...) }
	for name, c := range map[string]struct {
		args  []string
		extra string // appended to the configuration
		code  int
		says  string
	}{
		"no range":                 {run(), "", 2, "a range is needed"},
		"half a range":             {run("--from", "2026-11-01"), "", 2, "--from is given without --to"},
		"the other half":           {run("--to", "2026-11-01"), "", 2, "--to is given without --from"},
		"two ranges":               {run("--yesterday", "--date", "2026-11-01"), "", 2, "only one range"},
		"a range backwards":        {run("--from", "2026-11-03", "--to", "2026-11-01"), "", 2, "--from 2026-11-03 is after --to 2026-11-01"},
		"no date":                  {run("--date", "2026-02-30"), "", 2, `--date "2026-02-30" is no date`},
		"a word for a date":        {run("--from", "monday", "--to", "2026-11-01"), "", 2, `--from "monday" is no date`},
		"an unknown provider":      {run("--yesterday", "--provider", "nobody"), "", 2, `--provider "nobody" is not configured`},
		"an unknown kind":          {run("--yesterday", "--kind", "refund"), "", 2, `--kind "refund" is neither payout nor deposit`},
		"an unknown flag":          {run("--yesterday", "--fast"), "", 2, "unknown flag: --fast"},
		"an unknown command":       {[]string{"ruin"}, "", 2, "unknown command ruin"},
		"an unknown subcommand":    {[]string{"runs", "delete"}, "", 2, "unknown command delete"},
		"an argument too many":     {run("--yesterday", "now"), "", 2, "now"},
		"an argument too few":      {[]string{"import", "payments"}, "", 2, "accepts 1 arg(s), received 0"},
		"an unknown log level":     {run("--yesterday", "--log-level", "loud"), "", 2, "--log-level loud"},
		"an unknown log format":    {run("--yesterday", "--log-format", "xml"), "", 2, "--log-format xml"},
		"an unknown key":           {run("--yesterday"), "report: { dir: ./out }\n", 2, "the nearest known one is reports"},
		"a secret that is not set": {run("--yesterday"), "ledger: { lookback: \"${NO_SUCH_VARIABLE}\" }\n", 2, "NO_SUCH_VARIABLE"},
		"a step without a range":   {[]string{"match"}, "", 2, "a range is needed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			b, err := os.ReadFile(filepath.Join(s.dir, "tieout.yaml"))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(dir, "tieout.yaml"), append(b, c.extra...), 0o600))
			r := tieout(t, dir, c.args...)
			assert.Equal(t, c.code, r.code)
			requireOneLine(t, r, c.says)
			assert.Equal(t, []string{"tieout.yaml"}, names(t, dir))
		})
	}
	t.Cleanup(func() {
		var exists bool
		assert.NoError(t, s.db.Get(&exists, `SELECT to_regnamespace('tieout') IS NOT NULL`))
		assert.False(t, exists, "nothing was written into the database")
	})
}

func requireOneLine(t *testing.T, r result, says string) {
	t.Helper()
	assert.Empty(t, r.out)
	assert.Equal(t, 1, strings.Count(r.err, "\n"), r.err)
	assert.True(t, strings.HasPrefix(r.err, "tieout: "), r.err)
	assert.Contains(t, r.err, says)
}

func TestWithoutAConfigurationOneLineSaysWhereItWasLookedFor(t *testing.T) {
	t.Parallel()
	r := tieout(t, t.TempDir(), "run", "--yesterday")
	assert.Equal(t, 2, r.code)
	requireOneLine(t, r, "tieout.yaml: no such file")
}

func TestADatabaseThatCanNotBeReachedFailsTheRunAndNamesNoPassword(t *testing.T) {
	t.Parallel()
	s := bareSite(t, small(), serveWorld(t, small()), "postgres://tieout:very-secret@127.0.0.1:1/tieout?sslmode=disable")
	r := s.must(1, "run", "--yesterday")
	requireOneLine(t, r, "127.0.0.1:1")
	assert.NotContains(t, r.err, "very-secret")
	assert.NoDirExists(t, filepath.Join(s.dir, "out"))
}

func TestASingleStepNeedsARunToGoOnWith(t *testing.T) {
	t.Parallel()
	s := newSite(t, small(), serveWorld(t, small()))
	for _, step := range []string{"poll", "match", "settle", "report"} {
		requireOneLine(t, s.must(1, append([]string{step}, s.world.span()...)...), "begin with `tieout pull`")
	}
	assert.Empty(t, names(t, s.folder()))
}

func TestTheStepsOneByOneSayWhatARunSays(t *testing.T) {
	t.Parallel()
	want := undisturbed(t)
	s := newSite(t, small(), serveWorld(t, small()))
	for _, step := range []string{"pull", "poll", "match", "match", "settle"} {
		assert.Contains(t, s.must(0, append([]string{step}, s.world.span()...)...).out, step+" done for run ")
	}
	elsewhere := filepath.Join(s.dir, "elsewhere")
	s.must(0, append([]string{"report", "--out", elsewhere}, s.world.span()...)...)
	assert.Equal(t, 1, get[int](s, `SELECT count(*) FROM tieout.runs`))
	assert.Equal(t, want, timeless(t, filepath.Join(elsewhere, s.world.from+"_"+s.world.to, "v1")))
}
