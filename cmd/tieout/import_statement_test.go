package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
	write("id,amount\n")
	s.must(1, "import", "statement", "--provider", provider, path)
}
