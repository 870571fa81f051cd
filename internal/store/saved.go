package store

import (
	"context"
	"encoding/json"
	"time"

	"tieout/internal/money"
	"tieout/internal/payment"
)

// SavedMethodQuestion is a completed payment that asked for its method to be
// saved, with the transaction that should have left a token.
type SavedMethodQuestion struct {
	PaymentID   string
	CustomerID  string
	Transaction payment.Transaction
}

// SavedMethodQuestions returns the payments of a provider whose saved method is
// not proven yet and was not asked for in this run.
func (s *Store) SavedMethodQuestions(ctx context.Context, run *Run, providerName string) ([]SavedMethodQuestion, error) {
	var rows []struct {
		PaymentID     string     `db:"payment_id"`
		CustomerID    string     `db:"customer"`
		Kind          string     `db:"kind"`
		ID            string     `db:"provider_payment_id"`
		Reference     string     `db:"reference"`
		Status        string     `db:"status"`
		SavedMethodID string     `db:"saved_method_id"`
		Minor         int64      `db:"amount"`
		Exp           int        `db:"exp"`
		Currency      string     `db:"currency"`
		Metadata      []byte     `db:"metadata"`
		CreatedAt     time.Time  `db:"created_at"`
		CompletedAt   *time.Time `db:"completed_at"`
	}
	err := s.db.SelectContext(ctx, &rows, `SELECT DISTINCT ON (rp.payment_id) rp.payment_id, coalesce(nullif(t.customer_id, ''), rp.customer_id, '') AS customer, t.kind,
			t.provider_payment_id, coalesce(t.reference, '') AS reference, t.status, coalesce(t.saved_method_id, '') AS saved_method_id,
			t.amount, t.exp, t.currency, coalesce(t.metadata, '{}') AS metadata, t.created_at, t.completed_at
		FROM tieout.run_payments rp
		JOIN tieout.transactions t ON t.provider = rp.provider AND t.kind = rp.kind AND t.status = 'completed'
		  AND (t.provider_payment_id = rp.provider_payment_id OR t.own_id = rp.payment_id OR t.reference = rp.reference)
		LEFT JOIN tieout.saved_methods m ON m.provider = rp.provider AND m.payment_id = rp.payment_id
		WHERE rp.run_id = $1 AND rp.in_range AND rp.save_method AND rp.provider = $2
		  AND (m.payment_id IS NULL OR NOT m.present AND m.run_id <> $1)
		ORDER BY rp.payment_id, t.created_at`, run.ID, providerName)
	if err != nil {
		return nil, wrap("reading which saved methods to ask for", err)
	}
	out := make([]SavedMethodQuestion, len(rows))
	for i, r := range rows {
		t := payment.Transaction{
			Kind: payment.Kind(r.Kind), ID: r.ID, Reference: r.Reference, Status: payment.Status(r.Status), SavedMethodID: r.SavedMethodID,
			CustomerID: r.CustomerID, Amount: money.Amount{Minor: r.Minor, Exp: r.Exp, Currency: r.Currency}, CreatedAt: r.CreatedAt,
		}
		if r.CompletedAt != nil {
			t.CompletedAt = *r.CompletedAt
		}
		if err := json.Unmarshal(r.Metadata, &t.Metadata); err != nil {
			return nil, wrap("reading which saved methods to ask for", err)
		}
		out[i] = SavedMethodQuestion{PaymentID: r.PaymentID, CustomerID: r.CustomerID, Transaction: t}
	}
	return out, nil
}

// SaveSavedMethod notes whether a payment's method was saved.
func (s *Store) SaveSavedMethod(ctx context.Context, run *Run, providerName, paymentID string, present, checkable bool, reason string, at time.Time) error {
	_, err := s.db.ExecContext(ctx, `INSERT INTO tieout.saved_methods VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (provider, payment_id) DO UPDATE SET present = excluded.present, checkable = excluded.checkable, reason = excluded.reason,
			checked_at = excluded.checked_at, run_id = excluded.run_id`, providerName, paymentID, present, checkable, clean(reason), at, run.ID)
	return wrap("noting a saved method", err)
}
