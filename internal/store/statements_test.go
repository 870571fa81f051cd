package store_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/statement"
	"tieout/internal/store"
	"tieout/reports"
)

const statementHeader = "provider_payment_id,reference,kind,amount,currency,fee,tax,status,created_at\n"

// statement imports a statement of the provider pay; each row is
// "id,reference,kind,amount,currency,fee,tax,status", made at noon.
func (w *world) statement(claim store.StatementClaim, rows ...string) store.Imported {
	w.Helper()
	var b strings.Builder
	b.WriteString(statementHeader)
	for _, r := range rows {
		b.WriteString(r)
		if strings.Count(r, ",") == 7 {
			b.WriteString("," + noon.Format(time.RFC3339))
		}
		b.WriteByte('\n')
	}
	if claim.Now.IsZero() {
		claim.Now = start.AddDate(0, 0, 1)
	}
	got, err := w.store.ImportStatement(w.Context(), "pay", statement.Reader{Zone: zone}, bytes.NewReader([]byte(b.String())), claim,
		func(statement.Reject) error { return nil }, func(int64) {})
	if err != nil {
		w.Fatal(err)
	}
	return got
}

func (w *world) count(q string) (n int64) {
	w.Helper()
	if err := w.db.QueryRowContext(w.Context(), q).Scan(&n); err != nil {
		w.Fatal(err)
	}
	return n
}

func TestTheSameStatementTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rows := []string{"A,,payout,100,KES,,,", "A,,fee,2,KES,,,", "B,R,payout,100,KES,,,pending", "B,R,payout,100,KES,,,pending"}
	if got := w.statement(store.StatementClaim{}, rows...); got.New != 4 || got.Read != 4 {
		t.Errorf("first: %+v", got)
	}
	before := w.count(`SELECT sum(hashtext(statement_rows::text)) FROM tieout.statement_rows`)
	if got := w.statement(store.StatementClaim{}, rows...); got.New != 0 || got.Changed != 0 || got.Unchanged != 4 {
		t.Errorf("again: %+v", got)
	}
	// another file with some of the rows and one more
	if got := w.statement(store.StatementClaim{}, rows[1], rows[0], "C,,deposit,5,KES,,,"); got.New != 1 || got.Changed != 0 || got.Unchanged != 2 {
		t.Errorf("an overlapping file: %+v", got)
	}
	if after := w.count(`SELECT sum(hashtext(statement_rows::text)) FROM tieout.statement_rows WHERE provider_payment_id <> 'C'`); after != before {
		t.Error("rows changed that were known")
	}
	if n := w.count(`SELECT count(*) FROM tieout.statement_files`); n != 2 {
		t.Errorf("%d files are known, want 2", n)
	}
}

func TestALaterFileCorrectsARowButNeverReopensIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.statement(store.StatementClaim{}, "A,,payout,100,KES,,,pending")
	if got := w.statement(store.StatementClaim{}, "A,,payout,90,KES,1,,completed"); got.Changed != 1 || got.New != 0 {
		t.Errorf("a correction: %+v", got)
	}
	if got := w.statement(store.StatementClaim{}, "A,,payout,100,KES,,,pending"); got.Changed != 0 || got.Unchanged != 1 {
		t.Errorf("the older file again: %+v", got)
	}
	if n := w.count(`SELECT amount FROM tieout.statement_rows WHERE status = 'completed' AND fee = 100`); n != 9000 {
		t.Errorf("amount %d", n)
	}
}

// A provider sends a corrected file: one row is gone, one has another reference,
// one another amount. Rows of other days, kinds and currencies stay.
func TestAFileCanTakeThePlaceOfEarlierOnes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.statement(store.StatementClaim{}, "A,RA,payout,100,KES,,,", "B,RB,payout,100,KES,,,", "C,RC,payout,100,KES,,,", "D,RD,deposit,100,KES,,,", "E,RE,payout,100,USD,,,",
		"F,RF,payout,100,KES,,,,"+day(8).Format(time.RFC3339))
	corrected := []string{"A,RX,payout,100,KES,,,", "C,RC,payout,90,KES,,,"}
	claim := store.StatementClaim{From: day(10), To: day(11), Replace: true}
	if got := w.statement(claim, corrected...); got.New != 1 || got.Changed != 1 || got.Forgotten != 2 {
		t.Errorf("%+v", got)
	}
	if n := w.count(`SELECT count(*) FROM tieout.statement_rows WHERE (reference, amount) IN (('RX', 10000), ('RC', 9000), ('RD', 10000), ('RE', 10000), ('RF', 10000))`); n != 5 {
		t.Errorf("%d of the five rows are there", n)
	}
	if n := w.count(`SELECT count(*) FROM tieout.statement_rows`); n != 5 {
		t.Errorf("%d rows, want 5", n)
	}
	if got := w.statement(claim, corrected...); got.New+got.Changed+got.Forgotten != 0 {
		t.Errorf("the same file again: %+v", got)
	}
	// a file with bad rows shows not all, and takes nothing away
	_, err := w.store.ImportStatement(w.Context(), "pay", statement.Reader{}, bytes.NewReader([]byte(statementHeader+"A,RX,payout,bad,KES,,,,\n")),
		claim, func(statement.Reject) error { return nil }, func(int64) {})
	if err == nil || !strings.Contains(err.Error(), "can't replace") || w.count(`SELECT count(*) FROM tieout.statement_rows`) != 5 {
		t.Errorf("%v", err)
	}
}

func TestBadRowsOfAStatementAreSetAsideAndItProvesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if got := w.statement(store.StatementClaim{}, "A,,payout,100,KES,,,", "B,,payout,1e3,KES,,,"); got.Read != 1 || got.SetAside != 1 {
		t.Errorf("%+v", got)
	}
	if n := w.count(`SELECT count(*) FROM tieout.statement_coverage`); n != 0 {
		t.Error("a file with bad rows covers no time")
	}
}

func (w *world) totals(from, to int) (found, []reports.StatementTotal) {
	w.Helper()
	f, run, lease := w.begin(from, to, start)
	figures, err := w.store.Figures(w.Context(), run, 1, nil, store.FigureRules{Location: zone})
	if err != nil {
		w.Fatal(err)
	}
	// what the comparison holds for ours is what the lines add up to
	if n := w.count(fmt.Sprintf(`SELECT count(*) FROM tieout.run_statements s LEFT JOIN tieout.run_lines l USING (run_id, business_date, provider, kind, currency, exp)
		WHERE run_id = '%s' AND s.ours <> coalesce(l.gross + l.disputed, 0)`, run.ID)); n != 0 {
		w.Errorf("%d days of the comparison differ from the lines", n)
	}
	w.end(run, lease)
	return f, figures.Statements
}

func paid(id string) (pay, tx) {
	return pay{id: id, ppid: "T" + id, ref: "R" + id}, tx{id: "T" + id, own: id, ref: "R" + id}
}

// two payments a and b, matched and completed at the provider.
func (w *world) twoPaid() {
	w.Helper()
	for _, id := range []string{"a", "b"} {
		p, x := paid(id)
		w.pays(p)
		w.txs(x)
	}
}

func TestAStatementThatAgreesRaisesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twoPaid()
	w.statement(store.StatementClaim{}, "Ta,,payout,100,KES,1.5,,", ",Rb,payout,-100,KES,,,completed", "Tb,,fee,-2,KES,,,")
	f, totals := w.totals(10, 10)
	f.only(t)
	if len(totals) != 1 || totals[0].Statement == nil || *totals[0].Statement != 20000 || totals[0].Gross != 20000 || totals[0].ExplainedByException != 0 || totals[0].Sentence != "" {
		t.Errorf("totals: %+v", totals)
	}
	if fees := f.sum(func(l line) int64 { return l.fee }); fees != 350 {
		t.Errorf("fees from the statement: %d, want 350", fees)
	}
}

func TestAFeeOfTheStatusAnswerStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, x := paid("a")
	x.fee = "3"
	w.pays(p)
	w.txs(x)
	w.statement(store.StatementClaim{}, "Ta,,payout,100,KES,1.5,0.2,")
	f := w.run(10, 10)
	if fee, tax := f.sum(func(l line) int64 { return l.fee }), f.sum(func(l line) int64 { return l.tax }); fee != 300 || tax != 20 {
		t.Errorf("fee %d, tax %d", fee, tax)
	}
}

func TestAStatementThatDisagreesIsAnAdvisoryException(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		row, result, detail string
		status              payment.Status // of the provider's answer
		explained           int64
	}{
		"another amount":    {"Ta,Ra,payout,90,KES,,,", "matched completed", "The statement shows 90.00 KES, the status answer says 100.00 KES: 10.00 KES less.", payment.Completed, -1000},
		"failed after all":  {"Ta,Ra,payout,100,KES,,,failed", "matched completed", "The status answer says completed, the statement failed.", payment.Completed, -10000},
		"moved after all":   {"Ta,Ra,payout,100,KES,,,", "exception failed", "The statement shows 100.00 KES as moved, the status answer says failed.", payment.Failed, 10000},
		"not in it":         {"Tb,Rb,payout,100,KES,,,", "matched completed", "does not show 100.00 KES", payment.Completed, -10000},
		"without a kind":    {"Ta,Ra,,110,KES,,,", "matched completed", "10.00 KES more", payment.Completed, 1000},
		"by reference only": {",Ra,payout,99.99,KES,,,", "matched completed", "0.01 KES less", payment.Completed, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.twoPaid()
			w.txs(tx{id: "Ta", own: "a", ref: "Ra", status: c.status, asked: start.Add(2 * time.Minute)})
			rows := []string{c.row}
			if !strings.HasPrefix(c.row, "Tb") {
				rows = append(rows, "Tb,Rb,payout,100,KES,,,")
			}
			w.statement(store.StatementClaim{}, rows...)
			f, totals := w.totals(10, 10)
			kinds := []payment.ExceptionKind{payment.SettlementMismatch}
			if c.status == payment.Failed {
				kinds = append(kinds, payment.LateReversal) // it was seen completed before
			}
			f.expect(t, "a", c.result, kinds...)
			f.expect(t, "b", "matched completed")
			if got := f.details["settlement_mismatch a"]; !strings.Contains(got, c.detail) {
				t.Errorf("detail %q, want %q", got, c.detail)
			}
			if len(f.exceptions) != len(kinds) {
				t.Errorf("exceptions: %v", f.exceptions)
			}
			if len(totals) != 1 || totals[0].Statement == nil || totals[0].ExplainedByException != c.explained ||
				*totals[0].Statement-totals[0].Gross-totals[0].Disputed != c.explained {
				t.Errorf("totals: %+v", totals)
			}
		})
	}
}

// Money that only the statement shows as given back is a difference; a refund
// that it lacks may be booked later.
func TestARefundThatOnlyTheStatementShowsIsADifference(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ours, theirs, row, detail string
	}{
		"known to nobody else":  {"", "", "Ta,Ra,refund,-30,KES,,,", "The statement shows 30.00 KES of it given back, the status answer and your records 0.00 KES: 30.00 KES more."},
		"more than the answer":  {"10", "10", "Ta,Ra,refund,30,KES,,,", "30.00 KES of it given back, the status answer and your records 10.00 KES: 20.00 KES more."},
		"by reference":          {"", "", ",Ra,refund,30,KES,,,", "30.00 KES of it given back"},
		"as our record says":    {"30", "", "Ta,Ra,refund,30,KES,,,", ""},
		"as the answer says":    {"30", "30", "Ta,Ra,refund,30,KES,,,", ""},
		"not in it yet":         {"30", "30", "Tb,Rb,fee,1,KES,,,", ""},
		"under way":             {"", "", "Ta,Ra,refund,30,KES,,,pending", ""},
		"nobody's":              {"", "", "Tz,Rz,refund,30,KES,,,", ""},
		"with a fee of its own": {"30", "30", "Ta,Ra,refund,30,KES,2,,", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p, x := paid("a")
			p.refunded, x.refunded = c.ours, c.theirs
			w.pays(p)
			w.txs(x)
			w.statement(store.StatementClaim{}, "Ta,Ra,payout,100,KES,,,", c.row)
			f, totals := w.totals(10, 10)
			if fee := f.sum(func(l line) int64 { return l.fee }); c.row != "Tb,Rb,fee,1,KES,,," && fee != 0 {
				t.Errorf("the refund's fee is the payment's: %d", fee)
			}
			if c.detail == "" {
				f.only(t)
				return
			}
			f.only(t, "settlement_mismatch a")
			f.expect(t, "a", "matched completed", payment.SettlementMismatch)
			if got := f.details["settlement_mismatch a"]; !strings.Contains(got, c.detail) {
				t.Errorf("detail %q, want %q", got, c.detail)
			}
			if len(totals) != 1 || totals[0].Statement == nil || *totals[0].Statement != totals[0].Gross {
				t.Errorf("the total of what moved is another: %+v", totals)
			}
		})
	}
}

func TestWhatAStatementDoesNotCoverIsNotMissing(t *testing.T) {
	t.Parallel()
	for name, claim := range map[string]store.StatementClaim{
		"an extract":    {Partial: true},
		"of other days": {From: day(8), To: day(9)},
		"the day runs":  {Now: noon.Add(time.Minute)}, // the file ends with its last row, b's
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.twoPaid()
			w.pays(pay{id: "late", ppid: "Tlate", at: noon.Add(time.Hour)})
			w.txs(tx{id: "Tlate", own: "late", at: noon.Add(time.Hour)})
			w.statement(claim, "Ta,,payout,100,KES,,,", "Tb,,payout,100,KES,,,")
			f, totals := w.totals(10, 10)
			f.only(t)
			if len(totals) != 1 || totals[0].Statement != nil || totals[0].Sentence == "" {
				t.Errorf("a total that is not proven is not given: %+v", totals)
			}
		})
	}
}

func TestARestThatNoRowExplainsIsOneExceptionADay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twoPaid()
	// the same reference once more, which no transaction of ours is left for: somebody's, nobody knows whose
	w.pays(pay{id: "c", ref: "Rx", status: payment.Created}, pay{id: "d", ref: "Rx", status: payment.Created})
	w.says(said{id: "c", verdict: provider.Unknown}, said{id: "d", verdict: provider.Unknown})
	w.statement(store.StatementClaim{}, "Ta,,payout,90,KES,,,", "Tb,,payout,100,KES,,,", ",Rx,payout,7,KES,,,")
	f, totals := w.totals(10, 10)
	f.only(t, "settlement_mismatch ", "settlement_mismatch a")
	if got := f.details["settlement_mismatch "]; !strings.Contains(got, "The statement of 10 Mar 2026 shows 197.00 KES") || !strings.Contains(got, "account for 190.00 KES: 7.00 KES more that no single row explains.") {
		t.Errorf("detail %q", got)
	}
	if len(totals) != 1 || *totals[0].Statement != 19700 || totals[0].ExplainedByException != -1000 ||
		!strings.Contains(totals[0].Sentence, "the statement of 10 Mar shows 3.00 KES less than the provider total; 10.00 KES less is "+f.ids["settlement_mismatch a"]+", 7.00 KES more is unexplained.") {
		t.Errorf("totals: %+v", totals)
	}
	again := w.run(10, 10)
	again.only(t, "settlement_mismatch ", "settlement_mismatch a")
	if f.ids["settlement_mismatch "] != again.ids["settlement_mismatch "] {
		t.Error("the rest has another identity in the next run")
	}
}

func TestARowThatNothingExplainsIsMissingInternally(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twoPaid()
	w.pays(pay{id: "before", ppid: "T0", at: day(9)}) // of another day: it explains its row
	w.statement(store.StatementClaim{}, "Ta,,payout,100,KES,,,", "Tb,,payout,100,KES,,,", "T9,R9,payout,50,KES,,,", "T0,,payout,100,KES,,,", "F,,payout,5,KES,,,failed")
	f, totals := w.totals(10, 10)
	f.only(t, "missing_internally ")
	if got := f.details["missing_internally "]; !strings.Contains(got, "50.00 KES that no payment of ours explains") {
		t.Errorf("detail %q", got)
	}
	if len(totals) != 1 || *totals[0].Statement-totals[0].Gross != 5000 || totals[0].ExplainedByException != 5000 {
		t.Errorf("totals: %+v", totals)
	}
}

func TestWhatWasBookedAndBookedBackDidNotMove(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twoPaid()
	w.pays(pay{id: "c", ppid: "Tc", status: payment.Failed})
	w.txs(tx{id: "Tc", own: "c", status: payment.Failed})
	w.statement(store.StatementClaim{}, "Ta,,payout,100,KES,,,", "Tb,,payout,100,KES,,,", "Tc,,payout,-100,KES,,,", "Tc,,payout,100,KES,,,")
	f, totals := w.totals(10, 10)
	f.only(t)
	if len(totals) != 1 || *totals[0].Statement != 20000 {
		t.Errorf("totals: %+v", totals)
	}
}

func TestASplitAndADuplicateAreComparedByTheirParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(pay{id: "s", ref: "S"}, pay{id: "d", ref: "D"})
	w.txs(tx{id: "S1", ref: "S", amount: "40"}, tx{id: "S2", ref: "S", amount: "60", at: noon.Add(time.Minute)},
		tx{id: "D1", ref: "D"}, tx{id: "D2", ref: "D", at: noon.Add(time.Minute)})
	w.statement(store.StatementClaim{}, "S1,,payout,40,KES,1,,", "S2,,payout,60,KES,2,,", ",D,payout,100,KES,,,", ",D,payout,100,KES,,,")
	f, totals := w.totals(10, 10)
	f.only(t, "duplicate_payment d/D2")
	if len(totals) != 1 || *totals[0].Statement != 30000 || totals[0].Disputed != 10000 || totals[0].ExplainedByException != 0 {
		t.Errorf("totals: %+v", totals)
	}
	if fees := f.sum(func(l line) int64 { return l.fee }); fees != 300 {
		t.Errorf("fees: %d", fees)
	}
}

func TestWithoutAStatementThereAreNoTotals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twoPaid()
	f, totals := w.totals(10, 10)
	f.only(t)
	if totals != nil {
		t.Errorf("totals: %+v", totals)
	}
}

// The statement shows a movement before any list does: once one does, it is the
// same exception still.
func TestAStatementsOrphanKeepsItsIdentityWhenItsTransactionIsSeen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		row string
		tx  tx
	}{
		"by its id":                  {"T9,R9,payout,50,KES,,,", tx{id: "T9", ref: "R9", amount: "50"}},
		"by our id":                  {"P9,,payout,50,KES,,,", tx{id: "T9", own: "P9", ref: "R9", amount: "50"}},
		"by its reference":           {",R9,payout,50,KES,,,", tx{id: "T9", ref: "R9", amount: "50"}},
		"by an id in capitals":       {"0790076A-C46E-4AA0-9B1E-5F3C2F1F9B30,,payout,50,KES,,,", tx{id: "0790076a-c46e-4aa0-9b1e-5f3c2f1f9b30", amount: "50"}},
		"though the amount is other": {"T9,R9,payout,50,KES,,,", tx{id: "T9", ref: "R9", amount: "51"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.statement(store.StatementClaim{Partial: true}, c.row)
			first := w.publish(10, 10, start)
			first.only(t, "missing_internally ")
			id := first.ids["missing_internally "]
			w.exec(`UPDATE tieout.exceptions SET owner = 'jane' WHERE exception_id = $1`, id)
			w.txs(c.tx)
			second := w.publish(10, 10, start.Add(time.Hour))
			second.only(t, "missing_internally /"+c.tx.id)
			if got := second.ids["missing_internally /"+c.tx.id]; got != id {
				t.Errorf("the identity was %s and is %s", id, got)
			}
			if n := w.count(`SELECT count(*) FROM tieout.exceptions WHERE state = 'open' AND owner = 'jane'`); n != 1 {
				t.Error("what a person said of it is lost")
			}
			if n := w.count(`SELECT count(*) FROM tieout.exceptions`); n != 1 {
				t.Errorf("%d exceptions, want the one", n)
			}
			if third := w.publish(10, 10, start.Add(2*time.Hour)); third.ids["missing_internally /"+c.tx.id] != id {
				t.Error("the identity changes again")
			}
		})
	}
}

// Two rows without an id have one reference, and two transactions with it are
// seen: one of them is what was known.
func TestOnlyOneTransactionInheritsAnIdentity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.statement(store.StatementClaim{Partial: true}, ",R9,payout,50,KES,,,", ",R9,payout,50,KES,,,")
	id := w.publish(10, 10, start).ids["missing_internally "]
	w.txs(tx{id: "T8", ref: "R9", amount: "50"}, tx{id: "T9", ref: "R9", amount: "50"})
	f := w.publish(10, 10, start.Add(time.Hour))
	f.only(t, "missing_internally /T8", "missing_internally /T9")
	if f.ids["missing_internally /T8"] != id || f.ids["missing_internally /T9"] == id {
		t.Errorf("identities: %v, known was %s", f.ids, id)
	}
}

// The items of a batch have one id, and references of their own.
func TestEachItemOfABatchThatNobodyExplainsIsAnException(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.statement(store.StatementClaim{Partial: true}, "B1,R1,payout,50,KES,,,", "B1,R2,payout,60,KES,,,", "X,R3,payout,70,KES,,,", "X,,payout,-70,KES,,,")
	f := w.run(10, 10)
	if len(f.exceptions) != 2 {
		t.Errorf("want one for R1 and one for R2, and none for what was booked back: %v", f.details)
	}
	if n := w.count(`SELECT count(DISTINCT exception_id) FROM tieout.run_exceptions WHERE (reference, provider_amount) IN (('R1', 5000), ('R2', 6000))`); n != 2 {
		t.Errorf("%d of the two items are told apart", n)
	}
}

// The ledger is another system, which only its query reaches: a row of the range
// finds its payment of another day there, also where it was booked days later.
func TestAStatementRowFindsItsPaymentOutsideTheRange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(`CREATE SCHEMA merchant`)
	w.exec(`CREATE TABLE merchant.orders AS SELECT * FROM tieout.payments`)
	l, err := w.store.OpenLedger(w.Context(), "", `SELECT * FROM merchant.orders WHERE created_at >= :from AND created_at < :to`)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	w.ledger = l
	w.pays(pay{id: "before", ppid: "T0", at: day(9)}, pay{id: "late", ref: "Rlate", at: day(9)})
	w.exec(`INSERT INTO merchant.orders SELECT * FROM tieout.payments`)
	w.exec(`DELETE FROM tieout.payments`)
	w.statement(store.StatementClaim{Partial: true, Now: day(20)}, "T0,,payout,100,KES,,,", ",Rlate,payout,100,KES,,,")
	w.exec(`UPDATE tieout.statement_rows SET completed_at = $1, at = $1 WHERE reference = 'Rlate'`, day(14))
	f := w.run(10, 10)
	f.only(t)
}

// A statement's references are compared as the provider is configured, also to
// payments and transactions of other days.
func TestAStatementsReferencesMayBeSpeltOtherwise(t *testing.T) {
	t.Parallel()
	for name, rules := range map[string][]payment.ReferenceRule{"as they are": nil, "without case and dashes": {payment.IgnoreCase, payment.IgnoreDashes}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.rules.References = store.References{"pay": rules}
			w.twoPaid()
			w.pays(pay{id: "far", ref: "FAR-1", at: day(8)})
			w.statement(store.StatementClaim{}, ",r-a,payout,100,KES,1,,", "Tb,,payout,100,KES,,,", ",far1,payout,100,KES,,,")
			f := w.run(10, 10)
			if rules == nil {
				f.only(t, "missing_internally ", "missing_internally ", "settlement_mismatch a")
				return
			}
			f.only(t)
			if fees := f.sum(func(l line) int64 { return l.fee }); fees != 100 {
				t.Errorf("fees %d", fees)
			}
		})
	}
}
