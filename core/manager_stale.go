package core

// report is something that was measured, on its way to the scheduler: an observation
// of query, or how node and its links were.
type report struct {
	at          Time // when it came
	query       *managedQuery
	observation Observation
	node        *managedNode
	incarnation Incarnation
	load        NodeLoad
	services    []ServiceView
	links       []LinkView
}

// observed passes an observation on to the scheduler, Staleness later.
func (m *QueryManager) observed(now Time, q *managedQuery, o *Observation) {
	if m.c.Staleness <= 0 {
		q.window.Add(o)
		q.observe(o, &m.seenCalls)
		return
	}
	r := m.reports.push()
	r.at, r.query, r.node = now, q, nil
	r.observation.copy(o, &m.seenCalls)
}

// measured passes on how a node and its links are.
func (m *QueryManager) measured(now Time, n *managedNode, h *Heartbeat) {
	if m.c.Staleness <= 0 {
		n.show(now, h.Load, n.services)
		m.takeEstimates(now, h.Links)
		return
	}
	r := m.reports.push()
	r.at, r.query, r.node, r.incarnation, r.load = now, nil, n, n.incarnation, h.Load
	r.services = append(r.services[:0], n.services...)
	r.links = append(r.links[:0], h.Links...)
}

// mature hands over what is as old as it has to be. What an ended query or a former life of a
// node had told is of no interest.
func (m *QueryManager) mature(now Time) {
	for m.reports.len() > 0 && m.reports.at(0).at.Add(m.c.Staleness) <= now {
		r := m.reports.pop()
		switch {
		case r.query != nil:
			if !r.query.state.Ended() {
				r.query.window.Add(&r.observation)
				r.query.observe(&r.observation, &m.seenCalls)
			}
		default:
			if r.node.incarnation == r.incarnation {
				r.node.show(r.at, r.load, r.services)
			}
			m.takeEstimates(r.at, r.links)
		}
	}
}

// show takes in what the scheduler is to see of the node.
func (n *managedNode) show(at Time, l NodeLoad, s []ServiceView) {
	n.seen, n.load = at, l
	n.shown = append(n.shown[:0], s...)
}

// copy makes o what from is, in o's own memory, of which it takes more as it needs it.
func (o *Observation) copy(from *Observation, memory *chunks[Call]) {
	calls := o.Calls[:0]
	if cap(calls) < len(from.Calls) {
		calls = memory.take(len(from.Calls))[:0]
	}
	calls = append(calls, from.Calls...)
	*o = *from
	o.Calls = calls
}
