package sched

import (
	"math"
	"math/rand/v2"
	"testing"

	"vidq/core"
	"vidq/core/sched/schedtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// l(b) = 8 + 2b ms, batches of at most 12.
func TestBatchLimit(t *testing.T) {
	for budget, want := range map[float64]int{15: 0, 19.9: 0, 20: 1, 30: 3, 41: 6, 60: 11, 100: 12, math.Inf(1): 12, -1: 0} {
		assert.Equal(t, want, batchLimit(budget/1e3, .010, .2, 12), "budget %g ms", budget)
	}
	assert.Zero(t, batchLimit(math.NaN(), .01, .2, 12))
	assert.InDelta(t, .030, batchTime(11, .010, .2), 1e-12)
}

// Nexus' saturated batch by the same law is the largest of which two fit the bound.
func TestSaturatedBatch(t *testing.T) {
	m := jellyModel{slowest: .010, marginal: .2}
	for bound, want := range map[float64]struct {
		batch int
		rate  float64
	}{.100: {21, 420}, .060: {11, 366.7}} {
		assert.Equal(t, want.batch, batchLimit(bound, .010, .2, 64))
		assert.InDelta(t, want.rate, m.throughput(want.batch), .05)
	}
}

// A worker's batch law is what the belief says of its stages.
func TestJellyfishBelievesInBatches(t *testing.T) {
	v := crowd(5, core.Second)
	s := newJellyfish(t)
	s.levels.resolution, s.levels.quality = len(v.Knobs.Resolutions), len(v.Knobs.Encoders[0].Qualities)
	s.gather(v)
	s.equip(v)
	require.NotEmpty(t, s.workers)
	for _, w := range s.workers {
		n := &v.Nodes[w.node]
		for _, m := range w.ladder {
			want, ok := v.Predictor.Work(v.Queries[0].Query.Pipeline[0].Service, m.model, core.Target{Class: n.Class, Role: n.Role}, v.Knobs.Resolutions[m.resolution], 0)
			require.True(t, ok)
			assert.InDelta(t, want.Marginal, m.marginal, 1e-12)
			assert.InDelta(t, want.Batch(5)*m.work, batchTime(5, m.work, m.marginal), 1e-12)
		}
	}
}

// The subset that a worker takes has as many frames per second as the best one of all subsets,
// each judged by the batch that its tightest member allows.
func TestSubsetIsTheBest(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		s := &jellyfish{jellyfishConfig: jellyfishConfig{MaxBatch: 12}}
		m := jellyModel{slowest: .002 + r.Float64()*.05, marginal: .2}
		limit := 12
		for i := range 1 + r.IntN(10) {
			limit = max(1, limit-r.IntN(3))
			s.clients = append(s.clients, jellyClient{fps: float64(1 + r.IntN(30))})
			s.seats = append(s.seats, jellySeat{client: i, limit: limit})
		}
		all, best := append([]jellySeat{}, s.seats...), 0.0
		for set := range 1 << len(all) {
			sum, tightest := 0.0, 12
			for i := range all {
				if set>>i&1 == 1 {
					sum, tightest = sum+s.clients[i].fps, min(tightest, all[i].limit)
				}
			}
			if sum <= m.throughput(tightest)+1e-9 {
				best = max(best, sum)
			}
		}
		s.subset(&m, int(m.throughput(all[0].limit)))
		sum, tightest := 0.0, 12
		for _, seat := range s.seats {
			sum, tightest = sum+s.clients[seat.client].fps, min(tightest, seat.limit)
		}
		require.Equal(t, best, sum)
		require.LessOrEqual(t, sum, m.throughput(tightest)+1e-9)
		if len(s.seats) > 0 {
			require.Equal(t, tightest, s.seats[len(s.seats)-1].limit, "the last one is the tightest")
		}

		for i := range s.clients { // with equal rates taking them in order is as good
			s.clients[i].fps = 7
		}
		s.seats = append(s.seats[:0], all...)
		s.subset(&m, int(m.throughput(all[0].limit)))
		exact := len(s.seats)
		s.seats = append(s.seats[:0], all...)
		require.Equal(t, exact, s.leading(&m))
	}
}

// crowd is n live queries on 5 edges with 2 clouds.
func crowd(n int, bound core.Time) *core.View {
	v := schedtest.Regular(n, 7)
	for i := range v.Queries {
		q := &v.Queries[i]
		q.Camera.Mode, q.Query.Constraint = core.ModeLive, core.Constraint{Latency: bound}
		q.Query.Pipeline = q.Query.Pipeline[:1]
	}
	for i := range v.Nodes {
		for k := range v.Nodes[i].Services {
			v.Nodes[i].Services[k].Workers *= 4
		}
	}
	return v
}

func newJellyfish(t testing.TB) *jellyfish {
	t.Helper()
	s, err := New(Spec{Name: "jellyfish"}, Deps{Seed: 1})
	require.NoError(t, err)
	return s.(*jellyfish)
}

// The mapping respects every budget and throughput.
func TestMappingFits(t *testing.T) {
	for _, n := range []int{1, 5, 20, 60} {
		s, v := newJellyfish(t), crowd(n, 300*core.Millisecond)
		for range 3 {
			var d core.Decision
			s.Schedule(v, &d)
			require.NoError(t, schedtest.Check(v, &d))
			mapped := 0
			s.gather(v) // again: the round let go of the view
			s.equip(v)
			s.mapClients(&s.best)
			for i, w := range s.best.at {
				if w < 0 {
					continue
				}
				mapped++
				assert.GreaterOrEqual(t, s.limit(i, w, s.model(&s.best, w)), s.best.batch[w])
			}
			for w := range s.workers {
				assert.LessOrEqual(t, s.best.fps[w], s.model(&s.best, w).throughput(s.best.batch[w])+1e-9)
			}
			assert.NotZero(t, mapped)
			schedtest.Advance(v, &d)
		}
	}
}

// More clients get less accuracy each but stay mapped, until the models cannot get any smaller;
// a shorter bound costs accuracy too.
func TestMoreClientsLessAccuracy(t *testing.T) {
	serve := func(n int, bound core.Time) (mapped, accuracy float64) {
		s, v := newJellyfish(t), crowd(n, bound)
		for range 5 {
			var d core.Decision
			s.Schedule(v, &d)
			schedtest.Advance(v, &d)
		}
		return s.best.mapped / (s.FPS * float64(n)), s.best.value / s.best.mapped
	}
	last := 2.
	for _, n := range []int{5, 20, 40, 80} {
		mapped, accuracy := serve(n, 500*core.Millisecond)
		t.Logf("%d clients: %.2f mapped, accuracy %.3f", n, mapped, accuracy)
		if n <= 40 {
			assert.Equal(t, 1., mapped)
		}
		assert.LessOrEqual(t, accuracy, last+1e-9)
		last = accuracy
	}
	_, long := serve(10, 800*core.Millisecond)
	_, short := serve(10, 250*core.Millisecond)
	assert.Less(t, short, long)
}

// Annealing comes near the best of all choices of models.
func TestAnnealingAgainstExhaustiveSearch(t *testing.T) {
	s, v := newJellyfish(t), crowd(40, 450*core.Millisecond)
	v.Nodes = v.Nodes[:4] // the cloud and three edges
	var d core.Decision
	for range 5 {
		d.Reset()
		s.Schedule(v, &d)
		schedtest.Advance(v, &d)
	}
	s.gather(v)
	s.equip(v)
	try := jellyTry{model: make([]int, len(s.workers))}
	best, mapped := 0.0, 0.0
	var all func(w int)
	all = func(w int) {
		if w == len(s.workers) {
			if s.mapClients(&try); try.mapped > mapped || try.mapped == mapped && try.value > best {
				best, mapped = try.value, try.mapped
			}
			return
		}
		for m := range s.workers[w].ladder {
			try.model[w] = m
			all(w + 1)
		}
	}
	all(0)
	s.mapClients(&s.best)
	t.Logf("annealed %.3f of %.3f, %.0f of %.0f frames/s mapped", s.best.value, best, s.best.mapped, mapped)
	assert.GreaterOrEqual(t, s.best.mapped, mapped-1e-9)
	assert.GreaterOrEqual(t, s.best.value, .97*best)
}
