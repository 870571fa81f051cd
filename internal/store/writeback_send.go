package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"tieout/internal/mask"
	"tieout/internal/namedsql"
)

// outcomeColumns gives each parameter of ledger.writeback as text that every
// type which can hold it reads.
var outcomeColumns = []struct{ name, sql string }{
	{"payment_id", "o.payment_id"},
	{"status", "o.status"},
	{"provider_status", "o.provider_status"},
	{"provider_payment_id", "o.provider_payment_id"},
	{"provider_reference", "o.provider_reference"},
	{"network_reference", "o.network_reference"},
	{"failure_code", "o.failure_code"},
	{"failure_message", "o.failure_message"},
	{"amount", "o.amount::text"},
	{"currency", "o.currency"},
	{"completed_at", utcText("o.completed_at")},
	{"decided_at", utcText("o.decided_at")},
	{"run_id", "o.run_id"},
	{"held", "o.held::text"},
}

// utcText is a time as text in UTC, to the microsecond, that a column with or
// without a zone reads.
func utcText(column string) string {
	return `to_char(` + column + ` AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
}

// outcomeRow is an outcome to be sent.
type outcomeRow struct {
	id, digest string
	values     map[string]sql.NullString // by parameter
}

// refusal is an outcome that the merchant's table does not take.
type refusal struct{ id, reason string }

// readOutcomes reads the next outcomes to send, by id. First the ids and then
// their rows: in one query a planner without statistics reads whole tables.
func readOutcomes(ctx context.Context, tx *sqlx.Tx, after string) ([]outcomeRow, error) {
	var ids []string
	if err := tx.SelectContext(ctx, &ids, `SELECT payment_id FROM tieout.writebacks
		WHERE state <> 'sent' AND payment_id > $1 ORDER BY payment_id LIMIT `+strconv.Itoa(writebackBatch), after); err != nil || len(ids) == 0 {
		return nil, wrap("looking for what changed", err)
	}
	columns := make([]string, 0, len(outcomeColumns)+1)
	for _, c := range outcomeColumns {
		columns = append(columns, c.sql)
	}
	columns = append(columns, outcomeDigest)
	rows, err := tx.QueryContext(ctx, `SELECT `+strings.Join(columns, ", ")+`
		FROM tieout.payment_outcomes o WHERE payment_id = ANY ($1) ORDER BY payment_id`, pq.Array(ids))
	if err != nil {
		return nil, fmt.Errorf("reading what changed: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var out []outcomeRow
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, fmt.Errorf("reading what changed: %w", err)
		}
		r := outcomeRow{id: values[0].String, digest: values[len(outcomeColumns)].String, values: map[string]sql.NullString{}}
		for i, c := range outcomeColumns {
			r.values[c.name] = values[i]
		}
		out = append(out, r)
	}
	return out, wrap("reading what changed", rows.Err())
}

// sendOutcomes runs the merchant's statement for each row. The rows go as
// EXECUTEs in one message: a round trip a batch, not one a row.
func sendOutcomes(ctx context.Context, tx *sqlx.Tx, statement namedsql.Statement, rows []outcomeRow) ([]refusal, error) {
	id := uuid.New()
	p := prepared{tx: tx, name: "tieout_writeback_" + hex.EncodeToString(id[:]), names: statement.Names()}
	// each place is a parameter of its own, so that one name may stand where
	// different types are expected
	text := statement.Bind(func(i int, _ string) string { return fmt.Sprintf("$%d", i+1) })
	if _, err := tx.ExecContext(ctx, "PREPARE "+p.name+" AS "+text); err != nil {
		return nil, statementError(err)
	}
	refused, err := p.run(ctx, rows)
	if err != nil {
		return nil, statementError(err)
	}
	_, err = tx.ExecContext(ctx, "DEALLOCATE "+p.name)
	return refused, err
}

// prepared is the merchant's statement in a transaction of its database.
type prepared struct {
	tx    *sqlx.Tx
	name  string
	names []string
}

// run sends rows; where they are refused as a whole it halves them until it
// knows which ones it is. Deferred constraints are looked at too, lest the
// commit fails by one row.
func (p prepared) run(ctx context.Context, rows []outcomeRow) ([]refusal, error) {
	var b strings.Builder
	b.WriteString("SAVEPOINT tieout_rows;")
	for _, r := range rows {
		p.execute(&b, r)
	}
	b.WriteString("SET CONSTRAINTS ALL IMMEDIATE;SET CONSTRAINTS ALL DEFERRED;RELEASE SAVEPOINT tieout_rows")
	_, err := p.tx.ExecContext(ctx, b.String())
	if err == nil {
		return nil, nil
	}
	if !ofTheRow(err) {
		return nil, err
	}
	if _, back := p.tx.ExecContext(ctx, "ROLLBACK TO SAVEPOINT tieout_rows;RELEASE SAVEPOINT tieout_rows"); back != nil {
		return nil, errors.Join(err, back)
	}
	if len(rows) == 1 {
		return []refusal{{rows[0].id, refusalReason(err)}}, nil
	}
	half := len(rows) / 2
	first, err := p.run(ctx, rows[:half])
	if err != nil {
		return nil, err
	}
	second, err := p.run(ctx, rows[half:])
	return append(first, second...), err
}

func (p prepared) execute(b *strings.Builder, r outcomeRow) {
	b.WriteString("EXECUTE " + p.name + "(")
	for i, name := range p.names {
		if i > 0 {
			b.WriteByte(',')
		}
		if v := r.values[name]; v.Valid {
			b.WriteString(pq.QuoteLiteral(v.String))
		} else {
			b.WriteString("NULL")
		}
	}
	b.WriteString(");")
}

// Classes and codes of PostgreSQL's errors.
const (
	dataException       = "22"
	integrityViolation  = "23"
	transactionRollback = "40"
	checkOption         = "44"
	raised              = "P0001"
	indeterminateType   = "42P18"
)

// ofTheRow tells an error that one row's values bring about from one that all
// rows would meet.
func ofTheRow(err error) bool {
	var pe *pq.Error
	if !errors.As(err, &pe) {
		return false
	}
	switch pe.Code.Class() {
	case dataException, integrityViolation, checkOption:
		return true
	}
	return pe.Code == raised
}

func statementError(err error) error {
	var pe *pq.Error
	if errors.As(err, &pe) && pe.Code == indeterminateType {
		return fmt.Errorf("ledger.writeback: %w: write a cast, such as :amount::numeric", err)
	}
	return fmt.Errorf("ledger.writeback: %w", err)
}

var longNumber = regexp.MustCompile(`\d{7,}`)

// refusalReason is what the database says of a row, without its detail, which
// shows values, and without numbers that may be accounts.
func refusalReason(err error) string {
	var pe *pq.Error
	if !errors.As(err, &pe) {
		return err.Error()
	}
	const most = 300
	reason := []rune(longNumber.ReplaceAllStringFunc(pe.Message, mask.Ends))
	if len(reason) > most {
		reason = append(reason[:most], '…')
	}
	return string(reason) + " (" + string(pe.Code) + ")"
}
