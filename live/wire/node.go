package wire

import (
	"vidq/core"
)

// Join introduces a node: POST /node/join. The original sends one for each video;
// vidq sends one for the node, with all cameras.
type Join struct {
	NodePort  int     `json:"node_port" doc:"Port of the node's job manager." min:"0" max:"65535"`
	VideoID   *int    `json:"video_id,omitzero" unless:"node_id" min:"0"`
	VideoType *string `json:"video_type,omitzero" unless:"node_id" doc:"What the video shows." most:"1024"`
	*JoinExtra
}

// JoinExtra is what vidq adds to a Join.
type JoinExtra struct {
	NodeID      string    `json:"node_id" most:"256"`
	NodeAddr    string    `json:"node_addr,omitzero" doc:"Where the node's job manager is reached, if not at the caller's ip." most:"256"`
	Incarnation uint64    `json:"incarnation" doc:"Counts the starts of the node."`
	Role        Role      `json:"role"`
	Class       string    `json:"class" doc:"Kind of machine, as the knowledge base names it." most:"256"`
	Capacity    Capacity  `json:"capacity"`
	Services    []Service `json:"services,omitzero"`
	Cameras     []Camera  `json:"cameras,omitzero"`
}

// Capacity is what a node has.
type Capacity struct {
	Cores  Float `json:"cores"`
	GPUs   Float `json:"gpus" doc:"Slots."`
	Memory Float `json:"memory_bytes" doc:"0 = not known, unlimited."`
}

// Service is a service at a node.
type Service struct {
	Name     string `json:"service" most:"256"`
	Workers  int    `json:"workers"`
	ModelID  int    `json:"model_id" doc:"The model that is loaded; -1 = none yet."`
	MaxBatch int    `json:"max_batch"`
	Queue    int    `json:"queue" doc:"Waiting requests."`
	Busy     int    `json:"busy" doc:"Workers at work."`
}

// Camera is a video source at a node.
type Camera struct {
	CameraID   string     `json:"camera_id" most:"256"`
	NodeID     string     `json:"node_id" most:"256"`
	Mode       Mode       `json:"mode"`
	FPS        Float      `json:"fps" doc:"Camera frames per second."`
	Resolution Resolution `json:"resolution"`
	Length     int64      `json:"length" doc:"Frames of the video; 0 = without end."`
	Loop       bool       `json:"loop"`
	Kind       string     `json:"type" doc:"What it shows, for people." most:"1024"`
	Class      string     `json:"class" doc:"Content class, as the knowledge base names it." most:"256"`
}

// FromJoin returns a node's introduction. nodeAddr is where it is reached; the
// first camera stands in the original's fields.
func FromJoin(m *core.Join, nodeAddr string) *Join {
	j := &Join{
		NodePort: portOf(nodeAddr),
		JoinExtra: &JoinExtra{
			NodeID: string(m.Node), NodeAddr: nodeAddr, Incarnation: uint64(m.Incarnation), Role: Role(m.Role), Class: m.Class,
			Capacity: fromCapacity(m.Capacity), Services: each(m.Services, fromService), Cameras: each(m.Cameras, fromCamera),
		},
	}
	if len(m.Cameras) > 0 {
		first := 0
		j.VideoID, j.VideoType = &first, &m.Cameras[0].Kind
	}
	return j
}

// Core returns the introduction of a vidq node; nil for a node of the original,
// which the driver introduces by what the scenario says of its address.
func (j *Join) Core() *core.Join {
	x := j.JoinExtra
	if x == nil {
		return nil
	}
	return &core.Join{
		Node: core.NodeID(x.NodeID), Incarnation: core.Incarnation(x.Incarnation), Role: core.Role(x.Role), Class: x.Class,
		Capacity: x.Capacity.core(), Services: each(x.Services, Service.core), Cameras: each(x.Cameras, Camera.core),
	}
}

// each maps a list; an empty one is nil.
func each[A, B any](in []A, f func(A) B) []B {
	if len(in) == 0 {
		return nil
	}
	out := make([]B, len(in))
	for i := range in {
		out[i] = f(in[i])
	}
	return out
}

func fromCapacity(c core.Capacity) Capacity {
	return Capacity{Float(c.Cores), Float(c.GPUs), Float(c.Memory)}
}

func (c Capacity) core() core.Capacity {
	return core.Capacity{Cores: float64(c.Cores), GPUs: float64(c.GPUs), Memory: float64(c.Memory)}
}

func fromService(s core.ServiceView) Service {
	return Service{s.Name, s.Workers, s.Model, s.MaxBatch, s.Queue, s.Busy}
}

func (s Service) core() core.ServiceView {
	return core.ServiceView{Name: s.Name, Workers: s.Workers, Model: s.ModelID, MaxBatch: s.MaxBatch, Queue: s.Queue, Busy: s.Busy}
}

func fromCamera(c core.Camera) Camera {
	return Camera{string(c.ID), string(c.Node), Mode(c.Mode), Float(c.FPS), Resolution(c.Resolution), c.Length, c.Loop, c.Kind, c.Class}
}

func (c Camera) core() core.Camera {
	return core.Camera{
		ID: core.CameraID(c.CameraID), Node: core.NodeID(c.NodeID), Mode: core.Mode(c.Mode), FPS: float64(c.FPS),
		Resolution: core.Resolution(c.Resolution), Length: c.Length, Loop: c.Loop, Kind: c.Kind, Class: c.Class,
	}
}

// JoinAnswer answers a Join.
type JoinAnswer struct {
	Status   int    `json:"status"`
	Msg      string `json:"msg"`
	NodeAddr string `json:"node_addr" doc:"The address by which the node is known from now on."`
	*JoinAckExtra
}

// JoinAckExtra is what vidq adds to a JoinAnswer.
type JoinAckExtra struct {
	NodeID      string `json:"node_id" most:"256"`
	Incarnation uint64 `json:"incarnation"`
}

// FromJoinAck returns the answer to a Join; nil for m answers a node of the original.
func FromJoinAck(m *core.JoinAck, nodeAddr string) *JoinAnswer {
	a := &JoinAnswer{Msg: "joined one video to query_manager", NodeAddr: nodeAddr}
	if m != nil {
		a.Msg = "the node has joined"
		a.JoinAckExtra = &JoinAckExtra{string(m.Node), uint64(m.Incarnation)}
	}
	return a
}

// Core returns the acknowledgement; nil if the manager is the original's.
func (a *JoinAnswer) Core() *core.JoinAck {
	if a.JoinAckExtra == nil {
		return nil
	}
	return &core.JoinAck{Node: core.NodeID(a.NodeID), Incarnation: core.Incarnation(a.Incarnation)}
}

// Heartbeat tells how a node is: POST /node/heartbeat.
type Heartbeat struct {
	NodeID      string          `json:"node_id" most:"256"`
	Incarnation uint64          `json:"incarnation"`
	Number      uint64          `json:"number" doc:"Rises; an older one is ignored."`
	Jobs        []JobStatus     `json:"jobs,omitzero"`
	Capacity    Capacity        `json:"capacity"`
	Load        Load            `json:"load"`
	Services    []ServiceSample `json:"services,omitzero"`
	Links       []Link          `json:"links,omitzero" doc:"Estimates of the node's outgoing calls."`
	Charges     uint64          `json:"charges" doc:"Highest number of charged work done or under way."`
}

// JobStatus is a job as its node tells it.
type JobStatus struct {
	JobUID    ID     `json:"job_uid"`
	Revision  uint64 `json:"revision" doc:"Of the plan that it runs."`
	State     int    `json:"state" doc:"0 unscheduled, 1 ready, 2 running, 3 done, 4 stopped, 5 failed." min:"0" max:"5"`
	StateName State  `json:"state_name"`
	Next      int64  `json:"next" doc:"Camera frame that will be taken next."`
	Gone      bool   `json:"gone,omitzero" doc:"The node has no such job."`
}

// check holds that the state's number and name agree.
func (s *JobStatus) check(say func(field, want string)) {
	if s.State != int(s.StateName) {
		say("state_name", "is not the name of state, want "+core.State(s.State).String())
	}
}

// Load is what a node's last second was like.
type Load struct {
	CPU    Float `json:"cpu" doc:"Utilisation, 0..1."`
	GPU    Float `json:"gpu" doc:"Utilisation, 0..1."`
	Memory Float `json:"memory_bytes"`
	Power  Float `json:"power_w"`
}

// ServiceSample is a service's last second at a node.
type ServiceSample struct {
	Service
	Revision uint64    `json:"revision" doc:"Of the settings that it runs."`
	Calls    int64     `json:"calls" doc:"Answered since the node started."`
	Rejected int64     `json:"rejected" doc:"Since the node started."`
	BusyTime core.Time `json:"busy_ns" doc:"Workers' time spent since the node started, ns."`
	Memory   Float     `json:"memory_bytes" doc:"Held by its workers."`
}

// Link is one direction between two nodes.
type Link struct {
	From    string    `json:"from" most:"256"`
	To      string    `json:"to" most:"256"`
	Rate    Float     `json:"rate" doc:"Bytes per second."`
	RTT     core.Time `json:"rtt_ns"`
	Age     core.Time `json:"age_ns" doc:"Of the newest sample."`
	Samples int       `json:"samples"`
	Least   Float     `json:"least" doc:"Bytes per second that a call got lately, where no rate can be told."`
}

// FromHeartbeat returns a heartbeat.
func FromHeartbeat(m *core.Heartbeat) *Heartbeat {
	return &Heartbeat{
		NodeID: string(m.Node), Incarnation: uint64(m.Incarnation), Number: m.Number, Jobs: each(m.Jobs, FromJobStatus),
		Capacity: fromCapacity(m.Capacity), Load: Load{Float(m.Load.CPU), Float(m.Load.GPU), Float(m.Load.Memory), Float(m.Load.Power)},
		Services: each(m.Services, func(s core.ServiceSample) ServiceSample {
			return ServiceSample{fromService(s.ServiceView), s.Revision, s.Calls, s.Rejected, s.BusyTime, Float(s.Memory)}
		}),
		Links: each(m.Links, func(l core.LinkView) Link {
			return Link{string(l.From), string(l.To), Float(l.Rate), l.RTT, l.Age, l.Samples, Float(l.Least)}
		}),
		Charges: m.Charges,
	}
}

// Core returns the heartbeat.
func (h *Heartbeat) Core() *core.Heartbeat {
	l := h.Load
	return &core.Heartbeat{
		Node: core.NodeID(h.NodeID), Incarnation: core.Incarnation(h.Incarnation), Number: h.Number, Jobs: each(h.Jobs, JobStatus.core),
		Capacity: h.Capacity.core(),
		Load:     core.NodeLoad{CPU: float64(l.CPU), GPU: float64(l.GPU), Memory: float64(l.Memory), Power: float64(l.Power)},
		Services: each(h.Services, func(s ServiceSample) core.ServiceSample {
			return core.ServiceSample{
				ServiceView: s.core(), Revision: s.Revision, Calls: s.Calls, Rejected: s.Rejected, BusyTime: s.BusyTime, Memory: float64(s.Memory),
			}
		}),
		Links: each(h.Links, func(l Link) core.LinkView {
			return core.LinkView{
				From: core.NodeID(l.From), To: core.NodeID(l.To),
				LinkEstimate: core.LinkEstimate{Rate: float64(l.Rate), RTT: l.RTT, Age: l.Age, Samples: l.Samples, Least: float64(l.Least)},
			}
		}),
		Charges: h.Charges,
	}
}

// FromJobStatus returns a job's status.
func FromJobStatus(s core.JobStatus) JobStatus {
	return JobStatus{ID(s.Query), s.Revision, int(s.State), State(s.State), s.Next, s.Gone}
}

func (s JobStatus) core() core.JobStatus {
	return core.JobStatus{Query: core.QueryID(s.JobUID), Revision: s.Revision, State: core.State(s.StateName), Next: s.Next, Gone: s.Gone}
}

// HeartbeatAnswer answers a Heartbeat.
type HeartbeatAnswer struct {
	Status      int    `json:"status"`
	NodeID      string `json:"node_id" most:"256"`
	Incarnation uint64 `json:"incarnation"`
	Number      uint64 `json:"number"`
	Known       bool   `json:"known" doc:"false asks the node to join again."`
}

// FromHeartbeatAck returns the answer to a heartbeat.
func FromHeartbeatAck(m *core.HeartbeatAck) *HeartbeatAnswer {
	return &HeartbeatAnswer{NodeID: string(m.Node), Incarnation: uint64(m.Incarnation), Number: m.Number, Known: m.Known}
}

// Core returns the acknowledgement.
func (a *HeartbeatAnswer) Core() *core.HeartbeatAck {
	return &core.HeartbeatAck{Node: core.NodeID(a.NodeID), Incarnation: core.Incarnation(a.Incarnation), Number: a.Number, Known: a.Known}
}
