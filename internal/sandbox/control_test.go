package sandbox_test

import (
	"net/url"
	"strings"
	"sync"
	"testing"

	"tieout/internal/corpus"
	"tieout/internal/payment"
	"tieout/internal/sandbox"
)

func TestControlChangesWhatTheAPISays(t *testing.T) {
	t.Parallel()
	w := world(t)
	s, base := up(t, w, sandbox.Options{})
	id := deposit(t, w, "pawapay-zm").ID
	api, control := base+"/pawapay-zm/v2/deposits/"+id, base+"/_control/accounts/pawapay-zm/deposit/"+id
	says := func(word string) {
		t.Helper()
		if r := must(t, "GET", api, "", bearer(s, "pawapay-zm")); !strings.Contains(string(r.body), word) {
			t.Errorf("the API does not say %s: %s", word, r.body)
		}
	}
	says(`"COMPLETED"`)
	if r := must(t, "PUT", control, `{"status":"failed","failure_code":"INSUFFICIENT_BALANCE","amount":"12.50"}`, nil); r.status != 200 {
		t.Fatalf("PUT: %d %s", r.status, r.body)
	}
	says(`"INSUFFICIENT_BALANCE"`)
	got := decode[map[string]any](t, must(t, "GET", control, "", nil).body)
	if got["amount"] != "12.50" || got["status"] != "failed" || got["currency"] != "ZMW" {
		t.Errorf("control shows %v", got)
	}
	if r := must(t, "DELETE", control, "", nil); r.status != 204 {
		t.Errorf("DELETE: %d", r.status)
	}
	says(`"NOT_FOUND"`)
	if r := must(t, "DELETE", control, "", nil); r.status != 404 {
		t.Errorf("DELETE again: %d", r.status)
	}
	if r := must(t, "PUT", control, `{"amount":"5","currency":"ZMW","reference":"DP-1"}`, nil); r.status != 201 {
		t.Errorf("PUT of a new one: %d %s", r.status, r.body)
	}
	says(`"DP-1"`)
	if r := must(t, "POST", base+"/_control/reset", "", nil); r.status != 204 {
		t.Errorf("reset: %d", r.status)
	}
	says(deposit(t, w, "pawapay-zm").Reference)
}

func TestControlRefusesWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	w := world(t)
	_, base := up(t, w, sandbox.Options{})
	one := base + "/_control/accounts/pawapay-zm/deposit/" + deposit(t, w, "pawapay-zm").ID
	for _, c := range []struct {
		method, url, body string
		want              int
	}{
		{"GET", base + "/_control/accounts/nobody/deposit", "", 404},
		{"GET", base + "/_control/accounts/pawapay-zm/refund", "", 404},
		{"GET", one + "0", "", 404},
		{"PUT", one, `{"statuss":"failed"}`, 400},
		{"PUT", one, `{"status":"lost"}`, 422},
		{"PUT", one, `{"amount":"12.505"}`, 422},
		{"PUT", one, `{"settled":"x"}`, 422},
		{"PUT", one, `{"refunds":[{"id":"r","amount":"0.001"}]}`, 422},
		{"GET", base + "/_control/nothing", "", 404},
		{"POST", base + "/_control/planted", "", 405},
	} {
		if r := must(t, c.method, c.url, c.body, nil); r.status != c.want {
			t.Errorf("%s %s %s: %d, want %d", c.method, c.url, c.body, r.status, c.want)
		}
	}
}

func TestControlTellsItemsOfABatchApart(t *testing.T) {
	t.Parallel()
	w := world(t)
	_, base := up(t, w, sandbox.Options{})
	var item corpus.Transaction
	items := map[string]int{}
	for _, x := range w.Transactions {
		if x.Provider == "pivot-id" && x.Kind == payment.Payout {
			if items[x.ID]++; items[x.ID] > 1 {
				item = x
			}
		}
	}
	one := base + "/_control/accounts/pivot-id/payout/" + item.ID
	if r := must(t, "PUT", one, `{"status":"failed"}`, nil); r.status != 409 {
		t.Errorf("a batch without a reference: %d", r.status)
	}
	one += "?reference=" + url.QueryEscape(item.Reference)
	if r := must(t, "PUT", one, `{"status":"failed"}`, nil); r.status != 200 {
		t.Errorf("an item: %d %s", r.status, r.body)
	}
	list := decode[[]map[string]any](t, must(t, "GET", base+"/_control/accounts/pivot-id/payout?reference="+url.QueryEscape(item.Reference), "", nil).body)
	if len(list) != 1 || list[0]["status"] != "failed" {
		t.Errorf("by reference: %v", list)
	}
	all := decode[[]map[string]any](t, must(t, "GET", base+"/_control/accounts/pivot-id/payout", "", nil).body)
	failed := 0
	for _, x := range all {
		if x["id"] == item.ID && x["status"] == "failed" && x["reference"] != item.Reference {
			failed++
		}
	}
	if failed == items[item.ID]-1 {
		t.Error("the other items of the batch failed too")
	}
}

func TestControlShowsAccountsAndPlantedDifferences(t *testing.T) {
	t.Parallel()
	w := corpus.Generate(corpus.Options{Seed: 4, Payments: 100})
	s, base := up(t, w, sandbox.Options{})
	planted := decode[[]corpus.Planted](t, must(t, "GET", base+"/_control/planted", "", nil).body)
	if len(planted) == 0 || len(planted) != len(w.Planted) || planted[0] != w.Planted[0] {
		t.Errorf("%d planted differences of %d", len(planted), len(w.Planted))
	}
	accounts := decode[[]struct {
		Name        string
		BaseURL     string `json:"base_url"`
		Credentials map[string]string
	}](t, must(t, "GET", base+"/_control/accounts", "", nil).body)
	if len(accounts) != 5 || accounts[0].BaseURL != base+"/pawapay-zm" || accounts[0].Credentials["token"] != s.Credentials("pawapay-zm")["token"] {
		t.Errorf("accounts %+v", accounts)
	}
}

func TestRequestsAreCountedWithTheBusiestSecond(t *testing.T) {
	t.Parallel()
	s, base := up(t, world(t), sandbox.Options{})
	const n = 12
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if _, err := ask(t, "GET", base+"/pivot-id/v1/balances", "", nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got := s.Requests("pivot-id")
	if got.Total != n || got.BusiestSecond < 2 || got.BusiestSecond > n || got.ByStatus[401] != n {
		t.Errorf("counted %+v", got)
	}
	shown := decode[map[string]sandbox.Requests](t, must(t, "GET", base+"/_control/requests", "", nil).body)
	if shown["pivot-id"].Total != n || shown["pawapay-zm"].Total != 0 {
		t.Errorf("shown %+v", shown)
	}
	s.Reset()
	if got := s.Requests("pivot-id"); got.Total != 0 || got.BusiestSecond != 0 {
		t.Errorf("after the reset %+v", got)
	}
}
