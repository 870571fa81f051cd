// Package state is what the four sandbox servers share: the transactions of one
// account, found by id and reference, safe for many requests at once, and
// changeable while the servers run.
package state

import (
	"cmp"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"tieout/internal/corpus"
	"tieout/internal/payment"
)

// Account is one provider account as its sandbox server sees it.
type Account struct {
	corpus.Account
	// Credentials by the config's names: token; api_key; client_id, client_secret.
	Credentials map[string]string
	// BaseURL is where the server is reached, for links in answers.
	BaseURL string
	// ForeignURL is another host name of the same machine, for downloads that
	// must not carry the account's token.
	ForeignURL string
	Now        func() time.Time

	mu    sync.RWMutex
	txs   []*corpus.Transaction
	byID  map[string][]*corpus.Transaction
	byRef map[string][]*corpus.Transaction
	asked map[string]int
	// sorted holds each kind's transactions by time; nil when it must be made anew.
	sorted map[payment.Kind][]*corpus.Transaction
	hooks  Hooks
	lists  int
}

// Hooks make lists behave as real ones do on a bad day. They act in Between,
// and so on every list that is made from it.
type Hooks struct {
	// RepeatRows: each so many-th row comes twice. 0: none.
	RepeatRows int
	// LateRows: on every second call the newest so many rows are not there yet,
	// so that rows move between the pages that a client reads one by one.
	LateRows int
}

// SetHooks changes how lists behave from now on.
func (s *Account) SetHooks(h Hooks) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks = h
}

// New makes an account with the transactions of the world that are its own.
func New(a corpus.Account, txs []corpus.Transaction) *Account {
	s := &Account{Account: a, Now: time.Now}
	s.Replace(txs)
	return s
}

// Replace forgets everything and starts with the transactions that are the
// account's own.
func (s *Account) Replace(txs []corpus.Transaction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.txs, s.sorted, s.lists = nil, nil, 0
	s.byID, s.byRef, s.asked = map[string][]*corpus.Transaction{}, map[string][]*corpus.Transaction{}, map[string]int{}
	for _, t := range txs {
		if t.Provider == s.Name {
			s.put(t)
		}
	}
}

// Put adds a transaction, or replaces the one of the same kind, id and reference.
func (s *Account) Put(t corpus.Transaction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(t)
}

func (s *Account) put(t corpus.Transaction) {
	s.sorted = nil
	for _, old := range s.byID[key(t.Kind, t.ID)] {
		if old.Reference == t.Reference {
			*old = t
			return
		}
	}
	p := &t
	s.txs = append(s.txs, p)
	s.byID[key(t.Kind, t.ID)] = append(s.byID[key(t.Kind, t.ID)], p)
	for _, ref := range []string{t.Reference, t.OwnID} {
		if ref != "" {
			k := key(t.Kind, ref)
			if l := s.byRef[k]; len(l) == 0 || l[len(l)-1] != p {
				s.byRef[k] = append(l, p)
			}
		}
	}
}

// Remove forgets the transaction of this kind, id and reference, and tells
// whether there was one.
func (s *Account) Remove(kind payment.Kind, id, reference string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.txs, func(t *corpus.Transaction) bool {
		return t.Kind == kind && t.ID == id && t.Reference == reference
	})
	if i < 0 {
		return false
	}
	gone := s.txs[i]
	s.sorted = nil
	s.txs = slices.Delete(s.txs, i, i+1)
	drop := func(m map[string][]*corpus.Transaction, k string) {
		m[k] = slices.DeleteFunc(m[k], func(t *corpus.Transaction) bool { return t == gone })
	}
	drop(s.byID, key(kind, id))
	drop(s.byRef, key(kind, gone.Reference))
	drop(s.byRef, key(kind, gone.OwnID))
	return true
}

// ByID returns copies of the transactions with this id (several: a batch).
func (s *Account) ByID(kind payment.Kind, id string) []corpus.Transaction {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return copies(s.byID[key(kind, id)])
}

// ByReference returns copies of the transactions that carry this reference or
// own id.
func (s *Account) ByReference(kind payment.Kind, ref string) []corpus.Transaction {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return copies(s.byRef[key(kind, ref)])
}

// Between returns copies of the transactions created in [from, to), oldest
// first, ties by id. Zero times mean no bound. Unlisted ones are left out.
func (s *Account) Between(kind payment.Kind, from, to time.Time) []corpus.Transaction {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.byTime(kind)
	first := sort.Search(len(all), func(i int) bool { return !all[i].CreatedAt.Before(from) })
	last := len(all)
	if !to.IsZero() {
		last = sort.Search(len(all), func(i int) bool { return !all[i].CreatedAt.Before(to) })
	}
	rows := all[first:max(first, last)]
	s.lists++
	if late := s.hooks.LateRows; s.lists%2 == 1 {
		rows = rows[:max(0, len(rows)-late)]
	}
	out := make([]corpus.Transaction, 0, len(rows))
	for i, t := range rows {
		out = append(out, *t)
		if n := s.hooks.RepeatRows; n > 0 && (i+1)%n == 0 {
			out = append(out, *t)
		}
	}
	return out
}

// byTime needs the lock.
func (s *Account) byTime(kind payment.Kind) []*corpus.Transaction {
	if s.sorted == nil {
		s.sorted = map[payment.Kind][]*corpus.Transaction{}
		for _, t := range s.txs {
			if !t.Unlisted {
				s.sorted[t.Kind] = append(s.sorted[t.Kind], t)
			}
		}
		for _, list := range s.sorted {
			slices.SortStableFunc(list, func(a, b *corpus.Transaction) int {
				return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.ID, b.ID))
			})
		}
	}
	return s.sorted[kind]
}

// All returns copies of all transactions of a kind, also those that no list
// shows, in the order in which they came.
func (s *Account) All(kind payment.Kind) []corpus.Transaction {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []corpus.Transaction
	for _, t := range s.txs {
		if t.Kind == kind {
			out = append(out, *t)
		}
	}
	return out
}

// Customer returns copies of the transactions of a customer.
func (s *Account) Customer(id string) []corpus.Transaction {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []corpus.Transaction
	for _, t := range s.txs {
		if t.CustomerID == id {
			out = append(out, *t)
		}
	}
	return out
}

// Asked counts how often something was asked for, this time included.
func (s *Account) Asked(what string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[what]++
	return s.asked[what]
}

func key(k payment.Kind, id string) string { return string(k) + "\x00" + id }

func copies(in []*corpus.Transaction) []corpus.Transaction {
	out := make([]corpus.Transaction, 0, len(in))
	for _, t := range in {
		out = append(out, *t)
	}
	return out
}
