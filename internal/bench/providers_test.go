package bench

import (
	"context"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"golang.org/x/sync/errgroup"

	"tieout/internal/corpus"
	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/store"
)

const (
	partPayments = 100_000
	partDays     = 1
	savedAtOnce  = 1000 // answers, or rows of lists, as the poll step saves them
)

// worlds cuts a corpus into days, so that no more than one is in memory.
func worlds(t testing.TB, payments int) []corpus.Options {
	t.Helper()
	loc := zone(t, benchZone)
	first := time.Date(2026, 3, 2, 0, 0, 0, 0, loc)
	n := (payments + partPayments - 1) / partPayments
	var out []corpus.Options
	for i := range n {
		out = append(out, corpus.Options{
			Seed: 21, Payments: min(payments-i*partPayments, partPayments), From: first.AddDate(0, 0, i*partDays), Days: partDays, Location: loc,
			Now: first.AddDate(0, 0, n*partDays).Add(6 * time.Hour), DifferenceShare: 0.05,
		})
	}
	return out
}

// saveAll saves the providers' side through the store's own ways in, all
// accounts at once as the poll step does: rows of lists by the page, answers of
// those who have no list by the batch. It returns the time that the saving took
// and how many transactions there are then.
func saveAll(b *testing.B, url string, db *sqlx.DB, parts []corpus.Options) (took time.Duration, rows int) {
	b.Helper()
	s, err := store.Open(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	runs, err := s.Runs(b.Context(), 1)
	if err != nil || len(runs) != 1 {
		b.Fatal(len(runs), err)
	}
	for _, o := range parts {
		accounts := savings(b, s, &runs[0], o)
		began := time.Now()
		g, ctx := errgroup.WithContext(b.Context())
		for _, saves := range accounts {
			g.Go(func() error {
				for _, save := range saves {
					if err := save(ctx); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			b.Fatal(err)
		}
		took += time.Since(began)
	}
	if err := db.GetContext(b.Context(), &rows, `SELECT count(*) FROM tieout.transactions`); err != nil {
		b.Fatal(err)
	}
	return took, rows
}

// savings are, by account, the calls that save what a part's providers show.
func savings(b *testing.B, s *store.Store, run *store.Run, o corpus.Options) map[string][]func(context.Context) error {
	b.Helper()
	w := corpus.Generate(o)
	types := map[string]provider.Client{}
	twins := map[string]bool{}
	for _, spec := range specs(w) {
		for _, a := range w.Accounts {
			if a.Type != spec.Type {
				continue
			}
			c, err := spec.New(provider.Settings{Name: a.Name})
			if err != nil {
				b.Fatal(err)
			}
			types[a.Name], twins[a.Name] = c, spec.ListIDsDiffer
		}
	}
	out := map[string][]func(context.Context) error{}
	at := o.Now.UTC()
	for _, a := range w.Accounts {
		l, ok := types[a.Name].(provider.Lister)
		if !ok {
			continue
		}
		for _, k := range []payment.Kind{payment.Deposit, payment.Payout} {
			var pages []store.ListPage
			flush := func() {
				some := pages
				pages = nil
				out[a.Name] = append(out[a.Name], func(ctx context.Context) error { return s.SavePages(ctx, run, a.Name, k, twins[a.Name], some) })
			}
			q := provider.ListQuery{Kind: k, From: o.From.Add(-time.Hour), To: o.Now}
			reach, err := l.List(b.Context(), q, func(p provider.Page) error {
				if pages = append(pages, store.ListPage{Page: p, At: at}); len(pages)*pageRows >= savedAtOnce {
					flush()
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
			flush()
			q.From = run.FromTime
			out[a.Name] = append(out[a.Name], func(ctx context.Context) error { return s.SaveReach(ctx, run, a.Name, q, reach, at) })
		}
	}
	asked := map[string][]store.Asked{}
	flush := func(name string) {
		some := asked[name]
		asked[name] = nil
		out[name] = append(out[name], func(ctx context.Context) error { return s.SaveAnswers(ctx, run, name, twins[name], some) })
	}
	for _, p := range w.Payments {
		t, ok := types[p.Provider].(*accountTruth) // without a list
		if !ok {
			continue
		}
		q := provider.Query{Kind: p.Kind, PaymentID: p.ID, ProviderPaymentID: p.ProviderPaymentID, Reference: p.Reference, CreatedAt: p.CreatedAt, RefundIDs: p.RefundIDs}
		asked[p.Provider] = append(asked[p.Provider], store.Asked{Query: q, Answer: t.status(q), At: at})
		if len(asked[p.Provider]) == savedAtOnce {
			flush(p.Provider)
		}
	}
	for name := range asked {
		flush(name)
	}
	return out
}
