package pesaswap

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
)

// Error codes on which the client decides; messages are never looked at.
const (
	codeUnknown   = "HE_02" // payout, payment, refund or customer unknown
	codeNoRoute   = "IR_02"
	codeIntegrity = "IE_00" // the connector's figures differ from PesaSwap's
	codeConnector = "CE_00" // a connector's error passed through, with any HTTP status
	codeBody      = "IR_06" // JSON body not accepted
	codeProfile   = "IR_16"
	codeForbidden = "IR_22"
)

// apiError is an answer that is an error, whatever its HTTP status.
type apiError struct {
	status  int
	code    string // empty where the body has none (proxies, plain text)
	message string // the provider's; may hold anything, so it is never shown
	// transaction is the connector's id, given beside integrity failures.
	transaction string
}

// readError takes the error out of a response of any status; its code is empty
// where the body holds no error envelope.
func readError(resp httpx.Response) apiError {
	o, err := readObject(resp.Body)
	if err != nil {
		o = nil
	}
	return errorIn(resp.Status, o)
}

// errorIn is readError of a body that is read already.
func errorIn(status int, body object) apiError {
	e := body.object("error")
	return apiError{status: status, code: e.text("code"), message: e.text("message"), transaction: e.text("connector_transaction_id")}
}

// readAnswer reads the object of an answer that is no error. Of an error only
// what readError says is given.
func readAnswer(resp httpx.Response) (object, *apiError, error) {
	o, err := readObject(resp.Body)
	if resp.Status != http.StatusOK || o.has("error") {
		e := errorIn(resp.Status, o)
		return nil, &e, nil
	}
	return o, nil, err
}

// judge turns an error into a verdict. Unknown comes from one answer alone:
// HTTP 404 with code HE_02.
func (e apiError) judge() provider.Answer {
	a := provider.Answer{Verdict: provider.NoAnswer}
	name := fmt.Sprintf("HTTP %d", e.status)
	if e.code != "" {
		name += " " + clip(e.code)
	}
	refuse := func(why string) provider.Answer {
		a.Verdict, a.Reason = provider.Refused, "PesaSwap refused the request ("+name+"): "+why
		return a
	}
	switch {
	case e.code == codeConnector:
		a.Reason = "PesaSwap passed on an error of its connector (" + name + "); nothing is known, try again later"
	case e.status == http.StatusNotFound && e.code == codeUnknown:
		a.Verdict, a.Reason = provider.Unknown, "PesaSwap does not know this payment ("+name+")"
	case e.status == http.StatusTooManyRequests:
		a.Reason = "PesaSwap's rate limit was reached (" + name + "); lower rate_limit for this provider"
	case e.status >= http.StatusInternalServerError && e.status != http.StatusNotImplemented:
		a.Reason = "PesaSwap failed to answer (" + name + "); nothing is known, try again later"
	case e.status == http.StatusUnprocessableEntity && e.code == "HE_00":
		a.Reason = "the payment is locked at PesaSwap (" + name + "); try again later"
	case e.status == http.StatusUnauthorized:
		return refuse("check api_key and profile_id")
	case e.status == http.StatusForbidden:
		return refuse("the key may not use this route")
	case e.code == codeProfile:
		return refuse("the payment belongs to another profile than profile_id")
	case e.status == http.StatusNotFound:
		return refuse("this address has no such API; check base_url (the dashboard's host is not the API's)")
	case e.status >= 300 && e.status < 400:
		return refuse("the address leads elsewhere; check base_url")
	case e.status == http.StatusOK:
		a.Reason = "PesaSwap answered with an error under " + name + "; nothing is known"
	default:
		return refuse("it does not accept such a request")
	}
	return a
}

// silence is the answer where no complete response came.
func silence(err error) provider.Answer {
	reason := "PesaSwap gave no answer"
	var h *httpx.Error
	switch {
	case errors.As(err, &h):
		reason += ": " + h.Reason
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		reason += ": the run ended first"
	}
	return provider.Answer{Verdict: provider.NoAnswer, Reason: reason}
}

// clip keeps a hostile value from filling a reason.
func clip(s string) string {
	const most = 40
	r := []rune(s)
	if len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
