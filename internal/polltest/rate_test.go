package polltest

import (
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/config"
	"tieout/internal/corpus"
	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/registry"
	"tieout/internal/sandbox"
	"tieout/jobs"
)

// The sandbox counts for itself: never more than the limit in any sliding
// second, and at least 95% of it is used, by one worker as by many.
func TestTheRateLimitIsKeptAndUsed(t *testing.T) {
	const limit, requests, tries = 50, 150, 3
	for name, workers := range map[string]int{"one worker": 1, "64 workers": 64} {
		t.Run(name, func(t *testing.T) {
			d := outstanding(t, corpus.Pawapay, 1)
			rate, busiest := 0.0, 0
			// On a machine that is busy elsewhere a request may lie around for longer
			// than any margin. What is wrong fails each time.
			for range tries {
				box, err := sandbox.New(d.World, sandbox.Options{Seed: 5})
				require.NoError(t, err)
				server := httptest.NewServer(box.Handler())
				box.SetBaseURL(server.URL)
				env := &jobs.Env{Specs: registry.Specs(), Now: time.Now}
				client, http, _, err := env.Client(config.Provider{
					Name: d.account.Name, Type: d.account.Type, BaseURL: box.BaseURL(d.account.Name), Credentials: box.Credentials(d.account.Name),
					RateLimit: limit, Concurrency: workers, Timeout: 10 * time.Second,
				})
				require.NoError(t, err)
				took := hammer(t, client, workers, requests)
				http.Close()
				server.Close()
				seen := box.Requests(d.account.Name)
				require.Equal(t, requests, seen.Total)
				rate, busiest = requests/took.Seconds(), seen.BusiestSecond
				if rate >= 0.95*limit && busiest <= limit {
					break
				}
			}
			assert.GreaterOrEqual(t, rate, 0.95*limit)
			assert.LessOrEqual(t, busiest, limit)
			t.Logf("%.1f requests a second of %d", rate, limit)
		})
	}
}

// hammer asks for a payment that nobody knows, by so many workers at once.
func hammer(t *testing.T, c provider.Client, workers, requests int) time.Duration {
	t.Helper()
	began := time.Now()
	var left atomic.Int64
	left.Store(int64(requests))
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				a := c.Status(t.Context(), provider.Query{Kind: payment.Deposit, PaymentID: "0b0f6cbb-7b3a-4b6c-9d1f-3c2a5a1f0e77"})
				assert.Equal(t, provider.Unknown, a.Verdict, a.Reason)
			}
		})
	}
	wg.Wait()
	return time.Since(began)
}
