package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tieout/internal/payment"
	"tieout/internal/provider"
)

// state reads a published exception: its state and its identity.
func (w *world) state(kindOf payment.ExceptionKind, id string) (state, identity string) {
	w.Helper()
	w.rows(`SELECT state, exception_id FROM tieout.exceptions WHERE kind = $1 AND payment_id = $2`, func(scan func(...any)) { scan(&state, &identity) }, string(kindOf), id)
	return state, identity
}

func (w *world) accept(identity string) {
	w.Helper()
	w.exec(`UPDATE tieout.exceptions SET state = 'resolved', resolution = 'accepted' WHERE exception_id = $1`, identity)
}

func TestAnExceptionsIdentityOutlivesItsRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(pay{id: "p", ppid: "T"}, pay{id: "other", ppid: "O"})
	w.txs(tx{id: "T", amount: "90"}, tx{id: "O", amount: "80"})
	next := func(n int) time.Time { return start.Add(time.Duration(n) * time.Hour) }

	first := w.publish(10, 10, next(0))
	id := first.ids["amount_mismatch p"]
	again := w.publish(9, 10, next(1)) // also over another range
	if id == "" || again.ids["amount_mismatch p"] != id || again.ids["amount_mismatch other"] == id {
		t.Errorf("identities %v, then %v", first.ids, again.ids)
	}
	expect := func(when, want string) {
		t.Helper()
		if state, same := w.state(payment.AmountMismatch, "p"); state != want || same != id {
			t.Errorf("%s it is %s (%s), want %s (%s)", when, state, same, want, id)
		}
	}
	expect("seen twice", "open")
	w.txs(tx{id: "T", asked: next(2)})
	w.publish(10, 10, next(2))
	expect("gone", "auto_resolved")
	w.txs(tx{id: "T", amount: "95", asked: next(3)})
	if f := w.publish(10, 10, next(3)); f.ids["amount_mismatch p"] != id {
		t.Errorf("back again as %s", f.ids["amount_mismatch p"])
	}
	expect("back again", "open")
	w.says(said{id: "p", verdict: provider.Invalid, at: next(4)})
	w.publish(10, 10, next(4)).expect(t, "p", "exception", payment.InvalidProviderData)
	expect("not to be judged now", "open")
	w.txs(tx{id: "T", amount: "95", status: payment.Pending, asked: next(5)})
	w.says(said{id: "p", verdict: provider.NoAnswer, at: next(6)})
	w.publish(10, 10, next(6)).expect(t, "p", "exception", payment.NotPolled)
	expect("not to be asked now", "open")
	w.txs(tx{id: "T", asked: next(7)})
	w.publish(10, 10, next(7)).expect(t, "p", "matched completed")
	expect("gone again", "auto_resolved")
	if state, _ := w.state(payment.NotPolled, "p"); state != "auto_resolved" {
		t.Errorf("not_polled is %s when it was asked", state)
	}
}

func TestWhatAPersonResolvedStaysResolved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(pay{id: "p", ppid: "T"}, pay{id: "q", ppid: "U"})
	w.txs(tx{id: "T", amount: "90"}, tx{id: "U", amount: "90"})
	w.publish(10, 10, start)
	w.exec(`UPDATE tieout.exceptions SET state = 'resolved', resolution = 'written_off' WHERE payment_id = 'p'`)
	w.exec(`UPDATE tieout.exceptions SET state = 'ignored', resolution = 'ignored' WHERE payment_id = 'q'`)
	f := w.publish(10, 10, start.Add(time.Hour))
	f.expect(t, "p", "exception completed", payment.AmountMismatch)
	f.expect(t, "q", "exception completed", payment.AmountMismatch)
	if got := f.sum(func(l line) int64 { return l.gross }); got != 0 {
		t.Errorf("%d are settled of what was not accepted", got)
	}
	if s, _ := w.state(payment.AmountMismatch, "p"); s != "resolved" {
		t.Errorf("p's is %s", s)
	}
	if s, _ := w.state(payment.AmountMismatch, "q"); s != "ignored" {
		t.Errorf("q's is %s", s)
	}
}

func TestAcceptedMeansMatchedAtTheProvidersFigures(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(pay{id: "less", ppid: "T1"}, pay{id: "failed", ppid: "T2"}, pay{id: "dollars", ppid: "T3"}, pay{id: "two", ppid: "T4", ref: "R"},
		pay{id: "review", ppid: "T5", status: payment.Pending}, pay{id: "held", ppid: "T6", status: payment.Failed})
	w.txs(tx{id: "T1", amount: "90"}, tx{id: "T2", status: payment.Failed}, tx{id: "T3", cur: "USD", amount: "7"}, tx{id: "T4", ref: "S", amount: "1"},
		tx{id: "T5", status: payment.Pending, needs: payment.ActionReview, settled: "40"}, tx{id: "T6", status: payment.Pending})
	f := w.publish(10, 10, start)
	for _, e := range []string{"amount_mismatch less", "status_mismatch failed", "currency_mismatch dollars", "amount_mismatch two", "amount_mismatch review", "status_mismatch held"} {
		if f.ids[e] == "" {
			t.Fatalf("no %s in %v", e, f.exceptions)
		}
		w.accept(f.ids[e])
	}
	f = w.publish(10, 10, start.Add(time.Hour))
	f.expect(t, "less", "matched completed", payment.AmountMismatch)
	f.expect(t, "failed", "matched failed", payment.StatusMismatch)
	f.expect(t, "dollars", "matched completed", payment.CurrencyMismatch)
	f.expect(t, "two", "exception completed", payment.AmountMismatch, payment.ReferenceMismatch)
	f.expect(t, "review", "pending pending", payment.AmountMismatch)
	f.expect(t, "held", "pending pending", payment.StatusMismatch)
	if s, _ := w.state(payment.AmountMismatch, "less"); s != "resolved" {
		t.Errorf("the accepted one is %s", s)
	}
	for _, l := range f.lines {
		switch {
		case l.cur == "KES" && (l.gross != 9000 || l.failed != 1 || l.disputed != 100 || l.exceptions != 1 || l.pending != 2):
			t.Errorf("KES: %+v", l)
		case l.cur == "USD" && (l.gross != 700 || l.count != 1 || l.net != 700):
			t.Errorf("USD: %+v", l)
		}
	}
	f.conserves(t, w, 0)
	// it holds as long as the figures stay what they were
	w.txs(tx{id: "T1", amount: "80", asked: start.Add(2 * time.Hour)}, tx{id: "T6", asked: start.Add(2 * time.Hour)})
	f = w.publish(10, 10, start.Add(2*time.Hour))
	f.expect(t, "less", "exception completed", payment.AmountMismatch)
	f.expect(t, "held", "exception completed", payment.StatusMismatch)
	if s, _ := w.state(payment.AmountMismatch, "less"); s != "open" {
		t.Errorf("with other figures the accepted one is %s", s)
	}
}

func TestAnAcceptedOneStaysSoBesideAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(pay{id: "p", ppid: "T", ref: "R"})
	w.txs(tx{id: "T", ref: "S", amount: "90"})
	w.accept(w.publish(10, 10, start).ids["amount_mismatch p"])
	f := w.publish(10, 10, start.Add(time.Hour))
	f.expect(t, "p", "exception completed", payment.AmountMismatch, payment.ReferenceMismatch)
	if s, _ := w.state(payment.AmountMismatch, "p"); s != "resolved" {
		t.Errorf("what was accepted is %s again", s)
	}
	w.accept(f.ids["reference_mismatch p"])
	w.publish(10, 10, start.Add(2*time.Hour)).expect(t, "p", "matched completed", payment.AmountMismatch, payment.ReferenceMismatch)
}

// Who closes a difference of names has seen these names, in whatever spelling.
func TestAnotherNameAtTheProviderOpensWhatWasClosed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(pay{id: "ref", ppid: "T1", ref: "R"}, pay{id: "key", ppid: "T2", meta: map[string]string{"order": "1"}},
		pay{id: "account", ppid: "T3", account: "254711000001"}, pay{id: "off", ppid: "T4", ref: "R4"})
	says := func(hour int, ref, order, account string) found {
		t.Helper()
		at := start.Add(time.Duration(hour) * time.Hour)
		w.txs(tx{id: "T1", ref: ref, asked: at}, tx{id: "T2", meta: map[string]string{"order": order}, asked: at}, tx{id: "T3", account: account, asked: at},
			tx{id: "T4", ref: ref, asked: at})
		return w.publish(10, 10, at)
	}
	f := says(0, "S", "2", "254722000002")
	for _, e := range []string{"reference_mismatch ref", "reference_mismatch key", "recipient_mismatch account"} {
		w.accept(f.ids[e])
	}
	w.exec(`UPDATE tieout.exceptions SET state = 'resolved', resolution = 'written_off' WHERE payment_id = 'off'`)

	f = says(1, "S", "2", "0722000002")
	f.expect(t, "ref", "matched completed", payment.ReferenceMismatch)
	f.expect(t, "key", "matched completed", payment.ReferenceMismatch)
	f.expect(t, "account", "matched completed", payment.RecipientMismatch)
	if s, _ := w.state(payment.ReferenceMismatch, "off"); s != "resolved" {
		t.Errorf("what was written off is %s while nothing changed", s)
	}

	f = says(2, "S2", "3", "254733000003")
	f.expect(t, "ref", "exception completed", payment.ReferenceMismatch)
	f.expect(t, "key", "exception completed", payment.ReferenceMismatch)
	f.expect(t, "account", "exception completed", payment.RecipientMismatch)
	for id, kind := range map[string]payment.ExceptionKind{"ref": payment.ReferenceMismatch, "key": payment.ReferenceMismatch, "account": payment.RecipientMismatch, "off": payment.ReferenceMismatch} {
		if s, _ := w.state(kind, id); s != "open" {
			t.Errorf("%s's is %s though the provider names another", id, s)
		}
	}
}

func TestOutcomesTellWhatIsHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(pay{id: "ok", ppid: "T1", status: payment.Pending}, pay{id: "wrong", ppid: "T2"}, pay{id: "nothing known"}, pay{id: "unknown", status: payment.Pending},
		pay{id: "proven", provider: "done-list"})
	w.txs(tx{id: "T1"}, tx{id: "T2", status: payment.Failed})
	w.says(said{id: "unknown", verdict: provider.Unknown})
	w.publish(10, 10, start)
	got := map[string]string{}
	w.rows(`SELECT payment_id, status || CASE WHEN held THEN ' held' ELSE '' END FROM tieout.payment_outcomes`, func(scan func(...any)) {
		var id, s string
		scan(&id, &s)
		got[id] = s
	})
	want := map[string]string{"ok": "completed", "wrong": "failed held", "unknown": "unknown held", "proven": "unknown held"}
	for id, s := range want {
		if got[id] != s {
			t.Errorf("the outcome of %s is %q, want %q", id, got[id], s)
		}
	}
	if len(got) != len(want) {
		t.Errorf("outcomes: %v", got)
	}
	// it failed to answer: nobody should act on what it said before
	w.txs(tx{id: "T1", status: payment.Pending, asked: start.Add(time.Hour)})
	w.says(said{id: "ok", verdict: provider.NoAnswer, at: start.Add(2 * time.Hour)})
	w.publish(10, 10, start.Add(2*time.Hour))
	var held bool
	w.rows(`SELECT held FROM tieout.payment_outcomes WHERE payment_id = 'ok'`, func(scan func(...any)) { scan(&held) })
	if !held {
		t.Error("an outcome that can't be confirmed is not held")
	}
}

// Each word that a run takes back stands in the history, with the reason.
func TestARunThatOpensAClosedOneSaysWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(pay{id: "p", ppid: "T"})
	w.txs(tx{id: "T", amount: "90"})
	w.accept(w.publish(10, 10, start).ids["amount_mismatch p"])
	w.publish(10, 10, start.Add(time.Hour))
	w.txs(tx{id: "T", amount: "80", asked: start.Add(2 * time.Hour)})
	w.publish(10, 10, start.Add(2*time.Hour))
	var got []string
	w.rows(`SELECT what, coalesce(before, ''), coalesce(after, ''), why, run_id IS NOT NULL FROM tieout.exception_history WHERE who = 'tieout' ORDER BY id`, func(scan func(...any)) {
		var what, before, after, why string
		var run bool
		scan(&what, &before, &after, &why, &run)
		got = append(got, fmt.Sprintf("%s %q %q %s %t", what, before, after, why, run))
	})
	const closed = "the figures are not those on which it was closed"
	if want := []string{`state "" "open" found true`, `state "resolved" "open" ` + closed + ` true`, `resolution "accepted" "" ` + closed + ` true`}; !slices.Equal(got, want) {
		t.Errorf("history: %q", got)
	}
}

// One answer says that nothing was refunded, the next says nothing of refunds:
// that is no other figure.
func TestAnUnstatedRefundOpensNothingAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(pay{id: "p", ppid: "T"}, pay{id: "q", ppid: "U"})
	w.txs(tx{id: "T", amount: "90", refunded: "0"}, tx{id: "U", amount: "90"})
	f := w.publish(10, 10, start)
	w.accept(f.ids["amount_mismatch p"])
	w.exec(`UPDATE tieout.exceptions SET state = 'resolved', resolution = 'written_off' WHERE payment_id = 'q'`)
	w.txs(tx{id: "T", amount: "90", asked: start.Add(time.Hour)}, tx{id: "U", amount: "90", refunded: "0", asked: start.Add(time.Hour)})
	f = w.publish(10, 10, start.Add(time.Hour))
	f.expect(t, "p", "matched completed", payment.AmountMismatch)
	for _, id := range []string{"p", "q"} {
		if s, _ := w.state(payment.AmountMismatch, id); s != "resolved" {
			t.Errorf("%s's is %s", id, s)
		}
	}
}
