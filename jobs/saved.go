package jobs

import (
	"context"

	"golang.org/x/sync/errgroup"

	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
	"tieout/internal/provider/redact"
	"tieout/internal/store"
)

// savedMethods asks whether the payments that wanted their method saved, and
// completed, left a token with the customer.
func (a *account) savedMethods(ctx context.Context) error {
	client, ok := a.client.(provider.SavedMethods)
	if !ok {
		return nil
	}
	questions, err := a.Store.SavedMethodQuestions(ctx, a.run, a.cfg.Name)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(a.cfg.Concurrency, 1))
	for _, q := range questions {
		g.Go(func() error { return a.savedMethod(ctx, client, q) })
	}
	return g.Wait()
}

func (a *account) savedMethod(ctx context.Context, client provider.SavedMethods, q store.SavedMethodQuestion) error {
	// a list of tokens must not become evidence
	present, checkable, reason := client.SavedMethods(httpx.WithoutRecorder(ctx), q.CustomerID, q.Transaction)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return a.Store.SaveSavedMethod(ctx, a.run, a.cfg.Name, q.PaymentID, present, checkable, redact.Text(reason), a.Now().UTC())
}
