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
		decimals := "NONE"
		if exp, _ := s.Scale.Exponent(currency); exp > 0 {
			decimals = "TWO_PLACES"
		}
		most := "20000"
		if decimals == "NONE" { // their units are small
			most = "5000000"
		}
		operations := map[string]any{}
		for _, op := range []string{"DEPOSIT", "PAYOUT", "REFUND"} {
			if want := r.URL.Query().Get("operationType"); want == "" || want == op {
				operations[op] = map[string]any{
					"minAmount": "1", "maxAmount": most, "decimalsInAmount": decimals, "status": "OPERATIONAL",
				}
			}
		}
		if version == 1 {
			byCountry[n.country] = append(byCountry[n.country], map[string]any{"correspondent": n.code, "currency": currency, "operationTypes": operations})
			continue
		}
		byCountry[n.country] = append(byCountry[n.country], map[string]any{
			"provider": n.code, "displayName": n.family(),
			"currencies": []any{map[string]any{"currency": currency, "displayName": currency, "operationTypes": operations}},
		})
	}
	list, countries := "providers", []any{}
	if version == 1 {
		list = "correspondents"
	}
	for _, country := range sortedKeys(byCountry) {
		if c := r.URL.Query().Get("country"); c == "" || c == country {
			countries = append(countries, map[string]any{"country": country, list: byCountry[country]})
		}
	}
	reply(w, http.StatusOK, map[string]any{
		"companyName":            "Sandbox of " + s.Name,
		"signatureConfiguration": map[string]bool{"signedRequestsOnly": false, "signedCallbacks": false},
		"countries":              countries,
	})
}

func (s *server) availability(w http.ResponseWriter, r *http.Request) {
	byCountry := map[string][]any{}
	for _, currency := range s.currencies() {
		n := networkOf(currency)
		byCountry[n.country] = append(byCountry[n.country], map[string]any{"provider": n.code, "operationTypes": []any{
			map[string]string{"operationType": "DEPOSIT", "status": "OPERATIONAL"},
			map[string]string{"operationType": "PAYOUT", "status": "OPERATIONAL"},
		}})
	}
	out := []any{}
	for _, country := range sortedKeys(byCountry) {
		if c := r.URL.Query().Get("country"); c == "" || c == country {
			out = append(out, map[string]any{"country": country, "providers": byCountry[country]})
		}
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
	refuse(w, http.StatusBadRequest, "INVALID_PARAMETER", "The phone number belongs to no known network.")
}

// readJSON reads a small body, and refuses it where it is none.
func readJSON(w http.ResponseWriter, r *http.Request, into any) bool {
	var raw bytes.Buffer
	_, err := raw.ReadFrom(http.MaxBytesReader(w, r.Body, 1<<16))
	if err == nil {
		err = json.Unmarshal(raw.Bytes(), into)
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "INVALID_INPUT", "The body can't be read.")
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
