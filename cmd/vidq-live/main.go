// Command vidq-live runs a scenario in real time: cloud, edges and their services with HTTP
// ports, the protocol of the original, and a store that survives. `vidq-live --help` shows
// what it can do.
//
// It is flags, wiring and output only. Reading guide: main.go starts it, root.go has the
// commands and their flags. run.go is the run command from its flags to its exit code; parts.go makes
// what a system is put together from: scenario, store, clock, access. console.go tells what goes on. peer.go reaches
// a running system for submit.go, status.go and stop.go; words.go says plans and queries in
// words.
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
	context.AfterFunc(ctx, func() {
		time.Sleep(twice)
		stop() // a second Ctrl-C kills
	})
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// twice is how soon a second signal is the same Ctrl-C: a shell, make and timeout(1) may each pass
// it on.
const twice = 500 * time.Millisecond

// app is the command with everything that it reaches outside of itself.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	version        string
}

// run is the whole command: it returns the exit code. Cancelling ctx ends a system.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{stdin, stdout, stderr, cli.Version()}
	root := a.rootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil {
		a.tell("vidq-live: %v\n", err)
	}
	return cli.Code(err)
}

// tell writes to people on stderr; when that fails there is nobody to tell.
func (a *app) tell(format string, args ...any) {
	_, _ = fmt.Fprintf(a.stderr, format, args...)
}

// print writes text to stdout.
func (a *app) print(format string, args ...any) error {
	if _, err := fmt.Fprintf(a.stdout, format, args...); err != nil {
		return fmt.Errorf("stdout: %w", err)
	}
	return nil
}
