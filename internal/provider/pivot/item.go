package pivot

import (
	"encoding/json"
	"strings"
	"time"

	"tieout/internal/money"
	"tieout/internal/payment"
)

// batchDTO is a payout request; asked for one item it hides its status.
type batchDTO struct {
	UUID    string          `json:"uuid"`
	Status  string          `json:"status"`
	Payouts json.RawMessage `json:"payouts"`
}

type batch struct {
	batchDTO
	items  []json.RawMessage
	listed bool // payouts was there
}

// itemDTO is one payout.
type itemDTO struct {
	ReferenceID string     `json:"referenceId"`
	Amount      *amountDTO `json:"amount"`
	Status      string     `json:"status"`
	Reason      string     `json:"reason"`
	Created     *string    `json:"created"`
	Updated     *string    `json:"updated"`
	Channel     *struct {
		AccountNumber flexText `json:"accountNumber"`
	} `json:"channelInformation"`
}

type item struct {
	itemDTO
	amount           money.Amount
	created, updated time.Time
}

// readBatch takes payouts by its shape: an array, or one object.
func (c *client) readBatch(data json.RawMessage) (batch, *failure) {
	var b batch
	if f := decode(data, &b.batchDTO); f != nil {
		return b, f
	}
	if b.items, b.listed = elements(b.Payouts); !b.listed {
		return b, invalid("payouts is missing")
	}
	return b, nil
}

func referenceOf(raw json.RawMessage) string {
	var d struct {
		ReferenceID string `json:"referenceId"`
	}
	if json.Unmarshal(raw, &d) != nil {
		return ""
	}
	return d.ReferenceID
}

// readItem reads one payout. What could be read is returned also with a failure.
func (c *client) readItem(raw json.RawMessage) (item, *failure) {
	var it item
	f := decode(raw, &it.itemDTO)
	if f != nil {
		return it, f
	}
	if it.ReferenceID == "" {
		return it, invalid("referenceId is missing")
	}
	if it.amount, f = c.amount("amount", it.Amount, unsigned); f != nil {
		return it, f
	}
	if it.created, f = instant("created", it.Created); f != nil {
		return it, f
	}
	it.updated, f = instant("updated", it.Updated)
	return it, f
}

// waiting tells whether only the batch's status says what the item waits for.
func (it item) waiting() bool {
	return word(it.Status) == "APPROVED" || it.Status == ""
}

// transaction judges an item; status is its batch's, empty where unknown.
// DONE is final for the request only, so the item's word decides, and only an
// item without one, or merely APPROVED, takes its batch's into account.
func (it item) transaction(status string) (payment.Transaction, *failure) {
	t := payment.Transaction{
		Kind: payment.Payout, OwnID: it.ReferenceID, Reference: it.ReferenceID, RawStatus: it.Status,
		Amount: it.amount, CreatedAt: it.created,
	}
	if it.Channel != nil {
		t.Account = string(it.Channel.AccountNumber)
	}
	switch word(it.Status) {
	case "SUCCESS":
		t.Status = payment.Completed
	case "FAILED":
		t.Status = payment.Failed
	case "REJECTED":
		t.Status = payment.Rejected
	case "CANCELLED":
		t.Status = payment.Cancelled
	case "PENDING", "PROCESSING", "DELAYED":
		t.Status = payment.Pending
	case "APPROVED", "":
		t.Status = payment.Pending
		if t.RawStatus == "" {
			t.RawStatus = status
		}
		switch status {
		case "PENDING":
			t.NeedsAction, t.RawStatus = payment.ActionTopUp, strings.TrimSuffix("PENDING/"+it.Status, "/")
		case "", "IN_PROGRESS", "DONE", "CANCELLED":
		default:
			f := invalid("unknown batch status %q", slug(status))
			f.raw = status
			return t, f
		}
		if shortOfBalance(it.Reason) {
			t.NeedsAction = payment.ActionTopUp
		}
	default:
		f := invalid("unknown payout status %q", slug(it.Status))
		f.raw = it.Status
		return t, f
	}
	if t.Status.Final() {
		t.CompletedAt = it.updated
	}
	if t.Status != payment.Completed && it.Reason != "" {
		t.FailureCode, t.FailureGroup = payoutFailure(it.Reason)
		t.FailureMessage = it.Reason
	}
	return t, nil
}

func shortOfBalance(reason string) bool { return plain(reason) == "insufficient balance" }

// plain takes a free text down to what can be compared: its case varies.
func plain(s string) string { return strings.ToLower(strings.Trim(strings.TrimSpace(s), ".")) }

// payoutReason is what a documented free text stands for.
type payoutReason struct {
	code  string // ours
	group payment.FailureGroup
}

// payoutReasons are the documented free texts, in the form of plain.
var payoutReasons = map[string]payoutReason{
	"invalid account":                   {"INVALID_ACCOUNT", payment.FailureCustomer},
	"inactive account":                  {"INACTIVE_ACCOUNT", payment.FailureCustomer},
	"dormant account":                   {"DORMANT_ACCOUNT", payment.FailureCustomer},
	"declined due to beneficiary limit": {"BENEFICIARY_LIMIT", payment.FailureCustomer},
	"failed to process by bank network": {"BANK_NETWORK_FAILED", payment.FailureProvider},
	"unknown bank network error":        {"BANK_NETWORK_UNKNOWN", payment.FailureProvider},
	"feature not allowed at this time":  {"FEATURE_NOT_ALLOWED", payment.FailureConfiguration},
	"insufficient balance":              {"INSUFFICIENT_BALANCE", payment.FailureConfiguration},
}

// payoutFailure gives a text its code and group; one that nobody documents has
// no code and is kept as the message.
func payoutFailure(reason string) (string, payment.FailureGroup) {
	if r, known := payoutReasons[plain(reason)]; known {
		return r.code, r.group
	}
	return "", payment.FailureUnknown
}
