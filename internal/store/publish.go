package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"tieout/reports"
)

// partSize bounds what a part of a file costs in memory.
const partSize = 1 << 20

// Publish makes the run's results public in one transaction: the files' bytes
// from dir, the lines, the exceptions and the outcomes. Before it, nothing of
// the run can be seen; after it, all of it.
func (s *Store) Publish(ctx context.Context, run *Run, lease *Lease, version, exitCode int, dir string, files []reports.File) error {
	return wrap("publishing", s.inTx(ctx, func(tx *sqlx.Tx) error {
		if err := lease.held(ctx, tx); err != nil {
			return err
		}
		if err := keepChanges(ctx, tx, run); err != nil {
			return err
		}
		for _, f := range files {
			if err := saveFile(ctx, tx, run.ID, filepath.Join(dir, f.Name), f); err != nil {
				return fmt.Errorf("%s: %w", f.Name, err)
			}
		}
		for _, st := range steps("publish.sql") {
			if _, err := tx.ExecContext(ctx, strings.Replace(st.SQL, "/*exceptions*/", exceptionsOfRange, 1), run.ID); err != nil {
				return fmt.Errorf("%s: %w", st.Name, err)
			}
		}
		res, err := tx.ExecContext(ctx, `UPDATE tieout.runs SET status = 'published', version = $2, exit_code = $3, finished_at = now(), published_at = now(), error = NULL
			WHERE id = $1 AND status = 'running'`, run.ID, version, exitCode)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return errors.Join(errors.New("the run is not under way any more"), err)
		}
		return dropOlder(ctx, tx, run)
	}))
}

// workingTables are a run's own rows.
var workingTables = []string{
	"run_payments", "run_rejects", "run_lists", "run_results", "run_transactions", "run_exceptions", "run_lines", "run_checks", "run_statements",
	"run_statement_reads", "run_todo",
	"run_pending", "run_rollforward",
}

// dropOlder deletes the working tables of older versions of the same range: what
// was published of them stands in the files.
func dropOlder(ctx context.Context, tx *sqlx.Tx, run *Run) error {
	var older []string
	if err := tx.SelectContext(ctx, &older, `SELECT id FROM tieout.runs
		WHERE from_date = $1 AND to_date = $2 AND selection = $3 AND id <> $4`, run.FromDate, run.ToDate, run.Selection, run.ID); err != nil {
		return err
	}
	if len(older) == 0 {
		return nil
	}
	for _, table := range workingTables {
		if _, err := tx.ExecContext(ctx, `DELETE FROM tieout.`+pq.QuoteIdentifier(table)+` WHERE run_id = ANY ($1)`, pq.Array(older)); err != nil {
			return err
		}
	}
	return nil
}

func saveFile(ctx context.Context, tx *sqlx.Tx, runID, path string, f reports.File) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	if _, err := tx.ExecContext(ctx, `INSERT INTO tieout.report_files VALUES ($1, $2, $3, $4)`, runID, f.Name, f.SHA256, f.Size); err != nil {
		return err
	}
	buf := make([]byte, partSize)
	for part := 0; ; part++ {
		n, err := io.ReadFull(in, buf)
		if n > 0 {
			if _, err := tx.ExecContext(ctx, `INSERT INTO tieout.report_file_parts VALUES ($1, $2, $3, $4)`, runID, f.Name, part, buf[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Files lists the files of a published run.
func (s *Store) Files(ctx context.Context, runID string) ([]reports.File, error) {
	var out []reports.File
	err := s.db.SelectContext(ctx, &out, `SELECT name, sha256, size FROM tieout.report_files WHERE run_id = $1 ORDER BY name`, runID)
	return out, wrap("listing the files of run "+runID, err)
}

// CopyFile writes the bytes of a published file to w, a part at a time.
func (s *Store) CopyFile(ctx context.Context, runID, name string, w io.Writer) error {
	for part := 0; ; part++ {
		var data [][]byte
		if err := s.db.SelectContext(ctx, &data, `SELECT data FROM tieout.report_file_parts WHERE run_id = $1 AND name = $2 AND part = $3`, runID, name, part); err != nil {
			return wrap("reading "+name, err)
		}
		if len(data) == 0 {
			return nil
		}
		if _, err := w.Write(data[0]); err != nil {
			return err
		}
	}
}

// Undelivered returns the published runs whose files never reached their folder.
func (s *Store) Undelivered(ctx context.Context) ([]Run, error) {
	var out []Run
	err := s.db.SelectContext(ctx, &out, `SELECT `+runColumns+` FROM tieout.runs WHERE status = 'published' AND delivered_at IS NULL
		AND NOT EXISTS (SELECT 1 FROM tieout.run_locks l WHERE l.run_id = runs.id) ORDER BY published_at`)
	return out, wrap("looking for undelivered reports", err)
}

// Delivered notes that a run's files stand in their folder.
func (s *Store) Delivered(ctx context.Context, runID string) error {
	_, err := s.db.ExecContext(ctx, `UPDATE tieout.runs SET delivered_at = now() WHERE id = $1`, runID)
	return wrap("noting the delivery", err)
}

// OpenExceptions counts the run's exceptions that are open, advisory ones included.
func (s *Store) OpenExceptions(ctx context.Context, run *Run) (int64, error) {
	var n int64
	err := s.db.GetContext(ctx, &n, `SELECT count(*) FROM (`+exceptionsOfRange+`) x WHERE state = 'open'`, run.ID)
	return n, wrap("counting exceptions", err)
}
