// Package pawapay serves pawaPay's Merchant API over the transactions of one
// sandbox account: status calls of both API versions, wallets, statements with
// their downloads, configuration and availability. It only reads: an
// initiation is answered like any unknown call.
//
// What the real service varies is varied here by a hash of the id, so that the
// same account always answers alike: the spelling of amounts ("15", "15.00",
// "15.0000"), an explicit null where an optional field is absent, and the word
// of a payment that is still open.
package pawapay
