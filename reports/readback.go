package reports

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
)

// longestOwner is how many letters a name may have, as the sheet's own check says.
const longestOwner = 200

// Filled is what people wrote into the workbook exceptions.xlsx.
type Filled struct {
	RunID string      // from the workbook's passport; empty where the sheet About is not there
	Rows  []FilledRow // every exception, once
	Bad   []BadCell
}

// FilledRow is one exception of the workbook with the columns that people fill.
// The texts have line feeds for line breaks, and no blanks around them.
type FilledRow struct {
	Sheet      string
	Row        int // as the sheet numbers it, from 1
	ID         string
	Owner      string
	Resolution string // a code such as accepted; empty: none
	Note       string

	columns []int
}

// The columns of an Exceptions sheet that are read back.
const (
	columnID = iota
	columnOwner
	columnResolution
	columnNote
)

var filledColumns = []string{"exception_id", "owner", "resolution", "note"}

// BadCell is a cell that can't be taken, with the reason in words.
type BadCell struct {
	Sheet  string `json:"sheet"`
	Cell   string `json:"cell"`
	ID     string `json:"exception_id"` // empty: the row names none
	Reason string `json:"reason"`
}

// IDCell is the address of the row's exception id, such as A17.
func (r FilledRow) IDCell() string { return r.cell(columnID) }

// ResolutionCell is the address of the row's resolution.
func (r FilledRow) ResolutionCell() string { return r.cell(columnResolution) }

func (r FilledRow) cell(column int) string {
	return fmt.Sprintf("%s%d", columnName(r.columns[column]+1), r.Row)
}

// ReadBack reads exceptions.xlsx after people filled Owner, Resolution and Note.
// It may have been saved by another program, hold further sheets, and have its
// columns and rows in another order: the columns are found by their headers, the
// run in About. Cells that can't be taken are collected, not returned as an
// error; an error means that the file is no such workbook.
func ReadBack(path string) (filled Filled, err error) {
	f, err := excelize.OpenFile(path, excelize.Options{UnzipSizeLimit: 4 << 30})
	if err != nil {
		return Filled{}, fmt.Errorf("%s can't be read as a workbook (.xlsx): %w", path, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r := &readBack{f: f, first: map[string]FilledRow{}}
	found := false
	for _, sheet := range f.GetSheetList() {
		is, err := r.sheet(sheet)
		if err != nil {
			return Filled{}, fmt.Errorf("%s: sheet %s: %w", path, sheet, err)
		}
		found = found || is
	}
	if !found {
		return Filled{}, fmt.Errorf("%s has no sheet with the columns Exception id, Owner, Resolution and Note: is it exceptions.xlsx?", path)
	}
	return r.out, nil
}

type readBack struct {
	f     *excelize.File
	out   Filled
	first map[string]FilledRow // where an exception stood first
}

// headerWithin is in which of its first rows a sheet has its header.
const headerWithin = 20

// sheet reads one sheet and tells whether it holds exceptions.
func (r *readBack) sheet(sheet string) (found bool, err error) {
	rows, err := r.f.Rows(sheet)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	about := strings.EqualFold(strings.TrimSpace(sheet), "About")
	var columns []int
	for n := 1; rows.Next(); n++ {
		cells, err := rows.Columns()
		if err != nil {
			return false, err
		}
		switch {
		case columns != nil:
			r.row(sheet, n, columns, cells)
		case about:
			if r.out.RunID == "" {
				r.out.RunID = passportRun(cells)
			}
		case n <= headerWithin:
			if columns, err = headerOf(cells); err != nil {
				return false, err
			}
		}
	}
	return columns != nil, rows.Error()
}

// passportRun is the id of the run, where cells are the passport's line of it.
func passportRun(cells []string) string {
	i := slices.IndexFunc(cells, func(s string) bool { return strings.TrimSpace(s) == "Run" })
	if i < 0 {
		return ""
	}
	for _, s := range cells[i+1:] {
		if s = strings.TrimSpace(s); s != "" {
			return s
		}
	}
	return ""
}

// headerOf finds the columns in a header row; nil where cells are none.
func headerOf(cells []string) ([]int, error) {
	columns := make([]int, len(filledColumns))
	var missing []string
	for i, name := range filledColumns {
		columns[i] = -1
		for j, cell := range cells {
			if cell = strings.TrimSpace(cell); !strings.EqualFold(cell, blanks(name)) && !strings.EqualFold(cell, name) {
				continue
			}
			if columns[i] >= 0 {
				if i == columnID {
					return nil, nil // no header of ours has it twice
				}
				return nil, fmt.Errorf("column %s stands there twice, in %s and %s", capital(name), columnName(columns[i]+1), columnName(j+1))
			}
			columns[i] = j
		}
		if columns[i] < 0 {
			if i == columnID {
				return nil, nil
			}
			missing = append(missing, capital(name))
		}
	}
	if missing != nil {
		return nil, fmt.Errorf("it lists exceptions, but has no column %s", list(missing))
	}
	return columns, nil
}

func (r *readBack) row(sheet string, n int, columns []int, cells []string) {
	text := func(column int) string {
		if columns[column] >= len(cells) {
			return ""
		}
		return plainCell(cells[columns[column]])
	}
	row := FilledRow{
		Sheet: sheet, Row: n, columns: columns,
		ID: text(columnID), Owner: text(columnOwner), Note: text(columnNote),
	}
	choice := text(columnResolution)
	bad := func(column int, format string, args ...any) {
		r.out.Bad = append(r.out.Bad, BadCell{Sheet: sheet, Cell: row.cell(column), ID: row.ID, Reason: fmt.Sprintf(format, args...)})
	}
	if row.ID == "" {
		if row.Owner != "" || choice != "" || row.Note != "" {
			bad(columnID, "the row is filled, but names no exception")
		}
		return
	}
	before := len(r.out.Bad)
	for column, value := range []string{row.ID, row.Owner, choice, row.Note} {
		if isErrorValue(value) {
			bad(column, "%s is the error of a formula", value)
		}
	}
	if utf8.RuneCountInString(row.Owner) > longestOwner {
		bad(columnOwner, "a name has at most %d letters", longestOwner)
	}
	if choice != "" {
		code, known := ResolutionCode(choice)
		if !known && !isErrorValue(choice) {
			bad(columnResolution, "%q is none of the resolutions: %s", clipped(choice), resolutionList())
		}
		row.Resolution = code
	}
	if earlier, twice := r.first[row.ID]; twice {
		if earlier.Owner != row.Owner || earlier.Resolution != row.Resolution || earlier.Note != row.Note {
			bad(columnID, "%s stands in %s!%s too, filled otherwise", row.ID, earlier.Sheet, earlier.IDCell())
		}
		return
	}
	r.first[row.ID] = row
	if len(r.out.Bad) == before {
		r.out.Rows = append(r.out.Rows, row)
	}
}

// plainCell brings a cell's text into the form that PlainCell gives to a text
// which was written into one.
func plainCell(s string) string {
	return strings.TrimSpace(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s))
}

// PlainCell is how a text reads that was written into a workbook and is read
// back: what can't be seen is spelled out, line breaks are line feeds, and
// blanks around it are gone.
func PlainCell(s string) string { return plainCell(readable(s)) }

func isErrorValue(s string) bool {
	switch s {
	case "#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "Err:502", "Err:508", "Err:509", "Err:522":
		return true
	}
	return false
}

// resolutionList names the choices of the drop-down.
func resolutionList() string {
	words := make([]string, len(resolutions))
	for i, r := range resolutions {
		words[i] = r.words
	}
	return strings.Join(words, ", ")
}

// clipped shortens what is quoted in a reason.
func clipped(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
