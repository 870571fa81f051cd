package pesaswap

import (
	"strings"

	"tieout/internal/payment"
)

// payout reads what only payouts have. A payout has no settled amount, fee or
// refund in this API, and no time of its completion.
func (d decoder) payout(r *record, o object) error {
	t := &r.tx
	if r.word == "requires_fulfillment" && o.isFalse("auto_fulfill") {
		t.NeedsAction = payment.ActionFulfil
	}
	// Error text beside an open status is a question to the connector that
	// failed, not a payout that did.
	if t.Status.Final() && t.Status != payment.Completed || r.word == "ineligible" {
		r.explain(o)
	}
	t.SavedMethodID = o.text("payout_method_id")
	t.Account = payoutAccount(o)

	attempts, _, err := o.list("attempts")
	if err != nil {
		return flawed("%s", err)
	}
	for _, a := range attempts {
		if a.text("status") == "success" && t.Status != payment.Completed {
			return &flaw{reason: "status is " + r.word + ", but one of its attempts is success", rawStatus: r.word}
		}
	}
	return nil
}

// payoutAccount finds the recipient: the phone of a wallet, the account of a
// bank payout. Masked digits stay masked.
func payoutAccount(o object) string {
	switch o.text("payout_type") {
	case "wallet":
		return phoneOf(o)
	case "bank":
		bank := o.object("payout_method_data").object("bank")
		return firstOf(bank.text("account_number"), bank.text("bank_account_number"), bank.text("iban"))
	}
	return ""
}

// phoneOf joins country code and national number to digits. The billing
// address holds the number that was paid; the top-level one is a copy of the
// customer's.
func phoneOf(o object) string {
	if p := o.object("billing").object("phone"); p.text("number") != "" {
		return joinPhone(p.text("country_code"), p.text("number"))
	}
	return joinPhone(o.text("phone_country_code"), o.text("phone"))
}

func joinPhone(code, number string) string {
	code, number = keepDigits(code), keepDigits(number)
	const national = 8 // the shortest national numbers
	if number == "" || code == "" || strings.HasPrefix(number, code) && len(number) >= len(code)+national {
		return number
	}
	return code + strings.TrimLeft(number, "0")
}

// keepDigits drops everything but digits and the asterisks of a mask.
func keepDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '*' {
			return r
		}
		return -1
	}, s)
}
