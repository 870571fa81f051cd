package reports

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"unicode/utf16"

	"github.com/xuri/excelize/v2"
)

// The rows of data sheets are most of what is written. excelize makes the sheet
// around them, with its header row; the rows themselves are put aside as XML by
// rowFile and slipped in when the sheet goes into the zip. That halves the time.

// rowFile holds the rows of one data sheet on disk.
type rowFile struct {
	file    *os.File
	out     *bufio.Writer
	columns []string // letters
	line    []byte
}

// openRows begins the rows of a sheet of so many columns.
func (b *book) openRows(sheet string, columns int) (*rowFile, error) {
	f, err := os.CreateTemp(b.tmpDir, "tieout-rows-")
	if err != nil {
		return nil, fmt.Errorf("folder for temporary files: %w", err)
	}
	r := &rowFile{file: f, out: bufio.NewWriterSize(f, 1<<18)}
	for n := range columns {
		r.columns = append(r.columns, columnName(n+1))
	}
	b.rows[fmt.Sprintf("xl/worksheets/sheet%d.xml", slices.Index(b.sheets, sheet)+1)] = r
	return r, nil
}

// add writes the next row.
func (r *rowFile) add(row int, height float64, cells []excelize.Cell) error {
	line := append(r.line[:0], `<row r="`...)
	number := len(line)
	line = strconv.AppendInt(line, int64(row), 10)
	digits := string(line[number:])
	line = append(line, `" ht="`...)
	line = strconv.AppendFloat(line, height, 'f', -1, 64)
	line = append(line, `" customHeight="1">`...)
	for i := range cells {
		line = append(line, `<c r="`...)
		line = append(line, r.columns[i]...)
		line = append(line, digits...)
		line = append(line, `" s="`...)
		line = strconv.AppendInt(line, int64(cells[i].StyleID), 10)
		var err error
		if line, err = appendValue(line, cells[i].Value); err != nil {
			return fmt.Errorf("cell %s%d: %w", r.columns[i], row, err)
		}
	}
	r.line = append(line, `</row>`...)
	_, err := r.out.Write(r.line)
	return err
}

// appendValue ends a cell's tag with its value.
func appendValue(line []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return append(line, `"/>`...), nil
	case string:
		line = append(line, `" t="inlineStr"><is><t`...)
		return append(appendText(line, v), `</t></is></c>`...), nil
	case int64:
		line = strconv.AppendInt(append(line, `"><v>`...), v, 10)
	case float64:
		line = strconv.AppendFloat(append(line, `"><v>`...), v, 'f', -1, 64)
	default:
		return nil, fmt.Errorf("a data sheet holds no %T", value)
	}
	return append(line, `</v></c>`...), nil
}

// appendText writes a text, after the name of its element.
func appendText(line []byte, s string) []byte {
	if isPlain(s) {
		return append(append(line, '>'), s...)
	}
	s = fittingCell(s)
	const blanks = " \t\r\n"
	if s != "" && (bytes.IndexByte([]byte(blanks), s[0]) >= 0 || bytes.IndexByte([]byte(blanks), s[len(s)-1]) >= 0) {
		line = append(line, ` xml:space="preserve"`...)
	}
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a buffer takes everything
	return append(append(line, '>'), escapedUnderscores(bytes.ReplaceAll(b.Bytes(), []byte("&#xA;"), []byte("\n")))...)
}

// isPlain tells whether a text stands in XML as it is: printable ASCII without
// signs of its own, and with no blank at its ends.
func isPlain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c > '~', c == '<' || c == '>' || c == '&' || c == '"' || c == '\'':
			return false
		case c == '_' && i+1 < len(s) && s[i+1] == 'x': // may be an escape
			return false
		}
	}
	return s == "" || s[0] != ' ' && s[len(s)-1] != ' '
}

// fittingCell cuts what a cell can't hold.
func fittingCell(s string) string {
	if len(s) <= excelize.TotalCellChars { // bytes are never fewer than UTF-16 units
		return s
	}
	units := utf16.Encode([]rune(s))
	if len(units) <= excelize.TotalCellChars {
		return s
	}
	units = units[:excelize.TotalCellChars]
	if last := units[len(units)-1]; utf16.IsSurrogate(rune(last)) && last < 0xdc00 { // half of a letter
		units = units[:len(units)-1]
	}
	return string(utf16.Decode(units))
}

// escapedUnderscores keeps texts such as _x000D_ from being read as the sign
// that they stand for in this format.
func escapedUnderscores(s []byte) []byte {
	if !bytes.Contains(s, []byte("_x")) {
		return s
	}
	var out []byte
	for i := range s {
		out = append(out, s[i])
		if escapeAt(s[i:]) {
			out = append(out, "x005F_"...)
		}
	}
	return out
}

// escapeAt tells whether s begins with _x, four hexadecimal digits and _.
func escapeAt(s []byte) bool {
	if len(s) < 7 || s[0] != '_' || s[1] != 'x' || s[6] != '_' {
		return false
	}
	_, err := strconv.ParseUint(string(s[2:6]), 16, 16)
	return err == nil
}

// close drops the rows.
func (r *rowFile) close() error {
	return errors.Join(r.file.Close(), os.Remove(r.file.Name()))
}

// rowsInto is the writer of a sheet's part: it slips the rows in where the
// sheet's own end.
type rowsInto struct {
	w    io.Writer
	rows *rowFile // nil: they are in
	held []byte   // the last bytes, where the mark may begin
}

var endOfRows = []byte("</sheetData>")

// Write reports the length that it was given: excelize counts its own bytes.
func (s *rowsInto) Write(p []byte) (int, error) {
	if s.rows == nil {
		return s.w.Write(p)
	}
	s.held = append(s.held, p...)
	at := bytes.Index(s.held, endOfRows)
	if at < 0 {
		if safe := len(s.held) - len(endOfRows); safe > 0 {
			if _, err := s.w.Write(s.held[:safe]); err != nil {
				return 0, err
			}
			s.held = append(s.held[:0], s.held[safe:]...)
		}
		return len(p), nil
	}
	if _, err := s.w.Write(s.held[:at]); err != nil {
		return 0, err
	}
	if err := s.rows.into(s.w); err != nil {
		return 0, err
	}
	s.rows = nil
	if _, err := s.w.Write(s.held[at:]); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (r *rowFile) into(w io.Writer) error {
	if err := r.out.Flush(); err != nil {
		return err
	}
	if _, err := r.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r.file}, make([]byte, 1<<18))
	return err
}
