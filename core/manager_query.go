package core

import (
	"cmp"
	"slices"
	"strconv"
)

// submit takes a query in: it is refused at once, answered at once if it is known,
// and else answered when it is durable.
func (m *QueryManager) submit(now Time, from Address, s *SubmitQuery, fx *Effects) {
	asked := requester{from, s.Request}
	q := m.askedBy[asked]
	if s.Query.Key != "" {
		q = m.keyOf[s.Query.Key]
	}
	switch {
	case q != nil && sameQuery(&q.q, &s.Query):
		if q.accepted {
			m.answer(asked, q.q.ID, "", fx)
		} else if !slices.Contains(q.waiting, asked) {
			q.waiting = append(q.waiting, asked)
		}
		return
	case q != nil && s.Query.Key != "":
		m.answer(asked, 0, "the key "+strconv.Quote(s.Query.Key)+" belongs to another query", fx)
		return
	}
	if text := m.refusal(&s.Query); text != "" {
		m.answer(asked, 0, text, fx)
		return
	}
	m.lastID++ // at once: the id of a failed save is not used again
	q = &managedQuery{q: s.Query, since: now, savedAt: now, resendAt: Never, sentAt: -1, waiting: []requester{asked}}
	q.q.ID = m.lastID
	m.attach(q)
	m.queryOf[q.q.ID] = q
	if q.q.Key != "" {
		m.keyOf[q.q.Key] = q
	} else {
		m.askedBy[asked] = q
	}
	m.save(saving{kind: saveAccept, query: q}, []Change{q.change(StateUnscheduled)}, fx)
}

// answer answers a SubmitQuery.
func (m *QueryManager) answer(to requester, id QueryID, err string, fx *Effects) {
	fx.Sends = append(fx.Sends, Send{To: to.from, Msg: &SubmitAnswer{Request: to.request, Query: id, Err: err}})
}

// answerStop answers a StopQuery.
func (m *QueryManager) answerStop(to requester, id QueryID, err string, fx *Effects) {
	fx.Sends = append(fx.Sends, Send{To: to.from, Msg: &StopAnswer{Request: to.request, Query: id, Err: err}})
}

// refusal says why a query cannot be accepted; "" = it can.
func (m *QueryManager) refusal(q *Query) string {
	if err := q.Pipeline.Validate(); err != nil {
		return err.Error()
	}
	n := m.nodeOf[q.Node]
	if n == nil {
		return "unknown node " + strconv.Quote(string(q.Node))
	}
	if n.camera(q.Camera) == nil {
		return "node " + strconv.Quote(string(q.Node)) + " has no camera " + strconv.Quote(string(q.Camera))
	}
	c := &q.Constraint
	switch {
	case c.Delay < 0:
		return "the delay bound is negative"
	case c.Latency < 0:
		return "the latency bound is negative"
	case !(c.Accuracy >= 0 && c.Accuracy <= 1): // a NaN too
		return "the accuracy bound is not between 0 and 1"
	}
	return ""
}

// sameQuery reports whether a and b ask for the same.
func sameQuery(a, b *Query) bool {
	return a.Node == b.Node && a.Camera == b.Camera && a.Constraint == b.Constraint &&
		slices.EqualFunc(a.Pipeline, b.Pipeline, func(s, t Stage) bool {
			return s.Name == t.Name && s.Service == t.Service && slices.Equal(s.Parents, t.Parents)
		})
}

// attach ties a query to its host and camera, as far as they are known.
func (m *QueryManager) attach(q *managedQuery) {
	q.node = m.nodeOf[q.q.Node]
	q.camera = nil
	if q.node != nil {
		q.camera = q.node.camera(q.q.Camera)
	}
}

// restore takes a saved query in; the lists are sorted afterwards.
func (m *QueryManager) restore(s *SavedQuery) {
	q := &managedQuery{
		q: s.Query, state: s.State, since: s.Since, next: s.Next, savedAt: s.Since, resendAt: Never, sentAt: -1,
		accepted: true, plan: s.Plan, newest: s.Plan, rev: s.Plan.Revision, pace: s.Plan.Pace, pad: s.Plan.Pad,
	}
	m.node(q.q.Node) // its host may not have been told of yet
	m.attach(q)
	m.lastID = max(m.lastID, q.q.ID)
	m.queryOf[q.q.ID] = q
	if q.q.Key != "" {
		m.keyOf[q.q.Key] = q
	}
	if q.state.Ended() {
		q.gone = true // if its node thinks otherwise, a heartbeat tells
		return
	}
	m.queries = append(m.queries, q)
	q.node.queries = append(q.node.queries, q)
}

// change is the change that saves q as it is, in a state.
func (q *managedQuery) change(state State) Change {
	s := q.saved(state)
	return Change{Kind: ChangeQuery, Query: &s}
}

// saved is q as it is saved, in a state. It holds the newest decided plan, not the
// newest durable one, because saves are made durable in order: an older plan here
// would undo a save that is under way.
func (q *managedQuery) saved(state State) SavedQuery {
	return SavedQuery{Query: q.q, State: state, Since: q.since, Plan: q.newest, Next: q.next}
}

// acceptDone is told whether a query became durable.
func (m *QueryManager) acceptDone(now Time, q *managedQuery, err string, fx *Effects) {
	waiting := q.waiting
	q.waiting = nil
	if err != "" {
		delete(m.queryOf, q.q.ID)
		delete(m.keyOf, q.q.Key)
		for _, w := range waiting {
			delete(m.askedBy, w)
			m.answer(w, 0, "the query could not be stored: "+err, fx)
		}
		return
	}
	q.accepted = true
	m.queries = insertQuery(m.queries, q)
	q.node.queries = insertQuery(q.node.queries, q)
	fx.Records = append(fx.Records, &QueryRecord{At: now, Query: q.q.ID, Key: q.q.Key, Node: q.q.Node, State: StateUnscheduled})
	for _, w := range waiting {
		m.answer(w, q.q.ID, "", fx)
	}
	m.mend(now, q, fx)
}

// stop takes the wish to end a query.
func (m *QueryManager) stop(from Address, s *StopQuery, fx *Effects) {
	asked := requester{from, s.Request}
	q := m.queryOf[s.Query]
	switch {
	case q == nil || !q.accepted:
		m.answerStop(asked, s.Query, "unknown query "+strconv.FormatUint(uint64(s.Query), 10), fx)
	case q.state.Ended():
		m.answerStop(asked, s.Query, "", fx)
	default:
		if !slices.Contains(q.stopping, asked) {
			q.stopping = append(q.stopping, asked)
		}
		m.end(q, StateStopped, fx)
	}
}

// end makes a query's end durable, unless that is under way.
func (m *QueryManager) end(q *managedQuery, state State, fx *Effects) {
	if q.ending || q.state.Ended() {
		return
	}
	q.ending = true
	m.save(saving{kind: saveEnd, query: q, state: state}, []Change{q.change(state)}, fx)
}

// endDone is told whether a query's end became durable. If it did not, whoever
// asked is refused; an end that the node told is told again by its heartbeats.
func (m *QueryManager) endDone(now Time, q *managedQuery, state State, err string, fx *Effects) {
	waiting := q.stopping
	q.stopping, q.ending = nil, false
	if err != "" {
		err = "the end of the query could not be stored: " + err
	} else {
		q.state, q.tries = state, 0
		q.gone = !q.has && q.sentAt < 0 // the node never heard of it
		q.seen, q.used = nil, 0
		m.queries = removeQuery(m.queries, q)
		fx.Records = append(fx.Records, &QueryRecord{At: now, Query: q.q.ID, Key: q.q.Key, Node: q.q.Node, State: state})
		m.mend(now, q, fx)
		if q.gone {
			m.forget(q)
		}
	}
	for _, w := range waiting {
		m.answerStop(w, q.q.ID, err, fx)
	}
}

// forget takes an ended query off its node's list: the node has no such job.
func (m *QueryManager) forget(q *managedQuery) {
	q.gone, q.resendAt = true, Never
	q.node.queries = removeQuery(q.node.queries, q)
}

func findQuery(list []*managedQuery, id QueryID) (int, bool) {
	return slices.BinarySearchFunc(list, id, func(q *managedQuery, id QueryID) int { return cmp.Compare(q.q.ID, id) })
}

func insertQuery(list []*managedQuery, q *managedQuery) []*managedQuery {
	i, found := findQuery(list, q.q.ID)
	if found {
		return list
	}
	return slices.Insert(list, i, q)
}

func removeQuery(list []*managedQuery, q *managedQuery) []*managedQuery {
	if i, found := findQuery(list, q.q.ID); found {
		return slices.Delete(list, i, i+1)
	}
	return list
}
