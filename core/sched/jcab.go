package sched

import (
	"math"
	"slices"

	"vidq/core"
)

func init() {
	Register("jcab", "drift plus penalty: accuracy and energy against a virtual queue of each query's lateness, with the link's bandwidth split in closed form",
		jcabConfig{V: 1, EnergyWeight: .001, JoulePerBit: 5e-6, Solver: "descent", Sweeps: 2, Proposals: 200, Tau: .1, Place: "split", InFlight: 4, Buffer: 1},
		func(c jcabConfig, d Deps) (core.Scheduler, error) { return &jcab{jcabConfig: c, seed: d.Seed}, nil })
}

type jcabConfig struct {
	V            float64 `toml:"v" min:"0" max:"1000000" doc:"what all of the accuracy is worth, in bounds of lateness (chosen here): the gap to the best is O(1/v), the queue and the time that it takes to react O(v)"`
	EnergyWeight float64 `toml:"energy_weight" min:"0" max:"1000" doc:"accuracy that a watt is worth (chosen here)"`
	JoulePerBit  float64 `toml:"joule_per_bit" min:"0" max:"1" doc:"energy of a bit sent from the host, J; 5e-6 is what a third-party evaluation gives JCAB"`
	Solver       string  `toml:"solver" choices:"descent|markov" doc:"descent: coordinate descent over the queries; markov: the paper's Markov approximation, seeded"`
	Sweeps       int     `toml:"sweeps" min:"1" max:"100" doc:"descent: most passes over the queries in a round"`
	Proposals    int     `toml:"proposals" min:"1" max:"1000000" doc:"markov: configurations that are proposed in a round (chosen here; the paper: a few hundred)"`
	Tau          float64 `toml:"tau" min:"0.000001" max:"1000000" doc:"markov: temperature of acceptance (chosen here)"`
	Place        string  `toml:"place" choices:"cloud|server|split" doc:"cloud: all stages in the cloud that the query is assigned to, as in the first paper; server: at any one linked node, as in the second; split: the first stages may also run on the host"`
	InFlight     int     `toml:"in_flight" min:"1" max:"64" doc:"frames of a live query under way at once; the paper's cameras do not wait for results (chosen here)"`
	Buffer       int     `toml:"buffer" min:"1" max:"1000" doc:"frames that wait when the window is full; 1 = the newest only"`
}

// jcab is Wang et al., "Joint Configuration Adaptation and Bandwidth Allocation for
// Edge-based Real-time Video Analytics" (INFOCOM 2020; the choice of a server is that
// of the journal version, ToN 2022). A slot is a round. Each query has a virtual queue
//
//	q(t+1) = max(0, q(t) + latency(t) - bound)
//
// and each slot minimises the sum over the queries of
//
//	V * (w * energy - accuracy) + q * latency
//
// over resolution, rate and share of the uplink, such that no link and no service is
// asked for more than it has. Given the configurations, the split of a link's rate that
// minimises the rate-weighted sum of transfer times is, by the KKT conditions,
//
//	b_i = sqrt(f_i * bits_i) / sum over j of sqrt(f_j * bits_j)
//
// which becomes the queries' pacing. With that split the drift of a link with the
// rate W is S*T/W, where S sums sqrt(f*bits) and T sums q*sqrt(bits/f): what a change of
// one query does to all others is known from two sums, so that a slot costs O(1) for each
// configuration that is looked at.
//
// Deviations. Latency and queue are in shares of the query's bound, so that queries of
// different bounds count alike; a query without a bound of delay or latency has no
// queue. The latency that feeds the queue is the measured mean of the last round; one
// round adds at most one bound, else one outage would rule the next hour. Accuracy,
// times and sizes are the belief's instead of the paper's fits; energy per second
// is the belief's power of the work plus joule_per_bit. Waiting at links and
// services is that of M/D/1 at their whole load, continued linearly beyond 95%. The
// encoder's quality and a split of the pipeline between the host and a server are
// configurations as well. Where the closed form leaves a query less than it sends though
// the link has room, it gets what it sends and the others split the rest: the paper's latency
// has no queue that would tell.
//
// As published it starts with empty queues, that is with the best accuracy that fits, and it bounds
// the mean: a query that is late half of the time is on time for it.
type jcab struct {
	jcabConfig
	memory[jcabState]
	seed     uint64
	queries  []jcabQuery
	links    []jcabLink    // as in the view
	stations []jcabStation // services of nodes, in the order of the view, and after a node's its cores and slots
	first    []int         // of each node's stations
	linksOf  []int         // first link from each node, and the end
	t        jcabTable     // of the query in hand
	log      []jcabMove    // markov: what was accepted
	order    []int         // scratch of share
}

// jcabState is what is remembered of a query.
type jcabState struct {
	queue float64 // the virtual queue, bounds
	share float64 // predicted latency of the present plan, bounds
}

// jcabQuery is a query of this round.
type jcabQuery struct {
	view   *core.QueryView
	state  *jcabState
	host   int
	at     jcabChoice
	placed bool
	use    jcabUse
	pace   float64
}

// jcabChoice is a configuration: the first split stages run on the host, the others at server.
type jcabChoice struct {
	split, server            int // server: index of the node, -1 = none
	resolution, quality, fps int
}

// jcabLink and jcabStation are the sums over the queries that use them.
type (
	jcabLink struct {
		rate, s, t, x float64 // rate and x in bytes/s
		to, back      int     // node and link, -1 = none
	}
	jcabStation struct{ workers, load, press float64 }
)

// jcabUse is what a configuration adds to the sums.
type jcabUse struct {
	link    int // -1 = none
	s, t, x float64
	bytes   float64 // of a frame
	energy  float64 // of a frame, J
	own     float64 // V*(w*energy-accuracy) + q*latency, the latency without links and services
	fixed   float64 // that latency, seconds
	urgency float64
	n       int                         // stations: first those of the stages, then
	devices int                         // those of the devices, which only count for overload
	at      [core.MaxStages + 4]int     // stations
	work    [core.MaxStages + 4]float64 // seconds of a frame there
	load    float64                     // frames per second
	press   float64                     // queue * urgency
}

type jcabMove struct {
	query  int
	before jcabChoice
}

const (
	jcabOverload = 100 // times V: the price of a station that is asked for twice of what it has
	jcabMaxShare = 2   // bounds that a round counts at most
)

// Schedule implements core.Scheduler.
func (s *jcab) Schedule(v *core.View, d *core.Decision) {
	s.lay(v)
	s.each(v, func(q *core.QueryView, st *jcabState) { s.take(v, q, st) })
	s.start(v)
	s.search(v)
	s.share()
	for i := range s.queries {
		s.decide(v, &s.queries[i], d)
	}
	clear(s.queries) // let go of the view
}

// start counts the present plans in and gives a configuration to the queries that have none.
func (s *jcab) start(v *core.View) {
	for i := range s.queries {
		if x := &s.queries[i]; x.placed {
			s.prepare(v, x)
			if x.placed = s.use(v, x, x.at, &x.use); x.placed {
				s.count(&x.use, 1)
			}
		}
	}
	for i := range s.queries {
		if x := &s.queries[i]; !x.placed {
			s.prepare(v, x)
			s.improve(v, x)
		}
	}
}

func (s *jcab) search(v *core.View) {
	if s.Solver == "markov" {
		s.markov(v)
		return
	}
	s.descend(v)
}

// lay lists the links and the services, without load.
func (s *jcab) lay(v *core.View) {
	s.queries, s.links, s.stations, s.first = s.queries[:0], s.links[:0], s.stations[:0], s.first[:0]
	s.linksOf = append(s.linksOf[:0], 0)
	for i := range v.Links {
		l := &v.Links[i]
		for n := len(s.linksOf) - 1; n < len(v.Nodes) && v.Nodes[n].ID < l.From; n++ {
			s.linksOf = append(s.linksOf, i)
		}
		s.links = append(s.links, jcabLink{rate: l.Rate, to: nodeAt(v, l.To), back: linkIndex(v, l.To, l.From)})
	}
	for len(s.linksOf) <= len(v.Nodes) {
		s.linksOf = append(s.linksOf, len(v.Links))
	}
	for i := range v.Nodes {
		s.first = append(s.first, len(s.stations))
		for k := range v.Nodes[i].Services {
			s.stations = append(s.stations, jcabStation{workers: float64(v.Nodes[i].Services[k].Workers)})
		}
		s.stations = append(s.stations, jcabStation{workers: v.Nodes[i].Cores}, jcabStation{workers: v.Nodes[i].GPUs})
	}
}

// take brings the query's virtual queue up to date.
func (s *jcab) take(v *core.View, q *core.QueryView, st *jcabState) {
	host := nodeAt(v, q.Query.Node)
	if v.Predictor == nil || q.Camera == nil || !(q.Camera.FPS > 0) || host < 0 || !v.Nodes[host].Up && q.Plan.Revision > 0 ||
		len(v.Knobs.FPS) == 0 || len(v.Knobs.Resolutions) == 0 || len(v.Knobs.Encoders) == 0 {
		return
	}
	x := jcabQuery{view: q, state: st, host: host}
	if q.Plan.Revision > 0 && urgency(q, q.Plan.Video.FPS) > 0 {
		st.queue = max(0, st.queue+min(lateness(v, q, st.share), jcabMaxShare)-1)
	}
	x.at, x.placed = s.position(v, q, host)
	s.queries = append(s.queries, x)
}

// lateness is the mean latency of the last round's frames, in bounds. Without frames it
// is the predicted one, but where there should have been some, at least the round.
func lateness(v *core.View, q *core.QueryView, predicted float64) float64 {
	c := &q.Query.Constraint
	sum := 0.0
	for i := range q.Observations {
		o := &q.Observations[i]
		share := 0.0
		if c.Latency > 0 {
			share = float64(o.Latency) / float64(c.Latency)
		}
		if c.Delay > 0 {
			share = max(share, float64(o.Delay())/float64(c.Delay))
		}
		sum += share
	}
	if n := len(q.Observations); n > 0 {
		return sum / float64(n)
	}
	if fps := q.Plan.Video.FPS; q.State == core.StateRunning && q.Applied == q.Plan.Revision && fps*v.Period.Seconds() > 2 {
		return max(predicted, v.Period.Seconds()*urgency(q, fps))
	}
	return predicted
}

// position is the present plan as a configuration; false when it is none or can no longer run.
func (s *jcab) position(v *core.View, q *core.QueryView, host int) (c jcabChoice, ok bool) {
	p := &q.Plan
	if !fits(v, q) || p.Video.Encoder != v.Knobs.Encoders[0].Name {
		return c, false
	}
	c.fps, c.resolution = slices.Index(v.Knobs.FPS, p.Video.FPS), slices.Index(v.Knobs.Resolutions, p.Video.Resolution)
	if e := &v.Knobs.Encoders[0]; len(e.Qualities) > 0 {
		c.quality = slices.Index(e.Qualities, p.Video.Quality)
	}
	for c.split < len(p.Stages) && p.Stages[c.split].Node == v.Nodes[host].ID {
		c.split++
	}
	c.server = -1
	for i, a := range p.Stages {
		if i == c.split {
			c.server = nodeAt(v, a.Node)
		}
		if a.Model != 0 || i > c.split && a.Node != v.Nodes[c.server].ID {
			return c, false
		}
	}
	return c, c.fps >= 0 && c.resolution >= 0 && c.quality >= 0
}

// weight of a unit of overload.
func (s *jcab) overload() float64 { return jcabOverload * max(s.V, 1) }

// stretch is by how much a station's load makes its work take longer: M/D/1, continued
// linearly where it would go to infinity.
func stretch(load float64) float64 {
	const most = .95
	if load <= most {
		return 1 + load/(2*(1-load))
	}
	return 1 + most/(2*(1-most)) + (load-most)/(2*(1-most)*(1-most))
}

// cost is what the objective counts of a link with its sums raised.
func (s *jcab) linkCost(l *jcabLink, ds, dt, dx float64) float64 {
	if !(l.rate > 0) {
		return 0
	}
	load := (l.x + dx) / l.rate
	return (l.s+ds)*(l.t+dt)/l.rate*stretch(load) + s.overload()*max(0, load-1)
}

func (s *jcab) stationCost(t *jcabStation, load, press float64) float64 {
	if !(t.workers > 0) {
		return 0
	}
	rho := (t.load + load) / t.workers
	return (t.press+press)*stretch(rho) + s.overload()*max(0, rho-1)
}

// count adds a use to the sums, or takes it away with sign -1.
func (s *jcab) count(u *jcabUse, sign float64) {
	if u.link >= 0 {
		l := &s.links[u.link]
		l.s, l.t, l.x = max(0, l.s+sign*u.s), max(0, l.t+sign*u.t), max(0, l.x+sign*u.x)
	}
	for i := range u.n + u.devices {
		t := &s.stations[u.at[i]]
		if t.load = max(0, t.load+sign*u.work[i]*u.load); i < u.n {
			t.press = max(0, t.press+sign*u.work[i]*u.press)
		}
	}
}

// price is what a use adds to the objective, given the sums of the others.
func (s *jcab) price(u *jcabUse) float64 {
	j := u.own
	if u.link >= 0 {
		l := &s.links[u.link]
		j += s.linkCost(l, u.s, u.t, u.x) - s.linkCost(l, 0, 0, 0)
	}
	for i := range u.n {
		load, press, seen := u.work[i]*u.load, u.work[i]*u.press, false
		for k := range u.n {
			if k != i && u.at[k] == u.at[i] { // a service that is called twice
				seen = seen || k < i
				load, press = load+u.work[k]*u.load, press+u.work[k]*u.press
			}
		}
		if t := &s.stations[u.at[i]]; !seen {
			j += s.stationCost(t, load, press) - s.stationCost(t, 0, 0)
		}
	}
	for i := u.n; i < u.n+u.devices; i++ {
		t := &s.stations[u.at[i]]
		j += s.stationCost(t, u.work[i]*u.load, 0) - s.stationCost(t, 0, 0)
	}
	return j
}

// latency is what a counted use is predicted to take, seconds.
func (s *jcab) latency(u *jcabUse) float64 {
	t := u.fixed
	if u.link >= 0 {
		if l := &s.links[u.link]; l.rate > 0 && u.x > 0 {
			t += u.bytes / u.s * l.s / l.rate * stretch(l.x/l.rate)
		}
	}
	for i := range u.n {
		if at := &s.stations[u.at[i]]; at.workers > 0 {
			t += u.work[i] * stretch(at.load/at.workers)
		}
	}
	return t
}

// decide makes a query's plan of its configuration.
func (s *jcab) decide(v *core.View, x *jcabQuery, d *core.Decision) {
	if !x.placed {
		return
	}
	q, c := x.view, &x.at
	x.state.share = s.latency(&x.use) * x.use.urgency
	p := core.Plan{
		Video:    core.VideoConf{Resolution: v.Knobs.Resolutions[c.resolution], FPS: v.Knobs.FPS[c.fps], Encoder: v.Knobs.Encoders[0].Name},
		InFlight: window(q.Camera, s.InFlight), Buffer: s.Buffer,
	}
	_, p.Video.Quality, _ = encoder(&v.Knobs, p.Video.Encoder)
	if e := &v.Knobs.Encoders[0]; len(e.Qualities) > 0 {
		p.Video.Quality = e.Qualities[c.quality]
	}
	if now := &q.Plan; !x.kept(v) || now.Video != p.Video || now.InFlight != p.InFlight || now.Buffer != p.Buffer || now.Refused {
		p.Stages = make([]core.Assignment, len(q.Query.Pipeline))
		for i := range p.Stages {
			p.Stages[i].Node = x.node(v, i)
		}
		d.Set(q.Query.ID, p)
	}
	if now := q.Plan.Pace; math.Abs(x.pace-now) > .05*now { // an estimate's noise is no reason for a new plan
		d.Pacing = append(d.Pacing, core.Pacing{Query: q.Query.ID, Rate: x.pace})
	}
}

func (x *jcabQuery) node(v *core.View, stage int) core.NodeID {
	if stage < x.at.split {
		return v.Nodes[x.host].ID
	}
	return v.Nodes[x.at.server].ID
}

// kept reports whether the present plan's stages are where the configuration wants them.
func (x *jcabQuery) kept(v *core.View) bool {
	now := x.view.Plan.Stages
	if x.view.Plan.Revision == 0 || len(now) != len(x.view.Query.Pipeline) {
		return false
	}
	for i := range now {
		if now[i] != (core.Assignment{Node: x.node(v, i)}) {
			return false
		}
	}
	return true
}
