package pivot

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"tieout/internal/money"
	"tieout/internal/provider"
	"tieout/internal/statement"
)

// homeCurrency is that of Pivot's wallets where no row names one.
const homeCurrency = "IDR"

// usecases are Pivot's words for an account's wallets.
var usecases = []string{"DISBURSEMENT", "PAYMENT", "WALLET"}

// Statement implements provider.Statements by the balance history of all
// wallets. What it says of deposits' fees serves their list as well.
func (c *client) Statement(ctx context.Context, q provider.StatementQuery, page func(provider.StatementPage) error) ([]provider.Covered, string, error) {
	if q.Now.IsZero() {
		q.Now = c.Now()
	}
	if !q.From.Before(q.To) {
		return nil, "", nil
	}
	var failed error // of page
	book, currencies, aside := newFeeBook(), map[string]bool{homeCurrency: true}, 0
	why, f := c.ledger(ctx, q.From, q.To.Add(paidLate), q.Now, "", func(entries []ledgerEntry) bool {
		book.addDeposits(entries)
		p := c.statementPage(q, entries)
		for _, r := range p.Rows {
			currencies[r.Amount.Currency] = true
		}
		aside += len(p.SetAside)
		if len(p.Rows)+len(p.SetAside) > 0 {
			failed = page(p)
		}
		return failed == nil
	})
	switch {
	case failed != nil:
		return nil, "", failed
	case ctx.Err() != nil:
		return nil, "", fmt.Errorf("pivot: read the balance history: %w", context.Cause(ctx))
	case f != nil:
		return nil, "the balance history can't be read: " + f.reason, nil
	}
	c.keepDepositFees(book, q.From, q.To)
	switch {
	case why != "":
		return nil, why, nil
	case aside > 0:
		return nil, fmt.Sprintf("%d rows of the balance history can't be read", aside), nil
	}
	var covered []provider.Covered
	for currency := range currencies {
		covered = append(covered, provider.Covered{Currency: currency, From: q.From, To: q.To})
	}
	return covered, "", nil
}

// statementPage keeps the rows of the range.
func (c *client) statementPage(q provider.StatementQuery, entries []ledgerEntry) (p provider.StatementPage) {
	for _, e := range entries {
		if !e.date.IsZero() && (e.date.Before(q.From) || !e.date.Before(q.To)) {
			continue
		}
		if row, bad := c.movement(e); bad != nil {
			p.SetAside = append(p.SetAside, *bad)
		} else {
			p.Rows = append(p.Rows, row)
		}
	}
	return p
}

// movement makes a statement's row of one of the balance history, read as an
// exported one would be.
func (c *client) movement(r ledgerEntry) (statement.Row, *statement.Reject) {
	if r.fault != nil {
		return statement.Row{}, &statement.Reject{Reason: r.fault.reason}
	}
	fee := ""
	if r.fee != nil && r.fee.Currency == r.amount.Currency {
		fee = r.fee.String()
	}
	row, bad := statement.Reader{Type: "pivot", Scale: c.Scale}.Row(map[string]string{
		"provider_payment_id": r.TransactionID, "reference": r.ReferenceID, "kind": r.TransactionType, "amount": r.amount.String(),
		"currency": r.amount.Currency, "fee": fee, "status": r.SettlementStatus, "created_at": r.date.UTC().Format(time.RFC3339Nano),
	})
	row.Wallet = walletOf(r.BalanceType)
	// what can't be read is as good as not stated: the balance changed when the money moved
	if at, f := instant("settlementDate", r.SettlementDate); f == nil && at.After(r.date) {
		row.SettledAt = at
	}
	return row, bad
}

// walletOf gives the wallet that a row's display text means ("Payment
// Balance"); the text itself where it is none that is documented.
func walletOf(display string) string {
	d := strings.ToLower(display)
	for _, usecase := range usecases {
		if strings.Contains(d, strings.ToLower(usecase)) {
			return strings.ToLower(usecase)
		}
	}
	if strings.Contains(d, "payout") {
		return "disbursement"
	}
	return d
}

// Balances implements provider.Balances. A wallet that the account doesn't have
// is left out.
func (c *client) Balances(ctx context.Context) ([]provider.Balance, error) {
	var out []provider.Balance
	for _, usecase := range usecases {
		a, f := c.balance(ctx, usecase)
		if f != nil && f.verdict == provider.Unknown {
			continue
		}
		if f != nil {
			return out, fmt.Errorf("pivot: read the balance: %s", f.reason)
		}
		out = append(out, provider.Balance{Wallet: strings.ToLower(usecase), Amount: a})
	}
	return out, nil
}

// balance reads what can be used of one wallet now.
func (c *client) balance(ctx context.Context, usecase string) (money.Amount, *failure) {
	e, f := c.get(ctx, "/v1/balances", url.Values{"usecase": {usecase}})
	if f != nil {
		return money.Amount{}, f
	}
	var data struct {
		AvailableBalance *amountDTO `json:"availableBalance"`
	}
	if f := decode(e.Data, &data); f != nil {
		return money.Amount{}, f
	}
	return c.amount("availableBalance", data.AvailableBalance, signed)
}
