package sched_test

import (
	"testing"

	"vidq/core"
	"vidq/core/sched"
	"vidq/core/sched/schedtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ring is a system of one host and three clouds in which every node has every
// service, with n queries of two stages.
func ring(n int) *core.View {
	v := schedtest.Regular(0, 4)
	cloud := v.Nodes[0]
	for _, id := range []core.NodeID{"cloud-001", "cloud-002"} {
		c := cloud
		c.ID = id
		v.Nodes = append(v.Nodes, c)
	}
	v.Nodes = append([]core.NodeView{cloud}, append(v.Nodes[4:], v.Nodes[1])...)
	v.Links = nil
	for _, a := range v.Nodes {
		for _, b := range v.Nodes {
			if a.ID != b.ID {
				v.Links = append(v.Links, core.LinkView{From: a.ID, To: b.ID, LinkEstimate: core.LinkEstimate{Rate: 2.5e6}})
			}
		}
	}
	for range n {
		schedtest.AddQuery(v, "edge-000", core.ModeLive, core.Constraint{Latency: core.Second}, "face_detection", "face_alignment")
	}
	return v
}

func placesOf(v *core.View, q core.QueryID) (ids []core.NodeID) {
	for _, a := range v.Query(q).Plan.Stages {
		ids = append(ids, a.Node)
	}
	return ids
}

func TestRoundRobinTakesTurns(t *testing.T) {
	v := ring(8)
	s := schedulerOf(t, "round-robin")
	var d core.Decision
	s.Schedule(v, &d)
	require.NoError(t, schedtest.Check(v, &d))
	schedtest.Advance(v, &d)
	count := map[string]map[core.NodeID]int{}
	for i := range v.Queries {
		q := &v.Queries[i]
		for k, a := range q.Plan.Stages {
			service := q.Query.Pipeline[k].Service
			if count[service] == nil {
				count[service] = map[core.NodeID]int{}
			}
			count[service][a.Node]++
		}
	}
	even := map[core.NodeID]int{"cloud-000": 2, "cloud-001": 2, "cloud-002": 2, "edge-000": 2}
	assert.Equal(t, map[string]map[core.NodeID]int{"face_detection": even, "face_alignment": even}, count)

	d.Reset()
	s.Schedule(v, &d)
	assert.Empty(t, d.Plans, "nothing happened")

	// A node fails: only its stages move, and they are spread over the others.
	v.Node("cloud-001").Up = false
	before := make([][]core.NodeID, 9)
	for i := range 8 {
		before[i+1] = placesOf(v, core.QueryID(i+1))
	}
	d.Reset()
	s.Schedule(v, &d)
	require.NoError(t, schedtest.Check(v, &d))
	require.Len(t, d.Plans, 2)
	schedtest.Advance(v, &d)
	moved := map[core.NodeID]int{}
	for i := range 8 {
		for k, at := range placesOf(v, core.QueryID(i+1)) {
			if before[i+1][k] == "cloud-001" {
				moved[at]++
			} else {
				assert.Equal(t, before[i+1][k], at)
			}
		}
	}
	assert.Len(t, moved, 2)
}

func TestRoundRobinRotates(t *testing.T) {
	v := ring(1)
	s := schedulerOf(t, "round-robin[every=2,resolution=480p,fps=5,model=1]")
	var visited []core.NodeID
	for range 8 {
		var d core.Decision
		s.Schedule(v, &d)
		require.NoError(t, schedtest.Check(v, &d))
		schedtest.Advance(v, &d)
		visited = append(visited, placesOf(v, 1)[0])
	}
	assert.Equal(t, []core.NodeID{
		"cloud-000", "cloud-000", "cloud-001", "cloud-001", "cloud-002", "cloud-002", "edge-000", "edge-000",
	}, visited)
	assert.Equal(t, core.VideoConf{Resolution: core.Resolutions()[1], FPS: 5, Encoder: "jpeg", Quality: 90}, v.Queries[0].Plan.Video)
	assert.Equal(t, 1, v.Queries[0].Plan.Stages[0].Model)
}

// schedulerOf builds the scheduler of a spec.
func schedulerOf(t testing.TB, spec string) core.Scheduler {
	t.Helper()
	specs, err := sched.ParseSpecs(spec)
	require.NoError(t, err)
	return build(t, specs[0])
}
