package store

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/jmoiron/sqlx"

	"tieout/internal/ledger"
	"tieout/internal/payment"
)

// Imported counts what an import did.
type Imported struct {
	Read, New, Changed, Unchanged, Older, SetAside int64
	// Forgotten counts rows of earlier statements that one replaced.
	Forgotten int64
	// Timeless counts movements of a statement of which it says no time.
	Timeless int64
}

// ImportPayments loads a CSV of payments: streamed by COPY into a staging table,
// then merged by id. A row replaces a known payment unless its updated_at is
// older; the same rows again change nothing. Rows that are no payments go to
// reject, the rest goes on; all good rows are taken together or not at all.
func (s *Store) ImportPayments(ctx context.Context, rules ledger.Rules, in io.Reader, reject func(ledger.Reject) error, progress func(int64)) (Imported, error) {
	var out Imported
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `CREATE TEMP TABLE incoming (n bigint, LIKE tieout.payments INCLUDING DEFAULTS) ON COMMIT DROP`); err != nil {
			return err
		}
		w, err := newCopy(ctx, tx, "incoming", append([]string{"n"}, ledger.Columns...)...)
		if err != nil {
			return err
		}
		err = rules.ReadCSV(in, func(p payment.Payment) error {
			out.Read++
			if out.Read%1000 == 0 {
				progress(out.Read)
			}
			refunds, err := json.Marshal(append([]string{}, p.RefundIDs...))
			if err != nil {
				return err
			}
			return w.add(out.Read, p.ID, string(p.Kind), p.Provider, null(p.ProviderPaymentID), null(p.Reference), p.Amount.String(), p.Amount.Currency,
				string(p.Status), null(p.Account), null(p.CustomerID), p.SaveMethod, metadataJSON(p.Metadata), p.CreatedAt, p.UpdatedAt, p.Refunded.String(), string(refunds))
		}, func(r ledger.Reject) error {
			out.SetAside++
			return reject(r)
		})
		if err != nil {
			return err
		}
		if err := w.close(); err != nil {
			return err
		}
		return mergePayments(ctx, tx, &out)
	})
	return out, wrap("import payments", err)
}

func mergePayments(ctx context.Context, tx *sqlx.Tx, out *Imported) error {
	// of several rows with one id the last updated counts, of equal ones the last
	if _, err := tx.ExecContext(ctx, `CREATE TEMP TABLE latest ON COMMIT DROP AS SELECT DISTINCT ON (id) * FROM incoming ORDER BY id, updated_at DESC, n DESC`); err != nil {
		return err
	}
	const columns = `kind, provider, provider_payment_id, reference, amount, currency, status, account, customer_id, save_method, metadata, created_at, updated_at, refunded_amount, refund_ids`
	if err := tx.GetContext(ctx, &out.Older, `SELECT count(*) FROM latest l JOIN tieout.payments p USING (id) WHERE l.updated_at < p.updated_at`); err != nil {
		return err
	}
	res, err := tx.ExecContext(ctx, `UPDATE tieout.payments p SET (`+columns+`) = (SELECT l.kind, l.provider, l.provider_payment_id, l.reference, l.amount, l.currency, l.status,
			l.account, l.customer_id, l.save_method, l.metadata, l.created_at, l.updated_at, l.refunded_amount, l.refund_ids)
		FROM latest l WHERE l.id = p.id AND l.updated_at >= p.updated_at
		  AND (l.kind, l.provider, l.provider_payment_id, l.reference, l.amount, l.currency, l.status, l.account, l.customer_id, l.save_method, l.metadata, l.created_at, l.updated_at, l.refunded_amount, l.refund_ids)
		      IS DISTINCT FROM
		      (p.kind, p.provider, p.provider_payment_id, p.reference, p.amount, p.currency, p.status, p.account, p.customer_id, p.save_method, p.metadata, p.created_at, p.updated_at, p.refunded_amount, p.refund_ids)`)
	if err != nil {
		return err
	}
	if out.Changed, err = res.RowsAffected(); err != nil {
		return err
	}
	res, err = tx.ExecContext(ctx, `INSERT INTO tieout.payments (id, `+columns+`) SELECT id, `+columns+` FROM latest ON CONFLICT (id) DO NOTHING`)
	if err != nil {
		return err
	}
	if out.New, err = res.RowsAffected(); err != nil {
		return err
	}
	out.Unchanged = out.Read - out.New - out.Changed - out.Older
	return nil
}

// PaymentSpan returns the creation times of the first and the last payment of
// the default ledger; false where there is none.
func (s *Store) PaymentSpan(ctx context.Context) (first, last time.Time, ok bool, err error) {
	var row struct {
		First *time.Time `db:"first"`
		Last  *time.Time `db:"last"`
	}
	if err := s.db.GetContext(ctx, &row, `SELECT min(created_at) AS first, max(created_at) AS last FROM tieout.payments`); err != nil {
		return first, last, false, wrap("reading the payments' dates", err)
	}
	if row.First == nil {
		return first, last, false, nil
	}
	return *row.First, *row.Last, true, nil
}
