package pesaswap

import (
	"encoding/json"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"time"

	"tieout/internal/corpus"
	"tieout/internal/payment"
)

// isDispute tells a dispute from a refund by its id.
func isDispute(r corpus.Refund) bool { return strings.HasPrefix(r.ID, "dp_") }

func (c call) refundObject(t corpus.Transaction, r corpus.Refund) map[string]any {
	status := map[payment.Status]string{payment.Completed: "succeeded", payment.Failed: "failed", payment.Created: "review"}[r.Status]
	if status == "" {
		status = "pending"
	}
	var code any
	if status == "review" {
		code = "IE" // the connector refunded another amount than was asked for
	}
	return map[string]any{
		"refund_id": r.ID, "payment_id": t.ID, "amount": c.units(r.Amount), "currency": r.Amount.Currency,
		"status": status, "reason": nil, "metadata": nil, "error_message": nil, "error_code": code, "unified_code": nil,
		"unified_message": nil, "created_at": stamp(r.CreatedAt), "updated_at": stamp(r.CreatedAt), "connector": "daraja",
		"profile_id": c.profile(), "merchant_connector_id": text("mca", t.Provider), "split_refunds": nil,
		"issuer_error_code": nil, "issuer_error_message": nil, "raw_connector_response": nil, "connector_refund_id": nil,
	}
}

func (c call) disputeObject(t corpus.Transaction, r corpus.Refund) map[string]any {
	status := map[payment.Status]string{
		payment.Completed: "dispute_lost", payment.Failed: "dispute_won", payment.Expired: "dispute_expired", payment.Cancelled: "dispute_cancelled",
	}[r.Status]
	if status == "" {
		status = "dispute_opened"
	}
	return map[string]any{
		"dispute_id": r.ID, "payment_id": t.ID, "attempt_id": t.ID + "_1", "amount": c.units(r.Amount).String(),
		"currency": r.Amount.Currency, "dispute_stage": "dispute", "dispute_status": status, "connector": "cardhouse",
		"connector_status": status, "connector_dispute_id": text("cd", r.ID), "connector_reason": nil,
		"connector_reason_code": nil, "challenge_required_by": nil, "connector_created_at": stamp(r.CreatedAt),
		"connector_updated_at": nil, "created_at": stamp(r.CreatedAt), "profile_id": c.profile(),
		"merchant_connector_id": text("mca", t.Provider), "is_already_refunded": false,
	}
}

// owned is a refund or dispute with its payment.
type owned struct {
	t corpus.Transaction
	r corpus.Refund
}

// refundsOf lists refunds or disputes, newest first.
func (c call) refundsOf(disputes bool) []owned {
	var all []owned
	for _, t := range c.account.All(payment.Deposit) {
		for _, r := range t.Refunds {
			if isDispute(r) == disputes {
				all = append(all, owned{t, r})
			}
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].r.CreatedAt.After(all[j].r.CreatedAt) })
	return all
}

func (c call) refund(id string) {
	for _, o := range c.refundsOf(false) {
		if o.r.ID == id {
			c.answer(http.StatusOK, c.refundObject(o.t, o.r))
			return
		}
	}
	c.fail(http.StatusNotFound, "invalid_request", "HE_02", "Refund does not exist in our records.")
}

func (c call) dispute(id string) {
	for _, o := range c.refundsOf(true) {
		if o.r.ID == id {
			c.answer(http.StatusOK, c.disputeObject(o.t, o.r))
			return
		}
	}
	c.fail(http.StatusNotFound, "invalid_request", "HE_04", "Dispute does not exist in our records")
}

// refundBody is the refund list's body.
type refundBody struct {
	PaymentID   string          `json:"payment_id"`
	RefundID    string          `json:"refund_id"`
	ProfileID   string          `json:"profile_id"`
	Limit       json.RawMessage `json:"limit"`
	Offset      json.RawMessage `json:"offset"`
	StartTime   string          `json:"start_time"`
	EndTime     string          `json:"end_time"`
	AmountRange amountRange     `json:"amount_filter"`
	Connector   []string        `json:"connector"`
	MerchantIDs []string        `json:"merchant_connector_id"`
	Currency    []string        `json:"currency"`
	Status      []string        `json:"refund_status"`
}

// refundWords are the words of refund_status in requests, the server's internal
// ones, with those that answers show.
var refundWords = map[string]string{
	"success": "succeeded", "failure": "failed", "pending": "pending", "manual_review": "review", "transaction_failure": "failed",
}

// wants applies the filters on what a refund itself shows.
func (b refundBody) wants(o map[string]any) bool {
	status := b.Status == nil
	for _, word := range b.Status {
		status = status || refundWords[word] == o["status"]
	}
	return status && (b.Currency == nil || contains(b.Currency, shown(o, "currency"))) &&
		(b.Connector == nil || contains(b.Connector, shown(o, "connector"))) &&
		(b.MerchantIDs == nil || contains(b.MerchantIDs, shown(o, "merchant_connector_id"))) &&
		(b.ProfileID == "" || b.ProfileID == shown(o, "profile_id")) && b.AmountRange.holds(o["amount"])
}

// amountRange is in minor units, both ends included; nil is no end.
type amountRange struct {
	Start *int64 `json:"start_amount"`
	End   *int64 `json:"end_amount"`
}

func (r amountRange) holds(amount any) bool {
	if r.Start == nil && r.End == nil {
		return true
	}
	units, _ := amount.(json.Number)
	n, err := units.Int64()
	return err == nil && (r.Start == nil || n >= *r.Start) && (r.End == nil || n <= *r.End)
}

// shown is a member of a rendered object, as text.
func shown(o map[string]any, name string) string {
	s, _ := o[name].(string)
	return s
}

func (c call) refundList() {
	var b refundBody
	if !c.body(&b) {
		return
	}
	for _, word := range b.Status {
		if _, known := refundWords[word]; !known {
			c.refuseBody("unknown variant `" + word + "`")
			return
		}
	}
	limit, ok := c.number(b.Limit, "limit", 10)
	if !ok {
		return
	}
	offset, ok := c.number(b.Offset, "offset", 0)
	if !ok {
		return
	}
	if limit < 1 || limit > 100 || offset > 20000 {
		c.refuseBody("limit or offset is out of range")
		return
	}
	from, end := readTime(b.StartTime), readTime(b.EndTime)
	if b.StartTime != "" && from.IsZero() || b.EndTime != "" && end.IsZero() {
		from, end = time.Time{}, time.Time{} // fails open
	}
	data := []any{}
	for _, o := range c.refundsOf(false) {
		named := b.PaymentID == "" && b.RefundID == "" || o.t.ID == b.PaymentID || o.r.ID == b.RefundID
		inside := from.IsZero() || !o.r.CreatedAt.Before(from) && (end.IsZero() || !o.r.CreatedAt.After(end))
		if object := c.refundObject(o.t, o.r); named && inside && b.wants(object) {
			data = append(data, object)
		}
	}
	total := len(data)
	data = data[min(offset, total):]
	data = data[:min(limit, len(data))]
	c.answer(http.StatusOK, map[string]any{"count": len(data), "total_count": total, "data": data})
}

func (c call) disputeList() {
	a, ok := c.listArgs(disputeParameters)
	if !ok {
		return
	}
	query := c.r.URL.Query()
	offset := 0
	if query.Has("offset") {
		n, err := strconv.Atoi(query.Get("offset"))
		if err != nil || n < 0 {
			c.refuseQuery("offset is out of range")
			return
		}
		offset = n
	}
	from, end := readTime(query.Get("start_time")), readTime(query.Get("end_time"))
	if from.IsZero() || query.Get("end_time") != "" && end.IsZero() {
		from, end = time.Time{}, time.Time{} // fails open
	}
	list := []any{}
	for _, o := range c.refundsOf(true) {
		inside := !o.r.CreatedAt.Before(from) && (end.IsZero() || !o.r.CreatedAt.After(end))
		if object := c.disputeObject(o.t, o.r); inside && wantedDispute(query, object) {
			list = append(list, object)
		}
	}
	list = list[min(offset, len(list)):]
	c.answer(http.StatusOK, list[:min(a.limit, len(list))])
}

// wantedDispute applies the filters of the list of disputes: some take several
// words, joined by commas.
func wantedDispute(query url.Values, o map[string]any) bool {
	for _, name := range []string{
		"payment_id", "dispute_id", "profile_id", "merchant_connector_id", "reason", "dispute_status", "dispute_stage", "connector", "currency",
	} {
		member := name
		if name == "reason" {
			member = "connector_reason"
		}
		if given := query.Get(name); given != "" && !contains(strings.Split(given, ","), shown(o, member)) {
			return false
		}
	}
	return true
}

// customerMethods lists a customer's saved methods. Each call shows new tokens.
func (c call) customerMethods(id string) {
	if c.r.Header.Get("Authorization") != "" || !legalID.MatchString(id) {
		c.fail(http.StatusUnauthorized, "invalid_request", "IR_01", "API key not provided or invalid API key used")
		return
	}
	txs := c.account.Customer(id)
	if len(txs) == 0 {
		c.fail(http.StatusNotFound, "invalid_request", "HE_02", "Customer does not exist in our records")
		return
	}
	call := strconv.Itoa(c.account.Asked("methods of " + id))
	methods := []any{}
	for i := len(txs) - 1; i >= 0; i-- {
		t := txs[i]
		if methodID(t) == nil || t.Status != payment.Completed && t.Status != payment.Reversed {
			continue
		}
		methods = append(methods, map[string]any{
			"payment_token": text("token", t.ID+call), "payment_method_id": methodID(t), "customer_id": id,
			"payment_method": "card", "payment_method_type": "debit", "payment_method_issuer": nil,
			"payment_method_issuer_code": nil, "recurring_enabled": true, "installment_payment_enabled": false,
			"payment_experience": []string{"redirect_to_url"},
			"card":               map[string]any{"last4_digits": "0043", "expiry_month": "09", "expiry_year": "2029", "saved_to_locker": true},
			"metadata":           nil, "created": stamp(t.CompletedAt), "bank": nil, "surcharge_details": nil, "requires_cvv": true,
			"last_used_at": stamp(t.CompletedAt), "default_payment_method_set": false, "billing": nil,
		})
	}
	c.answer(http.StatusOK, map[string]any{"customer_payment_methods": methods, "is_guest_customer": nil})
}
