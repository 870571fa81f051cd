package reports

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/xuri/excelize/v2"
)

// canvas collects the cells of a composed sheet (all but the long tables), in
// any order, and streams them in theirs. Columns are letters.
type canvas struct {
	b      *book
	sheet  string
	last   byte // the last column of the page
	widths []columnWidth
	cells  map[int][]excelize.Cell // by column; one without a style was never set
	height map[int]float64
	merges [][2]string
	breaks []int // rows that begin a page
	charts []placedChart
	zoom   float64
	end    int // the last row of the page
	table  *excelize.Table
}

type columnWidth struct {
	column byte
	width  float64
}

type placedChart struct {
	cell  string
	chart *excelize.Chart
}

func (b *book) canvas(sheet string, last byte, widths []columnWidth) *canvas {
	return &canvas{
		b: b, sheet: sheet, last: last, widths: widths, zoom: 100,
		cells: map[int][]excelize.Cell{}, height: map[int]float64{},
	}
}

// put sets a cell; nil leaves it empty but styled.
func (c *canvas) put(row int, column byte, l look, value any) {
	c.set(row, column, excelize.Cell{StyleID: c.b.style(l), Value: value})
}

// formula sets a formula with its value stored beside.
func (c *canvas) formula(row int, column byte, l look, formula string, value any) {
	c.set(row, column, excelize.Cell{StyleID: c.b.style(l), Formula: formula, Value: value})
}

func (c *canvas) set(row int, column byte, cell excelize.Cell) {
	cells, n := c.cells[row], int(column-'A')
	for len(cells) <= n {
		cells = append(cells, excelize.Cell{})
	}
	cells[n] = cell
	c.cells[row] = cells
	if column <= c.last {
		c.end = max(c.end, row)
	}
}

// fill styles the cells of a row that hold nothing.
func (c *canvas) fill(row int, from, to byte, l look) {
	for column := from; column <= to; column++ {
		c.put(row, column, l, nil)
	}
}

func (c *canvas) merge(row int, from, to byte) {
	c.merges = append(c.merges, [2]string{at(from, row), at(to, row)})
}

func at(column byte, row int) string { return fmt.Sprintf("%c%d", column, row) }

// span is a column's cells from one row to another, fixed.
func span(column byte, from, to int) string {
	return fmt.Sprintf("$%c$%d:$%c$%d", column, from, column, to)
}

// title writes the title block of a sheet.
func (c *canvas) title(title, sub string) {
	c.height[1], c.height[2], c.height[3] = heightTitle, heightSubtitle, heightGap
	c.put(1, 'B', lookTitle, title)
	c.put(1, c.last, lookBrand, "tieout")
	c.fill(2, 'B', c.last, lookSub)
	c.put(2, 'B', lookSub, sub)
	c.put(2, c.last, lookSub.right(), versionLine(c.b.passport))
}

// card writes one of the answers above the tables, in rows 4 to 6.
func (c *canvas) card(from, to byte, question, answer, detail string, bad bool) {
	rule, ink := line{colAccent, 5}, colInk
	if bad {
		rule, ink = line{colAlert, 5}, colAlert
	}
	c.height[4], c.height[5], c.height[6] = 16, 24, 28
	for i, l := range []look{
		{color: colGrey, indent: 1, left: rule},
		{size: 14, bold: true, color: ink, indent: 1, left: rule, shrink: true},
		{color: colGrey, indent: 1, left: rule, wrap: true, vertical: "top"},
	} {
		row := 4 + i
		c.put(row, from, l, []string{question, answer, detail}[i])
		c.merge(row, from, to)
	}
}

// verdict is the sentence that stands where a sheet has no cards.
func (c *canvas) verdict(row int, l look, sentence string) {
	c.height[row] = 22
	c.put(row, 'B', l, sentence)
}

func (c *canvas) section(row int, column byte, title string) {
	c.height[row] = heightSection
	c.put(row, column, lookSection, title)
}

// head is one column header: where, what, and how its column is aligned.
type head struct {
	column byte
	title  string
	align  string
	indent int
}

func text(column byte, title string) head { return head{column: column, title: title} }
func figure(column byte, title string) head {
	return head{column: column, title: title, align: "right"}
}
func tick(column byte) head { return head{column: column, title: "Ties", align: "center"} }

// after is a text column to the right of a number column.
func after(column byte, title string) head { return head{column: column, title: title, indent: 1} }

// headers writes a header row over the columns from B (or the first head's) to last.
func (c *canvas) headers(row int, from, to byte, height float64, heads ...head) {
	c.height[row] = height
	c.fill(row, from, to, lookHeader)
	c.titles(row, lookHeader, heads...)
}

func (c *canvas) titles(row int, of look, heads ...head) {
	for _, h := range heads {
		of.align, of.indent = h.align, h.indent
		c.put(row, h.column, of, h.title)
	}
}

// change writes, from the column on, what changed, from what to what, and why.
func (c *canvas) change(row int, column byte, what, before, after, why string) {
	c.put(row, column, lookBody, textOrEmpty(what))
	c.put(row, column+1, lookLabel, textOrEmpty(blanks(before)))
	c.put(row, column+2, lookBody.strong(), textOrEmpty(blanks(after)))
	reason := lookBody.as(formatText)
	if columns(why) > 60 {
		reason = reason.wrapped()
		c.height[row] = heightWrapped
	}
	c.put(row, column+3, reason, textOrEmpty(why))
}

// tie writes a Ties cell: a formula over the unexplained figure.
func (c *canvas) tie(row int, column byte, below line, formula string, ties bool) {
	l := look{align: "center", color: colAccent, below: below, size: 10}
	mark := markTies
	if !ties {
		l = l.colored(colAlert).filled(colTint).strong()
		mark = markDiffers
	}
	if formula == "" {
		c.put(row, column, l, mark)
		return
	}
	c.formula(row, column, l, formula, mark)
}

// tieFormula says ✓ where the cell shows no difference. A value rounded to its
// decimals differs by at least one unit or not at all; half a unit divides them.
func tieFormula(cell string, exp int) string {
	return fmt.Sprintf(`IF(ABS(%s)<%s,"✓","✗")`, cell, halfUnit(exp))
}

func halfUnit(exp int) string {
	if exp <= 3 {
		return "0.0005"
	}
	return "0." + fmt.Sprintf("%0*d", exp+1, 5)
}

// paginate finds the rows that begin a page so that no section is parted where
// a page could hold it: starts are the rows that begin the sections, and the one
// after the last; always begins the second page if none has begun before.
func (c *canvas) paginate(starts []int, always int) []int {
	units := 1.7
	for _, w := range c.widths {
		units += w.width
	}
	// Of a landscape A4, 10.9 by 7.1 inches can be printed on; wide sheets are
	// scaled down, and so more of their height fits.
	most := 7.1 * 72 * max(1, units*7.4/96/10.9)
	var breaks []int
	top := 1
	for i := 0; i+1 < len(starts); i++ {
		if starts[i] == always && len(breaks) == 0 || i > 0 && c.tall(top, starts[i+1]-1) > most {
			breaks = append(breaks, starts[i])
			top = starts[i]
		}
	}
	return breaks
}

// tall is the height of the rows before the given one, in points.
func (c *canvas) tall(from, before int) float64 {
	points := 0.0
	for row := from; row < before; row++ {
		points += cmp.Or(c.height[row], heightRow)
	}
	return points
}

// flush streams the sheet.
func (c *canvas) flush(document string, how printing) {
	f, rows := c.b.file, slices.Sorted(maps.Keys(c.cells))
	lastRow := rows[len(rows)-1]
	c.b.before(c.sheet, fmt.Sprintf("A1:%s", at(max(c.last, 'B'), lastRow)), heightRow, true, c.zoom)
	for _, row := range slices.Sorted(maps.Keys(c.height)) {
		c.b.keep(f.SetRowHeight(c.sheet, row, c.height[row])) // lost in the stream, but charts are placed by it
	}
	sw, err := f.NewStreamWriter(c.sheet)
	if err != nil {
		c.b.keep(err)
		return
	}
	c.b.keep(sw.SetColWidth(1, 1, 1.7))
	for _, w := range c.widths {
		n := int(w.column-'A') + 1
		c.b.keep(sw.SetColWidth(n, n, w.width))
	}
	for _, row := range rows {
		c.b.keep(c.writeRow(sw, row))
	}
	for _, m := range c.merges {
		c.b.keep(sw.MergeCell(m[0], m[1]))
	}
	for _, row := range c.breaks {
		c.b.keep(sw.InsertPageBreak(at('A', row)))
	}
	if c.table != nil {
		c.b.keep(sw.AddTable(c.table))
	}
	for _, p := range c.charts {
		c.b.keep(f.AddChart(c.sheet, p.cell, p.chart))
	}
	c.b.print(c.sheet, document, how)
	c.b.addName("_xlnm.Print_Area", fmt.Sprintf("'%s'!$A$1:$%c$%d", c.sheet, c.last, c.end), c.sheet)
	c.b.keep(sw.Flush())
}

func (c *canvas) writeRow(sw *excelize.StreamWriter, row int) error {
	cells := c.cells[row]
	values := make([]any, len(cells))
	for i := range cells {
		if cells[i].StyleID != 0 {
			values[i] = &cells[i]
		}
	}
	return sw.SetRow(at('A', row), values, excelize.RowOpts{Height: cmp.Or(c.height[row], heightRow)})
}
