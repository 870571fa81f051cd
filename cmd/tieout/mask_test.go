package main

import (
	"archive/zip"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/corpus"
	"tieout/internal/store"
)

// everything is all that a version says: its CSVs and each part of its workbooks.
func everything(t testing.TB, dir string) string {
	t.Helper()
	var b strings.Builder
	for _, text := range contents(t, dir, append(csvFiles, "manifest.json")) {
		b.WriteString(text)
	}
	for _, book := range []string{"settlement.xlsx", "exceptions.xlsx"} {
		z, err := zip.OpenReader(filepath.Join(dir, book))
		require.NoError(t, err)
		for _, part := range z.File {
			in, err := part.Open()
			require.NoError(t, err)
			_, err = io.Copy(&b, in)
			require.NoError(t, err)
			require.NoError(t, in.Close())
		}
		require.NoError(t, z.Close())
	}
	return b.String()
}

// twins gives two people numbers that begin and end alike, in the ledger.
func twins(s *site) (ids, numbers []string) {
	require.NoError(s.t, s.db.SelectContext(s.t.Context(), &ids, `SELECT id FROM tieout.payments p WHERE provider = 'pawapay-zm'
		AND NOT EXISTS (SELECT 1 FROM tieout.payments o WHERE o.account = p.account AND o.id <> p.id) ORDER BY id LIMIT 2`))
	require.Len(s.t, ids, 2)
	numbers = []string{"260971000123", "260972000123"}
	for i := range ids {
		s.exec(`UPDATE tieout.payments SET account = $2 WHERE id = $1`, ids[i], numbers[i])
	}
	return ids, numbers
}

func TestPeopleAreHiddenAndStillToldApart(t *testing.T) {
	t.Parallel()
	w := newTruth("masks", 200, nil)
	s := newSite(t, w, serveWorld(t, w))
	s.configure(settings{schedules: "reports: { mask_metadata: [customerName, " + corpus.MetadataKey + "] }\n"})
	ids, numbers := twins(s)
	var people []string // all numbers, customers and personal metadata that there are
	require.NoError(t, s.db.SelectContext(t.Context(), &people, `SELECT account FROM tieout.payments WHERE length(account) > 6
		UNION SELECT customer_id FROM tieout.payments WHERE customer_id <> '' UNION SELECT metadata ->> $1 FROM tieout.payments WHERE metadata ->> $1 <> ''
		UNION SELECT metadata ->> 'customerName' FROM tieout.payments WHERE metadata ->> 'customerName' <> ''`, corpus.MetadataKey))
	require.Greater(t, len(people), 200)
	hidden := func(where, text string) {
		for _, p := range people {
			if strings.Contains(text, p) {
				t.Errorf("%s shows %s", where, p)
			}
		}
	}

	first := s.run(3, "--log-level", "debug")
	hidden("the log", first.out+first.err)
	dir := filepath.Join(s.folder(), "v1")
	hidden("a report", everything(t, dir))

	masks := map[string]string{} // by payment
	for _, row := range readCSV(t, dir, "transactions.csv") {
		masks[row["payment_id"]] = row["account"]
	}
	a, b := masks[ids[0]], masks[ids[1]]
	assert.Equal(t, [2]string{"2609•", "•123"}, [2]string{a[:len("2609•")], a[len(a)-len("•123"):]})
	assert.NotEqual(t, a, b, "two people whose numbers begin and end alike")
	assert.NotContains(t, a+b, numbers[0][4:9])

	told := 0
	for _, row := range readCSV(t, dir, "exceptions.csv") {
		if mask, ok := masks[row["payment_id"]]; ok && mask != "" {
			assert.Equal(t, mask, row["account"], "one person looks the same in every file")
			if row["kind"] == "recipient_mismatch" {
				assert.Contains(t, row["detail"], mask)
				told++
			}
			if row["kind"] == "reference_mismatch" && strings.Contains(row["detail"], corpus.MetadataKey) {
				assert.Contains(t, row["detail"], "•")
				told++
			}
		}
	}
	require.GreaterOrEqual(t, told, 2, "the world has no sentence with a person")

	list := s.must(0, "exceptions", "list", "--json", "--limit", "0")
	hidden("exceptions list", list.out+s.must(0, "exceptions", "list", "--limit", "0").out)
	for _, e := range decoded[[]store.Exception](t, list) {
		hidden("exceptions show", s.must(0, "exceptions", "show", e.ID).out)
		if id := val(e.PaymentID); id != "" {
			hidden("payment show", s.must(0, "payment", "show", id).out)
			assert.Contains(t, s.must(0, "payment", "show", id, "--json").out, masks[id])
		}
	}

	s.run(3)
	assert.Equal(t, timeless(t, dir), timeless(t, filepath.Join(s.folder(), "v2")), "the same data gives the same masks")
}

func TestWithoutMasksNumbersAreShown(t *testing.T) {
	t.Parallel()
	s := newSite(t, small(), serveWorld(t, small()))
	s.configure(settings{schedules: "reports: { mask: false }\n"})
	s.run(0)
	for _, row := range readCSV(t, filepath.Join(s.folder(), "v1"), "transactions.csv") {
		assert.NotContains(t, row["account"], "•")
		assert.Equal(t, get[string](s, `SELECT coalesce(account, '') FROM tieout.payments WHERE id = $1`, row["payment_id"]), strings.TrimPrefix(row["account"], "'"))
	}
}
