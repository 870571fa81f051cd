package reports

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/payment"
)

// What is announced adds up the rows that are reported, and names none of them.
func TestAnAnnouncementAddsUpTheReport(t *testing.T) {
	t.Parallel()
	s := newSample(400)
	a, err := Announce(t.Context(), s.figures, s)
	require.NoError(t, err)
	var pulled int64
	for _, p := range s.figures.Pulled {
		pulled += p.Pulled
	}
	assert.Equal(t, pulled, a.Payments.Pulled)
	assert.Equal(t, a.Payments.Pulled, a.Payments.Matched+a.Payments.Pending+a.Payments.Exceptions)
	var want SeverityCounts
	risk := map[string]*sum{}
	for _, e := range s.exceptions {
		if e.State != payment.StateOpen {
			continue
		}
		*map[payment.Severity]*int64{payment.Critical: &want.Critical, payment.High: &want.High, payment.Medium: &want.Medium, payment.Low: &want.Low}[e.Severity]++
		if e.AtRisk != nil && e.AtRisk.Minor != 0 {
			if risk[e.AtRisk.Currency] == nil {
				risk[e.AtRisk.Currency] = &sum{}
			}
			risk[e.AtRisk.Currency].add(e.AtRisk.Minor, e.AtRisk.Exp)
		}
	}
	assert.Equal(t, want, a.OpenExceptions)
	require.NotZero(t, want.Critical)
	require.Len(t, a.AtRisk, len(risk))
	text := strings.Join(a.Sentences, "\n")
	for _, m := range a.AtRisk {
		assert.Equal(t, risk[m.Currency].text(), m.Amount, m.Currency)
		assert.Contains(t, text, risk[m.Currency].human(m.Currency))
	}
	assert.Contains(t, text, strconv.FormatInt(want.Critical, 10)+" critical")
	written, err := json.Marshal(a)
	require.NoError(t, err)
	for _, e := range s.exceptions {
		for _, personal := range []string{e.PaymentID, e.Reference, e.Account} {
			if len(personal) > 6 {
				require.NotContains(t, string(written), personal)
			}
		}
	}
}

func TestAnAnnouncementOfNothing(t *testing.T) {
	t.Parallel()
	s := newSample(50)
	s.exceptions = nil
	s.figures.Statements = nil
	s.figures.Passport.NotPolled = 2
	a, err := Announce(t.Context(), s.figures, s)
	require.NoError(t, err)
	assert.Equal(t, "✓ All control totals tie. No provider gave a statement.", a.Verdict)
	assert.Contains(t, a.Sentences, "No exceptions. Nothing to do.")
	assert.Contains(t, a.Sentences, "2 payments could not be asked: run again.")
	assert.Empty(t, a.AtRisk)
	s.figures.Checks[0].Ties = false
	a, err = Announce(t.Context(), s.figures, s)
	require.NoError(t, err)
	assert.Equal(t, "✗ 1 control total does not tie.", a.Verdict)
}
