// Package pawapay reads one account at pawaPay's Merchant API, a mobile money
// provider. It polls deposits, payouts and refunds one by one and takes the
// account's statements as its only list.
//
// What the API is like, and what follows from it:
//
//   - The merchant chooses the UUID of every deposit, payout and refund, and
//     pawaPay has no other id: what is no UUID cannot exist there.
//   - A status answer has two fields named status. The outer one says whether
//     the id is known, the inner one what became of the payment.
//   - Answers state neither fee, settled amount, completion time nor refunds.
//     A refund is an object of its own that can only be asked for by its id;
//     fees stand in statements.
//   - A statement lists completed movements only, is ordered, made and
//     downloaded, and runs up to an hour late.
//
// Options of the provider in the configuration:
//
//	option                   default  meaning
//	api_version              2        "1" speaks the paths and shapes of the first API, which has no statements
//	callback_url             none     the addresses that pawaPay's dashboard holds for callbacks, joined by commas: a signature covers them, so no callback is believed without
//	statement_callback_url   none     https address of the merchant's that pawaPay demands with each statement; without it no statement is ordered
//	statement_poll_interval  10s      time between two looks at a statement in the making
//	statement_wait           15m      longest wait for one statement; the next run takes it up again
//
// With the credentials signing_key (PEM) and signing_key_id whatever has a body,
// that is the order of a statement, is signed by package signature. Reads
// without a body are never signed, because pawaPay verifies none.
package pawapay
