package sim

import (
	"vidq/core"
	"vidq/scenarios/testbed"
)

// userNode names the user in addresses.
const userNode core.NodeID = "user"

// users are those who submit the scenario's queries and stop them, asking again
// until they are answered.
type users struct{ asks []ask }

// ask is what the user of one query still waits for.
type ask struct {
	query    core.QueryID // 0 until accepted
	accepted bool
	stopped  bool
}

// start schedules the queries' submissions and stops.
func (u *users) start(s *Sim) {
	u.asks = make([]ask, len(s.sc.Queries))
	for i := range s.sc.Queries {
		q := &s.sc.Queries[i]
		s.k.Schedule(Event{At: q.Start, Key: key(kindUser, i, 0), Ref: uint32(i)})
		if q.Stop != core.Never && q.Stop > q.Start {
			s.k.Schedule(Event{At: q.Stop, Key: key(kindUser, i, 1), Ref: uint32(i)})
		}
	}
}

// onTimer asks for what is still due for query i: its submission, or its stop.
func (u *users) onTimer(s *Sim, i int, stop bool) {
	a := &u.asks[i]
	from, to := core.Address{Node: userNode, Part: core.PartUser}, core.Address{Node: s.manager.node.id, Part: core.PartManager}
	detail := uint64(0)
	switch {
	case stop && a.stopped, !stop && a.accepted:
		return
	case !stop:
		s.send(from, to, &core.SubmitQuery{Request: uint64(i), Query: s.sc.Queries[i].Core()})
	case a.accepted:
		s.send(from, to, &core.StopQuery{Request: uint64(i), Query: a.query})
		detail = 1
	default:
		detail = 1 // not accepted yet: the stop waits for that
	}
	s.k.Schedule(Event{At: s.k.Now() + testbed.AskAgain, Key: key(kindUser, i, detail), Ref: uint32(i)})
}

// onMessage takes the manager's answer.
func (u *users) onMessage(m core.Message) {
	switch m := m.(type) {
	case *core.SubmitAnswer:
		if m.Err == "" {
			u.asks[m.Request].query, u.asks[m.Request].accepted = m.Query, true
		}
	case *core.StopAnswer:
		if m.Err == "" {
			u.asks[m.Request].stopped = true
		}
	}
}
