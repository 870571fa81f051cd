package pesaway

import (
	"context"
	"crypto/sha256"
	"strings"

	"tieout/internal/callback"
	"tieout/internal/payment"
	"tieout/internal/provider"
)

// Callback implements provider.CallbackReader. The body is that of a status
// answer. It says neither whether it is about a deposit or a payout nor in which
// currency, so only the payment that it belongs to gives it a meaning.
func (c *client) Callback(_ context.Context, raw callback.Raw) provider.CallbackResult {
	out := c.readCallback(raw)
	verdict, why := c.verify(raw)
	if verdict == provider.CallbackRejected || out.Verdict == "" {
		out.Verdict, out.Reason = verdict, why
	}
	return out
}

func (c *client) verify(raw callback.Raw) (provider.CallbackVerdict, string) {
	given := raw.Header.Get("Signature")
	switch {
	case given == "" && aboutRefund(raw):
		return c.verifyRefund(raw)
	case c.callbackKey == "":
		return provider.CallbackUnverified, ""
	case given == "":
		return provider.CallbackRejected, "it has no signature (header Signature); PesaWay signs where that was agreed on"
	case callback.SignedBase64(sha256.New, c.callbackKey, raw.Body, given):
		return provider.CallbackVerified, ""
	}
	return provider.CallbackRejected, "its signature does not fit; check callback_key"
}

// aboutRefund: a refund's callback shows itself by its headers alone.
func aboutRefund(raw callback.Raw) bool {
	return raw.Header.Get("X-Event-Id") != "" || raw.Header.Get("X-Signature") != ""
}

// verifyRefund: refunds are signed with a key of their own, over time and body.
func (c *client) verifyRefund(raw callback.Raw) (provider.CallbackVerdict, string) {
	message := append([]byte(raw.Header.Get("X-Timestamp")+"\n"), raw.Body...)
	switch {
	case c.refundKey == "" && c.callbackKey == "":
		return provider.CallbackUnverified, ""
	case c.refundKey == "":
		return provider.CallbackRejected, "it is about a refund, which PesaWay signs with the refund secret; give refund_key"
	case callback.SignedHex(sha256.New, c.refundKey, message, raw.Header.Get("X-Signature")):
		return provider.CallbackVerified, ""
	}
	return provider.CallbackRejected, "the signature of a refund's callback does not fit; check refund_key"
}

// readCallback reads the body; its verdict is left open where it is about a
// payment.
func (c *client) readCallback(raw callback.Raw) provider.CallbackResult {
	r, err := decodeRecord(raw.Body)
	unreadable := func(why string) provider.CallbackResult {
		return provider.CallbackResult{Verdict: provider.CallbackUnreadable, Reason: why}
	}
	switch {
	case err != nil:
		return unreadable("the body is no JSON, or a field of it has a wrong type")
	case !usableID(r.TransactionID, r.OriginatorReference):
		return unreadable("an id in it is too long or has control characters")
	case r.TransactionID == "" && r.OriginatorReference == "":
		return provider.CallbackResult{Verdict: provider.CallbackIgnored, Reason: "it is about no transaction"}
	}
	id := string(r.TransactionID)
	if len(id) > longestTransactionID || strings.ContainsAny(id, " ") {
		return unreadable("TransactionID can't be PesaWay's")
	}
	out := provider.CallbackResult{
		ID: id, OwnID: string(r.OriginatorReference), Reference: string(r.OriginatorReference),
	}
	if r.ResultCode != nil {
		out.Event = "ResultCode " + clip(string(*r.ResultCode))
	}
	if aboutRefund(raw) {
		// What its body says of the refund is documented nowhere.
		out.Event = strings.TrimSpace("refund " + out.Event)
		return out
	}
	out.Conclusive = true
	out.Read = func(q provider.Query) provider.Answer {
		if q.ProviderPaymentID == "" {
			q.ProviderPaymentID = id
		}
		if !q.Kind.Valid() || q.ProviderPaymentID == "" {
			return troubled(provider.NotAskable, "the payment that the callback belongs to is not known").answer()
		}
		tx, t := c.transaction(r, q)
		if t != nil {
			return t.answer()
		}
		return provider.Answer{Verdict: provider.Found, Transactions: []payment.Transaction{tx}}
	}
	return out
}
