package pesaswap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
)

const (
	searchLimit = 20 // the most that this list allows
	// searchPages bounds the search for a reference that many payouts share:
	// such a reference names none of them.
	searchPages = 5
)

// byReference looks for payouts that carry the payment's reference and
// retrieves each. Finding none proves nothing: the search misses payouts
// without a customer.
func (c *client) byReference(ctx context.Context, q provider.Query) provider.Answer {
	const lists = "only PesaSwap's list can find this payout"
	if q.Reference == "" {
		return notAskable("neither a provider_payment_id nor a reference is known, and PesaSwap has no payout under our own id: " + lists)
	}
	ids, stopped := c.search(ctx, q.Reference)
	if stopped != nil {
		return *stopped
	}
	if len(ids) == 0 {
		return notAskable("no provider_payment_id is known, and PesaSwap's search shows no payout with this reference, which proves nothing: " + lists)
	}
	return c.each(ctx, q, ids)
}

// each retrieves the objects that a list or a search has shown with the
// payment's reference.
func (c *client) each(ctx context.Context, q provider.Query, ids []string) provider.Answer {
	all := provider.Answer{Verdict: provider.Found}
	for _, id := range ids {
		a := c.ask(ctx, q, id)
		switch a.Verdict {
		case provider.Found:
			all.Transactions = append(all.Transactions, a.Transactions...)
		case provider.Unknown:
			return invalid(flawed("PesaSwap shows %s %s with this reference, but its retrieve does not know it", q.Kind, clip(id)))
		default:
			return a // one that is missing could be the one that was paid
		}
	}
	return all
}

// search returns the ids of all payouts with a reference, each once: the list
// shows a payout as often as it was attempted.
func (c *client) search(ctx context.Context, reference string) ([]string, *provider.Answer) {
	var ids []string
	seen := map[string]bool{}
	for page := 0; page < searchPages; page++ {
		rows, stopped := c.searchPage(ctx, reference, page*searchLimit)
		if stopped != nil {
			return nil, stopped
		}
		for _, raw := range rows {
			row, _ := readObject(raw) // of what is no object, the id is missing
			id := row.text("payout_id")
			if !askable(id) {
				a := invalid(flawed("payout_id of a search result is missing or can't exist"))
				return nil, &a
			}
			if row.text("merchant_order_reference_id") != reference {
				a := notAskable("this PesaSwap server does not search by reference; only its list can find this payout")
				return nil, &a
			}
			if !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
		if len(rows) < searchLimit {
			return ids, nil
		}
	}
	a := notAskable("too many payouts at PesaSwap carry this reference; give provider_payment_id")
	return nil, &a
}

func (c *client) searchPage(ctx context.Context, reference string, offset int) ([]json.RawMessage, *provider.Answer) {
	body, err := json.Marshal(map[string]any{
		"merchant_order_reference_id": reference, "limit": searchLimit, "offset": offset,
	})
	if err != nil {
		a := notAskable("this reference can't be asked for: " + err.Error())
		return nil, &a
	}
	header := c.header.Clone()
	header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(ctx, httpx.Request{Method: http.MethodPost, Path: "/payouts/list", Header: header, Body: body})
	if err != nil {
		a := silence(err)
		return nil, &a
	}
	rows, err := readRows(resp)
	if err == nil {
		return rows, nil
	}
	e := readError(resp)
	a := e.judge()
	switch {
	case resp.Status == http.StatusOK && e.code == "":
		a = provider.Answer{Reason: "PesaSwap's search for the reference can't be read: " + err.Error()}
	case e.status == http.StatusBadRequest && e.code == codeBody, e.status == http.StatusNotFound:
		// Servers before 2025-07 can't, or the lists are switched off.
		a = notAskable(fmt.Sprintf("this PesaSwap server can't search by reference (HTTP %d %s); only its list can find this payout", e.status, clip(e.code)))
	}
	return nil, &a
}

// readRows takes the rows out of a list's answer, unread: one bad row must not
// lose the others.
func readRows(resp httpx.Response) ([]json.RawMessage, error) {
	o, e, err := readAnswer(resp)
	if e != nil {
		return nil, errors.New(e.judge().Reason)
	}
	if err != nil {
		return nil, err
	}
	rows, told, err := o.raws("data")
	if err != nil {
		return nil, err
	}
	if !told {
		return nil, errors.New("data is missing")
	}
	return rows, nil
}
