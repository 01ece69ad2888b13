package core_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"vidq/core"
)

// qmSched is a scheduler that is a function.
type qmSched func(v *core.View, d *core.Decision)

func (f qmSched) Schedule(v *core.View, d *core.Decision) { f(v, d) }

// qmRig drives a query manager by hand and keeps what it wants.
type qmRig struct {
	t       *testing.T
	m       *core.QueryManager
	fx      core.Effects
	now     core.Time
	records []core.Record
	saves   []core.Save
	sends   []core.Send
	wakes   []core.Time
	store   core.Snapshot
	user    uint64
	beats   map[core.NodeID]uint64
}

func (r *qmRig) Record(rec core.Record) {
	switch rec := rec.(type) { // a record is valid during the call only
	case *core.RoundRecord:
		c := *rec
		r.records = append(r.records, &c)
	case *core.QueryRecord:
		c := *rec
		r.records = append(r.records, &c)
	case *core.NodeState:
		c := *rec
		r.records = append(r.records, &c)
	}
}
func (r *qmRig) Save(s *core.Save)     { r.saves = append(r.saves, *s) }
func (r *qmRig) Capture(*core.Capture) { r.t.Error("a query manager captures nothing") }
func (r *qmRig) Invoke(*core.Invoke)   { r.t.Error("a query manager calls nothing") }
func (r *qmRig) Release(*core.Release) { r.t.Error("a query manager releases nothing") }
func (r *qmRig) Send(s *core.Send)     { r.sends = append(r.sends, *s) }
func (r *qmRig) Wake(w *core.Wake)     { r.wakes = append(r.wakes, w.At) }
func (r *qmRig) step(ev core.Event)    { r.m.Step(r.now, ev, &r.fx); r.fx.Drain(r) }
func (r *qmRig) at(t core.Time) *qmRig { r.now = t; return r }
func (r *qmRig) from(node core.NodeID, m core.Message) {
	r.step(&core.Received{From: core.Address{Node: node, Part: core.PartJobs}, Msg: m})
}

// advance lets time pass, telling the Timers that were asked for.
func (r *qmRig) advance(d core.Time) {
	end := r.now + d
	for {
		next, at := core.Never, -1
		for i, w := range r.wakes {
			if w < next {
				next, at = w, i
			}
		}
		if at < 0 || next > end {
			break
		}
		r.wakes = append(r.wakes[:at], r.wakes[at+1:]...)
		r.now = max(r.now, next)
		r.step(&core.Timer{})
	}
	r.now = end
}

// saved answers all saves that wait and keeps what they hold.
func (r *qmRig) saved(err string) {
	for len(r.saves) > 0 {
		s := r.saves[0]
		r.saves = r.saves[1:]
		if err == "" {
			r.commit(s)
		}
		r.step(&core.Saved{ID: s.ID, Err: err})
	}
}

// commit does what a store does.
func (r *qmRig) commit(s core.Save) {
	for _, c := range s.Changes {
		switch c.Kind {
		case core.ChangeQuery:
			r.store.LastID = max(r.store.LastID, c.Query.Query.ID)
			found := false
			for i := range r.store.Queries {
				if r.store.Queries[i].Query.ID == c.Query.Query.ID {
					r.store.Queries[i], found = *c.Query, true
				}
			}
			if !found {
				r.store.Queries = append(r.store.Queries, *c.Query)
			}
		case core.ChangeNode:
			found := false
			for i := range r.store.Nodes {
				if r.store.Nodes[i].Node == c.Node.Node {
					r.store.Nodes[i], found = c.Node, true
				}
			}
			if !found {
				r.store.Nodes = append(r.store.Nodes, c.Node)
			}
		case core.ChangeResult: // a restart does not read results
		}
	}
}

// sent takes the messages of a type out of what was sent.
func qmSent[M core.Message](r *qmRig) []M {
	var out []M
	var rest []core.Send
	for _, s := range r.sends {
		if m, ok := s.Msg.(M); ok {
			out = append(out, m)
		} else {
			rest = append(rest, s)
		}
	}
	r.sends = rest
	return out
}

// one takes the only message of a type.
func qmOne[M core.Message](r *qmRig) M {
	r.t.Helper()
	out := qmSent[M](r)
	require.Len(r.t, out, 1)
	return out[0]
}

// records of a type.
func qmRecords[R core.Record](r *qmRig) []R {
	var out []R
	for _, rec := range r.records {
		if x, ok := rec.(R); ok {
			out = append(out, x)
		}
	}
	return out
}

func qmLast[R core.Record](r *qmRig) R {
	r.t.Helper()
	all := qmRecords[R](r)
	require.NotEmpty(r.t, all)
	return all[len(all)-1]
}

// qmConfig is two edges and a cloud; edge1 and the cloud are linked, edge2 is alone.
func qmConfig(s core.Scheduler) core.QueryManagerConfig {
	link := func(a, b core.NodeID) core.LinkView {
		return core.LinkView{From: a, To: b, LinkEstimate: core.LinkEstimate{Rate: 1e6, RTT: 20 * core.Millisecond}}
	}
	return core.QueryManagerConfig{
		Node: "cloud", Incarnation: 1, Scheduler: s, Period: 3 * core.Second, Phase: core.Second, Seed: 1,
		Knobs: core.Knobs{
			FPS: []float64{1, 5, 10, 30}, Resolutions: core.Resolutions(),
			Encoders: []core.Encoder{{Name: "jpeg", Qualities: []int{90, 60}}},
		},
		Services: []core.ServiceInfo{{Name: "b", Models: []string{"large", "small"}}, {Name: "a", Models: []string{"large", "small"}}},
		Nodes:    []core.Join{qmJoin("edge2", 0), qmJoin("cloud", 0), qmJoin("edge1", 0)},
		Links:    []core.LinkView{link("edge1", "cloud"), link("cloud", "edge1")},
	}
}

func qmJoin(id core.NodeID, inc core.Incarnation) core.Join {
	j := core.Join{
		Node: id, Incarnation: inc, Class: "box", Capacity: core.Capacity{Cores: 4, Memory: 1000},
		Services: []core.ServiceView{{Name: "b", Workers: 1, Model: -1, MaxBatch: 1}, {Name: "a", Workers: 2, Model: -1, MaxBatch: 1}},
	}
	if id == "cloud" {
		j.Role = core.RoleCloud
		return j
	}
	j.Cameras = []core.Camera{{ID: "cam-" + core.CameraID(id), Node: id, FPS: 30, Resolution: core.Resolution{Width: 1920, Height: 1080}}}
	return j
}

// qmStart starts a manager and lets the three nodes join.
func qmStart(t *testing.T, c core.QueryManagerConfig, s core.Snapshot) *qmRig {
	r := &qmRig{t: t, m: core.NewQueryManager(c, s), beats: map[core.NodeID]uint64{}, store: s}
	r.step(&core.Timer{})
	return r
}

func (r *qmRig) join(inc core.Incarnation, nodes ...core.NodeID) *qmRig {
	for _, id := range nodes {
		j := qmJoin(id, inc)
		r.from(id, &j)
	}
	return r
}

func qmQuery(key string, node core.NodeID) core.Query {
	return core.Query{
		Key: key, Node: node, Camera: "cam-" + core.CameraID(node), Pipeline: core.Linear("a", "b"),
		Constraint: core.Constraint{Latency: 300 * core.Millisecond, Accuracy: .9},
	}
}

func (r *qmRig) submit(q core.Query) {
	r.user++
	r.step(&core.Received{From: core.Address{Node: "user", Part: core.PartUser}, Msg: &core.SubmitQuery{Request: r.user, Query: q}})
}

// accept submits a query and has it saved.
func (r *qmRig) accept(q core.Query) core.QueryID {
	r.t.Helper()
	r.submit(q)
	r.saved("")
	a := qmOne[*core.SubmitAnswer](r)
	require.Empty(r.t, a.Err)
	return a.Query
}

// beat tells a heartbeat of a node's first incarnation.
func (r *qmRig) beat(node core.NodeID, change func(h *core.Heartbeat), jobs ...core.JobStatus) {
	r.beats[node]++
	h := &core.Heartbeat{Node: node, Incarnation: 1, Number: r.beats[node], Jobs: jobs, Capacity: qmJoin(node, 1).Capacity}
	for _, s := range qmJoin(node, 1).Services {
		h.Services = append(h.Services, core.ServiceSample{ServiceView: s})
	}
	if change != nil {
		change(h)
	}
	r.from(node, h)
}

// ack tells that edge1 has a job.
func (r *qmRig) ack(s core.JobStatus) {
	r.from("edge1", &core.JobAck{Node: "edge1", Incarnation: 1, Job: s})
}

func qmPlan(nodes ...core.NodeID) core.Plan {
	p := core.Plan{Video: core.VideoConf{Resolution: core.Resolutions()[1], FPS: 10, Encoder: "jpeg", Quality: 90}, InFlight: 1, Buffer: 1}
	for _, n := range nodes {
		p.Stages = append(p.Stages, core.Assignment{Node: n})
	}
	return p
}

// qmPredictor is a predictor of round numbers.
type qmPredictor struct{}

func (qmPredictor) Work(service string, model int, at core.Target, r core.Resolution, objects float64) (core.Work, bool) {
	if service == "b" && at.Role == core.RoleEdge {
		return core.Work{}, false
	}
	w := 100 * core.Millisecond
	if at.Role == core.RoleCloud {
		w = 10 * core.Millisecond
	}
	return core.Work{Mean: w + core.Time(objects)*core.Millisecond}, true
}

func (qmPredictor) Encode(core.Target, core.VideoConf) core.Time              { return 5 * core.Millisecond }
func (qmPredictor) FrameBytes(core.VideoConf, core.Content) float64           { return 50_000 }
func (qmPredictor) OutputBytes(string, core.Resolution, core.Content) float64 { return 1000 }
func (qmPredictor) Accuracy(*core.Query, float64, core.VideoConf, []int, core.Content) float64 {
	return .8
}

func (qmPredictor) Needs(service string, model int, _ core.Target) core.Needs {
	bytes := [...]float64{200, 100}
	if service == "b" {
		bytes = [...]float64{700, 300}
	}
	return core.Needs{CPU: 1, Memory: bytes[model]}
}
func (qmPredictor) Power(core.Target, core.NodeLoad) float64 { return 1 }
