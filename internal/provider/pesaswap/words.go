package pesaswap

import "tieout/internal/payment"

// meaning is what a status word says in our words.
type meaning struct {
	status payment.Status
	action payment.Action
}

// payoutWords are all statuses of payouts. Money has moved with success alone.
var payoutWords = map[string]meaning{
	"requires_creation":                {payment.Pending, ""},
	"requires_confirmation":            {payment.Created, payment.ActionConfirm},
	"requires_payout_method_data":      {payment.Created, payment.ActionMethod},
	"requires_vendor_account_creation": {payment.Pending, payment.ActionMethod},
	"requires_fulfillment":             {payment.Pending, ""}, // fulfil, where auto_fulfill is false
	"initiated":                        {payment.Pending, ""},
	"pending":                          {payment.Pending, ""},
	"success":                          {payment.Completed, ""},
	"failed":                           {payment.Failed, ""},
	"cancelled":                        {payment.Cancelled, ""},
	"expired":                          {payment.Expired, ""},
	"reversed":                         {payment.Reversed, ""},
	// The server calls it not final, and nothing there moves it on: pending,
	// with its reason shown.
	"ineligible":    {payment.Pending, ""},
	"not_permitted": {payment.Failed, ""},
}

// depositWords are all statuses of payments.
var depositWords = map[string]meaning{
	"requires_payment_method":                   {payment.Created, ""},
	"requires_confirmation":                     {payment.Created, ""},
	"requires_customer_action":                  {payment.Pending, ""},
	"requires_merchant_action":                  {payment.Pending, payment.ActionReview},
	"processing":                                {payment.Pending, ""},
	"requires_capture":                          {payment.Pending, payment.ActionCapture},
	"partially_authorized_and_requires_capture": {payment.Pending, payment.ActionCapture},
	"partially_captured_and_capturable":         {payment.Pending, ""},
	"partially_captured_and_processing":         {payment.Pending, ""},
	"succeeded":                                 {payment.Completed, ""},
	"partially_captured":                        {payment.Completed, ""},
	"failed":                                    {payment.Failed, ""},
	"cancelled":                                 {payment.Cancelled, ""},
	"cancelled_post_capture":                    {payment.Reversed, ""},
	"expired":                                   {payment.Expired, ""},
	// Another amount or currency at the connector; see conflict.go.
	wordConflicted: {payment.Pending, payment.ActionReview},
	"review":       {payment.Pending, payment.ActionReview},
}

const wordConflicted = "conflicted"

// refundWords are all statuses of refunds; true where the money went back.
var refundWords = map[string]bool{"succeeded": true, "failed": false, "pending": false, "review": false}

// disputeWords are all statuses of disputes; true where the merchant's money is
// gone. One that only expired, was cancelled or is challenged has no such end.
var disputeWords = map[string]bool{
	"dispute_opened": false, "dispute_expired": false, "dispute_accepted": true, "dispute_cancelled": false,
	"dispute_challenged": false, "dispute_won": false, "dispute_lost": true,
}

// syncWords are the statuses in which force_sync is not ignored.
var syncWords = map[payment.Kind]map[string]bool{
	payment.Payout: {"pending": true, "initiated": true},
	payment.Deposit: {
		"processing": true, "requires_customer_action": true, "requires_merchant_action": true,
		"requires_capture": true, "partially_captured_and_capturable": true,
	},
}
