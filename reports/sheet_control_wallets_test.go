package reports

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"
)

// sampleWallets are one of each kind: followed, with a rest, not claimed, first.
func sampleWallets() []WalletRoll {
	opened, closed := time.Date(2026, 11, 17, 20, 45, 0, 0, time.UTC), time.Date(2026, 11, 20, 21, 15, 0, 0, time.UTC)
	minor := func(v int64) *int64 { return &v }
	return []WalletRoll{
		{Provider: "pawapay-ug", Wallet: "UGA/UGX", Currency: "UGX", Opening: minor(42_118_500), OpenedAt: opened, In: 9_301_250, Out: 12_044_000, Closing: 39_375_750, ClosedAt: closed},
		{Provider: "pawapay-zm", Wallet: "COD/USD/VODACOM_MPESA_COD", Currency: "USD", Exp: 2, Opening: minor(90_010), OpenedAt: opened, Closing: 90_010, ClosedAt: closed},
		{Provider: "pawapay-zm", Wallet: "ZMB/ZMW", Currency: "ZMW", Exp: 2, Opening: minor(21_040_55), OpenedAt: opened, In: 88_120_00, Out: 40_000_10, Closing: 69_110_45, ClosedAt: closed},
		{Provider: "pesaway-ke", Wallet: "account", Currency: "KES", Exp: 2, Opening: minor(181_000_50), OpenedAt: opened, Closing: 180_000_00, ClosedAt: closed, Why: "no statement"},
		{Provider: "pivot-id", Wallet: "disbursement", Currency: "IDR", Exp: 2, Closing: 49_867_867_000_99, ClosedAt: closed, Why: "no earlier balance"},
	}
}

func TestWalletsAreRolledForwardInSectionSix(t *testing.T) {
	t.Parallel()
	s := newSample(60)
	dir, _ := written(t, s, Options{})
	f := open(t, dir, "settlement.xlsx")
	rows, err := f.GetRows("Control totals", excelize.Options{RawCellValue: true})
	require.NoError(t, err)
	section := slices.IndexFunc(rows, func(r []string) bool { return len(r) > 1 && strings.HasPrefix(r[1], "6  ") })
	require.GreaterOrEqual(t, section, 0)
	cell := func(i int, column byte) string {
		r := rows[section+2+i]
		if n := int(column - 'A'); n < len(r) {
			return r[n]
		}
		return ""
	}
	for i, want := range []struct{ columns, values string }{
		{"BCDEFGHKL", "pawapay-ug UGA/UGX UGX 42118500 9301250 12044000 39375750 0 ✓"},
		{"EFGHKL", "900.1 0 0 900.1 0 ✓"},
		{"EFGHKL", "21040.55 88120 40000.1 69110.45 -50 ✗"},
		{"EFHKL", "181000.5  180000  "},
		{"FHKL", " 49867867000.99  "},
	} {
		var got []string
		for _, column := range []byte(want.columns) {
			got = append(got, cell(i, column))
		}
		assert.Equal(t, want.values, strings.Join(got, " "), "row %d", i)
	}
	assert.Equal(t, "no statement", cell(3, 'G'))
	assert.Equal(t, "no earlier balance", cell(4, 'E'))
	shown, err := f.GetCellValue("Control totals", "J"+strconv.Itoa(section+3))
	require.NoError(t, err)
	assert.Equal(t, "2026-11-21 00:15", shown, "in business time")

	verdict, err := f.GetCellValue("Control totals", "B6")
	require.NoError(t, err)
	assert.Equal(t, "✗ 50.00 ZMW of the balance of pawapay-zm ZMB/ZMW is unexplained: see 6.", verdict)
	all, err := f.GetCellValue("Control totals", "B4")
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(all, "✓ All "), "it fails no run: %s", all)
}

func TestWithoutBalancesNothingIsClaimed(t *testing.T) {
	t.Parallel()
	s := newSample(20)
	s.figures.Wallets = nil
	dir, _ := written(t, s, Options{})
	f := open(t, dir, "settlement.xlsx")
	verdict, err := f.GetCellValue("Control totals", "B6")
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(verdict, "Each line is proven twice"), verdict)
	found, err := f.SearchSheet("Control totals", "No provider told a balance.")
	require.NoError(t, err)
	assert.Len(t, found, 1)
}
