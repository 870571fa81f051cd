package store

import (
	"context"
	"fmt"
	"sort"
	"time"

	"tieout/reports"
)

// reading is what stood in a wallet when a run asked.
type reading struct {
	At    time.Time `db:"taken_at"`
	Minor int64     `db:"balance"`
}

// span is a time of which statements show every movement, [From, To).
type span struct {
	From time.Time `db:"from_time"`
	To   time.Time `db:"to_time"`
}

// between chooses the two readings that a roll-forward of a run over [from, to)
// leads from and to; all are in order of time and the last is the run's own. The
// opening is the last one before the range, or else the oldest in it, or else the
// last one before the run's; the closing the first one after the range, or else
// the run's. Where statements don't reach
// from the one to the other, the longest time within that they do show is taken;
// none: why says so. opening is nil where only one reading is known.
func between(all []reading, shown []span, from, to time.Time) (opening *reading, closing reading, why string) {
	last := len(all) - 1
	if last == 0 {
		return nil, all[0], "no earlier balance"
	}
	first := max(0, sort.Search(last, func(i int) bool { return all[i].At.After(from) })-1)
	if !all[first].At.Before(to) {
		first = last - 1
	}
	end := min(last, max(first+1, sort.Search(len(all), func(i int) bool { return !all[i].At.Before(to) })))
	best, length := [2]int{}, time.Duration(0)
	for _, s := range shown {
		i := first + sort.Search(end-first, func(i int) bool { return !all[first+i].At.Before(s.From) })
		j := first + sort.Search(end-first+1, func(i int) bool { return all[first+i].At.After(s.To) }) - 1
		if i < j && all[j].At.Sub(all[i].At) > length {
			best, length = [2]int{i, j}, all[j].At.Sub(all[i].At)
		}
	}
	switch {
	case len(shown) == 0:
		return &all[first], all[end], "no statement"
	case length == 0:
		return &all[first], all[end], "not on a statement yet"
	}
	return &all[best[0]], all[best[1]], ""
}

// wallets rolls each wallet's balance forward from one reading to a later one
// (control total 6): opening + what statements show between = closing.
func (s *Store) wallets(ctx context.Context, run *Run) ([]reports.WalletRoll, error) {
	var own []struct {
		Provider string    `db:"provider"`
		Wallet   string    `db:"wallet"`
		Currency string    `db:"currency"`
		Exp      int       `db:"exp"`
		At       time.Time `db:"taken_at"`
	}
	if err := s.db.SelectContext(ctx, &own, `SELECT provider, wallet, currency, exp, taken_at FROM tieout.wallet_balances WHERE run_id = $1 ORDER BY 1, 3, 2`, run.ID); err != nil {
		return nil, fmt.Errorf("wallets: %w", err)
	}
	out := make([]reports.WalletRoll, 0, len(own))
	for _, w := range own {
		var all []reading
		if err := s.db.SelectContext(ctx, &all, `SELECT taken_at, balance FROM tieout.wallet_balances
			WHERE provider = $1 AND wallet = $2 AND currency = $3 AND exp = $4 AND taken_at <= $5 ORDER BY taken_at, run_id`,
			w.Provider, w.Wallet, w.Currency, w.Exp, w.At); err != nil {
			return nil, fmt.Errorf("wallets: %w", err)
		}
		var shown []span
		if err := s.db.SelectContext(ctx, &shown, `SELECT from_time, to_time FROM tieout.statement_coverage
			WHERE provider = $1 AND currency = $2 AND kind = '' AND source = 'api' ORDER BY 1`, w.Provider, w.Currency); err != nil {
			return nil, fmt.Errorf("wallets: %w", err)
		}
		lag, err := s.settlementLag(ctx, w.Provider, w.Wallet, w.Currency, run.FromTime, w.At)
		if err != nil {
			return nil, err
		}
		for i := range shown {
			shown[i].From = shown[i].From.Add(lag)
		}
		opening, closing, why := between(all, shown, run.FromTime, run.ToTime)
		r := reports.WalletRoll{
			Provider: w.Provider, Wallet: w.Wallet, Currency: w.Currency, Exp: w.Exp,
			Closing: closing.Minor, ClosedAt: closing.At, Why: why,
		}
		if opening != nil {
			r.Opening, r.OpenedAt = &opening.Minor, opening.At
			if why == "" {
				if err := s.walletMoves(ctx, &r, lag); err != nil {
					return nil, err
				}
			}
		}
		out = append(out, r)
	}
	return out, nil
}

// settlementLag is how long money may have moved before it is part of a
// wallet's balance: what is to be seen there may have moved as long before.
func (s *Store) settlementLag(ctx context.Context, providerName, wallet, currency string, from, until time.Time) (time.Duration, error) {
	var seconds int64
	err := s.db.GetContext(ctx, &seconds, `SELECT coalesce(ceil(extract(epoch FROM max(settled_at - at))), 0)::bigint FROM tieout.statement_rows
		WHERE provider = $1 AND wallet = $2 AND currency = $3 AND at > $4::timestamptz - interval '7 days' AND at <= $5 AND settled_at > at`,
		providerName, wallet, currency, from, until)
	if err != nil {
		return 0, fmt.Errorf("wallets: %w", err)
	}
	return time.Duration(seconds) * time.Second, nil
}

// walletMoves adds up what statements show between the two readings. Whether
// money out carries a minus is each provider's custom: where one such row does,
// the signs count, and otherwise the types tell. Fees stand in rows of their own
// or beside the payments, never both.
func (s *Store) walletMoves(ctx context.Context, r *reports.WalletRoll, lag time.Duration) error {
	var sums struct {
		In  int64 `db:"came"`
		Out int64 `db:"went"`
		Odd int64 `db:"odd"`
	}
	if err := s.db.GetContext(ctx, &sums, `WITH moves AS (
			SELECT entry, direction, amount, coalesce(fee, 0) + coalesce(tax, 0) AS charged, exp = $4 AS fits, status
			FROM tieout.statement_rows
			WHERE provider = $1 AND wallet = $2 AND currency = $3 AND at > $5::timestamptz - $7::interval AND at <= $6
			  AND coalesce(settled_at, at) > $5 AND coalesce(settled_at, at) <= $6 AND status IN ('completed', 'reversed')
		), custom AS (
			SELECT coalesce(bool_or(amount < 0 AND direction < 0), false) AS signed, coalesce(bool_or(entry IN ('fee', 'tax')), false) AS own_rows FROM moves
		), changes AS (
			SELECT fits, CASE WHEN signed OR direction = 0 THEN amount ELSE direction * amount END AS change, CASE WHEN own_rows THEN 0 ELSE charged END AS charged
			FROM moves, custom
		) SELECT coalesce(sum(greatest(change, 0)), 0)::bigint AS came, coalesce(sum(charged - least(change, 0)), 0)::bigint AS went,
			count(*) FILTER (WHERE NOT fits) AS odd FROM changes`,
		r.Provider, r.Wallet, r.Currency, r.Exp, r.OpenedAt, r.ClosedAt, interval(lag)); err != nil {
		return fmt.Errorf("wallets: %w", err)
	}
	if r.In, r.Out = sums.In, sums.Out; sums.Odd > 0 {
		r.In, r.Out, r.Why = 0, 0, "its movements have other decimals than its balance"
	}
	return nil
}
