package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"tieout/internal/store"
	"tieout/jobs"
)

// closeOptions are the flags of close and of close reopen.
type closeOptions struct {
	*options
	from, to, date  string
	by, note, force string
	wait, asJSON    bool
}

func (c *closeOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&c.date, "date", "", "the business `DATE`, in the configured timezone")
	f.StringVar(&c.from, "from", "", "first `DATE` of several (with --to)")
	f.StringVar(&c.to, "to", "", "last `DATE` of several, included")
	f.StringVar(&c.by, "by", "", "`NAME` for the history (default: TIEOUT_USER, then the user of the operating system)")
	f.StringVar(&c.note, "note", "", "`TEXT` for the history")
	f.BoolVar(&c.wait, "wait", false, "wait for a run that holds the day")
	f.BoolVar(&c.asJSON, "json", false, "say what was done as JSON")
}

// request reads the flags before anything is opened.
func (c *closeOptions) request(cmd *cobra.Command, reopen bool) (jobs.CloseRequest, error) {
	req := jobs.CloseRequest{Note: strings.TrimSpace(c.note), Force: strings.TrimSpace(c.force), Reopen: reopen, Wait: c.wait}
	if c.date == "" && c.from == "" && c.to == "" {
		return req, usage("a day is needed: --date DATE, or --from DATE --to DATE")
	}
	if cmd.Flags().Changed("force") && req.Force == "" {
		return req, usage("--force needs the reason, which is kept: --force \"the provider is down until Monday\"")
	}
	cfg, err := c.load()
	if err != nil {
		return req, err
	}
	if req.Range, err = jobs.ParseRange(c.from, c.to, c.date, false, false, time.Now(), cfg.Location); err != nil {
		return req, err
	}
	req.Who, err = author(c.by)
	return req, err
}

func (c *closeOptions) run(ctx context.Context, cmd *cobra.Command, reopen bool) error {
	req, err := c.request(cmd, reopen)
	if err != nil {
		return err
	}
	return c.withStore(ctx, func(a *app) error {
		days, err := a.Close(ctx, req)
		if err != nil {
			return err
		}
		if c.asJSON {
			return printJSON(c.out, viewClosedDays(days))
		}
		for _, d := range days {
			date := d.BusinessDate.Format(time.DateOnly)
			if reopen {
				_, _ = fmt.Fprintf(c.out, "%s is open again: the next run shows it as it is now.\n", date)
				continue
			}
			_, _ = fmt.Fprintf(c.out, "%s is closed on version %d (run %s). What changes of it from now on is booked on the next open day.\n", date, d.Version, d.RunID)
		}
		return nil
	})
}

func newClose(o *options) *cobra.Command {
	c := &closeOptions{options: o}
	cmd := &cobra.Command{
		Use:   "close",
		Short: "Close a business day: later changes become adjustments of the next open one",
		Long: `Freezes a business date on the newest published version that covers all of it.
Later runs show its settlement lines as they were closed; what changes of its
payments (a late status, a resolved exception, a payment that reached the ledger
late, a late reversal) is an adjustment on the next open day, in adjustments.csv
and in the sheet Adjustments. The files of the closed version are kept.

A day whose payments could not all be asked is not closed, unless --force gives
a reason. Several days are closed together or not at all.

` + exitCodes,
		Example: `  tieout close --date 2026-11-18 --by "A. Wanjiru"
  tieout close --from 2026-11-01 --to 2026-11-30 --note "November"
  tieout close list
  tieout close reopen --date 2026-11-18 --note "wrong fee file"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context(), cmd, false) },
	}
	c.addFlags(cmd)
	cmd.Flags().StringVar(&c.force, "force", "", "close though payments could not be asked, or newer answers are known, for this `REASON`")
	cmd.AddCommand(newCloseList(o), newCloseReopen(o))
	return cmd
}

func newCloseReopen(o *options) *cobra.Command {
	c := &closeOptions{options: o}
	cmd := &cobra.Command{
		Use:   "reopen",
		Short: "Take a closing back; it stays in the history",
		Long: `Opens a closed business date again: its lines follow what is known, and what was
booked on it waits for the next day that is open. A day whose adjustments are
booked on a closed day can't be reopened before that day is.

` + exitCodes,
		Example: `  tieout close reopen --date 2026-11-18 --by "A. Wanjiru" --note "wrong fee file"`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context(), cmd, true) },
	}
	c.addFlags(cmd)
	return cmd
}

// closedDayView is a closing in JSON; its fields are stable.
type closedDayView struct {
	BusinessDate string     `json:"business_date"`
	RunID        string     `json:"run_id"`
	Version      int        `json:"version"`
	ClosedAt     time.Time  `json:"closed_at"`
	ClosedBy     string     `json:"closed_by"`
	Note         *string    `json:"note"`
	Forced       *string    `json:"forced"`
	ReopenedAt   *time.Time `json:"reopened_at"`
	ReopenedBy   *string    `json:"reopened_by"`
	ReopenNote   *string    `json:"reopen_note"`
}

func viewClosedDays(days []store.ClosedDay) []closedDayView {
	out := make([]closedDayView, 0, len(days))
	for i := range days {
		d := &days[i]
		v := closedDayView{BusinessDate: d.BusinessDate.Format(time.DateOnly), RunID: d.RunID, Version: d.Version, ClosedAt: d.ClosedAt.UTC(), ClosedBy: d.ClosedBy}
		for text, to := range map[*string]**string{&d.Note.String: &v.Note, &d.Forced.String: &v.Forced, &d.ReopenedBy.String: &v.ReopenedBy, &d.ReopenNote.String: &v.ReopenNote} {
			if *text != "" {
				*to = text
			}
		}
		if d.ReopenedAt.Valid {
			at := d.ReopenedAt.Time.UTC()
			v.ReopenedAt = &at
		}
		out = append(out, v)
	}
	return out
}

func newCloseList(o *options) *cobra.Command {
	var asJSON, history bool
	var limit int
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the closed days",
		Example: "  tieout close list\n  tieout close list --history --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.withStore(cmd.Context(), func(a *app) error {
				days, err := a.Store.ClosedDays(cmd.Context(), history, limit)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(o.out, viewClosedDays(days))
				}
				t := newTable(o.out, 3)
				t.AppendHeader(table.Row{"Day", "Run", "Version", "Closed", "By", "Note", "Forced", "Reopened", "By", "Note"})
				for _, v := range viewClosedDays(days) {
					t.AppendRow(table.Row{v.BusinessDate, v.RunID, v.Version, local(&v.ClosedAt, a), v.ClosedBy, deref(v.Note), deref(v.Forced), local(v.ReopenedAt, a), deref(v.ReopenedBy), deref(v.ReopenNote)})
				}
				t.Render()
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&history, "history", false, "with closings that were taken back")
	cmd.Flags().IntVar(&limit, "limit", 40, "how many")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}
