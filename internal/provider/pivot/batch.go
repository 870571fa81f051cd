package pivot

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
)

const (
	// batchKeep is how long what a batch's pages showed is taken as current: the
	// payouts of a batch of 1,000 need not be asked for one by one.
	batchKeep = 5 * time.Minute
	// batchesKept bounds the memory of batches; what goes beyond costs calls.
	batchesKept = 1000
)

// batchPages is what one page of a batch shows.
type batchPages struct {
	status string
	items  []json.RawMessage
	last   bool
}

// batchMemo is what was read of one batch so far.
type batchMemo struct {
	turn   chan struct{} // held by the one that reads a page
	until  time.Time
	page   int // the last that was read
	ended  bool
	status string
	items  map[string]json.RawMessage // by reference; nil where two differ
}

// batchCache remembers batches for a moment.
type batchCache struct {
	now func() time.Time

	mu    sync.Mutex
	memos map[string]*batchMemo
}

// memo gives the batch's, a new one where there is none that is current.
func (b *batchCache) memo(id string) *batchMemo {
	id = strings.ToLower(id)
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	if m := b.memos[id]; m != nil && now.Before(m.until) {
		return m
	}
	if b.memos == nil || len(b.memos) >= batchesKept {
		b.memos = map[string]*batchMemo{}
	}
	m := &batchMemo{turn: make(chan struct{}, 1), until: now.Add(batchKeep), items: map[string]json.RawMessage{}}
	b.memos[id] = m
	return m
}

// item gives an item out of the pages of its batch, or nil where it has to be
// asked for alone. Each question that the pages read so far don't answer reads
// one more, so that one payout of 1,000 costs two calls, and all of them few
// more than the batch has pages.
func (b *batchCache) item(ctx context.Context, id, ref string, read func(ctx context.Context, id string, page int) (batchPages, *failure)) (json.RawMessage, string) {
	m := b.memo(id)
	select {
	case m.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ""
	}
	defer func() { <-m.turn }()
	if m.items[ref] == nil && !m.ended {
		m.next(ctx, id, read)
	}
	raw := m.items[ref]
	delete(m.items, ref) // who asks for it again wants to know it anew
	return raw, m.status
}

// next reads the next page. Pages only save calls: one that can't be had ends
// the reading, and the items are asked for alone.
func (m *batchMemo) next(ctx context.Context, id string, read func(ctx context.Context, id string, page int) (batchPages, *failure)) {
	p, f := read(ctx, id, m.page+1)
	if f != nil {
		m.ended = true
		return
	}
	m.page++
	m.ended, m.status = p.last, p.status
	for _, raw := range p.items {
		ref := referenceOf(raw)
		if known, twice := m.items[ref]; twice && !bytes.Equal(known, raw) {
			raw = nil
		}
		m.items[ref] = raw
	}
}

// batchPage reads one page of a batch.
func (c *client) batchPage(ctx context.Context, id string, page int) (batchPages, *failure) {
	e, f := c.read(ctx, httpx.Request{
		Path: "/v1/payouts/" + url.PathEscape(id), Shared: true,
		Query: url.Values{"page": {strconv.Itoa(page)}, "perPage": {strconv.Itoa(c.perPage)}},
	})
	if f != nil {
		return batchPages{}, f
	}
	b, f := c.readBatch(e.Data)
	switch {
	case f != nil:
		return batchPages{}, f
	case !strings.EqualFold(b.UUID, id):
		return batchPages{}, invalid("asked for batch %s, the answer is about %s", id, slug(b.UUID))
	}
	last := len(b.items) < c.perPage
	if e.Pagination != nil {
		last = page >= e.Pagination.TotalPages
	}
	return batchPages{status: b.Status, items: b.items, last: last || len(b.items) == 0}, nil
}

// batchStatus gets the status of a whole batch.
func (c *client) batchStatus(ctx context.Context, id string) (string, *failure) {
	m := c.batches.memo(id)
	select {
	case m.turn <- struct{}{}:
	case <-ctx.Done():
		return "", noAnswer("the run was stopped before Pivot answered")
	}
	defer func() { <-m.turn }()
	if m.status != "" {
		return m.status, nil
	}
	e, f := c.read(ctx, httpx.Request{Path: "/v1/payouts/" + url.PathEscape(id), Query: url.Values{"page": {"1"}, "perPage": {"1"}}})
	if f != nil {
		if f.verdict == provider.Unknown {
			f = noAnswer("Pivot shows an item of the batch, but not the batch")
		}
		return "", f
	}
	var b batchDTO
	if f := decode(e.Data, &b); f != nil {
		return "", f
	}
	if b.UUID != "" && !strings.EqualFold(b.UUID, id) {
		return "", invalid("asked for batch %s, the answer is about %s", id, slug(b.UUID))
	}
	m.status = b.Status
	return b.Status, nil
}
