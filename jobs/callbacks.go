package jobs

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
	"tieout/internal/provider/redact"
	"tieout/internal/store"
)

// callbackBatch is how many callbacks are read at once.
const callbackBatch = 1000

// callbacks looks at what the provider has posted to the merchant since the last
// poll. What is proven and conclusive spares a question; everything else is
// evidence, or a hint that a question is due.
func (a *account) callbacks(ctx context.Context) error {
	reader, ok := a.client.(provider.CallbackReader)
	if !ok {
		return nil
	}
	for after := int64(0); ; {
		fresh, err := a.Store.NewCallbacks(ctx, a.cfg.Name, after, callbackBatch)
		if err != nil || len(fresh) == 0 {
			return err
		}
		after = fresh[len(fresh)-1].ID
		read, later := a.readCallbacks(ctx, reader, fresh)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := a.keepCallbacks(ctx, read); err != nil {
			return err
		}
		if later != "" {
			a.Log.Warn().Str("provider", a.cfg.Name).Str("why", later).Msg("callbacks can't be verified now; they are left for the next run")
			return nil
		}
	}
}

// readCallbacks verifies and reads callbacks up to the first that can't be
// judged now; later says why.
func (a *account) readCallbacks(ctx context.Context, reader provider.CallbackReader, fresh []store.Callback) (read []store.ReadCallback, later string) {
	for _, c := range fresh {
		r := store.ReadCallback{Callback: c}
		if c.Bad != "" {
			r.Result = provider.CallbackResult{Verdict: provider.CallbackUnreadable, Reason: c.Bad}
		} else {
			r.Result = reader.Callback(httpx.WithoutRecorder(ctx), c.Raw)
		}
		r.Result.Reason = redact.Text(r.Result.Reason)
		if r.Result.Verdict == provider.CallbackLater {
			return read, r.Result.Reason
		}
		read = append(read, r)
	}
	return read, ""
}

// keepCallbacks finds the payments that callbacks belong to, reads what they say
// of these, and stores them.
func (a *account) keepCallbacks(ctx context.Context, read []store.ReadCallback) error {
	if len(read) == 0 {
		return nil
	}
	if err := a.Store.FindOwners(ctx, a.run, a.Ledger, a.LedgerRules(), a.cfg.Name, read); err != nil {
		return err
	}
	for i := range read {
		r := &read[i]
		if r.Result.Read == nil {
			continue
		}
		q := provider.Query{Kind: r.Result.Kind}
		if r.Owner != nil {
			q = *r.Owner
		}
		r.Answer = r.Result.Read(q)
		r.Answer.Reason = redact.Text(r.Answer.Reason)
	}
	n, err := a.Store.SaveCallbacks(ctx, a.run, a.cfg.Name, a.spec.ListIDsDiffer, a.Now().UTC(), read, redact.Redact)
	a.Log.Info().Str("provider", a.cfg.Name).Int64("callbacks", n).Msg("callbacks read")
	return err
}

// pollNotes puts into About how much each provider was asked, and what its
// callbacks show.
func (s *state) pollNotes(ctx context.Context) error {
	counts, err := s.Store.RequestCounts(ctx, s.run)
	if err != nil {
		return err
	}
	for _, p := range s.Config.Providers {
		if !slices.Contains(s.run.Providers, p.Name) {
			continue
		}
		if c := counts[p.Name]; c.Payments > 0 {
			note := fmt.Sprintf("%s: asked %d times, %d for each 1,000 of its payments.", p.Name, c.Requests, c.Requests*1000/c.Payments)
			if err := s.Store.Renote(ctx, s.run, p.Name+": asked ", note); err != nil {
				return err
			}
		}
		found, err := s.Store.CallbackFindings(ctx, s.run, p.Name, s.Config.Matching.Grace)
		if err != nil {
			return err
		}
		if err := s.Store.Renote(ctx, s.run, p.Name+": callbacks: ", callbackNotes(p.Name, found)...); err != nil {
			return err
		}
	}
	return nil
}

// callbackNotes tells in sentences what callbacks show.
func callbackNotes(name string, f store.CallbackFindings) []string {
	var out []string
	say := func(format string, args ...any) {
		out = append(out, name+": callbacks: "+fmt.Sprintf(format, args...))
	}
	if f.Read > 0 {
		say("%d were looked at: %d verified (%d of them taken as answers), %d unverified, %d rejected because they don't prove their sender, %d unreadable.",
			f.Read, f.Verified, f.Taken, f.Unverified, f.Rejected, f.Unreadable)
	}
	if f.Used && f.Completed > 0 {
		say("of %d completed payments since callbacks are used, %d never got one.", f.Completed, f.Never)
	}
	if n := len(f.Contradictions); n > 0 {
		const most = 5
		var which []string
		for i, c := range f.Contradictions {
			if i == most {
				which = append(which, fmt.Sprintf("and %d more", n-most))
				break
			}
			which = append(which, c.PaymentID+" "+contradiction(c))
		}
		say("%d say otherwise than the provider answered later: %s. See `tieout payment show ID`.", n, strings.Join(which, ", "))
	}
	return out
}

func contradiction(c store.Contradiction) string {
	said, answered := c.Said, c.Answered
	if c.Said == c.Answered && c.SaidAmount != nil && c.AnsweredAmount != nil {
		said, answered = c.SaidAmount.Human(), c.AnsweredAmount.Human()
	}
	return "(" + said + ", later " + answered + ")"
}
