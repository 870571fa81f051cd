package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"tieout/internal/money"
)

// CallbackFindings is what the callbacks of a provider show in a run.
type CallbackFindings struct {
	// Used is true from the first callback that came and was not rejected.
	Used bool `db:"used"`
	// Completed counts the payments of the run, older than the grace, that the
	// provider completed since callbacks are used; Never those of them of
	// whose end no callback came.
	Completed int64 `db:"completed"`
	Never     int64 `db:"never"`
	// Read counts the callbacks that this run looked at.
	Read       int64 `db:"read"`
	Verified   int64 `db:"verified"`
	Unverified int64 `db:"unverified"`
	Rejected   int64 `db:"rejected"`
	Unreadable int64 `db:"unreadable"`
	// Taken counts those that stood for an answer.
	Taken          int64 `db:"taken"`
	Contradictions []Contradiction
}

// Contradiction is a verified callback that the provider's later answer does not
// agree with.
type Contradiction struct {
	PaymentID              string
	CallbackID             int64
	ReceivedAt, AnsweredAt time.Time
	Said, Answered         string // statuses, in our words; Answered may be unknown
	// SaidAmount and AnsweredAmount are nil where none was told.
	SaidAmount, AnsweredAmount *money.Amount
}

// CallbackFindings reads what the callbacks of a provider show in a run, after
// its poll.
func (s *Store) CallbackFindings(ctx context.Context, run *Run, providerName string, grace time.Duration) (CallbackFindings, error) {
	var out CallbackFindings
	found := steps("callbacks_found.sql")
	if err := s.db.GetContext(ctx, &out, found[0].SQL, run.ID, providerName, interval(grace)); err != nil {
		return out, wrap("counting callbacks of "+providerName, err)
	}
	if !out.Used {
		return out, nil
	}
	var rows []struct {
		PaymentID        string        `db:"payment_id"`
		CallbackID       int64         `db:"callback_id"`
		ReceivedAt       time.Time     `db:"received_at"`
		AnsweredAt       time.Time     `db:"answered_at"`
		Said             string        `db:"said"`
		Answered         string        `db:"answered"`
		SaidAmount       sql.NullInt64 `db:"said_amount"`
		SaidExp          sql.NullInt64 `db:"said_exp"`
		SaidCurrency     string        `db:"said_currency"`
		AnsweredAmount   sql.NullInt64 `db:"answered_amount"`
		AnsweredExp      sql.NullInt64 `db:"answered_exp"`
		AnsweredCurrency string        `db:"answered_currency"`
	}
	if err := s.db.SelectContext(ctx, &rows, found[1].SQL, run.ID, providerName, interval(grace)); err != nil {
		return out, wrap("looking for callbacks of "+providerName+" that were contradicted", err)
	}
	figure := func(minor, exp sql.NullInt64, currency string) *money.Amount {
		if !minor.Valid || !exp.Valid {
			return nil
		}
		return &money.Amount{Minor: minor.Int64, Exp: int(exp.Int64), Currency: currency}
	}
	for _, r := range rows {
		out.Contradictions = append(out.Contradictions, Contradiction{
			PaymentID: r.PaymentID, CallbackID: r.CallbackID, ReceivedAt: r.ReceivedAt.UTC(), AnsweredAt: r.AnsweredAt.UTC(), Said: r.Said, Answered: r.Answered,
			SaidAmount: figure(r.SaidAmount, r.SaidExp, r.SaidCurrency), AnsweredAmount: figure(r.AnsweredAmount, r.AnsweredExp, r.AnsweredCurrency),
		})
	}
	return out, nil
}

// Renote puts sentences into the run's About in the place of those that begin
// with prefix, which said the same before the run was gone on with.
func (s *Store) Renote(ctx context.Context, run *Run, prefix string, notes ...string) error {
	_, err := s.db.ExecContext(ctx, `UPDATE tieout.runs SET notes = ARRAY(SELECT n FROM unnest(notes) WITH ORDINALITY AS x (n, at)
		WHERE NOT starts_with(n, $2) ORDER BY at) || $3::text[] WHERE id = $1`, run.ID, prefix, textArray(notes))
	return wrap("noting", err)
}

// CountRequests adds to the requests that one provider was asked in the run.
func (s *Store) CountRequests(ctx context.Context, run *Run, providerName string, requests int64) error {
	_, err := s.db.ExecContext(ctx, `UPDATE tieout.runs SET requests_by = requests_by || jsonb_build_object($2::text,
		coalesce((requests_by ->> $2::text)::bigint, 0) + $3::bigint) WHERE id = $1`, run.ID, providerName, requests)
	return wrap("counting requests", err)
}

// RequestCount is how much one provider was asked in a run, and about how many payments.
type RequestCount struct{ Requests, Payments int64 }

// RequestCounts returns the counts by provider, of those that have payments in the run.
func (s *Store) RequestCounts(ctx context.Context, run *Run) (map[string]RequestCount, error) {
	var raw []byte
	if err := s.db.GetContext(ctx, &raw, `SELECT requests_by FROM tieout.runs WHERE id = $1`, run.ID); err != nil {
		return nil, wrap("reading request counts", err)
	}
	requests := map[string]int64{}
	if err := json.Unmarshal(raw, &requests); err != nil {
		return nil, wrap("reading request counts", err)
	}
	var rows []struct {
		Provider string `db:"provider"`
		N        int64  `db:"n"`
	}
	if err := s.db.SelectContext(ctx, &rows, `SELECT provider, count(*) AS n FROM tieout.run_payments WHERE run_id = $1 AND in_range GROUP BY provider`, run.ID); err != nil {
		return nil, wrap("reading request counts", err)
	}
	out := make(map[string]RequestCount, len(rows))
	for _, r := range rows {
		out[r.Provider] = RequestCount{Requests: requests[r.Provider], Payments: r.N}
	}
	return out, nil
}
