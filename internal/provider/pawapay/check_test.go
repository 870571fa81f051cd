package pawapay

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
)

func TestCheckDescribesTheAccount(t *testing.T) {
	t.Parallel()
	// Section 15: operationTypes as an object, and as the list that mixes two shapes.
	c := newTestClient(t, paths{"/v2/wallet-balances": `{"balances":[{"country":"ZMB","balance":"21040.55","currency":"ZMW","provider":""}]}`, "/v2/active-conf": `{"companyName":"Kasama Books","countries":[
		{"country":"ZMB","providers":[{"provider":"MTN_MOMO_ZMB","currencies":[{"currency":"ZMW","operationTypes":{"DEPOSIT":{"decimalsInAmount":"TWO_PLACES"}}}]}]},
		{"country":"UGA","providers":[{"provider":"MTN_MOMO_UGA","currencies":[{"currency":"UGX","operationTypes":[{"DEPOSIT":{"decimalsInAmount":"NONE"}},{"operationType":"PAYOUT","decimalsInAmount":"TWO_PLACES"}]}]}]}]}`}, nil)
	line, err := c.Check(context.Background())
	require.NoError(t, err)
	assert.Equal(t, "Kasama Books: UGA (UGX), ZMB (ZMW); some networks move hundredths of UGX: set decimals to 2 if payments carry them; "+
		"in the wallets: 21,040.55 ZMW (ZMB); no statement_callback_url: transactions that the merchant does not know can't be found", line)
}

// The marks are those of https://docs.pawapay.io/v2/api-reference/toolkit/active-configuration.
func TestCheckSeesThatCallbacksAreNotSigned(t *testing.T) {
	t.Parallel()
	const note = "switch signed callbacks on"
	for name, tc := range map[string]struct {
		conf, url string
		noted     bool
	}{
		"not signed, and expected to be": {`"signatureConfiguration":{"signedRequestsOnly":false,"signedCallbacks":false},`, ownURL, true},
		"signed":                         {`"signatureConfiguration":{"signedRequestsOnly":false,"signedCallbacks":true},`, ownURL, false},
		"not told":                       {"", ownURL, false},
		"no callbacks expected":          {`"signatureConfiguration":{"signedCallbacks":false},`, "", false},
	} {
		c := newTestClient(t, paths{"/v2/active-conf": "{" + tc.conf + limitedConf[1:]}, map[string]string{"callback_url": tc.url})
		line, err := c.Check(t.Context())
		require.NoError(t, err, name)
		assert.Equal(t, tc.noted, strings.Contains(line, note), "%s: %s", name, line)
	}
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

// Section 15: decimalsInAmount, minAmount and maxAmount, with their older names.
const limitedConf = `{"companyName":"Kasama Books","countries":[
	{"country":"ZMB","providers":[
		{"provider":"MTN_MOMO_ZMB","currencies":[{"currency":"ZMW","operationTypes":{
			"DEPOSIT":{"decimalsInAmount":"NONE","minAmount":"5","maxAmount":"1000"},"PAYOUT":{"decimalsInAmount":"TWO_PLACES","minAmount":"1","maxAmount":"500.50"}}}]},
		{"provider":"AIRTEL_ZMB","currencies":[{"currency":"ZMW","operationTypes":[
			{"operationType":"DEPOSIT","decimalsInAmount":"NONE","minTransactionLimit":"2","maxTransactionLimit":"2000"},{"PAYOUT":{"decimalsInAmount":"NONE","minAmount":"1"}}]}]}]},
	{"country":"UGA","providers":[{"provider":"MTN_MOMO_UGA","currencies":[{"currency":"UGX","operationTypes":{"DEPOSIT":{"decimalsInAmount":"NONE"}}}]}]},
	{"country":"GHA","providers":[{"provider":"MTN_MOMO_GHA","currencies":[{"currency":"GHS","operationTypes":{
		"PUSH_DEPOSIT":{"decimalsInAmount":"TWO_PLACES","minAmount":"3","maxAmount":"50"},"USSD_DEPOSIT":{"decimalsInAmount":"NONE","minAmount":"2","maxAmount":"40"}}}]}]}]}`

func TestNotesSayWhatNoNetworkCanMove(t *testing.T) {
	t.Parallel()
	zmw := func(minor int64) money.Amount { return money.Amount{Minor: minor, Exp: 2, Currency: "ZMW"} }
	for name, tc := range map[string]struct {
		in   provider.Extremes
		want []string
	}{
		"all of it can be moved": {provider.Extremes{Kind: payment.Deposit, Currency: "ZMW", Least: zmw(200), Most: zmw(200000)}, nil},
		"fractions": {
			provider.Extremes{Kind: payment.Deposit, Currency: "ZMW", Least: zmw(250), Most: zmw(250), Fractions: true},
			[]string{"some deposits in ZMW have fractions, which no network of the account moves"},
		},
		"fractions that one network moves": {provider.Extremes{Kind: payment.Payout, Currency: "ZMW", Least: zmw(250), Most: zmw(250), Fractions: true}, nil},
		"too small and too large": {
			provider.Extremes{Kind: payment.Deposit, Currency: "ZMW", Least: zmw(199), Most: zmw(200001)},
			[]string{
				"of the deposits in ZMW the smallest is 1.99 ZMW, and no network of the account moves less than 2.00 ZMW",
				"of the deposits in ZMW the largest is 2,000.01 ZMW, and no network of the account moves more than 2,000.00 ZMW",
			},
		},
		"a network that states no limit": {provider.Extremes{Kind: payment.Payout, Currency: "ZMW", Least: zmw(100), Most: zmw(99999999)}, nil},
		"section 20.14: deposits by other names": {
			provider.Extremes{
				Kind: payment.Deposit, Currency: "GHS", Least: money.Amount{Minor: 199, Exp: 2, Currency: "GHS"}, Most: money.Amount{Minor: 5000, Exp: 2, Currency: "GHS"}, Fractions: true,
			},
			[]string{"of the deposits in GHS the smallest is 1.99 GHS, and no network of the account moves less than 2.00 GHS"},
		},
		"which are no payouts": {
			provider.Extremes{Kind: payment.Payout, Currency: "GHS", Least: money.Amount{Minor: 500, Exp: 2, Currency: "GHS"}, Most: money.Amount{Minor: 500, Exp: 2, Currency: "GHS"}},
			[]string{"no network of the account moves payouts in GHS"},
		},
		"another currency": {
			provider.Extremes{Kind: payment.Payout, Currency: "UGX", Least: money.Amount{Minor: 1, Currency: "UGX"}, Most: money.Amount{Minor: 1, Currency: "UGX"}},
			[]string{"no network of the account moves payouts in UGX"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := newTestClient(t, paths{"/v2/active-conf": limitedConf}, nil).Notes(t.Context(), []provider.Extremes{tc.in})
			require.NoError(t, err)
			assert.Equal(t, tc.want, got)
		})
	}
}

func TestDecimalsThatContradictTheNetworksAreNoted(t *testing.T) {
	t.Parallel()
	c := newTestClient(t, paths{"/v2/active-conf": limitedConf}, nil)
	c.scale = money.Scale{"UGX": 2, "ZMW": 2}
	want := "decimals gives UGX 2 places, but no network of the account moves fractions of it"
	got, err := c.Notes(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, []string{want}, got)
	line, err := c.Check(t.Context())
	require.NoError(t, err)
	assert.Contains(t, line, want)
	assert.Contains(t, line, "the wallets' balances can't be read", "which is no failure")
	_, err = newTestClient(t, says(503, ""), nil).Notes(t.Context(), nil)
	assert.Error(t, err)
}
