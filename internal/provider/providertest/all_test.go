package providertest_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"tieout/internal/payment"
	"tieout/internal/provider/pawapay"
	"tieout/internal/provider/pesaswap"
	"tieout/internal/provider/pesaway"
	"tieout/internal/provider/pivot"
	"tieout/internal/provider/providertest"
	pawapaybox "tieout/internal/sandbox/pawapay"
	pesaswapbox "tieout/internal/sandbox/pesaswap"
	pesawaybox "tieout/internal/sandbox/pesaway"
	pivotbox "tieout/internal/sandbox/pivot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var both = []payment.Kind{payment.Deposit, payment.Payout}

func TestPawapay(t *testing.T) {
	t.Parallel()
	providertest.Run(t, providertest.Harness{
		Spec: pawapay.Spec(), Serve: pawapaybox.Handler,
		Credentials: map[string]string{"token": "tok-4f1c9a7e22"},
		Options: map[string]string{
			"statement_callback_url": "https://merchant.example/callback", "statement_poll_interval": "1ms", "statement_wait": "1s",
		},
		Lists: both,
	})
}

func TestPesaswap(t *testing.T) {
	t.Parallel()
	providertest.Run(t, providertest.Harness{
		Spec: pesaswap.Spec(), Serve: pesaswapbox.Handler,
		Credentials: map[string]string{"api_key": "snd_8d02b6f1c4"},
		Lists:       both, SavesMethods: true,
	})
}

func TestPesaway(t *testing.T) {
	t.Parallel()
	providertest.Run(t, providertest.Harness{
		Spec: pesaway.Spec(), Serve: pesawaybox.Handler,
		Credentials: map[string]string{"client_id": "id-9b2d71c3", "client_secret": "sec-51e07ab4"},
		TokenPath:   "/api/v1/token/", TokenLife: 2 * time.Hour,
		Lists: both,
	})
}

// Pivot can't list payouts: its ledger shows those that were paid, and how far
// that reaches the client has to say.
func TestPivot(t *testing.T) {
	t.Parallel()
	providertest.Run(t, providertest.Harness{
		Spec: pivot.Spec(), Serve: pivotbox.Handler,
		Credentials: map[string]string{"client_id": "id-9b2d71c3", "client_secret": "sec-51e07ab4"},
		TokenPath:   "/v1/access-token", TokenLife: time.Hour,
		Lists: []payment.Kind{payment.Deposit}, SavesMethods: true,
	})
}
