package sandbox

import (
	"maps"
	"net/http"
	"sync"
	"time"
)

// Requests are what an account was asked.
type Requests struct {
	Total int `json:"total"`
	// BusiestSecond is the largest number within any sliding second.
	BusiestSecond int `json:"busiest_second"`
	// ByStatus counts the answers; 0 stands for connections that were dropped.
	ByStatus map[int]int `json:"by_status"`
}

type counter struct {
	mu     sync.Mutex
	seen   Requests
	recent []time.Time // of the last second, oldest first
}

func newCounter() *counter {
	c := &counter{}
	c.reset()
	return c
}

func (c *counter) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen, c.recent = Requests{ByStatus: map[int]int{}}, nil
}

// arrived counts a request by the machine's own clock.
func (c *counter) arrived() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, old := time.Now(), 0
	c.recent = append(c.recent, now)
	for now.Sub(c.recent[old]) >= time.Second {
		old++
	}
	c.recent = c.recent[old:]
	c.seen.Total++
	c.seen.BusiestSecond = max(c.seen.BusiestSecond, len(c.recent))
}

func (c *counter) answered(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen.ByStatus[status]++
}

func (c *counter) now() Requests {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.seen
	out.ByStatus = maps.Clone(c.seen.ByStatus)
	return out
}

// statusWriter remembers the status that was sent.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
