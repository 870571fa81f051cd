package pawapay

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
)

// object is one of the three things that have a status.
type object struct {
	path, word string
}

var (
	depositObject = object{path: "/deposits/", word: "deposit"}
	payoutObject  = object{path: "/payouts/", word: "payout"}
	refundObject  = object{path: "/refunds/", word: "refund"}
)

func objectOf(k payment.Kind) object {
	if k == payment.Payout {
		return payoutObject
	}
	return depositObject
}

// apiVersion is what differs between the first and the second API.
type apiVersion interface {
	// prefix stands before every path.
	prefix() string
	// record takes the object out of a status answer: nil without trouble
	// means that pawaPay positively does not know the id.
	record(body []byte) (*record, *trouble)
	// statements tells whether the API has any.
	statements() bool
}

// record is a deposit, payout or refund in either API's shape.
type record struct {
	DepositID text `json:"depositId"`
	PayoutID  text `json:"payoutId"`
	RefundID  text `json:"refundId"`

	Status            text     `json:"status"`
	Amount            text     `json:"amount"`
	Currency          text     `json:"currency"`
	Payer             party    `json:"payer"`
	Recipient         party    `json:"recipient"`
	ClientReferenceID text     `json:"clientReferenceId"`
	NetworkID         text     `json:"providerTransactionId"`
	Created           text     `json:"created"`
	FailureReason     failure  `json:"failureReason"`
	Metadata          metadata `json:"metadata"`

	// The first API's own.
	RequestedAmount     text            `json:"requestedAmount"`
	DepositedAmount     text            `json:"depositedAmount"`
	RespondedByPayer    text            `json:"respondedByPayer"`
	ReceivedByRecipient text            `json:"receivedByRecipient"`
	CorrespondentIDs    map[string]text `json:"correspondentIds"`
}

// party is a payer or recipient: accountDetails in v2, address in v1.
type party struct {
	AccountDetails struct {
		PhoneNumber text `json:"phoneNumber"`
	} `json:"accountDetails"`
	Address struct {
		Value text `json:"value"`
	} `json:"address"`
}

func (p party) phone() string {
	if p.AccountDetails.PhoneNumber != "" {
		return string(p.AccountDetails.PhoneNumber)
	}
	return string(p.Address.Value)
}

func (r *record) id(o object) string {
	switch o {
	case payoutObject:
		return string(r.PayoutID)
	case refundObject:
		return string(r.RefundID)
	default:
		return string(r.DepositID)
	}
}

// unreadableTries is how often an answer that breaks off is asked for: such a
// body comes from a gateway and is usually whole the next time.
const (
	unreadableTries = 3
	unreadableWait  = 200 * time.Millisecond
)

// Status implements provider.Client. Refund ids are only asked for when the
// payment is completed: pawaPay refuses refunds of anything else.
func (c *client) Status(ctx context.Context, q provider.Query) provider.Answer {
	id := q.ProviderPaymentID
	if id == "" {
		id = q.PaymentID
	}
	if !q.Kind.Valid() {
		return provider.Answer{Verdict: provider.NotAskable, Reason: fmt.Sprintf("pawaPay has no payments of kind %q", clip(string(q.Kind)))}
	}
	if !isUUID(id) {
		return provider.Answer{Verdict: provider.NotAskable, Reason: "the id is no UUID and cannot exist at pawaPay; correct it in the merchant's records"}
	}
	id = strings.ToLower(id)
	t, bad := c.ask(ctx, q.Kind, objectOf(q.Kind), id)
	if bad != nil {
		return bad.answer()
	}
	if t == nil {
		return provider.Answer{Verdict: provider.Unknown, Reason: fmt.Sprintf("pawaPay does not know this %s; it was never accepted there", q.Kind)}
	}
	if strings.EqualFold(q.PaymentID, t.OwnID) {
		t.OwnID = q.PaymentID // a merchant that writes its UUIDs in upper case finds them again
	}
	if t.Status == payment.Completed && len(q.RefundIDs) > 0 {
		if t.Refunded, bad = c.refunded(ctx, q.RefundIDs, t); bad != nil {
			return bad.answer()
		}
	}
	return provider.Answer{Verdict: provider.Found, Transactions: []payment.Transaction{*t}}
}

// ask reads one object; nil without trouble means positively unknown.
func (c *client) ask(ctx context.Context, kind payment.Kind, o object, id string) (*payment.Transaction, *trouble) {
	var r *record
	var bad *trouble
	for try := 1; ; try++ {
		body, refused := c.get(ctx, c.version.prefix()+o.path+url.PathEscape(id))
		if refused != nil {
			return nil, refused
		}
		r, bad = nil, noUse("pawaPay's answer breaks off or is no JSON; it is asked again in the next run")
		if json.Valid(body) {
			r, bad = c.version.record(body)
			break
		}
		if try == unreadableTries || sleep(ctx, unreadableWait) != nil {
			break
		}
	}
	if bad != nil || r == nil {
		return nil, bad
	}
	return c.transaction(r, kind, o, id)
}

// transaction normalises a record and refuses what can't be trusted.
func (c *client) transaction(r *record, kind payment.Kind, o object, asked string) (*payment.Transaction, *trouble) {
	id := strings.ToLower(r.id(o))
	switch {
	case id == "":
		return nil, invalid("%sId is missing in pawaPay's answer", o.word)
	case id != asked:
		return nil, invalid("pawaPay answered about another %s than the one asked for", o.word)
	case r.Status == "":
		return nil, invalid("status is missing in pawaPay's answer")
	}
	status, known := statuses[string(r.Status)]
	if !known {
		bad := invalid("status %q is no word that pawaPay documents", clip(string(r.Status)))
		bad.raw = clip(string(r.Status))
		return nil, bad
	}
	t := &payment.Transaction{
		Kind: kind, ID: id, OwnID: id, Reference: string(r.ClientReferenceID), NetworkReference: string(r.NetworkID),
		Status: status, RawStatus: string(r.Status), Metadata: r.Metadata,
	}
	if t.NetworkReference == "" {
		t.NetworkReference = networkID(r.CorrespondentIDs)
	}
	t.Account = r.Payer.phone()
	if o != depositObject {
		t.Account = r.Recipient.phone()
	}
	if bad := c.amounts(r, t); bad != nil {
		return nil, bad
	}
	if bad := times(r, t); bad != nil {
		return nil, bad
	}
	if status == payment.Failed {
		setFailure(t, r.FailureReason)
	}
	return t, nil
}

func (c *client) amounts(r *record, t *payment.Transaction) *trouble {
	asked := r.Amount
	if asked == "" {
		asked = r.RequestedAmount
	}
	var bad *trouble
	if t.Amount, bad = c.amount("amount", string(asked), string(r.Currency)); bad != nil {
		return bad
	}
	if r.DepositedAmount != "" && t.Status == payment.Completed {
		moved, bad := c.amount("depositedAmount", string(r.DepositedAmount), string(r.Currency))
		if bad != nil {
			return bad
		}
		t.Settled = &moved
	}
	return nil
}

func (c *client) amount(field, value, currency string) (money.Amount, *trouble) {
	if value == "" || currency == "" {
		return money.Amount{}, invalid("%s or currency is missing in pawaPay's answer", field)
	}
	a, err := c.scale.Parse(value, currency)
	if err != nil {
		return money.Amount{}, invalid("its %s: %v", field, err)
	}
	if value[0] == '-' || value[0] == '+' {
		return money.Amount{}, invalid("%s of pawaPay's answer has a sign: %q", field, clip(value))
	}
	return a, nil
}

func times(r *record, t *payment.Transaction) *trouble {
	var err error
	if r.Created != "" {
		if t.CreatedAt, err = parseTime(string(r.Created)); err != nil {
			return invalid("created of pawaPay's answer can't be read: %v", err)
		}
	}
	done := r.RespondedByPayer
	if done == "" {
		done = r.ReceivedByRecipient
	}
	if done != "" && t.Status == payment.Completed {
		if t.CompletedAt, err = parseTime(string(done)); err != nil {
			return invalid("the completion time of pawaPay's answer can't be read: %v", err)
		}
	}
	return nil
}

func setFailure(t *payment.Transaction, f failure) {
	t.FailureCode, t.FailureMessage = string(f.Code), string(f.Message)
	t.FailureGroup = groupOf(t.FailureCode)
	if t.FailureCode != "" {
		t.RawStatus += "/" + t.FailureCode
	}
	if t.FailureCode == cancelledCode {
		t.Status = payment.Cancelled
	}
}
