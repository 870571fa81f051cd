// Package config reads tieout's configuration: one YAML file, strict, with
// secrets taken from the environment or from files. docs/configuration.md
// explains each key.
package config

import (
	"time"

	"tieout/internal/money"
	"tieout/internal/payment"
)

// Config is the whole configuration, defaults filled in and validated.
type Config struct {
	Database  Database
	Timezone  string
	Location  *time.Location // of Timezone
	Ledger    Ledger
	Providers []Provider
	Matching  Matching
	Polling   Polling
	Fees      []Fee
	Severity  Severity
	Reports   Reports
	Delivery  Delivery
	Retention Retention
	Schedules []Schedule
	// Digest is the SHA-256 (hex) of the effective configuration without its
	// secrets: two runs with the same digest were configured alike.
	Digest string
	// Path is the file that was read; empty for a configuration made in code.
	Path string
}

// Database is tieout's own database.
type Database struct {
	URL     string // empty: an embedded Postgres under Dir
	Dir     string // of the embedded Postgres; default ./.tieout
	Migrate bool   // run may migrate; default true
}

// Ledger is where payments come from.
type Ledger struct {
	URL      string        // empty: tieout's own database
	Query    string        // empty: tieout's own table payments
	Lookback time.Duration // of --outstanding; default 720h
	// Writeback is a statement that writes one outcome into the merchant's own
	// table, with the parameters of WritebackParameters; empty: none.
	Writeback string
}

// Provider is one configured account.
type Provider struct {
	Name, Type, BaseURL  string
	Credentials          Secrets
	RateLimit            int // requests a second
	Concurrency          int
	Timeout              time.Duration
	Decimals             money.Scale       // currency -> decimals, where not ISO 4217
	StatementCallbackURL string            // pawapay
	Options              map[string]string // per-type settings, as text
	// StatementColumns maps the columns of `import statement` to the headers of
	// the provider's own file; a column that is not named has its own name.
	StatementColumns map[string]string
	// NormalizeReferences names the spellings that don't count when references
	// are compared; empty: all do.
	NormalizeReferences []payment.ReferenceRule
	// StatementDecimal is the mark before an amount's decimals in these files: a
	// dot, or a comma.
	StatementDecimal string
	// StatementDates is the order of 03/04/2026 in them: day/month/year or
	// month/day/year; empty: such dates are refused.
	StatementDates string
}

// Matching holds the rules of the match step. For says what holds for one
// provider, kind and currency.
type Matching struct {
	MetadataKeys []string
	// BatchKeys are the metadata keys that several payments share which a
	// provider paid as one.
	BatchKeys       []string
	DateWindow      time.Duration // default 72h
	Grace           time.Duration // default 15m
	StaleAfter      StaleAfter
	AmountTolerance map[string]string // currency or "default" -> decimal text; default 0
	Rules           []MatchingRule
}

// StaleAfter is how long a payment may be outstanding.
type StaleAfter struct {
	Deposit, Payout, NeedsAction time.Duration // 24h, 72h, 24h
}

// Polling says when providers are asked again.
type Polling struct {
	RecheckWindow time.Duration // default 720h
	// PendingLadder and UnknownLadder space the questions of the poll step by
	// the payment's age: up to Age, ask every Every.
	PendingLadder []Rung
	UnknownLadder []Rung
}

// Rung is one step of a retry ladder.
type Rung struct {
	Age, Every time.Duration
}

// Fee is one line of the fee schedule: what the contract says.
type Fee struct {
	Provider, Kind, Currency string
	Percent, Fixed           string // decimal texts
	Tax                      string // percent of the fee, decimal text; empty: none
}

// Severity holds the amounts from which an exception is worse, by currency.
type Severity struct {
	// Critical and High: currency or "default" -> decimal text of major units.
	Critical, High map[string]string
	// CriticalAge makes a high exception critical when it stays open longer; 0: never.
	CriticalAge time.Duration
}

// Reports says what is written where.
type Reports struct {
	Dir          string // default ./out
	Mask         bool   // default true
	MaskMetadata []string
	Currency     ReportingCurrency
}

// ReportingCurrency asks for all totals in one currency too, beside their own.
type ReportingCurrency struct {
	Code  string // ISO 4217; empty: none
	Rates string // the file that the rates come from
}

// Retention says how long what is no longer needed is kept; 0: for ever. The
// newest version of a range, and evidence that anything rests on, always stay.
type Retention struct {
	ReportFiles  time.Duration // the files of versions that a newer one has replaced
	Observations time.Duration // answers of providers that nothing rests on any more
	WorkingRows  time.Duration // working tables of runs that published nothing
}

// Schedule is one entry of `tieout schedule`.
type Schedule struct {
	Name, Cron, Job, Range string
}
