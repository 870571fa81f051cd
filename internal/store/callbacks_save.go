package store

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
)

// judgedRow is what is written beside a callback.
type judgedRow struct {
	ID                int64   `json:"id"`
	Verdict           string  `json:"verdict"`
	Reason            *string `json:"reason"`
	Event             *string `json:"event"`
	Kind              *string `json:"kind"`
	PaymentID         *string `json:"payment_id"`
	ProviderPaymentID *string `json:"provider_payment_id"`
	OwnID             *string `json:"own_id"`
	Reference         *string `json:"reference"`
	Status            *string `json:"status"`
	RawStatus         *string `json:"raw_status"`
	Amount            *int64  `json:"amount"`
	Exp               *int    `json:"exp"`
	Currency          *string `json:"currency"`
	Used              bool    `json:"used"`
	PollDue           bool    `json:"poll_due"`
	ObservationID     int64   `json:"observation_id"`
}

// SaveCallbacks stores callbacks that were read, with their evidence, and takes
// what may stand for an answer of the provider. redact removes from a body what
// must not become evidence. Callbacks that another run has taken meanwhile are
// left alone. It returns how many were stored.
func (s *Store) SaveCallbacks(ctx context.Context, run *Run, providerName string, twins bool, now time.Time, list []ReadCallback,
	redact func(contentType string, body []byte) []byte,
) (int64, error) {
	var n int64
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		mine, err := takeCallbacks(ctx, tx, list)
		if err != nil || len(mine) == 0 {
			return err
		}
		known, err := knownTransactions(ctx, tx, providerName, mine)
		if err != nil {
			return err
		}
		var txs []transactionRow
		rows := make([]judgedRow, len(mine))
		obs := make([]observation, len(mine))
		for i, c := range mine {
			var t *transactionRow
			if rows[i], t = known.judge(run, providerName, now, c); t != nil {
				txs = append(txs, *t)
			}
			if obs[i], err = callbackEvidence(run, providerName, c, rows[i], redact); err != nil {
				return err
			}
		}
		if err := saveTransactions(ctx, tx, txs, twins); err != nil {
			return err
		}
		if err := saveCallbackRows(ctx, tx, run, rows, obs); err != nil {
			return err
		}
		n = int64(len(rows))
		return nil
	})
	return n, wrap("saving callbacks of "+providerName, err)
}

// takeCallbacks keeps those that nobody else has processed or is processing.
func takeCallbacks(ctx context.Context, tx *sqlx.Tx, list []ReadCallback) ([]ReadCallback, error) {
	ids := make([]int64, len(list))
	for i, c := range list {
		ids[i] = c.ID
	}
	var free []int64
	if err := tx.SelectContext(ctx, &free, `SELECT id FROM tieout.callbacks WHERE id = ANY ($1) AND processed_at IS NULL ORDER BY id FOR UPDATE SKIP LOCKED`,
		pq.Array(ids)); err != nil {
		return nil, err
	}
	is := make(map[int64]bool, len(free))
	for _, id := range free {
		is[id] = true
	}
	var out []ReadCallback
	for _, c := range list {
		if is[c.ID] {
			out = append(out, c)
		}
	}
	return out, nil
}

// knownSide is what is known of the callbacks' payments when they are judged.
type knownSide struct {
	transactions map[string]knownTransaction // by kind and key
	unknownAt    map[string]time.Time        // by payment: when the provider said that it doesn't know it
}

type knownTransaction struct {
	Kind     string         `db:"kind"`
	Key      string         `db:"key"`
	Status   payment.Status `db:"status"`
	Currency string         `db:"currency"`
	Exp      int            `db:"exp"`
	Amount   int64          `db:"amount"`
	Partial  bool           `db:"partial"`
	AskedAt  time.Time      `db:"asked_at"`
}

func knownTransactions(ctx context.Context, tx *sqlx.Tx, providerName string, list []ReadCallback) (knownSide, error) {
	k := knownSide{transactions: map[string]knownTransaction{}, unknownAt: map[string]time.Time{}}
	var keys, payments []string
	for _, c := range list {
		for _, t := range c.Answer.Transactions {
			keys = append(keys, clean(t.Key()))
		}
		if c.Owner != nil {
			payments = append(payments, c.Owner.PaymentID)
		}
	}
	var rows []knownTransaction
	if err := tx.SelectContext(ctx, &rows, `SELECT kind, key, status, currency, exp, amount, partial, asked_at FROM tieout.transactions
		WHERE provider = $1 AND key = ANY ($2)`, providerName, pq.Array(keys)); err != nil {
		return k, err
	}
	for _, r := range rows {
		k.transactions[r.Kind+"/"+r.Key] = r
	}
	var unknown []struct {
		PaymentID string    `db:"payment_id"`
		AskedAt   time.Time `db:"asked_at"`
	}
	if err := tx.SelectContext(ctx, &unknown, `SELECT payment_id, asked_at FROM tieout.answers
		WHERE provider = $1 AND payment_id = ANY ($2) AND verdict = 'unknown'`, providerName, pq.Array(payments)); err != nil {
		return k, err
	}
	for _, r := range unknown {
		k.unknownAt[r.PaymentID] = r.AskedAt
	}
	return k, nil
}

// judge decides what becomes of one callback: a row beside it, and the
// transaction that it may bring. A callback never changes a final answer, and
// never goes behind a later one: callbacks come late, twice and in any order,
// and whoever has kept an old one could send it again. Then the provider is
// asked.
func (k knownSide) judge(run *Run, providerName string, now time.Time, c ReadCallback) (judgedRow, *transactionRow) {
	r := c.Result
	row := judgedRow{
		ID: c.ID, Verdict: string(r.Verdict), Reason: opt(r.Reason), Event: opt(r.Event), Kind: opt(string(r.Kind)),
		ProviderPaymentID: opt(r.ID), OwnID: opt(r.OwnID), Reference: opt(r.Reference),
	}
	owner := ""
	if c.Owner != nil {
		owner = c.Owner.PaymentID
		row.PaymentID, row.Kind = opt(owner), opt(string(c.Owner.Kind))
	}
	if len(c.Answer.Transactions) > 0 {
		t := c.Answer.Transactions[0]
		row.Status, row.RawStatus = opt(string(t.Status)), opt(t.RawStatus)
		if t.Amount.Currency != "" {
			row.Amount, row.Exp, row.Currency = &t.Amount.Minor, &t.Amount.Exp, opt(t.Amount.Currency)
		}
	} else if c.Answer.Reason != "" && row.Reason == nil {
		row.Reason = opt(c.Answer.Reason)
	}
	if r.Verdict != provider.CallbackVerified && r.Verdict != provider.CallbackUnverified {
		return row, nil
	}
	row.PollDue = true
	if len(c.Answer.Transactions) != 1 {
		return row, nil
	}
	t := c.Answer.Transactions[0]
	at := c.at(now)
	was, seen := k.transactions[string(t.Kind)+"/"+clean(t.Key())]
	if seen && was.settles(t) {
		row.PollDue = false // nothing that is not known
		return row, nil
	}
	if r.Verdict != provider.CallbackVerified || !r.Conclusive || seen && !was.yields(t, at) || owner != "" && !k.unknownAt[owner].Before(at) {
		return row, nil
	}
	if t.CreatedAt.IsZero() {
		t.CreatedAt = at
		if c.Owner != nil {
			t.CreatedAt = c.Owner.CreatedAt
		}
	}
	n := newTransactionRow(run, providerName, "callback", at, t)
	k.transactions[string(t.Kind)+"/"+n.Key] = knownTransaction{
		Kind: string(t.Kind), Key: n.Key, Status: t.Status, Currency: t.Amount.Currency, Exp: t.Amount.Exp, Amount: t.Amount.Minor, Partial: t.Partial, AskedAt: at,
	}
	row.Used, row.PollDue = true, t.Partial || !t.Status.Final()
	return row, &n
}

// at is since when the callback holds: the provider's own word for it where it
// gives one, otherwise when it was received.
func (c ReadCallback) at(now time.Time) time.Time {
	at := c.Raw.ReceivedAt
	if said := c.Result.At; !said.IsZero() && said.Before(at) {
		at = said
	}
	if now.Before(at) {
		at = now
	}
	return at.UTC()
}

// settles tells whether a full, final answer says already what the callback says.
func (k knownTransaction) settles(t payment.Transaction) bool {
	return !k.Partial && k.Status.Final() && k.Status == t.Status && k.Amount == t.Amount.Minor && k.Exp == t.Amount.Exp && k.Currency == t.Amount.Currency
}

// yields tells whether a callback's transaction may take the place of this one:
// of an open one that is older, or of a row of a list that it agrees with.
func (k knownTransaction) yields(t payment.Transaction, at time.Time) bool {
	if k.Status.Final() {
		return k.Partial && !t.Partial && k.Status == t.Status
	}
	return at.After(k.AskedAt)
}

// callbackEvidence makes the callback an observation, without what must not be kept.
func callbackEvidence(run *Run, providerName string, c ReadCallback, row judgedRow, redact func(string, []byte) []byte) (observation, error) {
	kind, owner := payment.Kind(""), ""
	if row.Kind != nil {
		kind = payment.Kind(*row.Kind)
	}
	if row.PaymentID != nil {
		owner = *row.PaymentID
	}
	contentType := c.Raw.Header.Get("Content-Type")
	return newObservation(run, providerName, kind, owner, httpx.Exchange{
		Method: "POST", Path: "callback", At: c.Raw.ReceivedAt, ContentType: clean(contentType), Body: redact(contentType, c.Raw.Body),
	}, Digest(c.Raw.Body))
}

// provingHeaders hold keys by which a sender proves itself, in small letters;
// once they are judged nobody needs them.
var provingHeaders = []string{"x-api-key", "api-key", "authorization", "cookie", "proxy-authorization"}

func saveCallbackRows(ctx context.Context, tx *sqlx.Tx, run *Run, rows []judgedRow, obs []observation) error {
	var ids []int64
	if err := tx.SelectContext(ctx, &ids, `SELECT nextval(pg_get_serial_sequence('tieout.observations', 'id')) FROM generate_series(1, $1)`, len(rows)); err != nil {
		return err
	}
	for i := range rows {
		rows[i].ObservationID = ids[i]
	}
	if err := saveObservations(ctx, tx, obs, ids...); err != nil {
		return err
	}
	if err := saveJSON(ctx, tx, `UPDATE tieout.callbacks c SET processed_at = now(), verdict = n.verdict, reason = n.reason, event = n.event, kind = n.kind,
			payment_id = n.payment_id, provider_payment_id = n.provider_payment_id, own_id = n.own_id, reference = n.reference, status = n.status,
			raw_status = n.raw_status, amount = n.amount, exp = n.exp, currency = n.currency, used = n.used, poll_due = n.poll_due, observation_id = n.observation_id
		FROM jsonb_to_recordset($1::jsonb) AS n (id bigint, verdict text, reason text, event text, kind text, payment_id text, provider_payment_id text,
			own_id text, reference text, status text, raw_status text, amount bigint, exp smallint, currency text, used boolean, poll_due boolean, observation_id bigint)
		WHERE c.id = n.id`, rows); err != nil {
		return err
	}
	judged := make([]int64, len(rows))
	for i, r := range rows {
		judged[i] = r.ID
	}
	_, err := tx.ExecContext(ctx, `UPDATE tieout.callbacks SET run_id = $2, headers = CASE WHEN jsonb_typeof(headers) <> 'object' THEN headers ELSE
			(SELECT coalesce(jsonb_object_agg(key, CASE WHEN lower(key) = ANY ($3) THEN '"***"'::jsonb ELSE value END), '{}') FROM jsonb_each(headers)) END
		WHERE id = ANY ($1)`, pq.Array(judged), run.ID, pq.Array(provingHeaders))
	return err
}

// PlanDue adds to what must be asked for the payments of which a callback says
// something that only an answer can settle. It returns how many it added.
func (s *Store) PlanDue(ctx context.Context, run *Run, providerName string) (int64, error) {
	var n int64
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		for _, step := range steps("callbacks_due.sql") {
			res, err := tx.ExecContext(ctx, strings.TrimSpace(step.SQL), run.ID, providerName, run.StartedAt)
			if err != nil {
				return err
			}
			if n, err = res.RowsAffected(); err != nil {
				return err
			}
		}
		return nil
	})
	return n, wrap("planning what callbacks of "+providerName+" ask for", err)
}

func saveJSON[T any](ctx context.Context, tx *sqlx.Tx, q string, rows []T) error {
	if len(rows) == 0 {
		return nil
	}
	b, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, q, string(b))
	return err
}
