package reports

import (
	"context"
	"encoding/csv"
	"slices"
	"strconv"
	"strings"
	"time"

	"tieout/internal/money"
)

// The headers of the CSV files, in the order of their columns.
var (
	settlementColumns = []string{
		"business_date", "provider", "kind", "currency", "count", "gross", "refunded", "fee", "tax", "net",
		"fee_known_count", "disputed", "pending_count", "pending_amount", "failed_count", "failed_amount",
		"reversed_count", "reversed_amount", "exception_count", "exception_amount",
	}
	exceptionColumns = []string{
		"exception_id", "kind", "severity", "state", "provider", "payment_kind", "payment_id",
		"provider_payment_id", "reference", "internal_amount", "provider_amount", "difference", "currency",
		"provider_currency", "internal_status", "provider_status", "account", "business_date", "first_seen",
		"match_method", "detail", "owner", "resolution", "note",
	}
	adjustmentColumns = slices.Concat([]string{
		"booked_on", "state", "business_date", "provider", "kind", "currency", "payment_id", "provider_payment_id", "reference",
	}, settlementColumns[4:], []string{"what", "before", "after", "why"})
	transactionColumns = []string{
		"payment_id", "kind", "provider", "provider_payment_id", "provider_reference", "network_reference",
		"reference", "amount", "currency", "provider_amount", "provider_currency", "refunded", "fee", "tax",
		"net", "internal_status", "provider_status", "raw_status", "result", "match_method", "account",
		"business_date", "created_at", "completed_at", "observed_at",
	}
)

// SafeText is how a text stands in a CSV: control characters are made visible,
// and where a spreadsheet would take the text for a formula, a single quote is
// put before it. What already begins with quotes and then such a sign gets one
// more, so that taking one away (PlainText) always gives the text back.
func SafeText(s string) string {
	s = readable(s)
	if formulaLike(s) {
		return "'" + s
	}
	return s
}

// PlainText takes away the quote that SafeText put before a text.
func PlainText(s string) string {
	if strings.HasPrefix(s, "'") && formulaLike(s) {
		return s[1:]
	}
	return s
}

// formulaLike tells whether s begins, after any number of single quotes, with a
// sign that starts a formula in some spreadsheet; the last four are the wide
// forms of the first four.
func formulaLike(s string) bool {
	s = strings.TrimLeft(s, "'")
	for _, sign := range []string{"=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"} {
		if strings.HasPrefix(s, sign) {
			return true
		}
	}
	return false
}

// csvFile writes one CSV and notes how wide each column of it is.
type csvFile struct {
	out    *outFile
	w      *csv.Writer
	widths []int
	rows   int64
}

func createCSV(dir, name string, header []string) (*csvFile, error) {
	out, err := createFile(dir, name)
	if err != nil {
		return nil, err
	}
	c := &csvFile{out: out, w: csv.NewWriter(out), widths: make([]int, len(header))}
	if err := c.w.Write(header); err != nil {
		return nil, out.abort(err)
	}
	return c, nil
}

func (c *csvFile) write(record []string) error {
	for i, s := range record {
		// Bytes are never fewer than columns: most cells need no closer look.
		if len(s) > c.widths[i] {
			if n := columns(s); n > c.widths[i] {
				c.widths[i] = n
			}
		}
	}
	c.rows++
	return c.w.Write(record)
}

// finish commits the file, or drops it when filling it failed.
func (c *csvFile) finish(err error) (File, error) {
	if err == nil {
		c.w.Flush()
		err = c.w.Error()
	}
	if err != nil {
		return File{}, c.out.abort(err)
	}
	return c.out.commit(c.rows)
}

func writeSettlementCSV(dir string, lines []Line) (File, error) {
	c, err := createCSV(dir, "settlement.csv", settlementColumns)
	if err != nil {
		return File{}, err
	}
	for i := range lines {
		if err = c.write(settlementRecord(&lines[i])); err != nil {
			break
		}
	}
	return c.finish(err)
}

func settlementRecord(l *Line) []string {
	count := func(n int64) string { return strconv.FormatInt(n, 10) }
	amount := func(minor int64) string { return money.FormatMinor(minor, l.Exp) }
	known := func(minor int64, known bool) string {
		if !known {
			return ""
		}
		return amount(minor)
	}
	return []string{
		isoDate(l.BusinessDate), SafeText(l.Provider), string(l.Kind), SafeText(l.Currency),
		count(l.Count), amount(l.Gross), amount(l.Refunded),
		known(l.Fee, l.FeeKnown), known(l.Tax, l.TaxKnown), amount(l.Net),
		count(l.FeeKnownCount), amount(l.Disputed),
		count(l.PendingCount), amount(l.PendingAmount), count(l.FailedCount), amount(l.FailedAmount),
		count(l.ReversedCount), amount(l.ReversedAmount), count(l.ExceptionCount), amount(l.ExceptionAmount),
	}
}

// writeAdjustmentsCSV writes what changed of closed days.
func writeAdjustmentsCSV(dir string, all []Adjustment) (File, error) {
	c, err := createCSV(dir, "adjustments.csv", adjustmentColumns)
	if err != nil {
		return File{}, err
	}
	for i := range all {
		if err = c.write(adjustmentRecord(&all[i])); err != nil {
			break
		}
	}
	return c.finish(err)
}

// adjustmentRecord has the figures of a settlement line, as differences.
func adjustmentRecord(a *Adjustment) []string {
	state := "open"
	if a.Closed {
		state = "closed"
	}
	line := settlementRecord(&a.Line)
	return slices.Concat(
		[]string{isoDate(a.BookedOn), state}, line[:4], []string{SafeText(a.PaymentID), SafeText(a.ProviderPaymentID), SafeText(a.Reference)},
		line[4:], []string{SafeText(a.What), SafeText(a.Before), SafeText(a.After), SafeText(a.Why)})
}

func writeTransactionsCSV(ctx context.Context, dir string, src Source) (File, []int, error) {
	c, err := createCSV(dir, "transactions.csv", transactionColumns)
	if err != nil {
		return File{}, nil, err
	}
	record := make([]string, len(transactionColumns))
	err = src.Transactions(ctx, func(r *TransactionRow) error {
		transactionRecord(r, record)
		return c.write(record)
	})
	file, err := c.finish(err)
	return file, c.widths, err
}

func transactionRecord(r *TransactionRow, out []string) {
	out[0], out[1], out[2] = SafeText(r.PaymentID), string(r.Kind), SafeText(r.Provider)
	out[3], out[4], out[5] = SafeText(r.ProviderPaymentID), SafeText(r.ProviderReference), SafeText(r.NetworkReference)
	out[6], out[7], out[8] = SafeText(r.Reference), r.Amount.String(), SafeText(r.Amount.Currency)
	out[9], out[10] = amountText(r.ProviderAmount), SafeText(providerCurrency(r))
	out[11], out[12], out[13], out[14] = amountText(r.Refunded), amountText(r.Fee), amountText(r.Tax), amountText(r.Net)
	out[15], out[16], out[17] = string(r.InternalStatus), SafeText(r.ProviderStatus), SafeText(r.RawStatus)
	out[18], out[19], out[20] = string(r.Result), string(r.MatchMethod), SafeText(r.Account)
	out[21], out[22], out[23], out[24] = isoDate(r.BusinessDate), isoTime(r.CreatedAt), isoTime(r.CompletedAt), isoTime(r.ObservedAt)
}

// providerCurrency is the currency of what the provider moved; empty when that
// is not known.
func providerCurrency(r *TransactionRow) string {
	switch {
	case r.ProviderAmount != nil:
		return r.ProviderAmount.Currency
	case r.Net != nil:
		return r.Net.Currency
	default:
		return ""
	}
}

// writeExceptionsCSV also adds up, on the way, what the workbooks say about all
// exceptions together.
func writeExceptionsCSV(ctx context.Context, dir string, src Source, p Passport) (File, *exceptionTally, error) {
	c, err := createCSV(dir, "exceptions.csv", exceptionColumns)
	if err != nil {
		return File{}, nil, err
	}
	tally := newExceptionTally(p.StartedAt)
	record := make([]string, len(exceptionColumns))
	err = src.Exceptions(ctx, func(r *ExceptionRow) error {
		tally.add(r)
		exceptionRecord(r, record)
		return c.write(record)
	})
	tally.widths = c.widths
	file, err := c.finish(err)
	return file, tally, err
}

func exceptionRecord(r *ExceptionRow, out []string) {
	out[0], out[1], out[2], out[3] = SafeText(r.ID), string(r.Kind), string(r.Severity), string(r.State)
	out[4], out[5], out[6] = SafeText(r.Provider), string(r.PaymentKind), SafeText(r.PaymentID)
	out[7], out[8] = SafeText(r.ProviderPaymentID), SafeText(r.Reference)
	out[9], out[10], out[11] = amountText(r.InternalAmount), amountText(r.ProviderAmount), amountText(r.Difference)
	out[12], out[13] = SafeText(r.Currency), SafeText(r.ProviderCurrency)
	out[14], out[15], out[16] = string(r.InternalStatus), SafeText(r.ProviderStatus), SafeText(r.Account)
	out[17], out[18], out[19] = isoDate(r.BusinessDate), isoTime(r.FirstSeen), string(r.MatchMethod)
	out[20], out[21], out[22], out[23] = SafeText(r.Detail), SafeText(r.Owner), SafeText(r.Resolution), SafeText(r.Note)
}

func amountText(a *money.Amount) string {
	if a == nil {
		return ""
	}
	return a.String()
}

func isoDate(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

func isoTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
