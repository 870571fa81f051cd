package jobs

import (
	"context"
	"sync"
	"time"
)

const (
	// most that a run waits for a provider that gives no answer, all its outages
	// together
	mostPatience = 30 * time.Second
	// between two looks whether it is up again
	patienceStep = time.Second
)

// line is what patience needs to know of an account's HTTP client.
type line interface {
	// Silence is when the present outage began, zero when there is none, and the
	// attempts since.
	Silence() (since time.Time, attempts int)
}

// patience bounds how long a run waits for a provider that is down: long enough
// that a short outage leaves no payment unasked, short enough that a dead
// provider costs seconds and not hours. It is shared by all workers.
type patience struct {
	line line

	mu    sync.Mutex
	spent time.Duration // on outages that are over
	since time.Time     // of the present outage; zero: the provider is up
	last  time.Duration // how long it has taken, at the last look
	tried int           // attempts when it was noticed
}

// wait waits a little and tells whether it makes sense to ask again.
func (p *patience) wait(ctx context.Context) bool {
	if p.exhausted() {
		return false
	}
	t := time.NewTimer(patienceStep)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// exhausted tells that the provider stayed down. An outage that was noticed late
// (in its lists, or at a single question that hung) is over only when the
// provider was asked once more since.
func (p *patience) exhausted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	since, tried := p.line.Silence()
	if !since.Equal(p.since) {
		p.spent += p.last
		p.since, p.last, p.tried = since, 0, tried
	}
	if since.IsZero() {
		return false
	}
	p.last = time.Since(since)
	return p.spent+p.last > mostPatience && tried > p.tried
}
