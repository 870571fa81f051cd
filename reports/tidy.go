package reports

import (
	"bytes"
	"io"
	"regexp"
	"slices"
	"strings"
)

// excelize v2.11.0 writes some elements out of the order that the format's
// schema gives them, or where they do not belong: Excel forgives it, strict
// readers do not. The parts are
// small and excelize hands each over in one piece, so they are put right on
// their way into the zip.

// tidied wraps the writer of a part that needs it.
func tidied(part string, w io.Writer) io.Writer {
	switch {
	case part == "xl/styles.xml":
		return tidyWriter{w, tidyFonts}
	case strings.HasPrefix(part, "xl/charts/chart"):
		return tidyWriter{w, tidyChart}
	default:
		return w
	}
}

type tidyWriter struct {
	w    io.Writer
	tidy func([]byte) []byte
}

// Write reports the length that it was given: excelize counts its own bytes.
func (t tidyWriter) Write(p []byte) (int, error) {
	if _, err := t.w.Write(t.tidy(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

var (
	fontElement = regexp.MustCompile(`<font>(.*?)</font>`)
	fontChild   = regexp.MustCompile(`<(\w+)[^>]*></\w+>`)
	fontOrder   = []string{"b", "i", "strike", "condense", "extend", "outline", "shadow", "u", "vertAlign", "sz", "color", "name", "family", "charset", "scheme"}
)

// tidyFonts puts the children of each font into the schema's order.
func tidyFonts(styles []byte) []byte {
	return fontElement.ReplaceAllFunc(styles, func(font []byte) []byte {
		children := fontChild.FindAll(font[len("<font>"):len(font)-len("</font>")], -1)
		rank := func(child []byte) int { return slices.Index(fontOrder, string(fontChild.FindSubmatch(child)[1])) }
		slices.SortStableFunc(children, func(a, b []byte) int { return rank(a) - rank(b) })
		return slices.Concat([]byte("<font>"), bytes.Join(children, nil), []byte("</font>"))
	})
}

// tidyChart puts invertIfNegative before the labels of its series and drops
// smooth, which only lines have.
func tidyChart(chart []byte) []byte {
	chart = bytes.ReplaceAll(chart, []byte(`<smooth val="0"></smooth>`), nil)
	invert := []byte(`<invertIfNegative val="0"></invertIfNegative>`)
	series := bytes.SplitAfter(chart, []byte("</ser>"))
	for i, part := range series {
		labels := bytes.Index(part, []byte("<dLbls>"))
		at := bytes.Index(part, invert)
		if labels < 0 || at < labels {
			continue
		}
		series[i] = slices.Concat(part[:labels], invert, part[labels:at], part[at+len(invert):])
	}
	return bytes.Join(series, nil)
}
