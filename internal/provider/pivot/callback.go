package pivot

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"

	"tieout/internal/callback"
	"tieout/internal/payment"
	"tieout/internal/provider"
)

// Callback implements provider.CallbackReader. Pivot proves itself by a static
// key alone, which says nothing about the body: what a callback says is kept
// and held against the API's answers, and never stands for one.
func (c *client) Callback(_ context.Context, raw callback.Raw) provider.CallbackResult {
	out := c.readCallback(raw.Body)
	verdict, why := c.verify(raw)
	if verdict == provider.CallbackRejected || out.Verdict == "" {
		out.Verdict, out.Reason = verdict, why
	}
	return out
}

func (c *client) verify(raw callback.Raw) (provider.CallbackVerdict, string) {
	key := c.Credentials["callback_key"]
	switch {
	case key == "":
		return provider.CallbackUnverified, ""
	case callback.SameKey(key, raw.Header.Get("X-API-Key")):
		return provider.CallbackVerified, ""
	}
	return provider.CallbackRejected, "X-API-Key is not the callback key that Pivot's dashboard shows; check callback_key"
}

// readCallback reads the body; its verdict is left open where it is about a
// payment.
func (c *client) readCallback(body []byte) provider.CallbackResult {
	var e struct {
		Event string          `json:"event"`
		Data  json.RawMessage `json:"data"`
	}
	if json.Unmarshal(body, &e) != nil {
		return provider.CallbackResult{Verdict: provider.CallbackUnreadable, Reason: "the body is no event of Pivot's"}
	}
	out := provider.CallbackResult{Event: slug(e.Event)}
	ignored := func() provider.CallbackResult {
		out.Verdict, out.Reason = provider.CallbackIgnored, "it is about no payment or payout"
		return out
	}
	var names struct {
		ID                string          `json:"id"`
		UUID              string          `json:"uuid"`
		ClientReferenceID string          `json:"clientReferenceId"`
		SessionID         string          `json:"paymentSessionId"`
		Payouts           json.RawMessage `json:"payouts"`
	}
	if len(bytes.TrimSpace(e.Data)) == 0 || json.Unmarshal(e.Data, &names) != nil {
		return ignored()
	}
	switch family, _, _ := strings.Cut(strings.ToUpper(e.Event), "."); {
	case family == "PAYOUT" && isUUID(names.UUID):
		out.Kind, out.ID, out.Batched = payment.Payout, names.UUID, true
		// Of a batch only the batch is told: all of its items are worth a look.
		if items, _ := elements(names.Payouts); len(items) == 1 {
			out.Reference = referenceOf(items[0])
			out.OwnID = out.Reference
			out.Read = func(provider.Query) provider.Answer { return c.itemAnswer(items[0], names.UUID) }
		}
	case (family == "PAYMENT" || family == "CHARGE") && isUUID(names.ID):
		out.Kind, out.ID, out.OwnID, out.Reference = payment.Deposit, names.ID, names.ClientReferenceID, names.ClientReferenceID
		if names.SessionID != "" { // a charge by itself
			out.ID = names.SessionID
			return out
		}
		out.Read = func(provider.Query) provider.Answer {
			s, f := c.readSession(e.Data)
			if f != nil {
				return f.answer()
			}
			txs, f := judge(s)
			if f != nil {
				return f.answer()
			}
			return provider.Answer{Verdict: provider.Found, Transactions: txs}
		}
	case family == "REFUND" && isUUID(names.SessionID):
		// Of its deposit it only says that it is worth asking for.
		out.Kind, out.ID = payment.Deposit, names.SessionID
	default:
		return ignored()
	}
	return out
}

// itemAnswer reads one item of a batch.
func (c *client) itemAnswer(raw json.RawMessage, batch string) provider.Answer {
	it, f := c.readItem(raw)
	if f != nil {
		return f.answer()
	}
	t, f := it.transaction("")
	if f != nil {
		return f.answer()
	}
	t.ID, t.Batched = batch, true
	return provider.Answer{Verdict: provider.Found, Transactions: []payment.Transaction{t}}
}
