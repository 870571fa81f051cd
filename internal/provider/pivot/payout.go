package pivot

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"tieout/internal/payment"
	"tieout/internal/provider"
)

// payoutStatus asks for one item: of its batch where the batch's uuid is known,
// by its reference alone otherwise.
func (c *client) payoutStatus(ctx context.Context, q provider.Query) provider.Answer {
	refs := legalReferences(q.Reference, q.PaymentID)
	if len(refs) == 0 {
		return provider.Answer{Verdict: provider.NotAskable, Reason: "a payout has no reference that can exist at Pivot (1 to 100 characters, no blanks)"}
	}
	batch := q.ProviderPaymentID
	if batch == "" {
		batch = c.listedBatch(refs)
	}
	if !isUUID(batch) {
		a := c.itemsByReference(ctx, refs)
		if batch != "" && a.Verdict == provider.Unknown {
			return provider.Answer{Verdict: provider.NotAskable, Reason: "Pivot's ids are uuids: provider_payment_id can't be one of them"}
		}
		return a
	}
	notAskable := 0
	for _, ref := range refs {
		a := c.itemOfBatch(ctx, batch, ref)
		switch a.Verdict {
		case provider.Unknown:
		case provider.NotAskable:
			notAskable++
		default:
			return a
		}
	}
	// The batch doesn't have it: another batch may, under the same reference.
	a := c.itemsByReference(ctx, refs)
	if a.Verdict == provider.Unknown {
		a.Reason = "Pivot does not know the payout, neither in its batch nor by its reference"
	}
	if notAskable == len(refs) && a.Verdict == provider.Unknown {
		a.Verdict = provider.NotAskable
	}
	return a
}

// itemOfBatch gets one item of a batch by its own reference, out of the batch's
// pages, which answer for the others too. What they don't show, or not as it
// must be, is asked for alone.
func (c *client) itemOfBatch(ctx context.Context, batch, ref string) provider.Answer {
	if raw, status := c.batches.item(ctx, batch, ref, c.batchPage); raw != nil {
		if it, f := c.readItem(raw); f == nil && (status != "" || !it.waiting()) {
			if t, f := c.itemTransaction(batch, it, status); f == nil {
				return provider.Answer{Verdict: provider.Found, Transactions: []payment.Transaction{t}}
			}
		}
	}
	return c.itemAlone(ctx, batch, ref)
}

// itemAlone asks for one item of a batch.
func (c *client) itemAlone(ctx context.Context, batch, ref string) provider.Answer {
	e, f := c.get(ctx, "/v1/payouts/"+url.PathEscape(batch), url.Values{"referenceId": {ref}})
	if f != nil {
		return f.answer()
	}
	b, f := c.readBatch(e.Data)
	switch {
	case f != nil:
		return f.answer()
	case b.UUID != "" && !strings.EqualFold(b.UUID, batch):
		return invalid("asked for batch %s, the answer is about %s", batch, slug(b.UUID)).answer()
	case len(b.items) == 0 && b.listed:
		return provider.Answer{Verdict: provider.Unknown, Reason: "the batch has no item with this reference"}
	}
	at := slices.IndexFunc(b.items, func(raw json.RawMessage) bool { return referenceOf(raw) == ref })
	if at < 0 {
		return invalid("asked for one item of batch %s, the answer carries another", batch).answer()
	}
	it, f := c.readItem(b.items[at])
	if f != nil {
		return f.answer()
	}
	status := b.Status
	if it.waiting() && status == "" {
		// The answer about one item hides the batch's status, and only that one
		// tells a parked payout from one on its way.
		if status, f = c.batchStatus(ctx, batch); f != nil {
			return f.answer()
		}
	}
	t, f := c.itemTransaction(batch, it, status)
	if f != nil {
		return f.answer()
	}
	return provider.Answer{Verdict: provider.Found, Transactions: []payment.Transaction{t}}
}

// itemTransaction judges an item of a batch of that status.
func (c *client) itemTransaction(batch string, it item, status string) (payment.Transaction, *failure) {
	t, f := it.transaction(word(status))
	if f != nil {
		return t, f
	}
	t.ID, t.Batched = batch, true
	t.Fee = c.payoutFee(t)
	return t, nil
}

// itemsByReference asks for each reference by itself; the answers carry no
// batch, so the item's reference stands for its id.
func (c *client) itemsByReference(ctx context.Context, refs []string) provider.Answer {
	answers := make([]provider.Answer, 0, len(refs))
	for _, ref := range refs {
		answers = append(answers, c.itemsOf(ctx, ref))
	}
	return merge(answers)
}

func (c *client) itemsOf(ctx context.Context, ref string) provider.Answer {
	if ref == "balance" {
		return provider.Answer{Verdict: provider.NotAskable, Reason: `a payout with the reference "balance" can't be asked for: Pivot reads that as another path`}
	}
	e, f := c.get(ctx, "/v1/payouts/"+url.PathEscape(ref), url.Values{"type": {"single"}})
	if f != nil {
		return f.answer()
	}
	rows, stated := elements(e.Data)
	switch {
	case !stated:
		return noAnswer("Pivot's answer to a payout's reference carries no data").answer()
	case len(rows) == 0:
		return provider.Answer{Verdict: provider.Unknown, Reason: "Pivot has no payout with this reference"}
	}
	a := provider.Answer{Verdict: provider.Found}
	for _, raw := range rows {
		it, f := c.readItem(raw)
		switch {
		case it.ReferenceID != "" && it.ReferenceID != ref:
			return invalid("asked for one payout reference, the answer carries another").answer()
		case f != nil:
			return f.answer()
		}
		t, f := it.transaction("")
		if f != nil {
			return f.answer()
		}
		t.ID = it.ReferenceID
		t.Fee = c.payoutFee(t)
		a.Transactions = append(a.Transactions, t)
	}
	nameApart(a.Transactions)
	return a
}

// nameApart keeps several items of one reference (of several batches, which
// the answer doesn't name) from being taken for one: the oldest keeps the
// reference as its id, the others are numbered in their order.
func nameApart(txs []payment.Transaction) {
	slices.SortStableFunc(txs, func(a, b payment.Transaction) int { return a.CreatedAt.Compare(b.CreatedAt) })
	for i := 1; i < len(txs); i++ {
		txs[i].ID = fmt.Sprintf("%s#%d", txs[i].ID, i+1)
	}
}
