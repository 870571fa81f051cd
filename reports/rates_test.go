package reports

import (
	"math/big"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"
)

// inKES reads the block of the reporting currency: by currency (the last row is
// "All with a rate") the texts of E to J and O, as they are stored.
func inKES(t testing.TB, f *excelize.File) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	rows, err := f.GetRows("Summary", excelize.Options{RawCellValue: true})
	require.NoError(t, err)
	for i, row := range rows {
		if len(row) < 2 || !strings.HasPrefix(row[1], "The same in KES") {
			continue
		}
		for n := i + 3; ; n++ {
			cell := func(column string) string {
				v, err := f.GetCellValue("Summary", column+strconv.Itoa(n), excelize.Options{RawCellValue: true})
				require.NoError(t, err)
				return v
			}
			name := cell("B")
			for _, column := range []string{"E", "F", "G", "H", "I", "J", "O"} {
				out[name] = append(out[name], cell(column))
			}
			if name == "All with a rate" {
				return out
			}
		}
	}
	t.Fatal("Summary has no block in KES")
	return nil
}

// rounded is a decimal with two places, halves away from zero, by rational
// numbers and no code of the block's own.
func rounded(t testing.TB, amount, rate string) *big.Rat {
	t.Helper()
	a, ok := new(big.Rat).SetString(amount)
	require.True(t, ok, amount)
	r, ok := new(big.Rat).SetString(rate)
	require.True(t, ok, rate)
	v, ok := new(big.Rat).SetString(a.Mul(a, r).FloatString(2)) // rounds halves away from zero
	require.True(t, ok)
	return v
}

func TestTotalsInAReportingCurrencyStandBesideTheirOwn(t *testing.T) {
	t.Parallel()
	s := newSample(408)
	dir, files := written(t, s, Options{})
	got := inKES(t, open(t, dir, "settlement.xlsx"))
	rate := map[string]string{"KES": "1", "KWD": "421.55", "UGX": "0.0345", "ZMW": "5.7013"}
	sums := make([]*big.Rat, 5)
	for i := range sums {
		sums[i] = new(big.Rat)
	}
	same := func(want *big.Rat, got, what string) {
		g, ok := new(big.Rat).SetString(got)
		require.True(t, ok, "%s: %q", what, got)
		assert.Zero(t, want.Cmp(g), "%s: got %s, want %s", what, got, want.FloatString(2))
	}
	tally := newExceptionTally(s.start)
	for i := range s.exceptions {
		tally.add(&s.exceptions[i])
	}
	for _, b := range balances(flows(s.figures)) {
		row := got[b.currency]
		if rate[b.currency] == "" {
			assert.Equal(t, []string{"no rate", "", "", "", "", "", ""}, row, b.currency)
			continue
		}
		assert.Equal(t, rate[b.currency], row[0])
		in, out := rounded(t, b.in.text(), rate[b.currency]), rounded(t, b.out.text(), rate[b.currency])
		risk := &sum{}
		if m := tally.currencies[b.currency]; m != nil {
			risk = &m.atRisk
		}
		for i, v := range []*big.Rat{in, out, new(big.Rat).Sub(in, out), rounded(t, b.pending.text(), rate[b.currency]), rounded(t, risk.text(), rate[b.currency])} {
			same(v, row[i+1], b.currency)
			sums[i].Add(sums[i], v)
		}
	}
	all := got["All with a rate"]
	for i, v := range sums {
		same(v, all[i+1], "all")
	}
	assert.Equal(t, markTies, all[6])
	summary := zipPart(t, dir, "settlement.xlsx", "xl/worksheets/sheet1.xml")
	assert.Contains(t, summary, "IDR has no rate and USD has no rate after 2 Nov 2026: not converted, and not in the last row.")
	assert.Contains(t, summary, "the newest that is not later than 20 November 2026 and at most 7 days older.")
	about := zipPart(t, dir, "settlement.xlsx", "xl/worksheets/sheet8.xml")
	assert.Contains(t, about, s.figures.Passport.Rates.SHA256)
	m := NewManifest(s.figures.Passport, nil, files)
	assert.Equal(t, &RatesFile{"KES", "rates.csv", s.figures.Passport.Rates.SHA256}, m.Rates)
}

func TestWithoutAReportingCurrencyNothingIsConverted(t *testing.T) {
	t.Parallel()
	s := newSample(60)
	s.figures.Passport.Rates = nil
	dir, _ := written(t, s, Options{})
	assert.NotContains(t, zipPart(t, dir, "settlement.xlsx", "xl/worksheets/sheet1.xml"), "The same in")
	assert.Nil(t, NewManifest(s.figures.Passport, nil, nil).Rates)
}
