package reports

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Announcement is what people and machines are told of a published run: counts,
// totals and sentences, and nothing of any one payment. Its JSON is stable.
type Announcement struct {
	RunID          string         `json:"run_id"`
	From           string         `json:"from"` // business date, ISO
	To             string         `json:"to"`
	Selection      string         `json:"selection"`
	Timezone       string         `json:"timezone"`
	Version        int            `json:"version"`
	ReadAt         time.Time      `json:"read_at"`  // the run's end, UTC
	Coverage       json.Number    `json:"coverage"` // 0 to 1 with four decimals
	NotPolled      int            `json:"not_polled"`
	Payments       PaymentCounts  `json:"payments"`
	OpenExceptions SeverityCounts `json:"open_exceptions"`
	AtRisk         []Money        `json:"at_risk"` // by open exceptions, a row a currency
	// Title names the range and version, Verdict answers whether it ties; both
	// together are the subject of a message.
	Title   string `json:"title"`
	Verdict string `json:"verdict"`
	// Sentences say the rest, in the order in which they are read.
	Sentences []string `json:"sentences"`
}

// PaymentCounts is control total 1 in payments, over all currencies.
type PaymentCounts struct {
	Pulled     int64 `json:"pulled"`
	Matched    int64 `json:"matched"`
	Pending    int64 `json:"pending"`
	Exceptions int64 `json:"exceptions"`
}

// SeverityCounts counts open exceptions.
type SeverityCounts struct {
	Critical int64 `json:"critical"`
	High     int64 `json:"high"`
	Medium   int64 `json:"medium"`
	Low      int64 `json:"low"`
}

// Money is an exact sum of one currency.
type Money struct {
	Currency string `json:"currency"`
	Amount   string `json:"amount"` // exact decimal
}

// Announce says in figures and sentences what Write puts into the workbooks.
// src is asked for the exceptions once.
func Announce(ctx context.Context, f Figures, src Source) (Announcement, error) {
	t := newExceptionTally(f.Passport.StartedAt)
	if err := src.Exceptions(ctx, func(r *ExceptionRow) error { t.add(r); return nil }); err != nil {
		return Announcement{}, fmt.Errorf("announce: %w", err)
	}
	p := f.Passport
	a := Announcement{
		RunID: p.RunID, From: p.From.Format(time.DateOnly), To: p.To.Format(time.DateOnly), Selection: p.Selection,
		Timezone: location(p).String(), Version: p.Version, ReadAt: p.ReadAt.UTC().Truncate(time.Second), Coverage: json.Number(p.Coverage), NotPolled: p.NotPolled,
		OpenExceptions: SeverityCounts{Critical: t.open[0], High: t.open[1], Medium: t.open[2], Low: t.open[3]},
		AtRisk:         []Money{},
		Title:          fmt.Sprintf("%s, version %d", subjectWords(p), p.Version),
	}
	for _, c := range f.Pulled {
		a.Payments.Pulled += c.Pulled
		a.Payments.Matched += c.Matched
		a.Payments.Pending += c.Pending
		a.Payments.Exceptions += c.Exceptions
	}
	s := &settlement{b: &book{passport: p}, f: f, exceptions: t}
	a.Verdict = s.verdict()
	moved, rest := s.movedWords()
	a.Sentences = append(a.Sentences, moved+"; "+rest)
	if p.NotPolled > 0 {
		n := int64(p.NotPolled)
		a.Sentences = append(a.Sentences, plural(n, "payment")+" could not be asked: run again.")
	}
	a.Sentences = append(a.Sentences, openWords(t))
	var amounts []string
	for _, m := range t.sortedCurrencies() {
		if m.atRisk.sign() > 0 {
			a.AtRisk = append(a.AtRisk, Money{m.currency, m.atRisk.text()})
			amounts = append(amounts, m.atRisk.human(m.currency))
		}
	}
	if len(amounts) > 0 {
		a.Sentences = append(a.Sentences, "At risk: "+list(amounts)+".")
	}
	return a, nil
}

// subjectWords say what a message is about, for one who sees nothing else of it.
func subjectWords(p Passport) string {
	if p.Selection == "outstanding" {
		return scopeWords(p)
	}
	return "Settlement of " + scopeWords(p)
}

// verdict answers in one sentence whether the run ties.
func (s *settlement) verdict() string {
	if off := s.checksOff(); off > 0 {
		return markDiffers + " " + plural(int64(off), "control total") + verb(int64(off), " does not tie.", " do not tie.")
	}
	given, _, differ := s.statementCounts()
	switch {
	case given == 0:
		return markTies + " All control totals tie. No provider gave a statement."
	case len(differ) == 0:
		return markTies + " All control totals tie. " + statementsAgree(given)
	default:
		return markDiffers + " All control totals tie, but " + plural(int64(len(differ)), "statement total") +
			verb(int64(len(differ)), " leaves ", " leave ") + list(s.unexplainedWords()) + " unexplained."
	}
}

// openWords counts what is open, worst first: "3 exceptions are open: 1 critical
// and 2 low."
func openWords(t *exceptionTally) string {
	open := t.open.total()
	if open == 0 {
		return "No exceptions. Nothing to do."
	}
	var parts []string
	for i, n := range t.open {
		if n > 0 {
			parts = append(parts, count(n)+" "+strings.ToLower(severityTitles[i]))
		}
	}
	return plural(open, "exception") + verb(open, " is", " are") + " open: " + list(parts) + "."
}
