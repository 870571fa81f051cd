package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"tieout/config"
	"tieout/internal/mask"
	"tieout/internal/store"
	"tieout/reports"
	"tieout/reports/delivery"
)

// Delivery is what became of one delivery, for the person who looks on.
type Delivery struct {
	RunID   string
	Target  string
	Type    string
	Done    bool
	GivenUp bool
	Reason  string // why not
}

// pauses between the tries of one delivery: what fails for a moment need not
// wait for the next run.
var pauses = []time.Duration{time.Second, 3 * time.Second}

// mostFailures is how many deliveries a target may fail in one go, before it is
// left alone until the next.
const mostFailures = 3

// target is a configured target and what speaks to it.
type target struct {
	config.Target
	speaks delivery.Target
}

// planDeliveries notes who is to get the run once it is published.
func (s *state) planDeliveries(ctx context.Context, hide mask.Func) error {
	names, types := targetNames(s.Config.Delivery.Targets)
	if len(names) == 0 {
		return nil
	}
	a, err := reports.Announce(ctx, s.sum.Figures, s.Store.Rows(s.run, hide))
	if err != nil {
		return err
	}
	summary, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("the run's summary: %w", err)
	}
	return s.Store.PlanDeliveries(ctx, s.run, summary, names, types)
}

func targetNames(targets []config.Target) (names, types []string) {
	for _, t := range targets {
		names, types = append(names, t.Name), append(types, t.Type)
	}
	return names, types
}

// deliver sends what is due, of this run and of earlier ones, in the time that is
// configured for it. The run is published by now: what fails changes neither the
// reports nor the exit code; it is said, and tried again by the next run.
func (s *state) deliver(ctx context.Context) {
	if len(s.Config.Delivery.Targets) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, s.Config.Delivery.Timeout)
	defer cancel()
	var err error
	if s.sum.Deliveries, err = s.deliverDue(ctx, ""); err != nil {
		s.Log.Error().Err(err).Msg("not everything was delivered: the next run tries again")
	}
}

// Deliver sends what is due of every published run to the configured targets. A
// run that is named gets due to all of them first, also to those that were
// configured after it.
func (e *Env) Deliver(ctx context.Context, runID string) ([]Delivery, error) {
	if runID != "" {
		run, err := e.Store.RunByID(ctx, runID)
		if err != nil {
			return nil, err
		}
		if run.Status != store.RunPublished {
			return nil, fmt.Errorf("run %s has published nothing (it is %s), so there is nothing to deliver", run.ID, run.Status)
		}
		summary, err := e.Store.Summary(ctx, run.ID)
		if err != nil {
			return nil, err
		}
		targets := slices.Clone(e.Config.Delivery.Targets)
		if len(summary) == 0 { // there is nothing to say, but files to put away
			targets = slices.DeleteFunc(targets, func(t config.Target) bool { return t.Type != config.S3 })
		}
		names, types := targetNames(targets)
		if err := e.Store.PlanAgain(ctx, run.ID, names, types); err != nil {
			return nil, err
		}
		runID = run.ID
	}
	return e.deliverDue(ctx, runID)
}

// deliverDue goes to all targets at once; the storages first, so that those who
// are told find the files there. Where there is a limit of time, a storage that
// does not answer leaves the others a quarter of it.
func (e *Env) deliverDue(ctx context.Context, only string) ([]Delivery, error) {
	targets, err := e.targets()
	if err != nil {
		return nil, err
	}
	isStorage := func(t target) bool { _, ok := t.speaks.(delivery.Storage); return ok }
	storages := slices.DeleteFunc(slices.Clone(targets), func(t target) bool { return !isStorage(t) })
	receivers := slices.DeleteFunc(slices.Clone(targets), isStorage)

	first, cancel := ctx, func() {}
	if end, ok := ctx.Deadline(); ok && len(receivers) > 0 {
		first, cancel = context.WithTimeout(ctx, time.Until(end)*3/4)
	}
	defer cancel()
	out, errStorages := e.toTargets(first, storages, storages, only)
	told, errReceivers := e.toTargets(ctx, receivers, storages, only)
	return append(out, told...), errors.Join(errStorages, errReceivers)
}

// atOnce is how many targets are delivered to at once: each takes a connection
// to the database, and a storage a second one.
const atOnce = 4

// toTargets delivers to each of some targets, beside each other.
func (e *Env) toTargets(ctx context.Context, targets, storages []target, only string) ([]Delivery, error) {
	results, errs := make([][]Delivery, len(targets)), make([]error, len(targets))
	var all errgroup.Group
	all.SetLimit(atOnce)
	for i, t := range targets {
		all.Go(func() error {
			results[i], errs[i] = e.toTarget(ctx, t, storages, only)
			return nil // one target's failure is not another's
		})
	}
	_ = all.Wait()
	return slices.Concat(results...), errors.Join(errs...)
}

// toTarget delivers what is due to one target, one run after the other.
func (e *Env) toTarget(ctx context.Context, t target, storages []target, only string) ([]Delivery, error) {
	due, err := e.Store.Due(context.WithoutCancel(ctx), t.Name, only)
	if err != nil {
		return nil, err
	}
	var out []Delivery
	failures := 0
	for _, runID := range due {
		if ctx.Err() != nil {
			out = append(out, Delivery{RunID: runID, Target: t.Name, Type: t.Type, Reason: "no time was left for it"})
			break
		}
		temporary := false
		done, err := e.Store.Deliver(ctx, runID, t.Name, e.Now().Add(-e.Config.Delivery.GiveUpAfter), func() (int, error) {
			tries, err := e.send(ctx, t, storages, runID)
			temporary = isTemporary(err)
			return tries, err
		})
		if err != nil {
			return out, err
		}
		if done == nil { // another process delivers it
			continue
		}
		d := Delivery{RunID: runID, Target: t.Name, Type: t.Type, Done: done.State == store.DeliveryDone, GivenUp: done.State == store.DeliveryGivenUp, Reason: done.LastError.String}
		out = append(out, d)
		e.logDelivery(d)
		if !d.Done {
			if failures++; failures == mostFailures || temporary {
				break
			}
		}
	}
	return out, nil
}

func (e *Env) logDelivery(d Delivery) {
	log := e.Log.With().Str("target", d.Target).Str("type", d.Type).Str("of_run", d.RunID).Logger()
	switch {
	case d.Done:
		log.Info().Msg("delivered")
	case d.GivenUp:
		log.Error().Str("reason", d.Reason).Msg("not delivered, and given up: `tieout deliver --run` tries once more")
	default:
		log.Error().Str("reason", d.Reason).Msg("not delivered: the next run tries again, and so does `tieout deliver`")
	}
}

// send tries one delivery, again where it may work in a moment.
func (e *Env) send(ctx context.Context, t target, storages []target, runID string) (tries int, err error) {
	v, err := e.version(ctx, runID, storages)
	if _, storage := t.speaks.(delivery.Storage); err == nil && storage {
		err = e.kept(ctx, runID)
	}
	if err != nil {
		return 1, err
	}
	for {
		tries++
		one, cancel := context.WithTimeout(ctx, e.Config.Delivery.Timeout)
		err = t.speaks.Deliver(one, runID+"."+t.Name, v)
		cancel()
		if !isTemporary(err) || tries > len(pauses) {
			return tries, err
		}
		select {
		case <-ctx.Done():
			return tries, err
		case <-time.After(pauses[tries-1]):
		}
	}
}

func isTemporary(err error) bool {
	var e *delivery.Error
	return errors.As(err, &e) && e.Temporary
}

// version is what is delivered of a run.
func (e *Env) version(ctx context.Context, runID string, storages []target) (delivery.Version, error) {
	run, err := e.Store.RunByID(ctx, runID)
	if err != nil {
		return delivery.Version{}, err
	}
	v := delivery.Version{
		Folder: filepath.Base(run.Folder), Number: int(run.Version.Int64), LinkBase: e.Config.Delivery.LinkBase,
		Open: func(ctx context.Context, name string) io.Reader { return e.Store.OpenFile(ctx, runID, name) },
	}
	if v.Files, err = e.Store.Files(ctx, runID); err != nil {
		return v, err
	}
	summary, err := e.Store.Summary(ctx, runID)
	if err != nil {
		return v, err
	}
	if len(summary) > 0 {
		if err := json.Unmarshal(summary, &v.Announcement); err != nil {
			return v, fmt.Errorf("the summary of run %s: %w", runID, err)
		}
	}
	made, err := e.Store.Deliveries(ctx, runID)
	if err != nil {
		return v, err
	}
	for _, t := range storages {
		i := slices.IndexFunc(made, func(d store.Delivery) bool { return d.Target == t.Name })
		if s, ok := t.speaks.(delivery.Storage); ok && i >= 0 {
			v.Places = append(v.Places, delivery.Place{Target: t.Name, URL: s.Place(v), Holds: made[i].State == store.DeliveryDone})
		}
	}
	return v, nil
}

// targets makes what speaks to the configured targets.
func (e *Env) targets() ([]target, error) {
	out := make([]target, 0, len(e.Config.Delivery.Targets))
	for _, t := range e.Config.Delivery.Targets {
		speaks, err := e.speaks(t)
		if err != nil {
			return nil, fmt.Errorf("delivery target %s: %w", t.Name, err)
		}
		out = append(out, target{t, speaks})
	}
	return out, nil
}

func (e *Env) speaks(t config.Target) (delivery.Target, error) {
	c := t.Credentials
	switch t.Type {
	case config.S3:
		return delivery.NewS3(delivery.S3Options{
			Endpoint: t.Endpoint, Region: t.Region, Bucket: t.Bucket, Prefix: t.Prefix, PathStyle: t.PathStyle,
			AccessKeyID: c["access_key_id"], SecretAccessKey: c["secret_access_key"], SessionToken: c["session_token"],
		})
	case config.Email:
		return delivery.NewEmail(delivery.EmailOptions{
			Server: t.Server, TLS: t.TLS, Username: c["username"], Password: c["password"], From: t.From, To: t.To,
		})
	case config.Webhook:
		key, _ := config.WebhookKey(c["secret"]) // the configuration was checked
		return delivery.NewWebhook(delivery.WebhookOptions{URL: t.URL, Key: key, UserAgent: "tieout/" + e.Version, Now: e.Now})
	default:
		return nil, fmt.Errorf("unknown type %q", t.Type)
	}
}

// CheckTarget tries what a delivery to the target needs, and sends nothing.
func (e *Env) CheckTarget(ctx context.Context, t config.Target) (string, error) {
	speaks, err := e.speaks(t)
	if err != nil {
		return "", err
	}
	return speaks.Check(ctx)
}

// Unconfigured lists the targets that are still to get something and are not
// configured any more.
func (e *Env) Unconfigured(ctx context.Context) ([]string, error) {
	names, _ := targetNames(e.Config.Delivery.Targets)
	return e.Store.DueElsewhere(ctx, names)
}

// String is a delivery in one line.
func (d Delivery) String() string {
	switch {
	case d.Done:
		return fmt.Sprintf("run %s to %s (%s)", d.RunID, d.Target, d.Type)
	case d.GivenUp:
		return fmt.Sprintf("run %s to %s (%s), given up: %s", d.RunID, d.Target, d.Type, strings.TrimSuffix(d.Reason, "."))
	default:
		return fmt.Sprintf("run %s to %s (%s): %s", d.RunID, d.Target, d.Type, strings.TrimSuffix(d.Reason, "."))
	}
}
