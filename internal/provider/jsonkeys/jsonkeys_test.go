package jsonkeys

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
)

func TestAMemberThatStandsTwiceIsFound(t *testing.T) {
	t.Parallel()
	if got := Twice([]byte(`{"":1,"":2}`)); got != `""` {
		t.Errorf("an empty name: %q", got)
	}
	for raw, want := range map[string]string{
		`{}`: "", `[]`: "", `7`: "", `null`: "", ``: "", `{"a":1`: "",
		`{"a":1,"b":2}`:                               "",
		`{"a":1,"a":1}`:                               "a",
		`{"a":1,"A":2}`:                               "A",
		`{"a":{"b":1},"c":{"b":1}}`:                   "",
		`{"a":{"b":1,"b":2}}`:                         "b",
		`[{"a":1},{"a":2}]`:                           "",
		`[{"a":1,"x":[{"y":1}],"a":2}]`:               "a",
		`{"a":"a","b":"b"}`:                           "",
		`{"a":["a","a"],"b":"a"}`:                     "",
		`{"a":1,"\u0061":2}`:                          "a",
		`{"metadata":{"id":1,"ID":2}}`:                "",
		`{"metadata":{"id":1,"id":2}}`:                "id",
		`{"metadata":[{"x":{"id":1,"ID":2}}]}`:        "",
		`{"metadata":{"x":{}},"Status":1,"status":2}`: "status",
		strings.Repeat(`{"a":`, 9000) + "1":           "",
	} {
		if want != "" {
			want = strconv.Quote(want)
		}
		if got := Twice([]byte(raw)); got != want {
			t.Errorf("%.60s: %q, want %q", raw, got, want)
		}
	}
}

// FuzzTwice: sound JSON, written anew from a map, has no member twice.
func FuzzTwice(f *testing.F) {
	f.Add([]byte(`{"a":1,"A":{"b":[1,{"c":null}]}}`))
	f.Add([]byte(`[{"a":1,"a":2}]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		_ = Twice(raw)
		var v map[string]json.RawMessage
		if json.Unmarshal(raw, &v) != nil {
			return
		}
		var b bytes.Buffer
		b.WriteString(`{"metadata":{`)
		first := true
		for k := range v {
			if !first {
				b.WriteByte(',')
			}
			first = false
			name, err := json.Marshal(k)
			if err != nil {
				t.Fatal(err)
			}
			b.Write(name)
			b.WriteString(":1")
		}
		b.WriteString(`}}`)
		if got := Twice(b.Bytes()); got != "" {
			t.Errorf("%q stands once in %s", got, b.Bytes())
		}
	})
}
