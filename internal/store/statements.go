package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/statement"
)

// StatementClaim is what the user says of a statement's completeness: without a
// word it shows every movement of the days from its first row to its last.
type StatementClaim struct {
	// From and To, where given, are the time that the statement covers.
	From, To time.Time
	// Partial says that the file is an extract: what it lacks means nothing.
	Partial bool
	// Replace says that the file takes the place of what earlier files showed of
	// the time that it covers: what it lacks is forgotten.
	Replace bool
	// Now bounds the claim: a day that is not over is covered to its last row.
	Now time.Time
}

// ImportStatement loads a provider's statement: streamed by COPY into a staging
// table, then merged by the rows' identity, so that the same file, and another
// one that repeats some of its rows, changes nothing. A row that is no row goes
// to reject, the rest goes on; all good rows are taken together or not at all.
func (s *Store) ImportStatement(ctx context.Context, provider string, rd statement.Reader, in statement.File, claim StatementClaim,
	reject func(statement.Reject) error, progress func(int64),
) (Imported, error) {
	var out Imported
	digest := sha256.New()
	if _, err := io.Copy(digest, in); err != nil {
		return out, fmt.Errorf("import statement: %w", err)
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return out, fmt.Errorf("import statement: %w", err)
	}
	f := statementFile{provider: provider, sha256: hex.EncodeToString(digest.Sum(nil)), zone: rd.DayZone(), claim: claim}
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		w, err := stageStatement(ctx, tx)
		if err != nil {
			return err
		}
		err = rd.Read(in, func(r statement.Row) error {
			out.Read++
			if r.At().IsZero() && r.Entry == statement.Payment {
				out.Timeless++
			}
			if out.Read%1000 == 0 {
				progress(out.Read)
			}
			return w.add(r, identityOf(r), nil)
		}, func(r statement.Reject) error {
			out.SetAside++
			return reject(r)
		})
		if err != nil {
			return err
		}
		if err := w.close(); err != nil {
			return err
		}
		if err := f.merge(ctx, tx, &out); err != nil {
			return err
		}
		// what the API has shown before is now the file's
		if _, err := tx.ExecContext(ctx, `UPDATE tieout.statement_rows old SET source = 'file'
			FROM (SELECT base || '-' || row_number() OVER (PARTITION BY base ORDER BY n) AS identity FROM incoming_rows) i
			WHERE old.provider = $1 AND old.source = 'api' AND old.identity = i.identity`, f.provider); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO tieout.statement_files VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
			f.provider, f.sha256, f.claim.Now, out.Read, out.SetAside); err != nil {
			return err
		}
		if err := f.cover(ctx, tx, &out); err != nil || !claim.Replace {
			return err
		}
		return f.forget(ctx, tx, &out)
	})
	return out, wrap("import statement", err)
}

// staging takes rows into the temporary table incoming_rows.
type staging struct{ *copyIn }

func stageStatement(ctx context.Context, tx *sqlx.Tx) (staging, error) {
	// nth, where it is given, is a row's number among those with the same base
	if _, err := tx.ExecContext(ctx, `CREATE TEMP TABLE incoming_rows (base text, nth bigint, LIKE tieout.statement_rows) ON COMMIT DROP`); err != nil {
		return staging{}, err
	}
	for _, column := range []string{"id", "identity", "provider", "sha256", "source", "run_id"} {
		if _, err := tx.ExecContext(ctx, `ALTER TABLE incoming_rows DROP COLUMN `+column); err != nil {
			return staging{}, err
		}
	}
	w, err := newCopy(ctx, tx, "incoming_rows", "base", "nth", "n", "entry", "provider_payment_id", "reference", "kind", "currency", "exp", "amount",
		"fee", "tax", "status", "raw_status", "account", "created_at", "completed_at", "at", "wallet", "word", "direction", "reserved", "settled_at")
	return staging{w}, err
}

func (w staging) add(r statement.Row, base string, nth any) error {
	return w.copyIn.add(base, nth, r.Number, string(r.Entry), null(r.ProviderPaymentID), null(r.Reference), null(string(r.Kind)), r.Amount.Currency,
		r.Amount.Exp, r.Amount.Minor, minor(r.Fee), minor(r.Tax), string(r.Status), null(r.RawStatus), null(r.Account),
		stated(r.CreatedAt), stated(r.CompletedAt), stated(r.At()), null(r.Wallet), null(r.Word), r.Direction, r.Reserved, stated(r.SettledAt))
}

// identityOf is what makes rows of two files the same row, but for their number
// among equal ones: who it is about and when it began. The amount of a payment
// is not part of it, as a provider may correct it.
func identityOf(r statement.Row) string {
	parts := []string{string(r.Entry), string(r.Kind), r.ProviderPaymentID, r.Reference, r.Amount.Currency}
	if !r.CreatedAt.IsZero() {
		parts = append(parts, r.CreatedAt.Format(time.RFC3339Nano))
	}
	if r.Entry != statement.Payment {
		parts = append(parts, r.Amount.String())
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

func stated(t time.Time) sql.NullTime { return sql.NullTime{Time: t, Valid: !t.IsZero()} }

// statementFile is where rows come from: a file, or an answer of a provider's
// API to a run.
type statementFile struct {
	provider, sha256 string
	run              string // empty: a file
	zone             *time.Location
	claim            StatementClaim
}

// merge takes the staged rows over.
func (f statementFile) merge(ctx context.Context, tx *sqlx.Tx, out *Imported) error {
	// imports of one provider's statements come one after the other
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 7461205032))`, f.provider); err != nil {
		return err
	}
	var counts struct {
		New     int64 `db:"fresh"`
		Changed int64 `db:"changed"`
	}
	err := tx.GetContext(ctx, &counts, query("merge_statement.sql"), f.provider, f.sha256, null(f.run))
	if err != nil {
		return err
	}
	out.New, out.Changed = counts.New, counts.Changed
	out.Unchanged = out.Read - out.New - out.Changed
	return nil
}

// forget takes away what earlier files showed of the time, kind and currency that
// this one covers, and it does not show. What the API has shown as well is the
// API's again.
func (f statementFile) forget(ctx context.Context, tx *sqlx.Tx, out *Imported) error {
	if out.SetAside > 0 {
		return fmt.Errorf("%d rows were set aside, so the file does not show all of its days and can't replace another one: nothing was changed", out.SetAside)
	}
	const gone = ` provider = $1 AND source = 'file'
		  AND EXISTS (SELECT 1 FROM tieout.statement_coverage c WHERE c.provider = $1 AND c.sha256 = $2 AND c.currency = old.currency
				AND c.kind IN ('', coalesce(old.kind, c.kind)) AND old.at >= c.from_time AND old.at < c.to_time)
		  AND NOT EXISTS (SELECT 1 FROM (SELECT base || '-' || row_number() OVER (PARTITION BY base ORDER BY n) AS identity FROM incoming_rows) i WHERE i.identity = old.identity)`
	for _, q := range []string{`UPDATE tieout.statement_rows old SET source = 'api' WHERE wallet IS NOT NULL AND` + gone, `DELETE FROM tieout.statement_rows old WHERE` + gone} {
		res, err := tx.ExecContext(ctx, q, f.provider, f.sha256)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return err
		}
		out.Forgotten += n
	}
	return nil
}

// cover notes the time of which the file shows every movement: the whole days
// of the statement's zone from its first row to its last, unless the user says
// otherwise. A file of which rows were set aside shows not every movement.
func (f statementFile) cover(ctx context.Context, tx *sqlx.Tx, out *Imported) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM tieout.statement_coverage WHERE provider = $1 AND sha256 = $2`, f.provider, f.sha256); err != nil {
		return err
	}
	if f.claim.Partial || out.SetAside > 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO tieout.statement_coverage (provider, sha256, kind, currency, from_time, to_time)
		SELECT $1, $2, k.kind, s.currency,
			coalesce($4::timestamptz, date_trunc('day', s.first AT TIME ZONE $3) AT TIME ZONE $3),
			coalesce($5::timestamptz, CASE WHEN s.end > $6 THEN s.last + interval '1 microsecond' ELSE s.end END)
		FROM (SELECT currency, min(at) AS first, max(at) AS last,
			      (date_trunc('day', max(at) AT TIME ZONE $3) + interval '1 day') AT TIME ZONE $3 AS "end"
		      FROM incoming_rows GROUP BY currency) s
		JOIN (SELECT DISTINCT currency, coalesce(kind, '') AS kind FROM incoming_rows WHERE entry = 'payment') k USING (currency)
		WHERE s.first IS NOT NULL OR $4::timestamptz IS NOT NULL`,
		f.provider, f.sha256, f.zone.String(), stated(f.claim.From), stated(f.claim.To), f.claim.Now)
	return err
}

// statementTables are what both parts of the match step share; they are there,
// and empty, also where no provider of the run has a statement.
const statementTables = `
CREATE TEMP TABLE st_par (zone text) ON COMMIT DROP;
CREATE TEMP TABLE st_near (id bigint, provider text, sid text, ref text, rkey text) ON COMMIT DROP;
CREATE TEMP TABLE st_key (provider text, name text) ON COMMIT DROP;
CREATE TEMP TABLE st_name (provider text, kind text, name text, by_id boolean, id bigint, pid text) ON COMMIT DROP;
CREATE TEMP TABLE st (rid bigint, provider text, kind text, entry text, sid text, ref text, rkey text, cur text, exp smallint, minor bigint, fee bigint,
	tax bigint, status text, account text, created timestamptz, api boolean, reserved boolean) ON COMMIT DROP;
CREATE TEMP TABLE st_id (rid bigint, name text) ON COMMIT DROP;
CREATE TEMP TABLE st_link (rid bigint, id bigint, pid text) ON COMMIT DROP;
CREATE TEMP TABLE st_pay (pid text, cur text, exp smallint, minor bigint, status text, chosen boolean) ON COMMIT DROP;
CREATE TEMP TABLE st_ours (pid text, provider text, kind text, cur text, exp smallint, bdate date, minor bigint, created timestamptz,
	completed timestamptz, covered boolean) ON COMMIT DROP;
CREATE TEMP TABLE st_refund (pid text, cur text, exp smallint, moved bigint, known bigint, shown bigint) ON COMMIT DROP;
CREATE TEMP TABLE st_own (key text, kind text, provider text, payment_kind text, bdate date, created timestamptz, cur text, exp smallint,
	said bigint, shown bigint, sid text, ref text, account text, status text) ON COMMIT DROP;`

// linkStatements finds which rows of statements belong to which transactions
// and payments, and takes fees and taxes from them. It runs in the match step
// when m is filled, before anything is judged.
func (s *Store) linkStatements(ctx context.Context, tx *sqlx.Tx, zone *time.Location) error {
	if _, err := tx.ExecContext(ctx, statementTables); err != nil {
		return fmt.Errorf("statements: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO st_par VALUES ($1)`, zone.String()); err != nil {
		return fmt.Errorf("statements: %w", err)
	}
	return statementSteps(ctx, tx, "match_statement.sql")
}

// compareStatements compares statements with status answers and adds to x. It
// runs in the match step when results, run_transactions and x stand.
func (s *Store) compareStatements(ctx context.Context, tx *sqlx.Tx, run *Run) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM tieout.run_statements WHERE run_id = $1`, run.ID); err != nil {
		return fmt.Errorf("statements: %w", err)
	}
	return statementSteps(ctx, tx, "match_statement_compare.sql")
}

func statementSteps(ctx context.Context, tx *sqlx.Tx, file string) error {
	var given bool
	if err := tx.GetContext(ctx, &given, `SELECT EXISTS (SELECT 1 FROM tieout.statement_rows, par WHERE provider = ANY (par.providers))
		OR EXISTS (SELECT 1 FROM tieout.statement_coverage, par WHERE provider = ANY (par.providers))`); err != nil {
		return fmt.Errorf("statements: %w", err)
	}
	if !given {
		return nil
	}
	for _, st := range steps(file) {
		// what is booked back may lack the reference of what was booked, perhaps on another day
		key := statementRowKey("st.provider", "st.kind", "st.sid", `coalesce(st.ref, (SELECT max(o.reference) FROM tieout.statement_rows o
			WHERE o.provider = st.provider AND o.provider_payment_id = st.sid AND o.entry = 'payment' AND coalesce(o.kind, st.kind) = st.kind))`, "st.cur")
		if _, err := tx.ExecContext(ctx, strings.Replace(st.SQL, "/*key*/", key, 1)); err != nil {
			return fmt.Errorf("statements: %s: %w", st.Name, err)
		}
	}
	return nil
}

// statementRowKey is, in SQL, the key in st_own of what a statement shows under
// one id and reference, and nobody explains.
func statementRowKey(provider, kind, id, reference, currency string) string {
	return `'row|' || ` + strings.Join([]string{provider, kind, `coalesce(` + id + `, '')`, `coalesce(` + reference + `, '')`, currency}, ` || '|' || `)
}

// statementReason is the sentence of one difference between a statement and the
// status answers, for exception.Facts.Reason. fact is what the comparison wrote
// into x; said is the status answers' amount, shown the statement's.
func statementReason(fact string, said, shown, saidRefunded, shownRefunded *money.Amount, saidStatus, shownStatus string, day time.Time) string {
	human := func(a *money.Amount) string {
		if a == nil {
			return "an unknown amount"
		}
		return a.Human()
	}
	switch {
	case fact == "missing":
		return fmt.Sprintf("The status answer says completed, and the statement, which covers its time, does not show %s.", human(said))
	case fact == "status" && shownStatus == string(payment.Completed):
		return fmt.Sprintf("The statement shows %s as moved, the status answer says %s.", human(shown), saidStatus)
	case fact == "status":
		return fmt.Sprintf("The status answer says %s, the statement %s.", saidStatus, shownStatus)
	case fact == "refund":
		return fmt.Sprintf("The statement shows %s of it given back, the status answer and your records %s: %s.", human(shownRefunded), human(saidRefunded), moreOrLess(saidRefunded, shownRefunded))
	case strings.HasPrefix(fact, "total|"):
		return fmt.Sprintf("The statement of %s shows %s, the status answers and the exceptions of single payments account for %s: %s that no single row explains.",
			day.Format("2 Jan 2006"), human(shown), human(said), moreOrLess(said, shown))
	default:
		return fmt.Sprintf("The statement shows %s, the status answer says %s: %s.", human(shown), human(said), moreOrLess(said, shown))
	}
}

func moreOrLess(said, shown *money.Amount) string {
	if said == nil || shown == nil || said.Currency != shown.Currency || said.Exp != shown.Exp {
		return "they can't be compared"
	}
	d := money.Amount{Minor: shown.Minor - said.Minor, Exp: said.Exp, Currency: said.Currency}
	if d.Minor < 0 {
		d.Minor = -d.Minor
		return d.Human() + " less"
	}
	return d.Human() + " more"
}
