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
	fees    fees
	// nameless counts rows that could not be read so far as to name a
	// transaction: with any of them the list proves no absence.
	nameless int
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
	l.fees = newFees(l.kind, l.scale)
	if err := l.rows(ctx, func(r row) error { l.fees.count(r); return nil }, nil); err != nil {
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
			if !isUUID(r.at(colID)) {
				l.nameless++
			}
			p.Invalid = append(p.Invalid, provider.InvalidRow{ID: clip(r.at(colID)), Reference: clip(r.at(colReference)), Reason: fmt.Sprintf("line %d of the statement: %s", r.line, bad)})
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
		if err := each(row{&l.columns, fields, line}); err != nil {
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

// transaction makes a payment of a row; nil when the row is another movement,
// lies outside the range or did not complete. bad says why it can't be trusted.
func (l *ledger) transaction(r row) (t *payment.Transaction, bad string) {
	word := r.kind()
	if word == "" {
		return nil, "its type is empty"
	}
	if kindOf(word) != l.kind {
		return nil, ""
	}
	if raw := r.at(colStatus); raw != "" {
		status, known := statuses[strings.ToUpper(raw)]
		if !known {
			return nil, fmt.Sprintf("status %q is no word that pawaPay documents", clip(raw))
		}
		if status != payment.Completed {
			return nil, ""
		}
	}
	id := r.at(colID)
	out := payment.Transaction{
		Kind: l.kind, ID: strings.ToLower(id), OwnID: strings.ToLower(id), Reference: r.at(colReference), NetworkReference: r.at(colNetworkID),
		Account: r.at(colPhone), Status: payment.Completed, RawStatus: "COMPLETED", Partial: true,
	}
	var err error
	if l.columns.has(colCreated) {
		if out.CreatedAt, err = parseTime(r.at(colCreated)); err != nil {
			return nil, "its creation date can't be read: " + err.Error()
		}
		if out.CreatedAt.Before(l.from) || !out.CreatedAt.Before(l.to) {
			return nil, ""
		}
	}
	if !isUUID(id) {
		return nil, "its transaction id is no UUID"
	}
	if done := r.at(colCompleted); done != "" {
		if out.CompletedAt, err = parseTime(done); err != nil {
			return nil, "its completion date can't be read: " + err.Error()
		}
	}
	if raw := r.at(colMetadata); raw != "" {
		var m metadata
		if json.Unmarshal([]byte(raw), &m) != nil {
			return nil, "its metadata is no JSON object"
		}
		out.Metadata = m
	}
	if out.Amount, err = r.amount(colAmount, l.scale); err != nil {
		return nil, "its amount can't be trusted: " + err.Error()
	}
	out.Fee, bad = l.fees.of(r, out.Amount.Currency)
	return &out, bad
}
