package pawapay

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
)

func depositQuery() provider.Query {
	return provider.Query{Kind: payment.Deposit, PaymentID: testID}
}

func found(fields string) string {
	return fmt.Sprintf(`{"status":"FOUND","data":{"depositId":%q,"payoutId":%q,%s}}`, testID, testID, fields)
}

func TestStatusReadsEveryFieldOfADeposit(t *testing.T) {
	t.Parallel()
	// The page's example of a deposit, with the reference's own misspelling of phoneNumber.
	c := newTestClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "/v2/deposits/"+testID, r.URL.Path)
		assert.Equal(t, "Bearer "+testToken, r.Header.Get("Authorization"))
		_, _ = w.Write([]byte(`{"status":"FOUND","data":{"depositId":"0a3c7d52-9c0f-4a58-8b5f-0c1f5d0e7b11","status":"COMPLETED","amount":"250.0000","currency":"ZMW","country":"ZMB","payer":{"type":"MMO","accountDetails":{"phoneNUmber":"260763000111","provider":"MTN_MOMO_ZMB"}},"customerMessage":null,"clientReferenceId":"INV-20260311-17","created":"2026-03-11T08:14:05Z","providerTransactionId":"9912047731","failureReason":null,"metadata":{"orderId":"KB-7781","n":3},"grown":[1]}}`))
	}), nil)
	a := c.Status(context.Background(), depositQuery())
	require.Equal(t, provider.Found, a.Verdict, a.Reason)
	assert.Equal(t, []payment.Transaction{{
		Kind: payment.Deposit, ID: testID, OwnID: testID, Reference: "INV-20260311-17", NetworkReference: "9912047731",
		Status: payment.Completed, RawStatus: "COMPLETED", Amount: money.Amount{Minor: 25000, Exp: 2, Currency: "ZMW"},
		Account: "260763000111", Metadata: map[string]string{"orderId": "KB-7781", "n": "3"},
		CreatedAt: time.Date(2026, 3, 11, 8, 14, 5, 0, time.UTC),
	}}, a.Transactions)
}

// The words are those of
// https://docs.pawapay.io/v2/api-reference/deposits/check-deposit-status,
// https://docs.pawapay.io/v2/api-reference/payouts/check-payout-status,
// https://docs.pawapay.io/v2/api-reference/refunds/check-refund-status and
// https://docs.pawapay.io/dashboard/transactions/transaction_statuses; SUBMITTED
// is of https://docs.pawapay.io/testing_the_api.
var documentedWords = map[string]payment.Status{
	"ACCEPTED": payment.Pending, "ENQUEUED": payment.Pending, "SUBMITTED": payment.Pending, "PROCESSING": payment.Pending,
	"IN_RECONCILIATION": payment.Pending, "COMPLETED": payment.Completed, "FAILED": payment.Failed,
}

func TestStatusNormalisesEveryWord(t *testing.T) {
	t.Parallel()
	assert.Equal(t, documentedWords, statuses, "a word without a document, or a document without its word")
	type row struct {
		fields string
		want   payment.Status
		raw    string
	}
	rows := map[string]row{
		"PROCESSING, the customer is to be redirected": {`"status":"PROCESSING","nextStep":"REDIRECT_TO_AUTH_URL","authorizationUrl":"https://mmo.example/a"`, payment.Pending, "PROCESSING"},
		"PROCESSING, the address is being made":        {`"status":"PROCESSING","nextStep":"GET_AUTH_URL"`, payment.Pending, "PROCESSING"},
		"PROCESSING, nothing is left to do":            {`"status":"PROCESSING","nextStep":"FINAL_STATUS"`, payment.Pending, "PROCESSING"},
		"FAILED and cancelled":                         {`"status":"FAILED","failureReason":{"failureCode":"MANUALLY_CANCELLED"}`, payment.Cancelled, "FAILED/MANUALLY_CANCELLED"},
		"FAILED without a reason":                      {`"status":"FAILED","failureReason":null`, payment.Failed, "FAILED"},
		"a failure's code beside another word":         {`"status":"PROCESSING","failureReason":{"failureCode":"UNKNOWN_ERROR"}`, payment.Pending, "PROCESSING"},
	}
	for word, want := range documentedWords {
		rows[word] = row{`"status":"` + word + `"`, want, word}
	}
	for name, tc := range rows {
		for _, kind := range []payment.Kind{payment.Deposit, payment.Payout} {
			t.Run("section 8: "+name+" of a "+string(kind), func(t *testing.T) {
				t.Parallel()
				c := newTestClient(t, says(200, found(tc.fields+`,"amount":"15","currency":"ZMW"`)), nil)
				a := c.Status(context.Background(), provider.Query{Kind: kind, PaymentID: testID})
				require.Equal(t, provider.Found, a.Verdict, a.Reason)
				assert.Equal(t, tc.want, a.Transactions[0].Status)
				assert.Equal(t, tc.raw, a.Transactions[0].RawStatus)
				assert.Empty(t, a.Transactions[0].NeedsAction, "nothing at pawaPay waits for the merchant")
				assert.Nil(t, a.Transactions[0].Fee, "answers state no fee")
				assert.Nil(t, a.Transactions[0].Settled, "answers state no settled amount")
				assert.Nil(t, a.Transactions[0].Refunded, "without refund ids nothing tells refunds")
				assert.True(t, a.Transactions[0].CompletedAt.IsZero(), "answers state no time of completion")
			})
		}
	}
}

// The words of an initiation (https://docs.pawapay.io/v2/api-reference/deposits/initiate-deposit),
// of the look-up and of networks are none of a payment's, nor is one in another case.
func TestWordsOfOtherThingsAreNoStatus(t *testing.T) {
	t.Parallel()
	for _, word := range []string{
		"REJECTED", "DUPLICATE_IGNORED", "FOUND", "NOT_FOUND", "EXPIRED", "REVERSED", "CANCELLED", "OPERATIONAL", "DELAYED", "CLOSED", "completed", "failed", "HELD",
	} {
		c := newTestClient(t, says(200, found(`"status":"`+word+`","amount":"15","currency":"ZMW"`)), nil)
		a := c.Status(t.Context(), depositQuery())
		assert.Equal(t, provider.Invalid, a.Verdict, word)
		assert.Equal(t, word, a.RawStatus)
		assert.Empty(t, a.Transactions, word)
	}
}

// The codes are those of https://docs.pawapay.io/v2/docs/failure_codes, and the
// first API's names of
// https://docs.pawapay.io/v1/api-reference/deposits/check-deposit-status,
// https://docs.pawapay.io/v1/api-reference/payouts/check-payout-status and
// https://docs.pawapay.io/v1/api-reference/refunds/check-refund-status.
var documentedCodes = map[payment.FailureGroup]string{
	payment.FailureCustomer: `INVALID_PHONE_NUMBER
		PAYMENT_NOT_APPROVED INSUFFICIENT_BALANCE PAYMENT_IN_PROGRESS PAYER_NOT_FOUND PAYER_LIMIT_REACHED
		RECIPIENT_NOT_FOUND WALLET_LIMIT_REACHED RECIPIENT_LIMIT_REACHED
		INVALID_PAYER_FORMAT INVALID_RECIPIENT_FORMAT TRANSACTION_ALREADY_IN_PROCESS RECIPIENT_NOT_ALLOWED_TO_RECEIVE`,
	payment.FailureProvider: `PROVIDER_TEMPORARILY_UNAVAILABLE UNSPECIFIED_FAILURE UNKNOWN_ERROR
		CORRESPONDENT_TEMPORARILY_UNAVAILABLE OTHER_ERROR`,
	payment.FailureConfiguration: `NO_AUTHENTICATION AUTHENTICATION_ERROR AUTHORISATION_ERROR HTTP_SIGNATURE_ERROR
		INVALID_INPUT MISSING_PARAMETER UNSUPPORTED_PARAMETER INVALID_PARAMETER DUPLICATE_METADATA_FIELD
		DEPOSITS_NOT_ALLOWED PAYOUTS_NOT_ALLOWED REFUNDS_NOT_ALLOWED REMITTANCES_NOT_ALLOWED SPLIT_PAYMENTS_NOT_ALLOWED
		INVALID_CURRENCY INVALID_PROVIDER INVALID_AMOUNT AMOUNT_OUT_OF_BOUNDS PAWAPAY_WALLET_OUT_OF_FUNDS
		NOT_FOUND INVALID_STATE AMOUNT_TOO_LARGE DEPOSIT_ALREADY_REFUNDED REFUND_IN_PROGRESS
		INVALID_CALLBACK_URL INVALID_DATE_RANGE WALLET_NOT_FOUND PAYOUT_EXCEEDS_DEPOSIT MANUALLY_CANCELLED
		AMOUNT_TOO_SMALL INVALID_CORRESPONDENT BALANCE_INSUFFICIENT DEPOSIT_NOT_FOUND DEPOSIT_NOT_COMPLETED ALREADY_REFUNDED IN_PROGRESS PARAMETER_INVALID`,
	// The list grows, and an unknown code is kept as it is.
	payment.FailureUnknown: `A_CODE_OF_TOMORROW unspecified_failure`,
}

func TestStatusGroupsFailureCodes(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	for group, codes := range documentedCodes {
		for _, code := range strings.Fields(codes) {
			if group != payment.FailureUnknown {
				documented[code] = true
			}
			t.Run("section 9: "+code, func(t *testing.T) {
				t.Parallel()
				c := newTestClient(t, says(200, found(fmt.Sprintf(`"status":"FAILED","amount":"15","currency":"ZMW","failureReason":{"failureCode":%q,"failureMessage":"Why."}`, code))), nil)
				a := c.Status(context.Background(), provider.Query{Kind: payment.Payout, PaymentID: testID})
				require.Equal(t, provider.Found, a.Verdict, a.Reason)
				got := a.Transactions[0]
				want := payment.Failed
				if code == "MANUALLY_CANCELLED" {
					want = payment.Cancelled
				}
				assert.Equal(t, want, got.Status, "an unknown code on a failed payment is still a failed payment")
				assert.Equal(t, []string{code, "Why.", "FAILED/" + code}, []string{got.FailureCode, got.FailureMessage, got.RawStatus})
				assert.Equal(t, group, got.FailureGroup)
			})
		}
	}
	for code := range failureGroups {
		assert.True(t, documented[code], "%s is grouped and not documented", code)
	}
	assert.Equal(t, payment.FailureUnknown, groupOf(""))
}

func TestStatusGivesTheVerdictThatTheAnswerDeserves(t *testing.T) {
	t.Parallel()
	const ok = `"amount":"15","currency":"ZMW"`
	for _, tc := range []struct {
		name   string
		status int
		body   string
		want   provider.Verdict
		reason string // part of it
	}{
		{"section 6: NOT_FOUND is positive", 200, `{"status":"NOT_FOUND"}`, provider.Unknown, "does not know"},
		{"section 6: NOT_FOUND with null data", 200, `{"status":"NOT_FOUND","data":null}`, provider.Unknown, "does not know"},
		{"NOT_FOUND with data contradicts itself", 200, `{"status":"NOT_FOUND","data":{"status":"COMPLETED"}}`, provider.Invalid, "NOT_FOUND"},
		{"section 6: another envelope word is never not found", 200, `{"status":"REJECTED"}`, provider.NoAnswer, "REJECTED"},
		{"section 10: a rejected look-up with its code", 200, `{"status":"REJECTED","failureReason":{"failureCode":"UNKNOWN_ERROR"}}`, provider.NoAnswer, "UNKNOWN_ERROR"},
		{"FOUND without data", 200, `{"status":"FOUND"}`, provider.Invalid, "no data"},
		{"data is a list", 200, `{"status":"FOUND","data":[]}`, provider.Invalid, "no object"},
		{"section 10: an empty 200 is no answer", 200, ``, provider.NoAnswer, "no JSON"},
		{"HTML under 200", 200, `<html>Welcome</html>`, provider.NoAnswer, "no JSON"},
		{"half a body", 200, `{"status":"FOUND","data":{"sta`, provider.NoAnswer, "breaks off"},
		{"the first API's shape", 200, `[]`, provider.NoAnswer, "api_version"},
		{"section 8: an unknown word", 200, found(`"status":"HELD",` + ok), provider.Invalid, `"HELD"`},
		{"a status of the wrong type", 200, found(`"status":{"a":1},` + ok), provider.Invalid, "status"},
		{"no status", 200, found(ok), provider.Invalid, "status is missing"},
		{"section 21: another payment's id", 200, strings.ReplaceAll(found(`"status":"COMPLETED",`+ok), testID, refundA), provider.Invalid, "another deposit"},
		{"no id", 200, `{"status":"FOUND","data":{"status":"COMPLETED",` + ok + `}}`, provider.Invalid, "depositId is missing"},
		{"no amount", 200, found(`"status":"COMPLETED","currency":"ZMW"`), provider.Invalid, "amount"},
		{"no currency", 200, found(`"status":"COMPLETED","amount":"15"`), provider.Invalid, "currency"},
		{"section 7: a digit beyond the currency's decimals", 200, found(`"status":"COMPLETED","amount":"1500.50","currency":"UGX"`), provider.Invalid, "amount"},
		{"an unknown currency", 200, found(`"status":"COMPLETED","amount":"15","currency":"QQQ"`), provider.Invalid, "QQQ"},
		{"a negative amount", 200, found(`"status":"COMPLETED","amount":"-15","currency":"ZMW"`), provider.Invalid, "sign"},
		{"an amount with an exponent", 200, found(`"status":"COMPLETED","amount":1e3,"currency":"ZMW"`), provider.Invalid, "amount"},
		{"an amount of the wrong type", 200, found(`"status":"COMPLETED","amount":{"value":"15"},"currency":"ZMW"`), provider.Invalid, "amount"},
		{"a time that is none", 200, found(`"status":"COMPLETED","created":"yesterday",` + ok), provider.Invalid, "created"},
		{"metadata that is a word", 200, found(`"status":"COMPLETED","metadata":"x",` + ok), provider.Invalid, ""},
		{"section 10: 400", 400, `{"failureReason":{"failureCode":"INVALID_PARAMETER"}}`, provider.Refused, "INVALID_PARAMETER"},
		{"section 2: 401 without a token", 401, `{"failureReason":{"failureCode":"NO_AUTHENTICATION"}}`, provider.Refused, "credentials.token"},
		{"section 2: 401 with a wrong token", 401, `{"status":"REJECTED","failureReason":{"failureCode":"AUTHENTICATION_ERROR"}}`, provider.Refused, "credentials.token"},
		{"section 2: 403 with a wrong token", 403, `{"failureReason":{"failureCode":"AUTHENTICATION_ERROR"}}`, provider.Refused, "credentials.token"},
		{"section 2: not allowed", 403, `{"failureReason":{"failureCode":"AUTHORISATION_ERROR"}}`, provider.Refused, "rights"},
		{"section 2: signature", 403, `{"failureReason":{"failureCode":"HTTP_SIGNATURE_ERROR"}}`, provider.Refused, "signature"},
		{"a gateway's 403", 403, `<html>`, provider.Refused, "refused access"},
		{"section 10: 404 is a wrong path, not NOT_FOUND", 404, `{"timestamp":"2026-03-11","status":404,"error":"Not Found"}`, provider.Refused, "base_url"},
		{"section 10: 405", 405, `{"timestamp":"2026-03-11","status":405,"error":"Method Not Allowed"}`, provider.Refused, "base_url"},
		{"section 9: 500 without a body", 500, ``, provider.NoAnswer, "500"},
		{"section 10: 503", 503, `<html>`, provider.NoAnswer, "503"},
		{"section 10: 504", 504, ``, provider.NoAnswer, "504"},
		{"a redirect", 302, ``, provider.Refused, "base_url"},
		{"section 10: 429", 429, ``, provider.NoAnswer, "429"},
		{"section 10: 500", 500, `{"failureReason":{"failureCode":"UNKNOWN_ERROR"}}`, provider.NoAnswer, "500"},
		{"section 10: 502 as HTML", 502, `<html>`, provider.NoAnswer, "502"},
		{"204", 204, ``, provider.NoAnswer, "204"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := newTestClient(t, says(tc.status, tc.body), nil)
			a := c.Status(context.Background(), depositQuery())
			assert.Equal(t, tc.want.String(), a.Verdict.String(), a.Reason)
			assert.Contains(t, a.Reason, tc.reason)
			assert.NotEmpty(t, a.Reason)
			assert.Empty(t, a.Transactions)
			assert.NotContains(t, a.Reason, testToken)
		})
	}
}

func TestAnUnknownStatusWordIsKeptBesideTheVerdict(t *testing.T) {
	t.Parallel()
	c := newTestClient(t, says(200, found(`"status":"HELD_BY_PARTNER","amount":"15","currency":"ZMW"`)), nil)
	assert.Equal(t, "HELD_BY_PARTNER", c.Status(context.Background(), depositQuery()).RawStatus)
}

func TestStatusAsksOnlyForWhatCanExist(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	c := newTestClient(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }), nil)
	for _, q := range []provider.Query{
		{Kind: payment.Deposit, PaymentID: "INV-17"},
		{Kind: payment.Deposit, PaymentID: ""},
		{Kind: payment.Deposit, PaymentID: testID, ProviderPaymentID: "../payouts/x"},
		{Kind: payment.Deposit, PaymentID: testID + "/"},
		{Kind: "topup", PaymentID: testID},
	} {
		a := c.Status(context.Background(), q)
		assert.Equal(t, provider.NotAskable, a.Verdict)
		assert.NotEmpty(t, a.Reason)
	}
	assert.Zero(t, calls.Load())
}

func TestStatusPrefersTheProviderPaymentIDAndAsksInLowerCase(t *testing.T) {
	t.Parallel()
	body := strings.ReplaceAll(found(`"status":"COMPLETED","amount":"15","currency":"ZMW"`), testID, refundA)
	c := newTestClient(t, paths{"/v2/payouts/" + refundA: body}, nil)
	a := c.Status(context.Background(), provider.Query{Kind: payment.Payout, PaymentID: "INV-17", ProviderPaymentID: strings.ToUpper(refundA)})
	require.Equal(t, provider.Found, a.Verdict, a.Reason)
	assert.Equal(t, refundA, a.Transactions[0].ID)
	a = c.Status(context.Background(), provider.Query{Kind: payment.Payout, PaymentID: strings.ToUpper(refundA)})
	require.Equal(t, provider.Found, a.Verdict, a.Reason)
	assert.Equal(t, strings.ToUpper(refundA), a.Transactions[0].OwnID, "the merchant finds its own spelling again")
}

func TestABrokenBodyIsAskedForAgain(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	c := newTestClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		body := found(`"status":"COMPLETED","amount":"15","currency":"ZMW"`)
		if calls.Add(1) == 1 {
			body = body[:40]
		}
		_, _ = w.Write([]byte(body))
	}), nil)
	a := c.Status(context.Background(), depositQuery())
	assert.Equal(t, provider.Found, a.Verdict, a.Reason)
	assert.EqualValues(t, 2, calls.Load())
}

func TestACancelledContextGivesNoAnswer(t *testing.T) {
	t.Parallel()
	c := newTestClient(t, says(200, `{"status":"NOT_FOUND"}`), nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	assert.Equal(t, provider.NoAnswer, c.Status(ctx, depositQuery()).Verdict)
}

func TestMetadataIsReadInAllShapes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		raw  string
		want map[string]string
	}{
		"object":             {`{"orderId":"X","paid":true,"n":1.50,"none":null,"deep":{"a": 1}}`, map[string]string{"orderId": "X", "paid": "true", "n": "1.50", "deep": `{"a":1}`}},
		"list of one-key":    {`[{"orderId":"X","isPII":true},{"n":2}]`, map[string]string{"orderId": "X", "n": "2"}},
		"field name / value": {`[{"fieldName":"orderId","fieldValue":"X","isPII":true}]`, map[string]string{"orderId": "X"}},
		"null":               {`null`, nil},
		"empty":              {`{}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newTestClient(t, says(200, found(`"status":"COMPLETED","amount":"15","currency":"ZMW","metadata":`+tc.raw)), nil)
			a := c.Status(context.Background(), depositQuery())
			require.Equal(t, provider.Found, a.Verdict, a.Reason)
			assert.Equal(t, tc.want, a.Transactions[0].Metadata)
		})
	}
}

func TestTimesAreReadInAllSpellings(t *testing.T) {
	t.Parallel()
	want := time.Date(2026, 3, 11, 8, 14, 5, 0, time.UTC)
	for _, s := range []string{"2026-03-11T08:14:05Z", "2026-03-11T08:14:05+00:00", "2026-03-11T11:14:05+03:00", "2026-03-11T08:14:05", "2026-03-11 08:14:05", "2026-03-11T08:14:05.000Z", "2026-03-11T08:14:05.000000"} {
		got, err := parseTime(s)
		require.NoError(t, err, s)
		assert.Equal(t, want, got, s)
	}
}

func TestConfiguredDecimalsMakeHundredthsGenuine(t *testing.T) {
	t.Parallel()
	c := newTestClient(t, says(200, found(`"status":"COMPLETED","amount":"1500.50","currency":"UGX"`)), nil)
	c.scale = money.Scale{"UGX": 2}
	a := c.Status(context.Background(), depositQuery())
	require.Equal(t, provider.Found, a.Verdict, a.Reason)
	assert.Equal(t, "1500.50", a.Transactions[0].Amount.String())
}

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	good := newTestClient(t, says(200, ""), nil)
	for name, s := range map[string]provider.Settings{
		"no token":     {HTTP: good.http},
		"no transport": {Credentials: map[string]string{"token": "x"}},
		"version":      {HTTP: good.http, Credentials: map[string]string{"token": "x"}, Options: map[string]string{"api_version": "3"}},
		"callback":     {HTTP: good.http, Credentials: map[string]string{"token": "x"}, Options: map[string]string{"statement_callback_url": "http://shop.example"}},
		"interval":     {HTTP: good.http, Credentials: map[string]string{"token": "x"}, Options: map[string]string{"statement_poll_interval": "soon"}},
		"key, no id":   {HTTP: good.http, Credentials: map[string]string{"token": "x", "signing_key": "y"}},
		"no key":       {HTTP: good.http, Credentials: map[string]string{"token": "x", "signing_key": "secret", "signing_key_id": "K"}},
		"wait":         {HTTP: good.http, Credentials: map[string]string{"token": "x"}, Options: map[string]string{"statement_wait": "-1s"}},
	} {
		_, err := Spec().New(s)
		require.Error(t, err, name)
		assert.NotContains(t, err.Error(), "secret", name)
	}
}
