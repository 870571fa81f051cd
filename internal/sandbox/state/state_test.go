package state_test

import (
	"fmt"
	"testing"
	"time"

	"tieout/internal/corpus"
	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/sandbox/state"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// account holds n deposits, one a minute, entered newest first.
func account(n int) *state.Account {
	var txs []corpus.Transaction
	for i := n - 1; i >= 0; i-- {
		txs = append(txs, corpus.Transaction{
			Provider: "a", Kind: payment.Deposit, ID: fmt.Sprint("id", i), Reference: fmt.Sprint("ref", i), OwnID: fmt.Sprint("own", i),
			Amount: money.Amount{Minor: 100, Exp: 2, Currency: "KES"}, CreatedAt: noon.Add(time.Duration(i) * time.Minute),
		})
	}
	txs = append(txs, corpus.Transaction{Provider: "b", Kind: payment.Deposit, ID: "foreign", CreatedAt: noon})
	return state.New(corpus.Account{Name: "a"}, txs)
}

func ids(list []corpus.Transaction) (out []string) {
	for _, t := range list {
		out = append(out, t.ID)
	}
	return out
}

func TestBetweenGivesTheRangeOldestFirst(t *testing.T) {
	t.Parallel()
	a := account(5)
	for _, c := range []struct {
		from, to time.Time
		want     string
	}{
		{time.Time{}, time.Time{}, "[id0 id1 id2 id3 id4]"},
		{noon.Add(time.Minute), noon.Add(3 * time.Minute), "[id1 id2]"},
		{noon.Add(time.Hour), noon, "[]"},
		{noon.Add(4 * time.Minute), time.Time{}, "[id4]"},
	} {
		if got := fmt.Sprint(ids(a.Between(payment.Deposit, c.from, c.to))); got != c.want {
			t.Errorf("from %s to %s: %s, want %s", c.from, c.to, got, c.want)
		}
	}
	if got := a.Between(payment.Payout, time.Time{}, time.Time{}); len(got) != 0 {
		t.Errorf("payouts %v", ids(got))
	}
}

func TestUnlistedIsFoundByIDAndInNoList(t *testing.T) {
	t.Parallel()
	a := account(2)
	hidden := a.ByID(payment.Deposit, "id1")[0]
	hidden.Unlisted = true
	a.Put(hidden)
	if got := ids(a.Between(payment.Deposit, time.Time{}, time.Time{})); fmt.Sprint(got) != "[id0]" {
		t.Errorf("listed %v", got)
	}
	if len(a.ByID(payment.Deposit, "id1")) != 1 || len(a.All(payment.Deposit)) != 2 {
		t.Error("gone altogether")
	}
}

func TestHooksRepeatAndHoldBackRows(t *testing.T) {
	t.Parallel()
	a := account(4)
	a.SetHooks(state.Hooks{RepeatRows: 2, LateRows: 1})
	first := fmt.Sprint(ids(a.Between(payment.Deposit, time.Time{}, time.Time{})))
	second := fmt.Sprint(ids(a.Between(payment.Deposit, time.Time{}, time.Time{})))
	if first != "[id0 id1 id1 id2]" || second != "[id0 id1 id1 id2 id3 id3]" {
		t.Errorf("%s, then %s", first, second)
	}
}

func TestRemoveForgetsByEveryKey(t *testing.T) {
	t.Parallel()
	a := account(3)
	if !a.Remove(payment.Deposit, "id1", "ref1") || a.Remove(payment.Deposit, "id1", "ref1") || a.Remove(payment.Payout, "id2", "ref2") {
		t.Error("Remove does not tell whether there was one")
	}
	for name, left := range map[string][]corpus.Transaction{
		"id": a.ByID(payment.Deposit, "id1"), "reference": a.ByReference(payment.Deposit, "ref1"), "own id": a.ByReference(payment.Deposit, "own1"),
	} {
		if len(left) > 0 {
			t.Errorf("still there by %s", name)
		}
	}
	if got := fmt.Sprint(ids(a.Between(payment.Deposit, time.Time{}, time.Time{}))); got != "[id0 id2]" {
		t.Errorf("left %s", got)
	}
}

func TestReplaceStartsAnew(t *testing.T) {
	t.Parallel()
	a := account(3)
	a.Asked("x")
	a.Replace([]corpus.Transaction{{Provider: "a", Kind: payment.Deposit, ID: "new"}, {Provider: "b", Kind: payment.Deposit, ID: "foreign"}})
	if got := fmt.Sprint(ids(a.All(payment.Deposit))); got != "[new]" || a.Asked("x") != 1 || len(a.ByReference(payment.Deposit, "ref1")) > 0 {
		t.Errorf("left %s", got)
	}
}

func TestCopiesDoNotChangeTheTruth(t *testing.T) {
	t.Parallel()
	a := account(1)
	a.Between(payment.Deposit, time.Time{}, time.Time{})[0].Status = payment.Failed
	if a.ByID(payment.Deposit, "id0")[0].Status == payment.Failed {
		t.Error("changed from outside")
	}
}
