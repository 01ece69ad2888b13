package core_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

// predictView is a host, a cloud that is linked to it, and an edge that is not;
// its services are fed with crops but for "c", which wants the frame.
func predictView(p core.Pipeline) *core.View {
	q := core.Query{ID: 1, Node: "edge1", Camera: "cam", Pipeline: p}
	link := func(a, b core.NodeID, rate float64) core.LinkView {
		return core.LinkView{From: a, To: b, LinkEstimate: core.LinkEstimate{Rate: rate, RTT: 20 * ms}}
	}
	services := []core.ServiceView{{Name: "a"}, {Name: "b"}, {Name: "c"}}
	return &core.View{
		Queries: []core.QueryView{{Query: &q, Camera: &core.Camera{ID: "cam", Node: "edge1", FPS: 30}}},
		Nodes: []core.NodeView{
			{ID: "cloud", Role: core.RoleCloud, Up: true, Services: services},
			{ID: "edge1", Up: true, Services: services[:1]},
			{ID: "edge2", Up: true, Services: services},
			{ID: "edge3", Services: services},
		},
		Links: []core.LinkView{link("cloud", "edge1", 1e5), link("edge1", "cloud", 1e6), link("edge1", "edge3", 1e6), link("edge3", "edge1", 1e6)},
		Services: []core.ServiceInfo{
			{Name: "a", Models: []string{"m"}, Input: core.InputCrops},
			{Name: "b", Models: []string{"m"}, Input: core.InputCrops},
			{Name: "c", Models: []string{"m"}, Input: core.InputImage},
		},
	}
}

// The figures of qmPredictor: 5 ms to encode 50 kB, outputs of 1 kB, work of 100 ms
// at an edge and 10 ms in the cloud, and 1 ms for each object.
func TestPredictFollowsTheWalk(t *testing.T) {
	fork := core.Pipeline{{Name: "a", Service: "a"}, {Name: "b", Service: "b", Parents: []int{0}}, {Name: "c", Service: "c", Parents: []int{0}}}
	for name, c := range map[string]struct {
		pipe      core.Pipeline
		at        []core.NodeID
		fps       float64
		objects   float64
		latency   core.Time
		roundTrip core.Time
		delay     core.Time
		up, down  float64
		edge      core.Time
		cloud     core.Time
	}{
		"host": {core.Linear("a"), []core.NodeID{"edge1"}, 30, 0, 105 * ms, 105 * ms, 105 * ms, 0, 0, 105 * ms, 0},
		// there 50 kB at 1 MB/s, back 1 kB at 100 kB/s
		"cloud":       {core.Linear("a"), []core.NodeID{"cloud"}, 30, 0, 95 * ms, 95 * ms, 95 * ms, 50e3, 1e3, 5 * ms, 10 * ms},
		"objects":     {core.Linear("a"), []core.NodeID{"cloud"}, 30, 7, 102 * ms, 102 * ms, 102 * ms, 50e3, 1e3, 5 * ms, 17 * ms},
		"cold start":  {core.Linear("a"), []core.NodeID{"cloud"}, 30, -1, 105 * ms, 105 * ms, 105 * ms, 50e3, 1e3, 5 * ms, 20 * ms},
		"slow camera": {core.Linear("a"), []core.NodeID{"cloud"}, 10, 0, 95 * ms, 95 * ms, 95 * ms / 3, 50e3, 1e3, 5 * ms, 10 * ms},
		"fps above":   {core.Linear("a"), []core.NodeID{"cloud"}, 60, 0, 95 * ms, 95 * ms, 95 * ms, 50e3, 1e3, 5 * ms, 10 * ms},
		// the second stage is fed with 1 kB of crops
		"two": {core.Linear("a", "b"), []core.NodeID{"edge1", "cloud"}, 30, 0, 146 * ms, 146 * ms, 146 * ms, 1e3, 1e3, 105 * ms, 10 * ms},
		// b gets crops (41 ms), c the frame (90 ms)
		"fork": {fork, []core.NodeID{"edge1", "cloud", "cloud"}, 30, 0, 195 * ms, 236 * ms, 236 * ms, 51e3, 2e3, 105 * ms, 20 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			v := predictView(c.pipe)
			q := &v.Queries[0]
			q.Runtime = core.RuntimeInfo{ObjKnown: c.objects >= 0, ObjN: max(c.objects, 0)}
			plan := qmPlan(c.at...)
			plan.Video.FPS = c.fps
			var p core.Prediction
			require.True(t, p.Predict(qmPredictor{}, v, q, &plan))
			assert.Equal(t, c.latency, p.Latency)
			assert.Equal(t, c.roundTrip, p.RoundTrip)
			assert.InDelta(t, float64(c.delay), float64(p.Delay), 1)
			assert.Equal(t, .8, p.Accuracy)
			if c.up > 0 {
				assert.Equal(t, []core.LinkUse{{"edge1", "cloud", c.up}, {"cloud", "edge1", c.down}}, p.Links)
				assert.Equal(t, []core.NodeUse{{"edge1", c.edge}, {"cloud", c.cloud}}, p.Nodes)
			} else {
				assert.Empty(t, p.Links)
				assert.Equal(t, []core.NodeUse{{"edge1", c.edge}}, p.Nodes)
			}
		})
	}
}

func TestPredictSaysWhatCannotBeCarriedOut(t *testing.T) {
	v := predictView(core.Linear("a", "b"))
	var p core.Prediction
	for name, nodes := range map[string][]core.NodeID{
		"too few":              {"edge1"},
		"unknown node":         {"edge1", "mars"},
		"no link":              {"edge2", "cloud"},
		"service cannot there": {"edge1", "edge3"},
	} {
		plan := qmPlan(nodes...)
		assert.False(t, p.Predict(qmPredictor{}, v, &v.Queries[0], &plan), name)
	}
	v.Links[0].Rate = 0
	plan := qmPlan("edge1", "cloud")
	assert.False(t, p.Predict(qmPredictor{}, v, &v.Queries[0], &plan), "a link without a rate")
}

func TestPredictDoesNotAllocate(t *testing.T) {
	v := predictView(core.Linear("a", "b"))
	plan := qmPlan("edge1", "cloud")
	var p core.Prediction
	var by core.Predictor = qmPredictor{}
	assert.Zero(t, testing.AllocsPerRun(100, func() { p.Predict(by, v, &v.Queries[0], &plan) }))
}

func TestPlaces(t *testing.T) {
	v := predictView(core.Linear("a", "b"))
	q := &v.Queries[0]
	assert.Equal(t, []core.NodeID{"edge1", "cloud"}, v.Places(q, 0, nil), "edge2 has no link, edge3 is down")
	assert.Equal(t, []core.NodeID{"x", "cloud"}, v.Places(q, 1, []core.NodeID{"x"}), "the host does not have b")
	v.Nodes[3].Up = true
	assert.Equal(t, []core.NodeID{"edge1", "cloud", "edge3"}, v.Places(q, 0, nil))
}
