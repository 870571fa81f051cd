package pesaswap

import (
	"strings"
	"time"

	"tieout/internal/money"
	"tieout/internal/payment"
)

// deposit reads what only payments have. Rows of lists hide the settled
// amount, refunds and errors, so they are partial.
func (d decoder) deposit(r *record, o object, row bool) error {
	t := &r.tx
	t.Partial = row
	t.SavedMethodID = o.text("payment_method_id")
	if method := o.text("payment_method"); method == "wallet" || method == "mobile_payment" {
		t.Account = phoneOf(o)
	}
	switch t.Status {
	case payment.Failed:
		// A later attempt under the same id, or a late word of the connector,
		// may still complete it.
		t.Revisable = true
		r.explain(o)
	case payment.Cancelled, payment.Expired, payment.Reversed:
		r.explain(o)
	}
	if received, told, err := o.units("amount_received"); err != nil {
		return flawed("%s", err)
	} else if told && r.currency != "" {
		a, err := d.amount(received, r.currency)
		if err != nil {
			return flawed("amount_received %d %s: %s", received, clip(r.currency), errText(err))
		}
		t.Settled = &a
	}
	if r.word == wordConflicted {
		r.conflict = o.text("error_message")
	}
	if r.currency != "" && t.Status != payment.Reversed {
		refunded, err := d.refunded(r, o, row)
		if err != nil {
			return err
		}
		t.Refunded = refunded
	}
	return d.attempts(r, o)
}

// typeMPesa is the method that moves whole shillings alone.
const typeMPesa = "m_pesa_express"

// centsDropped tells whether less was received than was asked for only because
// M-Pesa moves no cents.
func (r record) centsDropped() bool {
	asked, settled := r.tx.Amount, r.tx.Settled
	if r.methodType != typeMPesa || settled == nil || settled.Currency != asked.Currency || settled.Exp != asked.Exp {
		return false
	}
	whole := int64(1)
	for range asked.Exp {
		whole *= 10
	}
	missing := asked.Minor - settled.Minor
	return missing > 0 && missing == asked.Minor%whole
}

// refunded adds up the refunds that succeeded and the disputes that were lost
// or accepted. A payment that was retrieved shows all of them, so null means
// none; a row of a list may show a total.
func (d decoder) refunded(r *record, o object, row bool) (*money.Amount, error) {
	total, told, err := d.refundTotal(r, o)
	if err != nil {
		return nil, err
	}
	if !told && row {
		return nil, nil
	}
	disputes, _, err := o.list("disputes")
	if err != nil {
		return nil, flawed("%s", err)
	}
	for _, p := range disputes {
		status := p.text("dispute_status")
		lost, known := disputeWords[status]
		if !known {
			return nil, flawed("disputes: dispute_status %q is not known", clip(status))
		}
		if !lost || p.isTrue("is_already_refunded") {
			continue
		}
		// The one amount that this API sends as text; a number is taken too.
		units, err := wholeUnits(firstOf(p.text("amount"), string(p["amount"])))
		if err != nil {
			return nil, flawed("disputes: amount %s", err)
		}
		if total, err = d.plus(total, units, r.currency); err != nil {
			return nil, flawed("disputes: amount %d %s: %s", units, clip(r.currency), errText(err))
		}
	}
	return &total, nil
}

func (d decoder) refundTotal(r *record, o object) (total money.Amount, told bool, err error) {
	zero, err := d.amount(0, r.currency)
	if err != nil {
		return zero, false, flawed("currency %s: %s", clip(r.currency), errText(err))
	}
	refunds, told, err := o.list("refunds")
	if err != nil {
		return zero, false, flawed("%s", err)
	}
	if !told {
		units, told, err := o.object("state_metadata").units("total_refunded_amount")
		if err != nil {
			return zero, false, flawed("state_metadata: %s", err)
		}
		total, err := d.plus(zero, units, r.currency)
		if err != nil {
			return zero, false, flawed("state_metadata: total_refunded_amount %d: %s", units, errText(err))
		}
		return total, told, nil
	}
	total = zero
	for _, f := range refunds {
		status := f.text("status")
		moved, known := refundWords[status]
		if !known {
			return zero, false, flawed("refunds: status %q is not known", clip(status))
		}
		if !moved {
			continue
		}
		if c := f.text("currency"); c != "" && c != r.currency {
			return zero, false, flawed("refunds: currency %s of a payment in %s", clip(c), clip(r.currency))
		}
		units, told, err := f.units("amount")
		if err != nil || !told {
			return zero, false, flawed("refunds: amount is missing or not a whole number of minor units")
		}
		if total, err = d.plus(total, units, r.currency); err != nil {
			return zero, false, flawed("refunds: amount %d %s: %s", units, clip(r.currency), errText(err))
		}
	}
	return total, true, nil
}

func (d decoder) plus(total money.Amount, units int64, currency string) (money.Amount, error) {
	a, err := d.amount(units, currency)
	if err != nil {
		return total, err
	}
	return total.Add(a)
}

// attempts finds what the payment's own status hides: money that the
// processor sent back by itself, and when the money moved.
func (d decoder) attempts(r *record, o object) error {
	attempts, _, err := o.list("attempts")
	if err != nil {
		return flawed("%s", err)
	}
	t := &r.tx
	if t.Status != payment.Completed {
		return nil
	}
	var charged time.Time
	kept, sentBack := false, false
	for _, a := range attempts {
		switch status := a.text("status"); {
		case status == "auto_refunded":
			sentBack = true
		case status == "charged", strings.HasPrefix(status, "partial_charged"):
			kept = true
			charged = a.when("modified_at")
		}
	}
	if sentBack && !kept {
		t.Status, t.Refunded = payment.Reversed, nil
		t.RawStatus += " (attempt auto_refunded)"
		return nil
	}
	if t.Partial {
		return nil
	}
	t.CompletedAt = charged
	if charged.IsZero() && t.Refunded != nil && t.Refunded.IsZero() {
		// Later refunds would have moved this time.
		t.CompletedAt = o.when("updated")
		if t.CompletedAt.IsZero() {
			t.CompletedAt = o.when("modified_at")
		}
	}
	return nil
}
