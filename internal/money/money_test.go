package money_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tieout/internal/money"
)

func TestParseReadsExactDecimals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text, currency string
		minor          int64
		err            error
	}{
		{"0", "KES", 0, nil},
		{"1250", "KES", 125000, nil},
		{"1250.5", "KES", 125050, nil},
		{"1000.0000", "XAF", 1000, nil}, // trailing zeros carry no meaning
		{"0.001", "KWD", 1, nil},
		{"-3.10", "USD", -310, nil},
		{"007.50", "USD", 750, nil},
		{"92233720368547758.07", "USD", math.MaxInt64, nil},
		{"92233720368547758.08", "USD", 0, money.ErrRange},
		{"1500.50", "UGX", 0, money.ErrPrecision}, // never rounded
		{"0.001", "USD", 0, money.ErrPrecision},
		{"1e3", "USD", 0, money.ErrSyntax},
		{"1,000.00", "USD", 0, money.ErrSyntax},
		{".5", "USD", 0, money.ErrSyntax},
		{"5.", "USD", 0, money.ErrSyntax},
		{"", "USD", 0, money.ErrSyntax},
		{"NaN", "USD", 0, money.ErrSyntax},
		{" 5", "USD", 0, money.ErrSyntax},
		{"٣", "USD", 0, money.ErrSyntax},
	} {
		a, err := money.Scale(nil).Parse(c.text, c.currency)
		if !errors.Is(err, c.err) || (err == nil && a.Minor != c.minor) {
			t.Errorf("Parse(%q, %s) = %v, %v; want %d, %v", c.text, c.currency, a.Minor, err, c.minor, c.err)
		}
	}
}

func TestConfiguredDecimalsWinOverISO(t *testing.T) {
	t.Parallel()
	a, err := money.Scale{"UGX": 2}.Parse("1500.50", "UGX")
	if err != nil || a.Minor != 150050 || a.String() != "1500.50" {
		t.Fatalf("got %+v, %v", a, err)
	}
	if _, err := money.Scale(nil).Parse("1", "XXX"); err == nil {
		t.Fatal("an unknown currency was taken")
	}
}

func TestMinorUnitsOfAProviderAreConverted(t *testing.T) {
	t.Parallel()
	if a, err := money.Scale(nil).FromUnits(125000, 2, "KES"); err != nil || a.String() != "1250.00" {
		t.Errorf("KES: %v, %v", a, err)
	}
	if a, err := money.Scale(nil).FromUnits(70000, 2, "UGX"); err != nil || a.Minor != 700 {
		t.Errorf("whole shillings in hundredths: %v, %v", a, err)
	}
	if _, err := money.Scale(nil).FromUnits(70050, 2, "UGX"); !errors.Is(err, money.ErrPrecision) {
		t.Errorf("half a shilling was taken: %v", err)
	}
	if _, err := money.Scale(nil).FromUnits(math.MaxInt64, 0, "USD"); !errors.Is(err, money.ErrRange) {
		t.Errorf("an overflow was taken: %v", err)
	}
}

func TestHumanGroupsThousands(t *testing.T) {
	t.Parallel()
	for want, a := range map[string]money.Amount{
		"1,500.00 KES":     {Minor: 150000, Exp: 2, Currency: "KES"},
		"-12,212,250 UGX":  {Minor: -12212250, Exp: 0, Currency: "UGX"},
		"0.007 KWD":        {Minor: 7, Exp: 3, Currency: "KWD"},
		"999 JPY":          {Minor: 999, Exp: 0, Currency: "JPY"},
		"1,000,000.10 USD": {Minor: 100000010, Exp: 2, Currency: "USD"},
	} {
		if got := a.Human(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAddRefusesWhatIsNoSum(t *testing.T) {
	t.Parallel()
	kes := money.Amount{Minor: math.MaxInt64, Exp: 2, Currency: "KES"}
	if _, err := kes.Add(money.Amount{Minor: 1, Exp: 2, Currency: "KES"}); !errors.Is(err, money.ErrRange) {
		t.Errorf("overflow: %v", err)
	}
	if _, err := kes.Add(money.Amount{Minor: 1, Exp: 2, Currency: "USD"}); err == nil {
		t.Error("two currencies were added")
	}
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		minor, exp := rapid.Int64().Draw(t, "minor"), rapid.IntRange(0, money.MaxExponent).Draw(t, "exp")
		text := money.FormatMinor(minor, exp)
		if strings.HasPrefix(text, "-9223372036854775808") || minor == math.MinInt64 {
			return // the one value whose opposite does not exist
		}
		back, err := money.ParseMinor(text, exp)
		if err != nil || back != minor {
			t.Fatalf("%d with %d decimals is written %q and read %d, %v", minor, exp, text, back, err)
		}
	})
}

func FuzzParseMinor(f *testing.F) {
	for _, s := range []string{"1", "-0.50", "1000.0000", "1e9", "", ".", "-", "９", "00000000000000000000000001.5"} {
		f.Add(s, 2)
	}
	f.Fuzz(func(t *testing.T, text string, exp int) {
		if exp < 0 || exp > money.MaxExponent {
			return
		}
		minor, err := money.ParseMinor(text, exp)
		if err != nil {
			return
		}
		again, err := money.ParseMinor(money.FormatMinor(minor, exp), exp)
		if err != nil || again != minor {
			t.Fatalf("%q: %d, then %d, %v", text, minor, again, err)
		}
	})
}

func TestCurrenciesHaveDecimals(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]int{"KES": 2, "UGX": 0, "JPY": 0, "KWD": 3, "IDR": 2, "ZMW": 2, "XAF": 0, "MGA": 2, "CLF": 4} {
		if got, ok := money.Exponent(code); !ok || got != want {
			t.Errorf("%s: %d, %t; want %d", code, got, ok, want)
		}
	}
	if len(money.Currencies()) < 150 {
		t.Errorf("only %d currencies are known", len(money.Currencies()))
	}
}
