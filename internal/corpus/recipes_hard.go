package corpus

import (
	"strings"
	"time"

	"tieout/internal/payment"
)

func paidTwiceByUs(g *generator, a *account, k payment.Kind) bool {
	p, t, ok := g.pair(a, k, anyAge)
	if !ok {
		return false
	}
	again := p
	again.ID = g.paymentID(a)
	again.CreatedAt = p.CreatedAt.Add(7 * time.Minute)
	u := g.truth(a, &again)
	g.alone(a, &again, &u)
	settle(&p, payment.Completed)
	settle(&again, payment.Completed)
	g.add(p, t)
	g.add(again, u)
	g.plantFor(payment.DuplicatePayment, again, u.ID, "the merchant paid the same reference, amount and recipient a second time")
	return true
}

func paidTwiceByProvider(g *generator, a *account, k payment.Kind) bool {
	p, t, ok := g.pair(a, k, anyAge)
	if !ok {
		return false
	}
	p2 := p
	u := g.truth(a, &p2)
	u.CreatedAt = t.CreatedAt.Add(3 * time.Minute)
	u.CompletedAt = u.CreatedAt.Add(time.Minute)
	if a.Type != Pesaswap || g.r.chance(500) {
		p.ProviderPaymentID = ""
	}
	g.add(p, t, u)
	g.plantFor(payment.DuplicatePayment, p, u.ID, "two completed transactions of the payment's amount on its reference")
	return true
}

func secondAttemptOpen(g *generator, a *account, k payment.Kind) bool {
	p, t, ok := g.pair(a, k, anyAge)
	if !ok {
		return false
	}
	p2 := p
	u := g.truth(a, &p2)
	u.CreatedAt = t.CreatedAt.Add(3 * time.Minute)
	unfinished(&u)
	p.ProviderPaymentID = ""
	g.add(p, t, u)
	g.plantFor(payment.DuplicatePayment, p, u.ID, "a second attempt is still open beside the completed one")
	return true
}

func oneForTwo(g *generator, a *account, k payment.Kind) bool {
	p, t, ok := g.pair(a, k, anyAge)
	if !ok {
		return false
	}
	other, ok := g.sent(a, k, anyAge)
	if !ok {
		return false
	}
	other.Reference, other.Amount, other.Refunded = p.Reference, p.Amount, p.Refunded
	p.ProviderPaymentID = ""
	t.Metadata = nil
	g.add(p, t)
	g.add(other)
	g.plant(payment.AmbiguousMatch, p, "two payments without an id carry the reference of one transaction")
	g.plant(payment.AmbiguousMatch, other, "two payments without an id carry the reference of one transaction")
	return true
}

func doNotAddUp(g *generator, a *account, k payment.Kind) bool {
	p, t, ok := g.pair(a, k, anyAge)
	if !ok {
		return false
	}
	p2 := p
	u := g.truth(a, &p2)
	u.CreatedAt = t.CreatedAt.Add(3 * time.Minute)
	u.CompletedAt = u.CreatedAt.Add(time.Minute)
	u.Amount = half(p.Amount)
	p.ProviderPaymentID = ""
	g.add(p, t, u)
	g.plant(payment.AmbiguousMatch, p, "two completed transactions on the reference that do not add up to the payment")
	return true
}

func openTooLong(g *generator, a *account, k payment.Kind) bool {
	p, t, ok := g.pair(a, k, stale(k))
	if !ok {
		return false
	}
	unfinished(&t)
	g.add(p, t)
	g.plant(payment.StalePending, p, "open on both sides for longer than its kind may be")
	return true
}

func neverSent(g *generator, a *account, k payment.Kind) bool {
	p, ok := g.sent(a, k, stale(k))
	if !ok {
		return false
	}
	p.Status = payment.Created
	g.add(p)
	g.plant(payment.StalePending, p, "created long ago and never sent")
	return true
}

func waitsForUs(g *generator, a *account, k payment.Kind) bool {
	w := staleAction
	if k == payment.Payout { // stale for want of the merchant's action alone
		w.most = StalePayout - roomToThreshold
	}
	p, t, ok := g.pair(a, k, w)
	if !ok {
		return false
	}
	unfinished(&t)
	t.NeedsAction = pick(g.r, actions(a, k))
	g.add(p, t)
	g.plant(payment.StalePending, p, "waits for the merchant to act")
	return true
}

// faulty makes a transaction of which nothing usable can be learnt.
func faulty(g *generator, a *account, k payment.Kind, kind payment.ExceptionKind, f Fault) bool {
	p, t, ok := g.pair(a, k, anyAge)
	if !ok {
		return false
	}
	t.Fault, t.Unlisted = f, true
	note := map[Fault]string{
		FaultAmount:     "the provider states an amount that the currency cannot hold",
		FaultStatusWord: "the provider states a status that nobody documents",
		FaultDown:       "the provider is down for this payment",
		FaultGarbage:    "the provider's answer breaks off",
	}[f]
	g.add(p, t)
	g.plant(kind, p, note)
	return true
}

func noUUID(g *generator, a *account, k payment.Kind) bool {
	p, ok := g.sent(a, k, anyAge)
	if !ok {
		return false
	}
	p.ID = "order-" + g.r.digits(9)
	g.add(p)
	g.plant(payment.NotPolled, p, "its id can't exist at the provider")
	return true
}

// nearMiss: the provider holds the transaction under a reference with a typo or
// two swapped digits, and nothing else names the payment. A guess would be
// right here, and wrong with another customer's reference: it is no match.
func nearMiss(g *generator, a *account, k payment.Kind) bool {
	p, t, ok := g.pair(a, k, anyAge)
	if !ok {
		return false
	}
	p.ProviderPaymentID = ""
	t.Metadata = nil
	note := "two digits of the reference are swapped at the provider"
	at := strings.IndexByte(p.Reference, '2') // of the year: no other reference has such a date
	t.Reference = p.Reference[:at] + p.Reference[at+1:at+2] + p.Reference[at:at+1] + p.Reference[at+2:]
	if last := len(p.Reference) - 1; g.r.chance(500) {
		note = "the last character of the reference is another one at the provider"
		t.Reference = p.Reference[:last] + "O"
	}
	g.add(p, t)
	g.plant(payment.MissingAtProvider, p, note)
	orphaned := p
	orphaned.ID = ""
	g.plantFor(payment.MissingInternally, orphaned, t.ID, note)
	return true
}

// oneOfTwins: of two payments of one amount, made in the same second, the
// provider knows one; the other must not take its transaction.
func oneOfTwins(g *generator, a *account, k payment.Kind) bool {
	p, t, ok := g.pair(a, k, anyAge)
	if !ok {
		return false
	}
	q := g.sentAt(a, k, p.CreatedAt)
	q.Amount, q.Refunded, q.Account, q.CustomerID = p.Amount, p.Refunded, p.Account, p.CustomerID
	p.ProviderPaymentID = ""
	g.add(p, t)
	g.add(q)
	g.plant(payment.MissingAtProvider, q, "the provider knows one of two payments that differ in their references alone")
	return true
}

func otherFee(g *generator, a *account, k payment.Kind) bool {
	p, t, ok := g.pair(a, k, anyAge)
	if !ok {
		return false
	}
	t.Fee.Minor += t.Fee.Minor / 4
	g.sometimesCompleted(&p)
	g.add(p, t)
	g.plant(payment.FeeMismatch, p, "charged a quarter more than the schedule says")
	return true
}
