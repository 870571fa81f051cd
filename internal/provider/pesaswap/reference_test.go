package pesaswap

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/payment"
	"tieout/internal/provider"
)

// searchServer knows payouts by id and shows rows in its search.
type searchServer struct {
	known map[string]string // id: status
	rows  []string          // payout ids, as often as the search shows them
	ref   string
	asked []map[string]any
}

func (s *searchServer) handle(t *testing.T) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			id := lastPart(r.URL.Path)
			if status, ok := s.known[id]; ok {
				send(w, 200, with(t, sample(t, "payout.json"), map[string]string{"payout_id": `"` + id + `"`, "status": `"` + status + `"`, "merchant_order_reference_id": `"` + s.ref + `"`}))
				return
			}
			send(w, 404, envelope("HE_02", "m"))
			return
		}
		var body map[string]any
		raw, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.NoError(t, json.Unmarshal(raw, &body))
		assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
		s.asked = append(s.asked, body)
		from := int(body["offset"].(float64))
		rows := []string{}
		for i := from; i < len(s.rows) && i < from+20; i++ {
			rows = append(rows, fmt.Sprintf(`{"payout_id": %q, "merchant_order_reference_id": %q, "status": "failed"}`, s.rows[i], s.ref))
		}
		send(w, 200, `{"size": 1, "data": [`+strings.Join(rows, ",")+`]}`)
	}
}

func byRef(ref string) provider.Query {
	q := payout("")
	q.Reference = ref
	return q
}

func TestPayoutIsFoundByItsReference(t *testing.T) {
	t.Parallel()
	s := &searchServer{known: map[string]string{"payout_a": "success", "payout_b": "failed"}, ref: "WD-1", rows: []string{"payout_a", "payout_a", "payout_b"}}
	a := serve(t, s.handle(t)).Status(t.Context(), byRef("WD-1"))
	require.Equal(t, provider.Found, a.Verdict, a.Reason)
	require.Len(t, a.Transactions, 2)
	assert.Equal(t, payment.Completed, a.Transactions[0].Status, "the retrieve's word counts, not the attempt's in the search")
	assert.Equal(t, payment.Failed, a.Transactions[1].Status)
	assert.Equal(t, "WD-1", s.asked[0]["merchant_order_reference_id"])
	assert.EqualValues(t, 20, s.asked[0]["limit"])
}

func TestSearchGoesOnOverPages(t *testing.T) {
	t.Parallel()
	s := &searchServer{known: map[string]string{"payout_a": "success", "payout_z": "pending"}, ref: "WD-1"}
	for range 25 {
		s.rows = append(s.rows, "payout_a")
	}
	s.rows = append(s.rows, "payout_z")
	q := byRef("WD-1")
	q.Sync = false
	a := serve(t, s.handle(t)).Status(t.Context(), q)
	require.Equal(t, provider.Found, a.Verdict, a.Reason)
	assert.Len(t, a.Transactions, 2)
	assert.Len(t, s.asked, 2)
}

func TestOurOwnIdIsAskedFirst(t *testing.T) {
	t.Parallel()
	s := &searchServer{known: map[string]string{"our-1": "success"}, ref: "WD-1"}
	a := serve(t, s.handle(t)).Status(t.Context(), byRef("WD-1"))
	require.Equal(t, provider.Found, a.Verdict)
	assert.Equal(t, "our-1", a.Transactions[0].OwnID)
	assert.Empty(t, s.asked)
}

func TestUnknownNeedsAnIdThatTheProviderGave(t *testing.T) {
	t.Parallel()
	s := &searchServer{ref: "WD-1"}
	c := serve(t, s.handle(t))
	assert.Equal(t, provider.Unknown, c.Status(t.Context(), payout("payout_gone")).Verdict)
	assert.Equal(t, provider.Unknown, c.Status(t.Context(), deposit("pay_gone")).Verdict)
	for _, q := range []provider.Query{byRef("WD-1"), byRef(""), deposit("")} {
		a := c.Status(t.Context(), q)
		assert.Equal(t, provider.NotAskable, a.Verdict)
		assert.Contains(t, a.Reason, "list")
	}
}

func TestSearchThatCannotBeTrusted(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		body   string
		want   provider.Verdict
	}{
		"4.3 old servers refuse the field":   {400, envelope("IR_06", "unknown field"), provider.NotAskable},
		"lists are switched off":             {404, envelope("IR_02", "m"), provider.NotAskable},
		"a server that ignores the filter":   {200, `{"data": [{"payout_id": "payout_x", "merchant_order_reference_id": "OTHER"}]}`, provider.NotAskable},
		"a row without an id":                {200, `{"data": [{"merchant_order_reference_id": "WD-1"}]}`, provider.Invalid},
		"a row that the retrieve denies":     {200, `{"data": [{"payout_id": "payout_x", "merchant_order_reference_id": "WD-1"}]}`, provider.Invalid},
		"half a body":                        {200, `{"data": [`, provider.NoAnswer},
		"no rows at all":                     {200, `{}`, provider.NoAnswer},
		"401":                                {401, envelope("IR_01", "m"), provider.Refused},
		"503":                                {503, "", provider.NoAnswer},
		"a reference that everything shares": {200, `{"data": [` + strings.Repeat(`{"payout_id": "payout_x", "merchant_order_reference_id": "WD-1"},`, 19) + `{"payout_id": "payout_y", "merchant_order_reference_id": "WD-1"}]}`, provider.NotAskable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					send(w, 404, envelope("HE_02", "m"))
					return
				}
				send(w, tc.status, tc.body)
			})
			a := c.Status(t.Context(), byRef("WD-1"))
			assert.Equal(t, tc.want, a.Verdict, a.Reason)
		})
	}
}

func TestOneSilentRetrieveSpoilsTheWholeReference(t *testing.T) {
	t.Parallel()
	s := &searchServer{known: map[string]string{"payout_a": "failed"}, ref: "WD-1", rows: []string{"payout_a", "payout_b"}}
	inner := s.handle(t)
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if lastPart(r.URL.Path) == "payout_b" {
			send(w, 503, "")
			return
		}
		inner(w, r)
	})
	a := c.Status(t.Context(), byRef("WD-1"))
	assert.Equal(t, provider.NoAnswer, a.Verdict)
	assert.Empty(t, a.Transactions)
}
