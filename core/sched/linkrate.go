package sched

import (
	"cmp"
	"slices"

	"vidq/core"
)

// staleAfter is the window of core's estimate of a link's rate.
const staleAfter = 10 * core.Second

// linkRates appends the rates of the view's links, bytes per second, to dst: the
// measured ones, but where nothing was measured for longer than the window what the calls of
// the last round got, if that is more. Small transfers are no samples to core, so that a
// query that once retreated to small frames would else never learn that the link is back.
func linkRates(v *core.View, dst []float64) []float64 {
	stale := false
	for i := range v.Links {
		dst = append(dst, v.Links[i].Rate)
		stale = stale || v.Links[i].Samples > 0 && v.Links[i].Age > staleAfter
	}
	if !stale {
		return dst
	}
	for i := range v.Queries {
		q := &v.Queries[i]
		for k := range q.Query.Pipeline {
			if k >= len(q.Plan.Stages) || q.Plan.Stages[k].Node == q.Query.Node {
				continue
			}
			at := linkIndex(v, q.Query.Node, q.Plan.Stages[k].Node)
			if at < 0 || v.Links[at].Samples == 0 || v.Links[at].Age <= staleAfter {
				continue
			}
			if rate := passed(q, k, v.Links[at].RTT); rate > dst[at] {
				dst[at] = rate
			}
		}
	}
	return dst
}

// passed is the rate at which a stage's data passed in the last round, bytes per second; 0 = none did.
func passed(q *core.QueryView, stage int, rtt core.Time) float64 {
	bytes, seconds := 0.0, 0.0
	for i := range q.Observations {
		if o := &q.Observations[i]; o.Revision == q.Plan.Revision && stage < len(o.Calls) {
			bytes += o.Calls[stage].Bytes
			seconds += max(0, o.Calls[stage].Transfer-rtt).Seconds()
		}
	}
	if seconds <= 0 {
		return 0
	}
	return bytes / seconds
}

// nodeAt is the index of a node in the view, -1 = none.
func nodeAt(v *core.View, id core.NodeID) int {
	i, found := slices.BinarySearchFunc(v.Nodes, id, func(n core.NodeView, id core.NodeID) int { return cmp.Compare(n.ID, id) })
	if !found {
		return -1
	}
	return i
}

// linkIndex is the index of a link in the view, -1 = none.
func linkIndex(v *core.View, from, to core.NodeID) int {
	i, found := slices.BinarySearchFunc(v.Links, to, func(l core.LinkView, to core.NodeID) int {
		return cmp.Or(cmp.Compare(l.From, from), cmp.Compare(l.To, to))
	})
	if !found {
		return -1
	}
	return i
}
