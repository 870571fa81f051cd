package pivot

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"tieout/internal/payment"
)

func TestTheRulesOfSavedPaymentMethods(t *testing.T) {
	t.Parallel()
	const card = `,"card":{"first6":"444000","first8":"44400001","last4":"0001","expMonth":"07","expYear":"31","fingerprint":"a"}`
	const wallet = `,"ewallet":{"channel":"SHOPEEPAY","accountInformations":{"mobileNumber":"08111111001"}}`
	token := func(status string) string {
		return `{"token":"3c9b","paymentMethod":"CARD","paymentChannel":"VISA","status":"` + status +
			`","card":{"fingerprint":"b","first6":"444000","first8":"44400001","last4":"0001","expMonth":7,"expYear":"2031"}}`
	}
	stored := func(rows string) string { return `{"email":"a@b.example","storedPaymentMethods":` + rows + `}` }
	known := `,"customerId":"` + customer + `","saveForFutureUse":true`
	for name, tc := range map[string]struct {
		charge, session, customer, given string
		present, checkable               bool
		reason                           string
	}{
		"present":                                {card, known, stored("[" + token("ACTIVE") + "]"), "", true, true, ""},
		"5: in a wrapper":                        {card, known, `{"customer":` + stored("["+token("ACTIVE")+"]") + `}`, "", true, true, ""},
		"13.7 absent is not false":               {card, `,"customerId":"` + customer + `"`, stored("[" + token("active") + "]"), "", true, true, ""},
		"a wallet, in other case":                {wallet, known, stored(`[{"token":"12345678901","paymentMethod":"ewallet","paymentChannel":"shopeepay","status":"ACTIVE"}]`), "", true, true, ""},
		"rule 1: not asked for":                  {card, `,"saveForFutureUse":false`, "", "", false, false, "saveForFutureUse is false"},
		"rule 1: a virtual account":              {`,"virtualAccount":{}`, known, "", "", false, false, "only cards and wallets"},
		"rule 2: nobody knows the customer":      {card, `,"saveForFutureUse":true`, "", "", false, false, "not checkable"},
		"rule 2: only we know the customer":      {card, `,"saveForFutureUse":true`, stored("[" + token("ACTIVE") + "]"), customer, true, true, ""},
		"rule 3: the customer is unknown":        {card, known, "", "", false, true, "does not know the customer"},
		"rule 4: no token":                       {card, known, stored("null"), "", false, true, "TOKEN_MISSING"},
		"rule 4: another card":                   {card, known, stored(`[{"token":"t","paymentMethod":"CARD","status":"ACTIVE","card":{"first8":"44400001","last4":"0002","expMonth":"07","expYear":"31"}}]`), "", false, true, "TOKEN_MISSING"},
		"rule 4: an empty token":                 {card, known, stored(`[{"token":"","paymentMethod":"CARD","status":"ACTIVE","card":{"first8":"44400001","last4":"0001","expMonth":"07","expYear":"31"}}]`), "", false, true, "TOKEN_MISSING"},
		"rule 5: the box may be unticked":        {card, known + `,"mode":"REDIRECT"`, stored("[]"), "", false, true, "unticked"},
		"rule 6: inactive":                       {card, known, stored("[" + token("INACTIVE") + "]"), "", false, true, "TOKEN_INACTIVE"},
		"paid a moment ago":                      {card + `,"paidAt":"2025-11-04T05:59:30Z"`, known, stored("[]"), "", false, false, "on its way"},
		"the customer can't be read":             {card, known, "503", "", false, false, "can't be read"},
		"13.6 the session's copy is not the one": {card, known + `,"customer":{"storePaymentMethods":[{"token":"x"}]}`, stored("[]"), "", false, true, "TOKEN_MISSING"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers := map[string]string{"/v2/payments/" + sessionID: data(sessionJSON("PAID", charges(chargeJSON(chargeID, "SUCCESS", tc.charge)), tc.session))}
			switch tc.customer {
			case "":
			case "503":
				answers["/v1/customers/"+customer] = `503 {}`
			default:
				answers["/v1/customers/"+customer] = data(tc.customer)
			}
			c, _ := stubbed(t, answers)
			present, checkable, reason := c.SavedMethods(t.Context(), tc.given, payment.Transaction{Kind: payment.Deposit, ID: sessionID, Status: payment.Completed})
			assert.Equal(t, tc.present, present)
			assert.Equal(t, tc.checkable, checkable, reason)
			if tc.reason == "" {
				assert.Empty(t, reason)
			} else {
				assert.Contains(t, reason, tc.reason)
			}
		})
	}
}

func TestOnlyACompletedDepositIsCheckedForASavedMethod(t *testing.T) {
	t.Parallel()
	c, s := stubbed(t, nil)
	for _, tx := range []payment.Transaction{
		{Kind: payment.Payout, ID: sessionID, Status: payment.Completed},
		{Kind: payment.Deposit, ID: sessionID, Status: payment.Failed},
		{Kind: payment.Deposit, ID: "x", Status: payment.Completed},
		{Kind: payment.Deposit, ID: sessionID, Status: payment.Completed},
	} {
		present, checkable, reason := c.SavedMethods(t.Context(), customer, tx)
		assert.False(t, present)
		assert.False(t, checkable)
		assert.NotEmpty(t, reason)
	}
	assert.Equal(t, 1, s.times("/v2/payments"), fmt.Sprint(s.asked))
}
