package reports

import (
	"context"
	"fmt"
	"strings"

	"tieout/internal/payment"
)

// settlement composes settlement.xlsx.
type settlement struct {
	b                   *book
	f                   Figures
	exceptions          *exceptionTally
	lines, transactions *grid
	flows               []*flow
	balances            []*balance

	// Where Control totals has what Summary refers to.
	statementRow map[*StatementTotal]int
	// The first and the last row of the table of Adjustments.
	adjustmentRows [2]int
	// What Control totals found.
	controls, controlsTie int
}

func newSettlement(b *book, f Figures, t *exceptionTally, lines, transactions *grid) *settlement {
	s := &settlement{
		b: b, f: f, exceptions: t, lines: lines, transactions: transactions,
		flows: flows(f), statementRow: map[*StatementTotal]int{},
	}
	s.balances = balances(s.flows)
	return s
}

func (s *settlement) write(ctx context.Context, src Source) error {
	b := s.b
	b.addSheet("Summary")
	for _, g := range []*grid{s.lines, s.transactions} {
		for _, p := range g.parts() {
			b.addSheet(p.sheet)
		}
	}
	for _, name := range []string{"Pending ageing", "Refunds and fees", "Control totals", "Changes"} {
		b.addSheet(name)
	}
	if s.f.showsClosed() {
		b.addSheet("Adjustments")
	}
	b.addSheet("About")
	s.writeAdjustments() // first: Control totals refers to its rows
	s.writeControl()     // then: Summary refers to its rows
	s.writeSummary()
	s.writeAgeing()
	s.writeFees()
	s.writeChanges()
	s.writeAbout()
	answer, _ := s.tiesAnswer()
	b.describe("Settlement", "What moved, by provider, kind and currency", strings.TrimLeft(answer, "✓✗ ")+".")
	if b.err != nil {
		return b.err
	}
	if err := b.writeSettlement(s.lines, s.f.Lines); err != nil {
		return err
	}
	return b.writeTransactions(ctx, s.transactions, src)
}

// condition is one pair of a SUMIFS: a column of the grid and what it must be.
type condition struct {
	column byte
	equals string // a cell or a quoted text
}

// sumIfs adds up a column of a grid over all its sheets.
func sumIfs(g *grid, column byte, where ...condition) string {
	var terms []string
	for _, p := range g.parts() {
		var b strings.Builder
		fmt.Fprintf(&b, "SUMIFS(%s", p.column(column))
		for _, w := range where {
			fmt.Fprintf(&b, ",%s,%s", p.column(w.column), w.equals)
		}
		b.WriteByte(')')
		terms = append(terms, b.String())
	}
	return strings.Join(terms, "+")
}

// ofFlow names the line's provider, kind and currency by the cells of a row.
func ofFlow(row int) []condition {
	return []condition{
		{'B', fmt.Sprintf("$B%d", row)}, {'C', fmt.Sprintf("$C%d", row)}, {'D', fmt.Sprintf("$D%d", row)},
	}
}

// flowHead writes a row's provider, kind and currency. A repeated provider is
// grey; the line below is stronger where the next row has another.
func (c *canvas) flowHead(row int, provider string, kind payment.Kind, currency string, repeated bool, below line) {
	l := look{below: below}
	if repeated {
		c.put(row, 'B', l.colored(colGrey), oneLine(provider))
	} else {
		c.put(row, 'B', l.strong(), oneLine(provider))
	}
	c.put(row, 'C', l, string(kind))
	c.put(row, 'D', l, currency)
}

// groupLine is the line below row i of n, whose group name differs from the next.
func groupLine(i, n int, name func(int) string) (repeated bool, below line) {
	repeated = i > 0 && name(i-1) == name(i)
	if i+1 == n || name(i+1) != name(i) {
		return repeated, lineRule
	}
	return repeated, lineHair
}

// tiesAnswer is the verdict over control totals and statements.
func (s *settlement) tiesAnswer() (answer string, bad bool) {
	if off := max(s.controls-s.controlsTie, s.checksOff()); off > 0 {
		return markDiffers + " " + plural(int64(off), "control total") + verb(int64(off), " does not tie", " do not tie"), true
	}
	left := s.unexplainedWords()
	switch len(left) {
	case 0:
		return markTies + " All totals tie", false
	case 1, 2:
		return markDiffers + " " + list(left) + " unexplained", true
	default:
		return markDiffers + " Differences in " + count(int64(len(left))) + " currencies", true
	}
}

// checksOff counts the equations that the run itself found not to hold.
func (s *settlement) checksOff() int {
	off := 0
	for _, c := range s.f.Checks {
		if !c.Ties {
			off++
		}
	}
	return off
}

// unexplainedWords is what the statements leave unexplained, by currency, as
// amounts without a sign: 150.00 too much and 150.00 too little do not cancel.
func (s *settlement) unexplainedWords() []string {
	left := map[string]*sum{}
	var order []string
	for i := range s.f.Statements {
		st := &s.f.Statements[i]
		if st.Statement == nil {
			continue
		}
		u := statementUnexplained(st)
		if u.sign() == 0 {
			continue
		}
		if left[st.Currency] == nil {
			left[st.Currency] = &sum{}
			order = append(order, st.Currency)
		}
		u.minor.Abs(&u.minor)
		left[st.Currency].addSum(u)
	}
	var out []string
	for _, currency := range order {
		out = append(out, left[currency].human(currency))
	}
	return out
}

// statementCounts tells how many statement totals there are and how many agree.
func (s *settlement) statementCounts() (given, agree int64, differ []string) {
	for i := range s.f.Statements {
		st := &s.f.Statements[i]
		if st.Statement == nil {
			continue
		}
		given++
		if statementUnexplained(st).sign() == 0 {
			agree++
		} else {
			differ = append(differ, st.Provider+" "+string(st.Kind)+"s")
		}
	}
	return given, agree, differ
}

// value puts a sum into a cell: with its formula where formulas can hold it.
func (c *canvas) value(row int, column byte, l look, formula string, v *sum, exact bool) {
	if v.sign() < 0 {
		l = l.colored(colAlert)
	}
	if formula == "" || !exact {
		c.put(row, column, l, v.value())
		return
	}
	c.formula(row, column, l, formula, v.value())
}

// amount puts minor units into a cell.
func (c *canvas) amount(row int, column byte, l look, minor int64, exp int) {
	if minor < 0 {
		l = l.colored(colAlert)
	}
	c.put(row, column, l.right().as(amountFormat(exp)), minorNumber(minor, exp))
}
