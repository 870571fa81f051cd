package pivot

import (
	"encoding/json"
	"strings"
	"time"

	"tieout/internal/money"
)

// sessionDTO is a payment session as Pivot sends it; what is not read here is
// not needed.
type sessionDTO struct {
	ID                string          `json:"id"`
	ClientReferenceID string          `json:"clientReferenceId"`
	Amount            *amountDTO      `json:"amount"`
	PaymentType       string          `json:"paymentType"`
	Mode              string          `json:"mode"`
	SaveForFutureUse  *bool           `json:"saveForFutureUse"`
	Status            string          `json:"status"`
	Investigation     string          `json:"investigationStatus"`
	Cancellation      string          `json:"cancellationReason"`
	CreatedAt         *string         `json:"createdAt"`
	UpdatedAt         *string         `json:"updatedAt"`
	Charges           json.RawMessage `json:"chargeDetails"`
	CustomerID        string          `json:"customerId"`
	Metadata          json.RawMessage `json:"metadata"`
}

// chargeDTO is one attempt to pay a session.
type chargeDTO struct {
	ID               string     `json:"id"`
	SessionID        string     `json:"paymentSessionId"`
	SessionReference string     `json:"paymentSessionClientReferenceId"`
	Amount           *amountDTO `json:"amount"`
	Captured         *amountDTO `json:"capturedAmount"`
	Status           string     `json:"status"`
	CreatedAt        *string    `json:"createdAt"`
	PaidAt           *string    `json:"paidAt"`
	FailureCode      string     `json:"failureCode"`
	FailureMessage   string     `json:"failureMessage"`
	Card             *cardDTO   `json:"card"`
	QR               *struct {
		RetrievalReference flexText `json:"retrievalReferenceNumber"`
	} `json:"qr"`
	EWallet *struct {
		Channel string `json:"channel"`
		Account *struct {
			MobileNumber flexText `json:"mobileNumber"`
		} `json:"accountInformations"`
	} `json:"ewallet"`
}

type cardDTO struct {
	First6        flexText `json:"first6"`
	First8        flexText `json:"first8"`
	Last4         flexText `json:"last4"`
	ExpMonth      flexText `json:"expMonth"`
	ExpYear       flexText `json:"expYear"`
	Authorization *struct {
		RetrievalReference flexText `json:"retrievalReferenceNumber"`
	} `json:"authorizationResult"`
}

// session is a payment session that was read and found sound.
type session struct {
	sessionDTO
	status   string
	multiple bool // an instrument that is paid many times: judged charge by charge
	amount   money.Amount
	created  time.Time
	updated  time.Time
	charges  []charge
	// hidden: the answer shows no charges at all (null or left out).
	hidden bool
}

// charge is a charge that was read and found sound.
type charge struct {
	chargeDTO
	status        string
	amount        *money.Amount
	captured      *money.Amount
	created, paid time.Time
}

// The words of the documentation; anything else is never guessed at.
var (
	openSession   = words("REQUIRE_PAYMENT_METHOD", "REQUIRE_CONFIRMATION", "REQUIRE_ACTION", "PROCESSING", "ACTIVE")
	closedSession = words("PAID", "CANCELLED", "EXPIRED", "INACTIVE")
	chargeStatus  = words("WAITING_FOR_USER_ACTION", "WAITING_FOR_AUTHENTICATION", "PROCESSING", "WAITING_FOR_CAPTURE",
		"SUCCESS", "FAILED", "EXPIRED")
)

func words(list ...string) map[string]bool {
	m := make(map[string]bool, len(list))
	for _, w := range list {
		m[w] = true
	}
	return m
}

// readSession reads one session. What could be read is returned also with a
// failure, so that a list can name the row.
func (c *client) readSession(raw json.RawMessage) (session, *failure) {
	var s session
	if f := decode(raw, &s.sessionDTO); f != nil {
		s.created, _ = instant("createdAt", s.CreatedAt)
		return s, f
	}
	var f *failure
	if s.created, f = instant("createdAt", s.CreatedAt); f != nil {
		return s, f
	}
	if s.updated, f = instant("updatedAt", s.UpdatedAt); f != nil {
		return s, f
	}
	switch {
	case s.ID == "":
		return s, invalid("id is missing")
	case s.ClientReferenceID == "":
		return s, invalid("clientReferenceId is missing")
	case s.created.IsZero():
		return s, invalid("createdAt is missing")
	case s.Status == "":
		return s, invalid("status is missing")
	}
	if s.status = word(s.Status); !openSession[s.status] && !closedSession[s.status] {
		f := invalid("unknown session status %q", slug(s.Status))
		f.raw = s.Status
		return s, f
	}
	switch word(s.PaymentType) {
	case "MULTIPLE":
		s.multiple = true
	case "SINGLE":
	case "": // some documented answers lack it; these two words exist for MULTIPLE only
		s.multiple = s.status == "ACTIVE" || s.status == "INACTIVE"
	default:
		return s, invalid("unknown paymentType %q", slug(s.PaymentType))
	}
	if s.amount, f = c.amount("amount", s.Amount, unsigned); f != nil {
		return s, f
	}
	rows, stated := elements(s.sessionDTO.Charges)
	s.hidden = !stated
	s.charges, f = c.readCharges(rows, s)
	return s, f
}

// readCharges reads a session's charges: a charge of another session among
// them can't be trusted. A charge whose reference differs while its session id
// agrees is the session's all the same.
func (c *client) readCharges(rows []json.RawMessage, s session) ([]charge, *failure) {
	var out []charge
	for _, raw := range rows {
		ch, f := c.readCharge(raw)
		switch {
		case f != nil:
			return nil, f
		case ch.SessionID != "" && !strings.EqualFold(ch.SessionID, s.ID):
			return nil, invalid("a charge of session %s stands in session %s", slug(ch.SessionID), slug(s.ID))
		case ch.captured != nil && ch.captured.Currency != s.amount.Currency:
			return nil, invalid("capturedAmount is in %s, the session in %s", ch.captured.Currency, s.amount.Currency)
		}
		out = append(out, ch)
	}
	return out, nil
}

func (c *client) readCharge(raw json.RawMessage) (charge, *failure) {
	var ch charge
	if f := decode(raw, &ch.chargeDTO); f != nil {
		f.reason = "a charge: " + f.reason
		return ch, f
	}
	if ch.ID == "" || ch.Status == "" {
		return ch, invalid("a charge has no id or no status")
	}
	if ch.status = word(ch.Status); !chargeStatus[ch.status] {
		f := invalid("unknown charge status %q", slug(ch.Status))
		f.raw = ch.Status
		return ch, f
	}
	var f *failure
	if ch.created, f = instant("charge createdAt", ch.CreatedAt); f != nil {
		return ch, f
	}
	if ch.paid, f = instant("paidAt", ch.PaidAt); f != nil {
		return ch, f
	}
	if ch.amount, f = c.optional("charge amount", ch.Amount); f != nil {
		return ch, f
	}
	ch.captured, f = c.optional("capturedAmount", ch.Captured)
	return ch, f
}

// optional reads an amount that may be absent or null.
func (c *client) optional(field string, a *amountDTO) (*money.Amount, *failure) {
	if a == nil {
		return nil, nil
	}
	v, f := c.amount(field, a, unsigned)
	if f != nil {
		return nil, f
	}
	return &v, nil
}

// success gives the charges that took money.
func (s session) success() []charge {
	var out []charge
	for _, ch := range s.charges {
		if ch.status == "SUCCESS" {
			out = append(out, ch)
		}
	}
	return out
}

// networkReference is the receipt of the card or QR network.
func (ch charge) networkReference() string {
	switch {
	case ch.Card != nil && ch.Card.Authorization != nil:
		return string(ch.Card.Authorization.RetrievalReference)
	case ch.QR != nil:
		return string(ch.QR.RetrievalReference)
	}
	return ""
}

// payer is the payer's phone number, which only wallets show. A virtual
// account number is the address that was paid to, not the payer's account.
func (ch charge) payer() string {
	if ch.EWallet != nil && ch.EWallet.Account != nil {
		return string(ch.EWallet.Account.MobileNumber)
	}
	return ""
}
