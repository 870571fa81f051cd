package reports

import (
	"context"
	"strings"
	"time"

	"tieout/internal/money"
	"tieout/internal/payment"
)

// transactionAmounts are the columns of transactions.csv that hold amounts.
var transactionAmounts = map[int]bool{7: true, 9: true, 11: true, 12: true, 13: true, 14: true}

// smallestScale prints the body's letters at about 5 points.
const smallestScale = 57

// transactionsGrid is transactions.csv in words; widths are those of the CSV.
func transactionsGrid(p Passport, rows int64, widths []int, limit int64) *grid {
	g := &grid{
		sheet: "Transactions", table: "transactions", document: "Settlement",
		frozen: 1, repeated: 'A', pages: []int{13}, rows: rows, limit: limit, height: heightDense,
	}
	for i, name := range transactionColumns {
		column := gridColumn{title: header(name, p)}
		switch {
		case transactionAmounts[i]:
			column.align, column.width = "right", fitted(column.title, grouped(widths[i]), widthAmount)
		case name == "currency" || name == "provider_currency":
			column.indent, column.width = 1, fitted(column.title, widths[i], widthCode)
		case name == "network_reference": // capitals are wide
			column.width = fitted(column.title, widths[i]+2, 15)
		case name == "business_date":
			column.width = widthDate
		case strings.HasSuffix(name, "_at"):
			column.width = fitted(column.title, 0, widthTime)
		default:
			column.width = fitted(column.title, widths[i], 9)
		}
		g.columns = append(g.columns, column)
	}
	g.columns[15].indent = 1       // right of the last amount
	if g.scale() < smallestScale { // long references: a page more rather than print too small to read
		g.pages = []int{8, 16}
	}
	return g
}

// amountStyles are the styles of amounts by decimals and sign, made once.
type amountStyles [money.MaxExponent + 1][2]int

func (b *book) amountStyles(l look) *amountStyles {
	var s amountStyles
	for exp := range s {
		right := l.right().as(amountFormat(exp))
		s[exp] = [2]int{b.style(right), b.style(right.colored(colAlert))}
	}
	return &s
}

func (s *amountStyles) of(minor int64, exp int) int {
	exp = min(max(exp, 0), money.MaxExponent)
	if minor < 0 {
		return s[exp][1]
	}
	return s[exp][0]
}

// transactionStyles are made before the first row: the loop only looks them up.
type transactionStyles struct {
	amount                                     *amountStyles
	text, grey, after, word, wordAfter, greyed int
	date, time                                 int
	exception                                  int
	location                                   *time.Location
}

func (b *book) transactionStyles() *transactionStyles {
	id := lookBody.as(formatText)
	return &transactionStyles{
		amount: b.amountStyles(lookBody),
		text:   b.style(id), grey: b.style(id.colored(colGrey)), after: b.style(id.indented()),
		word: b.style(lookBody), wordAfter: b.style(lookBody.indented()), greyed: b.style(lookBody.colored(colGrey)),
		date: b.style(lookBody.as(formatDate)), time: b.style(lookBody.as(formatTime)),
		exception: b.style(lookBody.as(formatException).colored(colAlert)),
		location:  location(b.passport),
	}
}

func (b *book) writeTransactions(ctx context.Context, g *grid, src Source) error {
	w, s := b.openGrid(g), b.transactionStyles()
	if err := src.Transactions(ctx, func(r *TransactionRow) error {
		s.fill(w, r)
		return w.next()
	}); err != nil {
		return err
	}
	return w.close()
}

func (s *transactionStyles) fill(w *gridWriter, r *TransactionRow) {
	set := func(i, style int, value any) { w.cells[i].StyleID, w.cells[i].Value = style, value }
	word := func(i, style int, value string) { set(i, style, textOrEmpty(value)) }
	amount := func(i int, a *money.Amount) {
		if a == nil {
			set(i, s.word, nil)
			return
		}
		set(i, s.amount.of(a.Minor, a.Exp), minorNumber(a.Minor, a.Exp))
	}
	word(0, s.text, r.PaymentID)
	word(1, s.word, string(r.Kind))
	word(2, s.text, r.Provider)
	word(3, s.text, r.ProviderPaymentID)
	word(4, s.text, r.ProviderReference)
	word(5, s.text, r.NetworkReference)
	word(6, s.text, r.Reference)
	amount(7, &r.Amount)
	word(8, s.wordAfter, r.Amount.Currency)
	amount(9, r.ProviderAmount)
	word(10, s.wordAfter, providerCurrency(r))
	amount(11, r.Refunded)
	amount(12, r.Fee)
	amount(13, r.Tax)
	amount(14, r.Net)
	word(15, s.wordAfter, string(r.InternalStatus))
	word(16, s.word, blanks(r.ProviderStatus))
	word(17, s.grey, r.RawStatus)
	switch r.Result {
	case payment.ResultException:
		set(18, s.exception, string(r.Result))
	case payment.ResultPending:
		set(18, s.greyed, string(r.Result))
	default:
		word(18, s.word, string(r.Result))
	}
	word(19, s.word, blanks(string(r.MatchMethod)))
	word(20, s.text, r.Account)
	set(21, s.date, dateSerial(r.BusinessDate))
	set(22, s.time, timeSerial(r.CreatedAt, s.location))
	set(23, s.time, timeSerial(r.CompletedAt, s.location))
	set(24, s.time, timeSerial(r.ObservedAt, s.location))
}

// textOrEmpty makes an unknown text an empty cell.
func textOrEmpty(s string) any {
	if s == "" {
		return nil
	}
	return oneLine(s)
}
