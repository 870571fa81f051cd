package store_test

import (
	"slices"
	"strings"

	"tieout/internal/payment"
)

// of returns the kinds of exception of one payment, without its orphans.
func (f found) of(id string) []string {
	var out []string
	for _, e := range f.exceptions {
		kind, whose, _ := strings.Cut(e, " ")
		if whose == id {
			out = append(out, kind)
		}
	}
	return out
}

// sum adds a figure over all lines.
func (f found) sum(figure func(line) int64) int64 {
	var n int64
	for _, l := range f.lines {
		n += figure(l)
	}
	return n
}

func list(kinds ...payment.ExceptionKind) []string {
	var out []string
	for _, k := range kinds {
		out = append(out, string(k))
	}
	slices.Sort(out)
	return out
}

// expect compares one payment's result ("matched completed", "pending",
// "exception failed": the outcome may be empty) and its kinds of exception.
func (f found) expect(t reporter, id, want string, kinds ...payment.ExceptionKind) {
	t.Helper()
	r, ok := f.results[id]
	if !ok {
		t.Errorf("payment %s has no result", id)
		return
	}
	if got := strings.TrimSpace(r.Result + " " + r.Outcome); got != want {
		t.Errorf("payment %s is %q, want %q", id, got, want)
	}
	if got, want := f.of(id), list(kinds...); !slices.Equal(got, want) {
		t.Errorf("payment %s has exceptions %v, want %v", id, got, want)
	}
}

// only says that these are the run's exceptions, and no others.
func (f found) only(t reporter, want ...string) {
	t.Helper()
	slices.Sort(want)
	if !slices.Equal(f.exceptions, want) {
		t.Errorf("exceptions:\n got  %s\n want %s", strings.Join(f.exceptions, "; "), strings.Join(want, "; "))
	}
}

func (f found) role(t reporter, key, want string) {
	t.Helper()
	if got := f.roles[key]; got != want {
		t.Errorf("transaction %s is %q, want %q", key, got, want)
	}
}

func (f found) method(t reporter, id string, want payment.MatchMethod) {
	t.Helper()
	if got := f.results[id].Method; got != string(want) {
		t.Errorf("payment %s was matched by %q, want %q", id, got, want)
	}
}
