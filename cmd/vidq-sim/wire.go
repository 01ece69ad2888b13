package main

import (
	"context"
	"io"
	"os"
	"time"

	"vidq/core"
	"vidq/core/result"
	"vidq/core/sched"
	"vidq/internal/cli"
	"vidq/scenarios"
	"vidq/sim"

	"golang.org/x/term"
)

// app is the command with everything that it reaches outside of itself.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	terminal       bool // stderr is one
	now            func() time.Time
	version        string
	suite          func() []string
	needsTruth     func(scheduler string) bool
	load           func(name string, set []string) (*scenarios.Scenario, error)
	simulate       func(ctx context.Context, s *scenarios.Scenario, j job) (*result.Run, error)
}

// job is one run: a scheduler on one world.
type job struct {
	scenario  *scenarios.Scenario // nil = its experiment's
	scheduler sched.Spec
	seed      uint64
	until     core.Time // 0 = the scenario's duration
	sink      result.Sink
	frames    result.FrameSink
	series    *result.Series
	progress  func(now core.Time) // may be nil
	noTrace   bool                // nobody looks at the trace's hash
}

func newApp(stdin io.Reader, stdout, stderr io.Writer) *app {
	f, ok := stderr.(*os.File)
	return &app{
		stdin: stdin, stdout: stdout, stderr: stderr,
		terminal:   ok && term.IsTerminal(int(f.Fd())),
		now:        time.Now,
		version:    cli.Version(),
		suite:      scenarios.Suite,
		needsTruth: func(name string) bool { return sched.Describe(name).NeedsTruth },
		load:       scenarios.Load,
		simulate:   simulate,
	}
}

// simulate runs a job in the simulator.
func simulate(ctx context.Context, s *scenarios.Scenario, j job) (*result.Run, error) {
	start := time.Now()
	return sim.Run(ctx, s, sim.Options{
		Scheduler: j.scheduler, Seed: j.seed, Until: j.until,
		Sink: j.sink, Frames: j.frames, Series: j.series, Progress: j.progress, NoTrace: j.noTrace,
		Clock: func() core.Time { return core.Time(time.Since(start)) },
	})
}
