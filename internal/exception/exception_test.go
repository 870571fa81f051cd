package exception_test

import (
	"strings"
	"testing"
	"time"

	"tieout/internal/exception"
	"tieout/internal/money"
	"tieout/internal/payment"
)

func kes(minor int64) *money.Amount { return &money.Amount{Minor: minor, Exp: 2, Currency: "KES"} }

func facts(kind payment.ExceptionKind) exception.Facts {
	return exception.Facts{
		Kind: kind, Provider: "pesaswap-ke", PaymentKind: payment.Payout, PaymentID: "p1", Internal: kes(105000), Theirs: kes(150000),
		InternalStatus: payment.Completed, TheirStatus: "failed", Reference: "PO-1", TheirReference: "PO-2", Account: "2547••••001", TheirAccount: "2547••••002",
		Location: time.UTC, CreatedAt: time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC),
	}
}

func TestEachKindHasASentenceThatNamesTheProvider(t *testing.T) {
	t.Parallel()
	for _, k := range []payment.ExceptionKind{
		payment.MissingAtProvider, payment.MissingInternally, payment.AmountMismatch, payment.CurrencyMismatch, payment.StatusMismatch,
		payment.ReferenceMismatch, payment.RecipientMismatch, payment.LateReversal, payment.FeeMismatch, payment.SavedMethodMissing,
		payment.SettlementMismatch, payment.InvalidProviderData, payment.NotPolled, payment.StalePending, payment.AmbiguousMatch,
	} {
		d := facts(k).Detail()
		if !strings.Contains(d, "pesaswap-ke") || !strings.HasSuffix(d, ".") || strings.Contains(d, "_") || strings.Contains(d, "%!") {
			t.Errorf("%s: %q", k, d)
		}
	}
}

func TestAmountsAreToldInBothRecordsAndTheDifference(t *testing.T) {
	t.Parallel()
	f := facts(payment.AmountMismatch)
	f.TheirStatus = "completed"
	got := f.Detail()
	for _, want := range []string{"Paid 1,500.00 KES at pesaswap-ke", "1,050.00 KES in your records", "450.00 KES more"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
	f.PaymentKind, f.Theirs = payment.Deposit, kes(100000)
	if got := f.Detail(); !strings.Contains(got, "Received 1,000.00 KES") || !strings.Contains(got, "50.00 KES less") {
		t.Error(got)
	}
	f.Reason = payment.Noted + "it dropped the cents"
	if got := f.Detail(); !strings.HasSuffix(got, " Noted: it dropped the cents.") {
		t.Errorf("a remark beside the answer is repeated: %q", got)
	}
	f.Reason = "HTTP 503"
	if got := f.Detail(); strings.Contains(got, "503") {
		t.Errorf("why a later question failed says nothing about the amount: %q", got)
	}
}

// What to do depends on which way the money goes, whether it moved, and who has
// the larger figure.
func TestASentenceSaysWhatToDoInItsCase(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind payment.ExceptionKind
		set  func(f *exception.Facts)
		want string
	}{
		{payment.MissingAtProvider, func(*exception.Facts) {}, "We hold it completed; pesaswap-ke says it does not know it. Ask pesaswap-ke; do not pay again before it is clear."},
		{payment.MissingAtProvider, func(f *exception.Facts) {
			f.PaymentKind, f.InternalStatus, f.CompletedOnlyList = payment.Deposit, payment.Pending, true
		}, "We hold it pending; pesaswap-ke has a complete list of completed transactions that does not show it. Ask pesaswap-ke; deliver nothing for it before it is clear."},
		{payment.AmountMismatch, func(f *exception.Facts) { f.TheirStatus = "pending" }, "pesaswap-ke holds it pending with 1,500.00 KES, 1,050.00 KES in your records: 450.00 KES more. Clear it with pesaswap-ke before money moves."},
		{payment.AmountMismatch, func(*exception.Facts) {}, "pesaswap-ke holds it failed with 1,500.00 KES, 1,050.00 KES in your records: 450.00 KES more. No money moved there: correct the record."},
		{payment.CurrencyMismatch, func(f *exception.Facts) { f.TheirStatus = "pending" }, "We recorded 1,050.00 KES, pesaswap-ke holds it pending with 1,500.00 KES; amounts are not compared. Clear it with pesaswap-ke before money moves."},
		{payment.RecipientMismatch, func(f *exception.Facts) { f.TheirStatus = "completed" }, "Sent to another account than our records say: 2547••••001 with us, 2547••••002 at pesaswap-ke. Ask pesaswap-ke to confirm or recall it."},
		{payment.RecipientMismatch, func(f *exception.Facts) { f.PaymentKind, f.TheirStatus = payment.Deposit, "completed" }, "Paid from another account than our records say: 2547••••001 with us, 2547••••002 at pesaswap-ke. Ask pesaswap-ke who paid it."},
		{payment.RecipientMismatch, func(*exception.Facts) {}, "Made out to another account than our records say: 2547••••001 with us, 2547••••002 at pesaswap-ke. No money moved there: correct the record."},
		{payment.FeeMismatch, func(*exception.Facts) {}, "pesaswap-ke charged 1,500.00 KES, the schedule says 1,050.00 KES: 450.00 KES more. Claim the difference with the next invoice."},
		{payment.FeeMismatch, func(f *exception.Facts) { f.Theirs = kes(100000) }, "pesaswap-ke charged 1,000.00 KES, the schedule says 1,050.00 KES: 50.00 KES less. Ask pesaswap-ke, or correct the schedule."},
		{payment.LateReversal, func(f *exception.Facts) { f.TheirStatus, f.Refunded, f.OursRefunded = "completed", kes(0), kes(5000) }, "pesaswap-ke says nothing went back, our records say 50.00 KES. Ask pesaswap-ke what became of our refund, or correct our records."},
		{payment.LateReversal, func(*exception.Facts) {}, "pesaswap-ke said completed before and now says failed. Ask pesaswap-ke; do not pay again before it is clear."},
		{payment.StatusMismatch, func(f *exception.Facts) { f.RawStatus, f.FailureCode = "FAILED", "card_declined" }, "We hold it completed; pesaswap-ke says failed (card_declined). The money did not go out: correct our status, then pay again if it is still owed."},
		{payment.NotPolled, func(f *exception.Facts) { f.TheirStatus, f.Reason = "", "HTTP 503; nothing is known, try again later" }, "pesaswap-ke could not be asked: HTTP 503; nothing is known, try again later."},
		{payment.StalePending, func(f *exception.Facts) { f.TheirStatus, f.RawStatus = "pending", "1032" }, "Pending since 1 Nov 2026 08:00, longer than allowed (code 1032). Ask pesaswap-ke for a decision."},
		{payment.InvalidProviderData, func(f *exception.Facts) { f.Reason = "Pay's answer can't be trusted: it is about another payment" }, "pesaswap-ke's answer can't be trusted: it is about another payment. Nothing of it is counted: ask pesaswap-ke what became of the payment, and run the range again."},
		{payment.NotPolled, func(f *exception.Facts) { f.TheirStatus, f.Reason = "completed", "HTTP 503" }, "pesaswap-ke could not be asked; that it is completed stands in a list or an earlier answer alone: HTTP 503."},
	} {
		f := facts(c.kind)
		c.set(&f)
		if got := f.Detail(); got != c.want {
			t.Errorf("%s: %q, want %q", c.kind, got, c.want)
		}
	}
}

func TestSentencesNeverTellWhenTheRunWas(t *testing.T) {
	t.Parallel()
	for _, k := range []payment.ExceptionKind{payment.StalePending, payment.MissingAtProvider, payment.NotPolled} {
		a, b := facts(k), facts(k)
		a.Age, b.Age = time.Hour, 400*time.Hour
		if a.Detail() != b.Detail() {
			t.Errorf("%s grows older in words: %q, %q", k, a.Detail(), b.Detail())
		}
	}
}

func TestAnAmbiguousMatchNamesWhatItCanNotChooseAmong(t *testing.T) {
	t.Parallel()
	f := facts(payment.AmbiguousMatch)
	f.Why, f.OtherPayments = "reference", []string{"p2", "p3"}
	f.Candidates = []exception.Candidate{{ID: "T1", Amount: *kes(150000), Status: payment.Completed}, {ID: "T2", Amount: *kes(5), Status: payment.Pending}}
	for range 3 {
		f.Candidates = append(f.Candidates, exception.Candidate{ID: "T3", Amount: *kes(1), Status: payment.Failed})
	}
	if got := f.Detail(); !strings.HasSuffix(got, "The other payments: p2, p3. At pesaswap-ke: T1 (1,500.00 KES, completed), T2 (0.05 KES, pending), T3 (0.01 KES, failed), T3 (0.01 KES, failed) and 1 more.") {
		t.Error(got)
	}
}

func TestAnOrphanSaysWhichWayTheMoneyWent(t *testing.T) {
	t.Parallel()
	f := facts(payment.MissingInternally)
	for _, c := range []struct {
		kind      payment.Kind
		status    string
		statement bool
		want      string
	}{
		{payment.Payout, "completed", false, "pesaswap-ke paid out 1,500.00 KES that no payment of ours explains. Find who sent it, then book or recall it."},
		{payment.Deposit, "completed", false, "pesaswap-ke received 1,500.00 KES that no payment of ours explains. Find who paid it, then book or return it."},
		{payment.Payout, "completed", true, "pesaswap-ke's statement shows 1,500.00 KES that no payment of ours explains. Find who sent it, then book or return it."},
		{payment.Payout, "pending", false, "pesaswap-ke shows 1,500.00 KES as pending that no payment of ours explains. Find who sent it before it moves."},
		{payment.Payout, "reversed", false, "pesaswap-ke shows 1,500.00 KES that moved and was reversed; no payment of ours explains it. Find who sent it, and make sure that all of it went back."},
	} {
		f.PaymentKind, f.TheirStatus, f.Statement = c.kind, c.status, c.statement
		if got := f.Detail(); got != c.want {
			t.Error(got)
		}
	}
}

// A statement that shows as moved what the status answer calls failed: equal
// amounts, and all of it is at risk.
func TestWhatOnlyTheStatementMovedIsAtRisk(t *testing.T) {
	t.Parallel()
	f := facts(payment.SettlementMismatch)
	f.Theirs = f.Internal
	if r := f.AtRisk(); r == nil || r.Minor != 105000 {
		t.Errorf("%v", r)
	}
}

func TestNeedsActionSaysWhatToDo(t *testing.T) {
	t.Parallel()
	f := facts(payment.StalePending)
	for action, want := range map[payment.Action]string{
		payment.ActionCapture: "capture", payment.ActionFulfil: "fulfil", payment.ActionReview: "review", payment.ActionConfirm: "confirm",
		payment.ActionTopUp: "top up", payment.ActionMethod: "method", "": "Ask pesaswap-ke",
	} {
		f.Action = action
		if got := f.Detail(); !strings.Contains(got, want) {
			t.Errorf("%q: %q", action, got)
		}
	}
}

func TestSeverityFollowsKindMoneyAndAge(t *testing.T) {
	t.Parallel()
	limits := exception.Thresholds{
		CriticalAge: 7 * 24 * time.Hour,
		Of:          func(currency string, _ int) (int64, int64, bool) { return 1_000_00, 10_000_00, currency == "KES" },
	}
	for _, c := range []struct {
		name  string
		kind  payment.ExceptionKind
		side  payment.Kind
		minor int64
		age   time.Duration
		want  payment.Severity
	}{
		{"paid twice", payment.DuplicatePayment, payment.Payout, 5_000_00, 0, payment.Critical},
		{"a little paid twice", payment.DuplicatePayment, payment.Payout, 10_00, 0, payment.High},
		{"a deposit twice", payment.DuplicatePayment, payment.Deposit, 5_000_00, 0, payment.High},
		{"a large deposit missing", payment.MissingAtProvider, payment.Deposit, 10_000_00, 0, payment.Critical},
		{"small", payment.StatusMismatch, payment.Deposit, 10_00, 0, payment.Medium},
		{"old", payment.LateReversal, payment.Deposit, 5_000_00, 8 * 24 * time.Hour, payment.Critical},
		{"only late", payment.StalePending, payment.Payout, 5_000_00, 0, payment.Medium},
		{"late and large", payment.StalePending, payment.Payout, 10_000_00, 0, payment.High},
		{"no money at risk", payment.ReferenceMismatch, payment.Payout, 10_000_00, 0, payment.Low},
	} {
		f := facts(c.kind)
		f.PaymentKind, f.Internal, f.Theirs, f.Age = c.side, kes(c.minor), nil, c.age
		if got := f.Severity(limits); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestAtRiskIsTheDifferenceWhereBothSidesMoved(t *testing.T) {
	t.Parallel()
	if r := facts(payment.AmountMismatch).AtRisk(); r == nil || r.Minor != 45000 {
		t.Errorf("%v", r)
	}
	f := facts(payment.LateReversal)
	f.TheirStatus, f.Refunded, f.OursRefunded = "completed", kes(30000), kes(10000)
	if r := f.AtRisk(); r == nil || r.Minor != 20000 {
		t.Errorf("%v", r)
	}
	if r := facts(payment.ReferenceMismatch).AtRisk(); r != nil {
		t.Errorf("a reference puts %v at risk", r)
	}
}
