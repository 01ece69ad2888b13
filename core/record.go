package core

import (
	"encoding/binary"
	"math"
)

// Record tells what happened, to whoever counts: result documents, metrics, run
// folders, hashes. Everything that is reported of a run comes from records.
// A record is valid during the call that passes it.
type Record interface {
	// AppendBinary appends the record's fixed binary form, in which integers are
	// little-endian, floats their bits and strings zero-terminated.
	AppendBinary(b []byte) []byte
}

// Outcome is what became of a frame that was due.
type Outcome uint8

// The outcomes.
const (
	OutcomeDone Outcome = iota
	OutcomeDropped
	OutcomeFailed
)

// String returns the outcome's name.
func (o Outcome) String() string { return [...]string{"done", "dropped", "failed"}[o] }

// Reason says why a frame was dropped or failed.
type Reason uint8

// The reasons. ReasonNoPlan, ReasonRefused and ReasonNodeDown are told of frames
// that no job could take, and are counted by the driver.
const (
	ReasonNone        Reason = iota
	ReasonOverrun            // a newer frame took its place in the buffer
	ReasonDeadline           // its deadline passed
	ReasonStopped            // the query was stopped
	ReasonNoPlan             // there was no plan yet
	ReasonRefused            // the scheduler refused the query
	ReasonNodeDown           // the host was down
	ReasonTimeout            // a stage's last attempt was not answered
	ReasonUnreachable        // a stage's node could not be reached
	ReasonRejected           // a stage's queue was full
	ReasonService            // a service failed or is unknown to the node
	numReasons
)

// NumReasons is the number of reasons.
const NumReasons = int(numReasons)

// String returns the reason's name; "" for ReasonNone.
func (r Reason) String() string {
	return [...]string{
		"", "overrun", "deadline", "stopped", "no_plan", "refused", "node_down",
		"timeout", "unreachable", "rejected", "service",
	}[r]
}

// Part of a frame's latency.
const (
	PartQueueCamera  = iota // from capture until the job took it, and pacing
	PartEncode              // encoding at the host
	PartTransfer            // requests on their way, and the call's overhead
	PartQueueService        // in services' queues
	PartCompute             // at work
	PartReturn              // answers on their way
	NumParts
)

// partNames names the parts of a frame's latency in order.
var partNames = [NumParts]string{"queue_camera", "encode", "transfer", "queue_service", "compute", "return"}

// PartName returns the name of a part of a frame's latency.
func PartName(part int) string { return partNames[part] }

// The records.
type (
	// FrameRecord is the outcome of one due frame. The drivers fill in what the
	// world alone knows: Fresh, Decay and ContentFrame.
	FrameRecord struct {
		At          Time // when the outcome was known
		Node        NodeID
		Query       QueryID
		Frame       int64 // the job's number
		CameraFrame int64
		Captured    Time
		Revision    uint64
		Video       VideoConf
		Gap         int64 // camera frames since the one processed before, at least 1
		Outcome     Outcome
		Reason      Reason
		Latency     Time
		RoundTrip   Time // sum over stages
		Objects     float64
		Area        float64        // mean box area, fraction of the frame
		Breakdown   [NumParts]Time // along the critical path; sums to Latency
		Attempts    int

		ContentFrame int64   // frame of the content trace that was shown, -1 = none
		Fresh        float64 // accuracy of the result at age 0; NaN = not known
		Decay        float64 // rate at which it ages, 1/s: accuracy at age a is Fresh*exp(-Decay*a)
	}
	// StageRecord is one attempt of one stage.
	StageRecord struct {
		At       Time
		Node     NodeID // host
		Ref      CallRef
		On       NodeID
		Service  string
		Model    int
		Err      CallError
		Encode   Time
		Transfer Time
		Wait     Time
		Work     Time
		Return   Time
		Sent     float64
		Got      float64
	}
	// PlanRecord is a plan that a node began to apply.
	PlanRecord struct {
		At    Time
		Node  NodeID
		Query QueryID
		Plan  Plan // must not be kept
	}
	// QueryRecord is a query's life: State StateUnscheduled when the manager has
	// accepted it, an ended state when it has ended.
	QueryRecord struct {
		At    Time
		Query QueryID
		Key   string
		Node  NodeID
		State State
	}
	// RoundRecord is one scheduling round.
	RoundRecord struct {
		At       Time
		Round    uint64
		Queries  int
		Changed  int // plans that differ from those before
		Refused  int
		Invalid  int // plans that were not applied because they cannot be carried out
		Settings int // service settings that differ from those before
		Charges  int
	}
	// NodeSample is what a node was like in the Span before At: a second, but less at a run's
	// end and more after an outage. Means over samples weigh them by it.
	NodeSample struct {
		At     Time
		Span   Time
		Node   NodeID
		Load   NodeLoad
		Energy float64 // joules since the start
		Queue  int     // requests waiting at the node's services
		Lost   int64   // results that overflowed the ring, since the start
	}
	// ServiceRecord is a service's last second at a node.
	ServiceRecord struct {
		At      Time
		Node    NodeID
		Service ServiceSample
	}
	// LinkRecord is what a link was like in the Span before At.
	LinkRecord struct {
		At   Time
		Span Time
		Link LinkSample
	}
	// NodeState is a node that went down or came up, as the manager sees it.
	NodeState struct {
		At          Time
		Node        NodeID
		Incarnation Incarnation
		Up          bool
	}
	// FaultRecord is a fault that begins or ends; the driver's.
	FaultRecord struct {
		At     Time
		Kind   string
		Target string
		Begin  bool
	}
)

func u64(b []byte, v uint64) []byte  { return binary.LittleEndian.AppendUint64(b, v) }
func f64(b []byte, v float64) []byte { return u64(b, math.Float64bits(v)) }
func str[S ~string](b []byte, s S) []byte {
	return append(append(b, s...), 0)
}

func flag(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendVideo(b []byte, v VideoConf) []byte {
	b = binary.LittleEndian.AppendUint16(b, v.Resolution.Width)
	b = binary.LittleEndian.AppendUint16(b, v.Resolution.Height)
	b = f64(b, v.FPS)
	b = append(b, byte(v.Quality))
	return str(b, v.Encoder)
}

// AppendBinary appends the record's fixed binary form.
func (r *FrameRecord) AppendBinary(b []byte) []byte {
	b = append(b, 'F', byte(r.Outcome), byte(r.Reason), byte(r.Attempts))
	b = u64(b, uint64(r.At))
	b = u64(b, uint64(r.Query))
	b = u64(b, uint64(r.Frame))
	b = u64(b, uint64(r.CameraFrame))
	b = u64(b, uint64(r.Captured))
	b = u64(b, r.Revision)
	b = u64(b, uint64(r.Gap))
	b = u64(b, uint64(r.Latency))
	b = u64(b, uint64(r.RoundTrip))
	b = f64(b, r.Objects)
	b = f64(b, r.Area)
	for _, p := range r.Breakdown {
		b = u64(b, uint64(p))
	}
	return appendVideo(b, r.Video)
}

// AppendBinary appends the record's fixed binary form.
func (r *StageRecord) AppendBinary(b []byte) []byte {
	b = append(b, 'S', byte(r.Err), byte(r.Model), byte(r.Ref.Stage), byte(r.Ref.Attempt))
	b = u64(b, uint64(r.At))
	b = u64(b, uint64(r.Ref.Query))
	b = u64(b, uint64(r.Ref.Frame))
	for _, t := range [...]Time{r.Encode, r.Transfer, r.Wait, r.Work, r.Return} {
		b = u64(b, uint64(t))
	}
	b = f64(b, r.Sent)
	b = f64(b, r.Got)
	return str(b, r.On)
}

// AppendBinary appends the record's fixed binary form.
func (r *PlanRecord) AppendBinary(b []byte) []byte {
	b = append(b, 'P')
	b = u64(b, uint64(r.At))
	b = u64(b, uint64(r.Query))
	b = u64(b, r.Plan.Revision)
	return u64(b, r.Plan.Hash)
}

// AppendBinary appends the record's fixed binary form.
func (r *QueryRecord) AppendBinary(b []byte) []byte {
	b = append(b, 'Q', byte(r.State))
	b = u64(b, uint64(r.At))
	b = u64(b, uint64(r.Query))
	return str(str(b, r.Node), r.Key)
}

// AppendBinary appends the record's fixed binary form.
func (r *RoundRecord) AppendBinary(b []byte) []byte {
	b = append(b, 'R')
	b = u64(b, uint64(r.At))
	for _, n := range [...]int{int(r.Round), r.Queries, r.Changed, r.Refused, r.Invalid, r.Settings, r.Charges} {
		b = u64(b, uint64(n))
	}
	return b
}

// AppendBinary appends the record's fixed binary form.
func (r *NodeSample) AppendBinary(b []byte) []byte {
	b = append(b, 'N')
	b = u64(u64(b, uint64(r.At)), uint64(r.Span))
	for _, x := range [...]float64{r.Load.CPU, r.Load.GPU, r.Load.Memory, r.Load.Power, r.Energy} {
		b = f64(b, x)
	}
	b = u64(b, uint64(r.Queue))
	b = u64(b, uint64(r.Lost))
	return str(b, r.Node)
}

// AppendBinary appends the record's fixed binary form.
func (r *ServiceRecord) AppendBinary(b []byte) []byte {
	b = append(b, 'V')
	b = u64(b, uint64(r.At))
	s := &r.Service
	for _, n := range [...]int{s.Workers, s.Model, s.MaxBatch, s.Queue, s.Busy, int(s.Revision), int(s.Calls), int(s.Rejected), int(s.BusyTime)} {
		b = u64(b, uint64(n))
	}
	return str(str(f64(b, s.Memory), r.Node), s.Name)
}

// AppendBinary appends the record's fixed binary form.
func (r *LinkRecord) AppendBinary(b []byte) []byte {
	b = append(b, 'L')
	b = u64(u64(b, uint64(r.At)), uint64(r.Span))
	b = f64(f64(f64(b, r.Link.Bytes), r.Link.Utilization), r.Link.Rate)
	return str(str(b, r.Link.From), r.Link.To)
}

// AppendBinary appends the record's fixed binary form.
func (r *NodeState) AppendBinary(b []byte) []byte {
	b = flag(append(b, 'U'), r.Up)
	b = u64(b, uint64(r.At))
	return str(u64(b, uint64(r.Incarnation)), r.Node)
}

// AppendBinary appends the record's fixed binary form.
func (r *FaultRecord) AppendBinary(b []byte) []byte {
	b = flag(append(b, 'X'), r.Begin)
	b = u64(b, uint64(r.At))
	return str(str(b, r.Kind), r.Target)
}
