package pivot

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
)

func batchItem(n int, status string) string {
	return fmt.Sprintf(`{"referenceId":"WD-%d","amount":{"currency":"IDR","value":"%d"},"status":%q,"created":"2025-11-03T03:00:10Z","updated":"2025-11-03T03:00:11Z"}`,
		n, 1000+n, status)
}

func batchItemsPage(page, pages int, status string, items ...string) string {
	return fmt.Sprintf(`{"code":"00","message":"Success","data":{"uuid":%q,"status":%q,"payouts":[%s]},"pagination":{"page":%d,"perPage":100,"totalItems":250,"totalPages":%d}}`,
		batchID, status, strings.Join(items, ","), page, pages)
}

// largeBatch answers for 250 payouts, as pages and each alone.
func largeBatch() map[string]string {
	answers := map[string]string{}
	var rows [3][]string
	for n := range 250 {
		item := batchItem(n, "SUCCESS")
		rows[n%3] = append(rows[n%3], item) // the order of items is not that of the request
		answers[fmt.Sprintf("/v1/payouts/%s?referenceId=WD-%d", batchID, n)] = itemOfBatch(item)
	}
	for i, r := range rows {
		uri := batchURI
		if i > 0 {
			uri += fmt.Sprintf("?page=%d", i+1)
		}
		answers[uri] = batchItemsPage(i+1, 3, "DONE", r...)
	}
	return answers
}

func ofBatch(n int) provider.Query {
	return provider.Query{Kind: payment.Payout, PaymentID: fmt.Sprintf("our-%d", n), ProviderPaymentID: batchID, Reference: fmt.Sprintf("WD-%d", n)}
}

func TestAllPayoutsOfALargeBatchCostLittleMoreThanItsPages(t *testing.T) {
	t.Parallel()
	c, s := stubbed(t, largeBatch())
	var wg sync.WaitGroup
	for worker := range 16 {
		wg.Go(func() {
			for n := worker; n < 250; n += 16 {
				a := c.Status(t.Context(), ofBatch(n))
				if !assert.Equal(t, provider.Found, a.Verdict, a.Reason) {
					return
				}
				assert.Equal(t, fmt.Sprintf("%s/WD-%d", batchID, n), a.Transactions[0].Key())
				assert.Equal(t, int64(1000+n)*100, a.Transactions[0].Amount.Minor)
				assert.Equal(t, payment.Completed, a.Transactions[0].Status)
			}
		})
	}
	wg.Wait()
	assert.LessOrEqual(t, s.times(batchURI), 6, "3 pages, and one payout alone for each page that did not show it")
}

func TestAPageOfABatchIsNoPaymentsOwnEvidence(t *testing.T) {
	t.Parallel()
	c, _ := stubbed(t, largeBatch())
	var seen []httpx.Exchange
	ctx := httpx.WithRecorder(t.Context(), func(x httpx.Exchange) { seen = append(seen, x) })
	require.Equal(t, provider.Found, c.Status(ctx, ofBatch(0)).Verdict)
	require.Len(t, seen, 1)
	assert.True(t, seen[0].Shared)
	require.Equal(t, provider.Found, c.Status(ctx, ofBatch(0)).Verdict)
	assert.False(t, seen[len(seen)-1].Shared, "who asks again gets an answer of his own")
}

func TestWhatABatchsPagesDoNotTellIsAskedForAlone(t *testing.T) {
	t.Parallel()
	for name, page := range map[string]string{
		"the page is silent":           `503 {"code":"service_unavailable"}`,
		"the page is refused":          `400 {"code":"api_validation_error"}`,
		"the batch is not known":       `404 {"code":"resource_missing"}`,
		"another batch":                strings.ReplaceAll(batchItemsPage(1, 1, "DONE", itemJSON("FAILED", "")), batchID, sessionID),
		"no batch is named":            data(`{"status":"DONE","payouts":[` + itemJSON("FAILED", "") + `]}`),
		"the item is not on it":        batchItemsPage(1, 1, "DONE", batchItem(7, "SUCCESS")),
		"two different items":          batchItemsPage(1, 1, "DONE", itemJSON("FAILED", ""), itemJSON("PENDING", "")),
		"the item can't be read":       batchItemsPage(1, 1, "DONE", `{"referenceId":"WD-1","amount":7}`),
		"an unknown word":              batchItemsPage(1, 1, "DONE", itemJSON("ON_HOLD", "")),
		"an approved item, no status":  batchItemsPage(1, 1, "", itemJSON("APPROVED", "")),
		"items that are no objects":    batchItemsPage(1, 1, "DONE", "null", "7", `"x"`),
		"payouts is missing":           data(`{"uuid":"` + batchID + `","status":"DONE"}`),
		"no JSON":                      `<html>`,
		"an empty page of many":        batchItemsPage(1, 9, "DONE"),
		"null instead of the payouts":  data(`{"uuid":"` + batchID + `","payouts":null}`),
		"a total that makes no sense":  strings.Replace(batchItemsPage(1, 1, "DONE"), `"totalPages":1`, `"totalPages":-3`, 1),
		"a page that names many pages": batchItemsPage(1, 1_000_000, "DONE", batchItem(7, "SUCCESS")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, s := stubbed(t, map[string]string{batchURI: page, itemURI: itemOfBatch(itemJSON("SUCCESS", ""))})
			a := c.Status(t.Context(), payoutByID)
			require.Equal(t, provider.Found, a.Verdict, a.Reason)
			assert.Equal(t, payment.Completed, a.Transactions[0].Status)
			assert.Equal(t, 1, s.times(itemURI))
			assert.LessOrEqual(t, s.times(batchURI), 4)
		})
	}
}

func TestAParkedPayoutOnAPageWaitsForATopUp(t *testing.T) {
	t.Parallel()
	c, s := stubbed(t, map[string]string{batchURI: batchItemsPage(1, 1, "PENDING", batchItem(1, "APPROVED"), batchItem(2, "APPROVED"))})
	for n := 1; n <= 2; n++ {
		a := c.Status(t.Context(), ofBatch(n))
		require.Equal(t, provider.Found, a.Verdict, a.Reason)
		assert.Equal(t, payment.ActionTopUp, a.Transactions[0].NeedsAction)
	}
	assert.Equal(t, 1, s.times(batchURI))
}
