package jobs

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"tieout/config"
	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
	"tieout/internal/provider/redact"
	"tieout/internal/store"
)

const (
	// A provider may create a transaction somewhat before our own record (clocks)
	// and long after it (queues, retries): its list is read from the one to the other.
	listBefore = time.Hour
	listAfter  = 24 * time.Hour
	// refusals in a row after which nobody asks any further: the key is wrong.
	refusalsUntilStop = 5
	// What providers say is saved together with its evidence, by so many answers
	// or rows of a list, and bytes of evidence, at once: a crash costs no more
	// than asking for these again.
	saveEvery = 500 * time.Millisecond
	saveBatch = 1000
	saveBytes = 8 << 20
)

// poll asks the providers, all of them at once: lists first, then one by one
// what they left open. One that is down or refuses us never stops the others.
func (s *state) poll(ctx context.Context) error {
	g, polling := errgroup.WithContext(ctx)
	for _, p := range s.Config.Providers {
		if !slices.Contains(s.run.Providers, p.Name) {
			continue
		}
		g.Go(func() error {
			a, err := s.account(p)
			if err != nil {
				return fmt.Errorf("provider %s: %w", p.Name, err)
			}
			defer a.http.CloseIdleConnections()
			if err := a.poll(polling); err != nil {
				return fmt.Errorf("provider %s: %w", p.Name, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := s.pollNotes(ctx); err != nil {
		return err
	}
	return s.Store.Polled(ctx, s.run, atomic.LoadInt64(&s.sum.Requests))
}

// account is one provider account during a poll.
type account struct {
	*state
	cfg      config.Provider
	spec     provider.Spec
	client   provider.Client
	http     *httpx.Client
	patience *patience
	// asked is when lists and statements were begun: what ends now ends there
	// for all of them.
	asked time.Time
}

func (s *state) account(p config.Provider) (*account, error) {
	client, http, spec, err := s.Client(p)
	if err != nil {
		return nil, err
	}
	return &account{state: s, cfg: p, spec: spec, client: client, http: http, patience: &patience{line: http}}, nil
}

// Client builds the client of a configured account.
func (e *Env) Client(p config.Provider) (provider.Client, *httpx.Client, provider.Spec, error) {
	for _, spec := range e.Specs {
		if spec.Type != p.Type {
			continue
		}
		http, err := httpx.New(httpx.Config{
			BaseURL: p.BaseURL, UserAgent: "tieout/" + e.Version, RateLimit: p.RateLimit, Concurrency: p.Concurrency, Timeout: p.Timeout,
		})
		if err != nil {
			return nil, nil, spec, err
		}
		options := map[string]string{}
		for k, v := range p.Options {
			options[k] = v
		}
		if p.StatementCallbackURL != "" {
			options["statement_callback_url"] = p.StatementCallbackURL
		}
		client, err := spec.New(provider.Settings{
			Name: p.Name, BaseURL: p.BaseURL, Credentials: p.Credentials, Options: options, Scale: p.Decimals, HTTP: http, Now: e.Now,
		})
		return client, http, spec, err
	}
	return nil, nil, provider.Spec{}, fmt.Errorf("unknown type %q", p.Type)
}

func (a *account) poll(ctx context.Context) error {
	before := a.http.Requests()
	defer func() { atomic.AddInt64(&a.sum.Requests, a.http.Requests()-before) }()
	if err := a.callbacks(ctx); err != nil {
		return err
	}
	if err := a.balances(ctx); err != nil {
		return err
	}
	a.asked = a.Now()
	if err := a.statement(ctx); err != nil {
		return err
	}
	if lister, ok := a.client.(provider.Lister); ok {
		for _, kind := range a.run.Kinds {
			if err := a.list(ctx, lister, payment.Kind(kind)); err != nil {
				return err
			}
		}
	}
	rules := store.PollRules{Recheck: a.req.Recheck, RecheckWindow: a.Config.Polling.RecheckWindow, OwnIDs: a.spec.OwnIDs}
	if a.req.Sparing {
		for _, r := range a.Config.Polling.PendingLadder {
			rules.Pending = append(rules.Pending, store.Rung(r))
		}
		for _, r := range a.Config.Polling.UnknownLadder {
			rules.Unknown = append(rules.Unknown, store.Rung(r))
		}
	}
	total, err := a.Store.Plan(ctx, a.run, a.cfg.Name, rules)
	if err != nil {
		return err
	}
	due, err := a.Store.PlanDue(ctx, a.run, a.cfg.Name)
	if err != nil {
		return err
	}
	if total += due; total > 0 {
		if err := a.ask(ctx, total, a.planned()); err != nil {
			return err
		}
		if err := a.askAgain(ctx, rules); err != nil {
			return err
		}
	}
	if _, lists := a.client.(provider.Lister); lists && !a.patience.exhausted() {
		if err := a.ask(ctx, 0, a.hidden()); err != nil {
			return err
		}
	}
	if err := a.savedMethods(ctx); err != nil {
		return err
	}
	if err := a.notes(ctx); err != nil {
		return err
	}
	return a.Store.CountRequests(ctx, a.run, a.cfg.Name, a.http.Requests()-before)
}

// list reads a provider's list of one kind. A list that fails proves nothing
// and ends nothing: what it would have told is asked one by one.
func (a *account) list(ctx context.Context, lister provider.Lister, kind payment.Kind) error {
	done, err := a.Store.Listed(ctx, a.run, a.cfg.Name, kind)
	if err != nil || done {
		return err
	}
	currencies, err := a.Store.Currencies(ctx, a.run, a.cfg.Name, kind)
	if err != nil {
		return err
	}
	from, to := a.listRange()
	q := provider.ListQuery{
		Kind: kind, From: from, To: to, Currencies: currencies, Now: a.run.StartedAt, Memory: a.Store.Memory(a.cfg.Name),
	}
	if !q.From.Before(q.To) {
		return nil // a range of the future
	}
	rec := &recorder{}
	seen := int64(0)
	batch := &listBatch{account: a, kind: kind}
	var saveErr error
	reach, err := lister.List(httpx.WithRecorder(ctx, rec.record), q, func(p provider.Page) error {
		seen += int64(len(p.Transactions))
		a.Progress(Poll, a.cfg.Name+" list of "+string(kind)+"s", seen, 0)
		exchanges, digests := rec.take()
		saveErr = batch.add(ctx, store.ListPage{Page: p, At: a.Now().UTC(), Exchanges: exchanges, Digests: digests})
		return saveErr
	})
	if saveErr != nil {
		return saveErr
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		reach = provider.Reach{Why: redact.Text(err.Error())}
		a.Log.Warn().Str("provider", a.cfg.Name).Str("kind", string(kind)).Str("why", reach.Why).Msg("the list could not be read; payments are asked one by one")
	}
	if exchanges, digests := rec.take(); len(exchanges) > 0 { // what came after the last page, refusals among it
		if err := batch.add(ctx, store.ListPage{At: a.Now().UTC(), Exchanges: exchanges, Digests: digests}); err != nil {
			return err
		}
	}
	if err := batch.save(ctx); err != nil {
		return err
	}
	a.Log.Info().Str("provider", a.cfg.Name).Str("kind", string(kind)).Int64("transactions", seen).Bool("complete", reach.Complete).Msg("listed")
	return a.Store.SaveReach(ctx, a.run, a.cfg.Name, q, reach, a.Now().UTC())
}

// listBatch is what a list has shown and is not saved yet.
type listBatch struct {
	*account
	kind  payment.Kind
	pages []store.ListPage
	rows  int
	bytes int
	since time.Time
}

func (b *listBatch) add(ctx context.Context, p store.ListPage) error {
	if len(b.pages) == 0 {
		b.since = time.Now()
	}
	b.pages = append(b.pages, p)
	b.rows += len(p.Transactions) + len(p.Invalid)
	b.bytes += bytesOf(p.Exchanges)
	if b.rows < saveBatch && b.bytes < saveBytes && time.Since(b.since) < saveEvery {
		return nil
	}
	return b.save(ctx)
}

func (b *listBatch) save(ctx context.Context) error {
	if len(b.pages) == 0 {
		return nil
	}
	pages := b.pages
	b.pages, b.rows, b.bytes = nil, 0, 0
	return b.Store.SavePages(ctx, b.run, b.cfg.Name, b.kind, b.spec.ListIDsDiffer, pages)
}

func bytesOf(exchanges []httpx.Exchange) int {
	n := 0
	for _, e := range exchanges {
		n += len(e.Body)
	}
	return n
}

// listRange is the time that lists and statements are read for.
func (a *account) listRange() (from, to time.Time) {
	to = a.run.ToTime.Add(listAfter)
	if to.After(a.asked) {
		to = a.asked
	}
	return a.run.FromTime.Add(-listBefore).UTC(), to.UTC()
}

// notes asks a provider that can tell whether it could move what was pulled at
// all (decimals, smallest and largest amounts). What it says stands in About; that
// it can't be asked changes nothing.
func (a *account) notes(ctx context.Context) error {
	client, ok := a.client.(provider.Noter)
	if !ok || a.patience.exhausted() {
		return nil
	}
	extremes, err := a.Store.Extremes(ctx, a.run, a.cfg.Name)
	if err != nil {
		return err
	}
	notes, err := client.Notes(ctx, extremes)
	if err != nil {
		a.Log.Debug().Str("provider", a.cfg.Name).Msg("its configuration could not be read")
		return nil
	}
	for i := range notes {
		notes[i] = a.cfg.Name + ": " + notes[i] + "."
	}
	return a.Store.Note(ctx, a.run, notes...)
}

// askAgain gives the payments that got no answer a second chance, once all
// others have theirs: most outages are short.
func (a *account) askAgain(ctx context.Context, rules store.PollRules) error {
	if a.patience.exhausted() {
		return nil
	}
	if forgotten, err := a.Store.ForgetUnanswered(ctx, a.run, a.cfg.Name); err != nil || forgotten == 0 {
		return err
	}
	total, err := a.Store.Plan(ctx, a.run, a.cfg.Name, rules)
	if err != nil || total == 0 {
		return err
	}
	return a.ask(ctx, total, a.planned())
}

// planned gives the planned payments, page by page.
func (a *account) planned() pages {
	after := ""
	return func(ctx context.Context) ([]provider.Query, error) {
		next, err := a.Store.Next(ctx, a.run, a.cfg.Name, after, 1000)
		if len(next) > 0 {
			after = next[len(next)-1].PaymentID
		}
		return next, err
	}
}

// hidden gives the completed transactions whose real amount no list has shown,
// page by page.
func (a *account) hidden() pages {
	after := int64(0)
	return func(ctx context.Context) ([]provider.Query, error) {
		next, last, err := a.Store.Hidden(ctx, a.run, a.cfg.Name, after, 1000)
		after = last
		return next, err
	}
}

// pages gives the next questions; none at the end.
type pages func(ctx context.Context) ([]provider.Query, error)

// ask asks one question after the other, by a bounded number of workers, and
// saves the answers in batches as they come.
func (a *account) ask(ctx context.Context, total int64, page pages) error {
	g, ctx := errgroup.WithContext(ctx)
	questions := make(chan provider.Query)
	answers := make(chan store.Asked)
	g.Go(func() error {
		defer close(questions)
		for {
			next, err := page(ctx)
			if err != nil || len(next) == 0 {
				return err
			}
			for _, q := range next {
				select {
				case questions <- q:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
		}
	})
	var workers sync.WaitGroup
	gate := &refusals{}
	for range max(a.cfg.Concurrency, 1) {
		workers.Add(1)
		g.Go(func() error {
			defer workers.Done()
			for q := range questions {
				asked := a.one(ctx, q, gate)
				if ctx.Err() != nil {
					return context.Cause(ctx) // an interrupted question is no answer
				}
				select {
				case answers <- asked:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
			return nil
		})
	}
	go func() {
		workers.Wait()
		close(answers)
	}()
	g.Go(func() error { return a.save(ctx, answers, total) })
	return g.Wait()
}

func (a *account) one(ctx context.Context, q provider.Query, gate *refusals) store.Asked {
	out := store.Asked{Query: q, At: a.Now().UTC()}
	if reason := gate.closed(); reason != "" {
		out.Answer = provider.Answer{Verdict: provider.Refused, Reason: reason}
		return out
	}
	rec := &recorder{}
	q.Sync = true
	for {
		out.Answer = a.client.Status(httpx.WithRecorder(ctx, rec.record), q)
		if out.Answer.Verdict != provider.NoAnswer || rec.count() > 0 {
			break
		}
		// nothing was sent: the provider counts as down, for the moment
		if !a.patience.wait(ctx) {
			break
		}
	}
	out.At = a.Now().UTC()
	out.Answer.Reason = redact.Text(out.Answer.Reason)
	gate.note(out.Answer)
	out.Exchanges, out.Digests = rec.take()
	return out
}

// save writes answers in batches, often enough that little is asked twice after
// a crash.
func (a *account) save(ctx context.Context, answers <-chan store.Asked, total int64) error {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	var batch []store.Asked
	bytes, done := 0, int64(0)
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		if err := a.Store.SaveAnswers(ctx, a.run, a.cfg.Name, a.spec.ListIDsDiffer, batch); err != nil {
			return err
		}
		done += int64(len(batch))
		a.Progress(Poll, a.cfg.Name, done, total)
		batch, bytes = batch[:0], 0
		return nil
	}
	for {
		select {
		case x, open := <-answers:
			if !open {
				return flush()
			}
			batch = append(batch, x)
			if bytes += bytesOf(x.Exchanges); len(batch) < saveBatch && bytes < saveBytes {
				continue
			}
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := flush(); err != nil {
			return err
		}
	}
}

// refusals ends the asking of a provider that refuses us again and again: a
// wrong key does not become right by ten thousand tries.
type refusals struct {
	mu     sync.Mutex
	inRow  int
	reason string
}

func (r *refusals) note(a provider.Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a.Verdict == provider.NotAskable {
		return
	}
	if a.Verdict != provider.Refused {
		r.inRow = 0
		return
	}
	if r.inRow++; r.inRow >= refusalsUntilStop && r.reason == "" {
		r.reason = a.Reason
	}
}

func (r *refusals) closed() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reason
}

// recorder collects the exchanges of one question, without what must not be kept.
type recorder struct {
	mu        sync.Mutex
	exchanges []httpx.Exchange
	digests   []string
}

func (r *recorder) record(e httpx.Exchange) {
	digest := store.Digest(e.Body)
	e.Body = redact.Redact(e.ContentType, e.Body)
	e.Path, e.Err = redact.Text(e.Path), redact.Text(e.Err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.exchanges, r.digests = append(r.exchanges, e), append(r.digests, digest)
}

func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.exchanges)
}

func (r *recorder) take() ([]httpx.Exchange, []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, d := r.exchanges, r.digests
	r.exchanges, r.digests = nil, nil
	return e, d
}
