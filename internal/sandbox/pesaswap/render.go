package pesaswap

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"tieout/internal/corpus"
	"tieout/internal/money"
	"tieout/internal/payment"
)

const alphanumerics = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// text makes an id of 20 alphanumerics after a prefix, always the same for the
// same seed.
func text(prefix, seed string) string {
	sum := sha256.Sum256([]byte(prefix + "\x00" + seed))
	b := make([]byte, 20)
	for i := range b {
		b[i] = alphanumerics[int(sum[i])%len(alphanumerics)]
	}
	return prefix + "_" + string(b)
}

// oneIn picks the same share of all ids every time.
func oneIn(n uint64, seed string) bool {
	sum := sha256.Sum256([]byte(seed))
	return binary.BigEndian.Uint64(sum[:8])%n == 0
}

// word is the status as the API says it.
func word(t corpus.Transaction) string {
	if t.RawStatus != "" {
		return t.RawStatus
	}
	if t.Kind == payment.Payout {
		return payoutWord(t)
	}
	return depositWord(t)
}

func payoutWord(t corpus.Transaction) string {
	switch t.NeedsAction {
	case payment.ActionFulfil:
		return "requires_fulfillment"
	case payment.ActionConfirm:
		return "requires_confirmation"
	case payment.ActionMethod:
		return "requires_payout_method_data"
	}
	switch t.Status {
	case payment.Created:
		return "requires_confirmation"
	case payment.Completed:
		return "success"
	case payment.Pending:
		return "pending"
	case payment.Rejected:
		return "not_permitted"
	}
	return string(t.Status)
}

func depositWord(t corpus.Transaction) string {
	switch t.NeedsAction {
	case payment.ActionCapture:
		return "requires_capture"
	case payment.ActionReview:
		return "requires_merchant_action"
	case payment.ActionConfirm:
		return "requires_confirmation"
	}
	switch t.Status {
	case payment.Created:
		return "requires_payment_method"
	case payment.Completed:
		return "succeeded"
	case payment.Pending:
		return "processing"
	case payment.Reversed:
		return "cancelled_post_capture"
	case payment.Rejected:
		return "failed"
	}
	return string(t.Status)
}

// shownWord is the word with the account's faults.
func shownWord(t corpus.Transaction) string {
	if t.Fault == corpus.FaultStatusWord {
		return "settling_offline"
	}
	return word(t)
}

// serverDecimals are the decimals of the server's minor units where its table
// differs from ISO 4217.
var serverDecimals = map[string]int{"IRR": 0, "MGA": 0, "ISK": 2}

// units writes an amount in the server's minor units.
func (c call) units(a money.Amount) json.Number {
	exp, given := c.account.Scale[a.Currency]
	if !given {
		exp, given = serverDecimals[a.Currency]
	}
	if !given {
		exp, _ = money.Exponent(a.Currency)
	}
	plain := a.String()
	minor, err := money.ParseMinor(plain, exp)
	if err != nil { // finer than the server's units: shown as it is
		return json.Number(plain)
	}
	return json.Number(strconv.FormatInt(minor, 10))
}

// amount is units with the account's faults.
func (c call) amount(t corpus.Transaction) json.Number {
	u := c.units(t.Amount)
	if t.Fault == corpus.FaultAmount {
		return u + ".5"
	}
	return u
}

// difference says how the connector's figures differ.
func (c call) difference(t corpus.Transaction) string {
	s := fmt.Sprintf("amount expected %s but found %s", c.units(t.Amount), c.units(*t.Settled))
	if t.Settled.Currency != t.Amount.Currency {
		s += fmt.Sprintf(", currency expected %s but found %s", t.Amount.Currency, t.Settled.Currency)
	}
	return s
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func metadataOf(t corpus.Transaction) any {
	if len(t.Metadata) == 0 {
		return nil
	}
	return t.Metadata
}

// methodID is the saved method that the transaction left.
func methodID(t corpus.Transaction) any {
	if !t.SavedMethod || t.CustomerID == "" {
		return nil
	}
	return text("pm", t.ID)
}

// callingCodes are the countries whose numbers are told from bank accounts.
var callingCodes = []string{"254", "255", "256", "250", "257", "260", "265", "233", "234", "243", "251", "258", "237", "225", "221", "62", "27", "20"}

// phoneOf splits an account into country code and national number; ok is false
// for what is no phone number.
func phoneOf(account string) (code, number string, ok bool) {
	digits := strings.Map(func(r rune) rune {
		if strings.ContainsRune("+ -", r) {
			return -1
		}
		return r
	}, account)
	if strings.Trim(digits, "0123456789") != "" {
		return "", "", false
	}
	if strings.HasPrefix(digits, "0") && len(digits) == 10 { // written as at home
		return "+254", digits[1:], true
	}
	for _, code := range callingCodes {
		if rest := len(digits) - len(code); strings.HasPrefix(digits, code) && rest >= 8 && rest <= 11 {
			return "+" + code, digits[len(code):], true
		}
	}
	return "", "", false
}

// masked keeps the last four characters.
func masked(account string) string {
	if len(account) <= 4 {
		return strings.Repeat("*", len(account))
	}
	return strings.Repeat("*", len(account)-4) + account[len(account)-4:]
}

func billing(code, number string) map[string]any {
	return map[string]any{
		"address": nil, "email": nil,
		"phone": map[string]any{"number": number, "country_code": code},
	}
}

func customer(id, code, number string) any {
	if id == "" {
		return nil
	}
	return map[string]any{
		"id": id, "name": nil, "email": nil, "phone": orNull(number),
		"phone_country_code": orNull(code), "customer_document_details": nil,
	}
}
