package pivot

import (
	"cmp"
	"slices"
	"strings"

	"tieout/internal/payment"
)

// judge turns a session into transactions: one for a SINGLE session; for a
// MULTIPLE one each SUCCESS charge is a transaction of its own, and the session
// stands for itself only while nothing was paid. What contradicts itself is
// invalid and left to a person.
func judge(s session) ([]payment.Transaction, *failure) {
	paid := s.success()
	settled := s.status == "PAID" || s.multiple && len(paid) > 0
	switch {
	case s.status == "PAID" && len(paid) == 0 && !s.hidden:
		return nil, s.contradiction("session is PAID but none of its charges is SUCCESS")
	case len(paid) > 0 && (s.status == "EXPIRED" || s.status == "CANCELLED"):
		return nil, s.contradiction("session is %s but charge %s is SUCCESS", s.status, slug(paid[0].ID))
	case len(paid) > 1 && !s.multiple:
		return nil, s.contradiction("SINGLE session has %d charges that are SUCCESS: it may be paid twice", len(paid))
	case settled && s.Investigation != "":
		return nil, s.contradiction("settled session is under investigation (investigationStatus %s): hold it back", slug(s.Investigation))
	case !s.multiple && (s.status == "ACTIVE" || s.status == "INACTIVE"):
		return nil, s.contradiction("SINGLE session is %s, which only a MULTIPLE one can be", s.status)
	}
	if !s.multiple {
		return []payment.Transaction{s.single(paid)}, nil
	}
	if len(paid) == 0 {
		return []payment.Transaction{s.unpaid()}, nil
	}
	var out []payment.Transaction
	for _, ch := range paid {
		t := s.common()
		t.ID, t.Status, t.RawStatus = ch.ID, payment.Completed, ch.Status
		if ch.amount == nil && ch.captured == nil {
			return nil, s.contradiction("charge %s has neither amount nor capturedAmount", slug(ch.ID))
		}
		if ch.amount != nil {
			t.Amount = *ch.amount
		} else {
			t.Amount = *ch.captured
		}
		if !ch.created.IsZero() {
			t.CreatedAt = ch.created
		}
		ch.settle(&t)
		out = append(out, t)
	}
	return out, nil
}

func (s session) contradiction(format string, args ...any) *failure {
	f := invalid(format, args...)
	f.raw = s.Status
	return f
}

// common fills what every transaction of the session shares. A merchant sends
// either its id or its reference as clientReferenceId.
func (s session) common() payment.Transaction {
	return payment.Transaction{
		Kind: payment.Deposit, ID: s.ID, OwnID: s.ClientReferenceID, Reference: s.ClientReferenceID,
		RawStatus: s.Status, CustomerID: s.CustomerID, Metadata: metadata(s.Metadata), CreatedAt: s.created,
	}
}

// single judges a SINGLE session: its own status decides, so one that is still
// open is pending whatever its charges say (a FAILED one may be followed by
// another attempt).
func (s session) single(paid []charge) payment.Transaction {
	t := s.common()
	t.Amount = s.amount
	switch {
	case s.status == "PAID":
		t.Status = payment.Completed
	case s.status == "EXPIRED":
		t.Status = payment.Expired
	case s.status == "CANCELLED" && (s.Cancellation == "CHARGE_FAILED" || s.failed() != nil):
		t.Status = payment.Failed
	case s.status == "CANCELLED":
		t.Status = payment.Cancelled
	default:
		t.Status = payment.Pending
	}
	// An answer that hides the charges proves the status only.
	t.Partial = t.Status == payment.Completed && len(paid) == 0
	for _, ch := range s.charges {
		if t.Status == payment.Pending && ch.status == "WAITING_FOR_CAPTURE" {
			t.NeedsAction = payment.ActionCapture
		}
		if t.Account == "" {
			t.Account = ch.payer()
		}
	}
	if t.Status == payment.Completed && len(paid) > 0 {
		paid[0].settle(&t)
	}
	if t.Status == payment.Failed || t.Status == payment.Expired || t.Status == payment.Cancelled {
		s.explain(&t)
	}
	return t
}

// unpaid stands for a MULTIPLE session that nobody has paid yet. Its amount is
// left unstated: such a session is never compared by the session's amount.
func (s session) unpaid() payment.Transaction {
	t := s.common()
	switch s.status {
	case "INACTIVE", "EXPIRED":
		t.Status = payment.Expired
	case "CANCELLED":
		t.Status = payment.Cancelled
	default:
		t.Status = payment.Pending
	}
	return t
}

// settle fills what a SUCCESS charge says about the money that moved.
func (ch charge) settle(t *payment.Transaction) {
	t.Settled, t.CompletedAt = ch.captured, ch.paid
	t.NetworkReference = ch.networkReference()
	if p := ch.payer(); p != "" {
		t.Account = p
	}
}

// failed gives the newest FAILED charge.
func (s session) failed() *charge {
	var out []charge
	for _, ch := range s.charges {
		if ch.status == "FAILED" {
			out = append(out, ch)
		}
	}
	if len(out) == 0 {
		return nil
	}
	last := slices.MaxFunc(out, func(a, b charge) int { return cmp.Or(a.created.Compare(b.created), strings.Compare(a.ID, b.ID)) })
	return &last
}

// explain fills why a session ended without money.
func (s session) explain(t *payment.Transaction) {
	if ch := s.failed(); ch != nil {
		t.FailureCode, t.FailureMessage = ch.FailureCode, ch.FailureMessage
	}
	if t.FailureCode == "" {
		t.FailureCode = s.Cancellation
	}
	if t.FailureCode != "" {
		t.FailureGroup = depositFailure(t.FailureCode)
	}
}

// depositFailures groups the documented failure codes and cancellation reasons.
// What the merchant itself cancelled is configuration; CHARGE_FAILED alone
// doesn't say whose doing it was.
var depositFailures = map[string]payment.FailureGroup{
	"DECLINED_BY_CHANNEL": payment.FailureCustomer, "INVALID_ACCOUNT": payment.FailureCustomer, "AUTHENTICATION_FAILED": payment.FailureCustomer,
	"SUSPECTED_FRAUD": payment.FailureCustomer, "INSUFFICIENT_FUND": payment.FailureCustomer, "CANCELLED_BY_USER": payment.FailureCustomer,
	"CHARGE_EXPIRED": payment.FailureCustomer, "BLOCKED_BY_FDS": payment.FailureCustomer, "REQUIRE_REVIEW": payment.FailureCustomer,
	"CHANNEL_UNAVAILABLE": payment.FailureProvider,

	"REQUESTED_BY_CUSTOMER": payment.FailureCustomer, "FRAUDULENT": payment.FailureCustomer,
	"DUPLICATED": payment.FailureConfiguration, "VOID_SESSION": payment.FailureConfiguration, "CHARGE_FAILED": payment.FailureUnknown,
}

func depositFailure(code string) payment.FailureGroup {
	if g, known := depositFailures[code]; known {
		return g
	}
	return payment.FailureUnknown
}
