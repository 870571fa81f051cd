package pesaway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
)

// Codes of the error envelope that decide something.
const (
	envelopeUnauthorised = "401.001"
	envelopeNotFound     = "404.000"
)

// trouble is an answer that says nothing about a payment, or nothing that can
// be trusted.
type trouble struct {
	verdict provider.Verdict
	reason  string
	raw     string // the status word that is the trouble, if one is
}

func (t *trouble) Error() string { return t.reason }

func (t *trouble) answer() provider.Answer {
	return provider.Answer{Verdict: t.verdict, Reason: t.reason, RawStatus: t.raw}
}

func troubled(v provider.Verdict, format string, args ...any) *trouble {
	return &trouble{verdict: v, reason: fmt.Sprintf(format, args...)}
}

func noAnswer(err error) *trouble {
	var e *httpx.Error
	if errors.As(err, &e) {
		return troubled(provider.NoAnswer, "PesaWay gave no answer: %s; it is asked again in the next run", e.Reason)
	}
	return troubled(provider.NoAnswer, "PesaWay gave no answer; it is asked again in the next run")
}

// call sends body (nil: none) with a token and returns an answer of HTTP 2xx
// whose code, where it has one, is a success. A token that is refused is
// renewed once.
func (c *client) call(ctx context.Context, method, path string, body any) ([]byte, *trouble) {
	for renewed := false; ; renewed = true {
		tok, t := c.tokens.get(ctx)
		if t != nil {
			return nil, t
		}
		resp, t := c.send(ctx, method, path, tok, body)
		if t != nil {
			return nil, t
		}
		t = refusal(resp, path)
		if t == nil {
			return resp.Body, nil
		}
		if renewed || !tokenRefused(resp) {
			return nil, t
		}
		c.tokens.drop(tok)
	}
}

func (c *client) send(ctx context.Context, method, path, token string, body any) (httpx.Response, *trouble) {
	h := http.Header{}
	h.Set("Accept", "application/json")
	h.Set("Content-Type", "application/json")
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
	if c.opts.region != "" {
		h.Set("X-Region", c.opts.region)
	}
	r := httpx.Request{Method: method, Path: path, Header: h}
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return httpx.Response{}, troubled(provider.NotAskable, "the request to PesaWay can't be written")
		}
		r.Body = b
	}
	resp, err := c.http.Do(ctx, r)
	if err != nil {
		return httpx.Response{}, noAnswer(err)
	}
	return resp, nil
}

// tokenRefused: the HTTP status of a code is not documented, so either counts.
func tokenRefused(resp httpx.Response) bool {
	return resp.Status == http.StatusUnauthorized ||
		resp.Status < 500 && envelopeCode(resp.Body) == envelopeUnauthorised
}

// refusal reads HTTP status and envelope code together: some servers answer
// errors with HTTP 200. Only 404.000 in PesaWay's own envelope is a positive
// "not known"; a bare HTTP 404 is a wrong address.
func refusal(resp httpx.Response, path string) *trouble {
	s, code := resp.Status, envelopeCode(resp.Body)
	ok := s >= 200 && s < 300
	what := fmt.Sprintf("HTTP %d", s)
	if code != "" {
		what += ", code " + code
	}
	switch {
	case s == http.StatusTooManyRequests:
		return troubled(provider.NoAnswer, "PesaWay answered %s (too many requests); lower rate_limit or run again later", what)
	case s >= 500, s < 200, s == http.StatusRequestTimeout:
		return troubled(provider.NoAnswer, "PesaWay answered %s; it is asked again in the next run", what)
	case ok && (code == "" || strings.HasPrefix(code, "200.")):
		return nil
	case s >= 300 && s < 400:
		return troubled(provider.Refused, "PesaWay redirects %s (%s): a slash is missing at the end of the path, or base_url or list_path is wrong", path, what)
	case s == http.StatusUnauthorized, code == envelopeUnauthorised:
		return troubled(provider.Refused, "PesaWay does not accept the token (%s); check client_id, client_secret, region, and that base_url is of the same environment", what)
	case s == http.StatusForbidden:
		return troubled(provider.Refused, "PesaWay refuses access (%s); check the account's rights, region and allowed addresses", what)
	case ok && showsResult(resp.Body):
		return troubled(provider.Invalid, "PesaWay's answer contradicts itself: code %s and a ResultCode", code)
	case code == envelopeNotFound && (ok || s == http.StatusNotFound || s == http.StatusBadRequest):
		return troubled(provider.Unknown, "PesaWay does not know the transaction (%s)", what)
	case s == http.StatusNotFound, s == http.StatusMethodNotAllowed:
		return troubled(provider.Refused, "PesaWay does not serve %s (%s); check base_url, generation, query_method and list_path", path, what)
	case ok && (strings.HasPrefix(code, "5") || strings.HasPrefix(code, "429")):
		return troubled(provider.NoAnswer, "PesaWay answered %s; it is asked again in the next run", what)
	default:
		return troubled(provider.Refused, "PesaWay refuses the request to %s (%s); check region, generation and merchant_code", path, what)
	}
}

// showsResult tells whether a body speaks about a transaction.
func showsResult(body []byte) bool {
	r, err := decodeRecord(body)
	return err == nil && r.ResultCode != nil
}
