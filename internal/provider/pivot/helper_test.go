package pivot

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
)

const (
	sessionID = "7f0d2c54-6f0e-4a83-9a51-2d6c1b7f9e10"
	chargeID  = "d1b6a0c7-3e52-4f18-8a77-5c90e2f4b681"
	chargeTwo = "d1b6a0c7-3e52-4f18-8a77-5c90e2f4b682"
	batchID   = "b3b4d1de-8c77-4a06-9a1f-50f1f6c3a210"
	customer  = "0198a001-77aa-7c11-9d2e-4f5a6b7c8d9e"
)

var testNow = time.Date(2025, 11, 4, 6, 0, 0, 0, time.UTC)

// stub answers each request URI with a fixed body; one that it doesn't hold is
// resource_missing.
type stub struct {
	mu      sync.Mutex
	answers map[string]string // path?query -> body; "503 body" for another status
	asked   []string
	tokens  int
}

func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/v1/access-token" {
		s.tokens++
		_, _ = fmt.Fprint(w, `{"code":"00","message":"OK","data":{"accessToken":"t","expiresIn":"900","tokenType":"Bearer"}}`)
		return
	}
	q := r.URL.Query()
	q.Del("perPage")
	if q.Get("page") == "1" {
		q.Del("page")
	}
	uri := r.URL.EscapedPath()
	if len(q) > 0 {
		uri += "?" + q.Encode()
	}
	s.asked = append(s.asked, uri)
	body, ok := s.answers[uri]
	if !ok {
		body = `404 {"code":"resource_missing","message":"Not found","error":{"type":"GATEWAY_ERROR","details":[],"trace_id":"1"}}`
	}
	status := http.StatusOK
	if _, err := fmt.Sscanf(body, "%d ", &status); err == nil {
		_, body, _ = strings.Cut(body, " ")
	}
	w.WriteHeader(status)
	_, _ = fmt.Fprint(w, body)
}

// times counts the requests whose URI begins with a text.
func (s *stub) times(begin string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, uri := range s.asked {
		if strings.HasPrefix(uri, begin) {
			n++
		}
	}
	return n
}

func (s *stub) set(uri, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[uri] = body
}

// connect makes a client of a server.
func connect(t *testing.T, h http.Handler, options map[string]string) *client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	hc, err := httpx.New(httpx.Config{BaseURL: server.URL, MaxAttempts: 2, Backoff: time.Millisecond, BreakAfter: 1 << 30, Concurrency: 32})
	require.NoError(t, err)
	t.Cleanup(hc.Close)
	made, err := newClient(provider.Settings{
		Name: "pivot-id", Credentials: map[string]string{"client_id": "id", "client_secret": "secret"}, Options: options,
		HTTP: hc, Now: func() time.Time { return testNow },
	})
	require.NoError(t, err)
	c, ok := made.(*client)
	require.True(t, ok)
	return c
}

// stubbed makes a client of a stub that knows no refunds and no fees.
func stubbed(t *testing.T, answers map[string]string) (*client, *stub) {
	t.Helper()
	s := &stub{answers: map[string]string{"/v1/refunds": list()}}
	for k, v := range answers {
		s.answers[k] = v
	}
	return connect(t, s, nil), s
}

// data wraps an object, list an array.
func data(object string) string { return `{"code":"00","message":"Success","data":` + object + `}` }

func list(rows ...string) string { return listOf(1, 1, len(rows), rows...) }

func listOf(page, pages, total int, rows ...string) string {
	return fmt.Sprintf(`{"code":"00","message":"Success","data":[%s],"pagination":{"page":%d,"perPage":20,"totalItems":%d,"totalPages":%d}}`,
		strings.Join(rows, ","), page, total, pages)
}

// instead puts more fields (`,"name":value`) into an object, in the place of
// those that it has.
func instead(object, more string) string {
	if more == "" {
		return object
	}
	fields := map[string]json.RawMessage{}
	for _, text := range []string{object, "{" + strings.TrimLeft(more, ", \n\t") + "}"} {
		if err := json.Unmarshal([]byte(text), &fields); err != nil {
			return object + more // what is meant to be broken
		}
	}
	whole, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	return string(whole)
}

// sessionJSON makes a session; more fields win.
func sessionJSON(status, charges, more string) string {
	return instead(fmt.Sprintf(`{"id":%q,"clientReferenceId":"DEP1","amount":{"value":150000,"currency":"IDR"},"mode":"API","paymentType":"SINGLE",
		"paymentMethod":null,"status":%q,"investigationStatus":null,"createdAt":"2025-11-03T02:14:05Z","updatedAt":"2025-11-03T02:16:41Z",
		"expiryAt":null,"chargeDetails":%s}`, sessionID, status, charges), more)
}

// chargeJSON makes a charge; more fields win.
func chargeJSON(id, status, more string) string {
	captured, paid := "null", "null"
	if status == "SUCCESS" {
		captured, paid = `{"value":150000.00,"currency":"IDR"}`, `"2025-11-03T02:16:41Z"`
	}
	return instead(fmt.Sprintf(`{"id":%q,"paymentSessionId":%q,"paymentSessionClientReferenceId":"DEP1","amount":{"value":150000,"currency":"IDR"},
		"status":%q,"capturedAmount":%s,"createdAt":"2025-11-03T02:14:05.120734Z","paidAt":%s}`, id, sessionID, status, captured, paid), more)
}

func charges(rows ...string) string { return "[" + strings.Join(rows, ",") + "]" }

func itemJSON(status, reason string) string {
	word := ""
	if status != "" {
		word = fmt.Sprintf(`,"status":%q`, status)
	}
	return fmt.Sprintf(`{"referenceId":"WD-1","amount":{"currency":"IDR","value":"75000"},"channelCode":"BRI","channelInformation":{"accountName":"W",
		"accountNumber":"099966660002"},"inquiryId":"","created":"2025-11-03T03:00:10Z","updated":"2025-11-03T03:00:11Z","reason":%q%s}`, reason, word)
}

func itemOfBatch(item string) string {
	return data(fmt.Sprintf(`{"uuid":%q,"merchantId":"m","payoutResults":{},"payouts":%s}`, batchID, item))
}
