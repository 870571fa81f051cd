package store

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"tieout/internal/callback"
	"tieout/internal/ledger"
	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
)

// ImportCallbacks loads a file of raw callbacks of one provider; see
// callback.ReadLines. A message that is known changes nothing. Lines that are
// none go to reject, the rest goes on; all good ones are taken together or not
// at all. Nothing is verified yet: that is the next poll's work.
func (s *Store) ImportCallbacks(ctx context.Context, providerName string, in io.Reader, reject func(callback.Reject) error) (Imported, error) {
	const batch = 500
	type row struct {
		ReceivedAt time.Time  `json:"received_at"`
		Headers    headerJSON `json:"headers"`
		Body       string     `json:"body"`
		Key        string     `json:"import_key"`
	}
	var out Imported
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		var rows []row
		flush := func() error {
			if len(rows) == 0 {
				return nil
			}
			b, err := json.Marshal(rows)
			if err != nil {
				return err
			}
			res, err := tx.ExecContext(ctx, `INSERT INTO tieout.callbacks (provider, received_at, headers, body, import_key)
				SELECT $1, received_at, headers, body, import_key
				FROM jsonb_to_recordset($2::jsonb) AS c (received_at timestamptz, headers jsonb, body text, import_key text)
				ON CONFLICT (provider, import_key) WHERE import_key IS NOT NULL DO NOTHING`, providerName, string(b))
			if err != nil {
				return err
			}
			n, err := res.RowsAffected()
			out.New += n
			rows = rows[:0]
			return err
		}
		err := callback.ReadLines(in, func(r callback.Raw) error {
			out.Read++
			if rows = append(rows, row{r.ReceivedAt, headerJSON(r.Header), string(r.Body), r.Key()}); len(rows) < batch {
				return nil
			}
			return flush()
		}, func(r callback.Reject) error {
			out.SetAside++
			return reject(r)
		})
		if err != nil {
			return err
		}
		return flush()
	})
	out.Unchanged = out.Read - out.New
	return out, wrap("import callbacks", err)
}

// headerJSON is written as names with lists of values, without zero bytes,
// which Postgres refuses.
type headerJSON map[string][]string

// MarshalJSON implements json.Marshaler.
func (h headerJSON) MarshalJSON() ([]byte, error) {
	out := make(map[string][]string, len(h))
	for name, values := range h {
		for _, v := range values {
			out[clean(name)] = append(out[clean(name)], clean(v))
		}
	}
	return json.Marshal(out)
}

// Callback is a raw callback that no run has looked at yet.
type Callback struct {
	ID  int64
	Raw callback.Raw
	// Bad says why the row itself can't be read; empty usually.
	Bad string
}

// NewCallbacks returns the callbacks of a provider that no run has looked at,
// in their order, after the given id.
func (s *Store) NewCallbacks(ctx context.Context, providerName string, after int64, limit int) ([]Callback, error) {
	var rows []struct {
		ID         int64     `db:"id"`
		ReceivedAt time.Time `db:"received_at"`
		Headers    []byte    `db:"headers"`
		Body       string    `db:"body"`
	}
	if err := s.db.SelectContext(ctx, &rows, `SELECT id, received_at, headers, body FROM tieout.callbacks
		WHERE provider = $1 AND processed_at IS NULL AND id > $2 ORDER BY id LIMIT $3`, providerName, after, limit); err != nil {
		return nil, wrap("reading new callbacks of "+providerName, err)
	}
	out := make([]Callback, len(rows))
	for i, r := range rows {
		header, err := callback.ParseHeader(r.Headers)
		out[i] = Callback{ID: r.ID, Raw: callback.Raw{ReceivedAt: r.ReceivedAt.UTC(), Header: header, Body: []byte(r.Body)}}
		if err != nil {
			out[i].Bad = err.Error()
		}
	}
	return out, nil
}

// ReadCallback is a callback with what was read of it.
type ReadCallback struct {
	Callback
	Result provider.CallbackResult
	// Owner is the payment that it belongs to; nil where none, or more than
	// one, could be it.
	Owner *provider.Query
	// Answer is what it says of the payment; a zero one where it says nothing.
	Answer provider.Answer
}

// FindOwners finds the payment of each callback: in the run's snapshot, else
// in the ledger, whatever its date.
func (s *Store) FindOwners(ctx context.Context, run *Run, l *Ledger, rules ledger.Rules, providerName string, list []ReadCallback) error {
	known, err := s.holders(ctx, run, providerName, keysOf(list))
	if err != nil {
		return err
	}
	own(list, known)
	var open []ReadCallback
	for _, c := range list {
		if c.Owner == nil {
			open = append(open, c)
		}
	}
	keys := keysOf(open)
	if len(keys) == 0 {
		return nil
	}
	err = l.Holding(ctx, rules, keys, nil, func(p payment.Payment) error {
		if p.Provider == providerName {
			known = append(known, provider.Query{
				Kind: p.Kind, PaymentID: p.ID, ProviderPaymentID: p.ProviderPaymentID, Reference: p.Reference, Amount: p.Amount, Account: p.Account,
				CustomerID: p.CustomerID, CreatedAt: p.CreatedAt, RefundIDs: p.RefundIDs,
			})
		}
		return nil
	}, func(ledger.Reject) error { return nil })
	if err != nil {
		return wrap("looking for the payments of callbacks of "+providerName, err)
	}
	own(list, known)
	return nil
}

// keysOf are the ids and references that callbacks name. A UUID is looked for
// in both cases.
func keysOf(list []ReadCallback) []string {
	seen := map[string]bool{}
	var out []string
	for _, c := range list {
		for _, k := range []string{c.Result.ID, c.Result.OwnID, c.Result.Reference, c.Result.RefundID} {
			forms := []string{k}
			if len(k) == uuidLength {
				forms = append(forms, strings.ToLower(k), strings.ToUpper(k))
			}
			for _, f := range forms {
				if f = clean(f); f != "" && !seen[f] {
					seen[f] = true
					out = append(out, f)
				}
			}
		}
	}
	return out
}

const uuidLength = 36

// same compares ids: a UUID means the same in either case, other ids do not.
func same(a, b string) bool {
	return a != "" && (a == b || len(a) == uuidLength && strings.EqualFold(a, b))
}

func (s *Store) holders(ctx context.Context, run *Run, providerName string, keys []string) ([]provider.Query, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	var rows []struct {
		PaymentID         string         `db:"payment_id"`
		Kind              payment.Kind   `db:"kind"`
		ProviderPaymentID string         `db:"provider_payment_id"`
		Reference         string         `db:"reference"`
		Minor             int64          `db:"amount"`
		Exp               int            `db:"exp"`
		Currency          string         `db:"currency"`
		CreatedAt         time.Time      `db:"created_at"`
		RefundIDs         pq.StringArray `db:"refund_ids"`
	}
	if err := s.db.SelectContext(ctx, &rows, `SELECT payment_id, kind, coalesce(provider_payment_id, '') AS provider_payment_id, coalesce(reference, '') AS reference,
			amount, exp, currency, created_at, refund_ids
		FROM tieout.run_payments WHERE run_id = $1 AND provider = $2
		  AND (payment_id = ANY ($3) OR provider_payment_id = ANY ($3) OR reference = ANY ($3) OR refund_ids && $3)`,
		run.ID, providerName, pq.Array(keys)); err != nil {
		return nil, wrap("looking for the payments of callbacks of "+providerName, err)
	}
	out := make([]provider.Query, len(rows))
	for i, r := range rows {
		out[i] = provider.Query{
			Kind: r.Kind, PaymentID: r.PaymentID, ProviderPaymentID: r.ProviderPaymentID, Reference: r.Reference,
			Amount: money.Amount{Minor: r.Minor, Exp: r.Exp, Currency: r.Currency}, CreatedAt: r.CreatedAt, RefundIDs: r.RefundIDs,
		}
	}
	return out, nil
}

// own gives each callback without an owner its payment, if exactly one on the
// best rung can be it: a refund's, then the ids, then the reference.
func own(list []ReadCallback, payments []provider.Query) {
	index := map[string][]int{}
	for i, p := range payments {
		for _, k := range append([]string{p.PaymentID, p.ProviderPaymentID, p.Reference}, p.RefundIDs...) {
			index[strings.ToLower(k)] = append(index[strings.ToLower(k)], i)
		}
	}
	for i := range list {
		r := list[i].Result
		if list[i].Owner != nil || r.Batched && r.Reference == "" {
			continue
		}
		for _, rung := range []func(provider.CallbackResult, provider.Query) bool{ofRefund, ofID, ofReference} {
			found := map[string]int{}
			for _, k := range []string{r.ID, r.OwnID, r.Reference, r.RefundID} {
				for _, at := range index[strings.ToLower(k)] {
					if p := payments[at]; k != "" && (r.Kind == "" || r.Kind == p.Kind) && rung(r, p) {
						found[p.PaymentID] = at
					}
				}
			}
			for _, at := range found {
				if len(found) == 1 {
					list[i].Owner = &payments[at]
				}
			}
			if len(found) > 0 {
				break
			}
		}
	}
}

func ofRefund(r provider.CallbackResult, p provider.Query) bool {
	for _, id := range p.RefundIDs {
		if same(id, r.RefundID) {
			return true
		}
	}
	return false
}

func ofID(r provider.CallbackResult, p provider.Query) bool {
	if r.Batched {
		return same(p.ProviderPaymentID, r.ID) && (p.Reference == r.Reference || p.PaymentID == r.Reference)
	}
	return same(p.ProviderPaymentID, r.ID) || same(p.PaymentID, r.OwnID)
}

func ofReference(r provider.CallbackResult, p provider.Query) bool {
	return r.Reference != "" && p.Reference == r.Reference && (p.ProviderPaymentID == "" || same(p.ProviderPaymentID, r.ID))
}
