package main

import (
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"tieout/jobs"
)

// version is set by the build.
var version = "dev"

// tieoutVersion is the build's version, else what Go knows of the module.
func tieoutVersion() string {
	if version != "dev" {
		return version
	}
	if b, ok := debug.ReadBuildInfo(); ok && b.Main.Version != "" && b.Main.Version != "(devel)" {
		return b.Main.Version
	}
	return version
}

// streams are the command's standard ones.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// options are the flags of every command.
type options struct {
	streams
	configPath string
	logFormat  string
	logLevel   string
}

// exitCodes stands in the help of every command that runs jobs.
const exitCodes = `Exit codes:
  0    done
  1    failed, nothing was published
  2    wrong usage or configuration
  3    published, but some payments could not be asked for (not_polled); outranks 5
  4    another run holds an overlapping range of one of the same providers
  5    exceptions exist and --fail-on-exceptions was given
  6    the import is done, but rows were set aside
  130  interrupted`

func newRoot(io streams) *cobra.Command {
	o := &options{streams: io}
	root := &cobra.Command{
		Use:   "tieout",
		Short: "Reconciles and settles payouts and deposits",
		Long: `tieout pulls a merchant's payouts and deposits from Postgres, asks the payment
providers what became of them, matches both sides, and publishes settlement and
exception reports as CSV and XLSX, into files and into Postgres.

Begin with:
  tieout demo                  all of it, with no set-up
  tieout config check          after filling in tieout.yaml
  tieout doctor                tries the database and the providers
  tieout run --yesterday       what cron starts every night

` + exitCodes,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(io.in)
	root.SetOut(io.out)
	root.SetErr(io.err)
	root.CompletionOptions.DisableDefaultCmd = true
	f := root.PersistentFlags()
	f.StringVar(&o.configPath, "config", "", "configuration `FILE` (default: TIEOUT_CONFIG, then ./tieout.yaml)")
	f.StringVar(&o.logFormat, "log-format", "", "`FORMAT` of the log: json or console (default: console on a terminal, else json)")
	f.StringVar(&o.logLevel, "log-level", "", "`LEVEL` of the log: debug, info, warn or error (default: warn on a terminal, else info)")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return &jobs.UsageError{Message: err.Error() + " (see --help)"}
	})
	root.AddCommand(newRun(o), newStep(o, jobs.Pull), newStep(o, jobs.Poll), newStep(o, jobs.Match), newStep(o, jobs.Settle), newStep(o, jobs.Report),
		newSchedule(o), newImport(o), newExceptions(o), newPayment(o), newRuns(o), newClose(o), newDeliver(o), newPrune(o), newMigrate(o), newConfig(o), newDoctor(o), newDemo(o), newSandbox(o), newVersion(o))
	usageArgs(root)
	return root
}

// usageArgs makes wrong arguments wrong usage.
func usageArgs(c *cobra.Command) {
	check := c.Args
	c.Args = func(cmd *cobra.Command, args []string) error {
		if cmd.HasSubCommands() && len(args) > 0 {
			return &jobs.UsageError{Message: "unknown command " + strings.Join(args, " ") + " (see `" + cmd.CommandPath() + " --help`)"}
		}
		if check == nil {
			return nil
		}
		if err := check(cmd, args); err != nil {
			return &jobs.UsageError{Message: err.Error() + " (see `" + cmd.CommandPath() + " --help`)"}
		}
		return nil
	}
	for _, sub := range c.Commands() {
		usageArgs(sub)
	}
}

// isTerminal tells whether a person looks on.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// logger makes the log: on standard error, quiet where a person looks on.
func (o *options) logger() (zerolog.Logger, error) {
	person := isTerminal(o.err)
	level := zerolog.InfoLevel
	if person {
		level = zerolog.WarnLevel
	}
	if o.logLevel != "" {
		l, err := zerolog.ParseLevel(o.logLevel)
		if err != nil || l < zerolog.DebugLevel || l > zerolog.ErrorLevel {
			return zerolog.Logger{}, &jobs.UsageError{Message: "--log-level " + o.logLevel + " is none of debug, info, warn, error"}
		}
		level = l
	}
	w := o.err
	switch {
	case o.logFormat == "console" || o.logFormat == "" && person:
		w = zerolog.ConsoleWriter{Out: o.err, NoColor: !person, TimeFormat: "15:04:05"}
	case o.logFormat != "" && o.logFormat != "json":
		return zerolog.Logger{}, &jobs.UsageError{Message: "--log-format " + o.logFormat + " is neither json nor console"}
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger(), nil
}
