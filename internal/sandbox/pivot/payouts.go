package pivot

import (
	"net/http"
	"net/url"

	"tieout/internal/corpus"
	"tieout/internal/money"
	"tieout/internal/payment"
)

// payout answers the three reads below one path: a batch, one item of a batch,
// and the items of a reference alone.
func (s *server) payout(id string, q url.Values) answer {
	switch {
	case id == "balance":
		return s.balance(url.Values{"usecase": {"DISBURSEMENT"}})
	case q.Get("type") == "single":
		return s.items(id)
	}
	batch := s.account.ByID(payment.Payout, id)
	var shown []corpus.Transaction
	for _, t := range batch {
		if !has(t, "-GHOST") {
			shown = append(shown, t)
		}
	}
	if len(shown) == 0 {
		return missing()
	}
	if ref := q.Get("referenceId"); ref != "" {
		for _, t := range shown {
			if reference(t) == ref {
				if a, bad := s.spoilt(t); bad {
					return a
				}
				return found(fields{"uuid": id, "merchantId": s.merchant(), "payoutResults": s.results(shown), "payouts": s.item(t, true)})
			}
		}
		return missing()
	}
	var spoilt *answer // by an item of the page
	a := paged(q, len(shown), func(i int) any {
		if bad, is := s.spoilt(shown[i]); is {
			spoilt = &bad
		}
		return s.item(shown[i], true)
	})
	if a.status != http.StatusOK {
		return a
	}
	if spoilt != nil {
		return *spoilt
	}
	created, updated := shown[0].CreatedAt, shown[0].CreatedAt
	for _, t := range shown {
		if t.CreatedAt.Before(created) {
			created = t.CreatedAt
		}
		if end := last(group{t}); updated.Before(end) {
			updated = end
		}
	}
	a.body["data"] = fields{
		"uuid": id, "merchantId": s.merchant(), "created": seconds(created), "updated": seconds(updated),
		"status": batchStatus(shown), "payoutResults": s.results(shown), "payouts": a.body["data"],
	}
	return a
}

func (s *server) items(ref string) answer {
	rows := []any{}
	for _, t := range s.account.ByReference(payment.Payout, ref) {
		if reference(t) != ref || has(t, "-GHOST") {
			continue
		}
		if a, bad := s.spoilt(t); bad {
			return a
		}
		rows = append(rows, s.item(t, true))
	}
	if len(rows) == 0 {
		return missing()
	}
	return found(rows)
}

func (s *server) merchant() string { return uuidOf("merchant", s.account.Name) }

func (s *server) item(t corpus.Transaction, polled bool) fields {
	status, reason := itemStatus(t)
	if polled && s.slow(t) {
		status, reason = "PENDING", ""
	}
	if t.RawStatus != "" {
		status = t.RawStatus
	}
	if t.Fault == corpus.FaultStatusWord {
		status = "ON_HOLD"
	}
	amount := asText(t.Amount)
	if t.Fault == corpus.FaultAmount {
		amount["value"] = "1000.0001"
	}
	out := fields{
		"referenceId": reference(t), "amount": amount, "channelCode": choose([]string{"BCA", "BRI", "MANDIRI", "BNI"}, "bank", t.Account),
		"channelInformation": fields{"accountNumber": t.Account, "accountName": "Budi Contoh"}, "description": "Sandbox",
		"inquiryId": "", "created": seconds(t.CreatedAt), "updated": seconds(last(group{t})), "reason": reason,
	}
	if status != "" {
		out["status"] = status
	}
	return out
}

// itemStatus gives an item's word and the reason beside it.
func itemStatus(t corpus.Transaction) (status, reason string) {
	switch t.Status {
	case payment.Completed:
		return "SUCCESS", ""
	case payment.Failed, payment.Expired, payment.Reversed: // the money is back in the balance
		return "FAILED", reasonOf(t)
	case payment.Cancelled:
		return "CANCELLED", ""
	case payment.Rejected:
		return "REJECTED", ""
	case payment.Created:
		return "", ""
	}
	if t.NeedsAction == payment.ActionTopUp {
		return "APPROVED", choose([]string{"", "Insufficient Balance"}, "reason", t.ID)
	}
	return choose([]string{"PENDING", "PROCESSING", "DELAYED"}, "open", t.ID, t.Reference), ""
}

func reasonOf(t corpus.Transaction) string {
	if t.FailureCode != "" {
		return t.FailureCode
	}
	return "Inactive account"
}

// batchStatus is final for the request only: DONE says that all was handed on.
func batchStatus(items []corpus.Transaction) string {
	status := "IN_PROGRESS"
	for _, t := range items {
		if t.Status == payment.Pending && t.NeedsAction == payment.ActionTopUp {
			return "PENDING"
		}
		if t.Status != payment.Created {
			status = "DONE"
		}
	}
	return status
}

// results adds up the items by what became of them.
func (s *server) results(items []corpus.Transaction) fields {
	out := fields{}
	for name, words := range map[string][]string{
		"Success": {"SUCCESS"}, "Failed": {"FAILED", "REJECTED"}, "Cancelled": {"CANCELLED"},
		"Pending": {"", "APPROVED", "PENDING", "PROCESSING", "DELAYED"},
	} {
		count, sum := 0, int64(0)
		for _, t := range items {
			status, _ := itemStatus(t)
			for _, w := range words {
				if status == w {
					count++
					sum += majorUnits(t.Amount)
				}
			}
		}
		out["total"+name+"Count"], out["total"+name+"Amount"] = count, sum
	}
	return out
}

func majorUnits(a money.Amount) int64 {
	v := a.Minor
	for range a.Exp {
		v /= 10
	}
	return v
}
