// Package pesaswap serves the read side of PesaSwap's API, a deployment of
// Hyperswitch, over the transactions of a sandbox account, with the server's
// peculiarities: inclusive cursors, time ranges that fail open, a POST list
// with a row for each attempt, lists that hide settled amounts, errors in
// plain text where the query is wrong.
//
// The truth is rendered by Status, or by the provider's own word in RawStatus.
// Beyond that:
//
//   - a final Status with an open RawStatus ("processing", "pending") is a
//     payment whose end PesaSwap hasn't heard of: force_sync brings it in;
//   - on an open payment FailureCode says what force_sync meets: "IE_00" (the
//     connector holds Settled instead of the amount), "CE_00" or "IR_00" (it
//     fails); any other code comes back beside a payout's unchanged status;
//   - a refund whose id starts with "dp_" is a dispute, lost once completed; any
//     other one that is merely created waits for the merchant's review;
//   - a deposit in KES whose account is a phone and whose method wasn't saved
//     is paid by M-Pesa, any other one by card;
//   - one payout in eight had a failed attempt before the one that counts.
package pesaswap

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"tieout/internal/corpus"
	"tieout/internal/payment"
	"tieout/internal/sandbox/state"
)

// Options choose what kind of server it is.
type Options struct {
	// Old is a server of 2024: no total_count, no merchant reference in
	// payouts, and limits that are refused by the handler.
	Old bool
}

// Handler serves the account as a server of today.
func Handler(a *state.Account) http.Handler { return HandlerWith(a, Options{}) }

// HandlerWith serves the account as the options say.
func HandlerWith(a *state.Account, o Options) http.Handler {
	return &server{account: a, old: o.Old}
}

type server struct {
	account *state.Account
	old     bool
}

const (
	merchantID     = "merchant_1751000001"
	defaultProfile = "pro_u8RcMd2yHs5oVbNj4LqW"
)

var legalID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// call is one request on its way.
type call struct {
	*server
	w http.ResponseWriter
	r *http.Request
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := call{s, w, r}
	w.Header().Set("Via", "HyperSwitch")
	w.Header().Set("x-request-id", text("req", fmt.Sprint(s.account.Asked("requests"))))
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	handle, methods := c.route(path)
	switch {
	case handle == nil:
		c.fail(http.StatusNotFound, "invalid_request", "IR_02", "Unrecognized request URL")
	case !contains(strings.Fields(methods), r.Method):
		c.fail(http.StatusMethodNotAllowed, "invalid_request", "IR_03", "The HTTP method is not applicable for this API")
	case c.admitted():
		handle()
	}
}

// route finds the handler of a path and the methods it takes.
func (c call) route(path []string) (handle func(), methods string) {
	kinds := map[string]payment.Kind{"payouts": payment.Payout, "payments": payment.Deposit}
	switch {
	case len(path) == 2 && path[0] == "payouts" && path[1] == "list",
		len(path) == 3 && path[0] == "payouts" && path[1] == "profile" && path[2] == "list":
		return c.payoutList, "GET POST"
	case len(path) == 2 && path[0] == "payouts" && path[1] == "filter",
		len(path) == 3 && path[0] == "payouts" && path[1] == "profile" && path[2] == "filter":
		return c.payoutFilter, "POST"
	case len(path) == 2 && path[0] == "payments" && path[1] == "list":
		return c.paymentList, "GET POST"
	case len(path) == 2 && path[0] == "refunds" && path[1] == "list":
		return c.refundList, "POST"
	case len(path) == 2 && path[0] == "disputes" && path[1] == "list":
		return c.disputeList, "GET"
	case len(path) == 3 && path[0] == "customers" && path[2] == "payment_methods":
		return func() { c.customerMethods(path[1]) }, "GET"
	case len(path) == 2 && path[0] == "refunds":
		return c.legal(path[1], func() { c.refund(path[1]) }), "GET"
	case len(path) == 2 && path[0] == "disputes":
		return c.legal(path[1], func() { c.dispute(path[1]) }), "GET"
	case len(path) == 2 && kinds[path[0]] != "":
		return c.legal(path[1], func() { c.retrieve(kinds[path[0]], path[1]) }), "GET"
	}
	return nil, ""
}

// legal lets only ids through that the router can read.
func (c call) legal(id string, handle func()) func() {
	if legalID.MatchString(id) {
		return handle
	}
	return func() { c.plain(http.StatusNotFound, "the path holds an id that can't be read") }
}

func (c call) profile() string {
	if p := c.account.Credentials["profile_id"]; p != "" {
		return p
	}
	return defaultProfile
}

// admitted checks the key. Any Bearer value switches to another kind of
// authentication, and the key is not looked at.
func (c call) admitted() bool {
	if strings.HasPrefix(c.r.Header.Get("Authorization"), "Bearer ") {
		c.fail(http.StatusUnauthorized, "invalid_request", "IR_17", "Access forbidden, invalid JWT token was used")
		return false
	}
	given, want := strings.TrimSpace(c.r.Header.Get("api-key")), c.account.Credentials["api_key"]
	profile := c.r.Header.Get("X-Profile-Id")
	if want == "" || subtle.ConstantTimeCompare([]byte(given), []byte(want)) != 1 || profile != "" && profile != c.profile() {
		c.fail(http.StatusUnauthorized, "invalid_request", "IR_01", "API key not provided or invalid API key used")
		return false
	}
	return true
}

// retrieve serves one payout or payment.
func (c call) retrieve(kind payment.Kind, id string) {
	found := c.account.ByID(kind, id)
	if len(found) == 0 {
		name := map[payment.Kind]string{payment.Payout: "Payout", payment.Deposit: "Payment"}[kind]
		c.fail(http.StatusNotFound, "invalid_request", "HE_02", name+" does not exist in our records")
		return
	}
	t := found[0]
	switch t.Fault {
	case corpus.FaultDown:
		c.w.Header().Set("Content-Type", "text/html")
		c.w.WriteHeader(http.StatusServiceUnavailable)
		c.write([]byte("<html><body>503 Service Unavailable</body></html>"))
		return
	case corpus.FaultRefused:
		c.fail(http.StatusForbidden, "invalid_request", "IR_22", "Access forbidden. Not authorized to access this resource")
		return
	}
	query := c.r.URL.Query()
	force, expand := query.Get("force_sync") == "true", query.Get("expand_attempts") == "true"
	shown := c.object(t, false, expand)
	if force && syncable(t) {
		if shown = c.sync(t, expand); shown == nil {
			return
		}
	}
	if t.Fault == corpus.FaultGarbage {
		body, err := json.Marshal(shown)
		if err != nil {
			c.fail(http.StatusInternalServerError, "api", "HE_00", "Something went wrong")
			return
		}
		c.w.Header().Set("Content-Type", "application/json")
		c.write(body[:len(body)/2])
		return
	}
	c.answer(http.StatusOK, shown)
}

func (c call) object(t corpus.Transaction, row, expand bool) map[string]any {
	if t.Kind == payment.Payout {
		return c.payoutObject(t, row, expand)
	}
	return c.paymentObject(t, row, expand)
}

// sync plays the connector being asked. It returns nil where it has answered
// with an error itself.
func (c call) sync(t corpus.Transaction, expand bool) map[string]any {
	if t.Status.Final() { // PesaSwap's word lagged behind
		t.RawStatus = ""
		c.account.Put(t)
		return c.object(t, false, expand)
	}
	switch code := t.FailureCode; {
	case code == "CE_00":
		c.answer(http.StatusBadRequest, map[string]any{"error": map[string]any{
			"type": "connector", "message": "500.001.1001: Unable to lock subscriber", "code": code, "connector": "daraja", "reason": "busy",
		}})
		return nil
	case code == "IR_00":
		c.fail(http.StatusNotImplemented, "invalid_request", code, "This API is under development and will be made available soon.")
		return nil
	case code == "IE_00" && t.Kind == payment.Deposit && t.Settled != nil:
		c.answer(http.StatusInternalServerError, map[string]any{"error": map[string]any{
			"type": "api", "message": "Integrity Check Failed! as data mismatched for " + c.difference(t),
			"code": code, "connector_transaction_id": t.NetworkReference,
		}})
		t.RawStatus = "conflicted"
		c.account.Put(t)
		return nil
	}
	shown := c.object(t, false, expand)
	if t.FailureCode != "" && t.Kind == payment.Payout { // told once, not stored
		shown["error_code"], shown["error_message"] = t.FailureCode, "the connector failed to answer"
	}
	return shown
}

// syncable tells whether force_sync is not ignored.
func syncable(t corpus.Transaction) bool {
	switch word := word(t); word {
	case "pending", "initiated":
		return t.Kind == payment.Payout
	case "processing", "requires_customer_action", "requires_merchant_action", "requires_capture", "partially_captured_and_capturable":
		return t.Kind == payment.Deposit
	}
	return false
}

func (c call) answer(status int, body any) {
	c.w.Header().Set("Content-Type", "application/json")
	raw, err := json.Marshal(body)
	if err != nil {
		http.Error(c.w, "the sandbox can't render this answer", http.StatusInternalServerError)
		return
	}
	c.w.WriteHeader(status)
	c.write(raw)
}

// write ignores a client that has gone.
func (c call) write(raw []byte) { _, _ = c.w.Write(raw) }

func (c call) fail(status int, kind, code, message string) {
	c.answer(status, map[string]any{"error": map[string]any{"type": kind, "message": message, "code": code}})
}

// refuseBody is the one error that names its type differently.
func (c call) refuseBody(message string) {
	c.answer(http.StatusBadRequest, map[string]any{"error": map[string]any{
		"error_type": "invalid_request", "message": "Json deserialize error: " + message, "code": "IR_06",
	}})
}

func (c call) plain(status int, message string) {
	c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	c.w.WriteHeader(status)
	c.write([]byte(message))
}

func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Truncate(time.Millisecond).Format("2006-01-02T15:04:05.000Z")
}
