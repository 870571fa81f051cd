package pesaway

import (
	"net/http"
	"time"

	"tieout/internal/money"
	"tieout/internal/payment"
)

// held is what stands in the wallet after an opening balance of ten million:
// completed deposits came, payouts and refunds went. What is of another
// currency than the first movement is not counted.
func (s *server) held() string {
	const opening = 10_000_000
	var sum money.Amount
	add := func(a money.Amount, minor int64) {
		if sum.Currency == "" {
			sum = money.Amount{Minor: opening, Exp: a.Exp, Currency: a.Currency}
			for range a.Exp {
				sum.Minor *= 10
			}
		}
		if a.Currency == sum.Currency {
			sum.Minor += minor
		}
	}
	for _, kind := range []payment.Kind{payment.Deposit, payment.Payout} {
		for _, t := range s.a.Between(kind, time.Time{}, time.Time{}) {
			if t.Status != payment.Completed {
				continue
			}
			if kind == payment.Deposit {
				add(t.Amount, t.Amount.Minor)
			} else {
				add(t.Amount, -t.Amount.Minor)
			}
			for _, r := range t.Refunds {
				if r.Status == payment.Completed {
					add(r.Amount, -r.Amount.Minor)
				}
			}
		}
	}
	if sum.Currency == "" {
		return "10000000.0"
	}
	return sum.String()
}

// balance says what stands in the account's wallet.
func (s *server) balance(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		var body struct {
			MerchantCode string `json:"MerchantCode"`
		}
		if !s.readBody(w, r, &body) {
			return
		}
		if body.MerchantCode == "" {
			s.fail(w, http.StatusBadRequest, "400.001", "Invalid parameter: MerchantCode")
			return
		}
	}
	held := s.held()
	reply(w, http.StatusOK, map[string]string{"current": held, "available": held, "uncleared": "0.0", "reserved": "0.0"})
}
