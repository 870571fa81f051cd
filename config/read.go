package config

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// reader turns YAML nodes into values and notes each one that is not what its
// key needs. It works on the nodes' text, so that amounts never pass through a
// floating point number and every mistake has its line.
type reader struct {
	*faults
	env  func(string) (string, bool)
	base string // the configuration file; files that it names are found from its folder
}

// field reads the value of one key.
type field func(n *yaml.Node, key string)

// mapping reads a mapping with a fixed set of keys.
func (r *reader) mapping(n *yaml.Node, key string, fields map[string]field) {
	known := make([]string, 0, len(fields))
	for name := range fields {
		known = append(known, name)
	}
	r.entries(n, key, func(name string, v *yaml.Node, at string) {
		read, ok := fields[name]
		if !ok {
			r.add(at, "unknown key; the nearest known one is %s", nearest(name, known))
			return
		}
		read(v, at)
	})
}

// entries walks over a mapping with any keys; each key may stand once.
func (r *reader) entries(n *yaml.Node, key string, each func(name string, v *yaml.Node, at string)) {
	n = follow(n)
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.add(key, "must be a mapping of keys to values")
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := follow(n.Content[i]), n.Content[i+1]
		if k.Kind != yaml.ScalarNode {
			r.list = append(r.list, Problem{Line: n.Content[i].Line, Key: key, Message: "a key must be plain text"})
			continue
		}
		at := join(key, clip(k.Value))
		if first, ok := seen[k.Value]; ok {
			r.list = append(r.list, Problem{Line: k.Line, Key: at, Message: "stands twice, first on line " + strconv.Itoa(first)})
			continue
		}
		seen[k.Value] = k.Line
		r.lines[at] = k.Line
		each(k.Value, v, at)
	}
}

// sequence walks over a list.
func (r *reader) sequence(n *yaml.Node, key string, each func(v *yaml.Node, at string)) {
	n = follow(n)
	if isNull(n) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		r.add(key, "must be a list")
		return
	}
	for i, v := range n.Content {
		at := key + "[" + strconv.Itoa(i) + "]"
		r.lines[at] = v.Line
		each(v, at)
	}
}

// scalar reads one value as text, with what it names from outside filled in.
// ok is false when there is no usable value; null counts as empty.
func (r *reader) scalar(n *yaml.Node, key string) (text string, ok bool) {
	n = follow(n)
	if n.Kind != yaml.ScalarNode {
		r.add(key, "must be one value, not a list or a mapping")
		return "", false
	}
	if isNull(n) {
		return "", true
	}
	if n.Style&yaml.TaggedStyle != 0 {
		r.add(key, "has a YAML tag; a text that begins with ! needs quotes")
		return "", false
	}
	return r.expand(n.Value, key)
}

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expand replaces ${VAR} and ${file:/path}; $${ stands for ${ itself. What it
// puts in is not looked at again, and never shown.
func (r *reader) expand(value, key string) (string, bool) {
	var out strings.Builder
	for {
		at := strings.Index(value, "${")
		if at < 0 {
			out.WriteString(value)
			return out.String(), true
		}
		if at > 0 && value[at-1] == '$' {
			out.WriteString(value[:at-1] + "${")
			value = value[at+2:]
			continue
		}
		out.WriteString(value[:at])
		name, rest, closed := strings.Cut(value[at+2:], "}")
		if !closed {
			r.add(key, "has ${ without }")
			return "", false
		}
		text, ok := r.outside(name, key)
		if !ok {
			return "", false
		}
		out.WriteString(text)
		value = rest
	}
}

// outside fetches what one ${…} names.
func (r *reader) outside(name, key string) (string, bool) {
	path, isFile := strings.CutPrefix(name, "file:")
	switch {
	case isFile:
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(r.base), path)
		}
		raw, err := readFile(path)
		if err != nil {
			r.add(key, "file %s %v", clip(path), err)
			return "", false
		}
		return r.usable(strings.TrimRight(string(raw), "\r\n"), key, "file "+clip(path))
	case !variable.MatchString(name):
		r.add(key, "has a ${…} that is neither ${VARIABLE} nor ${file:/path}; $${ stands for ${ itself")
		return "", false
	}
	text, ok := r.env(name)
	if !ok {
		r.add(key, "environment variable %s is not set", name)
		return "", false
	}
	return r.usable(text, key, "environment variable "+name)
}

func (r *reader) usable(text, key, source string) (string, bool) {
	if strings.ContainsRune(text, 0) {
		r.add(key, "%s holds a zero byte", source)
		return "", false
	}
	return text, true
}

func (r *reader) text(dst *string) field {
	return r.value(func(s, _ string) { *dst = s })
}

// value reads a scalar; an empty one leaves the default.
func (r *reader) value(use func(text, key string)) field {
	return func(n *yaml.Node, key string) {
		if s, ok := r.scalar(n, key); ok && s != "" {
			use(s, key)
		}
	}
}

func (r *reader) boolean(dst *bool) field {
	return r.value(func(s, key string) {
		switch s {
		case "true":
			*dst = true
		case "false":
			*dst = false
		default:
			r.add(key, "must be true or false")
		}
	})
}

// integer reads a whole number between two bounds, both allowed.
func (r *reader) integer(dst *int, least, most int) field {
	return r.value(func(s, key string) {
		n, err := strconv.Atoi(s)
		if err != nil || n < least || n > most {
			r.add(key, "must be a whole number from %d to %d", least, most)
			return
		}
		*dst = n
	})
}

func (r *reader) duration(dst *time.Duration) field {
	return r.value(func(s, key string) {
		d, ok := parseDuration(s)
		if !ok {
			r.add(key, "must be a duration such as 90s, 15m, 72h or 30d")
			return
		}
		*dst = d
	})
}

// optional reads a duration that stays nil where none is given.
func (r *reader) optional(dst **time.Duration) field {
	return func(n *yaml.Node, key string) {
		d := time.Duration(-1)
		if r.duration(&d)(n, key); d >= 0 {
			*dst = &d
		}
	}
}

var days = regexp.MustCompile(`^(\d{1,6})d`)

// parseDuration reads Go's durations, and days before them: 30d, 1d12h.
func parseDuration(s string) (time.Duration, bool) {
	var total time.Duration
	if m := days.FindStringSubmatch(s); m != nil {
		n, err := strconv.Atoi(m[1])
		if err != nil || n > 100*366 {
			return 0, false
		}
		total = time.Duration(n) * day
		if s = s[len(m[0]):]; s == "" {
			return total, true
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || total+d < total {
		return 0, false
	}
	return total + d, true
}

// texts reads a list of texts; it replaces the default.
func texts[T ~string](r *reader, dst *[]T) field {
	return func(n *yaml.Node, key string) {
		*dst = nil
		r.sequence(n, key, func(v *yaml.Node, at string) {
			if s, ok := r.scalar(v, at); ok {
				*dst = append(*dst, T(s))
			}
		})
	}
}

// textMap reads a mapping of any keys to texts; it replaces the default.
func textMap[M ~map[string]string](r *reader, dst *M) field {
	return func(n *yaml.Node, key string) {
		out := M{}
		r.entries(n, key, func(name string, v *yaml.Node, at string) {
			if s, ok := r.scalar(v, at); ok {
				out[name] = s
			}
		})
		*dst = out
	}
}

// list reads a list of mappings; it replaces the default.
func list[T any](r *reader, dst *[]T, fields func(*T) map[string]field) field {
	return func(n *yaml.Node, key string) {
		*dst = nil
		r.sequence(n, key, func(v *yaml.Node, at string) {
			var item T
			r.mapping(v, at, fields(&item))
			*dst = append(*dst, item)
		})
	}
}

// follow resolves an alias.
func follow(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

// clip keeps a hostile text from filling the screen.
func clip(s string) string {
	const most = 80
	s = strings.ToValidUTF8(s, "?")
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return '?'
		}
		return c
	}, s)
}
