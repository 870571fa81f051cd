package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"tieout/jobs"
)

func newDeliver(o *options) *cobra.Command {
	var runID string
	cmd := &cobra.Command{
		Use:   "deliver",
		Short: "Deliver what is due: reports to storage, announcements by e-mail and webhook",
		Long: `Puts the reports of published runs into the storages of the configuration's
section delivery and announces them, as far as that is still due: what a run could
not deliver, or what it had no time for. The next run does the same by itself.
` + "`tieout runs show ID`" + ` tells what became of a run's deliveries.

With --run, that run's deliveries alone, also those that were given up, and those
to targets that were configured after it. What was delivered is not sent again.

The exit code is 1 when something could not be delivered.`,
		Example: "  tieout deliver\n  tieout deliver --run 01KAJ7Q3W9",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.withStore(cmd.Context(), func(a *app) error {
				if len(a.Config.Delivery.Targets) == 0 {
					return &jobs.UsageError{Message: "delivery.targets names no target in " + a.Config.Path}
				}
				done, err := a.Deliver(cmd.Context(), runID)
				if err != nil {
					return err
				}
				if len(done) == 0 {
					_, _ = fmt.Fprintln(o.out, "Nothing is due.")
				}
				printDeliveries(o.out, done)
				gone, err := a.Unconfigured(cmd.Context())
				if err != nil {
					return err
				}
				if len(gone) > 0 {
					_, _ = fmt.Fprintf(o.out, "Something is still due to targets that are not configured any more: %s.\n", strings.Join(gone, ", "))
				}
				for _, d := range done {
					if !d.Done {
						return &exit{jobs.ExitFailed}
					}
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&runID, "run", "", "only the run with this `ID`, to all targets")
	return cmd
}

// printDeliveries says what was delivered and what was not.
func printDeliveries(w io.Writer, all []jobs.Delivery) {
	for _, d := range all {
		if d.Done {
			_, _ = fmt.Fprintf(w, "✓ Delivered %s.\n", d)
		}
	}
	failed := false
	for _, d := range all {
		if !d.Done {
			_, _ = fmt.Fprintf(w, "✗ Not delivered: %s.\n", d)
			failed = failed || !d.GivenUp
		}
	}
	if failed {
		_, _ = fmt.Fprintln(w, "The next run tries again, and so does `tieout deliver`.")
	}
}
