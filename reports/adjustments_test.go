package reports

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/payment"
)

// newClosedSample is a sample whose first day was closed before every third of
// its payments completed: they are adjustments of the second day.
func newClosedSample(n int) *sample {
	s := newSample(n)
	f := &s.figures
	closed := f.Passport.From
	f.Closed = []ClosedDay{{
		BusinessDate: closed, RunID: "01KAG4M2XW", Version: 1, ClosedAt: s.start.Add(-30 * day), ClosedBy: "A. Wanjiru",
		Note: "books of the day", Forced: `=HYPERLINK("http://x")`,
	}}
	nets := map[flowKey]*ClosedLine{}
	lineOf := func(key flowKey) *Line {
		return &f.Lines[slices.IndexFunc(f.Lines, func(l Line) bool {
			return l.BusinessDate.Equal(closed) && l.Provider == key.provider && l.Kind == key.kind && l.Currency == key.currency
		})]
	}
	for i := range f.Lines {
		if l := &f.Lines[i]; l.BusinessDate.Equal(closed) {
			nets[flowKey{l.Provider, l.Kind, l.Currency}] = &ClosedLine{BusinessDate: closed, Provider: l.Provider, Kind: l.Kind, Currency: l.Currency, Exp: l.Exp, Now: l.Net}
		}
	}
	taken := 0
	_ = s.Transactions(context.Background(), func(r *TransactionRow) error { // it can't fail
		if !r.BusinessDate.Equal(closed) || r.Result != payment.ResultMatched || r.ProviderStatus != "completed" {
			return nil
		}
		if taken++; taken%3 != 0 {
			return nil
		}
		key := flowKey{r.Provider, r.Kind, r.Amount.Currency}
		l := lineOf(key)
		a := Adjustment{
			BookedOn: closed.AddDate(0, 0, 1), PaymentID: r.PaymentID, ProviderPaymentID: r.ProviderPaymentID, Reference: r.Reference,
			What: "Result", Before: "pending", After: "matched", Why: "Late status: the provider now says completed.",
			Line: Line{
				BusinessDate: closed, Provider: r.Provider, Kind: r.Kind, Currency: l.Currency, Exp: l.Exp, Count: 1, Gross: r.ProviderAmount.Minor,
				Refunded: r.Refunded.Minor, Net: r.Net.Minor, PendingCount: -1, PendingAmount: -r.Amount.Minor,
			},
		}
		l.Count, l.Gross, l.Refunded, l.Net = l.Count-1, l.Gross-a.Line.Gross, l.Refunded-a.Line.Refunded, l.Net-a.Line.Net
		l.PendingCount, l.PendingAmount = l.PendingCount+1, l.PendingAmount+r.Amount.Minor
		if r.Fee != nil {
			a.Line.Fee, a.Line.FeeKnown, a.Line.FeeKnownCount = r.Fee.Minor, true, 1
			l.Fee, l.FeeKnownCount = l.Fee-r.Fee.Minor, l.FeeKnownCount-1
		}
		if r.Tax != nil {
			a.Line.Tax, a.Line.TaxKnown = r.Tax.Minor, true
			l.Tax -= r.Tax.Minor
		}
		nets[key].Adjusted += a.Line.Net
		f.Adjustments = append(f.Adjustments, a)
		return nil
	})
	for key, n := range nets {
		n.Closed = lineOf(key).Net
		f.ClosedLines = append(f.ClosedLines, *n)
	}
	slices.SortFunc(f.ClosedLines, func(a, b ClosedLine) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Currency, b.Currency))
	})
	return s
}

func TestAdjustmentsAreReadableInBothFormats(t *testing.T) {
	t.Parallel()
	s := newClosedSample(160)
	dir, _ := written(t, s, Options{})
	rows, err := csv.NewReader(bytes.NewReader(read(t, dir, "adjustments.csv"))).ReadAll()
	require.NoError(t, err)
	require.Greater(t, len(rows), 5)
	assert.Equal(t, adjustmentColumns, rows[0])
	require.Len(t, rows, len(s.figures.Adjustments)+1)
	for _, row := range rows[1:] {
		for i, field := range row {
			if !strings.HasSuffix(rows[0][i], "amount") && !slices.Contains(settlementColumns, rows[0][i]) {
				assert.False(t, field != "" && !strings.HasPrefix(field, "'") && formulaLike(field), field)
			}
		}
	}
	assert.Equal(t, []string{"2026-11-19", "open", "2026-11-18"}, rows[1][:3])

	f := open(t, dir, "settlement.xlsx")
	verdict, err := f.GetCellValue("Adjustments", "B4")
	require.NoError(t, err)
	assert.Equal(t, plural(int64(len(rows)-1), "payment")+" of closed days changed; their adjustments are booked on 19 November 2026.", verdict)
	tables, err := f.GetTables("Adjustments")
	require.NoError(t, err)
	require.Len(t, tables, 1)
	assert.Equal(t, "adjustments", tables[0].Name)
	answer, err := f.GetCellValue("Control totals", "B4")
	require.NoError(t, err)
	assert.Contains(t, answer, "✓ All")
}

func TestAnAdjustmentThatIsMissingDoesNotTie(t *testing.T) {
	t.Parallel()
	s := newClosedSample(160)
	s.figures.Adjustments = s.figures.Adjustments[1:]
	s.figures.ClosedLines[0].Adjusted++
	dir, _ := written(t, s, Options{})
	answer, err := open(t, dir, "settlement.xlsx").GetCellValue("Summary", "B5")
	require.NoError(t, err)
	assert.Contains(t, answer, "do not tie")
}

func TestWhoClosesNoDaysHasNoFileAndSheetForThem(t *testing.T) {
	t.Parallel()
	dir, _ := written(t, newSample(30), Options{})
	assert.NotContains(t, open(t, dir, "settlement.xlsx").GetSheetList(), "Adjustments")
	assert.NoFileExists(t, dir+"/adjustments.csv")
}
