package config

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTheMostSpecificRuleWinsValueByValue(t *testing.T) {
	t.Parallel()
	cfg := load(t, `
providers:
  - { name: a, type: pawapay, credentials: { token: x }, decimals: { UGX: 2 } }
  - { name: b, type: pawapay, credentials: { token: x } }
matching:
  grace: 10m
  stale_after: { deposit: 20h, payout: 30h, needs_action: 40h }
  amount_tolerance: { default: "0.01", KES: "5" }
  rules:
    - { currency: UGX, grace: 1m, amount_tolerance: "1" }
    - { kind: payout, grace: 2m, stale_after: 2h }
    - { kind: payout, currency: UGX, grace: 3m }
    - { provider: a, grace: 0s, stale_after_needs_action: 4h }
    - { provider: a, currency: UGX, grace: 5m, amount_tolerance: "0.50" }
    - { provider: a, kind: payout, grace: 6m }
    - { provider: a, kind: payout, currency: UGX, grace: 7m, amount_tolerance: "0" }
`)
	for of, want := range map[[3]string]Resolved{
		{"b", "deposit", "ZMW"}: {10 * time.Minute, 20 * time.Hour, 40 * time.Hour, "0.01"},
		{"b", "payout", "KES"}:  {2 * time.Minute, 2 * time.Hour, 40 * time.Hour, "5"},
		{"b", "deposit", "UGX"}: {time.Minute, 20 * time.Hour, 40 * time.Hour, "1"},
		{"b", "payout", "UGX"}:  {3 * time.Minute, 2 * time.Hour, 40 * time.Hour, "1"},
		{"a", "deposit", "ZMW"}: {0, 20 * time.Hour, 4 * time.Hour, "0.01"},
		{"a", "deposit", "UGX"}: {5 * time.Minute, 20 * time.Hour, 4 * time.Hour, "0.50"},
		{"a", "payout", "KES"}:  {6 * time.Minute, 2 * time.Hour, 4 * time.Hour, "5"},
		{"a", "payout", "UGX"}:  {7 * time.Minute, 2 * time.Hour, 4 * time.Hour, "0"},
		{"a", "payout", ""}:     {6 * time.Minute, 2 * time.Hour, 4 * time.Hour, "0.01"},
	} {
		if got := cfg.Matching.For(of[0], of[1], of[2]); got != want {
			t.Errorf("%v: got %+v, want %+v", of, got, want)
		}
	}
}

func TestTheOrderOfRulesCountsForNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := Default().Matching
		for _, i := range rapid.SliceOfDistinct(rapid.IntRange(1, 7), rapid.ID[int]).Draw(t, "rules") {
			r := MatchingRule{Grace: new(time.Duration)}
			*r.Grace = time.Duration(i) * time.Hour
			if i&4 != 0 {
				r.Provider = "a"
			}
			if i&2 != 0 {
				r.Kind = "payout"
			}
			if i&1 != 0 {
				r.Currency = "KES"
			}
			m.Rules = append(m.Rules, r)
		}
		want := m.Grace
		for _, r := range m.Rules { // all fit, and the heaviest has the longest grace
			want = max(want, *r.Grace)
		}
		if got := m.For("a", "payout", "KES").Grace; got != want {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

func TestSchedulesMayNameSeconds(t *testing.T) {
	t.Parallel()
	for _, expression := range []string{"30 */15 * * * *", "0 6 * * *", "@daily", "@every 30s", "TZ=Africa/Lusaka 15 0 6 * * *"} {
		cfg := load(t, "providers: [{ name: a, type: pawapay, credentials: { token: x } }]\nschedules: [{ name: x, cron: '"+expression+"', job: run, range: today }]")
		if cfg.Schedules[0].Cron != expression {
			t.Errorf("%s was not taken", expression)
		}
	}
}
