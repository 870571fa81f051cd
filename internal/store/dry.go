package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// dryRun is one transaction that is never committed: a dry run sees what it
// would have written, and nobody else ever does.
type dryRun struct {
	mu sync.Mutex // a connection does one thing at a time
	tx *sqlx.Tx
}

// Dry returns a store for a dry run; end forgets all that was done with it.
func (s *Store) Dry(ctx context.Context) (dry *Store, end func() error, err error) {
	tx, err := s.pool.BeginTxx(ctx, nil)
	if err != nil {
		return nil, nil, wrap("beginning a dry run", err)
	}
	// A dry run gives way: where it meets rows that a run is just writing, it
	// ends before Postgres has to choose between the two (deadlock_timeout is 1s).
	if _, err := tx.ExecContext(ctx, `SET LOCAL lock_timeout = '100ms'`); err != nil {
		return nil, nil, errors.Join(wrap("beginning a dry run", err), tx.Rollback())
	}
	d := &dryRun{tx: tx}
	return &Store{db: d, pool: s.pool, dry: d}, func() error {
		if err := tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
			return wrap("ending a dry run", err)
		}
		return nil
	}, nil
}

func (d *dryRun) inTx(ctx context.Context, f func(tx *sqlx.Tx) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	// what would be dropped on commit is dropped here
	var temporary []string
	if err := d.tx.SelectContext(ctx, &temporary, `SELECT relname FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relkind = 'r'`); err != nil {
		return err
	}
	for _, t := range temporary {
		if _, err := d.tx.ExecContext(ctx, `DROP TABLE pg_temp.`+pq.QuoteIdentifier(t)); err != nil {
			return err
		}
	}
	return f(d.tx)
}

func (d *dryRun) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.tx.ExecContext(ctx, query, args...)
}

func (d *dryRun) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.tx.QueryContext(ctx, query, args...) //nolint:sqlclosecheck // the caller closes what it gets
}

func (d *dryRun) GetContext(ctx context.Context, dest any, query string, args ...any) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.tx.GetContext(ctx, dest, query, args...)
}

func (d *dryRun) SelectContext(ctx context.Context, dest any, query string, args ...any) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.tx.SelectContext(ctx, dest, query, args...)
}
