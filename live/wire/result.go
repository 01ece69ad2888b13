package wire

import (
	"math"

	"vidq/core"
)

// Result is one frame's outcome with all that core knows of it, to the bit.
type Result struct {
	JobUID      ID        `json:"job_uid"`
	Seq         uint64    `json:"seq" doc:"Of the node's incarnation, from 1."`
	Outcome     Outcome   `json:"outcome"`
	Reason      Reason    `json:"reason,omitzero" doc:"Why it was dropped or failed."`
	CameraFrame int64     `json:"camera_frame"`
	Captured    core.Time `json:"captured_ns"`
	Frame       int64     `json:"frame" doc:"The job's number of the frame, from 0."`
	Revision    uint64    `json:"revision" doc:"Of the plan that it ran under."`
	At          core.Time `json:"at_ns" doc:"When the result was ready."`
	Latency     core.Time `json:"latency_ns" doc:"Capture to result."`
	RoundTrip   core.Time `json:"round_trip_ns" doc:"Sum of the stages' round trips."`
	Gap         int64     `json:"gap" doc:"Camera frames since the one processed before."`
	Encode      core.Time `json:"encode_ns"`
	Objects     Float     `json:"objects"`
	Size        Float     `json:"obj_size_px" doc:"Mean box area, pixels of the analysed frame."`
	Area        Float     `json:"obj_area" doc:"Mean box area, fraction of the frame."`
	Known       bool      `json:"obj_known" doc:"A stage told objects, size and area."`
	Calls       []Call    `json:"calls,omitzero" doc:"One for each stage of the pipeline."`
	Counts      Counts    `json:"count_result,omitzero" doc:"What the last stage counted."`
}

// Call is what one stage call told.
type Call struct {
	NodeID    string    `json:"node_id" most:"256"`
	ModelID   int       `json:"model_id"`
	RoundTrip core.Time `json:"round_trip_ns"`
	Work      core.Time `json:"work_ns"`
	Wait      core.Time `json:"wait_ns"`
	Transfer  core.Time `json:"transfer_ns"`
	Bytes     Float     `json:"bytes"`
	Attempts  int       `json:"attempts"`
}

// FromResult returns a result; counts are what the last stage counted, which core
// does not know (nil = nothing).
func FromResult(r *core.Result, counts Counts) Result {
	o := &r.Obs
	return Result{
		JobUID: ID(o.Query), Seq: r.Seq, Outcome: Outcome(r.Outcome), Reason: Reason(r.Reason), CameraFrame: r.CameraFrame,
		Captured: r.Captured, Frame: o.Frame, Revision: o.Revision, At: o.At, Latency: o.Latency, RoundTrip: o.RoundTrip,
		Gap: o.Gap, Encode: o.Encode, Objects: Float(o.Objects), Size: Float(o.Size), Area: Float(o.Area), Known: o.Known,
		Calls: each(o.Calls, func(c core.Call) Call {
			return Call{string(c.Node), c.Model, c.RoundTrip, c.Work, c.Wait, c.Transfer, Float(c.Bytes), c.Attempts}
		}),
		Counts: counts,
	}
}

// Core returns the result.
func (r *Result) Core() core.Result {
	return core.Result{
		Seq: r.Seq, Outcome: core.Outcome(r.Outcome), Reason: core.Reason(r.Reason), CameraFrame: r.CameraFrame, Captured: r.Captured,
		Obs: core.Observation{
			Query: core.QueryID(r.JobUID), Frame: r.Frame, Revision: r.Revision, At: r.At, Latency: r.Latency, RoundTrip: r.RoundTrip,
			Gap: r.Gap, Encode: r.Encode, Objects: float64(r.Objects), Size: float64(r.Size), Area: float64(r.Area), Known: r.Known,
			Calls: each(r.Calls, func(c Call) core.Call {
				return core.Call{
					Node: core.NodeID(c.NodeID), Model: c.ModelID, RoundTrip: c.RoundTrip, Work: c.Work, Wait: c.Wait,
					Transfer: c.Transfer, Bytes: float64(c.Bytes), Attempts: c.Attempts,
				}
			}),
		},
	}
}

// SyncResults hands over a batch of results: POST /query/sync_results. Results are numbered
// first, first+1, ...
type SyncResults struct {
	NodeID      string   `json:"node_id" most:"256"`
	Incarnation uint64   `json:"incarnation"`
	First       uint64   `json:"first"`
	Results     []Result `json:"results"`
}

// FromSyncResults returns a batch; counts tells what the last stage counted for result i,
// and may be nil.
func FromSyncResults(m *core.SyncResults, counts func(i int) Counts) *SyncResults {
	out := &SyncResults{string(m.Node), uint64(m.Incarnation), m.First, make([]Result, len(m.Results))}
	for i := range m.Results {
		var c Counts
		if counts != nil {
			c = counts(i)
		}
		out.Results[i] = FromResult(&m.Results[i], c)
	}
	return out
}

// Core returns the batch.
func (s *SyncResults) Core() *core.SyncResults {
	m := &core.SyncResults{Node: core.NodeID(s.NodeID), Incarnation: core.Incarnation(s.Incarnation), First: s.First}
	if len(s.Results) > 0 {
		m.Results = make([]core.Result, len(s.Results))
	}
	for i := range s.Results {
		m.Results[i] = s.Results[i].Core()
	}
	return m
}

// SyncAnswer answers SyncResult and SyncResults. The original answers the former with status
// 500 whatever comes.
type SyncAnswer struct {
	Status int `json:"status"`
	*SyncAckExtra
}

// SyncAckExtra tells up to where results are durable.
type SyncAckExtra struct {
	Incarnation uint64 `json:"incarnation"`
	Seq         uint64 `json:"seq" doc:"All results up to this number are durable."`
}

// FromSyncAck returns the answer to results.
func FromSyncAck(m *core.SyncAck) *SyncAnswer {
	return &SyncAnswer{SyncAckExtra: &SyncAckExtra{uint64(m.Incarnation), m.Seq}}
}

// Core returns the acknowledgement; nil if the manager is the original's.
func (a *SyncAnswer) Core() *core.SyncAck {
	if a.SyncAckExtra == nil {
		return nil
	}
	return &core.SyncAck{Incarnation: core.Incarnation(a.Incarnation), Seq: a.Seq}
}

// Frame is a processed frame as the original tells it: the last stage's output with
// the plan and the runtime context beside it.
type Frame struct {
	Counts     Counts    `json:"count_result,omitzero"`
	Boxes      []Box     `json:"bbox,omitzero"`
	Prob       []float64 `json:"prob,omitzero"`
	FrameID    float64   `json:"frame_id" doc:"Number of the camera frame, from 1."`
	NLoop      int64     `json:"n_loop" doc:"Number of the processed frame, from 1." min:"0"`
	Delay      float64   `json:"delay" doc:"Amortised delay, seconds." min:"0" max:"1e6"`
	ExtPlan    Plan      `json:"ext_plan"`
	ExtRuntime Runtime   `json:"ext_runtime"`
}

// FromFrame returns a processed frame. plan is the one that it ran under, counts
// what the last stage counted. stable is the runtime context's ObjStable at the frame.
func FromFrame(r *core.Result, plan Plan, counts Counts, stable bool) Frame {
	delay := r.Obs.Delay().Seconds()
	f := Frame{
		Counts: counts, FrameID: float64(r.CameraFrame + 1), NLoop: r.Obs.Frame + 1, Delay: delay, ExtPlan: plan,
		ExtRuntime: Runtime{Delay: &delay},
	}
	if r.Obs.Known {
		n, size := r.Obs.Objects, r.Obs.Size
		f.ExtRuntime.ObjN, f.ExtRuntime.ObjSize, f.ExtRuntime.ObjStable = &n, &size, &stable
	}
	return f
}

// SyncResult hands over one frame: POST /query/sync_result.
type SyncResult struct {
	JobUID    ID        `json:"job_uid"`
	JobResult JobResult `json:"job_result"`
	*ResultExtra
}

// JobResult holds the frame of a SyncResult.
type JobResult struct {
	AppendedResult Frame `json:"appended_result"`
}

// ResultExtra is what vidq adds to a SyncResult.
type ResultExtra struct {
	NodeID      string `json:"node_id" most:"256"`
	Incarnation uint64 `json:"incarnation"`
	Result      Result `json:"result"`
}

// FromSyncResult returns the results of one frame, for a manager of the original
// (with EncodePlain) or of vidq.
func FromSyncResult(n core.NodeID, inc core.Incarnation, r *core.Result, f Frame) *SyncResult {
	return &SyncResult{ID(r.Obs.Query), JobResult{f}, &ResultExtra{string(n), uint64(inc), FromResult(r, f.Counts)}}
}

// Core returns the result of a vidq node as a batch of one; nil for a node of the original, see Observed.
func (s *SyncResult) Core() *core.SyncResults {
	x := s.ResultExtra
	if x == nil {
		return nil
	}
	return &core.SyncResults{
		Node: core.NodeID(x.NodeID), Incarnation: core.Incarnation(x.Incarnation), First: x.Result.Seq, Results: []core.Result{x.Result.Core()},
	}
}

// Observed returns what a frame of a node of the original taught; seq is the
// number that the driver gives it on arrival, at the time of arrival, gap the camera frames since the
// query's frame before (at least 1), revision that of the plan it was last given.
//
// The original divides the sum of the round trips by gap+1, where vidq divides by gap:
// the sum is restored. Neither capture time nor stages are told: the
// frame counts as captured a sum of round trips before it arrived.
func (s *SyncResult) Observed(seq uint64, at core.Time, gap int64, revision uint64) core.Result {
	f := &s.JobResult.AppendedResult
	gap = max(gap, 1)
	sum := core.FromSeconds(f.Delay * float64(gap+1))
	r := core.Result{
		Seq: seq, CameraFrame: f.Number(), Captured: at - sum,
		Obs: core.Observation{
			Query: core.QueryID(s.JobUID), Frame: max(f.NLoop-1, 0), Revision: revision, At: at, Latency: sum, RoundTrip: sum, Gap: gap,
		},
	}
	if run := &f.ExtRuntime; run.ObjN != nil {
		r.Obs.Known, r.Obs.Objects = true, *run.ObjN
		if run.ObjSize != nil {
			r.Obs.Size = *run.ObjSize
			if v := f.ExtPlan.VideoConf; v != nil {
				r.Obs.Area = r.Obs.Size / float64(core.Resolution(v.Resolution).Pixels())
			}
		}
	}
	return r
}

// Number turns the original's number of a camera frame, a float from 1, into core's, from 0.
func (f *Frame) Number() int64 {
	return int64(math.Min(math.Max(f.FrameID-1, 0), 1<<53))
}

// Results answers GET /query/get_result/ID and get_agg_info/ID; null before the first result.
type Results struct {
	AppendedResult []Frame `json:"appended_result" doc:"The last ten, oldest first."`
	LatestResult   Latest  `json:"latest_result"`
}

// MaxAppended is how many frames Results holds.
const MaxAppended = 10

// Latest is the newest frame's plan and the seconds of its stages; empty from the original's server.
type Latest struct {
	Plan       *Plan       `json:"plan,omitzero"`
	PlanResult *PlanResult `json:"plan_result,omitzero"`
}

// PlanResult tells what a plan brought.
type PlanResult struct {
	Delay map[string]float64 `json:"delay" doc:"Round trip of each service, seconds."`
}

// FromFrames returns a query's last frames, at most MaxAppended of them; last is the result of the newest,
// q the query. Without frames there is no answer yet: nil, which is written as null.
func FromFrames(frames []Frame, last *core.Result, q *core.Query) *Results {
	if len(frames) == 0 {
		return nil
	}
	out := &Results{AppendedResult: frames[max(0, len(frames)-MaxAppended):]}
	if last == nil || len(last.Obs.Calls) == 0 {
		return out
	}
	delay := map[string]float64{}
	sums := map[string]core.Time{}
	for i, c := range last.Obs.Calls {
		if i < len(q.Pipeline) {
			service := q.Pipeline[i].Service
			sums[service] += c.RoundTrip // two stages may call one service
			delay[service] = sums[service].Seconds()
		}
	}
	plan := frames[len(frames)-1].ExtPlan
	out.LatestResult = Latest{&plan, &PlanResult{delay}}
	return out
}
