package bench

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/rs/zerolog"

	"tieout/internal/corpus"
	"tieout/internal/store"
	"tieout/internal/store/pgtest"
	"tieout/jobs"
)

var (
	sizes   = flag.String("sizes", "100000,1000000", "payments a side of the benchmark's corpora, smallest first")
	profile = flag.String("profile", "", "`FILE` for a CPU profile of writing the reports")
)

// childEnv lets the test binary be the process whose memory is measured.
const childEnv = "TIEOUT_BENCH_CHILD"

func TestMain(m *testing.M) {
	if task := os.Getenv(childEnv); task != "" {
		if err := child(context.Background(), task); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	pgtest.Main(m)
}

// task is what a process of its own is to do.
type task struct {
	Job     jobs.Job // or writeReports, writePlain
	URL     string
	From    time.Time
	To      time.Time
	Now     time.Time
	Dir     string
	Rows    int
	Profile string // file for a CPU profile; empty: none
}

// measured is what it took.
type measured struct {
	Took time.Duration
	CPU  time.Duration // user and system, of the whole process
	Peak int64         // resident memory in KB; 0: not known on this system
}

func child(ctx context.Context, text string) error {
	var t task
	if err := json.Unmarshal([]byte(text), &t); err != nil {
		return err
	}
	if t.Profile != "" {
		f, err := os.Create(t.Profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	began := time.Now()
	var err error
	switch t.Job {
	case writeReports:
		err = writeAsTieout(ctx, t.Dir, t.Rows)
	case writePlain:
		err = writeAsItComes(t.Dir, t.Rows)
	default:
		err = runJob(ctx, t)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", t.Job, err)
	}
	return json.NewEncoder(os.Stdout).Encode(measured{Took: time.Since(began), Peak: peakKB()})
}

// runJob runs one step as the command line does.
func runJob(ctx context.Context, t task) error {
	s, err := store.Open(ctx, t.URL)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	l, err := s.OpenLedger(ctx, "", "")
	if err != nil {
		return err
	}
	loc, err := time.LoadLocation(benchZone)
	if err != nil {
		return err
	}
	env := &jobs.Env{
		Config: settings(corpus.DefaultAccounts(), "http://127.0.0.1", loc), Store: s, Ledger: l, Log: zerolog.New(os.Stderr).Level(zerolog.WarnLevel),
		Progress: func(jobs.Job, string, int64, int64) {}, Now: func() time.Time { return t.Now }, Version: "bench",
	}
	_, err = env.Run(ctx, jobs.Request{Steps: []jobs.Job{t.Job}, Range: jobs.Range{From: t.From, To: t.To}, Out: t.Dir})
	return err
}

// peakKB is the most memory that this process has had, as Linux tells it.
func peakKB() int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kb, _ := strconv.ParseInt(fields[0], 10, 64)
	return kb
}

// apart runs a task in a process of its own.
func apart(b *testing.B, t task) measured {
	b.Helper()
	text, err := json.Marshal(t)
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		b.Fatalf("%s: %v\n%s", t.Job, err, errs.String())
	}
	var m measured
	if err := json.Unmarshal(out.Bytes(), &m); err != nil {
		b.Fatalf("%s: %v\n%s", t.Job, err, out.String())
	}
	m.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return m
}

const benchZone = "Africa/Nairobi"

// step is one line of the table.
type step struct {
	name string
	rows int
	measured
	floor time.Duration // 0: there is none
	like  string        // the step of the first size that it is compared with; empty: the same
}

// BenchmarkPipeline loads and matches corpora of equal payments and
// transactions and compares each step with the least that PostgreSQL needs for
// it: psql loads the same two sides by COPY, joins them in full by their keys
// and stores what differs.
func BenchmarkPipeline(b *testing.B) {
	var first []step
	for _, text := range strings.Split(*sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("payments=%d", n), func(b *testing.B) {
			for range b.N {
				steps := pipeline(b, n)
				printSteps(n, steps, first)
				if first == nil {
					first = steps
				}
			}
		})
	}
}

func pipeline(b *testing.B, n int) []step {
	b.Helper()
	url := pgtest.Prepared(b, "migrated", migrated)
	db, err := sqlx.Open("postgres", url)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	parts := worlds(b, n)
	for _, o := range parts {
		if err := copyPayments(b.Context(), db, corpus.Generate(o).Payments); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := db.ExecContext(b.Context(), `ANALYZE tieout.payments`); err != nil {
		b.Fatal(err)
	}
	t := task{URL: url, From: parts[0].From, To: parts[len(parts)-1].From.AddDate(0, 0, partDays-1), Now: parts[0].Now, Dir: b.TempDir()}
	do := func(job jobs.Job) measured { t.Job = job; return apart(b, t) }

	pulled := do(jobs.Pull)
	saved, rows := saveAll(b, url, db, parts)
	floor := newFloor(b, url, db)
	loadLedger, loadTheirs := floor.load(b, "ours"), floor.load(b, "theirs")
	join, pairs := floor.join(b)
	matched := do(jobs.Match)
	settled := do(jobs.Settle)
	reported := do(jobs.Report)
	var night measured
	if len(parts) > 1 {
		t.From = parts[len(parts)/2].From
		t.To = t.From.AddDate(0, 0, partDays-1)
		do(jobs.Pull)
		night = do(jobs.Match)
	}

	steps := []step{
		{name: "pull the ledger", rows: n, measured: pulled, floor: loadLedger},
		{name: "save the providers' side", rows: rows, measured: measured{Took: saved}, floor: loadTheirs},
		{name: "match", rows: n, measured: matched, floor: join},
		{name: "settle", rows: n, measured: settled},
		{name: "reports", rows: n, measured: reported},
	}
	sum := func(name string, rows int, of []step, floor time.Duration) step {
		t := step{name: name, rows: rows, floor: floor}
		for _, s := range of {
			t.Took += s.Took
			t.Peak = max(t.Peak, s.Peak)
		}
		return t
	}
	least := loadLedger + loadTheirs + join
	steps = append(steps, sum("load and match", n, steps[:3], least), sum("all", n, steps, least), step{name: "the floor, pairs stored", rows: n, measured: measured{Took: pairs}, floor: join})
	if len(parts) > 1 { // as a nightly run does, with the other days in the database
		steps = append(steps, step{name: "match one day of these", rows: partPayments, measured: night, like: "match"})
	}
	return steps
}

func printSteps(n int, steps, first []step) {
	fmt.Printf("\n%d payments a side\n%-26s %9s %10s %9s %9s %9s %s\n", n, "step", "seconds", "rows/s", "peak MB", "floor s", "x floor", "x the first size")
	for _, s := range steps {
		peak, floor, times, growth := "-", "-", "-", ""
		if s.Peak > 0 {
			peak = strconv.FormatInt(s.Peak/1024, 10)
		}
		if s.floor > 0 {
			floor, times = seconds(s.floor), ratio(s.Took, s.floor)
		}
		for _, f := range first {
			if f.name == cmp.Or(s.like, s.name) {
				growth = ratio(s.Took, f.Took)
			}
		}
		fmt.Printf("%-26s %9s %10d %9s %9s %9s %s\n", s.name, seconds(s.Took), int64(s.rows)*1000/max(s.Took.Milliseconds(), 1), peak, floor, times, growth)
	}
}

func seconds(d time.Duration) string {
	return fmt.Sprintf("%d.%02d", d.Milliseconds()/1000, d.Milliseconds()%1000/10)
}

// ratio is a/b with two decimals.
func ratio(a, b time.Duration) string {
	n := a.Milliseconds() * 100 / max(b.Milliseconds(), 1)
	return fmt.Sprintf("%d.%02d", n/100, n%100)
}

// floor is the least that PostgreSQL needs, by psql.
type floor struct {
	psql, url, dir string
}

// newFloor writes both sides into files, as lean as a match can be.
func newFloor(b *testing.B, url string, db *sqlx.DB) floor {
	b.Helper()
	psql, err := exec.LookPath("psql")
	if err != nil {
		b.Fatal("the floor needs psql: ", err)
	}
	f := floor{psql, url, b.TempDir()}
	// the providers' rows under the keys by which payments know them
	const columns = `id text, provider text, kind text, key text, ref text, minor bigint, exp smallint, currency text, status text, account text, created timestamptz, order_id text`
	for _, side := range []string{"ours", "theirs"} {
		if _, err := db.ExecContext(b.Context(), `CREATE TABLE `+side+` (`+columns+`)`); err != nil {
			b.Fatal(err)
		}
	}
	f.run(b, `\copy (SELECT payment_id, provider, kind, coalesce(provider_payment_id, payment_id), reference, amount, exp, currency, status, account, created_at,`+
		` metadata ->> 'orderId' FROM tieout.run_payments) TO '`+f.file("ours")+`'`)
	f.run(b, `\copy (SELECT id, provider, kind, provider_payment_id, reference, amount, exp, currency, status, account, created_at,`+
		` metadata ->> 'orderId' FROM tieout.transactions) TO '`+f.file("theirs")+`'`)
	return f
}

func (f floor) file(side string) string { return filepath.Join(f.dir, side) }

func (f floor) run(b *testing.B, command string) time.Duration {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), f.psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", f.url, "-c", command)
	began := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("psql: %v\n%s", err, out)
	}
	return time.Since(began)
}

func (f floor) load(b *testing.B, side string) time.Duration {
	b.Helper()
	return f.run(b, `\copy `+side+` FROM '`+f.file(side)+`'`)
}

// join is how long the differences take, and how long it takes to store every
// pair instead.
func (f floor) join(b *testing.B) (differences, pairs time.Duration) {
	b.Helper()
	f.run(b, `ANALYZE ours, theirs`)
	const all = ` AS SELECT p.id AS payment, t.id AS transaction, p.minor, t.minor AS their_minor, p.currency, t.currency AS their_currency,
		p.status, t.status AS their_status, p.ref, t.ref AS their_ref
		FROM ours p FULL JOIN theirs t ON t.provider = p.provider AND t.kind = p.kind AND t.key = p.key AND (t.ref = p.ref OR p.provider <> 'pivot-id')`
	differences = f.run(b, `CREATE TABLE differences`+all+`
		WHERE p.id IS NULL OR t.id IS NULL OR p.minor <> t.minor OR p.exp <> t.exp OR p.currency <> t.currency
			OR p.ref <> t.ref OR p.account <> t.account OR p.status NOT IN ('created', 'pending') AND p.status <> t.status`)
	return differences, f.run(b, `CREATE TABLE pairs`+all)
}
