package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"tieout/internal/store"
	"tieout/jobs"
	"tieout/reports"
)

// exceptionImport are the flags of exceptions import.
type exceptionImport struct {
	*options
	by, run      string
	skip, asJSON bool
}

func newExceptionsImport(o *options) *cobra.Command {
	i := &exceptionImport{options: o}
	cmd := &cobra.Command{
		Use:   "import FILE.xlsx",
		Short: "Take back exceptions.xlsx after people filled Owner, Resolution and Note",
		Long: `Takes the columns Owner, Resolution and Note of an exceptions.xlsx; nothing else is
read back. It may have been saved by Excel or LibreOffice, sorted, and have its
columns moved: they are found by their headers.

Only rows that differ from what the run published are taken. Clearing a resolution
opens the exception again. A row is a conflict where another person has changed the
exception since, or where it is resolved on figures that have changed since. Bad
cells and conflicts are listed with sheet and address, and then nothing is taken
(exit code 1); with --skip-conflicts they are set aside and the other rows are
taken (exit code 6). The same file again changes nothing.

` + exitCodes,
		Example: `  tieout exceptions import exceptions.xlsx --by jane
  tieout exceptions import exceptions.xlsx --skip-conflicts --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return i.take(cmd.Context(), args[0]) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&i.by, "by", "", "`NAME` for the history (default: TIEOUT_USER, then the user of the operating system)")
	f.BoolVar(&i.skip, "skip-conflicts", false, "set rows with conflicts or bad cells aside and take the others")
	f.StringVar(&i.run, "run", "", "`ID` of the workbook's run, where its sheet About is lost")
	f.BoolVar(&i.asJSON, "json", false, "say what was done as JSON")
	return cmd
}

func (i *exceptionImport) take(ctx context.Context, path string) error {
	who, err := author(i.by)
	if err != nil {
		return err
	}
	filled, err := reports.ReadBack(path)
	if err != nil {
		return err
	}
	switch {
	case i.run == "" && filled.RunID == "":
		return usage("%s has lost its sheet About, which names the run: give --run ID (see `tieout runs list`)", path)
	case filled.RunID == "":
		filled.RunID = i.run
	case i.run != "" && !strings.EqualFold(i.run, filled.RunID):
		return usage("%s is of run %s, not of %s", path, filled.RunID, i.run)
	}
	return i.with(ctx, func(a *app) error {
		got, err := a.Store.TakeBack(ctx, filled, store.TakeBackOptions{Who: who, File: filepath.Base(path), Skip: i.skip})
		if err != nil {
			return err
		}
		if i.asJSON {
			err = printJSON(i.out, got)
		} else {
			i.say(got)
		}
		switch {
		case len(got.Aside) == 0 || err != nil:
			return err
		case i.skip:
			return &exit{jobs.ExitSetAside}
		case i.asJSON:
			return &exit{jobs.ExitFailed}
		default:
			return errors.New("nothing was taken: correct the cells and import again, or add --skip-conflicts to take the other rows")
		}
	})
}

func (i *exceptionImport) say(got store.TakenBack) {
	for _, x := range got.Aside {
		what := "bad cell"
		if x.Conflict {
			what = "conflict"
		}
		id := ""
		if x.ID != "" {
			id = x.ID + ": "
		}
		_, _ = fmt.Fprintf(i.out, "%s %s!%s: %s%s\n", what, x.Sheet, x.Cell, id, x.Reason)
	}
	_, _ = fmt.Fprintf(i.out, "%s of run %s, %d filled: %d taken, %d so before, %d set aside\n",
		plural(int64(got.Rows), "row"), got.RunID, got.Filled, len(got.Taken), got.Already, len(got.Aside))
}
