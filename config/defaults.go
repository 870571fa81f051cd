package config

import "time"

const day = 24 * time.Hour

// Default returns the configuration of an empty file: every value that has a
// default, and no provider yet. A configuration made in code starts here and
// ends with Validate.
func Default() *Config {
	return &Config{
		Database: Database{Dir: "./.tieout", Migrate: true},
		Timezone: "UTC",
		Ledger:   Ledger{Lookback: 30 * day},
		Matching: Matching{
			DateWindow:      3 * day,
			Grace:           15 * time.Minute,
			StaleAfter:      StaleAfter{Deposit: day, Payout: 3 * day, NeedsAction: day},
			AmountTolerance: map[string]string{anyCurrency: "0"},
		},
		Polling: Polling{
			RecheckWindow: 30 * day,
			PendingLadder: []Rung{
				{Age: time.Hour, Every: 5 * time.Minute},
				{Age: day, Every: time.Hour},
				{Age: 7 * day, Every: 6 * time.Hour},
				{Age: 90 * day, Every: day},
			},
			// A payment that the provider doesn't know rarely turns up later.
			UnknownLadder: []Rung{
				{Age: time.Hour, Every: 5 * time.Minute},
				{Age: day, Every: 6 * time.Hour},
				{Age: 30 * day, Every: day},
			},
		},
		Severity: Severity{
			Critical:    thresholds(0),
			High:        thresholds(1),
			CriticalAge: 7 * day,
		},
		Reports:  Reports{Dir: "./out", Mask: true},
		Delivery: Delivery{Timeout: time.Minute, GiveUpAfter: 7 * day},
	}
}

// anyCurrency is the key that stands for all currencies without one.
const anyCurrency = "default"

// The values of a provider for which neither the configuration nor its type
// says more.
const (
	defaultRateLimit   = 10
	defaultConcurrency = 8
	defaultTimeout     = 10 * time.Second
)

// thresholds gives the amounts from which an exception is critical (column 0)
// or high (column 1): very roughly 1,000 and 100 US dollars, in round figures.
func thresholds(column int) map[string]string {
	out := map[string]string{}
	for currency, pair := range map[string][2]string{
		anyCurrency: {"1000", "100"},
		"CDF":       {"2500000", "250000"},
		"ETB":       {"100000", "10000"},
		"GHS":       {"10000", "1000"},
		"IDR":       {"15000000", "1500000"},
		"KES":       {"100000", "10000"},
		"MWK":       {"1500000", "150000"},
		"MZN":       {"50000", "5000"},
		"NGN":       {"1500000", "150000"},
		"RWF":       {"1500000", "150000"},
		"SLE":       {"20000", "2000"},
		"TZS":       {"2500000", "250000"},
		"UGX":       {"4000000", "400000"},
		"XAF":       {"500000", "50000"},
		"XOF":       {"500000", "50000"},
		"ZAR":       {"20000", "2000"},
		"ZMW":       {"25000", "2500"},
	} {
		out[currency] = pair[column]
	}
	return out
}
