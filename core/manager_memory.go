package core

// This file keeps placements within the nodes' memory: the sum over a node's
// services of workers times what one worker needs, which is that of the largest
// model with which a plan in force calls it, or of the model that is loaded if no
// plan does. A node whose memory is not known has enough.

// workerMemory is what one worker of a service occupies, bytes; 0 for a service
// with no model.
func (m *QueryManager) workerMemory(n *managedNode, service string, model int) float64 {
	if model < 0 {
		return 0
	}
	return m.c.Predictor.Needs(service, model, n.target(nil)).Memory
}

// serviceRuns returns how the node's i-th service is to run: as it was last set,
// else as the node told.
func (n *managedNode) serviceRuns(i int) (workers, model int) {
	s := &n.services[i]
	if at := settingOf(n.settings, s.Name); at >= 0 {
		return n.settings[at].Replicas, n.settings[at].Model
	}
	return s.Workers, s.Model
}

// reserveMemory reckons what the plans in force need that the decision leaves
// as they are.
func (m *QueryManager) reserveMemory() {
	if m.c.Predictor == nil || len(m.touched) == 0 {
		return
	}
	bounded := false
	for _, n := range m.nodes {
		n.need = n.need[:0]
		for i := range n.services {
			model := -1
			if at := settingOf(n.settings, n.services[i].Name); at >= 0 {
				model = n.settings[at].Model
			}
			n.need = append(n.need, m.workerMemory(n, n.services[i].Name, model))
		}
		bounded = bounded || n.capacity.Memory > 0
	}
	if !bounded {
		return
	}
	for _, q := range m.queries {
		if !q.named || !q.given {
			m.hold(q, &q.newest)
		}
	}
}

// hold counts what a plan needs.
func (m *QueryManager) hold(q *managedQuery, p *Plan) {
	if p.Refused {
		return
	}
	for i, a := range p.Stages {
		n := m.nodeOf[a.Node]
		if n == nil || n.capacity.Memory <= 0 {
			continue
		}
		if at := n.service(q.q.Pipeline[i].Service); at >= 0 {
			n.need[at] = max(n.need[at], m.workerMemory(n, n.services[at].Name, a.Model))
		}
	}
}

// reserve counts what a new plan needs, unless it exceeds a node's memory. Then
// the query's present plan is counted, which stays.
func (m *QueryManager) reserve(p *Plan, q *managedQuery) bool {
	if m.c.Predictor == nil {
		return true
	}
	for _, a := range p.Stages {
		n := m.nodeOf[a.Node]
		if n.capacity.Memory > 0 && m.memoryWith(n, p, q) > n.capacity.Memory {
			m.hold(q, &q.newest)
			return false
		}
	}
	m.hold(q, p)
	return true
}

// memoryWith is what node n's services need with plan p added, bytes.
func (m *QueryManager) memoryWith(n *managedNode, p *Plan, q *managedQuery) float64 {
	sum := 0.0
	for i := range n.services {
		need := n.need[i]
		for j, a := range p.Stages {
			if a.Node == n.id && q.q.Pipeline[j].Service == n.services[i].Name {
				need = max(need, m.workerMemory(n, n.services[i].Name, a.Model))
			}
		}
		workers, model := n.serviceRuns(i)
		if need == 0 {
			need = m.workerMemory(n, n.services[i].Name, model)
		}
		sum += float64(float64(workers) * need)
	}
	return sum
}
