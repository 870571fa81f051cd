package reports

import (
	"math/big"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"tieout/internal/booktest"
)

// Every formula gives the value that is stored beside it: computed anew by
// excelize, and by LibreOffice.
func TestFormulasGiveTheStoredValues(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		s    *sample
		opts Options
	}{
		"one sheet": {s: newSample(160)}, "several sheets": {newSample(160), Options{sheetRows: 25}},
		"a closed day": {s: newClosedSample(160)}, "a closed day, several sheets": {newClosedSample(160), Options{sheetRows: 25}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, _ := written(t, x.s, x.opts)
			for _, book := range []string{"settlement.xlsx", "exceptions.xlsx"} {
				f := open(t, dir, book)
				byOffice := booktest.Recalculated(t, filepath.Join(dir, book))
				formulas := 0
				for number, sheet := range f.GetSheetList() {
					for _, row := range rawSheet(t, dir, book, number+1).Rows {
						for _, cell := range row.Cells {
							if cell.Formula == "" {
								continue
							}
							formulas++
							computed, err := f.CalcCellValue(sheet, cell.Ref, excelize.Options{RawCellValue: true})
							require.NoError(t, err, "%s %s: %s", sheet, cell.Ref, cell.Formula)
							same(t, cell.Value, computed, sheet+" "+cell.Ref+": "+cell.Formula)
							same(t, cell.Value, byOffice.Cell(sheet, cell.Ref), "LibreOffice, "+sheet+" "+cell.Ref+": "+cell.Formula)
						}
					}
				}
				assert.Greater(t, formulas, 50, book)
			}
		})
	}
}

// same compares a stored with a computed value, which went through binary
// fractions: what differs by less than half of the smallest unit is the same.
func same(t *testing.T, stored, computed, where string) {
	t.Helper()
	a, ok := new(big.Rat).SetString(stored)
	if !ok {
		assert.Equal(t, stored, computed, where)
		return
	}
	share, percent := strings.CutSuffix(computed, "%")
	b, ok := new(big.Rat).SetString(share)
	if !assert.True(t, ok, "%s: computed %q", where, computed) {
		return
	}
	least := big.NewRat(5, 10_000)
	if percent {
		b.Quo(b, big.NewRat(100, 1))
		least = big.NewRat(1, 10_000_000)
	}
	d := new(big.Rat).Sub(a, b)
	assert.Negative(t, d.Abs(d).Cmp(least), "%s: stored %s, computed %s", where, stored, computed)
}
