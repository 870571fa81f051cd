package pivot_test

import (
	"testing"
	"time"

	"tieout/internal/payment"
	"tieout/internal/provider/pivot"
	"tieout/internal/provider/providertest"
	box "tieout/internal/sandbox/pivot"
)

func TestPivotPassesTheSuiteOfAllProviders(t *testing.T) {
	t.Parallel()
	providertest.Run(t, providertest.Harness{
		Spec: pivot.Spec(), Serve: box.Handler,
		Credentials: map[string]string{"client_id": "id-9b2d71c3", "client_secret": "sec-51e07ab4"},
		TokenPath:   "/v1/access-token", TokenLife: time.Hour,
		Lists: []payment.Kind{payment.Deposit}, SavesMethods: true,
	})
}
