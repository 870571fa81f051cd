package pivot

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
)

// failureKeep is how long a list of refunds that could not be had is not asked
// for again.
const failureKeep = 30 * time.Second

type refundDTO struct {
	ID             string     `json:"id"`
	SessionID      string     `json:"paymentSessionId"`
	ChargeID       string     `json:"chargeId"`
	Amount         *amountDTO `json:"amount"`
	CapturedAmount *amountDTO `json:"capturedAmount"`
	IsFullAmount   bool       `json:"isFullAmount"`
	Status         string     `json:"status"`
}

// refund is one refund that moved money, or whose record can't be read.
type refund struct {
	charge   string
	amount   money.Amount
	readable bool
}

// refundBook holds all refunds of the account by session.
type refundBook struct {
	bySession map[string][]refund
	// gaps: some refund could not be assigned, so none can be said to be without.
	gaps bool
}

// refundCache shares one reading of all refunds among the workers.
type refundCache struct {
	keep   time.Duration
	flight flight[*refundBook]

	mu    sync.Mutex
	book  *refundBook // nil with a future until: could not be had
	until time.Time
}

func (r *refundCache) held(now time.Time) (*refundBook, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.book, now.Before(r.until)
}

// addRefunds fills Refunded of completed deposits; it stays nil where the
// refunds can't be had.
func (c *client) addRefunds(ctx context.Context, s session, txs []payment.Transaction) {
	for i := range txs {
		if txs[i].Status != payment.Completed || txs[i].Partial {
			continue
		}
		if book := c.refundBook(ctx); book != nil {
			txs[i].Refunded = book.of(s, txs[i])
		}
	}
}

// refundBook gives all refunds, or nil when they can't be had now.
func (c *client) refundBook(ctx context.Context) *refundBook {
	r := &c.refunds
	if book, ok := r.held(c.Now()); ok {
		return book
	}
	book, _ := r.flight.do(ctx, func(ctx context.Context) (*refundBook, *failure) {
		if book, ok := r.held(c.Now()); ok {
			return book, nil
		}
		book, f := c.loadRefunds(ctx)
		if f != nil && ctx.Err() != nil {
			return nil, f
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.book, r.until = book, c.Now().Add(r.keep)
		if f != nil && f.verdict == provider.NoAnswer {
			r.until = c.Now().Add(min(r.keep, failureKeep))
		}
		return book, f
	})
	return book
}

func (c *client) loadRefunds(ctx context.Context) (*refundBook, *failure) {
	book := &refundBook{bySession: map[string][]refund{}}
	seen := map[digest]bool{}
	each := func(rows []json.RawMessage) bool {
		for _, raw := range rows {
			c.bookRefund(book, seen, raw)
		}
		return true
	}
	got, f := c.whole(ctx, "/v1/refunds", each, func() int { return len(seen) })
	switch {
	case f != nil && f.verdict == provider.Unknown:
		return book, nil // the account has no refunds
	case f != nil:
		return nil, f
	case !got.complete:
		return nil, noAnswer("Pivot's refunds could not be read to the end: %s", got.why)
	}
	return book, nil
}

// bookRefund takes one row: only SUCCESS moved money, and a row that can't be
// read makes its session's refunds unknown, not zero.
func (c *client) bookRefund(book *refundBook, seen map[digest]bool, raw json.RawMessage) {
	var d refundDTO
	bad := decode(raw, &d) != nil || d.ID == "" || d.SessionID == ""
	name := d.ID
	if name == "" {
		name = string(raw)
	}
	id := digestOf(name)
	if seen[id] {
		return
	}
	seen[id] = true
	if bad {
		book.gaps = true
		return
	}
	r := refund{charge: d.ChargeID}
	switch word(d.Status) {
	case "PENDING", "WAITING_BANK_TRANSFER", "FAILED", "CANCELLED":
		return
	case "SUCCESS":
		amount := d.Amount
		if amount == nil && d.IsFullAmount {
			amount = d.CapturedAmount
		}
		v, f := c.amount("amount", amount, unsigned)
		r.amount, r.readable = v, f == nil
	}
	key := strings.ToLower(d.SessionID)
	book.bySession[key] = append(book.bySession[key], r)
}

// of adds up what went back on a transaction of a session; nil where that
// can't be told.
func (b *refundBook) of(s session, t payment.Transaction) *money.Amount {
	sum := money.Amount{Exp: t.Amount.Exp, Currency: t.Amount.Currency}
	refunds := b.bySession[strings.ToLower(s.ID)]
	if len(refunds) == 0 && b.gaps {
		return nil
	}
	for _, r := range refunds {
		if s.multiple && r.charge != "" && !strings.EqualFold(r.charge, t.ID) {
			continue
		}
		if !r.readable || s.multiple && r.charge == "" {
			return nil
		}
		var err error
		if sum, err = sum.Add(r.amount); err != nil {
			return nil
		}
	}
	return &sum
}
