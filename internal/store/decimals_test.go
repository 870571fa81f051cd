package store_test

import "testing"

// The configured decimals changed since a transaction was observed: its figures
// and those of the payments are of one day and currency, and have two scales.
func TestADayWhoseObservationsHaveTwoScalesIsSettled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twoPaid()
	p, x := paid("c")
	p.status = "failed" // the provider completed it
	w.pays(p)
	w.txs(x)
	w.exec(`UPDATE tieout.transactions SET exp = 3, amount = amount * 10 WHERE provider_payment_id = 'Tc'`)
	f := w.run(10, 10)
	f.only(t, "status_mismatch c")
	var scales, disputed int64
	w.rows(`SELECT count(DISTINCT exp), sum(disputed * 10 ^ (3 - exp))::bigint FROM tieout.run_lines`, func(scan func(...any)) { scan(&scales, &disputed) })
	if scales != 2 || disputed != 100_000 {
		t.Errorf("%d scales, %d disputed in thousandths", scales, disputed)
	}
}
