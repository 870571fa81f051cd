package pesaway

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"tieout/internal/provider/jsonkeys"
)

// text reads a JSON string or number as the text that was sent, so that no
// amount ever passes through a float. null is the empty text; anything else is
// an error.
type text string

var (
	errNotText  = errors.New("neither a string nor a number")
	errNegative = errors.New("the amount is negative")
)

func (t *text) UnmarshalJSON(b []byte) error {
	switch {
	case string(b) == "null":
		return nil
	case b[0] == '"':
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*t = text(s)
		return nil
	case b[0] == '-' || b[0] >= '0' && b[0] <= '9':
		*t = text(b)
		return nil
	}
	return errNotText
}

// twiceError says that a member stands twice, so that nobody knows which counts.
type twiceError string

func (e twiceError) Error() string { return "the member " + clip(string(e)) + " stands in it twice" }

// wrongPart says for people what is wrong with an answer or a row.
func wrongPart(err error) string {
	var twice twiceError
	if errors.As(err, &twice) {
		return twice.Error()
	}
	return "a field has a wrong type"
}

// envelopeCode returns the dotted code of an answer ("404.000"), empty where it
// has none. It is read apart from the rest of the body: a refusal counts
// whatever else is in it.
func envelopeCode(body []byte) string {
	var e struct {
		Code text `json:"code"`
	}
	if json.Unmarshal(body, &e) != nil {
		return ""
	}
	return clip(string(e.Code))
}

// record is the answer to a status query.
type record struct {
	Code       text  `json:"code"`
	ResultCode *text `json:"ResultCode"` // nil when missing
	ResultDesc text  `json:"ResultDesc"`

	OriginatorReference          text  `json:"OriginatorReference"`
	TransactionID                text  `json:"TransactionID"`
	TransactionAmount            *text `json:"TransactionAmount"`
	TransactionReceipt           text  `json:"TransactionReceipt"`
	ReceiverPartyPublicName      text  `json:"ReceiverPartyPublicName"`
	TransactionCompletedDateTime text  `json:"TransactionCompletedDateTime"`
}

// decodeRecord reads a status answer, looking under "data" where the top level
// holds no ResultCode. An answer without any is a record without one.
func decodeRecord(body []byte) (record, error) {
	var top struct {
		record
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &top); err != nil {
		return record{}, err
	}
	if name := jsonkeys.Twice(body); name != "" {
		return record{}, twiceError(name)
	}
	data := bytes.TrimSpace(top.Data)
	if top.ResultCode != nil || len(data) == 0 || data[0] != '{' {
		return top.record, nil
	}
	var inner record
	if err := json.Unmarshal(data, &inner); err != nil {
		return record{}, err
	}
	inner.Code = top.Code
	return inner, nil
}

// pullRow is a row of pull-transactions.
type pullRow struct {
	Reference         text `json:"Reference"`
	Receipt           text `json:"Receipt"`
	TransactionDate   text `json:"TransactionDate"`
	Recipient         text `json:"Recipient"`
	ExternalReference text `json:"ExternalReference"`
	TransactionType   text `json:"TransactionType"`
	Amount            text `json:"Amount"`
	Status            text `json:"Status"` // in no sample; see transactionOfRow
}

// decodeRows splits a page into its rows without reading them, so that a bad
// row doesn't cost the page. The array may stand under "data".
func decodeRows(body []byte) ([]json.RawMessage, error) {
	var rows []json.RawMessage
	if b := bytes.TrimSpace(body); len(b) > 0 && b[0] == '[' {
		err := json.Unmarshal(b, &rows)
		return rows, err
	}
	var wrapped struct {
		Data *[]json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &wrapped); err != nil {
		return nil, err
	}
	if wrapped.Data == nil {
		return nil, errors.New("no list of transactions")
	}
	return *wrapped.Data, nil
}

// decodeRow reads a row. With an error, what names the row is filled all the
// same where it can be read.
func decodeRow(raw json.RawMessage) (pullRow, error) {
	var r pullRow
	err := json.Unmarshal(raw, &r)
	if err == nil {
		if name := jsonkeys.Twice(raw); name != "" {
			return r, twiceError(name)
		}
		return r, nil
	}
	var names struct{ Reference, ExternalReference json.RawMessage }
	if json.Unmarshal(raw, &names) != nil {
		return pullRow{}, err
	}
	r = pullRow{}
	_ = json.Unmarshal(names.Reference, &r.Reference) // stays empty where it is no text
	_ = json.Unmarshal(names.ExternalReference, &r.ExternalReference)
	return r, err
}

// readTime reads the formats of the answers; without a zone it is UTC, as the
// stamp that was captured showed.
func readTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// accountOf takes the number out of "<number> - <name>", and out of a field
// that holds either a number or a person's name, which is not wanted.
func accountOf(s string) string {
	number, _, _ := strings.Cut(s, " - ")
	number = strings.TrimSpace(number)
	digits := 0
	for _, r := range number {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case strings.ContainsRune("+*xX-", r): // masked or grouped
		default:
			return ""
		}
	}
	if digits == 0 || len(number) > longestID {
		return ""
	}
	return number
}

// longestID is what an id, reference or receipt may take.
const longestID = 200

// usableID tells whether an id or reference from outside can be stored.
func usableID(ids ...text) bool {
	for _, id := range ids {
		if len(id) > longestID || strings.ContainsFunc(string(id), func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return false
		}
	}
	return true
}

func wholeNumber(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || len(digits) > 9 || len(digits) > 1 && digits[0] == '0' || s == "-0" {
		return false
	}
	return strings.Trim(digits, "0123456789") == ""
}

// clip keeps a hostile value from filling a reason, and control characters out
// of it.
func clip(s string) string {
	const most = 40
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// message makes a provider's text fit to be shown: phone and account numbers
// in it are masked, and it has an end.
func message(s string) string {
	const most, longestNumber = 200, 6
	out := []rune(s)
	run := 0
	for i := 0; i <= len(out); i++ {
		if i < len(out) && out[i] >= '0' && out[i] <= '9' {
			run++
			continue
		}
		for j := i - run; run > longestNumber && j < i; j++ {
			out[j] = '*'
		}
		run = 0
		if i < len(out) && (out[i] < ' ' || out[i] == 0x7f) {
			out[i] = ' '
		}
	}
	if len(out) > most {
		return string(out[:most]) + "…"
	}
	return string(out)
}
