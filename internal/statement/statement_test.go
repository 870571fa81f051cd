package statement_test

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/xuri/excelize/v2"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/statement"
)

func read(t testing.TB, rd statement.Reader, content []byte) (rows []statement.Row, rejects []statement.Reject, err error) {
	t.Helper()
	err = rd.Read(bytes.NewReader(content), func(r statement.Row) error {
		rows = append(rows, r)
		return nil
	}, func(r statement.Reject) error {
		rejects = append(rejects, r)
		return nil
	})
	return rows, rejects, err
}

func good(t testing.TB, rd statement.Reader, content string) []statement.Row {
	t.Helper()
	rows, rejects, err := read(t, rd, []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	if len(rejects) > 0 {
		t.Fatalf("rows were set aside: %+v", rejects)
	}
	return rows
}

func amount(minor int64, exp int, currency string) money.Amount {
	return money.Amount{Minor: minor, Exp: exp, Currency: currency}
}

func same(t testing.TB, got, want []statement.Row) {
	t.Helper()
	// which way a movement goes is tested by itself
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(statement.Row{}, "Word", "Direction", "Reserved")); d != "" {
		t.Errorf("rows differ (-want +got):\n%s", d)
	}
}

var at = time.Date(2026, 3, 11, 8, 14, 5, 0, time.UTC)

func TestOwnColumnsAreReadInAnyOrder(t *testing.T) {
	t.Parallel()
	fee, tax := amount(250, 2, "KES"), amount(0, 2, "KES")
	same(t, good(t, statement.Reader{}, "\xef\xbb\xbfamount,Currency,provider payment id,reference,kind,fee,tax,status,account,created_at,completed_at,more\r\n"+
		`"1,250.50",kes,P1,R1,payout,-2.5,0,SUCCESS,254700000111,2026-03-11T08:14:05Z,2026-03-11T11:14:06+03:00,x`+"\r\n"), []statement.Row{{
		Number: 1, Entry: statement.Payment, ProviderPaymentID: "P1", Reference: "R1", Kind: payment.Payout, Amount: amount(125050, 2, "KES"),
		Fee: &fee, Tax: &tax, Status: payment.Completed, RawStatus: "SUCCESS", Account: "254700000111", CreatedAt: at, CompletedAt: at.Add(time.Second),
	}})
}

func TestFourColumnsAreEnough(t *testing.T) {
	t.Parallel()
	for _, sep := range []string{",", ";", "\t"} {
		same(t, good(t, statement.Reader{Type: "pesaswap"}, strings.ReplaceAll("reference,amount,currency\nR1,15,UGX\n\nR2,-7,UGX\n", ",", sep)), []statement.Row{
			{Number: 1, Entry: statement.Payment, Reference: "R1", Amount: amount(15, 0, "UGX"), Status: payment.Completed},
			{Number: 2, Entry: statement.Payment, Reference: "R2", Amount: amount(-7, 0, "UGX"), Status: payment.Completed},
		})
	}
}

func TestTheSeparatorIsWhatStandsBetweenTheHeadersNames(t *testing.T) {
	t.Parallel()
	for _, content := range []string{
		"reference;amount;currency;paid in, gross\nR;5;KES;x, y\n",
		"\r\n\nreference;amount;currency\nR;5;KES\n",
		"reference,amount,currency,\"a;b;c;d;e\"\nR,5,KES,\n",
		"\xef\xbb\xbfsep=;\r\nreference;amount;currency\nR;5;KES\n",
		"sep=|\nreference|amount|currency\nR|5|KES\n",
	} {
		if rows := good(t, statement.Reader{}, content); len(rows) != 1 || rows[0].Reference != "R" || rows[0].Amount.Minor != 500 {
			t.Errorf("%q: %+v", content, rows)
		}
	}
}

func TestTheConfigurationMapsHeaders(t *testing.T) {
	t.Parallel()
	rd := statement.Reader{Headers: map[string]string{"provider_payment_id": "Trx No.", "amount": "Paid in"}, Scale: money.Scale{"UGX": 2}}
	same(t, good(t, rd, "TRX NO,Amount,Paid In,currency\nA,999,10.25,UGX\n"), []statement.Row{
		{Number: 1, Entry: statement.Payment, ProviderPaymentID: "A", Amount: amount(1025, 2, "UGX"), Status: payment.Completed},
	})
	if _, _, err := read(t, rd, []byte("id,amount,currency\n")); err == nil || !strings.Contains(err.Error(), `"Trx No."`) {
		t.Errorf("a mapped header that is missing: %v", err)
	}
}

func TestPawapaysStatementHasFeesAsRowsOfTheirOwn(t *testing.T) {
	t.Parallel()
	const id = "0a3c7d52-9c0f-4a58-8b5f-0c1f5d0e7b11"
	rows := good(t, statement.Reader{Type: "pawapay"}, `Creation Date,MSISDN,Transaction ID,Amount,Currency,Country,MNO,Type,Metadata
2026-03-11T08:14:05Z,260763000111,`+strings.ToUpper(id)+`,250.0000,ZMW,ZMB,MTN_MOMO_ZMB,DEPOSIT,"{""orderId"":""KB-7781""}"
2026-03-11 08:14:05,260763000111,`+id+`,-6.25,ZMW,ZMB,MTN_MOMO_ZMB,DEPOSIT_FEE,
2026-03-11 08:14:05,,`+id+`,-40,ZMW,ZMB,MTN_MOMO_ZMB,PAYOUT,
2026-03-11 08:14:05,,r1,30,ZMW,ZMB,MTN_MOMO_ZMB,REFUND,
2026-03-11 08:14:05,,,1000,ZMW,ZMB,,TOP_UP,
`)
	same(t, rows, []statement.Row{
		{Number: 1, Entry: statement.Payment, ProviderPaymentID: id, Kind: payment.Deposit, Amount: amount(25000, 2, "ZMW"), Status: payment.Completed, Account: "260763000111", CreatedAt: at},
		{Number: 2, Entry: statement.Fee, ProviderPaymentID: id, Kind: payment.Deposit, Amount: amount(-625, 2, "ZMW"), Status: payment.Completed, Account: "260763000111", CreatedAt: at},
		{Number: 3, Entry: statement.Payment, ProviderPaymentID: id, Kind: payment.Payout, Amount: amount(-4000, 2, "ZMW"), Status: payment.Completed, CreatedAt: at},
		{Number: 4, Entry: statement.Refund, ProviderPaymentID: "r1", Amount: amount(3000, 2, "ZMW"), Status: payment.Completed, CreatedAt: at},
		{Number: 5, Entry: statement.Other, Amount: amount(100000, 2, "ZMW"), Status: payment.Completed, CreatedAt: at},
	})
}

func TestPawapaysOtherHeadersAreKnownToo(t *testing.T) {
	t.Parallel()
	fee := amount(100, 2, "ZMW")
	same(t, good(t, statement.Reader{Type: "pawapay"}, "Transaction ID,Transaction Type,Status,Currency,Amount,Fee,Net Amount,Customer Phone Number,Provider,Client Reference,Created At,Completed At\n"+
		"X,Payout,IN_RECONCILIATION,ZMW,5,1.00,4,260,MTN,R,2026-03-11T08:14:05Z,\n"), []statement.Row{{
		Number: 1, Entry: statement.Payment, ProviderPaymentID: "X", Reference: "R", Kind: payment.Payout, Amount: amount(500, 2, "ZMW"), Fee: &fee,
		Status: payment.Pending, RawStatus: "IN_RECONCILIATION", Account: "260", CreatedAt: at,
	}})
}

func TestPesawaysRowsHaveTheAccountsCurrency(t *testing.T) {
	t.Parallel()
	rd := statement.Reader{Type: "pesaway", Currency: statement.DefaultCurrency("pesaway", nil)}
	same(t, good(t, rd, "Reference,Receipt,TransactionDate,Recipient,ExternalReference,TransactionType,Amount\n"+
		"kQ27VbTzm4s,TJ42K8M1QX,2026-03-11T08:14:05Z,254700000111 - Jane Wanjiku,DP-1,Collection,1250.00\n"), []statement.Row{{
		Number: 1, Entry: statement.Payment, ProviderPaymentID: "kQ27VbTzm4s", Reference: "DP-1", Kind: payment.Deposit, Amount: amount(125000, 2, "KES"),
		Status: payment.Completed, Account: "254700000111", CreatedAt: at,
	}})
	if rows := good(t, rd, "reference,kind,amount,currency\nR1,payout,5,KES\n"); rows[0].Reference != "R1" || rows[0].ProviderPaymentID != "" {
		t.Errorf("in our own columns reference is the reference: %+v", rows[0])
	}
	if rows := good(t, rd, "provider_payment_id,reference,kind,amount,currency\nP1,R1,payout,5,KES\n"); rows[0].Reference != "R1" || rows[0].ProviderPaymentID != "P1" {
		t.Errorf("our own columns: %+v", rows[0])
	}
}

func TestPivotsBalanceHistory(t *testing.T) {
	t.Parallel()
	fee := amount(400000, 2, "IDR")
	rows := good(t, statement.Reader{Type: "pivot"}, "referenceId,transactionId,date,settlementStatus,transactionType,amount.value,amount.currency,fee.value\n"+
		"D1,41d3,2026-03-11T08:14:05.301552Z,SUCCESS,VA Payment,250000,IDR,4000\n"+
		"P1,b1,2026-03-11T08:14:05Z,ACTIVE,Disbursement,-90000,IDR,\n"+
		"P1,b1,2026-03-11T08:14:05Z,ACTIVE,DISBURSEMENT_FEE,-2500,IDR,\n"+
		"W1,w1,2026-03-11T08:14:05Z,ACTIVE,Payment Withdrawal,-1,IDR,\n")
	want := []statement.Row{
		{
			Number: 1, Entry: statement.Payment, ProviderPaymentID: "41d3", Reference: "D1", Kind: payment.Deposit, Amount: amount(25000000, 2, "IDR"), Fee: &fee,
			Status: payment.Completed, RawStatus: "SUCCESS", CreatedAt: at.Add(301552 * time.Microsecond),
		},
		{Number: 2, Entry: statement.Payment, ProviderPaymentID: "b1", Reference: "P1", Kind: payment.Payout, Amount: amount(-9000000, 2, "IDR"), Status: payment.Completed, RawStatus: "ACTIVE", CreatedAt: at},
		{Number: 3, Entry: statement.Fee, ProviderPaymentID: "b1", Reference: "P1", Kind: payment.Payout, Amount: amount(-250000, 2, "IDR"), Status: payment.Completed, RawStatus: "ACTIVE", CreatedAt: at},
		{Number: 4, Entry: statement.Other, ProviderPaymentID: "w1", Reference: "W1", Amount: amount(-100, 2, "IDR"), Status: payment.Completed, RawStatus: "ACTIVE", CreatedAt: at},
	}
	same(t, rows, want)
}

func TestBadRowsAreSetAsideAndTheRestGoesOn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ row, field, reason string }{
		"no name":            {`,,payout,5,KES,,`, "provider_payment_id", "names no payment"},
		"no amount":          {`P,,payout,,KES,,`, "amount", "empty"},
		"a decimal comma":    {`P,,payout,"1,25",KES,,`, "amount", "no decimal number"},
		"unclear thousands":  {`P,,payout,"1,250",KES,,`, "amount", "no decimal number"},
		"a formula":          {`P,,payout,=1+1,KES,,`, "amount", "no decimal number"},
		"scientific":         {`P,,payout,1e3,KES,,`, "amount", "no decimal number"},
		"too fine":           {`P,,payout,5.001,KES,,`, "amount", "more than the 2 decimals"},
		"too large":          {`P,,payout,99999999999999999999,KES,,`, "amount", "too large"},
		"no currency":        {`P,,payout,5,,,`, "currency", "no currency"},
		"unknown currency":   {`P,,payout,5,XYZ,,`, "currency", "no currency"},
		"unknown kind":       {`P,,swap,5,KES,,`, "kind", "no kind"},
		"negative deposit":   {`P,,deposit,-5,KES,,`, "amount", "can't be negative"},
		"unknown status":     {`P,,payout,5,KES,sleeping,`, "status", "no status"},
		"no time":            {`P,,payout,5,KES,,soon`, "created_at", "no time"},
		"a time of long ago": {`P,,payout,5,KES,,0026-03-11T08:14:05Z`, "created_at", "no time"},
		"NUL":                {"P\x00Q,,payout,5,KES,,", "provider_payment_id", "characters"},
		"no UTF-8":           {"P,\xff,payout,5,KES,,", "reference", "not UTF-8"},
		"too long":           {strings.Repeat("x", 501) + ",,payout,5,KES,,", "provider_payment_id", "longer"},
		"too few fields":     {`P,,payout,5`, "", "has 4 fields, the header has 7"},
		"a stray quote":      {`P,a"b,payout,5,KES,,`, "", "bare"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, rejects, err := read(t, statement.Reader{}, []byte("provider_payment_id,reference,kind,amount,currency,status,created_at\nA,,payout,1,KES,,\n"+c.row+"\nB,,payout,1,KES,,\n"))
			if err != nil {
				t.Fatal(err)
			}
			if len(rows) != 2 || len(rejects) != 1 {
				t.Fatalf("%d rows, rejects %+v", len(rows), rejects)
			}
			if r := rejects[0]; r.Number != 2 || r.Field != c.field || !strings.Contains(r.Reason, c.reason) {
				t.Errorf("set aside as %+v", r)
			}
		})
	}
}

func TestAnAccountNumberIsNotRepeatedInAReject(t *testing.T) {
	t.Parallel()
	_, rejects, err := read(t, statement.Reader{}, []byte("reference,amount,currency,account\nR,1,KES,2547\x01\n"))
	if err != nil || len(rejects) != 1 || rejects[0].Field != "account" || rejects[0].Value != "" {
		t.Errorf("%+v, %v", rejects, err)
	}
}

func TestAFileWithoutAUsableHeaderIsAnError(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ content, want string }{
		"empty":           {"", "empty"},
		"blank":           {"\n\n", "empty"},
		"no name":         {"amount,currency\n", "neither"},
		"no amount":       {"reference,currency\n", "amount"},
		"no currency":     {"reference,amount\n", "currency"},
		"a column twice":  {"reference,amount,Amount,currency\n", "two columns"},
		"UTF-16":          {"\xff\xfea\x00", "UTF-16"},
		"old line ends":   {"reference,amount,currency\rR,1,KES\rS,2,KES\r", "old Macs"},
		"an old workbook": {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old or encrypted"},
		"a broken xlsx":   {"PK\x03\x04 and nothing more", "workbook"},
		"a broken gzip":   {"\x1f\x8b\x08", "unpacked"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, _, err := read(t, statement.Reader{}, []byte(c.content)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to say %q", err, c.want)
			}
		})
	}
}

func TestTimesWithoutAZoneAreTheFormats(t *testing.T) {
	t.Parallel()
	nairobi, err := time.LoadLocation("Africa/Nairobi")
	if err != nil {
		t.Fatal(err)
	}
	content := "provider_payment_id,kind,amount,currency,created_at\nP,payout,1,KES,2026-03-11 08:14\n"
	for typ, want := range map[string]time.Time{"pesaswap": at.Add(-3*time.Hour - 5*time.Second), "pivot": at.Add(-5 * time.Second)} {
		if typ == "pivot" {
			content = strings.Replace(content, "payout", "disbursement", 1)
		}
		rd := statement.Reader{Type: typ, Zone: nairobi}
		if got := good(t, rd, strings.Replace(content, "disbursement", map[bool]string{true: "disbursement", false: "payout"}[typ == "pivot"], 1))[0].CreatedAt; !got.Equal(want) {
			t.Errorf("%s: %s, want %s", typ, got, want)
		}
	}
}

func TestAGzippedFileIsRead(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte("reference,amount,currency\nR,1,KES\n")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if rows := good(t, statement.Reader{}, b.String()); len(rows) != 1 || rows[0].Reference != "R" {
		t.Errorf("%+v", rows)
	}
}

func workbook(t testing.TB, rows ...[]any) []byte {
	t.Helper()
	f := excelize.NewFile()
	for i, r := range rows {
		cell, err := excelize.CoordinatesToCellName(1, i+1)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.SetSheetRow("Sheet1", cell, &r); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "s.xlsx")
	if err := f.SaveAs(path); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAWorkbookGivesExactAmountsAndTimes(t *testing.T) {
	t.Parallel()
	rows := good(t, statement.Reader{}, string(workbook(t,
		[]any{"reference", "kind", "amount", "currency", "created_at", "fee"},
		[]any{"R1", "payout", 1250.1, "KES", at, 0.30000000000000004},
		[]any{"R2", "deposit", "17.05", "KES", "2026-03-11T08:14:05Z"}, // a short row: empty cells at its end are not stored
		[]any{},
		[]any{"0012", "deposit", 3e9, "KES"},
	)))
	fee := amount(30, 2, "KES")
	same(t, rows, []statement.Row{
		{Number: 1, Entry: statement.Payment, Reference: "R1", Kind: payment.Payout, Amount: amount(125010, 2, "KES"), Fee: &fee, Status: payment.Completed, CreatedAt: at},
		{Number: 2, Entry: statement.Payment, Reference: "R2", Kind: payment.Deposit, Amount: amount(1705, 2, "KES"), Status: payment.Completed, CreatedAt: at},
		{Number: 4, Entry: statement.Payment, Reference: "0012", Kind: payment.Deposit, Amount: amount(300000000000, 2, "KES"), Status: payment.Completed},
	})
}

func TestALongIDThatASheetRoundedIsSetAside(t *testing.T) {
	t.Parallel()
	_, rejects, err := read(t, statement.Reader{}, workbook(t, []any{"provider_payment_id", "amount", "currency"}, []any{1.2345678901234568e+35, 5, "KES"}))
	if err != nil || len(rejects) != 1 || rejects[0].Field != "provider_payment_id" || !strings.Contains(rejects[0].Reason, "as text") {
		t.Errorf("%+v, %v", rejects, err)
	}
}

// A sheet's number has 15 digits: where an amount would need more, it is refused
// and not rounded. The error of a binary number is none of its digits.
func TestASheetsAmountIsExactOrRefused(t *testing.T) {
	t.Parallel()
	rows, rejects, err := read(t, statement.Reader{}, workbook(t,
		[]any{"reference", "amount", "currency"},
		[]any{"float", 1234.0999999999999, "KES"}, []any{"sum", 0.1 + 0.2, "KES"}, []any{"text", "1234.0999999999999", "KES"},
		[]any{"large", 12345678901234.56, "KES"}, []any{"large text", "12345678901234.56", "KES"}, []any{"large and whole", 123456789012345.0, "KES"},
		[]any{"too fine", 1.005, "KES"}, []any{"minus", -1234.1, "KES"},
	))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{"float": 123410, "sum": 30, "text": 123410, "large and whole": 12345678901234500, "minus": -123410}
	for _, r := range rows {
		if w, ok := want[r.Reference]; !ok || r.Amount.Minor != w {
			t.Errorf("%s is %d, want %d", r.Reference, r.Amount.Minor, w)
		}
	}
	if len(rows) != len(want) || len(rejects) != 3 || !strings.Contains(rejects[0].Reason, "more digits than a sheet keeps") || !strings.Contains(rejects[2].Reason, "2 decimals") {
		t.Errorf("%d rows, %+v", len(rows), rejects)
	}
}

func TestADecimalCommaIsReadWhereTheConfigurationSaysSo(t *testing.T) {
	t.Parallel()
	rd := statement.Reader{Decimal: ","}
	rows, rejects, err := read(t, rd, []byte("reference;amount;currency\nA;1.250,50;KES\nB;1250,5;KES\nC;1 250 000,00;KES\nD;1.250;KES\nE;-7;KES\nF;1,250.50;KES\nG;12.50;KES\nH;1.25.000,00;KES\nI;,5;KES\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []int64{125050, 125050, 125000000, 125000, -700}
	for i, r := range rows {
		if i < len(want) && r.Amount.Minor != want[i] {
			t.Errorf("%s is %d, want %d", r.Reference, r.Amount.Minor, want[i])
		}
	}
	if len(rows) != len(want) || len(rejects) != 4 || rejects[0].Value != "1,250.50" || !strings.Contains(rejects[0].Reason, "comma") {
		t.Errorf("%d rows, %+v", len(rows), rejects)
	}
	// a workbook's numbers have no mark of their own
	sheet, rejects, err := read(t, rd, workbook(t, []any{"reference", "amount", "currency"}, []any{"A", 1250.5, "KES"}, []any{"B", "1.250,50", "KES"}, []any{"C", "1.250", "KES"}))
	if err != nil || len(rejects) != 1 || len(sheet) != 2 || sheet[0].Amount.Minor != 125050 || sheet[1].Amount.Minor != 125050 {
		t.Errorf("%+v %+v %v", sheet, rejects, err)
	}
}

func TestDatesOfDigitsAreReadInTheConfiguredOrderOnly(t *testing.T) {
	t.Parallel()
	for order, want := range map[statement.DateOrder]map[string]time.Time{
		"": {
			"2026-03-11 08:14:05": at, "2026/03/11 08:14:05": at, "2026/03/11": at.Truncate(24 * time.Hour), "11-Mar-2026 08:14:05": at,
			"11 MAR 2026 08:14": at.Truncate(time.Minute),
		},
		statement.DayFirst: {
			"11/03/2026 08:14:05": at, "11.3.2026 08:14": at.Truncate(time.Minute), "11-03-2026": at.Truncate(24 * time.Hour), "11/03/2026 8:14 AM": at.Truncate(time.Minute),
			"2026-03-11T08:14:05Z": at,
		},
		statement.MonthFirst: {"03/11/2026 08:14:05": at, "3/11/2026, 08:14:05": at},
	} {
		for _, text := range []string{"2026-03-11 08:14:05", "2026/03/11 08:14:05", "2026/03/11", "11-Mar-2026 08:14:05", "11 MAR 2026 08:14", "11/03/2026 08:14:05", "11.3.2026 08:14", "11-03-2026", "11/03/2026 8:14 AM", "03/11/2026 08:14:05", "3/11/2026, 08:14:05", "31/31/2026", "2026-03-11T08:14:05Z"} {
			rows, rejects, err := read(t, statement.Reader{Dates: order}, []byte("reference;amount;currency;created_at\nA;1;KES;"+text+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			if w, ok := want[text]; ok && (len(rows) != 1 || !rows[0].CreatedAt.Equal(w)) {
				t.Errorf("%q, %q: %+v %+v", order, text, rows, rejects)
			}
			if order == "" && strings.Contains(text, "/") && !strings.HasPrefix(text, "2026") && (len(rejects) != 1 || !strings.Contains(rejects[0].Reason, "may mean two days")) {
				t.Errorf("%q is guessed: %+v %+v", text, rows, rejects)
			}
		}
	}
}

func TestAQuoteThatNeverClosesSaysWhatItTakes(t *testing.T) {
	t.Parallel()
	rows, rejects, err := read(t, statement.Reader{}, []byte("reference,amount,currency\nA,1,KES\n\"B,2,KES\nC,3,KES\nD,4,KES\n"))
	if err != nil || len(rows) != 1 || len(rejects) != 1 || !strings.Contains(rejects[0].Reason, "opens in line 3 takes all up to line 5") {
		t.Errorf("%+v %+v %v", rows, rejects, err)
	}
}

// FuzzRead: whatever a file holds, reading ends without a panic, and what it
// gives can be stored: a currency, valid texts, fees without a sign.
func FuzzRead(f *testing.F) {
	f.Add("pawapay", []byte("Transaction ID,Type,Amount,Currency,Creation Date\nX,DEPOSIT,5.0,ZMW,2026-03-11T08:14:05Z\n"))
	f.Add("pesaway", []byte("Reference,ExternalReference,TransactionType,Amount,TransactionDate\na,b,Payment,1.5,2026-03-11 08:14:05\n"))
	f.Add("pivot", []byte("transactionId,referenceId,transactionType,amount,currency,fee\na,b,VA Payment,-1,IDR,2\n"))
	f.Add("", []byte("\xef\xbb\xbfreference;amount;currency\n\"a\n;;;\n"))
	f.Add("", []byte("PK\x03\x04"))
	f.Fuzz(func(t *testing.T, typ string, content []byte) {
		rows, rejects, _ := read(t, statement.Reader{Type: typ, Currency: "KES"}, content)
		last := int64(0)
		for _, r := range rows {
			if r.Number <= last || r.Entry == "" || !r.Status.Valid() || r.Amount.Currency == "" || (r.ProviderPaymentID == "" && r.Reference == "" && r.Entry != statement.Other) {
				t.Errorf("a row that can't be: %+v", r)
			}
			last = r.Number
			if (r.Fee != nil && r.Fee.Minor < 0) || (r.Tax != nil && r.Tax.Minor < 0) || strings.ContainsRune(r.Reference+r.ProviderPaymentID+r.Account, 0) {
				t.Errorf("a row that can't be: %+v", r)
			}
		}
		for _, r := range rejects {
			if r.Reason == "" || r.Number == 0 {
				t.Errorf("a reject without a reason: %+v", r)
			}
		}
	})
}

// The words are the categories of
// https://docs.pawapay.io/dashboard/finances/wallets, and the types of rows that
// the vendor's handbook names.
func TestEveryMovementOfPawapaysIsKnown(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]struct {
		entry statement.Entry
		kind  payment.Kind
	}{
		"DEPOSIT,Deposits": {statement.Payment, payment.Deposit},
		"PAYOUT,Payouts":   {statement.Payment, payment.Payout},
		"REFUND,Refunds":   {statement.Refund, ""},
		"DEPOSIT_FEE":      {statement.Fee, payment.Deposit},
		"PAYOUT_FEE":       {statement.Fee, payment.Payout},
		"Fees":             {statement.Fee, ""},
		"REFUND_FEE,REMITTANCE_FEE,REMITTANCE,Remittances,Split Deposits,Split Payouts,Withdrawals,Top ups,Adjustments,Compensations,Uncategorized": {statement.Other, ""},
	} {
		for _, word := range strings.Split(words, ",") {
			row, bad := statement.Reader{Type: "pawapay"}.Row(map[string]string{"provider_payment_id": "A", "kind": word, "amount": "5", "currency": "ZMW"})
			if bad != nil {
				t.Errorf("%s: %+v", word, bad)
			}
			if row.Entry != want.entry || row.Kind != want.kind {
				t.Errorf("%s: %s %s", word, row.Entry, row.Kind)
			}
		}
	}
}

// The words are those of accountType in
// https://pivot-payment.gitbook.io/pivot-docs/api-references/api-lists/core-resources/balance/retrieve-balance-history,
// as codes and as the texts for display that rows show.
func TestEveryMovementOfPivotsIsKnown(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]struct {
		entry statement.Entry
		kind  payment.Kind
	}{
		"CARD_PAYMENT VA_PAYMENT QRIS_PAYMENT":                {statement.Payment, payment.Deposit},
		"DISBURSEMENT BULK_DISBURSEMENT INTERNATIONAL_PAYOUT": {statement.Payment, payment.Payout},
		"REFUND":           {statement.Refund, ""},
		"PAYMENT_FEE":      {statement.Fee, payment.Deposit},
		"DISBURSEMENT_FEE": {statement.Fee, payment.Payout},
		`BALANCE_ADJUSTMENT TRANSFER PAYMENT_WITHDRAWAL PLATFORM_TRANSACTION_FEE REFUND_FEE VA_TOP_UP MANUAL_TOP_UP DISBURSEMENT_WITHDRAWAL
			ACCOUNT_INQUIRY_FEE PLATFORM_ACTIVITY_FEE WALLET_WITHDRAWAL MERCHANT_PAYMENT FEE_TOP_UP FEE_BANK_TRANSFER FEE_WALLET_TRANSACTION FEE_TRANSFER`: {statement.Other, ""},
	} {
		for _, word := range strings.Fields(words) {
			for _, written := range []string{word, strings.ReplaceAll(word, "_", " "), strings.ToLower(strings.ReplaceAll(word, "_", " "))} {
				row, bad := statement.Reader{Type: "pivot"}.Row(map[string]string{"provider_payment_id": "A", "kind": written, "amount": "5", "currency": "IDR"})
				if bad != nil {
					t.Errorf("%s: %+v", written, bad)
				}
				if row.Entry != want.entry || row.Kind != want.kind {
					t.Errorf("%s: %s %s", written, row.Entry, row.Kind)
				}
			}
		}
	}
}

func TestAMovementsTypeTellsItsDirection(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]struct {
		typ       string
		direction int
		reserved  bool
	}{
		"DEPOSIT":            {"pawapay", 1, false},
		"PAYOUT":             {"pawapay", -1, false},
		"DEPOSIT_FEE":        {"pawapay", -1, false},
		"REFUND":             {"pawapay", -1, false},
		"REFUND_FEE":         {"pawapay", -1, false},
		"TOP_UP":             {"pawapay", 1, false},
		"Withdrawal":         {"pawapay", -1, false},
		"ADJUSTMENT":         {"pawapay", 0, false},
		"VA Payment":         {"pivot", 1, false},
		"Disbursement":       {"pivot", -1, true},
		"DISBURSEMENT_FEE":   {"pivot", -1, false},
		"VA Top Up":          {"pivot", 1, false},
		"Transfer":           {"pivot", 0, false},
		"Platform Fee":       {"pivot", -1, false},
		"Balance Adjustment": {"pivot", 0, false},
	} {
		row, bad := statement.Reader{Type: want.typ}.Row(map[string]string{"provider_payment_id": "A", "kind": word, "amount": "5", "currency": "KES"})
		if bad != nil {
			t.Errorf("%s: %+v", word, bad)
		}
		if row.Direction != want.direction || row.Reserved != want.reserved || row.Word != word {
			t.Errorf("%s: direction %d, reserved %v, word %q", word, row.Direction, row.Reserved, row.Word)
		}
	}
}
