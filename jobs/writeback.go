package jobs

import (
	"context"
	"fmt"
)

// writeBack sends the outcomes that changed to the merchant's own table, where
// the configuration has a statement for it. The run is published by now: what
// fails here is logged and noted, changes neither the reports nor the exit code,
// and is sent by the next run.
func (s *state) writeBack(ctx context.Context) {
	statement := s.Config.Ledger.Writeback
	if statement == "" {
		return
	}
	began := s.Now()
	done, err := s.Store.WriteBack(ctx, s.run, s.Ledger, statement)
	if err != nil {
		s.Log.Error().Err(err).Int64("sent", done.Sent).Msg("not all outcomes were written back: the next run sends the rest")
		s.noteLate(ctx, fmt.Sprintf("Not all outcomes were written back; the next run sends the rest: %v.", err))
		return
	}
	s.Log.Info().Int64("sent", done.Sent).Int64("refused", done.Refused).Dur("took_ms", s.Now().Sub(began)).Msg("outcomes written back")
	if done.Refused > 0 {
		s.Log.Warn().Int64("refused", done.Refused).Str("payment_id", done.PaymentID).Str("reason", done.Reason).
			Msg("your table refused some outcomes: tieout.writebacks says why")
		s.noteLate(ctx, fmt.Sprintf("Your table refused %d of the outcomes that were written back; tieout.writebacks says why.", done.Refused))
	}
}

// noteLate notes something of a run that is published already: the reports are
// written, but `tieout runs show` tells it.
func (s *state) noteLate(ctx context.Context, note string) {
	if err := s.Store.Note(context.WithoutCancel(ctx), s.run, note); err != nil {
		s.Log.Error().Err(err).Msg("the run could not be told of it")
	}
}
