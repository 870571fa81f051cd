package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/jobs"
)

const callbackSecret = "callback-key-of-the-test"

// reply is what PesaWay answered about a payment, from which its callback is made.
type reply struct {
	PaymentID string    `db:"payment_id"`
	ID        string    `db:"provider_payment_id"`
	Reference string    `db:"reference"`
	Receipt   string    `db:"receipt"`
	Minor     int64     `db:"amount"`
	Account   string    `db:"account"`
	Completed time.Time `db:"completed_at"`
	CreatedAt time.Time `db:"created_at"`
}

// line is the callback as a line of a file, signed with key.
func (r reply) line(t testing.TB, code int, key string) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"ResultCode": code, "ResultDesc": "Request processed", "OriginatorReference": r.Reference, "TransactionID": r.ID,
		"TransactionAmount": fmt.Sprintf("%d.%02d", r.Minor/100, r.Minor%100), "TransactionReceipt": r.Receipt, "ReceiverPartyPublicName": r.Account,
		"TransactionCompletedDateTime": r.Completed.UTC().Format("2006-01-02 15:04:05.999999-07:00"),
	})
	require.NoError(t, err)
	m := hmac.New(sha256.New, []byte(key))
	m.Write(body)
	line, err := json.Marshal(map[string]any{
		"received_at": time.Now().Add(-time.Hour), "body": string(body),
		"headers": map[string]any{"Signature": base64.StdEncoding.EncodeToString(m.Sum(nil)), "Content-Type": []string{"application/json"}},
	})
	require.NoError(t, err)
	return string(line) + "\n"
}

// pesaway is the account of a world at PesaWay.
func pesaway(t testing.TB, w *truth) string {
	t.Helper()
	for _, a := range w.Accounts {
		if a.Type == "pesaway" {
			return a.Name
		}
	}
	t.Fatal("the world has no account at PesaWay")
	return ""
}

// learned runs a world and returns what PesaWay said of completed payments.
func learned(t testing.TB, s *site, account string) []reply {
	t.Helper()
	var out []reply
	require.NoError(t, s.db.SelectContext(t.Context(), &out, `SELECT rp.payment_id, t.provider_payment_id, t.reference, coalesce(t.network_reference, '') AS receipt, t.amount,
			coalesce(t.account, '') AS account, t.completed_at, t.created_at
		FROM tieout.run_payments rp JOIN tieout.transactions t ON t.provider = rp.provider AND t.kind = rp.kind AND t.provider_payment_id = rp.provider_payment_id
		WHERE rp.provider = $1 AND rp.in_range AND rp.status = 'pending' AND t.status = 'completed' AND t.source = 'status' AND t.completed_at IS NOT NULL
		ORDER BY rp.payment_id`, account))
	require.NotEmpty(t, out)
	return out
}

// withoutLists makes the account's list fail, so that payments are asked one by one.
func withoutLists(f *front, account string) *atomic.Int64 {
	var n atomic.Int64
	f.meet(func(rw http.ResponseWriter, r *http.Request, h http.Handler) {
		switch {
		case of(r, account) && strings.Contains(r.URL.Path, "pull-transactions"):
			rw.WriteHeader(http.StatusForbidden)
			return
		case of(r, account) && strings.HasSuffix(r.URL.Path, "/transaction-query/"):
			n.Add(1)
		}
		h.ServeHTTP(rw, r)
	})
	return &n
}

func TestVerifiedCallbacksSpareQuestionsAndChangeNoReport(t *testing.T) {
	t.Parallel()
	w := small()
	server := serveWorld(t, w)
	account := pesaway(t, w)
	key := settings{credentials: map[string]map[string]string{account: {"callback_key": callbackSecret}}}

	plain := newSite(t, w, server)
	asked := withoutLists(server, account)
	plain.run(3) // without its list some of PesaWay's payments can't be found
	without := asked.Load()
	replies := learned(t, plain, account)

	s := newSite(t, w, server)
	s.configure(key)
	var file strings.Builder
	for _, r := range replies {
		file.WriteString(r.line(t, 0, callbackSecret))
	}
	path := filepath.Join(s.dir, "callbacks.ndjson")
	require.NoError(t, os.WriteFile(path, []byte(file.String()+"{}\n"), 0o600))
	out := s.must(jobs.ExitSetAside, "import", "callbacks", "--provider", account, path).out
	assert.Contains(t, out, fmt.Sprintf("%d callbacks taken (%d new, 0 known), 1 set aside", len(replies), len(replies)))
	rejects, err := os.ReadFile(filepath.Join(s.dir, "callbacks.rejects.csv"))
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprintf("line,field,reason\n%d,received_at,missing\n", len(replies)+1), string(rejects))
	before := s.rows()
	out = s.must(jobs.ExitSetAside, "import", "callbacks", "--provider", account, path).out
	assert.Contains(t, out, fmt.Sprintf("(0 new, %d known)", len(replies)))
	assert.Equal(t, before, s.rows(), "the same file again changes nothing")

	asked.Store(0)
	s.run(3)
	assert.LessOrEqual(t, asked.Load(), without-int64(len(replies)), "each verified callback spares a question")
	assert.Equal(t, timeless(t, filepath.Join(plain.folder(), "v1")), timeless(t, filepath.Join(s.folder(), "v1")))
	notes := get[string](s, `SELECT array_to_string(notes, E'\n') FROM tieout.runs`)
	assert.Contains(t, notes, fmt.Sprintf("%s: callbacks: %d were looked at: %d verified (%d of them taken as answers), 0 unverified, 0 rejected", account, len(replies), len(replies), len(replies)))
	assert.Contains(t, notes, "never got one")
	assert.Contains(t, notes, account+": asked ")
	assert.Zero(t, get[int](s, `SELECT count(*) FROM tieout.callbacks WHERE processed_at IS NULL`))
}

func TestACallbackThatLiesIsNeverBelievedAndAPaymentsStoryTellsIt(t *testing.T) {
	t.Parallel()
	w := small()
	server := serveWorld(t, w)
	account := pesaway(t, w)
	s := newSite(t, w, server)
	withoutLists(server, account)
	s.run(3, "--recheck") // lists hide what answers tell
	truth := timeless(t, filepath.Join(s.folder(), "v1"))
	replies := learned(t, s, account)
	require.GreaterOrEqual(t, len(replies), 2)
	forged, contradicted := replies[0], replies[1]

	s.configure(settings{credentials: map[string]map[string]string{account: {"callback_key": callbackSecret}}})
	s.exec(`DELETE FROM tieout.transactions WHERE provider = $1`, account)
	s.exec(`DELETE FROM tieout.answers WHERE provider = $1`, account)
	for _, line := range []string{forged.line(t, 1, "a thief's key"), contradicted.line(t, 1, callbackSecret)} {
		var row struct {
			Headers    json.RawMessage `json:"headers"`
			Body       string          `json:"body"`
			ReceivedAt time.Time       `json:"received_at"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &row))
		s.exec(`INSERT INTO tieout.callbacks (provider, headers, body, received_at) VALUES ($1, $2, $3, $4)`, account, string(row.Headers), row.Body, row.ReceivedAt)
	}
	s.run(3, "--recheck")
	assert.Equal(t, truth, timeless(t, filepath.Join(s.folder(), "v2")), "the provider's own answers stand")
	notes := get[string](s, `SELECT array_to_string(notes, E'\n') FROM tieout.runs WHERE version = 2`)
	assert.Contains(t, notes, "1 rejected")
	assert.Contains(t, notes, fmt.Sprintf("%s: callbacks: 1 say otherwise than the provider answered later: %s (failed, later completed). See `tieout payment show ID`.", account, contradicted.PaymentID))

	out := s.must(0, "payment", "show", contradicted.PaymentID).out
	for _, part := range []string{
		"Payment " + contradicted.PaymentID + ": ", "Contradiction: the callback of ", "says failed; the provider answered on ", "Outcome: completed",
		"callback 2: verified", "HTTP 200 in ", "sha256 ", `"ResultCode": 0`, ": matched", "transaction " + contradicted.ID,
	} {
		assert.Contains(t, out, part)
	}
	received := get[time.Time](s, `SELECT received_at FROM tieout.callbacks WHERE payment_id = $1`, contradicted.PaymentID)
	assert.Contains(t, out, "the callback of "+received.In(zone).Format(storyTime)+" says failed", "in business time, as all the rest")
	assert.NotContains(t, out, contradicted.Account, "numbers are masked, in bodies too")
	assert.Contains(t, s.must(0, "payment", "show", forged.PaymentID).out, "callback 1: rejected")

	var story struct {
		Payment struct{ ID, Account string }
		Events  []struct {
			At   time.Time
			What string
		}
		Contradictions []string
		Outcome        struct{ Status string }
	}
	require.NoError(t, json.Unmarshal([]byte(s.must(0, "payment", "show", contradicted.PaymentID, "--json").out), &story))
	assert.Equal(t, contradicted.PaymentID, story.Payment.ID)
	assert.Equal(t, "completed", story.Outcome.Status)
	assert.Len(t, story.Contradictions, 1)
	kinds := map[string]int{}
	for i, e := range story.Events {
		kinds[e.What]++
		if i > 0 {
			assert.False(t, e.At.Before(story.Events[i-1].At), "in order of time")
		}
	}
	assert.Equal(t, 1, kinds["callback"])
	assert.GreaterOrEqual(t, kinds["observation"], 2, "both runs asked")
	assert.Equal(t, 1, kinds["transaction"])
	assert.Positive(t, kinds["result"])

	assert.Contains(t, s.must(1, "payment", "show", "nobody").err, "neither the ledger nor any run knows it")
	assert.Contains(t, s.must(2, "import", "callbacks", "--provider", "nobody", "x").err, "nobody is not configured")
	assert.Contains(t, s.must(2, "import", "callbacks", "x").err, "--provider NAME is missing")
}

func TestAPaymentsStoryShowsItsExceptionsAndTheRowOfTheList(t *testing.T) {
	t.Parallel()
	w := small()
	s := newSite(t, w, serveWorld(t, w))
	s.run(0)
	id := get[string](s, `SELECT payment_id FROM tieout.exceptions WHERE payment_id IS NOT NULL AND kind = 'amount_mismatch' LIMIT 1`)
	exception := get[string](s, `SELECT exception_id FROM tieout.exceptions WHERE payment_id = $1 AND kind = 'amount_mismatch'`, id)
	s.must(0, "exceptions", "assign", exception, "--to", "amina")
	out := s.must(0, "payment", "show", id).out
	assert.Contains(t, out, "exception "+exception+": amount_mismatch")
	assert.Contains(t, out, "changed exception "+exception+": owner")
	assert.Contains(t, out, "held: no machine should act on it")

	listed := get[string](s, `SELECT r.payment_id FROM tieout.run_results r JOIN tieout.transactions t ON t.id = ANY (r.transaction_ids)
		WHERE t.source = 'list' AND t.provider LIKE 'pesaswap%' ORDER BY 1 LIMIT 1`)
	assert.Contains(t, s.must(0, "payment", "show", listed).out, "listed; its row of the page: ")

	s.exec(`DELETE FROM tieout.payments WHERE id = $1`, id)
	assert.Contains(t, s.must(0, "payment", "show", id).out, "Payment "+id+": ", "a run's snapshot still knows it")
}
