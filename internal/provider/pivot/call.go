package pivot

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
)

// envelope is what every answer of Pivot is wrapped in.
type envelope struct {
	Code       string          `json:"code"`
	Data       json.RawMessage `json:"data"`
	Pagination *pagination     `json:"pagination"`
	Error      *struct {
		Details []struct {
			Field string `json:"field"`
		} `json:"details"`
	} `json:"error"`
}

type pagination struct {
	Page       int `json:"page"`
	TotalItems int `json:"totalItems"`
	TotalPages int `json:"totalPages"`
}

// get makes one authenticated read; a refused token is renewed once.
func (c *client) get(ctx context.Context, path string, q url.Values) (envelope, *failure) {
	return c.read(ctx, httpx.Request{Path: path, Query: q})
}

func (c *client) read(ctx context.Context, r httpx.Request) (envelope, *failure) {
	token, f := c.tokens.get(ctx)
	if f != nil {
		return envelope{}, f
	}
	resp, err := c.send(ctx, r, token)
	if err == nil && resp.Status == http.StatusUnauthorized {
		c.tokens.drop(token)
		if token, f = c.tokens.get(ctx); f != nil {
			return envelope{}, f
		}
		resp, err = c.send(ctx, r, token)
	}
	if err != nil {
		return envelope{}, transportFailure(err)
	}
	return readEnvelope(resp)
}

func (c *client) send(ctx context.Context, r httpx.Request, token string) (httpx.Response, error) {
	h := http.Header{}
	h.Set("Authorization", "Bearer "+token)
	h.Set("Accept", "application/json")
	if c.subMerchant != "" {
		h.Set("X-Submerchant-Id", c.subMerchant)
	}
	r.Header = h
	return c.HTTP.Do(ctx, r)
}

// readEnvelope tells a usable answer (2xx and code "00") from the rest.
func readEnvelope(resp httpx.Response) (envelope, *failure) {
	var e envelope
	err := json.Unmarshal(resp.Body, &e)
	ok := resp.Status >= 200 && resp.Status < 300
	switch {
	case ok && err != nil:
		return envelope{}, noAnswer("Pivot answered HTTP %d with a body that is not its JSON", resp.Status)
	case ok && e.Code == "00":
		return e, nil
	case ok && e.Code == "":
		return envelope{}, noAnswer("Pivot answered HTTP %d without a code", resp.Status)
	case err != nil:
		e = envelope{} // a page of some proxy: only the HTTP status speaks
	}
	return envelope{}, e.failureOf(resp.Status)
}

// failureOf decides by the code where there is one, by the HTTP status
// otherwise: payouts' error codes come without a documented HTTP status.
func (e envelope) failureOf(status int) *failure {
	said := "HTTP " + strconv.Itoa(status)
	if e.Code != "" {
		said += " (" + slug(e.Code) + ")"
	}
	switch e.Code {
	case "internal_error", "bad_gateway", "service_unavailable", "gateway_timeout", "general_error":
		return noAnswer("Pivot has a fault of its own: %s; ask again later", said)
	case "frequency_above_limit":
		return noAnswer("Pivot's rate limit is exceeded: %s; lower rate_limit", said)
	case "payouts_in_process":
		return noAnswer("Pivot does not show the payout yet: %s; ask again later", said)
	}
	switch {
	case status >= 500 || status == http.StatusRequestTimeout || status == http.StatusTooManyRequests:
		return noAnswer("Pivot could not answer: %s; ask again later", said)
	case e.Code == "resource_missing":
		return &failure{verdict: provider.Unknown, reason: "Pivot does not know it: " + said}
	case status == http.StatusUnauthorized || e.Code == "credentials_invalid":
		return refused("Pivot refuses the credentials: %s; check client_id, client_secret and whether base_url is of the same environment", said)
	case status == http.StatusForbidden || e.Code == "forbidden_access" || e.Code == "resource_not_complete":
		return refused("Pivot refuses access: %s; the account is not enabled for this call", said)
	case status == http.StatusNotFound:
		return refused("Pivot has no such path: %s; check base_url", said)
	}
	if e.Error != nil {
		for _, d := range e.Error.Details {
			if d.Field == "clientReferenceId" || d.Field == "referenceId" {
				return &failure{verdict: provider.NotAskable, reason: "Pivot takes no such reference: " + said + ", field " + d.Field}
			}
		}
		if len(e.Error.Details) > 0 && e.Error.Details[0].Field != "" {
			said += ", field " + slug(e.Error.Details[0].Field)
		}
	}
	return refused("Pivot refuses the request: %s", said)
}

func refused(format string, args ...any) *failure {
	f := noAnswer(format, args...)
	f.verdict = provider.Refused
	return f
}

// scan is what was learnt by reading all pages of a list.
type scan struct {
	rows     int    // rows that came, duplicates included
	total    int    // the greatest totalItems that a page gave; -1 when none did
	complete bool   // every page was read
	why      string // why not
}

// pages reads a list page by page until each says no, the last page or the
// cap. The order of the rows is not documented and pages may shift while they
// are read, so callers drop duplicates.
func (c *client) pages(ctx context.Context, path string, q url.Values, most int, each func([]json.RawMessage) bool) (scan, *failure) {
	result := scan{total: -1}
	query := url.Values{}
	for k, v := range q {
		query[k] = v
	}
	query.Set("perPage", strconv.Itoa(c.perPage))
	for page := 1; ; page++ {
		query.Set("page", strconv.Itoa(page))
		e, f := c.get(ctx, path, query)
		if f != nil {
			if f.verdict == provider.Unknown && page > 1 {
				f = noAnswer("Pivot lost page %d of a list while it was read", page)
			}
			return result, f
		}
		rows, stated := elements(e.Data)
		switch {
		case e.Pagination != nil:
			result.total = max(result.total, e.Pagination.TotalItems)
		case stated && len(rows) == 0 && page == 1:
			result.total = 0
		}
		result.rows += len(rows)
		if len(rows) > 0 && !each(rows) {
			result.why = "reading was stopped"
			return result, nil
		}
		switch last := e.Pagination == nil || page >= e.Pagination.TotalPages; {
		case e.Pagination == nil && len(rows) >= c.perPage:
			// No word about further pages: a full one may have a successor.
		case last:
			result.complete = true
			return result, nil
		case len(rows) == 0:
			result.why = "page " + strconv.Itoa(page) + " of " + strconv.Itoa(e.Pagination.TotalPages) + " is empty"
			return result, nil
		}
		if page >= most {
			result.why = "only the first " + strconv.Itoa(most) + " pages were read (option max_pages)"
			return result, nil
		}
	}
}

// whole reads a list until a reading brings nothing new: where fewer distinct
// rows came than Pivot counts, rows were repeated, or moved between the pages
// and some were missed. distinct counts what each has seen.
func (c *client) whole(ctx context.Context, path string, each func([]json.RawMessage) bool, distinct func() int) (scan, *failure) {
	const readings = 4
	for reading := range readings {
		before := distinct()
		got, f := c.pages(ctx, path, nil, c.maxPages, each)
		if f != nil || !got.complete || distinct() >= got.total {
			return got, f
		}
		if reading > 0 && distinct() == before {
			if got.rows < got.total {
				got.complete, got.why = false, "only "+strconv.Itoa(got.rows)+" of "+strconv.Itoa(got.total)+" rows were shown"
			}
			return got, nil
		}
	}
	return scan{why: "the rows kept moving while they were read"}, nil
}

// elements takes data by its shape: the rows of an array, or an object as the
// only row. stated is false where there is no data at all.
func elements(data json.RawMessage) (rows []json.RawMessage, stated bool) {
	data = bytes.TrimSpace(data)
	switch {
	case len(data) == 0 || bytes.Equal(data, []byte("null")):
		return nil, false
	case data[0] == '[':
		if json.Unmarshal(data, &rows) != nil {
			return nil, false
		}
		return rows, true
	default:
		return []json.RawMessage{data}, true
	}
}

// slug keeps only what a code or field name may consist of, so that nothing
// else of an answer gets into a reason.
func slug(s string) string {
	const most = 60
	s = strings.Map(func(r rune) rune {
		if r == '_' || r == '.' || r == '-' || r == ' ' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '?'
	}, s)
	if len(s) > most {
		s = s[:most]
	}
	return s
}
