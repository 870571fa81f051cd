package httpx

import (
	"sync"
	"time"
)

// A row of failures shorter than failures may also open the breaker when it
// lasts this long: at low concurrency time-outs come one by one, and a provider
// that hangs must not cost a time-out a payment.
const longRow = 20 * time.Second

// breaker keeps workers from waiting for a provider that is down. It opens
// after a row of attempts without an answer, of several calls, so that one
// payment at which the provider stumbles never stops the others; then one call
// at a time may try whether the provider is back.
type breaker struct {
	failures int           // in a row
	delay    time.Duration // from opening to the next try
	now      func() time.Time

	mu      sync.Mutex
	row     int
	began   time.Time
	calls   map[*target]struct{} // of the row
	retryAt time.Time            // zero: closed
	trying  bool                 // one call is out to try
}

func newBreaker(failures int, delay time.Duration) *breaker {
	return &breaker{failures: failures, delay: delay, now: time.Now, calls: map[*target]struct{}{}}
}

// closedToAll tells whether nobody gets through at the moment.
func (b *breaker) closedToAll() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.retryAt.IsZero() && (b.trying || b.now().Before(b.retryAt))
}

// enter tells whether an attempt may go out, and whether it is the one that
// tries if the provider is back; each that may must be followed by one of the
// three below.
func (b *breaker) enter() (try, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.retryAt.IsZero() {
		return false, true
	}
	if b.trying || b.now().Before(b.retryAt) {
		return false, false
	}
	b.trying = true
	return true, true
}

// answered: the provider is there, whatever it said.
func (b *breaker) answered() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.row, b.trying, b.retryAt = 0, false, time.Time{}
	clear(b.calls)
}

// failed: an attempt of this call, begun at that time, had no answer.
func (b *breaker) failed(call *target, began time.Time, try bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	if !b.retryAt.IsZero() {
		if try { // those still out when it opened don't put the next try off
			b.trying, b.retryAt = false, now.Add(b.delay)
			b.row++
		}
		return
	}
	if b.row == 0 {
		b.began = began
	}
	b.row++
	b.calls[call] = struct{}{}
	many := b.row >= b.failures && len(b.calls) >= min(3, b.failures)
	long := len(b.calls) >= 2 && now.Sub(b.began) >= longRow
	if many || long {
		b.retryAt = now.Add(b.delay)
	}
}

// abandoned: the caller gave up; nothing was learnt.
func (b *breaker) abandoned(try bool) {
	if !try {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trying = false
}

func (b *breaker) silence() (since time.Time, attempts int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.row == 0 {
		return time.Time{}, 0
	}
	return b.began, b.row
}

func (b *breaker) downUntil() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.retryAt
}
