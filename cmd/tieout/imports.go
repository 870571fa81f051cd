package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"tieout/internal/ledger"
	"tieout/jobs"
)

func newImport(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Load the merchant's payments, or a provider's statement",
		Long:  "Loads files into tieout's database.",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newImportPayments(o), newImportStatement(o), newImportCallbacks(o))
	return cmd
}

func newImportPayments(o *options) *cobra.Command {
	var rejects string
	cmd := &cobra.Command{
		Use:   "payments FILE.csv",
		Short: "Load payments from a CSV file into the table payments",
		Long: `Loads payments from a CSV file (RFC 4180, UTF-8) whose header names the columns
  ` + strings.Join(ledger.Columns[:8], ", ") + `,
  ` + strings.Join(ledger.Columns[8:], ", ") + `
of which the last two may be left out. A row with the id of a known payment
replaces it unless its updated_at is older; the same rows again change nothing.

Rows that are no payments are set aside in a reject file with row, field, value
and reason (default: x.rejects.csv for x.csv), and the rest goes on; then the exit code
is 6. A header that is wrong ends the import before anything is read.`,
		Example: "  tieout import payments payments.csv\n  tieout import payments payments.csv --rejects /tmp/rejects.csv",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if rejects == "" {
				rejects = strings.TrimSuffix(args[0], filepath.Ext(args[0])) + ".rejects.csv"
			}
			return o.withStore(cmd.Context(), func(a *app) error { return o.importPayments(cmd, a, args[0], rejects) })
		},
	}
	cmd.Flags().StringVar(&rejects, "rejects", "", "`FILE` for the rows that are set aside")
	return cmd
}

func (o *options) importPayments(cmd *cobra.Command, a *app, path, rejects string) error {
	in, err := os.Open(filepath.Clean(path))
	if err != nil {
		return fmt.Errorf("import payments: %w", err)
	}
	defer func() { _ = in.Close() }()
	file := &rejectFile{path: rejects}
	w := csv.NewWriter(file)
	first := true
	hide, err := a.Masks(cmd.Context())
	if err != nil {
		return err
	}
	show := newProgress(o.err)
	got, err := a.ImportPayments(cmd.Context(), in, func(r ledger.Reject) error {
		if first {
			first = false
			if err := w.Write([]string{"row", "id", "field", "value", "reason"}); err != nil {
				return err
			}
		}
		return w.Write([]string{strconv.FormatInt(r.Row, 10), r.ID, r.Field, jobs.Shown(r.Field, r.Value, hide), r.Reason})
	}, func(n int64) { show.hear("import", path, n, 0) })
	show.end()
	w.Flush()
	if err := errors.Join(err, w.Error(), file.Close()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	_, _ = fmt.Fprintf(o.out, "%d rows taken (%d new, %d changed, %d unchanged, %d older than ours), %d set aside\n",
		got.Read, got.New, got.Changed, got.Unchanged, got.Older, got.SetAside)
	if got.SetAside > 0 {
		_, _ = fmt.Fprintf(o.out, "What was set aside, with the reasons, is in %s: correct it and import it again.\n", rejects)
		return &exit{jobs.ExitSetAside}
	}
	return nil
}
