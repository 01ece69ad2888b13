package core

// saveKind says what a save under way was for.
type saveKind uint8

const (
	saveAccept   saveKind = iota // a query is accepted
	saveEnd                      // a query has ended
	savePlans                    // plans were decided
	saveResults                  // results of a node, and how far its queries are
	saveProgress                 // nothing depends on it
)

// saving is a save under way: what is to be done once it is durable, or undone.
type saving struct {
	id          uint64
	kind        saveKind
	query       *managedQuery // saveAccept, saveEnd
	state       State         // saveEnd
	plans       []savedPlan   // savePlans
	node        *managedNode  // saveResults
	incarnation Incarnation
	seq         uint64
}

// savedPlan is a plan whose save is under way.
type savedPlan struct {
	query *managedQuery
	plan  Plan
}

// save asks for changes to be durable.
func (m *QueryManager) save(s saving, changes []Change, fx *Effects) {
	m.saveID++
	s.id = m.saveID
	*m.saves.push() = s
	fx.Saves = append(fx.Saves, Save{ID: s.id, Changes: changes})
}

// saved is told how a save went. An id of an earlier life is ignored.
func (m *QueryManager) saved(now Time, ev *Saved, fx *Effects) {
	for i := range m.saves.len() {
		if m.saves.at(i).id != ev.ID {
			continue
		}
		s := *m.saves.at(i)
		if i == 0 { // a store answers in order
			*m.saves.pop() = saving{}
		} else {
			m.saves.remove(i)
		}
		switch s.kind {
		case saveAccept:
			m.acceptDone(now, s.query, ev.Err, fx)
		case saveEnd:
			m.endDone(now, s.query, s.state, ev.Err, fx)
		case savePlans:
			m.plansDone(now, s.plans, ev.Err, fx)
		case saveResults:
			m.resultsDone(&s, ev.Err, fx)
		case saveProgress: // nobody waits for it
		}
		return
	}
}

// plansDone is told whether plans became durable: they are sent, or undone, in
// which case the next round sees the plans before and may decide again. Their
// revisions are not used a second time.
func (m *QueryManager) plansDone(now Time, plans []savedPlan, err string, fx *Effects) {
	for i := range plans {
		q, p := plans[i].query, &plans[i].plan
		switch {
		case err == "" && p.Revision > q.plan.Revision:
			q.plan, q.tries = *p, 0
			if q.newest.Revision < p.Revision {
				q.newest = *p
			}
			m.mend(now, q, fx)
		case err != "" && q.newest.Revision == p.Revision:
			q.newest = q.plan
		}
	}
}
