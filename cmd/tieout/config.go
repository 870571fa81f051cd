package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"tieout/config"
	"tieout/jobs"
)

func newConfig(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "The configuration",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "check",
		Short: "Validate the configuration",
		Long: `Reads the configuration and lists every mistake with its line and key. It
touches neither database nor providers: see ` + "`tieout doctor`" + `.`,
		Example: "  tieout config check --config tieout.yaml",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := o.load()
			if err != nil {
				return err
			}
			if _, err := (&jobs.Env{Config: cfg}).Rates(); err != nil {
				return err
			}
			_, err = fmt.Fprintf(o.out, "%s is valid: %s, %s, timezone %s, digest %.12s\n", cfg.Path, providers(cfg),
				plural(int64(len(cfg.Schedules)), "schedule"), cfg.Timezone, cfg.Digest)
			return err
		},
	})
	return cmd
}

func providers(cfg *config.Config) string { return plural(int64(len(cfg.Providers)), "provider") }
