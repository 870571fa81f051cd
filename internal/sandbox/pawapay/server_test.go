package pawapay

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/corpus"
	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/sandbox/state"
)

const depositID = "0a3c7d52-9c0f-4a58-8b5f-0c1f5d0e7b11"

type api struct {
	t       *testing.T
	url     string
	account *state.Account
	late    atomic.Int64 // hours that have gone by
}

func serve(t *testing.T) *api {
	t.Helper()
	at := time.Date(2026, 3, 11, 8, 14, 5, 0, time.UTC)
	a := &api{t: t}
	a.account = state.New(corpus.Account{Name: "pawapay-zm"}, []corpus.Transaction{{
		Provider: "pawapay-zm", Kind: payment.Deposit, ID: depositID, Status: payment.Completed, CreatedAt: at,
		Amount: money.Amount{Minor: 25000, Exp: 2, Currency: "ZMW"}, Account: "260763000111", Reference: "INV-17",
		Metadata: map[string]string{"orderId": "KB-7781"}, NetworkReference: "9912047731",
	}})
	a.account.Credentials = map[string]string{"token": "secret"}
	a.account.Now = func() time.Time {
		return time.Date(2026, 3, 20, 12+int(a.late.Load()), 0, 0, 0, time.UTC)
	}
	srv := httptest.NewServer(Handler(a.account))
	t.Cleanup(srv.Close)
	a.url = srv.URL
	a.account.BaseURL = srv.URL
	return a
}

func (a *api) call(method, target, token, body string) (int, string) {
	a.t.Helper()
	if strings.HasPrefix(target, "/") {
		target = a.url + target
	}
	req, err := http.NewRequestWithContext(a.t.Context(), method, target, strings.NewReader(body))
	require.NoError(a.t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(a.t, err)
	defer func() { assert.NoError(a.t, resp.Body.Close()) }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(a.t, err)
	return resp.StatusCode, string(raw)
}

func TestRequestsAreRefusedAsByTheRealService(t *testing.T) {
	t.Parallel()
	a := serve(t)
	for _, tc := range []struct {
		name, method, path, token string
		status                    int
		body                      string
	}{
		{"section 2: no token", "GET", "/v2/deposits/" + depositID, "", 401, "NO_AUTHENTICATION"},
		{"section 2: wrong token", "GET", "/v2/deposits/" + depositID, "guess", 401, "AUTHENTICATION_ERROR"},
		{"section 3: a malformed id", "GET", "/v2/deposits/KB-1", "secret", 400, "INVALID_PARAMETER"},
		{"section 10: an unknown path", "GET", "/v2/remittances/" + depositID, "secret", 404, `"status":404`},
		{"section 1: a trailing slash", "GET", "/v2/deposits/" + depositID + "/", "secret", 404, `"status":404`},
		{"nothing is initiated here", "POST", "/v2/deposits", "secret", 404, `"status":404`},
		{"a deeper path", "GET", "/v2/deposits/a/b", "secret", 404, `"status":404`},
		{"the wrong method", "DELETE", "/v2/deposits/" + depositID, "secret", 405, `"status":405`},
		{"v1 has no statements", "POST", "/statements", "secret", 404, `"status":404`},
		{"section 6: an unknown id is HTTP 200", "GET", "/v2/deposits/" + strings.Replace(depositID, "0", "f", 1), "secret", 200, `{"status":"NOT_FOUND"}`},
		{"section 17: the same in v1", "GET", "/payouts/" + depositID, "secret", 200, `[]`},
		{"section 15: v1's availability needs no token", "GET", "/availability", "", 200, "MTN_MOMO_ZMB"},
		{"and v2's does", "GET", "/v2/availability", "", 401, "NO_AUTHENTICATION"},
		{"section 14: balances", "GET", "/v2/wallet-balances?country=ZMB", "secret", 200, `{"balances":[{"country":"ZMB","balance":"1000250.00","currency":"ZMW","provider":""}]}`},
		{"of another country", "GET", "/v2/wallet-balances?country=UGA", "secret", 200, `{"balances":[]}`},
		{"section 17: an error in v1", "GET", "/deposits/" + depositID, "guess", 401, `"errorCode":"AUTHENTICATION_ERROR"`},
		{"section 17: v1's word for the network", "GET", "/availability", "", 200, `"correspondents":[{"correspondent":"MTN_MOMO_ZMB"`},
		{
			"section 15: availability of one operation", "GET", "/v2/availability?country=ZMB&operationType=PAYOUT", "secret", 200,
			`[{"country":"ZMB","providers":[{"operationTypes":[{"operationType":"PAYOUT","status":"OPERATIONAL"}],"provider":"MTN_MOMO_ZMB"}]}]`,
		},
		{"section 15: availability of another country", "GET", "/v2/availability?country=UGA", "secret", 200, `[]`},
		{"section 15: the country", "GET", "/v2/active-conf?country=ZMB", "secret", 200, `"prefix":"260"`},
		{"section 15: how a deposit is approved", "GET", "/v2/active-conf?operationType=DEPOSIT", "secret", 200, `"authType":"PROVIDER_AUTH"`},
		{"section 12: callbacks are signed", "GET", "/v2/active-conf", "secret", 200, `"signatureConfiguration":{"signedCallbacks":true,"signedRequestsOnly":false}`},
		{"section 12: the keys that sign them", "GET", "/v2/public-key/http", "secret", 200, `[{"id":"HTTP_EC_P256_KEY:1","key":"-----BEGIN PUBLIC KEY-----`},
		{"section 15: configuration", "GET", "/v2/active-conf?operationType=PAYOUT", "secret", 200, `"PAYOUT":{"decimalsInAmount":"TWO_PLACES"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			status, body := a.call(tc.method, tc.path, tc.token, "")
			assert.Equal(t, tc.status, status, body)
			assert.Contains(t, body, tc.body)
		})
	}
	status, body := a.call("POST", "/v2/predict-provider", "secret", `{"phoneNumber":"+260 763-000111"}`)
	assert.Equal(t, 200, status)
	assert.JSONEq(t, `{"country":"ZMB","provider":"MTN_MOMO_ZMB","phoneNumber":"260763000111"}`, body)
}

func TestADepositIsShownAsDocumented(t *testing.T) {
	t.Parallel()
	a := serve(t)
	status, body := a.call("GET", "/v2/deposits/"+strings.ToUpper(depositID), "secret", "")
	require.Equal(t, 200, status)
	// Section 6, the example, without what the sandbox has not.
	want := `{"status":"FOUND","data":{"depositId":"0a3c7d52-9c0f-4a58-8b5f-0c1f5d0e7b11","status":"COMPLETED","amount":"AMOUNT","currency":"ZMW","country":"ZMB","payer":{"type":"MMO","accountDetails":{"phoneNumber":"260763000111","provider":"MTN_MOMO_ZMB"}},"clientReferenceId":"INV-17","created":"2026-03-11T08:14:05Z","providerTransactionId":"9912047731","metadata":{"orderId":"KB-7781"}NULL}}`
	amount := []string{"250", "250.00", "250.0000"}[pick(depositID, 3)]
	null := ""
	if pick(depositID, 4) == 0 {
		null = `,"failureReason":null`
	}
	assert.JSONEq(t, strings.NewReplacer("AMOUNT", amount, "NULL", null).Replace(want), body)
}

func TestAmountsAreSpelledInThreeWays(t *testing.T) {
	t.Parallel()
	a := money.Amount{Minor: 1500, Exp: 2, Currency: "ZMW"}
	assert.Equal(t, []string{"15", "15.00", "15.0000"}, []string{spell(a, false, 0), spell(a, false, 1), spell(a, false, 2)})
	odd := money.Amount{Minor: 1505, Exp: 2, Currency: "ZMW"}
	assert.Equal(t, []string{"15.05", "15.05", "15.0500"}, []string{spell(odd, false, 0), spell(odd, false, 1), spell(odd, false, 2)})
	for _, cur := range []money.Amount{a, odd, {Minor: 15, Currency: "UGX"}, {Minor: 1234567, Exp: 3, Currency: "KWD"}} {
		_, err := money.Scale{}.Parse(spell(cur, true, 0), cur.Currency)
		assert.ErrorIs(t, err, money.ErrPrecision, cur.Currency)
	}
}

const order = `{"wallet":{"country":"ZMB","currency":"ZMW"},"callbackUrl":"https://shop.example/x","startDate":"2026-03-01T00:00:00","endDate":"2026-04-01T00:00:00"}`

func TestStatementOrdersAreChecked(t *testing.T) {
	t.Parallel()
	a := serve(t)
	for _, tc := range []struct {
		name, from, to string
		status         int
		code           string
	}{
		{"section 13: an unknown field", `"wallet"`, `"colour":1,"wallet"`, 400, "UNSUPPORTED_PARAMETER"},
		{"section 13: a missing field", `,"endDate":"2026-04-01T00:00:00"`, ``, 400, "MISSING_PARAMETER"},
		{"section 13: an unknown wallet", `"ZMW"`, `"UGX"`, 200, "WALLET_NOT_FOUND"},
		{"section 13: a network's wallet", `"ZMW"`, `"ZMW","provider":""`, 200, "WALLET_NOT_FOUND"},
		{"section 13: 32 days", `2026-04-01`, `2026-04-02`, 400, "INVALID_DATE_RANGE"},
		{"section 13: end before start", `2026-04-01`, `2026-02-01`, 400, "INVALID_DATE_RANGE"},
		{"section 13: a date that is none", `2026-04-01T00:00:00`, `soon`, 400, "INVALID_PARAMETER"},
		{"section 13: http callback", `https://`, `http://`, 400, "INVALID_CALLBACK_URL"},
		{"a wallet that is none", `{"country":"ZMB","currency":"ZMW"}`, `"ZMB"`, 400, "INVALID_PARAMETER"},
		{"a body that is none", `{"wallet"`, `{wallet`, 400, "INVALID_INPUT"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			status, body := a.call("POST", "/v2/statements", "secret", strings.Replace(order, tc.from, tc.to, 1))
			assert.Equal(t, tc.status, status, body)
			assert.Contains(t, body, tc.code)
		})
	}
}

func TestAStatementsFileIsForWhoeverHoldsItsLinkForADay(t *testing.T) {
	t.Parallel()
	a := serve(t)
	_, body := a.call("POST", "/v2/statements", "secret", order)
	_, id, _ := strings.Cut(body, `"statementId":"`)
	id, _, _ = strings.Cut(id, `"`)
	_, body = a.call("GET", "/v2/statements/"+id, "secret", "")
	assert.Contains(t, body, `"PROCESSING"`)
	assert.NotContains(t, body, "downloadUrl")
	_, body = a.call("GET", "/v2/statements/"+id, "secret", "")
	assert.Contains(t, body, `"COMPLETED"`)
	_, link, _ := strings.Cut(body, `"downloadUrl":"`)
	link, _, _ = strings.Cut(link, `"`)
	link = strings.ReplaceAll(link, `\u0026`, "&")

	status, file := a.call("GET", link, "", "")
	assert.Equal(t, 200, status, file)
	assert.True(t, strings.HasPrefix(file, "Creation Date,MSISDN,Transaction ID,Amount,Currency,Country,MNO,Type,Metadata\n"), file)
	assert.Contains(t, file, `,DEPOSIT,"{""orderId"":""KB-7781""}"`)

	status, _ = a.call("GET", link, "secret", "")
	assert.Equal(t, 400, status, "an object store refuses two kinds of authorization")
	status, _ = a.call("GET", link+"0", "", "")
	assert.Equal(t, 403, status, "a link that was changed")
	a.late.Store(25)
	status, _ = a.call("GET", link, "", "")
	assert.Equal(t, 403, status, "a link that expired")
}

func TestAStatementLacksTheLastTwentyMinutes(t *testing.T) {
	t.Parallel()
	a := serve(t)
	s := &server{Account: a.account}
	st := &statement{wallet: map[string]string{"country": "ZMB", "currency": "ZMW"}, start: time.Date(2026, 3, 11, 0, 0, 0, 0, time.UTC), end: time.Date(2026, 3, 12, 0, 0, 0, 0, time.UTC)}
	for minutes, want := range map[int]bool{19: false, 21: true} {
		st.created = time.Date(2026, 3, 11, 8, 14+minutes, 5, 0, time.UTC)
		file, err := s.render(st)
		require.NoError(t, err)
		assert.Equal(t, want, strings.Contains(string(file), depositID), minutes)
	}
}

// The words are those of
// https://docs.pawapay.io/v1/api-reference/deposits/check-deposit-status and
// https://docs.pawapay.io/v1/api-reference/payouts/check-payout-status.
func TestTheFirstAPIHasItsOwnWords(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"ACCEPTED": "ACCEPTED", "ENQUEUED": "ENQUEUED", "SUBMITTED": "SUBMITTED", "PROCESSING": "SUBMITTED", "IN_RECONCILIATION": "SUBMITTED",
		"COMPLETED": "COMPLETED", "FAILED": "FAILED",
	} {
		it := &item{path: "payouts", id: depositID, status: word, amount: money.Amount{Minor: 1500, Exp: 2, Currency: "ZMW"}}
		assert.Equal(t, want, it.v1()["status"], word)
		assert.Equal(t, word, it.v2()["status"], word)
	}
}
