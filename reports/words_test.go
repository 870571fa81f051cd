package reports

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"tieout/internal/money"
)

func date(y, m, d int) time.Time { return time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC) }

func TestRangeWords(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]Passport{
		"18 to 20 November 2026":                  {From: date(2026, 11, 18), To: date(2026, 11, 20)},
		"18 November 2026":                        {From: date(2026, 11, 18), To: date(2026, 11, 18)},
		"30 November to 2 December 2026":          {From: date(2026, 11, 30), To: date(2026, 12, 2)},
		"30 December 2026 to 2 January 2027":      {From: date(2026, 12, 30), To: date(2027, 1, 2)},
		"1 to 2 May 2026, pawapay-zm only":        {From: date(2026, 5, 1), To: date(2026, 5, 2), Selection: "pawapay-zm"},
		"Outstanding payments of 1 to 2 May 2026": {From: date(2026, 5, 1), To: date(2026, 5, 2), Selection: "outstanding"},
	} {
		assert.Equal(t, want, scopeWords(p))
	}
}

func TestZoneWordsNameTheOffset(t *testing.T) {
	t.Parallel()
	for want, loc := range map[string]*time.Location{
		"Africa/Nairobi (UTC+3)":      time.FixedZone("Africa/Nairobi", 3*3600),
		"Asia/Kolkata (UTC+5:30)":     time.FixedZone("Asia/Kolkata", 5*3600+1800),
		"America/St_Johns (UTC-3:30)": time.FixedZone("America/St_Johns", -3*3600-1800),
		"UTC":                         nil,
	} {
		assert.Equal(t, want, zoneWords(Passport{To: date(2026, 11, 20), Location: loc}))
	}
}

func TestPercentWordsNeverRound(t *testing.T) {
	t.Parallel()
	for share, want := range map[string]string{
		"0.9950": "99.5\u00a0%", "1.0000": "100\u00a0%", "0.0000": "0\u00a0%", "0.9999": "99.99\u00a0%", "0.0500": "5\u00a0%", "odd": "odd",
	} {
		assert.Equal(t, want, percentWords(share))
	}
}

func TestNotesAreSentences(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "", "asked 3 times": "Asked 3 times.", "Done.": "Done.", " édith? ": "Édith?"} {
		assert.Equal(t, want, asSentence(in))
	}
}

func TestPluralsAreRight(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "1 payment", plural(1, "payment"))
	assert.Equal(t, "0 payments", plural(0, "payment"))
	assert.Equal(t, "1,204 payments", plural(1204, "payment"))
	assert.Equal(t, "7 statuses", plural(7, "status"))
	assert.Equal(t, "2 exceptions were closed", groupWords(2, "exception was closed"))
	assert.Equal(t, "1 status came late", groupWords(1, "status came late"))
}

func TestResolutionsGoBothWays(t *testing.T) {
	t.Parallel()
	for _, r := range resolutions {
		code, ok := ResolutionCode(ResolutionWords(r.code))
		assert.True(t, ok)
		assert.Equal(t, r.code, code)
	}
	code, ok := ResolutionCode("  written OFF ")
	assert.True(t, ok)
	assert.Equal(t, "written_off", code)
	code, _ = ResolutionCode("accept  provider’s figures")
	assert.Equal(t, "accepted", code, "an office program made the apostrophe curly")
	_, ok = ResolutionCode("maybe")
	assert.False(t, ok)
	_, ok = ResolutionCode("")
	assert.False(t, ok)
	assert.Equal(t, "own_code", ResolutionWords("own_code"))
}

func TestVerdictSentences(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "Nothing is pending.", ageingVerdict(nil))
	assert.Equal(t, "1 payment is still pending, none past the allowed time.", ageingVerdict([]Ageing{{Count: 1}}))
	assert.Equal(t, "16 payments are still pending; 5 of them are past the allowed time and stand in exceptions.xlsx as stale.",
		ageingVerdict([]Ageing{{Count: 10, PastAllowed: 5}, {Count: 6}}))

	scheduled := int64(5)
	ugx := func(n int64) money.Amount { return money.Amount{Minor: n, Currency: "UGX"} }
	assert.Equal(t, "No fee schedule is configured. Nothing was refunded.", feesVerdict([]FeeLine{{}}, nil))
	assert.Equal(t, "3 fees differ from the schedule. Every refund at a provider is known in our records, except 1: see exceptions.xlsx.",
		feesVerdict([]FeeLine{{Scheduled: &scheduled, Differing: 3}}, []Refund{{AtProvider: ugx(1), InOurs: ugx(1)}, {AtProvider: ugx(1)}}))

	assert.Equal(t, "Nothing changed.", changesVerdict(nil))
	assert.Equal(t, "3 payments changed: 2 statuses came late, 1 exception was closed.", changesVerdict([]Change{
		{Group: "status came late"}, {Group: "exception was closed"}, {Group: "status came late"},
	}))

	assert.Equal(t, "Resolve 22 exceptions", resolveAnswer(&exceptionTally{open: bySeverity{8, 14, 11, 6}}))
	assert.Equal(t, "8 critical first, then 14 high: see exceptions.xlsx. Run again for 2 payments that could not be asked.",
		resolveDetail(&exceptionTally{open: bySeverity{8, 14, 11, 6}}, 2))
	assert.Equal(t, "1 critical: see exceptions.xlsx.", resolveDetail(&exceptionTally{open: bySeverity{1}}, 0))
	assert.Equal(t, "2 high: see exceptions.xlsx.", resolveDetail(&exceptionTally{open: bySeverity{0, 2}}, 0))
	assert.Equal(t, "Nothing to do", resolveAnswer(&exceptionTally{}))
	assert.Equal(t, "No exceptions. Nothing to do.", riskDetail(&exceptionTally{}))
}

func TestEveryKindHasAdvice(t *testing.T) {
	t.Parallel()
	for _, p := range planted {
		assert.NotEmpty(t, kindAdvice[p.kind], p.kind)
	}
	assert.Len(t, kindAdvice, 16)
}
