package main

import (
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"tieout/internal/booktest"
	"tieout/internal/store"
)

// workbook is a site's exceptions.xlsx on a person's desk.
type workbook struct {
	t    *testing.T
	path string
	f    *excelize.File
	row  map[string]int // of each exception
}

func (s *site) workbook(t *testing.T) *workbook {
	t.Helper()
	f, err := excelize.OpenFile(filepath.Join(s.folder(), "latest", "exceptions.xlsx"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	rows, err := f.GetRows("Exceptions")
	require.NoError(t, err)
	w := &workbook{t: t, path: filepath.Join(t.TempDir(), "filled.xlsx"), f: f, row: map[string]int{}}
	for i, cells := range rows[1:] {
		w.row[cells[0]] = i + 2
	}
	return w
}

// fill writes into the cells of an exception and returns the address of its id.
func (w *workbook) fill(id, owner, resolution, note string) string {
	w.t.Helper()
	require.Contains(w.t, w.row, id)
	for column, value := range map[int]string{23: owner, 24: resolution, 25: note} {
		at, err := excelize.CoordinatesToCellName(column, w.row[id])
		require.NoError(w.t, err)
		require.NoError(w.t, w.f.SetCellStr("Exceptions", at, value))
	}
	at, err := excelize.CoordinatesToCellName(1, w.row[id])
	require.NoError(w.t, err)
	return "Exceptions!" + at
}

func (w *workbook) save() string {
	w.t.Helper()
	require.NoError(w.t, w.f.SaveAs(w.path))
	return w.path
}

func said(e shownException) []string {
	return []string{e.State, val(e.Owner), val(e.Resolution), val(e.Note)}
}

func TestAFilledWorkbookIsTakenBackOnce(t *testing.T) {
	t.Parallel()
	s, all := worked(t)
	w := s.workbook(t)
	amount, ignored, noted := ofKind(t, all, "amount_mismatch").ID, ofKind(t, all, "reference_mismatch").ID, ofKind(t, all, "missing_at_provider").ID
	w.fill(amount, "", "Accept provider's figures", "agreed\nby mail")
	w.fill(ignored, "Ali", "Ignore", "")
	w.fill(noted, "Ali", "", "asked on Monday")
	path := w.save()

	r := s.must(0, "exceptions", "import", path, "--by", "jane")
	assert.Contains(t, r.out, "3 filled: 3 taken, 0 so before, 0 set aside")
	assert.Equal(t, []string{"resolved", "jane", "accepted", "agreed\nby mail"}, said(shown(s, amount)))
	assert.Equal(t, []string{"ignored", "Ali", "ignored", ""}, said(shown(s, ignored)))
	got := shown(s, noted)
	assert.Equal(t, []string{"open", "Ali", "", "asked on Monday"}, said(got))
	last := got.History[len(got.History)-1]
	assert.Equal(t, "jane", last.Who)
	assert.Contains(t, val(last.Why), "filled.xlsx, sheet Exceptions, row ")
	assert.Equal(t, get[string](s, `SELECT id FROM tieout.runs`), val(last.RunID))
	for _, e := range listed(s, "--state", "open") {
		if e.ID != noted {
			assert.Nil(t, e.Owner, "%s was not filled", e.ID)
		}
	}

	before := get[int](s, `SELECT count(*) FROM tieout.exception_history`)
	assert.Contains(t, s.must(0, "exceptions", "import", path, "--by", "jane").out, "3 filled: 0 taken, 3 so before, 0 set aside")
	assert.Equal(t, before, get[int](s, `SELECT count(*) FROM tieout.exception_history`))

	// filled further, the same workbook is no conflict with what was taken from it
	w.fill(noted, "Ali", "Written off", "asked on Monday, no answer")
	assert.Contains(t, s.must(0, "exceptions", "import", w.save(), "--by", "jane").out, "3 filled: 1 taken, 2 so before, 0 set aside")
	assert.Equal(t, []string{"resolved", "Ali", "written_off", "asked on Monday, no answer"}, said(shown(s, noted)))

	// the next workbook has it in, and clearing a resolution opens again
	s.run(0)
	next := s.workbook(t)
	assert.Contains(t, s.must(0, "exceptions", "import", next.save()).out, " 0 filled: 0 taken")
	next.fill(ignored, "Ali", "", "")
	s.must(0, "exceptions", "import", next.save())
	assert.Equal(t, []string{"open", "Ali", "", ""}, said(shown(s, ignored)))
}

func TestAWorkbookThatLibreOfficeSavedIsTakenBack(t *testing.T) {
	t.Parallel()
	s, all := worked(t)
	w := s.workbook(t)
	id := ofKind(t, all, "amount_mismatch").ID
	w.fill(id, "Ali", "Written off", "small, 0.50")
	dir := booktest.Convert(t, w.save(), "xlsx:Calc MS Excel 2007 XML")
	assert.Contains(t, s.must(0, "exceptions", "import", filepath.Join(dir, "filled.xlsx")).out, " 1 filled: 1 taken, 0 so before, 0 set aside")
	assert.Equal(t, []string{"resolved", "Ali", "written_off", "small, 0.50"}, said(shown(s, id)))
}

// Another person was faster, a cell is wrong, and a figure has moved: nothing is
// taken, or, when asked for, all but these.
func TestConflictsAndBadCellsHoldTheWholeImportUnlessSkipped(t *testing.T) {
	t.Parallel()
	s, all := worked(t)
	w := s.workbook(t)
	amount := ofKind(t, all, "amount_mismatch").ID
	good, mine := ofKind(t, all, "missing_at_provider"), ofKind(t, all, "reference_mismatch")
	var moved, typo, none store.Exception
	for _, e := range all {
		switch {
		case e.ID == amount || e.ID == good.ID || e.ID == mine.ID || e.State != "open":
		case moved.ID == "" && e.ProviderAmount != nil && e.Kind == "status_mismatch":
			moved = e
		case typo.ID == "":
			typo = e
		case none.ID == "" && e.ProviderAmount == nil:
			none = e
		}
	}
	require.NotEmpty(t, moved.ID)
	require.NotEmpty(t, none.ID)
	conflict := w.fill(amount, "jane", "Written off", "")
	w.fill(good.ID, "jane", "", "asked")
	own := w.fill(mine.ID, "jane", "Ignore", "")
	figures := w.fill(moved.ID, "", "Corrected by us", "")
	bad := w.fill(typo.ID, "", "Paid by mail", "")
	accept := w.fill(none.ID, "", "accepted", "")
	path := w.save()
	s.must(0, "exceptions", "resolve", amount, "--resolution", "refunded", "--by", "ali")
	s.must(0, "exceptions", "assign", mine.ID, "--to", "ali", "--by", "jane") // newer than the workbook, whoever did it
	s.exec(`UPDATE tieout.exceptions SET provider_amount = provider_amount + 1 WHERE exception_id = $1`, moved.ID)

	history := get[int](s, `SELECT count(*) FROM tieout.exception_history`)
	r := s.must(1, "exceptions", "import", path, "--by", "jane")
	x := func(address string) string { return strings.Replace(address, "!A", "!X", 1) }
	for _, want := range []string{
		"conflict " + conflict + ": " + amount + ": ali changed it on ", `now resolved, resolution "refunded", owner "ali"`,
		"conflict " + x(figures) + ": " + moved.ID + ": the figures changed since: the provider's were " + *moved.ProviderAmount,
		"conflict " + own + ": " + mine.ID + ": jane changed it on ",
		"bad cell " + x(bad) + ": " + typo.ID + `: "Paid by mail" is none of the resolutions`,
		"bad cell " + x(accept) + ": " + none.ID + ": there are no figures of the provider to accept",
		"0 taken, 0 so before, 5 set aside",
	} {
		assert.Contains(t, r.out, want)
	}
	assert.Contains(t, r.err, "nothing was taken")
	var order []int
	for _, m := range regexp.MustCompile(`Exceptions![A-Z]+(\d+): `).FindAllStringSubmatch(r.out, -1) {
		n, err := strconv.Atoi(m[1])
		require.NoError(t, err)
		order = append(order, n)
	}
	assert.Len(t, order, 5)
	assert.IsIncreasing(t, order, "they stand as in the workbook")
	assert.Equal(t, history, get[int](s, `SELECT count(*) FROM tieout.exception_history`))

	got := decoded[store.TakenBack](t, s.must(6, "exceptions", "import", path, "--by", "jane", "--skip-conflicts", "--json"))
	assert.ElementsMatch(t, []string{good.ID}, got.Taken)
	assert.Len(t, got.Aside, 5)
	assert.Equal(t, 3, len(slices.DeleteFunc(got.Aside, func(a store.Aside) bool { return !a.Conflict })))
	assert.Equal(t, []string{"resolved", "ali", "refunded", ""}, said(shown(s, amount)))
	assert.Equal(t, []string{"open", "jane", "", "asked"}, said(shown(s, good.ID)))
	assert.Equal(t, []string{"open", "ali", "", ""}, said(shown(s, mine.ID)))
	assert.Equal(t, "open", shown(s, moved.ID).State)
}

// What another person changed in a row that nobody filled stays, and is no conflict.
func TestRowsThatNobodyFilledStayAsTheyAre(t *testing.T) {
	t.Parallel()
	s, all := worked(t)
	w := s.workbook(t)
	w.fill(all[0].ID, "jane", "", "")
	path := w.save()
	s.must(0, "exceptions", "ignore", all[1].ID, "--by", "ali")
	assert.Contains(t, s.must(0, "exceptions", "import", path, "--by", "jane").out, " 1 filled: 1 taken")
	assert.Equal(t, "ignored", shown(s, all[1].ID).State)
}

func TestAWorkbookOfAnUnknownRunOrRowIsNotTaken(t *testing.T) {
	t.Parallel()
	s, all := worked(t)
	w := s.workbook(t)
	id := all[0].ID
	row := w.row[id]
	require.NoError(t, w.f.SetCellStr("Exceptions", "A"+strconv.Itoa(row), "EX-990101-0001"))
	r := s.must(1, "exceptions", "import", w.save())
	assert.Contains(t, r.out, "bad cell Exceptions!A"+strconv.Itoa(row)+": EX-990101-0001: it is no exception of run ")
	require.NoError(t, w.f.SetCellStr("Exceptions", "A"+strconv.Itoa(row), id))

	about, err := w.f.GetRows("About")
	require.NoError(t, err)
	run := get[string](s, `SELECT id FROM tieout.runs`)
	for i, cells := range about {
		if j := slices.Index(cells, run); j >= 0 {
			at, err := excelize.CoordinatesToCellName(j+1, i+1)
			require.NoError(t, err)
			require.NoError(t, w.f.SetCellStr("About", at, "0000000000"))
		}
	}
	requireOneLine(t, s.must(1, "exceptions", "import", w.save()), `there is no run "0000000000"`)

	require.NoError(t, w.f.DeleteSheet("About"))
	path := w.save()
	requireOneLine(t, s.must(2, "exceptions", "import", path), "give --run ID")
	assert.Contains(t, s.must(0, "exceptions", "import", path, "--run", strings.ToLower(run)).out, " 0 filled")
}
