package jobs

import (
	"context"
	"io"

	"tieout/internal/ledger"
	"tieout/internal/store"
)

// ImportPayments loads a CSV of payments into the default ledger.
func (e *Env) ImportPayments(ctx context.Context, in io.Reader, reject func(ledger.Reject) error, progress func(int64)) (store.Imported, error) {
	return e.Store.ImportPayments(ctx, e.LedgerRules(), in, reject, progress)
}
