package wire

import (
	"net/http"

	"vidq/core"
)

// defaultQuality is the JPEG quality of a plan that tells none, as the original's
// do: what OpenCV's imencode takes by default.
const defaultQuality = 95

// VideoConf is how a video is cut down.
type VideoConf struct {
	Resolution Resolution `json:"resolution"`
	FPS        float64    `json:"fps" doc:"Analysed frames per second." above:"0"`
	Encoder    Encoder    `json:"encoder"`
	*VideoConfExtra
}

// VideoConfExtra is what vidq adds to a VideoConf.
type VideoConfExtra struct {
	Quality int `json:"quality" doc:"JPEG quality 1..100, or the H.264 quantiser 0..51." min:"0" max:"100"`
}

// Placement says where a service runs for a query.
type Placement struct {
	ModelID  int    `json:"model_id" doc:"Index into the service's models; 0 is the most accurate." min:"0" max:"255"`
	NodeRole Role   `json:"node_role" doc:"host is where the query's camera is."`
	NodeIP   string `json:"node_ip" most:"64"`
	*PlacementExtra
}

// PlacementExtra is what vidq adds to a Placement.
type PlacementExtra struct {
	NodeID string `json:"node_id" most:"256"`
}

// FlowMapping is where each service runs.
type FlowMapping map[string]Placement

// Plan is a plan; both fields are null before the first.
type Plan struct {
	VideoConf   *VideoConf   `json:"video_conf"`
	FlowMapping *FlowMapping `json:"flow_mapping" doc:"By service. Where two stages call one service, it tells the first one's; stages tells both."`
	*PlanExtra
}

// PlanExtra is what vidq adds to a plan.
type PlanExtra struct {
	Revision uint64            `json:"revision" doc:"Rises with every change of the query's plan." min:"1"`
	Stages   []StageAssignment `json:"stages,omitzero" doc:"Stage by stage, in the order of the pipeline." most:"32"`
	InFlight int               `json:"in_flight" doc:"Frames under way at once."`
	Buffer   int               `json:"buffer" doc:"Frames that wait when the window is full; -1 = without bound."`
	Pace     Float             `json:"pace" doc:"Upper bound of the rate at which stage inputs leave the host, bytes/s; 0 = none."`
	Pad      Float             `json:"pad,omitzero" doc:"Bytes of no use that go with each frame to a source stage elsewhere, to probe the link; 0 = none."`
	Refused  bool              `json:"refused" doc:"The query is not served at present."`
	Hash     Hash              `json:"hash" doc:"Of the whole plan but its revision."`
}

// StageAssignment says where one stage runs.
type StageAssignment struct {
	Stage   string `json:"stage,omitzero" doc:"The stage's name." most:"256"`
	NodeID  string `json:"node_id" most:"256"`
	ModelID int    `json:"model_id" min:"0" max:"255"`
}

// FromPlan returns a query's plan as it goes over the wire. q is the query whose
// plan it is.
func FromPlan(p *core.Plan, q *core.Query, b Book) Plan {
	if p.Revision == 0 {
		return Plan{}
	}
	out := Plan{
		VideoConf: &VideoConf{
			Resolution: Resolution(p.Video.Resolution), FPS: p.Video.FPS, Encoder: Encoder(p.Video.Encoder),
			VideoConfExtra: &VideoConfExtra{p.Video.Quality},
		},
		PlanExtra: &PlanExtra{
			Revision: p.Revision, InFlight: p.InFlight, Buffer: p.Buffer, Pace: Float(p.Pace), Pad: Float(p.Pad), Refused: p.Refused, Hash: Hash(p.Hash),
		},
	}
	flow := FlowMapping{}
	for i, a := range p.Stages {
		s := StageAssignment{NodeID: string(a.Node), ModelID: a.Model}
		if i < len(q.Pipeline) {
			s.Stage = q.Pipeline[i].Name
			service := q.Pipeline[i].Service
			if _, taken := flow[service]; !taken {
				flow[service] = Placement{a.Model, roleFor(b, a.Node, q.Node), ipOf(b, a.Node), &PlacementExtra{string(a.Node)}}
			}
		}
		out.Stages = append(out.Stages, s)
	}
	out.FlowMapping = &flow
	return out
}

// Core returns the plan as core knows it. Of a peer of the original, which tells
// neither revision nor stages, it takes the mapping of the services of q's pipeline and the original's
// window of one frame; the revision is 0, for the driver to fill in. Errors
// have status 404 (an unknown node) or 422.
func (p *Plan) Core(q *core.Query, b Book) (core.Plan, error) {
	if p.VideoConf == nil || p.FlowMapping == nil {
		return core.Plan{}, nil
	}
	out := core.Plan{Video: p.VideoConf.core(), InFlight: 1, Buffer: 1}
	if x := p.PlanExtra; x != nil {
		out.Revision, out.InFlight, out.Buffer = x.Revision, x.InFlight, x.Buffer
		out.Pace, out.Pad, out.Refused, out.Hash = float64(x.Pace), float64(x.Pad), x.Refused, uint64(x.Hash)
		for _, s := range x.Stages {
			out.Stages = append(out.Stages, core.Assignment{Node: core.NodeID(s.NodeID), Model: s.ModelID})
		}
		return out, nil
	}
	for _, s := range q.Pipeline {
		at, ok := (*p.FlowMapping)[s.Service]
		if !ok {
			return core.Plan{}, Errorf(http.StatusUnprocessableEntity, "flow_mapping has no service %q; name every service of the pipeline", s.Service)
		}
		n := q.Node
		if at.NodeRole != Role(core.RoleHost) {
			if n, ok = b.NodeAt(at.NodeIP); !ok {
				return core.Plan{}, Errorf(http.StatusNotFound, "flow_mapping.%s.node_ip: there is no node %q; it must have joined or stand in the scenario", s.Service, shorten(at.NodeIP, 60))
			}
		}
		out.Stages = append(out.Stages, core.Assignment{Node: n, Model: at.ModelID})
	}
	return out.Seal(), nil
}

func (v *VideoConf) core() core.VideoConf {
	c := core.VideoConf{Resolution: core.Resolution(v.Resolution), FPS: v.FPS, Encoder: string(v.Encoder), Quality: defaultQuality}
	if v.VideoConfExtra != nil {
		c.Quality = v.Quality
	}
	return c
}

// check holds that a plan is there or not.
func (p *Plan) check(say func(field, want string)) {
	switch {
	case p.VideoConf == nil && p.FlowMapping != nil, p.PlanExtra != nil && p.VideoConf == nil:
		say("video_conf", "is null, want an object: a plan has flow_mapping and video_conf")
	case p.VideoConf != nil && p.FlowMapping == nil:
		say("flow_mapping", "is null, want an object: a plan has flow_mapping and video_conf")
	}
}

// Stage is one step of a pipeline that is not a mere list.
type Stage struct {
	Name    string   `json:"name" doc:"Unique in the pipeline." most:"256"`
	Service string   `json:"service" most:"256"`
	After   []string `json:"after,omitzero" doc:"Names of earlier stages whose outputs it needs; none = it is fed with the frame." most:"32"`
}

// FromPipeline returns a pipeline as the list of its services, and its stages if
// the list does not say it all: when it branches, or when stages have other names.
func FromPipeline(p core.Pipeline) (services []string, stages []Stage) {
	services = make([]string, len(p))
	linear := true
	for i, s := range p {
		services[i] = s.Service
		after := len(s.Parents) == 0 && i == 0 || len(s.Parents) == 1 && s.Parents[0] == i-1
		linear = linear && s.Name == s.Service && after
	}
	if linear {
		return services, nil
	}
	stages = make([]Stage, len(p))
	for i, s := range p {
		stages[i] = Stage{Name: s.Name, Service: s.Service}
		for _, q := range s.Parents {
			stages[i].After = append(stages[i].After, p[q].Name)
		}
	}
	return services, stages
}

// pipeline is the inverse of FromPipeline. Errors have status 422.
func pipeline(services []string, stages []Stage) (core.Pipeline, error) {
	unfit := func(format string, args ...any) error {
		return Errorf(http.StatusUnprocessableEntity, format, args...)
	}
	p := core.Linear(services...)
	if stages != nil {
		if len(stages) != len(services) {
			return nil, unfit("stages has %d elements and pipeline %d; name the service of each stage in pipeline", len(stages), len(services))
		}
		number := make(map[string]int, len(stages))
		for i, s := range stages {
			if s.Service != services[i] {
				return nil, unfit("stages[%d].service is %q and pipeline[%d] %q; want the same", i, s.Service, i, services[i])
			}
			p[i] = core.Stage{Name: s.Name, Service: s.Service}
			for _, a := range s.After {
				at, ok := number[a]
				if !ok {
					return nil, unfit("stages[%d].after names %q, want the name of a stage before it", i, a)
				}
				p[i].Parents = append(p[i].Parents, at)
			}
			number[s.Name] = i
		}
	}
	if err := p.Validate(); err != nil {
		return nil, unfit("pipeline: %v", err)
	}
	return p, nil
}

// PlainPipeline reports why a peer of the original cannot run a pipeline: there it is a
// list in which every service stands once.
func PlainPipeline(p core.Pipeline) error {
	if err := p.Validate(); err != nil {
		return Errorf(http.StatusUnprocessableEntity, "pipeline: %v", err)
	}
	if _, stages := FromPipeline(p); stages != nil {
		return Errorf(http.StatusUnprocessableEntity,
			"the pipeline branches or calls a service twice, which nodes of the original cannot run; use a node of vidq")
	}
	return nil
}
