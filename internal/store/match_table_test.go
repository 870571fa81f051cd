package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tieout/internal/payment"
	"tieout/internal/provider"
)

// The three ages of the table: inside grace, past it, past stale_after.
var ages = []struct {
	name string
	age  time.Duration
}{{"inside grace", 5 * time.Minute}, {"past grace", 3 * time.Hour}, {"past stale_after", 80 * time.Hour}}

// What a provider can say of a payment of 100, besides the eight statuses.
const (
	unknown      = "unknown"
	refundedPart = "refunded 30"
	refundedFull = "refunded 100"
)

var unpaid = []payment.Status{payment.Failed, payment.Cancelled, payment.Expired, payment.Rejected}

// resultTable is the design's table: what becomes of a payment that the
// merchant holds so, where the provider says so, at each of the three ages.
// P stays pending, M is matched, all else is the exception.
var resultTable = map[payment.Status]map[string][3]string{
	payment.Created: {
		"pending": {"P", "P", "stale_pending"}, "completed": {"M", "M", "M"}, "unpaid": {"M", "M", "M"}, "reversed": {"M", "M", "M"},
		unknown:      {"P", "P", "stale_pending"},
		refundedPart: {"late_reversal", "late_reversal", "late_reversal"}, refundedFull: {"late_reversal", "late_reversal", "late_reversal"},
	},
	payment.Pending: {
		"pending": {"P", "P", "stale_pending"}, "completed": {"M", "M", "M"}, "unpaid": {"M", "M", "M"}, "reversed": {"M", "M", "M"},
		unknown:      {"P", "missing_at_provider", "missing_at_provider"},
		refundedPart: {"late_reversal", "late_reversal", "late_reversal"}, refundedFull: {"late_reversal", "late_reversal", "late_reversal"},
	},
	payment.Completed: {
		"pending": {"P", "status_mismatch", "status_mismatch"}, "completed": {"M", "M", "M"},
		"unpaid":   {"status_mismatch", "status_mismatch", "status_mismatch"},
		"reversed": {"late_reversal", "late_reversal", "late_reversal"},
		unknown:    {"P", "missing_at_provider", "missing_at_provider"}, refundedPart: {"late_reversal", "late_reversal", "late_reversal"},
		refundedFull: {"late_reversal", "late_reversal", "late_reversal"},
	},
	payment.Failed: { // and the three like it
		"pending": {"P", "status_mismatch", "status_mismatch"}, "completed": {"status_mismatch", "status_mismatch", "status_mismatch"},
		"unpaid": {"M", "M", "M"}, "reversed": {"M", "M", "M"}, unknown: {"M", "M", "M"},
		refundedPart: {"status_mismatch", "status_mismatch", "status_mismatch"}, refundedFull: {"M", "M", "M"},
	},
	payment.Reversed: {
		"pending": {"P", "status_mismatch", "status_mismatch"}, "completed": {"status_mismatch", "status_mismatch", "status_mismatch"},
		"unpaid":   {"status_mismatch", "status_mismatch", "status_mismatch"},
		"reversed": {"M", "M", "M"}, unknown: {"P", "missing_at_provider", "missing_at_provider"},
		refundedPart: {"status_mismatch", "status_mismatch", "status_mismatch"}, refundedFull: {"M", "M", "M"},
	},
}

// sayings spells the columns of the table out: what is said and the outcome.
func sayings() map[string][][2]string {
	out := map[string][][2]string{
		"pending": {{"pending", "pending"}, {"created", "pending"}}, "completed": {{"completed", "completed"}}, "reversed": {{"reversed", "reversed"}},
		unknown: {{unknown, "unknown"}}, refundedPart: {{refundedPart, "completed"}}, refundedFull: {{refundedFull, "reversed"}},
	}
	for _, s := range unpaid {
		out["unpaid"] = append(out["unpaid"], [2]string{string(s), string(s)})
	}
	return out
}

func TestEveryCellOfTheResultTable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	type cell struct{ id, name, want, outcome string }
	var cells []cell
	var payments []pay
	var transactions []tx
	var answers []said
	add := func(ours payment.Status, said2 [2]string, age time.Duration, name, want string) {
		id := fmt.Sprintf("p%03d", len(cells))
		at := start.Add(-age)
		payments = append(payments, pay{id: id, ppid: "t-" + id, status: ours, at: at})
		cells = append(cells, cell{id, name, want, said2[1]})
		x := tx{id: "t-" + id, at: at}
		switch said2[0] {
		case unknown:
			answers = append(answers, said{id: id, verdict: provider.Unknown})
			return
		case refundedPart, refundedFull:
			x.refunded = strings.TrimPrefix(said2[0], "refunded ")
		default:
			x.status = payment.Status(said2[0])
		}
		transactions = append(transactions, x)
	}
	for ours, row := range resultTable {
		same := []payment.Status{ours}
		if ours == payment.Failed {
			same = unpaid
		}
		for _, s := range same {
			for column, results := range row {
				for _, says := range sayings()[column] {
					for i, a := range ages {
						add(s, says, a.age, fmt.Sprintf("%s with us, %s at the provider, %s", s, says[0], a.name), results[i])
					}
				}
			}
		}
	}
	w.pays(payments...)
	w.txs(transactions...)
	w.says(answers...)
	f := w.run(1, 10)
	for _, c := range cells {
		t.Run(c.name, func(t *testing.T) {
			switch c.want {
			case "P":
				f.expect(t, c.id, "pending "+c.outcome)
			case "M":
				f.expect(t, c.id, "matched "+c.outcome)
			default:
				f.expect(t, c.id, "exception "+c.outcome, payment.ExceptionKind(c.want))
			}
		})
	}
	if len(cells) != 8*10*3+8*3 {
		t.Errorf("%d cells were tried", len(cells))
	}
}

func TestWhatCouldNotBeAskedIsNotPolledWhateverWeHold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	verdicts := map[string]struct {
		v    provider.Verdict
		want payment.ExceptionKind
	}{
		"no answer": {provider.NoAnswer, payment.NotPolled}, "refused": {provider.Refused, payment.NotPolled},
		"can't be asked": {provider.NotAskable, payment.NotPolled}, "no usable answer": {provider.Invalid, payment.InvalidProviderData},
	}
	for name, v := range verdicts {
		for _, s := range payment.Statuses {
			for _, a := range ages {
				id := name + string(s) + a.name
				w.pays(pay{id: id, status: s, at: start.Add(-a.age)})
				w.says(said{id: id, verdict: v.v, reason: "the token was refused"})
			}
		}
	}
	w.pays(pay{id: "never asked"})
	f := w.run(1, 10)
	for name, v := range verdicts {
		for _, s := range payment.Statuses {
			for _, a := range ages {
				id := name + string(s) + a.name
				f.expect(t, id, "exception", v.want) // and no stale_pending beside it
			}
		}
	}
	f.expect(t, "never asked", "exception", payment.NotPolled)
	if d := f.details["not_polled no answerpendingpast grace"]; !strings.Contains(d, "the token was refused") {
		t.Errorf("the detail %q does not say why", d)
	}
}

func TestAnIdThatCannotExistSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(pay{id: "no-uuid", status: payment.Pending})
	w.says(said{id: "no-uuid", verdict: provider.NotAskable, reason: "its id is no UUID, so it can't exist there"})
	f := w.run(1, 10)
	f.expect(t, "no-uuid", "exception", payment.NotPolled)
	if d := f.details["not_polled no-uuid"]; !strings.Contains(d, "no UUID") {
		t.Errorf("the detail is %q", d)
	}
}

// The provider answered once, and the call after it failed.
func TestAnOlderAnswerHoldsWhereItIsFinal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before, after := start.Add(-2*time.Hour), start.Add(time.Minute)
	for _, c := range []struct {
		id      string
		status  payment.Status
		partial bool
	}{{"final", payment.Completed, false}, {"open", payment.Pending, false}, {"part", payment.Completed, true}} {
		w.pays(pay{id: c.id, ppid: "t-" + c.id})
		w.txs(tx{id: "t-" + c.id, status: c.status, partial: c.partial, asked: before})
		w.says(said{id: c.id, verdict: provider.NoAnswer, at: after})
	}
	w.pays(pay{id: "healed", ppid: "t-healed"}, pay{id: "broken", ppid: "t-broken"})
	w.says(said{id: "healed", verdict: provider.NoAnswer, at: before}, said{id: "broken", verdict: provider.Invalid, at: after})
	w.txs(tx{id: "t-healed", asked: after}, tx{id: "t-broken", asked: before})
	f := w.run(1, 10)
	f.expect(t, "final", "matched completed")
	f.expect(t, "open", "exception", payment.NotPolled)
	f.expect(t, "part", "exception", payment.NotPolled)
	f.expect(t, "healed", "matched completed")
	f.expect(t, "broken", "exception", payment.InvalidProviderData)
	f.conserves(t, w, 0)
}

func TestTheLimitsOfTheAgesThemselvesAreInside(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cases := []struct {
		id    string
		kind  payment.Kind
		ours  payment.Status
		says  string
		needs payment.Action
		age   time.Duration
		want  []payment.ExceptionKind
	}{
		{"grace", payment.Payout, payment.Pending, unknown, "", grace, nil},
		{"past grace", payment.Payout, payment.Pending, unknown, "", grace + time.Millisecond, []payment.ExceptionKind{payment.MissingAtProvider}},
		{"stale payout", payment.Payout, payment.Pending, "pending", "", stale, nil},
		{"past stale payout", payment.Payout, payment.Pending, "pending", "", stale + time.Millisecond, []payment.ExceptionKind{payment.StalePending}},
		{"stale deposit", payment.Deposit, payment.Pending, "pending", "", staleIn, nil},
		{"past stale deposit", payment.Deposit, payment.Pending, "pending", "", staleIn + time.Millisecond, []payment.ExceptionKind{payment.StalePending}},
		{"needs", payment.Payout, payment.Pending, "pending", payment.ActionTopUp, staleNeeds, nil},
		{"past needs", payment.Payout, payment.Pending, "pending", payment.ActionTopUp, staleNeeds + time.Millisecond, []payment.ExceptionKind{payment.StalePending}},
		{"created needs", payment.Deposit, payment.Created, "pending", payment.ActionFulfil, staleNeeds + time.Hour, []payment.ExceptionKind{payment.StalePending}},
	}
	for _, c := range cases {
		w.pays(pay{id: c.id, ppid: "t-" + c.id, kind: c.kind, status: c.ours, at: start.Add(-c.age)})
		if c.says == unknown {
			w.says(said{id: c.id, kind: c.kind, verdict: provider.Unknown})
			continue
		}
		w.txs(tx{id: "t-" + c.id, kind: c.kind, status: payment.Status(c.says), needs: c.needs, at: start.Add(-c.age)})
	}
	f := w.run(1, 10)
	for _, c := range cases {
		if got, want := f.of(c.id), list(c.want...); !slices.Equal(got, want) {
			t.Errorf("%s: exceptions %v, want %v", c.id, got, want)
		}
	}
	if d := f.details["stale_pending past needs"]; !strings.Contains(d, "top up") {
		t.Errorf("the detail %q does not say what to do", d)
	}
}

func TestListsProveOnlyWhatTheyShow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	type want struct {
		result string
		kinds  []payment.ExceptionKind
	}
	missing := want{"exception unknown", []payment.ExceptionKind{payment.MissingAtProvider}}
	noMoney := want{"matched unknown", nil}
	open := want{"pending", nil}
	notPolled := want{"exception", []payment.ExceptionKind{payment.NotPolled}}
	all := func(v want) map[payment.Status]want {
		m := map[payment.Status]want{}
		for _, s := range payment.Statuses {
			m[s] = v
		}
		return m
	}
	full := all(noMoney)
	full[payment.Created], full[payment.Pending] = want{"pending unknown", nil}, missing
	full[payment.Completed], full[payment.Reversed] = missing, missing
	done := all(noMoney)
	done[payment.Created], done[payment.Pending], done[payment.Completed], done[payment.Reversed] = open, open, missing, notPolled
	table := map[string]map[payment.Status]want{"full-list": full, "done-list": done, "part-list": all(notPolled), "pay": all(notPolled)}
	for name, row := range table {
		for s := range row {
			id := name + "/" + string(s)
			w.pays(pay{id: id, provider: name, status: s, ref: "R " + id}, pay{id: "never asked " + id, provider: name, status: s})
			w.says(said{id: id, provider: name, verdict: provider.NotAskable})
		}
	}
	// past stale_after a list of completed ones leaves it outstanding for too long; inside grace nothing is missing
	old, young := start.Add(-80*time.Hour), start.Add(-5*time.Minute)
	w.pays(pay{id: "old", provider: "done-list", status: payment.Pending, at: old}, pay{id: "young", provider: "done-list", at: young},
		pay{id: "young, full", provider: "full-list", status: payment.Pending, at: young})
	f := w.run(1, 10)
	for name, row := range table {
		for s, v := range row {
			id := name + "/" + string(s)
			f.expect(t, id, v.result, v.kinds...)
			f.expect(t, "never asked "+id, v.result, v.kinds...)
		}
	}
	f.expect(t, "old", "exception", payment.StalePending)
	f.expect(t, "young", "pending unknown")
	f.expect(t, "young, full", "pending unknown")
	if d := f.details["missing_at_provider done-list/completed"]; !strings.Contains(d, "list of completed transactions") {
		t.Errorf("the detail %q does not say what proves it", d)
	}
}

func TestAPaymentOutsideTheListsTimeIsNotProven(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(pay{id: "p", provider: "full-list", status: payment.Pending})
	w.lists = map[string]provider.Reach{}
	f := w.run(1, 10)
	f.expect(t, "p", "exception", payment.NotPolled)
}

func TestCompletedOnceAndAnythingElseNowIsALateReversal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	earlier := start.Add(-2 * time.Hour)
	now := start.Add(time.Minute)
	type c struct {
		ours payment.Status
		says string
		want string
	}
	cases := []c{}
	for _, ours := range []payment.Status{payment.Created, payment.Pending, payment.Completed} {
		for _, says := range []string{"failed", "cancelled", "expired", "rejected", "pending", "reversed", unknown} {
			cases = append(cases, c{ours, says, "late_reversal"})
		}
		cases = append(cases, c{ours, "completed", ""})
	}
	for _, ours := range unpaid { // no money stayed on either side
		for _, says := range []string{"failed", "reversed", unknown} {
			cases = append(cases, c{ours, says, ""})
		}
	}
	cases = append(cases, c{payment.Reversed, "reversed", ""}, c{payment.Reversed, "failed", "status_mismatch"})
	id := func(c c) string { return string(c.ours) + "/" + c.says }
	for _, c := range cases {
		w.pays(pay{id: id(c), ppid: "t-" + id(c), status: c.ours})
		w.txs(tx{id: "t-" + id(c), asked: earlier})
		if c.says == unknown {
			w.says(said{id: id(c), verdict: provider.Unknown, at: now})
		} else {
			w.txs(tx{id: "t-" + id(c), status: payment.Status(c.says), asked: now})
		}
	}
	f := w.run(1, 10)
	for _, c := range cases {
		if c.want == "" {
			f.expect(t, id(c), "matched "+c.says)
		} else {
			f.expect(t, id(c), "exception "+c.says, payment.ExceptionKind(c.want))
		}
	}
}
