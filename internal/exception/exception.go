// Package exception says what a difference means: how bad it is, what money it
// puts at risk, and one sentence that a finance person understands without the
// code, with what to do next.
package exception

import (
	"fmt"
	"strings"
	"time"

	"tieout/internal/money"
	"tieout/internal/payment"
)

// Facts is what is known of one difference.
type Facts struct {
	Kind        payment.ExceptionKind
	Provider    string
	PaymentKind payment.Kind
	PaymentID   string // empty: the transaction is nobody's
	// Own says that the exception stands for a transaction beside the
	// payment's match (paid again), or for an orphan.
	Own               bool
	Fact              string // the rule's own note: a metadata key, the earlier payment's id, how a transaction is used
	Internal          *money.Amount
	Theirs            *money.Amount
	Refunded          *money.Amount // at the provider
	OursRefunded      *money.Amount
	InternalStatus    payment.Status
	TheirStatus       string
	RawStatus         string
	FailureCode       string
	Action            payment.Action
	Reference         string
	TheirReference    string
	Account           string // masked where reports.mask says so
	TheirAccount      string
	InternalValue     string // of a metadata key that differs
	TheirValue        string
	Reason            string // what the client said of an answer that could not be used, or noted beside one
	CreatedAt         time.Time
	Age               time.Duration
	Location          *time.Location
	ProviderPaymentID string
	Why               string // of an ambiguous match: id, reference, metadata or amounts
	Seen              bool   // observed completed before
	CompletedOnlyList bool
	Statement         bool // only the provider's statement shows it
	// Suggestion names the other side that it looks like, where there is one.
	Suggestion string
	// Candidates are the transactions, and OtherPayments the ids, among which an
	// ambiguous match can't choose.
	Candidates    []Candidate
	OtherPayments []string
}

// Candidate is a transaction that may be the payment's.
type Candidate struct {
	ID     string
	Amount money.Amount
	Status payment.Status
}

// Detail is the sentence. It never tells when tieout ran, so that the same data
// gives the same text.
func (f Facts) Detail() string {
	return strings.TrimSpace(f.sentence() + " " + f.Suggestion)
}

func (f Facts) sentence() string {
	switch f.Kind {
	case payment.MissingAtProvider:
		says := "says it does not know it"
		if f.CompletedOnlyList {
			says = "has a complete list of completed transactions that does not show it"
		}
		return fmt.Sprintf("We hold it %s; %s %s. Ask %s; %s before it is clear.", f.InternalStatus, f.Provider, says, f.Provider, f.notYet())
	case payment.MissingInternally:
		return f.orphan()
	case payment.AmountMismatch:
		return f.amounts()
	case payment.CurrencyMismatch:
		if f.moved() {
			return fmt.Sprintf("We recorded %s, %s moved %s; amounts are not compared. Correct the order or claim it.", human(f.Internal), f.Provider, human(f.Theirs))
		}
		return fmt.Sprintf("We recorded %s, %s holds it %s with %s; amounts are not compared. %s", human(f.Internal), f.Provider, words(f.TheirStatus), human(f.Theirs), f.unmoved())
	case payment.StatusMismatch:
		return f.statuses()
	case payment.ReferenceMismatch:
		if f.Fact != "reference" {
			return fmt.Sprintf("Same id, other %s: %q with us, %q at %s. Correct the record.", f.Fact, f.InternalValue, f.TheirValue, f.Provider)
		}
		return fmt.Sprintf("Same id, other reference: %q with us, %q at %s. Correct the record.", f.Reference, f.TheirReference, f.Provider)
	case payment.RecipientMismatch:
		side, todo := "Sent to", fmt.Sprintf("Ask %s to confirm or recall it.", f.Provider)
		if f.PaymentKind == payment.Deposit {
			side, todo = "Paid from", fmt.Sprintf("Ask %s who paid it.", f.Provider)
		}
		if !f.moved() {
			side, todo = "Made out to", f.unmoved()
		}
		return fmt.Sprintf("%s another account than our records say: %s with us, %s at %s. %s", side, f.Account, f.TheirAccount, f.Provider, todo)
	case payment.DuplicatePayment:
		return f.duplicate()
	case payment.AmbiguousMatch:
		return f.ambiguous()
	case payment.StalePending:
		return f.stale()
	case payment.LateReversal:
		return f.reversal()
	case payment.FeeMismatch:
		diff, more := f.difference()
		if diff != nil && !more {
			return fmt.Sprintf("%s charged %s, the schedule says %s: %s less. Ask %s, or correct the schedule.", f.Provider, human(f.Theirs), human(f.Internal), human(diff), f.Provider)
		}
		return fmt.Sprintf("%s charged %s, the schedule says %s: %s more. Claim the difference with the next invoice.", f.Provider, human(f.Theirs), human(f.Internal), human(diff))
	case payment.SavedMethodMissing:
		return fmt.Sprintf("The payment asked for its method to be saved, and %s holds no usable token of the customer: %s", f.Provider, orElse(f.Reason, "none is there.")+" Ask the customer to save it again.")
	case payment.SettlementMismatch:
		return fmt.Sprintf("%s's statement differs from its status answers. %s Ask %s which one holds.", f.Provider, f.Reason, f.Provider)
	case payment.InvalidProviderData:
		reason := f.Reason
		if _, after, said := strings.Cut(reason, "answer can't be trusted: "); said {
			reason = after
		}
		return fmt.Sprintf("%s's answer can't be trusted: %s Nothing of it is counted: ask %s what became of the payment, and run the range again.",
			f.Provider, orElse(reason, "it could not be read."), f.Provider)
	case payment.NotPolled:
		known := ", so nothing is known"
		switch {
		case f.TheirStatus != "" && f.TheirStatus != "unknown":
			known = fmt.Sprintf("; that it is %s stands in a list or an earlier answer alone", words(f.TheirStatus))
		case strings.Contains(f.Reason, "nothing is known"):
			known = ""
		}
		return fmt.Sprintf("%s could not be asked%s: %s", f.Provider, known, orElse(f.Reason, "run the range again."))
	}
	return string(f.Kind)
}

func (f Facts) orphan() string {
	who := f.Provider
	if f.Statement {
		who += "'s statement"
	}
	switch {
	case f.TheirStatus == string(payment.Reversed):
		return fmt.Sprintf("%s shows %s that moved and was reversed; no payment of ours explains it. Find who sent it, and make sure that all of it went back.", who, human(f.Theirs))
	case f.TheirStatus != string(payment.Completed):
		return fmt.Sprintf("%s shows %s as %s that no payment of ours explains. Find who sent it before it moves.", who, human(f.Theirs), words(f.TheirStatus))
	case f.Statement:
		return fmt.Sprintf("%s shows %s that no payment of ours explains. Find who sent it, then book or return it.", who, human(f.Theirs))
	case f.PaymentKind == payment.Deposit:
		return fmt.Sprintf("%s received %s that no payment of ours explains. Find who paid it, then book or return it.", who, human(f.Theirs))
	default:
		return fmt.Sprintf("%s paid out %s that no payment of ours explains. Find who sent it, then book or recall it.", who, human(f.Theirs))
	}
}

func (f Facts) amounts() string {
	verb := "Paid"
	if f.PaymentKind == payment.Deposit {
		verb = "Received"
	}
	diff, more := f.difference()
	if diff == nil {
		return fmt.Sprintf("%s %s at %s, %s in your records.", verb, human(f.Theirs), f.Provider, human(f.Internal))
	}
	less := "less"
	if more {
		less = "more"
	}
	detail := fmt.Sprintf("%s %s at %s, %s in your records: %s %s. Accept the provider's figure or claim the difference.",
		verb, human(f.Theirs), f.Provider, human(f.Internal), human(diff), less)
	if !f.moved() {
		detail = fmt.Sprintf("%s holds it %s with %s, %s in your records: %s %s. %s",
			f.Provider, words(f.TheirStatus), human(f.Theirs), human(f.Internal), human(diff), less, f.unmoved())
	}
	if note, ok := strings.CutPrefix(f.Reason, payment.Noted); ok {
		detail += " Noted: " + note + "."
	}
	return detail
}

// moved tells that money moved at the provider, or is held there for review.
func (f Facts) moved() bool {
	return f.TheirStatus == string(payment.Completed) || f.TheirStatus == string(payment.Reversed) || f.Action == payment.ActionReview
}

// unmoved is what to do about a difference while no money has moved.
func (f Facts) unmoved() string {
	if f.TheirStatus == string(payment.Pending) {
		return fmt.Sprintf("Clear it with %s before money moves.", f.Provider)
	}
	return "No money moved there: correct the record."
}

// notYet is what nobody may do while nothing is clear.
func (f Facts) notYet() string {
	switch {
	case f.PaymentKind != payment.Deposit:
		return "do not pay again"
	case f.InternalStatus == payment.Completed:
		return "deliver nothing more for it"
	default:
		return "deliver nothing for it"
	}
}

// difference is the absolute difference of both sides, and whether the
// provider's is more.
func (f Facts) difference() (*money.Amount, bool) {
	if f.Internal == nil || f.Theirs == nil || f.Internal.Currency != f.Theirs.Currency || f.Internal.Exp != f.Theirs.Exp {
		return nil, false
	}
	d := money.Amount{Minor: f.Theirs.Minor - f.Internal.Minor, Exp: f.Internal.Exp, Currency: f.Internal.Currency}
	if d.Minor < 0 {
		d.Minor = -d.Minor
		return &d, false
	}
	return &d, true
}

func (f Facts) statuses() string {
	todo := "Correct our status."
	switch {
	case f.TheirStatus == string(payment.Completed) && f.PaymentKind == payment.Payout:
		todo = "Do not pay again: the money has moved."
	case f.TheirStatus == string(payment.Completed):
		todo = "The customer has paid: deliver or refund."
	case f.TheirStatus == string(payment.Pending):
		todo = "Wait for the provider's final word before anybody acts."
	case f.InternalStatus == payment.Completed && f.PaymentKind == payment.Deposit:
		todo = "The money did not arrive: correct our status, and hold what was delivered for it."
	case f.InternalStatus == payment.Completed:
		todo = "The money did not go out: correct our status, then pay again if it is still owed."
	case f.InternalStatus == payment.Reversed:
		todo = "Correct our status: no money moved there."
	}
	return fmt.Sprintf("We hold it %s; %s says %s%s. %s", f.InternalStatus, f.Provider, words(f.TheirStatus), f.raw(), todo)
}

// raw adds the provider's own word where it says more than ours.
func (f Facts) raw() string {
	raw := f.RawStatus
	if strings.EqualFold(raw, f.TheirStatus) {
		raw = ""
	}
	if f.FailureCode != "" && !strings.Contains(raw, f.FailureCode) {
		raw = strings.TrimSpace(raw + " " + f.FailureCode)
	}
	switch {
	case raw == "":
		return ""
	case strings.Trim(raw, "-0123456789") == "":
		raw = "code " + raw // a number alone tells nobody what it is
	}
	return " (" + raw + ")"
}

func (f Facts) duplicate() string {
	switch {
	case !f.Own:
		return fmt.Sprintf("Paid twice: %s %s carries the same reference, amount and recipient and is completed too. Recall or refund this one, the later.", f.PaymentKind, f.Fact)
	case f.Fact == "still_open":
		return fmt.Sprintf("A second transaction of this payment is still pending at %s beside the completed one: money may move twice. Cancel it there.", f.Provider)
	default:
		return fmt.Sprintf("Paid more than once: a further completed transaction of %s at %s belongs to the same payment. Recall or refund it.", human(f.Theirs), f.Provider)
	}
}

func (f Facts) ambiguous() string {
	text := f.whyAmbiguous()
	if len(f.OtherPayments) > 0 {
		text += " The other payments: " + first(f.OtherPayments) + "."
	}
	if len(f.Candidates) > 0 {
		list := make([]string, len(f.Candidates))
		for i, c := range f.Candidates {
			list[i] = fmt.Sprintf("%s (%s, %s)", c.ID, c.Amount.Human(), c.Status)
		}
		text += fmt.Sprintf(" At %s: %s.", f.Provider, first(list))
	}
	return text
}

// first names the first few of many.
func first(list []string) string {
	const most = 4
	if len(list) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
	}
	return strings.Join(list, ", ")
}

func (f Facts) whyAmbiguous() string {
	switch f.Why {
	case "id":
		return fmt.Sprintf("Several payments hold the same id at %s. Give each its own and run again.", f.Provider)
	case "amounts":
		return fmt.Sprintf("Several completed transactions at %s belong to it, and their amounts neither repeat nor add up to %s. Ask %s what each of them was for.", f.Provider, human(f.Internal), f.Provider)
	case "metadata":
		return fmt.Sprintf("Several payments have the same metadata as one transaction at %s. Give the provider's id of each and run again.", f.Provider)
	default:
		return fmt.Sprintf("Several payments carry the reference %q, and %s does not say which one was meant. Give the provider's id of each and run again.", f.Reference, f.Provider)
	}
}

// actions says what a transaction waits for the merchant to do.
var actions = map[payment.Action]string{
	payment.ActionCapture: "It is authorised and waits for your capture: capture it or let it go.",
	payment.ActionFulfil:  "It waits for your fulfilment: fulfil it or cancel it.",
	payment.ActionReview:  "It is held for your review: decide it at the provider.",
	payment.ActionConfirm: "It waits for your confirmation: confirm it or cancel it.",
	payment.ActionTopUp:   "It is parked for lack of balance: top up and retry it at the provider.",
	payment.ActionMethod:  "It waits for a payment method: give one or cancel it.",
}

// ToDo says what a transaction waits for the merchant to do; empty for an
// action that nobody knows.
func ToDo(a payment.Action) string { return actions[a] }

func (f Facts) stale() string {
	since := f.CreatedAt.In(f.Location).Format("2 Jan 2006 15:04")
	todo := fmt.Sprintf("Ask %s for a decision.", f.Provider)
	if a, ok := actions[f.Action]; ok {
		todo = a
	}
	if f.InternalStatus == payment.Created && f.TheirStatus == "unknown" {
		return fmt.Sprintf("Created on %s and never sent: %s does not know it. Send it or close it.", since, f.Provider)
	}
	return fmt.Sprintf("Pending since %s, longer than allowed%s. %s", since, f.raw(), todo)
}

func (f Facts) reversal() string {
	ours := "nothing"
	if f.OursRefunded != nil && !f.OursRefunded.IsZero() {
		ours = human(f.OursRefunded)
	}
	switch {
	case f.TheirStatus == string(payment.Completed) || (f.TheirStatus == string(payment.Reversed) && f.Refunded != nil && !f.Refunded.IsZero()):
		theirs := "nothing"
		if f.Refunded != nil && !f.Refunded.IsZero() {
			theirs = human(f.Refunded)
		}
		todo := "Book the refund or ask who made it."
		if f.Refunded != nil && f.OursRefunded != nil && f.Refunded.Minor < f.OursRefunded.Minor {
			todo = fmt.Sprintf("Ask %s what became of our refund, or correct our records.", f.Provider)
		}
		return fmt.Sprintf("%s says %s went back, our records say %s. %s", f.Provider, theirs, ours, todo)
	case f.TheirStatus == string(payment.Reversed):
		return fmt.Sprintf("Completed before, reversed at %s%s. Book the reversal.", f.Provider, f.raw())
	case f.TheirStatus == "unknown":
		return fmt.Sprintf("%s said completed before and now does not know it. Ask %s.", f.Provider, f.Provider)
	default:
		return fmt.Sprintf("%s said completed before and now says %s%s. Ask %s; %s before it is clear.", f.Provider, words(f.TheirStatus), f.raw(), f.Provider, f.notYet())
	}
}

func human(a *money.Amount) string {
	if a == nil {
		return "an unknown amount"
	}
	return a.Human()
}

func words(code string) string { return strings.ReplaceAll(code, "_", " ") }

func orElse(s, otherwise string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return otherwise
	}
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}
