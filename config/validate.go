package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // business dates must not depend on what the machine has installed

	"github.com/robfig/cron/v3"

	"tieout/internal/money"
	"tieout/internal/provider"
)

// maxDecimals is the finest fraction that a provider's decimals may name.
const maxDecimals = money.MaxExponent

// Validate checks a configuration made in code and fills in what follows from
// other values: the time zone, the defaults of each provider's type, the
// digest. Its error is an *Error that lists every mistake.
func (c *Config) Validate(specs []provider.Spec) error {
	f := &faults{path: c.Path}
	c.validate(f, specs)
	return f.err()
}

func (c *Config) validate(f *faults, specs []provider.Spec) {
	c.checkPlaces(f)
	if len(c.Providers) == 0 {
		f.add("providers", "at least one provider is needed")
	}
	first := map[string]int{}
	for i := range c.Providers {
		p, key := &c.Providers[i], fmt.Sprintf("providers[%d]", i)
		p.check(f, key, specs)
		if n, taken := first[p.Name]; taken && p.Name != "" {
			f.add(key+".name", "%s is the name of providers[%d] too", clip(p.Name), n)
		} else {
			first[p.Name] = i
		}
	}
	c.checkMatching(f)
	f.ladder("polling.pending_ladder", c.Polling.PendingLadder)
	f.ladder("polling.unknown_ladder", c.Polling.UnknownLadder)
	f.notNegative("polling.recheck_window", c.Polling.RecheckWindow)
	c.checkFees(f)
	c.checkSeverity(f)
	c.checkSchedules(f)
	c.Delivery.check(f)
	c.Retention.check(f)
	c.Digest = c.digest()
}

// checkPlaces checks where data comes from and goes to.
func (c *Config) checkPlaces(f *faults) {
	f.database("database.url", c.Database.URL)
	f.database("ledger.url", c.Ledger.URL)
	f.given("database.dir", c.Database.Dir)
	f.given("reports.dir", c.Reports.Dir)
	f.positive("ledger.lookback", c.Ledger.Lookback)
	f.words("reports.mask_metadata", c.Reports.MaskMetadata)
	f.reportingCurrency("reports.currency", c.Reports.Currency)
	if c.Ledger.URL != "" && c.Ledger.Query == "" {
		f.add("ledger.query", "is needed with ledger.url: a SELECT with the columns of payments")
	}
	f.query("ledger.query", c.Ledger.Query)
	f.writeback("ledger.writeback", c.Ledger.Writeback)
	var err error
	switch c.Timezone {
	case "", "Local": // Go knows both, but they name no place
		f.add("timezone", "must be a name such as Africa/Nairobi or UTC")
	default:
		if c.Location, err = time.LoadLocation(c.Timezone); err != nil {
			f.add("timezone", "%s is not known; it must be a name such as Africa/Nairobi or UTC", clip(c.Timezone))
		}
	}
}

// reportingCurrency checks the names; the file is read when a run begins.
func (f *faults) reportingCurrency(key string, r ReportingCurrency) {
	if r == (ReportingCurrency{}) {
		return
	}
	if _, ok := money.Exponent(r.Code); !ok {
		f.add(key+".code", "must be an ISO 4217 currency code such as KES")
	}
	if r.Rates == "" {
		f.add(key+".rates", "is needed with reports.currency.code: a CSV with the columns date, currency, rate")
	}
}

func (c *Config) checkMatching(f *faults) {
	m := &c.Matching
	f.words("matching.metadata_keys", m.MetadataKeys)
	f.words("matching.batch_keys", m.BatchKeys)
	f.notNegative("matching.date_window", m.DateWindow)
	f.notNegative("matching.grace", m.Grace)
	f.positive("matching.stale_after.deposit", m.StaleAfter.Deposit)
	f.positive("matching.stale_after.payout", m.StaleAfter.Payout)
	f.positive("matching.stale_after.needs_action", m.StaleAfter.NeedsAction)
	if m.AmountTolerance == nil {
		m.AmountTolerance = map[string]string{}
	}
	if m.AmountTolerance[anyCurrency] == "" {
		m.AmountTolerance[anyCurrency] = "0"
	}
	c.amounts(f, "matching.amount_tolerance", m.AmountTolerance)
	c.checkRules(f)
}

func (f *faults) ladder(key string, ladder []Rung) {
	var below time.Duration
	for i, g := range ladder {
		at := fmt.Sprintf("%s[%d]", key, i)
		f.positive(at+".every", g.Every)
		if g.Age <= below {
			f.add(at+".age", "must be greater than that of the rung before, and than zero")
		}
		below = g.Age
	}
	if len(ladder) == 0 {
		f.add(key, "needs at least one rung")
	}
}

func (c *Config) checkFees(f *faults) {
	names := make([]string, 0, len(c.Providers))
	for _, p := range c.Providers {
		names = append(names, p.Name)
	}
	first := map[[3]string]int{}
	for i := range c.Fees {
		fee, key := &c.Fees[i], fmt.Sprintf("fees[%d]", i)
		at := slices.Index(names, fee.Provider)
		if at < 0 {
			f.add(key+".provider", "%s is not a configured provider", orMissing(fee.Provider))
		}
		if fee.Kind != "payout" && fee.Kind != "deposit" {
			f.add(key+".kind", "must be payout or deposit")
		}
		var scale money.Scale
		if at >= 0 {
			scale = c.Providers[at].Decimals
		}
		if fee.Percent == "" && fee.Fixed == "" {
			f.add(key, "needs percent, fixed or both")
		}
		f.percent(key+".percent", fee.Percent)
		f.percent(key+".tax", fee.Tax)
		exp, known := scale.Exponent(fee.Currency)
		if !known {
			f.add(key+".currency", "%s is not a currency of ISO 4217", orMissing(fee.Currency))
		} else if fee.Fixed != "" {
			f.amount(key+".fixed", fee.Fixed, exp)
		}
		line := [3]string{fee.Provider, fee.Kind, fee.Currency}
		if n, taken := first[line]; taken {
			f.add(key, "is for the same provider, kind and currency as fees[%d]", n)
		} else {
			first[line] = i
		}
	}
}

func (c *Config) checkSeverity(f *faults) {
	f.notNegative("severity.critical_age", c.Severity.CriticalAge)
	for _, level := range []struct {
		key string
		m   map[string]string
	}{{"severity.critical", c.Severity.Critical}, {"severity.high", c.Severity.High}} {
		c.amounts(f, level.key, level.m)
		if level.m[anyCurrency] == "" {
			f.add(level.key+"."+anyCurrency, "is missing: the amount for currencies that are not named")
		}
	}
	for currency, high := range c.Severity.High {
		h, errH := money.ParseMinor(high, maxDecimals)
		k, errC := money.ParseMinor(c.Severity.Critical[currency], maxDecimals)
		if errH == nil && errC == nil && k < h {
			f.add("severity.critical."+currency, "is less than severity.high.%s", currency)
		}
	}
}

// jobs are what a schedule may start: the commands that take a range.
var jobs = []string{"run", "pull", "poll", "match", "settle", "report"}

var rangeName = regexp.MustCompile(`^(today|yesterday|last_[1-9]\d{0,2}_days|month_to_date|last_month|outstanding)$`)

func (c *Config) checkSchedules(f *faults) {
	first := map[string]int{}
	for i, s := range c.Schedules {
		key := fmt.Sprintf("schedules[%d]", i)
		if !name.MatchString(s.Name) {
			f.add(key+".name", "must be lower-case letters, digits, dots, dashes and underscores, a letter or digit first")
		}
		if n, taken := first[s.Name]; taken {
			f.add(key+".name", "%s is the name of schedules[%d] too", clip(s.Name), n)
		} else {
			first[s.Name] = i
		}
		if err := checkCron(s.Cron); err != nil {
			f.add(key+".cron", "%v", err)
		}
		if !slices.Contains(jobs, s.Job) {
			f.add(key+".job", "must be one of %s", strings.Join(jobs, ", "))
		}
		if !rangeName.MatchString(s.Range) {
			f.add(key+".range", "must be today, yesterday, last_N_days, month_to_date, last_month or outstanding")
		}
	}
}

// cronParser reads what `tieout schedule` reads: five fields, six with seconds
// first, or a word such as @daily or "@every 30s".
var cronParser = cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

func checkCron(spec string) error {
	if zone, rest, _ := strings.Cut(spec, " "); strings.Contains(zone, "TZ=") && rest == "" {
		return errors.New("a time zone must be followed by a schedule") // the parser panics
	}
	s, err := cronParser.Parse(spec)
	if err != nil {
		return fmt.Errorf("is no cron expression such as \"0 6 * * *\": %w", err)
	}
	if s.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return errors.New("names a time that never comes")
	}
	return nil
}

// amounts checks decimal texts by currency. The finest fraction that any
// provider moves is allowed.
func (c *Config) amounts(f *faults, key string, m map[string]string) {
	for currency, text := range m {
		at := key + "." + currency
		exp, known := maxDecimals, true
		if currency != anyCurrency {
			exp, known = money.Exponent(currency)
		}
		if !known {
			f.add(at, "%s is neither a currency of ISO 4217 nor %s", clip(currency), anyCurrency)
			continue
		}
		for _, p := range c.Providers {
			exp = max(exp, p.Decimals[currency])
		}
		f.amount(at, text, exp)
	}
}

func (f *faults) given(key, text string) {
	if strings.TrimSpace(text) == "" {
		f.add(key, "is missing")
	}
}

func (f *faults) positive(key string, d time.Duration) {
	if d <= 0 {
		f.add(key, "must be more than zero")
	}
}

func (f *faults) notNegative(key string, d time.Duration) {
	if d < 0 {
		f.add(key, "must not be negative")
	}
}

func (f *faults) amount(key, text string, exp int) {
	minor, err := money.ParseMinor(text, exp)
	switch {
	case err != nil:
		f.add(key, "must be a decimal number with at most %d decimals", exp)
	case minor < 0:
		f.add(key, "must not be negative")
	}
}

func (f *faults) percent(key, text string) {
	const hundred = 100_000_000 // with six decimals
	if text == "" {
		return
	}
	if n, err := money.ParseMinor(text, maxDecimals); err != nil || n < 0 || n > hundred {
		f.add(key, "must be a decimal number from 0 to 100, with at most %d decimals", maxDecimals)
	}
}

// words checks a list of metadata keys.
func (f *faults) words(key string, list []string) {
	for i, w := range list {
		at := fmt.Sprintf("%s[%d]", key, i)
		switch {
		case w == "" || strings.TrimSpace(w) != w || clip(w) != w:
			f.add(at, "must be the name of a metadata key, of 80 characters at most")
		case slices.Contains(list[:i], w):
			f.add(at, "stands twice")
		}
	}
}

// database checks a connection URL, which holds a password and is never shown.
func (f *faults) database(key, raw string) {
	if raw == "" {
		return
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		f.add(key, "must be a URL: postgres://user:password@host:5432/database?sslmode=require")
	}
}

var (
	fromMark = regexp.MustCompile(`(^|[^:\w]):from\b`)
	toMark   = regexp.MustCompile(`(^|[^:\w]):to\b`)
	reading  = regexp.MustCompile(`(?is)^(\s|--[^\n]*\n|/\*.*?\*/)*(SELECT|WITH)\b`)
)

func (f *faults) query(key, q string) {
	switch {
	case q == "":
	case !reading.MatchString(q):
		f.add(key, "must be one SELECT")
	case strings.Contains(strings.TrimRight(q, "; \t\r\n"), ";"):
		f.add(key, "must be one statement")
	case !fromMark.MatchString(q) || !toMark.MatchString(q):
		f.add(key, "must use :from and :to, the first instant of the range and the first after it")
	}
}

// loopback tells whether a URL's host is this machine itself.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func orMissing(s string) string {
	if s == "" {
		return "(nothing)"
	}
	return clip(s)
}
