package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"tieout/internal/payment"
)

// copyPayments puts payments into the ledger's own table by COPY.
func copyPayments(ctx context.Context, db *sqlx.DB, payments []payment.Payment) error {
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	stmt, err := tx.PrepareContext(ctx, `COPY tieout.payments (id, kind, provider, provider_payment_id, reference, amount, currency, status,
		account, customer_id, save_method, metadata, created_at, updated_at, refunded_amount, refund_ids) FROM STDIN`)
	if err != nil {
		return err
	}
	for _, p := range payments {
		metadata, err := json.Marshal(p.Metadata)
		if err != nil {
			return err
		}
		if p.Metadata == nil {
			metadata = []byte("{}")
		}
		refunds, err := json.Marshal(append([]string{}, p.RefundIDs...))
		if err != nil {
			return err
		}
		if _, err := stmt.ExecContext(ctx, p.ID, string(p.Kind), p.Provider, null(p.ProviderPaymentID), null(p.Reference), p.Amount.String(),
			p.Amount.Currency, string(p.Status), null(p.Account), null(p.CustomerID), p.SaveMethod, string(metadata),
			p.CreatedAt.UTC().Format(time.RFC3339Nano), p.UpdatedAt.UTC().Format(time.RFC3339Nano), p.Refunded.String(), string(refunds)); err != nil {
			return fmt.Errorf("payment %s: %w", p.ID, err)
		}
	}
	if _, err := stmt.ExecContext(ctx); err != nil {
		return err
	}
	if err := stmt.Close(); err != nil {
		return err
	}
	return tx.Commit()
}

func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}
