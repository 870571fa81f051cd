package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"

	"tieout/internal/corpus"
	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/sandbox/state"
)

const mostBody = 1 << 20

// control is the API below /_control: it shows and changes the truth while the
// servers run. Help lists its calls.
func (s *Server) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /accounts", s.listAccounts)
	mux.HandleFunc("GET /planted", s.listPlanted)
	mux.HandleFunc("GET /requests", s.listRequests)
	mux.HandleFunc("POST /reset", func(w http.ResponseWriter, _ *http.Request) {
		s.Reset()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /accounts/{account}/callbacks", s.listCallbacks)
	mux.HandleFunc("GET /accounts/{account}/{kind}", s.with(listTransactions))
	mux.HandleFunc("GET /accounts/{account}/{kind}/{id}", s.with(getTransaction))
	mux.HandleFunc("PUT /accounts/{account}/{kind}/{id}", s.with(putTransaction))
	mux.HandleFunc("DELETE /accounts/{account}/{kind}/{id}", s.with(deleteTransaction))
	return mux
}

func (s *Server) listAccounts(w http.ResponseWriter, _ *http.Request) {
	type account struct {
		Name        string            `json:"name"`
		Type        string            `json:"type"`
		BaseURL     string            `json:"base_url"`
		Credentials map[string]string `json:"credentials"`
	}
	out := []account{}
	for _, a := range s.world.Accounts {
		out = append(out, account{a.Name, a.Type, s.BaseURL(a.Name), s.Credentials(a.Name)})
	}
	reply(w, http.StatusOK, out)
}

func (s *Server) listPlanted(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = s.world.WritePlanted(w) // a client that went away needs no answer
}

func (s *Server) listRequests(w http.ResponseWriter, _ *http.Request) {
	out := map[string]Requests{}
	for _, name := range s.names() {
		out[name] = s.Requests(name)
	}
	reply(w, http.StatusOK, out)
}

// listCallbacks gives all callbacks that an account has sent by now, one a line,
// as `tieout import callbacks` reads them.
func (s *Server) listCallbacks(w http.ResponseWriter, r *http.Request) {
	x, ok := s.serving[r.PathValue("account")]
	if !ok {
		fail(w, http.StatusNotFound, "no such account")
		return
	}
	address := r.URL.Query().Get("url")
	if address == "" {
		address = "https://merchant.example/callbacks"
	}
	type line struct {
		ReceivedAt time.Time   `json:"received_at"`
		Headers    http.Header `json:"headers"`
		Body       string      `json:"body"`
	}
	var out []line
	for _, kind := range []payment.Kind{payment.Deposit, payment.Payout} {
		for _, t := range x.state.All(kind) {
			t.Fault = corpus.NoFault // a callback is not what the API answers
			c, sent, err := callbacks()[x.state.Type](x.state, t, address)
			if err != nil {
				fail(w, http.StatusUnprocessableEntity, err.Error())
				return
			}
			if sent && !c.At.After(x.state.Now()) {
				out = append(out, line{c.At, c.Header, string(c.Body)})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b line) int { return a.ReceivedAt.Compare(b.ReceivedAt) })
	w.Header().Set("Content-Type", "application/x-ndjson")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, l := range out {
		_ = e.Encode(l) // a client that went away needs no answer
	}
}

// with finds the account and the kind that the path names.
func (s *Server) with(do func(http.ResponseWriter, *http.Request, *state.Account, payment.Kind)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		x, ok := s.serving[r.PathValue("account")]
		kind := payment.Kind(r.PathValue("kind"))
		if !ok || !kind.Valid() {
			fail(w, http.StatusNotFound, "no such account or kind (payout, deposit)")
			return
		}
		do(w, r, x.state, kind)
	}
}

func listTransactions(w http.ResponseWriter, r *http.Request, a *state.Account, k payment.Kind) {
	out := []transaction{}
	reference := r.URL.Query().Get("reference")
	for _, t := range a.All(k) {
		if reference == "" || t.Reference == reference || t.OwnID == reference {
			out = append(out, show(t))
		}
	}
	reply(w, http.StatusOK, out)
}

// find returns the transaction of an id; an item of a batch needs its
// reference too.
func find(r *http.Request, a *state.Account, k payment.Kind) (t corpus.Transaction, found bool, err error) {
	reference, given := r.URL.Query().Get("reference"), r.URL.Query().Has("reference")
	var hits []corpus.Transaction
	for _, t := range a.ByID(k, r.PathValue("id")) {
		if !given || t.Reference == reference {
			hits = append(hits, t)
		}
	}
	switch len(hits) {
	case 0:
		return corpus.Transaction{}, false, nil
	case 1:
		return hits[0], true, nil
	default:
		return corpus.Transaction{}, false, fmt.Errorf("%d transactions have this id: say ?reference= too", len(hits))
	}
}

func getTransaction(w http.ResponseWriter, r *http.Request, a *state.Account, k payment.Kind) {
	t, found, err := find(r, a, k)
	switch {
	case err != nil:
		fail(w, http.StatusConflict, err.Error())
	case !found:
		fail(w, http.StatusNotFound, "no such transaction")
	default:
		reply(w, http.StatusOK, show(t))
	}
}

// putTransaction changes the fields that the body names, or makes a new one.
func putTransaction(w http.ResponseWriter, r *http.Request, a *state.Account, k payment.Kind) {
	old, found, err := find(r, a, k)
	if err != nil {
		fail(w, http.StatusConflict, err.Error())
		return
	}
	t := transaction{Status: payment.Completed, Reference: r.URL.Query().Get("reference"), CreatedAt: a.Now().UTC()}
	if found {
		t = show(old)
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostBody))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil && !errors.Is(err, io.EOF) {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	t.ID = r.PathValue("id")
	full, err := t.read(a, k)
	if err != nil {
		fail(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	status := http.StatusCreated
	if found {
		a.Remove(k, old.ID, old.Reference)
		status = http.StatusOK
	}
	a.Put(full)
	reply(w, status, show(full))
}

func deleteTransaction(w http.ResponseWriter, r *http.Request, a *state.Account, k payment.Kind) {
	t, found, err := find(r, a, k)
	switch {
	case err != nil:
		fail(w, http.StatusConflict, err.Error())
	case !found:
		fail(w, http.StatusNotFound, "no such transaction")
	default:
		a.Remove(k, t.ID, t.Reference)
		w.WriteHeader(http.StatusNoContent)
	}
}

// transaction is corpus.Transaction as the control API writes it: amounts are
// decimal texts in the transaction's currency.
type transaction struct {
	ID               string            `json:"id"`
	OwnID            string            `json:"own_id,omitempty"`
	Reference        string            `json:"reference"`
	NetworkReference string            `json:"network_reference,omitempty"`
	Status           payment.Status    `json:"status"`
	RawStatus        string            `json:"raw_status,omitempty"`
	NeedsAction      payment.Action    `json:"needs_action,omitempty"`
	FailureCode      string            `json:"failure_code,omitempty"`
	Amount           string            `json:"amount"`
	Currency         string            `json:"currency"`
	Settled          string            `json:"settled,omitempty"`
	Fee              string            `json:"fee,omitempty"`
	Tax              string            `json:"tax,omitempty"`
	Refunds          []refund          `json:"refunds,omitempty"`
	Account          string            `json:"account,omitempty"`
	CustomerID       string            `json:"customer_id,omitempty"`
	SavedMethod      bool              `json:"saved_method,omitempty"`
	Metadata         map[string]string `json:"metadata,omitempty"`
	CreatedAt        time.Time         `json:"created_at"`
	CompletedAt      time.Time         `json:"completed_at,omitzero"`
	Unlisted         bool              `json:"unlisted,omitempty"`
	Fault            corpus.Fault      `json:"fault,omitempty"`
}

type refund struct {
	ID        string         `json:"id"`
	Amount    string         `json:"amount"`
	Status    payment.Status `json:"status"`
	CreatedAt time.Time      `json:"created_at"`
}

func show(t corpus.Transaction) transaction {
	text := func(m *money.Amount) string {
		if m == nil {
			return ""
		}
		return m.String()
	}
	out := transaction{
		ID: t.ID, OwnID: t.OwnID, Reference: t.Reference, NetworkReference: t.NetworkReference, Status: t.Status, RawStatus: t.RawStatus,
		NeedsAction: t.NeedsAction, FailureCode: t.FailureCode, Amount: t.Amount.String(), Currency: t.Amount.Currency, Settled: text(t.Settled),
		Fee: text(t.Fee), Tax: text(t.Tax), Account: t.Account, CustomerID: t.CustomerID, SavedMethod: t.SavedMethod, Metadata: maps.Clone(t.Metadata),
		CreatedAt: t.CreatedAt, CompletedAt: t.CompletedAt, Unlisted: t.Unlisted, Fault: t.Fault,
	}
	for _, r := range t.Refunds {
		out.Refunds = append(out.Refunds, refund{r.ID, r.Amount.String(), r.Status, r.CreatedAt})
	}
	return out
}

// read checks a transaction and turns it into the sandbox's own form.
func (t transaction) read(a *state.Account, k payment.Kind) (corpus.Transaction, error) {
	if !t.Status.Valid() {
		return corpus.Transaction{}, fmt.Errorf("status %q is none of ours", t.Status)
	}
	out := corpus.Transaction{
		Provider: a.Name, Kind: k, ID: t.ID, OwnID: t.OwnID, Reference: t.Reference, NetworkReference: t.NetworkReference, Status: t.Status,
		RawStatus: t.RawStatus, NeedsAction: t.NeedsAction, FailureCode: t.FailureCode, Account: t.Account, CustomerID: t.CustomerID,
		SavedMethod: t.SavedMethod, Metadata: t.Metadata, CreatedAt: t.CreatedAt, CompletedAt: t.CompletedAt, Unlisted: t.Unlisted, Fault: t.Fault,
	}
	var err error
	if out.Amount, err = a.Scale.Parse(t.Amount, t.Currency); err != nil {
		return corpus.Transaction{}, fmt.Errorf("amount: %w", err)
	}
	for _, x := range []struct {
		name, text string
		to         **money.Amount
	}{{"settled", t.Settled, &out.Settled}, {"fee", t.Fee, &out.Fee}, {"tax", t.Tax, &out.Tax}} {
		if x.text == "" {
			continue
		}
		m, err := a.Scale.Parse(x.text, t.Currency)
		if err != nil {
			return corpus.Transaction{}, fmt.Errorf("%s: %w", x.name, err)
		}
		*x.to = &m
	}
	for _, r := range t.Refunds {
		m, err := a.Scale.Parse(r.Amount, t.Currency)
		if err != nil {
			return corpus.Transaction{}, fmt.Errorf("refund %s: %w", r.ID, err)
		}
		out.Refunds = append(out.Refunds, corpus.Refund{ID: r.ID, Amount: m, Status: r.Status, CreatedAt: r.CreatedAt})
	}
	return out, nil
}

func fail(w http.ResponseWriter, status int, text string) {
	reply(w, status, map[string]string{"error": text})
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that went away needs no answer
}
