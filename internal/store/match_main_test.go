package store_test

import (
	"testing"

	"tieout/internal/store/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
