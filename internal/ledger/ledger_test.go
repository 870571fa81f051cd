package ledger_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tieout/internal/ledger"
	"tieout/internal/money"
	"tieout/internal/payment"
)

var rules = ledger.Rules{Scales: map[string]money.Scale{"pawapay-zm": nil, "pawapay-ug": {"UGX": 2}}}

const header = "id,kind,provider,provider_payment_id,reference,amount,currency,status,account,customer_id,save_method,metadata,created_at,updated_at\n"

func read(t *testing.T, file string) (good []payment.Payment, bad []ledger.Reject, err error) {
	t.Helper()
	err = rules.ReadCSV(strings.NewReader(file),
		func(p payment.Payment) error { good = append(good, p); return nil },
		func(r ledger.Reject) error { bad = append(bad, r); return nil })
	return good, bad, err
}

func TestGoodRowBecomesAPayment(t *testing.T) {
	t.Parallel()
	good, bad, err := read(t, "\xef\xbb\xbf"+header+
		`p1,deposit,pawapay-zm,,INV-1,250.50,ZMW,pending,260763000111,c1,true,"{""orderId"":""7"",""n"":3}",2026-11-01T08:00:00+03:00,`+"\n")
	if err != nil || len(bad) > 0 || len(good) != 1 {
		t.Fatalf("%v %v %v", good, bad, err)
	}
	p := good[0]
	if p.Amount.String() != "250.50" || p.Kind != payment.Deposit || !p.SaveMethod || p.CreatedAt.Format("15:04Z07:00") != "05:00Z" || !p.UpdatedAt.Equal(p.CreatedAt) {
		t.Errorf("%+v", p)
	}
	if d := cmp.Diff(map[string]string{"orderId": "7", "n": "3"}, p.Metadata); d != "" {
		t.Error(d)
	}
}

func TestBadRowsAreSetAsideWithFieldAndReason(t *testing.T) {
	t.Parallel()
	row := func(over map[string]string) string {
		fields := map[string]string{
			"id": "p1", "kind": "deposit", "provider": "pawapay-zm", "amount": "10", "currency": "ZMW", "status": "pending", "created_at": "2026-11-01T08:00:00Z",
		}
		for k, v := range over {
			fields[k] = v
		}
		var out []string
		for _, c := range strings.Split(strings.TrimSpace(header), ",") {
			out = append(out, `"`+strings.ReplaceAll(fields[c], `"`, `""`)+`"`)
		}
		return strings.Join(out, ",") + "\n"
	}
	for _, c := range []struct{ field, value string }{
		{"id", ""},
		{"kind", "refund"},
		{"provider", "pawapay-tz"},
		{"amount", "10.005"},
		{"amount", "-1"},
		{"amount", "ten"},
		{"amount", "99999999999999999999"},
		{"currency", "ZMK"},
		{"status", "success"},
		{"created_at", "2026-11-01 08:00:00"},
		{"created_at", "yesterday"},
		{"metadata", `["a"]`},
		{"metadata", `{"a":{"b":1}}`},
		{"save_method", "perhaps"},
		{"reference", "a\x00b"},
		{"account", "\xff"},
	} {
		good, bad, err := read(t, header+row(map[string]string{c.field: c.value})+row(map[string]string{"id": "p2"}))
		if err != nil || len(good) != 1 || good[0].ID != "p2" || len(bad) != 1 {
			t.Fatalf("%s=%q: %d good, %v bad, %v", c.field, c.value, len(good), bad, err)
		}
		if bad[0].Field != c.field || bad[0].Row != 1 || bad[0].Reason == "" {
			t.Errorf("%s=%q: %+v", c.field, c.value, bad[0])
		}
	}
}

func TestShortAndTornRowsLoseNothingElse(t *testing.T) {
	t.Parallel()
	good, bad, err := read(t, header+"p1,deposit\n"+`p2,deposit,pawapay-zm,,r"x,1,ZMW,pending,,,,,2026-11-01T08:00:00Z,`+"\n"+"p3,payout,pawapay-ug,,,1.25,UGX,created,,,,,2026-11-01T08:00:00Z,\n")
	if err != nil || len(good) != 1 || good[0].ID != "p3" || len(bad) != 2 {
		t.Fatalf("%v %v %v", good, bad, err)
	}
	if bad[0].ID != "p1" || bad[0].Row != 1 || bad[1].Row != 2 {
		t.Errorf("%+v", bad)
	}
}

func TestWrongHeaderEndsTheImport(t *testing.T) {
	t.Parallel()
	for _, h := range []string{"", "id,kind\n", strings.Replace(header, "amount", "betrag", 1), strings.Replace(header, "kind", "id", 1)} {
		if good, _, err := read(t, h); err == nil || len(good) > 0 {
			t.Errorf("header %q was taken", h)
		}
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add(header + "p1,deposit,pawapay-zm,,INV-1,250.50,ZMW,pending,260,c1,true,{},2026-11-01T08:00:00Z,\n")
	f.Add("id\n\"")
	f.Fuzz(func(_ *testing.T, file string) {
		_ = rules.ReadCSV(strings.NewReader(file), func(p payment.Payment) error {
			if p.ID == "" || !p.Kind.Valid() || !p.Status.Valid() || p.Amount.Minor < 0 || p.CreatedAt.IsZero() || strings.ContainsRune(p.Reference, 0) {
				return fmt.Errorf("a payment that is none: %+v", p)
			}
			return nil
		}, func(ledger.Reject) error { return nil })
	})
}

func TestMetadataIsReadAsJSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]map[string]string{
		`{}`:                           {},
		` { } `:                        {},
		`{"a":"b"}`:                    {"a": "b"},
		`{"a": "b", "c": ""}`:          {"a": "b", "c": ""},
		"{ \"a\" :\t\"b\"\n}":          {"a": "b"},
		`{"a":"b","a":"c"}`:            {"a": "c"},
		`{"é":"<&> ` + "\u2028" + `"}`: {"é": "<&> \u2028"},
		`{"a":"\"\\\u00e9","n":null}`:  {"a": `"\é`},
		`{"a":1.50,"b":true,"c":"d"}`:  {"a": "1.50", "b": "true", "c": "d"},
		`{"a":"b"`:                     nil,
		`{"a":"b",}`:                   nil,
		`{"a":"b"} x`:                  nil,
		`{"a":"b"}{}`:                  nil,
		`{"a" "b"}`:                    nil,
		`{a:"b"}`:                      nil,
		`{"a":["b"]}`:                  nil,
		`{"a":"\u0000"}`:               nil,
		"{\"a\":\"line\nbreak\"}":      nil,
		`["a"]`:                        nil,
		`"a"`:                          nil,
	} {
		row := map[string]string{
			"id": "p", "kind": "payout", "provider": "pawapay-zm", "amount": "1", "currency": "ZMW", "status": "pending", "metadata": text, "created_at": "2026-11-01T08:00:00Z",
		}
		p, bad := rules.Parse(func(column string) (string, bool) { v, ok := row[column]; return v, ok })
		switch {
		case want == nil && (bad == nil || bad.Field != "metadata"):
			t.Errorf("%s: taken as %v", text, p.Metadata)
		case want != nil && bad != nil:
			t.Errorf("%s: %+v", text, bad)
		case want != nil && !cmp.Equal(want, p.Metadata):
			t.Errorf("%s: %v", text, p.Metadata)
		}
	}
}

func TestAFileThatAnOfficeProgramSavedOtherwiseSaysHowToSaveIt(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		strings.ReplaceAll(header, ",", ";"):                                                   "semicolons or tabs",
		strings.ReplaceAll(header, ",", "\t"):                                                  "semicolons or tabs",
		strings.ReplaceAll(header, "\n", "\r") + "A,payout\r":                                  "old Macs",
		"\xff\xfe" + strings.Join(strings.Split(strings.TrimSuffix(header, "\n"), ""), "\x00"): "UTF-16",
	} {
		if _, _, err := read(t, file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v does not tell %s", file, err, want)
		}
	}
}
