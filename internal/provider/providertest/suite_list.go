package providertest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"

	"tieout/internal/corpus"
	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/sandbox/state"
)

// The day that is listed: the middle one, so that there is more on both sides.
var listFrom, listTo = firstDay.AddDate(0, 0, 1), firstDay.AddDate(0, 0, 2)

func (f *fixture) listQuery(kind payment.Kind) provider.ListQuery {
	var currencies []string
	for _, t := range f.truth {
		if !slices.Contains(currencies, t.Amount.Currency) {
			currencies = append(currencies, t.Amount.Currency)
		}
	}
	return provider.ListQuery{Kind: kind, From: listFrom, To: listTo, Currencies: currencies, Now: f.clientClock.now(), Memory: &memory{}}
}

func (f *fixture) lister() provider.Lister {
	f.Helper()
	l, ok := f.client.(provider.Lister)
	if !ok && len(f.h.Lists) > 0 {
		f.Fatal("the client is no provider.Lister")
	}
	return l
}

// inRange is what a complete list of the kind must show.
func (f *fixture) inRange(kind payment.Kind) []corpus.Transaction {
	var out []corpus.Transaction
	for _, t := range f.truth {
		if t.Kind == kind && t.Status != payment.Rejected && !t.CreatedAt.Before(listFrom) && t.CreatedAt.Before(listTo) {
			out = append(out, t)
		}
	}
	return out
}

func lists(t *testing.T, h Harness) {
	f := h.start(t, 1500)
	l := f.lister()
	if l == nil {
		return
	}
	f.account.SetHooks(state.Hooks{RepeatRows: 7})
	for _, kind := range kinds {
		var got []payment.Transaction
		q := f.listQuery(kind)
		reach, err := l.List(t.Context(), q, func(p provider.Page) error {
			for _, bad := range p.Invalid {
				t.Errorf("%ss: row %q can't be read: %s", kind, bad.ID, bad.Reason)
			}
			got = append(got, p.Transactions...)
			return nil
		})
		if err != nil {
			t.Errorf("%ss: %v", kind, err)
			continue
		}
		if !reach.Complete {
			if slices.Contains(h.Lists, kind) {
				t.Errorf("the list of %ss is not complete: %s", kind, reach.Why)
			}
			if reach.Why == "" {
				t.Errorf("the list of %ss doesn't say why it isn't complete", kind)
			}
		}
		f.holds(kind, got, reach)
	}
}

// holds compares a list with the truth.
func (f *fixture) holds(kind payment.Kind, got []payment.Transaction, reach provider.Reach) {
	f.Helper()
	for _, g := range got {
		if g.Kind != kind {
			f.Errorf("a %s in the list of %ss", g.Kind, kind)
		}
		if g.CreatedAt.Before(listFrom) || !g.CreatedAt.Before(listTo) {
			f.Errorf("%s %s of %s lies outside the range", kind, g.ID, g.CreatedAt)
		}
	}
	known, missing := 0, 0
	byKey := map[string]payment.Transaction{}
	for _, g := range got {
		byKey[g.Key()] = g
	}
	for _, want := range f.inRange(kind) {
		g, ok := byKey[want.ID]
		if !ok {
			g, ok = byKey[want.ID+"/"+want.Reference]
		}
		switch {
		case ok:
			known++
			f.like(g, want)
		case reach.Complete && (want.Status == payment.Completed || !reach.CompletedOnly):
			missing++
			f.Errorf("the complete list lacks %s %s (%s)", kind, want.ID, want.Status)
		}
		if missing == 5 {
			f.Fatal("and more")
		}
	}
	if known != len(byKey) {
		f.Errorf("the list of %ss shows %d that don't exist", kind, len(byKey)-known)
	}
}

// failingLists needs a list of several pages: what is refused after a page that
// can be the last one proves nothing against the list.
func failingLists(t *testing.T, h Harness) {
	f := h.start(t, 1500)
	l := f.lister()
	if l == nil {
		return
	}
	for _, kind := range h.Lists {
		none := func(provider.Page) error { return nil }
		stop := errors.New("stop")
		if _, err := l.List(t.Context(), f.listQuery(kind), func(provider.Page) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("%ss: the error of page became %v", kind, err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if reach, err := l.List(gone, f.listQuery(kind), none); err == nil && reach.Complete {
			t.Errorf("%ss: a cancelled list is complete", kind)
		}
		for name, answer := range map[string]http.HandlerFunc{
			"503": reply(503, "", ""), "401": reply(401, "application/json", "{}"), "404": reply(404, "text/html", "<h1>Not Found</h1>"),
			"a page": reply(200, "text/html", "<html>Log in</html>"), "null": reply(200, "application/json", "null"),
			"an empty object": reply(200, "application/json", "{}"), "half": reply(200, "application/json", `[{"Reference":"x`),
			"a redirect": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Location", "/login"); w.WriteHeader(302) },
		} {
			for _, after := range []int64{0, 1} {
				fail, failed := f.failAfter(after, answer)
				f.front.answer(fail, false)
				reach, err := f.relist(kind)
				if failed() && err == nil && reach.Complete {
					t.Errorf("%ss: %s after %d requests, and the list is complete", kind, name, after)
				}
				if err != nil {
					f.tellsNothing("the error", err.Error(), "")
				}
				f.tellsNothing("the reach", reach.Why, "")
			}
		}
		f.front.answer(nil, false)
	}
}

// failAfter lets the API answer some requests first; failed tells whether there
// were more.
func (f *fixture) failAfter(n int64, then http.HandlerFunc) (h http.HandlerFunc, failed func() bool) {
	var seen atomic.Int64
	h = func(w http.ResponseWriter, r *http.Request) {
		if seen.Add(1) <= n {
			f.front.api.ServeHTTP(w, r)
			return
		}
		then(w, r)
	}
	return h, func() bool { return seen.Load() > n }
}

// relist lists with a new client.
func (f *fixture) relist(kind payment.Kind) (provider.Reach, error) {
	f.Helper()
	l, ok := f.connect().(provider.Lister)
	if !ok {
		f.Fatal("the client is no provider.Lister")
	}
	return l.List(f.Context(), f.listQuery(kind), func(provider.Page) error { return nil })
}
