package pawapay

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/pawapay/signature"
)

// bank plays pawaPay's statements, with every answer to be set by a test.
type bank struct {
	t        *testing.T
	balances string
	file     func(o order, body map[string]any) []byte // the file of an order
	expires  string

	mu       sync.Mutex
	orders   []map[string]any
	looks    map[string]int
	ready    int               // status calls until COMPLETED; 0: at once
	words    map[string]string // statement id: status word instead
	refuse   map[string]int    // statement id: HTTP status of the download
	rejected bool
	lost     bool // orders are taken and the answer is lost
	self     string
}

func (b *bank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.self = "http://" + r.Host
	switch {
	case r.URL.Path == "/v2/wallet-balances":
		_, _ = io.WriteString(w, b.balances)
	case r.Method == http.MethodPost && r.URL.Path == "/v2/statements":
		var body map[string]any
		if !assert.NoError(b.t, json.NewDecoder(r.Body).Decode(&body)) {
			return
		}
		b.orders = append(b.orders, body)
		switch {
		case b.lost:
			w.WriteHeader(http.StatusBadGateway)
		case b.rejected:
			_, _ = io.WriteString(w, `{"status":"REJECTED","failureReason":{"failureCode":"WALLET_NOT_FOUND"}}`)
		default:
			_, _ = fmt.Fprintf(w, `{"statementId":"st-%d","status":"ACCEPTED","created":"2026-03-20T12:00:00Z"}`, len(b.orders))
		}
	case strings.HasPrefix(r.URL.Path, "/v2/statements/"):
		b.status(w, strings.TrimPrefix(r.URL.Path, "/v2/statements/"))
	case strings.HasPrefix(r.URL.Path, "/files/"):
		assert.Empty(b.t, r.Header.Get("Authorization"), "the token must not reach another host")
		id := strings.TrimPrefix(r.URL.Path, "/files/")
		if code := b.refuse[id]; code != 0 {
			w.WriteHeader(code)
			return
		}
		var n int
		_, err := fmt.Sscanf(id, "st-%d", &n)
		if assert.NoError(b.t, err) && assert.LessOrEqual(b.t, n, len(b.orders)) {
			_, _ = w.Write(b.file(order{ID: id}, b.orders[n-1]))
		}
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (b *bank) status(w io.Writer, id string) {
	if b.looks == nil {
		b.looks = map[string]int{}
	}
	b.looks[id]++
	word := b.words[id]
	switch {
	case word == "NOT_FOUND":
		_, _ = io.WriteString(w, `{"status":"NOT_FOUND"}`)
		return
	case word == "" && b.looks[id] <= b.ready:
		word = "PROCESSING"
	case word == "":
		word = "COMPLETED"
	}
	expires := b.expires
	if expires == "" {
		expires = "2026-03-21T12:00:00"
	}
	_, _ = fmt.Fprintf(w, `{"status":"FOUND","data":{"statementId":%q,"status":%q,"fileSIze":10,"downloadUrl":%q,"downloadUrlExpiresAt":%q,"failureReason":{"failureCode":"UNKNOWN_ERROR"}}}`,
		id, word, b.self+"/files/"+id+"?signature=abc", expires)
}

const header = "Creation Date,MSISDN,Transaction ID,Amount,Currency,Country,MNO,Type,Metadata\n"

func plainFile(rows ...string) func(order, map[string]any) []byte {
	return func(order, map[string]any) []byte { return []byte(header + strings.Join(rows, "\n") + "\n") }
}

func packed(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b)
	_ = z.Close()
	return out.Bytes()
}

const oneWallet = `{"balances":[{"country":"ZMB","balance":"1","currency":"ZMW","provider":""}]}`

func listClient(t *testing.T, b *bank) *client {
	t.Helper()
	b.t = t
	if b.balances == "" {
		b.balances = oneWallet
	}
	return newTestClient(t, b, map[string]string{
		"statement_callback_url": "https://shop.example/none", "statement_poll_interval": "1ms", "statement_wait": "20ms",
	})
}

func day(from, to int) provider.ListQuery {
	return provider.ListQuery{
		Kind: payment.Deposit, Now: testNow, Memory: &memory{},
		From: time.Date(2026, 3, from, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 3, to, 0, 0, 0, 0, time.UTC),
	}
}

func listAll(t *testing.T, c *client, q provider.ListQuery) ([]payment.Transaction, []provider.InvalidRow, provider.Reach) {
	t.Helper()
	var txs []payment.Transaction
	var bad []provider.InvalidRow
	reach, err := c.List(context.Background(), q, func(p provider.Page) error {
		txs, bad = append(txs, p.Transactions...), append(bad, p.Invalid...)
		return nil
	})
	require.NoError(t, err)
	assert.True(t, reach.CompletedOnly)
	assert.Equal(t, reach.Complete, reach.Why == "", reach.Why)
	return txs, bad, reach
}

func depositRow(id, at string) string {
	return at + ",260763000111," + id + ",250.00,ZMW,ZMB,MTN_MOMO_ZMB,DEPOSIT,"
}

func TestListReadsAStatement(t *testing.T) {
	t.Parallel()
	b := &bank{ready: 2, file: func(order, map[string]any) []byte {
		// Section 13: fee before or after its payment, other movements beside, gzip by content.
		return packed([]byte(header + strings.Join([]string{
			`2026-03-11T08:14:05Z,260763000111,` + testID + `,-6.25,ZMW,ZMB,MTN_MOMO_ZMB,DEPOSIT_FEE,`,
			`2026-03-11T08:14:05Z,260763000111,` + testID + `,250.00,ZMW,ZMB,MTN_MOMO_ZMB,DEPOSIT,"{""orderId"":""KB-7781""}"`,
			`2026-03-11T08:14:05Z,260763000111,` + testID + `,6.25,ZMW,ZMB,MTN_MOMO_ZMB,DEPOSIT_FEE,`,
			`2026-03-11T08:14:05Z,260763000111,` + testID + `,1,ZMW,ZMB,MTN_MOMO_ZMB,FEE VAT,`,
			`2026-03-11T08:14:05Z,260763000111,` + testID + `,9,ZMW,ZMB,MTN_MOMO_ZMB,PAYOUT_FEE,`,
			`2026-03-11 09:00:00,260763000111,` + refundA + `,-30.0000,ZMW,ZMB,MTN_MOMO_ZMB,Payout,`,
			`2026-03-11T10:00:00Z,260763000111,` + refundB + `,30,ZMW,ZMB,MTN_MOMO_ZMB,REFUND,`,
			`2026-03-11T11:00:00Z,,,5000,ZMW,ZMB,,WITHDRAWAL,`,
		}, "\r\n") + "\r\n"))
	}}
	c := listClient(t, b)
	q := day(11, 12)
	txs, bad, reach := listAll(t, c, q)
	assert.Empty(t, bad)
	assert.True(t, reach.Complete, reach.Why)
	require.Len(t, txs, 1)
	got := txs[0]
	require.NotNil(t, got.Fee)
	assert.Equal(t, "7.25", got.Fee.String(), "a fee row that comes twice counts once; fees of two types add up")
	assert.Equal(t, testID, got.ID)
	assert.Equal(t, testID, got.OwnID)
	assert.Equal(t, "250.00", got.Amount.String())
	assert.Equal(t, payment.Completed, got.Status)
	assert.True(t, got.Partial)
	assert.Nil(t, got.Refunded)
	assert.Equal(t, map[string]string{"orderId": "KB-7781"}, got.Metadata)
	assert.Equal(t, time.Date(2026, 3, 11, 8, 14, 5, 0, time.UTC), got.CreatedAt)

	q.Kind = payment.Payout
	txs, bad, _ = listAll(t, c, q)
	assert.Empty(t, bad)
	require.Len(t, txs, 1)
	assert.Equal(t, refundA, txs[0].ID)
	assert.Equal(t, "30.00", txs[0].Amount.String(), "the direction is told by the type, not by a sign")
	assert.Nil(t, txs[0].Fee, "the fee of a deposit is no payout's")

	require.Len(t, b.orders, 1, "one statement serves both kinds")
	assert.Equal(t, map[string]any{
		"wallet": map[string]any{"country": "ZMB", "currency": "ZMW"}, "callbackUrl": "https://shop.example/none",
		"startDate": "2026-03-11T00:00:00", "endDate": "2026-03-12T00:00:01", "compressed": true,
	}, b.orders[0])
}

func TestListLeavesOutRowsOutsideTheRange(t *testing.T) {
	t.Parallel()
	b := &bank{file: plainFile(
		depositRow("00000000-0000-4000-8000-000000000001", "2026-03-10T23:59:59.999Z"),
		depositRow("00000000-0000-4000-8000-000000000002", "2026-03-11T00:00:00Z"),
		depositRow("00000000-0000-4000-8000-000000000003", "2026-03-11T23:59:59.999Z"),
		depositRow("00000000-0000-4000-8000-000000000004", "2026-03-12T00:00:00Z"),
	)}
	txs, _, _ := listAll(t, listClient(t, b), day(11, 12))
	require.Len(t, txs, 2)
	assert.True(t, strings.HasSuffix(txs[0].ID, "2") && strings.HasSuffix(txs[1].ID, "3"))
}

func TestListWithoutACallbackAddressAsksNothing(t *testing.T) {
	t.Parallel()
	c := newTestClient(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request was made") }), nil)
	_, _, reach := listAll(t, c, day(11, 12))
	assert.Contains(t, reach.Why, "statement_callback_url")
}

func TestListOrdersEachWalletInPiecesOf31Days(t *testing.T) {
	t.Parallel()
	b := &bank{file: plainFile(), balances: `{"balances":[
		{"country":"COD","balance":"1","currency":"CDF","provider":""},{"country":"COD","balance":"1","currency":"USD","provider":"ORANGE_COD"},
		{"country":"COD","balance":"1","currency":"CDF","provider":""}]}`}
	q := day(1, 2)
	q.From, q.To = time.Date(2025, 12, 31, 21, 0, 0, 0, time.UTC), time.Date(2026, 2, 28, 21, 0, 0, 0, time.UTC)
	_, _, reach := listAll(t, listClient(t, b), q)
	assert.True(t, reach.Complete, reach.Why)
	require.Len(t, b.orders, 4)
	for i, want := range []struct{ wallet, start, end string }{
		{"CDF", "2025-12-31T21:00:00", "2026-01-31T21:00:00"},
		{"CDF", "2026-01-31T21:00:00", "2026-02-28T21:00:01"},
		{"USD", "2025-12-31T21:00:00", "2026-01-31T21:00:00"},
		{"USD", "2026-01-31T21:00:00", "2026-02-28T21:00:01"},
	} {
		o := b.orders[i]
		assert.Equal(t, want.wallet, o["wallet"].(map[string]any)["currency"])
		assert.Equal(t, want.start, o["startDate"])
		assert.Equal(t, want.end, o["endDate"])
	}
	assert.NotContains(t, b.orders[0]["wallet"], "provider", "an empty provider is left out")
	assert.Equal(t, "ORANGE_COD", b.orders[2]["wallet"].(map[string]any)["provider"])
}

func TestARangeThatEndedLessThanAnHourAgoIsNotComplete(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		end      time.Duration // before the start of the run
		complete bool
	}{
		"an hour ago":      {time.Hour, true},
		"59 minutes ago":   {59 * time.Minute, false},
		"not over yet":     {-6 * time.Hour, false},
		"wholly in future": {-72 * time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &bank{file: plainFile()}
			q := day(19, 20)
			q.To = testNow.Add(-tc.end)
			q.From = q.To.Add(-24 * time.Hour)
			_, _, reach := listAll(t, listClient(t, b), q)
			assert.Equal(t, tc.complete, reach.Complete)
			for _, o := range b.orders {
				assert.LessOrEqual(t, o["endDate"], "2026-03-20T12:00:01", "the future is not ordered")
				assert.Less(t, o["startDate"], o["endDate"])
			}
		})
	}
}

func TestACrashNeverOrdersTwice(t *testing.T) {
	t.Parallel()
	b := &bank{file: plainFile(depositRow(testID, "2026-03-11T08:14:05Z"))}
	c := listClient(t, b)
	q := day(11, 12)
	crash := errors.New("crash")
	_, err := c.List(context.Background(), q, func(provider.Page) error { return crash })
	require.ErrorIs(t, err, crash)
	q.Now = q.Now.Add(30 * time.Minute)
	txs, _, reach := listAll(t, c, q)
	assert.Len(t, txs, 1)
	assert.True(t, reach.Complete)
	assert.Len(t, b.orders, 1)
}

func TestAStatementThatIsNotReadyIsTakenUpByTheNextRun(t *testing.T) {
	t.Parallel()
	b := &bank{ready: 25, file: plainFile(depositRow(testID, "2026-03-11T08:14:05Z"))}
	c := listClient(t, b)
	q := day(11, 12)
	_, _, reach := listAll(t, c, q)
	assert.Contains(t, reach.Why, "not ready")
	txs, _, reach := listAll(t, c, q)
	assert.Len(t, txs, 1)
	assert.True(t, reach.Complete)
	assert.Len(t, b.orders, 1)
}

func TestAYoungStatementIsNotTakenAgainLater(t *testing.T) {
	t.Parallel()
	b := &bank{file: plainFile()}
	c := listClient(t, b)
	q := day(20, 21) // not over yet
	for i, after := range []time.Duration{0, 5 * time.Minute, 15 * time.Minute, 14 * time.Hour} {
		q.Now = testNow.Add(after)
		_, _, reach := listAll(t, c, q)
		assert.Len(t, b.orders, []int{1, 1, 2, 3}[i], after)
		assert.Equal(t, after == 14*time.Hour, reach.Complete, "a statement ordered when the range was young proves nothing, also later")
	}
}

func TestOneListDoesNotForgetTheOrderOfAnother(t *testing.T) {
	t.Parallel()
	c, q := listClient(t, &bank{file: plainFile()}), day(11, 12)
	o := order{ID: "st-1", wallet: wallet{Country: "ZMB", Currency: "ZMW"}, span: spans(q.From, q.To, q.Now)[0]}
	for kept, want := range map[string]string{
		`{"id":"st-1"}`: "", `{"id":"st-2"}`: `{"id":"st-2"}`, "": "",
	} {
		require.NoError(t, q.Memory.Set(t.Context(), o.key(), kept))
		require.NoError(t, c.forget(t.Context(), &o, provider.StatementQuery{Memory: q.Memory}))
		got, err := q.Memory.Get(t.Context(), o.key())
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

func TestAYoungStatementGivesWayToOneThatProvesMore(t *testing.T) {
	t.Parallel()
	b := &bank{file: plainFile()}
	c := listClient(t, b)
	q := day(19, 20)
	q.To = testNow.Add(-55 * time.Minute)
	_, _, reach := listAll(t, c, q)
	assert.False(t, reach.Complete)
	q.Now = testNow.Add(6 * time.Minute)
	_, _, reach = listAll(t, c, q)
	assert.True(t, reach.Complete)
	assert.Len(t, b.orders, 2)
}

func TestAFileThatIsShorterThanAnnouncedIsNotRead(t *testing.T) {
	t.Parallel()
	b := &bank{file: func(order, map[string]any) []byte { return []byte("Type,A") }}
	txs, _, reach := listAll(t, listClient(t, b), day(11, 12))
	assert.Empty(t, txs)
	assert.Contains(t, reach.Why, "breaks off")
}

func TestAStatementThatIsGoneIsOrderedOnceMore(t *testing.T) {
	t.Parallel()
	for name, gone := range map[string]func(*bank){
		"unknown to pawaPay": func(b *bank) { b.words = map[string]string{"st-1": "NOT_FOUND"} },
		"failed":             func(b *bank) { b.words = map[string]string{"st-1": "FAILED"} },
		"link refused":       func(b *bank) { b.refuse = map[string]int{"st-1": http.StatusForbidden} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &bank{file: plainFile(depositRow(testID, "2026-03-11T08:14:05Z"))}
			c := listClient(t, b)
			q := day(11, 12)
			listAll(t, c, q)
			gone(b)
			txs, _, reach := listAll(t, c, q)
			assert.Len(t, txs, 1)
			assert.True(t, reach.Complete, reach.Why)
			assert.Len(t, b.orders, 2)
		})
	}
}

func TestAFreshStatementThatFailsIsNotOrderedForEver(t *testing.T) {
	t.Parallel()
	b := &bank{file: plainFile(), words: map[string]string{"st-1": "FAILED", "st-2": "FAILED"}}
	c := listClient(t, b)
	q := day(11, 12)
	_, _, reach := listAll(t, c, q)
	assert.Contains(t, reach.Why, "UNKNOWN_ERROR")
	assert.Len(t, b.orders, 1)
	listAll(t, c, q)
	assert.Len(t, b.orders, 2, "the next run orders anew")
}

func TestAnExpiredLinkIsNotFetched(t *testing.T) {
	t.Parallel()
	b := &bank{file: plainFile(), expires: "2026-03-20T12:00:00Z", refuse: map[string]int{"st-1": 418}}
	_, _, reach := listAll(t, listClient(t, b), day(11, 12))
	assert.Contains(t, reach.Why, "expired")
}

func TestTheTroubleOfOneWalletLeavesTheOthersReadable(t *testing.T) {
	t.Parallel()
	b := &bank{
		file: plainFile(depositRow(testID, "2026-03-11T08:14:05Z")), words: map[string]string{"st-1": "HALTED"},
		balances: `{"balances":[{"country":"COD","currency":"USD","provider":""},{"country":"ZMB","currency":"ZMW","provider":""}]}`,
	}
	txs, _, reach := listAll(t, listClient(t, b), day(11, 12))
	assert.Len(t, txs, 1)
	assert.False(t, reach.Complete)
	assert.Contains(t, reach.Why, "COD/USD")
	assert.Contains(t, reach.Why, `"HALTED"`)
}

func TestOrdersThatAreRefusedOrLostAreNotRepeated(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]*bank{"WALLET_NOT_FOUND": {rejected: true}, "HTTP 502": {lost: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, reach := listAll(t, listClient(t, b), day(11, 12))
			assert.Contains(t, reach.Why, name)
			assert.Len(t, b.orders, 1)
		})
	}
}

func TestWalletsThatCannotBeReadAreAnError(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.Handler{
		"refused":    says(403, `{"failureReason":{"failureCode":"AUTHENTICATION_ERROR"}}`),
		"no wallets": says(200, `{}`),
		"no country": says(200, `{"balances":[{"currency":"ZMW"}]}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newTestClient(t, h, map[string]string{"statement_callback_url": "https://shop.example/none"})
			_, err := c.List(context.Background(), day(11, 12), nil)
			assert.Error(t, err)
		})
	}
}

func TestACancelledListEndsAtOnce(t *testing.T) {
	t.Parallel()
	b := &bank{file: plainFile(), ready: 1 << 30}
	c := listClient(t, b)
	c.pollInterval, c.polls = time.Hour, 10
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := c.List(ctx, day(11, 12), nil)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestOrdersAreSignedWhereAKeyIsConfigured(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	verdicts := make(chan error, 1)
	c := newTestClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			assert.Empty(t, r.Header.Get("Signature"), "reads are not signed")
			_, _ = io.WriteString(w, oneWallet)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err == nil {
			v := signature.Verifier{Keys: signature.FixedKeys{"SHOP:1": key.Public()}, Now: func() time.Time { return testNow }}
			err = v.Verify(r.Context(), signature.FromRequest(r, body))
		}
		verdicts <- err
		_, _ = io.WriteString(w, `{"status":"REJECTED"}`)
	}), map[string]string{"statement_callback_url": "https://shop.example/none"}, map[string]string{
		"signing_key_id": "SHOP:1", "signing_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	listAll(t, c, day(11, 12))
	assert.NoError(t, <-verdicts)
}
