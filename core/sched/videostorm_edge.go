package sched

import (
	"math"

	"vidq/core"
)

// stormTables are what a solution looks up again and again.
type stormTables struct {
	work  []float64 // scratch of profile
	lags  []stormLag
	rows  []edgeRow
	sites []edgeSite
	calls []edgeCall // of (row, site, stage, resolution, model)
	out   []float64  // bytes of a stage's output, of (row, stage, resolution)
	frame []float64  // bytes of a frame, of (row, option)
}

// edgeRow is where a query's part of the tables begins, and its plan so far.
type edgeRow struct {
	sites, n          int // the host first
	calls, out, frame int
	option            int
	place             edgePlace
	now               []stormUse // of the plan so far
}

// edgeSite is a node that a query can use.
type edgeSite struct {
	node     int
	up, down int // links, as resources; -1 at the host
}

// edgeCall is a stage's work at a site for a frame.
type edgeCall struct {
	seconds float64
	needs   core.Needs
	ok      bool
}

// edgePlace puts the first stages on the host and the others on one further site.
type edgePlace struct {
	site int // 0 = the host
	near int // stages on the host
}

// solve makes everybody's plan anew, VideoEdge's way.
func (s *videostorm) solve() {
	t := &s.tables
	t.sites, t.calls, t.out, t.frame = t.sites[:0], t.calls[:0], t.out[:0], t.frame[:0]
	for len(t.rows) < len(s.rows) {
		t.rows = append(t.rows, edgeRow{})
	}
	t.rows = t.rows[:len(s.rows)]
	copy(s.resources.left, s.resources.capacity)
	s.heap = s.heap[:0]
	for i := range s.rows {
		s.tabulate(i)
		s.begin(i)
	}
	for i := range s.rows {
		if s.rows[i].sites[0] >= 0 {
			s.push(i)
		}
	}
	for len(s.heap) > 0 {
		top := s.heap.pop()
		gain, option, place := s.change(top.row)
		switch {
		case option < 0:
		case gain < top.key*(1-1e-9):
			s.heap.push(stormClaim{gain, top.row}) // others took what it was after
		default:
			s.settle(top.row, option, place)
			s.push(top.row)
		}
	}
}

func (s *videostorm) push(i int) {
	if gain, option, _ := s.change(i); option >= 0 {
		s.heap.push(stormClaim{gain, i})
	}
}

// tabulate looks up all that a query's plans are made of.
func (s *videostorm) tabulate(i int) {
	r, t, v := &s.rows[i], &s.tables, s.v
	pipe := r.q.Query.Pipeline
	content, n := r.q.Content(), objects(r.q)
	e := &t.rows[i]
	*e = edgeRow{sites: len(t.sites), calls: len(t.calls), out: len(t.out), frame: len(t.frame), now: e.now[:0]}
	t.sites = append(t.sites, edgeSite{r.host, -1, -1})
	for at := range v.Nodes {
		if at == r.host || !v.Nodes[at].Up {
			continue
		}
		up, down := s.link(r.host, at), s.link(at, r.host)
		if up >= 0 && down >= 0 {
			t.sites = append(t.sites, edgeSite{at, up, down})
		}
	}
	e.n = len(t.sites) - e.sites
	for _, site := range t.sites[e.sites:] {
		node := &v.Nodes[site.node]
		for k := range pipe {
			for _, resolution := range r.ladder.resolutions {
				for m := range r.ladder.models {
					model := min(m, modelsOf(v, pipe[k].Service)-1)
					c := edgeCall{ok: usable(v, r.q.Query.Node, node, pipe[k].Service, model)}
					if c.ok {
						var w core.Work
						w, c.ok = v.Predictor.Work(pipe[k].Service, model, target(node, r.q.Query.Node), resolution, n)
						c.seconds, c.needs = w.Mean.Seconds(), v.Predictor.Needs(pipe[k].Service, model, target(node, r.q.Query.Node))
					}
					t.calls = append(t.calls, c)
				}
			}
		}
	}
	for k := range pipe {
		for _, resolution := range r.ladder.resolutions {
			t.out = append(t.out, v.Predictor.OutputBytes(pipe[k].Service, resolution, content))
		}
	}
	for k := range r.st.front {
		t.frame = append(t.frame, v.Predictor.FrameBytes(r.ladder.video(r.st.front[k].rung), content))
	}
}

// link is the resource of a link, -1 when there is none.
func (s *videostorm) link(from, to int) int {
	a, b := s.v.Nodes[from].ID, s.v.Nodes[to].ID
	lo, hi := 0, len(s.v.Links)
	for lo < hi {
		m := (lo + hi) / 2
		if l := &s.v.Links[m]; l.From < a || l.From == a && l.To < b {
			lo = m + 1
		} else {
			hi = m
		}
	}
	if lo < len(s.v.Links) && s.v.Links[lo].From == a && s.v.Links[lo].To == b {
		return s.resources.links + lo
	}
	return -1
}

// edgeUses puts what an option takes at a place into s.uses; false when it cannot run there.
func (s *videostorm) edgeUses(i, option int, p edgePlace) bool {
	r, e, t := &s.rows[i], &s.tables.rows[i], &s.tables
	o := &r.st.front[option]
	pipe := r.q.Query.Pipeline
	fps := min(r.ladder.fps[o.fps], r.q.Camera.FPS)
	nr, nm := len(r.ladder.resolutions), r.ladder.models
	s.uses = s.uses[:0]
	for k := range pipe {
		at := p.site
		if k < p.near {
			at = 0
		}
		c := &t.calls[e.calls+((at*len(pipe)+k)*nr+int(o.resolution))*nm+int(o.model)]
		if !c.ok {
			return false
		}
		site := &t.sites[e.sites+at]
		s.addWork(0, site.node, pipe[k].Service, c.needs, c.seconds*fps)
		if at == 0 {
			continue
		}
		in := t.frame[e.frame+option]
		if !fedWithFrame(s.v, &pipe[k]) {
			in = 0
			for _, parent := range pipe[k].Parents {
				in += t.out[e.out+parent*nr+int(o.resolution)]
			}
		}
		s.addUse(0, site.up, in*fps)
		s.addUse(0, site.down, t.out[e.out+k*nr+int(o.resolution)]*fps)
	}
	return true
}

// everyPlace calls f for each place of a query's stages, the host first.
func (s *videostorm) everyPlace(i int, f func(p edgePlace)) {
	n := len(s.rows[i].q.Query.Pipeline)
	f(edgePlace{0, n})
	for site := 1; site < s.tables.rows[i].n; site++ {
		for near := range n {
			f(edgePlace{site, near})
		}
	}
}

// begin gives a query its cheapest option where its dominant demand is least,
// whether or not it fits.
func (s *videostorm) begin(i int) {
	least, place := math.Inf(1), edgePlace{-1, 0}
	s.everyPlace(i, func(p edgePlace) {
		if s.edgeUses(i, 0, p) {
			if x := dominant(s.uses, s.resources.left); x < least {
				least, place = x, p
			}
		}
	})
	s.rows[i].st.homeless = place.site < 0
	if place.site < 0 {
		s.rows[i].sites[0] = -1
		return
	}
	s.settle(i, 0, place)
}

// settle makes a plan the query's.
func (s *videostorm) settle(i, option int, p edgePlace) {
	r, e := &s.rows[i], &s.tables.rows[i]
	s.resources.take(e.now, -1)
	s.edgeUses(i, option, p)
	e.now = append(e.now[:0], s.uses...)
	s.resources.take(e.now, 1)
	e.option, e.place, r.st.choice = option, p, option
	for k := range r.sites {
		r.sites[k] = s.tables.sites[e.sites+p.site].node
		if k < p.near {
			r.sites[k] = r.host
		}
	}
}

// change finds the change of a query's plan that fits and gains most accuracy for
// dominant demand; option -1 when there is none.
func (s *videostorm) change(i int) (gain float64, option int, place edgePlace) {
	r, e := &s.rows[i], &s.tables.rows[i]
	s.resources.take(e.now, -1)
	defer s.resources.take(e.now, 1)
	now := dominant(e.now, s.resources.left)
	option = -1
	for k := range r.st.front {
		better := r.st.front[k].accuracy - r.st.front[e.option].accuracy
		if better <= 1e-9 {
			continue
		}
		s.everyPlace(i, func(p edgePlace) {
			if !s.edgeUses(i, k, p) {
				return
			}
			x := dominant(s.uses, s.resources.left)
			if x > 1 {
				return // does not fit
			}
			if g := better / max(x-now, 1e-6); g > gain {
				gain, option, place = g, k, p
			}
		})
	}
	return gain, option, place
}
