package sched

import (
	"vidq/core"
)

// profilingDebt is the profiling that a node still has to do.
type profilingDebt struct {
	node  core.NodeID
	until core.Time // when it will be done, one call at a time
}

// settleDebts makes the debts those of the view's nodes.
func (s *chameleon) settleDebts() {
	same := len(s.debts) == len(s.v.Nodes)
	for i := 0; same && i < len(s.debts); i++ {
		same = s.debts[i].node == s.v.Nodes[i].ID
	}
	if same {
		return
	}
	old, k := s.debts, 0
	s.debts = make([]profilingDebt, len(s.v.Nodes))
	for i := range s.v.Nodes {
		id := s.v.Nodes[i].ID
		s.debts[i].node = id
		for k < len(old) && old[k].node < id {
			k++
		}
		if k < len(old) && old[k].node == id {
			s.debts[i].until = old[k].until
		}
	}
}

func (s *chameleon) debt(node core.NodeID) *profilingDebt {
	return &s.debts[nodeIndex(s.v, node)]
}

// room reports whether the query's nodes are not yet behind with profiling by more
// than a segment.
func (s *chameleon) room(r *chameleonRow) bool {
	for _, n := range r.sites {
		if s.Charge && s.debt(n.ID).until > s.v.Now.Add(s.Segment) {
			return false
		}
	}
	return true
}

// charge has the nodes do the runs that were noted, stage by stage.
func (s *chameleon) charge(r *chameleonRow) {
	if !s.Charge {
		return
	}
	s.measureSlowness(r)
	n := objects(r.q)
	for i, at := range r.sites {
		service := r.q.Query.Pipeline[i].Service
		debt := s.debt(at.ID)
		for _, x := range s.look.runs {
			model := min(int(x.model), modelsOf(s.v, service)-1)
			resolution := r.ladder.resolutions[x.resolution]
			w, ok := s.v.Predictor.Work(service, model, target(at, r.q.Query.Node), resolution, n)
			if !ok || !usable(s.v, r.q.Query.Node, at, service, model) {
				continue
			}
			s.d.Charges = append(s.d.Charges, core.Charge{
				Query: r.q.Query.ID, Node: at.ID, Service: service, Model: model, Resolution: resolution, Calls: x.frames,
			})
			seconds := float64(x.frames) * w.Mean.Seconds() * r.st.slow
			debt.until = max(debt.until, s.v.Now).Add(core.FromSeconds(seconds))
		}
	}
}

// measureSlowness compares what the query's calls took at the services, waiting
// included, with the belief.
func (s *chameleon) measureSlowness(r *chameleonRow) {
	n := objects(r.q)
	took, believed := 0.0, 0.0
	for i := range r.q.Observations {
		o := &r.q.Observations[i]
		if o.Revision != r.q.Plan.Revision || len(o.Calls) != len(r.q.Query.Pipeline) {
			continue
		}
		for k := range o.Calls {
			c := &o.Calls[k]
			at := s.v.Node(c.Node)
			if at == nil {
				continue
			}
			w, ok := s.v.Predictor.Work(r.q.Query.Pipeline[k].Service, c.Model, target(at, r.q.Query.Node), r.q.Plan.Video.Resolution, n)
			if ok {
				took += (c.Work + c.Wait).Seconds()
				believed += w.Mean.Seconds()
			}
		}
	}
	if believed > 0 {
		r.st.slow = min(max(took/believed, 1), 100)
	}
}
