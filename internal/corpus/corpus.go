// Package corpus makes payments and the providers' transactions that belong to
// them, of any size, from a seed, with known truth: which differences were
// planted where. Tests, demo, sandbox and benchmarks use it.
package corpus

import (
	"time"

	"tieout/internal/money"
	"tieout/internal/payment"
)

// Account is a configured account at a provider.
type Account struct {
	Name string // configured name, "pawapay-zm"
	Type string // pawapay, pesaswap, pesaway, pivot
	// Scale holds the decimals that differ from ISO 4217 at this account.
	Scale money.Scale
	// Currencies that the account moves; empty: the usual ones of its type.
	Currencies []string
}

// Refund is money that went back on a deposit or payout.
type Refund struct {
	ID        string
	Amount    money.Amount
	Status    payment.Status // completed, pending or failed
	CreatedAt time.Time
}

// Transaction is the truth at the provider, in our words; each sandbox renders
// it as its API does.
type Transaction struct {
	Provider string // account name
	Kind     payment.Kind
	// ID is the provider's id (a pivot payout: its batch's).
	ID               string
	OwnID            string // the id that the merchant chose and the provider echoes, where its API has one
	Reference        string // the echoed merchant reference
	NetworkReference string
	Status           payment.Status
	// RawStatus is the provider's own word, where the test wants a certain one
	// ("IN_RECONCILIATION"); empty: the sandbox chooses by Status.
	RawStatus   string
	NeedsAction payment.Action
	FailureCode string
	Amount      money.Amount
	Settled     *money.Amount // nil: all of Amount, once completed
	Fee, Tax    *money.Amount
	Refunds     []Refund
	Account     string
	CustomerID  string
	// SavedMethod: the customer holds a token for this transaction's method.
	SavedMethod bool
	Metadata    map[string]string
	CreatedAt   time.Time
	CompletedAt time.Time
	// Unlisted keeps the transaction out of every list and statement; with a
	// Fault as well, no way is left to learn about it.
	Unlisted bool
	// Booked is what the provider's statement shows as moved, where that is not
	// what the status answer says; zero: the statement lacks it.
	Booked *money.Amount
	// Fault makes single answers about it unusable.
	Fault Fault
}

// Fault is what the sandbox does when it is asked about one transaction.
type Fault string

// Faults of a single transaction.
const (
	NoFault           Fault = ""
	FaultDown         Fault = "down"        // 503 on every status call
	FaultRefused      Fault = "refused"     // 403 on every status call
	FaultGarbage      Fault = "garbage"     // 200 with half a JSON body
	FaultAmount       Fault = "amount"      // an amount that the currency can't hold
	FaultStatusWord   Fault = "status_word" // a status word that nobody documents
	FaultHiddenInList Fault = "hidden_list" // not shown by lists
)

// Planted is one difference that was made on purpose, with the exception that
// must be found for it.
type Planted struct {
	Kind              payment.ExceptionKind `json:"kind"`
	Provider          string                `json:"provider"`
	PaymentKind       payment.Kind          `json:"payment_kind"`
	PaymentID         string                `json:"payment_id"`          // empty: an orphan
	ProviderPaymentID string                `json:"provider_payment_id"` // of an orphan or duplicate
	Note              string                `json:"note"`
}

// World is all of it.
type World struct {
	Accounts     []Account
	Payments     []payment.Payment
	Transactions []Transaction
	Planted      []Planted
}
