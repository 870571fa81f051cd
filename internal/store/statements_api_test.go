package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
	"tieout/internal/statement"
	"tieout/internal/store"
	"tieout/reports"
)

// api says what the API's statement of the provider pay shows: each row is
// "id,reference,kind,amount,currency,fee,tax,status" made at noon, or with a
// ninth field at another time, and of the wallet w.
type api struct {
	run     string
	rows    []string
	covered []provider.Covered
	split   int // rows a page; 0: all on one
	dies    int // pages after which the process dies; 0: never
	pivot   bool
}

// whole covers days [from, to] of KES.
func whole(from, to int) []provider.Covered {
	return []provider.Covered{{Currency: "KES", From: day(from), To: day(to + 1)}}
}

func (w *world) api(a api) store.Imported {
	w.Helper()
	run := &store.Run{ID: or(a.run, "EARLIER")}
	rd := statement.Reader{Zone: zone}
	if a.pivot {
		rd.Type = "pivot"
	}
	var rows []statement.Row
	for _, text := range a.rows {
		if strings.Count(text, ",") == 7 {
			text += "," + noon.Format(time.RFC3339)
		}
		f := strings.Split(text, ",")
		r, bad := rd.Row(map[string]string{
			"provider_payment_id": f[0], "reference": f[1], "kind": f[2], "amount": f[3], "currency": f[4], "fee": f[5], "tax": f[6], "status": f[7], "created_at": f[8],
		})
		if bad != nil {
			w.Fatalf("%s: %+v", text, bad)
		}
		r.Wallet = "w"
		rows = append(rows, r)
	}
	read := w.store.ReadStatement(run, "pay")
	for n := 0; len(rows) > 0; n++ {
		if a.dies > 0 && n == a.dies {
			return store.Imported{}
		}
		size := min(or(a.split, len(rows)), len(rows))
		digest := fmt.Sprintf("%064d", n)
		err := read.Page(w.Context(), provider.StatementPage{Rows: rows[:size]}, []httpx.Exchange{{Method: "GET", Path: "/statement", At: noon, Status: 200}}, []string{digest})
		if err != nil {
			w.Fatal(err)
		}
		rows = rows[size:]
	}
	got, err := read.End(w.Context(), a.covered, "", start, nil, nil)
	if err != nil {
		w.Fatal(err)
	}
	return got
}

const allRows = `SELECT sum(hashtext(r::text)) FROM tieout.statement_rows r`

func TestTheAPIsStatementTwiceChangesNothingAndACrashLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// two top ups alike are two; a fee that comes twice is one
	rows := []string{"A,,payout,100,KES,,,", "A,,fee,2,KES,,,", "A,,fee,2,KES,,,", ",,,5,KES,,,", ",,,5,KES,,,", "B,R,deposit,7,KES,,,pending"}
	rows[3], rows[4] = strings.Replace(rows[3], ",,,", ",U,refund,", 1), strings.Replace(rows[4], ",,,", ",U,refund,", 1)
	a := api{rows: rows, covered: whole(10, 10), split: 2, dies: 2}
	w.api(a)
	if n := w.count(`SELECT count(*) FROM tieout.statement_coverage`); n != 0 {
		t.Error("a statement that was not read to its end covers nothing")
	}
	if n := w.count(`SELECT count(*) FROM tieout.statement_rows`); n != 3 {
		t.Errorf("%d rows stand after the crash, want 3", n)
	}
	a.dies = 0
	if got := w.api(a); got.Read != 5 || got.New != 2 || got.Changed != 0 || got.Unchanged != 3 {
		t.Errorf("after the crash: %+v", got)
	}
	before := w.count(allRows)
	for _, split := range []int{0, 1, 5} {
		a.split, a.run = split, fmt.Sprint("RUN", split)
		if got := w.api(a); got.New != 0 || got.Changed != 0 || got.Unchanged != 5 {
			t.Errorf("again: %+v", got)
		}
	}
	if after := w.count(allRows); after != before {
		t.Error("rows changed that were known")
	}
	if n := w.count(`SELECT count(*) FROM tieout.statement_coverage`); n != 1 {
		t.Errorf("%d times are covered, want one", n)
	}
	if n := w.count(`SELECT count(*) FROM tieout.statement_rows r JOIN tieout.observations o ON o.digest = r.sha256 AND o.run_id = r.run_id WHERE r.source = 'api'`); n < 5 {
		t.Errorf("only %d rows lead to an observation", n)
	}
}

func TestTimesThatTouchAreOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range [][2]int{{3, 4}, {8, 9}, {5, 5}, {1, 1}, {4, 6}, {9, 10}} {
		w.api(api{covered: whole(c[0], c[1]), run: fmt.Sprint(c)})
	}
	var got []string
	w.rows(`SELECT to_char(from_time AT TIME ZONE 'Africa/Nairobi', 'FMDD') || '-' || to_char(to_time AT TIME ZONE 'Africa/Nairobi', 'FMDD') FROM tieout.statement_coverage ORDER BY from_time`, func(scan func(...any)) {
		var s string
		scan(&s)
		got = append(got, s)
	})
	if want := "1-2 3-7 8-11"; strings.Join(got, " ") != want {
		t.Errorf("covered %v, want %s", got, want)
	}
}

func TestTheAPIsStatementProvesTotalsAndMismatches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twoPaid()
	w.api(api{rows: []string{"Ta,Ra,payout,90,KES,,,", "Tb,Rb,payout,100,KES,,,", "Tb,Rb,fee,1,KES,,,"}, covered: whole(10, 10)})
	f, totals := w.totals(10, 10)
	f.only(t, "settlement_mismatch a")
	if len(totals) != 1 || totals[0].Statement == nil || *totals[0].Statement != 19000 || totals[0].ExplainedByException != -1000 {
		t.Errorf("totals: %+v", totals)
	}
	if fees := f.sum(func(l line) int64 { return l.fee }); fees != 100 {
		t.Errorf("fees: %d", fees)
	}
}

func TestWhatAnAPIsStatementCanNotShowIsNoDifference(t *testing.T) {
	t.Parallel()
	whole := whole(10, 11)
	for name, c := range map[string]struct {
		tx     tx
		status payment.Status // of our record
		rows   []string
		whole  bool // its total is given
		finds  []string
	}{
		"money that left for a payout under way": {
			tx{status: payment.Pending}, payment.Pending, []string{"Tb,Rb,Disbursement,100,KES,,,SUCCESS"}, true, nil,
		},
		"money that left for a payout that failed": {
			tx{status: payment.Failed}, payment.Failed, []string{"Tb,Rb,Disbursement,100,KES,,,SUCCESS"}, true, []string{"settlement_mismatch b"},
		},
		"a deposit that is booked and not settled": {
			tx{kind: payment.Deposit}, payment.Completed, []string{"Tb,Rb,VA Payment,100,KES,,,PENDING"}, false, nil,
		},
		"a deposit that is settled": {
			tx{kind: payment.Deposit}, payment.Completed, []string{"Tb,Rb,VA Payment,100,KES,,,ACTIVE"}, true, nil,
		},
		"what is missing": {
			tx{kind: payment.Deposit}, payment.Completed, nil, true, []string{"settlement_mismatch b"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p, x := paid("a")
			w.pays(p)
			w.txs(x)
			kind := or(c.tx.kind, payment.Payout)
			w.pays(pay{id: "b", ppid: "Tb", ref: "Rb", kind: kind, status: c.status})
			c.tx.id, c.tx.own, c.tx.ref = "Tb", "b", "Rb"
			w.txs(c.tx)
			w.api(api{rows: append(c.rows, "Ta,Ra,Disbursement,-100,KES,,,SUCCESS"), covered: whole, pivot: true})
			f, totals := w.totals(10, 10)
			f.only(t, c.finds...)
			for _, s := range totals {
				if s.Kind == kind && kind == payment.Deposit && (s.Statement != nil) != c.whole {
					t.Errorf("totals: %+v", s)
				}
				if s.Statement != nil && *s.Statement-s.Gross-s.Disputed != s.ExplainedByException {
					t.Errorf("an unexplained rest: %+v", s)
				}
			}
		})
	}
}

func TestACompletionThatWasSeenLateIsNotMissing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before time.Time // seen open; zero: never
		after  time.Time // seen completed
		finds  []string
	}{
		"completed when it was first seen":             {time.Time{}, start.Add(time.Minute), []string{"settlement_mismatch b"}},
		"seen open, then completed before the end":     {noon.Add(time.Hour), noon.Add(90 * time.Minute), []string{"settlement_mismatch b"}},
		"seen open, then completed after the coverage": {noon.Add(time.Hour), start.Add(time.Minute), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.twoPaid()
			w.exec(`DELETE FROM tieout.transactions WHERE provider_payment_id = 'Tb'`)
			if !c.before.IsZero() {
				w.txs(tx{id: "Tb", own: "b", ref: "Rb", status: payment.Pending, asked: c.before})
			}
			w.txs(tx{id: "Tb", own: "b", ref: "Rb", asked: c.after})
			w.api(api{rows: []string{"Ta,Ra,payout,100,KES,,,"}, covered: []provider.Covered{{Currency: "KES", From: day(9), To: start}}})
			f, _ := w.totals(10, 10)
			f.only(t, c.finds...)
		})
	}
}

func TestAFileAndTheAPIsStatementCountOnce(t *testing.T) {
	t.Parallel()
	for name, rows := range map[string][]string{
		"the same rows":              {"Ta,Ra,payout,100,KES,,,", "Tb,Rb,payout,100,KES,,,", "Tb,Rb,fee,3,KES,,,"},
		"fees beside, no references": {"Ta,,payout,-100,KES,,,", "Tb,,payout,-100,KES,3,,"},
		"references alone":           {",Ra,payout,100,KES,,,", ",Rb,payout,100,KES,3,,"},
		"at another second":          {"Ta,Ra,payout,100,KES,,,," + noon.Add(time.Second).Format(time.RFC3339), "Tb,Rb,payout,100,KES,3,,," + noon.Add(time.Second).Format(time.RFC3339)},
	} {
		for _, fileFirst := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, file first %v", name, fileFirst), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.twoPaid()
				if fileFirst {
					w.statement(store.StatementClaim{}, rows...)
				}
				w.api(api{rows: []string{"Ta,Ra,payout,100,KES,,,", "Tb,Rb,payout,100,KES,,,", "Tb,Rb,fee,3,KES,,,"}, covered: whole(10, 10)})
				if !fileFirst {
					w.statement(store.StatementClaim{}, rows...)
				}
				f, totals := w.totals(10, 10)
				f.only(t)
				if len(totals) != 1 || totals[0].Statement == nil || *totals[0].Statement != 20000 || totals[0].Sentence != "" {
					t.Errorf("totals: %+v", totals)
				}
				if fees := f.sum(func(l line) int64 { return l.fee }); fees != 300 {
					t.Errorf("fees: %d, want 300", fees)
				}
			})
		}
	}
}

func TestABatchIsComparedAsOneMovement(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		amount string
		finds  []string
	}{
		"as paid": {"100", nil},
		"less":    {"99", []string{"settlement_mismatch a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.rules.BatchKeys = []string{"batch"}
			meta := map[string]string{"batch": "B"}
			w.pays(pay{id: "a", amount: "60", meta: meta}, pay{id: "b", amount: "40", meta: meta})
			w.txs(tx{id: "T", amount: "100", meta: meta})
			w.api(api{rows: []string{"T,,payout," + c.amount + ",KES,,,"}, covered: whole(10, 10)})
			f, totals := w.totals(10, 10)
			f.only(t, c.finds...)
			if len(totals) != 1 || totals[0].Statement == nil || *totals[0].Statement-totals[0].Gross != totals[0].ExplainedByException {
				t.Errorf("totals: %+v", totals)
			}
		})
	}
}

// reads takes a balance of wallet w of pay in the name of a run.
func (w *world) reads(run string, at time.Time, balance string) {
	w.Helper()
	if err := w.store.SaveBalances(w.Context(), &store.Run{ID: run}, "pay", []provider.Balance{{Wallet: "w", Amount: amountOf(w, balance, "KES")}}, at, nil, nil); err != nil {
		w.Fatal(err)
	}
}

func (w *world) wallets(balance string) []reports.WalletRoll {
	w.Helper()
	_, run, lease := w.begin(10, 10, start)
	w.reads(run.ID, start.Add(time.Minute), balance)
	figures, err := w.store.Figures(w.Context(), run, 1, nil, store.FigureRules{Location: zone})
	if err = errors.Join(err, lease.Release(w.Context())); err != nil {
		w.Fatal(err)
	}
	return figures.Wallets
}

func TestAWalletsBalanceIsRolledForward(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) string { return "," + start.Add(d).Format(time.RFC3339) }
	for name, c := range map[string]struct {
		rows    []string
		covered []provider.Covered
		in, out int64
		why     string
	}{
		"nothing moved":                 {nil, whole(9, 11), 0, 0, ""},
		"by their types":                {[]string{"A,,deposit,100,KES,,," + at(-time.Hour), "A,,fee,3,KES,,," + at(-time.Hour), "B,,payout,40,KES,,," + at(0), "C,,refund,7,KES,,," + at(0)}, whole(9, 11), 10000, 5000, ""},
		"by their signs":                {[]string{"A,,deposit,100,KES,,," + at(-time.Hour), "A,,fee,-3,KES,,," + at(-time.Hour), "B,,payout,-40,KES,,," + at(0), "B,,payout,40,KES,,," + at(time.Second)}, whole(9, 11), 14000, 4300, ""},
		"fees beside":                   {[]string{"A,,deposit,100,KES,3,1," + at(-time.Hour)}, whole(9, 11), 10000, 400, ""},
		"fees beside and in rows":       {[]string{"A,,deposit,100,KES,3,," + at(-time.Hour), "A,,fee,3,KES,,," + at(-time.Hour)}, whole(9, 11), 10000, 300, ""},
		"what did not move":             {[]string{"A,,deposit,100,KES,,,failed" + at(0), "B,,deposit,100,KES,,,pending" + at(0)}, whole(9, 11), 0, 0, ""},
		"before, between and after":     {[]string{"A,,deposit,1,KES,,," + at(-24*time.Hour), "B,,deposit,2,KES,,," + at(-24*time.Hour+time.Second), "C,,deposit,4,KES,,," + at(time.Minute), "D,,deposit,8,KES,,," + at(time.Minute+time.Second)}, whole(9, 11), 600, 0, ""},
		"a statement that ends earlier": {nil, []provider.Covered{{Currency: "KES", From: day(9), To: start}}, 0, 0, "not on a statement yet"},
		"another currency's statement":  {nil, []provider.Covered{{Currency: "UGX", From: day(9), To: day(12)}}, 0, 0, "no statement"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.reads("EARLIER", start.Add(-24*time.Hour), "1000")
			w.api(api{rows: c.rows, covered: c.covered})
			got := w.wallets("1100")
			if len(got) != 1 || got[0].Opening == nil || *got[0].Opening != 100000 || got[0].Closing != 110000 ||
				got[0].In != c.in || got[0].Out != c.out || got[0].Why != c.why {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestAFirstBalanceClaimsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.api(api{covered: whole(1, 11)})
	got := w.wallets("5")
	if len(got) != 1 || got[0].Opening != nil || got[0].Closing != 500 || got[0].Why != "no earlier balance" {
		t.Errorf("%+v", got)
	}
}

func TestAFileThatReplacesAnotherLeavesTheAPIsRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twoPaid()
	w.api(api{rows: []string{"Ta,Ra,payout,100,KES,,,"}, covered: whole(10, 10)})
	w.statement(store.StatementClaim{}, "Ta,Ra,payout,100,KES,,,", "Tb,Rb,payout,100,KES,,,")
	claim := store.StatementClaim{Replace: true}
	if got := w.statement(claim, "Tb,Rb,payout,90,KES,,,"); got.Forgotten != 1 || got.Changed != 1 {
		t.Errorf("%+v", got)
	}
	if n := w.count(`SELECT count(*) FROM tieout.statement_rows WHERE source = 'api' AND provider_payment_id = 'Ta' AND wallet = 'w'`); n != 1 {
		t.Error("what the API shows is forgotten")
	}
	f, _ := w.totals(10, 10)
	f.only(t, "settlement_mismatch a", "settlement_mismatch b") // the file lacks the one and has another amount of the other
}

func TestAnAPIsStatementThatCoversADayAndShowsNothingMissesItsPayments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twoPaid()
	w.api(api{covered: whole(9, 11)})
	f, totals := w.totals(10, 10)
	f.only(t, "settlement_mismatch a", "settlement_mismatch b")
	if got := f.details["settlement_mismatch a"]; !strings.Contains(got, "does not show 100.00 KES") {
		t.Errorf("detail %q", got)
	}
	if len(totals) != 1 || totals[0].Statement == nil || *totals[0].Statement != 0 || totals[0].ExplainedByException != -20000 {
		t.Errorf("totals: %+v", totals)
	}
}
