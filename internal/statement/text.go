package statement

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	// withMarks is a number whose marks can mean one thing only: groups of
	// three and, behind a dot, decimals. "1,250" may be 1.25 elsewhere.
	withMarks  = regexp.MustCompile(`^[+-]?\d{1,3}(,\d{3})+\.\d+$`)
	scientific = regexp.MustCompile(`^([+-]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$`)
	serial     = regexp.MustCompile(`^\d{1,7}(\.\d+)?$`)
)

func withoutMarks(text string) string {
	if withMarks.MatchString(text) {
		return strings.ReplaceAll(text, ",", "")
	}
	return text
}

// byComma is a number with a comma before its decimals and, perhaps, groups of
// three between dots or blanks.
var byComma = regexp.MustCompile(`^[+-]?(\d{1,3}(\.\d{3})+|\d{1,3}([ \x{a0}\x{202f}]\d{3})+|\d+)(,\d+)?$`)

// withDot writes such a number with a dot; what is none gets no number's form.
func withDot(text string) string {
	if !byComma.MatchString(text) {
		return "not by comma: " + text
	}
	whole, part, _ := strings.Cut(text, ",")
	whole = strings.NewReplacer(".", "", " ", "", "\u00a0", "", "\u202f", "").Replace(whole)
	if part == "" {
		return whole
	}
	return whole + "." + part
}

// losesMoney tells whether what a sheet shows of a number differs from what it
// holds by more than a binary number's own error.
func losesMoney(exact, shown string, exp int) bool {
	a, ok := new(big.Rat).SetString(exact)
	b, ok2 := new(big.Rat).SetString(shown)
	if !ok || !ok2 {
		return false // no number: said elsewhere
	}
	d := a.Sub(a, b)
	const thousand = 3 // a thousandth of the currency's smallest unit
	d.Mul(d.Abs(d), new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(exp+thousand)), nil)))
	return d.Cmp(big.NewRat(1, 1)) > 0
}

// looksRounded tells a long number that a sheet holds as a number: only its
// first 15 to 17 digits are kept.
func looksRounded(text string) bool {
	m := scientific.FindStringSubmatch(text)
	const kept = 17
	return m != nil && (m[4] != "" || len(m[2]) > kept && strings.Trim(m[2][kept:], "0") == "")
}

// fromSheet writes a raw cell as a plain decimal. A sheet keeps a number as a
// binary one and shows 15 digits of it, which are the ones that were entered:
// 0.1 may stand there as 0.10000000000000001. What is no such number is given
// back as it is.
func fromSheet(text string) string {
	m := scientific.FindStringSubmatch(text)
	if m == nil {
		return text
	}
	digits, point := m[2]+m[3], len(m[2])
	if m[4] != "" {
		e, err := strconv.Atoi(m[4])
		if err != nil || e > 30 || e < -30 {
			return text
		}
		point += e
	}
	digits, point = shown(digits, point)
	switch {
	case point <= 0:
		digits, point = strings.Repeat("0", 1-point)+digits, 1
	case point > len(digits):
		digits += strings.Repeat("0", point-len(digits))
	}
	if point == len(digits) {
		return m[1] + digits
	}
	return m[1] + digits[:point] + "." + digits[point:]
}

// shown keeps the 15 significant digits that a sheet shows, half away from zero.
func shown(digits string, point int) (string, int) {
	const kept = 15
	trimmed := strings.TrimLeft(digits, "0")
	point -= len(digits) - len(trimmed)
	if len(trimmed) <= kept {
		if trimmed == "" {
			return "0", 1
		}
		return trimmed, point
	}
	up := trimmed[kept] >= '5'
	b := []byte(trimmed[:kept])
	for i := kept - 1; up && i >= 0; i-- {
		if b[i]++; b[i] <= '9' {
			up = false
		} else {
			b[i] = '0'
		}
	}
	if up {
		return "1" + string(b), point + 1
	}
	return string(b), point
}

// layouts of times; those without a zone are in the format's.
var layouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999 Z07:00",
	"2006-01-02 15:04:05.999999999 MST", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04", "2006-01-02T15:04Z07:00", "2006-01-02",
	"2006-01-02 3:04 PM", "2006-01-02 3:04:05 PM",
	"2006/01/02", "2006/01/02 15:04", "2006/01/02 15:04:05.999999999",
	"2 Jan 2006", "2 Jan 2006 15:04", "2 Jan 2006 15:04:05", "2-Jan-2006", "2-Jan-2006 15:04", "2-Jan-2006 15:04:05",
}

// time reads a time; zero where the cell is empty.
func (p *parser) time(col int) time.Time {
	text := p.get(col)
	if text == "" {
		return time.Time{}
	}
	zone := p.DayZone()
	if p.sheet && serial.MatchString(text) {
		if t := fromSerial(text, zone); plausible(t) {
			return t
		}
	}
	if day, clock, ok := p.Dates.iso(text); ok {
		text = strings.TrimSpace(day + " " + clock)
	}
	for _, layout := range layouts {
		if strings.HasSuffix(layout, "MST") && !strings.HasSuffix(text, " UTC") {
			continue // no other abbreviation means one zone only
		}
		t, err := time.ParseInLocation(layout, text, zone)
		if err != nil {
			continue
		}
		if plausible(t) {
			return t.UTC()
		}
	}
	if digits.MatchString(text) {
		p.fail(col, "may mean two days: statement_dates must say whether day/month/year or month/day/year")
	} else {
		p.fail(col, "is no time such as 2026-03-10T14:30:00Z")
	}
	return time.Time{}
}

// digits is a date of digits alone, with its year at the end, and what follows.
var digits = regexp.MustCompile(`^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?:[ ,T]+(.+))?$`)

// iso writes a date of digits alone with its year first.
func (o DateOrder) iso(text string) (day, clock string, ok bool) {
	m := digits.FindStringSubmatch(text)
	if m == nil || o == "" {
		return "", "", false
	}
	d, month := m[1], m[2]
	if o == MonthFirst {
		d, month = month, d
	}
	return fmt.Sprintf("%s-%02s-%02s", m[3], month, d), m[4], true
}

func plausible(t time.Time) bool { return t.Year() >= 2000 && t.Year() <= 2100 }

// fromSerial reads a sheet's date, the days since 30 December 1899, to the
// millisecond.
func fromSerial(text string, zone *time.Location) time.Time {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return time.Time{}
	}
	day := time.Date(1899, 12, 30, 0, 0, 0, 0, zone)
	r.Mul(r, big.NewRat(24*60*60*1000, 1))
	r.Add(r, big.NewRat(1, 2))
	ms := new(big.Int).Quo(r.Num(), r.Denom()).Int64()
	const msOfDay = 24 * 60 * 60 * 1000
	// the clock of the day, also where the zone changes its offset
	return day.AddDate(0, 0, int(ms/msOfDay)).Add(time.Duration(ms%msOfDay) * time.Millisecond).UTC()
}
