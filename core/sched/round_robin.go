package sched

import "vidq/core"

func init() {
	Register("round-robin", "a fixed configuration; the stages of query after query go to the usable nodes in rotation",
		roundRobinConfig{Resolution: "720p", FPS: 10, Quality: -1, InFlight: 1, Buffer: 1}, newRoundRobin)
}

// roundRobinConfig's defaults of resolution and fps are those of static.
type roundRobinConfig struct {
	Every      int     `toml:"every" min:"0" max:"1000000000" search:"0..10" doc:"rounds after which every stage moves on to its next node; 0 = a stage moves only when its node fails"`
	Resolution string  `toml:"resolution" knob:"resolution" doc:"largest resolution; a smaller camera's is used as it is. Default: dayu's fixed template"`
	FPS        float64 `toml:"fps" knob:"fps" min:"0.01" max:"1000" doc:"analysed frames per second. Default: dayu's fixed template"`
	Encoder    string  `toml:"encoder" knob:"encoder" doc:"encoder of the scenario's knobs; empty = the first"`
	Quality    int     `toml:"quality" knob:"quality" min:"-1" max:"100" doc:"the encoder's quality; -1 = its best"`
	Model      int     `toml:"model" knob:"model" min:"0" max:"255" doc:"index of the model of every stage, 0 = the most accurate"`
	InFlight   int     `toml:"in_flight" min:"1" max:"64" doc:"frames of a query under way at once"`
	Buffer     int     `toml:"buffer" min:"-1" max:"1000" doc:"frames that wait when the window is full; 1 = the newest only, -1 = without bound"`
}

// roundRobin is the load balancer that asks nothing: each service has a turn of its
// own, since with one turn for all, the stages of pipelines as long as there are
// nodes would always meet the same nodes. A node counts whether it is large or
// small, near or far.
type roundRobin struct {
	roundRobinConfig
	limit core.Resolution
	turns []turn // in the order in which the services were first met
}

// turn is the node that a service was last given to.
type turn struct {
	service string
	last    core.NodeID
}

func newRoundRobin(c roundRobinConfig, _ Deps) (core.Scheduler, error) {
	r, err := core.ParseResolution(c.Resolution)
	if err != nil {
		return nil, &Error{Key: "resolution", Msg: err.Error()}
	}
	if c.Buffer == 0 {
		return nil, &Error{Key: "buffer", Msg: "want at least 1, or -1"}
	}
	return core.PerQuery(&roundRobin{roundRobinConfig: c, limit: r}), nil
}

// Plan implements core.QueryScheduler.
func (s *roundRobin) Plan(v *core.View, q *core.QueryView) (core.Plan, bool) {
	if q.Camera == nil {
		return core.Plan{}, false
	}
	video := core.VideoConf{FPS: s.FPS}
	var known, sized bool
	video.Encoder, video.Quality, known = encoder(&v.Knobs, s.Encoder)
	video.Resolution, sized = upTo(&v.Knobs, s.limit, q.Camera)
	if !known || !sized {
		return core.Plan{}, false
	}
	if s.Quality >= 0 {
		video.Quality = s.Quality
	}
	move := s.Every > 0 && v.Round%uint64(s.Every) == 0
	served := q.Plan.Revision > 0 && !q.Plan.Refused && len(q.Plan.Stages) == len(q.Query.Pipeline)
	if served && !move && q.Plan.Video == video && fits(v, q) {
		return core.Plan{}, false
	}
	p := core.Plan{Video: video, InFlight: s.InFlight, Buffer: s.Buffer, Stages: make([]core.Assignment, len(q.Query.Pipeline))}
	for i := range p.Stages {
		var present core.NodeID
		if served {
			present = q.Plan.Stages[i].Node
		}
		n := s.next(v, q.Query, q.Query.Pipeline[i].Service, present, move)
		if n == nil {
			return core.Plan{}, false
		}
		p.Stages[i] = core.Assignment{Node: n.ID, Model: s.Model}
	}
	return p, !same(&p, &q.Plan)
}

// next is the node of a stage that is at present, "" for one that is new: the one
// after present if it is to move, present as long as it can serve, else the
// service's turn.
func (s *roundRobin) next(v *core.View, q *core.Query, service string, present core.NodeID, move bool) *core.NodeView {
	if present != "" {
		if move {
			return after(v, q.Node, service, s.Model, present)
		}
		if n := v.Node(present); usable(v, q.Node, n, service, s.Model) {
			return n
		}
	}
	t := s.turn(service)
	n := after(v, q.Node, service, s.Model, t.last)
	if n != nil {
		t.last = n.ID
	}
	return n
}

func (s *roundRobin) turn(service string) *turn {
	for i := range s.turns {
		if s.turns[i].service == service {
			return &s.turns[i]
		}
	}
	s.turns = append(s.turns, turn{service: service})
	return &s.turns[len(s.turns)-1]
}

// after returns the first usable node behind id in the cycle of ids, which may be
// id itself; nil when there is none.
func after(v *core.View, host core.NodeID, service string, model int, id core.NodeID) *core.NodeView {
	first := 0
	for first < len(v.Nodes) && v.Nodes[first].ID <= id {
		first++
	}
	for i := range v.Nodes {
		if n := &v.Nodes[(first+i)%len(v.Nodes)]; usable(v, host, n, service, model) {
			return n
		}
	}
	return nil
}
