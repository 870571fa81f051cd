package pawapay

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
)

func readLedger(file []byte, kind payment.Kind) (provider.Page, int, string, error) {
	l := ledger{
		open: func() (io.Reader, error) { return unzip(file) }, scale: money.Scale{}, kind: kind,
		from: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), to: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC),
	}
	var all provider.Page
	pages := 0
	err := l.read(context.Background(), func(p provider.Page) error {
		pages++
		all.Transactions = append(all.Transactions, p.Transactions...)
		all.Invalid = append(all.Invalid, p.Invalid...)
		return nil
	})
	return all, pages, l.lost(), err
}

func TestColumnsAreFoundByAnyOfTheirNames(t *testing.T) {
	t.Parallel()
	// Section 13: the handbook's header, in another order, with a byte order mark.
	file := "\ufeffTransaction Type, amount ,CURRENCY,Fee,Net Amount,Customer Phone Number,Provider,Client Reference,Created At,Completed At,Provider Transaction ID,Transaction ID,Status\r\n" +
		`deposit,"250.0000",zmw,6.25,243.75,260763000111,MTN_MOMO_ZMB,INV-1,2026-03-11T08:14:05Z,2026-03-11T08:15:00Z,9912047731,` + strings.ToUpper(testID) + ",COMPLETED\r\n" +
		`deposit,1,ZMW,,,260763000111,MTN_MOMO_ZMB,INV-2,2026-03-11T08:14:05Z,,,` + refundA + ",FAILED\r\n"
	got, _, lost, err := readLedger([]byte(file), payment.Deposit)
	require.NoError(t, err)
	assert.Empty(t, lost)
	assert.Empty(t, got.Invalid)
	assert.Equal(t, []payment.Transaction{{
		Kind: payment.Deposit, ID: testID, OwnID: testID, Reference: "INV-1", NetworkReference: "9912047731",
		Status: payment.Completed, RawStatus: "COMPLETED", Partial: true, Account: "260763000111",
		Amount: money.Amount{Minor: 25000, Exp: 2, Currency: "ZMW"}, Fee: &money.Amount{Minor: 625, Exp: 2, Currency: "ZMW"},
		CreatedAt: time.Date(2026, 3, 11, 8, 14, 5, 0, time.UTC), CompletedAt: time.Date(2026, 3, 11, 8, 15, 0, 0, time.UTC),
	}}, got.Transactions)
}

func TestABadRowLeavesTheOthersReadable(t *testing.T) {
	t.Parallel()
	good := depositRow(testID, "2026-03-11T08:14:05Z")
	for _, tc := range []struct {
		name, row string
		reason    string
		lost      bool // the row names no transaction, so absence is not proven
	}{
		{"amount", strings.Replace(good, "250.00", "250.001", 1), "amount", false},
		{"currency", strings.Replace(good, "ZMW", "QQQ", 1), "QQQ", false},
		{"date", depositRow(testID, "11/03/2026"), "creation date", false},
		{"metadata", good + "orderId", "metadata", false},
		{"id", depositRow("KB-1", "2026-03-11T08:14:05Z"), "UUID", true},
		{"type", strings.Replace(good, "DEPOSIT", "", 1), "type", false},
		{"no CSV", `a "b" c`, "no CSV", true},
		{"short", "2026-03-11T08:14:05Z", "type", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			other := depositRow(refundA, "2026-03-11T08:14:05Z")
			got, _, lost, err := readLedger([]byte(header+tc.row+"\n"+other+"\n"), payment.Deposit)
			require.NoError(t, err)
			require.Len(t, got.Invalid, 1)
			assert.Contains(t, got.Invalid[0].Reason, tc.reason)
			assert.Contains(t, got.Invalid[0].Reason, "line 2")
			assert.NotContains(t, got.Invalid[0].Reason, "260763000111", "no phone numbers in reasons")
			assert.Equal(t, tc.lost, lost != "")
			require.Len(t, got.Transactions, 1)
			assert.Equal(t, refundA, got.Transactions[0].ID)
		})
	}
}

func TestAFileThatCannotBeReadToItsEndIsAnError(t *testing.T) {
	t.Parallel()
	whole := packed([]byte(header + depositRow(testID, "2026-03-11T08:14:05Z") + "\n"))
	for name, file := range map[string][]byte{
		"empty":           {},
		"no id column":    []byte("Amount,Currency,Type\n1,ZMW,DEPOSIT\n"),
		"no amount":       []byte("Transaction ID,Currency,Type\n"),
		"no currency":     []byte("Transaction ID,Amount,Type\n"),
		"no type":         []byte("Transaction ID,Amount,Currency\n"),
		"half a gzip":     whole[:len(whole)-12],
		"a gzip header":   whole[:4],
		"an error's HTML": []byte("<html>\n<p>gone</p>\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, _, _, err := readLedger(file, payment.Deposit)
			var unreadable *ledgerError
			assert.ErrorAs(t, err, &unreadable)
			assert.Empty(t, got.Transactions)
		})
	}
}

func TestALongStatementComesInPages(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	b.WriteString(header)
	for i := range 2500 {
		fmt.Fprintln(&b, depositRow(fmt.Sprintf("00000000-0000-4000-8000-%012d", i), "2026-03-11T08:14:05Z"))
		fmt.Fprintln(&b, strings.Replace(depositRow(fmt.Sprintf("00000000-0000-4000-8000-%012d", i), "2026-03-11T08:14:05Z"), "DEPOSIT", "DEPOSIT_FEE", 1))
	}
	got, pages, _, err := readLedger(packed(b.Bytes()), payment.Deposit)
	require.NoError(t, err)
	assert.Len(t, got.Transactions, 2500)
	assert.Equal(t, 3, pages)
	for _, tx := range got.Transactions {
		require.NotNil(t, tx.Fee)
	}
}

func TestAFeeThatCannotBeTrustedMakesItsPaymentInvalid(t *testing.T) {
	t.Parallel()
	payRow := depositRow(testID, "2026-03-11T08:14:05Z")
	for name, row := range map[string]string{
		"amount":   strings.NewReplacer("DEPOSIT", "FEE", "250.00", "1.234").Replace(payRow),
		"currency": strings.NewReplacer("DEPOSIT", "FEE", "ZMW", "USD").Replace(payRow),
	} {
		got, _, _, err := readLedger([]byte(header+row+"\n"+payRow+"\n"), payment.Deposit)
		require.NoError(t, err)
		assert.Empty(t, got.Transactions, name)
		require.Len(t, got.Invalid, 1, name)
		assert.Equal(t, testID, got.Invalid[0].ID, name)
		assert.Contains(t, got.Invalid[0].Reason, "fee", name)
	}
}
