package pawapay

import (
	"strings"
	"unique"

	"tieout/internal/money"
	"tieout/internal/payment"
)

// column is one of the columns that are read from a statement.
type column int

const (
	colID column = iota
	colKind
	colAmount
	colCurrency
	colCreated
	colCompleted
	colPhone
	colFee
	colStatus
	colReference
	colNetworkID
	colMetadata
	columnCount
)

// aliases are the names of the columns, in lower case without spaces. The
// header of the API's files is documented nowhere exactly: these are the
// dashboard's names and those of the vendor's handbook.
var aliases = map[string]column{
	"transactionid": colID,
	"type":          colKind, "transactiontype": colKind,
	"amount":       colAmount,
	"currency":     colCurrency,
	"creationdate": colCreated, "createdat": colCreated, "created": colCreated,
	"completedat": colCompleted, "completiondate": colCompleted,
	"msisdn": colPhone, "customerphonenumber": colPhone, "phonenumber": colPhone,
	"fee":             colFee,
	"status":          colStatus,
	"clientreference": colReference, "clientreferenceid": colReference,
	"providertransactionid": colNetworkID,
	"metadata":              colMetadata,
}

// columns holds the position of each column, -1 where the file has none.
type columns [columnCount]int

func (c *columns) has(col column) bool { return c[col] >= 0 }

// readHeader finds the columns by name, in any order; others are passed over.
func readHeader(header []string) (columns, error) {
	var c columns
	for i := range c {
		c[i] = -1
	}
	for i, name := range header {
		if col, known := aliases[plain(name)]; known && c[col] < 0 {
			c[col] = i
		}
	}
	for _, must := range []struct {
		col  column
		name string
	}{{colID, "Transaction ID"}, {colAmount, "Amount"}, {colCurrency, "Currency"}, {colKind, "Type"}} {
		if !c.has(must.col) {
			return c, &ledgerError{"the statement has no column " + must.name}
		}
	}
	return c, nil
}

func plain(name string) string {
	return strings.ToLower(strings.NewReplacer(" ", "", "_", "", "-", "", "\u00a0", "").Replace(strings.TrimSpace(name)))
}

// row is one line of a statement. It is only good until the next line is read.
type row struct {
	columns *columns
	fields  []string
	line    int
}

// at gives a field; what is not there is empty.
func (r row) at(col column) string {
	if i := r.columns[col]; i >= 0 && i < len(r.fields) {
		return strings.TrimSpace(strings.ReplaceAll(r.fields[i], "\x00", "\uFFFD"))
	}
	return ""
}

// kind is the row's type in upper case.
func (r row) kind() string { return strings.ToUpper(r.at(colKind)) }

// amount reads a field as an amount of the row's currency, without its sign:
// whether a movement out of the wallet is written with a minus is not
// documented, and its type tells the direction.
func (r row) amount(col column, scale money.Scale) (money.Amount, error) {
	a, err := scale.Parse(r.at(col), intern(strings.ToUpper(r.at(colCurrency))))
	if a.Minor < 0 {
		a.Minor = -a.Minor
	}
	return a, err
}

// kindOf reads a row's type, in upper case; empty for any other movement.
func kindOf(word string) payment.Kind {
	switch word {
	case "DEPOSIT", "DEPOSITS":
		return payment.Deposit
	case "PAYOUT", "PAYOUTS":
		return payment.Payout
	}
	return ""
}

// feeOf tells whether a row's type, in upper case, is a fee that may belong to
// a payment of this kind. A deposit and a payout may have the same id, so a
// fee that names its kind is no other's.
func feeOf(word string, kind payment.Kind) bool {
	if !strings.Contains(word, "FEE") {
		return false
	}
	for _, other := range []string{"DEPOSIT", "PAYOUT", "REFUND", "REMITTANCE"} {
		if strings.Contains(word, other) {
			return strings.EqualFold(other, string(kind))
		}
	}
	return true
}

// intern keeps one copy of a short word instead of a piece of each line.
func intern(s string) string { return unique.Make(s).Value() }
