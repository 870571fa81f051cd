package corpus

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"tieout/internal/money"
	"tieout/internal/payment"
)

// owned is a payment of the merchant's own while its truth is made.
type owned struct {
	payment.Payment
	account  *account
	noID     bool // the merchant holds nothing that names the transaction alone
	repeated bool // others carry its reference too
	truth    *Transaction
}

// FromPayments makes the providers' truth for payments that already exist:
// mostly what the merchant believes, or what became of what is outstanding, and
// a planted share of differences (DifferenceShare, default 0.02) among the
// payments with an id of their own. Payments of other accounts have no truth.
// Options.Now defaults to six hours after the newest payment; Payments, From,
// Days and Counts have no meaning here. What is an exception by the data alone
// (repeated references without ids, payments made twice) is planted too.
func FromPayments(seed int64, accounts []Account, payments []payment.Payment, o Options) World {
	o.Seed, o.Accounts, o.Payments = seed, accounts, max(len(payments), 1)
	list := slices.Clone(payments)
	slices.SortFunc(list, func(a, b payment.Payment) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.ID, b.ID))
	})
	if len(list) > 0 {
		o.From = list[0].CreatedAt
		if o.Now.IsZero() {
			o.Now = list[len(list)-1].CreatedAt.Add(6 * time.Hour)
		}
	}
	o = o.withDefaults()
	g := newGenerator(o)
	g.w.Payments = list
	share := o.DifferenceShare
	if share == 0 {
		share = 0.02
	}
	own := g.own(list)
	for _, p := range own {
		planted := false
		g.honest(p)
		if share > 0 && !p.noID && !p.repeated && float64(g.r.n(1_000_000)) < share*1_000_000 {
			planted = g.differ(p)
		}
		if !planted {
			g.unavoidable(p)
		}
		if p.truth != nil {
			g.w.Transactions = append(g.w.Transactions, *p.truth)
		}
	}
	g.madeTwice(own)
	g.w.sort()
	return g.w
}

// own joins payments with accounts and finds repeated references.
func (g *generator) own(list []payment.Payment) []*owned {
	byName := map[string]*account{}
	for _, a := range g.accounts {
		byName[a.Name] = a
	}
	type key struct {
		provider, reference string
		kind                payment.Kind
	}
	carriers := map[key]int{}
	var out []*owned
	for _, p := range list {
		a, ok := byName[p.Provider]
		if !ok {
			continue
		}
		carriers[key{p.Provider, p.Reference, p.Kind}]++
		out = append(out, &owned{Payment: p, account: a, noID: p.ProviderPaymentID == "" && a.Type != Pawapay})
	}
	for _, p := range out {
		p.repeated = p.Reference != "" && carriers[key{p.Provider, p.Reference, p.Kind}] > 1
	}
	return out
}

var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// honest makes the truth that agrees with the payment, or that the payment is
// waiting for; nil where the provider never heard of it.
func (g *generator) honest(p *owned) {
	a := p.account
	t := g.record(a, p.Payment)
	if t.Metadata != nil {
		t.Metadata = maps.Clone(p.Metadata)
	}
	t.ID = cmp.Or(p.ProviderPaymentID, p.ID)
	switch {
	case a.Type == Pawapay:
		if !uuidForm.MatchString(t.ID) {
			return
		}
		t.ID = strings.ToLower(t.ID)
		t.OwnID = t.ID
	case p.noID && (p.Reference != "" || a.Type != Pesaswap):
		t.ID = g.providerID(a, p.Kind)
	}
	if t.Reference == "" && a.Type != Pawapay {
		t.Reference, t.OwnID = p.ID, p.ID
	}
	t.SavedMethod = p.SaveMethod
	if t.CompletedAt.After(g.o.Now) {
		t.CompletedAt = t.CreatedAt
	}
	p.truth = &t
	age := g.o.Now.Sub(p.CreatedAt)
	switch p.Status {
	case payment.Created, payment.Pending:
		switch n := g.r.n(100); {
		case p.noID: // only completed ones are sure to be found
		case n < 10:
			ended(a, &t, payment.Failed)
		case n < 20 && age < open(p.Kind).most:
			unfinished(&t)
		}
		g.refundRecorded(p, &t)
	case payment.Failed, payment.Cancelled, payment.Expired:
		ended(a, &t, payment.Failed)
	case payment.Rejected:
		p.truth = nil
	case payment.Reversed:
		switch {
		case a.Type == Pesaswap:
			t.Status = payment.Reversed
		case p.showsRefunds():
			g.refundKnown(p, &t, p.Amount)
		}
	case payment.Completed:
		g.refundRecorded(p, &t)
	}
}

// refundRecorded adds what the merchant's records say was refunded.
func (g *generator) refundRecorded(p *owned, t *Transaction) {
	if t.Status == payment.Completed && p.Refunded.Minor > 0 && p.showsRefunds() {
		g.refundKnown(p, t, p.Refunded)
	}
}

func (p *owned) showsRefunds() bool {
	return refunds(p.account, p.Kind) && (p.account.Type != Pawapay || len(p.RefundIDs) > 0)
}

// refundKnown adds a refund under the id that the merchant's records tell of.
func (g *generator) refundKnown(p *owned, t *Transaction, amount money.Amount) {
	id := g.refundID(p.account)
	if len(p.RefundIDs) > 0 {
		id = p.RefundIDs[0]
	}
	t.Refunds = []Refund{{ID: id, Amount: amount, Status: payment.Completed, CreatedAt: t.CompletedAt}}
}

// differ plants one difference, where the payment is one that can carry it.
func (g *generator) differ(p *owned) bool {
	a, t := p.account, p.truth
	if t == nil || (p.Status != payment.Pending && p.Status != payment.Completed) || t.Status != payment.Completed || len(t.Refunds) > 0 || p.Refunded.Minor > 0 {
		return false
	}
	plant := func(k payment.ExceptionKind, note string) bool {
		g.plant(k, p.Payment, note)
		return true
	}
	switch g.r.n(6) {
	case 0:
		if g.o.Now.Sub(p.CreatedAt) > youngest {
			p.truth = nil
			g.plant(payment.MissingAtProvider, p.Payment, "submitted, and the provider has no record of it")
			return true
		}
	case 1:
		if p.Status == payment.Completed {
			ended(a, t, payment.Failed)
			return plant(payment.StatusMismatch, "completed with the merchant, failed at the provider")
		}
	case 2:
		if showsReference(a, p.Kind) && p.Reference != "" {
			t.Reference += "X"
			return plant(payment.ReferenceMismatch, "the provider echoes another reference")
		}
	case 3:
		if showsRecipient(a, p.Kind) && len(p.Account) > 8 && p.Account[len(p.Account)-1] >= '0' && p.Account[len(p.Account)-1] <= '9' {
			t.Account = otherLastDigit(p.Account)
			return plant(payment.RecipientMismatch, "one digit of the recipient differs")
		}
	case 4:
		if refunds(a, p.Kind) && a.Type != Pawapay {
			g.refundKnown(p, t, half(p.Amount))
			return plant(payment.LateReversal, "refunded at the provider, not in the merchant's records")
		}
	}
	t.Amount.Minor += half(p.Amount).Minor
	return plant(payment.AmountMismatch, "the provider moved another amount")
}

// unavoidable plants what the data alone makes an exception.
func (g *generator) unavoidable(p *owned) {
	a, t := p.account, p.truth
	switch {
	case a.Type == Pawapay && !uuidForm.MatchString(cmp.Or(p.ProviderPaymentID, p.ID)):
		g.plant(payment.NotPolled, p.Payment, "its id can't exist at the provider")
	case p.Status == payment.Reversed && t != nil && t.Status == payment.Completed && len(t.Refunds) == 0 && p.Refunded.Minor != p.Amount.Minor:
		g.plant(payment.StatusMismatch, p.Payment, "reversed with the merchant, and this API shows no reversal")
	}
}

// madeTwice plants what repeated references mean: without ids nobody can tell
// the payments apart, with them a second payment of the same is one too many.
func (g *generator) madeTwice(list []*owned) {
	type reference struct {
		provider, text string
		kind           payment.Kind
	}
	type same struct {
		reference
		currency, recipient string
		minor               int64
	}
	nameless := map[reference][]*owned{}
	first := map[same]bool{}
	for _, p := range list {
		if !p.repeated {
			continue
		}
		r := reference{p.Provider, p.Reference, p.Kind}
		if p.noID {
			nameless[r] = append(nameless[r], p)
		}
	}
	for _, p := range list {
		r := reference{p.Provider, p.Reference, p.Kind}
		if !p.repeated || p.truth == nil {
			continue
		}
		if p.noID && len(nameless[r]) > 1 {
			g.plant(payment.AmbiguousMatch, p.Payment, "several payments without an id carry this reference")
			continue
		}
		if p.truth.Status != payment.Completed || p.Status.Final() && p.Status != payment.Completed {
			continue
		}
		s := same{r, p.Amount.Currency, ending(p.Account), p.Amount.Minor}
		if first[s] {
			g.plantFor(payment.DuplicatePayment, p.Payment, p.truth.ID, "the merchant paid the same reference, amount and recipient a second time")
		}
		first[s] = true
	}
}

// ending is what a national and an international number have in common.
func ending(account string) string {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, account)
	return digits[max(0, len(digits)-8):]
}
