package sim

import (
	"vidq/core"
	"vidq/kb"
	"vidq/kb/world"
	"vidq/scenarios/testbed"
)

// call is one attempt of a stage on its way: encoding and overhead at the host,
// the link to the service's node, queue and work there, and the way back.
//
// What its steps look at stands first, side by side, as in core: what an event costs is
// above all the cache lines that it fetches. The same holds for site, held, query
// and camera.
type call struct {
	used    bool
	back    bool // the answer is on its way
	charged bool
	maker   bool // it encodes the frame
	err     core.CallError
	older   uint32 // the call of the same frame that began before and is under way, plus 1; 0 = none
	id      uint64 // among the world's jobs and transfers
	q       *query
	held    *held // nil for charged work, and once the frame is released
	host    *node
	site    *site
	key     world.Key // of the frame's transfers

	ref      core.CallRef
	need     core.Time // the service's work, as drawn
	answered core.Time // the answer departed
	testbed.Figures

	began    core.Time // invoked
	overhead core.Time // the part of the host's work that is not encoding
	making   core.Time // the part that is
	encode   core.Time // what encoding took
	wait     core.Time
	work     core.Time
}

// wanted reports whether somebody waits for the call: its frame has not been released.
func (c *call) wanted() bool { return c.held != nil || c.charged }

// site is where a stage of a query runs under a plan, kept from call to call. It does not change:
// calls that are under way when a plan changes end as they began.
type site struct {
	on        *node
	number    int // of the service at the node, -1 = none
	out, back *direction
	testbed.Stage

	id      core.NodeID
	service string
	model   int
}

// resolve returns the site of an invoked stage.
func (s *Sim) resolve(q *query, i *core.Invoke, host *node) *site {
	t := q.sites[i.Ref.Stage]
	if t != nil && t.id == i.Node && t.model == i.Model && t.Video() == i.Video && t.service == i.Service {
		return t
	}
	t = &site{id: i.Node, service: i.Service, model: i.Model, number: -1, on: s.nodeOf(i.Node)}
	var m *kb.ServiceModel
	if t.on != nil {
		if t.number = t.on.w.Service(i.Service); t.number >= 0 {
			m = t.on.bed.Services[t.number].Model(i.Model)
		}
		if t.on != host {
			t.out, t.back = s.direction(host, t.on), s.direction(t.on, host)
		}
	}
	t.Stage = s.bed.Stage(&q.stream, i.Ref.Stage, i.Service, m, i.Video)
	q.sites[i.Ref.Stage] = t
	return t
}

// slotOf returns the index of the call with that id.
func slotOf(id uint64) uint32 { return uint32(id & (1<<testbed.SlotBits - 1)) }

// newCall returns a call of which nothing else is known.
func (s *Sim) newCall(ref core.CallRef) (id uint32, c *call) {
	if n := len(s.freeCalls); n > 0 {
		id, s.freeCalls = s.freeCalls[n-1], s.freeCalls[:n-1]
	} else {
		id = uint32(len(s.calls))
		s.calls = append(s.calls, new(call))
	}
	c = s.calls[id]
	*c = call{used: true, ref: ref, id: testbed.CallID(&ref, id)}
	return id, c
}

// freeCall ends a call without an answer.
func (s *Sim) freeCall(id uint32) {
	c := s.calls[id]
	if !c.used {
		return
	}
	c.used = false
	if c.held != nil {
		s.unlink(c.held, id)
	}
	s.freeCalls = append(s.freeCalls, id)
}

// unlink takes a call out of the list of its frame's calls.
func (s *Sim) unlink(h *held, id uint32) {
	for p := &h.calls; *p != 0; p = &s.calls[*p-1].older {
		if *p == id+1 {
			*p = s.calls[id].older
			return
		}
	}
}

// invoke begins a call.
func (s *Sim) invoke(n *node, i *core.Invoke) {
	q := s.query(i.Ref.Query)
	if q == nil {
		return
	}
	id, c := s.newCall(i.Ref)
	c.q, c.host, c.began = q, n, s.k.Now()
	c.key = q.stream.Transfers(i.CameraFrame)
	if i.Charged {
		s.charge(id, c, q, i)
		return
	}
	h := q.find(i.CameraFrame)
	if h == nil {
		panic("sim: a call for a frame that is not held")
	}
	t := s.resolve(q, i, n)
	c.held, c.older, h.calls = h, h.calls, id+1
	h.Models[i.Ref.Stage] = uint8(i.Model)
	c.site, c.Figures = t, q.stream.Figures(&h.Frame, &t.Stage, i)
	c.need = t.Work(c.Objects, i.CameraFrame, i.Ref.Attempt)
	work := n.bed.Class.CallOverhead
	c.overhead = work
	if i.Source {
		e := q.cam.find(h.Number, &i.Video)
		switch {
		case e == nil:
			q.cam.add(h.Number, i.Video, id)
			c.maker, c.making = true, q.stream.EncodeTime(&i.Video)
			work += c.making
		case !e.done:
			e.waiting = append(e.waiting, id)
			return
		}
	}
	n.w.Run(s.k.Now(), c.id, work, 1)
	n.arm()
}

// charge begins a call that the scheduler causes: at the node itself, on what its
// query's camera shows now.
func (s *Sim) charge(id uint32, c *call, q *query, i *core.Invoke) {
	c.charged = true
	t := &site{id: i.Node, service: i.Service, model: i.Model, on: c.host, number: c.host.w.Service(i.Service)}
	c.site = t
	if t.number >= 0 {
		t.M = c.host.bed.Services[t.number].Model(i.Model)
	}
	cam := q.stream.Cam
	scene := cam.Scene(cam.Next(s.k.Now()))
	c.Objects, c.Area = scene.Objects, float64(scene.Area*float64(i.Video.Resolution.Pixels()))
	c.need = s.bed.Charged(c.host.index, t.M, &i.Ref, i.Video.Resolution, c.Objects)
	s.serve(id, c)
}

// onNode takes what a node has finished.
func (s *Sim) onNode(n *node) {
	for d := &s.popped; n.w.Pop(s.k.Now(), d); {
		id := slotOf(d.ID)
		c := s.calls[id]
		switch {
		case !c.used:
		case !n.up:
			s.freeCall(id)
		case d.Service < 0:
			s.onPrepared(id, c, d.At)
		default:
			c.wait, c.work = d.Wait, d.Work
			s.answer(id, c, d.Err)
		}
	}
	n.arm()
}

// onPrepared sends a call whose encoding and overhead are done on its way, and
// lets those that waited for the encoded frame go on.
func (s *Sim) onPrepared(id uint32, c *call, now core.Time) {
	if c.maker {
		s.onEncoded(id, c, now)
	}
	t := c.site
	switch {
	case !c.wanted():
		s.freeCall(id)
	case t.on == nil || t.on != c.host && (t.out == nil || t.back == nil):
		s.answer(id, c, core.CallUnreachable)
	case t.on == c.host:
		s.serve(id, c)
	default:
		t.out.w.Transfer(now, c.id, c.Sent, testbed.AttemptKey(c.key, &c.ref, 0))
		t.out.arm(s)
	}
}

// onEncoded tells those that wait for what a call has encoded.
func (s *Sim) onEncoded(id uint32, c *call, now core.Time) {
	store := c.q.cam.store
	for i := range store {
		e := &store[i]
		if e.done || e.maker != id {
			continue
		}
		e.done = true
		c.encode = testbed.Encoding(now-c.began, c.making, c.overhead)
		for _, w := range e.waiting {
			o := s.calls[w]
			if !o.wanted() {
				s.freeCall(w)
				continue
			}
			o.encode = now - o.began
			o.host.w.Run(now, o.id, o.overhead, 1)
		}
		e.waiting = e.waiting[:0]
	}
}

// onTransfer takes a call, or its answer, that has arrived over d.
func (s *Sim) onTransfer(id uint32, d *direction) {
	c := s.calls[id]
	switch {
	case !c.used:
	case !d.to.up:
		s.freeCall(id)
	case c.back:
		s.finish(id, c)
	default:
		s.serve(id, c)
	}
}

// serve hands a call to its service.
func (s *Sim) serve(id uint32, c *call) {
	t := c.site
	err := core.CallUnknown
	if t.number >= 0 {
		err = core.CallFailed
		if t.M != nil {
			err = t.on.w.Call(s.k.Now(), t.number, world.Request{ID: c.id, Model: t.model, Work: c.need})
		}
	}
	if err != core.CallOK {
		s.answer(id, c, err)
		return
	}
	t.on.arm()
}

// answer sends a service's answer back to the host, unless it has closed the
// connection.
func (s *Sim) answer(id uint32, c *call, err core.CallError) {
	if !c.wanted() {
		s.freeCall(id)
		return
	}
	c.err, c.back, c.answered = err, true, s.k.Now()
	if err != core.CallOK {
		c.Got = 0
	}
	t := c.site
	if t.on != nil && t.on != c.host && t.back != nil && t.out != nil {
		t.back.w.Transfer(s.k.Now(), c.id, c.Got, testbed.AttemptKey(c.key, &c.ref, 1))
		t.back.arm(s)
		return
	}
	if err == core.CallOK {
		s.finish(id, c)
		return
	}
	// The machine that invoked may still be in its step.
	s.k.Schedule(Event{At: s.k.Now(), Key: key(kindAnswer, c.host.index, testbed.CallDetail(&c.ref)), Ref: id})
}

// finish tells the host's job manager of the answer.
func (s *Sim) finish(id uint32, c *call) {
	host := c.host
	if !c.used {
		return
	}
	s.ev.done = core.StageDone{
		Ref: c.ref, Err: c.err, Sent: c.Sent, Got: c.Got, Work: c.work, Wait: c.wait,
		Encode: c.encode, Return: s.k.Now() - c.answered,
	}
	if c.err != core.CallOK {
		s.ev.done.Work, s.ev.done.Wait = 0, 0 // an error tells no times
	} else {
		s.ev.done.Objects, s.ev.done.Area, s.ev.done.Counted = c.Objects, c.Area, true
	}
	s.freeCall(id)
	if host.up && host.inc == s.ev.done.Ref.Incarnation {
		host.step(&s.ev.done)
	}
}

// abandon closes the connections of a frame's calls, as it is released: what is
// still being sent stops; what a service has begun it finishes, for nobody.
func (s *Sim) abandon(h *held) {
	now := s.k.Now()
	for next := h.calls; next != 0; {
		id := next - 1
		c := s.calls[id]
		next, c.held = c.older, nil
		d := c.site.out
		if c.back {
			d = c.site.back
		}
		if d != nil && d.w.Cancel(now, c.id) {
			d.arm(s)
			s.freeCall(id)
		}
	}
}
