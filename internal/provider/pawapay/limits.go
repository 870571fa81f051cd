package pawapay

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
)

// operation is what a network allows for one kind of payment.
type operation struct {
	Name     text `json:"operationType"`
	Decimals text `json:"decimalsInAmount"`
	Min      text `json:"minAmount"`
	Max      text `json:"maxAmount"`
	// The older names.
	MinOld text `json:"minTransactionLimit"`
	MaxOld text `json:"maxTransactionLimit"`
}

// operations reads the three shapes that the vendor's pages show: an object by
// name, a list of such objects, and a list of operations that name themselves.
func (c confCurrency) operations() map[string]operation {
	out := map[string]operation{}
	var parts []json.RawMessage
	if json.Unmarshal(c.OperationTypes, &parts) != nil {
		parts = []json.RawMessage{c.OperationTypes}
	}
	for _, raw := range parts {
		var named operation
		if json.Unmarshal(raw, &named) == nil && named.Name != "" {
			out[string(named.Name)] = named
			continue
		}
		var byName map[string]operation
		if json.Unmarshal(raw, &byName) == nil {
			maps.Copy(out, byName)
		}
	}
	return out
}

// allowed is the widest that the account's networks allow of one kind and
// currency: which network a payment goes through isn't known here.
type allowed struct {
	fractions    bool // told that some network moves them, or nothing told
	least, most  *money.Amount
	noMin, noMax bool // a network states none
}

// limits gives what the networks allow of a kind, by currency.
func (conf activeConf) limits(kind payment.Kind, scale money.Scale) map[string]allowed {
	out := map[string]allowed{}
	for _, country := range conf.Countries {
		for _, cur := range country.all() {
			currency := string(cur.Currency)
			for name, op := range cur.operations() {
				if isOf(name, kind) {
					out[currency] = out[currency].with(op, currency, scale)
				}
			}
		}
	}
	return out
}

// isOf tells whether an operation makes payments of a kind: DEPOSIT, and those
// that are one in another way (PUSH_DEPOSIT, USSD_DEPOSIT).
func isOf(operation string, kind payment.Kind) bool {
	word := strings.ToUpper(string(kind))
	return operation == word || strings.HasSuffix(operation, "_"+word)
}

// with widens what is allowed by one more operation.
func (a allowed) with(op operation, currency string, scale money.Scale) allowed {
	a.fractions = a.fractions || op.Decimals != "NONE"
	low, err := scale.Parse(eitherOf(op.Min, op.MinOld), currency)
	a.noMin = a.noMin || err != nil
	if err == nil && (a.least == nil || low.Minor < a.least.Minor) {
		a.least = &low
	}
	high, err := scale.Parse(eitherOf(op.Max, op.MaxOld), currency)
	a.noMax = a.noMax || err != nil
	if err == nil && (a.most == nil || high.Minor > a.most.Minor) {
		a.most = &high
	}
	return a
}

func eitherOf(texts ...text) string {
	for _, t := range texts {
		if t != "" {
			return string(t)
		}
	}
	return ""
}

// decimals says where the configured decimals contradict the networks.
func (conf activeConf) decimals(scale money.Scale) []string {
	moved := map[string]bool{}
	for _, kind := range []payment.Kind{payment.Deposit, payment.Payout} {
		for currency, a := range conf.limits(kind, scale) {
			moved[currency] = moved[currency] || a.fractions
		}
	}
	var notes []string
	for _, currency := range slices.Sorted(maps.Keys(scale)) {
		if fractions, told := moved[currency]; told && !fractions && scale[currency] > 0 {
			notes = append(notes, fmt.Sprintf("decimals gives %s %d places, but no network of the account moves fractions of it", currency, scale[currency]))
		}
	}
	return notes
}

// Notes implements provider.Noter: it compares the configured decimals, and the
// smallest, largest and finest amounts of a run, with what the account's
// networks can move.
func (c *client) Notes(ctx context.Context, sums []provider.Extremes) ([]string, error) {
	conf, err := c.activeConf(ctx)
	if err != nil {
		return nil, err
	}
	notes := conf.decimals(c.scale)
	for _, x := range sums {
		a, told := conf.limits(x.Kind, c.scale)[x.Currency]
		what := fmt.Sprintf("%ss in %s", x.Kind, x.Currency)
		if !told {
			notes = append(notes, "no network of the account moves "+what)
			continue
		}
		if x.Fractions && !a.fractions {
			notes = append(notes, "some "+what+" have fractions, which no network of the account moves")
		}
		if a.least != nil && !a.noMin && x.Least.Minor < a.least.Minor {
			notes = append(notes, fmt.Sprintf("of the %s the smallest is %s, and no network of the account moves less than %s", what, x.Least.Human(), a.least.Human()))
		}
		if a.most != nil && !a.noMax && x.Most.Minor > a.most.Minor {
			notes = append(notes, fmt.Sprintf("of the %s the largest is %s, and no network of the account moves more than %s", what, x.Most.Human(), a.most.Human()))
		}
	}
	return notes, nil
}
