package result

import (
	"fmt"
	"testing"

	"vidq/core"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// busy is a collector of queries at 30 fps with a step that adds one
// done frame (every sixth camera frame) and its two stages.
func busy(queries core.QueryID) (c *Collector, step func()) {
	c = NewCollector(Meta{Nodes: []core.NodeID{"a"}})
	for q := core.QueryID(1); q <= queries; q++ {
		c.Query(q, QueryInfo{
			Mode: core.ModeLive, CameraFPS: 30, CameraPhase: core.Time(q) * 33_333,
			Constraint: core.Constraint{Latency: 200 * ms, Accuracy: .7},
		})
	}
	f := &core.FrameRecord{Node: "a", Gap: 6, Fresh: .9, Decay: .3}
	s := &core.StageRecord{}
	q, k := core.QueryID(1), int64(0)
	x := uint64(1)
	return c, func() {
		x = x*6364136223846793005 + 1442695040888963407
		f.Query, f.CameraFrame = q, k
		f.Captured = FrameTime(k, core.Time(q)*33_333, 30)
		f.Latency = 100*ms + core.Time(x>>37) // up to 134 ms more
		f.At, f.RoundTrip = f.Captured+f.Latency, f.Latency
		f.Decay = .3 + float64(x>>60)/100
		c.Add(s)
		c.Add(s)
		c.Add(f)
		if q++; q > queries {
			q, k = 1, k+6
		}
	}
}

func TestAddDoesNotAllocate(t *testing.T) {
	_, step := busy(1000)
	for range 60_000 {
		step()
	}
	assert.Zero(t, testing.AllocsPerRun(10_000, step))

	c := NewCollector(Meta{Nodes: []core.NodeID{"a"}, Links: []LinkID{{"a", "b"}}})
	c.Query(1, QueryInfo{CameraFPS: 30})
	p := &core.PlanRecord{Query: 1, Plan: core.Plan{Stages: make([]core.Assignment, 2)}}
	n := &core.NodeSample{Node: "a"}
	l := &core.LinkRecord{Link: core.LinkSample{From: "a", To: "b"}}
	drop := &core.FrameRecord{Query: 1, Outcome: core.OutcomeDropped, Reason: core.ReasonOverrun}
	assert.Zero(t, testing.AllocsPerRun(1000, func() {
		p.Plan.Hash++
		c.Add(p)
		c.Add(n)
		c.Add(l)
		c.Add(drop)
	}))
}

// BenchmarkAdd is for one done frame and the records of its two stages.
func BenchmarkAdd(b *testing.B) {
	for _, queries := range []core.QueryID{1, 1000} {
		b.Run(fmt.Sprintf("queries=%d", queries), func(b *testing.B) {
			c, step := busy(queries)
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
			b.StopTimer()
			assert.EqualValues(b, b.N, c.End(core.Hour*1_000_000).Frames.Done)
		})
	}
}

// TestQueriesWithoutResultsTakeNoBuckets: a run of many queries that is interrupted
// early closes its books at once.
func TestQueriesWithoutResultsTakeNoBuckets(t *testing.T) {
	c := NewCollector(Meta{})
	for id := range core.QueryID(100) {
		c.Query(id+1, QueryInfo{CameraFPS: 30, Constraint: core.Constraint{Latency: core.Second}})
	}
	r := c.End(10 * core.Second)
	require.Equal(t, int64(100*300), r.Frames.Captured)
	require.Equal(t, 0.0, *r.Accuracy.Mean)
	require.Equal(t, 0.0, *r.Accuracy.P5)
	for _, q := range c.queries[1:] {
		require.Nil(t, q.accuracy.count)
	}
}
