package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one mistake in the configuration.
type Problem struct {
	Line    int    // in the file; 0 when it has no line
	Key     string // "providers[0].credentials.token"; empty: the file as a whole
	Message string // never holds a value that came from the environment or a file
}

// Error lists every mistake of a configuration, a line each. It is wrong usage:
// nothing was tried.
type Error struct {
	Path     string // the file; empty for a configuration made in code
	Problems []Problem
}

// Error gives a line for each problem: "tieout.yaml:12: timezone: …".
func (e *Error) Error() string {
	lines := make([]string, 0, len(e.Problems))
	for _, p := range e.Problems {
		line := p.Message
		if p.Key != "" {
			line = p.Key + ": " + line
		}
		switch {
		case e.Path != "" && p.Line > 0:
			line = fmt.Sprintf("%s:%d: %s", e.Path, p.Line, line)
		case e.Path != "":
			line = e.Path + ": " + line
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// faults collects problems; it knows on which line each key stands.
type faults struct {
	path  string
	lines map[string]int
	list  []Problem
}

// add notes a problem of a key. The first one counts: what follows from an
// unreadable value is no news.
func (f *faults) add(key, format string, args ...any) {
	if slices.ContainsFunc(f.list, func(p Problem) bool { return p.Key == key && key != "" }) {
		return
	}
	f.list = append(f.list, Problem{Line: f.line(key), Key: key, Message: fmt.Sprintf(format, args...)})
}

// line is where a key stands, or the nearest thing around it that stands.
func (f *faults) line(key string) int {
	if key == "" {
		return f.lines[key]
	}
	for key != "" {
		if n, ok := f.lines[key]; ok {
			return n
		}
		key = key[:max(0, strings.LastIndexAny(key, ".["))]
	}
	return 0
}

func (f *faults) err() error {
	if len(f.list) == 0 {
		return nil
	}
	slices.SortStableFunc(f.list, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return &Error{Path: f.path, Problems: f.list}
}

// nearest returns the known word that is the least typing away from word.
func nearest(word string, known []string) string {
	best, least := "", -1
	for _, k := range slices.Sorted(slices.Values(known)) {
		if d := distance(strings.ToLower(word), strings.ToLower(k)); least < 0 || d < least {
			best, least = k, d
		}
	}
	return best
}

// distance counts the letters to insert, delete or replace between two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
