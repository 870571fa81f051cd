package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"tieout/internal/store"
	"tieout/reports"
)

// pruneTime is how long a run may spend on removing what is no longer kept; what
// is left then is the next run's.
const pruneTime = 30 * time.Second

// Pruned is what retention removed, or would.
type Pruned struct {
	Versions     []store.OldVersion
	Observations int64
	WorkingRuns  []string
}

// Prune removes what the section retention keeps no longer. It can be stopped
// and started again at any point. dry only looks.
func (e *Env) Prune(ctx context.Context, dry bool) (Pruned, error) {
	var out Pruned
	keep, now := e.Config.Retention, e.Now()
	if keep.ReportFiles > 0 {
		names, _ := targetNames(e.Config.Delivery.Targets)
		old, err := e.Store.OldVersions(ctx, now.Add(-keep.ReportFiles), names)
		if err != nil {
			return out, err
		}
		for _, v := range old {
			if !dry {
				if err := e.removeVersion(ctx, v); err != nil {
					return out, err
				}
			}
			out.Versions = append(out.Versions, v)
		}
	}
	if keep.WorkingRows > 0 {
		old, err := e.Store.OldWorkingRuns(ctx, now.Add(-keep.WorkingRows))
		if err != nil {
			return out, err
		}
		for _, id := range old {
			if !dry {
				if err := e.Store.PruneWorkingRows(ctx, id); err != nil {
					return out, err
				}
			}
			out.WorkingRuns = append(out.WorkingRuns, id)
		}
	}
	if keep.Observations > 0 {
		var err error
		if out.Observations, err = e.Store.PruneObservations(ctx, now.Add(-keep.Observations), dry); err != nil {
			return out, err
		}
	}
	return out, nil
}

// prune ends a run by removing what is no longer kept. The run is published: what
// fails is said, and done by the next.
func (s *state) prune(ctx context.Context) {
	if !s.Config.Retention.Any() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, pruneTime)
	defer cancel()
	out, err := s.Prune(ctx, false)
	log := s.Log.Info()
	if err != nil && ctx.Err() == nil {
		log = s.Log.Error().Err(err)
	}
	log.Int("versions", len(out.Versions)).Int64("observations", out.Observations).Int("runs_working_rows", len(out.WorkingRuns)).
		Bool("more_to_do", err != nil).Msg("retention")
}

// removeVersion removes the files of a version from Postgres and from its folder.
func (e *Env) removeVersion(ctx context.Context, v store.OldVersion) error {
	files, err := e.Store.Files(ctx, v.RunID)
	if err != nil {
		return err
	}
	if err := e.Store.RemoveFiles(ctx, v.RunID); err != nil {
		return err
	}
	if err := removeFromFolder(v, files); err != nil {
		return fmt.Errorf("removing the files of run %s: %w", v.RunID, err)
	}
	return e.Store.FilesPruned(ctx, v.RunID)
}

// removeFromFolder removes a version's files, but for the manifest, from where
// they were put. A folder that is not there, or another database's, is left alone.
func removeFromFolder(v store.OldVersion, files []reports.File) error {
	dir := filepath.Join(v.Folder, "v"+strconv.Itoa(v.Version))
	raw, err := os.ReadFile(filepath.Join(dir, reports.ManifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var m reports.Manifest
	if err := json.Unmarshal(raw, &m); err != nil || m.RunID != v.RunID {
		return nil //nolint:nilerr // no manifest of this run: not its files
	}
	for _, f := range files {
		if f.Name == reports.ManifestName {
			continue
		}
		if err := os.Remove(filepath.Join(dir, filepath.Base(f.Name))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return syncDir(dir)
}

// RemovedError says that the files of a run are no longer kept.
type RemovedError struct {
	RunID string
	At    time.Time
}

func (e *RemovedError) Error() string {
	return fmt.Sprintf("the files of run %s were removed by retention on %s: a newer version of its range has replaced them. Their names, sizes and digests stay (`tieout runs show %s`), and so does manifest.json",
		e.RunID, e.At.Format(time.DateOnly), e.RunID)
}

// kept returns a RemovedError where retention has removed a run's files.
func (e *Env) kept(ctx context.Context, runID string) error {
	at, removed, err := e.Store.FilesRemoved(ctx, runID)
	if err == nil && removed {
		err = &RemovedError{RunID: runID, At: at.In(e.Config.Location)}
	}
	return err
}
