package jobs

import (
	"context"

	"tieout/config"
	"tieout/internal/money"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
	"tieout/internal/provider/redact"
	"tieout/internal/statement"
	"tieout/internal/store"
)

// ImportStatement loads a statement of a configured provider.
func (e *Env) ImportStatement(ctx context.Context, p config.Provider, in statement.File, claim store.StatementClaim,
	reject func(statement.Reject) error, progress func(int64),
) (store.Imported, error) {
	scale := p.Decimals
	if scale == nil {
		scale = money.Scale{}
	}
	rd := statement.Reader{
		Type: p.Type, Headers: p.StatementColumns, Scale: scale, Zone: e.Config.Location,
		Decimal: p.StatementDecimal, Dates: statement.DateOrder(p.StatementDates),
		Currency: statement.DefaultCurrency(p.Type, p.Options),
	}
	return e.Store.ImportStatement(ctx, p.Name, rd, in, claim, reject, progress)
}

// balances asks once in a run what stands in the account's wallets, before
// anything else, so that all that is booked by then can be on the statement.
// That a provider doesn't tell changes nothing.
func (a *account) balances(ctx context.Context) error {
	client, ok := a.client.(provider.Balances)
	if !ok {
		return nil
	}
	done, err := a.Store.BalancesDone(ctx, a.run, a.cfg.Name)
	if err != nil || done {
		return err
	}
	rec := &recorder{}
	at := a.Now().UTC()
	balances, err := client.Balances(httpx.WithRecorder(ctx, rec.record))
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		a.Log.Warn().Str("provider", a.cfg.Name).Str("why", redact.Text(err.Error())).Msg("a balance could not be read")
	}
	exchanges, digests := rec.take()
	return a.Store.SaveBalances(ctx, a.run, a.cfg.Name, balances, at, exchanges, digests)
}

// statement keeps what the provider's own API shows of the wallets' movements,
// beside imported files. A statement that can't be had, or breaks off, proves
// nothing and ends nothing.
func (a *account) statement(ctx context.Context) error {
	client, ok := a.client.(provider.Statements)
	if !ok {
		return nil
	}
	done, err := a.Store.StatementDone(ctx, a.run, a.cfg.Name)
	if err != nil || done {
		return err
	}
	from, to := a.listRange()
	if !from.Before(to) {
		return nil // a range of the future
	}
	rec := &recorder{}
	read := a.Store.ReadStatement(a.run, a.cfg.Name)
	rows := int64(0)
	var saveErr error
	covered, why, err := client.Statement(httpx.WithRecorder(ctx, rec.record), provider.StatementQuery{
		From: from, To: to, Now: a.asked, Memory: a.Store.Memory(a.cfg.Name),
	}, func(p provider.StatementPage) error {
		rows += int64(len(p.Rows))
		a.Progress(Poll, a.cfg.Name+" statement", rows, 0)
		exchanges, digests := rec.take()
		saveErr = read.Page(ctx, p, exchanges, digests)
		return saveErr
	})
	switch {
	case saveErr != nil:
		return saveErr
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		covered, why = nil, redact.Text(err.Error())
	}
	exchanges, digests := rec.take()
	got, err := read.End(ctx, covered, why, a.Now().UTC(), exchanges, digests)
	if err == nil {
		a.Log.Info().Str("provider", a.cfg.Name).Int64("rows", got.Read).Int64("new", got.New).Int64("set_aside", got.SetAside).Str("why", why).Msg("statement read")
	}
	return err
}
