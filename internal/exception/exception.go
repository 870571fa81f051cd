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
		if f.CompletedOnlyList {
			return fmt.Sprintf("We hold it %s; %s's complete list of completed transactions does not show it. Ask %s; do not pay again before it is clear.", f.InternalStatus, f.Provider, f.Provider)
		}
		return fmt.Sprintf("We hold it %s; %s says it does not know it. Ask %s; do not pay again before it is clear.", f.InternalStatus, f.Provider, f.Provider)
	case payment.MissingInternally:
		return f.orphan()
	case payment.AmountMismatch:
		return f.amounts()
	case payment.CurrencyMismatch:
		return fmt.Sprintf("We recorded %s, %s moved %s; amounts are not compared. Correct the order or claim it.", human(f.Internal), f.Provider, human(f.Theirs))
	case payment.StatusMismatch:
		return f.statuses()
	case payment.ReferenceMismatch:
		if f.Fact != "reference" {
			return fmt.Sprintf("Same id, other %s: %q with us, %q at %s. Correct the record.", f.Fact, f.InternalValue, f.TheirValue, f.Provider)
		}
		return fmt.Sprintf("Same id, other reference: %q with us, %q at %s. Correct the record.", f.Reference, f.TheirReference, f.Provider)
	case payment.RecipientMismatch:
		side := "Sent to"
		if f.PaymentKind == payment.Deposit {
			side = "Paid from"
		}
		return fmt.Sprintf("%s another account than ours says: %s with us, %s at %s. Ask %s to confirm or recall it.", side, f.Account, f.TheirAccount, f.Provider, f.Provider)
	case payment.DuplicatePayment:
		return f.duplicate()
	case payment.AmbiguousMatch:
		return f.ambiguous()
	case payment.StalePending:
		return f.stale()
	case payment.LateReversal:
		return f.reversal()
	case payment.FeeMismatch:
		return fmt.Sprintf("%s charged %s, the schedule says %s. Claim the difference with the next invoice.", f.Provider, human(f.Theirs), human(f.Internal))
	case payment.SavedMethodMissing:
		return fmt.Sprintf("The payment asked for its method to be saved, and %s holds no usable token of the customer: %s", f.Provider, orElse(f.Reason, "none is there.")+" Ask the customer to save it again.")
	case payment.SettlementMismatch:
		return fmt.Sprintf("%s's statement differs from its status answers. %s Ask %s which one holds.", f.Provider, f.Reason, f.Provider)
	case payment.InvalidProviderData:
		return fmt.Sprintf("%s's answer can't be trusted: %s Nothing of it is counted: ask %s what became of the payment, and run the range again.",
			f.Provider, orElse(f.Reason, "it could not be read."), f.Provider)
	case payment.NotPolled:
		return fmt.Sprintf("%s could not be asked, so nothing is known: %s", f.Provider, orElse(f.Reason, "run the range again."))
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
	if note, ok := strings.CutPrefix(f.Reason, payment.Noted); ok {
		detail += " Noted: " + note + "."
	}
	return detail
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
	if f.FailureCode != "" && !strings.Contains(raw, f.FailureCode) {
		raw = strings.TrimSpace(raw + " " + f.FailureCode)
	}
	if raw == "" || strings.EqualFold(raw, f.TheirStatus) {
		return ""
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
		return fmt.Sprintf("%s says %s went back, our records say %s. Book the refund or ask who made it.", f.Provider, theirs, ours)
	case f.TheirStatus == string(payment.Reversed):
		return fmt.Sprintf("Completed before, reversed at %s%s. Book the reversal.", f.Provider, f.raw())
	case f.TheirStatus == "unknown":
		return fmt.Sprintf("%s said completed before and now does not know it. Ask %s.", f.Provider, f.Provider)
	default:
		return fmt.Sprintf("%s said completed before and now says %s%s. Ask %s, and hold the order.", f.Provider, words(f.TheirStatus), f.raw(), f.Provider)
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
