package core

import (
	"cmp"
	"slices"
)

// newView makes the parts of the view that stay.
func (m *QueryManager) newView() {
	v := &m.view
	v.Period, v.Knobs, v.Predictor, v.Truth = m.c.Period, m.c.Knobs, m.c.Predictor, m.c.Truth
	v.Services = slices.Clone(m.c.Services)
	slices.SortFunc(v.Services, func(a, b ServiceInfo) int { return cmp.Compare(a.Name, b.Name) })
	v.Links = slices.Clone(m.c.Links)
	slices.SortFunc(v.Links, func(a, b LinkView) int { return compareLinks(a, &b) })
	m.links = make([]managedLink, len(v.Links))
	for i := range v.Links {
		l := &v.Links[i]
		l.Age, l.Samples = 0, 0
		m.links[i].nominal = l.LinkEstimate
	}
}

// schedule is a round: the scheduler is asked now, and what it decides comes into
// force after the decision time.
func (m *QueryManager) schedule(now Time, fx *Effects) {
	m.round++
	m.mature(now)
	m.fillView(now)
	m.decision.Reset()
	m.c.Scheduler.Schedule(&m.view, &m.decision)
	for i := range m.view.Queries {
		m.queryOf[m.view.Queries[i].Query.ID].used = 0
	}
	m.seenBy = len(m.view.Queries)

	next := m.roundAt.Add(((now-m.roundAt)/m.c.Period + 1) * m.c.Period)
	if m.decision.Next > 0 {
		next = m.decision.Next
	}
	m.roundAt = max(next, now.Add(Millisecond))
	cost := m.c.DecisionTime.Constant.Add(m.c.DecisionTime.PerQuery * Time(m.seenBy))
	if cost <= 0 {
		m.apply(now, fx)
		return
	}
	m.keepStages()
	m.deciding, m.applyAt = true, now.Add(cost)
	m.roundAt = max(m.roundAt, m.applyAt) // a scheduler decides one round at a time
}

// keepStages copies the decision's stages, whose memory is the scheduler's.
func (m *QueryManager) keepStages() {
	total := 0
	for i := range m.decision.Plans {
		total += len(m.decision.Plans[i].Plan.Stages)
	}
	m.stages = slices.Grow(m.stages[:0], total)
	for i := range m.decision.Plans {
		p := &m.decision.Plans[i].Plan
		from := len(m.stages)
		m.stages = append(m.stages, p.Stages...)
		p.Stages = m.stages[from:len(m.stages):len(m.stages)]
	}
}

// fillView shows the scheduler what is. Its memory is that of the last round.
func (m *QueryManager) fillView(now Time) {
	v := &m.view
	v.Now, v.Round = now, m.round
	v.Queries = v.Queries[:0]
	for _, q := range m.queries {
		if q.camera == nil {
			continue // restored, and its node has not told of its camera yet
		}
		v.Queries = append(v.Queries, QueryView{
			Query: &q.q, Camera: q.camera, State: q.state, Since: q.since, Plan: q.newest, Applied: q.applied,
			Runtime: q.window.Info(), Observations: q.observations(),
		})
	}
	v.Nodes = slices.Grow(v.Nodes[:0], len(m.nodes))[:len(m.nodes)]
	for i, n := range m.nodes {
		n.viewInto(&v.Nodes[i], now)
	}
	m.ageLinks(now)
}

// viewInto shows a node as of an instant.
func (n *managedNode) viewInto(v *NodeView, now Time) {
	*v = NodeView{
		ID: n.id, Role: n.join.Role, Class: n.join.Class, Up: n.up, Age: now - n.seen,
		Capacity: n.capacity, Load: n.load, Services: n.shown,
	}
}

// ageLinks brings the ages of the links' estimates up to now.
func (m *QueryManager) ageLinks(now Time) {
	for i := range m.links {
		if l, from := &m.view.Links[i], &m.links[i]; l.Samples > 0 {
			l.Age = from.age + now - from.at
		}
	}
}
