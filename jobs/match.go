package jobs

import (
	"context"

	"tieout/internal/money"
	"tieout/internal/store"
)

// match links both sides and gives every payment its one result.
func (s *state) match(ctx context.Context) error {
	if err := s.Store.Surround(ctx, s.run, s.Ledger, s.LedgerRules(), s.scope()); err != nil {
		return err
	}
	rules := s.matchRules()
	var err error
	if rules.Mask, err = s.Masks(ctx); err != nil {
		return err
	}
	matched, err := s.Store.Match(ctx, s.run, rules)
	if err != nil {
		return err
	}
	s.sum.Matched = matched
	e := s.Log.Info()
	for result, n := range s.sum.Matched.Results {
		e = e.Int64(string(result), n)
	}
	e.Msg("matched")
	return nil
}

func (s *state) matchRules() store.MatchRules {
	m := s.Config.Matching
	rules := store.MatchRules{
		MetadataKeys: m.MetadataKeys, BatchKeys: m.BatchKeys, DateWindow: m.DateWindow, Grace: m.Grace,
		StaleDeposit: m.StaleAfter.Deposit, StalePayout: m.StaleAfter.Payout, StaleNeed: m.StaleAfter.NeedsAction,
		Location: s.Config.Location, Thresholds: s.thresholds(), MaskMetadata: s.Config.Reports.MaskMetadata, Schedule: s.schedule(), References: s.references(),
	}
	scales := s.LedgerRules().Scales
	for _, name := range s.run.Providers {
		for _, kind := range s.run.Kinds {
			for _, currency := range money.Currencies() {
				of := m.For(name, kind, currency)
				// a general 0.5 means nothing in a currency without decimals
				if a, err := scales[name].Parse(of.Tolerance, currency); err == nil && a.Minor != 0 {
					rules.Tolerance = append(rules.Tolerance, store.Tolerance{Provider: name, Kind: kind, Currency: currency, Minor: a.Minor})
				}
				if len(m.Rules) > 0 {
					rules.Limits = append(rules.Limits, store.Limit{
						Provider: name, Kind: kind, Currency: currency,
						Grace: of.Grace, Stale: of.StaleAfter, StaleNeed: of.StaleNeedsAction,
					})
				}
			}
		}
	}
	return rules
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
