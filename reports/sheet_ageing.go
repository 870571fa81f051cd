package reports

import (
	"fmt"
	"time"
)

var ageingWidths = []columnWidth{
	{'B', 14},
	{'C', 10},
	{'D', 10.5},
	{'E', 11.5},
	{'F', 17},
	{'G', 16},
	{'H', 16},
	{'I', 16},
	{'J', 16},
	{'K', 16},
	{'L', 13},
	{'M', 13.5},
}

var ageingBuckets = []string{"Under 1 hour", "1 to 24 hours", "1 to 3 days", "3 to 7 days", "Over 7 days"}

// onePage is how many lines still fit a printed page.
const onePage = 30

func (s *settlement) writeAgeing() {
	c := s.b.canvas("Pending ageing", 'M', ageingWidths)
	c.title("Pending ageing", subtitle(s.b.passport))
	c.verdict(4, lookVerdict, ageingVerdict(s.f.Ageing))
	row := s.ageingTable(c, 6)
	row = s.rollForward(c, row)
	s.ageingChart(c, row)
	how := printing{wide: 1}
	if len(s.f.Ageing)+len(s.f.RollForward) <= onePage {
		how.high = 1
	}
	c.flush("Settlement", how)
}

func (s *settlement) ageingTable(c *canvas, row int) int {
	rows := s.f.Ageing
	c.section(row, 'B', "How old is what is pending (age from creation to "+moment(s.b.passport.StartedAt, s.b.passport)+")")
	heads := []head{text('B', "Provider"), text('C', "Kind"), text('D', "Currency"), figure('E', "Payments"), figure('F', "Amount")}
	for i, title := range ageingBuckets {
		heads = append(heads, figure('G'+byte(i), title))
	}
	c.headers(row+1, 'B', 'M', heightHeaderTwo, append(heads, figure('L', "Oldest, days"), figure('M', "Past allowed time"))...)
	first := row + 2
	row = first
	if len(rows) == 0 {
		c.fill(row, 'B', 'M', lookBody)
		c.put(row, 'B', lookBody.colored(colGrey), "Nothing is pending.")
		return row + 2
	}
	var all [7]int64
	var oldest int64
	for i := range rows {
		a := &rows[i]
		repeated, below := groupLine(i, len(rows), func(i int) string { return rows[i].Provider })
		c.flowHead(row, a.Provider, a.Kind, a.Currency, repeated, below)
		number := look{below: below, align: "right", format: formatCount}
		c.formula(row, 'E', number.strong(), fmt.Sprintf("SUM(G%d:K%d)", row, row), a.Count)
		c.amount(row, 'F', number.strong(), a.Amount, a.Exp)
		for j, n := range a.Buckets {
			c.put(row, 'G'+byte(j), number, n)
			all[j] += n
		}
		c.put(row, 'L', number.as(formatAge), ageDays(time.Duration(a.OldestSeconds)*time.Second))
		c.put(row, 'M', alertWhen(number, a.PastAllowed > 0), a.PastAllowed)
		all[5] += a.PastAllowed
		all[6] += a.Count
		oldest = max(oldest, a.OldestSeconds)
		row++
	}
	total := look{bold: true, above: lineInk}
	c.fill(row, 'B', 'M', total)
	c.put(row, 'B', total, "All")
	total = total.right().as(formatCount)
	for i, column := range []byte{'G', 'H', 'I', 'J', 'K', 'M', 'E'} {
		c.formula(row, column, total, fmt.Sprintf("SUM(%c%d:%c%d)", column, first, column, row-1), all[i])
	}
	c.formula(row, 'L', total.as(formatAge), fmt.Sprintf("MAX(L%d:L%d)", first, row-1), ageDays(time.Duration(oldest)*time.Second))
	return row + 2
}

func (s *settlement) rollForward(c *canvas, row int) int {
	rows := s.f.RollForward
	c.section(row, 'B', "How the pending total moved")
	c.headers(row+1, 'B', 'M', heightHeader, text('B', "Provider"), text('C', "Kind"), text('D', "Currency"),
		figure('F', "Opening pending"), figure('G', "+ New"), figure('H', "– Completed"), figure('I', "– Failed"),
		figure('J', "– Set aside"), figure('K', "= Closing"), figure('L', "Unexplained"), tick('M'))
	row += 2
	if len(rows) == 0 {
		c.fill(row, 'B', 'M', lookBody)
		c.put(row, 'B', lookBody.colored(colGrey), "No payments.")
		return row + 2
	}
	for i := range rows {
		r := &rows[i]
		repeated, below := groupLine(i, len(rows), func(i int) string { return rows[i].Provider })
		c.flowHead(row, r.Provider, r.Kind, r.Currency, repeated, below)
		body := look{below: below, align: "right"}
		c.put(row, 'E', body, nil)
		left := &sum{exp: r.Exp}
		for j, term := range []struct{ minor, sign int64 }{
			{r.Opening, 1}, {r.New, 1}, {r.Completed, -1}, {r.Failed, -1}, {r.SetAside, -1}, {r.Closing, -1},
		} {
			l := body
			l.bold = j == 5
			c.amount(row, 'F'+byte(j), l, term.minor, r.Exp)
			left.add(term.sign*term.minor, r.Exp)
		}
		formula := fmt.Sprintf("ROUND(F%[1]d+G%[1]d-H%[1]d-I%[1]d-J%[1]d-K%[1]d,%[2]d)", row, r.Exp)
		c.value(row, 'L', body.as(amountFormat(r.Exp)), formula, left, left.exact())
		c.tie(row, 'M', below, exactFormula(left.exact(), tieFormula(at('L', row), r.Exp)), left.sign() == 0)
		row++
	}
	c.put(row, 'B', lookNote, openingWords(s.f.Carried))
	return row + 2
}

// exactFormula is the formula, or none where number cells can't hold the figures.
func exactFormula(exact bool, formula string) string {
	if exact {
		return formula
	}
	return ""
}

func (s *settlement) ageingChart(c *canvas, row int) {
	var figures []chartFigure
	for i := range s.f.Ageing {
		a := &s.f.Ageing[i]
		if i == 0 || s.f.Ageing[i-1].Provider != a.Provider {
			figures = append(figures, chartFigure{oneLine(a.Provider), make([]int64, len(a.Buckets))})
		}
		addCounts(figures[len(figures)-1].counts, a.Buckets[:]...)
	}
	if len(figures) == 0 {
		return
	}
	first, last, most := c.chartFigures(8, "Provider", ageingBuckets, figures)
	c.chart(stacked{
		name: "Pending payments by age", title: "Pending payments by age", alt: "Bars: pending payments by provider, stacked by age, older is darker",
		cell: at('B', row), from: 'B', to: 'K', rows: max(9, len(figures)*2+3), figures: 'Q',
		first: first, last: last, colors: chartAge, bars: true, most: most,
	})
}
