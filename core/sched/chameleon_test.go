package sched_test

import (
	"testing"

	"vidq/core"
	"vidq/core/sched"
	"vidq/core/sched/schedtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// profiler counts the configurations that each query's accuracy is asked of.
type profiler struct {
	core.Predictor
	looks map[core.QueryID]int
}

func (p *profiler) Accuracy(q *core.Query, fps float64, v core.VideoConf, models []int, c core.Content) float64 {
	p.looks[q.ID]++
	return p.Predictor.Accuracy(q, fps, v, models, c)
}

// chameleonRig is a scheduler on a view that it can be asked about again and again.
type chameleonRig struct {
	t *testing.T
	v *core.View
	p *profiler
	s core.Scheduler
	d core.Decision
}

func newChameleonRig(t *testing.T, spec string, v *core.View) *chameleonRig {
	specs, err := sched.ParseSpecs(spec)
	require.NoError(t, err)
	r := &chameleonRig{t: t, v: v, p: &profiler{v.Predictor, map[core.QueryID]int{}}, s: build(t, specs[0])}
	v.Predictor = r.p
	return r
}

// round decides and lets the time of a segment pass.
func (r *chameleonRig) round() {
	clear(r.p.looks)
	r.d.Reset()
	r.s.Schedule(r.v, &r.d)
	require.NoError(r.t, schedtest.Check(r.v, &r.d))
	now := r.v.Now
	schedtest.Advance(r.v, &r.d)
	assert.Equal(r.t, now+3*core.Second, r.d.Next, "the period is shorter than the segment")
	r.v.Now = now + 4*core.Second
}

// cost is seconds of work per second of video under the query's plan.
func (r *chameleonRig) cost(q *core.QueryView) (sum float64) {
	for i, a := range q.Plan.Stages {
		n := r.v.Node(a.Node)
		w, ok := r.v.Predictor.Work(q.Query.Pipeline[i].Service, a.Model, core.Target{Class: n.Class, Role: n.Role}, q.Plan.Video.Resolution, 0)
		require.True(r.t, ok)
		sum += w.Mean.Seconds() * q.Plan.Video.FPS
	}
	return sum
}

func (r *chameleonRig) accuracy(q *core.QueryView) float64 {
	var p core.Prediction
	require.True(r.t, p.Predict(r.v.Predictor, r.v, q, &q.Plan))
	return p.Accuracy
}

func (r *chameleonRig) calls() (n int) {
	for _, c := range r.d.Charges {
		n += c.Calls
	}
	return n
}

// The paper's claim: it spends no more than the target needs. With independent
// knobs, as the test's belief has them, what it finds is the cheapest there is.
func TestChameleonCostFallsWithTheTarget(t *testing.T) {
	last, first := 0.0, 0.0
	for _, target := range []float64{1, .95, .9, .85, .8, .7, .6, .5} {
		v := schedtest.Regular(1, 2)
		v.Queries[0].Query.Constraint.Accuracy = target
		r := newChameleonRig(t, "chameleon[models=true]", v)
		r.round()
		q := &v.Queries[0]
		cost := r.cost(q)
		assert.GreaterOrEqual(t, r.accuracy(q), target-1e-9)
		if last > 0 {
			assert.LessOrEqual(t, cost, last, "target %v", target)
		} else {
			first = cost
		}
		last = cost

		plan := q.Plan
		for _, fps := range v.Knobs.FPS {
			for _, resolution := range v.Knobs.Resolutions {
				for m := range 3 {
					q.Plan.Video.FPS, q.Plan.Video.Resolution = fps, resolution
					q.Plan.Stages = []core.Assignment{{Node: plan.Stages[0].Node, Model: m}, {Node: plan.Stages[1].Node, Model: m}}
					if r.accuracy(q) >= target-1e-9 {
						assert.GreaterOrEqual(t, r.cost(q), cost-1e-9, "%v %v model %d is cheaper", fps, resolution, m)
					}
				}
			}
		}
	}
	assert.Less(t, last, first/10)
}

// A full look takes the sum of the knobs' values, not their product; the segments
// between take the kept configurations; and all of it is charged to the node
// where the stages run.
func TestChameleonProfiling(t *testing.T) {
	v := schedtest.Regular(1, 2)
	r := newChameleonRig(t, "chameleon[models=true]", v)
	v.Queries[0].Query.Constraint.Accuracy = .8
	// golden, 3 lower resolutions, 4 rates, 2 qualities, 2 models
	const all, sample = 12, 30
	const frames = sample + 3*sample + (1 + 5 + 10 + 20) + 2*sample + 2*sample
	for segment := range 9 {
		// Each look is more than the cloud can do in a segment. Give it the time.
		v.Now += core.Time(segment) * core.Hour
		r.round()
		if segment%4 == 0 {
			assert.Equal(t, all, r.p.looks[1], "segment %d", segment)
			assert.Equal(t, 2*frames, r.calls(), "both stages")
		} else {
			assert.Equal(t, 5, r.p.looks[1], "segment %d", segment)
			assert.Greater(t, r.calls(), 2*sample, "golden and the kept ones")
			assert.Less(t, r.calls(), frames)
		}
		for _, c := range r.d.Charges {
			assert.Equal(t, core.NodeID("cloud-000"), c.Node)
			assert.Equal(t, core.QueryID(1), c.Query)
		}
	}
	free := newChameleonRig(t, "chameleon[charge=false]", schedtest.Regular(1, 2))
	free.round()
	assert.Empty(t, free.d.Charges)
}

// Cameras that show the like of each other have one leader among them.
func TestChameleonLeadersAndFollowers(t *testing.T) {
	v := schedtest.Regular(12, 2)
	for i := range v.Queries {
		n := 5 // stable
		if i%3 == 0 {
			n = 1 // not
		}
		schedtest.Observe(&v.Queries[i], n, 50*core.Millisecond, 3)
		v.Queries[i].Query.Constraint.Accuracy = .7
	}
	r := newChameleonRig(t, "chameleon[charge=false]", v)
	const all = 1 + 3 + 4 + 2
	for segment := range 9 {
		r.round()
		full := 0
		for _, looks := range r.p.looks {
			if looks == all {
				full++
			}
		}
		switch segment {
		case 0:
			assert.Equal(t, 12, full, "nobody is known yet")
		case 4, 8:
			assert.Equal(t, 2, full, "one for each kind of content")
			assert.Len(t, r.p.looks, 12, "the others measure what their leader has kept")
		default:
			assert.Zero(t, full)
		}
	}
	for i := range v.Queries {
		assert.GreaterOrEqual(t, r.accuracy(&v.Queries[i]), .7)
	}
	assert.Greater(t, r.cost(&v.Queries[0]), r.cost(&v.Queries[1]), "what moves costs more")

	// Where everybody counts as similar, or there may be one cluster only, there is
	// one leader.
	for _, spec := range []string{"chameleon[charge=false,similar=10]", "chameleon[charge=false,clusters=1]"} {
		r = newChameleonRig(t, spec, v)
		for range 5 {
			r.round()
		}
		full := 0
		for id := range r.p.looks {
			if r.p.looks[id] >= all && v.Query(id).Runtime.ObjStable {
				full++ // what moves may look at all because it has to
			}
		}
		assert.LessOrEqual(t, full, 1, spec)
		assert.Len(t, r.p.looks, 12)
	}

	// Queries that ask for different things do not follow each other.
	for i := range v.Queries {
		v.Queries[i].Query.Constraint.Accuracy = .6 + .01*float64(i)
	}
	r = newChameleonRig(t, "chameleon[charge=false]", v)
	for range 4 {
		r.round()
	}
	r.round()
	for id, looks := range r.p.looks {
		assert.Equal(t, all, looks, "query %d", id)
	}
}

// When what was kept does not do any more it looks at all again, in the same round.
// Where nothing can do, it takes the best and does not look again before its time.
func TestChameleonLooksAgain(t *testing.T) {
	v := schedtest.Regular(1, 2)
	q := &v.Queries[0]
	q.Query.Constraint.Accuracy = .8
	schedtest.Observe(q, 5, 50*core.Millisecond, 3)
	r := newChameleonRig(t, "chameleon[charge=false,kept=2]", v)
	r.round()
	before := r.cost(q)
	schedtest.Observe(q, 1, 50*core.Millisecond, 3) // the scene begins to move
	require.Less(t, r.accuracy(q), .8)
	r.round()
	assert.Equal(t, 2+10, r.p.looks[1])
	assert.GreaterOrEqual(t, r.accuracy(q), .8)
	assert.Greater(t, r.cost(q), before)

	v = schedtest.Regular(1, 2)
	q = &v.Queries[0]
	q.Query.Constraint.Accuracy = .99
	q.Camera.Resolution = core.Resolution{Width: 1280, Height: 720}
	r = newChameleonRig(t, "chameleon[charge=false]", v)
	looks := []int{}
	for range 6 {
		r.round()
		looks = append(looks, r.p.looks[1])
	}
	assert.Equal(t, []int{9, 5, 5, 5, 9, 5}, looks)
	assert.Equal(t, "720p", q.Plan.Video.Resolution.String())
	assert.Equal(t, 30., q.Plan.Video.FPS)
}

// However many the cameras are, a node is not given more profiling than it can do;
// and a camera whose turn has not come is served like others of its kind.
func TestChameleonDoesNotOverchargeNodes(t *testing.T) {
	v := schedtest.Regular(200, 2)
	r := newChameleonRig(t, "chameleon", v)
	begun, seconds, largest := v.Now, 0.0, 0.0
	for range 50 {
		r.round()
		looks := map[core.QueryID]float64{}
		for _, c := range r.d.Charges {
			w, ok := v.Predictor.Work(c.Service, c.Model, core.Target{Class: "rack-gpu", Role: core.RoleCloud}, c.Resolution, 0)
			require.True(t, ok)
			looks[c.Query] += w.Mean.Seconds() * float64(c.Calls)
		}
		for _, x := range looks {
			seconds += x
			largest = max(largest, x)
		}
		assert.LessOrEqual(t, seconds, (v.Now-begun).Seconds()+4+largest)
	}
	assert.Greater(t, seconds, .8*(v.Now-begun).Seconds(), "but it uses what time there is")
	for i := range v.Queries {
		assert.NotZero(t, v.Queries[i].Plan.Revision)
		assert.Equal(t, v.Queries[0].Plan.Video, v.Queries[i].Plan.Video)
	}
}

// With bounded it passes over what is predicted to be late, while there is anything
// else.
func TestChameleonBounded(t *testing.T) {
	predict := func(spec string) core.Prediction {
		v := schedtest.Regular(1, 2)
		v.Queries[0].Query.Constraint = core.Constraint{Latency: 300 * core.Millisecond, Accuracy: .8}
		r := newChameleonRig(t, spec, v)
		r.round()
		var p core.Prediction
		require.True(t, p.Predict(v.Predictor, v, &v.Queries[0], &v.Queries[0].Plan))
		return p
	}
	assert.Greater(t, predict("chameleon").Latency, 300*core.Millisecond)
	p := predict("chameleon[bounded=true]")
	assert.LessOrEqual(t, p.Latency, 300*core.Millisecond)
	assert.GreaterOrEqual(t, p.Accuracy, .8)
}

// Looking again and again costs no memory.
func TestChameleonSteadyAllocations(t *testing.T) {
	v := schedtest.Regular(30, 12)
	r := newChameleonRig(t, "chameleon", v)
	for range 60 {
		r.round()
	}
	assert.Zero(t, testing.AllocsPerRun(40, func() {
		r.d.Reset()
		r.s.Schedule(v, &r.d)
		v.Now += 4 * core.Second
	}))
}
