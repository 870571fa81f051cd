package state

import (
	"sort"
	"time"

	"tieout/internal/corpus"
	"tieout/internal/payment"
)

// Newest returns copies of the first limit transactions of the list that runs
// from the newest to the oldest, of those created in [from, to) that keep
// wants, and how many there are in all. Zero times mean no bound. Unlisted ones
// are left out; rows that come late are the newest of the account, wherever the
// page begins.
func (s *Account) Newest(kind payment.Kind, from, to time.Time, limit int, keep func(*corpus.Transaction) bool) (rows []corpus.Transaction, total int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.byTime(kind)
	s.lists++
	if s.lists%2 == 1 {
		all = all[:max(0, len(all)-s.hooks.LateRows)]
	}
	last := len(all)
	if !to.IsZero() {
		last = sort.Search(len(all), func(i int) bool { return !all[i].CreatedAt.Before(to) })
	}
	for i := last - 1; i >= 0 && !all[i].CreatedAt.Before(from); i-- {
		if !keep(all[i]) {
			continue
		}
		total++
		if len(rows) < limit {
			rows = append(rows, *all[i])
		}
		if n := s.hooks.RepeatRows; n > 0 && total%n == 0 && len(rows) < limit {
			rows = append(rows, *all[i])
		}
	}
	return rows, total
}
