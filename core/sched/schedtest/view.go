package schedtest

import (
	"fmt"
	"slices"

	"vidq/core"
)

// Services of the views: two of the original's and two more.
var serviceNames = [...]string{"car_detection", "face_alignment", "face_detection", "plate_reading"}

// Infos describes the services that appear in views, ascending by name.
func Infos() []core.ServiceInfo {
	infos := make([]core.ServiceInfo, len(serviceNames))
	for i, n := range serviceNames {
		infos[i] = core.ServiceInfo{Name: n, Models: []string{"large", "medium", "small"}, Input: core.InputImage}
	}
	infos[1].Input = core.InputCrops
	return infos
}

// Knobs are the defaults: fps 1, 5, 10, 20, 30, the original's resolutions and
// two encoders.
func Knobs() core.Knobs {
	return core.Knobs{
		FPS:         []float64{1, 5, 10, 20, 30},
		Resolutions: core.Resolutions(),
		Encoders:    []core.Encoder{{Name: "jpeg", Qualities: []int{90, 70, 50}}, {Name: "h264", Qualities: []int{20, 30}}},
	}
}

// Regular is a healthy system of the given size: one cloud for every ten nodes,
// the others are edges, all with all services and linked with all clouds. The
// queries are of two stages, spread over the edges, cold.
func Regular(queries, nodes int) *core.View {
	v := &core.View{
		Now: core.Second, Period: 3 * core.Second, Knobs: Knobs(), Services: Infos(),
		Predictor: &Predictor{Corrected: true},
	}
	nodes = max(nodes, 2)
	clouds := max(1, nodes/10)
	for i := range nodes {
		n := core.NodeView{ID: core.NodeID(fmt.Sprintf("edge-%03d", i-clouds)), Class: "tx2-gpu", Up: true, Capacity: core.Capacity{Cores: 4, GPUs: 1, Memory: 8e9}}
		workers := 1
		if i < clouds {
			n.ID, n.Role, n.Class, workers = core.NodeID(fmt.Sprintf("cloud-%03d", i)), core.RoleCloud, "rack-gpu", 4
		}
		for _, s := range serviceNames {
			n.Services = append(n.Services, core.ServiceView{Name: s, Workers: workers, MaxBatch: 1})
		}
		v.Nodes = append(v.Nodes, n)
	}
	for i := range v.Nodes {
		for j := range v.Nodes {
			if i != j && (i < clouds || j < clouds) {
				v.Links = append(v.Links, core.LinkView{
					From: v.Nodes[i].ID, To: v.Nodes[j].ID,
					LinkEstimate: core.LinkEstimate{Rate: 2.5e6, RTT: 20 * core.Millisecond},
				})
			}
		}
	}
	for i := range queries {
		host := v.Nodes[clouds+i%(nodes-clouds)].ID
		AddQuery(v, host, core.ModeFile, core.Constraint{Delay: 300 * core.Millisecond, Accuracy: 0.9}, "face_detection", "face_alignment")
	}
	return v
}

// AddQuery adds a query of a linear pipeline on a 1080p camera of 30 fps at the
// host. It has no plan and was never observed.
func AddQuery(v *core.View, host core.NodeID, m core.Mode, c core.Constraint, services ...string) *core.QueryView {
	id := core.QueryID(1)
	if n := len(v.Queries); n > 0 {
		id = v.Queries[n-1].Query.ID + 1
	}
	camera := core.CameraID(fmt.Sprintf("camera-%d", id))
	v.Queries = append(v.Queries, core.QueryView{
		Query:  &core.Query{ID: id, Node: host, Camera: camera, Pipeline: core.Linear(services...), Constraint: c},
		Camera: &core.Camera{ID: camera, Node: host, Mode: m, FPS: 30, Resolution: core.Resolution{Width: 1920, Height: 1080}},
	})
	return &v.Queries[len(v.Queries)-1]
}

// Observe makes n observations of the query's present plan, all alike, and puts
// them in place of the last round's: each stage took roundTrip, the camera gave
// objects boxes.
func Observe(q *core.QueryView, n int, roundTrip core.Time, objects float64) {
	gap := int64(1)
	if q.Plan.Video.FPS > 0 {
		gap = max(1, int64(q.Camera.FPS/q.Plan.Video.FPS))
	}
	q.State, q.Applied = core.StateRunning, q.Plan.Revision
	q.Observations = q.Observations[:0]
	for i := range n {
		o := core.Observation{Query: q.Query.ID, Frame: int64(i), Revision: q.Plan.Revision, Gap: gap, Objects: objects, Size: 900, Area: .001, Known: true}
		for _, a := range q.Plan.Stages {
			o.Calls = append(o.Calls, core.Call{Node: a.Node, Model: a.Model, RoundTrip: roundTrip, Work: roundTrip, Attempts: 1})
			o.RoundTrip += roundTrip
		}
		o.Latency = o.RoundTrip
		q.Observations = append(q.Observations, o)
	}
	if n > 0 {
		o := &q.Observations[0]
		q.Runtime = core.RuntimeInfo{
			Frames: n, Delay: o.Delay(), Latency: o.Latency, LatencyP95: o.Latency,
			ObjN: objects, ObjSize: o.Size, ObjArea: o.Area, ObjKnown: true, ObjStable: n >= 5,
		}
	}
}

// Advance lets a decision take effect: plans that differ from the present one
// get the next revision, and a period passes.
func Advance(v *core.View, d *core.Decision) (changed int) {
	for _, p := range d.Plans {
		q := v.Query(p.Query)
		next := p.Plan.Seal()
		if q.Plan.Revision > 0 && q.Plan.Hash == next.Hash {
			continue
		}
		next.Revision = q.Plan.Revision + 1
		q.Plan = next
		changed++
	}
	for _, id := range d.Refused {
		v.Query(id).Plan.Refused = true
	}
	v.Now += v.Period
	v.Round++
	return changed
}

// Clone copies a view with all that hangs on it but the predictors.
func Clone(v *core.View) *core.View {
	c := *v
	c.Knobs.FPS = slices.Clone(v.Knobs.FPS)
	c.Knobs.Resolutions = slices.Clone(v.Knobs.Resolutions)
	c.Knobs.Encoders = slices.Clone(v.Knobs.Encoders)
	for i := range c.Knobs.Encoders {
		c.Knobs.Encoders[i].Qualities = slices.Clone(v.Knobs.Encoders[i].Qualities)
	}
	c.Nodes, c.Links, c.Services = slices.Clone(v.Nodes), slices.Clone(v.Links), slices.Clone(v.Services)
	for i := range c.Nodes {
		c.Nodes[i].Services = slices.Clone(v.Nodes[i].Services)
	}
	for i := range c.Services {
		c.Services[i].Models = slices.Clone(v.Services[i].Models)
	}
	c.Queries = slices.Clone(v.Queries)
	for i := range c.Queries {
		q := &c.Queries[i]
		query := *q.Query
		query.Pipeline = slices.Clone(query.Pipeline)
		for k := range query.Pipeline {
			query.Pipeline[k].Parents = slices.Clone(query.Pipeline[k].Parents)
		}
		q.Query = &query
		if q.Camera != nil {
			camera := *q.Camera
			q.Camera = &camera
		}
		q.Plan.Stages = slices.Clone(q.Plan.Stages)
		q.Observations = slices.Clone(q.Observations)
		for k := range q.Observations {
			q.Observations[k].Calls = slices.Clone(q.Observations[k].Calls)
		}
	}
	return &c
}

// Poison overwrites everything that hangs on a view, as a manager that reuses its
// memory might. Whoever kept a part of it will decide differently.
func Poison(v *core.View) {
	for i := range v.Queries {
		q := &v.Queries[i]
		*q.Query = core.Query{ID: 1 << 40, Node: "poison"}
		if q.Camera != nil {
			*q.Camera = core.Camera{FPS: 1e6}
		}
		for k := range q.Plan.Stages {
			q.Plan.Stages[k] = core.Assignment{Node: "poison", Model: 99}
		}
		for k := range q.Observations {
			clear(q.Observations[k].Calls)
			q.Observations[k] = core.Observation{RoundTrip: core.Hour, Gap: 1}
		}
		*q = core.QueryView{Query: q.Query}
	}
	for i := range v.Nodes {
		clear(v.Nodes[i].Services)
	}
	clear(v.Nodes)
	clear(v.Links)
	clear(v.Services)
	clear(v.Knobs.Resolutions)
	clear(v.Knobs.FPS)
	clear(v.Knobs.Encoders)
}
