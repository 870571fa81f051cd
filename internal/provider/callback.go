package provider

import (
	"context"
	"time"

	"tieout/internal/callback"
	"tieout/internal/payment"
)

// CallbackReader is a client that can read what its provider posts to the
// merchant: it proves who sent it and says what it says.
type CallbackReader interface {
	// Callback verifies and reads one message. It judges a signature by the
	// time at which the message was received, not by now.
	Callback(ctx context.Context, raw callback.Raw) CallbackResult
}

// CallbackVerdict says how far a callback can be trusted, as it is stored.
type CallbackVerdict string

// The verdicts. The zero value means that it can't be told now (the keys could
// not be fetched): the callback is left for the next run.
const (
	CallbackLater CallbackVerdict = ""
	// CallbackVerified: the provider sent it.
	CallbackVerified CallbackVerdict = "verified"
	// CallbackUnverified: no key is configured, so anybody may have sent it. It
	// is a hint that a poll is due, no more.
	CallbackUnverified CallbackVerdict = "unverified"
	// CallbackRejected: a key is configured, and the message does not prove
	// that it comes from the provider. It is kept and never used.
	CallbackRejected CallbackVerdict = "rejected"
	// CallbackUnreadable: the body is not what the provider documents.
	CallbackUnreadable CallbackVerdict = "unreadable"
	// CallbackIgnored: it is about something else than a payment.
	CallbackIgnored CallbackVerdict = "ignored"
)

// CallbackResult is what a callback says. Names are filled where they could be
// read, also of a message that can't be trusted, so that a payment's story
// shows it.
type CallbackResult struct {
	Verdict CallbackVerdict
	// Reason is one sentence for people, for every verdict but verified and
	// unverified; without secrets, phone or account numbers.
	Reason string
	Event  string       // the provider's word for what happened, where it has one
	Kind   payment.Kind // empty where the message doesn't say
	// ID, OwnID and Reference name the payment as in payment.Transaction; with
	// Batched ID and Reference together, and ID alone a whole batch.
	ID, OwnID, Reference string
	Batched              bool
	// RefundID is the merchant's id of a refund, where the message is about one.
	RefundID string
	// At is when the provider says that it was so, which a repeated or stolen
	// message can't change; zero where it says no such time.
	At time.Time
	// Conclusive says that a verified message may stand for an answer of the
	// API: it shows what one status call would show.
	Conclusive bool
	// Read reads the message as the answer to a question about its payment;
	// of q only what is known of the payment is filled. nil where the message
	// only tells that something happened.
	Read func(q Query) Answer
}
