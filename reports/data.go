// Package reports writes what finance reads: settlement and exceptions as CSV
// and as workbooks, and the manifest that names them. It knows neither HTTP
// nor SQL: figures come in through Source, files go out.
package reports

import (
	"context"
	"time"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/rates"
)

// Passport says which run made the files; every workbook carries it in About.
type Passport struct {
	RunID         string
	From, To      time.Time // business dates, both included, midnight UTC of the date
	Selection     string    // "all", "outstanding", or the narrowing such as "pawapay-zm payout"
	Location      *time.Location
	Version       int
	Coverage      string // share 0..1 with four decimals, "0.9950"
	NotPolled     int
	ConfigDigest  string
	TieoutVersion string
	StartedAt     time.Time // the run's start: ages are measured to it
	ReadAt        time.Time // the run's end
	Mask          bool
	// Notes are sentences for About: which lists could not be asked, why a
	// kind could not be found somewhere, requests per 1,000 payments.
	Notes []string
	// Previous is the version that Changes compares with; 0 when there is none.
	Previous       int
	PreviousReadAt time.Time
	// Rates give totals in a reporting currency too, beside their own; nil: none
	// is asked for.
	Rates *rates.Table
}

// Line is one settlement line: a provider, kind, currency and business date.
type Line struct {
	BusinessDate                    time.Time
	Provider                        string
	Kind                            payment.Kind
	Currency                        string
	Exp                             int // decimals of the amounts below
	Count                           int64
	Gross, Refunded, Fee, Tax, Net  int64 // minor units
	FeeKnownCount                   int64
	Disputed                        int64
	PendingCount, PendingAmount     int64
	FailedCount, FailedAmount       int64
	ReversedCount, ReversedAmount   int64
	ExceptionCount, ExceptionAmount int64
	FeeKnown, TaxKnown              bool // false: no source states any fee or tax of the line: the cell is empty, not zero
}

// TransactionRow is one payment of the range, as transactions.csv has it.
type TransactionRow struct {
	PaymentID                          string
	Kind                               payment.Kind
	Provider                           string
	ProviderPaymentID                  string
	ProviderReference                  string
	NetworkReference                   string
	Reference                          string
	Amount                             money.Amount
	ProviderAmount                     *money.Amount // nil: not known
	Refunded, Fee, Tax, Net            *money.Amount // nil: not known
	InternalStatus                     payment.Status
	ProviderStatus                     string // our word, "unknown", or empty
	RawStatus                          string
	Result                             payment.Result
	MatchMethod                        payment.MatchMethod
	Account                            string // already masked where reports.mask says so
	BusinessDate                       time.Time
	CreatedAt, CompletedAt, ObservedAt time.Time // UTC; zero: not known
}

// ExceptionRow is one exception of the range, as exceptions.csv has it.
type ExceptionRow struct {
	ID                string
	Kind              payment.ExceptionKind
	Severity          payment.Severity
	State             payment.ExceptionState
	Provider          string
	PaymentKind       payment.Kind
	PaymentID         string
	ProviderPaymentID string
	Reference         string
	InternalAmount    *money.Amount
	ProviderAmount    *money.Amount
	Difference        *money.Amount // provider - internal, in one currency
	Currency          string
	ProviderCurrency  string
	InternalStatus    payment.Status
	ProviderStatus    string
	Account           string
	BusinessDate      time.Time
	FirstSeen         time.Time
	MatchMethod       payment.MatchMethod
	Detail            string
	Owner             string
	Resolution        string // code: accepted, corrected_by_us, ...
	Note              string

	// CreatedAt is the payment's (or orphan's) creation: the age in the
	// workbook counts from it to the run's start.
	CreatedAt time.Time
	// AtRisk is the money that this exception puts at risk: the difference
	// where both sides moved money, otherwise the amount. nil: none.
	AtRisk *money.Amount
}

// Ageing is one row of "How old is what is pending" (stale exceptions count too).
type Ageing struct {
	Provider      string
	Kind          payment.Kind
	Currency      string
	Exp           int
	Count, Amount int64
	Buckets       [5]int64 // under 1 hour, 1 to 24 hours, 1 to 3 days, 3 to 7 days, over 7 days
	OldestSeconds int64
	PastAllowed   int64
}

// RollForward is one row of "How the pending total moved", in minor units:
// Opening + New - Completed - Failed - SetAside = Closing. Opening is what was
// pending before the range, New are the range's own payments.
type RollForward struct {
	Provider                                           string
	Kind                                               payment.Kind
	Currency                                           string
	Exp                                                int
	Opening, New, Completed, Failed, SetAside, Closing int64
}

// Carried names the report whose closing is the opening; zero: nothing was
// reported before the range.
type Carried struct {
	RunID    string
	Version  int
	From, To string // ISO dates
}

// FeeLine is one row of "Fees charged against the schedule".
type FeeLine struct {
	Provider        string
	Kind            payment.Kind
	Currency        string
	Exp             int
	Count, FeeKnown int64
	Gross, Charged  int64
	HasSchedule     bool
	Scheduled       *int64 // for the payments whose fee is known; nil: no schedule is given, or no fee is known
	Tax             int64
	TaxKnown        bool
	Differing       int64 // payments whose fee differs
}

// Refund is one row of "Refunds".
type Refund struct {
	Provider           string
	Kind               payment.Kind
	Currency           string
	BusinessDate       time.Time
	PaymentID          string
	Reference          string
	Amount             money.Amount
	AtProvider, InOurs money.Amount
}

// PulledTotal is control total 1: pulled = matched + pending + exceptions, of
// one currency, in payments and in minor units.
type PulledTotal struct {
	Currency                                                     string
	Exp                                                          int
	Pulled, Matched, Pending, Exceptions                         int64
	PulledAmount, MatchedAmount, PendingAmount, ExceptionsAmount int64
}

// ProviderTotal is control total 2: every provider transaction has a place.
type ProviderTotal struct {
	Provider                                                          string
	Transactions, Matched, Pending, Exceptions, Candidates, Unclaimed int64
}

// StatementTotal is control total 5, against a provider's own statement.
type StatementTotal struct {
	Provider        string
	Kind            payment.Kind
	Currency        string
	Exp             int
	Gross, Disputed int64
	Statement       *int64 // nil: no statement
	// ExplainedByException is the part of the difference, statement − (gross +
	// disputed), that exceptions explain, with the difference's sign.
	ExplainedByException int64
	// Sentence names provider and date of the difference, for the Summary's
	// note; empty when it ties.
	Sentence string
}

// WalletRoll is control total 6: what stood in a provider's wallet, and whether
// its statement leads from one reading to the next, in minor units.
type WalletRoll struct {
	Provider, Wallet, Currency string
	Exp                        int
	Opening                    *int64 // nil: no earlier balance
	OpenedAt                   time.Time
	In, Out                    int64 // by the statement, between the readings; both positive
	Closing                    int64
	ClosedAt                   time.Time
	// Why says why In and Out are not known and nothing is claimed; else empty.
	Why string
}

// Check is one proven equation, for the manifest and the verdict.
type Check struct {
	Name  string `json:"name"`  // "pulled KES", "net equation pawapay-zm deposit ZMW"
	Left  string `json:"left"`  // exact decimal or count
	Right string `json:"right"` // exact decimal or count
	Ties  bool   `json:"ties"`
}

// Change is one row of "Payment by payment" in Changes.
type Change struct {
	PaymentID string
	Provider  string
	Kind      payment.Kind
	Reference string
	Amount    *money.Amount
	What      string // "Result", "Exception state", "New payment", ...
	Before    string
	After     string
	Why       string
	Group     string // "status came late", "exception was closed", ...: what the verdict counts
}

// Adjustment is what became known of a closed business date after its closing,
// of one payment, or of a transaction without one: how its line would differ.
type Adjustment struct {
	BookedOn          time.Time // the business date that carries it: the first after Line.BusinessDate that was open
	Closed            bool      // that date is closed too
	Line              Line      // BusinessDate is the closed date; the figures are differences
	PaymentID         string    // empty: a provider transaction that stands for itself
	ProviderPaymentID string
	Reference         string
	What              string // as in Change
	Before            string
	After             string
	Why               string
}

// ClosedDay is a business date whose lines are shown as they were closed, or
// whose adjustments are.
type ClosedDay struct {
	BusinessDate time.Time
	RunID        string // that published the closed version
	Version      int
	ClosedAt     time.Time
	ClosedBy     string
	Note         string
	Forced       string // why it was closed although not all was known; empty: all was
}

// ClosedLine is the net of one line of a closed day of the range, in minor
// units: Closed + Adjusted = Now.
type ClosedLine struct {
	BusinessDate          time.Time
	Provider              string
	Kind                  payment.Kind
	Currency              string
	Exp                   int
	Closed, Adjusted, Now int64 // as published, wherever it is booked, added up from the transaction rows
}

// NetChange is one row of "What that did to the totals".
type NetChange struct {
	Provider      string
	Kind          payment.Kind
	Currency      string
	Exp           int
	Before, After int64
}

// Figures holds all that is small; the long tables come through Source.
type Figures struct {
	Passport    Passport
	Lines       []Line // sorted by date, provider, kind, currency
	Ageing      []Ageing
	RollForward []RollForward
	Carried     Carried
	Fees        []FeeLine
	Refunds     []Refund
	Pulled      []PulledTotal
	Providers   []ProviderTotal
	Statements  []StatementTotal // empty: no provider gave a statement
	Wallets     []WalletRoll     // empty: no provider told a balance
	Checks      []Check
	NetChanges  []NetChange
	Changes     []Change
	// Closed are the closed days of the range, and those that its adjustments
	// are of. Lines has the lines of closed days as they were closed.
	Closed      []ClosedDay
	ClosedLines []ClosedLine
	// Adjustments are booked on the days of the range, or are of its closed days.
	Adjustments []Adjustment
	// NetByRows is control total 3: net of completed, matched payments added
	// up from the transaction rows, by provider, kind and currency.
	NetByRows []NetChange
}

// Source streams the long tables in their final, stable order. The row that is
// handed over is reused: keep no pointer to it.
type Source interface {
	Transactions(ctx context.Context, row func(*TransactionRow) error) error
	Exceptions(ctx context.Context, row func(*ExceptionRow) error) error
}

// File is one file that was written.
type File struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
	Rows   int64  `json:"rows"` // data rows; of a workbook, those of its main table
}
