package corpus

import "tieout/internal/payment"

// recipe is one way to make a difference of a kind.
type recipe struct {
	kind payment.ExceptionKind
	// payments is how many it makes.
	payments int
	// suits tells whether the account's API can show it.
	suits func(a *account, k payment.Kind) bool
	// cook adds it, or adds nothing and returns false where the range leaves no room.
	cook func(g *generator, a *account, k payment.Kind) bool
}

// planned is one difference that will be made.
type planned struct {
	recipe
	account *account
	pay     payment.Kind
}

func (c planned) run(g *generator) { c.cook(g, c.account, c.pay) }

// plan chooses the differences of the world, evenly over the kinds, and counts
// the payments that they take.
func (g *generator) plan() (cases []planned, reserved int) {
	var kinds []payment.ExceptionKind
	ways := map[payment.ExceptionKind][]planned{}
	list := recipes()
	if g.o.Statements {
		list = append(list, statementRecipes()...)
	}
	for _, r := range list {
		if r.kind == payment.FeeMismatch && !g.o.FeeSchedule {
			continue
		}
		for _, a := range g.accounts {
			for _, k := range []payment.Kind{payment.Deposit, payment.Payout} {
				if r.suits(a, k) {
					if len(ways[r.kind]) == 0 {
						kinds = append(kinds, r.kind)
					}
					ways[r.kind] = append(ways[r.kind], planned{r, a, k})
				}
			}
		}
	}
	turn := map[payment.ExceptionKind]int{}
	take := func(k payment.ExceptionKind, most int) bool {
		list := ways[k]
		c := list[turn[k]%len(list)]
		if reserved+c.payments > most {
			return false
		}
		turn[k]++
		reserved += c.payments
		cases = append(cases, c)
		return true
	}
	var shared []payment.ExceptionKind
	for _, k := range kinds {
		shuffle(g.r, ways[k])
		if n, fixed := g.o.Counts[k]; !fixed {
			shared = append(shared, k)
		} else {
			for range n {
				take(k, g.o.Payments)
			}
		}
	}
	for i := range g.o.cases(len(shared)) {
		if len(shared) == 0 || !take(shared[i%len(shared)], g.o.Payments*4/5) {
			break
		}
	}
	shuffle(g.r, cases)
	return cases, reserved
}
