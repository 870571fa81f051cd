package pivot_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/corpus"
	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/sandbox/pivot"
	"tieout/internal/sandbox/state"
)

const (
	sessionID = "7f0d2c54-6f0e-4a83-9a51-2d6c1b7f9e10"
	batchID   = "b3b4d1de-8c77-4a06-9a1f-50f1f6c3a210"
)

var (
	now     = time.Date(2025, 11, 4, 6, 0, 0, 0, time.UTC)
	created = time.Date(2025, 11, 3, 3, 0, 10, 0, time.UTC)
)

func idr(major int64) money.Amount { return money.Amount{Minor: major * 100, Exp: 2, Currency: "IDR"} }

type sandbox struct {
	*testing.T
	account *state.Account
	url     string
	token   string
}

func serve(t *testing.T, txs ...corpus.Transaction) *sandbox {
	t.Helper()
	for i := range txs {
		txs[i].Provider = "p"
	}
	a := state.New(corpus.Account{Name: "p", Type: "pivot"}, txs)
	a.Credentials = map[string]string{"client_id": "id", "client_secret": "secret"}
	a.Now = func() time.Time { return now }
	s := httptest.NewServer(pivot.Handler(a))
	t.Cleanup(s.Close)
	b := &sandbox{T: t, account: a, url: s.URL}
	_, _, data := b.ask(http.MethodPost, "/v1/access-token", `{"grantType":"client_credentials"}`, "id", "secret")
	var d struct{ AccessToken, ExpiresIn, TokenType string }
	require.NoError(t, json.Unmarshal(data, &d))
	require.Equal(t, "900", d.ExpiresIn)
	b.token = d.AccessToken
	return b
}

// ask returns the HTTP status, the code and the data (the whole body where it is no envelope).
func (b *sandbox) ask(method, uri, body, id, secret string) (int, string, json.RawMessage) {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), method, b.url+uri, strings.NewReader(body))
	require.NoError(b, err)
	r.Header.Set("X-MERCHANT-ID", id)
	r.Header.Set("X-MERCHANT-SECRET", secret)
	if b.token != "" {
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(b, err)
	raw, err := io.ReadAll(resp.Body)
	require.NoError(b, err)
	require.NoError(b, resp.Body.Close())
	var e struct {
		Code string
		Data json.RawMessage
	}
	if json.Unmarshal(raw, &e) != nil {
		return resp.StatusCode, "", raw
	}
	return resp.StatusCode, e.Code, e.Data
}

func (b *sandbox) get(uri string) (int, string, json.RawMessage) {
	b.Helper()
	return b.ask(http.MethodGet, uri, "", "", "")
}

func TestWrongRequestsAreAnsweredAsPivotDoes(t *testing.T) {
	t.Parallel()
	b := serve(t, corpus.Transaction{Kind: payment.Deposit, ID: sessionID, Reference: "DEP1", Status: payment.Completed, Amount: idr(1), CreatedAt: created})
	for name, tc := range map[string]struct {
		method, uri, body, id, secret string
		status                        int
		code                          string
	}{
		"2 an empty body":               {"POST", "/v1/access-token", "", "id", "secret", 400, "api_validation_error"},
		"2 no grant type":               {"POST", "/v1/access-token", "{}", "id", "secret", 400, "api_validation_error"},
		"2 a wrong secret":              {"POST", "/v1/access-token", `{"grantType":"client_credentials"}`, "id", "no", 401, "credentials_invalid"},
		"2 the wrong method":            {"GET", "/v1/access-token", "", "", "", 405, "method_not_allowed"},
		"3 an unknown path":             {"GET", "/v9/payments", "", "", "", 404, "not_found"},
		"3 refunds are v1":              {"GET", "/v2/refunds", "", "", "", 404, "not_found"},
		"3 an unknown session":          {"GET", "/v2/payments/" + batchID, "", "", "", 404, "resource_missing"},
		"3 an unknown payout":           {"GET", "/v1/payouts/WD-1?type=single", "", "", "", 404, "resource_missing"},
		"3 an unknown customer":         {"GET", "/v1/customers/" + batchID, "", "", "", 404, "resource_missing"},
		"3 an unknown refund":           {"GET", "/v1/refunds/x", "", "", "", 404, "resource_missing"},
		"no initiation":                 {"POST", "/v2/payments", "{}", "", "", 405, "method_not_allowed"},
		"no initiation of payouts":      {"POST", "/v1/payouts", "{}", "", "", 404, "not_found"},
		"3 page 0":                      {"GET", "/v2/payments?page=0", "", "", "", 400, "api_validation_error"},
		"4.1 charges need a reference":  {"GET", "/v2/charges", "", "", "", 400, "api_validation_error"},
		"8 history needs a range":       {"GET", "/v1/balance-histories", "", "", "", 400, "api_validation_error"},
		"8 more than 31 days":           {"GET", "/v1/balance-histories?startDate=2025-10-01T00:00:00Z&endDate=2025-11-02T00:00:00Z", "", "", "", 400, "api_validation_error"},
		"8 older than six months":       {"GET", "/v1/balance-histories?startDate=2025-05-01T00:00:00Z&endDate=2025-05-02T00:00:00Z", "", "", "", 400, "api_validation_error"},
		"13.20 a raw plus is a blank":   {"GET", "/v1/balance-histories?startDate=2025-11-01T00:00:00+07:00&endDate=2025-11-02T00:00:00Z", "", "", "", 400, "api_validation_error"},
		"13.20 an encoded plus is good": {"GET", "/v1/balance-histories?startDate=2025-11-01T00:00:00%2B07:00&endDate=2025-11-02T00:00:00Z", "", "", "", 200, "00"},
		"8 an unknown wallet":           {"GET", "/v1/balances?usecase=PIGGY", "", "", "", 400, "api_validation_error"},
		"8 the payout balance":          {"GET", "/v1/payouts/balance?currency=IDR", "", "", "", 200, "00"},
	} {
		status, code, _ := b.ask(tc.method, tc.uri, tc.body, tc.id, tc.secret)
		assert.Equal(t, tc.status, status, name)
		assert.Equal(t, tc.code, code, name)
	}
	b.token = "stolen"
	status, code, _ := b.get("/v2/payments/" + sessionID)
	assert.Equal(t, 401, status)
	assert.Equal(t, "credentials_invalid", code)
}

func TestATokenEndsAfterFifteenMinutes(t *testing.T) {
	t.Parallel()
	b := serve(t)
	at := now
	b.account.Now = func() time.Time { return at }
	at = at.Add(899 * time.Second)
	status, _, _ := b.get("/v1/balances")
	assert.Equal(t, 200, status)
	at = at.Add(time.Second)
	status, _, _ = b.get("/v1/balances")
	assert.Equal(t, 401, status)
}

func TestMoneyHasTheEncodingOfItsEndpoint(t *testing.T) {
	t.Parallel()
	odd := money.Amount{Minor: 26800099, Exp: 2, Currency: "IDR"}
	fee := idr(4000)
	b := serve(t,
		corpus.Transaction{
			Kind: payment.Deposit, ID: sessionID, Reference: "DEP1", Status: payment.Completed, Amount: odd, Fee: &fee, CreatedAt: created, CompletedAt: created,
			Refunds: []corpus.Refund{{ID: "r1", Amount: idr(5), Status: payment.Completed, CreatedAt: created}},
		},
		corpus.Transaction{Kind: payment.Payout, ID: batchID, Reference: "WD-1", Status: payment.Completed, Amount: idr(50000), Account: "00123", CreatedAt: created})
	for uri, want := range map[string]string{
		"/v2/payments/" + sessionID:                    `"amount":{"currency":"IDR","value":268000.99}`,
		"/v2/charges?clientReferenceId=DEP1":           `"capturedAmount":{"currency":"IDR","value":268000.99}`,
		"/v1/payouts/" + batchID + "?referenceId=WD-1": `"amount":{"currency":"IDR","value":"50000"}`,
		"/v1/payouts/WD-1?type=single":                 `"accountNumber":"00123"`,
		"/v1/payouts/" + batchID:                       `"totalSuccessAmount":50000`,
		"/v1/refunds":                                  `"amount":{"currency":"IDR","value":"5.00"}`,
		"/v1/refunds/r1":                               `"paymentSessionId":"` + sessionID + `"`,
		"/v1/balances?usecase=PAYMENT":                 `"value":"398995.99"`,
		"/v1/balance-histories?" + "startDate=2025-11-01T00:00:00Z&endDate=2025-11-04T00:00:00Z&accountType=DISBURSEMENT": `"value":50000}`,
		"/v1/balance-histories?" + "startDate=2025-11-01T00:00:00Z&endDate=2025-11-04T00:00:00Z&transactionId=DEP1":       `"fee":{"currency":"IDR","value":4000}`,
	} {
		status, _, data := b.get(uri)
		assert.Equal(t, 200, status, uri)
		assert.Contains(t, string(data), want, uri)
	}
}

func TestAnItemHidesItsBatchAndAReferenceTheUUID(t *testing.T) {
	t.Parallel()
	b := serve(t,
		corpus.Transaction{Kind: payment.Payout, ID: batchID, Reference: "WD-1", Status: payment.Pending, NeedsAction: payment.ActionTopUp, Amount: idr(1), CreatedAt: created},
		corpus.Transaction{Kind: payment.Payout, ID: batchID, Reference: "WD-2", Status: payment.Created, Amount: idr(2), CreatedAt: created})
	_, _, data := b.get("/v1/payouts/" + batchID)
	var batch struct {
		Status  string
		Payouts []struct{ ReferenceID, Status string }
	}
	require.NoError(t, json.Unmarshal(data, &batch))
	assert.Equal(t, "PENDING", batch.Status)
	require.Len(t, batch.Payouts, 2)
	assert.Equal(t, "APPROVED", batch.Payouts[0].Status)
	assert.Empty(t, batch.Payouts[1].Status, "7.3: missing right after creation")

	_, _, data = b.get("/v1/payouts/" + batchID + "?referenceId=WD-1")
	var one map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(data, &one))
	assert.NotContains(t, one, "status")
	assert.NotContains(t, one, "created")
	assert.Equal(t, byte('{'), one["payouts"][0])

	_, _, data = b.get("/v1/payouts/WD-1?type=single")
	assert.Equal(t, byte('['), data[0])
	assert.NotContains(t, string(data), batchID)
}

func TestListsHidePagesAndWhatTheTruthHides(t *testing.T) {
	t.Parallel()
	var txs []corpus.Transaction
	for i := range 45 {
		txs = append(txs, corpus.Transaction{
			Kind: payment.Deposit, ID: strings.Replace(sessionID, "7f0d2c54", string(rune('a'+i%6))+"f0d2c"+string(rune('0'+i/10))+string(rune('0'+i%10)), 1),
			Reference: "R" + string(rune('A'+i)), Status: payment.Completed, Amount: idr(1), CreatedAt: created.Add(time.Duration(i) * time.Second), CustomerID: "c1",
		})
	}
	txs[0].Fault, txs[1].Unlisted, txs[2].Reference = corpus.FaultHiddenInList, true, "X-GHOST"
	b := serve(t, txs...)
	total := 0
	for page, want := range map[string]int{"1": 20, "2": 20, "3": 2, "4": 0} {
		_, _, data := b.get("/v2/payments?page=" + page)
		var rows []map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(data, &rows))
		assert.Len(t, rows, want, "page %s", page)
		total += len(rows)
		for _, row := range rows {
			assert.NotContains(t, row, "customerId")
		}
	}
	assert.Equal(t, 42, total)
}
