package providertest

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"tieout/internal/corpus"
	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
)

var kinds = []payment.Kind{payment.Deposit, payment.Payout}

// Run holds a provider type to everything that tieout counts on.
func Run(t *testing.T, h Harness) {
	t.Helper()
	if len(h.Currencies) == 0 {
		h.Currencies = []string{"XAF", "KES", "KWD"}
	}
	for name, test := range map[string]func(*testing.T, Harness){
		"what is declared can be configured":                         declared,
		"what the provider knows is found as it is":                  found,
		"what the provider knows is never unknown":                   neverUnknown,
		"found, unknown, refused, silent and invalid are told apart": toldApart,
		"amounts are exact":                                          exact,
		"an outage is no answer":                                     outage,
		"nothing is made out of garbage":                             garbage,
		"no spoilt field makes another payment of it":                spoiltFields,
		"no wrong encoding makes another payment of it":              wrongEncodings,
		"wrong credentials are refused, and said so":                 wrongCredentials,
		"a cancelled question ends at once":                          cancelled,
		"ids never reach another path":                               hostileIDs,
		"many questions at once get their own answers":               manyAtOnce,
		"an expired token is renewed once":                           expiredToken,
		"lists are complete":                                         lists,
		"a list that fails says so":                                  failingLists,
		"statements show what moved":                                 statements,
		"a statement that fails covers nothing":                      failingStatements,
		"balances follow the statements":                             balances,
		"saved methods are told, or not checkable":                   savedMethods,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, h)
		})
	}
}

func declared(t *testing.T, h Harness) {
	s := h.Spec
	if s.Type == "" || s.New == nil || s.RateLimit <= 0 || s.Concurrency <= 0 {
		t.Errorf("incomplete: %+v", s)
	}
	if c, err := httpx.New(httpx.Config{BaseURL: s.BaseURL}); err != nil {
		t.Errorf("base URL: %v", err)
	} else {
		c.Close()
	}
	allowed := map[string]bool{}
	for _, k := range s.Credentials {
		allowed[k] = true
	}
	f := h.start(t, 1)
	for _, k := range s.Required {
		if !allowed[k] {
			t.Errorf("credential %s is required and not allowed", k)
		}
		if h.Credentials[k] == "" {
			t.Errorf("the harness gives no credential %s", k)
		}
		without := map[string]string{}
		for have, v := range h.Credentials {
			if have != k {
				without[have] = v
			}
		}
		settings := provider.Settings{Name: accountName, BaseURL: f.server.URL, Credentials: without, Options: h.Options, Now: f.clientClock.now}
		var err error
		if settings.HTTP, err = httpx.New(httpx.Config{BaseURL: f.server.URL}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.New(settings); err == nil {
			t.Errorf("a client without credential %s was made", k)
		}
	}
}

// match finds the transaction that was asked for in an answer.
func match(txs []payment.Transaction, want corpus.Transaction) (payment.Transaction, bool) {
	for _, t := range txs {
		if t.Kind == want.Kind && t.ID == want.ID && (!t.Batched || t.Reference == want.Reference) {
			return t, true
		}
	}
	return payment.Transaction{}, false
}

func moved(t corpus.Transaction) money.Amount {
	if t.Settled != nil {
		return *t.Settled
	}
	return t.Amount
}

// like holds a transaction to the truth.
func (f *fixture) like(got payment.Transaction, want corpus.Transaction) {
	f.Helper()
	what := fmt.Sprintf("%s %s", want.Kind, want.ID)
	plain := len(want.Refunds) == 0 && want.RawStatus == "" && want.NeedsAction == ""
	switch want.Status {
	case payment.Completed, payment.Pending, payment.Failed:
		if plain && got.Status != want.Status {
			f.Errorf("%s: status %s (%s), the truth is %s", what, got.Status, got.RawStatus, want.Status)
		}
	}
	if got.Status == payment.Completed && plain && !got.Partial && got.Moved() != moved(want) {
		f.Errorf("%s: moved %s, the truth is %s", what, got.Moved().Human(), moved(want).Human())
	}
	if got.Reference != "" && want.Reference != "" && got.Reference != want.Reference && got.Reference != want.OwnID {
		f.Errorf("%s: reference %q, the truth is %q", what, got.Reference, want.Reference)
	}
	if !got.CreatedAt.IsZero() && got.CreatedAt.Sub(want.CreatedAt).Abs() >= time.Second {
		f.Errorf("%s: created at %s, the truth is %s", what, got.CreatedAt, want.CreatedAt)
	}
	if got.CreatedAt.Location() != time.UTC || got.CompletedAt.Location() != time.UTC {
		f.Errorf("%s: times are not in UTC", what)
	}
}

func found(t *testing.T, h Harness) {
	f := h.start(t, 120)
	for _, want := range f.truth {
		if want.Status == payment.Rejected { // some providers keep no trace of it
			continue
		}
		a := f.ask(t.Context(), f.client, query(want))
		if a.Verdict != provider.Found {
			t.Errorf("%s %s (%s): %s: %s", want.Kind, want.ID, want.Status, a.Verdict, a.Reason)
			continue
		}
		got, ok := match(a.Transactions, want)
		if !ok {
			t.Errorf("%s %s is not in the answer: %+v", want.Kind, want.ID, a.Transactions)
			continue
		}
		if got.RawStatus == "" {
			t.Errorf("%s %s: the provider's own word is missing", want.Kind, want.ID)
		}
		f.like(got, want)
	}
}

// neverUnknown asks as merchants do, who may lack the provider's id: then a
// client may say that it can't ask, but not that the provider knows nothing.
func neverUnknown(t *testing.T, h Harness) {
	f := h.start(t, 120)
	for _, want := range f.truth {
		if want.Status == payment.Rejected || want.OwnID == "" && want.Reference == "" {
			continue
		}
		q := query(want)
		q.ProviderPaymentID = ""
		if a := f.ask(t.Context(), f.client, q); a.Verdict != provider.Found && a.Verdict != provider.NotAskable {
			t.Errorf("%s %s without the provider's id: %s: %s", want.Kind, want.ID, a.Verdict, a.Reason)
		}
	}
}

// forgotten is when a client has forgotten what an answer showed of other payments.
const forgotten = 10 * time.Minute

func toldApart(t *testing.T, h Harness) {
	f := h.start(t, 120)
	for _, kind := range kinds {
		txs := f.some(kind, payment.Completed, 6)
		for i, tc := range []struct {
			fault corpus.Fault
			want  []provider.Verdict
		}{
			{corpus.NoFault, []provider.Verdict{provider.Found}},
			{corpus.FaultDown, []provider.Verdict{provider.NoAnswer}},
			{corpus.FaultRefused, []provider.Verdict{provider.Refused}},
			{corpus.FaultGarbage, []provider.Verdict{provider.NoAnswer}},
			{corpus.FaultAmount, []provider.Verdict{provider.Invalid}},
			{corpus.FaultStatusWord, []provider.Verdict{provider.Invalid}},
		} {
			x := txs[i]
			x.Fault = tc.fault
			f.account.Put(x)
			f.clientClock.advance(forgotten)
			a := f.ask(t.Context(), f.client, query(x))
			if !oneOf(a.Verdict, tc.want...) {
				t.Errorf("%s, fault %q: %s (%s), want %v", kind, tc.fault, a.Verdict, a.Reason, tc.want)
			}
			if tc.fault == corpus.FaultStatusWord && a.RawStatus == "" {
				t.Errorf("%s: the unknown status word is not told", kind)
			}
			f.account.Remove(kind, x.ID, x.Reference)
			if a := f.ask(t.Context(), f.client, query(x)); a.Verdict != provider.Unknown {
				t.Errorf("%s that the provider doesn't know: %s (%s)", kind, a.Verdict, a.Reason)
			}
		}
	}
}

func oneOf(v provider.Verdict, of ...provider.Verdict) bool {
	for _, w := range of {
		if v == w {
			return true
		}
	}
	return false
}

// exact tries amounts that no float holds, and the smallest ones.
func exact(t *testing.T, h Harness) {
	f := h.start(t, 120)
	for _, kind := range kinds {
		x := f.some(kind, payment.Completed, 1)[0]
		for _, currency := range h.Currencies {
			exp, ok := f.account.Scale.Exponent(currency)
			if !ok {
				t.Fatalf("unknown currency %s", currency)
			}
			for _, minor := range []int64{1, 10, 1234567, 9007199254740993} {
				x.Amount = money.Amount{Minor: minor, Exp: exp, Currency: currency}
				x.Settled, x.Fee, x.Tax = nil, nil, nil
				f.account.Put(x)
				// A new client: some remember what can't change any more.
				a := f.ask(t.Context(), f.connect(), query(x))
				got, ok := match(a.Transactions, x)
				if !ok || got.Moved() != x.Amount {
					t.Errorf("%s of %s: %s, %s (%s)", kind, x.Amount.Human(), a.Verdict, got.Moved().Human(), a.Reason)
				}
			}
		}
	}
}

func manyAtOnce(t *testing.T, h Harness) {
	f := h.start(t, 300)
	var wg sync.WaitGroup
	asked := 0
	for _, want := range f.truth {
		if want.Status == payment.Rejected || asked == 100 {
			continue
		}
		asked++
		wg.Go(func() {
			a := f.ask(context.WithoutCancel(t.Context()), f.client, query(want))
			if got, ok := match(a.Transactions, want); !ok {
				t.Errorf("%s %s: %s: %s", want.Kind, want.ID, a.Verdict, a.Reason)
			} else {
				f.like(got, want)
			}
		})
	}
	wg.Wait()
	if h.TokenPath != "" && f.front.tokenRequests() != 1 {
		t.Errorf("%d token requests for %d questions, want 1", f.front.tokenRequests(), asked)
	}
}

func expiredToken(t *testing.T, h Harness) {
	if h.TokenPath == "" {
		return // nothing expires
	}
	for name, late := range map[string]func(*fixture){
		"the server's clock tells it":  func(f *fixture) { f.serverClock.advance(h.TokenLife) },
		"the client's clock tells it":  func(f *fixture) { f.serverClock.advance(h.TokenLife); f.clientClock.advance(h.TokenLife) },
		"the server forgot its tokens": func(f *fixture) { f.account.Credentials = renewed(f) },
	} {
		t.Run(name, func(t *testing.T) {
			f := h.start(t, 60)
			x := f.some(payment.Deposit, payment.Completed, 1)[0]
			if a := f.ask(t.Context(), f.client, query(x)); a.Verdict != provider.Found {
				t.Fatalf("%s: %s", a.Verdict, a.Reason)
			}
			f.front.forget()
			late(f)
			want := provider.Found
			if f.account.Credentials["client_secret"] != h.Credentials["client_secret"] {
				want = provider.Refused // and that for all, by one request
			}
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() {
					if a := f.ask(context.WithoutCancel(t.Context()), f.client, query(x)); a.Verdict != want {
						t.Errorf("%s: %s, want %s", a.Verdict, a.Reason, want)
					}
				})
			}
			wg.Wait()
			if n := f.front.tokenRequests(); n != 1 {
				t.Errorf("%d token requests, want 1", n)
			}
		})
	}
}

// renewed are credentials that replace those the client holds.
func renewed(f *fixture) map[string]string {
	out := map[string]string{}
	for k, v := range f.h.Credentials {
		out[k] = "renewed-" + v
	}
	return out
}

func savedMethods(t *testing.T, h Harness) {
	f := h.start(t, 300)
	c, ok := f.client.(provider.SavedMethods)
	if !ok {
		if h.SavesMethods {
			t.Error("the client is no provider.SavedMethods")
		}
		return
	}
	shown := 0
	for _, x := range f.truth {
		if x.CustomerID == "" || x.Status != payment.Completed || len(x.Refunds) > 0 || shown == 5 {
			continue
		}
		x.SavedMethod = true
		f.account.Put(x)
		a := f.ask(t.Context(), f.client, query(x))
		got, ok := match(a.Transactions, x)
		if !ok {
			t.Fatalf("%s %s: %s: %s", x.Kind, x.ID, a.Verdict, a.Reason)
		}
		present, checkable, reason := c.SavedMethods(t.Context(), x.CustomerID, got)
		switch {
		case !checkable && reason == "":
			t.Errorf("%s %s: no reason why the saved method can't be checked", x.Kind, x.ID)
		case checkable && !present:
			t.Errorf("%s %s: the saved method is said to be missing: %s", x.Kind, x.ID, reason)
		case checkable:
			shown++
		}
		f.tellsNothing("the reason", reason, x.Account)
	}
	if shown == 0 {
		t.Error("no saved method was ever told")
	}
	f.front.answer(reply(http.StatusServiceUnavailable, "", ""), false)
	silent, ok := f.connect().(provider.SavedMethods)
	if !ok {
		t.Fatal("a second client is no provider.SavedMethods")
	}
	for _, x := range f.truth {
		if x.CustomerID == "" || x.Status != payment.Completed {
			continue
		}
		if present, checkable, reason := silent.SavedMethods(t.Context(), x.CustomerID, payment.Transaction{Kind: x.Kind, ID: x.ID, SavedMethodID: "pm_1", Status: payment.Completed}); present || checkable || reason == "" {
			t.Errorf("during an outage: present %t, checkable %t, reason %q", present, checkable, reason)
		}
		return
	}
}
