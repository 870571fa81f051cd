package pawapay

import (
	"encoding/hex"
	"strings"

	"tieout/internal/money"
	"tieout/internal/payment"
)

// fees adds up the fee rows of a statement by transaction. A statement may have
// millions, so an entry is kept small.
type fees struct {
	kind   payment.Kind
	scale  money.Scale
	byID   map[uuid]fee
	words  []string // the types of fee rows; their place is the bit in fee.types
	blanks []money.Amount
}

type uuid [16]byte

// fee is what one transaction was charged.
type fee struct {
	minor int64
	// types marks the types of rows already counted: a row that comes twice is
	// one fee.
	types uint32
	bad   flaw
	unit  int // place of its currency and decimals in fees.blanks
}

// flaw is why a transaction's fees can't be told.
type flaw uint8

const (
	feeSound flaw = iota
	feeAmount
	feeCurrency
	feeTypes
)

var flaws = map[flaw]string{
	feeAmount:   "a fee of it can't be trusted: its amount is none that the currency can hold",
	feeCurrency: "its fees have several currencies, or another one than its amount",
	feeTypes:    "the statement has more types of fees and currencies than can be told apart",
}

func newFees(kind payment.Kind, scale money.Scale) fees {
	return fees{kind: kind, scale: scale, byID: map[uuid]fee{}}
}

// count adds a row to its transaction's fees; any row but a fee is passed over.
func (f *fees) count(r row) {
	word := r.kind()
	if !feeOf(word, f.kind) {
		return
	}
	id, ok := parseUUID(r.at(colID))
	if !ok {
		return
	}
	sum, more := f.byID[id]
	bit, ok := place(&f.words, intern(word), 32)
	if ok && sum.types&(1<<bit) != 0 {
		return
	}
	a, err := r.amount(colAmount, f.scale)
	unit, known := place(&f.blanks, money.Amount{Exp: a.Exp, Currency: a.Currency}, 32)
	switch {
	case err != nil:
		sum.bad = feeAmount
	case !ok || !known:
		sum.bad = feeTypes
	case more && sum.bad == feeSound && sum.unit != unit:
		sum.bad = feeCurrency
	case sum.bad == feeSound:
		total, err := money.Amount{Minor: sum.minor, Exp: a.Exp, Currency: a.Currency}.Add(a)
		if err != nil {
			sum.bad = feeAmount
		}
		sum.minor, sum.unit = total.Minor, unit
	}
	if ok {
		sum.types |= 1 << bit
	}
	f.byID[id] = sum
}

// of gives the fee of the payment in a row: from its fee rows, or else from a
// fee column where the file has one. nil means that none is stated.
func (f *fees) of(r row, currency string) (a *money.Amount, bad string) {
	id, _ := parseUUID(r.at(colID))
	sum, ok := f.byID[id]
	switch {
	case ok && sum.bad != feeSound:
		return nil, flaws[sum.bad]
	case ok:
		out := f.blanks[sum.unit]
		if out.Currency != currency {
			return nil, flaws[feeCurrency]
		}
		out.Minor = sum.minor
		return &out, ""
	case r.at(colFee) == "":
		return nil, ""
	}
	out, err := r.amount(colFee, f.scale)
	if err != nil {
		return nil, flaws[feeAmount]
	}
	return &out, ""
}

// place finds a value in a short list, or adds it while there is room.
func place[T comparable](list *[]T, v T, most int) (int, bool) {
	for i, have := range *list {
		if have == v {
			return i, true
		}
	}
	if len(*list) >= most {
		return 0, false
	}
	*list = append(*list, v)
	return len(*list) - 1, true
}

func parseUUID(s string) (id uuid, ok bool) {
	if !isUUID(s) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(strings.ReplaceAll(s, "-", "")))
	return id, err == nil
}
