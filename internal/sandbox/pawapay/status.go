package pawapay

import (
	"hash/fnv"
	"net/http"
	"strings"
	"time"

	"tieout/internal/corpus"
	"tieout/internal/money"
	"tieout/internal/payment"
)

// item is a deposit, payout or refund as the API shows it.
type item struct {
	path        string // deposits, payouts, refunds
	id          string
	status      string // the API's word; empty: never accepted
	amount      money.Amount
	excess      bool // the amount carries a digit that the currency can't hold
	phone       string
	reference   string
	networkID   string
	failureCode string
	metadata    map[string]string
	created     time.Time
	completed   time.Time
	settled     *money.Amount
}

// refundKey names the transaction that a refund belongs to.
type refundKey struct {
	kind payment.Kind
	id   string
}

func (s *server) status(w http.ResponseWriter, version int, path, id string) {
	if !uuidForm.MatchString(id) {
		refuse(w, version, http.StatusBadRequest, "INVALID_PARAMETER", "The id must be a UUID.")
		return
	}
	id = strings.ToLower(id)
	var it *item
	if path == "refunds" {
		it = s.refund(id)
	} else {
		kind := payment.Deposit
		if path == "payouts" {
			kind = payment.Payout
		}
		if found := s.ByID(kind, id); len(found) > 0 {
			t := found[0]
			if fault(w, version, t.Fault) {
				return
			}
			it = itemOf(path, t)
		}
	}
	if it != nil && it.status == "" {
		it = nil
	}
	switch {
	case version == 1 && it == nil:
		reply(w, http.StatusOK, []any{})
	case version == 1:
		reply(w, http.StatusOK, []any{it.v1()})
	case it == nil:
		reply(w, http.StatusOK, map[string]any{"status": "NOT_FOUND"})
	default:
		reply(w, http.StatusOK, map[string]any{"status": "FOUND", "data": it.v2()})
	}
}

// fault answers in place of the API where the transaction's fault says so.
func fault(w http.ResponseWriter, version int, f corpus.Fault) bool {
	switch f {
	case corpus.FaultDown:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte("<html><body><h1>503 Service Temporarily Unavailable</h1></body></html>"))
	case corpus.FaultRefused:
		refuse(w, version, http.StatusForbidden, "AUTHORISATION_ERROR", "The token is not allowed to make this call.")
	case corpus.FaultGarbage:
		w.Header().Set("Content-Type", "application/json")
		half := `{"status":"FOUND","data":{"sta`
		if version == 1 {
			half = `[{"sta`
		}
		_, _ = w.Write([]byte(half))
	default:
		return false
	}
	return true
}

// itemOf says a transaction in the API's words. A refused initiation was never
// kept. The API has no word for a reversal: such a payment stays completed.
func itemOf(path string, t corpus.Transaction) *item {
	it := &item{
		path: path, id: t.ID, amount: t.Amount, phone: t.Account, reference: t.Reference, metadata: t.Metadata,
		created: t.CreatedAt, completed: t.CompletedAt, settled: t.Settled, excess: t.Fault == corpus.FaultAmount,
	}
	switch t.Status {
	case payment.Completed, payment.Reversed:
		it.status, it.networkID = "COMPLETED", t.NetworkReference
	case payment.Failed, payment.Expired, payment.Cancelled:
		it.status, it.failureCode = "FAILED", failureCode(t)
	case payment.Pending:
		open := []string{"ACCEPTED", "PROCESSING", "IN_RECONCILIATION"}
		if t.Kind == payment.Payout {
			open = append(open, "ENQUEUED")
		}
		it.status = open[pick(t.ID, len(open))]
	}
	if t.RawStatus != "" && it.status != "" {
		it.status = t.RawStatus
	}
	if t.Fault == corpus.FaultStatusWord {
		it.status = "HELD_BY_PARTNER"
	}
	return it
}

func failureCode(t corpus.Transaction) string {
	switch {
	case t.FailureCode != "":
		return t.FailureCode
	case t.Status == payment.Cancelled:
		return "MANUALLY_CANCELLED"
	case t.Kind == payment.Payout:
		return "RECIPIENT_NOT_FOUND"
	default:
		return "PAYMENT_NOT_APPROVED"
	}
}

// refund finds a refund by its id. Refunds stand with their payments, so an
// index is kept, and made anew when an id is not in it.
func (s *server) refund(id string) *item {
	s.mu.Lock()
	key, known := s.refunds[id]
	s.mu.Unlock()
	if !known {
		if key, known = s.indexRefunds(id); !known {
			return nil
		}
	}
	for _, t := range s.ByID(key.kind, key.id) {
		for _, r := range t.Refunds {
			if strings.EqualFold(r.ID, id) {
				return refundItem(t, r)
			}
		}
	}
	return nil
}

func (s *server) indexRefunds(id string) (refundKey, bool) {
	index := map[string]refundKey{}
	for _, kind := range bothKinds {
		for _, t := range s.Between(kind, time.Time{}, time.Time{}) {
			for _, r := range t.Refunds {
				index[strings.ToLower(r.ID)] = refundKey{kind, t.ID}
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refunds = index
	key, known := index[id]
	return key, known
}

func refundItem(t corpus.Transaction, r corpus.Refund) *item {
	of := t
	of.ID, of.Kind, of.Amount, of.Status, of.CreatedAt = strings.ToLower(r.ID), payment.Payout, r.Amount, r.Status, r.CreatedAt
	of.Reference, of.RawStatus, of.FailureCode, of.NetworkReference = "", "", "", ""
	of.CompletedAt, of.Settled, of.Fault = r.CreatedAt, nil, corpus.NoFault
	return itemOf("refunds", of)
}

// pick chooses one of n by a hash of the id, always the same.
func pick(id string, n int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // a hash never fails
	return int(h.Sum32()) % n
}

// written spells the amount as the API does: with or without trailing zeros,
// which carry no meaning.
func (it *item) written() string {
	return spell(it.amount, it.excess, pick(it.id, 3))
}

func spell(a money.Amount, excess bool, way int) string {
	text := a.String()
	whole, frac, _ := strings.Cut(text, ".")
	if excess {
		return whole + "." + frac + strings.Repeat("0", 2-min(2, len(frac))) + "7"
	}
	frac = strings.TrimRight(frac, "0")
	want := []int{0, 2, 4}[way]
	if len(frac) < want {
		frac += strings.Repeat("0", want-len(frac))
	}
	if frac == "" {
		return whole
	}
	return whole + "." + frac
}

// idName is the JSON name of the id.
func (it *item) idName() string { return strings.TrimSuffix(it.path, "s") + "Id" }

// partyName is the JSON name of the other side.
func (it *item) partyName() string {
	if it.path == "deposits" {
		return "payer"
	}
	return "recipient"
}

func (it *item) v2() map[string]any {
	n := networkOf(it.amount.Currency)
	out := map[string]any{
		it.idName(): it.id, "status": it.status, "amount": it.written(), "currency": it.amount.Currency, "country": n.country,
		"created": utc(it.created),
		it.partyName(): map[string]any{"type": "MMO", "accountDetails": map[string]any{
			"phoneNumber": it.phone, "provider": n.code,
		}},
	}
	if it.reference != "" {
		out["clientReferenceId"] = it.reference
	}
	it.optional(out, "providerTransactionId")
	return out
}

func (it *item) v1() map[string]any {
	n := networkOf(it.amount.Currency)
	word := it.status
	switch word { // of which it has but one word
	case "PROCESSING", "IN_RECONCILIATION":
		word = "SUBMITTED"
	}
	out := map[string]any{
		it.idName(): it.id, "status": word, "currency": it.amount.Currency, "country": n.country, "correspondent": n.code,
		it.partyName():      map[string]any{"type": "MSISDN", "address": map[string]any{"value": it.phone}},
		"customerTimestamp": utc(it.created), "created": utc(it.created), "statementDescription": "Sandbox",
	}
	done := it.status == "COMPLETED"
	if it.path == "deposits" {
		out["requestedAmount"] = it.written()
		if done {
			moved := it.amount
			if it.settled != nil {
				moved = *it.settled
			}
			out["depositedAmount"] = spell(moved, it.excess, pick(it.id, 3))
		}
	} else {
		out["amount"] = it.written()
	}
	if done && !it.completed.IsZero() {
		name := "receivedByRecipient"
		if it.path == "deposits" {
			name = "respondedByPayer"
		}
		out[name] = utc(it.completed)
	}
	it.optional(out, "")
	if it.networkID != "" {
		out["correspondentIds"] = map[string]string{n.family() + "_INIT": "I" + it.networkID, n.family() + "_FINAL": it.networkID}
	}
	return out
}

// optional adds what both versions show only when there is any. networkName is
// where the network's id stands, if it has a field of its own.
func (it *item) optional(out map[string]any, networkName string) {
	if networkName != "" && it.networkID != "" {
		out[networkName] = it.networkID
	}
	if len(it.metadata) > 0 {
		out["metadata"] = it.metadata
	}
	switch {
	case it.status == "FAILED":
		out["failureReason"] = failureReason{it.failureCode, "The payment did not succeed."}
	case pick(it.id, 4) == 0:
		out["failureReason"] = nil
	}
}
