package pesaway_test

import (
	"encoding/json"
	"fmt"
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
	"tieout/internal/sandbox/pesaway"
	"tieout/internal/sandbox/state"
)

var created = time.Date(2025, 11, 3, 9, 14, 22, 518_201_000, time.UTC)

type server struct {
	*httptest.Server
	t *testing.T
	a *state.Account
}

func serve(t *testing.T, c pesaway.Config, txs ...corpus.Transaction) *server {
	t.Helper()
	a := state.New(corpus.Account{Name: "pw", Type: "pesaway"}, txs)
	a.Credentials = map[string]string{"client_id": "id", "client_secret": "secret"}
	a.Now = func() time.Time { return created }
	s := httptest.NewServer(c.Handler(a))
	t.Cleanup(s.Close)
	a.BaseURL = s.URL
	return &server{s, t, a}
}

func transaction(id string) corpus.Transaction {
	return corpus.Transaction{
		Provider: "pw", Kind: payment.Deposit, ID: id, Reference: "DP-2025-000913", NetworkReference: "TJ42K8M1QX", Status: payment.Completed,
		Amount: money.Amount{Minor: 125000, Exp: 2, Currency: "KES"}, Account: "254700000111", CreatedAt: created, CompletedAt: created,
	}
}

// do sends a request with a fresh token and returns status, Location and body.
func (s *server) do(method, path, body string, header ...string) (int, string, string) {
	s.t.Helper()
	req, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	require.NoError(s.t, err)
	req.Header.Set("X-Region", "ke")
	if path != "/api/v1/token/" {
		req.Header.Set("Authorization", "Bearer "+s.token())
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i+1] == "" {
			req.Header.Del(header[i])
		}
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(s.t, err)
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	return resp.StatusCode, resp.Header.Get("Location"), string(b)
}

func (s *server) token() string {
	s.t.Helper()
	status, _, body := s.do("POST", "/api/v1/token/", `{"consumer_key":"id","consumer_secret":"secret","grant_type":"client_credentials"}`)
	require.Equal(s.t, 200, status, body)
	var v struct {
		AccessToken string `json:"access_token"`
		Data        struct{ Token string }
	}
	require.NoError(s.t, json.Unmarshal([]byte(body), &v))
	return v.AccessToken + v.Data.Token
}

const query = "/api/v1/mobile-money/transaction-query/"

func TestWrongRequestsAreAnsweredAsPesaWayDoes(t *testing.T) {
	t.Parallel()
	s := serve(t, pesaway.Config{}, transaction("PHY51B7E0A22F"))
	lenient := serve(t, pesaway.Config{ErrorsAsOK: true}, transaction("PHY51B7E0A22F"))
	const known = `{"TransactionReference":"PHY51B7E0A22F"}`
	for name, c := range map[string]struct {
		method, path, body string
		header             []string
		status             int
		want               string
	}{
		"wrong secret":        {"POST", "/api/v1/token/", `{"consumer_key":"id","consumer_secret":"x","grant_type":"client_credentials"}`, nil, 401, `"401.001"`},
		"wrong grant":         {"POST", "/api/v1/token/", `{"consumer_key":"id","consumer_secret":"secret"}`, nil, 400, `"400.001"`},
		"token by GET":        {"GET", "/api/v1/token/", "", nil, 405, "not allowed"},
		"no token":            {"POST", query, known, []string{"Authorization", ""}, 401, `"401.001"`},
		"a made-up token":     {"POST", query, known, []string{"Authorization", "Bearer zzz.abc"}, 401, `"401.001"`},
		"no region":           {"POST", query, known, []string{"X-Region", ""}, 400, `"400.001"`},
		"an unknown region":   {"POST", query, known, []string{"X-Region", "xx"}, 400, `"400.001"`},
		"no body":             {"POST", query, "", nil, 400, `"400.001"`},
		"no reference":        {"POST", query, `{}`, nil, 400, `"400.001"`},
		"unknown":             {"POST", query, `{"TransactionReference":"PHY0"}`, nil, 404, `"404.000"`},
		"by our reference":    {"POST", query, `{"TransactionReference":"DP-2025-000913"}`, nil, 404, `"404.000"`},
		"at the wrong desk":   {"POST", "/api/v1/bank/transaction-query/", known, nil, 404, `"404.000"`},
		"PUT":                 {"PUT", query, known, nil, 405, "not allowed"},
		"an unknown path":     {"POST", "/api/v1/nothing/", "", nil, 404, "<html>"},
		"initiation":          {"POST", "/api/v1/mobile-money/send-payment/", "{}", nil, 404, "<html>"},
		"list without offset": {"POST", "/api/v1/pull-transactions/", `{"StartDate":"2025-11-03","EndDate":"2025-11-03","TransType":"Payment"}`, nil, 400, `"400.001"`},
		"list without type":   {"POST", "/api/v1/pull-transactions/", `{"StartDate":"2025-11-03","EndDate":"2025-11-03","OffsetValue":0}`, nil, 400, `"400.001"`},
		"list without dates":  {"POST", "/api/v1/pull-transactions/", `{"TransType":"Payment","OffsetValue":0}`, nil, 400, `"400.001"`},
		"list with T":         {"POST", "/api/v1/pull-transactions/", `{"StartDate":"2025-11-03T00:00:00Z","EndDate":"2025-11-03","TransType":"Payment","OffsetValue":0}`, nil, 400, `"400.001"`},
		"balance":             {"POST", "/api/v1/account-balance/", `{}`, nil, 400, `"400.001"`},
	} {
		status, _, body := s.do(c.method, c.path, c.body, c.header...)
		assert.Equal(t, c.status, status, name)
		assert.Contains(t, body, c.want, name)
		if strings.Contains(c.want, ".00") {
			status, _, body = lenient.do(c.method, c.path, c.body, c.header...)
			assert.Equal(t, 200, status, name)
			assert.Contains(t, body, c.want, name)
		}
	}
}

func TestAMissingSlashIsRedirected(t *testing.T) {
	t.Parallel()
	s := serve(t, pesaway.Config{})
	status, location, _ := s.do("POST", strings.TrimSuffix(query, "/"), `{"TransactionReference":"PHY0"}`)
	assert.Equal(t, 301, status)
	assert.Equal(t, s.URL+query, location)
}

func TestTokensEnd(t *testing.T) {
	t.Parallel()
	for _, shape := range []pesaway.TokenShape{pesaway.TokenTopLevel, pesaway.TokenUnderData, pesaway.TokenWithExpiry} {
		s := serve(t, pesaway.Config{TokenShape: shape, TokenLifetime: time.Minute}, transaction("PHY51B7E0A22F"))
		bearer := []string{"Authorization", "Bearer " + s.token()}
		status, _, _ := s.do("POST", query, `{"TransactionReference":"PHY51B7E0A22F"}`, bearer...)
		assert.Equal(t, 200, status)
		now := created.Add(2 * time.Minute)
		s.a.Now = func() time.Time { return now }
		status, _, _ = s.do("POST", query, `{"TransactionReference":"PHY51B7E0A22F"}`, bearer...)
		assert.Equal(t, 401, status)
	}
}

func TestAnswersHaveTheDocumentedForm(t *testing.T) {
	t.Parallel()
	s := serve(t, pesaway.Config{}, transaction("PHY51B7E0A22F"))
	for _, method := range []string{"POST", "GET"} {
		_, _, body := s.do(method, query, `{"TransactionReference":"PHY51B7E0A22F"}`)
		assert.JSONEq(t, `{"ResultCode":0,"ResultDesc":"Request processed successfully","OriginatorReference":"DP-2025-000913",
			"TransactionID":"PHY51B7E0A22F","TransactionAmount":"1250.00","TransactionReceipt":"TJ42K8M1QX",
			"ReceiverPartyPublicName":"254700000111","TransactionCompletedDateTime":"2025-11-03 09:14:22.518201+00:00"}`, body)
	}
	for _, path := range []string{"/api/v1/pull-transactions/", "/api/v1/mobile-money/pull-transactions/"} {
		_, _, body := s.do("POST", path, `{"StartDate":"2025-11-03 12:14:22","EndDate":"2025-11-03 12:14:22","TransType":"Collection","OffsetValue":0}`)
		assert.JSONEq(t, `[{"Reference":"PHY51B7E0A22F","Receipt":"TJ42K8M1QX","TransactionDate":"2025-11-03T09:14:22Z",
			"Recipient":"254700000111 - Jane Wanjiku","ExternalReference":"DP-2025-000913","TransactionType":"Collection","Amount":"1250.00"}]`, body)
	}
}

func TestListPages(t *testing.T) {
	t.Parallel()
	var txs []corpus.Transaction
	for i := range 205 {
		txs = append(txs, transaction(fmt.Sprintf("PHY%010X", i)))
	}
	txs[3].Refunds = []corpus.Refund{
		{ID: "RF-1", Amount: money.Amount{Minor: 500, Exp: 2, Currency: "KES"}, Status: payment.Completed, CreatedAt: created},
		{ID: "RF-2", Amount: money.Amount{Minor: 500, Exp: 2, Currency: "KES"}, Status: payment.Pending, CreatedAt: created},
	}
	s := serve(t, pesaway.Config{UnrelatedReferences: true}, txs...)
	page := func(transType string, offset int) (rows []map[string]string) {
		_, _, body := s.do("POST", "/api/v1/pull-transactions/",
			fmt.Sprintf(`{"StartDate":"2025-11-03","EndDate":"2025-11-03","TransType":%q,"OffsetValue":%d}`, transType, offset))
		require.NoError(t, json.Unmarshal([]byte(body), &rows), body)
		return rows
	}
	seen := map[string]bool{}
	for _, c := range []struct{ offset, want int }{{0, 100}, {100, 100}, {200, 5}, {205, 0}, {999, 0}} {
		rows := page("Collection", c.offset)
		assert.Len(t, rows, c.want, "offset %d", c.offset)
		for _, r := range rows {
			seen[r["Reference"]] = true
			assert.Len(t, r["Reference"], 11)
		}
	}
	assert.Len(t, seen, 205, "references are unique, although the ExternalReference is one")
	assert.Empty(t, page("Payment", 0))
	assert.Empty(t, page("B2C", 0), "13.8: no such type, no rows")

	refunds := page("Refund", 0)
	require.Len(t, refunds, 1)
	assert.Equal(t, "RF-1", refunds[0]["ExternalReference"])
	assert.Equal(t, "5.00", refunds[0]["Amount"])

	s.a.Put(transaction("PHY0000000FFF"))
	assert.Len(t, page("Collection", 200), 6, "a list that was read to its end is made anew")
}
