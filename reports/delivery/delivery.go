// Package delivery puts published reports into S3-compatible storage and tells
// people and machines of them by e-mail and webhook. It knows neither SQL nor
// jobs: what is delivered comes in as a Version. An announcement carries the
// summary and links, never the data.
package delivery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"tieout/reports"
)

// Version is a published version of a range's reports.
type Version struct {
	Announcement reports.Announcement
	Folder       string // the name of the range's folder, "2026-11-18_2026-11-20"
	Number       int
	Files        []reports.File
	// Open streams one of Files; its bytes need not be proven.
	Open func(ctx context.Context, name string) io.Reader
	// LinkBase is where a reader finds what stands below reports.dir; empty: nowhere.
	LinkBase string
	// Places are the storages that hold the files, or are to hold them.
	Places []Place
}

// Place is one storage of a version's files.
type Place struct {
	Target string // its configured name
	URL    string // s3://bucket/prefix/folder/v2/
	Holds  bool   // false: the files are still on their way
}

// Target is a storage or a receiver. Deliver may be called again after an error,
// and after a success that could not be noted: id is the same then, and a
// receiver can tell by it. Check tries what Deliver needs and sends nothing.
// Their errors are *Error.
type Target interface {
	Deliver(ctx context.Context, id string, v Version) error
	Check(ctx context.Context) (found string, err error)
}

// Storage is a target that holds the files: Place says where.
type Storage interface {
	Target
	Place(v Version) string
}

// Error says for people, in one line and without secrets, why a delivery failed.
type Error struct {
	Message   string
	Temporary bool // it may work in a moment, with nothing changed
}

func (e *Error) Error() string { return e.Message }

// path is where a file stands below the folder of all reports.
func (v Version) path(name string) []string {
	return []string{v.Folder, "v" + strconv.Itoa(v.Number), name}
}

// Link is the address of a file, empty where none is configured.
func (v Version) Link(name string) string {
	if v.LinkBase == "" {
		return ""
	}
	parts := v.path(name)
	for i, p := range parts {
		// a plus is a blank to some servers, so it is written out
		parts[i] = strings.ReplaceAll(url.PathEscape(p), "+", "%2B")
	}
	return v.LinkBase + "/" + strings.Join(parts, "/")
}

// clean makes one line of what another machine said: without the secrets, without
// control characters, and not long.
func clean(text string, secrets ...string) string {
	const most = 300
	for _, s := range secrets {
		if len(s) > 3 { // shorter ones would be found in plain words
			text = strings.ReplaceAll(text, s, "(hidden)")
		}
	}
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "…"
	}
	return text
}

// timedOut says that the time for a delivery was over, where that is why it failed.
func timedOut(ctx context.Context, whom string) *Error {
	switch {
	case ctx.Err() == nil:
		return nil
	case errors.Is(ctx.Err(), context.Canceled):
		return &Error{Message: "it was interrupted", Temporary: true}
	default:
		return &Error{Message: fmt.Sprintf("%s did not answer in time", whom), Temporary: true}
	}
}
