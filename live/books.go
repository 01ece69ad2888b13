package live

import (
	"sync"

	"vidq/core"
	"vidq/core/result"
	"vidq/scenarios/testbed"
)

// books are the accounts of what happens in this process. Whoever keeps them may be any
// goroutine.
type books struct {
	mu    sync.Mutex
	col   *result.Collector
	known map[core.QueryID]bool
	chain map[string]*core.Chain              // of each machine
	sink  func(machine string, r core.Record) // nil = nobody wants the records
}

func newBooks(m result.Meta, sink func(string, core.Record)) *books {
	return &books{col: result.NewCollector(m), known: map[core.QueryID]bool{}, chain: map[string]*core.Chain{}, sink: sink}
}

// note takes a record, as its machine made it, into the machine's chain.
func (b *books) note(machine string, r core.Record) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.chain[machine]
	if c == nil {
		c = new(core.Chain)
		b.chain[machine] = c
	}
	c.Add(r)
	if b.sink != nil {
		b.sink(machine, r)
	}
}

// trace is the hash of what every machine recorded; machines are all that there are.
func (b *books) trace(machines ...string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	sums := map[string]string{}
	for _, m := range machines {
		c := b.chain[m]
		if c == nil {
			c = new(core.Chain)
		}
		sums[m] = c.Sum()
	}
	return core.TraceHash(sums)
}

// add takes a record in.
func (b *books) add(r core.Record) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if q, ok := queryOf(r); ok && !b.known[q] {
		return // of a query that another process hosts, or whose job has not come yet
	}
	b.col.Add(r)
}

// queryOf returns which query a record is about, if it is about one.
func queryOf(r core.Record) (core.QueryID, bool) {
	switch r := r.(type) {
	case *core.FrameRecord:
		return r.Query, true
	case *core.StageRecord:
		return r.Ref.Query, true
	case *core.PlanRecord:
		return r.Query, true
	}
	return 0, false
}

// query opens the account of a query.
func (b *books) query(q core.QueryID, info result.QueryInfo) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.known[q] = true
	b.col.Query(q, info)
}

// read notes how far a file camera has been read for a query.
func (b *books) read(q core.QueryID, at core.Time, to int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.col.Captured(q, at, to)
}

// missed counts frames that nobody could take.
func (b *books) missed(q core.QueryID, m testbed.Missed) {
	if m.To <= m.From {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.col.Missed(q, m.Reason, m.From, m.To, m.FPS)
}

// ended notes that a query has ended.
func (b *books) ended(q core.QueryID, at core.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.known[q] {
		b.col.Ended(q, at)
	}
}

// inFlight notes a frame that is not finished at the end.
func (b *books) inFlight(q core.QueryID, captured core.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.col.InFlight(q, captured)
}

// switchCost adds seconds that were spent on loading models.
func (b *books) switchCost(seconds float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.col.SwitchCost(0, seconds)
}
