package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"tieout/internal/money"
	"tieout/internal/payment"
)

// moved is what "How the pending total moved" says over all providers, in units of 10^-4.
type moved struct{ opening, fresh, completed, failed, aside, closing int64 }

// movedIn reads the workbook's rows, by provider, kind and currency; each must tie.
func movedIn(t testing.TB, dir string) map[string]moved {
	t.Helper()
	f, err := excelize.OpenFile(dir + "/settlement.xlsx")
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	rows, err := f.GetRows("Pending ageing", excelize.Options{RawCellValue: true})
	require.NoError(t, err)
	out, inside := map[string]moved{}, false
	for _, r := range rows {
		if len(r) > 5 && r[5] == "Opening pending" {
			inside = true
			continue
		}
		if !inside || len(r) < 13 {
			continue
		}
		var v [6]int64
		for i := range v {
			v[i], err = money.ParseMinor(r[5+i], 4)
			require.NoError(t, err, r)
		}
		m := moved{v[0], v[1], v[2], v[3], v[4], v[5]}
		require.Equal(t, m.closing, m.opening+m.fresh-m.completed-m.failed-m.aside)
		require.Equal(t, "✓", r[12])
		out[r[1]+" "+r[2]+" "+r[3]] = m
	}
	require.NotEmpty(t, out)
	return out
}

// carriedOn checks that what one report leaves is what the next begins with.
func carriedOn(t testing.TB, before, after map[string]moved) {
	t.Helper()
	for key, b := range before {
		assert.Equal(t, b.closing, after[key].opening, key)
	}
	for key, a := range after {
		assert.Equal(t, before[key].closing, a.opening, key)
	}
}

func TestWhatIsPendingIsCarriedFromDayToDay(t *testing.T) {
	t.Parallel()
	w := late()
	s := patient(newSite(t, w, serveWorld(t, w)))
	d := s.dates()
	day := func(i int, v string) string { return s.version(d[i], d[i], v) }
	for _, date := range d {
		s.must(0, "run", "--date", date)
	}
	first, second, third := movedIn(t, day(0, "v1")), movedIn(t, day(1, "v1")), movedIn(t, day(2, "v1"))
	for key, m := range first {
		assert.Zero(t, m.opening, "nothing was reported before %s", key)
	}
	carriedOn(t, first, second)
	carriedOn(t, second, third)

	// what ends later leaves the opening as it was reported, and counts as completed where it is carried
	row := picked(t, readCSV(t, day(0, "v1"), "transactions.csv"), 1, isWaiting)[0]
	key := row["provider"] + " " + row["kind"] + " " + row["currency"]
	amount, err := money.ParseMinor(row["amount"], 4)
	require.NoError(t, err)
	s.becomes(row, payment.Completed)
	s.must(0, "run", "--outstanding")
	s.must(0, "run", "--date", d[1])
	again := movedIn(t, day(1, "v2"))
	carriedOn(t, first, again)
	want := second[key]
	want.completed += amount
	want.closing -= amount
	assert.Equal(t, want, again[key])

	// a rerun of the day itself reports it as completed; the next day begins with less
	s.must(0, "run", "--date", d[0])
	s.must(0, "run", "--date", d[1])
	s.must(0, "run", "--date", d[2])
	first, second, third = movedIn(t, day(0, "v2")), movedIn(t, day(1, "v3")), movedIn(t, day(2, "v2"))
	carriedOn(t, first, second)
	carriedOn(t, second, third)
	assert.Equal(t, again[key].closing, second[key].closing)

	// a range begins with what the day before it left, also where it overlaps others
	s.must(0, "run", "--from", d[1], "--to", d[2])
	carriedOn(t, first, movedIn(t, s.version(d[1], d[2], "v1")))
	s.must(0, "run", "--date", d[2], "--kind", "payout")
	all := movedIn(t, s.version(d[1], d[2], "v1"))
	narrowed := movedIn(t, s.dir+"/out/"+d[2]+"_"+d[2]+"_payout/v1")
	for key, m := range narrowed {
		assert.Equal(t, all[key].closing, m.closing, key)
	}
	s.run(0)
	whole := movedIn(t, s.folder()+"/v1")
	for key, m := range whole {
		assert.Zero(t, m.opening, key)
		assert.Equal(t, all[key].closing, m.closing, "all that is pending is of these days")
	}
}
