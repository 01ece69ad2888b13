package core

import "cmp"

// This file is the anti-entropy: what a node has is compared with what it should
// have, and the message that mends the difference is sent. A mending message is
// sent at once, again with exponential back-off until the node says that it has
// arrived, and again by every heartbeat that still differs.

// guard is for how long after a message a heartbeat that differs says nothing:
// it may have left before the message arrived.
func (m *QueryManager) guard() Time { return min(m.set.ResendAfter, m.set.Heartbeat) / 2 }

// late reports whether a message sent at an instant (-1 = never) should have
// arrived by now.
func (m *QueryManager) late(now, sent Time) bool { return sent < 0 || now-sent >= m.guard() }

// backoff returns how long to wait for an answer to the next attempt: doubled up
// to 16 times, and up to a quarter more, so that nodes do not stay in step.
func (m *QueryManager) backoff(tries int) Time {
	d := m.set.ResendAfter << min(tries, 4)
	return d + Time(m.jitter.Int64N(int64(d)/4+1))
}

// mend sends what q's node lacks of q, if it lacks anything.
func (m *QueryManager) mend(now Time, q *managedQuery, fx *Effects) {
	n := q.node
	q.resendAt = Never
	if !n.joined || !n.up {
		return // its next Join or heartbeat tells what is missing
	}
	var msg Message
	switch {
	case q.state.Ended() && q.gone:
		return
	case q.state.Ended():
		msg = &StopJob{Incarnation: n.incarnation, Query: q.q.ID}
	case !q.has:
		msg = &SubmitJob{Incarnation: n.incarnation, Query: q.q, From: q.next, Plan: q.plan}
	case q.applied < q.plan.Revision:
		msg = &UpdatePlan{Incarnation: n.incarnation, Query: q.q.ID, Plan: q.plan}
	default:
		q.tries = 0
		return
	}
	m.send(n.id, PartJobs, msg, fx)
	q.sentAt = now
	q.resendAt = now.Add(m.backoff(q.tries))
	q.tries++
	m.wake(q.resendAt, fx)
}

// status takes in what a node says of one job, in answer to a message or as a row
// of a heartbeat.
func (m *QueryManager) status(now Time, n *managedNode, s *JobStatus, fx *Effects) {
	q := m.queryOf[s.Query]
	if q == nil || !q.accepted || q.node != n {
		if !s.Gone {
			m.send(n.id, PartJobs, &StopJob{Incarnation: n.incarnation, Query: s.Query}, fx)
		}
		return
	}
	q.row = m.rows
	switch {
	case s.Gone:
		q.has, q.applied = false, 0
		if q.state.Ended() {
			m.forget(q)
			return
		}
	case q.state.Ended():
		if q.gone {
			q.gone, q.tries = false, 0
			n.queries = insertQuery(n.queries, q)
		}
	default:
		q.has = true
		q.applied = max(q.applied, s.Revision)
		q.next = max(q.next, s.Next)
		m.overtaken(q, s.Revision, fx)
		if s.State == StateDone || s.State == StateFailed {
			m.end(q, s.State, fx)
		} else if s.State < StateDone {
			q.state = s.State
		}
	}
	if q.settled() || m.late(now, q.sentAt) {
		m.mend(now, q, fx)
	}
}

// settled reports whether the node has what it should have of q.
func (q *managedQuery) settled() bool {
	if q.state.Ended() {
		return q.gone
	}
	return q.has && q.applied >= q.plan.Revision
}

// overtaken gives a query's newest plan a revision beyond one that the node runs
// and this manager never gave: it was restored from a store that had forgotten.
func (m *QueryManager) overtaken(q *managedQuery, revision uint64, fx *Effects) {
	if revision <= q.rev {
		return
	}
	q.rev = revision
	if q.newest.Revision == 0 {
		return
	}
	q.rev++
	q.newest.Revision = q.rev
	m.save(saving{kind: savePlans, plans: []savedPlan{{q, q.newest}}}, []Change{q.change(q.state)}, fx)
}

// missing mends the jobs of n that its heartbeat, whose rows have just been
// taken in, did not list.
func (m *QueryManager) missing(now Time, n *managedNode, fx *Effects) {
	for i := 0; i < len(n.queries); i++ {
		q := n.queries[i]
		if q.row == m.rows {
			continue
		}
		if q.state.Ended() {
			m.forget(q) // which takes it off the list
			i--
		} else if m.late(now, q.sentAt) {
			q.has, q.applied = false, 0
			m.mend(now, q, fx)
		}
	}
}

// mendSettings compares the revisions of the services' settings that a node runs
// with the wanted one.
func (m *QueryManager) mendSettings(now Time, n *managedNode, h *Heartbeat, fx *Effects) {
	highest, running := uint64(0), 0 // services that run their wanted setting
	for i := range h.Services {
		s := &h.Services[i]
		highest = max(highest, s.Revision)
		if s.Revision >= n.revision && settingOf(n.settings, s.Name) >= 0 {
			running++
		}
	}
	switch {
	case highest > n.revision, highest == n.revision && highest > 0 && n.settingsAt < 0:
		n.revision = highest // an earlier life of the manager gave it
		if len(n.settings) > 0 {
			n.revision++
			m.configure(now, n, fx)
		}
	case running < len(n.settings) && m.late(now, n.settingsAt):
		m.configure(now, n, fx)
	}
}

// configure sends a node the wanted settings of its services.
func (m *QueryManager) configure(now Time, n *managedNode, fx *Effects) {
	n.settingsAt = now
	settings := append([]ServiceSetting(nil), n.settings...)
	m.send(n.id, PartServices, &ConfigureServices{Incarnation: n.incarnation, Revision: n.revision, Settings: settings}, fx)
}

// settingOf returns the index of a service's setting, or -1.
func settingOf(settings []ServiceSetting, service string) int {
	for i := range settings {
		if settings[i].Service == service {
			return i
		}
	}
	return -1
}

func compareSettings(a, b ServiceSetting) int { return cmp.Compare(a.Service, b.Service) }

// mendCharges strikes out the charged work that a node has taken, and sends the
// rest again.
func (m *QueryManager) mendCharges(now Time, n *managedNode, h *Heartbeat, fx *Effects) {
	if !n.told {
		n.charged = h.Charges // numbers go on from what an earlier life of the manager gave
		n.chargesAt = -1
	}
	if h.Charges > n.charged {
		taken := min(h.Charges-n.charged, uint64(len(n.charges)))
		n.charges = append(n.charges[:0], n.charges[taken:]...)
		n.charged = h.Charges
	}
	if len(n.charges) > 0 && m.late(now, n.chargesAt) {
		m.charge(now, n, 0, fx)
	}
}

// charge sends a node its charged work from index i on.
func (m *QueryManager) charge(now Time, n *managedNode, i int, fx *Effects) {
	n.chargesAt = now
	for ; i < len(n.charges); i++ {
		number := n.charged + uint64(i) + 1
		m.send(n.id, PartJobs, &ChargeWork{Incarnation: n.incarnation, Number: number, Charge: n.charges[i]}, fx)
	}
}
