package reports

import (
	"fmt"

	"github.com/xuri/excelize/v2"
)

// stacked describes a stacked chart over a block of figures: categories in the
// first column, a series in each further column, their names in the row above.
type stacked struct {
	name, title, alt string
	cell             string // its top left
	from, to         byte   // the columns that it spans
	rows             int    // the rows that it spans
	figures          byte   // first column of the block
	first, last      int    // rows of the block, without the header
	colors           []string
	bars             bool  // lying bars instead of columns
	most             int64 // the longest stack
}

// chartRow is how high excelize takes a row of 15 points, in pixels.
const chartRow = 18

func (c *canvas) chart(s stacked) {
	quoted := "'" + c.sheet + "'!"
	var series []excelize.ChartSeries
	for i, color := range s.colors {
		column := s.figures + byte(i) + 1
		font := excelize.Font{Family: fontFamily, Size: 8, Color: colInk}
		if dark(color) {
			font.Color = colWhite
		}
		series = append(series, excelize.ChartSeries{
			Name:              fmt.Sprintf("%s$%c$%d", quoted, column, s.first-1),
			Categories:        quoted + span(s.figures, s.first, s.last),
			Values:            quoted + span(column, s.first, s.last),
			Fill:              excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{color}},
			DataLabel:         excelize.ChartDataLabel{Font: font},
			DataLabelPosition: excelize.ChartDataLabelsPositionCenter,
		})
	}
	kind, gap, small := excelize.ColStacked, uint(90), s.most/18
	if s.bars {
		kind, gap, small = excelize.BarStacked, uint(55), s.most/22
	}
	overlap := 100
	axis := excelize.Font{Family: fontFamily, Size: 8, Color: colGrey}
	c.charts = append(c.charts, placedChart{s.cell, &excelize.Chart{
		Type: kind, Series: series, GapWidth: &gap, Overlap: &overlap,
		Format: excelize.GraphicOptions{Name: s.name, AltText: s.alt, OffsetX: 2, OffsetY: 2},
		Dimension: excelize.ChartDimension{
			Width: c.pixels(s.from, s.to) - 12, Height: uint(max(s.rows*chartRow-8, 0)),
		},
		Title: excelize.ChartTitle{Paragraph: []excelize.RichTextRun{{
			Text: s.title, Font: &excelize.Font{Family: fontFamily, Size: 9, Bold: true, Color: colInk},
		}}},
		Legend: excelize.ChartLegend{Position: "top", Font: &axis},
		XAxis:  excelize.ChartAxis{Font: axis, ReverseOrder: s.bars},
		YAxis:  excelize.ChartAxis{None: true, Minimum: new(0.0)},
		PlotArea: excelize.ChartPlotArea{
			ShowVal: true,
			NumFmt:  excelize.ChartNumFmt{CustomNumFmt: fmt.Sprintf(`[<%d]"";#,##0`, max(1, small))},
		},
		Border:       excelize.LineOptions{Type: excelize.LineNone},
		ShowBlanksAs: "zero",
	}})
	c.end = max(c.end, rowOf(s.cell)+s.rows-1)
}

// dark colours carry white labels.
func dark(color string) bool { return color == colAccent || color == colAlert }

// pixels is how wide excelize takes the columns from one to another.
func (c *canvas) pixels(from, to byte) uint {
	var all float64
	for _, w := range c.widths {
		if w.column >= from && w.column <= to {
			all += float64(int(w.width*8 + 0.5))
		}
	}
	return uint(all)
}

func rowOf(cell string) int {
	_, row, err := excelize.CellNameToCoordinates(cell)
	if err != nil {
		return 0
	}
	return row
}
