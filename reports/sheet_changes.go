package reports

import (
	"fmt"

	"github.com/xuri/excelize/v2"

	"tieout/internal/payment"
)

var changesWidths = []columnWidth{
	{'B', 36}, {'C', 14}, {'D', 10}, {'E', 21}, {'F', 16}, {'G', 10.5}, {'H', 17}, {'I', 13}, {'J', 14.5}, {'K', 52},
}

func (s *settlement) writeChanges() {
	p := s.b.passport
	c := s.b.canvas("Changes", 'K', changesWidths)
	if p.Previous == 0 {
		c.title("Changes", subtitle(p))
		c.verdict(4, lookVerdict, "This is the first version of this range: there is nothing to compare it with.")
		c.flush("Settlement", printing{wide: 1, high: 1})
		return
	}
	c.title("Changes", fmt.Sprintf("Version %d against version %d (read %s), %s", p.Version, p.Previous, moment(p.PreviousReadAt, p), subtitle(p)))
	c.verdict(4, lookVerdict, changesVerdict(s.f.Changes))
	row := s.netChanges(c, 6)
	s.changesTable(c, row)
	c.flush("Settlement", printing{wide: 1})
}

func (s *settlement) netChanges(c *canvas, row int) int {
	p := s.b.passport
	c.section(row, 'B', "What that did to the totals")
	c.headers(row+1, 'B', 'H', heightHeader, text('B', "Net of completed, matched payments"), text('C', "Provider"), text('D', "Kind"),
		figure('E', fmt.Sprintf("Version %d", p.Previous)), figure('F', fmt.Sprintf("Version %d", p.Version)),
		after('G', "Currency"), figure('H', "Change"))
	row += 2
	shown := 0
	for i := range s.f.NetChanges {
		n := &s.f.NetChanges[i]
		if n.Before == n.After {
			continue
		}
		shown++
		direction := "In"
		if n.Kind == payment.Payout {
			direction = "Out"
		}
		c.put(row, 'B', lookLabel, direction)
		c.put(row, 'C', lookBody.strong(), oneLine(n.Provider))
		c.put(row, 'D', lookBody, string(n.Kind))
		c.amount(row, 'E', lookBody, n.Before, n.Exp)
		c.amount(row, 'F', lookBody, n.After, n.Exp)
		c.put(row, 'G', lookBody.indented(), n.Currency)
		change := &sum{exp: n.Exp}
		change.add(n.After, n.Exp)
		change.add(-n.Before, n.Exp)
		c.value(row, 'H', lookBody.right().strong().as(differenceFormat(n.Exp)),
			fmt.Sprintf("ROUND(F%d-E%d,%d)", row, row, n.Exp), change, change.exact())
		row++
	}
	if shown == 0 {
		c.fill(row, 'B', 'H', lookBody)
		c.put(row, 'B', lookBody.colored(colGrey), "No total changed.")
		row++
	}
	return row + 1
}

func (s *settlement) changesTable(c *canvas, row int) {
	if len(s.f.Changes) == 0 {
		return
	}
	c.section(row, 'B', "Payment by payment")
	header := row + 1
	c.headers(header, 'B', 'K', heightHeaderTwo)
	c.titles(header, lookData,
		text('B', "Payment id"), text('C', "Provider"), text('D', "Kind"), text('E', "Reference"), figure('F', "Amount"),
		after('G', "Currency"), text('H', "What changed"), text('I', "Before"), text('J', "After"), text('K', "Why"),
	)
	row = header + 1
	for i := range s.f.Changes {
		ch := &s.f.Changes[i]
		id := lookBody.as(formatText)
		c.put(row, 'B', id, textOrEmpty(ch.PaymentID))
		c.put(row, 'C', id, textOrEmpty(ch.Provider))
		c.put(row, 'D', lookBody, textOrEmpty(string(ch.Kind)))
		c.put(row, 'E', id, textOrEmpty(ch.Reference))
		c.fill(row, 'F', 'G', lookBody)
		if ch.Amount != nil {
			c.amount(row, 'F', lookBody, ch.Amount.Minor, ch.Amount.Exp)
			c.put(row, 'G', lookBody.indented(), ch.Amount.Currency)
		}
		c.change(row, 'H', ch.What, ch.Before, ch.After, ch.Why)
		row++
	}
	stripes := false
	c.table = &excelize.Table{Range: fmt.Sprintf("B%d:K%d", header, row-1), Name: "changes", ShowRowStripes: &stripes}
}
