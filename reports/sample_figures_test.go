package reports

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"tieout/internal/money"
	"tieout/internal/payment"
)

// planting is one kind of difference and how it looks.
type planting struct {
	kind     payment.ExceptionKind
	severity payment.Severity
	detail   string
}

var planted = []planting{
	{payment.MissingAtProvider, payment.Critical, "We hold it completed; the provider says it does not know it. Don't pay again before it is clear."},
	{payment.DuplicatePayment, payment.Critical, "Paid twice: a second completed transaction carries the same reference, amount and recipient."},
	{payment.AmountMismatch, payment.High, "The provider moved less than we recorded."},
	{payment.StatusMismatch, payment.High, "We hold it completed; the provider says failed."},
	{payment.CurrencyMismatch, payment.High, "We recorded another currency than the provider moved; amounts are not compared."},
	{payment.RecipientMismatch, payment.Critical, "Sent to another number than ours: the provider shows 2567••••418."},
	{payment.LateReversal, payment.High, "Completed in our records, reversed at the provider."},
	{payment.StalePending, payment.Medium, "Pending for 66 hours, longer than the 24 hours allowed."},
	{payment.ReferenceMismatch, payment.Low, "The provider carries another reference."},
	{payment.AmbiguousMatch, payment.Medium, "Two transactions carry the reference and neither fits better."},
	{payment.InvalidProviderData, payment.Medium, "The amount has more decimals than the currency can hold."},
	{payment.NotPolled, payment.Medium, "The provider could not be reached in three tries."},
	{payment.FeeMismatch, payment.Low, "The fee is higher than the contract says."},
	{payment.SavedMethodMissing, payment.Low, "The customer has no saved method at the provider."},
	{payment.SettlementMismatch, payment.High, "The statement shows 250.00 KES less than the status answer."},
}

func (s *sample) exception(i int, r *TransactionRow, p planting, rnd *rand.Rand) ExceptionRow {
	if !p.kind.Advisory() {
		r.Result, r.InternalStatus = payment.ResultException, payment.Completed
	}
	amount := r.Amount
	e := ExceptionRow{
		Kind: p.kind, Severity: p.severity, State: payment.StateOpen, Provider: r.Provider, PaymentKind: r.Kind,
		PaymentID: r.PaymentID, ProviderPaymentID: r.ProviderPaymentID, Reference: r.Reference, InternalAmount: &amount,
		Currency: r.Amount.Currency, Account: r.Account, BusinessDate: r.BusinessDate, MatchMethod: payment.ByProviderID,
		FirstSeen: r.CreatedAt.Add(time.Duration(15+rnd.IntN(300)) * time.Minute).Truncate(time.Second),
		CreatedAt: r.CreatedAt, Detail: p.detail, AtRisk: &amount,
	}
	if e.FirstSeen.After(s.start) {
		e.FirstSeen = s.start
	}
	switch p.kind {
	case payment.AmountMismatch:
		moved := amount
		moved.Minor -= amount.Minor / 20
		r.ProviderAmount = &moved
		e.Difference = &money.Amount{Minor: moved.Minor - amount.Minor, Exp: amount.Exp, Currency: amount.Currency}
		e.AtRisk = &money.Amount{Minor: amount.Minor - moved.Minor, Exp: amount.Exp, Currency: amount.Currency}
	case payment.MissingAtProvider:
		s.noMoney(r, "unknown", "", r.Result)
		r.ProviderPaymentID, r.ProviderReference, r.MatchMethod = "", "", ""
	case payment.StatusMismatch, payment.LateReversal:
		s.noMoney(r, "failed", "FAILED", r.Result)
	case payment.StalePending, payment.AmbiguousMatch:
		s.noMoney(r, "pending", "PROCESSING", r.Result)
		r.InternalStatus = payment.Pending
	case payment.NotPolled, payment.InvalidProviderData:
		s.noMoney(r, "", "", r.Result)
		r.ObservedAt, r.MatchMethod = time.Time{}, ""
	case payment.ReferenceMismatch, payment.SavedMethodMissing, payment.FeeMismatch:
		e.AtRisk = nil
	}
	e.ProviderAmount, e.ProviderStatus, e.InternalStatus = r.ProviderAmount, r.ProviderStatus, r.InternalStatus
	if r.ProviderAmount != nil {
		e.ProviderCurrency = r.ProviderAmount.Currency
	}
	switch i % 17 {
	case 3:
		e.State, e.Owner, e.Resolution, e.Note = payment.StateResolved, "M. Banda", "corrected_by_us", "Order set to failed"
	case 5:
		e.State = payment.StateAutoResolved
	case 7, 8:
		e.Owner, e.Note = "A. Wanjiru", "Ticket 88213, answer due 23 Nov"
	}
	return e
}

// sampleTotals adds the sample's figures up from its rows.
type sampleTotals struct {
	s         *sample
	pulled    map[string]*PulledTotal
	providers map[string]*ProviderTotal
	ageing    map[flowKey]*Ageing
	moved     map[flowKey]*RollForward
	byRows    map[flowKey]*NetChange
}

func newSampleTotals(s *sample) *sampleTotals {
	return &sampleTotals{
		s: s, pulled: map[string]*PulledTotal{}, providers: map[string]*ProviderTotal{},
		ageing: map[flowKey]*Ageing{}, moved: map[flowKey]*RollForward{}, byRows: map[flowKey]*NetChange{},
	}
}

func of[K comparable, V any](m map[K]*V, key K) *V {
	if m[key] == nil {
		m[key] = new(V)
	}
	return m[key]
}

func (b *sampleTotals) addRow(r *TransactionRow) {
	key := flowKey{r.Provider, r.Kind, r.Amount.Currency}
	l := b.line(r.BusinessDate, key, r.Amount.Exp)
	p, t := of(b.pulled, r.Amount.Currency), of(b.providers, r.Provider)
	m := of(b.moved, key)
	p.Exp, m.Exp = r.Amount.Exp, r.Amount.Exp
	minor := r.Amount.Minor
	p.Pulled, p.PulledAmount, m.New = p.Pulled+1, p.PulledAmount+minor, m.New+minor
	seen := int64(0)
	if r.ProviderStatus != "" && r.ProviderStatus != "unknown" {
		seen = 1
	}
	t.Transactions += seen
	switch {
	case r.Result == payment.ResultException:
		p.Exceptions, p.ExceptionsAmount, t.Exceptions = p.Exceptions+1, p.ExceptionsAmount+minor, t.Exceptions+seen
		l.ExceptionCount, l.ExceptionAmount, m.SetAside = l.ExceptionCount+1, l.ExceptionAmount+minor, m.SetAside+minor
		if r.ProviderStatus == "completed" {
			l.Disputed += r.ProviderAmount.Minor
		}
	case r.Result == payment.ResultPending:
		p.Pending, p.PendingAmount, t.Pending = p.Pending+1, p.PendingAmount+minor, t.Pending+seen
		l.PendingCount, l.PendingAmount, m.Closing = l.PendingCount+1, l.PendingAmount+minor, m.Closing+minor
		b.age(key, r)
	case r.ProviderStatus == "failed":
		p.Matched, p.MatchedAmount, t.Matched = p.Matched+1, p.MatchedAmount+minor, t.Matched+seen
		l.FailedCount, l.FailedAmount, m.Failed = l.FailedCount+1, l.FailedAmount+minor, m.Failed+minor
	default:
		p.Matched, p.MatchedAmount, t.Matched = p.Matched+1, p.MatchedAmount+minor, t.Matched+seen
		l.Count, l.Gross, m.Completed = l.Count+1, l.Gross+r.ProviderAmount.Minor, m.Completed+minor
		b.settled(l, r, key)
	}
}

func (b *sampleTotals) settled(l *Line, r *TransactionRow, key flowKey) {
	l.Refunded += r.Refunded.Minor
	l.Net += r.Net.Minor
	if r.Fee != nil {
		l.Fee, l.FeeKnownCount, l.FeeKnown = l.Fee+r.Fee.Minor, l.FeeKnownCount+1, true
	}
	if r.Tax != nil {
		l.Tax, l.TaxKnown = l.Tax+r.Tax.Minor, true
	}
	n := of(b.byRows, key)
	n.Exp, n.After = r.Amount.Exp, n.After+r.Net.Minor
	if r.Refunded.Minor > 0 {
		ours := *r.Refunded
		if len(b.s.figures.Refunds)%5 == 1 {
			ours.Minor = 0
		}
		b.s.figures.Refunds = append(b.s.figures.Refunds, Refund{
			Provider: r.Provider, Kind: r.Kind, Currency: r.Amount.Currency, BusinessDate: r.BusinessDate,
			PaymentID: r.PaymentID, Reference: r.Reference, Amount: r.Amount, AtProvider: *r.Refunded, InOurs: ours,
		})
	}
}

func (b *sampleTotals) age(key flowKey, r *TransactionRow) {
	a := of(b.ageing, key)
	old := b.s.start.Sub(r.CreatedAt)
	a.Exp, a.Count, a.Amount, a.OldestSeconds = r.Amount.Exp, a.Count+1, a.Amount+r.Amount.Minor, max(a.OldestSeconds, int64(old.Seconds()))
	for i, limit := range []time.Duration{time.Hour, day, 3 * day, 7 * day, 1000 * day} {
		if old < limit {
			a.Buckets[i]++
			break
		}
	}
	if old > 60*time.Hour {
		a.PastAllowed++
	}
}

func (b *sampleTotals) line(date time.Time, key flowKey, exp int) *Line {
	k := lineKey{date, key.provider, key.kind, key.currency}
	l := b.s.lines[k]
	if l == nil {
		l = &Line{BusinessDate: date, Provider: key.provider, Kind: key.kind, Currency: key.currency, Exp: exp}
		b.s.lines[k] = l
	}
	return l
}

// addOrphans plants provider transactions that no payment explains.
func (b *sampleTotals) addOrphans() {
	for i, r := range routes[:4] {
		date := b.s.figures.Passport.From.AddDate(0, 0, i%3)
		amount := money.Amount{Minor: (r.least + r.most) / 2 * pow(r.exp), Exp: r.exp, Currency: r.currency}
		l := b.line(date, flowKey{r.provider, r.kind, r.currency}, r.exp)
		l.ExceptionCount, l.ExceptionAmount, l.Disputed = l.ExceptionCount+1, l.ExceptionAmount+amount.Minor, l.Disputed+amount.Minor
		t := of(b.providers, r.provider)
		t.Transactions, t.Exceptions = t.Transactions+2, t.Exceptions+1
		t.Unclaimed++
		b.s.exceptions = append(b.s.exceptions, ExceptionRow{
			ID: "EX-261118-9" + string(rune('0'+i)), Kind: payment.MissingInternally, Severity: severities[i%2], State: payment.StateOpen,
			Provider: r.provider, PaymentKind: r.kind, ProviderPaymentID: "c8943332-c3c8-412f-bfdd-fb64d245bd8" + string(rune('0'+i)),
			ProviderAmount: &amount, ProviderCurrency: r.currency, ProviderStatus: "completed", BusinessDate: date,
			FirstSeen: date.Add(9 * time.Hour), Detail: "The provider moved money that no payment of ours explains.", AtRisk: &amount,
		})
	}
}

func (b *sampleTotals) finish() {
	f := &b.s.figures
	for _, l := range b.s.lines {
		f.Lines = append(f.Lines, *l)
	}
	slices.SortFunc(f.Lines, func(x, y Line) int {
		return cmp.Or(x.BusinessDate.Compare(y.BusinessDate), cmp.Compare(x.Provider, y.Provider), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Currency, y.Currency))
	})
	for currency, p := range b.pulled {
		p.Currency = currency
		f.Pulled = append(f.Pulled, *p)
		f.Checks = append(f.Checks, Check{
			Name: "pulled " + currency, Left: money.FormatMinor(p.PulledAmount, p.Exp),
			Right: money.FormatMinor(p.MatchedAmount+p.PendingAmount+p.ExceptionsAmount, p.Exp),
			Ties:  p.PulledAmount == p.MatchedAmount+p.PendingAmount+p.ExceptionsAmount,
		})
	}
	slices.SortFunc(f.Pulled, func(x, y PulledTotal) int { return cmp.Compare(x.Currency, y.Currency) })
	slices.SortFunc(f.Checks, func(x, y Check) int { return cmp.Compare(x.Name, y.Name) })
	for name, p := range b.providers {
		p.Provider = name
		f.Providers = append(f.Providers, *p)
	}
	slices.SortFunc(f.Providers, func(x, y ProviderTotal) int { return cmp.Compare(x.Provider, y.Provider) })
	for _, g := range flows(*f) {
		b.flow(g)
	}
	b.changes()
}

func (b *sampleTotals) flow(g *flow) {
	f, key := &b.s.figures, flowKey{g.provider, g.kind, g.currency}
	if a := b.ageing[key]; a != nil {
		a.Provider, a.Kind, a.Currency = g.provider, g.kind, g.currency
		f.Ageing = append(f.Ageing, *a)
	}
	m := of(b.moved, key)
	m.Provider, m.Kind, m.Currency, m.Opening = g.provider, g.kind, g.currency, m.Completed/20
	m.New -= m.Opening
	f.RollForward = append(f.RollForward, *m)
	if n := b.byRows[key]; n != nil {
		n.Provider, n.Kind, n.Currency, n.Before = g.provider, g.kind, g.currency, n.After
		f.NetByRows = append(f.NetByRows, *n)
		if len(f.NetChanges) < 5 {
			n.Before -= n.After / 40
		}
		f.NetChanges = append(f.NetChanges, *n)
	}
	fee := FeeLine{
		Provider: g.provider, Kind: g.kind, Currency: g.currency, Exp: g.exp, Count: g.count, FeeKnown: g.feeKnown,
		Gross: g.gross.minor.Int64(), Charged: g.fee.minor.Int64(), Tax: g.tax.minor.Int64(), TaxKnown: g.taxIsKnown,
	}
	scheduled := fee.Charged
	if g.provider == "pawapay-zm" {
		scheduled, fee.Differing = scheduled-72, 1
	}
	if g.currency != "IDR" {
		fee.HasSchedule, fee.Scheduled = true, &scheduled
	}
	f.Fees = append(f.Fees, fee)
	st := StatementTotal{Provider: g.provider, Kind: g.kind, Currency: g.currency, Exp: g.exp, Gross: fee.Gross, Disputed: g.disputed.minor.Int64()}
	if g.provider != "pesaswap-ke" {
		total := st.Gross + st.Disputed
		if g.provider == "pesaway-ke" && g.kind == payment.Deposit {
			total, st.ExplainedByException = total-40_000, -25_000
			st.Sentence = "the statement of 19 Nov shows 400.00 KES less than the provider total; 250.00 is exception EX-261119-0039, 150.00 is unexplained."
		}
		st.Statement = &total
	}
	f.Statements = append(f.Statements, st)
}

func (b *sampleTotals) changes() {
	for i := range min(9, b.s.n) {
		r, _ := b.s.payment(20 + i)
		amount := r.Amount
		c := Change{
			PaymentID: r.PaymentID, Provider: r.Provider, Kind: r.Kind, Reference: r.Reference, Amount: &amount, What: "Result",
			Before: "pending", After: "matched", Why: "Late status: the provider now says completed.", Group: "status came late",
		}
		if i > 6 {
			c.What, c.Before, c.After, c.Group = "Exception state", "open", "auto_resolved", "exception was closed"
			c.Why = "The difference is gone: the provider corrected it."
		}
		b.s.figures.Changes = append(b.s.figures.Changes, c)
	}
}
