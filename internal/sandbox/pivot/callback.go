package pivot

import (
	"tieout/internal/corpus"
	"tieout/internal/payment"
	"tieout/internal/sandbox/state"
)

// Callback is the event about a transaction, with the dashboard's static key.
// There is none for sessions that expired or whose charges failed.
func Callback(a *state.Account, t corpus.Transaction, _ string) (state.Callback, bool, error) {
	s := &server{account: a}
	event, data := "", fields{}
	if t.Kind == payment.Payout {
		item := s.item(t, false)
		switch item["status"] {
		case "SUCCESS", "FAILED":
			event = "PAYOUT." + text(item["status"])
		}
		data = fields{"uuid": t.ID, "merchantId": s.merchant(), "payouts": fields{
			"referenceId": item["referenceId"], "amount": item["amount"], "status": item["status"], "reason": item["reason"],
		}}
	} else if g, stands := s.groupOf(t); stands {
		data = renderSession(g, false)
		switch {
		case g.multiple() && t.Status == payment.Completed:
			event = "CHARGE.SUCCESS"
		case data["status"] == "PAID", data["status"] == "CANCELLED":
			event = "PAYMENT." + text(data["status"])
		}
	}
	if event == "" {
		return state.Callback{}, false, nil
	}
	c, err := state.NewCallback(t, fields{"event": event, "data": data})
	if key := a.Credentials["callback_key"]; key != "" && err == nil {
		c.Header.Set("X-API-Key", key)
	}
	return c, true, err
}

func text(v any) string {
	s, _ := v.(string)
	return s
}
