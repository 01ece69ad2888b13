package schedtest

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"vidq/core"
)

type drawer struct{ *rand.Rand }

func (r drawer) chance(p float64) bool { return r.Float64() < p }

func pick[T any](r drawer, of ...T) T { return of[r.IntN(len(of))] }

// Random draws a view from a seed in which nearly everything may be wrong: no
// nodes, nodes that are down, without services or without capacity, hosts and
// cameras that nobody knows, missing or dead links, no knobs, plans that no
// longer fit, queries without bounds. Every fiftieth seed has 1,000 queries.
// No number is NaN or infinite, and the views' promised orders hold.
func Random(seed uint64) *core.View {
	r := drawer{rand.New(rand.NewPCG(seed, 0x5eed))}
	start := core.Time(r.Int64N(int64(core.Minute)))
	v := &core.View{
		Start: start, Now: start + pick(r, 0, core.Nanosecond, core.Time(r.Int64N(int64(core.Hour)))),
		Round: r.Uint64N(1000), Period: pick(r, core.Second, 3*core.Second),
		Knobs: Knobs(), Services: Infos(), Predictor: &Predictor{Corrected: r.chance(.5)},
	}
	if r.chance(.1) {
		v.Predictor = &Predictor{Unknown: pick(r, serviceNames[:]...)}
	}
	r.knobs(v)
	for i := range r.IntN(9) {
		v.Nodes = append(v.Nodes, r.node(i))
	}
	slices.SortFunc(v.Nodes, func(a, b core.NodeView) int { return compare(a.ID, b.ID) })
	for i := range v.Nodes {
		for j := range v.Nodes {
			if i != j && r.chance(.7) {
				v.Links = append(v.Links, core.LinkView{From: v.Nodes[i].ID, To: v.Nodes[j].ID, LinkEstimate: core.LinkEstimate{
					Rate: pick(r, 0, 1e3, 2.5e6, 1e9), RTT: pick(r, 0, 20*core.Millisecond, core.Second), Samples: r.IntN(3),
				}})
			}
		}
	}
	n := r.IntN(20)
	if seed%50 == 49 {
		n = 1000
	}
	id := core.QueryID(0)
	for range n {
		id += core.QueryID(1 + r.IntN(3))
		v.Queries = append(v.Queries, r.query(v, id))
	}
	return v
}

func compare(a, b core.NodeID) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (r drawer) knobs(v *core.View) {
	switch r.IntN(10) {
	case 0:
		v.Knobs = core.Knobs{}
	case 1:
		v.Knobs.FPS = []float64{0.5, 12.5, 60}
		v.Knobs.Encoders = []core.Encoder{{Name: "h264"}}
	case 2:
		v.Knobs.Resolutions = []core.Resolution{{Width: 960, Height: 540}}
	}
}

func (r drawer) node(i int) core.NodeView {
	n := core.NodeView{
		ID: core.NodeID(fmt.Sprintf("%c%d", 'a'+r.IntN(20), i)), Role: pick(r, core.RoleEdge, core.RoleEdge, core.RoleCloud),
		Class: pick(r, "tx2-gpu", "rack-gpu"), Up: r.chance(.85), Age: core.Time(r.Int64N(int64(3 * core.Second))),
	}
	if r.chance(.8) {
		n.Capacity = core.Capacity{Cores: 4, GPUs: float64(r.IntN(2)), Memory: pick(r, 0, 8e9, 300e6)}
	}
	for _, s := range serviceNames {
		if r.chance(.75) {
			n.Services = append(n.Services, core.ServiceView{Name: s, Workers: r.IntN(4), Model: r.IntN(4) - 1, MaxBatch: r.IntN(3), Queue: r.IntN(5)})
		}
	}
	return n
}

func (r drawer) query(v *core.View, id core.QueryID) core.QueryView {
	host := core.NodeID("lost")
	if len(v.Nodes) > 0 && r.chance(.9) {
		host = v.Nodes[r.IntN(len(v.Nodes))].ID
	}
	query := &core.Query{ID: id, Node: host, Camera: "camera", Pipeline: r.pipeline(), Constraint: core.Constraint{
		Delay: pick(r, 0, core.Nanosecond, 300*core.Millisecond, 5*core.Second), Latency: pick(r, 0, 0, 500*core.Millisecond), Accuracy: pick(r, 0, .6, .9, 1),
	}}
	q := core.QueryView{Query: query, State: pick(r, core.StateUnscheduled, core.StateRunning), Since: core.Time(r.Int64N(int64(v.Now) + 1))}
	if r.chance(.95) {
		q.Camera = &core.Camera{
			ID: "camera", Node: host, Mode: pick(r, core.ModeLive, core.ModeFile), FPS: pick(r, 30.0, 25, 12.5, 5, .2, 120),
			Resolution: pick(r, append(core.Resolutions(), core.Resolution{Width: 160, Height: 120}, core.Resolution{Width: 3840, Height: 2160})...),
		}
	}
	if r.chance(.7) {
		q.Plan = r.plan(v, query)
		q.Applied = q.Plan.Revision - r.Uint64N(2)
		r.observe(&q)
	}
	return q
}

func (r drawer) pipeline() core.Pipeline {
	n := pick(r, 1, 2, 2, 2, 3, 5, 9)
	p := make(core.Pipeline, n)
	for i := range p {
		p[i] = core.Stage{Name: fmt.Sprintf("s%d", i), Service: pick(r, serviceNames[:]...)}
		for k := range i {
			if r.chance(1.5 / float64(i+1)) {
				p[i].Parents = append(p[i].Parents, k)
			}
		}
	}
	return p
}

// plan draws a plan that may have fitted a system that is gone.
func (r drawer) plan(v *core.View, q *core.Query) core.Plan {
	p := core.Plan{
		Revision: 1 + r.Uint64N(5), InFlight: 1 + r.IntN(3), Buffer: pick(r, 1, -1), Refused: r.chance(.05),
		Video: core.VideoConf{Resolution: pick(r, core.Resolutions()...), FPS: pick(r, 1.0, 5, 10, 20, 30, 24), Encoder: "jpeg", Quality: 90},
	}
	for range q.Pipeline {
		a := core.Assignment{Node: pick(r, q.Node, q.Node, "gone"), Model: r.IntN(2)}
		if len(v.Nodes) > 0 && r.chance(.5) {
			a.Node = v.Nodes[r.IntN(len(v.Nodes))].ID
		}
		p.Stages = append(p.Stages, a)
	}
	return p.Seal()
}

func (r drawer) observe(q *core.QueryView) {
	n := pick(r, 0, 1, 5, core.ObservationsKept)
	if q.Query.ID > 100 { // of the many in a large view
		n = min(n, 1)
	}
	for i := range n {
		o := core.Observation{
			Query: q.Query.ID, Frame: int64(i), Revision: q.Plan.Revision - r.Uint64N(2), Gap: r.Int64N(4), Known: r.chance(.7),
			Objects: float64(r.IntN(30)), Size: r.Float64() * 2000, Area: r.Float64() / 10,
		}
		for _, a := range q.Plan.Stages {
			t := core.Time(r.Int64N(int64(core.Second)))
			o.Calls = append(o.Calls, core.Call{Node: a.Node, Model: a.Model, RoundTrip: t, Work: t / 2, Transfer: t / 2, Attempts: 1})
			o.RoundTrip += t
		}
		o.Latency = o.RoundTrip
		q.Observations = append(q.Observations, o)
	}
	if n := len(q.Observations); n > 0 && r.chance(.9) {
		last := &q.Observations[n-1]
		q.Runtime = core.RuntimeInfo{
			Frames: n, Delay: last.Delay(), Latency: last.Latency, LatencyP95: last.Latency,
			ObjN: last.Objects, ObjSize: last.Size, ObjArea: last.Area, ObjKnown: last.Known, ObjStable: r.chance(.5),
		}
	}
}
