package sim

import "vidq/core"

// store is the query manager's durable store: saves become durable, in order, a
// fixed delay after they were asked for, each all at once or not at all. Of the
// results it keeps how far each node's are stored, which is all that a restart
// needs of them; they themselves are counted from records.
type store struct {
	delay   core.Time
	failing int // store faults in force
	queries map[core.QueryID]core.SavedQuery
	nodes   map[core.NodeID]core.SavedNode
	lastID  core.QueryID
	pending []core.Save // those from first on are under way, oldest first
	first   int
}

func newStore(delay core.Time) store {
	return store{delay: delay, queries: map[core.QueryID]core.SavedQuery{}, nodes: map[core.NodeID]core.SavedNode{}}
}

// apply makes changes durable.
func (st *store) apply(changes []core.Change) {
	for i := range changes {
		switch c := &changes[i]; c.Kind {
		case core.ChangeQuery:
			st.queries[c.Query.Query.ID] = *c.Query
			st.lastID = max(st.lastID, c.Query.Query.ID)
		case core.ChangeNode:
			st.nodes[c.Node.Node] = c.Node
		case core.ChangeResult:
		}
	}
}

// snapshot is what a restarted manager finds. Its order does not matter.
func (st *store) snapshot() core.Snapshot {
	s := core.Snapshot{LastID: st.lastID}
	for _, q := range st.queries {
		s.Queries = append(s.Queries, q)
	}
	for _, n := range st.nodes {
		s.Nodes = append(s.Nodes, n)
	}
	return s
}

// pop takes out the oldest save under way.
func (st *store) pop() core.Save {
	sv := st.pending[st.first]
	if st.first++; 2*st.first >= len(st.pending) { // moving them is cheap: at most one for each popped
		st.pending, st.first = st.pending[:copy(st.pending, st.pending[st.first:])], 0
	}
	return sv
}

// onSaved ends the oldest save under way. A crash that waits for a save happens
// now: what was saved is durable, and nobody was told.
func (s *Sim) onSaved() {
	st := &s.store
	sv := st.pop()
	s.ev.saved = core.Saved{ID: sv.ID}
	if st.failing > 0 {
		s.ev.saved.Err = "the store does not accept writes"
	} else {
		st.apply(sv.Changes)
		s.onDurable(sv.Changes)
		if s.watch != nil {
			seen := sv // the watch's own: sv shall not leave the stack
			s.watch.stored(s.k.Now(), &seen)
		}
	}
	if s.crashing() {
		return
	}
	s.manager.step(&s.ev.saved)
}
