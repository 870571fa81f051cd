package pawapay

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"tieout/internal/payment"
	"tieout/internal/sandbox/state"
)

// server is one account's API.
type server struct {
	*state.Account

	mu         sync.Mutex
	statements map[string]*statement
	ordered    int                  // statements so far, which makes each id new
	refunds    map[string]refundKey // by refund id
}

// Handler serves the account a. Credentials["token"] is the token it demands.
// Links to statement files are built on a.ForeignURL, or on a.BaseURL where
// that is empty; both must lead to this handler's root.
func Handler(a *state.Account) http.Handler {
	return &server{Account: a, statements: map[string]*statement{}, refunds: map[string]refundKey{}}
}

var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if id, ok := strings.CutPrefix(r.URL.Path, filesPath); ok {
		s.file(w, r, id)
		return
	}
	version, path := 1, r.URL.Path
	if rest, ok := strings.CutPrefix(path, "/v2/"); ok {
		version, path = 2, "/"+rest
	}
	head, id, nested := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if nested && (id == "" || strings.Contains(id, "/")) {
		notServed(w, r)
		return
	}
	serve, method := s.route(version, head, id)
	switch {
	case serve == nil:
		notServed(w, r)
	case r.Method != method:
		w.Header().Set("Allow", method)
		routerError(w, r, http.StatusMethodNotAllowed, "Method Not Allowed")
	case version == 1 && head == "availability", s.authorised(w, r, version):
		serve(w, r)
	}
}

// route finds the call, and the method by which it may be made.
func (s *server) route(version int, head, id string) (http.HandlerFunc, string) {
	if id != "" {
		status := func(kind string) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { s.status(w, version, kind, id) }
		}
		switch {
		case head == "deposits" || head == "payouts" || head == "refunds":
			return status(head), http.MethodGet
		case head == "public-key" && id == "http":
			return func(w http.ResponseWriter, _ *http.Request) { s.publicKeys(w, version) }, http.MethodGet
		case head == "statements" && version == 2:
			return func(w http.ResponseWriter, r *http.Request) { s.statementStatus(w, r, id) }, http.MethodGet
		}
		return nil, ""
	}
	switch head {
	case "wallet-balances":
		return s.balances, http.MethodGet
	case "active-conf":
		return func(w http.ResponseWriter, r *http.Request) { s.activeConf(w, r, version) }, http.MethodGet
	case "availability":
		return func(w http.ResponseWriter, r *http.Request) { s.availability(w, r, version) }, http.MethodGet
	case "statements":
		if version == 2 {
			return s.orderStatement, http.MethodPost
		}
	case "predict-provider":
		if version == 2 {
			return s.predict, http.MethodPost
		}
	}
	return nil, ""
}

func (s *server) authorised(w http.ResponseWriter, r *http.Request, version int) bool {
	given := r.Header.Get("Authorization")
	if given == "" {
		refuse(w, version, http.StatusUnauthorized, "NO_AUTHENTICATION", "The request carries no authorization.")
		return false
	}
	want := "Bearer " + s.Credentials["token"]
	if s.Credentials["token"] == "" || subtle.ConstantTimeCompare([]byte(given), []byte(want)) != 1 {
		refuse(w, version, http.StatusUnauthorized, "AUTHENTICATION_ERROR", "The token was not recognised.")
		return false
	}
	return true
}

// failureReason says why something was refused or failed.
type failureReason struct {
	FailureCode    string `json:"failureCode"`
	FailureMessage string `json:"failureMessage"`
}

// refuse sends an error in the API version's own shape.
func refuse(w http.ResponseWriter, version, status int, code, message string) {
	if version == 1 {
		reply(w, status, map[string]string{"errorId": uuid.NewString(), "errorCode": code, "errorMessage": message})
		return
	}
	reply(w, status, map[string]any{"failureReason": failureReason{code, message}})
}

func notServed(w http.ResponseWriter, r *http.Request) {
	routerError(w, r, http.StatusNotFound, "Not Found")
}

// routerError is the shape of answers that come from the router in front.
func routerError(w http.ResponseWriter, r *http.Request, status int, name string) {
	reply(w, status, map[string]any{
		"timestamp": time.Now().UTC().Format(time.RFC3339), "status": status, "error": name, "message": name, "path": r.URL.Path,
	})
}

func reply(w http.ResponseWriter, status int, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "the answer can't be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(raw) // a client that went away needs no answer
}

// utc writes a time as the API does.
func utc(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

var bothKinds = []payment.Kind{payment.Deposit, payment.Payout}
