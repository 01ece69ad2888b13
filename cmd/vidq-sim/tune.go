package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"vidq/core"
	"vidq/core/result"
	"vidq/core/sched"
	"vidq/internal/cli"
	"vidq/scenarios"

	"github.com/spf13/cobra"
)

const tuneLong = `Search the parameters of schedulers for the most slo_time.joint, mean over scenarios and seeds: drawn
ones by successive halving, then step by step from the best on. docs/tune.md describes the search and the
ranges. Parameters that LIST gives stay as they are. The default is one of the
candidates, so that what is found is never worse on these worlds; compare on other seeds tells
what it is worth.

A SCENARIO is a file, the name of a shipped one or random/SEED; suite stands for the
scenarios of the suite. all stands for every scheduler that is not told the truth and that
has something to tune, and @FILE for the specifications in a file, one a line.`

const tuneExample = `  vidq-sim tune suite --scheduler pid --seeds 2 --budget 800
  vidq-sim tune campus my.toml --scheduler 'pid[place=host]' --seeds 5 --json -
  vidq-sim tune suite random/{1..10} --seed 1 --seeds 2 --budget 2400 --out tuned.txt
  vidq-sim compare suite --seed 1001 --scheduler @tuned.txt,all`

// tuneOptions are the flags of tune, with those of run that it has as well.
type tuneOptions struct {
	runOptions
	budget     int
	searchSeed uint64
}

const maxBudget = 100_000_000

func (a *app) tuneCommand() *cobra.Command {
	o := &tuneOptions{}
	c := &cobra.Command{
		Use:     "tune SCENARIO...",
		Short:   "Search for the best parameters of schedulers",
		Long:    tuneLong,
		Example: tuneExample,
		Args:    scenarioArgs,
		RunE: func(c *cobra.Command, args []string) error {
			o.seedSet = c.Flags().Changed("seed")
			return a.tune(c.Context(), o, args)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.schedulers, "scheduler", allSchedulers, "schedulers to tune, one after the other: `LIST` such as 'pid,fc[place=host]', all, @FILE")
	f.IntVar(&o.budget, "budget", 1000, "runs `N` that each scheduler gets, of all candidates together")
	f.IntVar(&o.seeds, "seeds", 2, "number of seeds `N` of each scenario")
	f.Uint64Var(&o.searchSeed, "search-seed", 1, "seed `S` of what the search draws")
	worldFlags(c, &o.runOptions)
	f.StringVar(&o.json, "json", "", "write every candidate and what it reached to `FILE`; - is stdout, which then holds nothing else")
	f.StringVar(&o.out, "out", "", "write the best specifications to `FILE`, for --scheduler @FILE; what it has of other schedulers stays")
	f.BoolVar(&o.quiet, "quiet", false, "no progress and no wall times on stderr")
	return c
}

func (o *tuneOptions) check() error {
	if err := o.runOptions.check(); err != nil {
		return err
	}
	if o.budget < 1 || o.budget > maxBudget {
		return cli.Inputf("--budget %d: want 1 to %d", o.budget, maxBudget)
	}
	return nil
}

// tuning is a tune command at work.
type tuning struct {
	app     *app
	o       *tuneOptions
	names   []string // of the scenarios, as asked for
	specs   []sched.Spec
	loaded  []*scenarios.Scenario
	worlds  []world // in the order in which candidates meet them
	entries []specEntry
	doc     tuneDocument
}

// world is a scenario with a seed.
type world struct {
	scenario *scenarios.Scenario
	seed     uint64
}

// tune checks everything first, so that wrong input writes nothing.
func (a *app) tune(ctx context.Context, o *tuneOptions, names []string) error {
	if err := o.check(); err != nil {
		return err
	}
	t := &tuning{app: a, o: o, names: names}
	if err := t.schedulers(); err != nil {
		return err
	}
	var err error
	if !interruptible(ctx, nil, func() { err = t.load() }) {
		return errNothing
	}
	if err != nil {
		return err
	}
	if err := t.readOut(); err != nil {
		return err
	}
	docs, err := cli.NewOutput("--json", o.json, a.stdout)
	if err != nil {
		return err
	}
	defer docs.Discard()
	started := a.now()
	stopped := t.run(ctx)
	if stopped != nil && !errors.Is(stopped, errInterrupted) {
		return stopped
	}
	if o.json != "" {
		if err := t.doc.write(docs); err != nil {
			return err
		}
	}
	if err := docs.Commit(); err != nil {
		return err
	}
	if !o.quiet {
		runs := 0
		for i := range t.doc.Tuned {
			runs += t.doc.Tuned[i].Runs
		}
		a.tell("runs: %d, took %.1f s\n", runs, a.now().Sub(started).Seconds())
	}
	return stopped
}

// schedulers reads --scheduler.
func (t *tuning) schedulers() error {
	specs, err := parseSchedulers(t.o.schedulers)
	if err != nil {
		return err
	}
	named := map[string]bool{}
	for _, s := range specs {
		if s.Name == allSchedulers && s.Params != nil {
			return cli.Inputf("--scheduler: %s has no parameters", s.Name)
		}
		if named[s.Name] {
			return cli.Inputf("--scheduler: %s is named twice", s.Name)
		}
		named[s.Name] = true
	}
	for _, s := range specs {
		if s.Name != allSchedulers {
			t.specs = append(t.specs, s)
			continue
		}
		for _, name := range sched.Names() {
			if !named[name] && !t.app.needsTruth(name) && !sched.Describe(name).Fixed {
				t.specs = append(t.specs, sched.Spec{Name: name})
			}
		}
	}
	for _, s := range t.specs {
		if _, err := sched.New(s, sched.Deps{}); err != nil {
			return fmt.Errorf("--scheduler: %w", err)
		}
		if sched.Describe(s.Name).Fixed {
			return cli.Inputf("--scheduler: %s has nothing to tune: its parameters say what it is; compare finds %s", s.Name, bestStatic)
		}
	}
	return nil
}

// load reads the scenarios and lists the worlds: seed by seed, and with each seed all
// scenarios in an order that is drawn, so that any number of first worlds is a fair sample.
func (t *tuning) load() error {
	names, err := t.app.withSuite(t.names)
	if err != nil {
		return err
	}
	for _, name := range names {
		s, err := t.app.load(name, t.o.set)
		if err != nil {
			return t.o.command(name, err)
		}
		t.app.tellShipped(name, s)
		if slices.ContainsFunc(t.loaded, func(q *scenarios.Scenario) bool { return q.Name == s.Name }) {
			return cli.Inputf("two scenarios are called %q and would count twice", s.Name)
		}
		if err := t.o.rankable(s, true); err != nil {
			return err
		}
		for _, spec := range t.specs {
			if _, err := sched.New(s.Scheduler.Merge(spec), s.Deps(0)); err != nil {
				return fmt.Errorf("--scheduler: %w", err)
			}
		}
		if first := t.first(s); first+uint64(t.o.seeds-1) < first {
			return cli.Inputf("--seed %d: %d seeds from there on do not fit into 64 bits", first, t.o.seeds)
		}
		t.loaded = append(t.loaded, s)
	}
	for _, s := range t.specs {
		if len(newTuner(s, t.offers(), 1, 1, 1).ranges) == 0 {
			return cli.Inputf("--scheduler: %s leaves no parameter open", s)
		}
	}
	if least := 2 * len(t.loaded) * t.o.seeds; t.o.budget < least {
		return cli.Inputf("--budget %d: want at least %d, twice the %s with %s each: the default and another candidate meet all of them",
			t.o.budget, least, cli.Amount(len(t.loaded), "scenario"), cli.Amount(t.o.seeds, "seed"))
	}
	rng := rand.New(rand.NewPCG(t.o.searchSeed, 0x776f726c6473))
	for k := range t.o.seeds {
		for _, i := range rng.Perm(len(t.loaded)) {
			s := t.loaded[i]
			t.worlds = append(t.worlds, world{s, t.first(s) + uint64(k)})
		}
	}
	return nil
}

// offers are what the scenarios have to choose from.
func (t *tuning) offers() []*sched.Offer {
	all := make([]*sched.Offer, len(t.loaded))
	for i, s := range t.loaded {
		all[i] = s.Deps(0).Offer
	}
	return all
}

// first is a scenario's first seed.
func (t *tuning) first(s *scenarios.Scenario) uint64 {
	if t.o.seedSet {
		return t.o.seed
	}
	return s.Seed
}

// run tunes one scheduler after the other, and prints and writes each when it is done.
func (t *tuning) run(ctx context.Context) error {
	t.doc = t.document()
	if err := t.print(t.headline() + "\n"); err != nil {
		return err
	}
	for _, spec := range t.specs {
		search := newTuner(spec, t.offers(), len(t.worlds), t.o.budget, t.o.searchSeed)
		b := t.app.progressBar(spec.Name, t.o.budget, t.o.quiet)
		search.play = func(candidates []*candidate, n int) error { return t.play(ctx, b, candidates, n) }
		stopped := search.search()
		b.done()
		if stopped != nil && !errors.Is(stopped, errInterrupted) {
			return stopped
		}
		if search.best == nil {
			if len(t.doc.Tuned) == 0 {
				return errNothing
			}
			t.doc.Interrupted = true
			return stopped
		}
		d := t.tuned(search, stopped != nil)
		t.doc.Tuned = append(t.doc.Tuned, d)
		t.doc.Interrupted = t.doc.Interrupted || d.Interrupted
		if err := t.print("\n" + d.text(t.o.budget)); err != nil {
			return err
		}
		if err := t.writeOut(search.best.spec, &d); err != nil {
			return err
		}
		if stopped != nil {
			return stopped
		}
	}
	return nil
}

// play runs candidates up to n worlds over the cores. An interrupt is an error, which
// leaves them as they were.
func (t *tuning) play(ctx context.Context, b *bar, candidates []*candidate, n int) error {
	e := &experiment{}
	var of []*candidate
	for _, c := range candidates {
		for k := len(c.joint); k < n; k++ {
			w := t.worlds[k]
			e.jobs = append(e.jobs, job{
				scenario: w.scenario, scheduler: w.scenario.Scheduler.Merge(c.spec), seed: w.seed, until: core.Time(t.o.until), noTrace: true,
			})
			of = append(of, c)
		}
	}
	runs, err := (&batch{app: t.app, experiment: e, workers: t.o.workers, bar: b}).run(ctx)
	if err != nil {
		return err
	}
	if len(runs) < len(e.jobs) || slices.ContainsFunc(runs, func(r *result.Run) bool { return r.Interrupted }) {
		return errInterrupted
	}
	for i, r := range runs {
		of[i].joint = append(of[i].joint, jointOf(r))
	}
	return nil
}

// print writes for people, unless stdout holds the document.
func (t *tuning) print(text string) error {
	if t.o.json == "-" {
		return nil
	}
	return t.app.print("%s", text)
}

func (t *tuning) headline() string {
	return fmt.Sprintf("tune · vidq %s · %s · budget %d runs each · search seed %d", t.app.version, t.where(), t.o.budget, t.o.searchSeed)
}

// where says what the parameters are tuned on.
func (t *tuning) where() string {
	seeds := cli.Amount(t.o.seeds, "seed") + " each from its own on"
	switch {
	case t.o.seedSet && t.o.seeds > 1:
		seeds = fmt.Sprintf("seeds %d-%d", t.o.seed, t.o.seed+uint64(t.o.seeds-1))
	case t.o.seedSet:
		seeds = fmt.Sprintf("seed %d", t.o.seed)
	}
	return strings.Join(t.ranges(), " ") + " · " + seeds
}

// ranges are the scenarios as asked for, with random/1 random/2 random/3 as random/1-3.
func (t *tuning) ranges() (short []string) {
	const drawn = "random/"
	for i := 0; i < len(t.names); {
		j, from := i+1, uint64(0)
		if n, err := parseSeed(t.names[i]); err == nil {
			for from = n; j < len(t.names); j++ {
				if m, err := parseSeed(t.names[j]); err != nil || m != n+uint64(j-i) {
					break
				}
			}
		}
		if j > i+1 {
			short = append(short, fmt.Sprintf("%s%d-%d", drawn, from, from+uint64(j-i-1)))
		} else {
			short = append(short, t.names[i])
		}
		i = j
	}
	return short
}
