package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"vidq/core"
	"vidq/core/result"
	"vidq/core/sched"
	"vidq/internal/cli"
	"vidq/scenarios"
)

// runOptions are the flags of run.
type runOptions struct {
	schedulers    string
	schedulersSet bool
	seeds         int
	seed          uint64
	seedSet       bool
	set           []string
	until         time.Duration // 0 = the scenario's end
	untilSet      bool
	workers       int
	json          string
	out           string
	quiet         bool
	commands      func(word string) []string // commands that are spelled like a word; nil = one was given, that takes the suite
}

const maxSeeds = 1_000_000

func (o *runOptions) check() error {
	switch {
	case o.seeds < 1 || o.seeds > maxSeeds:
		return cli.Inputf("--seeds %d: want 1 to %d", o.seeds, maxSeeds)
	case o.workers < 1:
		return cli.Inputf("--workers %d: want at least 1", o.workers)
	case o.untilSet && o.until <= 0:
		return cli.Inputf("--until %v: want a time above 0, such as 10m", o.until)
	}
	return nil
}

// experiment is one scenario with what is to be run of it.
type experiment struct {
	scenario *scenarios.Scenario
	specs    []sched.Spec
	jobs     []job // seed by seed, the schedulers in order
	folder   *folder
}

// world is the scenario that job i plays.
func (e *experiment) world(i int) *scenarios.Scenario {
	if s := e.jobs[i].scenario; s != nil {
		return s
	}
	return e.scenario
}

// runScenarios checks everything first, so that wrong input writes nothing, then
// runs the scenarios one after the other.
func (a *app) runScenarios(ctx context.Context, o *runOptions, names []string) error {
	if err := o.check(); err != nil {
		return err
	}
	experiments := make([]*experiment, 0, len(names))
	for _, name := range names {
		var e *experiment
		var err error
		if !interruptible(ctx, nil, func() { e, err = a.experiment(o, name) }) {
			return errNothing
		}
		if err != nil {
			return err
		}
		experiments = append(experiments, e)
	}
	if err := o.folders(experiments); err != nil {
		return err
	}
	docs, err := cli.NewOutput("--json", o.json, a.stdout)
	if err != nil {
		return err
	}
	defer docs.Discard()
	for i, e := range experiments {
		if i > 0 && ctx.Err() != nil {
			return errors.Join(docs.Commit(), errInterrupted)
		}
		if i > 0 && o.json != "-" {
			if err := a.print("\n"); err != nil {
				return err
			}
		}
		doc, err := a.runExperiment(ctx, o, e)
		if err != nil {
			return err
		}
		if o.json != "" {
			if err := result.Encode(docs, doc); err != nil {
				return err
			}
		}
		if doc.Interrupted {
			return errors.Join(docs.Commit(), errInterrupted)
		}
	}
	return docs.Commit()
}

// experiment loads a scenario and lists its runs.
func (a *app) experiment(o *runOptions, name string) (*experiment, error) {
	s, err := a.load(name, o.set)
	if err != nil {
		return nil, o.command(name, err)
	}
	a.tellShipped(name, s)
	e := &experiment{scenario: s, specs: []sched.Spec{s.Scheduler.Spec}}
	if o.schedulersSet {
		if e.specs, err = parseSchedulers(o.schedulers); err != nil {
			return nil, err
		}
	}
	for _, spec := range e.specs {
		if spec.Name == allSchedulers || spec.Name == bestStatic {
			return nil, cli.Inputf("--scheduler: %s is a word of compare: vidq-sim compare %s --scheduler %s", spec.Name, name, o.schedulers)
		}
	}
	seen := map[string]bool{}
	deps := s.Deps(0)
	for i := range e.specs {
		e.specs[i] = s.Scheduler.Merge(e.specs[i])
		if _, err := sched.New(e.specs[i], deps); err != nil {
			return nil, fmt.Errorf("--scheduler: %w", err)
		}
		label := e.specs[i].String()
		if seen[label] {
			return nil, cli.Inputf("--scheduler: %s is named twice", label)
		}
		seen[label] = true
	}
	first := s.Seed
	if o.seedSet {
		first = o.seed
	}
	if last := first + uint64(o.seeds-1); last < first {
		return nil, cli.Inputf("--seed %d: %d seeds from there on do not fit into 64 bits", first, o.seeds)
	}
	for i := range o.seeds {
		for _, spec := range e.specs {
			e.jobs = append(e.jobs, job{scheduler: spec, seed: first + uint64(i), until: core.Time(o.until)})
		}
	}
	return e, nil
}

// tellShipped tells when a scenario was named as a file that is not there, so that the
// shipped one of that name is what runs.
func (a *app) tellShipped(name string, s *scenarios.Scenario) {
	if s.Shipped != "" && s.Shipped != name {
		a.tell("vidq-sim: %s: there is no such file; this is the shipped scenario %s\n", name, s.Shipped)
	}
}

// command adds to the error of a word that is no scenario what it may stand for: a command,
// a scheduler, a setting.
func (o *runOptions) command(word string, err error) error {
	var e *scenarios.Error
	if !errors.As(err, &e) || e.File != word || e.Line > 0 || e.Hint != "" {
		return err
	}
	if _, statErr := os.Lstat(word); !errors.Is(statErr, fs.ErrNotExist) {
		return err
	}
	if sched.Describe(word).Name != "" {
		return cli.Inputf("%w (it is a scheduler: --scheduler takes a list with commas and without spaces)", err)
	}
	if strings.Contains(word, "=") {
		return cli.Inputf("%w (each KEY=VALUE needs a --set of its own)", err)
	}
	if word == wholeSuite {
		return cli.Inputf("%w (did you mean \"compare suite\"?)", err)
	}
	if o.commands == nil {
		if near := cli.Similar(word, []string{wholeSuite}); near != "" {
			return cli.Inputf("%w (did you mean %q?)", err, near)
		}
		return err
	}
	if near := o.commands(word); len(near) > 0 {
		return cli.Inputf("%w (did you mean the command %q?)", err, near[0])
	}
	return err
}

// folders chooses each experiment's run folder and checks that it may be written: DIR
// itself for a single scenario, DIR/NAME for each of several.
func (o *runOptions) folders(experiments []*experiment) error {
	if o.out == "" {
		return nil
	}
	seen := map[string]bool{}
	for _, e := range experiments {
		dir := o.out
		if len(experiments) > 1 {
			dir = filepath.Join(dir, e.scenario.Name)
		}
		if seen[dir] {
			return cli.Inputf("--out: two scenarios are called %q and would share %s", e.scenario.Name, dir)
		}
		seen[dir] = true
		e.folder = &folder{dir: dir}
		if err := e.folder.check(); err != nil {
			return err
		}
	}
	return nil
}

// runExperiment runs a scenario's jobs and writes all but the result document.
func (a *app) runExperiment(ctx context.Context, o *runOptions, e *experiment) (*result.Document, error) {
	if e.folder != nil {
		if err := e.folder.open(len(e.jobs)); err != nil {
			return nil, err
		}
		defer e.folder.discard()
	}
	started := a.now()
	b := &batch{app: a, experiment: e, workers: o.workers, bar: a.progressBar(e.scenario.Name, len(e.jobs), o.quiet)}
	runs, err := b.run(ctx)
	b.bar.done()
	if err != nil {
		return nil, err
	}
	doc := &result.Document{
		Vidq: a.version, Scenario: e.scenario.Name, Runs: runs,
		Interrupted: len(runs) < len(e.jobs), Summary: result.Summarize(runs),
	}
	for _, r := range runs {
		doc.Interrupted = doc.Interrupted || r.Interrupted
	}
	doc.Wall = wall(runs, a.now().Sub(started))
	if e.folder != nil {
		if err := e.folder.finish(e, doc); err != nil {
			return nil, err
		}
	}
	if o.json != "-" {
		if err := cli.WriteTable(a.stdout, e.scenario, doc, lengthOf(doc)); err != nil {
			return nil, err
		}
	}
	if !o.quiet {
		a.tell("runs: %d, took %.1f s, %.3g events/s\n", len(runs), doc.Wall.ElapsedS, doc.Wall.EventsPerS)
	}
	return doc, nil
}

// lengthOf says how long the runs are; "" where there is none.
func lengthOf(doc *result.Document) string {
	if len(doc.Runs) == 0 {
		return ""
	}
	return strconv.FormatFloat(doc.Runs[0].DurationS, 'f', -1, 64) + " s simulated"
}

// wall sums up what the runs took.
func wall(runs []*result.Run, elapsed time.Duration) *result.Wall {
	w := &result.Wall{ElapsedS: elapsed.Seconds(), DecisionS: map[string]result.Dist[float64]{}}
	decisions := map[string]*result.Histogram{}
	var events int64
	for _, r := range runs {
		events += r.Events
		h := decisions[r.Scheduler]
		if h == nil {
			h = &result.Histogram{}
			decisions[r.Scheduler] = h
		}
		h.Merge(&r.Wall.Decision)
		w.DecisionS[r.Scheduler] = result.DistOf(h)
	}
	if elapsed > 0 {
		w.EventsPerS = float64(events) / elapsed.Seconds()
	}
	return w
}
