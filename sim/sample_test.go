package sim_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/core/sched"
	"vidq/kb"
	"vidq/scenarios"
	"vidq/sim"
)

// spans adds up what a node's samples cover.
type spans struct {
	node  core.NodeID
	began core.Time // when the first one's time begins
	sum   core.Time
	after core.Time // of the sample at which a fault ends
	end   core.Time // of the fault
}

func (s *spans) Query(core.QueryID, string) {}

func (s *spans) Record(r core.Record) {
	n, ok := r.(*core.NodeSample)
	if !ok || n.Node != s.node {
		return
	}
	if s.sum == 0 {
		s.began = n.At - n.Span
	}
	s.sum += n.Span
	if n.At == s.end {
		s.after = n.Span
	}
}

// Samples cover a node's time from its start to the run's end without a gap, outages and the last,
// shorter one included; so energy is what the utilizations say.
func TestSamplesCoverOutages(t *testing.T) {
	const fault = `[{ kind = "node_down", at = "10300ms", for = "15s", node = "edge1" }]`
	sc, err := scenarios.Load("face", []string{"duration=40500ms", "warmup=0s", "fault=" + fault})
	require.NoError(t, err)
	specs, err := sched.ParseSpecs("static[plan=all-edge]")
	require.NoError(t, err)
	s := &spans{node: "edge1", end: 25300 * core.Millisecond}
	run, err := sim.Run(context.Background(), sc, sim.Options{Scheduler: specs[0], Seed: 1, Sink: s})
	require.NoError(t, err)

	assert.Positive(t, s.began)
	assert.Less(t, s.began, core.Second)
	assert.Equal(t, 40500*core.Millisecond-1, s.began+s.sum)
	assert.GreaterOrEqual(t, s.after, 15*core.Second, "the outage")
	assert.Less(t, s.after, 16*core.Second)

	truth, err := kb.Open(sc.KB.Truth, kb.Options{})
	require.NoError(t, err)
	for _, n := range run.Nodes {
		if n.ID != s.node {
			continue
		}
		class, ok := truth.Class("tx2-gpu")
		require.True(t, ok)
		up, covered := (s.sum - 15*core.Second).Seconds(), s.sum.Seconds()
		want := class.Power.Idle*up + class.Power.PerCore*class.Cores**n.CPUUtilization*covered + class.Power.PerGPU*class.GPUs**n.GPUUtilization*covered
		assert.Greater(t, *n.Utilization, .2)
		assert.InEpsilon(t, want, n.EnergyJ, 1e-6)
	}
}

// A controller that sees what became of its plans a minute later than others does worse by them.
func TestStalenessCosts(t *testing.T) {
	joint := func(staleness string) float64 {
		sc, err := scenarios.Load("face", []string{"kb.staleness=" + staleness})
		require.NoError(t, err)
		return *runOf(t, sc, 2*core.Minute, "pid", 1).SLOTime.Joint
	}
	fresh, old := joint("0s"), joint("60s")
	t.Logf("%.3f, and %.3f a minute later", fresh, old)
	assert.Less(t, old, fresh-.3)
}
