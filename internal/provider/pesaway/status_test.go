package pesaway_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
)

const success = `{"ResultCode":0,"ResultDesc":"Request processed successfully","OriginatorReference":"DP-1",` +
	`"TransactionID":"PHY51B7E0A22F","TransactionAmount":"1250.00","TransactionReceipt":"TJ42K8M1QX","AccountAvailableFunds":"98432.10",` +
	`"ReceiverPartyPublicName":"254700000111","TransactionCompletedDateTime":"2025-11-03 09:14:22.518201+00:00"}`

func TestStatusReadsAllThatASuccessShows(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	want := payment.Transaction{
		Kind: payment.Deposit, ID: "PHY51B7E0A22F", OwnID: "DP-1", Reference: "DP-1", NetworkReference: "TJ42K8M1QX",
		Status: payment.Completed, RawStatus: "0", Amount: kes(125000), Account: "254700000111",
		CompletedAt: time.Date(2025, 11, 3, 9, 14, 22, 518201000, time.UTC),
	}
	// 5: at the top level; under "data" as a fallback; with a success code.
	for _, body := range []string{
		success,
		`{"data":` + success + `}`,
		`{"code":"200.001","data":` + success + `}`,
		strings.Replace(success, "{", `{"code":"200.001",`, 1),
	} {
		s.on(mobilePath, 200, body)
		a := client(t, s.URL).Status(context.Background(), deposit("PHY51B7E0A22F"))
		require.Equal(t, provider.Found, a.Verdict, a.Reason)
		assert.Empty(t, cmp.Diff([]payment.Transaction{want}, a.Transactions))
	}
	q := s.asked(mobilePath)[0]
	assert.Equal(t, "POST", q.Method)
	assert.Equal(t, map[string]any{"TransactionReference": "PHY51B7E0A22F"}, q.Body)
	assert.Equal(t, "Bearer tok-1", q.Header.Get("Authorization"))
	assert.Equal(t, "ke", q.Header.Get("X-Region"))
	assert.Equal(t, "application/json", q.Header.Get("Content-Type"))
}

// The codes are those of https://docs.pesaway.com/developer/ (common codes) and
// https://docs.pesaway.com/developer/mobile-money.html.
func TestResultCodesBecomeStatuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code, desc string
		option     string
		status     payment.Status
		group      payment.FailureGroup
	}{
		"6: 0 is success":                                         {code: `0`, desc: "Request processed successfully", status: payment.Completed},
		"5: a numeric string is a code":                           {code: `"0"`, status: payment.Completed},
		"13.6: the text of a success is no contract":              {code: `0`, desc: "Limit reached, failed", status: payment.Completed},
		"6: 1 is failed":                                          {code: `1`, desc: "Transaction failed: subscriber limit reached", status: payment.Failed, group: payment.FailureUnknown},
		"6: 1 without a text is failed":                           {code: `1`, status: payment.Failed, group: payment.FailureUnknown},
		"6: 1 with a text that says pending is not final":         {code: `1`, desc: "Transaction is being processed", status: payment.Pending},
		"6: 1 with both texts is failed":                          {code: `1`, desc: "Queued request failed", status: payment.Failed, group: payment.FailureUnknown},
		"6: 2 is pending":                                         {code: `2`, desc: "Request is pending", status: payment.Pending},
		"6: 2 stays pending whatever the text":                    {code: `2`, desc: "failed", status: payment.Pending},
		"14: 17 with a neutral text is not known: pending":        {code: `17`, desc: "Request accepted", status: payment.Pending},
		"13.14: 4999 is not documented: pending":                  {code: `4999`, desc: "The transaction is still under processing", status: payment.Pending},
		"13.14: 1032 is not documented: pending":                  {code: `1032`, desc: "Request cancelled by user", status: payment.Pending},
		"6: 1037 is not documented: pending":                      {code: `1037`, desc: "No response from user", status: payment.Pending},
		"6: a failure's text beside another code decides nothing": {code: `17`, desc: "Insufficient funds, rejected", status: payment.Pending},
		"6: nor does a pending one":                               {code: `9`, desc: "Request is queued", status: payment.Pending},
		"a negative code is not documented: pending":              {code: `-1`, desc: "x", status: payment.Pending},
		"1037 has its configured meaning":                         {code: `1037`, desc: "x", option: "1037=expired", status: payment.Expired, group: payment.FailureCustomer},
		"2001 has its configured meaning":                         {code: `2001`, desc: "x", option: "2001=failed", status: payment.Failed, group: payment.FailureCustomer},
		"13.14: 2001 as a string is not documented: pending":      {code: `"2001"`, desc: "Wrong PIN", status: payment.Pending},
		"a configured code has its meaning":                       {code: `1032`, desc: "x", option: "1032=cancelled, 1037=expired", status: payment.Cancelled, group: payment.FailureCustomer},
		"a configured code of an unknown group":                   {code: `77`, desc: "x", option: "77=failed", status: payment.Failed, group: payment.FailureUnknown},
		"a code that is not among the configured ones: pending":   {code: `1038`, desc: "x", option: "1032=cancelled", status: payment.Pending},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t)
			s.on(mobilePath, 200, `{"ResultCode":`+c.code+`,"ResultDesc":"`+c.desc+`","TransactionID":"PHY1","TransactionAmount":"1250.00"}`)
			a := client(t, s.URL, option("result_codes", c.option)).Status(context.Background(), deposit("PHY1"))
			require.Equal(t, provider.Found, a.Verdict, a.Reason)
			got := a.Transactions[0]
			raw := strings.Trim(c.code, `"`)
			assert.Equal(t, c.status, got.Status)
			assert.Equal(t, raw, got.RawStatus)
			assert.Equal(t, c.group, got.FailureGroup)
			if raw != "0" && raw != "2" {
				assert.Equal(t, raw, got.FailureCode)
				assert.Equal(t, c.desc, got.FailureMessage)
			} else {
				assert.Empty(t, got.FailureCode)
			}
		})
	}
}

// The refusals are those of https://docs.pesaway.com/developer/ and
// https://docs.pesaway.com/developer/authentication.html.
func TestVerdictFollowsHTTPStatusAndCode(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		want   provider.Verdict
		reason string // a part of it
	}{
		"6: 404.000 is positively unknown":             {404, `{"code":"404.000","description":"Not found"}`, provider.Unknown, "404.000"},
		"7: 404.000 under HTTP 200":                    {200, `{"code":"404.000","message":"Not found"}`, provider.Unknown, "404.000"},
		"7: 404.000 under HTTP 400":                    {400, `{"code":"404.000"}`, provider.Unknown, "404.000"},
		"404.000 under HTTP 500 is an outage":          {500, `{"code":"404.000"}`, provider.NoAnswer, "500"},
		"404.000 under HTTP 401 is a refusal":          {401, `{"code":"404.000"}`, provider.Refused, "client_id"},
		"404.000 beside a ResultCode can't be trusted": {200, `{"code":"404.000","ResultCode":1}`, provider.Invalid, "contradict"},
		"another 404 code is no positive answer":       {404, `{"code":"404.001"}`, provider.Refused, "base_url"},
		"a bare 404 is a wrong path, not unknown":      {404, `<html>Not Found</html>`, provider.Refused, "base_url"},
		"a framework's 404 is a wrong path":            {404, `{"detail":"Not found."}`, provider.Refused, "base_url"},
		"7: 400.001 is a wrong request":                {400, `{"code":"400.001","description":"bad"}`, provider.Refused, "400.001"},
		"7: 400.001 under HTTP 200":                    {200, `{"code":"400.001"}`, provider.Refused, "400.001"},
		"7: 401.001 under HTTP 401":                    {401, `{"code":"401.001"}`, provider.Refused, "client_id"},
		"7: 401.001 under HTTP 200":                    {200, `{"code":"401.001"}`, provider.Refused, "client_id"},
		"7: 403.002 is no failed payment":              {403, `{"code":"403.002"}`, provider.Refused, "403"},
		"7: 455.001 is no failed payment":              {200, `{"code":"455.001"}`, provider.Refused, "455.001"},
		"7: 403.002 under HTTP 200":                    {200, `{"code":"403.002","description":"TransactionReference is already used"}`, provider.Refused, "403.002"},
		"7: 455.001 under HTTP 400":                    {400, `{"code":"455.001"}`, provider.Refused, "455.001"},
		"7: 401.001 under HTTP 400":                    {400, `{"code":"401.001"}`, provider.Refused, "client_id"},
		"7: 400.001 with the text elsewhere":           {400, `{"code":"400.001","error":"bad"}`, provider.Refused, "400.001"},
		"a code of tomorrow is no answer about it":     {200, `{"code":"777.001"}`, provider.Refused, "777.001"},
		"403 without a code":                           {403, `{"detail":"no"}`, provider.Refused, "403"},
		"13.13: a redirect is reported":                {301, ``, provider.Refused, "slash"},
		"13.13: a temporary redirect too":              {302, `{"ResultCode":0}`, provider.Refused, "slash"},
		"405":                                          {405, `{"detail":"Method not allowed"}`, provider.Refused, "query_method"},
		"429 that stays":                               {429, ``, provider.NoAnswer, "429"},
		"6: HTTP 500 with HTML":                        {500, `<html>`, provider.NoAnswer, "500"},
		"503":                                          {503, ``, provider.NoAnswer, "503"},
		"a 5xx never shows a payment":                  {502, success, provider.NoAnswer, "502"},
		"a 5xx code under HTTP 200":                    {200, `{"code":"500.001"}`, provider.NoAnswer, "500.001"},
		"a 4xx never shows a payment":                  {400, success, provider.Refused, "400"},
		"6: HTML under 200":                            {200, `<html>Maintenance</html>`, provider.NoAnswer, "no JSON"},
		"6: half a body":                               {200, `{"ResultCode":0,"Resu`, provider.NoAnswer, "no JSON"},
		"an empty body":                                {200, ``, provider.NoAnswer, "no JSON"},
		"5: a body with neither code nor ResultCode":   {200, `{}`, provider.Invalid, "ResultCode is missing"},
		"5: a success code without ResultCode":         {200, `{"code":"200.001"}`, provider.Invalid, "ResultCode is missing"},
		"null is no ResultCode":                        {200, `{"ResultCode":null,"TransactionID":"PHY1"}`, provider.Invalid, "ResultCode is missing"},
		"an array":                                     {200, `[]`, provider.Invalid, "wrong type"},
		"a word is no ResultCode":                      {200, `{"ResultCode":"DONE","TransactionAmount":"1.00"}`, provider.Invalid, `"DONE"`},
		"a fraction is no ResultCode":                  {200, `{"ResultCode":0.0,"TransactionAmount":"1.00"}`, provider.Invalid, `"0.0"`},
		"true is no ResultCode":                        {200, `{"ResultCode":true}`, provider.Invalid, "wrong type"},
		"another payment's id":                         {200, `{"ResultCode":0,"TransactionID":"PHY2","TransactionAmount":"1.00"}`, provider.Invalid, `"PHY2"`},
		"3: ids are case-sensitive":                    {200, `{"ResultCode":0,"TransactionID":"phy1","TransactionAmount":"1.00"}`, provider.Invalid, `"phy1"`},
		"12: more decimals than KES has":               {200, `{"ResultCode":0,"TransactionAmount":"1250.005"}`, provider.Invalid, "1250.005"},
		"an amount that is no number":                  {200, `{"ResultCode":0,"TransactionAmount":"1,250.00"}`, provider.Invalid, "1,250.00"},
		"an amount with an exponent":                   {200, `{"ResultCode":0,"TransactionAmount":1e3}`, provider.Invalid, "1e3"},
		"a negative amount":                            {200, `{"ResultCode":0,"TransactionAmount":"-1.00"}`, provider.Invalid, "negative"},
		"an amount of a wrong type":                    {200, `{"ResultCode":0,"TransactionAmount":{"value":1}}`, provider.Invalid, "wrong type"},
		"a success must have an amount":                {200, `{"ResultCode":0,"TransactionID":"PHY1"}`, provider.Invalid, "TransactionAmount is missing"},
		"a reference that no database can hold":        {200, `{"ResultCode":0,"TransactionAmount":"1.00","OriginatorReference":"a\u0000b"}`, provider.Invalid, "OriginatorReference"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t)
			s.on(mobilePath, c.status, c.body)
			a := client(t, s.URL).Status(context.Background(), deposit("PHY1"))
			assert.Equal(t, c.want, a.Verdict, a.Reason)
			assert.Contains(t, a.Reason, c.reason)
			assert.Empty(t, a.Transactions)
			assert.NotContains(t, a.Reason, "s3cret")
			assert.NotContains(t, a.Reason, "tok-1")
		})
	}
}

func TestAResultWordThatNobodyDocumentsIsShown(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.on(mobilePath, 200, `{"ResultCode":"IN_LIMBO","TransactionID":"PHY1"}`)
	a := client(t, s.URL).Status(context.Background(), deposit("PHY1"))
	assert.Equal(t, provider.Invalid, a.Verdict)
	assert.Equal(t, "IN_LIMBO", a.RawStatus)
}

func TestOptionalFieldsMayBeMissing(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	c := client(t, s.URL)
	// 5: TransactionID and OriginatorReference may be missing; 12: a number with one decimal.
	s.on(mobilePath, 200, `{"ResultCode":0,"TransactionAmount":1250.5}`)
	a := c.Status(context.Background(), deposit("PHY1"))
	require.Equal(t, provider.Found, a.Verdict, a.Reason)
	assert.Empty(t, cmp.Diff(payment.Transaction{
		Kind: payment.Deposit, ID: "PHY1", Status: payment.Completed, RawStatus: "0", Amount: kes(125050),
	}, a.Transactions[0]))

	// 11: a failure may leave the amount out; the payment's stands for it.
	s.on(mobilePath, 200, `{"ResultCode":1,"ResultDesc":"failed for 254700000111"}`)
	a = c.Status(context.Background(), deposit("PHY1"))
	require.Equal(t, provider.Found, a.Verdict, a.Reason)
	assert.Equal(t, kes(125000), a.Transactions[0].Amount)
	assert.Equal(t, "failed for ************", a.Transactions[0].FailureMessage, "phone numbers are masked")

	// 11: the receiver may be a name, which is no account; a strange time is no time.
	s.on(mobilePath, 200, `{"ResultCode":0,"TransactionAmount":"1.00","ReceiverPartyPublicName":"JANE WANJIKU","TransactionCompletedDateTime":"yesterday"}`)
	a = c.Status(context.Background(), deposit("PHY1"))
	require.Equal(t, provider.Found, a.Verdict, a.Reason)
	assert.Empty(t, a.Transactions[0].Account)
	assert.True(t, a.Transactions[0].CompletedAt.IsZero())

	s.on(mobilePath, 200, `{"ResultCode":0,"TransactionAmount":"1.00","ReceiverPartyPublicName":"0712***678 - JANE WANJIKU"}`)
	a = c.Status(context.Background(), deposit("PHY1"))
	assert.Equal(t, "0712***678", a.Transactions[0].Account)
}

func TestCurrencyIsThePaymentsThenTheAccounts(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.on(mobilePath, 200, `{"ResultCode":0,"TransactionAmount":"1500.00"}`)
	for name, c := range map[string]struct {
		of   string
		opts []func(*provider.Settings)
		want money.Amount
	}{
		"the payment's":        {"TZS", nil, money.Amount{Minor: 150000, Exp: 2, Currency: "TZS"}},
		"the region's":         {"", []func(*provider.Settings){option("region", "UG")}, money.Amount{Minor: 1500, Currency: "UGX"}},
		"the configured one's": {"", []func(*provider.Settings){option("currency", "usd")}, money.Amount{Minor: 150000, Exp: 2, Currency: "USD"}},
		"with its decimals": {
			"",
			[]func(*provider.Settings){option("region", "ug"), func(s *provider.Settings) { s.Scale = money.Scale{"UGX": 2} }},
			money.Amount{Minor: 150000, Exp: 2, Currency: "UGX"},
		},
	} {
		q := deposit("PHY1")
		q.Amount = money.Amount{Currency: c.of}
		a := client(t, s.URL, c.opts...).Status(context.Background(), q)
		require.Equal(t, provider.Found, a.Verdict, name+": "+a.Reason)
		assert.Equal(t, c.want, a.Transactions[0].Amount, name)
	}
}

func TestPayoutsAreAskedForOverBothChannels(t *testing.T) {
	t.Parallel()
	const notFound, down = `{"code":"404.000"}`, `<html>`
	found := strings.ReplaceAll(success, "PHY51B7E0A22F", "PHY1")
	for name, c := range map[string]struct {
		channel              string
		mobile, bank         string
		mobileCode, bankCode int
		want                 provider.Verdict
		mobileN, bankN       int
	}{
		"mobile money knows it, the bank is not asked": {"", found, found, 200, 200, provider.Found, 1, 0},
		"only the bank knows it":                       {"both", notFound, found, 404, 200, provider.Found, 1, 1},
		"unknown needs both":                           {"both", notFound, notFound, 404, 404, provider.Unknown, 1, 1},
		"unknown here and down there is no answer":     {"both", notFound, down, 404, 503, provider.NoAnswer, 1, 2},
		"unknown here and refused there is refused":    {"both", notFound, down, 404, 403, provider.Refused, 1, 1},
		"no answer is not passed on to the bank":       {"both", down, notFound, 503, 404, provider.NoAnswer, 2, 0},
		"only mobile":                                  {"mobile", notFound, found, 404, 200, provider.Unknown, 1, 0},
		"only bank":                                    {"bank", found, notFound, 200, 404, provider.Unknown, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t)
			s.on(mobilePath, c.mobileCode, c.mobile)
			s.on(bankPath, c.bankCode, c.bank)
			a := client(t, s.URL, option("channel", c.channel)).Status(context.Background(), payout("PHY1"))
			assert.Equal(t, c.want, a.Verdict, a.Reason)
			assert.Len(t, s.asked(mobilePath), c.mobileN)
			assert.Len(t, s.asked(bankPath), c.bankN)
		})
	}
	s := newStub(t)
	s.on(mobilePath, 404, notFound)
	a := client(t, s.URL, option("channel", "bank")).Status(context.Background(), deposit("PHY1"))
	assert.Equal(t, provider.Unknown, a.Verdict, "deposits are mobile money only")
}

func TestWhatCantBeAskedForIsNotAsked(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	c := client(t, s.URL)
	for _, id := range []string{"", strings.Repeat("A", 65), "PHY 1", "PHY\n1"} {
		a := c.Status(context.Background(), deposit(id))
		assert.Equal(t, provider.NotAskable, a.Verdict)
		assert.NotEmpty(t, a.Reason)
	}
	q := deposit("PHY1")
	q.Kind = "loan"
	assert.Equal(t, provider.NotAskable, c.Status(context.Background(), q).Verdict)
	assert.Empty(t, s.requests)
}

func TestGenerationsAndMethods(t *testing.T) {
	t.Parallel()
	for _, g := range []string{"A", "b", "C"} {
		s := newStub(t)
		s.on(mobilePath, 200, `{"ResultCode":2}`)
		a := client(t, s.URL, option("generation", g), option("region", "gh"), option("query_method", "get")).
			Status(context.Background(), deposit("PHY1"))
		require.Equal(t, provider.Found, a.Verdict, a.Reason)
		q := s.asked(mobilePath)[0]
		assert.Equal(t, "GET", q.Method)
		assert.Equal(t, "PHY1", q.Body["TransactionReference"], "13.2: GET carries the same body")
		want := ""
		if g == "C" {
			want = "gh"
		}
		assert.Equal(t, want, q.Header.Get("X-Region"))
		assert.Equal(t, want, s.asked(tokenPath)[0].Header.Get("X-Region"))
	}
}

func TestACancelledContextIsNoAnswer(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	assert.Equal(t, provider.NoAnswer, client(t, s.URL).Status(ctx, deposit("PHY1")).Verdict)
}
