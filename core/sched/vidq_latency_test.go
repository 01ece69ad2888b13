package sched

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"

	"vidq/core"
	"vidq/core/sched/schedtest"
)

// calls has vidq see calls of two sizes over a link of a true rate with a jitter, and returns what it then
// believes of the rate, bytes per second.
func calls(s *vidq, v *core.View, r *rand.Rand, n int, rate, jitter float64) float64 {
	for k := range n {
		bytes := []float64{60e3, 20e3}[k%2]
		took := bytes/rate + jitter*(r.Float64()+r.Float64())
		v.Now += 50 * core.Millisecond
		c := core.Call{Bytes: bytes, Transfer: v.Links[0].RTT + core.FromSeconds(took)}
		s.observeLink(v, &vidqQuery{}, &c, v.Now, nodeIndex(v, v.Links[0].From), nodeIndex(v, v.Links[0].To))
	}
	got, _ := s.links.rate(v.Now, 0, 0, &v.Links[0])
	return got
}

// Jitter, however large, is told apart from the rate; and a rate that falls is still seen at
// once where the link is quiet, and where it is not before long.
func TestLinkLatencyIsNoRate(t *testing.T) {
	const rate = 3e6
	for _, jitter := range []float64{0, .01, .03} {
		r := rand.New(rand.NewPCG(1, 2))
		v := schedtest.Regular(1, 2)
		v.Links[0].Rate, v.Links[0].Samples = rate, 10
		s := &vidq{only: -1}
		s.links.fit(v)
		s.system.index(v)
		assert.InEpsilon(t, rate, calls(s, v, r, 200, rate, jitter), .25, "jitter %v", jitter)
		foot, sd := s.links.rows[0].latency.known()
		assert.InDelta(t, jitter, foot, .2*jitter+1e-3)
		assert.InDelta(t, jitter/math.Sqrt(6), sd, .3*jitter+1e-3)
		assert.Less(t, calls(s, v, r, 40, rate/6, jitter), rate/3, "two seconds after it fell, jitter %v", jitter)
	}
}

// Who shares a link takes longer in proportion to the bytes, which is no latency.
func TestLinkLatencyIsNoTraffic(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var l linkLatency
	for k := range 200 {
		usual := []float64{.02, .007}[k%2]
		l.add(usual, usual*r.Float64())
	}
	foot, _ := l.known()
	assert.Less(t, foot, .002)
}

// Where nothing but the view's age tells, its newest news is late by it; a second's age is not late.
func TestLagOf(t *testing.T) {
	v := schedtest.Regular(2, 2)
	set := func(age core.Time) {
		for i := range v.Nodes {
			v.Nodes[i].Age = age
		}
		for i := range v.Queries {
			v.Queries[i].Observations = nil
		}
	}
	set(core.Second / 2)
	assert.Zero(t, lagOf(v))
	set(5 * core.Second)
	assert.Equal(t, 4*core.Second, lagOf(v))
	v.Queries[0].Observations = []core.Observation{{At: v.Now - 3*core.Second}}
	assert.Equal(t, 2*core.Second, lagOf(v))
	v.Nodes, v.Queries = nil, nil
	assert.Zero(t, lagOf(v))
}

// Two sources that share what there is one of take as long as both of them, and where they do not, as
// long as the longer one.
func TestOwnBranches(t *testing.T) {
	s := &vidq{system: system{stations: []station{{capacity: 1}, {capacity: 2}}}}
	s.spans = []span{{link: -1, pool: 0, device: 1, need: 1, left: moments{.3}}}
	assert.InDelta(t, .2, s.own(0, 0, .1, 1), 1e-12, "one worker")
	assert.Zero(t, s.own(1, 0, .1, 1), "a device with room for both")
	assert.InDelta(t, .1, s.own(1, 0, .1, 2), 1e-12, "and for half of the second")
	assert.Zero(t, s.own(0, 0, .4, 1), "it has gone")
	assert.False(t, forks(core.Pipeline{{}, {Parents: []int{0}}}))
	assert.True(t, forks(core.Pipeline{{}, {}, {Parents: []int{0, 1}}}))
}
