package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/corpus"
	"tieout/internal/payment"
)

// large is the demo's world; some of its payments can't be asked.
var large = sync.OnceValue(func() *truth { return newTruth("large", 2000, nil) })

// small is a world for tests that run often; all of its payments can be asked,
// and no saved methods are looked for.
var small = sync.OnceValue(func() *truth {
	return newTruth("small", 120, map[payment.ExceptionKind]int{payment.NotPolled: 0, payment.SavedMethodMissing: 0})
})

func TestARunFindsExactlyWhatWasPlantedAndARerunSaysTheSame(t *testing.T) {
	t.Parallel()
	w := large()
	s := newSite(t, w, serveWorld(t, w))

	out := s.run(3).out
	v1 := filepath.Join(s.folder(), "v1")
	assert.Contains(t, out, "reports in "+filepath.Join("out", w.from+"_"+w.to, "v1"))
	requirePlanted(t, w, v1)
	m := requireWhole(t, v1)
	assert.Equal(t, []string{w.from, w.to, "all", zone.String()}, []string{m.From, m.To, m.Selection, m.Timezone})
	assert.Equal(t, 1, m.Version)
	for _, c := range m.ControlTotals {
		assert.True(t, c.Ties, c.Name)
	}
	notPolled := len(planted(w, func(p corpus.Planted) bool { return p.Kind == payment.NotPolled }))
	require.Positive(t, notPolled)
	coverage, err := m.Coverage.Float64()
	require.NoError(t, err)
	assert.InDelta(t, 1-float64(notPolled)/float64(len(w.Payments)), coverage, 0.0001)
	require.Len(t, readCSV(t, v1, "transactions.csv"), len(w.Payments))

	s.run(3)
	v2 := filepath.Join(s.folder(), "v2")
	assert.Equal(t, 2, requireWhole(t, v2).Version)
	assert.Equal(t, contents(t, v1, csvFiles), contents(t, v2, csvFiles), "the same data gives the same bytes")
	assert.Equal(t, []string{"latest", "v1", "v2"}, names(t, s.folder()))
	latest, err := os.Readlink(filepath.Join(s.folder(), "latest"))
	require.NoError(t, err)
	assert.Equal(t, "v2", latest)

	t.Run("the files in Postgres are those in the folders", func(t *testing.T) { filesAreInPostgres(t, s) })
	t.Run("the history shows both runs and gives their files back", func(t *testing.T) { historyIsKept(t, s) })
	t.Run("the merchant reads an outcome for each payment of which something is known", func(t *testing.T) { outcomesAreSane(t, s, v2) })
	t.Run("lines and exceptions stand in Postgres as in the files", func(t *testing.T) { rowsAreInPostgres(t, s, v2) })
}

func filesAreInPostgres(t *testing.T, s *site) {
	for _, v := range []string{"v1", "v2"} {
		id := get[string](s, `SELECT id FROM tieout.runs WHERE 'v' || version = $1`, v)
		for _, name := range allFiles {
			b, err := os.ReadFile(filepath.Join(s.folder(), v, name))
			require.NoError(t, err)
			sum := sha256.Sum256(b)
			assert.Equal(t, hex.EncodeToString(sum[:]), get[string](s, `SELECT sha256 FROM tieout.report_files WHERE run_id = $1 AND name = $2`, id, name), "%s/%s", v, name)
			stored := get[[]byte](s, `SELECT string_agg(data, ''::bytea ORDER BY part) FROM tieout.report_file_parts WHERE run_id = $1 AND name = $2`, id, name)
			assert.Equal(t, b, stored, "%s/%s", v, name)
		}
	}
	assert.Equal(t, 2*len(allFiles), get[int](s, `SELECT count(*) FROM tieout.report_files`))
}

func historyIsKept(t *testing.T, s *site) {
	var list []struct {
		ID, Status, From, To, Coverage string
		Version                        int
		ExitCode                       int `json:"exit_code"`
	}
	require.NoError(t, json.Unmarshal([]byte(s.must(0, "runs", "list", "--json").out), &list))
	require.Len(t, list, 2)
	for i, version := range []int{2, 1} {
		assert.Equal(t, version, list[i].Version)
		assert.Equal(t, "published", list[i].Status)
		assert.Equal(t, 3, list[i].ExitCode)
		assert.Equal(t, s.world.from, list[i].From)
	}
	people := s.must(0, "runs", "list", "--limit", "1").out
	assert.Contains(t, people, list[0].ID)
	assert.NotContains(t, people, list[1].ID)

	show := s.must(0, "runs", "show", strings.ToLower(list[1].ID)).out
	assert.Contains(t, show, "settlement.xlsx")
	assert.Contains(t, show, list[1].ID)

	back := filepath.Join(s.dir, "back")
	s.must(0, "runs", "files", list[1].ID, "--out", back)
	assert.Equal(t, contents(t, filepath.Join(s.folder(), "v1"), allFiles), contents(t, filepath.Join(back, list[1].ID), allFiles))

	unknown := s.must(1, "runs", "show", "NONE")
	assert.Contains(t, unknown.err, `there is no run "NONE"`)
	assert.Contains(t, s.must(2, "runs", "files", list[0].ID).err, "--out")
}

func outcomesAreSane(t *testing.T, s *site, dir string) {
	outcomes := map[string][2]string{}
	rows, err := s.db.QueryContext(t.Context(), `SELECT payment_id, status, held FROM tieout.payment_outcomes`)
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, status, held string
		require.NoError(t, rows.Scan(&id, &status, &held))
		outcomes[id] = [2]string{status, held}
	}
	require.NoError(t, rows.Err())
	known := 0
	for _, p := range readCSV(t, dir, "transactions.csv") {
		o, ok := outcomes[p["payment_id"]]
		if p["provider_status"] == "" {
			assert.False(t, ok, "nothing is known of %s", p["payment_id"])
			continue
		}
		known++
		want := "false"
		if p["result"] == "exception" {
			want = "true"
		}
		assert.Equal(t, [2]string{p["provider_status"], want}, o, "%s (%s)", p["payment_id"], p["result"])
	}
	assert.Len(t, outcomes, known)
	assert.Greater(t, known, len(s.world.Payments)*9/10)
}

func rowsAreInPostgres(t *testing.T, s *site, dir string) {
	id := get[string](s, `SELECT id FROM tieout.runs WHERE version = 2`)
	lines := readCSV(t, dir, "settlement.csv")
	for _, l := range lines {
		assert.Equal(t, 1, get[int](s, `SELECT count(*) FROM tieout.settlement_lines WHERE run_id = $1 AND business_date::text = $2 AND provider = $3 AND kind = $4
			AND currency = $5 AND count::text = $6 AND gross = $7::numeric AND net = $8::numeric AND exception_count::text = $9`,
			id, l["business_date"], l["provider"], l["kind"], l["currency"], l["count"], l["gross"], l["net"], l["exception_count"]), l)
	}
	assert.Equal(t, len(lines), get[int](s, `SELECT count(*) FROM tieout.settlement_lines WHERE run_id = $1`, id))
	found := readCSV(t, dir, "exceptions.csv")
	for _, e := range found {
		assert.Equal(t, 1, get[int](s, `SELECT count(*) FROM tieout.exceptions WHERE exception_id = $1 AND kind = $2 AND coalesce(payment_id, '') = $3 AND state = $4 AND detail = $5`,
			e["exception_id"], e["kind"], e["payment_id"], e["state"], e["detail"]), e)
	}
	assert.Equal(t, len(found), get[int](s, `SELECT count(*) FROM tieout.exceptions`))
}
