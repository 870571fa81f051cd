package pivot

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"

	"tieout/internal/payment"
	"tieout/internal/provider"
)

type customerDTO struct {
	Stored   []storedDTO  `json:"storedPaymentMethods"` // with a d; the session's copy is never filled
	Customer *customerDTO `json:"customer"`             // one page wraps the customer once more
}

type storedDTO struct {
	Token   flexText `json:"token"`
	Method  string   `json:"paymentMethod"`
	Channel string   `json:"paymentChannel"`
	Status  string   `json:"status"`
	Card    *cardDTO `json:"card"`
}

// SavedMethods tells whether the customer holds an active token of the card or
// wallet that paid t. It asks for the session again, because the transaction
// carries neither the card nor what the session asked for. Only cards and
// wallets can be saved, and a session that says that saving was not asked for
// is not checked; a session that says nothing is.
func (c *client) SavedMethods(ctx context.Context, customerID string, t payment.Transaction) (present, checkable bool, reason string) {
	if t.Kind != payment.Deposit || t.Status != payment.Completed {
		return false, false, "only a completed deposit leaves a saved payment method"
	}
	if !isUUID(t.ID) {
		return false, false, "the deposit has no Pivot id to ask for"
	}
	s, f := c.fetchSession(ctx, t.ID)
	if f != nil {
		return false, false, "the session can't be read: " + f.reason
	}
	paid := s.success()
	switch {
	case len(paid) == 0:
		return false, false, "the session has no SUCCESS charge"
	case s.SaveForFutureUse != nil && !*s.SaveForFutureUse:
		return false, false, "the session did not ask Pivot to save the payment method (saveForFutureUse is false)"
	case paid[0].Card == nil && paid[0].EWallet == nil:
		return false, false, "only cards and wallets can be saved at Pivot"
	}
	if s.CustomerID != "" {
		customerID = s.CustomerID
	}
	if customerID == "" {
		return false, false, "saved payment method not checkable: neither the session nor the payment names a customer"
	}
	return c.token(ctx, customerID, s, paid[0])
}

// token looks for the charge's token among the customer's.
func (c *client) token(ctx context.Context, customerID string, s session, ch charge) (present, checkable bool, reason string) {
	early := !ch.paid.IsZero() && c.Now().Before(ch.paid.Add(c.tokenDelay))
	e, f := c.get(ctx, "/v1/customers/"+url.PathEscape(customerID), nil)
	switch {
	case f != nil && f.verdict == provider.Unknown && early:
		return false, false, "paid a moment ago: the token may still be on its way"
	case f != nil && f.verdict == provider.Unknown:
		return false, true, "Pivot does not know the customer"
	case f != nil:
		return false, false, "the customer can't be read: " + f.reason
	}
	stored, f := decodeCustomer(e.Data)
	if f != nil {
		return false, false, "the customer can't be read: " + f.reason
	}
	inactive := false
	for _, m := range stored {
		if m.Token == "" || !m.belongsTo(ch) {
			continue
		}
		if word(m.Status) == "ACTIVE" {
			return true, true, ""
		}
		inactive = true
	}
	switch {
	case inactive:
		return false, true, "the token of this payment method is not active (TOKEN_INACTIVE)"
	case early:
		return false, false, "paid a moment ago: the token may still be on its way"
	case word(s.Mode) == "REDIRECT":
		return false, true, "no token of this payment method; on Pivot's page the customer may have left the box for saving unticked"
	default:
		return false, true, "no token of this payment method (TOKEN_MISSING)"
	}
}

func decodeCustomer(data json.RawMessage) ([]storedDTO, *failure) {
	var d customerDTO
	if f := decode(data, &d); f != nil {
		return nil, f
	}
	if d.Customer != nil && d.Stored == nil {
		return d.Customer.Stored, nil
	}
	return d.Stored, nil
}

// belongsTo compares a card by its digits and expiry and a wallet by its
// channel. Fingerprints are not compared: the two sides write them differently.
func (m storedDTO) belongsTo(ch charge) bool {
	switch {
	case ch.Card != nil:
		if !strings.EqualFold(m.Method, "CARD") || m.Card == nil {
			return false
		}
		a, b := *ch.Card, *m.Card
		head := a.First8 != "" && a.First8 == b.First8
		if a.First8 == "" || b.First8 == "" {
			head = a.First6 != "" && a.First6 == b.First6
		}
		return head && a.Last4 != "" && a.Last4 == b.Last4 &&
			twoDigits(a.ExpMonth) == twoDigits(b.ExpMonth) && twoDigits(a.ExpYear) == twoDigits(b.ExpYear)
	case ch.EWallet != nil:
		return strings.EqualFold(m.Method, "EWALLET") && strings.EqualFold(m.Channel, ch.EWallet.Channel)
	default:
		return false
	}
}

// twoDigits writes a month or year with two digits: "7" is 07, "2031" is 31.
func twoDigits(s flexText) string {
	switch {
	case len(s) == 1:
		return "0" + string(s)
	case len(s) > 2:
		return string(s[len(s)-2:])
	default:
		return string(s)
	}
}
