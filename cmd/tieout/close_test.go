package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"tieout/internal/money"
	"tieout/internal/payment"
)

// late is a world with payments enough that still wait; all can be asked.
var late = sync.OnceValue(func() *truth {
	return newTruth("late", 600, map[payment.ExceptionKind]int{
		payment.MissingInternally: 16, payment.AmountMismatch: 8, payment.StalePending: 30, payment.NotPolled: 0, payment.SavedMethodMissing: 0,
	})
})

// patient lets payments wait for long before they are stale.
func patient(s *site) *site {
	s.t.Helper()
	path := filepath.Join(s.dir, "tieout.yaml")
	b, err := os.ReadFile(path)
	require.NoError(s.t, err)
	require.NoError(s.t, os.WriteFile(path, bytes.Replace(b, []byte("matching: {"),
		[]byte("matching: { stale_after: { deposit: 1000h, payout: 1000h, needs_action: 1000h },"), 1), 0o600))
	return s
}

// atProvider changes a transaction at its provider.
func (s *site) atProvider(row map[string]string, change map[string]any) {
	s.t.Helper()
	body, err := json.Marshal(change)
	require.NoError(s.t, err)
	s.setAtProvider(row, string(body))
}

// becomes lets a transaction end at the provider.
func (s *site) becomes(row map[string]string, status payment.Status) {
	s.t.Helper()
	s.atProvider(row, map[string]any{"status": status, "completed_at": time.Now().UTC().Truncate(time.Second), "raw_status": "", "needs_action": ""})
}

// picked are the first n rows that keep accepts, of different providers and kinds as far as there are such.
func picked(t testing.TB, rows []map[string]string, n int, keep func(map[string]string) bool) []map[string]string {
	t.Helper()
	seen := map[string]int{}
	var out []map[string]string
	for _, r := range rows {
		if keep(r) {
			out = append(out, r)
			r["turn"] = fmt.Sprintf("%03d", seen[r["provider"]+r["kind"]])
			seen[r["provider"]+r["kind"]]++
		}
	}
	slices.SortStableFunc(out, func(a, b map[string]string) int { return strings.Compare(a["turn"], b["turn"]) })
	require.GreaterOrEqual(t, len(out), n)
	return out[:n]
}

// sheetOf reads a sheet of a workbook: its rows from the one whose column B is head.
func sheetOf(t testing.TB, dir, name, head string) (above [][]string, table [][]string) {
	t.Helper()
	f, err := excelize.OpenFile(filepath.Join(dir, "settlement.xlsx"))
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	rows, err := f.GetRows(name, excelize.Options{RawCellValue: true})
	require.NoError(t, err)
	for i, r := range rows {
		if len(r) > 1 && r[1] == head {
			return rows[:i], rows[i+1:]
		}
	}
	return rows, nil
}

func nextDay(date string) string {
	d, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return err.Error()
	}
	return d.AddDate(0, 0, 1).Format(time.DateOnly)
}

// dates are the three business dates of the site's world.
func (s *site) dates() [3]string {
	return [3]string{s.world.from, nextDay(s.world.from), nextDay(nextDay(s.world.from))}
}

// version is the folder of a published version of a range.
func (s *site) version(from, to, v string) string {
	return filepath.Join(s.dir, "out", from+"_"+to, v)
}

// figures of settlement.csv and adjustments.csv that must be conserved; fee and
// tax are empty where unknown.
var conserved = []string{
	"count", "gross", "refunded", "fee", "tax", "net", "disputed", "pending_count", "pending_amount", "failed_count", "failed_amount",
	"reversed_count", "reversed_amount", "exception_count", "exception_amount",
}

// sums are figures by a key, in units of 10^-4.
type sums map[string]int64

func (m sums) add(t testing.TB, rows []map[string]string, keep func(map[string]string) bool) sums {
	t.Helper()
	for _, r := range rows {
		if keep != nil && !keep(r) {
			continue
		}
		for _, f := range conserved {
			if r[f] == "" {
				continue
			}
			n, err := money.ParseMinor(r[f], 4)
			require.NoError(t, err, "%s %s", f, r[f])
			key := r["business_date"] + " " + r["provider"] + " " + r["kind"] + " " + r["currency"] + " " + f
			if m[key] += n; m[key] == 0 {
				delete(m, key)
			}
		}
	}
	return m
}

// truthOf adds up, straight from the transactions, what a version's lines must say now.
func truthOf(t testing.TB, dir string) sums {
	t.Helper()
	net := sums{}
	for _, r := range readCSV(t, dir, "transactions.csv") {
		if r["result"] != "matched" || r["net"] == "" || (r["provider_status"] != "completed" && r["provider_status"] != "reversed") {
			continue
		}
		net.add(t, []map[string]string{{"business_date": r["business_date"], "provider": r["provider"], "kind": r["kind"], "currency": r["currency"], "net": r["net"]}}, nil)
	}
	return net
}

// requireConserved checks that the lines and all adjustments of the version's
// days are what its transactions add up to.
func requireConserved(t testing.TB, dir, from, to string) {
	t.Helper()
	inside := func(r map[string]string) bool { return r["business_date"] >= from && r["business_date"] <= to }
	got := sums{}.add(t, readCSV(t, dir, "settlement.csv"), nil).add(t, adjustmentRows(t, dir), inside)
	for key := range got {
		if key[len(key)-4:] != " net" {
			delete(got, key)
		}
	}
	require.Equal(t, truthOf(t, dir), got)
}

// adjustmentRows reads adjustments.csv, which stands only where days are closed.
func adjustmentRows(t testing.TB, dir string) []map[string]string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, "adjustments.csv")); os.IsNotExist(err) {
		return nil
	}
	return readCSV(t, dir, "adjustments.csv")
}

// adjusted is what an adjustment says of one payment.
type adjusted struct{ BookedOn, State, What, Before, After, Why string }

func adjustmentsOf(t testing.TB, dir string) map[string]adjusted {
	t.Helper()
	out := map[string]adjusted{}
	for _, r := range adjustmentRows(t, dir) {
		id := r["payment_id"]
		if id == "" {
			id = "transaction " + r["provider_payment_id"]
		}
		if r["state"] == "closed" {
			id += " closed"
		}
		out[id] = adjusted{r["booked_on"], r["state"], r["what"], r["before"], r["after"], r["why"]}
	}
	return out
}

func TestAClosedDayStaysWhatItWasAndItsChangesAreBookedOnTheNextOpenOne(t *testing.T) {
	t.Parallel()
	w := late()
	s := patient(newSite(t, w, serveWorld(t, w)))
	d := s.dates()
	for _, date := range d {
		s.must(0, "run", "--date", date)
	}
	v1 := s.version(d[0], d[0], "v1")
	files := contents(t, v1, allFiles)

	assert.Contains(t, s.must(2, "close", "--date", nextDay(d[2])).err, "is not over yet")
	assert.Contains(t, s.must(2, "close").err, "--date DATE")
	assert.Contains(t, s.must(2, "close", "--date", d[0], "--force", " ").err, "needs the reason")
	assert.Contains(t, s.must(1, "close", "--date", "2026-01-15").err, "run `tieout run --date 2026-01-15` and close then")
	out := s.must(0, "close", "--date", d[0], "--by", "A. Wanjiru", "--note", "books of the day").out
	assert.Contains(t, out, d[0]+" is closed on version 1")
	assert.Contains(t, s.must(1, "close", "--date", d[0]).err, "is closed already: by A. Wanjiru")
	assert.Contains(t, s.must(0, "close", "list").out, "books of the day")

	// what becomes known later
	rows := readCSV(t, v1, "transactions.csv")
	want := map[string]adjusted{}
	of := func(id, what, before, after, why string) { want[id] = adjusted{d[1], "open", what, before, after, why} }
	for i, r := range picked(t, rows, 2, isWaiting) {
		status := []payment.Status{payment.Completed, payment.Failed}[i]
		s.becomes(r, status)
		of(r["payment_id"], "Result", "pending", "matched", "Late status: the provider now says "+string(status)+".")
	}
	done := picked(t, rows, 2, func(r map[string]string) bool {
		return r["result"] == "matched" && r["provider_status"] == "completed" && r["provider"] == "pesaswap-ke" && r["kind"] == "deposit" && r["refunded"] == "0.00"
	})
	refunded, gone := done[0], done[1]
	s.atProvider(refunded, map[string]any{"refunds": []map[string]any{{"id": "late-refund", "amount": refunded["amount"], "status": "completed", "created_at": time.Now().UTC()}}})
	of(refunded["payment_id"], "Result", "matched", "exception", "New exception: late reversal; the provider now says reversed.")
	wrong := picked(t, readCSV(t, v1, "exceptions.csv"), 1, func(r map[string]string) bool { return r["kind"] == "amount_mismatch" })[0]
	s.must(0, "exceptions", "resolve", wrong["exception_id"], "--accept", "--by", "A. Wanjiru", "--note", "agreed")
	of(wrong["payment_id"], "Exception state", "open", "resolved", "Resolved by A. Wanjiru: agreed.")
	orphan := picked(t, readCSV(t, v1, "exceptions.csv"), 1, func(r map[string]string) bool {
		return r["kind"] == "missing_internally" && r["provider"] != "pivot-id" && r["provider_status"] == "completed"
	})[0]
	s.exec(`INSERT INTO tieout.payments (id, kind, provider, provider_payment_id, reference, amount, currency, status, created_at)
		SELECT 'came-late', kind, provider, provider_payment_id, reference, amount * ('1e-' || exp)::numeric, currency, 'completed', created_at
		FROM tieout.transactions WHERE provider = $1 AND provider_payment_id = $2`, orphan["provider"], orphan["provider_payment_id"])
	of("came-late", "New payment", "", "matched", "It was not in the ledger of this range when the day was closed.")
	of("transaction "+orphan["provider_payment_id"], "Exception state", "open", "auto resolved",
		"The difference is gone (missing internally): the transaction has its payment now, or moved no money.")
	s.exec(`UPDATE tieout.payments SET created_at = created_at + interval '1 day' WHERE id = $1`, gone["payment_id"])

	t.Run("a rerun of the day shows its lines as closed, and what changed of it", func(t *testing.T) {
		moved := maps.Clone(want)
		moved[gone["payment_id"]] = adjusted{d[1], "open", "Payment gone", "matched", "", "It is not in the ledger of this range any more."}
		for _, v := range []string{"v2", "v3"} { // a rerun finds the same, once
			s.must(0, "run", "--date", d[0], "--recheck")
			dir := s.version(d[0], d[0], v)
			assert.Equal(t, files["settlement.csv"], contents(t, dir, []string{"settlement.csv"})["settlement.csv"])
			assert.Equal(t, moved, adjustmentsOf(t, dir))
			requireConserved(t, dir, d[0], d[0])
			requireAdjustmentsSheet(t, dir, len(moved))
		}
		want = moved
	})
	t.Run("the next open day carries them", func(t *testing.T) {
		s.must(0, "run", "--date", d[1])
		dir := s.version(d[1], d[1], "v2")
		assert.Equal(t, want, adjustmentsOf(t, dir))
		requireConserved(t, dir, d[1], d[1])
		assert.Contains(t, s.must(0, "run", "--date", d[2]).out, "reports in")
		assert.Empty(t, adjustmentsOf(t, s.version(d[2], d[2], "v2")))
	})
	t.Run("once that day is closed they stand there, and what comes later is booked after it", func(t *testing.T) {
		s.must(0, "close", "--date", d[1])
		more := picked(t, readCSV(t, s.version(d[0], d[0], "v3"), "transactions.csv"), 1, isWaiting)[0]
		s.becomes(more, payment.Completed)
		closed := map[string]adjusted{}
		for id, a := range want {
			a.State = "closed"
			closed[id+" closed"] = a
		}
		closed[more["payment_id"]] = adjusted{d[2], "open", "Result", "pending", "matched", "Late status: the provider now says completed."}
		s.must(0, append([]string{"run"}, w.span()...)...)
		all := s.version(d[0], d[2], "v1")
		assert.Equal(t, closed, adjustmentsOf(t, all))
		requireConserved(t, all, d[0], d[2])
		requireAdjustmentsSheet(t, all, len(closed))
		byDay := sums{}.add(t, readCSV(t, v1, "settlement.csv"), nil).add(t, readCSV(t, s.version(d[1], d[1], "v2"), "settlement.csv"), nil)
		assert.Equal(t, byDay, sums{}.add(t, readCSV(t, all, "settlement.csv"), func(r map[string]string) bool { return r["business_date"] != d[2] }),
			"no report says anything else of a closed day")
		assert.Equal(t, get[int](s, `SELECT count(*) FROM tieout.adjustments WHERE run_id = (SELECT id FROM tieout.runs WHERE from_date < to_date)`), len(closed))
	})
	t.Run("a closing is taken back only while nothing rests on it", func(t *testing.T) {
		assert.Contains(t, s.must(1, "close", "reopen", "--date", d[0]).err, "reopen that day first")
		s.must(0, "close", "reopen", "--date", d[1], "--note", "a fee file was missing")
		assert.Contains(t, s.must(1, "close", "--date", d[1]).err, "was reopened since", "its version shows what was booked then")
		s.must(0, "run", "--date", d[1])
		assert.Len(t, adjustmentsOf(t, s.version(d[1], d[1], "v3")), len(want)+1, "all that was booked on the two days is open")
		s.must(0, "close", "--date", d[1])
		assert.Contains(t, s.must(1, "close", "reopen", "--date", d[2]).err, "is not closed")
		var list []closedDayView
		require.NoError(t, json.Unmarshal([]byte(s.must(0, "close", "list", "--history", "--json").out), &list))
		require.Len(t, list, 3)
		assert.Equal(t, "a fee file was missing", *list[1].ReopenNote)
		s.must(0, append([]string{"run"}, w.span()...)...)
		requireConserved(t, s.version(d[0], d[2], "v2"), d[0], d[2])
	})
	assert.Equal(t, files, contents(t, v1, allFiles), "the closed version's files are what they were")
	back := filepath.Join(s.dir, "back")
	id := get[string](s, `SELECT run_id FROM tieout.closed_days WHERE business_date = $1`, d[0])
	s.must(0, "runs", "files", id, "--out", back)
	assert.Equal(t, files, contents(t, filepath.Join(back, id), allFiles))

	s.configure(settings{ledger: keepTwoDays})
	s.age(3)
	s.must(0, "prune")
	assert.Equal(t, files, contents(t, v1, allFiles), "retention keeps them")
	assert.Equal(t, []string{"manifest.json"}, names(t, s.version(d[0], d[0], "v2")))
}

func isWaiting(r map[string]string) bool {
	return r["result"] == "pending" && r["provider_status"] == "pending"
}

// requireAdjustmentsSheet reads the sheet Adjustments: its table has the rows,
// and each line of a closed day ties.
func requireAdjustmentsSheet(t testing.TB, dir string, rows int) {
	t.Helper()
	above, table := sheetOf(t, dir, "Adjustments", "Payment id")
	ids := map[string]bool{}
	for _, r := range table {
		ids[r[1]+r[6]+r[9]] = true
	}
	assert.Len(t, ids, rows)
	ties := 0
	for _, r := range above {
		if len(r) > 9 && r[9] == "✓" {
			ties++
		}
		assert.NotContains(t, r, "✗")
	}
	assert.Positive(t, ties)
}

func TestClosingAndRunningTheSameDayExcludeEachOther(t *testing.T) {
	t.Parallel()
	w := late()
	s := patient(newSite(t, w, serveWorld(t, w)))
	d := s.dates()
	s.run(0)
	b := raise(s, "UPDATE OF matched_at", "runs", 1)
	run := start(t, s.dir, nil, "run", "--date", d[0])
	require.True(t, b.reached(run), run.err.String())
	assert.Contains(t, s.must(4, "close", "--date", d[0]).err, "holds an overlapping range")
	s.must(0, "close", "--date", d[1])
	waiting := start(t, s.dir, nil, "close", "--date", d[0], "--wait")
	waiting.says("waiting for the run that holds the range", 1)
	b.fall()
	assert.Equal(t, 0, run.wait().code)
	assert.Equal(t, 0, waiting.wait().code, waiting.err.String())
	assert.Equal(t, 2, get[int](s, `SELECT count(*) FROM tieout.closed_days`))

	b = raise(s, "INSERT", "closed_days", 1)
	closing := start(t, s.dir, nil, "close", "--date", d[2])
	require.True(t, b.reached(closing), closing.err.String())
	assert.Contains(t, s.must(4, "run", "--date", d[2]).err, "the closing of "+d[2]+" holds an overlapping range")
	closing.kill()
	b.bury()
	assert.Equal(t, 2, get[int](s, `SELECT count(*) FROM tieout.closed_days`), "a closing that was killed has closed nothing")
	s.must(0, "run", "--date", d[2])
	s.must(0, "close", "--date", d[2])
}

func TestARunSettlesAgainWhenAnEarlierDayWasClosedMeanwhile(t *testing.T) {
	t.Parallel()
	w := late()
	s := patient(newSite(t, w, serveWorld(t, w)))
	d := s.dates()
	for _, date := range d {
		s.must(0, "run", "--date", date)
	}
	row := picked(t, readCSV(t, s.version(d[0], d[0], "v1"), "transactions.csv"), 1, isWaiting)[0]
	s.must(0, "close", "--date", d[0])
	s.becomes(row, payment.Completed)
	b := raise(s, "INSERT", "report_files", 1)
	run := start(t, s.dir, nil, "run", "--date", d[0])
	require.True(t, b.reached(run), run.err.String())
	// it publishes, and has the table: the closing comes when it is done
	closing := start(t, s.dir, nil, "close", "--date", d[1])
	b.fall()
	assert.Equal(t, 0, run.wait().code)
	assert.Equal(t, 0, closing.wait().code, closing.err.String())
	for _, a := range adjustmentsOf(t, s.version(d[0], d[0], "v2")) {
		assert.Equal(t, d[1], a.BookedOn, "it was open when that was published")
	}

	b = raise(s, "UPDATE OF settled_at", "runs", 1)
	run = start(t, s.dir, nil, "run", "--date", d[1])
	require.True(t, b.reached(run), run.err.String())
	b.fall()
	require.Equal(t, 0, run.wait().code, run.err.String())
	for _, a := range adjustmentsOf(t, s.version(d[1], d[1], "v2")) {
		assert.Equal(t, "closed", a.State)
	}

	// closed between settling and publishing: the run notices
	b = raise(s, "UPDATE OF notes", "runs", 1)
	b.exec(`DROP TRIGGER barrier ON tieout.runs`)
	b.exec(`CREATE TRIGGER barrier BEFORE UPDATE OF notes ON tieout.runs FOR EACH ROW WHEN (OLD.settled_at IS NOT NULL) EXECUTE FUNCTION public.barrier()`)
	run = start(t, s.dir, nil, "run", "--date", d[0])
	require.True(t, b.reached(run), run.err.String())
	s.must(0, "close", "--date", d[2])
	b.fall()
	assert.Equal(t, 0, run.wait().code, run.err.String())
	assert.Contains(t, run.err.String(), "settling again")
	requireConserved(t, s.version(d[0], d[0], "v3"), d[0], d[0])
	for _, date := range d {
		s.must(0, "run", "--date", date)
	}
}

func TestAKilledRunBooksNothingTwice(t *testing.T) {
	t.Parallel()
	w := late()
	for _, at := range [][2]string{{"INSERT", "run_adjustments"}, {"INSERT", "closed_changes"}, {"INSERT", "settlement_lines"}} {
		t.Run(at[1], func(t *testing.T) {
			t.Parallel()
			s := patient(newSite(t, w, serveWorld(t, w)))
			d := s.dates()
			s.run(0)
			s.must(0, "close", "--date", d[0])
			row := picked(t, readCSV(t, filepath.Join(s.folder(), "v1"), "transactions.csv"), 1, func(r map[string]string) bool { return isWaiting(r) && r["business_date"] == d[0] })[0]
			s.becomes(row, payment.Completed)
			b := raise(s, at[0], at[1], 1)
			run := start(t, s.dir, nil, "run", "--date", d[0])
			require.True(t, b.reached(run), run.err.String())
			run.kill()
			b.bury()
			s.must(0, "run", "--date", d[0])
			dir := s.version(d[0], d[0], "v1")
			assert.Equal(t, map[string]adjusted{row["payment_id"]: {d[1], "open", "Result", "pending", "matched", "Late status: the provider now says completed."}}, adjustmentsOf(t, dir))
			requireConserved(t, dir, d[0], d[0])
		})
	}
}

func TestWhatAnOutstandingRunLearnsOfAClosedDayIsShownByTheNextOpenOne(t *testing.T) {
	t.Parallel()
	w := late()
	s := patient(newSite(t, w, serveWorld(t, w)))
	d := s.dates()
	s.run(0)
	s.must(0, "close", "--from", d[0], "--to", d[1])
	waiting := picked(t, readCSV(t, filepath.Join(s.folder(), "v1"), "transactions.csv"), 2, func(r map[string]string) bool {
		return isWaiting(r) && r["business_date"] != d[2]
	})
	want := map[string]adjusted{}
	for _, r := range waiting {
		s.becomes(r, payment.Completed)
		want[r["payment_id"]] = adjusted{d[2], "open", "Result", "pending", "matched", "Late status: the provider now says completed."}
	}
	s.must(0, "run", "--outstanding")
	s.exec(`UPDATE tieout.payments p SET status = o.status FROM tieout.payment_outcomes o WHERE o.payment_id = p.id AND NOT o.held AND p.status IN ('created', 'pending')
		AND o.status IN ('completed', 'failed', 'cancelled', 'expired', 'rejected', 'reversed')`)
	s.must(0, "run", "--outstanding") // it does not see them any more
	s.must(0, "run", "--date", d[2])
	dir := s.version(d[2], d[2], "v1")
	assert.Equal(t, want, adjustmentsOf(t, dir))
	s.must(0, "close", "--date", d[2])
	s.run(0)
	requireConserved(t, filepath.Join(s.folder(), "v2"), d[0], d[2])
	for id, a := range adjustmentsOf(t, filepath.Join(s.folder(), "v2")) {
		assert.Equal(t, "closed", a.State, id)
	}
}

func TestADayThatCouldNotAllBeAskedIsClosedOnlyForAReason(t *testing.T) {
	t.Parallel()
	w := large()
	s := patient(newSite(t, w, serveWorld(t, w)))
	s.run(3)
	date := get[string](s, `SELECT business_date::text FROM tieout.exceptions WHERE kind = 'not_polled' ORDER BY 1 LIMIT 1`)
	r := s.must(1, "close", "--date", date)
	assert.Contains(t, r.err, "could not be asked in version 1")
	assert.Contains(t, r.err, "--force REASON")
	s.must(0, "close", "--date", date, "--force", "the provider is down until Monday")
	assert.Contains(t, s.must(0, "close", "list").out, "the provider is down until Monday")
	n, err := strconv.Atoi(get[string](s, `SELECT count(*)::text FROM tieout.closed_items WHERE transaction_id = 0`))
	require.NoError(t, err)
	assert.Positive(t, n)
	s.run(3)
	requireConserved(t, filepath.Join(s.folder(), "v2"), w.from, w.to)
}
