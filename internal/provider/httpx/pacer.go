package httpx

import (
	"context"
	"sync"
	"time"
)

// Three figures keep a server from counting more requests in a second than it
// allows. Slots lie evenly over a second and slack, and a request may go out
// only when the one that is as many sendings back as the limit has been at the
// server for that long. It left when its last byte was written, however long it
// lay here after its turn. When it came there nobody tells; at worst what its
// answer took longer than the quickest one was lost on the way there: its
// drift, of which at most mostDrift is believed, as answers may be slow by
// themselves.
const (
	slack     = 20 * time.Millisecond
	mostDrift = 100 * time.Millisecond
	// A sender that comes late by less than this catches up; otherwise the time
	// counts as idle and is lost, so that nothing is ever sent in a burst.
	catchUp = 100 * time.Millisecond
)

// sending is one request at the rate limit.
type sending struct {
	at    time.Time // its turn, later the moment when it was written
	drift time.Duration
}

// pacer gives all workers of a provider their turns.
type pacer struct {
	baton chan struct{} // held by the one worker whose turn is next
	gap   time.Duration // between two slots; 0: no limit

	mu       sync.Mutex
	next     time.Time  // the next slot
	until    time.Time  // the server asked for silence
	sent     []*sending // ring of the last ones, as many as the limit
	at       int
	quickest time.Duration // answer so far
}

func newPacer(rate int) *pacer {
	p := &pacer{baton: make(chan struct{}, 1)}
	if rate > 0 {
		p.gap = (time.Second + slack) / time.Duration(rate)
		p.sent = make([]*sending, rate)
	}
	return p
}

// turn waits for the caller's turn to send; it ends early with the context. Of
// what it returns answered must be told, if an answer comes.
func (p *pacer) turn(ctx context.Context) (*sending, error) {
	if p.gap == 0 {
		return &sending{at: time.Now()}, sleep(ctx, p.due(time.Now()))
	}
	select {
	case p.baton <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-p.baton }()
	// Twice at most in practice: hold may move the slot while we sleep.
	for {
		wait := p.due(time.Now())
		if err := sleep(ctx, wait); err != nil {
			return nil, err
		}
		if wait <= 0 {
			return p.take(time.Now()), nil
		}
	}
}

// written notes that a sending has left.
func (p *pacer) written(s *sending) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.at = time.Now()
}

// answered notes that the answer to a sending has come.
func (p *pacer) answered(s *sending) {
	p.mu.Lock()
	defer p.mu.Unlock()
	took := time.Since(s.at)
	if p.quickest == 0 || took < p.quickest {
		p.quickest = took
	}
	s.drift = min(took-p.quickest, mostDrift)
}

// due tells how long it is to the next slot.
func (p *pacer) due(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.until
	if p.gap > 0 {
		if p.next.After(at) {
			at = p.next
		}
		if oldest := p.sent[p.at]; oldest != nil {
			if free := oldest.at.Add(time.Second + slack + oldest.drift); free.After(at) {
				at = free
			}
		}
	}
	return at.Sub(now)
}

func (p *pacer) take(now time.Time) *sending {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &sending{at: now, drift: mostDrift}
	p.sent[p.at] = s
	p.at = (p.at + 1) % len(p.sent)
	if now.Sub(p.next) > catchUp {
		p.next = now
	}
	p.next = p.next.Add(p.gap)
	return s
}

// hold keeps everybody silent for d, because the server asked for it.
func (p *pacer) hold(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := time.Now().Add(d); until.After(p.until) {
		p.until = until
	}
}
