package store

import "context"

// analyze lets the planner know what was just written in bulk. Without it, the
// first large run after a small one is planned for a handful of rows, and joins
// row by row. It holds no lock beyond the statement.
func (s *Store) analyze(ctx context.Context, tables ...string) error {
	for _, t := range tables {
		if _, err := s.db.ExecContext(ctx, `ANALYZE `+t); err != nil {
			return err
		}
	}
	return nil
}
