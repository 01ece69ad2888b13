package sim

import (
	"vidq/core"
	"vidq/kb/world"
	"vidq/scenarios/testbed"
)

// A control message's id on a link is messageBit | its number there (38 bits) | the
// index of its flight: what arrives at one instant does so in the order in which it
// was sent. The ids of calls are below messageBit.
const (
	messageBit = 1 << 62
	flightBits = 24
)

// direction is one direction of a link of the scenario.
type direction struct {
	index    int
	from, to *node
	w        *world.Link
	sent     testbed.Traffic
	timer    Timer
	busy     core.Time // that the sample before saw
}

// arm sets the direction's timer to its next moment.
func (d *direction) arm(s *Sim) { s.k.Arm(d.timer, d.w.Next()) }

// onLink takes what has arrived.
func (s *Sim) onLink(d *direction) {
	for {
		a, ok := d.w.Pop(s.k.Now())
		if !ok {
			break
		}
		switch {
		case a.ID&messageBit != 0:
			s.deliver(uint32(a.ID&(1<<flightBits-1)), a.Lost)
		case a.Lost:
			s.freeCall(slotOf(a.ID))
		default:
			s.onTransfer(slotOf(a.ID), d)
		}
	}
	d.arm(s)
}

// flight is a control message on its way.
type flight struct {
	from, to core.Address
	msg      core.Message
}

// send puts a control message on its way. Over a link it takes the delay and the
// jitter but not the rate, and may be lost; between the parts of a node, or the
// manager and its user, it takes testbed.LocalDelay and is not lost. Without a link it is.
func (s *Sim) send(from, to core.Address, msg core.Message) {
	a, b := s.nodeOf(from.Node), s.nodeOf(to.Node)
	if from.Part == core.PartUser || to.Part == core.PartUser {
		a, b = s.manager.node, s.manager.node
	}
	if a == nil || b == nil {
		return
	}
	if a == b {
		id := s.newFlight(flight{from, to, msg})
		s.k.Schedule(Event{At: s.k.Now() + testbed.LocalDelay, Key: key(kindLocal, a.index, a.told), Ref: id})
		a.told++
		return
	}
	d := s.direction(a, b)
	if d == nil {
		return
	}
	number, key := d.sent.Next(msg)
	if s.lostByFault(a, b, key) {
		return
	}
	id := s.newFlight(flight{from, to, msg})
	d.w.Message(s.k.Now(), messageBit|number<<flightBits|uint64(id), key)
	d.arm(s)
}

func (s *Sim) newFlight(f flight) (id uint32) {
	if n := len(s.freeFlights); n > 0 {
		id, s.freeFlights = s.freeFlights[n-1], s.freeFlights[:n-1]
		s.flights[id] = f
		return id
	}
	s.flights = append(s.flights, f)
	return uint32(len(s.flights) - 1)
}

// deliver hands an arrived message to the part of the node that it is for.
func (s *Sim) deliver(id uint32, lost bool) {
	f := s.flights[id]
	s.flights[id] = flight{}
	s.freeFlights = append(s.freeFlights, id)
	if lost {
		return
	}
	if f.to.Part == core.PartUser {
		s.users.onMessage(f.msg)
		return
	}
	n := s.nodeOf(f.to.Node)
	if !n.up {
		return
	}
	s.ev.received = core.Received{From: f.from, Msg: f.msg}
	switch f.to.Part {
	case core.PartManager:
		if n == s.manager.node {
			s.manager.step(&s.ev.received)
		}
	case core.PartJobs:
		n.step(&s.ev.received)
	case core.PartServices:
		n.configure(f.msg)
	case core.PartUser:
	}
}

// messageLoss is a fault in force that loses control messages.
type messageLoss struct {
	fault int
	node  *node    // nil = all
	link  [2]*node // nil = all
	p     float64
}

func (f *messageLoss) hits(a, b *node) bool {
	if f.node != nil && f.node != a && f.node != b {
		return false
	}
	return f.link[0] == nil || f.link == [2]*node{a, b} || f.link == [2]*node{b, a}
}

// lostByFault draws whether a fault makes a control message from a to b vanish.
func (s *Sim) lostByFault(a, b *node, key world.Key) bool {
	for i := range s.losses {
		f := &s.losses[i]
		if f.hits(a, b) && testbed.LostByFault(key, f.fault, f.p) {
			return true
		}
	}
	return false
}
