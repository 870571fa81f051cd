package httpx

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// Where nobody listens nothing is ever sent: the attempts count all the same.
func TestRefusedConnectionsAreAttemptsOfASilence(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	c := client(t, gone.URL, Config{BreakAfter: 3, BreakDelay: 20 * time.Millisecond, MaxAttempts: 1})
	last := 0
	for range 6 {
		time.Sleep(30 * time.Millisecond) // the next try is due
		if _, err := get(t.Context(), c); err == nil {
			t.Fatal("an answer of nobody")
		}
		since, attempts := c.Silence()
		if since.IsZero() || attempts <= last {
			t.Fatalf("%d attempts after %d, silent since %s", attempts, last, since)
		}
		last = attempts
	}
	if c.Requests() != 0 {
		t.Errorf("%d requests were sent to nobody", c.Requests())
	}
}
