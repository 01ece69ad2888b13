package sim

import (
	"vidq/core"
	"vidq/core/result"
	"vidq/core/sched"
	"vidq/kb/world"
	"vidq/scenarios"
	"vidq/scenarios/testbed"
)

// New builds the run of a scenario.
func New(sc *scenarios.Scenario, o Options) (*Sim, error) {
	bed, err := testbed.Open(sc, o.Seed)
	if err != nil {
		return nil, err
	}
	s := &Sim{
		sc: sc, o: o, bed: bed, deps: sc.Deps(o.Seed), until: sc.Duration, store: newStore(sc.Store.Delay),
		specOf: map[string]int{}, registered: make([]bool, len(sc.Queries)), inForce: make([]bool, len(sc.Faults)),
	}
	if o.Until > 0 {
		s.until = min(s.until, o.Until)
	}
	s.addNodes()
	s.addLinks()
	s.addCameras()
	s.manager = manager{s: s, node: s.nodes[bed.Manager]}
	for i := range sc.Queries {
		s.specOf[sc.Queries[i].Key] = i
	}
	s.col = result.NewCollector(s.meta())
	return s, nil
}

func (s *Sim) addNodes() {
	for i := range s.bed.Nodes {
		t := &s.bed.Nodes[i]
		n := &node{s: s, index: i, id: t.ID, name: core.JobsMachine(t.ID), bed: t, w: world.NewNode(t.World)}
		n.sampled.Capacity = t.World.Capacity
		n.timer = s.k.NewTimer(key(kindNode, i, 0), uint32(i))
		n.sampler = s.k.NewTimer(key(kindSample, i, 0), uint32(i))
		s.nodes = append(s.nodes, n)
	}
}

func (s *Sim) addLinks() {
	for i := range s.bed.Links {
		l := &s.bed.Links[i]
		d := &direction{
			index: i, from: s.nodes[l.From], to: s.nodes[l.To],
			w: world.NewLink(l.World), sent: s.bed.Traffic(i), timer: s.k.NewTimer(key(kindLink, i, 0), uint32(i)),
		}
		s.directions = append(s.directions, d)
		d.from.links = append(d.from.links, d)
	}
}

func (s *Sim) addCameras() {
	for i := range s.bed.Cameras {
		c := &camera{bed: &s.bed.Cameras[i], node: s.nodes[s.bed.Cameras[i].Node]}
		c.node.cameras = append(c.node.cameras, c)
		s.cameras = append(s.cameras, c)
	}
}

// nodeOf returns the node of that id, or nil.
func (s *Sim) nodeOf(id core.NodeID) *node {
	if i := s.bed.Node(id); i >= 0 {
		return s.nodes[i]
	}
	return nil
}

// direction returns the direction from a to b, or nil.
func (s *Sim) direction(a, b *node) *direction {
	if i := s.bed.Direction(a.index, b.index); i >= 0 {
		return s.directions[i]
	}
	return nil
}

func (s *Sim) meta() result.Meta {
	m := result.Meta{
		Scheduler: s.o.Scheduler.String(), Truth: sched.Describe(s.o.Scheduler.Name).NeedsTruth, Seed: s.o.Seed, Warmup: s.sc.Warmup,
		Sink: s.o.Sink, Frames: s.o.Frames, Series: s.o.Series,
	}
	for _, n := range s.nodes {
		m.Nodes = append(m.Nodes, n.id)
	}
	for _, d := range s.directions {
		m.Links = append(m.Links, result.LinkID{From: d.from.id, To: d.to.id})
	}
	return m
}

// start schedules what happens of itself: nodes start within their first second,
// each at a seeded phase, users ask and faults begin.
func (s *Sim) start() {
	for _, n := range s.nodes {
		s.k.Schedule(Event{At: n.bed.Phase, Key: key(kindStart, n.index, 0), Ref: uint32(n.index)})
	}
	s.users.start(s)
	for i := range s.sc.Faults {
		f := &s.sc.Faults[i]
		s.k.Schedule(Event{At: f.At, Key: key(kindFault, i, 1), Ref: uint32(i)})
		if end := f.At.Add(f.For); end < core.Never && f.For < core.Never {
			s.k.Schedule(Event{At: end, Key: key(kindFault, i, 0), Ref: uint32(i)})
		}
	}
}
