package sim

import (
	"vidq/core"
	"vidq/kb/world"
	"vidq/scenarios"
	"vidq/scenarios/testbed"
)

// node is a machine of the testbed with the job manager that runs on it, whose
// Backend it is.
type node struct {
	s       *Sim
	index   int
	id      core.NodeID
	name    string // of its job manager in traces
	bed     *testbed.Node
	w       *world.Node
	timer   Timer // w's next moment
	cameras []*camera

	up      bool
	downs   int // faults that keep it down
	inc     core.Incarnation
	jobs    *core.JobManager
	chain   core.Chain
	effects core.Backend // what its effects go to: the node itself, unless a watch wants to see it
	sampled core.Sampled // told again and again
	sampler Timer
	told    uint64       // messages between the parts of the node
	links   []*direction // that leave it
}

var _ core.Backend = (*node)(nil)

// start makes the node's job manager: a new life.
func (n *node) start() {
	n.up = true
	n.inc++
	n.jobs, n.effects = core.NewJobManager(n.s.bed.JobConfig(n.index, n.inc, n.views())), n
	if n.s.watch != nil {
		n.effects = n.s.watch.backend(n.s, n.id, core.PartJobs, n)
	}
	n.step(&n.s.ev.timer)
	n.s.k.Arm(n.sampler, n.s.k.Now()+core.Second)
}

// views tells how the node's services run now.
func (n *node) views() []core.ServiceView {
	var all []core.ServiceView
	for i := range n.bed.Services {
		all = append(all, n.w.ServiceSample(n.s.k.Now(), i).ServiceView)
	}
	return all
}

func (n *node) step(ev core.Event) {
	if n.jobs == nil {
		return
	}
	if n.s.watch != nil {
		n.s.watch.told(n.s.k.Now(), n.id, ev)
	}
	n.jobs.Step(n.s.k.Now(), ev, &n.s.fx)
	n.s.fx.Drain(n.effects)
}

// arm sets the node's timer to its world's next moment.
func (n *node) arm() { n.s.k.Arm(n.timer, n.w.Next()) }

// Record implements core.Backend.
func (n *node) Record(r core.Record) {
	n.s.note(n.name, &n.chain, r)
	switch r := r.(type) {
	case *core.FrameRecord:
		n.s.observe(r)
	case *core.PlanRecord:
		if r.Plan.Refused {
			if q := n.s.query(r.Query); q != nil {
				q.pause(n.s, core.ReasonRefused)
			}
		}
	}
	n.s.col.Add(r)
}

// Save implements core.Backend; a job manager saves nothing.
func (n *node) Save(*core.Save) { panic("sim: a job manager has no store") }

// Capture implements core.Backend.
func (n *node) Capture(c *core.Capture) {
	if q := n.s.query(c.Query); q != nil {
		q.capture(n.s, c)
	}
}

// Invoke implements core.Backend.
func (n *node) Invoke(i *core.Invoke) { n.s.invoke(n, i) }

// Release implements core.Backend.
func (n *node) Release(r *core.Release) {
	if q := n.s.query(r.Query); q != nil {
		q.release(n.s, r.CameraFrame)
	}
}

// Send implements core.Backend.
func (n *node) Send(m *core.Send) {
	n.s.send(core.Address{Node: n.id, Part: core.PartJobs}, m.To, m.Msg)
}

// Wake implements core.Backend.
func (n *node) Wake(w *core.Wake) {
	n.s.k.Schedule(Event{At: w.At, Key: key(kindWake, n.index, uint64(n.inc)), Ref: uint32(n.index)})
}

// configure applies service settings, as the node's services do.
func (n *node) configure(m core.Message) {
	c, ok := m.(*core.ConfigureServices)
	if !ok || c.Incarnation != n.inc {
		return
	}
	now := n.s.k.Now()
	for i := range n.bed.Services {
		// Every service takes the revision over, so that the node is seen to run it.
		cur := n.w.ServiceSample(now, i)
		set := world.Setting{Revision: c.Revision, Model: cur.Model, Workers: cur.Workers, MaxBatch: cur.MaxBatch}
		for j := range c.Settings {
			if t := &c.Settings[j]; t.Service == n.bed.Services[i].Name {
				set.Model, set.Workers, set.MaxBatch = t.Model, t.Replicas, t.MaxBatch
			}
		}
		if set.Model >= len(n.bed.Services[i].Models) {
			set.Model = cur.Model
		}
		if m := n.bed.Services[i].Model(set.Model); n.w.Set(now, i, set) && set.Model != cur.Model && m != nil {
			n.s.col.SwitchCost(0, float64(set.Workers)*m.Load.Seconds())
		}
	}
	n.arm()
}

// onSample tells the node how it was since it was last told, a second ago.
func (n *node) onSample() {
	if !n.up {
		return
	}
	s, now := n.s, n.s.k.Now()
	m := &n.sampled
	m.Load, m.Span, m.Energy = n.w.Sample(now)
	m.Services = m.Services[:0]
	for i := range n.bed.Services {
		m.Services = append(m.Services, n.w.ServiceSample(now, i))
	}
	m.Links = m.Links[:0]
	for _, d := range n.links {
		bytes, busy := d.w.Carried(now)
		l := core.LinkSample{From: d.from.id, To: d.to.id, Bytes: bytes, Rate: d.w.Rate(now)}
		if m.Span > 0 {
			l.Utilization = float64(busy-d.busy) / float64(m.Span)
		}
		d.busy = busy
		m.Links = append(m.Links, l)
	}
	n.step(m)
	s.k.Arm(n.sampler, now+core.Second)
}

// fail takes the node down: what it had is gone, and the frames that its jobs
// held are lost.
func (n *node) fail() {
	n.downs++
	s := n.s
	if !n.up {
		n.w.SetDown(s.k.Now(), true) // it has not started yet, and draws nothing until it does
		return
	}
	n.up = false
	n.jobs = nil
	s.k.Cancel(n.sampler)
	if s.watch != nil {
		s.watch.crashed(n.id)
	}
	for _, c := range n.cameras {
		for _, q := range c.queries {
			q.lose(s)
		}
		c.store = c.store[:0]
	}
	n.w.SetDown(s.k.Now(), true)
	s.onNode(n)
	if s.manager.node == n {
		s.manager.stop()
	}
}

// recover ends what took the node down; it starts again when nothing else does.
func (n *node) recover() error {
	n.downs--
	if n.downs > 0 {
		return nil
	}
	n.w.SetDown(n.s.k.Now(), false)
	for i := range n.s.sc.Faults { // a service that is down of itself stays so
		if f := &n.s.sc.Faults[i]; n.s.inForce[i] && f.Kind == scenarios.FaultServiceDown {
			n.s.hamper(f)
		}
	}
	n.arm() // its services load their models
	n.start()
	n.onSample() // of its last life and the outage, so that the next sample is of this one alone
	if n.s.manager.node == n {
		return n.s.manager.start()
	}
	return nil
}
