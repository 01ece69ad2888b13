package core

import "slices"

// progressEvery is how often a query's progress is saved along with results. A
// crash of both the manager and the query's node repeats at most that much of a
// file's frames.
const progressEvery = 10 * Second

// syncResults takes results in: they are saved, and acknowledged when they are
// durable. A node has one save under way; what comes meanwhile comes again.
func (m *QueryManager) syncResults(now Time, msg *SyncResults, fx *Effects) {
	n := m.nodeOf[msg.Node]
	if n == nil || !n.joined || n.incarnation != msg.Incarnation || len(msg.Results) == 0 || msg.First == 0 {
		return
	}
	last := msg.First + uint64(len(msg.Results)) - 1
	m.learn(now, n, msg)
	switch {
	case n.storing:
	case last <= n.acked:
		m.ackResults(n, fx)
	default:
		rest := msg.Results
		if msg.First <= n.acked {
			rest = rest[n.acked+1-msg.First:]
		}
		n.storing = true
		m.save(saving{kind: saveResults, node: n, incarnation: n.incarnation, seq: last},
			m.resultChanges(now, n, rest, last, fx), fx)
	}
}

// resultChanges makes the changes that save results of n up to last, and how far
// its queries are.
func (m *QueryManager) resultChanges(now Time, n *managedNode, results []Result, last uint64, fx *Effects) []Change {
	progressed := func(q *managedQuery) bool {
		return now-q.savedAt >= progressEvery && q.next > q.savedNext && !q.ending && !q.state.Ended()
	}
	count := 2
	for _, q := range n.queries {
		if progressed(q) {
			count++
		}
	}
	changes := fx.made.changes.take(count)[:0]
	saved := fx.made.savedResults.next()
	*saved = SavedResult{Node: n.id, Incarnation: n.incarnation, Results: results}
	changes = append(changes,
		Change{Kind: ChangeResult, Result: saved},
		Change{Kind: ChangeNode, Node: SavedNode{Node: n.id, Incarnation: n.incarnation, Seq: last}})
	for _, q := range n.queries {
		if progressed(q) {
			q.savedAt, q.savedNext = now, q.next
			s := fx.made.savedQueries.next()
			*s = q.saved(q.state)
			changes = append(changes, Change{Kind: ChangeQuery, Query: s})
		}
	}
	return changes
}

// ackResults tells a node up to where its results are durable.
func (m *QueryManager) ackResults(n *managedNode, fx *Effects) {
	a := fx.made.syncAcks.next()
	a.Incarnation, a.Seq = n.incarnation, n.acked
	m.send(n.id, PartJobs, a, fx)
}

// learn takes what is new in a batch into the queries' runtime windows. It does
// not wait for the save: a round in between is to know.
func (m *QueryManager) learn(now Time, n *managedNode, msg *SyncResults) {
	for i := range msg.Results {
		seq := msg.First + uint64(i)
		if seq <= n.learned {
			continue
		}
		n.learned = seq
		r := &msg.Results[i]
		q := m.queryOf[r.Obs.Query]
		if q == nil || !q.accepted || q.node != n || q.state.Ended() {
			continue
		}
		q.next = max(q.next, r.CameraFrame+1)
		if r.Outcome == OutcomeDone {
			m.observed(now, q, &r.Obs)
		}
	}
}

// resultsDone is told whether a node's results became durable.
func (m *QueryManager) resultsDone(s *saving, err string, fx *Effects) {
	n := s.node
	if n.incarnation != s.incarnation {
		return // the node has restarted, and counts anew
	}
	n.storing = false
	if err == "" {
		n.acked = max(n.acked, s.seq)
		m.ackResults(n, fx)
	}
}

// observe keeps o until the next round. The slots hold twice what is shown, so
// that the newest ObservationsKept always lie side by side.
func (q *managedQuery) observe(o *Observation, memory *chunks[Call]) {
	if q.used == 2*ObservationsKept {
		for i := range ObservationsKept { // swapped, so that no slot loses its Calls memory
			q.seen[i], q.seen[i+ObservationsKept] = q.seen[i+ObservationsKept], q.seen[i]
		}
		q.used = ObservationsKept
	}
	if q.used == len(q.seen) {
		q.seen = append(q.seen, Observation{})
	}
	q.seen[q.used].copy(o, memory)
	q.used++
}

// observations returns what a round is shown, oldest first.
func (q *managedQuery) observations() []Observation {
	return slices.Clip(q.seen[max(0, q.used-ObservationsKept):q.used])
}
