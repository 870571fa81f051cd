package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOnlyOneRunAtATimeHoldsARangeOfAProvider(t *testing.T) {
	t.Parallel()
	w := small()
	s := newSite(t, w, serveWorld(t, w))
	b := raise(s, "UPDATE OF polled_at", "runs", 1)
	first := start(t, s.dir, nil, append([]string{"run"}, w.span()...)...)
	require.True(t, b.reached(first), first.err.String())
	id := get[string](s, `SELECT id FROM tieout.runs`)

	r := s.must(4, "run", "--date", w.to)
	assert.Contains(t, r.err, "run "+id+" holds an overlapping range")
	r = s.must(4, append([]string{"run", "--provider", w.Accounts[0].Name}, w.span()...)...)
	assert.Contains(t, r.err, w.Accounts[0].Name)
	assert.Equal(t, 1, get[int](s, `SELECT count(*) FROM tieout.runs`), "who was sent away left nothing")
	s.must(0, "run", "--date", "2026-01-15") // another range is nobody's business

	waiting := start(t, s.dir, nil, append([]string{"run", "--wait"}, w.span()...)...)
	waiting.says("waiting for the run that holds the range", 1)
	b.fall()
	assert.Equal(t, 0, first.wait().code, first.err.String())
	assert.Equal(t, 0, waiting.wait().code, waiting.err.String())
	assert.Equal(t, []string{"latest", "v1", "v2"}, names(t, s.folder()))
	assert.Equal(t, contents(t, filepath.Join(s.folder(), "v1"), csvFiles), contents(t, filepath.Join(s.folder(), "v2"), csvFiles))
}

func TestTheHoldOfAKilledRunKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	w := small()
	s := newSite(t, w, serveWorld(t, w))
	b := raise(s, "UPDATE OF polled_at", "runs", 1)
	first := start(t, s.dir, nil, append([]string{"run"}, w.span()...)...)
	require.True(t, b.reached(first), first.err.String())
	first.kill()
	require.Positive(t, get[int](s, `SELECT count(*) FROM tieout.run_locks`))
	b.bury()
	s.must(0, "run", "--date", w.to)
}

func TestADryRunAndARunDoNotDisturbEachOther(t *testing.T) {
	t.Parallel()
	want := undisturbed(t)
	w := small()
	run, dry := append([]string{"run"}, w.span()...), append([]string{"run", "--dry-run"}, w.span()...)

	t.Run("a dry run does not begin beside a run", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, w, serveWorld(t, w))
		b := raise(s, "UPDATE OF matched_at", "runs", 1)
		first := start(t, s.dir, nil, run...)
		require.True(t, b.reached(first), first.err.String())
		assert.Contains(t, s.must(4, dry...).err, "holds an overlapping range")
		b.fall()
		assert.Equal(t, 0, first.wait().code, first.err.String())
		assert.Equal(t, want, timeless(t, filepath.Join(s.folder(), "v1")))
	})
	t.Run("a run begins beside a dry run", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, w, serveWorld(t, w))
		b := raise(s, "UPDATE OF matched_at", "runs", 1)
		first := start(t, s.dir, nil, dry...)
		require.True(t, b.reached(first), first.err.String())
		second := start(t, s.dir, nil, run...)
		second.says(`"job":"pull"`, 1)
		b.fall()
		assert.Equal(t, 0, second.wait().code, second.err.String())
		first.wait()
		assert.Equal(t, want, timeless(t, filepath.Join(s.folder(), "v1")))
		assert.Equal(t, 1, get[int](s, `SELECT count(*) FROM tieout.runs`))
	})
}
