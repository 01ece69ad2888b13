package sched

import (
	"cmp"
	"slices"

	"vidq/core"
)

func init() {
	Register("chameleon", "the cheapest configuration above the accuracy asked for, by profiling again and again: few configurations, knob by knob, one camera for all like it",
		chameleonConfig{
			Accuracy: .8, Segment: 4 * core.Second, Window: 4, Sample: core.Second, Kept: 5,
			Clusters: 8, Similar: .1, Place: "cloud", Charge: true, InFlight: 1, Buffer: 1,
		},
		func(c chameleonConfig, _ Deps) (core.Scheduler, error) { return &chameleon{chameleonConfig: c}, nil })
}

// chameleonConfig's figures are the paper's as far as its text is known: target,
// segment, segments of a window, sample and configurations kept.
type chameleonConfig struct {
	Accuracy float64   `toml:"accuracy" min:"0" max:"1" doc:"target of a query that states none, 0..1 (the paper's .8)"`
	Segment  core.Time `toml:"segment" min:"0.1" max:"3600" doc:"time between looks at the kept configurations (the paper's 4 s)"`
	Window   int       `toml:"window" min:"1" max:"1000" doc:"segments between looks at all configurations (the paper's 4)"`
	Sample   core.Time `toml:"sample" min:"0.01" max:"60" doc:"video that a look analyses (the paper's 1 s)"`
	Kept     int       `toml:"kept" min:"1" max:"100" doc:"configurations that are kept from a window's look at all of them, the paper's k (5)"`
	Clusters int       `toml:"clusters" min:"1" max:"100" doc:"most clusters of cameras that are alike in all but what they show (chosen here)"`
	Similar  float64   `toml:"similar" min:"0" max:"10" doc:"Euclidean distance of relative accuracies, one a knob value, beyond which a camera is not like its cluster's leader (chosen here)"`
	Encoder  string    `toml:"encoder" knob:"encoder" doc:"encoder of the scenario's knobs whose qualities are tried; empty = the first"`
	Models   bool      `toml:"models" doc:"whether the model is a knob too; if not, the most accurate is used"`
	Place    string    `toml:"place" choices:"cloud|host" doc:"where every stage runs; while it cannot, at the next best"`
	Bounded  bool      `toml:"bounded" doc:"whether configurations are passed over that are predicted to miss the bound of latency or delay; the paper has no such bound"`
	Charge   bool      `toml:"charge" search:"-" doc:"whether the work of profiling is done by the nodes; false shows what it costs"`
	InFlight int       `toml:"in_flight" min:"1" max:"64" doc:"frames of a query under way at once (chosen here)"`
	Buffer   int       `toml:"buffer" min:"1" max:"1000" doc:"frames that wait when the window is full; 1 = the newest only (chosen here)"`
}

// chameleon follows Jiang et al., "Chameleon: Scalable Adaptation of Video
// Analytics" (SIGCOMM 2018). For each camera it seeks the cheapest configuration
// whose accuracy reaches the target, where cheap means little compute time per
// second of video. What suits a video changes within seconds and profiling all
// configurations would cost more than it saves, so that it
//
//   - profiles fully only at the start of a window of segments, and keeps the
//     cheapest few that reach the target; in the segments between only these are
//     measured (persistence over time);
//   - takes knobs for independent: a configuration's accuracy is the golden one's
//     times, for each knob, what is left when that knob alone is moved (the sum of
//     the knobs' values to be tried, not their product);
//   - lets one camera of a cluster of similar ones, the leader, profile fully. The
//     others follow: they measure what it has kept.
//
// A camera none of whose kept configurations reaches the target profiles fully at
// once, but not twice in a window where nothing does. Then it takes the most
// accurate one.
//
// What profiling tells here is the belief's accuracy for the content that was last
// observed; the schedulers of this package never see the truth. The work of it is
// real: every frame of the sample is a call at the node where the stage runs, in
// the golden configuration and in every one that is measured, and competes with
// the queries' frames. A frame that two configurations have in common is analysed
// twice, as in the paper's count.
//
// Deviations. The knobs are the rate, the resolution and the encoder's quality; the
// bytes of a frame decide only between configurations of equal work. The model is a
// knob as in the paper if so set: here a worker holds one model, so that profiling
// another one in between the queries' frames makes it load back and forth, and a
// small node does nothing else any more. The paper keeps all of them loaded.
// Placement is none of its concern and stays what the parameter says. Cameras can
// follow each other when all but the content is equal: pipeline, camera, target. The
// distance between them is that of all knob values' relative accuracies as of
// their last full look, and the number of clusters is the least for which nobody is
// far from its cluster. A node that is behind with profiling work by more than a
// segment, by the belief and by how much slower the query's own calls are, takes
// none: cameras then wait for their turn and keep what they have, and a new one
// follows a camera of its kind. The paper gives profiling resources of its own.
//
// As published it looks at neither latency nor load: where the cheapest accurate
// configuration is a few large frames, which the link to the cloud delays, it misses
// every bound on latency. With bounded it passes over what is predicted to, without
// queues, and is a stronger baseline than the paper's.
type chameleon struct {
	chameleonConfig
	queries  memory[chameleonState]
	begun    core.Time // of the segment
	segments int       // begun so far
	debts    []profilingDebt

	// Of the round, or scratch.
	v       *core.View
	d       *core.Decision
	rows    []chameleonRow // ascending by query
	order   []int          // indices of rows
	sites   []*core.NodeView
	leaders map[uint64]int // by kin: the first of rows that has looked at all
	look    chameleonLook
	group   cameraGroup
	plan    core.Plan
	predict core.Prediction
}

// chameleonState is what is remembered of a query.
type chameleonState struct {
	made     bool
	kin      uint64    // equal for queries that differ in nothing but content
	steps    [4]int    // of the ladder that the rest is about
	kept     []kept    // cheapest first; empty = never looked
	worth    []float64 // accuracy of golden with one knob moved, over golden's, by knob and value
	looked   core.Time // when it was last profiled in whatever way
	due      bool      // to look at all as soon as there is room
	leader   core.QueryID
	hopeless bool    // the last look at all found nothing that reaches the target
	choice   rung    // in force
	slow     float64 // measured time of a call over the believed one, at least 1
}

// kept is a configuration that is worth measuring.
type kept struct {
	rung
	cost     float64 // seconds of work per second of video
	bytes    float64 // of frames, per second of video
	accuracy float64
	late     bool // with bounded: predicted to miss the query's bound
}

// cheaper is the order in which configurations are preferred.
func (a *kept) cheaper(b *kept) bool {
	if a.cost != b.cost {
		return a.cost < b.cost
	}
	if a.bytes != b.bytes {
		return a.bytes < b.bytes
	}
	return a.accuracy > b.accuracy
}

// better is the order where nothing reaches the target.
func (a *kept) better(b *kept) bool {
	if a.late != b.late {
		return b.late
	}
	if a.accuracy != b.accuracy {
		return a.accuracy > b.accuracy
	}
	return a.cheaper(b)
}

// chameleonRow is a query of the round that can be served.
type chameleonRow struct {
	q      *core.QueryView
	st     *chameleonState
	ladder ladder
	sites  []*core.NodeView // of each stage
	target float64
}

// Schedule implements core.Scheduler.
func (s *chameleon) Schedule(v *core.View, d *core.Decision) {
	s.v, s.d = v, d
	defer s.release()
	s.collect()
	if len(s.rows) == 0 {
		return
	}
	segment := s.segments == 0 || v.Now >= s.begun.Add(s.Segment)
	window := segment && s.segments%s.Window == 0
	if segment {
		s.begun = v.Now
		s.segments++
	}
	s.settleDebts()
	if window {
		s.cluster()
	}
	s.arrange()
	for _, i := range s.order {
		s.profile(&s.rows[i], segment, window)
	}
	for i := range s.rows {
		s.emit(&s.rows[i])
	}
	d.Next = min(v.Now.Add(v.Period), s.begun.Add(s.Segment))
}

// release lets go of the view.
func (s *chameleon) release() {
	clear(s.rows)
	clear(s.sites[:cap(s.sites)])
	s.v, s.d, s.look.ladder = nil, nil, ladder{}
}

// collect makes the rows of the queries that can be served now.
func (s *chameleon) collect() {
	s.rows, s.sites = s.rows[:0], s.sites[:0]
	if s.leaders == nil {
		s.leaders = map[uint64]int{}
	}
	clear(s.leaders)
	n := 0
	for i := range s.v.Queries {
		n += len(s.v.Queries[i].Query.Pipeline)
	}
	s.sites = slices.Grow(s.sites, n) // rows hold parts of it
	s.queries.each(s.v, func(q *core.QueryView, st *chameleonState) {
		host := s.v.Node(q.Query.Node)
		l, ok := ladderOf(s.v, q, s.Encoder, s.Models)
		if !ok || host == nil || !host.Up || s.v.Predictor == nil || len(q.Query.Pipeline) > core.MaxStages {
			return
		}
		row := chameleonRow{q: q, st: st, ladder: l, target: q.Query.Constraint.Accuracy}
		if row.target <= 0 {
			row.target = s.Accuracy
		}
		first := len(s.sites)
		for i := range q.Query.Pipeline {
			n := home(s.v, q.Query, q.Query.Pipeline[i].Service, 0, s.Place)
			if n == nil {
				s.sites = s.sites[:first]
				return
			}
			s.sites = append(s.sites, n)
		}
		row.sites = s.sites[first:len(s.sites):len(s.sites)]
		if !st.made || st.steps != l.steps() {
			*st = chameleonState{made: true, steps: l.steps(), kin: kinOf(q, &l, row.target), leader: q.Query.ID, slow: 1}
		}
		if _, known := s.leaders[st.kin]; !known && len(st.kept) > 0 {
			s.leaders[st.kin] = len(s.rows)
		}
		s.rows = append(s.rows, row)
	})
}

// kinOf makes a word of what two queries must have in common for one to follow the
// other (FNV-1a).
func kinOf(q *core.QueryView, l *ladder, target float64) uint64 {
	const prime = 1099511628211
	h := uint64(14695981039346656037)
	for i := range q.Query.Pipeline {
		stage := &q.Query.Pipeline[i]
		for k := range len(stage.Service) {
			h = (h ^ uint64(stage.Service[k])) * prime
		}
		h = mix(h, uint64(len(stage.Parents)))
		for _, p := range stage.Parents {
			h = mix(h, uint64(p))
		}
	}
	for _, n := range l.steps() {
		h = mix(h, uint64(n))
	}
	return mix(mix(h, uint64(q.Camera.FPS*1000)), uint64(target*1e6))
}

// arrange orders the rows for profiling: leaders first, so that the others follow
// in the same round, then whoever has waited longest.
func (s *chameleon) arrange() {
	s.order = s.order[:0]
	for i := range s.rows {
		s.order = append(s.order, i)
	}
	slices.SortFunc(s.order, func(i, j int) int {
		a, b := s.rows[i].st, s.rows[j].st
		return cmp.Or(
			cmp.Compare(follows(&s.rows[i]), follows(&s.rows[j])),
			cmp.Compare(a.looked, b.looked),
			cmp.Compare(i, j),
		)
	})
}

func follows(r *chameleonRow) int {
	if r.st.leader == r.q.Query.ID {
		return 0
	}
	return 1
}

// index is where the row of a query is, -1 when it is not served in this round.
func (s *chameleon) index(id core.QueryID) int {
	i, found := slices.BinarySearchFunc(s.rows, id, func(r chameleonRow, id core.QueryID) int { return cmp.Compare(r.q.Query.ID, id) })
	if !found {
		return -1
	}
	return i
}

// emit gives the query the plan of its choice, unless it has it.
func (s *chameleon) emit(r *chameleonRow) {
	p := &s.plan
	if !s.make(r, r.st.choice) {
		return
	}
	if same(p, &r.q.Plan) {
		return
	}
	plan := *p
	plan.Stages = slices.Clone(p.Stages)
	s.d.Set(r.q.Query.ID, plan)
}

// make writes the plan of a rung to s.plan; false when a stage cannot run.
func (s *chameleon) make(r *chameleonRow, at rung) bool {
	p := &s.plan
	*p = core.Plan{Video: r.ladder.video(at), InFlight: s.InFlight, Buffer: s.Buffer, Stages: p.Stages[:0]}
	for i, n := range r.sites {
		service := r.q.Query.Pipeline[i].Service
		model := min(int(at.model), modelsOf(s.v, service)-1)
		if !usable(s.v, r.q.Query.Node, n, service, model) {
			return false
		}
		p.Stages = append(p.Stages, core.Assignment{Node: n.ID, Model: model})
	}
	return true
}
