package sim

import (
	"vidq/core"
	"vidq/scenarios/testbed"
)

// query is a query as the world sees it: the frames that its job holds, and
// those that nobody could take.
type query struct {
	id     core.QueryID
	cam    *camera
	held   []*held // captured and not released, oldest first
	few    [2]*held
	timer  Timer // the capture that is asked for
	stream testbed.Stream
	sites  []*site // where its stages ran last, by stage
}

// held is a captured frame that its job has not released yet.
type held struct {
	testbed.Frame
	calls uint32 // the newest attempt of a stage that is under way, plus 1; 0 = none
}

// find returns the held frame of that number, or nil.
func (q *query) find(frame int64) *held {
	for _, h := range q.held {
		if h.Number == frame {
			return h
		}
	}
	return nil
}

// newHeld returns a held frame to be filled in.
func (s *Sim) newHeld() *held {
	if n := len(s.freeHeld); n > 0 {
		h := s.freeHeld[n-1]
		s.freeHeld = s.freeHeld[:n-1]
		h.calls = 0
		return h
	}
	return new(held)
}

// lost lets go of a held frame whose node is down. Its calls that are still under way
// are for nobody.
func (s *Sim) lost(h *held) {
	for next := h.calls; next != 0; {
		c := s.calls[next-1]
		next, c.held = c.older, nil
	}
	s.freeHeld = append(s.freeHeld, h)
}

// missed counts frames that nobody could take.
func (s *Sim) missed(q *query, m testbed.Missed) {
	if m.To > m.From {
		s.col.Missed(q.id, m.Reason, m.From, m.To, m.FPS)
	}
}

// pause notes that from now on nobody takes the query's frames.
func (q *query) pause(s *Sim, why core.Reason) {
	s.k.Cancel(q.timer)
	s.missed(q, q.stream.Pause(s.k.Now(), why))
}

// lose is the end of the frames that the query's job held: its node is down.
func (q *query) lose(s *Sim) {
	for _, h := range q.held {
		s.worldRecord(testbed.LostFrame(s.k.Now(), q.cam.node.id, q.id, &h.Frame))
		s.lost(h)
	}
	q.held = q.held[:0]
	q.pause(s, core.ReasonNodeDown)
}

// capture does what a job's Capture asks for.
func (q *query) capture(s *Sim, c *core.Capture) {
	if q.stream.Ended() {
		return
	}
	at, missed := q.stream.Ask(s.k.Now(), c)
	s.missed(q, missed)
	s.k.Arm(q.timer, at)
}

// onCapture takes the frame that was asked for: it exists now.
func (s *Sim) onCapture(q *query) {
	cam := q.cam
	if q.stream.Ended() || !cam.node.up {
		return
	}
	now := s.k.Now()
	h := s.newHeld()
	read, ok := q.stream.Take(now, &h.Frame)
	if cam.bed.Mode == core.ModeFile {
		s.col.Captured(q.id, now, read)
	}
	if !ok {
		s.freeHeld = append(s.freeHeld, h)
		s.ev.ended = core.VideoEnded{Query: q.id}
		cam.node.step(&s.ev.ended)
		return
	}
	q.held = append(q.held, h)
	s.ev.captured = core.FrameCaptured{Query: q.id, CameraFrame: h.Number, At: now, Bytes: h.Bytes}
	cam.node.step(&s.ev.captured)
}

// release gives a frame up, and with it the encodings that nobody else holds and
// the calls for it that are still under way.
func (q *query) release(s *Sim, frame int64) {
	for i, h := range q.held {
		if h.Number != frame {
			continue
		}
		s.abandon(h)
		s.freeHeld = append(s.freeHeld, h)
		q.held = q.held[:i+copy(q.held[i:], q.held[i+1:])]
		break
	}
	q.cam.drop(s, frame)
}

// onDurable learns from what has become durable that a query was accepted or has
// ended: that is so even if the manager dies before it can tell.
func (s *Sim) onDurable(changes []core.Change) {
	for i := range changes {
		c := &changes[i]
		if c.Kind != core.ChangeQuery {
			continue
		}
		q := s.query(c.Query.Query.ID)
		if q == nil {
			if index, ok := s.specOf[c.Query.Query.Key]; ok {
				s.register(index, c.Query.Query.ID)
			}
			continue
		}
		if c.Query.State.Ended() && !q.stream.Ended() {
			s.missed(q, q.stream.End(s.k.Now()))
			s.k.Cancel(q.timer)
			s.col.Ended(q.id, s.k.Now())
		}
	}
}

// register begins the books of query i of the scenario under its id.
func (s *Sim) register(i int, id core.QueryID) {
	for len(s.queries) <= int(id) {
		s.queries = append(s.queries, nil)
	}
	spec := &s.sc.Queries[i]
	q := &query{
		id: id, cam: s.cameras[s.bed.Camera(spec.Camera)], stream: s.bed.Stream(i),
		sites: make([]*site, len(spec.Pipeline)), timer: s.k.NewTimer(key(kindCapture, i, 0), uint32(id)),
	}
	q.held = q.few[:0]
	s.queries[id] = q
	q.cam.queries = append(q.cam.queries, q)
	s.registered[i] = true
	s.col.Query(id, q.stream.Info())
}

// query returns the query of that id, or nil.
func (s *Sim) query(id core.QueryID) *query {
	if id < core.QueryID(len(s.queries)) {
		return s.queries[id]
	}
	return nil
}
