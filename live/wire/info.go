package wire

import (
	"vidq/core"
)

// Runtime is a runtime context: the answer of get_runtime, {} before there is one.
// The node's own (/job/get_runtime) tells no delay.
type Runtime struct {
	Delay     *float64 `json:"delay,omitzero" doc:"Amortised delay, seconds."`
	ObjN      *float64 `json:"obj_n,omitzero" doc:"Objects, mean count."`
	ObjSize   *float64 `json:"obj_size,omitzero" doc:"Their mean box area, pixels of the analysed frame."`
	ObjStable *bool    `json:"obj_stable,omitzero" doc:"The count hardly changes."`
	*RuntimeExtra
}

// RuntimeExtra is what vidq adds to a runtime context.
type RuntimeExtra struct {
	Frames       int       `json:"frames" doc:"Observed."`
	DelayNS      core.Time `json:"delay_ns"`
	LatencyNS    core.Time `json:"latency_ns" doc:"Mean of capture to result."`
	LatencyP95NS core.Time `json:"latency_p95_ns"`
	ObjArea      Float     `json:"obj_area" doc:"Mean box area, fraction of the frame."`
	ObjKnown     bool      `json:"obj_known"`
}

// FromRuntime returns a query's runtime context, as the query manager tells it.
func FromRuntime(r core.RuntimeInfo) Runtime {
	out := FromJobRuntime(r)
	if r.Frames > 0 {
		delay := r.Delay.Seconds()
		out.Delay = &delay
	}
	return out
}

// FromJobRuntime returns a job's runtime context, as its node tells it.
func FromJobRuntime(r core.RuntimeInfo) Runtime {
	if r.Frames == 0 {
		return Runtime{}
	}
	out := Runtime{RuntimeExtra: &RuntimeExtra{r.Frames, r.Delay, r.Latency, r.LatencyP95, Float(r.ObjArea), r.ObjKnown}}
	if r.ObjKnown {
		out.ObjN, out.ObjSize, out.ObjStable = &r.ObjN, &r.ObjSize, &r.ObjStable
	}
	return out
}

// Core returns the runtime context. Of the original, which does not tell how many frames it has seen,
// one that tells anything counts as one frame.
func (r *Runtime) Core() core.RuntimeInfo {
	var out core.RuntimeInfo
	if r.Delay != nil {
		out.Frames, out.Delay = 1, core.FromSeconds(*r.Delay)
	}
	if r.ObjN != nil {
		out.Frames, out.ObjKnown, out.ObjN = 1, true, *r.ObjN
	}
	if r.ObjSize != nil {
		out.ObjSize = *r.ObjSize
	}
	if r.ObjStable != nil {
		out.ObjStable = *r.ObjStable
	}
	if x := r.RuntimeExtra; x != nil {
		out.Frames, out.Delay, out.Latency, out.LatencyP95 = x.Frames, x.DelayNS, x.LatencyNS, x.LatencyP95NS
		out.ObjArea, out.ObjKnown = float64(x.ObjArea), x.ObjKnown
	}
	return out
}

// VideoInfo answers GET /node/get_video_info: by node_addr, by video id.
type VideoInfo map[string]map[string]Video

// Video is a video in a VideoInfo.
type Video struct {
	Type string `json:"type" doc:"What it shows, for people."`
	*VideoExtra
}

// VideoExtra is what vidq adds to a Video.
type VideoExtra struct {
	PlaceExtra
	Mode       Mode       `json:"mode"`
	FPS        float64    `json:"fps" doc:"Camera frames per second."`
	Resolution Resolution `json:"resolution"`
	Up         bool       `json:"up" doc:"The node is up."`
}

// FromVideo returns a camera as a VideoInfo tells it.
func FromVideo(c core.Camera, up bool) Video {
	return Video{c.Kind, &VideoExtra{PlaceExtra{string(c.Node), string(c.ID)}, Mode(c.Mode), c.FPS, Resolution(c.Resolution), up}}
}

// ServiceList answers GET /get_service_list.
type ServiceList []string

// ResourceInfo answers GET /get_resource_info: by role (host, edge, cloud), by ip, by service.
type ResourceInfo map[string]map[string]map[string]Resource

// Resource is what a service takes of a node.
type Resource struct {
	NProcess int     `json:"n_process" doc:"Workers." min:"0"`
	CPURatio float64 `json:"cpu_ratio" doc:"Share of the node's cores in use, 0..1." min:"0"`
	MemRatio float64 `json:"mem_ratio" doc:"Share of the node's memory in use, 0..1." min:"0"`
}

// ClusterInfo answers GET /get_cluster_info: by ip.
type ClusterInfo map[string]ClusterNode

// ClusterNode is a node in a ClusterInfo.
type ClusterNode struct {
	NodeRole Role    `json:"node_role"`
	NCPU     float64 `json:"n_cpu" doc:"Cores." min:"0"`
	CPURatio float64 `json:"cpu_ratio" doc:"Load of the cores, per cent." min:"0"`
	*ClusterExtra
}

// ClusterExtra is what vidq adds to a ClusterNode.
type ClusterExtra struct {
	NodeID string `json:"node_id" most:"256"`
	Class  string `json:"class" most:"256"`
	Up     bool   `json:"up"`

	Links []ClusterLink `json:"links,omitzero" doc:"What the node's own calls tell of its links."`
}

// ClusterLink is what a node's calls tell of the way to another.
type ClusterLink struct {
	To      string   `json:"to" doc:"A node_id." most:"256"`
	Rate    *float64 `json:"rate_bytes_per_s,omitzero" doc:"Measured; missing while no calls tell it." min:"0"`
	Samples int      `json:"samples" doc:"Behind the rate; 0 = it is not known." min:"0"`
	Age     float64  `json:"age_s" doc:"Of the newest sample, seconds." min:"0"`
	RTT     float64  `json:"rtt_s" doc:"The smallest round trip, seconds; while no calls tell it, what the scenario says, at the node itself 0." min:"0"`
}

// FromLinks returns what is known of the links that begin at a node.
func FromLinks(node core.NodeID, all []core.LinkView) []ClusterLink {
	var out []ClusterLink
	for i := range all {
		l := &all[i]
		if l.From != node {
			continue
		}
		c := ClusterLink{To: string(l.To), Samples: l.Samples, RTT: l.RTT.Seconds()}
		if l.Samples > 0 {
			rate := l.Rate
			c.Rate, c.Age = &rate, l.Age.Seconds()
		}
		out = append(out, c)
	}
	return out
}

// AddrUpdate tells a side channel where a query's video is: POST /user/update_node_addr.
type AddrUpdate struct {
	JobUID   ID     `json:"job_uid"`
	NodeAddr string `json:"node_addr" doc:"ip:port of the node's side channel." most:"256"`
}

// FromAddrUpdate returns the address of a query's side channel.
func FromAddrUpdate(q core.QueryID, addr string) AddrUpdate { return AddrUpdate{ID(q), addr} }

// Answer returns the answer to an AddrUpdate.
func (u AddrUpdate) Answer() *AddrAnswer {
	return &AddrAnswer{"update <job_uid, addr> (<" + FormatID(core.QueryID(u.JobUID)) + ", " + u.NodeAddr + ">) to cloud"}
}

// AddrAnswer answers an AddrUpdate.
type AddrAnswer struct {
	Msg string `json:"msg"`
}

// Health answers GET /healthz and /readyz.
type Health struct {
	Status      int    `json:"status" doc:"0 = well."`
	Msg         string `json:"msg"`
	EpochUnixNS int64  `json:"epoch_unix_ns,omitzero" doc:"The instant from which the process counts its testbed's time, nanoseconds since 1970."`
}
