package httpx

import (
	"context"
	"sync"
	"time"
)

// Two figures keep a server from counting more requests in a second than it
// allows: slots lie evenly over a second and slack, and no window of that
// length holds more sendings than the limit, as they really happened. The slack
// is what requests may drift together on their way; it costs 3.8% of the rate.
const (
	slack = 40 * time.Millisecond
	// A sender that comes late by less than this catches up; otherwise the time
	// counts as idle and is lost, so that nothing is ever sent in a burst.
	catchUp = 100 * time.Millisecond
)

// pacer gives all workers of a provider their turns.
type pacer struct {
	baton chan struct{} // held by the one worker whose turn is next
	gap   time.Duration // between two slots; 0: no limit

	mu    sync.Mutex
	next  time.Time   // the next slot
	until time.Time   // the server asked for silence
	sent  []time.Time // ring of the last sendings, as many as the limit
	at    int
}

func newPacer(rate int) *pacer {
	p := &pacer{baton: make(chan struct{}, 1)}
	if rate > 0 {
		p.gap = (time.Second + slack) / time.Duration(rate)
		p.sent = make([]time.Time, rate)
	}
	return p
}

// turn waits for the caller's turn to send; it ends early with the context.
func (p *pacer) turn(ctx context.Context) error {
	if p.gap == 0 {
		return sleep(ctx, p.due(time.Now()))
	}
	select {
	case p.baton <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-p.baton }()
	// Twice at most in practice: hold may move the slot while we sleep.
	for {
		wait := p.due(time.Now())
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		if wait <= 0 {
			break
		}
	}
	p.take(time.Now())
	return nil
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
		if oldest := p.sent[p.at]; !oldest.IsZero() && oldest.Add(time.Second+slack).After(at) {
			at = oldest.Add(time.Second + slack)
		}
	}
	return at.Sub(now)
}

func (p *pacer) take(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent[p.at] = now
	p.at = (p.at + 1) % len(p.sent)
	if now.Sub(p.next) > catchUp {
		p.next = now
	}
	p.next = p.next.Add(p.gap)
}

// hold keeps everybody silent for d, because the server asked for it.
func (p *pacer) hold(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := time.Now().Add(d); until.After(p.until) {
		p.until = until
	}
}
