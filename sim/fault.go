package sim

import (
	"vidq/core"
	"vidq/scenarios"
)

// fault begins or ends fault i of the scenario. A fault kind is one case here, and its
// keys and description in package scenarios.
func (s *Sim) fault(i int, begin bool) error {
	f := &s.sc.Faults[i]
	s.worldRecord(&core.FaultRecord{At: s.k.Now(), Kind: f.Kind, Target: f.Target(), Begin: begin})
	s.inForce[i] = begin
	switch f.Kind {
	case scenarios.FaultNodeDown:
		n := s.nodeOf(f.Node)
		if !begin {
			return n.recover()
		}
		n.fail()
	case scenarios.FaultLinkDown, scenarios.FaultLinkDegraded:
		s.impair(s.nodeOf(f.Link[0]), s.nodeOf(f.Link[1]))
		s.impair(s.nodeOf(f.Link[1]), s.nodeOf(f.Link[0]))
	case scenarios.FaultServiceDown, scenarios.FaultServiceSlow:
		s.hamper(f)
	case scenarios.FaultMessageLoss:
		s.lose(i, begin)
	case scenarios.FaultStore:
		if begin {
			s.store.failing++
		} else {
			s.store.failing--
		}
	case scenarios.FaultCrash:
		s.crash(i, begin)
	}
	return nil
}

// impair sets a direction to what all faults in force do to it together.
func (s *Sim) impair(from, to *node) {
	if d := s.direction(from, to); d != nil {
		s.bed.Impair(s.k.Now(), d.index, s.inForce, d.w)
		d.arm(s)
	}
}

// hamper sets the services that a fault hits to what all faults in force do to
// them together.
func (s *Sim) hamper(hit *scenarios.Fault) {
	for _, n := range s.nodes {
		if hit.Node != "" && hit.Node != n.id {
			continue
		}
		if s.bed.Hamper(s.k.Now(), n.index, hit.Service, s.inForce, n.w) {
			s.onNode(n)
		}
	}
}

// lose begins or ends a loss of control messages.
func (s *Sim) lose(i int, begin bool) {
	if !begin {
		for j := range s.losses {
			if s.losses[j].fault == i {
				s.losses = append(s.losses[:j], s.losses[j+1:]...)
				return
			}
		}
		return
	}
	f := &s.sc.Faults[i]
	l := messageLoss{fault: i, node: s.nodeOf(f.Node), p: f.Loss}
	if f.Link[0] != "" {
		l.link = [2]*node{s.nodeOf(f.Link[0]), s.nodeOf(f.Link[1])}
	}
	s.losses = append(s.losses, l)
}

// crash takes a node down: the manager's between its next save and being told of
// it, another at once. It starts again after the fault's length.
func (s *Sim) crash(i int, begin bool) {
	if !begin {
		return // the restart has its own event
	}
	if n := s.nodeOf(s.sc.Faults[i].Node); n != s.manager.node {
		s.crashNow(i)
		return
	}
	s.crashes = append(s.crashes, i)
}

// crashing lets the crashes that waited for a save happen, and says whether there
// were any.
func (s *Sim) crashing() bool {
	waiting := s.crashes
	s.crashes = nil
	for _, i := range waiting {
		s.crashNow(i)
	}
	return len(waiting) > 0
}

func (s *Sim) crashNow(i int) {
	f := &s.sc.Faults[i]
	s.nodeOf(f.Node).fail()
	if at := s.k.Now().Add(f.For); at < core.Never {
		s.k.Schedule(Event{At: at, Key: key(kindStart, s.nodeOf(f.Node).index, uint64(i)+1), Ref: uint32(s.nodeOf(f.Node).index)})
	}
}
