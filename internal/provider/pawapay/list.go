package pawapay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"tieout/internal/provider"
)

const (
	// maxStatementRange is the longest range of one statement.
	maxStatementRange = 31 * 24 * time.Hour
	// settleTime is how long after its end a range may still gain entries:
	// statements run 20 minutes late by the current documentation, 60 by the older.
	settleTime = time.Hour
)

// wallet is one balance of the account, which has its own statements.
type wallet struct {
	Country  string `json:"country"`
	Currency string `json:"currency"`
	// Provider is a network's code for the wallets that are one network's
	// only, and must be left out for the others.
	Provider string `json:"provider,omitempty"`
}

func (w wallet) String() string {
	return strings.TrimRight(w.Country+"/"+w.Currency+"/"+w.Provider, "/")
}

// List implements provider.Lister by the statements of all the account's
// wallets; the trouble of one leaves the others readable and makes the list
// incomplete.
func (c *client) List(ctx context.Context, q provider.ListQuery, page func(provider.Page) error) (provider.Reach, error) {
	reach := provider.Reach{CompletedOnly: true}
	if reach.Why = c.noStatements(); reach.Why != "" {
		return reach, nil
	}
	if q.Now.IsZero() {
		q.Now = c.now()
	}
	if !q.From.Before(q.To) || !q.From.Before(q.Now) {
		reach.Complete = !q.From.Before(q.To)
		if !reach.Complete {
			reach.Why = "the range lies in the future"
		}
		return reach, nil
	}
	var whys []string
	err := c.statements(ctx, provider.StatementQuery{From: q.From, To: q.To, Now: q.Now, Memory: q.Memory},
		func(o order, file []byte) (string, error) {
			l := ledger{open: func() (io.Reader, error) { return unzip(file) }, scale: c.scale, kind: q.Kind, from: o.span.from, to: o.span.to}
			err := l.read(ctx, page)
			var unreadable *ledgerError
			if errors.As(err, &unreadable) {
				return unreadable.Error(), nil
			}
			return l.lost(), err
		},
		func(o order, why string) {
			if why == "" && !settled(o.Ordered, o.span.to) {
				why = "the range ended less than an hour before the statement was ordered, and statements run late"
			}
			if why != "" {
				whys = append(whys, fmt.Sprintf("wallet %s: %s", o.wallet, why))
			}
		})
	if err != nil {
		return reach, err
	}
	reach.Complete = len(whys) == 0
	reach.Why = strings.Join(whys, "; ")
	return reach, nil
}

// noStatements says why the account can have none; empty where it can.
func (c *client) noStatements() string {
	switch {
	case !c.version.statements():
		return `pawaPay has no statements in api_version "1"`
	case c.callbackURL == "":
		return "no statement_callback_url is configured, and pawaPay makes no statement without one"
	}
	return ""
}

// reader reads a statement's file and says what it lacks. The error is that of
// whom it hands the rows to.
type reader func(o order, file []byte) (why string, err error)

// statements orders those of all the account's wallets, hands each file to read
// when it is ready, and tells done what is missing of each.
func (c *client) statements(ctx context.Context, q provider.StatementQuery, read reader, done func(o order, why string)) error {
	wallets, err := c.wallets(ctx)
	if err != nil {
		return err
	}
	var orders []order
	for _, w := range wallets {
		for _, s := range spans(q.From, q.To, q.Now) {
			o := order{wallet: w.wallet, span: s}
			if err := c.place(ctx, &o, q); err != nil {
				var bad *trouble
				if !errors.As(err, &bad) {
					return err
				}
				done(o, bad.reason)
				continue
			}
			orders = append(orders, o)
		}
	}
	for _, o := range orders {
		why, err := c.collect(ctx, &o, q, read)
		if err != nil {
			return err
		}
		done(o, why)
	}
	return nil
}

// settled tells whether a statement ordered at a time holds all entries up to to.
func settled(ordered, to time.Time) bool { return !ordered.Before(to.Add(settleTime)) }

// holding is a wallet with what stands in it, as the provider writes it.
type holding struct {
	wallet
	Balance string
}

// wallets reads the account's wallets.
func (c *client) wallets(ctx context.Context) ([]holding, error) {
	body, bad := c.get(ctx, c.version.prefix()+"/wallet-balances")
	if bad != nil {
		return nil, fmt.Errorf("read the wallets: %w", bad)
	}
	var answer struct {
		Balances []struct {
			Country  text `json:"country"`
			Currency text `json:"currency"`
			Provider text `json:"provider"`
			Balance  text `json:"balance"`
		} `json:"balances"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Balances == nil {
		return nil, errors.New("read the wallets: pawaPay's answer holds no balances")
	}
	seen := map[wallet]bool{}
	var out []holding
	for _, b := range answer.Balances {
		w := wallet{Country: string(b.Country), Currency: string(b.Currency), Provider: string(b.Provider)}
		if w.Country == "" || w.Currency == "" {
			return nil, errors.New("read the wallets: a balance has no country or currency")
		}
		if !seen[w] {
			seen[w] = true
			out = append(out, holding{wallet: w, Balance: string(b.Balance)})
		}
	}
	return out, nil
}

// span is the range of one statement: entries of [from, to) are wanted, and
// the range [from, until] of whole seconds is ordered.
type span struct {
	from, to, start, until time.Time
}

// spans cuts a range into what single statements may hold. Whether a
// statement's end is inclusive is not documented, so it is ordered a second
// longer where the limit allows, and rows outside are left out while reading.
// What lies in the future is not ordered.
func spans(from, to, now time.Time) []span {
	var out []span
	for from.Before(to) && from.Before(now) {
		start := from.UTC().Truncate(time.Second)
		end := start.Add(maxStatementRange)
		s := span{from: from, to: to, start: start}
		if end.Before(to) {
			s.to = end
		}
		s.until = earliest(s.to, now).UTC().Add(2*time.Second - 1).Truncate(time.Second)
		s.until = earliest(s.until, end)
		out = append(out, s)
		from = s.to
	}
	return out
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
