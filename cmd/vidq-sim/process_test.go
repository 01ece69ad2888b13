package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asCommand makes the test program be vidq-sim: tests of signals and of whole
// processes start it so.
const asCommand = "VIDQ_SIM_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	os.Exit(m.Run())
}

// hang is when a process counts as hanging: no test waits so long for anything.
const hang = time.Minute

// process is vidq-sim in a process of its own.
type process struct {
	*exec.Cmd
	out, err bytes.Buffer
}

func newProcess(t *testing.T, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	t.Cleanup(cancel)
	p := &process{Cmd: exec.CommandContext(ctx, self, args...)}
	p.Env = append(os.Environ(), asCommand+"=1", "GORACE=atexit_sleep_ms=0") // the race detector's second at the exit is no part of it
	p.Stdout, p.Stderr = &p.out, &p.err
	return p
}

// code waits for the process and returns its exit code, -1 if a signal ended it.
func (p *process) code(t *testing.T) int {
	t.Helper()
	err := p.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	require.NotEqual(t, syscall.SIGKILL, p.ProcessState.Sys().(syscall.WaitStatus).Signal(), "it hangs: %v", p.Args[1:])
	return p.ProcessState.ExitCode()
}
