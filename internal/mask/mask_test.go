package mask_test

import (
	"testing"

	"tieout/internal/mask"
)

func TestNobodyCanBeCalledByAMaskedNumber(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":             "",
		"1234":         "••••",
		"12345678":     "••••78",
		"254712345678": "2547••••678",
		"2547****678":  "2547••••678",
	} {
		if got := mask.Account(in); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
	if mask.Account("254712345678") == mask.Account("254712345679") {
		t.Error("two people look the same")
	}
}
