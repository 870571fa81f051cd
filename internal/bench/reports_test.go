package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
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

// writeAsItComes writes the table of transactions alone into a workbook, the same
// cells by the library's stream writer with nothing changed.
func writeAsItComes(dir string, rows int) error {
	f := excelize.NewFile()
	w, err := f.NewStreamWriter("Sheet1")
	if err != nil {
		return err
	}
	for i := range rows {
		r := madeUp(rows).row(i)
		cells := []any{
			r.PaymentID, string(r.Kind), r.Provider, r.ProviderPaymentID, r.ProviderReference, r.NetworkReference, r.Reference,
			decimal(&r.Amount), r.Amount.Currency, decimal(r.ProviderAmount), r.ProviderAmount.Currency, decimal(r.Refunded), nil, nil, decimal(r.Net),
			string(r.InternalStatus), r.ProviderStatus, r.RawStatus, string(r.Result), string(r.MatchMethod), r.Account,
			r.BusinessDate, r.CreatedAt, r.CompletedAt, r.ObservedAt,
		}
		if err := w.SetRow("A"+strconv.Itoa(i+1), cells); err != nil {
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

// decimal is an amount as a number cell takes it.
func decimal(a *money.Amount) float64 { return float64(a.Minor) / 100 }

// BenchmarkReports writes all reports of so many transactions, CSV and workbooks,
// and for comparison the one table of transactions by excelize as it comes: each
// in a process of its own, whose peak is what Linux counts as resident.
func BenchmarkReports(b *testing.B) {
	for _, text := range strings.Split(*sizes, ",") {
		rows, err := strconv.Atoi(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("transactions=%d", rows), func(b *testing.B) {
			for range b.N {
				plain := apart(b, task{Job: writePlain, Dir: b.TempDir(), Rows: rows})
				ours := apart(b, task{Job: writeReports, Dir: b.TempDir(), Rows: rows, Profile: *profile})
				printReports(rows, plain, ours)
			}
		})
	}
}

func printReports(rows int, plain, ours measured) {
	fmt.Printf("\n%d transactions of 25 columns\n%-46s %9s %9s %9s %9s\n", rows, "", "seconds", "x", "CPU s", "peak MB")
	for _, line := range []struct {
		name string
		measured
	}{
		{"excelize as it comes: the workbook's one table", plain},
		{"tieout: all five reports, CSV and workbooks", ours},
	} {
		fmt.Printf("%-46s %9s %9s %9s %9d\n", line.name, seconds(line.Took), ratio(line.Took, plain.Took), seconds(line.CPU), line.Peak/1024)
	}
}
