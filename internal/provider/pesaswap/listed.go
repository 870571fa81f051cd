package pesaswap

import (
	"sync"
	"time"

	"tieout/internal/payment"
	"tieout/internal/provider"
)

// listedKept bounds the memory of what lists have shown; what goes beyond costs
// calls, nothing else.
const listedKept = 100_000

// fewShare bounds how many rows with one reference are retrieved for a payment:
// what more carry names none of them.
const fewShare = 10

// listed is what the lists of this run have shown, so that payments without a
// provider_payment_id need not be searched for, and open ones cost one call.
type listed struct {
	mu    sync.Mutex
	rows  map[string]bool     // by objectKey: whether a force sync would not be ignored
	byRef map[string][]string // ids of the rows with a reference, by objectKey
	full  bool                // rows are missing here
	whole map[payment.Kind]provider.ListQuery
}

func objectKey(kind payment.Kind, id string) string { return string(kind) + "/" + id }

// add notes a row; open says that a force sync would not be ignored.
func (l *listed) add(kind payment.Kind, id, reference string, open bool) {
	if id == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rows == nil {
		l.rows, l.byRef = map[string]bool{}, map[string][]string{}
	}
	key := objectKey(kind, id)
	_, again := l.rows[key]
	if !again && len(l.rows) >= listedKept {
		l.full = true
		return
	}
	l.rows[key] = open
	if reference != "" && !again {
		ref := objectKey(kind, reference)
		l.byRef[ref] = append(l.byRef[ref], id)
	}
}

// complete notes that all rows of the range were shown.
func (l *listed) complete(q provider.ListQuery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.whole == nil {
		l.whole = map[payment.Kind]provider.ListQuery{}
	}
	l.whole[q.Kind] = q
}

// has tells whether the object was shown, and whether it is open.
func (l *listed) has(kind payment.Kind, id string) (shown, open bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	open, shown = l.rows[objectKey(kind, id)]
	return shown, open
}

// withReference gives the ids of the rows that carry a reference. all is true
// where no other can exist among the payments of that time.
func (l *listed) withReference(kind payment.Kind, reference string, at time.Time) (ids []string, all bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	q, whole := l.whole[kind]
	all = whole && !l.full && !at.Before(q.From) && at.Before(q.To)
	if reference == "" {
		return nil, all
	}
	return l.byRef[objectKey(kind, reference)], all
}
