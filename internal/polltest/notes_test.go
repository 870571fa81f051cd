package polltest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/config"
	"tieout/internal/corpus"
	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/store"
	"tieout/jobs"
)

func kes(minor int64) money.Amount { return money.Amount{Minor: minor, Exp: 2, Currency: "KES"} }

// What waits for the merchant is told apart from what waits for the customer,
// before it is stale; and the extremes of a run are those of its payments.
func TestARunTellsWhatWaitsForTheMerchant(t *testing.T) {
	t.Parallel()
	d := outstanding(t, corpus.Pesaswap, 1)
	d.Payments, d.Transactions = nil, nil
	at := d.now.Add(-8 * time.Hour)
	for i, tx := range []corpus.Transaction{
		{Kind: payment.Deposit, RawStatus: "requires_capture", NeedsAction: payment.ActionCapture, Amount: kes(10000)},
		{Kind: payment.Deposit, RawStatus: "requires_capture", NeedsAction: payment.ActionCapture, Amount: kes(10050)},
		{Kind: payment.Deposit, RawStatus: "requires_customer_action", Amount: kes(300)},
		{Kind: payment.Payout, RawStatus: "requires_fulfillment", NeedsAction: payment.ActionFulfil, Amount: kes(500)},
	} {
		tx.Provider, tx.Status, tx.CreatedAt = "p", payment.Pending, at
		tx.ID, tx.Reference = fmt.Sprintf("tx_%d", i), fmt.Sprintf("R-%d", i)
		d.Transactions = append(d.Transactions, tx)
		d.Payments = append(d.Payments, payment.Payment{
			ID: fmt.Sprintf("our-%d", i), Kind: tx.Kind, Provider: "p", ProviderPaymentID: tx.ID, Reference: tx.Reference, Amount: tx.Amount,
			Refunded: money.Amount{Exp: 2, Currency: "KES"}, Status: payment.Pending, CreatedAt: at, UpdatedAt: at,
		})
	}
	_, s := d.run(t, func(*config.Provider) {}, jobs.Pull, jobs.Poll, jobs.Match)
	runs, err := s.Runs(t.Context(), 1)
	require.NoError(t, err)
	waiting, err := s.Waiting(t.Context(), &runs[0])
	require.NoError(t, err)
	assert.Equal(t, []store.Waiting{
		{Provider: "p", Kind: payment.Deposit, Action: payment.ActionCapture, Payments: 2},
		{Provider: "p", Kind: payment.Payout, Action: payment.ActionFulfil, Payments: 1},
	}, waiting)
	extremes, err := s.Extremes(t.Context(), &runs[0], "p")
	require.NoError(t, err)
	assert.Equal(t, []provider.Extremes{
		{Kind: payment.Deposit, Currency: "KES", Least: kes(300), Most: kes(10050), Fractions: true},
		{Kind: payment.Payout, Currency: "KES", Least: kes(500), Most: kes(500)},
	}, extremes)
}
