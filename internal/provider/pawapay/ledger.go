package pawapay

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
)

// pageSize is the number of rows handed on at once.
const pageSize = 1000

// ledgerError means that a statement's file can't be read to its end.
type ledgerError struct{ reason string }

func (e *ledgerError) Error() string { return e.reason }

// ledger reads a statement's file: a row for each movement of the wallet's
// balance. A payment and its fee are rows of their own with the same
// transaction id, in any order, so the file is read twice: for the fees, then
// for the payments.
type ledger struct {
	open     func() (io.Reader, error)
	scale    money.Scale
	kind     payment.Kind
	from, to time.Time

	columns columns
	fees    map[string]fee
	words   map[string]int // types of fee rows, numbered
	// nameless counts rows that could not be read so far as to name a
	// transaction: with any of them the list proves no absence.
	nameless int
}

// fee adds up the fee rows of one transaction. types marks the types of rows
// already counted: a row that comes twice is one fee.
type fee struct {
	sum   money.Amount
	types uint64
	bad   string // why the fees can't be told
}

// lost says, for people, what the file did not give.
func (l *ledger) lost() string {
	if l.nameless == 0 {
		return ""
	}
	return fmt.Sprintf("%d rows of the statement can't be read", l.nameless)
}

// read hands the payments of the kind that were entered in [from, to) to page.
func (l *ledger) read(ctx context.Context, page func(provider.Page) error) error {
	l.fees, l.words = map[string]fee{}, map[string]int{}
	if err := l.rows(ctx, func(r row) error { l.countFee(r); return nil }, nil); err != nil {
		return err
	}
	var p provider.Page
	flush := func(least int) error {
		if len(p.Transactions)+len(p.Invalid) < least {
			return nil
		}
		full := p
		p = provider.Page{}
		return page(full)
	}
	err := l.rows(ctx, func(r row) error {
		t, bad := l.transaction(r)
		switch {
		case bad != "":
			if !isUUID(r.id) {
				l.nameless++
			}
			p.Invalid = append(p.Invalid, provider.InvalidRow{ID: clip(r.id), Reference: clip(r.reference), Reason: fmt.Sprintf("line %d of the statement: %s", r.line, bad)})
		case t != nil:
			p.Transactions = append(p.Transactions, *t)
		}
		return flush(pageSize)
	}, func(line int) error {
		l.nameless++
		p.Invalid = append(p.Invalid, provider.InvalidRow{Reason: fmt.Sprintf("line %d of the statement is no CSV", line)})
		return flush(pageSize)
	})
	if err != nil {
		return err
	}
	return flush(1)
}

// rows reads the file once. broken, where given, is told the lines that are no
// CSV.
func (l *ledger) rows(ctx context.Context, each func(row) error, broken func(line int) error) error {
	f, err := l.open()
	if err != nil {
		return &ledgerError{"the statement's file can't be unpacked"}
	}
	in := csv.NewReader(withoutBOM(f))
	in.FieldsPerRecord = -1
	in.ReuseRecord = true
	header, err := in.Read()
	if err != nil {
		return &ledgerError{"the statement's file has no header"}
	}
	if l.columns, err = readHeader(header); err != nil {
		return err
	}
	for n := 0; ; n++ {
		if n%pageSize == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		fields, err := in.Read()
		var bad *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &bad):
			if broken != nil {
				if err := broken(bad.StartLine); err != nil {
					return err
				}
			}
			continue
		case err != nil:
			return &ledgerError{"the statement's file breaks off or can't be unpacked"}
		}
		line, _ := in.FieldPos(0)
		if err := each(l.columns.row(fields, line)); err != nil {
			return err
		}
	}
}

func withoutBOM(r io.Reader) io.Reader {
	b := bufio.NewReaderSize(r, 64<<10)
	if head, err := b.Peek(3); err == nil && string(head) == "\xef\xbb\xbf" {
		_, _ = b.Discard(3) // cannot fail: the three bytes are buffered
	}
	return b
}

// countFee adds a fee row to its transaction's fees.
func (l *ledger) countFee(r row) {
	word := strings.ToUpper(r.kind)
	if !feeOf(word, l.kind) || !isUUID(r.id) {
		return
	}
	const most = 64 // bits of fee.types
	n, seen := l.words[word]
	if !seen && len(l.words) < most {
		n, seen = len(l.words), true
		l.words[strings.Clone(word)] = n
	}
	id := strings.ToLower(r.id)
	f := l.fees[id]
	if seen && f.types&(1<<n) != 0 {
		return
	}
	if seen {
		f.types |= 1 << n
	}
	a, err := l.scale.Parse(r.amount, r.currency)
	switch {
	case !seen:
		f.bad = "the statement has more types of fees than can be told apart"
	case err != nil:
		f.bad = "a fee can't be trusted: " + err.Error()
	default:
		a.Currency = intern(a.Currency)
		f.add(absolute(a))
	}
	l.fees[strings.Clone(id)] = f
}

func (f *fee) add(a money.Amount) {
	if f.sum.Currency == "" {
		f.sum = a
		return
	}
	sum, err := f.sum.Add(a)
	if err != nil {
		f.bad = "its fees can't be added up: " + err.Error()
		return
	}
	f.sum = sum
}

// transaction makes a payment of a row; nil when the row is another movement,
// lies outside the range or did not complete. bad says why it can't be trusted.
func (l *ledger) transaction(r row) (t *payment.Transaction, bad string) {
	if r.kind == "" {
		return nil, "its type is empty"
	}
	if kindOf(strings.ToUpper(r.kind)) != l.kind {
		return nil, ""
	}
	if r.status != "" {
		status, known := statuses[strings.ToUpper(r.status)]
		if !known {
			return nil, fmt.Sprintf("status %q is no word that pawaPay documents", clip(r.status))
		}
		if status != payment.Completed {
			return nil, ""
		}
	}
	out := payment.Transaction{
		Kind: l.kind, Reference: r.reference, NetworkReference: r.networkID, Account: r.phone,
		Status: payment.Completed, RawStatus: "COMPLETED", Partial: true,
	}
	var err error
	if r.created != "" || l.columns.has(colCreated) {
		if out.CreatedAt, err = parseTime(r.created); err != nil {
			return nil, "its creation date can't be read: " + err.Error()
		}
		if out.CreatedAt.Before(l.from) || !out.CreatedAt.Before(l.to) {
			return nil, ""
		}
	}
	if !isUUID(r.id) {
		return nil, "its transaction id is no UUID"
	}
	out.ID = strings.ToLower(r.id)
	out.OwnID = out.ID
	if r.completed != "" {
		if out.CompletedAt, err = parseTime(r.completed); err != nil {
			return nil, "its completion date can't be read: " + err.Error()
		}
	}
	if r.metadata != "" {
		var m metadata
		if json.Unmarshal([]byte(r.metadata), &m) != nil {
			return nil, "its metadata is no JSON object"
		}
		out.Metadata = m
	}
	amount, err := l.scale.Parse(r.amount, r.currency)
	if err != nil {
		return nil, "its amount can't be trusted: " + err.Error()
	}
	out.Amount = absolute(amount)
	return &out, l.setFee(&out, r)
}

// setFee takes the fee from the fee rows, or from a fee column where the file
// has one instead.
func (l *ledger) setFee(t *payment.Transaction, r row) (bad string) {
	f, ok := l.fees[t.ID]
	if !ok && r.fee != "" {
		a, err := l.scale.Parse(r.fee, r.currency)
		if err != nil {
			return "its fee can't be trusted: " + err.Error()
		}
		f, ok = fee{sum: absolute(a)}, true
	}
	switch {
	case f.bad != "":
		return f.bad
	case ok && f.sum.Currency != t.Amount.Currency:
		return "its fee has another currency"
	case ok:
		t.Fee = &f.sum
	}
	return ""
}

// absolute drops the sign: whether a movement out of the wallet is written
// with a minus is not documented, and its type tells the direction.
func absolute(a money.Amount) money.Amount {
	if a.Minor < 0 {
		a.Minor = -a.Minor
	}
	return a
}
