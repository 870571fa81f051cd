package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// joinTwins finds, for a provider whose lists use ids of their own, which row of
// a list and which status answer are one transaction seen twice: same provider,
// kind, reference and amount, one from each side, an equal receipt first. It
// changes the rows' keys to those of the stored transaction and notes the
// list's id beside it, so that a transaction is never counted twice.
func joinTwins(ctx context.Context, tx *sqlx.Tx, rows []transactionRow) error {
	places, err := maybeTwins(ctx, tx, rows)
	if err != nil {
		return err
	}
	for _, i := range places {
		r := &rows[i]
		if r.Source == "list" {
			err = joinListRow(ctx, tx, r)
		} else {
			err = joinStatusRow(ctx, tx, r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// maybeTwins returns the places of the rows that may be one with a stored
// transaction under another id: few, so that the others cost one question together.
func maybeTwins(ctx context.Context, tx *sqlx.Tx, rows []transactionRow) ([]int, error) {
	var c columns
	var amounts []int64
	var listed []bool
	for i := range rows {
		if r := &rows[i]; r.Reference != "" || r.Source == "list" {
			c.add(i, r)
			amounts, listed = append(amounts, r.Amount.Minor), append(listed, r.Source == "list")
		}
	}
	if len(c.at) == 0 {
		return nil, nil
	}
	var found []int
	err := tx.SelectContext(ctx, &found, `SELECT n.n FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::boolean[])
			WITH ORDINALITY AS n (provider, kind, reference, key, amount, listed, n)
		WHERE n.listed AND EXISTS (SELECT 1 FROM tieout.transactions t WHERE t.provider = n.provider AND t.kind = n.kind AND t.list_key = n.key)
		   OR EXISTS (SELECT 1 FROM tieout.transactions t WHERE t.provider = n.provider AND t.kind = n.kind AND t.reference = n.reference
				AND t.amount = n.amount AND t.list_key IS NULL AND (t.source = 'list') <> n.listed)
		ORDER BY n.n`, pq.Array(c.provider), pq.Array(c.kind), pq.Array(c.reference), pq.Array(c.key), pq.Array(amounts), pq.Array(listed))
	for i, n := range found {
		found[i] = c.at[n-1]
	}
	return found, err
}

func joinListRow(ctx context.Context, tx *sqlx.Tx, r *transactionRow) error {
	var twin struct {
		ID  int64  `db:"id"`
		Key string `db:"key"`
		PID string `db:"provider_payment_id"`
	}
	// the row was joined before, or stands for itself
	err := tx.GetContext(ctx, &twin, `SELECT id, key, provider_payment_id FROM tieout.transactions
		WHERE provider = $1 AND kind = $2 AND (list_key = $3 OR key = $3) ORDER BY list_key = $3 DESC NULLS LAST LIMIT 1`, r.Provider, r.Kind, r.Key)
	if errors.Is(err, sql.ErrNoRows) && r.Reference != "" {
		err = tx.GetContext(ctx, &twin, `UPDATE tieout.transactions SET list_key = $3 WHERE id = (
			SELECT id FROM tieout.transactions WHERE provider = $1 AND kind = $2 AND source IN ('status', 'callback') AND list_key IS NULL AND reference = $4 AND amount = $5
			ORDER BY network_reference = $6 DESC NULLS LAST, created_at, key LIMIT 1)
			RETURNING id, key, provider_payment_id`, r.Provider, r.Kind, r.Key, r.Reference, r.Amount.Minor, null(r.NetworkReference))
	}
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if twin.Key != r.Key {
		r.Key, r.ProviderPaymentID, r.Source = twin.Key, twin.PID, "status"
	}
	return nil
}

func joinStatusRow(ctx context.Context, tx *sqlx.Tx, r *transactionRow) error {
	if r.Reference == "" {
		return nil
	}
	// a list row that no status answer has claimed yet takes the answer's id
	_, err := tx.ExecContext(ctx, `UPDATE tieout.transactions SET list_key = key, key = $3, provider_payment_id = $4, source = 'status' WHERE id = (
		SELECT id FROM tieout.transactions t WHERE provider = $1 AND kind = $2 AND source = 'list' AND list_key IS NULL AND reference = $5 AND amount = $6
		  AND NOT EXISTS (SELECT 1 FROM tieout.transactions o WHERE o.provider = $1 AND o.kind = $2 AND o.key = $3)
		ORDER BY network_reference = $7 DESC NULLS LAST, created_at, key LIMIT 1)`,
		r.Provider, r.Kind, r.Key, r.ProviderPaymentID, r.Reference, r.Amount.Minor, null(r.NetworkReference))
	return err
}

// joinBatched joins a transaction that was found by its reference alone, when
// its batch was not known, with the same one named by batch and reference.
func joinBatched(ctx context.Context, tx *sqlx.Tx, rows []transactionRow) error {
	var named, nameless columns
	for i := range rows {
		r := &rows[i]
		switch {
		case r.Reference == "":
		case r.Batched:
			named.add(i, r)
		case r.nameless():
			nameless.add(i, r)
		}
	}
	if len(named.at) > 0 {
		// few are found; LATERAL with LIMIT is a look into the index for each row,
		// also while the planner has no statistics of a table that just grew
		var found []struct {
			ID    int64  `db:"id"`
			Key   string `db:"key"`
			Batch string `db:"batch"`
		}
		if err := tx.SelectContext(ctx, &found, `SELECT one.id, n.key, n.id AS batch
			FROM (SELECT DISTINCT ON (provider, kind, reference) * FROM `+arrays+` ORDER BY provider, kind, reference, n) n
			CROSS JOIN LATERAL (SELECT x.id FROM tieout.transactions x WHERE x.provider = n.provider AND x.kind = n.kind AND x.key = n.reference
				AND NOT x.batched AND x.provider_payment_id = x.reference LIMIT 1) one`, named.args()...); err != nil {
			return err
		}
		for _, f := range found {
			if _, err := tx.ExecContext(ctx, `UPDATE tieout.transactions t SET key = $2, provider_payment_id = $3, batched = true WHERE id = $1
				AND NOT EXISTS (SELECT 1 FROM tieout.transactions o WHERE o.provider = t.provider AND o.kind = t.kind AND o.key = $2)`, f.ID, f.Key, f.Batch); err != nil {
				return err
			}
		}
	}
	if len(nameless.at) == 0 {
		return nil
	}
	var known []struct {
		N   int    `db:"n"`
		Key string `db:"key"`
		ID  string `db:"id"`
	}
	if err := tx.SelectContext(ctx, &known, `SELECT n.n, min(t.key) AS key, min(t.provider_payment_id) AS id FROM `+arrays+`
		JOIN tieout.transactions t ON t.provider = n.provider AND t.kind = n.kind AND t.reference = n.reference AND t.batched
		GROUP BY n.n HAVING count(*) = 1`, nameless.args()...); err != nil {
		return err
	}
	for _, k := range known {
		r := &rows[nameless.at[k.N-1]]
		r.Key, r.ProviderPaymentID, r.Batched = k.Key, k.ID, true
	}
	return nil
}

// columns hold rows for one statement about all of them.
type columns struct {
	at                                 []int // places of the rows
	provider, kind, reference, key, id []string
}

func (c *columns) add(i int, r *transactionRow) {
	c.at = append(c.at, i)
	c.provider, c.kind, c.reference = append(c.provider, r.Provider), append(c.kind, string(r.Kind)), append(c.reference, r.Reference)
	c.key, c.id = append(c.key, r.Key), append(c.id, r.ProviderPaymentID)
}

func (c *columns) args() []any {
	return []any{pq.Array(c.provider), pq.Array(c.kind), pq.Array(c.reference), pq.Array(c.key), pq.Array(c.id)}
}

// arrays is the table of a statement with columns as arguments; n counts from 1.
const arrays = `unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) WITH ORDINALITY AS n (provider, kind, reference, key, id, n)`
