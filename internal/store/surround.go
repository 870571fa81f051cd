package store

import (
	"context"

	"github.com/jmoiron/sqlx"

	"tieout/internal/ledger"
	"tieout/internal/payment"
)

// metadataLink is a value that transactions carry under a metadata key.
type metadataLink struct {
	Provider string       `db:"provider"`
	Kind     payment.Kind `db:"kind"`
	Key      string       `db:"key"`
	Value    string       `db:"value"`
}

// surroundByMetadata adds the payments outside the range that share a metadata
// value with a transaction which no id and no reference explains. Most runs
// have none of these, and then the ledger is not read again.
func (s *Store) surroundByMetadata(ctx context.Context, run *Run, l *Ledger, rules ledger.Rules, scope Scope) error {
	const op = "looking around the range for metadata"
	if len(scope.MetadataKeys) == 0 {
		return nil
	}
	var links []metadataLink
	if err := s.db.SelectContext(ctx, &links, outsideMetadata, run.ID, run.Providers, run.Kinds, run.FromTime, run.ToTime,
		interval(scope.DateWindow), textArray(scope.MetadataKeys)); err != nil {
		return wrap(op, err)
	}
	if len(links) == 0 {
		return nil
	}
	wanted := make(map[metadataLink]bool, len(links))
	for _, k := range links {
		wanted[k] = true
	}
	return wrap(op, s.inTx(ctx, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `CREATE TEMP TABLE around_metadata (LIKE tieout.run_payments) ON COMMIT DROP`); err != nil {
			return err
		}
		w, err := newSnapshot(ctx, tx, "around_metadata", run.ID, false, scope.Location)
		if err != nil {
			return err
		}
		// a transaction may lie a window beside the range, and its other payments another one beside it
		from, to := run.FromTime.Add(-2*scope.DateWindow), run.ToTime.Add(2*scope.DateWindow)
		err = l.Read(ctx, rules, from, to, func(p payment.Payment) error {
			if !contains(scope.Providers, p.Provider) || !contains(scope.Kinds, string(p.Kind)) || !holdsOne(p, scope.MetadataKeys, wanted) {
				return nil
			}
			return w.add(p)
		}, func(ledger.Reject) error { return nil })
		if err != nil {
			return err
		}
		if err := w.close(); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO tieout.run_payments SELECT DISTINCT ON (payment_id) * FROM around_metadata ON CONFLICT DO NOTHING`)
		return err
	}))
}

func holdsOne(p payment.Payment, keys []string, wanted map[metadataLink]bool) bool {
	for _, k := range keys {
		if v := p.Metadata[k]; v != "" && wanted[metadataLink{p.Provider, p.Kind, k, v}] {
			return true
		}
	}
	return false
}

// outsideMetadata finds the values of transactions that no payment of the
// snapshot holds by id or reference: those of the range, and those within the
// window beside it that share a value with a payment of the range.
const outsideMetadata = `WITH near AS (
		SELECT t.id, t.provider, t.kind, t.provider_payment_id, t.batched, t.own_id, t.reference, k.key, t.metadata ->> k.key AS value,
			t.created_at >= $4 AND t.created_at < $5 AS inside
		FROM tieout.transactions t, unnest($7::text[]) AS k (key)
		WHERE t.provider = ANY ($2) AND t.kind = ANY ($3) AND t.created_at >= $4::timestamptz - $6::interval AND t.created_at < $5::timestamptz + $6::interval
		  AND t.metadata ->> k.key <> ''
	), shared AS (
		SELECT n.* FROM near n WHERE inside
		UNION
		SELECT n.* FROM near n JOIN tieout.run_payments rp ON rp.run_id = $1 AND rp.in_range AND rp.provider = n.provider AND rp.kind = n.kind
			AND rp.metadata ->> n.key = n.value
		WHERE NOT inside
	)
	SELECT DISTINCT n.provider, n.kind, n.key, n.value FROM shared n
	WHERE NOT EXISTS (SELECT 1 FROM tieout.run_payments rp WHERE rp.run_id = $1 AND rp.provider = n.provider AND rp.kind = n.kind AND rp.provider_payment_id = n.provider_payment_id AND NOT n.batched)
	  AND NOT EXISTS (SELECT 1 FROM tieout.run_payments rp WHERE rp.run_id = $1 AND rp.provider = n.provider AND rp.kind = n.kind AND rp.payment_id = n.own_id)
	  AND NOT EXISTS (SELECT 1 FROM tieout.run_payments rp WHERE rp.run_id = $1 AND rp.provider = n.provider AND rp.kind = n.kind AND rp.reference = n.reference)`
