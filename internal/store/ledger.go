package store

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"tieout/internal/ledger"
	"tieout/internal/namedsql"
	"tieout/internal/payment"
)

// Ledger is the source of payments: tieout's own table, or a query on the
// merchant's database over a connection of its own, which only ever reads.
type Ledger struct {
	db    *sqlx.DB
	own   bool // db is the store's
	query string
}

// ownLedger reads the default source.
const ownLedger = `SELECT id, kind, provider, provider_payment_id, reference, amount, currency, status, account, customer_id,
	save_method, metadata, created_at, updated_at, refunded_amount, refund_ids
	FROM tieout.payments WHERE created_at >= :from AND created_at < :to`

// OpenLedger opens the ledger source. Empty dsn and query mean the table
// tieout.payments.
func (s *Store) OpenLedger(ctx context.Context, dsn, query string) (*Ledger, error) {
	l := &Ledger{db: s.pool, own: true, query: strings.TrimRight(strings.TrimSpace(query), ";")}
	if l.query == "" {
		l.query = ownLedger
	}
	if dsn != "" {
		db, err := connect(ctx, dsn)
		if err != nil {
			return nil, fmt.Errorf("ledger: %w", err)
		}
		l.db, l.own = db, false
	}
	return l, nil
}

// isOurs tells whether payments come from tieout's own table.
func (l *Ledger) isOurs() bool { return l.own && l.query == ownLedger }

// Close ends the ledger's own connections.
func (l *Ledger) Close() error {
	if l.own {
		return nil
	}
	return l.db.Close()
}

// Read streams the payments created in [from, to).
func (l *Ledger) Read(ctx context.Context, rules ledger.Rules, from, to time.Time, row func(payment.Payment) error, reject func(ledger.Reject) error) error {
	q, args := bindRange(l.query, from, to)
	if l.isOurs() {
		q += ` ORDER BY id COLLATE "C"` // sorting costs less than filling the snapshot's index in any order, least of all as bytes
	}
	inside := func(p payment.Payment) error {
		if p.CreatedAt.Before(from) || !p.CreatedAt.Before(to) {
			return nil // a query that does not use its bounds
		}
		return row(p)
	}
	return l.read(ctx, rules, q, args, inside, reject)
}

// Holding streams the payments of any time that hold one of the keys: as id,
// as the provider's id or as reference, in any spelling that refs let count.
func (l *Ledger) Holding(ctx context.Context, rules ledger.Rules, keys []string, refs References, row func(payment.Payment) error, reject func(ledger.Reject) error) error {
	const most = 5000
	for len(keys) > 0 {
		n := min(most, len(keys))
		q, args := bindRange(l.query, time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))
		args = append(args, pq.Array(keys[:n]))
		k := fmt.Sprintf("$%d", len(args))
		q = `SELECT * FROM (` + q + `) ledger WHERE ledger.id::text = ANY (` + k + `) OR ledger.provider_payment_id::text = ANY (` + k +
			`) OR ledger.reference::text = ANY (` + k + `)`
		if respelled := refs.providers(); len(respelled) > 0 {
			args = append(args, pq.Array(respelled))
			q += fmt.Sprintf(` OR (ledger.provider::text, %s) IN (SELECT n.provider, %s FROM unnest($%d::text[]) AS n (provider), unnest(%s::text[]) AS k (key))`,
				refs.key("ledger.provider::text", "ledger.reference::text"), refs.key("n.provider", "k.key"), len(args), k)
		}
		if err := l.read(ctx, rules, q, args, row, reject); err != nil {
			return err
		}
		keys = keys[n:]
	}
	return nil
}

// readLinked is Read for those of our own payments that carry one of the values
// under its metadata key.
func (l *Ledger) readLinked(ctx context.Context, rules ledger.Rules, from, to time.Time, values map[string][]string, row func(payment.Payment) error, reject func(ledger.Reject) error) error {
	q, args := bindRange(l.query, from, to)
	var one []string
	for _, key := range slices.Sorted(maps.Keys(values)) {
		args = append(args, key, pq.Array(values[key]))
		one = append(one, fmt.Sprintf("ledger.metadata ->> $%d = ANY ($%d)", len(args)-1, len(args)))
	}
	return l.read(ctx, rules, `SELECT * FROM (`+q+`) ledger WHERE `+strings.Join(one, " OR "), args, row, reject)
}

func (l *Ledger) read(ctx context.Context, rules ledger.Rules, q string, args []any, row func(payment.Payment) error, reject func(ledger.Reject) error) error {
	tx, err := l.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	rows, err := tx.QueryContext(ctx, q, args...)
	if err != nil {
		return fmt.Errorf("ledger.query: %w", err)
	}
	defer func() { _ = rows.Close() }()
	names, err := rows.Columns()
	if err != nil {
		return fmt.Errorf("ledger.query: %w", err)
	}
	at := map[string]int{}
	for i, n := range names {
		at[strings.ToLower(n)] = i
	}
	for _, c := range ledger.Columns {
		if _, ok := at[c]; !ok && !ledger.Optional(c) {
			return fmt.Errorf("ledger.query: the result lacks the column %q", c)
		}
	}
	values := make([]sql.NullString, len(names))
	into := make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	get := func(column string) (string, bool) {
		i, ok := at[column]
		if !ok {
			return "", false
		}
		return values[i].String, values[i].Valid
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("ledger.query: %w", err)
		}
		p, bad := rules.Parse(get)
		if bad != nil {
			err = reject(*bad)
		} else {
			err = row(p)
		}
		if err != nil {
			return err
		}
	}
	return wrap("ledger.query", rows.Err())
}

// bindRange replaces :from and :to by the query's parameters.
func bindRange(q string, from, to time.Time) (string, []any) {
	value := map[string]time.Time{"from": from, "to": to}
	number := map[string]int{}
	var args []any
	bound := namedsql.Parse(q).Bind(func(_ int, name string) string {
		at, known := value[name]
		if !known {
			return ":" + name // the server says what is wrong with it
		}
		if number[name] == 0 {
			args = append(args, at)
			number[name] = len(args)
		}
		return fmt.Sprintf("$%d::timestamptz", number[name])
	})
	return bound, args
}
