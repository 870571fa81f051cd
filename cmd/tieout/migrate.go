package main

import (
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
)

func newMigrate(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "The schema of tieout's database",
		Long:  "The schema only ever goes forward. `tieout run` migrates by itself unless database.migrate is false.",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		&cobra.Command{
			Use:     "up",
			Short:   "Bring the schema up to date",
			Example: "  tieout migrate up",
			Args:    cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return o.withSchema(cmd.Context(), func(a *app) error {
					n, err := a.Store.Migrate(cmd.Context())
					if err == nil {
						_, err = fmt.Fprintf(o.out, "The schema is up to date (%s taken).\n", plural(int64(n), "step"))
					}
					return err
				})
			},
		},
		&cobra.Command{
			Use:     "status",
			Short:   "Show which steps of the schema were taken",
			Example: "  tieout migrate status",
			Args:    cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return o.withSchema(cmd.Context(), func(a *app) error {
					all, err := a.Store.MigrationStatus(cmd.Context())
					if err != nil {
						return err
					}
					t := newTable(o.out)
					t.AppendHeader(table.Row{"Step", "Taken"})
					for _, m := range all {
						taken := "pending"
						if m.Applied != nil {
							taken = local(m.Applied, a)
						}
						t.AppendRow(table.Row{m.Name, taken})
					}
					t.Render()
					return nil
				})
			},
		})
	return cmd
}
