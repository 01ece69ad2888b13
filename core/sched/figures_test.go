package sched

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/core/sched/schedtest"
)

// The belief is wrong by a factor; some frames at one node set the figure right,
// tell the nodes of the same class nearly as much, and the others something.
func TestFiguresLearn(t *testing.T) {
	for _, wrong := range []float64{.3, .5, 1, 2, 3} {
		v := schedtest.Regular(1, 12)
		var f figures
		f.fit(v, v.Predictor)
		edge, sibling, cloud := 3, 4, 0
		require.Equal(t, v.Nodes[edge].Class, v.Nodes[sibling].Class)
		require.NotEqual(t, v.Nodes[edge].Class, v.Nodes[cloud].Class)
		const service, model, point = 2, 0, 3
		r := rand.New(rand.NewPCG(1, 2))
		l := f.nodes[edge].services[service].models[model].points[point].law(true)
		require.True(t, l.ok)
		for range 60 {
			objects := 5 + 10*r.Float64()
			work := (l.a + l.b*objects) * wrong * (1 + .1*r.NormFloat64())
			f.learn(edge, service, model, point, true, objects, work, 1)
		}
		f.settle()
		factor := func(node, point int) float64 {
			s := &f.nodes[node].services[service]
			return f.factor(s, &s.models[model].points[point])
		}
		assert.InEpsilon(t, wrong, factor(edge, point), .08, "the figure itself")
		assert.InEpsilon(t, wrong, factor(sibling, point), .25, "a node of the same class")
		for _, other := range []float64{factor(cloud, point), factor(edge, 0)} {
			assert.LessOrEqual(t, math.Abs(math.Log(other/wrong)), .3*math.Abs(math.Log(wrong))+.05, "another class or resolution")
		}
	}
}

// What was learned of a node stays when another one comes, and a single value that
// is far out does no harm.
func TestFiguresKeepAndResist(t *testing.T) {
	v := schedtest.Regular(1, 4)
	var f figures
	f.fit(v, v.Predictor)
	l := f.nodes[1].services[2].models[0].points[3].law(true)
	for i := range 40 {
		work := 2 * l.a
		if i == 30 {
			work *= 100 // a model was loaded
		}
		f.learn(1, 2, 0, 3, true, 0, work, 1)
	}
	w := schedtest.Regular(1, 5)
	f.fit(w, w.Predictor)
	f.settle()
	i := nodeIndex(w, v.Nodes[1].ID)
	require.GreaterOrEqual(t, i, 0)
	s := &f.nodes[i].services[2]
	assert.InEpsilon(t, 2, f.factor(s, &s.models[0].points[3]), .15)
}

func TestTrend(t *testing.T) {
	var x trend
	for s := 0.; s < 40; s += .2 {
		x.add(5+.25*s, core.FromSeconds(s))
	}
	assert.InDelta(t, 5+.25*39.8, x.level, .3)
	assert.InDelta(t, .25, x.slope, .05)
	assert.InDelta(t, 5+.25*42.8, x.expect(3), .6)
}

// A link that slows down is believed to be slow at once, and to recover when
// nobody has used it for a while.
func TestLinkMemory(t *testing.T) {
	v := schedtest.Regular(1, 2)
	var m linkMemory
	m.fit(v)
	l := &v.Links[0]
	rate, _ := m.rate(v.Now, 0, 0, l)
	assert.Equal(t, l.Rate, rate)
	now := v.Now
	for range 10 {
		now += 100 * core.Millisecond
		m.rows[0].add(l.Rate/8, now)
	}
	rate, _ = m.rate(now, 0, 0, l)
	assert.InEpsilon(t, l.Rate/8, rate, .01)
	rate, _ = m.rate(now+core.Minute, 0, 0, l)
	assert.Greater(t, rate, l.Rate/4)
}

func TestStationWait(t *testing.T) {
	s := station{capacity: 1}
	assert.Zero(t, s.wait(.5, 1), "alone")
	s.load = .5
	assert.InDelta(t, .5*.5/(1-.75), s.wait(.25, 1), 1e-12, "M/D/1 seen by a newcomer")
	assert.Greater(t, s.wait(.6, 1), 100., "more than there is")
	many := station{capacity: 10, load: 5}
	assert.Less(t, many.wait(.25, 1), .05, "several servers")
	assert.InDelta(t, 0, s.toll(use{amount: .1}), 1e-12, "nobody else is there")
	s.users = 3
	assert.Greater(t, s.toll(use{amount: .4}), s.toll(use{amount: .2}))
}

// decayOf inverts the mean ageing of the knowledge base.
func TestDecayOf(t *testing.T) {
	for _, d := range []float64{.05, .5, 2, 5} {
		assert.InEpsilon(t, d, decayOf(mean(d/1)/mean(d/30), 1, 30), .01)
	}
	assert.Zero(t, decayOf(1, 1, 30))
}
