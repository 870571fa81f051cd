package corpus

import (
	"time"

	"tieout/internal/money"
	"tieout/internal/payment"
)

func everywhere(*account, payment.Kind) bool { return true }

func at(types ...string) func(*account, payment.Kind) bool {
	return func(a *account, _ payment.Kind) bool {
		for _, t := range types {
			if a.Type == t {
				return true
			}
		}
		return false
	}
}

// recipes are all the differences that can be made. Each gives exactly the
// exceptions that it plants, under the rules of docs/design.md.
func recipes() []recipe {
	return []recipe{
		{payment.MissingAtProvider, 1, everywhere, missing},
		{payment.MissingAtProvider, 1, byReference, nearMiss},
		{payment.MissingAtProvider, 2, byReference, oneOfTwins},
		{payment.MissingInternally, 0, lists, orphan},
		{payment.AmountMismatch, 1, everywhere, otherAmount},
		{payment.AmountMismatch, 1, statesSettled, settledLess},
		{payment.CurrencyMismatch, 1, at(Pawapay, Pesaswap, Pivot), otherCurrency},
		{payment.StatusMismatch, 1, everywhere, claimedDone},
		{payment.StatusMismatch, 1, everywhere, claimedFailed},
		{payment.StatusMismatch, 1, everywhere, claimedDoneStillOpen},
		{payment.ReferenceMismatch, 1, showsReference, otherReference},
		{payment.ReferenceMismatch, 1, showsMetadata, otherOrder},
		{payment.RecipientMismatch, 1, showsRecipient, otherRecipient},
		{payment.DuplicatePayment, 2, repeatsReference, paidTwiceByUs},
		{payment.DuplicatePayment, 1, findsAll, paidTwiceByProvider},
		{payment.DuplicatePayment, 1, byReference, secondAttemptOpen},
		{payment.AmbiguousMatch, 2, at(Pesaswap), oneForTwo},
		{payment.AmbiguousMatch, 1, findsAll, doNotAddUp},
		{payment.StalePending, 1, everywhere, openTooLong},
		{payment.StalePending, 1, at(Pawapay, Pesaswap, Pivot), neverSent},
		{payment.StalePending, 1, func(a *account, k payment.Kind) bool { return len(actions(a, k)) > 0 }, waitsForUs},
		{payment.LateReversal, 1, refunds, refundedUnknown},
		{payment.LateReversal, 1, at(Pesaswap), reversedLate},
		{payment.FeeMismatch, 1, at(Pivot), otherFee},
		{payment.SavedMethodMissing, 1, savesMethods, notSaved},
		{payment.InvalidProviderData, 1, faultsShow, func(g *generator, a *account, k payment.Kind) bool {
			return faulty(g, a, k, payment.InvalidProviderData, FaultAmount)
		}},
		{payment.InvalidProviderData, 1, statusWordShows, func(g *generator, a *account, k payment.Kind) bool {
			return faulty(g, a, k, payment.InvalidProviderData, FaultStatusWord)
		}},
		{payment.NotPolled, 1, faultsShow, func(g *generator, a *account, k payment.Kind) bool {
			return faulty(g, a, k, payment.NotPolled, FaultDown)
		}},
		{payment.NotPolled, 1, faultsShow, func(g *generator, a *account, k payment.Kind) bool {
			return faulty(g, a, k, payment.NotPolled, FaultGarbage)
		}},
		{payment.NotPolled, 1, at(Pawapay), noUUID},
	}
}

// What an API can show.
func showsReference(a *account, k payment.Kind) bool {
	return a.Type != Pivot || k == payment.Deposit // a pivot payout is asked for by its reference
}

func showsMetadata(a *account, k payment.Kind) bool {
	return a.Type == Pawapay || a.Type == Pesaswap || (a.Type == Pivot && k == payment.Deposit)
}

func showsRecipient(a *account, k payment.Kind) bool {
	return a.Type == Pawapay || (k == payment.Payout && (a.Type == Pivot || a.Type == Pesaswap))
}

// repeatsReference: the provider takes one reference for two payments, and ids
// tell them apart.
func repeatsReference(a *account, k payment.Kind) bool {
	return a.Type == Pawapay || a.Type == Pesaswap || (a.Type == Pivot && k == payment.Payout)
}

// findsAll: all completed transactions of one reference can be found.
func findsAll(a *account, k payment.Kind) bool { return a.Type == Pesaway || byReference(a, k) }

// statesSettled: the provider says what really moved.
func statesSettled(a *account, k payment.Kind) bool {
	return k == payment.Deposit && (a.Type == Pesaswap || a.Type == Pivot)
}

// savesMethods: the customer's saved methods can be looked up.
func savesMethods(a *account, k payment.Kind) bool { return a.Type == Pivot && k == payment.Deposit }

// faultsShow: a payment that can be asked for by its id alone.
func faultsShow(a *account, k payment.Kind) bool {
	return a.Type == Pawapay || a.Type == Pesaway || (a.Type == Pivot && k == payment.Payout)
}

// statusWordShows: pesaway has codes instead of words, and any of them is allowed.
func statusWordShows(a *account, k payment.Kind) bool { return faultsShow(a, k) && a.Type != Pesaway }

// pair makes a payment of any age and its transaction, alone in its batch.
func (g *generator) pair(a *account, k payment.Kind, w window) (p payment.Payment, t Transaction, ok bool) {
	p, ok = g.sent(a, k, w)
	if !ok {
		return p, t, false
	}
	t = g.truth(a, &p)
	g.alone(a, &p, &t)
	return p, t, true
}

// sometimesCompleted lets some payments of a difference be completed with us.
func (g *generator) sometimesCompleted(p *payment.Payment) {
	if g.r.chance(500) {
		settle(p, payment.Completed)
	}
}

func missing(g *generator, a *account, k payment.Kind) bool {
	p, ok := g.sent(a, k, anyAge)
	if !ok {
		return false
	}
	g.idOfNothing(a, &p)
	if a.Type == Pesaswap && g.r.chance(300) { // a complete list proves it
		p.ProviderPaymentID = ""
	}
	g.sometimesCompleted(&p)
	g.add(p)
	g.plant(payment.MissingAtProvider, p, "submitted, and the provider has no record of it")
	return true
}

func orphan(g *generator, a *account, k payment.Kind) bool {
	p, ok := g.sent(a, k, anyAge)
	if !ok {
		return false
	}
	t := g.truth(a, &p)
	note := "completed at the provider, unknown to the merchant"
	if a.Type == Pesaswap && g.r.chance(250) {
		t.Status = payment.Reversed
		note = "paid and reversed at the provider, unknown to the merchant"
	} else if a.Type != Pesaway && a.Type != Pawapay && g.r.chance(200) { // whose list and statement show completed ones
		unfinished(&t)
		note = "open at the provider, unknown to the merchant"
	}
	g.w.Transactions = append(g.w.Transactions, t)
	p.ID = ""
	g.plantFor(payment.MissingInternally, p, t.ID, note)
	return true
}

func otherAmount(g *generator, a *account, k payment.Kind) bool {
	p, t, ok := g.pair(a, k, anyAge)
	if !ok {
		return false
	}
	part := half(p.Amount)
	if g.r.chance(500) {
		t.Amount.Minor += part.Minor
	} else {
		t.Amount.Minor -= part.Minor
	}
	t.Fee = fee(a, payment.Payment{Amount: t.Amount})
	g.sometimesCompleted(&p)
	g.add(p, t)
	g.plant(payment.AmountMismatch, p, "the provider moved another amount")
	return true
}

func settledLess(g *generator, a *account, k payment.Kind) bool {
	p, t, ok := g.pair(a, k, anyAge)
	if !ok {
		return false
	}
	settled := half(p.Amount)
	t.Settled = &settled
	g.add(p, t)
	g.plant(payment.AmountMismatch, p, "asked for in full, settled in part")
	return true
}

func otherCurrency(g *generator, a *account, k payment.Kind) bool {
	p, t, ok := g.pair(a, k, anyAge)
	if !ok {
		return false
	}
	other := "USD"
	if p.Amount.Currency == other {
		other = "KES"
	}
	if t.Amount, ok = convertUnits(a, p.Amount, other); !ok {
		return false
	}
	t.Fee = nil
	g.sometimesCompleted(&p)
	g.add(p, t)
	g.plant(payment.CurrencyMismatch, p, "the same figure in another currency")
	return true
}

// convertUnits writes the whole units of an amount in another currency.
func convertUnits(a *account, m money.Amount, currency string) (money.Amount, bool) {
	whole := half(money.Amount{Minor: m.Minor * 2, Exp: m.Exp, Currency: m.Currency})
	for range m.Exp {
		whole.Minor /= 10
	}
	out, err := a.Scale.FromUnits(whole.Minor, 0, currency)
	return out, err == nil
}

func claimedDone(g *generator, a *account, k payment.Kind) bool {
	p, t, ok := g.pair(a, k, anyAge)
	if !ok {
		return false
	}
	settle(&p, payment.Completed)
	ended(a, &t, payment.Failed)
	g.add(p, t)
	g.plant(payment.StatusMismatch, p, "completed with the merchant, failed at the provider")
	return true
}

func claimedFailed(g *generator, a *account, k payment.Kind) bool {
	p, t, ok := g.pair(a, k, anyAge)
	if !ok {
		return false
	}
	settle(&p, pick(g.r, []payment.Status{payment.Failed, payment.Cancelled, payment.Expired}))
	g.add(p, t)
	g.plant(payment.StatusMismatch, p, "given up by the merchant, completed at the provider")
	return true
}

func claimedDoneStillOpen(g *generator, a *account, k payment.Kind) bool {
	p, t, ok := g.pair(a, k, anyAge)
	if !ok {
		return false
	}
	settle(&p, payment.Completed)
	unfinished(&t)
	g.add(p, t)
	g.plant(payment.StatusMismatch, p, "completed with the merchant, still open at the provider")
	return true
}

func otherReference(g *generator, a *account, k payment.Kind) bool {
	p, t, ok := g.pair(a, k, anyAge)
	if !ok {
		return false
	}
	t.Reference = g.reference(a, k, p.CreatedAt)
	g.sometimesCompleted(&p)
	g.add(p, t)
	g.plant(payment.ReferenceMismatch, p, "the provider echoes another reference")
	return true
}

func otherOrder(g *generator, a *account, k payment.Kind) bool {
	p, t, ok := g.pair(a, k, anyAge)
	if !ok {
		return false
	}
	t.Metadata = map[string]string{MetadataKey: p.Metadata[MetadataKey] + "B"}
	g.add(p, t)
	g.plant(payment.ReferenceMismatch, p, "the provider echoes another "+MetadataKey)
	return true
}

func otherRecipient(g *generator, a *account, k payment.Kind) bool {
	p, t, ok := g.pair(a, k, anyAge)
	if !ok {
		return false
	}
	t.Account = otherLastDigit(p.Account)
	g.sometimesCompleted(&p)
	g.add(p, t)
	g.plant(payment.RecipientMismatch, p, "one digit of the recipient differs")
	return true
}

func otherLastDigit(account string) string {
	last := account[len(account)-1]
	return account[:len(account)-1] + string('0'+(last-'0'+1)%10)
}

func refundedUnknown(g *generator, a *account, k payment.Kind) bool {
	p, t, ok := g.pair(a, k, anyAge)
	if !ok {
		return false
	}
	if g.r.chance(700) {
		settle(&p, payment.Completed)
	}
	g.refund(a, &p, &t, half(p.Amount), payment.Completed)
	g.add(p, t)
	g.plant(payment.LateReversal, p, "refunded at the provider, not in the merchant's records")
	return true
}

func reversedLate(g *generator, a *account, k payment.Kind) bool {
	p, t, ok := g.pair(a, k, anyAge)
	if !ok {
		return false
	}
	settle(&p, payment.Completed)
	t.Status = payment.Reversed
	t.CompletedAt = t.CreatedAt.Add(time.Hour)
	g.add(p, t)
	g.plant(payment.LateReversal, p, "completed with the merchant, reversed at the provider")
	return true
}

func notSaved(g *generator, a *account, k payment.Kind) bool {
	p, t, ok := g.pair(a, k, anyAge)
	if !ok {
		return false
	}
	p.SaveMethod = true
	g.sometimesCompleted(&p)
	g.add(p, t)
	g.plant(payment.SavedMethodMissing, p, "its method was to be saved, and the customer has none")
	return true
}
