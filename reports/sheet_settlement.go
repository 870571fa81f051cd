package reports

// settlementGrid is settlement.csv in words.
func settlementGrid(p Passport, lines []Line, limit int64) *grid {
	g := &grid{
		sheet: "Settlement", table: "settlement", document: "Settlement",
		frozen: 3, repeated: 'D', pages: []int{13}, rows: int64(len(lines)), limit: limit, height: heightData,
	}
	widths := make([]int, len(settlementColumns))
	for i := range lines {
		for j, s := range settlementRecord(&lines[i]) {
			widths[j] = max(widths[j], columns(s))
		}
	}
	for i, name := range settlementColumns {
		column := gridColumn{title: header(name, p)}
		switch {
		case i == 0:
			column.width = widthDate
		case i < 3:
			column.width = fitted(column.title, widths[i], 9)
		case i == 3:
			column.width = widthCode
		case settlementCounts[i]:
			column.align, column.width = "right", fitted(column.title, grouped(widths[i]), 10.5)
		default:
			column.align, column.width = "right", fitted(column.title, grouped(widths[i]), widthAmount)
		}
		g.columns = append(g.columns, column)
	}
	return g
}

// settlementCounts are the columns that count payments.
var settlementCounts = map[int]bool{4: true, 10: true, 12: true, 14: true, 16: true, 18: true}

func (b *book) writeSettlement(g *grid, lines []Line) error {
	w := b.openGrid(g)
	for i := range lines {
		last := i+1 == len(lines) || !lines[i+1].BusinessDate.Equal(lines[i].BusinessDate)
		b.settlementCells(w, &lines[i], last)
		if err := w.next(); err != nil {
			return err
		}
	}
	return w.close()
}

// settlementCells fills a row; last ends a business date.
func (b *book) settlementCells(w *gridWriter, l *Line, last bool) {
	body := lookBody
	if last {
		body = body.under(lineRule)
	}
	set := func(i int, l look, value any) {
		w.cells[i].StyleID, w.cells[i].Value = b.style(l), value
	}
	set(0, body.as(formatDate), dateSerial(l.BusinessDate))
	set(1, body.as(formatText), oneLine(l.Provider))
	set(2, body, string(l.Kind))
	set(3, body, l.Currency)
	for i, n := range map[int]int64{4: l.Count, 10: l.FeeKnownCount, 12: l.PendingCount, 14: l.FailedCount, 16: l.ReversedCount, 18: l.ExceptionCount} {
		set(i, body.right().as(formatCount), n)
	}
	if l.ExceptionCount > 0 {
		set(18, body.right().as(formatCount).strong().colored(colAlert), l.ExceptionCount)
	}
	for i, minor := range map[int]int64{
		5: l.Gross, 6: l.Refunded, 7: l.Fee, 8: l.Tax, 9: l.Net, 11: l.Disputed,
		13: l.PendingAmount, 15: l.FailedAmount, 17: l.ReversedAmount, 19: l.ExceptionAmount,
	} {
		style := body.right().as(amountFormat(l.Exp))
		if minor < 0 {
			style = style.colored(colAlert)
		}
		style.bold = i == 9
		set(i, style, minorNumber(minor, l.Exp))
	}
	if !l.FeeKnown {
		set(7, body, nil)
	}
	if !l.TaxKnown {
		set(8, body, nil)
	}
}
