package pesaswap

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"

	"tieout/internal/callback"
	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/jsonkeys"
)

// Callback implements provider.CallbackReader. A webhook holds the object as it
// is retrieved, in an envelope or, from some connectors, without one.
func (c *client) Callback(_ context.Context, raw callback.Raw) provider.CallbackResult {
	out := c.readCallback(raw.Body)
	verdict, why := c.verify(raw)
	if verdict == provider.CallbackRejected || out.Verdict == "" {
		out.Verdict, out.Reason = verdict, why
	}
	return out
}

// verify holds the signature against the profile's payment_response_hash_key.
// Servers of before 2024 sign with SHA-256 under another name.
func (c *client) verify(raw callback.Raw) (provider.CallbackVerdict, string) {
	s512, s256 := raw.Header.Get("x-webhook-signature-512"), raw.Header.Get("x-webhook-signature-256")
	switch {
	case c.webhookKey == "":
		return provider.CallbackUnverified, ""
	case s512 == "" && s256 == "":
		return provider.CallbackRejected, "it has no signature (x-webhook-signature-512)"
	case s512 != "" && callback.SignedHex(sha512.New, c.webhookKey, raw.Body, s512),
		s512 == "" && callback.SignedHex(sha256.New, c.webhookKey, raw.Body, s256):
		return provider.CallbackVerified, ""
	}
	return provider.CallbackRejected, "its signature does not fit; check that webhook_key is the profile's payment_response_hash_key"
}

// readCallback reads the body; its verdict is left open where it is about a
// payment.
func (c *client) readCallback(body []byte) provider.CallbackResult {
	o, err := readObject(body)
	if err != nil {
		return provider.CallbackResult{Verdict: provider.CallbackUnreadable, Reason: err.Error()}
	}
	if name := jsonkeys.Twice(body); name != "" {
		return provider.CallbackResult{Verdict: provider.CallbackUnreadable, Reason: standsTwice(name).Error()}
	}
	out := provider.CallbackResult{Event: clip(o.text("event_type"))}
	said := o.when("timestamp")
	if content := o.object("content"); content != nil {
		o = content.object("object")
	}
	out.At = said
	for _, key := range []string{"modified_at", "updated"} {
		if at := o.when(key); !at.IsZero() {
			out.At = at
		}
	}
	switch {
	case o.text("refund_id") != "", o.text("dispute_id") != "":
		out.Kind, out.ID = payment.Deposit, o.text("payment_id") // of its payment
	case o.text("payout_id") != "":
		out.Kind, out.ID = payment.Payout, o.text("payout_id")
		c.conclude(&out, o)
	case o.text("payment_id") != "":
		out.Kind, out.ID = payment.Deposit, o.text("payment_id")
		c.conclude(&out, o)
	default:
		out.Verdict, out.Reason = provider.CallbackIgnored, "it is about no payment, payout, refund or dispute"
		return out
	}
	if !askable(out.ID) {
		out = provider.CallbackResult{
			Verdict: provider.CallbackUnreadable, Reason: "the id of its payment is missing or can't exist at PesaSwap", Event: out.Event, Kind: out.Kind, At: out.At,
		}
	}
	return out
}

// conclude lets the object stand for a retrieved one. A webhook shows no
// attempts, so that money which a processor sent back by itself is found by
// the next look at a completed payment.
func (c *client) conclude(out *provider.CallbackResult, o object) {
	kind := out.Kind
	out.OwnID, out.Reference, out.Conclusive = out.ID, o.text("merchant_order_reference_id"), true
	out.Read = func(q provider.Query) provider.Answer {
		r, err := c.decode.object(kind, o, false, q.Amount.Currency)
		if err == nil && r.word == wordConflicted {
			err = c.decode.conflicted(&r)
		}
		if err != nil {
			return invalid(err)
		}
		return found(r)
	}
}
