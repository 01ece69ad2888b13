package core

// Scheduler decides, round by round, how every query is served. Schedule is
// called by one goroutine at a time and must not block, keep or change the view;
// the same state and the same view give the same decision.
type Scheduler interface {
	Schedule(v *View, d *Decision)
}

// Decision is what a round decided. The manager gives an empty one whose slices
// are reused. What is not named stays as it is.
type Decision struct {
	Plans    []QueryPlan
	Services []ServiceSetting
	Pacing   []Pacing
	Charges  []Charge
	Refused  []QueryID // not served until a later decision gives them a plan
	Next     Time      // instant of the next round, at least 1 ms from now; 0 = after the period
}

// QueryPlan is a plan for a query. Revision and Hash are the manager's to fill
// in; a plan equal to the query's present one changes nothing.
type QueryPlan struct {
	Query QueryID
	Plan  Plan
}

// ServiceSetting is how a service is to run at a node.
type ServiceSetting struct {
	Node     NodeID
	Service  string
	Model    int
	Replicas int // workers, at least 1
	MaxBatch int // requests that one worker takes at once, at least 1
}

// Pacing bounds the rate at which a query's stage inputs leave its host, and may have
// more sent than there is: a link is probed for what it would carry.
type Pacing struct {
	Query QueryID
	Rate  float64 // bytes per second; 0 = unbounded
	Pad   float64 // bytes of no use that go with each frame to a source stage elsewhere
}

// Charge is work that the scheduler itself causes, such as profiling: calls of a
// service at a node, which compete with the queries' frames.
type Charge struct {
	Query      QueryID // whose content is analysed
	Node       NodeID
	Service    string
	Model      int
	Resolution Resolution
	Calls      int
}

// Reset empties d, keeping its memory.
func (d *Decision) Reset() {
	d.Plans, d.Services, d.Pacing = d.Plans[:0], d.Services[:0], d.Pacing[:0]
	d.Charges, d.Refused, d.Next = d.Charges[:0], d.Refused[:0], 0
}

// Set adds a plan for a query.
func (d *Decision) Set(q QueryID, p Plan) { d.Plans = append(d.Plans, QueryPlan{q, p}) }

// QueryScheduler decides for one query at a time. It is asked for every query of
// a round in ascending order of ids; ok false leaves the query's plan as it is.
type QueryScheduler interface {
	Plan(v *View, q *QueryView) (p Plan, ok bool)
}

// PerQuery makes a Scheduler of a QueryScheduler.
func PerQuery(s QueryScheduler) Scheduler { return perQuery{s} }

type perQuery struct{ QueryScheduler }

func (s perQuery) Schedule(v *View, d *Decision) {
	for i := range v.Queries {
		q := &v.Queries[i]
		if p, ok := s.Plan(v, q); ok {
			d.Set(q.Query.ID, p)
		}
	}
}
