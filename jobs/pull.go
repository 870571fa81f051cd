package jobs

import (
	"context"
	"fmt"

	"tieout/reports"
)

// pull takes all payments of the range from the ledger into the run's snapshot.
func (s *state) pull(ctx context.Context) error {
	pulled, err := s.Store.Pull(ctx, s.run, s.Ledger, s.LedgerRules(), s.scope(), func(n int64) { s.Progress(Pull, "payments", n, 0) })
	if err != nil {
		return err
	}
	s.sum.Pulled = pulled
	s.Progress(Pull, "payments", pulled.Payments, pulled.Payments)
	s.Log.Info().Int64("payments", pulled.Payments).Int64("set_aside", pulled.SetAside).Msg("pulled")
	if pulled.SetAside == 0 {
		return nil
	}
	rejects, err := s.Store.Rejects(ctx, s.run)
	if err != nil {
		return err
	}
	for i, r := range rejects {
		if i == 20 {
			break
		}
		s.Log.Warn().Str("payment", r.ID).Str("field", r.Field).Str("reason", r.Reason).Msg("set aside: not a payment")
	}
	note := fmt.Sprintf("%d rows of the ledger were set aside because they are no payments; the first: %s, field %s: %s. %s names each.",
		pulled.SetAside, rejects[0].ID, rejects[0].Field, rejects[0].Reason, reports.RejectsFile)
	return s.Store.Note(ctx, s.run, note)
}
