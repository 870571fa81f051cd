package pesaswap

import (
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/money"
	"tieout/internal/payment"
)

func sample(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return string(raw)
}

func TestARetrievedPayoutIsReadInFull(t *testing.T) {
	t.Parallel()
	r, err := decoder{}.object(payment.Payout, obj(t, sample(t, "payout.json")), false, "")
	require.NoError(t, err)
	assert.Equal(t, payment.Transaction{
		Kind: payment.Payout, ID: "payout_7Qm2xV9bTfK4wZr8LcHd", OwnID: "payout_7Qm2xV9bTfK4wZr8LcHd",
		Reference: "WD-2026-000431", NetworkReference: "UHE4K2P9QT", Status: payment.Completed, RawStatus: "success",
		Amount: kes(125000), Account: "254712000431", CustomerID: "cus_wanjiku01", SavedMethodID: "pm_4fJt8sLz2QeWc6Ry1XoB",
		Metadata:  map[string]string{"orderId": "WD-2026-000431", "batch": "7"},
		CreatedAt: time.Date(2026, 8, 14, 9, 21, 7, 512e6, time.UTC),
	}, r.tx)
}

func TestARetrievedPaymentIsReadInFull(t *testing.T) {
	t.Parallel()
	r, err := decoder{}.object(payment.Deposit, obj(t, sample(t, "payment.json")), false, "")
	require.NoError(t, err)
	assert.Equal(t, payment.Transaction{
		Kind: payment.Deposit, ID: "pay_3LmNq8ZtXv5RbKw1YcGd", OwnID: "pay_3LmNq8ZtXv5RbKw1YcGd",
		Reference: "INV-88172", NetworkReference: "UHE3J8M1QK", Status: payment.Completed, RawStatus: "succeeded",
		Amount: kes(10050), Settled: ptr(kes(10000)), Refunded: ptr(kes(0)), CustomerID: "cus_otieno77",
		Metadata:  map[string]string{"orderId": "INV-88172"},
		CreatedAt: time.Date(2026, 8, 14, 8, 0, 11, 40e6, time.UTC), CompletedAt: time.Date(2026, 8, 14, 8, 0, 39, 771e6, time.UTC),
	}, r.tx)
}

// The words are those of PayoutStatus and IntentStatus in
// https://github.com/juspay/hyperswitch/blob/main/crates/common_enums/src/enums.rs,
// whose methods say which are final; see also testdata/hyperswitch.json.
func TestEachStatusWordHasItsMeaning(t *testing.T) {
	t.Parallel()
	tried := map[payment.Kind][]string{payment.Deposit: {wordConflicted}}
	for _, tc := range []struct {
		kind   payment.Kind
		word   string
		status payment.Status
		action payment.Action
	}{
		{payment.Payout, "requires_creation", payment.Pending, ""},
		{payment.Payout, "requires_confirmation", payment.Created, payment.ActionConfirm},
		{payment.Payout, "requires_payout_method_data", payment.Created, payment.ActionMethod},
		{payment.Payout, "requires_vendor_account_creation", payment.Pending, payment.ActionMethod},
		{payment.Payout, "requires_fulfillment", payment.Pending, ""},
		{payment.Payout, "initiated", payment.Pending, ""},
		{payment.Payout, "pending", payment.Pending, ""},
		{payment.Payout, "success", payment.Completed, ""},
		{payment.Payout, "failed", payment.Failed, ""},
		{payment.Payout, "cancelled", payment.Cancelled, ""},
		{payment.Payout, "expired", payment.Expired, ""},
		{payment.Payout, "reversed", payment.Reversed, ""},
		{payment.Payout, "ineligible", payment.Pending, ""},
		{payment.Payout, "not_permitted", payment.Failed, ""},
		// conflicted has a test of its own
		{payment.Deposit, "requires_payment_method", payment.Created, ""},
		{payment.Deposit, "requires_confirmation", payment.Created, ""},
		{payment.Deposit, "requires_customer_action", payment.Pending, ""},
		{payment.Deposit, "requires_merchant_action", payment.Pending, payment.ActionReview},
		{payment.Deposit, "processing", payment.Pending, ""},
		{payment.Deposit, "requires_capture", payment.Pending, payment.ActionCapture},
		{payment.Deposit, "partially_authorized_and_requires_capture", payment.Pending, payment.ActionCapture},
		{payment.Deposit, "partially_captured_and_capturable", payment.Pending, ""},
		{payment.Deposit, "partially_captured_and_processing", payment.Pending, ""},
		{payment.Deposit, "succeeded", payment.Completed, ""},
		{payment.Deposit, "partially_captured", payment.Completed, ""},
		{payment.Deposit, "failed", payment.Failed, ""},
		{payment.Deposit, "cancelled", payment.Cancelled, ""},
		{payment.Deposit, "cancelled_post_capture", payment.Reversed, ""},
		{payment.Deposit, "expired", payment.Expired, ""},
		{payment.Deposit, "review", payment.Pending, payment.ActionReview},
	} {
		tried[tc.kind] = append(tried[tc.kind], tc.word)
		name := map[payment.Kind]string{payment.Payout: "payout.json", payment.Deposit: "payment.json"}[tc.kind]
		r, err := decoder{}.object(tc.kind, obj(t, with(t, sample(t, name), map[string]string{"status": `"` + tc.word + `"`})), false, "")
		require.NoError(t, err, tc.word)
		assert.Equal(t, tc.status, r.tx.Status, "%s %s", tc.kind, tc.word)
		assert.Equal(t, tc.action, r.tx.NeedsAction, "%s %s", tc.kind, tc.word)
		assert.Equal(t, tc.word, r.tx.RawStatus)
	}
	assert.ElementsMatch(t, slices.Collect(maps.Keys(payoutWords)), tried[payment.Payout])
	assert.ElementsMatch(t, slices.Collect(maps.Keys(depositWords)), tried[payment.Deposit])
}

func TestWordsOfTheOtherKindAndUnknownWordsAreNoStatus(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"succeeded", "processing", "settling", "SUCCESS"} {
		_, err := decoder{}.object(payment.Payout, obj(t, with(t, sample(t, "payout.json"), map[string]string{"status": `"` + word + `"`})), false, "")
		var f *flaw
		require.ErrorAs(t, err, &f, word)
		assert.Equal(t, word, f.rawStatus)
		assert.Contains(t, f.reason, word)
	}
}

func TestPayoutDetails(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change map[string]string
		check  func(*testing.T, payment.Transaction)
	}{
		"4.2 waits for the merchant where auto_fulfill is false": {
			map[string]string{"status": `"requires_fulfillment"`, "auto_fulfill": "false"},
			func(t *testing.T, tx payment.Transaction) { assert.Equal(t, payment.ActionFulfil, tx.NeedsAction) },
		},
		"4.1 error text beside pending is a failed question": {
			map[string]string{"status": `"pending"`, "error_code": `"500"`, "error_message": `"timed out"`},
			func(t *testing.T, tx payment.Transaction) {
				assert.Empty(t, tx.FailureCode)
				assert.Empty(t, tx.FailureMessage)
				assert.Equal(t, payment.Pending, tx.Status)
			},
		},
		"9.1 ineligible shows its reason": {
			map[string]string{"status": `"ineligible"`, "error_code": `"E7"`},
			func(t *testing.T, tx payment.Transaction) { assert.Equal(t, "E7", tx.FailureCode) },
		},
		"failed has code, message and group": {
			map[string]string{"status": `"failed"`, "error_code": `"2001"`, "error_message": `"wrong pin"`},
			func(t *testing.T, tx payment.Transaction) {
				assert.Equal(t, []string{"2001", "wrong pin", "unknown"}, []string{tx.FailureCode, tx.FailureMessage, string(tx.FailureGroup)})
				assert.False(t, tx.Revisable)
			},
		},
		"failed without the connector's code has the unified one": {
			map[string]string{"status": `"failed"`, "unified_code": `"UE_9000"`, "unified_message": `"Something went wrong"`},
			func(t *testing.T, tx payment.Transaction) { assert.Equal(t, "UE_9000", tx.FailureCode) },
		},
		"12 old servers have no reference, method or billing": {
			map[string]string{"merchant_order_reference_id": "", "payout_method_id": "", "billing": "", "connector_transaction_id": ""},
			func(t *testing.T, tx payment.Transaction) {
				assert.Empty(t, tx.Reference)
				assert.Equal(t, "254712000431", tx.Account, "the top-level phone stands in")
			},
		},
		"a bank account stays masked": {
			map[string]string{"payout_type": `"bank"`, "payout_method_data": `{"bank": {"account_number": "*****6789"}}`},
			func(t *testing.T, tx payment.Transaction) { assert.Equal(t, "*****6789", tx.Account) },
		},
		"a card has no account": {
			map[string]string{"payout_type": `"card"`},
			func(t *testing.T, tx payment.Transaction) { assert.Empty(t, tx.Account) },
		},
		"soft fields of the wrong type are left out": {
			map[string]string{"merchant_order_reference_id": "17", "metadata": `"x"`, "customer": "[]", "billing": "5", "created": `"yesterday"`},
			func(t *testing.T, tx payment.Transaction) {
				assert.Empty(t, tx.Reference)
				assert.Nil(t, tx.Metadata)
				assert.True(t, tx.CreatedAt.IsZero())
			},
		},
		"metadata keeps every kind of value as text": {
			map[string]string{"metadata": `{"n": 1.50, "b": true, "o": {"a": [1, 2]}, "z": null, "s": "a\u0000b"}`},
			func(t *testing.T, tx payment.Transaction) {
				assert.Equal(t, map[string]string{"n": "1.50", "b": "true", "o": `{"a":[1,2]}`, "s": "ab"}, tx.Metadata)
			},
		},
		"8 times in another zone are read": {
			map[string]string{"created": `"2026-08-14T12:21:07+03:00"`},
			func(t *testing.T, tx payment.Transaction) {
				assert.Equal(t, time.Date(2026, 8, 14, 9, 21, 7, 0, time.UTC), tx.CreatedAt)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := decoder{}.object(payment.Payout, obj(t, with(t, sample(t, "payout.json"), tc.change)), false, "")
			require.NoError(t, err)
			tc.check(t, r.tx)
		})
	}
}

func TestDepositDetails(t *testing.T) {
	t.Parallel()
	refund := func(amount, status string) string {
		return `{"refund_id": "ref_1", "payment_id": "p", "amount": ` + amount + `, "currency": "KES", "status": "` + status + `", "connector": "daraja"}`
	}
	for name, tc := range map[string]struct {
		change map[string]string
		check  func(*testing.T, payment.Transaction)
	}{
		"6 refunds that succeeded are added up": {
			map[string]string{"refunds": "[" + refund("2000", "succeeded") + "," + refund("500", "succeeded") + "," + refund("1", "pending") + "," + refund("2", "failed") + "," + refund("4", "review") + "]"},
			func(t *testing.T, tx payment.Transaction) {
				assert.Equal(t, kes(2500), *tx.Refunded)
				assert.True(t, tx.CompletedAt.IsZero(), "updated is the refund's time")
			},
		},
		"5.2 state_metadata tells where refunds is null": {
			map[string]string{"state_metadata": `{"total_refunded_amount": 700}`},
			func(t *testing.T, tx payment.Transaction) { assert.Equal(t, kes(700), *tx.Refunded) },
		},
		"7 lost and accepted disputes count, others and refunded ones don't": {
			map[string]string{"disputes": `[{"amount": "6500", "dispute_status": "dispute_lost"}, {"amount": "100", "dispute_status": "dispute_accepted"},
				{"amount": "1", "dispute_status": "dispute_opened"}, {"amount": "2", "dispute_status": "dispute_won"}, {"amount": "4", "dispute_status": "dispute_lost", "is_already_refunded": true}]`},
			func(t *testing.T, tx payment.Transaction) { assert.Equal(t, kes(6600), *tx.Refunded) },
		},
		"9.2 the received part of an open payment is reported": {
			map[string]string{"status": `"partially_captured_and_capturable"`, "amount_received": "4000"},
			func(t *testing.T, tx payment.Transaction) { assert.Equal(t, kes(4000), *tx.Settled) },
		},
		"9.2 failed may still succeed": {
			map[string]string{"status": `"failed"`, "amount_received": "null", "manual_retry_allowed": "true", "error_code": `"1032"`},
			func(t *testing.T, tx payment.Transaction) {
				assert.True(t, tx.Revisable)
				assert.Nil(t, tx.Settled)
				assert.Equal(t, "1032", tx.FailureCode)
			},
		},
		"9.2 money that the processor sent back is reversed": {
			map[string]string{"attempts": `[{"attempt_id": "a_1", "status": "auto_refunded"}]`},
			func(t *testing.T, tx payment.Transaction) {
				assert.Equal(t, payment.Reversed, tx.Status)
				assert.Contains(t, tx.RawStatus, "auto_refunded")
			},
		},
		"5.2 an attempt that lags behind changes nothing": {
			map[string]string{"attempts": `[{"attempt_id": "a_1", "status": "pending"}]`},
			func(t *testing.T, tx payment.Transaction) { assert.Equal(t, payment.Completed, tx.Status) },
		},
		"the charged attempt tells when the money moved": {
			map[string]string{"refunds": "[" + refund("2000", "succeeded") + "]", "attempts": `[{"status": "charged", "modified_at": "2026-08-14T08:00:20.000Z"}]`},
			func(t *testing.T, tx payment.Transaction) {
				assert.Equal(t, time.Date(2026, 8, 14, 8, 0, 20, 0, time.UTC), tx.CompletedAt)
			},
		},
		"15 payment_method_data may be a text, payment_method null": {
			map[string]string{"payment_method_data": `"reward"`, "payment_method": "null", "processor_merchant_id": ""},
			func(t *testing.T, tx payment.Transaction) { assert.Equal(t, payment.Completed, tx.Status) },
		},
		"the payer of a wallet is the billing phone": {
			map[string]string{"billing": `{"phone": {"number": "0712000431", "country_code": "254"}}`},
			func(t *testing.T, tx payment.Transaction) { assert.Equal(t, "254712000431", tx.Account) },
		},
		"a completed payment without a settled figure states none": {
			map[string]string{"amount_received": "null"},
			func(t *testing.T, tx payment.Transaction) { assert.Nil(t, tx.Settled) },
		},
		"an open payment without a currency has the one that was asked about": {
			map[string]string{"status": `"requires_payment_method"`, "currency": `""`, "amount_received": "null"},
			func(t *testing.T, tx payment.Transaction) { assert.Equal(t, kes(10050), tx.Amount) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := decoder{}.object(payment.Deposit, obj(t, with(t, sample(t, "payment.json"), tc.change)), false, "KES")
			require.NoError(t, err)
			tc.check(t, r.tx)
		})
	}
}

func TestWhatCannotBeTrustedIsNamed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		kind   payment.Kind
		change map[string]string
		reason string
	}{
		"no id":                        {payment.Payout, map[string]string{"payout_id": ""}, "payout_id is missing"},
		"id of the wrong type":         {payment.Deposit, map[string]string{"payment_id": "7"}, "payment_id is missing"},
		"no status":                    {payment.Deposit, map[string]string{"status": "null"}, "status is missing"},
		"no amount":                    {payment.Payout, map[string]string{"amount": "null"}, "amount is missing"},
		"amount with a fraction":       {payment.Payout, map[string]string{"amount": "1250.5"}, "amount 1250.5"},
		"amount with an exponent":      {payment.Payout, map[string]string{"amount": "1e3"}, "amount 1e3"},
		"amount as text":               {payment.Payout, map[string]string{"amount": `"125000"`}, "amount"},
		"negative amount":              {payment.Payout, map[string]string{"amount": "-5"}, "amount -5"},
		"amount beyond 64 bits":        {payment.Payout, map[string]string{"amount": "9223372036854775808"}, "too large"},
		"no currency of what is done":  {payment.Deposit, map[string]string{"currency": `""`}, "currency is missing"},
		"unknown currency":             {payment.Payout, map[string]string{"currency": `"KSH"`}, "KSH"},
		"amount the currency can't":    {payment.Deposit, map[string]string{"currency": `"ISK"`, "amount": "10050"}, "more decimals"},
		"settled of the wrong type":    {payment.Deposit, map[string]string{"amount_received": `"x"`}, "amount_received"},
		"refund in another currency":   {payment.Deposit, map[string]string{"refunds": `[{"status": "succeeded", "amount": 1, "currency": "USD"}]`}, "currency USD"},
		"refund of unknown status":     {payment.Deposit, map[string]string{"refunds": `[{"status": "done", "amount": 1}]`}, `"done"`},
		"dispute of unknown status":    {payment.Deposit, map[string]string{"disputes": `[{"dispute_status": "dispute_shelved", "amount": "1"}]`}, `"dispute_shelved"`},
		"dispute without a status":     {payment.Deposit, map[string]string{"disputes": `[{"amount": "1"}]`}, `disputes: dispute_status ""`},
		"refund without a status":      {payment.Deposit, map[string]string{"refunds": `[{"amount": 1}]`}, `refunds: status ""`},
		"refund without an amount":     {payment.Deposit, map[string]string{"refunds": `[{"status": "succeeded"}]`}, "refunds"},
		"refunds that are no list":     {payment.Deposit, map[string]string{"refunds": `{}`}, "refunds is not a list"},
		"dispute without an amount":    {payment.Deposit, map[string]string{"disputes": `[{"dispute_status": "dispute_lost"}]`}, "disputes"},
		"4.2 success below failed":     {payment.Payout, map[string]string{"status": `"failed"`, "attempts": `[{"status": "failed"}, {"status": "success"}]`}, "attempts is success"},
		"8 ISK has two decimals there": {payment.Payout, map[string]string{"currency": `"ISK"`, "amount": "1250"}, "more decimals"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := map[payment.Kind]string{payment.Payout: "payout.json", payment.Deposit: "payment.json"}[tc.kind]
			_, err := decoder{}.object(tc.kind, obj(t, with(t, sample(t, file), tc.change)), false, "KES")
			require.ErrorContains(t, err, tc.reason)
		})
	}
}

// The server's exponents (Currency in crates/common_enums/src/enums.rs of
// juspay/hyperswitch), and the configuration above them.
func TestMinorUnitsFollowTheServersTable(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		scale    money.Scale
		units    int64
		currency string
		want     string
	}{
		{nil, 1250, "KES", "12.50"},
		{nil, 1250, "UGX", "1250"},
		{nil, 1250, "MGA", "1250.00"},
		{nil, 1250, "IRR", "1250.00"},
		{nil, 125000, "ISK", "1250"},
		{nil, 1250, "KWD", "1.250"},
		{money.Scale{"UGX": 2}, 1250, "UGX", "12.50"},
		{money.Scale{"MGA": 2}, 1250, "MGA", "12.50"},
	} {
		a, err := decoder{scale: tc.scale}.amount(tc.units, tc.currency)
		require.NoError(t, err)
		assert.Equal(t, tc.want, a.String(), tc.currency)
	}
}

// What lists hide is null there (crates/router/src/core/payments/transformers.rs
// of juspay/hyperswitch).
func TestRowsOfDepositListsArePartial(t *testing.T) {
	t.Parallel()
	hidden := map[string]string{"amount_received": "null", "refunds": "null", "error_code": "null"}
	r, err := decoder{}.object(payment.Deposit, obj(t, with(t, sample(t, "payment.json"), hidden)), true, "")
	require.NoError(t, err)
	assert.True(t, r.tx.Partial)
	assert.Nil(t, r.tx.Settled)
	assert.Nil(t, r.tx.Refunded, "a row doesn't say that there are no refunds")

	hidden["state_metadata"] = `{"total_refunded_amount": 700}`
	r, err = decoder{}.object(payment.Deposit, obj(t, with(t, sample(t, "payment.json"), hidden)), true, "")
	require.NoError(t, err)
	assert.Equal(t, kes(700), *r.tx.Refunded)
}
