package pivot

import (
	"encoding/json"
	"time"

	"tieout/internal/corpus"
	"tieout/internal/money"
	"tieout/internal/payment"
)

// method is what a deposit is paid with.
func method(t corpus.Transaction) string {
	switch {
	case isMultiple(t):
		return "VIRTUAL_ACCOUNT"
	case t.Account != "":
		return "EWALLET"
	case t.CustomerID != "":
		return "CARD"
	default:
		return choose([]string{"VIRTUAL_ACCOUNT", "QR"}, "method", t.ID)
	}
}

// wallet is the channel of a wallet. A wallet that was saved and one that was
// not are never the same, or the one's token would pass for the other's.
func wallet(t corpus.Transaction) string {
	if stored(t) {
		return choose([]string{"SHOPEEPAY", "DANA"}, "wallet", t.ID)
	}
	return choose([]string{"OVO", "LINKAJA"}, "wallet", t.ID)
}

// renderSession writes a group as Pivot does; open shows it as not ended yet.
func renderSession(g group, open bool) fields {
	t := g[0]
	session, charge := statuses(t, open)
	amount, kind := asNumber(t.Amount), "SINGLE"
	expiry := any(seconds(t.CreatedAt.Add(15 * time.Minute)))
	if g.multiple() {
		zero := t.Amount
		zero.Minor = 0
		amount, kind, expiry = asNumber(zero), "MULTIPLE", nil
	}
	if t.Fault == corpus.FaultAmount {
		amount["value"] = json.RawMessage("1000.0001")
	}
	out := fields{
		"id": t.ID, "clientReferenceId": reference(t), "amount": amount, "autoConfirm": true, "mode": "API",
		"redirectUrl": fields{
			"successReturnUrl": "https://shop.example/ok", "failureReturnUrl": "https://shop.example/no",
			"expirationReturnUrl": "https://shop.example/late",
		},
		"paymentType": kind, "paymentMethod": fields{"type": method(t)}, "statementDescriptor": "Sandbox",
		"saveForFutureUse": saves(t), "showSavedPayment": false, "status": session, "investigationStatus": nil,
		"createdAt": seconds(t.CreatedAt), "updatedAt": seconds(last(g)), "expiryAt": expiry, "chargeDetails": nil,
	}
	if has(t, "-INVEST") {
		out["investigationStatus"] = "INVESTIGATION_IN_PROCESS"
	}
	if charge != "" {
		out["chargeDetails"] = renderCharges(g, open)
	}
	if t.CustomerID != "" {
		out["customerId"] = t.CustomerID
		out["customer"] = fields{"givenName": "Sari", "surname": "Contoh", "email": email(t.CustomerID), "storePaymentMethods": nil}
	}
	if meta := metadata(t); len(meta) > 0 {
		out["metadata"] = meta
	}
	if session == "CANCELLED" {
		out["cancelledAt"], out["cancellationReason"] = seconds(last(g)), "REQUESTED_BY_CUSTOMER"
		if charge == "FAILED" {
			out["cancellationReason"] = "CHARGE_FAILED"
		}
	}
	return out
}

func metadata(t corpus.Transaction) map[string]string {
	if !has(t, "-META") {
		return t.Metadata
	}
	other := map[string]string{}
	for k, v := range t.Metadata {
		other[k] = v + "-X"
	}
	return other
}

// saves tells whether the session asked for its method to be saved.
func saves(t corpus.Transaction) bool {
	m := method(t)
	return t.CustomerID != "" && (m == "CARD" || m == "EWALLET")
}

func stored(t corpus.Transaction) bool { return t.SavedMethod && !has(t, "-NOTOK") }

func last(g group) time.Time {
	at := g[0].CreatedAt
	for _, t := range g {
		if at.Before(t.CreatedAt) {
			at = t.CreatedAt
		}
		if at.Before(t.CompletedAt) {
			at = t.CompletedAt
		}
	}
	return at
}

// slow tells, once a poll, whether a -SLOW record is still to look open.
func (s *server) slow(t corpus.Transaction) bool {
	const polls = 3
	return has(t, "-SLOW") && s.account.Asked("slow "+reference(t)) <= polls
}

// statuses gives the words of the session and its charge; the charge's is
// empty where none was made.
func statuses(t corpus.Transaction, open bool) (session, charge string) {
	if session, charge = words(t); open {
		session, charge = "PROCESSING", "PROCESSING"
	}
	if t.RawStatus != "" {
		session = t.RawStatus
	}
	if t.Fault == corpus.FaultStatusWord {
		session = "ON_HOLD"
	}
	return session, charge
}

func words(t corpus.Transaction) (session, charge string) {
	switch t.Status {
	case payment.Completed, payment.Reversed:
		return "PAID", "SUCCESS"
	case payment.Failed, payment.Rejected:
		return "CANCELLED", "FAILED"
	case payment.Cancelled:
		return "CANCELLED", ""
	case payment.Expired:
		return "EXPIRED", "EXPIRED"
	case payment.Created:
		return "REQUIRE_PAYMENT_METHOD", ""
	}
	switch t.NeedsAction {
	case payment.ActionCapture:
		return "PROCESSING", "WAITING_FOR_CAPTURE"
	case payment.ActionConfirm:
		return "REQUIRE_CONFIRMATION", ""
	case payment.ActionMethod:
		return "REQUIRE_PAYMENT_METHOD", ""
	}
	if choose([]string{"user", "channel"}, "open", t.ID) == "user" {
		return "REQUIRE_ACTION", "WAITING_FOR_USER_ACTION"
	}
	return "PROCESSING", "PROCESSING"
}

// renderCharges writes the charges of a group.
func renderCharges(g group, open bool) []fields {
	var out []fields
	for i, t := range g {
		if _, status := statuses(t, open); status != "" && (!g.multiple() || status == "SUCCESS") {
			out = append(out, renderCharge(g[0], t, i, status))
		}
	}
	return out
}

func renderCharge(session, t corpus.Transaction, i int, status string) fields {
	ref := reference(session)
	if has(t, "-REFX") {
		ref += "-OTHER"
	}
	out := fields{
		"id": chargeID(session, t, i), "paymentSessionId": session.ID, "paymentSessionClientReferenceId": ref,
		"amount": asNumber(t.Amount), "authorizedAmount": nil, "capturedAmount": nil, "isCaptured": false, "status": status,
		"statementDescriptor": "", "createdAt": micros(t.CreatedAt), "updatedAt": micros(t.CreatedAt), "paidAt": nil,
		"captureHistories": nil, "failureCode": nil, "failureMessage": nil, "recommendation": nil,
	}
	if status == "FAILED" {
		code := t.FailureCode
		if code == "" {
			code = "DECLINED_BY_CHANNEL"
		}
		out["failureCode"], out["failureMessage"] = code, "The payment was not accepted"
	}
	if status == "WAITING_FOR_CAPTURE" || status == "SUCCESS" {
		out["authorizedAmount"] = asNumber(t.Amount)
	}
	if status == "SUCCESS" {
		paid := paidAt(t)
		out["capturedAmount"], out["isCaptured"] = asNumber(captured(t)), true
		out["paidAt"], out["updatedAt"] = seconds(paid), micros(paid)
	}
	addMethod(out, t, status)
	return out
}

// chargeID of a MULTIPLE session's charge is its transaction's id, but for the
// oldest, whose id is the session's.
func chargeID(session, t corpus.Transaction, i int) string {
	if i > 0 {
		return t.ID
	}
	return uuidOf("charge", session.ID)
}

func captured(t corpus.Transaction) money.Amount {
	amount := t.Amount
	if t.Settled != nil {
		amount = *t.Settled
	}
	if has(t, "-SHORT") {
		short := int64(1000)
		for range amount.Exp {
			short *= 10
		}
		amount.Minor = max(0, amount.Minor-short)
	}
	return amount
}

func paidAt(t corpus.Transaction) time.Time {
	if t.CompletedAt.IsZero() {
		return t.CreatedAt.Add(2 * time.Minute)
	}
	return t.CompletedAt
}

// addMethod adds the block of what the charge is paid with.
func addMethod(charge fields, t corpus.Transaction, status string) {
	switch method(t) {
	case "EWALLET":
		charge["ewallet"] = fields{"channel": wallet(t), "accountInformations": fields{"mobileNumber": t.Account, "name": "Sari Contoh"}}
	case "CARD":
		block := card(t)
		block["authorizationResult"] = nil
		if status == "SUCCESS" {
			block["authorizationResult"] = fields{"retrievalReferenceNumber": t.NetworkReference, "authorizedAmount": asNumber(t.Amount)}
		}
		charge["card"] = block
	case "QR":
		charge["qr"] = fields{"acquirer": "SANDBOX", "qrType": "DYNAMIC", "retrievalReferenceNumber": t.NetworkReference, "issuerName": ""}
	default:
		charge["virtualAccount"] = fields{
			"channel":              choose([]string{"BCA", "BRI", "MANDIRI"}, "bank", t.ID),
			"virtualAccountNumber": digits(16, "va", t.ID), "virtualAccountName": "Sari Contoh", "expiryAt": "0001-01-01T00:00:00Z",
		}
	}
}

// card is the card that paid a deposit; each deposit has its own.
func card(t corpus.Transaction) fields {
	number := "444000" + digits(10, "card", t.ID)
	return fields{
		"first6": number[:6], "first8": number[:8], "last4": number[12:], "expMonth": "07", "expYear": "31",
		"fingerprint":     uuidOf("fingerprint", t.ID),
		"binInformations": fields{"type": "DEBIT", "issuingBank": "BRI", "brand": "VISA", "country": "ID"},
	}
}

func email(customer string) string { return "customer-" + hash("mail", customer)[:8] + "@shop.example" }
