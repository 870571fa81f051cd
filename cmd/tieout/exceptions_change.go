package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"tieout/internal/payment"
	"tieout/internal/store"
	"tieout/reports"
)

// exceptionChange are the flags of a command that changes exceptions: which, by
// ids or by filter, and who does it.
type exceptionChange struct {
	*options
	filter      exceptionFilter
	allMatching bool
	yes, asJSON bool
	by          string
}

// addFlags names the filter's last date to: assign has a flag of the usual name.
func (c *exceptionChange) addFlags(cmd *cobra.Command, to string) {
	c.addWho(cmd)
	f := cmd.Flags()
	f.BoolVar(&c.allMatching, "all-matching", false, "change all that the filters below choose, instead of IDs")
	f.BoolVar(&c.yes, "yes", false, "with --all-matching: yes, also when they are several")
	c.filter.addFlags(cmd, filterNames{owner: "current-owner", to: to})
}

func (c *exceptionChange) addWho(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&c.by, "by", "", "`NAME` for the history (default: TIEOUT_USER, then the user of the operating system)")
	f.BoolVar(&c.asJSON, "json", false, "say what was changed as JSON")
}

// chosen are the ids or the filter; states hold where no state is asked for.
func (c *exceptionChange) chosen(cmd *cobra.Command, ids []string, states ...payment.ExceptionState) (store.ExceptionFilter, error) {
	if !c.allMatching {
		for _, name := range append(c.filter.names.all(), "yes") {
			if cmd.Flags().Changed(name) {
				return store.ExceptionFilter{}, usage("--%s goes with --all-matching", name)
			}
		}
		if len(ids) == 0 {
			return store.ExceptionFilter{}, usage("name the exceptions by their IDs, or choose them by filters and --all-matching")
		}
		return store.ExceptionFilter{IDs: ids}, nil
	}
	if len(ids) > 0 {
		return store.ExceptionFilter{}, usage("--all-matching is given together with IDs")
	}
	f, err := c.filter.filter()
	if err != nil {
		return f, err
	}
	if len(f.States) == 0 {
		for _, s := range states {
			f.States = append(f.States, string(s))
		}
	}
	return f, nil
}

// apply makes the change and says so: done is the word for it, such as "resolved".
func (c *exceptionChange) apply(ctx context.Context, f store.ExceptionFilter, change store.ExceptionChange, done string) error {
	var err error
	if change.Who, err = author(c.by); err != nil {
		return err
	}
	return c.with(ctx, func(a *app) error {
		if c.allMatching {
			_, total, err := a.Store.Exceptions(ctx, f, 1)
			if err != nil {
				return err
			}
			if total > 1 && !c.yes {
				return usage("the filters choose %d exceptions: add --yes to change them all (`tieout exceptions list` shows them)", total)
			}
			if total > 0 {
				_, _ = fmt.Fprintf(c.err, "The filters choose %s.\n", plural(total, "exception"))
			}
		}
		got, err := a.Store.ChangeExceptions(ctx, f, change)
		if err != nil {
			return err
		}
		return c.say(got, done)
	})
}

func (c *exceptionChange) say(got store.Changed, done string) error {
	if c.asJSON {
		return printJSON(c.out, got)
	}
	n := int64(len(got.IDs))
	switch {
	case n == 0 && got.Unchanged == 0:
		_, _ = fmt.Fprintln(c.out, "No exception is like that; nothing was changed.")
	case got.Unchanged == 0:
		_, _ = fmt.Fprintf(c.out, "%s %s.\n", plural(n, "exception"), done)
	default:
		_, _ = fmt.Fprintf(c.out, "%s %s, %d so before.\n", plural(n, "exception"), done, got.Unchanged)
	}
	return nil
}

// given is a flag's value, nil where it is not given.
func given(cmd *cobra.Command, flag, value string) *string {
	if !cmd.Flags().Changed(flag) {
		return nil
	}
	return &value
}

func newExceptionsResolve(o *options) *cobra.Command {
	c := &exceptionChange{options: o}
	var resolution, note, owner string
	var accept bool
	cmd := &cobra.Command{
		Use:   "resolve ID...",
		Short: "Close exceptions with a resolution",
		Long: `Closes exceptions. The resolutions are:
  accepted                take the provider's figures: from the next run of the
                          range on the payment counts as matched at these
  corrected_by_us         our own record was corrected
  corrected_by_provider   the provider corrected its record
  refunded                the money came back, or was given back
  written_off             the difference is borne as a loss or a gain
  ignored                 no difference that matters: closed as ignored
With any other than accepted the payment stays out of the settled totals. Where
nobody owns an exception, who closes it does.

By filter (--all-matching) only open ones are closed, unless --state says otherwise.

` + exitCodes,
		Example: `  tieout exceptions resolve EX-261118-0004 --accept --note "agreed by mail"
  tieout exceptions resolve EX-261118-0004 EX-261118-0007 --resolution refunded --owner jane
  tieout exceptions resolve --all-matching --kind fee_mismatch --provider pawapay-zm --resolution written_off --yes`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case accept && resolution != "":
				return usage("--accept is given together with --resolution")
			case accept:
				resolution = store.ResolutionAccepted
			case resolution == "":
				return usage("--resolution is needed (or --accept)")
			}
			code, ok := reports.ResolutionCode(resolution)
			if !ok {
				return usage("--resolution %q is none of accepted, corrected_by_us, corrected_by_provider, refunded, written_off, ignored", resolution)
			}
			if err := cmp.Or(checkName("owner", owner), checkNote(note)); err != nil {
				return err
			}
			f, err := c.chosen(cmd, args, payment.StateOpen)
			if err != nil {
				return err
			}
			return c.apply(cmd.Context(), f, store.ExceptionChange{
				Why: note, Resolution: &code, Owner: given(cmd, "owner", owner), Note: given(cmd, "note", note),
			}, "resolved as "+spaced(code))
		},
	}
	f := cmd.Flags()
	f.StringVar(&resolution, "resolution", "", "`CODE` of what was done, see above")
	f.BoolVar(&accept, "accept", false, "the same as --resolution accepted")
	f.StringVar(&note, "note", "", "`TEXT` that stands in the reports")
	f.StringVar(&owner, "owner", "", "`NAME` of who answers for it")
	c.addFlags(cmd, "to")
	return cmd
}

func newExceptionsIgnore(o *options) *cobra.Command {
	c := &exceptionChange{options: o}
	var note string
	cmd := &cobra.Command{
		Use:   "ignore ID...",
		Short: "Close exceptions that do not matter",
		Long: `Closes exceptions as ignored. By filter (--all-matching) only open ones are
closed, unless --state says otherwise.

` + exitCodes,
		Example: `  tieout exceptions ignore EX-261118-0004 --note "test payment"
  tieout exceptions ignore --all-matching --kind saved_method_missing --to 2026-10-31 --yes`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkNote(note); err != nil {
				return err
			}
			f, err := c.chosen(cmd, args, payment.StateOpen)
			if err != nil {
				return err
			}
			ignored := store.ResolutionIgnored
			return c.apply(cmd.Context(), f, store.ExceptionChange{Why: note, Resolution: &ignored, Note: given(cmd, "note", note)}, "ignored")
		},
	}
	cmd.Flags().StringVar(&note, "note", "", "`TEXT` that stands in the reports")
	c.addFlags(cmd, "to")
	return cmd
}

func newExceptionsAssign(o *options) *cobra.Command {
	c := &exceptionChange{options: o}
	var to string
	cmd := &cobra.Command{
		Use:   "assign ID... --to OWNER",
		Short: "Say who works on exceptions",
		Long: `Gives exceptions an owner; --to "" takes it away. By filter (--all-matching) only
open ones are assigned, unless --state says otherwise.

` + exitCodes,
		Example: `  tieout exceptions assign EX-261118-0004 EX-261118-0007 --to jane
  tieout exceptions assign --all-matching --unowned --provider pesaway-ke --to ali --yes`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("to") {
				return usage("--to OWNER is needed")
			}
			to = strings.TrimSpace(to)
			if err := checkName("to", to); err != nil {
				return err
			}
			f, err := c.chosen(cmd, args, payment.StateOpen)
			if err != nil {
				return err
			}
			done := "assigned to " + to
			if to == "" {
				done = "without an owner now"
			}
			return c.apply(cmd.Context(), f, store.ExceptionChange{Owner: &to}, done)
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "`OWNER`: who works on it")
	c.addFlags(cmd, "until")
	return cmd
}

func newExceptionsReopen(o *options) *cobra.Command {
	c := &exceptionChange{options: o}
	var why string
	cmd := &cobra.Command{
		Use:   "reopen ID...",
		Short: "Open closed exceptions again",
		Long: `Opens exceptions again and takes their resolution away; owner and note stay. By
filter (--all-matching) closed ones of every state are opened, unless --state
says otherwise. What a run finds gone, it closes again.

` + exitCodes,
		Example: "  tieout exceptions reopen EX-261118-0004 --why \"the refund never came\"",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := c.chosen(cmd, args, payment.StateResolved, payment.StateIgnored, payment.StateAutoResolved)
			if err != nil {
				return err
			}
			none := ""
			return c.apply(cmd.Context(), f, store.ExceptionChange{Why: why, Resolution: &none}, "open again")
		},
	}
	cmd.Flags().StringVar(&why, "why", "", "`TEXT` for the history")
	c.addFlags(cmd, "to")
	return cmd
}

func newExceptionsUndo(o *options) *cobra.Command {
	c := &exceptionChange{options: o}
	var why string
	cmd := &cobra.Command{
		Use:   "undo ID...",
		Short: "Take back the last change that a person made",
		Long: `Takes back, for each ID, the last change that a person made, whoever it was, with
all its fields at once; done again, the one before it. An undo is a change of its
own in the history. Where another change stands on top of it, nothing is undone.

` + exitCodes,
		Example: "  tieout exceptions undo EX-261118-0004 --why \"wrong payment\"",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			who, err := author(c.by)
			if err != nil {
				return err
			}
			return c.with(cmd.Context(), func(a *app) error {
				got, err := a.Store.UndoExceptions(cmd.Context(), args, who, why)
				if err != nil {
					return err
				}
				return c.say(got, "as before the last change")
			})
		},
	}
	cmd.Flags().StringVar(&why, "why", "", "`TEXT` for the history")
	c.addWho(cmd)
	return cmd
}
