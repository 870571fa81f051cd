// Package jsonkeys finds what encoding/json passes over: a member that stands
// twice in an object. The last one would silently win, and another reader (the
// provider's own, or a person's) may believe the first.
package jsonkeys

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// Twice returns the name of a member that stands twice in one object of raw, at
// any depth, quoted; empty where none does, or where raw is no JSON. Names that differ
// only in case count as one, as encoding/json takes them for one field; below
// "metadata" they are the merchant's and differ.
func Twice(raw []byte) string {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	type level struct {
		seen  map[string]bool // nil in a list
		exact bool
		key   string // of the member that is being read; empty before it
	}
	var stack []*level
	for {
		token, err := d.Token()
		if err != nil {
			return ""
		}
		var top *level
		if len(stack) > 0 {
			top = stack[len(stack)-1]
		}
		if name, ok := token.(string); ok && top != nil && top.seen != nil && top.key == "" {
			folded := name
			if !top.exact {
				folded = strings.ToLower(name)
			}
			if top.seen[folded] {
				return strconv.Quote(name)
			}
			top.seen[folded] = true
			top.key = " " + folded // never empty, also for an empty name
			continue
		}
		switch token {
		case json.Delim('{'):
			exact := top != nil && (top.exact || top.key == " metadata")
			stack = append(stack, &level{seen: map[string]bool{}, exact: exact})
			continue
		case json.Delim('['):
			stack = append(stack, &level{exact: top != nil && (top.exact || top.key == " metadata")})
			continue
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:len(stack)-1]
		}
		if len(stack) == 0 {
			return ""
		}
		stack[len(stack)-1].key = "" // the value ends
	}
}
