package pesaswap

import (
	"slices"
	"sync"

	"tieout/internal/payment"
	"tieout/internal/provider"
)

// unreadKept bounds the memory of rows that can't be read.
const unreadKept = 10_000

// unread are the rows of this run's lists that could not be read, by kind and
// reference: retrieved, the same object may be sound. Without it such a payment
// stays what the row made it, invalid.
type unread struct {
	mu  sync.Mutex
	ids map[string][]string
}

func objectKey(kind payment.Kind, id string) string { return string(kind) + "/" + id }

func (u *unread) add(kind payment.Kind, id, reference string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if id == "" || reference == "" || len(u.ids) >= unreadKept {
		return
	}
	if u.ids == nil {
		u.ids = map[string][]string{}
	}
	if key := objectKey(kind, reference); !slices.Contains(u.ids[key], id) {
		u.ids[key] = append(u.ids[key], id)
	}
}

// with gives the rows that carry the payment's reference.
func (u *unread) with(q provider.Query) []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.ids[objectKey(q.Kind, q.Reference)])
}
