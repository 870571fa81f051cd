package jobs

import (
	"context"
	"fmt"

	"tieout/internal/money"
	"tieout/internal/store"
)

// match links both sides and gives every payment its one result.
func (s *state) match(ctx context.Context) error {
	if err := s.Store.Surround(ctx, s.run, s.Ledger, s.rules(), s.scope()); err != nil {
		return err
	}
	rules, err := s.matchRules()
	if err != nil {
		return err
	}
	if s.sum.Matched, err = s.Store.Match(ctx, s.run, rules); err != nil {
		return err
	}
	e := s.Log.Info()
	for result, n := range s.sum.Matched.Results {
		e = e.Int64(string(result), n)
	}
	e.Msg("matched")
	return nil
}

func (s *state) matchRules() (store.MatchRules, error) {
	m := s.Config.Matching
	rules := store.MatchRules{
		MetadataKeys: m.MetadataKeys, DateWindow: m.DateWindow, Grace: m.Grace,
		StaleDeposit: m.StaleAfter.Deposit, StalePayout: m.StaleAfter.Payout, StaleNeed: m.StaleAfter.NeedsAction,
		Location: s.Config.Location, Thresholds: s.thresholds(), Mask: s.mask(), Schedule: s.schedule(),
	}
	scales := s.rules().Scales
	for _, name := range s.run.Providers {
		for currency, text := range m.AmountTolerance {
			codes := []string{currency}
			if currency == "default" {
				codes = money.Currencies()
			}
			for _, code := range codes {
				if _, own := m.AmountTolerance[code]; own && currency == "default" {
					continue
				}
				a, err := scales[name].Parse(text, code)
				if err != nil {
					if currency == "default" {
						continue // 0.5 means nothing in a currency without decimals
					}
					return rules, fmt.Errorf("matching.amount_tolerance: %w", err)
				}
				if a.Minor != 0 {
					rules.Tolerance = append(rules.Tolerance, store.Tolerance{Provider: name, Currency: code, Minor: a.Minor})
				}
			}
		}
	}
	return rules, nil
}

func (e *Env) schedule() []store.ScheduledFee {
	var out []store.ScheduledFee
	for _, f := range e.Config.Fees {
		zero := func(text string) string {
			if text == "" {
				return "0"
			}
			return text
		}
		out = append(out, store.ScheduledFee{Provider: f.Provider, Kind: f.Kind, Currency: f.Currency, Percent: zero(f.Percent), Fixed: zero(f.Fixed)})
	}
	return out
}
