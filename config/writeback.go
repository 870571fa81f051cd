package config

import (
	"regexp"
	"slices"
	"strings"

	"tieout/internal/namedsql"
)

// WritebackParameters are the named parameters that ledger.writeback may use:
// the columns of payment_outcomes.
var WritebackParameters = []string{
	"payment_id", "status", "provider_status", "provider_payment_id", "provider_reference", "network_reference",
	"failure_code", "failure_message", "amount", "currency", "completed_at", "decided_at", "run_id", "held",
}

var writing = regexp.MustCompile(`(?is)^(\s|--[^\n]*\n|/\*.*?\*/)*(UPDATE|INSERT|MERGE|SELECT|WITH)\b`)

// writeback checks the statement that writes an outcome into the merchant's own
// table. Only its shape is known here: the database knows the rest.
func (f *faults) writeback(key, q string) {
	if q == "" {
		return
	}
	s := namedsql.Parse(q)
	switch {
	case !writing.MatchString(q):
		f.add(key, "must be one UPDATE, INSERT or MERGE, or a SELECT of a function that writes")
	case s.Open:
		f.add(key, "has a quote or a comment without an end")
	case s.Several:
		f.add(key, "must be one statement")
	case s.Numbered:
		f.add(key, "must use named parameters such as :payment_id, not numbered ones")
	}
	for _, name := range s.Names() {
		if !slices.Contains(WritebackParameters, name) {
			f.add(key, "there is no parameter :%s; the nearest known one is :%s, and there are :%s", clip(name), nearest(name, WritebackParameters),
				strings.Join(WritebackParameters, ", :"))
		}
	}
	for _, name := range []string{"payment_id", "status"} {
		if !slices.Contains(s.Names(), name) {
			f.add(key, "must use :payment_id and :status")
		}
	}
}
