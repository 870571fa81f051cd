// Package namedsql finds the named parameters (:status) of an SQL statement
// that a person wrote, as PostgreSQL would read it: what stands in quotes,
// comments and casts is none.
package namedsql

import "strings"

// Statement is an SQL text, cut at its named parameters.
type Statement struct {
	texts []string // before, between and after the parameters: one more than names
	names []string
	// Numbered tells that the text uses a numbered parameter such as $1.
	Numbered bool
	// Several tells that something stands behind a semicolon.
	Several bool
	// Open tells that a quote or a comment has no end.
	Open bool
}

// Parse cuts a statement at its named parameters. A semicolon at its end is
// dropped. It never fails: the fields say what is odd.
func Parse(sql string) Statement {
	var s Statement
	from, end := 0, -1 // end: of the statement, at its first semicolon
	for i := 0; i < len(sql); {
		n, kind := token(sql[i:])
		if kind != space && end >= 0 && kind != semicolon {
			s.Several = true
		}
		switch kind {
		case parameter:
			s.texts = append(s.texts, sql[from:i])
			s.names = append(s.names, sql[i+1:i+n])
			from = i + n
		case numbered:
			s.Numbered = true
		case unclosed:
			s.Open = true
		case semicolon:
			if end < 0 {
				end = i
			}
		case space, other:
		}
		i += n
	}
	if end < from || s.Several {
		end = len(sql)
	}
	s.texts = append(s.texts, sql[from:end])
	return s
}

// Names are the parameters in the order in which they stand, each as often as
// it stands.
func (s Statement) Names() []string { return s.names }

// Bind returns the statement with each parameter replaced by what value gives
// for it; i counts the parameters from 0.
func (s Statement) Bind(value func(i int, name string) string) string {
	var b strings.Builder
	for i, name := range s.names {
		b.WriteString(s.texts[i])
		b.WriteString(value(i, name))
	}
	b.WriteString(s.texts[len(s.names)])
	return b.String()
}

type kind int

const (
	other kind = iota
	space      // white space and comments
	parameter
	numbered
	semicolon
	unclosed
)

// token measures the token that s, which is not empty, begins with.
func token(s string) (int, kind) {
	switch c := s[0]; {
	case strings.HasPrefix(s, "--"):
		if i := strings.IndexByte(s, '\n'); i >= 0 {
			return i + 1, space
		}
		return len(s), space
	case strings.HasPrefix(s, "/*"):
		return comment(s)
	case strings.HasPrefix(s, "::"), strings.HasPrefix(s, ":="):
		return 2, other
	case c == ':' && len(s) > 1 && begins(s[1]):
		return 1 + word(s[1:]), parameter
	case c == '\'' || c == '"':
		return quoted(s, 0, false)
	case (c == 'e' || c == 'E') && len(s) > 1 && s[1] == '\'':
		return quoted(s, 1, true)
	case begins(c):
		return word(s), other
	case c == '$':
		return dollar(s)
	case c == ';':
		return 1, semicolon
	case strings.IndexByte(" \t\r\n\f\v", c) >= 0:
		return 1, space
	default:
		return 1, other
	}
}

// quoted measures a quoted text whose quote stands at i. A doubled quote inside
// reads as two texts side by side, which is as long.
func quoted(s string, i int, escapes bool) (int, kind) {
	for j := i + 1; j < len(s); j++ {
		switch {
		case escapes && s[j] == '\\':
			j++
		case s[j] == s[i] && escapes && j+1 < len(s) && s[j+1] == s[i]:
			j++ // what follows is still a text with escapes
		case s[j] == s[i]:
			return j + 1, other
		}
	}
	return len(s), unclosed
}

// comment measures a block comment; they nest.
func comment(s string) (int, kind) {
	depth := 0
	for i := 0; i < len(s); {
		switch {
		case strings.HasPrefix(s[i:], "/*"):
			depth++
			i += 2
		case strings.HasPrefix(s[i:], "*/"):
			depth--
			i += 2
			if depth == 0 {
				return i, space
			}
		default:
			i++
		}
	}
	return len(s), unclosed
}

// dollar measures $tag$ text $tag$, or a numbered parameter.
func dollar(s string) (int, kind) {
	if len(s) > 1 && s[1] >= '0' && s[1] <= '9' {
		return 2, numbered
	}
	n := 1
	if len(s) > 1 && begins(s[1]) {
		for n < len(s) && inside(s[n]) && s[n] != '$' {
			n++
		}
	}
	if n >= len(s) || s[n] != '$' {
		return 1, other
	}
	tag := s[:n+1]
	if i := strings.Index(s[len(tag):], tag); i >= 0 {
		return len(tag) + i + len(tag), other
	}
	return len(s), unclosed
}

// word measures the name that s begins with.
func word(s string) int {
	n := 1
	for n < len(s) && inside(s[n]) {
		n++
	}
	return n
}

func begins(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func inside(c byte) bool { return begins(c) || c >= '0' && c <= '9' || c == '$' }
