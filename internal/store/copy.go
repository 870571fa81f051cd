package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// copyChunk is how many bytes of rows go to the server at once.
const copyChunk = 32 << 10

// copyIn streams rows into a table by COPY inside a transaction. The rows are
// written here as the text that COPY reads: handed over value by value, they
// cost more in database/sql than in the server.
type copyIn struct {
	ctx  context.Context
	stmt *sql.Stmt
	rows []byte
}

// newCopy begins a COPY into columns of a table; none named means all of them.
func newCopy(ctx context.Context, tx *sqlx.Tx, table string, columns ...string) (*copyIn, error) {
	list := ""
	if len(columns) > 0 {
		quoted := make([]string, len(columns))
		for i, c := range columns {
			quoted[i] = pq.QuoteIdentifier(c)
		}
		list = " (" + strings.Join(quoted, ", ") + ")"
	}
	stmt, err := tx.PrepareContext(ctx, "COPY "+table+list+" FROM STDIN")
	if err != nil {
		return nil, err
	}
	return &copyIn{ctx: ctx, stmt: stmt, rows: make([]byte, 0, copyChunk+4<<10)}, nil
}

// add appends a row.
func (c *copyIn) add(values ...any) error {
	for i, v := range values {
		if i > 0 {
			c.rows = append(c.rows, '\t')
		}
		var err error
		if c.rows, err = appendCopied(c.rows, v); err != nil {
			return err
		}
	}
	c.rows = append(c.rows, '\n')
	if len(c.rows) < copyChunk {
		return nil
	}
	return c.send()
}

func (c *copyIn) send() error {
	if len(c.rows) == 0 {
		return nil
	}
	_, err := c.stmt.ExecContext(c.ctx, copyText(c.rows))
	c.rows = c.rows[:0]
	return err
}

// close sends what is left and surfaces what the server refused.
func (c *copyIn) close() error {
	err := c.send()
	if err == nil {
		_, err = c.stmt.ExecContext(c.ctx)
	}
	return errors.Join(err, c.stmt.Close())
}

// appendCopied appends a value as COPY's text format has it.
func appendCopied(to []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(to, `\N`...), nil
	case string:
		return appendCopiedText(to, v), nil
	case sql.NullString:
		if !v.Valid {
			return append(to, `\N`...), nil
		}
		return appendCopiedText(to, v.String), nil
	case []byte:
		if v == nil {
			return append(to, `\N`...), nil
		}
		return hex.AppendEncode(append(to, `\\x`...), v), nil
	case int:
		return strconv.AppendInt(to, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(to, v, 10), nil
	case bool:
		return strconv.AppendBool(to, v), nil
	case time.Time:
		if y := v.Year(); v.Location() == time.UTC && y > 0 && y < 10_000 {
			return v.AppendFormat(to, time.RFC3339Nano), nil
		}
		return append(to, pq.FormatTimestamp(v)...), nil // a column may take the day as the zone has it
	}
	converted, err := driver.DefaultParameterConverter.ConvertValue(v)
	if err != nil {
		return to, fmt.Errorf("copy: %w", err)
	}
	switch converted.(type) {
	case nil, string, []byte, int64, bool, time.Time:
		return appendCopied(to, converted)
	default: // a float: never exact
		return to, fmt.Errorf("copy: %T can't be copied", converted)
	}
}

func appendCopiedText(to []byte, s string) []byte {
	from := 0
	for i := range len(s) {
		var letter byte
		switch s[i] {
		case '\\':
			letter = '\\'
		case '\n':
			letter = 'n'
		case '\r':
			letter = 'r'
		case '\t':
			letter = 't'
		default:
			continue
		}
		to = append(append(to, s[from:i]...), '\\', letter)
		from = i + 1
	}
	return append(to, s[from:]...)
}

// textCopying connects as the driver does. What is prepared as COPY on these
// connections takes rows as copyText: the driver has a way for that, which
// database/sql does not show.
type textCopying struct{ driver.Connector }

// Connect implements driver.Connector.
func (t textCopying) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := t.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	conn, ok := c.(pqConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%T is not the connection that was expected", c), c.Close())
	}
	return copyingConn{conn}, nil
}

// pqConn is all that database/sql asks of a connection of the driver.
type pqConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.NamedValueChecker
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type copyingConn struct{ pqConn }

// PrepareContext implements driver.ConnPrepareContext.
func (c copyingConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	stmt, err := c.pqConn.PrepareContext(ctx, query)
	if s, ok := stmt.(pqCopy); ok && err == nil {
		return copyingStmt{s}, nil
	}
	return stmt, err
}

// pqCopy is the driver's COPY.
type pqCopy interface {
	driver.Stmt
	CopyData(ctx context.Context, line string) (driver.Result, error)
}

// copyText is whole rows in COPY's text format.
type copyText []byte

type copyingStmt struct{ pqCopy }

// CheckNamedValue implements driver.NamedValueChecker.
func (copyingStmt) CheckNamedValue(v *driver.NamedValue) error {
	if _, ok := v.Value.(copyText); !ok {
		return fmt.Errorf("a COPY takes rows of text, not %T", v.Value)
	}
	return nil
}

// ExecContext implements driver.StmtExecContext; without rows it ends the COPY.
func (s copyingStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if len(args) == 0 {
		return s.Exec(nil) // the driver has no other way to end it
	}
	rows, ok := args[0].Value.(copyText)
	if !ok {
		return nil, errors.New("a COPY takes rows of text")
	}
	return s.CopyData(ctx, string(rows[:len(rows)-1])) // it adds the last line's end
}
