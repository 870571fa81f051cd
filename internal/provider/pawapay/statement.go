package pawapay

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tieout/internal/provider"
	"tieout/internal/statement"
)

// Statement implements provider.Statements by the same statements as List, which
// show all wallets' movements: both kinds of payments, fees, refunds, top ups
// and withdrawals.
func (c *client) Statement(ctx context.Context, q provider.StatementQuery, page func(provider.StatementPage) error) ([]provider.Covered, string, error) {
	if q.Now.IsZero() {
		q.Now = c.now()
	}
	if why := c.noStatements(); why != "" || !q.From.Before(q.To) || !q.From.Before(q.Now) {
		return nil, why, nil
	}
	var whys []string
	reached := coverage{}
	err := c.statements(ctx, q, func(o order, file []byte) (string, error) { return c.movements(ctx, o, file, page) }, func(o order, why string) {
		if why != "" {
			whys = append(whys, fmt.Sprintf("wallet %s: %s", o.wallet, why))
		}
		reached.add(o, why == "")
	})
	switch {
	case ctx.Err() != nil:
		return nil, "", fmt.Errorf("read the statements: %w", context.Cause(ctx))
	case err != nil:
		return nil, "", err
	}
	return reached.list(), strings.Join(whys, "; "), nil
}

// movements hands the rows of a statement's file on, as an imported file's.
func (c *client) movements(ctx context.Context, o order, file []byte, page func(provider.StatementPage) error) (string, error) {
	var p provider.StatementPage
	var failed error // of page
	aside := 0
	flush := func(least int) error {
		if len(p.Rows)+len(p.SetAside) < least {
			return nil
		}
		if failed = ctx.Err(); failed == nil {
			failed = page(p)
		}
		p = provider.StatementPage{}
		return failed
	}
	rd := statement.Reader{Type: "pawapay", Scale: c.scale}
	err := rd.Read(bytes.NewReader(file), func(r statement.Row) error {
		if at := r.CreatedAt; !at.IsZero() && (at.Before(o.span.from) || !at.Before(o.span.to)) {
			return nil
		}
		r.Wallet = o.wallet.String()
		p.Rows = append(p.Rows, r)
		return flush(pageSize)
	}, func(r statement.Reject) error {
		aside++
		p.SetAside = append(p.SetAside, r)
		return flush(pageSize)
	})
	if failed == nil && err == nil {
		err = flush(1)
	}
	switch {
	case failed != nil:
		return "", failed
	case err != nil:
		return "the statement's file can't be read: " + err.Error(), nil
	case aside > 0:
		return fmt.Sprintf("%d rows of the statement can't be read", aside), nil
	}
	return "", nil
}

// coverage gathers of which times the statements of all wallets of a currency
// show everything.
type coverage map[coverageKey]*provider.Covered

type coverageKey struct {
	currency string
	from     time.Time
}

// add notes the statement of one wallet and span. Entries come late, so it
// reaches no nearer to its order than that; a currency one wallet of which has no
// statement is not covered.
func (v coverage) add(o order, whole bool) {
	key := coverageKey{o.wallet.Currency, o.span.from}
	until := earliest(o.span.to, o.Ordered.Add(-settleTime))
	if !whole {
		until = o.span.from
	}
	if have := v[key]; have != nil {
		until = earliest(until, have.To)
	}
	v[key] = &provider.Covered{Currency: o.wallet.Currency, From: o.span.from, To: until}
}

func (v coverage) list() []provider.Covered {
	var out []provider.Covered
	for _, c := range slices.SortedFunc(maps.Values(v), func(a, b *provider.Covered) int {
		return cmp.Or(strings.Compare(a.Currency, b.Currency), a.From.Compare(b.From))
	}) {
		if c.From.Before(c.To) {
			out = append(out, *c)
		}
	}
	return out
}

// Balances implements provider.Balances.
func (c *client) Balances(ctx context.Context) ([]provider.Balance, error) {
	wallets, err := c.wallets(ctx)
	if err != nil {
		return nil, err
	}
	var out []provider.Balance
	var bad []error
	for _, w := range wallets {
		a, err := c.scale.Parse(w.Balance, w.Currency)
		if err != nil {
			bad = append(bad, fmt.Errorf("the balance of wallet %s can't be read: %w", clip(w.String()), err))
			continue
		}
		out = append(out, provider.Balance{Wallet: w.String(), Amount: a})
	}
	return out, errors.Join(bad...)
}
