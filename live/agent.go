package live

import (
	"vidq/core"
	"vidq/kb/world"
	"vidq/live/wire"
)

// agent is one life of a node's job manager: the machine, and its Backend.
type agent struct {
	*life
	h    *host
	inc  core.Incarnation
	jobs *core.JobManager
	now  core.Time // of the step under way; the loop's goroutine's

	links []core.LinkView // as last told to the query manager; likewise
}

var _ core.Backend = (*agent)(nil)

// Step implements core.Machine.
func (a *agent) Step(now core.Time, ev core.Event, fx *core.Effects) {
	a.now = now
	if r, ok := ev.(*core.Received); ok {
		if m, ok := r.Msg.(*core.SubmitJob); ok {
			a.h.know(&m.Query)
		}
	}
	a.jobs.Step(now, ev, fx)
}

// Record implements core.Backend.
func (a *agent) Record(r core.Record) {
	h := a.h
	h.sys.books.note(h.name, r)
	switch r := r.(type) {
	case *core.FrameRecord:
		h.judge(r)
	case *core.PlanRecord:
		h.plans.add(r.Query, r.Plan)
		if q := h.queries[r.Query]; q != nil && r.Plan.Refused {
			q.pause(a.now, core.ReasonRefused)
		}
	}
	h.sys.books.add(r)
}

// Save implements core.Backend; a job manager saves nothing.
func (*agent) Save(*core.Save) { panic("live: a job manager has no store") }

// Capture implements core.Backend.
func (a *agent) Capture(c *core.Capture) {
	if q := a.h.queries[c.Query]; q != nil {
		q.capture(a, c)
	}
}

// Invoke implements core.Backend.
func (a *agent) Invoke(i *core.Invoke) { a.h.invoke(a, i) }

// Release implements core.Backend.
func (a *agent) Release(r *core.Release) {
	if q := a.h.queries[r.Query]; q != nil {
		q.release(r.CameraFrame)
	}
}

// Wake implements core.Backend.
func (a *agent) Wake(w *core.Wake) { a.loop.Wake(w.At) }

// Send implements core.Backend.
func (a *agent) Send(s *core.Send) {
	h := a.h
	if t, ok := answerTicket(s.To.Node, s.Msg); ok {
		msg := s.Msg
		h.sys.message(h.id, s.To.Node, msg, func() { a.exchange.give(t, msg) })
		return
	}
	letter := &Letter{Msg: s.Msg}
	switch m := s.Msg.(type) {
	case *core.SyncResults:
		letter.Counts = h.counts.of(m)
		if n, ok := h.net.(*remote); ok && n.aged.Load() {
			letter.Frame = a.frames(m)
		}
	case *core.Heartbeat:
		a.links = append(a.links[:0], m.Links...)
	}
	h.sys.tell(a.life, h.net, core.Address{Node: h.id, Part: core.PartJobs}, s.To, letter)
}

// frames returns a batch of results as the original is told them, with the runtime contexts of now.
func (a *agent) frames(m *core.SyncResults) func(i int) wire.Frame {
	h := a.h
	stable := map[core.QueryID]bool{}
	for i := range m.Results {
		q := m.Results[i].Obs.Query
		if _, known := stable[q]; !known {
			info, _ := a.jobs.Runtime(q)
			stable[q] = info.ObjStable
		}
	}
	return func(i int) wire.Frame {
		r := &m.Results[i]
		p := h.plans.get(r.Obs.Query, r.Obs.Revision, core.Plan{})
		var plan wire.Plan
		if q := h.sys.query(r.Obs.Query); q != nil {
			plan = wire.FromPlan(&p, q, h.sys.book)
		}
		return wire.FromFrame(r, plan, h.counts.get(frameOf{r.Obs.Query, r.CameraFrame}), stable[r.Obs.Query])
	}
}

// sampleAt has the node told at an instant how it was, and from then on once a second.
func (a *agent) sampleAt(at core.Time) {
	a.h.sys.clock.At(at, func() {
		if a.loop.Do(a.sample) {
			a.sampleAt(at + core.Second)
		}
	})
}

// sample is how the node was since the last one.
func (a *agent) sample() core.Event {
	h := a.h
	m := &h.sampled
	m.Services = m.Services[:0]
	h.dev.With(func(now core.Time, w *world.Node) {
		m.Load, m.Span, m.Energy = w.Sample(now)
		for i := range h.bed.Services {
			m.Services = append(m.Services, w.ServiceSample(now, i))
		}
	})
	if machine := h.sys.machine.Load(); machine != nil {
		m.Load, m.Energy = machine.Load, machine.Energy
	}
	m.Links = m.Links[:0]
	for i := range h.sys.bed.Links {
		d := &h.sys.bed.Links[i]
		if d.From != h.index || h.sys.o.RealLinks {
			continue // what real links carry is not seen
		}
		l := core.LinkSample{From: h.id, To: h.sys.bed.Nodes[d.To].ID}
		h.sys.world.Link(i).With(func(now core.Time, w *world.Link) {
			bytes, busy := w.Carried(now)
			l.Bytes, l.Rate = bytes, w.Rate(now)
			if m.Span > 0 {
				l.Utilization = float64(busy-h.busy[i]) / float64(m.Span)
			}
			h.busy[i] = busy
		})
		m.Links = append(m.Links, l)
	}
	return m
}
