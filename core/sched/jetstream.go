package sched

import (
	"math"
	"slices"

	"vidq/core"
)

func init() {
	Register("jetstream", "JetStream: down a ladder of degradations when the sender's queue is about to exceed its target, up again when not, without probing (Rabkin et al., NSDI 2014)",
		jetstreamConfig{
			Queue: 1, Step: 50 * core.Millisecond, Ahead: 8, Wait: core.Second, Down: 0.95, Up: 1.1,
			InFlight: 8, Buffer: -1,
		}, newJetstream)
}

// jetstreamConfig's defaults are those of JetStream's public code.
type jetstreamConfig struct {
	Profile []string  `toml:"profile" doc:"the ladder, worst first, each as \"1920x1080 10 h264 20\" (resolution, fps, encoder, quality); empty = the encoder's qualities at the full frame rate, below them lower frame rates"`
	Queue   float64   `toml:"queue" min:"0.001" max:"1000" doc:"target of the sender's queue, MB"`
	Step    core.Time `toml:"step" min:"0.001" max:"60" doc:"from one look at the queue to the next; it is judged by the last three steps"`
	Ahead   int       `toml:"ahead" min:"1" max:"1000" doc:"steps for which the queue's growth is forecast"`
	Wait    core.Time `toml:"wait" min:"0" max:"600" doc:"from a change to the measurements of the next one"`
	Down    float64   `toml:"down" min:"0" max:"1" doc:"a ratio of capacity to what is sent below this leads down"`
	Up      float64   `toml:"up" min:"1" max:"100" doc:"one above this leads up"`

	Model    int `toml:"model" knob:"model" min:"0" max:"255" doc:"index of the model of every stage, 0 = the most accurate"`
	InFlight int `toml:"in_flight" min:"1" max:"64" doc:"frames of a query under way at once"`
	Buffer   int `toml:"buffer" min:"-1" max:"100000" doc:"frames that the sender's queue holds; -1 = without bound"`
}

// jetstream is A. Rabkin, M. Arye, S. Sen, V. S. Pai, M. J. Freedman, "Aggregation and
// Degradation in JetStream: Streaming Analytics in the Wide Area" (NSDI 2014), section
// 4.3, as its public code has it: a congestion monitor at the sender's queue and a
// policy that moves a source along a ladder. All stages run in the cloud; a query is
// looked at by itself. With AWStream's profile as the ladder it is what AWStream's
// authors call JetStream++.
//
// The monitor forecasts the queue: what it holds and, for `ahead` steps, its growth of
// the last three. What is left to the target, spread over those steps, over what was
// put in per step, plus 1, is the ratio of capacity to what is sent:
//
//	ratio = 1 + (target - queue - ahead * growth/3) / ahead / (inserted/3)
//
// and infinite when nothing was put in: a stream of few frames a second is taken for
// one that the link has room for, also while its queue is full. Below `down` the policy
// goes down until the levels' rates fit the ratio, at once; above `up` half the way up
// to the first level that does not fit. After a change it waits until the measurements
// are all newer than the wait, but for a ratio of 0.
//
// Deviation: the sender's queue is reckoned from what got through (sendQueue).
type jetstream struct {
	jetstreamConfig
	memory[jsQuery]
	given []core.VideoConf
	nodes topology

	pred   core.Prediction
	stages []core.Assignment
}

// jsQuery is what is remembered of a query.
type jsQuery struct {
	stages []core.Assignment
	levels []awConfig // worst first
	at     int
	queue  sendQueue
	change core.Time         // last one
	held   [jsWindow]float64 // by the queue at the last looks, bytes
	looks  int
	begun  bool
}

func newJetstream(c jetstreamConfig, _ Deps) (core.Scheduler, error) {
	given, err := parseConfigs("profile", c.Profile)
	if err != nil {
		return nil, err
	}
	if c.Buffer == 0 {
		return nil, &Error{Key: "buffer", Msg: "want at least 1, or -1"}
	}
	return &jetstream{jetstreamConfig: c, given: given}, nil
}

// Schedule implements core.Scheduler.
func (s *jetstream) Schedule(v *core.View, d *core.Decision) {
	if v.Predictor == nil {
		return
	}
	moved := s.nodes.changed(v)
	s.each(v, func(q *core.QueryView, st *jsQuery) {
		if q.Camera == nil || !(q.Camera.FPS > 0) || !s.attach(v, q, st, moved) {
			return
		}
		s.decide(v, q, st)
		p := core.Plan{Video: st.levels[st.at].video, Stages: slices.Clone(st.stages), InFlight: s.InFlight, Buffer: s.Buffer}
		if !same(&p, &q.Plan) {
			d.Set(q.Query.ID, p)
		}
	})
	if len(v.Queries) > 0 {
		d.Next = v.Now.Add(s.Step)
	}
}

// attach sees to it that a query has places and a ladder; false when it cannot be
// served. It begins at the top, as JetStream does.
func (s *jetstream) attach(v *core.View, q *core.QueryView, st *jsQuery, moved bool) bool {
	if st.begun && !moved && (q.Plan.Revision == 0 || fits(v, q)) {
		return len(st.levels) > 0
	}
	stages, ok := homes(v, q.Query, s.Model, "cloud", s.stages[:0])
	s.stages = stages
	if !ok {
		return false
	}
	if st.begun && slices.Equal(stages, st.stages) {
		return len(st.levels) > 0
	}
	st.stages = slices.Clone(stages)
	st.levels = st.levels[:0]
	for _, c := range s.ladder(v, q) {
		plan := core.Plan{Video: c, Stages: st.stages}
		if l, ok := configOf(&s.pred, v, q, &plan); ok {
			st.levels = append(st.levels, l)
		}
	}
	st.at, st.begun = max(len(st.levels)-1, 0), true
	return len(st.levels) > 0
}

// ladder returns the configurations, worst first: those that are given, or JetStream's
// own example of a policy. It keeps the resolution: "images at 75% fidelity, then 50%;
// beyond that point, reduce the frame rate, but keep the image fidelity".
func (s *jetstream) ladder(v *core.View, q *core.QueryView) []core.VideoConf {
	if len(s.given) > 0 {
		return s.given
	}
	largest, ok := within(&v.Knobs, q.Camera.Resolution)
	name, best, known := encoder(&v.Knobs, "")
	if !ok || !known || len(v.Knobs.FPS) == 0 {
		return nil
	}
	qualities := v.Knobs.Encoders[0].Qualities // best first
	if len(qualities) == 0 {
		qualities = []int{best}
	}
	var out []core.VideoConf
	top := len(v.Knobs.FPS) - 1
	for top > 0 && v.Knobs.FPS[top-1] >= q.Camera.FPS {
		top--
	}
	for _, fps := range v.Knobs.FPS[:top] {
		out = append(out, core.VideoConf{Resolution: largest, FPS: fps, Encoder: name, Quality: qualities[len(qualities)-1]})
	}
	for i := range qualities {
		out = append(out, core.VideoConf{Resolution: largest, FPS: v.Knobs.FPS[top], Encoder: name, Quality: qualities[len(qualities)-1-i]})
	}
	return out
}

// jsWindow is how many steps the monitor's window has.
const jsWindow = 3

// decide moves a query along its ladder.
func (s *jetstream) decide(v *core.View, q *core.QueryView, st *jsQuery) {
	st.queue.look(v, q, st.levels[st.at].frame, v.Link(q.Query.Node, st.target(q.Query.Node)))
	if q.Plan.Revision == 0 || !st.queue.known {
		return
	}
	ratio := s.ratio(v.Now, q.Plan.InFlight, st)
	if measured := v.Now - (jsWindow-1)*s.Step; st.change.Add(s.Wait) > measured && ratio > 0 {
		return
	}
	to := st.at
	switch {
	case ratio < s.Down:
		for to > 0 && ratio*st.levels[st.at].rate < s.Down*st.levels[to].rate {
			to--
		}
	case ratio > s.Up:
		to = st.up(ratio)
	}
	if to != st.at {
		st.at, st.change = to, v.Now
	}
}

// up is half the way from the present level to the first that does not fit, and at
// least the next.
func (st *jsQuery) up(ratio float64) int {
	top := len(st.levels) - 1
	if st.at == 0 {
		return min(1, top)
	}
	fits := st.at
	for fits <= top && st.levels[fits].rate < ratio*st.levels[st.at].rate {
		fits++
	}
	return min((fits+st.at+1)/2, top)
}

// ratio is that of the link's capacity to what is sent, as the queue tells it.
func (s *jetstream) ratio(now core.Time, window int, st *jsQuery) float64 {
	queue := st.queue.pending(now, now-jsWindow*s.Step, window)
	growth := queue.waiting - st.held[st.looks%jsWindow]
	st.held[st.looks%jsWindow] = queue.waiting
	st.looks++
	if queue.came == 0 {
		return math.Inf(1)
	}
	ahead := float64(s.Ahead) / jsWindow
	left := float64(1e6*s.Queue) - queue.waiting - float64(ahead*growth)
	return max(0, 1+left/(ahead*queue.came))
}

// target is the first other node that the stages use.
func (st *jsQuery) target(host core.NodeID) core.NodeID {
	for i := range st.stages {
		if n := st.stages[i].Node; n != host {
			return n
		}
	}
	return host
}
