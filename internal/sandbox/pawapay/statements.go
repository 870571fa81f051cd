package pawapay

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"
)

const (
	zoneless     = "2006-01-02T15:04:05"
	longestRange = 31 * 24 * time.Hour
	// lateness is how far the entries of a statement lie behind the clock.
	lateness = 20 * time.Minute
	fileLife = 24 * time.Hour
)

// statement is one that was ordered. Its entries are those up to created.
type statement struct {
	id                  string
	wallet              map[string]string
	start, end, created time.Time
	compressed          bool
	looks               int // status calls so far
}

// asked is the body of an order, field by field so that unknown ones show.
type asked map[string]json.RawMessage

func (a asked) text(name string) string {
	var s string
	if json.Unmarshal(a[name], &s) != nil {
		return ""
	}
	return s
}

func (s *server) orderStatement(w http.ResponseWriter, r *http.Request) {
	body := asked{}
	if !readJSON(w, r, &body) {
		return
	}
	st := &statement{wallet: map[string]string{}, created: s.Now().UTC()}
	if code, message := st.fill(body); code != "" {
		refuse(w, 2, http.StatusBadRequest, code, message)
		return
	}
	if !s.holds(st.wallet) {
		reply(w, http.StatusOK, map[string]any{
			"status": "REJECTED", "failureReason": failureReason{"WALLET_NOT_FOUND", "The account has no such wallet."},
		})
		return
	}
	s.mu.Lock()
	s.ordered++
	st.id = uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "%s statement %d", s.Name, s.ordered)).String()
	s.statements[st.id] = st
	s.mu.Unlock()
	reply(w, http.StatusOK, map[string]any{"statementId": st.id, "status": "ACCEPTED", "created": utc(st.created)})
}

// fill reads an order; code is empty when it is as it should be.
func (st *statement) fill(body asked) (code, message string) {
	for name := range body {
		switch name {
		case "wallet", "callbackUrl", "startDate", "endDate", "compressed":
		default:
			return "UNSUPPORTED_PARAMETER", "Unknown field " + name + "."
		}
	}
	for _, name := range []string{"wallet", "callbackUrl", "startDate", "endDate"} {
		if _, ok := body[name]; !ok {
			return "MISSING_PARAMETER", "The field " + name + " is missing."
		}
	}
	if json.Unmarshal(body["wallet"], &st.wallet) != nil || st.wallet["country"] == "" || st.wallet["currency"] == "" {
		return "INVALID_PARAMETER", "The wallet needs a country and a currency."
	}
	if raw, ok := body["compressed"]; ok && json.Unmarshal(raw, &st.compressed) != nil {
		return "INVALID_PARAMETER", "The field compressed is a boolean."
	}
	if u, err := url.Parse(body.text("callbackUrl")); err != nil || u.Scheme != "https" || u.Host == "" {
		return "INVALID_CALLBACK_URL", "The callback URL must be https."
	}
	var err error
	if st.start, err = instant(body.text("startDate")); err != nil {
		return "INVALID_PARAMETER", "The field startDate is no date-time."
	}
	if st.end, err = instant(body.text("endDate")); err != nil {
		return "INVALID_PARAMETER", "The field endDate is no date-time."
	}
	if !st.start.Before(st.end) || st.end.Sub(st.start) > longestRange {
		return "INVALID_DATE_RANGE", "The range must be positive and at most 31 days long."
	}
	return "", ""
}

// instant reads a time of an order: without zone, in UTC, or with one.
func instant(text string) (time.Time, error) {
	if t, err := time.Parse(zoneless, text); err == nil {
		return t, nil
	}
	return time.Parse(time.RFC3339, text)
}

// holds tells whether the account has the wallet. None of its wallets is of
// one network only, so that a provider in the order is another wallet.
func (s *server) holds(w map[string]string) bool {
	if _, own := w["provider"]; own {
		return false
	}
	for _, have := range s.wallets() {
		if have.Country == w["country"] && have.Currency == w["currency"] {
			return true
		}
	}
	return false
}

// statementStatus shows a statement in the making at the first look and a
// finished one from the second on.
func (s *server) statementStatus(w http.ResponseWriter, _ *http.Request, id string) {
	if !uuidForm.MatchString(id) {
		refuse(w, 2, http.StatusBadRequest, "INVALID_PARAMETER", "The id must be a UUID.")
		return
	}
	s.mu.Lock()
	st := s.statements[id]
	looks := 0
	if st != nil {
		st.looks++
		looks = st.looks
	}
	s.mu.Unlock()
	if st == nil {
		reply(w, http.StatusOK, map[string]any{"status": "NOT_FOUND"})
		return
	}
	data := map[string]any{
		"statementId": st.id, "status": "PROCESSING", "wallet": st.wallet, "created": utc(st.created),
		"startDate": st.start.Format(zoneless), "endDate": st.end.Format(zoneless),
	}
	if looks > 1 {
		file, err := s.render(st)
		if err != nil {
			refuse(w, 2, http.StatusInternalServerError, "UNKNOWN_ERROR", "The statement can't be made.")
			return
		}
		data["status"] = "COMPLETED"
		data["fileSize"] = len(file)
		data["downloadUrl"] = s.link(st)
		data["downloadUrlExpiresAt"] = st.created.Add(fileLife).Format(zoneless)
		data["completedAt"] = utc(st.created)
	}
	reply(w, http.StatusOK, map[string]any{"status": "FOUND", "data": data})
}
