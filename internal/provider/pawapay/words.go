package pawapay

import "tieout/internal/payment"

// statuses are the words of a payment's own status. SUBMITTED is the first
// API's, but the sandbox of the second one still uses it.
var statuses = map[string]payment.Status{
	"ACCEPTED":          payment.Pending,
	"ENQUEUED":          payment.Pending,
	"SUBMITTED":         payment.Pending,
	"PROCESSING":        payment.Pending,
	"IN_RECONCILIATION": payment.Pending,
	"COMPLETED":         payment.Completed,
	"FAILED":            payment.Failed,
}

// cancelledCode marks a failure that the merchant itself brought about.
const cancelledCode = "MANUALLY_CANCELLED"

// failureGroups says whose doing a failure was. What the merchant's request,
// wallet or set-up brought about is configuration.
var failureGroups = func() map[string]payment.FailureGroup {
	m := map[string]payment.FailureGroup{}
	add := func(g payment.FailureGroup, codes ...string) {
		for _, c := range codes {
			m[c] = g
		}
	}
	add(payment.FailureCustomer,
		"PAYMENT_NOT_APPROVED", "INSUFFICIENT_BALANCE", "PAYMENT_IN_PROGRESS", "PAYER_NOT_FOUND", "PAYER_LIMIT_REACHED",
		"RECIPIENT_NOT_FOUND", "WALLET_LIMIT_REACHED", "RECIPIENT_LIMIT_REACHED", "INVALID_PHONE_NUMBER")
	add(payment.FailureProvider,
		"UNSPECIFIED_FAILURE", "UNKNOWN_ERROR", "PROVIDER_TEMPORARILY_UNAVAILABLE")
	add(payment.FailureConfiguration,
		cancelledCode, "PAWAPAY_WALLET_OUT_OF_FUNDS", "DEPOSIT_ALREADY_REFUNDED", "AMOUNT_TOO_LARGE", "REFUND_IN_PROGRESS",
		"NO_AUTHENTICATION", "AUTHENTICATION_ERROR", "AUTHORISATION_ERROR", "HTTP_SIGNATURE_ERROR",
		"INVALID_INPUT", "MISSING_PARAMETER", "UNSUPPORTED_PARAMETER", "INVALID_PARAMETER", "DUPLICATE_METADATA_FIELD",
		"DEPOSITS_NOT_ALLOWED", "PAYOUTS_NOT_ALLOWED", "REFUNDS_NOT_ALLOWED", "REMITTANCES_NOT_ALLOWED", "SPLIT_PAYMENTS_NOT_ALLOWED",
		"INVALID_CURRENCY", "INVALID_PROVIDER", "INVALID_AMOUNT", "AMOUNT_OUT_OF_BOUNDS",
		"NOT_FOUND", "INVALID_STATE", "INVALID_CALLBACK_URL", "INVALID_DATE_RANGE", "WALLET_NOT_FOUND", "PAYOUT_EXCEEDS_DEPOSIT")
	// The first API's names, which also leak into the second one's answers.
	for old, current := range map[string]string{
		"CORRESPONDENT_TEMPORARILY_UNAVAILABLE": "PROVIDER_TEMPORARILY_UNAVAILABLE",
		"AMOUNT_TOO_SMALL":                      "AMOUNT_OUT_OF_BOUNDS",
		"INVALID_PAYER_FORMAT":                  "INVALID_PHONE_NUMBER",
		"INVALID_RECIPIENT_FORMAT":              "INVALID_PHONE_NUMBER",
		"INVALID_CORRESPONDENT":                 "INVALID_PROVIDER",
		"BALANCE_INSUFFICIENT":                  "PAWAPAY_WALLET_OUT_OF_FUNDS",
		"TRANSACTION_ALREADY_IN_PROCESS":        "PAYMENT_IN_PROGRESS",
		"RECIPIENT_NOT_ALLOWED_TO_RECEIVE":      "WALLET_LIMIT_REACHED",
		"OTHER_ERROR":                           "UNSPECIFIED_FAILURE",
		"DEPOSIT_NOT_FOUND":                     "NOT_FOUND",
		"DEPOSIT_NOT_COMPLETED":                 "INVALID_STATE",
		"ALREADY_REFUNDED":                      "DEPOSIT_ALREADY_REFUNDED",
		"IN_PROGRESS":                           "REFUND_IN_PROGRESS",
		"PARAMETER_INVALID":                     "INVALID_PARAMETER",
	} {
		m[old] = m[current]
	}
	return m
}()

// groupOf never guesses: a code that nobody documents is of unknown origin.
func groupOf(code string) payment.FailureGroup {
	if g, ok := failureGroups[code]; ok {
		return g
	}
	return payment.FailureUnknown
}
