package pawapay

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tieout/internal/callback"
	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
	"tieout/internal/provider/jsonkeys"
	"tieout/internal/provider/pawapay/signature"
)

// callbacks is what is needed to verify pawaPay's callbacks.
type callbacks struct {
	// urls are the addresses that pawaPay's dashboard holds. Its key signs for
	// every merchant, so only the address that is signed with it proves that a
	// message was meant for this one: what the message itself says of its
	// address is never believed.
	urls []*url.URL
	keys signature.KeySource
}

// setCallbacks reads the option callback_url: one address or several.
func (c *client) setCallbacks(s provider.Settings) error {
	for _, text := range strings.FieldsFunc(s.Options["callback_url"], func(r rune) bool { return r == ' ' || r == ',' }) {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
			return provider.BadOption("callback_url", "must be the https address (or several, joined by commas) that pawaPay's dashboard holds")
		}
		c.callbacks.urls = append(c.callbacks.urls, u)
	}
	c.callbacks.keys = signature.NewPublishedKeys(func(ctx context.Context) ([]byte, error) {
		body, bad := c.get(httpx.WithoutRecorder(ctx), c.version.prefix()+"/public-key/http")
		if bad != nil {
			return nil, bad
		}
		return body, nil
	}, c.now)
	return nil
}

// Callback implements provider.CallbackReader. A callback is the record of a
// status answer without its envelope.
func (c *client) Callback(ctx context.Context, raw callback.Raw) provider.CallbackResult {
	out := c.readCallback(raw.Body)
	verdict, why := c.verify(ctx, raw)
	if verdict == provider.CallbackLater || verdict == provider.CallbackRejected ||
		out.Verdict == "" { // it could be read, and is about a payment
		out.Verdict, out.Reason = verdict, why
	}
	return out
}

// verify holds the signature against each configured address.
func (c *client) verify(ctx context.Context, raw callback.Raw) (provider.CallbackVerdict, string) {
	if len(c.callbacks.urls) == 0 {
		return provider.CallbackUnverified, ""
	}
	if raw.Header.Get("Signature") == "" {
		return provider.CallbackRejected, "it has no signature; signed callbacks are switched on in pawaPay's dashboard"
	}
	keys := &watchedKeys{KeySource: c.callbacks.keys}
	v := signature.Verifier{Keys: keys, Now: func() time.Time { return raw.ReceivedAt }}
	var err error
	for _, u := range c.callbacks.urls {
		err = v.Verify(ctx, signature.Message{
			Method: http.MethodPost, Scheme: u.Scheme, Authority: u.Host, Path: u.EscapedPath(), Query: u.RawQuery, Header: raw.Header, Body: raw.Body,
		})
		if err == nil {
			return provider.CallbackVerified, ""
		}
	}
	if keys.failed != nil {
		return provider.CallbackLater, "pawaPay's public keys can't be had: " + keys.failed.Error()
	}
	return provider.CallbackRejected, err.Error() + "; check that callback_url is the address in pawaPay's dashboard"
}

// watchedKeys remembers that keys could not be fetched: then a signature that
// doesn't hold says nothing.
type watchedKeys struct {
	signature.KeySource
	failed error
}

// Key implements signature.KeySource.
func (w *watchedKeys) Key(ctx context.Context, id string) (crypto.PublicKey, error) {
	key, err := w.KeySource.Key(ctx, id)
	if err != nil && !errors.Is(err, signature.ErrUnknownKey) {
		w.failed = err
	}
	return key, err
}

// readCallback reads the body; its verdict is left open where it is about a
// payment.
func (c *client) readCallback(body []byte) provider.CallbackResult {
	unreadable := func(why string) provider.CallbackResult {
		return provider.CallbackResult{Verdict: provider.CallbackUnreadable, Reason: why}
	}
	var r record
	if json.Unmarshal(body, &r) != nil {
		return unreadable("the body is no record of pawaPay's")
	}
	if name := jsonkeys.Twice(body); name != "" {
		return unreadable(standsTwice(name).reason)
	}
	if r.id(depositObject)+r.id(payoutObject)+r.id(refundObject) == "" {
		if found, bad := openEnvelope(body, &r); bad == nil && found && r.id(depositObject)+r.id(payoutObject)+r.id(refundObject) != "" {
			return c.callbackOf(&r)
		}
		return provider.CallbackResult{Verdict: provider.CallbackIgnored, Reason: "it is about no deposit, payout or refund (a statement or a remittance)"}
	}
	return c.callbackOf(&r)
}

// callbackOf tells what a record is about. A refund says nothing about its
// deposit but that it is worth asking for.
func (c *client) callbackOf(r *record) provider.CallbackResult {
	out := provider.CallbackResult{Event: clip(string(r.Status))}
	kind, o := payment.Deposit, depositObject
	switch {
	case r.RefundID != "":
		out.Kind, out.RefundID, out.ID = payment.Deposit, strings.ToLower(string(r.RefundID)), strings.ToLower(string(r.DepositID))
		out.Event = "refund " + out.Event
		return out
	case r.PayoutID != "":
		kind, o = payment.Payout, payoutObject
	}
	id := strings.ToLower(r.id(o))
	if !isUUID(id) {
		out.Verdict, out.Reason = provider.CallbackUnreadable, fmt.Sprintf("%sId is no UUID", o.word)
		return out
	}
	out.Kind, out.ID, out.OwnID, out.Reference, out.Conclusive = kind, id, id, string(r.ClientReferenceID), true
	out.Read = func(q provider.Query) provider.Answer {
		t, bad := c.transaction(r, kind, o, id)
		if bad != nil {
			return bad.answer()
		}
		if strings.EqualFold(q.PaymentID, t.OwnID) {
			t.OwnID = q.PaymentID
		}
		// One status call would show what a callback may leave out: the echo of
		// the reference, and the refunds that the merchant tells of.
		t.Partial = t.Reference == "" && q.Reference != "" || t.Status == payment.Completed && len(q.RefundIDs) > 0
		return provider.Answer{Verdict: provider.Found, Transactions: []payment.Transaction{*t}}
	}
	return out
}
