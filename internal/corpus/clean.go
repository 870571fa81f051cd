package corpus

import (
	"time"

	"tieout/internal/money"
	"tieout/internal/payment"
)

// clean adds one or, where room allows, several payments that differ from
// nothing, however misleading some of them look.
func (g *generator) clean(room int) {
	a := pick(g.r, g.accounts)
	k := payment.Deposit
	if g.r.chance(400) {
		k = payment.Payout
	}
	if g.r.chance(60) && g.misleading(a, k, room) {
		return
	}
	if g.r.chance(120) && g.notMoved(a, k) {
		return
	}
	p, ok := g.sent(a, k, anyAge)
	if !ok {
		return
	}
	t := g.truth(a, &p)
	switch n := g.r.n(100); {
	case n < 52: // outstanding with us, done at the provider: what a run is for
		if n < 3 {
			p.Status = payment.Created
		}
	case n < 88:
		settle(&p, payment.Completed)
	case n < 93: // failed on both sides, or with us still open
		ended(a, &t, g.failure(a, k))
		if n < 90 {
			settle(&p, payment.Failed)
		}
	case n < 97:
		ended(a, &t, g.failure(a, k))
	default:
		settle(&p, payment.Completed)
		g.refundBoth(a, &p, &t)
	}
	if savesMethods(a, k) && t.Status == payment.Completed && g.r.chance(100) {
		p.SaveMethod, t.SavedMethod = true, true
	}
	g.hold(a, &p, &t)
	g.add(p, t)
}

// failure picks an end without money that the provider's API has a word for.
func (g *generator) failure(a *account, k payment.Kind) payment.Status {
	switch {
	case a.Type == Pesaway, a.Type == Pawapay && k == payment.Deposit, g.r.chance(600):
		return payment.Failed
	case a.Type == Pawapay, a.Type == Pivot && k == payment.Payout:
		return payment.Cancelled
	default:
		return pick(g.r, []payment.Status{payment.Cancelled, payment.Expired})
	}
}

// hold decides by which key the merchant knows the transaction.
func (g *generator) hold(a *account, p *payment.Payment, t *Transaction) {
	n := g.r.n(100)
	switch {
	case a.Type == Pesaswap && n < 15: // the create call timed out: only the reference is known
		p.ProviderPaymentID = ""
	case a.Type == Pesaswap && n < 22: // and the reference was not sent either
		p.ProviderPaymentID, t.Reference = "", ""
	case a.Type == Pesaswap && n < 25: // the merchant chose the provider's id
		p.ProviderPaymentID = ""
		t.ID, t.OwnID = p.ID, p.ID
	case a.Type == Pesaway && n < 15 && t.Status == payment.Completed: // lists show only these
		p.ProviderPaymentID = ""
	case a.Type == Pesaway && n < 20, a.Type == Pivot && p.Kind == payment.Deposit && n < 5: // our id was sent as the reference
		t.Reference, t.OwnID = p.ID, p.ID
	case a.Type == Pivot && p.Kind == payment.Deposit && n < 20:
		p.ProviderPaymentID = ""
	case a.Type == Pesaswap && n < 28: // the list lags; asked by id the provider knows it
		t.Fault = FaultHiddenInList
	}
}

// notMoved adds a payment about which both sides agree that it is not done, or
// that nothing was ever sent. It reports whether there was a way to.
func (g *generator) notMoved(a *account, k payment.Kind) bool {
	switch n := g.r.n(100); {
	case n < 55: // honestly pending
		return g.openOnBothSides(a, k)
	case n < 65: // created, not sent, young
		p, ok := g.sent(a, k, open(k))
		if !ok {
			return false
		}
		p.Status = payment.Created
		g.add(p)
		return true
	default: // refused or given up before the provider stored anything
		p, ok := g.sent(a, k, anyAge)
		if !ok {
			return false
		}
		settle(&p, payment.Rejected)
		if g.r.chance(700) {
			settle(&p, payment.Failed)
			g.idOfNothing(a, &p)
		}
		g.add(p)
		return true
	}
}

func (g *generator) openOnBothSides(a *account, k payment.Kind) bool {
	w, action := open(k), payment.Action("")
	if acts := actions(a, k); len(acts) > 0 && g.r.chance(200) {
		w, action = openAction, pick(g.r, acts)
	}
	p, ok := g.sent(a, k, w)
	if !ok {
		return false
	}
	t := g.truth(a, &p)
	g.alone(a, &p, &t)
	unfinished(&t)
	t.NeedsAction = action
	if a.Type == Pawapay && g.r.chance(300) {
		t.RawStatus = "IN_RECONCILIATION"
	}
	g.add(p, t)
	return true
}

// actions are what a transaction can wait for the merchant to do.
func actions(a *account, k payment.Kind) []payment.Action {
	switch {
	case a.Type == Pesaswap && k == payment.Deposit:
		return []payment.Action{payment.ActionCapture, payment.ActionReview}
	case a.Type == Pesaswap:
		return []payment.Action{payment.ActionFulfil}
	case a.Type == Pivot && k == payment.Deposit:
		return []payment.Action{payment.ActionCapture}
	case a.Type == Pivot:
		return []payment.Action{payment.ActionTopUp}
	default:
		return nil
	}
}

// idOfNothing gives a payment an id that the provider never heard of.
func (g *generator) idOfNothing(a *account, p *payment.Payment) {
	if a.Type != Pawapay {
		p.ProviderPaymentID = g.providerID(a, p.Kind)
	}
}

// refunds tells whether this provider shows a payment's refunds.
func refunds(a *account, k payment.Kind) bool { return k == payment.Deposit && a.Type != Pesaway }

// refundBoth adds a refund that both sides know, where the API shows refunds.
func (g *generator) refundBoth(a *account, p *payment.Payment, t *Transaction) {
	if !refunds(a, p.Kind) {
		return
	}
	amount := p.Amount
	switch g.r.n(4) {
	case 0: // all of it, and the merchant calls that reversed
		settle(p, payment.Reversed)
	case 1: // a refund that failed moved nothing
		g.refund(a, p, t, half(amount), payment.Failed)
		return
	default:
		amount = half(amount)
	}
	g.refund(a, p, t, amount, payment.Completed)
	p.Refunded = amount
}

// refund adds a refund at the provider; the merchant knows its id where
// it chose it.
func (g *generator) refund(a *account, p *payment.Payment, t *Transaction, amount money.Amount, s payment.Status) {
	r := Refund{ID: g.refundID(a), Amount: amount, Status: s, CreatedAt: t.CompletedAt.Add(40 * time.Minute)}
	t.Refunds = append(t.Refunds, r)
	if a.Type == Pawapay {
		p.RefundIDs = append(p.RefundIDs, r.ID)
	}
	p.UpdatedAt = r.CreatedAt
}

// half is half of an amount in whole units of the currency, at least one.
func half(m money.Amount) money.Amount {
	unit := int64(1)
	for range m.Exp {
		unit *= 10
	}
	m.Minor = max(m.Minor/2/unit*unit, unit)
	return m
}
