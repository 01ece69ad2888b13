package sched

import (
	"math"
	"slices"

	"vidq/core"
)

func init() {
	Register("vidq", "configurations and places of all queries together, by a belief that is corrected from what is seen",
		vidqConfig{
			Keep: .03, Hurry: core.Second / 2, InFlight: 4, Passes: 3, Fresh: 20 * core.Second,
		}, newVidq)
}

type vidqConfig struct {
	Keep     float64   `toml:"keep" min:"0" max:"1" doc:"gain, as a share of frames that meet all bounds, below which a plan that works is kept"`
	Hurry    core.Time `toml:"hurry" doc:"time to the next round while some query misses its bounds; 0s = the period"`
	InFlight int       `toml:"in_flight" min:"1" max:"64" doc:"frames of a query under way at once, at most"`
	Passes   int       `toml:"passes" min:"1" max:"100" doc:"times that every query is looked at in a round, at most"`
	Fresh    core.Time `toml:"fresh" doc:"how long a plan that failed is not returned to, doubled each time"`
}

// vidq chooses configurations and places of all queries together so as to have
// as many results as possible that meet all that their queries ask.
//
// It predicts. The work of every service is the belief's, corrected by what calls
// took (figures); when the cameras take their frames is learned (clock), and with it what
// waits at which instant for cores, gpus, workers and links, under all plans together
// (cycle, system); the objects that the cameras will see are extrapolated (trend); and what
// is still wrong with the predicted latency of a query is kept as a ratio of its own. So
// each plan has a probability to meet the latency, delay and accuracy bounds, where a result
// ages up to the camera frame after it came. The plan's worth is that
// probability, less what the plan takes from the others at stations that are short
// (toll), and a little for accuracy and for idle machines.
//
// It chooses by best response: each query in turn takes the plan that is worth
// most while the others stay as they are, until none wants to change. As everyone
// pays for the risk that it brings to others, a change that one makes is one that
// all together gain by, and the rounds end. What comes out is carried out only if it does
// gain. Where there is not enough for all, those that cannot be served take the cheapest
// plan, which leaves room for the others; and now and then all choices are made anew, which
// decides at once who can be served, and with which model where a service has only room
// for one. Services of gpus are let take batches.
//
// It knows how late its news are (lagOf), and judges a plan by none that are older than the plan; until then
// that nothing is heard of it is no silence. It tells what a call over a link takes whatever its
// size from the link's rate (linkLatency), and has the branches of one frame wait for each other
// where they meet (span).
//
// It changes a plan that works only for a gain of at least keep, and does not
// return to a plan that did not do what was predicted of it before some time has
// passed. A plan that fails is left at once.
//
// Feedback control looks at the measured delay, which tells of a violation after
// it happened, and neither which knob is cheap nor that two queries share a
// machine. A model that is corrected all the time moves before the bound is missed:
// when objects grow in number, when another query arrives, when a link slows down.
type vidq struct {
	vidqConfig
	figures figures
	links   linkMemory
	system  system
	knobs   uint64
	memory  memory[vidqQuery]
	states  []*vidqQuery
	order   []int
	rates   []float64
	ageing  []float64
	videos  []core.VideoConf
	trial   trial
	done    [core.MaxStages]moments // of a trial: when each stage's answers are back
	spans   []span                  // of a trial's stages, where its pipeline forks
	best    trial
	options [][]int // by host and service
	few     [][]int // of a query's stages: the options that are tried
	at      [3][]int
	only    int       // the model that is tried for all, -1 = each may take its own
	wait    core.Time // until all choices are made anew again
	again   core.Time // when
	lag     core.Time // by how much the news of this round is late
	clear   bool      // plans are judged by the predictor alone: an oracle's
}

func newVidq(c vidqConfig, _ Deps) (core.Scheduler, error) {
	return &vidq{vidqConfig: c, only: -1}, nil
}

// Schedule implements core.Scheduler.
func (s *vidq) Schedule(v *core.View, d *core.Decision) {
	if v.Predictor == nil || len(v.Nodes) == 0 {
		return
	}
	s.figures.fit(v, v.Predictor)
	s.links.fit(v)
	s.system.index(v)
	s.knobs = knobsHash(&v.Knobs)
	s.lag = lagOf(v)
	s.states = s.states[:0]
	s.memory.each(v, func(q *core.QueryView, st *vidqQuery) {
		s.states = append(s.states, st)
		s.adopt(v, q, st)
		s.observe(v, q, st)
	})
	s.figures.settle()
	s.system.lay(&s.figures, &s.links, s.lag)
	s.clearOptions(v)
	for i, st := range s.states {
		q := &v.Queries[i]
		if s.place(v, q, st); st.host >= 0 {
			st.tick(q.Camera.FPS)
			s.look(v, q, st)
		}
		s.recall(v, q, st)
	}
	for i := range s.states {
		s.count(v, i, +1)
	}
	s.respond(v)
	s.decide(v, d)
	s.scale(v, d)
	s.next(v, d)
}

// newsEvery is how often nodes tell how they are: news that are no older are not late.
const newsEvery = core.Second

// lagOf is by how much the newest news of a round is late. What happened since is not known yet, so that
// it counts neither for nor against a plan: a plan is judged by what came before now less the lag, and what is older
// only than the lag is news.
func lagOf(v *core.View) core.Time {
	lag := core.Time(math.MaxInt64)
	for i := range v.Nodes {
		if n := &v.Nodes[i]; n.Up {
			lag = min(lag, n.Age)
		}
	}
	for i := range v.Queries {
		if o := v.Queries[i].Observations; len(o) > 0 {
			lag = min(lag, v.Now-o[len(o)-1].At)
		}
	}
	if lag == math.MaxInt64 {
		return 0
	}
	return max(lag-newsEvery, 0)
}

// adopt takes over the plan that is in force, whoever made it.
func (s *vidq) adopt(v *core.View, q *core.QueryView, st *vidqQuery) {
	p := &q.Plan
	if st.heard == 0 {
		st.heard, st.since, st.misses = v.Now, v.Now, -1
	}
	if p.Revision == st.revision {
		return
	}
	copy(st.before[1:], st.before[:])
	st.before[0] = revision{st.revision, -1}
	if st.setting >= 0 && st.setting < len(st.settings) {
		st.before[0].point = st.settings[st.setting].point
	}
	st.revision, st.since, st.heard = p.Revision, v.Now, v.Now
	models := uint64(len(p.Stages))
	for i := range p.Stages {
		models = mix(models, uint64(p.Stages[i].Model))
	}
	if models != st.models {
		st.models, st.loaded = models, v.Now+loading
	}
}

// clearOptions forgets where services could run in the round before.
func (s *vidq) clearOptions(v *core.View) {
	n := len(v.Nodes) * len(s.figures.wide)
	for len(s.options) < n {
		s.options = append(s.options, nil)
	}
	for i := range s.options[:n] {
		s.options[i] = s.options[i][:0]
	}
}

// place finds out where each stage of the query may run.
func (s *vidq) place(v *core.View, q *core.QueryView, st *vidqQuery) {
	st.stages = st.stages[:0]
	st.host = -1
	if q.Camera == nil || q.Query.Pipeline.Validate() != nil {
		return
	}
	host := nodeIndex(v, q.Query.Node)
	if host < 0 {
		return
	}
	for i := range q.Query.Pipeline {
		name := q.Query.Pipeline[i].Service
		x := vidqStage{service: s.figures.service(name)}
		for k := range v.Services {
			if v.Services[k].Name == name {
				x.crops = v.Services[k].Input == core.InputCrops
			}
		}
		if x.service < 0 {
			return
		}
		if x.options = s.optionsOf(v, host, x.service); len(x.options) == 0 {
			return
		}
		st.stages = append(st.stages, x)
	}
	st.host, st.forks = host, forks(q.Query.Pipeline)
}

// optionsOf returns the nodes at which a service can run for a host, which are the
// same for all of the host's queries.
func (s *vidq) optionsOf(v *core.View, host, service int) []int {
	row := &s.options[host*len(s.figures.wide)+service]
	if len(*row) > 0 {
		return *row
	}
	for k := range v.Nodes {
		x := &v.Nodes[k]
		at := s.figures.at[service][k]
		if at < 0 || x.Services[at].Workers < 1 || k != host && (!x.Up || s.system.link(host, k) < 0 || s.system.link(k, host) < 0) {
			continue
		}
		m := &s.figures.nodes[k].services[at].models[0]
		if len(m.points) == 0 || !m.points[0].law(k == host).ok || x.Memory > 0 && m.needs.Memory > x.Memory {
			continue
		}
		*row = append(*row, k)
	}
	return *row
}

// recall finds the query's present plan among its settings and works out what it
// uses; a plan that cannot run any more uses nothing.
func (s *vidq) recall(v *core.View, q *core.QueryView, st *vidqQuery) {
	st.setting, st.uses, st.places = -1, st.uses[:0], st.places[:0]
	st.current, st.ran, st.expected = outlook{}, st.ran[:0], 0
	p := &q.Plan
	if st.host < 0 || p.Revision == 0 || p.Refused || len(p.Stages) != len(q.Query.Pipeline) {
		return
	}
	for i, a := range p.Stages {
		k := nodeIndex(v, a.Node)
		if k < 0 || !slices.Contains(st.stages[i].options, k) {
			return
		}
		st.places = append(st.places, k)
	}
	model := 0
	for i := range p.Stages {
		model = max(model, p.Stages[i].Model)
	}
	for i := range st.settings {
		if x := &st.settings[i]; x.video == p.Video && x.model == model {
			st.setting = i
		}
	}
	if st.setting < 0 { // the content moved, or another scheduler made it: weigh it like the others
		x, ok := s.settingOf(v, q, st, model)
		if !ok {
			return
		}
		st.settings = append(st.settings, x)
		st.setting = len(st.settings) - 1
	}
	s.trial.setting = st.setting
	s.trial.places = append(s.trial.places[:0], st.places...)
	s.weigh(v, q, st, &s.trial)
	st.takes(&s.trial)
	st.ran, st.expected = append(st.ran[:0], st.places...), s.trial.latency
}

// settingOf makes a setting of the query's present plan.
func (s *vidq) settingOf(v *core.View, q *core.QueryView, st *vidqQuery, model int) (setting, bool) {
	p := &q.Plan
	largest, _ := within(&v.Knobs, q.Camera.Resolution)
	x := setting{video: p.Video, narrow: max(1-float64(p.Video.Resolution.Pixels())/max(float64(largest.Pixels()), 1), 0), point: s.pointOf(p.Video.Resolution), model: model, fps: min(p.Video.FPS, q.Camera.FPS)}
	if x.point < 0 || !(x.fps > 0) {
		return x, false
	}
	var ids [core.MaxStages]int
	for i := range p.Stages {
		ids[i] = p.Stages[i].Model
	}
	by := s.figures.by
	x.accuracy = by.Accuracy(q.Query, q.Camera.FPS, p.Video, ids[:len(p.Stages)], st.content)
	w := p.Video
	w.FPS = max(w.FPS, q.Camera.FPS)
	x.fresh = max(by.Accuracy(q.Query, q.Camera.FPS, w, ids[:len(p.Stages)], st.content), x.accuracy)
	x.encode = by.Encode(core.Target{Class: v.Nodes[st.host].Class, Role: core.RoleHost}, p.Video).Seconds()
	x.bytes = by.FrameBytes(p.Video, st.content)
	st.fit(q, &x)
	return x, true
}

// decide writes the plans that changed down.
func (s *vidq) decide(v *core.View, d *core.Decision) {
	for i, st := range s.states {
		q := &v.Queries[i]
		if st.setting < 0 || len(st.places) != len(q.Query.Pipeline) {
			continue
		}
		x := &st.settings[st.setting]
		if st.agrees(v, q, x) {
			if need := st.window(x, s.InFlight); need <= q.Plan.InFlight {
				continue
			}
		}
		p := core.Plan{Video: x.video, InFlight: st.window(x, s.InFlight), Buffer: 1, Stages: make([]core.Assignment, len(st.places))}
		for k, n := range st.places {
			p.Stages[k] = core.Assignment{Node: v.Nodes[n].ID, Model: s.modelOf(v, q.Query.Pipeline[k].Service, x.model)}
		}
		if !same(&p, &q.Plan) {
			d.Set(q.Query.ID, p)
		}
	}
}

// agrees reports whether the plan in force is the one that is wanted.
func (st *vidqQuery) agrees(v *core.View, q *core.QueryView, x *setting) bool {
	p := &q.Plan
	if p.Revision == 0 || p.Refused || p.Video != x.video || len(p.Stages) != len(st.places) {
		return false
	}
	model := 0
	for k := range p.Stages {
		if p.Stages[k].Node != v.Nodes[st.places[k]].ID {
			return false
		}
		model = max(model, p.Stages[k].Model)
	}
	return model == x.model
}

// window is how many frames must be under way at once to keep up.
func (st *vidqQuery) window(x *setting, most int) int {
	return min(max(1+int(st.current.latency*x.fps*1.2), 1), most)
}

// scale gives services that are short of workers more of them, as far as the node
// has cores, slots and memory, and lets those of gpus take batches.
func (s *vidq) scale(v *core.View, d *core.Decision) {
	for n := range v.Nodes {
		x := &v.Nodes[n]
		for k := range x.Services {
			t, sv := &s.system.stations[s.system.first[n]+2+k], &x.Services[k]
			if !x.Up || sv.Workers < 1 || t.users == 0 {
				continue
			}
			set := core.ServiceSetting{Node: x.ID, Service: sv.Name, Model: min(max(sv.Model, 0), maxModels-1), Replicas: sv.Workers, MaxBatch: max(sv.MaxBatch, 1)}
			if t.load > .6*float64(sv.Workers)*t.gain(batchMost) {
				set.Replicas = max(sv.Workers, min(int(t.capacity), int(math.Ceil(t.load/t.gain(batchMost)/.5))))
			}
			for m := range t.models {
				if t.models[m] > t.models[set.Model] {
					set.Model = m
				}
			}
			if t.marginal > 0 {
				set.MaxBatch = max(sv.MaxBatch, batchMost)
			}
			if set.Replicas != sv.Workers || set.MaxBatch != sv.MaxBatch || sv.Model >= 0 && set.Model != sv.Model {
				d.Services = append(d.Services, set)
			}
		}
	}
}

// next asks for an early round while something is to be mended, and remembers how
// stretched the nodes are. It does not hurry more than the news do: rounds that follow each other
// faster than what they did is heard of would act on the same news again.
func (s *vidq) next(v *core.View, d *core.Decision) {
	for n := range v.Nodes {
		x := 1.
		for k := range 2 {
			t := &s.system.stations[s.system.first[n]+k]
			if t.capacity > 0 {
				x = max(x, t.load/t.most())
			}
		}
		s.figures.nodes[n].slow = min(x, 10)
	}
	if s.Hurry <= 0 || s.Hurry >= v.Period {
		return
	}
	for i, st := range s.states {
		if len(d.Plans) > 0 || st.misses > .05 || st.current.chance < .9 || len(v.Queries[i].Observations) == 0 {
			d.Next = v.Now.Add(max(s.Hurry, min(s.lag, v.Period), core.Millisecond))
			return
		}
	}
}
