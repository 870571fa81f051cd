package jobs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A version whose files come late, after a newer one's, must not take latest back.
func TestLatestNamesTheHighestVersion(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "2026-11-18_2026-11-20")
	for _, version := range []int{2, 10, 9} {
		fresh, err := freshDir(folder, "run")
		require.NoError(t, err)
		dir, err := place(fresh, folder, version)
		require.NoError(t, err)
		assert.DirExists(t, dir)
		latest, err := os.Readlink(filepath.Join(folder, "latest"))
		require.NoError(t, err)
		assert.Equal(t, map[int]string{2: "v2", 10: "v10", 9: "v10"}[version], latest)
	}
	fresh, err := freshDir(folder, "run")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "v9", "kept"), nil, 0o600))
	_, err = place(fresh, folder, 9)
	require.Error(t, err, "nothing is ever overwritten")
	assert.FileExists(t, filepath.Join(folder, "v9", "kept"))
}
