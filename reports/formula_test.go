package reports

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"
)

// Every formula gives the value that is stored beside it: computed anew by
// excelize, and by LibreOffice where it is installed.
func TestFormulasGiveTheStoredValues(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]Options{"one sheet": {}, "several sheets": {sheetRows: 25}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, _ := written(t, newSample(160), opts)
			for _, book := range []string{"settlement.xlsx", "exceptions.xlsx"} {
				f := open(t, dir, book)
				byOffice := recalculated(t, dir, book)
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
							if byOffice != nil {
								same(t, cell.Value, byOffice(sheet, cell.Ref), "LibreOffice, "+sheet+" "+cell.Ref+": "+cell.Formula)
							}
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

var storedValue = regexp.MustCompile(`</f><v>[^<]*</v>`)

// recalculated lets LibreOffice compute a copy of the workbook from which all
// stored values were taken, and reads its cells; nil without LibreOffice.
func recalculated(t *testing.T, dir, book string) func(sheet, cell string) string {
	t.Helper()
	office, err := exec.LookPath("soffice")
	if err != nil {
		t.Log("LibreOffice is not installed: the formulas are computed by excelize alone")
		return nil
	}
	out := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(out, book), withoutStoredValues(t, filepath.Join(dir, book)), 0o600))
	const allSheetsRaw = `csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false,false,false,-1`

	cmd := exec.CommandContext(t.Context(), office, "-env:UserInstallation=file://"+filepath.Join(out, "profile"),
		"--headless", "--convert-to", allSheetsRaw, "--outdir", out, filepath.Join(out, book))
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, string(said))
	cache := map[string][][]string{}
	return func(sheet, cell string) string {
		rows, ok := cache[sheet]
		if !ok {
			b, err := os.ReadFile(filepath.Join(out, strings.TrimSuffix(book, ".xlsx")+"-"+sheet+".csv"))
			require.NoError(t, err)
			r := csv.NewReader(bytes.NewReader(b))
			r.FieldsPerRecord = -1
			rows, err = r.ReadAll()
			require.NoError(t, err)
			cache[sheet] = rows
		}
		column, row, err := excelize.CellNameToCoordinates(cell)
		require.NoError(t, err)
		return rows[row-1][column-1]
	}
}

func withoutStoredValues(t *testing.T, path string) []byte {
	t.Helper()
	in, err := zip.OpenReader(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, in.Close()) }()
	var buf bytes.Buffer
	out := zip.NewWriter(&buf)
	for _, part := range in.File {
		r, err := part.Open()
		require.NoError(t, err)
		b, err := io.ReadAll(r)
		require.NoError(t, err)
		w, err := out.Create(part.Name)
		require.NoError(t, err)
		_, err = w.Write(storedValue.ReplaceAll(b, []byte("</f>")))
		require.NoError(t, err)
	}
	require.NoError(t, out.Close())
	return buf.Bytes()
}
