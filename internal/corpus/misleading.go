package corpus

import (
	"time"

	"tieout/internal/payment"
)

// misleading adds payments that look wrong and are not: a matcher that guesses
// stumbles over them. It reports whether one of them suits the account.
func (g *generator) misleading(a *account, k payment.Kind, room int) bool {
	switch g.r.n(8) {
	case 0:
		return room >= 2 && g.sharedReference(a, k)
	case 1:
		return g.retried(a, k)
	case 2:
		return g.split(a, k)
	case 3:
		return g.otherSpelling(a, k)
	case 4:
		return g.midnight(a, k)
	case 5:
		return room >= 2 && g.sameMoment(a, k)
	case 6:
		return g.withoutMetadata(a, k)
	default:
		return g.returned(a, k)
	}
}

// sharedReference: two customers' payments carry one reference; ids part them.
func (g *generator) sharedReference(a *account, k payment.Kind) bool {
	if a.Type != Pawapay && a.Type != Pesaswap {
		return false
	}
	p, ok := g.sent(a, k, anyAge)
	q, ok2 := g.sent(a, k, anyAge)
	if !ok || !ok2 || p.Account == q.Account || p.Amount.Currency != q.Amount.Currency {
		return false
	}
	q.Reference = p.Reference
	t, u := g.truth(a, &p), g.truth(a, &q)
	settle(&q, payment.Completed)
	g.add(p, t)
	g.add(q, u)
	return true
}

// retried: the first attempt failed, the second one paid; both carry the reference.
func (g *generator) retried(a *account, k payment.Kind) bool {
	if !byReference(a, k) {
		return false
	}
	p, ok := g.sent(a, k, anyAge)
	if !ok {
		return false
	}
	first := g.truth(a, &p)
	second := g.truth(a, &p)
	ended(a, &first, payment.Failed)
	second.CreatedAt = first.CreatedAt.Add(4 * time.Minute)
	second.CompletedAt = second.CreatedAt.Add(time.Minute)
	p.ProviderPaymentID = ""
	if g.r.chance(500) {
		settle(&p, payment.Completed)
		p.ProviderPaymentID = second.ID
	}
	g.add(p, first, second)
	return true
}

// split: two transactions add up to the payment exactly.
func (g *generator) split(a *account, k payment.Kind) bool {
	if !byReference(a, k) {
		return false
	}
	p, ok := g.sent(a, k, anyAge)
	part := half(p.Amount)
	if !ok || part.Minor >= p.Amount.Minor {
		return false
	}
	first, second := g.truth(a, &p), g.truth(a, &p)
	p.ProviderPaymentID = ""
	rest := p.Amount
	rest.Minor -= part.Minor
	first.Amount, second.Amount = part, rest
	second.CreatedAt = first.CreatedAt.Add(90 * time.Second)
	second.CompletedAt = second.CreatedAt.Add(time.Minute)
	g.add(p, first, second)
	return true
}

// byReference tells whether all transactions of one reference can be found,
// and the provider takes one reference more than once.
func byReference(a *account, k payment.Kind) bool {
	return a.Type == Pesaswap || (a.Type == Pivot && k == payment.Deposit)
}

// otherSpelling: the recipient is the same, written in another way or masked.
func (g *generator) otherSpelling(a *account, k payment.Kind) bool {
	p, ok := g.sent(a, k, anyAge)
	if !ok {
		return false
	}
	t := g.truth(a, &p)
	switch {
	case a.Type == Pivot && k == payment.Payout:
		t.Account = masked(t.Account)
	case a.Type == Pivot:
		return false
	case g.r.chance(500):
		p.Account = national(p.Account)
	default:
		p.Account = "+" + p.Account[:3] + " " + p.Account[3:6] + " " + p.Account[6:]
	}
	g.add(p, t)
	return true
}

// midnight: the payment stands at the very edge of a local day; at the
// provider it may fall into the next one.
func (g *generator) midnight(a *account, k payment.Kind) bool {
	day := g.r.n(g.o.Days)
	at := dayStart(g.o.From, day)
	if g.r.chance(500) {
		at = dayStart(g.o.From, day+1).Add(-time.Second)
	}
	if g.o.Now.Sub(at) < youngest {
		return false
	}
	p := g.sentAt(a, k, at.UTC())
	t := g.truth(a, &p)
	g.alone(a, &p, &t)
	g.add(p, t)
	return true
}

// sameMoment: two customers pay the same amount within the same second; only
// their references part them.
func (g *generator) sameMoment(a *account, k payment.Kind) bool {
	if !byReference(a, k) {
		return false
	}
	p, ok := g.sent(a, k, anyAge)
	if !ok {
		return false
	}
	q := g.sentAt(a, k, p.CreatedAt)
	q.Amount, q.Refunded = p.Amount, p.Refunded
	t, u := g.truth(a, &p), g.truth(a, &q)
	p.ProviderPaymentID, q.ProviderPaymentID = "", ""
	g.add(p, t)
	g.add(q, u)
	return true
}

// dayStart is the first instant of the local day so many days later; where
// clocks are put forward at midnight, the day has no midnight.
func dayStart(from time.Time, days int) time.Time {
	y, m, d := from.Date()
	want := time.Date(y, m, d+days, 12, 0, 0, 0, from.Location())
	t := time.Date(y, m, d+days, 0, 0, 0, 0, from.Location())
	for t.Day() != want.Day() {
		t = t.Add(30 * time.Minute)
	}
	return t
}

// withoutMetadata: the provider shows none, and the merchant may have none either.
func (g *generator) withoutMetadata(a *account, k payment.Kind) bool {
	p, ok := g.sent(a, k, anyAge)
	if !ok {
		return false
	}
	t := g.truth(a, &p)
	t.Metadata = nil
	if g.r.chance(500) {
		p.Metadata = nil
	}
	g.add(p, t)
	return true
}

// returned: outstanding with us, reversed at the provider; no money stayed.
func (g *generator) returned(a *account, k payment.Kind) bool {
	if a.Type != Pesaswap {
		return false
	}
	p, ok := g.sent(a, k, anyAge)
	if !ok {
		return false
	}
	t := g.truth(a, &p)
	t.Status = payment.Reversed
	g.add(p, t)
	return true
}

// decoys adds transactions without a payment that moved no money: they are
// counted, and nobody is bothered with them.
func (g *generator) decoys() {
	for _, a := range g.accounts {
		if !lists(a, payment.Deposit) || a.Type == Pesaway { // whose list shows only completed ones
			continue
		}
		for range 1 + g.o.Payments/2000 {
			p, ok := g.sent(a, payment.Deposit, anyAge)
			if !ok {
				return
			}
			t := g.truth(a, &p)
			ended(a, &t, payment.Failed)
			g.w.Transactions = append(g.w.Transactions, t)
		}
	}
}

// lists tells whether the provider lists transactions that nobody asked for.
func lists(a *account, k payment.Kind) bool {
	return a.Type == Pesaswap || a.Type == Pesaway || (a.Type == Pivot && k == payment.Deposit)
}
