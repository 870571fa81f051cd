package config

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
)

var name = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// statementURL is the option by which a client gets statement_callback_url.
const statementURL = "statement_callback_url"

// statementColumns are the columns that `import statement` reads.
var statementColumns = []string{
	"provider_payment_id", "reference", "kind", "amount", "currency", "fee", "tax", "status", "account", "created_at", "completed_at",
}

// dateOrders are those that `import statement` knows.
var dateOrders = []string{"day/month/year", "month/day/year"}

// check checks one provider against its type and fills in the type's defaults.
func (p *Provider) check(f *faults, key string, specs []provider.Spec) {
	if !name.MatchString(p.Name) {
		f.add(key+".name", "must be lower-case letters, digits, dots, dashes and underscores, a letter or digit first, 63 at most")
	}
	for currency, exp := range p.Decimals {
		at := key + ".decimals." + currency
		if _, known := money.Exponent(currency); !known {
			f.add(at, "%s is not a currency of ISO 4217", clip(currency))
		}
		if exp < 0 || exp > maxDecimals {
			f.add(at, "must be a whole number from 0 to %d", maxDecimals)
		}
	}
	p.checkColumns(f, key+".statement_columns")
	p.checkReferences(f, key+".normalize_references")
	if p.StatementDecimal != "" && p.StatementDecimal != "." && p.StatementDecimal != "," {
		f.add(key+".statement_decimal", `must be "." or ","`)
	}
	if p.StatementDates != "" && !slices.Contains(dateOrders, p.StatementDates) {
		f.add(key+".statement_dates", "must be %s", strings.Join(dateOrders, " or "))
	}

	types := make([]string, 0, len(specs))
	for _, s := range specs {
		types = append(types, s.Type)
	}
	at := slices.Index(types, p.Type)
	switch {
	case p.Type == "":
		f.add(key+".type", "is missing; it is one of %s", strings.Join(types, ", "))
		return
	case at < 0:
		f.add(key+".type", "%s is not known; the nearest known one is %s", clip(p.Type), nearest(p.Type, types))
		return
	}
	spec := specs[at]
	f.credentials(key+".credentials", spec.Type, p.Credentials, spec.Credentials, spec.Required)
	p.checkOptions(f, key, spec)
	p.fill(spec)
	p.checkValues(f, key, spec)
	f.baseURL(key+".base_url", p.BaseURL)
	f.within(key+".rate_limit", p.RateLimit, maxRateLimit)
	f.within(key+".concurrency", p.Concurrency, maxConcurrency)
	if p.Timeout <= 0 || p.Timeout > 10*time.Minute {
		f.add(key+".timeout", "must be more than zero and at most 10m")
	}
}

// fill sets what the configuration leaves open.
func (p *Provider) fill(spec provider.Spec) {
	if p.BaseURL == "" {
		p.BaseURL = spec.BaseURL
	}
	p.BaseURL = strings.TrimRight(p.BaseURL, "/")
	p.RateLimit = firstOf(p.RateLimit, spec.RateLimit, defaultRateLimit)
	p.Concurrency = firstOf(p.Concurrency, spec.Concurrency, defaultConcurrency)
	p.Timeout = firstOf(p.Timeout, defaultTimeout)
}

func firstOf[T int | time.Duration](values ...T) T {
	for _, v := range values {
		if v != 0 {
			return v
		}
	}
	return 0
}

// credentials checks which ones are given of those that a type knows and needs.
func (f *faults) credentials(key, typ string, given Secrets, known, required []string) {
	for _, c := range given.names() {
		if !slices.Contains(known, c) {
			f.add(key+"."+clip(c), "type %s has no such credential; the nearest known one is %s", typ, nearest(c, known))
		}
	}
	for _, c := range required {
		if strings.TrimSpace(given[c]) == "" {
			f.add(key+"."+c, "is missing or empty; type %s needs it", typ)
		}
	}
	for c, v := range given {
		// A PEM key has lines; no other secret has, and a header could not carry it.
		if strings.ContainsAny(v, "\r\n") && !strings.Contains(v, "-----BEGIN") {
			f.add(key+"."+clip(c), "has a line break inside")
		}
	}
}

func (p *Provider) checkOptions(f *faults, key string, spec provider.Spec) {
	for o := range p.Options {
		if !slices.Contains(spec.Options, o) {
			f.add(key+".options."+clip(o), "type %s has no such option; %s", spec.Type, knownOptions(o, spec))
		}
	}
	if p.StatementCallbackURL == "" {
		p.StatementCallbackURL = p.Options[statementURL]
	}
	if p.StatementCallbackURL == "" {
		return
	}
	at := key + "." + statementURL
	u, err := url.Parse(p.StatementCallbackURL)
	switch {
	case !slices.Contains(spec.Options, statementURL):
		f.add(at, "type %s asks for no statements this way", spec.Type)
	case err != nil || u.Scheme != "https" || u.Host == "":
		f.add(at, "must be an https address")
	case p.Options[statementURL] != "" && p.Options[statementURL] != p.StatementCallbackURL:
		f.add(at, "differs from options.%s", statementURL)
	default:
		if p.Options == nil {
			p.Options = map[string]string{}
		}
		p.Options[statementURL] = p.StatementCallbackURL
	}
}

// checkValues tries what the type itself makes of its settings, one mistake after
// the other: a run would find them only when it polls.
func (p *Provider) checkValues(f *faults, key string, spec provider.Spec) {
	if spec.New == nil {
		return
	}
	s := provider.Settings{Name: p.Name, BaseURL: p.BaseURL, Credentials: map[string]string{}, Options: map[string]string{}, Scale: p.Decimals, HTTP: &httpx.Client{}}
	for _, c := range spec.Required {
		s.Credentials[c] = "there" // what is missing is told already
	}
	for c, v := range p.Credentials {
		if strings.TrimSpace(v) != "" {
			s.Credentials[c] = v
		}
	}
	for o, v := range p.Options {
		if o != statementURL { // checked by its own name
			s.Options[o] = v
		}
	}
	for range 1 + len(p.Options) {
		_, err := spec.New(s)
		var bad *provider.SettingError
		if !errors.As(err, &bad) {
			return
		}
		f.add(key+"."+bad.Key, "%s", bad.Reason)
		delete(s.Options, strings.TrimPrefix(bad.Key, "options."))
	}
}

func knownOptions(option string, spec provider.Spec) string {
	if len(spec.Options) == 0 {
		return "it has none"
	}
	return "the nearest known one is " + nearest(option, spec.Options)
}

func (p *Provider) checkReferences(f *faults, key string) {
	for i, rule := range p.NormalizeReferences {
		at := fmt.Sprintf("%s[%d]", key, i)
		switch {
		case !slices.Contains(payment.ReferenceRules, rule):
			f.add(at, "must be one of %s, %s, %s, %s", payment.IgnoreCase, payment.IgnoreSpaces, payment.IgnoreDashes, payment.IgnoreLeadingZeros)
		case slices.Contains(p.NormalizeReferences[:i], rule):
			f.add(at, "stands twice")
		}
	}
}

func (p *Provider) checkColumns(f *faults, key string) {
	owner := map[string]string{}
	for _, column := range statementColumns {
		header, mapped := p.StatementColumns[column]
		if !mapped {
			continue
		}
		at := key + "." + column
		if strings.TrimSpace(header) == "" {
			f.add(at, "must be the header of a column of the provider's file")
		} else if other, taken := owner[header]; taken {
			f.add(at, "is the same column as %s", other)
		}
		owner[header] = column
	}
	for column := range p.StatementColumns {
		if !slices.Contains(statementColumns, column) {
			f.add(key+"."+clip(column), "unknown column; the nearest known one is %s", nearest(column, statementColumns))
		}
	}
}

func (f *faults) within(key string, n, most int) {
	if n < 1 || n > most {
		f.add(key, "must be a whole number from 1 to %d", most)
	}
}

// baseURL checks where a provider is asked: credentials go there, so only over
// https, or to this machine.
func (f *faults) baseURL(key, raw string) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		f.add(key, "must be a URL such as https://api.example.com")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		f.add(key, "must hold no user, query or fragment")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		f.add(key, "must be https; http is for this machine alone")
	}
}
