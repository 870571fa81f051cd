package reports

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tieout/internal/payment"
)

var summaryWidths = []columnWidth{
	{'B', 13},
	{'C', 9},
	{'D', 9.5},
	{'E', 11},
	{'F', 16},
	{'G', 16},
	{'H', 16},
	{'I', 14.5},
	{'J', 16},
	{'K', 15},
	{'L', 16},
	{'M', 13},
	{'N', 12},
	{'O', 7},
}

// writeSummary composes the one page that answers: does it tie, what moved,
// what is at risk, what must be done.
func (s *settlement) writeSummary() {
	c := s.b.canvas("Summary", 'O', summaryWidths)
	c.zoom = 90
	c.title("Settlement", subtitle(s.b.passport))
	s.summaryCards(c)
	firstFlow, lastFlow := s.summaryByProvider(c, 8)
	firstCurrency, lastCurrency := s.summaryByCurrency(c, lastFlow+2, firstFlow, lastFlow)
	row := s.summaryNotes(c, s.summaryConverted(c, lastCurrency+1))
	s.summaryCharts(c, row+1)
	c.flush("Settlement", printing{wide: 1, high: 1})
	s.b.addName("summary_by_provider", fmt.Sprintf("Summary!$B$%d:$O$%d", firstFlow-1, lastFlow), "")
	s.b.addName("summary_by_currency", fmt.Sprintf("Summary!$B$%d:$O$%d", firstCurrency-1, lastCurrency), "")
	s.b.addName("unexplained", fmt.Sprintf("Summary!$M$%d:$M$%d", firstFlow, lastFlow), "")
}

func (s *settlement) summaryCards(c *canvas) {
	answer, bad := s.tiesAnswer()
	c.card('B', 'E', "Does it tie?", answer, s.tiesDetail(), bad)
	moved, detail := s.movedWords()
	c.card('F', 'H', "What moved?", moved, detail, false)
	critical := s.exceptions.open[0]
	c.card('I', 'K', "What is at risk?", riskAnswer(s.exceptions), riskDetail(s.exceptions), critical > 0)
	c.card('L', 'O', "What must I do?", resolveAnswer(s.exceptions), resolveDetail(s.exceptions, int64(s.b.passport.NotPolled)), false)
}

func (s *settlement) summaryByProvider(c *canvas, row int) (first, last int) {
	c.section(row, 'B', "What moved, by provider")
	c.headers(row+1, 'B', 'O', heightHeaderTwo,
		text('B', "Provider"), text('C', "Kind"), text('D', "Currency"), figure('E', "Completed payments"),
		figure('F', "Gross"), figure('G', "Refunded"), figure('H', "Fee"), figure('I', "Tax"), figure('J', "Net"),
		figure('K', "Disputed"), figure('L', "Provider total"), figure('M', "Unexplained"), figure('N', "Set aside"), tick('O'))
	first = row + 2
	for i, f := range s.flows {
		row = first + i
		repeated, below := groupLine(i, len(s.flows), func(i int) string { return s.flows[i].provider })
		c.flowHead(row, f.provider, f.kind, f.currency, repeated, below)
		s.summaryFlow(c, row, f, below)
	}
	if len(s.flows) == 0 {
		row = first
		c.fill(row, 'B', 'O', lookBody)
		c.put(row, 'B', lookBody.colored(colGrey), "There are no payments in this range.")
	}
	return first, row
}

func (s *settlement) summaryFlow(c *canvas, row int, f *flow, below line) {
	body := look{below: below, align: "right"}
	amount, counted, exact := body.as(amountFormat(f.exp)), body.as(formatCount), f.exact()
	from := func(column byte) string { return sumIfs(s.lines, column, ofFlow(row)...) }
	c.formula(row, 'E', counted, from('E'), f.count)
	c.value(row, 'F', amount, from('F'), &f.gross, exact)
	c.value(row, 'G', amount, from('G'), &f.refunded, exact)
	c.put(row, 'H', body, nil)
	c.put(row, 'I', body, nil)
	if f.feeIsKnown {
		c.value(row, 'H', amount, from('H'), &f.fee, exact)
	}
	if f.taxIsKnown {
		c.value(row, 'I', amount, from('I'), &f.tax, exact)
	}
	c.value(row, 'J', amount.strong(), from('J'), &f.net, exact)
	c.value(row, 'K', amount, from('L'), &f.disputed, exact)
	c.value(row, 'L', amount, fmt.Sprintf("F%d+K%d", row, row), f.providerTotal(), exact)
	if u := f.unexplained(); u != nil {
		c.value(row, 'M', amount, fmt.Sprintf("'Control totals'!K%d", s.statementRow[f.statement]), u, exact)
	} else {
		c.put(row, 'M', body.sized(8).colored(colGrey), noStatement)
	}
	aside := counted
	c.formula(row, 'N', aside, from('S'), f.exceptions)
	formula := ""
	if exact {
		formula = fmt.Sprintf(`IF(AND(ABS(ROUND(J%[1]d-(F%[1]d-G%[1]d%[2]sH%[1]d%[2]sI%[1]d),%[3]d))<%[4]s,ABS(N(M%[1]d))<%[4]s),"✓","✗")`,
			row, feeSign(f.kind), f.exp, halfUnit(f.exp))
	}
	c.tie(row, 'O', below, formula, f.ties())
}

// feeSign is how fee and tax count in net: a payout costs them in addition.
func feeSign(kind payment.Kind) string {
	if kind == payment.Payout {
		return "+"
	}
	return "-"
}

func (s *settlement) summaryByCurrency(c *canvas, row, firstFlow, lastFlow int) (first, last int) {
	c.section(row, 'B', "What it did to your balances, by currency")
	c.headers(row+1, 'B', 'O', heightHeaderTwo, text('B', "Currency"), figure('E', "Payments and orphans"),
		figure('F', "In: net of deposits"), figure('G', "Out: net of payouts"), figure('H', "Change in balance"),
		figure('I', "Still pending"), figure('J', "At risk"), figure('K', "Of which critical"), figure('L', "Disputed"),
		figure('M', "Unexplained"), figure('N', "Open exceptions"), tick('O'))
	first = row + 2
	for i, b := range s.balances {
		row = first + i
		s.summaryBalance(c, row, b, firstFlow, lastFlow)
	}
	if len(s.balances) == 0 {
		row = first
		c.fill(row, 'B', 'O', lookBody)
	}
	return first, row
}

func (s *settlement) summaryBalance(c *canvas, row int, b *balance, firstFlow, lastFlow int) {
	c.fill(row, 'B', 'O', lookBody)
	c.put(row, 'B', lookBody.strong(), b.currency)
	body := lookBody.right()
	amount, counted := body.as(amountFormat(b.exp)), body.as(formatCount)
	currency := fmt.Sprintf("$B%d", row)
	var payments []string
	for _, column := range []byte{'E', 'M', 'O', 'Q', 'S'} {
		payments = append(payments, sumIfs(s.lines, column, condition{'D', currency}))
	}
	c.formula(row, 'E', counted, strings.Join(payments, "+"), b.payments)
	above := func(column byte, kind string) string {
		out := fmt.Sprintf("SUMIFS(%s,%s,%s", span(column, firstFlow, lastFlow), span('D', firstFlow, lastFlow), currency)
		if kind != "" {
			out += fmt.Sprintf(`,%s,"%s"`, span('C', firstFlow, lastFlow), kind)
		}
		return out + ")"
	}
	c.value(row, 'F', amount, above('J', "deposit"), &b.in, b.exact)
	c.value(row, 'G', amount, above('J', "payout"), &b.out, b.exact)
	change := &sum{exp: b.exp}
	change.addSum(&b.in)
	change.sub(&b.out)
	c.value(row, 'H', amount.strong(), fmt.Sprintf("F%d-G%d", row, row), change, b.exact)
	c.value(row, 'I', amount, sumIfs(s.lines, 'N', condition{'D', currency}), &b.pending, b.exact)
	c.value(row, 'L', amount, above('K', ""), &b.disputed, b.exact)
	if b.statements > 0 {
		c.value(row, 'M', amount, above('M', ""), &b.unexplained, b.exact)
	} else {
		c.put(row, 'M', body.sized(8).colored(colGrey), noStatement)
	}
	risk := s.exceptions.currencies[b.currency]
	if risk == nil {
		risk = &openMoney{}
	}
	atRisk := body.as(amountFormat(max(b.exp, risk.atRisk.exp)))
	c.put(row, 'J', atRisk.strong(), risk.atRisk.value())
	c.put(row, 'K', alertWhen(atRisk, risk.criticalAtRisk.sign() > 0), risk.criticalAtRisk.value())
	c.put(row, 'N', counted, risk.open)
	formula := fmt.Sprintf(`IF(COUNTIFS(%s,%s,%s,"✗")=0,"✓","✗")`, span('D', firstFlow, lastFlow), currency, span('O', firstFlow, lastFlow))
	c.tie(row, 'O', lineHair, formula, b.allTie)
}

// mostSentences keeps the page one page.
const mostSentences = 6

func (s *settlement) summaryNotes(c *canvas, row int) int {
	sentences := []string{"– is zero; an empty cell is not known. Amounts of different currencies are never added up. " +
		"Set aside counts payments and orphans that are exceptions; open exceptions also counts advisory ones and a second difference of the same payment."}
	if booked := s.adjustmentsSentence(); booked != "" {
		sentences = append(sentences, booked)
	}
	var differ []string
	for i := range s.f.Statements {
		st := &s.f.Statements[i]
		if st.Statement != nil && statementUnexplained(st).sign() != 0 {
			differ = append(differ, markDiffers+" "+st.Provider+" "+string(st.Kind)+"s: "+statementSentence(st))
		}
	}
	for _, w := range s.walletDifferences() {
		differ = append(differ, markDiffers+" "+w+".")
	}
	if len(differ) > mostSentences {
		more := int64(len(differ) - mostSentences + 1)
		differ = append(differ[:mostSentences-1], "… and "+plural(more, "more difference")+": see Control totals, 5 and 6.")
	}
	for i, sentence := range append(sentences, differ...) {
		c.note(row, lookNote, sentence, i == 0)
		row++
	}
	return row
}

// note writes a sentence in small letters; the first below a table has a little room.
func (c *canvas) note(row int, l look, sentence string, first bool) {
	const height = 11.5
	c.height[row] = height
	if first {
		c.height[row], l.vertical = height+4, "bottom"
	}
	c.put(row, 'B', l, oneLine(sentence))
}

// statementSentence names the difference, in the words of the match step where
// it gave some.
func statementSentence(st *StatementTotal) string {
	if st.Sentence != "" {
		return st.Sentence
	}
	return statementUnexplained(st).human(st.Currency) + " is unexplained."
}

func (s *settlement) summaryCharts(c *canvas, row int) {
	series := []string{"Matched", "Pending", "Exceptions"}
	providers, risks := s.providerFigures()
	if len(providers) == 0 {
		return
	}
	rows := max(15, len(providers)*2+5)
	first, last, most := c.chartFigures(8, "Provider", series, providers)
	c.chart(stacked{
		name: "Payments by provider", title: "Payments by provider", alt: "Bars: payments by provider, stacked by matched, pending and exceptions",
		cell: at('B', row), from: 'B', to: 'F', rows: rows, figures: 'Q', first: first, last: last, colors: chartResult, bars: true, most: most,
	})
	what, dates := s.dateFigures()
	first, last, most = c.chartFigures(last+2, "Business date", series, dates)
	c.chart(stacked{
		name: "Payments by business date", title: what, alt: "Columns: payments by business date, stacked by matched, pending and exceptions",
		cell: at('G', row), from: 'G', to: 'J', rows: rows, figures: 'Q', first: first, last: last, colors: chartResult, most: most,
	})
	first, last, most = c.chartFigures(last+2, "Provider", severityTitles, risks)
	c.chart(stacked{
		name: "Open exceptions by provider", title: "Open exceptions by provider", alt: "Bars: open exceptions by provider, stacked by severity, critical first",
		cell: at('K', row), from: 'K', to: 'O', rows: rows, figures: 'Q', first: first, last: last, colors: chartSeverity, bars: true, most: most,
	})
}

func (s *settlement) providerFigures() (payments, risks []chartFigure) {
	for i, f := range s.flows {
		if i == 0 || s.flows[i-1].provider != f.provider {
			payments = append(payments, chartFigure{f.provider, make([]int64, 3)})
			open := make([]int64, len(severities))
			if o := s.exceptions.providers[f.provider]; o != nil {
				copy(open, o.counts[:])
			}
			risks = append(risks, chartFigure{oneLine(f.provider), open})
		}
		addCounts(payments[len(payments)-1].counts, f.matched, f.pending, f.exceptions)
	}
	return payments, risks
}

func addCounts(counts []int64, more ...int64) {
	for i, n := range more {
		counts[i] += n
	}
}

// dateFigures counts by business date; by week where there are too many dates.
func (s *settlement) dateFigures() (title string, out []chartFigure) {
	const most = 14
	p := s.b.passport
	start, step, title, label := p.From, 1, "Payments by business date", "2 Jan"
	if p.To.Sub(p.From) >= most*day {
		monday := (int(p.From.Weekday()) + 6) % 7
		start, step, title = p.From.AddDate(0, 0, -monday), 7, "Payments by week (from Monday)"
	}
	var begins []time.Time
	for d := start; !d.After(p.To); d = d.AddDate(0, 0, step) {
		begins = append(begins, d)
		out = append(out, chartFigure{d.Format(label), make([]int64, 3)})
	}
	for i := range s.f.Lines {
		l := &s.f.Lines[i]
		n, exact := slices.BinarySearchFunc(begins, l.BusinessDate, func(a, b time.Time) int { return a.Compare(b) })
		if !exact {
			n--
		}
		if n >= 0 && n < len(out) {
			addCounts(out[n].counts, l.Count+l.FailedCount+l.ReversedCount, l.PendingCount, l.ExceptionCount)
		}
	}
	return title, out
}
