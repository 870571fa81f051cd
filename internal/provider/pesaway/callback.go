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
	case c.callbackKey == "":
		return provider.CallbackUnverified, ""
	case given == "":
		return provider.CallbackRejected, "it has no signature (header Signature); PesaWay signs where that was agreed on"
	case callback.SignedBase64(sha256.New, c.callbackKey, raw.Body, given):
		return provider.CallbackVerified, ""
	}
	return provider.CallbackRejected, "its signature does not fit; check callback_key"
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
		// A refund's callback names its signature otherwise and shows too little
		// to be believed.
		Conclusive: raw.Header.Get("X-Event-Id") == "",
	}
	if r.ResultCode != nil {
		out.Event = "ResultCode " + clip(string(*r.ResultCode))
	}
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
