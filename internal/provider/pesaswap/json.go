package pesaswap

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// errSyntax marks a body that is no JSON at all: cut off, or a proxy's page.
var errSyntax = errors.New("the body is not JSON")

// object is a JSON object whose members are read one by one: a member of the
// wrong type spoils what depends on it and nothing else, and numbers stay text.
type object map[string]json.RawMessage

func readObject(raw []byte) (object, error) {
	var o object
	err := json.Unmarshal(raw, &o)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return nil, errSyntax
	}
	if err != nil || o == nil {
		return nil, errors.New("not a JSON object")
	}
	return o, nil
}

// has tells whether a member is there and not null.
func (o object) has(key string) bool {
	v, ok := o[key]
	return ok && !bytes.Equal(v, []byte("null"))
}

// text gives a member that is text, otherwise "". Zero bytes are taken out:
// no database text can hold them.
func (o object) text(key string) string {
	var s string
	if !o.has(key) || json.Unmarshal(o[key], &s) != nil {
		return ""
	}
	return strings.ReplaceAll(s, "\x00", "")
}

func (o object) object(key string) object {
	if !o.has(key) {
		return nil
	}
	sub, err := readObject(o[key])
	if err != nil {
		return nil
	}
	return sub
}

// raws gives a list's elements as they are; told is false where the member is
// missing or null.
func (o object) raws(key string) (elements []json.RawMessage, told bool, err error) {
	if !o.has(key) {
		return nil, false, nil
	}
	if json.Unmarshal(o[key], &elements) != nil {
		return nil, false, fmt.Errorf("%s is not a list", key)
	}
	return elements, true, nil
}

// list is raws where all elements must be objects.
func (o object) list(key string) (elements []object, told bool, err error) {
	raws, told, err := o.raws(key)
	for _, raw := range raws {
		e, err := readObject(raw)
		if err != nil {
			return nil, false, fmt.Errorf("%s holds something that is not an object", key)
		}
		elements = append(elements, e)
	}
	return elements, told, err
}

// isFalse tells whether a member is positively false.
func (o object) isFalse(key string) bool { return string(o[key]) == "false" }

// isTrue tells whether a member is positively true.
func (o object) isTrue(key string) bool { return string(o[key]) == "true" }

// units gives a whole number of minor units; told is false for null.
func (o object) units(key string) (units int64, told bool, err error) {
	if !o.has(key) {
		return 0, false, nil
	}
	n, err := wholeUnits(string(o[key]))
	if err != nil {
		return 0, false, fmt.Errorf("%s %w", key, err)
	}
	return n, true, nil
}

// wholeUnits reads digits only: no sign, fraction or exponent.
func wholeUnits(text string) (int64, error) {
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, fmt.Errorf("%s is not a whole number of minor units", clip(text))
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is too large", clip(text))
	}
	return n, nil
}

// when gives a time in UTC, zero where there is none that can be read.
func (o object) when(key string) time.Time {
	t, err := time.Parse(time.RFC3339, o.text(key))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// metadata gives the merchant's free object as text values: numbers as they
// were written, objects as compact JSON, nulls left out.
func (o object) metadata(key string) map[string]string {
	m := o.object(key)
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]string, len(m))
	for k, raw := range m {
		if !m.has(k) {
			continue
		}
		name := strings.ReplaceAll(k, "\x00", "")
		if raw[0] == '"' {
			out[name] = m.text(k)
			continue
		}
		var b bytes.Buffer
		if json.Compact(&b, raw) == nil {
			out[name] = b.String()
		}
	}
	return out
}
