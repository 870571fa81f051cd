package pivot

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tieout/internal/money"
)

// fields is a JSON object.
type fields map[string]any

// answer is what goes back: an envelope, or raw bytes of another kind.
type answer struct {
	status int
	body   fields
	raw    string // instead of body
	html   bool
}

func (a answer) send(w http.ResponseWriter) {
	body := []byte(a.raw)
	contentType := "application/json"
	if a.html {
		contentType = "text/html"
	}
	if a.raw == "" {
		var err error
		if body, err = json.Marshal(a.body); err != nil {
			a.status, body = http.StatusInternalServerError, []byte(`{"code":"internal_error","message":"Internal error","error":{}}`)
		}
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(a.status)
	_, _ = w.Write(body) // a client that went away needs no answer
}

func found(data any) answer {
	return answer{status: http.StatusOK, body: fields{"code": "00", "message": "Success", "data": data}}
}

func failed(status int, code, message string, details ...fields) answer {
	if details == nil {
		details = []fields{}
	}
	return answer{status: status, body: fields{"code": code, "message": message, "error": fields{
		"type": "API_ERROR", "details": details, "traceId": hash("trace", code, message)[:32],
	}}}
}

func invalidField(name, message string) answer {
	return failed(http.StatusBadRequest, "api_validation_error", "Validation error", fields{"field": name, "message": message})
}

func notFound() answer { return failed(http.StatusNotFound, "not_found", "Route not found") }

func missing() answer {
	return failed(http.StatusNotFound, "resource_missing", "Resource not found")
}

func wrongMethod() answer {
	return failed(http.StatusMethodNotAllowed, "method_not_allowed", "Method not allowed")
}

// paged cuts one page out of n rows; row makes the i-th. The default is 20 rows
// a page and more than 100 are never given.
func paged(q url.Values, n int, row func(i int) any) answer {
	const standard, most = 20, 100
	page, ok := number(q.Get("page"), 1)
	if !ok {
		return invalidField("page", "page is invalid")
	}
	perPage, ok := number(q.Get("perPage"), standard)
	if !ok {
		return invalidField("perPage", "perPage is invalid")
	}
	perPage = min(perPage, most)
	pages := (n + perPage - 1) / perPage
	rows := []any{}
	if page <= pages {
		for i := (page - 1) * perPage; i < min(page*perPage, n); i++ {
			rows = append(rows, row(i))
		}
	}
	a := found(rows)
	a.body["pagination"] = fields{"page": page, "perPage": perPage, "totalItems": n, "totalPages": pages}
	return a
}

func number(text string, standard int) (int, bool) {
	if text == "" {
		return standard, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 1
}

// asNumber writes money as payments do: a JSON number of major units.
func asNumber(a money.Amount) fields {
	return fields{"value": json.RawMessage(short(a)), "currency": a.Currency}
}

// asText writes money as payouts do: a string, without decimals where it has none.
func asText(a money.Amount) fields { return fields{"value": short(a), "currency": a.Currency} }

// asDecimals writes money as balances and refunds do: a string with two decimals.
func asDecimals(a money.Amount) fields {
	text := short(a)
	whole, frac, _ := strings.Cut(text, ".")
	const decimals = 2
	for len(frac) < decimals {
		frac += "0"
	}
	return fields{"value": whole + "." + frac, "currency": a.Currency}
}

func short(a money.Amount) string {
	s := a.String()
	if strings.Contains(s, ".") {
		s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// seconds and micros are the two precisions of Pivot's times.
func seconds(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
func micros(t time.Time) string  { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }
