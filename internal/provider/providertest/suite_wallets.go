package providertest

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"tieout/internal/corpus"
	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/sandbox/state"
	"tieout/internal/statement"
)

// movements reads a statement, every row once, however often it comes.
func (f *fixture) movements(ctx context.Context, client provider.Statements, from, to time.Time) ([]statement.Row, []provider.Covered) {
	f.Helper()
	seen := map[string]bool{}
	var out []statement.Row
	covered, why, err := client.Statement(ctx, provider.StatementQuery{From: from, To: to, Now: f.clientClock.now(), Memory: &memory{}},
		func(p provider.StatementPage) error {
			for _, bad := range p.SetAside {
				f.Errorf("a row was set aside: %+v", bad)
			}
			for _, r := range p.Rows {
				key := string(r.Entry) + "|" + string(r.Kind) + "|" + r.ProviderPaymentID + "|" + r.Reference + "|" + r.Amount.String()
				if !seen[key] {
					out = append(out, r)
				}
				seen[key] = true
			}
			return nil
		})
	if err != nil || why != "" {
		f.Fatalf("the statement can't be read: %v %s", err, why)
	}
	return out, covered
}

func statements(t *testing.T, h Harness) {
	f := h.start(t, 900)
	client, ok := f.client.(provider.Statements)
	if !ok {
		return
	}
	f.account.SetHooks(state.Hooks{RepeatRows: 7})
	rows, covered := f.movements(t.Context(), client, listFrom, listTo)
	shown := map[string]statement.Row{}
	for _, r := range rows {
		if r.CreatedAt.Before(listFrom) || !r.CreatedAt.Before(listTo) {
			t.Errorf("a row of %s is outside the range", r.CreatedAt)
		}
		if r.Wallet == "" || r.Amount.Currency == "" {
			t.Errorf("a row without a wallet or currency: %+v", r)
		}
		if r.Entry == statement.Payment {
			shown[string(r.Kind)+r.ProviderPaymentID+"/"+r.Reference] = r
		}
	}
	for _, c := range covered {
		if c.From.After(listFrom) || c.To.Before(listTo) {
			t.Errorf("%s is covered from %s to %s only", c.Currency, c.From, c.To)
		}
	}
	if len(covered) == 0 {
		t.Error("nothing is covered")
	}
	for _, x := range f.truth {
		r, found := shown[string(x.Kind)+x.ID+"/"+x.Reference]
		if !found { // not every statement tells the reference
			r, found = shown[string(x.Kind)+x.ID+"/"]
		}
		took := x.CompletedAt.Sub(x.CreatedAt)
		switch {
		case x.CreatedAt.Before(listFrom) || !x.CreatedAt.Add(max(took, 0)).Before(listTo):
		case x.Status == payment.Completed && !found:
			t.Errorf("%s %s moved and is not shown", x.Kind, x.ID)
		case x.Status == payment.Completed && (r.Amount.Minor != moved(x).Minor && r.Amount.Minor != -moved(x).Minor || r.Status != payment.Completed):
			t.Errorf("%s %s: %s %s, want %s", x.Kind, x.ID, r.Status, r.Amount, moved(x))
		case found && x.Status != payment.Completed && x.Status != payment.Reversed:
			t.Errorf("%s %s is %s and is shown as moved", x.Kind, x.ID, x.Status)
		}
	}
	wrong := errors.New("wrong")
	if _, _, err := client.Statement(t.Context(), provider.StatementQuery{From: listFrom, To: listTo, Now: f.clientClock.now(), Memory: &memory{}},
		func(provider.StatementPage) error { return wrong }); !errors.Is(err, wrong) {
		t.Errorf("the error of a page is lost: %v", err)
	}
}

// failingStatements: a statement of which a part can't be had covers nothing.
func failingStatements(t *testing.T, h Harness) {
	f := h.start(t, 50)
	client, ok := f.client.(provider.Statements)
	if !ok {
		return
	}
	for name, answer := range map[string]http.HandlerFunc{
		"503": reply(503, "", ""), "401": reply(401, "application/json", "{}"), "a page": reply(200, "text/html", "<html>Log in</html>"),
		"null": reply(200, "application/json", "null"), "half": reply(200, "application/json", `{"code":"00","data":[{"x`),
	} {
		for _, after := range []int64{0, 1, 2} {
			fail, failed := f.failAfter(after, answer)
			f.front.answer(fail, false)
			covered, why, err := client.Statement(t.Context(), provider.StatementQuery{From: listFrom, To: listTo, Now: f.clientClock.now(), Memory: &memory{}},
				func(provider.StatementPage) error { return nil })
			f.front.answer(nil, false)
			if failed() && len(covered) > 0 {
				t.Errorf("%s after %d requests, and %v is covered", name, after, covered)
			}
			if failed() && why == "" && err == nil {
				t.Errorf("%s after %d requests: nobody says that the statement can't be had", name, after)
			}
		}
	}
}

func balances(t *testing.T, h Harness) {
	f := h.start(t, 200)
	client, ok := f.client.(provider.Balances)
	if !ok {
		return
	}
	read := func() map[string]money.Amount {
		all, err := client.Balances(t.Context())
		if err != nil || len(all) == 0 {
			t.Fatalf("balances: %v, %v", all, err)
		}
		out := map[string]money.Amount{}
		for _, b := range all {
			if b.Wallet == "" || b.Amount.Currency == "" {
				t.Errorf("a balance without a wallet or currency: %+v", b)
			}
			out[b.Wallet] = b.Amount
		}
		return out
	}
	opened := f.clientClock.now()
	before := read()
	// something moves, and its statement becomes complete
	var x corpus.Transaction
	for _, x = range f.truth {
		if x.Kind == payment.Payout && x.Status == payment.Completed && len(x.Refunds) == 0 {
			break
		}
	}
	x.ID, x.OwnID, x.Reference = "c41d8a90-6f7b-4c4e-bf0a-2d3a1b9d5e02", "c41d8a90-6f7b-4c4e-bf0a-2d3a1b9d5e02", "ROLLED-1"
	x.CreatedAt, x.CompletedAt = opened.Add(time.Minute), opened.Add(time.Minute)
	fee := x.Amount
	fee.Minor = 100
	shown, shows := f.client.(provider.Statements)
	if shows { // a fee that nobody states can't be told from the balance
		x.Fee = &fee
	}
	f.account.Put(x)
	f.clientClock.advance(3 * time.Hour)
	f.serverClock.advance(3 * time.Hour)
	closed := f.clientClock.now()
	after := read()

	if !shows {
		for wallet, a := range after {
			if got := a.Minor - before[wallet].Minor; got != -x.Amount.Minor {
				t.Errorf("wallet %s: the balance changed by %d, a payout moved %d", wallet, got, x.Amount.Minor)
			}
		}
		return
	}
	// a deposit may count a day after it moved
	rows, _ := f.movements(t.Context(), shown, opened.Add(-26*time.Hour), closed)
	change, seen := map[string]int64{}, false
	for _, r := range rows {
		at := r.At()
		if !r.SettledAt.IsZero() {
			at = r.SettledAt
		}
		if !at.After(opened) || at.After(closed) {
			continue
		}
		seen = seen || r.ProviderPaymentID == x.ID
		change[r.Wallet] += int64(r.Direction) * r.Amount.Minor
		if r.Fee != nil {
			change[r.Wallet] -= r.Fee.Minor
		}
	}
	if !seen {
		t.Error("the statement does not show the new payout")
	}
	for wallet, a := range after {
		if got := a.Minor - before[wallet].Minor; got != change[wallet] {
			t.Errorf("wallet %s: the balance changed by %d, the statement shows %d", wallet, got, change[wallet])
		}
	}
}
