package jobs

import (
	"context"

	"tieout/config"
	"tieout/internal/money"
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
