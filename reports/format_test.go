package reports

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/booktest"
)

// Excel opens without a word of repair what Microsoft's own library finds
// nothing in. No flaw is let pass: what excelize writes wrong, tidy.go rights.
func TestWorkbooksFollowTheFormat(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		payments int
		opts     Options
		change   func(*sample)
	}{
		"20,000 transactions": {payments: 20_000},
		"continued on sheets": {payments: 300, opts: Options{sheetRows: 100}},
		"an empty run": {change: func(s *sample) {
			s.exceptions, s.figures = nil, Figures{Passport: s.figures.Passport}
			s.figures.Passport.Previous, s.figures.Passport.Rates = 0, nil
		}},
		"amounts of 18 digits": {payments: 60, change: func(s *sample) {
			s.figures.Lines[0].Gross += 123_456_789_012_345_678
			s.figures.Lines[0].Net += 123_456_789_012_345_678
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSample(c.payments)
			if c.change != nil {
				c.change(s)
			}
			dir, _ := written(t, s, c.opts)
			for _, book := range []string{"settlement.xlsx", "exceptions.xlsx"} {
				assert.Empty(t, booktest.Flaws(t, filepath.Join(dir, book)), book)
			}
		})
	}
}

// What tidy.go does is needed, and the validator would find it missing.
func TestTheValidatorFindsAFlaw(t *testing.T) {
	t.Parallel()
	dir, _ := written(t, newSample(20), Options{})
	sound := filepath.Join(dir, "settlement.xlsx")
	for part, wrong := range map[string][2]string{
		"xl/styles.xml":            {"<b ", "<name "},
		"xl/charts/chart1.xml":     {"<dLbls>", `<smooth val="0"></smooth><dLbls>`},
		"xl/worksheets/sheet1.xml": {"<sheetData>", "<sheetDatum>"},
	} {
		broken := filepath.Join(t.TempDir(), "broken.xlsx")
		changed := false
		require.NoError(t, os.WriteFile(broken, booktest.Rewritten(t, sound, func(name string, content []byte) []byte {
			if name != part {
				return content
			}
			out := bytes.ReplaceAll(content, []byte(wrong[0]), []byte(wrong[1]))
			changed = !bytes.Equal(out, content)
			return out
		}), 0o600))
		require.True(t, changed, part)
		assert.NotEmpty(t, booktest.Flaws(t, broken), part)
	}
}
