package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"vidq/core"
	"vidq/core/result"
	"vidq/internal/cli"
	"vidq/live"
	"vidq/live/serve"
)

// runOptions are the flags of a run.
type runOptions struct {
	scheduler string
	seed      uint64
	set       []string
	until     time.Duration // 0 = until ctx ends
	nodes     []string
	addrs     []string
	services  string
	links     string
	store     string
	json      string
	cors      []string
	tokenFile string
	tls       certificates
	clientCA  string
	insecure  bool
	noVideo   bool
	logLevel  string
	portBase  int

	changed  func(flag string) bool
	commands func(word string) []string // that are spelled like a word
}

// Words of flags.
const (
	servicesEmulated = "emulated"
	servicesOpenCV   = "opencv"
	linksEmulated    = "emulated"
	linksReal        = "real"
)

// maxPortBase leaves room for the highest port, 5500.
const maxPortBase = 65535 - 5500

// check holds that flags say what there is.
func (o *runOptions) check() error {
	switch {
	case o.changed("until") && o.until <= 0:
		return cli.Inputf("--until %v: want a time above 0, such as 1m", o.until)
	case o.portBase < 0 || o.portBase > maxPortBase:
		return cli.Inputf("--port-base %d: want 0 to %d", o.portBase, maxPortBase)
	case o.services == servicesOpenCV:
		return cli.Inputf("--services opencv: this vidq-live was built without OpenCV; `make opencv` builds one with it (go build -tags opencv), whose services look at the pictures")
	}
	if err := oneOf("services", o.services, servicesEmulated, servicesOpenCV); err != nil {
		return err
	}
	if o.links == "" {
		o.links = linksEmulated
		if len(o.nodes) > 0 {
			o.links = linksReal
		}
	}
	if err := oneOf("links", o.links, linksEmulated, linksReal); err != nil {
		return err
	}
	if len(o.nodes) > 0 && o.links != linksReal {
		return cli.Inputf("--links emulated: links between processes are those of the network; leave it out with --node, or say --links real")
	}
	return nil
}

// oneOf holds that a flag's value is one of the known words.
func oneOf(flag, value string, known ...string) error {
	if slices.Contains(known, value) {
		return nil
	}
	hint := ""
	if near := cli.Similar(value, known); near != "" {
		hint = fmt.Sprintf(" (did you mean %q?)", near)
	}
	return cli.Inputf("--%s %q: want %s%s", flag, value, strings.Join(known, ", "), hint)
}

// stopWithin is how long the end of a system may take: what is under way is still answered
// and made durable.
const stopWithin = 2 * time.Second

// live runs a system until ctx ends.
func (a *app) live(ctx context.Context, o *runOptions, name string) error {
	p := &parts{app: a, o: o}
	if err := p.check(name); err != nil {
		return err
	}
	docs, err := cli.NewOutput("--json", o.json, a.stdout)
	if err != nil {
		return err
	}
	defer docs.Discard()
	defer p.close()
	switch err := p.open(ctx); {
	case ctx.Err() != nil:
		return nil // nothing has begun
	case err != nil:
		return err
	}
	console := newConsole(a, p)
	p.system.Round, p.system.Submitted, p.system.Records = console.round, console.submitted, console.record
	s, err := live.New(p.system)
	if err != nil {
		return err
	}
	if err := s.Open(); err != nil {
		if errors.Is(err, serve.ErrUnguarded) {
			return cli.Inputf("%w", err)
		}
		return err
	}
	started := time.Now()
	run, err := a.during(ctx, p, s, console)
	if err != nil {
		return err
	}
	return a.finish(p, run, time.Since(started), docs)
}

// during is the life of a system, from its start to its end.
func (a *app) during(ctx context.Context, p *parts, s *live.System, console *console) (*result.Run, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if p.o.until > 0 {
		ctx, cancel = context.WithTimeout(ctx, p.o.until)
		defer cancel()
	}
	console.begin(s)
	s.Start(ctx)
	told := make(chan struct{})
	go func() { defer close(told); console.run(ctx) }()
	select {
	case <-ctx.Done():
	case <-s.Failed():
	}
	cancel()
	<-told
	last, cancelLast := context.WithTimeout(context.Background(), stopWithin)
	defer cancelLast()
	run, err := s.Stop(last)
	return run, errors.Join(err, console.err)
}

// finish writes what came of a run.
func (a *app) finish(p *parts, run *result.Run, took time.Duration, docs *cli.Output) error {
	runs := []*result.Run{run}
	doc := &result.Document{
		Vidq: a.version, Scenario: p.scenario.Name, Runs: runs, Summary: result.Summarize(runs),
		Wall: &result.Wall{ElapsedS: took.Seconds(), DecisionS: map[string]result.Dist[float64]{}},
	}
	if p.o.json != "" {
		if err := result.Encode(docs, doc); err != nil {
			return err
		}
	}
	if p.o.json != "-" {
		lived := fmt.Sprintf("%.1f s live", took.Seconds())
		if len(run.Queries) == 0 { // cameras are elsewhere
			if err := a.print("\nended after %s; this process had no camera's queries\n", lived); err != nil {
				return err
			}
		} else if err := a.print("\n"); err != nil {
			return err
		} else if err := cli.WriteTable(a.stdout, p.scenario, doc, lived); err != nil {
			return err
		}
	}
	return docs.Commit()
}

// levels are the words of --log-level.
var levels = map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}

// seconds writes a time of the testbed.
func seconds(t core.Time) string { return fmt.Sprintf("%7.1f s", t.Seconds()) }
