package sched_test

import (
	"slices"
	"testing"

	"vidq/core"
	"vidq/core/sched"
	"vidq/core/sched/schedtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func decide(t testing.TB, v *core.View, spec string) core.Decision {
	t.Helper()
	specs, err := sched.ParseSpecs(spec)
	require.NoError(t, err)
	var d core.Decision
	build(t, specs[0]).Schedule(v, &d)
	require.NoError(t, schedtest.Check(v, &d))
	return d
}

func TestStaticPlans(t *testing.T) {
	r := func(name string) core.Resolution {
		r, err := core.ParseResolution(name)
		require.NoError(t, err)
		return r
	}
	host, cloud := core.NodeID("edge-000"), core.NodeID("cloud-000")
	for spec, want := range map[string]core.Plan{
		"static": {
			Video: core.VideoConf{Resolution: r("720p"), FPS: 10, Encoder: "jpeg", Quality: 90}, InFlight: 1, Buffer: 1,
			Stages: []core.Assignment{{Node: cloud}, {Node: cloud}},
		},
		"static[plan=all-edge,resolution=480p,fps=5,encoder=h264,quality=30,in_flight=4,buffer=-1,model=1]": {
			Video: core.VideoConf{Resolution: r("480p"), FPS: 5, Encoder: "h264", Quality: 30}, InFlight: 4, Buffer: -1,
			Stages: []core.Assignment{{Node: host, Model: 1}, {Node: host, Model: 1}},
		},
		"static[plan=golden,fps=1,model=2]": {
			Video: core.VideoConf{Resolution: r("1080p"), FPS: 30, Encoder: "jpeg", Quality: 90}, InFlight: 1, Buffer: 1,
			Stages: []core.Assignment{{Node: cloud}, {Node: cloud}},
		},
		"static[plan=given,host_stages=1]": {
			Video: core.VideoConf{Resolution: r("720p"), FPS: 10, Encoder: "jpeg", Quality: 90}, InFlight: 1, Buffer: 1,
			Stages: []core.Assignment{{Node: host}, {Node: cloud}},
		},
		"static[plan=given,place=[cloud-000,host]]": {
			Video: core.VideoConf{Resolution: r("720p"), FPS: 10, Encoder: "jpeg", Quality: 90}, InFlight: 1, Buffer: 1,
			Stages: []core.Assignment{{Node: cloud}, {Node: host}},
		},
	} {
		v := schedtest.Regular(1, 2)
		d := decide(t, v, spec)
		require.Len(t, d.Plans, 1, spec)
		assert.Equal(t, want, d.Plans[0].Plan, spec)
		schedtest.Advance(v, &d)
		v.Nodes[0].Up = false
		assert.Empty(t, decide(t, v, spec).Plans, "%s: decided once, whatever happens", spec)
	}
}

func TestStaticSmallCamera(t *testing.T) {
	v := schedtest.Regular(1, 2)
	v.Queries[0].Camera.Resolution = core.Resolution{Width: 960, Height: 540}
	for _, spec := range []string{"static", "static[plan=golden]"} {
		assert.Equal(t, "480p", decide(t, v, spec).Plans[0].Plan.Video.Resolution.String())
	}
	v.Queries[0].Camera.Resolution = core.Resolution{Width: 160, Height: 120}
	assert.Equal(t, "360p", decide(t, v, "static").Plans[0].Plan.Video.Resolution.String())
}

func TestStaticUnservable(t *testing.T) {
	v := schedtest.Regular(1, 2)
	v.Nodes[0].Services = v.Nodes[0].Services[:1]
	assert.Empty(t, decide(t, v, "static").Plans)
	assert.Len(t, decide(t, v, "static[plan=all-edge]").Plans, 1)
}

// The queries of a host are spread over its clouds, and the failure of one moves
// its own queries only.
func TestCloudsShareQueries(t *testing.T) {
	v := schedtest.Regular(12, 40) // four clouds
	clouds := func() []core.NodeID {
		var ids []core.NodeID
		for _, p := range decide(t, v, "static").Plans {
			ids = append(ids, p.Plan.Stages[0].Node)
		}
		return ids
	}
	before := clouds()
	require.Len(t, before, 12)
	for i, id := range before {
		assert.Equal(t, v.Nodes[i%4].ID, id)
	}
	v.Nodes[1].Up = false
	for i, id := range clouds() {
		if i%4 == 1 {
			assert.Equal(t, v.Nodes[2].ID, id)
		} else {
			assert.Equal(t, before[i], id)
		}
	}
}

func TestRandom(t *testing.T) {
	v := schedtest.Regular(40, 12)
	all := decide(t, v, "random")
	assert.Equal(t, all, decide(t, v, "random"))

	// What a query gets does not depend on the other queries.
	one := schedtest.Clone(v)
	one.Queries = one.Queries[17:18]
	assert.Equal(t, all.Plans[17:18], decide(t, one, "random").Plans)

	other, err := sched.New(sched.Spec{Name: "random"}, sched.Deps{Seed: 8})
	require.NoError(t, err)
	var d core.Decision
	other.Schedule(v, &d)
	assert.NotEqual(t, all, d)

	var rates []float64
	places := map[core.NodeID]bool{}
	for _, p := range all.Plans {
		if !slices.Contains(rates, p.Plan.Video.FPS) {
			rates = append(rates, p.Plan.Video.FPS)
		}
		places[p.Plan.Stages[0].Node] = true
	}
	assert.Len(t, rates, 5)
	assert.Greater(t, len(places), 5)

	schedtest.Advance(v, &all)
	assert.Empty(t, decide(t, v, "random").Plans, "once for each query")
	v.Round = 6
	assert.NotEmpty(t, decide(t, v, "random[every=3]").Plans)
	v.Round = 7
	assert.Empty(t, decide(t, v, "random[every=3]").Plans)
}
