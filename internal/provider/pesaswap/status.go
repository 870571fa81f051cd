package pesaswap

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"time"

	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
	"tieout/internal/provider/jsonkeys"
)

// Status asks by the provider's id; without one for what the list has shown
// with the payment's reference, then by our own id, which the merchant may have
// chosen as PesaSwap's, and for payouts by a search for the reference.
func (c *client) Status(ctx context.Context, q provider.Query) provider.Answer {
	if !q.Kind.Valid() {
		return notAskable("PesaSwap knows payouts and deposits only")
	}
	if q.ProviderPaymentID != "" {
		if !askable(q.ProviderPaymentID) {
			return notAskable("this provider_payment_id can't exist at PesaSwap: its ids have 1 to 64 letters, digits, _ or -")
		}
		return c.ask(ctx, q, q.ProviderPaymentID)
	}
	ids := c.unread.with(q)
	own := false
	for _, l := range q.Listed {
		own = own || l.ID == q.PaymentID
		if l.Reference == q.Reference && q.Reference != "" && !slices.Contains(ids, l.ID) {
			ids = append(ids, l.ID)
		}
	}
	if !own && len(ids) > 0 && len(ids) <= fewShare {
		return c.each(ctx, q, ids)
	}
	if askable(q.PaymentID) {
		// Unknown means here only that our id is not PesaSwap's.
		if a := c.ask(ctx, q, q.PaymentID); a.Verdict != provider.Unknown {
			return a
		}
	}
	switch {
	case q.Kind == payment.Deposit:
		return notAskable("no provider_payment_id is known, and PesaSwap has no payment under our own id: only its list can find this deposit")
	case q.ListComplete:
		return notAskable("no provider_payment_id is known, PesaSwap has no payout under our own id, and its list shows none with this reference")
	}
	return c.byReference(ctx, q)
}

func notAskable(reason string) provider.Answer {
	return provider.Answer{Verdict: provider.NotAskable, Reason: reason}
}

// ask retrieves one object as PesaSwap holds it, and lets PesaSwap ask its
// connector where that can change anything: at once, where a list has shown the
// object open, so that it costs one call.
func (c *client) ask(ctx context.Context, q provider.Query, id string) provider.Answer {
	if !shownOpen(q, id) || !q.Sync || !c.oldEnough(q.CreatedAt) {
		r, a := c.retrieve(ctx, q, id)
		if a.Verdict != provider.Found || !c.worthSync(q, r) {
			return a
		}
		resp, ok := c.forceSync(ctx, q, id)
		return c.better(resp, ok, q, id, r, a)
	}
	resp, ok := c.forceSync(ctx, q, id)
	if ok && readError(resp).code != codeIntegrity { // that is no object, and judged beside one
		if _, a := c.read(resp, q, id); a.Verdict == provider.Found || a.Verdict == provider.Invalid {
			return a
		}
	}
	r, a := c.retrieve(ctx, q, id)
	if a.Verdict != provider.Found {
		return a
	}
	return c.better(resp, ok, q, id, r, a)
}

// fewShare bounds how many objects with one reference are retrieved for a
// payment: what more carry names none of them.
const fewShare = 10

// shownOpen tells whether a list has shown the object in a status in which a
// force sync is not ignored.
func shownOpen(q provider.Query, id string) bool {
	return slices.ContainsFunc(q.Listed, func(l provider.Listed) bool { return l.ID == id && syncWords[q.Kind][l.RawStatus] })
}

// retrieve makes the plain call. attempts are asked for because they show what
// the status hides; older servers leave them out.
func (c *client) retrieve(ctx context.Context, q provider.Query, id string) (record, provider.Answer) {
	resp, err := c.get(ctx, objectPath(q.Kind, id), url.Values{"expand_attempts": {"true"}})
	if err != nil {
		return record{}, silence(err)
	}
	return c.read(resp, q, id)
}

// read judges an answer about one object.
func (c *client) read(resp httpx.Response, q provider.Query, id string) (record, provider.Answer) {
	o, e, err := readAnswer(resp)
	switch {
	case e != nil && e.code == codeIntegrity:
		return c.integrity(q, id, *e)
	case e != nil:
		return record{}, e.judge()
	case errors.Is(err, errSyntax):
		return record{}, provider.Answer{Reason: "PesaSwap's answer can't be read: " + err.Error() + "; nothing is known"}
	case err != nil:
		return record{}, invalid(err)
	}
	if name := jsonkeys.Twice(resp.Body); name != "" {
		return record{}, invalid(standsTwice(name))
	}
	r, err := c.decode.object(q.Kind, o, false, q.Amount.Currency)
	if r.tx.ID != "" && r.tx.ID != id {
		return record{}, invalid(flawed("the answer is about %s, another payment than was asked for", clip(r.tx.ID)))
	}
	if err == nil && r.word == wordConflicted {
		err = c.decode.conflicted(&r)
	}
	if err != nil {
		return record{}, invalid(err)
	}
	return r, found(r)
}

// integrity judges an integrity failure that came instead of an object.
func (c *client) integrity(q provider.Query, id string, e apiError) (record, provider.Answer) {
	f, _ := readFigures(e.message)
	r, ok := c.decode.asked(q.Kind, id, q.Amount, f)
	if ok {
		f, ok = c.decode.apply(&r, e.message)
	}
	if !ok {
		return record{}, invalid(&flaw{reason: conflictReason(f), rawStatus: codeIntegrity})
	}
	r.tx.NetworkReference = e.transaction
	return r, found(r)
}

func found(r record) provider.Answer {
	a := provider.Answer{Verdict: provider.Found, Transactions: []payment.Transaction{r.tx}}
	if r.centsDropped() {
		a.Reason = payment.Noted + "M-Pesa moves whole shillings, and dropped the cents of what was asked for"
	}
	return a
}

func invalid(err error) provider.Answer {
	a := provider.Answer{Verdict: provider.Invalid, Reason: err.Error()}
	var f *flaw
	if errors.As(err, &f) {
		a.RawStatus = f.rawStatus
	}
	return a
}

// worthSync tells whether a force sync may be made and is not ignored. The
// server itself polls its connectors for about half an hour.
func (c *client) worthSync(q provider.Query, r record) bool {
	created := q.CreatedAt
	if created.IsZero() {
		created = r.tx.CreatedAt
	}
	return q.Sync && syncWords[q.Kind][r.word] && c.oldEnough(created)
}

func (c *client) oldEnough(created time.Time) bool {
	return !created.IsZero() && c.now().Sub(created) >= c.syncAfter
}

// forceSync makes PesaSwap ask its connector. ok is false where it gave no
// complete response. It is not retried, because connectors that can't report
// fail every time, and never made twice at once for one payment, because the
// server locks it.
func (c *client) forceSync(ctx context.Context, q provider.Query, id string) (resp httpx.Response, ok bool) {
	key := objectKey(q.Kind, id)
	if _, busy := c.syncing.LoadOrStore(key, true); busy {
		return resp, false
	}
	defer c.syncing.Delete(key)
	select {
	case c.syncSlots <- struct{}{}:
		defer func() { <-c.syncSlots }()
	case <-ctx.Done():
		return resp, false
	}
	resp, err := c.http.Do(ctx, httpx.Request{
		Path:    objectPath(q.Kind, id),
		Query:   url.Values{"force_sync": {"true"}, "expand_attempts": {"true"}},
		Header:  c.header,
		Timeout: c.syncTimeout,
		NoRetry: true,
	})
	return resp, err == nil
}

// better gives what the response of a force sync says beside the plain answer,
// and the plain answer where that is nothing.
func (c *client) better(resp httpx.Response, ok bool, q provider.Query, id string, plain record, a provider.Answer) provider.Answer {
	if !ok {
		return a
	}
	if e := readError(resp); e.code == codeIntegrity {
		r := plain
		r.tx.NetworkReference = firstOf(r.tx.NetworkReference, e.transaction)
		f, ok := c.decode.apply(&r, e.message)
		if !ok {
			return invalid(&flaw{reason: conflictReason(f), rawStatus: codeIntegrity})
		}
		r.tx.RawStatus += " " + codeIntegrity
		return found(r)
	}
	if _, synced := c.read(resp, q, id); synced.Verdict == provider.Found || synced.Verdict == provider.Invalid {
		return synced
	}
	return a
}
