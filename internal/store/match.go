package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"tieout/internal/exception"
	"tieout/internal/mask"
	"tieout/internal/money"
	"tieout/internal/payment"
)

// MatchRules are the rules of the match step.
type MatchRules struct {
	MetadataKeys []string
	// BatchKeys are metadata keys by which several payments are paid as one.
	BatchKeys                            []string
	DateWindow, Grace                    time.Duration
	StaleDeposit, StalePayout, StaleNeed time.Duration
	// Tolerance of amounts in minor units by provider and currency; what is not there is zero.
	Tolerance []Tolerance
	// Limits replace Grace and the Stale ones for a provider, kind and currency.
	Limits     []Limit
	Schedule   []ScheduledFee
	References References
	Location   *time.Location
	Thresholds exception.Thresholds
	// Mask shows account numbers and the values of these metadata keys.
	Mask         mask.Func
	MaskMetadata []string
}

// Tolerance is how much two amounts may differ.
type Tolerance struct {
	Provider, Kind, Currency string
	Minor                    int64
}

// Limit is how long a payment of one provider, kind and currency may take.
type Limit struct {
	Provider, Kind, Currency string
	Grace, Stale, StaleNeed  time.Duration
}

// ScheduledFee is what the contract says of a provider, kind and currency; the
// texts are exact decimals.
type ScheduledFee struct {
	Provider, Kind, Currency, Percent, Fixed string
}

// Matched counts what the match step found.
type Matched struct {
	Results    map[payment.Result]int64
	Exceptions map[payment.ExceptionKind]int64
}

// Match links both sides and classifies every payment of the run.
func (s *Store) Match(ctx context.Context, run *Run, rules MatchRules) (Matched, error) {
	out := Matched{Results: map[payment.Result]int64{}, Exceptions: map[payment.ExceptionKind]int64{}}
	err := s.inHeavyTx(ctx, func(tx *sqlx.Tx) error {
		if err := matchParameters(ctx, tx, run, rules); err != nil {
			return err
		}
		bounds := rules.bounds(run)
		for _, st := range steps("match.sql") {
			switch st.Name {
			case "what is known of each payment":
				if err := s.linkStatements(ctx, tx, rules.Location); err != nil {
					return err
				}
			case "transactions of other times whose reference means the same":
				if len(rules.References.providers()) == 0 {
					continue // it reads all that there is
				}
			case "transactions of other times that share a metadata value with a payment":
				if len(rules.linkingKeys()) == 0 {
					continue
				}
			case "pairs":
				if err := joinSides(ctx, tx, bounds, rules.MetadataKeys); err != nil {
					return fmt.Errorf("joining both sides: %w", err)
				}
				continue
			case "metadata":
				if err := matchByKeys(ctx, tx, "match_metadata.sql", rules.MetadataKeys); err != nil {
					return err
				}
				if err := matchByKeys(ctx, tx, "match_batch.sql", rules.BatchKeys); err != nil {
					return err
				}
				continue
			}
			if _, err := tx.ExecContext(ctx, bounds.Replace(st.SQL)); err != nil {
				return fmt.Errorf("%s: %w", st.Name, err)
			}
		}
		if err := s.compareStatements(ctx, tx, run); err != nil {
			return err
		}
		if err := s.writeExceptions(ctx, tx, run, rules, &out); err != nil {
			return err
		}
		rows := []struct {
			Result string `db:"result"`
			N      int64  `db:"n"`
		}{}
		if err := tx.SelectContext(ctx, &rows, `SELECT result, count(*) AS n FROM tieout.run_results WHERE run_id = $1 GROUP BY 1`, run.ID); err != nil {
			return err
		}
		for _, r := range rows {
			out.Results[payment.Result(r.Result)] = r.N
		}
		return s.done(ctx, tx, run, "matched_at")
	})
	if err == nil { // what settles next joins all of it
		err = s.analyze(ctx, "tieout.run_results (run_id, payment_id, result, outcome)", "tieout.run_transactions (run_id, transaction_id, role)")
	}
	return out, wrap("matching", err)
}

// linkingKeys are the metadata keys that lead from payments to transactions, one
// to one or as batches.
func (r MatchRules) linkingKeys() []string { return slices.Concat(r.MetadataKeys, r.BatchKeys) }

// bounds writes the run's times and the keys that lead beyond them into SQL. A
// payment that claims a transaction of the range by metadata may lie a window
// beside it, and its other transactions another one.
func (r MatchRules) bounds(run *Run) *strings.Replacer {
	var keys []string
	for _, k := range r.linkingKeys() {
		keys = append(keys, pq.QuoteLiteral(k))
	}
	return strings.NewReplacer(
		"/*from*/", literal(run.FromTime), "/*to*/", literal(run.ToTime),
		"/*window_from*/", literal(run.FromTime.Add(-2*r.DateWindow)), "/*window_to*/", literal(run.ToTime.Add(2*r.DateWindow)),
		"/*linking_keys*/", "ARRAY["+strings.Join(keys, ", ")+"]::text[]")
}

func literal(t time.Time) string {
	return pq.QuoteLiteral(t.UTC().Format(time.RFC3339Nano)) + "::timestamptz"
}

func matchParameters(ctx context.Context, tx *sqlx.Tx, run *Run, rules MatchRules) error {
	if err := rules.References.define(ctx, tx); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `CREATE TEMP TABLE par (run_id text, started_at timestamptz, from_time timestamptz, to_time timestamptz,
		providers text[], kinds text[], grace interval, stale_deposit interval, stale_payout interval, stale_action interval,
		date_window interval, respelled text[], stated text[]) ON COMMIT DROP`); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO par VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
		ARRAY(SELECT name FROM unnest($5::text[]) AS s (name) WHERE EXISTS (SELECT 1 FROM tieout.statement_rows r WHERE r.provider = s.name)
			OR EXISTS (SELECT 1 FROM tieout.statement_coverage c WHERE c.provider = s.name)))`,
		run.ID, run.StartedAt, run.FromTime, run.ToTime, run.Providers, run.Kinds, interval(rules.Grace), interval(rules.StaleDeposit),
		interval(rules.StalePayout), interval(rules.StaleNeed), interval(rules.DateWindow), textArray(rules.References.providers())); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `CREATE TEMP TABLE tolerance (provider text, kind text, currency text, minor bigint) ON COMMIT DROP;
		CREATE TEMP TABLE batch (pid text, id bigint, share bigint, first boolean) ON COMMIT DROP;
		CREATE TEMP TABLE limits (provider text, kind text, currency text, grace interval, stale interval, stale_action interval) ON COMMIT DROP`); err != nil {
		return err
	}
	for _, t := range rules.Tolerance {
		if _, err := tx.ExecContext(ctx, `INSERT INTO tolerance VALUES ($1, $2, $3, $4)`, t.Provider, t.Kind, t.Currency, t.Minor); err != nil {
			return err
		}
	}
	for _, l := range rules.Limits {
		if _, err := tx.ExecContext(ctx, `INSERT INTO limits VALUES ($1, $2, $3, $4, $5, $6)`, l.Provider, l.Kind, l.Currency,
			interval(l.Grace), interval(l.Stale), interval(l.StaleNeed)); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, `CREATE TEMP TABLE schedule (provider text, kind text, currency text, percent numeric, fixed numeric) ON COMMIT DROP`); err != nil {
		return err
	}
	for _, f := range rules.Schedule {
		if _, err := tx.ExecContext(ctx, `INSERT INTO schedule VALUES ($1, $2, $3, $4, $5)`, f.Provider, f.Kind, f.Currency, f.Percent, f.Fixed); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, `CREATE TEMP TABLE metadata_keys (n integer, key text) ON COMMIT DROP`); err != nil {
		return err
	}
	for i, k := range rules.MetadataKeys {
		if _, err := tx.ExecContext(ctx, `INSERT INTO metadata_keys VALUES ($1, $2)`, i, k); err != nil {
			return err
		}
	}
	// few rows, but the planner takes an unknown table for many
	_, err := tx.ExecContext(ctx, `ANALYZE par, tolerance, limits, schedule, metadata_keys`)
	return err
}

// joinSides finds the payments and transactions that name each other: by the
// provider's id, and by the reference among those that have no other side so
// and those whose ids batches share.
func joinSides(ctx context.Context, tx *sqlx.Tx, bounds *strings.Replacer, metadataKeys []string) error {
	const ours = `SELECT rp.* FROM tieout.run_payments rp`
	const theirs = `SELECT t.* FROM tieout.transactions t`
	const ofRange = `, par WHERE t.provider = ANY (par.providers) AND t.kind = ANY (par.kinds) AND t.created_at >= /*from*/ AND t.created_at < /*to*/`
	var metadata strings.Builder
	for _, k := range metadataKeys {
		fmt.Fprintf(&metadata, " AND (x.metadata ->> %[1]s = p.metadata ->> %[1]s) IS NOT FALSE", pq.QuoteLiteral(k))
	}
	for _, pass := range []struct{ number, ours, theirs, key string }{
		{
			"1", ours + ` WHERE rp.run_id = (SELECT run_id FROM par)`, theirs + ofRange + ` AND NOT t.batched`,
			`x.provider_payment_id = coalesce(p.provider_payment_id, p.payment_id)`,
		},
		{
			"2", ours + ` JOIN pair ON pair.pid = rp.payment_id WHERE rp.run_id = (SELECT run_id FROM par) AND pair.id IS NULL`,
			theirs + ` JOIN pair USING (id) WHERE pair.pid IS NULL UNION ALL ` + theirs + ofRange + ` AND t.batched`,
			`nullif(pg_temp.reference_key(x.provider, x.reference), '') = pg_temp.reference_key(p.provider, p.reference)`,
		},
	} {
		q := strings.NewReplacer("/*ours*/", pass.ours, "/*theirs*/", pass.theirs, "/*key*/", pass.key, "/*pass*/", pass.number, "/*metadata*/", metadata.String()).Replace(query("match_pairs.sql"))
		if _, err := tx.ExecContext(ctx, bounds.Replace(q)); err != nil {
			return err
		}
	}
	return nil
}

// matchByKeys runs an SQL file once for each metadata key, in order.
func matchByKeys(ctx context.Context, tx *sqlx.Tx, file string, keys []string) error {
	for _, k := range keys {
		for _, st := range steps(file) {
			args := []any{}
			if st.Name == "fill" {
				args = append(args, k)
			}
			if _, err := tx.ExecContext(ctx, st.SQL, args...); err != nil {
				return fmt.Errorf("metadata key %q: %s: %w", k, st.Name, err)
			}
		}
	}
	return nil
}

// named is what tells one difference from another.
type named struct {
	Kind         string         `db:"kind"`
	PID          sql.NullString `db:"pid"`
	TxID         sql.NullInt64  `db:"tx_id"`
	Provider     string         `db:"provider"`
	PaymentKind  string         `db:"payment_kind"`
	BusinessDate time.Time      `db:"bdate"`
	TKey         sql.NullString `db:"tkey"`
}

// difference is one row of the match step's table x with the facts around it.
type difference struct {
	named
	N int64 `db:"n"`

	Fact           string         `db:"fact"`
	Named          sql.NullString `db:"named"`
	Ref            sql.NullString `db:"ref"`
	Minor          sql.NullInt64  `db:"minor"`
	Exp            sql.NullInt64  `db:"exp"`
	Cur            sql.NullString `db:"cur"`
	Status         sql.NullString `db:"status"`
	Account        sql.NullString `db:"account"`
	Created        time.Time      `db:"created"`
	OursRefunded   sql.NullInt64  `db:"ours_refunded"`
	OursValue      sql.NullString `db:"ours_value"`
	State          sql.NullString `db:"state"`
	Outcome        sql.NullString `db:"outcome"`
	Method         sql.NullString `db:"method"`
	Reason         sql.NullString `db:"reason"`
	ListWhy        sql.NullString `db:"list_why"`
	CompletedOnly  sql.NullBool   `db:"completed_list"`
	Why            sql.NullString `db:"why"`
	TPPID          sql.NullString `db:"tppid"`
	TRef           sql.NullString `db:"tref"`
	TStatus        sql.NullString `db:"tstatus"`
	TRaw           sql.NullString `db:"traw"`
	TMinor         sql.NullInt64  `db:"tminor"`
	TExp           sql.NullInt64  `db:"texp"`
	TCur           sql.NullString `db:"tcur"`
	TRefunded      sql.NullInt64  `db:"trefunded"`
	TAccount       sql.NullString `db:"taccount"`
	TValue         sql.NullString `db:"tvalue"`
	TAction        sql.NullString `db:"taction"`
	TFee           sql.NullInt64  `db:"tfee"`
	TFailureCode   sql.NullString `db:"tfailure"`
	AnswerRaw      sql.NullString `db:"answer_raw"`
	OursProviderID sql.NullString `db:"ours_ppid"`
}

// differences are read with everything their sentence needs. A transaction that
// stands for itself (tx_id) brings its own side.
const differences = `
SELECT x.kind, x.pid, x.id AS tx_id, x.fact, x.named, coalesce(p.provider, o.provider) AS provider, coalesce(p.kind, o.kind) AS payment_kind,
	p.ref, p.minor, p.exp, p.cur, p.status, p.account, coalesce(o.created_at, p.created) AS created,
	CASE WHEN x.id IS NULL THEN p.bdate ELSE (o.created_at AT TIME ZONE $1)::date END AS bdate,
	p.refunded AS ours_refunded, p.metadata ->> nullif(x.fact, '') AS ours_value, p.ppid AS ours_ppid,
	r.state, r.outcome, r.method, k.reason, k.list_why, k.completed_list,
	amb.why,
	o.key AS tkey,
	CASE WHEN x.id IS NULL THEN coalesce(m.ppid, p.ppid) ELSE o.provider_payment_id END AS tppid,
	CASE WHEN x.id IS NULL THEN m.ref ELSE o.reference END AS tref,
	CASE WHEN x.id IS NULL THEN m.status ELSE o.status END AS tstatus,
	CASE WHEN x.id IS NULL THEN m.raw_status ELSE o.raw_status END AS traw,
	CASE WHEN x.id IS NULL THEN CASE WHEN m.status IN ('completed', 'reversed') OR m.needs_action = 'review' THEN m.moved ELSE m.amount END
	     ELSE CASE WHEN o.status IN ('completed', 'reversed') THEN coalesce(o.settled, o.amount) ELSE o.amount END END AS tminor,
	CASE WHEN x.id IS NULL THEN m.exp ELSE o.exp END AS texp,
	CASE WHEN x.id IS NULL THEN m.cur ELSE o.currency END AS tcur,
	CASE WHEN x.id IS NULL THEN m.refunded ELSE o.refunded END AS trefunded,
	m.fee AS tfee,
	CASE WHEN x.id IS NULL THEN m.account ELSE o.account END AS taccount,
	m.metadata ->> nullif(x.fact, '') AS tvalue,
	CASE WHEN x.id IS NULL THEN m.needs_action ELSE o.needs_action END AS taction,
	CASE WHEN x.id IS NULL THEN m.failure_code ELSE o.failure_code END AS tfailure,
	a.raw_status AS answer_raw
FROM x
LEFT JOIN p ON p.pid = x.pid
LEFT JOIN r ON r.pid = x.pid
LEFT JOIN k ON k.pid = x.pid
LEFT JOIN m ON m.pid = x.pid
LEFT JOIN (SELECT pid, min(why) AS why FROM amb GROUP BY pid) amb ON amb.pid = x.pid
LEFT JOIN tieout.transactions o ON o.id = x.id
LEFT JOIN tieout.answers a ON a.provider = p.provider AND a.payment_id = p.pid
WHERE x.kind <> 'settlement_mismatch' AND (x.pid IS NOT NULL OR x.id IS NOT NULL)
UNION ALL` + statementDifferences

// atOnce is how many differences are in memory together.
const atOnce = 5000

func (s *Store) writeExceptions(ctx context.Context, tx *sqlx.Tx, run *Run, rules MatchRules, out *Matched) error {
	if _, err := tx.ExecContext(ctx, `CREATE TEMP TABLE difference ON COMMIT DROP AS
		SELECT row_number() OVER (ORDER BY bdate, provider, payment_kind, pid NULLS LAST, tkey NULLS FIRST, kind) AS n, d.* FROM (`+differences+`) d`,
		rules.Location.String()); err != nil {
		return fmt.Errorf("gathering differences: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `CREATE UNIQUE INDEX ON difference (n); ANALYZE difference`); err != nil {
		return fmt.Errorf("gathering differences: %w", err)
	}
	var found []named
	if err := tx.SelectContext(ctx, &found, `SELECT kind, pid, tx_id, provider, payment_kind, bdate, tkey FROM difference ORDER BY n`); err != nil {
		return fmt.Errorf("reading differences: %w", err)
	}
	near, err := nearMisses(ctx, tx)
	if err != nil {
		return fmt.Errorf("looking for near misses: %w", err)
	}
	choices, err := ambiguities(ctx, tx)
	if err != nil {
		return fmt.Errorf("looking for candidates: %w", err)
	}
	ids, err := identities(ctx, tx, run, found)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM tieout.run_exceptions WHERE run_id = $1`, run.ID); err != nil {
		return err
	}
	tell := func(d difference) exception.Facts {
		f := d.facts(run, rules)
		f.Suggestion = near.suggest(d)
		if f.Kind == payment.AmbiguousMatch {
			f.Candidates, f.OtherPayments = choices.candidates[f.PaymentID], choices.payments[f.PaymentID]
		}
		return f
	}
	for after := int64(0); after < int64(len(found)); after += atOnce {
		var some []difference
		if err := tx.SelectContext(ctx, &some, `SELECT * FROM difference WHERE n > $1 AND n <= $2 ORDER BY n`, after, after+atOnce); err != nil {
			return fmt.Errorf("reading differences: %w", err)
		}
		if err := copyExceptions(ctx, tx, run, rules.Thresholds, some, ids, tell); err != nil {
			return err
		}
		for _, d := range some {
			out.Exceptions[payment.ExceptionKind(d.Kind)]++
		}
	}
	return nil
}

func copyExceptions(ctx context.Context, tx *sqlx.Tx, run *Run, thresholds exception.Thresholds, some []difference, ids map[string]identity, tell func(difference) exception.Facts) error {
	w, err := newCopy(ctx, tx, "tieout.run_exceptions", "run_id", "exception_id", "kind", "severity", "provider", "payment_kind", "payment_id",
		"transaction_id", "provider_payment_id", "reference", "internal_amount", "internal_exp", "currency", "provider_amount", "provider_exp",
		"provider_currency", "internal_status", "provider_status", "account", "business_date", "created_at", "first_seen", "match_method", "detail",
		"at_risk", "at_risk_exp", "orphan", "provider_refunded", "provider_named")
	if err != nil {
		return err
	}
	for _, d := range some {
		f := tell(d)
		id := ids[d.fingerprint()]
		var risk, riskExp any
		if a := f.AtRisk(); a != nil {
			risk, riskExp = a.Minor, a.Exp
		}
		ref := d.Ref
		if !ref.Valid {
			ref = d.TRef
		}
		account := d.Account
		if !account.Valid {
			account = d.TAccount
		}
		if err := w.add(run.ID, id.ID, d.Kind, string(f.Severity(thresholds)), d.Provider, d.PaymentKind, d.PID, d.TxID, d.TPPID, ref,
			minor(f.Internal), exponent(f.Internal), d.Cur, minor(f.Theirs), exponent(f.Theirs), d.TCur, d.Status, null(f.TheirStatus), account, d.BusinessDate.Format(time.DateOnly),
			d.Created, id.FirstSeen, d.Method, clean(f.Detail()), risk, riskExp, d.TxID.Valid, minor(f.Refunded), d.Named); err != nil {
			return err
		}
	}
	return w.close()
}

// fingerprint is what makes two differences of two runs the same one.
func (d named) fingerprint() string {
	if d.TxID.Valid || !d.PID.Valid {
		return d.Kind + "|" + d.Provider + "|" + d.PaymentKind + "|" + d.PID.String + "|" + d.TKey.String
	}
	return d.Kind + "|" + d.Provider + "|" + d.PaymentKind + "|" + d.PID.String
}

func (d difference) facts(run *Run, rules MatchRules) exception.Facts {
	f := exception.Facts{
		Kind: payment.ExceptionKind(d.Kind), Provider: d.Provider, PaymentKind: payment.Kind(d.PaymentKind), PaymentID: d.PID.String, Own: d.TxID.Valid,
		Fact: d.Fact, InternalStatus: payment.Status(d.Status.String), TheirStatus: d.TStatus.String, RawStatus: d.TRaw.String,
		FailureCode: d.TFailureCode.String, Action: payment.Action(d.TAction.String), Reference: d.Ref.String, TheirReference: d.TRef.String,
		Account: rules.Mask(d.Account.String), TheirAccount: rules.Mask(d.TAccount.String), InternalValue: rules.metadata(d.Fact, d.OursValue.String), TheirValue: rules.metadata(d.Fact, d.TValue.String),
		CreatedAt: d.Created, Age: run.StartedAt.Sub(d.Created), Location: rules.Location, ProviderPaymentID: d.TPPID.String, Why: d.Why.String,
		CompletedOnlyList: d.CompletedOnly.Bool,
		Internal:          amount(d.Minor, d.Exp, d.Cur), Theirs: amount(d.TMinor, d.TExp, d.TCur),
		OursRefunded: amount(d.OursRefunded, d.Exp, d.Cur), Refunded: amount(d.TRefunded, d.TExp, d.TCur),
		Reason: d.Reason.String,
	}
	if f.TheirStatus == string(payment.Created) {
		f.TheirStatus = string(payment.Pending)
	}
	if !d.TxID.Valid && d.State.String == "unknown" {
		f.TheirStatus = "unknown"
	}
	if f.Kind == payment.SavedMethodMissing {
		f.Reason = d.Fact
	}
	if f.Kind == payment.SettlementMismatch {
		f.Reason = statementReason(d.Fact, f.Internal, f.Theirs, f.OursRefunded, f.Refunded, d.Outcome.String, d.TStatus.String, d.BusinessDate)
	}
	f.Statement = f.Kind == payment.MissingInternally && !d.TxID.Valid
	if f.Kind == payment.FeeMismatch {
		f.Theirs = amount(d.TFee, d.TExp, d.TCur)
		if expected, err := strconv.ParseInt(d.Fact, 10, 64); err == nil {
			f.Internal = amount(sql.NullInt64{Int64: expected, Valid: true}, d.TExp, d.TCur)
		}
	}
	if d.State.String == "not_polled" && !d.TxID.Valid {
		if f.Reason == "" {
			f.Reason = d.ListWhy.String
		}
		if f.Reason == "" {
			f.Reason = "neither its id nor a complete list of the provider can tell; run the range again"
		}
	}
	return f
}

// metadata is the value of a metadata key as it may be shown.
func (r MatchRules) metadata(key, value string) string {
	if slices.Contains(r.MaskMetadata, key) {
		return r.Mask(value)
	}
	return value
}

func amount(minor, exp sql.NullInt64, currency sql.NullString) *money.Amount {
	if !minor.Valid || !exp.Valid || !currency.Valid {
		return nil
	}
	return &money.Amount{Minor: minor.Int64, Exp: int(exp.Int64), Currency: currency.String}
}

func exponent(a *money.Amount) *int {
	if a == nil {
		return nil
	}
	return &a.Exp
}

type identity struct {
	Fingerprint string    `db:"fingerprint"`
	ID          string    `db:"exception_id"`
	FirstSeen   time.Time `db:"first_seen"`
}

// identities gives each difference the id that it had before, or the next free
// one of its business date. It serialises with other runs on the table's lock.
func identities(ctx context.Context, tx *sqlx.Tx, run *Run, found []named) (map[string]identity, error) {
	if _, err := tx.ExecContext(ctx, `LOCK TABLE tieout.exception_ids IN SHARE ROW EXCLUSIVE MODE`); err != nil {
		return nil, err
	}
	byPrint := map[string]named{}
	prints := make([]string, 0, len(found))
	for _, d := range found {
		f := d.fingerprint()
		if _, twice := byPrint[f]; !twice {
			prints = append(prints, f)
		}
		byPrint[f] = d
	}
	out := map[string]identity{}
	var known []identity
	if err := tx.SelectContext(ctx, &known, `SELECT fingerprint, exception_id, first_seen FROM tieout.exception_ids WHERE fingerprint = ANY ($1)`, pq.Array(prints)); err != nil {
		return nil, err
	}
	for _, k := range known {
		out[k.Fingerprint] = k
	}
	heirs, err := inherit(ctx, tx, found, prints, out)
	if err != nil {
		return nil, err
	}
	for _, k := range heirs {
		out[k.Fingerprint] = k
	}
	var fingerprints, exceptionIDs, dates []string
	next := map[string]int{}
	sort.SliceStable(prints, func(i, j int) bool { return byPrint[prints[i]].BusinessDate.Before(byPrint[prints[j]].BusinessDate) })
	for _, f := range prints {
		if _, ok := out[f]; ok {
			continue
		}
		date := byPrint[f].BusinessDate.Format(time.DateOnly)
		if _, ok := next[date]; !ok {
			var n int
			if err := tx.GetContext(ctx, &n, `SELECT count(*) FROM tieout.exception_ids WHERE business_date = $1`, date); err != nil {
				return nil, err
			}
			next[date] = n
		}
		next[date]++
		id := identity{Fingerprint: f, ID: fmt.Sprintf("EX-%s-%04d", byPrint[f].BusinessDate.Format("060102"), next[date]), FirstSeen: run.StartedAt}
		fingerprints, exceptionIDs, dates = append(fingerprints, id.Fingerprint), append(exceptionIDs, id.ID), append(dates, date)
		out[f] = id
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO tieout.exception_ids SELECT f, i, d, $4 FROM unnest($1::text[], $2::text[], $3::date[]) AS n (f, i, d)`,
		pq.Array(fingerprints), pq.Array(exceptionIDs), pq.Array(dates), run.StartedAt)
	return out, err
}

// inherit gives a transaction that nobody explains the identity of the
// statement's row by which it was known before any list or answer showed it.
func inherit(ctx context.Context, tx *sqlx.Tx, found []named, prints []string, known map[string]identity) ([]identity, error) {
	var ids []int64
	var heirs []string
	for _, d := range found {
		if _, has := known[d.fingerprint()]; !has && d.Kind == string(payment.MissingInternally) && d.TxID.Valid {
			ids, heirs = append(ids, d.TxID.Int64), append(heirs, d.fingerprint())
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	var out []identity
	err := tx.SelectContext(ctx, &out, `WITH named AS (
		SELECT n.id, n.heir, 'missing_internally|' || o.provider || '|' || o.kind || '||' || `+statementRowKey("o.provider", "o.kind", "k.sid", "k.ref", "o.currency")+` AS print, k.rank
		FROM unnest($1::bigint[], $2::text[]) AS n (id, heir) JOIN tieout.transactions o ON o.id = n.id
		CROSS JOIN LATERAL (VALUES (1, o.provider_payment_id, o.reference), (2, o.list_key, o.reference), (3, o.own_id, o.reference), (4, o.provider_payment_id, ''),
			(5, o.list_key, ''), (6, o.own_id, ''), (7, '', o.reference)) AS v (rank, id, ref)
		CROSS JOIN LATERAL (SELECT coalesce(pg_temp.id_key(v.id), ''), coalesce(v.ref, ''), v.rank) AS k (sid, ref, rank)
		WHERE k.sid <> '' OR k.ref <> ''
	), mine AS (
		SELECT DISTINCT ON (id) id, heir, print, rank FROM named JOIN tieout.exception_ids i ON i.fingerprint = print
		WHERE print <> ALL ($3) ORDER BY id, rank
	), one AS (
		SELECT DISTINCT ON (print) print, heir FROM mine ORDER BY print, rank, id
	)
	UPDATE tieout.exception_ids i SET fingerprint = one.heir FROM one WHERE i.fingerprint = one.print
	RETURNING i.fingerprint, i.exception_id, i.first_seen`, pq.Array(ids), pq.Array(heirs), pq.Array(prints))
	return out, err
}
