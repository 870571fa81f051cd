package pawapay_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/corpus"
	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
	"tieout/internal/provider/pawapay"
	sandbox "tieout/internal/sandbox/pawapay"
	"tieout/internal/sandbox/state"
)

// The client against the sandbox, over real HTTP.

var now = time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)

func id(n int) string { return fmt.Sprintf("0a3c7d52-9c0f-4a58-8b5f-%012d", n) }

func zmw(minor int64) money.Amount { return money.Amount{Minor: minor, Exp: 2, Currency: "ZMW"} }

func tx(n int, kind payment.Kind, status payment.Status) corpus.Transaction {
	at := time.Date(2026, 3, 11, 8, n%60, 5, 0, time.UTC)
	return corpus.Transaction{
		Provider: "pawapay-zm", Kind: kind, ID: id(n), OwnID: id(n), Reference: fmt.Sprintf("INV-%d", n), Status: status,
		NetworkReference: fmt.Sprintf("99120%d", n), Amount: zmw(int64(1500 + n)), Account: "260763000111",
		Metadata: map[string]string{"orderId": fmt.Sprintf("KB-%d", n)}, CreatedAt: at, CompletedAt: at.Add(20 * time.Second),
	}
}

type memory struct {
	mu     sync.Mutex
	values map[string]string
}

func (m *memory) Get(_ context.Context, key string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.values[key], nil
}

func (m *memory) Set(_ context.Context, key, value string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[key] = value
	return nil
}

type world struct {
	account *state.Account
	client  provider.Client
	orders  atomic.Int32
}

func open(t *testing.T, token string, options map[string]string, txs ...corpus.Transaction) *world {
	t.Helper()
	w := &world{account: state.New(corpus.Account{Name: "pawapay-zm", Type: "pawapay"}, txs)}
	w.account.Credentials = map[string]string{"token": "right"}
	w.account.Now = func() time.Time { return now }
	api := http.StripPrefix("/pawapay-zm", sandbox.Handler(w.account))
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.orders.Add(1)
		}
		api.ServeHTTP(rw, r)
	}))
	t.Cleanup(srv.Close)
	w.account.BaseURL = srv.URL + "/pawapay-zm"
	w.account.ForeignURL = w.account.BaseURL
	hc, err := httpx.New(httpx.Config{BaseURL: w.account.BaseURL, MaxAttempts: 1})
	require.NoError(t, err)
	t.Cleanup(hc.CloseIdleConnections)
	w.client, err = pawapay.Spec().New(provider.Settings{
		Name: "pawapay-zm", BaseURL: w.account.BaseURL, Credentials: map[string]string{"token": token},
		Options: options, HTTP: hc, Now: func() time.Time { return now },
	})
	require.NoError(t, err)
	return w
}

func TestContractEveryStatus(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2", "1"} {
		for _, kind := range []payment.Kind{payment.Deposit, payment.Payout} {
			for n, tc := range []struct {
				truth payment.Status
				want  payment.Status
			}{
				{payment.Pending, payment.Pending},
				{payment.Completed, payment.Completed},
				{payment.Failed, payment.Failed},
				{payment.Cancelled, payment.Cancelled},
				{payment.Expired, payment.Failed},     // no such word at pawaPay
				{payment.Reversed, payment.Completed}, // neither this one
			} {
				t.Run(fmt.Sprintf("v%s %s %s", version, kind, tc.truth), func(t *testing.T) {
					t.Parallel()
					truth := tx(n, kind, tc.truth)
					w := open(t, "right", map[string]string{"api_version": version}, truth)
					a := w.client.Status(context.Background(), provider.Query{Kind: kind, PaymentID: truth.ID})
					require.Equal(t, provider.Found, a.Verdict, a.Reason)
					got := a.Transactions[0]
					assert.Equal(t, tc.want, got.Status)
					assert.Equal(t, truth.ID, got.ID)
					assert.Equal(t, truth.Amount, got.Amount)
					assert.Equal(t, truth.Account, got.Account)
					assert.Equal(t, truth.Metadata, got.Metadata)
					assert.Equal(t, truth.CreatedAt, got.CreatedAt)
					if version == "2" {
						assert.Equal(t, truth.Reference, got.Reference)
					}
					if tc.want == payment.Completed {
						assert.Equal(t, truth.NetworkReference, got.NetworkReference)
					}
					if tc.want == payment.Failed {
						assert.NotEmpty(t, got.FailureCode)
						assert.Equal(t, payment.FailureCustomer, got.FailureGroup)
					}
				})
			}
		}
	}
}

func TestContractWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2", "1"} {
		w := open(t, "right", map[string]string{"api_version": version}, tx(1, payment.Deposit, payment.Completed), tx(2, payment.Deposit, payment.Rejected))
		for name, q := range map[string]provider.Query{
			"an unknown id":                  {Kind: payment.Deposit, PaymentID: id(9)},
			"a deposit asked as a payout":    {Kind: payment.Payout, PaymentID: id(1)},
			"an initiation that was refused": {Kind: payment.Deposit, PaymentID: id(2)},
		} {
			assert.Equal(t, provider.Unknown, w.client.Status(context.Background(), q).Verdict, version+" "+name)
		}
	}
}

func TestContractFaults(t *testing.T) {
	t.Parallel()
	for fault, want := range map[corpus.Fault]provider.Verdict{
		corpus.FaultDown: provider.NoAnswer, corpus.FaultRefused: provider.Refused, corpus.FaultGarbage: provider.NoAnswer,
		corpus.FaultAmount: provider.Invalid, corpus.FaultStatusWord: provider.Invalid,
	} {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			broken := tx(1, payment.Deposit, payment.Completed)
			broken.Fault = fault
			w := open(t, "right", nil, broken, tx(2, payment.Deposit, payment.Completed))
			a := w.client.Status(context.Background(), provider.Query{Kind: payment.Deposit, PaymentID: id(1)})
			assert.Equal(t, want.String(), a.Verdict.String(), a.Reason)
			a = w.client.Status(context.Background(), provider.Query{Kind: payment.Deposit, PaymentID: id(2)})
			assert.Equal(t, provider.Found, a.Verdict, "the fault of one is no fault of another")
		})
	}
}

func TestContractWrongToken(t *testing.T) {
	t.Parallel()
	w := open(t, "wrong", map[string]string{"statement_callback_url": "https://shop.example/x"}, tx(1, payment.Deposit, payment.Completed))
	assert.Equal(t, provider.Refused, w.client.Status(context.Background(), provider.Query{Kind: payment.Deposit, PaymentID: id(1)}).Verdict)
	_, err := w.client.Check(context.Background())
	assert.ErrorContains(t, err, "token")
	_, err = w.client.(provider.Lister).List(context.Background(), provider.ListQuery{Kind: payment.Deposit, From: now.Add(-48 * time.Hour), To: now.Add(-24 * time.Hour)}, nil)
	assert.ErrorContains(t, err, "token")
}

func TestContractCheck(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2", "1"} {
		w := open(t, "right", map[string]string{"api_version": version}, tx(1, payment.Deposit, payment.Completed))
		line, err := w.client.Check(context.Background())
		require.NoError(t, err)
		assert.Contains(t, line, "ZMB (ZMW)")
	}
}

func TestContractRefunds(t *testing.T) {
	t.Parallel()
	truth := tx(1, payment.Deposit, payment.Completed)
	truth.Refunds = []corpus.Refund{
		{ID: id(11), Amount: zmw(300), Status: payment.Completed, CreatedAt: truth.CreatedAt},
		{ID: id(12), Amount: zmw(45), Status: payment.Completed, CreatedAt: truth.CreatedAt},
		{ID: id(13), Amount: zmw(7), Status: payment.Failed, CreatedAt: truth.CreatedAt},
		{ID: id(14), Amount: zmw(8), Status: payment.Pending, CreatedAt: truth.CreatedAt},
	}
	for _, version := range []string{"2", "1"} {
		w := open(t, "right", map[string]string{"api_version": version}, truth)
		q := provider.Query{Kind: payment.Deposit, PaymentID: truth.ID, RefundIDs: []string{id(11), id(12), id(13), id(14), id(15)}}
		a := w.client.Status(context.Background(), q)
		require.Equal(t, provider.Found, a.Verdict, a.Reason)
		require.NotNil(t, a.Transactions[0].Refunded)
		assert.Equal(t, zmw(345), *a.Transactions[0].Refunded)

		later := truth
		later.Refunds = append([]corpus.Refund{{ID: id(15), Amount: zmw(55), Status: payment.Completed, CreatedAt: truth.CreatedAt}}, truth.Refunds...)
		w.account.Put(later)
		a = w.client.Status(context.Background(), q)
		require.Equal(t, provider.Found, a.Verdict, a.Reason)
		assert.Equal(t, zmw(400), *a.Transactions[0].Refunded, "a refund made while the sandbox runs is found")
	}
}

func TestContractStatements(t *testing.T) {
	t.Parallel()
	var truth []corpus.Transaction
	fee := zmw(25)
	for n := range 1300 {
		d := tx(n, payment.Deposit, payment.Completed)
		d.Fee = &fee
		truth = append(truth, d)
	}
	failed, hidden, payout, open1, other := tx(2001, payment.Deposit, payment.Failed), tx(2002, payment.Deposit, payment.Completed),
		tx(2003, payment.Payout, payment.Completed), tx(2004, payment.Deposit, payment.Pending), tx(2005, payment.Deposit, payment.Completed)
	hidden.Fault = corpus.FaultHiddenInList
	other.Amount = money.Amount{Minor: 900, Exp: 0, Currency: "UGX"}
	truth = append(truth, failed, hidden, payout, open1, other)
	w := open(t, "right", map[string]string{"statement_callback_url": "https://shop.example/x", "statement_poll_interval": "1ms"}, truth...)
	q := provider.ListQuery{
		Kind: payment.Deposit, Now: now, Memory: &memory{values: map[string]string{}},
		From: time.Date(2026, 3, 11, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 3, 12, 0, 0, 0, 0, time.UTC),
	}
	list := func() (map[string]payment.Transaction, int, provider.Reach) {
		got, pages := map[string]payment.Transaction{}, 0
		reach, err := w.client.(provider.Lister).List(context.Background(), q, func(p provider.Page) error {
			pages++
			assert.Empty(t, p.Invalid)
			for _, x := range p.Transactions {
				got[x.ID] = x
			}
			return nil
		})
		require.NoError(t, err)
		return got, pages, reach
	}
	got, pages, reach := list()
	assert.True(t, reach.Complete, reach.Why)
	assert.True(t, reach.CompletedOnly)
	assert.Len(t, got, 1301)
	assert.Equal(t, 3, pages, "two pages of one wallet, one of the other")
	first := got[id(7)]
	assert.Equal(t, zmw(1507), first.Amount)
	assert.Equal(t, fee, *first.Fee)
	assert.Equal(t, truth[7].Metadata, first.Metadata)
	assert.Equal(t, truth[7].CreatedAt, first.CreatedAt)
	assert.True(t, first.Partial)
	assert.Equal(t, int64(900), got[id(2005)].Amount.Minor)

	q.Kind = payment.Payout
	got, _, _ = list()
	assert.Len(t, got, 1)
	assert.Nil(t, got[id(2003)].Fee)
	assert.EqualValues(t, 2, w.orders.Load(), "one order a wallet, for both kinds and however often it is read")

	q.From, q.To = q.From.Add(24*time.Hour), q.To.Add(24*time.Hour)
	got, _, reach = list()
	assert.Empty(t, got)
	assert.True(t, reach.Complete)
	assert.EqualValues(t, 4, w.orders.Load())
}

func TestContractAStatementIsOrderedOnceByManyAtATime(t *testing.T) {
	t.Parallel()
	w := open(t, "right", map[string]string{"statement_callback_url": "https://shop.example/x", "statement_poll_interval": "1ms"}, tx(1, payment.Deposit, payment.Completed))
	m := &memory{values: map[string]string{}}
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			kind := []payment.Kind{payment.Deposit, payment.Payout}[n%2]
			seen := 0
			_, err := w.client.(provider.Lister).List(context.Background(), provider.ListQuery{
				Kind: kind, Now: now, Memory: m,
				From: time.Date(2026, 3, 11, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 3, 12, 0, 0, 0, 0, time.UTC),
			}, func(p provider.Page) error { seen += len(p.Transactions); return nil })
			assert.NoError(t, err)
			assert.Equal(t, kind == payment.Deposit, seen == 1)
		})
	}
	wg.Wait()
	assert.EqualValues(t, 1, w.orders.Load())
}
