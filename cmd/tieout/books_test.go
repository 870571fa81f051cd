package main

import (
	"database/sql"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"tieout/internal/booktest"
)

// secondReader holds what LibreOffice computes of a workbook against Postgres.
type secondReader struct {
	s     *site
	t     *testing.T
	sheet *booktest.Sheets
	run   string // $1 of every query
	cells int    // that were compared
}

// same compares a cell with what Postgres says: numbers by value (a sum of
// binary fractions may be off by less than half of the smallest unit), all else
// as text; NULL is an empty cell.
func (r *secondReader) same(want sql.NullString, got, where string) {
	r.t.Helper()
	r.cells++
	w, isNumber := new(big.Rat).SetString(want.String)
	g, isToo := new(big.Rat).SetString(strings.TrimSuffix(got, "%"))
	if !want.Valid || !isNumber || !isToo {
		if want.String != got {
			r.t.Errorf("%s: the workbook says %q, Postgres %q", where, got, want.String)
		}
		return
	}
	if strings.HasSuffix(got, "%") {
		g.Quo(g, big.NewRat(100, 1))
	}
	d := new(big.Rat).Sub(w, g)
	if d.Abs(d).Cmp(big.NewRat(5, 10_000)) >= 0 {
		r.t.Errorf("%s: the workbook says %s, Postgres %s", where, got, want.String)
	}
}

// rows compares the rows of a sheet from the given one on, in the columns, with
// those of a query, and that there are no more: the cell below the last must be
// empty or begin with one of the ends.
func (r *secondReader) rows(sheet string, first int, columns, query string, ends ...string) int {
	r.t.Helper()
	names := strings.Split(columns, ",")
	list, err := r.s.db.QueryContext(r.t.Context(), query, r.run)
	require.NoError(r.t, err, query)
	defer func() { _ = list.Close() }()
	n := first
	for ; list.Next(); n++ {
		want := make([]sql.NullString, len(names))
		into := make([]any, len(names))
		for i := range want {
			into[i] = &want[i]
		}
		require.NoError(r.t, list.Scan(into...), query)
		for i, column := range names {
			ref := fmt.Sprintf("%s%d", column, n)
			r.same(want[i], r.sheet.Cell(sheet, ref), sheet+" "+ref)
		}
	}
	require.NoError(r.t, list.Err())
	require.Greater(r.t, n, first, "%s: nothing was compared: %s", sheet, query)
	after := r.sheet.Cell(sheet, fmt.Sprintf("%s%d", names[0], n))
	for _, e := range ends {
		if strings.HasPrefix(after, e) {
			return n
		}
	}
	assert.Empty(r.t, after, "%s: a row more than Postgres has, in row %d", sheet, n)
	return n
}

// block compares the rows below a section's title; a * at its end stands for
// anything.
func (r *secondReader) block(sheet, title, columns, query string, ends ...string) int {
	r.t.Helper()
	for i, row := range r.sheet.Rows(sheet) {
		for _, cell := range row {
			if start, open := strings.CutSuffix(title, "*"); cell == title || open && strings.HasPrefix(cell, start) {
				return r.rows(sheet, i+3, columns, query, ends...)
			}
		}
	}
	r.t.Fatalf("%s has no section %q", sheet, title)
	return 0
}

// letters are the columns from A on.
func letters(n int) string {
	out := make([]string, n)
	for i := range out {
		out[i], _ = excelize.ColumnNumberToName(i + 1)
	}
	return strings.Join(out, ",")
}

// sound proves that no formula failed and no tick says that something differs.
func (r *secondReader) sound(sheets ...string) {
	r.t.Helper()
	for _, sheet := range sheets {
		for i, row := range r.sheet.Rows(sheet) {
			for j, cell := range row {
				if strings.HasPrefix(cell, "#") || strings.HasPrefix(cell, "Err:") || cell == "✗" && sheet != "About" && sheet != "Refunds and fees" {
					r.t.Errorf("%s, row %d, column %d: %s", sheet, i+1, j+1, cell)
				}
			}
		}
	}
}

const amountOf = ` * ('1e-' || exp)::numeric`

func zoned(column string) string {
	return fmt.Sprintf(`to_char(date_trunc('second', %s) AT TIME ZONE '%s', 'YYYY-MM-DD HH24:MI:SS')`, column, zone)
}

func TestEveryFigureOfTheWorkbooksStandsInPostgres(t *testing.T) {
	t.Parallel()
	w := large()
	s := newSite(t, w, serveWorld(t, w))
	s.configure(settings{schedules: "reports: { currency: { code: KES, rates: rates.csv } }\n" +
		"fees:\n  - { provider: pesaswap-ke, kind: deposit, percent: \"3\", fixed: \"0\", currency: KES }\n" +
		"  - { provider: pivot-id, kind: payout, percent: \"3\", fixed: \"0\", currency: IDR }\n"})
	rates := map[string]string{"UGX": "0.0345", "ZMW": "5.7013", "USD": "129.25", "KES": "1"} // none of IDR
	text := "date,currency,rate\n"
	for currency, rate := range rates {
		text += w.to + "," + currency + "," + rate + "\n"
	}
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "rates.csv"), []byte(text), 0o600))
	s.run(3)
	dir := filepath.Join(s.folder(), "v1")
	for _, book := range []string{"settlement.xlsx", "exceptions.xlsx"} {
		assert.Empty(t, booktest.Flaws(t, filepath.Join(dir, book)), book)
	}
	r := &secondReader{s: s, t: t, run: get[string](s, `SELECT id FROM tieout.runs`)}
	r.sheet = booktest.Recalculated(t, filepath.Join(dir, "settlement.xlsx"))
	r.settlementSheets()
	r.summary(rates)
	r.controlTotals()
	r.sheet = booktest.Recalculated(t, filepath.Join(dir, "exceptions.xlsx"))
	r.exceptionSheets()
	assert.Greater(t, r.cells, 50_000)
	t.Logf("%d cells are as in Postgres", r.cells)
}

func (r *secondReader) settlementSheets() {
	r.sound("Summary", "Settlement", "Transactions", "Pending ageing", "Refunds and fees", "Control totals", "Changes", "About")
	r.rows("Settlement", 2, letters(20), `SELECT business_date::text, provider, kind, currency, count, gross, refunded, fee, tax, net, fee_known_count, disputed,
		pending_count, pending_amount, failed_count, failed_amount, reversed_count, reversed_amount, exception_count, exception_amount
		FROM tieout.settlement_lines WHERE run_id = $1 ORDER BY 1, 2, 3, 4`)

	// all columns but the account, which is masked
	r.rows("Transactions", 2, "A,B,C,D,E,F,G,H,I,J,K,L,M,N,O,P,Q,R,S,T,V,W,X,Y", `SELECT p.payment_id, p.kind, p.provider, nullif(x.provider_payment_id, ''), x.provider_reference, x.network_reference,
		p.reference, p.amount * ('1e-' || p.exp)::numeric, p.currency, x.provider_amount`+theirs+`, CASE WHEN x.provider_amount IS NOT NULL THEN x.provider_currency END,
		x.refunded`+theirs+`, x.fee`+theirs+`, x.tax`+theirs+`, `+netOf+theirs+`,
		p.status, x.outcome, x.raw_status, x.result, replace(x.match_method, '_', ' '), p.business_date::text, `+zoned("p.created_at")+`, `+zoned("x.completed_at")+`, `+zoned("x.observed_at")+`
		FROM tieout.run_payments p JOIN tieout.run_results x USING (run_id, payment_id) WHERE run_id = $1
		ORDER BY p.business_date, p.provider, p.kind, p.created_at, p.payment_id`)

	const pending = `FROM (SELECT p.*, extract(epoch FROM r.started_at - p.created_at) AS age, stale.payment_id IS NOT NULL AS stale
		FROM tieout.runs r JOIN tieout.run_payments p ON p.run_id = r.id JOIN tieout.run_results x USING (run_id, payment_id)
		LEFT JOIN (SELECT DISTINCT payment_id FROM tieout.run_exceptions WHERE run_id = $1 AND kind = 'stale_pending') stale USING (payment_id)
		WHERE r.id = $1 AND (x.result = 'pending' OR stale.payment_id IS NOT NULL)) p`
	all := r.block("Pending ageing", "How old is what is pending*", "B,C,D,E,F,G,H,I,J,K,L,M", `SELECT provider, kind, currency, count(*), sum(amount`+amountOf+`),
		count(*) FILTER (WHERE age < 3600), count(*) FILTER (WHERE age >= 3600 AND age < 86400), count(*) FILTER (WHERE age >= 86400 AND age < 259200),
		count(*) FILTER (WHERE age >= 259200 AND age < 604800), count(*) FILTER (WHERE age >= 604800), trunc(trunc(max(age)) / 8640) / 10, count(*) FILTER (WHERE stale)
		`+pending+` GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`, "All")
	r.rows("Pending ageing", all, "B,E,G,H,I,J,K,L,M", `SELECT 'All', count(*), count(*) FILTER (WHERE age < 3600), count(*) FILTER (WHERE age >= 3600 AND age < 86400),
		count(*) FILTER (WHERE age >= 86400 AND age < 259200), count(*) FILTER (WHERE age >= 259200 AND age < 604800), count(*) FILTER (WHERE age >= 604800),
		trunc(trunc(max(age)) / 8640) / 10, count(*) FILTER (WHERE stale) `+pending)
	r.block("Pending ageing", "How the pending total moved", "B,C,D,F,G,H,I,J,K,L,M", `SELECT p.provider, p.kind, p.currency, 0, sum(p.amount`+amountOf+`),
		coalesce(sum(p.amount`+amountOf+`) FILTER (WHERE x.result = 'matched' AND x.outcome IN ('completed', 'reversed')), 0),
		coalesce(sum(p.amount`+amountOf+`) FILTER (WHERE x.result = 'matched' AND coalesce(x.outcome, '') NOT IN ('completed', 'reversed')), 0),
		coalesce(sum(p.amount`+amountOf+`) FILTER (WHERE x.result = 'exception'), 0), coalesce(sum(p.amount`+amountOf+`) FILTER (WHERE x.result = 'pending'), 0), 0, '✓'
		FROM tieout.run_payments p JOIN tieout.run_results x USING (run_id, payment_id) WHERE run_id = $1 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`, "Nothing was reported before this range")

	const charged = `SELECT p.provider, p.kind, p.currency, count(*) AS n, count(x.fee) AS known, sum(x.provider_amount` + theirs + `) AS gross, sum(x.fee` + theirs + `) AS fee,
		sum(x.tax` + theirs + `) AS tax, sum(round(x.provider_amount` + theirs + ` * 0.03, 2)) FILTER (WHERE x.fee IS NOT NULL) AS due,
		count(*) FILTER (WHERE x.fee` + theirs + ` <> round(x.provider_amount` + theirs + ` * 0.03, 2)) AS wrong
		FROM tieout.run_payments p JOIN tieout.run_results x USING (run_id, payment_id) WHERE run_id = $1 AND x.result = 'matched' AND x.outcome = 'completed' GROUP BY 1, 2, 3`
	r.block("Refunds and fees", "Fees charged against the schedule", "B,C,D,E,F,G,H,L,K,I,J,M,N", `SELECT provider, kind, currency, n, known, gross, fee, tax, fee / nullif(gross, 0),
		CASE WHEN NOT scheduled THEN 'no schedule' ELSE coalesce(due::text, 'fee not known') END, CASE WHEN scheduled THEN fee - due END, CASE WHEN scheduled AND known > 0 THEN wrong END,
		CASE WHEN scheduled AND known > 0 THEN CASE WHEN fee = due AND wrong = 0 THEN '✓' ELSE '✗' END END
		FROM (SELECT *, (provider, kind, currency) IN (('pesaswap-ke', 'deposit', 'KES'), ('pivot-id', 'payout', 'IDR')) AS scheduled FROM (`+charged+`) f) g ORDER BY 1, 2, 3`, "Fee known for")
	r.block("Refunds and fees", "Refunds", "B,C,D,E,F,H,I,J,K,L,N", `SELECT p.provider, p.kind, p.currency, p.business_date::text, p.payment_id, p.amount`+amountOf+`, coalesce(x.refunded, 0)`+amountOf+`,
		p.refunded`+amountOf+`, (x.refunded - p.refunded)`+amountOf+`, p.reference, CASE WHEN x.refunded = p.refunded THEN '✓' ELSE '✗' END
		FROM tieout.run_payments p JOIN tieout.run_results x USING (run_id, payment_id) WHERE run_id = $1 AND (x.refunded <> 0 OR x.refunded = 0 AND p.refunded <> 0) AND x.provider_currency = p.currency
		ORDER BY p.business_date, p.provider, p.kind, p.payment_id`)
}

const (
	theirs = ` * ('1e-' || x.provider_exp)::numeric`
	netOf  = `CASE WHEN x.result = 'matched' AND x.outcome IN ('completed', 'reversed') THEN CASE x.outcome WHEN 'completed' THEN x.provider_amount - coalesce(x.refunded, 0) ELSE 0 END
		+ CASE p.kind WHEN 'payout' THEN 1 ELSE -1 END * (coalesce(x.fee, 0) + coalesce(x.tax, 0)) END`
	flowsOf = `SELECT provider, kind, currency, sum(count) AS n, sum(gross) AS gross, sum(refunded) AS refunded, sum(fee) AS fee, sum(tax) AS tax, sum(net) AS net, sum(disputed) AS disputed,
		sum(exception_count) AS aside, sum(count + pending_count + failed_count + reversed_count + exception_count) AS payments, sum(pending_amount) AS pending
		FROM tieout.settlement_lines WHERE run_id = $1 GROUP BY 1, 2, 3`
	openOf = `SELECT coalesce(currency, provider_currency) AS currency, count(*) AS open, coalesce(sum(at_risk), 0) AS risk,
		coalesce(sum(at_risk) FILTER (WHERE severity = 'critical'), 0) AS critical, count(*) FILTER (WHERE severity = 'critical') AS worst
		FROM tieout.exceptions WHERE state = 'open' AND run_id = $1 AND coalesce(currency, provider_currency) IS NOT NULL GROUP BY 1`
	balancesOf = `SELECT f.currency, sum(f.payments) AS payments, coalesce(sum(f.net) FILTER (WHERE kind = 'deposit'), 0) AS paid_in, coalesce(sum(f.net) FILTER (WHERE kind = 'payout'), 0) AS paid_out,
		sum(f.pending) AS pending, sum(f.disputed) AS disputed, coalesce(max(o.risk), 0) AS risk, coalesce(max(o.critical), 0) AS critical, coalesce(max(o.open), 0) AS open
		FROM (` + flowsOf + `) f LEFT JOIN (` + openOf + `) o ON o.currency = f.currency GROUP BY 1`
)

func (r *secondReader) summary(rates map[string]string) {
	r.block("Summary", "What moved, by provider", "B,C,D,E,F,G,H,I,J,K,L,N,O", `SELECT provider, kind, currency, n, gross, refunded, fee, tax, net, disputed, gross + disputed, aside, '✓'
		FROM (`+flowsOf+`) f ORDER BY 1, 2, 3`)
	r.block("Summary", "What it did to your balances, by currency", "B,E,F,G,H,I,J,K,L,N,O", `SELECT currency, payments, paid_in, paid_out, paid_in - paid_out, pending, risk, critical, disputed, open, '✓'
		FROM (`+balancesOf+`) b ORDER BY 1`, "–")
	var values []string
	for currency, rate := range rates {
		values = append(values, fmt.Sprintf("('%s', %s)", currency, rate))
	}
	converted := `SELECT b.currency, rate, round(paid_in * rate, 2) AS paid_in, round(paid_out * rate, 2) AS paid_out, round(pending * rate, 2) AS pending, round(risk * rate, 2) AS risk
		FROM (` + balancesOf + `) b LEFT JOIN (VALUES ` + strings.Join(values, ", ") + `) v (currency, rate) ON v.currency = b.currency`
	all := r.block("Summary", "The same in KES*", "B,E,F,G,H,I,J", `SELECT currency, coalesce(rate::text, 'no rate'), paid_in, paid_out, paid_in - paid_out, pending, risk FROM (`+converted+`) c ORDER BY 1`, "All with a rate")
	r.rows("Summary", all, "B,F,G,H,I,J,O", `SELECT 'All with a rate', sum(paid_in), sum(paid_out), sum(paid_in) - sum(paid_out), sum(pending), sum(risk), '✓' FROM (`+converted+`) c`, "Rate:")
}

func (r *secondReader) controlTotals() {
	const pulled = `SELECT p.currency, count(*) AS n, count(*) FILTER (WHERE x.result = 'matched') AS matched, count(*) FILTER (WHERE x.result = 'pending') AS pending,
		count(*) FILTER (WHERE x.result = 'exception') AS aside, sum(p.amount` + amountOf + `) AS amount, coalesce(sum(p.amount` + amountOf + `) FILTER (WHERE x.result = 'matched'), 0) AS matched_amount,
		coalesce(sum(p.amount` + amountOf + `) FILTER (WHERE x.result = 'pending'), 0) AS pending_amount, coalesce(sum(p.amount` + amountOf + `) FILTER (WHERE x.result = 'exception'), 0) AS aside_amount
		FROM tieout.run_payments p JOIN tieout.run_results x USING (run_id, payment_id) WHERE run_id = $1 GROUP BY 1`
	r.block("Control totals", "1  *", "D,E,F,G,H,K,L", `SELECT currency, n, matched, pending, aside, k, ties FROM (
		SELECT 1 AS what, currency, n, matched, pending, aside, 0 AS k, '✓' AS ties FROM (`+pulled+`) p
		UNION ALL SELECT 2, currency, amount, matched_amount, pending_amount, aside_amount, 0, '✓' FROM (`+pulled+`) p) q ORDER BY what, currency`)
	r.block("Control totals", "2  *", "B,E,F,G,H,I,J,K,L", `SELECT provider, count(*), count(*) FILTER (WHERE role = 'matched'), count(*) FILTER (WHERE role = 'pending'),
		count(*) FILTER (WHERE role = 'exception'), count(*) FILTER (WHERE role = 'candidate'), count(*) FILTER (WHERE role = 'unclaimed'), 0, '✓'
		FROM tieout.run_transactions r JOIN tieout.transactions t ON t.id = r.transaction_id WHERE r.run_id = $1 AND role <> 'elsewhere' GROUP BY 1 ORDER BY 1`)
	r.block("Control totals", "3  *", "B,E,F,G,H,K,L", `SELECT l.currency, coalesce(d.paid_in, 0), l.paid_in, coalesce(d.paid_out, 0), l.paid_out, 0, '✓' FROM (`+balancesOf+`) l LEFT JOIN (
		SELECT x.provider_currency AS currency, sum(`+netOf+theirs+`) FILTER (WHERE p.kind = 'deposit') AS paid_in, sum(`+netOf+theirs+`) FILTER (WHERE p.kind = 'payout') AS paid_out
		FROM tieout.run_payments p JOIN tieout.run_results x USING (run_id, payment_id) WHERE run_id = $1 GROUP BY 1) d ON d.currency = l.currency ORDER BY 1`)
	r.block("Control totals", "4  *", "B,C,D,E,F,G,H,I,J,K,L", `SELECT provider, kind, currency, gross, refunded, fee, tax,
		gross - refunded + CASE kind WHEN 'payout' THEN 1 ELSE -1 END * (coalesce(fee, 0) + coalesce(tax, 0)), net, 0, '✓' FROM (`+flowsOf+`) f ORDER BY 1, 2, 3`, "Deposits:")
}

func (r *secondReader) exceptionSheets() {
	r.sound("Overview", "Exceptions", "About")
	// by its id, as the sheet stands in an order of its own; all columns but the account
	const columns = "A,B,C,D,E,F,G,H,I,J,K,L,M,N,O,P,R,S,U,V,W,X,Y"
	rows := r.sheet.Rows("Exceptions")
	order := make([]string, 0, len(rows))
	for i, row := range rows[1:] {
		order = append(order, fmt.Sprintf("('%s', %d)", row[0], i))
	}
	r.rows("Exceptions", 2, columns, `SELECT exception_id, replace(kind, '_', ' '), severity, replace(state, '_', ' '), provider, payment_kind, payment_id, provider_payment_id, reference,
		internal_amount, provider_amount, difference, currency, provider_currency, internal_status, replace(provider_status, '_', ' '), business_date::text, `+zoned("first_seen")+`,
		replace(match_method, '_', ' '), detail, owner, resolution, note
		FROM tieout.exceptions e LEFT JOIN (VALUES `+strings.Join(order, ", ")+`) o (id, n) ON o.id = e.exception_id WHERE run_id = $1 ORDER BY o.n NULLS FIRST`)

	const counts = `count(*) FILTER (WHERE severity = 'critical'), count(*) FILTER (WHERE severity = 'high'), count(*) FILTER (WHERE severity = 'medium'), count(*) FILTER (WHERE severity = 'low'), count(*)`
	const open = ` FROM tieout.exceptions WHERE run_id = $1 AND state = 'open'`
	all := r.block("Overview", "By kind, and what to do", "B,I,J,K,L,M", `SELECT upper(left(kind, 1)) || replace(substr(kind, 2), '_', ' '), `+counts+open+` GROUP BY kind ORDER BY 2 DESC, 3 DESC, 4 DESC, 5 DESC, kind`, "All")
	r.rows("Overview", all, "B,I,J,K,L,M", `SELECT 'All', `+counts+open)
	r.block("Overview", "At risk, by currency", "B,C,D,E,F", `SELECT currency, open, worst, risk, critical FROM (`+openOf+`) o ORDER BY 1`, "At risk is")
	r.block("Overview", "By provider", "H,I,J,K,L,M", `SELECT provider, `+counts+open+` GROUP BY 1 ORDER BY 1`)
}
