package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tieout/internal/ledger"
	"tieout/internal/payment"
)

func newDoctor(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Try the database, the ledger, the providers and the delivery targets",
		Long: `Tries what a run needs, one after the other, and says what to do about what does
not work: the database and its schema, the ledger source, one cheap
authenticated call to each provider, and each target of delivery, to which
nothing is sent. It changes nothing but, where database.migrate allows it, the
schema. The exit code is 1 when something failed.`,
		Example: "  tieout doctor --config tieout.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.with(cmd.Context(), func(a *app) error { return o.doctor(cmd.Context(), a) })
		},
	}
}

func (o *options) doctor(ctx context.Context, a *app) error {
	failed := false
	say := func(what, found string, err error) {
		mark := "✓"
		if err != nil {
			mark, found, failed = "✗", err.Error(), true
		}
		_, _ = fmt.Fprintf(o.out, "%s %-24s %s\n", mark, what, found)
	}
	say("configuration", a.Config.Path, nil)
	say("database", "reached, its schema is up to date", a.Store.CheckSchema(ctx))
	var seen, bad int64
	to := a.Now()
	err := a.Ledger.Read(ctx, a.LedgerRules(), to.AddDate(0, 0, -7), to,
		func(payment.Payment) error { seen++; return nil }, func(ledger.Reject) error { bad++; return nil })
	say("ledger", fmt.Sprintf("%d payments of the last 7 days, %d rows that are no payments", seen, bad), err)
	for _, p := range a.Config.Providers {
		found, err := func() (string, error) {
			ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
			defer cancel()
			client, http, _, err := a.Client(p)
			if err != nil {
				return "", err
			}
			defer http.CloseIdleConnections()
			return client.Check(ctx)
		}()
		say("provider "+p.Name, found, err)
	}
	for _, t := range a.Config.Delivery.Targets {
		found, err := func() (string, error) {
			ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
			defer cancel()
			return a.CheckTarget(ctx, t)
		}()
		say(t.Type+" "+t.Name, found, err)
	}
	if failed {
		return &exit{1}
	}
	return nil
}
