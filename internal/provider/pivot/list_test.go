package pivot

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/payment"
	"tieout/internal/provider"
)

var (
	listFrom = time.Date(2025, 11, 3, 0, 0, 0, 0, time.UTC)
	listTo   = listFrom.AddDate(0, 0, 1)
)

func listed(t *testing.T, c *client, kind payment.Kind) ([]payment.Transaction, []provider.InvalidRow, provider.Reach) {
	t.Helper()
	var txs []payment.Transaction
	var bad []provider.InvalidRow
	reach, err := c.List(t.Context(), provider.ListQuery{Kind: kind, From: listFrom, To: listTo, Now: testNow}, func(p provider.Page) error {
		txs, bad = append(txs, p.Transactions...), append(bad, p.Invalid...)
		return nil
	})
	require.NoError(t, err)
	return txs, bad, reach
}

// row is a session of its own: n makes its id, at its time.
func row(n int, at, status, chargeList, more string) string {
	return sessionJSON(status, chargeList, fmt.Sprintf(`,"id":"%08d-0000-4000-8000-000000000000","clientReferenceId":"R%d","createdAt":%q%s`, n, n, at, more))
}

const inside, before = "2025-11-03T10:00:00Z", "2025-11-02T23:59:59Z"

func TestAListShowsTheRangeAndKeepsBadRowsApart(t *testing.T) {
	t.Parallel()
	own := func(n int, more string) string {
		return charges(chargeJSON(fmt.Sprintf("c%d", n), "SUCCESS", fmt.Sprintf(`,"paymentSessionId":"%08d-0000-4000-8000-000000000000"%s`, n, more)))
	}
	c, _ := stubbed(t, map[string]string{
		"/v2/payments": listOf(1, 2, 9,
			row(1, inside, "PAID", own(1, ""), ""), row(2, before, "PAID", own(2, ""), ""), row(3, "2025-11-04T00:00:00Z", "EXPIRED", "null", ""),
			row(4, inside, "ON_HOLD", "null", ""), row(5, before, "ON_HOLD", "null", "")),
		"/v2/payments?page=2": listOf(2, 2, 9,
			row(1, inside, "PAID", own(1, ""), ""), row(6, inside, "PAID", "null", ""), row(7, inside, "PAID", own(7, ""), `,"amount":{"value":1.001,"currency":"IDR"}`),
			row(8, "2025-11-03T00:00:00Z", "PROCESSING", "null", ""), row(9, inside, "PAID", "[]", `,"metadata":7`)),
	})
	txs, bad, reach := listed(t, c, payment.Deposit)
	assert.True(t, reach.Complete, reach.Why)
	assert.False(t, reach.CompletedOnly)
	refs := map[string]payment.Transaction{}
	for _, x := range txs {
		refs[x.Reference] = x
	}
	assert.Len(t, txs, 3, "13.13: duplicates are dropped")
	assert.Contains(t, refs, "R1")
	assert.Contains(t, refs, "R8")
	assert.True(t, refs["R6"].Partial, "a row that hides its charges proves the status only")
	assert.False(t, refs["R1"].Partial)
	require.Len(t, bad, 3)
	for i, want := range []string{"R4", "R7", "R9"} {
		assert.Equal(t, want, bad[i].Reference)
		assert.NotEmpty(t, bad[i].Reason)
	}
}

func TestAListThatCannotProveItsEndIsNotComplete(t *testing.T) {
	t.Parallel()
	one := row(1, inside, "EXPIRED", "null", "")
	for name, tc := range map[string]struct {
		answers map[string]string
		why     string
	}{
		"the cap":              {map[string]string{"/v2/payments": listOf(1, 3, 3, one), "/v2/payments?page=2": listOf(2, 3, 3, row(2, inside, "EXPIRED", "null", ""))}, "max_pages"},
		"an empty page":        {map[string]string{"/v2/payments": listOf(1, 2, 2, one), "/v2/payments?page=2": listOf(2, 2, 2)}, "only 1 of 2 rows"},
		"an empty page amid":   {map[string]string{"/v2/payments": listOf(1, 3, 3, one), "/v2/payments?page=2": listOf(2, 3, 3)}, "is empty"},
		"a row without an id":  {map[string]string{"/v2/payments": list(one, `{"status":"PAID"}`)}, "without an id"},
		"no charges to be had": {map[string]string{"/v2/payments": list(row(1, inside, "ACTIVE", "null", `,"paymentType":"MULTIPLE"`)), "/v2/charges?clientReferenceId=R1": "503 {}"}, "could not be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := stubbed(t, tc.answers)
			c.maxPages = 2
			_, _, reach := listed(t, c, payment.Deposit)
			assert.False(t, reach.Complete)
			assert.Contains(t, reach.Why, tc.why)
		})
	}
}

func TestRowsThatMoveBetweenPagesAreReadAgain(t *testing.T) {
	t.Parallel()
	one, two, three := row(1, inside, "EXPIRED", "null", ""), row(2, inside, "EXPIRED", "null", ""), row(3, inside, "EXPIRED", "null", "")
	s := &stub{answers: map[string]string{"/v1/refunds": list(), "/v2/payments": listOf(1, 2, 3, one, two), "/v2/payments?page=2": listOf(2, 2, 3, two)}}
	c := connect(t, s, nil)
	var txs []payment.Transaction
	reach, err := c.List(t.Context(), provider.ListQuery{Kind: payment.Deposit, From: listFrom, To: listTo, Now: testNow}, func(p provider.Page) error {
		txs = append(txs, p.Transactions...)
		s.set("/v2/payments?page=2", listOf(2, 2, 3, three)) // from the second reading on
		return nil
	})
	require.NoError(t, err)
	assert.True(t, reach.Complete, reach.Why)
	assert.Len(t, txs, 3)
}

func TestADepositPaidInTheRangeByAnOlderInstrumentIsListed(t *testing.T) {
	t.Parallel()
	multiple := `,"paymentType":"MULTIPLE","id":"` + sessionID + `","clientReferenceId":"DEP1"`
	c, s := stubbed(t, map[string]string{
		"/v2/payments": list(row(1, before, "ACTIVE", "null", multiple), row(2, before, "INACTIVE", "null", `,"paymentType":"MULTIPLE","updatedAt":"2025-11-02T23:59:59Z"`)),
		"/v2/charges?clientReferenceId=DEP1": list(chargeJSON(chargeID, "SUCCESS", `,"createdAt":"2025-11-03T09:00:00Z"`),
			chargeJSON(chargeTwo, "SUCCESS", `,"createdAt":"2025-11-02T09:00:00Z"`)),
	})
	txs, _, reach := listed(t, c, payment.Deposit)
	assert.True(t, reach.Complete)
	require.Len(t, txs, 1)
	assert.Equal(t, chargeID, txs[0].ID)
	assert.Zero(t, s.times("/v2/charges?clientReferenceId=R2"), "closed before the range")
}

func ledgerURI(from, to, accountType string) string {
	q := url.Values{"startDate": {from}, "endDate": {to}}
	if accountType != "" {
		q.Set("accountType", accountType)
	}
	return "/v1/balance-histories?" + q.Encode()
}

func ledgerJSON(id, ref, kind, amount, fee, more string) string {
	if fee != "" {
		fee = `,"fee":{"value":` + fee + `,"currency":"IDR"}`
	}
	return instead(fmt.Sprintf(`{"referenceId":%q,"transactionId":%q,"date":"2025-11-03T10:00:02.301552Z","settlementStatus":"SUCCESS","transactionType":%q,
		"amount":{"value":%s,"currency":"IDR"}%s}`, ref, id, kind, amount, fee), more)
}

func TestFeesComeFromTheLedgerByAnyOfItsNames(t *testing.T) {
	t.Parallel()
	var rows, ledger []string
	for n := range 6 {
		id := fmt.Sprintf("%08d-0000-4000-8000-000000000000", n)
		ch := charges(chargeJSON(fmt.Sprintf("c%d", n), "SUCCESS", `,"paymentSessionId":"`+id+`"`))
		rows = append(rows, row(n, inside, "PAID", ch, ""))
	}
	ledger = append(ledger,
		ledgerJSON("00000000-0000-4000-8000-000000000000", "x", "VA Payment", "150000", "4000", ""),
		ledgerJSON("c1", "y", "Card Payment", "150000", "4100.50", ""),
		ledgerJSON("z", "R2", "QRIS Payment", "150000", "-4200", ""),
		ledgerJSON("z3", "R3", "Payment Fee", "4300", "4300", ""),
		ledgerJSON("z4", "R4", "VA Payment", "150000", "4400", ""), ledgerJSON("z5", "R4", "VA Payment", "150000", "4400", ""))
	c, _ := stubbed(t, map[string]string{
		"/v2/payments": list(rows...),
		ledgerURI("2025-11-02T00:00:00Z", "2025-11-04T06:00:00Z", ""): list(ledger...),
	})
	txs, _, _ := listed(t, c, payment.Deposit)
	fees := map[string]string{}
	for _, x := range txs {
		fees[x.Reference] = "unknown"
		if x.Fee != nil {
			fees[x.Reference] = x.Fee.String()
		}
	}
	assert.Equal(t, map[string]string{"R0": "4000.00", "R1": "4100.50", "R2": "4200.00", "R3": "unknown", "R4": "unknown", "R5": "unknown"}, fees)
}

func TestPayoutsAreListedFromTheLedgerOnceItIsKnownToNameBatches(t *testing.T) {
	t.Parallel()
	const other = "00000000-0000-4000-8000-000000000009"
	answers := map[string]string{
		ledgerURI("2025-11-02T00:00:00Z", "2025-11-04T06:00:00Z", "DISBURSEMENT"): list(
			ledgerJSON(batchID, "WD-1", "Disbursement", "-75000", "4000", ""),
			ledgerJSON(batchID, "WD-1", "Disbursement", "-75000", "4000", ""), // the same row again
			ledgerJSON(other, "WD-2", "Disbursement", "-1000", "", ""), ledgerJSON(other, "WD-2", "Disbursement return", "1000", "", ""),
			ledgerJSON(other, "WD-3", "Disbursement", "-1000", "", `,"date":"2025-11-04T00:00:00Z"`),
			ledgerJSON(other, "WD-4", "Disbursement", "-1000", "", `,"settlementStatus":"PENDING"`),
			ledgerJSON(other, "WD-5", "Disbursement", "-1000", "", `,"settlementStatus":"ODD"`),
			ledgerJSON("no", "WD-6", "Disbursement", "-1000", "", "")),
		ledgerURI("2025-11-02T00:00:00Z", "2025-11-04T06:00:00Z", "BULK_DISBURSEMENT"): list(ledgerJSON(other, "WD-7", "Bulk Disbursement", "2000", "4000", "")),
	}
	c, _ := stubbed(t, answers)
	txs, _, reach := listed(t, c, payment.Payout)
	assert.Empty(t, txs, "an id that status answers don't have would make a second payout of each")
	assert.False(t, reach.Complete)
	assert.Contains(t, reach.Why, "batch")

	answers[itemURI] = itemOfBatch(itemJSON("SUCCESS", ""))
	c, s := stubbed(t, answers)
	txs, bad, reach := listed(t, c, payment.Payout)
	assert.False(t, reach.Complete)
	assert.True(t, reach.CompletedOnly)
	assert.NotEmpty(t, reach.Why)
	require.Len(t, txs, 2)
	assert.Equal(t, batchID+"/WD-1", txs[0].Key())
	assert.Equal(t, idr(75000), txs[0].Amount)
	assert.Equal(t, "4000.00", txs[0].Fee.String())
	assert.True(t, txs[0].Partial)
	assert.Equal(t, other+"/WD-7", txs[1].Key())
	require.Len(t, bad, 2)
	for i, want := range []string{"WD-5", "WD-6"} {
		assert.Equal(t, want, bad[i].Reference)
		assert.Empty(t, bad[i].ID, "a batch's id would blame all its payouts")
	}

	a := c.Status(t.Context(), provider.Query{Kind: payment.Payout, PaymentID: "p", Reference: "WD-1"})
	require.Len(t, a.Transactions, 1, a.Reason)
	assert.Equal(t, batchID+"/WD-1", a.Transactions[0].Key(), "the ledger told the batch: the payout keeps its one name")
	assert.Equal(t, "4000.00", a.Transactions[0].Fee.String())
	assert.Zero(t, s.times(singleURI))
}

func TestTheLedgerIsAskedInSpansThatPivotTakes(t *testing.T) {
	t.Parallel()
	c, s := stubbed(t, nil)
	why, f := c.ledger(t.Context(), testNow.AddDate(0, -8, 0), testNow, testNow, "", func([]ledgerEntry) bool { return true })
	require.Nil(t, f)
	assert.Contains(t, why, "six months")
	s.mu.Lock()
	defer s.mu.Unlock()
	var last time.Time
	for _, uri := range s.asked {
		q, err := url.ParseQuery(strings.TrimPrefix(uri, "/v1/balance-histories?"))
		require.NoError(t, err)
		from, err := time.Parse(time.RFC3339, q.Get("startDate"))
		require.NoError(t, err)
		to, err := time.Parse(time.RFC3339, q.Get("endDate"))
		require.NoError(t, err)
		assert.LessOrEqual(t, to.Sub(from), 31*24*time.Hour)
		assert.True(t, from.After(testNow.AddDate(0, -6, 0)))
		assert.True(t, last.IsZero() || !from.After(last), "no gap")
		last = to
	}
	assert.Equal(t, testNow, last)
}
