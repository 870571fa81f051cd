package pawapay

import (
	"context"
	"fmt"
	"strings"

	"tieout/internal/money"
	"tieout/internal/payment"
)

// refunded adds up the completed refunds of a payment. Nothing at pawaPay
// leads from a deposit to its refunds, so one that can't be asked for leaves
// the sum, and with it the whole answer, open.
func (c *client) refunded(ctx context.Context, ids []string, of *payment.Transaction) (*money.Amount, *trouble) {
	sum := money.Amount{Exp: of.Amount.Exp, Currency: of.Amount.Currency}
	seen := map[string]bool{}
	for i, id := range ids {
		if !isUUID(id) {
			return nil, noUse("refund %d of the payment has an id that is no UUID and cannot exist at pawaPay; correct it in the merchant's records", i+1)
		}
		id = strings.ToLower(id)
		if seen[id] {
			continue
		}
		seen[id] = true
		r, bad := c.ask(ctx, of.Kind, refundObject, id)
		if bad != nil {
			bad.reason = fmt.Sprintf("refund %s: %s", id, bad.reason)
			return nil, bad
		}
		if r == nil || r.Status != payment.Completed {
			continue // never accepted, still open, or failed: no money went back
		}
		total, err := sum.Add(r.Amount)
		if err != nil {
			return nil, invalid("refund %s can't be added to the payment's refunds: %v", id, err)
		}
		sum = total
	}
	return &sum, nil
}
