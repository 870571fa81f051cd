package store_test

import (
	"strings"
	"testing"
	"time"

	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/store"
)

// pairs are payments with the one transaction that their ids link them to.
type pair struct {
	p    pay
	x    tx
	want string
	ex   []payment.ExceptionKind
}

func checkPairs(t *testing.T, w *world, pairs map[string]pair) found {
	t.Helper()
	for name, c := range pairs {
		c.p.id = strings.ReplaceAll(name, " ", "_")
		c.x.id = "t-" + c.p.id
		c.p.ppid, c.x.kind = c.x.id, c.p.kind
		w.pays(c.p)
		w.txs(c.x)
	}
	f := w.run(1, 10)
	for name, c := range pairs {
		t.Run(name, func(t *testing.T) { f.expect(t, strings.ReplaceAll(name, " ", "_"), c.want, c.ex...) })
	}
	return f
}

func kinds(k ...payment.ExceptionKind) []payment.ExceptionKind { return k }

func TestAmountsAndCurrencies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.rules.Tolerance = []store.Tolerance{{Provider: "pay", Kind: "payout", Currency: "UGX", Minor: 5}, {Provider: "pay", Kind: "deposit", Currency: "UGX", Minor: 5}}
	const ok, wrong = "matched completed", "exception completed"
	f := checkPairs(t, w, map[string]pair{
		"equal":                     {p: pay{amount: "10.50"}, x: tx{amount: "10.5"}, want: ok},
		"one cent more":             {p: pay{amount: "10"}, x: tx{amount: "10.01"}, want: wrong, ex: kinds(payment.AmountMismatch)},
		"one cent less":             {p: pay{amount: "10"}, x: tx{amount: "9.99"}, want: wrong, ex: kinds(payment.AmountMismatch)},
		"what moved counts":         {p: pay{}, x: tx{settled: "60"}, want: wrong, ex: kinds(payment.AmountMismatch)},
		"asked for another, moved":  {p: pay{amount: "60"}, x: tx{settled: "60"}, want: ok},
		"other currency":            {p: pay{}, x: tx{cur: "USD", amount: "7"}, want: wrong, ex: kinds(payment.CurrencyMismatch)},
		"other currency and refund": {p: pay{}, x: tx{cur: "USD", refunded: "7"}, want: wrong, ex: kinds(payment.CurrencyMismatch)},
		"tolerated":                 {p: pay{cur: "UGX"}, x: tx{cur: "UGX", amount: "105"}, want: ok},
		"tolerated, less":           {p: pay{cur: "UGX"}, x: tx{cur: "UGX", amount: "95"}, want: ok},
		"beyond the tolerance":      {p: pay{cur: "UGX"}, x: tx{cur: "UGX", amount: "106"}, want: wrong, ex: kinds(payment.AmountMismatch)},
		"tolerance of its currency": {p: pay{}, x: tx{amount: "100.01"}, want: wrong, ex: kinds(payment.AmountMismatch)},
		"pending already differs":   {p: pay{status: payment.Pending}, x: tx{status: payment.Pending, amount: "90"}, want: "exception pending", ex: kinds(payment.AmountMismatch)},
		"held for review differs":   {p: pay{status: payment.Pending}, x: tx{status: payment.Pending, needs: payment.ActionReview, settled: "90"}, want: "exception pending", ex: kinds(payment.AmountMismatch)},
		"several things differ":     {p: pay{ref: "R", account: "0711111111"}, x: tx{ref: "S", account: "0722222222", amount: "1"}, want: wrong, ex: kinds(payment.AmountMismatch, payment.ReferenceMismatch, payment.RecipientMismatch)},
		"status and amount differ":  {p: pay{}, x: tx{status: payment.Failed, amount: "1"}, want: "exception failed", ex: kinds(payment.StatusMismatch, payment.AmountMismatch)},
		"stale and amount differ":   {p: pay{status: payment.Pending, at: start.Add(-80 * time.Hour)}, x: tx{status: payment.Pending, amount: "1"}, want: "exception pending", ex: kinds(payment.StalePending, payment.AmountMismatch)},
	})
	f.conserves(t, w, 0)
	if d := f.details["amount_mismatch held_for_review_differs"]; !strings.Contains(d, "90") {
		t.Errorf("the detail does not show what is held: %q", d)
	}
	if n := f.sum(func(l line) int64 { return l.exceptions }); n != 12 {
		t.Errorf("%d results are exceptions, want 12: several of one payment count once", n)
	}
}

// What a client notes beside an answer that it trusts is repeated; why it could
// not be used at another time is not.
func TestARemarkBesideAnAnswerIsRepeatedWhereTheAmountDiffers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := noon
	w.pays(pay{id: "noted", ppid: "T1", at: at, amount: "100.50"}, pay{id: "other", ppid: "T2", at: at, amount: "100.50"})
	w.says(
		said{id: "noted", verdict: provider.Found, reason: payment.Noted + "it dropped the cents", txs: []tx{{id: "T1", at: at, amount: "100"}}},
		said{id: "other", verdict: provider.Found, reason: "HTTP 503", txs: []tx{{id: "T2", at: at, amount: "100"}}},
	)
	f := w.run(1, 10)
	if d := f.details["amount_mismatch noted"]; !strings.HasSuffix(d, " Noted: it dropped the cents.") {
		t.Errorf("%q", d)
	}
	if d := f.details["amount_mismatch other"]; d == "" || strings.Contains(d, "503") {
		t.Errorf("%q", d)
	}
}

func TestReferences(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := func(v string) map[string]string { return map[string]string{"order": v} }
	const ok, wrong = "matched completed", "exception completed"
	checkPairs(t, w, map[string]pair{
		"same":               {p: pay{ref: "R1"}, x: tx{ref: "R1"}, want: ok},
		"other":              {p: pay{ref: "R2"}, x: tx{ref: "other R2"}, want: wrong, ex: kinds(payment.ReferenceMismatch)},
		"case counts":        {p: pay{ref: "R3"}, x: tx{ref: "r3"}, want: wrong, ex: kinds(payment.ReferenceMismatch)},
		"our_id_instead":     {p: pay{ref: "R4"}, x: tx{ref: "our_id_instead"}, want: ok},
		"none with us":       {p: pay{}, x: tx{ref: "R5"}, want: ok},
		"none there":         {p: pay{ref: "R6"}, x: tx{}, want: ok},
		"metadata same":      {p: pay{meta: m("a")}, x: tx{meta: m("a")}, want: ok},
		"metadata other":     {p: pay{meta: m("b")}, x: tx{meta: m("other b")}, want: wrong, ex: kinds(payment.ReferenceMismatch)},
		"metadata missing":   {p: pay{meta: m("c")}, x: tx{}, want: ok},
		"metadata not a key": {p: pay{meta: map[string]string{"name": "x"}}, x: tx{meta: map[string]string{"name": "y"}}, want: ok},
		"both differ":        {p: pay{ref: "R7", meta: m("d")}, x: tx{ref: "other R7", meta: m("other d")}, want: wrong, ex: kinds(payment.ReferenceMismatch)},
	})
}

func TestRecipients(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const ok, wrong = "matched completed", "exception completed"
	differ := kinds(payment.RecipientMismatch)
	p := func(ours, theirs, want string, ex []payment.ExceptionKind) pair {
		return pair{p: pay{account: ours}, x: tx{account: theirs}, want: want, ex: ex}
	}
	checkPairs(t, w, map[string]pair{
		"same":                             p("254712345678", "254712345678", ok, nil),
		"written otherwise":                p("+254 712-345 678", "254712345678", ok, nil),
		"national with us":                 p("0712345678", "254712345678", ok, nil),
		"national there":                   p("254712345678", "0712345678", ok, nil),
		"national without zero":            p("712345678", "254712345678", ok, nil),
		"international with zeros":         p("00254712345678", "+254712345678", ok, nil),
		"another number":                   p("254712345678", "254712345679", wrong, differ),
		"same end of seven":                p("0712345678", "254722345678", wrong, differ),
		"two countries":                    p("254712345678", "256712345678", wrong, differ),
		"short same end":                   p("2345678", "9912345678", wrong, differ),
		"eight digits same end":            p("12345678", "9912345678", ok, nil),
		"masked there":                     p("254712345678", "25471***5999", ok, nil),
		"masked with dots":                 p("254712345678", "••••5999", ok, nil),
		"masked with x":                    p("254712345678", "XXXXXXXX5999", ok, nil),
		"none with us":                     p("", "254712345678", ok, nil),
		"none there":                       p("254712345678", "", ok, nil),
		"short account with leading zeros": p("001234", "1234", wrong, differ),
		"account with leading zeros":       p("0012345678", "12345678", ok, nil),
	})
}

func TestRefunds(t *testing.T) {
	t.Parallel()
	late := kinds(payment.LateReversal)
	w := newWorld(t)
	f := checkPairs(t, w, map[string]pair{
		"both know":                       {p: pay{refunded: "30"}, x: tx{refunded: "30"}, want: "matched completed"},
		"both know, full":                 {p: pay{refunded: "100"}, x: tx{refunded: "100", fee: "2"}, want: "matched reversed"},
		"another amount":                  {p: pay{refunded: "30"}, x: tx{refunded: "40"}, want: "exception completed", ex: late},
		"only theirs":                     {p: pay{}, x: tx{refunded: "40"}, want: "exception completed", ex: late},
		"only ours":                       {p: pay{refunded: "30"}, x: tx{refunded: "0"}, want: "exception completed", ex: late},
		"no source shows it":              {p: pay{refunded: "20"}, x: tx{}, want: "matched completed"},
		"no source shows it, full":        {p: pay{refunded: "100"}, x: tx{}, want: "matched reversed"},
		"reversed, no source shows it":    {p: pay{status: payment.Reversed, refunded: "100"}, x: tx{}, want: "matched reversed"},
		"reversed, part of it":            {p: pay{status: payment.Reversed, refunded: "50"}, x: tx{}, want: "exception completed", ex: kinds(payment.StatusMismatch)},
		"reversed as we refunded in full": {p: pay{refunded: "100"}, x: tx{status: payment.Reversed}, want: "matched reversed"},
		"pending, known refund":           {p: pay{status: payment.Pending, refunded: "30"}, x: tx{refunded: "30"}, want: "matched completed"},
		"of what moved, in full":          {p: pay{amount: "60", refunded: "60"}, x: tx{settled: "60", refunded: "60"}, want: "matched reversed"},
	})
	var l line
	for _, one := range f.lines {
		l = one
	}
	if l.count != 3 || l.gross != 30000 || l.refunded != 8000 || l.fee != 200 || l.net != 30000-8000+200 || l.reversed != 5 {
		t.Errorf("the line is %+v", l)
	}
}

func TestDuplicateRecords(t *testing.T) {
	t.Parallel()
	base := pay{ref: "R", account: "0712345678"}
	for name, c := range map[string]struct {
		other func(*pay, *tx)
		want  []string
	}{
		"the same":             {func(*pay, *tx) {}, []string{"duplicate_payment b"}},
		"the same, pending":    {func(p *pay, _ *tx) { p.status = payment.Pending }, []string{"duplicate_payment b"}},
		"written nationally":   {func(p *pay, _ *tx) { p.account = "+254 712 345678" }, []string{"duplicate_payment b"}},
		"another recipient":    {func(p *pay, _ *tx) { p.account = "0712345679" }, nil},
		"another amount":       {func(p *pay, x *tx) { p.amount, x.amount = "99", "99" }, nil},
		"another currency":     {func(p *pay, x *tx) { p.cur, x.cur = "USD", "USD" }, nil},
		"another reference":    {func(p *pay, x *tx) { p.ref, x.ref = "S", "S" }, nil},
		"another kind":         {func(p *pay, x *tx) { p.kind, x.kind = payment.Deposit, payment.Deposit }, nil},
		"another provider":     {func(p *pay, x *tx) { p.provider, x.provider = "pay-2", "pay-2" }, nil},
		"a failed one":         {func(p *pay, x *tx) { p.status, x.status = payment.Failed, payment.Failed }, nil},
		"one refunded in full": {func(p *pay, x *tx) { p.refunded, x.refunded = "100", "100" }, nil},
		"made earlier":         {func(p *pay, _ *tx) { p.at = noon.Add(-time.Second) }, []string{"duplicate_payment a"}},
		"made later":           {func(p *pay, _ *tx) { p.at = noon.Add(time.Second) }, []string{"duplicate_payment b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a, b := base, base
			a.id, a.ppid, b.id, b.ppid = "a", "TA", "b", "TB"
			x, y := tx{id: "TA", ref: "R"}, tx{id: "TB", ref: "R"}
			c.other(&b, &y)
			w.pays(a, b)
			w.txs(x, y)
			f := w.run(1, 10)
			f.only(t, c.want...)
			f.conserves(t, w, 0)
		})
	}
}

func TestOfSeveralDuplicatesTheEarliestKeepsItsResult(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, id := range []string{"c", "b", "a"} {
		w.pays(pay{id: id, ppid: "T" + id, ref: "R", account: "1"})
		w.txs(tx{id: "T" + id, ref: "R"})
	}
	// without a reference, or in different countries, payments share nothing
	for _, id := range []string{"x", "y"} {
		w.pays(pay{id: id, ppid: "T" + id})
		w.txs(tx{id: "T" + id})
	}
	for id, account := range map[string]string{"ke": "254712345678", "ug": "256712345678"} {
		w.pays(pay{id: id, ppid: "T" + id, ref: "S", account: account})
		w.txs(tx{id: "T" + id, ref: "S"})
	}
	f := w.run(1, 10)
	f.only(t, "duplicate_payment b", "duplicate_payment c")
	f.expect(t, "a", "matched completed")
	f.conserves(t, w, 0)
}

func TestAdvisoryKindsLeaveThePaymentMatched(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.rules.Schedule = []store.ScheduledFee{{Provider: "pay", Kind: "payout", Currency: "KES", Percent: "1.5", Fixed: "0.25"}}
	f := checkPairs(t, w, map[string]pair{
		"as scheduled": {p: pay{}, x: tx{fee: "1.75"}, want: "matched completed"},
		"not stated":   {p: pay{}, x: tx{}, want: "matched completed"},
		"other":        {p: pay{}, x: tx{fee: "1.76"}, want: "matched completed", ex: kinds(payment.FeeMismatch)},
		"on a failure": {p: pay{status: payment.Failed}, x: tx{status: payment.Failed, fee: "0"}, want: "matched failed"},
		"in":           {p: pay{kind: payment.Deposit}, x: tx{fee: "9"}, want: "matched completed"},
	})
	for _, l := range f.lines {
		switch {
		case l.kind == "payout" && (l.count != 3 || l.fk != 2 || l.fee != 351 || l.net != 30351 || l.failed != 1):
			t.Errorf("payouts: %+v", l)
		case l.kind == "deposit" && (l.count != 1 || l.net != 9100):
			t.Errorf("deposits: %+v", l)
		}
	}
}

// A row of the ledger that can't be read is no payment: its transaction is
// nobody's, and says whose it would be.
func TestATransactionWhoseRowWasSetAsideSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(pay{id: "by-id", ppid: "T1", ref: "R1"}, pay{id: "by-own", ref: "R2"}, pay{id: "by-ref", ref: "R3"})
	w.exec(`UPDATE tieout.payments SET metadata = '{"a": ["no text"]}'`)
	w.txs(tx{id: "T1"}, tx{id: "T2", own: "by-own"}, tx{id: "T3", ref: "R3"}, tx{id: "T4", ref: "R4"})
	f := w.run(10, 10)
	f.only(t, "missing_internally /T1", "missing_internally /T2", "missing_internally /T3", "missing_internally /T4")
	for id, whose := range map[string]string{"T1": "by-id", "T2": "by-own", "T3": "by-ref"} {
		if got := f.details["missing_internally /"+id]; !strings.HasSuffix(got, `Perhaps it is our `+whose+`, whose row was set aside: its metadata key "a" is no text.`) {
			t.Error(got)
		}
	}
	if got := f.details["missing_internally /T4"]; strings.Contains(got, "Perhaps") {
		t.Error(got)
	}
}
