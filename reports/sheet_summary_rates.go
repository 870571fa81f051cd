package reports

import (
	"fmt"
	"strings"

	"tieout/internal/rates"
)

// converted are the figures of one row in the reporting currency.
type converted struct{ in, out, pending, atRisk sum }

func (c *converted) add(o *converted) {
	c.in.addSum(&o.in)
	c.out.addSum(&o.out)
	c.pending.addSum(&o.pending)
	c.atRisk.addSum(&o.atRisk)
}

// change is what the figures did to the balances.
func (c *converted) change() *sum {
	d := &sum{exp: c.in.exp}
	d.addSum(&c.in)
	d.sub(&c.out)
	return d
}

func (c *converted) exact() bool {
	return c.in.exact() && c.out.exact() && c.pending.exact() && c.atRisk.exact() && c.change().exact()
}

// convert turns a sum into the reporting currency.
func convert(r rates.Rate, v *sum, exp int) sum {
	out := sum{exp: exp}
	out.plus(r.Convert(&v.minor, v.exp, exp), exp)
	return out
}

// summaryConverted puts what the balances did beside in the reporting currency,
// where one is asked for, and returns the row after it. Each figure is converted
// by itself and rounded once, by exact decimals; only the sums are formulas, as a
// spreadsheet's own product of two binary fractions may fall on the other side
// of a half.
func (s *settlement) summaryConverted(c *canvas, row int) int {
	table := s.b.passport.Rates
	if table == nil || len(s.balances) == 0 {
		return row
	}
	row++
	c.section(row, 'B', "The same in "+table.Currency+", by given rates")
	c.headers(row+1, 'B', 'O', heightHeader, text('B', "Currency"), text('C', "Rate of"), figure('E', "Rate"),
		figure('F', "In: net of deposits"), figure('G', "Out: net of payouts"), figure('H', "Change in balance"),
		figure('I', "Still pending"), figure('J', "At risk"), tick('O'))
	first := row + 2
	row = first
	total, changes := &converted{}, &sum{}
	var missing []string
	for _, b := range s.balances {
		rate, err := table.On(s.b.passport.To, b.currency)
		c.fill(row, 'B', 'O', lookBody)
		c.put(row, 'B', lookBody.strong(), b.currency)
		if err != nil {
			missing = append(missing, err.Error())
			c.put(row, 'E', lookBody.right().sized(8).colored(colGrey), "no rate")
			row++
			continue
		}
		risk := &sum{exp: b.exp}
		if open := s.exceptions.currencies[b.currency]; open != nil {
			risk = &open.atRisk
		}
		one := &converted{
			in: convert(rate, &b.in, table.Exp), out: convert(rate, &b.out, table.Exp),
			pending: convert(rate, &b.pending, table.Exp), atRisk: convert(rate, risk, table.Exp),
		}
		total.add(one)
		changes.addSum(one.change())
		c.put(row, 'C', lookBody.as(formatDate), dateSerial(rate.Date))
		c.put(row, 'E', lookBody.right().as(rateFormat(rate.Text)), number(rate.Text))
		c.converted(row, lookBody.right().as(amountFormat(table.Exp)), one, "")
		row++
	}
	c.convertedTotal(first, row, total, changes, table.Exp)
	s.b.addName("summary_"+strings.ToLower(table.Currency), fmt.Sprintf("Summary!$B$%d:$O$%d", first-1, row), "")
	return c.convertedNotes(row+1, table, s.b.passport, missing)
}

// converted writes one row of figures, with the formula of each where it has one;
// %c in it is the column.
func (c *canvas) converted(row int, amount look, v *converted, formula string) {
	of := func(column byte) string {
		if formula == "" {
			return ""
		}
		return fmt.Sprintf(formula, column)
	}
	exact := v.exact()
	c.value(row, 'F', amount, of('F'), &v.in, exact)
	c.value(row, 'G', amount, of('G'), &v.out, exact)
	c.value(row, 'H', amount.strong(), fmt.Sprintf("F%d-G%d", row, row), v.change(), exact)
	c.value(row, 'I', amount, of('I'), &v.pending, exact)
	c.value(row, 'J', amount.strong(), of('J'), &v.atRisk, exact)
}

// convertedTotal adds the converted figures up: they are of one currency. Its
// tick says that the changes add up to the change of the sums.
func (c *canvas) convertedTotal(first, row int, total *converted, changes *sum, exp int) {
	sums := look{above: lineInk, bold: true, below: lineRule}
	c.fill(row, 'B', 'O', sums)
	c.put(row, 'B', sums, "All with a rate")
	c.converted(row, sums.right().as(amountFormat(exp)), total, fmt.Sprintf("SUM(%%[1]c%d:%%[1]c%d)", first, row-1))
	changes.sub(total.change())
	formula := ""
	if total.exact() && changes.exact() {
		formula = fmt.Sprintf(`IF(ABS(ROUND(SUM(H%d:H%d)-H%d,%d))<%s,"✓","✗")`, first, row-1, row, exp, halfUnit(exp))
	}
	c.tie(row, 'O', lineRule, formula, changes.sign() == 0)
}

func (c *canvas) convertedNotes(row int, table *rates.Table, p Passport, missing []string) int {
	sentences := []string{
		fmt.Sprintf("Rate: what one unit was worth in %s, from %s (SHA-256 %.12s…): the newest that is not later than %s and at most %d days older.",
			table.Currency, table.File, table.SHA256, p.To.Format("2 January 2006"), int(rates.MaxAge/day)),
		fmt.Sprintf("Each figure is rounded to %s of %s, halves away from zero; the last row adds up the rounded figures.",
			plural(int64(table.Exp), "decimal"), table.Currency),
	}
	for i, sentence := range sentences {
		c.note(row, lookNote, sentence, i == 0)
		row++
	}
	if len(missing) > 0 {
		c.note(row, lookNote.colored(colAlert), list(missing)+": not converted, and not in the last row.", false)
		row++
	}
	return row
}

// rateFormat shows a rate as it is given.
func rateFormat(text string) string {
	_, frac, _ := strings.Cut(text, ".")
	if frac == "" {
		return "#,##0"
	}
	return "#,##0." + strings.Repeat("0", len(frac))
}
