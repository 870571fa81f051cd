package store

import (
	"strings"

	"tieout/internal/payment"
	"tieout/reports"
)

// closedByPerson is a subquery: how a person has closed an exception of the
// payment since then, as "resolved A. Wanjiru: fixed in the order"; null where nobody has.
func closedByPerson(payment, since string) string {
	return `SELECT max(e.state || ' ' || h.who || coalesce(': ' || nullif(e.note, ''), '')) FROM tieout.exceptions e JOIN tieout.exception_history h USING (exception_id)
		WHERE e.payment_id = ` + payment + ` AND e.state IN ('resolved', 'ignored')
		  AND h.what = 'state' AND h.after = e.state AND h.change_id IS NOT NULL AND h.at > ` + since
}

// adjustedRow is what the books say of one payment, or of a transaction without one, and what is true now.
type adjustedRow struct {
	isNew, gone                                  bool
	oldResult, newResult, oldOutcome, newOutcome string
	oldKinds, newKinds, resolved                 string
	figure                                       string // the first that differs
}

// byPerson says that a person closed an exception, where one has.
func (r adjustedRow) byPerson(c *reports.Change) bool {
	state, words, found := strings.Cut(r.resolved, " ")
	if !found {
		return false
	}
	c.What, c.Before, c.After = "Exception state", "open", state
	c.Why = strings.ToUpper(state[:1]) + state[1:] + " by " + strings.TrimSuffix(words, ".") + "."
	return true
}

// tell says what changed of a payment, and why.
func (r adjustedRow) tell() reports.Change {
	var c reports.Change
	const exception = string(payment.ResultException)
	says := "the provider now says " + r.newOutcome + "."
	switch {
	case r.isNew:
		c.What, c.After, c.Why = "New payment", r.newResult, "It was not in the ledger of this range when the day was closed."
	case r.gone:
		c.What, c.Before, c.Why = "Payment gone", r.oldResult, "It is not in the ledger of this range any more."
	case r.byPerson(&c):
	case r.oldResult == exception && r.newResult != exception:
		c.What, c.Before, c.After = "Exception state", "open", "auto resolved"
		c.Why = "The difference is gone (" + spaced(r.oldKinds) + ")"
		if r.newOutcome != "" && r.newOutcome != r.oldOutcome {
			c.Why += "; " + says
		} else {
			c.Why += "."
		}
	case r.newResult == exception && r.oldResult != exception:
		c.What, c.Before, c.After = "Result", r.oldResult, exception
		c.Why = "New exception: " + spaced(r.newKinds) + "."
		if r.newOutcome != "" && r.newOutcome != r.oldOutcome {
			c.Why = strings.TrimSuffix(c.Why, ".") + "; " + says
		}
	case r.oldResult != r.newResult && r.newOutcome == "":
		c.What, c.Before, c.After, c.Why = "Result", r.oldResult, r.newResult, "Nothing is known of it at the provider any more."
	case r.oldResult != r.newResult:
		c.What, c.Before, c.After, c.Why = "Result", r.oldResult, r.newResult, "Late status: "+says
	case r.oldOutcome != r.newOutcome && r.newOutcome != "":
		c.What, c.Before, c.After, c.Why = "Provider status", r.oldOutcome, r.newOutcome, "Late status: "+says
	case r.oldOutcome != r.newOutcome:
		c.What, c.Before, c.After, c.Why = "Provider status", r.oldOutcome, "", "The provider gave no usable answer this time."
	default:
		c.What, c.Before, c.After, c.Why = "Figures", "", "", "The provider's figures changed."
		if r.figure != "" {
			c.What = r.figure
		}
	}
	return c
}

// tellTransaction says what changed of a provider transaction without a payment, and why.
func (r adjustedRow) tellTransaction() reports.Change {
	var c reports.Change
	switch {
	case r.isNew:
		c.What, c.After = "New transaction", r.newOutcome
		c.Why = "New exception of a transaction without a payment: " + spaced(r.newKinds) + "."
	case r.gone:
		c.What, c.Before, c.After = "Exception state", "open", "auto resolved"
		c.Why = "The difference is gone (" + spaced(r.oldKinds) + "): the transaction has its payment now, or moved no money."
	default:
		c.What, c.Before, c.After, c.Why = "Figures", r.oldOutcome, r.newOutcome, "The provider's figures changed."
	}
	return c
}
