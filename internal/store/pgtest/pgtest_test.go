package pgtest_test

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"tieout/internal/store/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func open(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	one, two := open(t, pgtest.URL(t)), open(t, pgtest.URL(t))
	if _, err := one.ExecContext(t.Context(), `CREATE TABLE mine (id int)`); err != nil {
		t.Fatal(err)
	}
	var there bool
	if err := two.QueryRowContext(t.Context(), `SELECT to_regclass('mine') IS NOT NULL`).Scan(&there); err != nil {
		t.Fatal(err)
	}
	if there {
		t.Error("a table of one test is seen by another")
	}
}

func TestPreparedIsPreparedOnceAndCopiedForEach(t *testing.T) {
	t.Parallel()
	var runs atomic.Int32
	name := uuid.NewString() // another template each time that the test is run
	prepare := func(ctx context.Context, url string) (err error) {
		runs.Add(1)
		db, err := sql.Open("postgres", url)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		_, err = db.ExecContext(ctx, `CREATE TABLE prepared AS SELECT 7 AS n`)
		return err
	}
	for range 4 {
		t.Run("copy", func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			url := pgtest.Prepared(t, name, prepare)
			t.Logf("took %v", time.Since(began))
			db := open(t, url)
			var n int
			if err := db.QueryRowContext(t.Context(), `SELECT n FROM prepared`).Scan(&n); err != nil || n != 7 {
				t.Errorf("got %d, %v; want the prepared row", n, err)
			}
			if _, err := db.ExecContext(t.Context(), `UPDATE prepared SET n = 8`); err != nil {
				t.Error(err)
			}
			if got := runs.Load(); got != 1 {
				t.Errorf("prepared %d times, want once", got)
			}
		})
	}
}
