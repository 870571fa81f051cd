package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"tieout/internal/store"
	"tieout/jobs"
	"tieout/reports"
)

func newRuns(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "History: what ran, and the files of past runs",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newRunsList(o), newRunsShow(o), newRunsFiles(o))
	return cmd
}

// runView is a run in JSON; its fields are stable.
type runView struct {
	ID         string     `json:"id"`
	From       string     `json:"from"`
	To         string     `json:"to"`
	Selection  string     `json:"selection"`
	Version    *int64     `json:"version"`
	Status     string     `json:"status"`
	StartedAt  time.Time  `json:"started_at"`
	FinishedAt *time.Time `json:"finished_at"`
	Coverage   *string    `json:"coverage"`
	ExitCode   *int64     `json:"exit_code"`
	Providers  []string   `json:"providers"`
	Kinds      []string   `json:"kinds"`
	Folder     string     `json:"folder"`
	Requests   int64      `json:"requests"`
	Notes      []string   `json:"notes"`
	Error      *string    `json:"error"`
	// FilesRemovedAt is when retention removed the files; `runs show` tells it.
	FilesRemovedAt *time.Time `json:"files_removed_at,omitempty"`
}

func viewRun(r store.Run) runView {
	v := runView{
		ID: r.ID, From: r.FromDate.Format(time.DateOnly), To: r.ToDate.Format(time.DateOnly), Selection: r.Selection, Status: r.Status,
		StartedAt: r.StartedAt.UTC(), Providers: r.Providers, Kinds: r.Kinds, Folder: r.Folder, Requests: r.Requests, Notes: r.Notes,
	}
	if r.Version.Valid {
		v.Version = &r.Version.Int64
	}
	if r.FinishedAt.Valid {
		at := r.FinishedAt.Time.UTC()
		v.FinishedAt = &at
	}
	if r.Coverage.Valid {
		v.Coverage = &r.Coverage.String
	}
	if r.ExitCode.Valid {
		v.ExitCode = &r.ExitCode.Int64
	}
	if r.Error.Valid {
		v.Error = &r.Error.String
	}
	return v
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func newRunsList(o *options) *cobra.Command {
	var asJSON bool
	var limit int
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the newest runs",
		Example: "  tieout runs list\n  tieout runs list --limit 5 --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.withStore(cmd.Context(), func(a *app) error {
				runs, err := a.Store.Runs(cmd.Context(), limit)
				if err != nil {
					return err
				}
				if asJSON {
					views := make([]runView, len(runs))
					for i, r := range runs {
						views[i] = viewRun(r)
					}
					return printJSON(o.out, views)
				}
				t := newTable(o.out, 5, 9, 10)
				t.AppendHeader(table.Row{"Run", "From", "To", "Selection", "Version", "Status", "Started", "Finished", "Coverage", "Exit"})
				for _, r := range runs {
					v := viewRun(r)
					t.AppendRow(table.Row{v.ID, v.From, v.To, v.Selection, deref(v.Version), v.Status, local(&r.StartedAt, a), local(v.FinishedAt, a), deref(v.Coverage), deref(v.ExitCode)})
				}
				t.Render()
				return nil
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "how many")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

func deref[T any](p *T) any {
	if p == nil {
		return ""
	}
	return *p
}

func local(t *time.Time, a *app) string {
	if t == nil {
		return ""
	}
	return t.In(a.Config.Location).Format("2006-01-02 15:04:05")
}

func newRunsShow(o *options) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "show ID",
		Short:   "Show one run with its files",
		Example: "  tieout runs show 01KAJ7Q3W9",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.withStore(cmd.Context(), func(a *app) error {
				r, err := a.Store.RunByID(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				files, err := a.Store.Files(cmd.Context(), r.ID)
				if err != nil {
					return err
				}
				rejects, err := a.Rejects(cmd.Context(), r)
				if err != nil {
					return err
				}
				deliveries, err := a.Store.Deliveries(cmd.Context(), r.ID)
				if err != nil {
					return err
				}
				v := viewRun(*r)
				at, removed, err := a.Store.FilesRemoved(cmd.Context(), r.ID)
				if err != nil {
					return err
				}
				if removed {
					at = at.UTC()
					v.FilesRemovedAt = &at
				}
				if asJSON {
					return printJSON(o.out, struct {
						runView
						Files      any              `json:"files"`
						SetAside   []reports.Reject `json:"set_aside"`
						Deliveries []deliveryView   `json:"deliveries"`
					}{v, files, rejects, viewDeliveries(deliveries)})
				}
				t := newTable(o.out)
				for _, row := range []table.Row{
					{"Run", v.ID},
					{"Range", v.From + " to " + v.To},
					{"Selection", v.Selection},
					{"Version", deref(v.Version)},
					{"Status", v.Status},
					{"Started", local(&r.StartedAt, a)},
					{"Finished", local(v.FinishedAt, a)},
					{"Coverage", deref(v.Coverage)},
					{"Exit code", deref(v.ExitCode)},
					{"Providers", strings.Join(v.Providers, ", ")},
					{"Kinds", strings.Join(v.Kinds, ", ")},
					{"Requests", v.Requests},
					{"Folder", v.Folder},
				} {
					t.AppendRow(row)
				}
				for _, n := range v.Notes {
					t.AppendRow(table.Row{"Note", n})
				}
				if v.Error != nil {
					t.AppendRow(table.Row{"Error", *v.Error})
				}
				if v.FilesRemovedAt != nil {
					t.AppendRow(table.Row{"Files", "removed by retention " + local(v.FilesRemovedAt, a) + "; a newer version has replaced them"})
				}
				for _, f := range files {
					t.AppendRow(table.Row{"File", fmt.Sprintf("%s (%d bytes, sha256 %s)", f.Name, f.Size, f.SHA256)})
				}
				for i, x := range rejects {
					if i == mostRejects {
						t.AppendRow(table.Row{"Set aside", fmt.Sprintf("and %d more: %s and --json name each", len(rejects)-i, reports.RejectsFile)})
						break
					}
					t.AppendRow(table.Row{"Set aside", fmt.Sprintf("payment %q, %s %q: %s", x.PaymentID, x.Field, x.Value, x.Reason)})
				}
				for _, d := range deliveries {
					t.AppendRow(table.Row{"Delivery", deliveryWords(d, a)})
				}
				t.Render()
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

// mostRejects is how many rows that were set aside a person wants to see at once.
const mostRejects = 20

// deliveryView is a delivery in JSON; its fields are stable.
type deliveryView struct {
	Target      string     `json:"target"`
	Type        string     `json:"type"`
	State       string     `json:"state"`
	Attempts    int        `json:"attempts"`
	DeliveredAt *time.Time `json:"delivered_at"`
	LastError   *string    `json:"last_error"`
}

func viewDeliveries(all []store.Delivery) []deliveryView {
	out := []deliveryView{}
	for _, d := range all {
		v := deliveryView{Target: d.Target, Type: d.Type, State: d.State, Attempts: d.Attempts}
		if d.DeliveredAt.Valid {
			at := d.DeliveredAt.Time.UTC()
			v.DeliveredAt = &at
		}
		if d.LastError.Valid {
			v.LastError = &d.LastError.String
		}
		out = append(out, v)
	}
	return out
}

// deliveryWords is a delivery in one line.
func deliveryWords(d store.Delivery, a *app) string {
	out := fmt.Sprintf("%s (%s): ", d.Target, d.Type)
	switch {
	case d.State == store.DeliveryDone:
		return out + "delivered " + local(&d.DeliveredAt.Time, a)
	case d.Attempts == 0:
		return out + "due"
	default:
		return out + fmt.Sprintf("%s after %s: %s", strings.ReplaceAll(d.State, "_", " "), plural(int64(d.Attempts), "attempt"), d.LastError.String)
	}
}

func newRunsFiles(o *options) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:     "files ID --out DIR",
		Short:   "Give a past run's files back from Postgres",
		Long:    "Writes the files of a published run into DIR/<ID>, as they were published, and proves their digests.",
		Example: "  tieout runs files 01KAJ7Q3W9 --out /tmp/reports",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return &jobs.UsageError{Message: "--out DIR is needed"}
			}
			return o.withStore(cmd.Context(), func(a *app) error {
				r, err := a.Store.RunByID(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				dir := filepath.Join(out, r.ID)
				if err := os.MkdirAll(dir, 0o750); err != nil {
					return err
				}
				if err := a.WriteFiles(cmd.Context(), r.ID, dir); err != nil {
					return err
				}
				_, _ = fmt.Fprintf(o.out, "The files of run %s are in %s.\n", r.ID, dir)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "`DIR` for the files")
	return cmd
}
