package main

import (
	"github.com/spf13/cobra"
)

func newSchedule(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "schedule",
		Short: "Stay up and run the configured schedules",
		Long: `Runs the schedules of the configuration, in its timezone, until SIGTERM or
Ctrl-C. A tick is skipped while the last run of the same schedule still goes. On
the signal no new job begins and the running ones end; one that needs longer than
20 seconds is interrupted, and gone on with at its next tick.

For those without cron or Kubernetes; config/kubernetes has a CronJob.`,
		Example: "  tieout schedule --config tieout.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.with(cmd.Context(), func(a *app) error { return a.Schedule(cmd.Context()) })
		},
	}
}
