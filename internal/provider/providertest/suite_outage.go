package providertest

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"tieout/internal/corpus"
	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
)

// both are a completed payment of each kind.
func (f *fixture) both() []corpus.Transaction {
	f.Helper()
	return append(f.some(payment.Deposit, payment.Completed, 1), f.some(payment.Payout, payment.Completed, 1)...)
}

func outage(t *testing.T, h Harness) {
	f := h.start(t, 60)
	quick := func(_ *provider.Settings, c *httpx.Config) { c.Timeout = 200 * time.Millisecond }
	const page = "<html><body>Bad gateway</body></html>"
	for name, answer := range map[string]http.HandlerFunc{
		"hangs": hang, "breaks off": drop,
		"429": reply(429, "application/json", "{}"), "500": reply(500, "text/html", page), "502": reply(502, "text/html", page),
		"503": reply(503, "", ""), "504": reply(504, "application/json", `{"message":"Endpoint request timed out"}`),
	} {
		for _, atToken := range []bool{false, true} {
			if atToken && h.TokenPath == "" {
				continue
			}
			f.front.answer(answer, atToken)
			for _, x := range f.both() {
				if a := f.ask(t.Context(), f.connect(quick), query(x)); a.Verdict != provider.NoAnswer {
					t.Errorf("%s (at the token: %t), %s: %s: %s", name, atToken, x.Kind, a.Verdict, a.Reason)
				}
			}
			line, err := f.connect(quick).Check(t.Context())
			if err == nil {
				t.Errorf("%s (at the token: %t): the check says %q", name, atToken, line)
			} else {
				f.tellsNothing("the check", err.Error(), "")
			}
		}
	}
	f.server.Close()
	for _, x := range f.both() {
		if a := f.ask(t.Context(), f.client, query(x)); a.Verdict != provider.NoAnswer {
			t.Errorf("nobody listens, %s: %s: %s", x.Kind, a.Verdict, a.Reason)
		}
	}
}

func garbage(t *testing.T, h Harness) {
	f := h.start(t, 60)
	for name, answer := range map[string]http.HandlerFunc{
		"nothing":           reply(200, "application/json", ""),
		"null":              reply(200, "application/json", "null"),
		"an empty object":   reply(200, "application/json", "{}"),
		"an empty array":    reply(200, "application/json", "[]"),
		"a text":            reply(200, "application/json", `"completed"`),
		"a number":          reply(200, "application/json", "1"),
		"half an object":    reply(200, "application/json", `{"status":"FOUND","code":"00","data":{"sta`),
		"two objects":       reply(200, "application/json", `{"status":"FOUND"}{"code":"00"}`),
		"a page":            reply(200, "text/html", "<html>Log in</html>"),
		"wrong types":       reply(200, "application/json", `{"status":{"a":1},"data":[1,2],"code":7,"amount":{},"ResultCode":[],"payout_id":1,"payment_id":[]}`),
		"nested to death":   reply(200, "application/json", strings.Repeat(`{"data":`, 20000)+"1"+strings.Repeat("}", 20000)),
		"no content":        func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"a redirect":        func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Location", "/login"); w.WriteHeader(302) },
		"a page not found":  reply(404, "text/html", "<h1>Not Found</h1>"),
		"nothing not found": reply(404, "application/json", "{}"),
		"a wrong method":    reply(405, "application/json", "{}"),
		"a bad request":     reply(400, "text/html", "<h1>Bad Request</h1>"),
	} {
		for _, atToken := range []bool{false, true} {
			if atToken && h.TokenPath == "" {
				continue
			}
			f.front.answer(answer, atToken)
			for _, x := range f.both() {
				if a := f.ask(t.Context(), f.connect(), query(x)); !oneOf(a.Verdict, provider.NoAnswer, provider.Invalid, provider.Refused) {
					t.Errorf("%s (at the token: %t), %s: %s: %s", name, atToken, x.Kind, a.Verdict, a.Reason)
				}
			}
			if atToken {
				if line, err := f.connect().Check(t.Context()); err == nil {
					t.Errorf("%s at the token: the check says %q", name, line)
				}
			}
		}
	}
}

func wrongCredentials(t *testing.T, h Harness) {
	f := h.start(t, 60)
	if line, err := f.client.Check(t.Context()); err != nil || line == "" {
		t.Errorf("right credentials: %q, %v", line, err)
	} else {
		f.tellsNothing("the check", line, "")
	}
	for _, k := range h.Spec.Required {
		c := f.connect(func(s *provider.Settings, _ *httpx.Config) {
			s.Credentials = map[string]string{}
			for have, v := range h.Credentials {
				s.Credentials[have] = v
			}
			s.Credentials[k] = wrong(h.Credentials[k])
		})
		for _, x := range f.both() {
			if a := f.ask(t.Context(), c, query(x)); a.Verdict != provider.Refused {
				t.Errorf("wrong %s, %s: %s: %s", k, x.Kind, a.Verdict, a.Reason)
			}
		}
		line, err := c.Check(t.Context())
		if err == nil {
			t.Errorf("wrong %s: the check says %q", k, line)
		} else {
			f.tellsNothing("the check", err.Error(), "")
		}
	}
	for _, status := range []int{401, 403} {
		f.front.answer(reply(status, "text/html", "<h1>No</h1>"), false)
		for _, x := range f.both() {
			if a := f.ask(t.Context(), f.connect(), query(x)); a.Verdict != provider.Refused {
				t.Errorf("HTTP %d, %s: %s: %s", status, x.Kind, a.Verdict, a.Reason)
			}
		}
	}
}

func cancelled(t *testing.T, h Harness) {
	f := h.start(t, 60)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, x := range f.both() {
		if a := f.ask(gone, f.client, query(x)); a.Verdict != provider.NoAnswer {
			t.Errorf("cancelled before, %s: %s: %s", x.Kind, a.Verdict, a.Reason)
		}
	}
	for _, atToken := range []bool{false, true} {
		if atToken && h.TokenPath == "" {
			continue
		}
		f.front.answer(hang, atToken)
		for _, x := range f.both() {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(50*time.Millisecond, cancel)
			start := time.Now()
			if a := f.ask(ctx, f.connect(), query(x)); a.Verdict != provider.NoAnswer {
				t.Errorf("cancelled while asking, %s: %s: %s", x.Kind, a.Verdict, a.Reason)
			}
			if d := time.Since(start); d > 2*time.Second {
				t.Errorf("the question ended %s after it began", d)
			}
			cancel()
		}
	}
}

// hostileIDs asks for ids that try to leave their place. A client may refuse to
// ask; what it asks must differ from an honest question in the id alone.
func hostileIDs(t *testing.T, h Harness) {
	f := h.start(t, 60)
	for _, victim := range f.both() {
		honest := map[string]bool{}
		for _, byOwn := range []bool{false, true} {
			for _, reference := range []string{"", victim.Reference} {
				q := query(victim)
				q.Reference = reference
				if byOwn {
					q.PaymentID, q.ProviderPaymentID = victim.ID, ""
				}
				f.front.forget()
				f.ask(t.Context(), f.client, q)
				unknown := victim
				unknown.ID = "00000000-0000-4000-8000-000000000000"
				q.PaymentID, q.ProviderPaymentID = unknown.ID, ""
				f.ask(t.Context(), f.client, q)
				q.ProviderPaymentID = unknown.ID
				f.ask(t.Context(), f.client, q)
				for _, r := range f.front.requests() {
					for _, id := range []string{victim.ID, unknown.ID, victim.Reference} {
						honest[r.shape(id)] = true
					}
				}
			}
		}
		id := victim.ID
		for _, bad := range []string{
			"../" + id, "x/../" + id, "../../" + id, id + "/", "/" + id, id + "/../" + id, id + "?x=1", id + "#x", id + "%2f", "%2e%2e/" + id,
			"..%2f" + id, `..\` + id, "..", ".", id + "&a=b", id + "\x00", id + "\r\nX: y", id + ";x", "@evil.example/" + id, "//evil.example/" + id,
			"list", "filter", strings.Repeat("9", 5000),
		} {
			for _, q := range []provider.Query{
				{Kind: victim.Kind, PaymentID: "p-1", ProviderPaymentID: bad, Amount: victim.Amount},
				{Kind: victim.Kind, PaymentID: bad, Amount: victim.Amount},
				{Kind: victim.Kind, PaymentID: "p-1", Reference: bad, Amount: victim.Amount},
			} {
				f.front.forget()
				if a := f.ask(t.Context(), f.client, q); a.Verdict == provider.Found {
					t.Errorf("%s %q was found", victim.Kind, clip(bad))
				}
				for _, r := range f.front.requests() {
					if !honest[r.shape(bad)] && !honest[r.shape(q.PaymentID)] && !r.token {
						t.Errorf("%s %q reached %s %s", victim.Kind, clip(bad), r.method, clip(r.uri))
					}
				}
			}
		}
	}
}

func clip(s string) string { return s[:min(len(s), 120)] }
