package polltest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/config"
	"tieout/internal/corpus"
	"tieout/internal/payment"
	"tieout/jobs"
)

// A row of a list that names a payment and can't be read is a finding. That the
// payment can't be asked for by itself takes nothing of it back: it is neither
// missing nor merely open.
func TestARowThatCannotBeReadStaysAFindingWhereThePaymentCannotBeAsked(t *testing.T) {
	t.Parallel()
	d := outstanding(t, corpus.Pesaway, 40)
	bad := -1
	for i := range d.Transactions {
		tx := &d.Transactions[i]
		for j, p := range d.Payments {
			if bad < 0 && tx.Status == payment.Completed && tx.Fault == corpus.NoFault && !tx.Unlisted && p.Reference == tx.Reference {
				tx.Fault = corpus.FaultAmount
				bad = j
			}
		}
	}
	require.GreaterOrEqual(t, bad, 0)
	d.Payments[bad].ProviderPaymentID = "" // PesaWay can be asked by nothing else
	env, _ := d.start(t, func(*config.Provider) {})
	_, err := env.Run(t.Context(), d.request(jobs.Pull, jobs.Poll, jobs.Match))
	require.NoError(t, err)
	story, err := env.Store.Story(t.Context(), env.Ledger, env.LedgerRules(), d.Payments[bad].ID)
	require.NoError(t, err)
	var results []string
	for _, e := range story.Events {
		if e.Result != nil {
			results = append(results, e.Result.Result)
		}
	}
	assert.Equal(t, []string{"exception"}, results)
}
