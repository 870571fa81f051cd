package reports

import (
	"cmp"
	"strings"

	"github.com/xuri/excelize/v2"
)

// The palette: one accent, one alert, greys, and a tint for cells to fill.
const (
	colInk         = "1B2A33"
	colGrey        = "5A6972"
	colAccent      = "0E5A73"
	colPanel       = "F2F5F6"
	colHair        = "E3E8EB"
	colRule        = "C8D1D7"
	colAlert       = "A83A08"
	colTint        = "FBEBE2"
	colAmber       = "9A6200"
	colInput       = "FFF8E1"
	colInputHeader = "FBE9AE"
	colInputRule   = "EADCA8"
	colClosed      = "6B7880"
	colWhite       = "FFFFFF"
)

// Colours of the charts; their lightness differs, so that they hold in grey
// and for the colour-blind.
var (
	chartResult   = []string{colAccent, "A9CCD8", "E07A45"}
	chartSeverity = []string{colAlert, "E59A5C", "7FB3C8", "D3DADF"}
	chartAge      = []string{"CFE3EA", "A9CCD8", "5FA0B8", colAccent, colAlert}
)

const (
	fontFamily = "Arial"
	fontNormal = 10 // of the Normal style: a width unit is then 7 px
	fontBody   = 9
)

// Row heights in points.
const (
	heightTitle     = 30
	heightSubtitle  = 17
	heightGap       = 9
	heightSection   = 20
	heightHeader    = 19
	heightHeaderTwo = 28
	heightRow       = 15.5
	heightData      = 15.5
	heightDense     = 14 // Transactions
	heightWrapped   = 25 // Exceptions
	heightDataHead  = 36 // leaves the filter button below the text
)

// Formats of cells that are no amounts.
const (
	formatText   = "@"
	formatDate   = "yyyy-mm-dd"
	formatTime   = "yyyy-mm-dd hh:mm:ss"
	formatMinute = "yyyy-mm-dd hh:mm"
	formatRate   = "0.00%"
	formatAge    = "0.0"
	formatCount  = `#,##0;-#,##0;"–"`

	// The marks stand in the format, so that filters and imports see the word.
	formatException = `General;General;General;"▲ "@`
)

// line is one border of a cell.
type line struct {
	color string
	style int // as excelize counts them: 1 thin, 2 medium, 5 thick
}

var (
	lineHair   = line{colHair, 1}
	lineRule   = line{colRule, 1}
	lineAccent = line{colAccent, 1}
	lineInk    = line{colInk, 1}
)

// look is all that can be said about a cell's appearance. Looks are compared
// by value: each becomes one style of the workbook.
type look struct {
	size                float64 // 0: the body's
	bold                bool
	color, fill, format string
	align               string // "": left, whatever the cell holds
	vertical            string // "": middle
	indent              int
	wrap, unlocked      bool
	shrink              bool // smaller letters rather than a cut text
	above, below, left  line
}

func (l look) strong() look              { l.bold = true; return l }
func (l look) colored(color string) look { l.color = color; return l }
func (l look) filled(color string) look  { l.fill = color; return l }
func (l look) sized(points float64) look { l.size = points; return l }
func (l look) as(format string) look     { l.format = format; return l }
func (l look) under(with line) look      { l.below = with; return l }
func (l look) right() look               { l.align = "right"; return l }
func (l look) atLeft() look              { l.align = "left"; return l }
func (l look) indented() look            { l.indent = 1; return l }
func (l look) wrapped() look             { l.wrap = true; return l }

var (
	lookTitle   = look{size: 20, bold: true, color: colAccent}
	lookSub     = look{color: colGrey, below: line{colAccent, 2}}
	lookBrand   = look{bold: true, color: colGrey, align: "right", vertical: "bottom"}
	lookSection = look{size: 11, bold: true}
	lookVerdict = look{size: 11, bold: true}
	lookNote    = look{size: 8, color: colGrey}
	lookBody    = look{below: lineHair}
	lookLabel   = look{color: colGrey, below: lineHair}
	lookHeader  = look{bold: true, fill: colPanel, above: lineRule, below: lineAccent, wrap: true}
	lookData    = look{bold: true, fill: colPanel, above: lineRule, below: lineAccent, wrap: true, vertical: "top"}
	lookInput   = look{fill: colInput, below: line{colInputRule, 1}, unlocked: true, wrap: true, format: formatText}
)

// amountFormat shows an amount with its currency's decimals: zero is a dash.
func amountFormat(exp int) string { return numberFormat(exp, "") }

// differenceFormat shows a signed difference.
func differenceFormat(exp int) string { return numberFormat(exp, "+") }

func numberFormat(exp int, plus string) string {
	digits := "#,##0"
	if exp > 0 {
		digits += "." + strings.Repeat("0", exp)
	}
	return plus + digits + ";-" + digits + `;"–"`
}

// style makes (once) the style of a look. The first error is kept by the book
// and given back when it is saved.
func (b *book) style(l look) int {
	if id, ok := b.styles[l]; ok {
		return id
	}
	st := &excelize.Style{
		Font: &excelize.Font{
			Family: fontFamily, Size: cmp.Or(l.size, fontBody), Bold: l.bold, Color: cmp.Or(l.color, colInk),
		},
		Alignment: &excelize.Alignment{
			Horizontal: cmp.Or(l.align, "left"), Vertical: cmp.Or(l.vertical, "center"),
			Indent: l.indent, WrapText: l.wrap, ShrinkToFit: l.shrink,
		},
	}
	if l.fill != "" {
		st.Fill = excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{l.fill}}
	}
	if l.format != "" {
		format := l.format
		st.CustomNumFmt = &format
	}
	if l.unlocked {
		st.Protection = &excelize.Protection{Locked: false}
	}
	for _, side := range []struct {
		name string
		line line
	}{{"left", l.left}, {"top", l.above}, {"bottom", l.below}} {
		if side.line.style > 0 {
			st.Border = append(st.Border, excelize.Border{Type: side.name, Color: side.line.color, Style: side.line.style})
		}
	}
	id, err := b.file.NewStyle(st)
	b.keep(err)
	b.styles[l] = id
	return id
}
