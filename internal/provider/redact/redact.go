// Package redact takes secrets and people out of what providers answer, before
// it is kept as evidence or put into a sentence: tokens, phone numbers, card and
// account data, names and e-mail addresses. Amounts, ids, statuses and times
// stay readable.
package redact

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"unicode/utf8"
)

const (
	mask      = "***"
	mostPlain = 4 << 10 // bytes kept of a body that is no JSON
	mostDepth = 200
)

// Redact returns a copy of an answer's body that may be kept. In JSON the
// values of telling keys are replaced at any depth, by a mark and, for numbers
// of phones and accounts, their last digits; numbers stay exact and keys in
// their order. Other text is masked by the look of it and cut to 4 KiB; binary
// data is replaced by a note. It never fails, and doesn't change body.
func Redact(contentType string, body []byte) []byte {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	if out, err := redactJSON(body); err == nil {
		return out
	}
	if start := cut(body); !utf8.Valid(start) || bytes.IndexByte(start, 0) >= 0 {
		return fmt.Appendf(nil, "(%s, %d bytes, not kept)", mediaType(contentType), len(body))
	}
	return plain(body)
}

var errNotJSON = errors.New("not one JSON value")

type rewriter struct {
	dec *json.Decoder
	out bytes.Buffer
	enc *json.Encoder
	// of says how the value of a key is treated, under the key of its object.
	of func(under, key string) treatment
	// hide shows what is treated as named.
	hide func(string) string
}

func redactJSON(body []byte) ([]byte, error) {
	return (&rewriter{of: func(_, key string) treatment { return of(key) }}).rewrite(body)
}

// Named hides further values of a kept JSON body when it is shown: those of the
// keys that is names (under is the key of the object that holds them), with all
// that they hold. A list of fieldName and fieldValue pairs counts as an object.
// What is no JSON is returned as it is.
func Named(body []byte, is func(under, key string) bool, hide func(string) string) []byte {
	if len(bytes.TrimSpace(body)) == 0 {
		return body
	}
	r := &rewriter{hide: hide, of: func(under, key string) treatment {
		if is(under, key) {
			return named
		}
		return asKept
	}}
	out, err := r.rewrite(body)
	if err != nil {
		return body
	}
	return out
}

func (r *rewriter) rewrite(body []byte) ([]byte, error) {
	if c := bytes.TrimSpace(body)[0]; c != '{' && c != '[' && c != '"' {
		return nil, errNotJSON
	}
	r.dec = json.NewDecoder(bytes.NewReader(body))
	r.dec.UseNumber()
	r.enc = json.NewEncoder(&r.out)
	r.enc.SetEscapeHTML(false)
	if err := r.value("", r.of("", ""), 0); err != nil {
		return nil, err
	}
	if _, err := r.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errNotJSON
	}
	return r.out.Bytes(), nil
}

// value copies the next value; how says what its key demands.
func (r *rewriter) value(key string, how treatment, depth int) error {
	if depth > mostDepth {
		return errNotJSON
	}
	tok, err := r.dec.Token()
	if err != nil {
		return err
	}
	switch v := tok.(type) {
	case json.Delim:
		return r.composite(key, v, how.inside(), depth)
	case string:
		return r.scalar(r.text(how, v))
	case json.Number:
		if how == open || how == asKept {
			r.out.WriteString(v.String())
			return nil
		}
		return r.scalar(r.text(how, v.String()))
	default: // true, false, null: they tell nothing
		return r.scalar(v)
	}
}

// text treats one text value.
func (r *rewriter) text(how treatment, s string) string {
	switch how {
	case named:
		return r.hide(s)
	case asKept:
		return s
	default:
		return how.text(s)
	}
}

// composite copies an object or array, which stands under a key, after its
// opening delimiter.
func (r *rewriter) composite(under string, start json.Delim, inherited treatment, depth int) error {
	r.out.WriteByte(byte(start))
	pair := "" // what fieldName said
	for first := true; r.dec.More(); first = false {
		if !first {
			r.out.WriteByte(',')
		}
		how, key := inherited, under
		if start == '{' {
			tok, err := r.dec.Token()
			if err != nil {
				return err
			}
			var ok bool
			if key, ok = tok.(string); !ok {
				return errNotJSON
			}
			if how == open || how == asKept {
				how = r.of(under, key)
				if key == "fieldValue" && pair != "" {
					how = max(how, r.of(under, pair))
				}
			}
			if err := r.scalar(Text(key)); err != nil {
				return err
			}
			r.out.WriteByte(':')
		}
		before := r.out.Len()
		if err := r.value(key, how, depth+1); err != nil {
			return err
		}
		if key == "fieldName" {
			_ = json.Unmarshal(r.out.Bytes()[before:], &pair) // no text names no field
		}
	}
	end, err := r.dec.Token()
	if err != nil {
		return err
	}
	delim, ok := end.(json.Delim)
	if !ok {
		return errNotJSON
	}
	r.out.WriteByte(byte(delim))
	return nil
}

func (r *rewriter) scalar(v any) error {
	if err := r.enc.Encode(v); err != nil {
		return err
	}
	r.out.Truncate(r.out.Len() - 1) // Encode ends with a newline
	return nil
}

// text treats one text value.
func (t treatment) text(s string) string {
	switch {
	case s == "":
		return s
	case t == secret || t == person:
		return mask
	case t != open:
		return lastDigits(s)
	case strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://"):
		return withoutQuery(s)
	case strings.HasPrefix(s, "{") || strings.HasPrefix(s, "["): // JSON in JSON
		return string(plain([]byte(s)))
	case strings.ContainsAny(s, " @"): // a sentence, not an id
		return Text(s)
	}
	return s
}

// lastDigits keeps the end of a number that is long enough not to be told by it.
func lastDigits(s string) string {
	var digits []byte
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			digits = append(digits, s[i])
		}
	}
	switch n := len(digits); {
	case n >= 9:
		return mask + string(digits[n-4:])
	case n >= 7:
		return mask + string(digits[n-2:])
	}
	return mask
}

// withoutQuery hides what signs a link.
func withoutQuery(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return mask
	}
	if u.RawQuery != "" {
		u.RawQuery = mask
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	return u.String()
}

func mediaType(contentType string) string {
	t, _, _ := strings.Cut(contentType, ";")
	t = strings.TrimSpace(t)
	odd := strings.ContainsFunc(t, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("/+-.", r)
	})
	if t == "" || len(t) > 64 || odd {
		return "binary"
	}
	return t
}

// cut returns at most as much as is kept, without the rune that it may halve.
func cut(b []byte) []byte {
	if len(b) <= mostPlain {
		return b
	}
	b = b[:mostPlain]
	for i := 1; i < utf8.UTFMax && !utf8.Valid(b); i++ {
		b = b[:len(b)-1]
	}
	return b
}
