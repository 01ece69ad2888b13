package sched

import "vidq/core"

func init() {
	Register("static", "one plan for each query, decided once: all at the edge, all in the cloud, the golden one, or a given one",
		staticConfig{Plan: "all-cloud", Resolution: "720p", FPS: 10, Quality: -1, InFlight: 1, Buffer: 1, HostStages: -1}, newStatic, Fixed())
}

// staticConfig's defaults of resolution and fps are the published fixed template
// of dayu, the original's successor (dayu-autostreamer/dayu, 720p and 10 fps).
type staticConfig struct {
	Plan       string   `toml:"plan" choices:"all-edge|all-cloud|golden|given" doc:"all-edge: every stage on the query's host; all-cloud; golden: all in the cloud at the best knobs, the reference of accuracy; given: as host_stages or place say"`
	Resolution string   `toml:"resolution" knob:"resolution" doc:"largest resolution; a smaller camera's is used as it is. Not for golden"`
	FPS        float64  `toml:"fps" knob:"fps" min:"0.01" max:"1000" doc:"analysed frames per second. Not for golden"`
	Encoder    string   `toml:"encoder" knob:"encoder" doc:"encoder of the scenario's knobs; empty = the first"`
	Quality    int      `toml:"quality" knob:"quality" min:"-1" max:"100" doc:"the encoder's quality; -1 = its best"`
	InFlight   int      `toml:"in_flight" min:"1" max:"64" doc:"frames of a query under way at once"`
	Buffer     int      `toml:"buffer" min:"-1" max:"1000" doc:"frames that wait when the window is full; 1 = the newest only, -1 = without bound"`
	Model      int      `toml:"model" knob:"model" min:"0" max:"255" doc:"index of the model of every stage, 0 = the most accurate. Not for golden"`
	HostStages int      `toml:"host_stages" min:"-1" max:"32" doc:"given: so many stages on the host, the others in the cloud; -1 = see place"`
	Place      []string `toml:"place" knob:"place" doc:"given: host, edge (another one), cloud or a node's id for each stage; the last holds for the stages beyond"`
}

// static plans a query once and then leaves it alone, also when a node of the
// plan fails: that is what it is to show. Where stages run follows from the
// topology and the query's id alone, not from what happens to be up: a query
// whose nodes are not up yet waits for them.
type static struct {
	staticConfig
	limit core.Resolution
}

func newStatic(c staticConfig, _ Deps) (core.Scheduler, error) {
	r, err := core.ParseResolution(c.Resolution)
	if err != nil {
		return nil, &Error{Key: "resolution", Msg: err.Error()}
	}
	if c.Buffer == 0 {
		return nil, &Error{Key: "buffer", Msg: "want at least 1, or -1"}
	}
	switch given := c.HostStages >= 0 || len(c.Place) > 0; {
	case c.Plan == "given" && !given:
		return nil, &Error{Key: "plan", Msg: "given needs host_stages or place"}
	case c.Plan != "given" && given:
		return nil, &Error{Key: "plan", Msg: "host_stages and place are for plan=given"}
	case c.HostStages >= 0 && len(c.Place) > 0:
		return nil, &Error{Key: "place", Msg: "give host_stages or place, not both"}
	}
	return core.PerQuery(&static{c, r}), nil
}

// Plan implements core.QueryScheduler.
func (s *static) Plan(v *core.View, q *core.QueryView) (core.Plan, bool) {
	video, ok := s.video(v, q)
	if !ok || s.holds(v, q, video) {
		return core.Plan{}, false
	}
	model := s.Model
	if s.staticConfig.Plan == "golden" {
		model = 0
	}
	p := core.Plan{Video: video, InFlight: s.InFlight, Buffer: s.Buffer, Stages: make([]core.Assignment, len(q.Query.Pipeline))}
	for i := range q.Query.Pipeline {
		n := s.site(v, q.Query, i, model)
		if !usable(v, q.Query.Node, n, q.Query.Pipeline[i].Service, model) {
			return core.Plan{}, false // not yet, or never: a query that has no such plan is not served
		}
		p.Stages[i] = core.Assignment{Node: n.ID, Model: model}
	}
	return p, true
}

func (s *static) video(v *core.View, q *core.QueryView) (c core.VideoConf, ok bool) {
	if q.Camera == nil {
		return c, false
	}
	golden := s.staticConfig.Plan == "golden"
	c.Resolution, c.FPS = s.limit, s.FPS
	if camera := q.Camera.Resolution; golden || c.Resolution.Width > camera.Width || c.Resolution.Height > camera.Height {
		if c.Resolution, ok = within(&v.Knobs, camera); !ok {
			return c, false
		}
	}
	if golden {
		c.FPS = q.Camera.FPS
	}
	c.Encoder, c.Quality, ok = encoder(&v.Knobs, s.Encoder)
	if s.Quality >= 0 {
		c.Quality = s.Quality
	}
	return c, ok
}

// word is what the configuration says about where a stage runs.
func (s *static) word(stage int) string {
	switch {
	case s.staticConfig.Plan == "all-edge" || s.staticConfig.Plan == "given" && stage < s.HostStages:
		return "host"
	case len(s.Place) > 0:
		return s.Place[min(stage, len(s.Place)-1)]
	}
	return "cloud"
}

// site is where a stage belongs, nil when there is no such node.
func (s *static) site(v *core.View, q *core.Query, stage, model int) *core.NodeView {
	role := core.RoleEdge
	switch w := s.word(stage); w {
	case "edge":
	case "cloud":
		if h := v.Node(q.Node); h != nil && h.Role == core.RoleCloud {
			return h // a camera in the cloud
		}
		role = core.RoleCloud
	case "host":
		return v.Node(q.Node)
	default:
		return v.Node(core.NodeID(w))
	}
	if i := assigned(v, q, q.Pipeline[stage].Service, model, role); i >= 0 {
		return &v.Nodes[i]
	}
	return nil
}

// holds reports whether the query's present plan is one that s makes, on nodes
// that may be down at present.
func (s *static) holds(v *core.View, q *core.QueryView, video core.VideoConf) bool {
	p := &q.Plan
	if p.Revision == 0 || p.Refused || p.Video != video || p.InFlight != s.InFlight || p.Buffer != s.Buffer || len(p.Stages) != len(q.Query.Pipeline) {
		return false
	}
	for i, a := range p.Stages {
		if a.Model != s.Model && s.staticConfig.Plan != "golden" || a.Model != 0 && s.staticConfig.Plan == "golden" {
			return false
		}
		var ok bool
		n := v.Node(a.Node)
		switch w := s.word(i); w {
		case "host":
			ok = a.Node == q.Query.Node
		case "cloud":
			ok = n != nil && n.Role == core.RoleCloud
		case "edge":
			ok = n != nil && n.Role == core.RoleEdge && a.Node != q.Query.Node
		default:
			ok = a.Node == core.NodeID(w)
		}
		if !ok {
			return false
		}
	}
	return true
}
