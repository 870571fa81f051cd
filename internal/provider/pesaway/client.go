package pesaway

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
)

const (
	tokenPath       = "/api/v1/token/" // #nosec G101 -- a path, no secret
	mobileQueryPath = "/api/v1/mobile-money/transaction-query/"
	bankQueryPath   = "/api/v1/bank/transaction-query/"
	balancePath     = "/api/v1/account-balance/"
	defaultListPath = "/api/v1/mobile-money/pull-transactions/"
)

// currencies by region.
var currencies = map[string]string{"ke": "KES", "ug": "UGX", "tz": "TZS", "zm": "ZMW", "gh": "GHS", "cm": "XAF"}

// Spec declares the provider type pesaway. Its limits are cautious: PesaWay
// publishes none.
func Spec() provider.Spec {
	return provider.Spec{
		Type:        "pesaway",
		BaseURL:     "https://api.pesaway.com",
		Credentials: []string{"client_id", "client_secret", "callback_key", "refund_key"},
		Required:    []string{"client_id", "client_secret"},
		Options: []string{
			"region", "generation", "currency", "channel", "query_method", "list_path", "merchant_code", "result_codes",
		},
		RateLimit:     20,
		Concurrency:   8,
		ListIDsDiffer: true,
		New:           newClient,
	}
}

type client struct {
	http   *httpx.Client
	tokens *tokens
	scale  money.Scale
	opts   options
	id     string // consumer_key
	secret string // consumer_secret
	// callbackKey verifies callbacks, and refundKey those about refunds; empty
	// where none was agreed on.
	callbackKey, refundKey string
	now                    func() time.Time
}

var _ provider.Lister = (*client)(nil)

// options are the per-type settings, checked.
type options struct {
	region       string // sent as X-Region; empty in generations A and B
	generation   string
	currency     string
	queryPaths   map[payment.Kind][]string // in the order in which they are asked
	queryMethod  string
	listPath     string
	merchantCode string
	resultCodes  map[string]payment.Status
}

func newClient(s provider.Settings) (provider.Client, error) {
	opts, err := readOptions(s)
	if err != nil {
		return nil, err
	}
	c := &client{
		http: s.HTTP, scale: s.Scale, opts: opts, now: s.Now,
		id: s.Credentials["client_id"], secret: s.Credentials["client_secret"], callbackKey: strings.TrimSpace(s.Credentials["callback_key"]),
		refundKey: strings.TrimSpace(s.Credentials["refund_key"]),
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.id == "" || c.secret == "" {
		return nil, fmt.Errorf("provider %s: client_id and client_secret are needed", s.Name)
	}
	c.tokens = &tokens{ask: c.askToken, now: c.now}
	return c, nil
}

func readOptions(s provider.Settings) (options, error) {
	bad := func(key, must string) (options, error) {
		return options{}, provider.BadOption(key, "must be %s", must)
	}
	get := func(key, def string) string {
		if v := strings.TrimSpace(s.Options[key]); v != "" {
			return v
		}
		return def
	}
	o := options{
		region:       strings.ToLower(get("region", "ke")),
		generation:   strings.ToUpper(get("generation", "C")),
		queryMethod:  strings.ToUpper(get("query_method", http.MethodPost)),
		listPath:     get("list_path", defaultListPath),
		merchantCode: get("merchant_code", ""),
	}
	ofRegion, known := currencies[o.region]
	if !known {
		return bad("region", "ke, ug, tz, zm, gh or cm")
	}
	o.currency = strings.ToUpper(get("currency", ofRegion))
	if _, ok := s.Scale.Exponent(o.currency); !ok {
		return bad("currency", "an ISO 4217 code")
	}
	switch o.generation {
	case "A", "B":
		o.region = ""
	case "C":
	default:
		return bad("generation", "A, B or C")
	}
	if o.queryMethod != http.MethodPost && o.queryMethod != http.MethodGet {
		return bad("query_method", "POST or GET")
	}
	// Without its last slash PesaWay answers with a redirect, and a path without
	// the first would become part of the host name.
	if len(o.listPath) < 2 || o.listPath[0] != '/' || !strings.HasSuffix(o.listPath, "/") {
		return bad("list_path", "a path that begins and ends with a slash")
	}
	o.queryPaths = map[payment.Kind][]string{payment.Deposit: {mobileQueryPath}}
	switch get("channel", "both") {
	case "mobile":
		o.queryPaths[payment.Payout] = []string{mobileQueryPath}
	case "bank":
		o.queryPaths[payment.Payout] = []string{bankQueryPath}
	case "both":
		o.queryPaths[payment.Payout] = []string{mobileQueryPath, bankQueryPath}
	default:
		return bad("channel", "mobile, bank or both")
	}
	var err error
	o.resultCodes, err = readResultCodes(s.Options["result_codes"])
	return o, err
}

// readResultCodes reads "1032=cancelled 1037=failed". The codes that PesaWay
// itself gives a meaning can't be changed, and no code can be made a success.
func readResultCodes(text string) (map[string]payment.Status, error) {
	m := map[string]payment.Status{}
	for _, pair := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' }) {
		code, word, _ := strings.Cut(pair, "=")
		status := payment.Status(word)
		switch status {
		case payment.Failed, payment.Cancelled, payment.Expired, payment.Rejected:
		default:
			return nil, provider.BadOption("result_codes", "must be such as 1032=cancelled; the meaning is failed, cancelled, expired or rejected")
		}
		if !wholeNumber(code) || code == codeSuccess || code == codeFailed || code == codePending {
			return nil, provider.BadOption("result_codes", "must be such as 1032=cancelled; the code is a number other than 0, 1 and 2")
		}
		m[code] = status
	}
	return m, nil
}
