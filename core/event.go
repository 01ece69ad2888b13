package core

// Event is something that happened, told to a machine by its driver. Events are
// passed as pointers that the driver may reuse as soon as Step returns: a machine
// copies what it keeps.
type Event interface{ event() }

// The events. JobManager understands Received, FrameCaptured, StageDone,
// VideoEnded, Timer and Sampled; QueryManager understands Received, Timer and
// Saved. A machine ignores what is late or unknown (an ended query, an old
// attempt) and panics only on an event type that is not its own.
type (
	// Received is a message from another component. Msg must not be changed
	// afterwards by anybody: several machines may hold it.
	Received struct {
		From Address
		Msg  Message
	}

	// FrameCaptured answers Capture: the frame exists now. The driver holds its
	// pixels until Release.
	FrameCaptured struct {
		Query       QueryID
		CameraFrame int64
		At          Time    // of capture; not later than now
		Bytes       float64 // of the frame as the capture's video configuration encodes it; 0 = not known yet
	}

	// VideoEnded answers Capture when there is no further frame.
	VideoEnded struct{ Query QueryID }

	// StageDone answers Invoke. An answer for another attempt is ignored.
	StageDone struct {
		Ref     CallRef
		Err     CallError
		Sent    float64 // bytes of the request
		Got     float64 // bytes of the answer, which are the output's
		Objects float64 // found
		Area    float64 // their mean box area, pixels of the analysed frame
		Counted bool    // the service told Objects and Area
		Work    Time    // the service's own time
		Wait    Time    // in the service's queue
		Untimed bool    // Work and Wait were not told, or not well enough: the call says nothing of the link
		Encode  Time    // the host's time for encoding the frame, spent before the request was sent
		Return  Time    // from the answer's departure to its arrival
	}

	// Timer answers Wake.
	Timer struct{}

	// Saved answers Save: the changes are durable if Err is "".
	Saved struct {
		ID  uint64
		Err string
	}

	// Sampled tells a node once a second how it is. After an outage it may cover that as well.
	Sampled struct {
		Capacity Capacity
		Load     NodeLoad
		Energy   float64 // joules since the node started
		Span     Time    // since the sample before, of which Load and the links' utilization are means
		Services []ServiceSample
		Links    []LinkSample
	}
)

// CallRef names one attempt of one stage of one frame.
type CallRef struct {
	Query       QueryID
	Incarnation Incarnation
	Frame       int64
	Stage       int
	Attempt     int
}

// CallError says why a call failed.
type CallError uint8

// The reasons for a failed call. Only CallTimeout is core's own.
const (
	CallOK          CallError = iota
	CallTimeout               // no answer in time
	CallUnreachable           // the node could not be reached
	CallRejected              // the service's queue is full
	CallUnknown               // the node does not offer the service
	CallFailed                // the service answered with an error
)

// String returns the reason's name; "" for CallOK.
func (e CallError) String() string {
	return [...]string{"", "timeout", "unreachable", "rejected", "unknown_service", "service_failed"}[e]
}

// ServiceSample is a service's last second at a node.
type ServiceSample struct {
	ServiceView
	Revision uint64  // of the settings that it runs
	Calls    int64   // answered since the node started
	Rejected int64   // since the node started
	BusyTime Time    // workers' time spent, since the node started
	Memory   float64 // bytes held by its workers
}

// LinkSample is the last second of the direction From -> To, as far as the
// driver knows it; Bytes since the start.
type LinkSample struct {
	From, To    NodeID
	Bytes       float64
	Utilization float64 // mean share of the rate in use
	Rate        float64 // bytes per second now; 0 = not known
}

func (*Received) event()      {}
func (*FrameCaptured) event() {}
func (*VideoEnded) event()    {}
func (*StageDone) event()     {}
func (*Timer) event()         {}
func (*Saved) event()         {}
func (*Sampled) event()       {}
