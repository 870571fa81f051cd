package corpus

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"time"

	"tieout/internal/money"
	"tieout/internal/payment"
)

// booked is what the provider's statement shows of a transaction as moved, and
// false where it shows nothing.
func booked(t Transaction) (money.Amount, bool) {
	switch {
	case t.Booked != nil:
		return *t.Booked, !t.Booked.IsZero()
	case t.Unlisted, t.Status != payment.Completed && t.Status != payment.Reversed:
		return money.Amount{}, false
	case t.Settled != nil:
		return *t.Settled, true
	default:
		return t.Amount, true
	}
}

// WriteStatementCSV writes the account's statement as its provider's files look:
// under the documented headers, where there are any, else under those of
// `import statement`. Money that went back stands in rows of its own.
func (w World) WriteStatementCSV(out io.Writer, a Account) error {
	form := statementForms[a.Type]
	c := csv.NewWriter(out)
	if err := c.Write(form.header); err != nil {
		return fmt.Errorf("writing the statement of %s: %w", a.Name, err)
	}
	for _, t := range w.Transactions {
		if t.Provider != a.Name {
			continue
		}
		amount, shown := booked(t)
		if !shown {
			continue
		}
		if t.CompletedAt.IsZero() { // reversed, or booked though the status answer says no
			t.CompletedAt = t.CreatedAt.Add(time.Minute)
		}
		for _, row := range form.rows(t, amount) {
			if err := c.Write(row); err != nil {
				return fmt.Errorf("writing the statement of %s: %s: %w", a.Name, t.ID, err)
			}
		}
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return fmt.Errorf("writing the statement of %s: %w", a.Name, err)
	}
	return nil
}

// statementForm is how the files of a provider type look.
type statementForm struct {
	header []string
	rows   func(t Transaction, amount money.Amount) [][]string
}

var statementForms = map[string]statementForm{
	Pawapay: {
		[]string{"Creation Date", "MSISDN", "Transaction ID", "Amount", "Currency", "Type"},
		func(t Transaction, amount money.Amount) [][]string {
			row := func(id string, amount money.Amount, word string) []string {
				return []string{stamp(t.CompletedAt), t.Account, id, amount.String(), amount.Currency, word}
			}
			word := strings.ToUpper(string(t.Kind))
			rows := [][]string{row(t.ID, amount, word)}
			if t.Fee != nil && t.Fee.Currency == amount.Currency {
				rows = append(rows, row(t.ID, *t.Fee, word+"_FEE"))
			}
			return append(rows, refundRows(t, func(r Refund) []string { return row(r.ID, r.Amount, "REFUND") })...)
		},
	},
	Pesaway: {
		[]string{"Reference", "Receipt", "TransactionDate", "Recipient", "ExternalReference", "TransactionType", "Amount"},
		func(t Transaction, amount money.Amount) [][]string {
			word := map[payment.Kind]string{payment.Deposit: "Collection", payment.Payout: "Payment"}[t.Kind]
			return [][]string{{t.ID, t.NetworkReference, stamp(t.CompletedAt), t.Account + " - Jane Wanjiku", t.Reference, word, amount.String()}}
		},
	},
	Pivot: {
		[]string{"Date", "Reference ID", "Transaction ID", "Transaction Type", "Amount", "Currency", "Fee", "Settlement Status"},
		func(t Transaction, amount money.Amount) [][]string {
			word := map[payment.Kind]string{payment.Deposit: "VA Payment", payment.Payout: "Disbursement"}[t.Kind]
			fee := ""
			if t.Fee != nil && t.Fee.Currency == amount.Currency {
				fee = t.Fee.String()
			}
			row := func(id, reference string, amount money.Amount, word, fee string) []string {
				return []string{stamp(t.CompletedAt), reference, id, word, amount.String(), amount.Currency, fee, "SUCCESS"}
			}
			rows := [][]string{row(t.ID, t.Reference, amount, word, fee)}
			return append(rows, refundRows(t, func(r Refund) []string { return row(r.ID, t.Reference, r.Amount, "Refund", "") })...)
		},
	},
	Pesaswap: {
		[]string{"provider_payment_id", "reference", "kind", "amount", "currency", "status", "created_at", "completed_at"},
		func(t Transaction, amount money.Amount) [][]string {
			row := func(id, word string, amount money.Amount, status payment.Status) []string {
				return []string{id, t.Reference, word, amount.String(), amount.Currency, string(status), stamp(t.CreatedAt), stamp(t.CompletedAt)}
			}
			status := t.Status
			if t.Booked != nil {
				status = payment.Completed
			}
			rows := [][]string{row(t.ID, string(t.Kind), amount, status)}
			return append(rows, refundRows(t, func(r Refund) []string { return row(r.ID, "refund", r.Amount, payment.Completed) })...)
		},
	},
}

func refundRows(t Transaction, row func(Refund) []string) (rows [][]string) {
	for _, r := range t.Refunds {
		if r.Status == payment.Completed {
			rows = append(rows, row(r))
		}
	}
	return rows
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// statementRecipes are the differences that only a statement shows.
func statementRecipes() []recipe {
	return []recipe{
		{payment.SettlementMismatch, 1, everywhere, bookedOtherwise},
		{payment.SettlementMismatch, 1, everywhere, notBooked},
		{payment.SettlementMismatch, 1, everywhere, bookedThoughFailed},
		{payment.MissingInternally, 0, at(Pawapay), orphan}, // which lists nothing
	}
}

// bookedOtherwise: both records agree, and the statement shows another amount.
func bookedOtherwise(g *generator, a *account, k payment.Kind) bool {
	p, t, ok := g.pair(a, k, anyAge)
	if !ok {
		return false
	}
	amount := half(p.Amount)
	amount.Minor += p.Amount.Minor
	t.Booked = &amount
	g.sometimesCompleted(&p)
	g.add(p, t)
	g.plant(payment.SettlementMismatch, p, "the statement shows another amount than the status answer")
	return true
}

// notBooked: the status answer says completed, and the statement lacks it.
func notBooked(g *generator, a *account, k payment.Kind) bool {
	p, t, ok := g.pair(a, k, anyAge)
	if !ok {
		return false
	}
	t.Booked = &money.Amount{Exp: p.Amount.Exp, Currency: p.Amount.Currency}
	g.sometimesCompleted(&p)
	g.add(p, t)
	g.plant(payment.SettlementMismatch, p, "completed by the status answer, and not in the statement")
	return true
}

// bookedThoughFailed: the status answer says failed, and the statement shows
// that the money moved.
func bookedThoughFailed(g *generator, a *account, k payment.Kind) bool {
	p, t, ok := g.pair(a, k, anyAge)
	if !ok {
		return false
	}
	ended(a, &t, payment.Failed)
	t.Booked = &p.Amount
	g.add(p, t)
	g.plant(payment.SettlementMismatch, p, "failed by the status answer, and moved by the statement")
	return true
}
