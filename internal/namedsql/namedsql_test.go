package namedsql

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParametersAreFoundOutsideOfQuotesCommentsAndCasts(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"UPDATE p SET s = :status WHERE id = :payment_id":     "UPDATE p SET s = <status> WHERE id = <payment_id>",
		"SELECT :a, :a::text, :b":                             "SELECT <a>, <a>::text, <b>",
		"SELECT ':a', \":b\", 'it''s :c', :d":                 "SELECT ':a', \":b\", 'it''s :c', <d>",
		`SELECT E'\':a', e'x''\\:b', :c`:                      `SELECT E'\':a', e'x''\\:b', <c>`,
		`SELECT '\', :a, '`:                                   `SELECT '\', <a>, '`,
		"SELECT 1 -- :a\n, :b":                                "SELECT 1 -- :a\n, <b>",
		"SELECT /* :a /* :b */ :c */ :d":                      "SELECT /* :a /* :b */ :c */ <d>",
		"SELECT $$ :a $$, $x$ :b $$ $x$, :c":                  "SELECT $$ :a $$, $x$ :b $$ $x$, <c>",
		"SELECT f(x := 1), a[1:2], a[1 : 2], now()::date, :a": "SELECT f(x := 1), a[1:2], a[1 : 2], now()::date, <a>",
		"SELECT name$1, te'x' FROM t":                         "SELECT name$1, te'x' FROM t",
		"SELECT :a_1;":                                        "SELECT <a_1>",
		"SELECT :a ; -- done":                                 "SELECT <a> ",
		"":                                                    "",
	} {
		s := Parse(sql)
		got := s.Bind(func(_ int, name string) string { return "<" + name + ">" })
		open := strings.HasSuffix(sql, ", '")
		if got != want || s.Several || s.Numbered || s.Open != open {
			t.Errorf("%q gives %q (%+v), want %q", sql, got, s, want)
		}
	}
}

func TestWhatIsOddIsSaid(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"SELECT 1; DROP TABLE p":   "several",
		"SELECT 1;;":               "",
		"SELECT ';', \";\" -- ;\n": "",
		"SELECT $1":                "numbered",
		"SELECT '$1'":              "",
		"SELECT 'a":                "open",
		"SELECT /* a":              "open",
		"SELECT $x$ a $y$":         "open",
		"SELECT \"a":               "open",
	} {
		s := Parse(sql)
		got := ""
		for word, yes := range map[string]bool{"several": s.Several, "numbered": s.Numbered, "open": s.Open} {
			if yes {
				got += word
			}
		}
		if got != want {
			t.Errorf("%q is %q, want %q", sql, got, want)
		}
	}
}

func TestAnyTextSurvivesBeingBoundToItsOwnNames(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sql := rapid.StringMatching(`([a-z:$'"/*\-\\ ;_0-9E]|\n){0,40}`).Draw(t, "sql")
		s := Parse(sql)
		n := 0
		got := s.Bind(func(i int, name string) string {
			if i != n || s.Names()[i] != name {
				t.Fatalf("parameter %d is %s, want %d of %v", i, name, n, s.Names())
			}
			n++
			return ":" + name
		})
		rest := strings.TrimPrefix(sql, got)
		if rest != "" && (!strings.HasPrefix(rest, ";") || s.Several) || len(got)+len(rest) != len(sql) {
			t.Fatalf("%q became %q", sql, got)
		}
		if numbers := s.Bind(func(i int, _ string) string { return fmt.Sprintf(" $%d ", i+1) }); len(Parse(numbers).Names()) != 0 && !s.Open {
			t.Fatalf("%q has parameters left", numbers)
		}
	})
}
