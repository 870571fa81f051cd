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

	"tieout/internal/callback"
	"tieout/jobs"
)

func newImportCallbacks(o *options) *cobra.Command {
	var rejects, name string
	cmd := &cobra.Command{
		Use:   "callbacks FILE.ndjson",
		Short: "Load raw callbacks of a provider as evidence",
		Long: `Loads raw callbacks (webhooks) that the merchant's endpoint has kept, one JSON
object a line:

  {"received_at": "2026-03-12T10:02:00Z", "headers": {"Signature": "..."}, "body": "{...}"}

headers holds each name with its value or a list of its values. body is exactly
what was received, as a text: a signature is made over each of its bytes. The
same file again changes nothing.

Nothing is believed by being imported. The next poll verifies what is new: what
proves that the provider sent it spares a question, everything else is a hint at
most. An endpoint can also write into the table tieout.callbacks itself.

Lines that are no callbacks are set aside in a reject file with line, field and
reason (default: x.rejects.csv for x.csv), and the rest goes on; then the exit code is 6.`,
		Example: "  tieout import callbacks --provider pawapay-zm callbacks.ndjson",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if rejects == "" {
				rejects = strings.TrimSuffix(args[0], filepath.Ext(args[0])) + ".rejects.csv"
			}
			if name == "" {
				return &jobs.UsageError{Message: "--provider NAME is missing: whose callbacks are these?"}
			}
			return o.with(cmd.Context(), func(a *app) error { return o.importCallbacks(cmd, a, name, args[0], rejects) })
		},
	}
	cmd.Flags().StringVar(&name, "provider", "", "configured `NAME` of the account that sent them")
	cmd.Flags().StringVar(&rejects, "rejects", "", "`FILE` for the lines that are set aside")
	return cmd
}

func (o *options) importCallbacks(cmd *cobra.Command, a *app, name, path, rejects string) error {
	var names []string
	known := false
	for _, p := range a.Config.Providers {
		names = append(names, p.Name)
		known = known || p.Name == name
	}
	if !known {
		return &jobs.UsageError{Message: fmt.Sprintf("--provider %s is not configured (configured: %s)", name, strings.Join(names, ", "))}
	}
	in, err := os.Open(filepath.Clean(path))
	if err != nil {
		return fmt.Errorf("import callbacks: %w", err)
	}
	defer func() { _ = in.Close() }()
	file := &rejectFile{path: rejects}
	w := csv.NewWriter(file)
	first := true
	got, err := a.Store.ImportCallbacks(cmd.Context(), name, in, func(r callback.Reject) error {
		if first {
			first = false
			if err := w.Write([]string{"line", "field", "reason"}); err != nil {
				return err
			}
		}
		return w.Write([]string{strconv.FormatInt(r.Line, 10), r.Field, r.Reason})
	})
	w.Flush()
	if err := errors.Join(err, w.Error(), file.Close()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	_, _ = fmt.Fprintf(o.out, "%d callbacks taken (%d new, %d known), %d set aside\n", got.Read, got.New, got.Unchanged, got.SetAside)
	if got.SetAside > 0 {
		_, _ = fmt.Fprintf(o.out, "What was set aside, with the reasons, is in %s: correct it and import it again.\n", rejects)
		return &exit{jobs.ExitSetAside}
	}
	return nil
}
