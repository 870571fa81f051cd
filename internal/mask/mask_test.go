package mask_test

import (
	"fmt"
	"regexp"
	"sync"
	"testing"

	"tieout/internal/mask"
)

var keyed = mask.Keyed([]byte("a key of this installation"))

func TestNobodyCanBeCalledByAMaskedNumber(t *testing.T) {
	t.Parallel()
	const tag = "•[b-df-hj-np-tv-z]{10}•"
	for in, want := range map[string]string{
		"":                  "^$",
		"1234":              "^" + tag + "$",
		"12345678":          "^" + tag + "78$",
		"254712345678":      "^2547" + tag + "678$",
		"cus_8f2Kq0012":     "^cus_" + tag + "012$",
		"Jane Achieng Ouma": "^Jane" + tag + "uma$",
		"2547****678":       "^2547••••678$", // masked by the provider
		"2547•••678":        "^2547••••678$",
	} {
		if got := keyed(in); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
}

func TestOneNumberLooksTheSameHoweverItIsGrouped(t *testing.T) {
	t.Parallel()
	want := keyed("254712345678")
	for _, in := range []string{"+254712345678", "+254 712 345 678", " 254-712-345-678", "(254) 712345678"} {
		if got := keyed(in); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
}

// All 100,000 numbers with the same visible ends look different.
func TestTwoPeopleNeverLookTheSame(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for i := range 100_000 {
		in := fmt.Sprintf("2547%05d678", i)
		got := keyed(in)
		if other, taken := seen[got]; taken {
			t.Fatalf("%s and %s both look like %s", in, other, got)
		}
		seen[got] = in
	}
}

func TestAnotherKeyGivesOtherLetters(t *testing.T) {
	t.Parallel()
	if keyed("254712345678") == mask.Keyed([]byte("another key"))("254712345678") {
		t.Error("the letters don't depend on the key: anybody could try all numbers")
	}
}

// Both workbooks and the CSVs are written at the same time.
func TestAMaskIsSharedByWriters(t *testing.T) {
	t.Parallel()
	want := keyed("254712345678")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				if got := keyed("254712345678"); got != want {
					t.Errorf("got %q, want %q", got, want)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestWithoutAKeyTheEndsAreKept(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "", "1234": "••••", "12345678": "••••78", "254712345678": "2547••••678"} {
		if got := mask.Ends(in); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
}

func BenchmarkKeyed(b *testing.B) {
	for b.Loop() {
		keyed("254712345678")
	}
}
