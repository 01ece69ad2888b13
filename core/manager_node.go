package core

import (
	"cmp"
	"slices"
)

// node returns the node of an id, adding it if it is new.
func (m *QueryManager) node(id NodeID) *managedNode {
	if n := m.nodeOf[id]; n != nil {
		return n
	}
	n := &managedNode{id: id, join: Join{Node: id}, settingsAt: -1, chargesAt: -1}
	m.nodeOf[id] = n
	i, _ := slices.BinarySearchFunc(m.nodes, id, func(n *managedNode, id NodeID) int { return cmp.Compare(n.id, id) })
	m.nodes = slices.Insert(m.nodes, i, n)
	return n
}

// expect takes in what is known of a node before it joins.
func (m *QueryManager) expect(j *Join) { m.node(j.Node).introduce(j) }

// introduce takes in what a node says of itself.
func (n *managedNode) introduce(j *Join) {
	n.join, n.capacity = *j, j.Capacity
	n.services = append(n.services[:0], j.Services...)
	slices.SortFunc(n.services, compareServices)
	n.shown = append(n.shown[:0], n.services...)
}

func compareServices(a, b ServiceView) int { return cmp.Compare(a.Name, b.Name) }

// camera returns the node's camera of an id, or nil.
func (n *managedNode) camera(id CameraID) *Camera {
	for i := range n.join.Cameras {
		if n.join.Cameras[i].ID == id {
			return &n.join.Cameras[i]
		}
	}
	return nil
}

// service returns the index of the node's service of a name, or -1.
func (n *managedNode) service(name string) int {
	for i := range n.services {
		if n.services[i].Name == name {
			return i
		}
	}
	return -1
}

// target is the node as a predictor looks at it for query q.
func (n *managedNode) target(q *managedQuery) Target {
	t := Target{Class: n.join.Class, Role: n.join.Role}
	if q != nil && q.node == n {
		t.Role = RoleHost
	}
	return t
}

// joins takes a node's introduction. An older incarnation is ignored, the present
// one is acknowledged again, a newer one is a node that has lost all it had.
func (m *QueryManager) joins(now Time, j *Join, fx *Effects) {
	if j.Node == "" {
		return
	}
	n := m.node(j.Node)
	known := j.Incarnation == n.incarnation
	if j.Incarnation < n.incarnation {
		return
	}
	if !n.joined || !known {
		m.adopt(now, n, j, known, fx)
	}
	m.send(n.id, PartJobs, &JoinAck{Node: n.id, Incarnation: n.incarnation}, fx)
	if known {
		return // it may have its jobs still: its heartbeats tell
	}
	for _, q := range n.queries {
		m.mend(now, q, fx)
	}
}

// adopt begins to count on a node's incarnation. known says that results of this
// incarnation may be stored already, by an earlier life of the manager.
func (m *QueryManager) adopt(now Time, n *managedNode, j *Join, known bool, fx *Effects) {
	n.introduce(j)
	n.joined, n.told, n.up, n.incarnation, n.heard, n.seen, n.number = true, false, true, j.Incarnation, now, now, 0
	n.load = NodeLoad{}
	n.charged, n.chargesAt, n.settingsAt = 0, -1, -1
	if !known {
		n.acked, n.learned, n.storing = 0, 0, false
	}
	fx.Records = append(fx.Records, &NodeState{At: now, Node: n.id, Incarnation: n.incarnation, Up: true})
	m.wake(now.Add(m.set.DownAfter), fx)
	for _, q := range n.queries {
		q.camera = n.camera(q.q.Camera)
		q.has, q.applied, q.tries, q.resendAt, q.sentAt = false, 0, 0, Never, -1
		if !known && !q.state.Ended() {
			q.state = StateUnscheduled
			if q.plan.Revision > 0 {
				q.state = StateReady
			}
		}
	}
}

// heartbeat takes in how a node is, mends what differs from what is wanted, and
// answers.
func (m *QueryManager) heartbeat(now Time, h *Heartbeat, fx *Effects) {
	n := m.nodeOf[h.Node]
	if n == nil || h.Incarnation > n.incarnation || h.Incarnation == n.incarnation && !n.joined {
		m.send(h.Node, PartJobs, &HeartbeatAck{Node: h.Node, Incarnation: h.Incarnation, Number: h.Number}, fx)
		return
	}
	if h.Incarnation < n.incarnation || h.Number <= n.number {
		return
	}
	n.number, n.heard = h.Number, now
	if !n.up {
		n.up = true
		fx.Records = append(fx.Records, &NodeState{At: now, Node: n.id, Incarnation: n.incarnation, Up: true})
		m.wake(now.Add(m.set.DownAfter), fx)
	}
	n.capacity = h.Capacity
	if len(h.Services) > 0 {
		n.services = n.services[:0]
		for i := range h.Services {
			n.services = append(n.services, h.Services[i].ServiceView)
		}
		slices.SortFunc(n.services, compareServices)
	}
	m.measured(now, n, h)
	m.mature(now)
	m.rows++
	for i := range h.Jobs {
		m.status(now, n, &h.Jobs[i], fx)
	}
	m.missing(now, n, fx)
	m.mendSettings(now, n, h, fx)
	m.mendCharges(now, n, h, fx)
	n.told = true
	ack := fx.made.heartbeatAcks.next()
	*ack = HeartbeatAck{Node: n.id, Incarnation: n.incarnation, Number: h.Number, Known: true}
	m.send(n.id, PartJobs, ack, fx)
}

// takeEstimates takes in what a node's calls told of links. Of two nodes that
// tell of one link, the newer sample counts; an estimate without samples leaves
// the last one standing, with its age, unless calls prove that one too low: then
// the rate is not known any more.
func (m *QueryManager) takeEstimates(now Time, links []LinkView) {
	for i := range links {
		e := &links[i]
		at, found := slices.BinarySearchFunc(m.view.Links, e, compareLinks)
		if !found {
			continue
		}
		have, from := &m.view.Links[at], &m.links[at]
		if e.Samples <= 0 {
			if have.Samples > 0 && e.Least > lineContra*have.Rate {
				have.LinkEstimate = from.nominal
			}
			have.Least = e.Least
			continue
		}
		if have.Samples > 0 && now-e.Age < from.at-from.age {
			continue
		}
		have.LinkEstimate, from.at, from.age = e.LinkEstimate, now, e.Age
		if !(have.Rate > 0) {
			have.Rate = from.nominal.Rate
		}
		if have.RTT <= 0 {
			have.RTT = from.nominal.RTT
		}
	}
}

func compareLinks(a LinkView, b *LinkView) int {
	return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
}
