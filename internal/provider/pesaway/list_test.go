package pesaway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/payment"
	"tieout/internal/provider"
)

var (
	from = time.Date(2025, 11, 2, 21, 0, 0, 0, time.UTC) // a day in Nairobi
	to   = from.AddDate(0, 0, 1)
)

func day(k payment.Kind) provider.ListQuery {
	return provider.ListQuery{Kind: k, From: from, To: to, Currencies: []string{"KES"}, Now: to.AddDate(0, 0, 3)}
}

func row(reference string, change ...func(m map[string]any)) map[string]any {
	m := map[string]any{
		"Reference": reference, "Receipt": "TJ42K8M1QX", "TransactionDate": "2025-11-03T09:14:22Z",
		"Recipient": "254700000111 - Jane Wanjiku", "ExternalReference": "DP-1", "TransactionType": "Collection", "Amount": "1250.00",
	}
	for _, f := range change {
		f(m)
	}
	return m
}

func with(key string, value any) func(map[string]any) {
	return func(m map[string]any) { m[key] = value }
}

func rows(n int, at func(i int) map[string]any) []map[string]any {
	out := make([]map[string]any, 0, n)
	for i := range n {
		out = append(out, at(i))
	}
	return out
}

func numbered(n int) []map[string]any {
	return rows(n, func(i int) map[string]any { return row(fmt.Sprintf("kQ27VbT%04d", i)) })
}

func body(rows []map[string]any) string {
	if rows == nil {
		return "[]"
	}
	b, _ := json.Marshal(rows)
	return string(b)
}

// pages serves all in pages of size from OffsetValue.
func pages(all []map[string]any, size int) func(seen) (int, string) {
	return func(q seen) (int, string) {
		offset := int(q.Body["OffsetValue"].(float64))
		return 200, body(all[min(offset, len(all)):min(offset+size, len(all))])
	}
}

func TestListReadsARow(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.onFunc(pullPath, pages([]map[string]any{row("kQ27VbTzm4s")}, 100))
	got, reach, err := list(t, client(t, s.URL), day(payment.Deposit))
	require.NoError(t, err)
	at := time.Date(2025, 11, 3, 9, 14, 22, 0, time.UTC)
	assert.Empty(t, cmp.Diff(provider.Page{Transactions: []payment.Transaction{{
		Kind: payment.Deposit, ID: "kQ27VbTzm4s", OwnID: "DP-1", Reference: "DP-1", NetworkReference: "TJ42K8M1QX",
		Status: payment.Completed, Amount: kes(125000), Account: "254700000111", CreatedAt: at, CompletedAt: at,
	}}}, got))
	assert.Equal(t, provider.Reach{Complete: true, CompletedOnly: true}, reach)

	q := s.asked(pullPath)[0]
	assert.Equal(t, "POST", q.Method)
	assert.Equal(t, "ke", q.Header.Get("X-Region"))
	// 8: no zone is documented: three hours more on both sides.
	assert.Equal(t, map[string]any{
		"StartDate": "2025-11-02 18:00:00", "EndDate": "2025-11-04 00:00:01", "TransType": "Collection", "OffsetValue": 0.0,
	}, q.Body)

	s.onFunc(pullPath, pages([]map[string]any{row("kQ27VbTzm4s", with("TransactionType", "Payment"))}, 100))
	got, _, err = list(t, client(t, s.URL), day(payment.Payout))
	require.NoError(t, err)
	assert.Equal(t, payment.Payout, got.Transactions[0].Kind)
	sent := s.asked(pullPath)
	assert.Equal(t, "Payment", sent[len(sent)-1].Body["TransType"])
}

func TestListReadsAllPages(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 99, 100, 101, 250, 300} {
		for _, size := range []int{100, 30, 1000} { // at most 100 are promised
			s := newStub(t)
			s.onFunc(pullPath, pages(numbered(n), size))
			got, reach, err := list(t, client(t, s.URL), day(payment.Deposit))
			require.NoError(t, err)
			assert.Len(t, got.Transactions, n, "%d rows in pages of %d", n, size)
			assert.True(t, reach.Complete)
		}
	}
}

func TestListKeepsRowsApartByReferenceAlone(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	// 8: rows with one ExternalReference, which are two transactions; and a row
	// that the next page shows again because a newer one has come in.
	all := numbered(150)
	s.onFunc(pullPath, func(q seen) (int, string) {
		now := all
		if q.Body["OffsetValue"].(float64) > 0 {
			now = append([]map[string]any{row("kQ27VbTnew1")}, all...)
		}
		return pages(now, 100)(q)
	})
	got, reach, err := list(t, client(t, s.URL), day(payment.Deposit))
	require.NoError(t, err)
	assert.True(t, reach.Complete)
	ids := map[string]int{}
	for _, tx := range got.Transactions {
		ids[tx.ID]++
	}
	assert.Len(t, ids, 150)
	assert.Len(t, got.Transactions, 150)
}

func TestListLeavesOutWhatIsOutsideTheRangeOrOfAnotherKind(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.onFunc(pullPath, pages([]map[string]any{
		row("before", with("TransactionDate", "2025-11-02T20:59:59Z")),
		row("first", with("TransactionDate", "2025-11-02T21:00:00Z")),
		row("last", with("TransactionDate", "2025-11-03T23:59:59+03:00")),
		row("after", with("TransactionDate", "2025-11-03T21:00:00Z")),
		row("payout", with("TransactionType", "Payment")),
		row("refund", with("TransactionType", "Refund")),
		row("unsaid", with("TransactionType", nil)),
	}, 100))
	got, _, err := list(t, client(t, s.URL), day(payment.Deposit))
	require.NoError(t, err)
	assert.Empty(t, got.Invalid)
	var ids []string
	for _, tx := range got.Transactions {
		ids = append(ids, tx.ID)
	}
	assert.Equal(t, []string{"first", "last", "unsaid"}, ids)
}

func TestABadRowIsReportedAndTheRestCounts(t *testing.T) {
	t.Parallel()
	bad := []map[string]any{
		row("", nop),
		row("r1", with("Amount", "1250.005")),
		row("r2", with("Amount", "-1.00")),
		row("r3", with("Amount", nil)),
		row("r4", with("Amount", []int{1})),
		row("r5", with("TransactionDate", "yesterday")),
		row("r6", with("TransactionDate", nil)),
		row("r7", with("TransactionType", "B2C")),
		row("r8", with("Status", "Pending")),
		row("r9", with("ExternalReference", "a\x00b")),
	}
	s := newStub(t)
	s.onFunc(pullPath, pages(append(bad, row("good"), row("said", with("Status", "Completed"))), 100))
	got, reach, err := list(t, client(t, s.URL), day(payment.Deposit))
	require.NoError(t, err)
	assert.True(t, reach.Complete)
	require.Len(t, got.Transactions, 2)
	assert.Equal(t, "good", got.Transactions[0].ID)
	require.Len(t, got.Invalid, len(bad))
	for i, r := range got.Invalid {
		assert.NotEmpty(t, r.Reason)
		assert.Equal(t, bad[i]["Reference"], r.ID)
		assert.NotContains(t, r.Reason, "254700000111")
	}
	assert.Contains(t, got.Invalid[7].Reason, "B2C")

	s.on(pullPath, 200, `["text",null,{"Reference":"x"}]`)
	got, _, err = list(t, client(t, s.URL), day(payment.Deposit))
	require.NoError(t, err)
	assert.Len(t, got.Invalid, 3)
}

func nop(map[string]any) {}

func TestListIsNotCompleteWhenTheServerTurnsInCircles(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.on(pullPath, 200, body(numbered(100))) // whatever the offset
	got, reach, err := list(t, client(t, s.URL), day(payment.Deposit))
	require.NoError(t, err)
	assert.Len(t, got.Transactions, 100)
	assert.False(t, reach.Complete)
	assert.NotEmpty(t, reach.Why)
}

func TestListAnswersThatAreNoList(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	c := client(t, s.URL)
	for name, a := range map[string]struct {
		status int
		body   string
		want   string
	}{
		"an outage":           {503, ``, "503"},
		"a wrong path":        {404, `<html>`, "list_path"},
		"a redirect":          {301, ``, "slash"},
		"an error under 200":  {200, `{"code":"400.001"}`, "400.001"},
		"an error page":       {200, `<html>`, "can't be read"},
		"half a list":         {200, `[{"Reference":"x"`, "can't be read"},
		"an object":           {200, `{"code":"200.001"}`, "can't be read"},
		"a list that is none": {200, `{"data":{"a":1}}`, "can't be read"},
	} {
		s.on(pullPath, a.status, a.body)
		_, reach, err := list(t, c, day(payment.Deposit))
		require.Error(t, err, name)
		assert.Contains(t, err.Error(), a.want, name)
		assert.Equal(t, provider.Reach{}, reach, name)
	}
	s.on(pullPath, 404, `{"code":"404.000"}`)
	_, reach, err := list(t, c, day(payment.Deposit))
	require.NoError(t, err)
	assert.False(t, reach.Complete, "404.000 doesn't prove that there is nothing")

	s.on(pullPath, 200, `{"code":"200.001","data":[]}`)
	_, reach, err = list(t, c, day(payment.Deposit))
	require.NoError(t, err)
	assert.True(t, reach.Complete)
}

func TestListEndsWhereTheServerHasNothingMore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rows     int
		status   int
		body     string
		complete bool
		fails    bool
	}{
		"404.000 behind a full page":           {100, 404, `{"code":"404.000"}`, true, false},
		"404.000 behind a short page":          {7, 404, `{"code":"404.000"}`, true, false},
		"an offset refused behind a short one": {7, 400, `{"code":"400.001"}`, true, false},
		"an offset refused behind a full one":  {100, 400, `{"code":"400.001"}`, false, true},
		"an outage":                            {7, 503, ``, false, true},
	} {
		s := newStub(t)
		s.onFunc(pullPath, func(q seen) (int, string) {
			if q.Body["OffsetValue"].(float64) > 0 {
				return c.status, c.body
			}
			return 200, body(numbered(c.rows))
		})
		got, reach, err := list(t, client(t, s.URL), day(payment.Deposit))
		assert.Equal(t, c.fails, err != nil, name)
		assert.Equal(t, c.complete, reach.Complete, name)
		assert.Len(t, got.Transactions, c.rows, name)
	}
}

func TestListAsksOnlyForThePast(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.on(pullPath, 200, `[]`)
	c := client(t, s.URL)
	q := day(payment.Deposit)
	q.Now = from.Add(2 * time.Hour)
	_, _, err := list(t, c, q)
	require.NoError(t, err)
	assert.Equal(t, "2025-11-03 02:00:01", s.asked(pullPath)[0].Body["EndDate"], "8: no further than now, in any zone")

	q.Now = from.Add(-time.Hour)
	_, reach, err := list(t, c, q)
	require.NoError(t, err)
	assert.True(t, reach.Complete)
	assert.Len(t, s.asked(pullPath), 1, "a range of the future holds nothing")
}

func TestListSettings(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.onFunc("/api/v1/pull-transactions/", pages([]map[string]any{row("r", with("Amount", "1250"))}, 100))
	q := day(payment.Deposit)
	q.Currencies = []string{"UGX"}
	got, _, err := list(t, client(t, s.URL, option("list_path", "/api/v1/pull-transactions/"), option("generation", "B")), q)
	require.NoError(t, err)
	assert.Equal(t, "UGX", got.Transactions[0].Amount.Currency)
	assert.Empty(t, s.asked("/api/v1/pull-transactions/")[0].Header.Get("X-Region"))

	q.Currencies = []string{"UGX", "KES"}
	got, _, err = list(t, client(t, s.URL, option("list_path", "/api/v1/pull-transactions/"), option("region", "tz")), q)
	require.NoError(t, err)
	assert.Equal(t, "TZS", got.Transactions[0].Amount.Currency, "of several, none is better than the account's")

	_, reach, err := list(t, client(t, s.URL, option("generation", "A")), q)
	require.NoError(t, err)
	assert.False(t, reach.Complete, "generation A has no list")
	assert.NotEmpty(t, reach.Why)

	q.Kind = "loan"
	_, _, err = list(t, client(t, s.URL), q)
	assert.Error(t, err)
}

func TestListEndsWithTheCallersError(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.onFunc(pullPath, pages(numbered(300), 100))
	stop := errors.New("stop")
	_, err := client(t, s.URL).(provider.Lister).List(context.Background(), day(payment.Deposit), func(provider.Page) error { return stop })
	assert.ErrorIs(t, err, stop)
	assert.Len(t, s.asked(pullPath), 1)
}
