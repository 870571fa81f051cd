package store

import (
	"testing"
	"time"
)

func TestWhichReadingsARollForwardLeadsFromAndTo(t *testing.T) {
	t.Parallel()
	// hours of a week; the range is the day from 24 to 48
	at := func(h float64) time.Time {
		return time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(h * float64(time.Hour)))
	}
	all := []span{{at(-100), at(1000)}}
	for name, c := range map[string]struct {
		readings        []float64
		shown           []span
		opening, ending float64
		why             string
	}{
		"the first":                      {[]float64{54}, all, -1, 54, "no earlier balance"},
		"before and after the range":     {[]float64{6, 30, 54}, all, 6, 54, ""},
		"the nearest to the range":       {[]float64{6, 20, 23, 30, 49, 54, 78}, all, 23, 49, ""},
		"at its very ends":               {[]float64{23, 24, 48, 54}, all, 24, 48, ""},
		"none before it":                 {[]float64{30, 54}, all, 30, 54, ""},
		"all after it":                   {[]float64{54, 60, 78}, all, 60, 78, ""},
		"the range is not over":          {[]float64{6, 30, 40}, all, 6, 40, ""},
		"no statement":                   {[]float64{6, 54}, nil, 6, 54, "no statement"},
		"a statement that ends earlier":  {[]float64{6, 30, 54}, []span{{at(0), at(53)}}, 6, 30, ""},
		"a statement that begins later":  {[]float64{6, 30, 54}, []span{{at(7), at(60)}}, 30, 54, ""},
		"the longer of two":              {[]float64{6, 20, 30, 47, 54}, []span{{at(0), at(21)}, {at(29), at(50)}}, 30, 47, ""},
		"a gap between every two":        {[]float64{6, 54}, []span{{at(0), at(20)}, {at(21), at(60)}}, 6, 54, "not on a statement yet"},
		"what is later changes nothing":  {[]float64{6, 54, 78, 102}, all, 6, 54, ""},
		"reads at once, nothing between": {[]float64{23, 48}, []span{{at(23), at(48)}}, 23, 48, ""},
	} {
		var readings []reading
		for i, h := range c.readings {
			readings = append(readings, reading{At: at(h), Minor: int64(i)})
		}
		opening, closing, why := between(readings, c.shown, at(24), at(48))
		got := -1.0
		if opening != nil {
			got = opening.At.Sub(at(0)).Hours()
		}
		if end := closing.At.Sub(at(0)).Hours(); got != c.opening || end != c.ending || why != c.why {
			t.Errorf("%s: from %v to %v (%s), want %v to %v (%s)", name, got, end, why, c.opening, c.ending, c.why)
		}
	}
}
