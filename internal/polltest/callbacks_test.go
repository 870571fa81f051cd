package polltest

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/config"
	"tieout/internal/callback"
	"tieout/internal/corpus"
	"tieout/jobs"
)

// What the sandbox says that it has posted to the merchant is taken, verified
// and agrees with what it answers; and it spares questions where it may.
func TestTheSandboxsCallbacksAreVerifiedAndSpareQuestions(t *testing.T) {
	t.Parallel()
	const address = "https://shop.example/hooks/payments"
	for _, tc := range []struct {
		kind   string
		spares bool
		change func(*config.Provider)
	}{
		{corpus.Pawapay, true, func(p *config.Provider) { p.Options["callback_url"] = address }},
		{corpus.Pesaswap, true, func(*config.Provider) {}},
		{corpus.Pesaway, true, func(*config.Provider) {}},
		{corpus.Pivot, false, func(*config.Provider) {}}, // a static key proves no body
	} {
		t.Run(tc.kind, func(t *testing.T) {
			t.Parallel()
			d := outstanding(t, tc.kind, 200)
			for i := range d.Payments {
				d.Payments[i].Reference = "" // pawaPay's callbacks echo none, and one that is held would have to be asked for
				d.Payments[i].RefundIDs = nil
			}
			without := len(d.poll(t, tc.change))

			env, seen := d.start(t, tc.change)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, seen.control+"/callbacks?url="+address, http.NoBody)
			require.NoError(t, err)
			resp, err := http.DefaultClient.Do(r)
			require.NoError(t, err)
			defer func() { _ = resp.Body.Close() }()
			require.Equal(t, http.StatusOK, resp.StatusCode)
			got, err := env.Store.ImportCallbacks(t.Context(), d.account.Name, resp.Body, func(x callback.Reject) error {
				t.Errorf("line %d: %s %s", x.Line, x.Field, x.Reason)
				return nil
			})
			require.NoError(t, err)
			require.Greater(t, got.New, int64(100))
			seen.paths = nil
			_, err = env.Run(t.Context(), d.request(jobs.Pull, jobs.Poll))
			require.NoError(t, err)

			runs, err := env.Store.Runs(t.Context(), 1)
			require.NoError(t, err)
			found, err := env.Store.CallbackFindings(t.Context(), &runs[0], d.account.Name, 0)
			require.NoError(t, err)
			assert.EqualValues(t, got.New, found.Read)
			assert.EqualValues(t, got.New, found.Verified)
			assert.Empty(t, found.Contradictions)
			t.Logf("%d callbacks, %d taken: %d requests instead of %d", found.Read, found.Taken, len(seen.paths), without)
			if tc.spares {
				assert.Greater(t, found.Taken, found.Read*4/5)
				assert.Less(t, len(seen.paths), without)
			} else {
				assert.Zero(t, found.Taken)
			}
		})
	}
}
