package reports

import (
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tieout/internal/money"
)

// asWritten is the text that excelize writes for a cell's value.
func asWritten(t require.TestingT, value any) string {
	switch v := value.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case string:
		return v
	}
	require.Fail(t, "unexpected kind of value")
	return ""
}

// trimmed is a decimal text without trailing zeros of its fraction.
func trimmed(text string) string {
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	if text == "-0" {
		return "0"
	}
	return text
}

func TestNumberKeepsEveryDecimalOfUpToFifteenDigits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		minor := rapid.Int64Range(-999_999_999_999_999, 999_999_999_999_999).Draw(t, "minor")
		exp := rapid.IntRange(0, money.MaxExponent).Draw(t, "exp")
		value := minorNumber(minor, exp)
		_, isText := value.(string)
		require.False(t, isText, "fits a number")
		require.Equal(t, trimmed(money.FormatMinor(minor, exp)), asWritten(t, value))
	})
}

func TestNumberWritesLongerAmountsAsText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]any{
		"9007199254740993":      "9007199254740993",
		"1234567890123456":      "1234567890123456",
		"-12345678901234.56":    "-12345678901234.56",
		"12345678901234.50":     12345678901234.5,
		"999999999999999":       int64(999999999999999),
		"12345678901234.00":     int64(12345678901234),
		"0.00":                  int64(0),
		"0.001":                 0.001,
		"92233720368547758.07":  "92233720368547758.07",
		"-92233720368547758.08": "-92233720368547758.08",
	} {
		assert.Equal(t, want, number(text), text)
	}
}

func TestSumAddsExactlyAcrossScalesAndBeyond64Bits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s sum
		want := new(big.Rat)
		for range rapid.IntRange(0, 8).Draw(t, "n") {
			minor := rapid.Int64().Draw(t, "minor")
			exp := rapid.IntRange(0, 6).Draw(t, "exp")
			s.add(minor, exp)
			term, ok := new(big.Rat).SetString(money.FormatMinor(minor, exp))
			require.True(t, ok)
			want.Add(want, term)
		}
		got, ok := new(big.Rat).SetString(s.text())
		require.True(t, ok)
		require.Zero(t, want.Cmp(got), "%s is not %s", s.text(), want.FloatString(6))
	})
}

func TestSumOfALongPartIsNotLeftToAFormula(t *testing.T) {
	t.Parallel()
	var s sum
	s.add(1_234_567_890_123_456, 0)
	s.add(-1_234_567_890_123_456, 0)
	assert.Equal(t, int64(0), s.value())
	assert.False(t, s.exact(), "its parts are text in the sheet")
}

func TestTimesAreTheZonesClock(t *testing.T) {
	t.Parallel()
	nairobi := time.FixedZone("Africa/Nairobi", 3*60*60)
	assert.InDelta(t, 46344.25, timeSerial(time.Date(2026, 11, 18, 3, 0, 0, 0, time.UTC), nairobi), 1e-9)
	assert.Equal(t, int64(46344), dateSerial(time.Date(2026, 11, 18, 0, 0, 0, 0, time.UTC)))
	assert.Nil(t, timeSerial(time.Time{}, nairobi), "unknown is an empty cell")
	assert.Nil(t, dateSerial(time.Time{}))
	assert.Equal(t, "0099-01-01", dateSerial(time.Date(99, 1, 1, 0, 0, 0, 0, time.UTC)), "before the calendar begins")
}

func TestReadableSpellsOutWhatCannotBeSeen(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain":             "plain",
		"طلب 🎉":             "طلب 🎉",
		"a\x00b":            "a<U+0000>b",
		"a\u202eb":          "a<U+202E>b",
		"a\u0085b":          "a<U+0085>b",
		"bad\xff":           "bad\ufffd",
		"two\nlines\tand\r": "two\nlines\tand\r",
	} {
		assert.Equal(t, want, readable(in))
	}
}

func TestTieToleranceIsBelowOneUnit(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "0.0005", halfUnit(0))
	assert.Equal(t, "0.0005", halfUnit(3))
	assert.Equal(t, "0.00005", halfUnit(4))
	assert.Equal(t, "0.0000005", halfUnit(6))
}
