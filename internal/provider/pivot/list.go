package pivot

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"tieout/internal/payment"
	"tieout/internal/provider"
)

// List shows the deposits of a range by reading all sessions (there is no date
// filter and no documented order), or its payouts as far as the balance history
// tells of them (there is no list of payouts).
func (c *client) List(ctx context.Context, q provider.ListQuery, page func(provider.Page) error) (provider.Reach, error) {
	if q.Now.IsZero() {
		q.Now = c.Now()
	}
	switch q.Kind {
	case payment.Deposit:
		return c.listDeposits(ctx, q, page)
	case payment.Payout:
		return c.listPayouts(ctx, q, page)
	default:
		return provider.Reach{}, fmt.Errorf("pivot: list: unknown kind %q", q.Kind)
	}
}

// depositScan is one reading of all sessions.
type depositScan struct {
	c       *client
	q       provider.ListQuery
	seen    map[digest]bool
	reasons []string // why the list is not complete
}

func (c *client) listDeposits(ctx context.Context, q provider.ListQuery, page func(provider.Page) error) (provider.Reach, error) {
	c.loadDepositFees(ctx, q)
	scan := &depositScan{c: c, q: q, seen: map[digest]bool{}}
	var pageErr error
	each := func(rows []json.RawMessage) bool {
		p := scan.page(ctx, rows)
		if len(p.Transactions)+len(p.Invalid) > 0 {
			pageErr = page(p)
		}
		return pageErr == nil
	}
	got, f := c.whole(ctx, "/v2/payments", each, func() int { return len(scan.seen) })
	switch {
	case pageErr != nil:
		return provider.Reach{}, pageErr
	case ctx.Err() != nil:
		return provider.Reach{}, fmt.Errorf("pivot: list deposits: %w", ctx.Err())
	case f != nil && f.verdict != provider.Unknown:
		return provider.Reach{}, fmt.Errorf("pivot: list deposits: %s", f.reason)
	}
	if f == nil && !got.complete {
		scan.reasons = append(scan.reasons, got.why)
	}
	return provider.Reach{Complete: len(scan.reasons) == 0, Why: strings.Join(scan.reasons, "; ")}, nil
}

// page turns the rows of one page into those of the range.
func (d *depositScan) page(ctx context.Context, rows []json.RawMessage) provider.Page {
	var p provider.Page
	for _, raw := range rows {
		s, f := d.c.readSession(raw)
		if s.ID == "" {
			d.reason("a session without an id was shown")
		} else if id := digestOf(s.ID); d.seen[id] {
			continue
		} else {
			d.seen[id] = true
		}
		if d.outside(s) {
			continue
		}
		var txs []payment.Transaction
		if f == nil {
			txs, f = d.judge(ctx, s)
		}
		switch {
		case f == nil:
			d.c.addRefunds(ctx, s, txs)
			d.c.addFees(s, txs)
		case f.verdict == provider.Invalid:
			p.Invalid = append(p.Invalid, provider.InvalidRow{ID: s.ID, Reference: s.ClientReferenceID, Reason: f.reason})
		default:
			d.reason("the charges of a session could not be read: " + f.reason)
		}
		for _, t := range txs {
			if !t.CreatedAt.Before(d.q.From) && t.CreatedAt.Before(d.q.To) {
				p.Transactions = append(p.Transactions, t)
			}
		}
	}
	return p
}

func (d *depositScan) reason(why string) {
	for _, r := range d.reasons {
		if r == why {
			return
		}
	}
	d.reasons = append(d.reasons, why)
}

// judge takes a SINGLE session as the row shows it; the charges of a MULTIPLE
// one, made at any time after it, have to be fetched.
func (d *depositScan) judge(ctx context.Context, s session) ([]payment.Transaction, *failure) {
	if s.multiple {
		return d.c.transactions(ctx, s)
	}
	return judge(s)
}

// outside tells whether nothing of the session can belong to the range. A row
// that hides its time can't be left out.
func (d *depositScan) outside(s session) bool {
	switch {
	case s.created.IsZero():
		return false
	case !s.created.Before(d.q.To):
		return true
	case !s.created.Before(d.q.From):
		return false
	case !s.multiple:
		return true
	default: // an older instrument may have been paid in the range, unless it was closed before
		return !openSession[s.status] && !s.updated.IsZero() && s.updated.Before(d.q.From)
	}
}

// payoutTypes are the ledger's words for single and batched payouts.
var payoutTypes = []string{"DISBURSEMENT", "BULK_DISBURSEMENT"}

const payoutsWhy = "Pivot has no list of payouts; its balance history shows payouts that moved money, by the time of booking"

func (c *client) listPayouts(ctx context.Context, q provider.ListQuery, page func(provider.Page) error) (provider.Reach, error) {
	l := newPayoutLedger()
	for _, accountType := range payoutTypes {
		_, f := c.ledger(ctx, q.From, q.To, q.Now, accountType, func(entries []ledgerEntry) bool {
			for _, r := range entries {
				l.add(q, r.ledgerRow, r.fault)
			}
			return true
		})
		switch {
		case ctx.Err() != nil:
			return provider.Reach{}, fmt.Errorf("pivot: list payouts: %w", ctx.Err())
		case f != nil:
			return provider.Reach{}, fmt.Errorf("pivot: list payouts: %s", f.reason)
		}
	}
	txs := l.transactions()
	known := c.ledgerNamesBatches(ctx, txs)
	c.mu.Lock()
	c.payoutFees, c.payoutIDs = l.fees, map[string]string{}
	if known {
		c.payoutIDs = l.batches
	}
	c.mu.Unlock()
	if ctx.Err() != nil {
		return provider.Reach{}, fmt.Errorf("pivot: list payouts: %w", ctx.Err())
	}
	reach := provider.Reach{CompletedOnly: true, Why: payoutsWhy}
	if !known {
		// Rows under another id than a status answer gives would be taken for
		// second payouts.
		txs, reach.Why = nil, "Pivot's balance history does not name payouts by their batch, so none can be listed"
	}
	return reach, deliver(txs, l.invalid, page)
}

// deliver hands out what was gathered, a thousand rows at a time.
func deliver(txs []payment.Transaction, bad []provider.InvalidRow, page func(provider.Page) error) error {
	const most = 1000
	for len(txs)+len(bad) > 0 {
		n, m := min(len(txs), most), min(len(bad), most)
		if err := page(provider.Page{Transactions: txs[:n:n], Invalid: bad[:m:m]}); err != nil {
			return err
		}
		txs, bad = txs[n:], bad[m:]
	}
	return nil
}

// ledgerNamesBatches finds out what the documentation leaves open: whether a
// row's transactionId and referenceId are a batch's uuid and an item's
// reference. A few rows are asked for; one that is found proves it.
func (c *client) ledgerNamesBatches(ctx context.Context, txs []payment.Transaction) bool {
	const tries = 3
	for i := range min(len(txs), tries) {
		if c.itemOfBatch(ctx, txs[i].ID, txs[i].Reference).Verdict == provider.Found {
			return true
		}
	}
	return len(txs) == 0
}

// listedBatch gives the batch of a payout that the ledger showed under one of
// the references.
func (c *client) listedBatch(refs []string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, ref := range refs {
		if id := c.payoutIDs[ref]; id != "" {
			return id
		}
	}
	return ""
}
