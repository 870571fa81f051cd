package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"tieout/internal/ledger"
	"tieout/internal/payment"
)

// Pulled counts what the pull step took.
type Pulled struct {
	Payments, SetAside int64
}

// Scope says which of the ledger's payments belong to a run.
type Scope struct {
	Providers, Kinds []string
	Outstanding      bool // only those that are not final
	Location         *time.Location
	// MetadataKeys and DateWindow are those of matching, the keys of batches among
	// them: payments that only their metadata links may be up to the window away
	// from the range.
	MetadataKeys []string
	DateWindow   time.Duration
	References   References
}

func (sc Scope) holds(p payment.Payment) bool {
	return slices.Contains(sc.Providers, p.Provider) && slices.Contains(sc.Kinds, string(p.Kind)) && (!sc.Outstanding || !p.Status.Final())
}

// Pull replaces the run's snapshot by what the ledger holds now. Rows that are
// no payments are set aside with their reason; the rest goes on.
func (s *Store) Pull(ctx context.Context, run *Run, l *Ledger, rules ledger.Rules, scope Scope, progress func(int64)) (Pulled, error) {
	var out Pulled
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		for _, q := range []string{
			`DELETE FROM tieout.run_payments WHERE run_id = $1`,
			`DELETE FROM tieout.run_rejects WHERE run_id = $1`,
			`UPDATE tieout.runs SET matched_at = NULL, settled_at = NULL WHERE id = $1`,
		} {
			if _, err := tx.ExecContext(ctx, q, run.ID); err != nil {
				return err
			}
		}
		// tieout's own table has no id twice; a query may
		table := "tieout.run_payments"
		if l.query != ownLedger {
			table = "pulled"
			if _, err := tx.ExecContext(ctx, `CREATE TEMP TABLE pulled (LIKE tieout.run_payments) ON COMMIT DROP`); err != nil {
				return err
			}
		}
		w, err := newSnapshot(ctx, tx, table, run.ID, true, scope.Location)
		if err != nil {
			return err
		}
		var rejects []ledger.Reject
		err = l.Read(ctx, rules, run.FromTime, run.ToTime,
			func(p payment.Payment) error {
				if !scope.holds(p) {
					return nil
				}
				out.Payments++
				if out.Payments%1000 == 0 {
					progress(out.Payments)
				}
				return w.add(p)
			},
			func(r ledger.Reject) error {
				out.SetAside++
				if len(rejects) < 10_000 { // what is wrong with the first ten thousand is wrong with all
					rejects = append(rejects, r)
				}
				return nil
			})
		if err != nil {
			return err
		}
		if err := w.close(); err != nil {
			return fmt.Errorf("snapshot: %w", err)
		}
		if l.query != ownLedger {
			if err := once(ctx, tx, run, &out); err != nil {
				return err
			}
		}
		for _, r := range rejects {
			if _, err := tx.ExecContext(ctx, `INSERT INTO tieout.run_rejects VALUES ($1, $2, $3, $4, $5, $6, $7)`,
				run.ID, r.ID, r.Field, r.Value, r.Reason, null(r.ProviderPaymentID), null(r.Reference)); err != nil {
				return err
			}
		}
		return s.done(ctx, tx, run, "pulled_at")
	})
	return out, wrap("reading the ledger", err)
}

// once takes each id of the pulled rows one time and sets the others aside.
func once(ctx context.Context, tx *sqlx.Tx, run *Run, out *Pulled) error {
	if _, err := tx.ExecContext(ctx, `INSERT INTO tieout.run_payments SELECT DISTINCT ON (payment_id) * FROM pulled ORDER BY payment_id, created_at`); err != nil {
		return err
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO tieout.run_rejects
		SELECT $1, payment_id, 'id', payment_id, 'the ledger query gives this id ' || count(*) || ' times; the earliest row was taken'
		FROM pulled GROUP BY payment_id HAVING count(*) > 1`, run.ID)
	if err != nil {
		return err
	}
	twice, err := res.RowsAffected()
	if err != nil || twice == 0 {
		return err
	}
	var total int64
	if err := tx.GetContext(ctx, &total, `SELECT count(*) FROM tieout.run_payments WHERE run_id = $1`, run.ID); err != nil {
		return err
	}
	out.SetAside += out.Payments - total
	out.Payments = total
	return nil
}

// Rejects returns the rows that the pull set aside.
func (s *Store) Rejects(ctx context.Context, run *Run) ([]ledger.Reject, error) {
	var out []ledger.Reject
	err := s.db.SelectContext(ctx, &out, `SELECT payment_id AS id, field, value, reason FROM tieout.run_rejects WHERE run_id = $1 ORDER BY 1, 2, 3, 4`, run.ID)
	return out, wrap("reading what was set aside", err)
}

// snapshot writes payments into a run's working table.
type snapshot struct {
	*copyIn
	runID   string
	inRange bool
	loc     *time.Location
}

func newSnapshot(ctx context.Context, tx *sqlx.Tx, table, runID string, inRange bool, loc *time.Location) (*snapshot, error) {
	c, err := newCopy(ctx, tx, table, "run_id", "payment_id", "in_range", "kind", "provider", "provider_payment_id",
		"reference", "amount", "exp", "currency", "status", "account", "customer_id", "save_method", "metadata", "created_at",
		"business_date", "refunded", "refund_ids")
	if err != nil {
		return nil, err
	}
	return &snapshot{c, runID, inRange, loc}, nil
}

func (w *snapshot) add(p payment.Payment) error {
	return w.copyIn.add(w.runID, p.ID, w.inRange, string(p.Kind), p.Provider, null(p.ProviderPaymentID),
		null(p.Reference), p.Amount.Minor, p.Amount.Exp, p.Amount.Currency, string(p.Status), null(p.Account), null(p.CustomerID), p.SaveMethod,
		metadataJSON(p.Metadata), p.CreatedAt, p.CreatedAt.In(w.loc).Format(time.DateOnly), p.Refunded.Minor, textArray(p.RefundIDs))
}

// metadataJSON writes a JSON object that Postgres can store.
func metadataJSON(m map[string]string) string {
	out := append(make([]byte, 0, 64), '{')
	for k, v := range m {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = appendJSONText(append(appendJSONText(out, clean(k)), ':'), clean(v))
	}
	return string(append(out, '}'))
}

func appendJSONText(to []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			b, err := json.Marshal(s)
			if err != nil {
				return append(to, `""`...) // a text always marshals
			}
			return append(to, b...)
		}
	}
	return append(append(append(to, '"'), s...), '"')
}
