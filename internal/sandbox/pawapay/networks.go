package pawapay

import (
	"bytes"
	"encoding/json"
	"net/http"
	"sort"
	"strings"
	"time"
	"unicode"

	"tieout/internal/money"
	"tieout/internal/payment"
)

// network is the mobile network that stands for a currency.
type network struct {
	country, code, prefix string
}

func (n network) family() string {
	name, _, _ := strings.Cut(n.code, "_")
	return name
}

var networks = map[string]network{
	"ZMW": {"ZMB", "MTN_MOMO_ZMB", "260"},
	"UGX": {"UGA", "MTN_MOMO_UGA", "256"},
	"KES": {"KEN", "MPESA_KEN", "254"},
	"CDF": {"COD", "VODACOM_MPESA_COD", "243"},
	"USD": {"COD", "VODACOM_MPESA_COD", "243"},
	"GHS": {"GHA", "MTN_MOMO_GHA", "233"},
	"TZS": {"TZA", "VODACOM_TZA", "255"},
	"NGN": {"NGA", "MTN_MOMO_NGA", "234"},
	"MZN": {"MOZ", "VODACOM_MOZ", "258"},
	"MWK": {"MWI", "AIRTEL_MWI", "265"},
	"ETB": {"ETH", "MPESA_ETH", "251"},
	"LSL": {"LSO", "MPESA_LSO", "266"},
	"SLE": {"SLE", "ORANGE_SLE", "232"},
	"RWF": {"RWA", "MTN_MOMO_RWA", "250"},
	"XAF": {"CMR", "MTN_MOMO_CMR", "237"},
	"XOF": {"CIV", "MTN_MOMO_CIV", "225"},
}

func networkOf(currency string) network {
	if n, ok := networks[currency]; ok {
		return n
	}
	return networks["ZMW"]
}

// wallet is the balance of one country and currency.
type wallet struct {
	Country  string `json:"country"`
	Balance  string `json:"balance"`
	Currency string `json:"currency"`
	Provider string `json:"provider"`
}

// openingBalance in major units stands in each wallet before any movement.
const openingBalance = "1000000"

// wallets adds up the account's balances, by currency.
func (s *server) wallets() []wallet {
	sums := map[string]money.Amount{}
	for _, m := range s.movements(time.Time{}, time.Time{}) {
		sum, known := sums[m.amount.Currency]
		if !known {
			var err error
			if sum, err = s.Scale.Parse(openingBalance, m.amount.Currency); err != nil {
				continue
			}
		}
		moved := m.amount
		if !m.in {
			moved.Minor = -moved.Minor
		}
		if total, err := sum.Add(moved); err == nil {
			sum = total
		}
		sums[m.amount.Currency] = sum
	}
	out := []wallet{}
	for currency, sum := range sums {
		out = append(out, wallet{Country: networkOf(currency).country, Balance: sum.String(), Currency: currency})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Currency < out[j].Currency })
	return out
}

func (s *server) balances(w http.ResponseWriter, r *http.Request) {
	out := []wallet{}
	for _, b := range s.wallets() {
		if c := r.URL.Query().Get("country"); c == "" || c == b.Country {
			out = append(out, b)
		}
	}
	reply(w, http.StatusOK, map[string]any{"balances": out})
}

// currencies lists those of the account's transactions.
func (s *server) currencies() []string {
	set := map[string]bool{}
	for _, kind := range bothKinds {
		for _, t := range s.Between(kind, time.Time{}, time.Time{}) {
			set[t.Amount.Currency] = true
		}
	}
	out := make([]string, 0, len(set))
	for c := range set {
		out = append(out, c)
	}
	sort.Strings(out)
	return out
}

func (s *server) activeConf(w http.ResponseWriter, r *http.Request, version int) {
	byCountry := map[string][]any{}
	for _, currency := range s.currencies() {
		n := networkOf(currency)
		operations := s.operations(currency, r.URL.Query().Get("operationType"))
		if version == 1 {
			byCountry[n.country] = append(byCountry[n.country], map[string]any{"correspondent": n.code, "currency": currency, "operationTypes": operations})
			continue
		}
		byCountry[n.country] = append(byCountry[n.country], map[string]any{
			"provider": n.code, "displayName": n.family(), "nameDisplayedToCustomer": "SANDBOX", "logo": "https://static.example/" + n.code + ".png",
			"currencies": []any{map[string]any{"currency": currency, "displayName": currency, "operationTypes": operations}},
		})
	}
	countries := []any{}
	for _, code := range sortedKeys(byCountry) {
		if c := r.URL.Query().Get("country"); c != "" && c != code {
			continue
		}
		country := map[string]any{"country": code}
		if version == 1 {
			country["correspondents"] = byCountry[code]
		} else {
			country["providers"], country["prefix"] = byCountry[code], prefixOf(code)
			country["displayName"], country["flag"] = map[string]string{"en": code, "fr": code}, "https://static.example/"+code+".svg"
		}
		countries = append(countries, country)
	}
	reply(w, http.StatusOK, map[string]any{
		"companyName": "Sandbox of " + s.Name,
		// Callback signs; initiations, which a signature would be demanded of, are not served.
		"signatureConfiguration": map[string]bool{"signedRequestsOnly": false, "signedCallbacks": true},
		"countries":              countries,
	})
}

// operations says what a currency's network allows, all or one of them.
func (s *server) operations(currency, wanted string) map[string]any {
	decimals := "NONE"
	if exp, _ := s.Scale.Exponent(currency); exp > 0 {
		decimals = "TWO_PLACES"
	}
	most := "20000"
	if decimals == "NONE" { // their units are small
		most = "5000000"
	}
	out := map[string]any{}
	for _, op := range operationTypes {
		if wanted != "" && wanted != op {
			continue
		}
		allowed := map[string]any{"minAmount": "1", "maxAmount": most, "decimalsInAmount": decimals, "status": "OPERATIONAL"}
		if op == "DEPOSIT" {
			allowed["authType"], allowed["pinPrompt"], allowed["pinPromptRevivable"] = "PROVIDER_AUTH", "AUTOMATIC", false
		}
		out[op] = allowed
	}
	return out
}

var operationTypes = []string{"DEPOSIT", "PAYOUT", "REFUND"}

// prefixOf is the calling code of a country.
func prefixOf(country string) string {
	for _, n := range networks {
		if n.country == country {
			return n.prefix
		}
	}
	return ""
}

func (s *server) availability(w http.ResponseWriter, r *http.Request, version int) {
	// The first API calls the network a correspondent.
	list, name := "providers", "provider"
	if version == 1 {
		list, name = "correspondents", "correspondent"
	}
	wanted := r.URL.Query()
	byCountry := map[string][]any{}
	for _, currency := range s.currencies() {
		n := networkOf(currency)
		if c := wanted.Get("country"); c != "" && c != n.country {
			continue
		}
		operations := []any{}
		for _, op := range operationTypes {
			if o := wanted.Get("operationType"); o == "" || o == op {
				operations = append(operations, map[string]string{"operationType": op, "status": "OPERATIONAL"})
			}
		}
		byCountry[n.country] = append(byCountry[n.country], map[string]any{name: n.code, "operationTypes": operations})
	}
	out := []any{}
	for _, country := range sortedKeys(byCountry) {
		out = append(out, map[string]any{"country": country, list: byCountry[country]})
	}
	reply(w, http.StatusOK, out)
}

// predict names the network of a phone number by its country code.
func (s *server) predict(w http.ResponseWriter, r *http.Request) {
	var body struct {
		PhoneNumber string `json:"phoneNumber"`
	}
	if !readJSON(w, r, &body) {
		return
	}
	digits := strings.Map(func(c rune) rune {
		if unicode.IsDigit(c) {
			return c
		}
		return -1
	}, body.PhoneNumber)
	for _, currency := range sortedKeys(networks) {
		if n := networks[currency]; strings.HasPrefix(digits, n.prefix) {
			reply(w, http.StatusOK, map[string]string{"country": n.country, "provider": n.code, "phoneNumber": digits})
			return
		}
	}
	refuse(w, 2, http.StatusBadRequest, "INVALID_PARAMETER", "The phone number belongs to no known network.")
}

// readJSON reads a small body, and refuses it where it is none.
func readJSON(w http.ResponseWriter, r *http.Request, into any) bool {
	var raw bytes.Buffer
	_, err := raw.ReadFrom(http.MaxBytesReader(w, r.Body, 1<<16))
	if err == nil {
		err = json.Unmarshal(raw.Bytes(), into)
	}
	if err != nil {
		refuse(w, 2, http.StatusBadRequest, "INVALID_INPUT", "The body can't be read.")
		return false
	}
	return true
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// incoming tells whether a completed payment of the kind adds to the wallet.
func incoming(k payment.Kind) bool { return k == payment.Deposit }
