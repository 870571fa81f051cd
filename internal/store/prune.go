package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"tieout/reports"
)

// How much retention removes in one transaction.
const (
	pruneParts = 64   // of files, at most 1 MiB each
	pruneRows  = 5000 // of anything else
)

// keptVersion says of a published run r that its files stay, however old it is:
// it is the newest version of its range, a configured target ($3) is still to
// get them, or a day was closed on them. This is the one place for such reasons.
const keptVersion = `(
	NOT EXISTS (SELECT FROM tieout.runs n WHERE n.status = 'published' AND n.from_date = r.from_date AND n.to_date = r.to_date
		AND n.selection = r.selection AND n.version > r.version)
	OR r.delivered_at IS NULL
	OR EXISTS (SELECT FROM tieout.deliveries d WHERE d.run_id = r.id AND d.target = ANY ($3) AND d.state = 'due')
	OR EXISTS (SELECT FROM tieout.closed_days c WHERE c.run_id = r.id)
)`

// OldVersion is a version whose files are no longer kept.
type OldVersion struct {
	RunID   string `db:"id"`
	Folder  string `db:"folder"`
	Version int    `db:"version"`
	Files   int64  `db:"files"`
	Size    int64  `db:"size"`
}

// OldVersions lists the versions that were published before a time, that a newer
// version of their range has replaced, and whose files nothing keeps. One whose
// removal was begun is among them until all of it is gone. targets are those that
// may still be to get files.
func (s *Store) OldVersions(ctx context.Context, before time.Time, targets []string) ([]OldVersion, error) {
	var out []OldVersion
	err := s.db.SelectContext(ctx, &out, `SELECT r.id, r.folder, r.version, f.files, f.size FROM tieout.runs r
		CROSS JOIN LATERAL (SELECT count(*) AS files, coalesce(sum(size), 0)::bigint AS size FROM tieout.report_files WHERE run_id = r.id AND name <> $2) f
		WHERE r.status = 'published' AND r.files_pruned_at IS NULL AND r.published_at < $1 AND NOT `+keptVersion+`
		ORDER BY r.published_at, r.id`, before, reports.ManifestName, textArray(targets))
	return out, wrap("looking for old versions", err)
}

// RemoveFiles removes the bytes of a version's files but for the manifest's. From
// the first transaction on they count as removed; a crash leaves the rest to the
// next call.
func (s *Store) RemoveFiles(ctx context.Context, runID string) error {
	if _, err := s.db.ExecContext(ctx, `UPDATE tieout.report_files SET removed_at = now() WHERE run_id = $1 AND name <> $2 AND removed_at IS NULL`, runID, reports.ManifestName); err != nil {
		return wrap("removing the files of run "+runID, err)
	}
	return wrap("removing the files of run "+runID, s.inBatches(ctx, `DELETE FROM tieout.report_file_parts WHERE ctid = ANY (ARRAY(
		SELECT ctid FROM tieout.report_file_parts WHERE run_id = $1 AND name <> $2 LIMIT $3))`, runID, reports.ManifestName, pruneParts))
}

// FilesPruned notes that a version's files are gone, from their folder too.
func (s *Store) FilesPruned(ctx context.Context, runID string) error {
	_, err := s.db.ExecContext(ctx, `UPDATE tieout.runs SET files_pruned_at = now() WHERE id = $1`, runID)
	return wrap("noting that files were removed", err)
}

// FilesRemoved tells when retention removed a run's files; false where it didn't.
func (s *Store) FilesRemoved(ctx context.Context, runID string) (time.Time, bool, error) {
	var at sql.NullTime
	err := s.db.GetContext(ctx, &at, `SELECT min(removed_at) FROM tieout.report_files WHERE run_id = $1`, runID)
	return at.Time, at.Valid, wrap("looking for removed files", err)
}

// PruneObservations removes observations that were made before a time and that
// nothing rests on, each batch by itself. dry counts only.
func (s *Store) PruneObservations(ctx context.Context, before time.Time, dry bool) (removed int64, err error) {
	batch := func(ctx context.Context, tx *sqlx.Tx, _ int64) (int64, int64, error) {
		return pruneBatch(ctx, tx, before)
	}
	if dry {
		batch = func(ctx context.Context, tx *sqlx.Tx, from int64) (int64, int64, error) {
			return lookAtBatch(ctx, tx, from, before)
		}
	}
	for from := int64(0); ; {
		var n int64
		err := s.inTx(ctx, func(tx *sqlx.Tx) (err error) {
			n, from, err = batch(ctx, tx, from)
			return err
		})
		if err != nil {
			return removed, wrap("removing observations", err)
		}
		if removed += n; from == 0 {
			return removed, nil
		}
	}
}

// pruneBatch judges the observations behind the mark, removes those that are
// needless and moves the mark; last is 0 where there were none.
func pruneBatch(ctx context.Context, tx *sqlx.Tx, before time.Time) (removed, last int64, err error) {
	const what = "observations"
	if _, err := tx.ExecContext(ctx, `INSERT INTO tieout.retention_marks VALUES ($1, 0) ON CONFLICT DO NOTHING`, what); err != nil {
		return 0, 0, err
	}
	var mark int64
	if err := tx.GetContext(ctx, &mark, `SELECT last_id FROM tieout.retention_marks WHERE what = $1 FOR UPDATE`, what); err != nil {
		return 0, 0, err
	}
	needless, last, err := judgeObservations(ctx, tx, mark, before)
	if err != nil || last == 0 {
		return 0, 0, err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM tieout.observations WHERE id = ANY ($1)`, pq.Array(needless)); err != nil {
		return 0, 0, err
	}
	_, err = tx.ExecContext(ctx, `UPDATE tieout.retention_marks SET last_id = $2 WHERE what = $1`, what, last)
	return int64(len(needless)), last, err
}

// lookAtBatch counts what pruneBatch would remove behind an id, or behind the mark.
func lookAtBatch(ctx context.Context, tx *sqlx.Tx, from int64, before time.Time) (needless, last int64, err error) {
	var mark int64
	if err := tx.GetContext(ctx, &mark, `SELECT coalesce(max(last_id), 0) FROM tieout.retention_marks WHERE what = 'observations'`); err != nil {
		return 0, 0, err
	}
	ids, last, err := judgeObservations(ctx, tx, max(mark, from), before)
	return int64(len(ids)), last, err
}

// judgeObservations finds the needless ones among the next behind an id, and
// tells the last that it looked at; 0: there were none.
func judgeObservations(ctx context.Context, tx *sqlx.Tx, from int64, before time.Time) (needless []int64, last int64, err error) {
	var rows []struct {
		ID       int64 `db:"id"`
		Needless bool  `db:"needless"`
	}
	err = tx.SelectContext(ctx, &rows, query("prune_observations.sql"), from, before, pruneRows)
	for _, r := range rows {
		if last = r.ID; r.Needless {
			needless = append(needless, r.ID)
		}
	}
	return needless, last, err
}

// OldWorkingRuns lists the runs that published nothing, ended or died before a
// time, and still have working rows.
func (s *Store) OldWorkingRuns(ctx context.Context, before time.Time) ([]string, error) {
	var out []string
	err := s.db.SelectContext(ctx, &out, `SELECT id FROM tieout.runs r WHERE rows_pruned_at IS NULL AND (
			status IN ('polled', 'failed', 'abandoned') AND coalesce(finished_at, started_at) < $1
			OR status = 'running' AND started_at < $1 AND NOT EXISTS (SELECT FROM tieout.run_locks l WHERE l.run_id = r.id))
		ORDER BY started_at, id`, before)
	return out, wrap("looking for old working rows", err)
}

// PruneWorkingRows removes the working rows of a run that published nothing, and
// abandons it where it never ended. Its line in the history stays.
func (s *Store) PruneWorkingRows(ctx context.Context, runID string) error {
	mine := false
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		// until this is over nobody takes the run up again
		if _, err := tx.ExecContext(ctx, `LOCK TABLE tieout.run_locks IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE tieout.runs r SET status = 'abandoned', finished_at = now() WHERE id = $1 AND status = 'running'
			AND NOT EXISTS (SELECT FROM tieout.run_locks l WHERE l.run_id = r.id)`, runID); err != nil {
			return err
		}
		return tx.GetContext(ctx, &mine, `SELECT status IN ('polled', 'failed', 'abandoned') FROM tieout.runs WHERE id = $1`, runID)
	})
	if err != nil || !mine {
		return wrap("removing the working rows of run "+runID, err)
	}
	for _, table := range slices.Concat(workingTables, []string{"run_adjustments"}) { // published ones stay: the view adjustments has them
		name := `tieout.` + pq.QuoteIdentifier(table)
		if err := s.inBatches(ctx, `DELETE FROM `+name+` WHERE ctid = ANY (ARRAY(SELECT ctid FROM `+name+` WHERE run_id = $1 LIMIT $2))`, runID, pruneRows); err != nil {
			return fmt.Errorf("removing the working rows of run %s: %s: %w", runID, table, err)
		}
	}
	_, err = s.db.ExecContext(ctx, `UPDATE tieout.runs SET rows_pruned_at = now() WHERE id = $1`, runID)
	return wrap("noting that working rows were removed", err)
}

// inBatches runs a DELETE, whose last parameter is the size of a batch, until it
// finds nothing more.
func (s *Store) inBatches(ctx context.Context, statement string, args ...any) error {
	for {
		res, err := s.db.ExecContext(ctx, statement, args...)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil || n == 0 {
			return errors.Join(err, context.Cause(ctx))
		}
	}
}
