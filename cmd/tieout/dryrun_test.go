package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestADryRunTellsEverythingAndWritesNothing(t *testing.T) {
	t.Parallel()
	w := small()
	s := newSite(t, w, serveWorld(t, w))

	before := s.rows()
	out := s.run(0, "--dry-run").out
	assert.Contains(t, out, "Dry run: nothing was written.")
	assert.Contains(t, out, "Exceptions by kind")
	assert.Contains(t, out, "control totals tie")
	assert.NotContains(t, out, "reports in")
	assert.Equal(t, before, s.rows())
	assert.NoDirExists(t, filepath.Join(s.dir, "out"))

	s.run(0)
	before = s.rows()
	s.run(0, "--dry-run", "--recheck")
	assert.Equal(t, before, s.rows())
	assert.Equal(t, []string{"latest", "v1"}, names(t, s.folder()))
}
