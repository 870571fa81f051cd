package httpx

import (
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// A row of failures shorter than failures may also open the breaker when it
// lasts this long: at low concurrency time-outs come one by one, and a provider
// that hangs must not cost a time-out a payment.
const longRow = 20 * time.Second

// breaker keeps workers from waiting for a provider that is down. It opens
// after a row of attempts without an answer, of several calls, so that one
// payment at which the provider stumbles never stops the others; then one call
// at a time may try whether the provider is back.
//
// What is an outage is told here, by Open and Close: the circuit can count
// failures, not the calls they belong to, and ignores an answer while open.
type breaker struct {
	failures int // in a row

	mu      sync.Mutex // one step of the row and of the circuit
	circuit circuitbreaker.CircuitBreaker[any]
	row     int
	began   time.Time
	calls   map[*target]struct{} // of the row
}

func newBreaker(failures int, delay time.Duration) *breaker {
	circuit := circuitbreaker.NewBuilder[any]().WithDelay(delay).Build()
	return &breaker{failures: failures, circuit: circuit, calls: map[*target]struct{}{}}
}

// resting tells that the next try is not due yet.
func (b *breaker) resting() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.circuit.RemainingDelay() > 0
}

// enter tells whether an attempt may go out, and whether it is the one that
// tries if the provider is back; each that may must be followed by one of the
// three below.
func (b *breaker) enter() (try, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ok = b.circuit.TryAcquirePermit()
	return ok && b.circuit.IsHalfOpen(), ok
}

// answered: the provider is there, whatever it said.
func (b *breaker) answered() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.row = 0
	clear(b.calls)
	b.circuit.Close()
}

// failed: an attempt of this call, begun at that time, had no answer.
func (b *breaker) failed(call *target, began time.Time, try bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.circuit.IsClosed() {
		if try { // those still out when it opened don't put the next try off
			b.row++
			b.circuit.Open()
		}
		return
	}
	if b.row == 0 {
		b.began = began
	}
	b.row++
	b.calls[call] = struct{}{}
	many := b.row >= b.failures && len(b.calls) >= min(3, b.failures)
	long := len(b.calls) >= 2 && time.Since(b.began) >= longRow
	if many || long {
		b.circuit.Open()
	}
}

// abandoned: the caller gave up; nothing was learnt, and the next may try.
func (b *breaker) abandoned(try bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if try && b.circuit.IsHalfOpen() {
		// The circuit gives a permit back for a result only, or when it half-opens.
		b.circuit.Open()
		b.circuit.HalfOpen()
	}
}

func (b *breaker) silence() (since time.Time, attempts int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.row == 0 {
		return time.Time{}, 0
	}
	return b.began, b.row
}
