package jobs

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"tieout/config"
	"tieout/internal/payment"
)

func date(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestExactlyOneRangeIsTaken(t *testing.T) {
	t.Parallel()
	nairobi, _ := time.LoadLocation("Africa/Nairobi")
	now := time.Date(2026, 11, 21, 22, 30, 0, 0, time.UTC) // the 22nd in Nairobi
	for _, c := range []struct {
		name                   string
		from, to, date         string
		yesterday, outstanding bool
		want                   Range
		wrong                  bool
	}{
		{name: "both ends", from: "2026-11-01", to: "2026-11-03", want: Range{From: date("2026-11-01"), To: date("2026-11-03")}},
		{name: "one day", date: "2026-02-28", want: Range{From: date("2026-02-28"), To: date("2026-02-28")}},
		{name: "yesterday is the merchant's", yesterday: true, want: Range{From: date("2026-11-21"), To: date("2026-11-21")}},
		{name: "outstanding", outstanding: true, want: Range{Outstanding: true}},
		{name: "none", wrong: true},
		{name: "half", from: "2026-11-01", wrong: true},
		{name: "other half", to: "2026-11-01", wrong: true},
		{name: "two", date: "2026-11-01", yesterday: true, wrong: true},
		{name: "backwards", from: "2026-11-03", to: "2026-11-01", wrong: true},
		{name: "no date", date: "2026-02-30", wrong: true},
		{name: "another form", date: "01/11/2026", wrong: true},
	} {
		got, err := ParseRange(c.from, c.to, c.date, c.yesterday, c.outstanding, now, nairobi)
		var usage *UsageError
		if c.wrong != errors.As(err, &usage) || (err == nil && got != c.want) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

func TestNamedRanges(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, want := range map[string]Range{
		"today":         {From: date("2026-03-01"), To: date("2026-03-01")},
		"yesterday":     {From: date("2026-02-28"), To: date("2026-02-28")},
		"last_3_days":   {From: date("2026-02-27"), To: date("2026-03-01")},
		"month_to_date": {From: date("2026-03-01"), To: date("2026-03-01")},
		"last_month":    {From: date("2026-02-01"), To: date("2026-02-28")},
		"outstanding":   {Outstanding: true},
	} {
		if got, err := NamedRange(name, now, time.UTC); err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "last_0_days", "last_x_days", "tomorrow"} {
		if _, err := NamedRange(name, now, time.UTC); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
}

func TestDaysAreLocalAndWholeAcrossClockChanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		zone, day string
		hours     int
	}{
		{"Africa/Nairobi", "2026-11-01", 24},
		{"Europe/Berlin", "2026-03-29", 23},
		{"Europe/Berlin", "2026-10-25", 25},
		{"Africa/Cairo", "2026-04-24", 23},     // midnight does not exist
		{"America/Santiago", "2026-09-06", 23}, // neither here
	} {
		loc, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		from, to := dayStart(date(c.day), loc), dayStart(date(c.day).AddDate(0, 0, 1), loc)
		if got := to.Sub(from); got != time.Duration(c.hours)*time.Hour {
			t.Errorf("%s %s: %s long", c.zone, c.day, got)
		}
		if from.In(loc).Format(time.DateOnly) != c.day || from.Add(-time.Nanosecond).In(loc).Format(time.DateOnly) == c.day {
			t.Errorf("%s %s begins at %s", c.zone, c.day, from.In(loc))
		}
	}
}

func TestSelectionNamesItsFolder(t *testing.T) {
	t.Parallel()
	e := &Env{
		Config: &config.Config{
			Location: time.UTC, Reports: config.Reports{Dir: "out"}, Ledger: config.Ledger{Lookback: 72 * time.Hour},
			Providers: []config.Provider{{Name: "b"}, {Name: "a"}, {Name: "c"}},
		},
		Now: func() time.Time { return time.Date(2026, 11, 21, 5, 0, 0, 0, time.UTC) },
	}
	days := Range{From: date("2026-11-01"), To: date("2026-11-03")}
	for _, c := range []struct {
		req          Request
		folder, name string
	}{
		{Request{Range: days}, "out/2026-11-01_2026-11-03", "all"},
		{Request{Range: days, Providers: []string{"c", "a", "c"}}, "out/2026-11-01_2026-11-03_a+c", "a+c"},
		{Request{Range: days, Providers: []string{"a"}, Kind: payment.Payout}, "out/2026-11-01_2026-11-03_a_payout", "a_payout"},
		{Request{Range: days, Kind: payment.Deposit}, "out/2026-11-01_2026-11-03_deposit", "deposit"},
		{Request{Range: Range{Outstanding: true}, Out: "x"}, "x/outstanding_2026-11-21", "outstanding"},
	} {
		got, err := e.selection(c.req)
		want, absErr := filepath.Abs(c.folder)
		if err != nil || absErr != nil || got.Folder != want || got.Name != c.name {
			t.Errorf("%+v: %s, %s, %v", c.req, got.Folder, got.Name, err)
		}
	}
	if _, err := e.selection(Request{Range: days, Providers: []string{"d"}}); err == nil {
		t.Error("an unknown provider was taken")
	}
}
