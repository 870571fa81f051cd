package store

import (
	"context"

	"github.com/jmoiron/sqlx"

	"tieout/internal/exception"
	"tieout/internal/money"
	"tieout/internal/payment"
)

// ambiguity holds, by payment, what an ambiguous match can't choose among.
type ambiguity struct {
	candidates map[string][]exception.Candidate
	payments   map[string][]string // ids of the others
}

// byMetadata are the candidates that the payments of a lead to by metadata.
const byMetadata = `SELECT p.pid, t.id
	FROM a JOIN p USING (pid) CROSS JOIN metadata_keys mk JOIN t ON t.provider = p.provider AND t.kind = p.kind AND t.cur = p.cur AND t.exp = p.exp
		AND t.metadata ->> mk.key = p.metadata ->> mk.key AND (t.amount = p.minor OR t.moved = p.minor)
	WHERE a.why = 'metadata' AND p.metadata ->> mk.key <> '' AND t.id IN (SELECT id FROM cand)`

// ambiguities reads it from the match step's temporary tables.
func ambiguities(ctx context.Context, tx *sqlx.Tx) (ambiguity, error) {
	out := ambiguity{map[string][]exception.Candidate{}, map[string][]string{}}
	var candidates []struct {
		PID      string `db:"pid"`
		ID       string `db:"ppid"`
		Minor    int64  `db:"moved"`
		Exp      int    `db:"exp"`
		Currency string `db:"cur"`
		Status   string `db:"status"`
	}
	if err := tx.SelectContext(ctx, &candidates, `WITH a AS (SELECT DISTINCT pid, why FROM amb), link AS (
			SELECT p.pid, t.id FROM a JOIN p USING (pid) JOIN t ON t.provider = p.provider AND t.kind = p.kind AND t.rkey = p.rkey WHERE p.ref <> ''
			UNION SELECT p.pid, t.id FROM a JOIN p USING (pid) JOIN t ON t.provider = p.provider AND t.kind = p.kind AND t.ppid = p.ppid
			UNION SELECT p.pid, t.id FROM a JOIN p USING (pid) JOIN t ON t.provider = p.provider AND t.kind = p.kind AND t.own = p.own
			UNION SELECT m.pid, m.id FROM (`+byMetadata+`) m
		)
		SELECT link.pid, t.ppid, t.moved, t.exp, t.cur, t.status FROM link JOIN t USING (id)
		WHERE EXISTS (SELECT 1 FROM cand WHERE cand.id = link.id)
		ORDER BY link.pid, t.created, t.key`); err != nil {
		return out, err
	}
	for _, c := range candidates {
		out.candidates[c.PID] = append(out.candidates[c.PID], exception.Candidate{
			ID: c.ID, Amount: money.Amount{Minor: c.Minor, Exp: c.Exp, Currency: c.Currency}, Status: payment.Status(c.Status),
		})
	}
	var others []struct {
		PID   string `db:"pid"`
		Other string `db:"other"`
	}
	if err := tx.SelectContext(ctx, &others, `WITH a AS (SELECT DISTINCT amb.pid, why, provider, kind, rkey, ppid FROM amb JOIN p USING (pid))
		SELECT a.pid, o.pid AS other FROM a JOIN a o ON o.provider = a.provider AND o.kind = a.kind AND o.rkey = a.rkey WHERE a.why = 'reference' AND o.why = 'reference' AND o.pid <> a.pid
		UNION
		SELECT a.pid, o.pid FROM a JOIN a o ON o.provider = a.provider AND o.kind = a.kind AND o.ppid = a.ppid WHERE a.why = 'id' AND o.why = 'id' AND o.pid <> a.pid
		UNION
		SELECT m.pid, o.pid FROM (`+byMetadata+`) m JOIN (`+byMetadata+`) o ON o.id = m.id AND o.pid <> m.pid
		ORDER BY 1, 2`); err != nil {
		return out, err
	}
	for _, o := range others {
		out.payments[o.PID] = append(out.payments[o.PID], o.Other)
	}
	return out, nil
}
