package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/jobs"
	"tieout/reports"
)

// Tasks beside the pipeline's jobs.
const (
	writeReports jobs.Job = "write the reports"
	writePlain   jobs.Job = "excelize as it comes"
)

// madeUp gives so many rows of payments that all tie.
type madeUp int

var madeUpDay = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func (n madeUp) row(i int) reports.TransactionRow {
	amount := &money.Amount{Minor: int64(1000 + i%90_000*5), Exp: 2, Currency: "KES"}
	id := fmt.Sprintf("%08x-5bd1-4e3a-8c77-%012x", i*2654435761%(1<<32), i)
	created := madeUpDay.Add(time.Duration(i%86_400) * time.Second)
	return reports.TransactionRow{
		PaymentID: id, Kind: payment.Deposit, Provider: "pesaswap-ke", ProviderPaymentID: "pay_" + id[:20], ProviderReference: "DP-20260302-" + id[24:],
		NetworkReference: "U" + id[27:], Reference: "DP-20260302-" + id[24:], Amount: *amount, ProviderAmount: amount,
		Refunded: &money.Amount{Exp: 2, Currency: "KES"}, Net: amount, InternalStatus: payment.Pending, ProviderStatus: "completed", RawStatus: "succeeded",
		Result: payment.ResultMatched, MatchMethod: payment.ByProviderID, Account: "254•••••9" + id[33:], BusinessDate: madeUpDay, CreatedAt: created,
		CompletedAt: created.Add(time.Minute), ObservedAt: created.Add(time.Hour),
	}
}

// Transactions implements reports.Source.
func (n madeUp) Transactions(_ context.Context, row func(*reports.TransactionRow) error) error {
	for i := range int(n) {
		r := n.row(i)
		if err := row(&r); err != nil {
			return err
		}
	}
	return nil
}

// Exceptions implements reports.Source.
func (madeUp) Exceptions(context.Context, func(*reports.ExceptionRow) error) error { return nil }

func writeAsTieout(ctx context.Context, dir string, rows int) error {
	f := reports.Figures{Passport: reports.Passport{
		RunID: "BENCH", From: madeUpDay, To: madeUpDay, Selection: "all", Location: time.UTC, Version: 1, Coverage: "1.0000", StartedAt: madeUpDay, ReadAt: madeUpDay,
	}}
	_, err := reports.Write(ctx, dir, f, madeUp(rows), reports.Options{TmpDir: dir})
	return err
}

// writeAsItComes writes the workbook's table of transactions alone, by the
// library's stream writer with nothing changed.
func writeAsItComes(dir string, rows int) error {
	f := excelize.NewFile()
	w, err := f.NewStreamWriter("Sheet1")
	if err != nil {
		return err
	}
	for i := range rows {
		r := madeUp(rows).row(i)
		// numbers as they are there too: minor units, so that no float is needed
		cells := []any{
			r.BusinessDate, r.Provider, string(r.Kind), r.PaymentID, r.Reference, r.ProviderPaymentID, r.Amount.Minor, r.ProviderAmount.Minor, r.Amount.Currency,
			string(r.InternalStatus), r.ProviderStatus, string(r.Result), r.Account, r.CreatedAt, r.CompletedAt,
		}
		if err := w.SetRow(fmt.Sprintf("A%d", i+1), cells); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := f.SaveAs(filepath.Join(dir, "plain.xlsx")); err != nil {
		return err
	}
	return f.Close()
}

// BenchmarkReports writes all five reports, and for comparison the one table of
// transactions by excelize as it comes.
func BenchmarkReports(b *testing.B) {
	rows := partPayments * 10
	for range b.N {
		plain := apart(b, task{Job: writePlain, Dir: b.TempDir(), Rows: rows})
		ours := apart(b, task{Job: writeReports, Dir: b.TempDir(), Rows: rows})
		fmt.Printf("\n%d transactions\n%-42s %9s %9s\n", rows, "reports", "seconds", "peak MB")
		fmt.Printf("%-42s %9s %9d\n", "excelize as it comes, one table", seconds(plain.Took), plain.Peak/1024)
		fmt.Printf("%-42s %9s %9d\n", "all five reports of tieout", seconds(ours.Took), ours.Peak/1024)
		fmt.Printf("%-42s %9s\n", "ratio", ratio(ours.Took, plain.Took))
	}
}
