package reports

import (
	"bytes"
	"context"
	"encoding/csv"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden files anew")

var csvNames = []string{"settlement.csv", "exceptions.csv", "transactions.csv"}

// written writes a sample's reports into a folder of the test's own.
func written(t testing.TB, s *sample, opts Options) (string, []File) {
	t.Helper()
	dir := t.TempDir()
	files, err := Write(context.Background(), dir, s.figures, s, opts)
	require.NoError(t, err)
	return dir, files
}

func read(t testing.TB, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return b
}

func records(t testing.TB, dir, name string) [][]string {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(read(t, dir, name))).ReadAll()
	require.NoError(t, err)
	return rows
}

func TestCSVsEqualTheGoldenFiles(t *testing.T) {
	t.Parallel()
	dir, _ := written(t, newSample(120), Options{})
	for _, name := range csvNames {
		golden := filepath.Join("testdata", name)
		got := read(t, dir, name)
		if *update {
			require.NoError(t, os.WriteFile(golden, got, 0o600))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestCSVHeadersAreTheDesigns(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"settlement.csv":   "business_date,provider,kind,currency,count,gross,refunded,fee,tax,net,fee_known_count,disputed,pending_count,pending_amount,failed_count,failed_amount,reversed_count,reversed_amount,exception_count,exception_amount",
		"exceptions.csv":   "exception_id,kind,severity,state,provider,payment_kind,payment_id,provider_payment_id,reference,internal_amount,provider_amount,difference,currency,provider_currency,internal_status,provider_status,account,business_date,first_seen,match_method,detail,owner,resolution,note",
		"transactions.csv": "payment_id,kind,provider,provider_payment_id,provider_reference,network_reference,reference,amount,currency,provider_amount,provider_currency,refunded,fee,tax,net,internal_status,provider_status,raw_status,result,match_method,account,business_date,created_at,completed_at,observed_at",
	} {
		dir, _ := written(t, newSample(0), Options{})
		first, _, _ := strings.Cut(string(read(t, dir, name)), "\n")
		assert.Equal(t, want, first)
	}
}

func TestCSVBytesDoNotTellWhenTieoutRan(t *testing.T) {
	t.Parallel()
	one, two := newSample(60), newSample(60)
	two.figures.Passport.StartedAt = two.figures.Passport.StartedAt.Add(50 * time.Hour)
	two.figures.Passport.ReadAt = two.figures.Passport.ReadAt.Add(50 * time.Hour)
	two.figures.Passport.RunID, two.figures.Passport.Version = "01OTHER", 9
	first, _ := written(t, one, Options{})
	second, _ := written(t, two, Options{})
	for _, name := range csvNames {
		assert.Equal(t, string(read(t, first, name)), string(read(t, second, name)), name)
	}
}

func TestCSVNoFieldCanBecomeAFormula(t *testing.T) {
	t.Parallel()
	dir, _ := written(t, newSample(408), Options{})
	numbers := map[string]bool{
		"amount": true, "provider_amount": true, "internal_amount": true, "difference": true, "net": true,
		"gross": true, "refunded": true, "fee": true, "tax": true, "disputed": true,
	}
	for _, name := range csvNames {
		rows := records(t, dir, name)
		for _, row := range rows[1:] {
			for i, field := range row {
				if !numbers[rows[0][i]] && field != "" {
					assert.NotContains(t, "=+-@\t\r", field[:1], "%s %s", name, rows[0][i])
				}
				assert.NotContains(t, field, "\x00")
			}
		}
	}
}

func TestCSVUsesLFAndUTF8(t *testing.T) {
	t.Parallel()
	dir, _ := written(t, newSample(120), Options{})
	for _, name := range csvNames {
		b := read(t, dir, name)
		assert.NotContains(t, string(b), "\r\n", name)
		assert.True(t, bytes.HasSuffix(b, []byte("\n")), name)
		assert.Equal(t, string(bytes.ToValidUTF8(b, []byte("?"))), string(b), name)
	}
}

func TestSafeTextIsReversible(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := readable(rapid.StringMatching(`['=+\-@＝＋－＠\t\r]{0,4}[ -~é🎉]{0,8}`).Draw(t, "text"))
		safe := SafeText(text)
		require.Equal(t, text, PlainText(safe))
		require.False(t, safe != "" && strings.ContainsAny(safe[:1], "=+-@\t\r"), safe)
	})
	assert.Equal(t, "'=1+1", SafeText("=1+1"))
	assert.Equal(t, "''=1+1", SafeText("'=1+1"))
	assert.Equal(t, "'''=1+1", SafeText("''=1+1"))
	assert.Equal(t, "'quoted'", SafeText("'quoted'"))
	assert.Equal(t, "O'Neil", PlainText("O'Neil"))
}
