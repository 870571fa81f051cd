package store_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"tieout/internal/store/pgtest"
)

func TestMain(m *testing.M) {
	// a check is two runs and more on a real database: fewer than rapid's hundred; the command line may ask for others
	if err := flag.Set("rapid.checks", "60"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	pgtest.Main(m)
}
