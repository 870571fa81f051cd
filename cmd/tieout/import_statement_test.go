package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/store"
	"tieout/internal/store/pgtest"
)

func TestImportStatementSetsBadRowsAsideAndTakesTheOthersOnce(t *testing.T) {
	t.Parallel()
	s := bareSite(t, small(), serveWorld(t, small()), pgtest.URL(t))
	path := filepath.Join(s.dir, "march.csv")
	write := func(text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
	const provider = "pawapay-zm"

	write("provider_payment_id,amount,currency,created_at,type\nA,5.00,KES,2026-03-10T10:00:00Z,DEPOSIT\nB,1e3,KES,2026-03-10T10:00:00Z,DEPOSIT\n")
	r := s.must(6, "import", "statement", "--provider", provider, path)
	assert.Contains(t, r.out, "1 rows taken (1 new, 0 changed, 0 unchanged), 1 set aside")
	rejects := readCSV(t, s.dir, "march.rejects.csv")
	require.Len(t, rejects, 1)
	assert.Equal(t, "2", rejects[0]["row"])
	assert.Equal(t, "amount", rejects[0]["field"])
	assert.Equal(t, "1e3", rejects[0]["value"])
	assert.NotEmpty(t, rejects[0]["reason"])

	write("provider_payment_id,amount,currency,created_at,type\nA,5.00,KES,2026-03-10T10:00:00Z,DEPOSIT\n")
	for range 2 {
		r = s.must(0, "import", "statement", "--provider", provider, path)
		assert.Contains(t, r.out, "1 rows taken (0 new, 0 changed, 1 unchanged), 0 set aside")
	}
	assert.Equal(t, 1, get[int](s, `SELECT count(*) FROM tieout.statement_rows`))

	s.must(2, "import", "statement", path)
	s.must(2, "import", "statement", "--provider", "nobody", path)
	s.must(2, "import", "statement", "--provider", provider, "--from", "2026-03-10", path)
	s.must(2, "import", "statement", "--provider", provider, "--from", "2026-03-11", "--to", "2026-03-10", path)
	s.must(2, "import", "statement", "--provider", provider, "--partial", "--replace", path)
	write("provider_payment_id,amount,currency,created_at,type\nB,5.00,KES,2026-03-10T11:00:00Z,DEPOSIT\n")
	r = s.must(0, "import", "statement", "--provider", provider, "--replace", path)
	assert.Contains(t, r.out, "1 rows of earlier files that this one does not show were taken away")
	assert.Equal(t, 1, get[int](s, `SELECT count(*) FROM tieout.statement_rows`))
	write("provider_payment_id,amount,currency,booked on,type\nB,5.00,KES,2026-03-10,DEPOSIT\nB,0.10,KES,2026-03-10,DEPOSIT_FEE\n")
	r = s.must(0, "import", "statement", "--provider", provider, path)
	assert.Contains(t, r.out, "1 row without a time (created_at or completed_at)", "its column is not known, and no row would be missed")
	write("id,amount\n")
	s.must(1, "import", "statement", "--provider", provider, path)
}

// What a statement says of a payment stands in its story, beside what the
// provider answered.
func TestAPaymentsStoryHasItsStatement(t *testing.T) {
	t.Parallel()
	w := small()
	s := newSite(t, w, serveWorld(t, w))
	p := w.Payments[0]
	id := p.ProviderPaymentID
	if id == "" {
		id = p.ID
	}
	path := filepath.Join(s.dir, "rows.csv")
	require.NoError(t, os.WriteFile(path, []byte("provider_payment_id,reference,amount,currency,fee\n"+id+","+p.Reference+",1234.00,"+p.Amount.Currency+",5\nnobody,,5,"+p.Amount.Currency+",\n"), 0o600))
	s.must(0, "import", "statement", "--provider", p.Provider, "--partial", path)
	out := s.must(0, "payment", "show", p.ID).out
	assert.Contains(t, out, "statement: payment, completed (imported ")
	assert.Contains(t, out, "row 1)")
	assert.Contains(t, out, "1234")
	assert.NotContains(t, out, "row 2)")
	story := decoded[store.Story](t, s.must(0, "payment", "show", p.ID, "--json"))
	require.Len(t, story.Events, 1)
	assert.Equal(t, "statement", story.Events[0].What)
	assert.Equal(t, p.Reference, *story.Events[0].Statement.Reference)
}
