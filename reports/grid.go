package reports

import (
	"fmt"
	"math"
	"strings"

	"github.com/xuri/excelize/v2"
)

// rowsPerSheet is what a sheet holds beside its header row.
const rowsPerSheet = excelize.TotalRows - 1

// gridColumn is one column of a data sheet.
type gridColumn struct {
	title  string
	width  float64
	align  string
	indent int
	input  bool // for a person to fill
}

// grid describes a data sheet: a clean table with one header row, continued on
// further sheets where one cannot hold its rows.
type grid struct {
	sheet, table, document string
	columns                []gridColumn
	frozen                 int   // columns that stay in view
	repeated               byte  // the last column that is printed on each page
	pages                  []int // the columns (from 1) that begin a printed page
	rows                   int64 // that will come
	limit                  int64 // rows a sheet
	height                 float64
	// finish may add to a sheet what must be there before its stream ends.
	finish func(sheet string, lastRow int)
}

// part is one sheet of a grid.
type part struct {
	sheet, table string
	rows         int64
}

// parts are the sheets of the grid, at least one.
func (g *grid) parts() []part {
	left, out := g.rows, []part(nil)
	for n := 1; n == 1 || left > 0; n++ {
		p := part{sheet: g.sheet, table: g.table, rows: min(left, g.limit)}
		if n > 1 {
			p.sheet, p.table = fmt.Sprintf("%s %d", g.sheet, n), fmt.Sprintf("%s_%d", g.table, n)
		}
		left -= p.rows
		out = append(out, p)
	}
	return out
}

// lastRow is the last row of a part's table, which has at least one.
func (p part) lastRow() int { return int(max(p.rows, 1)) + 1 }

// column is a part's cells below a header, as formulas name them.
func (p part) column(letter byte) string {
	return fmt.Sprintf("'%s'!%s", p.sheet, span(letter, 2, p.lastRow()))
}

// gridWriter streams the rows of a grid. A caller fills cells and calls next.
type gridWriter struct {
	b       *book
	g       *grid
	parts   []part
	current int // index of the part that is being written
	sw      *excelize.StreamWriter
	rows    *rowFile
	row     int // last row written
	written int64
	height  float64 // of the next row
	cells   []excelize.Cell
}

func (b *book) openGrid(g *grid) *gridWriter {
	w := &gridWriter{b: b, g: g, parts: g.parts(), current: -1}
	w.cells = make([]excelize.Cell, len(g.columns))
	w.openPart()
	return w
}

func (w *gridWriter) openPart() {
	w.current++
	p, f := w.parts[w.current], w.b.file
	lastColumn := columnName(len(w.g.columns))
	w.b.before(p.sheet, fmt.Sprintf("A1:%s%d", lastColumn, p.lastRow()), w.g.height, false, 100)
	sw, err := f.NewStreamWriter(p.sheet)
	if err != nil {
		w.b.keep(err)
		return
	}
	w.sw = sw
	if w.rows, err = w.b.openRows(p.sheet, len(w.g.columns)); err != nil {
		w.b.keep(err)
		return
	}
	for i, column := range w.g.columns {
		w.b.keep(sw.SetColWidth(i+1, i+1, column.width))
	}
	corner := columnName(w.g.frozen+1) + "2"
	w.b.keep(sw.SetPanes(&excelize.Panes{
		Freeze: true, XSplit: w.g.frozen, YSplit: 1, TopLeftCell: corner, ActivePane: "bottomRight",
		Selection: []excelize.Selection{{SQRef: corner, ActiveCell: corner, Pane: "bottomRight"}},
	}))
	titles := make([]any, len(w.g.columns))
	for i, column := range w.g.columns {
		l := lookData
		l.align, l.indent = column.align, column.indent
		if column.input {
			l = l.filled(colInputHeader)
		}
		titles[i] = excelize.Cell{StyleID: w.b.style(l), Value: column.title}
	}
	w.b.keep(sw.SetRow("A1", titles, excelize.RowOpts{Height: heightDataHead}))
	w.row = 1
}

// next writes the cells as the next row.
func (w *gridWriter) next() error {
	if w.b.err != nil {
		return w.b.err
	}
	if w.written == w.g.rows {
		return fmt.Errorf("sheet %s: the source gave more rows than before", w.g.sheet)
	}
	if int64(w.row-1) == w.parts[w.current].rows {
		w.closePart()
		w.openPart()
		if w.b.err != nil {
			return w.b.err
		}
	}
	w.row++
	w.written++
	height := max(w.height, w.g.height)
	w.height = 0
	return w.rows.add(w.row, height, w.cells)
}

// close ends the last sheet and reports whether all rows came.
func (w *gridWriter) close() error {
	if w.written != w.g.rows {
		return fmt.Errorf("sheet %s: the source gave %d rows, before it gave %d", w.g.sheet, w.written, w.g.rows)
	}
	if w.b.err == nil {
		w.closePart()
	}
	return w.b.err
}

func (w *gridWriter) closePart() {
	p, f, b := w.parts[w.current], w.b.file, w.b
	lastColumn := columnName(len(w.g.columns))
	if p.rows == 0 {
		empty := make([]any, len(w.g.columns))
		b.keep(w.sw.SetRow("A2", empty, excelize.RowOpts{Height: w.g.height}))
	}
	stripes := false
	b.keep(w.sw.AddTable(&excelize.Table{
		Range: fmt.Sprintf("A1:%s%d", lastColumn, p.lastRow()), Name: p.table, ShowRowStripes: &stripes,
	}))
	for _, page := range w.g.pages {
		b.keep(w.sw.InsertPageBreak(columnName(page) + "1"))
	}
	b.keep(f.AddIgnoredErrors(p.sheet, fmt.Sprintf("A2:%s%d", lastColumn, p.lastRow()), excelize.IgnoredErrorsNumberStoredAsText))
	b.print(p.sheet, w.g.document, printing{wide: len(w.g.pages) + 1, scale: w.g.scale()})
	b.addName("_xlnm.Print_Titles", fmt.Sprintf("'%[1]s'!$A:$%[2]c,'%[1]s'!$1:$1", p.sheet, w.g.repeated), p.sheet)
	b.addName("_xlnm.Print_Area", fmt.Sprintf("'%s'!$A$1:$%s$%d", p.sheet, lastColumn, p.lastRow()), p.sheet)
	if w.g.finish != nil {
		w.g.finish(p.sheet, p.lastRow())
	}
	b.keep(w.sw.Flush())
}

// scale is the percentage at which the widest printed page just fits: a fixed
// scale keeps the page breaks where they belong, which fitting to a number of
// pages would ignore.
func (g *grid) scale() uint {
	// A unit is 7 pixels; printers and LibreOffice take up to 5 % more.
	const inches, pixelsPerInch, pixelsPerUnit = 11.69 - 2*0.4, 96, 7.4
	repeated := int(g.repeated-'A') + 1
	widest, first := 0.0, 1
	for _, end := range append(append([]int(nil), g.pages...), len(g.columns)+1) {
		width := 0.0
		for n := 1; n <= len(g.columns); n++ {
			if n >= first && n < end || first > 1 && n <= repeated {
				width += g.columns[n-1].width
			}
		}
		widest, first = math.Max(widest, width), end
	}
	fits := inches * 0.99 / (widest * pixelsPerUnit / pixelsPerInch) * 100
	return uint(math.Min(100, math.Max(10, fits)))
}

// columnName is the letter of a column, counted from 1.
func columnName(n int) string {
	name, err := excelize.ColumnNumberToName(n)
	if err != nil {
		return ""
	}
	return name
}

const (
	widthMost   = 52
	widthUUID   = 36
	widthTime   = 18
	widthDate   = 13
	widthCode   = 10.5 // a currency
	widthAmount = 14.5
)

// fitted is the width of a column whose widest value has n characters.
func fitted(title string, n int, least float64) float64 {
	longest := 0
	for _, word := range strings.Fields(title) {
		longest = max(longest, columns(word))
	}
	w := float64(n)*1.05 + 2
	if n == 36 { // as a rule a UUID, whose digits are narrow
		w = widthUUID
	}
	w = math.Max(w, math.Max(least, float64(longest)+3))
	return math.Min(widthMost, math.Ceil(w*2)/2)
}

// grouped is how many characters a decimal text of n has with thousands marks.
func grouped(n int) int { return n + (n-1)/3 }
