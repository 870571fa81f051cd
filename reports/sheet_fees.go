package reports

import (
	"fmt"
	"math/big"
	"strings"
)

var feesWidths = []columnWidth{
	{'B', 13.5},
	{'C', 9.5},
	{'D', 10.5},
	{'E', 13.5},
	{'F', 13.5},
	{'G', 22},
	{'H', 17},
	{'I', 16},
	{'J', 16},
	{'K', 15},
	{'L', 15},
	{'M', 13.5},
	{'N', 7},
}

func (s *settlement) writeFees() {
	c := s.b.canvas("Refunds and fees", 'N', feesWidths)
	c.title("Refunds and fees", subtitle(s.b.passport))
	c.verdict(4, lookVerdict, feesVerdict(s.f.Fees, s.f.Refunds))
	row := s.feesTable(c, 6)
	s.refundsTable(c, row)
	how := printing{wide: 1}
	if len(s.f.Fees)+len(s.f.Refunds) <= onePage {
		how.high = 1
	}
	c.flush("Settlement", how)
}

func (s *settlement) feesTable(c *canvas, row int) int {
	rows := s.f.Fees
	c.section(row, 'B', "Fees charged against the schedule")
	c.headers(row+1, 'B', 'N', heightHeaderTwo, text('B', "Provider"), text('C', "Kind"), text('D', "Currency"),
		figure('E', "Completed payments"), figure('F', "Fee known for"), figure('G', "Gross"), figure('H', "Fee charged"),
		figure('I', "Fee by schedule"), figure('J', "Difference"), figure('K', "Rate charged"), figure('L', "Tax on fees"),
		figure('M', "Payments that differ"), tick('N'))
	row += 2
	if len(rows) == 0 {
		c.fill(row, 'B', 'N', lookBody)
		c.put(row, 'B', lookBody.colored(colGrey), "No completed payments.")
		row++
	}
	var low []string
	for i := range rows {
		r := &rows[i]
		repeated, below := groupLine(i, len(rows), func(i int) string { return rows[i].Provider })
		c.flowHead(row, r.Provider, r.Kind, r.Currency, repeated, below)
		c.feeRow(row, r, below)
		if name := oneLine(r.Provider); r.FeeKnown < r.Count && (len(low) == 0 || low[len(low)-1] != name) {
			low = append(low, name)
		}
		row++
	}
	note := "Fee known for: a fee that no source states is empty, not zero."
	if len(low) > 0 {
		note += " " + list(low) + verb(int64(len(low)), " states", " state") + " none for some payments, so the rate is too low there."
	}
	c.put(row, 'B', lookNote, note)
	return row + 2
}

func (c *canvas) feeRow(row int, r *FeeLine, below line) {
	body := look{below: below, align: "right"}
	number := body.as(formatCount)
	c.fill(row, 'E', 'N', body)
	c.put(row, 'E', number, r.Count)
	c.put(row, 'F', alertWhen(number, r.FeeKnown < r.Count), r.FeeKnown)
	c.amount(row, 'G', body, r.Gross, r.Exp)
	if r.TaxKnown {
		c.amount(row, 'L', body, r.Tax, r.Exp)
	}
	if r.FeeKnown > 0 {
		c.amount(row, 'H', body.strong(), r.Charged, r.Exp)
		if r.Gross != 0 {
			rate := big.NewRat(r.Charged, r.Gross).FloatString(8)
			c.formula(row, 'K', body.as(formatRate), fmt.Sprintf("H%d/G%d", row, row), shareNumber(rate))
		}
	}
	if r.Scheduled == nil {
		why := "no schedule"
		if r.HasSchedule {
			why = "fee not known"
		}
		c.put(row, 'I', body.sized(8).colored(colGrey), why)
		return
	}
	c.amount(row, 'I', body, *r.Scheduled, r.Exp)
	differs := &sum{exp: r.Exp}
	differs.add(r.Charged, r.Exp)
	differs.add(-*r.Scheduled, r.Exp)
	signed := body.as(differenceFormat(r.Exp))
	if differs.sign() != 0 {
		signed = signed.strong().colored(colAlert)
	}
	c.value(row, 'J', signed, fmt.Sprintf("ROUND(H%d-I%d,%d)", row, row, r.Exp), differs, differs.exact())
	c.put(row, 'M', number, r.Differing)
	formula := fmt.Sprintf(`IF(AND(ABS(J%d)<%s,M%d=0),"✓","✗")`, row, halfUnit(r.Exp), row)
	c.tie(row, 'N', below, exactFormula(differs.exact(), formula), differs.sign() == 0 && r.Differing == 0)
}

// shareNumber is a share with so many decimals that a cell holds them.
func shareNumber(text string) any {
	whole, frac, _ := strings.Cut(text, ".")
	for len(whole)+len(frac) > mostDigits && frac != "" {
		frac = frac[:len(frac)-1]
	}
	return number(strings.TrimRight(whole+"."+frac, "."))
}

func (s *settlement) refundsTable(c *canvas, row int) {
	rows := s.f.Refunds
	c.section(row, 'B', "Refunds")
	c.headers(row+1, 'B', 'N', heightHeaderTwo, text('B', "Provider"), text('C', "Kind"), text('D', "Currency"),
		text('E', "Business date"), text('F', "Payment"), figure('H', "Amount"), figure('I', "Refunded at the provider"),
		figure('J', "Refunded in our records"), figure('K', "Difference"), after('L', "Reference"), tick('N'))
	row += 2
	if len(rows) == 0 {
		c.fill(row, 'B', 'N', lookBody)
		c.put(row, 'B', lookBody.colored(colGrey), "Nothing was refunded.")
		return
	}
	for i := range rows {
		r := &rows[i]
		c.fill(row, 'B', 'N', lookBody)
		c.flowHead(row, r.Provider, r.Kind, r.Currency, false, lineHair)
		c.put(row, 'E', lookBody.as(formatDate), dateSerial(r.BusinessDate))
		c.put(row, 'F', lookBody.sized(8).as(formatText), textOrEmpty(r.PaymentID))
		c.amount(row, 'H', lookBody, r.Amount.Minor, r.Amount.Exp)
		c.amount(row, 'I', lookBody.strong(), r.AtProvider.Minor, r.AtProvider.Exp)
		c.amount(row, 'J', lookBody, r.InOurs.Minor, r.InOurs.Exp)
		c.put(row, 'L', lookBody.indented().as(formatText), textOrEmpty(r.Reference))
		differs := &sum{exp: r.AtProvider.Exp}
		differs.add(r.AtProvider.Minor, r.AtProvider.Exp)
		differs.add(-r.InOurs.Minor, r.InOurs.Exp)
		signed := lookBody.right().as(differenceFormat(differs.exp))
		if differs.sign() != 0 {
			signed = signed.strong().colored(colAlert)
		}
		c.value(row, 'K', signed, fmt.Sprintf("ROUND(I%d-J%d,%d)", row, row, differs.exp), differs, differs.exact())
		c.tie(row, 'N', lineHair, exactFormula(differs.exact(), tieFormula(at('K', row), differs.exp)), differs.sign() == 0)
		row++
	}
}
