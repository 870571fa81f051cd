package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jmoiron/sqlx"
	"github.com/klauspost/compress/gzip"
	"github.com/lib/pq"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
	"tieout/internal/provider/redact"
)

// Rung is one step of a retry ladder: payments up to Age are asked Every.
type Rung struct{ Age, Every time.Duration }

// PollRules say what is asked for again.
type PollRules struct {
	Recheck       bool          // ask for all
	RecheckWindow time.Duration // of final ones that can still turn
	// Ladders are obeyed where they are given: a scheduled poll spares the
	// provider, a run that a person or the daily schedule starts asks for all
	// that is outstanding.
	Pending, Unknown []Rung
	// OwnIDs says that the provider's ids are the merchant's payments.id.
	OwnIDs bool
}

// Plan notes which payments of a provider must be asked for and returns how many.
func (s *Store) Plan(ctx context.Context, run *Run, providerName string, rules PollRules) (int64, error) {
	var n int64
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `CREATE TEMP TABLE ladder (verdict text, since_age interval, until_age interval, every interval) ON COMMIT DROP`); err != nil {
			return err
		}
		for verdict, rungs := range map[string][]Rung{"pending": rules.Pending, "unknown": rules.Unknown} {
			since := time.Duration(0)
			for _, r := range rungs {
				if _, err := tx.ExecContext(ctx, `INSERT INTO ladder VALUES ($1, $2, $3, $4)`, verdict, interval(since), interval(r.Age), interval(r.Every)); err != nil {
					return err
				}
				since = r.Age
			}
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM tieout.run_todo WHERE run_id = $1 AND provider = $2`, run.ID, providerName); err != nil {
			return err
		}
		ladders := len(rules.Pending)+len(rules.Unknown) > 0
		res, err := tx.ExecContext(ctx, query("poll_todo.sql"), run.ID, providerName, run.StartedAt, rules.Recheck, interval(rules.RecheckWindow), ladders, rules.OwnIDs)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	return n, wrap("planning what to ask "+providerName+" for", err)
}

// ForgetUnanswered makes the payments that got no answer in this run be planned
// again, and tells how many there are.
func (s *Store) ForgetUnanswered(ctx context.Context, run *Run, providerName string) (int64, error) {
	res, err := s.db.ExecContext(ctx, `UPDATE tieout.answers SET run_id = '' WHERE run_id = $1 AND provider = $2 AND verdict = 'no_answer'`, run.ID, providerName)
	if err != nil {
		return 0, wrap("looking for payments without an answer", err)
	}
	return res.RowsAffected()
}

func interval(d time.Duration) string { return fmt.Sprintf("%d milliseconds", d.Milliseconds()) }

// Next returns the next payments to ask for after the given id, in order.
func (s *Store) Next(ctx context.Context, run *Run, providerName, after string, limit int) ([]provider.Query, error) {
	var rows []struct {
		PaymentID         string         `db:"payment_id"`
		Kind              payment.Kind   `db:"kind"`
		ProviderPaymentID string         `db:"provider_payment_id"`
		Reference         string         `db:"reference"`
		Minor             int64          `db:"amount"`
		Exp               int            `db:"exp"`
		Currency          string         `db:"currency"`
		Account           string         `db:"account"`
		CustomerID        string         `db:"customer_id"`
		CreatedAt         time.Time      `db:"created_at"`
		RefundIDs         pq.StringArray `db:"refund_ids"`
		ListComplete      bool           `db:"list_complete"`
		Listed            []byte         `db:"listed"`
	}
	if err := s.db.SelectContext(ctx, &rows, query("poll_next.sql"), run.ID, providerName, after, limit); err != nil {
		return nil, wrap("reading what to ask for", err)
	}
	out := make([]provider.Query, len(rows))
	for i, r := range rows {
		out[i] = provider.Query{
			PaymentID: r.PaymentID, Kind: r.Kind, ProviderPaymentID: r.ProviderPaymentID, Reference: r.Reference,
			Amount: money.Amount{Minor: r.Minor, Exp: r.Exp, Currency: r.Currency}, Account: r.Account, CustomerID: r.CustomerID,
			CreatedAt: r.CreatedAt, RefundIDs: r.RefundIDs, ListComplete: r.ListComplete,
		}
		if err := json.Unmarshal(r.Listed, &out[i].Listed); err != nil {
			return nil, wrap("reading what lists have shown", err)
		}
	}
	return out, nil
}

// Hidden returns transactions, after the given one in order, of which lists have
// shown that they completed but not what really moved. They are asked for by
// their own ids, whichever payment they turn out to belong to.
func (s *Store) Hidden(ctx context.Context, run *Run, providerName string, after int64, limit int) (questions []provider.Query, last int64, err error) {
	var rows []struct {
		ID        int64        `db:"id"`
		Kind      payment.Kind `db:"kind"`
		TheirID   string       `db:"provider_payment_id"`
		Reference string       `db:"reference"`
		Minor     int64        `db:"amount"`
		Exp       int          `db:"exp"`
		Currency  string       `db:"currency"`
		CreatedAt time.Time    `db:"created_at"`
	}
	if err := s.db.SelectContext(ctx, &rows, `SELECT id, kind, provider_payment_id, coalesce(reference, '') AS reference, amount, exp, currency, created_at
		FROM tieout.transactions WHERE provider = $1 AND kind = ANY ($2) AND partial AND status = 'completed' AND created_at >= $3 AND created_at < $4 AND id > $5
		ORDER BY id LIMIT $6`, providerName, run.Kinds, run.FromTime, run.ToTime, after, limit); err != nil {
		return nil, 0, wrap("reading what lists have hidden", err)
	}
	for _, r := range rows {
		last = r.ID
		questions = append(questions, provider.Query{
			Kind: r.Kind, ProviderPaymentID: r.TheirID, Reference: r.Reference,
			Amount: money.Amount{Minor: r.Minor, Exp: r.Exp, Currency: r.Currency}, CreatedAt: r.CreatedAt,
		})
	}
	return questions, last, nil
}

// Asked is one question with its answer and the evidence.
type Asked struct {
	Query     provider.Query
	Answer    provider.Answer
	At        time.Time
	Exchanges []httpx.Exchange // bodies without secrets and personal data
	Digests   []string         // SHA-256 of each body as it was received
}

// SaveAnswers stores answers, what they say and their evidence, together.
func (s *Store) SaveAnswers(ctx context.Context, run *Run, providerName string, twins bool, batch []Asked) error {
	return wrap("saving answers of "+providerName, s.inQuickTx(ctx, func(tx *sqlx.Tx) error {
		var obs []observation
		txs, ans := make([]transactionRow, 0, len(batch)), make([]answerRow, 0, len(batch))
		for _, a := range batch {
			for i, e := range a.Exchanges {
				of := a.Query.PaymentID
				if e.Shared { // a page that tells of others too, as a list's
					of = ""
				}
				o, err := newObservation(run, providerName, a.Query.Kind, of, e, a.Digests[i])
				if err != nil {
					return err
				}
				obs = append(obs, o)
			}
			if a.Query.PaymentID != "" { // a transaction that was asked for by itself has no payment yet
				ans = append(ans, answerRow{providerName, a.Query.PaymentID, a.Answer.Verdict.String(), a.Answer.Reason, a.Answer.RawStatus, a.At, run.ID})
			}
			for _, t := range a.Answer.Transactions {
				if t.CreatedAt.IsZero() {
					t.CreatedAt = a.Query.CreatedAt
				}
				txs = append(txs, newTransactionRow(run, providerName, "status", a.At, t))
			}
		}
		if err := saveObservations(ctx, tx, obs); err != nil {
			return err
		}
		if err := saveTransactions(ctx, tx, txs, twins); err != nil {
			return err
		}
		return saveAnswers(ctx, tx, ans)
	}))
}

// ListPage is one page of a list with its evidence.
type ListPage struct {
	provider.Page
	At        time.Time
	Exchanges []httpx.Exchange
	Digests   []string
}

// SavePages stores pages of a list with their evidence, together. Rows that can't
// be read become answers about the payments of the run that they belong to.
func (s *Store) SavePages(ctx context.Context, run *Run, providerName string, kind payment.Kind, twins bool, pages []ListPage) error {
	return wrap("saving a list of "+providerName, s.inQuickTx(ctx, func(tx *sqlx.Tx) error {
		var exchanges []httpx.Exchange
		var digests []string
		for _, p := range pages {
			exchanges, digests = append(exchanges, p.Exchanges...), append(digests, p.Digests...)
		}
		if err := saveEvidence(ctx, tx, run, providerName, kind, exchanges, digests); err != nil {
			return err
		}
		for _, rows := range apart(listRows(run, providerName, pages), twins) {
			if err := saveTransactions(ctx, tx, rows, twins); err != nil {
				return err
			}
		}
		for _, p := range pages {
			if err := saveInvalidRows(ctx, tx, run, providerName, kind, twins, p.Invalid, p.At); err != nil {
				return err
			}
		}
		return nil
	}))
}

// listRows returns the rows of each page.
func listRows(run *Run, providerName string, pages []ListPage) [][]transactionRow {
	out := make([][]transactionRow, len(pages))
	for i, p := range pages {
		out[i] = make([]transactionRow, 0, len(p.Transactions))
		for _, t := range p.Transactions {
			if t.CreatedAt.IsZero() {
				t.CreatedAt = p.At
			}
			out[i] = append(out[i], newTransactionRow(run, providerName, "list", p.At, t))
		}
	}
	return out
}

// apart joins the rows of pages into as few batches as may be saved at once: a
// page that tells again of a transaction of the ones before, or of one that may
// turn out to be the same, must find that one saved.
func apart(pages [][]transactionRow, twins bool) [][]transactionRow {
	var out [][]transactionRow
	seen, begin := map[name]bool{}, 0
	for n, rows := range pages {
		var names []name
		for i := range rows {
			names = rows[i].appendNames(names, twins)
		}
		if slices.ContainsFunc(names, func(n name) bool { return seen[n] }) {
			out = append(out, slices.Concat(pages[begin:n]...))
			clear(seen)
			begin = n
		}
		for _, n := range names {
			seen[n] = true
		}
	}
	return append(out, slices.Concat(pages[begin:]...))
}

// SaveReach notes what the list of a provider proves in this run.
func (s *Store) SaveReach(ctx context.Context, run *Run, providerName string, q provider.ListQuery, r provider.Reach, at time.Time) error {
	_, err := s.db.ExecContext(ctx, `INSERT INTO tieout.run_lists VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (run_id, provider, kind) DO UPDATE SET complete = excluded.complete, completed_only = excluded.completed_only, why = excluded.why,
		from_time = excluded.from_time, to_time = excluded.to_time, listed_at = excluded.listed_at`,
		run.ID, providerName, string(q.Kind), r.Complete, r.CompletedOnly, r.Why, q.From, q.To, at)
	return wrap("saving what a list proves", err)
}

// Listed tells whether the run already has this list, complete.
func (s *Store) Listed(ctx context.Context, run *Run, providerName string, kind payment.Kind) (bool, error) {
	return s.exists(ctx, `SELECT EXISTS (SELECT 1 FROM tieout.run_lists WHERE run_id = $1 AND provider = $2 AND kind = $3 AND complete)`, run.ID, providerName, string(kind))
}

// Currencies returns the currencies of a provider's payments of one kind in the run.
func (s *Store) Currencies(ctx context.Context, run *Run, providerName string, kind payment.Kind) ([]string, error) {
	var out []string
	err := s.db.SelectContext(ctx, &out, `SELECT DISTINCT currency FROM tieout.run_payments WHERE run_id = $1 AND provider = $2 AND kind = $3 AND in_range ORDER BY 1`,
		run.ID, providerName, string(kind))
	return out, wrap("reading currencies", err)
}

// Polled ends the poll step: it counts the requests and clears the list of questions.
func (s *Store) Polled(ctx context.Context, run *Run, requests int64) error {
	return wrap("ending the poll", s.inTx(ctx, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM tieout.run_todo WHERE run_id = $1`, run.ID); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE tieout.runs SET requests = requests + $2 WHERE id = $1`, run.ID, requests); err != nil {
			return err
		}
		return s.done(ctx, tx, run, "polled_at")
	}))
}

// Memory keeps small values of one provider (provider.Memory).
type Memory struct {
	s    *Store
	name string
}

// Memory returns the memory of a provider.
func (s *Store) Memory(providerName string) Memory { return Memory{s, providerName} }

// Get returns the value of key, empty when there is none.
func (m Memory) Get(ctx context.Context, key string) (string, error) {
	var v string
	err := m.s.db.GetContext(ctx, &v, `SELECT value FROM tieout.provider_memory WHERE provider = $1 AND key = $2`, m.name, key)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return v, wrap("reading the memory of "+m.name, err)
}

// Set keeps value under key.
func (m Memory) Set(ctx context.Context, key, value string) error {
	_, err := m.s.db.ExecContext(ctx, `INSERT INTO tieout.provider_memory (provider, key, value) VALUES ($1, $2, $3)
		ON CONFLICT (provider, key) DO UPDATE SET value = excluded.value, updated_at = now()`, m.name, key, value)
	return wrap("keeping in the memory of "+m.name, err)
}

type observation struct {
	RunID, Provider, Kind string
	PaymentID             string // empty: about none, or more than one
	Method, Path          string
	AskedAt               time.Time
	DurationMS            int64
	HTTPStatus            *int
	ContentType           string
	Body                  []byte // gzip; nil: none
	Digest, Error         string
}

func newObservation(run *Run, providerName string, kind payment.Kind, paymentID string, e httpx.Exchange, digest string) (observation, error) {
	o := observation{
		RunID: run.ID, Provider: providerName, Kind: string(kind), PaymentID: clean(paymentID), Method: e.Method, Path: clean(e.Path), AskedAt: e.At,
		DurationMS: min(e.Duration.Milliseconds(), math.MaxInt32), ContentType: clean(e.ContentType), Digest: digest, Error: clean(e.Err),
	}
	if e.Status != 0 {
		o.HTTPStatus = &e.Status
	}
	if len(e.Body) > 0 {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write(e.Body); err != nil {
			return o, err
		}
		if err := w.Close(); err != nil {
			return o, err
		}
		o.Body = b.Bytes()
	}
	return o, nil
}

// Digest is the SHA-256 (hex) of a body as it was received; empty for none.
func Digest(body []byte) string {
	if len(body) == 0 {
		return ""
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// transactionRow is what a provider says of a transaction, storable; empty texts
// are what it doesn't say.
type transactionRow struct {
	Provider                    string
	Kind                        payment.Kind
	Key                         string
	ProviderPaymentID           string
	Batched                     bool
	OwnID, Reference            string
	NetworkReference            string
	Status                      payment.Status
	RawStatus, NeedsAction      string
	FailureCode, FailureMessage string
	FailureGroup                string
	Amount                      money.Amount
	Settled, Refunded, Fee, Tax *int64
	Account, CustomerID         string
	SavedMethodID               string
	Metadata                    string // a JSON object
	CreatedAt                   time.Time
	CompletedAt                 time.Time
	Revisable, Partial          bool
	Source                      string
	AskedAt                     time.Time
	RunID                       string
}

func newTransactionRow(run *Run, providerName, source string, at time.Time, t payment.Transaction) transactionRow {
	r := transactionRow{
		Provider: providerName, Kind: t.Kind, Key: clean(t.Key()), ProviderPaymentID: clean(t.ID), Batched: t.Batched, OwnID: clean(t.OwnID), Reference: clean(t.Reference),
		NetworkReference: clean(t.NetworkReference), Status: t.Status, RawStatus: clean(t.RawStatus), NeedsAction: clean(string(t.NeedsAction)),
		FailureCode: clean(t.FailureCode), FailureMessage: redact.Text(clean(t.FailureMessage)), FailureGroup: clean(string(t.FailureGroup)),
		Amount: t.Amount, Settled: minor(t.Settled), Refunded: minor(t.Refunded), Fee: minor(t.Fee), Tax: minor(t.Tax),
		Account: clean(t.Account), CustomerID: clean(t.CustomerID), SavedMethodID: clean(t.SavedMethodID),
		CreatedAt: t.CreatedAt.UTC(), CompletedAt: t.CompletedAt.UTC(), Revisable: t.Revisable, Partial: t.Partial, Source: source, AskedAt: at.UTC(), RunID: run.ID,
	}
	if len(t.Metadata) > 0 {
		r.Metadata = metadataJSON(t.Metadata)
	}
	return r
}

// name is one by which a row of a list may be found to be the same transaction as
// another row.
type name struct{ key, reference string }

func (r *transactionRow) appendNames(to []name, twins bool) []name {
	to = append(to, name{key: r.Key})
	if r.Reference != "" && (twins || r.Batched || r.nameless()) {
		to = append(to, name{reference: r.Reference})
	}
	return to
}

// nameless tells whether the transaction was found by its reference alone, when
// its batch was not known.
func (r *transactionRow) nameless() bool {
	return !r.Batched && r.Reference != "" && r.ProviderPaymentID == r.Reference
}

func minor(a *money.Amount) *int64 {
	if a == nil {
		return nil
	}
	return &a.Minor
}

// opt is nil for an empty text.
func opt(s string) *string {
	if s == "" {
		return nil
	}
	s = clean(s)
	return &s
}

// clean makes outside text storable: Postgres refuses zero bytes and invalid UTF-8.
func clean(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return string(bytes.ReplaceAll(bytes.ToValidUTF8([]byte(s), []byte("\uFFFD")), []byte{0}, []byte("\uFFFD")))
}

type answerRow struct {
	Provider, PaymentID        string
	Verdict, Reason, RawStatus string
	AskedAt                    time.Time
	RunID                      string
}

// saveObservations keeps evidence; with ids, under these.
func saveObservations(ctx context.Context, tx *sqlx.Tx, rows []observation, ids ...int64) error {
	if len(rows) == 0 {
		return nil
	}
	columns := []string{"run_id", "provider", "kind", "payment_id", "method", "path", "asked_at", "duration_ms", "http_status", "content_type", "body", "digest", "error"}
	if len(ids) > 0 {
		columns = append(columns, "id")
	}
	w, err := newCopy(ctx, tx, "tieout.observations", columns...)
	if err != nil {
		return err
	}
	for i, o := range rows {
		values := []any{
			o.RunID, o.Provider, o.Kind, null(o.PaymentID), o.Method, o.Path, o.AskedAt, o.DurationMS, o.HTTPStatus, o.ContentType, o.Body, null(o.Digest), null(o.Error),
		}
		if len(ids) > 0 {
			values = append(values, ids[i])
		}
		if err := w.add(values...); err != nil {
			return err
		}
	}
	return w.close()
}

func saveAnswers(ctx context.Context, tx *sqlx.Tx, rows []answerRow) error {
	return merge(ctx, tx, "save_answers.sql", rows, func(w *copyIn, r *answerRow) error {
		return w.add(r.Provider, r.PaymentID, r.Verdict, clean(r.Reason), clean(r.RawStatus), r.AskedAt, r.RunID)
	})
}

func saveTransactions(ctx context.Context, tx *sqlx.Tx, rows []transactionRow, twins bool) error {
	if err := joinBatched(ctx, tx, rows); err != nil {
		return err
	}
	if twins {
		if err := joinTwins(ctx, tx, rows); err != nil {
			return err
		}
	}
	// a statement may touch a row once: of the same transaction the full answer wins, then the later
	type id struct {
		provider string
		kind     payment.Kind
		key      string
	}
	at := make(map[id]int, len(rows))
	once := rows[:0]
	for _, r := range rows {
		k := id{r.Provider, r.Kind, r.Key}
		i, seen := at[k]
		switch {
		case !seen:
			at[k] = len(once)
			once = append(once, r)
		case !r.Partial || once[i].Partial:
			once[i] = r
		}
	}
	return merge(ctx, tx, "save_transactions.sql", once, func(w *copyIn, r *transactionRow) error {
		return w.add(r.Provider, string(r.Kind), r.Key, r.ProviderPaymentID, r.Batched, null(r.OwnID), null(r.Reference), null(r.NetworkReference),
			string(r.Status), r.RawStatus, null(r.NeedsAction), null(r.FailureCode), null(r.FailureMessage), null(r.FailureGroup),
			r.Amount.Currency, r.Amount.Exp, r.Amount.Minor, r.Settled, r.Refunded, r.Fee, r.Tax, null(r.Account), null(r.CustomerID), null(r.SavedMethodID),
			null(r.Metadata), r.CreatedAt, stated(r.CompletedAt), r.Revisable, r.Partial, r.Source, r.AskedAt, r.RunID)
	})
}

// saveInvalidRows notes that the list's row of a payment can't be read. Its
// reference names the payment where its id names none: it is missing, the
// payment's is not known, or lists have ids of their own (twins).
func saveInvalidRows(ctx context.Context, tx *sqlx.Tx, run *Run, providerName string, kind payment.Kind, twins bool, rows []provider.InvalidRow, at time.Time) error {
	for _, r := range rows {
		_, err := tx.ExecContext(ctx, `INSERT INTO tieout.answers AS old (provider, payment_id, verdict, reason, raw_status, since, asked_at, run_id)
			SELECT provider, payment_id, 'invalid', $6, '', $7, $7, '' FROM tieout.run_payments
			WHERE run_id = $1 AND in_range AND provider = $2 AND kind = $3
			  AND ($4 <> '' AND (provider_payment_id = $4 OR payment_id = $4)
			       OR $5 <> '' AND $5 IN (reference, payment_id) AND ($8 OR $4 = '' OR provider_payment_id IS NULL))
			ON CONFLICT (provider, payment_id) DO UPDATE SET verdict = 'invalid', reason = excluded.reason,
				since = CASE WHEN old.verdict = 'invalid' THEN old.since ELSE excluded.since END, asked_at = excluded.asked_at`,
			run.ID, providerName, string(kind), clean(r.ID), clean(r.Reference), clean(r.Reason), at.UTC(), twins)
		if err != nil {
			return err
		}
	}
	return nil
}

// merge takes rows into their table by an SQL file of two steps: the first makes
// the temporary table that it is named after, with a column for each value that
// write adds, the second takes over what stands there.
func merge[T any](ctx context.Context, tx *sqlx.Tx, file string, rows []T, write func(*copyIn, *T) error) error {
	if len(rows) == 0 {
		return nil
	}
	s := steps(file)
	stage, merge := s[0], s[1]
	if _, err := tx.ExecContext(ctx, stage.SQL); err != nil {
		return err
	}
	w, err := newCopy(ctx, tx, stage.Name)
	if err != nil {
		return err
	}
	for i := range rows {
		if err := write(w, &rows[i]); err != nil {
			return err
		}
	}
	if err := w.close(); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, merge.SQL)
	return err
}
