package pawapay

import (
	"encoding/json"

	"tieout/internal/provider/jsonkeys"
)

// v1 is the first API, which still runs: no prefix, lists of at most one.
type v1 struct{}

func (v1) prefix() string   { return "" }
func (v1) statements() bool { return false }

// record takes the one element of the list; the empty list means unknown.
func (v1) record(body []byte) (*record, *trouble) {
	var list []json.RawMessage
	if json.Unmarshal(body, &list) != nil || list == nil {
		return nil, noUse("pawaPay's answer has another shape than the documented one; check base_url and api_version")
	}
	if name := jsonkeys.Twice(body); name != "" {
		return nil, standsTwice(name)
	}
	switch len(list) {
	case 0:
		return nil, nil
	case 1:
	default:
		return nil, invalid("pawaPay's answer holds %d objects for one id", len(list))
	}
	if list[0][0] != '{' {
		return nil, invalid("the element of pawaPay's answer is no object")
	}
	var r record
	if err := json.Unmarshal(list[0], &r); err != nil {
		return nil, wrongType(err)
	}
	return &r, nil
}
