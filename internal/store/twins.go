package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jmoiron/sqlx"
)

// joinTwins finds, for a provider whose lists use ids of their own, which row of
// a list and which status answer are one transaction seen twice: same provider,
// kind, reference and amount, one from each side, an equal receipt first. It
// changes the rows' keys to those of the stored transaction and notes the
// list's id beside it, so that a transaction is never counted twice.
func joinTwins(ctx context.Context, tx *sqlx.Tx, rows []transactionRow) error {
	for i := range rows {
		r := &rows[i]
		var err error
		if r.Source == "list" {
			err = joinListRow(ctx, tx, r)
		} else {
			err = joinStatusRow(ctx, tx, r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func joinListRow(ctx context.Context, tx *sqlx.Tx, r *transactionRow) error {
	var twin struct {
		ID  int64  `db:"id"`
		Key string `db:"key"`
		PID string `db:"provider_payment_id"`
	}
	// the row was joined before, or stands for itself
	err := tx.GetContext(ctx, &twin, `SELECT id, key, provider_payment_id FROM tieout.transactions
		WHERE provider = $1 AND kind = $2 AND (list_key = $3 OR key = $3) ORDER BY list_key = $3 DESC NULLS LAST LIMIT 1`, r.Provider, r.Kind, r.Key)
	if errors.Is(err, sql.ErrNoRows) && r.Reference != nil {
		err = tx.GetContext(ctx, &twin, `UPDATE tieout.transactions SET list_key = $3 WHERE id = (
			SELECT id FROM tieout.transactions WHERE provider = $1 AND kind = $2 AND source IN ('status', 'callback') AND list_key IS NULL AND reference = $4 AND amount = $5
			ORDER BY network_reference = $6 DESC NULLS LAST, created_at, key LIMIT 1)
			RETURNING id, key, provider_payment_id`, r.Provider, r.Kind, r.Key, *r.Reference, r.Amount, r.NetworkReference)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if twin.Key != r.Key {
		r.Key, r.ProviderPaymentID, r.Source = twin.Key, twin.PID, "status"
	}
	return nil
}

func joinStatusRow(ctx context.Context, tx *sqlx.Tx, r *transactionRow) error {
	if r.Reference == nil {
		return nil
	}
	// a list row that no status answer has claimed yet takes the answer's id
	_, err := tx.ExecContext(ctx, `UPDATE tieout.transactions SET list_key = key, key = $3, provider_payment_id = $4, source = 'status' WHERE id = (
		SELECT id FROM tieout.transactions t WHERE provider = $1 AND kind = $2 AND source = 'list' AND list_key IS NULL AND reference = $5 AND amount = $6
		  AND NOT EXISTS (SELECT 1 FROM tieout.transactions o WHERE o.provider = $1 AND o.kind = $2 AND o.key = $3)
		ORDER BY network_reference = $7 DESC NULLS LAST, created_at, key LIMIT 1)`,
		r.Provider, r.Kind, r.Key, r.ProviderPaymentID, *r.Reference, r.Amount, r.NetworkReference)
	return err
}

// joinBatched joins a transaction that was found by its reference alone, when
// its batch was not known, with the same one named by batch and reference.
func joinBatched(ctx context.Context, tx *sqlx.Tx, rows []transactionRow) error {
	for i := range rows {
		r := &rows[i]
		switch {
		case r.Reference == nil:
		case r.Batched:
			if _, err := tx.ExecContext(ctx, `UPDATE tieout.transactions t SET key = $4, provider_payment_id = $5, batched = true
				WHERE provider = $1 AND kind = $2 AND key = $3 AND NOT batched AND provider_payment_id = reference
				  AND NOT EXISTS (SELECT 1 FROM tieout.transactions o WHERE o.provider = $1 AND o.kind = $2 AND o.key = $4)`,
				r.Provider, r.Kind, *r.Reference, r.Key, r.ProviderPaymentID); err != nil {
				return err
			}
		case r.ProviderPaymentID == *r.Reference:
			var known []struct {
				Key string `db:"key"`
				ID  string `db:"provider_payment_id"`
			}
			if err := tx.SelectContext(ctx, &known, `SELECT key, provider_payment_id FROM tieout.transactions
				WHERE provider = $1 AND kind = $2 AND reference = $3 AND batched LIMIT 2`, r.Provider, r.Kind, *r.Reference); err != nil {
				return err
			}
			if len(known) == 1 {
				r.Key, r.ProviderPaymentID, r.Batched = known[0].Key, known[0].ID, true
			}
		}
	}
	return nil
}
