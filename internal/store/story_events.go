package store

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/lib/pq"

	"tieout/internal/money"
)

func (s *Store) storyCallbacks(ctx context.Context, out *Story) error {
	p := out.Payment
	var rows []StoryCallback
	if err := s.db.SelectContext(ctx, &rows, `SELECT c.id, c.received_at, c.run_id, c.verdict, c.reason, c.event, c.status, c.raw_status, c.used, o.digest, o.body
		FROM tieout.callbacks c LEFT JOIN tieout.observations o ON o.id = c.observation_id
		WHERE c.payment_id = $1 OR c.provider = $2 AND c.payment_id IS NULL AND c.provider_payment_id = nullif($3, '') AND coalesce(c.kind, $4) = $4
		ORDER BY c.received_at, c.id`, p.ID, p.Provider, p.ProviderPaymentID, p.Kind); err != nil {
		return err
	}
	for i := range rows {
		var err error
		if rows[i].Body, err = unzip(rows[i].Zipped); err != nil {
			return err
		}
		out.Events = append(out.Events, StoryEvent{At: rows[i].ReceivedAt, What: "callback", Callback: &rows[i]})
	}
	return nil
}

// runsOfPayment are the runs that have the payment $1 in their snapshot.
const runsOfPayment = `SELECT r.id FROM tieout.runs r WHERE EXISTS (SELECT 1 FROM tieout.run_payments rp WHERE rp.run_id = r.id AND rp.payment_id = $1)`

// storyTransactions finds the provider's records: those that a run has linked
// with the payment, and those that carry its id, or its reference and no other id.
func (s *Store) storyTransactions(ctx context.Context, out *Story) error {
	p := out.Payment
	var rows []struct {
		StoryTransaction
		Exp      int    `db:"exp"`
		Minor    int64  `db:"minor"`
		Settled  *int64 `db:"settled_minor"`
		Refunded *int64 `db:"refunded_minor"`
		Fee      *int64 `db:"fee_minor"`
		Tax      *int64 `db:"tax_minor"`
	}
	if err := s.db.SelectContext(ctx, &rows, `SELECT provider_payment_id, reference, network_reference, status, raw_status, needs_action, failure_code, failure_message,
			currency, exp, amount AS minor, settled AS settled_minor, refunded AS refunded_minor, fee AS fee_minor, tax AS tax_minor, account,
			created_at, completed_at, source, first_observed_at, observed_at, asked_at, run_id, own_id
		FROM tieout.transactions WHERE provider = $2 AND kind = $3 AND (
			id IN (SELECT unnest(x.transaction_ids) FROM tieout.run_results x WHERE x.payment_id = $1 AND x.run_id IN (`+runsOfPayment+`))
			OR own_id = $1 OR $4 <> '' AND provider_payment_id IN ($4, lower($4)) AND (NOT batched OR reference IN ($1, $5))
			OR $4 = '' AND $5 <> '' AND reference = $5)
		ORDER BY observed_at, id`, p.ID, p.Provider, p.Kind, p.ProviderPaymentID, p.Reference); err != nil {
		return err
	}
	for i := range rows {
		r := &rows[i]
		t := r.StoryTransaction
		figure := func(minor *int64) *string {
			if minor == nil {
				return nil
			}
			text := money.FormatMinor(*minor, r.Exp)
			return &text
		}
		t.Amount, t.Settled, t.Refunded, t.Fee, t.Tax = *figure(&r.Minor), figure(r.Settled), figure(r.Refunded), figure(r.Fee), figure(r.Tax)
		t.CreatedAt, t.FirstObservedAt, t.ObservedAt, t.AskedAt = t.CreatedAt.UTC(), t.FirstObservedAt.UTC(), t.ObservedAt.UTC(), t.AskedAt.UTC()
		if t.CompletedAt != nil {
			at := t.CompletedAt.UTC()
			t.CompletedAt = &at
		}
		out.Events = append(out.Events, StoryEvent{At: t.ObservedAt, What: "transaction", Transaction: &t})
	}
	return nil
}

// storyStatement finds the rows of statements that name the payment, as the
// match step does but for spellings: by an id of it or of its transactions, else
// by its reference.
func (s *Store) storyStatement(ctx context.Context, out *Story) error {
	ids, references := []string{out.Payment.ID, out.Payment.ProviderPaymentID}, []string{out.Payment.ID, out.Payment.Reference}
	for _, e := range out.Events {
		if e.Transaction != nil {
			ids = append(ids, e.Transaction.ID)
		}
	}
	var rows []StoryStatement
	if err := s.db.SelectContext(ctx, &rows, `SELECT r.entry, r.provider_payment_id, r.reference, round(r.amount * ('1e-' || r.exp)::numeric, r.exp)::text AS amount, r.currency,
			round(r.fee * ('1e-' || r.exp)::numeric, r.exp)::text AS fee, round(r.tax * ('1e-' || r.exp)::numeric, r.exp)::text AS tax, r.status, r.at, f.imported_at, r.sha256, r.n
		FROM tieout.statement_rows r JOIN tieout.statement_files f USING (provider, sha256)
		WHERE r.provider = $1 AND coalesce(r.kind, $2) = $2
		  AND (r.provider_payment_id = ANY (SELECT lower(i) FROM unnest($3::text[]) i WHERE length(i) = 36 UNION SELECT i FROM unnest($3::text[]) i WHERE i <> '')
		       OR r.provider_payment_id IS NULL AND r.reference = ANY (SELECT i FROM unnest($4::text[]) i WHERE i <> ''))
		  -- the items of a batch have one id
		  AND (r.reference IS NULL OR $5 = '' OR r.reference = ANY ($4) OR NOT EXISTS (SELECT 1 FROM tieout.transactions t
		       WHERE t.provider = $1 AND t.kind = $2 AND t.batched AND t.provider_payment_id = r.provider_payment_id))
		ORDER BY r.at NULLS LAST, r.id`, out.Payment.Provider, out.Payment.Kind, pq.Array(ids), pq.Array(references), out.Payment.Reference); err != nil {
		return err
	}
	for i := range rows {
		r := &rows[i]
		r.ImportedAt = r.ImportedAt.UTC()
		at := r.ImportedAt
		if r.At != nil {
			at = *r.At
		}
		out.Events = append(out.Events, StoryEvent{At: at, What: "statement", Statement: r})
	}
	return nil
}

// storyObservations are the answers about the payment itself, and of the lists
// of the runs that gave its transactions the rows that are about it.
func (s *Store) storyObservations(ctx context.Context, out *Story) error {
	const columns = `id, run_id, method, path, asked_at, duration_ms, http_status, content_type, body, digest, error`
	var rows []StoryObservation
	if err := s.db.SelectContext(ctx, &rows, `SELECT `+columns+` FROM tieout.observations o
		WHERE payment_id = $1 AND NOT EXISTS (SELECT 1 FROM tieout.callbacks c WHERE c.observation_id = o.id) ORDER BY asked_at, id`, out.Payment.ID); err != nil {
		return err
	}
	for i := range rows {
		var err error
		if rows[i].Body, err = unzip(rows[i].Zipped); err != nil {
			return err
		}
		out.Events = append(out.Events, StoryEvent{At: rows[i].AskedAt, What: "observation", Observation: &rows[i]})
	}
	ids, runs := out.names()
	if len(runs) == 0 {
		return nil
	}
	pages, err := s.db.QueryContext(ctx, `SELECT `+columns+` FROM tieout.observations
		WHERE run_id = ANY ($1) AND provider = $2 AND kind = $3 AND payment_id IS NULL AND body IS NOT NULL ORDER BY asked_at, id`,
		pq.Array(runs), out.Payment.Provider, out.Payment.Kind)
	if err != nil {
		return err
	}
	defer func() { _ = pages.Close() }()
	for pages.Next() {
		o := StoryObservation{List: true}
		if err := pages.Scan(&o.ID, &o.RunID, &o.Method, &o.Path, &o.AskedAt, &o.DurationMS, &o.HTTPStatus, &o.ContentType, &o.Zipped, &o.Digest, &o.Error); err != nil {
			return err
		}
		body, err := unzip(o.Zipped)
		if err != nil {
			return err
		}
		if o.Body = rowOf(body, ids); o.Body != nil {
			out.Events = append(out.Events, StoryEvent{At: o.AskedAt, What: "observation", Observation: &o})
		}
	}
	return pages.Err()
}

// names are the ids by which a list's row names the payment, and the runs whose
// lists gave its transactions.
func (s *Story) names() (ids []json.RawMessage, runs []string) {
	texts := []string{s.Payment.ID, s.Payment.ProviderPaymentID, s.Payment.Reference}
	for _, e := range s.Events {
		if t := e.Transaction; t != nil {
			texts = append(texts, t.ID)
			runs = append(runs, t.RunID)
		}
	}
	for _, text := range texts {
		if text == "" {
			continue
		}
		if quoted, err := json.Marshal(text); err == nil {
			ids = append(ids, quoted)
		}
	}
	return ids, runs
}

// rowOf finds in a page of a list the element that holds one of the ids as a
// whole text; nil where there is none.
func rowOf(page json.RawMessage, ids []json.RawMessage) json.RawMessage {
	if !holdsAny(page, ids) {
		return nil
	}
	var list []json.RawMessage
	var object map[string]json.RawMessage
	switch {
	case json.Unmarshal(page, &list) == nil:
		for _, e := range list {
			if row := rowOf(e, ids); row != nil {
				return row
			}
		}
	case json.Unmarshal(page, &object) == nil:
		for name, v := range object {
			// some lists stand in an envelope
			if v = bytes.TrimSpace(v); len(v) > 0 && (v[0] == '[' || v[0] == '{' && name == "data") {
				if row := rowOf(v, ids); row != nil {
					return row
				}
			}
		}
		return page
	}
	return nil
}

func holdsAny(b []byte, ids []json.RawMessage) bool {
	for _, id := range ids {
		if bytes.Contains(b, id) {
			return true
		}
	}
	return false
}

func (s *Store) storyResults(ctx context.Context, out *Story) error {
	var rows []StoryResult
	if err := s.db.SelectContext(ctx, &rows, `SELECT x.run_id, coalesce(r.matched_at, r.started_at) AS at, r.version, r.status AS run_status, x.result, x.outcome, x.match_method, x.provider_status, x.raw_status
		FROM tieout.run_results x JOIN tieout.runs r ON r.id = x.run_id WHERE x.payment_id = $1 AND x.run_id IN (`+runsOfPayment+`) ORDER BY at, r.id`, out.Payment.ID); err != nil {
		return err
	}
	for i := range rows {
		out.Events = append(out.Events, StoryEvent{At: rows[i].At, What: "result", Result: &rows[i]})
	}
	return nil
}

func (s *Store) storyExceptions(ctx context.Context, out *Story) error {
	list, _, err := s.Exceptions(ctx, ExceptionFilter{PaymentID: out.Payment.ID}, 0)
	if err != nil {
		return err
	}
	for i := range list {
		out.Events = append(out.Events, StoryEvent{At: list[i].FirstSeen, What: "exception", Exception: &list[i]})
	}
	var changes []StoryChange
	if err := s.db.SelectContext(ctx, &changes, `SELECT h.exception_id, e.kind, h.at, h.who, h.what, h.before, h.after, h.why, h.run_id, h.change_id, h.undoes
		FROM tieout.exception_history h JOIN tieout.exceptions e USING (exception_id) WHERE e.payment_id = $1 ORDER BY h.id`, out.Payment.ID); err != nil {
		return err
	}
	for i := range changes {
		changes[i].At = changes[i].At.UTC()
		out.Events = append(out.Events, StoryEvent{At: changes[i].At, What: "change", Change: &changes[i]})
	}
	return nil
}

func (s *Store) storyOutcome(ctx context.Context, out *Story) error {
	var rows []StoryOutcome
	if err := s.db.SelectContext(ctx, &rows, `SELECT status, provider_status, failure_code, failure_message, decided_at, run_id, held
		FROM tieout.payment_outcomes WHERE payment_id = $1`, out.Payment.ID); err != nil || len(rows) == 0 {
		return err
	}
	rows[0].DecidedAt = rows[0].DecidedAt.UTC()
	out.Outcome = &rows[0]
	return nil
}

// storyContradictions holds the last final word of the verified callbacks
// against the answers that came after it.
func (s *Store) storyContradictions(ctx context.Context, out *Story) error {
	var last *StoryEvent
	for i, e := range out.Events {
		c := e.Callback
		if c != nil && c.Verdict != nil && *c.Verdict == "verified" && c.Status != nil && *c.Status != "pending" && *c.Status != "created" {
			last = &out.Events[i]
		}
	}
	if last == nil {
		return nil
	}
	said := *last.Callback.Status
	tell := func(answered string, at time.Time) {
		out.Contradictions = append(out.Contradictions, StoryContradiction{At: last.At, Says: said, Later: at, Answered: answered})
	}
	for _, e := range out.Events {
		t := e.Transaction
		if t != nil && t.Source != "callback" && t.AskedAt.After(last.At) && t.Status != said && (said != "completed" || t.Status != "reversed") {
			tell(t.Status, t.AskedAt)
		}
	}
	var unknown []time.Time
	if err := s.db.SelectContext(ctx, &unknown, `SELECT asked_at FROM tieout.answers WHERE provider = $1 AND payment_id = $2 AND verdict = 'unknown' AND asked_at > $3`,
		out.Payment.Provider, out.Payment.ID, last.At); err != nil {
		return err
	}
	for _, at := range unknown {
		tell("it does not know the payment", at)
	}
	return nil
}
