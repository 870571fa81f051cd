package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"tieout/jobs"
)

func newPrune(o *options) *cobra.Command {
	var dry bool
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove what the configured retention keeps no longer",
		Long: `Removes what is older than the section retention of the configuration says; every
run ends with the same, for half a minute at most. Without that section everything is
kept.

  report_files   the files of versions that a newer version of their range has
                 replaced, from Postgres and from their folders. Their names,
                 sizes and digests stay, and manifest.json.
  observations   answers of providers that only repeat an earlier one, and
                 failures. Each different answer stays, and whatever an open
                 exception rests on.
  working_rows   the working rows of runs that published nothing. Their line in
                 ` + "`tieout runs list`" + ` stays.

The newest version of a range is never touched, nor one on which a day was closed.`,
		Example: "  tieout prune --dry-run\n  tieout prune",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.withStore(cmd.Context(), func(a *app) error {
				if !a.Config.Retention.Any() {
					return &jobs.UsageError{Message: "retention is not configured in " + a.Config.Path + ": everything is kept"}
				}
				out, err := a.Prune(cmd.Context(), dry)
				verb := "Removed"
				if dry {
					verb = "Would remove"
				}
				var files, size int64
				for _, v := range out.Versions {
					files, size = files+v.Files, size+v.Size
					_, _ = fmt.Fprintf(o.out, "%s: run %s, %s/v%d, %s\n", verb, v.RunID, fromHere(v.Folder), v.Version, plural(v.Files, "file"))
				}
				_, _ = fmt.Fprintf(o.out, "%s %s of %s (%d bytes), %s, and the working rows of %s.\n", verb,
					plural(files, "file"), plural(int64(len(out.Versions)), "version"), size, plural(out.Observations, "observation"), plural(int64(len(out.WorkingRuns)), "run"))
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would be removed, remove nothing")
	return cmd
}
