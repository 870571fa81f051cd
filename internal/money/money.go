// Package money holds exact amounts. An amount is a whole number of the
// smallest units that its currency (or the network behind it) can move; no
// floating point is used anywhere, and nothing is ever rounded.
package money

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// What can be wrong with a text that should be an amount. Callers decide on
// these: a client turns all three into invalid provider data.
var (
	ErrSyntax    = errors.New("not a decimal number")
	ErrPrecision = errors.New("more decimals than the currency can hold")
	ErrRange     = errors.New("amount too large")
)

// MaxExponent is the finest fraction that ISO 4217 or a configuration gives.
const MaxExponent = 6

// Amount is an exact amount of one currency.
type Amount struct {
	// Minor counts units of 10^-Exp of the currency.
	Minor int64
	// Exp is the number of decimals that Minor carries.
	Exp int
	// Currency is the ISO 4217 code in upper case.
	Currency string
}

// Scale gives the number of decimals of a currency at one provider: ISO 4217,
// unless the configuration says that the network moves finer fractions.
type Scale map[string]int

// Exponent returns the decimals of a currency and whether it is known at all.
func (s Scale) Exponent(currency string) (int, bool) {
	if e, ok := s[currency]; ok {
		return e, true
	}
	return Exponent(currency)
}

// Parse reads a decimal text such as "1250", "1250.5" or "1250.5000" in the
// given currency. Trailing zeros carry no meaning; a digit beyond the
// currency's decimals that is not zero is ErrPrecision.
func (s Scale) Parse(text, currency string) (Amount, error) {
	exp, ok := s.Exponent(currency)
	if !ok {
		return Amount{}, fmt.Errorf("unknown currency %q", clip(currency))
	}
	minor, err := ParseMinor(text, exp)
	if err != nil {
		return Amount{}, err
	}
	return Amount{Minor: minor, Exp: exp, Currency: currency}, nil
}

// FromUnits converts a whole number of units of 10^-unitExp, as providers send
// that speak minor units, into this scale.
func (s Scale) FromUnits(units int64, unitExp int, currency string) (Amount, error) {
	exp, ok := s.Exponent(currency)
	if !ok {
		return Amount{}, fmt.Errorf("unknown currency %q", clip(currency))
	}
	minor, err := rescale(units, unitExp, exp)
	if err != nil {
		return Amount{}, err
	}
	return Amount{Minor: minor, Exp: exp, Currency: currency}, nil
}

// ParseMinor reads a plain decimal text (optional sign, digits, optional dot
// and digits; no exponent, no thousands marks) as units of 10^-exp.
func ParseMinor(text string, exp int) (int64, error) {
	digits := text
	neg := false
	if digits != "" && (digits[0] == '-' || digits[0] == '+') {
		neg = digits[0] == '-'
		digits = digits[1:]
	}
	whole, frac, dot := strings.Cut(digits, ".")
	if whole == "" || (dot && frac == "") || !allDigits(whole) || !allDigits(frac) {
		return 0, fmt.Errorf("%w: %q", ErrSyntax, clip(text))
	}
	frac = strings.TrimRight(frac, "0")
	if len(frac) > exp {
		return 0, fmt.Errorf("%w: %q has more than %d", ErrPrecision, clip(text), exp)
	}
	all := strings.TrimLeft(whole+frac+strings.Repeat("0", exp-len(frac)), "0")
	if all == "" {
		return 0, nil
	}
	minor, err := strconv.ParseInt(all, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %q", ErrRange, clip(text))
	}
	if neg {
		minor = -minor
	}
	return minor, nil
}

// String writes the amount with exactly its currency's decimals, a dot and no
// thousands mark: the form of every CSV.
func (a Amount) String() string { return FormatMinor(a.Minor, a.Exp) }

// IsZero tells whether no money is meant.
func (a Amount) IsZero() bool { return a.Minor == 0 }

// FormatMinor writes units of 10^-exp with exactly exp decimals.
func FormatMinor(minor int64, exp int) string {
	if exp <= 0 {
		return strconv.FormatInt(minor, 10)
	}
	sign, u := "", uint64(minor)
	if minor < 0 {
		sign, u = "-", uint64(-(minor+1))+1 // -MinInt64 does not fit an int64
	}
	s := strconv.FormatUint(u, 10)
	if len(s) <= exp {
		s = strings.Repeat("0", exp-len(s)+1) + s
	}
	return sign + s[:len(s)-exp] + "." + s[len(s)-exp:]
}

// Human writes the amount for a sentence: thousands marks and the currency,
// "1,500.00 KES".
func (a Amount) Human() string {
	s := a.String()
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	whole, frac, dot := strings.Cut(s, ".")
	var b strings.Builder
	for i, r := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	if dot {
		b.WriteByte('.')
		b.WriteString(frac)
	}
	return sign + b.String() + " " + a.Currency
}

// Add adds two amounts of one currency and scale; anything else, and an
// overflow, is an error, never a wrong sum.
func (a Amount) Add(b Amount) (Amount, error) {
	if a.Currency != b.Currency || a.Exp != b.Exp {
		return Amount{}, fmt.Errorf("cannot add %s and %s", a.Currency, b.Currency)
	}
	sum := a.Minor + b.Minor
	if (a.Minor > 0 && b.Minor > 0 && sum < 0) || (a.Minor < 0 && b.Minor < 0 && sum >= 0) {
		return Amount{}, ErrRange
	}
	return Amount{Minor: sum, Exp: a.Exp, Currency: a.Currency}, nil
}

func rescale(v int64, from, to int) (int64, error) {
	for ; from < to; from++ {
		if v > math.MaxInt64/10 || v < math.MinInt64/10 {
			return 0, ErrRange
		}
		v *= 10
	}
	for ; from > to; from-- {
		if v%10 != 0 {
			return 0, fmt.Errorf("%w: %d units of 10^-%d", ErrPrecision, v, from)
		}
		v /= 10
	}
	return v, nil
}

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// clip keeps a hostile value from filling a log line.
func clip(s string) string {
	const most = 40
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
