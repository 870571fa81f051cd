package pesaswap_test

import (
	"context"
	"fmt"
	"net/http"
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
	"tieout/internal/provider/pesaswap"
	sandbox "tieout/internal/sandbox/pesaswap"
	"tieout/internal/sandbox/state"
)

var (
	now  = time.Date(2026, 8, 20, 6, 0, 0, 0, time.UTC)
	noon = time.Date(2026, 8, 14, 9, 0, 0, 0, time.UTC)
)

func kes(minor int64) money.Amount { return money.Amount{Minor: minor, Exp: 2, Currency: "KES"} }

func ptr(a money.Amount) *money.Amount { return &a }

// payoutTx and depositTx are completed transactions.
func payoutTx(n int) corpus.Transaction {
	return corpus.Transaction{
		Provider: "pesaswap-ke", Kind: payment.Payout, ID: fmt.Sprintf("payout_%020d", n), Reference: fmt.Sprintf("WD-%d", n),
		NetworkReference: "UHE4K2P9QT", Status: payment.Completed, Amount: kes(125000), Account: "254712000431",
		CustomerID: "cus_wanjiku01", Metadata: map[string]string{"orderId": "7"},
		CreatedAt: noon.Add(time.Duration(n) * time.Second), CompletedAt: noon.Add(time.Duration(n)*time.Second + time.Minute),
	}
}

func depositTx(n int) corpus.Transaction {
	t := payoutTx(n)
	t.Kind, t.ID, t.Reference = payment.Deposit, fmt.Sprintf("pay_%020d", n), fmt.Sprintf("INV-%d", n)
	return t
}

func world(t *testing.T, o sandbox.Options, txs ...corpus.Transaction) (*state.Account, provider.Client) {
	t.Helper()
	a := state.New(corpus.Account{Name: "pesaswap-ke", Type: "pesaswap"}, txs)
	a.Credentials = map[string]string{"api_key": "snd_key"}
	return a, connect(t, sandbox.HandlerWith(a, o), map[string]string{"api_key": "snd_key"})
}

func connect(t *testing.T, h http.Handler, credentials map[string]string) provider.Client {
	t.Helper()
	s := httptest.NewServer(http.StripPrefix("/pesaswap-ke", h))
	t.Cleanup(s.Close)
	transport, err := httpx.New(httpx.Config{BaseURL: s.URL + "/pesaswap-ke", MaxAttempts: 2, Backoff: time.Millisecond, BreakAfter: 1000})
	require.NoError(t, err)
	c, err := pesaswap.Spec().New(provider.Settings{Name: "pesaswap-ke", Credentials: credentials, HTTP: transport, Now: func() time.Time { return now }})
	require.NoError(t, err)
	return c
}

func ask(tx corpus.Transaction) provider.Query {
	return provider.Query{Kind: tx.Kind, PaymentID: "our-id", ProviderPaymentID: tx.ID, Reference: tx.Reference, Amount: tx.Amount, CreatedAt: tx.CreatedAt, Sync: true}
}

func TestContractCompleted(t *testing.T) {
	t.Parallel()
	p, d := payoutTx(1), depositTx(2)
	d.Settled = ptr(kes(120000))
	_, c := world(t, sandbox.Options{}, p, d)

	a := c.Status(t.Context(), ask(p))
	require.Equal(t, provider.Found, a.Verdict, a.Reason)
	assert.Equal(t, payment.Transaction{
		Kind: payment.Payout, ID: p.ID, OwnID: p.ID, Reference: "WD-1", NetworkReference: "UHE4K2P9QT",
		Status: payment.Completed, RawStatus: "success", Amount: kes(125000), Account: "254712000431",
		CustomerID: "cus_wanjiku01", Metadata: map[string]string{"orderId": "7"}, CreatedAt: p.CreatedAt,
	}, a.Transactions[0])

	a = c.Status(t.Context(), ask(d))
	require.Equal(t, provider.Found, a.Verdict, a.Reason)
	assert.Equal(t, payment.Transaction{
		Kind: payment.Deposit, ID: d.ID, OwnID: d.ID, Reference: "INV-2", NetworkReference: "UHE4K2P9QT",
		Status: payment.Completed, RawStatus: "succeeded", Amount: kes(125000), Settled: ptr(kes(120000)), Refunded: ptr(kes(0)),
		Account: "254712000431", CustomerID: "cus_wanjiku01", Metadata: map[string]string{"orderId": "7"},
		CreatedAt: d.CreatedAt, CompletedAt: d.CompletedAt,
	}, a.Transactions[0])
}

func TestContractEachStatusSurvives(t *testing.T) {
	t.Parallel()
	same := map[payment.Status]payment.Status{payment.Rejected: payment.Failed}
	for _, kind := range []payment.Kind{payment.Payout, payment.Deposit} {
		for _, s := range payment.Statuses {
			tx := payoutTx(1)
			if kind == payment.Deposit {
				tx = depositTx(1)
			}
			tx.Status = s
			_, c := world(t, sandbox.Options{}, tx)
			a := c.Status(t.Context(), ask(tx))
			require.Equal(t, provider.Found, a.Verdict, "%s %s: %s", kind, s, a.Reason)
			want := s
			if other, ok := same[s]; ok {
				want = other
			}
			assert.Equal(t, want, a.Transactions[0].Status, "%s", kind)
		}
	}
}

func TestContractActions(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		kind   payment.Kind
		action payment.Action
	}{
		{payment.Payout, payment.ActionFulfil},
		{payment.Payout, payment.ActionConfirm},
		{payment.Payout, payment.ActionMethod},
		{payment.Deposit, payment.ActionCapture},
		{payment.Deposit, payment.ActionReview},
	} {
		tx := payoutTx(1)
		if tc.kind == payment.Deposit {
			tx = depositTx(1)
		}
		tx.Status, tx.NeedsAction = payment.Pending, tc.action
		_, c := world(t, sandbox.Options{}, tx)
		a := c.Status(t.Context(), ask(tx))
		require.Equal(t, provider.Found, a.Verdict, a.Reason)
		assert.Equal(t, tc.action, a.Transactions[0].NeedsAction, "%s", tc.kind)
	}
}

func TestContractVerdicts(t *testing.T) {
	t.Parallel()
	for fault, want := range map[corpus.Fault]provider.Verdict{
		corpus.NoFault: provider.Found, corpus.FaultDown: provider.NoAnswer, corpus.FaultRefused: provider.Refused,
		corpus.FaultGarbage: provider.NoAnswer, corpus.FaultAmount: provider.Invalid, corpus.FaultStatusWord: provider.Invalid,
		corpus.FaultHiddenInList: provider.Found,
	} {
		for _, tx := range []corpus.Transaction{payoutTx(1), depositTx(1)} {
			tx.Fault = fault
			a, c := world(t, sandbox.Options{}, tx)
			got := c.Status(t.Context(), ask(tx))
			assert.Equal(t, want, got.Verdict, "%s %s: %s", tx.Kind, fault, got.Reason)
			if fault == corpus.FaultStatusWord {
				assert.Equal(t, "settling_offline", got.RawStatus)
			}
			gone := ask(tx)
			gone.ProviderPaymentID = "nobody_knows_this"
			assert.Equal(t, provider.Unknown, c.Status(t.Context(), gone).Verdict)

			wrong := connect(t, sandbox.Handler(a), map[string]string{"api_key": "prd_other"})
			assert.Equal(t, provider.Refused, wrong.Status(t.Context(), ask(tx)).Verdict)
			_, err := wrong.Check(t.Context())
			require.Error(t, err)
			profile := connect(t, sandbox.Handler(a), map[string]string{"api_key": "snd_key", "profile_id": "pro_none"})
			assert.Equal(t, provider.Refused, profile.Status(t.Context(), ask(tx)).Verdict)
		}
	}
}

func TestContractRefundsAndDisputes(t *testing.T) {
	t.Parallel()
	d := depositTx(1)
	d.Refunds = []corpus.Refund{
		{ID: "ref_1", Amount: kes(20000), Status: payment.Completed, CreatedAt: noon},
		{ID: "ref_2", Amount: kes(700), Status: payment.Pending, CreatedAt: noon},
		{ID: "ref_3", Amount: kes(90), Status: payment.Failed, CreatedAt: noon},
		{ID: "dp_1", Amount: kes(5000), Status: payment.Completed, CreatedAt: noon},
		{ID: "dp_2", Amount: kes(4000), Status: payment.Pending, CreatedAt: noon},
	}
	for _, old := range []bool{false, true} {
		_, c := world(t, sandbox.Options{Old: old}, d)
		a := c.Status(t.Context(), ask(d))
		require.Equal(t, provider.Found, a.Verdict, a.Reason)
		assert.Equal(t, kes(25000), *a.Transactions[0].Refunded)
		assert.Equal(t, payment.Completed, a.Transactions[0].Status)
	}
}

func TestContractForceSync(t *testing.T) {
	t.Parallel()
	for _, tx := range []corpus.Transaction{payoutTx(1), depositTx(1)} {
		tx.RawStatus = map[payment.Kind]string{payment.Payout: "pending", payment.Deposit: "processing"}[tx.Kind]
		_, c := world(t, sandbox.Options{}, tx)
		plain := ask(tx)
		plain.Sync = false
		assert.Equal(t, payment.Pending, c.Status(t.Context(), plain).Transactions[0].Status)
		assert.Equal(t, payment.Completed, c.Status(t.Context(), ask(tx)).Transactions[0].Status)
		assert.Equal(t, payment.Completed, c.Status(t.Context(), plain).Transactions[0].Status, "what it heard is stored")

		for _, code := range []string{"CE_00", "IR_00", "E99"} {
			tx.Status, tx.RawStatus, tx.FailureCode = payment.Pending, "", code
			_, c = world(t, sandbox.Options{}, tx)
			a := c.Status(t.Context(), ask(tx))
			require.Equal(t, provider.Found, a.Verdict, code)
			assert.Equal(t, payment.Pending, a.Transactions[0].Status, code)
			assert.Empty(t, a.Transactions[0].FailureCode, code)
		}
	}
}

func TestContractConflict(t *testing.T) {
	t.Parallel()
	d := depositTx(1)
	d.Status, d.FailureCode, d.Settled = payment.Pending, "IE_00", ptr(kes(100000))
	_, c := world(t, sandbox.Options{}, d)
	for _, word := range []string{"processing IE_00", "conflicted"} { // the second time the server has stored it
		a := c.Status(t.Context(), ask(d))
		require.Equal(t, provider.Found, a.Verdict, a.Reason)
		assert.Equal(t, word, a.Transactions[0].RawStatus)
		assert.Equal(t, kes(100000), a.Transactions[0].Moved())
		assert.Equal(t, payment.ActionReview, a.Transactions[0].NeedsAction)
	}
}

func TestContractByOwnIdAndReference(t *testing.T) {
	t.Parallel()
	var txs []corpus.Transaction
	for n := range 45 { // three pages of the search, some with two attempts
		tx := payoutTx(n)
		tx.Reference = "SHARED"
		txs = append(txs, tx)
	}
	own := payoutTx(99)
	own.ID = "our-id"
	anonymous := payoutTx(77)
	anonymous.CustomerID, anonymous.Reference = "", "ANON"
	_, c := world(t, sandbox.Options{}, append(txs, anonymous)...)
	q := ask(payoutTx(0))
	q.ProviderPaymentID, q.Reference = "", "SHARED"
	a := c.Status(t.Context(), q)
	require.Equal(t, provider.Found, a.Verdict, a.Reason)
	assert.Len(t, a.Transactions, 45)

	q.Reference = "ANON"
	assert.Equal(t, provider.NotAskable, c.Status(t.Context(), q).Verdict, "the search misses payouts without a customer")
	q.Reference = "NONE"
	assert.Equal(t, provider.NotAskable, c.Status(t.Context(), q).Verdict)
	d := ask(depositTx(1))
	d.ProviderPaymentID = ""
	assert.Equal(t, provider.NotAskable, c.Status(t.Context(), d).Verdict)

	_, c = world(t, sandbox.Options{}, own)
	a = c.Status(t.Context(), q)
	require.Equal(t, provider.Found, a.Verdict, a.Reason)
	assert.Equal(t, "our-id", a.Transactions[0].OwnID)

	_, c = world(t, sandbox.Options{Old: true}, txs...)
	q.Reference = "SHARED"
	assert.Equal(t, provider.NotAskable, c.Status(t.Context(), q).Verdict, "old servers can't search")
}

func listed(t *testing.T, c provider.Client, q provider.ListQuery) (map[string]payment.Transaction, []provider.InvalidRow, provider.Reach) {
	t.Helper()
	got := map[string]payment.Transaction{}
	var invalid []provider.InvalidRow
	reach, err := c.(provider.Lister).List(t.Context(), q, func(p provider.Page) error {
		for _, tx := range p.Transactions {
			got[tx.ID] = tx
		}
		invalid = append(invalid, p.Invalid...)
		return nil
	})
	require.NoError(t, err)
	return got, invalid, reach
}

func TestContractListsOverSeveralPages(t *testing.T) {
	t.Parallel()
	for _, make := range []func(int) corpus.Transaction{payoutTx, depositTx} {
		var txs []corpus.Transaction
		for n := range 350 {
			tx := make(n)
			tx.CreatedAt = noon.Add(time.Duration(n/3) * time.Second).Add(time.Duration(n%3) * 100 * time.Microsecond) // same milliseconds
			txs = append(txs, tx)
		}
		hidden, unlisted, bad := make(1000), make(1001), make(1002)
		hidden.Fault, unlisted.Unlisted, bad.Fault = corpus.FaultHiddenInList, true, corpus.FaultStatusWord
		for _, old := range []bool{false, true} {
			_, c := world(t, sandbox.Options{Old: old}, append(txs, hidden, unlisted, bad)...)
			kind := txs[0].Kind
			got, invalid, reach := listed(t, c, provider.ListQuery{Kind: kind, From: noon, To: noon.Add(time.Hour), Now: now})
			assert.Len(t, got, 350)
			assert.True(t, reach.Complete)
			require.Len(t, invalid, 1)
			assert.Equal(t, bad.ID, invalid[0].ID)
			row := got[txs[5].ID]
			assert.Equal(t, payment.Completed, row.Status)
			assert.Equal(t, kind == payment.Deposit, row.Partial)
			assert.Nil(t, row.Settled)

			got, _, _ = listed(t, c, provider.ListQuery{Kind: kind, From: noon.Add(10 * time.Second), To: noon.Add(20 * time.Second), Now: now})
			assert.Len(t, got, 30, "both edges are exact")
			got, _, reach = listed(t, c, provider.ListQuery{Kind: kind, From: noon.Add(-time.Hour), To: noon, Now: now})
			assert.Empty(t, got)
			assert.True(t, reach.Complete)
		}
	}
}

func TestContractListOfTheRunningDay(t *testing.T) {
	t.Parallel()
	tx := payoutTx(1)
	tx.CreatedAt = now.Add(-time.Second)
	_, c := world(t, sandbox.Options{}, tx)
	got, _, reach := listed(t, c, provider.ListQuery{Kind: payment.Payout, From: now.Add(-time.Hour), To: now.Add(time.Hour), Now: now})
	assert.Len(t, got, 1)
	assert.True(t, reach.Complete)
}

func TestContractListWhoseRowsMoveAndRepeat(t *testing.T) {
	t.Parallel()
	var txs []corpus.Transaction
	for n := range 350 {
		tx := payoutTx(n)
		tx.CreatedAt = now.Add(-time.Duration(350-n) * time.Second)
		txs = append(txs, tx)
	}
	a, c := world(t, sandbox.Options{}, txs...)
	a.SetHooks(state.Hooks{RepeatRows: 7, LateRows: 5})
	got, _, reach := listed(t, c, provider.ListQuery{Kind: payment.Payout, From: now.Add(-time.Hour), To: now.Add(time.Hour), Now: now})
	assert.Len(t, got, 350)
	assert.True(t, reach.Complete)
}

func TestContractConflictInAList(t *testing.T) {
	t.Parallel()
	with, without := depositTx(1), depositTx(2)
	with.Status, with.RawStatus, with.Settled = payment.Pending, "conflicted", ptr(kes(1))
	without.Status, without.RawStatus = payment.Pending, "conflicted"
	_, c := world(t, sandbox.Options{}, with, without)
	got, invalid, _ := listed(t, c, provider.ListQuery{Kind: payment.Deposit, From: noon, To: noon.Add(time.Hour), Now: now})
	require.Len(t, got, 1)
	assert.Equal(t, kes(1), got[with.ID].Moved())
	require.Len(t, invalid, 1)
	assert.Equal(t, without.ID, invalid[0].ID)
}

func TestContractSavedMethods(t *testing.T) {
	t.Parallel()
	saved, unsaved, mpesa, paid := depositTx(1), depositTx(2), depositTx(3), payoutTx(4)
	saved.SavedMethod, paid.SavedMethod = true, true
	unsaved.Account = ""
	_, c := world(t, sandbox.Options{}, saved, unsaved, mpesa, paid)
	check := func(tx corpus.Transaction) (bool, bool) {
		a := c.Status(context.Background(), ask(tx))
		require.Equal(t, provider.Found, a.Verdict, a.Reason)
		present, checkable, _ := c.(provider.SavedMethods).SavedMethods(t.Context(), tx.CustomerID, a.Transactions[0])
		return present, checkable
	}
	for name, tc := range map[string]struct {
		tx                 corpus.Transaction
		present, checkable bool
	}{
		"deposit by card": {saved, true, true}, "nothing saved": {unsaved, false, true},
		"M-Pesa": {mpesa, false, false}, "recurring payout": {paid, true, true},
	} {
		present, checkable := check(tc.tx)
		assert.Equal(t, tc.present, present, name)
		assert.Equal(t, tc.checkable, checkable, name)
	}
}

func TestContractCheck(t *testing.T) {
	t.Parallel()
	a, c := world(t, sandbox.Options{})
	line, err := c.Check(t.Context())
	require.NoError(t, err)
	assert.Contains(t, line, "accepts the key")
	a.Credentials["profile_id"] = "pro_1"
	line, err = connect(t, sandbox.Handler(a), map[string]string{"api_key": "snd_key", "profile_id": "pro_1"}).Check(t.Context())
	require.NoError(t, err)
	assert.Contains(t, line, "pro_1")
}

func TestContractMinorUnitsOfEveryExponent(t *testing.T) {
	t.Parallel()
	for _, currency := range []string{"KES", "UGX", "KWD", "CLF", "MGA", "IRR", "ISK"} {
		exp, ok := money.Exponent(currency)
		require.True(t, ok)
		tx := payoutTx(1)
		tx.Amount = money.Amount{Minor: 120000, Exp: exp, Currency: currency}
		_, c := world(t, sandbox.Options{}, tx)
		a := c.Status(t.Context(), ask(tx))
		require.Equal(t, provider.Found, a.Verdict, "%s: %s", currency, a.Reason)
		assert.Equal(t, tx.Amount, a.Transactions[0].Amount)
	}
}

// What a list has shown open is force-synced at once, in one call; a failing
// sync costs a second one, and the plain answer stands.
func TestContractOneCallForWhatAListShowedOpen(t *testing.T) {
	t.Parallel()
	moved, stuck, conflicting := payoutTx(1), payoutTx(2), depositTx(3)
	moved.RawStatus = "initiated"
	stuck.Status, stuck.FailureCode = payment.Pending, "CE_00"
	conflicting.Status, conflicting.FailureCode, conflicting.Settled = payment.Pending, "IE_00", ptr(kes(120000))
	a := state.New(corpus.Account{Name: "pesaswap-ke", Type: "pesaswap"}, []corpus.Transaction{moved, stuck, conflicting})
	a.Credentials = map[string]string{"api_key": "k"}
	api := sandbox.Handler(a)
	calls := 0
	c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		api.ServeHTTP(w, r)
	}), map[string]string{"api_key": "k"})
	var shown []provider.Listed
	for _, kind := range []payment.Kind{payment.Payout, payment.Deposit} {
		_, err := c.(provider.Lister).List(t.Context(), provider.ListQuery{Kind: kind, From: noon.Add(-time.Hour), To: noon.Add(time.Hour), Now: now},
			func(p provider.Page) error {
				for _, tx := range p.Transactions {
					shown = append(shown, provider.Listed{ID: tx.ID, Reference: tx.Reference, RawStatus: tx.RawStatus})
				}
				return nil
			})
		require.NoError(t, err)
	}
	for _, tc := range []struct {
		tx    corpus.Transaction
		want  payment.Status
		raw   string
		calls int
	}{
		{moved, payment.Completed, "success", 1},
		{stuck, payment.Pending, "pending", 2},
		{conflicting, payment.Pending, "conflicted IE_00", 2},
	} {
		calls = 0
		q := ask(tc.tx)
		q.Listed = shown
		got := c.Status(t.Context(), q)
		require.Equal(t, provider.Found, got.Verdict, got.Reason)
		assert.Equal(t, tc.want, got.Transactions[0].Status, tc.tx.ID)
		assert.Equal(t, tc.raw, got.Transactions[0].RawStatus, tc.tx.ID)
		assert.Equal(t, tc.calls, calls, tc.tx.ID)
	}
}
