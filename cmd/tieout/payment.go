package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tieout/internal/mask"
	"tieout/internal/provider/redact"
	"tieout/internal/store"
)

func newPayment(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "payment",
		Short: "One payment's whole story",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newPaymentShow(o))
	return cmd
}

func newPaymentShow(o *options) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show all that is known of one payment, in order of time",
		Long: `Shows the merchant's own record of a payment, and then in order of time: every
answer of the provider as it was kept (when, by which run, HTTP status, duration,
digest and body), the callbacks and what became of them, the provider's
transactions, what runs made of it, its exceptions with their history, and the
outcome that stands.

Bodies are kept without secrets, card and account data. Account numbers and
customer ids are masked where reports.mask says so.`,
		Example: "  tieout payment show P-000123\n  tieout payment show P-000123 --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.with(cmd.Context(), func(a *app) error {
				story, err := a.Store.Story(cmd.Context(), a.Ledger, a.LedgerRules(), args[0])
				if errors.Is(err, store.ErrNoPayment) {
					return fmt.Errorf("payment %s: neither the ledger nor any run knows it", args[0])
				}
				if err != nil {
					return err
				}
				if err := a.maskStory(cmd.Context(), story); err != nil {
					return err
				}
				if asJSON {
					return printJSON(o.out, story)
				}
				return printStory(o.out, story, a.Config.Location)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

// maskStory hides what reports.mask and reports.mask_metadata hide.
func (a *app) maskStory(ctx context.Context, s *store.Story) error {
	if !a.Config.Reports.Mask {
		return nil
	}
	hide, err := a.Masks(ctx)
	if err != nil {
		return err
	}
	s.Payment.Account, s.Payment.CustomerID = hide(s.Payment.Account), hide(s.Payment.CustomerID)
	shown := maps.Clone(s.Payment.Metadata)
	for _, key := range a.Config.Reports.MaskMetadata {
		if v, ok := shown[key]; ok {
			shown[key] = hide(v)
		}
	}
	s.Payment.Metadata = shown
	body := func(raw json.RawMessage) json.RawMessage { return redact.Named(raw, a.personal, hide) }
	for i := range s.Events {
		e := &s.Events[i]
		switch {
		case e.Transaction != nil:
			maskText(e.Transaction.Account, hide)
		case e.Exception != nil:
			maskText(e.Exception.Account, hide)
		case e.Observation != nil:
			e.Observation.Body = body(e.Observation.Body)
		case e.Callback != nil:
			e.Callback.Body = body(e.Callback.Body)
		}
	}
	return nil
}

// personal names the values of kept bodies that reports hide: customer ids, and
// metadata marked as personal. Numbers of phones and accounts are not in them.
func (a *app) personal(under, key string) bool {
	switch key {
	case "customer_id", "customerId":
		return true
	case "id":
		return under == "customer"
	default:
		return slices.Contains(a.Config.Reports.MaskMetadata, key)
	}
}

func maskText(s *string, hide mask.Func) {
	if s != nil {
		*s = hide(*s)
	}
}

// teller writes a story; the first error ends it.
type teller struct {
	w    io.Writer
	zone *time.Location
	err  error
}

func (t *teller) line(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format+"\n", args...)
	}
}

// field writes a named value, if there is one.
func (t *teller) field(name string, value any) {
	text := fmt.Sprint(value)
	if p, ok := value.(*string); ok {
		text = ""
		if p != nil {
			text = *p
		}
	}
	if text != "" {
		t.line("    %-20s %s", name, printable(text))
	}
}

// printable keeps what came from outside from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return '·'
		}
		return r
	}, s)
}

// body writes a kept body, indented.
func (t *teller) body(raw json.RawMessage) {
	var b bytes.Buffer
	if len(raw) == 0 {
		return
	}
	text := ""
	if json.Unmarshal(raw, &text) != nil {
		if json.Indent(&b, raw, "      ", "  ") != nil {
			return
		}
		text = b.String()
	}
	for i, l := range strings.Split(text, "\n") {
		if i == 0 {
			l = "      " + l
		}
		t.line("%s", printable(l))
	}
}

// storyTime is how a story writes times, in the business zone.
const storyTime = "2006-01-02 15:04:05"

func (t *teller) when(at time.Time) string { return at.In(t.zone).Format(storyTime) }

func printStory(w io.Writer, s *store.Story, zone *time.Location) error {
	t := &teller{w: w, zone: zone}
	t.payment(s.Payment)
	for _, c := range s.Contradictions {
		t.line("\nContradiction: %s", printable(c.Sentence(zone, storyTime)))
	}
	if o := s.Outcome; o != nil {
		held := ""
		if o.Held {
			held = ", held: no machine should act on it"
		}
		t.line("\nOutcome: %s%s (decided %s by run %s)", o.Status, held, t.when(o.DecidedAt), o.RunID)
		t.field("failure", o.FailureCode)
	} else {
		t.line("\nOutcome: none yet")
	}
	for _, e := range s.Events {
		t.line("")
		t.event(e)
	}
	return t.err
}

func (t *teller) payment(p store.StoryPayment) {
	t.line("Payment %s: %s of %s %s at %s", printable(p.ID), p.Kind, p.Amount, p.Currency, p.Provider)
	t.field("status", p.Status)
	t.field("provider's id", p.ProviderPaymentID)
	t.field("reference", p.Reference)
	t.field("account", p.Account)
	t.field("customer", p.CustomerID)
	t.field("created", t.when(p.CreatedAt))
	if p.UpdatedAt != nil {
		t.field("updated", t.when(*p.UpdatedAt))
	}
	if strings.Trim(p.Refunded, "0.") != "" {
		t.field("refunded by us", p.Refunded)
	}
	t.field("refund ids", strings.Join(p.RefundIDs, ", "))
	for _, k := range slices.Sorted(maps.Keys(p.Metadata)) {
		t.field("metadata "+printable(k), p.Metadata[k])
	}
}

func (t *teller) event(e store.StoryEvent) {
	at := t.when(e.At)
	switch {
	case e.Observation != nil:
		t.observation(at, e.Observation)
	case e.Callback != nil:
		t.callback(at, e.Callback)
	case e.Transaction != nil:
		t.transaction(at, e.Transaction)
	case e.Statement != nil:
		t.statement(at, e.Statement)
	case e.Result != nil:
		r := e.Result
		t.line("%s  run %s: %s", at, r.RunID, r.Result)
		t.field("outcome", r.Outcome)
		t.field("found by", r.MatchMethod)
		t.field("provider said", r.RawStatus)
	case e.Exception != nil:
		x := e.Exception
		t.line("%s  exception %s: %s, %s, %s", at, x.ID, x.Kind, x.Severity, x.State)
		t.field("detail", x.Detail)
		t.field("owner", x.Owner)
		t.field("resolution", x.Resolution)
		t.field("note", x.Note)
	case e.Change != nil:
		c := e.Change
		t.line("%s  %s changed exception %s: %s", at, printable(c.Who), c.ExceptionID, c.What)
		t.field("before", c.Before)
		t.field("after", c.After)
		t.field("why", c.Why)
	}
}

func (t *teller) observation(at string, o *store.StoryObservation) {
	answer := "no answer"
	if o.HTTPStatus != nil {
		answer = fmt.Sprintf("HTTP %d", *o.HTTPStatus)
	}
	what := "asked"
	if o.List {
		what = "listed; its row of the page"
	}
	t.line("%s  %s: %s %s: %s in %d ms (run %s, observation %d)", at, what, o.Method, printable(o.Path), answer, o.DurationMS, o.RunID, o.ID)
	t.field("error", o.Error)
	t.field("sha256", o.Digest)
	t.body(o.Body)
}

func (t *teller) callback(at string, c *store.StoryCallback) {
	verdict := "not looked at yet"
	if c.Verdict != nil {
		verdict = *c.Verdict
	}
	if c.Used {
		verdict += ", taken as an answer"
	}
	t.line("%s  callback %d: %s", at, c.ID, verdict)
	t.field("why", c.Reason)
	t.field("event", c.Event)
	t.field("says", c.Status)
	t.field("run", c.RunID)
	t.field("sha256", c.Digest)
	t.body(c.Body)
}

func (t *teller) statement(at string, x *store.StoryStatement) {
	t.line("%s  statement: %s, %s (imported %s, row %d)", at, x.Entry, x.Status, t.when(x.ImportedAt), x.Row)
	t.field("amount", x.Amount+" "+x.Currency)
	t.field("fee", x.Fee)
	t.field("tax", x.Tax)
	t.field("provider's id", x.ProviderPaymentID)
	t.field("reference", x.Reference)
	t.field("sha256", x.File)
}

func (t *teller) transaction(at string, x *store.StoryTransaction) {
	raw := ""
	if x.RawStatus != "" {
		raw = " (" + printable(x.RawStatus) + ")"
	}
	t.line("%s  transaction %s: %s%s, by %s, last asked %s (run %s)", at, printable(x.ID), x.Status, raw, x.Source, t.when(x.AskedAt), x.RunID)
	t.field("amount", x.Amount+" "+x.Currency)
	t.field("really moved", x.Settled)
	t.field("refunded", x.Refunded)
	t.field("fee", x.Fee)
	t.field("tax", x.Tax)
	t.field("reference", x.Reference)
	t.field("network reference", x.NetworkReference)
	t.field("account", x.Account)
	t.field("waits for us to", x.NeedsAction)
	t.field("failure", x.FailureCode)
	t.field("failure text", x.FailureMessage)
	t.field("created", t.when(x.CreatedAt))
	if x.CompletedAt != nil {
		t.field("completed", t.when(*x.CompletedAt))
	}
}
