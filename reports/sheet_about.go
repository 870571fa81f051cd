package reports

import (
	"fmt"
	"slices"
	"strings"
)

var aboutWidths = []columnWidth{{'B', 22}, {'C', 70}, {'D', 2.5}, {'E', 17}, {'F', 64}}

// aboutRow is the height of all rows of About: its two sides share them.
const aboutRow = 17

func (s *settlement) writeAbout() {
	p := s.b.passport
	sheets := []pair{
		{"Summary", "One page: does it tie, what moved, what is at risk, what must be done."},
		{"Settlement", "One row per business date, provider, kind and currency. The same rows as settlement.csv."},
		{"Transactions", "One row per payment of the range. The same rows as transactions.csv."},
		{"Pending ageing", "What is still pending, how old it is, and how the pending total moved."},
		{"Refunds and fees", "Fees charged against the schedule, and each refund."},
		{"Control totals", "Every proof that this workbook adds up, with the difference or a tick."},
		{"Changes", changesMeaning(p)},
	}
	if s.f.showsClosed() {
		sheets = append(sheets, pair{"Adjustments", "What changed of closed days, payment by payment, and where it is booked. As adjustments.csv."})
	}
	if n := len(s.transactions.parts()); n > 1 {
		sheets[2].meaning = fmt.Sprintf("One row per payment of the range, continued up to Transactions %d. The same rows as transactions.csv.", n)
	}
	var pulled int64
	for i := range s.f.Pulled {
		pulled += s.f.Pulled[i].Pulled
	}
	s.b.writeAboutSheet("Settlement", pulled, sheets, nil)
}

func changesMeaning(p Passport) string {
	if p.Previous == 0 {
		return "What differs from the version before. This is the first."
	}
	return fmt.Sprintf("What differs from version %d of the same range, payment by payment.", p.Previous)
}

func (b *book) writeExceptionsAbout(g *grid) {
	sheets := []pair{
		{"Overview", "One page: what is open, what is at risk, how old it is, what must be done."},
		{"Exceptions", "One row per exception of the range, in every state. The same rows as exceptions.csv."},
	}
	if n := len(g.parts()); n > 1 {
		sheets[1].meaning = fmt.Sprintf("One row per exception of the range, continued up to Exceptions %d. The same rows as exceptions.csv.", n)
	}
	filling := []pair{
		{"Fill", "Owner, Resolution and Note, the cells in yellow; nothing else is read back."},
		{"Send back", "tieout exceptions import FILE.xlsx"},
		{"Protection", "No password. Filtering works; to sort, choose Review, Unprotect Sheet first."},
		{"Age", "Days from the payment's creation to the start of the run."},
	}
	b.writeAboutSheet("Exceptions", -1, sheets, filling)
}

// writeAboutSheet composes About: the passport, the sheets and the sources on
// the left, the words on the right. payments below zero is not said.
func (b *book) writeAboutSheet(document string, payments int64, sheets, filling []pair) {
	widths := slices.Clone(aboutWidths)
	if filling != nil {
		widths[3].width = 25 // the names of the resolutions
	}
	c := b.canvas("About", 'F', widths)
	c.title("About this workbook", "What it is, where its figures come from, and what its words mean.")
	left := c.pairs(4, 'B', "Passport", passportPairs(b.passport, payments))
	left = c.pairs(left, 'B', "Sheets", sheets)
	right := c.pairs(4, 'E', "What the words mean", glossary)
	right = c.pairs(right, 'E', "How to read the marks", marks)
	if filling != nil {
		left = c.pairs(left, 'B', "How to fill it", filling)
		first := right + 1
		choices := make([]pair, 0, len(resolutions))
		for _, r := range resolutions {
			choices = append(choices, pair{r.words, r.meaning})
		}
		c.pairs(right, 'E', "Resolutions", choices)
		b.addName("resolutions", fmt.Sprintf("About!$E$%d:$E$%d", first, first+len(choices)-1), "")
	}
	c.pairs(left, 'B', "Sources", sourcePairs(b.passport))
	c.flush(document, printing{wide: 1, high: 1})
}

// pairs writes a block of terms and meanings and returns the row of the next.
func (c *canvas) pairs(row int, column byte, title string, block []pair) int {
	c.section(row, column, title)
	c.height[row] = aboutRow
	row++
	for _, p := range block {
		meaning := lookBody
		c.height[row] = max(aboutRow, c.height[row])
		if lines := wrappedLines(p.meaning, c.capacity(column+1)); lines > 1 {
			meaning = meaning.wrapped()
			c.height[row] = max(c.height[row], float64(lines)*12+3.5)
		}
		c.put(row, column, lookLabel, oneLine(p.term))
		c.put(row, column+1, meaning, oneLine(p.meaning))
		row++
	}
	return row + 1
}

// capacity is about how many letters of the body fit a column.
func (c *canvas) capacity(column byte) int {
	for _, w := range c.widths {
		if w.column == column {
			return int(w.width * 1.3)
		}
	}
	return 0
}

func passportPairs(p Passport, payments int64) []pair {
	version := count(int64(p.Version))
	if p.Previous > 0 {
		version += fmt.Sprintf(", replaces version %d of %s", p.Previous, moment(p.PreviousReadAt, p))
	}
	read := moment(p.StartedAt, p)
	if payments >= 0 {
		read += ", " + plural(payments, "payment")
	}
	asked := moment(p.StartedAt, p) + " to " + moment(p.ReadAt, p)
	if start, end := moment(p.StartedAt, p), moment(p.ReadAt, p); start[:len(start)-5] == end[:len(end)-5] {
		asked = start + " to " + end[len(end)-5:]
	}
	coverage := percentWords(p.Coverage) + " of the payments have an answer"
	if p.NotPolled > 0 {
		coverage += " (" + plural(int64(p.NotPolled), "payment") + " could not be asked)"
	}
	masked := "Numbers of phones and accounts, customer ids and marked metadata are masked; equal letters between the dots are one person"
	if !p.Mask {
		masked = "Nothing is masked: this file holds personal data"
	}
	scope := rangeWords(p)
	if !p.From.Equal(p.To) {
		scope += ", both days included"
	}
	pairs := []pair{
		{"Run", p.RunID},
		{"Range", scope},
		{"Selection", selectionWords(p)},
		{"Timezone", zoneWords(p) + "; the CSV files hold the same times in UTC"},
		{"Version", version},
		{"Payments read", read},
		{"Providers asked", asked},
		{"Coverage", coverage},
		{"Configuration digest", p.ConfigDigest},
		{"tieout version", p.TieoutVersion},
		{"Personal data", masked},
		{"Long amounts", longAmounts},
	}
	if p.Rates != nil {
		pairs = append(pairs, pair{"Reporting currency", fmt.Sprintf("%s, on Summary alone, by the rates of %s, SHA-256 %s", p.Rates.Currency, p.Rates.File, p.Rates.SHA256)})
	}
	return pairs
}

// sourcePairs are the run's notes, each under the provider that it names.
func sourcePairs(p Passport) []pair {
	payments := "Your ledger, read only; all payments created in the range, the final ones too."
	if p.Selection == "outstanding" {
		payments = "Your ledger, read only; all payments of the range that were not final."
	}
	out := []pair{{"Payments", payments}}
	for _, note := range p.Notes {
		term, meaning, named := strings.Cut(note, ": ")
		if !named || columns(term) > 24 {
			term, meaning = "Note", note
		}
		out = append(out, pair{term, asSentence(meaning)})
	}
	return out
}
