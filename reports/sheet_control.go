package reports

import (
	"cmp"
	"fmt"
	"slices"

	"tieout/internal/payment"
)

var controlWidths = []columnWidth{
	{'B', 16}, {'C', 10}, {'D', 10.5}, {'E', 17}, {'F', 17}, {'G', 17}, {'H', 17}, {'I', 17}, {'J', 17}, {'K', 15}, {'L', 7.5},
}

// writeControl composes the proofs. What is unexplained always stands in K, the
// tick in L.
func (s *settlement) writeControl() {
	c := s.b.canvas("Control totals", 'L', controlWidths)
	starts := []int{8}
	for _, section := range []func(*canvas, int) int{
		s.controlPulled, s.controlProviders, s.controlDetail, s.controlNet, s.controlStatements, s.controlWallets,
	} {
		starts = append(starts, section(c, starts[len(starts)-1]))
	}
	c.breaks = c.paginate(starts, starts[3])

	// The verdict is known only now.
	c.title("Control totals", subtitle(s.b.passport))
	mark, l := markTies, look{size: 12, bold: true, color: colAccent}
	if s.controlsTie < s.controls || s.checksOff() > 0 {
		mark, l = markDiffers, l.colored(colAlert)
	}
	c.verdict(4, l, mark+" "+s.controlWords())
	sentence, bad := s.statementVerdict()
	c.put(5, 'B', alertWhen(look{bold: true}, bad), sentence)
	note := 6
	if sentence, bad := s.walletVerdict(); sentence != "" {
		c.put(note, 'B', alertWhen(look{bold: true}, bad), sentence)
		note++
		c.height[note] = 24 // a little room above the first section
	}
	c.put(note, 'B', look{color: colGrey, vertical: "top"}, "Each line is proven twice: by tieout before it published, and by the formulas in this sheet.")
	c.flush("Settlement", printing{wide: 1})
}

// proof writes K and L of a row and counts it.
func (s *settlement) proof(c *canvas, row int, below line, formula string, left *sum, exact bool, exp int) {
	ties := left.sign() == 0
	s.controls++
	if ties {
		s.controlsTie++
	}
	c.unexplained(row, below, formula, left, exact, exp)
}

func (c *canvas) unexplained(row int, below line, formula string, left *sum, exact bool, exp int) {
	c.value(row, 'K', look{below: below, align: "right", format: amountFormat(exp)}, formula, left, exact)
	c.tie(row, 'L', below, exactFormula(exact, tieFormula(at('K', row), exp)), left.sign() == 0)
}

func (s *settlement) controlPulled(c *canvas, row int) int {
	c.section(row, 'B', "1  Every payment is counted once: pulled = matched + pending + exceptions")
	c.headers(row+1, 'B', 'L', heightHeader, text('B', "What"), text('D', "Currency"), figure('E', "Pulled"), figure('F', "Matched"),
		figure('G', "Pending"), figure('H', "Exceptions"), figure('K', "Unexplained"), tick('L'))
	row += 2
	for _, what := range []string{"Payments", "Amounts"} {
		for i := range s.f.Pulled {
			p := &s.f.Pulled[i]
			exp, terms := 0, []int64{p.Pulled, p.Matched, p.Pending, p.Exceptions}
			if what == "Amounts" {
				exp, terms = p.Exp, []int64{p.PulledAmount, p.MatchedAmount, p.PendingAmount, p.ExceptionsAmount}
			}
			below := lineHair
			if i+1 == len(s.f.Pulled) {
				below = lineRule
			}
			l := look{below: below}
			c.fill(row, 'B', 'L', l)
			if i == 0 {
				c.put(row, 'B', l.strong(), what)
			} else {
				c.put(row, 'B', l.colored(colGrey), what)
			}
			c.put(row, 'D', l, p.Currency)
			s.proofOf(c, row, below, terms, exp, "ROUND(E%[1]d-F%[1]d-G%[1]d-H%[1]d,%[2]d)")
			row++
		}
	}
	return row + 1
}

// proofOf writes terms from E on, of which the first must equal the sum of the
// others, and the proof of it.
func (s *settlement) proofOf(c *canvas, row int, below line, terms []int64, exp int, formula string) {
	left := &sum{exp: exp}
	for i, minor := range terms {
		c.amount(row, 'E'+byte(i), look{below: below}, minor, exp)
		if i > 0 {
			minor = -minor
		}
		left.add(minor, exp)
	}
	s.proof(c, row, below, fmt.Sprintf(formula, row, exp), left, left.exact(), exp)
}

func (s *settlement) controlProviders(c *canvas, row int) int {
	c.section(row, 'B', "2  Every provider transaction has a place")
	c.headers(row+1, 'B', 'L', heightHeaderTwo, text('B', "Provider"), figure('E', "Transactions"), figure('F', "Matched"),
		figure('G', "Pending"), figure('H', "Exceptions"), figure('I', "Candidates of an ambiguous match"),
		figure('J', "Unclaimed, no money moved"), figure('K', "Unexplained"), tick('L'))
	row += 2
	for i := range s.f.Providers {
		p := &s.f.Providers[i]
		c.fill(row, 'B', 'L', lookBody)
		c.put(row, 'B', lookBody.strong(), oneLine(p.Provider))
		s.proofOf(c, row, lineHair, []int64{p.Transactions, p.Matched, p.Pending, p.Exceptions, p.Candidates, p.Unclaimed}, 0,
			"ROUND(E%[1]d-F%[1]d-G%[1]d-H%[1]d-I%[1]d-J%[1]d,%[2]d)")
		row++
	}
	return row + 1
}

// netPair is what rows and lines say about one currency, by kind.
type netPair struct {
	currency   string
	rows, line map[payment.Kind]*sum
}

// netPairs puts the nets by rows beside those by lines. Where no sums by rows
// are given, Figures is incomplete and the pair differs, as it should.
func (s *settlement) netPairs() []*netPair {
	byCurrency := map[string]*netPair{}
	of := func(currency string) *netPair {
		p := byCurrency[currency]
		if p == nil {
			p = &netPair{currency, map[payment.Kind]*sum{}, map[payment.Kind]*sum{}}
			for _, kind := range []payment.Kind{payment.Deposit, payment.Payout} {
				p.rows[kind], p.line[kind] = &sum{}, &sum{}
			}
			byCurrency[currency] = p
		}
		return p
	}
	for i := range s.f.NetByRows {
		n := &s.f.NetByRows[i]
		if rows := of(n.Currency).rows[n.Kind]; rows != nil {
			rows.add(n.After, n.Exp)
		}
	}
	for _, f := range s.flows {
		if lines := of(f.currency).line[f.kind]; lines != nil {
			lines.addSum(&f.net)
		}
	}
	out := make([]*netPair, 0, len(byCurrency))
	for _, p := range byCurrency {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *netPair) int { return cmp.Compare(a.currency, b.currency) })
	return out
}

func (s *settlement) controlDetail(c *canvas, row int) int {
	c.section(row, 'B', "3  Detail rows add up to the lines: net of completed, matched payments")
	c.headers(row+1, 'B', 'L', heightHeaderTwo, text('B', "Currency"), figure('E', "Transactions: deposits"),
		figure('F', "Settlement: deposits"), figure('G', "Transactions: payouts"), figure('H', "Settlement: payouts"),
		figure('K', "Unexplained"), tick('L'))
	closed := len(s.f.ClosedLines) > 0
	if closed {
		for column, title := range map[byte]string{'I': "Adjustments: deposits", 'J': "Adjustments: payouts"} {
			c.put(row+1, column, lookHeader.right(), title)
		}
	}
	row += 2
	for _, p := range s.netPairs() {
		c.fill(row, 'B', 'L', lookBody)
		c.put(row, 'B', lookBody.strong(), p.currency)
		left, exact, exp := &sum{}, true, 0
		for _, kind := range []payment.Kind{payment.Deposit, payment.Payout} {
			exact = exact && p.rows[kind].exact() && p.line[kind].exact()
			exp = max(exp, p.rows[kind].exp, p.line[kind].exp)
			d := &sum{}
			d.addSum(p.rows[kind])
			d.sub(p.line[kind])
			d.sub(s.adjustedNet(kind, p.currency))
			d.minor.Abs(&d.minor)
			left.addSum(d)
		}
		amount := lookBody.right().as(amountFormat(exp))
		for i, kind := range []payment.Kind{payment.Deposit, payment.Payout} {
			isKind, isCurrency := fmt.Sprintf("%q", string(kind)), fmt.Sprintf("$B%d", row)
			c.value(row, 'E'+2*byte(i), amount, sumIfs(s.transactions, 'O',
				condition{'S', `"matched"`}, condition{'B', isKind}, condition{'K', isCurrency}), p.rows[kind], exact)
			c.value(row, 'F'+2*byte(i), amount, sumIfs(s.lines, 'J',
				condition{'C', isKind}, condition{'D', isCurrency}), p.line[kind], exact)
		}
		formula := fmt.Sprintf("ROUND(ABS(E%[1]d-F%[1]d)+ABS(G%[1]d-H%[1]d),%[2]d)", row, exp)
		if closed {
			for i, kind := range []payment.Kind{payment.Deposit, payment.Payout} {
				c.value(row, 'I'+byte(i), amount.as(differenceFormat(exp)), s.adjusted('H', append(between('F', s.b.passport),
					condition{'D', fmt.Sprintf("%q", string(kind))}, condition{'I', fmt.Sprintf("$B%d", row)})...), s.adjustedNet(kind, p.currency), exact)
			}
			formula = fmt.Sprintf("ROUND(ABS(E%[1]d-F%[1]d-I%[1]d)+ABS(G%[1]d-H%[1]d-J%[1]d),%[2]d)", row, exp)
		}
		s.proof(c, row, lineHair, formula, left, exact, exp)
		row++
	}
	return row + 1
}

func (s *settlement) controlNet(c *canvas, row int) int {
	c.section(row, 'B', "4  Net by equation against net by lines")
	c.headers(row+1, 'B', 'L', heightHeader, text('B', "Provider"), text('C', "Kind"), text('D', "Currency"), figure('E', "Gross"),
		figure('F', "Refunded"), figure('G', "Fee"), figure('H', "Tax"), figure('I', "Net by equation"), figure('J', "Net by lines"),
		figure('K', "Unexplained"), tick('L'))
	row += 2
	for i, f := range s.flows {
		repeated, below := groupLine(i, len(s.flows), func(i int) string { return s.flows[i].provider })
		c.fill(row, 'B', 'L', look{below: below})
		c.flowHead(row, f.provider, f.kind, f.currency, repeated, below)
		amount, exact := look{below: below, align: "right", format: amountFormat(f.exp)}, f.exact()
		from := func(column byte) string { return sumIfs(s.lines, column, ofFlow(row)...) }
		c.value(row, 'E', amount, from('F'), &f.gross, exact)
		c.value(row, 'F', amount, from('G'), &f.refunded, exact)
		if f.feeIsKnown {
			c.value(row, 'G', amount, from('H'), &f.fee, exact)
		}
		if f.taxIsKnown {
			c.value(row, 'H', amount, from('I'), &f.tax, exact)
		}
		equation := f.equation()
		c.value(row, 'I', amount, fmt.Sprintf("E%[1]d-F%[1]d%[2]sG%[1]d%[2]sH%[1]d", row, feeSign(f.kind)), equation, exact)
		c.value(row, 'J', amount, from('J'), &f.net, exact)
		left := &sum{}
		left.addSum(equation)
		left.sub(&f.net)
		s.proof(c, row, below, fmt.Sprintf("ROUND(I%d-J%d,%d)", row, row, f.exp), left, exact, f.exp)
		row++
	}
	c.put(row, 'B', lookNote, "Deposits: net = gross – refunded – fee – tax. Payouts: net = gross – refunded + fee + tax. A fee that no source states is empty and counts as nothing.")
	return row + 2
}

func (s *settlement) controlStatements(c *canvas, row int) int {
	c.section(row, 'B', "5  The providers' statements")
	c.headers(row+1, 'B', 'L', heightHeaderTwo, text('B', "Provider"), text('C', "Kind"), text('D', "Currency"), figure('E', "Gross"),
		figure('F', "Disputed"), figure('G', "Provider total"), figure('H', "Statement total"), figure('I', "Difference"),
		figure('J', "Explained by exceptions"), figure('K', "Unexplained"), tick('L'))
	row += 2
	if len(s.f.Statements) == 0 {
		c.fill(row, 'B', 'L', lookBody)
		c.put(row, 'B', lookBody.colored(colGrey), "No provider gave a statement.")
		return row + 2
	}
	for i := range s.f.Statements {
		st := &s.f.Statements[i]
		repeated, below := groupLine(i, len(s.f.Statements), func(i int) string { return s.f.Statements[i].Provider })
		c.fill(row, 'B', 'L', look{below: below})
		c.flowHead(row, st.Provider, st.Kind, st.Currency, repeated, below)
		s.statementRow[st] = row
		c.statement(row, st, below)
		row++
	}
	c.put(row, 'B', lookNote, "Difference = statement total – provider total. Where there is no statement, the cells are empty: nothing is known, nothing is claimed.")
	return row + 2
}

func (c *canvas) statement(row int, st *StatementTotal, below line) {
	body := look{below: below, align: "right"}
	c.amount(row, 'E', body, st.Gross, st.Exp)
	c.amount(row, 'F', body, st.Disputed, st.Exp)
	total := &sum{exp: st.Exp}
	total.add(st.Gross, st.Exp)
	total.add(st.Disputed, st.Exp)
	amount, signed := body.as(amountFormat(st.Exp)), body.as(differenceFormat(st.Exp))
	c.value(row, 'G', amount, fmt.Sprintf("E%d+F%d", row, row), total, total.exact())
	if st.Statement == nil {
		c.put(row, 'H', body.sized(8).colored(colGrey), noStatement)
		return
	}
	c.amount(row, 'H', body, *st.Statement, st.Exp)
	differs := &sum{exp: st.Exp}
	differs.add(*st.Statement, st.Exp)
	differs.sub(total)
	explained := &sum{exp: st.Exp}
	explained.add(st.ExplainedByException, st.Exp)
	left := statementUnexplained(st)
	exact := total.exact() && differs.exact() && left.exact()
	c.value(row, 'I', signed, fmt.Sprintf("ROUND(H%d-G%d,%d)", row, row, st.Exp), differs, exact)
	c.value(row, 'J', signed, "", explained, exact)
	c.unexplained(row, below, fmt.Sprintf("ROUND(I%d-J%d,%d)", row, row, st.Exp), left, exact, st.Exp)
}
