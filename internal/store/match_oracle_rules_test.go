package store_test

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/store"
)

// How the oracle judges what the ladder found.

// known says what is known of a payment that is not ambiguous.
func (o *oracle) known(p *ours) string {
	verdict, last := provider.NotAskable, time.Time{}
	if p.answer != nil {
		verdict, last = p.answer.verdict, p.answer.at
	}
	if len(p.chosen) > 0 {
		x := p.chosen[0]
		partial, asked := false, x.asked // of a split's parts the least that is known
		for _, y := range p.chosen {
			partial = partial || y.partial
			if y.asked.Before(asked) {
				asked = y.asked
			}
		}
		switch {
		case !last.After(asked), verdict == provider.Found, verdict == provider.NotAskable: // lists found it
			return isFound
		case verdict == provider.Unknown && p.best() == payment.ByProviderID:
			return isUnknown
		case verdict == provider.Unknown: // it was asked by an id, and goes there by another name
			return isFound
		case verdict == provider.Invalid:
			return isInvalid
		case x.status.Final() && !partial:
			return isFound
		}
		return isNotPolled
	}
	switch verdict {
	case provider.Unknown, provider.Found: // what was found by a shared name is another's
		return isUnknown
	case provider.Invalid:
		return isInvalid
	case provider.NotAskable:
		return o.proven(p)
	}
	return isNotPolled
}

// proven says what the list of its time proves of a payment that it doesn't show.
func (o *oracle) proven(p *ours) string {
	reach := o.lists[p.provider]
	switch {
	case !reach.Complete:
		return isNotPolled
	case !reach.CompletedOnly, p.status == payment.Completed, noMoney(p.status):
		return isUnknown
	case p.status == payment.Reversed:
		return isNotPolled
	}
	return isOpen
}

// noMoney tells whether a status says that no money moved.
func noMoney(s payment.Status) bool {
	return s == payment.Failed || s == payment.Cancelled || s == payment.Expired || s == payment.Rejected
}

// classify fills in a payment's outcome and its exceptions.
func (o *oracle) classify(p *ours) {
	raise := func(k payment.ExceptionKind) { p.kinds = append(p.kinds, k) }
	if p.ambiguous {
		raise(payment.AmbiguousMatch)
		return
	}
	switch o.known(p) {
	case isFound:
		o.compareStatus(p, raise)
		o.compareRest(p, raise)
	case isUnknown:
		p.outcome = "unknown"
		once := slices.ContainsFunc(p.chosen, func(x *theirs) bool { return x.once })
		switch {
		case noMoney(p.status):
		case once && p.status != payment.Reversed:
			raise(payment.LateReversal)
		case p.status == payment.Created:
			o.wait(p, raise)
		case o.overdue(p):
			raise(payment.MissingAtProvider)
		default:
			p.pending = true
		}
	case isOpen:
		o.wait(p, raise)
	case isInvalid:
		raise(payment.InvalidProviderData)
	default:
		raise(payment.NotPolled)
	}
}

// wait leaves a payment outstanding, unless it has been so for too long.
func (o *oracle) wait(p *ours, raise func(payment.ExceptionKind)) {
	limit := o.limits(p.provider, p.kind, p.cur)
	after := limit.Stale
	if len(p.chosen) > 0 && p.chosen[0].needs != "" {
		after = limit.StaleNeed
	}
	p.pending = true
	if o.older(p.at, after) {
		raise(payment.StalePending)
	}
}

func (o *oracle) limits(name string, kind payment.Kind, cur string) store.Limit {
	for _, l := range o.rules.Limits {
		if l.Provider == name && l.Kind == string(kind) && l.Currency == cur {
			return l
		}
	}
	l := store.Limit{Grace: o.rules.Grace, Stale: o.rules.StalePayout, StaleNeed: o.rules.StaleNeed}
	if kind == payment.Deposit {
		l.Stale = o.rules.StaleDeposit
	}
	return l
}

// sum is what a payment's transactions moved and gave back together; stated
// tells whether any of them says what it gave back.
func (p *ours) sum() (moved, back int64, stated bool) {
	if p.batched {
		return p.worth(), 0, false
	}
	for _, x := range p.chosen {
		moved += x.moved()
		back += x.back()
		stated = stated || x.refunded != ""
	}
	return moved, back, stated
}

// compareStatus is the table of results, and of refunds.
func (o *oracle) compareStatus(p *ours, raise func(payment.ExceptionKind)) {
	x := p.chosen[0]
	sameCur := x.cur == p.cur
	moved, back, stated := p.sum()
	if !stated && sameCur {
		back = p.back()
	}
	refundDiffers := sameCur && stated && back != p.back()
	once := slices.ContainsFunc(p.chosen, func(x *theirs) bool { return x.once })
	status := x.status
	switch {
	case x.open():
		status = payment.Pending
	case status == payment.Completed && back > 0 && back >= moved:
		status = payment.Reversed
	}
	p.outcome = string(status)
	gone := once && x.status != payment.Completed // it was completed, and now is not

	switch {
	case noMoney(p.status):
		switch status {
		case payment.Completed:
			raise(payment.StatusMismatch)
		case payment.Pending:
			o.disagree(p, raise)
		}
	case p.status == payment.Reversed:
		switch status {
		case payment.Reversed:
		case payment.Pending:
			o.disagree(p, raise)
		default:
			raise(payment.StatusMismatch)
		}
	case x.status == payment.Completed:
		if refundDiffers {
			raise(payment.LateReversal)
		}
	case x.status == payment.Reversed && p.status == payment.Completed && p.back() >= p.worth(): // both sides know
	case gone:
		raise(payment.LateReversal)
	case p.status == payment.Completed:
		switch status {
		case payment.Reversed:
			raise(payment.LateReversal)
		case payment.Pending:
			o.disagree(p, raise)
		default:
			raise(payment.StatusMismatch)
		}
	case status == payment.Pending:
		o.wait(p, raise)
	}
}

// disagree is for a payment that is final with us and pending there.
func (o *oracle) disagree(p *ours, raise func(payment.ExceptionKind)) {
	if o.overdue(p) {
		raise(payment.StatusMismatch)
	} else {
		p.pending = true
	}
}

func (o *oracle) compareRest(p *ours, raise func(payment.ExceptionKind)) {
	x := p.chosen[0]
	moved, _, _ := p.sum()
	switch {
	case x.cur != p.cur:
		raise(payment.CurrencyMismatch)
	case max(moved-p.worth(), p.worth()-moved) > o.tolerance(p):
		raise(payment.AmountMismatch)
	}
	for _, x := range p.chosen {
		if p.rung[x] == payment.ByProviderID && o.namesDiffer(p, x) {
			raise(payment.ReferenceMismatch)
			break
		}
	}
	for _, x := range p.chosen {
		if !sameRecipient(p.account, x.account) {
			raise(payment.RecipientMismatch)
			break
		}
	}
	o.compareFee(p, raise)
}

// compareFee compares what was charged with the contract, where it is stated of
// all of a payment's transactions.
func (o *oracle) compareFee(p *ours, raise func(payment.ExceptionKind)) {
	charged, expected := int64(0), int64(0)
	for _, x := range p.chosen {
		if p.batched && p != slices.MinFunc(x.holders, func(p, q *ours) int { return cmp.Or(p.at.Compare(q.at), cmp.Compare(p.id, q.id)) }) {
			return // a batch's fee stands at the first of its payments
		}
		if x.fee == "" || x.status != payment.Completed {
			return
		}
		i := slices.IndexFunc(o.rules.Schedule, func(f store.ScheduledFee) bool {
			return f.Provider == x.provider && f.Kind == string(x.kind) && f.Currency == x.cur
		})
		if i < 0 {
			return
		}
		charged += minor(x.fee, x.cur)
		// of percents with one decimal, and amounts of which no fraction is left
		expected += x.moved()*minor(o.rules.Schedule[i].Percent, "USD")/10000 + minor(o.rules.Schedule[i].Fixed, x.cur)
	}
	if charged != expected {
		raise(payment.FeeMismatch)
	}
}

func (o *oracle) tolerance(p *ours) int64 {
	for _, t := range o.rules.Tolerance {
		if t.Provider == p.provider && t.Kind == string(p.kind) && t.Currency == p.cur {
			return t.Minor
		}
	}
	return 0
}

func (o *oracle) namesDiffer(p *ours, x *theirs) bool {
	if p.ref != "" && x.ref != "" && x.ref != p.id && o.spelled(p.provider, p.ref) != o.spelled(x.provider, x.ref) {
		return true
	}
	return slices.ContainsFunc(o.rules.MetadataKeys, func(key string) bool {
		return p.meta[key] != "" && x.meta[key] != "" && p.meta[key] != x.meta[key]
	})
}

// compareTwins finds payments that were made twice.
func (o *oracle) compareTwins() {
	completed := func(p *ours) bool {
		neverAsked := p.answer == nil || p.answer.verdict == provider.NotAskable
		if !o.in(p.at) && neverAsked && len(p.candidates) == 0 && !o.lists[p.provider].Complete { // another run's: its record says
			return p.status == payment.Completed
		}
		return p.outcome == "completed"
	}
	for _, p := range o.pays {
		for _, q := range o.pays {
			earlier := cmp.Or(q.at.Compare(p.at), cmp.Compare(q.id, p.id)) < 0
			if earlier && completed(p) && completed(q) && p.ref != "" && q.ref != "" &&
				p.provider == q.provider && p.kind == q.kind && p.cur == q.cur && p.worth() == q.worth() &&
				o.spelled(p.provider, p.ref) == o.spelled(q.provider, q.ref) &&
				(p.account == "") == (q.account == "") && sameRecipient(p.account, q.account) {
				p.kinds = append(p.kinds, payment.DuplicatePayment)
				break
			}
		}
	}
}

// sameID compares ids; a UUID means the same in either case.
func sameID(a, b string) bool {
	uuid := len(a) == 36 && strings.Count(a, "-") == 4
	return a == b || uuid && strings.EqualFold(a, b)
}

// sameRecipient compares two accounts by their digits.
func sameRecipient(a, b string) bool {
	if a == "" || b == "" || strings.Contains(a+b, "*") {
		return true
	}
	digits := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, s)
	}
	a, b = digits(a), digits(b)
	if a == b {
		return true
	}
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) < len(b) {
		a, b = b, a
	}
	return len(b) >= 8 && strings.HasSuffix(a, b)
}

// spelled is what counts of a reference.
func (o *oracle) spelled(providerName, ref string) string {
	out := ref
	for _, rule := range o.rules.References[providerName] {
		switch rule {
		case payment.IgnoreCase:
			out = strings.ToUpper(out)
		case payment.IgnoreSpaces:
			out = strings.ReplaceAll(out, " ", "")
		case payment.IgnoreDashes:
			out = strings.NewReplacer("-", "", "_", "").Replace(out)
		case payment.IgnoreLeadingZeros: // the last rule of a list
			out = strings.TrimLeft(out, "0")
		}
	}
	return or(out, ref)
}
