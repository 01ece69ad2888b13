package core

// Part is the component of a node that a message is for.
type Part uint8

// The parts of a system.
const (
	PartManager  Part = iota // the query manager
	PartJobs                 // the node's job manager
	PartServices             // the node's compute services
	PartUser                 // whoever submits queries; Node is then the user's name
)

// String returns the part's name.
func (p Part) String() string { return [...]string{"manager", "jobs", "services", "user"}[p] }

// Address is where a message comes from or goes to.
type Address struct {
	Node NodeID
	Part Part
}

// Message is what machines tell each other. Each is idempotent and may be
// repeated, lost, delayed or reordered. A message is immutable once sent.
type Message interface{ message() }

// What users send to the query manager, and its answers.
type (
	// SubmitQuery asks for a query; answered by SubmitAnswer with the same
	// Request once the query is durable. Query.ID is ignored.
	SubmitQuery struct {
		Request uint64
		Query   Query
	}
	// SubmitAnswer tells the id of an accepted query.
	SubmitAnswer struct {
		Request uint64
		Query   QueryID
		Err     string // "" = accepted
	}
	// StopQuery ends a query for good; answered once that is durable.
	StopQuery struct {
		Request uint64
		Query   QueryID
	}
	// StopAnswer tells that a query has ended for good, or why not.
	StopAnswer struct {
		Request uint64
		Query   QueryID
		Err     string
	}
)

// From a node's job manager to the query manager.
type (
	// Join introduces a node. It is repeated until acknowledged, and again when
	// a HeartbeatAck says that the manager does not know the node.
	Join struct {
		Node        NodeID
		Incarnation Incarnation
		Role        Role
		Class       string
		Capacity    Capacity
		Services    []ServiceView
		Cameras     []Camera
	}
	// Heartbeat tells how the node is and which jobs it has. The manager mends
	// every difference to what it wants (anti-entropy).
	Heartbeat struct {
		Node        NodeID
		Incarnation Incarnation
		Number      uint64 // rising; an older one is ignored
		Jobs        []JobStatus
		Capacity    Capacity
		Load        NodeLoad
		Services    []ServiceSample
		Links       []LinkView // estimates of this node's outgoing calls, by pair
		Charges     uint64     // highest ChargeWork number done or under way
	}
	// SyncResults hands over results First, First+1, ... of the node's
	// incarnation. A First beyond the last acknowledged number + 1 means that
	// the results between are lost.
	SyncResults struct {
		Node        NodeID
		Incarnation Incarnation
		First       uint64
		Results     []Result
	}
)

// From the query manager to a node.
type (
	// JoinAck takes a node's incarnation in.
	JoinAck struct {
		Node        NodeID
		Incarnation Incarnation
	}
	// HeartbeatAck lets the node see that the manager lives; Known false asks it
	// to join again.
	HeartbeatAck struct {
		Node        NodeID
		Incarnation Incarnation
		Number      uint64
		Known       bool
	}
	// SubmitJob gives a node a query to serve. From is the first camera frame to
	// take; a plan, if there is one, comes along.
	SubmitJob struct {
		Incarnation Incarnation
		Query       Query
		From        int64
		Plan        Plan
	}
	// UpdatePlan is applied if its revision is newer than the job's.
	UpdatePlan struct {
		Incarnation Incarnation
		Query       QueryID
		Plan        Plan
	}
	// StopJob ends a job and lets the node forget it.
	StopJob struct {
		Incarnation Incarnation
		Query       QueryID
	}
	// SyncAck acknowledges results: all up to Seq are durable.
	SyncAck struct {
		Incarnation Incarnation
		Seq         uint64
	}
	// ConfigureServices sets how the node's services run; PartServices of the
	// node applies it if the revision is newer and tells the revision in its samples.
	ConfigureServices struct {
		Incarnation Incarnation
		Revision    uint64
		Settings    []ServiceSetting // of this node
	}
	// ChargeWork makes the node spend work that the scheduler causes; done once
	// per Number. Numbers of an incarnation count from 1 and are taken in order:
	// one that is not the next after Heartbeat.Charges is ignored, and resent.
	ChargeWork struct {
		Incarnation Incarnation
		Number      uint64
		Charge      Charge
	}
)

// JobAck answers SubmitJob, UpdatePlan and StopJob: what the node now has of the
// query. It is a heartbeat's row sent at once.
type JobAck struct {
	Node        NodeID
	Incarnation Incarnation
	Job         JobStatus
}

// JobStatus is a job as its node tells it.
type JobStatus struct {
	Query    QueryID
	Revision uint64
	State    State
	Next     int64 // camera frame that will be taken next
	Gone     bool  // the node has no such job
}

// Result is one frame's outcome on its way to the manager.
type Result struct {
	Seq     uint64 // of the node's incarnation, from 1 without gaps but for losses
	Outcome Outcome
	Reason  Reason
	// CameraFrame and Captured name the frame.
	CameraFrame int64
	Captured    Time
	Obs         Observation
}

func (*SubmitQuery) message()       {}
func (*SubmitAnswer) message()      {}
func (*StopQuery) message()         {}
func (*StopAnswer) message()        {}
func (*Join) message()              {}
func (*Heartbeat) message()         {}
func (*SyncResults) message()       {}
func (*JoinAck) message()           {}
func (*HeartbeatAck) message()      {}
func (*SubmitJob) message()         {}
func (*UpdatePlan) message()        {}
func (*StopJob) message()           {}
func (*SyncAck) message()           {}
func (*ConfigureServices) message() {}
func (*ChargeWork) message()        {}
func (*JobAck) message()            {}
