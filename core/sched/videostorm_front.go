package sched

import (
	"cmp"
	"math"
	"slices"

	"vidq/core"
)

// profile looks at all configurations of a query and keeps those on or near the
// Pareto front of accuracy and load. It is done on one machine, as in the papers:
// for each stage the cloud that the query is assigned to or what stands in for it.
// It reports false when a stage can run nowhere.
func (s *videostorm) profile(r *stormRow) bool {
	q, st := r.q, r.st
	pipe := q.Query.Pipeline
	content, n := q.Content(), objects(q)
	s.tables.work = s.tables.work[:0] // of (resolution, model)
	for _, resolution := range r.ladder.resolutions {
		for m := range r.ladder.models {
			sum := 0.0
			for i := range pipe {
				at := remote(s.v, q.Query, pipe[i].Service, 0)
				if at == nil {
					at = &s.v.Nodes[r.host]
				}
				if !usable(s.v, q.Query.Node, at, pipe[i].Service, 0) {
					return false
				}
				w, ok := s.v.Predictor.Work(pipe[i].Service, min(m, modelsOf(s.v, pipe[i].Service)-1), target(at, q.Query.Node), resolution, n)
				if !ok {
					return false
				}
				sum += w.Mean.Seconds()
			}
			s.tables.work = append(s.tables.work, sum)
		}
	}
	s.options = s.options[:0]
	for at, more := (rung{}), true; more; more = r.ladder.next(&at) {
		o := stormOption{rung: at}
		o.load = min(r.ladder.fps[at.fps], q.Camera.FPS) * s.tables.work[int(at.resolution)*r.ladder.models+int(at.model)]
		s.models = modelsOfRung(s.v, pipe, at, s.models[:0])
		o.accuracy = s.v.Predictor.Accuracy(q.Query, q.Camera.FPS, r.ladder.video(at), s.models, content)
		s.options = append(s.options, o)
	}
	band := 1.0
	if s.Placement == "videoedge" {
		band = s.Band
	}
	st.front = front(s.options, band, st.front[:0])
	st.known, st.profiled, st.choice = q.Runtime.ObjKnown, s.v.Now, s.least(r)
	s.changed = s.changed || s.Placement == "videoedge"
	return true
}

// front appends to dst the options of which none that is at least as accurate
// needs less, ascending by load; with band above 1 also those that need up to band
// times as much. It sorts all.
func front(all []stormOption, band float64, dst []stormOption) []stormOption {
	slices.SortFunc(all, func(a, b stormOption) int {
		return cmp.Or(cmp.Compare(b.accuracy, a.accuracy), cmp.Compare(a.load, b.load), a.compare(b.rung))
	})
	least := math.Inf(1) // load of those at least as accurate
	for _, o := range all {
		if o.load < least || band > 1 && o.load <= band*least {
			dst = append(dst, o)
		}
		least = min(least, o.load)
	}
	slices.SortFunc(dst, func(a, b stormOption) int {
		return cmp.Or(cmp.Compare(a.load, b.load), cmp.Compare(a.accuracy, b.accuracy), a.compare(b.rung))
	})
	return dst
}

// least is the cheapest option that is accurate enough, or the most accurate: what
// a query counts for before it is given anything.
func (s *videostorm) least(r *stormRow) int {
	best := 0
	for i := range r.st.front {
		o := &r.st.front[i]
		if o.accuracy >= r.quality {
			return i
		}
		if o.accuracy > r.st.front[best].accuracy {
			best = i
		}
	}
	return best
}

// stormUse is what a plan takes of a resource.
type stormUse struct {
	resource int
	amount   float64
}

// stormResources are the nodes' cores, GPU slots and workers and the links, with
// what of each may be given out and what is left of it.
type stormResources struct {
	capacity, left []float64
	users          []int // queries
	first          []int // of each node: its cores; its GPU and its services follow
	links          int   // the first link, in the view's order
}

func (x *stormResources) lay(v *core.View, fill float64) {
	x.capacity, x.first = x.capacity[:0], x.first[:0]
	for i := range v.Nodes {
		n := &v.Nodes[i]
		x.first = append(x.first, len(x.capacity))
		x.capacity = append(x.capacity, n.Cores, n.GPUs)
		for k := range n.Services {
			x.capacity = append(x.capacity, float64(n.Services[k].Workers))
		}
	}
	x.links = len(x.capacity)
	for i := range v.Links {
		x.capacity = append(x.capacity, v.Links[i].Rate)
	}
	for i := range x.capacity {
		x.capacity[i] = max(x.capacity[i], 0) * fill
	}
	x.left = append(x.left[:0], x.capacity...)
	x.users = slices.Grow(x.users[:0], len(x.capacity))[:len(x.capacity)]
	clear(x.users)
}

// impossible stands for the share of a resource that there is nothing of.
const impossible = 1e9

// dominant is the largest share of what there is, by of, that the uses take.
func dominant(uses []stormUse, of []float64) (share float64) {
	for _, u := range uses {
		switch {
		case u.amount <= 0:
		case of[u.resource] <= 0:
			return impossible
		default:
			share = max(share, u.amount/of[u.resource])
		}
	}
	return min(share, impossible)
}

// take takes times the uses away from what is left; negative times give back.
func (x *stormResources) take(uses []stormUse, times float64) {
	for _, u := range uses {
		x.left[u.resource] -= float64(u.amount * times)
	}
}

// addUse adds to the uses from index first on.
func (s *videostorm) addUse(first, resource int, amount float64) {
	for i := first; i < len(s.uses); i++ {
		if s.uses[i].resource == resource {
			s.uses[i].amount += amount
			return
		}
	}
	if amount > 0 {
		s.uses = append(s.uses, stormUse{resource, amount})
	}
}

// addStage adds what a stage needs at a node when it has so many frames a second.
func (s *videostorm) addStage(first int, r *stormRow, stage, at int, o *stormOption) {
	service := r.q.Query.Pipeline[stage].Service
	n := &s.v.Nodes[at]
	model := min(int(o.model), modelsOf(s.v, service)-1)
	t := target(n, r.q.Query.Node)
	w, ok := s.v.Predictor.Work(service, model, t, r.ladder.resolutions[o.resolution], objects(r.q))
	seconds := w.Mean.Seconds() * min(r.ladder.fps[o.fps], r.q.Camera.FPS)
	if !ok {
		seconds = impossible
	}
	s.addWork(first, at, service, s.v.Predictor.Needs(service, model, t), seconds)
}

// addWork adds seconds of a service's work per second at a node.
func (s *videostorm) addWork(first, at int, service string, needs core.Needs, seconds float64) {
	base := s.resources.first[at]
	s.addUse(first, base, needs.CPU*seconds)
	s.addUse(first, base+1, needs.GPU*seconds)
	n := &s.v.Nodes[at]
	for k := range n.Services {
		if n.Services[k].Name == service {
			s.addUse(first, base+2+k, seconds)
			return
		}
	}
}
