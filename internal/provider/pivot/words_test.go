package pivot

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/callback"
	"tieout/internal/payment"
	"tieout/internal/provider"
)

// The words are those of
// https://pivot-payment.gitbook.io/pivot-docs/api-references/api-lists/payments/status
// and https://pivot-payment.gitbook.io/pivot-docs/payments/state-and-status.
const (
	documentedSessions = "REQUIRE_PAYMENT_METHOD REQUIRE_CONFIRMATION REQUIRE_ACTION PROCESSING ACTIVE PAID CANCELLED EXPIRED INACTIVE"
	documentedCharges  = "WAITING_FOR_USER_ACTION WAITING_FOR_AUTHENTICATION PROCESSING WAITING_FOR_CAPTURE SUCCESS FAILED EXPIRED"
)

// Each word of a session beside each word of its charge: what contradicts
// itself is invalid, what is open stays pending, and only money that was
// captured is completed.
func TestEveryPairOfSessionAndChargeIsJudged(t *testing.T) {
	t.Parallel()
	sessions, attempts := strings.Fields(documentedSessions), strings.Fields(documentedCharges)
	assert.Len(t, sessions, len(openSession)+len(closedSession), "a word without a document, or a document without its word")
	assert.Len(t, attempts, len(chargeStatus))
	for _, multiple := range []bool{false, true} {
		for _, session := range sessions {
			for _, charge := range attempts {
				more := ""
				if multiple {
					more = `,"paymentType":"MULTIPLE","amount":{"value":0,"currency":"IDR"}`
				}
				c, _ := stubbed(t, map[string]string{"/v2/payments/" + sessionID: data(sessionJSON(session, charges(chargeJSON(chargeID, charge, "")), more))})
				a := c.Status(t.Context(), byID)
				want, action := pairMeans(session, charge, multiple)
				name := session + " with " + charge
				if want == "" {
					assert.Equal(t, provider.Invalid, a.Verdict, name)
					assert.Equal(t, session, a.RawStatus, name)
					continue
				}
				require.Equal(t, provider.Found, a.Verdict, "%s: %s", name, a.Reason)
				require.Len(t, a.Transactions, 1, name)
				assert.Equal(t, want, a.Transactions[0].Status, name)
				assert.Equal(t, action, a.Transactions[0].NeedsAction, name)
			}
		}
	}
}

// pairMeans writes the rules of the documentation down a second time; an empty
// status is a contradiction.
func pairMeans(session, charge string, multiple bool) (payment.Status, payment.Action) {
	paid := charge == "SUCCESS"
	switch session {
	case "PAID":
		if !paid {
			return "", ""
		}
		return payment.Completed, ""
	case "EXPIRED", "CANCELLED":
		switch {
		case paid:
			return "", ""
		case session == "EXPIRED":
			return payment.Expired, ""
		case charge == "FAILED" && !multiple:
			return payment.Failed, ""
		}
		return payment.Cancelled, ""
	case "ACTIVE", "INACTIVE":
		if !multiple {
			return "", ""
		}
	}
	switch {
	case multiple && paid: // each charge of it is a payment
		return payment.Completed, ""
	case multiple && session == "INACTIVE":
		return payment.Expired, ""
	case !multiple && charge == "WAITING_FOR_CAPTURE":
		return payment.Pending, payment.ActionCapture
	}
	return payment.Pending, ""
}

// The words are those of
// https://pivot-payment.gitbook.io/pivot-docs/api-references/api-lists/payments/object/payment-session-object.
func TestAnInvestigationHoldsASettledSessionBack(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"INVESTIGATION_IN_PROCESS", "INVESTIGATION_SUCCESS", "INVESTIGATION_FAILED"} {
		more := `,"investigationStatus":"` + word + `"`
		c, _ := stubbed(t, map[string]string{"/v2/payments/" + sessionID: data(sessionJSON("PAID", charges(chargeJSON(chargeID, "SUCCESS", "")), more))})
		a := c.Status(t.Context(), byID)
		assert.Equal(t, provider.Invalid, a.Verdict, word)
		assert.Contains(t, a.Reason, word)
		c, _ = stubbed(t, map[string]string{"/v2/payments/" + sessionID: data(sessionJSON("PROCESSING", charges(chargeJSON(chargeID, "PROCESSING", "")), more))})
		a = c.Status(t.Context(), byID)
		require.Equal(t, provider.Found, a.Verdict, a.Reason)
		assert.Equal(t, payment.Pending, a.Transactions[0].Status)
	}
}

// The codes are those of
// https://pivot-payment.gitbook.io/pivot-docs/api-references/api-lists/payments/response-and-failure-code,
// two more of .../payments/payment-simulation, and the reasons of cancelling of
// .../payments/object/payment-session-object.
func TestEveryFailureOfADepositIsGrouped(t *testing.T) {
	t.Parallel()
	grouped := 0
	for group, codes := range map[payment.FailureGroup]string{
		payment.FailureCustomer: `DECLINED_BY_CHANNEL INVALID_ACCOUNT AUTHENTICATION_FAILED SUSPECTED_FRAUD INSUFFICIENT_FUND CANCELLED_BY_USER
			CHARGE_EXPIRED BLOCKED_BY_FDS REQUIRE_REVIEW reason:REQUESTED_BY_CUSTOMER reason:FRAUDULENT`,
		payment.FailureProvider:      `CHANNEL_UNAVAILABLE`,
		payment.FailureConfiguration: `reason:DUPLICATED reason:VOID_SESSION`,
		payment.FailureUnknown:       `reason:CHARGE_FAILED A_CODE_OF_TOMORROW reason:A_REASON_OF_TOMORROW`,
	} {
		for _, code := range strings.Fields(codes) {
			reason, alone := strings.CutPrefix(code, "reason:")
			shown, more, want := charges(chargeJSON(chargeID, "FAILED", `,"failureCode":"`+code+`","failureMessage":"Why."`)), `,"cancellationReason":"CHARGE_FAILED"`, payment.Failed
			if alone {
				code, shown, more = reason, "null", `,"cancellationReason":"`+reason+`"`
				if reason != "CHARGE_FAILED" {
					want = payment.Cancelled
				}
			}
			if _, documented := depositFailures[code]; documented {
				grouped++
			}
			c, _ := stubbed(t, map[string]string{"/v2/payments/" + sessionID: data(sessionJSON("CANCELLED", shown, more))})
			a := c.Status(t.Context(), byID)
			require.Equal(t, provider.Found, a.Verdict, a.Reason)
			got := a.Transactions[0]
			assert.Equal(t, want, got.Status, code)
			assert.Equal(t, code, got.FailureCode, "kept as it is")
			assert.Equal(t, group, got.FailureGroup, code)
			if !alone {
				assert.Equal(t, "Why.", got.FailureMessage)
			}
		}
	}
	assert.Len(t, depositFailures, grouped, "a code is grouped and not documented")
}

// The reasons are those of
// https://pivot-payment.gitbook.io/pivot-docs/api-references/api-lists/payout-local/response-codes-and-failure-reason
// and https://pivot-payment.gitbook.io/pivot-docs/payouts/state-and-status/domestic-payout.
func TestEveryFailureOfAPayoutIsGrouped(t *testing.T) {
	t.Parallel()
	documented := map[string]payoutReason{
		"Invalid account": {"INVALID_ACCOUNT", payment.FailureCustomer}, "Inactive account": {"INACTIVE_ACCOUNT", payment.FailureCustomer},
		"Dormant account":                   {"DORMANT_ACCOUNT", payment.FailureCustomer},
		"Declined due to beneficiary limit": {"BENEFICIARY_LIMIT", payment.FailureCustomer},
		"Failed to process by Bank Network": {"BANK_NETWORK_FAILED", payment.FailureProvider},
		"Unknown Bank Network error":        {"BANK_NETWORK_UNKNOWN", payment.FailureProvider},
		"Feature not allowed at this time":  {"FEATURE_NOT_ALLOWED", payment.FailureConfiguration},
		"Insufficient Balance":              {"INSUFFICIENT_BALANCE", payment.FailureConfiguration},
	}
	assert.Len(t, payoutReasons, len(documented))
	for reason, want := range documented {
		for _, written := range []string{reason, strings.ToUpper(reason), " " + strings.ToLower(reason) + "."} {
			c, _ := stubbed(t, map[string]string{itemURI: itemOfBatch(itemJSON("FAILED", written))})
			a := c.Status(t.Context(), payoutByID)
			require.Equal(t, provider.Found, a.Verdict, a.Reason)
			got := a.Transactions[0]
			assert.Equal(t, payment.Failed, got.Status, reason)
			assert.Equal(t, want, payoutReason{got.FailureCode, got.FailureGroup}, written)
			assert.Equal(t, written, got.FailureMessage, "kept as it is")
		}
	}
}

// Each word of an item beside each word of its batch: the item's decides, and
// only one that merely waits takes its batch's into account. The words are those
// of .../api-lists/payout-local/payout-object.
func TestEveryPairOfBatchAndItemIsJudged(t *testing.T) {
	t.Parallel()
	for _, batch := range []string{"IN_PROGRESS", "IN PROGRESS", "PENDING", "DONE", "CANCELLED"} {
		for item, want := range map[string]payment.Status{
			"": payment.Pending, "APPROVED": payment.Pending, "PENDING": payment.Pending, "PROCESSING": payment.Pending, "DELAYED": payment.Pending,
			"SUCCESS": payment.Completed, "FAILED": payment.Failed, "REJECTED": payment.Rejected, "CANCELLED": payment.Cancelled,
		} {
			c, _ := stubbed(t, map[string]string{
				itemURI:  itemOfBatch(itemJSON(item, "")),
				batchURI: data(`{"uuid":"` + batchID + `","status":"` + batch + `","payouts":[]}`),
			})
			a := c.Status(t.Context(), payoutByID)
			require.Equal(t, provider.Found, a.Verdict, a.Reason)
			name := batch + " with " + item
			assert.Equal(t, want, a.Transactions[0].Status, name)
			action := payment.Action("")
			if batch == "PENDING" && (item == "" || item == "APPROVED") {
				action = payment.ActionTopUp
			}
			assert.Equal(t, action, a.Transactions[0].NeedsAction, name)
		}
	}
}

// The words are those of
// https://pivot-payment.gitbook.io/pivot-docs/api-references/api-lists/refunds.
func TestOnlyARefundThatSucceededWentBack(t *testing.T) {
	t.Parallel()
	for word, back := range map[string]bool{"PENDING": false, "WAITING_BANK_TRANSFER": false, "SUCCESS": true, "FAILED": false, "CANCELLED": false} {
		c, _ := stubbed(t, map[string]string{
			"/v2/payments/" + sessionID: data(sessionJSON("PAID", charges(chargeJSON(chargeID, "SUCCESS", "")), "")),
			"/v1/refunds":               list(`{"id":"r1","paymentSessionId":"` + sessionID + `","amount":{"value":"500.00","currency":"IDR"},"status":"` + word + `"}`),
		})
		a := c.Status(t.Context(), byID)
		require.Equal(t, provider.Found, a.Verdict, a.Reason)
		require.NotNil(t, a.Transactions[0].Refunded, word)
		assert.Equal(t, idr(map[bool]int64{true: 500}[back]), *a.Transactions[0].Refunded, word)
		assert.Equal(t, payment.Completed, a.Transactions[0].Status, "the session stays PAID")
	}
}

// The events are those of
// https://pivot-payment.gitbook.io/pivot-docs/payments/after-the-payment/payment-notify,
// .../payouts/after-the-payout/domestic-payout/payout-wehook, .../api-lists/refunds
// and .../account-and-balance/withdrawal/withdrawal-callback; PAYMENT.TEST and
// PAYMENT.SUCCESS are of integrators and of .../quick-start/accept-a-payment.
func TestEveryEventOfACallbackIsKnown(t *testing.T) {
	t.Parallel()
	session := func(status string) string {
		return sessionJSON(status, charges(chargeJSON(chargeID, "SUCCESS", "")), "")
	}
	refund := `{"id":"r1","clientReferenceId":"REF-9","paymentSessionId":"` + sessionID + `","chargeId":"` + chargeID + `","amount":{"value":"500.00","currency":"IDR"},"status":"PENDING"}`
	batch := `{"uuid":"` + batchID + `","merchantId":"m","payoutResults":{},"status":"DONE"}`
	item := func(status string) string {
		return `{"uuid":"` + batchID + `","merchantId":"m","payouts":{"referenceId":"WD-1","amount":{"currency":"IDR","value":"75000"},"status":"` + status + `","reason":null}}`
	}
	for name, c := range map[string]struct {
		event, data string
		kind        payment.Kind
		id          string
		status      payment.Status // of what it says; empty where it only tells that something happened
	}{
		"a session at work":      {"PAYMENT.PROCESSING", sessionJSON("PROCESSING", "null", ""), payment.Deposit, sessionID, payment.Pending},
		"paid":                   {"PAYMENT.PAID", session("PAID"), payment.Deposit, sessionID, payment.Completed},
		"paid, by another page":  {"PAYMENT.SUCCESS", session("PAID"), payment.Deposit, sessionID, payment.Completed},
		"cancelled":              {"PAYMENT.CANCELLED", sessionJSON("CANCELLED", "null", ""), payment.Deposit, sessionID, payment.Cancelled},
		"a charge of a MULTIPLE": {"CHARGE.SUCCESS", sessionJSON("ACTIVE", charges(chargeJSON(chargeID, "SUCCESS", "")), `,"paymentType":"MULTIPLE"`), payment.Deposit, sessionID, payment.Completed},
		"an address was given":   {"PAYMENT.TEST", `null`, "", "", ""},
		"a batch":                {"PAYOUT.DONE", batch, payment.Payout, batchID, ""},
		"a parked batch":         {"PAYOUT.PENDING", batch, payment.Payout, batchID, ""},
		"a delayed batch":        {"PAYOUT.DELAYED", batch, payment.Payout, batchID, ""},
		"a cancelled batch":      {"PAYOUT.CANCELLED", batch, payment.Payout, batchID, ""},
		"an item":                {"PAYOUT.SUCCESS", item("SUCCESS"), payment.Payout, batchID, payment.Completed},
		"a failed item":          {"PAYOUT.FAILED", item("FAILED"), payment.Payout, batchID, payment.Failed},
		"a delayed item":         {"PAYOUT.DELAYED", item("DELAYED"), payment.Payout, batchID, payment.Pending},
		"a refund":               {"REFUND.PENDING", refund, payment.Deposit, sessionID, ""},
		"a refund by transfer":   {"REFUND.WAITING_BANK_TRANFER", refund, payment.Deposit, sessionID, ""}, // spelt so
		"a refund that was made": {"REFUND.SUCCESS", refund, payment.Deposit, sessionID, ""},
		"a refund that failed":   {"REFUND.FAILED", refund, payment.Deposit, sessionID, ""},
		"a refund of nothing":    {"REFUND.SUCCESS", `{"id":"r1"}`, "", "", ""},
		"a withdrawal":           {"WITHDRAW.SUCCESS", `{"id":"` + sessionID + `"}`, "", "", ""},
		"a withdrawal, failed":   {"WITHDRAW.FAILED", `{"id":"` + sessionID + `"}`, "", "", ""},
		"a top up":               {"MERCHANT-TOP-UP.SUCCESS", `{"id":"` + sessionID + `"}`, "", "", ""},
	} {
		got := reading("").Callback(t.Context(), callback.Raw{Header: http.Header{}, Body: []byte(`{"event":"` + c.event + `","data":` + c.data + `}`)})
		want := provider.CallbackUnverified
		if c.kind == "" {
			want = provider.CallbackIgnored
		}
		assert.Equal(t, want, got.Verdict, "%s: %s", name, got.Reason)
		assert.Equal(t, []string{c.event, string(c.kind), c.id}, []string{got.Event, string(got.Kind), got.ID}, name)
		if c.status == "" {
			assert.Nil(t, got.Read, name)
			continue
		}
		require.NotNil(t, got.Read, name)
		a := got.Read(provider.Query{})
		require.Equal(t, provider.Found, a.Verdict, "%s: %s", name, a.Reason)
		assert.Equal(t, c.status, a.Transactions[0].Status, name)
	}
}

// The words are those of accountType in
// https://pivot-payment.gitbook.io/pivot-docs/api-references/api-lists/core-resources/balance/retrieve-balance-history;
// rows show them as texts for display.
func TestOnlyPaymentsOfTheLedgerAreDeposits(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]bool{
		"CARD_PAYMENT VA_PAYMENT QRIS_PAYMENT": true,
		`BALANCE_ADJUSTMENT TRANSFER PAYMENT_WITHDRAWAL PLATFORM_TRANSACTION_FEE REFUND REFUND_FEE PAYMENT_FEE VA_TOP_UP MANUAL_TOP_UP
			DISBURSEMENT_WITHDRAWAL DISBURSEMENT BULK_DISBURSEMENT ACCOUNT_INQUIRY_FEE INTERNATIONAL_PAYOUT PLATFORM_ACTIVITY_FEE DISBURSEMENT_FEE
			WALLET_WITHDRAWAL MERCHANT_PAYMENT FEE_TOP_UP FEE_BANK_TRANSFER FEE_WALLET_TRANSACTION FEE_TRANSFER`: false,
	} {
		for _, word := range strings.Fields(words) {
			assert.Equal(t, want, paymentRow(word), word)
			assert.Equal(t, want, paymentRow(strings.ReplaceAll(word, "_", " ")), word)
		}
	}
}
