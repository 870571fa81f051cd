package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tieout/internal/corpus"
	"tieout/internal/sandbox/state"
)

// Faults say what goes wrong, beside what the world's transactions say of
// themselves. Help shows a file of them.
type Faults struct {
	Requests []Fault     `yaml:"faults"`
	Lists    []ListFault `yaml:"lists"`
}

// Fault spoils some of the requests that it matches. Without First, Every or
// Probability it spoils them all.
type Fault struct {
	Account string `yaml:"account"` // a name; empty or "*": all
	Method  string `yaml:"method"`  // empty: all
	// Path below the account's base URL, as path.Match reads it, or with a last
	// "**" for everything below; empty: all.
	Path string `yaml:"path"`

	First int `yaml:"first"` // only the first so many
	// Every so many-th, and with Burst so many in a row.
	Every int `yaml:"every"`
	Burst int `yaml:"burst"`
	// Probability of 0 to 1: a hash of the seed and the request decides, so that
	// the same requests fail again in the next run.
	Probability float64 `yaml:"probability"`

	Effect `yaml:",inline"`
}

// Effect is what happens to a request. Latency comes first, then one of the others.
type Effect struct {
	Latency      time.Duration `yaml:"latency"`
	Status       int           `yaml:"status"`
	RetryAfter   string        `yaml:"retry_after"` // header of Status: seconds or an HTTP date
	Body         string        `yaml:"body"`        // of Status; empty: what a proxy would send
	ContentType  string        `yaml:"content_type"`
	Drop         bool          `yaml:"drop"`          // the connection closes without an answer
	Half         bool          `yaml:"half"`          // it closes in the middle of the right answer
	InvalidJSON  bool          `yaml:"invalid_json"`  // the right answer, cut, under the right length
	ExpiredToken bool          `yaml:"expired_token"` // what the API says of a token that is too old
}

// ListFault spoils the lists of an account; see state.Hooks.
type ListFault struct {
	Account    string `yaml:"account"` // a name; empty or "*": all
	RepeatRows int    `yaml:"repeat_rows"`
	LateRows   int    `yaml:"late_rows"`
}

// ReadFaults reads a file of faults, YAML or JSON. Unknown keys are errors.
func ReadFaults(file string) (Faults, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return Faults{}, fmt.Errorf("reading the faults: %w", err)
	}
	var f Faults
	d := yaml.NewDecoder(bytes.NewReader(raw))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return Faults{}, fmt.Errorf("reading the faults in %s: %w", file, err)
	}
	return f, nil
}

func (f Faults) validate(accounts []corpus.Account) error {
	known := map[string]bool{"": true, "*": true}
	for _, a := range accounts {
		known[a.Name] = true
	}
	for i, x := range f.Requests {
		where := fmt.Sprintf("fault %d", i+1)
		if !known[x.Account] {
			return fmt.Errorf("%s: there is no account %q", where, x.Account)
		}
		if _, err := path.Match(x.Path, "/"); err != nil {
			return fmt.Errorf("%s: path %q: %w", where, x.Path, err)
		}
		if x.First < 0 || x.Every < 0 || x.Burst < 0 || x.Burst > max(x.Every, 1) || x.Probability < 0 || x.Probability > 1 {
			return fmt.Errorf("%s: first and every count requests, burst is at most every, probability lies between 0 and 1", where)
		}
		if err := x.Effect.validate(); err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
	}
	for i, x := range f.Lists {
		if !known[x.Account] {
			return fmt.Errorf("list fault %d: there is no account %q", i+1, x.Account)
		}
		if x.RepeatRows < 0 || x.LateRows < 0 {
			return fmt.Errorf("list fault %d: rows can't be negative", i+1)
		}
	}
	return nil
}

func (e Effect) validate() error {
	if e == (Effect{}) {
		return errors.New("it names nothing that happens")
	}
	if e.Status != 0 && (e.Status < 200 || e.Status > 599) {
		return fmt.Errorf("status %d is none that a server can answer with", e.Status)
	}
	if e.Status == 0 && (e.RetryAfter != "" || e.Body != "") {
		return errors.New("retry_after and body need a status")
	}
	if e.Latency < 0 {
		return errors.New("latency can't be negative")
	}
	return nil
}

func (f Faults) hooks(account string) state.Hooks {
	var h state.Hooks
	for _, x := range f.Lists {
		if x.Account == "" || x.Account == "*" || x.Account == account {
			h.RepeatRows, h.LateRows = max(h.RepeatRows, x.RepeatRows), max(h.LateRows, x.LateRows)
		}
	}
	return h
}

// matches tells whether the fault is about this request at all.
func (f Fault) matches(account string, r *http.Request) bool {
	if f.Account != "" && f.Account != "*" && f.Account != account || f.Method != "" && !strings.EqualFold(f.Method, r.Method) {
		return false
	}
	if f.Path == "" {
		return true
	}
	if below, ok := strings.CutSuffix(f.Path, "**"); ok {
		return strings.HasPrefix(r.URL.Path, below)
	}
	ok, err := path.Match(f.Path, r.URL.Path)
	return err == nil && ok
}

// HeaderFault is the request header that makes one request fail; Help says how.
const HeaderFault = "X-Sandbox-Fault"

// headerFault reads "status=503;times=2;latency=200ms". times is 0 when each
// request with the header shall fail.
func headerFault(text string) (e Effect, times int, err error) {
	for part := range strings.SplitSeq(text, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "times":
			times, err = strconv.Atoi(value)
		case "status":
			e.Status, err = strconv.Atoi(value)
		case "latency":
			e.Latency, err = time.ParseDuration(value)
		case "retry_after":
			e.RetryAfter = value
		case "body":
			e.Body = value
		case "content_type":
			e.ContentType = value
		case "drop":
			e.Drop = true
		case "half":
			e.Half = true
		case "invalid_json":
			e.InvalidJSON = true
		case "expired_token":
			e.ExpiredToken = true
		default:
			err = fmt.Errorf("unknown word %q", name)
		}
		if err != nil {
			return Effect{}, 0, fmt.Errorf("%s: %w", HeaderFault, err)
		}
	}
	if err := e.validate(); err != nil {
		return Effect{}, 0, fmt.Errorf("%s: %w", HeaderFault, err)
	}
	return e, times, nil
}
