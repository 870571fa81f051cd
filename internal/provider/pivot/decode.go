package pivot

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"tieout/internal/money"
	"tieout/internal/provider/jsonkeys"
)

// amountDTO is money as Pivot writes it: value is a number of major units at
// payments, a string at payouts, balances and refunds.
type amountDTO struct {
	Value    json.RawMessage `json:"value"`
	Currency string          `json:"currency"`
}

// sign says which amounts a field may carry.
type sign int

const (
	unsigned sign = iota
	signed
)

// amount reads money exactly; what its currency can't hold is invalid.
func (c *client) amount(field string, a *amountDTO, s sign) (money.Amount, *failure) {
	if a == nil || len(a.Value) == 0 || string(a.Value) == "null" {
		return money.Amount{}, invalid("%s is missing", field)
	}
	text := string(a.Value)
	if text[0] == '"' {
		if json.Unmarshal(a.Value, &text) != nil {
			return money.Amount{}, invalid("%s is not an amount", field)
		}
	}
	currency := strings.ToUpper(a.Currency)
	v, err := c.Scale.Parse(text, currency)
	switch {
	case errors.Is(err, money.ErrPrecision):
		return money.Amount{}, invalid("%s %s has more decimals than %s can hold", field, slug(text), slug(currency))
	case errors.Is(err, money.ErrRange):
		return money.Amount{}, invalid("%s %s is too large", field, slug(text))
	case errors.Is(err, money.ErrSyntax):
		return money.Amount{}, invalid("%s %s is not a decimal number", field, slug(text))
	case err != nil:
		return money.Amount{}, invalid("%s has the unknown currency %q", field, slug(a.Currency))
	case v.Minor < 0 && s == unsigned:
		return money.Amount{}, invalid("%s %s is negative", field, slug(text))
	}
	return v, nil
}

// flexText is a text that some answers write as a number; null is empty.
type flexText string

// UnmarshalJSON takes strings, numbers and null.
func (t *flexText) UnmarshalJSON(b []byte) error {
	b = bytes.TrimSpace(b)
	switch {
	case len(b) == 0 || string(b) == "null":
		*t = ""
		return nil
	case b[0] == '"':
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*t = flexText(s)
		return nil
	case b[0] == '-' || b[0] >= '0' && b[0] <= '9':
		*t = flexText(b)
		return nil
	default:
		return errors.New("neither text nor number")
	}
}

// decode reads one object whose JSON is known to be sound; what doesn't fit
// is named by its field, never by its content.
func decode(raw json.RawMessage, into any) *failure {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return invalid("the answer carries no data")
	}
	err := json.Unmarshal(raw, into)
	if err == nil {
		if name := jsonkeys.Twice(raw); name != "" {
			return invalid("the member %s stands twice", slug(name))
		}
		return nil
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		return invalid("field %s has the wrong type (%s)", slug(wrong.Field), slug(wrong.Value))
	}
	return invalid("the answer's data has the wrong shape")
}

// instant reads a time; empty, null and year one mean "none".
func instant(field string, text *string) (time.Time, *failure) {
	if text == nil || *text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, *text)
	if err != nil {
		return time.Time{}, invalid("%s %q is not an RFC 3339 time", field, slug(*text))
	}
	if t.Year() <= 1 {
		return time.Time{}, nil
	}
	return t.UTC(), nil
}

// metadata gives the values of a free object as strings; nested values as JSON.
func metadata(raw json.RawMessage) map[string]string {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil || len(fields) == 0 {
		return nil
	}
	out := make(map[string]string, len(fields))
	for k, v := range fields {
		var s string
		var compact bytes.Buffer
		switch {
		case string(v) == "null":
		case json.Unmarshal(v, &s) == nil:
			out[k] = s
		case json.Compact(&compact, v) == nil:
			out[k] = compact.String()
		}
	}
	return out
}

// word writes a status word in its one form: "IN PROGRESS" is IN_PROGRESS.
func word(s string) string {
	return strings.ReplaceAll(strings.ToUpper(strings.TrimSpace(s)), " ", "_")
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// isUUID tells whether s has the one form that Pivot's ids have.
func isUUID(s string) bool {
	const length = 36
	_, err := uuid.Parse(s)
	return err == nil && len(s) == length
}

// legalReference tells whether s can be a merchant's reference at Pivot (1 to
// 100 characters); blanks and control characters can't, dots alone would be
// read as a path.
func legalReference(s string) bool {
	const most = 100
	if s == "" || len(s) > most || s == "." || s == ".." {
		return false
	}
	for _, r := range s {
		if r <= ' ' || r == 0x7f {
			return false
		}
	}
	return true
}

// legalReferences gives the distinct legal ones in their order.
func legalReferences(refs ...string) []string {
	var out []string
	for _, r := range refs {
		if legalReference(r) && (len(out) == 0 || out[0] != r) {
			out = append(out, r)
		}
	}
	return out
}
