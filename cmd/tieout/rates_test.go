package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestARateFileIsReadBeforeAnythingIsAsked(t *testing.T) {
	t.Parallel()
	s := newSite(t, small(), serveWorld(t, small()))
	file := filepath.Join(s.dir, "rates.csv")
	s.configure(settings{schedules: "reports: { currency: { code: KES, rates: rates.csv } }\n"})
	refused := func(says string) {
		assert.Contains(t, s.must(2, "config", "check").err, says)
		assert.Contains(t, s.run(2).err, says)
		assert.Zero(t, get[int](s, `SELECT count(*) FROM tieout.runs`), "nothing was begun")
	}
	refused("no such file")
	require.NoError(t, os.WriteFile(file, []byte("date,currency,rate\n2026-11-20,UGX,\"0,0345\"\n"), 0o600))
	refused(`rates.csv: row 2, field rate: "0,0345" is not a decimal number`)
	require.NoError(t, os.WriteFile(file, []byte("date,currency,rate\n"+s.world.to+",UGX,0.0345\n"), 0o600))
	s.must(0, "config", "check")
	s.run(0)
	m := requireWhole(t, filepath.Join(s.folder(), "v1"))
	require.NotNil(t, m.Rates)
	assert.Equal(t, "KES", m.Rates.Currency)
	assert.Equal(t, "rates.csv", m.Rates.File)
}
