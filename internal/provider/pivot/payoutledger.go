package pivot

import (
	"tieout/internal/payment"
	"tieout/internal/provider"
)

// payoutLedger gathers the balance history's rows about payouts. A payout that
// failed after it was booked has its money booked back: rows of one payout that
// cancel each other out are no payout.
type payoutLedger struct {
	order   []string
	rows    map[string]payoutRow
	invalid []provider.InvalidRow
	fees    *feeBook
	batches map[string]string // item reference -> transactionId; empty where it has several
}

type payoutRow struct {
	ledgerRow
	net int64
}

func newPayoutLedger() *payoutLedger {
	return &payoutLedger{rows: map[string]payoutRow{}, fees: newFeeBook(), batches: map[string]string{}}
}

// add takes a row of the range. The time of booking stands for the payout's:
// the money leaves the balance when the payout is taken on.
func (l *payoutLedger) add(q provider.ListQuery, r ledgerRow, f *failure) {
	if !r.date.IsZero() && (r.date.Before(q.From) || !r.date.Before(q.To)) {
		return
	}
	bad := ""
	switch status := word(r.SettlementStatus); {
	case f != nil:
		bad = f.reason
	case r.ReferenceID == "" || !isUUID(r.TransactionID):
		bad = "a balance history row about a payout lacks transactionId or referenceId"
	case status == "PENDING" || status == "FAILED" || status == "CANCELLED":
		return // not moved, or not yet
	case status != "SUCCESS" && status != "ACTIVE" && status != "":
		bad = "unknown settlementStatus " + slug(r.SettlementStatus)
	}
	if bad != "" {
		// The batch's id would blame all of its payouts.
		l.invalid = append(l.invalid, provider.InvalidRow{Reference: r.ReferenceID, Reason: bad})
		return
	}
	key := r.TransactionID + "/" + r.ReferenceID
	row, known := l.rows[key]
	if !known {
		row = payoutRow{ledgerRow: r}
		l.order = append(l.order, key)
		if other, ok := l.batches[r.ReferenceID]; ok && other != r.TransactionID {
			l.batches[r.ReferenceID] = ""
		} else {
			l.batches[r.ReferenceID] = r.TransactionID
		}
	}
	row.net += r.amount.Minor
	l.rows[key] = row
	l.fees.add(r, key, r.ReferenceID)
}

// transactions gives what moved. A row hides recipient, creation and the
// item's own status, so it is partial.
func (l *payoutLedger) transactions() []payment.Transaction {
	var out []payment.Transaction
	for _, key := range l.order {
		r := l.rows[key]
		if r.net == 0 {
			continue
		}
		amount := r.amount
		amount.Minor = abs(amount.Minor)
		t := payment.Transaction{
			Kind: payment.Payout, ID: r.TransactionID, Batched: true, OwnID: r.ReferenceID, Reference: r.ReferenceID,
			Status: payment.Completed, RawStatus: r.SettlementStatus, Amount: amount,
			CreatedAt: r.date, Partial: true,
		}
		t.Fee = l.fees.fee(amount, key)
		out = append(out, t)
	}
	return out
}
