// Command vidq-sim simulates scenarios of video queries on edge and cloud and tells
// how each scheduler served them. `vidq-sim --help` shows what it can do; docs/result.md
// describes its result document.
//
// It is flags, wiring and output only. Reading guide: main.go starts it, root.go has
// the commands and their flags, run.go the run command from its flags to its exit
// code, batch.go the replications over the cores, interrupt.go how soon they end on
// Ctrl-C, folder.go and csv.go the run folder; what people read is in internal/cli. The compare
// command is in compare.go from its flags (compare_flags.go) on: compare_point.go plays a
// scenario, compare_warmup.go and compare_static.go find its warm-up and its best static
// plan, compare_counts.go says which scenarios tell schedulers apart, compare_rank.go
// ranks, compare_table.go and compare_files.go write. The tune command is in tune.go;
// tune_search.go is its search, tune_files.go writes what it found, specs.go reads that
// again. reproduce.go simulates AWStream's evaluation from its public data
// (awstream_scenario.go makes the scenarios, reproduce_table.go the tables). wire.go joins
// the packages to it; tests put fakes there.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"vidq/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C kills
	context.AfterFunc(ctx, func() { answer(os.Stderr) })
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// answerAfter is how long a command may take to end after an interrupt before it says
// that it has heard: what it has is written first, and that may be much.
const answerAfter = 120 * time.Millisecond

// answer tells people that an interrupt was heard, unless the process ends before.
func answer(stderr io.Writer) {
	time.Sleep(answerAfter)
	_, _ = fmt.Fprintln(stderr, "vidq-sim: stopping: writing what there is; Ctrl-C again to stop at once")
}

// run is the whole command: it returns the exit code. Cancelling ctx ends a run with
// what it has.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return newApp(stdin, stdout, stderr).run(ctx, args)
}

func (a *app) run(ctx context.Context, args []string) int {
	root := a.rootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil {
		a.tell("vidq-sim: %v\n", err)
	}
	return cli.Code(err)
}

// tell writes to people on stderr; when that fails there is nobody to tell.
func (a *app) tell(format string, args ...any) {
	_, _ = fmt.Fprintf(a.stderr, format, args...)
}
