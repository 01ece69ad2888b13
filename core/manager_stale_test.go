package core_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

// measurements is what a scheduler was shown of what is measured, in one round.
type measurements struct {
	runtime      core.RuntimeInfo
	observations []core.Observation
	load         core.NodeLoad
	queue        int
	age          core.Time
	link         core.LinkEstimate
}

// measured plays 20 s of heartbeats and results that change all the time and returns what each
// round was shown.
func measured(t *testing.T, staleness core.Time) map[core.Time]measurements {
	c, got := qmConfig(nil), map[core.Time]measurements{}
	c.Period, c.Staleness = core.Second, staleness
	c.Scheduler = qmSched(func(v *core.View, _ *core.Decision) {
		n, q := v.Node("edge1"), &v.Queries[0]
		m := measurements{q.Runtime, nil, n.Load, n.Service("a").Queue, n.Age, v.Link("edge1", "cloud").LinkEstimate}
		for _, o := range q.Observations { // the view's memory is the manager's
			o.Calls = slices.Clone(o.Calls)
			m.observations = append(m.observations, o)
		}
		got[v.Now] = m
	})
	r, id := qmRunning(t, c)
	running := core.JobStatus{Query: id, State: core.StateRunning}
	for k := range 40 {
		r.advance(core.Time(k)*500*ms + 100*ms - r.now)
		r.beat("edge1", func(h *core.Heartbeat) {
			h.Load.CPU = float64(k)
			h.Services[1].Queue = k
			h.Links = []core.LinkView{{From: "edge1", To: "cloud", LinkEstimate: core.LinkEstimate{Rate: float64(1000 + k), RTT: ms, Age: 20 * ms, Samples: 1 + k}}}
		}, running)
		for i := range 3 {
			seq := uint64(3*k + i + 1)
			r.from("edge1", &core.SyncResults{Node: "edge1", Incarnation: 1, First: seq, Results: []core.Result{{
				CameraFrame: int64(seq), Outcome: core.OutcomeDone,
				Obs: core.Observation{Query: id, Frame: int64(seq), Latency: core.Time(seq) * ms, Objects: float64(seq), Known: true, Calls: []core.Call{{Bytes: float64(seq)}}},
			}}})
			r.saved("")
		}
	}
	r.advance(core.Second)
	return got
}

// A round is shown what one without staleness was shown that much earlier, and nothing before; ages
// tell so.
func TestStaleness(t *testing.T) {
	fresh := measured(t, 0)
	require.NotEmpty(t, fresh[10*core.Second].observations)
	for _, staleness := range []core.Time{core.Second, 7 * core.Second, core.Never} {
		stale := measured(t, staleness)
		require.Len(t, stale, len(fresh))
		for at, got := range stale {
			want, ok := fresh[at-staleness]
			if !ok {
				assert.Zero(t, got.runtime)
				assert.Empty(t, got.observations)
				assert.Zero(t, got.load)
				assert.Zero(t, got.queue)
				assert.Equal(t, core.LinkEstimate{Rate: 1e6, RTT: 20 * ms}, got.link, "nominal")
				continue
			}
			want.age += staleness
			want.link.Age += staleness
			assert.Equal(t, want, got, "at %v, %v old", at, staleness)
		}
	}
}

// What a former life of a node told is not shown of the new one, and a node is down at once.
func TestStalenessAcrossLives(t *testing.T) {
	var n core.NodeView
	c := qmConfig(nil)
	c.Period, c.Staleness = core.Second, 5*core.Second
	c.Scheduler = qmSched(func(v *core.View, _ *core.Decision) { n = *v.Node("edge1") })
	r, _ := qmRunning(t, c)
	r.beat("edge1", func(h *core.Heartbeat) { h.Load.CPU = .5 })
	r.advance(4 * core.Second)
	assert.False(t, n.Up, "nothing was heard for 4 s")
	join := qmJoin("edge1", 2)
	r.from("edge1", &join)
	r.advance(3 * core.Second)
	assert.Zero(t, n.Load)
}
