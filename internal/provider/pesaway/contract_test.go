package pesaway_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/corpus"
	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
	sandbox "tieout/internal/sandbox/pesaway"
	"tieout/internal/sandbox/state"
)

var created = time.Date(2026, 3, 2, 9, 14, 16, 700_000_000, time.UTC)

// truth is a completed deposit, changed as a test needs it.
func truth(id string, change ...func(*corpus.Transaction)) corpus.Transaction {
	t := corpus.Transaction{
		Provider: "pesaway-ke", Kind: payment.Deposit, ID: id, Reference: "DP-" + id, NetworkReference: "TJ" + id,
		Status: payment.Completed, Amount: kes(125000), Account: "254700000111",
		CreatedAt: created, CompletedAt: created.Add(6 * time.Second),
	}
	for _, f := range change {
		f(&t)
	}
	return t
}

// serve starts the sandbox below a path prefix and returns its base URL.
func serve(t *testing.T, c sandbox.Config, txs ...corpus.Transaction) (*state.Account, string) {
	t.Helper()
	a := state.New(corpus.Account{Name: "pesaway-ke", Type: "pesaway"}, txs)
	a.Credentials = map[string]string{"client_id": "key-1", "client_secret": "s3cret-1"}
	srv := httptest.NewServer(http.StripPrefix("/pesaway-ke", c.Handler(a)))
	t.Cleanup(srv.Close)
	a.BaseURL = srv.URL + "/pesaway-ke"
	return a, a.BaseURL
}

func TestContractStatusShowsTheTruth(t *testing.T) {
	t.Parallel()
	payoutTo := func(account string) func(*corpus.Transaction) {
		return func(x *corpus.Transaction) { x.Kind, x.Account = payment.Payout, account }
	}
	status := func(s payment.Status, raw string) func(*corpus.Transaction) {
		return func(x *corpus.Transaction) { x.Status, x.RawStatus = s, raw }
	}
	txs := []struct {
		truth corpus.Transaction
		want  payment.Status
		raw   string
	}{
		{truth("PHY0000000001"), payment.Completed, "0"},
		{truth("PHY0000000002", payoutTo("254700000111")), payment.Completed, "0"},
		{truth("PHY0000000003", payoutTo("KCB-0011223344556677")), payment.Completed, "0"},
		{truth("PHY0000000004", status(payment.Failed, "")), payment.Failed, "1"},
		{truth("PHY0000000005", status(payment.Cancelled, "")), payment.Failed, "1"},
		{truth("PHY0000000006", status(payment.Expired, "")), payment.Failed, "1"},
		{truth("PHY0000000007", status(payment.Pending, "")), payment.Pending, "2"},
		{truth("PHY0000000008", status(payment.Created, "")), payment.Pending, "2"},
		{truth("PHY0000000009", status(payment.Pending, "4999")), payment.Pending, "4999"},
		{truth("PHY000000000A", status(payment.Pending, "1032")), payment.Pending, "1032"},
		{truth("PHY000000000B", status(payment.Reversed, "")), payment.Completed, "0"}, // 6: the original stays 0
	}
	for _, cfg := range []sandbox.Config{
		{}, {TokenShape: sandbox.TokenUnderData}, {TokenShape: sandbox.TokenWithExpiry}, {ErrorsAsOK: true}, {DataEnvelope: true}, {Region: "ke"},
	} {
		for _, method := range []string{"POST", "GET"} {
			a, base := serve(t, cfg)
			c := client(t, base, option("query_method", method))
			for _, x := range txs {
				a.Put(x.truth)
				got := c.Status(context.Background(), provider.Query{Kind: x.truth.Kind, ProviderPaymentID: x.truth.ID, Amount: x.truth.Amount})
				require.Equal(t, provider.Found, got.Verdict, "%s: %s", x.truth.ID, got.Reason)
				tx := got.Transactions[0]
				assert.Equal(t, x.want, tx.Status, x.truth.ID)
				assert.Equal(t, x.raw, tx.RawStatus, x.truth.ID)
				assert.Equal(t, x.truth.ID, tx.ID)
				assert.Equal(t, x.truth.Reference, tx.Reference)
				assert.Equal(t, x.truth.Reference, tx.OwnID)
				assert.Equal(t, x.truth.Amount, tx.Amount)
				assert.Nil(t, tx.Refunded)
				if x.want == payment.Completed {
					assert.Equal(t, x.truth.NetworkReference, tx.NetworkReference)
					assert.Equal(t, x.truth.CompletedAt, tx.CompletedAt)
				}
			}
		}
	}
}

func TestContractUnknownIsPositive(t *testing.T) {
	t.Parallel()
	for _, cfg := range []sandbox.Config{{}, {ErrorsAsOK: true}} {
		_, base := serve(t, cfg, truth("PHY0000000001"),
			truth("PHY0000000002", func(x *corpus.Transaction) { x.Status = payment.Rejected }))
		c := client(t, base)
		for _, id := range []string{
			"PHY00000000FF", "phy0000000001", "PHY0000000002", // never heard of; another case; refused at initiation
			"DP-PHY0000000001", // 13.3: the merchant's reference is no key
		} {
			for _, q := range []provider.Query{deposit(id), payout(id)} {
				assert.Equal(t, provider.Unknown, c.Status(context.Background(), q).Verdict, id)
			}
		}
	}
}

func TestContractFaults(t *testing.T) {
	t.Parallel()
	for fault, want := range map[corpus.Fault]provider.Verdict{
		corpus.FaultDown:         provider.NoAnswer,
		corpus.FaultRefused:      provider.Refused,
		corpus.FaultGarbage:      provider.NoAnswer,
		corpus.FaultAmount:       provider.Invalid,
		corpus.FaultStatusWord:   provider.Invalid,
		corpus.FaultHiddenInList: provider.Found,
	} {
		for _, amount := range []money.Amount{kes(125000), {Minor: 1250, Currency: "UGX"}} {
			_, base := serve(t, sandbox.Config{}, truth("PHY0000000001", func(x *corpus.Transaction) { x.Fault, x.Amount = fault, amount }))
			q := deposit("PHY0000000001")
			q.Amount = amount
			a := client(t, base).Status(context.Background(), q)
			assert.Equal(t, want, a.Verdict, "%s: %s", fault, a.Reason)
		}
	}
}

func TestContractWrongCredentialsRegionAndAddress(t *testing.T) {
	t.Parallel()
	_, base := serve(t, sandbox.Config{Region: "ke"}, truth("PHY0000000001"))
	ask := func(change ...func(*provider.Settings)) provider.Answer {
		return client(t, base, change...).Status(context.Background(), deposit("PHY0000000001"))
	}
	a := ask(func(s *provider.Settings) { s.Credentials["client_secret"] = "wrong" })
	assert.Equal(t, provider.Refused, a.Verdict)
	assert.Contains(t, a.Reason, "client_secret")

	assert.Equal(t, provider.Refused, ask(option("region", "ug")).Verdict)
	assert.Equal(t, provider.Refused, ask(option("generation", "B")).Verdict, "generation C demands X-Region")

	_, reach, err := list(t, client(t, base, option("list_path", "/api/v2/pull-transactions/")), day(payment.Deposit))
	require.Error(t, err)
	assert.False(t, reach.Complete)

	_, base = serve(t, sandbox.Config{NoRegion: true}, truth("PHY0000000001"))
	assert.Equal(t, provider.Found, ask(option("generation", "B")).Verdict)
}

func TestContractAnExpiredTokenIsRenewed(t *testing.T) {
	t.Parallel()
	a, base := serve(t, sandbox.Config{TokenShape: sandbox.TokenUnderData, TokenLifetime: time.Minute}, truth("PHY0000000001"))
	k := newClock()
	a.Now = k.now
	c := client(t, base) // whose own clock sees nothing of it
	for range 3 {
		got := c.Status(context.Background(), deposit("PHY0000000001"))
		assert.Equal(t, provider.Found, got.Verdict, got.Reason)
		k.advance(2 * time.Minute)
	}
}

func TestContractListShowsCompletedOnes(t *testing.T) {
	t.Parallel()
	hidden := func(x *corpus.Transaction) { x.Fault = corpus.FaultHiddenInList }
	unlisted := func(x *corpus.Transaction) { x.Unlisted = true }
	open := func(x *corpus.Transaction) { x.Status = payment.Pending }
	failed := func(x *corpus.Transaction) { x.Status = payment.Failed }
	paidOut := func(x *corpus.Transaction) { x.Kind = payment.Payout }
	refunded := func(x *corpus.Transaction) {
		x.Refunds = []corpus.Refund{{ID: "RF-1", Amount: kes(100), Status: payment.Completed, CreatedAt: created.Add(time.Hour)}}
	}
	txs := []corpus.Transaction{
		truth("PHYFFFFFFFFF1", hidden), truth("PHY00000000F2", unlisted), truth("PHY00000000F3", open), truth("PHY00000000F4", failed),
		truth("PHYFFFFFFFFF5", paidOut), truth("PHY00000000F6", func(x *corpus.Transaction) { x.CreatedAt = created.AddDate(0, 0, 1) }),
		truth("PHYFFFFFFFFF7", func(x *corpus.Transaction) { x.Fault = corpus.FaultAmount }),
	}
	for i := range 250 {
		txs = append(txs, truth(fmt.Sprintf("PHY%010X", i), refunded))
	}
	q := provider.ListQuery{Kind: payment.Deposit, From: created.Add(-10 * time.Hour), To: created.Add(10 * time.Hour), Now: created.AddDate(0, 0, 9)}
	for _, cfg := range []sandbox.Config{{}, {UnrelatedReferences: true}, {Zone: time.UTC}, {NoRegion: true}} {
		_, base := serve(t, cfg, txs...)
		c := client(t, base)
		got, reach, err := list(t, c, q)
		require.NoError(t, err)
		assert.Equal(t, provider.Reach{Complete: true, CompletedOnly: true}, reach)
		require.Len(t, got.Transactions, 250)
		require.Len(t, got.Invalid, 1)

		listed := got.Transactions[7]
		asked := c.Status(context.Background(), provider.Query{Kind: payment.Deposit, ProviderPaymentID: "PHY0000000007", Amount: kes(0)}).Transactions[0]
		assert.Equal(t, asked.Reference, listed.Reference, "the same transaction, told by reference,")
		assert.Equal(t, asked.NetworkReference, listed.NetworkReference, "receipt")
		assert.Equal(t, asked.Amount, listed.Amount, "and amount")
		assert.Equal(t, asked.Account, listed.Account)
		assert.Equal(t, !cfg.UnrelatedReferences, asked.ID == listed.ID)
		assert.Equal(t, created.Truncate(time.Second), listed.CreatedAt)
		assert.False(t, listed.Partial)

		q := q
		q.Kind = payment.Payout
		got, _, err = list(t, c, q)
		require.NoError(t, err)
		assert.Len(t, got.Transactions, 1)

		again, _, err := list(t, c, q)
		require.NoError(t, err)
		assert.Empty(t, cmp.Diff(got, again), "the same question has the same answer")
	}
}

func TestContractCheck(t *testing.T) {
	t.Parallel()
	_, base := serve(t, sandbox.Config{})
	for _, code := range []string{"", "1001"} {
		line, err := client(t, base, option("merchant_code", code)).Check(context.Background())
		require.NoError(t, err)
		assert.Contains(t, line, "10,000,000.00 KES")
	}
	_, err := client(t, base, func(s *provider.Settings) { s.Credentials["client_id"] = "nobody" }).Check(context.Background())
	assert.ErrorContains(t, err, "client_id")
}

// TestContractAWholeWorld holds every transaction of a generated world against
// what the client finds of it, one by one and in the list.
func TestContractAWholeWorld(t *testing.T) {
	t.Parallel()
	account := corpus.Account{Name: "pesaway-ke", Type: corpus.Pesaway, Currencies: []string{"KES"}}
	world := corpus.Generate(corpus.Options{Seed: 7, Payments: 1500, Accounts: []corpus.Account{account}})
	_, base := serve(t, sandbox.Config{}, world.Transactions...)
	c := client(t, base)
	listed := map[payment.Kind]map[string]payment.Transaction{}
	for _, k := range []payment.Kind{payment.Deposit, payment.Payout} {
		got, reach, err := list(t, c, provider.ListQuery{Kind: k, From: time.Unix(1_000_000_000, 0), To: time.Unix(3_000_000_000, 0), Currencies: []string{"KES"}})
		require.NoError(t, err)
		require.True(t, reach.Complete)
		require.Empty(t, got.Invalid)
		listed[k] = map[string]payment.Transaction{}
		for _, tx := range got.Transactions {
			listed[k][tx.ID] = tx
		}
	}
	require.NotEmpty(t, world.Transactions)
	for _, truth := range world.Transactions {
		got := c.Status(context.Background(), provider.Query{Kind: truth.Kind, ProviderPaymentID: truth.ID, Amount: truth.Amount})
		row, shown := listed[truth.Kind][truth.ID]
		delete(listed[truth.Kind], truth.ID)
		if truth.Fault != corpus.NoFault && truth.Fault != corpus.FaultHiddenInList {
			assert.NotEqual(t, provider.Found, got.Verdict, "%s has the fault %s", truth.ID, truth.Fault)
			continue
		}
		require.Equal(t, provider.Found, got.Verdict, "%s %s: %s", truth.Status, truth.ID, got.Reason)
		tx := got.Transactions[0]
		assert.Equal(t, truth.Status, tx.Status, truth.ID)
		assert.Equal(t, truth.Amount, tx.Amount, truth.ID)
		assert.Equal(t, truth.Reference, tx.Reference, truth.ID)
		assert.Equal(t, truth.Account, tx.Account, truth.ID)
		assert.Equal(t, truth.Status == payment.Completed && !truth.Unlisted && truth.Fault == corpus.NoFault, shown, truth.ID)
		if shown {
			assert.Equal(t, tx.NetworkReference, row.NetworkReference)
			assert.Equal(t, tx.Amount, row.Amount)
			assert.Equal(t, tx.Reference, row.Reference)
		}
	}
	assert.Empty(t, listed[payment.Deposit], "rows of no transaction")
	assert.Empty(t, listed[payment.Payout], "rows of no transaction")
}
