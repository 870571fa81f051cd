package jobs

import (
	"context"
	"fmt"
)

// settle adds up the settlement lines and proves the control totals. A total
// that does not tie ends the run: what can't be proven is not published.
func (s *state) settle(ctx context.Context) error {
	checks, err := s.Store.Settle(ctx, s.run, s.Config.Location)
	if err != nil {
		return err
	}
	failed := 0
	for _, c := range checks {
		if !c.Ties {
			failed++
			s.Log.Error().Str("total", c.Name).Str("left", c.Left).Str("right", c.Right).Msg("a control total does not tie")
		}
	}
	if failed > 0 {
		return fmt.Errorf("%w (%d of %d)", ErrTotals, failed, len(checks))
	}
	s.Log.Info().Int("control_totals", len(checks)).Msg("all totals tie")
	return nil
}
