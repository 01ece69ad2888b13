package core

// Effects is what a machine wants done after a Step. The driver hands it to its
// Backend with Drain, which empties it and keeps the memory. Machines that one
// goroutine steps may share one.
type Effects struct {
	Records  []Record
	Saves    []Save
	Captures []Capture
	Invokes  []Invoke
	Releases []Release
	Sends    []Send
	Wakes    []Wake

	frames   slab[FrameRecord]
	stages   slab[StageRecord]
	nodes    slab[NodeSample]
	services slab[ServiceRecord]
	links    slab[LinkRecord]
	made     made
}

// made is where machines take the messages and changes from that they send all the
// time. Unlike records they outlive the step; see chunks.
type made struct {
	heartbeats    chunks[Heartbeat]
	heartbeatAcks chunks[HeartbeatAck]
	jobs          chunks[JobStatus]
	services      chunks[ServiceSample]
	links         chunks[LinkView]
	syncs         chunks[SyncResults]
	syncAcks      chunks[SyncAck]
	results       chunks[Result]
	calls         chunks[Call]
	changes       chunks[Change]
	savedResults  chunks[SavedResult]
	savedQueries  chunks[SavedQuery]
}

// Backend does what machines want. It is the whole of what a driver must
// implement; none of the methods may block or call back into a machine. Pointers
// are valid during the call only, but for messages and saved changes, which are
// immutable.
type Backend interface {
	// Record publishes what happened: to hashes, result documents and metrics.
	Record(r Record)
	// Save makes changes durable and answers with Saved. Saves of one machine
	// are made durable in order; several may share a transaction.
	Save(s *Save)
	// Capture asks for the first frame of the query's camera at or after
	// From that the frame rate selects (see Selected) and answers with
	// FrameCaptured or VideoEnded. It replaces the query's earlier Capture if that
	// has not been answered. Where frame From of a live camera is past, the first
	// selected one that is not is meant.
	Capture(c *Capture)
	// Invoke calls a service and answers with StageDone, unless the call is lost.
	Invoke(i *Invoke)
	// Release gives up a captured frame with all outputs that belong to it. It is
	// called exactly once for each FrameCaptured.
	Release(r *Release)
	// Send sends a message; it may be lost.
	Send(s *Send)
	// Wake asks for a Timer event at an instant that is not past. Earlier wakes
	// stay in force.
	Wake(w *Wake)
}

// The effects.
type (
	// Save wants changes to be durable, all of them or none.
	Save struct {
		ID      uint64
		Changes []Change
	}
	// Capture wants a query's next frame.
	Capture struct {
		Query  QueryID
		Camera CameraID
		From   int64 // camera frame number
		Plan   *Plan // whose video configuration applies; valid until the plan's revision changes
	}
	// Invoke wants one stage call of a frame done, or one call of charged work.
	Invoke struct {
		Ref         CallRef
		Camera      CameraID
		CameraFrame int64
		Captured    Time
		Node        NodeID
		Service     string
		Model       int
		Video       VideoConf
		Source      bool    // fed with the frame itself
		Charged     bool    // not a frame's stage but a ChargeWork's call: at the node itself, fed from what it has
		Bytes       float64 // of the parents' outputs, 0 for a source stage
		Objects     float64 // that the parents found: the most of any, since branches look at the same objects
		Pad         float64 // of no use that are sent as well
		Timeout     Time    // after which the machine gives the attempt up
	}
	// Release gives a captured frame up.
	Release struct {
		Query       QueryID
		CameraFrame int64
	}
	// Send wants a message sent.
	Send struct {
		To  Address
		Msg Message
	}
	// Wake wants a Timer event.
	Wake struct{ At Time }
)

// Drain hands every effect to b and empties fx. The order is part of the
// contract: records first (so that what is told of a step does not depend on what
// the driver does with the rest), then saves, captures, invokes, releases, sends,
// wakes, each in the order in which the machine asked.
func (fx *Effects) Drain(b Backend) {
	for i, r := range fx.Records {
		b.Record(r)
		fx.Records[i] = nil
	}
	each(&fx.Saves, b.Save)
	each(&fx.Captures, b.Capture)
	each(&fx.Invokes, b.Invoke)
	each(&fx.Releases, b.Release)
	each(&fx.Sends, b.Send)
	each(&fx.Wakes, b.Wake)
	fx.Records = fx.Records[:0]
	fx.frames.reset()
	fx.stages.reset()
	fx.nodes.reset()
	fx.services.reset()
	fx.links.reset()
}

func each[T any](s *[]T, f func(*T)) {
	for i := range *s {
		f(&(*s)[i])
	}
	clear(*s)
	*s = (*s)[:0]
}

// Frame adds an empty frame record, to be filled in by the caller.
func (fx *Effects) Frame() *FrameRecord {
	r := fx.frames.next()
	fx.Records = append(fx.Records, r)
	return r
}

// Stage adds an empty stage record, to be filled in by the caller.
func (fx *Effects) Stage() *StageRecord {
	r := fx.stages.next()
	fx.Records = append(fx.Records, r)
	return r
}

// slab hands out zeroed values whose addresses stay valid until reset.
type slab[T any] struct {
	items []*T
	used  int
}

func (s *slab[T]) next() *T {
	if s.used == len(s.items) {
		s.items = append(s.items, new(T))
	}
	s.used++
	p := s.items[s.used-1]
	var zero T
	*p = zero
	return p
}

func (s *slab[T]) reset() { s.used = 0 }

// Machine is a state machine that is told: the time, what happened, and where to
// put what it wants done. Time never goes back.
type Machine interface {
	Step(now Time, ev Event, fx *Effects)
}
