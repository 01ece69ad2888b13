package core

import "slices"

// received takes a message in. Requests are applied only if they are meant for
// this life of the node; their answer tells what the node has, whether or not
// they changed anything. Messages for other components are ignored.
func (m *JobManager) received(now Time, msg Message, fx *Effects) {
	switch msg := msg.(type) {
	case *JoinAck:
		if msg.Node == m.cfg.Node && msg.Incarnation == m.cfg.Incarnation {
			m.joinAcked(now, fx)
		}
	case *HeartbeatAck:
		if msg.Node == m.cfg.Node && msg.Incarnation == m.cfg.Incarnation && !msg.Known &&
			m.joined && msg.Number > m.joinedAt {
			m.join(now, fx)
		}
	case *SubmitJob:
		if msg.Incarnation == m.cfg.Incarnation {
			m.submit(now, msg, fx)
			m.ack(msg.Query.ID, fx)
		}
	case *UpdatePlan:
		if msg.Incarnation == m.cfg.Incarnation {
			if j := m.jobs.get(msg.Query); j != nil {
				m.apply(now, j, &msg.Plan, fx)
			}
			m.ack(msg.Query, fx)
		}
	case *StopJob:
		if msg.Incarnation == m.cfg.Incarnation {
			if j := m.jobs.get(msg.Query); j != nil {
				m.stop(now, j, fx)
			} else {
				m.forget(msg.Query) // its submission may be on its way yet
			}
			m.ack(msg.Query, fx)
		}
	case *SyncAck:
		m.syncAck(now, msg, fx)
	case *ChargeWork:
		m.charge(now, msg, fx)
	}
}

// submit begins a job, unless it is there or was stopped before.
func (m *JobManager) submit(now Time, msg *SubmitJob, fx *Effects) {
	id := msg.Query.ID
	if id == 0 || slices.Contains(m.ended, id) {
		return
	}
	j := m.jobs.get(id)
	if j == nil {
		j = newJob(&msg.Query, m.cfg.Cameras, msg.From, &m.set)
		at, _ := m.at(id)
		m.jobs.put(id, j)
		m.list = slices.Insert(m.list, at, j)
	}
	m.apply(now, j, &msg.Plan, fx)
}

// ack tells the manager what the node has of a query.
func (m *JobManager) ack(q QueryID, fx *Effects) {
	s := JobStatus{Query: q, Gone: true}
	if j := m.jobs.get(q); j != nil {
		s = j.status()
	}
	m.tell(&JobAck{m.cfg.Node, m.cfg.Incarnation, s}, fx)
}

// join introduces the node, and goes on doing so until it is acknowledged.
func (m *JobManager) join(now Time, fx *Effects) {
	m.joined = false
	m.joinPause = m.set.ResendAfter
	m.sendJoin(now, fx)
}

func (m *JobManager) sendJoin(now Time, fx *Effects) {
	c := &m.cfg
	m.tell(&Join{c.Node, c.Incarnation, c.Role, c.Class, m.heartbeat.Capacity, m.services(), c.Cameras}, fx)
	m.due.set(dueJoin, now.Add(m.jitter(min(m.joinPause, m.set.Heartbeat))))
	m.joinPause = m.longer(m.joinPause)
}

// joinAcked ends the joining. Results that nobody acknowledged while the manager
// did not know the node are sent again at once.
func (m *JobManager) joinAcked(now Time, fx *Effects) {
	back := !m.joined
	m.joined, m.joinedAt = true, m.heartbeat.Number
	m.due.clear(dueJoin)
	if back && m.results.sent != nil {
		m.results.pause = m.set.ResendAfter
		m.sendResults(now, fx)
	}
}

// services returns how the node's services were when they were last seen.
func (m *JobManager) services() []ServiceView {
	s := make([]ServiceView, len(m.heartbeat.Services))
	for i := range s {
		s[i] = m.heartbeat.Services[i].ServiceView
	}
	return s
}

// beat sends a heartbeat, if the manager knows the node, and plans the next.
func (m *JobManager) beat(now Time, fx *Effects) {
	missed := (now - m.beatAt) / m.set.Heartbeat // by a process that slept
	m.beatAt = m.beatAt.Add((missed + 1) * m.set.Heartbeat)
	m.due.set(dueHeartbeat, m.beatAt)
	m.foldLinks(now)
	if !m.joined {
		return
	}
	m.heartbeat.Number++
	h := fx.made.heartbeats.next()
	*h = m.heartbeat
	h.Jobs = fx.made.jobs.take(len(m.list))
	for i, j := range m.list {
		h.Jobs[i] = j.status()
	}
	h.Services = fx.made.services.take(len(h.Services))
	copy(h.Services, m.heartbeat.Services)
	h.Charges = m.charges.highest
	h.Links = fx.made.links.take(len(m.meters))
	for i, l := range m.meters {
		h.Links[i] = LinkView{From: m.cfg.Node, To: l.to, LinkEstimate: l.estimate(now)}
	}
	m.tell(h, fx)
}

// sampled records how the node is and keeps it for the next heartbeat.
func (m *JobManager) sampled(now Time, ev *Sampled, fx *Effects) {
	h := &m.heartbeat
	h.Capacity, h.Load = ev.Capacity, ev.Load
	h.Services = append(h.Services[:0], ev.Services...)
	n := fx.nodes.next()
	*n = NodeSample{At: now, Span: ev.Span, Node: m.cfg.Node, Load: ev.Load, Energy: ev.Energy, Lost: m.results.lost}
	fx.Records = append(fx.Records, n)
	for _, s := range ev.Services {
		r := fx.services.next()
		*r = ServiceRecord{now, m.cfg.Node, s}
		n.Queue += s.Queue
		fx.Records = append(fx.Records, r)
	}
	for _, l := range ev.Links {
		r := fx.links.next()
		*r = LinkRecord{now, ev.Span, l}
		fx.Records = append(fx.Records, r)
	}
}

// maxCharges and maxChargedCalls bound what a scheduler can cause.
const (
	maxCharges      = 64
	maxChargedCalls = 10_000
)

// chargeQueue is the work that the scheduler causes at the node, call by call.
type chargeQueue struct {
	highest uint64 // number
	queue   []ChargeWork
	call    int // of the first, that is under way
}

// charge takes charged work in, once per number and in the order of numbers. One
// that came too early, or for which there is no room, stays open: the manager
// sends it again when a heartbeat does not tell its number.
func (m *JobManager) charge(now Time, msg *ChargeWork, fx *Effects) {
	c := &m.charges
	if msg.Incarnation != m.cfg.Incarnation || msg.Number != c.highest+1 || len(c.queue) >= maxCharges {
		return
	}
	c.highest = msg.Number
	if msg.Charge.Calls <= 0 {
		return
	}
	c.queue = append(c.queue, *msg)
	if len(c.queue) == 1 {
		c.call = -1
		m.nextCharge(now, fx)
	}
}

// chargeDone goes on when the call under way has been answered.
func (m *JobManager) chargeDone(now Time, ref *CallRef, fx *Effects) {
	c := &m.charges
	if len(c.queue) == 0 || ref.Frame != -int64(c.queue[0].Number) || ref.Attempt != c.call {
		return
	}
	m.nextCharge(now, fx)
}

// nextCharge makes the next call of charged work, whatever became of the last.
func (m *JobManager) nextCharge(now Time, fx *Effects) {
	c := &m.charges
	c.call++
	if c.call >= min(c.queue[0].Charge.Calls, maxChargedCalls) {
		c.queue = slices.Delete(c.queue, 0, 1)
		c.call = 0
	}
	if len(c.queue) == 0 {
		m.due.clear(dueCharge)
		return
	}
	w := &c.queue[0]
	var camera CameraID // only the query's host knows it
	if j := m.jobs.get(w.Charge.Query); j != nil {
		camera = j.cameraID
	}
	fx.Invokes = append(fx.Invokes, Invoke{
		Ref:      CallRef{w.Charge.Query, m.cfg.Incarnation, -int64(w.Number), 0, c.call},
		Camera:   camera,
		Captured: now,
		Node:     m.cfg.Node,
		Service:  w.Charge.Service,
		Model:    w.Charge.Model,
		Video:    VideoConf{Resolution: w.Charge.Resolution},
		Charged:  true,
		Timeout:  m.set.StageTimeout,
	})
	m.due.set(dueCharge, now.Add(m.set.StageTimeout))
}
