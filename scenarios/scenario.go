package scenarios

import (
	"net/netip"

	"vidq/core"
	"vidq/core/sched"
	"vidq/kb"
)

// Scenario is an experiment: what exists, what is asked of it and what goes
// wrong. It is built by Load from a file, or by a program, which then calls
// Validate. Both drivers build everything that they run from it. It is not
// changed once built.
type Scenario struct {
	Name     string // of the scenario, also in results and idempotency keys
	Title    string // one line for people; may be empty
	File     string // where it was loaded from; "" when built by a program
	Shipped  string // name of the shipped scenario that it is; "" of a file, of a random one and when built by a program
	Text     string // as run: TOML with --set applied and file names absolute; "" when built by a program
	Duration core.Time
	Warmup   core.Time // frames captured earlier do not count in results
	Seed     uint64    // of the first replication

	KB        KB
	Scheduler Scheduler
	Manager   core.NodeID // the node that runs the query manager
	Nodes     []Node      // in the order of the file; ids are unique
	Links     []Link
	Cameras   []Camera
	Queries   []Query
	Faults    []Fault
	Store     Store
	Settings  core.Settings // zero fields stand for their defaults
}

// KB names the two sets of the knowledge base. Noise and bias apply to the belief
// only, on top of what its profiles say.
type KB struct {
	Belief string  // what schedulers are told
	Truth  string  // what the world does
	Noise  float64 // standard deviation of the belief's log error, one draw for each figure
	Bias   float64 // relative error of every figure of the belief: 0.1 = told 10% too long

	// Staleness is by how much what is measured reaches the scheduler later than it could:
	// core.QueryManagerConfig's.
	Staleness core.Time
}

// Scheduler is who decides, and how often.
type Scheduler struct {
	Spec         sched.Spec                // name with the parameters of its own table
	Params       map[string]map[string]any // all [scheduler.NAME] tables, for other schedulers run on the same scenario
	Period       core.Time                 // of the rounds
	DecisionTime core.DecisionTime
	Knobs        core.Knobs
}

// Node is a machine of the testbed.
type Node struct {
	ID       core.NodeID
	Role     core.Role      // edge or cloud
	Class    string         // a class of the knowledge base's truth
	Services []Service      // in the order of the file
	Addr     netip.AddrPort // of its job manager, for the live system; zero = not told
	Capacity core.Capacity  // zero fields stand for the class's
}

// Service is a compute service at a node, as it starts.
type Service struct {
	Name     string
	Workers  int // calls at work at once, at least 1
	MaxBatch int // requests that one worker takes at once, at least 1
	Queue    int // requests that may wait; more are rejected
	Model    int // index into the service's models; 0 is the most accurate
}

// Link joins two nodes. Its directions are independent of each other: what one
// carries does not slow the other down.
type Link struct {
	ID        string // from-to as written
	From, To  core.NodeID
	Both      bool      // also To -> From, with the same figures
	Rate      float64   // nominal, bytes per second: what the belief says, and the truth without a trace
	Delay     core.Time // one way
	Jitter    core.Time // a uniform draw from [0, Jitter) is added to each delay
	Loss      float64   // probability that a whole message or transfer attempt vanishes
	Trace     *kb.Rate  // the true rate over time; nil = Rate
	TraceFile string    // where Trace came from: a file's absolute path or a shipped trace's name
}

// Camera is a video source with what it shows.
type Camera struct {
	core.Camera
	Content string    // a generator's name or a file (it then has a separator or an extension), for kb.OpenContent
	Dir     string    // directory that a relative Content belongs to
	Phase   core.Time // live mode: when camera frame 0 exists; negative = drawn from the seed
	URL     string    // the live system's real source; "" = emulated
}

// Query is what a user of the scenario asks for.
type Query struct {
	ID         string
	Key        string // idempotency key: scenario/id
	Camera     core.CameraID
	Node       core.NodeID // the host: the camera's node
	Pipeline   core.Pipeline
	Constraint core.Constraint
	Start      core.Time
	Stop       core.Time // core.Never = with the run
}

// Core returns the query as the manager is told it.
func (q *Query) Core() core.Query {
	return core.Query{Key: q.Key, Node: q.Node, Camera: q.Camera, Pipeline: q.Pipeline, Constraint: q.Constraint}
}

// Deps is what a scheduler that runs on s with a seed is built with.
func (s *Scenario) Deps(seed uint64) sched.Deps {
	o := &sched.Offer{Scenario: s.Name, Knobs: s.Scheduler.Knobs, Models: s.Models()}
	for i := range s.Nodes {
		o.Nodes = append(o.Nodes, s.Nodes[i].ID)
	}
	return sched.Deps{Seed: seed, Offer: o}
}

// Models is how many models the service has that has most, of those that queries ask
// for; 0 when the knowledge base cannot be read or knows none of them.
func (s *Scenario) Models() (most int) {
	truth, err := kb.Open(s.KB.Truth, kb.Options{})
	if err != nil {
		return 0 // Validate tells why
	}
	for i := range s.Queries {
		for _, st := range s.Queries[i].Pipeline {
			if info := serviceInfo(truth, st.Service); info != nil {
				most = max(most, len(info.Models))
			}
		}
	}
	return most
}

// Store is the manager's durable store.
type Store struct {
	Delay core.Time // from a Save to its Saved
}

// The kinds of faults.
const (
	FaultNodeDown     = "node_down"     // Node is dead: it neither computes nor answers, and joins again afterwards
	FaultLinkDown     = "link_down"     // nothing passes Link in either direction
	FaultLinkDegraded = "link_degraded" // Link has another Rate or Factor times its rate, Delay more delay, Loss more loss
	FaultServiceDown  = "service_down"  // Service refuses every call at Node ("" = everywhere)
	FaultServiceSlow  = "service_slow"  // Service takes Factor times as long at Node ("" = everywhere)
	FaultMessageLoss  = "message_loss"  // control messages vanish with probability Loss: from and to Node, on Link, or all
	FaultStore        = "store"         // the store's saves fail
	FaultCrash        = "crash"         // Node dies between its next Save and Saved (a node without a store at once) and starts again after For
)

// Fault is a disturbance. It begins at At and ends after For.
type Fault struct {
	ID      string // its number from 1 unless the file says otherwise
	At      core.Time
	For     core.Time // core.Never = to the end of the run
	Kind    string
	Node    core.NodeID
	Link    [2]core.NodeID // both directions
	Service string
	Rate    float64   // bytes per second; negative = not given
	Factor  float64   // of the rate or of the service time; 0 = not given
	Delay   core.Time // added to the link's delay
	Loss    float64
}

// Target names what the fault hits, for records: the node, link, service or "".
func (f *Fault) Target() string {
	switch {
	case f.Service != "" && f.Node != "":
		return string(f.Node) + "/" + f.Service
	case f.Service != "":
		return f.Service
	case f.Link[0] != "":
		return string(f.Link[0]) + "-" + string(f.Link[1])
	}
	return string(f.Node)
}

// Node returns the node of that id, or nil.
func (s *Scenario) Node(id core.NodeID) *Node {
	for i := range s.Nodes {
		if s.Nodes[i].ID == id {
			return &s.Nodes[i]
		}
	}
	return nil
}

// Camera returns the camera of that id, or nil.
func (s *Scenario) Camera(id core.CameraID) *Camera {
	for i := range s.Cameras {
		if s.Cameras[i].ID == id {
			return &s.Cameras[i]
		}
	}
	return nil
}

// Link returns the link that carries from -> to and whether it does so against
// the order in which it is written, or nil.
func (s *Scenario) Link(from, to core.NodeID) (l *Link, reversed bool) {
	for i := range s.Links {
		l := &s.Links[i]
		if l.From == from && l.To == to {
			return l, false
		}
		if l.Both && l.From == to && l.To == from {
			return l, true
		}
	}
	return nil, false
}
