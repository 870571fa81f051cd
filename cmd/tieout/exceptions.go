package main

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"tieout/internal/payment"
	"tieout/internal/store"
	"tieout/jobs"
)

func newExceptions(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "exceptions",
		Short: "Work on the differences that a person must look at",
		Long: `Lists exceptions and changes what people say of them: owner, resolution and note.
Every change is kept in the exception's history with who made it: --by, else
TIEOUT_USER, else the user of the operating system.

An exception is open until a run finds the difference gone (auto_resolved), or a
person closes it (resolved, ignored). Reports show a change from the next run of
the range on; so do the settled figures, where the provider's were accepted.

` + exitCodes,
		Example: `  tieout exceptions list --severity critical,high
  tieout exceptions resolve EX-261118-0004 --accept --note "agreed with the provider"
  tieout exceptions import out/2026-11-18_2026-11-20/latest/exceptions.xlsx`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newExceptionsList(o), newExceptionsShow(o), newExceptionsResolve(o), newExceptionsIgnore(o), newExceptionsAssign(o),
		newExceptionsReopen(o), newExceptionsUndo(o), newExceptionsImport(o))
	return cmd
}

// exceptionFilter are the flags that choose exceptions.
type exceptionFilter struct {
	states, kinds, severities, providers []string
	payment, owner, from, to             string
	unowned                              bool
	names                                filterNames
}

// filterNames are the flags' names. Two of them differ where a command has a flag
// of that name for what it changes.
type filterNames struct{ owner, to string }

func (n filterNames) all() []string {
	return []string{"state", "kind", "severity", "provider", "payment", n.owner, "unowned", "from", n.to}
}

func (x *exceptionFilter) addFlags(cmd *cobra.Command, names filterNames) {
	x.names = names
	f := cmd.Flags()
	f.SortFlags = false
	f.StringSliceVar(&x.states, "state", nil, "`STATE`: open, auto_resolved, resolved or ignored (several by comma)")
	f.StringSliceVar(&x.kinds, "kind", nil, "`KIND` of exception, such as amount_mismatch (several by comma)")
	f.StringSliceVar(&x.severities, "severity", nil, "`SEVERITY`: critical, high, medium or low (several by comma)")
	f.StringSliceVar(&x.providers, "provider", nil, "configured provider `NAME` (several by comma)")
	f.StringVar(&x.payment, "payment", "", "the payment with this `ID`")
	f.StringVar(&x.owner, names.owner, "", "what `NAME` works on")
	f.BoolVar(&x.unowned, "unowned", false, "what nobody works on")
	f.StringVar(&x.from, "from", "", "first business `DATE`")
	f.StringVar(&x.to, names.to, "", "last business `DATE`, included")
}

// The words that filters know.
var (
	exceptionStates     = []string{string(payment.StateOpen), string(payment.StateAutoResolved), string(payment.StateResolved), string(payment.StateIgnored)}
	exceptionSeverities = []string{string(payment.Critical), string(payment.High), string(payment.Medium), string(payment.Low)}
	exceptionKinds      = []string{
		string(payment.MissingAtProvider), string(payment.MissingInternally), string(payment.AmountMismatch), string(payment.CurrencyMismatch),
		string(payment.StatusMismatch), string(payment.ReferenceMismatch), string(payment.RecipientMismatch), string(payment.DuplicatePayment),
		string(payment.AmbiguousMatch), string(payment.StalePending), string(payment.LateReversal), string(payment.FeeMismatch),
		string(payment.SavedMethodMissing), string(payment.SettlementMismatch), string(payment.InvalidProviderData), string(payment.NotPolled),
	}
)

// filter checks the flags' words.
func (x *exceptionFilter) filter() (store.ExceptionFilter, error) {
	f := store.ExceptionFilter{
		States: x.states, Kinds: x.kinds, Severities: x.severities, Providers: x.providers,
		PaymentID: x.payment, Owner: x.owner, Unowned: x.unowned,
	}
	for _, c := range []struct {
		flag         string
		given, known []string
	}{{"state", x.states, exceptionStates}, {"kind", x.kinds, exceptionKinds}, {"severity", x.severities, exceptionSeverities}} {
		for _, word := range c.given {
			if !slices.Contains(c.known, word) {
				return f, usage("--%s %q is none of %s", c.flag, word, strings.Join(c.known, ", "))
			}
		}
	}
	for _, c := range []struct {
		flag, text string
		date       *time.Time
	}{{"from", x.from, &f.From}, {x.names.to, x.to, &f.To}} {
		if c.text == "" {
			continue
		}
		d, err := time.Parse(time.DateOnly, c.text)
		if err != nil {
			return f, usage("--%s %q is no date such as 2026-11-01", c.flag, c.text)
		}
		*c.date = d
	}
	if !f.From.IsZero() && !f.To.IsZero() && f.From.After(f.To) {
		return f, usage("--from %s is after --%s %s", x.from, x.names.to, x.to)
	}
	if x.unowned && x.owner != "" {
		return f, usage("--unowned is given together with an owner")
	}
	return f, nil
}

func usage(format string, args ...any) error {
	return &jobs.UsageError{Message: fmt.Sprintf(format, args...)}
}

// author is who makes a change: --by, else TIEOUT_USER, else the user of the
// operating system.
func author(by string) (string, error) {
	candidates := []string{by, os.Getenv("TIEOUT_USER")}
	if u, err := user.Current(); err == nil {
		candidates = append(candidates, u.Username)
	}
	for _, name := range append(candidates, os.Getenv("USER")) {
		if name = strings.TrimSpace(name); name != "" {
			return name, checkName("by", name)
		}
	}
	return "", usage("the history needs to know who makes the change: give --by NAME")
}

// checkName checks a person's name that a flag gives.
func checkName(flag, name string) error {
	switch {
	case utf8.RuneCountInString(name) > 200:
		return usage("--%s: a name has at most 200 letters", flag)
	case strings.ContainsFunc(name, unicode.IsControl):
		return usage("--%s: a name is one line of plain text", flag)
	}
	return nil
}

// checkNote keeps notes to what a cell of the workbook can hold, and give back.
func checkNote(note string) error {
	const most = 10_000
	if n := utf8.RuneCountInString(note); n > most {
		return usage("--note: a note has at most %d letters, this one has %d", most, n)
	}
	return nil
}

// defaultListed is how many rows a person wants to see at once.
const defaultListed = 50

func newExceptionsList(o *options) *cobra.Command {
	x := &exceptionFilter{}
	var limit int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List exceptions, open ones first, then by severity, then the oldest",
		Long: `Lists exceptions of every state that the filters choose. The table ends after
--limit rows and says how many there are; --json gives all, unless --limit is given.

` + exitCodes,
		Example: `  tieout exceptions list --state open --from 2026-11-01 --to 2026-11-30
  tieout exceptions list --kind amount_mismatch,duplicate_payment --provider pawapay-zm
  tieout exceptions list --state open --unowned --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := x.filter()
			if err != nil {
				return err
			}
			if limit < 0 {
				return usage("--limit %d is below zero", limit)
			}
			if asJSON && !cmd.Flags().Changed("limit") {
				limit = 0
			}
			return o.with(cmd.Context(), func(a *app) error { return o.listExceptions(cmd.Context(), a, f, limit, asJSON) })
		},
	}
	x.addFlags(cmd, filterNames{owner: "owner", to: "to"})
	cmd.Flags().IntVar(&limit, "limit", defaultListed, "at most so many `N`; 0: all")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

func (o *options) listExceptions(ctx context.Context, a *app, f store.ExceptionFilter, limit int, asJSON bool) error {
	list, total, err := a.Store.Exceptions(ctx, f, limit)
	if err != nil {
		return err
	}
	if asJSON {
		hide, err := a.Masks(ctx)
		if err != nil {
			return err
		}
		for i := range list {
			maskText(list[i].Account, hide)
		}
		return printJSON(o.out, list)
	}
	if total == 0 {
		_, _ = fmt.Fprintln(o.out, "No exception is like that.")
		return nil
	}
	t := newTable(o.out, 8, 9, 11)
	t.AppendHeader(table.Row{"Exception", "State", "Severity", "Kind", "Date", "Provider", "Payment", "Ours", "Provider's", "Currency", "Days", "Owner"})
	for _, e := range list {
		days := int(a.Now().Sub(e.FirstSeen).Hours() / 24)
		currency := e.Currency
		if currency == nil {
			currency = e.ProviderCurrency
		}
		t.AppendRow(table.Row{
			e.ID, spaced(e.State), e.Severity, spaced(e.Kind), e.BusinessDate, e.Provider, deref(e.PaymentID), deref(e.InternalAmount), deref(e.ProviderAmount), deref(currency), days, deref(e.Owner),
		})
	}
	t.Render()
	if int64(len(list)) < total {
		_, _ = fmt.Fprintf(o.out, "%d of %s; --limit 0 shows all.\n", len(list), plural(total, "exception"))
	} else {
		_, _ = fmt.Fprintf(o.out, "%s.\n", plural(total, "exception"))
	}
	return nil
}

// spaced writes a code with blanks for underscores.
func spaced(code string) string { return strings.ReplaceAll(code, "_", " ") }

func newExceptionsShow(o *options) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "show ID",
		Short:   "Show one exception with its history",
		Long:    "Shows all that is known of an exception, and every change: when, who, what, why, and from which run.\n\n" + exitCodes,
		Example: "  tieout exceptions show EX-261118-0004\n  tieout exceptions show EX-261118-0004 --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.with(cmd.Context(), func(a *app) error {
				e, history, err := a.Store.Exception(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				hide, err := a.Masks(cmd.Context())
				if err != nil {
					return err
				}
				maskText(e.Account, hide)
				if asJSON {
					return printJSON(o.out, struct {
						store.Exception
						History []store.HistoryEntry `json:"history"`
					}{*e, history})
				}
				o.showException(a, e, history)
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

func (o *options) showException(a *app, e *store.Exception, history []store.HistoryEntry) {
	money := func(amount, currency *string) any {
		if amount == nil {
			return ""
		}
		return strings.TrimSpace(*amount + " " + fmt.Sprint(deref(currency)))
	}
	t := newTable(o.out)
	for _, row := range []table.Row{
		{"Exception", e.ID},
		{"Kind", spaced(e.Kind)},
		{"Severity", e.Severity},
		{"State", spaced(e.State)},
		{"Detail", e.Detail},
		{"Provider", e.Provider},
		{"Payment kind", e.PaymentKind},
		{"Payment", deref(e.PaymentID)},
		{"Provider's id", deref(e.ProviderPaymentID)},
		{"Reference", deref(e.Reference)},
		{"Our amount", money(e.InternalAmount, e.Currency)},
		{"Provider's amount", money(e.ProviderAmount, e.ProviderCurrency)},
		{"Difference", money(e.Difference, e.Currency)},
		{"Our status", deref(e.InternalStatus)},
		{"Provider's status", deref(e.ProviderStatus)},
		{"Account", deref(e.Account)},
		{"Business date", e.BusinessDate},
		{"Matched by", deref(e.MatchMethod)},
		{"First seen", local(&e.FirstSeen, a)},
		{"Last seen", local(&e.LastSeen, a)},
		{"Last run", e.RunID},
		{"Owner", deref(e.Owner)},
		{"Resolution", deref(e.Resolution)},
		{"Note", deref(e.Note)},
	} {
		if row[1] != "" {
			t.AppendRow(row)
		}
	}
	t.Render()
	_, _ = fmt.Fprintln(o.out)
	h := newTable(o.out)
	h.AppendHeader(table.Row{"When", "Who", "What", "Before", "After", "Why", "Run"})
	for _, c := range history {
		why := deref(c.Why)
		if c.Undoes != nil && why == "" {
			why = "undo"
		}
		h.AppendRow(table.Row{local(&c.At, a), c.Who, c.What, deref(c.Before), deref(c.After), why, deref(c.RunID)})
	}
	h.Render()
}
