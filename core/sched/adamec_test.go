package sched

import (
	"testing"

	"vidq/core"
	"vidq/core/sched/schedtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func newAdamecForTest(t testing.TB) *adamec {
	t.Helper()
	return &adamec{adamecConfig: adamecConfig{
		DelayWeight: .8, AccuracyWeight: .2, Delay: 300 * core.Millisecond, Accuracy: .6, Pops: 32, Evaluations: 512, FPS: 30, InFlight: 1, Buffer: 1,
	}, limit: core.Resolutions()[0]}
}

// The published loss with D = .3 s and Amin = .6.
func TestAdamecLoss(t *testing.T) {
	s := newAdamecForTest(t)
	for _, c := range []struct{ delay, accuracy, loss float64 }{
		{.30, .60, 0}, {.45, .60, .4}, {.20, .30, .1}, {.60, .30, .9}, {.10, .90, 0},
	} {
		assert.InDelta(t, c.loss, s.loss((c.delay-.3)/.3, c.accuracy, .6), 1e-12, "%v", c)
	}
}

// lossOf is what adamec thinks of a query's present plan.
func lossOf(t testing.TB, v *core.View, q *core.QueryView) float64 {
	s := newAdamecForTest(t)
	require.True(t, s.begin(v, q))
	k, known := s.position()
	require.True(t, known, "%+v", q.Plan)
	return s.evaluate(k).loss
}

// A search never ends worse than it began, whatever the bounds, the links and the plan
// that it begins with, stays within its budget, and where it ends no neighbour is better.
func TestAdamecSearch(t *testing.T) {
	improved := 0
	for i := range 200 {
		v := schedtest.Regular(1, 2)
		for k := range v.Links {
			v.Links[k].Rate = []float64{1e5, 5e5, 2.5e6, 1e8}[i%4]
		}
		q := &v.Queries[0]
		q.Query.Constraint = core.Constraint{Delay: core.Time(1+i%7) * 80 * core.Millisecond, Accuracy: []float64{.5, .8, .95}[i%3]}
		host, cloud := q.Query.Node, core.NodeID("cloud-000")
		q.Plan = core.Plan{
			Revision: 1, InFlight: 1, Buffer: 1, Stages: []core.Assignment{{Node: host, Model: i % 3}, {Node: cloud, Model: i % 3}},
			Video: core.VideoConf{Resolution: v.Knobs.Resolutions[i%4], FPS: v.Knobs.FPS[i%5], Encoder: "jpeg", Quality: 70},
		}
		before := lossOf(t, v, q)
		s := newAdamecForTest(t)
		s.Evaluations = 60
		p, ok := s.Plan(v, q)
		assert.LessOrEqual(t, len(s.seen), 60)
		if !ok {
			continue
		}
		improved++
		q.Plan = p
		q.Plan.Revision = 2
		after := lossOf(t, v, q)
		assert.Less(t, after, before, "case %d", i)
		if len(s.seen) < 60 {
			_, again := newAdamecForTest(t).Plan(v, q)
			assert.False(t, again, "case %d: there is a better neighbour", i)
		}
	}
	assert.Greater(t, improved, 50)
}

// When the link breaks down the stages come to the device, and no other knob is touched that
// need not be; when nothing is wrong nothing changes.
func TestAdamecAdaptsToTheLink(t *testing.T) {
	v := schedtest.Regular(1, 2)
	q := &v.Queries[0]
	q.Query.Constraint = core.Constraint{Delay: 300 * core.Millisecond, Accuracy: .7}
	round := func() *core.Plan {
		var d core.Decision
		core.PerQuery(newAdamecForTest(t)).Schedule(v, &d)
		require.NoError(t, schedtest.Check(v, &d))
		schedtest.Advance(v, &d)
		return &q.Plan
	}
	p := *round()
	assert.Equal(t, []core.Assignment{{Node: "cloud-000"}, {Node: "cloud-000"}}, p.Stages, "a cold start without loss is its start")
	assert.Equal(t, p.Revision, round().Revision)
	for i := range v.Links {
		v.Links[i].Rate = 2e4
	}
	before := lossOf(t, v, q)
	p = *round()
	assert.Greater(t, before, .5)
	assert.Equal(t, q.Query.Node, p.Stages[0].Node)
	assert.Equal(t, q.Query.Node, p.Stages[1].Node)
	assert.Less(t, lossOf(t, v, q), before/2)
}
