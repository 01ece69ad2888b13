package sched

import (
	"math"
	"slices"

	"vidq/core"
)

func init() {
	Register("adamec", "best-first local search from the present plan, one knob at a time, for the least loss of delay and accuracy",
		adamecConfig{DelayWeight: .8, AccuracyWeight: .2, Delay: 300 * core.Millisecond, Accuracy: .6, Pops: 32, Evaluations: 512, Resolution: "360p", FPS: 30, InFlight: 1, Buffer: 1},
		newAdamec)
}

// adamecConfig's defaults are those of dayu's agent (dayu-autostreamer/dayu), the two last ones apart.
type adamecConfig struct {
	DelayWeight    float64   `toml:"delay_weight" min:"0" max:"1000" doc:"weight of the relative excess over the bound of delay or latency"`
	AccuracyWeight float64   `toml:"accuracy_weight" min:"0" max:"1000" doc:"weight of the relative lack of accuracy"`
	Delay          core.Time `toml:"delay" min:"0.001" doc:"bound of the amortised delay of a query that states none of delay and latency"`
	Accuracy       float64   `toml:"accuracy" min:"0" max:"1" doc:"bound of a query that states none, 0..1"`
	Pops           int       `toml:"pops" min:"1" max:"10000" doc:"most configurations of a search whose neighbours are looked at"`
	Evaluations    int       `toml:"evaluations" min:"1" max:"10000" doc:"most configurations that a search predicts"`
	Resolution     string    `toml:"resolution" knob:"resolution" doc:"where a cold start begins; a camera that has less begins there"`
	FPS            float64   `toml:"fps" knob:"fps" min:"0.01" max:"1000" doc:"where a cold start begins, analysed frames per second"`
	HostStages     int       `toml:"host_stages" min:"0" max:"32" search:"0..3" doc:"where a cold start begins: stages on the host"`
	InFlight       int       `toml:"in_flight" min:"1" max:"64" doc:"frames of a query under way at once (chosen here)"`
	Buffer         int       `toml:"buffer" min:"1" max:"1000" doc:"frames that wait when the window is full; 1 = the newest only (chosen here)"`
}

// adamec is the local search that dayu ships under the name of AdaMEC (Pang et al.,
// "AdaMEC: Towards a Context-Adaptive and Dynamically-Combinable DNN Deployment
// Framework for Mobile Edge Computing", 2023). From the present configuration it
// goes to the neighbour, one knob moved by one step, with the least
//
//	loss = wd * max(0, (d-D)/D) + wa * max(0, (A-a)/A)
//
// where d and a are the predicted delay and accuracy and D and A their bounds, and
// on from there, always from the best configuration not yet expanded, until that
// is no better than the best so far, or a budget is spent.
//
// The paper cuts a network into atoms and looks for the combination and the places
// of them that suit the context; dayu's agent, which is followed here, keeps the
// search and the loss and has the configuration of the video and the number of stages
// at the edge for knobs. Deviations: the knobs are the rate, the resolution,
// the encoder's quality, the model and the number of stages on the host (dayu's
// buffer, the frames of a task, has no counterpart). The far place is the cloud that
// the query is assigned to. A bound of latency counts like one of delay, the larger
// excess if there are both. Losses that differ by less than 1e-9 are equal; then
// accuracy, latency and the knobs' order decide.
//
// As published it is content with any plan without loss, knows one query at a time,
// and predicts without queues: where queries meet on a link or a node it learns of
// that only by the measured rate of the link, and of nothing where no frame gets through.
type adamec struct {
	adamecConfig
	limit core.Resolution
	q     adamecQuery
	seen  []uint64       // configurations that were predicted
	front []adamecChoice // of them, those not yet expanded
	p     core.Prediction
	plan  core.Plan // scratch
}

// adamecQuery is the query in hand.
type adamecQuery struct {
	v       *core.View
	q       *core.QueryView
	far     []*core.NodeView // of each stage, nil = none
	models  []int            // of each stage's service
	encoder core.Encoder
	most    adamecKnobs // exclusive bounds of the knobs
}

// adamecKnobs is a configuration by the indices of its knobs: rate, resolution,
// quality, model, stages on the host.
type adamecKnobs [5]int

const (
	knobFPS = iota
	knobResolution
	knobQuality
	knobModel
	knobHost
)

// key orders configurations and tells them apart. No knob has 4096 values that
// matter: what lies beyond is not searched.
func (k *adamecKnobs) key() (x uint64) {
	for _, i := range k {
		x = x<<12 | uint64(i)
	}
	return x
}

type adamecChoice struct {
	knobs    adamecKnobs
	loss     float64 // +Inf = cannot be carried out
	accuracy float64
	latency  core.Time
}

func (c *adamecChoice) before(o *adamecChoice) bool {
	switch {
	case c.loss != o.loss && !(math.Abs(c.loss-o.loss) < 1e-9):
		return c.loss < o.loss
	case c.accuracy != o.accuracy:
		return c.accuracy > o.accuracy
	case c.latency != o.latency:
		return c.latency < o.latency
	}
	return c.knobs.key() < o.knobs.key()
}

func newAdamec(c adamecConfig, _ Deps) (core.Scheduler, error) {
	r, err := core.ParseResolution(c.Resolution)
	if err != nil {
		return nil, &Error{Key: "resolution", Msg: err.Error()}
	}
	return core.PerQuery(&adamec{adamecConfig: c, limit: r}), nil
}

// Plan implements core.QueryScheduler.
func (s *adamec) Plan(v *core.View, q *core.QueryView) (core.Plan, bool) {
	host := v.Node(q.Query.Node)
	if !s.begin(v, q) || host == nil || !host.Up && q.Plan.Revision > 0 {
		return core.Plan{}, false
	}
	defer s.end()
	start, known := s.position()
	if !known {
		if start, known = s.cold(); !known {
			return core.Plan{}, false
		}
	}
	best := s.search(start)
	if math.IsInf(best.loss, 1) {
		return core.Plan{}, false
	}
	s.make(&best.knobs)
	if same(&s.plan, &q.Plan) {
		return core.Plan{}, false
	}
	p := s.plan
	p.Stages = slices.Clone(p.Stages)
	return p, true
}

// begin takes a query in hand; false when there is nothing to choose from.
func (s *adamec) begin(v *core.View, q *core.QueryView) bool {
	k := &v.Knobs
	if v.Predictor == nil || q.Camera == nil || !(q.Camera.FPS > 0) || len(k.FPS) == 0 || len(k.Encoders) == 0 {
		return false
	}
	largest, ok := within(k, q.Camera.Resolution)
	if !ok {
		return false
	}
	x := adamecQuery{v: v, q: q, far: s.q.far[:0], models: s.q.models[:0], encoder: k.Encoders[0]}
	x.most = adamecKnobs{1, 1, max(1, len(x.encoder.Qualities)), 1, len(q.Query.Pipeline) + 1}
	for x.most[knobFPS] < len(k.FPS) && k.FPS[x.most[knobFPS]-1] < q.Camera.FPS { // beyond the camera's all are alike
		x.most[knobFPS]++
	}
	for k.Resolutions[x.most[knobResolution]-1] != largest {
		x.most[knobResolution]++
	}
	for i := range q.Query.Pipeline {
		service := q.Query.Pipeline[i].Service
		x.far = append(x.far, remote(v, q.Query, service, 0))
		n := modelsOf(v, service)
		x.models = append(x.models, n)
		x.most[knobModel] = max(x.most[knobModel], n)
	}
	for i := range x.most {
		x.most[i] = min(x.most[i], 1<<12)
	}
	s.q = x
	return true
}

// end lets go of the view.
func (s *adamec) end() {
	clear(s.q.far[:cap(s.q.far)])
	s.q = adamecQuery{far: s.q.far[:0], models: s.q.models}
}

// modelsOf is how many models the service has, at least 1.
func modelsOf(v *core.View, service string) int {
	for i := range v.Services {
		if v.Services[i].Name == service {
			return max(1, len(v.Services[i].Models))
		}
	}
	return 1
}

// position is the present plan as a configuration; false when it is none or can no
// longer run.
func (s *adamec) position() (k adamecKnobs, ok bool) {
	v, p := s.q.v, &s.q.q.Plan
	if !fits(v, s.q.q) || p.Video.Encoder != s.q.encoder.Name {
		return k, false
	}
	k[knobFPS], k[knobResolution] = slices.Index(v.Knobs.FPS, p.Video.FPS), slices.Index(v.Knobs.Resolutions, p.Video.Resolution)
	if len(s.q.encoder.Qualities) > 0 {
		k[knobQuality] = slices.Index(s.q.encoder.Qualities, p.Video.Quality)
	}
	for _, a := range p.Stages {
		k[knobModel] = max(k[knobModel], a.Model)
	}
	for k[knobHost] < len(p.Stages) && p.Stages[k[knobHost]].Node == s.q.q.Query.Node {
		k[knobHost]++
	}
	for i := range k {
		if k[i] < 0 || k[i] >= s.q.most[i] {
			return k, false
		}
	}
	s.make(&k)
	return k, slices.Equal(s.plan.Stages, p.Stages)
}

// cold is where a query without a plan begins: the parameters' configuration, with
// the next number of stages on the host that can be carried out.
func (s *adamec) cold() (k adamecKnobs, ok bool) {
	v := s.q.v
	for k[knobFPS] < s.q.most[knobFPS]-1 && v.Knobs.FPS[k[knobFPS]] < s.FPS {
		k[knobFPS]++
	}
	for k[knobResolution] < s.q.most[knobResolution]-1 && v.Knobs.Resolutions[k[knobResolution]].Pixels() < s.limit.Pixels() {
		k[knobResolution]++
	}
	n := s.q.most[knobHost]
	for i := range n {
		k[knobHost] = (s.HostStages + i) % n
		if c := s.evaluate(k); !math.IsInf(c.loss, 1) {
			return k, true
		}
	}
	return k, false
}

// search is the best-first search from a configuration.
func (s *adamec) search(from adamecKnobs) adamecChoice {
	best := s.evaluate(from)
	s.seen, s.front = append(s.seen[:0], from.key()), append(s.front[:0], best)
	for pops := 0; pops < s.Pops && len(s.front) > 0; pops++ {
		top := 0
		for i := range s.front {
			if s.front[i].before(&s.front[top]) {
				top = i
			}
		}
		c := s.front[top]
		if pops > 0 && !(c.loss < best.loss-1e-9) {
			break
		}
		best = c
		s.front = slices.Delete(s.front, top, top+1)
		s.expand(&c.knobs)
	}
	return best
}

// expand predicts the neighbours of a configuration that were not yet.
func (s *adamec) expand(at *adamecKnobs) {
	for i := range at {
		for _, step := range [...]int{-1, 1} {
			k := *at
			k[i] += step
			if k[i] < 0 || k[i] >= s.q.most[i] || len(s.seen) >= s.Evaluations || slices.Contains(s.seen, k.key()) {
				continue
			}
			s.seen, s.front = append(s.seen, k.key()), append(s.front, s.evaluate(k))
		}
	}
}

// evaluate predicts a configuration.
func (s *adamec) evaluate(k adamecKnobs) adamecChoice {
	c := adamecChoice{knobs: k, loss: math.Inf(1)}
	q := s.q.q
	if !s.make(&k) || !s.p.Predict(s.q.v.Predictor, s.q.v, q, &s.plan) {
		return c
	}
	late, bounds := math.Inf(-1), q.Query.Constraint
	if bounds.Delay <= 0 && bounds.Latency <= 0 {
		bounds.Delay = s.Delay
	}
	if bounds.Delay > 0 {
		late = float64(s.p.Delay-bounds.Delay) / float64(bounds.Delay)
	}
	if bounds.Latency > 0 {
		late = max(late, float64(s.p.Latency-bounds.Latency)/float64(bounds.Latency))
	}
	least := bounds.Accuracy
	if least <= 0 {
		least = s.Accuracy
	}
	c.loss, c.accuracy, c.latency = s.loss(late, s.p.Accuracy, least), s.p.Accuracy, s.p.Latency
	return c
}

// loss is that of a delay that exceeds its bound by the share late and of an accuracy.
func (s *adamec) loss(late, accuracy, least float64) float64 {
	poor := 0.0
	if least > 0 {
		poor = (least - accuracy) / least
	}
	return float64(s.DelayWeight*max(0, late)) + float64(s.AccuracyWeight*max(0, poor))
}

// make writes a configuration to s.plan; false when a stage cannot run there.
func (s *adamec) make(k *adamecKnobs) bool {
	v, q := s.q.v, s.q.q
	_, quality, _ := encoder(&v.Knobs, s.q.encoder.Name)
	if len(s.q.encoder.Qualities) > 0 {
		quality = s.q.encoder.Qualities[k[knobQuality]]
	}
	s.plan = core.Plan{
		Video:    core.VideoConf{Resolution: v.Knobs.Resolutions[k[knobResolution]], FPS: v.Knobs.FPS[k[knobFPS]], Encoder: s.q.encoder.Name, Quality: quality},
		InFlight: s.InFlight, Buffer: s.Buffer, Stages: s.plan.Stages[:0],
	}
	for i := range q.Query.Pipeline {
		n := s.q.far[i]
		if i < k[knobHost] {
			n = v.Node(q.Query.Node)
		}
		a := core.Assignment{Model: min(k[knobModel], s.q.models[i]-1)}
		if !usable(v, q.Query.Node, n, q.Query.Pipeline[i].Service, a.Model) {
			return false
		}
		a.Node = n.ID
		s.plan.Stages = append(s.plan.Stages, a)
	}
	return true
}
