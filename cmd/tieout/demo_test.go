package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheDemoNeedsNothingFindsWhatItPlantedAndSaysTheSameTwice(t *testing.T) {
	t.Parallel()
	// Postgres may run as another user, who must get to its files
	dir, err := os.MkdirTemp("", "tieout-demo-")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o711))

	for range 2 {
		r := tieout(t, dir, "demo", "--payments", "400")
		require.Equal(t, 0, r.code, r.err)
		assert.Empty(t, r.err)
		assert.Contains(t, r.out, "control totals tie")
		assert.Contains(t, r.out, "settlement.xlsx")
	}
	ranges := names(t, filepath.Join(dir, "out"))
	require.Len(t, ranges, 1)
	folder := filepath.Join(dir, "out", ranges[0])
	require.Equal(t, []string{"latest", "v1", "v2"}, names(t, folder))
	w := &truth{}
	b, err := os.ReadFile(filepath.Join(dir, ".tieout", "demo", "planted.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &w.Planted))
	kinds := map[string]bool{}
	for _, d := range w.Planted {
		kinds[string(d.Kind)] = true
	}
	require.Len(t, kinds, 16, "a difference of each kind is planted")
	requirePlanted(t, w, filepath.Join(folder, "v1"))
	for _, v := range []string{"v1", "v2"} {
		requireWhole(t, filepath.Join(folder, v))
	}
	assert.Equal(t, contents(t, filepath.Join(folder, "v1"), csvFiles), contents(t, filepath.Join(folder, "v2"), csvFiles))
}
