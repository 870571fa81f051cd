// Package jobs is the pipeline: pull, poll, match, settle, report, one file a
// step, each of which can be run alone, run again, and gone on with after a
// crash from what stands in Postgres.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"tieout/config"
	"tieout/internal/exception"
	"tieout/internal/ledger"
	"tieout/internal/mask"
	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/rates"
	"tieout/internal/store"
	"tieout/reports"
)

// Job is one step of the pipeline.
type Job string

// The steps, in their order.
const (
	Pull   Job = "pull"
	Poll   Job = "poll"
	Match  Job = "match"
	Settle Job = "settle"
	Report Job = "report"
)

// Steps is the whole pipeline.
var Steps = []Job{Pull, Poll, Match, Settle, Report}

// Progress hears how far a step is; total is 0 where it is not known.
type Progress func(job Job, what string, done, total int64)

// Env is what the jobs work with.
type Env struct {
	Config   *config.Config
	Store    *store.Store
	Ledger   *store.Ledger
	Specs    []provider.Spec
	Log      zerolog.Logger
	Progress Progress
	Now      func() time.Time
	Version  string // of tieout
}

// Request says what to run.
type Request struct {
	Steps            []Job
	Range            Range
	Providers        []string // none: all
	Kind             payment.Kind
	Recheck          bool
	DryRun           bool
	Wait             bool
	FailOnExceptions bool
	Out              string // replaces reports.dir
	// Sparing obeys the retry ladders: a scheduled poll does.
	Sparing bool
}

// Summary is what a run found, for the person who started it.
type Summary struct {
	RunID      string
	Version    int
	Dir        string // of the reports; empty where none were written
	Pulled     store.Pulled
	Matched    store.Matched
	Figures    reports.Figures
	NotPolled  int64
	Open       int64 // exceptions
	DryRun     bool
	Coverage   string
	ExitCode   int
	Steps      []Job
	Requests   int64
	Deliveries []Delivery // of this run, and of earlier ones that were due
	FinishedIn time.Duration
}

// Exit codes, documented for users in the README and in each command's help.
const (
	ExitDone       = 0
	ExitFailed     = 1
	ExitUsage      = 2
	ExitCoverage   = 3
	ExitBusy       = 4
	ExitExceptions = 5
	ExitSetAside   = 6
	ExitInterrupt  = 130
)

// UsageError is a mistake of the person who called.
type UsageError struct{ Message string }

func (e *UsageError) Error() string { return e.Message }

// ErrTotals says that a control total does not tie: nothing was published.
var ErrTotals = errors.New("the control totals do not tie; nothing was published")

// Run runs the steps of a request over its range.
func (e *Env) Run(ctx context.Context, req Request) (Summary, error) {
	began := e.Now()
	sel, err := e.selection(req)
	if err != nil {
		return Summary{}, err
	}
	if slices.Contains(req.Steps, Report) && !req.DryRun {
		if err := os.MkdirAll(e.dir(req), 0o750); err != nil {
			return Summary{}, fmt.Errorf("reports.dir: %w", err)
		}
	}
	// before anything is asked: a mistake in the file must not show after an hour
	table, err := e.Rates()
	if err != nil {
		return Summary{}, err
	}
	env := *e
	if req.DryRun {
		dry, end, err := e.Store.Dry(ctx)
		if err != nil {
			return Summary{}, err
		}
		defer func() { _ = end() }()
		env.Store = dry
	}
	run, lease, err := env.hold(ctx, req, sel)
	if err != nil {
		return Summary{}, err
	}
	log := e.Log.With().Str("run", run.ID).Logger()
	env.Log = log

	// the steps stop when the range is another's
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	keep, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	go lease.Keep(keep, cancel)
	defer func() {
		if err := lease.Release(context.WithoutCancel(ctx)); err != nil {
			log.Warn().Err(err).Msg("the range is given back when its lease ends")
		}
	}()

	s := &state{Env: &env, req: req, run: run, lease: lease, rates: table, sum: Summary{RunID: run.ID, DryRun: req.DryRun, Steps: req.Steps}}
	err = s.steps(ctx)
	s.sum.FinishedIn = e.Now().Sub(began)
	if err == nil {
		return s.sum, nil
	}
	if cause := context.Cause(ctx); cause != nil && ctx.Err() != nil {
		err = cause
	}
	// a run that was interrupted is gone on with; one that failed is not
	if errors.Is(err, ErrTotals) {
		err = errors.Join(err, env.Store.Fail(context.WithoutCancel(ctx), run, ExitFailed, err.Error()))
	}
	return s.sum, err
}

// state is one run of the pipeline under way.
type state struct {
	*Env
	req   Request
	run   *store.Run
	lease *store.Lease
	rates *rates.Table // nil: no reporting currency
	sum   Summary
}

// steps runs the pipeline's steps that were asked for, in order.
func (s *state) steps(ctx context.Context) error {
	step := map[Job]func(context.Context) error{Pull: s.pull, Poll: s.poll, Match: s.match, Settle: s.settle, Report: s.report}
	for _, job := range s.req.Steps {
		if job == Report && s.req.DryRun {
			return s.figures(ctx, 0, nil)
		}
		began := s.Now()
		if err := step[job](ctx); err != nil {
			return fmt.Errorf("%s: %w", job, err)
		}
		s.Log.Info().Str("job", string(job)).Dur("took_ms", s.Now().Sub(began)).Msg("step done")
	}
	if s.req.Sparing {
		return s.Store.EndPoll(ctx, s.run)
	}
	return nil
}

// hold takes the range, waiting for another run where that was asked for.
func (e *Env) hold(ctx context.Context, req Request, sel store.Selection) (run *store.Run, lease *store.Lease, err error) {
	begin := slices.Contains(req.Steps, Pull)
	err = e.whenFree(ctx, req.Wait, func() (err error) {
		run, lease, err = e.Store.Hold(ctx, sel, e.Config.Digest, e.Now().UTC().Truncate(time.Microsecond), begin)
		return err
	})
	return run, lease, err
}

// whenFree tries to take a range, until it is free where waiting was asked for.
func (e *Env) whenFree(ctx context.Context, wait bool, take func() error) error {
	for told := false; ; {
		err := take()
		var busy *store.BusyError
		if !errors.As(err, &busy) || !wait {
			return err
		}
		if !told {
			e.Log.Info().Str("run", busy.RunID).Str("provider", busy.Provider).Msg("waiting for the run that holds the range")
			told = true
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Second):
		}
	}
}

func (e *Env) dir(req Request) string {
	if req.Out != "" {
		return req.Out
	}
	return e.Config.Reports.Dir
}

// LedgerRules say what a payment of the configured ledger may be.
func (e *Env) LedgerRules() ledger.Rules {
	r := ledger.Rules{Scales: map[string]money.Scale{}}
	for _, p := range e.Config.Providers {
		scale := p.Decimals
		if scale == nil {
			scale = money.Scale{}
		}
		r.Scales[p.Name] = scale
	}
	return r
}

func (s *state) scope() store.Scope {
	m := s.Config.Matching
	return store.Scope{
		Providers: s.run.Providers, Kinds: s.run.Kinds, Outstanding: s.run.Outstanding, Location: s.Config.Location,
		MetadataKeys: slices.Concat(m.MetadataKeys, m.BatchKeys), DateWindow: m.DateWindow, References: s.references(),
	}
}

// references say how each provider's references are compared.
func (e *Env) references() store.References {
	out := store.References{}
	for _, p := range e.Config.Providers {
		out[p.Name] = p.NormalizeReferences
	}
	return out
}

// Rates reads the rates of the reporting currency; nil where none is asked for.
func (e *Env) Rates() (*rates.Table, error) {
	c := e.Config.Reports.Currency
	if c.Code == "" {
		return nil, nil //nolint:nilnil // no reporting currency is no error
	}
	table, err := rates.Load(c.Rates, c.Code)
	if err != nil {
		return nil, &UsageError{"reports.currency.rates: " + err.Error()}
	}
	return table, nil
}

// Masks returns how account numbers, customer ids and personal metadata are shown.
func (e *Env) Masks(ctx context.Context) (mask.Func, error) {
	if !e.Config.Reports.Mask {
		return mask.None, nil
	}
	key, err := e.Store.MaskKey(ctx)
	if err != nil {
		return nil, err
	}
	return mask.Keyed(key), nil
}

// thresholds turns the configured amounts into minor units, as they are asked for.
func (e *Env) thresholds() exception.Thresholds {
	of := func(m map[string]string, currency string, exp int) (int64, bool) {
		text, ok := m[currency]
		if !ok {
			text, ok = m["default"]
		}
		if !ok {
			return 0, false
		}
		minor, err := money.ParseMinor(text, exp)
		return minor, err == nil
	}
	return exception.Thresholds{
		CriticalAge: e.Config.Severity.CriticalAge,
		Of: func(currency string, exp int) (int64, int64, bool) {
			high, ok1 := of(e.Config.Severity.High, currency, exp)
			critical, ok2 := of(e.Config.Severity.Critical, currency, exp)
			return high, critical, ok1 && ok2
		},
	}
}
