// Package mask hides phone and account numbers, customer ids and what else is
// personal, and still lets a reader tell two people apart.
package mask

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"strings"
	"sync"
	"unicode"
)

// Func shows a value: hidden, or as it is.
type Func func(string) string

// None shows everything.
func None(s string) string { return s }

const (
	// letters are consonants alone: no digit that could be taken for one of the
	// number, and no words.
	letters = "bcdfghjkmnpqrstvwxyz"
	// tagLength letters of twenty make 10^13 tags: of a million people whose
	// numbers begin alike, one pair looks alike in one run of 20,000.
	tagLength = 10
	bullet    = "•"
)

// Keyed returns a mask that keeps the first four and the last three characters
// of a value and puts letters in place of the rest, "2547•hqkzrwbncd•678". The
// letters depend on the whole value and on the key: the same person looks the
// same in every file, and two people differ even where both ends are equal.
// Without the key nobody can go back by trying all numbers, which a plain hash
// of a phone number would allow. How a number is grouped makes no difference.
func Keyed(key []byte) Func {
	macs := sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}
	return func(s string) string {
		s = plain(s)
		if s == "" || incomplete(s) {
			return Ends(s)
		}
		mac, _ := macs.Get().(hash.Hash) // the pool makes nothing else
		mac.Reset()
		_, _ = mac.Write([]byte(s)) // a hash never fails
		var sum [sha256.Size]byte
		rest := binary.BigEndian.Uint64(mac.Sum(sum[:0]))
		macs.Put(mac)
		var tag [tagLength]byte
		for i := range tag {
			tag[i] = letters[rest%uint64(len(letters))]
			rest /= uint64(len(letters))
		}
		return between(s, bullet+string(tag[:])+bullet)
	}
}

// Ends keeps what Keyed keeps and tells nobody apart: for what the provider has
// masked already, and for sentences where no key is at hand.
func Ends(s string) string {
	if s == "" {
		return ""
	}
	return between(s, strings.Repeat(bullet, 4))
}

// between puts hidden between the ends that may be shown; short values show less.
func between(s, hidden string) string {
	r := []rune(s)
	switch {
	case len(r) <= 4:
		return hidden
	case len(r) < 9:
		return hidden + string(r[len(r)-2:])
	default:
		return string(r[:4]) + hidden + string(r[len(r)-3:])
	}
}

// incomplete tells that the provider has masked the value: letters over what is
// left of it would claim that two people are one.
func incomplete(s string) bool { return strings.ContainsAny(s, "*•") }

// plain writes a number without the signs that group it, "+254 712-345" as
// 254712345; other values only lose the blanks around them.
func plain(s string) string {
	s = strings.TrimSpace(s)
	if strings.ContainsFunc(s, func(r rune) bool { return !grouping(r) && (r < '0' || r > '9') }) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if grouping(r) {
			return -1
		}
		return r
	}, s)
}

func grouping(r rune) bool { return strings.ContainsRune("+-.()/", r) || unicode.IsSpace(r) }
