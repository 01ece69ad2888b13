package core

// View is all that a scheduler sees in a round. It belongs to the manager: a
// scheduler may read it during Schedule and must neither change nor keep it (nor
// any slice in it).
type View struct {
	Now    Time
	Start  Time // when the query manager was started
	Round  uint64
	Period Time
	Knobs  Knobs

	Queries  []QueryView   // not ended, ascending by id
	Nodes    []NodeView    // ascending by id
	Links    []LinkView    // ascending by from, to
	Services []ServiceInfo // every service of the belief, ascending by name

	Predictor Predictor // the belief
	Truth     Predictor // nil but for a scheduler registered with NeedsTruth
}

// Knobs are the values that a plan's video configuration may take.
type Knobs struct {
	FPS         []float64    // ascending
	Resolutions []Resolution // ascending by pixels
	Encoders    []Encoder    // the first is the default
}

// Encoder is a codec with the qualities that may be chosen, best first.
type Encoder struct {
	Name      string
	Qualities []int
}

// QueryView is a query as the manager knows it at a round.
type QueryView struct {
	Query        *Query
	Camera       *Camera
	State        State
	Since        Time   // when the manager accepted the query
	Plan         Plan   // the newest; Revision 0 before the first
	Applied      uint64 // the revision that the node last said it runs
	Runtime      RuntimeInfo
	Observations []Observation // since the last round, oldest first, at most the last ObservationsKept
}

// ObservationsKept bounds QueryView.Observations.
const ObservationsKept = 64

// NodeView is a node as its last heartbeat told.
type NodeView struct {
	ID    NodeID
	Role  Role
	Class string
	Up    bool
	Age   Time // of what follows
	Capacity
	Load     NodeLoad
	Services []ServiceView // ascending by name
}

// Capacity is what a node has.
type Capacity struct {
	Cores  float64
	GPUs   float64 // slots
	Memory float64 // bytes; 0 = not known, unlimited
}

// NodeLoad is what a node's last second was like.
type NodeLoad struct {
	CPU, GPU float64 // utilisation, 0..1
	Memory   float64 // bytes used
	Power    float64 // watts
}

// ServiceView is a service at a node.
type ServiceView struct {
	Name     string
	Workers  int
	Model    int // the model that is loaded; -1 = none yet
	MaxBatch int
	Queue    int // waiting requests
	Busy     int // workers at work
}

// LinkView is one direction between two nodes.
type LinkView struct {
	From, To NodeID
	LinkEstimate
}

// LinkEstimate is what the host's own calls tell of a link. With Samples 0, Rate
// and RTT are the nominal ones.
type LinkEstimate struct {
	Rate    float64 // bytes per second, of the last 10 s
	RTT     Time    // the smallest round trip seen without work, wait and transfer
	Age     Time    // of the newest sample
	Samples int     // behind the rate
	Least   float64 // bytes per second that a call got lately, where lately no rate could be told
}

// Input says what a service is fed with when it is not a source stage.
type Input uint8

// The inputs of a service.
const (
	InputImage Input = iota // the encoded frame
	InputCrops              // the parents' outputs
)

// ServiceInfo describes a service to schedulers.
type ServiceInfo struct {
	Name   string
	Models []string // most accurate first
	Input  Input
}

// Query returns the view of query id, or nil.
func (v *View) Query(id QueryID) *QueryView {
	for i := range v.Queries {
		if v.Queries[i].Query.ID == id {
			return &v.Queries[i]
		}
	}
	return nil
}

// Node returns the view of node id, or nil.
func (v *View) Node(id NodeID) *NodeView {
	lo, hi := 0, len(v.Nodes)
	for lo < hi {
		if m := (lo + hi) / 2; v.Nodes[m].ID < id {
			lo = m + 1
		} else {
			hi = m
		}
	}
	if lo < len(v.Nodes) && v.Nodes[lo].ID == id {
		return &v.Nodes[lo]
	}
	return nil
}

// Link returns the view of the link from a to b, or nil when there is none.
func (v *View) Link(a, b NodeID) *LinkView {
	lo, hi := 0, len(v.Links)
	for lo < hi {
		m := (lo + hi) / 2
		if l := &v.Links[m]; l.From < a || l.From == a && l.To < b {
			lo = m + 1
		} else {
			hi = m
		}
	}
	if lo < len(v.Links) && v.Links[lo].From == a && v.Links[lo].To == b {
		return &v.Links[lo]
	}
	return nil
}

// Service returns the view of the service at the node, or nil.
func (n *NodeView) Service(name string) *ServiceView {
	for i := range n.Services {
		if n.Services[i].Name == name {
			return &n.Services[i]
		}
	}
	return nil
}
