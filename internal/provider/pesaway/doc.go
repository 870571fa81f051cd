// Package pesaway reads PesaWay (Kenya and five more countries): the status of
// mobile-money and bank transactions, and the list of completed ones
// (pull-transactions). It follows https://docs.pesaway.com/developer/ and what
// integrators have met.
//
// The credential callback_key (optional) is the key that was agreed on for the
// signatures of callbacks, and refund_key (optional) the refund secret, with
// which callbacks about refunds are signed; without a key none is verified.
//
// Options of a provider of this type:
//
//	region        ke, ug, tz, zm, gh, cm         ke
//	generation    of the API: A, B or C          C; only C sends X-Region, A has no list
//	currency      of the account                 the region's: KES, UGX, TZS, ZMW, GHS, XAF
//	channel       of payouts: mobile, bank, both both: mobile money is asked first
//	query_method  of the status query            POST; GET sends the same JSON body
//	list_path     of pull-transactions           /api/v1/mobile-money/pull-transactions/
//	merchant_code for the balance in C           none: the balance is read by GET
//	result_codes  what further codes mean        none, such as "1032=cancelled 1037=failed"
//
// A payment can be asked for only by PesaWay's TransactionID. Without it, the
// list finds a completed one by its ExternalReference.
//
// No answer carries a currency: amounts are read in the payment's, or in the
// account's. Fees, refunds and reversals are shown nowhere either, so these
// fields stay empty: a refund is a transaction of its own, and the original
// stays successful.
//
// Only ResultCode 0 means completed and only 1 means failed. Codes of the
// network behind PesaWay may come through (1032, 4999); such a transaction
// stays pending, with the code and its text shown, until result_codes says what
// the merchant knows of the code. The text decides nothing, with one exception:
// a failure whose text says that it is still in progress stays pending.
package pesaway
