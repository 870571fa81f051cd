package sandbox_test

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"tieout/internal/corpus"
	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
	"tieout/internal/provider/pawapay"
	"tieout/internal/provider/pesaswap"
	"tieout/internal/provider/pesaway"
	"tieout/internal/provider/pivot"
	"tieout/internal/sandbox"
)

// key names a transaction, or a payment by what it should have.
type key struct {
	provider string
	kind     payment.Kind
	id       string
}

// oracle is a small reconciliation, written for plainness and not for speed,
// that stands for tieout in the tests of the corpus.
type oracle struct {
	now      time.Time
	payments []payment.Payment
	mu       sync.Mutex
	known    map[key]payment.Transaction
	answers  map[string]provider.Answer // by payment id
	unsaved  map[string]bool
	complete map[key]bool // by provider and kind: a list that proves absence
	found    []string
}

// learn asks one account for everything.
func (o *oracle) learn(ctx context.Context, a corpus.Account, url string, credentials map[string]string, from, to time.Time) error {
	specs := map[string]provider.Spec{
		corpus.Pawapay: pawapay.Spec(), corpus.Pesaswap: pesaswap.Spec(), corpus.Pesaway: pesaway.Spec(), corpus.Pivot: pivot.Spec(),
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	defer transport.CloseIdleConnections()
	h, err := httpx.New(httpx.Config{BaseURL: url, Transport: transport, MaxAttempts: 8, Backoff: time.Millisecond, BreakAfter: 1000})
	if err != nil {
		return err
	}
	c, err := specs[a.Type].New(provider.Settings{
		Name: a.Name, BaseURL: url, Credentials: credentials, Scale: a.Scale, HTTP: h, Now: func() time.Time { return o.now },
	})
	if err != nil {
		return err
	}
	if err := o.list(ctx, a, c, from, to); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, p := range o.payments {
		if p.Provider == a.Name {
			g.Go(func() error { o.ask(ctx, c, p); return nil })
		}
	}
	return g.Wait()
}

func (o *oracle) list(ctx context.Context, a corpus.Account, c provider.Client, from, to time.Time) error {
	l, ok := c.(provider.Lister)
	if !ok || a.Type == corpus.Pawapay { // whose statements need a callback URL
		return nil
	}
	for _, k := range []payment.Kind{payment.Deposit, payment.Payout} {
		reach, err := l.List(ctx, provider.ListQuery{Kind: k, From: from, To: to, Currencies: a.Currencies, Now: o.now}, func(p provider.Page) error {
			for _, row := range p.Invalid {
				return fmt.Errorf("row %s can't be read: %s", row.ID, row.Reason)
			}
			o.keep(a.Name, p.Transactions, false)
			return nil
		})
		if err != nil {
			return fmt.Errorf("list of %s at %s: %w", k, a.Name, err)
		}
		o.complete[key{a.Name, k, ""}] = reach.Complete && !reach.CompletedOnly
	}
	return nil
}

// keep remembers transactions; a status answer knows more than a row.
func (o *oracle) keep(name string, list []payment.Transaction, status bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, t := range list {
		k := key{name, t.Kind, t.Key()}
		old, there := o.known[k]
		if t.CreatedAt.IsZero() { // pesaway's status answers have no such time
			t.CreatedAt = old.CreatedAt
		}
		if status || !there {
			o.known[k] = t
		}
	}
}

// ask asks about one payment, by the id that a list told where the payment
// holds none.
func (o *oracle) ask(ctx context.Context, c provider.Client, p payment.Payment) {
	q := provider.Query{
		Kind: p.Kind, PaymentID: p.ID, ProviderPaymentID: p.ProviderPaymentID, Reference: p.Reference, Amount: p.Amount,
		Account: p.Account, CustomerID: p.CustomerID, CreatedAt: p.CreatedAt, RefundIDs: p.RefundIDs,
	}
	a := c.Status(ctx, q)
	o.keep(p.Provider, a.Transactions, a.Verdict == provider.Found)
	if q.ProviderPaymentID == "" && a.Verdict != provider.Found {
		for _, t := range o.candidates(p) {
			q.ProviderPaymentID = t.ID
			if b := c.Status(ctx, q); b.Verdict == provider.Found {
				o.keep(p.Provider, b.Transactions, true)
			}
		}
	}
	if s, ok := c.(provider.SavedMethods); ok && p.SaveMethod && len(a.Transactions) == 1 {
		if present, checkable, _ := s.SavedMethods(ctx, p.CustomerID, a.Transactions[0]); checkable && !present {
			o.mu.Lock()
			o.unsaved[p.ID] = true
			o.mu.Unlock()
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answers[p.ID] = a
}

func byID(p payment.Payment, t payment.Transaction) bool {
	return t.OwnID == p.ID || t.ID == p.ProviderPaymentID && (!t.Batched || t.Reference == p.Reference)
}

// candidates are the transactions that may be the payment's, best rung only
// for metadata.
func (o *oracle) candidates(p payment.Payment) []payment.Transaction {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out, byMetadata []payment.Transaction
	for k, t := range o.known {
		if k.provider != p.Provider || k.kind != p.Kind || o.claimed(p, t) {
			continue
		}
		switch {
		case byID(p, t), t.Reference != "" && t.Reference == p.Reference:
			out = append(out, t)
		case t.Reference == "" && t.Metadata[corpus.MetadataKey] == p.Metadata[corpus.MetadataKey] && t.Amount == p.Amount:
			byMetadata = append(byMetadata, t)
		}
	}
	if len(out) == 0 {
		out = byMetadata
	}
	slices.SortFunc(out, func(a, b payment.Transaction) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.ID, b.ID))
	})
	return out
}

// claimed: another payment's id names the transaction.
func (o *oracle) claimed(p payment.Payment, t payment.Transaction) bool {
	for _, other := range o.payments {
		if other.ID != p.ID && other.Provider == p.Provider && other.Kind == p.Kind && byID(other, t) {
			return !byID(p, t)
		}
	}
	return false
}

func (o *oracle) raise(k payment.ExceptionKind, p payment.Payment, txID string) {
	if k != payment.MissingInternally && k != payment.DuplicatePayment { // the payment alone says it all
		txID = ""
	}
	o.found = append(o.found, fmt.Sprint(k, " ", p.Provider, " ", p.Kind, " ", p.ID, " ", txID))
}

// judge classifies all payments and what is left over.
func (o *oracle) judge() {
	used := map[key]bool{}
	type same struct{ provider, reference, amount, recipient string }
	first := map[same]bool{}
	for _, p := range o.payments {
		c := o.candidates(p)
		for _, t := range c {
			used[key{p.Provider, p.Kind, t.Key()}] = true
		}
		if o.shared(p, c) {
			o.raise(payment.AmbiguousMatch, p, "")
			continue
		}
		t, ok := o.choose(p, c)
		if !ok {
			continue
		}
		if t == nil {
			o.absent(p)
			continue
		}
		o.compare(p, *t)
		s := same{p.Provider + string(p.Kind), p.Reference, p.Amount.String() + p.Amount.Currency, p.Account}
		if t.Status == payment.Completed && (p.Status == payment.Completed || !p.Status.Final()) {
			if first[s] {
				o.raise(payment.DuplicatePayment, p, t.ID)
			}
			first[s] = true
		}
	}
	for k, t := range o.known {
		if !used[k] && (t.Status == payment.Completed || t.Status == payment.Reversed || t.Status == payment.Pending) {
			o.raise(payment.MissingInternally, payment.Payment{Provider: k.provider, Kind: k.kind}, t.ID)
		}
	}
}

// shared: another payment without an id carries the reference of the candidates.
func (o *oracle) shared(p payment.Payment, c []payment.Transaction) bool {
	if len(c) == 0 || slices.ContainsFunc(c, func(t payment.Transaction) bool { return byID(p, t) }) {
		return false
	}
	return slices.ContainsFunc(o.payments, func(other payment.Payment) bool {
		return other.ID != p.ID && other.Provider == p.Provider && other.Kind == p.Kind && other.Reference == p.Reference && other.ProviderPaymentID == ""
	})
}

// choose tells several transactions of one payment apart; ok is false where
// that is already an exception, and nil means that there is none.
func (o *oracle) choose(p payment.Payment, c []payment.Transaction) (chosen *payment.Transaction, ok bool) {
	var done, open []payment.Transaction
	for _, t := range c {
		switch t.Status {
		case payment.Completed:
			done = append(done, t)
		case payment.Pending:
			open = append(open, t)
		}
	}
	switch {
	case len(c) == 0:
		return nil, true
	case len(done) == 0 && len(open) > 0:
		return &open[0], true
	case len(done) == 0:
		return &c[len(c)-1], true
	case len(done) == 1:
		for _, t := range open {
			o.raise(payment.DuplicatePayment, p, t.ID)
		}
		return &done[0], true
	}
	sum, equal := done[0].Moved(), done[0].Moved() == p.Amount
	for _, t := range done[1:] {
		sum.Minor += t.Moved().Minor
		equal = equal && t.Moved() == p.Amount
	}
	switch {
	case equal:
		for _, t := range done[1:] {
			o.raise(payment.DuplicatePayment, p, t.ID)
		}
		return &done[0], true
	case sum == p.Amount:
		whole := done[0]
		whole.Amount, whole.Settled = sum, nil
		return &whole, true
	}
	o.raise(payment.AmbiguousMatch, p, "")
	return nil, false
}

func (o *oracle) stale(p payment.Payment, action payment.Action) bool {
	limit := corpus.StalePayout
	if p.Kind == payment.Deposit || action != "" {
		limit = corpus.StaleDeposit
	}
	return o.now.Sub(p.CreatedAt) > limit
}

// absent judges a payment without a transaction.
func (o *oracle) absent(p payment.Payment) {
	v := o.answers[p.ID].Verdict
	if v == provider.NotAskable && o.complete[key{p.Provider, p.Kind, ""}] {
		v = provider.Unknown
	}
	// A list of completed ones at pesaway proves nothing about an open payment.
	halfProven := v == provider.NotAskable && strings.HasPrefix(p.Provider, "pesaway")
	outstanding := !p.Status.Final()
	switch {
	case v == provider.Invalid:
		o.raise(payment.InvalidProviderData, p, p.ProviderPaymentID)
	case v != provider.Unknown && !halfProven:
		o.raise(payment.NotPolled, p, p.ProviderPaymentID)
	case p.Status == payment.Created || halfProven && outstanding:
		if o.stale(p, "") {
			o.raise(payment.StalePending, p, p.ProviderPaymentID)
		}
	case outstanding || p.Status == payment.Completed || p.Status == payment.Reversed:
		o.raise(payment.MissingAtProvider, p, p.ProviderPaymentID)
	}
}

func noMoney(s payment.Status) bool {
	return s == payment.Failed || s == payment.Cancelled || s == payment.Expired || s == payment.Rejected
}

// compare judges a payment with its transaction.
func (o *oracle) compare(p payment.Payment, t payment.Transaction) {
	refunded := int64(0)
	if t.Refunded != nil {
		refunded = t.Refunded.Minor
	}
	gone := t.Status == payment.Reversed || t.Status == payment.Completed && refunded == p.Amount.Minor
	same := t.Refunded == nil || refunded == p.Refunded.Minor
	switch s := p.Status; {
	case s == payment.Reversed && !gone:
		o.raise(payment.StatusMismatch, p, t.ID)
	case s == payment.Completed && (noMoney(t.Status) || t.Status == payment.Pending):
		o.raise(payment.StatusMismatch, p, t.ID)
	case s == payment.Completed && t.Status == payment.Reversed, s != payment.Reversed && t.Status == payment.Completed && !noMoney(s) && !same:
		o.raise(payment.LateReversal, p, t.ID)
	case noMoney(s) && (t.Status == payment.Completed || t.Status == payment.Pending):
		o.raise(payment.StatusMismatch, p, t.ID)
	case !s.Final() && t.Status == payment.Pending && o.stale(p, t.NeedsAction):
		o.raise(payment.StalePending, p, t.ID)
	}
	if t.Amount.Currency != p.Amount.Currency {
		o.raise(payment.CurrencyMismatch, p, t.ID)
	} else if t.Moved() != p.Amount {
		o.raise(payment.AmountMismatch, p, t.ID)
	}
	order, told := t.Metadata[corpus.MetadataKey]
	if t.Reference != "" && t.Reference != p.Reference && t.Reference != p.ID || told && order != p.Metadata[corpus.MetadataKey] {
		o.raise(payment.ReferenceMismatch, p, t.ID)
	}
	if !strings.Contains(t.Account, "*") && t.Account != "" && ending(t.Account) != ending(p.Account) {
		o.raise(payment.RecipientMismatch, p, t.ID)
	}
	if o.unsaved[p.ID] {
		o.raise(payment.SavedMethodMissing, p, t.ID)
	}
}

// ending is the part of a number that no spelling changes.
func ending(account string) string {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, account)
	return digits[max(0, len(digits)-8):]
}

// reconcile runs the oracle over a world that is served over HTTP.
func reconcile(t *testing.T, w corpus.World, now, from, to time.Time, faults ...sandbox.Fault) []string {
	t.Helper()
	s, url := up(t, w, sandbox.Options{Now: func() time.Time { return now }, Faults: sandbox.Faults{
		Requests: faults, Lists: []sandbox.ListFault{{RepeatRows: 9}},
	}})
	o := &oracle{
		now: now, payments: w.Payments, known: map[key]payment.Transaction{}, answers: map[string]provider.Answer{},
		unsaved: map[string]bool{}, complete: map[key]bool{},
	}
	for _, a := range w.Accounts {
		if err := o.learn(t.Context(), a, url+"/"+a.Name, s.Credentials(a.Name), from, to); err != nil {
			t.Fatalf("%s: %v", a.Name, err)
		}
	}
	o.judge()
	slices.Sort(o.found)
	return o.found
}

// The corpus is only as good as its word: a reconciliation through the four
// clients, against the four servers, finds what was planted and nothing else,
// at Now and an hour later.
func TestPlantedDifferencesAreExactlyWhatTheProvidersShow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		o    corpus.Options
		late time.Duration
	}{
		{"five days", corpus.Options{Seed: 1, Payments: 900, Days: 5, DifferenceShare: 0.3}, 0},
		{"an hour later", corpus.Options{Seed: 2, Payments: 600, Days: 2, DifferenceShare: 0.2}, time.Hour},
		{"one day", corpus.Options{Seed: 3, Payments: 400, Days: 1}, 0},
		{"no differences", corpus.Options{Seed: 4, Payments: 900, Days: 4, DifferenceShare: -1}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			from := time.Date(2026, 3, 2, 0, 0, 0, 0, time.FixedZone("EAT", 3*60*60))
			c.o.From, c.o.Location = from, from.Location()
			c.o.Now = from.AddDate(0, 0, c.o.Days).Add(7 * time.Hour)
			w := corpus.Generate(c.o)
			diff(t, w.Planted, reconcile(t, w, c.o.Now.Add(c.late), from, from.AddDate(0, 0, c.o.Days).Add(time.Hour)))
		})
	}
}

// The same holds where the payments were there first.
func TestOwnPaymentsGiveExactlyWhatTheProvidersShow(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	now := from.AddDate(0, 0, 3).Add(6 * time.Hour)
	base := corpus.Generate(corpus.Options{Seed: 6, Payments: 800, From: from, Location: time.UTC, Now: now, DifferenceShare: 0.1})
	w := corpus.FromPayments(7, base.Accounts, base.Payments, corpus.Options{DifferenceShare: 0.2, Now: now})
	diff(t, w.Planted, reconcile(t, w, now, from, from.AddDate(0, 0, 3).Add(time.Hour)))
}

// Faults that pass change nothing of what is found.
func TestPassingFaultsChangeNoFinding(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	now := from.AddDate(0, 0, 2).Add(6 * time.Hour)
	w := corpus.Generate(corpus.Options{Seed: 8, Payments: 400, From: from, Days: 2, Location: time.UTC, Now: now, DifferenceShare: 0.2})
	got := reconcile(t, w, now, from, from.AddDate(0, 0, 2).Add(time.Hour),
		sandbox.Fault{Every: 13, Effect: sandbox.Effect{Status: 503}},
		sandbox.Fault{Every: 17, Effect: sandbox.Effect{Drop: true}},
		sandbox.Fault{Every: 19, Effect: sandbox.Effect{Half: true}},
		sandbox.Fault{Every: 23, Effect: sandbox.Effect{Status: 429, RetryAfter: "0"}},
		sandbox.Fault{Account: "pivot-id", Every: 29, Effect: sandbox.Effect{ExpiredToken: true}},
		sandbox.Fault{Account: "pesaway-ke", Every: 29, Effect: sandbox.Effect{ExpiredToken: true}},
	)
	diff(t, w.Planted, got)
}

func diff(t *testing.T, planted []corpus.Planted, got []string) {
	t.Helper()
	var want []string
	for _, d := range planted {
		want = append(want, fmt.Sprint(d.Kind, " ", d.Provider, " ", d.PaymentKind, " ", d.PaymentID, " ", d.ProviderPaymentID))
	}
	slices.Sort(want)
	for _, x := range want {
		if !slices.Contains(got, x) {
			t.Errorf("planted and not found: %s", x)
		}
	}
	for i, x := range got {
		if !slices.Contains(want, x) {
			t.Errorf("found and not planted: %s", x)
		}
		if i > 0 && got[i-1] == x {
			t.Errorf("found twice: %s", x)
		}
	}
}
