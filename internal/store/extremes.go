package store

import (
	"context"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
)

// Extremes gives the smallest and the largest amount of a provider's payments
// of the run, by kind and currency, and whether any has a fraction.
func (s *Store) Extremes(ctx context.Context, run *Run, providerName string) ([]provider.Extremes, error) {
	var rows []struct {
		Kind      payment.Kind `db:"kind"`
		Currency  string       `db:"currency"`
		Exp       int          `db:"exp"`
		Least     int64        `db:"least"`
		Most      int64        `db:"most"`
		Fractions bool         `db:"fractions"`
	}
	err := s.db.SelectContext(ctx, &rows, `SELECT kind, currency, exp, min(amount) AS least, max(amount) AS most,
		bool_or(amount % power(10::numeric, exp) <> 0) AS fractions
		FROM tieout.run_payments WHERE run_id = $1 AND provider = $2 AND in_range GROUP BY kind, currency, exp ORDER BY 1, 2, 3`, run.ID, providerName)
	out := make([]provider.Extremes, len(rows))
	for i, r := range rows {
		amount := func(minor int64) money.Amount { return money.Amount{Minor: minor, Exp: r.Exp, Currency: r.Currency} }
		out[i] = provider.Extremes{Kind: r.Kind, Currency: r.Currency, Least: amount(r.Least), Most: amount(r.Most), Fractions: r.Fractions}
	}
	return out, wrap("reading the extremes of "+providerName, err)
}

// Waiting counts the pending payments of a provider that wait for the merchant.
type Waiting struct {
	Provider string         `db:"provider"`
	Kind     payment.Kind   `db:"kind"`
	Action   payment.Action `db:"action"`
	Payments int64          `db:"payments"`
}

// Waiting gives the pending payments of a matched run that move no further
// until the merchant acts, also those that are not stale yet.
func (s *Store) Waiting(ctx context.Context, run *Run) ([]Waiting, error) {
	var out []Waiting
	err := s.db.SelectContext(ctx, &out, `SELECT rp.provider, rp.kind, t.needs_action AS action, count(DISTINCT rp.payment_id) AS payments
		FROM tieout.run_results rr
		JOIN tieout.run_payments rp USING (run_id, payment_id)
		CROSS JOIN LATERAL unnest(rr.transaction_ids) AS l (id) JOIN tieout.transactions t USING (id)
		WHERE rr.run_id = $1 AND rr.result = 'pending' AND coalesce(t.needs_action, '') <> ''
		GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`, run.ID)
	return out, wrap("counting the payments that wait for the merchant", err)
}
