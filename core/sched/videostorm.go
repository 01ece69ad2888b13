package sched

import (
	"slices"

	"vidq/core"
)

func init() {
	Register("videostorm", "shares of the nodes given out by marginal utility of quality and lag, and machines chosen by score; or VideoEdge's joint choice of configuration and place",
		videostormConfig{
			Goal: "sum", Placement: "videostorm", Horizon: 10 * core.Second, Delta: .05, QualityWeight: 1, LagWeight: 1,
			Quality: .5, Lag: core.Second, Migrate: .25, Interval: 60 * core.Second, Band: 2, Fill: .9, InFlight: 1, Buffer: 1,
		},
		func(c videostormConfig, _ Deps) (core.Scheduler, error) { return &videostorm{videostormConfig: c}, nil })
}

// videostormConfig's figures are chosen here where nothing else is said: the
// papers' text that is at hand states orders of magnitude.
type videostormConfig struct {
	Goal          string    `toml:"goal" choices:"sum|maxmin" doc:"sum: most utility of all; maxmin: most for whoever has least"`
	Placement     string    `toml:"placement" choices:"videostorm|videoedge" doc:"videostorm: shares first, machines by their score; videoedge: configurations and places together, by accuracy for dominant demand"`
	Horizon       core.Time `toml:"horizon" min:"0.1" max:"3600" doc:"how far ahead lag is predicted"`
	Delta         float64   `toml:"delta" min:"0.001" max:"1" doc:"a step of giving out, as a share of what a query had if the users of its node had the same"`
	QualityWeight float64   `toml:"quality_weight" min:"0" max:"1000" doc:"utility of accuracy above its bound"`
	LagWeight     float64   `toml:"lag_weight" min:"0" max:"1000" doc:"utility lost for each second of lag beyond its bound"`
	Quality       float64   `toml:"quality" min:"0" max:"1" doc:"bound of accuracy of a query that states none"`
	Lag           core.Time `toml:"lag" min:"0" max:"3600" doc:"bound of lag of a query that states neither latency nor delay"`
	Migrate       float64   `toml:"migrate" min:"0" max:"10" doc:"by how much of its score a machine must be better for a stage to go there. videostorm only"`
	Interval      core.Time `toml:"interval" min:"0.001" max:"3600" doc:"between looks at where stages run; VideoEdge's is of the order of 100 s. What can no longer run moves at once"`
	Band          float64   `toml:"band" min:"1" max:"100" doc:"configurations are looked at that need so many times what the cheapest as accurate ones need. videoedge only; videostorm looks at the Pareto front"`
	Fill          float64   `toml:"fill" min:"0.01" max:"1" doc:"share of every resource that is given out"`
	Reprofile     core.Time `toml:"reprofile" min:"0" max:"86400" search:"0..60" doc:"between profiles of a query; 0s = once, as soon as its content is known, as published"`
	Models        bool      `toml:"models" doc:"whether the model is a knob too; if not, the most accurate is used"`
	Encoder       string    `toml:"encoder" knob:"encoder" doc:"encoder of the scenario's knobs; empty = the first"`
	InFlight      int       `toml:"in_flight" min:"1" max:"64" doc:"frames of a query under way at once"`
	Buffer        int       `toml:"buffer" min:"-1" max:"1000" doc:"frames that wait when the window is full; 1 = the newest only, -1 = without bound as in the paper"`
}

// videostorm follows Zhang et al., "Live Video Analytics at Scale with Approximation
// and Delay-Tolerance" (VideoStorm, NSDI 2017), and with placement = videoedge Hung et
// al., "VideoEdge: Processing Camera Streams using Hierarchical Clusters" (SEC 2018).
//
// VideoStorm. Each query is profiled once: the configurations of its Pareto front,
// with quality Q and demand D. Every round all that the nodes have is given out anew.
// A query with the share a of what it runs on lags after the horizon T by
//
//	L' = max(0, L + T - T*a/D)
//
// where L is the lag now, and its utility is wq*max(0, Q-Qmin) - wl*max(0, L'-Lmax),
// of the best configuration for that share. Shares go in steps of delta to whoever
// gains most by it (goal sum) or has least (maxmin), until nothing is left that
// anybody could use. So a query that may lag gives way while others are short.
// A stage's machine is the one with the highest mean of three scores: how well what is left
// there fits what the stage needs, how little the machine would then be loaded,
// and how much lag its queries can bear (so that those that bear none are spread).
//
// VideoEdge. A plan is a configuration and a place of every stage, its dominant demand S
// the largest share of what is left that it takes of any resource: processors,
// workers, and unlike in VideoStorm both directions of links. All queries begin
// with their cheapest configuration where S is least; then, again and again, the change of
// one query's plan that fits and has the most accuracy gained for S gained is
// made, until there is none. Only configurations near the Pareto front are looked at.
//
// Deviations. The published profiler walks through configurations since each one
// costs a run; the belief's figures cost nothing, so all are looked at, with the content
// as first observed. What a query needs is a vector (cores, GPU slots, workers of
// each service on each node, for each of the two places of a stage), D its
// dominant part. One step of delta may gain nothing where two or three gain a lot,
// so that a query is given as many as its next better configuration takes, ranked by gain per
// step. Lag is how much longer frames were under way than the belief says without
// queues; while no results come it grows with time. Shares cannot be enforced on
// services that queries have in common: they only choose configurations. Fill leaves some
// of each resource, because work varies and arrivals meet. Where a query's stages
// may go are its host and one further node, its stages in order, as VideoEdge's
// hierarchy of camera, cluster and cloud has it. VideoEdge's merging of queries on
// one camera is left out: results of stages are not shared here.
//
// As published neither knows latency beyond the waiting in queues: not the time that a frame
// takes to a distant node. VideoStorm does not even know the links' capacity.
type videostorm struct {
	videostormConfig
	queries memory[stormState]
	placed  core.Time // when places were last looked at
	changed bool      // something made all of them worth a look
	nodes   topology

	// Of the round, or scratch.
	v         *core.View
	rows      []stormRow
	resources stormResources
	places    []int // rows' parts of it
	uses      []stormUse
	points    []stormPoint
	tables    stormTables
	options   []stormOption
	models    []int
	heap      stormHeap
	predict   core.Prediction
	plan      core.Plan
}

// stormState is what is remembered of a query.
type stormState struct {
	made     bool
	steps    [4]int
	front    []stormOption // ascending by load
	known    bool          // the content was known when it was profiled
	profiled core.Time
	at       []core.NodeID // of each stage; empty = no place yet
	choice   int           // index into front
	homeless bool          // videoedge: the last solution had no place for it
	lag      float64       // seconds
	seen     core.Time     // when lag was last brought up to date
}

// stormOption is a configuration that may be worth its demand.
type stormOption struct {
	rung
	accuracy float64
	load     float64 // seconds of work per second on the machine that it was profiled on
}

// stormRow is a query of the round that can be served.
type stormRow struct {
	q       *core.QueryView
	st      *stormState
	ladder  ladder
	quality float64 // Qmin
	lag     float64 // Lmax, seconds
	host    int     // index of the node
	sites   []int   // of each stage; the first is -1 while there is no place

	points []stormPoint // videostorm: of each option
	delta  float64
	share  float64 // given so far
}

// Schedule implements core.Scheduler.
func (s *videostorm) Schedule(v *core.View, d *core.Decision) {
	s.v = v
	defer s.release()
	if v.Predictor == nil {
		return
	}
	s.resources.lay(v, s.Fill)
	s.changed = s.nodes.changed(v) || s.changed
	s.collect()
	if len(s.rows) == 0 {
		return
	}
	look := s.changed || v.Now >= s.placed.Add(s.Interval)
	if s.Placement == "videoedge" {
		if look {
			s.solve()
		}
	} else {
		s.place(look)
		s.share()
	}
	if look {
		s.placed, s.changed = v.Now, false
	}
	for i := range s.rows {
		s.emit(&s.rows[i], d)
	}
}

// release lets go of the view.
func (s *videostorm) release() {
	clear(s.rows)
	s.v = nil
}

// collect makes the rows of the queries that can be served now and brings what is
// known of them up to date.
func (s *videostorm) collect() {
	s.rows, s.places = s.rows[:0], s.places[:0]
	n := 0
	for i := range s.v.Queries {
		n += len(s.v.Queries[i].Query.Pipeline)
	}
	s.places = slices.Grow(s.places, n) // rows hold parts of it
	s.queries.each(s.v, func(q *core.QueryView, st *stormState) {
		host := nodeIndex(s.v, q.Query.Node)
		l, ok := ladderOf(s.v, q, s.Encoder, s.Models)
		if !ok || host < 0 || !s.v.Nodes[host].Up || len(q.Query.Pipeline) == 0 || len(q.Query.Pipeline) > core.MaxStages {
			return
		}
		r := stormRow{q: q, st: st, ladder: l, host: host, quality: q.Query.Constraint.Accuracy, lag: s.Lag.Seconds()}
		if r.quality <= 0 {
			r.quality = s.Quality
		}
		if c := &q.Query.Constraint; c.Latency > 0 {
			r.lag = c.Latency.Seconds()
		} else if c.Delay > 0 {
			r.lag = c.Delay.Seconds()
		}
		if !st.made || st.steps != l.steps() {
			*st = stormState{made: true, steps: l.steps(), seen: s.v.Now}
		}
		stale := s.Reprofile > 0 && s.v.Now >= st.profiled.Add(s.Reprofile)
		if len(st.front) == 0 || !st.known && q.Runtime.ObjKnown || stale {
			if !s.profile(&r) {
				return
			}
		}
		s.hear(&r)
		first := len(s.places)
		for i := range q.Query.Pipeline {
			at := -1
			if len(st.at) == len(q.Query.Pipeline) {
				if at = nodeIndex(s.v, st.at[i]); at >= 0 && !usable(s.v, q.Query.Node, &s.v.Nodes[at], q.Query.Pipeline[i].Service, 0) {
					at = -1
				}
			}
			s.places = append(s.places, at)
		}
		r.sites = s.places[first:len(s.places):len(s.places)]
		if slices.Contains(r.sites, -1) {
			r.sites[0] = -1
			s.changed = s.changed || s.Placement == "videoedge" && !st.homeless
		}
		s.rows = append(s.rows, r)
	})
}

// hear brings the query's lag up to date.
func (s *videostorm) hear(r *stormRow) {
	st, q := r.st, r.q
	passed := max(s.v.Now-st.seen, 0).Seconds()
	st.seen = s.v.Now
	if q.Plan.Revision == 0 || q.Plan.Refused {
		return
	}
	sum, n := 0.0, 0
	for i := range q.Observations {
		if o := &q.Observations[i]; o.Revision == q.Plan.Revision {
			sum += o.Latency.Seconds()
			n++
		}
	}
	switch {
	case n > 0:
		expected := 0.0
		if s.predict.Predict(s.v.Predictor, s.v, q, &q.Plan) {
			expected = s.predict.Latency.Seconds()
		}
		st.lag = max(0, sum/float64(n)-expected)
	case q.State == core.StateRunning && q.Applied == q.Plan.Revision && q.Plan.Video.FPS > 0 && passed > 1/q.Plan.Video.FPS:
		st.lag = min(st.lag+passed, s.Horizon.Seconds())
	}
}

// emit gives the query the plan of its choice, unless it has it.
func (s *videostorm) emit(r *stormRow, d *core.Decision) {
	if r.sites[0] < 0 {
		return
	}
	p, o := &s.plan, &r.st.front[r.st.choice]
	*p = core.Plan{Video: r.ladder.video(o.rung), InFlight: s.InFlight, Buffer: s.Buffer, Stages: p.Stages[:0]}
	if p.Buffer == 0 {
		p.Buffer = 1
	}
	r.st.at = r.st.at[:0]
	for i, at := range r.sites {
		n := &s.v.Nodes[at]
		r.st.at = append(r.st.at, n.ID)
		service := r.q.Query.Pipeline[i].Service
		model := min(int(o.model), modelsOf(s.v, service)-1)
		for model > 0 && !usable(s.v, r.q.Query.Node, n, service, model) {
			model--
		}
		p.Stages = append(p.Stages, core.Assignment{Node: n.ID, Model: model})
	}
	if same(p, &r.q.Plan) {
		return
	}
	plan := *p
	plan.Stages = slices.Clone(p.Stages)
	d.Set(r.q.Query.ID, plan)
}
