package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"tieout/internal/mask"
	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/reports"
)

// Rows streams a run's long tables (reports.Source).
type Rows struct {
	s    *Store
	run  *Run
	mask mask.Func
}

// Rows returns the run's rows; hide shows account numbers.
func (s *Store) Rows(run *Run, hide mask.Func) Rows { return Rows{s, run, hide} }

// Transactions streams a row a payment of the range, by business date, provider,
// kind, creation and id.
func (r Rows) Transactions(ctx context.Context, row func(*reports.TransactionRow) error) error {
	rows, err := r.s.db.QueryContext(ctx, `SELECT rp.payment_id, rp.kind, rp.provider, coalesce(rr.provider_payment_id, ''), coalesce(rr.provider_reference, ''),
		coalesce(rr.network_reference, ''), coalesce(rp.reference, ''), rp.amount, rp.exp, rp.currency, rr.provider_amount, rr.provider_exp, rr.provider_currency,
		rr.refunded, rr.fee, rr.tax, rp.status, coalesce(rr.outcome, ''), coalesce(rr.raw_status, ''), rr.result, coalesce(rr.match_method, ''),
		coalesce(rp.account, ''), rp.business_date, rp.created_at, rr.completed_at, rr.observed_at
		FROM tieout.run_payments rp JOIN tieout.run_results rr USING (run_id, payment_id)
		WHERE rp.run_id = $1 ORDER BY rp.business_date, rp.provider, rp.kind, rp.created_at, rp.payment_id`, r.run.ID)
	if err != nil {
		return wrap("reading the results", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var t reports.TransactionRow
		var theirs, theirExp, refunded, fee, tax sql.NullInt64
		var theirCurrency sql.NullString
		var completed, observed sql.NullTime
		if err := rows.Scan(&t.PaymentID, &t.Kind, &t.Provider, &t.ProviderPaymentID, &t.ProviderReference, &t.NetworkReference, &t.Reference,
			&t.Amount.Minor, &t.Amount.Exp, &t.Amount.Currency, &theirs, &theirExp, &theirCurrency, &refunded, &fee, &tax, &t.InternalStatus, &t.ProviderStatus,
			&t.RawStatus, &t.Result, &t.MatchMethod, &t.Account, &t.BusinessDate, &t.CreatedAt, &completed, &observed); err != nil {
			return wrap("reading the results", err)
		}
		t.ProviderAmount = amount(theirs, theirExp, theirCurrency)
		t.Refunded, t.Fee, t.Tax = amount(refunded, theirExp, theirCurrency), amount(fee, theirExp, theirCurrency), amount(tax, theirExp, theirCurrency)
		t.Net = net(t)
		t.Account = r.mask(t.Account)
		t.BusinessDate, t.CreatedAt = t.BusinessDate.UTC(), t.CreatedAt.UTC()
		t.CompletedAt, t.ObservedAt = utc(completed), utc(observed)
		if err := row(&t); err != nil {
			return err
		}
	}
	return wrap("reading the results", rows.Err())
}

// net is what a completed or reversed, matched payment did to the merchant's
// balance; nil for all others.
func net(t reports.TransactionRow) *money.Amount {
	if t.Result != payment.ResultMatched || t.ProviderAmount == nil {
		return nil
	}
	n := money.Amount{Exp: t.ProviderAmount.Exp, Currency: t.ProviderAmount.Currency}
	switch payment.Status(t.ProviderStatus) {
	case payment.Completed:
		n.Minor = t.ProviderAmount.Minor - value(t.Refunded)
	case payment.Reversed:
	default:
		return nil
	}
	charged := value(t.Fee) + value(t.Tax)
	if t.Kind == payment.Deposit {
		charged = -charged
	}
	n.Minor += charged
	return &n
}

func value(a *money.Amount) int64 {
	if a == nil {
		return 0
	}
	return a.Minor
}

func utc(t sql.NullTime) time.Time {
	if !t.Valid {
		return time.Time{}
	}
	return t.Time.UTC()
}

// exceptionsOfRange are the run's differences with what people said of them,
// and those of the range that are not there any more. What a person closed stays
// closed as long as its figures are those that the person saw. A difference that can't
// be judged now (its payment could not be asked) stays as it was; that it could
// not be asked is over with any answer, also one that can't be used.
const exceptionsOfRange = `
SELECT re.exception_id, re.kind, re.severity,
	CASE WHEN closed.still THEN e.state ELSE 'open' END AS state,
	re.provider, re.payment_kind, coalesce(re.payment_id, '') AS payment_id, coalesce(re.provider_payment_id, '') AS provider_payment_id, coalesce(re.reference, '') AS reference,
	re.internal_amount * ('1e-' || re.internal_exp)::numeric AS internal_amount, re.internal_exp,
	re.provider_amount * ('1e-' || re.provider_exp)::numeric AS provider_amount, re.provider_exp,
	coalesce(re.currency, '') AS currency, coalesce(re.provider_currency, '') AS provider_currency,
	coalesce(re.internal_status, '') AS internal_status, coalesce(re.provider_status, '') AS provider_status, coalesce(re.account, '') AS account,
	re.business_date, re.created_at, re.first_seen, coalesce(re.match_method, '') AS match_method, re.detail,
	re.at_risk * ('1e-' || re.at_risk_exp)::numeric AS at_risk,
	coalesce(e.owner, '') AS owner, CASE WHEN closed.still THEN coalesce(e.resolution, '') ELSE '' END AS resolution, coalesce(e.note, '') AS note,
	re.provider_refunded * ('1e-' || re.provider_exp)::numeric AS provider_refunded, re.provider_named
FROM tieout.run_exceptions re
LEFT JOIN tieout.exceptions e USING (exception_id)
CROSS JOIN LATERAL (SELECT coalesce(e.state IN ('resolved', 'ignored')
	-- a refund that one answer states as zero and the next not at all is none
	AND (e.internal_amount, e.currency, e.provider_amount, e.provider_currency, e.provider_status, coalesce(e.provider_refunded, 0)) IS NOT DISTINCT FROM
	    (re.internal_amount * ('1e-' || re.internal_exp)::numeric, re.currency, re.provider_amount * ('1e-' || re.provider_exp)::numeric,
	     re.provider_currency, re.provider_status, coalesce(re.provider_refunded * ('1e-' || re.provider_exp)::numeric, 0))
	AND coalesce(e.provider_named = re.provider_named, true), false) AS still) closed
WHERE re.run_id = $1
UNION ALL
SELECT e.exception_id, e.kind, e.severity,
	CASE WHEN e.state = 'open' AND (e.kind = 'not_polled' OR NOT EXISTS (SELECT 1 FROM tieout.run_exceptions n WHERE n.run_id = $1 AND n.payment_id = e.payment_id
		AND n.kind IN ('not_polled', 'invalid_provider_data')))
		-- nor can it be judged while its payment was set aside, or is of another day by now
		AND NOT EXISTS (SELECT 1 FROM tieout.run_rejects j WHERE j.run_id = $1 AND j.payment_id = e.payment_id)
		AND (e.payment_id IS NULL
			OR EXISTS (SELECT 1 FROM tieout.run_payments rp WHERE rp.run_id = $1 AND rp.in_range AND rp.payment_id = e.payment_id)
			OR NOT EXISTS (SELECT 1 FROM tieout.payments p WHERE p.id = e.payment_id))
		THEN 'auto_resolved' ELSE e.state END,
	e.provider, e.payment_kind, coalesce(e.payment_id, ''), coalesce(e.provider_payment_id, ''), coalesce(e.reference, ''),
	e.internal_amount, e.internal_exp, e.provider_amount, e.provider_exp, coalesce(e.currency, ''), coalesce(e.provider_currency, ''),
	coalesce(e.internal_status, ''), coalesce(e.provider_status, ''), coalesce(e.account, ''), e.business_date, e.created_at, e.first_seen,
	coalesce(e.match_method, ''), e.detail, e.at_risk, coalesce(e.owner, ''), coalesce(e.resolution, ''), coalesce(e.note, ''), e.provider_refunded, e.provider_named
FROM tieout.exceptions e, tieout.runs r
WHERE r.id = $1 AND e.provider = ANY (r.providers) AND e.payment_kind = ANY (r.kinds)
  AND NOT EXISTS (SELECT 1 FROM tieout.run_exceptions re WHERE re.run_id = $1 AND re.exception_id = e.exception_id)
  AND CASE WHEN e.payment_id IS NOT NULL AND e.created_at IS NOT NULL AND r.outstanding
           THEN EXISTS (SELECT 1 FROM tieout.run_payments rp WHERE rp.run_id = $1 AND rp.in_range AND rp.payment_id = e.payment_id)
           ELSE NOT r.outstanding AND e.business_date BETWEEN r.from_date AND r.to_date END`

// Exceptions streams the exceptions of the range in every state: open first,
// then by severity, then the oldest.
func (r Rows) Exceptions(ctx context.Context, row func(*reports.ExceptionRow) error) error {
	rows, err := r.s.db.QueryContext(ctx, `SELECT exception_id, kind, severity, state, provider, payment_kind, payment_id, provider_payment_id, reference,
		internal_amount, internal_exp, provider_amount, provider_exp, currency, provider_currency, internal_status, provider_status, account, business_date,
		created_at, first_seen, match_method, detail, at_risk, owner, resolution, note FROM (`+exceptionsOfRange+`) x
		ORDER BY state <> 'open', array_position(ARRAY['critical', 'high', 'medium', 'low'], severity), business_date, created_at, exception_id`, r.run.ID)
	if err != nil {
		return wrap("reading the exceptions", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var e reports.ExceptionRow
		var internal, theirs, risk sql.NullString
		var internalExp, theirExp sql.NullInt64
		if err := rows.Scan(&e.ID, &e.Kind, &e.Severity, &e.State, &e.Provider, &e.PaymentKind, &e.PaymentID, &e.ProviderPaymentID, &e.Reference,
			&internal, &internalExp, &theirs, &theirExp, &e.Currency, &e.ProviderCurrency, &e.InternalStatus, &e.ProviderStatus, &e.Account, &e.BusinessDate,
			&e.CreatedAt, &e.FirstSeen, &e.MatchMethod, &e.Detail, &risk, &e.Owner, &e.Resolution, &e.Note); err != nil {
			return wrap("reading the exceptions", err)
		}
		if err := exceptionAmounts(&e, internal, internalExp, theirs, theirExp, risk); err != nil {
			return fmt.Errorf("exception %s: %w", e.ID, err)
		}
		e.Account = r.mask(e.Account)
		e.BusinessDate, e.CreatedAt, e.FirstSeen = e.BusinessDate.UTC(), e.CreatedAt.UTC(), e.FirstSeen.UTC()
		if err := row(&e); err != nil {
			return err
		}
	}
	return wrap("reading the exceptions", rows.Err())
}

func exceptionAmounts(e *reports.ExceptionRow, internal sql.NullString, internalExp sql.NullInt64, theirs sql.NullString, theirExp sql.NullInt64, risk sql.NullString) error {
	var err error
	read := func(text sql.NullString, exp sql.NullInt64, currency string) *money.Amount {
		if !text.Valid || !exp.Valid || err != nil {
			return nil
		}
		var minor int64
		minor, err = money.ParseMinor(text.String, int(exp.Int64))
		return &money.Amount{Minor: minor, Exp: int(exp.Int64), Currency: currency}
	}
	e.InternalAmount = read(internal, internalExp, e.Currency)
	e.ProviderAmount = read(theirs, theirExp, e.ProviderCurrency)
	// what is at risk is in the provider's currency where the provider moved it, as the amount that it was made from
	riskExp, riskCurrency := internalExp, e.Currency
	if !riskExp.Valid {
		riskExp, riskCurrency = theirExp, e.ProviderCurrency
	}
	e.AtRisk = read(risk, riskExp, riskCurrency)
	if err == nil && e.InternalAmount != nil && e.ProviderAmount != nil && e.Currency == e.ProviderCurrency && e.InternalAmount.Exp == e.ProviderAmount.Exp {
		d := money.Amount{Minor: e.ProviderAmount.Minor - e.InternalAmount.Minor, Exp: e.InternalAmount.Exp, Currency: e.Currency}
		e.Difference = &d
	}
	return err
}
