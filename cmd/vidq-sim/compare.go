package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"vidq/core"
	"vidq/core/sched"
	"vidq/internal/cli"
	"vidq/scenarios"
)

// comparison is a compare command at work.
type comparison struct {
	app    *app
	o      *compareOptions
	rows   []contender
	points []*point // scenario by scenario, the axes' values in order
	folder *folder
	text   strings.Builder // what was printed
}

// contender is one row of the tables.
type contender struct {
	label  string     // as asked for
	short  string     // in the tables
	spec   sched.Spec // of best-static none: it is found for each point
	search bool       // it is best-static
	bound  bool       // it knows what schedulers cannot know and is not ranked
}

// compare checks everything first, so that wrong input writes nothing.
func (a *app) compare(ctx context.Context, o *compareOptions, names []string) error {
	if err := o.check(); err != nil {
		return err
	}
	c := &comparison{app: a, o: o}
	if err := c.contenders(); err != nil {
		return err
	}
	var err error
	if !interruptible(ctx, nil, func() { err = c.load(names) }) {
		return errNothing
	}
	if err != nil {
		return err
	}
	if o.out != "" {
		c.folder = &folder{dir: o.out}
		if err := c.folder.check(); err != nil {
			return err
		}
		if err := c.folder.open(0); err != nil {
			return err
		}
		defer c.folder.discard()
	}
	return c.run(ctx)
}

// contenders reads --scheduler.
func (c *comparison) contenders() error {
	specs, err := parseSchedulers(c.o.schedulers)
	if err != nil {
		return err
	}
	named := map[string]bool{}
	for _, s := range specs {
		if (s.Name == allSchedulers || s.Name == bestStatic) && s.Params != nil {
			return cli.Inputf("--scheduler: %s has no parameters", s.Name)
		}
		named[s.Name] = true
	}
	var bounded bool
	for _, s := range specs {
		if s.Name == allSchedulers {
			for _, name := range sched.Names() {
				if !named[name] && !c.app.needsTruth(name) {
					c.rows = append(c.rows, contender{label: name, spec: sched.Spec{Name: name}})
				}
			}
			continue
		}
		truth := c.app.needsTruth(s.Name)
		bounded = bounded || truth
		c.rows = append(c.rows, contender{label: s.String(), spec: s, search: s.Name == bestStatic, bound: truth || s.Name == bestStatic})
	}
	if bounded && !named[bestStatic] {
		c.rows = append(c.rows, contender{label: bestStatic, search: true, bound: true})
	}
	for i, r := range c.rows {
		if slices.ContainsFunc(c.rows[:i], func(q contender) bool { return q.label == r.label }) {
			return cli.Inputf("--scheduler: %s is named twice", r.label)
		}
	}
	shorten(c.rows)
	return nil
}

// load reads every scenario at every combination of the axes' values.
func (c *comparison) load(names []string) error {
	all, err := c.app.withSuite(names)
	if err != nil {
		return err
	}
	for i, name := range all {
		for k, values := range combinations(c.o.axes) {
			var set []string // of the axes
			for j, x := range c.o.axes {
				set = append(set, x.key+"="+values[j])
			}
			s, err := c.app.load(name, slices.Concat(c.o.set, set))
			if err != nil {
				var e *scenarios.Error
				if errors.As(err, &e) && slices.Contains(set, e.Set) {
					return cli.Inputf("--axis %s", strings.TrimPrefix(e.Error(), "--set "))
				}
				return c.o.command(name, err)
			}
			if k == 0 {
				c.app.tellShipped(name, s)
			}
			p := &point{scenario: s, group: i, values: values}
			if err := c.checkPoint(p); err != nil {
				return err
			}
			c.points = append(c.points, p)
		}
	}
	return nil
}

// withSuite puts the suite's scenarios where names have the word for them.
func (a *app) withSuite(names []string) (all []string, err error) {
	for _, name := range names {
		if name != wholeSuite {
			all = append(all, name)
			continue
		}
		suite := a.suite()
		if len(suite) == 0 {
			return nil, cli.Inputf("suite: this program has no suite built in")
		}
		all = append(all, suite...)
	}
	return all, nil
}

// combinations lists the axes' values, the last axis changing fastest; without axes it
// is one empty combination.
func combinations(axes []axis) [][]string {
	all := [][]string{nil}
	for _, x := range axes {
		var next [][]string
		for _, head := range all {
			for _, v := range x.values {
				next = append(next, append(slices.Clone(head), v))
			}
		}
		all = next
	}
	return all
}

// checkPoint refuses what cannot be compared, and fills what follows from the flags.
func (c *comparison) checkPoint(p *point) error {
	s := p.scenario
	for _, q := range c.points {
		if q.group != p.group && q.scenario.Name == s.Name {
			return cli.Inputf("two scenarios are called %q and would be one in the tables", s.Name)
		}
	}
	if err := c.o.rankable(s, c.o.warmup == warmupFixed); err != nil {
		return err
	}
	deps := s.Deps(0)
	for _, r := range c.rows {
		if r.search {
			if newStaticGrid(s).size() == 0 {
				return cli.Inputf("%s: there is no static plan for %s to find: an element of [knobs] is empty, or there is no query", s.Name, bestStatic)
			}
			continue
		}
		if _, err := sched.New(s.Scheduler.Merge(r.spec), deps); err != nil {
			return fmt.Errorf("--scheduler: %w", err)
		}
	}
	p.first = s.Seed
	if c.o.seedSet {
		p.first = c.o.seed
	}
	if n := max(c.o.seeds, c.mostSeeds()); p.first+uint64(n-1) < p.first {
		return cli.Inputf("--seed %d: %d seeds from there on do not fit into 64 bits", p.first, n)
	}
	return nil
}

// rankable refuses a scenario in which every scheduler would have the same slo_time.joint.
func (o *runOptions) rankable(s *scenarios.Scenario, fixedWarmup bool) error {
	if !slices.ContainsFunc(s.Queries, func(q scenarios.Query) bool { return q.Constraint != core.Constraint{} }) {
		return cli.Inputf("%s: no query has a constraint, so that there is nothing to rank schedulers by; add one to a [[query]]", s.Name)
	}
	if until := core.Time(o.until); fixedWarmup && until > 0 && until <= s.Warmup {
		return cli.Inputf("--until %v: %s's warmup lasts longer, nothing would count", o.until, s.Name)
	}
	return nil
}

// mostSeeds is how many seeds a point may take.
func (c *comparison) mostSeeds() int {
	if c.o.precision > 0 {
		return c.o.maxSeeds
	}
	return c.o.seeds
}

// run plays the points one after the other and prints each when it is done.
func (c *comparison) run(ctx context.Context) error {
	started := c.app.now()
	done := 0
	var stopped error
	for i, p := range c.points {
		err := c.play(ctx, p)
		if errors.Is(err, errInterrupted) {
			stopped = err
			break
		}
		if err != nil {
			return err
		}
		if err := c.print(c.table(p, i > 0)); err != nil {
			return err
		}
		done++
	}
	if done == 0 {
		return errNothing
	}
	c.points = c.points[:done]
	rank := c.ranking()
	if err := c.print(c.closing(rank, stopped != nil)); err != nil {
		return err
	}
	if c.folder != nil {
		if err := c.write(rank, stopped != nil); err != nil {
			return err
		}
	}
	if !c.o.quiet {
		runs := 0
		for _, p := range c.points {
			runs += p.played
		}
		c.app.tell("runs: %d, took %.1f s\n", runs, c.app.now().Sub(started).Seconds())
	}
	return stopped
}

func (c *comparison) print(text string) error {
	c.text.WriteString(text)
	return c.app.print("%s", text)
}
