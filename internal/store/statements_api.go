package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
	"tieout/internal/statement"
)

// StatementRead keeps what a provider's API shows of one statement, a page at a
// time: what was kept when it breaks off is true, and only the end says of which
// time nothing is left out. Read again, it changes nothing.
type StatementRead struct {
	s        *Store
	run      *Run
	provider string
	digest   string // of the answer that the rows come from
	seen     map[[16]byte]bool
	nth      map[string]int64 // rows so far, by what makes them the same
	got      Imported
}

// ReadStatement begins to keep a provider's statement of a run.
func (s *Store) ReadStatement(run *Run, providerName string) *StatementRead {
	return &StatementRead{s: s, run: run, provider: providerName, seen: map[[16]byte]bool{}, nth: map[string]int64{}}
}

// StatementDone tells whether the run has read the provider's statement.
func (s *Store) StatementDone(ctx context.Context, run *Run, providerName string) (bool, error) {
	var done bool
	err := s.db.GetContext(ctx, &done, `SELECT EXISTS (SELECT 1 FROM tieout.run_statement_reads WHERE run_id = $1 AND provider = $2)`, run.ID, providerName)
	return done, wrap("looking for the statement of "+providerName, err)
}

// Page keeps a page with its evidence. A page may come from the same answer as
// the one before, and then has none.
func (r *StatementRead) Page(ctx context.Context, page provider.StatementPage, evidence []httpx.Exchange, digests []string) error {
	for _, d := range digests {
		if d != "" {
			r.digest = d
		}
	}
	return wrap("saving the statement of "+r.provider, r.s.inQuickTx(ctx, func(tx *sqlx.Tx) error {
		if err := saveEvidence(ctx, tx, r.run, r.provider, "", evidence, digests); err != nil {
			return err
		}
		r.got.SetAside += int64(len(page.SetAside))
		rows, err := r.stage(ctx, tx, page.Rows)
		if err != nil || rows == 0 {
			return err
		}
		out := Imported{Read: rows}
		if err := (statementFile{provider: r.provider, sha256: r.digest, run: r.run.ID}).merge(ctx, tx, &out); err != nil {
			return err
		}
		r.got.Read, r.got.New, r.got.Changed = r.got.Read+out.Read, r.got.New+out.New, r.got.Changed+out.Changed
		return nil
	}))
}

// stage leaves out what came before: a movement with an id is one, however
// often a page shows it.
func (r *StatementRead) stage(ctx context.Context, tx *sqlx.Tx, rows []statement.Row) (int64, error) {
	if len(rows) == 0 {
		return 0, nil
	}
	w, err := stageStatement(ctx, tx)
	if err != nil {
		return 0, err
	}
	var n int64
	for _, row := range rows {
		base := identityOf(row)
		if row.ProviderPaymentID != "" {
			sum := sha256.Sum256([]byte(base + "\x00" + row.Amount.String() + "\x00" + row.Wallet))
			key := [16]byte(sum[:16])
			if r.seen[key] {
				continue
			}
			r.seen[key] = true
		}
		r.nth[base]++
		if row.Number == 0 {
			row.Number = r.got.Read + n + 1
		}
		if err := w.add(row, base, r.nth[base]); err != nil {
			return 0, err
		}
		n++
	}
	return n, w.close()
}

// End notes what the statement covers and what is missing of it.
func (r *StatementRead) End(ctx context.Context, covered []provider.Covered, why string, at time.Time, evidence []httpx.Exchange, digests []string) (Imported, error) {
	r.got.Unchanged = r.got.Read - r.got.New - r.got.Changed
	return r.got, wrap("saving the statement of "+r.provider, r.s.inTx(ctx, func(tx *sqlx.Tx) error {
		if err := saveEvidence(ctx, tx, r.run, r.provider, "", evidence, digests); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 7461205032))`, r.provider); err != nil {
			return err
		}
		for _, c := range covered {
			// what touches a time that was read before becomes one time with it
			if _, err := tx.ExecContext(ctx, `WITH old AS (
					DELETE FROM tieout.statement_coverage WHERE provider = $1 AND source = 'api' AND kind = '' AND currency = $3 AND from_time <= $5 AND to_time >= $4
					RETURNING from_time, to_time)
				INSERT INTO tieout.statement_coverage (provider, sha256, kind, currency, from_time, to_time, source)
				SELECT $1, $2, '', $3, least($4, min(from_time)), greatest($5, max(to_time)), 'api' FROM old`,
				r.provider, r.run.ID, c.Currency, c.From.UTC(), c.To.UTC()); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO tieout.run_statement_reads (run_id, provider, rows, set_aside, why, read_at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (run_id, provider) DO UPDATE SET rows = excluded.rows, set_aside = excluded.set_aside, why = excluded.why, read_at = excluded.read_at`,
			r.run.ID, r.provider, r.got.Read, r.got.SetAside, clean(why), at)
		return err
	}))
}

// BalancesDone tells whether the run has the provider's balances.
func (s *Store) BalancesDone(ctx context.Context, run *Run, providerName string) (bool, error) {
	var done bool
	err := s.db.GetContext(ctx, &done, `SELECT EXISTS (SELECT 1 FROM tieout.wallet_balances WHERE run_id = $1 AND provider = $2)`, run.ID, providerName)
	return done, wrap("looking for the balances of "+providerName, err)
}

// SaveBalances keeps what stands in a provider's wallets, with its evidence.
func (s *Store) SaveBalances(ctx context.Context, run *Run, providerName string, balances []provider.Balance, at time.Time, evidence []httpx.Exchange, digests []string) error {
	return wrap("saving the balances of "+providerName, s.inTx(ctx, func(tx *sqlx.Tx) error {
		if err := saveEvidence(ctx, tx, run, providerName, "", evidence, digests); err != nil {
			return err
		}
		for _, b := range balances {
			if _, err := tx.ExecContext(ctx, `INSERT INTO tieout.wallet_balances (provider, wallet, currency, exp, balance, taken_at, run_id)
				VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
				providerName, clean(b.Wallet), b.Amount.Currency, b.Amount.Exp, b.Amount.Minor, at, run.ID); err != nil {
				return fmt.Errorf("wallet %s: %w", b.Wallet, err)
			}
		}
		return nil
	}))
}

// saveEvidence keeps exchanges that are about no single payment.
func saveEvidence(ctx context.Context, tx *sqlx.Tx, run *Run, providerName string, kind payment.Kind, evidence []httpx.Exchange, digests []string) error {
	var obs []observation
	for i, e := range evidence {
		o, err := newObservation(run, providerName, kind, "", e, digests[i])
		if err != nil {
			return err
		}
		obs = append(obs, o)
	}
	return saveObservations(ctx, tx, obs)
}
