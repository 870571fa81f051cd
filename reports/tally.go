package reports

import (
	"cmp"
	"slices"
	"time"

	"tieout/internal/payment"
)

// severities from worst to least.
var severities = []payment.Severity{payment.Critical, payment.High, payment.Medium, payment.Low}

// bySeverity counts open exceptions, worst first.
type bySeverity [4]int64

func (s bySeverity) total() int64 { return s[0] + s[1] + s[2] + s[3] }

// openGroup is what is open of one kind or one provider.
type openGroup struct {
	name   string
	counts bySeverity
	oldest time.Duration
}

// openMoney is what is open in one currency.
type openMoney struct {
	currency               string
	open, critical         int64
	atRisk, criticalAtRisk sum
}

// ageBands of open exceptions: under one day, to two, to three, to seven, over.
var ageBands = []time.Duration{day, 2 * day, 3 * day, 7 * day}

const day = 24 * time.Hour

// exceptionTally adds up the exceptions of the range without holding them.
type exceptionTally struct {
	start                        time.Time // ages are measured to it
	rows, byThemselves, byPerson int64     // all, and the closed ones
	open                         bySeverity
	oldest                       time.Duration
	olderThanTwoDays             int64
	ages                         [5]bySeverity
	kinds, providers             map[string]*openGroup
	currencies                   map[string]*openMoney
	notPolled                    int64
	lateReversals                int64
	widths                       []int // of the columns of exceptions.csv
}

func newExceptionTally(start time.Time) *exceptionTally {
	return &exceptionTally{
		start: start, kinds: map[string]*openGroup{}, providers: map[string]*openGroup{},
		currencies: map[string]*openMoney{},
	}
}

func (t *exceptionTally) add(r *ExceptionRow) {
	t.rows++
	switch r.State {
	case payment.StateAutoResolved:
		t.byThemselves++
		return
	case payment.StateResolved, payment.StateIgnored:
		t.byPerson++
		return
	}
	rank := severityRank(r.Severity)
	age, known := exceptionAge(r, t.start)
	t.open[rank]++
	for _, g := range []*openGroup{group(t.kinds, string(r.Kind)), group(t.providers, r.Provider)} {
		g.counts[rank]++
		g.oldest = max(g.oldest, age)
	}
	t.oldest = max(t.oldest, age)
	if known {
		t.ages[ageBand(age)][rank]++
	}
	if age > 2*day {
		t.olderThanTwoDays++
	}
	switch r.Kind {
	case payment.NotPolled:
		t.notPolled++
	case payment.LateReversal:
		t.lateReversals++
	}
	t.addMoney(r, rank)
}

func (t *exceptionTally) addMoney(r *ExceptionRow, rank int) {
	currency := cmp.Or(r.Currency, r.ProviderCurrency)
	if r.AtRisk != nil {
		currency = r.AtRisk.Currency
	}
	if currency == "" {
		return // a provider's answer that could not be read has none
	}
	m := t.currencies[currency]
	if m == nil {
		m = &openMoney{currency: currency}
		t.currencies[currency] = m
	}
	m.open++
	if rank == 0 {
		m.critical++
	}
	if r.AtRisk == nil {
		return
	}
	m.atRisk.add(r.AtRisk.Minor, r.AtRisk.Exp)
	if rank == 0 {
		m.criticalAtRisk.add(r.AtRisk.Minor, r.AtRisk.Exp)
	}
}

// exceptionAge is how old the payment (or orphan) of a difference was at the
// start of the run: the difference is as old as its money.
func exceptionAge(r *ExceptionRow, start time.Time) (age time.Duration, known bool) {
	if r.CreatedAt.IsZero() || start.IsZero() {
		return 0, false
	}
	return max(0, start.Sub(r.CreatedAt)), true
}

func ageBand(age time.Duration) int {
	for i, limit := range ageBands {
		if age < limit {
			return i
		}
	}
	return len(ageBands)
}

func severityRank(s payment.Severity) int {
	if i := slices.Index(severities, s); i >= 0 {
		return i
	}
	return len(severities) - 1
}

func group(m map[string]*openGroup, name string) *openGroup {
	g := m[name]
	if g == nil {
		g = &openGroup{name: name}
		m[name] = g
	}
	return g
}

// worstKinds lists the kinds that are open, worst first.
func (t *exceptionTally) worstKinds() []*openGroup {
	out := sortedGroups(t.kinds)
	slices.SortStableFunc(out, func(a, b *openGroup) int {
		for i := range a.counts {
			if c := cmp.Compare(b.counts[i], a.counts[i]); c != 0 {
				return c
			}
		}
		return 0
	})
	return out
}

func sortedGroups(m map[string]*openGroup) []*openGroup {
	out := make([]*openGroup, 0, len(m))
	for _, g := range m {
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b *openGroup) int { return cmp.Compare(a.name, b.name) })
	return out
}

func (t *exceptionTally) sortedCurrencies() []*openMoney {
	out := make([]*openMoney, 0, len(t.currencies))
	for _, m := range t.currencies {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b *openMoney) int { return cmp.Compare(a.currency, b.currency) })
	return out
}

// flow is what a provider, kind and currency did in the whole range.
type flow struct {
	provider, currency             string
	kind                           payment.Kind
	exp                            int
	count, feeKnown, exceptions    int64
	matched, pending               int64
	gross, refunded, fee, tax, net sum
	disputed, pendingAmount        sum
	feeIsKnown, taxIsKnown         bool
	payments                       int64 // and orphans: the five counts
	statement                      *StatementTotal
}

// exact tells whether formulas can add this flow up.
func (f *flow) exact() bool {
	for _, s := range []*sum{&f.gross, &f.refunded, &f.fee, &f.tax, &f.net, &f.disputed, &f.pendingAmount} {
		if !s.exact() {
			return false
		}
	}
	return true
}

// providerTotal is gross + disputed: what a statement or a bank account must show.
func (f *flow) providerTotal() *sum {
	t := &sum{exp: f.exp}
	t.addSum(&f.gross)
	t.addSum(&f.disputed)
	return t
}

// unexplained is what is left of the statement's difference; nil without a statement.
func (f *flow) unexplained() *sum {
	if f.statement == nil || f.statement.Statement == nil {
		return nil
	}
	return statementUnexplained(f.statement)
}

// statementUnexplained is statement − provider total − what exceptions explain.
func statementUnexplained(s *StatementTotal) *sum {
	u := &sum{exp: s.Exp}
	u.add(*s.Statement, s.Exp)
	u.add(-s.Gross, s.Exp)
	u.add(-s.Disputed, s.Exp)
	u.add(-s.ExplainedByException, s.Exp)
	return u
}

// equation is net by the equation: deposits gross − refunded − fee − tax,
// payouts gross − refunded + fee + tax.
func (f *flow) equation() *sum {
	t := &sum{exp: f.exp}
	t.addSum(&f.gross)
	t.sub(&f.refunded)
	if f.kind == payment.Payout {
		t.addSum(&f.fee)
		t.addSum(&f.tax)
	} else {
		t.sub(&f.fee)
		t.sub(&f.tax)
	}
	return t
}

type flowKey struct {
	provider string
	kind     payment.Kind
	currency string
}

// flows adds the settlement lines up by provider, kind and currency, in the
// order of the lines' own sorting.
func flows(f Figures) []*flow {
	byKey := map[flowKey]*flow{}
	for i := range f.Lines {
		l := &f.Lines[i]
		key := flowKey{l.Provider, l.Kind, l.Currency}
		g := byKey[key]
		if g == nil {
			g = &flow{provider: l.Provider, kind: l.Kind, currency: l.Currency}
			byKey[key] = g
		}
		g.addLine(l)
	}
	for i := range f.Statements {
		s := &f.Statements[i]
		if g := byKey[flowKey{s.Provider, s.Kind, s.Currency}]; g != nil {
			g.statement = s
		}
	}
	out := make([]*flow, 0, len(byKey))
	for _, g := range byKey {
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b *flow) int {
		return cmp.Or(cmp.Compare(a.provider, b.provider), cmp.Compare(a.kind, b.kind), cmp.Compare(a.currency, b.currency))
	})
	return out
}

func (f *flow) addLine(l *Line) {
	f.exp = max(f.exp, l.Exp)
	f.count += l.Count
	f.feeKnown += l.FeeKnownCount
	f.exceptions += l.ExceptionCount
	f.matched += l.Count + l.FailedCount + l.ReversedCount
	f.pending += l.PendingCount
	f.payments += l.Count + l.FailedCount + l.ReversedCount + l.PendingCount + l.ExceptionCount
	f.gross.add(l.Gross, l.Exp)
	f.refunded.add(l.Refunded, l.Exp)
	f.net.add(l.Net, l.Exp)
	f.disputed.add(l.Disputed, l.Exp)
	f.pendingAmount.add(l.PendingAmount, l.Exp)
	if l.FeeKnown {
		f.fee.add(l.Fee, l.Exp)
		f.feeIsKnown = true
	}
	if l.TaxKnown {
		f.tax.add(l.Tax, l.Exp)
		f.taxIsKnown = true
	}
}

// balance is what a currency's flows did to the merchant's balances.
type balance struct {
	currency    string
	exp         int
	payments    int64
	in, out     sum
	pending     sum
	disputed    sum
	unexplained sum
	statements  int // flows that a statement covers
	exact       bool
	allTie      bool
}

func balances(flows []*flow) []*balance {
	byCurrency := map[string]*balance{}
	var out []*balance
	for _, f := range flows {
		b := byCurrency[f.currency]
		if b == nil {
			b = &balance{currency: f.currency, exact: true, allTie: true}
			byCurrency[f.currency] = b
			out = append(out, b)
		}
		b.exp = max(b.exp, f.exp)
		b.payments += f.payments
		if f.kind == payment.Payout {
			b.out.addSum(&f.net)
		} else {
			b.in.addSum(&f.net)
		}
		b.pending.addSum(&f.pendingAmount)
		b.disputed.addSum(&f.disputed)
		if u := f.unexplained(); u != nil {
			b.unexplained.addSum(u)
			b.statements++
		}
		b.exact = b.exact && f.exact()
		b.allTie = b.allTie && f.ties()
	}
	slices.SortFunc(out, func(a, b *balance) int { return cmp.Compare(a.currency, b.currency) })
	return out
}

// ties tells whether the flow's equation and, where there is one, its statement hold.
func (f *flow) ties() bool {
	d := f.equation()
	d.sub(&f.net)
	u := f.unexplained()
	return d.sign() == 0 && (u == nil || u.sign() == 0)
}
