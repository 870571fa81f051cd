package pesaswap_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tieout/internal/callback"
	"tieout/internal/payment"
	"tieout/internal/provider"
)

// answering is a server that answers as the test tells it at the moment.
type answering struct {
	handle atomic.Pointer[http.HandlerFunc]
}

func (a *answering) ServeHTTP(w http.ResponseWriter, r *http.Request) { (*a.handle.Load())(w, r) }

func (a *answering) as(h http.HandlerFunc) { a.handle.Store(&h) }

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(err)
	}
}

const drawnID = "pay_3LmNq8ZtXv5RbKw1YcGd"

func TestEveryStatusOfTheDescriptionIsKnown(t *testing.T) {
	t.Parallel()
	s := readSpec(t, -1)
	assert.Equal(t, s.enum(t, "PayoutStatus"), slices.Sorted(maps.Keys(statuses[payment.Payout])))
	assert.Equal(t, s.enum(t, "IntentStatus"), slices.Sorted(maps.Keys(statuses[payment.Deposit])))
}

// one serves an object, with changes to it.
func one(t *testing.T, kind payment.Kind, changes map[string]any) provider.Answer {
	t.Helper()
	o := map[string]any{"amount": 12345, "currency": "KES", "created": stamp(noon), "payment_id": drawnID, "payout_id": drawnID}
	maps.Copy(o, changes)
	server := &answering{}
	server.as(func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, o) })
	return connect(t, server, map[string]string{"api_key": "k"}).Status(t.Context(), provider.Query{Kind: kind, ProviderPaymentID: drawnID})
}

// Refunds and disputes beside a payment: RefundStatus and DisputeStatus of the
// description; whose words they are says
// https://github.com/juspay/hyperswitch/blob/main/crates/common_enums/src/enums.rs.
func TestEveryWordOfRefundsAndDisputesIsKnown(t *testing.T) {
	t.Parallel()
	s := readSpec(t, -1)
	assert.Equal(t, s.enum(t, "RefundStatus"), slices.Sorted(maps.Keys(refundMoved)))
	assert.Equal(t, s.enum(t, "DisputeStatus"), slices.Sorted(maps.Keys(disputeLost)))
	for list, words := range map[string]map[string]bool{"refunds": refundMoved, "disputes": disputeLost} {
		for word, back := range words {
			row := map[string]any{"status": word, "amount": 45, "currency": "KES"}
			if list == "disputes" {
				row = map[string]any{"dispute_status": word, "amount": "45"}
			}
			a := one(t, payment.Deposit, map[string]any{"status": "succeeded", list: []any{row}})
			require.Equal(t, provider.Found, a.Verdict, "%s: %s", word, a.Reason)
			want := map[bool]int64{true: 45}[back]
			assert.Equal(t, kes(want), *a.Transactions[0].Refunded, word)
			assert.Equal(t, payment.Completed, a.Transactions[0].Status, "%s: a refund does not change the payment's status", word)
		}
	}
}

// An attempt's own word counts in two cases alone, whatever the description's
// AttemptStatus holds: money that the processor sent back by itself, and a
// payout that was paid.
func TestEveryWordOfAnAttemptIsKnown(t *testing.T) {
	t.Parallel()
	s := readSpec(t, -1)
	for _, word := range s.enum(t, "AttemptStatus") {
		attempts := []any{map[string]any{"attempt_id": drawnID + "_1", "status": word}}
		a := one(t, payment.Deposit, map[string]any{"status": "succeeded", "attempts": attempts})
		require.Equal(t, provider.Found, a.Verdict, word)
		want := payment.Completed
		if word == "auto_refunded" {
			want = payment.Reversed
		}
		assert.Equal(t, want, a.Transactions[0].Status, word)
		a = one(t, payment.Deposit, map[string]any{"status": "processing", "attempts": attempts})
		require.Equal(t, provider.Found, a.Verdict, word)
		assert.Equal(t, payment.Pending, a.Transactions[0].Status, "%s: an attempt may lag behind or run ahead", word)
	}
	for _, word := range s.enum(t, "PayoutStatus") {
		a := one(t, payment.Payout, map[string]any{"status": "failed", "attempts": []any{map[string]any{"attempt_id": drawnID + "_2", "status": word}}})
		want := provider.Found
		if word == "success" {
			want = provider.Invalid
		}
		assert.Equal(t, want, a.Verdict, word)
	}
}

// A method that is not active is as good as none: PaymentMethodStatus.
func TestEveryWordOfASavedMethodIsKnown(t *testing.T) {
	t.Parallel()
	for _, word := range readSpec(t, -1).enum(t, "PaymentMethodStatus") {
		server := &answering{}
		server.as(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/customers/") {
				writeJSON(w, map[string]any{"customer_payment_methods": []any{}})
				return
			}
			writeJSON(w, map[string]any{
				"payment_id": drawnID, "status": "succeeded", "amount": 1, "currency": "KES", "customer_id": "cus_1",
				"payment_method_id": "pm_1", "payment_method_status": word, "created": stamp(noon),
			})
		})
		c := connect(t, server, map[string]string{"api_key": "k"})
		present, checkable, reason := c.(provider.SavedMethods).SavedMethods(t.Context(), "cus_1",
			payment.Transaction{Kind: payment.Deposit, ID: drawnID, CustomerID: "cus_1", SavedMethodID: "pm_1", Amount: kes(1)})
		assert.False(t, present, word)
		assert.True(t, checkable, word)
		if want := "is " + word + ", not active"; word == "active" {
			assert.NotContains(t, reason, want)
		} else {
			assert.Contains(t, reason, want)
		}
	}
}

// Every event that the description names is about a payment or payout, or is
// none of ours; what it is about decides, not the event's name.
func TestEveryEventIsKnown(t *testing.T) {
	t.Parallel()
	const money = `"status":"%s","amount":1,"currency":"KES"`
	type family struct {
		prefix, object string
		kind           payment.Kind
		read           bool
	}
	families := []family{
		{"payment_", `{"payment_id":"pay_1",` + fmt.Sprintf(money, "processing") + `}`, payment.Deposit, true},
		{"surcharge_payment_", `{"payment_id":"pay_1",` + fmt.Sprintf(money, "succeeded") + `}`, payment.Deposit, true},
		{"action_required", `{"payment_id":"pay_1",` + fmt.Sprintf(money, "requires_customer_action") + `}`, payment.Deposit, true},
		{"payout_", `{"payout_id":"pay_1",` + fmt.Sprintf(money, "initiated") + `}`, payment.Payout, true},
		{"refund_", `{"refund_id":"ref_1","payment_id":"pay_1",` + fmt.Sprintf(money, "succeeded") + `}`, payment.Deposit, false},
		{"surcharge_refund_", `{"refund_id":"ref_1","payment_id":"pay_1",` + fmt.Sprintf(money, "succeeded") + `}`, payment.Deposit, false},
		{"dispute_", `{"dispute_id":"dp_1","payment_id":"pay_1","dispute_status":"dispute_lost"}`, payment.Deposit, false},
		{"mandate_", `{"mandate_id":"man_1","status":"active"}`, "", false},
		{"invoice_", `{"id":"sub_1","status":"active"}`, "", false},
	}
	c := connect(t, http.NotFoundHandler(), map[string]string{"api_key": "k"}).(provider.CallbackReader)
	for _, event := range readSpec(t, -1).enum(t, "EventType") {
		i := slices.IndexFunc(families, func(f family) bool { return strings.HasPrefix(event, f.prefix) })
		require.NotEqual(t, -1, i, "%s is of no family that is tried", event)
		f := families[i]
		for _, body := range []string{
			`{"merchant_id":"m","event_id":"evt_1","event_type":"` + event + `","content":{"type":"x","object":` + f.object + `},"timestamp":"2026-08-14T09:00:00.000Z"}`,
			`{"event_id":"evt_1","event_type":"` + event + `","content":{"object":` + f.object + `}}`, // as a merchant saw them
			f.object,
		} {
			got := c.Callback(t.Context(), callback.Raw{Header: http.Header{}, Body: []byte(body)})
			assert.Equal(t, f.kind, got.Kind, event)
			assert.Equal(t, f.read, got.Read != nil, event)
			want := provider.CallbackUnverified
			if f.kind == "" {
				want = provider.CallbackIgnored
			} else {
				assert.Equal(t, "pay_1", got.ID, event)
			}
			assert.Equal(t, want, got.Verdict, event)
		}
	}
}

// Whatever fits the vendor's description is decoded to exactly what it says, or
// set aside where no money can be read from it: never guessed at.
func TestTheClientReadsWhatTheDescriptionAllows(t *testing.T) {
	t.Parallel()
	for kind, name := range map[payment.Kind]string{payment.Payout: "PayoutCreateResponse", payment.Deposit: "PaymentsResponse"} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := readSpec(t, -1)
			schema := s.overlapping(t).compiled(t, "get "+map[payment.Kind]string{payment.Payout: "/payouts/{payout_id}", payment.Deposit: "/payments/{payment_id}"}[kind])
			d := newDrawer(t, s)
			server := &answering{}
			c := connect(t, server, map[string]string{"api_key": "k"})
			read := map[payment.Status]int{}
			invalid := 0
			rapid.Check(t, func(rt *rapid.T) {
				o := sensible(rt, kind, d.draw(rt, name).(map[string]any))
				require.NoError(rt, schema.Validate(o))
				server.as(func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, o) })
				ask := func() provider.Answer {
					return c.Status(t.Context(), provider.Query{Kind: kind, ProviderPaymentID: drawnID, CreatedAt: noon, Sync: o["recurring"] == true})
				}
				for _, word := range slices.Sorted(maps.Keys(statuses[kind])) {
					o["status"] = word
					if want := judge(rt, kind, o, ask()); want != nil {
						read[want.Status]++
					} else {
						invalid++
					}
				}
				o["status"] = "settling_offline" // a word of tomorrow
				require.Equal(rt, provider.Invalid, ask().Verdict)
			})
			assert.Positive(t, invalid, "no untrustworthy answer was drawn")
			for _, status := range []payment.Status{payment.Completed, payment.Pending, payment.Created, payment.Reversed, payment.Failed} {
				assert.Positive(t, read[status], "no %s one was drawn", status)
			}
		})
	}
}

// sensible makes a drawn object one about the payment that is asked for, mostly
// of a likely currency; left as drawn, nearly all would be set aside.
func sensible(rt *rapid.T, kind payment.Kind, o map[string]any) map[string]any {
	key := map[payment.Kind]string{payment.Payout: "payout_id", payment.Deposit: "payment_id"}[kind]
	if chance(rt, 95) {
		o[key] = drawnID
	}
	if chance(rt, 60) {
		o["currency"] = rapid.SampledFrom([]string{"KES", "UGX", "USD", "KWD", "ISK", "MGA"}).Draw(rt, "currency")
	}
	for _, r := range members(o).list("refunds") {
		if chance(rt, 90) {
			r["currency"] = o["currency"]
		}
	}
	for _, d := range members(o).list("disputes") {
		if chance(rt, 90) {
			d["amount"] = integer(rt, map[string]any{"minimum": json.Number("0")}).String()
		}
	}
	return o
}

// judge compares an answer with what was drawn. It returns what was expected,
// nil for nothing.
func judge(rt *rapid.T, kind payment.Kind, o members, a provider.Answer) *payment.Transaction {
	want := expected(kind, o, drawnID, false)
	if o.text("status") == "conflicted" {
		want = conflicting(want, o)
	}
	if want == nil {
		require.Equal(rt, provider.Invalid, a.Verdict, "%v", o)
		require.Empty(rt, a.Transactions)
		require.NotEmpty(rt, a.Reason)
		return nil
	}
	require.Equal(rt, provider.Found, a.Verdict, "%s: %v", a.Reason, o)
	require.Len(rt, a.Transactions, 1)
	same(rt, kind, o, *want, a.Transactions[0])
	return want
}

// conflicting is what is expected of a payment that the connector reports with
// other figures: what is not told is not guessed. No drawn text tells it.
func conflicting(want *payment.Transaction, o members) *payment.Transaction {
	if want == nil {
		return nil
	}
	asked := &want.Amount
	if net := units(o["net_amount"]); strings.Trim(net, "0") != "" && !strings.HasPrefix(net, "-") {
		asked = amount(net, want.Amount.Currency)
	}
	if asked == nil || want.Settled == nil || *want.Settled == *asked {
		return nil
	}
	return want
}

// same compares all that a transaction says.
func same(rt *rapid.T, kind payment.Kind, o members, want, got payment.Transaction) {
	account := got.Account
	method := o.text("payment_method")
	if kind == payment.Payout {
		method = o.text("payout_type")
	}
	if account != "" {
		require.Contains(rt, []string{"wallet", "mobile_payment", "bank"}, method, "an account of what has none")
	}
	for k, v := range got.Metadata {
		drawn, ok := o.sub("metadata")[k]
		require.True(rt, ok || strings.Contains(fmt.Sprint(o["metadata"]), "\x00"), "metadata %q was never sent", k)
		if text, is := drawn.(string); is {
			require.Equal(rt, strings.ReplaceAll(text, "\x00", ""), v)
		}
	}
	if got.Status == payment.Completed || got.Status == payment.Created {
		require.Empty(rt, got.FailureCode+got.FailureMessage, "an error of what did not fail")
	}
	got.Account, got.Metadata = "", nil
	got.FailureCode, got.FailureMessage, got.FailureGroup, got.CompletedAt = "", "", "", time.Time{}
	require.Equal(rt, want, got)
}

// Each row of a list is shown, or named as one that can't be trusted; one bad
// row never takes another with it.
func TestTheClientReadsListsThatTheDescriptionAllows(t *testing.T) {
	t.Parallel()
	for kind, name := range map[payment.Kind]string{payment.Payout: "PayoutCreateResponse", payment.Deposit: "PaymentsResponse"} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			d := newDrawer(t, readSpec(t, -1))
			server := &answering{}
			c := connect(t, server, map[string]string{"api_key": "k"})
			rapid.Check(t, func(rt *rapid.T) {
				rows := drawRows(rt, d, kind, name)
				server.as(func(w http.ResponseWriter, r *http.Request) { serveRows(w, r, kind, rows) })
				want, invalid := 0, 0
				wanted := map[string]*payment.Transaction{}
				for _, o := range rows {
					id := rowID(kind, o)
					tx := expected(kind, o, id, true)
					if members(o).text("status") == "conflicted" { // it is retrieved
						tx = conflicting(expected(kind, o, id, false), o)
					}
					if tx == nil || tx.CreatedAt.IsZero() {
						invalid++
						continue
					}
					want++
					wanted[id] = tx
				}
				var got []payment.Transaction
				var bad []provider.InvalidRow
				reach, err := c.(provider.Lister).List(t.Context(), provider.ListQuery{Kind: kind, From: noon.Add(-time.Hour), To: noon, Now: now}, func(p provider.Page) error {
					got, bad = append(got, p.Transactions...), append(bad, p.Invalid...)
					return nil
				})
				require.NoError(rt, err)
				require.Len(rt, got, want)
				require.Len(rt, bad, invalid)
				for _, tx := range got {
					same(rt, kind, rows[slices.IndexFunc(rows, func(o map[string]any) bool { return rowID(kind, o) == tx.ID })], *wanted[tx.ID], tx)
				}
				timeless := slices.ContainsFunc(rows, func(o map[string]any) bool { return o["created"] == nil })
				require.Equal(rt, !timeless, reach.Complete, reach.Why)
			})
		})
	}
}

func rowID(kind payment.Kind, o members) string {
	if kind == payment.Payout {
		return o.text("payout_id")
	}
	return o.text("payment_id")
}

// drawRows makes rows as a list shows them: of different payments, the newest
// first, few of them without a time.
func drawRows(rt *rapid.T, d drawer, kind payment.Kind, name string) []map[string]any {
	var rows []map[string]any
	for i := range rapid.IntRange(1, 4).Draw(rt, "rows") {
		o := sensible(rt, kind, d.draw(rt, name).(map[string]any))
		o[map[payment.Kind]string{payment.Payout: "payout_id", payment.Deposit: "payment_id"}[kind]] = fmt.Sprintf("row_%d", i)
		o["created"] = stamp(noon.Add(-time.Duration(i+1) * time.Minute))
		if i > 0 && chance(rt, 10) {
			o["created"] = nil
		}
		rows = append(rows, o)
	}
	return rows
}

// serveRows answers lists with inclusive cursors, and retrieves.
func serveRows(w http.ResponseWriter, r *http.Request, kind payment.Kind, rows []map[string]any) {
	id := path.Base(r.URL.Path)
	if id == "list" {
		from := max(0, slices.IndexFunc(rows, func(o map[string]any) bool { return rowID(kind, o) == r.URL.Query().Get("ending_before") }))
		writeJSON(w, map[string]any{"size": len(rows) - from, "data": rows[from:]})
		return
	}
	i := slices.IndexFunc(rows, func(o map[string]any) bool { return rowID(kind, o) == id })
	writeJSON(w, rows[i])
}

// A saved method counts as there exactly where the customer's list shows it
// with a token.
func TestTheClientReadsSavedMethodsThatTheDescriptionAllows(t *testing.T) {
	t.Parallel()
	s := readSpec(t, -1)
	schema := s.overlapping(t).compiled(t, "get /customers/{customer_id}/payment_methods")
	d := newDrawer(t, s)
	server := &answering{}
	both := [2]int{}
	rapid.Check(t, func(rt *rapid.T) {
		c := connect(t, server, map[string]string{"api_key": "k"}) // a client keeps what it was told
		o := d.draw(rt, "CustomerPaymentMethodsListResponse").(map[string]any)
		want := false
		for _, m := range members(o).list("customer_payment_methods") {
			if chance(rt, 40) {
				m["payment_method_id"] = "pm_1"
			}
			want = want || m.text("payment_method_id") == "pm_1" && m.text("payment_token") != ""
		}
		require.NoError(rt, schema.Validate(o))
		server.as(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/customers/") {
				writeJSON(w, o)
				return
			}
			writeJSON(w, map[string]any{
				"payment_id": drawnID, "status": "succeeded", "amount": 1, "currency": "KES", "customer_id": "cus_1",
				"payment_method_id": "pm_1", "payment_method": "card", "created": stamp(noon),
			})
		})
		present, checkable, reason := c.(provider.SavedMethods).SavedMethods(t.Context(), "cus_1",
			payment.Transaction{Kind: payment.Deposit, ID: drawnID, CustomerID: "cus_1", SavedMethodID: "pm_1", Amount: kes(1)})
		require.True(rt, checkable, reason)
		require.Equal(rt, want, present, "%v", o)
		both[map[bool]int{true: 1}[want]]++
	})
	assert.Positive(t, both[0])
	assert.Positive(t, both[1])
}
