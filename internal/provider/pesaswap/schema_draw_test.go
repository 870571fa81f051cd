package pesaswap_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// drawer makes values that fit a schema, as a server could send them.
type drawer struct {
	t       testing.TB
	schemas map[string]any
	// always are members of the outermost objects that are never left out.
	always []string
}

func newDrawer(t testing.TB, s spec, always ...string) drawer {
	t.Helper()
	return drawer{t: t, schemas: s.doc["components"].(map[string]any)["schemas"].(map[string]any), always: always}
}

const (
	shallow = 2 // levels at which optional members are usual
	deepest = 6 // the level below which only what is required is made
)

// draw makes a value of a named schema.
func (d drawer) draw(rt *rapid.T, name string) any { return d.value(rt, d.named(name), 0) }

func (d drawer) named(name string) map[string]any {
	s, ok := d.schemas[strings.TrimPrefix(name, refPrefix)].(map[string]any)
	require.True(d.t, ok, "there is no schema %s", name)
	return s
}

func chance(rt *rapid.T, percent int) bool { return rapid.IntRange(0, 99).Draw(rt, "chance") < percent }

func (d drawer) value(rt *rapid.T, s map[string]any, depth int) any {
	if s["nullable"] == true && (depth > deepest || chance(rt, 30)) {
		return nil
	}
	if ref, ok := s["$ref"].(string); ok {
		return d.value(rt, d.named(ref), depth)
	}
	if parts := partsOf(rt, s); len(parts) > 0 {
		return d.merged(rt, parts, depth)
	}
	if enum, ok := s["enum"].([]any); ok {
		return rapid.SampledFrom(enum).Draw(rt, "word")
	}
	switch s["type"] {
	case "object":
		return d.object(rt, s, depth)
	case "array":
		out := []any{}
		for range rapid.IntRange(0, 3).Draw(rt, "length") {
			out = append(out, d.value(rt, s["items"].(map[string]any), depth+1))
		}
		return out
	case "string":
		return text(rt, s)
	case "integer":
		return integer(rt, s)
	case "number":
		return json.Number(strconv.FormatInt(rapid.Int64Range(-9, 1<<40).Draw(rt, "number"), 10) + ".25")
	case "boolean":
		return rapid.Bool().Draw(rt, "truth")
	}
	require.NotContains(d.t, s, "type")
	return rapid.SampledFrom([]any{nil, "reward", true, map[string]any{"a": "b"}}).Draw(rt, "anything")
}

// partsOf lists the schemas that a value must fit at once, none where the schema
// is a plain one. Of alternatives one is drawn.
func partsOf(rt *rapid.T, s map[string]any) (parts []map[string]any) {
	for _, choice := range []string{"oneOf", "anyOf"} {
		if options, ok := s[choice].([]any); ok {
			parts = append(parts, rapid.SampledFrom(options).Draw(rt, choice).(map[string]any))
		}
	}
	if all, ok := s["allOf"].([]any); ok {
		for _, p := range all {
			parts = append(parts, p.(map[string]any))
		}
	}
	if len(parts) > 0 && s["properties"] != nil {
		parts = append(parts, map[string]any{"type": "object", "properties": s["properties"], "required": s["required"]})
	}
	return parts
}

// merged makes one value of several schemas: the members of all their objects.
func (d drawer) merged(rt *rapid.T, parts []map[string]any, depth int) any {
	if len(parts) == 1 {
		return d.value(rt, parts[0], depth)
	}
	out := map[string]any{}
	for _, p := range parts {
		p = maps.Clone(p)
		delete(p, "nullable") // null would leave out what another part demands of its object
		if o, ok := d.value(rt, p, depth).(map[string]any); ok {
			maps.Copy(out, o)
		}
	}
	return out
}

func (d drawer) object(rt *rapid.T, s map[string]any, depth int) any {
	members, _ := s["properties"].(map[string]any)
	if len(members) == 0 {
		return free(rt)
	}
	required, _ := s["required"].([]any)
	out := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		wanted := slices.Contains(required, any(name)) || depth == 0 && slices.Contains(d.always, name)
		if !wanted {
			switch {
			case depth > deepest:
				continue
			case depth >= shallow && !chance(rt, 10), depth < shallow && !chance(rt, 60):
				continue
			}
		}
		out[name] = d.value(rt, members[name].(map[string]any), depth+1)
	}
	return out
}

// free is the merchant's own object.
func free(rt *rapid.T) any {
	out := map[string]any{}
	for range rapid.IntRange(0, 3).Draw(rt, "members") {
		out[word(rt)] = rapid.SampledFrom([]any{"x", "", json.Number("7"), json.Number("1.50"), true, nil, map[string]any{"a": nil}}).Draw(rt, "member")
	}
	return out
}

// word is text as it usually is, and as it may be.
func word(rt *rapid.T) string {
	if chance(rt, 70) {
		return rapid.StringMatching(`[A-Za-z0-9_-]{1,16}`).Draw(rt, "text")
	}
	return rapid.StringN(0, 12, -1).Draw(rt, "any text")
}

func text(rt *rapid.T, s map[string]any) string {
	switch s["format"] {
	case "date-time":
		return stamp(time.UnixMilli(rapid.Int64Range(0, 4e12).Draw(rt, "time")))
	case "date":
		return "2026-08-14"
	}
	out := []rune(word(rt))
	if n, ok := s["maxLength"].(json.Number); ok {
		most, err := strconv.Atoi(n.String())
		if err == nil && len(out) > most {
			out = out[:most]
		}
	}
	if s["minLength"] != nil && len(out) == 0 {
		return "x"
	}
	return string(out)
}

// integer makes whole numbers: of a usual size, or any that the schema allows.
func integer(rt *rapid.T, s map[string]any) json.Number {
	low, high := int64(-1<<63), int64(1<<63-1)
	if s["format"] == "int32" {
		low, high = -1<<31, 1<<31-1
	}
	if n, ok := s["minimum"].(json.Number); ok {
		if m, err := n.Int64(); err == nil {
			low = m
		}
	}
	if chance(rt, 80) {
		low, high = max(low, 0), max(low, 5_000_000)
	}
	return json.Number(strconv.FormatInt(rapid.Int64Range(low, high).Draw(rt, "integer"), 10))
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
