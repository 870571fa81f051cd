package reports

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/internal/rates"
)

// sample is an invented run: payments of three days at five providers, made
// from a seed, with planted differences and hostile texts. Its figures are
// added up from its rows, so that everything ties but what is planted.
type sample struct {
	n          int // payments
	nairobi    *time.Location
	start      time.Time
	exceptions []ExceptionRow
	figures    Figures
	lines      map[lineKey]*Line
}

type lineKey struct {
	date     time.Time
	provider string
	kind     payment.Kind
	currency string
}

// route is one provider, kind and currency of the sample.
type route struct {
	provider string
	kind     payment.Kind
	currency string
	exp      int
	least    int64 // smallest amount in whole units
	most     int64
	permille int64 // fee
	flat     int64 // fee in minor units
	weight   int
}

var routes = []route{
	{"pawapay-ug", payment.Deposit, "UGX", 0, 5_000, 1_200_000, 20, 0, 14},
	{"pawapay-ug", payment.Payout, "UGX", 0, 10_000, 2_400_000, 10, 0, 8},
	{"pawapay-zm", payment.Deposit, "ZMW", 2, 100, 5_000, 25, 0, 17},
	{"pawapay-zm", payment.Payout, "ZMW", 2, 50, 6_000, 10, 0, 10},
	{"pesaswap-ke", payment.Deposit, "KES", 2, 200, 75_000, 32, 0, 12},
	{"pesaswap-ke", payment.Deposit, "KWD", 3, 1, 400, 30, 0, 3},
	{"pesaswap-ke", payment.Deposit, "USD", 2, 20, 700, 40, 0, 6},
	{"pesaway-ke", payment.Deposit, "KES", 2, 100, 60_000, 0, 12_000, 11},
	{"pesaway-ke", payment.Payout, "KES", 2, 200, 90_000, 0, 3_400, 10},
	{"pivot-id", payment.Deposit, "IDR", 2, 50_000, 9_000_000, 0, 450_000, 5},
	{"pivot-id", payment.Payout, "IDR", 2, 1_000_000, 30_000_000, 0, 250_000, 5},
}

// hostile texts stand in the references of the first payments.
var hostile = []string{
	`=HYPERLINK("http://example.com","click")`,
	"@SUM(A1:A9)", "+254700000001", "-2+3", "'=already quoted", "\t=tab first", "\r=return first",
	"012345678901234567890123456789012345", "1E+15", "007", "order 🎉🎉", "طلب رقم ٤٠",
	"nul \x00 and bell \x07 inside", "turned \u202e round", "bad \xff byte", "two\nlines", `say "hi", twice`, "_x000D_",
}

// sampleRates lack IDR, and have none of USD that is new enough.
func sampleRates() *rates.Table {
	t, err := rates.Read(strings.NewReader("date,currency,rate\n2026-11-20,UGX,0.0345\n2026-11-19,ZMW,5.7013\n2026-11-20,KWD,421.55\n2026-11-02,USD,129.25\n"), "KES")
	if err != nil {
		panic(err)
	}
	t.File = "rates.csv"
	return t
}

func newSample(n int) *sample {
	nairobi := time.FixedZone("Africa/Nairobi", 3*60*60)
	s := &sample{
		n: n, nairobi: nairobi, lines: map[lineKey]*Line{},
		start: time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC),
	}
	day := func(d int) time.Time { return time.Date(2026, 11, d, 0, 0, 0, 0, time.UTC) }
	s.figures.Passport = Passport{
		RunID: "01KAJ7Q3W9M2T5C8ZB4E6R0HXN", From: day(18), To: day(20), Selection: "all", Location: nairobi,
		Version: 2, Coverage: "0.9950", NotPolled: 2, ConfigDigest: "sha256:9f41c0e2d7aa53b1", TieoutVersion: "1.4.0",
		StartedAt: s.start, ReadAt: s.start.Add(4 * time.Minute), Mask: true, Rates: sampleRates(),
		Notes: []string{
			"pawapay-zm, pawapay-ug: Statement of 18 to 20 November, then single status calls for what it lacks.",
			"pesaswap-ke: Lists of payments and payouts. It gives no statement.",
			"pesaway-ke: Statement imported on 21 Nov 2026 02:10, status calls.",
			"pivot-id: Status calls and the list of payouts.",
			"Of 1,000 payments, 212 needed a call of their own; the rest came from lists and statements.",
		},
		Previous: 1, PreviousReadAt: s.start.Add(-178 * time.Minute),
	}
	s.figures.Wallets = sampleWallets()
	b := newSampleTotals(s)
	for i := range n {
		row, exceptions := s.payment(i)
		b.addRow(&row)
		for j := range exceptions {
			exceptions[j].ID = fmt.Sprintf("EX-2611%02d-%04d", exceptions[j].BusinessDate.Day(), len(s.exceptions)+1)
			s.exceptions = append(s.exceptions, exceptions[j])
		}
	}
	b.addOrphans()
	b.finish()
	slices.SortStableFunc(s.exceptions, func(a, b ExceptionRow) int {
		rank := func(r ExceptionRow) int {
			if r.State == payment.StateOpen {
				return severityRank(r.Severity)
			}
			return 10
		}
		return cmp.Or(rank(a)-rank(b), a.FirstSeen.Compare(b.FirstSeen))
	})
	return s
}

func (s *sample) Transactions(ctx context.Context, row func(*TransactionRow) error) error {
	for i := range s.n {
		if err := ctx.Err(); err != nil {
			return err
		}
		r, _ := s.payment(i)
		if err := row(&r); err != nil {
			return err
		}
	}
	return nil
}

func (s *sample) Exceptions(ctx context.Context, row func(*ExceptionRow) error) error {
	for i := range s.exceptions {
		if err := ctx.Err(); err != nil {
			return err
		}
		r := s.exceptions[i]
		if err := row(&r); err != nil {
			return err
		}
	}
	return nil
}

// payment makes payment i; the same i always gives the same payment.
func (s *sample) payment(i int) (TransactionRow, []ExceptionRow) {
	rnd := rand.New(rand.NewPCG(7, uint64(i)))
	route := routes[pick(rnd)]
	minor := (route.least + rnd.Int64N(route.most-route.least)) * pow(route.exp)
	if route.exp > 0 && route.currency != "IDR" && rnd.IntN(3) == 0 {
		minor += rnd.Int64N(pow(route.exp))
	}
	created := time.Date(2026, 11, 17, 21, 0, 0, 0, time.UTC).Add(time.Duration(i) * 72 * time.Hour / time.Duration(s.n)).Truncate(time.Second)
	local := created.In(s.nairobi)
	number := fmt.Sprintf("-%s-%06d", local.Format("20060102"), 40000+i)
	amount := money.Amount{Minor: minor, Exp: route.exp, Currency: route.currency}
	completed := created.Add(time.Duration(20+rnd.IntN(400)) * time.Second)
	r := TransactionRow{
		PaymentID: uuid(rnd), Kind: route.kind, Provider: route.provider, Reference: "DP" + number,
		NetworkReference: fmt.Sprintf("SK%08X", rnd.Uint32()), Amount: amount, ProviderAmount: &amount,
		InternalStatus: payment.Pending, ProviderStatus: "completed", RawStatus: "COMPLETED", Result: payment.ResultMatched,
		MatchMethod: payment.ByProviderID, Account: "2567••••" + fmt.Sprint(100+rnd.IntN(900)),
		BusinessDate: time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC),
		CreatedAt:    created, CompletedAt: completed, ObservedAt: completed.Add(3 * time.Minute),
	}
	if route.kind == payment.Payout {
		r.Reference = "PO" + number
	}
	r.ProviderPaymentID = r.PaymentID
	if route.provider == "pesaswap-ke" {
		r.ProviderPaymentID = "pay_" + uuid(rnd)[:8] + uuid(rnd)[:12]
	}
	if i < len(hostile) {
		r.Reference = hostile[i]
	}
	r.ProviderReference = r.Reference
	fee := minor*route.permille/1000 + route.flat
	if route.provider != "pesaway-ke" || rnd.IntN(4) > 0 {
		r.Fee = &money.Amount{Minor: fee, Exp: route.exp, Currency: route.currency}
	}
	if route.provider == "pesaswap-ke" || route.provider == "pivot-id" {
		r.Tax = &money.Amount{Minor: fee * 16 / 100, Exp: route.exp, Currency: route.currency}
	}
	r.Refunded = &money.Amount{Exp: route.exp, Currency: route.currency}
	exceptions := s.outcome(i, &r, rnd)
	r.Net = netOf(&r)
	return r, exceptions
}

// netOf is what the payment did to the balance, nil where no money moved.
func netOf(r *TransactionRow) *money.Amount {
	if r.ProviderStatus != "completed" || r.ProviderAmount == nil {
		r.Refunded, r.Fee, r.Tax = nil, nil, nil
		return nil
	}
	net := r.ProviderAmount.Minor - r.Refunded.Minor
	for _, cost := range []*money.Amount{r.Fee, r.Tax} {
		if cost != nil && r.Kind == payment.Payout {
			net += cost.Minor
		} else if cost != nil {
			net -= cost.Minor
		}
	}
	return &money.Amount{Minor: net, Exp: r.ProviderAmount.Exp, Currency: r.ProviderAmount.Currency}
}

// outcome decides what became of the payment: most completed.
func (s *sample) outcome(i int, r *TransactionRow, rnd *rand.Rand) []ExceptionRow {
	switch dice := rnd.IntN(1000); {
	case dice < 830:
		return nil
	case dice < 858 && r.Kind == payment.Deposit:
		r.Refunded = &money.Amount{Minor: r.Amount.Minor * 2 / 5, Exp: r.Amount.Exp, Currency: r.Amount.Currency}
		return nil
	case dice < 900:
		s.noMoney(r, "failed", "FAILED", payment.ResultMatched)
		return nil
	case dice < 925:
		s.noMoney(r, "pending", "PROCESSING", payment.ResultPending)
		return nil
	default:
		return []ExceptionRow{s.exception(i, r, planted[i%len(planted)], rnd)}
	}
}

func (s *sample) noMoney(r *TransactionRow, status, raw string, result payment.Result) {
	r.ProviderStatus, r.RawStatus, r.Result = status, raw, result
	r.ProviderAmount, r.CompletedAt = nil, time.Time{}
}

func pick(rnd *rand.Rand) int {
	all := 0
	for _, r := range routes {
		all += r.weight
	}
	n := rnd.IntN(all)
	for i, r := range routes {
		if n -= r.weight; n < 0 {
			return i
		}
	}
	return 0
}

func pow(exp int) int64 {
	out := int64(1)
	for range exp {
		out *= 10
	}
	return out
}

func uuid(rnd *rand.Rand) string {
	a, b := rnd.Uint64(), rnd.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>52, b&0xffffffffffff)
}
