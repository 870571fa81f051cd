package pesaway

import (
	"context"
	"encoding/json"
	"strings"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
)

// The result codes that PesaWay gives a meaning.
const (
	codeSuccess = "0"
	codeFailed  = "1"
	codePending = "2"
)

// longestTransactionID is what PesaWay's documents give its ids.
const longestTransactionID = 64

// Status asks by TransactionID; a payout that mobile money doesn't know is
// asked for at the banks' endpoint too, and only when every endpoint says that
// it doesn't know the payment is it Unknown.
func (c *client) Status(ctx context.Context, q provider.Query) provider.Answer {
	id := q.ProviderPaymentID
	if id == "" {
		return troubled(provider.NotAskable, "PesaWay can be asked only by its TransactionID, which is not known; the list finds a completed payment by its ExternalReference").answer()
	}
	if len(id) > longestTransactionID || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return troubled(provider.NotAskable, "provider_payment_id can't be a PesaWay TransactionID: it is longer than %d characters or has spaces in it", longestTransactionID).answer()
	}
	paths := c.opts.queryPaths[q.Kind]
	if len(paths) == 0 {
		return troubled(provider.NotAskable, "a payment of kind %q can't be asked for", clip(string(q.Kind))).answer()
	}
	var t *trouble
	for _, path := range paths {
		var tx payment.Transaction
		if tx, t = c.query(ctx, path, q); t == nil {
			return provider.Answer{Verdict: provider.Found, Transactions: []payment.Transaction{tx}}
		}
		if t.verdict != provider.Unknown {
			break
		}
	}
	return t.answer()
}

func (c *client) query(ctx context.Context, path string, q provider.Query) (payment.Transaction, *trouble) {
	body, t := c.call(ctx, c.opts.queryMethod, path, struct {
		TransactionReference string `json:"TransactionReference"`
	}{q.ProviderPaymentID})
	if t != nil {
		return payment.Transaction{}, t
	}
	if !json.Valid(body) {
		return payment.Transaction{}, troubled(provider.NoAnswer, "PesaWay's answer is no JSON (HTTP 200 with an error page, or broken off); it is asked again in the next run")
	}
	r, err := decodeRecord(body)
	if err != nil {
		return payment.Transaction{}, troubled(provider.Invalid, "PesaWay's answer can't be trusted: %s", wrongPart(err))
	}
	return c.transaction(r, q)
}

// transaction reads a record, which is the answer to q.
func (c *client) transaction(r record, q provider.Query) (payment.Transaction, *trouble) {
	bad := func(format string, args ...any) (payment.Transaction, *trouble) {
		return payment.Transaction{}, troubled(provider.Invalid, format, args...)
	}
	if r.ResultCode == nil || *r.ResultCode == "" {
		return bad("ResultCode is missing in PesaWay's answer")
	}
	// The id is not always sent; then it is the one that was asked for.
	if r.TransactionID != "" && string(r.TransactionID) != q.ProviderPaymentID {
		return bad("PesaWay answered about another transaction: TransactionID is %q", clip(string(r.TransactionID)))
	}
	if !usableID(r.OriginatorReference, r.TransactionReceipt) {
		return bad("OriginatorReference or TransactionReceipt is too long or has control characters in it")
	}
	code := string(*r.ResultCode)
	if !wholeNumber(code) {
		t := troubled(provider.Invalid, "ResultCode %q is no code", clip(code))
		t.raw = clip(code)
		return payment.Transaction{}, t
	}
	tx := payment.Transaction{
		Kind:             q.Kind,
		ID:               q.ProviderPaymentID,
		OwnID:            string(r.OriginatorReference),
		Reference:        string(r.OriginatorReference),
		NetworkReference: string(r.TransactionReceipt),
		Status:           c.statusOf(code, string(r.ResultDesc)),
		RawStatus:        code,
		Account:          accountOf(string(r.ReceiverPartyPublicName)),
	}
	if code != codeSuccess && code != codePending {
		tx.FailureCode, tx.FailureMessage = code, message(string(r.ResultDesc))
	}
	if tx.Status.Final() {
		tx.CompletedAt, _ = readTime(string(r.TransactionCompletedDateTime))
		if tx.Status != payment.Completed {
			tx.FailureGroup = groupOf(code)
		}
	}
	switch {
	case r.TransactionAmount != nil && *r.TransactionAmount != "":
		amount, err := c.amount(string(*r.TransactionAmount), c.currencyOf(q.Amount))
		if err != nil {
			return bad("TransactionAmount can't be used: %v", err)
		}
		tx.Amount = amount
	case tx.Status == payment.Completed:
		return bad("PesaWay says completed, but TransactionAmount is missing")
	default:
		// Where no money moved, the answer may leave the amount out.
		tx.Amount = q.Amount
	}
	return tx, nil
}

// statusOf gives a result code its meaning. Anything that is not known is
// pending: never a failure, after which money could be sent again.
func (c *client) statusOf(code, desc string) payment.Status {
	switch code {
	case codeSuccess:
		return payment.Completed
	case codeFailed:
		if saysPending(desc) {
			return payment.Pending
		}
		return payment.Failed
	case codePending:
		return payment.Pending
	}
	if s, ok := c.opts.resultCodes[code]; ok {
		return s
	}
	return payment.Pending
}

// saysPending tells whether the text of a failure contradicts it.
func saysPending(desc string) bool {
	return containsWord(desc, "pending", "in progress", "being processed", "under processing", "queued") &&
		!containsWord(desc, "fail", "cancel", "declin", "insufficient", "invalid", "timeout", "reject", "revers")
}

func containsWord(s string, words ...string) bool {
	s = strings.ToLower(s)
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// groupOf knows the network's codes that are the customer's doing: cancelled,
// no response, wrong PIN. What a bare 1 means PesaWay doesn't say.
func groupOf(code string) payment.FailureGroup {
	switch code {
	case "1032", "1037", "2001":
		return payment.FailureCustomer
	}
	return payment.FailureUnknown
}

// currencyOf: the answers carry none.
func (c *client) currencyOf(a money.Amount) string {
	if a.Currency != "" {
		return a.Currency
	}
	return c.opts.currency
}

func (c *client) amount(s, currency string) (money.Amount, error) {
	a, err := c.scale.Parse(s, currency)
	if err == nil && a.Minor < 0 {
		return money.Amount{}, errNegative
	}
	return a, err
}
