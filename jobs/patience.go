package jobs

import (
	"context"
	"sync"
	"time"
)

const (
	// most that a run waits for a provider that is down, all outages together
	mostPatience = 20 * time.Second
	// between two looks whether it is up again
	patienceStep = time.Second
)

// patience bounds how long a run waits for a provider that is down: long enough
// that a short outage leaves no payment unasked, short enough that a dead
// provider costs seconds and not hours.
type patience struct {
	mu    sync.Mutex
	since time.Time // of the present outage; zero: the provider is up
	spent time.Duration
}

// wait waits a little and tells whether it makes sense to ask again.
func (p *patience) wait(ctx context.Context) bool {
	p.mu.Lock()
	if p.since.IsZero() {
		p.since = time.Now()
	}
	over := p.spent+time.Since(p.since) > mostPatience
	p.mu.Unlock()
	if over {
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

// up ends the present outage.
func (p *patience) up() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.since.IsZero() {
		p.spent += time.Since(p.since)
		p.since = time.Time{}
	}
}

// exhausted tells that the provider stayed down.
func (p *patience) exhausted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	spent := p.spent
	if !p.since.IsZero() {
		spent += time.Since(p.since)
	}
	return spent > mostPatience
}
