package reports

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"tieout/internal/money"
	"tieout/internal/payment"
)

// ageColumn is where the workbook has the age that exceptions.csv has not:
// right after first_seen. It counts from 0.
const ageColumn = 19

// exceptionsGrid is exceptions.csv in words, with the age.
func exceptionsGrid(p Passport, t *exceptionTally, limit int64) *grid {
	g := &grid{
		sheet: "Exceptions", table: "exceptions", document: "Exceptions",
		frozen: 2, repeated: 'C', pages: []int{10, 22}, rows: t.rows, limit: limit, height: heightWrapped,
	}
	for i, name := range exceptionColumns {
		if len(g.columns) == ageColumn {
			g.columns = append(g.columns, gridColumn{title: "Age (days)", width: 10.5, align: "right"})
		}
		n := t.widths[i]
		column := gridColumn{title: header(name, p)}
		switch name {
		case "internal_amount", "provider_amount", "difference":
			column.align, column.width = "right", fitted(column.title, grouped(n)+1, widthAmount)
		case "currency":
			column.indent, column.width = 1, fitted(column.title, n, widthCode)
		case "internal_status", "provider_status":
			column.width = fitted(column.title, n, 12.5)
		case "severity":
			column.width = 13
		case "business_date":
			column.width = widthDate
		case "first_seen":
			column.width = fitted(column.title, 0, widthTime)
		case "match_method":
			column.indent, column.width = 1, fitted(column.title, n+1, 12)
		case "detail":
			column.width = 52
		case "owner":
			column.width, column.input = 16, true
		case "resolution":
			column.width, column.input = 25, true
		case "note":
			column.width, column.input = 34, true
		default:
			column.width = fitted(column.title, n, 9)
		}
		g.columns = append(g.columns, column)
	}
	return g
}

// guide adds to an Exceptions sheet what helps to fill it and keeps the rest.
func (b *book) guide(sheet string, lastRow int) {
	choose := excelize.NewDataValidation(true)
	choose.SetSqref(fmt.Sprintf("X2:X%d", lastRow))
	choose.SetSqrefDropList("resolutions")
	choose.SetError(excelize.DataValidationErrorStyleStop, "Resolution", "Choose one of the list. The sheet About says what each means.")
	choose.SetInput("Resolution", "Choose what was done. Leave it empty while the exception is open.")
	b.keep(b.file.AddDataValidation(sheet, choose))

	name := excelize.NewDataValidation(true)
	name.SetSqref(fmt.Sprintf("W2:W%d", lastRow))
	b.keep(name.SetRange(0, 200, excelize.DataValidationTypeTextLength, excelize.DataValidationOperatorBetween))
	name.SetError(excelize.DataValidationErrorStyleStop, "Owner", "A name of at most 200 characters.")
	name.SetInput("Owner", "Who works on it.")
	b.keep(b.file.AddDataValidation(sheet, name))

	done, err := b.file.NewConditionalStyle(&excelize.Style{
		Font: &excelize.Font{Color: colClosed},
		Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{colWhite}},
	})
	b.keep(err)
	b.keep(b.file.SetConditionalFormat(sheet, fmt.Sprintf("A2:V%d", lastRow), []excelize.ConditionalFormatOptions{
		{Type: "formula", Criteria: "LEN($X2)>0", Format: &done},
	}))
	b.keep(b.file.ProtectSheet(sheet, &excelize.SheetProtectionOptions{
		AutoFilter: true, Sort: true, FormatColumns: true, FormatRows: true,
		SelectLockedCells: true, SelectUnlockedCells: true,
	}))
}

// exceptionStyles are made before the first row, for open ([0]) and closed ([1]) rows.
type exceptionStyles struct {
	amount                              [2]*amountStyles
	difference                          [2]*amountStyles
	text, word, after, kind, date, time [2]int
	age, detail                         [2]int
	severity                            [2][4]int
	input                               int
	start                               time.Time
	location                            *time.Location
}

func (b *book) exceptionStyles() *exceptionStyles {
	s := &exceptionStyles{input: b.style(lookInput), start: b.passport.StartedAt, location: location(b.passport)}
	colors := []string{colAlert, colAmber, colAccent, colGrey}
	for closed, color := range []string{colInk, colGrey} {
		body := lookBody.colored(color)
		s.amount[closed] = b.amountStyles(body)
		s.difference[closed] = b.differenceStyles(body)
		s.text[closed] = b.style(body.as(formatText))
		s.word[closed] = b.style(body)
		s.after[closed] = b.style(body.indented())
		s.kind[closed] = b.style(body.strong())
		s.date[closed] = b.style(body.as(formatDate))
		s.time[closed] = b.style(body.as(formatTime))
		s.age[closed] = b.style(body.right().as(formatAge))
		s.detail[closed] = b.style(body.wrapped().as(formatText))
		for rank := range severities {
			l := body.as(`General;General;General;"` + severityMarks[rank] + `  "@`)
			if closed == 0 {
				l = l.colored(colors[rank])
				l.bold = rank == 0
				if rank == 0 {
					l = l.filled(colTint)
				}
			}
			s.severity[closed][rank] = b.style(l)
		}
	}
	return s
}

// differenceStyles are amountStyles with a plus before what is more than ours.
func (b *book) differenceStyles(l look) *amountStyles {
	var s amountStyles
	for exp := range s {
		right := l.right().as(differenceFormat(exp))
		s[exp] = [2]int{b.style(right), b.style(right.colored(colAlert))}
	}
	return &s
}

func (b *book) writeExceptions(ctx context.Context, g *grid, src Source) error {
	g.finish = b.guide
	w, s := b.openGrid(g), b.exceptionStyles()
	if err := src.Exceptions(ctx, func(r *ExceptionRow) error {
		s.fill(w, r)
		return w.next()
	}); err != nil {
		return err
	}
	return w.close()
}

func (s *exceptionStyles) fill(w *gridWriter, r *ExceptionRow) {
	closed := 0
	if r.State != payment.StateOpen {
		closed = 1
	}
	set := func(i, style int, value any) { w.cells[i].StyleID, w.cells[i].Value = style, value }
	word := func(i int, style [2]int, value string) { set(i, style[closed], textOrEmpty(value)) }
	amount := func(i int, styles [2]*amountStyles, a *money.Amount) {
		if a == nil {
			set(i, s.word[closed], nil)
			return
		}
		set(i, styles[closed].of(a.Minor, a.Exp), minorNumber(a.Minor, a.Exp))
	}
	word(0, s.text, r.ID)
	word(1, s.kind, blanks(string(r.Kind)))
	set(2, s.severity[closed][severityRank(r.Severity)], string(r.Severity))
	word(3, s.word, blanks(string(r.State)))
	word(4, s.text, r.Provider)
	word(5, s.word, string(r.PaymentKind))
	word(6, s.text, r.PaymentID)
	word(7, s.text, r.ProviderPaymentID)
	word(8, s.text, r.Reference)
	amount(9, s.amount, r.InternalAmount)
	amount(10, s.amount, r.ProviderAmount)
	amount(11, s.difference, r.Difference)
	word(12, s.after, r.Currency)
	word(13, s.word, r.ProviderCurrency)
	word(14, s.word, string(r.InternalStatus))
	word(15, s.word, blanks(r.ProviderStatus))
	word(16, s.text, r.Account)
	set(17, s.date[closed], dateSerial(r.BusinessDate))
	set(18, s.time[closed], timeSerial(r.FirstSeen, s.location))
	if age, known := exceptionAge(r, s.start); known {
		set(ageColumn, s.age[closed], age.Hours()/24)
	} else {
		set(ageColumn, s.age[closed], nil)
	}
	word(20, s.after, blanks(string(r.MatchMethod)))
	set(21, s.detail[closed], multiLine(r.Detail))
	w.height = wrappedHeight(r.Detail, r.Note)
	for i, value := range []string{r.Owner, ResolutionWords(r.Resolution), r.Note} {
		set(22+i, s.input, multiLine(value))
	}
}

// wrappedHeight is what a row needs that shows detail and note in full.
func wrappedHeight(detail, note string) float64 {
	const mostHeight, lineHeight = 400, 12.5
	lines := max(wrappedLines(detail, 62), wrappedLines(note, 40))
	return min(mostHeight, float64(lines)*lineHeight)
}

// wrappedLines is how many lines a text takes in a cell of so many columns.
func wrappedLines(s string, width int) int {
	lines := 0
	for part := range strings.Lines(s) {
		lines += max(1, (columns(part)+width-1)/width)
	}
	return lines
}

// multiLine is a text for a cell that wraps; nil when there is none.
func multiLine(s string) any {
	if s == "" {
		return nil
	}
	return strings.ReplaceAll(readable(s), "\r\n", "\n")
}
