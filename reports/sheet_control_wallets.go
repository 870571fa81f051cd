package reports

import "fmt"

// unexplained is what the statement does not explain of a wallet's new balance;
// nil where nothing is claimed.
func (w *WalletRoll) unexplained() *sum {
	if w.Opening == nil || w.Why != "" {
		return nil
	}
	left := &sum{exp: w.Exp}
	for _, minor := range []int64{w.Closing, -*w.Opening, -w.In, w.Out} {
		left.add(minor, w.Exp)
	}
	return left
}

// controlWallets rolls the wallets' balances forward. What is unexplained there is
// shown and fails nothing: a payout under way is off some balances before any
// statement shows it.
func (s *settlement) controlWallets(c *canvas, row int) int {
	c.section(row, 'B', "6  The wallets' balances, rolled forward by the providers' statements")
	zone := location(s.b.passport).String()
	c.headers(row+1, 'B', 'L', heightHeaderTwo, text('B', "Provider"), text('C', "Wallet"), text('D', "Currency"),
		figure('E', "Opening balance"), figure('F', "Money in"), figure('G', "Money out"), figure('H', "Closing balance"),
		after('I', "Opening read at ("+zone+")"), text('J', "Closing read at ("+zone+")"), figure('K', "Unexplained"), tick('L'))
	row += 2
	if len(s.f.Wallets) == 0 {
		c.fill(row, 'B', 'L', lookBody)
		c.put(row, 'B', lookBody.colored(colGrey), "No provider told a balance.")
		return row + 2
	}
	for i := range s.f.Wallets {
		repeated, below := groupLine(i, len(s.f.Wallets), func(i int) string { return s.f.Wallets[i].Provider })
		s.wallet(c, row, &s.f.Wallets[i], repeated, below)
		row++
	}
	c.put(row, 'B', lookNote, "Closing = opening + money in – money out. Where no earlier balance is known, or no statement shows the time between, nothing is claimed. "+
		"A payout under way may be off a balance before a statement shows it.")
	return row + 2
}

func (s *settlement) wallet(c *canvas, row int, w *WalletRoll, repeated bool, below line) {
	body := look{below: below}
	number := body.right()
	c.fill(row, 'B', 'L', body)
	provider := body.strong()
	if repeated {
		provider = body.colored(colGrey)
	}
	c.put(row, 'B', provider, oneLine(w.Provider))
	name := oneLine(w.Wallet)
	switch n := len([]rune(name)); {
	case n > 14: // one network's own wallet
		c.put(row, 'C', body.sized(7).wrapped(), name)
		c.height[row] = 27
	case n > 10:
		c.put(row, 'C', body.sized(8), name)
	default:
		c.put(row, 'C', body, name)
	}
	c.put(row, 'D', body, w.Currency)
	c.amount(row, 'H', number, w.Closing, w.Exp)
	c.put(row, 'J', body.as(formatMinute), timeSerial(w.ClosedAt, location(s.b.passport)))
	if w.Opening == nil {
		c.put(row, 'E', number.sized(8).colored(colGrey), w.Why)
		return
	}
	c.amount(row, 'E', number, *w.Opening, w.Exp)
	c.put(row, 'I', body.indented().as(formatMinute), timeSerial(w.OpenedAt, location(s.b.passport)))
	left := w.unexplained()
	if left == nil {
		c.put(row, 'G', number.sized(8).colored(colGrey), w.Why)
		return
	}
	c.amount(row, 'F', number, w.In, w.Exp)
	c.amount(row, 'G', number, w.Out, w.Exp)
	c.unexplained(row, below, fmt.Sprintf("ROUND(H%[1]d-E%[1]d-F%[1]d+G%[1]d,%[2]d)", row, w.Exp), left, left.exact(), w.Exp)
}

// walletVerdict stands below the statements' one; empty where no balance could
// be rolled forward.
func (s *settlement) walletVerdict() (sentence string, bad bool) {
	var claimed int64
	differ := s.walletDifferences()
	for i := range s.f.Wallets {
		if s.f.Wallets[i].unexplained() != nil {
			claimed++
		}
	}
	switch {
	case claimed == 0:
		return "", false
	case len(differ) == 0:
		return markTies + " " + plural(claimed, "wallet balance") + verb(claimed, " follows", " follow") + " from the statements.", false
	}
	return markDiffers + " " + list(differ) + ": see 6.", true
}

// walletDifferences names the wallets whose balance their statement does not explain.
func (s *settlement) walletDifferences() []string {
	var out []string
	for i := range s.f.Wallets {
		w := &s.f.Wallets[i]
		if left := w.unexplained(); left != nil && left.sign() != 0 {
			left.minor.Abs(&left.minor)
			out = append(out, left.human(w.Currency)+" of the balance of "+w.Provider+" "+w.Wallet+" is unexplained")
		}
	}
	return out
}
