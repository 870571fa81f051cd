package state

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"tieout/internal/corpus"
	"tieout/internal/payment"
)

func TestNewestPagesFromTheNewest(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	at := func(n int) time.Time { return start.Add(time.Duration(n) * time.Second) }
	var txs []corpus.Transaction
	for n := range 6 {
		txs = append(txs, corpus.Transaction{Provider: "p", Kind: payment.Payout, ID: fmt.Sprint(n), CreatedAt: at(n), Unlisted: n == 3})
	}
	a := New(corpus.Account{Name: "p"}, txs)
	page := func(from, to time.Time, limit int, without string) (ids string, total int) {
		rows, total := a.Newest(payment.Payout, from, to, limit, func(t *corpus.Transaction) bool { return t.ID != without })
		for _, r := range rows {
			ids += r.ID
		}
		return ids, total
	}
	for _, tc := range []struct {
		from, to time.Time
		limit    int
		without  string
		ids      string
		total    int
	}{
		{time.Time{}, time.Time{}, 10, "", "54210", 5},
		{time.Time{}, time.Time{}, 2, "", "54", 5},
		{at(1), at(5), 10, "", "421", 3},
		{at(1), at(5), 10, "2", "41", 2},
		{at(7), time.Time{}, 10, "", "", 0},
	} {
		ids, total := page(tc.from, tc.to, tc.limit, tc.without)
		assert.Equal(t, tc.ids, ids)
		assert.Equal(t, tc.total, total)
	}

	a.SetHooks(Hooks{RepeatRows: 2})
	ids, _ := page(time.Time{}, time.Time{}, 10, "")
	assert.Equal(t, "5442110", ids, "each second row comes twice")

	a = New(corpus.Account{Name: "p"}, txs)
	a.SetHooks(Hooks{LateRows: 2})
	first, _ := page(time.Time{}, at(2), 10, "")
	assert.Equal(t, "10", first, "only the account's newest come late")
	_, _ = page(time.Time{}, time.Time{}, 10, "")
	third, _ := page(time.Time{}, time.Time{}, 10, "")
	assert.Equal(t, "210", third)
}
