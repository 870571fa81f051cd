package pesaswap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/jsonkeys"
)

const (
	pageLimit = 100 // the most that these lists allow
	// printed is what times lose in the answers: the server compares with
	// microseconds and shows milliseconds, cut.
	printed = time.Millisecond
	// settling is how far the end of a range must lie in the past for no row
	// to appear while it is walked.
	settling = time.Minute

	timeFormat = "2006-01-02T15:04:05.000Z"
)

// List walks from the newest row to the oldest. Rows that appear during the
// walk come before its first page, so a range that reaches into the present is
// begun a second time.
func (c *client) List(ctx context.Context, q provider.ListQuery, page func(provider.Page) error) (provider.Reach, error) {
	if !q.Kind.Valid() {
		return provider.Reach{}, fmt.Errorf("pesaswap: list: kind %q is not known", q.Kind)
	}
	w := &walk{client: c, q: q, page: page}
	if err := w.run(ctx, nil); err != nil {
		return provider.Reach{}, fmt.Errorf("pesaswap: list %ss: %w", q.Kind, err)
	}
	if !q.To.Before(c.now().Add(-settling)) {
		if err := w.run(ctx, w.top); err != nil {
			return provider.Reach{}, fmt.Errorf("pesaswap: list %ss again for new ones: %w", q.Kind, err)
		}
	}
	if w.nameless > 0 {
		return provider.Reach{Why: fmt.Sprintf("%d rows of PesaSwap's list have no readable id or time, they could be any payment", w.nameless)}, nil
	}
	return provider.Reach{Complete: true}, nil
}

// walk is the state of one List.
type walk struct {
	client   *client
	q        provider.ListQuery
	page     func(provider.Page) error
	top      map[string]bool // ids of the newest page
	nameless int             // rows that can't be named or placed
}

// cursor is the row at which a page ends.
type cursor struct {
	id      string
	created time.Time
}

// run walks until a page brings nothing new, or reaches a row of known.
func (w *walk) run(ctx context.Context, known map[string]bool) error {
	var before cursor
	previous := map[string]bool{}
	for first := true; ; first = false {
		if err := ctx.Err(); err != nil {
			return err
		}
		rows, err := w.fetch(ctx, before)
		if err != nil {
			return err
		}
		ids, next, err := w.hand(ctx, rows, before, previous)
		if err != nil {
			return err
		}
		fresh, met := 0, false
		for id := range ids {
			met = met || known[id]
			if !previous[id] {
				fresh++
			}
		}
		if first && w.top == nil {
			w.top = ids
		}
		if fresh == 0 && len(rows) >= pageLimit {
			return fmt.Errorf("%d rows or more carry the same time, the walk can't pass them", pageLimit)
		}
		if fresh == 0 || met {
			return nil
		}
		before, previous = next, ids
	}
}

func (w *walk) fetch(ctx context.Context, before cursor) ([]json.RawMessage, error) {
	path, from, to := "/payouts/list", "start_time", "end_time"
	if w.q.Kind == payment.Deposit {
		path, from, to = "/payments/list", "created.gte", "created.lte"
	}
	query := url.Values{
		"limit": {strconv.Itoa(pageLimit)},
		from:    {w.q.From.UTC().Format(timeFormat)},
	}
	// The names are the wrong way round: ending_before goes on to older rows,
	// and is ignored beside an upper bound.
	if before.id != "" {
		query.Set("ending_before", before.id)
	} else {
		query.Set(to, w.q.To.UTC().Add(printed-1).Format(timeFormat))
	}
	resp, err := w.client.get(ctx, path, query)
	if err != nil {
		return nil, err
	}
	return readRows(resp)
}

// hand gives the new rows of a page on and returns the ids of all its rows.
func (w *walk) hand(ctx context.Context, rows []json.RawMessage, before cursor, previous map[string]bool) (map[string]bool, cursor, error) {
	ids := map[string]bool{}
	var next cursor
	var out provider.Page
	for _, raw := range rows {
		o, err := readObject(raw)
		if err != nil {
			w.nameless++
			out.Invalid = append(out.Invalid, provider.InvalidRow{Reason: "the row is not a JSON object"})
			continue
		}
		id, created, err := w.place(o, before)
		if err != nil {
			return nil, next, err
		}
		if id != "" && !created.IsZero() {
			next = cursor{id, created}
		}
		if id != "" {
			ids[id] = true
			if previous[id] {
				continue
			}
		}
		w.row(ctx, o, jsonkeys.Twice(raw), created, &out)
	}
	if len(rows) > 0 && next.id == "" {
		return nil, next, errors.New("no row of a page has an id and a time, the walk can't go on")
	}
	if len(out.Transactions) == 0 && len(out.Invalid) == 0 {
		return ids, next, nil
	}
	return ids, next, w.page(out)
}

// place reads where a row stands. The server drops a range that it can't read
// without a word and shows its newest rows of all time: a row outside the range
// means that the page is not what was asked for.
func (w *walk) place(o object, before cursor) (string, time.Time, error) {
	id, created := o.text("payment_id"), o.when("created")
	if w.q.Kind == payment.Payout {
		id = o.text("payout_id")
	}
	if !askable(id) {
		id = ""
	}
	if created.IsZero() {
		return id, created, nil
	}
	newest := w.q.To
	if before.id != "" {
		newest = before.created
	}
	if created.Before(w.q.From.Add(-printed)) || created.After(newest.Add(printed)) {
		return id, created, fmt.Errorf("the answer shows a row of %s, outside the range that was asked for", created.Format(time.RFC3339))
	}
	return id, created, nil
}

// row reads one row into the page that is handed on. twice is a member that
// stands twice in it.
func (w *walk) row(ctx context.Context, o object, twice string, created time.Time, out *provider.Page) {
	if !created.IsZero() && (created.Before(w.q.From) || !created.Before(w.q.To)) {
		return
	}
	c := w.client
	if p := o.text("profile_id"); c.profile != "" && p != "" && p != c.profile {
		return
	}
	r, err := c.decode.object(w.q.Kind, o, true, "")
	if err == nil && twice != "" {
		err = standsTwice(twice)
	}
	if err == nil && created.IsZero() {
		err = flawed("created is missing or not a time")
	}
	if err == nil && r.word == wordConflicted {
		err = w.figuresOf(ctx, &r)
	}
	if err == nil {
		out.Transactions = append(out.Transactions, r.tx)
		return
	}
	id := firstOf(r.tx.ID, o.text("payment_id"), o.text("payout_id"))
	if id == "" || created.IsZero() {
		w.nameless++
	}
	if askable(id) {
		c.unread.add(w.q.Kind, id, o.text("merchant_order_reference_id"))
	}
	out.Invalid = append(out.Invalid, provider.InvalidRow{
		ID: id, Reference: o.text("merchant_order_reference_id"), Reason: err.Error(),
	})
}

// figuresOf retrieves a conflicted payment: the list hides the figure that
// differs, and without it the row would pass for one that is merely pending.
func (w *walk) figuresOf(ctx context.Context, r *record) error {
	full, a := w.client.retrieve(ctx, provider.Query{Kind: r.tx.Kind, Amount: r.tx.Amount}, r.tx.ID)
	switch a.Verdict {
	case provider.Found:
		*r = full
	case provider.Invalid:
		return flawed("%s", a.Reason)
	}
	return nil
}
