package pesaway

import (
	"crypto/sha256"
	"encoding/base64"

	"tieout/internal/corpus"
	"tieout/internal/payment"
	"tieout/internal/sandbox/state"
)

// Callback is what is posted to the ResultsUrl once a transaction is final; it
// is signed where the account has a callback_key.
func Callback(a *state.Account, t corpus.Transaction, _ string) (state.Callback, bool, error) {
	if !t.Status.Final() || t.Status == payment.Rejected {
		return state.Callback{}, false, nil
	}
	c, err := state.NewCallback(t, render(t))
	c.Sign("Signature", a.Credentials["callback_key"], sha256.New, base64.StdEncoding.EncodeToString)
	return c, true, err
}
