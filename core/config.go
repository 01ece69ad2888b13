package core

// JobManagerConfig is what a node's job manager is built from. Every node runs
// one, also a cloud without cameras: it is the node's agent.
type JobManagerConfig struct {
	Node        NodeID
	Role        Role
	Class       string
	Incarnation Incarnation // higher than at any earlier start of the node
	Manager     NodeID      // where the query manager runs
	Capacity    Capacity
	Services    []ServiceView // as the node starts with
	Cameras     []Camera
	Seed        uint64 // of the jitter of resends
	Settings    Settings
}

// QueryManagerConfig is what a query manager is built from, together with the
// Snapshot of what was saved.
type QueryManagerConfig struct {
	Node         NodeID
	Incarnation  Incarnation
	Scheduler    Scheduler
	Predictor    Predictor // the belief
	Truth        Predictor // nil unless the scheduler needs it
	Knobs        Knobs
	Services     []ServiceInfo
	Nodes        []Join     // the nodes that are expected, before they join
	Links        []LinkView // every direct link with its nominal rate (bytes/s) and RTT
	Period       Time       // of the scheduling round
	Phase        Time       // of the first round, from the start
	DecisionTime DecisionTime
	// Staleness is by how much what is measured (runtime context and observations, loads and services
	// of nodes, estimates of links) reaches the scheduler later than the manager, as under a slower
	// monitoring system. Its own queries, plans and which nodes are up the manager knows as ever.
	Staleness Time
	Seed      uint64 // of the jitter of resends
	Settings  Settings
}

// DecisionTime models how long a round's decision takes: its plans come into
// force that much later, and events go on meanwhile. The zero value is an instant.
type DecisionTime struct{ Constant, PerQuery Time }

// Settings are the protocol's times and bounds. Zero fields take the default.
type Settings struct {
	Heartbeat    Time // between heartbeats; default 1 s
	DownAfter    Time // without a heartbeat a node counts as down; default 2.5 s
	FrameTimeout Time // deadline of a frame of a query without a latency bound; default 10 s
	StageTimeout Time // upper bound of one attempt of a stage; default 5 s
	Retries      int  // further attempts of a stage that failed; default 2, -1 = none
	Backoff      Time // before the first further attempt, doubled for each; default 50 ms
	ResultRing   int  // results kept at a node until acknowledged; default 10,000
	BatchSize    int  // results in one message; default 512
	SyncEvery    Time // results wait at most this long for company; default 250 ms
	ResendAfter  Time // before a message without answer is sent again, doubled up to 16 times with jitter; default 500 ms
	MaxInFlight  int  // upper bound of a plan's window; default 64
	MaxBuffer    int  // upper bound of a plan's unbounded buffer; default 1,000 frames
}

// WithDefaults returns s with its zero fields filled in.
func (s Settings) WithDefaults() Settings {
	setTime := func(p *Time, d Time) {
		if *p <= 0 {
			*p = d
		}
	}
	setInt := func(p *int, d int) {
		if *p == 0 {
			*p = d
		}
	}
	setTime(&s.Heartbeat, Second)
	setTime(&s.DownAfter, 5*Second/2)
	setTime(&s.FrameTimeout, 10*Second)
	setTime(&s.StageTimeout, 5*Second)
	setTime(&s.Backoff, 50*Millisecond)
	setTime(&s.SyncEvery, 250*Millisecond)
	setTime(&s.ResendAfter, 500*Millisecond)
	setInt(&s.Retries, 2)
	setInt(&s.ResultRing, 10_000)
	setInt(&s.BatchSize, 512)
	setInt(&s.MaxInFlight, 64)
	setInt(&s.MaxBuffer, 1000)
	s.Retries = max(s.Retries, 0)
	return s
}
