package corpus

import (
	"math"
	"strings"
	"time"

	"tieout/internal/payment"
)

// Options say what Generate makes. The zero value is usable: each field has a
// default, and equal options give the same world, byte for byte.
type Options struct {
	Seed int64
	// Series makes worlds of equal seeds differ; default the first day, so that
	// the days of a long corpus do. A world of today that is to be the same one
	// tomorrow names its own.
	Series string
	// Payments is how many payments there are; default 500.
	Payments int
	// From is the first business day (its time of day is ignored); default
	// 2 March 2026. Days counts the days of the range; default 3.
	From time.Time
	Days int
	// Location is the merchant's timezone; default Africa/Nairobi.
	Location *time.Location
	// Now is the moment for which the differences hold: a run that starts then,
	// or within the next hour, finds exactly the planted ones. Default 06:00
	// local time after the last day.
	Now time.Time
	// Accounts default to DefaultAccounts.
	Accounts []Account
	// DifferenceShare is the share of payments that carry a planted difference:
	// 0 means the default of 0.02 (small worlds get more, so that most kinds
	// occur), a negative share none.
	DifferenceShare float64
	// Counts fixes the number of cases of single kinds (0: none of this kind);
	// the kinds that it does not name follow DifferenceShare.
	Counts map[payment.ExceptionKind]int
	// FeeSchedule says that the run's configuration has a fee schedule: the
	// fixed PivotFee for each pivot account, kind and currency. Only then can
	// a fee differ from it.
	FeeSchedule bool
	// Statements says that the run has the statement of each account (see
	// [World.WriteStatementCSV]), which shows all of the range. Only then can a
	// statement differ from the status answers.
	Statements bool
}

// The rules of matching that the planted differences assume: the defaults of
// the configuration, with matching.metadata_keys set to [MetadataKey].
const (
	MetadataKey     = "orderId"
	PivotFee        = "4000" // major units of any currency
	StaleDeposit    = 24 * time.Hour
	StalePayout     = 72 * time.Hour
	StaleAction     = 24 * time.Hour
	roomToThreshold = 3 * time.Hour // so that a rerun an hour later finds the same
	youngest        = 2 * time.Hour // no payment is younger: grace plays no part
)

// Provider types by their configured name.
const (
	Pawapay  = "pawapay"
	Pesaswap = "pesaswap"
	Pesaway  = "pesaway"
	Pivot    = "pivot"
)

// DefaultAccounts are the accounts of a world that names none.
func DefaultAccounts() []Account {
	return []Account{
		{Name: "pawapay-zm", Type: Pawapay, Currencies: []string{"ZMW"}},
		{Name: "pawapay-ug", Type: Pawapay, Currencies: []string{"UGX"}},
		{Name: "pesaswap-ke", Type: Pesaswap, Currencies: []string{"KES", "USD"}},
		{Name: "pesaway-ke", Type: Pesaway, Currencies: []string{"KES"}},
		{Name: "pivot-id", Type: Pivot, Currencies: []string{"IDR"}},
	}
}

func (o Options) withDefaults() Options {
	if o.Payments == 0 {
		o.Payments = 500
	}
	if o.Days == 0 {
		o.Days = 3
	}
	if o.Location == nil {
		o.Location = nairobi()
	}
	if o.From.IsZero() {
		o.From = time.Date(2026, 3, 2, 0, 0, 0, 0, o.Location)
	}
	y, m, d := o.From.In(o.Location).Date()
	if o.From.Location() == time.UTC { // a bare date
		y, m, d = o.From.Date()
	}
	o.From = time.Date(y, m, d, 0, 0, 0, 0, o.Location)
	if o.Now.IsZero() {
		o.Now = o.From.AddDate(0, 0, o.Days).Add(6 * time.Hour)
	}
	if len(o.Accounts) == 0 {
		o.Accounts = DefaultAccounts()
	}
	accounts := make([]Account, len(o.Accounts))
	copy(accounts, o.Accounts)
	for i := range accounts {
		if len(accounts[i].Currencies) == 0 {
			accounts[i].Currencies = usualCurrencies(accounts[i])
		}
	}
	o.Accounts = accounts
	return o
}

// cases is the number of differences that a world of this size gets.
func (o Options) cases(kinds int) int {
	if o.DifferenceShare < 0 {
		return 0
	}
	if o.DifferenceShare > 0 {
		return int(math.Round(o.DifferenceShare * float64(o.Payments)))
	}
	return max(int(math.Round(0.02*float64(o.Payments))), min(3*kinds, o.Payments/5))
}

func usualCurrencies(a Account) []string {
	switch {
	case a.Type == Pivot:
		return []string{"IDR"}
	case a.Type != Pawapay:
		return []string{"KES"}
	case strings.HasSuffix(a.Name, "-ug"):
		return []string{"UGX"}
	default:
		return []string{"ZMW"}
	}
}

// nairobi works without a timezone database too: Kenya has had no clock change
// since 1960.
func nairobi() *time.Location {
	loc, err := time.LoadLocation("Africa/Nairobi")
	if err != nil {
		return time.FixedZone("EAT", 3*60*60)
	}
	return loc
}
