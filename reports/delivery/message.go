package delivery

import (
	"fmt"
	"strings"
	"time"
)

// subject is one line: the range, whether it ties, and how much there is to do.
func subject(v Version) string {
	verdict, _, _ := strings.Cut(v.Announcement.Verdict, ". ")
	open := v.Announcement.OpenExceptions
	todo := "no exceptions"
	switch n := open.Critical + open.High + open.Medium + open.Low; {
	case open.Critical > 0:
		todo = fmt.Sprintf("%d exceptions open, %d critical", n, open.Critical)
		if n == 1 {
			todo = "1 critical exception open"
		}
	case n == 1:
		todo = "1 exception open"
	case n > 1:
		todo = fmt.Sprintf("%d exceptions open", n)
	}
	return fmt.Sprintf("%s: %s, %s", v.Announcement.Title, strings.TrimSuffix(verdict, "."), todo)
}

// text is the announcement for people.
func text(v Version) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	a := v.Announcement
	line("%s", a.Title)
	line("Run %s, read %s", a.RunID, readAt(v))
	line("")
	line("%s", a.Verdict)
	for _, s := range a.Sentences {
		line("%s", s)
	}
	line("")
	line("Files:")
	for _, f := range v.Files {
		if link := v.Link(f.Name); link != "" {
			line("  %-16s  %s", f.Name, link)
		} else {
			line("  %s", f.Name)
		}
	}
	for _, p := range v.Places {
		if p.Holds {
			line("They are in %s", p.URL)
		} else {
			line("They could not be put into %s yet; the next run tries again.", p.URL)
		}
	}
	if v.LinkBase == "" && len(v.Places) == 0 {
		line("They are in the folder of the reports, under %s/v%d.", v.Folder, v.Number)
	}
	return b.String()
}

// readAt is the run's end in business time.
func readAt(v Version) string {
	at := v.Announcement.ReadAt
	if zone, err := time.LoadLocation(v.Announcement.Timezone); err == nil {
		at = at.In(zone)
	}
	return at.Format("2 January 2006 15:04") + " (" + v.Announcement.Timezone + ")"
}
