package redact

import (
	"regexp"
	"strings"
)

var (
	emails = regexp.MustCompile(`[\p{L}\p{N}._%+\-]+@[\p{L}\p{N}\-]+(?:\.[\p{L}\p{N}\-]+)+`)
	uuids  = regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
	// A number with its country code, however it is grouped.
	international = regexp.MustCompile(`\+\d(?:[ .()\-]{0,2}\d){6,}`)
	// What people and programs call a word or an id.
	words = regexp.MustCompile(`[\p{L}\p{N}_\-]+`)
	// Secrets as they stand in headers, forms, and in JSON that broke off.
	bearers = regexp.MustCompile(`(?i)\b(bearer|basic)\s+[^\s"',;]+`)
	members = regexp.MustCompile(`"([^"\\]{1,64})"\s*:\s*"((?:[^"\\]|\\.)*)("?)`)
	fields  = regexp.MustCompile(`([A-Za-z_\-]{3,40})=([^&\s"'<>;,]+)`)
)

// Text masks e-mail addresses and numbers of seven and more digits in free text,
// such as reasons and log lines. Numbers keep their last digits. UUIDs, amounts
// with decimals and ids in which letters and digits mix stay as they are; so do
// dates within ids (PO-20251103-01).
func Text(s string) string {
	if s == "" {
		return s // most transactions say nothing of a failure
	}
	s = emails.ReplaceAllString(s, mask)
	s = international.ReplaceAllStringFunc(s, lastDigits)
	var b strings.Builder
	at := 0
	for _, m := range uuids.FindAllStringIndex(s, -1) {
		b.WriteString(numbers(s[at:m[0]]))
		b.WriteString(s[m[0]:m[1]])
		at = m[1]
	}
	b.WriteString(numbers(s[at:]))
	return b.String()
}

func numbers(s string) string {
	var b strings.Builder
	at := 0
	for _, m := range words.FindAllStringIndex(s, -1) {
		b.WriteString(s[at:m[0]])
		word := s[m[0]:m[1]]
		if rest := s[m[1]:]; len(rest) < 2 || rest[0] != '.' || !digit(rest[1]) { // no amount
			word = id(word)
		}
		b.WriteString(word)
		at = m[1]
	}
	b.WriteString(s[at:])
	return b.String()
}

// id masks the parts of a word that are a number of their own: from seven
// digits, and from nine where another part has letters (cus_254700000111).
func id(word string) string {
	from := 7
	if strings.ContainsFunc(word, func(r rune) bool { return (r < '0' || r > '9') && r != '_' && r != '-' }) {
		from = 9
	}
	var b strings.Builder
	for len(word) > 0 {
		end := strings.IndexAny(word, "_-")
		if end < 0 {
			end = len(word)
		}
		part := word[:end]
		if len(part) >= from && strings.Trim(part, "0123456789") == "" {
			part = lastDigits(part)
		}
		b.WriteString(part)
		if end < len(word) {
			b.WriteByte(word[end])
			end++
		}
		word = word[end:]
	}
	return b.String()
}

// plain masks a body of which only the look is known.
func plain(body []byte) []byte {
	s := string(body)
	if len(s) > mostPlain {
		s = string(cut(body))
		// The cut may have halved a number or a secret.
		if i := strings.LastIndexAny(s, " \t\r\n,;&<>"); i > mostPlain/2 {
			s = s[:i]
		}
	}
	s = members.ReplaceAllStringFunc(s, func(m string) string {
		p := members.FindStringSubmatch(m)
		if how := of(p[1]); how != open {
			return `"` + p[1] + `":"` + how.text(p[2]) + p[3]
		}
		return m
	})
	s = fields.ReplaceAllStringFunc(s, func(m string) string {
		key, value, _ := strings.Cut(m, "=")
		return key + "=" + of(key).text(value)
	})
	s = bearers.ReplaceAllString(s, "$1 "+mask)
	return cut([]byte(Text(s)))
}

func digit(c byte) bool { return c >= '0' && c <= '9' }
