package core

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// QueryManager is the control plane as a machine: it knows the nodes, accepts
// queries, asks its scheduler for plans in rounds, hands jobs and plans to the
// nodes and stores their results.
//
// What it wants of a node is compared with every heartbeat of the node, and each
// difference is mended (see manager_repair.go): no message need arrive for the
// system to come right, only later ones. What must outlive a crash is saved, and
// acknowledged only by the Step that is told that it was saved.
//
// Drivers create it with NewQueryManager, tell it a Timer at its start, and
// later each Received, Saved, and a Timer for each Wake.
type QueryManager struct {
	c      QueryManagerConfig
	set    Settings
	jitter *rand.Rand

	started bool
	start   Time
	armed   Time // instant of the earliest Wake in force; Never = none

	lastID QueryID
	saveID uint64
	saves  deque[saving] // under way, in the order of their ids

	nodes   []*managedNode // ascending by id
	nodeOf  map[NodeID]*managedNode
	queries []*managedQuery // accepted and not ended, ascending by id
	queryOf map[QueryID]*managedQuery
	keyOf   map[string]*managedQuery
	askedBy map[requester]*managedQuery // of queries without a key
	links   []managedLink               // ascending by from, to; beside view.Links

	round     uint64
	roundAt   Time
	deciding  bool // a decision waits for its instant
	applyAt   Time
	seenBy    int // queries that the last round saw
	view      View
	decision  Decision
	stages    []Assignment // memory of the decision's plans
	touched   []*managedQuery
	seenCalls chunks[Call]  // memory of observations that are kept
	rows      uint64        // counts heartbeats, to find the jobs that one does not list
	reports   deque[report] // not old enough for the scheduler
}

// requester names a submission that has no key.
type requester struct {
	from    Address
	request uint64
}

// managedQuery is a query as the manager keeps it.
type managedQuery struct {
	q      Query
	node   *managedNode // the host; nil as long as nobody has told of it
	camera *Camera      // nil likewise
	state  State
	since  Time
	next   int64 // camera frame to go on from

	accepted bool        // durable
	waiting  []requester // who waits for the acceptance
	ending   bool        // a save of its end is under way
	stopping []requester // who waits for the end

	plan   Plan    // the newest durable one, which the node is to have
	newest Plan    // the newest decided one, of which a save may be under way
	rev    uint64  // the highest revision ever given
	pace   float64 // of the newest Pacing
	pad    float64 // the same
	draft  Plan    // while a decision is applied
	given  bool    // draft is a plan of the decision
	named  bool    // draft holds something

	has      bool   // the node said that it has the job
	gone     bool   // the query has ended, and the node said that it has no such job
	applied  uint64 // revision that the node said it runs
	row      uint64 // the last heartbeat that listed it
	sentAt   Time   // of the last message about it
	resendAt Time   // Never = nothing to resend
	tries    int

	window    Window
	seen      []Observation // since the last round, oldest first; slots keep their Calls memory
	used      int           // of seen
	savedAt   Time          // when next was last saved for its own sake
	savedNext int64         // as it was then
}

// managedNode is a node as the manager keeps it.
type managedNode struct {
	id          NodeID
	join        Join // as it introduced itself, or as it is expected
	joined      bool // in this life of the manager
	told        bool // a heartbeat of this incarnation came in this life of the manager
	up          bool
	incarnation Incarnation
	heard       Time
	number      uint64 // of the newest heartbeat
	capacity    Capacity
	services    []ServiceView   // ascending by name
	queries     []*managedQuery // not yet forgotten by the node, ascending by id

	// What the scheduler is shown of it: how it was when seen.
	seen  Time
	load  NodeLoad
	shown []ServiceView

	acked   uint64 // results up to here are durable
	learned uint64 // observations up to here are in the windows
	storing bool   // a save of its results is under way

	settings   []ServiceSetting // wanted, ascending by service
	revision   uint64           // of settings
	settingsAt Time             // when they were last sent
	charged    uint64           // the highest ChargeWork that the node has taken
	charges    []Charge         // charged+1, charged+2, ...
	chargesAt  Time
	need       []float64 // beside services: bytes of one worker, while a decision is applied
	resettle   bool      // settings changed, while a decision is applied
}

// managedLink is what the estimate of the view's link of the same index is from.
type managedLink struct {
	nominal LinkEstimate
	at      Time // of the heartbeat that told
	age     Time // as of then
}

// NewQueryManager returns a manager that goes on from what was saved; the zero
// Snapshot begins afresh. A Period below 1 ms is raised to 1 ms; with a nil
// Scheduler there are no rounds, with a nil Predictor no check of memory. It
// panics if c has no Node.
func NewQueryManager(c QueryManagerConfig, s Snapshot) *QueryManager {
	if c.Node == "" {
		panic("core: QueryManagerConfig has no Node")
	}
	c.Period = max(c.Period, Millisecond)
	m := &QueryManager{
		c:       c,
		set:     c.Settings.WithDefaults(),
		jitter:  rand.New(rand.NewPCG(c.Seed, uint64(c.Incarnation))),
		armed:   Never,
		lastID:  s.LastID,
		nodeOf:  map[NodeID]*managedNode{},
		queryOf: map[QueryID]*managedQuery{},
		keyOf:   map[string]*managedQuery{},
		askedBy: map[requester]*managedQuery{},
	}
	nodes := slices.Clone(c.Nodes) // in order each is added at the end of the list, which costs nothing
	slices.SortStableFunc(nodes, func(a, b Join) int { return cmp.Compare(a.Node, b.Node) })
	for i := range nodes {
		m.expect(&nodes[i])
	}
	for i := range s.Nodes {
		n := m.node(s.Nodes[i].Node)
		n.incarnation, n.acked, n.learned = s.Nodes[i].Incarnation, s.Nodes[i].Seq, s.Nodes[i].Seq
	}
	for i := range s.Queries {
		m.restore(&s.Queries[i])
	}
	slices.SortFunc(m.queries, func(a, b *managedQuery) int { return cmp.Compare(a.q.ID, b.q.ID) })
	for _, n := range m.nodes {
		slices.SortFunc(n.queries, func(a, b *managedQuery) int { return cmp.Compare(a.q.ID, b.q.ID) })
	}
	m.newView()
	return m
}

// Step takes one event. It panics on an event that is not the query manager's.
func (m *QueryManager) Step(now Time, ev Event, fx *Effects) {
	if !m.started {
		m.started, m.start, m.view.Start = true, now, now
		m.roundAt = Never
		if m.c.Scheduler != nil {
			m.roundAt = now.Add(max(m.c.Phase, 0))
		}
		m.arm(now, fx)
	}
	switch ev := ev.(type) {
	case *Received:
		m.receive(now, ev, fx)
	case *Timer:
		m.timer(now, fx)
	case *Saved:
		m.saved(now, ev, fx)
	default:
		panic("core: QueryManager takes no such event")
	}
}

// receive takes a message. Messages that are not the manager's are ignored:
// they come from outside.
func (m *QueryManager) receive(now Time, r *Received, fx *Effects) {
	switch msg := r.Msg.(type) {
	case *SyncResults:
		m.syncResults(now, msg, fx)
	case *Heartbeat:
		m.heartbeat(now, msg, fx)
	case *JobAck:
		if n := m.nodeOf[msg.Node]; n != nil && n.joined && n.incarnation == msg.Incarnation {
			m.status(now, n, &msg.Job, fx)
		}
	case *Join:
		m.joins(now, msg, fx)
	case *SubmitQuery:
		m.submit(now, r.From, msg, fx)
	case *StopQuery:
		m.stop(r.From, msg, fx)
	}
}

// timer does what is due, in a fixed order, and asks for the next Wake.
func (m *QueryManager) timer(now Time, fx *Effects) {
	if now >= m.armed {
		m.armed = Never
	}
	if m.deciding && now >= m.applyAt {
		m.apply(now, fx)
	}
	if now >= m.roundAt {
		m.schedule(now, fx)
	}
	for _, n := range m.nodes {
		if n.up && now >= n.heard.Add(m.set.DownAfter) {
			n.up = false
			fx.Records = append(fx.Records, &NodeState{At: now, Node: n.id, Incarnation: n.incarnation})
		}
		for _, q := range n.queries {
			if now >= q.resendAt {
				m.mend(now, q, fx)
			}
		}
	}
	m.arm(now, fx)
}

// arm asks for a Wake at the earliest deadline unless one that is not later is in force.
func (m *QueryManager) arm(now Time, fx *Effects) {
	at := m.roundAt
	if m.deciding {
		at = min(at, m.applyAt)
	}
	for _, n := range m.nodes {
		if n.up {
			at = min(at, n.heard.Add(m.set.DownAfter))
		}
		for _, q := range n.queries {
			at = min(at, q.resendAt)
		}
	}
	m.wake(max(at, now), fx)
}

// wake asks for a Wake at an instant unless one that is not later is in force.
func (m *QueryManager) wake(at Time, fx *Effects) {
	if at < m.armed {
		m.armed = at
		fx.Wakes = append(fx.Wakes, Wake{At: at})
	}
}

// send sends a message to a node.
func (m *QueryManager) send(to NodeID, part Part, msg Message, fx *Effects) {
	fx.Sends = append(fx.Sends, Send{To: Address{Node: to, Part: part}, Msg: msg})
}

// Queries returns every query that was accepted, ended ones too, ascending by
// id, each with its newest durable plan.
func (m *QueryManager) Queries() []SavedQuery {
	all := make([]SavedQuery, 0, len(m.queryOf))
	for id := range m.queryOf {
		if q, ok := m.Query(id); ok {
			all = append(all, q)
		}
	}
	slices.SortFunc(all, func(a, b SavedQuery) int { return cmp.Compare(a.Query.ID, b.Query.ID) })
	return all
}

// Query returns a query with its newest durable plan; ok is false when no such
// query was accepted.
func (m *QueryManager) Query(id QueryID) (s SavedQuery, ok bool) {
	q := m.queryOf[id]
	if q == nil || !q.accepted {
		return SavedQuery{}, false
	}
	return SavedQuery{Query: q.q, State: q.state, Since: q.since, Plan: q.plan, Next: q.next}, true
}

// Runtime returns a query's runtime context as the scheduler is told it.
func (m *QueryManager) Runtime(id QueryID) (RuntimeInfo, bool) {
	q := m.queryOf[id]
	if q == nil || !q.accepted {
		return RuntimeInfo{}, false
	}
	return q.window.Info(), true
}

// Nodes returns every node that is expected or has joined, ascending by id. Age
// is as of the manager's last Step that heard of the node.
func (m *QueryManager) Nodes() []NodeView {
	all := make([]NodeView, len(m.nodes))
	for i, n := range m.nodes {
		n.viewInto(&all[i], n.heard)
		all[i].Services = slices.Clone(n.shown)
	}
	return all
}

// Links returns what the scheduler is told of the links, ascending by their ends, with the
// ages as of now.
func (m *QueryManager) Links(now Time) []LinkView {
	m.ageLinks(now)
	return slices.Clone(m.view.Links)
}

// Acknowledged returns up to which number a node's results are durable.
func (m *QueryManager) Acknowledged(node NodeID) SavedNode {
	s := SavedNode{Node: node}
	if n := m.nodeOf[node]; n != nil {
		s.Incarnation, s.Seq = n.incarnation, n.acked
	}
	return s
}

// Rounds returns how many rounds there were.
func (m *QueryManager) Rounds() uint64 { return m.round }
