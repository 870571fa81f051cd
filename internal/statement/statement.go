// Package statement reads the statements of payment providers, CSV or XLSX, as
// a stream of rows in one set of columns. It knows neither SQL nor HTTP. A row
// that can't be trusted is set aside with its field, value and reason; nothing
// is guessed and nothing is rounded.
package statement

import (
	"io"
	"time"

	"tieout/internal/money"
	"tieout/internal/payment"
)

// Columns are the columns of a statement, as configuration names them. The
// first or the second, amount and currency must be there.
var Columns = []string{
	"provider_payment_id", "reference", "kind", "amount", "currency", "fee", "tax", "status", "account", "created_at", "completed_at",
}

// positions of Columns.
const (
	colID = iota
	colReference
	colKind
	colAmount
	colCurrency
	colFee
	colTax
	colStatus
	colAccount
	colCreated
	colCompleted
	columnCount
)

// Entry says what a row of a statement stands for.
type Entry string

// A provider may write a payment and its fee as rows of their own.
const (
	Payment Entry = "payment" // a deposit or a payout
	Fee     Entry = "fee"     // charged for the payment with the same id or reference
	Tax     Entry = "tax"     // the same for a tax
	Refund  Entry = "refund"  // money that went back, under an id of its own
	Other   Entry = "other"   // a movement that is no payment's: top up, withdrawal, adjustment
)

// Row is one row of a statement. What the statement does not state is empty.
type Row struct {
	// Number counts the rows below the header, from 1.
	Number int64
	Entry  Entry
	// Word is the type of the movement as the statement writes it.
	Word              string
	ProviderPaymentID string
	Reference         string
	Kind              payment.Kind // empty: not stated
	// Amount is what moved, with the sign that the statement gives it: whether
	// a movement out of the account carries a minus is the provider's custom,
	// the kind tells the direction.
	Amount money.Amount
	// Fee and Tax are what was charged, without a sign, in the row's currency.
	Fee, Tax *money.Amount
	// Direction is 1 for money that comes into the wallet and -1 for money that
	// leaves it; 0 where the type doesn't tell and the sign has to.
	Direction int
	// Reserved: the money has left the wallet because a payout was taken on,
	// which does not say that it arrived.
	Reserved bool
	// Wallet is the provider's name of the balance that moved; a file has none.
	Wallet string
	// Status is completed where the statement has no word: it lists movements.
	Status    payment.Status
	RawStatus string
	Account   string
	// CreatedAt and CompletedAt are UTC; zero when not stated.
	CreatedAt, CompletedAt time.Time
	// SettledAt is when the money became part of the wallet's balance, where the
	// provider says so; otherwise that is when it moved.
	SettledAt time.Time
}

// At is the moment that the row stands at: the movement's completion, or its
// creation; zero when neither is stated.
func (r Row) At() time.Time {
	if !r.CompletedAt.IsZero() {
		return r.CompletedAt
	}
	return r.CreatedAt
}

// Row reads what an API states of a movement in the words of a file's columns,
// by their names in Columns.
func (rd Reader) Row(values map[string]string) (Row, *Reject) {
	c := columns{width: columnCount}
	cells := make([]string, columnCount)
	for i, name := range Columns {
		c.at[i], cells[i] = i, values[name]
	}
	return rd.parse(c, cells, false)
}

// Reject is a row that was set aside.
type Reject struct {
	Number int64  // of the row below the header, from 1
	Field  string // the column in the words of Columns; empty: the whole row
	Value  string // shortened; empty for what must not be repeated
	Reason string
}

// Reader holds what is known of a provider's statements.
type Reader struct {
	// Type is the provider's type; types without a documented format, and
	// unknown ones, are read by the names in Columns.
	Type string
	// Headers maps names of Columns to the headers of the file; what is not in
	// it is found by its own name or by the type's documented one.
	Headers map[string]string
	// Scale gives the decimals of each currency at the provider.
	Scale money.Scale
	// Currency is that of a file without a currency column, where the
	// provider's format has none (pesaway); empty: a file must have one.
	Currency string
	// Zone is that of times without one, where the format does not fix it.
	Zone *time.Location
	// Decimal is the mark before an amount's decimals: a dot, unless the
	// configuration says a comma.
	Decimal string
	// Dates tells how to read 03/04/2026, which is refused without it.
	Dates DateOrder
}

// DateOrder is the order of day and month in dates of digits alone.
type DateOrder string

// The orders that a configuration may name.
const (
	DayFirst   DateOrder = "day/month/year"
	MonthFirst DateOrder = "month/day/year"
)

// DayZone is the zone of the days that a statement of this type is cut by.
func (rd Reader) DayZone() *time.Location {
	if rd.format().utc {
		return time.UTC
	}
	return rd.zone()
}

func (rd Reader) zone() *time.Location {
	if rd.Zone == nil {
		return time.UTC
	}
	return rd.Zone
}

// File is what a statement is read from.
type File interface {
	io.Reader
	io.ReaderAt
	io.Seeker
}

// Read streams a file: good rows go to row, the others to reject, the rest goes
// on. XLSX and gzip are told by their first bytes; of a workbook the first
// visible sheet is read. A file without a usable header, or one that breaks off,
// is an error, as is the first error of a callback.
func (rd Reader) Read(in File, row func(Row) error, reject func(Reject) error) error {
	t, err := open(in)
	if err != nil {
		return err
	}
	err = rd.read(t, row, reject)
	if closeErr := t.close(); err == nil {
		err = closeErr
	}
	return err
}
