package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jmoiron/sqlx"

	"tieout/config"
	"tieout/internal/namedsql"
	"tieout/internal/store/pgtest"
)

// A shop is a merchant's table beside tieout's database: in it, in it over a
// connection of its own whose session looks different, or in another database.
// A trigger counts what is written to each row.
type shop struct {
	testing.TB
	store  *Store
	ledger *Ledger
	db     *sqlx.DB // the merchant's
	apart  bool
	runs   int
}

const shopTables = `CREATE SCHEMA app;
CREATE TABLE app.payments (id text PRIMARY KEY, status text NOT NULL DEFAULT 'pending', amount numeric CHECK (amount < 1000000),
	held boolean, decided_at timestamptz, ref varchar(13), code integer, UNIQUE (ref) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE app.log (n bigserial, id text, status text, decided_at timestamptz);
CREATE FUNCTION app.told() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO app.log (id, status, decided_at) VALUES (new.id, new.status, new.decided_at); RETURN new; END $$;
CREATE TRIGGER told AFTER INSERT OR UPDATE ON app.payments FOR EACH ROW EXECUTE FUNCTION app.told();`

const upsert = `INSERT INTO app.payments AS p (id, status, amount, held, decided_at) VALUES (:payment_id, :status, :amount, :held, :decided_at)
	ON CONFLICT (id) DO UPDATE SET status = :status, amount = :amount, held = :held, decided_at = :decided_at
	WHERE p.decided_at IS NULL OR p.decided_at <= :decided_at`

// inEachPlace runs a test for each place that the merchant's table may have.
func inEachPlace(t *testing.T, test func(t *testing.T, s *shop)) {
	t.Helper()
	t.Parallel()
	for _, place := range []string{"own database", "same database by url", "another database"} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			own := pgtest.Prepared(t, "migrated", migrate)
			merchant, dsn, query := own, "", ""
			switch place {
			case "same database by url":
				dsn = with(t, own, "TimeZone=Asia/Tokyo&DateStyle=German&IntervalStyle=iso_8601")
			case "another database":
				merchant = pgtest.URL(t)
				dsn = merchant
			}
			if dsn != "" {
				query = "SELECT * FROM tieout.payments WHERE created_at >= :from AND created_at < :to"
			}
			test(t, open(t, own, merchant, dsn, query))
		})
	}
}

func migrate(ctx context.Context, url string) error {
	s, err := Open(ctx, url)
	if err != nil {
		return err
	}
	_, err = s.Migrate(ctx)
	return errors.Join(err, s.Close())
}

func with(t *testing.T, dsn, settings string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.RawQuery = strings.Trim(u.RawQuery+"&"+settings, "&")
	return u.String()
}

func open(t *testing.T, own, merchant, dsn, query string) *shop {
	t.Helper()
	ctx := t.Context()
	st, err := Open(ctx, own)
	if err != nil {
		t.Fatal(err)
	}
	l, err := st.OpenLedger(ctx, dsn, query)
	if err != nil {
		t.Fatal(err)
	}
	db, err := connect(ctx, merchant)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(db.Close(), l.Close(), st.Close()); err != nil {
			t.Error(err)
		}
	})
	s := &shop{TB: t, store: st, ledger: l, db: db, apart: own != merchant}
	s.exec(db, shopTables)
	return s
}

func (s *shop) exec(db *sqlx.DB, query string, args ...any) {
	s.Helper()
	if _, err := db.ExecContext(s.Context(), query, args...); err != nil {
		s.Fatal(err)
	}
}

// lines gives the rows of a query, their columns joined by spaces.
func (s *shop) lines(db *sqlx.DB, query string) []string {
	s.Helper()
	var out []string
	if err := db.SelectContext(s.Context(), &out, query); err != nil {
		s.Fatal(err)
	}
	return out
}

func (s *shop) same(what string, got []string, want ...string) {
	s.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		s.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// outcome is what a run found of a payment.
type outcome struct {
	id, status string
	amount     string
	held       bool
	decided    int // hours after the first moment
}

// publish makes a run public that found these outcomes.
func (s *shop) publish(outcomes ...outcome) *Run {
	s.Helper()
	s.runs++
	run := &Run{ID: fmt.Sprintf("RUN%05d", s.runs)}
	tx, err := s.store.pool.BeginTxx(s.Context(), nil)
	if err != nil {
		s.Fatal(err)
	}
	exec := func(query string, args ...any) {
		s.Helper()
		if _, err := tx.ExecContext(s.Context(), query, args...); err != nil {
			s.Fatal(err)
		}
	}
	exec(`INSERT INTO tieout.runs (id, from_date, to_date, selection, version, status, started_at, providers, kinds, folder, from_time, to_time)
		VALUES ($1, '2026-03-01', '2026-03-01', '', $2, 'published', now(), '{}', '{}', '', now(), now())`, run.ID, s.runs)
	for _, o := range outcomes {
		exec(`INSERT INTO tieout.run_results (run_id, payment_id, result, transaction_ids) VALUES ($1, $2, 'matched', '{}')`, run.ID, o.id)
		exec(`INSERT INTO tieout.payment_outcomes (payment_id, status, amount, currency, decided_at, run_id, held)
			VALUES ($1, $2, nullif($3, '')::numeric, 'KES', $4, $5, $6)
			ON CONFLICT (payment_id) DO UPDATE SET status = excluded.status, amount = excluded.amount, decided_at = excluded.decided_at,
				run_id = excluded.run_id, held = excluded.held`,
			o.id, o.status, o.amount, moment(o.decided), run.ID, o.held)
	}
	if err := tx.Commit(); err != nil {
		s.Fatal(err)
	}
	return run
}

func moment(hours int) time.Time {
	return time.Date(2026, 3, 1, hours, 0, 0, 123456000, time.UTC)
}

func (s *shop) write(run *Run, statement string, sent, refused int64) WrittenBack {
	s.Helper()
	got, err := s.store.WriteBack(s.Context(), run, s.ledger, statement)
	if err != nil {
		s.Fatal(err)
	}
	if got.Sent != sent || got.Refused != refused {
		s.Fatalf("sent %d and refused %d (%s), want %d and %d", got.Sent, got.Refused, got.Reason, sent, refused)
	}
	return got
}

// crash writes back and dies between sending and noting.
func (s *shop) crash(run *Run, statement string) {
	s.Helper()
	killed := errors.New("killed")
	w := &writeback{s: s.store, l: s.ledger, run: run, statement: namedsql.Parse(statement), arrived: func() error { return killed }}
	if err := w.send(s.Context()); !errors.Is(err, killed) {
		s.Fatalf("got %v, want to be killed", err)
	}
}

const (
	table  = `SELECT concat_ws(' ', id, status, amount, held) FROM app.payments ORDER BY id`
	writes = `SELECT id || ' ' || status FROM app.log ORDER BY n`
	notes  = `SELECT concat_ws(' ', payment_id, state, run_id) FROM tieout.writebacks ORDER BY payment_id`
)

func TestEachChangeIsWrittenOnce(t *testing.T) {
	inEachPlace(t, func(_ *testing.T, s *shop) {
		s.write(s.publish(outcome{"a", "completed", "10.50", false, 1}, outcome{"b", "pending", "", true, 1}), upsert, 2, 0)
		s.same("the table", s.lines(s.db, table), "a completed 10.50 f", "b pending t")
		s.same("the times", s.lines(s.db, `SELECT DISTINCT to_char(decided_at AT TIME ZONE 'UTC', 'HH24:MI:SS.US') FROM app.payments`), "01:00:00.123456")

		s.write(s.publish(outcome{"a", "completed", "10.5", false, 1}, outcome{"b", "pending", "", true, 1}), upsert, 0, 0)
		s.write(s.publish(outcome{"a", "completed", "10.50", true, 1}, outcome{"b", "pending", "", true, 1}), upsert, 1, 0) // held
		s.write(s.publish(outcome{"a", "completed", "10.50", true, 1}, outcome{"b", "failed", "", true, 2}), upsert, 1, 0)  // status
		s.write(s.publish(outcome{"a", "completed", "10.51", true, 3}), upsert, 1, 0)                                       // amount
		s.write(s.publish(outcome{"a", "completed", "10.51", true, 4}), upsert, 1, 0)                                       // decided_at
		s.same("the table", s.lines(s.db, table), "a completed 10.51 t", "b failed t")
		s.same("the writes", s.lines(s.db, writes), "a completed", "b pending", "a completed", "b failed", "a completed", "a completed")
		s.same("the notes", s.lines(s.store.pool, notes), "a sent RUN00006", "b sent RUN00004")
	})
}

func TestACrashBetweenSendingAndNotingLosesNothing(t *testing.T) {
	inEachPlace(t, func(_ *testing.T, s *shop) {
		s.crash(s.publish(outcome{"a", "completed", "1", false, 1}), upsert)
		arrived, state := 0, "a due RUN00001"
		if s.apart {
			arrived, state = 1, "a sending RUN00001"
		}
		if got := s.lines(s.db, writes); len(got) != arrived {
			s.Fatalf("after the crash the merchant has %q", got)
		}
		s.same("the notes", s.lines(s.store.pool, notes), state)

		s.write(s.publish(), upsert, 1, 0) // a run of another range
		if got := s.lines(s.db, writes); len(got) != arrived+1 {
			s.Errorf("in one transaction it is written once, apart it is sent again: %q", got)
		}
		s.write(s.publish(), upsert, 0, 0)
		s.same("the table", s.lines(s.db, table), "a completed 1 f")
	})
}

func TestAfterACrashOnlyTheNewestOutcomeIsSent(t *testing.T) {
	inEachPlace(t, func(_ *testing.T, s *shop) {
		s.crash(s.publish(outcome{"a", "pending", "1", true, 1}, outcome{"b", "failed", "1", false, 1}), upsert)
		before := len(s.lines(s.db, writes))
		s.publish(outcome{"a", "failed", "1", false, 2})
		s.write(s.publish(outcome{"a", "completed", "1", false, 3}), upsert, 2, 0)
		s.same("the writes", s.lines(s.db, writes)[before:], "a completed", "b failed")
	})
}

func TestABadRowIsSetAsideAndTheRestGoesOn(t *testing.T) {
	inEachPlace(t, func(_ *testing.T, s *shop) {
		const statement = `INSERT INTO app.payments AS p (id, status, amount, ref, code) VALUES (:payment_id, :status, :amount, :status, length(:status::text) / :amount)
			ON CONFLICT (id) DO UPDATE SET status = :status, amount = :amount, ref = :status`
		outcomes := make([]outcome, 1200)
		for i := range outcomes {
			outcomes[i] = outcome{fmt.Sprintf("p%04d", i), fmt.Sprintf("s%d", i), "5", false, 1}
		}
		outcomes[7].amount = "1000000"               // a check
		outcomes[8].amount = "0"                     // a division by zero
		outcomes[499].status = "far too long a word" // a type
		outcomes[1100].status = "s3"                 // unique, at the commit
		outcomes[1199].status = "s254700123456"      // an error that may show what it holds
		s.exec(s.db, `CREATE FUNCTION app.odd() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'odd: %', new.status; END $$;
			CREATE TRIGGER odd BEFORE INSERT ON app.payments FOR EACH ROW WHEN (new.id = 'p1199') EXECUTE FUNCTION app.odd()`)
		run := s.publish(outcomes...)
		got := s.write(run, statement, 1195, 5)
		if got.PaymentID != "p0007" || !strings.Contains(got.Reason, "violates check constraint") {
			s.Errorf("the first refused one is %s, %s", got.PaymentID, got.Reason)
		}
		reasons := s.lines(s.store.pool, `SELECT payment_id || ' ' || state || ' ' || coalesce(digest, '-') || ': ' || reason FROM tieout.writebacks WHERE state <> 'sent' ORDER BY 1`)
		s.same("the reasons", reasons,
			`p0007 refused -: new row for relation "payments" violates check constraint "payments_amount_check" (23514)`,
			`p0008 refused -: division by zero (22012)`,
			`p0499 refused -: value too long for type character varying(13) (22001)`,
			`p1100 refused -: duplicate key value violates unique constraint "payments_ref_key" (23505)`,
			`p1199 refused -: odd: s2547••••456 (P0001)`)
		if n := len(s.lines(s.db, writes)); n != 1195 {
			s.Errorf("%d rows were written, want 1195", n)
		}

		// each further run tries again, and only these
		s.exec(s.db, `DROP TRIGGER odd ON app.payments; ALTER TABLE app.payments ALTER ref TYPE text, DROP CONSTRAINT payments_amount_check`)
		s.write(s.publish(), statement, 3, 2)
		s.write(s.publish(outcome{"p1100", "new", "5", false, 2}), statement, 1, 1)
		if n := len(s.lines(s.db, writes)); n != 1199 {
			s.Errorf("%d rows were written, want 1199", n)
		}
	})
}

func TestAStatementThatDoesNotWorkLeavesAllToTheNextRun(t *testing.T) {
	inEachPlace(t, func(_ *testing.T, s *shop) {
		run := s.publish(outcome{"a", "completed", "1", false, 1})
		for statement, want := range map[string]string{
			`UPDATE app.payments SET state = :status WHERE id = :payment_id`:                                `column "state" of relation "payments" does not exist`,
			`UPDATE app.payments SET status = :status WHERE id = :payment_id AND :amount IS NULL`:           `write a cast, such as :amount::numeric`,
			`INSERT INTO app.payments (id, status, n) VALUES (:payment_id, :status, 1)`:                     `column "n"`,
			`SELECT set_config('transaction_read_only', 'on', true), app.missing(:payment_id, :status)`:     `function app.missing`,
			`WITH x AS (SELECT :payment_id::text, :status::text) INSERT INTO nowhere SELECT * FROM x;`:      `relation "nowhere" does not exist`,
			`UPDATE app.payments SET status = :status WHERE id = :payment_id AND pg_sleep(0) IS NULL AND (`: `syntax error`,
		} {
			got, err := s.store.WriteBack(s.Context(), run, s.ledger, statement)
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "ledger.writeback") || got != (WrittenBack{}) {
				s.Errorf("%s: got %+v and %v, want %s", statement, got, err, want)
			}
		}
		s.write(s.publish(), upsert, 1, 0)
		s.same("the table", s.lines(s.db, table), "a completed 1 f")
	})
}

func TestWhatNoWriteBackHasSeenIsSentByTheNext(t *testing.T) {
	inEachPlace(t, func(_ *testing.T, s *shop) {
		s.publish(outcome{"a", "completed", "1", false, 1})
		s.write(s.publish(outcome{"b", "completed", "1", false, 1}), upsert, 2, 0) // the first one takes all
		s.publish(outcome{"c", "completed", "1", false, 1})
		s.write(s.publish(outcome{"d", "completed", "1", false, 1}), upsert, 2, 0)
		// a newer version of the range has deleted the working tables of an older one
		older := s.publish(outcome{"e", "completed", "1", false, 1}, outcome{"f", "completed", "1", false, 1})
		s.exec(s.store.pool, `DELETE FROM tieout.run_results WHERE run_id = $1`, older.ID)
		s.write(s.publish(outcome{"f", "completed", "1", false, 1}), upsert, 2, 0)
		if got := s.lines(s.db, writes); len(got) != 6 {
			s.Errorf("written: %q", got)
		}
		// a run that is under way is not public
		run := s.publish(outcome{"g", "completed", "1", false, 1})
		s.exec(s.store.pool, `UPDATE tieout.runs SET status = 'running' WHERE id = $1`, run.ID)
		s.write(run, upsert, 0, 0)
	})
}

func TestManyAtOnceNeverWriteAnOlderOutcomeOverANewerOne(t *testing.T) {
	inEachPlace(t, func(_ *testing.T, s *shop) {
		// without the guard that a merchant's statement should carry
		const statement = `INSERT INTO app.payments (id, status, decided_at) VALUES (:payment_id, :status, :decided_at)
			ON CONFLICT (id) DO UPDATE SET status = :status, decided_at = :decided_at`
		var wg sync.WaitGroup
		for round := range 6 {
			outcomes := make([]outcome, 700)
			for i := range outcomes {
				outcomes[i] = outcome{fmt.Sprintf("p%03d", i), fmt.Sprintf("s%d", round), "1", false, round}
			}
			run := s.publish(outcomes...)
			for range 2 {
				wg.Go(func() {
					if _, err := s.store.WriteBack(s.Context(), run, s.ledger, statement); err != nil {
						s.Error(err)
					}
				})
			}
		}
		wg.Wait()
		s.same("the table", s.lines(s.db, `SELECT status || ' ' || count(*) FROM app.payments GROUP BY status`), "s5 700")
		s.same("older over newer", s.lines(s.db, `SELECT id FROM (SELECT id, decided_at <= lag(decided_at) OVER (PARTITION BY id ORDER BY n) AS bad FROM app.log) x WHERE bad`))
	})
}

func TestWhoHasLostTheLockWritesNothing(t *testing.T) {
	t.Parallel()
	merchant := pgtest.URL(t)
	s := open(t, pgtest.Prepared(t, "migrated", migrate), merchant, merchant, "SELECT 1")
	run := s.publish(outcome{"a", "completed", "1", false, 1})
	// kills whoever holds the lock in tieout's database of this test
	statement := fmt.Sprintf(`INSERT INTO app.payments (id, status) SELECT :payment_id, :status::text || count(pg_terminate_backend(l.pid))
		FROM pg_locks l JOIN pg_database d ON d.oid = l.database
		WHERE d.datname = '%s' AND l.locktype = 'advisory' AND l.granted AND l.objid::bigint = %d`,
		s.lines(s.store.pool, `SELECT current_database()`)[0], writebackLock&0xffffffff)
	_, err := s.store.WriteBack(t.Context(), run, s.ledger, statement)
	if err == nil || !strings.Contains(err.Error(), "lock is lost") {
		t.Fatalf("got %v", err)
	}
	s.same("the table", s.lines(s.db, table))
	s.write(s.publish(), upsert, 1, 0)
	s.same("the table", s.lines(s.db, table), "a completed 1 f")
}

func TestEveryParameterArrivesAsItIs(t *testing.T) {
	inEachPlace(t, func(_ *testing.T, s *shop) {
		run := s.publish(outcome{"it's", "completed", "1234567890123.123456", true, 1}, outcome{"none", "unknown", "", false, 2})
		s.exec(s.store.pool, `UPDATE tieout.payment_outcomes SET provider_status = 'A\B', provider_payment_id = '$1', provider_reference = ':status',
			network_reference = 'Zoë;--', failure_code = '', failure_message = E'two\nlines', completed_at = '2026-03-01 02:03:04.000005+03' WHERE payment_id = 'it''s'`)
		s.exec(s.db, `CREATE TYPE app.status AS ENUM ('completed', 'unknown');
			CREATE TABLE app.all_of_it (payment_id text, status app.status, provider_status text, provider_payment_id text, provider_reference text, network_reference text,
				failure_code text, failure_message text, amount numeric, currency char(3), completed_at timestamptz, decided_at timestamp, run_id text, held boolean)`)
		names := config.WritebackParameters
		s.write(run, `INSERT INTO app.all_of_it (`+strings.Join(names, ", ")+`) VALUES (:`+strings.Join(names, ", :")+`)`, 2, 0)
		got := map[string]string{}
		for _, of := range []string{"it's", "none"} {
			for _, n := range names {
				value := s.lines(s.db, fmt.Sprintf(`SELECT coalesce(%s::text, 'NULL') FROM (SELECT a.*, completed_at AT TIME ZONE 'UTC' AS utc FROM app.all_of_it a) a WHERE payment_id = '%s'`,
					strings.Replace(n, "completed_at", "utc", 1), strings.ReplaceAll(of, "'", "''")))
				got[of+" "+n] = strings.Join(value, ",")
			}
		}
		want := map[string]string{
			"it's status": "completed", "it's provider_status": `A\B`, "it's provider_payment_id": "$1", "it's provider_reference": ":status",
			"it's network_reference": "Zoë;--", "it's failure_code": "", "it's failure_message": "two\nlines", "it's amount": "1234567890123.123456",
			"it's completed_at": "2026-02-28 23:03:04.000005", "it's decided_at": "2026-03-01 01:00:00.123456", "it's held": "true",
			"none status": "unknown", "none decided_at": "2026-03-01 02:00:00.123456", "none held": "false",
		}
		all := map[string]string{}
		for _, of := range []string{"it's", "none"} {
			for _, n := range names {
				all[of+" "+n] = "NULL"
			}
			all[of+" payment_id"], all[of+" currency"], all[of+" run_id"] = of, "KES", run.ID
		}
		maps.Copy(all, want)
		if diff := cmp.Diff(all, got); diff != "" {
			s.Errorf("(-want +got):\n%s", diff)
		}
	})
}
