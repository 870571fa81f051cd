package main

import (
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

func TestAProviderThatIsDownCostsItsOwnPaymentsAndNoOthers(t *testing.T) {
	t.Parallel()
	for name, down := range map[string]func(w http.ResponseWriter, r *http.Request){
		"it answers 503": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "down for maintenance", http.StatusServiceUnavailable)
		},
		"it closes every connection": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"it never answers":           func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := small()
			server := serveWorld(t, w)
			s := newSite(t, w, server)
			server.Config.ErrorLog = nil
			account := "pesaswap-ke"
			server.meet(func(rw http.ResponseWriter, r *http.Request, api http.Handler) {
				if of(r, account) {
					down(rw, r)
					return
				}
				api.ServeHTTP(rw, r)
			})
			requireLost(t, s, account)
			server.meet(nil)
			requireFoundAgain(t, s, account)
		})
	}
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

// requireLost runs while an account can't be asked.
func requireLost(t *testing.T, s *site, account string) {
	t.Helper()
	began := time.Now()
	r := s.run(3)
	assert.Less(t, time.Since(began), time.Minute)
	assert.NotContains(t, r.out+r.err, "not-the-right-one")
	v1 := filepath.Join(s.folder(), "v1")
	requireWhole(t, v1)
	var want []difference
	for _, p := range s.world.Payments {
		if p.Provider == account {
			want = append(want, difference{"not_polled", account, string(p.Kind), p.ID})
		}
	}
	require.NotEmpty(t, want)
	want = append(want, planted(s.world, func(p corpus.Planted) bool { return p.Provider != account })...)
	require.Empty(t, cmp.Diff(sorted(want), exceptionsIn(t, v1, isOpen)), "expected (-) and found (+)")
}

// requireFoundAgain runs when it answers again.
func requireFoundAgain(t *testing.T, s *site, account string) {
	t.Helper()
	s.run(0)
	v2 := filepath.Join(s.folder(), "v2")
	requirePlanted(t, s.world, v2)
	gone := exceptionsIn(t, v2, func(row map[string]string) bool { return row["state"] == "auto_resolved" })
	n := 0
	for _, p := range s.world.Payments {
		if p.Provider == account {
			n++
			assert.True(t, slices.Contains(gone, difference{"not_polled", account, string(p.Kind), p.ID}), p.ID)
		}
	}
	assert.Len(t, gone, n)
}
