package pesaswap_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/corpus"
	"tieout/internal/money"
	"tieout/internal/payment"
	sandbox "tieout/internal/sandbox/pesaswap"
	"tieout/internal/sandbox/state"
)

// given is an answer of the sandbox with the part of the description that it
// must fit.
type given struct {
	call   string
	answer string // "" for an error
	body   any
}

// Every answer of the sandbox fits the vendor's own description of its API:
// what the client is tried on here is no invention of this project.
func TestTheSandboxAnswersAsTheVendorDescribes(t *testing.T) {
	t.Parallel()
	s := readSpec(t, -1)
	all := sandboxAnswers(t, s)
	require.Greater(t, len(all), 500)
	seen := map[string]int{}
	for _, g := range all {
		seen[g.answer]++
		assert.NoError(t, s.compiled(t, g.answer).Validate(g.body), g.call)
	}
	for path, methods := range s.doc["paths"].(map[string]any) {
		for method := range methods.(map[string]any) {
			assert.Positive(t, seen[method+" "+path], "%s %s was not tried", method, path)
		}
	}
	assert.Positive(t, seen[""], "no error was tried")
	assert.Positive(t, seen[webhook], "no webhook was tried")
}

// An exception that no answer needs would only hide differences.
func TestEachExceptionToTheDescriptionIsNeeded(t *testing.T) {
	t.Parallel()
	all := sandboxAnswers(t, readSpec(t, -1))
	for i, e := range exceptions {
		t.Run(strings.ReplaceAll(e.at, "/", "."), func(t *testing.T) {
			t.Parallel()
			assert.NotEmpty(t, e.why)
			s := readSpec(t, i)
			schemas := map[string]*jsonschema.Schema{}
			for _, g := range all {
				if schemas[g.answer] == nil {
					schemas[g.answer] = s.compiled(t, g.answer)
				}
				if schemas[g.answer].Validate(g.body) != nil {
					return
				}
			}
			t.Errorf("every answer fits the description without this exception")
		})
	}
}

// sandboxAnswers asks the sandbox everything, about transactions of every
// status and shape.
func sandboxAnswers(t *testing.T, s spec) []given {
	t.Helper()
	txs := shapes(t, s)
	a := state.New(corpus.Account{Name: "p", Type: "pesaswap"}, txs)
	a.Credentials = map[string]string{"api_key": "k"}
	server := httptest.NewServer(sandbox.HandlerWith(a, sandbox.Options{}))
	t.Cleanup(server.Close)
	v := &visitor{T: t, url: server.URL, key: "k"}
	v.lists()
	for _, tx := range txs {
		v.posted(a, tx)
		v.object(tx)
	}
	v.errors()
	return v.seen
}

// shapes are transactions of every status of the API, with all that varies.
func shapes(t *testing.T, s spec) []corpus.Transaction {
	t.Helper()
	var txs []corpus.Transaction
	add := func(tx corpus.Transaction, change func(*corpus.Transaction)) {
		n := len(txs) + 1
		tx.Provider, tx.CreatedAt, tx.CompletedAt = "p", noon.Add(time.Duration(n)*time.Second), noon.Add(time.Hour)
		tx.ID = tx.ID[:len(tx.ID)-20] + strings.Repeat("0", 16) + string(rune('a'+n/676%26)) + string(rune('a'+n/26%26)) + string(rune('a'+n%26)) + "x"
		change(&tx)
		txs = append(txs, tx)
	}
	status := map[string]payment.Status{
		"succeeded": payment.Completed, "success": payment.Completed, "partially_captured": payment.Completed,
		"failed": payment.Failed, "not_permitted": payment.Failed, "cancelled": payment.Cancelled, "expired": payment.Expired,
		"reversed": payment.Reversed, "cancelled_post_capture": payment.Reversed,
	}
	for kind, enum := range map[payment.Kind]string{payment.Payout: "PayoutStatus", payment.Deposit: "IntentStatus"} {
		base := payoutTx(1)
		if kind == payment.Deposit {
			base = depositTx(1)
		}
		for _, word := range s.enum(t, enum) {
			base.RawStatus, base.Status = word, status[word]
			if base.Status == "" {
				base.Status = payment.Pending
			}
			add(base, func(*corpus.Transaction) {})
			add(base, func(x *corpus.Transaction) {
				x.CustomerID, x.Reference, x.Metadata, x.NetworkReference = "", "", nil, ""
			})
			add(base, func(x *corpus.Transaction) { x.Account = "0011223344556677" })
			add(base, func(x *corpus.Transaction) { x.Account = "" })
			add(base, func(x *corpus.Transaction) { x.SavedMethod = true })
			add(base, func(x *corpus.Transaction) { x.FailureCode = "2001" })
			add(base, func(x *corpus.Transaction) { x.Amount = money.Amount{Minor: 7, Exp: 0, Currency: "UGX"} })
			add(base, func(x *corpus.Transaction) { x.Settled = ptr(kes(120000)) })
			add(base, func(x *corpus.Transaction) { x.NeedsAction = payment.ActionFulfil })
		}
	}
	for _, st := range payment.Statuses {
		tx := depositTx(1)
		add(tx, func(x *corpus.Transaction) { x.Status = st })
		add(tx, func(x *corpus.Transaction) {
			x.Refunds = []corpus.Refund{
				{ID: "ref_" + string(st), Amount: kes(50), Status: st, CreatedAt: noon},
				{ID: "dp_" + string(st), Amount: kes(700), Status: st, CreatedAt: noon},
			}
		})
	}
	conflicting := depositTx(1)
	conflicting.Status, conflicting.FailureCode, conflicting.Settled = payment.Pending, "IE_00", ptr(kes(120000))
	add(conflicting, func(*corpus.Transaction) {})
	for _, code := range []string{"CE_00", "IR_00"} {
		tx := payoutTx(1)
		tx.Status, tx.FailureCode = payment.Pending, code
		add(tx, func(*corpus.Transaction) {})
	}
	return txs
}

// visitor asks and keeps what was answered.
type visitor struct {
	*testing.T
	url, key string
	seen     []given
}

// ask expects JSON: an answer of the read, or an error.
func (v *visitor) ask(answer, method, path, body string) (status int) {
	v.Helper()
	r, err := http.NewRequestWithContext(v.Context(), method, v.url+path, strings.NewReader(body))
	require.NoError(v, err)
	r.Header.Set("api-key", v.key)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(v, err)
	raw, err := io.ReadAll(resp.Body)
	require.NoError(v, err)
	require.NoError(v, resp.Body.Close())
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") { // described nowhere, and documented as text
		return resp.StatusCode
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	require.NoError(v, err, "%s %s: %s", method, path, raw)
	if resp.StatusCode != http.StatusOK {
		answer = ""
	}
	v.seen = append(v.seen, given{method + " " + path + " " + body, answer, parsed})
	return resp.StatusCode
}

// object asks about one transaction in every way.
func (v *visitor) object(tx corpus.Transaction) {
	name := map[payment.Kind]string{payment.Payout: "payouts", payment.Deposit: "payments"}[tx.Kind]
	id := map[payment.Kind]string{payment.Payout: "{payout_id}", payment.Deposit: "{payment_id}"}[tx.Kind]
	for _, query := range []string{"", "?expand_attempts=true", "?force_sync=true", "?force_sync=true&expand_attempts=true"} {
		v.ask("get /"+name+"/"+id, "GET", "/"+name+"/"+tx.ID+query, "")
	}
	for _, r := range tx.Refunds {
		if strings.HasPrefix(r.ID, "dp_") {
			v.ask("get /disputes/{dispute_id}", "GET", "/disputes/"+r.ID, "")
			v.ask("get /disputes/list", "GET", "/disputes/list?payment_id="+tx.ID, "")
			continue
		}
		v.ask("get /refunds/{refund_id}", "GET", "/refunds/"+r.ID+"?force_sync=true", "")
		v.ask("post /refunds/list", "POST", "/refunds/list", `{"payment_id": "`+tx.ID+`"}`)
	}
}

// posted keeps the webhook about a transaction, where there is one.
func (v *visitor) posted(a *state.Account, tx corpus.Transaction) {
	c, sent, err := sandbox.Callback(a, tx, "")
	require.NoError(v, err)
	if !sent {
		return
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(c.Body))
	require.NoError(v, err)
	v.seen = append(v.seen, given{"webhook about " + tx.ID + " " + tx.RawStatus, webhook, parsed})
}

func (v *visitor) lists() {
	v.ask("get /payouts/list", "GET", "/payouts/list?limit=100", "")
	v.ask("get /payouts/list", "GET", "/payouts/list?limit=100&start_time=2026-08-14T09:01:00Z&end_time=2026-08-14T09:02:00Z", "")
	v.ask("get /payouts/list", "GET", "/payouts/list?start_time=2036-08-14T00:00:00Z", "")
	v.ask("get /payments/list", "GET", "/payments/list?limit=100", "")
	v.ask("get /payments/list", "GET", "/payments/list?limit=100&created.gte=2026-08-14T09:02:00Z", "")
	v.ask("get /payments/list", "GET", "/payments/list?created.gte=2036-08-14T00:00:00Z", "")
	v.ask("post /payouts/list", "POST", "/payouts/list", `{"limit": 20}`)
	v.ask("post /payouts/list", "POST", "/payouts/list", `{"merchant_order_reference_id": "WD-1", "limit": 20, "offset": 20}`)
	v.ask("post /payouts/list", "POST", "/payouts/list", `{"merchant_order_reference_id": "none"}`)
	v.ask("post /payouts/filter", "POST", "/payouts/filter", `{"start_time": "2026-08-14T00:00:00Z"}`)
	v.ask("post /refunds/list", "POST", "/refunds/list", `{}`)
	v.ask("get /disputes/list", "GET", "/disputes/list", "")
	v.ask("get /customers/{customer_id}/payment_methods", "GET", "/customers/cus_wanjiku01/payment_methods", "")
}

func (v *visitor) errors() {
	for _, path := range []string{"/payouts/none", "/payments/none", "/refunds/none", "/disputes/none", "/customers/none/payment_methods", "/nothing/here"} {
		assert.Equal(v, http.StatusNotFound, v.ask("", "GET", path, ""), path)
	}
	assert.Equal(v, http.StatusBadRequest, v.ask("", "POST", "/payouts/list", `{"limit": "20"}`))
	assert.Equal(v, http.StatusUnprocessableEntity, v.ask("", "POST", "/payouts/list", `{"limit": 50}`))
	assert.Equal(v, http.StatusBadRequest, v.ask("", "POST", "/refunds/list", `{"foo": 1}`))
	assert.Equal(v, http.StatusUnauthorized, v.ask("", "POST", "/payments/list", `{}`))
	assert.Equal(v, http.StatusMethodNotAllowed, v.ask("", "DELETE", "/payouts/none", ""))
	assert.Equal(v, http.StatusBadRequest, v.ask("", "GET", "/payments/list?created_gte=1", ""))
	v.key = "wrong"
	assert.Equal(v, http.StatusUnauthorized, v.ask("", "GET", "/payouts/none", ""))
	v.key = "k"
}
