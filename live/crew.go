package live

import (
	"context"
	"math"
	"net/http"
	"slices"
	"sync"

	"vidq/core"
	"vidq/kb/world"
	"vidq/live/serve"
	"vidq/live/wire"
	"vidq/scenarios/testbed"
)

// crew is a node's compute services. Emulated ones hold a worker for the time that the
// truth says; the same frame takes the same time, finds the same objects and answers the same as in the
// simulator.
type crew struct {
	h *host

	mu       sync.Mutex
	stages   map[crewStage]*testbed.Stage
	nameless uint64 // calls that named no frame
	slot     uint32
}

// crewStage is a kind of call that draws from one sequence.
type crewStage struct {
	query core.QueryID
	stage int
	model int
	name  string
	size  core.Resolution
}

func (c *crew) init(h *host) {
	c.h, c.stages = h, map[crewStage]*testbed.Stage{}
}

// maxStages bounds the sequences that are remembered; they are found again without.
const maxStages = 10_000

// work has a service hold a worker for a piece of work. Errors are *wire.Error, as a
// client sees them, and ctx's; a node that is down does not answer.
func (c *crew) work(ctx context.Context, service string, model int, id uint64, work core.Time) (took, waited core.Time, err error) {
	n := c.h.bed.Service(service)
	switch {
	case n < 0:
		return 0, 0, wire.Errorf(http.StatusNotFound, "node %q has no service %q; GET /get_service_list tells all", c.h.id, service)
	case c.h.bed.Services[n].Model(model) == nil:
		return 0, 0, wire.Errorf(http.StatusInternalServerError, "service %q of node %q has no model %d that runs there", service, c.h.id, model)
	}
	a := c.h.alive()
	if a == nil {
		return 0, 0, silence(ctx)
	}
	d, err := c.h.dev.Call(ctx, n, world.Request{ID: id, Model: model, Work: work})
	if err != nil {
		return 0, 0, err
	}
	if a.ctx.Err() != nil {
		return 0, 0, a.gone(ctx)
	}
	return d.Work, d.Wait, refused(d.Err, service, c.h.id)
}

// refused is what an emulated service's refusal is over the wire; client.CallError turns it back.
func refused(why core.CallError, service string, node core.NodeID) error {
	if why == core.CallOK {
		return nil
	}
	if why == core.CallRejected {
		e := wire.Errorf(http.StatusServiceUnavailable, "the queue of service %q at node %q is full; try again later", service, node)
		e.RetryAfter = core.Second
		return e
	}
	if why == core.CallUnreachable {
		e := wire.Errorf(http.StatusBadGateway, "service %q at node %q is down", service, node)
		e.Status = wire.StatusDown
		return e
	}
	return wire.Errorf(http.StatusInternalServerError, "service %q at node %q has lost the request", service, node)
}

// Execute implements serve.Services.
func (c *crew) Execute(ctx context.Context, _ serve.Caller, service string, t *wire.Task, f *wire.FrameRef) (*wire.TaskAnswer, error) {
	if f == nil {
		if c.h.alive() == nil {
			return nil, c.h.away(ctx) // a stranger is told, calls of nodes are lost as in the simulator
		}
		f = c.name(t)
	}
	size := f.Size
	if size.Pixels() == 0 {
		size = t.Size
	}
	work := c.need(ctx, service, f, size)
	c.mu.Lock()
	c.slot = (c.slot + 1) % slots
	id := testbed.CallID(&core.CallRef{Query: f.Query, Frame: f.Frame, Stage: f.Stage, Attempt: f.Attempt}, c.slot)
	c.mu.Unlock()
	came := c.h.sys.clock.Now()
	took, waited, err := c.work(ctx, service, f.Model, id, work)
	if err != nil {
		return nil, err
	}
	if c.h.sys.o.RealLinks { // the caller has to tell apart what went by here from what did on the link
		waited = max(waited, c.h.sys.clock.Now()-came-took)
	}
	a := c.see(service, t, f, size)
	a.Service, a.Queue, a.Timed = took, waited, true
	return a, nil
}

// name gives a call that names no frame one of its own.
func (c *crew) name(t *wire.Task) *wire.FrameRef {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nameless++
	objects := float64(len(t.Boxes))
	if t.Boxes == nil {
		objects = namelessObjects
	}
	return &wire.FrameRef{Frame: int64(c.nameless), Input: wire.Input{Objects: objects}}
}

// namelessObjects is what an emulated service finds in a picture of which nobody tells what it
// shows: the count in a middling frame of the face scenario.
const namelessObjects = 7

// need is the work of a call, as drawn.
func (c *crew) need(ctx context.Context, service string, f *wire.FrameRef, size core.Resolution) core.Time {
	m := c.h.bed.Model(service, f.Model)
	if m == nil {
		return 0
	}
	k := crewStage{f.Query, f.Stage, f.Model, service, size}
	c.mu.Lock()
	st := c.stages[k]
	c.mu.Unlock()
	sure := true
	if st == nil {
		var key string
		key, sure = c.h.keyOf(ctx, f.Run, f.Query)
		n := c.h.sys.bed.StageOf(key, f.Stage, service, m, core.VideoConf{Resolution: size})
		st = &n
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stages[k] == nil && sure {
		if len(c.stages) >= maxStages {
			clear(c.stages)
		}
		c.stages[k] = st
	}
	return st.Work(f.Objects, f.Frame, f.Attempt)
}

// see makes up what an emulated service finds: as many objects as there are, in boxes of a
// size that fits so many into the frame, and of a face in two that it looks up.
func (c *crew) see(service string, t *wire.Task, f *wire.FrameRef, size core.Resolution) *wire.TaskAnswer {
	n := min(int(math.Round(f.Objects)), wire.Limits{}.WithDefaults().Images)
	if c.h.sys.bed.Truth.Input(service) == core.InputCrops {
		return &wire.TaskAnswer{Counts: wire.Counts{"up": float64(n - n/2), "total": float64(n)}}
	}
	a := &wire.TaskAnswer{
		Boxes: make([]wire.Box, n), Prob: make([]float64, n), Counts: wire.Counts{"total": float64(n)},
	}
	rows := int(math.Ceil(math.Sqrt(float64(n))))
	for i := range n {
		w, h := float64(size.Width)/float64(rows), float64(size.Height)/float64(rows)
		x, y := float64(i%rows)*w, float64(i/rows)*h
		a.Boxes[i], a.Prob[i] = wire.Box{x + w/4, y + h/4, x + 3*w/4, y + 3*h/4}, .9
	}
	if t.Crops {
		a.Faces = make([][]byte, n)
		face := blank
		if c.h.sys.o.RealLinks && n > 0 { // what travels is to be as large as what the model says
			out := c.h.sys.bed.Truth.Output(service)
			each := int(out.Bytes(size, core.Content{Known: true, Objects: f.Objects})) / n
			face = append(slices.Clip(blank), make([]byte, max(min(each, maxPad)-len(blank), 0))...)
		}
		for i := range a.Faces {
			a.Faces[i] = face
		}
	}
	return a
}

// List implements serve.Services.
func (c *crew) List(context.Context) (wire.ServiceList, error) {
	var all wire.ServiceList
	for i := range c.h.bed.Services {
		all = append(all, c.h.bed.Services[i].Name)
	}
	return all, nil
}

// Configure implements serve.Services: every service takes the revision over, so that the
// node is seen to run it.
func (c *crew) Configure(ctx context.Context, _ serve.Caller, m *core.ConfigureServices) error {
	a := c.h.alive()
	if a == nil {
		return silence(ctx)
	}
	if m.Incarnation != a.inc {
		return nil
	}
	c.h.dev.With(func(now core.Time, w *world.Node) {
		for i := range c.h.bed.Services {
			sv := &c.h.bed.Services[i]
			cur := w.ServiceSample(now, i)
			set := world.Setting{Revision: m.Revision, Model: cur.Model, Workers: cur.Workers, MaxBatch: cur.MaxBatch}
			for j := range m.Settings {
				if t := &m.Settings[j]; t.Service == sv.Name {
					set.Model, set.Workers, set.MaxBatch = t.Model, t.Replicas, t.MaxBatch
				}
			}
			if set.Model >= len(sv.Models) {
				set.Model = cur.Model
			}
			if model := sv.Model(set.Model); w.Set(now, i, set) && set.Model != cur.Model && model != nil {
				c.h.sys.books.switchCost(float64(set.Workers) * model.Load.Seconds())
			}
		}
	})
	return nil
}

// Resources implements serve.Services: what each service takes of its node, as the node
// was last seen. Where the query manager runs all nodes are known, elsewhere the node itself.
func (c *crew) Resources(ctx context.Context) (wire.ResourceInfo, error) {
	all := wire.ResourceInfo{}
	nodes, _, err := c.h.sys.nodes(ctx, c.h)
	for i := range nodes {
		n := &nodes[i]
		role := n.Role.String()
		if n.ID == c.h.id && n.Role != core.RoleCloud {
			role = core.RoleHost.String()
		}
		if all[role] == nil {
			all[role] = map[string]map[string]wire.Resource{}
		}
		by := map[string]wire.Resource{}
		busy := 0
		for j := range n.Services {
			busy += n.Services[j].Busy
		}
		for j := range n.Services {
			s := &n.Services[j]
			r := wire.Resource{NProcess: s.Workers}
			if busy > 0 {
				r.CPURatio = n.Load.CPU * float64(s.Busy) / float64(busy)
			}
			if m := c.h.sys.modelAt(n.ID, s.Name, s.Model); m != nil && n.Memory > 0 {
				r.MemRatio = min(m.Needs.Memory*float64(s.Workers)/n.Memory, 1)
			}
			by[s.Name] = r
		}
		all[role][c.h.sys.book.ip(n.ID)] = by
	}
	return all, err
}

// Cluster implements serve.Services, as Resources does.
func (c *crew) Cluster(ctx context.Context) (wire.ClusterInfo, error) {
	all := wire.ClusterInfo{}
	nodes, links, err := c.h.sys.nodes(ctx, c.h)
	for i := range nodes {
		n := &nodes[i]
		all[c.h.sys.book.ip(n.ID)] = wire.ClusterNode{
			NodeRole: wire.Role(n.Role), NCPU: n.Cores, CPURatio: 100 * n.Load.CPU,
			ClusterExtra: &wire.ClusterExtra{NodeID: string(n.ID), Class: n.Class, Up: n.Up, Links: wire.FromLinks(n.ID, links)},
		}
	}
	return all, err
}
