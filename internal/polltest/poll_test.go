// Package polltest measures what a poll costs the providers: a whole poll step,
// over real HTTP and a real database.
package polltest

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/config"
	"tieout/internal/corpus"
	"tieout/internal/ledger"
	"tieout/internal/payment"
	"tieout/internal/provider/registry"
	"tieout/internal/sandbox"
	"tieout/internal/store"
	"tieout/internal/store/pgtest"
	"tieout/jobs"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const zone = "Africa/Nairobi"

// day is one business day's payments of one account, all of them outstanding.
type day struct {
	corpus.World
	account corpus.Account
	date    time.Time // as a flag names it
	from    time.Time
	now     time.Time
}

func outstanding(t testing.TB, kind string, payments int) day {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	require.NoError(t, err)
	d := day{date: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), from: time.Date(2026, 3, 2, 0, 0, 0, 0, loc)}
	d.now = d.from.AddDate(0, 0, 1).Add(6 * time.Hour)
	d.World = corpus.Generate(corpus.Options{
		Seed: 5, Payments: payments, From: d.from, Days: 1, Location: loc, Now: d.now, DifferenceShare: -1,
		Accounts: []corpus.Account{{Name: "p", Type: kind}},
	})
	d.account = d.Accounts[0]
	for i := range d.Payments {
		d.Payments[i].Status = payment.Pending
		d.Payments[i].SaveMethod = false // that is asked of customers, not of payments
	}
	return d
}

// asked are the requests that a provider got.
type asked struct {
	mu    sync.Mutex
	paths []string
	each  func(request string) // called under the lock, where it is given
	// control is where the provider's truth can be seen and changed.
	control string
}

func (a *asked) watch(api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		a.paths = append(a.paths, r.Method+" "+r.URL.Path)
		if a.each != nil {
			a.each(a.paths[len(a.paths)-1])
		}
		a.mu.Unlock()
		api.ServeHTTP(w, r)
	})
}

// poll pulls and polls the day and returns what the provider was asked.
func (d day) poll(t testing.TB, change func(*config.Provider)) []string {
	t.Helper()
	requests, _ := d.run(t, change, jobs.Pull, jobs.Poll)
	return requests
}

// run runs steps over the day. It returns what the provider was asked, and the
// database.
func (d day) run(t testing.TB, change func(*config.Provider), steps ...jobs.Job) ([]string, *store.Store) {
	t.Helper()
	env, seen := d.start(t, change)
	sum, err := env.Run(t.Context(), d.request(steps...))
	require.NoError(t, err)
	require.EqualValues(t, len(d.Payments), sum.Pulled.Payments)
	assert.EqualValues(t, len(seen.paths), sum.Requests, "the run counts its requests")
	return seen.paths, env.Store
}

func (d day) request(steps ...jobs.Job) jobs.Request {
	return jobs.Request{Steps: steps, Range: jobs.Range{From: d.date, To: d.date}}
}

// start brings up a provider that knows the day, and a database with its payments.
func (d day) start(t testing.TB, change func(*config.Provider)) (*jobs.Env, *asked) {
	t.Helper()
	ctx := t.Context()
	box, err := sandbox.New(d.World, sandbox.Options{Seed: 5, Now: func() time.Time { return d.now }})
	require.NoError(t, err)
	var seen asked
	server := httptest.NewServer(seen.watch(box.Handler()))
	t.Cleanup(server.Close)
	box.SetBaseURL(server.URL)
	seen.control = server.URL + "/_control/accounts/" + d.account.Name

	s, err := store.Open(ctx, pgtest.URL(t))
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	_, err = s.Migrate(ctx)
	require.NoError(t, err)
	l, err := s.OpenLedger(ctx, "", "")
	require.NoError(t, err)

	cfg := config.Default()
	loc := d.from.Location()
	cfg.Timezone, cfg.Location = loc.String(), loc
	p := config.Provider{
		Name: d.account.Name, Type: d.account.Type, BaseURL: box.BaseURL(d.account.Name), Credentials: box.Credentials(d.account.Name),
		RateLimit: 5000, Concurrency: 16, Timeout: 10 * time.Second, Options: map[string]string{},
	}
	change(&p)
	cfg.Providers = []config.Provider{p}
	env := &jobs.Env{
		Config: cfg, Store: s, Ledger: l, Specs: registry.Specs(), Log: zerolog.Nop(), Version: "test",
		Progress: func(jobs.Job, string, int64, int64) {}, Now: func() time.Time { return d.now },
	}
	require.NoError(t, d.load(ctx, s, env))
	return env, &seen
}

func (d day) load(ctx context.Context, s *store.Store, env *jobs.Env) error {
	var csv bytes.Buffer
	if err := d.WritePaymentsCSV(&csv); err != nil {
		return err
	}
	_, err := s.ImportPayments(ctx, env.LedgerRules(), &csv, func(r ledger.Reject) error { return fmt.Errorf("payment %s: %s", r.ID, r.Reason) }, func(int64) {})
	return err
}

// cost is what a poll of a day's outstanding payments costs the provider.
type cost struct {
	lists, single int
	retrieved     map[string]int // requests by the id that they name
}

func costOf(requests []string, isList func(path string) bool) cost {
	c := cost{retrieved: map[string]int{}}
	for _, r := range requests {
		if isList(r) {
			c.lists++
			continue
		}
		c.single++
		c.retrieved[path.Base(r)]++
	}
	return c
}

// PesaSwap lists a hundred at a time: 10,000 payments take little more than a
// hundred lists, and no payment is then retrieved twice, or at all where the
// list has said everything.
func checkPesaSwap(t testing.TB, payments, mostLists int) {
	t.Helper()
	d := outstanding(t, corpus.Pesaswap, payments)
	c := costOf(d.poll(t, func(*config.Provider) {}), func(r string) bool { return path.Base(r) == "list" })
	assert.LessOrEqual(t, c.lists, mostLists)
	said := map[string]bool{}
	for i := range d.Transactions {
		// Lists hide of deposits what really moved, what went back and why they failed.
		tx := &d.Transactions[i]
		said[tx.ID] = tx.Kind == payment.Payout && tx.Status.Final() && !tx.Unlisted && tx.Fault == corpus.NoFault
	}
	for id, n := range c.retrieved {
		assert.Equal(t, 1, n, id)
		assert.False(t, said[id], "%s: the list had said everything", id)
	}
	t.Logf("%d payments: %d lists, %d retrievals, %d requests for each 1,000", payments, c.lists, c.single, (c.lists+c.single)*1000/payments)
}

func TestPesaSwapIsAskedOncePerPaymentThatTheListLeavesOpen(t *testing.T) {
	t.Parallel()
	checkPesaSwap(t, 1000, 20)
}

// What lists have shown is kept in Postgres, not in the process: a poll that dies
// goes on where it stopped, and asks for no payment more often.
func TestAPollThatDiesForgetsNothingThatTheListShowed(t *testing.T) {
	t.Parallel()
	const payments, died = 600, 150
	d := outstanding(t, corpus.Pesaswap, payments)
	for i := range d.Payments {
		d.Payments[i].ProviderPaymentID = "" // only the list leads from the reference to the payment
	}
	env, seen := d.start(t, func(*config.Provider) {})
	ctx, die := context.WithCancel(t.Context())
	defer die()
	single := 0
	isList := func(r string) bool { return path.Base(r) == "list" }
	seen.each = func(r string) {
		if !isList(r) {
			if single++; single == died {
				die()
			}
		}
	}
	_, err := env.Run(ctx, d.request(jobs.Pull, jobs.Poll))
	require.ErrorIs(t, err, context.Canceled)
	lists := costOf(seen.paths, isList).lists
	_, err = env.Run(t.Context(), d.request(jobs.Pull, jobs.Poll))
	require.NoError(t, err)
	c := costOf(seen.paths, isList)
	assert.Equal(t, lists, c.lists, "the lists are not read again")
	shown, twice := map[string]bool{}, 0
	for _, tx := range d.Transactions {
		if tx.Unlisted || tx.Fault != corpus.NoFault {
			continue
		}
		twice += max(c.retrieved[tx.ID]-1, 0)
		shown[tx.Reference] = tx.OwnID == ""
	}
	assert.LessOrEqual(t, twice, died, "only what was not saved yet is asked for again")
	for _, p := range d.Payments {
		assert.False(t, shown[p.Reference] && c.retrieved[p.ID] > 0, "%s: a search by our own id, although the list showed its reference", p.ID)
	}
}

// The whole promise: at most 150 lists for 10,000 payments.
func BenchmarkPesaSwapTenThousand(b *testing.B) {
	for b.Loop() {
		checkPesaSwap(b, 10_000, 150)
	}
}

// others are the providers whose figure is stated beside PesaSwap's.
var others = []struct {
	name, kind string
	change     func(*config.Provider)
	batch      int // payouts of one batch
	most       int // requests for 1,000 payments
}{
	{"pawapay", corpus.Pawapay, func(*config.Provider) {}, 0, 1030},
	{"pawapay with statements", corpus.Pawapay, func(p *config.Provider) {
		p.StatementCallbackURL = "https://merchant.example/statements"
		p.Options["statement_poll_interval"] = "5ms"
	}, 0, 1030},
	{"pesaway", corpus.Pesaway, func(*config.Provider) {}, 0, 200},
	{"pivot", corpus.Pivot, func(*config.Provider) {}, 0, 600},
	{"pivot with batches of 100", corpus.Pivot, func(*config.Provider) {}, 100, 250},
}

// Without statements pawaPay has no list: one request a payment is the least.
func TestRequestsForAThousandPayments(t *testing.T) {
	t.Parallel()
	for _, tc := range others {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := outstanding(t, tc.kind, 1000).batched(tc.batch)
			assert.LessOrEqual(t, countRequests(t, d, tc.change), tc.most)
		})
	}
}

// The same for 10,000 payments, as PesaSwap's promise has it.
func BenchmarkOthersTenThousand(b *testing.B) {
	for _, tc := range others {
		b.Run(tc.name, func(b *testing.B) {
			for b.Loop() {
				d := outstanding(b, tc.kind, 10_000).batched(tc.batch)
				b.ReportMetric(float64(countRequests(b, d, tc.change)), "requests")
			}
		})
	}
}

func countRequests(t testing.TB, d day, change func(*config.Provider)) int {
	t.Helper()
	requests := d.poll(t, change)
	byRoute := map[string]int{}
	for _, r := range requests {
		byRoute[route(r)]++
	}
	t.Logf("%d requests for %d payments: %v", len(requests), len(d.Payments), byRoute)
	return len(requests)
}

// batched puts the payouts that name their batch into batches of so many, as a
// merchant does who pays out once an hour.
func (d day) batched(size int) day {
	if size == 0 {
		return d
	}
	place, batch := map[string]string{}, ""
	for i := range d.Transactions {
		tx := &d.Transactions[i]
		if tx.Kind != payment.Payout {
			continue
		}
		if len(place)%size == 0 {
			batch = tx.ID
		}
		place[tx.ID+"/"+tx.Reference] = batch
		tx.ID = batch
	}
	for i := range d.Payments {
		p := &d.Payments[i]
		for _, ref := range []string{p.Reference, p.ID} {
			if id, ok := place[p.ProviderPaymentID+"/"+ref]; ok && p.Kind == payment.Payout {
				p.ProviderPaymentID = id
				break
			}
		}
	}
	return d
}

// A batch's page is evidence of all its payouts: each one's story shows its own.
func TestTheStoryOfAPayoutShowsItsRowOfTheBatch(t *testing.T) {
	t.Parallel()
	d := outstanding(t, corpus.Pivot, 60).batched(100)
	env, _ := d.start(t, func(*config.Provider) {})
	_, err := env.Run(t.Context(), d.request(jobs.Pull, jobs.Poll))
	require.NoError(t, err)
	shown := 0
	for _, p := range d.Payments {
		if p.Kind != payment.Payout || p.ProviderPaymentID == "" {
			continue
		}
		story, err := env.Store.Story(t.Context(), env.Ledger, env.LedgerRules(), p.ID)
		require.NoError(t, err)
		for _, e := range story.Events {
			o := e.Observation
			if o == nil || !o.List || !strings.Contains(o.Path, "/payouts/") {
				continue
			}
			shown++
			assert.Contains(t, string(o.Body), `"referenceId"`)
			for _, other := range d.Payments {
				if other.ID != p.ID && other.Reference != p.Reference && other.Reference != "" {
					assert.NotContains(t, string(o.Body), `"`+other.Reference+`"`)
				}
			}
		}
	}
	assert.Greater(t, shown, 10)
}

// route is a request without its ids.
func route(r string) string {
	parts := strings.Split(r, "/")
	for i, p := range parts {
		if strings.ContainsAny(p, "0123456789") && len(p) > 4 {
			parts[i] = "{id}"
		}
	}
	return strings.Join(parts, "/")
}
