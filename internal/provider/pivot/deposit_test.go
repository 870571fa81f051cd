package pivot

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
)

var byID = provider.Query{Kind: payment.Deposit, PaymentID: "pay1", ProviderPaymentID: sessionID, Reference: "DEP1"}

func idr(major int64) money.Amount { return money.Amount{Minor: major * 100, Exp: 2, Currency: "IDR"} }

// The words are those of
// https://pivot-payment.gitbook.io/pivot-docs/api-references/api-lists/payments/status
// and https://pivot-payment.gitbook.io/pivot-docs/payments/state-and-status.
func TestEveryDocumentedSessionStatusIsNormalised(t *testing.T) {
	t.Parallel()
	multiple := `,"paymentType":"MULTIPLE","amount":{"value":0,"currency":"IDR"}`
	for name, tc := range map[string]struct {
		session string
		want    payment.Status
		action  payment.Action
		code    string
		group   payment.FailureGroup
	}{
		"4.5 REQUIRE_PAYMENT_METHOD": {session: sessionJSON("REQUIRE_PAYMENT_METHOD", "null", ""), want: payment.Pending},
		"4.5 REQUIRE_CONFIRMATION":   {session: sessionJSON("REQUIRE_CONFIRMATION", "null", ""), want: payment.Pending},
		"4.5 REQUIRE_ACTION":         {session: sessionJSON("REQUIRE_ACTION", charges(chargeJSON(chargeID, "WAITING_FOR_USER_ACTION", "")), ""), want: payment.Pending},
		"4.5 PROCESSING, 3-D Secure": {session: sessionJSON("PROCESSING", charges(chargeJSON(chargeID, "WAITING_FOR_AUTHENTICATION", "")), ""), want: payment.Pending},
		"4.5 PROCESSING":             {session: sessionJSON("PROCESSING", charges(chargeJSON(chargeID, "PROCESSING", "")), ""), want: payment.Pending},
		"4.5 waiting for capture": {
			session: sessionJSON("PROCESSING", charges(chargeJSON(chargeID, "WAITING_FOR_CAPTURE", "")), ""),
			want:    payment.Pending, action: payment.ActionCapture,
		},
		"4.5 PAID": {session: sessionJSON("PAID", charges(chargeJSON(chargeID, "SUCCESS", "")), ""), want: payment.Completed},
		"4.5 PAID after a failed charge": {session: sessionJSON("PAID", charges(chargeJSON(chargeTwo, "FAILED", `,"failureCode":"INSUFFICIENT_FUND"`),
			chargeJSON(chargeID, "SUCCESS", "")), ""), want: payment.Completed},
		"13.21 a failed charge in an open session is not the end": {session: sessionJSON("REQUIRE_PAYMENT_METHOD",
			charges(chargeJSON(chargeID, "FAILED", `,"failureCode":"AUTHENTICATION_FAILED"`)), ""), want: payment.Pending},
		"4.5 CANCELLED by a failed charge": {session: sessionJSON("CANCELLED", charges(chargeJSON(chargeID, "FAILED", `,"failureCode":"CHANNEL_UNAVAILABLE"`)),
			`,"cancellationReason":"CHARGE_FAILED"`), want: payment.Failed, code: "CHANNEL_UNAVAILABLE", group: payment.FailureProvider},
		"4.3 CANCELLED by the customer": {
			session: sessionJSON("CANCELLED", "null", `,"cancellationReason":"REQUESTED_BY_CUSTOMER"`),
			want:    payment.Cancelled, code: "REQUESTED_BY_CUSTOMER", group: payment.FailureCustomer,
		},
		"4.5 EXPIRED":                   {session: sessionJSON("EXPIRED", charges(chargeJSON(chargeID, "EXPIRED", "")), ""), want: payment.Expired},
		"4.5 ACTIVE, not paid yet":      {session: sessionJSON("ACTIVE", "null", multiple), want: payment.Pending},
		"4.5 INACTIVE, never paid":      {session: sessionJSON("INACTIVE", "null", multiple), want: payment.Expired},
		"4.3 ACTIVE without a type":     {session: sessionJSON("ACTIVE", "null", `,"paymentType":""`), want: payment.Pending},
		"13.11 a blank for a low line":  {session: sessionJSON("REQUIRE ACTION", "null", ""), want: payment.Pending},
		"4.3 PAID without a type":       {session: sessionJSON("PAID", charges(chargeJSON(chargeID, "SUCCESS", "")), `,"paymentType":""`), want: payment.Completed},
		"13.2 an object as only charge": {session: sessionJSON("PAID", chargeJSON(chargeID, "SUCCESS", ""), ""), want: payment.Completed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := stubbed(t, map[string]string{"/v2/payments/" + sessionID: data(tc.session)})
			a := c.Status(t.Context(), byID)
			require.Equal(t, provider.Found, a.Verdict, a.Reason)
			require.Len(t, a.Transactions, 1)
			got := a.Transactions[0]
			assert.Equal(t, tc.want, got.Status)
			assert.Equal(t, tc.action, got.NeedsAction)
			assert.Equal(t, tc.code, got.FailureCode)
			assert.Equal(t, tc.group, got.FailureGroup)
			assert.Equal(t, sessionID, got.ID)
			assert.Equal(t, "DEP1", got.Reference)
			assert.Equal(t, "DEP1", got.OwnID)
			assert.NotEmpty(t, got.RawStatus)
		})
	}
}

func TestContradictionsAreInvalidAndSayWhy(t *testing.T) {
	t.Parallel()
	success := chargeJSON(chargeID, "SUCCESS", "")
	for name, tc := range map[string]struct{ session, reason, raw string }{
		"4.5 PAID without a SUCCESS charge": {sessionJSON("PAID", charges(chargeJSON(chargeID, "FAILED", "")), ""), "none of its charges is SUCCESS", "PAID"},
		"4.5 PAID with hidden charges":      {sessionJSON("PAID", "null", ""), "shows no charge", "PAID"},
		"4.5 SUCCESS in an EXPIRED session": {sessionJSON("EXPIRED", charges(success), ""), "is EXPIRED but charge", "EXPIRED"},
		"4.5 SUCCESS in a CANCELLED one":    {sessionJSON("CANCELLED", charges(success), ""), "is CANCELLED but charge", "CANCELLED"},
		"4.5 two SUCCESS charges":           {sessionJSON("PAID", charges(success, chargeJSON(chargeTwo, "SUCCESS", "")), ""), "may be paid twice", "PAID"},
		"4.5 under investigation":           {sessionJSON("PAID", charges(success), `,"investigationStatus":"INVESTIGATION_SUCCESS"`), "under investigation", "PAID"},
		"4.5 SINGLE is ACTIVE":              {sessionJSON("ACTIVE", "null", ""), "only a MULTIPLE one", "ACTIVE"},
		"unknown session word":              {sessionJSON("ON_HOLD", "null", ""), `unknown session status "ON_HOLD"`, "ON_HOLD"},
		"unknown charge word":               {sessionJSON("PROCESSING", charges(chargeJSON(chargeID, "FROZEN", "")), ""), `unknown charge status "FROZEN"`, "FROZEN"},
		"unknown type":                      {sessionJSON("PAID", charges(success), `,"paymentType":"WEEKLY"`), `unknown paymentType "WEEKLY"`, ""},
		"more decimals than IDR has":        {sessionJSON("PAID", charges(success), `,"amount":{"value":1000.001,"currency":"IDR"}`), "more decimals", ""},
		"captured in another currency":      {sessionJSON("PAID", charges(chargeJSON(chargeID, "SUCCESS", `,"capturedAmount":{"value":1,"currency":"USD"}`)), ""), "capturedAmount is in USD", ""},
		"an exponent in an amount":          {sessionJSON("PAID", charges(success), `,"amount":{"value":1e3,"currency":"IDR"}`), "not a decimal number", ""},
		"a negative amount":                 {sessionJSON("PAID", charges(success), `,"amount":{"value":-5,"currency":"IDR"}`), "negative", ""},
		"an unknown currency":               {sessionJSON("PAID", charges(success), `,"amount":{"value":5,"currency":"RUPIAH"}`), "unknown currency", ""},
		"no amount":                         {sessionJSON("PAID", charges(success), `,"amount":null`), "amount is missing", ""},
		"wrong type":                        {sessionJSON("PAID", charges(success), `,"clientReferenceId":7`), "field clientReferenceId has the wrong type", ""},
		"no time":                           {sessionJSON("PAID", charges(success), `,"createdAt":"yesterday"`), "not an RFC 3339 time", ""},
		"no reference":                      {sessionJSON("PAID", charges(success), `,"clientReferenceId":""`), "clientReferenceId is missing", ""},
		"another session's id":              {sessionJSON("PAID", charges(success), `,"id":"00000000-0000-4000-8000-000000000000"`), "the answer is about", ""},
		"another session's charge":          {sessionJSON("PAID", charges(chargeJSON(chargeID, "SUCCESS", `,"paymentSessionId":"x"`)), ""), "a charge of session x", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := stubbed(t, map[string]string{"/v2/payments/" + sessionID: data(tc.session)})
			a := c.Status(t.Context(), byID)
			assert.Equal(t, provider.Invalid, a.Verdict)
			assert.Contains(t, a.Reason, tc.reason)
			assert.Equal(t, tc.raw, a.RawStatus)
		})
	}
}

func TestASettledDepositTellsAllThatPivotSays(t *testing.T) {
	t.Parallel()
	charge := chargeJSON(chargeID, "SUCCESS", `,"paymentSessionClientReferenceId":"OTHER","capturedAmount":{"value":149000.5,"currency":"IDR"},
		"card":{"first6":"444000","authorizationResult":{"retrievalReferenceNumber":"RRN77","authorizedAmount":{"value":1,"currency":"IDR"}}}`)
	c, _ := stubbed(t, map[string]string{
		"/v2/payments/" + sessionID: data(sessionJSON("PAID", charges(charge), `,"customerId":"`+customer+`","metadata":{"orderId":"O-1","n":12.50,"b":true,"o":{"x": 1},"z":null}`)),
		"/v1/refunds": list(
			`{"id":"r1","paymentSessionId":"`+sessionID+`","amount":{"value":"1000.50","currency":"IDR"},"status":"SUCCESS"}`,
			`{"id":"r2","paymentSessionId":"`+sessionID+`","amount":{"value":"500.00","currency":"IDR"},"status":"PENDING"}`,
			`{"id":"r3","paymentSessionId":"`+sessionID+`","amount":{"value":"250.00","currency":"IDR"},"status":"SUCCESS"}`),
	})
	a := c.Status(t.Context(), byID)
	require.Equal(t, provider.Found, a.Verdict, a.Reason)
	got := a.Transactions[0]
	assert.Equal(t, idr(150000), got.Amount)
	assert.Equal(t, &money.Amount{Minor: 14900050, Exp: 2, Currency: "IDR"}, got.Settled, "6: the captured amount is what moved")
	assert.Equal(t, &money.Amount{Minor: 125050, Exp: 2, Currency: "IDR"}, got.Refunded, "9: only SUCCESS refunds went back")
	assert.Equal(t, time.Date(2025, 11, 3, 2, 16, 41, 0, time.UTC), got.CompletedAt)
	assert.Equal(t, "RRN77", got.NetworkReference)
	assert.Equal(t, customer, got.CustomerID)
	assert.Equal(t, map[string]string{"orderId": "O-1", "n": "12.50", "b": "true", "o": `{"x":1}`}, got.Metadata)
	assert.Nil(t, got.Fee)
	assert.Contains(t, a.Reason, "noted", "13.1: a charge's other reference is no more than a note")
}

func TestADepositOfAMultipleSessionIsItsCharges(t *testing.T) {
	t.Parallel()
	session := sessionJSON("ACTIVE", "null", `,"paymentType":"MULTIPLE","amount":{"value":0,"currency":"IDR"}`)
	other := chargeJSON("c9", "SUCCESS", `,"paymentSessionId":"00000000-0000-4000-8000-000000000000"`)
	c, _ := stubbed(t, map[string]string{
		"/v2/payments/" + sessionID: data(session),
		"/v2/charges?clientReferenceId=DEP1": listOf(1, 2, 4, chargeJSON(chargeID, "SUCCESS", ""), chargeJSON("f1", "FAILED", ""),
			chargeJSON(chargeTwo, "SUCCESS", `,"createdAt":"2025-11-03T09:00:00Z","capturedAmount":{"value":20000,"currency":"IDR"},"amount":{"value":20000,"currency":"IDR"}`)),
		"/v2/charges?clientReferenceId=DEP1&page=2": listOf(2, 2, 4, chargeJSON(chargeID, "SUCCESS", ""), other),
		"/v1/refunds": list(`{"id":"r1","paymentSessionId":"` + sessionID + `","chargeId":"` + chargeTwo + `","amount":{"value":"20000.00","currency":"IDR"},"status":"SUCCESS"}`),
	})
	a := c.Status(t.Context(), byID)
	require.Equal(t, provider.Found, a.Verdict, a.Reason)
	require.Len(t, a.Transactions, 2, "one for each SUCCESS charge of this session, once")
	first, second := a.Transactions[0], a.Transactions[1]
	assert.Equal(t, chargeID, first.ID)
	assert.Equal(t, idr(0), *first.Refunded)
	assert.Equal(t, chargeTwo, second.ID)
	assert.Equal(t, idr(20000), second.Amount)
	assert.Equal(t, idr(20000), *second.Refunded)
	assert.Equal(t, time.Date(2025, 11, 3, 9, 0, 0, 0, time.UTC), second.CreatedAt)
	assert.Equal(t, "DEP1", second.Reference)
	assert.Equal(t, payment.Completed, second.Status)
}

func TestAMultipleSessionWhoseChargesCannotBeHadIsNoAnswer(t *testing.T) {
	t.Parallel()
	c, _ := stubbed(t, map[string]string{
		"/v2/payments/" + sessionID:          data(sessionJSON("ACTIVE", "null", `,"paymentType":"MULTIPLE"`)),
		"/v2/charges?clientReferenceId=DEP1": `503 {"code":"service_unavailable"}`,
	})
	assert.Equal(t, provider.NoAnswer, c.Status(t.Context(), byID).Verdict)
}

func TestADepositWithoutAnIDIsAskedByBothReferences(t *testing.T) {
	t.Parallel()
	const empty, down = `{"code":"00","data":[],"pagination":{"page":1,"perPage":20,"totalItems":0,"totalPages":0}}`, `503 {"code":"service_unavailable"}`
	one := list(sessionJSON("EXPIRED", "null", ""))
	two := list(sessionJSON("PAID", charges(chargeJSON(chargeID, "SUCCESS", `,"paymentSessionId":"`+batchID+`"`)), `,"id":"`+batchID+`","clientReferenceId":"pay1"`))
	for name, tc := range map[string]struct {
		own, reference string
		want           provider.Verdict
		found          int
	}{
		"both found":                        {two, one, provider.Found, 2},
		"only by our id":                    {two, empty, provider.Found, 1},
		"only by the reference":             {"", one, provider.Found, 1},
		"both empty":                        {empty, empty, provider.Unknown, 0},
		"both missing":                      {"", "", provider.Unknown, 0},
		"one silent":                        {down, empty, provider.NoAnswer, 0},
		"one found, one silent":             {down, one, provider.NoAnswer, 0},
		"null is not an empty array":        {data("null"), empty, provider.NoAnswer, 0},
		"an empty page of a full list":      {listOf(1, 1, 3), empty, provider.NoAnswer, 0},
		"the filter was ignored":            {empty, list(sessionJSON("EXPIRED", "null", `,"clientReferenceId":"XX"`)), provider.Invalid, 0},
		"our id can't be a reference there": {`400 {"code":"api_validation_error","error":{"details":[{"field":"clientReferenceId"}]}}`, one, provider.Found, 1},
		"the request is refused":            {`400 {"code":"api_validation_error","error":{"details":[{"field":"perPage"}]}}`, one, provider.Refused, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers := map[string]string{}
			if tc.own != "" {
				answers["/v2/payments?clientReferenceId=pay1"] = tc.own
			}
			if tc.reference != "" {
				answers["/v2/payments?clientReferenceId=DEP1"] = tc.reference
			}
			c, s := stubbed(t, answers)
			a := c.Status(t.Context(), provider.Query{Kind: payment.Deposit, PaymentID: "pay1", Reference: "DEP1"})
			assert.Equal(t, tc.want, a.Verdict, a.Reason)
			assert.Len(t, a.Transactions, tc.found)
			for _, ref := range []string{"pay1", "DEP1"} {
				assert.NotZero(t, s.times("/v2/payments?clientReferenceId="+ref), ref)
			}
		})
	}
}

func TestAnIDThatPivotDoesNotKnowIsFollowedByTheReference(t *testing.T) {
	t.Parallel()
	q := byID
	c, _ := stubbed(t, map[string]string{"/v2/payments?clientReferenceId=DEP1": list(sessionJSON("EXPIRED", "null", ""))})
	assert.Equal(t, provider.Found, c.Status(t.Context(), q).Verdict)
	c, _ = stubbed(t, nil)
	assert.Equal(t, provider.Unknown, c.Status(t.Context(), q).Verdict)
	q.ProviderPaymentID = "not-a-uuid"
	a := c.Status(t.Context(), q)
	assert.Equal(t, provider.NotAskable, a.Verdict)
	assert.Contains(t, a.Reason, "uuid")
	a = c.Status(t.Context(), provider.Query{Kind: payment.Deposit, PaymentID: "with blank", Reference: ".."})
	assert.Equal(t, provider.NotAskable, a.Verdict)
	assert.Equal(t, provider.NotAskable, c.Status(t.Context(), provider.Query{}).Verdict)
}

// The codes are those of
// https://pivot-payment.gitbook.io/pivot-docs/api-references/api-information/errors
// and https://pivot-payment.gitbook.io/pivot-docs/api-references/api-lists/payout-local/response-codes-and-failure-reason.
func TestEveryErrorCodeHasItsVerdict(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body string
		want provider.Verdict
	}{
		"3 api_validation_error":                    {`400 {"code":"api_validation_error"}`, provider.Refused},
		"3 credentials_invalid":                     {`401 {"code":"credentials_invalid"}`, provider.Refused},
		"3 resource_not_complete":                   {`403 {"code":"resource_not_complete"}`, provider.Refused},
		"3 forbidden_access":                        {`403 {"code":"forbidden_access"}`, provider.Refused},
		"3 not_found is the route, not the payment": {`404 {"code":"not_found"}`, provider.Refused},
		"a proxy's 404":                             {`404 <html>`, provider.Refused},
		"3 resource_missing":                        {`404 {"code":"resource_missing","error":{"type":"GATEWAY_ERROR","source":"x"}}`, provider.Unknown},
		"3 resource_missing under another status":   {`400 {"code":"resource_missing"}`, provider.Unknown},
		"3 resource_missing under 200":              {`{"code":"resource_missing"}`, provider.Unknown},
		"resource_missing under 500 is a fault":     {`500 {"code":"resource_missing"}`, provider.NoAnswer},
		"3 frequency_above_limit":                   {`429 {"code":"frequency_above_limit"}`, provider.NoAnswer},
		"3 time-out":                                {`408 {}`, provider.NoAnswer},
		"3 internal_error":                          {`500 {"code":"internal_error"}`, provider.NoAnswer},
		"3 bad_gateway":                             {`502 <html>`, provider.NoAnswer},
		"3 gateway_timeout":                         {`504 {"code":"gateway_timeout"}`, provider.NoAnswer},
		"3 general_error under 400":                 {`400 {"code":"general_error"}`, provider.NoAnswer},
		"3 payouts_in_process":                      {`409 {"code":"payouts_in_process"}`, provider.NoAnswer},
		"3 service_unavailable":                     {`503 {"code":"service_unavailable"}`, provider.NoAnswer},
		"3 service_unavailable under 400":           {`400 {"code":"service_unavailable"}`, provider.NoAnswer},
		"3 bad_gateway by its code":                 {`502 {"code":"bad_gateway"}`, provider.NoAnswer},
		"3 frequency_above_limit under 400":         {`400 {"code":"frequency_above_limit"}`, provider.NoAnswer},
		"3 method not allowed":                      {`405 {"code":"method_not_allowed"}`, provider.Refused},
		"3 unprocessable_entity":                    {`422 {"code":"unprocessable_entity"}`, provider.Refused},
		"3 duplicate_error is of a creation":        {`409 {"code":"duplicate_error"}`, provider.Refused},
		"3 idempotency_error is of a creation":      {`409 {"code":"idempotency_error"}`, provider.Refused},
		"3 resource_already_exists is too":          {`409 {"code":"resource_already_exists"}`, provider.Refused},
		"3 field_format_invalid":                    {`400 {"code":"field_format_invalid"}`, provider.Refused},
		"3 field_required":                          {`400 {"code":"field_required"}`, provider.Refused},
		"3 format_invalid":                          {`400 {"code":"format_invalid"}`, provider.Refused},
		"3 unsupported_channel_code":                {`400 {"code":"unsupported_channel_code"}`, provider.Refused},
		"3 amount_below_limit":                      {`400 {"code":"amount_below_limit"}`, provider.Refused},
		"3 amount_above_limit":                      {`400 {"code":"amount_above_limit"}`, provider.Refused},
		"3 daily_payout_limit_exceeded":             {`400 {"code":"daily_payout_limit_exceeded"}`, provider.Refused},
		"3 balance_insufficient":                    {`400 {"code":"balance_insufficient"}`, provider.Refused},
		"3 insufficient_fund":                       {`400 {"code":"insufficient_fund"}`, provider.Refused},
		"3 its misspelt invalid recipient":          {`400 {"code":"invalid_rec` + `epient"}`, provider.Refused},
		"3 traceId in its other spelling":           {`400 {"code":"api_validation_error","error":{"type":"PARTNER_ERROR","details":[],"trace_id":"1"}}`, provider.Refused},
		"3 a numeric code of old":                   {`400 {"code":"400100001"}`, provider.Refused},
		"half a body":                               {`{"code":"00","data":{"id"`, provider.NoAnswer},
		"a page under 200":                          {`<html>`, provider.NoAnswer},
		"no code":                                   {`{"data":{}}`, provider.NoAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := stubbed(t, map[string]string{"/v2/payments/" + sessionID: tc.body})
			a := c.Status(t.Context(), provider.Query{Kind: payment.Deposit, ProviderPaymentID: sessionID})
			assert.Equal(t, tc.want, a.Verdict, a.Reason)
			assert.NotEmpty(t, a.Reason)
		})
	}
}

func TestTheRefundsAreReadOnceForAllDepositsAndTheirFailureIsNoZero(t *testing.T) {
	t.Parallel()
	paid := data(sessionJSON("PAID", charges(chargeJSON(chargeID, "SUCCESS", "")), ""))
	c, s := stubbed(t, map[string]string{"/v2/payments/" + sessionID: paid})
	for range 3 {
		a := c.Status(t.Context(), byID)
		require.Len(t, a.Transactions, 1)
		assert.Equal(t, idr(0), *a.Transactions[0].Refunded)
	}
	assert.Equal(t, 1, s.times("/v1/refunds"))

	for name, body := range map[string]string{
		"down": `503 {}`, "refused": `403 {"code":"forbidden_access"}`, "garbage": `{`,
		"unknown word":      list(`{"id":"r1","paymentSessionId":"` + sessionID + `","amount":{"value":"1.00","currency":"IDR"},"status":"MAYBE"}`),
		"unreadable amount": list(`{"id":"r1","paymentSessionId":"` + sessionID + `","amount":{"value":"1.001","currency":"IDR"},"status":"SUCCESS"}`),
		"other currency":    list(`{"id":"r1","paymentSessionId":"` + sessionID + `","amount":{"value":"1.00","currency":"USD"},"status":"SUCCESS"}`),
		"of no session":     list(`{"id":"r1","amount":{"value":"1.00","currency":"IDR"},"status":"SUCCESS"}`),
		"missing page":      listOf(1, 2, 2, `{"id":"r1","paymentSessionId":"x","amount":{"value":"1.00","currency":"IDR"},"status":"SUCCESS"}`),
	} {
		c, s := stubbed(t, map[string]string{"/v2/payments/" + sessionID: paid, "/v1/refunds": body})
		for range 2 {
			a := c.Status(t.Context(), byID)
			require.Equal(t, provider.Found, a.Verdict, name)
			assert.Nil(t, a.Transactions[0].Refunded, name)
		}
		assert.LessOrEqual(t, s.times("/v1/refunds"), 2, name) // the client below tries twice
	}
}
