package pesaswap

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strings"
	"time"

	"tieout/internal/corpus"
	"tieout/internal/money"
	"tieout/internal/payment"
)

// payoutObject renders a payout with all its keys. row is its form in lists.
func (c call) payoutObject(t corpus.Transaction, row, expand bool) map[string]any {
	o := map[string]any{
		"payout_id": t.ID, "merchant_id": merchantID, "merchant_order_reference_id": orNull(t.Reference),
		"amount": c.amount(t), "currency": t.Amount.Currency, "connector": "daraja", "payout_type": nil,
		"payout_method_data": nil, "source_bank_data": nil, "billing": nil,
		"auto_fulfill": t.NeedsAction != payment.ActionFulfil,
		"customer_id":  orNull(t.CustomerID), "customer": customer(t.CustomerID, "", ""),
		"client_secret": text("payout_"+t.ID+"_secret", t.ID), "return_url": nil, "business_country": nil,
		"business_label": nil, "description": nil, "billing_descriptor": nil, "entity_type": "Individual",
		"recurring": t.SavedMethod, "metadata": metadataOf(t), "merchant_connector_id": text("mca", t.Provider),
		"status": shownWord(t), "error_message": nil, "error_code": nil, "profile_id": c.profile(),
		"created": stamp(t.CreatedAt), "connector_transaction_id": orNull(t.NetworkReference), "priority": nil,
		"payout_link": nil, "email": nil, "name": nil, "phone": nil, "phone_country_code": nil,
		"unified_code": nil, "unified_message": nil, "payout_method_id": methodID(t),
	}
	if code, number, ok := phoneOf(t.Account); ok {
		o["payout_type"], o["billing"] = "wallet", billing(code, number)
		o["phone"], o["phone_country_code"] = number, code
		o["customer"] = customer(t.CustomerID, code, number)
	} else if t.Account != "" {
		o["payout_type"], o["connector"] = "bank", "pesapay"
		o["payout_method_data"] = map[string]any{"bank": map[string]any{
			"payout_method": "pesalink", "bank_code": "01", "account_number": masked(t.Account),
		}}
	}
	if failedPayout(t) {
		o["error_code"], o["error_message"] = orNull(t.FailureCode), "the connector refused the payout"
		o["unified_code"], o["unified_message"] = "UE_9000", "Something went wrong"
	}
	attempts := c.attempts(t, o)
	switch {
	case row:
		o["client_secret"], o["unified_code"], o["unified_message"] = nil, nil, nil
		o["attempts"] = attempts[len(attempts)-1:]
	case expand && !c.old:
		o["attempts"] = attempts
	}
	if c.old {
		delete(o, "merchant_order_reference_id")
		delete(o, "source_bank_data")
		delete(o, "billing_descriptor")
	}
	return o
}

func failedPayout(t corpus.Transaction) bool {
	switch word(t) {
	case "failed", "not_permitted", "cancelled", "expired", "reversed", "ineligible":
		return true
	}
	return false
}

// attempts renders the attempts, oldest first; the last one is the payout's state.
func (c call) attempts(t corpus.Transaction, o map[string]any) []map[string]any {
	last := map[string]any{
		"attempt_id": t.ID + "_1", "status": o["status"], "amount": o["amount"], "currency": o["currency"],
		"connector": o["connector"], "error_code": o["error_code"], "error_message": o["error_message"],
		"payment_method": o["payout_type"], "payout_method_type": nil,
		"connector_transaction_id": o["connector_transaction_id"], "cancellation_reason": nil,
		"unified_code": o["unified_code"], "unified_message": o["unified_message"],
	}
	if t.Status == payment.Created || !oneIn(8, t.ID) {
		return []map[string]any{last}
	}
	first := map[string]any{}
	for k, v := range last {
		first[k] = v
	}
	first["status"], first["connector_transaction_id"] = "failed", nil
	first["error_code"], first["error_message"] = "500.001.1001", "the connector was busy"
	last["attempt_id"] = t.ID + "_2"
	return []map[string]any{first, last}
}

func (c call) payoutList() {
	if c.r.Method == http.MethodPost {
		c.payoutSearch()
		return
	}
	a, ok := c.listArgs(payoutParameters)
	if !ok {
		return
	}
	// What can't be read as a time is dropped without a word, and so is an end
	// without a start.
	query := c.r.URL.Query()
	from, end := readTime(query.Get("start_time")), readTime(query.Get("end_time"))
	bad := func(name string, t time.Time) bool { return query.Has(name) && t.IsZero() }
	if bad("start_time", from) || bad("end_time", end) || from.IsZero() {
		from, end = time.Time{}, time.Time{}
	}
	if from.IsZero() {
		from = readTime(query.Get("created"))
	}
	rows, total, ok := c.page(payment.Payout, a, from, end)
	if !ok {
		return
	}
	data := make([]any, 0, len(rows))
	for _, t := range rows {
		data = append(data, c.payoutObject(t, true, false))
	}
	body := map[string]any{"size": len(data), "data": data}
	if !c.old {
		body["total_count"] = total
	}
	c.answer(http.StatusOK, body)
}

// searchBody is the POST list's body: nothing else is allowed in it.
type searchBody struct {
	PayoutID   string          `json:"payout_id"`
	Reference  *string         `json:"merchant_order_reference_id"`
	ProfileID  string          `json:"profile_id"`
	CustomerID string          `json:"customer_id"`
	Limit      json.RawMessage `json:"limit"`
	Offset     json.RawMessage `json:"offset"`
	StartTime  string          `json:"start_time"`
	EndTime    string          `json:"end_time"`
	Connector  []string        `json:"connector"`
	Currency   []string        `json:"currency"`
	Status     []string        `json:"status"`
	Method     []string        `json:"payout_method"`
	EntityType string          `json:"entity_type"`
}

// payoutSearch joins attempts and customers: a payout comes once for each
// attempt, and not at all without a customer.
func (c call) payoutSearch() {
	var b searchBody
	limit, offset, ok := 0, 0, c.body(&b)
	if ok && c.old && b.Reference != nil {
		c.refuseBody("unknown field `merchant_order_reference_id`")
		return
	}
	if ok {
		limit, ok = c.number(b.Limit, "limit", 10)
	}
	if ok {
		offset, ok = c.number(b.Offset, "offset", 0)
	}
	if !ok || !c.searchLimits(limit, offset) || !c.searchWords(b) {
		return
	}
	from, end := readTime(b.StartTime), readTime(b.EndTime)
	if from.IsZero() || b.EndTime != "" && end.IsZero() {
		from, end = time.Time{}, time.Time{}
	}
	var data []map[string]any
	for _, t := range c.candidates(b, from, end) {
		row := c.payoutObject(t, true, false)
		if t.CustomerID == "" || !b.wants(t, row, c.profile()) {
			continue
		}
		for _, attempt := range c.attempts(t, c.payoutObject(t, false, false)) {
			one := map[string]any{}
			for k, v := range row {
				one[k] = v
			}
			for _, k := range []string{"status", "error_code", "error_message", "connector_transaction_id"} {
				one[k] = attempt[k]
			}
			one["attempts"] = []map[string]any{attempt}
			data = append(data, one)
		}
	}
	total := len(data)
	data = data[min(offset, total):]
	data = data[:min(limit, len(data))]
	if data == nil {
		data = []map[string]any{}
	}
	body := map[string]any{"size": len(data), "data": data}
	if !c.old {
		body["total_count"] = total
	}
	c.answer(http.StatusOK, body)
}

// candidates are the payouts that the search may show, newest first; an index
// spares it the whole account.
func (c call) candidates(b searchBody, from, end time.Time) []corpus.Transaction {
	var found []corpus.Transaction
	switch {
	case b.PayoutID != "":
		found = c.account.ByID(payment.Payout, b.PayoutID)
	case b.Reference != nil:
		found = c.account.ByReference(payment.Payout, *b.Reference)
	default:
		return c.newestFirst(payment.Payout, from, end)
	}
	found = slices.DeleteFunc(found, func(t corpus.Transaction) bool {
		outside := b.PayoutID == "" && (t.CreatedAt.Before(from) || !end.IsZero() && !t.CreatedAt.Before(after(end)))
		return outside || t.Unlisted || t.Fault == corpus.FaultHiddenInList
	})
	slices.SortStableFunc(found, func(x, y corpus.Transaction) int { return y.CreatedAt.Compare(x.CreatedAt) })
	return found
}

func (c call) searchLimits(limit, offset int) bool {
	switch {
	case !c.old && (limit > 100 || limit < 1 || offset > 20000):
		c.refuseBody("limit or offset is out of range")
	case limit < 1 || limit > 20:
		c.fail(http.StatusUnprocessableEntity, "invalid_request", "IR_06", "limit should be in between 1 and 20")
	default:
		return true
	}
	return false
}

// searchWords refuses words that the server's enums don't hold.
func (c call) searchWords(b searchBody) bool {
	for name, words := range map[string]struct{ given, known []string }{
		"status":        {b.Status, strings.Fields(payoutStatuses)},
		"payout_method": {b.Method, []string{"card", "bank", "wallet", "bank_redirect"}},
	} {
		for _, w := range words.given {
			if !contains(words.known, w) {
				c.refuseBody(name + ": unknown variant `" + w + "`")
				return false
			}
		}
	}
	for _, w := range b.Currency {
		if _, known := money.Exponent(w); !known {
			c.refuseBody("currency: unknown variant `" + w + "`")
			return false
		}
	}
	return true
}

const payoutStatuses = `success failed cancelled initiated expired reversed pending ineligible not_permitted requires_creation
	requires_confirmation requires_payout_method_data requires_fulfillment requires_vendor_account_creation`

// wants applies the filters; with a payout_id every other one is ignored.
func (b searchBody) wants(t corpus.Transaction, row map[string]any, profile string) bool {
	if b.PayoutID != "" {
		return t.ID == b.PayoutID
	}
	return (b.Reference == nil || t.Reference == *b.Reference) &&
		(b.ProfileID == "" || b.ProfileID == profile) &&
		(b.CustomerID == "" || t.CustomerID == b.CustomerID) &&
		(b.Currency == nil || contains(b.Currency, t.Amount.Currency)) &&
		(b.Status == nil || contains(b.Status, word(t))) &&
		(b.Connector == nil || contains(b.Connector, shown(row, "connector"))) &&
		(b.Method == nil || contains(b.Method, shown(row, "payout_type")))
}

func (c call) payoutFilter() {
	var b struct {
		StartTime string `json:"start_time"`
		EndTime   string `json:"end_time"`
	}
	if !c.body(&b) {
		return
	}
	from := readTime(b.StartTime)
	if from.IsZero() {
		c.refuseBody("missing field `start_time`")
		return
	}
	rows := c.newestFirst(payment.Payout, from, readTime(b.EndTime))
	if !c.old {
		rows = rows[:min(10, len(rows))] // only the newest are looked at
	}
	seen := map[string]map[string]bool{"connector": {}, "currency": {}, "status": {}, "payout_method": {}}
	for _, t := range rows {
		o := c.payoutObject(t, true, false)
		for key, from := range map[string]string{"connector": "connector", "currency": "currency", "status": "status", "payout_method": "payout_type"} {
			if o[from] != nil {
				seen[key][fmt.Sprint(o[from])] = true
			}
		}
	}
	body := map[string]any{}
	for key, values := range seen {
		list := make([]string, 0, len(values))
		for v := range values {
			list = append(list, v)
		}
		sort.Strings(list)
		body[key] = list
	}
	c.answer(http.StatusOK, body)
}
