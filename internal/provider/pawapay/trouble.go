package pawapay

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
)

// trouble is an answer that says nothing about the payment, or nothing that
// can be trusted.
type trouble struct {
	verdict provider.Verdict
	reason  string
	raw     string // the status word that is the trouble, if one is
}

func (t *trouble) Error() string { return t.reason }

func (t *trouble) answer() provider.Answer {
	return provider.Answer{Verdict: t.verdict, Reason: t.reason, RawStatus: t.raw}
}

func invalid(format string, args ...any) *trouble {
	return &trouble{verdict: provider.Invalid, reason: fmt.Sprintf(format, args...)}
}

func noUse(format string, args ...any) *trouble {
	return &trouble{verdict: provider.NoAnswer, reason: fmt.Sprintf(format, args...)}
}

// wrongType names the field of an answer that holds something else than documented.
func wrongType(err error) *trouble {
	var e *json.UnmarshalTypeError
	if errors.As(err, &e) && e.Field != "" {
		return invalid("%s of pawaPay's answer is a JSON %s, which it can't be", clip(e.Field), e.Value)
	}
	return invalid("a field of pawaPay's answer has a wrong type: %v", err)
}

// standsTwice: which of the two counts nobody knows.
func standsTwice(name string) *trouble {
	return invalid("pawaPay's answer can't be trusted: the member %s stands in it twice", clip(name))
}

// noAnswer says why a call brought nothing.
func noAnswer(err error) *trouble {
	var e *httpx.Error
	if errors.As(err, &e) {
		return noUse("pawaPay gave no answer: %s; it is asked again in the next run", e.Reason)
	}
	return noUse("pawaPay gave no answer; it is asked again in the next run")
}

// refusal reads an HTTP status that is not 200. A refused token is told by its
// code, because the documentation gives it 403 and the reference 401.
func refusal(status int, body []byte) *trouble {
	code := errorCode(body)
	suffix := ""
	if code != "" {
		suffix = " " + code
	}
	switch {
	case status == http.StatusTooManyRequests:
		return noUse("pawaPay answered HTTP 429 (too many requests); lower rate_limit or run again later")
	case status >= 500, status == http.StatusRequestTimeout, status < 300:
		return noUse("pawaPay answered HTTP %d%s; it is asked again in the next run", status, suffix)
	}
	t := &trouble{verdict: provider.Refused}
	switch code {
	case "NO_AUTHENTICATION", "AUTHENTICATION_ERROR":
		t.reason = fmt.Sprintf("pawaPay did not accept the token (HTTP %d %s); check credentials.token, and that token and base_url are of the same environment", status, code)
		return t
	case "AUTHORISATION_ERROR":
		t.reason = fmt.Sprintf("pawaPay does not allow this call to the token (HTTP %d %s); check the token's rights in the dashboard", status, code)
		return t
	case "HTTP_SIGNATURE_ERROR":
		t.reason = fmt.Sprintf("pawaPay demands a signature for this call (HTTP %d %s); check the account's signature settings", status, code)
		return t
	}
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		t.reason = fmt.Sprintf("pawaPay refused access (HTTP %d%s); check credentials.token and base_url", status, suffix)
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed, status < 400:
		t.reason = fmt.Sprintf("pawaPay does not serve this address (HTTP %d); check base_url and api_version", status)
	default:
		t.reason = fmt.Sprintf("pawaPay refused the request (HTTP %d%s)", status, suffix)
	}
	return t
}

// errorCode finds the failure code of a refused call: under failureReason in
// v2, at top level in v1, nowhere in a gateway's page.
func errorCode(body []byte) string {
	var e struct {
		FailureReason failure `json:"failureReason"`
		ErrorCode     text    `json:"errorCode"`
	}
	if json.Unmarshal(body, &e) != nil {
		return ""
	}
	if e.FailureReason.Code != "" {
		return clip(string(e.FailureReason.Code))
	}
	return clip(string(e.ErrorCode))
}
