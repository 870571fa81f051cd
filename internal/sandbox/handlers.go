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

// handlers knows the API of each provider type; a fifth one is a line here.
func handlers() map[string]func(*state.Account) http.Handler {
	return map[string]func(*state.Account) http.Handler{
		corpus.Pawapay:  pawapay.Handler,
		corpus.Pesaswap: pesaswap.Handler,
		corpus.Pesaway:  pesaway.Handler,
		corpus.Pivot:    pivot.Handler,
	}
}
