package pesaway

import (
	"net/http"
	"strconv"
	"strings"
	"sync"

	"tieout/internal/corpus"
	"tieout/internal/payment"
	"tieout/internal/sandbox/state"
)

type server struct {
	Config
	a      *state.Account
	routes map[string]route

	mu    sync.Mutex
	lists map[string][]row // by range and type, while a client reads its pages
}

// query answers a status query, of the banks' endpoint or that of mobile money,
// which doesn't know bank payouts and the other way round. It knows only
// TransactionIDs, to the letter.
func (s *server) query(bank bool) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			TransactionReference string `json:"TransactionReference"`
		}
		if !s.readBody(w, r, &body) {
			return
		}
		if body.TransactionReference == "" {
			s.fail(w, http.StatusBadRequest, "400.001", "Invalid parameter: TransactionReference")
			return
		}
		t, ok := s.find(body.TransactionReference)
		// What was refused at initiation never came to be here.
		if !ok || overBank(t) != bank || t.Status == payment.Rejected {
			s.fail(w, http.StatusNotFound, "404.000", "Not found")
			return
		}
		switch t.Fault {
		case corpus.FaultDown:
			html(w, http.StatusServiceUnavailable, "Service Unavailable")
			return
		case corpus.FaultRefused:
			reply(w, http.StatusForbidden, map[string]string{"detail": "You do not have permission to perform this action."})
			return
		case corpus.FaultGarbage:
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"ResultCode":0,"ResultDesc":"Request proc`))
			return
		}
		answer := render(t)
		if s.DataEnvelope {
			reply(w, http.StatusOK, map[string]any{"code": "200.001", "data": answer})
			return
		}
		reply(w, http.StatusOK, answer)
	}
}

func (s *server) find(id string) (corpus.Transaction, bool) {
	for _, kind := range []payment.Kind{payment.Deposit, payment.Payout} {
		if l := s.a.ByID(kind, id); len(l) > 0 {
			return l[0], true
		}
	}
	return corpus.Transaction{}, false
}

// overBank tells a payout to a bank account from one to a phone: by the
// metadata key "channel", otherwise by its account, which is a phone number
// when it consists of 9 to 13 digits.
func overBank(t corpus.Transaction) bool {
	if t.Kind != payment.Payout {
		return false
	}
	switch t.Metadata["channel"] {
	case "bank":
		return true
	case "mobile":
		return false
	}
	n := strings.TrimPrefix(t.Account, "+")
	isPhone := len(n) >= 9 && len(n) <= 13 && strings.Trim(n, "0123456789") == ""
	return t.Account != "" && !isPhone
}

// answer is a status answer. Only known members are sent.
type answer struct {
	ResultCode                   any    `json:"ResultCode"` // a number, but for a word that nobody documents
	ResultDesc                   string `json:"ResultDesc"`
	OriginatorReference          string `json:"OriginatorReference,omitempty"`
	TransactionID                string `json:"TransactionID"`
	TransactionAmount            string `json:"TransactionAmount"`
	TransactionReceipt           string `json:"TransactionReceipt,omitempty"`
	ReceiverPartyPublicName      string `json:"ReceiverPartyPublicName,omitempty"`
	TransactionCompletedDateTime string `json:"TransactionCompletedDateTime,omitempty"`
}

// completedTime is the form of TransactionCompletedDateTime.
const completedTime = "2006-01-02 15:04:05.000000-07:00"

func render(t corpus.Transaction) answer {
	code, desc := result(t)
	out := answer{
		ResultCode:              code,
		ResultDesc:              desc,
		OriginatorReference:     externalReference(t),
		TransactionID:           t.ID,
		TransactionAmount:       amount(t),
		ReceiverPartyPublicName: t.Account,
	}
	if code == 0 {
		out.TransactionReceipt = t.NetworkReference
		if !t.CompletedAt.IsZero() {
			out.TransactionCompletedDateTime = t.CompletedAt.UTC().Format(completedTime)
		}
	}
	return out
}

// texts of the result codes that PesaWay and its integrators show.
var texts = map[int]string{
	0:    "Request processed successfully",
	1:    "Transaction failed",
	2:    "Request is pending",
	17:   "Request accepted",
	1032: "Request cancelled by user",
	1037: "No response from user",
	2001: "Wrong PIN entered",
	4999: "The transaction is still under processing",
}

// result is the code and text of a transaction. A reversed one stays
// successful: its refunds are transactions of their own.
func result(t corpus.Transaction) (code any, desc string) {
	if t.Fault == corpus.FaultStatusWord {
		return "IN_LIMBO", "Request accepted"
	}
	if t.RawStatus != "" {
		n, err := strconv.Atoi(t.RawStatus)
		if err != nil {
			return t.RawStatus, "Request accepted"
		}
		return n, texts[n]
	}
	switch t.Status {
	case payment.Completed, payment.Reversed:
		return 0, texts[0]
	case payment.Cancelled:
		return 1, "Transaction failed: request cancelled by user"
	case payment.Expired:
		return 1, "Transaction failed: no response from user"
	case payment.Failed:
		if t.FailureCode != "" {
			return 1, "Transaction failed: " + t.FailureCode
		}
		return 1, texts[1]
	default:
		return 2, texts[2]
	}
}

// amount is what moved, the API's only amount.
func amount(t corpus.Transaction) string {
	text := t.Amount.String()
	if t.Settled != nil && t.Status == payment.Completed {
		text = t.Settled.String()
	}
	if t.Fault != corpus.FaultAmount {
		return text
	}
	if t.Amount.Exp == 0 {
		return text + ".5"
	}
	return text + "5"
}

// externalReference is what the merchant sent, be it a reference or its id.
func externalReference(t corpus.Transaction) string {
	if t.Reference != "" {
		return t.Reference
	}
	return t.OwnID
}
