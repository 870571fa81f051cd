package pesaswap

import (
	"regexp"
	"strings"

	"tieout/internal/money"
	"tieout/internal/payment"
)

// figures are what an integrity failure says: the connector holds another
// amount or currency than PesaSwap asked for.
type figures struct {
	amountExpected, amountFound     string // minor units
	currencyExpected, currencyFound string
	text                            string // the sentence's figures and nothing else
}

var (
	figurePart   = regexp.MustCompile(`\b(\w+) expected (\w+) but found (\w+)`)
	currencyCode = regexp.MustCompile(`^[A-Z]{3}$`)
)

// readFigures takes the figures out of a message such as "… mismatched for
// amount expected 1000 but found 1100". certain is false where the message
// says more than can be read. Only figures are ever repeated to people: the
// rest of the message may hold anything.
func readFigures(message string) (f figures, certain bool) {
	parts := figurePart.FindAllStringSubmatch(message, -1)
	certain = len(parts) > 0 && len(parts) == strings.Count(message, "expected")
	var readable []string
	for _, p := range parts {
		field, expected, found := p[1], p[2], p[3]
		_, err1 := wholeUnits(expected)
		_, err2 := wholeUnits(found)
		switch {
		case field == "amount" && err1 == nil && err2 == nil && f.amountFound == "":
			f.amountExpected, f.amountFound = expected, found
		case field == "currency" && currencyCode.MatchString(expected) && currencyCode.MatchString(found) && f.currencyFound == "":
			f.currencyExpected, f.currencyFound = expected, found
		default:
			certain = false
			continue
		}
		readable = append(readable, p[0])
	}
	f.text = strings.Join(readable, ", ")
	return f, certain
}

// apply turns a record into one that shows the connector's figures: pending,
// for the merchant's review, with the amount that the connector holds. ok is
// false where the figures don't fit the record, or can't be read with certainty.
func (d decoder) apply(r *record, message string) (f figures, ok bool) {
	f, ok = readFigures(message)
	if !ok {
		return f, false
	}
	t := r.tx
	currency, found := r.currency, r.net
	if f.currencyFound != "" {
		if f.currencyExpected != r.currency {
			return f, false
		}
		currency = f.currencyFound
	}
	if f.amountFound != "" {
		expected, _ := wholeUnits(f.amountExpected)
		if expected != r.units && expected != r.net {
			return f, false
		}
		found, _ = wholeUnits(f.amountFound)
	}
	settled, err := d.amount(found, currency)
	if err != nil {
		return f, false
	}
	if currency != t.Amount.Currency {
		// Nothing can be said in the currency that was asked for.
		t.Amount, t.Refunded = settled, nil
	}
	t.Settled = &settled
	t.Status, t.NeedsAction = payment.Pending, payment.ActionReview
	t.FailureCode = firstOf(t.FailureCode, codeIntegrity)
	t.FailureMessage = f.text
	r.tx = t
	return f, true
}

// conflicted judges a payment that the server itself holds as conflicted.
func (d decoder) conflicted(r *record) error {
	asked, err := d.amount(r.net, r.currency)
	if err == nil && r.tx.Settled != nil && *r.tx.Settled != asked {
		return nil // the settled amount is the other figure
	}
	f, ok := d.apply(r, r.conflict)
	if ok {
		return nil
	}
	return &flaw{reason: conflictReason(f), rawStatus: r.word}
}

func conflictReason(f figures) string {
	reason := "PesaSwap's connector reports another amount or currency than was asked for"
	if f.text != "" {
		return reason + " (" + f.text + "), which does not fit the payment; look at it in the dashboard"
	}
	return reason + ", and the figures are not stated; look at the payment in the dashboard"
}

// asked is the record of a payment of which only our own side is known: the
// answer was an integrity failure alone.
func (d decoder) asked(kind payment.Kind, id string, amount money.Amount, f figures) (record, bool) {
	units, err := wholeUnits(f.amountExpected)
	if err != nil {
		return record{}, false
	}
	same, err := d.amount(units, amount.Currency)
	if err != nil || same != amount {
		return record{}, false
	}
	return record{
		word: codeIntegrity, units: units, net: units, currency: amount.Currency,
		tx: payment.Transaction{Kind: kind, ID: id, OwnID: id, RawStatus: codeIntegrity, Amount: amount},
	}, true
}
