package pesaswap

import (
	"errors"
	"fmt"

	"tieout/internal/money"
	"tieout/internal/payment"
)

// flaw says why an object can't be trusted: the field and its value.
type flaw struct {
	reason    string
	rawStatus string // where the flaw is about a status
}

func (f *flaw) Error() string { return f.reason }

func flawed(format string, args ...any) *flaw {
	return &flaw{reason: fmt.Sprintf(format, args...)}
}

// standsTwice: which of the two counts nobody knows.
func standsTwice(name string) *flaw {
	return flawed("the member %s stands in the answer twice", clip(name))
}

// unitDecimals are the decimals of a minor unit where the server's table
// differs from ISO 4217.
var unitDecimals = map[string]int{"IRR": 0, "MGA": 0, "ISK": 2}

// decoder reads payouts and payments.
type decoder struct {
	scale money.Scale
}

// record is one payout or payment as read, with what a Transaction has no
// place for.
type record struct {
	tx           payment.Transaction
	word         string // status as sent
	units, net   int64  // amount and net_amount, as sent
	currency     string
	profile      string
	methodType   string // payment_method_type
	methodStatus string // payment_method_status
	conflict     string // the provider's text about other figures at the connector
}

// amount converts minor units as the server counts them.
func (d decoder) amount(units int64, currency string) (money.Amount, error) {
	exp, given := d.scale[currency]
	if !given {
		exp, given = unitDecimals[currency]
	}
	if !given {
		exp, _ = money.Exponent(currency) // FromUnits refuses unknown ones
	}
	return d.scale.FromUnits(units, exp, currency)
}

// object reads one payout or payment. Rows of lists hide fields. currency is
// used where the answer has none, which is only trusted while no money moved.
func (d decoder) object(kind payment.Kind, o object, row bool, currency string) (record, error) {
	idKey, words := "payment_id", depositWords
	if kind == payment.Payout {
		idKey, words = "payout_id", payoutWords
	}
	r := record{
		word:         o.text("status"),
		currency:     o.text("currency"),
		profile:      o.text("profile_id"),
		methodType:   o.text("payment_method_type"),
		methodStatus: o.text("payment_method_status"),
	}
	id := o.text(idKey)
	if id == "" {
		return r, flawed("%s is missing", idKey)
	}
	if r.word == "" {
		return r, flawed("status is missing")
	}
	m, known := words[r.word]
	if !known {
		return r, &flaw{reason: fmt.Sprintf("status %q is not known", clip(r.word)), rawStatus: r.word}
	}
	r.tx = payment.Transaction{
		Kind: kind, ID: id, OwnID: id, // the one field carries the merchant's id where it chose one
		Reference:        o.text("merchant_order_reference_id"),
		NetworkReference: o.text("connector_transaction_id"),
		Status:           m.status, RawStatus: r.word, NeedsAction: m.action,
		CustomerID: o.text("customer_id"),
		Metadata:   o.metadata("metadata"),
		CreatedAt:  o.when("created"),
	}
	if r.tx.CustomerID == "" {
		r.tx.CustomerID = o.object("customer").text("id")
	}
	if err := d.readAmount(&r, o, currency); err != nil {
		return r, err
	}
	var err error
	if kind == payment.Payout {
		err = d.payout(&r, o)
	} else {
		err = d.deposit(&r, o, row)
	}
	return r, err
}

func (d decoder) readAmount(r *record, o object, currency string) error {
	units, told, err := o.units("amount")
	if err != nil {
		return flawed("%s", err)
	}
	if !told {
		return flawed("amount is missing")
	}
	r.units, r.net = units, units
	if net, told, err := o.units("net_amount"); err == nil && told && net > 0 {
		r.net = net
	}
	if r.currency == "" {
		if r.tx.Status != payment.Created && r.tx.Status != payment.Pending {
			return flawed("currency is missing")
		}
		r.currency = currency
		if currency == "" {
			return nil
		}
	}
	r.tx.Amount, err = d.amount(units, r.currency)
	if err != nil {
		return flawed("amount %d %s: %s", units, clip(r.currency), errText(err))
	}
	return nil
}

// explain fills what the provider says of a failure.
func (r *record) explain(o object) {
	r.tx.FailureCode = firstOf(o.text("error_code"), o.text("unified_code"))
	r.tx.FailureMessage = firstOf(o.text("error_message"), o.text("unified_message"), o.text("cancellation_reason"))
	if r.tx.Status == payment.Failed {
		// Codes are the connectors' own: whose doing it was isn't stated.
		r.tx.FailureGroup = payment.FailureUnknown
	}
}

func errText(err error) string {
	switch {
	case errors.Is(err, money.ErrPrecision):
		return money.ErrPrecision.Error()
	case errors.Is(err, money.ErrRange):
		return money.ErrRange.Error()
	default:
		return err.Error()
	}
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
