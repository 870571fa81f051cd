package pesaswap

import (
	"bytes"
	"context"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"net/http"

	"tieout/internal/corpus"
	"tieout/internal/payment"
	"tieout/internal/sandbox/state"
)

// Callback is the webhook about a transaction: the object as it is retrieved, in
// its envelope, signed where the account has a webhook_key.
func Callback(a *state.Account, t corpus.Transaction, _ string) (state.Callback, bool, error) {
	if !t.Status.Final() || t.Status == payment.Rejected {
		return state.Callback{}, false, nil
	}
	path, family := "/payments/", "payment"
	if t.Kind == payment.Payout {
		path, family = "/payouts/", "payout"
	}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, path+t.ID, http.NoBody)
	if err != nil {
		return state.Callback{}, false, err
	}
	r.Header.Set("api-key", a.Credentials["api_key"])
	answer := &kept{header: http.Header{}, status: http.StatusOK}
	Handler(a).ServeHTTP(answer, r)
	var object struct {
		Status string `json:"status"`
	}
	if answer.status != http.StatusOK || json.Unmarshal(answer.body.Bytes(), &object) != nil {
		return state.Callback{}, false, nil // it can't be retrieved either
	}
	event, told := eventOf(family, object.Status)
	if !told {
		return state.Callback{}, false, nil
	}
	at := t.CompletedAt
	if at.IsZero() {
		at = t.CreatedAt
	}
	c, err := state.NewCallback(t, map[string]any{
		"merchant_id": merchantID, "event_id": text("evt", t.ID), "event_type": event,
		"content":   map[string]any{"type": family + "_details", "object": json.RawMessage(answer.body.Bytes())},
		"timestamp": stamp(at),
	})
	c.Sign("x-webhook-signature-512", a.Credentials["webhook_key"], sha512.New, hex.EncodeToString)
	return c, true, err
}

// eventOf names the event about a status; told is false where none is sent.
func eventOf(family, word string) (event string, told bool) {
	switch event := family + "_" + word; event {
	case "payment_succeeded", "payment_failed", "payment_processing", "payment_cancelled", "payment_cancelled_post_capture", "payment_expired",
		"payout_success", "payout_failed", "payout_initiated", "payout_cancelled", "payout_expired", "payout_reversed", "payout_not_permitted":
		return event, true
	case "payment_partially_captured", "payment_partially_captured_and_capturable":
		return "payment_captured", true
	case "payment_requires_capture":
		return "payment_authorized", true
	case "payment_partially_authorized_and_requires_capture":
		return "payment_partially_authorized", true
	case "payment_requires_customer_action", "payment_requires_merchant_action", "payment_conflicted":
		return "action_required", true
	}
	return "", false
}

// kept is an answer that is not sent.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (k *kept) Header() http.Header         { return k.header }
func (k *kept) Write(b []byte) (int, error) { return k.body.Write(b) }
func (k *kept) WriteHeader(status int)      { k.status = status }
