package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"

	"tieout/internal/exception"
	"tieout/internal/payment"
)

// nearMiss holds, for payments without a transaction and for what is nobody's at
// the provider, the other side that looks like theirs with a mistyped reference
// or id.
type nearMiss struct {
	payments     map[string]string // by payment id: what is said of the transaction
	transactions map[int64]string  // by transaction: what is said of the payment
	rows         map[string]string // the same by the key of a statement's row
}

// mostNear bounds how many pairs of equal amount are looked at.
const mostNear = 100_000

// nearPair is a payment and what may be its at the provider.
type nearPair struct {
	PID     string        `db:"pid"`
	Ref     string        `db:"ref"`
	OurID   string        `db:"our_id"` // the provider's id, as our record has it
	ID      sql.NullInt64 `db:"id"`
	Row     string        `db:"row_key"` // of a statement; empty: a transaction
	TheirID string        `db:"ppid"`
	Theirs  string        `db:"theirs"`
}

// nearMisses compares references and ids of what was left on both sides, where
// provider, kind, amount and currency are equal and the dates are near. It runs
// inside the match, after its temporary tables are filled.
func nearMisses(ctx context.Context, tx *sqlx.Tx) (nearMiss, error) {
	out := nearMiss{map[string]string{}, map[int64]string{}, map[string]string{}}
	if err := out.setAside(ctx, tx); err != nil {
		return out, err
	}
	var pairs []nearPair
	err := tx.SelectContext(ctx, &pairs, `WITH theirs AS (
			SELECT t.id, '' AS row_key, t.provider, t.kind, t.cur, t.exp, t.amount, t.created, t.ppid, t.ref FROM orphan JOIN t USING (id)
			UNION ALL
			SELECT NULL, key, provider, payment_kind, cur, exp, shown, created, sid, ref FROM st_own WHERE kind = 'missing_internally'
		)
		SELECT p.pid, coalesce(p.ref, '') AS ref, coalesce(p.ppid, '') AS our_id, o.id, o.row_key, coalesce(o.ppid, '') AS ppid, coalesce(o.ref, '') AS theirs
		FROM theirs o JOIN p ON p.provider = o.provider AND p.kind = o.kind AND p.cur = o.cur AND p.exp = o.exp AND p.minor = o.amount, par
		WHERE o.created BETWEEN p.created - par.date_window AND p.created + par.date_window
		  AND NOT EXISTS (SELECT 1 FROM m WHERE m.pid = p.pid)
		ORDER BY p.pid, o.ppid, o.ref, o.id, o.row_key LIMIT $1`, mostNear)
	if err != nil {
		return out, err
	}
	for _, x := range pairs {
		if ours, theirs := x.suggestion(); ours != "" {
			first(out.payments, x.PID, ours)
			if x.ID.Valid {
				first(out.transactions, x.ID.Int64, theirs)
			} else {
				first(out.rows, x.Row, theirs)
			}
		}
	}
	return out, nil
}

func first[K comparable](m map[K]string, key K, text string) {
	if m[key] == "" {
		m[key] = text
	}
}

// suggestion is what the payment and the other side say of each other; empty
// where they don't look alike.
func (x nearPair) suggestion() (ours, theirs string) {
	name := x.TheirID
	if name == "" {
		name = "row"
	}
	where := ""
	if x.Row != "" {
		where = " in the statement"
	}
	switch {
	case x.Ref != "" && x.Theirs != "" && exception.Near(x.Ref, x.Theirs):
		return fmt.Sprintf("Perhaps it is their %s%s, whose reference is %q.", name, where, x.Theirs), fmt.Sprintf("Perhaps it is our %s, whose reference is %q.", x.PID, x.Ref)
	case x.OurID != "" && x.TheirID != "" && exception.Near(x.OurID, x.TheirID):
		return fmt.Sprintf("Perhaps it is their %s%s: the id in our record is %q.", name, where, x.OurID), fmt.Sprintf("Perhaps it is our %s, which has their id as %q.", x.PID, x.OurID)
	}
	return "", ""
}

// setAside notes the transactions whose payment would be a row of the ledger
// that was set aside.
func (n nearMiss) setAside(ctx context.Context, tx *sqlx.Tx) error {
	var rows []struct {
		ID     int64  `db:"id"`
		PID    string `db:"payment_id"`
		Field  string `db:"field"`
		Reason string `db:"reason"`
	}
	err := tx.SelectContext(ctx, &rows, `WITH j AS (SELECT run_rejects.* FROM tieout.run_rejects JOIN par USING (run_id)), link AS (
			SELECT t.id, j.payment_id, j.field, j.reason FROM j JOIN t ON t.ppid = j.provider_payment_id
			UNION SELECT t.id, j.payment_id, j.field, j.reason FROM j JOIN t ON t.ppid = j.payment_id
			UNION SELECT t.id, j.payment_id, j.field, j.reason FROM j JOIN t ON t.own = j.payment_id
			UNION SELECT t.id, j.payment_id, j.field, j.reason FROM j JOIN t ON t.ref = j.reference
		)
		SELECT DISTINCT ON (link.id) link.* FROM link JOIN orphan o ON o.id = link.id ORDER BY link.id, payment_id, field`)
	for _, r := range rows {
		n.transactions[r.ID] = fmt.Sprintf("Perhaps it is our %s, whose row was set aside: its %s %s.", r.PID, words(r.Field), r.Reason)
	}
	return err
}

func words(column string) string { return strings.ReplaceAll(column, "_", " ") }

// suggest tells the near miss of a difference that is about something missing;
// nothing is ever matched by it.
func (n nearMiss) suggest(d difference) string {
	switch payment.ExceptionKind(d.Kind) {
	case payment.MissingInternally:
		if !d.TxID.Valid {
			return n.rows[d.Fact]
		}
		return n.transactions[d.TxID.Int64]
	case payment.MissingAtProvider, payment.StalePending, payment.NotPolled:
		return n.payments[d.PID.String]
	default:
		return ""
	}
}
