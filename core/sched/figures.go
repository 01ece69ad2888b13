package sched

import (
	"math"
	"slices"

	"vidq/core"
)

// figures is what a planner knows of the work of services: the belief, laid out by
// node, service, model and resolution, and by how much the world was seen to
// differ from it. What is seen of one figure tells something of others too: of the
// same service on the nodes of the same class, and of the service everywhere. So
// that a belief that is wrong by one factor is set right by a few frames, and a
// node that was never used is judged by its likes.
type figures struct {
	by    core.Predictor
	knobs []core.Resolution
	nodes []figureNode // as in the view
	kinds []kind
	wide  []wideRatio
	round uint64
	at    [][]int // by index into wide: the service's index at each node, -1 = none
}

type figureNode struct {
	id       core.NodeID
	class    string
	role     core.Role
	services []figureService // as in the view
	overhead ratioSeconds    // of a call of the node's own services
	slow     float64         // by how much its work was stretched in the last round
}

type figureService struct {
	name   string
	models []figureModel
	wide   int // index into wide
}

type figureModel struct {
	needs    core.Needs // of one busy worker
	marginal float64    // of a further frame in a batch, of the time of the first
	points   []figure   // by resolution
}

// figure is the work of a model at a node and resolution: a + b * objects, in seconds.
type figure struct {
	asHost, remote law
	kind           int // index into kinds
	seen           ratio
	factor         float64 // by which the laws are multiplied in that round
	round          uint64
}

type law struct {
	a, b, cv float64
	ok       bool
}

// kind is what the figures of one service, model, resolution and class share.
type kind struct {
	class, service string
	model, point   int
	ratio          ratio
}

// wideRatio is what all figures of a service share.
type wideRatio struct {
	service string
	ratio   ratio
	now     float64 // of the round
}

// ratioSeconds is a running mean of seconds.
type ratioSeconds struct{ n, mean float64 }

func (r *ratioSeconds) add(x float64) {
	if !(x >= 0) || x > 10 {
		return
	}
	r.n = min(r.n+1, 50)
	r.mean += (x - r.mean) / r.n
}

// How many observations a prior weighs, and how many are remembered.
const (
	priorOwn   = 4.
	priorKind  = 6.
	priorWide  = 10.
	memoryOwn  = 60.
	memoryWide = 400.
)

// fit lays the belief out for the nodes of the view. Nodes that were there before
// keep what was learned of them. It costs nothing while the nodes stay.
func (f *figures) fit(v *core.View, by core.Predictor) {
	if f.same(v, by) {
		return
	}
	if !slices.Equal(f.knobs, v.Knobs.Resolutions) {
		f.nodes, f.kinds, f.wide = nil, nil, nil
	}
	f.by, f.knobs = by, slices.Clone(v.Knobs.Resolutions)
	old := f.nodes
	f.nodes = make([]figureNode, len(v.Nodes))
	for i := range v.Nodes {
		f.nodes[i] = f.node(v, &v.Nodes[i])
		for j := range old {
			if old[j].id == v.Nodes[i].ID && sameFigures(&old[j], &v.Nodes[i]) {
				f.nodes[i].learned(&old[j])
			}
		}
	}
	f.at = f.at[:0]
	for k := range f.wide {
		row := make([]int, len(f.nodes))
		for i := range f.nodes {
			row[i] = slices.IndexFunc(f.nodes[i].services, func(s figureService) bool { return s.wide == k })
		}
		f.at = append(f.at, row)
	}
}

// learned takes over what was learned of the node when it was laid out before.
func (n *figureNode) learned(old *figureNode) {
	n.overhead, n.slow = old.overhead, old.slow
	for i := range n.services {
		for m := range min(len(n.services[i].models), len(old.services[i].models)) {
			for p := range n.services[i].models[m].points {
				n.services[i].models[m].points[p].seen = old.services[i].models[m].points[p].seen
			}
		}
	}
}

// service returns the index into wide of a service, -1 for one that no node offers.
func (f *figures) service(name string) int {
	for k := range f.wide {
		if f.wide[k].service == name {
			return k
		}
	}
	return -1
}

func (f *figures) same(v *core.View, by core.Predictor) bool {
	if f.by != by || len(f.nodes) != len(v.Nodes) || !slices.Equal(f.knobs, v.Knobs.Resolutions) {
		return false
	}
	for i := range v.Nodes {
		if f.nodes[i].id != v.Nodes[i].ID || !sameFigures(&f.nodes[i], &v.Nodes[i]) {
			return false
		}
	}
	return true
}

func sameFigures(f *figureNode, n *core.NodeView) bool {
	if f.class != n.Class || f.role != n.Role || len(f.services) != len(n.Services) {
		return false
	}
	for i := range n.Services {
		if f.services[i].name != n.Services[i].Name {
			return false
		}
	}
	return true
}

func (f *figures) node(v *core.View, n *core.NodeView) figureNode {
	x := figureNode{id: n.ID, class: n.Class, role: n.Role, slow: 1, services: make([]figureService, len(n.Services))}
	for i := range n.Services {
		s := figureService{name: n.Services[i].Name, wide: -1}
		for k := range f.wide {
			if f.wide[k].service == s.name {
				s.wide = k
			}
		}
		if s.wide < 0 {
			s.wide = len(f.wide)
			f.wide = append(f.wide, wideRatio{service: s.name})
		}
		models := 1
		for k := range v.Services {
			if v.Services[k].Name == s.name {
				models = max(1, len(v.Services[k].Models))
			}
		}
		for m := range models {
			s.models = append(s.models, f.model(n, s.name, m))
		}
		x.services[i] = s
	}
	return x
}

func (f *figures) model(n *core.NodeView, service string, m int) figureModel {
	at := core.Target{Class: n.Class, Role: n.Role}
	x := figureModel{needs: f.by.Needs(service, m, at), marginal: 1}
	for p, r := range f.knobs {
		if w, ok := f.by.Work(service, m, at, r, core.TypicalObjects); ok && w.Marginal > 0 {
			x.marginal = min(x.marginal, w.Marginal)
		}
		x.points = append(x.points, figure{
			asHost: f.law(service, m, core.Target{Class: n.Class, Role: core.RoleHost}, r),
			remote: f.law(service, m, core.Target{Class: n.Class, Role: n.Role}, r),
			kind:   f.kindOf(n.Class, service, m, p),
		})
	}
	return x
}

func (f *figures) law(service string, m int, at core.Target, r core.Resolution) (l law) {
	none, ok := f.by.Work(service, m, at, r, 0)
	some, ok2 := f.by.Work(service, m, at, r, core.TypicalObjects)
	if !ok || !ok2 {
		return law{}
	}
	l = law{a: none.Mean.Seconds(), ok: true}
	l.b = max(some.Mean.Seconds()-l.a, 0) / core.TypicalObjects
	if some.Mean > 0 {
		l.cv = some.SD.Seconds() / some.Mean.Seconds()
	}
	return l
}

func (f *figures) kindOf(class, service string, model, point int) int {
	for i := range f.kinds {
		if k := &f.kinds[i]; k.model == model && k.point == point && k.class == class && k.service == service {
			return i
		}
	}
	f.kinds = append(f.kinds, kind{class: class, service: service, model: model, point: point})
	return len(f.kinds) - 1
}

// settle begins a round: what was learned before counts from now on.
func (f *figures) settle() {
	f.round++
	for k := range f.wide {
		f.wide[k].now = f.wide[k].ratio.over(0, priorWide)
	}
}

// factor is by how much a figure of a service differs from the belief in this round.
func (f *figures) factor(s *figureService, x *figure) float64 {
	if x.round != f.round {
		x.round = f.round
		x.factor = math.Exp(x.seen.over(f.kinds[x.kind].ratio.over(f.wide[s.wide].now, priorKind), priorOwn))
	}
	return x.factor
}

// learn takes in that a call took work seconds where the belief says so much
// without contention, and the node was stretched by the factor slow.
func (f *figures) learn(n, service, model, point int, host bool, objects, work, slow float64) {
	s := &f.nodes[n].services[service]
	if model < 0 || model >= len(s.models) {
		return
	}
	x := &s.models[model].points[point]
	l := x.law(host)
	believed := (l.a + l.b*objects) * slow
	if !l.ok || !(believed > 0) || !(work > 0) {
		return
	}
	r := math.Log(work / believed)
	x.seen.add(r, memoryOwn)
	f.kinds[x.kind].ratio.add(r, memoryWide)
	f.wide[s.wide].ratio.add(r, memoryWide)
}

func (x *figure) law(host bool) *law {
	if host {
		return &x.asHost
	}
	return &x.remote
}
