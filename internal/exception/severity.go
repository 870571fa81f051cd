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
		// of a settlement_mismatch equal amounts mean that only one side says they moved
		if d, _ := f.difference(); d != nil && (!d.IsZero() || f.Kind != payment.SettlementMismatch) {
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

// gone tells whether the kind means that our money has left us wrongly: what
// went out twice, to somebody else, or without a payment of ours.
func (f Facts) gone() bool {
	if f.PaymentKind != payment.Payout {
		return false
	}
	switch f.Kind {
	case payment.DuplicatePayment, payment.RecipientMismatch:
		return true
	case payment.MissingInternally:
		return f.TheirStatus == string(payment.Completed)
	case payment.MissingAtProvider:
		return f.InternalStatus == payment.Completed
	case payment.StatusMismatch: // we may have paid it again
		return f.TheirStatus == string(payment.Completed)
	}
	return false
}

// rank is the severity of a kind before amount and age count: money that is
// gone outranks what may only be late.
func (f Facts) rank() int {
	switch f.Kind {
	case payment.MissingAtProvider, payment.DuplicatePayment, payment.RecipientMismatch, payment.StatusMismatch,
		payment.LateReversal, payment.CurrencyMismatch, payment.MissingInternally:
		if f.gone() {
			return critical
		}
		return high
	case payment.AmountMismatch, payment.AmbiguousMatch, payment.StalePending, payment.SettlementMismatch,
		payment.InvalidProviderData, payment.NotPolled:
		return medium
	default:
		return low
	}
}

// ranks of severities, as steps that amount and age move.
const (
	low = iota
	medium
	high
	critical
)

var severities = [...]payment.Severity{payment.Low, payment.Medium, payment.High, payment.Critical}

// Severity ranks the difference by kind, amount at risk and age: a large amount
// or a high age moves it up by one, a small amount down by one.
func (f Facts) Severity(t Thresholds) payment.Severity {
	rank := f.rank()
	risk := f.AtRisk()
	if rank == low || risk == nil {
		return severities[rank]
	}
	if atLeastHigh, atLeastCritical, ok := t.Of(risk.Currency, risk.Exp); ok {
		switch {
		case risk.Minor >= atLeastCritical:
			rank++
		case risk.Minor < atLeastHigh && rank >= high:
			rank--
		}
	}
	if rank == high && t.CriticalAge > 0 && f.Age > t.CriticalAge {
		rank++
	}
	return severities[min(rank, critical)]
}
