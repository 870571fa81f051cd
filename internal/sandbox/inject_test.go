package sandbox_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"tieout/internal/sandbox"
)

// statuses asks n times for a deposit and notes the statuses; 0 is no answer.
func statuses(t *testing.T, f sandbox.Fault, n int) []int {
	t.Helper()
	w := world(t)
	s, url := up(t, w, sandbox.Options{Faults: sandbox.Faults{Requests: []sandbox.Fault{f}}})
	var out []int
	for range n {
		r, err := ask(t, "GET", url+"/pawapay-zm/v2/deposits/"+deposit(t, w, "pawapay-zm").ID, "", bearer(s, "pawapay-zm"))
		if err != nil {
			r.status = 0
		}
		out = append(out, r.status)
	}
	return out
}

func TestFaultsStrikeTheRequestsTheyName(t *testing.T) {
	t.Parallel()
	down := sandbox.Effect{Status: 503}
	for name, c := range map[string]struct {
		fault sandbox.Fault
		want  []int
	}{
		"all":             {sandbox.Fault{Effect: down}, []int{503, 503, 503, 503}},
		"first two":       {sandbox.Fault{First: 2, Effect: down}, []int{503, 503, 200, 200}},
		"every third":     {sandbox.Fault{Every: 3, Effect: down}, []int{200, 200, 503, 200, 200, 503}},
		"bursts":          {sandbox.Fault{Every: 4, Burst: 2, Effect: down}, []int{200, 200, 503, 503, 200, 200, 503, 503}},
		"first and every": {sandbox.Fault{First: 3, Every: 2, Effect: down}, []int{200, 503, 200, 200}},
		"this account":    {sandbox.Fault{Account: "pawapay-zm", Effect: down}, []int{503}},
		"another account": {sandbox.Fault{Account: "pawapay-ug", Effect: down}, []int{200}},
		"another method":  {sandbox.Fault{Method: "POST", Effect: down}, []int{200}},
		"a path":          {sandbox.Fault{Path: "/v2/deposits/*", Effect: down}, []int{503}},
		"all below":       {sandbox.Fault{Path: "/v2/**", Effect: down}, []int{503}},
		"another path":    {sandbox.Fault{Path: "/v2/payouts/*", Effect: down}, []int{200}},
		"dropped":         {sandbox.Fault{First: 1, Effect: sandbox.Effect{Drop: true}}, []int{0, 200}},
		"token too old":   {sandbox.Fault{First: 1, Effect: sandbox.Effect{ExpiredToken: true}}, []int{401, 200}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := statuses(t, c.fault, len(c.want)); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestChanceStrikesTheSameRequestsAgain(t *testing.T) {
	t.Parallel()
	w := world(t)
	f := sandbox.Faults{Requests: []sandbox.Fault{{Probability: 0.3, Effect: sandbox.Effect{Status: 503}}}}
	var runs [2][]int
	for i := range runs {
		s, url := up(t, w, sandbox.Options{Seed: 9, Faults: f})
		for n := range 300 {
			runs[i] = append(runs[i], must(t, "GET", fmt.Sprintf("%s/pawapay-zm/v2/deposits/00000000-0000-4000-8000-%012d", url, n%100), "", bearer(s, "pawapay-zm")).status)
		}
	}
	if !slices.Equal(runs[0], runs[1]) {
		t.Error("two runs of one seed fail at other requests")
	}
	struck := 0
	for _, status := range runs[0] {
		if status == 503 {
			struck++
		}
	}
	if struck < 60 || struck > 120 {
		t.Errorf("%d of 300 struck, meant were 90", struck)
	}
}

func TestAnswersAreSpoiltAsNamed(t *testing.T) {
	t.Parallel()
	w := world(t)
	s, base := up(t, w, sandbox.Options{})
	url := base + "/pawapay-zm/v2/deposits/" + deposit(t, w, "pawapay-zm").ID
	with := func(fault string) map[string]string {
		h := bearer(s, "pawapay-zm")
		h[sandbox.HeaderFault] = fault
		return h
	}
	right := must(t, "GET", url, "", bearer(s, "pawapay-zm"))

	if r := must(t, "GET", url, "", with("status=429;retry_after=7")); r.status != 429 || r.header.Get("Retry-After") != "7" {
		t.Errorf("429: %d %v", r.status, r.header)
	}
	if r := must(t, "GET", url, "", with(`status=500;content_type=application/json;body={"a":1}`)); string(r.body) != `{"a":1}` || r.header.Get("Content-Type") != "application/json" {
		t.Errorf("own body: %s %v", r.body, r.header)
	}
	if r := must(t, "GET", url, "", with("status=502")); !strings.Contains(string(r.body), "<html>") {
		t.Errorf("502 is no proxy's page: %s", r.body)
	}
	if r, err := ask(t, "GET", url, "", with("half")); !errors.Is(err, io.ErrUnexpectedEOF) || len(r.body) == 0 || len(r.body) >= len(right.body) {
		t.Errorf("half: %d of %d bytes, %v", len(r.body), len(right.body), err)
	}
	if r := must(t, "GET", url, "", with("invalid_json")); r.status != 200 || json.Valid(r.body) || len(r.body) == 0 {
		t.Errorf("invalid JSON: %d %s", r.status, r.body)
	}
	if r := must(t, "GET", url, "", with("content_type=text/html")); string(r.body) != string(right.body) || r.header.Get("Content-Type") != "text/html" {
		t.Errorf("content type: %s %v", r.body, r.header)
	}
	start := time.Now()
	if r := must(t, "GET", url, "", with("latency=150ms")); r.status != 200 || time.Since(start) < 150*time.Millisecond {
		t.Errorf("latency: %d after %s", r.status, time.Since(start))
	}
	if r := must(t, "GET", url, "", with("status=teapot")); r.status != 400 {
		t.Errorf("a header that can't be read: %d", r.status)
	}
	if r := must(t, "GET", url, "", with("stauts=503")); r.status != 400 || !strings.Contains(string(r.body), "stauts") {
		t.Errorf("an unknown word: %d %s", r.status, r.body)
	}
}

func TestHeaderFaultEndsAfterItsTimes(t *testing.T) {
	t.Parallel()
	w := world(t)
	s, base := up(t, w, sandbox.Options{})
	h := bearer(s, "pawapay-zm")
	h[sandbox.HeaderFault] = "status=503;times=2"
	var got []int
	for range 4 {
		got = append(got, must(t, "GET", base+"/pawapay-zm/v2/deposits/"+deposit(t, w, "pawapay-zm").ID, "", h).status)
	}
	if !slices.Equal(got, []int{503, 503, 200, 200}) {
		t.Errorf("got %v", got)
	}
}

func TestEachAPISaysInItsOwnWayThatATokenIsTooOld(t *testing.T) {
	t.Parallel()
	_, base := up(t, world(t), sandbox.Options{Faults: sandbox.Faults{Requests: []sandbox.Fault{{Effect: sandbox.Effect{ExpiredToken: true}}}}})
	for account, word := range map[string]string{
		"pawapay-ug": "AUTHENTICATION_ERROR", "pesaswap-ke": "IR_01", "pesaway-ke": "401.001", "pivot-id": "credentials_invalid",
	} {
		r := must(t, "GET", base+"/"+account+"/x", "", nil)
		if r.status != 401 || !json.Valid(r.body) || !strings.Contains(string(r.body), word) {
			t.Errorf("%s: %d %s", account, r.status, r.body)
		}
	}
}
