package reports

import (
	"archive/zip"
	"encoding/xml"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"
)

func open(t testing.TB, dir, name string) *excelize.File {
	t.Helper()
	f, err := excelize.OpenFile(filepath.Join(dir, name))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f
}

// xmlCell is a cell as it stands in the file.
type xmlCell struct {
	Ref     string `xml:"r,attr"`
	Style   int    `xml:"s,attr"`
	Type    string `xml:"t,attr"`
	Formula string `xml:"f"`
	Value   string `xml:"v"`
	Text    string `xml:"is>t"`
}

type xmlSheet struct {
	Rows []struct {
		Cells []xmlCell `xml:"c"`
	} `xml:"sheetData>row"`
}

// part is a part of a workbook as it stands in the zip.
func zipPart(t testing.TB, dir, book, name string) string {
	t.Helper()
	z, err := zip.OpenReader(filepath.Join(dir, book))
	require.NoError(t, err)
	defer func() { require.NoError(t, z.Close()) }()
	r, err := z.Open(name)
	require.NoError(t, err)
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(b)
}

func rawSheet(t testing.TB, dir, book string, number int) xmlSheet {
	t.Helper()
	var s xmlSheet
	require.NoError(t, xml.Unmarshal([]byte(zipPart(t, dir, book, "xl/worksheets/sheet"+strconv.Itoa(number)+".xml")), &s))
	return s
}

func TestWorkbooksHaveTheirSheetsInOrder(t *testing.T) {
	t.Parallel()
	dir, _ := written(t, newSample(60), Options{})
	assert.Equal(t, []string{"Summary", "Settlement", "Transactions", "Pending ageing", "Refunds and fees", "Control totals", "Changes", "About"},
		open(t, dir, "settlement.xlsx").GetSheetList())
	assert.Equal(t, []string{"Overview", "Exceptions", "About"}, open(t, dir, "exceptions.xlsx").GetSheetList())
}

// The columns of the data sheets hold, cell by cell, the exact figures of the
// CSVs: as numbers without a lost or an added digit.
func TestDataSheetsHoldTheExactFiguresOfTheCSVs(t *testing.T) {
	t.Parallel()
	dir, _ := written(t, newSample(408), Options{})
	for _, c := range []struct {
		csv, book string
		sheet     int
		numbers   []string
		skip      int // a column of the sheet that the CSV has not
	}{
		{"settlement.csv", "settlement.xlsx", 2, settlementColumns[4:], -1},
		{"transactions.csv", "settlement.xlsx", 3, []string{"amount", "provider_amount", "refunded", "fee", "tax", "net"}, -1},
		{"exceptions.csv", "exceptions.xlsx", 2, []string{"internal_amount", "provider_amount", "difference"}, ageColumn},
	} {
		rows, sheet := records(t, dir, c.csv), rawSheet(t, dir, c.book, c.sheet)
		require.Len(t, sheet.Rows, len(rows), c.csv)
		for i, row := range rows[1:] {
			cells := sheet.Rows[i+1].Cells
			if c.skip >= 0 {
				cells = slices.Delete(slices.Clone(cells), c.skip, c.skip+1)
			}
			require.Len(t, cells, len(row))
			for j, field := range row {
				cell := cells[j]
				assert.Empty(t, cell.Formula, "%s has no formulas", c.csv)
				if slices.Contains(c.numbers, rows[0][j]) {
					assert.Equal(t, trimmed(field), cell.Value, "%s %s", c.csv, cell.Ref)
					assert.Empty(t, cell.Type, "%s %s is a number", c.csv, cell.Ref)
				}
			}
		}
	}
}

func TestIdsAndHostileTextsAreTextAsGiven(t *testing.T) {
	t.Parallel()
	dir, _ := written(t, newSample(60), Options{})
	f := open(t, dir, "settlement.xlsx")
	for i, want := range []string{
		`=HYPERLINK("http://example.com","click")`, "@SUM(A1:A9)", "+254700000001", "-2+3", "'=already quoted", " =tab first", " =return first",
		"012345678901234567890123456789012345", "1E+15", "007", "order 🎉🎉", "طلب رقم ٤٠", "nul <U+0000> and bell <U+0007> inside",
		"turned <U+202E> round", "bad \ufffd byte", "two lines", `say "hi", twice`, "_x000D_",
	} {
		cell := "G" + strconv.Itoa(i+2)
		got, err := f.GetCellValue("Transactions", cell)
		require.NoError(t, err)
		assert.Equal(t, want, got)
		kind, err := f.GetCellType("Transactions", cell)
		require.NoError(t, err)
		assert.Equal(t, excelize.CellTypeInlineString, kind, cell)
	}
}

func TestNumbersShowTheirCurrencysDecimals(t *testing.T) {
	t.Parallel()
	dir, _ := written(t, newSample(408), Options{})
	f := open(t, dir, "settlement.xlsx")
	rows, err := f.GetRows("Settlement")
	require.NoError(t, err)
	decimals := map[string]int{"UGX": 0, "KWD": 3, "KES": 2, "ZMW": 2, "USD": 2, "IDR": 2}
	seen := map[string]bool{}
	for _, row := range rows[1:] {
		_, frac, _ := strings.Cut(row[5], ".")
		assert.Len(t, frac, decimals[row[3]], "%s shows %s", row[3], row[5])
		assert.Regexp(t, `^2026-11-\d\d$`, row[0])
		seen[row[3]] = true
	}
	assert.Len(t, seen, len(decimals))
}

func TestZeroIsADashAndUnknownIsEmpty(t *testing.T) {
	t.Parallel()
	s := newSample(60)
	s.figures.Lines[0].Fee, s.figures.Lines[0].FeeKnown, s.figures.Lines[0].Refunded = 0, false, 0
	dir, _ := written(t, s, Options{})
	row := rawSheet(t, dir, "settlement.xlsx", 2).Rows[1]
	assert.Empty(t, row.Cells[7].Value)
	assert.Equal(t, "0", row.Cells[6].Value)
	style, err := open(t, dir, "settlement.xlsx").GetStyle(row.Cells[6].Style)
	require.NoError(t, err)
	assert.True(t, strings.HasSuffix(*style.CustomNumFmt, `;"–"`), "zero is shown as a dash")
	assert.Empty(t, records(t, dir, "settlement.csv")[1][7])
}

func TestRowsBeyondASheetGoOnInTheNext(t *testing.T) {
	t.Parallel()
	dir, _ := written(t, newSample(90), Options{sheetRows: 40})
	f := open(t, dir, "settlement.xlsx")
	rows := records(t, dir, "transactions.csv")[1:]
	n := 0
	for i, sheet := range []string{"Transactions", "Transactions 2", "Transactions 3"} {
		got, err := f.GetRows(sheet)
		require.NoError(t, err)
		assert.Equal(t, "Payment id", got[0][0])
		for _, row := range got[1:] {
			assert.Equal(t, rows[n][0], row[0])
			n++
		}
		tables, err := f.GetTables(sheet)
		require.NoError(t, err)
		require.Len(t, tables, 1)
		assert.Equal(t, []string{"transactions", "transactions_2", "transactions_3"}[i], tables[0].Name)
	}
	assert.Equal(t, len(rows), n)
	formulas := 0
	for _, row := range rawSheet(t, dir, "settlement.xlsx", slices.Index(f.GetSheetList(), "Control totals")+1).Rows {
		for _, cell := range row.Cells {
			if strings.Contains(cell.Formula, "'Transactions'!") {
				assert.Contains(t, cell.Formula, "'Transactions 3'!")
				formulas++
			}
		}
	}
	assert.Positive(t, formulas)
}

func TestAmountsThatNumbersCannotHoldAreText(t *testing.T) {
	t.Parallel()
	s := newSample(60)
	l := &s.figures.Lines[0]
	l.Gross += 1_234_567_890_123_456
	l.Net += 1_234_567_890_123_456
	dir, _ := written(t, s, Options{})
	row := rawSheet(t, dir, "settlement.xlsx", 2).Rows[1]
	assert.Equal(t, "inlineStr", row.Cells[5].Type)
	assert.Equal(t, records(t, dir, "settlement.csv")[1][5], row.Cells[5].Text)
	summary := rawSheet(t, dir, "settlement.xlsx", 1).Rows[9]
	for _, cell := range summary.Cells {
		if cell.Ref == "F10" {
			assert.Empty(t, cell.Formula, "no formula can add it up")
			assert.NotEmpty(t, cell.Text)
		}
	}
}

func TestAnEmptyRunStillMakesAWholeReport(t *testing.T) {
	t.Parallel()
	s := newSample(0)
	s.exceptions, s.figures = nil, Figures{Passport: s.figures.Passport}
	s.figures.Passport.Previous = 0
	dir, _ := written(t, s, Options{})
	f := open(t, dir, "exceptions.xlsx")
	answer, err := f.GetCellValue("Overview", "B5")
	require.NoError(t, err)
	assert.Equal(t, "No exceptions are open", answer)
	rows, err := f.GetRows("Exceptions")
	require.NoError(t, err)
	assert.Len(t, rows, 1, "the header row alone")
	changes, err := open(t, dir, "settlement.xlsx").GetCellValue("Changes", "B4")
	require.NoError(t, err)
	assert.Equal(t, "This is the first version of this range: there is nothing to compare it with.", changes)
}

func TestLongRangesAreChartedByWeek(t *testing.T) {
	t.Parallel()
	s := newSample(20)
	s.figures.Passport.To = s.figures.Passport.From.AddDate(0, 0, 20) // Wednesday 18 November to Tuesday 8 December
	st := &settlement{b: &book{passport: s.figures.Passport}, f: s.figures}
	title, weeks := st.dateFigures()
	assert.Equal(t, "Payments by week (from Monday)", title)
	var labels []string
	var all int64
	for _, w := range weeks {
		labels = append(labels, w.label)
		all += w.counts[0] + w.counts[1] + w.counts[2]
	}
	assert.Equal(t, []string{"16 Nov", "23 Nov", "30 Nov", "7 Dec"}, labels)
	assert.Equal(t, int64(24), all, "20 payments and 4 orphans")
}

func TestNamesTablesAndPrintSetUp(t *testing.T) {
	t.Parallel()
	dir, _ := written(t, newSample(60), Options{})
	names := map[string]string{}
	tables := map[string]bool{}
	for _, book := range []string{"settlement.xlsx", "exceptions.xlsx"} {
		f := open(t, dir, book)
		for _, n := range f.GetDefinedName() {
			if !strings.HasPrefix(n.Name, "_xlnm.") {
				names[n.Name] = n.RefersTo
			} else if n.Name == "_xlnm.Print_Titles" {
				names[n.Scope] = n.RefersTo
			}
		}
		for _, sheet := range f.GetSheetList() {
			list, err := f.GetTables(sheet)
			require.NoError(t, err)
			for _, table := range list {
				assert.NotContains(t, names, table.Name, "a name never equals a table's")
				tables[table.Name] = true
			}
			layout, err := f.GetPageLayout(sheet)
			require.NoError(t, err)
			assert.Equal(t, 9, *layout.Size, "A4")
			assert.Equal(t, "landscape", *layout.Orientation)
			footer, err := f.GetHeaderFooter(sheet)
			require.NoError(t, err)
			assert.Contains(t, footer.OddFooter, "18 to 20 November 2026 · version 2")
		}
	}
	assert.Equal(t, "'Settlement'!$A:$D,'Settlement'!$1:$1", names["Settlement"])
	assert.Equal(t, "'Transactions'!$A:$A,'Transactions'!$1:$1", names["Transactions"])
	assert.Equal(t, "'Exceptions'!$A:$C,'Exceptions'!$1:$1", names["Exceptions"])
	for _, name := range []string{"summary_by_provider", "summary_by_currency", "unexplained", "resolutions"} {
		assert.Contains(t, names, name)
	}
	assert.Equal(t, []string{"changes", "exceptions", "settlement", "transactions"}, slices.Sorted(maps.Keys(tables)))
}

func TestExceptionsCanBeFilledAndNothingElse(t *testing.T) {
	t.Parallel()
	dir, _ := written(t, newSample(408), Options{})
	f := open(t, dir, "exceptions.xlsx")
	sheet := zipPart(t, dir, "exceptions.xlsx", "xl/worksheets/sheet2.xml")
	assert.Contains(t, sheet, "<sheetProtection")
	validations, err := f.GetDataValidations("Exceptions")
	require.NoError(t, err)
	require.Len(t, validations, 2)
	assert.Equal(t, "resolutions", validations[0].Formula1)
	assert.True(t, strings.HasPrefix(validations[0].Sqref, "X2:X"))
	assert.True(t, validations[0].ShowErrorMessage)
	formats, err := f.GetConditionalFormats("Exceptions")
	require.NoError(t, err)
	for area, rules := range formats {
		assert.True(t, strings.HasPrefix(area, "A2:V"), area)
		assert.Equal(t, "LEN($X2)>0", rules[0].Criteria)
	}
	for column, locked := range map[string]bool{"A": true, "V": true, "W": false, "X": false, "Y": false} {
		id, err := f.GetCellStyle("Exceptions", column+"2")
		require.NoError(t, err)
		style, err := f.GetStyle(id)
		require.NoError(t, err)
		assert.Equal(t, locked, style.Protection == nil || style.Protection.Locked, column)
	}
	value, err := f.GetCellValue("Exceptions", "C2", excelize.Options{RawCellValue: true})
	require.NoError(t, err)
	assert.Equal(t, "critical", value, "the mark is in the format, not in the value")
	names := f.GetDefinedName()
	i := slices.IndexFunc(names, func(n excelize.DefinedName) bool { return n.Name == "resolutions" })
	require.GreaterOrEqual(t, i, 0)
	first, _, _ := strings.Cut(strings.TrimPrefix(names[i].RefersTo, "About!"), ":")
	choice, err := f.GetCellValue("About", strings.ReplaceAll(first, "$", ""))
	require.NoError(t, err)
	assert.Equal(t, "Accept provider's figures", choice)
}

func TestATotalThatDoesNotTieIsSaidEverywhere(t *testing.T) {
	t.Parallel()
	s := newSample(60)
	s.figures.Pulled[0].Matched--
	dir, _ := written(t, s, Options{})
	f := open(t, dir, "settlement.xlsx")
	for cell, want := range map[string]string{
		"Summary!B5": "✗ 1 control total does not tie", "Control totals!K10": "1", "Control totals!L10": "✗", "Control totals!L11": "✓",
	} {
		sheet, ref, _ := strings.Cut(cell, "!")
		got, err := f.GetCellValue(sheet, ref)
		require.NoError(t, err)
		assert.Equal(t, want, got, cell)
	}
	verdict, err := f.GetCellValue("Control totals", "B4")
	require.NoError(t, err)
	assert.Regexp(t, `^✗ \d+ of \d+ control totals tie\.$`, verdict)
}

func TestTheFirstSheetAloneIsActive(t *testing.T) {
	t.Parallel()
	dir, _ := written(t, newSample(20), Options{})
	for _, book := range []string{"settlement.xlsx", "exceptions.xlsx"} {
		f := open(t, dir, book)
		assert.Zero(t, f.GetActiveSheetIndex())
		for i := range f.GetSheetList() {
			sheet := zipPart(t, dir, book, "xl/worksheets/sheet"+strconv.Itoa(i+1)+".xml")
			assert.Equal(t, i == 0, strings.Contains(sheet, `tabSelected="true"`), "sheet %d", i+1)
		}
	}
}

func TestPropertiesCarryThePassport(t *testing.T) {
	t.Parallel()
	dir, _ := written(t, newSample(20), Options{})
	f := open(t, dir, "settlement.xlsx")
	p, err := f.GetDocProps()
	require.NoError(t, err)
	assert.Equal(t, "Settlement, 18 to 20 November 2026", p.Title)
	assert.Equal(t, "tieout", p.Creator)
	assert.Equal(t, "2026-11-21T03:04:00Z", p.Created)
	assert.Contains(t, p.Description, "01KAJ7Q3W9M2T5C8ZB4E6R0HXN")
	custom, err := f.GetCustomProps()
	require.NoError(t, err)
	assert.Contains(t, custom, excelize.CustomProperty{Name: "run_id", Value: "01KAJ7Q3W9M2T5C8ZB4E6R0HXN"})
	assert.Contains(t, custom, excelize.CustomProperty{Name: "coverage", Value: "0.9950"})
}
