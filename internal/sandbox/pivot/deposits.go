package pivot

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tieout/internal/corpus"
	"tieout/internal/payment"
)

// reference is the one field in which Pivot echoes what the merchant sent.
func reference(t corpus.Transaction) string {
	if t.Reference != "" {
		return t.Reference
	}
	return t.OwnID
}

// has tells whether the record's reference asks for a behaviour.
func has(t corpus.Transaction, ending string) bool {
	return strings.HasSuffix(reference(t), ending)
}

// group is what Pivot shows as one session: a deposit, or all charges of a
// MULTIPLE session, oldest first.
type group []corpus.Transaction

func (g group) multiple() bool { return isMultiple(g[0]) }

func isMultiple(t corpus.Transaction) bool {
	return t.RawStatus == "ACTIVE" || t.RawStatus == "INACTIVE"
}

// groupOf completes a deposit to its group; ok is false where another one of
// the group stands for it.
func (s *server) groupOf(t corpus.Transaction) (g group, ok bool) {
	if !isMultiple(t) {
		return group{t}, true
	}
	for _, other := range s.account.ByReference(payment.Deposit, reference(t)) {
		if isMultiple(other) && reference(other) == reference(t) {
			g = append(g, other)
		}
	}
	slices.SortStableFunc(g, func(a, b corpus.Transaction) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return g, g[0].ID == t.ID
}

func (s *server) session(id string, _ url.Values) answer {
	for _, t := range s.account.ByID(payment.Deposit, id) {
		if g, ok := s.groupOf(t); ok && !has(t, "-GHOST") {
			if a, bad := s.spoilt(t); bad {
				return a
			}
			return found(renderSession(g, s.slow(t)))
		}
	}
	return missing()
}

func (s *server) sessions(q url.Values) answer {
	if q.Has("clientReferenceId") {
		groups := s.byReference(q.Get("clientReferenceId"))
		for _, g := range groups {
			if a, bad := s.spoilt(g[0]); bad {
				return a
			}
		}
		return paged(q, len(groups), func(i int) any { return renderSession(groups[i], s.slow(groups[i][0])) })
	}
	all := s.account.Between(payment.Deposit, time.Time{}, time.Time{})
	slices.Reverse(all)
	var listed []group
	for _, t := range all {
		if g, ok := s.groupOf(t); ok && t.Fault != corpus.FaultHiddenInList && !has(t, "-GHOST") {
			listed = append(listed, g)
		}
	}
	return paged(q, len(listed), func(i int) any {
		row := renderSession(listed[i], false)
		delete(row, "customerId")
		return row
	})
}

func (s *server) byReference(ref string) []group {
	var out []group
	for _, t := range s.account.ByReference(payment.Deposit, ref) {
		if g, ok := s.groupOf(t); ok && reference(t) == ref && !has(t, "-GHOST") {
			out = append(out, g)
		}
	}
	return out
}

func (s *server) charges(q url.Values) answer {
	ref := q.Get("clientReferenceId")
	if ref == "" {
		return invalidField("clientReferenceId", "clientReferenceId is required")
	}
	var rows []fields
	for _, g := range s.byReference(ref) {
		if a, bad := s.spoilt(g[0]); bad {
			return a
		}
		for _, ch := range renderCharges(g, s.slow(g[0])) {
			for _, block := range []string{"card", "virtualAccount", "qr", "ewallet"} {
				if _, there := ch[block]; !there {
					ch[block] = nil
				}
			}
			rows = append(rows, ch)
		}
	}
	return paged(q, len(rows), func(i int) any { return rows[i] })
}

// spoilt makes the answers to status calls that the truth wants unusable.
func (s *server) spoilt(t corpus.Transaction) (answer, bool) {
	ref := reference(t)
	switch t.Fault {
	case corpus.FaultDown:
		return failed(http.StatusServiceUnavailable, "service_unavailable", "Service unavailable"), true
	case corpus.FaultRefused:
		return failed(http.StatusForbidden, "forbidden_access", "Forbidden access"), true
	case corpus.FaultGarbage:
		return answer{status: http.StatusOK, raw: `{"code":"00","message":"Success","data":{"id":"` + t.ID[:len(t.ID)/2]}, true
	}
	switch {
	case has(t, "-HTML"):
		return answer{status: http.StatusBadGateway, raw: "<html><body>502 Bad Gateway</body></html>", html: true}, true
	case has(t, "-429") && s.account.Asked("429 "+ref) == 1:
		return failed(http.StatusTooManyRequests, "frequency_above_limit", "Too many requests"), true
	case has(t, "-500") && s.account.Asked("500 "+ref) == 1:
		return failed(http.StatusInternalServerError, "internal_error", "Internal error"), true
	}
	return answer{}, false
}
