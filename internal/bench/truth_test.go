package bench

import (
	"strings"

	"tieout/internal/corpus"
	"tieout/internal/money"
	"tieout/internal/payment"
)

// shown is a transaction of the corpus as the client of its provider gives it
// after a status call. It says what the API can say and no more.
func shown(a corpus.Account, t corpus.Transaction) payment.Transaction {
	out := payment.Transaction{
		Kind: t.Kind, ID: t.ID, OwnID: t.OwnID, Reference: t.Reference, NetworkReference: t.NetworkReference, Status: t.Status,
		RawStatus: strings.ToUpper(string(t.Status)), NeedsAction: t.NeedsAction, FailureCode: t.FailureCode, Amount: t.Amount,
		Account: t.Account, CustomerID: t.CustomerID, Metadata: t.Metadata, CreatedAt: t.CreatedAt, CompletedAt: t.CompletedAt,
	}
	if t.RawStatus != "" {
		out.RawStatus = t.RawStatus
	}
	switch a.Type {
	case corpus.Pawapay:
		out.OwnID, out.CompletedAt, out.CustomerID = t.ID, t.CompletedAt, ""
	case corpus.Pesaswap:
		out.OwnID = t.ID // one field for both
		if t.Kind == payment.Deposit {
			out.Account, out.Settled = "", t.Settled
			if t.Status != payment.Reversed {
				out.Refunded = refunded(t)
			}
		}
	case corpus.Pesaway:
		out.OwnID = t.Reference
	case corpus.Pivot:
		out.OwnID = t.Reference
		if t.Kind == payment.Payout {
			out.Batched, out.CustomerID, out.Metadata = true, "", nil
		} else if out.Account = ""; t.Status == payment.Completed {
			out.Settled, out.Refunded = t.Settled, refunded(t)
		}
		out.Fee = t.Fee
	}
	return out
}

// refunded adds up what went back.
func refunded(t corpus.Transaction) *money.Amount {
	sum := money.Amount{Exp: t.Amount.Exp, Currency: t.Amount.Currency}
	for _, r := range t.Refunds {
		if r.Status == payment.Completed {
			sum.Minor += r.Amount.Minor
		}
	}
	return &sum
}

// listed is the transaction as a row of its provider's list; ok is false where
// the list does not show it.
func listed(a corpus.Account, t corpus.Transaction) (row payment.Transaction, ok bool) {
	if t.Unlisted || t.Fault == corpus.FaultHiddenInList {
		return row, false
	}
	row = shown(a, t)
	completed := t.Status == payment.Completed
	switch {
	case a.Type == corpus.Pesaswap && t.Kind == payment.Deposit: // the settled amount is hidden
		row.Partial, row.Settled = true, nil
		if len(t.Refunds) == 0 { // the total stands there where there are any
			row.Refunded = nil
		}
		return row, true
	case a.Type == corpus.Pesaswap:
		return row, true
	case a.Type == corpus.Pesaway && completed:
		row.ID = listID(t.ID)
		return row, true
	case a.Type == corpus.Pivot && t.Kind == payment.Deposit:
		return row, true
	case a.Type == corpus.Pivot && completed: // the balance history
		row.Partial, row.Account = true, ""
		return row, true
	}
	return row, false
}

// listID is the id that PesaWay's list has for a transaction: for some it is
// another one than its status answers have.
func listID(id string) string {
	if id[len(id)-1]%2 == 0 {
		return id
	}
	return "R" + strings.ToLower(id[3:])
}
