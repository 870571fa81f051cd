package reports

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tieout/internal/money"
)

// mostDigits is what a spreadsheet's numbers hold exactly: amounts with more
// significant digits are written as text.
const mostDigits = 15

// number makes the value of a number cell from an exact decimal text. A whole
// number stays an integer. Any other becomes a float64 for one purpose only: to
// be written out again. excelize writes the shortest decimal that reads back as
// the same float64, and for up to 15 significant digits that is the very text
// given here (IEEE 754 guarantees 15), so the file holds the exact decimal;
// nothing is ever computed with it. What has more digits stays text.
func number(text string) any {
	short := text
	if strings.Contains(short, ".") {
		short = strings.TrimRight(strings.TrimRight(short, "0"), ".")
	}
	if significant(short) > mostDigits {
		return text
	}
	if whole, err := strconv.ParseInt(short, 10, 64); err == nil {
		return whole
	}
	carried, err := strconv.ParseFloat(short, 64)
	if err != nil {
		return text
	}
	return carried
}

// significant counts the digits of a plain decimal from its first that is not zero.
func significant(text string) int {
	n := 0
	for i := 0; i < len(text); i++ {
		if c := text[i]; c >= '1' && c <= '9' || c == '0' && n > 0 {
			n++
		}
	}
	return n
}

// minorNumber makes the value of a number cell from units of 10^-exp.
func minorNumber(minor int64, exp int) any {
	if exp <= 0 && minor > -1e15 && minor < 1e15 {
		return minor
	}
	return number(money.FormatMinor(minor, exp))
}

// sum adds up amounts of one currency exactly, also of different scales and
// beyond 64 bits. The zero value is an empty sum.
type sum struct {
	minor big.Int
	exp   int
	parts int  // how many amounts were added
	long  bool // one of them does not fit a number cell: no formula can add them
}

func (s *sum) add(minor int64, exp int) { s.plus(big.NewInt(minor), exp) }

func (s *sum) addSum(o *sum) {
	s.plus(&o.minor, o.exp)
	s.long = s.long || o.long
	s.parts += o.parts - 1
}

func (s *sum) sub(o *sum) {
	n := &sum{exp: o.exp, parts: o.parts, long: o.long}
	n.minor.Neg(&o.minor)
	s.addSum(n)
}

func (s *sum) plus(minor *big.Int, exp int) {
	s.parts++
	v := new(big.Int).Set(minor)
	if exp > s.exp {
		s.minor.Mul(&s.minor, pow10(exp-s.exp))
		s.exp = exp
	} else {
		v.Mul(v, pow10(s.exp-exp))
	}
	s.minor.Add(&s.minor, v)
	if _, text := number(decimal(v, s.exp)).(string); text {
		s.long = true
	}
}

func pow10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

func (s *sum) sign() int { return s.minor.Sign() }

// text is the exact decimal with exp decimals.
func (s *sum) text() string { return decimal(&s.minor, s.exp) }

// value is what a number cell shows; text where the number is too long.
func (s *sum) value() any { return number(s.text()) }

// exact tells whether number cells and formulas can hold the sum and its parts.
func (s *sum) exact() bool {
	_, text := s.value().(string)
	return !text && !s.long
}

// human writes the sum for a sentence: "1,500.00 KES".
func (s *sum) human(currency string) string {
	sign, digits := "", s.text()
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	whole, frac, dot := strings.Cut(digits, ".")
	out := sign + groupDigits(whole)
	if dot {
		out += "." + frac
	}
	return out + " " + currency
}

func decimal(minor *big.Int, exp int) string {
	sign, digits := "", new(big.Int).Abs(minor).String()
	if minor.Sign() < 0 {
		sign = "-"
	}
	if exp <= 0 {
		return sign + digits
	}
	if len(digits) <= exp {
		digits = strings.Repeat("0", exp-len(digits)+1) + digits
	}
	return sign + digits[:len(digits)-exp] + "." + digits[len(digits)-exp:]
}

// groupDigits puts a comma before each group of three digits.
func groupDigits(whole string) string {
	var b strings.Builder
	for i := 0; i < len(whole); i++ {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteByte(whole[i])
	}
	return b.String()
}

// dayZero is day 0 of a spreadsheet's calendar, as it counts from March 1900 on.
var dayZero = time.Date(1899, time.December, 30, 0, 0, 0, 0, time.UTC)

// dateSerial is the spreadsheet's number of a date; nil (an empty cell) when
// the date is not known, text when the calendar does not have it.
func dateSerial(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	if t.Year() < 1901 || t.Year() > 9999 {
		return t.Format(time.DateOnly)
	}
	y, m, d := t.Date()
	return int64(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Sub(dayZero) / (24 * time.Hour))
}

// timeSerial is the spreadsheet's number of an instant, shown as loc's clock
// to the second.
func timeSerial(t time.Time, loc *time.Location) any {
	if t.IsZero() {
		return nil
	}
	local := t.In(loc)
	if local.Year() < 1901 || local.Year() > 9999 {
		return t.UTC().Format(time.RFC3339)
	}
	_, offset := local.Zone()
	const day = 24 * 60 * 60
	seconds := t.Unix() + int64(offset) - dayZero.Unix()
	return float64(seconds/day) + float64(seconds%day)/day
}

// readable spells out what can't be seen, a NUL as <U+0000>, also what would
// turn the reading direction, and makes the text valid. Tab, CR and LF stay:
// CSV quotes them, a cell shows them as a break.
func readable(s string) string {
	if printable(s) {
		return s
	}
	clean := true
	for _, r := range s {
		if hidden(r) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case !hidden(r):
			b.WriteRune(r)
		case r == utf8.RuneError:
			b.WriteRune(utf8.RuneError)
		default:
			fmt.Fprintf(&b, "<U+%04X>", r)
		}
	}
	return b.String()
}

// printable tells that s is ASCII without control characters, as nearly all texts
// are: nothing else needs to be looked for.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func hidden(r rune) bool {
	switch {
	case r == '\t' || r == '\n' || r == '\r':
		return false
	case r == utf8.RuneError: // also each byte that is no UTF-8
		return true
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0xfeff, r == 0xfffe, r == 0xffff:
		return true
	default:
		return unicode.Is(unicode.Cc, r)
	}
}

// oneLine is for cells that hold a single line.
func oneLine(s string) string {
	if printable(s) {
		return s
	}
	s = readable(s)
	if strings.ContainsAny(s, "\r\n\t") {
		s = strings.NewReplacer("\r\n", " ", "\r", " ", "\n", " ", "\t", " ").Replace(s)
	}
	return s
}

// columns counts the columns that a text takes: wide letters and emoji take two.
func columns(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case unicode.Is(unicode.Mn, r) || r == 0x200d || r >= 0xfe00 && r <= 0xfe0f:
		case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3,
			r >= 0xf900 && r <= 0xfaff, r >= 0xff00 && r <= 0xff60, r >= 0x1f300 && r <= 0x1faff:
			n += 2
		default:
			n++
		}
	}
	return n
}
