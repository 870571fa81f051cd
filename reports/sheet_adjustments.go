package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"tieout/internal/payment"
)

var adjustmentsWidths = []columnWidth{
	{'B', 36}, {'C', 14}, {'D', 10}, {'E', 21}, {'F', 15}, {'G', 15}, {'H', 16}, {'I', 10.5}, {'J', 17}, {'K', 14.5}, {'L', 14.5}, {'M', 52},
}

// showsClosed tells whether there are adjustments.csv and the sheet Adjustments:
// who closes no days needs none.
func (f *Figures) showsClosed() bool { return len(f.Closed)+len(f.Adjustments) > 0 }

// writeAdjustments composes the sheet on closed days. It notes where its table
// stands: other sheets add it up.
func (s *settlement) writeAdjustments() {
	if !s.f.showsClosed() {
		return
	}
	c := s.b.canvas("Adjustments", 'M', adjustmentsWidths)
	c.title("Adjustments", "What changed of closed days, "+subtitle(s.b.passport))
	c.verdict(4, lookVerdict, adjustmentsVerdict(s.f.Adjustments))
	c.put(5, 'B', look{color: colGrey}, "Settlement and Summary show closed days as they were closed; Transactions, Pending ageing, Refunds and fees and Changes show each payment as it is now.")
	flows, days := s.bookedFlows(), adjustedLines(s.f.ClosedLines)
	// the table is at the end, and the formulas above it name its rows
	header := 7
	for _, rows := range []int{len(s.f.Closed) + 1, max(1, len(flows)) + 2, len(days) + 3} {
		header += rows + 1
	}
	s.adjustmentRows = [2]int{header + 2, header + 1 + len(s.f.Adjustments)}
	row := s.closings(c, 7)
	row = s.books(c, row, flows)
	row = s.closedDays(c, row, days)
	s.adjustmentsTable(c, row)
	c.flush("Settlement", printing{wide: 1})
}

// adjusted adds up a column of the sheet's table; nothing where it has no rows.
func (s *settlement) adjusted(column byte, where ...condition) string {
	first, last := s.adjustmentRows[0], s.adjustmentRows[1]
	if last < first {
		return "0"
	}
	of := func(column byte) string { return "Adjustments!" + span(column, first, last) }
	var b strings.Builder
	b.WriteString("SUMIFS(" + of(column))
	for _, w := range where {
		b.WriteString("," + of(w.column) + "," + w.equals)
	}
	return b.String() + ")"
}

// adjustedNet is what the closed days of the range are adjusted by.
func (s *settlement) adjustedNet(kind payment.Kind, currency string) *sum {
	v := &sum{}
	for i := range s.f.Adjustments {
		if l := &s.f.Adjustments[i].Line; l.Kind == kind && l.Currency == currency && inRange(l.BusinessDate, s.b.passport) {
			v.add(l.Net, l.Exp)
		}
	}
	return v
}

// between are the conditions that a date column of the table is in the range.
func between(column byte, p Passport) []condition {
	return []condition{{column, fmt.Sprintf(`">=%v"`, dateSerial(p.From))}, {column, fmt.Sprintf(`"<=%v"`, dateSerial(p.To))}}
}

func inRange(date time.Time, p Passport) bool { return !date.Before(p.From) && !date.After(p.To) }

func (s *settlement) closings(c *canvas, row int) int {
	c.section(row, 'B', "Closed days")
	row++
	for _, d := range s.f.Closed {
		c.fill(row, 'B', 'M', lookBody)
		c.put(row, 'B', lookBody.as(formatDate).atLeft(), dateSerial(d.BusinessDate))
		words := fmt.Sprintf("closed %s by %s on version %d (run %s)", moment(d.ClosedAt, s.b.passport), d.ClosedBy, d.Version, d.RunID)
		if d.Note != "" {
			words += ": " + d.Note
		}
		if d.Forced != "" {
			words += "; not all of it was known: " + d.Forced
		}
		c.put(row, 'C', lookBody.as(formatText), oneLine(words))
		row++
	}
	return row + 1
}

// bookedFlow is what the range's books have of one provider, kind and currency.
type bookedFlow struct {
	flowKey
	exp           int
	lines, booked sum
}

func (s *settlement) bookedFlows() []*bookedFlow {
	byKey := map[flowKey]*bookedFlow{}
	of := func(l *Line) *bookedFlow {
		key := flowKey{l.Provider, l.Kind, l.Currency}
		if byKey[key] == nil {
			byKey[key] = &bookedFlow{flowKey: key}
		}
		byKey[key].exp = max(byKey[key].exp, l.Exp)
		return byKey[key]
	}
	for i := range s.f.Adjustments {
		if a := &s.f.Adjustments[i]; inRange(a.BookedOn, s.b.passport) {
			of(&a.Line).booked.add(a.Line.Net, a.Line.Exp)
		}
	}
	for i := range s.f.Lines {
		l := &s.f.Lines[i]
		if f := byKey[flowKey{l.Provider, l.Kind, l.Currency}]; f != nil {
			f.lines.add(l.Net, l.Exp)
		}
	}
	out := make([]*bookedFlow, 0, len(byKey))
	for _, f := range byKey {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b *bookedFlow) int {
		return cmp.Or(cmp.Compare(a.provider, b.provider), cmp.Compare(a.kind, b.kind), cmp.Compare(a.currency, b.currency))
	})
	return out
}

// books shows what the range's lines and the adjustments that are booked on its
// days make together.
func (s *settlement) books(c *canvas, row int, flows []*bookedFlow) int {
	c.section(row, 'B', "The books of this range: its lines, and the adjustments booked on its days")
	c.headers(row+1, 'B', 'I', heightHeader, text('B', "Net of completed, matched payments"), text('C', "Provider"), text('D', "Kind"),
		figure('E', "Lines"), figure('F', "Adjustments"), figure('G', "Together"), after('I', "Currency"))
	row += 2
	for _, f := range flows {
		direction := "In"
		if f.kind == payment.Payout {
			direction = "Out"
		}
		c.fill(row, 'B', 'I', lookBody)
		c.put(row, 'B', lookLabel, direction)
		c.put(row, 'C', lookBody.strong(), oneLine(f.provider))
		c.put(row, 'D', lookBody, string(f.kind))
		c.put(row, 'I', lookBody.indented(), f.currency)
		this := func(provider, kind, currency byte) []condition {
			return []condition{{provider, fmt.Sprintf("$C%d", row)}, {kind, fmt.Sprintf("$D%d", row)}, {currency, fmt.Sprintf("$I%d", row)}}
		}
		amount, exact := lookBody.right().as(amountFormat(f.exp)), f.lines.exact() && f.booked.exact()
		c.value(row, 'E', amount, sumIfs(s.lines, 'J', this('B', 'C', 'D')...), &f.lines, exact)
		c.value(row, 'F', amount.as(differenceFormat(f.exp)), s.adjusted('H', append(this('C', 'D', 'I'), between('G', s.b.passport)...)...), &f.booked, exact)
		together := &sum{exp: f.exp}
		together.addSum(&f.lines)
		together.addSum(&f.booked)
		c.value(row, 'G', amount.strong(), fmt.Sprintf("E%d+F%d", row, row), together, exact && together.exact())
		row++
	}
	if len(flows) == 0 {
		c.fill(row, 'B', 'I', lookBody)
		c.put(row, 'B', lookBody.colored(colGrey), "Nothing is booked on these days.")
		row++
	}
	return row + 1
}

// adjustedLines are the closed lines that are not what they were; those of months
// that are would hide them.
func adjustedLines(all []ClosedLine) []ClosedLine {
	return slices.DeleteFunc(slices.Clone(all), func(l ClosedLine) bool { return l.Adjusted == 0 && l.Closed == l.Now })
}

// closedDays proves, for each line of a closed day of the range that changed,
// that closed and adjusted are what the transactions add up to now.
func (s *settlement) closedDays(c *canvas, row int, lines []ClosedLine) int {
	c.section(row, 'B', "The closed days of this range: as closed, adjusted wherever it is booked, and now by the transactions")
	c.headers(row+1, 'B', 'J', heightHeader, text('B', "Business date"), text('C', "Provider"), text('D', "Kind"), figure('E', "Closed net"),
		figure('F', "Adjustments"), figure('G', "Net now"), figure('H', "Unexplained"), after('I', "Currency"), tick('J'))
	row += 2
	for i := range lines {
		l := &lines[i]
		c.fill(row, 'B', 'J', lookBody)
		c.put(row, 'B', lookBody.as(formatDate).atLeft(), dateSerial(l.BusinessDate))
		if i > 0 && lines[i-1].Provider == l.Provider && lines[i-1].BusinessDate.Equal(l.BusinessDate) {
			c.put(row, 'C', lookLabel, oneLine(l.Provider))
		} else {
			c.put(row, 'C', lookBody.strong(), oneLine(l.Provider))
		}
		c.put(row, 'D', lookBody, string(l.Kind))
		c.put(row, 'I', lookBody.indented(), l.Currency)
		this := func(day, provider, kind, currency byte) []condition {
			return []condition{{day, fmt.Sprintf("$B%d", row)}, {provider, fmt.Sprintf("$C%d", row)}, {kind, fmt.Sprintf("$D%d", row)}, {currency, fmt.Sprintf("$I%d", row)}}
		}
		of := func(minor int64) *sum {
			v := &sum{exp: l.Exp}
			v.add(minor, l.Exp)
			return v
		}
		closed, adjusted, now, left := of(l.Closed), of(l.Adjusted), of(l.Now), of(l.Closed+l.Adjusted-l.Now)
		amount, exact := lookBody.right().as(amountFormat(l.Exp)), closed.exact() && adjusted.exact() && now.exact()
		c.value(row, 'E', amount, sumIfs(s.lines, 'J', this('A', 'B', 'C', 'D')...), closed, exact)
		c.value(row, 'F', amount.as(differenceFormat(l.Exp)), s.adjusted('H', this('F', 'C', 'D', 'I')...), adjusted, exact)
		c.value(row, 'G', amount.strong(), sumIfs(s.transactions, 'O', append(this('V', 'C', 'B', 'K'), condition{'S', `"matched"`})...), now, exact)
		c.value(row, 'H', amount, fmt.Sprintf("ROUND(E%[1]d+F%[1]d-G%[1]d,%[2]d)", row, l.Exp), left, exact)
		c.tie(row, 'J', lineHair, exactFormula(exact, tieFormula(at('H', row), l.Exp)), left.sign() == 0)
		s.controls++
		if left.sign() == 0 {
			s.controlsTie++
		}
		row++
	}
	c.fill(row, 'B', 'J', lookBody)
	words := "No day of this range is closed."
	if same := int64(len(s.f.ClosedLines) - len(lines)); len(s.f.ClosedLines) > 0 {
		words = plural(same, "line") + verb(same, " of a closed day is as it was closed.", " of closed days are as they were closed.")
	}
	c.put(row, 'B', lookBody.colored(colGrey), words)
	return row + 2
}

func (s *settlement) adjustmentsTable(c *canvas, row int) {
	if len(s.f.Adjustments) == 0 {
		return
	}
	c.section(row, 'B', "Payment by payment")
	header := row + 1
	c.headers(header, 'B', 'M', heightHeaderTwo)
	c.titles(header, lookData,
		text('B', "Payment id"), text('C', "Provider"), text('D', "Kind"), text('E', "Reference"), text('F', "Business date"), text('G', "Booked on"),
		figure('H', "Net"), after('I', "Currency"), text('J', "What changed"), text('K', "Before"), text('L', "After"), text('M', "Why"),
	)
	row = header + 1
	for i := range s.f.Adjustments {
		a := &s.f.Adjustments[i]
		l := &a.Line
		id := lookBody.as(formatText)
		c.put(row, 'B', id, textOrEmpty(cmp.Or(a.PaymentID, a.ProviderPaymentID)))
		c.put(row, 'C', id, textOrEmpty(l.Provider))
		c.put(row, 'D', lookBody, textOrEmpty(string(l.Kind)))
		c.put(row, 'E', id, textOrEmpty(a.Reference))
		c.put(row, 'F', lookBody.as(formatDate).atLeft(), dateSerial(l.BusinessDate))
		c.put(row, 'G', lookBody.as(formatDate).atLeft(), dateSerial(a.BookedOn))
		net := lookBody.right().as(differenceFormat(l.Exp))
		if l.Net < 0 {
			net = net.colored(colAlert)
		}
		c.put(row, 'H', net, minorNumber(l.Net, l.Exp))
		c.put(row, 'I', lookBody.indented(), l.Currency)
		c.change(row, 'J', a.What, a.Before, a.After, a.Why)
		row++
	}
	stripes := false
	c.table = &excelize.Table{Range: fmt.Sprintf("B%d:M%d", header, row-1), Name: "adjustments", ShowRowStripes: &stripes}
}

// adjustmentsVerdict says how much changed and where it is booked.
func adjustmentsVerdict(all []Adjustment) string {
	items, dates := map[string]bool{}, map[string]bool{}
	for i := range all {
		a := &all[i]
		items[isoDate(a.Line.BusinessDate)+"\x00"+cmp.Or(a.PaymentID, "\x00"+a.ProviderPaymentID)] = true
		dates[a.BookedOn.Format("2 January 2006")+"\x00"+isoDate(a.BookedOn)] = true
	}
	if len(items) == 0 {
		return "Nothing has changed of closed days."
	}
	on := make([]string, 0, len(dates))
	for d := range dates {
		on = append(on, d)
	}
	slices.SortFunc(on, func(a, b string) int { return cmp.Compare(a[strings.Index(a, "\x00"):], b[strings.Index(b, "\x00"):]) })
	for i, d := range on {
		on[i] = d[:strings.Index(d, "\x00")]
	}
	n := int64(len(items))
	if len(on) > 3 {
		on = []string{on[0] + " to " + on[len(on)-1]}
	}
	return plural(n, "payment") + " of closed days changed; " + verb(n, "its adjustment is", "their adjustments are") + " booked on " + list(on) + "."
}

// adjustmentsSentence stands on Summary, whose totals are the lines' alone; empty
// where nothing is booked on the days of the range.
func (s *settlement) adjustmentsSentence() string {
	byCurrency, order := map[string]*sum{}, []string(nil)
	for _, f := range s.bookedFlows() {
		if byCurrency[f.currency] == nil {
			byCurrency[f.currency] = &sum{}
			order = append(order, f.currency)
		}
		if f.kind == payment.Payout {
			byCurrency[f.currency].sub(&f.booked)
		} else {
			byCurrency[f.currency].addSum(&f.booked)
		}
	}
	var words []string
	for _, currency := range order {
		words = append(words, byCurrency[currency].human(currency))
	}
	if len(words) == 0 {
		return ""
	}
	return "These totals are those of the lines; adjustments of closed days, booked in this range, come on top: " + list(words) + " (see Adjustments)."
}
