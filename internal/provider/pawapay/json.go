package pawapay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sort"
	"strings"
	"time"
	"unicode/utf8"
)

// text is a JSON value that stands for a word: a string, or a number or
// boolean exactly as written (no number ever becomes a float). null is empty.
type text string

// UnmarshalJSON refuses objects and lists; the error names the field.
func (t *text) UnmarshalJSON(b []byte) error {
	switch {
	case string(b) == "null":
		*t = ""
	case b[0] == '"':
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		// A zero byte is no part of any id or name, and databases refuse it.
		*t = text(strings.ReplaceAll(s, "\x00", "\uFFFD"))
	case b[0] == '{':
		return &json.UnmarshalTypeError{Value: "object", Type: reflect.TypeFor[text]()}
	case b[0] == '[':
		return &json.UnmarshalTypeError{Value: "array", Type: reflect.TypeFor[text]()}
	default:
		*t = text(b)
	}
	return nil
}

// failure is a failureReason, read defensively: an object in v2, a bare word
// in some answers of v1, anything else counts as absent.
type failure struct {
	Code, Message text
}

// UnmarshalJSON never fails: a reason that can't be read must not hide the status.
func (f *failure) UnmarshalJSON(b []byte) error {
	*f = failure{}
	if b[0] == '"' {
		return f.Code.UnmarshalJSON(b)
	}
	var o map[string]json.RawMessage
	if json.Unmarshal(b, &o) != nil {
		return nil
	}
	f.Code = firstText(o, "failureCode", "rejectionCode")
	f.Message = firstText(o, "failureMessage", "rejectionMessage")
	return nil
}

// firstText returns the first of the members that holds a readable word.
func firstText(o map[string]json.RawMessage, names ...string) text {
	for _, name := range names {
		var t text
		if raw, ok := o[name]; ok && t.UnmarshalJSON(raw) == nil && t != "" {
			return t
		}
	}
	return ""
}

// metadata is the merchant's metadata in any of the shapes seen: an object, a
// list of one-key objects, a list of fieldName and fieldValue pairs.
type metadata map[string]string

// UnmarshalJSON drops the isPII mark, which is no metadata of the merchant's.
func (m *metadata) UnmarshalJSON(b []byte) error {
	*m = nil
	switch b[0] {
	case 'n':
		return nil
	case '{':
		var o map[string]json.RawMessage
		if err := json.Unmarshal(b, &o); err != nil {
			return err
		}
		m.add(o)
		return nil
	case '[':
		var l []map[string]json.RawMessage
		if err := json.Unmarshal(b, &l); err != nil {
			return errors.New("metadata is a list of something else than objects")
		}
		for _, o := range l {
			var name text
			if raw, ok := o["fieldName"]; ok && name.UnmarshalJSON(raw) == nil {
				o = map[string]json.RawMessage{string(name): o["fieldValue"]}
			}
			delete(o, "isPII")
			m.add(o)
		}
		return nil
	}
	return errors.New("metadata is neither an object nor a list")
}

func (m *metadata) add(o map[string]json.RawMessage) {
	for k, raw := range o {
		if len(raw) == 0 || string(raw) == "null" {
			continue
		}
		var v text
		if v.UnmarshalJSON(raw) != nil {
			var compact bytes.Buffer
			if json.Compact(&compact, raw) != nil {
				continue
			}
			v = text(strings.ReplaceAll(compact.String(), "\x00", "\uFFFD"))
		}
		if *m == nil {
			*m = metadata{}
		}
		(*m)[strings.ReplaceAll(k, "\x00", "\uFFFD")] = string(v)
	}
}

// networkID takes the network's final receipt out of v1's correspondentIds, an
// object whose keys each network chooses.
func networkID(ids map[string]text) string {
	names := make([]string, 0, len(ids))
	for name := range ids {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if strings.HasSuffix(strings.ToUpper(name), "FINAL") {
			return string(ids[name])
		}
	}
	if len(names) == 1 {
		return string(ids[names[0]])
	}
	return ""
}

// timeFormats are the spellings of an instant that pawaPay uses; a missing
// zone means UTC, and fractions of a second are read in each of them.
var timeFormats = []string{
	time.RFC3339,
	"2006-01-02T15:04:05",
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04:05",
}

func parseTime(s string) (time.Time, error) {
	for _, f := range timeFormats {
		if t, err := time.Parse(f, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time", clip(s))
}

// clip keeps a hostile word from filling a log line or a cell.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// isUUID tells whether s has the one textual form of a UUID.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'):
			return false
		}
	}
	return true
}
