package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"tieout/config"
	"tieout/internal/corpus"
	"tieout/internal/payment"
	"tieout/internal/provider/registry"
	"tieout/internal/sandbox"
	"tieout/internal/statement"
	"tieout/internal/store"
	"tieout/jobs"
)

// demoOptions are the flags of demo.
type demoOptions struct {
	*options
	dir, out string
	payments int
	seed     int64
}

func newDemo(o *options) *cobra.Command {
	d := &demoOptions{options: o}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "All of it with no set-up",
		Long: `Starts a private Postgres and the four providers' sandbox, imports sample
payments of the last three days and the providers' statements, runs the whole
pipeline and leaves the reports in ./out. The payments, the statements and the list
of planted differences stand below ./.tieout/demo.

A second demo on the same day makes version 2 of the same reports.`,
		Example: "  tieout demo\n  tieout demo --payments 20000 --out /tmp/reports",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return d.run(cmd.Context()) },
	}
	cmd.Flags().StringVar(&d.dir, "dir", "./.tieout", "`DIR` of the private Postgres and the demo's files")
	cmd.Flags().StringVar(&d.out, "out", "./out", "`DIR` for the reports")
	cmd.Flags().IntVar(&d.payments, "payments", 2000, "how many payments")
	cmd.Flags().Int64Var(&d.seed, "seed", 1, "another seed makes other payments")
	return cmd
}

func (d *demoOptions) say(format string, args ...any) {
	_, _ = fmt.Fprintf(d.streams.out, format+"\n", args...)
}

func (d *demoOptions) run(ctx context.Context) (err error) {
	log, err := d.logger()
	if err != nil {
		return err
	}
	if d.logLevel == "" && d.logFormat == "" { // a demo talks by itself
		log = zerolog.New(zerolog.ConsoleWriter{Out: d.streams.err, NoColor: !isTerminal(d.streams.err), PartsExclude: []string{zerolog.TimestampFieldName}}).Level(zerolog.WarnLevel)
	}
	loc, err := time.LoadLocation("Africa/Nairobi")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(d.dir, 0o711); err != nil { //nolint:gosec // the private Postgres may have to run as another user, who must get in
		return err
	}
	home := filepath.Join(d.dir, "demo")
	if err := os.MkdirAll(home, 0o750); err != nil {
		return err
	}
	yesterday, err := jobs.NamedRange("yesterday", time.Now(), loc)
	if err != nil {
		return err
	}
	from := yesterday.From.AddDate(0, 0, -2)
	began, err := d.began(home, from)
	if err != nil {
		return err
	}
	world := corpus.Generate(corpus.Options{
		Seed: d.seed, Payments: d.payments, Days: 3, Location: loc, Now: began,
		From: time.Date(from.Year(), from.Month(), from.Day(), 0, 0, 0, 0, loc), FeeSchedule: true, Statements: true,
	})
	if err := writeWorld(home, world); err != nil {
		return err
	}

	server, err := sandbox.New(world, sandbox.Options{Seed: d.seed, Log: log})
	if err != nil {
		return err
	}
	stop, err := serve(ctx, server)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	d.say("1. %d accounts of four providers answer on this machine", len(world.Accounts))

	cfg, err := d.config(world, server, loc)
	if err != nil {
		return err
	}
	a, err := connect(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	if err := a.ready(ctx); err != nil {
		return err
	}
	d.say("2. A private Postgres runs below %s", cfg.Database.Dir)
	if err := d.load(ctx, a, home); err != nil {
		return err
	}
	if err := d.loadStatements(ctx, a, home, jobs.Range{From: from, To: yesterday.To}); err != nil {
		return err
	}
	d.say("5. Running: tieout run --from %s --to %s", from.Format(time.DateOnly), yesterday.To.Format(time.DateOnly))
	show := newProgress(d.streams.err)
	a.Progress = show.hear
	sum, err := a.Run(ctx, jobs.Request{Steps: jobs.Steps, Range: jobs.Range{From: from, To: yesterday.To}})
	show.end()
	if err != nil {
		return err
	}
	printSummary(d.streams.out, sum)
	d.say("The differences that were planted are listed in %s.", filepath.Join(home, "planted.json"))
	d.say("Done in %.1f s. Open %s", sum.FinishedIn.Seconds(), filepath.Join(fromHere(sum.Dir), "settlement.xlsx"))
	return nil
}

// serve starts the sandbox; stop ends it.
func serve(ctx context.Context, server *sandbox.Server) (stop func() error, err error) {
	serving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- server.ListenAndServe(serving, "127.0.0.1:0", func(string) error { close(ready); return nil })
	}()
	select {
	case <-ready:
		return func() error { cancel(); return <-ended }, nil
	case err := <-ended:
		cancel()
		return nil, err
	}
}

// began is when the demo of this range was first started: the payments' ages
// count from it, so that a second demo has the same payments.
func (d *demoOptions) began(home string, from time.Time) (time.Time, error) {
	path := filepath.Join(home, fmt.Sprintf("began-%s-%d-%d", from.Format(time.DateOnly), d.seed, d.payments))
	b, err := os.ReadFile(filepath.Clean(path))
	if err == nil {
		if t, err := time.Parse(time.RFC3339, string(b)); err == nil {
			return t, nil
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return time.Time{}, err
	}
	now := time.Now().UTC().Truncate(time.Second)
	return now, os.WriteFile(path, []byte(now.Format(time.RFC3339)), 0o600)
}

func writeWorld(home string, w corpus.World) error {
	payments, err := os.OpenFile(filepath.Join(home, "payments.csv"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(w.WritePaymentsCSV(payments), payments.Close()); err != nil {
		return err
	}
	for _, a := range w.Accounts {
		file, err := os.OpenFile(statementPath(home, a.Name), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		if err := errors.Join(w.WriteStatementCSV(file, a), file.Close()); err != nil {
			return err
		}
	}
	b, err := json.MarshalIndent(w.Planted, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(home, "planted.json"), append(b, '\n'), 0o600)
}

func statementPath(home, account string) string {
	return filepath.Join(home, "statement-"+account+".csv")
}

func (d *demoOptions) config(w corpus.World, s *sandbox.Server, loc *time.Location) (*config.Config, error) {
	cfg := config.Default()
	cfg.Database.Dir, cfg.Timezone, cfg.Location, cfg.Reports.Dir = d.dir, loc.String(), loc, d.out
	cfg.Matching.MetadataKeys = []string{corpus.MetadataKey}
	for _, a := range w.Accounts {
		p := config.Provider{
			Name: a.Name, Type: a.Type, BaseURL: s.BaseURL(a.Name), Credentials: s.Credentials(a.Name), Decimals: a.Scale,
			RateLimit: 500, Concurrency: 16, Timeout: 5 * time.Second,
		}
		if p.Type == "pawapay" { // the sandbox makes statements at once and calls nobody
			p.StatementCallbackURL, p.Options = "https://shop.example/statements", map[string]string{"statement_poll_interval": "100ms"}
		}
		cfg.Providers = append(cfg.Providers, p)
		if a.Type != corpus.Pivot {
			continue
		}
		for _, k := range []payment.Kind{payment.Deposit, payment.Payout} {
			cfg.Fees = append(cfg.Fees, config.Fee{Provider: a.Name, Kind: string(k), Currency: "IDR", Percent: "0", Fixed: corpus.PivotFee})
		}
	}
	return cfg, cfg.Validate(registry.Specs())
}

func (d *demoOptions) load(ctx context.Context, a *app, home string) error {
	path := filepath.Join(home, "payments.csv")
	in, err := os.Open(filepath.Clean(path))
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	got, err := a.ImportPayments(ctx, in, rejectAll, func(int64) {})
	if err != nil {
		return err
	}
	d.say("3. Imported %s: %d rows, %d new, %d changed, %d unchanged", path, got.Read, got.New, got.Changed, got.Unchanged)
	return nil
}

// loadStatements loads each provider's statement, which shows all of the range.
func (d *demoOptions) loadStatements(ctx context.Context, a *app, home string, span jobs.Range) error {
	claim := store.StatementClaim{From: span.From.AddDate(0, 0, -1).UTC(), To: span.To.AddDate(0, 0, 2).UTC(), Now: a.Now().UTC()}
	var rows int64
	for _, p := range a.Config.Providers {
		in, err := os.Open(statementPath(home, p.Name))
		if err != nil {
			return err
		}
		got, err := a.ImportStatement(ctx, p, in, claim, func(r statement.Reject) error {
			return fmt.Errorf("row %d of the demo's own statement of %s: %s %s", r.Number, p.Name, r.Field, r.Reason)
		}, func(int64) {})
		if err := errors.Join(err, in.Close()); err != nil {
			return err
		}
		rows += got.Read
	}
	d.say("4. Imported the statements of %d accounts, %s: %d rows", len(a.Config.Providers), statementPath(home, "*"), rows)
	return nil
}
