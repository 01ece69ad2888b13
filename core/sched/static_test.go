package sched_test

import (
	"cmp"
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

// firstStages tells by query where a decision puts the first stage.
func firstStages(t *testing.T, v *core.View, spec string) map[core.QueryID]core.NodeID {
	at := map[core.QueryID]core.NodeID{}
	for _, p := range decide(t, v, spec).Plans {
		at[p.Query] = p.Plan.Stages[0].Node
	}
	return at
}

// Queries are spread over the clouds. While one is down latfirst moves its queries
// and no others; static lets them wait for it.
func TestCloudsShareQueries(t *testing.T) {
	v := schedtest.Regular(12, 40) // four clouds
	for _, spec := range []string{"static", "latfirst"} {
		v.Nodes[1].Up = true
		before := firstStages(t, v, spec)
		require.Len(t, before, 12, spec)
		for id, at := range before {
			assert.Equal(t, v.Nodes[(id-1)%4].ID, at, spec)
		}
		v.Nodes[1].Up = false
		after := firstStages(t, v, spec)
		for id, at := range before {
			switch {
			case (id-1)%4 != 1:
				assert.Equal(t, at, after[id], spec)
			case spec == "static":
				assert.NotContains(t, after, id)
			default:
				assert.Equal(t, v.Nodes[2].ID, after[id])
			}
		}
	}
}

// What static decides does not depend on the order in which nodes come up.
func TestStaticWaitsForItsNodes(t *testing.T) {
	for _, spec := range []string{"static", "static[plan=golden]", "static[plan=given,host_stages=1]", "static[plan=given,place=[edge,cloud]]"} {
		all := schedtest.Regular(12, 40)
		for i := range all.Nodes { // so that there are other edges to go to
			for j := range all.Nodes {
				if a, b := all.Nodes[i].ID, all.Nodes[j].ID; i != j && all.Link(a, b) == nil {
					all.Links = append(all.Links, core.LinkView{From: a, To: b, LinkEstimate: core.LinkEstimate{Rate: 1e9}})
				}
			}
		}
		slices.SortFunc(all.Links, func(a, b core.LinkView) int {
			return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
		})
		want := map[core.QueryID]core.Plan{}
		for _, p := range decide(t, all, spec).Plans {
			want[p.Query] = p.Plan
		}
		require.Len(t, want, 12, spec)

		v := schedtest.Clone(all)
		for i := range v.Nodes {
			v.Nodes[i].Up = false
		}
		specs, err := sched.ParseSpecs(spec)
		require.NoError(t, err)
		s := build(t, specs[0])
		got := map[core.QueryID]core.Plan{}
		var d core.Decision
		for i := range v.Nodes {
			v.Nodes[len(v.Nodes)-1-i].Up = true // the last first
			d.Reset()
			s.Schedule(v, &d)
			require.NoError(t, schedtest.Check(v, &d))
			for _, p := range d.Plans {
				assert.NotContains(t, got, p.Query, "decided once")
				got[p.Query] = p.Plan
			}
			schedtest.Advance(v, &d)
		}
		assert.Equal(t, want, got, spec)
	}
}

// A node that cannot serve takes no part in the spread.
func TestSpreadOverThoseThatCanServe(t *testing.T) {
	v := schedtest.Regular(12, 40)
	v.Nodes[1].Services = nil
	n := map[core.NodeID]int{}
	for _, at := range firstStages(t, v, "static") {
		n[at]++
	}
	assert.Equal(t, map[core.NodeID]int{"cloud-000": 4, "cloud-002": 4, "cloud-003": 4}, n)
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
