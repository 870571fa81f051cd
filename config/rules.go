package config

import (
	"fmt"
	"slices"
	"time"

	"tieout/internal/money"
)

// MatchingRule replaces some of the general matching values for the payments of
// a provider, a kind, a currency, or any two or three of them together.
type MatchingRule struct {
	// Provider, Kind (payout or deposit) and Currency say for which payments;
	// an empty one stands for all. At least one is given.
	Provider, Kind, Currency string
	// Grace, StaleAfter and StaleNeedsAction replace the values of Matching;
	// nil: not by this rule.
	Grace, StaleAfter, StaleNeedsAction *time.Duration
	// AmountTolerance is a decimal text in major units; empty: not by this rule.
	AmountTolerance string
}

// Resolved is what holds for the payments of one provider, kind and currency.
type Resolved struct {
	Grace, StaleAfter, StaleNeedsAction time.Duration
	// Tolerance is a decimal text in major units. A general default may have
	// more decimals than the currency; it is no tolerance then.
	Tolerance string
}

// weight orders rules: a provider counts for more than a kind and a currency
// together, a kind for more than a currency.
func (r *MatchingRule) weight() int {
	w := 0
	for _, given := range []string{r.Provider, r.Kind, r.Currency} {
		w *= 2
		if given != "" {
			w++
		}
	}
	return w
}

func (r *MatchingRule) fits(provider, kind, currency string) bool {
	return (r.Provider == "" || r.Provider == provider) && (r.Kind == "" || r.Kind == kind) && (r.Currency == "" || r.Currency == currency)
}

// For returns what holds for the payments of a provider, kind and currency.
// Each value by itself comes from the most specific rule that gives it: one with
// the provider before one without, then one with the kind, then one with the
// currency. Where no rule gives it, the general value holds.
func (m Matching) For(provider, kind, currency string) Resolved {
	out := Resolved{Grace: m.Grace, StaleAfter: m.StaleAfter.Deposit, StaleNeedsAction: m.StaleAfter.NeedsAction}
	if kind == "payout" {
		out.StaleAfter = m.StaleAfter.Payout
	}
	var known bool
	if out.Tolerance, known = m.AmountTolerance[currency]; !known {
		out.Tolerance = m.AmountTolerance[anyCurrency]
	}
	var grace, stale, action, tolerance int // weights of the rules taken so far
	for i := range m.Rules {
		r := &m.Rules[i]
		if !r.fits(provider, kind, currency) {
			continue
		}
		w := r.weight()
		replace(&out.Grace, &grace, r.Grace, w)
		replace(&out.StaleAfter, &stale, r.StaleAfter, w)
		replace(&out.StaleNeedsAction, &action, r.StaleNeedsAction, w)
		if r.AmountTolerance != "" && w > tolerance {
			out.Tolerance, tolerance = r.AmountTolerance, w
		}
	}
	return out
}

func replace(dst *time.Duration, taken *int, by *time.Duration, weight int) {
	if by != nil && weight > *taken {
		*dst, *taken = *by, weight
	}
}

func (c *Config) checkRules(f *faults) {
	names := make([]string, 0, len(c.Providers))
	for _, p := range c.Providers {
		names = append(names, p.Name)
	}
	for i := range c.Matching.Rules {
		r, key := &c.Matching.Rules[i], fmt.Sprintf("matching.rules[%d]", i)
		if r.weight() == 0 {
			f.add(key, "needs a provider, a kind or a currency")
		}
		if r.Provider != "" && !slices.Contains(names, r.Provider) {
			f.add(key+".provider", "%s is not a configured provider", clip(r.Provider))
		}
		if r.Kind != "" && r.Kind != "payout" && r.Kind != "deposit" {
			f.add(key+".kind", "must be payout or deposit")
		}
		if r.Grace == nil && r.StaleAfter == nil && r.StaleNeedsAction == nil && r.AmountTolerance == "" {
			f.add(key, "changes nothing: it needs grace, stale_after, stale_after_needs_action or amount_tolerance")
		}
		if r.Grace != nil {
			f.notNegative(key+".grace", *r.Grace)
		}
		if r.StaleAfter != nil {
			f.positive(key+".stale_after", *r.StaleAfter)
		}
		if r.StaleNeedsAction != nil {
			f.positive(key+".stale_after_needs_action", *r.StaleNeedsAction)
		}
		c.checkTolerance(f, key, r)
		for n, q := range c.Matching.Rules[:i] {
			if q.Provider == r.Provider && q.Kind == r.Kind && q.Currency == r.Currency && r.weight() > 0 {
				f.add(key, "is for the same provider, kind and currency as matching.rules[%d]", n)
				break
			}
		}
	}
}

// checkTolerance checks that a rule's tolerance is an amount wherever the rule
// holds: without a currency only whole units are one everywhere.
func (c *Config) checkTolerance(f *faults, key string, r *MatchingRule) {
	exp := 0
	if r.Currency != "" {
		var known bool
		if exp, known = money.Exponent(r.Currency); !known {
			f.add(key+".currency", "%s is not a currency of ISO 4217", clip(r.Currency))
			return
		}
		least := maxDecimals
		for _, p := range c.Providers {
			if r.Provider == "" || r.Provider == p.Name {
				if own, given := p.Decimals[r.Currency]; given {
					least = min(least, own)
				} else {
					least = min(least, exp)
				}
			}
		}
		exp = least
	}
	if r.AmountTolerance == "" {
		return
	}
	at := key + ".amount_tolerance"
	if _, err := money.ParseMinor(r.AmountTolerance, maxDecimals); err == nil && r.Currency == "" {
		if _, err := money.ParseMinor(r.AmountTolerance, 0); err != nil {
			f.add(at, "has decimals that not every currency has: name the rule's currency")
			return
		}
	}
	f.amount(at, r.AmountTolerance, exp)
}
