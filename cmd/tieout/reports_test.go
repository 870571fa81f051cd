package main

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/corpus"
	"tieout/reports"
)

// csvFiles are the reports that must be the same for the same data.
var csvFiles = []string{"settlement.csv", "exceptions.csv", "transactions.csv"}

// allFiles are the files of a version, in the order of their names.
var allFiles = []string{"exceptions.csv", "exceptions.xlsx", "manifest.json", "settlement.csv", "settlement.xlsx", "transactions.csv"}

// readCSV reads a CSV report: a map by column for each row.
func readCSV(t testing.TB, dir, name string) []map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, name))
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	records, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	require.NotEmpty(t, records)
	var out []map[string]string
	for _, r := range records[1:] {
		row := map[string]string{}
		for i, column := range records[0] {
			row[column] = r[i]
		}
		out = append(out, row)
	}
	return out
}

// difference names an exception by what does not depend on the run.
type difference struct{ Kind, Provider, PaymentKind, ID string }

func sorted(list []difference) []difference {
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i], list[j]
		return a.Kind+a.Provider+a.PaymentKind+a.ID < b.Kind+b.Provider+b.PaymentKind+b.ID
	})
	return list
}

// open lists the exceptions of a report in a state that keep accepts.
func exceptionsIn(t testing.TB, dir string, keep func(row map[string]string) bool) []difference {
	t.Helper()
	var out []difference
	for _, e := range readCSV(t, dir, "exceptions.csv") {
		if !keep(e) {
			continue
		}
		id := e["payment_id"]
		if id == "" {
			id = e["provider_payment_id"]
		}
		out = append(out, difference{e["kind"], e["provider"], e["payment_kind"], id})
	}
	return sorted(out)
}

func isOpen(row map[string]string) bool { return row["state"] == "open" }

// planted lists what a run must find, no more and no less.
func planted(w *truth, keep func(corpus.Planted) bool) []difference {
	var out []difference
	for _, p := range w.Planted {
		if !keep(p) {
			continue
		}
		id := p.PaymentID
		if id == "" {
			id = p.ProviderPaymentID
		}
		out = append(out, difference{string(p.Kind), p.Provider, string(p.PaymentKind), id})
	}
	return sorted(out)
}

func every(corpus.Planted) bool { return true }

// requirePlanted compares a report with the planted list, both ways.
func requirePlanted(t testing.TB, w *truth, dir string) {
	t.Helper()
	require.Empty(t, cmp.Diff(planted(w, every), exceptionsIn(t, dir, isOpen)), "planted (-) and found (+)")
}

// contents reads files of a version, by name.
func contents(t testing.TB, dir string, names []string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, n := range names {
		b, err := os.ReadFile(filepath.Join(dir, n))
		require.NoError(t, err)
		out[n] = string(b)
	}
	return out
}

// timeless gives the CSVs of a version without the two columns that tell when
// something was first seen: they are the clock's, not the data's.
func timeless(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, name := range csvFiles {
		f, err := os.Open(filepath.Join(dir, name))
		require.NoError(t, err)
		records, err := csv.NewReader(f).ReadAll()
		require.NoError(t, err)
		require.NoError(t, f.Close())
		var b strings.Builder
		w := csv.NewWriter(&b)
		for i, r := range records {
			for j, column := range records[0] {
				if i > 0 && r[j] != "" && (column == "first_seen" || column == "observed_at") {
					r[j] = "a time"
				}
			}
			require.NoError(t, w.Write(append([]string(nil), r...)))
		}
		w.Flush()
		out[name] = b.String()
	}
	return out
}

// versions lists the names of a range's folder.
func names(t testing.TB, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// requireWhole proves that a version is all there: its manifest names every
// file with the digest and size that it has.
func requireWhole(t testing.TB, dir string) reports.Manifest {
	t.Helper()
	require.Equal(t, allFiles, names(t, dir))
	var m reports.Manifest
	b, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &m))
	var listed []string
	for _, f := range m.Files {
		listed = append(listed, f.Name)
		b, err := os.ReadFile(filepath.Join(dir, f.Name))
		require.NoError(t, err)
		sum := sha256.Sum256(b)
		assert.Equal(t, hex.EncodeToString(sum[:]), f.SHA256, f.Name)
		assert.Equal(t, int64(len(b)), f.Size, f.Name)
		if strings.HasSuffix(f.Name, ".csv") {
			assert.Len(t, readCSV(t, dir, f.Name), int(f.Rows), f.Name)
		}
	}
	sort.Strings(listed)
	require.Equal(t, []string{"exceptions.csv", "exceptions.xlsx", "settlement.csv", "settlement.xlsx", "transactions.csv"}, listed)
	return m
}
