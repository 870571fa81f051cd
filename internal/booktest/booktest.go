// Package booktest looks at workbooks with programs that did not write them:
// Microsoft's Open XML SDK says whether a workbook follows the format's schemas,
// LibreOffice reads it and computes its formulas anew. Where a program is missing
// the test fails and says what to run.
package booktest

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
)

// Flaw is something in a workbook that the format does not allow.
type Flaw struct {
	Description string `json:"description"`
	Part        string `json:"path"`
	XPath       string `json:"xPath"`
}

// Flaws lists what the Open XML SDK's validator finds. It takes about 13 MB of
// memory for each thousand rows of fifteen cells.
func Flaws(t testing.TB, path string) []Flaw {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(here), "..", "..")
	found, err := filepath.Glob(filepath.Join(root, "bin", "ooxml", "node_modules", "@xarsh", "ooxml-validator-*", "ooxml-validator*"))
	if err != nil || len(found) == 0 {
		t.Fatal("the Open XML SDK validator is missing: run `make ooxml`")
	}
	cmd := exec.CommandContext(t.Context(), found[0], path)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run() // exits 0 also where it finds something
	var said struct {
		OK     bool   `json:"ok"`
		Errors []Flaw `json:"errors"`
	}
	if err != nil || json.Unmarshal(out.Bytes(), &said) != nil || said.OK != (len(said.Errors) == 0) {
		t.Fatalf("the validator failed on %s: %v\n%s%s", filepath.Base(path), err, out.String(), errs.String())
	}
	return said.Errors
}

// Convert lets LibreOffice write a workbook in another form, by the name of the
// form and its filter ("xlsx:Calc MS Excel 2007 XML"), and returns the folder.
func Convert(t testing.TB, path, to string) string {
	t.Helper()
	office, err := exec.LookPath("soffice")
	if err != nil {
		t.Fatal("LibreOffice is missing (soffice): run `make office`")
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), office, "-env:UserInstallation=file://"+filepath.Join(t.TempDir(), "profile"),
		"--headless", "--convert-to", to, "--outdir", dir, path)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("LibreOffice: %v\n%s", err, said)
	}
	return dir
}

// Sheets are the cells of a workbook as LibreOffice computes them: numbers with
// all their digits, nothing formatted.
type Sheets struct {
	t    testing.TB
	dir  string
	name string
	rows map[string][][]string
}

// Recalculated reads a workbook by LibreOffice after all stored values of its
// formulas were taken away: what it gives was computed, not read.
func Recalculated(t testing.TB, path string) *Sheets {
	t.Helper()
	bare := filepath.Join(t.TempDir(), filepath.Base(path))
	if err := os.WriteFile(bare, withoutStoredValues(t, path), 0o600); err != nil {
		t.Fatal(err)
	}
	const allSheetsRaw = `csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false,false,false,-1`
	return &Sheets{
		t: t, dir: Convert(t, bare, allSheetsRaw), name: strings.TrimSuffix(filepath.Base(path), ".xlsx"), rows: map[string][][]string{},
	}
}

// Rows are the rows of a sheet.
func (s *Sheets) Rows(sheet string) [][]string {
	s.t.Helper()
	if rows, ok := s.rows[sheet]; ok {
		return rows
	}
	b, err := os.ReadFile(filepath.Join(s.dir, s.name+"-"+sheet+".csv"))
	if err != nil {
		s.t.Fatal(err)
	}
	r := csv.NewReader(bytes.NewReader(b))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		s.t.Fatalf("sheet %s: %v", sheet, err)
	}
	s.rows[sheet] = rows
	return rows
}

// Cell is one cell; empty where the sheet ends before it.
func (s *Sheets) Cell(sheet, ref string) string {
	s.t.Helper()
	column, row, err := excelize.CellNameToCoordinates(ref)
	if err != nil {
		s.t.Fatal(err)
	}
	rows := s.Rows(sheet)
	if row > len(rows) || column > len(rows[row-1]) {
		return ""
	}
	return rows[row-1][column-1]
}

var storedValue = regexp.MustCompile(`</f><v>[^<]*</v>`)

// Rewritten is a copy of a workbook, each part of which edit may change.
func Rewritten(t testing.TB, path string, edit func(part string, content []byte) []byte) []byte {
	t.Helper()
	in, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	var buf bytes.Buffer
	out := zip.NewWriter(&buf)
	for _, part := range in.File {
		if err := copyPart(out, part, edit); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func copyPart(out *zip.Writer, part *zip.File, edit func(string, []byte) []byte) error {
	r, err := part.Open()
	if err != nil {
		return err
	}
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	w, err := out.Create(part.Name)
	if err != nil {
		return err
	}
	_, err = w.Write(edit(part.Name, content))
	return err
}

func withoutStoredValues(t testing.TB, path string) []byte {
	t.Helper()
	return Rewritten(t, path, func(_ string, content []byte) []byte { return storedValue.ReplaceAll(content, []byte("</f>")) })
}
