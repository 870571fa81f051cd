package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/lib/pq"

	"tieout/internal/ledger"
	"tieout/internal/money"
	"tieout/internal/payment"
)

// Story is all that is known of one payment. Its JSON fields are stable; what is
// not known is null or left out.
type Story struct {
	Payment StoryPayment `json:"payment"`
	// Events stand in order of time.
	Events  []StoryEvent  `json:"events"`
	Outcome *StoryOutcome `json:"outcome"`
	// Contradictions are verified callbacks that the provider's later answer
	// does not agree with.
	Contradictions []StoryContradiction `json:"contradictions"`
}

// StoryContradiction is a verified callback that a later answer of the provider
// does not agree with. In JSON it is its sentence, in UTC.
type StoryContradiction struct {
	At       time.Time // of the callback
	Says     string
	Later    time.Time // of the answer
	Answered string
}

// Sentence tells it in the times of a zone.
func (c StoryContradiction) Sentence(zone *time.Location, layout string) string {
	return fmt.Sprintf("the callback of %s says %s; the provider answered on %s: %s",
		c.At.In(zone).Format(layout), c.Says, c.Later.In(zone).Format(layout), c.Answered)
}

// MarshalText implements encoding.TextMarshaler.
func (c StoryContradiction) MarshalText() ([]byte, error) {
	return []byte(c.Sentence(time.UTC, time.RFC3339)), nil
}

// StoryPayment is the merchant's own record.
type StoryPayment struct {
	ID                string            `json:"id"`
	Kind              string            `json:"kind"`
	Provider          string            `json:"provider"`
	ProviderPaymentID string            `json:"provider_payment_id"`
	Reference         string            `json:"reference"`
	Amount            string            `json:"amount"`
	Currency          string            `json:"currency"`
	Status            string            `json:"status"`
	Account           string            `json:"account"`
	CustomerID        string            `json:"customer_id"`
	SaveMethod        bool              `json:"save_method"`
	Metadata          map[string]string `json:"metadata"`
	CreatedAt         time.Time         `json:"created_at"`
	UpdatedAt         *time.Time        `json:"updated_at"`
	Refunded          string            `json:"refunded_amount"`
	RefundIDs         []string          `json:"refund_ids"`
}

// StoryEvent is one thing that happened; exactly one of the pointers is set.
type StoryEvent struct {
	At time.Time `json:"at"`
	// What is observation, callback, transaction, statement, result, exception or change.
	What        string            `json:"what"`
	Observation *StoryObservation `json:"observation,omitempty"`
	Callback    *StoryCallback    `json:"callback,omitempty"`
	Transaction *StoryTransaction `json:"transaction,omitempty"`
	Statement   *StoryStatement   `json:"statement,omitempty"`
	Result      *StoryResult      `json:"result,omitempty"`
	Exception   *Exception        `json:"exception,omitempty"`
	Change      *StoryChange      `json:"change,omitempty"`
}

// StoryObservation is one answer of the provider as evidence.
type StoryObservation struct {
	ID          int64           `db:"id" json:"id"`
	RunID       string          `db:"run_id" json:"run_id"`
	Method      string          `db:"method" json:"method"`
	Path        string          `db:"path" json:"path"`
	AskedAt     time.Time       `db:"asked_at" json:"-"`
	DurationMS  int64           `db:"duration_ms" json:"duration_ms"`
	HTTPStatus  *int            `db:"http_status" json:"http_status"`
	ContentType *string         `db:"content_type" json:"content_type"`
	Digest      *string         `db:"digest" json:"digest"`
	Error       *string         `db:"error" json:"error"`
	Zipped      []byte          `db:"body" json:"-"`
	Body        json.RawMessage `json:"body"` // JSON as it came, other bodies as a text; redacted
	// List says that the body is the one row of a list that is about the payment.
	List bool `json:"list"`
}

// StoryCallback is what the provider posted to the merchant.
type StoryCallback struct {
	ID         int64     `db:"id" json:"id"`
	ReceivedAt time.Time `db:"received_at" json:"-"`
	RunID      *string   `db:"run_id" json:"run_id"`
	Verdict    *string   `db:"verdict" json:"verdict"`
	Reason     *string   `db:"reason" json:"reason"`
	Event      *string   `db:"event" json:"event"`
	Status     *string   `db:"status" json:"status"`
	RawStatus  *string   `db:"raw_status" json:"raw_status"`
	Used       bool      `db:"used" json:"used"`
	// Digest and Body are those of its observation.
	Digest *string         `db:"digest" json:"digest"`
	Zipped []byte          `db:"body" json:"-"`
	Body   json.RawMessage `json:"body"`
}

// StoryTransaction is what is held to be the provider's record now.
type StoryTransaction struct {
	ID               string     `db:"provider_payment_id" json:"provider_payment_id"`
	Reference        *string    `db:"reference" json:"reference"`
	NetworkReference *string    `db:"network_reference" json:"network_reference"`
	Status           string     `db:"status" json:"status"`
	RawStatus        string     `db:"raw_status" json:"raw_status"`
	NeedsAction      *string    `db:"needs_action" json:"needs_action"`
	FailureCode      *string    `db:"failure_code" json:"failure_code"`
	FailureMessage   *string    `db:"failure_message" json:"failure_message"`
	Currency         string     `db:"currency" json:"currency"`
	Amount           string     `db:"amount" json:"amount"`
	Settled          *string    `db:"settled" json:"settled"`
	Refunded         *string    `db:"refunded" json:"refunded"`
	Fee              *string    `db:"fee" json:"fee"`
	Tax              *string    `db:"tax" json:"tax"`
	Account          *string    `db:"account" json:"account"`
	CreatedAt        time.Time  `db:"created_at" json:"created_at"`
	CompletedAt      *time.Time `db:"completed_at" json:"completed_at"`
	Source           string     `db:"source" json:"source"`
	FirstObservedAt  time.Time  `db:"first_observed_at" json:"first_observed_at"`
	ObservedAt       time.Time  `db:"observed_at" json:"observed_at"`
	AskedAt          time.Time  `db:"asked_at" json:"asked_at"`
	RunID            string     `db:"run_id" json:"run_id"`
	OwnID            *string    `db:"own_id" json:"own_id"`
}

// StoryStatement is a row of the provider's statement that names the payment.
type StoryStatement struct {
	Entry             string     `db:"entry" json:"entry"` // payment, fee, tax, refund or other
	ProviderPaymentID *string    `db:"provider_payment_id" json:"provider_payment_id"`
	Reference         *string    `db:"reference" json:"reference"`
	Amount            string     `db:"amount" json:"amount"` // with the statement's sign
	Currency          string     `db:"currency" json:"currency"`
	Fee               *string    `db:"fee" json:"fee"`
	Tax               *string    `db:"tax" json:"tax"`
	Status            string     `db:"status" json:"status"`
	At                *time.Time `db:"at" json:"-"` // nil: the statement gives no time
	ImportedAt        time.Time  `db:"imported_at" json:"imported_at"`
	// File is the digest of the file that last gave the row, Row its number there.
	File string `db:"sha256" json:"file_sha256"`
	Row  int64  `db:"n" json:"row"`
}

// StoryResult is what one run made of the payment.
type StoryResult struct {
	RunID          string    `db:"run_id" json:"run_id"`
	At             time.Time `db:"at" json:"-"` // when it was matched
	Version        *int64    `db:"version" json:"version"`
	RunStatus      string    `db:"run_status" json:"run_status"`
	Result         string    `db:"result" json:"result"`
	Outcome        *string   `db:"outcome" json:"outcome"`
	MatchMethod    *string   `db:"match_method" json:"match_method"`
	ProviderStatus *string   `db:"provider_status" json:"provider_status"`
	RawStatus      *string   `db:"raw_status" json:"raw_status"`
}

// StoryChange is one change of an exception.
type StoryChange struct {
	ExceptionID string `db:"exception_id" json:"exception_id"`
	Kind        string `db:"kind" json:"kind"`
	HistoryEntry
}

// StoryOutcome is what the merchant reads back.
type StoryOutcome struct {
	Status         string    `db:"status" json:"status"`
	ProviderStatus *string   `db:"provider_status" json:"provider_status"`
	FailureCode    *string   `db:"failure_code" json:"failure_code"`
	FailureMessage *string   `db:"failure_message" json:"failure_message"`
	DecidedAt      time.Time `db:"decided_at" json:"decided_at"`
	RunID          string    `db:"run_id" json:"run_id"`
	Held           bool      `db:"held" json:"held"`
}

// ErrNoPayment says that neither the ledger nor any run knows the payment.
var ErrNoPayment = errors.New("no payment has this id")

// Story tells all that is known of one payment, from the ledger and the
// database. Bodies are as they are kept: without secrets, card and account data.
func (s *Store) Story(ctx context.Context, l *Ledger, rules ledger.Rules, id string) (*Story, error) {
	out := &Story{Events: []StoryEvent{}, Contradictions: []StoryContradiction{}}
	p, err := s.storyPayment(ctx, l, rules, id)
	if err != nil {
		return nil, wrap("reading payment "+id, err)
	}
	out.Payment = *p
	for _, part := range []func(context.Context, *Story) error{
		s.storyCallbacks, s.storyTransactions, s.storyStatement, s.storyObservations, s.storyResults, s.storyExceptions, s.storyOutcome, s.storyContradictions,
	} {
		if err := part(ctx, out); err != nil {
			return nil, wrap("reading the story of payment "+id, err)
		}
	}
	for i := range out.Events {
		out.Events[i].At = out.Events[i].At.UTC()
	}
	sort.SliceStable(out.Events, func(i, j int) bool { return out.Events[i].At.Before(out.Events[j].At) })
	return out, nil
}

// storyPayment reads the record from the ledger as it is now, otherwise from the
// newest run that saw it.
func (s *Store) storyPayment(ctx context.Context, l *Ledger, rules ledger.Rules, id string) (*StoryPayment, error) {
	var out *StoryPayment
	err := l.Holding(ctx, rules, []string{id}, nil, func(p payment.Payment) error {
		if p.ID != id {
			return nil
		}
		at := p.UpdatedAt.UTC()
		out = &StoryPayment{
			ID: p.ID, Kind: string(p.Kind), Provider: p.Provider, ProviderPaymentID: p.ProviderPaymentID, Reference: p.Reference, Amount: p.Amount.String(),
			Currency: p.Amount.Currency, Status: string(p.Status), Account: p.Account, CustomerID: p.CustomerID, SaveMethod: p.SaveMethod, Metadata: p.Metadata,
			CreatedAt: p.CreatedAt.UTC(), UpdatedAt: &at, Refunded: p.Refunded.String(), RefundIDs: append([]string{}, p.RefundIDs...),
		}
		return nil
	}, func(ledger.Reject) error { return nil })
	if err != nil || out != nil {
		return out, err
	}
	var raw []struct {
		StoryPayment
		Minor int64  `db:"amount_minor"`
		Back  int64  `db:"refunded_minor"`
		Exp   int    `db:"exp"`
		Data  []byte `db:"data"`

		Refunds pq.StringArray `db:"refunds"`
	}
	if err := s.db.SelectContext(ctx, &raw, `SELECT rp.payment_id AS id, rp.kind, rp.provider, coalesce(rp.provider_payment_id, '') AS providerpaymentid,
			coalesce(rp.reference, '') AS reference, rp.amount AS amount_minor, rp.refunded AS refunded_minor, rp.exp, rp.currency, rp.status, coalesce(rp.account, '') AS account,
			coalesce(rp.customer_id, '') AS customerid, rp.save_method AS savemethod, rp.metadata AS data, rp.refund_ids AS refunds, rp.created_at AS createdat
		FROM tieout.run_payments rp JOIN tieout.runs r ON r.id = rp.run_id WHERE rp.payment_id = $1 ORDER BY r.started_at DESC LIMIT 1`, id); err != nil {
		return nil, err
	}
	if len(raw) == 0 {
		return nil, ErrNoPayment
	}
	p := raw[0].StoryPayment
	p.Amount, p.Refunded = money.FormatMinor(raw[0].Minor, raw[0].Exp), money.FormatMinor(raw[0].Back, raw[0].Exp)
	p.CreatedAt, p.RefundIDs = p.CreatedAt.UTC(), append([]string{}, raw[0].Refunds...)
	return &p, json.Unmarshal(raw[0].Data, &p.Metadata)
}

// unzip gives a kept body as JSON: as it came, or as a text.
func unzip(zipped []byte) (json.RawMessage, error) {
	if len(zipped) == 0 {
		return nil, nil
	}
	r, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		return nil, fmt.Errorf("a kept body: %w", err)
	}
	const most = 64 << 20
	body, err := io.ReadAll(io.LimitReader(r, most))
	if err != nil {
		return nil, fmt.Errorf("a kept body: %w", err)
	}
	if json.Valid(body) {
		return body, nil
	}
	return json.Marshal(string(body))
}
