package sched

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/core/coretest"
	"vidq/core/sched/schedtest"
)

// instance is a random joint problem: queries of all kinds that share some nodes,
// each with a random part of its options.
func instance(seed uint64, queries, options int) *joint {
	r := rand.New(rand.NewPCG(seed, 5))
	v := schedtest.Regular(0, 3)
	v.Truth = v.Predictor
	for i := range v.Links {
		v.Links[i].Rate = 2e5 * math.Exp(3*r.Float64())
	}
	edges := v.Nodes[1:]
	for range queries {
		c := core.Constraint{Latency: core.Time(100+r.IntN(300)) * core.Millisecond, Accuracy: .5 + .4*r.Float64()}
		mode, services := core.ModeLive, []string{"face_detection"}
		if r.IntN(5) == 0 {
			c, mode = core.Constraint{Delay: 300 * core.Millisecond, Accuracy: c.Accuracy}, core.ModeFile
		}
		if r.IntN(3) == 0 {
			services = append(services, "face_alignment")
		}
		schedtest.AddQuery(v, edges[r.IntN(len(edges))].ID, mode, c, services...)
	}
	j := &joint{draw: r, effort: 100000}
	j.lay(v, core.Second)
	for i := range j.clients {
		c := &j.clients[i]
		rest := c.options[1:]
		r.Shuffle(len(rest), func(a, b int) { rest[a], rest[b] = rest[b], rest[a] })
		c.options, c.present = c.options[:min(len(c.options), options)], -1
	}
	return j
}

// brute finds the best joint plan by recursion over the queries; each joint plan's
// worth is worked out with queues that are filled anew.
func brute(j *joint, at []int) (best float64) {
	if len(at) < len(j.clients) {
		best = math.Inf(-1)
		for o := range j.clients[len(at)].options {
			best = max(best, brute(j, append(slices.Clone(at), o)))
		}
		return best
	}
	queues := slices.Clone(j.slot.queues)
	defer func() { j.slot.queues = queues }()
	j.slot.queues = slices.Clone(queues)
	for i := range j.clients {
		o := &j.clients[i].options[at[i]]
		for t := o.takes[0]; t < o.takes[1]; t++ {
			j.slot.queues[j.clients[i].takes[t].queue].count(&j.clients[i].takes[t], +1)
		}
	}
	for i := range j.clients {
		best += j.clients[i].worth(&j.slot, at[i])
	}
	return best
}

// On small instances the oracle is optimal by its own evaluation.
func TestOracleIsOptimal(t *testing.T) {
	contended, instances := 0, coretest.Cases(300)
	for seed := range uint64(instances) {
		j := instance(seed, 2+int(seed%3), 7)
		want := brute(j, nil)
		got := j.solve(4096, 1)
		require.InDelta(t, want, got, 1e-9, "instance %d", seed)
		require.InDelta(t, want, j.value(), 1e-9, "instance %d: what is chosen is not what was found", seed)
		alone := 0.0
		j.load()
		for i := range j.clients {
			j.choose(&j.clients[i], 0)
		}
		j.bounds()
		for i := range j.clients {
			alone += j.clients[i].alone
		}
		require.LessOrEqual(t, want, alone+1e-9)
		if alone > want+.01 {
			contended++
		}
	}
	t.Logf("%d of %d instances are contended", contended, instances)
	assert.Greater(t, contended, instances/10, "hardly any instance in which queries are in each other's way")
}

// Coordinate ascent is never above the optimum and nearly always at it; now and then two
// queries would have to move at once.
func TestOracleAscent(t *testing.T) {
	const queries = 6
	instances := coretest.Cases(100)
	var gaps []float64
	for seed := range uint64(instances) {
		j := instance(seed, queries, 4)
		want := brute(j, nil)
		got := j.ascend(8)
		require.LessOrEqual(t, got, want+1e-9, "instance %d", seed)
		gaps = append(gaps, want-got)
	}
	slices.Sort(gaps)
	at := func(p float64) float64 { return gaps[int(p*float64(len(gaps)-1))] }
	t.Logf("gap to the optimum in queries served, of %d: median %.4f, 90%% %.4f, 99%% %.4f, largest %.4f", queries, at(.5), at(.9), at(.99), at(1))
	sum := 0.0
	for _, g := range gaps {
		sum += g
	}
	assert.Less(t, at(.9), queries*enough+.001)
	assert.Less(t, sum/float64(instances), .05)
}

// With a lone query there is nothing to trade, and the wait is nothing.
func TestQueueWait(t *testing.T) {
	v := visit{need: 1, work: all(.05)}
	q := queue{capacity: 1, gain: 1}
	own := take{load: all(.5), jobs: 10, calls: 10}
	q.count(&own, +1)
	w, likely := q.wait(0, 0, &v, &own)
	assert.Zero(t, w)
	assert.Zero(t, likely)

	// Work that waits at the start is done at the spare capacity.
	q.backlog = .3
	w, _ = q.wait(0, .2, &v, &own)
	assert.InDelta(t, .3-.2*.5, w, 1e-12)
	q.backlog = 0

	// One other source: its job is met half of the time that it takes, at random
	// phases, and half of it is left: the exact mean is .5 * .05 / 2.
	q.count(&take{load: all(.5 - 1e-9), jobs: 10, calls: 10}, +1)
	q.load = all(.9)
	w, _ = q.wait(0, 0, &v, &own)
	assert.InDelta(t, .0125, w, .008)

	// Beyond the capacity nothing is in time, with batches later.
	q.load = all(1.5)
	w, _ = q.wait(0, 0, &v, &own)
	assert.Greater(t, w, 100.)
	q.gain, q.marginal = 8/(1+7*.2), .2
	w, _ = q.wait(0, 0, &v, &own)
	assert.Less(t, w, 1.)

	// Calls of two models change over at half of the calls.
	q.models = [maxModels]float64{5, 5}
	assert.InDelta(t, 5, q.changes(), 1e-12)
}
