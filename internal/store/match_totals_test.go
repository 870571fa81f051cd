package store_test

// moved is what the provider completed and has not given back in full, of the
// transactions that have a place in the run (those of other days' payments
// have theirs there), in minor units.
func (w *world) moved(f found) int64 {
	w.Helper()
	var total int64
	w.rows(`SELECT key, coalesce(settled, amount) FROM tieout.transactions
		WHERE status = 'completed' AND NOT (coalesce(refunded, 0) > 0 AND refunded >= coalesce(settled, amount))`,
		func(scan func(...any)) {
			var key string
			var n int64
			scan(&key, &n)
			if role := f.roles[key]; role != "" && role != "elsewhere" {
				total += n
			}
		})
	return total
}

// conserves checks that gross and disputed together are the provider's total,
// but for what the provider itself no longer knows.
func (f found) conserves(t reporter, w *world, denied int64) {
	t.Helper()
	got := f.sum(func(l line) int64 { return l.gross + l.disputed })
	if want := w.moved(f) - denied; got != want {
		t.Errorf("gross and disputed are %d, the provider completed %d", got, want)
	}
}
