package providertest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"tieout/internal/payment"
	"tieout/internal/provider"
)

// hostile are values that no field of an answer has by right.
var hostile = []string{
	`null`, `true`, `{}`, `[]`, `[null]`, `[[[]]]`, `{"a":{"a":{"a":null}}}`, `-1`, `1e3`, `1E+999`, `1.000000001`, `0.1e1`,
	`99999999999999999999999999999999`, `""`, `" "`, `"\u0000"`, `"1e3"`, `"-1"`, `"0x10"`, `"1,000"`, `"NaN"`, `"١٢٣"`, `"\ud800"`,
	`"=1+1"`, `"` + "x" + `"`,
}

// plausible are values that some field could have: as a second member of one
// name they must not win.
var plausible = []string{`1700`, `"1700.00"`, `1`, `"1"`, `"failed"`, `"FAILED"`}

// spoil gives the API's answers to change before they are sent. Token requests
// are answered as they are.
func (f *fixture) spoil(change func(body []byte) []byte, header ...string) {
	f.front.answer(func(w http.ResponseWriter, r *http.Request) {
		right := httptest.NewRecorder()
		f.front.api.ServeHTTP(right, r)
		for k, v := range right.Header() {
			w.Header()[k] = v
		}
		w.Header().Del("Content-Length")
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(right.Code)
		_, _ = w.Write(change(right.Body.Bytes())) // a client that went away needs no answer
	}, false)
}

// stillSound checks that an answer to a spoilt question is either none or says
// what the right one says; what is open may stay open.
func (f *fixture) stillSound(what string, right payment.Transaction, got provider.Answer) {
	f.Helper()
	if got.Verdict == provider.Unknown {
		f.Errorf("%s: unknown: %s", what, got.Reason)
	}
	if got.Verdict != provider.Found {
		return
	}
	for _, x := range got.Transactions {
		switch {
		case x.ID != right.ID:
			f.Errorf("%s: the id became %q", what, x.ID)
		case x.Amount != right.Amount:
			f.Errorf("%s: the amount became %s", what, x.Amount)
		case x.Settled != nil && (right.Settled == nil || *x.Settled != *right.Settled):
			f.Errorf("%s: the settled amount became %s", what, x.Settled)
		case x.Refunded != nil && right.Refunded != nil && *x.Refunded != *right.Refunded:
			f.Errorf("%s: the refunded amount became %s", what, x.Refunded)
		case x.Status != right.Status && x.Status != payment.Pending:
			f.Errorf("%s: the status became %s (%s)", what, x.Status, x.RawStatus)
		}
	}
}

func spoiltFields(t *testing.T, h Harness) {
	f := h.start(t, 60)
	for _, x := range f.both() {
		var bodies [][]byte
		f.spoil(func(body []byte) []byte {
			bodies = append(bodies, bytes.Clone(body))
			return body
		})
		a := f.ask(t.Context(), f.connect(), query(x))
		if a.Verdict != provider.Found || len(a.Transactions) != 1 {
			t.Fatalf("%s: %s: %s", x.Kind, a.Verdict, a.Reason)
		}
		right, seen := a.Transactions[0], map[string]bool{}
		for _, body := range bodies {
			for _, path := range leaves(body) {
				if name := strings.Join(path, "."); !seen[name] {
					seen[name] = true
					f.spoilField(x.Kind, path, query(x), right)
				}
			}
		}
		if len(seen) < 3 {
			t.Errorf("%s: only %d fields were found in %d answers", x.Kind, len(seen), len(bodies))
		}
	}
}

// spoilField tries all hostile values in one field, in its place and beside it.
func (f *fixture) spoilField(kind payment.Kind, path []string, q provider.Query, right payment.Transaction) {
	f.Helper()
	f.front.forget()
	c := f.connect()
	for i, value := range append(slices.Clone(hostile), plausible...) {
		for _, beside := range []bool{false, true} {
			if i >= len(hostile) && !beside {
				continue
			}
			f.spoil(func(body []byte) []byte { return replaced(body, path, value, beside) })
			f.front.forget()
			f.clientClock.advance(forgotten)
			f.serverClock.advance(forgotten)
			what := fmt.Sprintf("%s, %s = %.40s (beside the right value: %t)", kind, strings.Join(path, "."), value, beside)
			f.stillSound(what, right, f.ask(f.Context(), c, q))
		}
	}
}

// leaves are the paths of all fields of a JSON body that hold no other fields.
func leaves(body []byte) [][]string {
	var fields map[string]json.RawMessage
	var list []json.RawMessage
	var out [][]string
	switch {
	case json.Unmarshal(body, &fields) == nil && len(fields) > 0:
		for name, value := range fields {
			below := leaves(value)
			if below == nil {
				below = [][]string{nil}
			}
			for _, path := range below {
				out = append(out, append([]string{name}, path...))
			}
		}
	case json.Unmarshal(body, &list) == nil && len(list) > 0:
		for _, path := range leaves(list[0]) {
			out = append(out, append([]string{"0"}, path...))
		}
	}
	slices.SortFunc(out, func(a, b []string) int { return strings.Compare(strings.Join(a, "."), strings.Join(b, ".")) })
	return out
}

// replaced puts value into the field at path, or beside it under the same name.
func replaced(body []byte, path []string, value string, beside bool) []byte {
	var fields map[string]json.RawMessage
	var list []json.RawMessage
	switch {
	case len(path) == 0:
		return []byte(value)
	case json.Unmarshal(body, &fields) == nil && fields[path[0]] != nil:
		if beside && len(path) == 1 {
			open := bytes.TrimSuffix(bytes.TrimSpace(body), []byte("}"))
			return fmt.Appendf(bytes.Clone(open), ",%q:%s}", path[0], value)
		}
		fields[path[0]] = replaced(fields[path[0]], path[1:], value, beside)
		return mustJSON(fields)
	case json.Unmarshal(body, &list) == nil && len(list) > 0 && path[0] == "0":
		list[0] = replaced(list[0], path[1:], value, beside)
		return mustJSON(list)
	}
	return body // another answer than the field's
}

func mustJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func wrongEncodings(t *testing.T, h Harness) {
	f := h.start(t, 60)
	zipped := func(body []byte) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write(body) // memory takes it all
		_ = w.Close()
		return b.Bytes()
	}
	utf16le := func(body []byte) []byte {
		out := []byte{0xff, 0xfe}
		for _, u := range utf16.Encode([]rune(string(body))) {
			out = append(out, byte(u), byte(u>>8))
		}
		return out
	}
	same := func(body []byte) []byte { return body }
	for _, x := range f.both() {
		f.front.answer(nil, false)
		a := f.ask(t.Context(), f.connect(), query(x))
		if a.Verdict != provider.Found {
			t.Fatalf("%s: %s: %s", x.Kind, a.Verdict, a.Reason)
		}
		right := a.Transactions[0]
		for name, tc := range map[string]struct {
			change func([]byte) []byte
			header []string
			found  bool
		}{
			"gzip":                  {zipped, []string{"Content-Encoding", "gzip"}, true},
			"another content type":  {same, []string{"Content-Type", "text/html"}, true},
			"white space around it": {func(b []byte) []byte { return append([]byte("\r\n\t "), append(b, "\n\n"...)...) }, nil, true},
			"cut gzip":              {func(b []byte) []byte { return zipped(b)[:len(zipped(b))/2] }, []string{"Content-Encoding", "gzip"}, false},
			"gzip that is none":     {same, []string{"Content-Encoding", "gzip"}, false},
			"gzip that isn't told":  {zipped, nil, false},
			"a byte order mark":     {func(b []byte) []byte { return append([]byte("\xef\xbb\xbf"), b...) }, nil, false},
			"UTF-16":                {utf16le, nil, false},
			"a second answer":       {func(b []byte) []byte { return append(bytes.Clone(b), b...) }, nil, false},
			"something after it":    {func(b []byte) []byte { return append(bytes.Clone(b), "null"...) }, nil, false},
			"a callback around it":  {func(b []byte) []byte { return fmt.Appendf(nil, "cb(%s)", b) }, nil, false},
		} {
			f.spoil(tc.change, tc.header...)
			got := f.ask(t.Context(), f.connect(), query(x))
			if tc.found && got.Verdict != provider.Found {
				t.Errorf("%s, %s: %s: %s", x.Kind, name, got.Verdict, got.Reason)
			}
			f.stillSound(fmt.Sprintf("%s, %s", x.Kind, name), right, got)
		}
	}
}
