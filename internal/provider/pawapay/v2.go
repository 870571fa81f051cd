package pawapay

import (
	"encoding/json"

	"tieout/internal/provider/jsonkeys"
)

// v2 is the current API.
type v2 struct{}

func (v2) prefix() string   { return "/v2" }
func (v2) statements() bool { return true }

// record opens the envelope. Its status is the lookup's: only the word
// NOT_FOUND, with no data beside it, says that the payment is unknown.
func (v2) record(body []byte) (*record, *trouble) {
	var r record
	found, bad := openEnvelope(body, &r)
	if bad != nil || !found {
		return nil, bad
	}
	return &r, nil
}

// openEnvelope decodes data into into and tells whether the id was found.
func openEnvelope(body []byte, into any) (bool, *trouble) {
	var e struct {
		Status        text            `json:"status"`
		Data          json.RawMessage `json:"data"`
		FailureReason failure         `json:"failureReason"`
	}
	if json.Unmarshal(body, &e) != nil {
		return false, noUse("pawaPay's answer has another shape than the documented one; check base_url and api_version")
	}
	if name := jsonkeys.Twice(body); name != "" {
		return false, standsTwice(name)
	}
	none := len(e.Data) == 0 || string(e.Data) == "null"
	switch {
	case e.Status == "NOT_FOUND" && none:
		return false, nil
	case e.Status == "NOT_FOUND":
		return false, invalid("pawaPay's answer says NOT_FOUND and holds data")
	case e.Status != "FOUND" && e.FailureReason.Code != "":
		return false, noUse("pawaPay refused to look it up (%s %s)", clip(string(e.Status)), clip(string(e.FailureReason.Code)))
	case e.Status != "FOUND":
		return false, noUse("pawaPay's lookup answered %q instead of FOUND or NOT_FOUND", clip(string(e.Status)))
	case none:
		return false, invalid("pawaPay's answer says FOUND and holds no data")
	}
	if e.Data[0] != '{' {
		return false, invalid("data of pawaPay's answer is no object")
	}
	if err := json.Unmarshal(e.Data, into); err != nil {
		return false, wrongType(err)
	}
	return true, nil
}
