package pivot_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/corpus"
	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
	"tieout/internal/provider/pivot"
	box "tieout/internal/sandbox/pivot"
	"tieout/internal/sandbox/state"
)

const (
	depositID = "7f0d2c54-6f0e-4a83-9a51-2d6c1b7f9e10"
	batchID   = "b3b4d1de-8c77-4a06-9a1f-50f1f6c3a210"
	customer  = "0198a001-77aa-7c11-9d2e-4f5a6b7c8d9e"
)

var (
	now     = time.Date(2025, 11, 4, 6, 0, 0, 0, time.UTC)
	created = time.Date(2025, 11, 3, 3, 0, 10, 0, time.UTC)
)

func idr(major int64) money.Amount { return money.Amount{Minor: major * 100, Exp: 2, Currency: "IDR"} }

// against makes a client of a sandbox that holds these transactions.
func against(t *testing.T, txs ...corpus.Transaction) (provider.Client, *state.Account) {
	t.Helper()
	for i := range txs {
		txs[i].Provider = "pivot-id"
	}
	a := state.New(corpus.Account{Name: "pivot-id", Type: "pivot"}, txs)
	a.Credentials = map[string]string{"client_id": "id", "client_secret": "secret"}
	a.Now = func() time.Time { return now }
	server := httptest.NewServer(box.Handler(a))
	t.Cleanup(server.Close)
	hc, err := httpx.New(httpx.Config{BaseURL: server.URL, Backoff: time.Millisecond, BreakAfter: 1 << 30})
	require.NoError(t, err)
	t.Cleanup(hc.Close)
	c, err := pivot.Spec().New(provider.Settings{Name: "pivot-id", Credentials: a.Credentials, HTTP: hc, Now: a.Now})
	require.NoError(t, err)
	return c, a
}

func deposit(ref string) corpus.Transaction {
	return corpus.Transaction{
		Kind: payment.Deposit, ID: depositID, Reference: ref, Status: payment.Completed, Amount: idr(150000), Account: "6281200000001",
		CustomerID: customer, SavedMethod: true, Metadata: map[string]string{"orderId": "O1"}, CreatedAt: created, CompletedAt: created.Add(time.Minute),
	}
}

func TestEveryTruthComesBackThroughTheAPI(t *testing.T) {
	t.Parallel()
	settled, fee := idr(149000), idr(4000)
	for name, x := range map[string]corpus.Transaction{
		"completed":  {Status: payment.Completed},
		"less":       {Status: payment.Completed, Settled: &settled, Fee: &fee},
		"failed":     {Status: payment.Failed},
		"cancelled":  {Status: payment.Cancelled},
		"pending":    {Status: payment.Pending},
		"to capture": {Status: payment.Pending, NeedsAction: payment.ActionCapture},
		"to top up":  {Status: payment.Pending, NeedsAction: payment.ActionTopUp},
		"refunded":   {Status: payment.Completed, Refunds: []corpus.Refund{{ID: "r1", Amount: idr(5), Status: payment.Completed}, {ID: "r2", Amount: idr(7), Status: payment.Pending}}},
		"reversed":   {Status: payment.Reversed},
		"rejected":   {Status: payment.Rejected},
		"expired":    {Status: payment.Expired},
	} {
		for _, kind := range []payment.Kind{payment.Deposit, payment.Payout} {
			x.Kind, x.ID, x.Reference, x.Amount, x.CreatedAt, x.CompletedAt = kind, depositID, "REF1", idr(150000), created, created.Add(time.Minute)
			c, _ := against(t, x)
			want := map[payment.Status]payment.Status{payment.Reversed: payment.Completed, payment.Rejected: payment.Failed}[x.Status]
			if kind == payment.Payout { // Pivot has no refunds and no expiry of payouts: the money is back
				want = map[payment.Status]payment.Status{payment.Reversed: payment.Failed, payment.Expired: payment.Failed}[x.Status]
			}
			if want == "" {
				want = x.Status
			}
			for _, q := range []provider.Query{{ProviderPaymentID: x.ID, PaymentID: "p", Reference: "REF1"}, {PaymentID: "p", Reference: "REF1"}, {PaymentID: "REF1"}} {
				q.Kind = kind
				a := c.Status(t.Context(), q)
				require.Equal(t, provider.Found, a.Verdict, "%s %s: %s", name, kind, a.Reason)
				require.Len(t, a.Transactions, 1)
				got := a.Transactions[0]
				assert.Equal(t, want, got.Status, "%s %s", name, kind)
				assert.Equal(t, x.Amount, got.Amount)
				if kind == payment.Deposit && want == payment.Completed {
					refunded := map[string]money.Amount{"refunded": idr(5), "reversed": idr(150000)}[name]
					if refunded.Currency == "" {
						refunded = idr(0)
					}
					assert.Equal(t, refunded, *got.Refunded, name)
					if x.Settled != nil {
						assert.Equal(t, settled, got.Moved())
					}
				}
				if name == "to capture" && kind == payment.Deposit {
					assert.Equal(t, payment.ActionCapture, got.NeedsAction)
				}
				if name == "to top up" && kind == payment.Payout && q.ProviderPaymentID != "" {
					assert.Equal(t, payment.ActionTopUp, got.NeedsAction)
				}
			}
		}
	}
}

func TestTheEndingsOfAReferenceMakeTrouble(t *testing.T) {
	t.Parallel()
	for ending, check := range map[string]func(t *testing.T, c provider.Client, a provider.Answer){
		"-SHORT": func(t *testing.T, _ provider.Client, a provider.Answer) {
			assert.Equal(t, idr(149000), a.Transactions[0].Moved())
		},
		"-GHOST": func(t *testing.T, _ provider.Client, a provider.Answer) { assert.Equal(t, provider.Unknown, a.Verdict) },
		"-META": func(t *testing.T, _ provider.Client, a provider.Answer) {
			assert.NotEqual(t, "O1", a.Transactions[0].Metadata["orderId"])
		},
		"-REFX": func(t *testing.T, _ provider.Client, a provider.Answer) {
			assert.Equal(t, "R-REFX", a.Transactions[0].Reference)
			assert.Contains(t, a.Reason, "noted")
		},
		"-INVEST": func(t *testing.T, _ provider.Client, a provider.Answer) {
			assert.Equal(t, provider.Invalid, a.Verdict)
			assert.Contains(t, a.Reason, "investigation")
		},
		"-429": func(t *testing.T, _ provider.Client, a provider.Answer) { assert.Equal(t, provider.Found, a.Verdict) },
		"-500": func(t *testing.T, _ provider.Client, a provider.Answer) { assert.Equal(t, provider.Found, a.Verdict) },
		"-HTML": func(t *testing.T, _ provider.Client, a provider.Answer) {
			assert.Equal(t, provider.NoAnswer, a.Verdict)
		},
		"-SLOW": func(t *testing.T, c provider.Client, a provider.Answer) {
			for range 3 {
				assert.Equal(t, payment.Pending, a.Transactions[0].Status)
				a = c.Status(t.Context(), provider.Query{Kind: payment.Deposit, ProviderPaymentID: depositID, Reference: "R-SLOW"})
			}
			assert.Equal(t, payment.Completed, a.Transactions[0].Status)
		},
		"-NOTOK": func(t *testing.T, c provider.Client, a provider.Answer) { saved(t, c, a, false) },
		"":       func(t *testing.T, c provider.Client, a provider.Answer) { saved(t, c, a, true) },
	} {
		t.Run("ending "+ending, func(t *testing.T) {
			t.Parallel()
			c, _ := against(t, deposit("R"+ending))
			check(t, c, c.Status(t.Context(), provider.Query{Kind: payment.Deposit, ProviderPaymentID: depositID, Reference: "R" + ending}))
		})
	}
}

func saved(t *testing.T, c provider.Client, a provider.Answer, want bool) {
	t.Helper()
	s, ok := c.(provider.SavedMethods)
	require.True(t, ok)
	require.Len(t, a.Transactions, 1, a.Reason)
	present, checkable, reason := s.SavedMethods(t.Context(), customer, a.Transactions[0])
	assert.True(t, checkable, reason)
	assert.Equal(t, want, present, reason)
}

func TestACardThatWasNotSavedIsMissedBesideOneThatWas(t *testing.T) {
	t.Parallel()
	one, two := deposit("R1"), deposit("R2")
	one.Account, two.Account = "", ""
	two.ID, two.SavedMethod = batchID, false
	c, _ := against(t, one, two)
	for _, x := range []corpus.Transaction{one, two} {
		saved(t, c, c.Status(t.Context(), provider.Query{Kind: payment.Deposit, ProviderPaymentID: x.ID}), x.SavedMethod)
	}
}

func TestTheChargesOfAMultipleSessionAreDepositsOfTheirOwn(t *testing.T) {
	t.Parallel()
	one, two := deposit("STATIC1"), deposit("STATIC1")
	one.RawStatus, two.RawStatus = "ACTIVE", "ACTIVE"
	two.ID, two.Amount, two.CreatedAt = "00000000-0000-4000-8000-000000000002", idr(7), created.Add(time.Hour)
	two.Refunds = []corpus.Refund{{ID: "r1", Amount: idr(2), Status: payment.Completed, CreatedAt: created}}
	c, _ := against(t, one, two)
	for _, q := range []provider.Query{{ProviderPaymentID: depositID}, {Reference: "STATIC1"}, {ProviderPaymentID: two.ID, Reference: "STATIC1"}} {
		q.Kind = payment.Deposit
		a := c.Status(t.Context(), q)
		require.Equal(t, provider.Found, a.Verdict, a.Reason)
		require.Len(t, a.Transactions, 2)
		assert.Equal(t, idr(150000), a.Transactions[0].Amount)
		assert.Equal(t, idr(0), *a.Transactions[0].Refunded)
		assert.Equal(t, two.ID, a.Transactions[1].ID)
		assert.Equal(t, idr(7), a.Transactions[1].Moved())
		assert.Equal(t, idr(2), *a.Transactions[1].Refunded)
	}
}

func TestTheLedgerGivesTheFeesOfBothKinds(t *testing.T) {
	t.Parallel()
	fee := idr(4000)
	in, out := deposit("R1"), deposit("WD-1")
	in.Fee, out.Fee = &fee, &fee
	out.Kind, out.ID = payment.Payout, batchID
	c, _ := against(t, in, out)
	l, ok := c.(provider.Lister)
	require.True(t, ok)
	for kind, id := range map[payment.Kind]string{payment.Deposit: depositID, payment.Payout: batchID} {
		var got []payment.Transaction
		_, err := l.List(t.Context(), provider.ListQuery{Kind: kind, From: created.Add(-time.Hour), To: created.Add(time.Hour), Now: now}, func(p provider.Page) error {
			got = append(got, p.Transactions...)
			return nil
		})
		require.NoError(t, err)
		require.Len(t, got, 1)
		assert.Equal(t, &fee, got[0].Fee, "in the list of %ss", kind)
		a := c.Status(t.Context(), provider.Query{Kind: kind, ProviderPaymentID: id, Reference: map[payment.Kind]string{payment.Deposit: "R1", payment.Payout: "WD-1"}[kind]})
		require.Len(t, a.Transactions, 1, a.Reason)
		assert.Equal(t, &fee, a.Transactions[0].Fee, "by the id of a %s", kind)
	}
}
