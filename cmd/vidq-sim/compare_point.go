package main

import (
	"context"
	"slices"

	"vidq/core"
	"vidq/core/result"
	"vidq/core/sched"
	"vidq/scenarios"
)

// point is one scenario at one combination of the axes' values: a table.
type point struct {
	scenario *scenarios.Scenario
	group    int      // of the points of one scenario
	values   []string // of the axes
	first    uint64   // seed of the first replication
	played   int      // runs

	cut       core.Time // the warm-up
	cutNote   string    // what MSER-5 found
	static    *staticSearch
	results   []outcome // by row
	seeds     int
	against   int      // row of the reference of regret; -1 = none
	imprecise []string // rows that --max-seeds left imprecise
}

// outcome is a row's part of a point.
type outcome struct {
	asRun        string         // the spec with the scenario's parameters
	joint        []float64      // slo_time.joint by replication; nothing served is 0
	score        *result.Stat   // of joint
	versus       *result.Stat   // paired with the first row; nil for that
	regret       *result.Stat   // paired with the reference; nil without one
	summary      result.Summary // all figures
	observations [][]result.Observation
}

// floor is half of an interval's width that a table with three digits does not show.
const floor = .0005

// play runs a point: the warm-up is found, then the best static plan, then all rows
// are run, with more seeds as --precision asks.
func (c *comparison) play(ctx context.Context, p *point) error {
	if err := c.cutWarmup(ctx, p); err != nil {
		return err
	}
	s := *p.scenario // the loaded one stays as it is
	s.Warmup = p.cut
	runs := make([][]*result.Run, len(c.rows))
	if slices.ContainsFunc(c.rows, func(r contender) bool { return r.search }) {
		p.static = &staticSearch{}
		if err := c.searchStatic(ctx, p, &s); err != nil {
			return err
		}
	}
	for n := c.o.seeds; ; n = min(n+c.o.seeds, c.mostSeeds()) {
		if err := c.extend(ctx, p, &s, runs, n); err != nil {
			return err
		}
		if p.imprecise = c.impreciseRows(runs); len(p.imprecise) == 0 || n == c.mostSeeds() {
			break
		}
	}
	c.sumUp(p, runs)
	return nil
}

// spec is what a row runs at a point.
func (c *comparison) spec(p *point, row int) sched.Spec {
	if r := &c.rows[row]; !r.search {
		return p.scenario.Scheduler.Merge(r.spec)
	}
	return p.static.best.spec
}

// extend runs every row up to n replications.
func (c *comparison) extend(ctx context.Context, p *point, s *scenarios.Scenario, runs [][]*result.Run, n int) error {
	var jobs []job
	var rows []int
	for k := range n {
		for i := range c.rows {
			if c.rows[i].search && k < len(p.static.best.runs) { // the search has run it
				if k >= len(runs[i]) {
					runs[i] = append(runs[i], p.static.best.runs[k])
				}
				continue
			}
			if k >= len(runs[i]) {
				jobs = append(jobs, c.job(p, c.spec(p, i), k))
				rows = append(rows, i)
			}
		}
	}
	had, err := c.batch(ctx, p, s, jobs)
	for k, r := range had {
		runs[rows[k]] = append(runs[rows[k]], r)
	}
	return err
}

// job is the k-th replication of a spec.
func (c *comparison) job(p *point, spec sched.Spec, k int) job {
	return job{scheduler: spec, seed: p.first + uint64(k), until: core.Time(c.o.until), noTrace: true}
}

// batch runs jobs of a scenario over the cores. An interrupt is an error: half a
// point says nothing.
func (c *comparison) batch(ctx context.Context, p *point, s *scenarios.Scenario, jobs []job) ([]*result.Run, error) {
	if len(jobs) == 0 {
		return nil, nil
	}
	b := &batch{app: c.app, experiment: &experiment{scenario: s, jobs: jobs}, workers: c.o.workers, bar: c.app.progressBar(s.Name, len(jobs), c.o.quiet)}
	runs, err := b.run(ctx)
	b.bar.done()
	if err != nil {
		return nil, err
	}
	if len(runs) < len(jobs) || slices.ContainsFunc(runs, func(r *result.Run) bool { return r.Interrupted }) {
		return nil, errInterrupted
	}
	p.played += len(runs)
	return runs, nil
}

// jointOf is a run's slo_time.joint. A share of nothing is 0 here: a scheduler under which a
// file camera was never read has served nothing.
func jointOf(r *result.Run) float64 {
	if r.SLOTime.Joint == nil {
		return 0
	}
	return *r.SLOTime.Joint
}

func jointsOf(runs []*result.Run) []float64 {
	v := make([]float64, len(runs))
	for i, r := range runs {
		v[i] = jointOf(r)
	}
	return v
}

// impreciseRows lists the rows whose intervals are too wide for --precision.
func (c *comparison) impreciseRows(runs [][]*result.Run) (labels []string) {
	if c.o.precision == 0 {
		return nil
	}
	for i := range c.rows {
		if !result.NewStat(jointsOf(runs[i])).Precise(c.o.precision, floor) {
			labels = append(labels, c.rows[i].short)
		}
	}
	return labels
}

// sumUp makes the figures of a point out of its runs.
func (c *comparison) sumUp(p *point, runs [][]*result.Run) {
	p.seeds, p.against = len(runs[0]), -1
	p.results = make([]outcome, len(c.rows))
	var all []*result.Run
	for i := range c.rows {
		o := &p.results[i]
		o.asRun, o.joint = c.spec(p, i).String(), jointsOf(runs[i])
		o.score = result.NewStat(o.joint)
		for k, r := range runs[i] {
			r.Scheduler = c.rows[i].label // two rows may run the same
			r.SLOTime.Joint = &o.joint[k]
			o.observations = append(o.observations, append(r.Observations(),
				result.Observation{Metric: "plan_changes_per_min", Value: changesPerMinute(r, float64(r.PlanChanges))},
				result.Observation{Metric: "warmup_s", Value: r.WarmupS},
				result.Observation{Metric: "duration_s", Value: r.DurationS}))
		}
		all = append(all, runs[i]...)
		if c.rows[i].bound && (p.against < 0 || o.score.Mean > p.results[p.against].score.Mean) {
			p.against = i
		}
	}
	for i, s := range result.Summarize(all) {
		p.results[i].summary = s
	}
	for i := range p.results {
		o := &p.results[i]
		if i > 0 {
			o.versus = result.Paired(o.joint, p.results[0].joint)
		}
		if p.against >= 0 {
			o.regret = result.Paired(p.results[p.against].joint, o.joint)
		}
	}
}

// changesPerMinute is a number of plan changes over the time that counts.
func changesPerMinute(r *result.Run, changes float64) float64 {
	if r.DurationS <= r.WarmupS {
		return 0
	}
	return changes * 60 / (r.DurationS - r.WarmupS)
}

// beats lists the rows that are above every bound by more than the paired interval.
func (c *comparison) beats(p *point) (labels []string) {
	if p.against < 0 {
		return nil
	}
	for i := range c.rows {
		above := !c.rows[i].bound
		for k := range c.rows {
			if c.rows[k].bound {
				above = above && result.Paired(p.results[i].joint, p.results[k].joint).Above()
			}
		}
		if above {
			labels = append(labels, c.rows[i].short)
		}
	}
	return labels
}
