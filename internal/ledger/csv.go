package ledger

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"tieout/internal/payment"
)

// ReadCSV streams a CSV of payments (RFC 4180, UTF-8, with or without a byte
// order mark; the header names the columns, in any order). Good rows go to row,
// the others to reject, with their number; the rest goes on. A header that
// lacks a column, or has an unknown one, is an error: then nothing was read.
func (r Rules) ReadCSV(in io.Reader, row func(payment.Payment) error, reject func(Reject) error) error {
	br := bufio.NewReaderSize(in, 1<<16)
	if bom, err := br.Peek(3); err == nil && bytes.Equal(bom, []byte("\xef\xbb\xbf")) {
		_, _ = br.Discard(3)
	}
	cr := csv.NewReader(br)
	cr.ReuseRecord = true
	cr.FieldsPerRecord = -1 // a short row is one bad row, not the end
	header, err := cr.Read()
	if errors.Is(err, io.EOF) {
		return errors.New("the file is empty: the first line must name the columns " + strings.Join(Columns, ", "))
	}
	if err != nil {
		return fmt.Errorf("line 1: %w", err)
	}
	at, err := columns(header)
	if err != nil {
		return err
	}
	width := len(header)
	var record []string
	get := func(column string) (string, bool) {
		i, ok := at[column]
		if !ok {
			return "", false
		}
		return record[i], true
	}
	for n := int64(1); ; n++ {
		record, err = cr.Read()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, csv.ErrQuote), errors.Is(err, csv.ErrBareQuote):
			if err := reject(Reject{Row: n, Field: "", Value: "", Reason: err.Error()}); err != nil {
				return err
			}
			continue
		case err != nil:
			return fmt.Errorf("row %d: %w", n, err)
		}
		if len(record) != width {
			id := ""
			if i := at["id"]; i < len(record) {
				id = record[i]
			}
			if err := reject(Reject{Row: n, ID: id, Reason: fmt.Sprintf("has %d fields, the header has %d", len(record), width)}); err != nil {
				return err
			}
			continue
		}
		p, bad := r.Parse(get)
		if bad != nil {
			bad.Row = n
			err = reject(*bad)
		} else {
			err = row(p)
		}
		if err != nil {
			return err
		}
	}
}

func columns(header []string) (map[string]int, error) {
	known := map[string]bool{}
	for _, c := range Columns {
		known[c] = true
	}
	if text := strings.Join(header, ""); strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") {
		return nil, errors.New("the file is UTF-16: save it as CSV UTF-8")
	} else if len(header) == 1 && strings.ContainsAny(text, ";\t") {
		return nil, errors.New("the columns stand between semicolons or tabs: save the file with commas between them, as CSV UTF-8")
	} else if strings.Contains(text, "\r") {
		return nil, errors.New("the lines end as those of old Macs: save the file as CSV UTF-8")
	}
	at := map[string]int{}
	for i, h := range header {
		h = strings.ToLower(strings.TrimSpace(h))
		if !known[h] {
			return nil, fmt.Errorf("the header has an unknown column %q; known: %s", h, strings.Join(Columns, ", "))
		}
		if _, twice := at[h]; twice {
			return nil, fmt.Errorf("the header names the column %q twice", h)
		}
		at[h] = i
	}
	for _, c := range Columns {
		if _, ok := at[c]; !ok && !Optional(c) {
			return nil, fmt.Errorf("the header lacks the column %q", c)
		}
	}
	return at, nil
}
