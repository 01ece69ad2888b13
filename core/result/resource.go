package result

import (
	"cmp"
	"slices"

	"vidq/core"
)

// counter follows a reading that only rises but for restarts, which set it to 0.
type counter struct{ last, total float64 }

func (c *counter) add(reading float64, counted bool) {
	rise := reading - c.last
	if rise < 0 {
		rise = reading
	}
	c.last = reading
	if counted {
		c.total += rise
	}
}

// node sums up a node's samples, one a second.
type node struct {
	id            core.NodeID
	n             int64
	busy          float64 // of the busier of cpu and gpu
	cpu, gpu      float64
	energy, drops counter
	queue         int
}

func (s *node) add(r *core.NodeSample, counted bool) {
	s.energy.add(r.Energy, counted)
	s.drops.add(float64(r.Lost), counted)
	if !counted {
		return
	}
	s.n++
	s.busy += max(r.Load.CPU, r.Load.GPU)
	s.cpu += r.Load.CPU
	s.gpu += r.Load.GPU
	s.queue = max(s.queue, r.Queue)
}

// nodes finds a node's sums by its id.
type nodes struct {
	index map[core.NodeID]int
	list  []*node
}

func (s *nodes) get(id core.NodeID) *node {
	if i, ok := s.index[id]; ok {
		return s.list[i]
	}
	if s.index == nil {
		s.index = make(map[core.NodeID]int)
	}
	s.index[id] = len(s.list)
	n := &node{id: id}
	s.list = append(s.list, n)
	return n
}

func (s *nodes) runs() []NodeRun {
	out := make([]NodeRun, 0, len(s.list))
	for _, n := range s.list {
		out = append(out, NodeRun{
			ID: n.id, Utilization: mean(n.busy, n.n), CPUUtilization: mean(n.cpu, n.n),
			GPUUtilization: mean(n.gpu, n.n), EnergyJ: n.energy.total, QueueMax: n.queue, ResultsLost: int64(n.drops.total),
		})
	}
	slices.SortFunc(out, func(a, b NodeRun) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// link sums up the samples of one direction.
type link struct {
	id    LinkID
	n     int64
	busy  float64
	bytes counter
}

func (s *link) add(r *core.LinkSample, counted bool) {
	s.bytes.add(r.Bytes, counted)
	if counted {
		s.n++
		s.busy += r.Utilization
	}
}

// links finds a link's sums by its ends.
type links struct {
	index map[LinkID]int
	list  []*link
}

func (s *links) get(id LinkID) *link {
	if i, ok := s.index[id]; ok {
		return s.list[i]
	}
	if s.index == nil {
		s.index = make(map[LinkID]int)
	}
	s.index[id] = len(s.list)
	l := &link{id: id}
	s.list = append(s.list, l)
	return l
}

func (s *links) runs() []LinkRun {
	out := make([]LinkRun, 0, len(s.list))
	for _, l := range s.list {
		out = append(out, LinkRun{l.id.From, l.id.To, l.bytes.total, mean(l.busy, l.n)})
	}
	slices.SortFunc(out, func(a, b LinkRun) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	return out
}
