package pivot

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/provider"
)

// The balance history takes ranges of at most 31 days, not older than six
// months; whether its bounds are included, and in which zone, is not stated:
// the range is widened by a day and the rows are filtered here.
const (
	ledgerSpan  = 30 * 24 * time.Hour
	ledgerWiden = 24 * time.Hour
)

type ledgerDTO struct {
	ReferenceID      string     `json:"referenceId"`
	TransactionID    string     `json:"transactionId"`
	Date             *string    `json:"date"`
	SettlementDate   *string    `json:"settlementDate"`
	SettlementStatus string     `json:"settlementStatus"`
	BalanceType      string     `json:"balanceType"`
	TransactionType  string     `json:"transactionType"`
	Amount           *amountDTO `json:"amount"`
	Fee              *amountDTO `json:"fee"`
}

type ledgerRow struct {
	ledgerDTO
	date   time.Time
	amount money.Amount // as signed by Pivot; the sign of debits is not documented
	fee    *money.Amount
}

func (c *client) readLedgerRow(raw json.RawMessage) (ledgerRow, *failure) {
	var r ledgerRow
	f := decode(raw, &r.ledgerDTO)
	r.date, _ = instant("date", r.Date)
	switch {
	case f != nil:
		return r, f
	case r.date.IsZero():
		return r, invalid("date of a balance history row is missing or no time")
	}
	if r.amount, f = c.amount("amount", r.Amount, signed); f != nil {
		return r, f
	}
	if r.Fee != nil {
		fee, f := c.amount("fee", r.Fee, signed)
		if f != nil {
			return r, f
		}
		fee.Minor = abs(fee.Minor)
		r.fee = &fee
	}
	return r, nil
}

func abs(v int64) int64 {
	if v < 0 {
		return -v
	}
	return v
}

// ledgerEntry is a row, or why it is none; what could be read of it is there.
type ledgerEntry struct {
	ledgerRow
	fault *failure
}

// ledger hands the rows of a time range to each, an answer's together and every
// row once, as far as Pivot gives them and each wants more; why says what is
// missing.
func (c *client) ledger(ctx context.Context, from, to, now time.Time, accountType string, each func([]ledgerEntry) bool) (why string, f *failure) {
	from, to = from.Add(-ledgerWiden), to.Add(ledgerWiden)
	if now.Before(to) {
		to = now
	}
	if oldest := now.AddDate(0, -6, 0).Add(time.Hour); from.Before(oldest) {
		from, why = oldest, "Pivot's balance history reaches back six months only"
	}
	seen := map[digest]bool{}
	for start := from; start.Before(to); start = start.Add(ledgerSpan) {
		end := start.Add(ledgerSpan)
		if to.Before(end) {
			end = to
		}
		// whole seconds that hold all of the range
		until := end.UTC().Add(time.Second - 1).Truncate(time.Second)
		q := url.Values{"startDate": {start.UTC().Format(time.RFC3339)}, "endDate": {until.Format(time.RFC3339)}}
		if accountType != "" {
			q.Set("accountType", accountType)
		}
		got, f := c.pages(ctx, "/v1/balance-histories", q, c.maxPages, func(rows []json.RawMessage) bool {
			var entries []ledgerEntry
			for _, raw := range rows {
				r, f := c.readLedgerRow(raw)
				id := digestOf(r.TransactionID, r.ReferenceID, text(r.Date), r.TransactionType, r.amount.String())
				if f == nil && seen[id] {
					continue
				}
				seen[id] = true
				entries = append(entries, ledgerEntry{r, f})
			}
			return each(entries)
		})
		if f != nil && f.verdict != provider.Unknown {
			return why, f
		}
		if f == nil && !got.complete {
			why = "Pivot's balance history could not be read to the end: " + got.why
		}
	}
	return why, nil
}

// digest stands for an id in large sets.
type digest [16]byte

func digestOf(parts ...string) digest {
	sum := sha256.Sum256([]byte(strings.ToLower(strings.Join(parts, "\x00"))))
	return digest(sum[:16])
}

// feeBook finds a transaction's fee by any of the names that the ledger gave it.
type feeBook struct {
	entries map[digest]feeEntry
}

type feeEntry struct {
	minor int64
	known bool
	rows  int // several rows under one name: the fee can't be told
}

func newFeeBook() *feeBook { return &feeBook{entries: map[digest]feeEntry{}} }

// add books a row under its names.
func (b *feeBook) add(r ledgerRow, names ...string) {
	done := map[digest]bool{}
	for _, name := range names {
		id := digestOf(name, r.amount.Currency)
		if name == "" || done[id] {
			continue
		}
		done[id] = true
		e := b.entries[id]
		e.rows++
		if r.fee != nil && r.fee.Currency == r.amount.Currency {
			e.minor, e.known = r.fee.Minor, true
		}
		b.entries[id] = e
	}
}

// fee gives the fee booked under the first of the names that the ledger knows;
// nil when it states none or several.
func (b *feeBook) fee(a money.Amount, names ...string) *money.Amount {
	if b == nil {
		return nil
	}
	for _, name := range names {
		if e, ok := b.entries[digestOf(name, a.Currency)]; ok && name != "" {
			if e.rows != 1 || !e.known {
				return nil
			}
			return &money.Amount{Minor: e.minor, Exp: a.Exp, Currency: a.Currency}
		}
	}
	return nil
}

// paidLate is how long after a deposit was made its fee is looked for; what is
// paid later keeps its fee unknown.
const paidLate = 3 * 24 * time.Hour

// loadDepositFees reads the fees of deposits made in a range, unless the
// statement of the same range has brought them along.
func (c *client) loadDepositFees(ctx context.Context, q provider.ListQuery) {
	c.mu.Lock()
	known := c.depositFees != nil && c.feesFrom.Equal(q.From) && c.feesTo.Equal(q.To)
	c.mu.Unlock()
	if known {
		return
	}
	book := newFeeBook()
	_, f := c.ledger(ctx, q.From, q.To.Add(paidLate), q.Now, "", func(entries []ledgerEntry) bool {
		book.addDeposits(entries)
		return true
	})
	if f != nil {
		book = nil
	}
	c.keepDepositFees(book, q.From, q.To)
}

func (c *client) keepDepositFees(book *feeBook, from, to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.depositFees, c.feesFrom, c.feesTo = book, from, to
}

// addDeposits books the rows that are deposits'.
func (b *feeBook) addDeposits(entries []ledgerEntry) {
	for _, r := range entries {
		if r.fault == nil && paymentRow(r.TransactionType) {
			b.add(r.ledgerRow, r.TransactionID, r.ReferenceID)
		}
	}
}

// paymentRow tells a deposit's row by its display text ("VA Payment"), as the
// ledger shows no code; fees and refunds have rows of their own.
func paymentRow(display string) bool {
	d := strings.ToLower(display)
	for _, other := range []string{"fee", "refund", "withdraw", "merchant"} {
		if strings.Contains(d, other) {
			return false
		}
	}
	return strings.Contains(d, "payment")
}

// addFees fills Fee of completed deposits from the ledger that was listed last.
// Whether its transactionId is the session's or the charge's is not
// documented: both are tried, and the reference after them.
func (c *client) addFees(s session, txs []payment.Transaction) {
	c.mu.Lock()
	book := c.depositFees
	c.mu.Unlock()
	for i, t := range txs {
		if t.Status != payment.Completed {
			continue
		}
		names := []string{t.ID}
		if !s.multiple { // the charges of a MULTIPLE session share session and reference
			for _, ch := range s.success() {
				names = append(names, ch.ID)
			}
			names = append(names, t.Reference)
		}
		txs[i].Fee = book.fee(t.Amount, names...)
	}
}

// payoutFee gives a payout's fee as the ledger that was listed last states it.
func (c *client) payoutFee(t payment.Transaction) *money.Amount {
	if t.Status != payment.Completed {
		return nil
	}
	c.mu.Lock()
	book := c.payoutFees
	c.mu.Unlock()
	return book.fee(t.Amount, t.ID+"/"+t.Reference, t.Reference)
}
