package pawapay

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/payment"
	"tieout/internal/provider"
)

func refundAnswer(id, status, amount, currency string) string {
	return fmt.Sprintf(`{"status":"FOUND","data":{"refundId":%q,"status":%q,"amount":%q,"currency":%q,"recipient":{"accountDetails":{"phoneNumber":"260763000111"}}}}`, id, status, amount, currency)
}

func TestRefundsAreAddedUpWhereTheirIDsAreKnown(t *testing.T) {
	t.Parallel()
	const a, b = "/v2/refunds/" + refundA, "/v2/refunds/" + refundB
	unknown := `{"status":"NOT_FOUND"}`
	for _, tc := range []struct {
		name    string
		answers paths
		ids     []string
		verdict provider.Verdict
		want    string
	}{
		{"both completed", paths{a: refundAnswer(refundA, "COMPLETED", "30.0000", "ZMW"), b: refundAnswer(refundB, "COMPLETED", "0.5", "ZMW")}, []string{refundA, refundB}, provider.Found, "30.50"},
		{"one twice in another spelling", paths{a: refundAnswer(refundA, "COMPLETED", "30", "ZMW")}, []string{refundA, strings.ToUpper(refundA)}, provider.Found, "30.00"},
		{"open and failed ones move nothing", paths{a: refundAnswer(refundA, "ENQUEUED", "30", "ZMW"), b: refundAnswer(refundB, "FAILED", "5", "ZMW")}, []string{refundA, refundB}, provider.Found, "0.00"},
		{"one never accepted", paths{a: unknown}, []string{refundA}, provider.Found, "0.00"},
		{"one in another currency", paths{a: refundAnswer(refundA, "COMPLETED", "30", "USD")}, []string{refundA}, provider.Invalid, ""},
		{"one with an unknown word", paths{a: refundAnswer(refundA, "DONE", "30", "ZMW")}, []string{refundA}, provider.Invalid, ""},
		{"one unreadable", paths{a: "<html>", b: refundAnswer(refundB, "COMPLETED", "5", "ZMW")}, []string{refundB, refundA}, provider.NoAnswer, ""},
		{"one that is no UUID", paths{}, []string{"R-1"}, provider.NoAnswer, ""},
		{"one refused", paths{}, []string{refundA}, provider.Refused, ""},
		{"another refund's answer", paths{a: refundAnswer(refundB, "COMPLETED", "30", "ZMW")}, []string{refundA}, provider.Invalid, ""},
	} {
		t.Run("section 16: "+tc.name, func(t *testing.T) {
			t.Parallel()
			tc.answers["/v2/deposits/"+testID] = found(`"status":"COMPLETED","amount":"250","currency":"ZMW"`)
			c := newTestClient(t, tc.answers, nil)
			q := depositQuery()
			q.RefundIDs = tc.ids
			got := c.Status(context.Background(), q)
			require.Equal(t, tc.verdict.String(), got.Verdict.String(), got.Reason)
			if tc.verdict != provider.Found {
				assert.Contains(t, got.Reason, "refund")
				assert.Empty(t, got.Transactions)
				return
			}
			require.NotNil(t, got.Transactions[0].Refunded)
			assert.Equal(t, tc.want, got.Transactions[0].Refunded.String())
		})
	}
}

func TestRefundsOfAPaymentThatDidNotCompleteAreNotAskedFor(t *testing.T) {
	t.Parallel()
	c := newTestClient(t, paths{"/v2/deposits/" + testID: found(`"status":"FAILED","amount":"250","currency":"ZMW"`)}, nil)
	q := depositQuery()
	q.RefundIDs = []string{refundA}
	a := c.Status(context.Background(), q)
	require.Equal(t, provider.Found, a.Verdict, a.Reason)
	assert.Nil(t, a.Transactions[0].Refunded)
}

// The words are those of https://docs.pawapay.io/v2/api-reference/refunds/check-refund-status.
func TestOnlyACompletedRefundMovedMoney(t *testing.T) {
	t.Parallel()
	for word, status := range documentedWords {
		c := newTestClient(t, paths{
			"/v2/deposits/" + testID: found(`"status":"COMPLETED","amount":"250","currency":"ZMW"`),
			"/v2/refunds/" + refundA: refundAnswer(refundA, word, "30.0000", "ZMW"),
		}, nil)
		q := depositQuery()
		q.RefundIDs = []string{refundA}
		got := c.Status(t.Context(), q)
		require.Equal(t, provider.Found, got.Verdict, got.Reason)
		want := "0.00"
		if status == payment.Completed {
			want = "30.00"
		}
		assert.Equal(t, want, got.Transactions[0].Refunded.String(), word)
		assert.Equal(t, payment.Completed, got.Transactions[0].Status, "section 16: the deposit stays completed")
	}
}
