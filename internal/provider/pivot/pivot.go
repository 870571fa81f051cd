// Package pivot reads deposits and payouts at Pivot (Indonesia).
//
// A deposit is a payment session with its charges; a payout is one item of a
// batch, named by the batch's uuid and the item's referenceId together. Pivot
// can be asked by its own ids and by the merchant's reference, lists sessions
// and refunds without a date filter, and shows fees in its balance history only.
//
// The credential callback_key is the static key of callbacks that Pivot's
// dashboard shows; without it no callback is verified.
//
// Options, all of them optional:
//
//	option          default  meaning
//	per_page        100      rows asked for with one page of a list (1 to 100)
//	max_pages       2000     pages of one list that are read at most; beyond, the list counts as incomplete
//	refund_cache    5m       how long the list of all refunds is taken as current
//	token_delay     60s      how long after paidAt a saved payment method may still be on its way
//	submerchant_id           uuid of the sub-account that every call is made for
package pivot

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
)

// Spec declares the provider type pivot.
func Spec() provider.Spec {
	return provider.Spec{
		Type:        "pivot",
		BaseURL:     "https://api.pivot-payment.com",
		Credentials: []string{"client_id", "client_secret", "callback_key"},
		Required:    []string{"client_id", "client_secret"},
		Options:     []string{"per_page", "max_pages", "refund_cache", "token_delay", "submerchant_id"},
		// Pivot publishes no limits: a modest rate that its 429s may lower.
		RateLimit:   20,
		Concurrency: 8,
		AsksByOwnID: true,
		New:         newClient,
	}
}

// client is one account at Pivot; it implements provider.Client,
// provider.Lister and provider.SavedMethods.
type client struct {
	provider.Settings
	perPage, maxPages int
	tokenDelay        time.Duration
	subMerchant       string

	tokens  tokens
	refunds refundCache
	batches batchCache

	mu          sync.Mutex
	depositFees *feeBook          // of the deposits made in [feesFrom, feesTo)
	payoutFees  *feeBook          // of the payouts that were listed last
	payoutIDs   map[string]string // item reference -> batch uuid, as the ledger told

	feesFrom, feesTo time.Time
}

func newClient(s provider.Settings) (provider.Client, error) {
	if s.HTTP == nil {
		return nil, errors.New("pivot: no HTTP client given")
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	c := &client{Settings: s, subMerchant: s.Options["submerchant_id"]}
	var err error
	if c.perPage, err = intOption(s.Options, "per_page", 100, 100); err != nil {
		return nil, err
	}
	if c.maxPages, err = intOption(s.Options, "max_pages", 2000, 1_000_000); err != nil {
		return nil, err
	}
	if c.tokenDelay, err = durationOption(s.Options, "token_delay", time.Minute); err != nil {
		return nil, err
	}
	if c.refunds.keep, err = durationOption(s.Options, "refund_cache", 5*time.Minute); err != nil {
		return nil, err
	}
	if c.subMerchant != "" && !isUUID(c.subMerchant) {
		return nil, provider.BadOption("submerchant_id", "must be a uuid")
	}
	for _, k := range []string{"client_id", "client_secret"} {
		if s.Credentials[k] == "" {
			return nil, fmt.Errorf("pivot: credential %s is missing", k)
		}
	}
	c.tokens.client, c.batches.now = c, c.Now
	return c, nil
}

func intOption(options map[string]string, key string, standard, most int) (int, error) {
	text := options[key]
	if text == "" {
		return standard, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, provider.BadOption(key, "must be a whole number from 1 to %d", most)
	}
	return n, nil
}

func durationOption(options map[string]string, key string, standard time.Duration) (time.Duration, error) {
	text := options[key]
	if text == "" {
		return standard, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, provider.BadOption(key, "must be a duration such as 60s")
	}
	return d, nil
}

// Status asks what became of one payment.
func (c *client) Status(ctx context.Context, q provider.Query) provider.Answer {
	switch q.Kind {
	case payment.Deposit:
		return c.depositStatus(ctx, q)
	case payment.Payout:
		return c.payoutStatus(ctx, q)
	default:
		return provider.Answer{Verdict: provider.NotAskable, Reason: "the payment is neither a deposit nor a payout"}
	}
}

// Check reads the balance of the payout wallet.
func (c *client) Check(ctx context.Context) (string, error) {
	balance, f := c.balance(ctx, "DISBURSEMENT")
	switch {
	case f == nil:
		return "credentials accepted, payout balance " + balance.Human(), nil
	case f.verdict == provider.Unknown:
		return "", errors.New("pivot: read the balance: the account has no payout wallet at Pivot, or base_url is another environment's")
	}
	return "", fmt.Errorf("pivot: read the balance: %s", f.reason)
}

// failure is an answer that is none: the verdict that it leads to, and why.
type failure struct {
	verdict provider.Verdict
	reason  string
	raw     string // the status word, where the failure is about one
}

func (f *failure) answer() provider.Answer {
	return provider.Answer{Verdict: f.verdict, Reason: f.reason, RawStatus: f.raw}
}

func invalid(format string, args ...any) *failure {
	return &failure{verdict: provider.Invalid, reason: fmt.Sprintf(format, args...)}
}

func noAnswer(format string, args ...any) *failure {
	return &failure{verdict: provider.NoAnswer, reason: fmt.Sprintf(format, args...)}
}

// transportFailure makes a reason of an attempt that had no complete answer.
func transportFailure(err error) *failure {
	var e *httpx.Error
	if errors.As(err, &e) {
		return noAnswer("Pivot gave no complete answer: %s", e.Reason)
	}
	return noAnswer("Pivot gave no complete answer")
}
