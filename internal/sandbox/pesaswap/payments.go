package pesaswap

import (
	"net/http"
	"strings"
	"time"

	"tieout/internal/corpus"
	"tieout/internal/money"
	"tieout/internal/payment"
)

// paymentKeys are all keys of a payment; those without a value are null.
const paymentKeys = `payment_id merchant_id status amount net_amount shipping_cost amount_capturable amount_received
	processor_merchant_id initiator sdk_authorization connector state_metadata client_secret created modified_at
	connector_customer_id currency customer_id customer description refunds disputes mandate_id mandate_data
	setup_future_usage off_session capture_on capture_method payment_method payment_method_data payment_token shipping
	billing order_details email name phone return_url authentication_type statement_descriptor_name
	statement_descriptor_suffix next_action cancellation_reason error_code error_message unified_code unified_message
	error_details payment_experience payment_method_type connector_label business_country business_label
	business_sub_label allowed_payment_method_types manual_retry_allowed connector_transaction_id frm_message metadata
	connector_metadata connector_response_metadata feature_metadata reference_id payment_link profile_id
	surcharge_details attempt_count merchant_decision merchant_connector_id incremental_authorization_allowed
	authorization_count incremental_authorizations external_authentication_details
	external_3ds_authentication_attempted expires_on fingerprint browser_info payment_method_id network_transaction_id
	payment_method_status updated split_payments frm_metadata capture_before merchant_order_reference_id
	order_tax_amount connector_mandate_id card_discovery issuer_error_code issuer_error_message
	whole_connector_response`

// hiddenInLists are null in rows of lists, whatever the truth.
const hiddenInLists = `amount_received refunds disputes payment_token payment_method_id payment_method_status error_code
	unified_code unified_message cancellation_reason reference_id next_action email name phone return_url expires_on
	manual_retry_allowed off_session mandate_id`

// paymentObject renders a payment with all its keys.
func (c call) paymentObject(t corpus.Transaction, row, expand bool) map[string]any {
	o := map[string]any{}
	for _, k := range strings.Fields(paymentKeys) {
		o[k] = nil
	}
	updated := t.CompletedAt
	if updated.IsZero() {
		updated = t.CreatedAt
	}
	for k, v := range map[string]any{
		"payment_id": t.ID, "merchant_id": merchantID, "processor_merchant_id": merchantID, "status": shownWord(t),
		"amount": c.amount(t), "net_amount": c.amount(t), "amount_capturable": 0, "currency": t.Amount.Currency,
		"connector": "daraja", "created": stamp(t.CreatedAt), "modified_at": stamp(updated), "updated": stamp(updated),
		"expires_on": stamp(t.CreatedAt.Add(15 * time.Minute)), "customer_id": orNull(t.CustomerID),
		"customer": customer(t.CustomerID, "", ""), "capture_method": "automatic",
		"client_secret": text(t.ID+"_secret", t.ID), "connector_transaction_id": orNull(t.NetworkReference),
		"metadata": metadataOf(t), "profile_id": c.profile(), "attempt_count": 1,
		"merchant_connector_id": text("mca", t.Provider), "reference_id": t.ID + "_1",
		"merchant_order_reference_id": orNull(t.Reference), "payment_method_id": methodID(t),
	} {
		o[k] = v
	}
	if methodID(t) != nil {
		o["payment_method_status"], o["setup_future_usage"] = "active", "off_session"
	}
	c.method(t, o)
	c.moved(t, o)
	switch word(t) {
	case "failed", "cancelled", "expired":
		o["error_code"], o["error_message"] = orNull(t.FailureCode), "the connector refused the payment"
		o["manual_retry_allowed"] = word(t) == "failed"
	case "conflicted":
		o["error_code"], o["error_message"] = "IE", "Integrity Check Failed!"
	}
	if row {
		for _, k := range strings.Fields(hiddenInLists) {
			o[k] = nil
		}
	} else if expand {
		o["attempts"] = []any{map[string]any{
			"attempt_id": t.ID + "_1", "status": attemptWord(word(t)), "amount": o["amount"], "currency": o["currency"],
			"created_at": o["created"], "modified_at": o["modified_at"], "connector": o["connector"],
			"error_code": o["error_code"], "error_message": o["error_message"], "payment_method": o["payment_method"],
			"payment_method_type": o["payment_method_type"], "connector_transaction_id": o["connector_transaction_id"],
			"reference_id": o["reference_id"], "capture_method": "automatic",
		}}
	}
	return o
}

// method says by what the customer paid.
func (c call) method(t corpus.Transaction, o map[string]any) {
	code, number, phone := phoneOf(t.Account)
	switch word(t) {
	case "requires_payment_method":
		return
	}
	if phone {
		o["billing"], o["phone"] = billing(code, number), number
		o["customer"] = customer(t.CustomerID, code, number)
	}
	if phone && t.Amount.Currency == "KES" && !t.SavedMethod {
		o["payment_method"], o["payment_method_type"] = "wallet", "m_pesa_express"
		o["payment_method_data"] = map[string]any{"wallet": map[string]any{}, "billing": nil}
		return
	}
	o["payment_method"], o["payment_method_type"], o["connector"] = "card", "credit", "cardhouse"
	o["payment_method_data"] = map[string]any{"card": map[string]any{"last4": "0043"}, "billing": nil}
}

// moved says what money moved, and what went back.
func (c call) moved(t corpus.Transaction, o map[string]any) {
	settled := t.Amount
	if t.Settled != nil {
		settled = *t.Settled
	}
	switch w := word(t); w {
	case "succeeded", "partially_captured", "cancelled_post_capture":
		o["amount_received"] = c.units(settled)
	case "partially_captured_and_capturable", "partially_captured_and_processing", "review", "conflicted":
		if t.Settled != nil && settled.Currency == t.Amount.Currency {
			o["amount_received"] = c.units(settled)
		}
	case "requires_capture":
		o["amount_capturable"] = o["amount"]
	}
	refunds, disputes := []any{}, []any{}
	total := money.Amount{Currency: t.Amount.Currency, Exp: t.Amount.Exp}
	for _, r := range t.Refunds {
		if isDispute(r) {
			d := c.disputeObject(t, r)
			for _, k := range []string{"payment_id", "currency", "connector"} {
				delete(d, k)
			}
			disputes = append(disputes, d)
			continue
		}
		refunds = append(refunds, c.refundObject(t, r))
		if sum, err := total.Add(r.Amount); err == nil && r.Status == payment.Completed {
			total = sum
		}
	}
	if len(refunds) > 0 {
		o["refunds"] = refunds
		if !c.old {
			o["state_metadata"] = map[string]any{"total_refunded_amount": c.units(total), "total_disputed_amount": nil, "post_capture_void": nil}
		}
	}
	if len(disputes) > 0 {
		o["disputes"] = disputes
	}
}

// attemptWord is the attempt's word for a payment's status.
func attemptWord(intent string) string {
	words := map[string]string{
		"succeeded": "charged", "requires_capture": "authorized", "requires_customer_action": "authentication_pending",
		"requires_merchant_action": "unresolved", "partially_captured": "partial_charged",
		"partially_captured_and_capturable":         "partial_charged_and_chargeable",
		"partially_authorized_and_requires_capture": "partially_authorized", "cancelled": "voided",
		"cancelled_post_capture": "voided_post_charge", "conflicted": "integrity_failure", "review": "capture_review",
		"expired": "expired", "requires_payment_method": "payment_method_awaited",
		"requires_confirmation": "confirmation_awaited", "failed": "failure",
	}
	if w, ok := words[intent]; ok {
		return w
	}
	return "pending"
}

// paymentList lists payments. Unlike those of payouts, its times are refused
// where they can't be read, and its names have dots.
func (c call) paymentList() {
	if c.r.Method == http.MethodPost {
		c.fail(http.StatusUnauthorized, "invalid_request", "IR_17", "Access forbidden, invalid JWT token was used")
		return
	}
	a, ok := c.listArgs(paymentParameters)
	if !ok {
		return
	}
	query := c.r.URL.Query()
	bounds := map[string]time.Time{}
	for _, name := range []string{"created", "created.gte", "created.gt", "created.lte", "created.lt"} {
		if !query.Has(name) {
			continue
		}
		bounds[name] = readTime(query.Get(name))
		if bounds[name].IsZero() {
			c.refuseQuery("the `" + name + "` component could not be parsed")
			return
		}
	}
	from, end := bounds["created.gte"], bounds["created.lte"]
	if from.IsZero() {
		from = bounds["created.gt"]
	}
	if end.IsZero() {
		end = bounds["created.lt"]
	}
	if from.IsZero() && end.IsZero() {
		from, end = bounds["created"], bounds["created"]
	}
	rows, _, ok := c.page(payment.Deposit, a, from, end)
	if !ok {
		return
	}
	data := make([]any, 0, len(rows))
	for _, t := range rows {
		data = append(data, c.paymentObject(t, true, false))
	}
	c.answer(http.StatusOK, map[string]any{"size": len(data), "data": data})
}
