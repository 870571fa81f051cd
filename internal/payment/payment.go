// Package payment holds the words of the domain: payments of the merchant,
// transactions of a provider, and what can be said about a pair of them.
// It knows neither HTTP nor SQL.
package payment

import (
	"time"

	"tieout/internal/money"
)

// Kind is the direction of a payment.
type Kind string

// Money out and money in.
const (
	Payout  Kind = "payout"
	Deposit Kind = "deposit"
)

// Valid tells whether k is one of the two kinds.
func (k Kind) Valid() bool { return k == Payout || k == Deposit }

// Status is the one vocabulary to which the merchant's and the providers'
// statuses are normalised; the raw word is always kept beside it.
type Status string

// The last six are final.
const (
	Created   Status = "created" // not sent
	Pending   Status = "pending" // sent, or unknown whether it was
	Completed Status = "completed"
	Failed    Status = "failed"
	Cancelled Status = "cancelled"
	Expired   Status = "expired"
	Reversed  Status = "reversed"
	Rejected  Status = "rejected" // refused at initiation
)

// Statuses lists all of them.
var Statuses = []Status{Created, Pending, Completed, Failed, Cancelled, Expired, Reversed, Rejected}

// Valid tells whether s is one of our words.
func (s Status) Valid() bool {
	for _, v := range Statuses {
		if s == v {
			return true
		}
	}
	return false
}

// Final tells whether the status is an end; completed may still be reversed.
func (s Status) Final() bool { return s.Valid() && s != Created && s != Pending }

// Payment is the merchant's internal record of one payout or deposit.
type Payment struct {
	ID                string
	Kind              Kind
	Provider          string // a configured name
	ProviderPaymentID string // empty until known
	Reference         string
	Amount            money.Amount
	Status            Status
	Account           string // phone or account number
	CustomerID        string
	SaveMethod        bool // the payment asked for its method to be saved
	Metadata          map[string]string
	CreatedAt         time.Time
	UpdatedAt         time.Time
	Refunded          money.Amount // what the merchant itself refunded
	RefundIDs         []string     // the merchant's own refund ids
}

// Action is what a transaction waits for the merchant to do; empty when it
// waits for the customer, the provider or nobody.
type Action string

// The actions that the providers know.
const (
	ActionCapture Action = "capture" // authorised: capture it or let it go
	ActionFulfil  Action = "fulfil"  // prepared: call fulfil
	ActionReview  Action = "review"  // held for the merchant's review
	ActionConfirm Action = "confirm" // created: confirm it
	ActionTopUp   Action = "top_up"  // parked for lack of balance: top up and retry
	ActionMethod  Action = "method"  // the payment method or the recipient is missing
)

// FailureGroup says whose doing a failure was.
type FailureGroup string

// Groups of failure codes.
const (
	FailureCustomer      FailureGroup = "customer"
	FailureProvider      FailureGroup = "provider"
	FailureConfiguration FailureGroup = "configuration"
	FailureUnknown       FailureGroup = "unknown"
)

// Transaction is the provider's own record of a payment, normalised. A client
// fills what the provider's answer says and leaves the rest empty: an empty
// field or nil amount means "not stated", never zero.
type Transaction struct {
	Kind Kind
	// ID is the provider's id. With Batched it is the id of a batch, and only
	// ID and Reference together name the transaction.
	ID      string
	Batched bool
	// OwnID is the provider's echo of the id that the merchant chose
	// (payments.id); Reference the echo of the merchant's reference. Where one
	// field may carry either, both are set to it.
	OwnID     string
	Reference string
	// NetworkReference is the receipt of the network or bank behind the provider.
	NetworkReference string

	Status    Status
	RawStatus string // the provider's word, with the code where it has one
	// NeedsAction is set on a pending transaction that waits for the merchant.
	NeedsAction    Action
	FailureCode    string
	FailureMessage string
	FailureGroup   FailureGroup

	// Amount is what was asked for. Settled is what really moved, where the
	// provider says so; Refunded what went back; Fee and Tax what was charged.
	Amount                      money.Amount
	Settled, Refunded, Fee, Tax *money.Amount
	Account                     string // recipient or payer, as the provider shows it
	CustomerID                  string
	SavedMethodID               string // the provider's id of the saved payment method
	Metadata                    map[string]string
	CreatedAt, CompletedAt      time.Time // UTC; zero when not stated
	// Revisable marks a final status that may still change at this provider
	// (a failure that can be retried under the same id).
	Revisable bool
	// Partial marks a row of a list that hides fields which one status call
	// would show: it proves existence and status, not the settled amount.
	Partial bool
}

// Key names the transaction among all of its provider and kind.
func (t Transaction) Key() string {
	if t.Batched {
		return t.ID + "/" + t.Reference
	}
	return t.ID
}

// Noted begins the reason of an answer that is trusted: a remark beside what was
// found, which an exception about the amount repeats.
const Noted = "noted: "

// Moved is the amount that really moved, where the provider says so, otherwise
// the amount asked for.
func (t Transaction) Moved() money.Amount {
	if t.Settled != nil {
		return *t.Settled
	}
	return t.Amount
}

// Result is the one class that a payment falls into in a run.
type Result string

// Exactly one of these is true of each payment of a run.
const (
	ResultMatched   Result = "matched"
	ResultPending   Result = "pending"
	ResultException Result = "exception"
)

// MatchMethod names the rung of the ladder that found a match.
type MatchMethod string

// The rungs, best first.
const (
	ByProviderID MatchMethod = "provider_id"
	ByReference  MatchMethod = "reference"
	ByMetadata   MatchMethod = "metadata"
)

// Severity ranks exceptions.
type Severity string

// Severities, worst first.
const (
	Critical Severity = "critical"
	High     Severity = "high"
	Medium   Severity = "medium"
	Low      Severity = "low"
)

// ExceptionKind names a difference that a person must look at.
type ExceptionKind string

// The sixteen kinds; docs/design.md says when each is raised.
const (
	MissingAtProvider   ExceptionKind = "missing_at_provider"
	MissingInternally   ExceptionKind = "missing_internally"
	AmountMismatch      ExceptionKind = "amount_mismatch"
	CurrencyMismatch    ExceptionKind = "currency_mismatch"
	StatusMismatch      ExceptionKind = "status_mismatch"
	ReferenceMismatch   ExceptionKind = "reference_mismatch"
	RecipientMismatch   ExceptionKind = "recipient_mismatch"
	DuplicatePayment    ExceptionKind = "duplicate_payment"
	AmbiguousMatch      ExceptionKind = "ambiguous_match"
	StalePending        ExceptionKind = "stale_pending"
	LateReversal        ExceptionKind = "late_reversal"
	FeeMismatch         ExceptionKind = "fee_mismatch"
	SavedMethodMissing  ExceptionKind = "saved_method_missing"
	SettlementMismatch  ExceptionKind = "settlement_mismatch"
	InvalidProviderData ExceptionKind = "invalid_provider_data"
	NotPolled           ExceptionKind = "not_polled"
)

// Advisory tells whether a payment with only this exception stays matched.
func (k ExceptionKind) Advisory() bool {
	return k == FeeMismatch || k == SavedMethodMissing || k == SettlementMismatch
}

// ExceptionState is where an exception stands in its life.
type ExceptionState string

// States of an exception.
const (
	StateOpen         ExceptionState = "open"
	StateAutoResolved ExceptionState = "auto_resolved"
	StateResolved     ExceptionState = "resolved"
	StateIgnored      ExceptionState = "ignored"
)
