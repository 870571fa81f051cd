package pawapay

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
