package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tieout/config"
	"tieout/internal/statement"
	"tieout/internal/store"
	"tieout/jobs"
)

// statementFlags are those of `import statement`.
type statementFlags struct {
	provider, rejects, from, to string
	partial, replace            bool
}

func newImportStatement(o *options) *cobra.Command {
	var f statementFlags
	cmd := &cobra.Command{
		Use:   "statement --provider NAME FILE",
		Short: "Load a provider's statement (CSV or XLSX) to compare with its status answers",
		Long: `Loads a provider's statement, CSV (also gzipped) or XLSX, whose header names the
columns
  ` + strings.Join(statement.Columns[:6], ", ") + `,
  ` + strings.Join(statement.Columns[6:], ", ") + `
The first or the second, amount and currency must be there; others are passed
over. A provider's own headers are known for pawapay, pesaway and pivot, and can
be mapped with statement_columns in the configuration.

The next run compares payments, status answers and statements. A statement is
taken to show every movement of the days from its first row to its last: say
--from and --to where it covers other days, --partial where it is an extract.

The same file, or another with some of its rows, changes nothing. A file that
corrects an earlier one changes the rows that it shows; with --replace it also
takes away those of the time it covers that it does not show any more. Rows that are
no rows of a statement are set aside in a reject file with row, field, value and
reason (default: x.rejects.csv for x.csv); then the exit code is 6.`,
		Example: "  tieout import statement --provider pawapay-zm statement.csv\n  tieout import statement --provider pesaswap-ke march.xlsx --from 2026-03-01 --to 2026-03-31",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.rejects == "" {
				f.rejects = strings.TrimSuffix(strings.TrimSuffix(args[0], ".gz"), filepath.Ext(strings.TrimSuffix(args[0], ".gz"))) + ".rejects.csv"
			}
			return o.with(cmd.Context(), func(a *app) error { return o.importStatement(cmd, a, args[0], f) })
		},
	}
	cmd.Flags().StringVar(&f.provider, "provider", "", "`NAME` of the provider in the configuration")
	cmd.Flags().StringVar(&f.rejects, "rejects", "", "`FILE` for the rows that are set aside")
	cmd.Flags().StringVar(&f.from, "from", "", "first `DATE` that the statement covers, in the configured timezone")
	cmd.Flags().StringVar(&f.to, "to", "", "last `DATE` that it covers")
	cmd.Flags().BoolVar(&f.replace, "replace", false, "the file replaces what earlier ones showed of the time that it covers")
	cmd.Flags().BoolVar(&f.partial, "partial", false, "the file is an extract: what it lacks means nothing")
	return cmd
}

// claim says what time the statement covers.
func (f statementFlags) claim(a *app) (store.StatementClaim, error) {
	c := store.StatementClaim{Partial: f.partial, Replace: f.replace, Now: a.Now().UTC()}
	if f.partial && f.replace {
		return c, usage("--replace is given together with --partial: an extract can't tell what is not there any more")
	}
	if (f.from == "") != (f.to == "") || f.partial && f.from != "" {
		return c, usage("give --from and --to together, or --partial, or none of them")
	}
	if f.from == "" {
		return c, nil
	}
	from, err := time.ParseInLocation(time.DateOnly, f.from, a.Config.Location)
	if err != nil {
		return c, usage("--from %q is no date such as 2026-03-31", f.from)
	}
	to, err := time.ParseInLocation(time.DateOnly, f.to, a.Config.Location)
	if err != nil {
		return c, usage("--to %q is no date such as 2026-03-31", f.to)
	}
	if to.Before(from) {
		return c, usage("--to is before --from")
	}
	c.From, c.To = from.UTC(), to.AddDate(0, 0, 1).UTC()
	return c, nil
}

func providerNamed(cfg *config.Config, name string) (config.Provider, error) {
	i := slices.IndexFunc(cfg.Providers, func(p config.Provider) bool { return p.Name == name })
	if i >= 0 {
		return cfg.Providers[i], nil
	}
	var known []string
	for _, p := range cfg.Providers {
		known = append(known, p.Name)
	}
	if name == "" {
		return config.Provider{}, usage("--provider is missing: whose statement is it? Known: %s", strings.Join(known, ", "))
	}
	return config.Provider{}, usage("--provider %q is not in the configuration; known: %s", name, strings.Join(known, ", "))
}

func (o *options) importStatement(cmd *cobra.Command, a *app, path string, f statementFlags) error {
	p, err := providerNamed(a.Config, f.provider)
	if err != nil {
		return err
	}
	claim, err := f.claim(a)
	if err != nil {
		return err
	}
	in, err := os.Open(filepath.Clean(path))
	if err != nil {
		return fmt.Errorf("import statement: %w", err)
	}
	defer func() { _ = in.Close() }()
	file := &rejectFile{path: f.rejects}
	w := csv.NewWriter(file)
	first := true
	show := newProgress(o.err)
	got, err := a.ImportStatement(cmd.Context(), p, in, claim, func(r statement.Reject) error {
		if first {
			first = false
			if err := w.Write([]string{"row", "field", "value", "reason"}); err != nil {
				return err
			}
		}
		return w.Write([]string{strconv.FormatInt(r.Number, 10), r.Field, r.Value, r.Reason})
	}, func(n int64) { show.hear("import", path, n, 0) })
	show.end()
	w.Flush()
	if err := errors.Join(err, w.Error(), file.Close()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	_, _ = fmt.Fprintf(o.out, "%d rows taken (%d new, %d changed, %d unchanged), %d set aside\n", got.Read, got.New, got.Changed, got.Unchanged, got.SetAside)
	if got.Forgotten > 0 {
		_, _ = fmt.Fprintf(o.out, "%d rows of earlier files that this one does not show were taken away\n", got.Forgotten)
	}
	if got.Timeless > 0 {
		_, _ = fmt.Fprintf(o.out, "%s without a time (created_at or completed_at): each counts for the payment that it names, and for nothing else.\n", plural(got.Timeless, "row"))
	}
	if got.SetAside > 0 {
		_, _ = fmt.Fprintf(o.out, "What was set aside, with the reasons, is in %s. A statement with such rows proves no absence and no total: correct it and import it again.\n", f.rejects)
		return &exit{jobs.ExitSetAside}
	}
	return nil
}
