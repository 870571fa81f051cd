package statement

import (
	"strings"

	"tieout/internal/payment"
)

// format is what a provider's documentation says of its statements' files.
type format struct {
	// aliases gives the column of a header, in the form of plain.
	aliases map[string]int
	// word reads the type of a row, in lower case; known is false for a word
	// that is no movement of this provider.
	word func(word string) (entry Entry, kind payment.Kind, known bool)
	// statuses are words that only this provider uses, in the form of plain.
	statuses map[string]payment.Status
	// utc: times without a zone are UTC, and so are the statement's days.
	utc bool
	// signed: whether money out carries a minus is not documented, so that a
	// minus says nothing about a deposit.
	signed bool
	// reserves: a payout is booked when it is taken on, before it arrives.
	reserves bool
}

// formats by provider type. pesaswap documents no statement: it is read by the
// columns' own names, or by those of the configuration.
var formats = map[string]format{
	// The dashboard's names, and those of the vendor's handbook: no header of
	// an API's file is documented exactly. A ledger of movements, so a row that
	// has no status word completed.
	"pawapay": {
		aliases: map[string]int{
			"transactionid": colID, "type": colKind, "transactiontype": colKind, "amount": colAmount, "currency": colCurrency,
			"fee": colFee, "status": colStatus, "msisdn": colAccount, "customerphonenumber": colAccount, "phonenumber": colAccount,
			"clientreference": colReference, "clientreferenceid": colReference, "creationdate": colCreated, "createdat": colCreated,
			"created": colCreated, "completedat": colCompleted, "completiondate": colCompleted,
		},
		word: pawapayWord,
		statuses: map[string]payment.Status{
			"accepted": payment.Pending, "enqueued": payment.Pending, "submitted": payment.Pending, "inreconciliation": payment.Pending,
		},
		utc: true, signed: true,
	},
	// The rows of pull-transactions: completed transactions, no currency.
	"pesaway": {
		aliases: map[string]int{
			"reference": colID, "externalreference": colReference, "transactiontype": colKind, "transtype": colKind, "amount": colAmount,
			"currency": colCurrency, "recipient": colAccount, "transactiondate": colCreated, "status": colStatus,
		},
		word: func(word string) (Entry, payment.Kind, bool) {
			switch word {
			case "collection":
				return Payment, payment.Deposit, true
			case "payment":
				return Payment, payment.Payout, true
			case "refund":
				return Refund, "", true
			}
			return "", "", false
		},
		utc: true,
	},
	// The rows of the balance history; type words are texts for display there
	// ("VA Payment"), codes in its filter ("VA_PAYMENT").
	"pivot": {
		aliases: map[string]int{
			"transactionid": colID, "referenceid": colReference, "transactiontype": colKind, "amount": colAmount, "amountvalue": colAmount,
			"currency": colCurrency, "amountcurrency": colCurrency, "fee": colFee, "feevalue": colFee, "settlementstatus": colStatus, "date": colCreated,
		},
		word:     pivotWord,
		statuses: map[string]payment.Status{"active": payment.Completed},
		utc:      true, signed: true, reserves: true,
	},
}

func pawapayWord(word string) (Entry, payment.Kind, bool) {
	kind := payment.Kind("")
	switch {
	case strings.Contains(word, "deposit"):
		kind = payment.Deposit
	case strings.Contains(word, "payout"):
		kind = payment.Payout
	}
	switch {
	case word == "":
		return "", "", false
	case strings.Contains(word, "fee"):
		if strings.Contains(word, "refund") || strings.Contains(word, "remittance") {
			return Other, "", true // of something else that may have the same id
		}
		return Fee, kind, true
	case strings.Contains(word, "refund"):
		return Refund, "", true
	case word == "deposit", word == "deposits", word == "payout", word == "payouts":
		return Payment, kind, true
	}
	return Other, "", true
}

func pivotWord(word string) (Entry, payment.Kind, bool) {
	has := func(part string) bool { return strings.Contains(word, part) }
	switch {
	case word == "":
		return "", "", false
	case has("fee") && (has("refund") || has("inquiry") || has("platform") || has("wallet") || has("transfer") || has("top")):
		return Other, "", true // no payment's own fee
	case has("fee") && has("disburs"):
		return Fee, payment.Payout, true
	case has("fee") && has("payment"):
		return Fee, payment.Deposit, true
	case has("fee"):
		return Fee, "", true
	case has("refund"):
		return Refund, "", true
	case has("withdraw"), has("merchant"), has("top up"), has("transfer"), has("adjust"):
		return Other, "", true
	case has("disburs"), has("payout"):
		return Payment, payment.Payout, true
	case has("payment"):
		return Payment, payment.Deposit, true
	}
	return Other, "", true
}

// direction tells whether a movement, its word in lower case, comes into a
// wallet or leaves it; 0 where only its sign can tell.
func direction(entry Entry, kind payment.Kind, word string) int {
	has := func(part string) bool { return strings.Contains(word, part) }
	switch {
	case entry == Fee, entry == Tax, entry == Refund, entry == Payment && kind == payment.Payout:
		return -1
	case entry == Payment && kind == payment.Deposit:
		return 1
	case entry == Payment, !has("fee") && (has("adjust") || has("transfer")):
		return 0
	case has("fee"), has("withdraw"), has("remittance"):
		return -1
	case has("top up"), has("topup"), has("top-up"):
		return 1
	}
	return 0
}

// ownWord reads the words of a file in our own columns.
func ownWord(word string) (Entry, payment.Kind, bool) {
	switch word {
	case "":
		return Payment, "", true
	case "deposit", "deposits":
		return Payment, payment.Deposit, true
	case "payout", "payouts":
		return Payment, payment.Payout, true
	case "fee":
		return Fee, "", true
	case "tax":
		return Tax, "", true
	case "refund":
		return Refund, "", true
	}
	return "", "", false
}

// statuses are the words that need no documentation, in the form of plain.
var statuses = map[string]payment.Status{
	"created": payment.Created, "pending": payment.Pending, "processing": payment.Pending, "completed": payment.Completed, "complete": payment.Completed,
	"success": payment.Completed, "successful": payment.Completed, "succeeded": payment.Completed, "settled": payment.Completed, "paid": payment.Completed,
	"failed": payment.Failed, "cancelled": payment.Cancelled, "canceled": payment.Cancelled, "expired": payment.Expired,
	"reversed": payment.Reversed, "refunded": payment.Reversed, "rejected": payment.Rejected,
}

func (rd Reader) format() format { return formats[rd.Type] }

// plain is a header or a word without case, spaces and marks.
func plain(name string) string {
	return strings.ToLower(strings.NewReplacer(" ", "", "_", "", "-", "", ".", "", "\u00a0", "").Replace(strings.TrimSpace(name)))
}

// DefaultCurrency is that of a statement without a currency column, by the
// provider's type and its configured options; empty where a file must have one.
func DefaultCurrency(providerType string, options map[string]string) string {
	if providerType != "pesaway" {
		return ""
	}
	if c := strings.ToUpper(options["currency"]); c != "" {
		return c
	}
	region := strings.ToLower(options["region"])
	if region == "" {
		region = "ke"
	}
	return map[string]string{"ke": "KES", "ug": "UGX", "tz": "TZS", "zm": "ZMW", "gh": "GHS", "cm": "XAF"}[region]
}
