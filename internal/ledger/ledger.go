// Package ledger reads the merchant's payments, wherever they come from: every
// field arrives as text (a CSV cell, a column of a query) and leaves as a
// validated payment, or as a Reject that names the field and the value.
package ledger

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"time"
	"unicode/utf8"

	"tieout/internal/money"
	"tieout/internal/payment"
)

// Columns of a payment, in the order of the CSV's header. The last two may be
// left out.
var Columns = []string{
	"id", "kind", "provider", "provider_payment_id", "reference", "amount", "currency", "status",
	"account", "customer_id", "save_method", "metadata", "created_at", "updated_at", "refunded_amount", "refund_ids",
}

// Optional tells which columns a source may lack.
func Optional(column string) bool {
	return column == "refunded_amount" || column == "refund_ids"
}

// Reject is a row that was set aside.
type Reject struct {
	Row    int64 // 1 is the first data row; 0 when the source has no row numbers
	ID     string
	Field  string
	Value  string
	Reason string
	// ProviderPaymentID and Reference stand in the row, where it has them.
	ProviderPaymentID, Reference string
}

// Rules say what a payment may be.
type Rules struct {
	// Scales holds the configured providers with their decimals.
	Scales map[string]money.Scale
}

// Parse validates one row. get returns a column's text and false where it is
// null or absent; an empty text counts as null.
func (r Rules) Parse(get func(column string) (string, bool)) (payment.Payment, *Reject) {
	p := parser{get: get, rules: r}
	p.read()
	if p.reject != nil {
		p.reject.ID, p.reject.ProviderPaymentID, p.reject.Reference = p.out.ID, p.out.ProviderPaymentID, p.out.Reference
		return payment.Payment{}, p.reject
	}
	return p.out, nil
}

type parser struct {
	get    func(string) (string, bool)
	rules  Rules
	out    payment.Payment
	reject *Reject
}

func (p *parser) fail(field, value, format string, args ...any) {
	if p.reject == nil {
		p.reject = &Reject{Field: field, Value: value, Reason: fmt.Sprintf(format, args...)}
	}
}

// text returns a column; what Postgres could not store is refused here, where
// the row is still known.
func (p *parser) text(field string, need bool) string {
	v, ok := p.get(field)
	if !ok || v == "" {
		if need {
			p.fail(field, "", "is empty")
		}
		return ""
	}
	if strings.ContainsRune(v, 0) {
		p.fail(field, strings.ReplaceAll(v, "\x00", "␀"), "holds a zero byte")
		return ""
	}
	if !utf8.ValidString(v) {
		p.fail(field, strings.ToValidUTF8(v, "�"), "is not valid UTF-8")
		return ""
	}
	return v
}

func (p *parser) read() {
	o := &p.out
	o.ID = p.text("id", true)
	o.Kind = payment.Kind(p.text("kind", true))
	if !o.Kind.Valid() {
		p.fail("kind", string(o.Kind), "is neither payout nor deposit")
	}
	o.Provider = p.text("provider", true)
	scale, known := p.rules.Scales[o.Provider]
	if !known {
		p.fail("provider", o.Provider, "is not a configured provider (configured: %s)", p.rules.names())
	}
	o.ProviderPaymentID = p.text("provider_payment_id", false)
	o.Reference = p.text("reference", false)
	currency := p.text("currency", true)
	if _, ok := scale.Exponent(currency); !ok {
		p.fail("currency", currency, "is not an ISO 4217 currency code")
	}
	o.Amount = p.amount("amount", currency, scale, true)
	o.Status = payment.Status(p.text("status", true))
	if !o.Status.Valid() {
		p.fail("status", string(o.Status), "is none of created, pending, completed, failed, cancelled, expired, reversed, rejected")
	}
	o.Account = p.text("account", false)
	o.CustomerID = p.text("customer_id", false)
	o.SaveMethod = p.boolean("save_method")
	o.Metadata = p.metadata("metadata")
	o.CreatedAt = p.time("created_at", true)
	o.UpdatedAt = p.time("updated_at", false)
	if o.UpdatedAt.IsZero() {
		o.UpdatedAt = o.CreatedAt
	}
	o.Refunded = p.amount("refunded_amount", currency, scale, false)
	o.RefundIDs = p.list("refund_ids")
}

func (p *parser) amount(field, currency string, scale money.Scale, need bool) money.Amount {
	v := p.text(field, need)
	if v == "" {
		v = "0"
	}
	if p.reject != nil {
		return money.Amount{}
	}
	a, err := scale.Parse(v, currency)
	if err != nil {
		p.fail(field, v, "%s (currency %s)", err, currency)
		return money.Amount{}
	}
	if a.Minor < 0 {
		p.fail(field, v, "is negative")
	}
	return a
}

func (p *parser) boolean(field string) bool {
	switch v := p.text(field, false); strings.ToLower(v) {
	case "true", "t", "1", "yes":
		return true
	case "", "false", "f", "0", "no":
		return false
	default:
		p.fail(field, v, "is neither true nor false")
		return false
	}
}

// layouts of times with a zone: RFC 3339 and what psql prints.
var layouts = []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999Z07"}

func (p *parser) time(field string, need bool) time.Time {
	v := p.text(field, need)
	if v == "" {
		return time.Time{}
	}
	for _, l := range layouts {
		if t, err := time.Parse(l, v); err == nil {
			if t.Year() < 1970 || t.Year() > 9999 {
				break
			}
			return t.UTC()
		}
	}
	p.fail(field, v, "is not a time with a zone, such as 2026-11-01T08:00:00Z")
	return time.Time{}
}

func (p *parser) metadata(field string) map[string]string {
	v := p.text(field, false)
	if v == "" {
		return nil
	}
	if out, ok := plainObject(v); ok {
		return out
	}
	var raw map[string]any
	d := json.NewDecoder(strings.NewReader(v))
	d.UseNumber()
	if err := d.Decode(&raw); err != nil || d.More() {
		p.fail(field, v, "is not a JSON object")
		return nil
	}
	out := make(map[string]string, len(raw))
	for k, e := range raw {
		switch e := e.(type) {
		case string:
			if strings.ContainsRune(e, 0) || strings.ContainsRune(k, 0) {
				p.fail(field, k, "holds a zero byte")
				return nil
			}
			out[k] = e
		case json.Number, bool:
			out[k] = fmt.Sprint(e)
		case nil:
		default:
			p.fail(field, v, "key %q is no text", k)
			return nil
		}
	}
	return out
}

// plainObject reads a JSON object of texts in which nothing is escaped: nearly
// all metadata, at a fraction of what decoding costs. ok is false for any other
// text, which may be an object all the same.
func plainObject(v string) (out map[string]string, ok bool) {
	rest, ok := after(v, '{')
	if !ok {
		return nil, false
	}
	out = map[string]string{}
	if end, ok := after(rest, '}'); ok {
		return out, end == ""
	}
	for {
		var key, value string
		if key, rest, ok = plainText(rest); !ok {
			return nil, false
		}
		if rest, ok = after(rest, ':'); !ok {
			return nil, false
		}
		if value, rest, ok = plainText(rest); !ok {
			return nil, false
		}
		out[key] = value
		if end, ok := after(rest, '}'); ok {
			return out, end == ""
		}
		if rest, ok = after(rest, ','); !ok {
			return nil, false
		}
	}
}

// after returns what follows a mark and the spaces behind it.
func after(v string, mark byte) (rest string, ok bool) {
	if v == "" || v[0] != mark {
		return v, false
	}
	return strings.TrimLeft(v[1:], " "), true
}

// plainText takes a JSON text without escapes off the front, and the spaces behind it.
func plainText(v string) (text, rest string, ok bool) {
	if v == "" || v[0] != '"' {
		return "", v, false
	}
	for i := 1; i < len(v); i++ {
		switch c := v[i]; {
		case c == '"':
			return v[1:i], strings.TrimLeft(v[i+1:], " "), true
		case c == '\\' || c < ' ':
			return "", v, false
		}
	}
	return "", v, false
}

func (p *parser) list(field string) []string {
	v := p.text(field, false)
	if v == "" {
		return nil
	}
	if v == "[]" { // what nearly all rows have
		return []string{}
	}
	var out []string
	if err := json.Unmarshal([]byte(v), &out); err != nil {
		p.fail(field, v, "is not a JSON array of texts")
		return nil
	}
	return out
}

func (r Rules) names() string {
	names := make([]string, 0, len(r.Scales))
	for n := range r.Scales {
		names = append(names, n)
	}
	sort.Strings(names)
	return strings.Join(names, ", ")
}
