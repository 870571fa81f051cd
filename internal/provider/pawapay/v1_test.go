package pawapay

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
)

func TestTheFirstAPIIsReadInItsOwnShape(t *testing.T) {
	t.Parallel()
	const id = "2c6d3f0e-87a4-4f6c-8f8e-3b1f7a2c9d44"
	// Section 17, the example.
	c := newTestClient(t, paths{
		"/deposits/" + id:      `[{"depositId":"2c6d3f0e-87a4-4f6c-8f8e-3b1f7a2c9d44","status":"COMPLETED","requestedAmount":"75.00","depositedAmount":"74.50","currency":"ZMW","country":"ZMB","correspondent":"AIRTEL_OAPI_ZMB","payer":{"type":"MSISDN","address":{"value":"260973000333"}},"customerTimestamp":"2025-02-01T06:00:00Z","statementDescription":"Kasama Books","created":"2025-02-01T06:00:01Z","respondedByPayer":"2025-02-01T06:00:19Z","correspondentIds":{"AIRTEL_INIT":"X","AIRTEL_FINAL":"MP2502010600"},"metadata":{"orderId":"KB-0100"}}]`,
		"/deposits/" + testID:  `[]`,
		"/deposits/" + refundA: `[{},{}]`,
		"/deposits/" + refundB: `{"status":"NOT_FOUND"}`,
		"/payouts/" + testID:   `[{"payoutId":"` + testID + `","status":"FAILED","amount":"75","currency":"ZMW","recipient":{"address":{"value":"260973000333"}},"failureReason":{"failureCode":"RECIPIENT_NOT_ALLOWED_TO_RECEIVE"}}]`,
	}, map[string]string{"api_version": "1"})
	ask := func(kind payment.Kind, id string) provider.Answer {
		return c.Status(context.Background(), provider.Query{Kind: kind, PaymentID: id})
	}

	a := ask(payment.Deposit, id)
	require.Equal(t, provider.Found, a.Verdict, a.Reason)
	assert.Equal(t, payment.Transaction{
		Kind: payment.Deposit, ID: id, OwnID: id, NetworkReference: "MP2502010600", Status: payment.Completed, RawStatus: "COMPLETED",
		Amount:  money.Amount{Minor: 7500, Exp: 2, Currency: "ZMW"},
		Settled: &money.Amount{Minor: 7450, Exp: 2, Currency: "ZMW"},
		Account: "260973000333", Metadata: map[string]string{"orderId": "KB-0100"},
		CreatedAt:   time.Date(2025, 2, 1, 6, 0, 1, 0, time.UTC),
		CompletedAt: time.Date(2025, 2, 1, 6, 0, 19, 0, time.UTC),
	}, a.Transactions[0])

	assert.Equal(t, provider.Unknown, ask(payment.Deposit, testID).Verdict, "the empty list is v1's not found")
	assert.Equal(t, provider.Invalid, ask(payment.Deposit, refundA).Verdict, "two objects for one id")
	assert.Equal(t, provider.NoAnswer, ask(payment.Deposit, refundB).Verdict, "v2's shape is none of v1's words")
	a = ask(payment.Payout, testID)
	require.Equal(t, provider.Found, a.Verdict, a.Reason)
	assert.Equal(t, payment.FailureCustomer, a.Transactions[0].FailureGroup)
	assert.Equal(t, "260973000333", a.Transactions[0].Account)

	reach, err := c.List(context.Background(), provider.ListQuery{Kind: payment.Deposit}, nil)
	require.NoError(t, err)
	assert.False(t, reach.Complete)
	assert.Contains(t, reach.Why, "no statements")
}

func TestErrorsOfTheFirstAPIAreReadFromTheirOwnFields(t *testing.T) {
	t.Parallel()
	c := newTestClient(t, says(401, `{"errorId":"1","errorCode":"AUTHENTICATION_ERROR","errorMessage":"no"}`), map[string]string{"api_version": "1"})
	a := c.Status(context.Background(), depositQuery())
	assert.Equal(t, provider.Refused, a.Verdict)
	assert.Contains(t, a.Reason, "AUTHENTICATION_ERROR")
}

// The words are those of
// https://docs.pawapay.io/v1/api-reference/deposits/check-deposit-status,
// https://docs.pawapay.io/v1/api-reference/payouts/check-payout-status.
func TestTheFirstAPIsWordsAreNormalised(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]payment.Status{
		"ACCEPTED": payment.Pending, "SUBMITTED": payment.Pending, "ENQUEUED": payment.Pending, "COMPLETED": payment.Completed, "FAILED": payment.Failed,
		"REJECTED": "", "DUPLICATE_IGNORED": "",
	} {
		for _, kind := range []payment.Kind{payment.Deposit, payment.Payout} {
			c := newTestClient(t, says(200, `[{"depositId":"`+testID+`","payoutId":"`+testID+`","status":"`+word+`","requestedAmount":"75.00","amount":"75.00","currency":"ZMW"}]`),
				map[string]string{"api_version": "1"})
			a := c.Status(t.Context(), provider.Query{Kind: kind, PaymentID: testID})
			assert.Equal(t, word, firstRaw(a))
			if want == "" {
				assert.Equal(t, provider.Invalid, a.Verdict, word)
				continue
			}
			require.Equal(t, provider.Found, a.Verdict, a.Reason)
			assert.Equal(t, want, a.Transactions[0].Status, word)
			assert.Nil(t, a.Transactions[0].Settled, "depositedAmount alone tells it")
		}
	}
}

func firstRaw(a provider.Answer) string {
	if len(a.Transactions) > 0 {
		return a.Transactions[0].RawStatus
	}
	return a.RawStatus
}
