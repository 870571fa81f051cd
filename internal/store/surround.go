package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"tieout/internal/ledger"
	"tieout/internal/payment"
)

// farthest bounds how often Surround looks around what it found: a reference
// that very many payments share must not bring the whole ledger in.
const farthest = 5

// Surround adds to the snapshot the payments outside the run's range that may
// own one of its transactions or hold one of its references, ids or metadata
// values, so that nothing is called missing, or unique, that another day
// explains. What was found is looked around in its turn.
func (s *Store) Surround(ctx context.Context, run *Run, l *Ledger, rules ledger.Rules, scope Scope) error {
	const op = "looking around the range"
	if err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM tieout.run_payments WHERE run_id = $1 AND NOT in_range`, run.ID)
		return err
	}); err != nil {
		return wrap(op, err)
	}
	if err := s.analyze(ctx, "tieout.run_payments (run_id, in_range, provider, kind, payment_id, provider_payment_id, reference, created_at)",
		"tieout.transactions (provider, kind, key, provider_payment_id, own_id, reference, created_at)", "tieout.answers"); err != nil {
		return wrap(op, err)
	}
	asked := map[string]bool{}
	fresh, err := s.surroundByKeys(ctx, run, l, rules, scope, asked, nil)
	if err != nil {
		return wrap(op, err)
	}
	linked, err := s.surroundByMetadata(ctx, run, l, rules, scope)
	if err != nil {
		return wrap(op+" for metadata", err)
	}
	// metadata leads on from the range alone, keys from what was found as well
	fresh = append(fresh, linked...)
	for round := 1; round < farthest && len(fresh) > 0; round++ {
		if fresh, err = s.surroundByKeys(ctx, run, l, rules, scope, asked, fresh); err != nil {
			return wrap(op, err)
		}
	}
	return nil
}

// surroundByKeys adds the payments that hold a key which was not asked for yet,
// and returns their ids. It looks around the whole snapshot, or around those of
// it that are fresh.
func (s *Store) surroundByKeys(ctx context.Context, run *Run, l *Ledger, rules ledger.Rules, scope Scope, asked map[string]bool, fresh []string) ([]string, error) {
	all, err := s.outsideKeys(ctx, run, l, scope, fresh)
	if err != nil {
		return nil, err
	}
	keys := all[:0]
	for _, k := range all {
		if !asked[k] {
			asked[k] = true
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	refs := scope.References
	if l.isOurs() {
		refs = nil // the keys are spelled as the ledger spells them
	}
	return s.addAround(ctx, run, scope, func(add func(payment.Payment) error) error {
		return l.Holding(ctx, rules, keys, refs, add, func(ledger.Reject) error { return nil })
	})
}

// addAround adds the payments that read gives, where they are of the run's
// scope and not in its snapshot, and returns the ids of these.
func (s *Store) addAround(ctx context.Context, run *Run, scope Scope, read func(add func(payment.Payment) error) error) ([]string, error) {
	var added []string
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `CREATE TEMP TABLE around (LIKE tieout.run_payments)`); err != nil {
			return err
		}
		w, err := newSnapshot(ctx, tx, "around", run.ID, false, scope.Location)
		if err != nil {
			return err
		}
		if err := read(func(p payment.Payment) error {
			if !slices.Contains(scope.Providers, p.Provider) || !slices.Contains(scope.Kinds, string(p.Kind)) {
				return nil
			}
			return w.add(p)
		}); err != nil {
			return err
		}
		if err := w.close(); err != nil {
			return err
		}
		if err := tx.SelectContext(ctx, &added, `INSERT INTO tieout.run_payments SELECT DISTINCT ON (payment_id) * FROM around ON CONFLICT DO NOTHING RETURNING payment_id`); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DROP TABLE around`)
		return err
	})
	return added, err
}

// outsideKeys returns the ids and references that payments outside the range may
// hold: those of the snapshot, or of what is fresh in it. In tieout's own database the payments themselves tell, so that only keys
// which lead somewhere are looked up.
func (s *Store) outsideKeys(ctx context.Context, run *Run, l *Ledger, scope Scope, fresh []string) ([]string, error) {
	q := `WITH rp AS NOT MATERIALIZED (
		SELECT * FROM tieout.run_payments WHERE run_id = $1 AND ($8::text[] IS NULL OR payment_id = ANY ($8))
	), ours AS MATERIALIZED (
		SELECT rp.provider, rp.kind, k.key, rp.metadata ->> k.key AS value FROM rp, unnest($7::text[]) AS k (key)
		WHERE rp.metadata ->> k.key <> ''
	), theirs AS NOT MATERIALIZED (
		SELECT t.provider, t.kind, t.provider_payment_id, t.own_id, t.reference, k.key, t.metadata ->> k.key AS value FROM tieout.transactions t, unnest($7::text[]) AS k (key)
		WHERE t.provider = ANY ($2) AND t.kind = ANY ($3) AND t.metadata ->> k.key <> ''
		  AND (t.created_at >= $4::timestamptz - 2 * $6::interval AND t.created_at < $4 OR t.created_at >= $5 AND t.created_at < $5::timestamptz + 2 * $6::interval)
		OFFSET 0 -- pulled apart, each is compared with all values of its provider
	), near AS (
		SELECT t.provider, t.kind, t.provider_payment_id, t.own_id, t.reference FROM tieout.transactions t
		WHERE t.provider = ANY ($2) AND t.kind = ANY ($3) AND t.created_at >= $4 AND t.created_at < $5 AND $8::text[] IS NULL
		UNION ALL
		SELECT t.provider, t.kind, t.provider_payment_id, t.own_id, t.reference FROM rp JOIN tieout.transactions t
		  ON t.provider = rp.provider AND t.kind = rp.kind AND t.reference = rp.reference WHERE (t.created_at < $4 OR t.created_at >= $5)
		UNION ALL
		SELECT t.provider, t.kind, t.provider_payment_id, t.own_id, t.reference FROM rp JOIN tieout.transactions t
		  ON t.provider = rp.provider AND t.kind = rp.kind AND t.own_id = rp.payment_id WHERE (t.created_at < $4 OR t.created_at >= $5)
		UNION ALL
		SELECT t.provider, t.kind, t.provider_payment_id, t.own_id, t.reference FROM rp JOIN tieout.transactions t
		  ON t.provider = rp.provider AND t.kind = rp.kind AND t.provider_payment_id = rp.provider_payment_id WHERE (t.created_at < $4 OR t.created_at >= $5)
		UNION ALL
		-- what metadata would lead to may be another payment's by its id
		SELECT t.provider, t.kind, t.provider_payment_id, t.own_id, t.reference FROM theirs t WHERE (t.provider, t.kind, t.key, t.value) IN (SELECT provider, kind, key, value FROM ours)
`
	respelled := scope.References.providers()
	if len(respelled) > 0 {
		q += `UNION ALL
		SELECT t.provider, t.kind, t.provider_payment_id, t.own_id, t.reference FROM rp JOIN tieout.transactions t
		  ON t.provider = rp.provider AND t.kind = rp.kind AND ` + scope.References.key("t.provider", "t.reference") + ` = ` + scope.References.key("rp.provider", "rp.reference") + `
		  WHERE t.provider = ANY ($9) AND (t.created_at < $4 OR t.created_at >= $5)
		`
	}
	q += `), ids AS (
		SELECT provider, kind, provider_payment_id AS key FROM near
		UNION ALL SELECT provider, kind, own_id FROM near WHERE own_id <> provider_payment_id
		UNION ALL SELECT provider, kind, provider_payment_id FROM rp WHERE provider_payment_id IS NOT NULL
		UNION ALL SELECT s.provider, k.kind, v.key FROM tieout.statement_rows s, unnest($3::text[]) AS k (kind), unnest(ARRAY[s.provider_payment_id, s.reference]) AS v (key)
			WHERE $8::text[] IS NULL AND s.provider = ANY ($2) AND s.entry = 'payment' AND (s.at >= $4 AND s.at < $5::timestamptz + interval '1 day' OR s.created_at >= $4 AND s.created_at < $5) AND k.kind = coalesce(s.kind, k.kind) AND v.key <> ''
	), keys AS (
		SELECT provider, kind, key FROM ids
		-- a UUID means the same in either case
		UNION ALL SELECT provider, kind, lower(key) FROM ids WHERE length(key) = 36 AND lower(key) <> key
		UNION ALL SELECT provider, kind, upper(key) FROM ids WHERE length(key) = 36 AND upper(key) <> key
		UNION ALL SELECT provider, kind, reference FROM near WHERE reference IS NOT NULL
		UNION ALL SELECT provider, kind, reference FROM rp WHERE reference IS NOT NULL
	)
	`
	args := []any{run.ID, run.Providers, run.Kinds, run.FromTime, run.ToTime, interval(scope.DateWindow), textArray(scope.MetadataKeys), pq.Array(fresh)}
	if len(respelled) > 0 {
		args = append(args, textArray(respelled))
	}
	if l.isOurs() {
		// those of the range are in the run, but for the final ones of an outstanding run
		args = append(args, run.Outstanding)
		q += fmt.Sprintf(`, outside AS NOT MATERIALIZED ( -- all that there ever was: only to be looked up
			SELECT p.id, p.provider, p.kind, p.provider_payment_id, p.reference FROM tieout.payments p
			WHERE ($%d OR p.created_at < $4 OR p.created_at >= $5)
			  AND NOT EXISTS (SELECT 1 FROM tieout.run_payments rp WHERE rp.run_id = $1 AND rp.payment_id = p.id)
		)
		SELECT k.key FROM keys k JOIN outside p ON p.id = k.key
		UNION SELECT k.key FROM keys k JOIN outside p ON p.provider = k.provider AND p.kind = k.kind AND p.provider_payment_id = k.key
		UNION SELECT k.key FROM keys k JOIN outside p ON p.provider = k.provider AND p.kind = k.kind AND p.reference = k.key`, len(args))
		if len(respelled) > 0 {
			q += `
		UNION SELECT p.reference FROM keys k JOIN outside p ON p.provider = k.provider AND p.kind = k.kind
			AND ` + scope.References.key("p.provider", "p.reference") + ` = ` + scope.References.key("k.provider", "k.key") + ` WHERE p.provider = ANY ($9)`
		}
	} else {
		q += `SELECT DISTINCT key FROM keys`
	}
	var keys []string
	err := s.inHeavyTx(ctx, func(tx *sqlx.Tx) error { return tx.SelectContext(ctx, &keys, q+` ORDER BY 1`, args...) })
	return keys, err
}

// metadataLink is a value that transactions carry under a metadata key.
type metadataLink struct {
	Provider string       `db:"provider"`
	Kind     payment.Kind `db:"kind"`
	Key      string       `db:"key"`
	Value    string       `db:"value"`
}

// surroundByMetadata adds the payments outside the range that share a metadata
// value with a transaction which no id and no reference explains, and returns
// their ids. Most runs have none of these, and then the ledger is not read again.
func (s *Store) surroundByMetadata(ctx context.Context, run *Run, l *Ledger, rules ledger.Rules, scope Scope) ([]string, error) {
	if len(scope.MetadataKeys) == 0 {
		return nil, nil
	}
	var links []metadataLink
	if err := s.inHeavyTx(ctx, func(tx *sqlx.Tx) error {
		return tx.SelectContext(ctx, &links, outsideMetadata, run.ID, run.Providers, run.Kinds, run.FromTime, run.ToTime,
			interval(scope.DateWindow), textArray(scope.MetadataKeys))
	}); err != nil {
		return nil, err
	}
	if len(links) == 0 {
		return nil, nil
	}
	wanted, values := make(map[metadataLink]bool, len(links)), map[string][]string{}
	for _, k := range links {
		wanted[k] = true
		values[k.Key] = append(values[k.Key], k.Value)
	}
	// a transaction may lie a window beside the range, and its other payments another one beside it
	from, to := run.FromTime.Add(-2*scope.DateWindow), run.ToTime.Add(2*scope.DateWindow)
	return s.addAround(ctx, run, scope, func(add func(payment.Payment) error) error {
		row := func(p payment.Payment) error {
			if !holdsOne(p, scope.MetadataKeys, wanted) {
				return nil
			}
			return add(p)
		}
		ignore := func(ledger.Reject) error { return nil }
		if l.isOurs() {
			return l.readLinked(ctx, rules, from, to, values, row, ignore)
		}
		return l.Read(ctx, rules, from, to, row, ignore)
	})
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
const outsideMetadata = `WITH near AS NOT MATERIALIZED (
		SELECT t.id, t.provider, t.kind, t.provider_payment_id, t.batched, t.own_id, t.reference, k.key, t.metadata ->> k.key AS value, t.created_at
		FROM tieout.transactions t, unnest($7::text[]) AS k (key)
		WHERE t.provider = ANY ($2) AND t.kind = ANY ($3) AND t.metadata ->> k.key <> ''
	), beside AS MATERIALIZED (
		SELECT * FROM near WHERE created_at >= $4::timestamptz - $6::interval AND created_at < $4 OR created_at >= $5 AND created_at < $5::timestamptz + $6::interval
	), shared AS MATERIALIZED (
		SELECT * FROM (
			SELECT rp.provider, rp.kind, k.key, rp.metadata ->> k.key AS value FROM tieout.run_payments rp, unnest($7::text[]) AS k (key)
			WHERE rp.run_id = $1 AND rp.in_range
			OFFSET 0 -- pulled apart, each payment is compared with all values of its provider
		) ours WHERE (provider, kind, key, value) IN (SELECT provider, kind, key, value FROM beside)
	)
	SELECT DISTINCT n.provider, n.kind, n.key, n.value FROM (
		SELECT * FROM near WHERE created_at >= $4 AND created_at < $5
		UNION ALL
		-- with all its values: another key may lead to another payment
		SELECT * FROM beside WHERE id IN (SELECT b.id FROM beside b WHERE (provider, kind, key, value) IN (SELECT provider, kind, key, value FROM shared))
	) n
	WHERE NOT EXISTS (SELECT 1 FROM tieout.run_payments rp WHERE rp.run_id = $1 AND rp.provider = n.provider AND rp.kind = n.kind AND rp.provider_payment_id = n.provider_payment_id AND NOT n.batched)
	  AND NOT EXISTS (SELECT 1 FROM tieout.run_payments rp WHERE rp.run_id = $1 AND rp.provider = n.provider AND rp.kind = n.kind AND rp.payment_id = n.own_id)
	  AND NOT EXISTS (SELECT 1 FROM tieout.run_payments rp WHERE rp.run_id = $1 AND rp.provider = n.provider AND rp.kind = n.kind AND rp.reference = n.reference)`
