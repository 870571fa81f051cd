package pawapay

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/provider"
	"tieout/internal/statement"
)

func statementOf(t *testing.T, c *client, q provider.ListQuery, now time.Time) (rows []statement.Row, aside int, covered []provider.Covered, why string) {
	t.Helper()
	covered, why, err := c.Statement(t.Context(), provider.StatementQuery{From: q.From, To: q.To, Now: now, Memory: q.Memory}, func(p provider.StatementPage) error {
		rows, aside = append(rows, p.Rows...), aside+len(p.SetAside)
		return nil
	})
	require.NoError(t, err)
	return rows, aside, covered, why
}

const wholeWallet = `Creation Date,MSISDN,Transaction ID,Amount,Currency,Country,MNO,Type
2026-03-11T08:14:05Z,260763000111,` + testID + `,250.00,ZMW,ZMB,MTN_MOMO_ZMB,DEPOSIT
2026-03-11T08:14:05Z,260763000111,` + testID + `,6.25,ZMW,ZMB,MTN_MOMO_ZMB,DEPOSIT_FEE
2026-03-11T09:00:00Z,260763000111,` + refundA + `,30,ZMW,ZMB,MTN_MOMO_ZMB,REFUND
2026-03-11T10:00:00Z,,,1000,ZMW,ZMB,,TOP_UP
2026-03-13T10:00:00Z,,,1000,ZMW,ZMB,,WITHDRAWAL
`

func TestAStatementHasAllMovementsOfTheWallets(t *testing.T) {
	t.Parallel()
	b := &bank{file: func(order, map[string]any) []byte { return []byte(wholeWallet) }}
	c := listClient(t, b)
	q := day(11, 12)
	rows, aside, covered, why := statementOf(t, c, q, testNow)
	assert.Empty(t, why)
	assert.Zero(t, aside)
	require.Len(t, rows, 4, "what is outside the range is left out")
	var words []string
	for _, r := range rows {
		words = append(words, r.Word)
		assert.Equal(t, "ZMB/ZMW", r.Wallet)
	}
	assert.Equal(t, []string{"DEPOSIT", "DEPOSIT_FEE", "REFUND", "TOP_UP"}, words)
	assert.Equal(t, []provider.Covered{{Currency: "ZMW", From: q.From, To: q.To}}, covered)

	txs, _, reach := listAll(t, c, q)
	assert.Len(t, txs, 1)
	assert.True(t, reach.Complete)
	assert.Len(t, b.orders, 1, "the lists share the order")
}

func TestAStatementReachesAnHourNearItsOrder(t *testing.T) {
	t.Parallel()
	b := &bank{file: func(order, map[string]any) []byte { return []byte(wholeWallet) }}
	q := day(11, 12)
	_, _, covered, why := statementOf(t, listClient(t, b), q, q.From.Add(10*time.Hour))
	assert.Empty(t, why)
	assert.Equal(t, []provider.Covered{{Currency: "ZMW", From: q.From, To: q.From.Add(9 * time.Hour)}}, covered)
	_, _, covered, _ = statementOf(t, listClient(t, b), q, q.From.Add(30*time.Minute))
	assert.Empty(t, covered)
}

func TestWhatCanNotBeReadOfAStatementCoversNothing(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]*bank{
		"a bad row": {file: func(order, map[string]any) []byte {
			return []byte(wholeWallet + "2026-03-11T08:14:05Z,,x,1e3,ZMW,ZMB,,DEPOSIT\n")
		}},
		"a row too short": {file: func(order, map[string]any) []byte { return []byte(wholeWallet + "2026-03-11T08:14:05Z,,x\n") }},
		"no header":       {file: func(order, map[string]any) []byte { return []byte("a,b\n1,2\n") }},
		"rejected":        {rejected: true},
		"lost":            {lost: true},
	} {
		_, _, covered, why := statementOf(t, listClient(t, b), day(11, 12), testNow)
		assert.Empty(t, covered, name)
		assert.Contains(t, why, "wallet ZMB/ZMW: ", name)
	}
}

func TestACurrencyIsCoveredByAllOfItsWallets(t *testing.T) {
	t.Parallel()
	b := &bank{
		balances: `{"balances":[{"country":"COD","balance":"1","currency":"USD","provider":""},{"country":"COD","balance":"2.5","currency":"USD","provider":"AIRTEL_COD"},{"country":"COD","balance":"3","currency":"CDF","provider":""}]}`,
		file: func(_ order, body map[string]any) []byte {
			if _, own := body["wallet"].(map[string]any)["provider"]; own {
				return []byte("nonsense\n")
			}
			return []byte(wholeWallet)
		},
	}
	c := listClient(t, b)
	_, _, covered, why := statementOf(t, c, day(11, 12), testNow)
	require.Len(t, covered, 1)
	assert.Equal(t, "CDF", covered[0].Currency)
	assert.Contains(t, why, "COD/USD/AIRTEL_COD")

	all, err := c.Balances(t.Context())
	require.NoError(t, err)
	var said []string
	for _, x := range all {
		said = append(said, x.Wallet+" "+x.Amount.Human())
	}
	assert.Equal(t, []string{"COD/USD 1.00 USD", "COD/USD/AIRTEL_COD 2.50 USD", "COD/CDF 3.00 CDF"}, said)
}

func TestABalanceThatCanNotBeReadIsSaidAndTheOthersCount(t *testing.T) {
	t.Parallel()
	c := newTestClient(t, says(200, `{"balances":[{"country":"ZMB","balance":"x","currency":"ZMW"},{"country":"UGA","balance":"7","currency":"UGX"}]}`), nil)
	all, err := c.Balances(t.Context())
	require.ErrorContains(t, err, "ZMB/ZMW")
	require.Len(t, all, 1)
	assert.Equal(t, "UGA/UGX", all[0].Wallet)
}
