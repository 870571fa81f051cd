package jobs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/robfig/cron/v3"

	"tieout/config"
)

// stopWithin is how long a scheduled job may go on after the signal to stop; one
// that needs longer is interrupted and gone on with at its next tick.
const stopWithin = 20 * time.Second

// Schedule runs the configured schedules until ctx ends. A tick is skipped
// while the last run of the same schedule still goes.
func (e *Env) Schedule(ctx context.Context) error {
	if len(e.Config.Schedules) == 0 {
		return &UsageError{"the configuration has no schedules: add some, or start `tieout run` from cron"}
	}
	work, interrupt := context.WithCancel(context.WithoutCancel(ctx))
	defer interrupt()
	c := cron.New(cron.WithLocation(e.Config.Location), cron.WithLogger(cron.DiscardLogger), cron.WithParser(cron.NewParser(
		cron.SecondOptional|cron.Minute|cron.Hour|cron.Dom|cron.Month|cron.Dow|cron.Descriptor)))
	for _, sc := range e.Config.Schedules {
		tick, err := e.tick(work, sc)
		if err != nil {
			return err
		}
		if _, err := c.AddFunc(sc.Cron, tick); err != nil {
			return &UsageError{fmt.Sprintf("schedules: %s: cron %q: %v", sc.Name, sc.Cron, err)}
		}
	}
	c.Start()
	for i, entry := range c.Entries() {
		e.Log.Info().Str("schedule", e.Config.Schedules[i].Name).Time("next", entry.Next).Msg("scheduled")
	}
	<-ctx.Done()
	e.Log.Info().Msg("stopping: no new jobs; waiting for the running ones")
	running := c.Stop()
	select {
	case <-running.Done():
	case <-time.After(stopWithin):
		e.Log.Warn().Msg("interrupting the running jobs; they are gone on with at their next tick")
		interrupt()
		<-running.Done()
	}
	return nil
}

// tick is what one schedule does when its time comes.
func (e *Env) tick(ctx context.Context, sc config.Schedule) (func(), error) {
	steps, err := stepsOf(sc.Job)
	if err != nil {
		return nil, err
	}
	if _, err := NamedRange(sc.Range, e.Now(), e.Config.Location); err != nil {
		return nil, err
	}
	var busy sync.Mutex
	return func() {
		log := e.Log.With().Str("schedule", sc.Name).Logger()
		if !busy.TryLock() {
			log.Warn().Msg("skipped: the last run still goes")
			return
		}
		defer busy.Unlock()
		r, err := NamedRange(sc.Range, e.Now(), e.Config.Location)
		if err != nil {
			log.Error().Err(err).Msg("not run")
			return
		}
		env := *e
		env.Log = log
		sum, err := env.Run(ctx, Request{Steps: steps, Range: r, Sparing: sc.Job == string(Poll), Wait: sc.Job != string(Poll)})
		switch {
		case errors.Is(err, context.Canceled):
			log.Warn().Msg("interrupted")
		case err != nil:
			log.Error().Err(err).Msg("failed")
		default:
			log.Info().Str("run", sum.RunID).Int("version", sum.Version).Int("exit_code", sum.ExitCode).Str("dir", sum.Dir).Msg("done")
		}
	}, nil
}

// stepsOf gives the steps of a schedule's job: run is all of them, poll also
// pulls, so that it knows what to ask for.
func stepsOf(job string) ([]Job, error) {
	switch job {
	case "run":
		return Steps, nil
	case string(Poll):
		return []Job{Pull, Poll}, nil
	}
	for _, s := range Steps {
		if string(s) == job {
			return []Job{s}, nil
		}
	}
	return nil, &UsageError{fmt.Sprintf("job %q is none of run, pull, poll, match, settle, report", job)}
}
