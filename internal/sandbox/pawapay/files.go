package pawapay

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"time"

	"tieout/internal/corpus"
	"tieout/internal/money"
	"tieout/internal/payment"
)

// filesPath is where the statements' files lie, beside the API.
const filesPath = "/statement-files/"

// movement is one change of a wallet's balance.
type movement struct {
	at       time.Time
	phone    string
	id       string
	amount   money.Amount
	in       bool
	word     string
	metadata map[string]string
}

// movements lists the account's changes of balance in [from, to], oldest
// first: completed payments, their fees, and completed refunds. Zero times
// mean no bound.
func (s *server) movements(from, to time.Time) []movement {
	var out []movement
	add := func(m movement) {
		if !m.at.Before(from) && (to.IsZero() || !m.at.After(to)) {
			out = append(out, m)
		}
	}
	for _, kind := range bothKinds {
		for _, t := range s.Between(kind, time.Time{}, time.Time{}) {
			if t.Fault == corpus.FaultHiddenInList || (t.Status != payment.Completed && t.Status != payment.Reversed) {
				continue
			}
			word := strings.ToUpper(string(kind))
			m := movement{at: t.CreatedAt, phone: t.Account, id: t.ID, amount: t.Amount, in: incoming(kind), word: word, metadata: t.Metadata}
			if t.Settled != nil {
				m.amount = *t.Settled
			}
			add(m)
			if t.Fee != nil {
				add(movement{at: t.CreatedAt, phone: t.Account, id: t.ID, amount: *t.Fee, word: word + "_FEE"})
			}
			for _, r := range t.Refunds {
				if r.Status == payment.Completed {
					add(movement{at: r.CreatedAt, phone: t.Account, id: r.ID, amount: r.Amount, word: "REFUND", in: !incoming(kind), metadata: t.Metadata})
				}
			}
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].at.Before(out[j].at) })
	return out
}

// render writes a statement's file. Entries younger than the lateness at the
// time of the order are not in it yet.
func (s *server) render(st *statement) ([]byte, error) {
	until := st.end
	if known := st.created.Add(-lateness); known.Before(until) {
		until = known
	}
	var text bytes.Buffer
	out := csv.NewWriter(&text)
	rows := [][]string{{"Creation Date", "MSISDN", "Transaction ID", "Amount", "Currency", "Country", "MNO", "Type", "Metadata"}}
	for _, m := range s.movements(st.start, until) {
		n := networkOf(m.amount.Currency)
		if m.amount.Currency != st.wallet["currency"] || n.country != st.wallet["country"] {
			continue
		}
		metadata := ""
		if len(m.metadata) > 0 {
			raw, err := json.Marshal(m.metadata)
			if err != nil {
				return nil, fmt.Errorf("write the metadata of %s: %w", m.id, err)
			}
			metadata = string(raw)
		}
		rows = append(rows, []string{
			m.at.UTC().Format(time.RFC3339Nano), m.phone, m.id, spell(m.amount, false, pick(m.id, 3)), m.amount.Currency, n.country, n.code, m.word, metadata,
		})
	}
	if err := out.WriteAll(rows); err != nil {
		return nil, fmt.Errorf("write statement %s: %w", st.id, err)
	}
	if !st.compressed {
		return text.Bytes(), nil
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(text.Bytes()); err != nil {
		return nil, fmt.Errorf("pack statement %s: %w", st.id, err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("pack statement %s: %w", st.id, err)
	}
	return packed.Bytes(), nil
}

// link is where a statement's file can be fetched by whoever has it.
func (s *server) link(st *statement) string {
	base := s.ForeignURL
	if base == "" {
		base = s.BaseURL
	}
	name := st.id + ".csv"
	if st.compressed {
		name += ".gz"
	}
	expires := st.created.Add(fileLife).Format(zoneless)
	return strings.TrimRight(base, "/") + filesPath + name + "?" + url.Values{"expires": {expires}, "signature": {s.sign(name, expires)}}.Encode()
}

func (s *server) sign(name, expires string) string {
	mac := hmac.New(sha256.New, []byte(s.Credentials["token"]))
	_, _ = fmt.Fprintf(mac, "%s\n%s", name, expires) // a hash never fails
	return hex.EncodeToString(mac.Sum(nil))
}

// file gives a statement to whoever holds its link. Like an object store it
// refuses a second kind of authorization beside the signature.
func (s *server) file(w http.ResponseWriter, r *http.Request, name string) {
	if r.Method != http.MethodGet {
		storeError(w, http.StatusMethodNotAllowed, "MethodNotAllowed")
		return
	}
	if r.Header.Get("Authorization") != "" {
		storeError(w, http.StatusBadRequest, "InvalidArgument")
		return
	}
	q := r.URL.Query()
	expires, err := time.Parse(zoneless, q.Get("expires"))
	if err != nil || !hmac.Equal([]byte(q.Get("signature")), []byte(s.sign(name, q.Get("expires")))) || !s.Now().Before(expires) {
		storeError(w, http.StatusForbidden, "AccessDenied")
		return
	}
	id, _, _ := strings.Cut(name, ".")
	s.mu.Lock()
	st := s.statements[id]
	s.mu.Unlock()
	if st == nil {
		storeError(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	body, err := s.render(st)
	if err != nil {
		storeError(w, http.StatusInternalServerError, "InternalError")
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(body) // a client that went away needs no file
}

func storeError(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", code)
}
