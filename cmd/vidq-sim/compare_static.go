package main

import (
	"cmp"
	"context"
	"maps"
	"math/rand/v2"
	"slices"

	"vidq/core"
	"vidq/core/result"
	"vidq/core/sched"
	"vidq/scenarios"
)

// The search for the best static plan is a local search in the first world, whose
// best plans then meet more and more worlds by successive halving (K. Jamieson,
// A. Talwalkar: Non-stochastic best arm identification and hyperparameter
// optimization, AISTATS 2016): two worlds, half of the plans four, and so on to all of the
// seeds. In the first world, a run is given up as soon as its plan cannot be among
// those that go on.
const (
	searchLikely = 768 // likely plans that the local search begins with, at most
	searchOthers = 128 // other plans that it begins with
	searchStarts = 4   // best plans whose neighbours are tried
	searchFirst  = 16  // plans that go on from the first world, at most
	searchMargin = .05 // by which they may be below the best one there
	searchLeast  = 4   // plans that meet all worlds
	searchBlock  = 24  // plans of the first world between two looks at what they have to reach
)

// givenUp is the joint of a run that was given up.
const givenUp = -1

// staticSearch is how the best static plan of a point was found.
type staticSearch struct {
	size  int // of the grid
	plans int // that were tried
	runs  int
	best  *staticPlan
}

// staticPlan is a candidate with its runs by replication.
type staticPlan struct {
	number int // in the grid: of equal plans the first is the better
	spec   sched.Spec
	runs   []*result.Run
}

func (s *staticPlan) joint() float64 { return result.NewStat(jointsOf(s.runs)).Mean }

// searchStatic finds the best static plan on the point's first seeds.
func (c *comparison) searchStatic(ctx context.Context, p *point, s *scenarios.Scenario) error {
	before := p.played
	live, err := c.firstWorld(ctx, p, s)
	if err != nil {
		return err
	}
	for n := min(2, c.o.seeds); ; n = min(2*n, c.o.seeds) {
		if err := c.tryStatic(ctx, c, p, s, live, n); err != nil {
			return err
		}
		if n == c.o.seeds {
			break
		}
		live = live[:min(len(live), max(searchLeast, len(live)/2))]
	}
	p.static.runs, p.static.best = p.played-before, live[0]
	return nil
}

// firstWorld searches the grid in the first world and returns the plans that go on,
// the best first: a sample of the grid, then all plans that differ in one
// parameter from one of the best, and, when none of these is left, in two from the best
// one. What plans have to reach is looked at after each block, so that it does not
// depend on which run ends first.
func (c *comparison) firstWorld(ctx context.Context, p *point, s *scenarios.Scenario) (live []*staticPlan, err error) {
	grid := newStaticGrid(s)
	tried := map[int]bool{}
	reach := 0.0
	pool := grid.sample()
	for len(pool) > 0 {
		var block []*staticPlan
		for _, n := range pool[:min(len(pool), searchBlock)] {
			tried[n] = true
			block = append(block, &staticPlan{number: n, spec: grid.spec(n)})
		}
		pool = pool[len(block):]
		if err := c.tryStatic(ctx, c.givingUp(s, reach), p, s, block, 1); err != nil {
			return nil, err
		}
		live = append(live, block...)
		sortPlans(live)
		reach = max(reach, live[0].joint()-searchMargin, live[min(len(live), searchFirst)-1].joint())
		live = slices.DeleteFunc(live, func(plan *staticPlan) bool { return plan.joint() < reach })
		live = live[:min(len(live), searchFirst)]
		if len(pool) == 0 {
			pool = grid.untried(live, tried)
		}
	}
	p.static.size, p.static.plans = grid.size(), len(tried)
	return live, nil
}

func sortPlans(live []*staticPlan) {
	slices.SortFunc(live, func(a, b *staticPlan) int {
		return cmp.Or(cmp.Compare(b.joint(), a.joint()), cmp.Compare(a.number, b.number))
	})
}

// tryStatic runs every plan up to n replications on worker and sorts them, the best
// first.
func (c *comparison) tryStatic(ctx context.Context, worker *comparison, p *point, s *scenarios.Scenario, live []*staticPlan, n int) error {
	var jobs []job
	var of []*staticPlan
	for _, plan := range live {
		for k := len(plan.runs); k < n; k++ {
			jobs = append(jobs, c.job(p, plan.spec, k))
			of = append(of, plan)
		}
	}
	runs, err := worker.batch(ctx, p, s, jobs)
	if err != nil {
		return err
	}
	for i, r := range runs {
		of[i].runs = append(of[i].runs, r)
	}
	sortPlans(live)
	return nil
}

// givingUp is c with runs that end as soon as they cannot reach a slo_time.joint any
// more; theirs is givenUp.
func (c *comparison) givingUp(s *scenarios.Scenario, reach float64) *comparison {
	frames, rate, known := liveFrames(s, core.Time(c.o.until))
	if !known || reach <= 0 {
		return c
	}
	a, w := *c.app, *c
	w.app = &a
	a.simulate = func(ctx context.Context, s *scenarios.Scenario, j job) (*result.Run, error) {
		outer := ctx
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		progress, hopeless := j.progress, false
		j.series = &result.Series{}
		j.progress = func(now core.Time) {
			// What is past and not met by now never will be, but for the result in force,
			// which serves a second at most.
			best := float64(j.series.Met()) + rate + frames(now)
			if hopeless = hopeless || best < reach*frames(0); hopeless {
				cancel()
			}
			progress(now)
		}
		r, err := c.app.simulate(ctx, s, j)
		if err == nil && hopeless && outer.Err() == nil {
			r.Interrupted = false
			joint := float64(givenUp)
			r.SLOTime.Joint = &joint
		}
		return r, err
	}
	return &w
}

// liveFrames returns how many camera frames of queries with a constraint come from an
// instant on, within one for each query, and how many of them there are in a second. known is
// false with a file camera, whose number of frames depends on how fast it is read.
func liveFrames(s *scenarios.Scenario, until core.Time) (frames func(from core.Time) float64, rate float64, known bool) {
	type span struct {
		from, to core.Time
		fps      float64
	}
	var spans []span
	end := s.Duration
	if until > 0 {
		end = min(end, until)
	}
	for i := range s.Queries {
		q := &s.Queries[i]
		camera := s.Camera(q.Camera)
		if q.Constraint == (core.Constraint{}) {
			continue
		}
		if camera == nil || camera.Mode != core.ModeLive {
			return nil, 0, false
		}
		spans = append(spans, span{max(q.Start, s.Warmup), min(q.Stop, end), camera.FPS})
		rate += camera.FPS + 2 // frames of a second, and the rounding
	}
	return func(from core.Time) float64 {
		n := 0.0
		for i := range spans {
			n += max((spans[i].to-max(spans[i].from, from)).Seconds(), 0) * spans[i].fps
		}
		return n
	}, rate, true
}

// staticGrid is every static plan: a choice from each dimension.
type staticGrid struct {
	dimensions [][]map[string]any // parameters that each choice sets
}

// newStaticGrid spans places, models, encoders with their qualities, resolutions, frame
// rates and windows of a scenario. Frame rates and resolutions above those of every
// camera are left out: they are the same plans as lower ones.
func newStaticGrid(s *scenarios.Scenario) *staticGrid {
	fps, width := 0.0, uint16(0)
	for i := range s.Cameras {
		fps, width = max(fps, s.Cameras[i].FPS), max(width, s.Cameras[i].Resolution.Width)
	}
	var places, models, codecs, sizes, rates, windows []map[string]any
	for _, place := range staticPlaces(s) {
		places = append(places, map[string]any{"place": place})
	}
	for m := range max(s.Models(), 1) {
		models = append(models, map[string]any{"model": int64(m)})
	}
	for _, e := range s.Scheduler.Knobs.Encoders {
		for _, q := range e.Qualities {
			codecs = append(codecs, map[string]any{"encoder": e.Name, "quality": int64(q)})
		}
	}
	for i, r := range s.Scheduler.Knobs.Resolutions {
		if i == 0 || r.Width <= width {
			sizes = append(sizes, map[string]any{"resolution": r.String()})
		}
	}
	for i, f := range s.Scheduler.Knobs.FPS {
		if i == 0 || f <= fps {
			rates = append(rates, map[string]any{"fps": f})
		}
	}
	for _, n := range []int64{1, 2, 4} {
		windows = append(windows, map[string]any{"in_flight": n})
	}
	return &staticGrid{[][]map[string]any{places, models, codecs, sizes, rates, windows}}
}

func (g *staticGrid) size() int {
	n := 1
	for _, d := range g.dimensions {
		n *= len(d)
	}
	return n
}

// spec is the n-th plan; the last dimension changes fastest.
func (g *staticGrid) spec(n int) sched.Spec {
	params := map[string]any{"plan": "given"}
	for _, d := range slices.Backward(g.dimensions) {
		maps.Copy(params, d[n%len(d)])
		n /= len(d)
	}
	return sched.Spec{Name: "static", Params: params}
}

// sample is what a local search begins with. It has all plans with the most accurate models
// that name no certain edge: neighbours of a good plan are often bad (twice the frames
// overload what the half leaves idle), and it is mostly among these that a good one
// stands alone. The others it spreads over the rest of the grid.
func (g *staticGrid) sample() []int {
	var likely, others []int
	for _, n := range rand.New(rand.NewPCG(1, 1)).Perm(g.size()) {
		params := g.spec(n).Params
		named := slices.ContainsFunc(params["place"].([]any), func(word any) bool {
			return word != "host" && word != "edge" && word != "cloud"
		})
		if params["model"] == int64(0) && !named {
			likely = append(likely, n)
		} else {
			others = append(others, n)
		}
	}
	return slices.Concat(likely[:min(len(likely), searchLikely)], others[:min(len(others), searchOthers)])
}

// untried are the next plans of a local search from live, the best first; none when it
// has come to its end.
func (g *staticGrid) untried(live []*staticPlan, tried map[int]bool) (pool []int) {
	listed := map[int]bool{}
	add := func(plans []int) {
		for _, n := range plans {
			if !tried[n] && !listed[n] {
				listed[n] = true
				pool = append(pool, n)
			}
		}
	}
	for _, plan := range live[:min(len(live), searchStarts)] {
		add(g.neighbours(plan.number))
	}
	if len(pool) == 0 {
		for _, n := range g.neighbours(live[0].number) {
			add(g.neighbours(n))
		}
	}
	return pool
}

// neighbours are the plans with another choice in one dimension.
func (g *staticGrid) neighbours(n int) (out []int) {
	step := 1
	for _, d := range slices.Backward(g.dimensions) {
		own := n / step % len(d)
		for i := range d {
			if i != own {
				out = append(out, n+(i-own)*step)
			}
		}
		step *= len(d)
	}
	return out
}

// manyNodes is how many edge nodes are tried one by one as the place of all queries'
// stages; of more, none can carry them all.
const manyNodes = 6

// staticPlaces lists where a pipeline's stages may run: the first ones on the host, the
// next ones on another edge or on a certain one, the last ones in the cloud.
func staticPlaces(s *scenarios.Scenario) (places [][]any) {
	stages := 0
	for i := range s.Queries {
		stages = max(stages, len(s.Queries[i].Pipeline))
	}
	var edges []any
	for i := range s.Nodes {
		if s.Nodes[i].Role == core.RoleEdge {
			edges = append(edges, string(s.Nodes[i].ID))
		}
	}
	var between []any
	if len(edges) > 1 {
		between = []any{"edge"}
	}
	if len(edges) > 1 && len(edges) <= manyNodes {
		between = append(between, edges...)
	}
	for host := stages; host >= 0; host-- {
		places = append(places, placed(stages, host, 0, nil))
		for cloud := 0; cloud < stages-host; cloud++ {
			for _, word := range between {
				places = append(places, placed(stages, host, stages-host-cloud, word))
			}
		}
	}
	return places
}

// placed puts so many stages on the host, the next ones at a place and the rest in the cloud.
func placed(stages, host, there int, word any) []any {
	out := make([]any, stages)
	for i := range out {
		switch {
		case i < host:
			out[i] = "host"
		case i < host+there:
			out[i] = word
		default:
			out[i] = "cloud"
		}
	}
	return out
}
