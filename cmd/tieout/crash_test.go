package main

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// barrier is a place in a run at which the database lets it wait: before the
// nth row of a table is written, by a trigger that looks for a lock which the
// test holds. So a test meets a run in the middle of a step, on any machine.
type barrier struct {
	s    *site
	conn *sql.Conn
}

// raise makes runs wait at the nth row that an event ("INSERT", "UPDATE OF
// matched_at") writes to a table.
func raise(s *site, event, table string, nth int) *barrier {
	s.t.Helper()
	conn, err := s.db.Conn(s.t.Context())
	require.NoError(s.t, err)
	b := &barrier{s, conn}
	s.t.Cleanup(func() { _ = conn.Close() })
	b.exec(`SELECT pg_advisory_lock(4242)`)
	b.exec(`CREATE SEQUENCE public.barrier`)
	b.exec(fmt.Sprintf(`CREATE FUNCTION public.barrier() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF nextval('public.barrier') = %d THEN
				WHILE NOT pg_try_advisory_xact_lock(4242) LOOP PERFORM pg_sleep(0.01); END LOOP;
			END IF;
			RETURN NEW;
		END $$`, nth))
	b.exec(fmt.Sprintf(`CREATE TRIGGER barrier BEFORE %s ON tieout.%s FOR EACH ROW EXECUTE FUNCTION public.barrier()`, event, table))
	return b
}

func (b *barrier) exec(query string) {
	b.s.t.Helper()
	_, err := b.conn.ExecContext(b.s.t.Context(), query)
	require.NoError(b.s.t, err, query)
}

// standing are the server's processes that wait at a barrier.
const standing = `FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`

// reached waits until a run stands at the barrier; false where it ended first.
func (b *barrier) reached(p *process) bool {
	b.s.t.Helper()
	met := false
	eventually(b.s.t, func() bool {
		if met = get[bool](b.s, `SELECT count(*) > 0 `+standing); met {
			return true
		}
		select {
		case <-p.done:
			return true
		default:
			return false
		}
	})
	return met
}

// fall lets go on what stands at the barrier; who comes later meets none.
func (b *barrier) fall() {
	b.s.t.Helper()
	b.exec(`SELECT pg_advisory_unlock(4242)`) // first: who stands at the barrier holds the table
	b.exec(`DROP FUNCTION public.barrier() CASCADE`)
	b.exec(`DROP SEQUENCE public.barrier`)
}

// bury ends the server's side of a killed run, so that its last statement
// never happened, and lets the barrier fall.
func (b *barrier) bury() {
	b.s.t.Helper()
	eventually(b.s.t, func() bool {
		return get[bool](b.s, `SELECT coalesce(bool_and(pg_terminate_backend(pid, 60000)), false) `+standing)
	})
	b.fall()
}

// undisturbed gives the CSVs of a run over the small world that nobody
// interrupts.
func undisturbed(t testing.TB) map[string]string {
	t.Helper()
	undisturbedOnce.Do(func() {
		s := newSite(t, small(), serveWorld(t, small()))
		s.run(0)
		requirePlanted(t, small(), filepath.Join(s.folder(), "v1"))
		undisturbedFiles = timeless(t, filepath.Join(s.folder(), "v1"))
	})
	require.NotNil(t, undisturbedFiles, "the undisturbed run failed")
	return undisturbedFiles
}

var (
	undisturbedOnce  sync.Once
	undisturbedFiles map[string]string
)

// Each step is met at its beginning, in its middle and at its end. The row at
// which the run is killed is chosen anew every time; the tests' output names it.
var deaths = []struct {
	step, event, table string
	most               int // rows that are surely written
}{
	{"pull", "INSERT", "runs", 1},
	{"pull", "INSERT", "run_payments", 120},
	{"pull", "UPDATE OF pulled_at", "runs", 1},
	{"poll", "INSERT", "wallet_balances", 4},
	{"poll", "INSERT", "statement_rows", 20},
	{"poll", "INSERT", "statement_coverage", 1},
	{"poll", "INSERT", "run_statement_reads", 1},
	{"poll", "INSERT", "run_todo", 10},
	{"poll", "INSERT", "observations", 40},
	{"poll", "INSERT", "transactions", 80},
	{"poll", "INSERT", "answers", 10},
	{"poll", "INSERT", "run_lists", 4},
	{"poll", "UPDATE OF polled_at", "runs", 1},
	{"match", "INSERT", "run_results", 120},
	{"match", "INSERT", "run_transactions", 60},
	{"match", "INSERT", "exception_ids", 10},
	{"match", "INSERT", "run_exceptions", 10},
	{"match", "UPDATE OF matched_at", "runs", 1},
	{"settle", "INSERT", "run_lines", 10},
	{"settle", "INSERT", "run_checks", 10},
	{"settle", "UPDATE OF settled_at", "runs", 1},
	{"report", "UPDATE OF notes", "runs", 1},
	{"report", "INSERT", "report_files", 6},
	{"report", "INSERT", "report_file_parts", 6},
	{"report", "INSERT", "settlement_lines", 10},
	{"report", "INSERT", "exceptions", 10},
	{"report", "INSERT", "payment_outcomes", 80},
	{"report", "UPDATE OF published_at", "runs", 1},
	{"report", "UPDATE OF delivered_at", "runs", 1},
}

func TestARunThatWasKilledIsGoneOnWithAndReportsTheSame(t *testing.T) {
	t.Parallel()
	want := undisturbed(t)
	for _, d := range deaths {
		row := 1 + rand.IntN(d.most)
		t.Run(fmt.Sprintf("%s, %s %s", d.step, strings.ToLower(d.event), d.table), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, small(), serveWorld(t, small()))
			b := raise(s, d.event, d.table, row)
			p := start(t, s.dir, nil, append([]string{"run"}, small().span()...)...)
			require.True(t, b.reached(p), "the run must come to row %d: %s", row, p.err.String())
			p.kill()
			requireNothingHalf(t, s)
			b.fall()
			requireRecovery(t, s, want)
		})
	}
}

func TestARunThatIsKilledAtAnyMomentIsGoneOnWithAndReportsTheSame(t *testing.T) {
	t.Parallel()
	want := undisturbed(t)
	for i := range 6 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, small(), serveWorld(t, small()))
			for range 2 { // killed, and killed again while it recovers
				after := time.Duration(rand.Int64N(int64(2500 * time.Millisecond)))
				t.Logf("killed after %s", after)
				p := start(t, s.dir, nil, append([]string{"run"}, small().span()...)...)
				select {
				case <-p.done:
				case <-time.After(after):
				}
				p.kill()
				requireNothingHalf(t, s)
			}
			requireRecovery(t, s, want)
		})
	}
}

// Between the commit that publishes and the folder that gets its name there is
// nothing in Postgres to wait at: the folder is put back to how it stood then.
func TestReportsThatWerePublishedButNotPlacedAreDeliveredByTheNextRun(t *testing.T) {
	t.Parallel()
	want := undisturbed(t)
	for name, undo := range map[string]func(t *testing.T, folder, id string){
		"before the folder had its name": func(t *testing.T, folder, id string) {
			require.NoError(t, os.Rename(filepath.Join(folder, "v1"), filepath.Join(folder, ".writing-"+id)))
			require.NoError(t, os.Remove(filepath.Join(folder, "latest")))
		},
		"before latest pointed to it": func(t *testing.T, folder, _ string) {
			require.NoError(t, os.Symlink("v1", filepath.Join(folder, ".latest-v1")))
			require.NoError(t, os.Remove(filepath.Join(folder, "latest")))
		},
		"and the disk was lost": func(t *testing.T, folder, _ string) {
			require.NoError(t, os.RemoveAll(folder))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, small(), serveWorld(t, small()))
			b := raise(s, "UPDATE OF delivered_at", "runs", 1)
			p := start(t, s.dir, nil, append([]string{"run"}, small().span()...)...)
			require.True(t, b.reached(p), p.err.String())
			p.kill()
			files := contents(t, filepath.Join(s.folder(), "v1"), allFiles)
			undo(t, s.folder(), get[string](s, `SELECT id FROM tieout.runs`))
			b.bury()
			requireRecovery(t, s, want)
			assert.Equal(t, files, contents(t, filepath.Join(s.folder(), "v1"), allFiles), "delivered as published")
		})
	}
}

func TestAFolderThatCanNotBeWrittenAnyMoreDoesNotStopOtherRuns(t *testing.T) {
	t.Parallel()
	s := newSite(t, small(), serveWorld(t, small()))
	gone := filepath.Join(s.dir, "disk", "reports")
	s.run(0, "--out", gone)
	// killed before it was delivered, and the disk is not there any more
	s.exec(`UPDATE tieout.runs SET delivered_at = NULL`)
	require.NoError(t, os.RemoveAll(filepath.Join(s.dir, "disk")))
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "disk"), nil, 0o600))

	r := s.run(0)
	assert.Contains(t, r.err, "disk", "the log tells what was not delivered")
	requireWhole(t, filepath.Join(s.folder(), "latest"))
}

// requireNothingHalf proves that whoever looks into the folder finds whole
// versions only, and those only that are published.
func requireNothingHalf(t *testing.T, s *site) {
	t.Helper()
	published := map[string]bool{}
	for _, v := range versionsIn(t, s) {
		requireWhole(t, filepath.Join(s.folder(), v))
		published[v] = get[bool](s, `SELECT EXISTS (SELECT 1 FROM tieout.runs WHERE status = 'published' AND 'v' || version = $1)`, v)
		assert.True(t, published[v], "%s is not published", v)
	}
	if latest, err := os.Readlink(filepath.Join(s.folder(), "latest")); err == nil {
		assert.True(t, published[latest], "latest names %s", latest)
	}
	parts := get[int](s, `SELECT count(*) FROM tieout.report_files f JOIN tieout.runs r ON r.id = f.run_id WHERE r.status <> 'published'`)
	assert.Zero(t, parts, "files of a run that is not published")
}

func versionsIn(t testing.TB, s *site) []string {
	t.Helper()
	var out []string
	for _, n := range names(t, s.folder()) {
		if strings.HasPrefix(n, "v") {
			out = append(out, n)
		}
	}
	return out
}

// requireRecovery runs the same command again: what was published before stays,
// one version comes, and all of them say what an undisturbed run says.
func requireRecovery(t *testing.T, s *site, want map[string]string) {
	t.Helper()
	s.run(0)
	published := get[int](s, `SELECT count(*) FROM tieout.runs WHERE status = 'published'`)
	versions := versionsIn(t, s)
	assert.Len(t, versions, published)
	assert.Equal(t, published, get[int](s, `SELECT count(*) FROM tieout.runs`), "no run is left behind")
	assert.Equal(t, append([]string{"latest"}, versions...), names(t, s.folder()), "nothing else lies about")
	latest, err := os.Readlink(filepath.Join(s.folder(), "latest"))
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprintf("v%d", published), latest)
	for i, v := range versions {
		m := requireWhole(t, filepath.Join(s.folder(), v))
		assert.Equal(t, i+1, m.Version)
		for name, text := range timeless(t, filepath.Join(s.folder(), v)) {
			assert.Equal(t, strings.Split(want[name], "\n"), strings.Split(text, "\n"), "%s/%s", v, name)
		}
	}
	assert.Zero(t, get[int](s, `SELECT count(*) FROM tieout.run_locks`))
	assert.Zero(t, get[int](s, `SELECT count(*) FROM tieout.run_todo`))
	assert.Zero(t, get[int](s, `SELECT count(*) FROM tieout.runs WHERE delivered_at IS NULL`))
}

func TestARunInterruptedBySIGTERMExits130AndIsGoneOnWith(t *testing.T) {
	t.Parallel()
	want := undisturbed(t)
	s := newSite(t, small(), serveWorld(t, small()))
	b := raise(s, "INSERT", "answers", 2)
	p := start(t, s.dir, nil, append([]string{"run"}, small().span()...)...)
	require.True(t, b.reached(p), p.err.String())
	p.stop()
	r := p.wait()
	assert.Equal(t, 130, r.code, r.err)
	assert.Len(t, strings.Split(strings.TrimSpace(withoutLog(r.err)), "\n"), 1, r.err)
	requireNothingHalf(t, s)
	assert.Zero(t, get[int](s, `SELECT count(*) FROM tieout.run_locks`), "the range is given back")
	b.fall()
	requireRecovery(t, s, want)
	assert.Equal(t, 1, get[int](s, `SELECT count(*) FROM tieout.runs`), "the same run was gone on with")
}

// withoutLog leaves of standard error what is not the JSON log.
func withoutLog(text string) string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		if !strings.HasPrefix(line, "{") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}
