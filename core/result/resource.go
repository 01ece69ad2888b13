package result

import (
	"cmp"
	"slices"

	"vidq/core"
)

// counter follows a reading that only rises but for restarts, which set it to 0. A
// small fall is rounding.
type counter struct{ last, total float64 }

func (c *counter) add(reading float64, counted bool) {
	rise := reading - c.last
	switch {
	case rise < 0 && reading < c.last/2:
		rise = reading
	case rise < 0:
		return
	}
	c.last = reading
	if counted {
		c.total += rise
	}
}

// sums finds what is summed up under an id: of a node, or of a link's direction.
type sums[K comparable, S any] struct {
	index map[K]int
	ids   []K
	list  []*S
}

// get returns the sums of an id, zero at first.
func (s *sums[K, S]) get(id K) *S {
	if i, ok := s.index[id]; ok {
		return s.list[i]
	}
	if s.index == nil {
		s.index = make(map[K]int)
	}
	s.index[id] = len(s.list)
	s.ids, s.list = append(s.ids, id), append(s.list, new(S))
	return s.list[len(s.list)-1]
}

// node sums up a node's samples, each weighed by the time that it covers after the warm-up.
type node struct {
	span          core.Time
	busy          float64 // of the busier of cpu and gpu, in ns
	cpu, gpu      float64
	energy, drops counter
	queue         int
}

func (s *node) add(r *core.NodeSample, warmup core.Time) {
	counted := r.At > warmup
	s.energy.add(r.Energy, counted)
	s.drops.add(float64(r.Lost), counted)
	if !counted {
		return
	}
	span := min(r.Span, r.At-warmup)
	s.span += span
	s.busy += float64(max(r.Load.CPU, r.Load.GPU) * float64(span))
	s.cpu += float64(r.Load.CPU * float64(span))
	s.gpu += float64(r.Load.GPU * float64(span))
	s.queue = max(s.queue, r.Queue)
}

// nodeRuns returns what the nodes spent, ascending by id.
func nodeRuns(s *sums[core.NodeID, node]) []NodeRun {
	out := make([]NodeRun, 0, len(s.list))
	for i, n := range s.list {
		out = append(out, NodeRun{
			ID: s.ids[i], Utilization: mean(n.busy, int64(n.span)), CPUUtilization: mean(n.cpu, int64(n.span)),
			GPUUtilization: mean(n.gpu, int64(n.span)), EnergyJ: n.energy.total, QueueMax: n.queue, ResultsLost: int64(n.drops.total),
		})
	}
	slices.SortFunc(out, func(a, b NodeRun) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// link sums up the samples of one direction.
type link struct {
	span  core.Time
	busy  float64 // ns
	bytes counter
}

func (s *link) add(r *core.LinkRecord, warmup core.Time) {
	counted := r.At > warmup
	s.bytes.add(r.Link.Bytes, counted)
	if counted {
		span := min(r.Span, r.At-warmup)
		s.span += span
		s.busy += float64(r.Link.Utilization * float64(span))
	}
}

// linkRuns returns what the links carried, ascending by their ends.
func linkRuns(s *sums[LinkID, link]) []LinkRun {
	out := make([]LinkRun, 0, len(s.list))
	for i, l := range s.list {
		out = append(out, LinkRun{s.ids[i].From, s.ids[i].To, l.bytes.total, mean(l.busy, int64(l.span))})
	}
	slices.SortFunc(out, func(a, b LinkRun) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	return out
}
