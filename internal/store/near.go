package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"

	"tieout/internal/exception"
	"tieout/internal/payment"
)

// nearMiss holds, for payments without a transaction and transactions without a
// payment, the other side that looks like theirs with a mistyped reference.
type nearMiss struct {
	payments     map[string]string // by payment id: what is said of the transaction
	transactions map[int64]string  // by transaction: what is said of the payment
}

// mostNear bounds how many pairs of equal amount are looked at.
const mostNear = 100_000

// nearMisses compares the references of what was left on both sides, where
// provider, kind, amount and currency are equal and the dates are near. It runs
// inside the match, after its temporary tables are filled.
func nearMisses(ctx context.Context, tx *sqlx.Tx) (nearMiss, error) {
	out := nearMiss{map[string]string{}, map[int64]string{}}
	var pairs []struct {
		PID     string `db:"pid"`
		Ref     string `db:"ref"`
		ID      int64  `db:"id"`
		TheirID string `db:"ppid"`
		Theirs  string `db:"theirs"`
	}
	if err := out.setAside(ctx, tx); err != nil {
		return out, err
	}
	err := tx.SelectContext(ctx, &pairs, `SELECT p.pid, p.ref, t.id, t.ppid, t.ref AS theirs
		FROM orphan o JOIN t ON t.id = o.id
		JOIN p ON p.provider = t.provider AND p.kind = t.kind AND p.cur = t.cur AND p.exp = t.exp AND p.minor = t.amount, par
		WHERE p.ref <> '' AND t.ref <> '' AND p.ref <> t.ref
		  AND t.created BETWEEN p.created - par.date_window AND p.created + par.date_window
		  AND NOT EXISTS (SELECT 1 FROM m WHERE m.pid = p.pid) AND NOT EXISTS (SELECT 1 FROM plain WHERE plain.pid = p.pid)
		ORDER BY p.pid, t.key LIMIT $1`, mostNear)
	if err != nil {
		return out, err
	}
	for _, x := range pairs {
		if !exception.Near(x.Ref, x.Theirs) {
			continue
		}
		if out.payments[x.PID] == "" {
			out.payments[x.PID] = fmt.Sprintf("Perhaps it is their %s, whose reference is %q.", x.TheirID, x.Theirs)
		}
		if out.transactions[x.ID] == "" {
			out.transactions[x.ID] = fmt.Sprintf("Perhaps it is our %s, whose reference is %q.", x.PID, x.Ref)
		}
	}
	return out, nil
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
		return n.transactions[d.TxID.Int64]
	case payment.MissingAtProvider, payment.StalePending, payment.NotPolled:
		return n.payments[d.PID.String]
	default:
		return ""
	}
}
