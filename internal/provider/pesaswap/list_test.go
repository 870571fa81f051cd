package pesaswap

import (
	"errors"
	"fmt"
	"net/http"
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
	day1 = time.Date(2026, 8, 13, 21, 0, 0, 0, time.UTC)
	day2 = day1.Add(24 * time.Hour)
)

func rangeOf(kind payment.Kind) provider.ListQuery {
	return provider.ListQuery{Kind: kind, From: day1, To: day2, Now: now}
}

func payoutRow(id string, at time.Time) string {
	return fmt.Sprintf(`{"payout_id": %q, "status": "success", "amount": 100, "currency": "KES", "created": %q}`, id, at.Format(timeFormat))
}

func data(rows ...string) string { return `{"data": [` + strings.Join(rows, ",") + `]}` }

// lister serves pages by cursor and remembers the queries.
type lister struct {
	pages   map[string]string // by ending_before
	queries []url.Values
}

func (l *lister) client(t *testing.T) *client {
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		l.queries = append(l.queries, q)
		send(w, 200, l.pages[q.Get("ending_before")])
	})
}

// list collects what the client lists.
func list(t *testing.T, c *client, q provider.ListQuery) (ids []string, invalid []provider.InvalidRow, reach provider.Reach, err error) {
	t.Helper()
	reach, err = c.List(t.Context(), q, func(p provider.Page) error {
		for _, tx := range p.Transactions {
			ids = append(ids, tx.ID)
		}
		invalid = append(invalid, p.Invalid...)
		return nil
	})
	return ids, invalid, reach, err
}

// Bound and cursor on one side exclude each other, cursors are
// inclusive, and only a page without a new row is the end.
func TestPayoutsAreWalkedByCursor(t *testing.T) {
	t.Parallel()
	l := &lister{pages: map[string]string{
		"":  data(payoutRow("d", day2.Add(-time.Hour)), payoutRow("c", day2.Add(-2*time.Hour))),
		"c": data(payoutRow("c", day2.Add(-2*time.Hour)), payoutRow("b", day1.Add(time.Hour)), payoutRow("a", day1)),
		"a": data(payoutRow("a", day1)),
	}}
	ids, invalid, reach, err := list(t, l.client(t), rangeOf(payment.Payout))
	require.NoError(t, err)
	assert.Equal(t, []string{"d", "c", "b", "a"}, ids)
	assert.Empty(t, invalid)
	assert.Equal(t, provider.Reach{Complete: true}, reach)
	require.Len(t, l.queries, 3)
	assert.Equal(t, url.Values{"limit": {"100"}, "start_time": {"2026-08-13T21:00:00.000Z"}, "end_time": {"2026-08-14T21:00:00.000Z"}}, l.queries[0])
	assert.Equal(t, url.Values{"limit": {"100"}, "start_time": {"2026-08-13T21:00:00.000Z"}, "ending_before": {"c"}}, l.queries[1])
}

// The names have dots, not the underscores of the API description.
func TestDepositsAreWalkedWithTheirOwnNames(t *testing.T) {
	t.Parallel()
	row := with(t, sample(t, "payment.json"), map[string]string{"amount_received": "null"})
	l := &lister{pages: map[string]string{"": data(row), payID: data(row)}}
	c := l.client(t)
	var got []payment.Transaction
	_, err := c.List(t.Context(), rangeOf(payment.Deposit), func(p provider.Page) error {
		got = append(got, p.Transactions...)
		return nil
	})
	require.NoError(t, err)
	require.Len(t, got, 1)
	assert.True(t, got[0].Partial)
	assert.Equal(t, url.Values{"limit": {"100"}, "created.gte": {"2026-08-13T21:00:00.000Z"}, "created.lte": {"2026-08-14T21:00:00.000Z"}}, l.queries[0])
	assert.Equal(t, url.Values{"limit": {"100"}, "created.gte": {"2026-08-13T21:00:00.000Z"}, "ending_before": {payID}}, l.queries[1])
}

func TestRowsAtTheEndOfTheRangeBelongToTheNext(t *testing.T) {
	t.Parallel()
	rows := data(payoutRow("next", day2), payoutRow("last", day2.Add(-time.Millisecond)), payoutRow("first", day1))
	l := &lister{pages: map[string]string{"": rows, "first": data(payoutRow("first", day1))}}
	ids, _, _, err := list(t, l.client(t), rangeOf(payment.Payout))
	require.NoError(t, err)
	assert.Equal(t, []string{"last", "first"}, ids)
}

// A range that the server could not read fails open.
func TestAnIgnoredRangeIsAnError(t *testing.T) {
	t.Parallel()
	for name, pages := range map[string]map[string]string{
		"newer on page 1":     {"": data(payoutRow("x", day2.Add(time.Hour)))},
		"older on page 1":     {"": data(payoutRow("x", day1.Add(-time.Hour)))},
		"newer than a cursor": {"": data(payoutRow("c", day1.Add(time.Hour))), "c": data(payoutRow("d", day1.Add(2*time.Hour)))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ids, _, reach, err := list(t, (&lister{pages: pages}).client(t), rangeOf(payment.Payout))
			require.ErrorContains(t, err, "outside the range")
			assert.False(t, reach.Complete)
			assert.NotContains(t, ids, "x")
			assert.NotContains(t, ids, "d")
		})
	}
}

func TestAWalkThatCannotGoOnIsAnError(t *testing.T) {
	t.Parallel()
	var same []string
	for i := range pageLimit {
		same = append(same, payoutRow(fmt.Sprintf("p%03d", i), day1))
	}
	l := &lister{pages: map[string]string{"": data(same...), "p099": data(same...)}}
	_, _, _, err := list(t, l.client(t), rangeOf(payment.Payout))
	require.ErrorContains(t, err, "same time")
}

func TestBadRowsAreReportedAndLoseNothing(t *testing.T) {
	t.Parallel()
	l := &lister{pages: map[string]string{
		"":  data(payoutRow("good", day2.Add(-time.Hour)), `{"payout_id": "odd", "status": "melted", "amount": 1, "currency": "KES", "merchant_order_reference_id": "WD-9", "created": "2026-08-14T09:00:00.000Z"}`, payoutRow("a", day1)),
		"a": data(payoutRow("a", day1)),
	}}
	ids, invalid, reach, err := list(t, l.client(t), rangeOf(payment.Payout))
	require.NoError(t, err)
	assert.Equal(t, []string{"good", "a"}, ids)
	require.Len(t, invalid, 1)
	assert.Equal(t, "odd", invalid[0].ID)
	assert.Equal(t, "WD-9", invalid[0].Reference)
	assert.Contains(t, invalid[0].Reason, "melted")
	assert.True(t, reach.Complete, "the bad row is known by its id")
}

func TestARowThatCannotBeNamedOrPlacedLeavesTheListIncomplete(t *testing.T) {
	t.Parallel()
	for _, row := range []string{`5`, `{"status": "success"}`, `{"payout_id": "q", "status": "success", "amount": 1, "currency": "KES", "created": null}`} {
		l := &lister{pages: map[string]string{"": data(row, payoutRow("a", day1)), "a": data(payoutRow("a", day1))}}
		ids, invalid, reach, err := list(t, l.client(t), rangeOf(payment.Payout))
		require.NoError(t, err)
		assert.Equal(t, []string{"a"}, ids)
		assert.Len(t, invalid, 1)
		assert.False(t, reach.Complete)
		assert.NotEmpty(t, reach.Why)
	}
	_, _, _, err := list(t, (&lister{pages: map[string]string{"": data(`5`)}}).client(t), rangeOf(payment.Payout))
	require.ErrorContains(t, err, "can't go on")
}

func TestARangeIntoThePresentIsBegunAgain(t *testing.T) {
	t.Parallel()
	requests := 0
	at := func(minutes int) time.Time { return now.Add(-time.Duration(minutes) * time.Minute) }
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		requests++
		top := []string{payoutRow("b", at(5)), payoutRow("a", at(6))}
		if requests > 2 { // created while the walk went on
			top = append([]string{payoutRow("new", at(1))}, top...)
		}
		if r.URL.Query().Has("ending_before") {
			top = []string{payoutRow("a", at(6))}
		}
		send(w, 200, data(top...))
	})
	q := provider.ListQuery{Kind: payment.Payout, From: now.Add(-time.Hour), To: now.Add(time.Hour), Now: now}
	ids, _, reach, err := list(t, c, q)
	require.NoError(t, err)
	assert.Contains(t, ids, "new")
	assert.True(t, reach.Complete)
	assert.Equal(t, 3, requests)
}

func TestRowsOfOtherProfilesAreLeftOut(t *testing.T) {
	t.Parallel()
	mine := strings.Replace(payoutRow("mine", day1), "{", `{"profile_id": "pro_1",`, 1)
	theirs := strings.Replace(payoutRow("theirs", day1.Add(time.Hour)), "{", `{"profile_id": "pro_2",`, 1)
	l := &lister{pages: map[string]string{"": data(theirs, mine), "mine": data(mine)}}
	c := l.client(t)
	c.profile = "pro_1"
	ids, _, _, err := list(t, c, rangeOf(payment.Payout))
	require.NoError(t, err)
	assert.Equal(t, []string{"mine"}, ids)
}

func TestAConflictedRowIsRetrievedForItsFigure(t *testing.T) {
	t.Parallel()
	row := with(t, sample(t, "payment.json"), map[string]string{"status": `"conflicted"`, "amount_received": "null"})
	for name, tc := range map[string]struct {
		status          int
		retrieved       string
		settled         bool
		invalid, listed int
	}{
		"with a figure":    {200, with(t, row, map[string]string{"amount_received": "9000"}), true, 0, 1},
		"without a figure": {200, row, false, 1, 0},
		"no answer":        {503, "", false, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if lastPart(r.URL.Path) == payID {
					send(w, tc.status, tc.retrieved)
					return
				}
				send(w, 200, data(row))
			})
			var got []payment.Transaction
			var invalid []provider.InvalidRow
			_, err := c.List(t.Context(), rangeOf(payment.Deposit), func(p provider.Page) error {
				got, invalid = append(got, p.Transactions...), append(invalid, p.Invalid...)
				return nil
			})
			require.NoError(t, err)
			require.Len(t, got, tc.listed)
			assert.Len(t, invalid, tc.invalid)
			if tc.settled {
				assert.Equal(t, kes(9000), got[0].Moved())
			} else if tc.listed == 1 {
				assert.True(t, got[0].Partial, "to be asked again")
			}
		})
	}
}

func TestListErrorsSayWhatHappened(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		body   string
		want   string
	}{
		"lists switched off": {404, envelope("IR_02", "m"), "IR_02"},
		"wrong key":          {401, envelope("IR_01", "m"), "api_key"},
		"down":               {503, "", "503"},
		"refused query":      {400, "Query deserialize error: unknown field", "400"},
		"half a body":        {200, `{"data": [`, "not JSON"},
		"no data":            {200, `{"size": 0}`, "data is missing"},
		"data of no list":    {200, `{"data": {}}`, "not a list"},
		"an error under 200": {200, envelope("HE_03", "m"), "HE_03"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, reach, err := list(t, serve(t, reply(tc.status, tc.body)), rangeOf(payment.Payout))
			require.ErrorContains(t, err, tc.want)
			assert.False(t, reach.Complete)
		})
	}
}

func TestTheCallersErrorEndsTheList(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	l := &lister{pages: map[string]string{"": data(payoutRow("a", day1))}}
	_, err := l.client(t).List(t.Context(), rangeOf(payment.Payout), func(provider.Page) error { return full })
	require.ErrorIs(t, err, full)
	assert.Len(t, l.queries, 1)
}

func TestAnEmptyRangeIsComplete(t *testing.T) {
	t.Parallel()
	ids, _, reach, err := list(t, serve(t, reply(200, data())), rangeOf(payment.Deposit))
	require.NoError(t, err)
	assert.Empty(t, ids)
	assert.True(t, reach.Complete)
}
