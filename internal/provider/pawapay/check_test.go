package pawapay

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCheckDescribesTheAccount(t *testing.T) {
	t.Parallel()
	// Section 15: operationTypes as an object, and as the list that mixes two shapes.
	c := newTestClient(t, paths{"/v2/active-conf": `{"companyName":"Kasama Books","countries":[
		{"country":"ZMB","providers":[{"provider":"MTN_MOMO_ZMB","currencies":[{"currency":"ZMW","operationTypes":{"DEPOSIT":{"decimalsInAmount":"TWO_PLACES"}}}]}]},
		{"country":"UGA","providers":[{"provider":"MTN_MOMO_UGA","currencies":[{"currency":"UGX","operationTypes":[{"DEPOSIT":{"decimalsInAmount":"NONE"}},{"operationType":"PAYOUT","decimalsInAmount":"TWO_PLACES"}]}]}]}]}`}, nil)
	line, err := c.Check(context.Background())
	require.NoError(t, err)
	assert.Equal(t, "Kasama Books: UGA (UGX), ZMB (ZMW); some networks move hundredths of UGX: set decimals to 2 if payments carry them; "+
		"no statement_callback_url: transactions that the merchant does not know can't be found", line)
}

func TestCheckSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status     int
		body, want string
	}{
		"wrong token": {401, `{"failureReason":{"failureCode":"AUTHENTICATION_ERROR"}}`, "credentials.token"},
		"wrong path":  {404, ``, "base_url"},
		"not pawaPay": {200, `{"hello":"world"}`, "base_url"},
		"HTML":        {200, `<html>`, "base_url"},
		"down":        {503, ``, "503"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newTestClient(t, says(tc.status, tc.body), nil).Check(context.Background())
			require.Error(t, err)
			assert.Contains(t, err.Error(), tc.want)
			assert.NotContains(t, err.Error(), testToken)
		})
	}
}
