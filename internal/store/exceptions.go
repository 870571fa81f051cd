package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lib/pq"
)

// Exception is a difference as the last run found it, with what people said of
// it. Its JSON fields are stable. Amounts are exact decimals with the currency's
// decimals; what is not known is null.
type Exception struct {
	ID                string    `db:"exception_id" json:"exception_id"`
	Kind              string    `db:"kind" json:"kind"`
	Severity          string    `db:"severity" json:"severity"`
	State             string    `db:"state" json:"state"`
	Provider          string    `db:"provider" json:"provider"`
	PaymentKind       string    `db:"payment_kind" json:"payment_kind"`
	PaymentID         *string   `db:"payment_id" json:"payment_id"`
	ProviderPaymentID *string   `db:"provider_payment_id" json:"provider_payment_id"`
	Reference         *string   `db:"reference" json:"reference"`
	InternalAmount    *string   `db:"internal_amount" json:"internal_amount"`
	ProviderAmount    *string   `db:"provider_amount" json:"provider_amount"`
	Difference        *string   `db:"difference" json:"difference"`
	Currency          *string   `db:"currency" json:"currency"`
	ProviderCurrency  *string   `db:"provider_currency" json:"provider_currency"`
	InternalStatus    *string   `db:"internal_status" json:"internal_status"`
	ProviderStatus    *string   `db:"provider_status" json:"provider_status"`
	Account           *string   `db:"account" json:"account"`
	BusinessDate      string    `db:"business_date" json:"business_date"`
	FirstSeen         time.Time `db:"first_seen" json:"first_seen"`
	MatchMethod       *string   `db:"match_method" json:"match_method"`
	Detail            string    `db:"detail" json:"detail"`
	Owner             *string   `db:"owner" json:"owner"`
	Resolution        *string   `db:"resolution" json:"resolution"`
	Note              *string   `db:"note" json:"note"`
	RunID             string    `db:"run_id" json:"run_id"`
	LastSeen          time.Time `db:"last_seen" json:"last_seen"`
	UpdatedAt         time.Time `db:"updated_at" json:"updated_at"`
}

const exceptionColumns = `exception_id, kind, severity, state, provider, payment_kind, payment_id, provider_payment_id, reference,
	round(internal_amount, internal_exp)::text AS internal_amount, round(provider_amount, provider_exp)::text AS provider_amount,
	round(difference, coalesce(internal_exp, provider_exp))::text AS difference,
	currency, provider_currency, internal_status, provider_status, account, to_char(business_date, 'YYYY-MM-DD') AS business_date,
	first_seen, match_method, detail, owner, resolution, note, run_id, last_seen, updated_at`

// ExceptionFilter chooses exceptions; what is empty does not narrow.
type ExceptionFilter struct {
	IDs, States, Kinds, Severities, Providers []string
	PaymentID, Owner                          string
	Unowned                                   bool
	From, To                                  time.Time // business dates, both included
}

// where is the filter's condition, with parameters from $1 on.
func (f ExceptionFilter) where() (condition string, args []any) {
	condition = `($1::text[] = '{}' OR exception_id = ANY ($1)) AND ($2::text[] = '{}' OR state = ANY ($2)) AND ($3::text[] = '{}' OR kind = ANY ($3))
		AND ($4::text[] = '{}' OR severity = ANY ($4)) AND ($5::text[] = '{}' OR provider = ANY ($5))
		AND ($6::text = '' OR payment_id = $6) AND ($7::text = '' OR owner = $7) AND (NOT $8::boolean OR owner IS NULL)
		AND ($9::date IS NULL OR business_date >= $9) AND ($10::date IS NULL OR business_date <= $10)`
	return condition, []any{
		textArray(f.IDs), textArray(f.States), textArray(f.Kinds), textArray(f.Severities), textArray(f.Providers),
		f.PaymentID, f.Owner, f.Unowned, nullDate(f.From), nullDate(f.To),
	}
}

func nullDate(t time.Time) sql.NullString {
	return sql.NullString{String: t.Format(time.DateOnly), Valid: !t.IsZero()}
}

// Exceptions lists what the filter chooses, open ones first, then by severity,
// then the oldest; at most limit of them, 0 for all. total counts all of them.
func (s *Store) Exceptions(ctx context.Context, f ExceptionFilter, limit int) (list []Exception, total int64, err error) {
	condition, args := f.where()
	if err := s.db.GetContext(ctx, &total, `SELECT count(*) FROM tieout.exceptions WHERE `+condition, args...); err != nil {
		return nil, 0, wrap("counting exceptions", err)
	}
	q := `SELECT ` + exceptionColumns + ` FROM tieout.exceptions WHERE ` + condition + `
		ORDER BY state <> 'open', array_position(ARRAY['critical', 'high', 'medium', 'low'], severity), exceptions.business_date, created_at, exception_id`
	if limit > 0 {
		q += fmt.Sprintf(" LIMIT %d", limit)
	}
	list = []Exception{}
	if err := s.db.SelectContext(ctx, &list, q, args...); err != nil {
		return nil, 0, wrap("listing exceptions", err)
	}
	for i := range list {
		list[i].utc()
	}
	return list, total, nil
}

func (e *Exception) utc() {
	e.FirstSeen, e.LastSeen, e.UpdatedAt = e.FirstSeen.UTC(), e.LastSeen.UTC(), e.UpdatedAt.UTC()
}

// HistoryEntry is one field's change of an exception. Its JSON fields are stable.
type HistoryEntry struct {
	At     time.Time `db:"at" json:"at"`
	Who    string    `db:"who" json:"who"`
	What   string    `db:"what" json:"what"` // state, owner, resolution or note
	Before *string   `db:"before" json:"before"`
	After  *string   `db:"after" json:"after"`
	Why    *string   `db:"why" json:"why"`
	RunID  *string   `db:"run_id" json:"run_id"`
	// Change holds together what a person changed at once; null: a run did it.
	Change *int64 `db:"change_id" json:"change"`
	Undoes *int64 `db:"undoes" json:"undoes"`
}

// Exception returns one exception with its history, the oldest change first.
func (s *Store) Exception(ctx context.Context, id string) (*Exception, []HistoryEntry, error) {
	var e Exception
	err := s.db.GetContext(ctx, &e, `SELECT `+exceptionColumns+` FROM tieout.exceptions WHERE exception_id = $1`, normalID(id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, fmt.Errorf("there is no exception %s: see `tieout exceptions list`", id)
	}
	if err != nil {
		return nil, nil, wrap("reading the exception", err)
	}
	e.utc()
	history := []HistoryEntry{}
	if err := s.db.SelectContext(ctx, &history, `SELECT at, who, what, before, after, why, run_id, change_id, undoes
		FROM tieout.exception_history WHERE exception_id = $1 ORDER BY id`, e.ID); err != nil {
		return nil, nil, wrap("reading the history of "+e.ID, err)
	}
	for i := range history {
		history[i].At = history[i].At.UTC()
	}
	return &e, history, nil
}

// normalID lets people write an id in small letters.
func normalID(id string) string { return strings.ToUpper(strings.TrimSpace(id)) }

func unknownExceptions(ids []string) error {
	const most = 10
	more := ""
	if len(ids) > most {
		more, ids = fmt.Sprintf(" and %d more", len(ids)-most), ids[:most]
	}
	return fmt.Errorf("there is no exception %s%s: see `tieout exceptions list`; nothing was changed", strings.Join(ids, ", "), more)
}

// knownIDs makes sure that each id is an exception, and returns them once each.
func knownIDs(ctx context.Context, db querier, ids []string) ([]string, error) {
	var unique []string
	seen := map[string]bool{}
	for _, id := range ids {
		if id = normalID(id); !seen[id] {
			seen[id] = true
			unique = append(unique, id)
		}
	}
	var missing []string
	if err := db.SelectContext(ctx, &missing, `SELECT id FROM unnest($1::text[]) AS id WHERE NOT EXISTS (SELECT 1 FROM tieout.exceptions e WHERE e.exception_id = id)`,
		pq.Array(unique)); err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		return nil, unknownExceptions(missing)
	}
	return unique, nil
}
