package reports

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"
)

// Whatever a text holds, the cell that it is written into gives it back.
func TestTextsOfDataSheetsAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	s := newSample(20)
	texts := []string{
		"plain", "<a href=\"x\">&amp;'", " led by a blank", "ended by one ", "_x000D_", "_x000D_x000D_", "_x005F_x000D_", "__x0041__", "_xZZZZ_", "_x", "]]>",
		"ñ 😀 طلب", "a\u00a0b", strings.Repeat("é", 40_000),
	}
	next := 0
	src := &faulty{sample: s, transactions: func(_ int, row func(*TransactionRow) error) error {
		for next = range s.n {
			r, _ := s.payment(next)
			r.Reference = texts[next%len(texts)]
			if err := row(&r); err != nil {
				return err
			}
		}
		return nil
	}}
	dir := t.TempDir()
	_, err := Write(t.Context(), dir, s.figures, src, Options{TmpDir: t.TempDir()})
	require.NoError(t, err)
	f := open(t, dir, "settlement.xlsx")
	rows, err := f.GetRows("Transactions")
	require.NoError(t, err)
	require.Len(t, rows, s.n+1)
	for i, row := range rows[1:] {
		want := texts[i%len(texts)]
		if r := []rune(want); len(r) > excelize.TotalCellChars {
			want = string(r[:excelize.TotalCellChars])
		}
		assert.Equal(t, want, row[6])
	}
}

func TestNothingIsLeftInTheFolderForTemporaryFiles(t *testing.T) {
	t.Parallel()
	s := newSample(200)
	broken := &faulty{sample: s, transactions: func(call int, row func(*TransactionRow) error) error {
		for i := range s.n {
			if call > 1 && i == 100 {
				return errGone
			}
			r, _ := s.payment(i)
			if err := row(&r); err != nil {
				return err
			}
		}
		return nil
	}}
	for name, src := range map[string]Source{"done": s, "failed": broken} {
		tmp := t.TempDir()
		_, err := Write(t.Context(), t.TempDir(), s.figures, src, Options{TmpDir: tmp, sheetRows: 50})
		assert.Equal(t, name == "failed", err != nil)
		left, err := os.ReadDir(tmp)
		require.NoError(t, err)
		assert.Empty(t, left, name)
	}
}

// The mark may come in any pieces.
func TestRowsGoInWhereTheSheetsOwnEnd(t *testing.T) {
	t.Parallel()
	const sheet = `<sheetData><row r="1"></row></sheetData><tableParts/></worksheet>`
	for size := 1; size <= len(sheet); size++ {
		b := &book{rows: map[string]*rowFile{}, sheets: []string{"Data"}, tmpDir: t.TempDir()}
		rows, err := b.openRows("Data", 3)
		require.NoError(t, err)
		require.NoError(t, rows.add(2, 14, []excelize.Cell{{StyleID: 1, Value: "x"}, {StyleID: 2, Value: int64(5)}, {StyleID: 3}}))
		var out bytes.Buffer
		w := &rowsInto{w: &out, rows: b.rows["xl/worksheets/sheet1.xml"]}
		for rest := sheet; rest != ""; {
			n := min(size, len(rest))
			got, err := w.Write([]byte(rest[:n]))
			require.NoError(t, err)
			require.Equal(t, n, got)
			rest = rest[n:]
		}
		require.Equal(t, `<sheetData><row r="1"></row><row r="2" ht="14" customHeight="1"><c r="A2" s="1" t="inlineStr"><is><t>x</t></is></c><c r="B2" s="2"><v>5</v></c><c r="C2" s="3"/></row></sheetData><tableParts/></worksheet>`, out.String())
		require.Error(t, rows.add(3, 14, []excelize.Cell{{Value: struct{}{}}}))
		require.NoError(t, rows.close())
		left, err := filepath.Glob(filepath.Join(b.tmpDir, "*"))
		require.NoError(t, err)
		require.Empty(t, left)
	}
}
