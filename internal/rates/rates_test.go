package rates_test

import (
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tieout/internal/rates"
)

const sound = "date,currency,rate\n2026-11-19,UGX,0.0345\n2026-11-20,UGX,0.03460\n2026-11-18,ZMW,5.70\n2026-11-20,KES,1\n"

func day(text string) time.Time {
	d, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return d
}

func TestTheNewestRateThatIsNotLaterHolds(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rates.csv")
	if err := os.WriteFile(path, []byte("\xef\xbb\xbf"+strings.ReplaceAll(sound, "\n", "\r\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	table, err := rates.Load(path, "KES")
	if err != nil {
		t.Fatal(err)
	}
	if table.File != "rates.csv" || len(table.SHA256) != 64 || table.Exp != 2 {
		t.Errorf("the file is %s, %s, %d decimals", table.File, table.SHA256, table.Exp)
	}
	for _, c := range []struct{ on, currency, rate, of, missing string }{
		{"2026-11-20", "UGX", "0.0346", "2026-11-20", ""},
		{"2026-11-19", "UGX", "0.0345", "2026-11-19", ""},
		{"2026-11-25", "ZMW", "5.7", "2026-11-18", ""},
		{"2026-11-26", "ZMW", "", "", "ZMW has no rate after 18 Nov 2026"},
		{"2026-11-17", "ZMW", "", "", "ZMW has no rate before 18 Nov 2026"},
		{"2026-11-20", "IDR", "", "", "IDR has no rate"},
		{"2026-12-31", "KES", "1", "2026-12-31", ""},
	} {
		got, err := table.On(day(c.on), c.currency)
		if c.missing != "" {
			if err == nil || err.Error() != c.missing {
				t.Errorf("%s on %s: got %v, want %q", c.currency, c.on, err, c.missing)
			}
			continue
		}
		if err != nil || got.Text != c.rate || !got.Date.Equal(day(c.of)) {
			t.Errorf("%s on %s: got %s of %s (%v), want %s of %s", c.currency, c.on, got.Text, got.Date, err, c.rate, c.of)
		}
	}
}

func TestMistakesAreNamedByRowAndField(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                         "the file is empty; its first line must be date,currency,rate",
		"currency,date,rate\n":     "row 1: the header must be date,currency,rate",
		"date;currency;rate\n":     "row 1: the header must be date,currency,rate",
		"20/11/2026,UGX,1":         `row 2, field date: "20/11/2026" is not a date such as 2026-11-20`,
		"2026-11-31,UGX,1":         `row 2, field date: "2026-11-31" is not a date such as 2026-11-20`,
		"2026-11-20,ugx,1":         `row 2, field currency: "ugx" is not an ISO 4217 currency code`,
		"2026-11-20,UGX,\"0,034\"": `row 2, field rate: "0,034" is not a decimal number such as 0.0345`,
		"2026-11-20,UGX,1e3":       `row 2, field rate: "1e3" is not a decimal number such as 0.0345`,
		"2026-11-20,UGX,-1":        `row 2, field rate: "-1" is not a decimal number such as 0.0345`,
		"2026-11-20,UGX, 1":        `row 2, field rate: " 1" is not a decimal number such as 0.0345`,
		"2026-11-20,UGX,1.":        `row 2, field rate: "1." is not a decimal number such as 0.0345`,
		"2026-11-20,UGX,":          `row 2, field rate: "" is not a decimal number such as 0.0345`,
		"2026-11-20,UGX,0.000":     `row 2, field rate: "0.000" is not greater than zero`,
		"2026-11-20,KES,1.01":      "row 2, field rate: KES is the reporting currency: its rate is 1",
		"2026-11-20,UGX":           "row 2: has 2 fields, not 3",
		"2026-11-20,UGX,\"1":       `row 2: extraneous or missing " in quoted-field`,
		"2026-11-20,UGX,1\n2026-11-20,UGX,1\nx,UGX,1": "row 3, field date: UGX has a rate of 2026-11-20 already, in row 2\n" +
			`row 4, field date: "x" is not a date such as 2026-11-20`,
	} {
		if in != "" && !strings.HasPrefix(in, "date") && !strings.HasPrefix(in, "currency") {
			in = "date,currency,rate\n" + in
		}
		if _, err := rates.Read(strings.NewReader(in), "KES"); err == nil || err.Error() != want {
			t.Errorf("%q\n got %v\nwant %s", in, err, want)
		}
	}
	_, err := rates.Read(strings.NewReader("date,currency,rate\n"+strings.Repeat("x,UGX,1\n", 100)), "KES")
	if err == nil || !strings.HasSuffix(err.Error(), "and 80 more") {
		t.Errorf("a hundred mistakes are told as %v", err)
	}
	if _, err := rates.Read(strings.NewReader(sound), "SHS"); err == nil {
		t.Error("SHS is taken for a currency")
	}
}

func TestHalvesAreRoundedAwayFromZero(t *testing.T) {
	t.Parallel()
	table, err := rates.Read(strings.NewReader("date,currency,rate\n2026-11-20,UGX,0.035\n2026-11-20,KWD,421.5\n2026-11-20,USD,129.25\n"), "KES")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		currency string
		minor    int64
		exp      int
		want     int64
	}{
		{"UGX", 1, 0, 4},
		{"UGX", -1, 0, -4},
		{"UGX", 3, 0, 11},
		{"UGX", 0, 0, 0}, // 0.035 is 4 cents, 0.105 is 11
		{"KWD", 1, 3, 42},
		{"KWD", 1001, 3, 42192},
		{"USD", 10_000, 2, 1_292_500},
		{"KES", 12_345, 2, 12_345},
		{"KES", 123_451, 3, 12_345},
		{"KES", 123_455, 3, 12_346},
	} {
		r, err := table.On(day("2026-11-20"), c.currency)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Convert(big.NewInt(c.minor), c.exp, 2); got.Int64() != c.want {
			t.Errorf("%d units of 10^-%d %s at %s: got %s, want %d", c.minor, c.exp, c.currency, r.Text, got, c.want)
		}
	}
}

// A conversion is the exact product, at most half a unit away.
func TestAConversionIsNeverMoreThanHalfAUnitOff(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[0-9]{1,9}(\.[0-9]{1,12})?`).Filter(func(s string) bool { return strings.Trim(s, "0.") != "" }).Draw(t, "rate")
		minor, exp := rapid.Int64().Draw(t, "minor"), rapid.IntRange(0, 6).Draw(t, "exp")
		table, err := rates.Read(strings.NewReader("date,currency,rate\n2026-11-20,UGX,"+text+"\n"), "KES")
		if err != nil {
			t.Fatal(err)
		}
		r, err := table.On(day("2026-11-20"), "UGX")
		if err != nil {
			t.Fatal(err)
		}
		rate, ok := new(big.Rat).SetString(text)
		if back, ok2 := new(big.Rat).SetString(r.Text); !ok || !ok2 || back.Cmp(rate) != 0 {
			t.Fatalf("%s is written as %s", text, r.Text)
		}
		exact := new(big.Rat).Mul(rate, new(big.Rat).SetFrac(big.NewInt(minor), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(exp)), nil)))
		off := new(big.Rat).Sub(new(big.Rat).SetFrac(r.Convert(big.NewInt(minor), exp, 2), big.NewInt(100)), exact)
		switch off.Abs(off).Cmp(big.NewRat(1, 200)) {
		case 1:
			t.Fatalf("%d units of 10^-%d at %s are %s off", minor, exp, text, off.FloatString(20))
		case 0: // a half goes away from zero
			if got := r.Convert(big.NewInt(minor), exp, 2); new(big.Rat).SetFrac(new(big.Int).Abs(got), big.NewInt(100)).Cmp(exact.Abs(exact)) < 0 {
				t.Fatalf("the half %s was rounded towards zero", exact.FloatString(20))
			}
		}
	})
}

// No text makes the parser fail, and what it takes it gives back.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		sound, "date,currency,rate\n2026-11-20,UGX,\"1\n", "date,currency,rate\r\n0000-01-01,USD,999999999999999999999999999999\n", "\xef\xbb\xbfdate,currency,rate", "date,currency,rate\n,,\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		table, err := rates.Read(strings.NewReader(text), "KES")
		if err != nil {
			return
		}
		for _, currency := range []string{"UGX", "USD", "KES", "ZMW"} {
			for _, on := range []string{"2026-11-20", "2026-11-18", "0000-01-02"} {
				r, err := table.On(day(on), currency)
				if err != nil {
					continue
				}
				if age := day(on).Sub(r.Date); age < 0 || age > rates.MaxAge {
					t.Errorf("the rate of %s serves %s", r.Date, on)
				}
				if r.Convert(big.NewInt(1_000_000_000), 0, 30).Sign() <= 0 {
					t.Errorf("a rate of %s is none", r.Text)
				}
			}
		}
	})
}
