package sched

import (
	"math"
	"testing"

	"vidq/core"
	"vidq/core/sched/schedtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sharing makes queries that send so many bytes per second each over one link.
func sharing(demands ...float64) (s *jcab, users []int) {
	s = &jcab{}
	for i, x := range demands {
		s.queries = append(s.queries, jcabQuery{use: jcabUse{x: x, s: math.Sqrt(x)}})
		users = append(users, i)
	}
	return s, users
}

// The closed form for frame rates and sides of (30,640), (10,640), (30,320).
func TestJCABSplit(t *testing.T) {
	s, users := sharing(30*640*640, 10*640*640, 30*320*320)
	const rate = 1e9
	s.shareLink(users, rate)
	for i, want := range []float64{.4814, .2779, .2407} {
		assert.InDelta(t, want, s.queries[i].pace/rate, 5e-5)
	}
}

// It is the minimum of what it claims to minimise, the sum of x/b.
func TestJCABSplitIsOptimal(t *testing.T) {
	s, users := sharing(9, 4, 1)
	s.shareLink(users, 100)
	cost := func(b ...float64) float64 { return 9/b[0] + 4/b[1] + 1/b[2] }
	best := cost(s.queries[0].pace, s.queries[1].pace, s.queries[2].pace)
	for b0 := 1.0; b0 < 99; b0++ {
		for b1 := 1.0; b0+b1 < 100; b1++ {
			assert.GreaterOrEqual(t, cost(b0, b1, 100-b0-b1), best-1e-9)
		}
	}
}

// Who would get less than it sends gets what it sends, if there is room at all.
func TestJCABSplitKeepsUp(t *testing.T) {
	s, users := sharing(100, 1, 1)
	s.shareLink(users, 104)
	assert.Equal(t, []float64{100, 2, 2}, []float64{s.queries[0].pace, s.queries[1].pace, s.queries[2].pace})
	s, users = sharing(100, 1, 1)
	s.shareLink(users, 96)
	assert.InDeltaSlice(t, []float64{80, 8, 8}, []float64{s.queries[0].pace, s.queries[1].pace, s.queries[2].pace}, 1e-9, "no room: the closed form")
}

// contended is a view of n queries behind one link, that are behind their bounds.
func contended(n int, solver string) (*jcab, *core.View) {
	v := schedtest.Regular(n, 2)
	v.Knobs.FPS, v.Knobs.Resolutions, v.Knobs.Encoders = v.Knobs.FPS[1:4], v.Knobs.Resolutions[1:], v.Knobs.Encoders[:1]
	v.Knobs.Encoders[0].Qualities = []int{90}
	for i := range v.Queries {
		q := &v.Queries[i]
		q.Camera.Mode, q.Query.Constraint = core.ModeLive, core.Constraint{Latency: core.Time(2+i) * 200 * core.Millisecond}
		q.Plan = core.Plan{
			Revision: 1, InFlight: 4, Buffer: 1, Stages: []core.Assignment{{Node: "cloud-000"}, {Node: "cloud-000"}},
			Video: core.VideoConf{Resolution: v.Knobs.Resolutions[2], FPS: 20, Encoder: "jpeg", Quality: 90},
		}
		schedtest.Observe(q, 5, core.Time(1+i)*400*core.Millisecond, 3)
	}
	s := &jcab{jcabConfig: jcabConfig{V: 10, EnergyWeight: .001, JoulePerBit: 5e-6, Solver: solver, Sweeps: 10, Proposals: 3000, Tau: .1, Place: "server", InFlight: 4, Buffer: 1}}
	return s, v
}

// objective is what the sums and the queries' own parts come to.
func (s *jcab) objective() (j float64) {
	for i := range s.queries {
		j += s.queries[i].use.own
	}
	for i := range s.links {
		j += s.linkCost(&s.links[i], 0, 0, 0)
	}
	for i := range s.stations {
		j += s.stationCost(&s.stations[i], 0, 0)
	}
	return j
}

// begin is a round up to the search.
func (s *jcab) begin(v *core.View) {
	s.lay(v)
	s.each(v, func(q *core.QueryView, st *jcabState) { st.queue = 2; s.take(v, q, st) })
	s.start(v)
}

// Both solvers come near the best of all joint configurations; the objective that they are after
// is the one that is summed up anew.
func TestJCABAgainstExhaustiveSearch(t *testing.T) {
	s, v := contended(3, "descent")
	s.begin(v)
	start := s.objective()
	best := math.Inf(1)
	var all func(i int)
	all = func(i int) {
		if i == len(s.queries) {
			best = min(best, s.objective())
			return
		}
		x := &s.queries[i]
		s.prepare(v, x)
		knobs := s.t.knobs
		for r := range knobs.resolution {
			for f := range knobs.fps {
				s.prepare(v, x)
				var u jcabUse
				c := x.at
				c.resolution, c.fps = r, f
				require.True(t, s.use(v, x, c, &u))
				before := x.use
				s.count(&before, -1)
				x.use = u
				s.count(&x.use, 1)
				all(i + 1)
				s.count(&x.use, -1)
				x.use = before
				s.count(&x.use, 1)
			}
		}
	}
	all(0)
	require.Less(t, best, start-.1, "there is something to be gained")
	for _, solver := range []string{"descent", "markov"} {
		s, v := contended(3, solver)
		s.begin(v)
		s.search(v)
		t.Logf("%s: %.4f, best %.4f, start %.4f", solver, s.objective(), best, start)
		assert.LessOrEqual(t, s.objective(), best+.02, solver)
		assert.GreaterOrEqual(t, s.objective(), best-1e-6, solver)
	}
}

// The virtual queue is the published recursion, and what is measured moves it.
func TestJCABQueue(t *testing.T) {
	s, v := contended(1, "descent")
	q := &v.Queries[0] // bound .4 s
	want := 0.0
	for i, latency := range []core.Time{600, 600, 300, 200, 100, 100, 2000} {
		schedtest.Observe(q, 3, latency*core.Millisecond/2, 3) // of each of two stages
		var d core.Decision
		s.Schedule(v, &d)
		want = max(0, want+min(latency.Seconds()*1e9/1e3/.4, jcabMaxShare)-1)
		assert.InDelta(t, want, s.rows[0].state.queue, 1e-9, "slot %d", i)
	}
	assert.Equal(t, 1.0, want)
}

// Pacing hands the whole link out, by the split.
func TestJCABPacing(t *testing.T) {
	s, v := contended(4, "descent")
	var d core.Decision
	s.Schedule(v, &d)
	require.NoError(t, schedtest.Check(v, &d))
	sum := 0.0
	for _, p := range d.Pacing {
		sum += p.Rate
	}
	require.Len(t, d.Pacing, 4, "all share the one edge's link")
	assert.InDelta(t, 2.5e6, sum, 1)
}
