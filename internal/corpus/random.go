package corpus

import (
	"hash/fnv"
	"math/bits"
	"strconv"
)

// random is a permuted congruential generator (PCG-XSH-RR 64/32): small, quick
// and, unlike a library's, the same for ever.
type random struct{ state, inc uint64 }

func newRandom(seed int64, salt string) *random {
	h := fnv.New64a()
	_, _ = h.Write([]byte(strconv.FormatInt(seed, 10) + "\x00" + salt)) // a hash never fails
	r := &random{inc: h.Sum64()<<1 | 1}
	r.next()
	r.state += h.Sum64()
	r.next()
	return r
}

func (r *random) next() uint32 {
	old := r.state
	r.state = old*6364136223846793005 + r.inc
	return bits.RotateLeft32(uint32((old>>18^old)>>27), -int(old>>59))
}

func (r *random) uint64() uint64 { return uint64(r.next())<<32 | uint64(r.next()) }

// n gives a number in [0, n); n must be positive.
func (r *random) n(n int) int {
	hi, _ := bits.Mul64(r.uint64(), uint64(n))
	return int(hi)
}

// between gives a number in [low, high].
func (r *random) between(low, high int) int { return low + r.n(high-low+1) }

// chance is true in so many of a thousand cases.
func (r *random) chance(permille int) bool { return r.n(1000) < permille }

func pick[T any](r *random, list []T) T { return list[r.n(len(list))] }

func shuffle[T any](r *random, list []T) {
	for i := len(list) - 1; i > 0; i-- {
		j := r.n(i + 1)
		list[i], list[j] = list[j], list[i]
	}
}
