package main

import (
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/corpus"
	"tieout/internal/sandbox"
)

func TestProvidersThatAreDownCostTheirOwnPaymentsAndNoOthers(t *testing.T) {
	t.Parallel()
	w := small()
	server := serveWorld(t, w)
	s := newSite(t, w, server)
	s.configure(settings{timeout: "5s"})
	down := map[string]http.HandlerFunc{
		"pesaswap-ke": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "down for maintenance", http.StatusServiceUnavailable)
		},
		"pesaway-ke": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, // the connection closes
		"pivot-id": func(_ http.ResponseWriter, r *http.Request) { // it never answers
			_, _ = io.Copy(io.Discard, r.Body) // only then the server notices that the client has gone
			<-r.Context().Done()
		},
	}
	server.meet(func(rw http.ResponseWriter, r *http.Request, api http.Handler) {
		for account, h := range down {
			if of(r, account) {
				api = h
			}
		}
		api.ServeHTTP(rw, r)
	})
	accounts := slices.Sorted(maps.Keys(down))
	requireLost(t, s, accounts...)
	server.meet(nil)
	requireFoundAgain(t, s, accounts...)
}

func TestWrongCredentialsCostTheirOwnPaymentsAndNoOthers(t *testing.T) {
	t.Parallel()
	w := small()
	for _, a := range w.Accounts {
		if a.Name == "pawapay-ug" {
			continue // as pawapay-zm
		}
		t.Run(a.Name, func(t *testing.T) {
			t.Parallel()
			server := serveWorld(t, w)
			s := newSite(t, w, server)
			wrong := map[string]string{}
			for key := range server.sandbox.Credentials(a.Name) {
				wrong[key] = "not-the-right-one"
			}
			s.configure(settings{credentials: map[string]map[string]string{a.Name: wrong}})
			requests := func() sandbox.Requests { return server.sandbox.Requests(a.Name) }
			requireLost(t, s, a.Name)
			assert.Less(t, requests().Total, 40, "a wrong key does not become right by trying")
			s.configure(settings{})
			requireFoundAgain(t, s, a.Name)
		})
	}
}

// most is what a run may take longer for providers that are down, however many
// they are and whatever they do: they are waited for at the same time.
const most = 2 * time.Minute

// requireLost runs while accounts can't be asked.
func requireLost(t *testing.T, s *site, accounts ...string) {
	t.Helper()
	began := time.Now()
	r := s.run(3)
	assert.Less(t, time.Since(began), most, "a provider that is down costs seconds")
	assert.NotContains(t, r.out+r.err, "not-the-right-one")
	v1 := filepath.Join(s.folder(), "v1")
	requireWhole(t, v1)
	var want []difference
	for _, p := range s.world.Payments {
		if slices.Contains(accounts, p.Provider) {
			want = append(want, difference{"not_polled", p.Provider, string(p.Kind), p.ID})
		}
	}
	require.NotEmpty(t, want)
	want = append(want, planted(s.world, func(p corpus.Planted) bool { return !slices.Contains(accounts, p.Provider) })...)
	require.Empty(t, cmp.Diff(sorted(want), exceptionsIn(t, v1, isOpen)), "expected (-) and found (+)")
}

// requireFoundAgain runs when they answer again.
func requireFoundAgain(t *testing.T, s *site, accounts ...string) {
	t.Helper()
	s.run(0)
	v2 := filepath.Join(s.folder(), "v2")
	requirePlanted(t, s.world, v2)
	gone := exceptionsIn(t, v2, func(row map[string]string) bool { return row["state"] == "auto_resolved" })
	n := 0
	for _, p := range s.world.Payments {
		if slices.Contains(accounts, p.Provider) {
			n++
			assert.True(t, slices.Contains(gone, difference{"not_polled", p.Provider, string(p.Kind), p.ID}), p.ID)
		}
	}
	assert.Len(t, gone, n)
}
