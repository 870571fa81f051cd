package pesaswap_test

import (
	"encoding/json"
	"math/big"
	"strings"
	"time"

	"tieout/internal/money"
	"tieout/internal/payment"
)

// meaning is what a status is expected to become.
type meaning struct {
	status payment.Status
	action payment.Action
}

// statuses are those of the vendor's documents, written down a second time:
// PayoutStatus and IntentStatus in testdata/hyperswitch.json, whose meaning stands in
// https://github.com/juspay/hyperswitch/blob/main/crates/common_enums/src/enums.rs.
var statuses = map[payment.Kind]map[string]meaning{
	payment.Payout: {
		"success": {payment.Completed, ""}, "failed": {payment.Failed, ""}, "cancelled": {payment.Cancelled, ""},
		"expired": {payment.Expired, ""}, "reversed": {payment.Reversed, ""}, "not_permitted": {payment.Failed, ""},
		"initiated": {payment.Pending, ""}, "pending": {payment.Pending, ""}, "ineligible": {payment.Pending, ""},
		"requires_creation": {payment.Pending, ""}, "requires_fulfillment": {payment.Pending, ""},
		"requires_confirmation":            {payment.Created, payment.ActionConfirm},
		"requires_payout_method_data":      {payment.Created, payment.ActionMethod},
		"requires_vendor_account_creation": {payment.Pending, payment.ActionMethod},
	},
	payment.Deposit: {
		"succeeded": {payment.Completed, ""}, "partially_captured": {payment.Completed, ""}, "failed": {payment.Failed, ""},
		"cancelled": {payment.Cancelled, ""}, "cancelled_post_capture": {payment.Reversed, ""}, "expired": {payment.Expired, ""},
		"processing": {payment.Pending, ""}, "requires_customer_action": {payment.Pending, ""},
		"requires_payment_method": {payment.Created, ""}, "requires_confirmation": {payment.Created, ""},
		"requires_capture":                          {payment.Pending, payment.ActionCapture},
		"partially_authorized_and_requires_capture": {payment.Pending, payment.ActionCapture},
		"partially_captured_and_capturable":         {payment.Pending, ""},
		"partially_captured_and_processing":         {payment.Pending, ""},
		"requires_merchant_action":                  {payment.Pending, payment.ActionReview},
		"review":                                    {payment.Pending, payment.ActionReview},
		"conflicted":                                {payment.Pending, payment.ActionReview},
	},
}

// What the vendor's other words say: whether a refund or a lost dispute took the
// money back.
var (
	refundMoved = map[string]bool{"succeeded": true, "failed": false, "pending": false, "review": false}
	disputeLost = map[string]bool{
		"dispute_opened": false, "dispute_expired": false, "dispute_accepted": true, "dispute_cancelled": false, "dispute_challenged": false,
		"dispute_won": false, "dispute_lost": true,
	}
)

// members reads an object of the drawer.
type members map[string]any

func (m members) text(key string) string {
	s, _ := m[key].(string)
	return strings.ReplaceAll(s, "\x00", "")
}

func (m members) sub(key string) members { s, _ := m[key].(map[string]any); return s }

func (m members) list(key string) (out []members) {
	raw, _ := m[key].([]any)
	for _, v := range raw {
		out = append(out, v.(map[string]any))
	}
	return out
}

func (m members) time(key string) time.Time {
	t, err := time.Parse(time.RFC3339, m.text(key))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// amount is what a number of the server's minor units is, nil where it can't
// be money of that currency.
func amount(units, currency string) *money.Amount {
	exp, known := money.Exponent(currency)
	n, whole := new(big.Int).SetString(units, 10)
	if !known || !whole || n.Sign() < 0 || strings.Trim(units, "0123456789") != "" || !n.IsInt64() {
		return nil
	}
	ten := big.NewInt(10)
	switch currency {
	case "IRR", "MGA": // the server counts none of their two decimals
		n.Mul(n, ten).Mul(n, ten)
	case "ISK": // and two of a currency that has none
		rest := new(big.Int)
		if n.DivMod(n, big.NewInt(100), rest); rest.Sign() != 0 {
			return nil
		}
	}
	if !n.IsInt64() {
		return nil
	}
	return &money.Amount{Minor: n.Int64(), Exp: exp, Currency: currency}
}

func units(v any) string {
	if n, ok := v.(json.Number); ok {
		return n.String()
	}
	return ""
}

// expected is what a drawn object says; nil where it can't be trusted. row
// says that a list shows it.
func expected(kind payment.Kind, o members, id string, row bool) *payment.Transaction {
	key := "payment_id"
	if kind == payment.Payout {
		key = "payout_id"
	}
	word := o.text("status")
	m := statuses[kind][word]
	value := amount(units(o["amount"]), o.text("currency"))
	if o.text(key) != id || value == nil {
		return nil
	}
	tx := &payment.Transaction{
		Kind: kind, ID: id, OwnID: id, Reference: o.text("merchant_order_reference_id"), NetworkReference: o.text("connector_transaction_id"),
		Status: m.status, RawStatus: word, NeedsAction: m.action, Amount: *value, CustomerID: o.text("customer_id"), CreatedAt: o.time("created"),
	}
	if tx.CustomerID == "" {
		tx.CustomerID = o.sub("customer").text("id")
	}
	if kind == payment.Payout {
		return expectedPayout(tx, o)
	}
	tx.Partial, tx.SavedMethodID, tx.Revisable = row, o.text("payment_method_id"), m.status == payment.Failed
	if o["amount_received"] != nil {
		if tx.Settled = amount(units(o["amount_received"]), tx.Amount.Currency); tx.Settled == nil {
			return nil
		}
	}
	if m.status != payment.Reversed {
		var ok bool
		if tx.Refunded, ok = expectedRefunds(o, tx.Amount.Currency, row); !ok {
			return nil
		}
	}
	sentBack, kept := false, false
	for _, a := range o.list("attempts") {
		sentBack = sentBack || a.text("status") == "auto_refunded"
		kept = kept || a.text("status") == "charged" || strings.HasPrefix(a.text("status"), "partial_charged")
	}
	if m.status == payment.Completed && sentBack && !kept {
		tx.Status, tx.Refunded = payment.Reversed, nil
		tx.RawStatus += " (attempt auto_refunded)"
	}
	return tx
}

func expectedPayout(tx *payment.Transaction, o members) *payment.Transaction {
	tx.SavedMethodID = o.text("payout_method_id")
	if tx.RawStatus == "requires_fulfillment" && o["auto_fulfill"] == false {
		tx.NeedsAction = payment.ActionFulfil
	}
	for _, a := range o.list("attempts") {
		if a.text("status") == "success" && tx.Status != payment.Completed {
			return nil
		}
	}
	return tx
}

// expectedRefunds adds up what went back; ok is false where a figure of it
// can't be trusted.
func expectedRefunds(o members, currency string, row bool) (total *money.Amount, ok bool) {
	sum, _ := money.Exponent(currency)
	total = &money.Amount{Exp: sum, Currency: currency}
	add := func(text string) bool {
		a := amount(text, currency)
		if a == nil {
			return false
		}
		more, err := total.Add(*a)
		*total = more
		return err == nil
	}
	told := o["refunds"] != nil
	for _, r := range o.list("refunds") {
		if !refundMoved[r.text("status")] {
			continue
		}
		if c := r.text("currency"); c != "" && c != currency || !add(units(r["amount"])) {
			return nil, false
		}
	}
	if state := o.sub("state_metadata"); !told && state["total_refunded_amount"] != nil {
		told = true
		if !add(units(state["total_refunded_amount"])) {
			return nil, false
		}
	}
	if row && !told {
		return nil, true
	}
	for _, d := range o.list("disputes") {
		if disputeLost[d.text("dispute_status")] && d["is_already_refunded"] != true && !add(d.text("amount")) {
			return nil, false
		}
	}
	return total, true
}
