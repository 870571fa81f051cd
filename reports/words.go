package reports

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tieout/internal/payment"
)

// The marks: shape and word, never colour alone.
const (
	markTies    = "✓"
	markDiffers = "✗"
)

var severityMarks = []string{"◆", "▲", "●", "○"}

// severityTitles head the columns that count by severity.
var severityTitles = []string{"Critical", "High", "Medium", "Low"}

const noStatement = "no statement"

// resolution is one answer that a person can give to an exception.
type resolution struct{ code, words, meaning string }

var resolutions = []resolution{
	{"accepted", "Accept provider's figures", "The payment counts as matched, at the provider's figures."},
	{"corrected_by_us", "Corrected by us", "We corrected our own record."},
	{"corrected_by_provider", "Corrected by provider", "The provider corrected its record."},
	{"refunded", "Refunded or recalled", "The money came back, or was given back."},
	{"written_off", "Written off", "The difference is borne as a loss or a gain."},
	{"ignored", "Ignore", "No difference that matters: it is closed as ignored."},
}

// ResolutionWords is how a resolution's code stands in the drop-down of
// exceptions.xlsx; a code that is none of ours stands as it is.
func ResolutionWords(code string) string {
	for _, r := range resolutions {
		if r.code == code {
			return r.words
		}
	}
	return code
}

// ResolutionCode is the code of a choice in the drop-down, or of the code
// itself; false when words are none of them. Office programs make a curly
// apostrophe of a typed one.
func ResolutionCode(words string) (string, bool) {
	words = strings.Join(strings.Fields(strings.ReplaceAll(words, "’", "'")), " ")
	for _, r := range resolutions {
		if strings.EqualFold(words, r.words) || strings.EqualFold(words, r.code) {
			return r.code, true
		}
	}
	return "", false
}

// kindAdvice says of each kind of exception what it means and what to do.
var kindAdvice = map[payment.ExceptionKind]string{
	payment.MissingAtProvider:   "The provider does not know a payment that we sent. Ask it; do not pay or deliver again before it is clear.",
	payment.MissingInternally:   "Money moved at the provider without a payment of ours. Find who sent it.",
	payment.AmountMismatch:      "The amounts differ. Accept the provider's figure or claim the difference.",
	payment.CurrencyMismatch:    "The currencies differ. Correct the order or claim.",
	payment.StatusMismatch:      "We hold it final; the provider says otherwise. Correct our status after a look.",
	payment.ReferenceMismatch:   "The provider carries another reference. No money at risk; correct the record.",
	payment.RecipientMismatch:   "The account is another one than our records say. Ask the provider to confirm or recall it.",
	payment.DuplicatePayment:    "Paid twice. Recall or refund the later one.",
	payment.AmbiguousMatch:      "Several records could be the same payment. Say which one it is.",
	payment.StalePending:        "Pending for longer than allowed. Ask the provider for a decision.",
	payment.LateReversal:        "Completed with us, taken back at the provider. Book the reversal.",
	payment.FeeMismatch:         "The fee is not what the contract says. Claim the difference, or correct the schedule.",
	payment.SavedMethodMissing:  "The payment method was to be saved and is not there. Ask the customer once more.",
	payment.SettlementMismatch:  "The provider's statement differs from its own answers. Ask which one holds.",
	payment.InvalidProviderData: "The provider's answer can't be trusted. Send it to the provider's support.",
	payment.NotPolled:           "The provider could not be reached. Nothing is known: run the range again.",
}

// pair is a line of two cells in About.
type pair struct{ term, meaning string }

var glossary = []pair{
	{"Gross", "What really moved on completed, matched payments, by the provider's figures."},
	{"Net, deposits", "Gross – refunded – fee – tax: what your balance gained."},
	{"Net, payouts", "Gross – refunded + fee + tax: what your balance lost."},
	{"Disputed", "What the provider says moved on exceptions and orphans."},
	{"Provider total", "Gross + disputed: what a statement or bank account must show."},
	{"Unexplained", "What is left of a difference after the exceptions that explain it."},
	{"At risk", "The money that an exception could cost, in its own currency."},
	{"Matched", "Both sides agree. It includes payments that failed on both sides."},
	{"Pending", "The provider has not decided yet. A pending payment has not failed."},
	{"Exception", "A difference that a person must look at."},
	{"Orphan", "A provider's transaction without a payment of ours."},
}

var marks = []pair{
	{"✓  ties", "The two sides are equal to the last decimal."},
	{"✗  differs", "The difference stands beside it."},
	{"–", "Zero. An empty cell is not known."},
	{"◆ critical", "Money is probably gone or paid twice. Work it today."},
	{"▲ high", "Money is at risk. Work it within two days."},
	{"●  medium", "Probably late or small. Work it this week."},
	{"○  low", "No money at risk, the records differ."},
}

// longAmounts stands in About: what happens to amounts that a number cell can't hold.
const longAmounts = "Amounts of more than 15 digits are text, and so are their sums: numbers would round them."

// plural writes a count with its noun: "1 payment", "1,204 payments".
func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(n) + " " + strings.TrimSuffix(noun, "s") + pluralEnd(noun)
}

func pluralEnd(noun string) string {
	if strings.HasSuffix(noun, "s") {
		return "ses"
	}
	return "s"
}

// count writes a whole number with thousands marks.
func count(n int64) string { return groupDigits(strconv.FormatInt(n, 10)) }

// verb chooses between one and many: verb(1, "is", "are").
func verb(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// capital begins a code's words with a capital: "amount_mismatch" → "Amount mismatch".
func capital(code string) string {
	s := blanks(code)
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// asSentence begins with a capital and ends with a full stop.
func asSentence(s string) string {
	if s = strings.TrimSpace(s); s == "" {
		return ""
	}
	first, size := utf8.DecodeRuneInString(s)
	s = string(unicode.ToUpper(first)) + s[size:]
	if !strings.ContainsAny(s[len(s)-1:], ".!?") {
		s += "."
	}
	return s
}

// blanks writes a code with blanks for underscores.
func blanks(code string) string { return strings.ReplaceAll(code, "_", " ") }

// header is a CSV column's name in words; a time names its zone.
func header(column string, p Passport) string {
	if strings.HasSuffix(column, "_at") || column == "first_seen" {
		return capital(column) + " (" + location(p).String() + ")"
	}
	return capital(column)
}

func location(p Passport) *time.Location {
	if p.Location == nil {
		return time.UTC
	}
	return p.Location
}

// rangeWords is the range for people: "18 to 20 November 2026".
func rangeWords(p Passport) string {
	const full = "2 January 2006"
	from, to := p.From, p.To
	switch {
	case from.Equal(to):
		return to.Format(full)
	case from.Year() != to.Year():
		return from.Format(full) + " to " + to.Format(full)
	case from.Month() != to.Month():
		return from.Format("2 January") + " to " + to.Format(full)
	default:
		return from.Format("2") + " to " + to.Format(full)
	}
}

// scopeWords names the range and what it was narrowed to.
func scopeWords(p Passport) string {
	switch p.Selection {
	case "", "all":
		return rangeWords(p)
	case "outstanding":
		return "Outstanding payments of " + rangeWords(p)
	default:
		return rangeWords(p) + ", " + p.Selection + " only"
	}
}

func selectionWords(p Passport) string {
	switch p.Selection {
	case "", "all":
		return "All providers, payouts and deposits"
	case "outstanding":
		return "All payments that were not final"
	default:
		return "Only " + p.Selection
	}
}

// zoneWords names the timezone with its offset at the end of the range.
func zoneWords(p Passport) string {
	loc := location(p)
	_, offset := time.Date(p.To.Year(), p.To.Month(), p.To.Day(), 12, 0, 0, 0, loc).Zone()
	utc := "UTC"
	if offset != 0 {
		sign := "+"
		if offset < 0 {
			sign, offset = "-", -offset
		}
		utc += sign + strconv.Itoa(offset/3600)
		if minutes := offset % 3600 / 60; minutes != 0 {
			utc += fmt.Sprintf(":%02d", minutes)
		}
	}
	if loc.String() == "UTC" {
		return "UTC"
	}
	return loc.String() + " (" + utc + ")"
}

func subtitle(p Passport) string { return scopeWords(p) + ", business days in " + zoneWords(p) }

// versionLine stands on the right of each title.
func versionLine(p Passport) string {
	run := p.RunID
	if len(run) > 10 {
		run = run[:10]
	}
	return fmt.Sprintf("Version %d · run %s · read %s", p.Version, run, moment(p.ReadAt, p))
}

// moment is an instant in business time: "21 Nov 2026 06:04".
func moment(t time.Time, p Passport) string { return t.In(location(p)).Format("2 Jan 2006 15:04") }

// percentWords turns a share of four decimals into "99.5 %", without rounding.
func percentWords(share string) string {
	whole, frac, ok := strings.Cut(share, ".")
	if !ok || len(frac) != 4 {
		return share
	}
	number := strings.TrimLeft(whole+frac[:2], "0")
	if number == "" {
		number = "0"
	}
	if rest := strings.TrimRight(frac[2:], "0"); rest != "" {
		number += "." + rest
	}
	return number + "\u00a0%" // never parted
}

// list joins words for a sentence: "a", "a and b", "a, b and c".
func list(words []string) string {
	switch len(words) {
	case 0:
		return ""
	case 1:
		return words[0]
	default:
		return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
	}
}

// ageWords is an age in days with one decimal, cut and not rounded.
func ageWords(age time.Duration) string {
	tenths := int64(age / (day / 10))
	return fmt.Sprintf("%d.%d", tenths/10, tenths%10)
}
