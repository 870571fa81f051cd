package bench

import (
	"context"
	"regexp"
	"strings"

	"tieout/internal/corpus"
	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
)

// accountTruth is one account of a world, found by what its API can be asked by.
type accountTruth struct {
	corpus.Account
	txs   []corpus.Transaction
	byID  map[string][]int
	byRef map[string][]int
	saved map[string]bool // ids of transactions that left a token
	http  *httpx.Client
}

func newAccountTruth(a corpus.Account, txs []corpus.Transaction) *accountTruth {
	t := &accountTruth{Account: a, byID: map[string][]int{}, byRef: map[string][]int{}, saved: map[string]bool{}}
	for _, x := range txs {
		if x.Provider != a.Name {
			continue
		}
		n := len(t.txs)
		t.txs = append(t.txs, x)
		t.byID[key(x.Kind, x.ID)] = append(t.byID[key(x.Kind, x.ID)], n)
		if x.Reference != "" {
			t.byRef[key(x.Kind, x.Reference)] = append(t.byRef[key(x.Kind, x.Reference)], n)
		}
		t.saved[x.ID] = x.SavedMethod
	}
	return t
}

func key(k payment.Kind, id string) string { return string(k) + "\x00" + id }

// specs are the four provider types, answered from a world instead of over
// HTTP: what comes out of a client is the same, and nothing else is measured.
func specs(w corpus.World) []provider.Spec {
	accounts := map[string]*accountTruth{}
	for _, a := range w.Accounts {
		accounts[a.Name] = newAccountTruth(a, w.Transactions)
	}
	open := func(s provider.Settings) (provider.Client, error) {
		t := accounts[s.Name]
		t.http = s.HTTP
		switch t.Type {
		case corpus.Pawapay: // its statements need a callback URL
			return t, nil
		case corpus.Pivot:
			return savingClient{listingClient{t}}, nil
		default:
			return listingClient{t}, nil
		}
	}
	return []provider.Spec{
		{Type: corpus.Pawapay, AsksByOwnID: true, OwnIDs: true, New: open},
		{Type: corpus.Pesaswap, AsksByOwnID: true, New: open},
		{Type: corpus.Pesaway, ListIDsDiffer: true, New: open},
		{Type: corpus.Pivot, AsksByOwnID: true, New: open},
	}
}

var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// Check implements provider.Client.
func (t *accountTruth) Check(context.Context) (string, error) { return "from the corpus", nil }

// Status implements provider.Client as the API of the account's type can be
// asked.
func (t *accountTruth) Status(ctx context.Context, q provider.Query) provider.Answer {
	a := t.status(q)
	if a.Verdict == provider.NoAnswer {
		// an answer that is of no use, not a provider that is down: that one is waited for
		if _, err := t.http.Do(ctx, httpx.Request{Path: "/"}); err != nil {
			a.Reason = err.Error()
		}
	}
	return a
}

func (t *accountTruth) status(q provider.Query) provider.Answer {
	switch t.Type {
	case corpus.Pawapay:
		return t.pawapay(q)
	case corpus.Pesaway:
		if q.ProviderPaymentID == "" {
			return provider.Answer{Verdict: provider.NotAskable, Reason: "only its list finds it"}
		}
		a := t.answer(t.byID[key(q.Kind, q.ProviderPaymentID)])
		for i := range a.Transactions { // its answers name no time of creation
			a.Transactions[i].CreatedAt = q.CreatedAt
		}
		return a
	case corpus.Pesaswap:
		return t.pesaswap(q)
	default:
		return t.pivot(q)
	}
}

func (t *accountTruth) pawapay(q provider.Query) provider.Answer {
	id := q.ProviderPaymentID
	if id == "" {
		id = q.PaymentID
	}
	if !uuidForm.MatchString(id) {
		return provider.Answer{Verdict: provider.NotAskable, Reason: "the id is no UUID"}
	}
	a := t.answer(t.byID[key(q.Kind, strings.ToLower(id))])
	for i := range a.Transactions {
		x := &a.Transactions[i]
		if len(q.RefundIDs) > 0 && x.Status == payment.Completed { // nothing else leads to them
			x.Refunded = refunded(t.txs[t.byID[key(q.Kind, x.ID)][0]])
		}
	}
	return a
}

func (t *accountTruth) pesaswap(q provider.Query) provider.Answer {
	if q.ProviderPaymentID != "" {
		return t.answer(t.byID[key(q.Kind, q.ProviderPaymentID)])
	}
	if found := t.byID[key(q.Kind, q.PaymentID)]; len(found) > 0 {
		return t.answer(found)
	}
	if found := t.byRef[key(q.Kind, q.Reference)]; q.Kind == payment.Payout && len(found) > 0 {
		return t.answer(found)
	}
	return provider.Answer{Verdict: provider.NotAskable, Reason: "only its list finds it"}
}

func (t *accountTruth) pivot(q provider.Query) provider.Answer {
	var found []int
	if q.Kind == payment.Payout {
		for _, n := range t.byID[key(q.Kind, q.ProviderPaymentID)] {
			if ref := t.txs[n].Reference; ref == q.Reference || ref == q.PaymentID {
				found = append(found, n)
			}
		}
		return t.answer(found)
	}
	if found = t.byID[key(q.Kind, q.ProviderPaymentID)]; len(found) == 0 {
		found = append(append(found, t.byRef[key(q.Kind, q.PaymentID)]...), t.byRef[key(q.Kind, q.Reference)]...)
	}
	return t.answer(found)
}

// answer says what became of the transactions with these numbers; none is
// positively unknown.
func (t *accountTruth) answer(found []int) provider.Answer {
	if len(found) == 0 {
		return provider.Answer{Verdict: provider.Unknown, Reason: "the provider does not know it"}
	}
	a := provider.Answer{Verdict: provider.Found}
	for _, n := range found {
		x := t.txs[n]
		switch x.Fault {
		case corpus.FaultDown, corpus.FaultGarbage:
			return provider.Answer{Reason: "no usable answer"}
		case corpus.FaultRefused:
			return provider.Answer{Verdict: provider.Refused, Reason: "refused"}
		case corpus.FaultAmount:
			return provider.Answer{Verdict: provider.Invalid, Reason: "the amount can't be held by its currency"}
		case corpus.FaultStatusWord:
			return provider.Answer{Verdict: provider.Invalid, Reason: "the status is no word that is documented", RawStatus: "ON_HOLD"}
		}
		a.Transactions = append(a.Transactions, shown(t.Account, x))
	}
	return a
}

// pageRows is how many rows the in-process lists show on a page.
const pageRows = 100

// listingClient has a list too.
type listingClient struct{ *accountTruth }

// List implements provider.Lister.
func (c listingClient) List(_ context.Context, q provider.ListQuery, page func(provider.Page) error) (provider.Reach, error) {
	var p provider.Page
	for _, x := range c.txs {
		if x.Kind != q.Kind || x.CreatedAt.Before(q.From) || !x.CreatedAt.Before(q.To) {
			continue
		}
		row, ok := listed(c.Account, x)
		if !ok {
			continue
		}
		if p.Transactions = append(p.Transactions, row); len(p.Transactions) == pageRows {
			if err := page(p); err != nil {
				return provider.Reach{}, err
			}
			p = provider.Page{}
		}
	}
	if len(p.Transactions) > 0 {
		if err := page(p); err != nil {
			return provider.Reach{}, err
		}
	}
	return reach(c.Account, q.Kind), nil
}

// reach is what the list of an account proves.
func reach(a corpus.Account, k payment.Kind) provider.Reach {
	switch {
	case a.Type == corpus.Pesaway:
		return provider.Reach{Complete: true, CompletedOnly: true}
	case a.Type == corpus.Pivot && k == payment.Payout:
		return provider.Reach{CompletedOnly: true, Why: "there is no list of payouts"}
	default:
		return provider.Reach{Complete: true}
	}
}

// savingClient can show saved methods too.
type savingClient struct{ listingClient }

// SavedMethods implements provider.SavedMethods.
func (c savingClient) SavedMethods(_ context.Context, _ string, t payment.Transaction) (present, checkable bool, reason string) {
	if t.Kind != payment.Deposit || t.Status != payment.Completed {
		return false, false, "only a completed deposit leaves one"
	}
	return c.saved[t.ID], true, ""
}
