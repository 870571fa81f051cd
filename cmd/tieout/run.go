package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tieout/internal/payment"
	"tieout/jobs"
)

// runOptions are the flags of run and of each step.
type runOptions struct {
	*options
	from, to, date         string
	yesterday, outstanding bool
	providers              []string
	kind                   string
	recheck, dryRun, wait  bool
	out                    string
	failOnExceptions       bool
}

func (r *runOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&r.from, "from", "", "first `DATE` of the range, in the configured timezone (with --to)")
	f.StringVar(&r.to, "to", "", "last `DATE` of the range, included")
	f.StringVar(&r.date, "date", "", "the range is this one `DATE`")
	f.BoolVar(&r.yesterday, "yesterday", false, "the range is yesterday")
	f.BoolVar(&r.outstanding, "outstanding", false, "all that is not final yet, of the last ledger.lookback")
	f.StringArrayVar(&r.providers, "provider", nil, "only this configured provider `NAME` (repeatable)")
	f.StringVar(&r.kind, "kind", "", "only this `KIND`: payout or deposit")
	f.BoolVar(&r.recheck, "recheck", false, "ask for final payments again too")
	f.BoolVar(&r.dryRun, "dry-run", false, "read and compare, write nothing")
	f.StringVar(&r.out, "out", "", "`DIR` for the reports (default: reports.dir)")
	f.BoolVar(&r.wait, "wait", false, "wait for another run that holds the range")
	f.BoolVar(&r.failOnExceptions, "fail-on-exceptions", false, "exit 5 when exceptions are open")
}

func (r *runOptions) request(a *app, steps []jobs.Job) (jobs.Request, error) {
	rng, err := jobs.ParseRange(r.from, r.to, r.date, r.yesterday, r.outstanding, a.Now(), a.Config.Location)
	if err != nil {
		return jobs.Request{}, err
	}
	kind := payment.Kind(r.kind)
	if r.kind != "" && !kind.Valid() {
		return jobs.Request{}, &jobs.UsageError{Message: fmt.Sprintf("--kind %q is neither payout nor deposit", r.kind)}
	}
	return jobs.Request{
		Steps: steps, Range: rng, Providers: r.providers, Kind: kind, Recheck: r.recheck, DryRun: r.dryRun, Wait: r.wait,
		FailOnExceptions: r.failOnExceptions, Out: r.out,
	}, nil
}

// check finds wrong usage before anything is opened.
func (r *runOptions) check() error {
	cfg, err := r.load()
	if err != nil {
		return err
	}
	a := &app{Env: jobs.Env{Config: cfg, Now: time.Now}}
	req, err := r.request(a, jobs.Steps)
	if err != nil {
		return err
	}
	return a.CheckRequest(req)
}

func (r *runOptions) run(ctx context.Context, steps []jobs.Job) error {
	if err := r.check(); err != nil {
		return err
	}
	return r.with(ctx, func(a *app) error {
		req, err := r.request(a, steps)
		if err != nil {
			return err
		}
		show := newProgress(r.err)
		a.Progress = show.hear
		sum, err := a.Run(ctx, req)
		show.end()
		if err != nil {
			return err
		}
		printSummary(r.streams.out, sum)
		if sum.ExitCode != 0 {
			return &exit{sum.ExitCode}
		}
		return nil
	})
}

func newRun(o *options) *cobra.Command {
	r := &runOptions{options: o}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the whole pipeline for a range",
		Long: `Pulls the range's payments, polls the providers, matches, settles and publishes
the reports. A rerun of the same range makes a new version; nothing is ever
overwritten. A run that was killed is gone on with by the same command.

` + exitCodes,
		Example: `  tieout run --yesterday
  tieout run --from 2026-11-01 --to 2026-11-03 --provider pawapay-zm
  tieout run --outstanding --wait`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return r.run(cmd.Context(), jobs.Steps) },
	}
	r.addFlags(cmd)
	return cmd
}

// what each step does, for its help.
var stepHelp = map[jobs.Job]string{
	jobs.Pull:   "Take all payments of the range from the ledger",
	jobs.Poll:   "Ask the providers what became of the pulled payments",
	jobs.Match:  "Link both sides and classify every payment",
	jobs.Settle: "Add up the settlement lines and prove the control totals",
	jobs.Report: "Write the reports and publish them",
}

func newStep(o *options, job jobs.Job) *cobra.Command {
	r := &runOptions{options: o}
	cmd := &cobra.Command{
		Use:   string(job),
		Short: stepHelp[job],
		Long: stepHelp[job] + `: one step of the pipeline, for the same range as ` + "`tieout run`" + `.
The steps are ` + stepNames() + `. pull begins a run, or begins the one under way anew;
the others go on with it.

` + exitCodes,
		Example: fmt.Sprintf("  tieout %s --yesterday\n  tieout %s --from 2026-11-01 --to 2026-11-03", job, job),
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return r.run(cmd.Context(), []jobs.Job{job}) },
	}
	r.addFlags(cmd)
	return cmd
}

func stepNames() string {
	names := make([]string, len(jobs.Steps))
	for i, j := range jobs.Steps {
		names[i] = string(j)
	}
	return strings.Join(names, ", ")
}
