package pesaway

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"tieout/internal/corpus"
	"tieout/internal/payment"
)

const (
	pageSize = 100
	// mostLists bounds what clients that never finish a list leave behind.
	mostLists = 16
	listTime  = "2006-01-02 15:04:05"
	listDate  = "2006-01-02"
)

// row is a row of pull-transactions.
type row struct {
	Reference         string `json:"Reference"`
	Receipt           string `json:"Receipt"`
	TransactionDate   string `json:"TransactionDate"`
	Recipient         string `json:"Recipient"`
	ExternalReference string `json:"ExternalReference"`
	TransactionType   string `json:"TransactionType"`
	Amount            string `json:"Amount"`
}

// pull serves the completed transactions of a range, at most 100 from an
// offset. A client that reads page after page sees the list as it was at its
// first page.
func (s *server) pull(w http.ResponseWriter, r *http.Request) {
	var q struct {
		StartDate   string `json:"StartDate"`
		EndDate     string `json:"EndDate"`
		TransType   string `json:"TransType"`
		OffsetValue *int   `json:"OffsetValue"`
		Status      string `json:"Status"`
	}
	if !s.readBody(w, r, &q) {
		return
	}
	from, okFrom := s.listBound(q.StartDate, 0)
	to, okTo := s.listBound(q.EndDate, 24*time.Hour)
	if !okFrom || !okTo || q.TransType == "" || q.OffsetValue == nil || *q.OffsetValue < 0 {
		s.fail(w, http.StatusBadRequest, "400.001", "Invalid parameter: StartDate, EndDate, TransType and OffsetValue are needed")
		return
	}
	key := strings.Join([]string{q.StartDate, q.EndDate, q.TransType}, "|")
	offset := *q.OffsetValue
	rows, ok := s.kept(key)
	if !ok || offset == 0 {
		rows = s.rows(q.TransType, from, to)
	}
	page := rows[min(offset, len(rows)):min(offset+pageSize, len(rows))]
	s.keep(key, rows, len(page) < pageSize)
	if page == nil {
		page = []row{}
	}
	reply(w, http.StatusOK, page)
}

// listBound reads a bound: to the second, both ends included, or a whole day.
func (s *server) listBound(text string, day time.Duration) (time.Time, bool) {
	if t, err := time.ParseInLocation(listTime, text, s.Zone); err == nil {
		if day > 0 {
			t = t.Add(time.Second)
		}
		return t, true
	}
	t, err := time.ParseInLocation(listDate, text, s.Zone)
	return t.Add(day), err == nil
}

func (s *server) kept(key string) ([]row, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows, ok := s.lists[key]
	return rows, ok
}

func (s *server) keep(key string, rows []row, atEnd bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if atEnd {
		delete(s.lists, key)
		return
	}
	if len(s.lists) >= mostLists {
		clear(s.lists)
	}
	s.lists[key] = rows
}

// rows lists the transactions of a type; an unknown type has none.
func (s *server) rows(transType string, from, to time.Time) []row {
	switch transType {
	case "Collection":
		return s.completed(payment.Deposit, transType, from, to)
	case "Payment":
		return s.completed(payment.Payout, transType, from, to)
	case "Refund":
		return append(s.refunds(payment.Deposit, from, to), s.refunds(payment.Payout, from, to)...)
	}
	return []row{}
}

func (s *server) completed(kind payment.Kind, transType string, from, to time.Time) []row {
	out := []row{}
	for _, t := range s.a.Between(kind, from, to) {
		if t.Unlisted || t.Fault == corpus.FaultHiddenInList {
			continue
		}
		if code, _ := result(t); code != 0 {
			continue
		}
		out = append(out, row{
			Reference:         s.reference(t.ID),
			Receipt:           t.NetworkReference,
			TransactionDate:   rowTime(t.CreatedAt),
			Recipient:         recipient(t),
			ExternalReference: externalReference(t),
			TransactionType:   transType,
			Amount:            amount(t),
		})
	}
	return out
}

// refunds lists what went back, each a transaction of its own with the
// merchant's reference for the refund.
func (s *server) refunds(kind payment.Kind, from, to time.Time) []row {
	out := []row{}
	for _, t := range s.a.Between(kind, time.Time{}, time.Time{}) {
		for _, refund := range t.Refunds {
			if t.Unlisted || refund.Status != payment.Completed || refund.CreatedAt.Before(from) || !refund.CreatedAt.Before(to) {
				continue
			}
			out = append(out, row{
				Reference:         unrelated(t.ID + "/" + refund.ID),
				TransactionDate:   rowTime(refund.CreatedAt),
				Recipient:         recipient(t),
				ExternalReference: refund.ID,
				TransactionType:   "Refund",
				Amount:            refund.Amount.String(),
			})
		}
	}
	return out
}

func (s *server) reference(id string) string {
	if s.UnrelatedReferences {
		return unrelated(id)
	}
	return id
}

// unrelated makes 11 characters, as a Reference has them in the documentation.
func unrelated(id string) string {
	sum := sha256.Sum256([]byte(id))
	text := base64.StdEncoding.EncodeToString(sum[:])
	return strings.NewReplacer("+", "a", "/", "Z").Replace(text)[:11]
}

func recipient(t corpus.Transaction) string {
	if t.Account == "" {
		return ""
	}
	return t.Account + " - Jane Wanjiku"
}

func rowTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
