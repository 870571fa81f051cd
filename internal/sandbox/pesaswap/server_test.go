package pesaswap

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/corpus"
	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/sandbox/state"
)

var noon = time.Date(2026, 8, 14, 9, 0, 0, 0, time.UTC)

func kes(minor int64) money.Amount { return money.Amount{Minor: minor, Exp: 2, Currency: "KES"} }

func tx(kind payment.Kind, n int) corpus.Transaction {
	prefix := map[payment.Kind]string{payment.Payout: "payout_", payment.Deposit: "pay_"}[kind]
	return corpus.Transaction{
		Provider: "p", Kind: kind, ID: fmt.Sprintf("%s%020d", prefix, n), Reference: fmt.Sprintf("R-%d", n), Status: payment.Completed,
		Amount: kes(10000), Account: "254712000431", CustomerID: "cus_1", CreatedAt: noon.Add(time.Duration(n) * time.Second),
	}
}

// site is a running sandbox.
type site struct {
	*testing.T
	url     string
	account *state.Account
}

func open(t *testing.T, o Options, txs ...corpus.Transaction) site {
	t.Helper()
	a := state.New(corpus.Account{Name: "p", Type: "pesaswap"}, txs)
	a.Credentials = map[string]string{"api_key": "k"}
	s := httptest.NewServer(HandlerWith(a, o))
	t.Cleanup(s.Close)
	return site{t, s.URL, a}
}

// do sends a request and returns status, content type and body.
func (s site) do(method, path, body string, header ...string) (int, string, string) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), method, s.url+path, strings.NewReader(body))
	require.NoError(s, err)
	r.Header.Set("api-key", "k")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(s, err)
	raw, err := io.ReadAll(resp.Body)
	require.NoError(s, err)
	require.NoError(s, resp.Body.Close())
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(raw)
}

func (s site) code(method, path, body string, header ...string) string {
	s.Helper()
	status, kind, raw := s.do(method, path, body, header...)
	if !strings.HasPrefix(kind, "application/json") {
		return fmt.Sprintf("%d text", status)
	}
	var e struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	if err := json.Unmarshal([]byte(raw), &e); err != nil && status != http.StatusOK {
		s.Fatal(raw)
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, e.Error.Code))
}

// rows returns the ids and statuses of a list's rows.
func (s site) rows(method, path, body string) []string {
	s.Helper()
	status, _, raw := s.do(method, path, body)
	require.Equal(s, http.StatusOK, status, raw)
	var list struct {
		Size int              `json:"size"`
		Data []map[string]any `json:"data"`
	}
	require.NoError(s, json.Unmarshal([]byte(raw), &list))
	assert.Len(s, list.Data, list.Size)
	out := []string{}
	for _, r := range list.Data {
		id, _ := r["payout_id"].(string)
		if id == "" {
			id, _ = r["payment_id"].(string)
		}
		out = append(out, strings.TrimLeft(id[strings.Index(id, "_")+1:], "0"))
	}
	return out
}

func TestWrongRequestsAreAnsweredAsTheServiceDoes(t *testing.T) {
	t.Parallel()
	s := open(t, Options{}, tx(payment.Payout, 1), tx(payment.Deposit, 1))
	id := tx(payment.Payout, 1).ID
	for _, tc := range []struct {
		method, path, body, want string
		header                   []string
	}{
		{"GET", "/payouts/" + id, "", "200", nil},
		{"GET", "/payouts/" + id, "", "200", []string{"api-key", "  k "}},
		{"GET", "/payouts/" + id, "", "401 IR_01", []string{"api-key", "x"}},
		{"GET", "/payouts/" + id, "", "401 IR_01", []string{"api-key", ""}},
		{"GET", "/payouts/" + id, "", "401 IR_17", []string{"Authorization", "Bearer k"}},
		{"GET", "/payouts/" + id, "", "401 IR_01", []string{"X-Profile-Id", "pro_other"}},
		{"GET", "/payouts/" + id, "", "200", []string{"X-Profile-Id", defaultProfile}},
		{"GET", "/payouts/none", "", "404 HE_02", nil},
		{"GET", "/payments/none", "", "404 HE_02", nil},
		{"GET", "/payments/" + id, "", "404 HE_02", nil},
		{"GET", "/payouts/" + strings.Repeat("a", 65), "", "404 text", nil},
		{"GET", "/payouts/a.b", "", "404 text", nil},
		{"GET", "/nowhere", "", "404 IR_02", nil},
		{"GET", "/api/payouts/" + id, "", "404 IR_02", nil},
		{"POST", "/payouts", "{}", "404 IR_02", nil},
		{"POST", "/payments", "{}", "404 IR_02", nil},
		{"PUT", "/payouts/" + id, "{}", "405 IR_03", nil},
		{"POST", "/payments/list", "{}", "401 IR_17", nil},
		{"GET", "/payments/list?created_gte=2026-08-14T00:00:00Z", "", "400 text", nil},
		{"GET", "/payments/list?created.gte=2026-08-14", "", "400 text", nil},
		{"GET", "/payments/list?limit=101", "", "400 text", nil},
		{"GET", "/payments/list?ending_before=none", "", "404 HE_02", nil},
		{"GET", "/payouts/list?foo=1", "", "400 text", nil},
		{"GET", "/payouts/list?limit=0", "", "400 text", nil},
		{"POST", "/payouts/list", `{"limit": 21}`, "422 IR_06", nil},
		{"POST", "/payouts/list", `{"limit": 101}`, "400 IR_06", nil},
		{"POST", "/payouts/list", `{"limit": "20"}`, "400 IR_06", nil},
		{"POST", "/payouts/list", `{"limit": null}`, "400 IR_06", nil},
		{"POST", "/payouts/list", `{"offset": 20001}`, "400 IR_06", nil},
		{"POST", "/payouts/list", `{"foo": 1}`, "400 IR_06", nil},
		{"POST", "/payouts/list", `{`, "400 IR_06", nil},
		{"POST", "/payouts/list", `{}`, "400 IR_06", []string{"Content-Type", "text/plain"}},
		{"POST", "/payouts/filter", `{}`, "400 IR_06", nil},
		{"GET", "/refunds/ref_none", "", "404 HE_02", nil},
		{"GET", "/disputes/dp_none", "", "404 HE_04", nil},
		{"POST", "/refunds/list", `{"limit": 101}`, "400 IR_06", nil},
		{"GET", "/disputes/list?received_time.lt=1", "", "400 text", nil},
		{"GET", "/customers/cus_none/payment_methods", "", "404 HE_02", nil},
		{"GET", "/customers/cus_1/payment_methods", "", "401 IR_01", []string{"Authorization", "Basic x"}},
	} {
		assert.Equal(t, tc.want, s.code(tc.method, tc.path, tc.body, tc.header...), "%s %s %s %v", tc.method, tc.path, tc.body, tc.header)
	}
	old := open(t, Options{Old: true})
	assert.Equal(t, "422 IR_06", old.code("GET", "/payouts/list?limit=101", ""))
	assert.Equal(t, "400 IR_06", old.code("POST", "/payouts/list", `{"merchant_order_reference_id": "x"}`))
}

func TestListsAreNewestFirstWithInclusiveBoundsAndCursors(t *testing.T) {
	t.Parallel()
	var txs []corpus.Transaction
	for n := 1; n <= 5; n++ {
		txs = append(txs, tx(payment.Payout, n), tx(payment.Deposit, n))
	}
	s := open(t, Options{}, txs...)
	at := func(n int) string {
		return url.QueryEscape(noon.Add(time.Duration(n) * time.Second).Format(time.RFC3339))
	}
	cursor := func(k payment.Kind, n int) string { return tx(k, n).ID }
	for path, want := range map[string][]string{
		"/payouts/list":         {"5", "4", "3", "2", "1"},
		"/payouts/profile/list": {"5", "4", "3", "2", "1"},
		"/payouts/list?limit=2": {"5", "4"},
		"/payouts/list?start_time=" + at(2) + "&end_time=" + at(4):                             {"4", "3", "2"},
		"/payouts/list?end_time=" + at(2):                                                      {"5", "4", "3", "2", "1"},
		"/payouts/list?start_time=2026-08-14&end_time=" + at(2):                                {"5", "4", "3", "2", "1"},
		"/payouts/list?start_time=" + at(2) + "&end_time=tomorrow":                             {"5", "4", "3", "2", "1"},
		"/payouts/list?created=" + at(4):                                                       {"5", "4"},
		"/payouts/list?starting_after=" + cursor(payment.Payout, 4):                            {"5", "4"},
		"/payouts/list?ending_before=" + cursor(payment.Payout, 2):                             {"2", "1"},
		"/payouts/list?ending_before=" + cursor(payment.Payout, 2) + "&start_time=" + at(2):    {"2"},
		"/payouts/list?starting_after=" + cursor(payment.Payout, 4) + "&start_time=" + at(3):   {"5", "4", "3"},
		"/payouts/list?customer_id=cus_2":                                                      {},
		"/payments/list?created.gte=" + at(2) + "&created.lt=" + at(3):                         {"3", "2"},
		"/payments/list?created.gt=" + at(4):                                                   {"5", "4"},
		"/payments/list?created=" + at(4):                                                      {"4"},
		"/payments/list?created.gte=" + at(1) + "&ending_before=" + cursor(payment.Deposit, 3): {"3", "2", "1"},
	} {
		assert.Equal(t, want, s.rows("GET", path, ""), path)
	}
	_, _, raw := s.do("GET", "/payouts/list?limit=2", "")
	assert.Contains(t, raw, `"total_count":5`)
	_, _, raw = open(t, Options{Old: true}, txs...).do("GET", "/payouts/list?limit=2", "")
	assert.NotContains(t, raw, "total_count")
	assert.NotContains(t, raw, "merchant_order_reference_id")
}

func TestTheSearchJoinsAttemptsAndCustomers(t *testing.T) {
	t.Parallel()
	var txs []corpus.Transaction
	twice := 0
	for n := 1; n <= 40; n++ {
		p := tx(payment.Payout, n)
		p.Reference = "SAME"
		if n == 40 {
			p.CustomerID = ""
		} else if oneIn(8, p.ID) {
			twice++
		}
		txs = append(txs, p)
	}
	require.Positive(t, twice)
	s := open(t, Options{}, txs...)
	var all []string
	for offset := 0; ; offset += 20 {
		rows := s.rows("POST", "/payouts/list", fmt.Sprintf(`{"merchant_order_reference_id": "SAME", "limit": 20, "offset": %d}`, offset))
		all = append(all, rows...)
		if len(rows) < 20 {
			break
		}
	}
	assert.Len(t, all, 39+twice)
	assert.NotContains(t, all, "40", "no row without a customer")
	assert.Empty(t, s.rows("POST", "/payouts/list", `{"merchant_order_reference_id": "NONE"}`))
	assert.Equal(t, []string{"3"}, unique(s.rows("POST", "/payouts/list", `{"payout_id": "`+tx(payment.Payout, 3).ID+`", "status": ["failed"]}`)))
	assert.Empty(t, s.rows("POST", "/payouts/list", `{"connector": ["wise"]}`))
	assert.NotEmpty(t, s.rows("POST", "/payouts/list", `{"connector": ["daraja"], "payout_method": ["wallet"], "currency": ["KES"]}`))
	for _, unknown := range []string{`{"status": ["succeeded"]}`, `{"payout_method": ["cash"]}`, `{"currency": ["KSH"]}`} {
		status, _, raw := s.do("POST", "/payouts/list", unknown)
		assert.Equal(t, 400, status, unknown)
		assert.Contains(t, raw, "IR_06")
	}
}

func unique(in []string) []string {
	var out []string
	for _, s := range in {
		if !contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func TestListsHideWhatOnlyARetrieveShows(t *testing.T) {
	t.Parallel()
	d := tx(payment.Deposit, 1)
	d.Refunds = []corpus.Refund{{ID: "ref_1", Amount: kes(500), Status: payment.Completed, CreatedAt: noon}}
	s := open(t, Options{}, d)
	_, _, row := s.do("GET", "/payments/list", "")
	for _, hidden := range []string{`"amount_received":null`, `"refunds":null`, `"payment_method_id":null`, `"phone":null`} {
		assert.Contains(t, row, hidden)
	}
	assert.Contains(t, row, `"total_refunded_amount":500`)
	_, _, full := s.do("GET", "/payments/"+d.ID, "")
	assert.Contains(t, full, `"amount_received":10000`)
	assert.Contains(t, full, `"refund_id":"ref_1"`)
	assert.NotContains(t, full, `"attempts"`)
	_, _, full = s.do("GET", "/payments/"+d.ID+"?expand_attempts=true", "")
	assert.Contains(t, full, `"attempts":[{`)
}

func TestForceSyncBringsInWhatHappened(t *testing.T) {
	t.Parallel()
	p := tx(payment.Payout, 1)
	p.RawStatus = "initiated"
	failing := tx(payment.Payout, 2)
	failing.Status, failing.FailureCode = payment.Pending, "E1"
	s := open(t, Options{}, p, failing)
	read := func(path string) string { _, _, raw := s.do("GET", path, ""); return raw }
	assert.Contains(t, read("/payouts/"+p.ID), `"status":"initiated"`)
	assert.Contains(t, read("/payouts/"+p.ID+"?force_sync=true"), `"status":"success"`)
	assert.Contains(t, read("/payouts/"+p.ID), `"status":"success"`)
	assert.Contains(t, read("/payouts/"+failing.ID+"?force_sync=true"), `"error_code":"E1"`)
	assert.Contains(t, read("/payouts/"+failing.ID), `"error_code":null`, "told once, not stored")
}

func TestRefundsAndDisputes(t *testing.T) {
	t.Parallel()
	d := tx(payment.Deposit, 1)
	d.Refunds = []corpus.Refund{
		{ID: "ref_1", Amount: kes(500), Status: payment.Completed, CreatedAt: noon},
		{ID: "ref_2", Amount: kes(600), Status: payment.Failed, CreatedAt: noon.Add(time.Hour)},
		{ID: "ref_3", Amount: kes(400), Status: payment.Created, CreatedAt: noon.Add(-time.Hour)},
		{ID: "dp_1", Amount: kes(700), Status: payment.Pending, CreatedAt: noon},
	}
	s := open(t, Options{}, d)
	_, _, raw := s.do("GET", "/refunds/ref_1?force_sync=true", "")
	assert.Contains(t, raw, `"status":"succeeded"`)
	_, _, raw = s.do("GET", "/refunds/ref_3", "")
	assert.Contains(t, raw, `"status":"review"`)
	assert.Contains(t, raw, `"error_code":"IE"`)
	_, _, raw = s.do("POST", "/refunds/list", `{"payment_id": "`+d.ID+`", "limit": 1}`)
	assert.Contains(t, raw, `"count":1`)
	assert.Contains(t, raw, `"total_count":3`)
	assert.Contains(t, raw, `ref_2`, "newest first")
	_, _, raw = s.do("GET", "/disputes/dp_1", "")
	assert.Contains(t, raw, `"amount":"700"`, "a text")
	_, _, raw = s.do("GET", "/disputes/list?payment_id="+d.ID, "")
	assert.True(t, strings.HasPrefix(raw, "[{"), "a bare array")
	_, _, raw = s.do("GET", "/disputes/list?payment_id=none", "")
	assert.Equal(t, "[]", raw)
	for body, want := range map[string]int{
		`{"refund_status": ["success"]}`: 1, `{"refund_status": ["failure", "success"]}`: 2, `{"refund_status": ["pending"]}`: 0,
		`{"amount_filter": {"start_amount": 501}}`: 1, `{"amount_filter": {"start_amount": 500, "end_amount": 600}}`: 2,
		`{"refund_status": ["manual_review"]}`: 1, `{"connector": ["daraja"], "currency": ["KES"]}`: 3, `{"connector": ["stripe"]}`: 0, `{"refund_id": "ref_2"}`: 1,
	} {
		_, _, raw = s.do("POST", "/refunds/list", body)
		assert.Contains(t, raw, fmt.Sprintf(`"count":%d,`, want), body)
	}
	status, _, raw := s.do("POST", "/refunds/list", `{"refund_status": ["succeeded"]}`)
	assert.Equal(t, 400, status, "the words of answers are none of requests: %s", raw)
	for query, want := range map[string]int{
		"dispute_status=dispute_opened,dispute_won": 1, "dispute_status=dispute_lost": 0, "dispute_stage=dispute&connector=cardhouse&currency=KES": 1,
		"start_time=" + noon.Add(time.Hour).Format(time.RFC3339): 0, "start_time=yesterday": 1,
	} {
		_, _, raw = s.do("GET", "/disputes/list?"+query, "")
		assert.Equal(t, want, strings.Count(raw, `"dispute_id":`), query)
	}
}

func TestTokensChangeWithEveryCall(t *testing.T) {
	t.Parallel()
	d := tx(payment.Deposit, 1)
	d.SavedMethod = true
	s := open(t, Options{}, d, tx(payment.Deposit, 2))
	_, _, first := s.do("GET", "/customers/cus_1/payment_methods", "")
	_, _, second := s.do("GET", "/customers/cus_1/payment_methods", "")
	assert.NotEqual(t, first, second)
	assert.Equal(t, 1, strings.Count(first, "payment_method_id"))
	assert.Contains(t, second, text("pm", d.ID))
}

func TestFilterShowsTheValuesOfARange(t *testing.T) {
	t.Parallel()
	bank := tx(payment.Payout, 2)
	bank.Account = "0011223344556677"
	s := open(t, Options{}, tx(payment.Payout, 1), bank)
	_, _, raw := s.do("POST", "/payouts/filter", `{"start_time": "2026-08-14T00:00:00Z"}`)
	assert.JSONEq(t, `{"connector": ["daraja", "pesapay"], "currency": ["KES"], "payout_method": ["bank", "wallet"], "status": ["success"]}`, raw)
	_, _, raw = s.do("GET", "/payouts/"+bank.ID, "")
	assert.NotContains(t, raw, bank.Account)
	assert.Contains(t, raw, "************6677")
}

// The events are those of EventType in api-reference/v1/openapi_spec_v1.json of
// https://github.com/juspay/hyperswitch.
func TestWebhooksHaveTheServersEvents(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"payment succeeded": "payment_succeeded", "payment partially_captured": "payment_captured", "payment requires_capture": "payment_authorized",
		"payment conflicted": "action_required", "payment requires_payment_method": "", "payout pending": "", "payout ineligible": "",
		"payout requires_fulfillment": "", "payout not_permitted": "payout_not_permitted", "payout processing": "",
	} {
		family, word, _ := strings.Cut(word, " ")
		event, told := eventOf(family, word)
		assert.Equal(t, want, event, word)
		assert.Equal(t, want != "", told)
	}
}
