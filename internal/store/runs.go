package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// Run statuses.
const (
	RunRunning   = "running"
	RunPublished = "published"
	RunPolled    = "polled"
	RunFailed    = "failed"
	RunAbandoned = "abandoned"
)

// Selection is what a run is about.
type Selection struct {
	From, To    time.Time // business dates, both included, midnight UTC of the date
	Start, End  time.Time // the instants: [Start, End)
	Outstanding bool
	Providers   []string // sorted
	Kinds       []string // sorted
	Name        string   // "all", or the narrowing; part of the identity
	Folder      string   // below reports.dir
	Whole       bool     // all steps are asked for, not single ones
}

// Run is one execution over a selection.
type Run struct {
	ID           string         `db:"id"`
	FromDate     time.Time      `db:"from_date"`
	ToDate       time.Time      `db:"to_date"`
	Selection    string         `db:"selection"`
	Version      sql.NullInt64  `db:"version"`
	Status       string         `db:"status"`
	StartedAt    time.Time      `db:"started_at"`
	FinishedAt   sql.NullTime   `db:"finished_at"`
	Coverage     sql.NullString `db:"coverage"`
	ExitCode     sql.NullInt64  `db:"exit_code"`
	Providers    pq.StringArray `db:"providers"`
	Kinds        pq.StringArray `db:"kinds"`
	Folder       string         `db:"folder"`
	FromTime     time.Time      `db:"from_time"`
	ToTime       time.Time      `db:"to_time"`
	Outstanding  bool           `db:"outstanding"`
	ConfigDigest string         `db:"config_digest"`
	PulledAt     sql.NullTime   `db:"pulled_at"`
	PolledAt     sql.NullTime   `db:"polled_at"`
	MatchedAt    sql.NullTime   `db:"matched_at"`
	SettledAt    sql.NullTime   `db:"settled_at"`
	PublishedAt  sql.NullTime   `db:"published_at"`
	DeliveredAt  sql.NullTime   `db:"delivered_at"`
	Requests     int64          `db:"requests"`
	Notes        pq.StringArray `db:"notes"`
	Error        sql.NullString `db:"error"`
}

const runColumns = `id, from_date, to_date, selection, version, status, started_at, finished_at, coverage::text AS coverage, exit_code,
	providers, kinds, folder, from_time, to_time, outstanding, config_digest, pulled_at, polled_at, matched_at, settled_at,
	published_at, delivered_at, requests, notes, error`

// BusyError says which run holds an overlapping range.
type BusyError struct {
	RunID, Provider string
	From, To        time.Time
}

func (e *BusyError) Error() string {
	holder := e.RunID
	if !strings.HasPrefix(holder, closingHold) {
		holder = "run " + holder
	}
	return fmt.Sprintf("%s holds an overlapping range of %s (%s to %s): wait for it with --wait, or let it end",
		holder, e.Provider, e.From.UTC().Format(time.RFC3339), e.To.UTC().Format(time.RFC3339))
}

// ErrNoRun says that a single step has no run to go on with.
var ErrNoRun = errors.New("no run of this range is under way: begin with `tieout pull`, or use `tieout run`")

// resumeWithin is how old an unfinished run may be to be gone on with; what is
// older was read from a ledger of another time.
const resumeWithin = 12 * time.Hour

// Lease is a run's hold on its range. It ends by Release, or by itself when the
// process dies.
type Lease struct {
	s       *Store
	runID   string
	token   string
	expires time.Duration
}

// Hold takes the selection's range for this process: it resumes the unfinished
// run of the same selection, or makes a new one where begin says so. now is the
// start of the run.
func (s *Store) Hold(ctx context.Context, sel Selection, digest string, now time.Time, begin bool) (*Run, *Lease, error) {
	me := self()
	var run Run
	if s.dry != nil {
		err := s.holdDry(ctx, sel, digest, now, begin, me, &run)
		return &run, &Lease{s: s, runID: run.ID}, wrap("beginning a dry run", err)
	}
	l := &Lease{s: s, token: me.token(), expires: 45 * time.Second}
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		if err := free(ctx, tx, sel, me); err != nil {
			return err
		}
		if err := pick(ctx, tx, sel, digest, now, begin, &run); err != nil {
			return err
		}
		l.runID = run.ID
		return l.take(ctx, tx, sel, me)
	})
	if err != nil {
		return nil, nil, wrap("taking the range", err)
	}
	return &run, l, nil
}

// take notes the hold on each provider of the selection.
func (l *Lease) take(ctx context.Context, tx *sqlx.Tx, sel Selection, me process) error {
	for _, p := range sel.Providers {
		if _, err := tx.ExecContext(ctx, `INSERT INTO tieout.run_locks (run_id, provider, from_time, to_time, token, host, pid, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, now() + $8 * interval '1 second')`,
			l.runID, p, sel.Start, sel.End, l.token, me.host, me.pid, int(l.expires.Seconds())); err != nil {
			return err
		}
	}
	return nil
}

// free fails with a BusyError when a living process holds an overlapping range.
// Until the transaction ends nobody else looks at the locks.
func free(ctx context.Context, tx *sqlx.Tx, sel Selection, me process) error {
	if _, err := tx.ExecContext(ctx, `LOCK TABLE tieout.run_locks IN SHARE ROW EXCLUSIVE MODE`); err != nil {
		return err
	}
	if err := clearDead(ctx, tx, me); err != nil {
		return err
	}
	var busy struct {
		RunID    string    `db:"run_id"`
		Provider string    `db:"provider"`
		From     time.Time `db:"from_time"`
		To       time.Time `db:"to_time"`
	}
	err := tx.GetContext(ctx, &busy, `SELECT run_id, provider, from_time, to_time FROM tieout.run_locks
		WHERE provider = ANY ($1) AND from_time < $3 AND to_time > $2 ORDER BY run_id LIMIT 1`, pq.Array(sel.Providers), sel.Start, sel.End)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return &BusyError{RunID: busy.RunID, Provider: busy.Provider, From: busy.From, To: busy.To}
}

// holdDry keeps nobody out, since a dry run writes nothing; but it does not
// begin beside a run of its range, whose rows it would have to wait for. It is a
// run of its own, unless single steps go on with one that is under way.
func (s *Store) holdDry(ctx context.Context, sel Selection, digest string, now time.Time, begin bool, me process, run *Run) error {
	look, err := s.pool.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	if err := errors.Join(free(ctx, look, sel, me), look.Rollback()); err != nil {
		return err
	}
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		if begin {
			return newRun(ctx, tx, sel, digest, now, run)
		}
		return pick(ctx, tx, sel, digest, now, false, run)
	})
}

// pick finds the run to go on with, or makes a new one.
func pick(ctx context.Context, tx *sqlx.Tx, sel Selection, digest string, now time.Time, begin bool, run *Run) error {
	// a whole run goes on with a whole one; single steps with whatever is under
	// way, but a poll that has ended is not begun anew in the same run
	err := tx.GetContext(ctx, run, `SELECT `+runColumns+` FROM tieout.runs
		WHERE from_date = $1 AND to_date = $2 AND selection = $3 AND status = 'running'
		  AND (NOT $4 OR whole = $5) AND (NOT $4 OR $5 OR polled_at IS NULL) ORDER BY started_at DESC LIMIT 1`,
		sel.From, sel.To, sel.Name, begin, sel.Whole)
	switch {
	case err == nil && (!begin || now.Sub(run.StartedAt) < resumeWithin && run.ConfigDigest == digest):
		// the reports go where this command says
		run.Folder = sel.Folder
		_, err := tx.ExecContext(ctx, `UPDATE tieout.runs SET folder = $2 WHERE id = $1`, run.ID, sel.Folder)
		return err
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return err
	case !begin:
		return ErrNoRun
	}
	// what nobody holds any more will not be finished
	if _, err := tx.ExecContext(ctx, `UPDATE tieout.runs SET status = 'abandoned', finished_at = now()
		WHERE from_date = $1 AND to_date = $2 AND selection = $3 AND status = 'running' AND whole = $4`, sel.From, sel.To, sel.Name, sel.Whole); err != nil {
		return err
	}
	return newRun(ctx, tx, sel, digest, now, run)
}

// newRun makes a run.
func newRun(ctx context.Context, tx *sqlx.Tx, sel Selection, digest string, now time.Time, run *Run) error {
	for at := now; ; at = at.Add(time.Millisecond) {
		err := tx.GetContext(ctx, run, `INSERT INTO tieout.runs
			(id, from_date, to_date, selection, status, started_at, providers, kinds, folder, from_time, to_time, outstanding, config_digest, whole)
			VALUES ($1, $2, $3, $4, 'running', $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (id) DO NOTHING RETURNING `+runColumns,
			runID(at), sel.From, sel.To, sel.Name, now, pq.Array(sel.Providers), pq.Array(sel.Kinds), sel.Folder, sel.Start, sel.End, sel.Outstanding, digest, sel.Whole)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
}

// runID is the time in milliseconds in ten letters of Crockford's base 32: it
// sorts by time and can be read out on the telephone.
func runID(at time.Time) string {
	const letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	ms := at.UnixMilli()
	b := make([]byte, 10)
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = letters[ms&31]
		ms >>= 5
	}
	return string(b)
}

// clearDead removes the locks of processes that ended: those whose lease ran
// out, and those of this machine whose process is gone.
func clearDead(ctx context.Context, tx *sqlx.Tx, me process) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM tieout.run_locks WHERE expires_at < now()`); err != nil {
		return err
	}
	var locks []struct {
		Token string `db:"token"`
		PID   int    `db:"pid"`
	}
	if err := tx.SelectContext(ctx, &locks, `SELECT DISTINCT token, pid FROM tieout.run_locks WHERE host = $1`, me.host); err != nil {
		return err
	}
	for _, l := range locks {
		if alive(l.PID, l.Token) {
			continue
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM tieout.run_locks WHERE token = $1`, l.Token); err != nil {
			return err
		}
	}
	return nil
}

// Keep renews the lease until ctx ends; lost is called once when it could not
// be kept, so that the run stops before another one takes the range.
func (l *Lease) Keep(ctx context.Context, lost func(error)) {
	if l.token == "" {
		return
	}
	t := time.NewTicker(l.expires / 4)
	defer t.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		res, err := l.s.db.ExecContext(ctx, `UPDATE tieout.run_locks SET expires_at = now() + $3 * interval '1 second'
			WHERE run_id = $1 AND token = $2 AND expires_at > now()`, l.runID, l.token, int(l.expires.Seconds()))
		if err == nil {
			n, _ := res.RowsAffected()
			if n == 0 {
				lost(errors.New("the hold on the range was lost to another run"))
				return
			}
			last = time.Now()
			continue
		}
		if ctx.Err() == nil && time.Since(last) > l.expires*3/4 {
			lost(fmt.Errorf("the hold on the range could not be renewed: %w", err))
			return
		}
	}
}

// held fails when the lease is another's by now; called inside the transaction
// that publishes.
func (l *Lease) held(ctx context.Context, tx *sqlx.Tx) error {
	var n int
	if err := tx.GetContext(ctx, &n, `SELECT count(*) FROM (SELECT 1 FROM tieout.run_locks
		WHERE run_id = $1 AND token = $2 AND expires_at > now() FOR UPDATE) x`, l.runID, l.token); err != nil {
		return err
	}
	if n == 0 {
		return errors.New("the hold on the range was lost: nothing was published, run again")
	}
	return nil
}

// Release gives the range back.
func (l *Lease) Release(ctx context.Context) error {
	_, err := l.s.db.ExecContext(ctx, `DELETE FROM tieout.run_locks WHERE run_id = $1 AND token = $2`, l.runID, l.token)
	return wrap("releasing the range", err)
}

// Done notes that a step of the run ended. column is one of the run's *_at columns.
func (s *Store) done(ctx context.Context, tx sqlx.ExecerContext, run *Run, column string) error {
	_, err := tx.ExecContext(ctx, `UPDATE tieout.runs SET `+pq.QuoteIdentifier(column)+` = now() WHERE id = $1`, run.ID)
	return err
}

// Fail ends a run that published nothing.
func (s *Store) Fail(ctx context.Context, run *Run, exitCode int, reason string) error {
	_, err := s.db.ExecContext(ctx, `UPDATE tieout.runs SET status = 'failed', finished_at = now(), exit_code = $2, error = $3 WHERE id = $1 AND status = 'running'`,
		run.ID, exitCode, reason)
	return wrap("noting the failure", err)
}

// EndPoll ends a run that was only to ask the providers.
func (s *Store) EndPoll(ctx context.Context, run *Run) error {
	_, err := s.db.ExecContext(ctx, `UPDATE tieout.runs SET status = 'polled', finished_at = now(), exit_code = 0 WHERE id = $1 AND status = 'running'`, run.ID)
	return wrap("ending the poll", err)
}

// Note adds sentences to the run's About; a sentence stands there once.
func (s *Store) Note(ctx context.Context, run *Run, notes ...string) error {
	for _, n := range notes {
		if _, err := s.db.ExecContext(ctx, `UPDATE tieout.runs SET notes = array_append(notes, $2) WHERE id = $1 AND NOT $2 = ANY (notes)`, run.ID, n); err != nil {
			return wrap("noting", err)
		}
	}
	return nil
}

// Runs lists the newest runs.
func (s *Store) Runs(ctx context.Context, limit int) ([]Run, error) {
	var out []Run
	err := s.db.SelectContext(ctx, &out, `SELECT `+runColumns+` FROM tieout.runs ORDER BY started_at DESC, id DESC LIMIT $1`, limit)
	return out, wrap("listing runs", err)
}

// RunByID finds one run.
func (s *Store) RunByID(ctx context.Context, id string) (*Run, error) {
	var r Run
	err := s.db.GetContext(ctx, &r, `SELECT `+runColumns+` FROM tieout.runs WHERE id = $1`, strings.ToUpper(id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("there is no run %q: see `tieout runs list`", id)
	}
	return &r, wrap("reading the run", err)
}

// process names this process so that another one can tell whether it still lives.
type process struct {
	host  string
	pid   int
	start string
}

func (p process) token() string {
	return fmt.Sprintf("%d/%s/%d", p.pid, p.start, time.Now().UnixNano())
}

// self identifies this process. The host part holds the boot and the process
// namespace, because containers may share a name and see other processes.
func self() process {
	name, _ := os.Hostname()
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	ns, _ := os.Readlink("/proc/self/ns/pid")
	return process{host: strings.Join([]string{name, strings.TrimSpace(string(boot)), ns}, "/"), pid: os.Getpid(), start: startOf(os.Getpid())}
}

// alive tells whether the process that made the token still runs. Where it
// can't be told, it counts as alive: its lease runs out by itself.
func alive(pid int, token string) bool {
	parts := strings.SplitN(token, "/", 3)
	if len(parts) != 3 || parts[1] == "" {
		return true
	}
	return startOf(pid) == parts[1]
}

// startOf is the start time of a process in clock ticks since boot, from
// /proc; empty when there is no such process (or no /proc).
func startOf(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, after, ok := strings.Cut(string(b), ") ")
	if !ok {
		return ""
	}
	fields := strings.Fields(after)
	const startTime = 19 // field 22 of the line, the 20th after the name
	if len(fields) <= startTime || fields[0] == "Z" {
		return ""
	}
	return fields[startTime]
}

// wrap names the operation that failed.
func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	var busy *BusyError
	var refused *RefusalError
	if errors.As(err, &busy) || errors.As(err, &refused) || errors.Is(err, ErrNoRun) {
		return err
	}
	return fmt.Errorf("%s: %w", op, err)
}

// SortedCopy returns names in order without changing the argument.
func SortedCopy(names []string) []string {
	out := append([]string(nil), names...)
	sort.Strings(out)
	return out
}
