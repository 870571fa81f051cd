package store

import (
	"context"
	"fmt"

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
	err := tx.SelectContext(ctx, &pairs, `SELECT p.pid, p.ref, t.id, t.ppid, t.ref AS theirs
		FROM orphan o JOIN t ON t.id = o.id
		JOIN p ON p.provider = t.provider AND p.kind = t.kind AND p.cur = t.cur AND p.exp = t.exp AND p.minor = t.amount, par
		WHERE p.ref <> '' AND t.ref <> '' AND p.ref <> t.ref
		  AND t.created BETWEEN p.created - par.date_window AND p.created + par.date_window
		  AND NOT EXISTS (SELECT 1 FROM m WHERE m.pid = p.pid)
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
