package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"tieout/internal/corpus"
	"tieout/internal/payment"
	"tieout/internal/sandbox"
	"tieout/internal/store/pgtest"
)

// truth is a world that several tests share; nobody changes it.
type truth struct {
	corpus.World
	name     string
	from, to string // the range that holds all its payments
}

// zone is one in which it is about six in the morning now: late in the evening
// nearly all that yesterday left pending would be stale.
var zone = func() *time.Location {
	ahead := (24 + 6 - time.Now().UTC().Hour()) % 24
	if ahead > 12 {
		ahead -= 24
	}
	name := "Etc/GMT"
	if ahead != 0 {
		name = fmt.Sprintf("Etc/GMT%+d", -ahead) // these names count westwards
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		panic(err) // the zones are compiled in
	}
	return loc
}()

// series makes the worlds of every day the same, but for their times.
const series = "tests"

// newTruth makes a world of the three days before today, as the demo's.
func newTruth(name string, payments int, counts map[payment.ExceptionKind]int) *truth {
	now := time.Now().UTC().Truncate(time.Second)
	from := now.In(zone).AddDate(0, 0, -3)
	return &truth{
		World: corpus.Generate(corpus.Options{Seed: 7, Series: series, Payments: payments, From: from, Days: 3, Location: zone, Now: now, Counts: counts}),
		name:  name, from: from.Format(time.DateOnly), to: from.AddDate(0, 0, 2).Format(time.DateOnly),
	}
}

// span is the flags of the world's range.
func (w *truth) span() []string { return []string{"--from", w.from, "--to", w.to} }

// front serves a world over HTTP; in between a test may stand.
type front struct {
	*httptest.Server
	sandbox *sandbox.Server
	between atomic.Pointer[func(http.ResponseWriter, *http.Request, http.Handler)]
}

func serveWorld(t testing.TB, w *truth) *front {
	t.Helper()
	s, err := sandbox.New(w.World, sandbox.Options{Seed: 7})
	require.NoError(t, err)
	p := &front{sandbox: s}
	p.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if f := p.between.Load(); f != nil {
			(*f)(rw, r, s.Handler())
			return
		}
		s.Handler().ServeHTTP(rw, r)
	}))
	t.Cleanup(func() {
		p.CloseClientConnections() // a request of a killed process must not hold the test up
		p.Close()
	})
	s.SetBaseURL(p.URL)
	return p
}

// meet puts f between the clients and the servers; nil takes it away.
func (p *front) meet(f func(http.ResponseWriter, *http.Request, http.Handler)) {
	if f == nil {
		p.between.Store(nil)
		return
	}
	p.between.Store(&f)
}

// of tells whether a request is for the account.
func of(r *http.Request, account string) bool { return strings.HasPrefix(r.URL.Path, "/"+account+"/") }

// site is a folder with a configuration and a database, as an installation has.
type site struct {
	t      testing.TB
	world  *truth
	dir    string
	dbURL  string
	db     *sqlx.DB
	server *front
}

// settings of a site's configuration beside the usual ones.
type settings struct {
	timeout           string // of a request; long by default: a busy machine is no outage
	ledger, schedules string
	statements        bool // pawapay makes some
	credentials       map[string]map[string]string
}

// newSite has a database of its own, with the world's payments imported.
func newSite(t testing.TB, w *truth, server *front) *site {
	t.Helper()
	s := bareSite(t, w, server, pgtest.Prepared(t, w.name, func(_ context.Context, url string) error {
		s := bareSite(t, w, server, url)
		r := tieout(t, s.dir, "import", "payments", s.payments())
		if r.code != 0 {
			return fmt.Errorf("import: exit %d: %s", r.code, r.err)
		}
		return s.db.Close()
	}))
	return s
}

// bareSite uses the database as it is.
func bareSite(t testing.TB, w *truth, server *front, url string) *site {
	t.Helper()
	db, err := sqlx.Open("postgres", url)
	require.NoError(t, err)
	db.SetMaxIdleConns(0)
	t.Cleanup(func() { _ = db.Close() })
	s := &site{t: t, world: w, dir: t.TempDir(), dbURL: url, db: db, server: server}
	s.configure(settings{})
	return s
}

// payments writes the world's payments into a file.
func (s *site) payments() string {
	s.t.Helper()
	path := filepath.Join(s.dir, "payments.csv")
	f, err := os.Create(path)
	require.NoError(s.t, err)
	require.NoError(s.t, s.world.WritePaymentsCSV(f))
	require.NoError(s.t, f.Close())
	return path
}

// configure writes tieout.yaml.
func (s *site) configure(x settings) {
	s.t.Helper()
	if x.timeout == "" {
		x.timeout = "1m"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "database: { url: %q }\ntimezone: %s\nmatching: { metadata_keys: [%s] }\n", s.dbURL, zone, corpus.MetadataKey)
	b.WriteString(x.ledger)
	b.WriteString(x.schedules)
	b.WriteString("providers:\n")
	for _, a := range s.world.Accounts {
		fmt.Fprintf(&b, "  - name: %s\n    type: %s\n    base_url: %s\n    rate_limit: 500\n    concurrency: 16\n    timeout: %s\n",
			a.Name, a.Type, s.server.sandbox.BaseURL(a.Name), x.timeout)
		if x.statements && a.Type == "pawapay" {
			b.WriteString("    statement_callback_url: https://shop.example/statements\n    options: { statement_poll_interval: 10ms }\n")
		}
		b.WriteString("    credentials:\n")
		credentials := s.server.sandbox.Credentials(a.Name)
		maps.Copy(credentials, x.credentials[a.Name])
		for _, name := range slices.Sorted(maps.Keys(credentials)) {
			fmt.Fprintf(&b, "      %s: %q\n", name, credentials[name])
		}
		if len(a.Scale) > 0 {
			b.WriteString("    decimals:\n")
			for currency, n := range a.Scale {
				fmt.Fprintf(&b, "      %s: %d\n", currency, n)
			}
		}
	}
	require.NoError(s.t, os.WriteFile(filepath.Join(s.dir, "tieout.yaml"), []byte(b.String()), 0o600))
}

// do runs a command at the site.
func (s *site) do(args ...string) result { s.t.Helper(); return tieout(s.t, s.dir, args...) }

// must runs a command that has to end with the exit code.
func (s *site) must(code int, args ...string) result {
	s.t.Helper()
	r := s.do(args...)
	require.Equal(s.t, code, r.code, "%v\n%s\n%s", args, r.out, r.err)
	return r
}

// run runs the pipeline over the world's range, in which some payments could
// not be asked (exit 3) or none (0).
func (s *site) run(code int, more ...string) result {
	s.t.Helper()
	return s.must(code, append(append([]string{"run"}, s.world.span()...), more...)...)
}

// get reads one value from the database.
func get[T any](s *site, query string, args ...any) T {
	s.t.Helper()
	var v T
	require.NoError(s.t, s.db.GetContext(s.t.Context(), &v, query, args...), query)
	return v
}

// exec runs a statement in the database.
func (s *site) exec(query string, args ...any) {
	s.t.Helper()
	_, err := s.db.ExecContext(s.t.Context(), query, args...)
	require.NoError(s.t, err, query)
}

// rows counts the rows of every table.
func (s *site) rows() map[string]int {
	s.t.Helper()
	var names []string
	require.NoError(s.t, s.db.SelectContext(s.t.Context(), &names, `SELECT tablename FROM pg_tables WHERE schemaname = 'tieout'`))
	require.NotEmpty(s.t, names)
	out := map[string]int{}
	for _, n := range names {
		out[n] = get[int](s, `SELECT count(*) FROM tieout.`+n)
	}
	return out
}

// folder is where the reports of the world's range stand.
func (s *site) folder() string { return filepath.Join(s.dir, "out", s.world.from+"_"+s.world.to) }
