package pivot

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/payment"
	"tieout/internal/provider"
)

const (
	itemURI   = "/v1/payouts/" + batchID + "?referenceId=WD-1"
	batchURI  = "/v1/payouts/" + batchID
	singleURI = "/v1/payouts/WD-1?type=single"
)

var payoutByID = provider.Query{Kind: payment.Payout, PaymentID: "pay1", ProviderPaymentID: batchID, Reference: "WD-1"}

// The words are those of
// https://pivot-payment.gitbook.io/pivot-docs/payouts/state-and-status/domestic-payout
// and https://pivot-payment.gitbook.io/pivot-docs/api-references/api-lists/payout-local/response-codes-and-failure-reason.
func TestEveryDocumentedPayoutStatusIsNormalised(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		item, reason, batch string
		want                payment.Status
		action              payment.Action
		code                string
		group               payment.FailureGroup
		raw                 string
	}{
		"7.4 IN_PROGRESS, none":        {batch: "IN_PROGRESS", want: payment.Pending, raw: "IN_PROGRESS"},
		"7.4 IN PROGRESS, APPROVED":    {item: "APPROVED", batch: "IN PROGRESS", want: payment.Pending, raw: "APPROVED"},
		"7.4 PENDING, APPROVED":        {item: "APPROVED", batch: "PENDING", want: payment.Pending, action: payment.ActionTopUp, raw: "PENDING/APPROVED"},
		"7.4 short of balance, a word": {item: "APPROVED", reason: "Insufficient Balance", batch: "IN_PROGRESS", want: payment.Pending, action: payment.ActionTopUp, code: "INSUFFICIENT_BALANCE", group: payment.FailureConfiguration, raw: "APPROVED"},
		"7.4 DONE, PENDING":            {item: "PENDING", want: payment.Pending, raw: "PENDING"},
		"7.4 DONE, PROCESSING":         {item: "PROCESSING", want: payment.Pending, raw: "PROCESSING"},
		"7.4 DONE, DELAYED":            {item: "DELAYED", want: payment.Pending, raw: "DELAYED"},
		"7.4 DONE, SUCCESS":            {item: "SUCCESS", want: payment.Completed, raw: "SUCCESS"},
		"7.4 DONE, FAILED":             {item: "FAILED", reason: "INACTIVE ACCOUNT", want: payment.Failed, code: "INACTIVE_ACCOUNT", group: payment.FailureCustomer, raw: "FAILED"},
		"7.4 bank network":             {item: "FAILED", reason: "Failed to process by Bank Network", want: payment.Failed, code: "BANK_NETWORK_FAILED", group: payment.FailureProvider, raw: "FAILED"},
		"7.4 not allowed":              {item: "FAILED", reason: "Feature not allowed at this time", want: payment.Failed, code: "FEATURE_NOT_ALLOWED", group: payment.FailureConfiguration, raw: "FAILED"},
		"7.4 another reason":           {item: "FAILED", reason: "Mercury retrograde", want: payment.Failed, group: payment.FailureUnknown, raw: "FAILED"},
		"7.4 REJECTED":                 {item: "REJECTED", want: payment.Rejected, raw: "REJECTED"},
		"7.4 CANCELLED":                {item: "CANCELLED", want: payment.Cancelled, raw: "CANCELLED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, s := stubbed(t, map[string]string{
				itemURI:  itemOfBatch(itemJSON(tc.item, tc.reason)),
				batchURI: data(`{"uuid":"` + batchID + `","status":"` + tc.batch + `","payouts":[]}`),
			})
			a := c.Status(t.Context(), payoutByID)
			require.Equal(t, provider.Found, a.Verdict, a.Reason)
			require.Len(t, a.Transactions, 1)
			got := a.Transactions[0]
			assert.Equal(t, tc.want, got.Status)
			assert.Equal(t, tc.action, got.NeedsAction)
			assert.Equal(t, tc.code, got.FailureCode)
			assert.Equal(t, tc.group, got.FailureGroup)
			assert.Equal(t, tc.raw, got.RawStatus)
			assert.Equal(t, batchID+"/WD-1", got.Key())
			assert.Equal(t, "WD-1", got.OwnID)
			assert.Equal(t, "099966660002", got.Account, "7.3: leading zeros matter")
			assert.Equal(t, idr(75000), got.Amount)
			assert.Nil(t, got.Refunded)
			if tc.want.Final() {
				assert.Equal(t, time.Date(2025, 11, 3, 3, 0, 11, 0, time.UTC), got.CompletedAt)
			}
			assert.Equal(t, 1, s.times(batchURI)-s.times(itemURI), "the batch is asked for once")
		})
	}
}

func TestAPayoutIsFoundByEitherReferenceOfItsBatchOrByItsReferenceAlone(t *testing.T) {
	t.Parallel()
	down := `503 {"code":"service_unavailable"}`
	single := data("[" + itemJSON("SUCCESS", "") + "]")
	alone := payoutByID
	alone.ProviderPaymentID = ""
	for name, tc := range map[string]struct {
		q       provider.Query
		answers map[string]string
		want    provider.Verdict
		key     string
	}{
		"by the reference in the batch": {payoutByID, map[string]string{itemURI: itemOfBatch(itemJSON("SUCCESS", ""))}, provider.Found, batchID + "/WD-1"},
		"by our id in the batch": {
			provider.Query{Kind: payment.Payout, PaymentID: "WD-1", ProviderPaymentID: batchID, Reference: "ORDER 9"},
			map[string]string{itemURI: itemOfBatch(itemJSON("SUCCESS", ""))},
			provider.Found, batchID + "/WD-1",
		},
		"by our id after the reference": {
			provider.Query{Kind: payment.Payout, PaymentID: "WD-1", ProviderPaymentID: batchID, Reference: "ORDER9"},
			map[string]string{itemURI: itemOfBatch(itemJSON("SUCCESS", ""))},
			provider.Found, batchID + "/WD-1",
		},
		"payouts as an array":            {payoutByID, map[string]string{itemURI: itemOfBatch("[" + itemJSON("SUCCESS", "") + "]")}, provider.Found, batchID + "/WD-1"},
		"in another batch than noted":    {payoutByID, map[string]string{singleURI: single}, provider.Found, "WD-1"},
		"without a batch":                {alone, map[string]string{singleURI: single}, provider.Found, "WD-1"},
		"without a batch, as an object":  {alone, map[string]string{singleURI: data(itemJSON("SUCCESS", ""))}, provider.Found, "WD-1"},
		"nowhere":                        {payoutByID, nil, provider.Unknown, ""},
		"nowhere, without a batch":       {alone, nil, provider.Unknown, ""},
		"an empty array":                 {alone, map[string]string{singleURI: data("[]")}, provider.Unknown, ""},
		"null":                           {alone, map[string]string{singleURI: data("null")}, provider.NoAnswer, ""},
		"the batch is silent":            {payoutByID, map[string]string{itemURI: down}, provider.NoAnswer, ""},
		"our id is silent":               {alone, map[string]string{singleURI: single, "/v1/payouts/pay1?type=single": down}, provider.NoAnswer, ""},
		"another batch answers":          {payoutByID, map[string]string{itemURI: data(`{"uuid":"` + sessionID + `","payouts":` + itemJSON("SUCCESS", "") + `}`)}, provider.Invalid, ""},
		"another item answers":           {provider.Query{Kind: payment.Payout, ProviderPaymentID: batchID, Reference: "WD-2"}, map[string]string{"/v1/payouts/" + batchID + "?referenceId=WD-2": itemOfBatch(itemJSON("SUCCESS", ""))}, provider.Invalid, ""},
		"another reference answers":      {provider.Query{Kind: payment.Payout, Reference: "WD-2"}, map[string]string{"/v1/payouts/WD-2?type=single": single}, provider.Invalid, ""},
		"payouts is missing":             {payoutByID, map[string]string{itemURI: data(`{"uuid":"` + batchID + `"}`)}, provider.Invalid, ""},
		"an amount that IDR can't hold":  {payoutByID, map[string]string{itemURI: itemOfBatch(`{"referenceId":"WD-1","amount":{"currency":"IDR","value":"1.005"},"status":"SUCCESS"}`)}, provider.Invalid, ""},
		"an unknown word":                {payoutByID, map[string]string{itemURI: itemOfBatch(itemJSON("ON_HOLD", ""))}, provider.Invalid, ""},
		"an unknown word of the batch":   {payoutByID, map[string]string{itemURI: itemOfBatch(itemJSON("APPROVED", "")), batchURI: data(`{"status":"ON_HOLD","payouts":[]}`)}, provider.Invalid, ""},
		"the batch's status is silent":   {payoutByID, map[string]string{itemURI: itemOfBatch(itemJSON("APPROVED", "")), batchURI: down}, provider.NoAnswer, ""},
		"no reference at all":            {provider.Query{Kind: payment.Payout, ProviderPaymentID: batchID}, nil, provider.NotAskable, ""},
		"an id that can't exist":         {provider.Query{Kind: payment.Payout, ProviderPaymentID: "42", Reference: "WD-1"}, nil, provider.NotAskable, ""},
		"a reference that is a path too": {provider.Query{Kind: payment.Payout, Reference: "balance"}, nil, provider.NotAskable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := stubbed(t, tc.answers)
			a := c.Status(t.Context(), tc.q)
			require.Equal(t, tc.want, a.Verdict, a.Reason)
			if tc.key != "" {
				require.Len(t, a.Transactions, 1)
				assert.Equal(t, tc.key, a.Transactions[0].Key())
			}
		})
	}
}

func TestPayoutsOfOneReferenceInSeveralBatchesStayApart(t *testing.T) {
	t.Parallel()
	newer := `{"referenceId":"WD-1","amount":{"currency":"IDR","value":"75000"},"status":"SUCCESS","created":"2025-11-03T05:00:00Z"}`
	c, _ := stubbed(t, map[string]string{singleURI: data("[" + newer + "," + itemJSON("FAILED", "") + "]")})
	a := c.Status(t.Context(), provider.Query{Kind: payment.Payout, Reference: "WD-1"})
	require.Len(t, a.Transactions, 2, a.Reason)
	assert.Equal(t, "WD-1", a.Transactions[0].Key())
	assert.Equal(t, payment.Failed, a.Transactions[0].Status)
	assert.Equal(t, "WD-1#2", a.Transactions[1].Key())
}
