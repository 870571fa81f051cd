package exception_test

import (
	"testing"

	"tieout/internal/exception"
)

func TestNearMissesAreMistypedReferences(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"DP-20261101-000123", "DP-20261101-000132", true}, // swapped digits
		{"DP-20261101-000123", "DP-20261101-000124", true},
		{"DP-20261101-000123", "DP20261101000123", true},   // two left out
		{"DP-20261101-000123", "dp-20261101-000123", true}, // only the case
		{"DP-20261101-000123", "DP-20261101-000456", false},
		{"DP-20261101-000123", "DP-20261101-000123", false}, // equal is no miss
		{"AB12", "AB13", false},                             // too short to tell
		{"INV-77", "INV-78", true},
		{"INV-77", "INV-88", false},
		{"", "INV-88", false},
	} {
		if got := exception.Near(c.a, c.b); got != c.want || exception.Near(c.b, c.a) != got {
			t.Errorf("%q, %q: %t", c.a, c.b, got)
		}
	}
}
