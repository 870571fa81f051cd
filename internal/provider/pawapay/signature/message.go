package signature

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/dunglas/httpsfv"
)

// Message is what a signature may cover of a request or an answer.
type Message struct {
	// Method, Scheme, Authority, Path and Query are a request's; Path is
	// escaped, Query without its question mark.
	Method, Scheme, Authority, Path, Query string
	// Status is an answer's; 0 for a request.
	Status int
	Header http.Header
	// Body holds the exact bytes that were sent.
	Body []byte
}

// FromRequest takes a request apart, one that is sent or one that was received
// by a server. The body is given apart because reading it consumes it.
func FromRequest(r *http.Request, body []byte) Message {
	m := Message{Method: r.Method, Scheme: r.URL.Scheme, Authority: r.Host, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Header: r.Header, Body: body}
	if m.Method == "" {
		m.Method = http.MethodGet
	}
	if m.Authority == "" {
		m.Authority = r.URL.Host
	}
	if m.Scheme == "" {
		m.Scheme = "http"
		if r.TLS != nil {
			m.Scheme = "https"
		}
	}
	return m
}

// FromResponse takes an answer apart.
func FromResponse(r *http.Response, body []byte) Message {
	return Message{Status: r.StatusCode, Header: r.Header, Body: body}
}

// base is the text that is signed (RFC 9421, 2.5): a line for each covered
// component, the last one for the signature's own parameters.
func (m Message) base(covered httpsfv.InnerList) (string, error) {
	var b strings.Builder
	seen := map[string]bool{}
	for _, item := range covered.Items {
		name, err := httpsfv.Marshal(item)
		if err != nil {
			return "", fmt.Errorf("write a component's name: %w", err)
		}
		if seen[name] {
			return "", fmt.Errorf("component %s is covered twice", name)
		}
		seen[name] = true
		value, err := m.component(item)
		if err != nil {
			return "", err
		}
		if strings.ContainsAny(value, "\r\n") {
			return "", fmt.Errorf("component %s has more than one line", name)
		}
		b.WriteString(name + ": " + value + "\n")
	}
	params, err := httpsfv.Marshal(httpsfv.List{covered})
	if err != nil {
		return "", fmt.Errorf("write the signature's parameters: %w", err)
	}
	return b.String() + `"@signature-params": ` + params, nil
}

// component gives the value of one covered component.
func (m Message) component(item httpsfv.Item) (string, error) {
	name, ok := item.Value.(string)
	if !ok {
		return "", errors.New("a component's name is no string")
	}
	if name == "@query-param" {
		return m.queryParam(item)
	}
	if len(item.Params.Names()) > 0 {
		return "", fmt.Errorf("component %q has parameters that are not supported", name)
	}
	if !strings.HasPrefix(name, "@") {
		return m.header(name)
	}
	if (name == "@status") != (m.Status != 0) {
		return "", fmt.Errorf("component %q does not belong to this kind of message", name)
	}
	switch name {
	case "@method":
		return m.Method, nil
	case "@scheme":
		return strings.ToLower(m.Scheme), nil
	case "@authority":
		return m.authority(), nil
	case "@path":
		return m.path(), nil
	case "@query":
		return "?" + m.Query, nil
	case "@request-target":
		return m.target(), nil
	case "@target-uri":
		return strings.ToLower(m.Scheme) + "://" + m.authority() + m.target(), nil
	case "@status":
		return strconv.Itoa(m.Status), nil
	}
	return "", fmt.Errorf("component %q is not supported", name)
}

// header joins the values of a field in their order (RFC 9421, 2.1).
func (m Message) header(name string) (string, error) {
	if name != strings.ToLower(name) {
		return "", fmt.Errorf("component %q is not in lower case", name)
	}
	values := m.Header.Values(name)
	if len(values) == 0 {
		return "", fmt.Errorf("the message has no header %q, which the signature covers", name)
	}
	trimmed := make([]string, len(values))
	for i, v := range values {
		trimmed[i] = strings.Trim(v, " \t")
	}
	return strings.Join(trimmed, ", "), nil
}

// authority is the host in lower case, without the scheme's own port.
func (m Message) authority() string {
	a := strings.ToLower(m.Authority)
	host, port, err := net.SplitHostPort(a)
	scheme := strings.ToLower(m.Scheme)
	if err != nil || (scheme != "https" || port != "443") && (scheme != "http" || port != "80") {
		return a
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

func (m Message) path() string {
	if m.Path == "" {
		return "/"
	}
	return m.Path
}

func (m Message) target() string {
	if m.Query == "" {
		return m.path()
	}
	return m.path() + "?" + m.Query
}

// queryParam gives one parameter of the query (RFC 9421, 2.2.8); one that
// comes several times can't be told apart and is refused.
func (m Message) queryParam(item httpsfv.Item) (string, error) {
	raw, _ := item.Params.Get("name")
	name, ok := raw.(string)
	if !ok || len(item.Params.Names()) != 1 || m.Status != 0 {
		return "", errors.New(`component "@query-param" needs a name, and nothing else`)
	}
	query, err := url.ParseQuery(m.Query)
	if err != nil {
		return "", errors.New("the query can't be read")
	}
	plain, err := url.QueryUnescape(name)
	if err != nil || len(query[plain]) != 1 {
		return "", fmt.Errorf("the query has not exactly one parameter %q", name)
	}
	return strings.ReplaceAll(url.QueryEscape(query[plain][0]), "+", "%20"), nil
}
