package callback

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"
)

// longestLine is the most that one line of a file may take, in bytes: no
// provider sends callbacks of that size.
const longestLine = 4 << 20

// Reject is a line that is no callback.
type Reject struct {
	Line          int64 // from 1
	Field, Reason string
}

// ReadLines reads a file of callbacks, one JSON object a line:
//
//	{"received_at": "2026-03-12T10:02:00Z", "headers": {"Signature": "..."}, "body": "{...}"}
//
// body is the exact text that was received; a JSON object in its place counts
// as it is written in the file. Lines that are none go to reject, empty lines
// are passed over. It ends with the first error of accept or reject.
func ReadLines(in io.Reader, accept func(Raw) error, reject func(Reject) error) error {
	r := bufio.NewReaderSize(in, 64<<10)
	for n := int64(1); ; n++ {
		line, tooLong, err := readLine(r)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if n == 1 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		line = bytes.TrimSpace(line)
		switch {
		case tooLong:
			if err := reject(Reject{Line: n, Reason: fmt.Sprintf("the line is longer than %d MiB", longestLine>>20)}); err != nil {
				return err
			}
		case len(line) > 0:
			if err := readOne(n, line, accept, reject); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
	}
}

// readLine reads up to the next line break. Of a line that is too long nothing is kept.
func readLine(r *bufio.Reader) (line []byte, tooLong bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if !tooLong {
			line = append(line, part...)
		}
		if len(line) > longestLine {
			line, tooLong = nil, true
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, tooLong, err
		}
	}
}

func readOne(n int64, line []byte, accept func(Raw) error, reject func(Reject) error) error {
	raw, field, err := parseLine(line)
	if err != nil {
		return reject(Reject{Line: n, Field: field, Reason: err.Error()})
	}
	return accept(raw)
}

// parseLine reads one line; field names what is wrong.
func parseLine(line []byte) (raw Raw, field string, err error) {
	if !utf8.Valid(line) {
		return raw, "", errors.New("not UTF-8")
	}
	var l struct {
		ReceivedAt *string         `json:"received_at"`
		Headers    json.RawMessage `json:"headers"`
		Body       json.RawMessage `json:"body"`
	}
	if json.Unmarshal(line, &l) != nil {
		return raw, "", errors.New("not a JSON object with received_at, headers and body")
	}
	if l.ReceivedAt == nil {
		return raw, "received_at", errors.New("missing")
	}
	if raw.ReceivedAt, err = time.Parse(time.RFC3339Nano, *l.ReceivedAt); err != nil {
		return raw, "received_at", fmt.Errorf("%q is not an RFC 3339 time with a zone", clip(*l.ReceivedAt))
	}
	// What the database keeps.
	raw.ReceivedAt = raw.ReceivedAt.UTC().Truncate(time.Microsecond)
	if raw.Header, err = ParseHeader(l.Headers); err != nil {
		return raw, "headers", err
	}
	if raw.Body, err = body(l.Body); err != nil {
		return raw, "body", err
	}
	return raw, "", nil
}

func body(raw json.RawMessage) ([]byte, error) {
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return nil, errors.New("missing")
	case raw[0] == '{' || raw[0] == '[':
		return raw, nil
	case raw[0] != '"':
		return nil, errors.New("neither a text nor an object")
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, errors.New("not a text")
	}
	if bytes.IndexByte([]byte(s), 0) >= 0 {
		return nil, errors.New("holds a zero byte, which no callback does")
	}
	if s == "" {
		return nil, errors.New("empty")
	}
	return []byte(s), nil
}
