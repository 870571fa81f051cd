package corpus

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"tieout/internal/money"
	"tieout/internal/payment"
)

// account is an account while payments are made for it.
type account struct {
	Account
	batch     string // pivot: the payout batch that still takes items
	batchLeft int
	batchAt   time.Time
}

type generator struct {
	o          Options
	r          *random
	accounts   []*account
	end        time.Time // of the range, exclusive
	w          World
	references int
	customers  int

	pesaway, pesawayStep, pesawayStart uint64
}

// Generate makes payments and the providers' truth about them. Equal options
// give equal worlds; the differences that World.Planted names are the only
// ones in it, provided that matching runs with its defaults and
// matching.metadata_keys: [orderId].
func Generate(o Options) World {
	o = o.withDefaults()
	g := newGenerator(o)
	cases, reserved := g.plan()
	for len(cases) > 0 || len(g.w.Payments) < o.Payments {
		room := o.Payments - len(g.w.Payments) - reserved
		if len(cases) > 0 && (room <= 0 || g.r.n(room+len(cases)) < len(cases)) {
			c := cases[0]
			cases = cases[1:]
			reserved -= c.payments
			c.run(g)
			continue
		}
		g.clean(room)
	}
	g.decoys()
	g.w.sort()
	return g.w
}

func newGenerator(o Options) *generator {
	g := &generator{
		o:         o,
		r:         newRandom(o.Seed, cmp.Or(o.Series, o.From.Format(time.DateOnly))),
		end:       dayStart(o.From, o.Days),
		customers: o.Payments/3 + 10,
	}
	g.w.Accounts = o.Accounts
	for _, a := range o.Accounts {
		g.accounts = append(g.accounts, &account{Account: a})
	}
	g.pesawayStep = g.r.uint64()%pesawayID | 1
	g.pesawayStart = g.r.uint64() % pesawayID
	return g
}

// window is how old a payment must be at Now.
type window struct{ least, most time.Duration }

const ever = 100 * 365 * 24 * time.Hour

var anyAge = window{youngest, ever}

// open is the window in which an unfinished payment is not stale, stale the one
// in which it surely is.
func open(k payment.Kind) window { return window{youngest, staleAfter(k) - roomToThreshold} }

func stale(k payment.Kind) window { return window{staleAfter(k) + roomToThreshold, ever} }

var (
	openAction  = window{youngest, StaleAction - roomToThreshold}
	staleAction = window{StaleAction + roomToThreshold, ever}
)

func staleAfter(k payment.Kind) time.Duration {
	if k == payment.Payout {
		return StalePayout
	}
	return StaleDeposit
}

// edge is the end of the range that only the payments at midnight use: a second
// attempt at anything else still falls into the range.
const edge = 10 * time.Minute

// bounds is the part of the range that lies in the window.
func (g *generator) bounds(w window) (from, to time.Time, ok bool) {
	from, to = g.o.From, g.end.Add(-edge)
	if t := g.o.Now.Add(-w.most); t.After(from) {
		from = t
	}
	if t := g.o.Now.Add(-w.least); t.Before(to) {
		to = t
	}
	return from, to, to.After(from)
}

// moment picks a time in the window, by day rather than by night.
func (g *generator) moment(w window) (time.Time, bool) {
	from, to, ok := g.bounds(w)
	if !ok {
		if w != anyAge {
			return time.Time{}, false
		}
		from, to = g.o.From, g.end.Add(-edge) // Now lies before the range
	}
	var t time.Time
	for range 3 {
		t = from.Add(time.Duration(g.r.n(int(to.Sub(from)/time.Second)+1)) * time.Second)
		if h := t.In(g.o.Location).Hour(); h >= 7 && h < 21 {
			break
		}
	}
	return t.UTC().Truncate(time.Second), true
}

// reference makes a reference of the merchant's, unique in the world.
func (g *generator) reference(a *account, k payment.Kind, at time.Time) string {
	g.references++
	prefix, date := "DP", at.In(g.o.Location).Format("20060102")
	if k == payment.Payout {
		prefix = "PO"
	}
	if a.Type == Pivot && k == payment.Deposit { // alphanumeric only
		return fmt.Sprintf("%s%s%06d", prefix, date, g.references)
	}
	return fmt.Sprintf("%s-%s-%06d", prefix, date, g.references)
}

// sent makes a payment that the merchant sent and holds pending.
func (g *generator) sent(a *account, k payment.Kind, w window) (payment.Payment, bool) {
	at, ok := g.moment(w)
	if !ok {
		return payment.Payment{}, false
	}
	return g.sentAt(a, k, at), true
}

func (g *generator) sentAt(a *account, k payment.Kind, at time.Time) payment.Payment {
	currency := a.Currencies[0]
	if len(a.Currencies) > 1 && g.r.chance(200) {
		currency = pick(g.r, a.Currencies[1:])
	}
	who := g.person(a, currency, g.r.n(g.customers))
	p := payment.Payment{
		ID: g.paymentID(a), Kind: k, Provider: a.Name, Status: payment.Pending,
		Reference: g.reference(a, k, at), Amount: g.amount(a, currency, k),
		Account: who.account(a, k), CustomerID: who.id,
		CreatedAt: at, UpdatedAt: at.Add(2 * time.Second),
	}
	p.Refunded = money.Amount{Exp: p.Amount.Exp, Currency: currency}
	p.Metadata = map[string]string{
		MetadataKey:    fmt.Sprintf("OR-%s-%06d", at.In(g.o.Location).Format("060102"), g.references),
		"customerName": who.name,
	}
	return p
}

// truth makes the provider's completed transaction of a payment, and lets the
// payment hold the provider's id where that is not its own.
func (g *generator) truth(a *account, p *payment.Payment) Transaction {
	t := g.record(a, *p)
	switch a.Type {
	case Pawapay:
		t.ID = p.ID
		t.OwnID = p.ID
	case Pivot:
		t.ID = g.pivotID(a, p)
		p.ProviderPaymentID = t.ID
	default:
		t.ID = g.providerID(a, p.Kind)
		p.ProviderPaymentID = t.ID
	}
	return t
}

// record is what the provider would store of a payment, still without its id.
func (g *generator) record(a *account, p payment.Payment) Transaction {
	t := Transaction{
		Provider: a.Name, Kind: p.Kind, Reference: p.Reference, Status: payment.Completed,
		Amount: p.Amount, Account: p.Account, CreatedAt: p.CreatedAt.Add(time.Duration(g.r.between(1, 4)) * time.Second),
		NetworkReference: g.receipt(a),
	}
	t.CompletedAt = t.CreatedAt.Add(time.Duration(g.r.between(4, 240)) * time.Second)
	if a.Type == Pesaswap || (a.Type == Pivot && p.Kind == payment.Deposit) {
		t.CustomerID = p.CustomerID
	}
	if a.Type == Pawapay || a.Type == Pesaswap || (a.Type == Pivot && p.Kind == payment.Deposit) {
		t.Metadata = map[string]string{MetadataKey: p.Metadata[MetadataKey]}
	}
	t.Fee = fee(a, p)
	return t
}

// fee is what the provider charges, where one of its answers or statements says so.
func fee(a *account, p payment.Payment) *money.Amount {
	f := money.Amount{Exp: p.Amount.Exp, Currency: p.Amount.Currency}
	switch a.Type {
	case Pawapay:
		f.Minor = p.Amount.Minor / 1000 * 25
	case Pivot:
		f.Minor = 4000
		for range f.Exp {
			f.Minor *= 10
		}
	default:
		return nil
	}
	return &f
}

// pivotID gives a deposit its session, a payout the batch that is being filled.
func (g *generator) pivotID(a *account, p *payment.Payment) string {
	if p.Kind == payment.Deposit {
		return g.r.uuid()
	}
	if a.batchLeft == 0 || p.CreatedAt.Sub(a.batchAt).Abs() > time.Hour {
		a.batch, a.batchLeft, a.batchAt = g.r.uuid(), g.r.between(2, 9), p.CreatedAt
	}
	a.batchLeft--
	return a.batch
}

// alone takes the transaction out of its batch, which other payments share.
func (g *generator) alone(a *account, p *payment.Payment, t *Transaction) {
	if a.Type == Pivot && p.Kind == payment.Payout {
		t.ID = g.r.uuid()
		p.ProviderPaymentID = t.ID
	}
}

// settle gives a payment the final status that the merchant believes.
func settle(p *payment.Payment, s payment.Status) {
	p.Status = s
	p.UpdatedAt = p.CreatedAt.Add(5 * time.Minute)
}

// unfinished makes the transaction one that has no end yet.
func unfinished(t *Transaction) {
	t.Status, t.CompletedAt, t.NetworkReference = payment.Pending, time.Time{}, ""
}

// ended makes the transaction one that moved no money.
func ended(a *account, t *Transaction, s payment.Status) {
	t.Status, t.CompletedAt, t.NetworkReference, t.Fee = s, time.Time{}, "", nil
	t.FailureCode = failureCode(a, t.Kind, s)
}

func failureCode(a *account, k payment.Kind, s payment.Status) string {
	switch {
	case a.Type == Pawapay && s == payment.Cancelled:
		return "MANUALLY_CANCELLED"
	case a.Type == Pawapay && k == payment.Payout:
		return "RECIPIENT_NOT_FOUND"
	case a.Type == Pawapay:
		return "PAYMENT_NOT_APPROVED"
	case a.Type == Pivot && s == payment.Failed && k == payment.Payout:
		return "Inactive account"
	case a.Type == Pivot && s == payment.Failed:
		return "DECLINED_BY_CHANNEL"
	case a.Type == Pesaswap && s == payment.Failed:
		return "2001"
	default:
		return ""
	}
}

func (g *generator) add(p payment.Payment, txs ...Transaction) {
	g.w.Payments = append(g.w.Payments, p)
	g.w.Transactions = append(g.w.Transactions, txs...)
}

// plant notes the exception that the payment must become.
func (g *generator) plant(k payment.ExceptionKind, p payment.Payment, note string) {
	g.plantFor(k, p, "", note)
}

// plantFor notes an exception of one transaction: an orphan, or one that paid twice.
func (g *generator) plantFor(k payment.ExceptionKind, p payment.Payment, txID, note string) {
	g.w.Planted = append(g.w.Planted, Planted{Kind: k, Provider: p.Provider, PaymentKind: p.Kind, PaymentID: p.ID, ProviderPaymentID: txID, Note: note})
}

// sort puts everything in an order that no caller has to wonder about.
func (w *World) sort() {
	slices.SortFunc(w.Payments, func(a, b payment.Payment) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.ID, b.ID))
	})
	slices.SortFunc(w.Transactions, func(a, b Transaction) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.ID, b.ID), strings.Compare(a.Reference, b.Reference))
	})
	slices.SortFunc(w.Planted, func(a, b Planted) int { return strings.Compare(a.order(), b.order()) })
}

func (p Planted) order() string {
	return strings.Join([]string{string(p.Kind), p.Provider, string(p.PaymentKind), p.PaymentID, p.ProviderPaymentID}, "\x00")
}
