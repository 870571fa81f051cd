package store_test

import (
	"cmp"
	"slices"

	"tieout/internal/payment"
)

// How the oracle climbs the ladder.

func (o *oracle) together(p *ours, x *theirs) bool {
	return p.provider == x.provider && p.kind == x.kind
}

// near is what metadata needs beside its value.
func (o *oracle) near(p *ours, x *theirs) bool {
	return p.at.Sub(x.at).Abs() <= o.rules.DateWindow
}

func (o *oracle) hold(p *ours, x *theirs, rung payment.MatchMethod) {
	if _, already := p.rung[x]; already {
		return
	}
	p.rung[x] = rung
	p.candidates = append(p.candidates, x)
	x.holders = append(x.holders, p)
}

// link climbs the ladder.
func (o *oracle) link() {
	o.linkByID()
	o.linkByReference()
	for _, key := range o.rules.MetadataKeys {
		o.linkByMetadata(key)
	}
	for _, key := range o.rules.BatchKeys {
		o.linkBatches(key)
	}
}

func (o *oracle) linkByID() {
	for _, p := range o.pays {
		for _, x := range o.txs {
			theirID := p.ppid != "" && sameID(p.ppid, x.id) && (!x.batched || x.ref == p.id || p.ref != "" && o.spelled(x.provider, x.ref) == o.spelled(p.provider, p.ref))
			if o.together(p, x) && (theirID || sameID(p.id, x.own)) {
				o.hold(p, x, payment.ByProviderID)
			}
		}
	}
	o.shared()
}

// shared marks who holds what another one holds too.
func (o *oracle) shared() {
	for _, x := range o.txs {
		if len(x.holders) > 1 {
			for _, p := range x.holders {
				p.ambiguous = true
			}
		}
	}
}

func (o *oracle) linkByReference() {
	var free []*theirs
	for _, x := range o.txs {
		if len(x.holders) == 0 && x.ref != "" {
			free = append(free, x)
		}
	}
	for _, x := range free {
		var left, settled []*ours
		for _, p := range o.pays {
			if !o.together(p, x) || p.ref == "" || o.spelled(p.provider, p.ref) != o.spelled(x.provider, x.ref) {
				continue
			}
			if o.settledByID(p) {
				settled = append(settled, p)
			} else {
				left = append(left, p)
			}
		}
		if len(left) == 0 && len(settled) == 1 {
			left = settled // a further attempt
		}
		for _, p := range left {
			o.hold(p, x, payment.ByReference)
		}
	}
	o.shared()
}

func (o *oracle) settledByID(p *ours) bool {
	return !p.ambiguous && slices.ContainsFunc(p.candidates, func(x *theirs) bool { return p.rung[x] == payment.ByProviderID })
}

func (o *oracle) linkByMetadata(key string) {
	var without []*ours
	var free []*theirs
	for _, p := range o.pays {
		if len(p.candidates) == 0 && p.meta[key] != "" {
			without = append(without, p)
		}
	}
	for _, x := range o.txs {
		if len(x.holders) == 0 {
			free = append(free, x)
		}
	}
	for _, p := range without {
		for _, x := range free {
			if o.together(p, x) && p.meta[key] == x.meta[key] && p.cur == x.cur && o.near(p, x) && (p.worth() == minor(x.amount, x.cur) || p.worth() == x.moved()) {
				o.hold(p, x, payment.ByMetadata)
			}
		}
	}
	o.shared()
}

// linkBatches gives each of several payments its share of the one transaction
// that is their sum.
func (o *oracle) linkBatches(key string) {
	shares := map[*theirs][]*ours{}
	choices := map[*ours]int{}
	for _, x := range o.txs {
		var batch []*ours
		sum := int64(0)
		for _, p := range o.pays {
			if len(x.holders) == 0 && len(p.candidates) == 0 && o.together(p, x) && p.meta[key] != "" && p.meta[key] == x.meta[key] && p.cur == x.cur && o.near(p, x) {
				batch = append(batch, p)
				sum += p.worth()
			}
		}
		if len(batch) > 1 && sum == x.moved() {
			shares[x] = batch
			for _, p := range batch {
				choices[p]++
			}
		}
	}
	for x, batch := range shares {
		if slices.ContainsFunc(batch, func(p *ours) bool { return choices[p] > 1 }) {
			continue
		}
		for _, p := range batch {
			p.batched = true
			o.hold(p, x, payment.ByMetadata)
		}
	}
}

func oldest(a, b *theirs) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.key(), b.key())) }

func newest(a, b *theirs) int { return cmp.Or(b.at.Compare(a.at), cmp.Compare(a.key(), b.key())) }

// choose tells a payment's candidates apart.
func (o *oracle) choose(p *ours) {
	if p.ambiguous || len(p.candidates) == 0 {
		return
	}
	var paid, open []*theirs
	all := slices.SortedFunc(slices.Values(p.candidates), oldest)
	for _, x := range all {
		if x.paid() {
			paid = append(paid, x)
		}
		if x.open() {
			open = append(open, x)
		}
	}
	if len(paid) == 0 {
		p.chosen = []*theirs{slices.MinFunc(all, newest)}
		if len(open) > 0 {
			p.chosen = []*theirs{slices.MinFunc(open, newest)}
		}
		return
	}
	each, sum := true, int64(0)
	for _, x := range paid {
		each = each && x.cur == p.cur && x.moved() == p.worth()
		sum += x.moved()
	}
	switch {
	case len(paid) == 1:
		p.chosen = paid
	case each:
		p.chosen = paid[:1]
		for _, x := range paid[1:] {
			x.duplicate = p
		}
	case sum == p.worth() && !slices.ContainsFunc(paid, func(x *theirs) bool { return x.cur != p.cur }):
		p.chosen = paid
	default:
		p.ambiguous = true
		return
	}
	for _, x := range open {
		if o.late(x) {
			x.duplicate = p
		}
	}
}
