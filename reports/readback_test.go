package reports

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"tieout/internal/booktest"
)

// edited writes the sample's exceptions.xlsx, lets edit work on it as a person
// would, and returns the saved file.
func edited(t testing.TB, s *sample, opts Options, edit func(f *excelize.File)) string {
	t.Helper()
	dir, _ := written(t, s, opts)
	f := open(t, dir, "exceptions.xlsx")
	edit(f)
	path := filepath.Join(t.TempDir(), "filled.xlsx")
	require.NoError(t, f.SaveAs(path))
	return path
}

func set(t testing.TB, f *excelize.File, sheet, cell string, value any) {
	t.Helper()
	require.NoError(t, f.SetCellValue(sheet, cell, value))
}

func reread(t testing.TB, path string) Filled {
	t.Helper()
	got, err := ReadBack(path)
	require.NoError(t, err)
	return got
}

// byID are the texts of each row.
func byID(f Filled) map[string][3]string {
	out := map[string][3]string{}
	for _, r := range f.Rows {
		out[r.ID] = [3]string{r.Owner, r.Resolution, r.Note}
	}
	return out
}

// inCSV is what the sample's rows hold, as the CSV gives it.
func inCSV(t testing.TB, s *sample) map[string][3]string {
	t.Helper()
	dir, _ := written(t, s, Options{})
	in, err := os.Open(filepath.Join(dir, "exceptions.csv"))
	require.NoError(t, err)
	defer func() { require.NoError(t, in.Close()) }()
	out := map[string][3]string{}
	require.NoError(t, ReadExceptionsCSV(in, func(r WrittenRow) error {
		out[r.ID] = [3]string{r.Owner, r.Resolution, r.Note}
		return nil
	}))
	return out
}

// hostileSample has owners and notes that try every rule of cells and CSVs.
func hostileSample() *sample {
	s := newSample(200)
	for i, text := range hostile {
		s.exceptions[i].Owner, s.exceptions[i].Note, s.exceptions[i].Resolution = "  "+text, text+" \r\nsecond line", "refunded"
	}
	return s
}

// An untouched workbook says the same as the CSV: so no row counts as filled.
func TestAnUntouchedWorkbookReadsAsTheCSV(t *testing.T) {
	t.Parallel()
	s := hostileSample()
	path := edited(t, s, Options{}, func(*excelize.File) {})
	got := reread(t, path)
	assert.Empty(t, got.Bad)
	assert.Equal(t, s.figures.Passport.RunID, got.RunID)
	assert.Len(t, got.Rows, len(s.exceptions))
	assert.Equal(t, inCSV(t, s), byID(got))
}

func TestFilledCellsAreReadBack(t *testing.T) {
	t.Parallel()
	s := newSample(100)
	path := edited(t, s, Options{}, func(f *excelize.File) {
		set(t, f, "Exceptions", "W2", " Jane  ")
		set(t, f, "Exceptions", "X2", "Written off")
		set(t, f, "Exceptions", "Y2", "two\nlines")
		set(t, f, "Exceptions", "W3", 4711)
		set(t, f, "Exceptions", "X3", "CORRECTED_BY_US")
		require.NoError(t, f.SetCellRichText("Exceptions", "Y3", []excelize.RichTextRun{{Text: "bold ", Font: &excelize.Font{Bold: true}}, {Text: "and plain"}}))
		set(t, f, "Exceptions", "X4", "")
	})
	got := reread(t, path)
	assert.Empty(t, got.Bad)
	all := byID(got)
	assert.Equal(t, [3]string{"Jane", "written_off", "two\nlines"}, all[s.exceptions[0].ID])
	assert.Equal(t, [3]string{"4711", "corrected_by_us", "bold and plain"}, all[s.exceptions[1].ID])
	assert.Equal(t, "", all[s.exceptions[2].ID][1])
	assert.Equal(t, "X2", got.Rows[0].ResolutionCell())
	assert.Equal(t, "A2", got.Rows[0].IDCell())
}

func TestSheetsThatContinueAreReadTogether(t *testing.T) {
	t.Parallel()
	s := newSample(400)
	require.Greater(t, len(s.exceptions), 10)
	path := edited(t, s, Options{sheetRows: 10}, func(f *excelize.File) { set(t, f, "Exceptions 2", "W3", "Jane") })
	got := reread(t, path)
	assert.Empty(t, got.Bad)
	assert.Len(t, got.Rows, len(s.exceptions))
	assert.Equal(t, "Jane", byID(got)[s.exceptions[11].ID][0])
}

// rearranged is the workbook as somebody leaves it who moves columns, sorts rows
// and adds sheets and lines of their own.
func rearranged(t testing.TB, path string) string {
	t.Helper()
	in, err := excelize.OpenFile(path)
	require.NoError(t, err)
	rows, err := in.GetRows("Exceptions")
	require.NoError(t, err)
	about, err := in.GetRows("About")
	require.NoError(t, err)
	require.NoError(t, in.Close())
	out := excelize.NewFile()
	for sheet, lines := range map[string][][]string{"Mine": {{"Exception", "Owner"}, {"EX-1", "x"}}, "about": about} {
		_, err := out.NewSheet(sheet)
		require.NoError(t, err)
		for i, line := range lines {
			for j, text := range line {
				at, err := excelize.CoordinatesToCellName(j+1, i+1)
				require.NoError(t, err)
				set(t, out, sheet, at, text)
			}
		}
	}
	set(t, out, "Sheet1", "A1", "Exceptions of November")
	put := func(row int, line []string) {
		for j := range rows[0] {
			if j >= len(line) {
				continue
			}
			at, err := excelize.CoordinatesToCellName(len(rows[0])-j+1, row) // from right to left
			require.NoError(t, err)
			set(t, out, "Sheet1", at, line[j])
		}
	}
	put(3, rows[0])
	for i, line := range rows[1:] {
		put(len(rows)+3-i, line) // upwards, with a gap below the header
	}
	moved := filepath.Join(t.TempDir(), "moved.xlsx")
	require.NoError(t, out.SaveAs(moved))
	require.NoError(t, out.Close())
	return moved
}

func TestColumnsRowsAndSheetsMayBeMoved(t *testing.T) {
	t.Parallel()
	s := newSample(200)
	got := reread(t, rearranged(t, edited(t, s, Options{}, func(f *excelize.File) { set(t, f, "Exceptions", "W2", "Jane") })))
	assert.Empty(t, got.Bad)
	assert.Equal(t, s.figures.Passport.RunID, got.RunID)
	want := inCSV(t, s)
	first := want[s.exceptions[0].ID]
	first[0] = "Jane"
	want[s.exceptions[0].ID] = first
	assert.Equal(t, want, byID(got))
}

// A program that saves a workbook anew writes its texts, styles and sheets in its own way.
func TestAWorkbookSavedByLibreOfficeIsReadBack(t *testing.T) {
	t.Parallel()
	s := newSample(150)
	path := edited(t, s, Options{}, func(f *excelize.File) {
		set(t, f, "Exceptions", "W2", "Jane")
		set(t, f, "Exceptions", "X2", "Accept provider's figures")
		set(t, f, "Exceptions", "Y2", "two\nlines, =1+1")
		set(t, f, "Exceptions", "Y3", "007")
	})
	dir := booktest.Convert(t, path, "xlsx:Calc MS Excel 2007 XML")
	got := reread(t, filepath.Join(dir, "filled.xlsx"))
	assert.Empty(t, got.Bad)
	assert.Equal(t, s.figures.Passport.RunID, got.RunID)
	want := inCSV(t, s)
	want[s.exceptions[0].ID] = [3]string{"Jane", "accepted", "two\nlines, =1+1"}
	third := want[s.exceptions[1].ID]
	third[2] = "007"
	want[s.exceptions[1].ID] = third
	assert.Equal(t, want, byID(got))
}

func TestBadCellsAreNamedBySheetAndAddress(t *testing.T) {
	t.Parallel()
	s := newSample(100)
	last := len(s.exceptions) + 1
	path := edited(t, s, Options{}, func(f *excelize.File) {
		set(t, f, "Exceptions", "X2", "Paid by mail")
		set(t, f, "Exceptions", "W3", strings.Repeat("ä", longestOwner+1))
		set(t, f, "Exceptions", "W4", strings.Repeat("ä", longestOwner))
		require.NoError(t, f.SetCellValue("Exceptions", "Y5", "#REF!"))
		set(t, f, "Exceptions", "A6", "")
		set(t, f, "Exceptions", "W6", "Jane")
		set(t, f, "Exceptions", "A8", s.exceptions[5].ID) // copied from row 7
		set(t, f, "Exceptions", "W8", "Ali")
		set(t, f, "Exceptions", "Y"+itoa(last+3), "a line of one's own")
	})
	got := reread(t, path)
	type bad struct{ cell, id, reason string }
	var found []bad
	for _, b := range got.Bad {
		assert.Equal(t, "Exceptions", b.Sheet)
		found = append(found, bad{b.Cell, b.ID, b.Reason})
	}
	assert.Equal(t, []bad{
		{"X2", s.exceptions[0].ID, `"Paid by mail" is none of the resolutions: ` + resolutionList()},
		{"W3", s.exceptions[1].ID, "a name has at most 200 letters"},
		{"Y5", s.exceptions[3].ID, "#REF! is the error of a formula"},
		{"A6", "", "the row is filled, but names no exception"},
		{"A8", s.exceptions[5].ID, s.exceptions[5].ID + " stands in Exceptions!A7 too, filled otherwise"},
		{"A" + itoa(last+3), "", "the row is filled, but names no exception"},
	}, found)
	all := byID(got)
	for _, i := range []int{0, 1, 3} {
		assert.NotContains(t, all, s.exceptions[i].ID, "a bad row is not handed on")
	}
	assert.Len(t, []rune(all[s.exceptions[2].ID][0]), longestOwner)
}

func itoa(n int) string { return strconv.Itoa(n) }

func TestWhatIsNoSuchWorkbookIsAnError(t *testing.T) {
	t.Parallel()
	s := newSample(60)
	dir, _ := written(t, s, Options{})
	for name, c := range map[string]struct{ path, says string }{
		"another workbook": {filepath.Join(dir, "settlement.xlsx"), "has no sheet with the columns"},
		"a CSV":            {filepath.Join(dir, "exceptions.csv"), "can't be read as a workbook"},
		"nothing":          {filepath.Join(dir, "none.xlsx"), "can't be read as a workbook"},
		"a column less": {edited(t, s, Options{}, func(f *excelize.File) {
			set(t, f, "Exceptions", "X1", "Result")
		}), "sheet Exceptions: it lists exceptions, but has no column Resolution"},
		"a column twice": {edited(t, s, Options{}, func(f *excelize.File) {
			set(t, f, "Exceptions", "T1", "Note")
		}), "column Note stands there twice, in T and Y"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ReadBack(c.path)
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestWithoutAboutTheRunIsNotKnown(t *testing.T) {
	t.Parallel()
	path := edited(t, newSample(60), Options{}, func(f *excelize.File) { require.NoError(t, f.DeleteSheet("About")) })
	assert.Empty(t, reread(t, path).RunID)
}
