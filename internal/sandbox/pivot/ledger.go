package pivot

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"

	"tieout/internal/corpus"
	"tieout/internal/money"
	"tieout/internal/payment"
)

// balance is what an account had at first, in minor units, and what was booked
// and settled since.
func (s *server) balance(q url.Values) answer {
	usecase := cmp.Or(q.Get("usecase"), "DISBURSEMENT")
	v, ok := map[string]int64{"DISBURSEMENT": 50_000_268_000_99, "PAYMENT": 135_000_00, "WALLET": 0}[usecase]
	if !ok {
		return invalidField("usecase", "usecase is invalid")
	}
	for _, b := range s.bookings() {
		if strings.EqualFold(b.balance, usecase+" Balance") && b.amount.Currency == "IDR" && !b.settled().After(s.account.Now()) {
			v += b.change()
		}
	}
	return found(fields{"availableBalance": asDecimals(money.Amount{Minor: v, Exp: 2, Currency: "IDR"})})
}

// settled is when a booking counts in the balance: money in waits for a day.
func (b booking) settled() time.Time {
	if b.in() {
		return b.at.Add(24 * time.Hour)
	}
	return b.at
}

func (b booking) in() bool { return strings.HasSuffix(b.accountType, "_PAYMENT") }

// change is what a booking did to its balance, in minor units.
func (b booking) change() int64 {
	v := -b.amount.Minor
	if b.in() {
		v = b.amount.Minor
	}
	if b.fee != nil {
		v -= b.fee.Minor
	}
	return v
}

// booking is one row of the balance history.
type booking struct {
	at                         time.Time
	id, reference, accountType string
	balance, channel, display  string
	amount                     money.Amount
	fee                        *money.Amount
}

// history lists the bookings of a time range: at most 31 days, not older than
// six months, both bounds included.
func (s *server) history(q url.Values) answer {
	from, err := time.Parse(time.RFC3339, q.Get("startDate"))
	if err != nil {
		return invalidField("startDate", "startDate is invalid")
	}
	to, err := time.Parse(time.RFC3339, q.Get("endDate"))
	if err != nil || to.Before(from) {
		return invalidField("endDate", "endDate is invalid")
	}
	const longest = 31 * 24 * time.Hour
	if to.Sub(from) > longest {
		return invalidField("endDate", "the range is longer than 31 days")
	}
	if from.Before(s.account.Now().AddDate(0, -6, 0)) {
		return invalidField("startDate", "startDate is older than 6 months")
	}
	var rows []booking
	for _, b := range s.bookings() {
		wanted := q.Get("accountType") == "" || q.Get("accountType") == b.accountType
		if id := q.Get("transactionId"); id != "" && id != b.id && id != b.reference {
			wanted = false
		}
		if wanted && !b.at.Before(from) && !b.at.After(to) {
			rows = append(rows, b)
		}
	}
	slices.SortStableFunc(rows, func(a, b booking) int { return cmp.Or(b.at.Compare(a.at), cmp.Compare(a.id, b.id)) })
	return paged(q, len(rows), func(i int) any { return rows[i].render() })
}

func (b booking) render() fields {
	out := fields{
		"referenceId": b.reference, "transactionId": b.id, "date": micros(b.at), "settlementDate": seconds(b.settled()),
		"settlementStatus": "SUCCESS", "balanceType": b.balance, "channel": b.channel, "transactionType": b.display,
		"amount": asNumber(b.amount), "createdBy": "Sandbox",
	}
	if b.fee != nil {
		out["fee"] = asNumber(*b.fee)
	}
	return out
}

func (s *server) bookings() []booking {
	var out []booking
	for _, t := range s.account.Between(payment.Deposit, time.Time{}, time.Time{}) {
		if t.Fault == corpus.FaultHiddenInList || has(t, "-GHOST") || t.Status != payment.Completed && t.Status != payment.Reversed {
			continue
		}
		b := booking{at: paidAt(t), id: t.ID, reference: reference(t), balance: "Payment Balance", amount: captured(t), fee: t.Fee}
		switch method(t) {
		case "CARD":
			b.accountType, b.channel, b.display = "CARD_PAYMENT", "Card", "Card Payment"
		case "QR":
			b.accountType, b.channel, b.display = "QRIS_PAYMENT", "QRIS", "QRIS Payment"
		case "EWALLET":
			b.accountType, b.channel, b.display = "EWALLET_PAYMENT", "E-Wallet", "E-Wallet Payment"
		default:
			b.accountType, b.channel, b.display = "VA_PAYMENT", "Virtual Account", "VA Payment"
		}
		out = append(out, b)
		for _, r := range refundsOf(t) {
			if r.Status == payment.Completed {
				out = append(out, booking{
					at: r.CreatedAt, id: r.ID, reference: r.ID, accountType: "REFUND",
					balance: "Payment Balance", channel: "Refund", display: "Refund", amount: r.Amount,
				})
			}
		}
	}
	for _, t := range s.account.Between(payment.Payout, time.Time{}, time.Time{}) {
		if t.Fault == corpus.FaultHiddenInList || has(t, "-GHOST") || t.Status != payment.Completed {
			continue
		}
		// The money leaves the balance when the payout is taken on.
		b := booking{
			at: t.CreatedAt, id: t.ID, reference: reference(t), accountType: "DISBURSEMENT", balance: "Disbursement Balance",
			channel: "Bank Transfer", display: "Disbursement", amount: t.Amount, fee: t.Fee,
		}
		if len(s.account.ByID(payment.Payout, t.ID)) > 1 {
			b.accountType, b.display = "BULK_DISBURSEMENT", "Bulk Disbursement"
		}
		out = append(out, b)
	}
	return out
}

// refundsOf gives a deposit's refunds; one that is reversed without any was
// refunded in full.
func refundsOf(t corpus.Transaction) []corpus.Refund {
	if t.Status == payment.Reversed && len(t.Refunds) == 0 {
		return []corpus.Refund{{ID: uuidOf("refund", t.ID), Amount: captured(t), Status: payment.Completed, CreatedAt: paidAt(t).Add(time.Hour)}}
	}
	return t.Refunds
}

func (s *server) refunds(q url.Values) answer {
	rows := s.allRefunds()
	return paged(q, len(rows), func(i int) any { return rows[i] })
}

func (s *server) refund(id string, _ url.Values) answer {
	for _, r := range s.allRefunds() {
		if r["id"] == id {
			return found(r)
		}
	}
	return missing()
}

func (s *server) allRefunds() []fields {
	var out []fields
	for _, t := range s.account.Between(payment.Deposit, time.Time{}, time.Time{}) {
		for _, r := range refundsOf(t) {
			out = append(out, s.renderRefund(t, r))
		}
	}
	slices.Reverse(out)
	return out
}

func (s *server) renderRefund(t corpus.Transaction, r corpus.Refund) fields {
	session, index := t, 0
	if g, ok := s.groupOf(t); !ok {
		session, index = g[0], 1
	}
	status := map[payment.Status]string{payment.Completed: "SUCCESS", payment.Failed: "FAILED", payment.Cancelled: "CANCELLED"}[r.Status]
	if status == "" {
		status = choose([]string{"PENDING", "WAITING_BANK_TRANSFER"}, "refund", r.ID)
	}
	full := captured(t)
	return fields{
		"id": r.ID, "clientReferenceId": "REFUND" + hash("refund", r.ID)[:12], "paymentSessionId": session.ID,
		"chargeId": chargeID(session, t, index), "amount": asDecimals(r.Amount), "capturedAmount": asDecimals(full),
		"isFullAmount": r.Amount == full,
		"reason":       "REQUESTED_BY_CUSTOMER", "description": "", "destinationType": "CHANNEL", "method": "AUTO", "transferDestination": nil, "metadata": fields{},
		"status": status, "createdAt": micros(r.CreatedAt), "updatedAt": micros(r.CreatedAt),
	}
}

// customer shows a customer with what it has saved.
func (s *server) customer(id string, _ url.Values) answer {
	txs := s.account.Customer(id)
	if len(txs) == 0 {
		return missing()
	}
	tokens := []fields{}
	for _, t := range txs {
		if t.Kind != payment.Deposit || t.Status != payment.Completed || !saves(t) || !stored(t) {
			continue
		}
		token := fields{"token": uuidOf("token", t.ID), "status": "ACTIVE", "createdAt": paidAt(t).UTC().Format(time.RFC3339Nano)}
		if method(t) == "CARD" {
			c := card(t)
			token["paymentMethod"], token["paymentChannel"] = "CARD", "VISA"
			token["card"] = fields{
				"fingerprint": uuidOf("stored", t.ID), "network": "VISA", "first6": c["first6"], "first8": c["first8"],
				"last4": c["last4"], "expMonth": c["expMonth"], "expYear": c["expYear"], "cardHolderFirstName": "Sari", "cardHolderLastName": "Contoh",
			}
		} else {
			token["token"], token["paymentMethod"], token["paymentChannel"] = hash("token", t.ID)[:11], "ewallet", wallet(t)
		}
		tokens = append(tokens, token)
	}
	return found(fields{
		"givenName": "Sari", "surname": "Contoh", "email": email(id),
		"phoneNumber": fields{"countryCode": "+62", "number": "8" + digits(10, "phone", id)}, "storedPaymentMethods": tokens,
	})
}
