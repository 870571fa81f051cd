package exception

import (
	"time"

	"tieout/internal/money"
	"tieout/internal/payment"
)

// Thresholds are the amounts at risk from which a difference is worse, in minor
// units by currency and decimals.
type Thresholds struct {
	// Of returns the two thresholds of a currency in the given decimals;
	// false where none is known.
	Of func(currency string, exp int) (high, critical int64, ok bool)
	// CriticalAge makes a high exception critical when it is older; 0: never.
	CriticalAge time.Duration
}

// AtRisk is the money that a difference puts at risk: the difference where both
// sides moved money, otherwise the amount. nil where no money is at risk.
func (f Facts) AtRisk() *money.Amount {
	switch f.Kind {
	case payment.ReferenceMismatch, payment.SavedMethodMissing:
		return nil
	case payment.AmountMismatch, payment.FeeMismatch, payment.SettlementMismatch:
		if d, _ := f.difference(); d != nil {
			return d
		}
	case payment.LateReversal:
		if f.Refunded != nil && f.TheirStatus == string(payment.Completed) {
			d := *f.Refunded
			if f.OursRefunded != nil && f.OursRefunded.Currency == d.Currency && f.OursRefunded.Exp == d.Exp {
				d.Minor -= f.OursRefunded.Minor
			}
			if d.Minor < 0 {
				d.Minor = -d.Minor
			}
			return &d
		}
	case payment.MissingInternally:
		return f.Theirs
	}
	if f.Own && f.Theirs != nil {
		return f.Theirs
	}
	if f.Internal != nil {
		return f.Internal
	}
	return f.Theirs
}

// base is the severity of a kind before amount and age count: money that is
// gone outranks what may only be late.
func (f Facts) base() payment.Severity {
	switch f.Kind {
	case payment.MissingAtProvider, payment.DuplicatePayment, payment.RecipientMismatch, payment.StatusMismatch,
		payment.LateReversal, payment.CurrencyMismatch, payment.MissingInternally:
		return payment.High
	case payment.AmountMismatch, payment.AmbiguousMatch, payment.StalePending, payment.SettlementMismatch,
		payment.InvalidProviderData, payment.NotPolled:
		return payment.Medium
	default:
		return payment.Low
	}
}

// Severity ranks the difference by kind, amount at risk and age.
func (f Facts) Severity(t Thresholds) payment.Severity {
	s := f.base()
	if s == payment.Low {
		return s
	}
	risk := f.AtRisk()
	if risk == nil {
		return s
	}
	high, critical, ok := t.Of(risk.Currency, risk.Exp)
	if ok {
		switch {
		case risk.Minor >= critical && s == payment.High:
			s = payment.Critical
		case risk.Minor >= critical && s == payment.Medium:
			s = payment.High
		case risk.Minor < high && s == payment.High && f.Kind != payment.DuplicatePayment && f.Kind != payment.MissingAtProvider:
			s = payment.Medium
		}
	}
	if s == payment.High && t.CriticalAge > 0 && f.Age > t.CriticalAge {
		s = payment.Critical
	}
	return s
}
