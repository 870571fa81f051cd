package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/reports"
)

// changes compares two versions of a range: the payments whose result or money
// differs, and the exceptions whose state does, each once.
func (s *Store) changes(ctx context.Context, run, previous *Run) ([]reports.Change, error) {
	payments, err := s.paymentChanges(ctx, run, previous)
	if err != nil {
		return nil, err
	}
	states, err := s.stateChanges(ctx, run, previous)
	if err != nil {
		return nil, err
	}
	byPerson := map[string]bool{} // payments whose exception a person closed or opened again
	for _, c := range states {
		byPerson[c.change.PaymentID] = byPerson[c.change.PaymentID] || c.person != "" && !c.orphan
	}
	var out []reports.Change
	told := map[string]bool{}
	for _, r := range payments {
		told[r.c.PaymentID] = true
		if !r.follows() || !byPerson[r.c.PaymentID] { // what the person did is the reason, and told below
			out = append(out, r.tell())
		}
	}
	for _, c := range states {
		// what a run did to the exception of a payment stands in the payment's own row
		if c.orphan || c.person != "" || !told[c.change.PaymentID] {
			out = append(out, c.change)
		}
	}
	slices.SortStableFunc(out, func(a, b reports.Change) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.PaymentID, b.PaymentID))
	})
	return out, nil
}

func (s *Store) paymentChanges(ctx context.Context, run, previous *Run) ([]changeRow, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT coalesce(n.payment_id, o.payment_id), coalesce(np.provider, op.provider), coalesce(np.kind, op.kind),
		coalesce(np.reference, op.reference, ''), coalesce(np.amount, op.amount), coalesce(np.exp, op.exp), coalesce(np.currency, op.currency),
		o.payment_id IS NULL, n.payment_id IS NULL, coalesce(o.result, ''), coalesce(n.result, ''), coalesce(o.outcome, ''), coalesce(n.outcome, ''),
		coalesce((SELECT string_agg(kind, ', ' ORDER BY kind) FROM tieout.run_exceptions e WHERE e.run_id = $2 AND e.payment_id = o.payment_id AND NOT orphan), ''),
		coalesce((SELECT string_agg(kind, ', ' ORDER BY kind) FROM tieout.run_exceptions e WHERE e.run_id = $1 AND e.payment_id = n.payment_id AND NOT orphan), ''),
		o.provider_exp, n.provider_exp, o.provider_amount, n.provider_amount, o.refunded, n.refunded, o.fee, n.fee, o.tax, n.tax, op.exp, np.exp, op.amount, np.amount,
		op.business_date, np.business_date
		FROM (SELECT * FROM tieout.run_results WHERE run_id = $1) n
		FULL JOIN (SELECT * FROM tieout.run_results WHERE run_id = $2) o USING (payment_id)
		LEFT JOIN tieout.run_payments np ON np.run_id = $1 AND np.payment_id = n.payment_id
		LEFT JOIN tieout.run_payments op ON op.run_id = $2 AND op.payment_id = o.payment_id
		WHERE n.payment_id IS NULL OR o.payment_id IS NULL OR n.result <> o.result OR n.outcome IS DISTINCT FROM o.outcome
		   OR (n.provider_amount, n.refunded, n.fee, n.tax, np.amount) IS DISTINCT FROM (o.provider_amount, o.refunded, o.fee, o.tax, op.amount)
		   OR np.business_date <> op.business_date`, run.ID, previous.ID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []changeRow
	for rows.Next() {
		var r changeRow
		var a money.Amount
		if err := rows.Scan(&r.c.PaymentID, &r.c.Provider, &r.c.Kind, &r.c.Reference, &a.Minor, &a.Exp, &a.Currency, &r.isNew, &r.gone,
			&r.oldResult, &r.newResult, &r.oldOutcome, &r.newOutcome, &r.oldKinds, &r.newKinds,
			&r.oldExp, &r.newExp, &r.moved.before, &r.moved.after, &r.refunded.before, &r.refunded.after, &r.fee.before, &r.fee.after, &r.tax.before, &r.tax.after,
			&r.ourOldExp, &r.ourExp, &r.ours.before, &r.ours.after, &r.oldDate, &r.date); err != nil {
			return nil, err
		}
		r.c.Amount = &a
		out = append(out, r)
	}
	return out, rows.Err()
}

// figure is an amount in both versions, in minor units.
type figure struct{ before, after sql.NullInt64 }

type changeRow struct {
	c                                            reports.Change
	isNew, gone                                  bool
	oldResult, newResult, oldOutcome, newOutcome string
	oldKinds, newKinds                           string
	oldExp, newExp, ourOldExp, ourExp            sql.NullInt64
	moved, refunded, fee, tax, ours              figure
	oldDate, date                                sql.NullTime
}

// follows tells that the result only follows the state of an exception: the
// provider says what it said.
func (r changeRow) follows() bool {
	return !r.isNew && !r.gone && r.oldOutcome == r.newOutcome && r.oldResult != r.newResult &&
		(r.oldResult == string(payment.ResultException) || r.newResult == string(payment.ResultException))
}

// tell says what changed and why.
func (r changeRow) tell() reports.Change {
	c := r.c
	says := "the provider now says " + r.newOutcome + "."
	switch {
	case r.isNew:
		c.What, c.Before, c.After, c.Why, c.Group = "New payment", "", r.newResult, "It was not in the ledger when the previous version was read.", "new payment"
	case r.gone:
		c.What, c.Before, c.After, c.Why, c.Group = "Payment gone", r.oldResult, "", "It is not in the ledger of this range any more.", "payment gone"
	case r.oldResult == string(payment.ResultException) && r.newResult != r.oldResult:
		c.What, c.Before, c.After, c.Group = "Exception state", "open", "auto resolved", "exception was closed"
		c.Why = "The difference is gone (" + spaced(r.oldKinds) + ")"
		if r.newOutcome != "" && r.newOutcome != r.oldOutcome {
			c.Why += "; " + says
		} else {
			c.Why += "."
		}
	case r.newResult == string(payment.ResultException) && r.oldResult != r.newResult:
		c.What, c.Before, c.After, c.Group = "Result", r.oldResult, "exception", "new exception"
		c.Why = "New exception: " + spaced(r.newKinds) + "."
	case r.oldResult != r.newResult:
		c.What, c.Before, c.After, c.Why, c.Group = "Result", r.oldResult, r.newResult, "Late status: "+says, "status came late"
	case r.oldOutcome != r.newOutcome:
		c.What, c.Before, c.After, c.Why, c.Group = "Provider status", r.oldOutcome, r.newOutcome, "Late status: "+says, "status came late"
	case r.oldDate.Valid && !r.oldDate.Time.Equal(r.date.Time):
		c.What, c.Before, c.After, c.Group = "Business date", r.oldDate.Time.Format(time.DateOnly), r.date.Time.Format(time.DateOnly), "date changed"
		c.Why = "The ledger holds another time of its creation now."
	default:
		return r.tellAmount()
	}
	return c
}

// tellAmount names the first amount that differs, the most important first.
func (r changeRow) tellAmount() reports.Change {
	c := r.c
	c.Group = "amount changed"
	for _, f := range []struct {
		what        string
		figure      figure
		before, now sql.NullInt64
		why         string
	}{
		{"Provider amount", r.moved, r.oldExp, r.newExp, "The provider's figure changed."},
		{"Refunded", r.refunded, r.oldExp, r.newExp, "The provider refunded more, or told of it later."},
		{"Fee", r.fee, r.oldExp, r.newExp, "The provider's figure changed, or became known."},
		{"Tax", r.tax, r.oldExp, r.newExp, "The provider's figure changed, or became known."},
		{"Our amount", r.ours, r.ourOldExp, r.ourExp, "The ledger holds another amount now."},
	} {
		if f.figure.before == f.figure.after {
			continue
		}
		c.What, c.Why, c.Before, c.After = f.what, f.why, decimalText(f.figure.before, f.before), decimalText(f.figure.after, f.now)
		break
	}
	return c
}

func decimalText(minor, exp sql.NullInt64) string {
	if !minor.Valid {
		return ""
	}
	return money.FormatMinor(minor.Int64, int(exp.Int64))
}

// stateChange is an exception whose state differs.
type stateChange struct {
	change reports.Change
	orphan bool   // it stands for a provider's transaction
	person string // who changed it; empty: the run
}

// stateChanges compares the states of the range's exceptions with those that the
// previous version was published with.
func (s *Store) stateChanges(ctx context.Context, run, previous *Run) ([]stateChange, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT x.exception_id, x.kind, x.provider, x.payment_kind, x.payment_id, x.provider_payment_id, x.reference,
			x.internal_amount::text, x.internal_exp, x.currency, x.provider_amount::text, x.provider_exp, x.provider_currency,
			coalesce(b.after, ''), x.state, coalesce(h.who, ''), x.resolution, x.note
		FROM (`+exceptionsOfRange+`) x
		LEFT JOIN LATERAL (SELECT after FROM tieout.exception_history WHERE exception_id = x.exception_id AND what = 'state' AND at <= $2 ORDER BY id DESC LIMIT 1) b ON true
		LEFT JOIN LATERAL (SELECT who, after FROM tieout.exception_history WHERE exception_id = x.exception_id AND what = 'state' AND at > $2 ORDER BY id DESC LIMIT 1) h ON h.after = x.state
		WHERE x.state <> coalesce(b.after, '') AND NOT (b.after IS NULL AND x.state = 'auto_resolved')
		ORDER BY x.exception_id`, run.ID, previous.FinishedAt)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []stateChange
	for rows.Next() {
		var r reports.ExceptionRow
		var before, person string
		var internal, theirs sql.NullString
		var internalExp, theirExp sql.NullInt64
		if err := rows.Scan(&r.ID, &r.Kind, &r.Provider, &r.PaymentKind, &r.PaymentID, &r.ProviderPaymentID, &r.Reference,
			&internal, &internalExp, &r.Currency, &theirs, &theirExp, &r.ProviderCurrency, &before, &r.State, &person, &r.Resolution, &r.Note); err != nil {
			return nil, err
		}
		if err := exceptionAmounts(&r, internal, internalExp, theirs, theirExp, sql.NullString{}); err != nil {
			return nil, err
		}
		out = append(out, tellState(&r, before, person))
	}
	return out, rows.Err()
}

func tellState(r *reports.ExceptionRow, before, person string) stateChange {
	c := reports.Change{
		PaymentID: cmp.Or(r.PaymentID, r.ProviderPaymentID), Provider: r.Provider, Kind: r.PaymentKind, Reference: r.Reference,
		Amount: cmp.Or(r.InternalAmount, r.ProviderAmount), What: "Exception state", Before: spaced(before), After: spaced(string(r.State)),
	}
	what := r.ID + " (" + spaced(string(r.Kind)) + ")"
	switch {
	case r.State == payment.StateOpen && before == "":
		c.Group, c.Why = "new exception", "New: "+what+"."
	case r.State == payment.StateOpen && person != "":
		c.Group, c.Why = "exception was opened again", what+" opened again by "+person+"."
	case r.State == payment.StateOpen:
		c.Group, c.Why = "exception was opened again", what+": the difference is back, or its figures are others."
	case r.State == payment.StateAutoResolved:
		c.Group, c.Why = "exception was closed", what+": the difference is gone."
	default:
		c.Group, c.Why = "exception was closed", what+" closed by "+cmp.Or(person, "a person")
		if r.Resolution != "" {
			c.Why += ", " + spaced(r.Resolution)
		}
		if r.Note != "" {
			c.Why += ": " + strings.TrimSuffix(r.Note, ".")
		}
		c.Why += "."
	}
	return stateChange{change: c, orphan: r.PaymentID == "", person: person}
}

func spaced(code string) string { return strings.ReplaceAll(code, "_", " ") }
