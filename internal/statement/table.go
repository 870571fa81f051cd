package statement

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/xuri/excelize/v2"
)

// table is a file of rows, whatever its form. next returns io.EOF at the end
// and a *brokenRowError for a row that can't be read while the rest can.
type table interface {
	next() ([]string, error)
	close() error
	// sheet tells whether cells are a workbook's: raw numbers and serial dates.
	sheet() bool
}

type brokenRowError struct{ reason string }

func (b *brokenRowError) Error() string { return b.reason }

// open tells the form by the first bytes.
func open(in File) (table, error) {
	var head [4]byte
	n, err := in.ReadAt(head[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the file can't be read: %w", err)
	}
	switch start := string(head[:n]); {
	case start == "":
		return nil, errors.New("the file is empty: its first row must name the columns")
	case start == "PK\x03\x04":
		return openWorkbook(in)
	case strings.HasPrefix(start, "\xd0\xcf\x11\xe0"):
		return nil, errors.New("this is an old or encrypted Excel file: save it as .xlsx without a password, or as CSV")
	case strings.HasPrefix(start, "\xff\xfe"), strings.HasPrefix(start, "\xfe\xff"):
		return nil, errors.New("the file is UTF-16: save it as CSV UTF-8")
	case strings.HasPrefix(start, "\x1f\x8b"):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("the file can't be unpacked: %w", err)
		}
		return openCSV(z)
	}
	return openCSV(in)
}

type csvTable struct{ in *csv.Reader }

// openCSV takes a comma, or what the header shows to be in its place: a
// semicolon or a tab.
func openCSV(in io.Reader) (table, error) {
	const enough = 64 << 10
	br := bufio.NewReaderSize(in, enough)
	if bom, err := br.Peek(3); err == nil && bytes.Equal(bom, []byte("\xef\xbb\xbf")) {
		if _, err := br.Discard(len(bom)); err != nil {
			return nil, fmt.Errorf("the file can't be read: %w", err)
		}
	}
	first, err := br.Peek(enough)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the file can't be read: %w", err)
	}
	if !bytes.Contains(first, []byte("\n")) && bytes.Contains(bytes.TrimRight(first, "\r"), []byte("\r")) {
		return nil, errors.New("its lines end as those of old Macs, all of it would be one line: save it as CSV UTF-8")
	}
	cr := csv.NewReader(br)
	cr.Comma = separator(first)
	// a first line such as "sep=;" is for Excel
	if line, _, _ := bytes.Cut(first, []byte("\n")); sepLine.Match(line) {
		cr.Comma = rune(line[len("sep=")])
		if _, err := br.Discard(len(line) + 1); err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("the file can't be read: %w", err)
		}
	}
	cr.ReuseRecord = true
	cr.FieldsPerRecord = -1 // a short row is one bad row, not the end
	return &csvTable{cr}, nil
}

var sepLine = regexp.MustCompile(`^sep=[,;\t|]\r?$`)

// separator is what stands most often between the names of the header, the first
// line that is not empty; a comma where nothing does.
func separator(start []byte) rune {
	line, _, _ := bytes.Cut(bytes.TrimLeft(start, "\r\n"), []byte("\n"))
	counts, quoted := map[rune]int{}, false
	for _, r := range string(line) {
		if r == '"' {
			quoted = !quoted
		} else if !quoted {
			counts[r]++
		}
	}
	best := ','
	for _, other := range ";\t" {
		if counts[other] > counts[best] {
			best = other
		}
	}
	return best
}

func (t *csvTable) next() ([]string, error) {
	record, err := t.in.Read()
	var bad *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	case errors.As(err, &bad) && bad.Line > bad.StartLine:
		return nil, &brokenRowError{fmt.Sprintf("%v: a quote that opens in line %d takes all up to line %d of the file with it", bad.Err, bad.StartLine, bad.Line)}
	case errors.As(err, &bad):
		return nil, &brokenRowError{bad.Err.Error()}
	case err != nil:
		return nil, fmt.Errorf("the file breaks off: %w", err)
	}
	return record, nil
}

func (*csvTable) close() error { return nil }
func (*csvTable) sheet() bool  { return false }

type workbook struct {
	file *excelize.File
	rows *excelize.Rows
}

// A hostile workbook must not fill memory or disk: sheets above the first bound
// are unpacked to disk, and all of it together may not pass the second.
const (
	mostInMemory = 16 << 20
	mostUnpacked = 2 << 30
)

func openWorkbook(in io.Reader) (table, error) {
	f, err := excelize.OpenReader(in, excelize.Options{RawCellValue: true, UnzipXMLSizeLimit: mostInMemory, UnzipSizeLimit: mostUnpacked})
	if err != nil {
		return nil, fmt.Errorf("the workbook can't be opened: save it as .xlsx, or as CSV: %w", err)
	}
	name, err := firstSheet(f)
	if err == nil {
		var rows *excelize.Rows
		if rows, err = f.Rows(name); err == nil {
			return &workbook{f, rows}, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("the workbook can't be read: %w", err), f.Close())
}

func firstSheet(f *excelize.File) (string, error) {
	props, err := f.GetWorkbookProps()
	if err != nil {
		return "", err
	}
	if props.Date1904 != nil && *props.Date1904 {
		return "", errors.New("its dates count from 1904: save it with the usual dates, or as CSV")
	}
	for _, name := range f.GetSheetList() {
		if visible, err := f.GetSheetVisible(name); err == nil && visible {
			return name, nil
		}
	}
	return "", errors.New("it has no visible sheet")
}

func (w *workbook) next() ([]string, error) {
	if !w.rows.Next() {
		if err := w.rows.Error(); err != nil {
			return nil, fmt.Errorf("the sheet breaks off: %w", err)
		}
		return nil, io.EOF
	}
	cells, err := w.rows.Columns()
	if err != nil {
		return nil, fmt.Errorf("the sheet breaks off: %w", err)
	}
	return cells, nil
}

func (w *workbook) close() error { return errors.Join(w.rows.Close(), w.file.Close()) }
func (*workbook) sheet() bool    { return true }
