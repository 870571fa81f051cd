// Package provider says what tieout needs of a payment provider: one client a
// configured account, which only ever reads. The packages below it know one
// API each and nothing of Postgres; adding a provider means one such package
// and one line in package registry.
package provider

import (
	"context"
	"fmt"
	"time"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider/httpx"
	"tieout/internal/statement"
)

// Client asks one configured account. Its methods may be called from many
// goroutines.
type Client interface {
	// Status asks what became of one payment. It never guesses: what cannot be
	// read from the answer is left empty, and whatever is not a usable answer
	// has a verdict that says so. A cancelled context gives NoAnswer.
	Status(ctx context.Context, q Query) Answer

	// Check makes one cheap authenticated call and says what to do when it
	// fails (for `tieout doctor`). It returns a line about the account.
	Check(ctx context.Context) (string, error)
}

// Query names the payment that is asked for.
type Query struct {
	Kind              payment.Kind
	PaymentID         string // payments.id
	ProviderPaymentID string // empty when not known
	Reference         string
	Amount            money.Amount // for APIs whose answers carry no currency
	Account           string
	CustomerID        string
	CreatedAt         time.Time
	RefundIDs         []string // the merchant's own refund ids
	// Sync allows a call that makes the provider ask the network behind it.
	Sync bool
	// ListComplete tells that a list of this run shows everything of the
	// payment's time, and Listed what is known under its ids and its reference:
	// what is not there does not exist. Of a reference that many share, Listed
	// names only some.
	ListComplete bool
	Listed       []Listed
}

// Listed is a transaction that a list has shown.
type Listed struct {
	ID        string `json:"id"`
	Reference string `json:"reference"`
	RawStatus string `json:"raw_status"`
}

// Verdict says what kind of answer was given. Only Unknown counts as "the
// provider does not know this payment"; it is never made from an outage.
type Verdict int

// The verdicts. The zero value is NoAnswer: nothing is known.
const (
	// NoAnswer: time-out, connection refused, 5xx, 429 beyond the budget, an
	// unreadable body. Nothing is known.
	NoAnswer Verdict = iota
	// Found: the provider's record is in Answer.Transactions.
	Found
	// Unknown: the provider positively says that it does not know the payment.
	Unknown
	// Refused: the provider refused us (401, 403, wrong path, wrong request).
	// Nothing is known; asking again without a change is useless.
	Refused
	// Invalid: the provider answered about this payment, and the answer can't
	// be trusted (wrong types, an amount that the currency can't hold, an
	// unknown status word, another payment's id).
	Invalid
	// NotAskable: this payment can't be asked for (its id can't exist at the
	// provider, or the provider can't be asked by what we hold). Lists may
	// still find it.
	NotAskable
)

// String gives the verdict's name as it is stored.
func (v Verdict) String() string {
	switch v {
	case Found:
		return "found"
	case Unknown:
		return "unknown"
	case Refused:
		return "refused"
	case Invalid:
		return "invalid"
	case NotAskable:
		return "not_askable"
	default:
		return "no_answer"
	}
}

// Answer is what a provider said about one payment.
type Answer struct {
	Verdict Verdict
	// Transactions holds what was found: usually one, several where a
	// reference was asked for that several transactions carry. A client whose
	// call brings other payments' transactions along may add them.
	Transactions []payment.Transaction
	// Reason is one sentence for people, without secrets, phone or account
	// numbers, for every verdict but Found: what happened and what to do.
	// With Invalid it names the field and the value; with Found it may be a
	// remark, which begins with payment.Noted.
	Reason string
	// RawStatus is the provider's word where Invalid is about a status.
	RawStatus string
}

// Lister is a client that can show many transactions at once.
type Lister interface {
	// List hands all transactions of a kind that the provider created in
	// [From, To) to page, a page at a time, in the order they come; rows
	// outside the range are left out, duplicates may occur. It ends with the
	// first error of page.
	List(ctx context.Context, q ListQuery, page func(Page) error) (Reach, error)
}

// ListQuery is the range that is listed.
type ListQuery struct {
	Kind     payment.Kind
	From, To time.Time
	// Currencies that the payments of the range carry.
	Currencies []string
	// Now is the start of the run.
	Now time.Time
	// Memory survives a crash; a client that orders statements keeps their ids
	// there.
	Memory Memory
}

// Page is one page of a list.
type Page struct {
	Transactions []payment.Transaction
	// Invalid rows could not be read: each is reported, the rest of the page counts.
	Invalid []InvalidRow
}

// InvalidRow is a row of a list that can't be trusted.
type InvalidRow struct {
	ID, Reference string // whatever could be read
	Reason        string
}

// Reach is what a list that ended without an error proves.
type Reach struct {
	// Complete is true when every transaction of the range that the provider
	// lists was seen: what is not there does not exist.
	Complete bool
	// CompletedOnly is true when only completed transactions are ever listed,
	// so that absence says nothing about pending or failed ones.
	CompletedOnly bool
	// Why says why the list is not complete, for people.
	Why string
}

// Memory keeps small values of one provider across crashes.
type Memory interface {
	Get(ctx context.Context, key string) (string, error) // empty when there is none
	Set(ctx context.Context, key, value string) error
}

// Statements is a client whose API shows every movement of the account's
// wallets, as a statement's file does.
type Statements interface {
	// Statement hands the movements that were booked in [From, To) to page, in
	// any order; a movement may come twice. It says of which times nothing is
	// left out: a list that breaks off, or a row that can't be read, covers
	// nothing. It ends with the first error of page; a Statement that can't be
	// had is no error, and why says what to do.
	Statement(ctx context.Context, q StatementQuery, page func(StatementPage) error) (covered []Covered, why string, err error)
}

// StatementQuery is the time whose movements are asked for.
type StatementQuery struct {
	From, To time.Time
	// Now is when it is asked for.
	Now    time.Time
	Memory Memory
}

// StatementPage is a part of a statement.
type StatementPage struct {
	Rows []statement.Row
	// SetAside could not be read.
	SetAside []statement.Reject
}

// Covered is a time of which a statement shows every movement of a currency.
type Covered struct {
	Currency string
	From, To time.Time
}

// Balances is a client whose API tells what stands in the account's wallets now.
type Balances interface {
	Balances(ctx context.Context) ([]Balance, error)
}

// Balance is what stands in one wallet, whose name statements use too.
type Balance struct {
	Wallet string
	Amount money.Amount
}

// SavedMethods is a client that can show a customer's saved payment methods.
type SavedMethods interface {
	// SavedMethods returns whether the customer holds the usable saved method
	// that the transaction should have left. checkable is false where the
	// provider can't tell (then reason says why and nothing is raised).
	SavedMethods(ctx context.Context, customerID string, t payment.Transaction) (present, checkable bool, reason string)
}

// Extremes are those of a run's payments of one kind and currency.
type Extremes struct {
	Kind        payment.Kind
	Currency    string
	Least, Most money.Amount
	Fractions   bool // some amount is not a whole number of major units
}

// Noter is a client that knows what the account can move.
type Noter interface {
	// Notes says, for people, where the configuration or a run's payments
	// contradict what the provider says it can move. Nothing of it is an
	// exception by itself. An error means that the provider did not tell.
	Notes(ctx context.Context, payments []Extremes) ([]string, error)
}

// Settings is what a client is built from.
type Settings struct {
	Name        string // the configured name
	BaseURL     string
	Credentials map[string]string
	Options     map[string]string // per-type settings
	Scale       money.Scale       // configured decimals; ISO 4217 otherwise
	HTTP        *httpx.Client
	Now         func() time.Time
}

// SettingError is about a setting of an account that its type can't use.
type SettingError struct {
	Key    string // below the provider's entry, such as options.region
	Reason string // never holds the value, which may be a secret
}

func (e *SettingError) Error() string { return e.Key + ": " + e.Reason }

// BadOption is the SettingError of an option.
func BadOption(name, format string, args ...any) error {
	return &SettingError{Key: "options." + name, Reason: fmt.Sprintf(format, args...)}
}

// BadCredential is that of a credential.
func BadCredential(name, format string, args ...any) error {
	return &SettingError{Key: "credentials." + name, Reason: fmt.Sprintf(format, args...)}
}

// Spec declares a provider type.
type Spec struct {
	Type string
	// BaseURL is the vendor's documented production host, used when config gives none.
	BaseURL string
	// Credentials and Options name the allowed keys; a key in Required must be given.
	Credentials, Required, Options []string
	// RateLimit in requests a second and Concurrency are used when config gives none.
	RateLimit, Concurrency int
	// AsksByOwnID tells whether the API can be asked by payments.id.
	AsksByOwnID bool
	// OwnIDs says that the provider's id of a payment is the one that the
	// merchant chose: payments.id, unless provider_payment_id is given.
	OwnIDs bool
	// ListIDsDiffer says that lists name transactions by ids of their own, so that
	// a row of a list and a status answer may be one transaction seen twice.
	ListIDsDiffer bool
	New           func(Settings) (Client, error)
}
