package coretest

import (
	"cmp"
	"fmt"
	"slices"

	"vidq/core"
)

// Sent is called for each message that a machine sends, before it can be lost.
func (c *Checker) Sent(now core.Time, s *core.Send) {
	c.at(now)
	switch m := s.Msg.(type) {
	case *core.SubmitAnswer:
		if m.Err == "" {
			if _, durable := c.stored[m.Query]; !durable {
				c.fail("query %d was accepted but is not durable", m.Query)
			}
			c.told[m.Query] = max(c.told[m.Query], core.StateUnscheduled)
		}
	case *core.StopAnswer:
		if m.Err == "" {
			if !c.stored[m.Query].State.Ended() {
				c.fail("query %d was stopped but that is not durable", m.Query)
			}
			c.told[m.Query] = core.StateStopped
		}
	case *core.SubmitJob:
		c.plan(m.Query.ID, &m.Plan)
		c.sentPlan(m.Query.ID, &m.Plan)
	case *core.UpdatePlan:
		c.plan(m.Query, &m.Plan)
		c.sentPlan(m.Query, &m.Plan)
	case *core.SyncResults:
		c.life(m.Node, m.Incarnation).sent.add(m.First, m.First+uint64(len(m.Results)))
	case *core.SyncAck:
		c.acked(c.life(s.To.Node, m.Incarnation), s.To.Node, m)
	}
}

// sentPlan holds that a plan is durable when it is sent, or its revision could be
// given to another one after a crash.
func (c *Checker) sentPlan(q core.QueryID, p *core.Plan) {
	if p.Revision > c.stored[q].Plan.Revision {
		c.fail("r%d of query %d was sent before it was durable", p.Revision, q)
	}
}

func (c *Checker) acked(w *resultWatch, node core.NodeID, m *core.SyncAck) {
	if m.Seq > w.durable {
		c.fail("results of %s/%d up to %d were acknowledged, but only %d are durable", node, m.Incarnation, m.Seq, w.durable)
	}
	if seq, missing := w.sent.missing(&w.stored, m.Seq); missing {
		c.fail("result %d of %s/%d was acknowledged but never stored", seq, node, m.Incarnation)
	}
	w.acked = max(w.acked, m.Seq)
}

func (c *Checker) life(node core.NodeID, inc core.Incarnation) *resultWatch {
	k := lifeKey{node, inc}
	w := c.results[k]
	if w == nil {
		w = &resultWatch{}
		c.results[k] = w
	}
	return w
}

// Stored is called when a Save has become durable, before Saved is told.
func (c *Checker) Stored(now core.Time, s *core.Save) {
	c.at(now)
	for i := range s.Changes {
		switch ch := &s.Changes[i]; ch.Kind {
		case core.ChangeQuery:
			c.stored[ch.Query.Query.ID] = *ch.Query
		case core.ChangeNode:
			w := c.life(ch.Node.Node, ch.Node.Incarnation)
			w.durable = max(w.durable, ch.Node.Seq)
		case core.ChangeResult:
			w := c.life(ch.Result.Node, ch.Result.Incarnation)
			for j := range ch.Result.Results {
				seq := ch.Result.Results[j].Seq
				w.stored.add(seq, seq+1)
			}
		}
	}
}

// Restored is called when a query manager is built from a snapshot: what was
// acknowledged must be in it.
func (c *Checker) Restored(now core.Time, s *core.Snapshot) {
	c.at(now)
	queries := map[core.QueryID]*core.SavedQuery{}
	for i := range s.Queries {
		queries[s.Queries[i].Query.ID] = &s.Queries[i]
	}
	for _, id := range sortedKeys(c.told) {
		q := queries[id]
		switch {
		case q == nil:
			c.fail("query %d was accepted, and is gone after a restore", id)
		case c.told[id].Ended() && !q.State.Ended():
			c.fail("query %d was stopped, and runs again after a restore", id)
		}
		if id > s.LastID {
			c.fail("query %d was accepted, and its id may be used again after a restore", id)
		}
	}
	nodes := map[core.NodeID]core.SavedNode{}
	for _, n := range s.Nodes {
		nodes[n.Node] = n
	}
	for k, w := range c.results { // each fails for itself
		n := nodes[k.node]
		if w.acked > 0 && (n.Incarnation < k.incarnation || n.Incarnation == k.incarnation && n.Seq < w.acked) {
			c.fail("results of %s/%d up to %d were acknowledged, and are not known after a restore", k.node, k.incarnation, w.acked)
		}
	}
}

// Converged holds that every node that runs has the jobs that the manager wants,
// with its newest plans, and no others. A driver calls it when nothing has been
// disturbed for two heartbeats (and a round trip), and no save is under way.
func (c *Checker) Converged(now core.Time, m *core.QueryManager, jobs map[core.NodeID]*core.JobManager) {
	c.at(now)
	have := map[jobKey]core.JobStatus{}
	for _, node := range sortedKeys(jobs) {
		for _, s := range jobs[node].Jobs() {
			have[jobKey{node, s.Query}] = s
		}
	}
	for _, q := range m.Queries() {
		k := jobKey{q.Query.Node, q.Query.ID}
		if jobs[k.node] == nil {
			continue
		}
		s, there := have[k]
		delete(have, k)
		switch {
		case q.State.Ended() && there:
			c.fail("%s still has query %d, which has ended", k.node, k.query)
		case q.State.Ended():
		case !there:
			c.fail("%s does not have query %d", k.node, k.query)
		case s.Revision != q.Plan.Revision:
			c.fail("%s runs r%d of query %d, not r%d", k.node, s.Revision, k.query, q.Plan.Revision)
		}
	}
	extra := make([]string, 0, len(have))
	for k := range have {
		extra = append(extra, fmt.Sprintf("%s has query %d, of which the manager does not know", k.node, k.query))
	}
	slices.Sort(extra)
	for _, e := range extra {
		c.fail("%s", e)
	}
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// spans is a set of numbers as ascending half-open ranges that do not touch.
type spans []struct{ from, to uint64 }

func (s *spans) add(from, to uint64) {
	if n := len(*s); n > 0 && (*s)[n-1].to == from { // the common case
		(*s)[n-1].to = to
		return
	}
	i := 0
	for i < len(*s) && (*s)[i].to < from {
		i++
	}
	j := i
	for j < len(*s) && (*s)[j].from <= to {
		from, to = min(from, (*s)[j].from), max(to, (*s)[j].to)
		j++
	}
	*s = slices.Replace(*s, i, j, struct{ from, to uint64 }{from, to})
}

// missing returns the first number of s up to last that is not in t.
func (s spans) missing(t *spans, last uint64) (uint64, bool) {
	j := 0
	for _, r := range s {
		for at := r.from; at < r.to && at <= last; {
			for j < len(*t) && (*t)[j].to <= at {
				j++
			}
			if j == len(*t) || (*t)[j].from > at {
				return at, true
			}
			at = (*t)[j].to
		}
	}
	return 0, false
}
