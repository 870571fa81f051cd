package statement

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"tieout/internal/money"
	"tieout/internal/payment"
)

// columns holds where each column is in the file, -1 where the file has none.
type columns struct {
	at    [columnCount]int
	width int // of the header
}

func (rd Reader) read(t table, row func(Row) error, reject func(Reject) error) error {
	c, err := rd.header(t)
	if err != nil {
		return err
	}
	for n := int64(1); ; n++ {
		cells, err := t.next()
		var bad *brokenRowError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &bad):
			err = reject(Reject{Number: n, Reason: bad.reason})
		case err != nil:
			return fmt.Errorf("row %d: %w", n, err)
		case blank(cells):
			continue
		default:
			r, fault := rd.parse(c, cells, t.sheet())
			if fault != nil {
				fault.Number = n
				err = reject(*fault)
			} else {
				r.Number = n
				err = row(r)
			}
		}
		if err != nil {
			return err
		}
	}
}

func blank(cells []string) bool {
	for _, c := range cells {
		if strings.TrimSpace(c) != "" {
			return false
		}
	}
	return true
}

// header reads the first row that is not blank.
func (rd Reader) header(t table) (columns, error) {
	for {
		cells, err := t.next()
		switch {
		case errors.Is(err, io.EOF):
			return columns{}, errors.New("the file is empty: its first row must name the columns")
		case err != nil:
			return columns{}, fmt.Errorf("the header can't be read: %w", err)
		case !blank(cells):
			return rd.find(cells)
		}
	}
}

// find looks for each column: by the configured header, else by its own name,
// else by the type's documented one. Other columns are passed over.
func (rd Reader) find(header []string) (columns, error) {
	c := columns{width: len(header)}
	for i := range c.at {
		c.at[i] = -1
	}
	place := func(col, i int) error {
		if c.at[col] >= 0 && c.at[col] != i {
			return fmt.Errorf("the header has two columns for %s: %q and %q; map it in statement_columns", Columns[col], clip(header[c.at[col]]), clip(header[i]))
		}
		c.at[col] = i
		return nil
	}
	taken := map[int]bool{}
	for col, name := range Columns {
		want, mapped := rd.Headers[name]
		if !mapped {
			continue
		}
		for i, h := range header {
			if plain(h) == plain(want) {
				if err := place(col, i); err != nil {
					return c, err
				}
				taken[i] = true
			}
		}
		if c.at[col] < 0 {
			return c, fmt.Errorf("the header has no column %q, which statement_columns gives for %s; it has: %s", clip(want), name, names(header))
		}
	}
	first, second := rd.dictionaries(header)
	for i, h := range header {
		if taken[i] {
			continue
		}
		col, known := first[plain(h)]
		if !known {
			col, known = second[plain(h)]
		}
		if _, mapped := rd.Headers[Columns[col]]; !known || mapped {
			continue
		}
		if err := place(col, i); err != nil {
			return c, err
		}
	}
	switch {
	case c.at[colID] < 0 && c.at[colReference] < 0:
		return c, fmt.Errorf("the header has neither %s nor %s; it has: %s%s", Columns[colID], Columns[colReference], names(header), mapIt)
	case c.at[colAmount] < 0:
		return c, fmt.Errorf("the header has no column for %s; it has: %s%s", Columns[colAmount], names(header), mapIt)
	case c.at[colCurrency] < 0 && rd.Currency == "":
		return c, fmt.Errorf("the header has no column for %s; it has: %s%s", Columns[colCurrency], names(header), mapIt)
	}
	return c, nil
}

// mapIt says what to do about a header that is not understood.
const mapIt = ". The first row must name the columns; where the provider has other names for them, statement_columns in the configuration maps them"

// dictionaries tells in whose words the header is read first, as one word may
// mean two things: pesaway's Reference is its id. A file is in our own words
// where it has provider_payment_id, or nothing that only the type documents.
func (rd Reader) dictionaries(header []string) (first, second map[string]int) {
	documented := rd.format().aliases
	theirs := false
	for _, h := range header {
		name := plain(h)
		if name == plain(Columns[colID]) {
			return own, documented
		}
		_, inOwn := own[name]
		_, inTheirs := documented[name]
		theirs = theirs || inTheirs && !inOwn
	}
	if theirs {
		return documented, own
	}
	return own, documented
}

// own gives the column of its own name, in the form of plain.
var own = func() map[string]int {
	m := map[string]int{}
	for i, name := range Columns {
		m[plain(name)] = i
	}
	return m
}()

func names(header []string) string {
	const most = 30
	var out []string
	for i, h := range header {
		if i == most {
			out = append(out, "…")
			break
		}
		out = append(out, clip(strings.TrimSpace(h)))
	}
	return strings.Join(out, ", ")
}

// parser reads the cells of one row.
type parser struct {
	Reader
	columns
	cells []string
	sheet bool
	fault *Reject
}

// get gives a cell; what is not there is empty.
func (p *parser) get(col int) string {
	if i := p.at[col]; i >= 0 && i < len(p.cells) {
		return strings.TrimSpace(p.cells[i])
	}
	return ""
}

// fail keeps the first fault of the row. What may name a person is not shown.
func (p *parser) fail(col int, reason string) {
	if p.fault != nil {
		return
	}
	value := clip(p.get(col))
	if col == colAccount {
		value = ""
	}
	p.fault = &Reject{Field: Columns[col], Value: value, Reason: reason}
}

func (rd Reader) parse(c columns, cells []string, sheet bool) (Row, *Reject) {
	p := &parser{Reader: rd, columns: c, cells: cells, sheet: sheet}
	if !sheet && len(cells) != c.width {
		return Row{}, &Reject{Reason: fmt.Sprintf("has %d fields, the header has %d", len(cells), c.width)}
	}
	for col := range Columns {
		if v := p.get(col); !utf8.ValidString(v) {
			p.fail(col, "is not UTF-8: save the file as CSV UTF-8")
		} else if strings.ContainsFunc(v, unicode.IsControl) {
			p.fail(col, "has characters that no text may hold")
		} else if len(v) > longest {
			p.fail(col, fmt.Sprintf("is longer than %d characters", longest))
		}
	}
	r := Row{Word: p.get(colKind)}
	p.kind(&r)
	r.Direction = direction(r.Entry, r.Kind, typeWord(r.Word))
	r.Reserved = p.format().reserves && r.Entry == Payment && r.Kind == payment.Payout
	p.names(&r)
	p.money(&r)
	p.status(&r)
	r.Account = p.account()
	r.CreatedAt, r.CompletedAt = p.time(colCreated), p.time(colCompleted)
	return r, p.fault
}

// longest is the most that a cell may hold.
const longest = 500

func (p *parser) kind(r *Row) {
	word := typeWord(r.Word)
	if p.at[colKind] < 0 {
		r.Entry = Payment
		return
	}
	var known bool
	if read := p.format().word; read != nil {
		if r.Entry, r.Kind, known = read(word); known {
			return
		}
	}
	if r.Entry, r.Kind, known = ownWord(word); !known {
		p.fail(colKind, "is no kind of movement that is known here: payout, deposit, fee, tax or refund")
	}
}

// typeWord is the type of a movement as it is compared.
func typeWord(word string) string { return strings.ToLower(strings.ReplaceAll(word, "_", " ")) }

func (p *parser) names(r *Row) {
	r.ProviderPaymentID, r.Reference = p.get(colID), p.get(colReference)
	if len(r.ProviderPaymentID) == uuidLength {
		r.ProviderPaymentID = strings.ToLower(r.ProviderPaymentID) // a UUID means the same in either case
	}
	if r.ProviderPaymentID == "" && r.Reference == "" && r.Entry != Other {
		p.fail(colID, "names no payment: neither an id nor a reference")
	}
	for _, col := range []int{colID, colReference} {
		if p.sheet && looksRounded(p.get(col)) {
			p.fail(col, "is stored as a number, its digits are lost: format the column as text and export it again")
		}
	}
}

const uuidLength = 36

func (p *parser) money(r *Row) {
	currency := p.Currency
	if p.at[colCurrency] >= 0 {
		currency = strings.ToUpper(p.get(colCurrency))
	}
	exp, known := p.Scale.Exponent(currency)
	if !known {
		p.fail(colCurrency, "is no currency code")
		return
	}
	amount := p.minor(colAmount, exp)
	if amount == nil {
		p.fail(colAmount, "is empty")
		return
	}
	r.Amount = money.Amount{Minor: *amount, Exp: exp, Currency: currency}
	if r.Kind == payment.Deposit && r.Amount.Minor < 0 && !p.format().signed {
		p.fail(colAmount, "a deposit can't be negative; money that went back has the kind refund or the status reversed")
	}
	charged := func(col int) *money.Amount {
		v := p.minor(col, exp)
		if v == nil {
			return nil
		}
		if *v < 0 {
			*v = -*v
		}
		return &money.Amount{Minor: *v, Exp: exp, Currency: currency}
	}
	r.Fee, r.Tax = charged(colFee), charged(colTax)
}

// minor reads an amount; nil where the cell is empty.
func (p *parser) minor(col, exp int) *int64 {
	text := p.get(col)
	if text == "" {
		return nil
	}
	if p.sheet && p.Decimal == "," && strings.Contains(text, ".") && byComma.MatchString(text) && !strings.Contains(text, ",") {
		p.fail(col, "is 1.250 as a number and 1250 as a text with marks: format the column as numbers and export it again")
	}
	if p.sheet && scientific.MatchString(text) {
		exact := text
		if text = fromSheet(exact); losesMoney(exact, text, exp) {
			p.fail(col, "has more digits than a sheet keeps of a number: format the column as text and export it again")
		}
	} else if p.Decimal == "," {
		text = withDot(text)
	}
	v, err := money.ParseMinor(withoutMarks(text), exp)
	switch {
	case errors.Is(err, money.ErrPrecision):
		p.fail(col, fmt.Sprintf("has more than the %d decimals of its currency", exp))
	case errors.Is(err, money.ErrRange):
		p.fail(col, "is too large")
	case err != nil && p.Decimal == ",":
		p.fail(col, "is no decimal number with a comma, such as 1250,50, which statement_decimal says")
	case err != nil:
		p.fail(col, "is no decimal number with a dot, such as 1250.50 (statement_decimal can say that this provider writes a comma)")
	}
	return &v
}

func (p *parser) status(r *Row) {
	r.RawStatus = p.get(colStatus)
	if r.RawStatus == "" {
		r.Status = payment.Completed
		return
	}
	word := plain(r.RawStatus)
	s, known := p.format().statuses[word]
	if !known {
		s, known = statuses[word]
	}
	if !known {
		p.fail(colStatus, "is no status that is known here: completed, pending, failed, cancelled, expired, reversed or rejected")
	}
	r.Status = s
}

// account is the number of a recipient or payer, without the name that may
// follow it.
func (p *parser) account() string {
	number, _, _ := strings.Cut(p.get(colAccount), " - ")
	return strings.TrimSpace(number)
}

// clip keeps a hostile value from filling a report.
func clip(s string) string {
	const most = 60
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\ufffd")
	}
	if utf8.RuneCountInString(s) > most {
		return string([]rune(s)[:most]) + "…"
	}
	return s
}
