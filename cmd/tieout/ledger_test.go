package main

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/store/pgtest"
)

// orders is a merchant's own table, as it may look; its database has a role
// that may only read it.
func orders(t *testing.T, filled *site) (reader string) {
	t.Helper()
	merchant := pgtest.URL(t)
	db, err := sqlx.Open("postgres", merchant)
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	exec := func(query string, args ...any) {
		t.Helper()
		_, err := db.ExecContext(t.Context(), query, args...)
		require.NoError(t, err, query)
	}
	u, err := url.Parse(merchant)
	require.NoError(t, err)
	role := "reader_" + strings.TrimPrefix(u.Path, "/test_")
	exec(`CREATE TABLE orders (order_no text PRIMARY KEY, direction text, psp text, psp_id text, ref text, total numeric, ccy text, state text, msisdn text,
		customer text, keep_card boolean, tags jsonb, placed timestamptz, touched timestamptz, given_back numeric, refund_list jsonb)`)
	var rows []map[string]any
	got, err := filled.db.QueryxContext(t.Context(), `SELECT * FROM tieout.payments`)
	require.NoError(t, err)
	defer func() { _ = got.Close() }()
	for got.Next() {
		row := map[string]any{}
		require.NoError(t, got.MapScan(row))
		rows = append(rows, row)
	}
	require.NoError(t, got.Err())
	for _, p := range rows {
		exec(`INSERT INTO orders VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`, p["id"], p["kind"], p["provider"], p["provider_payment_id"],
			p["reference"], p["amount"], p["currency"], p["status"], p["account"], p["customer_id"], p["save_method"], p["metadata"], p["created_at"], p["updated_at"],
			p["refunded_amount"], p["refund_ids"])
	}
	exec(`CREATE ROLE ` + role + ` LOGIN PASSWORD 'reads-only'`)
	t.Cleanup(func() {
		db, err := sqlx.Open("postgres", merchant)
		require.NoError(t, err)
		defer func() { _ = db.Close() }()
		for _, q := range []string{`DROP OWNED BY ` + role, `DROP ROLE ` + role} {
			_, err := db.Exec(q)
			assert.NoError(t, err)
		}
	})
	exec(`GRANT SELECT ON orders TO ` + role)
	u.User = url.UserPassword(role, "reads-only")
	return u.String()
}

const ordersQuery = `SELECT order_no AS id, direction AS kind, psp AS provider, psp_id AS provider_payment_id, ref AS reference, total AS amount, ccy AS currency,
      state AS status, msisdn AS account, customer AS customer_id, keep_card AS save_method, tags AS metadata, placed AS created_at, touched AS updated_at,
      given_back AS refunded_amount, refund_list AS refund_ids
    FROM orders WHERE placed >= :from AND placed < :to`

func TestTheLedgerMayBeAQueryOnAnotherDatabaseWithARoleThatOnlyReads(t *testing.T) {
	t.Parallel()
	want := undisturbed(t)
	w := small()
	server := serveWorld(t, w)
	reader := orders(t, newSite(t, w, server))
	s := newSite(t, w, server) // like want's, also in its secret for masks
	s.exec(`DELETE FROM tieout.payments`)
	s.configure(settings{ledger: fmt.Sprintf("ledger:\n  url: %q\n  query: |\n    %s\n", reader, ordersQuery)})
	s.run(0)
	assert.Equal(t, want, timeless(t, filepath.Join(s.folder(), "v1")))
	assert.Zero(t, get[int](s, `SELECT count(*) FROM tieout.payments`))
}

func TestALedgerQueryThatGivesAnIDTwiceCostsNoRun(t *testing.T) {
	t.Parallel()
	w := small()
	s := newSite(t, w, serveWorld(t, w))
	all := `SELECT * FROM tieout.payments WHERE created_at >= :from AND created_at < :to`
	twice := w.Payments[0].ID
	s.configure(settings{ledger: fmt.Sprintf("ledger:\n  query: |\n    %s UNION ALL %s AND id = %s\n", all, all, pq.QuoteLiteral(twice))})
	r := s.run(0)
	assert.Contains(t, r.out, "1 rows of the ledger were set aside")
	assert.Contains(t, r.err, twice)
	requirePlanted(t, w, filepath.Join(s.folder(), "v1"))
}

// Rows of the ledger that are no payments are reported with field, value and
// reason, in a file of the run and in its history; who they name is not.
func TestRowsThatAreNoPaymentsAreReported(t *testing.T) {
	t.Parallel()
	w := small()
	s := newSite(t, w, serveWorld(t, w))
	bad, person := w.Payments[0].ID, w.Payments[1].ID
	all := `SELECT id, kind, provider, provider_payment_id, reference, amount, currency, CASE WHEN id = ` + pq.QuoteLiteral(bad) + ` THEN '=done' ELSE status END AS status, account, customer_id,
		save_method, CASE WHEN id = ` + pq.QuoteLiteral(person) + ` THEN '["Jane Wanjiku"]' ELSE metadata END AS metadata, created_at, updated_at, refunded_amount, refund_ids
		FROM tieout.payments WHERE created_at >= :from AND created_at < :to`
	s.configure(settings{ledger: "ledger:\n  query: |\n    " + strings.ReplaceAll(all, "\n", "\n    ") + "\n"})
	r := s.run(0)
	assert.Contains(t, r.out, "2 rows of the ledger were set aside")
	v1 := filepath.Join(s.folder(), "v1")
	rejects := readCSV(t, v1, "rejects.csv")
	require.Len(t, rejects, 2)
	byID := map[string]map[string]string{rejects[0]["payment_id"]: rejects[0], rejects[1]["payment_id"]: rejects[1]}
	assert.Equal(t, "status", byID[bad]["field"])
	assert.Equal(t, "'=done", byID[bad]["value"], "no formula")
	assert.Contains(t, byID[bad]["reason"], "is none of created, pending")
	assert.Equal(t, "metadata", byID[person]["field"])
	show := s.must(0, "runs", "show", get[string](s, `SELECT id FROM tieout.runs`))
	assert.Contains(t, show.out, fmt.Sprintf("payment %q, status %q: is none of created", bad, "=done"))
	assert.Contains(t, show.out, "rejects.csv (")
	got := decoded[struct {
		SetAside []struct {
			PaymentID string `json:"payment_id"`
		} `json:"set_aside"`
	}](t, s.must(0, "runs", "show", get[string](s, `SELECT id FROM tieout.runs`), "--json"))
	assert.Len(t, got.SetAside, 2)
	assert.NotContains(t, strings.Join([]string{r.out, r.err, show.out, byID[person]["value"], byID[person]["reason"]}, " "), "Wanjiku")
}

func TestTheHistoryAndImportsNeedNoLedger(t *testing.T) {
	t.Parallel()
	s := newSite(t, small(), serveWorld(t, small()))
	s.configure(settings{ledger: "ledger:\n  url: postgres://app:very-secret@127.0.0.1:1/app?sslmode=disable\n  query: |\n    SELECT * FROM orders WHERE placed >= :from AND placed < :to\n"})
	s.must(0, "runs", "list")
	s.must(0, "import", "payments", s.payments())
	r := s.must(1, "run", "--yesterday")
	requireOneLine(t, r, "ledger: the database at 127.0.0.1:1 can't be reached")
	assert.NotContains(t, r.err, "very-secret")
}
