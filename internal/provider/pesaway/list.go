package pesaway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"tieout/internal/payment"
	"tieout/internal/provider"
)

const (
	fullPage = 100 // rows at most in an answer
	// zoneMargin widens the range that is asked for: the zone of StartDate and
	// EndDate is not documented, and Kenya is UTC+3.
	zoneMargin = 3 * time.Hour
	listTime   = "2006-01-02 15:04:05"
)

var transTypes = map[payment.Kind]string{payment.Deposit: "Collection", payment.Payout: "Payment"}

// pullRequest is the body of a list call.
type pullRequest struct {
	StartDate   string `json:"StartDate"`
	EndDate     string `json:"EndDate"`
	TransType   string `json:"TransType"`
	OffsetValue int    `json:"OffsetValue"`
}

// List reads pull-transactions. Its rows are completed transactions; they are
// kept or left out by their TransactionDate, the only time that they carry,
// which stands for both creation and completion. Rows are told apart by their
// Reference, which becomes the transaction's ID and need not equal the
// TransactionID that a status answer carries.
func (c *client) List(ctx context.Context, q provider.ListQuery, page func(provider.Page) error) (provider.Reach, error) {
	transType, ok := transTypes[q.Kind]
	if !ok {
		return provider.Reach{}, fmt.Errorf("list PesaWay: kind %q is not known", clip(string(q.Kind)))
	}
	if c.opts.generation == "A" {
		return provider.Reach{Why: "PesaWay's API of generation A has no list"}, nil
	}
	until := q.To
	if !q.Now.IsZero() && q.Now.Before(until) {
		until = q.Now
	}
	if !q.From.Before(until) {
		return provider.Reach{Complete: true, CompletedOnly: true}, nil
	}
	w := walk{
		c: c, q: q, transType: transType, currency: c.listCurrency(q.Currencies), page: page,
		seen: map[string]struct{}{},
		request: pullRequest{
			StartDate: q.From.UTC().Add(-zoneMargin).Format(listTime),
			// A second more, as the format cuts fractions off.
			EndDate:   until.UTC().Add(zoneMargin + time.Second).Format(listTime),
			TransType: transType,
		},
	}
	return w.run(ctx)
}

// listCurrency is the one of the payments, where all have the same, as a status
// answer takes its payment's; otherwise the account's.
func (c *client) listCurrency(ofPayments []string) string {
	if len(ofPayments) == 1 && ofPayments[0] != "" {
		return ofPayments[0]
	}
	return c.opts.currency
}

// walk goes through all pages of one list.
type walk struct {
	c         *client
	q         provider.ListQuery
	request   pullRequest
	transType string
	currency  string
	page      func(provider.Page) error
	seen      map[string]struct{} // References, of rows left out too
}

// run asks until a page brings nothing. A page that isn't full should be the
// last; asking once more costs little and holds for servers with smaller pages.
func (w *walk) run(ctx context.Context) (provider.Reach, error) {
	whole := provider.Reach{Complete: true, CompletedOnly: true}
	wasFull := true
	for {
		body, t := w.c.call(ctx, http.MethodPost, w.c.opts.listPath, w.request)
		switch {
		case t == nil:
		case w.request.OffsetValue > 0 && (t.verdict == provider.Unknown || t.verdict == provider.Refused && !wasFull):
			return whole, nil // there is nothing at this offset
		case t.verdict == provider.Unknown:
			return provider.Reach{CompletedOnly: true, Why: "PesaWay answers the list with code " + envelopeNotFound}, nil
		default:
			return provider.Reach{}, fmt.Errorf("list PesaWay %ss from row %d: %w", w.q.Kind, w.request.OffsetValue, t)
		}
		rows, err := decodeRows(body)
		if err != nil {
			return provider.Reach{}, fmt.Errorf("list PesaWay %ss from row %d: the answer can't be read as a list", w.q.Kind, w.request.OffsetValue)
		}
		fresh, p := w.read(rows)
		if len(p.Transactions)+len(p.Invalid) > 0 {
			if err := w.page(p); err != nil {
				return provider.Reach{}, err
			}
		}
		if fresh == 0 {
			if len(rows) >= fullPage {
				return provider.Reach{CompletedOnly: true, Why: "PesaWay's list sends the same rows again from page to page"}, nil
			}
			return whole, nil
		}
		wasFull = len(rows) >= fullPage
		w.request.OffsetValue += len(rows)
	}
}

// read turns the rows of a page into transactions and counts those that were
// not there before; rows that came in while the pages were read shift the rest.
func (w *walk) read(rows []json.RawMessage) (fresh int, p provider.Page) {
	for _, raw := range rows {
		r, err := decodeRow(raw)
		// A row without a reference is known by all of its text.
		key := string(r.Reference)
		if key == "" {
			key = string(raw)
		}
		if _, ok := w.seen[key]; ok {
			continue
		}
		w.seen[key] = struct{}{}
		fresh++
		if err != nil {
			p.Invalid = append(p.Invalid, invalidRow(r, wrongPart(err)))
			continue
		}
		w.add(r, &p)
	}
	return fresh, p
}

// add puts a row where it belongs: into the page, among its invalid rows, or
// nowhere when it isn't of the range or the kind.
func (w *walk) add(r pullRow, p *provider.Page) {
	known := slices.ContainsFunc([]string{"Collection", "Payment", "Refund"}, func(s string) bool {
		return strings.EqualFold(s, string(r.TransactionType))
	})
	if known && !strings.EqualFold(string(r.TransactionType), w.transType) {
		return
	}
	at, ok := readTime(string(r.TransactionDate))
	if ok && (at.Before(w.q.From) || !at.Before(w.q.To)) {
		return
	}
	bad := func(format string, args ...any) {
		p.Invalid = append(p.Invalid, invalidRow(r, fmt.Sprintf(format, args...)))
	}
	if !known && r.TransactionType != "" {
		bad("TransactionType %q is not known", clip(string(r.TransactionType)))
		return
	}
	if !ok {
		bad("TransactionDate %q is no date", clip(string(r.TransactionDate)))
		return
	}
	if r.Reference == "" {
		bad("Reference is missing")
		return
	}
	if !usableID(r.Reference, r.ExternalReference, r.Receipt) {
		bad("Reference, ExternalReference or Receipt is too long or has control characters in it")
		return
	}
	// Rows have no status, as they are completed ones. Should one have it all
	// the same, no other word may pass for completed.
	if r.Status != "" && !slices.Contains([]string{"completed", "complete", "success", "successful"}, strings.ToLower(string(r.Status))) {
		bad("Status %q in a list of completed transactions", clip(string(r.Status)))
		return
	}
	amount, err := w.c.amount(string(r.Amount), w.currency)
	if err != nil {
		bad("Amount can't be used: %v", err)
		return
	}
	p.Transactions = append(p.Transactions, payment.Transaction{
		Kind:             w.q.Kind,
		ID:               string(r.Reference),
		OwnID:            string(r.ExternalReference),
		Reference:        string(r.ExternalReference),
		NetworkReference: string(r.Receipt),
		Status:           payment.Completed,
		RawStatus:        string(r.Status),
		Amount:           amount,
		Account:          accountOf(string(r.Recipient)),
		CreatedAt:        at,
		CompletedAt:      at,
	})
}

func invalidRow(r pullRow, reason string) provider.InvalidRow {
	return provider.InvalidRow{ID: clip(string(r.Reference)), Reference: clip(string(r.ExternalReference)), Reason: reason}
}
