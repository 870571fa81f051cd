package store_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"tieout/internal/payment"
	"tieout/internal/provider"
)

// words are those of which a world is drawn: in some worlds only a few, so that
// all its names meet, in others all.
type words struct {
	shops    []string
	kinds    []payment.Kind
	refs     []string
	ppids    []string
	owns     []string
	amounts  []string
	curs     []string
	accounts []string
	statuses []payment.Status
	ages     []time.Duration
}

// Ages at which the product may change its mind, and others.
var (
	agesOfADay  = []time.Duration{5 * time.Minute, grace, grace + time.Minute, time.Hour, 3 * time.Hour, 5 * time.Hour}
	agesOfAWeek = []time.Duration{
		10 * time.Minute, 3 * time.Hour, 23 * time.Hour, staleIn + time.Minute, 30 * time.Hour, 50 * time.Hour, 71 * time.Hour, stale + time.Minute, 80 * time.Hour, 100 * time.Hour,
	}
)

func drawWords(t *rapid.T) words {
	var (
		c, p  = payment.Completed, payment.Pending
		shop  = pick(t, "shop", []string{"pay", "pay", "pay", "pay-2", "pay-2", "done-list", "full-list", "part-list"})
		shops = []string{shop}
		kinds = []payment.Kind{pick(t, "kind", someKinds)}
		refs  = [][]string{{"", "R1", "R1", "R1"}, {"", "R1", "R2", "p0"}}
	)
	if pick(t, "wide", []bool{false, false, true}) {
		shops, kinds = append(shops, "pay"), someKinds
	}
	if shop == "pay-2" { // spellings count as one there
		refs = [][]string{{"R1", "R1", "r1", "R 1", "R-1", "00R1", "0R1", "r_1"}}
	}
	return words{
		shops: shops, kinds: kinds, refs: pick(t, "references", refs),
		ppids:    pick(t, "ids", [][]string{{""}, {"", "T0", "T1"}, {"", "", "T0", "T1", "T2", "T3", "T8"}}),
		owns:     pick(t, "our ids", [][]string{{""}, {"", "", "p0", "p1", "p2", "R1"}}),
		amounts:  pick(t, "amounts", [][]string{{"100"}, {"100", "100", "60", "40"}, {"100", "60", "40"}, {"100", "100", "103", "106"}}),
		curs:     pick(t, "currencies", [][]string{{"KES"}, {"KES"}, {"UGX"}, {"USD"}, {"KES", "KES", "KES", "USD"}}),
		accounts: pick(t, "accounts", [][]string{{""}, {"0712345678", "254712345678"}, {"", "0712345678", "254712345678", "256712345678", "254799999999"}}),
		statuses: pick(t, "statuses", [][]payment.Status{{c}, {c, c, c, p}, {c, p}, {c, c, p, payment.Created, payment.Reversed, payment.Failed}, payment.Statuses}),
		ages:     pick(t, "ages", [][]time.Duration{{3 * time.Hour}, agesOfADay, agesOfAWeek}),
	}
}

func (v words) moment(t *rapid.T) time.Time {
	return start.Add(-pick(t, "age", v.ages) - time.Duration(rapid.IntRange(0, 2).Draw(t, "seconds"))*time.Second)
}

func (v words) pay(t *rapid.T, i int) pay {
	return pay{
		id: fmt.Sprint("p", i), provider: pick(t, "provider", v.shops), kind: pick(t, "kind", v.kinds), ppid: pick(t, "ppid", v.ppids), ref: pick(t, "ref", v.refs),
		amount: pick(t, "amount", v.amounts), cur: pick(t, "cur", v.curs), account: pick(t, "account", v.accounts), status: pick(t, "status", v.statuses),
		meta: drawMeta(t), at: v.moment(t), refunded: pick(t, "ours refunded", []string{"0", "0", "0", "0", "40", "100"}),
	}
}

func (v words) tx(t *rapid.T, i int) tx {
	x := tx{
		id: fmt.Sprint("T", i), provider: pick(t, "provider", v.shops), kind: pick(t, "kind", v.kinds), own: pick(t, "own", v.owns), ref: pick(t, "ref", v.refs),
		amount: pick(t, "amount", v.amounts), cur: pick(t, "cur", v.curs), account: pick(t, "account", append([]string{"2547***5678"}, v.accounts...)),
		status: pick(t, "status", v.statuses), meta: drawMeta(t), at: v.moment(t),
		refunded: pick(t, "refunded", []string{"", "", "", "0", "0", "40", "100"}), partial: pick(t, "partial", []bool{false, false, false, true}),
		asked: pick(t, "asked", []time.Time{start.Add(-2 * time.Hour), start.Add(time.Minute)}),
	}
	if x.status == payment.Completed || x.status == payment.Reversed { // something moved
		x.settled = pick(t, "settled", []string{"", "", "", "", "", "60", "100"})
	}
	if x.status == payment.Pending && rapid.Bool().Draw(t, "needs action") {
		x.needs = payment.ActionReview
	}
	if x.cur == "KES" {
		x.fee = pick(t, "fee", []string{"", "", "1.75", "1.15", "0.85"})
	}
	return x
}

// The themes of worlds that chance alone would seldom draw.
var themes = []func(s *drawn, t *rapid.T, v words){
	(*drawn).drawTangle, (*drawn).drawSplit, (*drawn).drawBatch, (*drawn).drawMetadata, (*drawn).drawPairs, (*drawn).drawItems, func(*drawn, *rapid.T, words) {},
}

// drawTangle makes pairs of which nothing differs, but for a name or two that
// lead from one of them to another.
func (s *drawn) drawTangle(t *rapid.T, v words) {
	s.pays, s.txs = nil, nil
	n, bare := rapid.IntRange(2, 4).Draw(t, "pairs"), pick(t, "without references", []bool{false, true})
	for i := range n {
		p := pay{
			id: fmt.Sprint("p", i), provider: v.shops[0], kind: v.kinds[0], ref: fmt.Sprint("R", i), amount: pick(t, "amount", []string{"100", "60"}), cur: "KES",
			status: payment.Completed, at: start.Add(-pick(t, "age", []time.Duration{3 * time.Hour, 4 * time.Hour, 20 * time.Hour, 30 * time.Hour})), refunded: "0",
		}
		x := tx{id: fmt.Sprint("T", i), provider: p.provider, kind: p.kind, ref: p.ref, amount: p.amount, cur: p.cur, status: p.status, at: p.at, asked: start.Add(time.Minute)}
		switch pick(t, "known by", []string{"their id", "our id", "reference"}) {
		case "their id":
			p.ppid = x.id
		case "our id":
			x.own = p.id
		}
		if bare && (p.ppid != "" || x.own != "") {
			p.ref, x.ref = "", ""
		}
		s.pays, s.txs = append(s.pays, p), append(s.txs, x)
	}
	for range rapid.IntRange(0, 2).Draw(t, "knots") {
		i, j := rapid.IntRange(0, n-1).Draw(t, "one"), rapid.IntRange(0, n-1).Draw(t, "other")
		switch pick(t, "knot", []string{"their id", "our id", "our reference", "their reference", "references"}) {
		case "their id":
			s.pays[i].ppid = s.txs[j].id
		case "our id":
			s.txs[i].own = s.pays[j].id
		case "our reference":
			s.pays[i].ref = s.pays[j].ref
		case "their reference":
			s.txs[i].ref = s.pays[j].ref
		case "references":
			s.pays[i].ref, s.txs[i].ref = s.pays[j].ref, s.pays[j].ref
		}
	}
}

// drawPairs gives each transaction to one payment.
func (s *drawn) drawPairs(t *rapid.T, _ words) {
	twins := pick(t, "twins", []bool{false, true})
	for i := range min(len(s.pays), len(s.txs)) {
		p, x := &s.pays[i], &s.txs[i]
		if first := s.pays[0]; twins {
			p.provider, p.kind, p.ref, p.amount, p.cur = first.provider, first.kind, first.ref, first.amount, first.cur
		}
		x.provider, x.kind, x.own = p.provider, p.kind, ""
		switch pick(t, "pair by", []string{"their id", "their id", "our id", "reference"}) {
		case "their id":
			p.ppid = x.id
		case "our id":
			p.ppid, x.own = "", p.id
		case "reference":
			p.ppid, p.ref = "", fmt.Sprint("RR", i)
			x.ref = p.ref
		}
		if pick(t, "open", []bool{false, false, true}) {
			p.status, x.status, x.settled = payment.Pending, payment.Pending, ""
			p.at = start.Add(-pick(t, "age", agesOfAWeek))
			x.needs = pick(t, "needs", []payment.Action{"", payment.ActionReview})
		} else if pick(t, "any statuses", []bool{false, true}) {
			p.status, x.status, x.settled, x.needs = pick(t, "status", payment.Statuses), pick(t, "their status", payment.Statuses), "", ""
		}
		if rapid.Bool().Draw(t, "same") {
			x.amount, x.cur, x.account, x.settled, x.fee, x.ref = p.amount, p.cur, p.account, "", "", p.ref
		}
	}
}

// drawSplit makes of transactions several of the first payment.
func (s *drawn) drawSplit(t *rapid.T, v words) {
	amounts := pick(t, "parts", [][]string{{"100"}, {"60", "40"}, {"60", "40"}, {"40", "50"}, {"60", "40", "100"}})
	for i := range s.pays {
		s.pays[i].ref = fmt.Sprint("R", i)
	}
	p := &s.pays[0]
	p.amount, p.cur = "100", v.curs[0]
	for i := range s.txs {
		x := &s.txs[i]
		x.provider, x.kind, x.ref, x.own = p.provider, p.kind, p.ref, pick(t, "part by", []string{"", "", "", p.id})
		x.amount, x.settled, x.cur, x.fee = amounts[i%len(amounts)], "", p.cur, ""
		x.status = pick(t, "status of part", []payment.Status{payment.Completed, payment.Completed, payment.Pending, x.status})
		if x.status == payment.Pending {
			x.at = start.Add(-pick(t, "age of part", agesOfADay))
		}
	}
}

// drawMetadata leaves nothing but metadata to go by.
func (s *drawn) drawMetadata(t *rapid.T, v words) {
	at := func() time.Time { return start.Add(-pick(t, "age", agesOfAWeek)) }
	for i := range s.pays {
		p := &s.pays[i]
		p.provider, p.kind, p.ppid, p.ref, p.at = v.shops[0], v.kinds[0], "", pick(t, "our reference", []string{"", "RA"}), at()
		p.meta[pick(t, "key", []string{"order", "invoice"})] = "O1"
	}
	for i := range s.txs {
		x := &s.txs[i]
		x.provider, x.kind, x.own, x.ref, x.at = v.shops[0], v.kinds[0], "", pick(t, "their reference", []string{"", "RB"}), at()
		x.meta[pick(t, "key", []string{"order", "invoice"})] = "O1"
	}
}

// drawBatch makes of transactions some that may have paid several payments as one.
func (s *drawn) drawBatch(t *rapid.T, v words) {
	at := func() time.Time {
		return start.Add(-pick(t, "age", []time.Duration{time.Hour, 3 * time.Hour, 20 * time.Hour, 30 * time.Hour}))
	}
	meta := func() map[string]string {
		return map[string]string{"batch": pick(t, "batch", []string{"B1", "B1", "B1", "B2"})}
	}
	sum := 0
	for i := range s.pays {
		p, share := &s.pays[i], pick(t, "share", []int{60, 40})
		p.provider, p.kind, p.cur, p.ppid, p.meta, p.at = v.shops[0], v.kinds[0], "KES", "", meta(), at()
		p.amount, p.ref = fmt.Sprint(share), pick(t, "ref in batch", []string{"", "", "", "R1"})
		if p.meta["batch"] == "B1" && p.ref == "" {
			sum += share
		}
	}
	for i := range s.txs {
		x := &s.txs[i]
		x.provider, x.kind, x.cur, x.own, x.settled, x.refunded, x.meta, x.at = v.shops[0], v.kinds[0], "KES", "", "", "", meta(), at()
		x.amount, x.ref = pick(t, "sum", []string{fmt.Sprint(max(sum, 1)), fmt.Sprint(max(sum, 1)), "100"}), pick(t, "ref of batch", []string{"", "", "", "R1"})
		x.fee = pick(t, "fee of batch", []string{"", "1.75", "2.35"})
	}
}

// drawItems makes of transactions items of one batch.
func (s *drawn) drawItems(t *rapid.T, _ words) {
	for i := range s.txs {
		if x := &s.txs[i]; !slices.ContainsFunc(s.txs[:i], func(y tx) bool { return y.ref == x.ref }) {
			x.batched, x.id = true, "T0"
		}
	}
	for i := range s.pays {
		s.pays[i].ppid = pick(t, "batch", []string{"", "T0", "T0"})
	}
}

// drawn is a world, and what its transactions were when they were seen before.
type drawn struct {
	small
	was map[string]payment.Status
}

func drawOracleWorld(t *rapid.T) drawn {
	s, v := drawn{was: map[string]payment.Status{}}, drawWords(t)
	for i := range pick(t, "payments", []int{1, 1, 1, 2, 2, 3, 4}) {
		s.pays = append(s.pays, v.pay(t, i))
	}
	for i := range pick(t, "transactions", []int{0, 1, 2, 2, 3, 3, 4}) {
		s.txs = append(s.txs, v.tx(t, i))
	}
	pick(t, "theme", themes)(&s, t, v)
	for _, x := range s.txs {
		if pick(t, "seen before", []bool{false, false, true}) {
			s.was[x.key()] = pick(t, "was", []payment.Status{payment.Completed, payment.Completed, payment.Pending, payment.Failed})
		}
	}
	for _, p := range s.pays {
		if pick(t, "answered", []bool{false, false, true}) {
			s.says = append(s.says, said{
				id: p.id, provider: p.provider, kind: p.kind, at: start.Add(pick(t, "answered at", []time.Duration{-3 * time.Hour, 30 * time.Second, 2 * time.Minute})),
				verdict: provider.Verdict(rapid.IntRange(0, int(provider.NotAskable)).Draw(t, "verdict")),
			})
		}
	}
	return s
}

func (x tx) key() string {
	if x.batched {
		return x.id + "/" + x.ref
	}
	return x.id
}

func drawMeta(t *rapid.T) map[string]string {
	m := map[string]string{}
	for _, key := range []string{"order", "invoice", "note"} {
		if v := pick(t, key, []string{"", "", "", "O1", "O2"}); v != "" {
			m[key] = v
		}
	}
	return m
}

// named puts a name before all of a world's names, so that it can stand beside
// other worlds and has nothing to do with them.
func (s drawn) named(name string) drawn {
	with := func(v string) string {
		if v == "" {
			return ""
		}
		bare := strings.TrimLeft(v, "0") // zeros at the beginning stay there
		return v[:len(v)-len(bare)] + name + bare
	}
	meta := func(m map[string]string) map[string]string {
		m = maps.Clone(m)
		for k, v := range m {
			m[k] = with(v)
		}
		return m
	}
	out := drawn{small{pays: slices.Clone(s.pays), txs: slices.Clone(s.txs), says: slices.Clone(s.says)}, map[string]payment.Status{}}
	for i := range out.pays {
		p := &out.pays[i]
		p.id, p.ppid, p.ref, p.meta = with(p.id), with(p.ppid), with(p.ref), meta(p.meta)
	}
	for i := range out.txs {
		x := &out.txs[i]
		was := s.was[x.key()]
		x.id, x.own, x.ref, x.meta = with(x.id), with(x.own), with(x.ref), meta(x.meta)
		if was != "" {
			out.was[x.key()] = was
		}
	}
	for i := range out.says {
		out.says[i].id = with(out.says[i].id)
	}
	return out
}

// oracleOf gives the oracle of a world.
func (w *world) oracleOf(s drawn, from, to int) *oracle {
	o := &oracle{rules: w.rules, lists: w.lists, now: start, days: [2]time.Time{day(from), day(to + 1)}}
	for _, p := range s.pays {
		one := &ours{pay: p.full(), rung: map[*theirs]payment.MatchMethod{}}
		for i, a := range s.says {
			if a.id == p.id {
				one.answer = &s.says[i]
			}
		}
		o.pays = append(o.pays, one)
	}
	for _, x := range s.txs {
		x = x.full()
		o.txs = append(o.txs, &theirs{tx: x, once: x.status == payment.Completed || s.was[x.key()] == payment.Completed})
	}
	return o
}

// disagreements runs worlds side by side, since a run of one costs as much as
// one of a hundred, and says by world where oracle and product differ.
func (w *world) disagreements(worlds []drawn, from, to int) []string {
	w.Helper()
	name := func(i int) string { return fmt.Sprintf("w%03d-", i) }
	var all small
	for i, s := range worlds {
		s = s.named(name(i))
		for _, x := range s.txs {
			if was := s.was[x.key()]; was != "" {
				x.status, x.needs, x.settled, x.asked = was, "", "", start.Add(-4*time.Hour)
				all.txs = append(all.txs, x)
			}
		}
		all.pays, all.txs, all.says = append(all.pays, s.pays...), append(all.txs, s.txs...), append(all.says, s.says...)
	}
	w.fill(all)
	got := w.run(from, to)
	out := make([]string, len(worlds))
	for i, s := range worlds {
		out[i] = differ(w.oracleOf(s.named(name(i)), from, to).says(), got.part(name(i)), name(i))
	}
	return out
}

// part gives what a run found in one of its worlds.
func (f found) part(name string) found {
	out := found{results: map[string]result{}, roles: map[string]string{}}
	for id, r := range f.results {
		if strings.HasPrefix(id, name) {
			out.results[id] = r
		}
	}
	for key, r := range f.roles {
		if strings.HasPrefix(key, name) {
			out.roles[key] = r
		}
	}
	for _, e := range f.exceptions {
		if strings.Contains(e, name) {
			out.exceptions = append(out.exceptions, e)
		}
	}
	return out
}

func differ(want, got found, name string) string {
	var b strings.Builder
	if !maps.Equal(want.results, got.results) {
		fmt.Fprintf(&b, "results: oracle %+v, product %+v\n", want.results, got.results)
	}
	if !slices.Equal(want.exceptions, got.exceptions) {
		fmt.Fprintf(&b, "exceptions: oracle %v, product %v\n", want.exceptions, got.exceptions)
	}
	if !maps.Equal(want.roles, got.roles) {
		fmt.Fprintf(&b, "transactions: oracle %v, product %v\n", want.roles, got.roles)
	}
	return strings.ReplaceAll(b.String(), name, "")
}

// valid tells whether each transaction has a name of its own.
func (s drawn) valid() bool {
	for i, x := range s.txs {
		for _, y := range s.txs[:i] {
			if x.key() == y.key() {
				return false
			}
		}
	}
	return true
}

// smaller gives a world's next smaller ones: each lacks one thing of it.
func (s drawn) smaller() (out []drawn) {
	with := func(change func(*drawn)) {
		next := s.named("")
		if change(&next); !reflect.DeepEqual(next, s) && next.valid() {
			out = append(out, next)
		}
	}
	for i := range s.pays {
		with(func(s *drawn) { s.pays = slices.Delete(s.pays, i, i+1) })
	}
	for i, x := range s.txs {
		with(func(s *drawn) { s.txs = slices.Delete(s.txs, i, i+1) })
		with(func(s *drawn) { delete(s.was, x.key()) })
	}
	for i := range s.says {
		with(func(s *drawn) { s.says = slices.Delete(s.says, i, i+1) })
	}
	for i, p := range s.pays {
		usual := pay{id: p.id, ppid: p.ppid, ref: p.ref, provider: "pay", kind: payment.Payout, amount: "100", cur: "KES", status: payment.Completed, at: noon, refunded: "0"}
		for _, change := range []func(*pay){
			func(p *pay) { *p = usual }, func(p *pay) { p.ppid = "" }, func(p *pay) { p.ref = "" }, func(p *pay) { p.account = "" }, func(p *pay) { p.meta = nil },
			func(p *pay) { p.refunded = "0" }, func(p *pay) { p.cur = "KES" }, func(p *pay) { p.amount = "100" }, func(p *pay) { p.at = noon },
			func(p *pay) { p.status = payment.Completed }, func(p *pay) { p.kind = payment.Payout }, func(p *pay) { p.provider = "pay" },
		} {
			with(func(s *drawn) { change(&s.pays[i]) })
		}
	}
	for i, x := range s.txs {
		usual := tx{id: x.id, own: x.own, ref: x.ref, provider: "pay", kind: payment.Payout, amount: "100", cur: "KES", status: payment.Completed, at: noon, asked: start.Add(time.Minute)}
		for _, change := range []func(*tx){
			func(x *tx) { *x = usual }, func(x *tx) { x.own = "" }, func(x *tx) { x.ref = "" }, func(x *tx) { x.account = "" }, func(x *tx) { x.meta = nil },
			func(x *tx) { x.refunded = "" }, func(x *tx) { x.settled = "" }, func(x *tx) { x.cur = "KES" }, func(x *tx) { x.amount = "100" }, func(x *tx) { x.at = noon },
			func(x *tx) { x.status, x.needs = payment.Completed, "" }, func(x *tx) { x.kind = payment.Payout }, func(x *tx) { x.provider = "pay" },
			func(x *tx) { x.fee = "" }, func(x *tx) { x.partial = false }, func(x *tx) { x.needs = "" }, func(x *tx) { x.asked = start.Add(time.Minute) },
		} {
			with(func(s *drawn) { change(&s.txs[i]) })
		}
	}
	return out
}

// smallest takes away what a disagreement doesn't need.
func (w *world) smallest(s drawn, why string, from, to int) (drawn, string) {
	for {
		next := s.smaller()
		all := w.disagreements(next, from, to)
		i := slices.IndexFunc(all, func(d string) bool { return d != "" })
		if i < 0 {
			return s, why
		}
		s, why = next[i], all[i]
	}
}

func (s drawn) String() string {
	var b strings.Builder
	at := func(t time.Time) string { return "start-" + start.Sub(t).String() }
	for _, p := range s.pays {
		p = p.full()
		fmt.Fprintf(&b, "  pay{id: %q, provider: %q, kind: %q, ppid: %q, ref: %q, %s %s, account: %q, %s, %v, %s, refunded: %s}\n",
			p.id, p.provider, p.kind, p.ppid, p.ref, p.amount, p.cur, p.account, p.status, p.meta, at(p.at), p.refunded)
	}
	for _, x := range s.txs {
		x = x.full()
		fmt.Fprintf(&b, "  tx{id: %q, provider: %q, kind: %q, own: %q, ref: %q, %s %s, settled: %q, refunded: %q, account: %q, %s %s, %v, %s, partial: %t, asked: %s, fee: %q, batched: %t}\n",
			x.id, x.provider, x.kind, x.own, x.ref, x.amount, x.cur, x.settled, x.refunded, x.account, x.status, x.needs, x.meta, at(x.at), x.partial, at(x.asked), x.fee, x.batched)
	}
	for _, a := range s.says {
		fmt.Fprintf(&b, "  said{id: %q, %s, %s}\n", a.id, a.verdict, at(a.at))
	}
	if len(s.was) > 0 {
		fmt.Fprintf(&b, "  before: %v\n", s.was)
	}
	return b.String()
}
