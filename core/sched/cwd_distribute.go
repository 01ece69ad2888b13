package sched

import (
	"cmp"
	"math"
	"slices"

	"vidq/core"
)

// take lists the queries with what the belief says of their stages on both sides.
func (s *cwd) take(v *core.View) {
	s.queries = s.queries[:0]
	s.links = append(s.links[:0], make([]float64, len(v.Links))...)
	for i := range s.stations {
		t := &s.stations[i]
		n := v.Node(t.node)
		at := core.Target{Class: n.Class, Role: n.Role}
		needs := v.Predictor.Needs(t.service, 0, at)
		t.marginal, t.memory = 1, needs.Memory
		if w, ok := v.Predictor.Work(t.service, 0, at, s.limit, core.TypicalObjects); ok {
			t.marginal = w.Marginal
		}
		t.most = math.MaxInt32
		if needs.CPU > 0 {
			t.most = int(min(float64(t.most), n.Cores/needs.CPU))
		}
		if needs.GPU > 0 {
			t.most = int(min(float64(t.most), n.GPUs/needs.GPU))
		}
	}
	for i := range v.Queries {
		if x, ok := s.query(v, &v.Queries[i]); ok {
			s.queries = append(s.queries, x)
		}
	}
}

// query looks a query up; false when it is left alone.
func (s *cwd) query(v *core.View, q *core.QueryView) (x cwdQuery, ok bool) {
	x = cwdQuery{q: q, host: nodeAt(v, q.Query.Node), bound: math.Inf(1)}
	if q.Camera == nil || !(q.Camera.FPS > 0) || x.host < 0 || !v.Nodes[x.host].Up && q.Plan.Revision > 0 {
		return x, false
	}
	if x.video.Encoder, x.video.Quality, ok = encoder(&v.Knobs, ""); !ok {
		return x, false
	}
	x.video.FPS, x.video.Resolution = s.FPS, s.limit
	if c := q.Camera.Resolution; s.limit.Width > c.Width || s.limit.Height > c.Height {
		if x.video.Resolution, ok = within(&v.Knobs, c); !ok {
			return x, false
		}
	}
	if u := urgency(q, s.FPS); u > 0 {
		x.bound = 1 / u
	}
	content := q.Content()
	x.encode = v.Predictor.Encode(target(&v.Nodes[x.host], q.Query.Node), x.video).Seconds()
	frame, trip := v.Predictor.FrameBytes(x.video, content), x.encode
	for i := range q.Query.Pipeline {
		if ok = s.stage(v, &x, i, frame, content); !ok {
			return x, false
		}
		g := &x.stages[i]
		if trip += g.work[cwdServer]; g.node[cwdServer] != x.host {
			trip += v.Links[g.up].RTT.Seconds() + g.in/v.Links[g.up].Rate + g.out/v.Links[g.down].Rate
		}
	}
	x.rate = min(s.FPS, q.Camera.FPS)
	if q.Camera.Mode == core.ModeFile {
		x.rate = 1 / max(trip, 1e-3)
	}
	return x, true
}

// stage looks a stage up; false when it can run on neither side. Where there is no server the host
// is it.
func (s *cwd) stage(v *core.View, x *cwdQuery, i int, frame float64, content core.Content) bool {
	q, g := x.q, &x.stages[i]
	stage := &q.Query.Pipeline[i]
	host := &v.Nodes[x.host]
	g.node = [2]int{-1, -1}
	if usable(v, q.Query.Node, host, stage.Service, 0) {
		g.node[cwdEdge] = x.host
	}
	if n := remote(v, q.Query, stage.Service, 0); n != nil && n.Role == core.RoleCloud {
		g.up, g.down = linkIndex(v, host.ID, n.ID), linkIndex(v, n.ID, host.ID)
		if v.Links[g.up].Rate > 0 && v.Links[g.down].Rate > 0 {
			g.node[cwdServer] = nodeAt(v, n.ID)
		}
	}
	if g.node[cwdServer] < 0 {
		g.node[cwdServer] = g.node[cwdEdge]
	}
	for side, node := range g.node {
		if node < 0 {
			continue
		}
		w, ok := v.Predictor.Work(stage.Service, 0, target(&v.Nodes[node], q.Query.Node), x.video.Resolution, objects(q))
		if !ok {
			g.node[side] = -1
			continue
		}
		g.work[side] = w.Mean.Seconds()
		if f := s.stations[s.station(v, node, stage.Service)].factor; f > 0 {
			g.work[side] *= f
		}
	}
	if g.node[cwdServer] < 0 && g.node[cwdEdge] >= 0 {
		g.node[cwdServer], g.work[cwdServer] = g.node[cwdEdge], g.work[cwdEdge]
	}
	g.in, g.out = frame, v.Predictor.OutputBytes(stage.Service, x.video.Resolution, content)
	if !fedWithFrame(v, stage) {
		g.in = 0
		for _, p := range stage.Parents {
			g.in += x.stages[p].out
		}
	}
	return g.node[cwdServer] >= 0
}

// distribute is the workload distribution.
func (s *cwd) distribute(v *core.View) {
	for i := range s.queries {
		x := &s.queries[i]
		for k := range x.q.Query.Pipeline {
			x.stages[k].edge = x.stages[k].node[cwdServer] == x.host
			s.count(v, x, k, 1)
		}
	}
	for i := range s.stations {
		if t := &s.stations[i]; t.users > 0 {
			t.replicas, t.batch = 1, 1
			s.add(v, t)
		}
	}
	for i := range s.stations {
		if t := &s.stations[i]; t.users > 0 {
			s.enlarge(v, t)
			s.remove(t)
		}
	}
	clear(s.links) // they carry what was gone through: the others would hide that a shift helps
	for i := range s.queries {
		x := &s.queries[i]
		for k := range x.q.Query.Pipeline {
			s.send(x, k, 1)
		}
		s.shift(v, x)
	}
	for i := range s.stations { // what the shift took away or brought
		if t := &s.stations[i]; t.users > 0 {
			s.add(v, t)
			s.remove(t)
			t.changed = v.Now
		}
	}
}

// room is how many replicas the station can have at most.
func (s *cwd) room(v *core.View, t *cwdStation) int {
	most := min(t.most, s.MaxReplicas*t.users)
	n := v.Node(t.node)
	if n.Memory > 0 && t.memory > 0 {
		rest := n.Memory
		for i := range s.stations {
			if o := &s.stations[i]; o.node == t.node && o.service != t.service {
				rest -= o.memory * float64(max(o.replicas, o.workers))
			}
		}
		most = min(most, int(max(0, rest/t.memory)))
	}
	return max(1, most)
}

// add adds replicas until they cover the arrivals.
func (s *cwd) add(v *core.View, t *cwdStation) {
	for most := s.room(v, t); t.replicas < most && cwdAdd*t.mu(t.batch)*float64(t.replicas) < t.rate; t.replicas++ {
	}
}

// remove removes those that are not needed to cover them.
func (s *cwd) remove(t *cwdStation) {
	for t.replicas > 1 && cwdRemove*t.mu(t.batch)*float64(t.replicas-1) >= t.rate {
		t.replicas--
	}
}

// enlarge doubles the station's batch while that makes a request cheaper and its queries stay
// within their bounds.
func (s *cwd) enlarge(v *core.View, t *cwdStation) {
	for t.batch*2 <= s.MaxBatch && t.mu(2*t.batch)*cwdCheap > t.mu(t.batch) {
		t.batch *= 2
		for i := range s.queries {
			if x := &s.queries[i]; s.uses(v, x, t) && !s.meets(v, x) {
				t.batch /= 2
				return
			}
		}
	}
}

// uses reports whether a stage of the query is at the station.
func (s *cwd) uses(v *core.View, x *cwdQuery, t *cwdStation) bool {
	for i := range x.q.Query.Pipeline {
		if n := x.side(i); v.Nodes[n].ID == t.node && x.q.Query.Pipeline[i].Service == t.service {
			return true
		}
	}
	return false
}

// side is the index of the node at which a stage is.
func (x *cwdQuery) side(stage int) int {
	if g := &x.stages[stage]; g.edge {
		return g.node[cwdEdge]
	}
	return x.stages[stage].node[cwdServer]
}

// shift moves stages of a query to its edge, from the source on, that shrink their data and
// leave it within its bound, or nearer to it than the server does.
func (s *cwd) shift(v *core.View, x *cwdQuery) {
	pipe := x.q.Query.Pipeline
	for i := range pipe {
		g := &x.stages[i]
		source := true // all before it is at the edge
		for _, p := range pipe[i].Parents {
			source = source && x.stages[p].edge
		}
		if g.edge || !source || g.node[cwdEdge] < 0 || !(cwdShrink*g.in > g.out) {
			continue
		}
		t := &s.stations[s.station(v, g.node[cwdEdge], pipe[i].Service)]
		replicas, batch, server := t.replicas, t.batch, s.latency(v, x)
		s.count(v, x, i, -1)
		g.edge = true
		s.count(v, x, i, 1)
		if t.users == 1 {
			t.replicas = 1
		}
		t.batch = 1
		if s.add(v, t); s.meets(v, x) || s.latency(v, x) < server && server*s.Safety > x.bound {
			continue
		}
		s.count(v, x, i, -1)
		g.edge = false
		s.count(v, x, i, 1)
		t.replicas, t.batch = replicas, batch
	}
}

// rescale is the autoscaler: replicas for the present places and batches.
func (s *cwd) rescale(v *core.View) {
	for i := range s.queries {
		x := &s.queries[i]
		if !fits(v, x.q) {
			continue
		}
		for k, a := range x.q.Plan.Stages {
			g := &x.stages[k]
			if g.edge = g.node[cwdEdge] == nodeAt(v, a.Node); !g.edge && (g.node[cwdServer] < 0 || v.Nodes[g.node[cwdServer]].ID != a.Node) {
				continue // a plan of another's
			}
			s.count(v, x, k, 1)
		}
	}
	for i := range s.stations {
		t := &s.stations[i]
		if t.users == 0 {
			continue
		}
		before := t.replicas
		if v.Now-t.changed >= s.HoldUp {
			s.add(v, t)
		}
		if v.Now-t.changed >= s.HoldDown && t.replicas == before {
			s.remove(t)
		}
		if t.replicas != before {
			t.changed = v.Now
		}
	}
}

// plans gives every query its plan.
func (s *cwd) plans(v *core.View, d *core.Decision) {
	for i := range s.queries {
		x := &s.queries[i]
		p := core.Plan{Video: x.video, InFlight: window(x.q.Camera, s.InFlight), Buffer: s.Buffer, Stages: make([]core.Assignment, len(x.q.Query.Pipeline))}
		for k := range p.Stages {
			p.Stages[k].Node = v.Nodes[x.side(k)].ID
		}
		if !same(&p, &x.q.Plan) {
			d.Set(x.q.Query.ID, p)
		}
	}
}

// set asks for the replicas and batches, the fewer ones first so that there is memory for the
// others.
func (s *cwd) set(v *core.View, d *core.Decision) {
	s.settings = s.settings[:0]
	for i := range s.stations {
		if t := &s.stations[i]; t.users > 0 {
			n := v.Node(t.node).Service(t.service)
			if n.Workers != t.replicas || n.MaxBatch != t.batch || n.Model > 0 {
				s.settings = append(s.settings, core.ServiceSetting{Node: t.node, Service: t.service, Replicas: t.replicas, MaxBatch: t.batch})
			}
		}
	}
	slices.SortStableFunc(s.settings, func(a, b core.ServiceSetting) int { return cmp.Compare(s.more(v, &a), s.more(v, &b)) })
	d.Services = append(d.Services, s.settings...)
}

// more is how many workers a setting adds.
func (s *cwd) more(v *core.View, set *core.ServiceSetting) int {
	return set.Replicas - v.Node(set.Node).Service(set.Service).Workers
}
