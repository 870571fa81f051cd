package bench

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	_ "github.com/lib/pq"
	"github.com/rs/zerolog"

	"tieout/config"
	"tieout/internal/corpus"
	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/statement"
	"tieout/internal/store"
	"tieout/internal/store/pgtest"
	"tieout/jobs"
)

var accuracyPayments = flag.Int("payments", 5000, "size of the world whose differences must all be found")

// accounts hold currencies of no, two and three decimals, and one that moves
// finer fractions than ISO 4217 says.
func accounts() []corpus.Account {
	return append(corpus.DefaultAccounts(),
		corpus.Account{Name: "pawapay-ug2", Type: corpus.Pawapay, Currencies: []string{"UGX"}, Scale: money.Scale{"UGX": 2}},
		corpus.Account{Name: "pesaswap-jp", Type: corpus.Pesaswap, Currencies: []string{"JPY", "KES"}},
		corpus.Account{Name: "pesaswap-kw", Type: corpus.Pesaswap, Currencies: []string{"KWD", "BHD"}})
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// Of everything that was planted, everything is found, and nothing else.
func TestEveryPlantedDifferenceIsFoundAndNothingElse(t *testing.T) {
	t.Parallel()
	date := func(m time.Month, d int) time.Time { return time.Date(2026, m, d, 0, 0, 0, 0, time.UTC) }
	small := min(*accuracyPayments, 1500)
	for _, c := range []struct {
		name, zone string
		o          corpus.Options
	}{
		{"a week in Nairobi", "Africa/Nairobi", corpus.Options{Seed: 11, Payments: *accuracyPayments, From: date(3, 2), Days: 7, DifferenceShare: 0.05, FeeSchedule: true, Statements: true}},
		{"the clocks go forward in Berlin", "Europe/Berlin", corpus.Options{Seed: 12, Payments: small, From: date(3, 27), Days: 4, DifferenceShare: 0.2, FeeSchedule: true, Statements: true}},
		{"the clocks go back in Berlin", "Europe/Berlin", corpus.Options{Seed: 13, Payments: small, From: date(10, 24), Days: 2, DifferenceShare: 0.2, FeeSchedule: true}},
		{"a day without a midnight in Cairo", "Africa/Cairo", corpus.Options{Seed: 14, Payments: small, From: date(4, 23), Days: 3, DifferenceShare: 0.2, FeeSchedule: true, Statements: true}},
		{"nothing is wrong", "Asia/Jakarta", corpus.Options{Seed: 15, Payments: small, From: date(3, 2), Days: 5, DifferenceShare: -1, Statements: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.o.Location, c.o.Accounts = zone(t, c.zone), accounts()
			w := corpus.Generate(c.o)
			s := newSite(t, w, c.o)
			if c.o.Statements {
				s.importStatements(t, w)
			}
			sum, err := s.env.Run(t.Context(), jobs.Request{
				Steps: []jobs.Job{jobs.Pull, jobs.Poll, jobs.Match, jobs.Settle}, Range: s.span,
			})
			if err != nil {
				t.Fatal(err)
			}
			if int(sum.Pulled.Payments) != len(w.Payments) {
				t.Errorf("%d payments were pulled of %d", sum.Pulled.Payments, len(w.Payments))
			}
			table, exact := compare(w.Planted, s.found(t))
			t.Logf("%s, %d payments, %d transactions:\n%s", c.name, len(w.Payments), len(w.Transactions), table)
			if !exact {
				t.Error("precision and recall must both be 100% for every kind")
			}
		})
	}
}

// site is a database with a world's payments and the jobs that work on it.
type site struct {
	env     *jobs.Env
	db      *sqlx.DB
	span    jobs.Range
	nothing string // a server that answers nothing of use
}

func newSite(t testing.TB, w corpus.World, o corpus.Options) *site {
	t.Helper()
	s := emptySite(t)
	s.load(t, w, o)
	return s
}

// emptySite is a site whose database holds the schema alone.
func emptySite(t testing.TB) *site {
	t.Helper()
	url := pgtest.Prepared(t, "migrated", migrated)
	st, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	l, err := st.OpenLedger(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlx.Open("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmp.Or(l.Close(), st.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	nothing := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(nothing.Close)
	return &site{db: db, nothing: nothing.URL, env: &jobs.Env{
		Store: st, Ledger: l, Log: zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel),
		Progress: func(jobs.Job, string, int64, int64) {}, Version: "test",
	}}
}

// load fills the ledger with a world's payments; its providers answer from now on.
func (s *site) load(t testing.TB, w corpus.World, o corpus.Options) {
	t.Helper()
	if err := copyPayments(t.Context(), s.db, w.Payments); err != nil {
		t.Fatal(err)
	}
	now := o.Now
	if now.IsZero() {
		y, m, d := o.From.Date()
		now = time.Date(y, m, d+o.Days, 6, 0, 0, 0, o.Location)
	}
	s.span = jobs.Range{From: o.From, To: o.From.AddDate(0, 0, o.Days-1)}
	s.env.Config, s.env.Specs, s.env.Now = settings(w.Accounts, s.nothing, o.Location), specs(w), func() time.Time { return now }
}

// importStatements gives the site the statement of each account, which shows
// all of its range, as a person would.
func (s *site) importStatements(t testing.TB, w corpus.World) {
	t.Helper()
	w.Transactions = slices.Clone(w.Transactions)
	for i, x := range w.Transactions {
		if strings.HasPrefix(x.Provider, corpus.Pesaway) {
			w.Transactions[i].ID = listID(x.ID) // its files have the ids of its lists
		}
	}
	claim := store.StatementClaim{From: s.span.From.AddDate(0, 0, -2).UTC(), To: s.env.Now().UTC(), Now: s.env.Now().UTC()}
	for i, a := range w.Accounts {
		var file bytes.Buffer
		if err := w.WriteStatementCSV(&file, a); err != nil {
			t.Fatal(err)
		}
		got, err := s.env.ImportStatement(t.Context(), s.env.Config.Providers[i], bytes.NewReader(file.Bytes()), claim,
			func(r statement.Reject) error {
				return fmt.Errorf("%s: row %d is no row: %s", a.Name, r.Number, r.Reason)
			}, func(int64) {})
		if err != nil {
			t.Fatal(err)
		}
		if got.New != got.Read {
			t.Errorf("%s: %d rows, and %d of them new", a.Name, got.Read, got.New)
		}
	}
}

func migrated(ctx context.Context, url string) error {
	s, err := store.Open(ctx, url)
	if err != nil {
		return err
	}
	_, err = s.Migrate(ctx)
	return cmp.Or(err, s.Close())
}

// settings are the defaults, for the accounts of a world.
func settings(list []corpus.Account, url string, loc *time.Location) *config.Config {
	cfg := config.Default()
	cfg.Timezone, cfg.Location = loc.String(), loc
	cfg.Matching.MetadataKeys = []string{corpus.MetadataKey}
	for _, a := range list {
		cfg.Providers = append(cfg.Providers, config.Provider{
			Name: a.Name, Type: a.Type, BaseURL: url, Decimals: a.Scale, Concurrency: 2, Timeout: time.Second,
		})
		if a.Type == corpus.Pivot {
			for _, k := range []payment.Kind{payment.Deposit, payment.Payout} {
				cfg.Fees = append(cfg.Fees, config.Fee{Provider: a.Name, Kind: string(k), Currency: "IDR", Fixed: corpus.PivotFee})
			}
		}
	}
	return cfg
}

// difference names an exception as both sides can.
func difference(k payment.ExceptionKind, provider string, kind payment.Kind, paymentID, transaction string) string {
	if k != payment.MissingInternally && k != payment.DuplicatePayment { // the payment says it all
		transaction = ""
	}
	return strings.Join([]string{string(k), provider, string(kind), paymentID, transaction}, " ")
}

// found reads the exceptions of the run.
func (s *site) found(t testing.TB) []string {
	t.Helper()
	var rows []struct {
		Kind        payment.ExceptionKind `db:"kind"`
		Provider    string                `db:"provider"`
		PaymentKind payment.Kind          `db:"payment_kind"`
		PaymentID   string                `db:"payment_id"`
		TheirID     string                `db:"provider_payment_id"`
	}
	if err := s.db.SelectContext(t.Context(), &rows, `SELECT kind, provider, payment_kind, coalesce(payment_id, '') AS payment_id,
		coalesce(provider_payment_id, '') AS provider_payment_id FROM tieout.run_exceptions`); err != nil {
		t.Fatal(err)
	}
	types := map[string]string{}
	for _, p := range s.env.Config.Providers {
		types[p.Name] = p.Type
	}
	out := make([]string, len(rows))
	for i, r := range rows {
		if types[r.Provider] == corpus.Pesaway && strings.HasPrefix(r.TheirID, "PHY") {
			r.TheirID = listID(r.TheirID) // the list's, where no status call named another
		}
		out[i] = difference(r.Kind, r.Provider, r.PaymentKind, r.PaymentID, r.TheirID)
	}
	return out
}

// compare counts, kind by kind, what was planted and what was found.
func compare(planted []corpus.Planted, found []string) (table string, exact bool) {
	type count struct{ planted, found, both int }
	counts := map[string]*count{}
	of := func(text string) *count {
		kind, _, _ := strings.Cut(text, " ")
		if counts[kind] == nil {
			counts[kind] = &count{}
		}
		return counts[kind]
	}
	left := map[string]int{}
	for _, p := range planted {
		id := p.ProviderPaymentID
		if strings.HasPrefix(p.Provider, corpus.Pesaway) && id != "" {
			id = listID(id)
		}
		text := difference(p.Kind, p.Provider, p.PaymentKind, p.PaymentID, id)
		of(text).planted++
		left[text]++
	}
	var wrong []string
	for _, text := range found {
		c := of(text)
		c.found++
		if left[text]--; left[text] >= 0 {
			c.both++
		} else {
			wrong = append(wrong, "found and not planted: "+text)
		}
	}
	for text, n := range left {
		for range max(n, 0) {
			wrong = append(wrong, "planted and not found: "+text)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-24s %8s %8s %10s %8s\n", "kind", "planted", "found", "precision", "recall")
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		c := counts[kind]
		fmt.Fprintf(&b, "%-24s %8d %8d %10s %8s\n", kind, c.planted, c.found, share(c.both, c.found), share(c.both, c.planted))
	}
	slices.Sort(wrong)
	for i, text := range wrong {
		if i == 40 {
			fmt.Fprintf(&b, "and %d more\n", len(wrong)-i)
			break
		}
		b.WriteString(text + "\n")
	}
	return b.String(), len(wrong) == 0
}

// share is a part of a whole in percent, with two decimals, rounded down so
// that only all of it is 100%.
func share(part, whole int) string {
	if whole == 0 {
		return "-"
	}
	n := part * 10_000 / whole
	return fmt.Sprintf("%d.%02d%%", n/100, n%100)
}
