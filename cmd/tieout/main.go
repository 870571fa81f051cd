// Command tieout reconciles and settles payouts and deposits.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"tieout/config"
	"tieout/internal/store"
	"tieout/jobs"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(code)
}

// run maps what a command returned to an exit code; see exitCodes.
func run(ctx context.Context, args []string, io streams) int {
	root := newRoot(io)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	code := exitCode(ctx, err)
	var silent *exit
	if err != nil && !errors.As(err, &silent) {
		_, _ = fmt.Fprintln(io.err, "tieout:", err)
	}
	return code
}

// exit ends a command with a code and no message: what there is to say was said.
type exit struct{ code int }

func (e *exit) Error() string { return fmt.Sprintf("exit %d", e.code) }

func exitCode(ctx context.Context, err error) int {
	var ex *exit
	var usage *jobs.UsageError
	var conf *config.Error
	var busy *store.BusyError
	switch {
	case err == nil:
		return jobs.ExitDone
	case errors.As(err, &ex):
		return ex.code
	case errors.As(err, &usage), errors.As(err, &conf):
		return jobs.ExitUsage
	case errors.As(err, &busy):
		return jobs.ExitBusy
	case ctx.Err() != nil:
		return jobs.ExitInterrupt
	default:
		return jobs.ExitFailed
	}
}
