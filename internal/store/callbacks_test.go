package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tieout/internal/callback"
	"tieout/internal/ledger"
	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/redact"
	"tieout/internal/store"
)

// calls is a run under way with its callbacks.
type calls struct {
	*world
	run *store.Run
}

func newCalls(t testing.TB, payments ...pay) *calls {
	t.Helper()
	w := newWorld(t)
	w.pays(payments...)
	ctx := t.Context()
	utc := time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
	sel := store.Selection{From: utc, To: utc, Start: day(10), End: day(11), Providers: providers, Kinds: []string{"deposit", "payout"}, Name: "all"}
	run, _, err := w.store.Hold(ctx, sel, "digest", start.UTC(), true)
	if err != nil {
		t.Fatal(err)
	}
	scope := store.Scope{Providers: providers, Kinds: run.Kinds, Location: zone}
	if _, err := w.store.Pull(ctx, run, w.ledger, callRules(), scope, func(int64) {}); err != nil {
		t.Fatal(err)
	}
	return &calls{w, run}
}

func callRules() ledger.Rules {
	scales := map[string]money.Scale{}
	for _, p := range providers {
		scales[p] = money.Scale{}
	}
	return ledger.Rules{Scales: scales}
}

// call is a callback about a payout, as a provider's package reads it.
type call struct {
	verdict    provider.CallbackVerdict
	tx         tx
	at, said   time.Time
	inexact    bool // not conclusive
	silent     bool // it only tells that something happened
	unreadable bool // its answer can't be trusted
}

// post writes callbacks as a merchant's endpoint does, and lets them be read and saved.
func (c *calls) post(list ...call) {
	c.Helper()
	ctx := c.Context()
	for _, x := range list {
		c.exec(`INSERT INTO tieout.callbacks (provider, received_at, headers, body) VALUES ('pay', $1, '{"X-Api-Key": "secret", "Accept": ["a", "b"]}', '{"phoneNumber":"254700000111"}')`,
			or(x.at, start.Add(-time.Hour)))
	}
	fresh, err := c.store.NewCallbacks(ctx, "pay", 0, 100)
	if err != nil {
		c.Fatal(err)
	}
	if len(fresh) != len(list) {
		c.Fatalf("%d new callbacks, not %d", len(fresh), len(list))
	}
	read := make([]store.ReadCallback, len(list))
	for i, x := range list {
		t := x.tx.transaction(c)
		read[i] = store.ReadCallback{Callback: fresh[i], Result: provider.CallbackResult{
			Verdict: or(x.verdict, provider.CallbackVerified), Kind: t.Kind, ID: t.ID, OwnID: t.OwnID, Reference: t.Reference, Batched: t.Batched, At: x.said, Conclusive: !x.inexact,
		}}
		switch {
		case x.unreadable:
			read[i].Answer = provider.Answer{Verdict: provider.Invalid, Reason: "amount is missing"}
		case !x.silent:
			read[i].Answer = provider.Answer{Verdict: provider.Found, Transactions: []payment.Transaction{t}}
		}
	}
	if err := c.store.FindOwners(ctx, c.run, c.ledger, callRules(), "pay", read); err != nil {
		c.Fatal(err)
	}
	n, err := c.store.SaveCallbacks(ctx, c.run, "pay", false, start, read, redact.Redact)
	if err != nil || int(n) != len(list) {
		c.Fatalf("%d saved: %v", n, err)
	}
	if n, err := c.store.SaveCallbacks(ctx, c.run, "pay", false, start, read, redact.Redact); err != nil || n != 0 {
		c.Fatalf("%d saved a second time: %v", n, err)
	}
}

// asked plans a sparing poll and returns what would be asked.
func (c *calls) asked() []string {
	c.Helper()
	always := []store.Rung{{Age: 1000 * time.Hour, Every: 500 * time.Hour}}
	if _, err := c.store.Plan(c.Context(), c.run, "pay", store.PollRules{Pending: always, Unknown: always}); err != nil {
		c.Fatal(err)
	}
	if _, err := c.store.PlanDue(c.Context(), c.run, "pay"); err != nil {
		c.Fatal(err)
	}
	next, err := c.store.Next(c.Context(), c.run, "pay", "", 100)
	if err != nil {
		c.Fatal(err)
	}
	out := []string{}
	for _, q := range next {
		out = append(out, q.PaymentID)
	}
	return out
}

func (c *calls) text(q string, args ...any) string {
	c.Helper()
	var out []string
	c.rows(q, func(scan func(...any)) {
		var s string
		scan(&s)
		out = append(out, s)
	}, args...)
	return strings.Join(out, ",")
}

func TestWhatACallbackChangesDependsOnWhoSentItAndWhatIsKnown(t *testing.T) {
	t.Parallel()
	hours := func(n int) time.Time { return start.Add(-time.Duration(n) * time.Hour) }
	done, failed, open := tx{id: "T"}, tx{id: "T", status: payment.Failed}, tx{id: "T", status: payment.Pending}
	stored := func(x tx, at time.Time) *tx { x.asked = at; return &x }
	for name, c := range map[string]struct {
		known   *tx       // an earlier answer
		unknown time.Time // when the provider said that it does not know the payment
		calls   []call
		status  string // of the transaction then, "" where there is none
		source  string
		asked   bool // the payment is asked for, although the ladder says not yet
	}{
		"a verified final one spares the question":         {calls: []call{{tx: done}}, status: "completed", source: "callback"},
		"an open one is worth asking":                      {calls: []call{{tx: open}}, status: "pending", source: "callback", asked: true},
		"a partial one is worth asking":                    {calls: []call{{tx: tx{id: "T", partial: true}}}, status: "completed", source: "callback", asked: true},
		"an unverified one is a hint":                      {calls: []call{{tx: done, verdict: provider.CallbackUnverified}}, asked: true},
		"a rejected one is nothing":                        {calls: []call{{tx: done, verdict: provider.CallbackRejected}}},
		"one that is not conclusive is a hint":             {calls: []call{{tx: done, inexact: true}}, asked: true},
		"one that only says that something happened":       {calls: []call{{tx: done, silent: true}}, asked: true},
		"one that can't be trusted is a hint":              {calls: []call{{tx: done, unreadable: true}}, asked: true},
		"an older open answer gives way":                   {known: stored(open, hours(5)), calls: []call{{tx: done}}, status: "completed", source: "callback"},
		"a later open answer does not":                     {known: stored(open, start.Add(-time.Minute)), calls: []call{{tx: done}}, status: "pending", source: "list", asked: true},
		"an old message that is sent again does not count": {known: stored(open, hours(5)), calls: []call{{tx: failed, said: hours(7)}}, status: "pending", source: "list", asked: true},
		"a final answer stays, and is asked for again":     {known: stored(failed, hours(5)), calls: []call{{tx: done}}, status: "failed", source: "list", asked: true},
		"what is known already costs nothing":              {known: stored(done, hours(5)), calls: []call{{tx: done}, {tx: done, verdict: provider.CallbackUnverified}}, status: "completed", source: "list"},
		"another amount is asked for": {
			known: stored(done, hours(5)), calls: []call{{tx: tx{id: "T", amount: "90"}}}, status: "completed", source: "list", asked: true,
		},
		"a row of a list that hides fields is filled": {known: stored(tx{id: "T", partial: true}, hours(1)), calls: []call{{tx: done}}, status: "completed", source: "callback"},
		"of two in disorder the final one stays":      {calls: []call{{tx: done, at: hours(2)}, {tx: open, at: hours(1)}}, status: "completed", source: "callback", asked: true},
		"a later answer that it is unknown stays":     {unknown: start.Add(-time.Minute), calls: []call{{tx: done}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newCalls(t, pay{id: "P", ppid: "T", status: payment.Pending}, pay{id: "Q", ppid: "U", status: payment.Pending})
			// both were asked a while ago, and the ladder is patient
			w.says(said{id: "P", verdict: provider.NoAnswer, at: hours(6)}, said{id: "Q", verdict: provider.NoAnswer, at: hours(6)})
			if !c.unknown.IsZero() {
				w.says(said{id: "P", verdict: provider.Unknown, at: c.unknown})
			}
			if c.known != nil {
				w.txs(*c.known)
			}
			w.post(c.calls...)
			want := []string{}
			if c.asked {
				want = append(want, "P")
			}
			if got := w.asked(); !slices.Equal(got, want) {
				t.Errorf("asked for %v, not %v", got, want)
			}
			if got := w.text(`SELECT status || ' ' || source FROM tieout.transactions`); got != strings.TrimSpace(c.status+" "+c.source) {
				t.Errorf("transactions: %q", got)
			}
			n := w.text(`SELECT count(*)::text FROM tieout.callbacks c JOIN tieout.observations o ON o.id = c.observation_id
				WHERE c.payment_id = 'P' AND o.payment_id = 'P' AND c.processed_at IS NOT NULL AND o.digest IS NOT NULL`)
			if n != fmt.Sprint(len(c.calls)) {
				t.Errorf("%s callbacks are evidence", n)
			}
			if got := w.text(`SELECT DISTINCT headers::text FROM tieout.callbacks`); strings.Contains(got, "secret") || !strings.Contains(got, `["a", "b"]`) {
				t.Errorf("headers: %s", got)
			}
		})
	}
}

func TestACallbackFindsItsPaymentAlsoOutsideTheRange(t *testing.T) {
	t.Parallel()
	w := newCalls(t,
		pay{id: "AAAAAAAA-0000-4000-8000-000000000001", ref: "R1", status: payment.Pending},
		pay{id: "OLD", ppid: "T2", ref: "R2", status: payment.Pending, at: day(1)},
		pay{id: "X", ref: "SAME"}, pay{id: "Y", ref: "SAME"},
		pay{id: "B1", ppid: "BATCH", ref: "I1"}, pay{id: "B2", ppid: "BATCH", ref: "I2"},
	)
	w.post(
		call{tx: tx{id: "aaaaaaaa-0000-4000-8000-000000000001", own: "aaaaaaaa-0000-4000-8000-000000000001"}},
		call{tx: tx{id: "T2"}},
		call{tx: tx{id: "T3", ref: "SAME"}},
		call{tx: tx{id: "BATCH", ref: "I2", batched: true}},
		call{tx: tx{id: "T4", ref: "R2"}},
		call{tx: tx{id: "T5"}},
	)
	got := w.text(`SELECT coalesce(payment_id, '-') FROM tieout.callbacks ORDER BY id`)
	if got != "AAAAAAAA-0000-4000-8000-000000000001,OLD,-,B2,-,-" {
		t.Errorf("payments: %s", got)
	}
	if got := w.text(`SELECT provider_payment_id FROM tieout.transactions WHERE source = 'callback' ORDER BY 1`); !strings.Contains(got, "T5") {
		t.Errorf("a transaction that no payment owns is kept: %s", got)
	}
}

func TestTheReportTellsWhatCallbacksShow(t *testing.T) {
	t.Parallel()
	early := start.Add(-6 * time.Hour)
	var payments []pay
	for _, id := range []string{"AGREED", "BACK", "FAILED", "LESS", "NEVER", "REVERSED", "UNKNOWN"} {
		payments = append(payments, pay{id: id, ppid: "T-" + id, status: payment.Pending})
	}
	payments = append(payments, pay{id: "BEFORE", ppid: "T-BEFORE", at: early.Add(-time.Hour)})
	w := newCalls(t, payments...)
	received := start.Add(-time.Hour)
	w.post(
		call{tx: tx{id: "T-AGREED"}, at: early}, call{tx: tx{id: "T-BACK", status: payment.Failed}, at: received.Add(-time.Minute)}, call{tx: tx{id: "T-BACK"}, at: received},
		call{tx: tx{id: "T-FAILED"}, at: received}, call{tx: tx{id: "T-LESS"}, at: received}, call{tx: tx{id: "T-REVERSED"}, at: received},
		call{tx: tx{id: "T-UNKNOWN"}, at: received}, call{tx: tx{id: "T-NEVER", status: payment.Failed}, verdict: provider.CallbackRejected, at: received},
	)
	w.txs(tx{id: "T-AGREED"}, tx{id: "T-BACK"}, tx{id: "T-FAILED", status: payment.Failed}, tx{id: "T-LESS", amount: "90"}, tx{id: "T-NEVER"},
		tx{id: "T-REVERSED", status: payment.Reversed}, tx{id: "T-BEFORE"})
	w.says(said{id: "UNKNOWN", verdict: provider.Unknown})

	got, err := w.store.CallbackFindings(t.Context(), w.run, "pay", grace)
	if err != nil {
		t.Fatal(err)
	}
	var which []string
	for _, c := range got.Contradictions {
		which = append(which, c.PaymentID+" "+c.Said+" "+c.Answered)
	}
	want := "FAILED completed failed; LESS completed completed; UNKNOWN completed unknown"
	if s := strings.Join(which, "; "); s != want {
		t.Errorf("contradictions: %s", s)
	}
	// completed now: AGREED, BACK, LESS, NEVER, and UNKNOWN by its callback; BEFORE is older than the first callback
	if got.Completed != 5 || got.Never != 1 {
		t.Errorf("%d completed, %d never came", got.Completed, got.Never)
	}
	if got.Read != 8 || got.Verified != 7 || got.Rejected != 1 || !got.Used {
		t.Errorf("%+v", got)
	}
	other, err := w.store.CallbackFindings(t.Context(), w.run, "pay-2", grace)
	if err != nil || other.Used || other.Completed != 0 {
		t.Errorf("%+v %v", other, err)
	}
}

func TestAFileOfCallbacksIsImportedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := `{"received_at":"2026-03-12T10:02:00Z","headers":{"Signature":"s"},"body":"{\"a\": 1}"}
{"received_at":"2026-03-12T10:02:00Z","headers":{"Signature":"s"},"body":"{\"a\": 1}"}
nonsense
{"received_at":"2026-03-12T10:03:00Z","headers":{"Signature":"s"},"body":"{\"a\": 1}"}
`
	load := func(providerName string) store.Imported {
		got, err := w.store.ImportCallbacks(t.Context(), providerName, strings.NewReader(file), func(callback.Reject) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := load("pay"); got != (store.Imported{Read: 3, New: 2, Unchanged: 1, SetAside: 1}) {
		t.Errorf("%+v", got)
	}
	if got := load("pay"); got != (store.Imported{Read: 3, Unchanged: 3, SetAside: 1}) {
		t.Errorf("again: %+v", got)
	}
	if got := load("pay-2"); got.New != 2 {
		t.Errorf("another provider: %+v", got)
	}
	fresh, err := w.store.NewCallbacks(t.Context(), "pay", 0, 10)
	if err != nil || len(fresh) != 2 {
		t.Fatalf("%d %v", len(fresh), err)
	}
	if raw := fresh[0].Raw; string(raw.Body) != `{"a": 1}` || raw.Header.Get("signature") != "s" || !raw.ReceivedAt.Equal(time.Date(2026, 3, 12, 10, 2, 0, 0, time.UTC)) {
		t.Errorf("%+v", raw)
	}
	w.exec(`INSERT INTO tieout.callbacks (provider, headers, body) VALUES ('done-list', '["x"]', 'x')`)
	bad, err := w.store.NewCallbacks(t.Context(), "done-list", 0, 10)
	if err != nil || len(bad) != 1 || bad[0].Bad == "" {
		t.Errorf("%+v %v", bad, err)
	}
}
