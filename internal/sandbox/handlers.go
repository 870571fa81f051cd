package sandbox

import (
	"net/http"

	"tieout/internal/corpus"
	"tieout/internal/sandbox/pawapay"
	"tieout/internal/sandbox/pesaswap"
	"tieout/internal/sandbox/pesaway"
	"tieout/internal/sandbox/pivot"
	"tieout/internal/sandbox/state"
)

// callbacks knows what each provider type posts to the merchant's address about
// a transaction; false: nothing.
func callbacks() map[string]func(a *state.Account, t corpus.Transaction, address string) (state.Callback, bool, error) {
	return map[string]func(*state.Account, corpus.Transaction, string) (state.Callback, bool, error){
		corpus.Pawapay:  pawapay.Callback,
		corpus.Pesaswap: pesaswap.Callback,
		corpus.Pesaway:  pesaway.Callback,
		corpus.Pivot:    pivot.Callback,
	}
}

// handlers knows the API of each provider type; a fifth one is a line here.
func handlers() map[string]func(*state.Account) http.Handler {
	return map[string]func(*state.Account) http.Handler{
		corpus.Pawapay:  pawapay.Handler,
		corpus.Pesaswap: pesaswap.Handler,
		corpus.Pesaway:  pesaway.Handler,
		corpus.Pivot:    pivot.Handler,
	}
}
