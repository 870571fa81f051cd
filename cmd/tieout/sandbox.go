package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"tieout/internal/corpus"
	"tieout/internal/ledger"
	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/sandbox"
	"tieout/jobs"
)

// sandboxOptions are the flags of sandbox.
type sandboxOptions struct {
	*options
	listen, payments, planted, faults string
	n                                 int
	seed                              int64
}

func newSandbox(o *options) *cobra.Command {
	s := &sandboxOptions{options: o}
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "Serve the four providers' APIs locally",
		Long:  sandbox.Help,
		Example: `  tieout sandbox
  tieout sandbox --payments payments.csv --seed 7 --planted planted.json
  tieout sandbox --faults faults.yaml --listen 127.0.0.1:8484`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.StringVar(&s.listen, "listen", "127.0.0.1:8484", "`ADDR` to listen on")
	f.StringVar(&s.payments, "payments", "", "make the providers' side of these payments (`FILE` as for import payments); else both sides are made up")
	f.StringVar(&s.planted, "planted", "", "write the list of planted differences to `FILE`")
	f.StringVar(&s.faults, "faults", "", "`FILE` with faults to inject")
	f.IntVar(&s.n, "count", 2000, "how many payments to make up")
	f.Int64Var(&s.seed, "seed", 1, "another seed makes other answers")
	return cmd
}

func (s *sandboxOptions) run(ctx context.Context) error {
	log, err := s.logger()
	if err != nil {
		return err
	}
	world, err := s.world()
	if err != nil {
		return err
	}
	if s.planted != "" {
		f, err := os.OpenFile(filepath.Clean(s.planted), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		if err := world.WritePlanted(f); err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return sandbox.Run(ctx, sandbox.RunOptions{
		Options: sandbox.Options{Seed: s.seed, Log: log}, Addr: s.listen, World: world, FaultsFile: s.faults, Out: s.streams.out,
	})
}

// world is made up, or follows the merchant's payments.
func (s *sandboxOptions) world() (corpus.World, error) {
	accounts := corpus.DefaultAccounts()
	now := time.Now().UTC()
	loc, err := time.LoadLocation("Africa/Nairobi")
	if err != nil {
		return corpus.World{}, err
	}
	if s.payments == "" {
		from := now.In(loc).AddDate(0, 0, -3)
		return corpus.Generate(corpus.Options{Seed: s.seed, Payments: s.n, From: from, Days: 3, Location: loc, Now: now}), nil
	}
	rules := ledger.Rules{Scales: map[string]money.Scale{}}
	for _, a := range accounts {
		rules.Scales[a.Name] = a.Scale
	}
	in, err := os.Open(filepath.Clean(s.payments))
	if err != nil {
		return corpus.World{}, err
	}
	defer func() { _ = in.Close() }()
	var list []payment.Payment
	err = rules.ReadCSV(in, func(p payment.Payment) error { list = append(list, p); return nil }, func(r ledger.Reject) error {
		return &jobs.UsageError{Message: fmt.Sprintf("%s: row %d: %s: %s", s.payments, r.Row, r.Field, r.Reason)}
	})
	if err != nil {
		return corpus.World{}, err
	}
	return corpus.FromPayments(s.seed, accounts, list, corpus.Options{Location: loc, Now: now}), nil
}

func rejectAll(r ledger.Reject) error {
	return fmt.Errorf("row %d: %s: %s", r.Row, r.Field, r.Reason)
}
