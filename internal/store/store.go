// Package store is everything that speaks SQL: the schema, the runs and their
// working tables, evidence and results. One file a job; queries stand beside
// the code or, where they are long, in sql/.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"github.com/pressly/goose/v3"

	"tieout/migrations"
)

//go:embed sql/*.sql
var queries embed.FS

// query returns an embedded SQL file.
func query(name string) string {
	b, err := queries.ReadFile("sql/" + name)
	if err != nil {
		panic(err) // a file that the build embeds
	}
	return string(b)
}

// Store is tieout's own database.
type Store struct {
	db querier
	// pool is what db reads and writes, but for a dry run, whose db is one
	// transaction that is never committed.
	pool *sqlx.DB
	dry  *dryRun
}

// querier is what the queries need: a pool of connections, or the one
// transaction of a dry run.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	GetContext(ctx context.Context, dest any, query string, args ...any) error
	SelectContext(ctx context.Context, dest any, query string, args ...any) error
}

// MinVersion is the oldest PostgreSQL that tieout runs on.
const MinVersion = 14

// Open connects and checks that the server can be used. The error names the
// host, never the password.
func Open(ctx context.Context, dsn string) (*Store, error) {
	db, err := connect(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	var version int
	if err := db.GetContext(ctx, &version, `SELECT current_setting('server_version_num')::int / 10000`); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("database: reading the server's version: %w", err)
	}
	if version < MinVersion {
		_ = db.Close()
		return nil, fmt.Errorf("database: PostgreSQL %d is too old, %d or later is needed", version, MinVersion)
	}
	return &Store{db: db, pool: db}, nil
}

func connect(ctx context.Context, dsn string) (*sqlx.DB, error) {
	to, err := pq.NewConnector(dsn)
	if err != nil {
		return nil, errors.New("the URL can't be read (expected postgres://user:password@host:5432/name?sslmode=...)")
	}
	db := sqlx.NewDb(sql.OpenDB(textCopying{to}), "postgres")
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(4)
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("%s can't be reached: %w", where(dsn), err)
	}
	return db, nil
}

// where names the server of a URL without user and password.
func where(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil || u.Host == "" {
		return "the database"
	}
	return "the database at " + u.Host
}

// MaskKey returns the secret under which this installation masks numbers; it is
// as old as the schema and never changes.
func (s *Store) MaskKey(ctx context.Context) ([]byte, error) {
	var key []byte
	err := s.db.GetContext(ctx, &key, `SELECT key FROM tieout.mask_key`)
	return key, wrap("reading the key of the masks", err)
}

// Close ends all connections.
func (s *Store) Close() error { return s.pool.Close() }

// Migration is one step of the schema.
type Migration struct {
	Version int64
	Name    string
	Applied *time.Time // nil: pending
}

// migrationLock keeps two migrators apart; a lock of a transaction, so that it
// works behind a pooler too.
const migrationLock = 7_461_205_031

// Migrate brings the schema up to date and returns how many steps it took.
func (s *Store) Migrate(ctx context.Context) (int, error) {
	tx, err := s.pool.BeginTx(ctx, nil)
	if err != nil {
		return 0, fmt.Errorf("migrate: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(migrationLock)); err != nil {
		return 0, fmt.Errorf("migrate: waiting for another migration: %w", err)
	}
	if _, err := s.db.ExecContext(ctx, `CREATE SCHEMA IF NOT EXISTS tieout`); err != nil {
		return 0, fmt.Errorf("migrate: creating the schema tieout: %w", err)
	}
	p, err := s.goose()
	if err != nil {
		return 0, err
	}
	results, err := p.Up(ctx)
	if err != nil {
		return 0, fmt.Errorf("migrate: %w", err)
	}
	return len(results), nil
}

// MigrationStatus lists all steps.
func (s *Store) MigrationStatus(ctx context.Context) ([]Migration, error) {
	applied := map[int64]time.Time{}
	exists, err := s.exists(ctx, `SELECT to_regclass('tieout.goose_db_version') IS NOT NULL`)
	if err != nil {
		return nil, err
	}
	if exists {
		rows := []struct {
			Version int64     `db:"version_id"`
			At      time.Time `db:"tstamp"`
		}{}
		if err := s.db.SelectContext(ctx, &rows, `SELECT version_id, tstamp FROM tieout.goose_db_version WHERE is_applied`); err != nil {
			return nil, fmt.Errorf("migrate status: %w", err)
		}
		for _, r := range rows {
			applied[r.Version] = r.At
		}
	}
	files, err := migrations.FS.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("migrate status: %w", err)
	}
	var out []Migration
	for _, f := range files {
		m := Migration{Name: f.Name()}
		if _, err := fmt.Sscanf(f.Name(), "%d_", &m.Version); err != nil {
			continue
		}
		if at, ok := applied[m.Version]; ok {
			m.Applied = &at
		}
		out = append(out, m)
	}
	return out, nil
}

// ErrSchema says that the schema is missing or old.
var ErrSchema = errors.New("the database's schema is not up to date: run `tieout migrate up`, or allow it with database.migrate: true")

// CheckSchema returns ErrSchema where a migration is pending.
func (s *Store) CheckSchema(ctx context.Context) error {
	all, err := s.MigrationStatus(ctx)
	if err != nil {
		return err
	}
	for _, m := range all {
		if m.Applied == nil {
			return ErrSchema
		}
	}
	return nil
}

func (s *Store) goose() (*goose.Provider, error) {
	p, err := goose.NewProvider(goose.DialectPostgres, s.pool.DB, migrations.FS,
		goose.WithTableName("tieout.goose_db_version"), goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true),
		goose.WithAllowOutofOrder(true))
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	return p, nil
}

func (s *Store) exists(ctx context.Context, q string, args ...any) (bool, error) {
	var yes bool
	if err := s.db.GetContext(ctx, &yes, q, args...); err != nil {
		return false, fmt.Errorf("database: %w", err)
	}
	return yes, nil
}

// inTx runs f in one transaction.
func (s *Store) inTx(ctx context.Context, f func(tx *sqlx.Tx) error) error {
	if s.dry != nil {
		return s.dry.inTx(ctx, f)
	}
	tx, err := s.pool.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// inQuickTx is inTx without waiting for the disk: for what a run saves by the
// hundred and asks for again where the server itself crashes within a second.
// What the run commits by inTx afterwards is on disk only after all of it.
func (s *Store) inQuickTx(ctx context.Context, f func(tx *sqlx.Tx) error) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `SET LOCAL synchronous_commit = off`); err != nil {
			return err
		}
		return f(tx)
	})
}

// inHeavyTx is inTx for joins of whole ranges: with memory for them, where the
// server's default is made for many small queries, and without compiling them.
func (s *Store) inHeavyTx(ctx context.Context, f func(tx *sqlx.Tx) error) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `SET LOCAL work_mem = '192MB'; SET LOCAL jit = off`); err != nil {
			return err
		}
		return f(tx)
	})
}

// steps splits an SQL file at its "-- step: name" lines.
func steps(file string) []struct{ Name, SQL string } {
	var out []struct{ Name, SQL string }
	for _, part := range strings.Split(query(file), "-- step: ")[1:] {
		name, body, _ := strings.Cut(part, "\n")
		out = append(out, struct{ Name, SQL string }{strings.TrimSpace(name), body})
	}
	return out
}

// null turns an empty text into NULL.
func null(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

// textArray is an array parameter that is never NULL.
func textArray(s []string) any { return pq.Array(append([]string{}, s...)) }
