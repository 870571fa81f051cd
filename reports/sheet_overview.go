package reports

import (
	"fmt"
	"strings"
	"time"

	"tieout/internal/payment"
)

var overviewWidths = []columnWidth{
	{'B', 21},
	{'C', 12.5},
	{'D', 11},
	{'E', 16},
	{'F', 17},
	{'G', 2.5},
	{'H', 13.5},
	{'I', 10.5},
	{'J', 10.5},
	{'K', 10.5},
	{'L', 10.5},
	{'M', 10.5},
	{'N', 13},
}

// writeOverview composes the first sheet of exceptions.xlsx.
func (b *book) writeOverview(t *exceptionTally, g *grid) {
	c := b.canvas("Overview", 'N', overviewWidths)
	c.zoom = 90
	c.title("Exceptions", subtitle(b.passport))
	open := t.open.total()
	c.card('B', 'C', "What is open?", openAnswer(open), closedDetail(t), false)
	c.card('D', 'G', "What is at risk?", criticalAnswer(t.open[0]), criticalDetail(t), t.open[0] > 0)
	c.card('H', 'J', "How old is it?", oldestAnswer(t), olderDetail(t), false)
	c.card('K', 'N', "What must I do?", startAnswer(t.open), fillDetail(open), false)

	row := c.kindTable(8, t, g)
	left := c.currencyTable(row, t)
	right := c.providerTable(row, t, g)
	c.overviewCharts(max(left, right), t)
	how := printing{wide: 1, high: 1}
	c.flush("Exceptions", how)
}

// countOpen counts open exceptions by formula over all Exceptions sheets.
func countOpen(g *grid, letter byte, cell string, severity payment.Severity) string {
	var terms []string
	for _, p := range g.parts() {
		terms = append(terms, fmt.Sprintf(`COUNTIFS(%s,%s,%s,"%s",%s,"open")`,
			p.column(letter), cell, p.column('C'), severity, p.column('D')))
	}
	return strings.Join(terms, "+")
}

// severityCells writes the four counts, their sum and the oldest age of a row.
func (c *canvas) severityCells(row int, o *openGroup, g *grid, letter, key byte) {
	for i, severity := range severities {
		l := lookBody.right().as(formatCount)
		if i == 0 && o.counts[i] > 0 {
			l = l.strong().colored(colAlert)
		}
		c.formula(row, 'I'+byte(i), l, countOpen(g, letter, fmt.Sprintf("$%c%d", key, row), severity), o.counts[i])
	}
	c.formula(row, 'M', lookBody.right().as(formatCount).strong(), fmt.Sprintf("SUM(I%d:L%d)", row, row), o.counts.total())
	c.put(row, 'N', lookBody.right().as(formatAge), ageDays(o.oldest))
}

func severityHeads() []head {
	var out []head
	for i, title := range severityTitles {
		out = append(out, figure('I'+byte(i), severityMarks[i]+" "+title))
	}
	return append(out, figure('M', "Open"), figure('N', "Oldest, days"))
}

func (c *canvas) kindTable(row int, t *exceptionTally, g *grid) int {
	c.section(row, 'B', "By kind, and what to do")
	c.headers(row+1, 'B', 'N', heightHeader, append([]head{text('B', "Kind"), text('C', "What it means, what to do")}, severityHeads()...)...)
	c.merge(row+1, 'C', 'H')
	first := row + 2
	row = first
	kinds := t.worstKinds()
	if len(kinds) == 0 {
		c.fill(row, 'B', 'N', lookBody)
		c.put(row, 'B', lookBody, "No exceptions. Nothing to do.")
		return row + 2
	}
	for _, k := range kinds {
		c.fill(row, 'B', 'N', lookBody)
		c.put(row, 'B', lookBody.strong(), capital(k.name))
		c.put(row, 'C', lookBody.colored(colGrey), kindAdvice[payment.ExceptionKind(k.name)])
		c.merge(row, 'C', 'H')
		c.severityCells(row, k, g, 'B', 'B')
		row++
	}
	all := look{bold: true, above: lineInk}
	c.fill(row, 'B', 'N', all)
	c.put(row, 'B', all, "All")
	for i := range severities {
		column := 'I' + byte(i)
		c.formula(row, column, all.right().as(formatCount), fmt.Sprintf("SUM(%c%d:%c%d)", column, first, column, row-1), t.open[i])
	}
	c.formula(row, 'M', all.right().as(formatCount), fmt.Sprintf("SUM(M%d:M%d)", first, row-1), t.open.total())
	c.formula(row, 'N', all.right().as(formatAge), fmt.Sprintf("MAX(N%d:N%d)", first, row-1), ageDays(t.oldest))
	return row + 2
}

func (c *canvas) currencyTable(row int, t *exceptionTally) int {
	c.section(row, 'B', "At risk, by currency")
	c.headers(row+1, 'B', 'F', heightHeader, text('B', "Currency"), figure('C', "Open"), figure('D', "Critical"),
		figure('E', "At risk"), figure('F', "Of which critical"))
	row += 2
	for _, m := range t.sortedCurrencies() {
		number := lookBody.right().as(formatCount)
		c.put(row, 'B', lookBody.strong(), m.currency)
		c.put(row, 'C', number, m.open)
		c.put(row, 'D', alertWhen(number, m.critical > 0), m.critical)
		amount := lookBody.right().as(amountFormat(max(m.atRisk.exp, m.criticalAtRisk.exp)))
		c.put(row, 'E', amount.strong(), m.atRisk.value())
		c.put(row, 'F', alertWhen(amount, m.criticalAtRisk.sign() > 0), m.criticalAtRisk.value())
		row++
	}
	if len(t.currencies) == 0 {
		c.fill(row, 'B', 'F', lookBody)
		c.put(row, 'B', lookBody.colored(colGrey), "Nothing is at risk.")
		row++
	}
	c.put(row, 'B', lookNote, "At risk is the difference where both sides moved money, otherwise the payment's amount. Currencies are never added up.")
	return row + 2
}

func alertWhen(l look, bad bool) look {
	if bad {
		return l.strong().colored(colAlert)
	}
	return l
}

func (c *canvas) providerTable(row int, t *exceptionTally, g *grid) int {
	c.section(row, 'H', "By provider")
	c.headers(row+1, 'H', 'N', heightHeader, append([]head{text('H', "Provider")}, severityHeads()...)...)
	row += 2
	for _, o := range sortedGroups(t.providers) {
		c.put(row, 'H', lookBody.strong(), oneLine(o.name))
		c.severityCells(row, o, g, 'E', 'H')
		row++
	}
	if len(t.providers) == 0 {
		c.fill(row, 'H', 'N', lookBody)
		c.put(row, 'H', lookBody.colored(colGrey), "None.")
		row++
	}
	return row + 1
}

// overviewCharts puts the figures behind the charts at Q8 and the charts below
// the tables.
func (c *canvas) overviewCharts(row int, t *exceptionTally) {
	if t.open.total() == 0 {
		return
	}
	ages := make([]chartFigure, 0, len(t.ages))
	for i, label := range []string{"Under 1 day", "1 to 2 days", "2 to 3 days", "3 to 7 days", "Over 7 days"} {
		ages = append(ages, chartFigure{label, t.ages[i][:]})
	}
	var providers []chartFigure
	for _, o := range sortedGroups(t.providers) {
		providers = append(providers, chartFigure{oneLine(o.name), o.counts[:]})
	}
	rows := max(15, len(providers)*2+5)
	first, last, most := c.chartFigures(8, "Age", severityTitles, ages)
	c.chart(stacked{
		name: "Open exceptions by age", title: "Open exceptions by age", alt: "Columns: open exceptions by age, stacked by severity, critical below",
		cell: at('B', row), from: 'B', to: 'F', rows: rows, figures: 'Q', first: first, last: last, colors: chartSeverity, most: most,
	})
	first, last, most = c.chartFigures(last+2, "Provider", severityTitles, providers)
	c.chart(stacked{
		name: "Open exceptions by provider", title: "Open exceptions by provider", alt: "Bars: open exceptions by provider, stacked by severity, critical first",
		cell: at('H', row), from: 'H', to: 'N', rows: rows, figures: 'Q', first: first, last: last, colors: chartSeverity, bars: true, most: most,
	})
}

// chartFigure is one category of a chart with its counts.
type chartFigure struct {
	label  string
	counts []int64
}

// chartFigures writes the block of figures behind a chart, outside the printed
// page, and tells its rows and the longest stack.
func (c *canvas) chartFigures(row int, what string, series []string, figures []chartFigure) (first, last int, most int64) {
	c.put(row, 'Q', lookNote.strong(), what)
	for i, title := range series {
		c.put(row, 'R'+byte(i), lookNote.strong().right(), title)
	}
	for i, f := range figures {
		c.put(row+1+i, 'Q', lookNote, f.label)
		var all int64
		for j, n := range f.counts {
			c.put(row+1+i, 'R'+byte(j), lookNote.right().as(formatCount), n)
			all += n
		}
		most = max(most, all)
	}
	return row + 1, row + len(figures), most
}

// ageDays is an age in days, cut to the tenth that its words show.
func ageDays(age time.Duration) float64 { return float64(int64(age/(day/10))) / 10 }

func openAnswer(open int64) string {
	if open == 0 {
		return "No exceptions are open"
	}
	return plural(open, "exception") + verb(open, " is open", " are open")
}

func closedDetail(t *exceptionTally) string {
	closed := t.byThemselves + t.byPerson
	if closed == 0 {
		return "None was closed."
	}
	var who []string
	if t.byThemselves > 0 {
		who = append(who, count(t.byThemselves)+verb(t.byThemselves, " by itself", " by themselves"))
	}
	if t.byPerson > 0 {
		who = append(who, count(t.byPerson)+" by a person")
	}
	return fmt.Sprintf("%s more %s closed: %s.", count(closed), verb(closed, "was", "were"), strings.Join(who, ", "))
}

func criticalAnswer(n int64) string {
	if n == 0 {
		return "None is critical"
	}
	return "◆ " + count(n) + verb(n, " is critical", " are critical")
}

// criticalDetail names the money of critical exceptions, by currency.
func criticalDetail(t *exceptionTally) string {
	const most = 3 // amounts that a card has room for
	var amounts []string
	for _, m := range t.sortedCurrencies() {
		if m.criticalAtRisk.sign() > 0 {
			amounts = append(amounts, m.criticalAtRisk.human(m.currency))
		}
	}
	more := ""
	if n := len(amounts) - most; n > 0 {
		amounts, more = amounts[:most], fmt.Sprintf(" and %d more", n)
	}
	if len(amounts) == 0 {
		return "No money is at risk by a critical exception."
	}
	return "Critical: " + strings.Join(amounts, ", ") + more + "."
}

func oldestAnswer(t *exceptionTally) string {
	if t.open.total() == 0 {
		return "Nothing is waiting"
	}
	return "Oldest: " + ageWords(t.oldest) + " days"
}

func olderDetail(t *exceptionTally) string {
	if t.olderThanTwoDays == 0 {
		return "None is older than two days."
	}
	return count(t.olderThanTwoDays) + verb(t.olderThanTwoDays, " is", " are") + " older than two days."
}

func startAnswer(open bySeverity) string {
	for i, n := range open {
		if n > 0 {
			return "Start with the " + count(n) + " " + strings.ToLower(severityTitles[i])
		}
	}
	return "Nothing to do"
}

func fillDetail(open int64) string {
	if open == 0 {
		return "No exceptions. Nothing to do."
	}
	return "Fill Owner, Resolution and Note in the sheet Exceptions and send the file back with: tieout exceptions import"
}
